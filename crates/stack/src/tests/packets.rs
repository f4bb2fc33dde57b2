//! Packets for tests, made with the wire crate.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::vec;
use std::vec::Vec;

use bytes::Bytes;
use fathom_wire::internet::ndp::NdpOptionBuffer;
use fathom_wire::{
    Checksum, Ecn, EtherType, EthernetAddress, EthernetHeader, Icmpv4Message, Icmpv6Message, IpHeader,
    IpProtocol, Ipv4Header, Ipv4Options, Ipv6Header, NdpMessage, NdpOption, TcpHeader, UdpHeader,
};

/// The stack under test.
pub(crate) const OURS: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 1]);
/// The station that sends to it.
pub(crate) const THEIRS: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 2]);

/// An IPv4 header with nothing special about it.
pub(crate) fn v4_header(
    source: &str,
    destination: &str,
    protocol: IpProtocol,
    payload_len: usize,
) -> Ipv4Header {
    Ipv4Header {
        source: source.parse::<Ipv4Addr>().unwrap(),
        destination: destination.parse::<Ipv4Addr>().unwrap(),
        protocol,
        hop_limit: 64,
        dscp: 0,
        ecn: Ecn::NotEct,
        identification: 1,
        dont_fragment: false,
        more_fragments: false,
        fragment_offset: 0,
        payload_len: payload_len as u16,
        options: Ipv4Options::default(),
    }
}

/// An IPv6 header with nothing special about it.
pub(crate) fn v6_header(
    source: &str,
    destination: &str,
    next_header: IpProtocol,
    payload_len: usize,
) -> Ipv6Header {
    Ipv6Header {
        source: source.parse::<Ipv6Addr>().unwrap(),
        destination: destination.parse::<Ipv6Addr>().unwrap(),
        next_header,
        hop_limit: 64,
        dscp: 0,
        ecn: Ecn::NotEct,
        flow_label: 0,
        payload_len: payload_len as u16,
    }
}

/// A packet of either version.
pub(crate) fn packet(header: impl Into<IpHeader>, payload: &[u8]) -> Vec<u8> {
    let header = header.into();
    let mut bytes = vec![0; header.header_len()];
    header.emit(&mut bytes);
    bytes.extend_from_slice(payload);
    bytes
}

/// A packet without anything special about it, of the version that its addresses say.
pub(crate) fn plain(source: &str, destination: &str, protocol: IpProtocol, payload: &[u8]) -> Vec<u8> {
    if source.contains(':') {
        packet(v6_header(source, destination, protocol, payload.len()), payload)
    } else {
        packet(v4_header(source, destination, protocol, payload.len()), payload)
    }
}

/// A UDP datagram, checksum included.
pub(crate) fn udp(source: &str, destination: &str, ports: (u16, u16), data: &[u8]) -> Vec<u8> {
    let (source, destination): (IpAddr, IpAddr) = (source.parse().unwrap(), destination.parse().unwrap());
    let length = (UdpHeader::LEN + data.len()) as u16;
    let mut header = UdpHeader { source_port: ports.0, destination_port: ports.1, length, checksum: 0 };
    let mut bytes = vec![0; UdpHeader::LEN];
    header.emit(&mut bytes);
    bytes.extend_from_slice(data);
    let mut sum = Checksum::new();
    sum.pseudo_header(source, destination, IpProtocol::Udp, length.into());
    sum.add(&bytes);
    header.checksum = sum.finish_udp();
    header.emit(&mut bytes[..UdpHeader::LEN]);
    bytes
}

/// A UDP packet.
pub(crate) fn udp_packet(source: &str, destination: &str, ports: (u16, u16), data: &[u8]) -> Vec<u8> {
    plain(source, destination, IpProtocol::Udp, &udp(source, destination, ports, data))
}

/// A TCP segment in a packet, checksum included.
pub(crate) fn tcp_packet(source: &str, destination: &str, header: &TcpHeader, data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; header.header_len()];
    header.emit(&mut bytes);
    bytes.extend_from_slice(data);
    let mut sum = Checksum::new();
    let len = bytes.len() as u32;
    sum.pseudo_header(source.parse().unwrap(), destination.parse().unwrap(), IpProtocol::Tcp, len);
    sum.add(&bytes);
    let field = TcpHeader::CHECKSUM_OFFSET..TcpHeader::CHECKSUM_OFFSET + 2;
    bytes[field].copy_from_slice(&sum.finish().to_be_bytes());
    plain(source, destination, IpProtocol::Tcp, &bytes)
}

/// An ICMP message in a packet.
pub(crate) fn icmpv4_packet(source: &str, destination: &str, message: &Icmpv4Message<'_>) -> Vec<u8> {
    let mut bytes = vec![0; message.len()];
    message.emit(&mut bytes);
    plain(source, destination, IpProtocol::Icmpv4, &bytes)
}

/// An ICMPv6 message.
pub(crate) fn icmpv6(source: &str, destination: &str, message: &Icmpv6Message<'_>) -> Vec<u8> {
    let mut bytes = vec![0; message.len()];
    message.emit(source.parse().unwrap(), destination.parse().unwrap(), &mut bytes);
    bytes
}

/// An ICMPv6 message in a packet.
pub(crate) fn icmpv6_packet(source: &str, destination: &str, message: &Icmpv6Message<'_>) -> Vec<u8> {
    plain(source, destination, IpProtocol::Icmpv6, &icmpv6(source, destination, message))
}

/// A neighbour advertisement by [`THEIRS`] of `target`, in a packet.
pub(crate) fn advertisement(target: &str, destination: &str, solicited: bool) -> Vec<u8> {
    let mut options = NdpOptionBuffer::new();
    options.push(NdpOption::TargetLinkLayer(THEIRS));
    let (router, override_, options) = (false, true, options.options());
    let told = target.parse().unwrap();
    let message = NdpMessage::NeighborAdvertisement { router, solicited, override_, target: told, options };
    let mut packet = icmpv6_packet(target, destination, &Icmpv6Message::Ndp(message));
    packet[7] = 255;
    packet
}

/// A frame from [`THEIRS`] with an IP packet, to [`OURS`].
pub(crate) fn frame(packet: &[u8]) -> Bytes {
    frame_to(OURS, packet)
}

/// A frame from [`THEIRS`] with an IP packet.
pub(crate) fn frame_to(destination: EthernetAddress, packet: &[u8]) -> Bytes {
    let ether_type = if packet[0] >> 4 == 4 { EtherType::Ipv4 } else { EtherType::Ipv6 };
    let header = EthernetHeader { destination, source: THEIRS, vlan: None, ether_type };
    let mut bytes = vec![0; EthernetHeader::LEN];
    header.emit(&mut bytes);
    bytes.extend_from_slice(packet);
    bytes.into()
}
