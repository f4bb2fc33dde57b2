//! The checks of RFC 9293 3.10.7.4 and what follows them (design notes P-23 to P-33, P-107 to P-112).

use core::time::Duration;
use std::vec::Vec;

use fathom_record::{DropReason, TcpStateName};
use fathom_wire::SeqNumber;

use super::harness::{F, Host, MSS, Peer, Seg};
use crate::event::Readiness;
use crate::socket::TcpId;
use crate::transport::tcp::TcpError;

const MS: fn(u64) -> Duration = Duration::from_millis;

fn error(host: &mut Host, id: TcpId) -> Option<TcpError> {
    host.with_connection(id, |connection, _| connection.take_error())
}

/// A connection past the phase in which everything is acknowledged at once.
fn settled(host: &mut Host) -> Peer {
    let mut peer = host.established();
    for _ in 0..16 {
        let seg = peer.data(b"x");
        host.take(&seg);
    }
    host.sends(peer.id);
    host.read(peer.id);
    host.events();
    peer
}

#[test]
fn a_reset_must_hit_the_next_sequence_number() {
    let edge = 65_535;
    let cases = [
        (-1i64, Some(DropReason::TcpOutOfWindow), false),
        (0, None, true),
        (1, Some(DropReason::TcpChallengeReset), false),
        (edge - 1, Some(DropReason::TcpChallengeReset), false),
        (edge, Some(DropReason::TcpOutOfWindow), false),
    ];
    for (offset, dropped, ends) in cases {
        let mut host = Host::new();
        let peer = host.established();
        let seq = SeqNumber(peer.nxt.0.wrapping_add(offset as u32));
        assert_eq!(host.take(&Seg::new(F::RST, seq, SeqNumber(0))), (dropped, None), "{offset}");
        // RFC5961-R1
        assert_eq!(host.state(peer.id) == Some(TcpStateName::Closed), ends);
        let challenged = dropped == Some(DropReason::TcpChallengeReset);
        // RFC5961-R1
        assert_eq!(host.sends(peer.id).len(), usize::from(challenged), "{offset}");
        assert_eq!(error(&mut host, peer.id), ends.then_some(TcpError::Reset));
    }
}

#[test]
fn a_reset_counts_also_when_the_window_is_closed() {
    let mut host = Host::new();
    let mut peer = host.established();
    for _ in 0..44 {
        let seg = peer.data(&[1; MSS]);
        host.take(&seg);
        host.sends(peer.id);
    }
    let window = host.layer.get(peer.id).unwrap().info(host.now, &host.config.tcp, &host.memory).rcv_wnd;
    assert!(window < MSS as u32 && window > 0);
    let last = peer.data(&std::vec![1; window as usize]);
    host.take(&last);
    assert_eq!(host.sends_one(peer.id).window, 0);
    assert_eq!(host.take(&peer.seg(F::RST)), (None, None));
    // RFC9293-MUST-66
    assert_eq!(host.state(peer.id), Some(TcpStateName::Closed));
    // The data that had arrived is still there, then the error, then the end.
    assert_eq!(host.read(peer.id).len(), 65_535);
    let mut recv = || host.with_connection(peer.id, |connection, cx| connection.recv(cx, &mut [0]));
    // RFC9293-MUST-12: an abort
    assert_eq!([recv(), recv(), recv()], [Err(TcpError::Reset), Ok(0), Ok(0)]);
}

#[test]
fn a_syn_is_challenged_wherever_it_is() {
    for offset in [-5i32, 0, 5, 70_000] {
        let mut host = Host::new();
        let peer = host.established();
        let seq = SeqNumber(peer.nxt.0.wrapping_add_signed(offset));
        host.take(&Seg::new(F::SYN, seq, SeqNumber(0)).data(b"garbage"));
        let challenge = host.sends_one(peer.id);
        // RFC5961-R2
        assert_eq!((challenge.flags, challenge.ack, challenge.data.len()), (F::ACK, peer.nxt, 0));
        assert_eq!(host.state(peer.id), Some(TcpStateName::Established));
        assert_eq!(host.read(peer.id), b"");
    }
}

