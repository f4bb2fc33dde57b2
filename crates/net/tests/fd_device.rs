//! Hosts on descriptors that somebody else has opened.
#![allow(clippy::disallowed_methods, reason = "these tests run in real time")]

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use fathom_device::{FdDevice, Offload};
use fathom_impair::Conditions;
use fathom_net::driver::{Attachment, RealTime};
use fathom_net::{Host, IpCidr};
use fathom_record::DropReason;
use fathom_stack::Counters;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The bound of a failing test, not a measure of speed.
const LIMIT: Duration = Duration::from_secs(30);
const ALL: Offload = Offload { checksum: true, tcp_segmentation: true, udp_segmentation: true };

fn within_limit<F: Future>(host: &Host, future: F) -> F::Output {
    host.block_on(host.timeout(LIMIT, future)).expect("it ends in time")
}

fn counters(host: &Host) -> Counters {
    host.stack(|stack, _| stack.counters().clone())
}

/// Two hosts, 192.0.2.1 and 192.0.2.2, on the ends of a pair of sockets; and the second one's end once more.
fn pair(make: impl Fn(FdDevice) -> Attachment) -> (RealTime, RealTime, UnixDatagram) {
    let (a, b) = UnixDatagram::pair().unwrap();
    let again = b.try_clone().unwrap();
    let host = |end: UnixDatagram, address: &str| {
        let driver = RealTime::builder("host").start().unwrap();
        let tun = driver.attach(make(FdDevice::from(OwnedFd::from(end)))).unwrap();
        driver.host().add_address(tun, address.parse::<IpCidr>().unwrap()).unwrap();
        driver
    };
    (host(a, "192.0.2.1/24"), host(b, "192.0.2.2/24"), again)
}

/// Sends a megabyte from the first host to the second.
fn transfer(a: &Host, b: &Host) {
    let data: Vec<u8> = (0..1_000_000_u32).map(|number| (number >> 3) as u8).collect();
    let at: SocketAddr = "192.0.2.2:7".parse().unwrap();
    let listener = b.tcp_listen(at).unwrap();
    let (sender, copy) = (a.clone(), data.clone());
    let sending = a.spawn(async move {
        let mut stream = sender.tcp_connect(at).await?;
        stream.write_all(&copy).await?;
        stream.shutdown().await
    });
    let mut received = Vec::new();
    within_limit(b, async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_to_end(&mut received).await.unwrap();
    });
    within_limit(a, sending).unwrap().unwrap();
    assert!(received == data);
}

#[test]
fn packets_cross_a_pair_of_sockets() {
    let (a, b, _) = pair(Attachment::new);
    transfer(a.host(), b.host());
    assert!(counters(b.host()).frames_received > 600, "each fits the MTU");
}

#[test]
fn super_segments_cross_behind_a_header_that_says_what_they_are() {
    let (a, b, _) = pair(|device| Attachment::new(device.with_virtio_header(ALL)));
    transfer(a.host(), b.host());
    let frames = counters(b.host()).frames_received;
    assert!(frames < 100, "{frames} frames");
    assert_eq!(counters(b.host()).dropped_total(), 0);
}

/// A link that is made worse does so to single frames.
#[test]
fn an_impaired_link_carries_no_super_segments() {
    let conditions = Conditions::default().delay(Duration::from_millis(1));
    let (a, b, _) = pair(|device| Attachment::new(device.with_virtio_header(ALL)).up(conditions.clone()));
    transfer(a.host(), b.host());
    assert!(counters(b.host()).frames_received > 600, "each fits the MTU");
}

#[test]
fn a_frame_that_contradicts_its_header_is_counted_and_hurts_nobody() {
    let (a, b, second) = pair(|device| Attachment::new(device.with_virtio_header(ALL)));
    for header in [&[9; 10][..], &[1, 1, 0, 0, 0, 0, 0, 0, 0, 0], &[1, 0, 0, 0, 0, 0, 255, 255, 16, 0]] {
        second.send(&[header, &[0x45; 60]].concat()).unwrap();
    }
    second.send(&[1; 4]).unwrap();
    transfer(a.host(), b.host());
    assert_eq!(counters(a.host()).dropped(DropReason::DeviceHeader), 4);
}
