//! Packets for addresses of networks that are routed to the host.

use core::net::{IpAddr, SocketAddr};
use std::vec::Vec;

use bytes::Bytes;
use fathom_record::DropReason;
use fathom_wire::internet::ndp::NdpOptionBuffer;
use fathom_wire::{
    ArpOperation, ArpPacket, EthernetAddress, EthernetHeader, Icmpv4Message, Icmpv6Message, IpHeader,
    NdpMessage, NdpOption, NdpOptions, SeqNumber, TcpFlags, TcpHeader,
};

use super::host::{Host, arp, arp_frame};
use super::packets::{
    THEIRS, advertisement, frame, frame_to, icmpv4_packet, icmpv6_packet, tcp_packet, udp_packet,
};
use crate::{AddressError, Config, Decision, InterfaceId, IpCidr, LocalPrefix, TcpConnect, TcpListen};

fn cidr(text: &str) -> IpCidr {
    text.parse().unwrap()
}

/// A host with all addresses routed to it.
fn gateway() -> Host {
    let mut host = Host::new().knows_neighbour();
    for network in [IpCidr::IPV4_ANY, IpCidr::IPV6_ANY] {
        host.stack.add_local_prefix(host.eth0, network).unwrap();
    }
    host
}

fn ends(packet: &[u8]) -> (IpAddr, IpAddr) {
    let header = IpHeader::parse(packet).unwrap();
    (header.source(), header.destination())
}

fn tcp_of(packet: &[u8]) -> TcpHeader {
    let header = IpHeader::parse(packet).unwrap();
    TcpHeader::parse(&packet[header.header_len()..]).unwrap()
}

/// A segment from 192.0.2.2 port 1000.
fn segment(flags: TcpFlags, seq: u32, ack: u32, port: u16) -> TcpHeader {
    TcpHeader {
        source_port: 1000,
        destination_port: port,
        seq: SeqNumber(seq),
        ack: SeqNumber(ack),
        flags,
        window: 1000,
        ..TcpHeader::default()
    }
}

#[test]
fn a_datagram_for_a_routed_address_arrives_and_its_answer_comes_from_there() {
    for (peer, address, any) in
        [("192.0.2.2", "203.0.113.9", "0.0.0.0:53"), ("2001:db8::2", "2001:db8:f::9", "[::]:53")]
    {
        let mut host = gateway();
        let socket = host.stack.udp_bind(host.now, any.parse().unwrap()).unwrap();
        assert!(host.receive_packet(&udp_packet(peer, address, (1000, 53), b"ping")).is_empty());
        let mut udp = host.stack.udp(host.now, socket).unwrap();
        let datagram = udp.recv().unwrap();
        assert_eq!(datagram.destination, address.parse::<IpAddr>().unwrap());
        udp.send_from(Some(datagram.destination), b"pong", datagram.source).unwrap();
        let sent = host.sent();
        let packet = &sent[0][EthernetHeader::LEN..];
        assert_eq!(ends(packet), (address.parse().unwrap(), peer.parse().unwrap()));
    }
}

#[test]
fn an_echo_request_for_a_routed_address_is_answered_from_there() {
    let (identifier, sequence, data) = (1, 2, &b"abc"[..]);
    let echo = Icmpv4Message::EchoRequest { identifier, sequence, data };
    let sent = gateway().receive_packet(&icmpv4_packet("192.0.2.2", "203.0.113.9", &echo));
    assert_eq!(ends(&sent[0]), ("203.0.113.9".parse().unwrap(), "192.0.2.2".parse().unwrap()));
    let echo = Icmpv6Message::EchoRequest { identifier, sequence, data };
    let sent = gateway().receive_packet(&icmpv6_packet("2001:db8::2", "2001:db8:f::9", &echo));
    assert_eq!(ends(&sent[0]), ("2001:db8:f::9".parse().unwrap(), "2001:db8::2".parse().unwrap()));
}

