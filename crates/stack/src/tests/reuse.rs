//! The same two ends again: TIME-WAIT on either side (RFC 6191, RFC 9293 3.6.1; design notes 2 and P-16).

use core::net::SocketAddr;
use core::time::Duration;
use std::vec::Vec;

use fathom_record::TcpStateName;
use fathom_wire::{SeqNumber, TcpFlags, TcpHeader};

use super::Pair;
use super::connections::state;
use crate::transport::tcp::TcpConfig;
use crate::{Config, ConnectError, ListenerId, TcpConnect, TcpId, TcpListen, TcpOptions};

fn options(timestamps: bool) -> TcpOptions {
    TcpOptions { timestamps, send_buffer: Some(1 << 20), ..TcpOptions::default() }
}

fn listen(pair: &mut Pair, timestamps: bool) -> ListenerId {
    let at = SocketAddr::new(pair.b.v4, 80);
    let listen = TcpListen { options: options(timestamps), ..TcpListen::at(at) };
    pair.b.stack.tcp_listen(pair.now, listen).unwrap()
}

fn connect(pair: &mut Pair, port: u16, timestamps: bool) -> Result<TcpId, ConnectError> {
    let local = Some(SocketAddr::new(pair.a.v4, port));
    let remote = SocketAddr::new(pair.b.v4, 80);
    let connect = TcpConnect { remote, local, options: options(timestamps) };
    pair.a.stack.tcp_connect(pair.now, connect)
}

/// The sequence numbers of the SYNs that `a` has sent.
fn isns(pair: &Pair) -> Vec<SeqNumber> {
    let headers = pair.a.sent.iter().map(|(_, packet)| TcpHeader::parse(&packet[20..]).unwrap());
    headers.filter(|header| header.flags == TcpFlags::SYN).map(|header| header.seq).collect()
}

/// Connects, sends `len` bytes each way, and closes, `a` first or `b` first.
fn once(pair: &mut Pair, listener: ListenerId, port: u16, timestamps: bool, a_first: bool, len: usize) {
    let begin = pair.now;
    let a = connect(pair, port, timestamps).unwrap();
    let mut accepted = None;
    pair.drive_until(|pair| {
        accepted = accepted.or(pair.b.stack.tcp_accept(pair.now, listener));
        accepted.is_some() && state(pair, true, a) == Some(TcpStateName::Established)
    });
    let b = accepted.unwrap();
    assert!(pair.now - begin < Duration::from_millis(500), "nothing was in the way");
    let now = pair.now;
    assert_eq!(pair.a.stack.tcp(now, a).unwrap().send(&std::vec![1; len]), Ok(len));
    assert_eq!(pair.b.stack.tcp(now, b).unwrap().send(&std::vec![2; len]), Ok(len));
    let mut got = [0; 2];
    pair.drive_until(|pair| {
        let now = pair.now;
        let ends = [pair.a.stack.tcp(now, a), pair.b.stack.tcp(now, b)];
        for (got, end) in got.iter_mut().zip(ends) {
            *got += end.unwrap().recv(&mut std::vec![0; len + 1]).unwrap_or(0);
        }
        got == [len; 2]
    });
    let now = pair.now;
    if a_first {
        pair.a.stack.tcp(now, a).unwrap().close();
    } else {
        pair.b.stack.tcp(now, b).unwrap().close();
    }
    pair.drive_for(Duration::from_millis(25));
    let now = pair.now;
    if a_first {
        pair.b.stack.tcp(now, b).unwrap().close();
    } else {
        pair.a.stack.tcp(now, a).unwrap().close();
    }
    pair.drive_for(Duration::from_millis(25));
    assert_eq!((state(pair, true, a), state(pair, false, b)), (None, None));
}

