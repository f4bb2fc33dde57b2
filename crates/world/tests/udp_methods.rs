//! The methods of UDP sockets, one by one, as docs/sockets.md lists them.

mod common;

use std::fmt::Debug;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll, Waker};

use bytes::BytesMut;
use common::{A4, A6, B4, Pair, at, ms, pair};
use fathom_impair::Conditions;
use fathom_net::{PathMtuDiscovery, SendDatagram, UdpBind, UdpSocket};

/// Two sockets that are connected to each other.
fn connected(seed: u64) -> (Pair, UdpSocket, UdpSocket) {
    let mut net = pair(seed, Conditions::default().delay(ms(1)));
    let (a, b) = net
        .world
        .block_on(async {
            let a = UdpSocket::bind(&net.a, at(A4, 5000)).await.unwrap();
            (a, UdpSocket::bind(&net.b, at(B4, 7)).await.unwrap())
        })
        .unwrap();
    a.connect(at(B4, 7)).unwrap();
    b.connect(at(A4, 5000)).unwrap();
    // Few datagrams wait for a neighbour to be found; from here on it is known.
    a.try_send(b"first").unwrap();
    net.world.block_on(b.recv_datagram()).unwrap().unwrap();
    (net, a, b)
}

fn kind<T: Debug>(result: io::Result<T>) -> ErrorKind {
    result.unwrap_err().kind()
}

/// What polling gives at once.
fn polled<T>(poll: impl FnOnce(&mut Context<'_>) -> Poll<io::Result<T>>) -> io::Result<T> {
    match poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => Err(ErrorKind::WouldBlock.into()),
    }
}

#[test]
fn a_socket_knows_its_host_its_address_and_its_peer() {
    let (net, socket, _) = connected(1);
    assert_eq!(socket.host().name(), net.a.name());
    assert_eq!(socket.local_addr().unwrap(), at(A4, 5000));
    assert_eq!(socket.peer_addr().unwrap(), at(B4, 7));
    assert_eq!(socket.clone().local_addr().unwrap(), at(A4, 5000), "of the same socket");
    socket.disconnect().unwrap();
    assert_eq!(kind(socket.peer_addr()), ErrorKind::NotConnected);
    assert!(socket.take_error().unwrap().is_none());
}

#[test]
fn every_way_of_sending_sends_one_datagram() {
    let (mut net, socket, peer) = connected(2);
    let message = SendDatagram::new(b"x");
    let (to, source): (SocketAddr, IpAddr) = (at(B4, 7), A4.parse().unwrap());
    let sent = net
        .world
        .block_on(async {
            [
                socket.send(b"x").await.unwrap(),
                socket.send_to(b"x", to).await.unwrap(),
                socket.send_msg(&message).await.unwrap(),
                socket.send_from(source, b"x", to).await.unwrap(),
                polled(|cx| socket.poll_send(cx, b"x")).unwrap(),
                polled(|cx| socket.poll_send_to(cx, b"x", to)).unwrap(),
                polled(|cx| socket.poll_send_msg(cx, &message)).unwrap(),
                socket.try_send(b"x").unwrap(),
                socket.try_send_to(b"x", to).unwrap(),
                socket.try_send_msg(&message).unwrap(),
            ]
        })
        .unwrap();
    assert_eq!(sent, [1; 10]);
    net.world.run_for(ms(100)).unwrap();
    let received = std::iter::from_fn(|| peer.try_recv_datagram().ok());
    assert_eq!(
        received.filter(|datagram| datagram.data == "x" && datagram.source == at(A4, 5000)).count(),
        10
    );
}

