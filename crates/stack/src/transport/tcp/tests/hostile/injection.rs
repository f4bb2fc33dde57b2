//! Strangers who send segments and ICMP errors as if they were the peer (RFC 5961, RFC 5927), and a peer who
//! contradicts himself.

use std::vec::Vec;

use fathom_record::{DropReason, TcpStateName};
use fathom_wire::SeqNumber;

use super::super::harness::{F, Host, LOCAL, MSS, Peer, REMOTE, Seg};
use super::{MS, in_flight, info, still_works};
use crate::packet::{IcmpErrorFor, IcmpErrorKind};

const SEGMENT: u32 = MSS as u32;

/// Guesses of a sequence number: four to a window, as an attacker would choose them who wants to hit it, and around
/// its edges.
fn guesses(peer: &Peer) -> Vec<SeqNumber> {
    let around = [1, 2, 100, 65_534, 65_535, 65_536, -1, -2, -100, i64::from(i32::MAX), -i64::from(i32::MAX)];
    let sweep = (0..500).map(|step| step * 8_589_934 + 12_345);
    around
        .into_iter()
        .chain(sweep)
        .map(|offset: i64| SeqNumber(peer.nxt.0.wrapping_add(offset as u32)))
        .collect()
}

/// RFC 5961 3.2.
#[test]
fn a_reset_that_does_not_hit_exactly_resets_nothing() {
    let mut host = Host::new();
    let mut peer = in_flight(&mut host, 4);
    let (mut challenges, guesses) = (0, guesses(&peer));
    for seq in guesses {
        for flags in [F::RST, F::RST | F::ACK] {
            let (dropped, _) = host.take(&Seg { seq, flags, ..peer.ack() });
            assert!(matches!(dropped, Some(DropReason::TcpChallengeReset | DropReason::TcpOutOfWindow)));
            challenges += host.sends(peer.id).len();
        }
    }
    assert_eq!(host.state(peer.id), Some(TcpStateName::Established));
    assert!((1..=2).contains(&challenges), "{challenges} challenges within half a second (RFC 5961 7)");
    let ack = peer.acks(4 * SEGMENT);
    host.take(&ack);
    still_works(&mut host, &mut peer);
    // The real one.
    host.take(&Seg { flags: F::RST, ..peer.ack() });
    assert_eq!(host.state(peer.id), Some(TcpStateName::Closed));
}

/// RFC 5961 4.2.
#[test]
fn a_syn_ends_no_connection_wherever_it_hits() {
    let mut host = Host::new();
    let mut peer = in_flight(&mut host, 4);
    let mut guesses = guesses(&peer);
    guesses.push(peer.nxt);
    for seq in guesses {
        for flags in [F::SYN, F::SYN | F::ACK] {
            let (dropped, answer) = host.take(&Seg { seq, flags, ..peer.ack() });
            assert!(matches!(dropped, Some(DropReason::TcpChallengeSyn | DropReason::TcpOutOfWindow)));
            assert_eq!(answer, None);
            assert!(host.sends(peer.id).iter().all(|seg| seg.flags == F::ACK && seg.data.is_empty()));
        }
    }
    let ack = peer.acks(4 * SEGMENT);
    host.take(&ack);
    still_works(&mut host, &mut peer);
}

/// RFC 5961 5.2: who injects data must guess two numbers, each within a window.
#[test]
fn data_with_one_number_guessed_is_not_taken() {
    let mut host = Host::new();
    let mut peer = in_flight(&mut host, 4);
    let right = peer.una;
    for guess in 0..400_u32 {
        let wrong = SeqNumber(right.0.wrapping_add(guess * 10_000_019 + 1_000_000));
        let forged = Seg { ack: wrong, ..peer.ack() }.data(b"forged");
        assert_eq!(host.take(&forged).0, Some(DropReason::TcpBadAck), "{guess}");
        let seq = SeqNumber(peer.nxt.0.wrapping_add(guess * 10_000_019 + 1_000_000));
        let forged = Seg { seq, ..peer.ack() }.data(b"forged");
        assert_eq!(host.take(&forged).0, Some(DropReason::TcpOutOfWindow), "{guess}");
    }
    assert_eq!(host.read(peer.id), b"");
    host.sends(peer.id);
    let ack = peer.acks(4 * SEGMENT);
    host.take(&ack);
    still_works(&mut host, &mut peer);
}