#[test]
fn challenges_are_limited_and_answers_to_data_are_not() {
    let mut host = Host::new();
    let mut peer = settled(&mut host);
    let mut challenges = 0;
    for _ in 0..50 {
        host.take(&Seg::new(F::RST, peer.nxt + 1, SeqNumber(0)));
        challenges += host.sends(peer.id).len();
    }
    // RFC5961-R4
    assert_eq!(challenges, 2);
    host.pass(MS(600));
    host.take(&Seg::new(F::RST, peer.nxt + 1, SeqNumber(0)));
    assert_eq!(host.sends(peer.id).len(), 1, "half a second later there are new ones");
    let old = peer.data(b"data");
    host.take(&old);
    host.pass(MS(50));
    host.sends(peer.id);
    for _ in 0..50 {
        assert_eq!(host.take(&old).0, Some(DropReason::TcpOutOfWindow));
        // RFC9293-X-6
        assert_eq!(host.sends_one(peer.id).ack, peer.nxt, "its sender has missed our acknowledgement");
    }
}

#[test]
fn a_keep_alive_is_answered() {
    let mut host = Host::new();
    let mut peer = settled(&mut host);
    for garbage in [&b""[..], b"x"] {
        for _ in 0..5 {
            host.pass(Duration::from_secs(1));
            let probe = Seg { seq: peer.nxt - 1, ..peer.ack() }.data(garbage);
            host.take(&probe);
            assert_eq!(host.sends_one(peer.id).ack, peer.nxt);
        }
    }
    let seg = peer.data(b"y");
    host.take(&seg);
    assert_eq!(host.read(peer.id), b"y");
}

#[test]
fn text_with_an_unacceptable_acknowledgement_is_not_taken() {
    let mut host = Host::new();
    let peer = host.established();
    // The largest window that the peer ever had was 65,535.
    let too_old = peer.una - 65_536;
    for (ack, taken) in [(peer.una + 1, false), (too_old, false), (too_old + 1, true)] {
        let seg = Seg::new(F::ACK, peer.nxt, ack).data(b"text");
        let (dropped, _) = host.take(&seg);
        // RFC5961-R3, RFC9293-MAY-12
        assert_eq!(dropped.is_none(), taken);
        assert_eq!(host.read(peer.id) == b"text", taken);
        // RFC5961-R3
        assert_eq!(host.sends(peer.id).len(), 1);
    }
}

#[test]
fn a_segment_without_an_acknowledgement_is_dropped() {
    let mut host = Host::new();
    let peer = host.established();
    let seg = Seg { flags: F::PSH | F::FIN, ..peer.ack() }.data(b"text");
    // RFC9293-X-8
    assert_eq!(host.take(&seg), (Some(DropReason::TcpNoAck), None));
    assert_eq!(host.state(peer.id), Some(TcpStateName::Established));
}

#[test]
fn an_acknowledgement_of_what_was_never_sent_changes_nothing_while_closing() {
    // Which FINs are exchanged before: ours, the peer's; what the peer acknowledges of ours.
    let cases = [
        (true, false, false, TcpStateName::FinWait1),
        (true, false, true, TcpStateName::FinWait2),
        (true, true, false, TcpStateName::Closing),
        (false, true, false, TcpStateName::CloseWait),
    ];
    for (ours, theirs, acked, state) in cases {
        let mut host = Host::new();
        let mut peer = host.established();
        if ours {
            host.with_connection(peer.id, |connection, cx| connection.shutdown(cx)).unwrap();
            assert_eq!(host.sends_one(peer.id).flags, F::FIN | F::ACK);
        }
        if acked {
            let seg = peer.acks(1);
            host.take(&seg);
        }
        if theirs {
            host.take(&peer.seg(F::FIN | F::ACK));
            peer.nxt += 1;
            host.sends(peer.id);
        }
        assert_eq!(host.state(peer.id), Some(state));
        let beyond = Seg { ack: peer.una + 5, ..peer.ack() };
        assert_eq!(host.take(&beyond).0, Some(DropReason::TcpBadAck));
        assert_eq!(host.sends_one(peer.id).flags, F::ACK, "{state:?}");
        assert_eq!(host.state(peer.id), Some(state));
    }
}

