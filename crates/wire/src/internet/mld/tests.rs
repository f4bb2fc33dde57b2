use std::vec;
use std::vec::Vec;

use super::*;
use crate::Icmpv6Message;

const SOURCE: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const GROUP: Ipv6Addr = Ipv6Addr::new(0xff05, 0, 0, 0, 0, 0, 1, 3);

fn emitted(message: MldMessage<'_>) -> Vec<u8> {
    let message = Icmpv6Message::Mld(message);
    let mut bytes = vec![0xaa; message.len()];
    message.emit(SOURCE, ALL_REPORTS, &mut bytes);
    bytes
}

fn parsed(bytes: &[u8]) -> Result<MldMessage<'_>, ParseError> {
    match Icmpv6Message::parse(SOURCE, ALL_REPORTS, bytes)? {
        Icmpv6Message::Mld(message) => Ok(message),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_done_message_is_laid_out_as_rfc_2710_draws_it() {
    let bytes = emitted(MldMessage::Done { group: GROUP });
    // Pseudo-header fe80 + 1 + ff02 + 16 + 18 + 3a, message 8400 + ff05 + 1 + 3:
    // 0x1fdeb + 0x18309 = 0x380f4, folded 0x80f7, complemented 0x7f08.
    assert_eq!(bytes[..8], [132, 0, 0x7f, 0x08, 0, 0, 0, 0]);
    assert_eq!(bytes[8..], GROUP.octets());
    assert_eq!(parsed(&bytes), Ok(MldMessage::Done { group: GROUP }));
}

/// RFC3810-R9: auxiliary data is never sent, and skipped.
#[test]
fn a_report_holds_records_with_their_sources() {
    let sources = [SOURCE, Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)];
    let mut bytes = vec![0; MldRecord::len_with(2)];
    MldRecord::emit(RecordKind::BlockOldSources, GROUP, sources.into_iter(), &mut bytes);
    assert_eq!(bytes[..4], [6, 0, 0, 2]);
    let message = emitted(MldMessage::ReportV2 { records: MldRecords::parse(1, &bytes).unwrap() });
    let Ok(MldMessage::ReportV2 { records }) = parsed(&message) else { panic!("{message:x?}") };
    let record = records.iter().next().unwrap();
    assert_eq!((record.kind, record.group), (RecordKind::BlockOldSources, GROUP));
    assert!(record.sources.iter().eq(sources));

    let mut auxiliary = bytes.clone();
    auxiliary[1] = 1;
    auxiliary.extend([9; 4]);
    auxiliary.extend(&bytes);
    let records = MldRecords::parse(2, &auxiliary).unwrap();
    assert_eq!(records.iter().map(|record| record.sources.len()).sum::<usize>(), 4);
    assert!(MldRecords::parse(3, &auxiliary).is_err());
    assert!(MldRecords::parse(1, &bytes[..40]).is_err());
}

#[test]
fn the_version_of_a_query_is_told_by_its_length() {
    let v2 = emitted(MldMessage::QueryV2 {
        max_response: 10_000,
        group: GROUP,
        suppress: false,
        robustness: 7,
        interval: 125,
        sources: Ipv6List(&SOURCE.octets()),
    });
    assert_eq!(v2[24..28], [7, 125, 0, 1]);
    assert!(matches!(parsed(&v2), Ok(MldMessage::QueryV2 { robustness: 7, sources, .. }) if
        sources.iter().eq([SOURCE])));
    let v1 = MldMessage::Query { max_response: 1000, group: GROUP };
    assert_eq!(parsed(&emitted(v1)), Ok(v1));
    // 26 bytes, of which the last two are zero and do not change the sum; the length in the pseudo-header does.
    let mut between = emitted(v1);
    between.extend([0, 0]);
    let field = u16::from_be_bytes([between[2], between[3]]) - 2;
    between[2..4].copy_from_slice(&field.to_be_bytes());
    assert!(matches!(parsed(&between), Err(ParseError::Truncated { .. })));
}

#[test]
fn long_response_times_are_in_floating_point_form() {
    for (code, millis) in
        [(32_767, 32_767), (0x8000, 32_768), (0x8001, 32_776), (0x9000, 65_536), (0xffff, 8_387_584)]
    {
        // RFC3810-R2
        assert_eq!(crate::internet::groups::decode_16(code), millis, "{code:#x}");
    }
}
