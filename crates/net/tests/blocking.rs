//! Sockets that block, used by threads as those of the standard library are.
#![allow(clippy::disallowed_methods, reason = "these tests look at real time from outside")]

use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use fathom_device::MemoryDevice;
use fathom_net::blocking::{TcpListener, TcpStream, UdpSocket};
use fathom_net::driver::{Attachment, RealTime};
use fathom_net::{Host, Interest, SendDatagram};

/// The bound of a failing test, not a measure of speed.
const LIMIT: Duration = Duration::from_secs(30);

/// Two hosts, 192.0.2.1 and 192.0.2.2, on the ends of a cable.
fn hosts() -> (RealTime, RealTime) {
    let (a, b) = MemoryDevice::pair(1500).unwrap();
    let host = |name, device, address: &str| {
        let driver = RealTime::builder(name).start().unwrap();
        let eth = driver.attach(Attachment::new(device)).unwrap();
        driver.host().add_address(eth, address.parse().unwrap()).unwrap();
        driver
    };
    (host("a", a, "192.0.2.1/24"), host("b", b, "192.0.2.2/24"))
}

/// A connection from the first host to the second.
fn connected(a: &RealTime, b: &RealTime) -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(b.host(), at("192.0.2.2:0")).unwrap();
    let client = TcpStream::connect_timeout(a.host(), listener.local_addr().unwrap(), LIMIT).unwrap();
    let (server, peer) = listener.accept().unwrap();
    assert_eq!(peer, client.local_addr().unwrap());
    for stream in [&client, &server] {
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.set_write_timeout(Some(LIMIT)).unwrap();
    }
    (client, server)
}

fn at(address: &str) -> SocketAddr {
    address.parse().unwrap()
}

fn kind<T: std::fmt::Debug>(result: io::Result<T>) -> ErrorKind {
    result.unwrap_err().kind()
}

/// Runs `work` on a thread and gives its result, if it comes within the limit.
fn on_a_thread<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> impl FnOnce() -> R {
    let (give, take) = mpsc::channel();
    let _: JoinHandle<()> = thread::spawn(move || give.send(work()).unwrap());
    move || take.recv_timeout(LIMIT).expect("it ends in time")
}

#[test]
fn a_stream_reads_and_writes_by_reference_and_in_several_slices() {
    let (a, b) = hosts();
    let (client, server) = connected(&a, &b);
    let slices = [IoSlice::new(b"one"), IoSlice::new(b"two")];
    assert_eq!((&client).write_vectored(&slices).unwrap(), 6);
    (&client).flush().unwrap();
    let mut seen = [0; 2];
    assert_eq!(server.peek(&mut seen).unwrap(), 2);
    let (mut first, mut second) = ([0; 2], [0; 3]);
    let mut read = 0;
    while read < 5 {
        // As one segment or as two.
        let (first, second) = (&mut first[read.min(2)..], &mut second[read.saturating_sub(2)..]);
        read += (&server).read_vectored(&mut [IoSliceMut::new(first), IoSliceMut::new(second)]).unwrap();
    }
    assert_eq!((&seen, &first, &second), (b"on", b"on", b"etw"));
    let mut last = [0];
    (&server).read_exact(&mut last).unwrap();
    assert_eq!(&last, b"o");
    assert_eq!(client.peer_addr().unwrap(), server.local_addr().unwrap());
    assert!(client.info().unwrap().bytes_sent >= 6);
}

#[test]
fn options_of_a_stream_are_those_of_the_connection() {
    let (a, b) = hosts();
    let (client, _server) = connected(&a, &b);
    client.set_nodelay(true).unwrap();
    assert!(client.try_clone().unwrap().nodelay().unwrap());
    assert_eq!(client.read_timeout().unwrap(), Some(LIMIT));
    client.set_write_timeout(None).unwrap();
    assert_eq!(client.write_timeout().unwrap(), None);
    assert_eq!(kind(client.set_read_timeout(Some(Duration::ZERO))), ErrorKind::InvalidInput);
    assert!(client.take_error().unwrap().is_none());
}

