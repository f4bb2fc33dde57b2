//! IPv6 sockets that speak IPv4 (RFC 3493 3.7, 5.3).

use core::net::SocketAddr;

use fathom_record::TcpStateName;

use super::Pair;
use super::connections::state;
use crate::transport::mapped;
use crate::{BindError, ConnectError, InterfaceId, TcpConnect, TcpListen, TcpOptions};

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

#[test]
fn a_listener_of_ipv6_takes_ipv4_and_sees_mapped_addresses() {
    let mut pair = Pair::ip();
    let listener = pair.b.stack.tcp_listen(pair.now, TcpListen::at(at("[::]:80"))).unwrap();
    assert_eq!(pair.b.stack.tcp_listener_local(listener), Some(at("[::]:80")));
    for remote in [SocketAddr::new(pair.b.v4, 80), SocketAddr::new(pair.b.v6, 80)] {
        let a = pair.a.stack.tcp_connect(pair.now, TcpConnect::to(remote)).unwrap();
        pair.drive_until(|pair| state(pair, true, a) == Some(TcpStateName::Established));
        let mut accepted = None;
        pair.drive_until(|pair| {
            accepted = accepted.or(pair.b.stack.tcp_accept(pair.now, listener));
            accepted.is_some()
        });
        let now = pair.now;
        let theirs = pair.a.stack.tcp(now, a).unwrap().local();
        let tcp = pair.b.stack.tcp(now, accepted.unwrap()).unwrap();
        assert_eq!((tcp.local(), tcp.remote()), (mapped::map(remote), mapped::map(theirs)));
    }
}

#[test]
fn a_listener_of_ipv6_alone_refuses_ipv4() {
    let mut pair = Pair::ip();
    let only = TcpListen { only_v6: true, ..TcpListen::at(at("[::]:80")) };
    pair.b.stack.tcp_listen(pair.now, only).unwrap();
    let remote = SocketAddr::new(pair.b.v4, 80);
    let a = pair.a.stack.tcp_connect(pair.now, TcpConnect::to(remote)).unwrap();
    pair.drive_until(|pair| state(pair, true, a) == Some(TcpStateName::Closed));
}

#[test]
fn an_attempt_at_a_listener_of_ipv6_has_mapped_addresses() {
    let mut pair = Pair::ip();
    let listen = TcpListen { decide: true, ..TcpListen::at(at("[::]:80")) };
    let listener = pair.b.stack.tcp_listen(pair.now, listen).unwrap();
    let remote = SocketAddr::new(pair.b.v4, 80);
    pair.a.stack.tcp_connect(pair.now, TcpConnect::to(remote)).unwrap();
    let mut incoming = None;
    pair.drive_until(|pair| {
        incoming = incoming.or(pair.b.stack.tcp_incoming(listener));
        incoming.is_some()
    });
    assert_eq!(incoming.unwrap().destination, mapped::map(remote));
}

#[test]
fn a_mapped_address_is_connected_to_by_ipv4() {
    for local in [None, Some("[::]:4000"), Some("[::ffff:192.0.2.1]:4000")] {
        let mut pair = Pair::ip();
        let remote = SocketAddr::new(pair.b.v4, 80);
        let listener = pair.b.stack.tcp_listen(pair.now, TcpListen::at(remote)).unwrap();
        let connect = TcpConnect { local: local.map(at), ..TcpConnect::to(mapped::map(remote)) };
        let a = pair.a.stack.tcp_connect(pair.now, connect).unwrap();
        pair.drive_until(|pair| state(pair, true, a) == Some(TcpStateName::Established));
        let tcp = pair.a.stack.tcp(pair.now, a).unwrap();
        assert_eq!(tcp.remote(), mapped::map(remote));
        let local = tcp.local();
        assert_eq!(mapped::unmap(local).map(|local| local.ip()), Some(pair.a.v4));
        let mut accepted = None;
        pair.drive_until(|pair| {
            accepted = accepted.or(pair.b.stack.tcp_accept(pair.now, listener));
            accepted.is_some()
        });
        assert_eq!(
            pair.b.stack.tcp(pair.now, accepted.unwrap()).unwrap().remote(),
            mapped::unmap(local).unwrap()
        );
    }
}

#[test]
fn families_that_do_not_go_together_are_refused() {
    let mut pair = Pair::ip();
    let cases = [
        ("[::ffff:192.0.2.2]:80", "[2001:db8::1]:0"),
        ("[2001:db8::2]:80", "[::ffff:192.0.2.1]:0"),
        ("192.0.2.2:80", "[::]:0"),
    ];
    for (remote, local) in cases {
        let connect = TcpConnect { local: Some(at(local)), ..TcpConnect::to(at(remote)) };
        let error = pair.a.stack.tcp_connect(pair.now, connect).unwrap_err();
        assert!(
            matches!(error, ConnectError::NoRoute | ConnectError::AddressNotAvailable),
            "{remote} {local}"
        );
    }
    let stranger = TcpListen::at(at("[::ffff:192.0.2.9]:80"));
    assert_eq!(pair.a.stack.tcp_listen(pair.now, stranger), Err(BindError::AddressNotAvailable));
}

/// `SO_BINDTODEVICE`
#[test]
fn a_connection_bound_to_an_interface_leaves_by_it() {
    let mut pair = Pair::ip();
    let other = pair.a.stack.add_interface(crate::Interface::ip("tun1"));
    let remote = SocketAddr::new(pair.b.v4, 80);
    let bound = |interface| TcpConnect {
        options: TcpOptions { interface: Some(interface), ..TcpOptions::default() },
        ..TcpConnect::to(remote)
    };
    let none: Result<_, ConnectError> = pair.a.stack.tcp_connect(pair.now, bound(other));
    assert_eq!(none, Err(ConnectError::NoRoute), "no route leads there by that interface");
    let default = "0.0.0.0/0".parse().unwrap();
    let route = crate::Route { destination: default, gateway: None, interface: other, metric: 0 };
    pair.a.stack.add_route(pair.now, route).unwrap();
    pair.a.stack.tcp_connect(pair.now, bound(other)).unwrap();
    assert!(pair.a.stack.poll_transmit(pair.now, pair.a.interface).is_none());
    assert!(pair.a.stack.poll_transmit(pair.now, other).is_some());
}

#[test]
fn a_listener_bound_to_an_interface_hears_that_one_alone() {
    let mut pair = Pair::ip();
    let other = pair.b.stack.add_interface(crate::Interface::ip("tun1"));
    let remote = SocketAddr::new(pair.b.v4, 80);
    let bound = |interface: InterfaceId| TcpListen {
        options: TcpOptions { interface: Some(interface), ..TcpOptions::default() },
        ..TcpListen::at(remote)
    };
    pair.b.stack.tcp_listen(pair.now, bound(other)).unwrap();
    let a = pair.a.stack.tcp_connect(pair.now, TcpConnect::to(remote)).unwrap();
    pair.drive_until(|pair| state(pair, true, a) == Some(TcpStateName::Closed));
    let here = pair.b.interface;
    pair.b.stack.tcp_listen(pair.now, bound(here)).unwrap();
    let a = pair.a.stack.tcp_connect(pair.now, TcpConnect::to(remote)).unwrap();
    pair.drive_until(|pair| state(pair, true, a) == Some(TcpStateName::Established));
}
