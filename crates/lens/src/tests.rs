//! Frames for the tests of this crate.

use std::net::{IpAddr, SocketAddr};

use fathom_wire::{
    Checksum, Ecn, IpHeader, IpProtocol, Ipv4Header, Ipv4Options, Ipv6Header, SeqNumber, TcpFlags, TcpHeader,
    UdpHeader,
};

/// An IP packet with a UDP datagram.
pub(crate) fn udp(from: &str, to: &str, data: &[u8]) -> Vec<u8> {
    let [from, to]: [SocketAddr; 2] = [from, to].map(|address| address.parse().unwrap());
    let length = (UdpHeader::LEN + data.len()) as u16;
    let header = UdpHeader { source_port: from.port(), destination_port: to.port(), length, checksum: 0 };
    let mut datagram = vec![0; UdpHeader::LEN];
    header.emit(&mut datagram);
    datagram.extend(data);
    ip(from.ip(), to.ip(), IpProtocol::Udp, datagram, UdpHeader::CHECKSUM_OFFSET)
}

/// An IP packet with a TCP segment: ACK and data.
pub(crate) fn tcp(from: &str, to: &str, seq: u32, data: &[u8]) -> Vec<u8> {
    segment(
        from,
        to,
        TcpHeader { seq: SeqNumber(seq), ack: SeqNumber(1), flags: TcpFlags::ACK, ..TcpHeader::default() },
        data,
    )
}

/// An IP packet with a TCP segment of this header, but for its ports.
pub(crate) fn segment(from: &str, to: &str, header: TcpHeader, data: &[u8]) -> Vec<u8> {
    let [from, to]: [SocketAddr; 2] = [from, to].map(|address| address.parse().unwrap());
    let header = TcpHeader { source_port: from.port(), destination_port: to.port(), window: 501, ..header };
    let mut segment = vec![0; header.header_len()];
    header.emit(&mut segment);
    segment.extend(data);
    ip(from.ip(), to.ip(), IpProtocol::Tcp, segment, TcpHeader::CHECKSUM_OFFSET)
}

/// An IP packet; the checksum of what it carries is filled in.
pub(crate) fn ip(
    from: IpAddr,
    to: IpAddr,
    protocol: IpProtocol,
    mut payload: Vec<u8>,
    checksum: usize,
) -> Vec<u8> {
    let mut sum = Checksum::new();
    sum.pseudo_header(from, to, protocol, payload.len() as u32);
    sum.add(&payload);
    payload[checksum..checksum + 2].copy_from_slice(&sum.finish().to_be_bytes());
    let header = match (from, to) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => IpHeader::V4(Ipv4Header {
            source,
            destination,
            protocol,
            hop_limit: 64,
            dscp: 0,
            ecn: Ecn::NotEct,
            identification: 1,
            dont_fragment: true,
            more_fragments: false,
            fragment_offset: 0,
            payload_len: payload.len() as u16,
            options: Ipv4Options::default(),
        }),
        (IpAddr::V6(source), IpAddr::V6(destination)) => IpHeader::V6(Ipv6Header {
            source,
            destination,
            next_header: protocol,
            hop_limit: 64,
            dscp: 0,
            ecn: Ecn::NotEct,
            flow_label: 0,
            payload_len: payload.len() as u16,
        }),
        _ => panic!("{from} and {to} are of different families"),
    };
    let mut packet = vec![0; header.header_len()];
    header.emit(&mut packet);
    packet.extend(payload);
    packet
}

/// An Ethernet header before a packet.
pub(crate) fn ethernet(ether_type: u16, packet: &[u8]) -> Vec<u8> {
    let addresses: [u8; 12] = [2, 0, 0, 0, 0, 0xfe, 2, 0, 0, 0, 0, 1];
    [&addresses[..], &ether_type.to_be_bytes(), packet].concat()
}
