//! The methods of TCP sockets, one by one, as docs/sockets.md lists them.

mod common;

use std::io::{self, ErrorKind, IoSlice, IoSliceMut};
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use common::{A4, B4, B6, Pair, at, ms, pair};
use fathom_impair::Conditions;
use fathom_net::{
    Family, IcmpEventKind, IncomingListener, Interest, Ready, ReuniteError, TcpListen, TcpListener,
    TcpSocket, TcpStream,
};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

fn net(seed: u64) -> Pair {
    pair(seed, Conditions::default().delay(ms(1)))
}

fn kind<T: std::fmt::Debug>(result: io::Result<T>) -> ErrorKind {
    result.unwrap_err().kind()
}

#[test]
fn trying_to_read_takes_what_is_there_and_does_not_wait() {
    let mut net = net(1);
    let (from, to) = net.connected();
    assert_eq!(kind(to.try_read(&mut [0; 4])), ErrorKind::WouldBlock);
    assert_eq!(kind(to.try_read_vectored(&mut [IoSliceMut::new(&mut [0; 4])])), ErrorKind::WouldBlock);
    assert_eq!(kind(to.try_read_buf(&mut Vec::with_capacity(4))), ErrorKind::WouldBlock);
    assert_eq!(kind(to.try_recv_bytes(4)), ErrorKind::WouldBlock);

    assert_eq!(from.try_write(b"abcdefghijklmnop").unwrap(), 16);
    net.world.block_on(to.readable()).unwrap().unwrap();
    let mut one = [0; 3];
    assert_eq!((to.try_read(&mut one).unwrap(), &one), (3, b"abc"));
    let (mut two, mut three) = ([0; 2], [0; 4]);
    let mut slices = [IoSliceMut::new(&mut two), IoSliceMut::new(&mut []), IoSliceMut::new(&mut three)];
    assert_eq!(to.try_read_vectored(&mut slices).unwrap(), 6);
    assert_eq!((&two, &three), (b"de", b"fghi"));
    assert_eq!(to.try_recv_bytes(2).unwrap(), "jk");
    // As much as the buffer has room for, behind what it holds.
    let mut buffer = BytesMut::with_capacity(3 + 4);
    buffer.extend_from_slice(b"...");
    let room = (buffer.capacity() - 3).min(5);
    assert_eq!(to.try_read_buf(&mut buffer).unwrap(), room);
    assert_eq!(buffer, b"...lmnop"[..3 + room]);
}

#[test]
fn data_of_several_pieces_fills_a_buffer_at_once() {
    let mut net = net(2);
    let (from, to) = net.connected();
    let sent: Vec<u8> = (0..60_000u32).map(|number| (number / 7) as u8).collect();
    let pieces: Vec<IoSlice<'_>> = sent.chunks(7_000).map(IoSlice::new).collect();
    assert_eq!(from.try_write_vectored(&pieces).unwrap(), sent.len());
    net.world.run_for(ms(100)).unwrap();
    let mut buffer = Vec::with_capacity(100_000);
    assert_eq!(to.try_read_buf(&mut buffer).unwrap(), sent.len());
    assert!(buffer == sent);
}

#[test]
fn trying_to_write_takes_what_there_is_room_for_and_does_not_wait() {
    let mut net = net(3);
    let (from, _to) = net.connected();
    let block = Bytes::from(vec![7; 100_000]);
    let refused = loop {
        let mut rest = block.clone();
        match from.try_send_bytes(&mut rest) {
            Ok(sent) => assert_eq!(rest.len(), block.len() - sent),
            Err(error) => break (error.kind(), rest == block),
        }
    };
    assert_eq!(refused, (ErrorKind::WouldBlock, true), "and nothing was taken");
    assert_eq!(kind(from.try_write(b"x")), ErrorKind::WouldBlock);
    assert_eq!(kind(from.try_write_vectored(&[IoSlice::new(b"x")])), ErrorKind::WouldBlock);
    assert_eq!(from.try_write(b"").unwrap(), 0);
}

