//! Which socket a datagram is for: families, sharing, interfaces.

use super::*;
use crate::tests::host::Host;
use crate::tests::packets::OURS;
use crate::{Interface, UdpBind};

fn open(host: &mut Host, bind: UdpBind) -> Result<UdpId, BindError> {
    host.stack.udp_bind_with(host.now, bind)
}

fn at(local: &str) -> UdpBind {
    UdpBind::at(address(local))
}

#[test]
fn a_socket_at_all_ipv6_addresses_takes_ipv4_too_and_shows_it_as_mapped() {
    let mut host = Host::new().knows_neighbour();
    let id = bind(&mut host, "[::]:7").unwrap();
    host.receive_packet(&udp_packet("192.0.2.2", "192.0.2.1", (9, 7), b"four"));
    host.receive_packet(&udp_packet("2001:db8::2", "2001:db8::1", (9, 7), b"six"));
    let mut udp = host.stack.udp(host.now, id).unwrap();
    let four = udp.recv().unwrap();
    assert_eq!((four.source, &four.data[..]), (address("[::ffff:192.0.2.2]:9"), &b"four"[..]));
    assert_eq!(four.destination, "::ffff:192.0.2.1".parse::<IpAddr>().unwrap());
    assert_eq!(udp.recv().unwrap().source, address("[2001:db8::2]:9"));

    udp.send_from(Some(four.destination), b"y", four.source).unwrap();
    assert_eq!(
        udp.send_to(b"y", address("192.0.2.2:9")),
        Err(UdpError::BadDestination),
        "not in IPv6's form"
    );
    udp.connect(four.source).unwrap();
    assert_eq!(udp.remote(), Some(four.source));
    assert_eq!(udp.local(), address("[::ffff:192.0.2.1]:7"));
    let sent = host.sent();
    assert_eq!(sent[0][EthernetHeader::LEN + 12..][..8], [192, 0, 2, 1, 192, 0, 2, 2]);
}

#[test]
fn only_v6_leaves_ipv4_to_others() {
    let mut host = Host::new();
    let six = open(&mut host, UdpBind { only_v6: true, ..at("[::]:7") }).unwrap();
    let four = bind(&mut host, "0.0.0.0:7").unwrap();
    host.receive_packet(&udp_packet("192.0.2.2", "192.0.2.1", (9, 7), b"x"));
    assert_eq!(received(&mut host, six), []);
    assert_eq!(received(&mut host, four).len(), 1);
    let mut udp = host.stack.udp(host.now, six).unwrap();
    assert_eq!(udp.send_to(b"x", address("[::ffff:192.0.2.2]:9")), Err(UdpError::BadDestination));
    let mapped = UdpBind { only_v6: true, ..at("[::ffff:192.0.2.1]:8") };
    assert_eq!(open(&mut host, mapped), Err(BindError::AddressNotAvailable));
}

#[test]
fn an_address_is_shared_only_by_those_who_all_say_so() {
    let reuse_address = UdpBind { reuse_address: true, ..at("192.0.2.1:7") };
    let reuse_port = UdpBind { reuse_port: true, ..at("192.0.2.1:7") };
    let table = [
        (&reuse_address, &reuse_address, true),
        (&reuse_port, &reuse_port, true),
        (&reuse_address, &reuse_port, false),
        (&reuse_address, &at("192.0.2.1:7"), false),
        (&at("192.0.2.1:7"), &reuse_port, false),
    ];
    for (first, second, shared) in table {
        let mut host = Host::new();
        open(&mut host, first.clone()).unwrap();
        assert_eq!(open(&mut host, second.clone()).is_ok(), shared, "{first:?} {second:?}");
    }
}

#[test]
fn of_those_who_reuse_an_address_the_latest_hears_and_after_it_the_one_before() {
    let mut host = Host::new();
    let bind = UdpBind { reuse_address: true, ..at("192.0.2.1:7") };
    let (first, second) = (open(&mut host, bind.clone()).unwrap(), open(&mut host, bind).unwrap());
    let packet = udp_packet("192.0.2.2", "192.0.2.1", (9, 7), b"x");
    host.receive_packet(&packet);
    assert_eq!((received(&mut host, first).len(), received(&mut host, second).len()), (0, 1));
    host.stack.udp(host.now, second).unwrap().close();
    host.receive_packet(&packet);
    assert_eq!(received(&mut host, first).len(), 1);
}

