//! An address that is removed, a link that goes down and comes up, a route that goes and comes back: what
//! connections, attempts, listeners and datagrams make of it. The outcomes are those of Linux 6.18, tried out in
//! network namespaces.

use core::net::SocketAddr;
use core::time::Duration;
use std::vec::Vec;

use fathom_record::{DropReason, TcpStateName};
use fathom_wire::Instant;

use super::Pair;
use super::connections::{connect, established, listen, state};
use super::pair::Fate;
use crate::{ConnectError, IpCidr, Route, TcpConnect, TcpError, TcpId, UdpError};

/// What can happen to the way from `a` to `b`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Change {
    Address,
    Link,
    Route,
}

const CHANGES: [Change; 3] = [Change::Address, Change::Link, Change::Route];

fn network(pair: &Pair) -> Route {
    let destination = IpCidr::new(pair.a.v4, 24).unwrap().network();
    Route { destination, gateway: None, interface: pair.a.interface, metric: 0 }
}

fn take_away(pair: &mut Pair, change: Change) {
    let (now, on, address, route) = (pair.now, pair.a.interface, pair.a.v4, network(pair));
    match change {
        Change::Address => assert!(pair.a.stack.remove_address(now, on, address)),
        Change::Link => pair.a.stack.set_link(now, on, false),
        Change::Route => assert!(pair.a.stack.remove_route(now, &route)),
    }
}

fn give_back(pair: &mut Pair, change: Change) {
    let (now, on, address, route) = (pair.now, pair.a.interface, pair.a.v4, network(pair));
    match change {
        Change::Address => pair.a.stack.add_address(now, on, IpCidr::new(address, 24).unwrap()).unwrap(),
        Change::Link => pair.a.stack.set_link(now, on, true),
        Change::Route => pair.a.stack.add_route(now, route).unwrap(),
    }
}

fn write(pair: &mut Pair, a: bool, id: TcpId, data: &[u8]) {
    let now = pair.now;
    let end = if a { &mut pair.a } else { &mut pair.b };
    assert_eq!(end.stack.tcp(now, id).unwrap().send(data), Ok(data.len()));
}

fn available(pair: &mut Pair, a: bool, id: TcpId) -> usize {
    let now = pair.now;
    let end = if a { &mut pair.a } else { &mut pair.b };
    end.stack.tcp(now, id).unwrap().available()
}

fn take_error(pair: &mut Pair, id: TcpId) -> Option<TcpError> {
    let now = pair.now;
    pair.a.stack.tcp(now, id).unwrap().take_error()
}

#[test]
fn an_established_connection_goes_on_at_once_when_its_way_is_back() {
    for change in CHANGES {
        // In flight when it happens, written after it, or both.
        for (before, after) in [(true, false), (false, true), (true, true)] {
            let mut pair = Pair::new();
            let (a, b) = established(&mut pair);
            pair.drive_for(Duration::from_secs(1));
            if before {
                write(&mut pair, true, a, &[1; 500]);
                // It leaves, and is lost with the link.
                pair.fate = std::boxed::Box::new(|_, _, _| Fate::Lose);
                pair.flush();
                pair.fate = std::boxed::Box::new(|_, _, _| Fate::Deliver);
            }
            take_away(&mut pair, change);
            if after {
                write(&mut pair, true, a, &[2; 500]);
            }
            write(&mut pair, false, b, &[3; 500]);
            let packets =
                |pair: &Pair| pair.a.sent.iter().filter(|(_, frame)| frame[12..14] == [8, 0]).count();
            let sent = packets(&pair);
            pair.drive_for(Duration::from_secs(100));
            assert_eq!(packets(&pair), sent, "{change:?}: nothing leaves");
            assert_eq!(state(&mut pair, true, a), Some(TcpStateName::Established));
            give_back(&mut pair, change);
            // A question for the neighbour, its answer, what was lost, its acknowledgement and the rest: what
            // `a` has to say waits for no timer.
            pair.drive_for(6 * pair.latency);
            let expected = 500 * (usize::from(before) + usize::from(after));
            assert_eq!(available(&mut pair, false, b), expected, "{change:?} {before} {after}");
            // `b` does not know that it is back, and waits for its retransmission timer at most.
            pair.drive_for(Duration::from_secs(120));
            assert_eq!(available(&mut pair, true, a), 500, "{change:?} {before} {after}");
        }
    }
}

