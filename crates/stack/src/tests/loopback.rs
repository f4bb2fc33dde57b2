//! A host that talks to itself.

use core::net::{IpAddr, SocketAddr};
use std::vec::Vec;

use bytes::Bytes;
use fathom_record::TcpStateName;

use super::host::Host;
use crate::{Family, TcpConnect, TcpListen, TcpOptions, UdpError};

const NOTHING: [Bytes; 0] = [];
const OURS: [&str; 5] = ["127.0.0.1", "192.0.2.1", "::1", "2001:db8::1", "127.9.9.9"];

#[test]
fn a_host_reaches_its_own_addresses_and_the_link_hears_nothing_of_it() {
    for address in OURS {
        let mut host = Host::new();
        let address: IpAddr = address.parse().unwrap();
        let local = SocketAddr::new(address, 7);
        let server = host.stack.udp_bind(host.now, local).unwrap();
        let any: SocketAddr = if address.is_ipv4() { "0.0.0.0:9" } else { "[::]:9" }.parse().unwrap();
        let client = host.stack.udp_bind(host.now, any).unwrap();
        host.stack.udp(host.now, client).unwrap().send_to(&[3; 5000], local).unwrap();
        assert_eq!(host.sent(), NOTHING, "{address}");
        let got = host.stack.udp(host.now, server).unwrap().recv().unwrap();
        assert_eq!((got.data.len(), got.source), (5000, SocketAddr::new(address, 9)), "{address}");

        let ping = host.stack.icmp_open(host.now, Family::of(address), None).unwrap();
        host.stack.icmp(host.now, ping).unwrap().send_echo(address, 1, b"x", None).unwrap();
        assert_eq!(host.sent(), NOTHING);
        assert_eq!(host.stack.icmp(host.now, ping).unwrap().recv().unwrap().from, address);
        assert_eq!((host.drops(), host.stack.memory_in_use()), (Vec::new(), 0));
    }
}

#[test]
fn a_port_of_our_own_that_nobody_has_refuses() {
    let mut host = Host::new();
    let client = host.stack.udp_bind(host.now, "127.0.0.1:9".parse().unwrap()).unwrap();
    let mut udp = host.stack.udp(host.now, client).unwrap();
    udp.connect("127.0.0.1:7".parse().unwrap()).unwrap();
    udp.send(b"x").unwrap();
    assert_eq!(host.sent(), NOTHING);
    assert_eq!(host.stack.udp(host.now, client).unwrap().take_error(), Some(UdpError::Refused));
}

#[test]
fn a_connection_to_ourselves_carries_data_in_super_segments() {
    for address in ["127.0.0.1", "2001:db8::1"] {
        let mut host = Host::new();
        let remote = SocketAddr::new(address.parse().unwrap(), 80);
        let options = TcpOptions::default();
        let listen = TcpListen { backlog: 1, options: options.clone(), ..TcpListen::at(remote) };
        let listener = host.stack.tcp_listen(host.now, listen).unwrap();
        let client = host.stack.tcp_connect(host.now, TcpConnect { remote, local: None, options }).unwrap();
        assert_eq!(host.sent(), NOTHING);
        let server = host.stack.tcp_accept(host.now, listener).unwrap();
        let data: Vec<u8> = (0..200_000u32).map(|i| (i >> 3) as u8).collect();
        let (mut sent, mut got) = (0, Vec::new());
        let mut rounds = 0;
        while got.len() < data.len() {
            rounds += 1;
            assert!(rounds < 1000, "{} of {} bytes", got.len(), data.len());
            sent += host.stack.tcp(host.now, client).unwrap().send(&data[sent..]).unwrap_or(0);
            assert_eq!(host.sent(), NOTHING);
            let mut buffer = [0; 100_000];
            while let Ok(len @ 1..) = host.stack.tcp(host.now, server).unwrap().recv(&mut buffer) {
                got.extend_from_slice(&buffer[..len]);
            }
            host.pass(core::time::Duration::from_millis(1));
        }
        assert_eq!(got, data);
        host.stack.tcp(host.now, client).unwrap().close();
        assert_eq!(host.sent(), NOTHING);
        assert_eq!(host.stack.tcp(host.now, server).unwrap().state(), TcpStateName::CloseWait);
    }
}

#[test]
fn nobody_else_can_use_loopback_addresses() {
    let mut host = Host::new().knows_neighbour();
    host.stack.udp_bind(host.now, "0.0.0.0:7".parse().unwrap()).unwrap();
    for (source, destination) in [("192.0.2.2", "127.0.0.1"), ("127.0.0.1", "192.0.2.1")] {
        host.receive_packet(&super::packets::udp_packet(source, destination, (1, 7), b"x"));
    }
    assert_eq!(host.stack.counters().udp_received, 0);
    assert_eq!(host.stack.counters().dropped_total(), 2);
}