#[test]
fn a_clone_is_the_same_connection_and_the_last_one_closes_it() {
    let (a, b) = hosts();
    let (client, mut server) = connected(&a, &b);
    let mut clone = client.try_clone().unwrap();
    drop(client);
    clone.write_all(b"still open").unwrap();
    let mut all = [0; 10];
    server.read_exact(&mut all).unwrap();
    drop(clone);
    assert_eq!(server.read(&mut all).unwrap(), 0);
}

#[test]
fn nothing_blocks_after_it_was_told_not_to() {
    let (a, b) = hosts();
    let (mut client, mut server) = connected(&a, &b);
    server.set_nonblocking(true).unwrap();
    assert_eq!(kind(server.read(&mut [0; 4])), ErrorKind::WouldBlock);
    assert_eq!(kind(server.peek(&mut [0; 4])), ErrorKind::WouldBlock);
    let full = loop {
        if let Err(error) = server.write(&[0; 65_536]) {
            break error;
        }
    };
    assert_eq!(full.kind(), ErrorKind::WouldBlock);
    server.set_nonblocking(false).unwrap();
    client.write_all(b"x").unwrap();
    server.read_exact(&mut [0]).unwrap();

    let listener = TcpListener::bind(b.host(), at("192.0.2.2:80")).unwrap();
    listener.set_nonblocking(true).unwrap();
    assert_eq!(kind(listener.accept()), ErrorKind::WouldBlock);
    let socket = UdpSocket::bind(b.host(), at("192.0.2.2:80")).unwrap();
    socket.set_nonblocking(true).unwrap();
    assert_eq!(kind(socket.recv_from(&mut [0; 4])), ErrorKind::WouldBlock);
}

#[test]
fn clones_of_a_listener_share_its_connections() {
    let (a, b) = hosts();
    let listener = TcpListener::bind(b.host(), at("192.0.2.2:80")).unwrap();
    let clone = listener.try_clone().unwrap();
    assert_eq!(clone.local_addr().unwrap(), at("192.0.2.2:80"));
    let accepting = on_a_thread(move || clone.incoming().take(2).filter(Result::is_ok).count());
    for _ in 0..2 {
        TcpStream::connect_timeout(a.host(), at("192.0.2.2:80"), LIMIT).unwrap();
    }
    assert_eq!(accepting(), 2);
    TcpStream::connect(a.host(), at("192.0.2.2:80")).unwrap();
    listener.accept().unwrap();
}

#[test]
fn a_connection_that_nobody_answers_times_out_and_one_that_is_refused_is_refused() {
    let (a, b) = hosts();
    // One that is there, so that the neighbour is known, and then is not.
    assert_eq!(kind(TcpStream::connect(a.host(), at("192.0.2.2:80"))), ErrorKind::ConnectionRefused);
    let listener = TcpListener::bind(b.host(), at("192.0.2.2:80")).unwrap();
    let eth = b.host().interfaces()[0];
    b.host().set_link(eth, false);
    let patience = Duration::from_millis(5);
    let result = TcpStream::connect_timeout(a.host(), at("192.0.2.2:80"), patience);
    assert_eq!(kind(result), ErrorKind::TimedOut);
    drop(listener);
}

#[test]
fn a_thread_that_reads_is_woken_when_another_one_ends_reading() {
    let (a, b) = hosts();
    let (client, server) = connected(&a, &b);
    server.set_read_timeout(None).unwrap();
    let mut clone = server.try_clone().unwrap();
    let reading = on_a_thread(move || clone.read(&mut [0; 4]));
    server.shutdown(Shutdown::Read).unwrap();
    assert_eq!(reading().unwrap(), 0);
    server.shutdown(Shutdown::Both).unwrap();
    assert_eq!((&client).read(&mut [0; 4]).unwrap(), 0, "FIN");
}

