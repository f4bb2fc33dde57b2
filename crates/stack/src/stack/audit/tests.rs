use core::time::Duration;
use std::string::String;

use crate::socket::{SocketId, TcpId};
use crate::tests::Pair;
use crate::timer::TimerKey;
use crate::{Readiness, Stack, TcpConnect, TcpListen, UdpId};

/// Two stacks in the middle of a transfer, with a half-open connection and a datagram beside it.
fn busy() -> (Pair, TcpId, UdpId) {
    let mut pair = Pair::new();
    let now = pair.now;
    let ends = [pair.a.v4, pair.b.v4].map(|address| core::net::SocketAddr::new(address, 80));
    let listener = pair.b.stack.tcp_listen(now, TcpListen::at(ends[1])).unwrap();
    let a = pair.a.stack.tcp_connect(now, TcpConnect::to(ends[1])).unwrap();
    let mut b = None;
    pair.drive_until(|pair| {
        b = b.or(pair.b.stack.tcp_accept(pair.now, listener));
        b.is_some()
    });
    let now = pair.now;
    pair.b.stack.tcp(now, b.unwrap()).unwrap().send(&[7; 50_000]).unwrap();
    pair.a.stack.tcp(now, a).unwrap().send(&[8; 50_000]).unwrap();
    let udp = pair.a.stack.udp_bind(now, ends[0]).unwrap();
    pair.a.stack.udp(now, udp).unwrap().send_to(&[9; 100], ends[1]).unwrap();
    pair.drive_for(Duration::from_millis(25));
    pair.b.stack.tcp_connect(pair.now, TcpConnect::to(ends[0])).unwrap();
    (pair, a, udp)
}

/// What an audit finds after `break_it`, where it found nothing before.
fn found(break_it: impl FnOnce(&mut Stack, TcpId, UdpId)) -> String {
    let (mut pair, a, udp) = busy();
    assert_eq!(pair.a.stack.audit().wrong, [""; 0]);
    break_it(&mut pair.a.stack, a, udp);
    pair.a.stack.audit().wrong.join("; ")
}

#[test]
fn a_busy_stack_is_in_order_at_every_step() {
    let (mut pair, a, _) = busy();
    let audit = pair.a.stack.audit();
    assert_eq!((audit.connections, audit.listeners, audit.time_wait), (1, 0, 0));
    let now = pair.now;
    pair.a.stack.tcp(now, a).unwrap().close();
    while pair.step() {
        assert_eq!(pair.a.stack.audit().wrong, [""; 0]);
        assert_eq!(pair.b.stack.audit().wrong, [""; 0]);
    }
}

#[test]
fn memory_that_nobody_holds_is_found() {
    let wrong = found(|stack, _, _| assert!(stack.shared.memory.charge(1)));
    assert!(wrong.contains("bytes of memory in use"), "{wrong}");
}

#[test]
fn a_timer_without_an_owner_is_found() {
    let wrong = found(|stack, a, _| {
        stack.shared.timers.insert(fathom_wire::Instant::MAX, TimerKey::Tcp(a));
    });
    assert!(wrong.contains("timers are set"), "{wrong}");
}

#[test]
fn a_timer_that_was_lost_is_found() {
    let wrong = found(|stack, _, _| {
        let (timer, _) = stack.transports.tcp.timers().next().unwrap();
        stack.shared.timers.cancel(timer);
    });
    assert!(wrong.contains("is not set") && wrong.contains("another's"), "{wrong}");
}

#[test]
fn a_socket_that_wants_to_send_and_is_not_asked_is_found() {
    let wrong = found(|stack, _, udp| stack.shared.sendable.park(SocketId::Udp(udp)));
    assert!(wrong.contains("stands in 0 places"), "{wrong}");
}

#[test]
fn readiness_that_is_told_twice_is_found() {
    let wrong = found(|stack, a, _| {
        let socket = SocketId::Tcp(a);
        stack.shared.events.push(socket, Readiness::READABLE);
        assert!(stack.shared.events.pop().is_some());
        stack.shared.events.push(socket, Readiness::READABLE);
        stack.shared.events.forget(socket);
    });
    assert!(wrong.contains("do not agree"), "{wrong}");
}
