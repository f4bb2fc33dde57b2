//! What a program may ask of a connection: keepalive, timeouts, cork, low-water marks, marks on segments.

use core::time::Duration;
use std::vec;
use std::vec::Vec;

use fathom_record::TcpStateName;

use super::harness::{F, Host, IRS, MSS, Peer, Seg, plain};
use crate::config::Config;
use crate::event::Readiness;
use crate::packet::Transmission;
use crate::socket::TcpId;
use crate::transport::tcp::{CongestionAlgorithm, Connection, Keepalive, TcpError, TcpOptions};

const S: fn(u64) -> Duration = Duration::from_secs;
const MS: fn(u64) -> Duration = Duration::from_millis;
/// Slack of the timing wheel.
const TICK: Duration = Duration::from_millis(2);

fn about(time: Duration, expected: Duration) -> bool {
    time >= expected.saturating_sub(TICK) && time <= expected + TICK
}

/// Changes a choice of a connection that stands.
fn choose(
    host: &mut Host,
    id: TcpId,
    change: impl FnOnce(&mut Connection, &mut crate::context::Context<'_>),
) {
    host.with_connection(id, change);
}

fn error(host: &mut Host, id: TcpId) -> Option<TcpError> {
    host.with_connection(id, |connection, _| connection.take_error())
}

fn readiness(host: &mut Host) -> Readiness {
    host.events().iter().map(|event| event.readiness).collect()
}

const KEEPALIVE: Keepalive =
    Keepalive { idle: Duration::from_secs(10), interval: Duration::from_secs(2), probes: 3 };

fn kept_alive(host: &mut Host) -> Peer {
    let peer = host.established();
    choose(host, peer.id, |connection, cx| connection.set_keepalive(cx, Some(KEEPALIVE)));
    peer
}

/// Off unless the program wants it.
#[test]
fn an_idle_connection_is_left_alone() {
    let mut host = Host::new();
    let peer = host.established();
    // RFC9293-MUST-25
    assert_eq!(host.next_sent(peer.id), None);
}

/// The peer does not look at what a probe acknowledges: its sequence number is an old one.
#[test]
fn a_keepalive_probe_does_not_stand_for_an_acknowledgement_that_is_delayed() {
    let mut host = Host::new();
    host.config.tcp.quick_acks = 0;
    let mut peer = host.established();
    let keepalive = Keepalive { idle: MS(20), ..KEEPALIVE };
    choose(&mut host, peer.id, |connection, cx| connection.set_keepalive(cx, Some(keepalive)));
    let data = peer.data(&[1; 100]);
    host.take(&data);
    assert_eq!(host.sends(peer.id), []);
    host.pass(MS(25));
    assert_eq!(host.sends(peer.id)[0].seq, peer.una - 1, "a probe");
    host.pass(MS(20));
    let acks = host.sends(peer.id);
    assert_eq!((acks.len(), acks[0].seq, acks[0].ack), (1, peer.una, peer.nxt));
}

#[test]
fn a_keepalive_waits_two_hours_by_default() {
    let keepalive = Keepalive::default();
    // RFC9293-MUST-28
    assert!(keepalive.idle >= S(7200));
    let mut host = Host::new();
    let peer = host.established();
    choose(&mut host, peer.id, |connection, cx| connection.set_keepalive(cx, Some(keepalive)));
    host.pass(S(7190));
    assert!(host.sends(peer.id).is_empty());
    host.pass(S(20));
    assert_eq!(host.sends(peer.id).len(), 1);
}

/// P-89, P-90: the peer is asked with an old sequence number and no data, and given up when it is silent.
#[test]
fn a_silent_peer_is_probed_and_given_up_with_a_reset() {
    let mut host = Host::new();
    let peer = kept_alive(&mut host);
    for wait in [10, 2, 2] {
        let (time, probes) = host.next_sent(peer.id).unwrap();
        // RFC9293-MUST-27
        assert!(about(time, S(wait)), "{time:?}");
        assert_eq!(probes.len(), 1);
        // RFC9293-MUST-24, RFC9293-MAY-5, RFC9293-SHLD-12
        assert_eq!((probes[0].seq, probes[0].flags, probes[0].data.len()), (peer.una - 1, F::ACK, 0));
    }
    let (time, reset) = host.next_sent(peer.id).unwrap();
    assert!(about(time, S(2)), "{time:?}");
    assert!(reset[0].flags.contains(F::RST) && reset[0].seq == peer.una);
    assert_eq!(error(&mut host, peer.id), Some(TcpError::TimedOut));
    assert_eq!(host.timers_in_use().0, 0);
}

#[test]
fn an_answer_begins_the_wait_anew() {
    let mut host = Host::new();
    let peer = kept_alive(&mut host);
    for _ in 0..5 {
        for wait in [10, 2] {
            let (time, _) = host.next_sent(peer.id).unwrap();
            assert!(about(time, S(wait)), "{time:?}");
        }
        host.take(&peer.ack());
    }
    // RFC9293-MUST-29: two probes were lost each time
    assert_eq!(host.state(peer.id), Some(TcpStateName::Established));
}

#[test]
fn data_from_the_peer_postpones_the_probe() {
    let mut host = Host::new();
    let mut peer = kept_alive(&mut host);
    host.pass(S(7));
    let seg = peer.data(b"x");
    host.take(&seg);
    host.sends(peer.id);
    let (time, _) = host.next_sent(peer.id).unwrap();
    // RFC9293-MUST-26
    assert!(about(time, S(10)), "{time:?}");
}

#[test]
fn nobody_is_probed_while_data_is_in_flight() {
    let mut host = Host::new();
    let peer = kept_alive(&mut host);
    host.write(peer.id, b"x");
    host.sends(peer.id);
    for _ in 0..4 {
        let (_, sent) = host.next_sent(peer.id).unwrap();
        // RFC9293-MUST-26
        assert_eq!(sent[0].data, b"x", "a retransmission, and no probe");
    }
}

#[test]
fn a_keepalive_that_is_turned_off_probes_no_more() {
    let mut host = Host::new();
    let peer = kept_alive(&mut host);
    host.next_sent(peer.id).unwrap();
    choose(&mut host, peer.id, |connection, cx| connection.set_keepalive(cx, None));
    // RFC9293-MUST-24
    assert_eq!(host.next_sent(peer.id), None);
}

/// As Linux: the user timeout stands in for the count.
#[test]
fn a_user_timeout_bounds_the_silence() {
    let mut host = Host::new();
    let peer = kept_alive(&mut host);
    choose(&mut host, peer.id, |connection, cx| connection.set_user_timeout(cx, Some(S(19))));
    let mut probes = 0;
    loop {
        let (_, sent) = host.next_sent(peer.id).unwrap();
        if sent[0].flags.contains(F::RST) {
            break;
        }
        probes += 1;
    }
    assert_eq!(probes, 5, "after 10, 12, 14, 16 and 18 seconds");
}

/// P-89: a peer that keeps the connection alive gets its answer each time, with the garbage byte of old or
/// without.
#[test]
fn keepalives_of_the_peer_are_answered() {
    let mut host = Host::new();
    let peer = host.established();
    for round in 0..20 {
        let garbage = if round % 2 == 0 { &b""[..] } else { b"x" };
        let probe = Seg::new(F::ACK, peer.nxt - 1, peer.una).data(garbage);
        host.take(&probe);
        assert_eq!(host.sends_one(peer.id).ack, peer.nxt, "{round}");
        host.pass(S(1));
    }
    assert_eq!(host.read(peer.id), b"");
}

#[test]
fn unacknowledged_data_ends_the_connection_at_the_user_timeout() {
    let mut host = Host::new();
    let peer = host.established();
    host.write(peer.id, b"x");
    host.sends(peer.id);
    host.pass(S(3));
    choose(&mut host, peer.id, |connection, cx| connection.set_user_timeout(cx, Some(S(5))));
    host.pass(MS(1900));
    assert_eq!(error(&mut host, peer.id), None);
    host.pass(MS(200));
    // RFC5482-R1, RFC9293-MUST-21, RFC9293-X-14: the user timeout is an error
    assert_eq!(error(&mut host, peer.id), Some(TcpError::TimedOut));
}

/// Linux's rule for `TCP_USER_TIMEOUT`: without one the peer may keep its window closed for as long as it
/// answers.
#[test]
fn a_user_timeout_ends_the_wait_before_a_closed_window() {
    for (timeout, ends) in [(None, false), (Some(S(30)), true)] {
        let mut host = Host::new();
        let peer = host.established();
        choose(&mut host, peer.id, |connection, cx| connection.set_user_timeout(cx, timeout));
        host.take(&peer.ack().window(0));
        host.write(peer.id, b"x");
        host.sends(peer.id);
        for _ in 0..60 {
            host.pass(S(1));
            host.sends(peer.id);
            host.take(&peer.ack().window(0));
        }
        assert_eq!(error(&mut host, peer.id).is_some(), ends, "{timeout:?}");
    }
}

#[test]
fn a_cork_holds_the_end_back_until_it_is_taken_out() {
    let mut host = Host::new();
    let mut peer = host.established();
    choose(&mut host, peer.id, |connection, cx| connection.set_cork(cx, true));
    host.write(peer.id, b"head");
    assert!(host.sends(peer.id).is_empty());
    host.write(peer.id, &[0; MSS]);
    assert_eq!(host.sends_one(peer.id).data.len(), MSS);
    choose(&mut host, peer.id, |connection, cx| connection.set_cork(cx, false));
    assert_eq!(host.sends_one(peer.id).data.len(), 4);
    let ack = peer.acks(MSS as u32 + 4);
    host.take(&ack);
    // A FIN takes it along.
    choose(&mut host, peer.id, |connection, cx| connection.set_cork(cx, true));
    host.write(peer.id, b"tail");
    choose(&mut host, peer.id, |connection, cx| connection.shutdown(cx).unwrap());
    let last = host.sends_one(peer.id);
    assert!(last.flags.contains(F::FIN) && last.data == b"tail");
}

#[test]
fn a_cork_holds_for_200_ms_at_most() {
    let mut host = Host::new();
    let mut peer = host.established();
    choose(&mut host, peer.id, |connection, cx| connection.set_cork(cx, true));
    for piece in [&b"one"[..], b"two"] {
        host.write(peer.id, piece);
        assert!(host.sends(peer.id).is_empty());
        let (time, sent) = host.next_sent(peer.id).unwrap();
        assert!(about(time, MS(200)), "{time:?}");
        assert_eq!(sent[0].data, piece);
        let ack = peer.acks(3);
        host.take(&ack);
    }
    assert_eq!(host.next_sent(peer.id), None);
}

#[test]
fn acknowledgements_are_quick_or_delayed_as_the_program_likes() {
    let mut host = Host::new();
    let mut peer = host.established();
    choose(&mut host, peer.id, |connection, cx| connection.set_quick_ack(cx, false));
    let seg = peer.data(b"x");
    host.take(&seg);
    assert!(host.sends(peer.id).is_empty(), "delayed from the first segment on");
    choose(&mut host, peer.id, |connection, cx| connection.set_quick_ack(cx, true));
    assert_eq!(host.sends_one(peer.id).ack, peer.nxt, "and at once when it is wanted");
    let seg = peer.data(b"x");
    host.take(&seg);
    assert_eq!(host.sends_one(peer.id).ack, peer.nxt);
}

#[test]
fn a_writer_waits_for_what_is_not_sent_to_leave() {
    let mut host = Host::new();
    let mut peer = host.established();
    let id = peer.id;
    choose(&mut host, id, |connection, cx| connection.set_notsent_low_water(cx, Some(4000)));
    let not_sent = |host: &mut Host| host.with_connection(id, |connection, _| connection.not_sent());
    loop {
        while host.with_connection(id, |connection, cx| connection.send(cx, &[0; 20_000])).is_ok() {}
        assert_eq!(not_sent(&mut host), 4000);
        host.sends(id);
        // The writer is woken by what leaves, as long as the congestion window lets it leave.
        if !readiness(&mut host).contains(Readiness::WRITABLE) {
            break;
        }
    }
    assert!(not_sent(&mut host) > 2000);
    let ack = peer.acks(4 * MSS as u32);
    host.take(&ack);
    assert!(!readiness(&mut host).contains(Readiness::WRITABLE));
    host.sends(id);
    assert!(readiness(&mut host).contains(Readiness::WRITABLE));
}

#[test]
fn the_program_is_told_when_enough_waits() {
    let mut host = Host::new();
    let mut peer = host.established();
    choose(&mut host, peer.id, |connection, cx| connection.set_receive_low_water(cx, 10));
    let seg = peer.data(b"123456789");
    host.take(&seg);
    assert!(!readiness(&mut host).contains(Readiness::READABLE));
    let seg = peer.data(b"0");
    host.take(&seg);
    assert!(readiness(&mut host).contains(Readiness::READABLE));
    assert_eq!(host.read(peer.id).len(), 10);
    // The end of the data is told of, whatever is missing.
    let fin = peer.seg(F::ACK | F::FIN).data(b"rest");
    host.take(&fin);
    assert!(readiness(&mut host).contains(Readiness::READABLE));
}

#[test]
fn segments_carry_the_marks_that_the_program_wants() {
    let mut host = Host::new();
    let peer = host.established();
    choose(&mut host, peer.id, |connection, _| {
        connection.set_dscp(46);
        connection.set_hop_limit(Some(9));
    });
    host.write(peer.id, b"x");
    let path = host.path;
    let (mut cx, layer) = host.parts();
    let Transmission::Segment(segment) = layer.transmit(&mut cx, peer.id, &path) else { panic!("nothing") };
    // RFC9293-MUST-48, RFC9293-SHLD-21, RFC9293-SHLD-22, RFC9293-MUST-49
    assert_eq!((segment.dscp, segment.hop_limit), (46, 9));
}

#[test]
fn a_largest_segment_is_kept_to_and_announced() {
    let mut host = Host::new();
    let id = host.connect(TcpOptions { max_segment: Some(500), ..plain() });
    let syn = host.sends_one(id);
    assert_eq!(syn.options.mss, Some(500));
    host.take(&Seg::new(F::SYN | F::ACK, IRS, syn.seq + 1).mss(1460));
    host.sends(id);
    host.write(id, &[0; 1200]);
    let lens = |sent: &[Seg]| sent.iter().map(|seg| seg.data.len()).collect::<Vec<_>>();
    assert_eq!(lens(&host.sends(id)), [500, 500, 200]);
    choose(&mut host, id, |connection, _| connection.set_max_segment(Some(300)));
    host.write(id, &[0; 600]);
    assert_eq!(lens(&host.sends(id)), vec![300; 2]);
}

#[test]
fn a_syn_is_repeated_as_often_as_the_program_wants() {
    for retries in [0, 1, 3] {
        let mut host = Host::new();
        let id = host.connect(TcpOptions { syn_retries: Some(retries), ..plain() });
        host.sends_one(id);
        let mut repeated = 0;
        while host.next_sent(id).is_some() {
            repeated += 1;
        }
        assert_eq!(repeated, retries);
        assert_eq!(error(&mut host, id), Some(TcpError::TimedOut));
    }
}

/// `SO_LINGER` with a time of zero: a reset in place of a FIN, and nothing stays behind.
#[test]
fn a_connection_that_does_not_linger_is_reset_on_close() {
    let mut host = Host::new();
    let peer = host.established();
    host.write(peer.id, b"lost");
    choose(&mut host, peer.id, |connection, cx| {
        connection.set_linger(Some(Duration::ZERO));
        connection.let_go(cx);
    });
    let sent = host.sends(peer.id);
    assert!(sent[0].flags.contains(F::RST), "{sent:#?}");
    assert_eq!(host.state(peer.id), None);
    assert_eq!(host.memory.in_use(), 0);
}

#[test]
fn a_program_that_lingers_hears_when_all_is_delivered() {
    let mut host = Host::new();
    let mut peer = host.established();
    let id = peer.id;
    let delivered = |host: &mut Host| host.with_connection(id, |connection, _| connection.is_delivered());
    host.write(peer.id, b"bye");
    choose(&mut host, peer.id, |connection, cx| connection.shutdown(cx).unwrap());
    host.sends(peer.id);
    assert!(!delivered(&mut host));
    host.events();
    let ack = peer.acks(3);
    host.take(&ack);
    assert!(!delivered(&mut host), "the FIN is not acknowledged");
    let ack = peer.acks(1);
    host.take(&ack);
    assert!(delivered(&mut host));
    assert!(readiness(&mut host).contains(Readiness::WRITABLE));
}

#[test]
fn the_congestion_controller_is_the_stacks_unless_chosen_and_can_be_changed() {
    let name = |host: &Host, id| {
        host.layer.get(id).unwrap().info(host.now, &host.config.tcp, &host.memory).congestion_control
    };
    for (of_stack, chosen, expected) in [
        (CongestionAlgorithm::Cubic, None, "cubic"),
        (CongestionAlgorithm::Reno, None, "reno"),
        (CongestionAlgorithm::Reno, Some(CongestionAlgorithm::Cubic), "cubic"),
        (CongestionAlgorithm::Cubic, Some(CongestionAlgorithm::Reno), "reno"),
    ] {
        let mut config = Config::default();
        config.tcp.congestion_control = of_stack;
        let mut host = Host::with(config);
        let id = host.connect(TcpOptions { congestion_control: chosen, ..plain() });
        let iss = host.sends_one(id).seq;
        host.take(&Seg::new(F::SYN | F::ACK, IRS, iss + 1));
        // RFC9293-MAY-18
        assert_eq!(name(&host, id), expected);
        for algorithm in [CongestionAlgorithm::Reno, CongestionAlgorithm::Cubic] {
            host.with_connection(id, |connection, _| connection.set_congestion_control(algorithm));
            assert_eq!(name(&host, id), algorithm.name());
        }
    }
    // Before the handshake is complete the choice is what it starts with.
    let mut host = Host::new();
    let id = host.connect(plain());
    host.with_connection(id, |connection, _| connection.set_congestion_control(CongestionAlgorithm::Reno));
    let iss = host.sends_one(id).seq;
    host.take(&Seg::new(F::SYN | F::ACK, IRS, iss + 1));
    assert_eq!(name(&host, id), "reno");
}
