//! TCP sockets of hosts of a world.

mod common;

use std::io::{self, ErrorKind};
use std::time::Duration;

use bytes::Bytes;
use common::{A4, A6, B4, B6, at, ms, pair};
use fathom_impair::Conditions;
use fathom_net::{Host, IncomingListener, TcpListener, TcpSocket, TcpStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Sends back what each connection sends, and closes when the peer does.
async fn echo(listener: TcpListener, host: Host) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        host.spawn(async move {
            let (mut read, mut write) = stream.into_split();
            tokio::io::copy(&mut read, &mut write).await
        });
    }
}

/// `len` bytes that differ from place to place and from `seed` to seed.
fn bytes(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..len).map(|_| next()).collect()
}

/// Sends `data` and reads it back, both at once.
async fn exchange(stream: TcpStream, data: Vec<u8>) -> io::Result<Vec<u8>> {
    let host = stream.host().clone();
    let (mut read, mut write) = stream.into_split();
    let sending = host.spawn(async move { write.write_all(&data).await });
    let mut answer = Vec::new();
    read.read_to_end(&mut answer).await?;
    sending.await.expect("nobody aborts it")?;
    Ok(answer)
}

#[test]
fn what_is_written_comes_back_over_both_families() {
    for (family, server) in [(A4, B4), (A6, B6)] {
        let mut net = pair(1, Conditions::default().delay(ms(10)));
        net.b.spawn(echo(net.b.tcp_listen(at(server, 7)).unwrap(), net.b.clone()));
        let data = bytes(1, 100_000);
        let answer = net.world.block_on(async {
            let stream = net.a.tcp_connect(at(server, 7)).await?;
            assert_eq!(stream.peer_addr()?, at(server, 7));
            assert_eq!(stream.local_addr()?.ip(), at(family, 0).ip());
            exchange(stream, data.clone()).await
        });
        assert!(answer.unwrap().unwrap() == data);
    }
}

#[test]
fn a_connection_takes_one_round_trip_beside_finding_the_neighbour() {
    let mut net = pair(2, Conditions::default().delay(ms(10)));
    let listener = net.b.tcp_listen(at(B4, 80)).unwrap();
    net.world.block_on(net.a.tcp_connect(at(B4, 80))).unwrap().unwrap();
    assert_eq!(net.world.now().as_millis(), 40);
    net.world.block_on(net.a.tcp_connect(at(B4, 80))).unwrap().unwrap();
    assert_eq!(net.world.now().as_millis(), 60);
    drop(listener);
}

#[test]
fn every_byte_arrives_over_a_bad_link() {
    for seed in 0..5 {
        let bad = Conditions::default()
            .delay(ms(10))
            .jitter(ms(2))
            .rate("20mbit".parse().unwrap())
            .loss("2%".parse().unwrap())
            .duplicate("1%".parse().unwrap())
            .reorder(fathom_impair::Reorder::new("2%".parse().unwrap()));
        let mut net = pair(seed, bad);
        net.b.spawn(echo(net.b.tcp_listen(at(B4, 7)).unwrap(), net.b.clone()));
        let data = bytes(seed, 300_000);
        let answer = net.world.block_on(async {
            let stream = net.a.tcp_connect(at(B4, 7)).await?;
            exchange(stream, data.clone()).await
        });
        assert!(answer.unwrap().unwrap() == data, "seed {seed}");
    }
}

#[test]
fn a_thousand_connections_at_once_all_get_through() {
    let mut net = pair(3, Conditions::default().delay(ms(1)));
    let socket = TcpSocket::new_v4(&net.b).unwrap();
    socket.bind(at(B4, 7)).unwrap();
    net.b.spawn(echo(socket.listen(4096).unwrap(), net.b.clone()));
    let clients: Vec<_> = (0..1000)
        .map(|number| {
            let host = net.a.clone();
            net.a.spawn(async move {
                let data = bytes(number, 500);
                let stream = host.tcp_connect(at(B4, 7)).await?;
                Ok::<_, io::Error>(exchange(stream, data.clone()).await? == data)
            })
        })
        .collect();
    let all_right = net.world.block_on(async {
        for client in clients {
            assert!(client.await.unwrap().unwrap());
        }
    });
    all_right.unwrap();
}

#[test]
fn connections_one_after_the_other_leave_nothing_behind() {
    let mut net = pair(4, Conditions::default());
    net.b.spawn(echo(net.b.tcp_listen(at(B4, 7)).unwrap(), net.b.clone()));
    net.world
        .block_on(async {
            for number in 0..3000 {
                let stream = net.a.tcp_connect(at(B4, 7)).await.unwrap();
                assert_eq!(exchange(stream, vec![number as u8; 10]).await.unwrap(), [number as u8; 10]);
            }
        })
        .unwrap();
}

