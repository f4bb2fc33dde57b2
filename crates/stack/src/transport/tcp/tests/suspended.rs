//! A process that is suspended and goes on: from one call to the next minutes or hours have passed.
//!
//! Linux' clock stands still while a machine sleeps, so its connections wake as they fell asleep: they go on if
//! the peer still knows them, and end by its reset if not. So do ours.

use core::time::Duration;

use fathom_record::TcpStateName;

use super::harness::{F, Host, IRS, MSS, Seg, plain};
use super::states::{STATES, bring_to};
use crate::transport::tcp::TcpError;

const SLEEPS: [Duration; 3] =
    [Duration::from_secs(60), Duration::from_secs(3 * 3600), Duration::from_secs(40 * 24 * 3600)];

fn rto(host: &Host, id: crate::socket::TcpId) -> Duration {
    host.layer.get(id).unwrap().info(host.now, &host.config.tcp, &host.memory).rto
}

#[test]
fn data_in_flight_is_sent_again_and_the_connection_goes_on() {
    for sleep in SLEEPS {
        let mut host = Host::new();
        let mut peer = host.established();
        host.write(peer.id, &[1; 10 * MSS]);
        host.sends(peer.id);
        host.suspend(sleep);
        host.fire();
        assert_eq!(host.state(peer.id), Some(TcpStateName::Established), "{sleep:?}");
        let again = host.sends(peer.id);
        assert_eq!((again[0].seq, again[0].data.len()), (peer.una, MSS));
        let ack = peer.acks(10 * MSS as u32);
        assert_eq!(host.take(&ack), (None, None));
        host.write(peer.id, b"goes on");
        assert_eq!(host.sends_one(peer.id).data, b"goes on");
    }
}

#[test]
fn an_answer_that_waited_for_us_is_no_round_trip() {
    for sleep in SLEEPS {
        let mut host = Host::new();
        let mut peer = host.established_with(|syn| syn.stamp(1, 0));
        let before = rto(&host, peer.id);
        host.write(peer.id, b"asked");
        let sent = host.sends_one(peer.id);
        host.suspend(sleep);
        let mut ack = peer.acks(5);
        ack.options.timestamps.as_mut().unwrap().echo = sent.options.timestamps.unwrap().value;
        host.take(&ack);
        host.fire();
        assert_eq!(rto(&host, peer.id), before, "{sleep:?}");
        assert_eq!(host.state(peer.id), Some(TcpStateName::Established));
        assert_eq!(host.sends(peer.id), []);
    }
}

#[test]
fn a_peer_that_has_given_up_says_so() {
    let mut host = Host::new();
    let peer = host.established();
    host.write(peer.id, b"too late");
    host.sends(peer.id);
    host.suspend(SLEEPS[1]);
    host.fire();
    let again = host.sends_one(peer.id);
    host.take(&Seg::new(F::RST, again.ack, fathom_wire::SeqNumber(0)));
    let error = host.with_connection(peer.id, |connection, _| connection.take_error());
    assert_eq!((error, host.state(peer.id)), (Some(TcpError::Reset), Some(TcpStateName::Closed)));
}

#[test]
fn a_peer_that_stays_silent_has_its_time_from_the_end_of_the_sleep() {
    let mut host = Host::new();
    let peer = host.established();
    host.write(peer.id, b"anybody there?");
    host.sends(peer.id);
    let begin = host.now;
    host.suspend(SLEEPS[1]);
    host.fire();
    while host.next_sent(peer.id).is_some() {}
    let patience = (host.now - begin) - SLEEPS[1];
    assert_eq!(host.state(peer.id), Some(TcpStateName::Closed));
    assert!((899..=901).contains(&patience.as_secs()), "{patience:?}");
    let error = host.with_connection(peer.id, |connection, _| connection.take_error());
    assert_eq!(error, Some(TcpError::TimedOut));
}

