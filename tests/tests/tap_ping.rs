//! Our stack and the kernel's, on the two ends of a TAP interface.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use fathom_device::{OpenError, TapDevice};
use fathom_net::driver::{Attachment, RealTime};
use fathom_net::{Family, Host, TcpStream};
use fathom_tests::{Background, Namespace, Scratch, lacking, skip, wait_until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const KERNEL: [&str; 2] = ["10.83.0.1", "fd83::1"];
const OURS: [&str; 2] = ["10.83.0.2", "fd83::2"];

/// The bound of a failing test, not a measure of speed.
const LIMIT: Duration = Duration::from_secs(30);

/// A namespace whose kernel has the one end of a TAP interface, and a host of ours on the other.
fn net() -> (Namespace, RealTime) {
    let namespace = Namespace::new();
    namespace.add_tap("tap0", &["10.83.0.1/24", "fd83::1/64"]);
    let device = namespace.inside(|| TapDevice::open("tap0")).expect("the interface is there");
    let driver = RealTime::builder("ours").start().unwrap();
    let eth = driver.attach(Attachment::new(device)).unwrap();
    driver.host().add_address(eth, "10.83.0.2/24".parse().unwrap()).unwrap();
    driver.host().add_address(eth, "fd83::2/64".parse().unwrap()).unwrap();
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
        for size in ["56", "1400", "0"] {
            let mut ping = namespace.command("ping");
            let ping = ping.args(["-n", "-q", "-c", "3", "-i", "0.01", "-W", "5", "-s", size, address]);
            let output = ping.output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
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
        assert_eq!(&reply.payload[..], b"are you there?");
    }
}

#[test]
fn a_real_web_server_serves_us_a_file() {
    if let Some(reason) = lacking(&["ip", "python3"]) {
        return skip(&reason);
    }
    let (namespace, driver) = net();
    let files = Scratch::new();
    let content: Vec<u8> =
        (0..3_000_000u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    files.write("file", &content);
    let mut server = namespace.command("python3");
    server.args(["-m", "http.server", "8000", "--bind", "::", "--directory"]).arg(files.folder());
    let _server = Background::start(server.stderr(std::process::Stdio::null()));

    let host = driver.host();
    for address in addresses(KERNEL) {
        let server = SocketAddr::new(address, 8000);
        let mut stream = None;
        wait_until("the server listens", || {
            stream = within_limit(host, host.tcp_connect(server)).ok();
            stream.is_some()
        });
        let answer = within_limit(host, get(stream.unwrap(), "/file")).unwrap();
        let body = answer.windows(4).position(|end| end == b"\r\n\r\n").expect("a head") + 4;
        assert!(answer.starts_with(b"HTTP/1.0 200"));
        assert!(answer[body..] == content, "{address}: {} bytes", answer.len() - body);
    }
}

async fn get(mut stream: TcpStream, path: &str) -> io::Result<Vec<u8>> {
    stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(answer)
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
    namespace.add_tap("tap0", &[]);
    namespace.ip(&["link", "add", "veth0", "type", "veth", "peer", "name", "veth1"]);
    namespace.inside(|| {
        let first = TapDevice::open("tap0").unwrap();
        assert!(matches!(TapDevice::open("tap0"), Err(OpenError::Busy { .. })));
        assert!(matches!(TapDevice::open("veth0"), Err(OpenError::WrongKind { .. })));
        assert!(matches!(TapDevice::open("tap1"), Err(OpenError::NotFound { .. })));
        assert!(matches!(TapDevice::create("tap0"), Err(OpenError::Exists { .. })));
        drop(first);
        TapDevice::open("tap0").unwrap();
        let made = TapDevice::create("tap1").unwrap();
        drop(made);
        assert!(matches!(TapDevice::open("tap1"), Err(OpenError::NotFound { .. })));
    });
}

#[test]
fn a_user_without_the_right_is_told_so() {
    // This test again, as nobody, in a namespace with an interface of root's.
    if std::env::var_os("FATHOM_AS_NOBODY").is_some() {
        assert!(matches!(TapDevice::open("tap0"), Err(OpenError::NoPermission { .. })));
        return;
    }
    if let Some(reason) = lacking(&["ip", "setpriv"]) {
        return skip(&reason);
    }
    let namespace = Namespace::new();
    namespace.add_tap("tap0", &[]);
    // Where nobody may read it.
    let files = Scratch::new();
    let program = files.path("test");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let mut nobody = namespace.command("setpriv");
    nobody.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"]);
    nobody.arg(program).args(["--exact", "a_user_without_the_right_is_told_so"]);
    let output = nobody.env("FATHOM_AS_NOBODY", "1").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
