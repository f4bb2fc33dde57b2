//! A program that knows nothing of fathom, in a namespace whose network is a host of ours: the name server that it
//! asks, the web server that it connects to, and the address that it sends a datagram to.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use fathom_apps::dns::server::{DnsServer, Zone};
use fathom_apps::http::server::{Config, Request, body, serve};
use fathom_device::{Device, TapDevice, TunDevice};
use fathom_net::driver::{Attachment, RealTime};
use fathom_net::{Host, TcpListener, UdpSocket};
use fathom_tests::{Namespace, Scratch, lacking, skip};

/// As somebody writes it who has the internet.
const PROGRAM: &str = "\
from socket import *
s = socket(AF_INET, SOCK_STREAM); s.connect(('example.com', 80)); s.sendall(b'GET / HTTP/1.1\\r\\nHost: example.com\\r\\n\\r\\n')
u = socket(AF_INET, SOCK_DGRAM); u.sendto(b'ping', ('8.8.8.8', 53))
";

/// Runs the program as it stands, and shows the answer that it does not wait for.
const CALLER: &str = "import sys; exec(open(sys.argv[1]).read()); print(s.recv(65536).decode())";

/// Addresses of our host: its own, that of example.com, and one that everybody knows.
const OWN: &str = "10.97.0.2";
const EXAMPLE: &str = "93.184.215.14";
const WELL_KNOWN: &str = "8.8.8.8";

fn at(address: &str, port: u16) -> SocketAddr {
    SocketAddr::new(address.parse().expect("an address"), port)
}

/// Starts the internet of the program on a device.
fn internet(device: impl Device) -> RealTime {
    let driver = RealTime::builder("internet").start().expect("threads and descriptors");
    let interface = driver.attach(Attachment::new(device)).expect("descriptors");
    let host = driver.host().clone();
    for address in ["10.97.0.2/24", "93.184.215.14/32", "8.8.8.8/32"] {
        host.add_address(interface, address.parse().expect("an address")).expect("it is unicast");
    }
    let zone =
        Zone::new(".").and_then(|zone| zone.address("example.com", EXAMPLE.parse().expect("an address"), 60));
    let names = DnsServer::new(zone.expect("names")).expect("a zone");
    host.block_on(async {
        names.start(&host, at(OWN, 53)).await.expect("the port is free");
        let listener = TcpListener::bind(&host, at(EXAMPLE, 80)).await.expect("the port is free");
        let page = |_: Host, _: Request| async { Some(http::Response::new(body("the answer"))) };
        serve(&host, listener, Config::default(), Arc::new(page)).expect("no identity");
    });
    driver
}

fn gets_its_answer(via: &str, open: impl FnOnce() -> RealTime + Send) {
    if let Some(reason) = lacking(&["ip", "python3"]) {
        skip(&reason);
        return;
    }
    let namespace = Namespace::new();
    namespace.use_resolver(OWN);
    match via {
        "tun" => namespace.add_tun("net0", &["10.97.0.1/24"]),
        _ => namespace.add_tap("net0", &["10.97.0.1/24"]),
    }
    namespace.ip(&["route", "add", "default", "dev", "net0"]);
    let driver = namespace.inside(open);
    let host = driver.host().clone();
    let socket = host.block_on(UdpSocket::bind(&host, at(WELL_KNOWN, 53))).expect("the port is free");

    let files = Scratch::new();
    let program = files.write("program.py", PROGRAM);
    let output =
        namespace.command("python3").args(["-c", CALLER]).arg(program).output().expect("python starts");
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{errors}");
    assert!(text.starts_with("HTTP/1.1 200 OK") && text.trim_end().ends_with("the answer"), "{text}");

    let mut datagram = [0; 16];
    let arrives = host.timeout(Duration::from_secs(30), Box::pin(socket.recv_from(&mut datagram)));
    let (len, from) = host.block_on(arrives).expect("it arrives").expect("without an error");
    assert_eq!((&datagram[..len], from.ip()), (&b"ping"[..], "10.97.0.1".parse().expect("an address")));
}

#[test]
fn a_plain_program_gets_its_answer_over_tap() {
    gets_its_answer("tap", || internet(TapDevice::open("net0").expect("it is there")));
}

#[test]
fn a_plain_program_gets_its_answer_over_tun() {
    gets_its_answer("tun", || internet(TunDevice::open("net0").expect("it is there")));
}
