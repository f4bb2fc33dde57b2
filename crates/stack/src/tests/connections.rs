//! TCP between two stacks: opening, transferring, closing.

use core::net::SocketAddr;
use std::vec::Vec;

use fathom_record::TcpStateName;

use super::Pair;
use super::pair::End;
use crate::{ListenerId, TcpConnect, TcpId, TcpListen, TcpOptions};

pub(super) fn listen(pair: &mut Pair) -> ListenerId {
    let local = SocketAddr::new(pair.b.v4, 80);
    let listen = TcpListen { backlog: 8, ..TcpListen::at(local) };
    pair.b.stack.tcp_listen(pair.now, listen).unwrap()
}

pub(super) fn connect(pair: &mut Pair) -> TcpId {
    let remote = SocketAddr::new(pair.b.v4, 80);
    let connect = TcpConnect { remote, local: None, options: TcpOptions::default() };
    pair.a.stack.tcp_connect(pair.now, connect).unwrap()
}

pub(super) fn state(pair: &mut Pair, a: bool, id: TcpId) -> Option<TcpStateName> {
    let now = pair.now;
    let end: &mut End = if a { &mut pair.a } else { &mut pair.b };
    end.stack.tcp(now, id).map(|tcp| tcp.state())
}

/// A connection from `a` to `b`, both ends.
pub(super) fn established(pair: &mut Pair) -> (TcpId, TcpId) {
    let listener = listen(pair);
    let a = connect(pair);
    pair.drive_until(|pair| state(pair, true, a) == Some(TcpStateName::Established));
    let mut b = None;
    pair.drive_until(|pair| {
        b = b.or(pair.b.stack.tcp_accept(pair.now, listener));
        b.is_some()
    });
    (a, b.unwrap())
}

#[test]
fn connects_transfers_and_closes() {
    let mut pair = Pair::new();
    let (a, b) = established(&mut pair);
    let now = pair.now;
    assert_eq!(pair.a.stack.tcp(now, a).unwrap().send(b"hello"), Ok(5));
    let mut got = Vec::new();
    pair.drive_until(|pair| {
        let mut buffer = [0; 100];
        if let Ok(n) = pair.b.stack.tcp(pair.now, b).unwrap().recv(&mut buffer) {
            got.extend_from_slice(&buffer[..n]);
        }
        got.len() == 5
    });
    assert_eq!(got, b"hello");
    let now = pair.now;
    pair.a.stack.tcp(now, a).unwrap().close();
    pair.drive_for(core::time::Duration::from_secs(1));
    assert_eq!(state(&mut pair, false, b), Some(TcpStateName::CloseWait));
    let now = pair.now;
    pair.b.stack.tcp(now, b).unwrap().close();
    pair.drive();
    assert_eq!(state(&mut pair, false, b), None);
    assert_eq!(state(&mut pair, true, a), None);
}