#[test]
fn every_way_of_receiving_takes_one_datagram() {
    let (mut net, sender, socket) = connected(3);
    let mut out = [0; 8];
    let mut buffer = BytesMut::new();
    let from = at(A4, 5000);
    // Without a datagram they wait, or say that they would.
    for error in [
        kind(socket.try_recv(&mut out)),
        kind(socket.try_recv_from(&mut out)),
        kind(socket.try_recv_msg(&mut out)),
        kind(socket.try_recv_buf(&mut buffer)),
        kind(socket.try_recv_buf_from(&mut buffer)),
        kind(socket.try_recv_datagram()),
        kind(polled(|cx| socket.poll_recv(cx, &mut out))),
        kind(polled(|cx| socket.poll_recv_from(cx, &mut out))),
        kind(polled(|cx| socket.poll_recv_msg(cx, &mut out))),
        kind(polled(|cx| socket.poll_recv_datagram(cx))),
    ] {
        assert_eq!(error, ErrorKind::WouldBlock);
    }
    for number in 0..16u8 {
        sender.try_send(&vec![number; usize::from(number)]).unwrap();
    }
    net.world.run_for(ms(100)).unwrap();
    net.world
        .block_on(async {
            assert_eq!(socket.recv(&mut out).await.unwrap(), 0);
            assert_eq!(socket.recv_from(&mut out).await.unwrap(), (1, from));
            assert_eq!(socket.recv_msg(&mut out).await.unwrap().len, 2);
            assert_eq!(socket.recv_buf(&mut buffer).await.unwrap(), 3);
            assert_eq!(socket.recv_buf_from(&mut buffer).await.unwrap(), (4, from));
            assert_eq!(socket.recv_datagram().await.unwrap().data, [5; 5].as_slice());
            assert_eq!(socket.try_recv(&mut out).unwrap(), 6);
            assert_eq!(socket.try_recv_from(&mut out).unwrap(), (7, from));
            assert_eq!(socket.try_recv_msg(&mut out).unwrap().len, 8);
            assert_eq!(socket.try_recv_buf(&mut buffer).unwrap(), 9);
            assert_eq!(socket.try_recv_buf_from(&mut buffer).unwrap(), (10, from));
            assert_eq!(socket.try_recv_datagram().unwrap().data, [11; 11].as_slice());
            let mut out = [0; 16];
            assert_eq!(polled(|cx| socket.poll_recv(cx, &mut out)).unwrap(), 12);
            assert_eq!(polled(|cx| socket.poll_recv_from(cx, &mut out)).unwrap(), (13, from));
            assert_eq!(polled(|cx| socket.poll_recv_msg(cx, &mut out)).unwrap().len, 14);
            assert_eq!(polled(|cx| socket.poll_recv_datagram(cx)).unwrap().data.len(), 15);
            assert_eq!(kind(socket.try_recv(&mut out)), ErrorKind::WouldBlock);
        })
        .unwrap();
    assert_eq!(buffer.len(), 3 + 4 + 9 + 10, "each behind the one before");
}

#[test]
fn every_way_of_peeking_leaves_the_datagram() {
    let (mut net, sender, socket) = connected(4);
    let mut out = [0; 8];
    let from = at(A4, 5000);
    assert_eq!(kind(socket.try_peek(&mut out)), ErrorKind::WouldBlock);
    assert_eq!(kind(polled(|cx| socket.poll_peek(cx, &mut out))), ErrorKind::WouldBlock);
    assert_eq!(kind(polled(|cx| socket.poll_peek_sender(cx))), ErrorKind::WouldBlock);
    sender.try_send(b"seen").unwrap();
    net.world
        .block_on(async {
            assert_eq!(socket.peek(&mut out).await.unwrap(), 4);
            assert_eq!(socket.peek_from(&mut out).await.unwrap(), (4, from));
            assert_eq!(socket.peek_sender().await.unwrap(), from);
            assert_eq!(socket.try_peek(&mut out[..2]).unwrap(), 2);
            assert_eq!(socket.try_peek_from(&mut out).unwrap(), (4, from));
            assert_eq!(socket.try_peek_sender().unwrap(), from);
            assert_eq!(polled(|cx| socket.poll_peek(cx, &mut out)).unwrap(), 4);
            assert_eq!(polled(|cx| socket.poll_peek_from(cx, &mut out)).unwrap(), (4, from));
            assert_eq!(polled(|cx| socket.poll_peek_sender(cx)).unwrap(), from);
            assert_eq!(socket.try_recv(&mut out).unwrap(), 4);
        })
        .unwrap();
    assert_eq!(&out[..4], b"seen");
}

#[test]
fn polling_for_readiness_waits_as_awaiting_it_does() {
    let (mut net, sender, socket) = connected(5);
    assert!(polled(|cx| socket.poll_send_ready(cx)).is_ok());
    assert_eq!(kind(polled(|cx| socket.poll_recv_ready(cx))), ErrorKind::WouldBlock);
    sender.try_send(b"x").unwrap();
    net.world.block_on(std::future::poll_fn(|cx| socket.poll_recv_ready(cx))).unwrap().unwrap();
    assert!(polled(|cx| socket.poll_recv_ready(cx)).is_ok(), "nothing was taken");
}

/// Checks that a socket gives back what was set on it.
macro_rules! choices {
    ($($test:ident: $set:ident($value:expr), $get:ident => $expected:expr;)*) => {
        $(
            #[test]
            fn $test() {
                let (_net, socket, _) = connected(6);
                assert_ne!(socket.$get().unwrap(), $expected, "what it is without");
                socket.$set($value).unwrap();
                assert_eq!(socket.$get().unwrap(), $expected);
            }
        )*
    };
}

