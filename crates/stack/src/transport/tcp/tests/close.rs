//! Closing and TIME-WAIT (RFC 9293 3.6, 3.10.4; RFC 1337; RFC 6191; design notes P-91 to P-96).

use core::time::Duration;

use fathom_record::{DropReason, TcpStateName};

use super::harness::{F, Host, MSS, Peer, Seg, plain};
use crate::event::Readiness;
use crate::transport::tcp::{ConnectError, TcpError};

fn close(host: &mut Host, peer: &Peer) {
    host.with_connection(peer.id, |connection, cx| connection.let_go(cx));
}

fn shutdown(host: &mut Host, peer: &Peer) {
    host.with_connection(peer.id, |connection, cx| connection.shutdown(cx)).unwrap();
}

fn error(host: &mut Host, peer: &Peer) -> Option<TcpError> {
    host.with_connection(peer.id, |connection, _| connection.take_error())
}

/// Our side closes, the peer follows; the program still holds the socket.
fn time_wait(host: &mut Host, peer: &mut Peer) {
    shutdown(host, peer);
    assert_eq!(host.sends_one(peer.id).flags, F::FIN | F::ACK);
    let ack = peer.acks(1);
    host.take(&ack);
    assert_eq!(host.state(peer.id), Some(TcpStateName::FinWait2));
    let (dropped, last) = host.take(&peer.seg(F::FIN | F::ACK));
    peer.nxt += 1;
    assert_eq!((dropped, last.unwrap().ack), (None, peer.nxt), "acknowledged at once");
    assert_eq!(host.state(peer.id), Some(TcpStateName::TimeWait));
}

#[test]
fn unread_data_makes_close_a_reset() {
    let mut host = Host::new();
    let mut peer = host.established();
    let seg = peer.data(b"unread");
    host.take(&seg);
    host.sends(peer.id);
    close(&mut host, &peer);
    let reset = host.sends_one(peer.id);
    // RFC9293-SHLD-3
    assert_eq!((reset.flags, reset.seq), (F::RST | F::ACK, peer.una));
    assert_eq!((host.state(peer.id), host.memory.in_use()), (None, 0));
}

#[test]
fn data_for_a_program_that_has_closed_is_answered_by_a_reset() {
    let mut host = Host::new();
    let mut peer = host.established();
    close(&mut host, &peer);
    host.sends(peer.id);
    let seg = peer.data(b"nobody reads this");
    // RFC9293-X-13, RFC9293-MAY-1
    assert_eq!(host.take(&seg).0, Some(DropReason::TcpAfterClose));
    // RFC9293-SHLD-3
    assert!(host.sends_one(peer.id).flags.contains(F::RST));
    assert_eq!(host.state(peer.id), None);
}

#[test]
fn a_half_closed_connection_goes_on_in_the_other_direction() {
    let mut host = Host::new();
    let mut peer = host.established();
    shutdown(&mut host, &peer);
    host.sends(peer.id);
    assert_eq!(
        host.with_connection(peer.id, |connection, cx| connection.send(cx, b"more")),
        Err(TcpError::BrokenPipe)
    );
    let ack = peer.acks(1);
    host.take(&ack);
    for _ in 0..100 {
        let seg = peer.data(&[1; MSS]);
        assert_eq!(host.take(&seg), (None, None));
        assert_eq!(host.read(peer.id).len(), MSS);
        host.sends(peer.id);
        host.pass(Duration::from_secs(10));
    }
    assert_eq!(host.state(peer.id), Some(TcpStateName::FinWait2), "whoever holds the socket may wait");
}

#[test]
fn without_an_owner_the_wait_for_the_peers_fin_is_bounded() {
    let mut host = Host::new();
    let mut peer = host.established();
    close(&mut host, &peer);
    host.sends(peer.id);
    let ack = peer.acks(1);
    host.take(&ack);
    host.pass(Duration::from_secs(59));
    assert_eq!(host.state(peer.id), Some(TcpStateName::FinWait2));
    host.pass(Duration::from_secs(2));
    assert_eq!(host.state(peer.id), None);
}