#[test]
fn those_who_reuse_a_port_share_its_senders_and_keep_each() {
    let mut host = Host::new();
    let bind = UdpBind { reuse_port: true, ..at("0.0.0.0:7") };
    let ids: Vec<UdpId> = (0..4).map(|_| open(&mut host, bind.clone()).unwrap()).collect();
    for _ in 0..2 {
        for port in 1000..1064 {
            host.receive_packet(&udp_packet("192.0.2.2", "192.0.2.1", (port, 7), b"x"));
        }
    }
    let mut heard = 0;
    for id in ids {
        let mut ports: Vec<u16> = received(&mut host, id).iter().map(|(_, source)| source.port()).collect();
        assert!(ports.len() >= 8, "{} of 128 is no fair share", ports.len());
        heard += ports.len();
        let (first, second) = ports.split_at(ports.len() / 2);
        assert_eq!(first, second, "the same senders again");
        ports.dedup();
    }
    assert_eq!(heard, 128);
}

#[test]
fn a_socket_bound_to_an_interface_hears_and_uses_that_alone() {
    let mut host = Host::new().knows_neighbour();
    let tun0 = host.stack.add_interface(Interface::ip("tun0"));
    host.stack.add_address(host.now, tun0, "198.51.100.1/24".parse().unwrap()).unwrap();
    let there = open(&mut host, UdpBind { interface: Some(tun0), ..at("0.0.0.0:7") }).unwrap();
    let here = UdpBind { interface: Some(host.eth0), ..at("0.0.0.0:7") };
    let here = open(&mut host, here).expect("sockets of different interfaces do not collide");
    host.receive_packet(&udp_packet("192.0.2.2", "192.0.2.1", (9, 7), b"x"));
    assert_eq!((received(&mut host, there).len(), received(&mut host, here).len()), (0, 1));

    let mut udp = host.stack.udp(host.now, there).unwrap();
    assert_eq!(udp.send_to(b"x", address("192.0.2.2:9")), Err(UdpError::NetworkUnreachable));
    udp.send_to(b"x", address("198.51.100.9:9")).unwrap();
    let elsewhere =
        SendDatagram { interface: Some(host.eth0), ..SendDatagram::to(b"x", address("198.51.100.9:9")) };
    assert_eq!(udp.send_msg(&elsewhere), Err(UdpError::BadDestination));
    assert!(host.stack.poll_transmit(host.now, tun0).is_some());

    let missing = UdpBind { interface: Some(InterfaceId(9)), ..at("0.0.0.0:8") };
    assert_eq!(open(&mut host, missing), Err(BindError::NoSuchInterface));
}

/// A host that has no address yet asks everybody on a link for one, and hears the answer (RFC 2131 4.1).
#[test]
fn a_host_without_an_address_asks_everybody_on_the_interface_of_the_socket() {
    let mut stack = crate::Stack::new(Config::default(), crate::Seed::from_u64(1));
    let eth0 = stack.add_interface(Interface::ethernet("eth0", OURS));
    let mut host = Host { stack, eth0, now: fathom_wire::Instant::from_millis(1) };
    let id = open(&mut host, UdpBind { interface: Some(eth0), ..at("0.0.0.0:68") }).unwrap();
    let mut udp = host.stack.udp(host.now, id).unwrap();
    udp.set_options(UdpOptions { broadcast: true, ..udp.options() });
    assert_eq!(udp.send_to(b"discover", address("192.0.2.2:67")), Err(UdpError::NetworkUnreachable));
    udp.send_to(b"discover", address("255.255.255.255:67")).unwrap();
    let sent = host.sent();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0][EthernetHeader::LEN + 12..][..8], [0, 0, 0, 0, 255, 255, 255, 255]);
    let offer = udp_packet("192.0.2.2", "255.255.255.255", (67, 68), b"offer");
    host.receive(crate::tests::packets::frame_to(fathom_wire::EthernetAddress::BROADCAST, &offer));
    let got = received(&mut host, id);
    assert_eq!(got, [(b"offer".to_vec(), address("192.0.2.2:67"))]);
}