#[test]
fn the_peers_old_timestamps_are_refused() {
    let mut host = Host::new();
    let mut peer = host.established_with(|syn| syn.stamp(1000, 0));
    peer.stamps = Some(1005);
    let new = peer.data(b"new");
    host.take(&new);
    assert_eq!(host.sends_one(peer.id).options.timestamps.unwrap().echo, 1005);
    peer.stamps = Some(1004);
    let old = peer.data(b"old");
    // RFC7323-R18
    assert_eq!(host.take(&old).0, Some(DropReason::TcpPaws));
    // RFC7323-R18
    assert_eq!(host.sends(peer.id).len(), 1);
    assert_eq!(host.read(peer.id), b"new");
    // Resets are exempt, and 24 days later the clock may have gone round.
    host.pass(Duration::from_secs(25 * 24 * 3600));
    // RFC7323-R20
    assert_eq!(host.take(&old), (None, None));
    assert_eq!(host.read(peer.id), b"old");
    peer.stamps = Some(1);
    // RFC7323-R19
    assert_eq!(host.take(&peer.seg(F::RST)), (None, None));
    assert_eq!(host.state(peer.id), Some(TcpStateName::Closed));
}

#[test]
fn segments_without_the_timestamps_that_were_agreed_on_are_taken() {
    let mut host = Host::new();
    let mut peer = host.established_with(|syn| syn.stamp(1000, 0));
    peer.stamps = None;
    let seg = peer.data(b"bare");
    assert_eq!(host.take(&seg), (None, None));
    assert_eq!(host.read(peer.id), b"bare");
}

#[test]
fn segments_without_timestamps_are_dropped_if_they_are_required() {
    let tcp = crate::transport::tcp::TcpConfig { require_timestamps: true, ..Default::default() };
    let mut host = Host::with(crate::config::Config { tcp, ..Default::default() });
    let mut peer = host.established_with(|syn| syn.stamp(1000, 0));
    let stamped = peer.data(b"stamped");
    let bare = Seg { options: Default::default(), ..stamped.clone() };
    // RFC7323-R11
    assert_eq!(host.take(&bare), (Some(DropReason::TcpNoTimestamps), None));
    // RFC7323-R11
    assert_eq!((host.sends(peer.id), host.state(peer.id)), (Vec::new(), Some(TcpStateName::Established)));
    host.take(&stamped);
    assert_eq!(host.read(peer.id), b"stamped");
    // A reset needs none (RFC 7323 3.2).
    host.take(&Seg { options: Default::default(), ..peer.seg(F::RST) });
    assert_eq!(host.state(peer.id), Some(TcpStateName::Closed));
}

/// The third segment too.
#[test]
fn a_third_segment_without_timestamps_completes_nothing_if_they_are_required() {
    for required in [false, true] {
        let tcp = crate::transport::tcp::TcpConfig { require_timestamps: required, ..Default::default() };
        let mut host = Host::with(crate::config::Config { tcp, ..Default::default() });
        let listener = host.listen(8, false);
        let syn = Seg::new(F::SYN, super::harness::IRS, SeqNumber(0)).stamp(1000, 0);
        let syn_ack = host.take(&syn).1.unwrap();
        let third = Seg::new(F::ACK, syn.seq + 1, syn_ack.seq + 1);
        // RFC7323-R11: the third segment too
        assert_eq!(host.take(&third).0, required.then_some(DropReason::TcpNoTimestamps));
        assert_eq!(host.accept(listener).is_some(), !required);
    }
}

