//! A packet that left the stack, taken apart.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use fathom_wire::{Checksum, Icmpv4Message, Icmpv6Message, IpHeader, IpProtocol, TcpHeader, UdpHeader};

use super::options;
use crate::script::TcpOption;

/// A packet that left the stack.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Seen {
    /// When, since the script's zero.
    pub(crate) at: Duration,
    /// Its IP header.
    pub(crate) ip: IpHeader,
    /// What it carries.
    pub(crate) body: SeenBody,
}

/// What a packet carries, with live numbers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum SeenBody {
    Tcp {
        header: Box<TcpHeader>,
        options: Vec<TcpOption>,
        data: Bytes,
    },
    Udp {
        header: UdpHeader,
        data: Bytes,
    },
    Icmp {
        kind: u8,
        code: u8,
        mtu: Option<u32>,
        quoted: Option<QuotedSeen>,
    },
    /// What no script can describe, in words.
    Other(String),
}

/// The packet that an ICMP error of ours quotes: one that arrived, so its numbers are the script's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum QuotedSeen {
    Tcp { source: SocketAddr, destination: SocketAddr, seq: u32, len: u16 },
    Udp { source: SocketAddr, destination: SocketAddr, len: u16 },
}

impl Seen {
    /// Takes a packet apart. `None` when it is no IP packet.
    pub(crate) fn read(at: Duration, packet: &Bytes) -> Option<Seen> {
        let ip = IpHeader::parse(packet).ok()?;
        let payload = packet.slice(ip.header_len()..ip.header_len() + ip.payload_len());
        let is_fragment = matches!(&ip, IpHeader::V4(header) if header.is_fragment());
        let body = if is_fragment {
            SeenBody::Other(format!("a fragment of {}", ip.protocol()))
        } else {
            body(&ip, &payload)
        };
        Some(Seen { at, ip, body })
    }

    /// Who sent it.
    pub(crate) fn source(&self) -> Option<SocketAddr> {
        Some(SocketAddr::new(self.ip.source(), self.ports()?.0))
    }

    /// Whom it is for.
    pub(crate) fn destination(&self) -> Option<SocketAddr> {
        Some(SocketAddr::new(self.ip.destination(), self.ports()?.1))
    }

    fn ports(&self) -> Option<(u16, u16)> {
        match &self.body {
            SeenBody::Tcp { header, .. } => Some((header.source_port, header.destination_port)),
            SeenBody::Udp { header, .. } => Some((header.source_port, header.destination_port)),
            SeenBody::Icmp { .. } | SeenBody::Other(_) => None,
        }
    }
}

fn body(ip: &IpHeader, payload: &Bytes) -> SeenBody {
    let (source, destination) = (ip.source(), ip.destination());
    let has_checksum = |protocol| {
        let mut sum = Checksum::new();
        sum.pseudo_header(source, destination, protocol, payload.len() as u32);
        sum.add(payload);
        sum.is_valid()
    };
    match ip.protocol() {
        IpProtocol::Tcp if !has_checksum(IpProtocol::Tcp) => {
            SeenBody::Other("a segment with a wrong checksum".into())
        }
        IpProtocol::Tcp => match TcpHeader::parse(payload) {
            Ok(header) => {
                let offset = TcpHeader::data_offset(payload);
                let options = options::decode(&payload[TcpHeader::LEN..offset]);
                SeenBody::Tcp { header: Box::new(header), options, data: payload.slice(offset..) }
            }
            Err(error) => SeenBody::Other(error.to_string()),
        },
        IpProtocol::Udp => match UdpHeader::parse(payload) {
            Ok(header) if header.checksum != 0 && !has_checksum(IpProtocol::Udp) => {
                SeenBody::Other("a datagram with a wrong checksum".into())
            }
            Ok(header) => SeenBody::Udp { header, data: payload.slice(UdpHeader::LEN..) },
            Err(error) => SeenBody::Other(error.to_string()),
        },
        IpProtocol::Icmpv4 => match Icmpv4Message::parse(payload) {
            Ok(message) => icmpv4(&message),
            Err(error) => SeenBody::Other(error.to_string()),
        },
        IpProtocol::Icmpv6 => match (source, destination) {
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                match Icmpv6Message::parse(source, destination, payload) {
                    Ok(message) => icmpv6(&message),
                    Err(error) => SeenBody::Other(error.to_string()),
                }
            }
            _ => SeenBody::Other("ICMPv6 over IPv4".into()),
        },
        other => SeenBody::Other(format!("a packet of {other}")),
    }
}