#[test]
fn a_socket_that_leaves_its_peer_hears_everybody_again() {
    let mut host = Host::new().knows_neighbour();
    let id = bind(&mut host, "0.0.0.0:7").unwrap();
    let mut udp = host.stack.udp(host.now, id).unwrap();
    for peer in ["192.0.2.2:9", "192.0.2.2:10"] {
        udp.connect(address(peer)).unwrap();
    }
    assert_eq!(udp.local(), address("192.0.2.1:7"));
    for (port, heard) in [(9, 0), (10, 1)] {
        host.receive_packet(&udp_packet("192.0.2.2", "192.0.2.1", (port, 7), b"x"));
        assert_eq!(received(&mut host, id).len(), heard, "{port}");
    }
    let mut udp = host.stack.udp(host.now, id).unwrap();
    udp.disconnect();
    assert_eq!((udp.local(), udp.remote()), (address("0.0.0.0:7"), None));
    assert_eq!(udp.send(b"x"), Err(UdpError::NotConnected));
    host.receive_packet(&udp_packet("192.0.2.2", "192.0.2.1", (9, 7), b"x"));
    assert_eq!(received(&mut host, id).len(), 1);
}

/// A thousand sockets that are connected from one port are found without a walk through them.
#[test]
fn connected_sockets_that_share_a_port_each_hear_their_peer() {
    let mut host = Host::new();
    let bind = UdpBind { reuse_port: true, ..at("192.0.2.1:7") };
    let ids: Vec<UdpId> = (1..1001)
        .map(|port| {
            let id = open(&mut host, bind.clone()).unwrap();
            let peer = SocketAddr::from(([192, 0, 2, 2], port));
            host.stack.udp(host.now, id).unwrap().connect(peer).unwrap();
            id
        })
        .collect();
    for port in [1, 500, 1000] {
        host.receive_packet(&udp_packet("192.0.2.2", "192.0.2.1", (port, 7), b"x"));
        assert_eq!(received(&mut host, ids[usize::from(port) - 1]).len(), 1);
    }
    host.receive_packet(&udp_packet("192.0.2.2", "192.0.2.1", (2000, 7), b"x"));
    assert_eq!(host.drops(), [(DropReason::UdpNoSocket, 1)]);
}

/// A gateway takes what others send to addresses that it has not, and answers from there.
#[test]
fn a_socket_at_a_routed_network_hears_all_its_ports_and_answers_from_where_it_was_asked() {
    let network: crate::IpCidr = "203.0.113.0/24".parse().unwrap();
    let mut host = Host::new().knows_neighbour();
    let eth0 = host.eth0;
    host.stack.add_local_prefix(eth0, network).unwrap();
    let id = open(&mut host, UdpBind::any(network)).unwrap();
    assert_eq!(open(&mut host, UdpBind::any(network)), Err(BindError::AddressInUse));
    let own = bind(&mut host, "203.0.113.5:53").unwrap();
    for (destination, port) in [("203.0.113.5", 7), ("203.0.113.9", 8), ("203.0.113.5", 53)] {
        host.receive_packet(&udp_packet("192.0.2.2", destination, (9, port), b"x"));
    }
    assert_eq!(received(&mut host, own).len(), 1, "who names the address comes first");
    let mut udp = host.stack.udp(host.now, id).unwrap();
    let (first, second) = (udp.recv().unwrap(), udp.recv().unwrap());
    assert_eq!((first.destination, first.destination_port), ("203.0.113.5".parse().unwrap(), 7));
    assert_eq!((second.destination, second.destination_port), ("203.0.113.9".parse().unwrap(), 8));

    let answer = SendDatagram::to(b"y", second.source);
    for (source, source_port) in [(None, None), (Some(second.destination), None), (None, Some(8))] {
        let refused = udp.send_msg(&SendDatagram { source, source_port, ..answer });
        assert_eq!(refused, Err(UdpError::BadDestination));
    }
    let foreign = SendDatagram { source: Some("192.0.2.1".parse().unwrap()), source_port: Some(8), ..answer };
    assert_eq!(udp.send_msg(&foreign), Err(UdpError::BadDestination));
    assert_eq!(udp.connect(second.source), Err(UdpError::BadDestination));
    let answer = SendDatagram { source: Some(second.destination), source_port: Some(8), ..answer };
    udp.send_msg(&answer).unwrap();
    let sent = host.sent();
    assert_eq!(sent[0][EthernetHeader::LEN + 12..][..12], [203, 0, 113, 9, 192, 0, 2, 2, 0, 8, 0, 9]);

    host.receive_packet(&udp_packet("192.0.2.2", "192.0.2.1", (9, 7), b"x"));
    assert_eq!(host.drops(), [(DropReason::UdpNoSocket, 1)], "the host's own ports stay closed");
    host.stack.udp(host.now, id).unwrap().close();
    open(&mut host, UdpBind::any(network)).unwrap();
}
