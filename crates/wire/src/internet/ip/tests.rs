use super::*;
use crate::Ipv4Options;

fn v4() -> Ipv4Header {
    Ipv4Header {
        source: [192, 0, 2, 1].into(),
        destination: [192, 0, 2, 2].into(),
        protocol: IpProtocol::Udp,
        hop_limit: 1,
        dscp: 2,
        ecn: Ecn::Ect0,
        identification: 3,
        dont_fragment: false,
        more_fragments: false,
        fragment_offset: 0,
        payload_len: 4,
        options: Ipv4Options::default(),
    }
}

#[test]
fn the_version_chooses_the_header() {
    let mut bytes = [0; 48];
    let v6 = Ipv6Header {
        source: [0; 16].into(),
        destination: [1; 16].into(),
        next_header: IpProtocol::Tcp,
        hop_limit: 5,
        dscp: 6,
        ecn: Ecn::Ce,
        flow_label: 7,
        payload_len: 8,
    };
    for header in [IpHeader::V4(v4()), IpHeader::V6(v6)] {
        header.emit(&mut bytes);
        assert_eq!(IpHeader::parse(&bytes), Ok(header));
    }
    for version in [0, 5, 7] {
        bytes[0] = version << 4;
        assert_eq!(IpHeader::parse(&bytes), Err(UNKNOWN_VERSION));
        assert_eq!(IpHeader::parse_quoted(&bytes), Err(UNKNOWN_VERSION));
    }
    assert!(matches!(IpHeader::parse(&[]), Err(ParseError::Truncated { .. })));
}

#[test]
fn a_quoted_header_may_lack_its_payload() {
    let mut bytes = [0; 20];
    v4().emit(&mut bytes);
    assert!(IpHeader::parse(&bytes).is_err());
    assert_eq!(IpHeader::parse_quoted(&bytes), Ok(IpHeader::V4(v4())));
}