#[test]
fn a_closed_port_of_a_routed_address_is_unreachable_from_there() {
    let mut host = gateway();
    let sent = host.receive_packet(&udp_packet("192.0.2.2", "203.0.113.9", (1000, 53), b"ping"));
    assert_eq!(ends(&sent[0]), ("203.0.113.9".parse().unwrap(), "192.0.2.2".parse().unwrap()));
    let syn = segment(TcpFlags::SYN, 1, 0, 80);
    let sent = host.receive_packet(&tcp_packet("192.0.2.2", "203.0.113.9", &syn, &[]));
    assert_eq!(ends(&sent[0]).0, "203.0.113.9".parse::<IpAddr>().unwrap());
    assert!(tcp_of(&sent[0]).flags.contains(TcpFlags::RST));
}

/// Groups, broadcast addresses, loopback and link-local ones belong to no network that is routed.
#[test]
fn only_addresses_of_single_hosts_are_taken() {
    let table = [
        ("192.0.2.2", "8.8.8.8", true),
        ("192.0.2.2", "192.0.2.1", true),
        ("192.0.2.2", "192.0.2.255", false),
        ("192.0.2.2", "224.0.0.9", false),
        ("192.0.2.2", "239.1.2.3", false),
        ("192.0.2.2", "127.0.0.1", false),
        ("192.0.2.2", "0.0.0.0", false),
        ("192.0.2.2", "240.0.0.1", false),
        ("2001:db8::2", "2001:4860::8", true),
        ("2001:db8::2", "fe80::77", false),
        ("2001:db8::2", "ff02::77", false),
        ("2001:db8::2", "::1", false),
        ("2001:db8::2", "::ffff:8.8.8.8", false),
    ];
    for (source, destination, taken) in table {
        let mut host = gateway();
        let sent = host.receive_packet(&udp_packet(source, destination, (1, 2), b""));
        // What is taken finds no socket, and its sender is told.
        assert_eq!(!sent.is_empty(), taken, "{destination}");
    }
}

#[test]
fn a_prefix_holds_on_its_interface_until_it_is_removed() {
    let syn = || tcp_packet("192.0.2.2", "10.1.2.3", &segment(TcpFlags::SYN, 1, 0, 80), &[]);
    let mut host = Host::new().knows_neighbour();
    let other = host.stack.add_interface(crate::Interface::ip("tun0"));
    host.stack.add_local_prefix(other, cidr("10.0.0.0/8")).unwrap();
    assert!(host.receive_packet(&syn()).is_empty());
    assert_eq!(host.drops(), [(DropReason::IpNotForUs, 1)]);
    host.stack.add_local_prefix(host.eth0, cidr("10.255.0.0/8")).unwrap();
    assert_eq!(host.stack.local_prefixes(host.eth0), [LocalPrefix::routed(cidr("10.0.0.0/8"))]);
    assert_eq!(host.receive_packet(&syn()).len(), 1);
    assert!(host.stack.remove_local_prefix(host.eth0, cidr("10.0.0.0/8")));
    assert!(!host.stack.remove_local_prefix(host.eth0, cidr("10.0.0.0/8")));
    assert!(host.receive_packet(&syn()).is_empty());
}

#[test]
fn prefixes_are_limited_and_checked() {
    let mut config = Config::default();
    config.internet.addresses_per_interface = 3;
    let mut host = Host::with(config);
    let (eth0, stack) = (host.eth0, &mut host.stack);
    assert_eq!(stack.add_local_prefix(eth0, cidr("224.0.0.0/4")), Err(AddressError::NotUnicast));
    for network in ["10.0.0.0/8", "10.0.0.0/9", "10.0.0.0/10", "10.0.0.0/8"] {
        assert_eq!(stack.add_local_prefix(eth0, cidr(network)), Ok(()));
    }
    assert_eq!(stack.add_local_prefix(eth0, cidr("11.0.0.0/8")), Err(AddressError::TooMany));
    let nowhere = InterfaceId::LOOPBACK;
    assert_eq!(stack.add_local_prefix(nowhere, cidr("11.0.0.0/8")), Ok(()));
}

