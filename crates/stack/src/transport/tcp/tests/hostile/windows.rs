//! Windows and segment sizes that are meant to make the sender work much, wait for ever, or keep much.

use fathom_record::TcpStateName;

use super::super::harness::{Host, MSS, Seg};
use super::{MS, bytes, in_flight, info, still_works};
use crate::transport::tcp::{Connection, TcpError};

const SEGMENT: u32 = MSS as u32;

/// RFC 9293 3.8.6: a window may be taken back; nothing is sent beyond it, and nothing of it is a loss.
#[test]
fn a_window_that_is_taken_back_stops_the_sender_and_nothing_else() {
    let mut host = Host::new();
    let mut peer = in_flight(&mut host, 10);
    host.write(peer.id, &std::vec![2; 20 * MSS]);
    for window in [14_000, 3000, 1, 0, 5, 0] {
        host.take(&peer.ack().window(window));
        assert_eq!(host.sends(peer.id), [], "{window}");
    }
    assert_eq!((info(&host, peer.id).ca_state, info(&host, peer.id).retransmits), ("open", 0));
    let (_, probe) = host.next_sent(peer.id).expect("a probe");
    assert!(bytes(&probe) <= 1, "one byte asks whether the window is open: {}", bytes(&probe));
    let ack = peer.acks(10 * SEGMENT).window(65_535);
    host.take(&ack);
    assert!(bytes(&host.sends(peer.id)) >= MSS, "the window is open");
}

/// RFC 9293 3.8.6.2.1: a window that opens by a byte at a time does not make segments of a byte.
#[test]
fn a_window_that_opens_byte_by_byte_is_used_by_the_persist_timer_only() {
    let mut host = Host::new();
    let mut peer = in_flight(&mut host, 10);
    let ack = peer.acks(10 * SEGMENT).window(0);
    host.take(&ack);
    host.write(peer.id, &std::vec![2; 4 * MSS]);
    let mut sent = 0;
    for window in 1..500 {
        host.take(&peer.ack().window(window));
        sent += host.sends(peer.id).len();
    }
    assert_eq!(sent, 0, "segments into slivers of a window");
    let (after, probe) = host.next_sent(peer.id).expect("the persist timer decides");
    assert!(after >= MS(200), "{after:?}");
    assert_eq!(probe.len(), 1);
}

/// RFC 9293 3.8.6.1, MUST-37: for as long as a program wants the connection. It may set a limit, and memory has one.
#[test]
fn a_window_that_stays_closed_holds_a_bounded_amount_and_ends_with_the_owner() {
    let mut host = Host::new();
    let peer = host.established();
    host.take(&peer.ack().window(0));
    let full = |connection: &mut Connection, cx: &mut crate::context::Context<'_>| loop {
        match connection.send(cx, &[7; 10_000]) {
            Ok(_) => {}
            Err(error) => return error,
        }
    };
    assert_eq!(host.with_connection(peer.id, full), TcpError::WouldBlock);
    assert_eq!(host.sends(peer.id), []);
    // What the program wrote, in whole blocks.
    assert!(host.memory.in_use() <= (1 << 20) + (64 << 10), "{} bytes", host.memory.in_use());
    for _ in 0..60 {
        let (_, probe) = host.next_sent(peer.id).expect("a probe");
        assert!(probe.iter().all(|probe| probe.data.len() <= 1), "{probe:?}");
        host.take(&peer.ack().window(0));
    }
    assert_eq!(host.state(peer.id), Some(TcpStateName::Established));
    // Without an owner, a peer that answers each probe is given up all the same.
    host.with_connection(peer.id, |connection, cx| connection.let_go(cx));
    let left_at = host.now;
    while host.state(peer.id).is_some() {
        host.sends(peer.id);
        host.pass(MS(5000));
        host.take(&peer.ack().window(0));
        assert!(host.now - left_at < MS(100_000), "it holds on");
    }
    assert_eq!(host.memory.in_use(), 0);
}

/// RFC 9293 3.7.1; CVE-2019-11479: a tiny MSS makes segments that are mostly headers.
#[test]
fn a_tiny_segment_size_is_not_kept_to() {
    for (mss, expected) in [(Some(0), 48), (Some(1), 48), (Some(47), 48), (Some(88), 88), (None, 536)] {
        let mut host = Host::new();
        let mut peer = host.established_with(|mut syn| {
            syn.options.mss = mss;
            syn
        });
        host.write(peer.id, &[1; 2000]);
        let sent = host.sends(peer.id);
        let longest = sent.iter().map(|seg| seg.data.len()).max();
        assert_eq!(longest, Some(expected), "{mss:?}");
        let ack = peer.acks(bytes(&sent) as u32);
        host.take(&ack);
        assert!(info(&host, peer.id).snd_mss as usize == expected);
    }
}

/// A peer that sends single bytes pays more than we do: what waits for the program costs a bounded multiple.
#[test]
fn single_bytes_cost_no_more_memory_than_the_buffer_allows() {
    let mut host = Host::new();
    let mut peer = host.established();
    for _ in 0..20_000 {
        let seg = peer.data(b"x");
        host.take(&seg);
        host.sends(peer.id);
    }
    // A buffer of 64 KiB: twice that, and a few blocks.
    assert!(host.memory.in_use() <= 3 * 65_536, "{} bytes", host.memory.in_use());
    assert_eq!(super::read_all(&mut host, peer.id).len(), 20_000);
    assert_eq!(host.memory.in_use(), 0);
    still_works(&mut host, &mut peer);
}

/// A segment may be as large as the window and lie beyond it; what does not fit is not kept.
#[test]
fn data_beyond_the_window_is_not_kept() {
    let mut host = Host::new();
    let mut peer = host.established();
    let far = Seg { seq: peer.nxt + 65_000, ..peer.ack() }.data(&[9; 1460]);
    host.take(&far);
    let beyond = Seg { seq: peer.nxt + 70_000, ..peer.ack() }.data(&[9; 1460]);
    assert_eq!(host.take(&beyond).0, Some(fathom_record::DropReason::TcpOutOfWindow));
    let charged = host.memory.in_use();
    assert!(charged <= 535 + crate::memory::PIECE_OVERHEAD, "{charged} bytes for 535 in the window");
    still_works(&mut host, &mut peer);
}
