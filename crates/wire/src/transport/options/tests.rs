use std::vec::Vec;

use super::*;
use crate::FieldValue;

fn emitted(options: &TcpOptions) -> Vec<u8> {
    let mut out = std::vec![0xaa; options.encoded_len()];
    options.emit(&mut out);
    out
}

#[test]
fn a_syn_takes_twenty_bytes_in_the_order_of_the_field() {
    let options = TcpOptions {
        mss: Some(1460),
        sack_permitted: true,
        timestamps: Some(TcpTimestamps { value: 1, echo: 0 }),
        window_scale: Some(7),
        ..TcpOptions::default()
    };
    let bytes = [2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7];
    // RFC9293-MUST-68
    assert_eq!(emitted(&options), bytes);
    // RFC9293-MUST-4
    assert_eq!(TcpOptions::parse(&bytes), Ok(options));
}

#[test]
fn three_sack_blocks_fit_beside_timestamps_and_four_without() {
    let block = |n| SackBlock { left: SeqNumber(n), right: SeqNumber(n + 10) };
    let mut options = TcpOptions {
        timestamps: Some(TcpTimestamps::default()),
        sack: [block(100), block(200), block(300)].into_iter().collect(),
        ..TcpOptions::default()
    };
    assert_eq!(emitted(&options).len(), 40);
    assert_eq!(TcpOptions::parse(&emitted(&options)), Ok(options.clone()));
    options.timestamps = None;
    options.sack.push(block(400));
    assert_eq!(emitted(&options).len(), 36);
    assert_eq!(TcpOptions::parse(&emitted(&options)), Ok(options));
}

#[test]
fn a_full_header_goes_without_alignment() {
    // 3 + 10 + 18 + 4 + 4 = 39 bytes, which padding in between would exceed.
    let options = TcpOptions {
        timestamps: Some(TcpTimestamps::default()),
        window_scale: Some(1),
        fast_open: FastOpenCookie::parse(&[7; 16]),
        user_timeout: Some(UserTimeout::Minutes(3)),
        mss: Some(1),
        ..TcpOptions::default()
    };
    assert!(options.fits());
    assert_eq!(emitted(&options).len(), 40);
    assert_eq!(TcpOptions::parse(&emitted(&options)), Ok(options));
}

#[test]
fn what_does_not_fit_is_left_out_and_the_header_stays_whole() {
    let options = TcpOptions {
        timestamps: Some(TcpTimestamps::default()),
        sack: [SackBlock { left: SeqNumber(1), right: SeqNumber(2) }; 4].into_iter().collect(),
        user_timeout: Some(UserTimeout::Seconds(9)),
        ..TcpOptions::default()
    };
    assert!(!options.fits());
    let parsed = TcpOptions::parse(&emitted(&options)).unwrap();
    assert_eq!(parsed, TcpOptions { sack: ArrayVec::new(), ..options });
}

#[test]
fn a_length_that_breaks_the_walk_makes_the_header_malformed() {
    for wrong in [&[2, 0, 5, 0xb4][..], &[2, 1, 5, 0xb4], &[2, 5, 5, 0xb4], &[1, 1, 1, 2], &[254, 0xff, 0, 0]]
    {
        // RFC9293-MUST-7
        assert!(matches!(TcpOptions::parse(wrong), Err(ParseError::Malformed { .. })), "{wrong:?}");
    }
}

#[test]
fn the_end_of_the_list_ends_it() {
    // RFC9293-MUST-4
    assert_eq!(TcpOptions::parse(&[0, 2, 0, 0]), Ok(TcpOptions::default()));
}

#[test]
fn options_behind_unknown_ones_are_read_wherever_they_begin() {
    for padding in 0..8 {
        for len in 2..10 {
            let mut bytes = std::vec![1; padding];
            bytes.extend([254, len]);
            bytes.resize(padding + usize::from(len), 0xff);
            bytes.extend([2, 4, 5, 0xb4, 1, 8, 10, 0, 0, 0, 7, 0, 0, 0, 9]);
            let options = TcpOptions::parse(&bytes).unwrap();
            // RFC9293-MUST-4, RFC9293-MUST-6, RFC9293-MUST-64
            assert_eq!(options.mss, Some(1460), "behind {padding} and {len} bytes");
            // RFC9293-MUST-64
            assert_eq!(options.timestamps, Some(TcpTimestamps { value: 7, echo: 9 }));
        }
    }
}

#[test]
fn padding_stands_before_options_and_nothing_behind_an_end() {
    let mut options = TcpOptions::default();
    for len in 0..8 {
        options.unknown = RawOptions::default();
        options.unknown.push(254, &[0xff; 8][..len]).unwrap();
        for window_scale in [None, Some(1)] {
            options.window_scale = window_scale;
            let bytes = emitted(&options);
            assert!(bytes.len().is_multiple_of(4));
            let kinds: Vec<u8> = walk(&bytes).map(|option| option.unwrap().kind).collect();
            // RFC9293-MUST-69: the list has no end before the header has
            assert!(!kinds.contains(&kind::END), "{bytes:?}");
        }
    }
}

