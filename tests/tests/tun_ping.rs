//! Our stack and the kernel's, on the two ends of a TUN interface: IP packets without a link header.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use fathom_device::{OpenError, TapDevice, TunDevice};
use fathom_net::driver::{Attachment, RealTime};
use fathom_net::{Family, Host};
use fathom_tests::{Namespace, lacking, skip};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const KERNEL: [&str; 2] = ["10.84.0.1", "fd84::1"];
const OURS: [&str; 2] = ["10.84.0.2", "fd84::2"];

/// The bound of a failing test, not a measure of speed.
const LIMIT: Duration = Duration::from_secs(30);

/// A namespace whose kernel has the one end of a TUN interface, and a host of ours on the other.
fn net() -> (Namespace, RealTime) {
    let namespace = Namespace::new();
    namespace.add_tun("tun0", &["10.84.0.1/24", "fd84::1/64"]);
    let device = namespace.inside(|| TunDevice::open("tun0")).expect("the interface is there");
    let driver = RealTime::builder("ours").start().unwrap();
    let tun = driver.attach(Attachment::new(device)).unwrap();
    driver.host().add_address(tun, "10.84.0.2/24".parse().unwrap()).unwrap();
    driver.host().add_address(tun, "fd84::2/64".parse().unwrap()).unwrap();
    (namespace, driver)
}

fn within_limit<F: Future>(host: &Host, future: F) -> F::Output {
    host.block_on(host.timeout(LIMIT, future)).expect("it ends in time")
}

fn addresses(of: [&str; 2]) -> [IpAddr; 2] {
    of.map(|address| address.parse().unwrap())
}

#[test]
fn the_kernel_pings_us() {
    if let Some(reason) = lacking(&["ip", "ping"]) {
        return skip(&reason);
    }
    let (namespace, _driver) = net();
    for address in OURS {
        for size in ["56", "1400", "0", "4000"] {
            let mut ping = namespace.command("ping");
            let ping = ping.args(["-n", "-q", "-c", "3", "-i", "0.01", "-W", "5", "-s", size, address]);
            let output = ping.output().unwrap();
            assert!(output.status.success(), "{size}: {}", String::from_utf8_lossy(&output.stdout));
        }
    }
}

#[test]
fn we_ping_the_kernel() {
    if let Some(reason) = lacking(&["ip"]) {
        return skip(&reason);
    }
    let (_namespace, driver) = net();
    let host = driver.host();
    for (address, sequence) in addresses(KERNEL).into_iter().zip(1..) {
        let socket = host.icmp_open(Family::of(address)).unwrap();
        socket.send_echo(address, sequence, b"are you there?", None).unwrap();
        let reply = within_limit(host, socket.recv()).unwrap();
        assert_eq!((reply.from, reply.sequence), (address, sequence));
    }
}

#[test]
fn the_kernel_connects_to_us() {
    if let Some(reason) = lacking(&["ip", "python3"]) {
        return skip(&reason);
    }
    let (namespace, driver) = net();
    let host = driver.host();
    for address in addresses(OURS) {
        let listener = host.tcp_listen(SocketAddr::new(address, 7)).unwrap();
        let echo = host.spawn(async move {
            let (mut stream, _) = listener.accept().await?;
            let mut data = Vec::new();
            stream.read_to_end(&mut data).await?;
            stream.write_all(&data).await
        });
        let script = format!(
            "import socket\n\
             s = socket.create_connection(('{address}', 7), 20)\n\
             s.sendall(b'0123456789' * 100000); s.shutdown(socket.SHUT_WR)\n\
             got = b''\n\
             while part := s.recv(65536): got += part\n\
             assert got == b'0123456789' * 100000, len(got)"
        );
        let output = namespace.command("python3").args(["-c", &script]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        within_limit(host, echo).unwrap().unwrap();
    }
}

#[test]
fn the_kernel_refuses_and_is_believed() {
    if let Some(reason) = lacking(&["ip"]) {
        return skip(&reason);
    }
    let (_namespace, driver) = net();
    for address in addresses(KERNEL) {
        let closed = SocketAddr::new(address, 81);
        let error = within_limit(driver.host(), driver.host().tcp_connect(closed)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused, "{error}");
    }
}

#[test]
fn interfaces_that_cannot_be_opened_are_told_apart() {
    if let Some(reason) = lacking(&["ip"]) {
        return skip(&reason);
    }
    let namespace = Namespace::new();
    namespace.add_tun("tun0", &[]);
    namespace.add_tap("tap0", &[]);
    namespace.ip(&["tuntap", "add", "dev", "queues0", "mode", "tun", "multi_queue"]);
    namespace.inside(|| {
        let first = TunDevice::open("tun0").unwrap();
        assert_eq!(first.name(), "tun0");
        assert!(matches!(TunDevice::open("tun0"), Err(OpenError::Busy { .. })));
        assert!(matches!(TunDevice::open("tap0"), Err(OpenError::WrongKind { .. })));
        assert!(matches!(TapDevice::open("tun0"), Err(OpenError::WrongKind { .. })));
        assert!(matches!(TunDevice::open("tun1"), Err(OpenError::NotFound { .. })));
        assert!(matches!(TunDevice::create("tun0"), Err(OpenError::Exists { .. })));
        drop(first);
        TunDevice::open("tun0").unwrap();
        TunDevice::open("queues0").expect("one of several queues");
        let made = TunDevice::create("tun1").unwrap();
        drop(made);
        assert!(matches!(TunDevice::open("tun1"), Err(OpenError::NotFound { .. })));
    });
}