#[test]
fn peeking_shows_what_reading_will_give() {
    let mut net = net(4);
    let (mut from, mut to) = net.connected();
    net.world
        .block_on(async {
            from.write_all(b"again").await.unwrap();
            let mut seen = [0; 3];
            assert_eq!(to.peek(&mut seen).await.unwrap(), 3);
            let mut room = [0; 9];
            let mut room = ReadBuf::new(&mut room);
            room.put_slice(b">");
            let cx = &mut Context::from_waker(Waker::noop());
            assert!(matches!(to.poll_peek(cx, &mut room), Poll::Ready(Ok(5))));
            assert_eq!(room.filled(), b">again");
            let (mut read, _write) = to.split();
            assert_eq!(read.peek(&mut seen).await.unwrap(), 3);
            let mut all = [0; 5];
            read.read_exact(&mut all).await.unwrap();
            assert_eq!(&all, b"again");
        })
        .unwrap();
}

#[test]
fn readiness_is_told_for_what_was_asked_and_takes_nothing() {
    let mut net = net(5);
    let (mut from, to) = net.connected();
    let both = Interest::READABLE | Interest::WRITABLE;
    net.world
        .block_on(async {
            assert_eq!(to.ready(both).await.unwrap(), Ready::WRITABLE);
            from.write_all(b"x").await.unwrap();
            for _ in 0..2 {
                to.readable().await.unwrap();
                assert_eq!(to.ready(both).await.unwrap(), Ready::READABLE | Ready::WRITABLE);
                assert_eq!(to.ready(Interest::READABLE).await.unwrap(), Ready::READABLE);
            }
            from.shutdown().await.unwrap();
            let mut byte = [0];
            assert_eq!(to.try_read(&mut byte).unwrap(), 1);
            let end = to.ready(Interest::READABLE).await.unwrap();
            assert!(end.is_read_closed() && end.is_readable() && !end.is_error());
            assert_eq!(to.try_read(&mut byte).unwrap(), 0);
        })
        .unwrap();
}

#[test]
fn an_error_is_told_by_readiness_and_still_there_to_be_taken() {
    for take in [TcpStream::take_error, |stream: &TcpStream| Ok(stream.try_read(&mut [0]).err())] {
        let mut net = net(6);
        let (from, to) = net.connected();
        from.abort();
        net.world
            .block_on(async {
                let ready = to.ready(Interest::ERROR).await.unwrap();
                assert!(ready.is_error());
                to.readable().await.unwrap();
                to.writable().await.unwrap();
            })
            .unwrap();
        let error = take(&to).unwrap().unwrap();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert!(error.to_string().contains(A4), "{error}");
        assert!(take(&to).unwrap().is_none(), "once");
        assert_eq!(kind(to.try_write(b"x")), ErrorKind::BrokenPipe);
        assert_eq!(to.try_read(&mut [0]).unwrap(), 0);
    }
}

#[test]
fn an_operation_of_the_programs_own_runs_when_the_stream_is_ready() {
    let mut net = net(7);
    let (mut from, to) = net.connected();
    let read = || {
        let mut pair = [0; 2];
        // Not one byte alone: the operation decides when it is satisfied.
        match to.connection_peek(&mut pair) {
            2 => to.try_read(&mut pair).map(|_| pair),
            _ => Err(ErrorKind::WouldBlock.into()),
        }
    };
    assert_eq!(
        kind(to.try_io(Interest::READABLE, || -> io::Result<()> { unreachable!() })),
        ErrorKind::WouldBlock
    );
    assert!(to.try_io(Interest::WRITABLE, || Ok(())).is_ok());
    let host = net.a.clone();
    net.a.spawn(async move {
        for byte in [b"a", b"b"] {
            host.sleep(ms(10)).await;
            from.write_all(byte).await.unwrap();
        }
        host.sleep(ms(10)).await;
    });
    let taken = net.world.block_on(to.async_io(Interest::READABLE, read)).unwrap();
    assert_eq!(&taken.unwrap(), b"ab");
}

/// Peeks without waiting.
trait PeekNow {
    fn connection_peek(&self, out: &mut [u8]) -> usize;
}

impl PeekNow for TcpStream {
    fn connection_peek(&self, out: &mut [u8]) -> usize {
        match self.poll_peek(&mut Context::from_waker(Waker::noop()), &mut ReadBuf::new(out)) {
            Poll::Ready(Ok(len)) => len,
            _ => 0,
        }
    }
}

