//! Two hosts in real time, on the ends of a cable in memory.
#![allow(clippy::disallowed_methods, reason = "these tests look at real time from outside")]

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::time::{Duration, Instant};

use fathom_device::{Device, MemoryDevice};
use fathom_impair::Conditions;
use fathom_net::driver::{Attachment, RealTime};
use fathom_net::{Config, Host, blocking};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The bound of a failing test, not a measure of speed.
const LIMIT: Duration = Duration::from_secs(30);

/// Two hosts, 192.0.2.1 and 192.0.2.2; what the first transmits meets `up`, what it receives `down`.
fn pair(up: Conditions, down: Conditions) -> (RealTime, RealTime) {
    let (a, b) = MemoryDevice::pair(1500).unwrap();
    let a = host("a", Attachment::new(a).up(up).down(down).seed(1), "192.0.2.1/24");
    let b = host("b", Attachment::new(b), "192.0.2.2/24");
    (a, b)
}

fn host(name: &str, attachment: Attachment, address: &str) -> RealTime {
    let driver = RealTime::builder(name).start().unwrap();
    let eth = driver.attach(attachment).unwrap();
    driver.host().add_address(eth, address.parse().unwrap()).unwrap();
    driver
}

fn at(address: &str) -> SocketAddr {
    address.parse().unwrap()
}

fn within_limit<F: Future>(host: &Host, future: F) -> F::Output {
    host.block_on(host.timeout(LIMIT, future)).expect("it ends in time")
}

fn echo(host: &Host, at: SocketAddr) {
    let listener = host.tcp_listen(at).unwrap();
    let spawner = host.clone();
    host.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            spawner.spawn(async move {
                let (mut read, mut write) = stream.into_split();
                tokio::io::copy(&mut read, &mut write).await
            });
        }
    });
}

#[test]
fn programs_of_two_threads_exchange_data() {
    let (a, b) = pair(Conditions::default(), Conditions::default());
    echo(b.host(), at("192.0.2.2:7"));
    let data: Vec<u8> = (0..2_000_000u32).map(|number| (number >> 3) as u8).collect();
    let answer = within_limit(a.host(), async {
        let stream = a.host().tcp_connect(at("192.0.2.2:7")).await?;
        let (mut read, mut write) = stream.into_split();
        let sent = data.clone();
        let sending = a.host().spawn(async move { write.write_all(&sent).await });
        let mut answer = Vec::new();
        read.read_to_end(&mut answer).await?;
        sending.await.unwrap()?;
        Ok::<_, std::io::Error>(answer)
    });
    assert!(answer.unwrap() == data);
}

#[test]
fn threads_that_block_use_sockets_like_those_of_the_standard_library() {
    let (a, b) = pair(Conditions::default(), Conditions::default());
    let listener = blocking::TcpListener::bind(b.host(), at("192.0.2.2:7")).unwrap();
    let server = std::thread::spawn(move || {
        let mut stream = listener.incoming().next().unwrap().unwrap();
        let mut request = String::new();
        stream.read_to_string(&mut request).unwrap();
        stream.write_all(request.to_uppercase().as_bytes()).unwrap();
    });
    let mut stream = blocking::TcpStream::connect_timeout(a.host(), at("192.0.2.2:7"), LIMIT).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.write_all(b"shout").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "SHOUT");
    server.join().unwrap();
}