#[test]
fn a_zero_window_cannot_hold_a_connection_without_an_owner() {
    let mut host = Host::new();
    let peer = host.established();
    host.take(&peer.ack().window(0));
    host.write(peer.id, &[1; 10_000]);
    close(&mut host, &peer);
    host.sends(peer.id);
    while host.state(peer.id).is_some() {
        host.next_sent(peer.id);
        host.take(&peer.ack().window(0));
        assert!(host.now.as_millis() < 200_000, "it holds on");
    }
    assert_eq!(host.memory.in_use(), 0);
}

#[test]
fn time_wait_lasts_a_minute_and_no_reset_ends_it() {
    let mut host = Host::new();
    let mut peer = host.established();
    time_wait(&mut host, &mut peer);
    assert_eq!(host.take(&peer.seg(F::RST)).1, None);
    host.pass(Duration::from_secs(50));
    // The peer has missed our acknowledgement: the wait begins again.
    let again = Seg { seq: peer.nxt - 1, flags: F::FIN | F::ACK, ..peer.ack() };
    // RFC9293-X-11
    assert_eq!(host.take(&again).1.unwrap().ack, peer.nxt);
    host.pass(Duration::from_secs(59));
    // RFC9293-MUST-13, RFC9293-X-11, RFC1337-R1: with an MSL of 30 s
    assert_eq!(host.state(peer.id), Some(TcpStateName::TimeWait));
    host.pass(Duration::from_secs(2));
    // RFC9293-X-14: the end of TIME-WAIT is none
    assert_eq!((host.state(peer.id), error(&mut host, &peer)), (Some(TcpStateName::Closed), None));
    assert!(host.take(&again).1.unwrap().flags.contains(F::RST), "nobody knows of it any more");
}

#[test]
fn a_bare_acknowledgement_in_time_wait_is_not_answered() {
    let mut host = Host::new();
    let mut peer = host.established();
    time_wait(&mut host, &mut peer);
    for seg in [peer.ack(), Seg { seq: peer.nxt + 5, ..peer.ack() }, Seg { ack: peer.una + 9, ..peer.ack() }]
    {
        assert_eq!(host.take(&seg).1, None);
    }
}

#[test]
fn a_newer_syn_in_time_wait_opens_a_new_connection_beyond_the_old_one() {
    for (offset, stamp, opens) in [
        (5i32, 0, true),
        (-5, 0, false),
        (-5, 2000, true),
        (-5, 900, false),
        (5, 900, false),
        (5, 1000, true),
        (-5, 1000, false),
    ] {
        let mut host = Host::new();
        let mut peer = host.established_with(|syn| if stamp > 0 { syn.stamp(1000, 0) } else { syn });
        time_wait(&mut host, &mut peer);
        close(&mut host, &peer);
        assert_eq!(host.state(peer.id), None);
        let seq = fathom_wire::SeqNumber(peer.nxt.0.wrapping_add_signed(offset));
        let mut syn = Seg::new(F::SYN, seq, fathom_wire::SeqNumber(0));
        if stamp > 0 {
            syn = syn.stamp(stamp, 0);
        }
        let answer = host.take(&syn).1.unwrap();
        if opens {
            // RFC6191-R1, RFC9293-SHLD-4, RFC9293-MAY-2
            assert_eq!((answer.flags, answer.ack), (F::SYN | F::ACK, seq + 1));
            assert!(answer.seq.gt(peer.una + (64 << 10)));
        } else {
            assert_eq!((answer.flags, answer.ack), (F::ACK, peer.nxt));
        }
    }
}

#[test]
fn a_syn_that_nobody_takes_leaves_time_wait() {
    let mut host = Host::new();
    let id = host.connect(plain());
    let iss = host.sends_one(id).seq;
    let irs = super::harness::IRS;
    host.take(&Seg::new(F::SYN | F::ACK, irs, iss + 1));
    host.sends(id);
    let mut peer = Peer { id, nxt: irs + 1, una: iss + 1, stamps: None };
    time_wait(&mut host, &mut peer);
    let syn = Seg::new(F::SYN, peer.nxt + 5, fathom_wire::SeqNumber(0));
    assert_eq!(host.take(&syn), (Some(DropReason::TcpNoSocket), None));
    let listener = host.listen(8, false);
    host.layer.fill_accept_queue(listener);
    assert_eq!(host.take(&syn), (Some(DropReason::TcpAcceptQueueFull), None));
    assert_eq!(host.state(id), Some(TcpStateName::TimeWait));
    host.accept(listener);
    assert_eq!(host.take(&syn).1.map(|answer| answer.flags), Some(F::SYN | F::ACK));
    assert_eq!(host.state(id), Some(TcpStateName::Closed));
}