fn icmpv4(message: &Icmpv4Message<'_>) -> SeenBody {
    use fathom_wire::internet::icmpv4::{kind, unreachable};
    let (kind, code, mtu, invoking): (u8, u8, Option<u32>, &[u8]) = match *message {
        Icmpv4Message::EchoRequest { .. } => (kind::ECHO_REQUEST, 0, None, &[]),
        Icmpv4Message::EchoReply { .. } => (kind::ECHO_REPLY, 0, None, &[]),
        Icmpv4Message::DestinationUnreachable { code, next_hop_mtu, invoking } => {
            let mtu = (code == unreachable::FRAGMENTATION_NEEDED).then_some(next_hop_mtu.into());
            (kind::DESTINATION_UNREACHABLE, code, mtu, invoking)
        }
        Icmpv4Message::TimeExceeded { code, invoking } => (kind::TIME_EXCEEDED, code, None, invoking),
        Icmpv4Message::ParameterProblem { code, invoking, .. } => {
            (kind::PARAMETER_PROBLEM, code, None, invoking)
        }
        Icmpv4Message::Redirect { code, invoking, .. } => (kind::REDIRECT, code, None, invoking),
        Icmpv4Message::Unknown { kind, code, .. } => (kind, code, None, &[]),
    };
    SeenBody::Icmp { kind, code, mtu, quoted: quoted(invoking) }
}

fn icmpv6(message: &Icmpv6Message<'_>) -> SeenBody {
    use fathom_wire::internet::icmpv6::kind;
    let (kind, code, mtu, invoking): (u8, u8, Option<u32>, &[u8]) = match *message {
        Icmpv6Message::EchoRequest { .. } => (kind::ECHO_REQUEST, 0, None, &[]),
        Icmpv6Message::EchoReply { .. } => (kind::ECHO_REPLY, 0, None, &[]),
        Icmpv6Message::DestinationUnreachable { code, invoking } => {
            (kind::DESTINATION_UNREACHABLE, code, None, invoking)
        }
        Icmpv6Message::PacketTooBig { mtu, invoking } => (kind::PACKET_TOO_BIG, 0, Some(mtu), invoking),
        Icmpv6Message::TimeExceeded { code, invoking } => (kind::TIME_EXCEEDED, code, None, invoking),
        Icmpv6Message::ParameterProblem { code, invoking, .. } => {
            (kind::PARAMETER_PROBLEM, code, None, invoking)
        }
        Icmpv6Message::Ndp(_) => return SeenBody::Other("a message of Neighbor Discovery".into()),
        Icmpv6Message::Mld(_) => return SeenBody::Other("a message of Multicast Listener Discovery".into()),
        Icmpv6Message::Unknown { kind, code, .. } => (kind, code, None, &[]),
    };
    SeenBody::Icmp { kind, code, mtu, quoted: quoted(invoking) }
}

/// The ports and numbers of a quoted packet, which may be cut behind its first 8 bytes.
fn quoted(invoking: &[u8]) -> Option<QuotedSeen> {
    let ip = IpHeader::parse_quoted(invoking).ok()?;
    let transport = invoking.get(ip.header_len()..)?;
    let first: &[u8; 8] = transport.first_chunk()?;
    let port = |at: usize| u16::from_be_bytes([first[at], first[at + 1]]);
    let source = SocketAddr::new(ip.source(), port(0));
    let destination = SocketAddr::new(ip.destination(), port(2));
    match ip.protocol() {
        IpProtocol::Udp => {
            let len = (ip.payload_len() as u16).saturating_sub(UdpHeader::LEN as u16);
            Some(QuotedSeen::Udp { source, destination, len })
        }
        IpProtocol::Tcp => {
            let seq = u32::from_be_bytes([first[4], first[5], first[6], first[7]]);
            // Without options where the quotation ends before it says.
            let offset = transport.get(12).map_or(20, |byte| usize::from(byte >> 4) * 4);
            let len = ip.payload_len().saturating_sub(offset) as u16;
            Some(QuotedSeen::Tcp { source, destination, seq, len })
        }
        _ => None,
    }
}
