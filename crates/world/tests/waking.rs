//! Whoever waits for a socket is woken when there is something to try, whatever the others do, and at
//! every end that a connection can come to.

mod common;

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use common::{A4, B4, Pair, at, ms, pair};
use fathom_impair::Conditions;
use fathom_net::{Host, Interest, JoinHandle, TcpSocket, TcpStream};
use fathom_world::World;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn net(seed: u64) -> Pair {
    pair(seed, Conditions::default().delay(ms(1)))
}

/// Buffers that are full soon.
fn small(socket: &TcpSocket) {
    socket.set_send_buffer_size(8_000).unwrap();
    socket.set_recv_buffer_size(8_000).unwrap();
}

/// What a task came back with.
type Outcome = Result<usize, ErrorKind>;

struct Waiters {
    readers: Vec<(&'static str, JoinHandle<Outcome>)>,
    writers: Vec<(&'static str, JoinHandle<Outcome>)>,
}

impl Waiters {
    /// Tasks that wait for a connection in each way there is: nothing has come, and its buffers are full.
    fn new(net: &mut Pair, stream: &Arc<TcpStream>) -> Waiters {
        loop {
            while stream.try_write(&[0; 4_000]).is_ok() {}
            net.world.run_for(ms(100)).unwrap();
            if stream.try_write(&[0]).is_err() {
                break;
            }
        }
        let mut readers = Vec::new();
        let mut writers = Vec::new();
        macro_rules! waiter {
            ($to:ident, $name:literal, |$stream:ident| $work:expr) => {
                let $stream = Arc::clone(stream);
                $to.push((
                    $name,
                    net.a.spawn(async move { $work.await.map_err(|error: io::Error| error.kind()) }),
                ));
            };
        }
        waiter!(readers, "peek", |stream| async { stream.peek(&mut [0; 4]).await });
        waiter!(readers, "recv_bytes", |stream| async { Ok(stream.recv_bytes(4).await?.len()) });
        waiter!(readers, "readable", |stream| async { stream.readable().await.map(|()| 0) });
        waiter!(readers, "ready", |stream| async { stream.ready(Interest::READABLE).await.map(|_| 0) });
        waiter!(readers, "async_io", |stream| async {
            stream.async_io(Interest::READABLE, || stream.try_read(&mut [0; 4])).await
        });
        waiter!(writers, "send_bytes", |stream| async {
            stream.send_bytes(Bytes::from(vec![0; 20_000])).await.map(|()| 0)
        });
        waiter!(writers, "writable", |stream| async { stream.writable().await.map(|()| 0) });
        waiter!(writers, "ready", |stream| async { stream.ready(Interest::WRITABLE).await.map(|_| 0) });
        waiter!(writers, "async_io", |stream| async {
            stream.async_io(Interest::WRITABLE, || stream.try_write(&[0; 4])).await
        });
        net.world.run_for(ms(100)).unwrap();
        let waiters = Waiters { readers, writers };
        assert!(waiters.readers.iter().chain(&waiters.writers).all(|(_, task)| !task.is_finished()));
        waiters
    }

    /// Lets a minute pass, in which all of `tasks` have to come back: each with one of `outcomes`.
    fn end(
        world: &mut World,
        what: &str,
        tasks: Vec<(&'static str, JoinHandle<Outcome>)>,
        outcomes: &[Outcome],
    ) {
        world.run_for(Duration::from_secs(60)).unwrap();
        for (name, task) in tasks {
            assert!(task.is_finished(), "{what}: {name} still waits");
            let outcome = world.block_on(task).unwrap().unwrap();
            assert!(outcomes.contains(&outcome), "{what}: {name} gave {outcome:?}");
        }
    }
}

/// P-96: every end of a connection wakes readers and writers. The error is reported once; after it reading
/// gives the end and writing a broken pipe.
#[test]
fn every_end_of_a_connection_wakes_all_who_wait_for_it() {
    type Cause = fn(&mut Pair, &Arc<TcpStream>, TcpStream);
    let causes: [(&str, ErrorKind, Cause); 4] = [
        ("a reset", ErrorKind::ConnectionReset, |_, _, peer| peer.abort()),
        ("data that the peer left unread", ErrorKind::ConnectionReset, |_, _, peer| drop(peer)),
        ("a peer that is silent", ErrorKind::TimedOut, |net, stream, peer| {
            stream.set_user_timeout(Some(Duration::from_secs(20))).unwrap();
            let nothing = Conditions::default().loss("100%".parse().unwrap());
            net.world.set_conditions(&net.a, net.eth_a, nothing.clone(), nothing);
            std::mem::forget(peer);
        }),
        ("a peer that has forgotten the connection", ErrorKind::ConnectionReset, |net, _, peer| {
            let away = Conditions::default().loss("100%".parse().unwrap());
            net.world.set_conditions(&net.a, net.eth_a, away.clone(), away);
            peer.abort();
            net.world.run_for(ms(5_000)).unwrap();
            let back = Conditions::default();
            net.world.set_conditions(&net.a, net.eth_a, back.clone(), back);
        }),
    ];
    for (seed, (what, kind, cause)) in causes.into_iter().enumerate() {
        let mut net = net(seed as u64);
        let (stream, peer) = net.connected_with(small);
        let stream = Arc::new(stream);
        let Waiters { readers, writers } = Waiters::new(&mut net, &stream);
        cause(&mut net, &stream, peer);
        // Whoever asks first has the error, a waiter for readiness leaves it to others.
        Waiters::end(&mut net.world, what, readers, &[Ok(0), Err(kind)]);
        Waiters::end(&mut net.world, what, writers, &[Ok(0), Err(kind), Err(ErrorKind::BrokenPipe)]);
    }
}

#[test]
fn the_end_of_one_direction_wakes_those_who_wait_for_it() {
    let mut net = net(10);
    let (stream, peer) = net.connected_with(small);
    let stream = Arc::new(stream);
    let Waiters { readers, writers } = Waiters::new(&mut net, &stream);
    peer.shutdown_write().unwrap();
    Waiters::end(&mut net.world, "FIN of the peer", readers, &[Ok(0)]);
    assert!(writers.iter().all(|(_, task)| !task.is_finished()), "the other direction goes on");
    stream.shutdown_write().unwrap();
    Waiters::end(&mut net.world, "FIN of our own", writers, &[Ok(0), Err(ErrorKind::BrokenPipe)]);
}

#[test]
fn the_end_of_reading_wakes_those_who_read() {
    let mut net = net(11);
    let (stream, _peer) = net.connected_with(small);
    let stream = Arc::new(stream);
    let Waiters { readers, writers } = Waiters::new(&mut net, &stream);
    stream.shutdown_read();
    Waiters::end(&mut net.world, "the end of reading", readers, &[Ok(0)]);
    assert!(writers.iter().all(|(_, task)| !task.is_finished()), "the other direction goes on");
}

#[test]
fn room_and_data_wake_all_who_wait_for_them() {
    let mut net = net(12);
    let (stream, mut peer) = net.connected_with(small);
    let stream = Arc::new(stream);
    let Waiters { readers, writers } = Waiters::new(&mut net, &stream);
    net.b.spawn(async move {
        // Enough for each of those who take something.
        peer.write_all(b"four and more").await.unwrap();
        loop {
            if peer.read(&mut [0; 4_000]).await.unwrap() == 0 {
                return;
            }
        }
    });
    Waiters::end(&mut net.world, "data", readers, &[Ok(0), Ok(4)]);
    Waiters::end(&mut net.world, "room", writers, &[Ok(0), Ok(4)]);
}

/// Nobody was refused: to ask for room is enough to hear of it.
#[test]
fn who_asks_for_room_is_told_of_it() {
    let mut net = net(13);
    let (stream, peer) = net.connected_with(small);
    assert_eq!(stream.try_write(&[0; 8_000]).unwrap(), 8_000, "exactly what there is room for");
    net.world.block_on(stream.writable()).unwrap().unwrap();
    assert!(stream.try_write(&[0]).is_ok());
    drop(peer);
}

#[test]
fn an_attempt_to_connect_ends_whatever_comes_of_it() {
    let silent = |net: &mut Pair| {
        let nothing = Conditions::default().loss("100%".parse().unwrap());
        net.world.set_conditions(&net.a, net.eth_a, nothing.clone(), nothing);
    };
    type Cause<'a> = (&'a str, &'a [ErrorKind], &'a dyn Fn(&mut Pair));
    let causes: [Cause<'_>; 3] = [
        ("nobody listens", &[ErrorKind::ConnectionRefused], &|_| {}),
        ("silence", &[ErrorKind::TimedOut, ErrorKind::HostUnreachable], &silent),
        (
            "no link",
            &[ErrorKind::NetworkUnreachable, ErrorKind::HostUnreachable, ErrorKind::TimedOut],
            &|net| {
                net.a.set_link(net.eth_a, false);
            },
        ),
    ];
    for (seed, (what, kinds, cause)) in causes.into_iter().enumerate() {
        let mut net = net(20 + seed as u64);
        let _ = net.world.block_on(net.a.tcp_connect(at(B4, 81))).unwrap().unwrap_err();
        cause(&mut net);
        let error = net.world.block_on(net.a.tcp_connect(at(B4, 80))).unwrap().unwrap_err();
        assert!(kinds.contains(&error.kind()), "{what}: {error}");
    }
}

#[test]
fn many_who_accept_at_one_listener_have_a_connection_each() {
    let mut net = net(30);
    let listener = Arc::new(net.b.tcp_listen(at(B4, 80)).unwrap());
    let accepting: Vec<_> = (0..20)
        .map(|_| {
            let listener = Arc::clone(&listener);
            net.b.spawn(async move { listener.accept().await.unwrap().1 })
        })
        .collect();
    let mut expected = Vec::new();
    let mut accepted = Vec::new();
    net.world
        .block_on(async {
            for _ in 0..20 {
                let stream = net.a.tcp_connect(at(B4, 80)).await.unwrap();
                expected.push(stream.local_addr().unwrap());
            }
            for task in accepting {
                accepted.push(task.await.unwrap());
            }
        })
        .unwrap();
    expected.sort_unstable();
    accepted.sort_unstable();
    assert_eq!(accepted, expected);
}

/// Futures that are dropped half-way take nothing with them.
#[test]
fn an_accept_that_is_dropped_loses_no_connection() {
    let mut net = net(31);
    let listener = net.b.tcp_listen(at(B4, 80)).unwrap();
    let host = net.b.clone();
    let accepting = net.b.spawn(async move {
        let mut accepted = 0;
        while accepted < 50 {
            let patience = Duration::from_micros(host.random_u64() % 1_500);
            accepted += usize::from(host.timeout(patience, Box::pin(listener.accept())).await.is_ok());
        }
    });
    net.world
        .block_on(async {
            for _ in 0..50 {
                net.a.tcp_connect(at(B4, 80)).await.unwrap();
            }
            accepting.await.unwrap();
        })
        .unwrap();
}

/// Many tasks read the same connection and many write it, each in its own way, with pieces of random size;
/// at random they give up and begin again. Not one byte may be lost or come twice, and nobody may be left
/// waiting: the world would stall.
#[test]
fn many_tasks_share_both_directions_of_a_connection() {
    const BYTES: usize = 60_000;
    for seed in 0..10 {
        let bad = Conditions::default().delay(ms(2)).jitter(ms(2)).loss("2%".parse().unwrap());
        let mut net = pair(100 + seed, bad);
        let (a, b) = net.connected_with(small);
        let (a, b) = (Arc::new(a), Arc::new(b));
        let mut tasks = Vec::new();
        for (host, from, to) in [(&net.a, &a, &b), (&net.b, &b, &a)] {
            let sent = Arc::new(AtomicUsize::new(0));
            let received = Arc::new(AtomicUsize::new(0));
            for way in 0..4 {
                tasks.push(host.spawn(write_some(host.clone(), from.clone(), sent.clone(), way, BYTES)));
            }
            for way in 0..4 {
                tasks.push(host.spawn(read_some(host.clone(), to.clone(), received.clone(), way, BYTES)));
            }
        }
        net.world
            .block_on(async {
                for task in tasks {
                    task.await.unwrap();
                }
            })
            .unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        for stream in [&a, &b] {
            assert_eq!(stream.info().unwrap().bytes_received, BYTES as u64, "seed {seed}");
            assert_eq!(stream.try_read(&mut [0]).unwrap(), 0, "seed {seed}: the end");
        }
    }
}

/// Takes part in sending `total` bytes. Whoever sends the last ends the data.
async fn write_some(host: Host, stream: Arc<TcpStream>, sent: Arc<AtomicUsize>, way: usize, total: usize) {
    loop {
        // The task that takes a piece has to send it.
        let piece = (host.random_u64() % 3_000) as usize + 1;
        let start = sent.fetch_add(piece, Ordering::Relaxed);
        let piece = piece.min(total.saturating_sub(start));
        if piece == 0 {
            return;
        }
        let mut rest = Bytes::from(vec![way as u8; piece]);
        while !rest.is_empty() {
            let patience = Duration::from_micros(host.random_u64() % 3_000);
            let attempt = Box::pin(async {
                match way {
                    0 => {
                        stream.writable().await?;
                        stream.try_send_bytes(&mut rest)
                    }
                    1 => stream.async_io(Interest::WRITABLE, || stream.try_send_bytes(&mut rest)).await,
                    2 => {
                        stream.ready(Interest::WRITABLE | Interest::READABLE).await?;
                        host.sleep(Duration::from_micros(500)).await;
                        stream.try_send_bytes(&mut rest)
                    }
                    _ => {
                        std::future::poll_fn(|cx| stream.poll_write_ready(cx)).await?;
                        stream.try_send_bytes(&mut rest)
                    }
                }
            });
            match host.timeout(patience, attempt).await {
                Ok(Err(error)) if error.kind() != ErrorKind::WouldBlock => panic!("{error}"),
                _ => {}
            }
        }
        if start + piece == total {
            return finish(&host, &stream, total).await;
        }
    }
}

/// Ends the data when the others have written theirs.
async fn finish(host: &Host, stream: &TcpStream, total: usize) {
    loop {
        let info = stream.info().unwrap();
        if info.bytes_sent as usize + info.notsent_bytes >= total {
            return stream.shutdown_write().unwrap();
        }
        host.sleep(ms(1)).await;
    }
}

/// Takes part in receiving until the end.
async fn read_some(host: Host, stream: Arc<TcpStream>, received: Arc<AtomicUsize>, way: usize, total: usize) {
    loop {
        let piece = (host.random_u64() % 3_000) as usize + 1;
        let patience = Duration::from_micros(host.random_u64() % 3_000);
        let mut buffer = vec![0; piece];
        let attempt = Box::pin(async {
            match way {
                0 => {
                    stream.readable().await?;
                    stream.try_read(&mut buffer)
                }
                1 => stream.async_io(Interest::READABLE, || stream.try_read(&mut buffer)).await,
                2 => stream.recv_bytes(piece).await.map(|bytes| bytes.len()),
                _ => {
                    stream.ready(Interest::READABLE | Interest::ERROR).await?;
                    stream.try_read(&mut buffer)
                }
            }
        });
        match host.timeout(patience, attempt).await {
            Ok(Ok(0)) => break,
            Ok(Ok(len)) => {
                received.fetch_add(len, Ordering::Relaxed);
            }
            Ok(Err(error)) if error.kind() != ErrorKind::WouldBlock => panic!("{error}"),
            _ => {}
        }
    }
    assert!(received.load(Ordering::Relaxed) <= total);
}

#[test]
fn a_stream_that_is_dropped_with_everything_read_ends_in_order() {
    let mut net = net(40);
    let (mut from, mut to) = net.connected();
    net.world
        .block_on(async {
            from.write_all(b"all of it").await.unwrap();
            to.read_exact(&mut [0; 9]).await.unwrap();
            to.write_all(b"and the answer").await.unwrap();
            drop(to);
            let mut answer = Vec::new();
            from.read_to_end(&mut answer).await.unwrap();
            assert_eq!(answer, b"and the answer");
            assert_eq!(from.peer_addr().unwrap(), at(B4, 80));
            assert_eq!(from.local_addr().unwrap().ip(), at(A4, 0).ip());
        })
        .unwrap();
}