#[test]
fn a_local_port_can_be_used_again_at_once_after_time_wait() {
    let mut host = Host::new();
    let mut peer = host.established();
    let busy = {
        let (mut cx, layer) = host.parts();
        let local = (super::harness::LOCAL.ip(), super::harness::LOCAL.port());
        layer.connect(&mut cx, local, super::harness::REMOTE, plain())
    };
    assert_eq!(busy, Err(ConnectError::AddressInUse));
    time_wait(&mut host, &mut peer);
    let id = host.connect(plain());
    let syn = host.sends_one(id);
    assert!(syn.seq.gt(peer.una + (64 << 10)));
}

#[test]
fn connections_in_time_wait_are_bounded() {
    let tcp = crate::transport::tcp::TcpConfig { time_waits: 1, ..Default::default() };
    let mut host = Host::with(crate::config::Config { tcp, ..Default::default() });
    let mut first = host.established();
    time_wait(&mut host, &mut first);
    // The same tuple again, from our side: the first record gives way, the second takes its place.
    let id = host.connect(plain());
    let iss = host.sends_one(id).seq;
    let mut second = Peer { id, nxt: first.nxt + 100_001, una: iss + 1, stamps: None };
    host.take(&Seg::new(F::SYN | F::ACK, second.nxt - 1, iss + 1));
    host.sends(id);
    time_wait(&mut host, &mut second);
    host.pass(Duration::from_secs(61));
    assert_eq!(host.state(id), Some(TcpStateName::Closed));
}

#[test]
fn fins_that_cross_close_both_ends() {
    let mut host = Host::new();
    let mut peer = host.established();
    shutdown(&mut host, &peer);
    host.sends(peer.id);
    host.take(&peer.seg(F::FIN | F::ACK));
    peer.nxt += 1;
    assert_eq!(host.state(peer.id), Some(TcpStateName::Closing));
    assert_eq!(host.sends_one(peer.id).ack, peer.nxt);
    // Our FIN is lost: it is sent again in CLOSING.
    let (_, again) = host.next_sent(peer.id).unwrap();
    assert_eq!(again[0].flags, F::FIN | F::ACK);
    let ack = peer.acks(1);
    host.take(&ack);
    // RFC9293-X-12
    assert_eq!(host.state(peer.id), Some(TcpStateName::TimeWait));
}

#[test]
fn an_abort_resets_and_keeps_the_handle() {
    let mut host = Host::new();
    let peer = host.established();
    host.write(peer.id, &[0; 50_000]);
    let on_its_way: usize = host.sends(peer.id).iter().map(|seg| seg.data.len()).sum();
    host.with_connection(peer.id, |connection, cx| connection.abort(cx));
    let reset = host.sends_one(peer.id);
    // RFC9293-X-23
    assert_eq!((reset.flags & F::RST, reset.seq), (F::RST, peer.una + on_its_way as u32));
    // RFC9293-X-23: nothing of what was queued is left
    assert_eq!((host.state(peer.id), host.memory.in_use()), (Some(TcpStateName::Closed), 0));
    close(&mut host, &peer);
    assert_eq!(host.state(peer.id), None);
}

#[test]
fn a_reset_that_no_device_takes_is_given_up() {
    let mut host = Host::new();
    let peer = host.established();
    host.with_connection(peer.id, |connection, cx| connection.abort(cx));
    close(&mut host, &peer);
    host.pass(Duration::from_secs(4));
    assert_eq!(host.state(peer.id), None);
}

#[test]
fn without_an_owner_what_no_device_takes_is_given_up() {
    let mut host = Host::new();
    let peer = host.established();
    host.write(peer.id, b"nothing takes this");
    close(&mut host, &peer);
    host.pass(Duration::from_secs(59));
    assert_eq!(host.state(peer.id), Some(TcpStateName::FinWait1));
    host.pass(Duration::from_secs(2));
    assert_eq!((host.state(peer.id), host.memory.in_use()), (None, 0));
}