#[test]
fn datagrams_cross_and_a_read_gives_up_after_its_timeout() {
    let (a, b) = pair(Conditions::default(), Conditions::default());
    let server = blocking::UdpSocket::bind(b.host(), at("192.0.2.2:7")).unwrap();
    let client = blocking::UdpSocket::bind(a.host(), at("192.0.2.1:0")).unwrap();
    client.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
    assert_eq!(client.set_read_timeout(Some(Duration::ZERO)).unwrap_err().kind(), ErrorKind::InvalidInput);
    // More than once, since the first time the driver may not be asleep yet.
    for _ in 0..3 {
        assert_eq!(client.recv_from(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
    }
    client.set_read_timeout(Some(LIMIT)).unwrap();
    client.send_to(b"ping", at("192.0.2.2:7")).unwrap();
    let mut buffer = [0; 8];
    let (len, from) = server.recv_from(&mut buffer).unwrap();
    server.send_to(&buffer[..len], from).unwrap();
    assert_eq!(client.recv_from(&mut buffer).unwrap(), (4, at("192.0.2.2:7")));
}

/// A frame, a mark on a token or a wake-up that is lost shows as a wait without end.
#[test]
fn no_exchange_among_thousands_gets_stuck() {
    let (a, b) = pair(Conditions::default(), Conditions::default());
    let server = b.host().udp_bind(at("192.0.2.2:7")).unwrap();
    b.host().spawn(async move {
        let mut buffer = [0; 8];
        while let Ok((len, from)) = server.recv_from(&mut buffer).await {
            server.send_to(&buffer[..len], from).await.unwrap();
        }
    });
    std::thread::scope(|scope| {
        for thread in 0..3u32 {
            let client = blocking::UdpSocket::bind(a.host(), at("192.0.2.1:0")).unwrap();
            client.set_read_timeout(Some(LIMIT)).unwrap();
            scope.spawn(move || {
                for number in 0..2_000u32 {
                    let sent = (number + thread).to_be_bytes();
                    client.send_to(&sent, at("192.0.2.2:7")).unwrap();
                    let mut buffer = [0; 8];
                    let (len, _) = client.recv_from(&mut buffer).unwrap();
                    assert_eq!(buffer[..len], sent);
                }
            });
        }
    });
}

fn next_frame(receive: &mut dyn fathom_device::ReceiveHalf) -> bytes::Bytes {
    match receive.receive().unwrap() {
        fathom_device::Received::Frame(frame) => frame.bytes,
        fathom_device::Received::Refused { why, .. } => panic!("{why}"),
    }
}

#[test]
fn frames_that_the_device_has_no_room_for_wait_for_it() {
    let (a, raw) = MemoryDevice::pair(1500).unwrap();
    let a = host("a", Attachment::new(a), "192.0.2.1/24");
    let (mut receive, _transmit) = Box::new(raw).split();
    // To a group, so that no neighbour has to be found. Nobody reads: first the device fills up, then the
    // socket.
    let socket = a.host().udp_bind(at("192.0.2.1:0")).unwrap();
    let mut sent = 0u32;
    while socket.try_send_to(&[&sent.to_be_bytes()[..], &[0; 1000]].concat(), at("224.0.0.251:7")).is_ok() {
        sent += 1;
    }
    let mut received = 0u32;
    while received < sent {
        let ready = fathom_device::wait(&[(receive.fd(), fathom_device::Interest::Readable)], Some(LIMIT));
        assert_eq!(ready.unwrap(), fathom_device::Waited::Ready, "{received} of {sent}");
        let frame = next_frame(&mut *receive);
        let is_ours = frame[12..14] == [8, 0] && frame[23] == 17;
        if is_ours {
            assert_eq!(frame[42..46], received.to_be_bytes(), "in their order");
            received += 1;
        }
    }
    assert!(within_limit(a.host(), socket.writable()).is_ok());
}

#[test]
fn frames_that_waited_for_a_device_that_fails_are_counted() {
    let (a, raw) = MemoryDevice::pair(1500).unwrap();
    let a = host("a", Attachment::new(a), "192.0.2.1/24");
    let socket = a.host().udp_bind(at("192.0.2.1:0")).unwrap();
    while socket.try_send_to(&[0; 1000], at("224.0.0.251:7")).is_ok() {}
    drop(raw);
    within_limit(a.host(), a.device_failed());
    // Whoever looks next counts them, if that was not done yet.
    let lost =
        || a.host().stack(|stack, _| stack.counters().dropped(fathom_record::DropReason::InterfaceDown));
    within_limit(a.host(), async {
        while lost() == 0 {
            a.host().sleep(Duration::from_millis(1)).await;
        }
    });
}

#[test]
fn deadlines_that_a_program_brings_about_are_kept() {
    let (a, raw) = MemoryDevice::pair(1500).unwrap();
    let (mut receive, _transmit) = Box::new(raw).split();
    let mut config = Config::default();
    config.link.retransmit = Duration::from_millis(5);
    let driver = RealTime::builder("a").config(config).start().unwrap();
    let eth = driver.attach(Attachment::new(a)).unwrap();
    driver.host().add_address(eth, "192.0.2.1/24".parse().unwrap()).unwrap();
    let socket = driver.host().udp_bind(at("192.0.2.1:0")).unwrap();
    // Neighbours that do not answer are asked three times, by the engine's clock alone.
    for neighbour in ["192.0.2.7:7", "192.0.2.8:7", "192.0.2.9:7"] {
        socket.try_send_to(b"x", at(neighbour)).unwrap();
        let mut asked = 0;
        while asked < 3 {
            let ready =
                fathom_device::wait(&[(receive.fd(), fathom_device::Interest::Readable)], Some(LIMIT));
            assert_eq!(ready.unwrap(), fathom_device::Waited::Ready, "asked {asked} times");
            let frame = next_frame(&mut *receive);
            asked += usize::from(frame[12..14] == [8, 6]);
        }
    }
}

#[test]
fn each_direction_of_a_device_can_be_made_worse() {
    let delay = |millis| Conditions::default().delay(Duration::from_millis(millis));
    let (a, b) = pair(delay(30), delay(10));
    echo(b.host(), at("192.0.2.2:7"));
    let started = Instant::now();
    let stream = within_limit(a.host(), a.host().tcp_connect(at("192.0.2.2:7"))).unwrap();
    // A round trip to find the neighbour, and one for the handshake.
    assert!(started.elapsed() >= Duration::from_millis(80), "{:?}", started.elapsed());
    drop(stream);
}

#[test]
fn losses_on_the_way_are_repaired_and_recorded() {
    let bad = || Conditions::default().loss("3%".parse().unwrap());
    let (a, b) = pair(bad(), bad());
    a.host().record(1 << 16);
    echo(b.host(), at("192.0.2.2:7"));
    let data = vec![7; 100_000];
    let answer = within_limit(a.host(), async {
        let mut stream = a.host().tcp_connect(at("192.0.2.2:7")).await?;
        let mut answer = vec![0; data.len()];
        for (sent, received) in data.chunks(5_000).zip(answer.chunks_mut(5_000)) {
            stream.write_all(sent).await?;
            stream.read_exact(received).await?;
        }
        Ok::<_, std::io::Error>(answer)
    });
    assert!(answer.unwrap() == data);
    let lost = a.host().drain_records().into_iter().filter(|record| {
        use fathom_record::{Engine, Kind, LinkFate};
        matches!(record.kind, Kind::Engine(Engine::Link { fate: LinkFate::Lost, .. }))
    });
    assert!(lost.count() > 0, "with 3 % of hundreds of frames");
}

#[test]
fn a_host_that_shuts_down_closes_its_device_and_drops_its_tasks() {
    let (a, b) = pair(Conditions::default(), Conditions::default());
    let guard = std::sync::Arc::new(());
    let held = std::sync::Arc::clone(&guard);
    b.host().spawn(async move {
        let _held = held;
        std::future::pending::<()>().await;
    });
    b.shutdown();
    assert_eq!(std::sync::Arc::strong_count(&guard), 1);
    // The cable's other end is closed: the device is gone, and its interface down.
    let gone = || a.take_failures();
    let started = Instant::now();
    let failures =
        std::iter::repeat_with(gone).find(|failures| !failures.is_empty() || started.elapsed() > LIMIT);
    assert_eq!(failures.unwrap()[0].1.kind(), ErrorKind::BrokenPipe);
    let error = within_limit(a.host(), a.host().tcp_connect(at("192.0.2.2:7"))).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NetworkUnreachable | ErrorKind::HostUnreachable), "{error}");
}

