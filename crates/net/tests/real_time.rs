//! Two hosts in real time, on the ends of a cable in memory.
#![allow(clippy::disallowed_methods, reason = "these tests look at real time from outside")]

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use fathom_device::MemoryDevice;
use fathom_impair::Conditions;
use fathom_net::driver::{Attachment, RealTime};
use fathom_net::{Host, blocking};

/// The bound of a failing test, not a measure of speed.
const LIMIT: Duration = Duration::from_secs(30);

/// Two hosts, 192.0.2.1 and 192.0.2.2; what the first transmits meets `up`, what it receives `down`.
fn pair(up: Conditions, down: Conditions) -> (RealTime, RealTime) {
    let (a, b) = MemoryDevice::pair(1500).unwrap();
    let a = host("a", Attachment::new(a).up(up).down(down), "192.0.2.1/24");
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

#[test]
fn datagrams_cross_and_a_read_gives_up_after_its_timeout() {
    let (a, b) = pair(Conditions::default(), Conditions::default());
    let server = blocking::UdpSocket::bind(b.host(), at("192.0.2.2:7")).unwrap();
    let client = blocking::UdpSocket::bind(a.host(), at("192.0.2.1:0")).unwrap();
    client.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
    assert_eq!(client.set_read_timeout(Some(Duration::ZERO)).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(client.recv_from(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
    client.set_read_timeout(Some(LIMIT)).unwrap();
    client.send_to(b"ping", at("192.0.2.2:7")).unwrap();
    let mut buffer = [0; 8];
    let (len, from) = server.recv_from(&mut buffer).unwrap();
    server.send_to(&buffer[..len], from).unwrap();
    assert_eq!(client.recv_from(&mut buffer).unwrap(), (4, at("192.0.2.2:7")));
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
}

#[test]
fn a_task_that_panics_ends_alone() {
    let (a, _b) = pair(Conditions::default(), Conditions::default());
    let bad = a.host().spawn(async { panic!("as this test wants it") });
    assert!(within_limit(a.host(), bad).is_err());
    let good = a.host().spawn(async { 7 });
    assert_eq!(within_limit(a.host(), good), Ok(7));
}
