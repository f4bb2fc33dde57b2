use std::vec::Vec;

use super::*;

/// The example header of RFC 1071's many descriptions: 20 bytes, checksum 0xb861.
const EXAMPLE: [u8; 20] = [
    0x45, 0x00, 0x00, 0x14, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11, 0xb8, 0xc0, 0xc0, 0xa8, 0x00, 0x01, 0xc0,
    0xa8, 0x00, 0xc7,
];

fn with_checksum(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes[10..12].fill(0);
    let header_len = usize::from(bytes[0] & 15) * 4;
    let checksum = !checksum::sum(&bytes[..header_len]);
    bytes[10..12].copy_from_slice(&checksum.to_be_bytes());
    bytes
}

#[test]
fn a_header_is_read_and_written_byte_for_byte() {
    let bytes = with_checksum(EXAMPLE.to_vec());
    let header = Ipv4Header::parse(&bytes).unwrap();
    assert_eq!(header.protocol, IpProtocol::Udp);
    assert!(header.dont_fragment && !header.is_fragment());
    let mut out = [0xaa; 20];
    header.emit(&mut out);
    assert_eq!(out[..], bytes);
}

#[test]
fn each_field_that_cannot_be_is_refused() {
    let good = with_checksum(EXAMPLE.to_vec());
    let changed = |at: usize, to: u8| {
        let mut bytes = good.clone();
        bytes[at] = to;
        Ipv4Header::parse(&bytes)
    };
    assert!(matches!(changed(0, 0x65), Err(ParseError::Malformed { .. })), "version");
    assert!(matches!(changed(0, 0x44), Err(ParseError::Malformed { .. })), "short header");
    assert!(matches!(changed(0, 0x46), Err(ParseError::Truncated { .. })), "long header");
    assert!(matches!(changed(3, 19), Err(ParseError::Malformed { .. })), "short total length");
    assert!(matches!(changed(3, 21), Err(ParseError::Truncated { .. })), "long total length");
    assert!(matches!(changed(8, 0x41), Err(ParseError::Checksum { .. })), "checksum");
}

#[test]
fn a_quoted_header_needs_neither_payload_nor_checksum() {
    let mut bytes = EXAMPLE;
    bytes[3] = 200;
    assert!(Ipv4Header::parse(&bytes).is_err());
    assert_eq!(Ipv4Header::parse_quoted(&bytes).unwrap().payload_len, 180);
}

#[test]
fn padding_behind_the_packet_is_not_payload() {
    let mut bytes = with_checksum(EXAMPLE.to_vec());
    bytes.extend([0; 26]);
    assert_eq!(Ipv4Header::parse(&bytes).unwrap().payload_len, 0);
}

#[test]
fn fragment_offsets_are_bytes() {
    let mut bytes = EXAMPLE.to_vec();
    bytes[6..8].copy_from_slice(&[0x20, 0xb9]);
    let header = Ipv4Header::parse(&with_checksum(bytes)).unwrap();
    assert!(header.more_fragments && header.is_fragment());
    assert_eq!(header.fragment_offset, 0xb9 * 8);
}

#[test]
fn options_are_checked_padded_and_walked() {
    let options = Ipv4Options::parse(&[1, 148, 4, 0, 0, 0]).unwrap();
    assert_eq!(options.as_bytes(), [1, 148, 4, 0, 0, 0, 0, 0]);
    let kinds: Vec<_> = options.iter().map(|option| (option.kind, option.data.len())).collect();
    assert_eq!(kinds, [(1, 0), (148, 2)]);
    for wrong in [&[148][..], &[148, 0], &[148, 1, 0, 0], &[148, 5, 0, 0]] {
        // RFC791-R7
        assert!(Ipv4Options::parse(wrong).is_err(), "{wrong:?}");
    }
    assert!(Ipv4Options::parse(&[1; 41]).is_err());
}