/// As Linux's `ip route add local 10.0.0.0/8 dev lo`.
#[test]
fn a_prefix_on_loopback_holds_everywhere_and_for_ourselves() {
    let mut host = Host::new().knows_neighbour();
    host.stack.add_local_prefix(InterfaceId::LOOPBACK, cidr("10.0.0.0/8")).unwrap();
    let any: SocketAddr = "0.0.0.0:53".parse().unwrap();
    let server = host.stack.udp_bind(host.now, any).unwrap();
    host.receive_packet(&udp_packet("192.0.2.2", "10.1.2.3", (1000, 53), b"from afar"));
    let now = host.now;
    assert_eq!(host.stack.udp(now, server).unwrap().recv().unwrap().data, b"from afar"[..]);
    let client = host.stack.udp_bind(now, "10.9.9.9:0".parse().unwrap()).unwrap();
    host.stack.udp(now, client).unwrap().send_to(b"from here", "10.1.2.3:53".parse().unwrap()).unwrap();
    assert!(host.sent().is_empty());
    let datagram = host.stack.udp(now, server).unwrap().recv().unwrap();
    assert_eq!((datagram.source.ip(), datagram.data), ([10, 9, 9, 9].into(), Bytes::from("from here")));
}

/// A host that routes packets takes those of its own networks and sends on the others.
#[test]
fn a_router_does_not_send_on_what_is_routed_to_itself() {
    let mut host = Host::with(Config { forwarding: true, ..Config::default() }).knows_neighbour();
    host.learn("192.0.2.3".parse().unwrap());
    let syn = tcp_packet("192.0.2.2", "192.0.2.3", &segment(TcpFlags::SYN, 1, 0, 80), &[]);
    assert_eq!(ends(&host.receive_packet(&syn)[0]).1, "192.0.2.3".parse::<IpAddr>().unwrap());
    host.stack.add_local_prefix(host.eth0, cidr("192.0.2.3/32")).unwrap();
    assert_eq!(ends(&host.receive_packet(&syn)[0]).1, "192.0.2.2".parse::<IpAddr>().unwrap());
}

fn solicitation(source: &str, target: &str) -> Bytes {
    let mut options = NdpOptionBuffer::new();
    options.push(NdpOption::SourceLinkLayer(THEIRS));
    let target = target.parse().unwrap();
    let options = if source == "::" { NdpOptions::default() } else { options.options() };
    let message = Icmpv6Message::Ndp(NdpMessage::NeighborSolicitation { target, options });
    let group = crate::internet::scope::solicited_node(target);
    let mut packet = icmpv6_packet(source, &std::format!("{group}"), &message);
    packet[7] = 255;
    let [.., a, b, c] = group.octets();
    frame_to(EthernetAddress([0x33, 0x33, 0xff, a, b, c]), &packet)
}

/// RFC 4861 7.2.8, RFC 1027
#[test]
fn neighbours_are_told_of_routed_addresses_only_if_asked_for() {
    let arp_asks = |target: &str| arp_frame(EthernetAddress::BROADCAST, &arp(ArpOperation::Request, target));
    let networks = [cidr("192.0.2.128/25"), cidr("2001:db8::ab00:0/113")];
    for answer_neighbours in [false, true] {
        let mut host = Host::new().knows_neighbour();
        for network in networks {
            host.stack.add_local_prefix(host.eth0, LocalPrefix { network, answer_neighbours }).unwrap();
        }
        let replies: Vec<_> = [
            arp_asks("192.0.2.200"),
            arp_asks("192.0.2.20"),
            solicitation("2001:db8::2", "2001:db8::ab00:77"),
            solicitation("2001:db8::2", "2001:db8::77"),
            // A probe finds nobody: the address may be had.
            solicitation("::", "2001:db8::ab00:77"),
        ]
        .into_iter()
        .map(|frame| host.receive(frame).len())
        .collect();
        let asked = usize::from(answer_neighbours);
        assert_eq!(replies, [asked, 0, asked, 0, 0]);
    }
}