#[test]
fn a_task_that_panics_ends_alone() {
    let (a, _b) = pair(Conditions::default(), Conditions::default());
    let bad = a.host().spawn(async { panic!("as this test wants it") });
    assert!(within_limit(a.host(), bad).is_err());
    let good = a.host().spawn(async { 7 });
    assert_eq!(within_limit(a.host(), good), Ok(7));
}

/// A program that sends and then waits for something else has nobody but the driver behind it. Answers that
/// nobody reads keep that one busy meanwhile.
#[test]
fn no_datagram_is_left_behind_by_who_sends_and_goes_away() {
    let (a, b) = pair(Conditions::default(), Conditions::default());
    let (arrived, wait) = std::sync::mpsc::channel();
    let server = blocking::UdpSocket::bind(b.host(), at("192.0.2.2:7")).unwrap();
    server.set_read_timeout(Some(LIMIT)).unwrap();
    let receiving = std::thread::spawn(move || {
        let mut buffer = [0; 8];
        while let Ok((4, _)) = server.recv_from(&mut buffer) {
            server.send_to(&buffer[..4], at("192.0.2.1:9")).unwrap();
            arrived.send(()).unwrap();
        }
    });
    let client = a.host().udp_bind(at("192.0.2.1:8")).unwrap();
    let _nobody_reads = a.host().udp_bind(at("192.0.2.1:9")).unwrap();
    for number in 0..3_000u32 {
        client.try_send_to(&number.to_be_bytes(), at("192.0.2.2:7")).unwrap();
        wait.recv_timeout(LIMIT).unwrap_or_else(|_| panic!("number {number} was left behind"));
    }
    client.try_send_to(b"end", at("192.0.2.2:7")).unwrap();
    receiving.join().unwrap();
}
