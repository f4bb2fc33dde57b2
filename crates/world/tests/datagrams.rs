//! What UDP sockets can do beside sending and receiving: tokio's methods and Linux's options.

mod common;

use std::io::{ErrorKind, IoSliceMut};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU16;

use common::{A4, A6, B4, B6, Pair, at, ms, pair};
use fathom_impair::Conditions;
use fathom_net::{
    Ecn, IcmpErrorKind, Interest, IpCidr, ListenAt, PathMtuDiscovery, Ready, SendDatagram, UdpBind, UdpSocket,
};

fn net(seed: u64) -> Pair {
    pair(seed, Conditions::default().delay(ms(1)))
}

/// A socket of each host, that of `a` connected to that of `b`.
fn sockets(net: &Pair, ours: &str, theirs: &str) -> (UdpSocket, UdpSocket) {
    let client = net.a.udp_bind(at(ours, 0)).unwrap();
    client.connect(at(theirs, 7)).unwrap();
    (client, net.b.udp_bind(at(theirs, 7)).unwrap())
}

#[test]
fn a_peek_shows_what_the_next_read_takes() {
    let mut net = net(1);
    let (client, server) = sockets(&net, A4, B4);
    let from = client.local_addr().unwrap();
    net.world
        .block_on(async {
            let mut out = [0; 8];
            assert_eq!(server.try_peek_sender().unwrap_err().kind(), ErrorKind::WouldBlock);
            client.send(b"data").await.unwrap();
            assert_eq!(server.peek_sender().await.unwrap(), from);
            assert_eq!(server.peek_from(&mut out[..2]).await.unwrap(), (2, from));
            assert_eq!(server.peek(&mut out).await.unwrap(), 4);
            let mut appended = bytes::BytesMut::from(&b"more "[..]);
            assert_eq!(server.recv_buf_from(&mut appended).await.unwrap(), (4, from));
            assert_eq!(&appended[..], b"more data");
            assert_eq!(server.try_recv(&mut out).unwrap_err().kind(), ErrorKind::WouldBlock);
        })
        .unwrap();
}

#[test]
fn readiness_is_told_without_taking_anything() {
    let mut net = net(2);
    let (client, server) = sockets(&net, A4, B4);
    net.world
        .block_on(async {
            let both = Interest::READABLE | Interest::WRITABLE;
            assert_eq!(server.ready(both).await.unwrap(), Ready::WRITABLE);
            let blocked = server.try_io(Interest::READABLE, || Ok(()));
            assert_eq!(blocked.unwrap_err().kind(), ErrorKind::WouldBlock);
            client.send(b"x").await.unwrap();
            server.readable().await.unwrap();
            assert_eq!(server.ready(both).await.unwrap(), Ready::READABLE | Ready::WRITABLE);
            let mut out = [0; 8];
            let got = server.async_io(Interest::READABLE, || server.try_recv(&mut out)).await;
            assert_eq!(got.unwrap(), 1);
        })
        .unwrap();
}

#[test]
fn any_number_of_tasks_wait_for_room() {
    let mut net = net(3);
    let (client, _server) = sockets(&net, A4, B4);
    client.set_send_buffer_size(2000).unwrap();
    client.try_send(&[0; 1000]).unwrap();
    assert_eq!(client.try_send(&[0; 1000]).unwrap_err().kind(), ErrorKind::WouldBlock);
    let waiters: Vec<_> = (0..8)
        .map(|_| {
            let client = client.clone();
            net.a.spawn(async move { client.writable().await })
        })
        .collect();
    net.world
        .block_on(async {
            for waiter in waiters {
                waiter.await.unwrap().unwrap();
            }
        })
        .unwrap();
}