choices! {
    broadcast_is_set_and_told: set_broadcast(true), broadcast => true;
    the_time_to_live_is_set_and_told: set_ttl(9), ttl => 9;
    the_time_to_live_to_groups_is_set_and_told: set_multicast_ttl_v4(9), multicast_ttl_v4 => 9;
    the_loop_of_groups_is_set_and_told: set_multicast_loop_v4(false), multicast_loop_v4 => false;
    the_loop_of_ipv6_groups_is_set_and_told: set_multicast_loop_v6(false), multicast_loop_v6 => false;
    the_type_of_service_is_set_and_told: set_tos_v4(0xb8), tos_v4 => 0xb8;
    the_traffic_class_is_set_and_told: set_tclass_v6(0xb8), tclass_v6 => 0xb8;
    reports_of_errors_are_set_and_told: set_report_errors(true), report_errors => true;
    receive_offload_is_set_and_told: set_receive_offload(true), receive_offload => true;
    the_receive_buffer_is_set_and_told: set_recv_buffer_size(5_000), recv_buffer_size => 5_000;
    the_send_buffer_is_set_and_told: set_send_buffer_size(5_000), send_buffer_size => 5_000;
    path_mtu_discovery_is_set_and_told:
        set_path_mtu_discovery(PathMtuDiscovery::Probe), path_mtu_discovery => PathMtuDiscovery::Probe;
}

#[test]
fn all_options_can_be_changed_at_once() {
    let (_net, socket, _) = connected(7);
    socket.set_options(|options| (options.hop_limit, options.multicast_all) = (9, false)).unwrap();
    let options = socket.options().unwrap();
    assert_eq!((options.hop_limit, options.multicast_all, socket.ttl().unwrap()), (9, false, 9));
    assert_eq!(socket.path_mtu().unwrap(), 1500);
}

#[test]
fn a_socket_bound_to_an_interface_says_so() {
    let net = pair(8, Conditions::default());
    let bind = UdpBind { interface: Some(net.eth_a), ..UdpBind::at(at(A4, 7)) };
    let socket = UdpSocket::bind_with(&net.a, bind.clone()).unwrap();
    assert_eq!(socket.bound().unwrap().interface, bind.interface);
}

#[test]
fn memberships_begin_and_end() {
    let net = pair(9, Conditions::default());
    let socket = net.a.udp_bind(at("0.0.0.0", 7)).unwrap();
    let six = net.a.udp_bind(at(A6, 7)).unwrap();
    let eth = Some(net.eth_a);
    let (group, group_v6) = ("239.1.2.3".parse().unwrap(), "ff15::7".parse().unwrap());
    let (source, bad) = (B4.parse().unwrap(), "192.0.2.9".parse().unwrap());
    socket.join_multicast_v4(group, A4.parse().unwrap()).unwrap();
    socket.leave_multicast_v4(group, A4.parse().unwrap()).unwrap();
    six.join_multicast_v6(&group_v6, net.eth_a.scope_id()).unwrap();
    six.leave_multicast_v6(&group_v6, net.eth_a.scope_id()).unwrap();
    assert_eq!(kind(six.leave_multicast_v6(&group_v6, net.eth_a.scope_id())), ErrorKind::AddrNotAvailable);
    socket.join_multicast(group.into(), eth).unwrap();
    socket.block_source(group.into(), bad, eth).unwrap();
    socket.unblock_source(group.into(), bad, eth).unwrap();
    socket.leave_multicast(group.into(), eth).unwrap();
    assert_eq!(kind(socket.leave_multicast(group.into(), eth)), ErrorKind::AddrNotAvailable);
    socket.join_source(group.into(), source, eth).unwrap();
    socket.leave_source(group.into(), source, eth).unwrap();
    assert_eq!(kind(socket.leave_source(group.into(), source, eth)), ErrorKind::AddrNotAvailable);
    assert_eq!(socket.multicast_interface().unwrap(), None);
    socket.set_multicast_interface(eth).unwrap();
    assert_eq!(socket.multicast_interface().unwrap(), eth);
}

#[test]
fn datagrams_that_found_no_room_are_counted() {
    let (mut net, sender, socket) = connected(10);
    socket.set_recv_buffer_size(3_000).unwrap();
    assert_eq!(socket.dropped().unwrap(), 0);
    for _ in 0..10 {
        sender.try_send(&[0; 1_000]).unwrap();
    }
    net.world.run_for(ms(100)).unwrap();
    let received = std::iter::from_fn(|| socket.try_recv_datagram().ok()).count() as u64;
    assert!(received < 10);
    assert_eq!(socket.dropped().unwrap(), 10 - received);
}