#[test]
fn an_established_connection_whose_way_stays_away_times_out() {
    for change in CHANGES {
        let mut pair = Pair::new();
        let (a, b) = established(&mut pair);
        pair.drive_for(Duration::from_secs(1));
        take_away(&mut pair, change);
        write(&mut pair, true, a, b"never arrives");
        let begin = pair.now;
        pair.drive_until(|pair| state(pair, true, a) == Some(TcpStateName::Closed));
        let after = (pair.now - begin).as_secs();
        assert!((899..=901).contains(&after), "{change:?}: {after} s");
        assert_eq!(take_error(&mut pair, a), Some(TcpError::TimedOut), "{change:?}");
        // An idle one notices nothing.
        assert_eq!(state(&mut pair, false, b), Some(TcpStateName::Established));
    }
}

#[test]
fn a_next_hop_that_stops_answering_is_the_reason_of_the_timeout() {
    let mut pair = Pair::new();
    let (a, _) = established(&mut pair);
    pair.drive_for(Duration::from_secs(60));
    pair.fate = std::boxed::Box::new(|_, _, _| Fate::Lose);
    write(&mut pair, true, a, b"never arrives");
    pair.drive_until(|pair| state(pair, true, a) == Some(TcpStateName::Closed));
    assert_eq!(take_error(&mut pair, a), Some(TcpError::HostUnreachable));
}

#[test]
fn segments_for_a_removed_address_are_not_ours() {
    let mut pair = Pair::ip();
    let (_, b) = established(&mut pair);
    take_away(&mut pair, Change::Address);
    let sent = pair.a.sent.len();
    write(&mut pair, false, b, b"for whom?");
    pair.drive_for(Duration::from_secs(10));
    assert_eq!(pair.a.sent.len(), sent);
    assert!(pair.a.stack.counters().dropped(DropReason::IpNotForUs) > 1);
}

#[test]
fn an_attempt_without_a_way_fails_at_once_with_the_reason() {
    for (change, bound) in CHANGES.into_iter().flat_map(|change| [(change, false), (change, true)]) {
        let mut pair = Pair::new();
        take_away(&mut pair, change);
        let local = bound.then(|| SocketAddr::new(pair.a.v4, 0));
        let remote = SocketAddr::new(pair.b.v4, 80);
        let connect = TcpConnect { local, ..TcpConnect::to(remote) };
        let reason = match (change, bound) {
            (Change::Address, true) => ConnectError::AddressNotAvailable,
            _ => ConnectError::NoRoute,
        };
        assert_eq!(pair.a.stack.tcp_connect(pair.now, connect).err(), Some(reason), "{change:?} {bound}");
    }
}

/// A `connect` that waits for its answer when the way goes away: it goes on trying, and succeeds when the way
/// is back, or says in the end that the network is unreachable.
#[test]
fn an_attempt_that_has_begun_waits_for_its_way() {
    for change in CHANGES {
        for comes_back in [true, false] {
            let mut pair = Pair::ip();
            listen(&mut pair);
            let a = connect(&mut pair);
            pair.fate = std::boxed::Box::new(|_, _, _| Fate::Lose);
            pair.flush();
            pair.fate = std::boxed::Box::new(|_, _, _| Fate::Deliver);
            take_away(&mut pair, change);
            pair.drive_for(Duration::from_secs(50));
            assert_eq!(state(&mut pair, true, a), Some(TcpStateName::SynSent), "{change:?}");
            if comes_back {
                give_back(&mut pair, change);
                pair.drive_for(2 * pair.latency);
                assert_eq!(state(&mut pair, true, a), Some(TcpStateName::Established), "{change:?}");
            } else {
                pair.drive();
                assert_eq!(take_error(&mut pair, a), Some(TcpError::NetworkUnreachable), "{change:?}");
            }
        }
    }
}

