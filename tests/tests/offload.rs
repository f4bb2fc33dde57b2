//! Super-segments and unfinished checksums between our stack and the kernel's: over TAP and TUN, in both
//! directions, and through a router of ours.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroU16;
use std::time::Duration;

use fathom_device::{Device, TapDevice, TunDevice};
use fathom_net::driver::{Attachment, RealTime};
use fathom_net::{Host, IpCidr, Route, SendDatagram};
use fathom_stack::{Config, Counters};
use fathom_tests::{Namespace, lacking, skip};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The bound of a failing test, not a measure of speed.
const LIMIT: Duration = Duration::from_secs(60);
/// Bytes of a transfer.
const BULK: usize = 16 << 20;
const ADDRESSES: [(&str, &str); 2] = [("10.85.0.1", "10.85.0.2"), ("fd85::1", "fd85::2")];

fn content() -> Vec<u8> {
    (0..BULK as u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

fn attachment(namespace: &Namespace, kind: &str, name: &str) -> Attachment {
    namespace.inside(|| match kind {
        "tun" => Attachment::new(TunDevice::open(name).expect("the interface is there")),
        _ => Attachment::new(TapDevice::open(name).expect("the interface is there")),
    })
}

/// A namespace whose kernel has the one end of an interface, and a host of ours on the other.
fn net(kind: &str, offload: bool) -> (Namespace, RealTime) {
    let namespace = Namespace::new();
    let addresses = ["10.85.0.1/24", "fd85::1/64"];
    match kind {
        "tun" => namespace.add_tun("dev0", &addresses),
        _ => namespace.add_tap("dev0", &addresses),
    }
    let driver = RealTime::builder("ours").start().unwrap();
    let on = driver.attach(attachment(&namespace, kind, "dev0").offload(offload)).unwrap();
    for address in ["10.85.0.2/24", "fd85::2/64"] {
        driver.host().add_address(on, address.parse().unwrap()).unwrap();
    }
    (namespace, driver)
}

fn within_limit<F: Future>(host: &Host, future: F) -> F::Output {
    host.block_on(host.timeout(LIMIT, future)).expect("it ends in time")
}

fn counters(host: &Host) -> Counters {
    host.stack(|stack, _| stack.counters().clone())
}

/// Sends `content` to a socket of the kernel's and gives the frames that it took.
fn upload(namespace: &Namespace, host: &Host, kernel: IpAddr, content: &[u8]) -> u64 {
    let before = counters(host).frames_transmitted;
    let listener = namespace.inside(|| TcpListener::bind(SocketAddr::new(kernel, 0))).unwrap();
    let to = listener.local_addr().unwrap();
    std::thread::scope(|scope| {
        let reader = scope.spawn(move || {
            let mut received = Vec::new();
            listener.accept().unwrap().0.read_to_end(&mut received).unwrap();
            received
        });
        within_limit(host, async {
            let mut stream = host.tcp_connect(to).await.unwrap();
            stream.write_all(content).await.unwrap();
            stream.shutdown().await.unwrap();
        });
        assert!(reader.join().unwrap() == content, "{kernel}");
    });
    counters(host).frames_transmitted - before
}

/// Has the kernel send `content` to a socket of ours and gives the frames that it took.
fn download(namespace: &Namespace, host: &Host, ours: IpAddr, content: &[u8]) -> u64 {
    let before = counters(host).frames_received;
    let listener = host.tcp_listen(SocketAddr::new(ours, 5001)).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let to = SocketAddr::new(ours, 5001);
            let mut stream = namespace.inside(|| TcpStream::connect_timeout(&to, LIMIT)).unwrap();
            stream.write_all(content).unwrap();
        });
        let mut received = Vec::new();
        within_limit(host, async {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.read_to_end(&mut received).await.unwrap();
        });
        assert!(received == content, "{ours}");
    });
    counters(host).frames_received - before
}

#[test]
fn bulk_data_crosses_in_super_segments_and_arrives_unchanged() {
    if let Some(reason) = lacking(&["ip"]) {
        return skip(&reason);
    }
    let content = content();
    for kind in ["tap", "tun"] {
        let (namespace, driver) = net(kind, true);
        let host = driver.host();
        for (kernel, ours) in ADDRESSES {
            let up = upload(&namespace, host, kernel.parse().unwrap(), &content);
            let down = download(&namespace, host, ours.parse().unwrap(), &content);
            // Handshakes, acknowledgements and small segments at the start are frames, too.
            let few = (BULK / 10_000) as u64;
            assert!(up < few && down < few, "{kind} {ours}: {up} frames out, {down} in, not {few}");
        }
        let drops: Vec<_> = counters(host).drops().map(|(reason, count)| (reason.label(), count)).collect();
        assert!(
            drops.iter().all(|(reason, _)| !reason.contains("checksum") && !reason.starts_with("device"))
        );
    }
}

