use std::vec;
use std::vec::Vec;

use super::*;

const GROUP: Ipv4Addr = Ipv4Addr::new(239, 1, 2, 3);

fn emitted(message: &IgmpMessage<'_>) -> Vec<u8> {
    let mut bytes = vec![0xaa; message.len()];
    message.emit(&mut bytes);
    bytes
}

#[test]
fn a_version_2_report_is_laid_out_as_rfc_2236_draws_it() {
    let bytes = emitted(&IgmpMessage::ReportV2 { group: GROUP });
    // 0x1600 + 0xef01 + 0x0203 = 0x10704, folded 0x0705, complemented 0xf8fa.
    assert_eq!(bytes, [0x16, 0, 0xf8, 0xfa, 239, 1, 2, 3]);
    assert_eq!(IgmpMessage::parse(&bytes), Ok(IgmpMessage::ReportV2 { group: GROUP }));
}

/// RFC3376-R6: auxiliary data is never sent, and skipped.
#[test]
fn a_report_holds_records_with_their_sources() {
    let sources = [Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2)];
    let mut bytes = vec![0; IgmpRecord::len_with(2) + IgmpRecord::len_with(0)];
    let (first, second) = bytes.split_at_mut(IgmpRecord::len_with(2));
    IgmpRecord::emit(RecordKind::AllowNewSources, GROUP, sources.into_iter(), first);
    IgmpRecord::emit(RecordKind::ChangeToExclude, GROUP, [].into_iter(), second);
    assert_eq!(bytes[..8], [5, 0, 0, 2, 239, 1, 2, 3]);

    let records = IgmpRecords::parse(2, &bytes).unwrap();
    let message = emitted(&IgmpMessage::ReportV3 { records });
    let Ok(IgmpMessage::ReportV3 { records }) = IgmpMessage::parse(&message) else { panic!("{message:x?}") };
    let read: Vec<_> = records.iter().map(|record| (record.kind, record.sources.iter().collect())).collect();
    assert_eq!(
        read,
        [(RecordKind::AllowNewSources, sources.to_vec()), (RecordKind::ChangeToExclude, vec![])]
    );

    let auxiliary = [4, 1, 0, 0, 239, 1, 2, 3, 9, 9, 9, 9, 2, 0, 0, 0, 239, 1, 2, 4];
    let records = IgmpRecords::parse(2, &auxiliary).unwrap();
    let kinds: Vec<_> = records.iter().map(|record| record.kind).collect();
    assert_eq!(kinds, [RecordKind::ChangeToExclude, RecordKind::ModeIsExclude]);
}

/// RFC 3376 7.1
#[test]
fn the_version_of_a_query_is_told_by_its_length() {
    let v3 = emitted(&IgmpMessage::QueryV3 {
        max_response: 100,
        group: GROUP,
        suppress: true,
        robustness: 2,
        interval: 125,
        sources: Ipv4List(&[192, 0, 2, 1]),
    });
    assert_eq!(v3[8..], [0x0a, 125, 0, 1, 192, 0, 2, 1]);
    assert!(matches!(IgmpMessage::parse(&v3), Ok(IgmpMessage::QueryV3 { robustness: 2, sources, .. }) if
        sources.iter().eq([Ipv4Addr::new(192, 0, 2, 1)])));
    let v2 = emitted(&IgmpMessage::Query { max_response: 100, group: GROUP });
    assert_eq!(IgmpMessage::parse(&v2), Ok(IgmpMessage::Query { max_response: 100, group: GROUP }));

    let mut between = v2.clone();
    between.extend([0, 0]);
    assert!(matches!(IgmpMessage::parse(&between), Err(ParseError::Truncated { .. })));
}

#[test]
fn what_is_cut_or_damaged_is_refused() {
    let record = [4, 0, 0, 3, 239, 1, 2, 3, 192, 0, 2, 1];
    assert!(IgmpRecords::parse(1, &record).is_err(), "three sources, of which one is there");
    assert!(IgmpRecords::parse(2, &record[..8]).is_err());
    let mut bytes = emitted(&IgmpMessage::Leave { group: GROUP });
    bytes[7] ^= 1;
    // RFC3376-R3
    assert_eq!(IgmpMessage::parse(&bytes), Err(ParseError::Checksum { what: "IGMP message" }));
    assert!(IgmpMessage::parse(&bytes[..7]).is_err());
}

#[test]
fn unknown_types_are_read_as_such() {
    let message = IgmpMessage::Unknown { kind: 0x30, body: &[1, 2, 3, 4] };
    assert_eq!(IgmpMessage::parse(&emitted(&message)), Ok(message));
}

#[test]
fn long_response_times_are_in_floating_point_form() {
    for (code, tenths) in
        [(0, 0), (127, 127), (128, 128), (129, 136), (0x8f, 248), (0x90, 256), (0xff, 31_744)]
    {
        // RFC3376-R4
        assert_eq!(crate::internet::groups::decode_8(code), tenths, "{code:#x}");
    }
}
