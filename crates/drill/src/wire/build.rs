//! Packets that arrive: from the script to bytes.

use std::net::{IpAddr, SocketAddr};

use fathom_wire::internet::{icmpv4, icmpv6};
use fathom_wire::{
    Checksum, Ecn, Icmpv4Message, Icmpv6Message, IpHeader, IpProtocol, Ipv4Header, Ipv4Options, Ipv6Header,
    SeqNumber, TcpFlags, TcpHeader, UdpHeader,
};

use super::flow::Flow;
use super::{data, options};
use crate::script::{Body, EcnSpec, Icmp, Ip, Options, Packet, Quoted, Tcp};

/// Hop limit of what arrives, unless the script says otherwise.
const HOP_LIMIT: u8 = 255;
/// What a router quotes of a packet, its IP header included (RFC 1812 4.3.2.3).
const QUOTED: usize = 576 - 20 - 8;

/// The bytes of a packet that arrives in this conversation; of an ICMP error, `flow` is that of the packet it
/// quotes.
pub(crate) fn build(packet: &Packet, flow: &Flow) -> Vec<u8> {
    let Flow { local, remote, .. } = *flow;
    match &packet.body {
        Body::Tcp(tcp) => {
            let mut segment = segment(tcp, flow, remote.port(), local.port());
            seal(&mut segment, remote, local, IpProtocol::Tcp, packet.ip.bad_checksum);
            wrap(&packet.ip, remote.ip(), local.ip(), IpProtocol::Tcp, &segment)
        }
        Body::Udp(len) => {
            let mut datagram = datagram(*len, remote.port(), local.port());
            seal(&mut datagram, remote, local, IpProtocol::Udp, packet.ip.bad_checksum);
            wrap(&packet.ip, remote.ip(), local.ip(), IpProtocol::Udp, &datagram)
        }
        Body::Icmp(message) => icmp(message, &packet.ip, flow),
    }
}

/// A segment from the peer, with a checksum of zero.
fn segment(tcp: &Tcp, flow: &Flow, source_port: u16, destination_port: u16) -> Vec<u8> {
    let options = match &tcp.options {
        Options::These(these) => {
            options::encode(these, |seq| flow.live_sequence(seq), |stamp| flow.live_stamp(stamp))
        }
        Options::Any => Vec::new(),
    };
    let header = TcpHeader {
        source_port,
        destination_port,
        seq: SeqNumber(tcp.seq),
        ack: SeqNumber(tcp.ack.map_or(0, |ack| flow.live_sequence(ack))),
        flags: tcp.flags,
        window: tcp.window.unwrap_or_default(),
        urgent: tcp.urgent.unwrap_or_default(),
        options: Default::default(),
    };
    let mut bytes = vec![0; TcpHeader::LEN];
    header.emit(&mut bytes);
    bytes[12] = (((TcpHeader::LEN + options.len()) / 4) as u8) << 4 | (bytes[12] & 0x0f);
    bytes.extend(options);
    // Data stands in the stream behind the SYN.
    let isn = flow.remote_isn().unwrap_or(tcp.seq.wrapping_sub(1));
    let first = tcp.seq.wrapping_sub(isn).wrapping_sub(u32::from(!tcp.flags.contains(TcpFlags::SYN)));
    bytes.extend(data(first.into(), tcp.len.into()));
    bytes
}

fn datagram(len: u16, source_port: u16, destination_port: u16) -> Vec<u8> {
    let length = UdpHeader::LEN as u16 + len;
    let mut bytes = vec![0; UdpHeader::LEN];
    UdpHeader { source_port, destination_port, length, checksum: 0 }.emit(&mut bytes);
    bytes.extend(data(0, len.into()));
    bytes
}

/// Writes the checksum, or a wrong one.
fn seal(bytes: &mut [u8], source: SocketAddr, destination: SocketAddr, protocol: IpProtocol, bad: bool) {
    let mut sum = Checksum::new();
    sum.pseudo_header(source.ip(), destination.ip(), protocol, bytes.len() as u32);
    sum.add(bytes);
    let (offset, checksum) = match protocol {
        IpProtocol::Udp => (6, sum.finish_udp()),
        _ => (TcpHeader::CHECKSUM_OFFSET, sum.finish()),
    };
    // In UDP, 0 would mean that there is none.
    let checksum = if bad { checksum ^ if checksum == 1 { 2 } else { 1 } } else { checksum };
    bytes[offset..offset + 2].copy_from_slice(&checksum.to_be_bytes());
}