/// RFC8085-R2, RFC1122-R63: what a QUIC endpoint needs of a socket, in both directions.
#[test]
fn many_datagrams_in_one_call_keep_their_marks_and_addresses() {
    for (ours, theirs) in [(A4, B4), (A6, B6)] {
        let mut net = net(4);
        let (client, server) = sockets(&net, ours, theirs);
        server.set_receive_offload(true).unwrap();
        let data: Vec<u8> = (0..3000).map(|number| number as u8).collect();
        let message = SendDatagram {
            segment_size: NonZeroU16::new(1200),
            source: Some(ours.parse().unwrap()),
            ecn: Some(Ecn::Ect0),
            ..SendDatagram::new(&data)
        };
        let (meta, got) = net
            .world
            .block_on(async {
                assert_eq!(client.send_msg(&message).await.unwrap(), 3000);
                net.a.sleep(ms(100)).await;
                let mut out = vec![0; 65536];
                let meta = server.recv_msg(&mut out).await.unwrap();
                out.truncate(meta.len);
                (meta, out)
            })
            .unwrap();
        assert_eq!((meta.len, meta.stride, meta.ecn), (3000, 1200, Ecn::Ect0));
        assert_eq!(meta.source, client.local_addr().unwrap());
        assert_eq!((meta.destination, meta.interface), (theirs.parse().unwrap(), Some(net.eth_b)));
        assert_eq!(got, data);
    }
}

#[test]
fn one_call_fills_many_buffers() {
    let mut net = net(5);
    let (client, server) = sockets(&net, A4, B4);
    let lens = net
        .world
        .block_on(async {
            for len in [1, 2, 3] {
                client.send(&vec![0; len]).await.unwrap();
            }
            net.a.sleep(ms(100)).await;
            client.send(b"").await.unwrap();
            let mut outs = [[0; 10]; 5];
            let first = server.peek_sender().await.unwrap();
            let meta = server.recv_msg(&mut []).await.unwrap();
            let lost = "the first is lost to a buffer without room";
            assert_eq!((meta.source, meta.truncated), (first, 1), "{lost}");
            let mut lens = Vec::new();
            let mut slices = outs.each_mut().map(|out| IoSliceMut::new(out));
            let poll = |cx: &mut std::task::Context<'_>| {
                server.poll_recv_msgs(cx, &mut slices, |index, meta| lens.push((index, meta.len)))
            };
            assert_eq!(std::future::poll_fn(poll).await.unwrap(), 2);
            lens
        })
        .unwrap();
    assert_eq!(lens, [(0, 2), (1, 3)]);
}

#[test]
fn a_trace_of_the_route_reads_who_reports() {
    let mut net = net(6);
    let socket = net.a.udp_bind(at("0.0.0.0", 0)).unwrap();
    socket.set_report_errors(true).unwrap();
    let report = net
        .world
        .block_on(async {
            socket.send_to(b"anybody?", at(B4, 33434)).await.unwrap();
            socket.recv_error().await.unwrap()
        })
        .unwrap();
    assert_eq!(report.icmp, Some(IcmpErrorKind::PortUnreachable));
    assert_eq!((report.offender, report.destination), (Some(B4.parse().unwrap()), at(B4, 33434)));
    assert_eq!(&report.data[..], b"anybody?");
    assert_eq!(socket.take_error().unwrap().unwrap().kind(), ErrorKind::ConnectionRefused);
    assert!(socket.try_recv_error().unwrap().is_none());
}

#[test]
fn only_a_socket_that_may_sends_to_everybody() {
    let mut net = net(7);
    let server = net.b.udp_bind(at("0.0.0.0", 7)).unwrap();
    let client = net.a.udp_bind(at(A4, 0)).unwrap();
    let everybody = at("192.0.2.255", 7);
    assert_eq!(client.try_send_to(b"x", everybody).unwrap_err().kind(), ErrorKind::PermissionDenied);
    assert!(!client.broadcast().unwrap());
    client.set_broadcast(true).unwrap();
    client.try_send_to(b"x", everybody).unwrap();
    let got = net.world.block_on(async { server.recv_datagram().await.unwrap() }).unwrap();
    assert_eq!(got.destination, everybody.ip());
}