#[test]
fn nobody_at_the_port_is_a_refusal() {
    let mut net = pair(5, Conditions::default().delay(ms(1)));
    let error = net.world.block_on(net.a.tcp_connect(at(B4, 80))).unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    assert!(error.to_string().contains("192.0.2.2:80"), "{error}");
}

#[test]
fn nobody_at_the_address_is_an_unreachable_host() {
    let mut net = pair(6, Conditions::default());
    for nobody in ["192.0.2.99", "2001:db8::99"] {
        let error = net.world.block_on(net.a.tcp_connect(at(nobody, 80))).unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::HostUnreachable, "{nobody}: {error}");
    }
}

#[test]
fn no_way_to_the_address_is_an_unreachable_network() {
    let mut net = pair(7, Conditions::default());
    for nowhere in ["203.0.113.1", "2001:db9::1"] {
        let error = net.world.block_on(net.a.tcp_connect(at(nowhere, 80))).unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NetworkUnreachable, "{nowhere}: {error}");
    }
}

#[test]
fn silence_is_a_timeout() {
    let mut net = pair(8, Conditions::default());
    let _listener = net.b.tcp_listen(at(B4, 80)).unwrap();
    // Once, so that the neighbour is known; then nothing arrives any more.
    net.world.block_on(net.a.tcp_connect(at(B4, 80))).unwrap().unwrap();
    let nothing = Conditions::default().loss("100%".parse().unwrap());
    net.world.set_conditions(&net.a, net.eth_a, nothing.clone(), nothing);
    let error = net.world.block_on(net.a.tcp_connect(at(B4, 80))).unwrap().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::HostUnreachable), "{error}");
}

#[test]
fn an_attempt_that_is_dropped_is_given_up() {
    let mut net = pair(9, Conditions::default().delay(ms(50)));
    let listener = net.b.tcp_listen(at(B4, 80)).unwrap();
    let host = net.a.clone();
    let attempt = host.timeout(ms(120), net.a.tcp_connect(at(B4, 80)));
    assert!(net.world.block_on(attempt).unwrap().is_err());
    // The SYN is at the server; what it makes of it must not outlive the reset.
    net.world.run_for(Duration::from_secs(1)).unwrap();
    let accepted = net.b.timeout(ms(1), listener.accept());
    assert!(net.world.block_on(accepted).unwrap().is_err());
}