#[test]
fn without_offload_each_frame_fits_the_mtu() {
    if let Some(reason) = lacking(&["ip"]) {
        return skip(&reason);
    }
    let content = content();
    for kind in ["tap", "tun"] {
        let (namespace, driver) = net(kind, false);
        let host = driver.host();
        for (kernel, ours) in ADDRESSES {
            let up = upload(&namespace, host, kernel.parse().unwrap(), &content);
            let down = download(&namespace, host, ours.parse().unwrap(), &content);
            let many = (BULK / 1500) as u64;
            assert!(up > many && down > many, "{kind} {ours}: {up} frames out, {down} in");
        }
    }
}

/// Kernel to kernel, with a router of ours between that has the whole, the cut, or the completed packet to
/// pass on.
#[test]
fn a_router_of_ours_passes_super_segments_on_whole_or_cut() {
    if let Some(reason) = lacking(&["ip"]) {
        return skip(&reason);
    }
    let content = content();
    for (near, far) in [(true, true), (true, false), (false, true)] {
        let namespaces = [Namespace::new(), Namespace::new()];
        let driver = RealTime::builder("router").config(Config { forwarding: true, ..Config::default() });
        let driver = driver.start().unwrap();
        for ((namespace, number), offload) in namespaces.iter().zip([1, 2]).zip([near, far]) {
            let addresses = [format!("10.86.{number}.1/24"), format!("fd86:{number}::1/64")];
            namespace.add_tun("tun0", &[&addresses[0], &addresses[1]]);
            for family in ["-4", "-6"] {
                namespace.ip(&[family, "route", "add", "default", "dev", "tun0"]);
            }
            let on = driver.attach(attachment(namespace, "tun", "tun0").offload(offload)).unwrap();
            for address in [format!("10.86.{number}.2/24"), format!("fd86:{number}::2/64")] {
                driver.host().add_address(on, address.parse::<IpCidr>().unwrap()).unwrap();
            }
        }
        for to in ["10.86.2.1:0", "[fd86:2::1]:0"] {
            let listener = namespaces[1].inside(|| TcpListener::bind(to)).unwrap();
            let to = listener.local_addr().unwrap();
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    let mut stream = namespaces[0].inside(|| TcpStream::connect_timeout(&to, LIMIT)).unwrap();
                    stream.write_all(&content).unwrap();
                });
                let mut received = Vec::new();
                listener.accept().unwrap().0.read_to_end(&mut received).unwrap();
                assert!(received == content, "{to} {near} {far}");
            });
        }
        let Counters { frames_received, frames_transmitted, .. } = counters(driver.host());
        let (few, many) = ((2 * BULK / 10_000) as u64, (2 * BULK / 1500) as u64);
        let as_expected = match (near, far) {
            (true, true) => frames_received < few && frames_transmitted < few,
            // The other end's acknowledgements come in, too.
            (true, false) => frames_received < frames_transmitted / 2 && frames_transmitted > many,
            _ => frames_received > many && frames_transmitted > many,
        };
        assert!(as_expected, "{near} {far}: {frames_received} in, {frames_transmitted} out");
    }
}

