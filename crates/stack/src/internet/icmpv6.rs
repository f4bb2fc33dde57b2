//! ICMP for IPv6 (RFC 4443).

use alloc::vec;
use core::net::Ipv6Addr;

use bytes::Bytes;
use fathom_wire::internet::icmpv6::{exceeded, parameter, unreachable};
use fathom_wire::{Icmpv6Message, IpProtocol};

use crate::internet::icmp::{self, Meaning};
use crate::packet::{Departing, IcmpErrorKind};

/// Reads an ICMPv6 message; `None` when it is malformed.
pub(crate) fn receive(source: Ipv6Addr, destination: Ipv6Addr, bytes: &Bytes) -> Option<Meaning> {
    let error = |kind, invoking| Meaning::Error { kind, invoking: bytes.slice_ref(invoking) };
    Some(match Icmpv6Message::parse(source, destination, bytes).ok()? {
        Icmpv6Message::EchoRequest { identifier, sequence, data } => {
            Meaning::EchoRequest { identifier, sequence, data: bytes.slice_ref(data) }
        }
        Icmpv6Message::EchoReply { .. } => Meaning::EchoReply,
        Icmpv6Message::DestinationUnreachable { code, invoking } => error(unreachable_kind(code), invoking),
        Icmpv6Message::PacketTooBig { mtu, invoking } => error(IcmpErrorKind::PacketTooBig { mtu }, invoking),
        Icmpv6Message::TimeExceeded { code: exceeded::REASSEMBLY, invoking } => {
            error(IcmpErrorKind::ReassemblyTimeout, invoking)
        }
        Icmpv6Message::TimeExceeded { invoking, .. } => error(IcmpErrorKind::HopLimitExceeded, invoking),
        Icmpv6Message::ParameterProblem { code: parameter::NEXT_HEADER, invoking, .. } => {
            error(IcmpErrorKind::ProtocolUnreachable, invoking)
        }
        Icmpv6Message::ParameterProblem { invoking, .. } => error(IcmpErrorKind::ParameterProblem, invoking),
        Icmpv6Message::Ndp(_) => Meaning::NeighbourDiscovery,
        Icmpv6Message::Mld(_) => Meaning::ListenerDiscovery,
        // RFC 4443 2.4 a: an error of an unknown type is passed up as far as it can be read.
        Icmpv6Message::Unknown { kind, body, .. } if kind < 128 => {
            error(IcmpErrorKind::ParameterProblem, body)
        }
        Icmpv6Message::Unknown { .. } => Meaning::Nothing,
    })
}

fn unreachable_kind(code: u8) -> IcmpErrorKind {
    match code {
        unreachable::NO_ROUTE | unreachable::BEYOND_SCOPE | unreachable::REJECT_ROUTE => {
            IcmpErrorKind::NetworkUnreachable
        }
        unreachable::PROHIBITED | unreachable::SOURCE_POLICY => IcmpErrorKind::Prohibited,
        unreachable::PORT => IcmpErrorKind::PortUnreachable,
        _ => IcmpErrorKind::HostUnreachable,
    }
}

/// The packet of an ICMPv6 message. Copies the message's data.
pub(crate) fn departing(
    source: Ipv6Addr,
    destination: Ipv6Addr,
    hop_limit: u8,
    message: &Icmpv6Message<'_>,
) -> Departing {
    let mut bytes = vec![0; message.len()];
    message.emit(source, destination, &mut bytes);
    icmp::packet(source.into(), destination.into(), IpProtocol::Icmpv6, hop_limit, bytes.into())
}