/// A packet with this payload.
fn wrap(ip: &Ip, source: IpAddr, destination: IpAddr, protocol: IpProtocol, payload: &[u8]) -> Vec<u8> {
    let ecn = match ip.ecn {
        None | Some(EcnSpec::NotEct) => Ecn::NotEct,
        Some(EcnSpec::Ect0 | EcnSpec::Ect) => Ecn::Ect0,
        Some(EcnSpec::Ect1) => Ecn::Ect1,
        Some(EcnSpec::Ce) => Ecn::Ce,
    };
    let (dscp, ecn) = ip.tos.map_or((0, ecn), |tos| (tos >> 2, Ecn::from_bits(tos)));
    let hop_limit = ip.ttl.unwrap_or(HOP_LIMIT);
    let payload_len = payload.len() as u16;
    let header = match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => IpHeader::V4(Ipv4Header {
            source,
            destination,
            protocol,
            hop_limit,
            dscp,
            ecn,
            identification: 0,
            dont_fragment: ip.dont_fragment.unwrap_or(true),
            more_fragments: false,
            fragment_offset: 0,
            payload_len,
            options: Ipv4Options::default(),
        }),
        (source, destination) => IpHeader::V6(Ipv6Header {
            source: v6(source),
            destination: v6(destination),
            next_header: protocol,
            hop_limit,
            dscp,
            ecn,
            flow_label: ip.flow_label.unwrap_or_default(),
            payload_len,
        }),
    };
    let mut packet = vec![0; header.header_len()];
    header.emit(&mut packet);
    packet.extend(payload);
    packet
}

fn v6(address: IpAddr) -> std::net::Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

fn icmp(message: &Icmp, ip: &Ip, flow: &Flow) -> Vec<u8> {
    let quoted = message.quoted.map(|quoted| self::quoted(&quoted, flow)).unwrap_or_default();
    // A router tells of it, which we take to be at the peer's address: it may be any.
    let (source, destination) = (flow.remote.ip(), flow.local.ip());
    let mtu = message.mtu.unwrap_or_default();
    match (source, destination) {
        (IpAddr::V4(_), IpAddr::V4(_)) => {
            let invoking = quoted.as_slice();
            let message = match message.kind {
                icmpv4::kind::DESTINATION_UNREACHABLE => Icmpv4Message::DestinationUnreachable {
                    code: message.code,
                    next_hop_mtu: mtu as u16,
                    invoking,
                },
                kind => Icmpv4Message::Unknown { kind, code: message.code, rest: [0; 4], body: invoking },
            };
            let mut bytes = vec![0; message.len()];
            message.emit(&mut bytes);
            if ip.bad_checksum {
                bytes[2] ^= 1;
            }
            wrap(ip, source, destination, IpProtocol::Icmpv4, &bytes)
        }
        (source, destination) => {
            let (from, to) = (v6(source), v6(destination));
            let body = quoted.as_slice();
            let message = match message.kind {
                icmpv6::kind::PACKET_TOO_BIG => Icmpv6Message::PacketTooBig { mtu, invoking: body },
                kind => Icmpv6Message::Unknown { kind, code: message.code, rest: [0; 4], body },
            };
            let mut bytes = vec![0; message.len()];
            message.emit(from, to, &mut bytes);
            if ip.bad_checksum {
                bytes[2] ^= 1;
            }
            wrap(ip, source, destination, IpProtocol::Icmpv6, &bytes)
        }
    }
}

/// The packet of ours that an error is about, as far as a router quotes it.
fn quoted(quoted: &Quoted, flow: &Flow) -> Vec<u8> {
    let Flow { local, remote, .. } = *flow;
    let (protocol, mut payload) = match *quoted {
        Quoted::Udp(len) => (IpProtocol::Udp, datagram(len, local.port(), remote.port())),
        Quoted::Tcp(seq, len) => {
            let header = TcpHeader {
                source_port: local.port(),
                destination_port: remote.port(),
                seq: SeqNumber(flow.live_sequence(seq)),
                flags: TcpFlags::ACK,
                ..TcpHeader::default()
            };
            let mut bytes = vec![0; TcpHeader::LEN];
            header.emit(&mut bytes);
            bytes.extend(data(0, len.into()));
            (IpProtocol::Tcp, bytes)
        }
    };
    seal(&mut payload, local, remote, protocol, false);
    let mut packet = wrap(&Ip::default(), local.ip(), remote.ip(), protocol, &payload);
    packet.truncate(QUOTED);
    packet
}