#[test]
fn a_thread_that_writes_is_woken_when_another_one_ends_writing() {
    let (a, b) = hosts();
    let (client, _server) = connected(&a, &b);
    client.set_write_timeout(None).unwrap();
    let mut clone = client.try_clone().unwrap();
    let (full, is_full) = mpsc::channel();
    let writing = on_a_thread(move || {
        clone.set_nonblocking(true).unwrap();
        while clone.write(&[0; 65_536]).is_ok() {}
        clone.set_nonblocking(false).unwrap();
        full.send(()).unwrap();
        // Both buffers may not be full yet, since segments are still under way.
        loop {
            if let Err(error) = clone.write(&[0; 65_536]) {
                return error.kind();
            }
        }
    });
    is_full.recv_timeout(LIMIT).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(writing(), ErrorKind::BrokenPipe);
}

#[test]
fn threads_that_wait_for_a_host_which_shuts_down_are_woken() {
    let (a, b) = hosts();
    let host = a.host();
    let listener = host.tcp_listen(at("192.0.2.1:80")).unwrap();
    let socket = host.udp_bind(at("192.0.2.1:80")).unwrap();
    let peer = TcpListener::bind(b.host(), at("192.0.2.2:80")).unwrap();
    let stream = Arc::new(host.block_on(host.tcp_connect(at("192.0.2.2:80"))).unwrap());
    let (reads, writes, asks, connects) = (Arc::clone(&stream), stream.clone(), stream, host.clone());
    let failures: Vec<Box<dyn FnOnce() -> io::Error>> = vec![
        Box::new(waits(host, async move { reads.recv_bytes(4).await.unwrap_err() })),
        Box::new(waits(host, async move {
            let block = Bytes::from(vec![0; 65_536]);
            loop {
                if let Err(error) = writes.send_bytes(block.clone()).await {
                    return error;
                }
            }
        })),
        Box::new(waits(host, async move { asks.ready(Interest::ERROR).await.unwrap_err() })),
        Box::new(waits(host, async move { listener.accept().await.unwrap_err() })),
        Box::new(waits(host, async move { socket.recv_from(&mut [0; 4]).await.unwrap_err() })),
        // The neighbour is not there.
        Box::new(waits(host, async move { connects.tcp_connect(at("192.0.2.9:80")).await.unwrap_err() })),
    ];
    let sleeps = waits(host, host.sleep(Duration::from_millis(50)));
    let host = host.clone();
    a.shutdown();
    for failure in failures {
        assert_eq!(failure().kind(), ErrorKind::NetworkDown);
    }
    assert_eq!(kind(TcpListener::bind(&host, at("192.0.2.1:81"))), ErrorKind::NetworkDown);
    assert_eq!(kind(UdpSocket::bind(&host, at("192.0.2.1:81"))), ErrorKind::NetworkDown);
    // Time goes on for threads that wait for it alone.
    sleeps();
    host.block_on(host.sleep(Duration::from_millis(1)));
    drop(peer);
}

/// Runs `future` on a thread, which waits for it when this returns. The result is there within the limit.
fn waits<F>(host: &Host, future: F) -> impl FnOnce() -> F::Output + use<F>
where
    F: Future<Output: Send> + Send + 'static,
{
    let host = host.clone();
    let (pending, is_pending) = mpsc::channel();
    let output = on_a_thread(move || {
        let mut future = std::pin::pin!(future);
        host.block_on(std::future::poll_fn(|cx| {
            let poll = future.as_mut().poll(cx);
            if poll.is_pending() {
                let _ = pending.send(());
            }
            poll
        }))
    });
    is_pending.recv_timeout(LIMIT).expect("it waits");
    output
}

#[test]
fn dropping_a_stream_that_lingers_waits_until_everything_is_delivered() {
    let (a, b) = hosts();
    let (client, server) = connected(&a, &b);
    client.set_linger(Some(LIMIT)).unwrap();
    assert_eq!(client.linger().unwrap(), Some(LIMIT));
    (&client).write_all(&[0; 50_000]).unwrap();
    drop(client);
    assert_eq!(server.info().unwrap().bytes_received, 50_000);
}