#[test]
fn a_proxied_address_does_not_override_its_owner() {
    let mut host = Host::new().knows_neighbour();
    let prefix = LocalPrefix { network: IpCidr::IPV6_ANY, answer_neighbours: true };
    host.stack.add_local_prefix(host.eth0, prefix).unwrap();
    let sent = host.receive(solicitation("2001:db8::2", "2001:db8::77"));
    let packet = &sent[0][EthernetHeader::LEN..];
    let (from, to) = ("2001:db8::77".parse().unwrap(), "2001:db8::2".parse().unwrap());
    let message = Icmpv6Message::parse(from, to, &packet[40..]).unwrap();
    let Icmpv6Message::Ndp(NdpMessage::NeighborAdvertisement { override_, solicited, .. }) = message else {
        panic!("{message:?}");
    };
    assert!(solicited && !override_);
    // And its own advertisement is believed.
    host.stack.udp_bind(host.now, "[2001:db8::1]:9".parse().unwrap()).unwrap();
    host.receive(frame(&advertisement("2001:db8::78", "2001:db8::1", true)));
    assert!(host.drops().is_empty(), "{:?}", host.drops());
}

#[test]
fn a_station_with_an_address_of_a_proxied_network_is_no_conflict() {
    let mut host = Host::new();
    let prefix = LocalPrefix { network: IpCidr::IPV4_ANY, answer_neighbours: true };
    host.stack.add_local_prefix(host.eth0, prefix).unwrap();
    let announcement =
        ArpPacket { sender_protocol: [192, 0, 2, 9].into(), ..arp(ArpOperation::Request, "192.0.2.9") };
    assert!(host.receive(arp_frame(EthernetAddress::BROADCAST, &announcement)).is_empty());
    assert_eq!(host.stack.counters().address_conflicts, 0);
}

/// A SYN to anywhere reaches the listener with where it wanted to go, and nothing is answered before it says so.
#[test]
fn a_listener_of_a_network_decides_before_the_syn_ack() {
    for (decision, flags) in [
        (Decision::Accept, Some(TcpFlags::SYN | TcpFlags::ACK)),
        (Decision::Refuse, Some(TcpFlags::RST | TcpFlags::ACK)),
        (Decision::Ignore, None),
    ] {
        let mut host = gateway();
        let (now, listen) = (host.now, TcpListen::any(IpCidr::IPV4_ANY));
        let listener = host.stack.tcp_listen(now, listen).unwrap();
        let syn = segment(TcpFlags::SYN, 1, 0, 443);
        assert!(host.receive_packet(&tcp_packet("192.0.2.2", "203.0.113.9", &syn, &[])).is_empty());
        let incoming = host.stack.tcp_incoming(listener).unwrap();
        assert_eq!(incoming.source, "192.0.2.2:1000".parse().unwrap());
        assert_eq!(incoming.destination, "203.0.113.9:443".parse().unwrap());
        host.stack.tcp_decide(now, incoming.id, decision);
        let sent = host.sent();
        let answer = sent.first().map(|frame| &frame[EthernetHeader::LEN..]);
        assert_eq!(answer.map(|packet| tcp_of(packet).flags), flags);
        if let Some(packet) = answer {
            assert_eq!(ends(packet), ("203.0.113.9".parse().unwrap(), "192.0.2.2".parse().unwrap()));
        }
    }
}