#[test]
fn every_segment_has_timestamps_once_they_are_agreed_on() {
    let mut host = Host::new();
    let mut peer = host.established_with(|syn| syn.stamp(1000, 0));
    let mut sent = Vec::new();
    let text = peer.data(b"text");
    host.take(&text);
    sent.extend(host.sends(peer.id));
    host.write(peer.id, b"answer");
    sent.extend(host.sends(peer.id));
    sent.extend(host.next_sent(peer.id).unwrap().1);
    host.take(&Seg { seq: peer.nxt - 10, ..peer.ack() }.data(b"old"));
    sent.extend(host.sends(peer.id));
    host.with_connection(peer.id, |connection, cx| connection.shutdown(cx)).unwrap();
    sent.extend(host.sends(peer.id));
    // RFC7323-R10
    assert!(sent.len() >= 5 && sent.iter().all(|seg| seg.options.timestamps.is_some()), "{sent:#?}");
}

#[test]
fn the_echo_is_the_timestamp_of_the_segment_that_advanced_the_edge() {
    let mut host = Host::new();
    let mut peer = host.established_with(|syn| syn.stamp(1000, 0));
    let stamped = |peer: &mut Peer, value| {
        peer.stamps = Some(value);
        peer.data(&[1; 100])
    };
    let (first, second, third) =
        (stamped(&mut peer, 1010), stamped(&mut peer, 1020), stamped(&mut peer, 1030));
    let echo = |host: &mut Host, seg: &Seg| {
        host.take(seg);
        host.sends_one(peer.id).options.timestamps.unwrap().echo
    };
    assert_eq!(echo(&mut host, &first), 1010);
    // RFC7323-R16, RFC7323-R17
    assert_eq!(echo(&mut host, &third), 1010, "it lies behind a hole");
    // RFC7323-R16
    assert_eq!(echo(&mut host, &second), 1020, "it fills the hole");
}

#[test]
fn overlapping_and_repeated_text_is_delivered_once() {
    let mut host = Host::new();
    let mut peer = host.established();
    let start = peer.nxt;
    let at = |offset: u32, data: &[u8]| Seg { seq: start + offset, ..peer.ack() }.data(data);
    let segs = [
        at(0, b"abc"),
        at(0, b"abcdef"),
        at(2, b"cdefgh"),
        at(10, b"klm"),
        at(12, b"mnop"),
        at(6, b"ghijklmnopq"),
    ];
    for seg in &segs {
        host.take(seg);
    }
    assert_eq!(host.read(peer.id), b"abcdefghijklmnopq");
    peer.nxt += 17;
    assert_eq!(host.sends(peer.id).last().unwrap().ack, peer.nxt);
}

#[test]
fn text_beyond_the_window_is_cut_off_with_the_fin_behind_it() {
    let mut host = Host::new();
    let mut peer = host.established();
    for _ in 0..44 {
        let seg = peer.data(&[1; MSS]);
        host.take(&seg);
    }
    host.sends(peer.id);
    // 1,295 bytes of the window are left; nothing was read.
    let seg = Seg { flags: F::ACK | F::FIN, ..peer.ack() }.data(&[2; MSS]);
    assert_eq!(host.take(&seg), (None, None));
    let ack = host.sends_one(peer.id);
    // RFC9293-X-7
    assert_eq!((ack.ack, ack.window), (peer.nxt + 1295, 0));
    assert_eq!(host.state(peer.id), Some(TcpStateName::Established));
    assert_eq!(host.read(peer.id).len(), 65_535);
}

