//! What a program may choose for TCP sockets, as docs/sockets.md lists it.

mod common;

use std::fmt::Debug;
use std::io::{self, ErrorKind};
use std::time::Duration;

use bytes::Bytes;
use common::{A4, B4, B6, Pair, at, ms, pair};
use fathom_impair::Conditions;
use fathom_net::{CongestionAlgorithm, Keepalive, TcpSocket, TcpStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn net(seed: u64) -> Pair {
    pair(seed, Conditions::default().delay(ms(1)))
}

fn kind<T: Debug>(result: io::Result<T>) -> ErrorKind {
    result.unwrap_err().kind()
}

fn silence(net: &mut Pair) {
    let nothing = Conditions::default().loss("100%".parse().unwrap());
    net.world.set_conditions(&net.a, net.eth_a, nothing.clone(), nothing);
}

const TIMES: Keepalive =
    Keepalive { idle: Duration::from_secs(10), interval: Duration::from_secs(2), probes: 3 };

/// Checks that a socket and a stream give back what was set on them.
macro_rules! choices {
    ($($test:ident: $set:ident($value:expr), $get:ident => $expected:expr;)*) => {
        $(
            #[test]
            fn $test() {
                let mut net = net(1);
                let (stream, _peer) = net.connected();
                assert_ne!(stream.$get().unwrap(), $expected, "what it is without");
                stream.$set($value).unwrap();
                assert_eq!(stream.$get().unwrap(), $expected, "of a stream");
                let (stream, _peer) = net.connected_with(|socket| {
                    socket.$set($value).unwrap();
                    assert_eq!(socket.$get().unwrap(), $expected, "of a socket");
                });
                assert_eq!(stream.$get().unwrap(), $expected, "from a socket to its stream");
            }
        )*
    };
}

choices! {
    nodelay_is_set_and_told: set_nodelay(true), nodelay => true;
    keepalive_is_set_and_told: set_keepalive(true), keepalive => true;
    times_of_keepalive_are_set_and_told: set_tcp_keepalive(TIMES), tcp_keepalive => Some(TIMES);
    a_user_timeout_is_set_and_told: set_user_timeout(Some(ms(7_000))), user_timeout => Some(ms(7_000));
    a_congestion_controller_is_set_and_told:
        set_tcp_congestion(CongestionAlgorithm::Reno), tcp_congestion => CongestionAlgorithm::Reno;
    linger_is_set_and_told: set_linger(Some(ms(3_000))), linger => Some(ms(3_000));
    the_time_to_live_is_set_and_told: set_ttl(9), ttl => 9;
    the_type_of_service_is_set_and_told: set_tos_v4(0xb8), tos_v4 => 0xb8;
    the_traffic_class_is_set_and_told: set_tclass_v6(0xb8), tclass_v6 => 0xb8;
}

/// Checks that a stream gives back what was set on it.
macro_rules! stream_choices {
    ($($test:ident: $set:ident($value:expr), $get:ident => $expected:expr;)*) => {
        $(
            #[test]
            fn $test() {
                let mut net = net(2);
                let (stream, _peer) = net.connected();
                assert_ne!(stream.$get().unwrap(), $expected, "what it is without");
                stream.$set($value).unwrap();
                assert_eq!(stream.$get().unwrap(), $expected);
            }
        )*
    };
}

stream_choices! {
    a_cork_is_set_and_told: set_cork(true), cork => true;
    quick_acknowledgements_are_set_and_told: set_quickack(false), quickack => false;
    the_send_buffer_is_set_and_told: set_send_buffer_size(Some(5_000)), send_buffer_size => 5_000;
    the_receive_buffer_is_set_and_told: set_recv_buffer_size(Some(300_000)), recv_buffer_size => 300_000;
    a_mark_for_what_is_not_sent_is_set_and_told: set_notsent_low_water(Some(9)), notsent_low_water => Some(9);
    a_mark_for_what_is_read_is_set_and_told: set_recv_low_water(9), recv_low_water => 9;
}

#[test]
fn values_that_make_no_sense_are_refused_and_change_nothing() {
    let mut net = net(3);
    let (stream, _peer) = net.connected();
    let socket = TcpSocket::new_v4(&net.a).unwrap();
    let none = Keepalive { probes: 0, ..TIMES };
    let refused = [
        stream.set_ttl(0),
        stream.set_ttl(256),
        stream.set_tos_v4(256),
        stream.set_mss(0),
        stream.set_mss(65_536),
        stream.set_send_buffer_size(Some(0)),
        stream.set_recv_buffer_size(Some(0)),
        stream.set_user_timeout(Some(Duration::ZERO)),
        stream.set_tcp_keepalive(none),
        socket.set_ttl(0),
        socket.set_tos_v4(256),
        socket.set_mss(0),
        socket.set_user_timeout(Some(Duration::ZERO)),
        socket.set_tcp_keepalive(none),
    ];
    for (place, result) in refused.into_iter().enumerate() {
        assert_eq!(kind(result), ErrorKind::InvalidInput, "number {place}");
    }
    assert_eq!(stream.ttl().unwrap(), 64);
    assert!(!socket.keepalive().unwrap());
}

#[test]
fn keepalive_finds_out_that_the_peer_is_gone() {
    let mut net = net(4);
    let (mut stream, _peer) = net.connected_with(|socket| socket.set_tcp_keepalive(TIMES).unwrap());
    silence(&mut net);
    let started = net.world.now();
    let error = net.world.block_on(stream.read(&mut [0; 4])).unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    // Ten seconds of silence since the handshake, and three questions two seconds apart.
    let waited = (net.world.now() - started).as_millis();
    assert!((15_990..=16_000).contains(&waited), "{waited} ms");
}

#[test]
fn a_cork_holds_a_short_segment_back_until_it_is_taken_out() {
    let mut net = net(5);
    let (stream, peer) = net.connected();
    stream.set_cork(true).unwrap();
    stream.try_write(b"head").unwrap();
    net.world.run_for(ms(50)).unwrap();
    assert_eq!(kind(peer.try_read(&mut [0; 16])), ErrorKind::WouldBlock);
    stream.try_write(b" body").unwrap();
    stream.set_cork(false).unwrap();
    net.world.run_for(ms(10)).unwrap();
    assert_eq!(peer.try_read(&mut [0; 16]).unwrap(), 9);
}

#[test]
fn a_reader_is_woken_when_as_much_is_there_as_it_wants() {
    let mut net = net(6);
    let (stream, peer) = net.connected();
    stream.set_nodelay(true).unwrap();
    peer.set_recv_low_water(10).unwrap();
    let waiting = net.b.spawn(async move {
        for _ in 0..2 {
            // Asked anew, it is the same.
            peer.readable().await.unwrap();
        }
        peer.try_read(&mut [0; 100]).unwrap()
    });
    for piece in [&b"four"[..], b"four", b"four"] {
        net.world.run_for(ms(20)).unwrap();
        assert!(!waiting.is_finished());
        stream.try_write(piece).unwrap();
    }
    assert_eq!(net.world.block_on(waiting).unwrap().unwrap(), 4 + 4 + 4);

    // Less than that, and then the end.
    let (mut stream, peer) = net.connected();
    peer.set_recv_low_water(10).unwrap();
    stream.try_write(b"less").unwrap();
    net.world.run_for(ms(20)).unwrap();
    let waits = net.b.timeout(ms(20), Box::pin(peer.readable()));
    assert!(net.world.block_on(waits).unwrap().is_err(), "too little");
    net.world.block_on(stream.shutdown()).unwrap().unwrap();
    net.world.block_on(peer.readable()).unwrap().unwrap();
}

#[test]
fn a_mark_for_what_is_not_sent_keeps_the_writer_from_writing_far_ahead() {
    let mut net = net(7);
    let (stream, _peer) = net.connected();
    stream.set_notsent_low_water(Some(2_000)).unwrap();
    net.world.run_for(ms(10)).unwrap();
    // Nothing leaves while the world stands still.
    assert_eq!(stream.try_write(&[0; 10_000]).unwrap(), 2_000);
    assert_eq!(kind(stream.try_write(&[0])), ErrorKind::WouldBlock);
    net.world.block_on(stream.writable()).unwrap().unwrap();
}

#[test]
fn segments_are_as_small_as_was_said() {
    for before in [false, true] {
        let mut net = net(18);
        let (stream, peer) = if before {
            net.connected_with(|socket| socket.set_mss(512).unwrap())
        } else {
            let (stream, peer) = net.connected();
            stream.set_mss(512).unwrap();
            (stream, peer)
        };
        stream.try_write(&[0; 5_000]).unwrap();
        net.world.run_for(ms(100)).unwrap();
        // Twelve bytes of each are timestamps.
        assert_eq!((stream.mss().unwrap(), peer.info().unwrap().rcv_mss), (500, 500));
    }
}

#[test]
fn a_linger_of_zero_makes_dropping_a_reset() {
    for through_socket in [false, true] {
        let mut net = net(8);
        let (stream, mut peer) = if through_socket {
            net.connected_with(|socket| socket.set_zero_linger().unwrap())
        } else {
            let (stream, peer) = net.connected();
            stream.set_zero_linger().unwrap();
            (stream, peer)
        };
        stream.try_write(&[0; 50_000]).unwrap();
        drop(stream);
        let mut all = Vec::new();
        let error = net.world.block_on(peer.read_to_end(&mut all)).unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert!(all.len() < 50_000);
    }
}

#[test]
fn closing_waits_until_everything_is_delivered() {
    let mut net = net(9);
    let (stream, mut peer) = net.connected();
    stream.try_write(&[0; 30_000]).unwrap();
    net.world.block_on(stream.close()).unwrap().unwrap();
    // It is all there already: no time passes in which it could come.
    let mut all = Vec::with_capacity(100_000);
    while peer.try_read_buf(&mut all).unwrap() > 0 {}
    assert_eq!(all.len(), 30_000);
    assert_eq!(net.world.block_on(peer.read(&mut [0])).unwrap().unwrap(), 0);
}

#[test]
fn closing_tells_what_kept_data_from_being_delivered() {
    type Cause = fn(&mut Pair, TcpStream);
    let causes: [(ErrorKind, Cause); 2] = [
        (ErrorKind::TimedOut, |net, peer| {
            silence(net);
            std::mem::forget(peer);
        }),
        (ErrorKind::ConnectionReset, |_, peer| peer.abort()),
    ];
    for (expected, cause) in causes {
        let mut net = net(10);
        let (stream, peer) = net.connected_with(|socket| {
            socket.set_linger(Some(ms(3_000))).unwrap();
            socket.set_recv_buffer_size(4_000).unwrap();
        });
        stream.try_write(&[0; 30_000]).unwrap();
        cause(&mut net, peer);
        let started = net.world.now();
        assert_eq!(kind(net.world.block_on(stream.close()).unwrap()), expected);
        if expected == ErrorKind::TimedOut {
            assert_eq!(net.world.now() - started, ms(3_000), "as long as it lingers");
        }
    }
}

#[test]
fn a_listener_at_all_addresses_of_ipv6_takes_ipv4_too_unless_it_says_otherwise() {
    let mut net = net(11);
    let listen = |only: bool| {
        let socket = TcpSocket::new_v6(&net.b).unwrap();
        assert!(!socket.only_v6().unwrap());
        socket.set_only_v6(only).unwrap();
        assert_eq!(socket.only_v6().unwrap(), only);
        socket.bind(at("::", if only { 81 } else { 80 })).unwrap();
        socket.listen(8).unwrap()
    };
    let (both, one) = (listen(false), listen(true));
    net.world
        .block_on(async {
            let client = net.a.tcp_connect(at(B4, 80)).await.unwrap();
            let (accepted, peer) = both.accept().await.unwrap();
            assert_eq!(peer.ip(), at("::ffff:192.0.2.1", 0).ip());
            assert_eq!(accepted.local_addr().unwrap(), at("::ffff:192.0.2.2", 80));
            assert_eq!(peer.port(), client.local_addr().unwrap().port());
            net.a.tcp_connect(at(B6, 80)).await.unwrap();
            net.a.tcp_connect(at(B6, 81)).await.unwrap();
            let refused = net.a.tcp_connect(at(B4, 81)).await;
            assert_eq!(kind(refused), ErrorKind::ConnectionRefused);
            // The other way round: an IPv6 socket reaches IPv4 by a mapped address.
            let socket = TcpSocket::new_v6(&net.a).unwrap();
            let stream = socket.connect(at("::ffff:192.0.2.2", 80)).await.unwrap();
            assert_eq!(stream.peer_addr().unwrap(), at("::ffff:192.0.2.2", 80));
        })
        .unwrap();
    drop(one);
}

#[test]
fn listeners_that_all_say_so_share_an_address() {
    let mut net = net(12);
    let listen = |share: bool| {
        let socket = TcpSocket::new_v4(&net.b).unwrap();
        socket.set_reuseport(share).unwrap();
        assert_eq!(socket.reuseport().unwrap(), share);
        socket.bind(at(B4, 80)).unwrap();
        socket.listen(64)
    };
    let (first, second) = (listen(true).unwrap(), listen(true).unwrap());
    assert_eq!(kind(listen(false)), ErrorKind::AddrInUse);
    net.world
        .block_on(async {
            for _ in 0..40 {
                net.a.tcp_connect(at(B4, 80)).await.unwrap();
            }
        })
        .unwrap();
    net.world.run_for(ms(10)).unwrap();
    let count =
        |listener: &fathom_net::TcpListener| std::iter::from_fn(|| listener.try_accept().ok()).count();
    let (of_first, of_second) = (count(&first), count(&second));
    assert_eq!(of_first + of_second, 40);
    assert!(of_first > 5 && of_second > 5, "{of_first} and {of_second}");
}

#[test]
fn a_listener_is_back_at_once_where_connections_are_still_being_forgotten() {
    let mut net = net(13);
    let socket = TcpSocket::new_v4(&net.b).unwrap();
    assert!(socket.reuseaddr().unwrap());
    socket.set_reuseaddr(true).unwrap();
    assert_eq!(kind(socket.set_reuseaddr(false)), ErrorKind::Unsupported);
    let (client, server) = net.connected();
    net.world
        .block_on(async {
            // The server closes first, so TIME-WAIT is there.
            drop(server);
            client.readable().await.unwrap();
            drop(client);
            net.b.sleep(ms(100)).await;
            let listener = net.b.tcp_listen(at(B4, 80)).unwrap();
            net.a.tcp_connect(at(B4, 80)).await.unwrap();
            listener.accept().await.unwrap();
        })
        .unwrap();
}

#[test]
fn a_socket_bound_to_an_interface_uses_that_alone() {
    let mut net = net(14);
    let name = net.a.stack(|stack, _| stack.interface(net.eth_a).name.clone()).into_bytes();
    let socket = || TcpSocket::new_v4(&net.a).unwrap();
    let (here, elsewhere) = (socket(), socket());
    assert_eq!(kind(here.bind_device(Some(b"nothing"))), ErrorKind::NotFound);
    here.bind_device(Some(&name)).unwrap();
    assert_eq!(here.device().unwrap(), Some(name.clone()));
    let loopback = fathom_net::InterfaceId::LOOPBACK;
    elsewhere.set_options(|options| options.interface = Some(loopback));
    let _listener = net.b.tcp_listen(at(B4, 80)).unwrap();
    let stream = net.world.block_on(here.connect(at(B4, 80))).unwrap().unwrap();
    assert_eq!(stream.device().unwrap(), Some(name));
    assert_eq!(stream.local_addr().unwrap().ip(), at(A4, 0).ip());
    assert_eq!(
        kind(net.world.block_on(elsewhere.connect(at(B4, 80))).unwrap()),
        ErrorKind::NetworkUnreachable
    );
}

#[test]
fn connections_of_a_listener_begin_with_its_options() {
    let mut net = net(15);
    let socket = TcpSocket::new_v4(&net.b).unwrap();
    socket.bind(at(B4, 80)).unwrap();
    socket.set_options(|options| options.window_scaling = false);
    assert!(!socket.options().window_scaling);
    let listener = socket.listen(8).unwrap();
    assert!(listener.take_error().unwrap().is_none());
    assert_eq!(listener.ttl().unwrap(), 64);
    listener.set_ttl(7).unwrap();
    assert_eq!((listener.ttl().unwrap(), kind(listener.set_ttl(0))), (7, ErrorKind::InvalidInput));
    listener.set_options(|options| (options.nodelay, options.window_scaling) = (true, true)).unwrap();
    assert!(listener.options().unwrap().nodelay);
    let accepted = net.world.block_on(async {
        let _client = net.a.tcp_connect(at(B4, 80)).await.unwrap();
        listener.accept().await.unwrap().0
    });
    let accepted = accepted.unwrap();
    assert_eq!((accepted.ttl().unwrap(), accepted.nodelay().unwrap()), (7, true));
    assert_eq!(accepted.info().unwrap().rcv_wscale, 0, "as its handshakes began");
}

#[test]
fn a_syn_is_repeated_as_often_as_was_said() {
    let mut net = net(16);
    let _ = net.world.block_on(net.a.tcp_connect(at(B4, 80))).unwrap();
    silence(&mut net);
    let socket = TcpSocket::new_v4(&net.a).unwrap();
    socket.set_syn_retries(1).unwrap();
    let started = net.world.now();
    assert_eq!(kind(net.world.block_on(socket.connect(at(B4, 80))).unwrap()), ErrorKind::TimedOut);
    // One second, and two after the second attempt.
    assert_eq!((net.world.now() - started).as_secs(), 3);
}

#[test]
fn bytes_handed_over_are_sent_as_a_whole() {
    let mut net = net(17);
    let (stream, mut peer) = net.connected();
    stream.set_send_buffer_size(Some(10_000)).unwrap();
    let sending = net.a.spawn(async move {
        stream.send_bytes(Bytes::from(vec![3; 100_000])).await.unwrap();
        stream.close().await.unwrap();
    });
    let mut all = Vec::new();
    net.world.block_on(peer.read_to_end(&mut all)).unwrap().unwrap();
    assert!(all.len() == 100_000 && all.iter().all(|byte| *byte == 3));
    net.world.block_on(async { peer.write_all(b"x").await }).unwrap().unwrap();
    net.world.block_on(sending).unwrap().unwrap();
}