#[test]
fn datagrams_that_the_kernel_sends_at_once_arrive_one_by_one() {
    if let Some(reason) = lacking(&["ip", "python3"]) {
        return skip(&reason);
    }
    let (namespace, driver) = net("tun", true);
    let host = driver.host();
    let offload = host.stack(|stack, _| stack.interfaces().next().map(|(_, eth)| eth.offload)).unwrap();
    for (_, ours) in ADDRESSES {
        let ours: IpAddr = ours.parse().unwrap();
        let socket = host.udp_bind(SocketAddr::new(ours, 7)).unwrap();
        let before = counters(host).frames_received;
        // UDP_SEGMENT is 103.
        let script = format!(
            "import socket\n\
             s = socket.socket(socket.{}, socket.SOCK_DGRAM)\n\
             s.setsockopt(socket.IPPROTO_UDP, 103, 1000)\n\
             s.sendto(b''.join(bytes([i]) * 1000 for i in range(30)) + b'the rest', ('{ours}', 7))",
            if ours.is_ipv4() { "AF_INET" } else { "AF_INET6" }
        );
        let output = namespace.command("python3").args(["-c", &script]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut buffer = [0; 2000];
        for number in 0..30 {
            let (len, _) = within_limit(host, socket.recv_from(&mut buffer)).unwrap();
            assert_eq!(buffer[..len], [number; 1000]);
        }
        let (len, _) = within_limit(host, socket.recv_from(&mut buffer)).unwrap();
        assert_eq!(buffer[..len], *b"the rest");
        let frames = counters(host).frames_received - before;
        assert!(!offload.udp_segmentation || frames < 10, "{ours}: {frames} frames");
    }
}

#[test]
fn datagrams_that_we_send_at_once_arrive_at_the_kernel_one_by_one() {
    if let Some(reason) = lacking(&["ip"]) {
        return skip(&reason);
    }
    for (kind, offload) in [("tap", true), ("tun", true), ("tun", false)] {
        let (namespace, driver) = net(kind, offload);
        let host = driver.host();
        let granted = host.stack(|stack, _| stack.interfaces().next().map(|(_, on)| on.offload)).unwrap();
        for (kernel, ours) in ADDRESSES {
            let kernel: SocketAddr = SocketAddr::new(kernel.parse().unwrap(), 0);
            let theirs = namespace.inside(|| std::net::UdpSocket::bind(kernel)).unwrap();
            theirs.set_read_timeout(Some(LIMIT)).unwrap();
            let to = theirs.local_addr().unwrap();
            let socket = host.udp_bind(SocketAddr::new(ours.parse().unwrap(), 0)).unwrap();
            // So that nobody has to be asked for the link address.
            within_limit(host, socket.send_to(b"first", to)).unwrap();
            let mut buffer = [0; 2000];
            assert_eq!(theirs.recv(&mut buffer).unwrap(), 5);

            let before = counters(host).frames_transmitted;
            let data: Vec<u8> = (0..30).flat_map(|number| [number; 1000]).chain([30; 8]).collect();
            let segment_size = NonZeroU16::new(1000);
            let message = SendDatagram { segment_size, ..SendDatagram::to(&data, to) };
            assert_eq!(within_limit(host, socket.send_msg(&message)).unwrap(), data.len());
            for number in 0..31 {
                let len = theirs.recv(&mut buffer).unwrap();
                assert_eq!(buffer[..len], if number < 30 { vec![number; 1000] } else { vec![30; 8] });
            }
            let frames = counters(host).frames_transmitted - before;
            let expected = if granted.udp_segmentation { 1 } else { 31 };
            assert_eq!(frames, expected, "{kind} {ours}");
        }
    }
}

/// P-108: the segments of a super-segment that is already made may be too large for a link behind the first.
#[test]
fn super_segments_learn_of_a_narrower_path() {
    if let Some(reason) = lacking(&["ip"]) {
        return skip(&reason);
    }
    let content = content();
    for offload in [true, false] {
        let (namespace, driver) = net("tun", offload);
        let far = Namespace::new();
        namespace.ip(&["link", "add", "veth0", "type", "veth", "peer", "name", "veth1", "netns", far.name()]);
        for (end, name, addresses, peer) in [
            (&namespace, "veth0", ["10.88.0.1/24", "fd88::1/64"], None),
            (&far, "veth1", ["10.88.0.2/24", "fd88::2/64"], Some(["10.88.0.1", "fd88::1"])),
        ] {
            end.ip(&["link", "set", name, "up"]);
            for address in addresses {
                let nodad: &[&str] = if address.contains(':') { &["nodad"] } else { &[] };
                end.ip(&[&["address", "add", address, "dev", name], nodad].concat());
            }
            for gateway in peer.iter().flatten() {
                let family = if gateway.contains(':') { "-6" } else { "-4" };
                end.ip(&[family, "route", "add", "default", "via", gateway]);
            }
        }
        // The way is narrower than both its ends.
        for (family, to) in [("-4", "10.88.0.2"), ("-6", "fd88::2")] {
            namespace.ip(&[family, "route", "add", to, "dev", "veth0", "mtu", "lock", "1280"]);
        }
        for forwarding in ["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"] {
            let output = namespace.command("sysctl").args(["-qw", forwarding]).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        let host = driver.host();
        let tun = host.interfaces()[0];
        for (destination, gateway) in [(IpCidr::IPV4_ANY, "10.85.0.1"), (IpCidr::IPV6_ANY, "fd85::1")] {
            let gateway = Some(gateway.parse().unwrap());
            host.add_route(Route { destination, gateway, interface: tun, metric: 0 }).unwrap();
        }
        for to in ["10.88.0.2", "fd88::2"] {
            upload(&far, host, to.parse().unwrap(), &content);
        }
        let counters = counters(host);
        assert!(counters.icmp_errors_received >= 2, "the path was narrower: {counters:?}");
    }
}

#[test]
fn what_the_kernel_grants_is_what_the_device_offers() {
    if let Some(reason) = lacking(&["ip"]) {
        return skip(&reason);
    }
    let namespace = Namespace::new();
    namespace.add_tap("tap0", &[]);
    let mut device = namespace.inside(|| TapDevice::open("tap0")).unwrap();
    // Since 2.6.27; that of UDP came with 6.2.
    assert!(device.offload().checksum && device.offload().tcp_segmentation);
    device.disable_offload().unwrap();
    assert_eq!(device.offload(), fathom_device::Offload::default());
}
