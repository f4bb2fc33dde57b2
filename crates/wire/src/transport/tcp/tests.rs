use super::*;
use crate::TcpTimestamps;

#[test]
fn flags_stand_at_their_bits() {
    for (flag, bytes) in [
        (TcpFlags::FIN, [0x50, 0x01]),
        (TcpFlags::SYN, [0x50, 0x02]),
        (TcpFlags::RST, [0x50, 0x04]),
        (TcpFlags::PSH, [0x50, 0x08]),
        (TcpFlags::ACK, [0x50, 0x10]),
        (TcpFlags::URG, [0x50, 0x20]),
        (TcpFlags::ECE, [0x50, 0x40]),
        (TcpFlags::CWR, [0x50, 0x80]),
        (TcpFlags::AE, [0x51, 0x00]),
    ] {
        let header = TcpHeader { flags: flag, ..TcpHeader::default() };
        let mut out = [0; 20];
        header.emit(&mut out);
        // RFC9293-X-19: the bits between offset and flags
        assert_eq!(out[12..14], bytes, "{flag:?}");
        assert_eq!(TcpHeader::parse(&out), Ok(header.clone()));
        out[12] |= 0x0e;
        // RFC9293-X-19
        assert_eq!(TcpHeader::parse(&out), Ok(header));
    }
}

#[test]
fn a_data_offset_below_or_beyond_the_segment_is_refused() {
    let mut bytes = [0; 24];
    bytes[12] = 0x40;
    // RFC9293-X-20
    assert!(matches!(TcpHeader::parse(&bytes), Err(ParseError::Malformed { .. })));
    bytes[12] = 0x70;
    // RFC9293-X-20
    assert!(matches!(TcpHeader::parse(&bytes), Err(ParseError::Truncated { needed: 28, .. })));
    assert!(matches!(TcpHeader::parse(&bytes[..19]), Err(ParseError::Truncated { needed: 20, .. })));
}

#[test]
fn data_begins_where_the_sender_says_whatever_its_padding() {
    let mut bytes = [1; 40];
    bytes[12] = 0xa0;
    let header = TcpHeader::parse(&bytes).unwrap();
    assert_eq!(header.header_len(), 20);
    assert_eq!(TcpHeader::data_offset(&bytes), 40);
}

#[test]
fn syn_and_fin_take_a_sequence_number_each() {
    let segment = |flags| TcpHeader { flags, ..TcpHeader::default() };
    assert_eq!(segment(TcpFlags::SYN | TcpFlags::FIN).segment_len(3), 5);
    assert_eq!(segment(TcpFlags::ACK).segment_len(3), 3);
}

#[test]
fn timestamps_alone_take_twelve_bytes() {
    let mut header = TcpHeader::default();
    header.options.timestamps = Some(TcpTimestamps { value: 0x01020304, echo: 0x05060708 });
    let mut out = [0; 32];
    assert_eq!(header.header_len(), 32);
    header.emit(&mut out);
    assert_eq!(out[20..], [1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(TcpHeader::parse(&out), Ok(header));
}
