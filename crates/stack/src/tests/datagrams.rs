//! Ping and UDP between two stacks.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::vec::Vec;

use super::Pair;
use crate::{Event, Family, IcmpErrorKind, IcmpEventKind, Readiness, SocketId, UdpError};

#[test]
fn two_stacks_ping_each_other() {
    for v6 in [false, true] {
        let mut pair = Pair::new();
        let to = if v6 { pair.b.v6 } else { pair.b.v4 };
        let socket = pair.a.stack.icmp_open(pair.now, Family::of(to), None).unwrap();
        pair.a.stack.icmp(pair.now, socket).unwrap().send_echo(to, 7, b"abcdefgh", None).unwrap();
        let start = pair.now;
        pair.drive_until(|pair| {
            let event = pair.a.stack.icmp(pair.now, socket).unwrap().recv();
            event.is_some_and(|event| {
                assert_eq!((event.from, event.kind), (to, IcmpEventKind::EchoReply));
                assert_eq!((event.sequence, event.hop_limit), (7, 64));
                assert_eq!(event.payload, b"abcdefgh"[..]);
                true
            })
        });
        // One round trip for the neighbour's address, one for the echo.
        assert_eq!(pair.now - start, 4 * pair.latency);
    }
}

/// Sockets of `a` and `b` with their addresses.
fn udp_pair(pair: &mut Pair, v6: bool) -> (crate::UdpId, crate::UdpId, SocketAddr, SocketAddr) {
    let pick = |v4: IpAddr, other: IpAddr| if v6 { other } else { v4 };
    let (a, b) = (pick(pair.a.v4, pair.a.v6), pick(pair.b.v4, pair.b.v6));
    let (a, b) = (SocketAddr::new(a, 1000), SocketAddr::new(b, 2000));
    let client = pair.a.stack.udp_bind(pair.now, a).unwrap();
    let server = pair.b.stack.udp_bind(pair.now, b).unwrap();
    (client, server, a, b)
}

#[test]
fn datagrams_go_both_ways_with_their_boundaries() {
    for v6 in [false, true] {
        let mut pair = Pair::new();
        let (client, server, a, b) = udp_pair(&mut pair, v6);
        for data in [&b"first"[..], b"", b"third"] {
            pair.a.stack.udp(pair.now, client).unwrap().send_to(data, b).unwrap();
        }
        pair.drive_for(Duration::from_secs(1));
        assert!(pair.b.events.contains(&Event { socket: server.into(), readiness: Readiness::READABLE }));
        let mut out = [0; 16];
        let mut udp = pair.b.stack.udp(pair.now, server).unwrap();
        for data in [&b"first"[..], b"", b"third"] {
            assert_eq!(udp.recv_from(&mut out), Ok((data.len(), a)));
            assert_eq!(&out[..data.len()], data);
        }
        assert_eq!(udp.recv_from(&mut out), Err(UdpError::WouldBlock));
        udp.send_to(b"answer", a).unwrap();
        pair.drive_for(Duration::from_secs(1));
        assert_eq!(pair.a.stack.udp(pair.now, client).unwrap().recv_from(&mut out), Ok((6, b)));
    }
}

#[test]
fn a_large_datagram_is_fragmented_and_put_together() {
    for v6 in [false, true] {
        let mut pair = Pair::new();
        let (client, server, a, b) = udp_pair(&mut pair, v6);
        let data: Vec<u8> = (0..40_000u32).map(|i| ((i * 7) >> 3) as u8).collect();
        pair.a.stack.udp(pair.now, client).unwrap().send_to(&data, b).unwrap();
        pair.drive_for(Duration::from_secs(1));
        let mut out = std::vec![0; 65536];
        let mut udp = pair.b.stack.udp(pair.now, server).unwrap();
        assert_eq!(udp.recv_from(&mut out), Ok((data.len(), a)));
        assert_eq!(out[..data.len()], data);
        assert!(pair.a.sent.iter().all(|(_, frame)| frame.len() <= 1514));
        assert_eq!(pair.b.stack.memory_in_use(), 0);
    }
}

#[test]
fn a_connected_socket_learns_that_nobody_listens() {
    for v6 in [false, true] {
        let mut pair = Pair::new();
        let (client, server, _, b) = udp_pair(&mut pair, v6);
        pair.b.stack.udp(pair.now, server).unwrap().close();
        let mut udp = pair.a.stack.udp(pair.now, client).unwrap();
        udp.connect(b).unwrap();
        udp.send(b"anybody?").unwrap();
        pair.drive_for(Duration::from_secs(1));
        assert!(pair.a.events.iter().any(|event| {
            event.socket == SocketId::Udp(client) && event.readiness.contains(Readiness::ERROR)
        }));
        let mut udp = pair.a.stack.udp(pair.now, client).unwrap();
        // RFC1122-R60, RFC4443-R6, RFC1122-R61
        assert_eq!(udp.recv_from(&mut [0; 8]), Err(UdpError::Refused));
        assert_eq!(udp.recv_from(&mut [0; 8]), Err(UdpError::WouldBlock));
    }
}

/// Three questions a second apart, then host unreachable for each packet that waits.
#[test]
fn a_ping_to_nobody_ends_in_host_unreachable_after_three_questions() {
    for nobody in ["192.0.2.99", "2001:db8::99"] {
        let nobody: IpAddr = nobody.parse().unwrap();
        let mut pair = Pair::new();
        let socket = pair.a.stack.icmp_open(pair.now, Family::of(nobody), None).unwrap();
        let start = pair.now;
        pair.a.stack.icmp(pair.now, socket).unwrap().send_echo(nobody, 1, b"", None).unwrap();
        pair.drive();
        let times: Vec<u64> = pair.a.sent.iter().map(|(at, _)| (*at - start).as_secs()).collect();
        // RFC4861-R10, RFC1122-R3
        assert_eq!(times, [0, 1, 2]);
        let event = pair.a.stack.icmp(pair.now, socket).unwrap().recv().unwrap();
        let error = IcmpEventKind::Error { error: IcmpErrorKind::HostUnreachable, destination: nobody };
        // RFC4861-R10
        assert_eq!((event.kind, event.sequence), (error, 1));
    }
}

#[test]
fn what_was_sent_before_the_socket_closed_arrives() {
    let mut pair = Pair::new();
    let (client, server, _, b) = udp_pair(&mut pair, false);
    let mut udp = pair.a.stack.udp(pair.now, client).unwrap();
    udp.send_to(b"one", b).unwrap();
    udp.send_to(b"two", b).unwrap();
    udp.close();
    assert!(pair.a.stack.udp(pair.now, client).is_none());
    let again = pair.a.stack.udp_bind(pair.now, "192.0.2.1:1000".parse().unwrap());
    assert!(again.is_ok(), "the port is free at once");
    pair.drive_for(Duration::from_secs(1));
    let mut udp = pair.b.stack.udp(pair.now, server).unwrap();
    assert_eq!(udp.recv().unwrap().data, b"one"[..]);
    assert_eq!(udp.recv().unwrap().data, b"two"[..]);
    assert_eq!(pair.a.stack.memory_in_use(), 0);
}
