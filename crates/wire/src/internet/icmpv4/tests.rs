use std::vec;
use std::vec::Vec;

use super::*;

fn emitted(message: &Icmpv4Message<'_>) -> Vec<u8> {
    let mut bytes = vec![0xaa; message.len()];
    message.emit(&mut bytes);
    bytes
}

#[test]
fn an_echo_request_is_laid_out_as_rfc_792_draws_it() {
    let message = Icmpv4Message::EchoRequest { identifier: 0x1234, sequence: 2, data: b"abc" };
    let bytes = emitted(&message);
    // 0x0800 + 0x1234 + 0x0002 + 0x6162 + 0x6300 = 0xde98, complemented 0x2167.
    assert_eq!(bytes, [8, 0, 0x21, 0x67, 0x12, 0x34, 0, 2, b'a', b'b', b'c']);
    assert_eq!(Icmpv4Message::parse(&bytes), Ok(message));
}

#[test]
fn every_changed_bit_fails_the_checksum() {
    let bytes = emitted(&Icmpv4Message::TimeExceeded { code: 0, invoking: &[0x45; 28] });
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        // RFC792-R1
        assert_eq!(Icmpv4Message::parse(&changed), Err(ParseError::Checksum { what: "ICMP message" }));
    }
}

#[test]
fn the_second_word_means_what_the_type_says() {
    let invoking = &[1, 2, 3, 4][..];
    let word = |message: &Icmpv4Message<'_>| emitted(message)[4..8].to_vec();
    let unreachable = Icmpv4Message::DestinationUnreachable {
        code: unreachable::FRAGMENTATION_NEEDED,
        next_hop_mtu: 1400,
        invoking,
    };
    assert_eq!(word(&unreachable), [0, 0, 5, 0x78]);
    assert_eq!(word(&Icmpv4Message::ParameterProblem { code: 0, pointer: 20, invoking }), [20, 0, 0, 0]);
    let gateway = [192, 0, 2, 1].into();
    assert_eq!(word(&Icmpv4Message::Redirect { code: 1, gateway, invoking }), [192, 0, 2, 1]);
}

#[test]
fn errors_are_told_from_questions() {
    assert!(Icmpv4Message::TimeExceeded { code: 0, invoking: &[] }.is_error());
    assert!(Icmpv4Message::Unknown { kind: 4, code: 0, rest: [0; 4], body: &[] }.is_error());
    assert!(!Icmpv4Message::EchoRequest { identifier: 0, sequence: 0, data: &[] }.is_error());
    assert!(!Icmpv4Message::Unknown { kind: 13, code: 0, rest: [0; 4], body: &[] }.is_error());
}

#[test]
fn fewer_than_eight_bytes_are_no_message() {
    let error = ParseError::Truncated { what: "ICMP message", needed: 8, available: 7 };
    assert_eq!(Icmpv4Message::parse(&[0xff; 7]), Err(error));
}

#[test]
fn an_echo_with_a_code_is_not_an_echo() {
    let message =
        Icmpv4Message::Unknown { kind: kind::ECHO_REQUEST, code: 1, rest: [1, 2, 3, 4], body: &[5] };
    assert_eq!(Icmpv4Message::parse(&emitted(&message)), Ok(message));
}