#[test]
fn borrowed_halves_have_the_methods_of_their_direction() {
    let mut net = net(8);
    let (mut from, mut to) = net.connected();
    let addresses = (from.local_addr().unwrap(), from.peer_addr().unwrap());
    net.world
        .block_on(async {
            let (read, mut write) = from.split();
            assert_eq!((read.local_addr().unwrap(), write.peer_addr().unwrap()), addresses);
            assert_eq!((write.local_addr().unwrap(), read.peer_addr().unwrap()), addresses);
            write.as_ref().set_nodelay(true).unwrap();
            assert!(read.as_ref().nodelay().unwrap());
            write.writable().await.unwrap();
            assert_eq!(write.ready(Interest::WRITABLE).await.unwrap(), Ready::WRITABLE);
            assert_eq!(write.try_write(b"ab").unwrap(), 2);
            assert_eq!(write.try_write_vectored(&[IoSlice::new(b"c"), IoSlice::new(b"d")]).unwrap(), 2);
            assert!(write.is_write_vectored());
            write.write_all(b"ef").await.unwrap();
            write.shutdown().await.unwrap();
            let mut request = Vec::new();
            to.read_to_end(&mut request).await.unwrap();
            assert_eq!(request, b"abcdef");

            to.write_all(b"answer").await.unwrap();
            read.readable().await.unwrap();
            assert_eq!(read.ready(Interest::READABLE).await.unwrap(), Ready::READABLE);
            let mut byte = [0];
            assert_eq!(read.try_read(&mut byte).unwrap(), 1);
            assert_eq!(read.try_read_vectored(&mut [IoSliceMut::new(&mut byte)]).unwrap(), 1);
            let mut rest = Vec::with_capacity(2);
            let room = rest.capacity().min(4);
            assert_eq!(read.try_read_buf(&mut rest).unwrap(), room);
        })
        .unwrap();
}

#[test]
fn owned_halves_have_the_methods_of_their_direction() {
    let mut net = net(9);
    let (from, to) = net.connected();
    let addresses = (from.local_addr().unwrap(), from.peer_addr().unwrap());
    net.world
        .block_on(async {
            let ((mut read, _keep), (_also, mut write)) = (to.into_split(), from.into_split());
            assert_eq!((write.local_addr().unwrap(), write.peer_addr().unwrap()), addresses);
            assert_eq!((read.peer_addr().unwrap(), read.local_addr().unwrap()), addresses);
            write.writable().await.unwrap();
            assert_eq!(write.ready(Interest::WRITABLE).await.unwrap(), Ready::WRITABLE);
            assert_eq!(write.try_write(b"ab").unwrap(), 2);
            assert_eq!(write.try_write_vectored(&[IoSlice::new(b"c"), IoSlice::new(b"d")]).unwrap(), 2);
            assert!(write.is_write_vectored());
            write.write_all(b"ef").await.unwrap();
            read.readable().await.unwrap();
            assert_eq!(read.ready(Interest::READABLE).await.unwrap(), Ready::READABLE);
            let mut byte = [0];
            assert_eq!(read.peek(&mut byte).await.unwrap(), 1);
            let cx = &mut Context::from_waker(Waker::noop());
            assert!(matches!(read.poll_peek(cx, &mut ReadBuf::new(&mut byte)), Poll::Ready(Ok(1))));
            assert_eq!(read.try_read(&mut byte).unwrap(), 1);
            assert_eq!(read.try_read_vectored(&mut [IoSliceMut::new(&mut byte)]).unwrap(), 1);
            assert!(read.try_read_buf(&mut Vec::with_capacity(2)).unwrap() >= 2);
            assert!(!read.as_ref().nodelay().unwrap());
        })
        .unwrap();
}

#[test]
fn halves_come_together_from_either_side_and_those_of_others_come_back() {
    let mut net = net(10);
    let (first, mut end) = net.connected();
    let (second, _other_end) = net.connected();
    let ((read, write), (_, other)) = (first.into_split(), second.into_split());
    let ReuniteError(read, other) = read.reunite(other).unwrap_err();
    drop(other);
    let (read, write) = write.reunite(read).unwrap().into_split();
    let mut whole = read.reunite(write).unwrap();
    net.world
        .block_on(async {
            // No FIN was sent on the way.
            whole.write_all(b"whole").await.unwrap();
            drop(whole);
            let mut received = Vec::new();
            end.read_to_end(&mut received).await.unwrap();
            assert_eq!(received, b"whole");
        })
        .unwrap();
}

