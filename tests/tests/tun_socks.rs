//! The TUN-to-SOCKS example of `fathom-net` in a namespace all of whose traffic goes into the TUN interface, with
//! real programs on the kernel's stack on one side and a SOCKS5 server on the other.
//!
//! `FATHOM_IPERF3_SECONDS` sets how long each run of iperf3 takes; 2 unless it is set.

#![allow(clippy::print_stdout, reason = "the rates are for whoever asks for them")]

#[allow(dead_code, reason = "its main is for the command line")]
#[path = "../../crates/net/examples/tun_socks.rs"]
mod example;
#[path = "tun_socks/socks.rs"]
mod socks;

use std::net::UdpSocket;
use std::process::Output;
use std::thread::JoinHandle;

use fathom_device::TunDevice;
use fathom_tests::{Background, Namespace, Scratch, lacking, skip, wait_until};
use socks::{Asked, SocksServer};

/// A namespace with the example and a SOCKS server in it.
struct Net {
    namespace: Namespace,
    proxy: SocksServer,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    example: Option<JoinHandle<()>>,
}

impl Net {
    fn new() -> Net {
        let namespace = Namespace::new();
        namespace.add_tun("tun0", &["10.84.0.1/24", "fd84::1/64"]);
        for family in ["-4", "-6"] {
            namespace.ip(&[family, "route", "add", "default", "dev", "tun0"]);
        }
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let (proxy, example) = namespace.inside(|| {
            let proxy = SocksServer::start();
            let (device, address) = (TunDevice::open("tun0").expect("the interface is there"), proxy.address);
            // A thread is in the namespace that its parent was in.
            let example = std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    tokio::select! {
                        ended = example::run(device, address) => panic!("the proxy ended: {ended:?}"),
                        _ = stopped => {}
                    }
                });
            });
            (proxy, example)
        });
        Net { namespace, proxy, stop: Some(stop), example: Some(example) }
    }

    /// Runs a program to its end.
    fn run(&self, program: &str, arguments: &[&str]) -> Output {
        self.namespace.command(program).args(arguments).output().unwrap()
    }

    #[track_caller]
    fn succeeds(&self, program: &str, arguments: &[&str]) -> String {
        let Output { status, stdout, stderr } = self.run(program, arguments);
        let said = String::from_utf8_lossy(&stdout).into_owned();
        assert!(status.success(), "{program} {arguments:?}: {said}{}", String::from_utf8_lossy(&stderr));
        said
    }

    /// A server on the loopback interface, where the SOCKS server looks for all that it is asked for.
    fn serve(&self, program: &str, arguments: &[&str], port: &str) -> Background {
        let server = Background::start(self.namespace.command(program).args(arguments));
        wait_until("the server listens", || self.succeeds("ss", &["-tlnH"]).contains(&format!(":{port} ")));
        server
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(example) = self.example.take() {
            let ended = example.join();
            assert!(std::thread::panicking() || ended.is_ok());
        }
    }
}

#[test]
fn curl_fetches_from_any_address_through_the_proxy() {
    if let Some(reason) = lacking(&["ip", "ss", "curl", "python3"]) {
        return skip(&reason);
    }
    let net = Net::new();
    let folder = Scratch::new();
    let page: Vec<u8> = (0..3_000_000u32).map(|i| (i * 7 + i / 251) as u8).collect();
    folder.write("page", &page);
    let path = folder.folder().to_str().unwrap();
    let server = ["-m", "http.server", "--bind", "::", "--directory", path, "8000"];
    let _server = net.serve("python3", &server, "8000");
    for address in ["203.0.113.9", "198.51.100.77", "[2001:db8::9]"] {
        let file = folder.path("got");
        let url = format!("http://{address}:8000/page");
        net.succeeds("curl", &["-sS", "-m", "30", "-o", file.to_str().unwrap(), &url]);
        assert!(std::fs::read(&file).unwrap() == page, "{address}");
        let wanted = format!("{address}:8000").parse().unwrap();
        assert_eq!(net.proxy.asked().last(), Some(&Asked::Connect(wanted)));
    }
}

#[test]
fn what_the_proxy_cannot_reach_is_refused() {
    if let Some(reason) = lacking(&["ip", "curl"]) {
        return skip(&reason);
    }
    let net = Net::new();
    // Nobody listens there, and the proxy says so.
    let output = net.run("curl", &["-sS", "-m", "30", "http://203.0.113.9:81/"]);
    assert_eq!(output.status.code(), Some(7), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(net.proxy.asked(), [Asked::Connect("203.0.113.9:81".parse().unwrap())]);
}

#[test]
fn datagrams_go_both_ways_through_one_association() {
    if let Some(reason) = lacking(&["ip", "python3"]) {
        return skip(&reason);
    }
    let net = Net::new();
    let echo = net.namespace.inside(|| UdpSocket::bind("127.0.0.1:5353").unwrap());
    let echo = std::thread::spawn(move || {
        let mut data = [0; 2000];
        for _ in 0..4 {
            let (len, from) = echo.recv_from(&mut data).unwrap();
            echo.send_to(&data[..len], from).unwrap();
        }
    });
    // A socket that is not connected sees who answers; a connected one takes only answers of its peer.
    let script = "import socket\n\
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(20)\n\
        for to in [('8.8.8.8', 5353), ('203.0.113.9', 5353)]:\n\
        \x20   s.sendto(b'ping ' + to[0].encode(), to)\n\
        \x20   assert s.recvfrom(2000) == (b'ping ' + to[0].encode(), to)\n\
        s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.settimeout(20)\n\
        s.connect(('2001:db8::9', 5353))\n\
        for size in (0, 1200):\n\
        \x20   s.send(b'x' * size)\n\
        \x20   assert len(s.recv(2000)) == size\n";
    net.succeeds("python3", &["-c", script]);
    echo.join().unwrap();
    let associations = net.proxy.asked().iter().filter(|asked| **asked == Asked::Associate).count();
    assert_eq!(associations, 2, "one for each of the client's ports");
}

fn seconds() -> String {
    std::env::var("FATHOM_IPERF3_SECONDS").unwrap_or_else(|_| "2".into())
}

#[test]
fn iperf3_runs_through_the_proxy_in_both_directions_and_on_64_streams() {
    if let Some(reason) = lacking(&["ip", "ss", "iperf3"]) {
        return skip(&reason);
    }
    let net = Net::new();
    let _server = net.serve("iperf3", &["--server"], "5201");
    let runs: [&[&str]; 4] = [&[], &["--reverse"], &["--parallel", "64"], &["--parallel", "64", "--reverse"]];
    for more in runs {
        let time = seconds();
        let client = ["--json", "--client", "198.51.100.1", "--time", &time, "--connect-timeout", "10000"];
        let report = net.succeeds("iperf3", &[&client[..], more].concat());
        let report: serde_json::Value = serde_json::from_str(&report).unwrap();
        let bytes = report["end"]["sum_received"]["bytes"].as_f64().unwrap();
        assert!(bytes > 1e6, "{more:?}: {bytes} bytes");
        let streams = report["end"]["streams"].as_array().unwrap();
        let moved = |stream: &serde_json::Value| stream["receiver"]["bytes"].as_f64().unwrap() > 0.0;
        assert!(streams.iter().all(moved), "{more:?}: a stream stood still");
        println!("{more:?}: {:.2} Gbit/s", bytes * 8.0 / time.parse::<f64>().unwrap() / 1e9);
    }
}
