use std::vec;
use std::vec::Vec;

use super::*;

const SOURCE: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const DESTINATION: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2);

fn emitted(message: &Icmpv6Message<'_>) -> Vec<u8> {
    let mut bytes = vec![0xaa; message.len()];
    message.emit(SOURCE, DESTINATION, &mut bytes);
    bytes
}

#[test]
fn an_echo_request_is_laid_out_as_rfc_4443_draws_it() {
    let message = Icmpv6Message::EchoRequest { identifier: 0x1234, sequence: 2, data: b"ab" };
    let bytes = emitted(&message);
    // Pseudo-header 2·0xfe80 + 1 + 2 + 10 + 58, message 0x8000 + 0x1234 + 2 + 0x6162:
    // 0x1fd47 + 0xf398 = 0x2f0df, folded 0xf0e1, complemented 0x0f1e.
    assert_eq!(bytes, [128, 0, 0x0f, 0x1e, 0x12, 0x34, 0, 2, b'a', b'b']);
    assert_eq!(Icmpv6Message::parse(SOURCE, DESTINATION, &bytes), Ok(message));
}

#[test]
fn the_checksum_covers_the_addresses() {
    let bytes = emitted(&Icmpv6Message::PacketTooBig { mtu: 1280, invoking: &[] });
    let other = Ipv6Addr::LOCALHOST;
    for (source, destination) in [(other, DESTINATION), (SOURCE, other)] {
        // RFC4443-R9
        assert_eq!(
            Icmpv6Message::parse(source, destination, &bytes),
            Err(ParseError::Checksum { what: "ICMPv6 message" })
        );
    }
}

#[test]
fn the_second_word_means_what_the_type_says() {
    let word = |message: &Icmpv6Message<'_>| emitted(message)[4..8].to_vec();
    assert_eq!(word(&Icmpv6Message::PacketTooBig { mtu: 0x10500, invoking: &[] }), [0, 1, 5, 0]);
    let problem = Icmpv6Message::ParameterProblem { code: parameter::OPTION, pointer: 0x102, invoking: &[] };
    assert_eq!(word(&problem), [0, 0, 1, 2]);
    assert_eq!(word(&Icmpv6Message::TimeExceeded { code: 1, invoking: &[7] }), [0; 4]);
}

#[test]
fn unknown_types_below_128_are_errors() {
    let unknown = |kind| Icmpv6Message::Unknown { kind, code: 0, rest: [0; 4], body: &[] };
    assert!(unknown(127).is_error());
    assert!(!unknown(130).is_error());
    assert!(Icmpv6Message::DestinationUnreachable { code: 4, invoking: &[] }.is_error());
}

#[test]
fn an_echo_with_a_code_is_not_an_echo() {
    let message = Icmpv6Message::Unknown { kind: kind::ECHO_REPLY, code: 1, rest: [1, 2, 3, 4], body: &[5] };
    assert_eq!(Icmpv6Message::parse(SOURCE, DESTINATION, &emitted(&message)), Ok(message));
}