#[test]
fn a_connection_without_a_way_that_nobody_owns_leaves_nothing_behind() {
    for change in CHANGES {
        let mut pair = Pair::new();
        let (a, _) = established(&mut pair);
        pair.drive_for(Duration::from_secs(1));
        write(&mut pair, true, a, &[1; 50_000]);
        take_away(&mut pair, change);
        pair.drive_for(Duration::from_secs(1));
        let now = pair.now;
        pair.a.stack.tcp(now, a).unwrap().close();
        pair.drive_for(Duration::from_secs(130));
        assert_eq!((state(&mut pair, true, a), pair.a.stack.memory_in_use()), (None, 0), "{change:?}");
        give_back(&mut pair, change);
        pair.drive_for(Duration::from_secs(1));
    }
}

#[test]
fn a_reset_without_a_way_is_given_up() {
    for change in CHANGES {
        let mut pair = Pair::new();
        let (a, _) = established(&mut pair);
        pair.drive_for(Duration::from_secs(1));
        take_away(&mut pair, change);
        let now = pair.now;
        let mut tcp = pair.a.stack.tcp(now, a).unwrap();
        tcp.abort();
        tcp.close();
        pair.drive_for(Duration::from_secs(4));
        assert_eq!(state(&mut pair, true, a), None, "{change:?}");
    }
}

#[test]
fn listeners_and_sockets_outlive_their_address() {
    let mut pair = Pair::ip();
    let b4 = pair.b.v4;
    let (on, now) = (pair.b.interface, pair.now);
    let listener = listen(&mut pair);
    let udp = pair.b.stack.udp_bind(now, SocketAddr::new(b4, 9)).unwrap();
    assert!(pair.b.stack.remove_address(now, on, b4));
    let gone = pair.b.stack.udp_bind(now, SocketAddr::new(b4, 10));
    assert_eq!(gone.err(), Some(crate::BindError::AddressNotAvailable));
    let a = connect(&mut pair);
    pair.drive_for(Duration::from_millis(500));
    assert_eq!(state(&mut pair, true, a), Some(TcpStateName::SynSent));
    let now = pair.now;
    pair.b.stack.add_address(now, on, IpCidr::new(b4, 24).unwrap()).unwrap();
    pair.drive_for(Duration::from_secs(1));
    assert_eq!(state(&mut pair, true, a), Some(TcpStateName::Established));
    assert!(pair.b.stack.tcp_accept(pair.now, listener).is_some());
    let from = pair.a.stack.udp_bind(pair.now, "0.0.0.0:0".parse().unwrap()).unwrap();
    let now = pair.now;
    pair.a.stack.udp(now, from).unwrap().send_to(b"x", SocketAddr::new(b4, 9)).unwrap();
    pair.drive_for(Duration::from_secs(1));
    let now = pair.now;
    assert!(pair.b.stack.udp(now, udp).unwrap().recv().is_ok());
}

/// A socket that is bound to an address that is gone has no network to send to, even if others have.
#[test]
fn a_datagram_from_a_removed_address_is_refused() {
    let mut pair = Pair::ip();
    let (on, now) = (pair.a.interface, pair.now);
    let to = SocketAddr::new(pair.b.v4, 9);
    let bound = pair.a.stack.udp_bind(now, SocketAddr::new(pair.a.v4, 0)).unwrap();
    let free = pair.a.stack.udp_bind(now, "0.0.0.0:0".parse().unwrap()).unwrap();
    let other = IpCidr::new([192, 0, 2, 77], 24).unwrap();
    pair.a.stack.add_address(now, on, other).unwrap();
    take_away(&mut pair, Change::Address);
    let now = pair.now;
    assert_eq!(pair.a.stack.udp(now, bound).unwrap().send_to(b"x", to), Err(UdpError::NetworkUnreachable));
    assert_eq!(pair.a.stack.udp(now, free).unwrap().send_to(b"x", to), Ok(1));
}