#[test]
fn each_segment_out_of_order_is_answered_by_a_duplicate() {
    let mut host = Host::new();
    let mut peer = settled(&mut host);
    let hole = peer.data(&[0; 100]);
    // One batch: no transmission in between.
    for _ in 0..5 {
        let seg = peer.data(&[1; 100]);
        host.take(&seg);
    }
    let duplicates: Vec<SeqNumber> = host.sends(peer.id).iter().map(|seg| seg.ack).collect();
    // RFC5681-R6, RFC5681-R10, RFC9293-MAY-13
    assert_eq!(duplicates, [hole.seq; 5]);
    host.take(&hole);
    // RFC5681-R7
    assert_eq!(host.sends_one(peer.id).ack, peer.nxt, "at once, since it fills the hole");
    // RFC9293-SHLD-31
    assert_eq!(host.read(peer.id).len(), 600);
}

#[test]
fn a_merged_segment_out_of_order_is_answered_as_what_it_was_merged_from() {
    let mut host = Host::new();
    let mut peer = settled(&mut host);
    let hole = peer.data(&[0; 100]);
    let merged = peer.data(&[1; 1050]);
    host.take_merged(&merged, Some(500));
    let duplicates: Vec<SeqNumber> = host.sends(peer.id).iter().map(|seg| seg.ack).collect();
    assert_eq!(duplicates, [hole.seq; 3]);
}

#[test]
fn one_acknowledgement_of_progress_stands_for_the_duplicates_before_it() {
    let mut host = Host::new();
    let mut peer = settled(&mut host);
    let hole = peer.data(&[0; 100]);
    for _ in 0..5 {
        let seg = peer.data(&[1; 100]);
        host.take(&seg);
    }
    host.take(&hole);
    assert_eq!(host.sends_one(peer.id).ack, peer.nxt);
    for _ in 0..3 {
        host.take(&hole);
    }
    host.take(&peer.seg(F::FIN | F::ACK));
    assert_eq!(host.sends_one(peer.id).ack, peer.nxt + 1);
}

#[test]
fn a_fin_behind_a_hole_waits_for_it() {
    let mut host = Host::new();
    let mut peer = host.established();
    let hole = peer.data(b"hole");
    let last = Seg { flags: F::FIN | F::ACK, ..peer.data(b"last") };
    host.take(&last);
    // RFC9293-X-10
    assert_eq!(host.state(peer.id), Some(TcpStateName::Established));
    assert_eq!(host.read(peer.id), b"");
    host.take(&hole);
    assert_eq!(host.state(peer.id), Some(TcpStateName::CloseWait));
    assert_eq!(host.read(peer.id), b"holelast");
    // RFC9293-X-10
    assert_eq!(host.sends(peer.id).last().unwrap().ack, peer.nxt + 1);
    // Nothing may follow the end.
    peer.nxt += 1;
    let after = peer.data(b"more");
    assert_eq!(host.take(&after).0, Some(DropReason::TcpAfterClose));
}

#[test]
fn a_hole_is_filled_although_the_islands_have_taken_all_room() {
    let mut host = Host::new();
    let mut peer = host.established();
    let start = peer.nxt;
    let island = |at: u32| Seg { seq: start + at, ..peer.ack() }.data(b"i");
    let refused =
        (1..30_000).filter(|i| host.take(&island(2 * i)).0 == Some(DropReason::TcpReassemblyFull)).count();
    assert!(refused > 20_000, "{refused}");
    assert!(host.memory.in_use() <= 2 * 65_535 + 4096, "{}", host.memory.in_use());
    let seg = peer.data(&[0; 1000]);
    assert_eq!(host.take(&seg), (None, None));
    assert_eq!(host.read(peer.id).len(), 1001);
}