#[test]
fn a_known_kind_of_impossible_length_has_no_effect_and_is_kept() {
    for (kind, len) in
        [(2, 3), (3, 2), (4, 3), (5, 2), (5, 9), (8, 9), (28, 3), (34, 3), (34, 4), (34, 7), (34, 20)]
    {
        let mut bytes = std::vec![0; usize::from(len)];
        bytes[..2].copy_from_slice(&[kind, len]);
        let options = TcpOptions::parse(&bytes).unwrap();
        let mut expected = TcpOptions::default();
        expected.unknown.push(kind, &bytes[2..]).unwrap();
        assert_eq!(options, expected, "kind {kind} of {len} bytes");
    }
}

#[test]
fn of_an_option_that_appears_twice_the_last_counts() {
    let options = TcpOptions::parse(&[2, 4, 0, 1, 2, 4, 0, 2]).unwrap();
    assert_eq!(options.mss, Some(2));
}

#[test]
fn unknown_options_keep_their_order() {
    let bytes = [254, 4, 0xf9, 0x89, 1, 1, 200, 2, 253, 3, 9, 1];
    let options = TcpOptions::parse(&bytes).unwrap();
    let kinds: Vec<_> = options.unknown.iter().map(|option| option.kind).collect();
    assert_eq!(kinds, [254, 200, 253]);
    assert_eq!(TcpOptions::parse(&emitted(&options)), Ok(options));
}

#[test]
fn accurate_ecn_counters_are_found_in_either_order() {
    let first = TcpOptions::parse(&[172, 11, 0, 0, 1, 0, 0, 2, 0, 0, 3, 1]).unwrap().acc_ecn.unwrap();
    assert_eq!((first.ect0_bytes(), first.ce_bytes(), first.ect1_bytes()), (Some(1), Some(2), Some(3)));
    let second = TcpOptions::parse(&[174, 8, 0, 0, 1, 0, 0, 2]).unwrap().acc_ecn.unwrap();
    assert_eq!((second.ect0_bytes(), second.ce_bytes(), second.ect1_bytes()), (None, Some(2), Some(1)));
    // RFC 9768 3.2.3.1: of other lengths, the whole counters that fit.
    let odd = TcpOptions::parse(&[172, 4, 0xff, 0xff]).unwrap().acc_ecn.unwrap();
    assert!(odd.counters.is_empty());
}

#[test]
fn user_timeouts_tell_minutes_from_seconds() {
    let timeout = |bytes: [u8; 4]| TcpOptions::parse(&bytes).unwrap().user_timeout.unwrap();
    assert_eq!(timeout([28, 4, 0x80, 2]), UserTimeout::Minutes(2));
    assert_eq!(timeout([28, 4, 0x80, 2]).as_secs(), 120);
    assert_eq!(timeout([28, 4, 0x7f, 0xff]), UserTimeout::Seconds(0x7fff));
}

#[test]
fn a_duplicate_report_lies_below_the_ack_or_inside_the_second_block() {
    let block = |left, right| SackBlock { left: SeqNumber(left), right: SeqNumber(right) };
    let of =
        |blocks: &[SackBlock]| TcpOptions { sack: blocks.iter().copied().collect(), ..TcpOptions::default() };
    let ack = SeqNumber(1000);
    assert_eq!(of(&[block(500, 600)]).duplicate_sack(ack), Some(block(500, 600)));
    assert_eq!(of(&[block(1200, 1300), block(1100, 1400)]).duplicate_sack(ack), Some(block(1200, 1300)));
    assert_eq!(of(&[block(1200, 1300), block(1400, 1500)]).duplicate_sack(ack), None);
    assert_eq!(of(&[]).duplicate_sack(ack), None);
}

#[test]
fn the_fields_of_an_option_are_read_from_its_bytes() {
    let header = [1, 2, 4, 5, 0xb4, 172, 5, 0, 0, 9, 200, 2];
    let shown: Vec<_> = walk(&header)
        .map(Result::unwrap)
        .flat_map(|option| {
            fields(option.kind).iter().map(move |field| (field.name, field.value(option.bytes)))
        })
        .filter_map(|(name, value)| value.map(|value| (name, value)))
        .filter(|(name, _)| !matches!(*name, "kind" | "length"))
        .collect();
    let expected = [("mss", FieldValue::Number(1460)), ("ect0_bytes", FieldValue::Number(9))];
    assert_eq!(shown, expected);
}

#[test]
fn timestamps_of_a_wrong_length_are_none_even_in_their_usual_place() {
    let options = TcpOptions::parse(&[1, 1, 8, 9, 0, 0, 0, 1, 0, 0, 0, 1]).unwrap();
    assert_eq!(options.timestamps, None);
    assert_eq!(options.unknown.iter().map(|option| option.kind).collect::<Vec<_>>(), [8]);
}

#[test]
fn without_timestamps_padding_comes_before_what_ends_a_word() {
    let options =
        TcpOptions { mss: Some(1460), sack_permitted: true, window_scale: Some(7), ..TcpOptions::default() };
    assert_eq!(emitted(&options), [2, 4, 5, 0xb4, 1, 1, 4, 2, 1, 3, 3, 7]);
}
