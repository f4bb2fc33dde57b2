//! iperf3 on the kernel's stack, against a sink and a source on ours, over a TAP interface.
//!
//! `FATHOM_IPERF3_SECONDS` sets how long each run takes; 2 unless it is set.

#![allow(clippy::print_stdout, reason = "the rates are for whoever asks for them")]

#[path = "iperf3/server.rs"]
mod server;

use std::io;
use std::net::SocketAddr;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use fathom_device::TapDevice;
use fathom_net::driver::{Attachment, RealTime};
use fathom_net::{Elapsed, Host, JoinHandle, SocketCursor, SocketEntry};
use fathom_tests::{Namespace, lacking, skip, wait_until};
use serde_json::Value;

/// What each run must have moved: far below any measured speed, and far above what a window that never opens
/// again lets through.
const LEAST_BYTES: u64 = 8 << 20;

fn seconds() -> u64 {
    std::env::var("FATHOM_IPERF3_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(2)
}

type Served = Result<io::Result<server::Moved>, Elapsed>;

/// A namespace with a client that is about to run for `time` seconds, and a server that has begun.
fn site(time: u64, arguments: &[&str]) -> (Namespace, RealTime, Command, JoinHandle<Served>) {
    let namespace = Namespace::new();
    namespace.add_tap("tap0", &["10.84.0.1/24"]);
    let device = namespace.inside(|| TapDevice::open("tap0")).expect("the interface is there");
    let driver = RealTime::builder("ours").start().unwrap();
    let eth = driver.attach(Attachment::new(device)).unwrap();
    let host = driver.host();
    host.add_address(eth, "10.84.0.2/24".parse().unwrap()).unwrap();
    let listener = host.tcp_listen(SocketAddr::from(([10, 84, 0, 2], 5201))).unwrap();
    let served = host.spawn({
        let host = host.clone();
        async move {
            let limit = Duration::from_secs(30 + 2 * time);
            host.timeout(limit, server::serve_one(&host, &listener)).await
        }
    });
    let mut client = namespace.command("iperf3");
    client.args(["--json", "--client", "10.84.0.2", "--connect-timeout", "10000"]);
    client.args(["--time", &time.to_string()]).args(arguments);
    (namespace, driver, client, served)
}

/// Runs the client with more arguments against one test of the server, and gives its report and what the
/// server counted.
fn run(arguments: &[&str]) -> (Value, server::Moved) {
    let (_namespace, driver, mut client, served) = site(seconds(), arguments);
    let host = driver.host();
    let Output { status, stdout, stderr } = client.output().unwrap();
    let report = String::from_utf8_lossy(&stdout);
    assert!(status.success(), "{arguments:?}: {report}{}", String::from_utf8_lossy(&stderr));
    let report = serde_json::from_str(&report).unwrap();
    let moved = host.block_on(served).unwrap().expect("the server ends in time").expect("the test ends well");
    (report, moved)
}

/// Each stream moved data, and both ends counted the same: what the receiver has is what the sender sent, but
/// for what was still on its way.
fn check(arguments: &[&str], streams: usize) {
    if let Some(reason) = lacking(&["ip", "iperf3"]) {
        return skip(&reason);
    }
    let (report, moved) = run(arguments);
    assert_eq!(moved.len(), streams);
    assert!(moved.iter().all(|bytes| *bytes > 0), "a stream stood still: {moved:?}");
    let total: u64 = moved.iter().sum();
    assert!(total > LEAST_BYTES, "{arguments:?}: {total} bytes in {} s", seconds());
    let of = |end: &str| report["end"][end]["bytes"].as_f64().expect("the report has both ends") as u64;
    let (sent, received) = (of("sum_sent"), of("sum_received"));
    assert!(received > 0 && received <= sent, "{sent} bytes sent, {received} received");
    let rate = received as f64 * 8.0 / seconds() as f64 / 1e9;
    println!("iperf3 {arguments:?}: {rate:.2} Gbit/s in {} streams", moved.len());
}

#[test]
fn sends_to_a_sink_of_ours() {
    check(&[], 1);
}

#[test]
fn receives_from_a_source_of_ours() {
    check(&["--reverse"], 1);
}

#[test]
fn talks_both_ways_at_once() {
    check(&["--bidir"], 2);
}

#[test]
fn sends_on_64_streams() {
    check(&["--parallel", "64"], 64);
}

#[test]
fn receives_on_64_streams() {
    check(&["--parallel", "64", "--reverse"], 64);
}

/// How many connections there are, half-open ones and those in TIME-WAIT included, and how many of them have
/// moved data.
fn connections(host: &Host) -> (usize, usize) {
    let (mut all, mut busy) = (0, 0);
    let mut cursor = Some(SocketCursor::default());
    while let Some(from) = cursor {
        cursor = host.stack(|stack, now| {
            stack.walk_sockets(now, from, 256, |entry| match entry {
                SocketEntry::Connection { info, .. } => {
                    all += 1;
                    busy += usize::from(info.bytes_received.max(info.bytes_acked) > 1 << 16);
                }
                SocketEntry::Remnant { .. } => all += 1,
                _ => {}
            })
        });
    }
    (all, busy)
}

#[test]
fn connections_of_a_killed_client_go_away() {
    if let Some(reason) = lacking(&["ip", "iperf3"]) {
        return skip(&reason);
    }
    for direction in [&[][..], &["--reverse"]] {
        let (_namespace, driver, mut client, served) = site(600, &[&["--parallel", "8"], direction].concat());
        let mut client = client.stdout(Stdio::null()).spawn().unwrap();
        wait_until("each stream has moved data", || connections(driver.host()).1 == 8);
        client.kill().unwrap();
        client.wait().unwrap();
        wait_until("no connection is left", || connections(driver.host()) == (0, 0));
        let end = driver.host().block_on(served).unwrap();
        assert!(end.is_ok_and(|end| end.is_err()), "the server learns that the client is gone");
    }
}