#[test]
fn the_writing_half_ends_the_data_when_it_is_dropped_and_not_when_it_is_forgotten() {
    let mut net = net(11);
    for forget in [false, true] {
        let (stream, mut peer) = net.connected();
        let (mut read, write) = stream.into_split();
        if forget {
            write.forget()
        } else {
            drop(write)
        }
        net.world
            .block_on(async {
                let end = net.b.timeout(ms(500), Box::pin(peer.read(&mut [0; 4]))).await;
                assert_eq!(end.is_err(), forget, "FIN");
                // The other direction goes on.
                peer.write_all(b"more").await.unwrap();
                let mut more = [0; 4];
                read.read_exact(&mut more).await.unwrap();
                drop(read);
                assert_eq!(peer.read(&mut more).await.unwrap(), 0, "with both halves gone it ends");
            })
            .unwrap();
    }
}

#[test]
fn the_reading_half_alone_keeps_nothing_from_being_written() {
    let mut net = net(12);
    let (stream, mut peer) = net.connected();
    let (read, mut write) = stream.into_split();
    drop(read);
    net.world
        .block_on(async {
            write.write_all(b"still here").await.unwrap();
            peer.read_exact(&mut [0; 10]).await.unwrap();
            peer.write_all(b"nobody reads this").await.unwrap();
            net.b.sleep(ms(50)).await;
            drop(write);
            // What nobody read is told (RFC 2525 2.17).
            assert_eq!(kind(peer.read(&mut [0; 4]).await), ErrorKind::ConnectionReset);
        })
        .unwrap();
}

#[test]
fn shutting_down_a_connection_that_has_ended_is_no_error() {
    let mut net = net(13);
    let (from, mut to) = net.connected();
    from.abort();
    net.world
        .block_on(async {
            assert_eq!(kind(to.read(&mut [0; 4]).await), ErrorKind::ConnectionReset);
            assert_eq!(kind(to.shutdown_write()), ErrorKind::NotConnected);
            to.shutdown().await.unwrap();
        })
        .unwrap();
}

#[test]
fn after_the_end_of_reading_what_came_is_read_and_then_the_end() {
    let mut net = net(14);
    let (mut from, mut to) = net.connected();
    net.world
        .block_on(async {
            from.write_all(b"last").await.unwrap();
            to.readable().await.unwrap();
            to.shutdown_read();
            let mut all = Vec::new();
            to.read_to_end(&mut all).await.unwrap();
            assert_eq!(all, b"last");
            assert_eq!(to.try_recv_bytes(4).unwrap(), "");
            // The other direction is not concerned.
            to.write_all(b"answer").await.unwrap();
            from.read_exact(&mut [0; 6]).await.unwrap();
        })
        .unwrap();
}

#[test]
fn a_socket_connects_from_where_it_is_bound_and_with_its_options() {
    let mut net = net(15);
    let listener = net.b.tcp_listen(at(B4, 80)).unwrap();
    let socket = TcpSocket::new_v4(&net.a).unwrap();
    assert_eq!(socket.local_addr().unwrap(), at("0.0.0.0", 0));
    socket.bind(at(A4, 4000)).unwrap();
    assert_eq!(socket.local_addr().unwrap(), at(A4, 4000));
    socket.set_nodelay(true).unwrap();
    assert!(socket.nodelay().unwrap());
    assert!(socket.take_error().unwrap().is_none());
    let stream = net.world.block_on(socket.connect(at(B4, 80))).unwrap().unwrap();
    assert_eq!(stream.local_addr().unwrap(), at(A4, 4000));
    assert!(stream.nodelay().unwrap());
    drop(listener);
}

#[test]
fn a_socket_listens_where_it_is_bound_and_otherwise_where_the_host_likes() {
    let mut net = net(16);
    let socket = TcpSocket::new_v6(&net.b).unwrap();
    socket.bind(at(B6, 80)).unwrap();
    let listener = socket.listen(8).unwrap();
    assert_eq!(listener.local_addr().unwrap(), at(B6, 80));
    let anywhere = TcpSocket::new_v4(&net.b).unwrap().listen(8).unwrap();
    let port = anywhere.local_addr().unwrap().port();
    assert_ne!(port, 0);
    net.world
        .block_on(async {
            net.a.tcp_connect(at(B6, 80)).await.unwrap();
            net.a.tcp_connect(at(B4, port)).await.unwrap();
        })
        .unwrap();
}