#[test]
fn a_group_is_joined_by_address_and_by_index() {
    let mut net = net(8);
    let (v4, v6) = (Ipv4Addr::new(239, 1, 2, 3), "ff15::7".parse::<Ipv6Addr>().unwrap());
    let bind = |at: SocketAddr| UdpBind { reuse_address: true, only_v6: true, ..UdpBind::at(at) };
    let four = net.b.udp_bind_with(bind(at("0.0.0.0", 7))).unwrap();
    let six = net.b.udp_bind_with(bind(at("::", 7))).unwrap();
    let nowhere = four.join_multicast_v4(v4, Ipv4Addr::new(192, 0, 2, 99));
    assert_eq!(nowhere.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(six.join_multicast_v6(&v6, 99).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(
        four.leave_multicast_v4(v4, Ipv4Addr::UNSPECIFIED).unwrap_err().kind(),
        ErrorKind::AddrNotAvailable
    );
    four.join_multicast_v4(v4, B4.parse().unwrap()).unwrap();
    assert_eq!(four.join_multicast_v4(v4, B4.parse().unwrap()).unwrap_err().kind(), ErrorKind::AddrInUse);
    six.join_multicast_v6(&v6, net.eth_b.scope_id()).unwrap();
    let sender = net.a.udp_bind(at("::", 0)).unwrap();
    sender.set_multicast_interface(Some(net.eth_a)).unwrap();
    net.world
        .block_on(async {
            sender.send_to(b"four", SocketAddr::new(v4.to_ipv6_mapped().into(), 7)).await.unwrap();
            sender.send_to(b"six", SocketAddr::new(v6.into(), 7)).await.unwrap();
            let (four, six) = (four.recv_datagram().await.unwrap(), six.recv_datagram().await.unwrap());
            assert_eq!((&four.data[..], four.hop_limit), (&b"four"[..], 1));
            assert_eq!(six.destination, v6);
        })
        .unwrap();
}

#[test]
fn options_are_read_as_they_are_set() {
    let net = net(9);
    let socket = net.a.udp_bind(at(A4, 0)).unwrap();
    socket.set_ttl(9).unwrap();
    socket.set_multicast_ttl_v4(8).unwrap();
    socket.set_multicast_loop_v6(false).unwrap();
    socket.set_tos_v4(0xb9).unwrap();
    socket.set_path_mtu_discovery(PathMtuDiscovery::Probe).unwrap();
    socket.set_recv_buffer_size(5000).unwrap();
    assert_eq!((socket.ttl().unwrap(), socket.multicast_ttl_v4().unwrap()), (9, 8));
    assert_eq!((socket.multicast_loop_v4().unwrap(), socket.tclass_v6().unwrap()), (false, 0xb9));
    let options = socket.options().unwrap();
    assert_eq!((options.dscp, options.ecn, options.receive_buffer), (46, Ecn::Ect1, 5000));
    assert_eq!(options.path_mtu_discovery, PathMtuDiscovery::Probe);
    for wrong in [0, 256] {
        assert_eq!(socket.set_ttl(wrong).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    assert_eq!(socket.set_tos_v4(256).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(socket.path_mtu().unwrap_err().kind(), ErrorKind::NotConnected);
    socket.connect(at(B4, 7)).unwrap();
    assert_eq!(socket.path_mtu().unwrap(), 1500);
    socket.disconnect().unwrap();
    assert_eq!(socket.peer_addr().unwrap_err().kind(), ErrorKind::NotConnected);
}

/// What a gateway does: it takes datagrams to all addresses of a network and answers from them.
#[test]
fn a_socket_at_a_network_stands_for_all_its_hosts() {
    let mut net = net(10);
    let network: IpCidr = "203.0.113.0/24".parse().unwrap();
    net.b.stack(|stack, _| stack.add_local_prefix(net.eth_b, network)).unwrap();
    net.a.add_route(common::default_route(net.eth_a, B4)).unwrap();
    let gateway = UdpSocket::bind_with(&net.b, UdpBind::any(network)).unwrap();
    assert_eq!(gateway.bound().unwrap().local, ListenAt::Network(network));
    let client = net.a.udp_bind(at(A4, 0)).unwrap();
    client.connect(at("203.0.113.77", 5353)).unwrap();
    net.b.spawn(async move {
        let asked = gateway.recv_datagram().await?;
        let (source, source_port) = (Some(asked.destination), Some(asked.destination_port));
        let answer = SendDatagram { source, source_port, ..SendDatagram::to(&asked.data, asked.source) };
        gateway.send_msg(&answer).await
    });
    let mut out = [0; 8];
    let len = net
        .world
        .block_on(async {
            client.send(b"hello").await.unwrap();
            client.recv(&mut out).await.unwrap()
        })
        .unwrap();
    assert_eq!(&out[..len], b"hello", "a connected socket hears its peer alone");
}