#[test]
fn an_attempt_that_slept_takes_the_answer_that_waited() {
    for timers_first in [false, true] {
        let mut host = Host::new();
        let id = host.connect(plain());
        let iss = host.sends_one(id).seq;
        host.suspend(SLEEPS[1]);
        if timers_first {
            host.fire();
            assert_eq!(host.sends_one(id).flags, F::SYN);
        }
        host.take(&Seg::new(F::SYN | F::ACK, IRS, iss + 1));
        host.fire();
        assert_eq!(host.state(id), Some(TcpStateName::Established));
        assert_eq!(host.sends_one(id).flags, F::ACK);
        assert!(rto(&host, id) <= Duration::from_secs(3), "{:?}", rto(&host, id));
    }
}

#[test]
fn a_window_that_was_closed_is_probed_at_once() {
    let mut host = Host::new();
    let peer = host.established();
    host.take(&peer.ack().window(0));
    host.write(peer.id, b"waits");
    host.sends(peer.id);
    host.suspend(SLEEPS[1]);
    host.fire();
    assert_eq!(host.sends_one(peer.id).data, b"w");
    host.take(&peer.ack());
    assert_eq!(host.sends_one(peer.id).data, b"waits");
}

/// Whatever state it slept in, a connection whose peer is silent ends in bounded time once its program lets
/// go, and one without an owner does not come back.
#[test]
fn no_state_hangs_after_a_sleep() {
    for state in STATES {
        for sleep in SLEEPS {
            for closes_before in [true, false] {
                let mut host = Host::new();
                let peer = bring_to(&mut host, state);
                let close = |host: &mut Host| {
                    host.with_connection(peer.id, |connection, cx| connection.let_go(cx));
                    host.sends(peer.id);
                };
                if closes_before {
                    close(&mut host);
                }
                host.suspend(sleep);
                host.fire();
                if !closes_before {
                    close(&mut host);
                }
                for _ in 0..300 {
                    host.pass(Duration::from_secs(1));
                    host.sends(peer.id);
                }
                assert_eq!((host.state(peer.id), host.memory.in_use()), (None, 0), "{state:?} {sleep:?}");
                assert_eq!(host.timers_in_use().0, 0, "{state:?} {sleep:?}");
            }
        }
    }
}

#[test]
fn a_half_open_connection_that_slept_asks_once_more() {
    let mut host = Host::new();
    let listener = host.listen(8, false);
    let syn_ack = host.take(&Seg::new(F::SYN, IRS, fathom_wire::SeqNumber(0))).1.unwrap();
    host.suspend(SLEEPS[1]);
    assert_eq!(host.pass(Duration::ZERO).len(), 1);
    host.take(&Seg::new(F::ACK, IRS + 1, syn_ack.seq + 1));
    assert!(host.accept(listener).is_some());
}

/// A sleep between a keepalive probe and its answer is no silence.
#[test]
fn a_probe_whose_answer_waited_gives_nobody_up() {
    for user_timeout in [None, Some(Duration::from_secs(30))] {
        let mut host = Host::new();
        let peer = host.established();
        host.with_connection(peer.id, |connection, cx| {
            connection.set_user_timeout(cx, user_timeout);
            let (idle, interval) = (Duration::from_secs(10), Duration::from_secs(5));
            connection.set_keepalive(cx, Some(crate::Keepalive { idle, interval, probes: 4 }));
        });
        let (_, probe) = host.next_sent(peer.id).unwrap();
        assert_eq!((probe.len(), probe[0].seq), (1, peer.una - 1));
        host.suspend(SLEEPS[1]);
        host.fire();
        assert_eq!(host.state(peer.id), Some(TcpStateName::Established), "{user_timeout:?}");
        host.take(&peer.ack());
        host.sends(peer.id);
        host.pass(Duration::from_secs(9));
        assert_eq!(host.state(peer.id), Some(TcpStateName::Established), "{user_timeout:?}");
        assert_eq!(host.sends(peer.id), [], "the peer was heard");
    }
}

/// Ten thousand timers that are overdue at once fire once each.
#[test]
fn waking_with_many_connections_costs_each_of_them_once() {
    let mut wheel = crate::wheel::TimerWheel::new();
    for i in 0..10_000u64 {
        wheel.insert(fathom_wire::Instant::from_millis(i), i);
    }
    let late = fathom_wire::Instant::from_millis(10_000) + SLEEPS[2];
    let fired = core::iter::from_fn(|| wheel.pop_expired(late)).count();
    assert_eq!((fired, wheel.next_deadline()), (10_000, None));
}