#[test]
fn a_connection_of_a_network_listener_has_the_address_that_the_peer_wanted() {
    let mut host = gateway();
    let listen = TcpListen { decide: false, ..TcpListen::any(IpCidr::IPV4_ANY) };
    let listener = host.stack.tcp_listen(host.now, listen).unwrap();
    let syn = segment(TcpFlags::SYN, 1, 0, 443);
    let sent = host.receive_packet(&tcp_packet("192.0.2.2", "203.0.113.9", &syn, &[]));
    let ack = segment(TcpFlags::ACK, 2, tcp_of(&sent[0]).seq.0.wrapping_add(1), 443);
    host.receive_packet(&tcp_packet("192.0.2.2", "203.0.113.9", &ack, b"hi"));
    let connection = host.stack.tcp_accept(host.now, listener).unwrap();
    let mut tcp = host.stack.tcp(host.now, connection).unwrap();
    assert_eq!(tcp.local(), "203.0.113.9:443".parse().unwrap());
    assert_eq!(tcp.recv(&mut [0; 9]), Ok(2));
    tcp.send(b"there").unwrap();
    let sent = host.sent();
    let packet = &sent[0][EthernetHeader::LEN..];
    assert_eq!(ends(packet).0, "203.0.113.9".parse::<IpAddr>().unwrap());
    assert!(packet.ends_with(b"there"));
}

#[test]
fn a_free_port_of_the_hosts_own_address_stays_closed() {
    let mut host = gateway();
    host.stack.tcp_listen(host.now, TcpListen::any(IpCidr::IPV4_ANY)).unwrap();
    let syn = segment(TcpFlags::SYN, 1, 0, 443);
    let sent = host.receive_packet(&tcp_packet("192.0.2.2", "192.0.2.1", &syn, &[]));
    assert!(tcp_of(&sent[0]).flags.contains(TcpFlags::RST));
}

#[test]
fn a_connection_can_come_from_a_routed_address() {
    let mut host = gateway();
    let local = Some("203.0.113.9:4000".parse().unwrap());
    let connect = TcpConnect { local, ..TcpConnect::to("192.0.2.2:80".parse().unwrap()) };
    host.stack.tcp_connect(host.now, connect).unwrap();
    let sent = host.sent();
    assert_eq!(ends(&sent[0][EthernetHeader::LEN..]).0, "203.0.113.9".parse::<IpAddr>().unwrap());
}

/// The connection is there before the handshake is complete, and sends the SYN-ACK itself.
#[test]
fn an_attempt_can_be_accepted_as_a_connection_of_its_own() {
    let mut host = gateway();
    let listener = host.stack.tcp_listen(host.now, TcpListen::any(IpCidr::IPV4_ANY)).unwrap();
    let syn = segment(TcpFlags::SYN, 1, 0, 443);
    host.receive_packet(&tcp_packet("192.0.2.2", "203.0.113.9", &syn, &[]));
    let incoming = host.stack.tcp_incoming(listener).unwrap();
    let id = host.stack.tcp_accept_incoming(host.now, incoming.id).unwrap();
    assert_eq!(host.stack.tcp_accept_incoming(host.now, incoming.id), None, "only once");
    let sent = host.sent();
    let syn_ack = tcp_of(&sent[0][EthernetHeader::LEN..]);
    assert_eq!((syn_ack.flags, syn_ack.ack), (TcpFlags::SYN | TcpFlags::ACK, SeqNumber(2)));
    // It is repeated, as other SYN-ACKs are.
    let times: Vec<u64> =
        host.pass(core::time::Duration::from_secs(4)).iter().map(|(ms, _)| *ms / 1000).collect();
    assert_eq!(times, [1, 3]);
    let ack = segment(TcpFlags::ACK, 2, syn_ack.seq.0.wrapping_add(1), 443);
    host.receive_packet(&tcp_packet("192.0.2.2", "203.0.113.9", &ack, b"hi"));
    let mut tcp = host.stack.tcp(host.now, id).unwrap();
    assert_eq!(tcp.state(), fathom_record::TcpStateName::Established);
    assert_eq!((tcp.recv(&mut [0; 9]), tcp.local()), (Ok(2), "203.0.113.9:443".parse().unwrap()));
    assert_eq!(host.stack.tcp_accept(host.now, listener), None, "it is in no queue beside");
}