/// A half-open connection does not answer from an address that is gone.
#[test]
fn a_syn_ack_is_not_repeated_from_a_removed_address() {
    let mut pair = Pair::ip();
    listen(&mut pair);
    connect(&mut pair);
    pair.flush();
    pair.drive_for(pair.latency);
    let (on, now, b4) = (pair.b.interface, pair.now, pair.b.v4);
    let sent = pair.b.sent.len();
    assert_eq!(sent, 1);
    pair.b.stack.remove_address(now, on, b4);
    pair.b.stack.add_address(now, on, IpCidr::new([192, 0, 2, 77], 24).unwrap()).unwrap();
    pair.fate = std::boxed::Box::new(|_, _, _| Fate::Lose);
    pair.drive_for(Duration::from_secs(100));
    assert_eq!(pair.b.sent.len(), sent);
    assert!(pair.b.stack.counters().dropped(DropReason::NoSourceAddress) > 0);
}

/// What a router said of one way says nothing of another.
#[test]
fn a_path_mtu_is_forgotten_with_the_way_it_was_found_on() {
    let mut pair = Pair::ip();
    let (a, b) = established(&mut pair);
    let to = pair.b.v4;
    let mtu_of = |pair: &mut Pair, id| {
        write(pair, true, id, &[0; 20_000]);
        let sent = pair.a.sent.len();
        pair.flush();
        pair.a.sent[sent..].iter().map(|(_, frame)| frame.len()).max().unwrap()
    };
    assert_eq!(mtu_of(&mut pair, a), 1500);
    pair.drive_for(Duration::from_secs(1));
    let now = pair.now;
    let parts = pair.a.stack.parts(now);
    parts.internet.path_mtus.set(now, to, 1400, 10, Duration::from_secs(600));
    assert_eq!(mtu_of(&mut pair, a), 1400);
    pair.drive_for(Duration::from_secs(1));
    let gateway = Some(to);
    let other = Route { destination: IpCidr::new(to, 32).unwrap(), gateway, ..network(&pair) };
    let now: Instant = pair.now;
    pair.a.stack.add_route(now, other).unwrap();
    assert_eq!(mtu_of(&mut pair, a), 1500);
    pair.drive_for(Duration::from_secs(1));
    assert_eq!(available(&mut pair, false, b), 60_000);
}

/// What waits for a gateway that does not answer goes by another as soon as there is one.
#[test]
fn a_socket_that_waits_for_a_gateway_leaves_by_the_next_one() {
    let mut host = super::host::Host::new().knows_neighbour();
    let over = |host: &super::host::Host, gateway: &str| {
        let gateway = Some(gateway.parse().unwrap());
        Route { destination: IpCidr::IPV4_ANY, gateway, interface: host.eth0, metric: 0 }
    };
    let (dead, alive) = (over(&host, "192.0.2.9"), over(&host, "192.0.2.2"));
    host.stack.add_route(host.now, dead).unwrap();
    let connect = TcpConnect::to("198.51.100.1:80".parse().unwrap());
    let id = host.stack.tcp_connect(host.now, connect).unwrap();
    let packets = |frames: Vec<bytes::Bytes>| frames.iter().filter(|frame| frame[12..14] == [8, 0]).count();
    let asked = host.sent();
    assert_eq!((asked.len(), packets(asked)), (1, 0), "it asks for the gateway");
    host.now += Duration::from_secs(1);
    assert!(host.stack.remove_route(host.now, &dead));
    host.stack.add_route(host.now, alive).unwrap();
    assert_eq!(packets(host.sent()), 1, "the SYN");
    // That the other never answers is no matter any more.
    host.pass(Duration::from_secs(10));
    let tcp = host.stack.tcp(host.now, id).unwrap();
    assert_eq!(tcp.state(), TcpStateName::SynSent);
}