#[test]
fn a_short_flow_of_single_segments_is_acknowledged_late_and_every_second_full_one_at_once() {
    let mut host = Host::new();
    let mut peer = settled(&mut host);
    let full = peer.data(&[1; MSS]);
    host.take(&full);
    // RFC9293-SHLD-18
    assert_eq!(host.sends(peer.id), []);
    let full = peer.data(&[1; MSS]);
    host.take(&full);
    // RFC9293-SHLD-19
    assert_eq!(host.sends_one(peer.id).ack, peer.nxt);
    host.read(peer.id);
    let begin = host.now;
    let short = peer.data(b"x");
    host.take(&short);
    assert_eq!(host.sends(peer.id), []);
    let (after, sent) = host.next_sent(peer.id).unwrap();
    // RFC9293-MUST-40
    assert!(after >= MS(1) && after <= MS(41), "{after:?} after {begin}");
    assert_eq!((sent.len(), sent[0].ack), (1, peer.nxt));
}

#[test]
fn an_acknowledgement_rides_on_data_and_leaves_no_timer() {
    let mut host = Host::new();
    let mut peer = settled(&mut host);
    let request = peer.data(b"request");
    host.take(&request);
    host.write(peer.id, b"reply");
    let reply = host.sends_one(peer.id);
    assert_eq!((reply.ack, &reply.data[..]), (peer.nxt, &b"reply"[..]));
    let ack = peer.acks(5);
    host.take(&ack);
    // RFC6298-R7: all is acknowledged
    assert_eq!(host.next_sent(peer.id), None);
}

#[test]
fn a_batch_of_segments_is_worth_one_acknowledgement() {
    let mut host = Host::new();
    let mut peer = settled(&mut host);
    for _ in 0..10 {
        let seg = peer.data(&[1; MSS]);
        host.take(&seg);
    }
    // RFC9293-MUST-58, RFC9293-MUST-59
    assert_eq!(host.sends_one(peer.id).ack, peer.nxt);
}

#[test]
fn tiny_segments_cannot_make_the_memory_grow() {
    let mut host = Host::new();
    let mut peer = host.established();
    let mut refused = 0;
    for _ in 0..70_000 {
        let seg = peer.data(b"i");
        if host.take(&seg).0.is_some() {
            refused += 1;
            peer.nxt -= 1;
        }
        host.sends(peer.id);
    }
    assert_eq!(70_000 - refused, 65_535, "the window is the limit");
    assert!(host.memory.in_use() < 2 * 65_535 + (16 << 10), "{}", host.memory.in_use());
    assert_eq!(host.read(peer.id).len(), 65_535);
    assert_eq!(host.memory.in_use(), 0);
}

#[test]
fn the_program_is_told_of_data_and_of_its_end() {
    let mut host = Host::new();
    let mut peer = host.established();
    let seg = peer.data(b"x");
    host.take(&seg);
    assert_eq!(host.events()[0].readiness, Readiness::READABLE);
    host.take(&peer.seg(F::FIN | F::ACK));
    assert_eq!(host.events()[0].readiness, Readiness::READABLE | Readiness::CLOSED_READ);
}

#[test]
fn the_memory_limit_refuses_text_without_losing_it() {
    let mut host = Host::new();
    let mut peer = host.established();
    host.memory = crate::memory::MemoryBudget::new(1100);
    let first = peer.data(&[1; 800]);
    assert_eq!(host.take(&first), (None, None));
    let second = Seg { seq: peer.nxt, ..peer.ack() }.data(&[2; 800]);
    assert_eq!(host.take(&second).0, Some(DropReason::MemoryLimit));
    assert_eq!(host.sends(peer.id).last().unwrap().ack, peer.nxt);
    assert_eq!(host.read(peer.id).len(), 800);
    assert_eq!(host.take(&second), (None, None));
    assert_eq!(host.read(peer.id), [2; 800]);
}