#[test]
fn a_thousand_connections_from_one_port_to_one_port() {
    for (timestamps, a_first) in [(true, true), (false, true), (true, false), (false, false)] {
        let mut pair = Pair::ip();
        let listener = listen(&mut pair, timestamps);
        for _ in 0..1000 {
            once(&mut pair, listener, 5000, timestamps, a_first, 100);
        }
        let isns = isns(&pair);
        // RFC9293-MAY-2, RFC6191-R1
        assert_eq!(isns.len(), 1000, "no SYN was sent twice");
        assert!(isns.windows(2).all(|pair| pair[0].lt(pair[1])), "they grow");
    }
}

/// More data than the clock of the sequence numbers has moved on: the next ISN is beyond it all the same if we
/// wait, and the timestamps show that the SYN is new if the peer does.
#[test]
fn a_port_is_used_again_after_much_data_in_little_time() {
    for (timestamps, a_first) in [(true, true), (false, true), (true, false)] {
        let mut pair = Pair::ip();
        pair.latency = Duration::from_millis(1);
        let listener = listen(&mut pair, timestamps);
        for _ in 0..5 {
            once(&mut pair, listener, 5000, timestamps, a_first, 1_000_000);
        }
        let isns = isns(&pair);
        assert_eq!(isns.len(), 5);
        for next in isns.windows(2).filter(|_| a_first) {
            // RFC 6191: beyond all that was sent, by more than what could still be on its way.
            assert!(next[1].gt(next[0] + 1_000_000 + (64 << 10)), "{next:?}");
        }
    }
}

#[test]
fn ports_in_time_wait_are_chosen_when_no_other_is_left() {
    let ports = (50_000, 50_003);
    let tcp = TcpConfig { ephemeral_ports: ports, ..TcpConfig::default() };
    let mut pair = Pair::with(Config { tcp, ..Config::default() }, Config::default(), false);
    let listener = listen(&mut pair, true);
    for _ in 0..20 {
        once(&mut pair, listener, 0, true, true, 100);
    }
    // Those in use are not given away.
    let used: Vec<TcpId> = (0..4).map(|_| connect(&mut pair, 0, true).unwrap()).collect();
    assert_eq!(connect(&mut pair, 0, true), Err(ConnectError::AddressInUse));
    pair.drive_for(Duration::from_secs(1));
    for id in used {
        assert_eq!(state(&mut pair, true, id), Some(TcpStateName::Established));
    }
}

/// A port in TIME-WAIT is not taken while others are free.
#[test]
fn a_free_port_comes_before_one_in_time_wait() {
    let mut pair = Pair::ip();
    let listener = listen(&mut pair, true);
    once(&mut pair, listener, 0, true, true, 100);
    for _ in 0..50 {
        once(&mut pair, listener, 0, true, true, 100);
    }
    let mut ports: Vec<[u8; 2]> = pair
        .a
        .sent
        .iter()
        .filter(|(_, packet)| TcpHeader::parse(&packet[20..]).unwrap().flags == TcpFlags::SYN)
        .map(|(_, packet)| [packet[20], packet[21]])
        .collect();
    ports.sort_unstable();
    ports.dedup();
    // RFC6056-R4
    assert_eq!(ports.len(), 51);
}

/// The peer is in TIME-WAIT, our SYN is not new to it, and it heeds no reset: the two do not answer each other
/// as fast as they can until the wait is over.
#[test]
fn a_syn_that_is_not_new_to_time_wait_makes_no_storm() {
    let mut pair = Pair::ip();
    pair.latency = Duration::from_millis(1);
    let listener = listen(&mut pair, false);
    once(&mut pair, listener, 5000, false, false, 1_000_000);
    let before = pair.a.sent.len() + pair.b.sent.len();
    let begin = pair.now;
    let a = connect(&mut pair, 5000, false).unwrap();
    pair.drive_until(|pair| state(pair, true, a) == Some(TcpStateName::Established));
    let sent = pair.a.sent.len() + pair.b.sent.len() - before;
    let seconds = (pair.now - begin).as_secs() as usize;
    assert!((1..=130).contains(&seconds), "it waits for the end of TIME-WAIT: {seconds} s");
    assert!(sent <= 15 * (seconds + 1), "{sent} packets in {seconds} s");
}