#[test]
fn dropping_a_stream_that_lingers_gives_up_after_its_time() {
    let (a, b) = hosts();
    let (client, server) = connected(&a, &b);
    b.host().set_link(b.host().interfaces()[0], false);
    client.set_linger(Some(Duration::from_millis(5))).unwrap();
    (&client).write_all(&[0; 50_000]).unwrap();
    on_a_thread(move || drop(client))();
    drop(server);
}

#[test]
fn the_time_to_live_is_that_of_the_connection() {
    let (a, b) = hosts();
    let (client, _server) = connected(&a, &b);
    client.set_ttl(9).unwrap();
    assert_eq!((client.ttl().unwrap(), client.as_async().ttl().unwrap()), (9, 9));
    let listener = TcpListener::bind(b.host(), at("192.0.2.2:80")).unwrap();
    listener.set_ttl(7).unwrap();
    assert_eq!((listener.ttl().unwrap(), listener.as_async().ttl().unwrap()), (7, 7));
    assert!(listener.take_error().unwrap().is_none());
}

#[test]
fn a_datagram_is_peeked_at_and_told_everything_about() {
    let (a, b) = hosts();
    let client = UdpSocket::bind(a.host(), at("192.0.2.1:0")).unwrap();
    let server = UdpSocket::bind(b.host(), at("0.0.0.0:7")).unwrap();
    server.set_read_timeout(Some(LIMIT)).unwrap();
    let mut message = SendDatagram::new(b"question");
    (message.to, message.hop_limit) = (Some(at("192.0.2.2:7")), Some(9));
    client.send_msg(&message).unwrap();
    let (mut start, mut whole) = ([0; 4], [0; 16]);
    let from = client.local_addr().unwrap();
    assert_eq!((server.peek_from(&mut start).unwrap(), &start), ((4, from), b"ques"));
    let meta = server.recv_msg(&mut whole).unwrap();
    assert_eq!((meta.source, meta.len, meta.hop_limit), (from, 8, 9));
    assert_eq!(meta.destination, at("192.0.2.2:7").ip());
    server.connect(from).unwrap();
    client.connect(at("192.0.2.2:7")).unwrap();
    server.send(b"answer").unwrap();
    client.set_read_timeout(Some(LIMIT)).unwrap();
    assert_eq!(client.peer_addr().unwrap(), at("192.0.2.2:7"));
    assert_eq!(client.try_clone().unwrap().peek(&mut start).unwrap(), 4);
    assert_eq!(client.recv(&mut whole).unwrap(), 6);
}

#[test]
fn options_of_a_datagram_socket_are_set_and_told() {
    let (a, _b) = hosts();
    let socket = UdpSocket::bind(a.host(), at("[::]:5353")).unwrap();
    assert!(!socket.broadcast().unwrap() && socket.multicast_loop_v4().unwrap());
    socket.set_broadcast(true).unwrap();
    socket.set_multicast_loop_v4(false).unwrap();
    assert!(socket.broadcast().unwrap() && !socket.multicast_loop_v4().unwrap());
    socket.set_multicast_loop_v6(true).unwrap();
    assert!(socket.multicast_loop_v6().unwrap());
    socket.set_ttl(9).unwrap();
    socket.set_multicast_ttl_v4(7).unwrap();
    assert_eq!((socket.ttl().unwrap(), socket.multicast_ttl_v4().unwrap()), (9, 7));
    let (v4, v6) = (&"224.0.0.251".parse().unwrap(), &"ff02::fb".parse().unwrap());
    socket.join_multicast_v4(v4, &"192.0.2.1".parse().unwrap()).unwrap();
    socket.leave_multicast_v4(v4, &"192.0.2.1".parse().unwrap()).unwrap();
    let index = a.host().interfaces()[0].scope_id();
    socket.join_multicast_v6(v6, index).unwrap();
    socket.leave_multicast_v6(v6, index).unwrap();
    assert_eq!(kind(socket.leave_multicast_v6(v6, index)), ErrorKind::AddrNotAvailable, "it has left");
    assert!(socket.take_error().unwrap().is_none());
    assert_eq!(socket.as_async().ttl().unwrap(), 9);
}
