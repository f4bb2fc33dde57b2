//! Options that nobody should send.

use fathom_record::{DropReason, TcpStateName};
use fathom_wire::TcpHeader;
use std::vec::Vec;

use super::super::harness::{F, Host, IRS, MSS, Seg};
use super::{info, still_works};

/// Option bytes that say nothing that can be read: a length of 0 or 1, or beyond the header.
const MALFORMED: [&[u8]; 5] =
    [&[8, 0, 0, 0], &[2, 1, 0, 0], &[1, 1, 1, 5], &[5, 40, 0, 0], &[254, 12, 1, 2, 3, 4, 5, 6]];
/// Option bytes that can be read, and mean nothing where they stand: unknown, repeated, of impossible lengths, of SYNs.
const MEANINGLESS: [&[u8]; 7] = [
    &[254, 8, 1, 2, 3, 4, 5, 6],
    &[1, 1, 1, 1, 1, 1, 1, 1],
    &[0, 9, 9, 9, 9, 9, 9, 9],
    &[2, 4, 0, 1, 2, 4, 0, 2, 3, 3, 14, 1],
    &[5, 2, 1, 1, 5, 6, 0, 0, 0, 0, 1, 1],
    &[4, 2, 4, 2, 3, 3, 255, 34, 2, 0, 0, 0],
    &[19, 18, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1],
];

/// A segment with other options.
fn with_options(seg: &Seg, options: &[u8]) -> Vec<u8> {
    let header = TcpHeader {
        source_port: super::super::harness::REMOTE.port(),
        destination_port: super::super::harness::LOCAL.port(),
        seq: super::super::isns::to_layer(seg.seq),
        ack: seg.ack,
        flags: seg.flags,
        window: seg.window,
        urgent: 0,
        options: fathom_wire::TcpOptions::default(),
    };
    let mut bytes = std::vec![0; header.header_len()];
    header.emit(&mut bytes);
    bytes.extend_from_slice(options);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes[12] = (bytes.len() as u8 / 4) << 4;
    bytes.extend_from_slice(&seg.data);
    bytes
}

/// RFC 9293 3.1, MUST-7: an illegal option length must not harm; the segment cannot be read with certainty.
#[test]
fn a_segment_with_malformed_options_is_dropped_whole() {
    let mut host = Host::new();
    let mut peer = host.established();
    for options in MALFORMED {
        let forged = with_options(&peer.ack().data(b"data"), options);
        assert_eq!(host.take_bytes(forged), (Some(DropReason::TcpMalformed), None), "{options:?}");
        let reset = with_options(&Seg { flags: F::RST, ..peer.ack() }, options);
        assert_eq!(host.take_bytes(reset), (Some(DropReason::TcpMalformed), None), "{options:?}");
    }
    assert_eq!(host.read(peer.id), b"");
    still_works(&mut host, &mut peer);
}

/// RFC 9293 3.1, MUST-6: unknown options are ignored. Those of a SYN change nothing later.
#[test]
fn options_that_mean_nothing_change_nothing() {
    let mut host = Host::new();
    let mut peer = host.established();
    let before = info(&host, peer.id);
    for options in MEANINGLESS {
        let data = peer.data(b"data");
        assert_eq!(host.take_bytes(with_options(&data, options)), (None, None), "{options:?}");
        assert_eq!(host.read(peer.id), b"data");
        host.sends(peer.id);
    }
    let after = info(&host, peer.id);
    assert_eq!(
        (after.snd_mss, after.snd_wscale, after.sack),
        (before.snd_mss, before.snd_wscale, before.sack)
    );
    assert_eq!((after.timestamps, after.snd_wnd), (before.timestamps, before.snd_wnd));
    still_works(&mut host, &mut peer);
}

/// The same in a SYN: what can be read and makes no sense leaves the defaults.
#[test]
fn a_syn_with_strange_options_opens_a_connection_or_nothing() {
    for options in MEANINGLESS.into_iter().chain(MALFORMED) {
        let mut host = Host::new();
        let listener = host.listen(8, false);
        let syn = with_options(&Seg::new(F::SYN, IRS, fathom_wire::SeqNumber(0)), options);
        let (dropped, answer) = host.take_bytes(syn);
        let Some(syn_ack) = answer else {
            assert_eq!(dropped, Some(DropReason::TcpMalformed), "{options:?}");
            assert!(MALFORMED.contains(&options));
            continue;
        };
        assert!(!MALFORMED.contains(&options), "{options:?} was read");
        let third = Seg::new(F::ACK, IRS + 1, syn_ack.seq + 1);
        assert_eq!(host.take(&third), (None, None));
        let id = host.accept(listener).expect("a connection");
        assert_eq!(host.state(id), Some(TcpStateName::Established));
        let info = info(&host, id);
        assert!((48..=MSS as u32).contains(&info.snd_mss) && info.snd_wscale <= 14, "{info:?}");
    }
}
