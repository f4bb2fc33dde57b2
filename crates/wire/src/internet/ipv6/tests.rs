use super::*;

const HEADER: Ipv6Header = Ipv6Header {
    source: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1),
    destination: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2),
    next_header: IpProtocol::Tcp,
    hop_limit: 64,
    dscp: 0b101110,
    ecn: Ecn::Ce,
    flow_label: 0xabcde,
    payload_len: 8,
};

#[test]
fn the_header_is_laid_out_as_rfc_8200_draws_it() {
    let mut bytes = [0xaa; 40];
    HEADER.emit(&mut bytes);
    // Version 6, traffic class 0b10111011, flow label.
    assert_eq!(bytes[..8], [0x6b, 0xba, 0xbc, 0xde, 0, 8, 6, 64]);
    assert_eq!(bytes[8..24], HEADER.source.octets());
    assert_eq!(bytes[24..], HEADER.destination.octets());
}

#[test]
fn a_payload_that_is_cut_off_is_refused_unless_quoted() {
    let mut bytes = [0; 48];
    HEADER.emit(&mut bytes);
    assert_eq!(Ipv6Header::parse(&bytes), Ok(HEADER));
    let error = ParseError::Truncated { what: "IPv6 packet", needed: 48, available: 47 };
    assert_eq!(Ipv6Header::parse(&bytes[..47]), Err(error));
    assert_eq!(Ipv6Header::parse_quoted(&bytes[..40]), Ok(HEADER));
    assert!(Ipv6Header::parse_quoted(&bytes[..39]).is_err());
}

#[test]
fn any_other_version_is_refused() {
    let mut bytes = [0; 48];
    HEADER.emit(&mut bytes);
    bytes[0] = 0x4b;
    // RFC8200-R1
    assert!(matches!(Ipv6Header::parse(&bytes), Err(ParseError::Malformed { .. })));
}
