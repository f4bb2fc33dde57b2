//! What befalls an interface while a host of ours is on it: its link goes down and up, its MTU grows, it is
//! removed, somebody else had it before.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use fathom_device::{TapDevice, TunDevice};
use fathom_net::driver::{Attachment, RealTime};
use fathom_net::{Host, InterfaceId};
use fathom_record::DropReason;
use fathom_tests::{Namespace, lacking, skip, wait_until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The bound of a failing test, not a measure of speed.
const LIMIT: Duration = Duration::from_secs(60);
const KERNEL: &str = "10.87.0.1:0";
const OURS: &str = "10.87.0.2:7";

/// A namespace whose kernel has the one end of an interface `dev0`, and a host of ours on the other.
struct Net {
    namespace: Namespace,
    driver: RealTime,
    interface: InterfaceId,
}

impl Net {
    fn new(kind: &str, offload: bool) -> Net {
        let namespace = Namespace::new();
        match kind {
            "tun" => namespace.add_tun("dev0", &["10.87.0.1/24"]),
            _ => namespace.add_tap("dev0", &["10.87.0.1/24"]),
        }
        let (driver, interface) = attach(&namespace, kind, offload);
        Net { namespace, driver, interface }
    }

    fn host(&self) -> &Host {
        self.driver.host()
    }

    /// A connection between the kernel and us.
    fn connection(&self) -> (TcpStream, fathom_net::TcpStream) {
        let listener = self.namespace.inside(|| TcpListener::bind(KERNEL)).unwrap();
        let to = listener.local_addr().unwrap();
        let ours = within_limit(self.host(), self.host().tcp_connect(to)).unwrap();
        (listener.accept().unwrap().0, ours)
    }

    fn dropped(&self, reason: DropReason) -> u64 {
        self.host().stack(|stack, _| stack.counters().dropped(reason))
    }
}

fn attach(namespace: &Namespace, kind: &str, offload: bool) -> (RealTime, InterfaceId) {
    let attachment = namespace.inside(|| match kind {
        "tun" => Attachment::new(TunDevice::open("dev0").expect("the interface is there")),
        _ => Attachment::new(TapDevice::open("dev0").expect("the interface is there")),
    });
    let driver = RealTime::builder("ours").start().unwrap();
    let interface = driver.attach(attachment.offload(offload)).unwrap();
    driver.host().add_address(interface, "10.87.0.2/24".parse().unwrap()).unwrap();
    (driver, interface)
}

fn within_limit<F: Future>(host: &Host, future: F) -> F::Output {
    host.block_on(host.timeout(LIMIT, future)).expect("it ends in time")
}

#[test]
fn what_is_sent_to_a_link_that_is_down_is_counted_and_comes_when_it_is_up_again() {
    if let Some(reason) = lacking(&["ip"]) {
        return skip(&reason);
    }
    for kind in ["tap", "tun"] {
        let net = Net::new(kind, true);
        let (mut theirs, mut ours) = net.connection();
        net.namespace.ip(&["link", "set", "dev0", "down"]);
        within_limit(net.host(), ours.write_all(b"into the void")).unwrap();
        wait_until("a frame has met the link", || net.dropped(DropReason::InterfaceDown) > 0);
        assert!(net.driver.take_failures().is_empty(), "the device is still there");
        net.namespace.ip(&["link", "set", "dev0", "up"]);
        let mut buffer = [0; 13];
        theirs.read_exact(&mut buffer).unwrap();
        assert_eq!(&buffer, b"into the void");
        theirs.write_all(b"and back").unwrap();
        within_limit(net.host(), ours.read_exact(&mut buffer[..8])).unwrap();
        assert_eq!(&buffer[..8], b"and back");
    }
}

#[test]
fn an_interface_that_is_removed_is_down_and_says_why() {
    if let Some(reason) = lacking(&["ip"]) {
        return skip(&reason);
    }
    for kind in ["tap", "tun"] {
        let net = Net::new(kind, true);
        let (_theirs, _ours) = net.connection();
        net.namespace.ip(&["link", "delete", "dev0"]);
        let (interface, error) = within_limit(net.host(), net.driver.device_failed());
        assert_eq!(interface, net.interface);
        assert_eq!(error.kind(), io::ErrorKind::NotConnected);
        assert_eq!(error.to_string(), "the interface was removed");
        assert!(!net.host().stack(|stack, _| stack.interface(net.interface).up));
        // Nobody waits for what cannot come.
        let error = within_limit(net.host(), net.host().tcp_connect("10.87.0.1:80".parse().unwrap()));
        assert_eq!(error.unwrap_err().kind(), io::ErrorKind::NetworkUnreachable);
        assert!(net.driver.take_failures().is_empty(), "it was told already");
    }
}

/// With plain frames each is as long as the kernel's MTU says, whatever it was when the interface was opened.
#[test]
fn frames_that_outgrow_the_mtu_arrive_whole() {
    if let Some(reason) = lacking(&["ip", "ping"]) {
        return skip(&reason);
    }
    for (kind, offload) in [("tap", false), ("tun", false), ("tun", true)] {
        let net = Net::new(kind, offload);
        for mtu in ["9000", "65521"] {
            net.namespace.ip(&["link", "set", "dev0", "mtu", mtu]);
            let size = (mtu.parse::<u32>().unwrap() - 28).to_string();
            let mut ping = net.namespace.command("ping");
            ping.args(["-n", "-q", "-c", "3", "-i", "0.01", "-W", "5", "-M", "do", "-s", &size, "10.87.0.2"]);
            let output = ping.output().unwrap();
            assert!(output.status.success(), "{kind} {mtu}: {}", String::from_utf8_lossy(&output.stdout));
        }
        assert_eq!(net.dropped(DropReason::IpMalformed), 0);
    }
}

/// The kernel keeps what was agreed with whoever had the interface before.
#[test]
fn an_interface_can_be_taken_over_with_and_without_offload() {
    if let Some(reason) = lacking(&["ip"]) {
        return skip(&reason);
    }
    let Net { namespace, driver, .. } = Net::new("tap", true);
    driver.shutdown();
    for offload in [false, true, false] {
        let (driver, _) = attach(&namespace, "tap", offload);
        let host = driver.host();
        let listener = host.tcp_listen(OURS.parse().unwrap()).unwrap();
        let content = vec![7; 1 << 20];
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let to: SocketAddr = OURS.parse().unwrap();
                let mut stream = namespace.inside(|| TcpStream::connect_timeout(&to, LIMIT)).unwrap();
                stream.write_all(&content).unwrap();
            });
            let mut received = Vec::new();
            within_limit(host, async {
                let (mut stream, peer) = listener.accept().await.unwrap();
                assert_eq!(peer.ip(), "10.87.0.1".parse::<IpAddr>().unwrap());
                stream.read_to_end(&mut received).await.unwrap();
            });
            assert!(received == content, "{offload}");
        });
        driver.shutdown();
    }
}
