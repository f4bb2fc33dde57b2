//! Two ends that want the same connection at once (RFC 9293 3.5, figure 7), and two that believe that they have
//! one and agree about none of its numbers (design notes P-11, P-32).

use core::net::SocketAddr;
use core::time::Duration;
use std::boxed::Box;

use fathom_record::TcpStateName;

use super::Pair;
use super::connections::{established, state};
use super::pair::Fate;
use crate::{Config, TcpConnect, TcpError, TcpId, TcpOptions};

/// Both connect, each from the port that the other connects to.
fn cross(options: [TcpOptions; 2], lost: Option<(bool, usize)>) -> (Pair, TcpId, TcpId) {
    crossing(Pair::ip(), options, lost)
}

fn crossing(mut pair: Pair, options: [TcpOptions; 2], lost: Option<(bool, usize)>) -> (Pair, TcpId, TcpId) {
    pair.fate = Box::new(
        move |from_a, number, _| {
            if lost == Some((from_a, number)) { Fate::Lose } else { Fate::Deliver }
        },
    );
    let ends = [SocketAddr::new(pair.a.v4, 5001), SocketAddr::new(pair.b.v4, 5002)];
    let [of_a, of_b] = options;
    let connect = |local, remote, options| TcpConnect { local: Some(local), remote, options };
    let a = pair.a.stack.tcp_connect(pair.now, connect(ends[0], ends[1], of_a)).unwrap();
    let b = pair.b.stack.tcp_connect(pair.now, connect(ends[1], ends[0], of_b)).unwrap();
    (pair, a, b)
}

fn read(pair: &mut Pair, a: bool, id: TcpId) -> usize {
    let now = pair.now;
    let end = if a { &mut pair.a } else { &mut pair.b };
    end.stack.tcp(now, id).and_then(|mut tcp| tcp.recv(&mut [0; 10_000]).ok()).unwrap_or(0)
}

fn write(pair: &mut Pair, a: bool, id: TcpId, len: usize) {
    let now = pair.now;
    let end = if a { &mut pair.a } else { &mut pair.b };
    assert_eq!(end.stack.tcp(now, id).unwrap().send(&std::vec![1; len]), Ok(len));
}

#[test]
fn syns_that_cross_make_one_connection_whatever_is_lost() {
    let full = TcpOptions::default;
    let bare = || TcpOptions { timestamps: false, window_scaling: false, sack: false, ..full() };
    for bare_ends in [[false, false], [true, false], [false, true], [true, true]] {
        let lost = (0..4).flat_map(|number| [Some((true, number)), Some((false, number))]);
        for lost in lost.chain([None]) {
            let options = bare_ends.map(|is_bare| if is_bare { bare() } else { full() });
            let (mut pair, a, b) = cross(options, lost);
            let both = [Some(TcpStateName::Established); 2];
            pair.drive_until(|pair| [state(pair, true, a), state(pair, false, b)] == both);
            let context = std::format!("{bare_ends:?} {lost:?}");
            // RFC9293-MUST-10
            assert!(pair.now.as_millis() < 4_000, "{context}: {}", pair.now);
            write(&mut pair, true, a, 5_000);
            write(&mut pair, false, b, 5_000);
            let mut got = [0; 2];
            pair.drive_until(|pair| {
                got[0] += read(pair, true, a);
                got[1] += read(pair, false, b);
                got == [5_000; 2]
            });
            let now = pair.now;
            pair.a.stack.tcp(now, a).unwrap().close();
            pair.b.stack.tcp(now, b).unwrap().close();
            pair.drive();
            assert_eq!((state(&mut pair, true, a), state(&mut pair, false, b)), (None, None), "{context}");
        }
    }
}

#[test]
fn the_window_of_a_syn_that_crossed_ours_is_not_scaled() {
    let mut config = Config::default();
    config.tcp.initial_receive_buffer = 6_000;
    let (mut pair, a, _) = crossing(Pair::with(Config::default(), config, false), Default::default(), None);
    pair.drive_until(|pair| state(pair, true, a) == Some(TcpStateName::Established));
    let sent = pair.a.sent.len();
    write(&mut pair, true, a, 20_000);
    pair.flush();
    let data: usize = pair.a.sent[sent..].iter().map(|(_, packet)| packet.len() - 52).sum();
    // RFC7323-R2
    assert!(data > 0 && data <= 6_000, "{data} bytes in a window of 6,000");
}

/// Two connections of the same ends, of each of which one end has forgotten.
fn strangers() -> (Pair, TcpId, TcpId) {
    let mut one = Pair::ip();
    let (a, _) = established(&mut one);
    // The other pair begins much later, so all of its numbers are elsewhere.
    let mut other = Pair::ip();
    other.now += Duration::from_secs(1800);
    let (_, b) = established(&mut other);
    one.drive_for(other.now - one.now + Duration::from_secs(1));
    one.b = other.b;
    (one, a, b)
}

/// Whoever has something to say says it again and again, and is answered; the answers draw few answers, and in
/// the end each side gives up.
#[test]
fn two_ends_that_agree_about_nothing_make_no_storm() {
    for (a_writes, b_writes) in [(true, false), (false, true), (true, true)] {
        let (mut pair, a, b) = strangers();
        for (writes, of_a, id) in [(a_writes, true, a), (b_writes, false, b)] {
            if writes {
                write(&mut pair, of_a, id, 20_000);
            }
        }
        let before = pair.a.sent.len() + pair.b.sent.len();
        let mut most = 0;
        for _ in 0..20 * 60 {
            let begin = pair.a.sent.len() + pair.b.sent.len();
            pair.drive_for(Duration::from_secs(1));
            most = most.max(pair.a.sent.len() + pair.b.sent.len() - begin);
        }
        let all = pair.a.sent.len() + pair.b.sent.len() - before;
        assert!(most <= 60, "{most} packets in a second");
        assert!(all <= 20 * 60 * 20, "{all} packets in 20 minutes");
        let now = pair.now;
        if a_writes {
            assert_eq!(pair.a.stack.tcp(now, a).unwrap().take_error(), Some(TcpError::TimedOut));
        }
        if b_writes {
            assert_eq!(pair.b.stack.tcp(now, b).unwrap().take_error(), Some(TcpError::TimedOut));
        }
        assert_eq!((read(&mut pair, true, a), read(&mut pair, false, b)), (0, 0));
    }
}

/// A peer that has forgotten the connection, and opens it anew from the same port: the challenge shows it that
/// there is an old one, its reset ends that, and its SYN gets through (RFC 9293 3.5.1, RFC 5961 4.2).
#[test]
fn a_peer_that_has_started_anew_gets_its_connection() {
    let mut pair = Pair::ip();
    let (a, b) = established(&mut pair);
    pair.drive_for(Duration::from_secs(5));
    let now = pair.now;
    let local = pair.a.stack.tcp(now, a).unwrap().local();
    let mut other = Pair::ip();
    other.now = now;
    pair.a = other.a;
    let begin = pair.now;
    let connect = TcpConnect { local: Some(local), ..TcpConnect::to(SocketAddr::new(pair.b.v4, 80)) };
    let anew = pair.a.stack.tcp_connect(now, connect).unwrap();
    pair.drive_until(|pair| state(pair, true, anew) == Some(TcpStateName::Established));
    assert!(pair.now - begin <= 4 * pair.latency + Duration::from_millis(1), "it waits for no timer");
    let now = pair.now;
    assert_eq!(pair.b.stack.tcp(now, b).unwrap().take_error(), Some(TcpError::Reset));
}