/// 3584 bytes are for payload, and data is copied to blocks of 2 KiB where a whole segment has no room.
#[test]
fn of_text_that_is_larger_than_the_memory_the_first_part_is_taken() {
    for behind_a_hole in [0, 1000] {
        let mut host = Host::new();
        let mut peer = host.established();
        host.memory = crate::memory::MemoryBudget::new(4096);
        if behind_a_hole > 0 {
            // It gives way to what fills the hole.
            host.take(&Seg { seq: peer.nxt + 5000, ..peer.ack() }.data(&std::vec![9; behind_a_hole]));
            assert!(host.memory.in_use() > behind_a_hole);
        }
        let first = peer.nxt;
        assert_eq!(host.take(&peer.data(&[1; 5000])).0, Some(DropReason::MemoryLimit));
        assert_eq!(host.sends(peer.id).last().unwrap().ack, first + 2048, "{behind_a_hole}");
        assert_eq!(host.read(peer.id), [1; 2048]);
        assert_eq!(host.memory.in_use(), 0);
    }
}

#[test]
fn short_pieces_are_taken_as_far_as_the_memory_goes() {
    let mut host = Host::new();
    let mut peer = host.established();
    for _ in 0..8 {
        let seg = peer.data(&[1; 100]);
        host.take(&seg);
    }
    // What waits is a block of 2 KiB and some slices; no further block may be taken.
    host.memory = crate::memory::MemoryBudget::full(host.memory.in_use());
    let mut taken = 800;
    let mut refused = None;
    while refused.is_none() && taken < 100_000 {
        let seg = peer.data(&[2; 300]);
        refused = host.take(&seg).0;
        taken += 300;
    }
    assert_eq!(refused, Some(DropReason::MemoryLimit));
    let acked = host.sends(peer.id).last().unwrap().ack;
    let got = host.read(peer.id);
    assert_eq!(acked, peer.nxt - (taken - got.len()) as u32, "what is acknowledged is there");
    assert!(got[..800].iter().all(|byte| *byte == 1) && got[800..].iter().all(|byte| *byte == 2));
}

#[test]
fn a_merged_segment_counts_as_the_segments_that_it_was_merged_from() {
    let mut host = Host::new();
    let mut peer = settled(&mut host);
    let merged = peer.data(&[1; 1000]);
    host.take_merged(&merged, Some(500));
    assert_eq!(host.sends(peer.id).len(), 1, "two full segments of 500");
    let single = peer.data(&[1; 500]);
    host.take(&single);
    assert_eq!(host.sends(peer.id).len(), 0);
    let info = host.layer.get(peer.id).unwrap().info(host.now, &host.config.tcp, &host.memory);
    assert_eq!(info.rcv_mss, 500);
}

#[test]
fn a_merged_segment_is_trimmed_at_both_edges_of_the_window() {
    let mut host = Host::new();
    let mut peer = host.established();
    let first = peer.data(&[1; 10_000]);
    host.take_merged(&first, Some(1000));
    // It begins 5,000 bytes before the window and ends 4,465 behind it.
    let wide = Seg { seq: first.seq + 5_000, ..peer.ack() }.data(&std::vec![2; 65_000]);
    assert_eq!(host.take_merged(&wide, Some(1000)), (None, None));
    let got = host.read(peer.id);
    assert_eq!(got.len(), 65_535);
    assert!(got[..10_000].iter().all(|byte| *byte == 1) && got[10_000..].iter().all(|byte| *byte == 2));
    assert_eq!(host.sends(peer.id).last().unwrap().ack, first.seq + 65_535);
}

#[test]
fn a_merged_segment_over_a_hole_keeps_what_came_first() {
    let mut host = Host::new();
    let mut peer = host.established();
    let start = peer.nxt;
    host.take(&Seg { seq: start + 2_000, ..peer.ack() }.data(&[9; 1000]));
    let merged = peer.data(&[1; 5_000]);
    host.take_merged(&merged, Some(1000));
    let got = host.read(peer.id);
    assert_eq!(got.len(), 5_000);
    assert!((0..5_000).all(|i| got[i] == if (2_000..3_000).contains(&i) { 9 } else { 1 }));
}