/// Whatever is injected, what has arrived before it stays (reassembly, and the text of a segment).
#[test]
fn bytes_that_overlap_do_not_replace_those_that_came_first() {
    let mut host = Host::new();
    let mut peer = host.established();
    let at = |offset: u32, data: &[u8]| Seg { seq: peer.nxt + offset, ..peer.ack() }.data(data);
    // Behind a hole, over it, before it, and at last with everything else.
    let segments =
        [at(4, b"EFGH"), at(2, b"ccxxxxxxii"), at(6, b"yyyyyy"), at(0, b"abzzzzzzzzzzzz"), at(1, b"!!!")];
    for seg in segments {
        host.take(&seg);
        host.sends(peer.id);
    }
    assert_eq!(host.read(peer.id), b"abccEFGHxxiizz");
    peer.nxt += 14;
    still_works(&mut host, &mut peer);
}

/// RFC 9293 3.10.7.4, seventh: text behind the end of the peer's stream is none.
#[test]
fn data_behind_the_fin_is_nothing() {
    let mut host = Host::new();
    let mut peer = host.established();
    let last = Seg { flags: F::ACK | F::FIN, ..peer.ack() }.data(b"all");
    host.take(&last);
    peer.nxt += 4;
    let more = peer.data(b"more");
    assert_eq!(host.take(&more).0, Some(DropReason::TcpAfterClose));
    peer.nxt -= 4;
    assert_eq!(host.read(peer.id), b"all");
    assert_eq!(host.state(peer.id), Some(TcpStateName::CloseWait));
    host.write(peer.id, b"goes on");
    assert!(host.sends(peer.id).iter().any(|seg| seg.data == b"goes on" && seg.ack == peer.nxt));
}

/// A FIN that moves: that of the first FIN in order counts, whatever others said before or behind it.
#[test]
fn a_fin_in_another_place_than_before_ends_the_stream_once() {
    let mut host = Host::new();
    let mut peer = host.established();
    let fin = |offset: u32| Seg { seq: peer.nxt + offset, flags: F::ACK | F::FIN, ..peer.ack() };
    for offset in [5, 2, 9, 3] {
        host.take(&fin(offset));
        host.sends(peer.id);
    }
    assert_eq!(host.state(peer.id), Some(TcpStateName::Established), "a hole is before each of them");
    let data = peer.data(b"12345");
    host.take(&data);
    assert_eq!(host.read(peer.id), b"12345");
    assert_eq!(host.state(peer.id), Some(TcpStateName::CloseWait), "the first that was named");
    host.take(&Seg { flags: F::ACK | F::FIN, seq: peer.nxt + 4, ..peer.ack() });
    assert_eq!(host.state(peer.id), Some(TcpStateName::CloseWait));
    assert_eq!(host.memory.in_use(), 0);
}

fn icmp(kind: IcmpErrorKind, seq: SeqNumber) -> IcmpErrorFor {
    let ports = [LOCAL.port().to_be_bytes(), REMOTE.port().to_be_bytes()].concat();
    IcmpErrorFor {
        kind,
        reporter: REMOTE.ip(),
        source: LOCAL.ip(),
        destination: REMOTE.ip(),
        protocol: fathom_wire::IpProtocol::Tcp,
        quoted: [&ports[..], &seq.0.to_be_bytes()].concat().into(),
        hop_limit: 60,
        packet_len: 1500,
        cause: None,
    }
}

/// RFC 5927 4.1, 5.2, 6.2 and 7.2.
#[test]
fn icmp_errors_neither_end_nor_slow_a_connection() {
    let kinds = [
        IcmpErrorKind::PortUnreachable,
        IcmpErrorKind::ProtocolUnreachable,
        IcmpErrorKind::Prohibited,
        IcmpErrorKind::HostUnreachable,
        IcmpErrorKind::NetworkUnreachable,
        IcmpErrorKind::HopLimitExceeded,
        IcmpErrorKind::ParameterProblem,
        IcmpErrorKind::PacketTooBig { mtu: 1500 },
        IcmpErrorKind::PacketTooBig { mtu: 60_000 },
    ];
    let mut host = Host::new();
    let mut peer = in_flight(&mut host, 10);
    let before = info(&host, peer.id);
    for kind in kinds {
        // What is in flight may be quoted by whoever is on the path; other numbers are guessed.
        for (offset, in_flight) in [(0, true), (9 * SEGMENT, true), (10 * SEGMENT, false), (1 << 30, false)] {
            let (mut cx, layer) = host.parts();
            let believed = layer.handle_icmp_error(&mut cx, &icmp(kind, peer.una + offset));
            assert!(in_flight || !believed, "{kind:?} at {offset}");
        }
        assert_eq!(host.sends(peer.id), [], "{kind:?}");
    }
    let after = info(&host, peer.id);
    assert_eq!((after.snd_cwnd, after.snd_mss, after.ca_state), (before.snd_cwnd, before.snd_mss, "open"));
    assert_eq!(host.state(peer.id), Some(TcpStateName::Established));
    let ack = peer.acks(10 * SEGMENT);
    host.take(&ack);
    host.pass(MS(10));
    still_works(&mut host, &mut peer);
}