#[test]
fn buffers_are_as_large_as_they_were_set() {
    let mut net = net(17);
    let listener = TcpSocket::new_v4(&net.b).unwrap();
    listener.bind(at(B4, 80)).unwrap();
    listener.set_recv_buffer_size(5_000).unwrap();
    assert_eq!(listener.recv_buffer_size().unwrap(), 5_000);
    let listener = listener.listen(8).unwrap();
    let socket = TcpSocket::new_v4(&net.a).unwrap();
    socket.set_send_buffer_size(3_000).unwrap();
    assert_eq!(socket.send_buffer_size().unwrap(), 3_000);
    assert_eq!(kind(socket.set_send_buffer_size(0)), ErrorKind::InvalidInput);
    assert_eq!(kind(socket.set_recv_buffer_size(0)), ErrorKind::InvalidInput);
    let stream = net.world.block_on(socket.connect(at(B4, 80))).unwrap().unwrap();
    let mut sent = 0;
    for _ in 0..20 {
        sent += stream.try_write(&[0; 1_000]).unwrap_or(0);
        net.world.run_for(ms(20)).unwrap();
    }
    assert_eq!(sent, 8_000, "both buffers are full");
    drop(listener);
}

#[test]
fn a_user_timeout_ends_a_connection_whose_peer_is_silent() {
    let mut net = net(18);
    let _listener = net.b.tcp_listen(at(B4, 80)).unwrap();
    let socket = TcpSocket::new_v4(&net.a).unwrap();
    assert_eq!(kind(socket.set_user_timeout(Some(ms(0)))), ErrorKind::InvalidInput);
    socket.set_user_timeout(Some(ms(5_000))).unwrap();
    assert_eq!(socket.user_timeout().unwrap(), Some(ms(5_000)));
    let mut stream = net.world.block_on(socket.connect(at(B4, 80))).unwrap().unwrap();
    let nothing = Conditions::default().loss("100%".parse().unwrap());
    net.world.set_conditions(&net.a, net.eth_a, nothing.clone(), nothing);
    let started = net.world.now();
    let error = net.world.block_on(async {
        stream.write_all(b"anybody there?").await.unwrap();
        stream.read(&mut [0; 4]).await.unwrap_err()
    });
    assert_eq!(error.unwrap().kind(), ErrorKind::TimedOut);
    let waited = net.world.now() - started;
    assert!(waited >= ms(5_000) && waited < ms(10_000), "{waited:?}");
}

#[test]
fn an_address_that_cannot_be_had_is_refused_when_the_socket_is_bound() {
    let net = net(19);
    let socket = TcpSocket::new_v4(&net.a).unwrap();
    assert_eq!(kind(socket.bind(at(B4, 80))), ErrorKind::AddrNotAvailable);
    assert_eq!(kind(socket.bind(at(B6, 80))), ErrorKind::InvalidInput);
    socket.bind(at(A4, 80)).unwrap();
    assert_eq!(kind(socket.bind(at(A4, 81))), ErrorKind::InvalidInput);
}

