//! Receivers that acknowledge what they do not have, or more often than they should, to be sent more than is
//! theirs (Savage et al., "TCP Congestion Control with a Misbehaving Receiver", 1999; RFC 5681 5).

use std::vec::Vec;

use fathom_record::DropReason;
use fathom_wire::{SackBlock, SeqNumber};

use super::super::harness::{Host, MSS, Peer, Seg};
use super::{MS, bytes, in_flight, info, still_works};

const SEGMENT: u32 = MSS as u32;

/// An acknowledgement of all that it has that reports blocks, from SND.UNA on.
fn report(peer: &Peer, blocks: &[(i64, i64)]) -> Seg {
    let at = |offset: i64| SeqNumber(peer.una.0.wrapping_add(offset as u32));
    let mut ack = peer.ack();
    let blocks = blocks.iter().map(|(left, right)| SackBlock { left: at(*left), right: at(*right) });
    ack.options.sack = blocks.collect();
    ack
}

/// RFC 9293 3.10.7.4, fifth; RFC 5961 5.2.
#[test]
fn an_acknowledgement_of_what_was_never_sent_moves_nothing() {
    for beyond in [1, 1000, 1 << 20, 1 << 30, (1 << 31) - 1] {
        let mut host = Host::new();
        let mut peer = in_flight(&mut host, 10);
        let before = info(&host, peer.id);
        let ack = Seg { ack: peer.una + 10 * SEGMENT + beyond, ..peer.ack() }.window(1);
        assert_eq!(host.take(&ack).0, Some(DropReason::TcpBadAck), "{beyond}");
        let after = info(&host, peer.id);
        assert_eq!(
            (after.unacked, after.snd_cwnd, after.snd_wnd),
            (10 * SEGMENT, before.snd_cwnd, before.snd_wnd)
        );
        assert!(host.sends(peer.id).iter().all(|seg| seg.data.is_empty()));
        let ack = peer.acks(10 * SEGMENT);
        host.take(&ack);
        still_works(&mut host, &mut peer);
    }
}

/// A receiver that acknowledges what is still on its way is sent no more for a round trip than one that waits
/// for it: the window grows by what was acknowledged, and each byte of it was sent.
#[test]
fn optimistic_acknowledgements_let_the_window_grow_by_what_was_sent_and_no_more() {
    let mut host = Host::new();
    let mut peer = in_flight(&mut host, 10);
    let mut window = info(&host, peer.id).snd_cwnd;
    for _ in 0..6 {
        // At once, not a round trip later; and once more, in case it helps.
        let outstanding = info(&host, peer.id).unacked;
        let ack = peer.acks(outstanding);
        for _ in 0..3 {
            host.take(&ack);
        }
        let grown = info(&host, peer.id).snd_cwnd;
        assert!(grown <= window + u64::from(outstanding), "{window} to {grown}");
        window = grown;
        host.write(peer.id, &std::vec![2; window as usize]);
        assert!(bytes(&host.sends(peer.id)) as u64 <= window);
    }
    let rto = info(&host, peer.id).rto;
    assert!(rto >= host.config.tcp.min_rto, "{rto:?}");
}

/// The window is counted in bytes (RFC 5681 3.1, RFC 3465), not in acknowledgements.
#[test]
fn an_acknowledgement_in_many_parts_is_worth_no_more_than_one() {
    let growth = |parts: u32| {
        let mut host = Host::new();
        let mut peer = in_flight(&mut host, 10);
        let before = info(&host, peer.id).snd_cwnd;
        for _ in 0..parts {
            let ack = peer.acks(10 * SEGMENT / parts);
            host.take(&ack);
        }
        assert_eq!(info(&host, peer.id).unacked, 0);
        info(&host, peer.id).snd_cwnd - before
    };
    let whole = growth(1);
    assert!(whole > 0);
    for parts in [10, 100, SEGMENT, 10 * SEGMENT] {
        assert!(growth(parts) <= whole, "in {parts} parts: {} instead of {whole}", growth(parts));
    }
}

/// RFC 5681 3.2, step 4, and 5: a forged duplicate must not let out a segment that none has left the network for.
#[test]
fn duplicates_let_out_no_more_segments_than_were_in_flight() {
    let mut host = Host::new();
    let mut peer = host.established();
    host.write(peer.id, &std::vec![0; 10 * MSS]);
    host.sends(peer.id);
    host.pass(MS(100));
    let ack = peer.acks(10 * SEGMENT);
    host.take(&ack);
    host.write(peer.id, &std::vec![1; 100 * MSS]);
    let outstanding = bytes(&host.sends(peer.id));
    let window = info(&host, peer.id).snd_cwnd;
    let mut sent = 0;
    for _ in 0..5000 {
        host.take(&peer.ack());
        sent += bytes(&host.sends(peer.id));
    }
    // One is repeated, and each of the others may stand for one that has left.
    assert!(sent <= outstanding + MSS, "{sent} bytes for duplicates, with {outstanding} in flight");
    let ack = peer.acks(outstanding as u32);
    host.take(&ack);
    assert!(info(&host, peer.id).snd_cwnd <= window, "recovery ends with a smaller window");
}

