//! Peers that want much work done, much memory held, or no end of answers.

use std::vec::Vec;

use fathom_record::TcpStateName;
use fathom_wire::SeqNumber;

use super::super::harness::{F, Host, MSS, REMOTE, Seg, plain};
use super::{MS, info, read_all, still_works};

/// Two hosts, each the other's peer, that carry on by themselves; gives how many segments were sent.
fn carry_on(ends: &mut [(Host, crate::socket::TcpId); 2], mut on_the_way: Vec<(usize, Seg)>) -> usize {
    let mut sent = 0;
    while let Some((to, seg)) = on_the_way.pop() {
        sent += 1;
        assert!(sent < 1000, "a storm");
        let (host, id) = &mut ends[to];
        let (_, answer) = host.take(&seg);
        on_the_way.extend(answer.into_iter().chain(host.sends(*id)).map(|seg| (1 - to, seg)));
    }
    sent
}

/// Two of our own stacks whose connection somebody has set apart: `ahead` bytes were injected on both sides.
fn set_apart(ahead: u32) -> [(Host, crate::socket::TcpId); 2] {
    let ends = [0, 1].map(|_| {
        let mut host = Host::new();
        let peer = host.established();
        (host, peer)
    });
    // Each believes that its peer has sent, and is at, other numbers than it is.
    ends.map(|(mut host, mut peer)| {
        let forged = peer.data(&std::vec![0; ahead as usize]);
        host.take(&forged);
        host.sends(peer.id);
        (host, peer.id)
    })
}

/// RFC 5961 7, and "ACK storm" (Joncheray, "A Simple Active Attack Against TCP", 1995): two ends that disagree about
/// every number answer each other's acknowledgements, and must come to an end with it.
#[test]
fn two_ends_that_disagree_fall_silent() {
    for ahead in [1, 1000, 20_000] {
        let mut ends = set_apart(ahead);
        let mut sent = 0;
        for turn in 0..4 {
            let (host, id) = &mut ends[turn % 2];
            host.write(*id, b"whoever you are");
            let first = host.sends(*id).into_iter().map(|seg| (1 - turn % 2, seg)).collect();
            sent += carry_on(&mut ends, first);
            for (host, _) in &mut ends {
                host.pass(MS(5));
            }
        }
        // Four segments with data, an answer to each, and two challenges of each end.
        assert!(sent <= 4 * 2 + 2 * 2, "{ahead} apart: {sent} segments");
    }
}

/// RFC 9293 3.5, figure 8: SYN-ACKs that cross, again and again, bring no storm either.
#[test]
fn syn_acks_that_cross_again_and_again_draw_few_answers() {
    let mut host = Host::new();
    let id = host.connect(plain());
    let syn = host.sends_one(id);
    let their_syn = Seg::new(F::SYN, SeqNumber(7000), SeqNumber(0)).mss(MSS as u16);
    host.take(&their_syn);
    let mut sent = host.sends(id).len();
    for _ in 0..500 {
        let again = Seg::new(F::SYN | F::ACK, SeqNumber(7000), syn.seq + 1).mss(MSS as u16);
        host.take(&again);
        sent += host.sends(id).len();
    }
    assert!(sent <= 1 + 1 + 2, "{sent} segments");
    assert_eq!(host.state(id), Some(TcpStateName::Established));
}

/// Single bytes with holes between them: what is held is bounded, the answers are as many as what came, and the
/// holes can be filled.
#[test]
fn a_flood_of_bytes_with_holes_between_them_holds_a_bounded_amount() {
    let mut host = Host::new();
    let mut peer = host.established_with(Seg::sack_permitted);
    let mut answers = 0;
    for hole in 0..30_000 {
        let island = Seg { seq: peer.nxt + 1 + 2 * hole, ..peer.ack() }.data(b"i");
        host.take(&island);
        answers += host.sends(peer.id).len();
    }
    assert!(answers <= 30_000);
    // Twice the window, whatever the overhead of a byte is.
    assert!(host.memory.in_use() <= 2 * 65_535 + 4096, "{} bytes", host.memory.in_use());
    // The peer fills the holes, from where it was acknowledged on.
    let (first, mut read) = (peer.nxt, Vec::new());
    while read.len() < 50_000 {
        let data = Seg { seq: peer.nxt, ..peer.ack() }.data(&[b'd'; 1460]);
        host.take(&data);
        host.pass(MS(50));
        let acked = host.sends(peer.id).iter().map(|seg| seg.ack).fold(peer.nxt, SeqNumber::max);
        assert!(acked.gt(peer.nxt), "what fills the first hole is taken");
        peer.nxt = acked;
        read.extend(read_all(&mut host, peer.id));
    }
    assert_eq!(read.len(), peer.nxt.distance_from(first) as usize);
    assert_eq!(host.state(peer.id), Some(TcpStateName::Established));
}

/// A peer that opens connections and says nothing: an idle connection holds no payload memory, sets no timer, and
/// there are no more of them than configured.
#[test]
fn connections_that_say_nothing_hold_nothing() {
    let mut host = Host::new();
    host.config.tcp.connections = 50;
    let listener = host.listen(100, false);
    let mut accepted = 0;
    for number in 0..200 {
        host.remote = core::net::SocketAddr::new(REMOTE.ip(), 10_000 + number);
        let syn = Seg::new(F::SYN, SeqNumber(1), SeqNumber(0)).mss(MSS as u16);
        let (_, Some(syn_ack)) = host.take(&syn) else { continue };
        host.take(&Seg::new(F::ACK, SeqNumber(2), syn_ack.seq + 1));
        accepted += usize::from(host.accept(listener).is_some());
    }
    assert_eq!(accepted, 50);
    host.pass(MS(300_000));
    assert_eq!(host.memory.in_use(), 0);
    assert_eq!(host.timers_in_use().0, 0, "timers of connections that wait for nothing");
}

/// A program that does not read, and a peer that does not stop: what waits is bounded, and the peer is told.
#[test]
fn a_peer_that_ignores_the_window_fills_no_more_than_it() {
    let mut host = Host::new();
    let mut peer = host.established();
    for _ in 0..500 {
        let data = peer.data(&[7; 1460]);
        host.take(&data);
        host.sends(peer.id);
    }
    assert!(host.memory.in_use() <= 2 * 65_535 + 4096, "{} bytes", host.memory.in_use());
    assert_eq!(info(&host, peer.id).rcv_wnd, 0);
    let read = read_all(&mut host, peer.id);
    assert_eq!(read.len(), 65_535);
    peer.nxt = peer.nxt - 500 * 1460 + 65_535;
    still_works(&mut host, &mut peer);
}
