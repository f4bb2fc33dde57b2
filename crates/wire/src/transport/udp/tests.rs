use super::*;

fn datagram(length: u16) -> [u8; 12] {
    let mut bytes = [0; 12];
    UdpHeader { source_port: 1, destination_port: 2, length, checksum: 0xabcd }.emit(&mut bytes);
    bytes
}

#[test]
fn the_header_is_laid_out_as_rfc_768_draws_it() {
    assert_eq!(datagram(12), [0, 1, 0, 2, 0, 12, 0xab, 0xcd, 0, 0, 0, 0]);
}

#[test]
fn the_length_covers_the_header_and_stays_inside_the_packet() {
    assert!(matches!(UdpHeader::parse_datagram(&datagram(7)), Err(ParseError::Malformed { .. })));
    assert!(UdpHeader::parse_datagram(&datagram(8)).is_ok());
    assert!(UdpHeader::parse_datagram(&datagram(12)).is_ok());
    let error = ParseError::Truncated { what: "UDP datagram", needed: 13, available: 12 };
    assert_eq!(UdpHeader::parse_datagram(&datagram(13)), Err(error));
}