/// RFC 2018 4: what no honest receiver can report is not believed.
#[test]
fn reports_of_what_cannot_have_arrived_are_nothing() {
    let all = 10 * i64::from(SEGMENT);
    for (what, block) in [
        ("what was never sent", (all, all + 1000)),
        ("more than was sent", (1000, all + 1)),
        ("nothing", (1000, 1000)),
        ("the wrong way round", (3000, 1000)),
        ("half of the sequence numbers", (1000, 1000 - (1 << 31))),
        ("what is acknowledged", (-3000, -1000)),
        ("across the acknowledgement", (-1000, 3000)),
        ("the first in flight", (0, 1000)),
        ("far ahead", (1 << 30, (1 << 30) + 1000)),
    ] {
        let mut host = Host::new();
        let mut peer = in_flight(&mut host, 10);
        for _ in 0..10 {
            host.take(&report(&peer, &[block]));
            assert_eq!(host.sends(peer.id), [], "{what}");
        }
        let told = info(&host, peer.id);
        assert_eq!(
            (told.sacked, told.lost, told.unacked, told.ca_state),
            (0, 0, 10 * SEGMENT, "open"),
            "{what}"
        );
        let ack = peer.acks(10 * SEGMENT);
        host.take(&ack);
        still_works(&mut host, &mut peer);
    }
}

/// CVE-2019-11477 to 11479: reports of single bytes must not make the sender keep, and send again, as many pieces.
#[test]
fn reports_of_single_bytes_cost_a_bounded_number_of_ranges() {
    let mut host = Host::new();
    let mut peer = in_flight(&mut host, 10);
    let ranges_before = info(&host, peer.id).sacked;
    assert_eq!(ranges_before, 0);
    for byte in 0..3000 {
        let at = 1 + 4 * byte;
        host.take(&report(&peer, &[(at, at + 1), (at + 2, at + 3)]));
        host.sends(peer.id);
    }
    let again = info(&host, peer.id).retransmits;
    // Ten segments may be lost; the ranges that count beyond them are 64, and two blocks each time.
    assert!(again <= 10 + 2 * 64 + 10, "{again} segments were sent again");
    let ack = peer.acks(10 * SEGMENT);
    host.take(&ack);
    still_works(&mut host, &mut peer);
}

/// RFC 2018 8: what was reported may be given up. Whoever does so again and again delays himself alone, and soon gets
/// what comes next: it does not take a whole timeout each time.
#[test]
fn a_receiver_that_always_gives_up_what_it_reported_is_served_in_the_end() {
    let mut host = Host::new();
    let mut peer = in_flight(&mut host, 10);
    let begin = host.now;
    // The first was lost. Of what comes, only the next is kept, and the rest is reported all the same.
    for number in 0..10 {
        let outstanding = i64::from(info(&host, peer.id).unacked);
        let mut sent = Vec::new();
        for _ in 0..3 {
            let ack = match outstanding > i64::from(SEGMENT) {
                true => report(&peer, &[(i64::from(SEGMENT), outstanding)]),
                false => peer.ack(),
            };
            host.take(&ack);
            sent.extend(host.sends(peer.id));
        }
        while !sent.iter().any(|seg| seg.seq == peer.una) {
            sent = host.next_sent(peer.id).unwrap_or_else(|| panic!("number {number} is never sent again")).1;
        }
        host.pass(MS(100));
        let ack = peer.acks(SEGMENT);
        host.take(&ack);
    }
    // A round trip and half of one for each.
    let took = host.now - begin;
    assert!(took <= MS(10 * 160 + 500), "{took:?}");
    assert_eq!(info(&host, peer.id).unacked, 0);
    still_works(&mut host, &mut peer);
}

/// Acknowledgements older than the largest window are a blind attacker's (RFC 5961 5.2).
#[test]
fn acknowledgements_that_are_too_old_are_refused_with_their_data() {
    let mut host = Host::new();
    let mut peer = in_flight(&mut host, 10);
    let ack = peer.acks(10 * SEGMENT);
    host.take(&ack);
    let guesses = [-70_000_i64, -(1 << 20), -(1 << 30), (1 << 31) - 1].map(|guess| guess as u32);
    let refused: Vec<_> = guesses
        .iter()
        .map(|guess| {
            let seg = Seg { ack: SeqNumber(peer.una.0.wrapping_add(*guess)), ..peer.ack() }.data(b"forged");
            host.take(&seg).0
        })
        .collect();
    assert_eq!(refused, [Some(DropReason::TcpBadAck); 4]);
    assert_eq!(host.read(peer.id), b"");
    still_works(&mut host, &mut peer);
}
