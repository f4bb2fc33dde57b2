//! Several interfaces, and links that come and go.

use core::net::{IpAddr, SocketAddr};
use std::vec::Vec;

use bytes::Bytes;
use fathom_record::DropReason;
use fathom_wire::{EthernetAddress, Instant};

use super::pair::transmits;
use crate::{Config, Interface, InterfaceId, IpCidr, Route, Seed, Stack, UdpError};

const NOW: Instant = Instant::from_millis(5);

fn socket_address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// 10.0.0.1/24 on one point-to-point interface, 10.0.1.1/24 on another, and a default route over each.
fn two_ways() -> (Stack, [InterfaceId; 2]) {
    let mut stack = Stack::new(Config::default(), Seed::from_u64(1));
    let ways = [0u8, 1].map(|number| {
        let id = stack.add_interface(Interface::ip("wan"));
        stack.add_address(NOW, id, IpCidr::new([10, 0, number, 1], 24).unwrap()).unwrap();
        let gateway = Some(IpAddr::from([10, 0, number, 2]));
        let metric = number.into();
        stack
            .add_route(NOW, Route { destination: IpCidr::IPV4_ANY, gateway, interface: id, metric })
            .unwrap();
        id
    });
    (stack, ways)
}

/// The source addresses of what a stack sends on each interface.
fn sources(stack: &mut Stack, ways: [InterfaceId; 2]) -> [Vec<IpAddr>; 2] {
    ways.map(|on| {
        let frames = transmits(stack, NOW, on).into_iter().map(|frame| frame.to_bytes());
        frames.map(|frame| IpAddr::from([frame[12], frame[13], frame[14], frame[15]])).collect()
    })
}

#[test]
fn packets_leave_by_the_best_route_with_an_address_of_its_interface() {
    let (mut stack, ways) = two_ways();
    let socket = stack.udp_bind(NOW, socket_address("0.0.0.0:9")).unwrap();
    let mut udp = stack.udp(NOW, socket).unwrap();
    for to in ["192.0.2.1:9", "10.0.1.77:9"] {
        udp.send_to(b"x", socket_address(to)).unwrap();
    }
    let once = sources(&mut stack, ways);
    let again = sources(&mut stack, ways);
    let first = [&once[0][..], &again[0]].concat();
    let second = [&once[1][..], &again[1]].concat();
    assert_eq!(first, [IpAddr::from([10, 0, 0, 1])]);
    assert_eq!(second, [IpAddr::from([10, 0, 1, 1])]);
}

#[test]
fn a_socket_goes_on_by_another_route_when_the_link_goes_down() {
    let (mut stack, ways) = two_ways();
    let socket = stack.udp_bind(NOW, socket_address("0.0.0.0:9")).unwrap();
    stack.udp(NOW, socket).unwrap().send_to(b"x", socket_address("192.0.2.1:9")).unwrap();
    // Filed under the first interface, which goes down before it is pulled.
    assert!(stack.poll_transmit(NOW, ways[1]).is_none());
    stack.set_link(NOW, ways[0], false);
    assert!(stack.poll_transmit(NOW, ways[0]).is_none());
    assert_eq!(sources(&mut stack, ways), [Vec::new(), std::vec![IpAddr::from([10, 0, 0, 1])]]);

    stack.set_link(NOW, ways[1], false);
    let mut udp = stack.udp(NOW, socket).unwrap();
    assert_eq!(udp.send_to(b"x", socket_address("192.0.2.1:9")), Err(UdpError::NetworkUnreachable));
}

#[test]
fn a_link_that_goes_down_takes_what_waited_for_it_along() {
    let mut host = super::host::Host::new();
    let socket = host.stack.udp_bind(host.now, socket_address("192.0.2.1:9")).unwrap();
    host.stack.udp(host.now, socket).unwrap().send_to(b"x", socket_address("192.0.2.9:9")).unwrap();
    host.sent();
    assert!(host.stack.memory_in_use() > 0);
    host.stack.set_link(host.now, host.eth0, false);
    assert_eq!(host.stack.memory_in_use(), 0);
    assert_eq!(host.stack.poll_timeout(), None);
    let nothing: [Bytes; 0] = [];
    assert_eq!(host.receive(Bytes::from_static(&[0; 60])), nothing);
    assert_eq!(host.drops(), [(DropReason::InterfaceDown, 2)]);
}

#[test]
fn a_host_without_a_link_layer_needs_no_neighbours() {
    let mut pair = super::Pair::ip();
    let to = pair.b.v6;
    let socket = pair.a.stack.icmp_open(pair.now, crate::Family::V6, None).unwrap();
    pair.a.stack.icmp(pair.now, socket).unwrap().send_echo(to, 1, b"x", None).unwrap();
    let start = pair.now;
    pair.drive_until(|pair| pair.a.stack.icmp(pair.now, socket).unwrap().recv().is_some());
    assert_eq!(pair.now - start, 2 * pair.latency, "one round trip, nothing before it");
    assert_eq!((pair.a.sent.len(), pair.b.sent.len()), (1, 1));
}

#[test]
fn a_link_local_address_is_reached_on_the_interface_that_the_zone_names() {
    let mut stack = Stack::new(Config::default(), Seed::from_u64(1));
    let ways = [1u8, 2].map(|number| {
        stack.add_interface(Interface::ethernet("eth", EthernetAddress([2, 0, 0, 0, 0, number])))
    });
    let socket = stack.udp_bind(NOW, socket_address("[::]:9")).unwrap();
    for id in ways {
        let to = core::net::SocketAddrV6::new("fe80::9".parse().unwrap(), 9, 0, id.scope_id());
        stack.udp(NOW, socket).unwrap().send_to(b"x", to.into()).unwrap();
        let asked: Vec<usize> = ways.map(|on| transmits(&mut stack, NOW, on).len()).into();
        let expected: Vec<usize> = ways.map(|on| usize::from(on == id)).into();
        assert_eq!(asked, expected, "{id:?}");
    }
}