#[test]
fn without_an_owner_a_peer_that_takes_what_is_left_has_its_time() {
    let mut host = Host::new();
    let mut peer = host.established();
    host.write(peer.id, &[0; 100 * MSS]);
    close(&mut host, &peer);
    for _ in 0..50 {
        host.sends(peer.id);
        host.pass(Duration::from_secs(5));
        let ack = peer.acks(MSS as u32);
        host.take(&ack);
    }
    assert_eq!(host.state(peer.id), Some(TcpStateName::FinWait1));
}

#[test]
fn a_connection_that_is_over_sends_nothing_and_waits_for_nothing() {
    let mut host = Host::new();
    let mut peer = host.established();
    host.take(&peer.ack().window(0));
    host.write(peer.id, b"waits");
    shutdown(&mut host, &peer);
    host.sends(peer.id);
    let seg = peer.data(b"acknowledged at once");
    host.take(&seg);
    host.take(&peer.seg(F::RST));
    assert_eq!(host.state(peer.id), Some(TcpStateName::Closed));
    assert!(host.layer.sends(peer.id).is_none());
    let (mut cx, layer) = host.parts();
    layer.cannot_leave(&mut cx, peer.id, DropReason::NeighbourUnreachable);
    assert_eq!(host.timers_in_use().0, 0);
}

#[test]
fn every_end_wakes_reader_and_writer() {
    let all = Readiness::READABLE | Readiness::WRITABLE;
    let ends: [fn(&mut Host, &Peer); 3] = [
        |host, peer| {
            host.take(&peer.seg(F::RST));
        },
        |host, peer| {
            host.write(peer.id, b"x");
            host.sends(peer.id);
            while host.next_sent(peer.id).is_some() {}
        },
        |host, peer| host.with_connection(peer.id, |connection, cx| connection.abort(cx)),
    ];
    for end in ends {
        let mut host = Host::new();
        let peer = host.established();
        end(&mut host, &peer);
        assert!(host.events()[0].readiness.contains(all | Readiness::CLOSED));
    }
}

#[test]
fn shutdown_before_the_handshake_is_complete_is_refused() {
    let mut host = Host::new();
    let id = host.connect(plain());
    assert_eq!(
        host.with_connection(id, |connection, cx| connection.shutdown(cx)),
        Err(TcpError::NotConnected)
    );
}

#[test]
fn a_listener_that_closes_resets_what_nobody_has_accepted() {
    let mut host = Host::new();
    let listener = host.listen(8, false);
    let irs = super::harness::IRS;
    let (_, syn_ack) = host.take(&Seg::new(F::SYN, irs, fathom_wire::SeqNumber(0)));
    let third = Seg::new(F::ACK, irs + 1, syn_ack.unwrap().seq + 1);
    host.take(&third);
    let (mut cx, layer) = host.parts();
    layer.close_listener(&mut cx, listener);
    let sent = host.layer.connection_ids().pop().map(|id| host.sends_one(id));
    assert!(sent.unwrap().flags.contains(F::RST));
    assert_eq!(host.layer.connection_ids(), []);
    assert!(host.take(&third).1.unwrap().flags.contains(F::RST));
}

/// The SYN of the next connection comes in the same batch as the FIN that ends this one.
#[test]
fn a_syn_right_behind_the_last_fin_opens_the_next_connection() {
    let mut host = Host::new();
    let mut peer = host.established();
    shutdown(&mut host, &peer);
    host.sends(peer.id);
    let fin = Seg { flags: F::FIN | F::ACK, ..peer.acks(1) };
    assert_eq!(host.take(&fin).1.unwrap().flags, F::ACK);
    assert_eq!(host.state(peer.id), Some(TcpStateName::TimeWait));
    let syn = Seg::new(F::SYN, peer.nxt + 1000, fathom_wire::SeqNumber(0));
    let syn_ack = host.take(&syn).1.unwrap();
    assert_eq!((syn_ack.flags, syn_ack.ack), (F::SYN | F::ACK, syn.seq + 1));
    assert_eq!(host.state(peer.id), Some(TcpStateName::Closed));
}