#[test]
fn an_attempt_that_is_dropped_after_it_succeeded_is_aborted() {
    let mut net = pair(15, Conditions::default().delay(ms(1)));
    let listener = net.b.tcp_listen(at(B4, 80)).unwrap();
    let mut attempt = Box::pin(net.a.tcp_connect(at(B4, 80)));
    let mut idle = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(attempt.as_mut().poll(&mut idle).is_pending());
    let (mut accepted, _) = net.world.block_on(listener.accept()).unwrap().unwrap();
    drop(attempt);
    let error = net.world.block_on(accepted.read(&mut [0; 8])).unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn a_listener_may_decide_before_it_answers() {
    let mut net = pair(16, Conditions::default().delay(ms(1)));
    let listener = IncomingListener::bind(&net.b, at(B4, 80), 8).unwrap();
    let client = net.a.clone();
    let attempts = net.a.spawn(async move {
        let first = client.tcp_connect(at(B4, 80)).await;
        (first, client.tcp_connect(at(B4, 80)).await)
    });
    let accepted = net.world.block_on(async {
        // The peer tries again.
        drop(listener.incoming().await.unwrap());
        let incoming = listener.incoming().await.unwrap();
        assert_eq!((incoming.source().ip(), incoming.destination()), (at(A4, 0).ip(), at(B4, 80)));
        incoming.refuse();
        listener.incoming().await.unwrap().admit();
        listener.listener().accept().await.unwrap()
    });
    let (refused, connected) = net.world.block_on(attempts).unwrap().unwrap();
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    assert_eq!(connected.unwrap().local_addr().unwrap(), accepted.unwrap().1);
}

#[test]
fn halves_of_one_stream_come_together_again_and_others_do_not() {
    let mut net = pair(17, Conditions::default().delay(ms(1)));
    let listener = net.b.tcp_listen(at(B4, 80)).unwrap();
    net.world
        .block_on(async {
            let mut ends = Vec::new();
            for _ in 0..2 {
                ends.push((net.a.tcp_connect(at(B4, 80)).await.unwrap(), listener.accept().await.unwrap().0));
            }
            let (second, _other_end) = ends.pop().unwrap();
            let (first, mut end) = ends.pop().unwrap();
            let ((read, write), (_, other)) = (first.into_split(), second.into_split());
            let fathom_net::ReuniteError(read, _other) = read.reunite(other).unwrap_err();
            let mut whole = read.reunite(write).unwrap();
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
fn bytes_are_handed_over_without_a_copy() {
    let mut net = pair(18, Conditions::default().delay(ms(1)));
    let listener = net.b.tcp_listen(at(B4, 80)).unwrap();
    let data = Bytes::from(bytes(18, 3_000_000));
    let sent = data.clone();
    let received = net.world.block_on(async {
        let stream = net.a.tcp_connect(at(B4, 80)).await?;
        let (accepted, _) = listener.accept().await?;
        net.a.spawn(async move { stream.send_bytes(sent).await });
        let mut received = Vec::new();
        loop {
            let piece = accepted.recv_bytes(64 << 10).await?;
            if piece.is_empty() {
                return Ok::<_, io::Error>(received);
            }
            received.extend_from_slice(&piece);
        }
    });
    assert!(received.unwrap().unwrap() == data);
}

#[test]
fn a_listener_that_is_dropped_refuses() {
    let mut net = pair(10, Conditions::default().delay(ms(1)));
    let listener = net.b.tcp_listen(at(B4, 80)).unwrap();
    let mut waiting = net.world.block_on(net.a.tcp_connect(at(B4, 80))).unwrap().unwrap();
    drop(listener);
    let (read, connect) = net
        .world
        .block_on(async {
            let read = waiting.read(&mut [0; 8]).await;
            (read, net.a.tcp_connect(at(B4, 80)).await)
        })
        .unwrap();
    assert_eq!(read.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(connect.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    net.b.tcp_listen(at(B4, 80)).unwrap();
}

#[test]
fn one_direction_can_end_before_the_other() {
    let mut net = pair(11, Conditions::default().delay(ms(1)));
    let listener = net.b.tcp_listen(at(B4, 80)).unwrap();
    let server = net.b.spawn(async move {
        let (mut stream, _) = listener.accept().await?;
        let mut request = Vec::new();
        stream.read_to_end(&mut request).await?;
        stream.write_all(&request.repeat(2)).await?;
        stream.shutdown().await?;
        Ok::<_, io::Error>(stream)
    });
    let answer = net.world.block_on(async {
        let mut stream = net.a.tcp_connect(at(B4, 80)).await?;
        stream.write_all(b"ab").await?;
        stream.shutdown().await?;
        assert_eq!(stream.write(b"c").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok::<_, io::Error>(answer)
    });
    assert_eq!(answer.unwrap().unwrap(), b"abab");
    net.world.block_on(server).unwrap().unwrap().unwrap();
}

#[test]
fn data_that_nobody_read_is_answered_by_a_reset() {
    let mut net = pair(12, Conditions::default().delay(ms(1)));
    let listener = net.b.tcp_listen(at(B4, 80)).unwrap();
    let error = net.world.block_on(async {
        let mut stream = net.a.tcp_connect(at(B4, 80)).await.unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        stream.write_all(b"unread").await.unwrap();
        accepted.readable().await.unwrap();
        drop(accepted);
        stream.read(&mut [0; 8]).await.unwrap_err()
    });
    assert_eq!(error.unwrap().kind(), ErrorKind::ConnectionReset);
}

#[test]
fn peeking_leaves_the_data_and_trying_does_not_wait() {
    let mut net = pair(13, Conditions::default().delay(ms(1)));
    let listener = net.b.tcp_listen(at(B4, 80)).unwrap();
    net.world
        .block_on(async {
            let stream = net.a.tcp_connect(at(B4, 80)).await.unwrap();
            let (accepted, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 16];
            let empty = accepted.try_read(&mut buffer).unwrap_err();
            assert_eq!(empty.kind(), ErrorKind::WouldBlock);
            let slices = [io::IoSlice::new(b"one "), io::IoSlice::new(b""), io::IoSlice::new(b"two")];
            assert_eq!(stream.try_write_vectored(&slices).unwrap(), 7);
            accepted.readable().await.unwrap();
            assert_eq!(accepted.peek(&mut buffer).await.unwrap(), 7);
            assert_eq!(accepted.try_read(&mut buffer).unwrap(), 7);
            assert_eq!(&buffer[..7], b"one two");
        })
        .unwrap();
}

#[test]
fn a_full_send_buffer_makes_the_writer_wait_until_there_is_room() {
    let mut net = pair(14, Conditions::default().delay(ms(1)));
    let listener = net.b.tcp_listen(at(B4, 80)).unwrap();
    net.world
        .block_on(async {
            let stream = net.a.tcp_connect(at(B4, 80)).await.unwrap();
            let (mut accepted, _) = listener.accept().await.unwrap();
            let mut sent = 0;
            let full = loop {
                match stream.try_write(&[1; 4096]) {
                    Ok(len) => sent += len,
                    Err(error) => break error,
                }
            };
            assert_eq!(full.kind(), ErrorKind::WouldBlock);
            let reader = net.b.spawn(async move {
                let mut buffer = Vec::new();
                accepted.read_to_end(&mut buffer).await.map(|_| buffer.len())
            });
            stream.writable().await.unwrap();
            sent += stream.try_write(&[1; 10]).unwrap();
            drop(stream);
            assert_eq!(reader.await.unwrap().unwrap(), sent);
        })
        .unwrap();
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = |seed| {
        let bad = Conditions::default().delay(ms(5)).jitter(ms(4)).loss("5%".parse().unwrap());
        let mut net = pair(seed, bad);
        net.world.record(1 << 20);
        net.b.spawn(echo(net.b.tcp_listen(at(B4, 7)).unwrap(), net.b.clone()));
        let clients: Vec<_> = (0..5)
            .map(|number| {
                let host = net.a.clone();
                net.a.spawn(async move {
                    exchange(host.tcp_connect(at(B4, 7)).await?, bytes(number, 20_000)).await
                })
            })
            .collect();
        net.world
            .block_on(async {
                for client in clients {
                    client.await.unwrap().unwrap();
                }
            })
            .unwrap();
        let records = net.world.drain_records().into_iter().map(|(_, records)| records).collect::<Vec<_>>();
        assert!(records.iter().all(|records| records.len() > 300), "both hosts recorded");
        records
    };
    assert!(run(6) == run(6));
    assert!(run(6) != run(7));
}

/// Tasks read and write pieces of random size, wait at random and give up futures half-way. Whatever they
/// do, no readiness may be lost: the world would stall.
#[test]
fn no_readiness_is_lost_under_random_interleaving() {
    for seed in 0..20 {
        let bad = Conditions::default().delay(ms(3)).jitter(ms(3)).loss("3%".parse().unwrap());
        let mut net = pair(seed, bad);
        let listener = net.b.tcp_listen(at(B4, 7)).unwrap();
        let server = net.b.clone();
        net.b.spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let data = bytes(1, 40_000);
                let host = server.clone();
                server.spawn(async move { both_ways(&host, stream, data).await.unwrap() });
            }
        });
        let clients: Vec<_> = (0..8)
            .map(|_| {
                let host = net.a.clone();
                net.a.spawn(async move {
                    let stream = host.tcp_connect(at(B4, 7)).await?;
                    both_ways(&host, stream, bytes(2, 40_000)).await
                })
            })
            .collect();
        net.world
            .block_on(async {
                for client in clients {
                    assert!(client.await.unwrap().unwrap() == bytes(1, 40_000), "seed {seed}");
                }
            })
            .unwrap();
    }
}

/// Sends `data` and receives what the peer sends, in random pieces and with random pauses.
async fn both_ways(host: &Host, stream: TcpStream, data: Vec<u8>) -> io::Result<Vec<u8>> {
    let (mut read, mut write) = stream.into_split();
    let writer = host.clone();
    let sending = host.spawn(async move {
        let mut rest = &data[..];
        while !rest.is_empty() {
            let piece = (writer.random_u64() % 5000) as usize + 1;
            let patience = Duration::from_micros(writer.random_u64() % 3000);
            let write = write.write(&rest[..piece.min(rest.len())]);
            if let Ok(written) = writer.timeout(patience, write).await {
                rest = &rest[written?..];
            }
        }
        write.shutdown().await
    });
    let mut received = Vec::new();
    let mut buffer = [0; 5000];
    loop {
        let piece = (host.random_u64() % 5000) as usize + 1;
        let patience = Duration::from_micros(host.random_u64() % 3000);
        match host.timeout(patience, read.read(&mut buffer[..piece])).await {
            Err(_) => {}
            Ok(Ok(0)) => break,
            Ok(Ok(len)) => received.extend_from_slice(&buffer[..len]),
            Ok(Err(error)) => return Err(error),
        }
    }
    sending.await.expect("nobody aborts it")?;
    Ok(received)
}
