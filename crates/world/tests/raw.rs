//! Raw sockets between hosts of a world.

mod common;

use std::future::poll_fn;
use std::io::ErrorKind;
use std::net::IpAddr;

use common::{A4, A6, B4, B6, ms, pair};
use fathom_impair::Conditions;
use fathom_net::{Family, Interest, IpProtocol, Ready, TypeFilter};

/// A protocol for experiments (RFC 3692).
const EXPERIMENT: IpProtocol = IpProtocol::Unknown(253);

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn packets_of_a_protocol_of_ones_own_go_both_ways_over_both_families() {
    for (family, ours, theirs, header) in [(Family::V4, A4, B4, 20), (Family::V6, A6, B6, 0)] {
        let mut net = pair(1, Conditions::default().delay(ms(10)));
        let client = net.a.raw_open(family, EXPERIMENT).unwrap();
        let server = net.b.raw_open(family, EXPERIMENT).unwrap();
        client.connect(ip(theirs)).unwrap();
        server.bind(ip(theirs)).unwrap();
        net.world
            .block_on(async {
                assert_eq!(
                    server.ready(Interest::READABLE | Interest::WRITABLE).await.unwrap(),
                    Ready::WRITABLE
                );
                assert_eq!(client.send(b"hello").await.unwrap(), 5);
                server.ready(Interest::READABLE).await.unwrap();
                let packet = poll_fn(|cx| server.poll_recv_packet(cx)).await.unwrap();
                assert_eq!((packet.source, packet.destination), (ip(ours), ip(theirs)));
                assert_eq!((&packet.data[header..], packet.interface), (&b"hello"[..], Some(net.eth_b)));
                server.send_to(b"hi", packet.source).await.unwrap();
                poll_fn(|cx| server.poll_send_to(cx, b"again", packet.source)).await.unwrap();
                let mut out = [0; 64];
                assert_eq!(client.recv_from(&mut out).await.unwrap(), (header + 2, ip(theirs)));
                let again = client.recv_packet().await.unwrap();
                assert_eq!(&again.data[header..], b"again");
                let nothing = client.try_recv_from(&mut out).unwrap_err();
                assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
            })
            .unwrap();
        assert_eq!(client.host().name(), "a");
    }
}

/// A ping by hand: what ping and traceroute programs do with their raw sockets.
#[test]
fn an_echo_request_by_hand_is_answered_and_the_filter_passes_the_answer_alone() {
    let mut net = pair(2, Conditions::default().delay(ms(10)));
    let socket = net.a.raw_open(Family::V6, IpProtocol::Icmpv6).unwrap();
    socket.set_icmp_filter(TypeFilter::only(&[129])).unwrap();
    let packet = net
        .world
        .block_on(async {
            socket.send_to(&[128, 0, 0, 0, 0, 7, 0, 1, b'x'], ip(B6)).await.unwrap();
            socket.recv_packet().await.unwrap()
        })
        .unwrap();
    assert_eq!(packet.data[..2], [129, 0], "no neighbour advertisement came before it");
    assert_eq!(packet.data[4..], [0, 7, 0, 1, b'x']);
    assert_eq!(socket.dropped().unwrap(), 0);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let net = pair(3, Conditions::default());
    let socket = net.a.raw_open(Family::V4, EXPERIMENT).unwrap();
    let kind = |result: std::io::Result<usize>| result.unwrap_err().kind();
    assert_eq!(kind(socket.try_send_to(b"x", ip(B6))), ErrorKind::InvalidInput);
    assert_eq!(kind(socket.try_send_to(b"x", ip("203.0.113.1"))), ErrorKind::NetworkUnreachable);
    assert_eq!(kind(socket.try_send_to(b"x", ip("192.0.2.255"))), ErrorKind::PermissionDenied);
    socket.set_header_included(true).unwrap();
    assert!(socket.options().unwrap().header_included);
    assert_eq!(kind(socket.try_send_to(b"no header", ip(B4))), ErrorKind::InvalidInput);
    assert_eq!(socket.bind(ip(B4)).unwrap_err().kind(), ErrorKind::InvalidInput);
    socket.bind_device(Some(net.eth_a)).unwrap();
    socket.set_options(|options| options.send_buffer = 1000).unwrap();
    socket.set_header_included(false).unwrap();
    socket.try_send_to(&[0; 500], ip(B4)).unwrap();
    assert_eq!(kind(socket.try_send_to(&[0; 500], ip(B4))), ErrorKind::WouldBlock);
}
