use super::*;

const PACKET: ArpPacket = ArpPacket {
    operation: ArpOperation::Request,
    sender_hardware: EthernetAddress([2, 0, 0, 0, 0, 1]),
    sender_protocol: Ipv4Addr::new(192, 0, 2, 1),
    target_hardware: EthernetAddress::UNSPECIFIED,
    target_protocol: Ipv4Addr::new(192, 0, 2, 2),
};

#[test]
fn a_request_is_laid_out_as_rfc_826_says() {
    let mut bytes = [0xaa; 28];
    PACKET.emit(&mut bytes);
    assert_eq!(bytes[..8], [0, 1, 8, 0, 6, 4, 0, 1]);
    assert_eq!(bytes[8..18], [2, 0, 0, 0, 0, 1, 192, 0, 2, 1]);
    assert_eq!(bytes[18..], [0, 0, 0, 0, 0, 0, 192, 0, 2, 2]);
}

#[test]
fn what_is_not_ipv4_over_ethernet_is_refused() {
    for byte in [1, 2, 3, 4, 5] {
        let mut bytes = [0; 28];
        PACKET.emit(&mut bytes);
        bytes[byte] ^= 0x10;
        // RFC826-R1, RFC826-R6
        assert!(matches!(ArpPacket::parse(&bytes), Err(ParseError::Malformed { .. })), "byte {byte}");
    }
}

#[test]
fn padding_of_the_frame_is_not_looked_at() {
    let mut bytes = [0xff; 46];
    PACKET.emit(&mut bytes);
    assert_eq!(ArpPacket::parse(&bytes), Ok(PACKET));
    // RFC826-R6
    assert!(matches!(ArpPacket::parse(&bytes[..27]), Err(ParseError::Truncated { needed: 28, .. })));
}