#[test]
fn an_address_that_is_taken_is_an_address_in_use() {
    let mut net = net(20);
    let _listener = net.b.tcp_listen(at(B4, 80)).unwrap();
    let error = net.b.tcp_listen(at(B4, 80)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    assert!(error.to_string().contains("192.0.2.2:80"), "{error}");
    let client = || {
        let socket = TcpSocket::new_v4(&net.a).unwrap();
        socket.bind(at(A4, 4000)).unwrap();
        socket
    };
    let (first, second, other_family) = (client(), client(), client());
    let _stream = net.world.block_on(first.connect(at(B4, 80))).unwrap().unwrap();
    assert_eq!(kind(net.world.block_on(second.connect(at(B4, 80))).unwrap()), ErrorKind::AddrInUse);
    assert_eq!(kind(net.world.block_on(other_family.connect(at(B6, 80))).unwrap()), ErrorKind::InvalidInput);
}

#[test]
fn a_listener_gives_what_waits_without_waiting_itself() {
    let mut net = net(21);
    let listener = net.world.block_on(TcpListener::bind(&net.b, at(B4, 80))).unwrap().unwrap();
    assert_eq!(kind(listener.try_accept()), ErrorKind::WouldBlock);
    let cx = &mut Context::from_waker(Waker::noop());
    assert!(listener.poll_accept(cx).is_pending());
    let stream = net.world.block_on(net.a.tcp_connect(at(B4, 80))).unwrap().unwrap();
    net.world.run_for(ms(10)).unwrap();
    let (accepted, peer) = listener.try_accept().unwrap();
    assert_eq!(peer, stream.local_addr().unwrap());
    assert_eq!(accepted.local_addr().unwrap(), at(B4, 80));
    assert_eq!(listener.host().name(), "b");
}

#[test]
fn a_stream_knows_its_host_and_how_records_name_it() {
    use fathom_net::Kind;
    use fathom_record::Engine;

    let mut net = net(22);
    net.a.record(1 << 10);
    let _listener = net.b.tcp_listen(at(B4, 80)).unwrap();
    let stream = net.world.block_on(TcpStream::connect(&net.a, at(B4, 80))).unwrap().unwrap();
    assert_eq!(stream.host().name(), "a");
    assert_eq!(TcpSocket::new_v4(&net.a).unwrap().host().name(), "a");
    let records = net.a.drain_records();
    let states = records.iter().filter_map(|record| match record.kind {
        Kind::Engine(Engine::TcpState { flow, to, .. }) => Some((flow, to)),
        _ => None,
    });
    assert_eq!(states.last(), Some((stream.flow(), stream.info().unwrap().state)));
}

#[test]
fn polling_for_readiness_waits_as_awaiting_it_does() {
    let mut net = net(23);
    let (from, to) = net.connected();
    let cx = &mut Context::from_waker(Waker::noop());
    assert!(from.poll_write_ready(cx).is_ready());
    assert!(to.poll_read_ready(cx).is_pending());
    from.try_write(b"x").unwrap();
    net.world.block_on(std::future::poll_fn(|cx| to.poll_read_ready(cx))).unwrap().unwrap();
    assert!(to.poll_read_ready(cx).is_ready(), "nothing was taken");
    while from.try_write(&[0; 65_536]).is_ok() {}
    assert!(from.poll_write_ready(cx).is_pending());
    let reader = net.b.spawn(async move { while !to.recv_bytes(65_536).await.unwrap().is_empty() {} });
    net.world.block_on(std::future::poll_fn(|cx| from.poll_write_ready(cx))).unwrap().unwrap();
    assert!(!reader.is_finished());
}

#[test]
fn facts_of_a_connection_are_told() {
    let mut net = net(24);
    let (from, to) = net.connected();
    from.try_write(&[0; 1_000]).unwrap();
    assert_eq!(from.info().unwrap().notsent_bytes, 1_000, "nothing leaves while the world stands still");
    net.world.run_for(ms(100)).unwrap();
    let (sender, receiver) = (from.info().unwrap(), to.info().unwrap());
    assert_eq!((sender.notsent_bytes, sender.bytes_acked, sender.rtt.as_millis()), (0, 1_000, 2));
    assert_eq!((receiver.unread_bytes, receiver.bytes_received), (1_000, 1_000));
}

#[test]
fn an_attempt_that_is_ignored_comes_again() {
    let mut net = net(25);
    let listener = IncomingListener::listen(&net.b, TcpListen::at(at(B4, 80))).unwrap();
    let client = net.a.clone();
    let connecting = net.a.spawn(async move { client.tcp_connect(at(B4, 80)).await.map(drop) });
    net.world
        .block_on(async {
            listener.incoming().await.unwrap().ignore();
            let again = listener.incoming().await.unwrap();
            assert_eq!((again.source().ip(), again.destination()), (at(A4, 0).ip(), at(B4, 80)));
            again.admit();
            connecting.await.unwrap().unwrap();
            assert_eq!(listener.listener().accept().await.unwrap().0.local_addr().unwrap(), at(B4, 80));
        })
        .unwrap();
}

#[test]
fn an_echo_request_is_answered_and_one_to_nobody_ends_in_an_error() {
    let mut net = net(26);
    let socket = net.a.icmp_open(Family::V4).unwrap();
    assert_ne!(socket.identifier().unwrap(), 0);
    net.world
        .block_on(async {
            socket.send_echo(B4.parse().unwrap(), 7, b"data", None).unwrap();
            let answer = socket.recv().await.unwrap();
            assert!(matches!(answer.kind, IcmpEventKind::EchoReply), "{answer:?}");
            socket.send_echo("192.0.2.99".parse().unwrap(), 8, b"data", None).unwrap();
            let error = socket.recv().await.unwrap();
            assert!(matches!(error.kind, IcmpEventKind::Error { .. }), "{error:?}");
        })
        .unwrap();
}
