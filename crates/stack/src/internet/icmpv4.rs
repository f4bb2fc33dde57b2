//! ICMP for IPv4 (RFC 792, RFC 1122 3.2.2).

use alloc::vec;
use core::net::Ipv4Addr;

use bytes::Bytes;
use fathom_wire::internet::icmpv4::{exceeded, unreachable};
use fathom_wire::{Icmpv4Message, IpProtocol};

use crate::internet::icmp::{self, Meaning};
use crate::packet::{Departing, IcmpErrorKind};

/// Reads a message; `None` when it is malformed.
pub(crate) fn receive(bytes: &Bytes) -> Option<Meaning> {
    let error = |kind, invoking| Meaning::Error { kind, invoking: bytes.slice_ref(invoking) };
    Some(match Icmpv4Message::parse(bytes).ok()? {
        Icmpv4Message::EchoRequest { identifier, sequence, data } => {
            Meaning::EchoRequest { identifier, sequence, data: bytes.slice_ref(data) }
        }
        Icmpv4Message::EchoReply { .. } => Meaning::EchoReply,
        Icmpv4Message::DestinationUnreachable { code, next_hop_mtu, invoking } => {
            error(unreachable_kind(code, next_hop_mtu), invoking)
        }
        Icmpv4Message::TimeExceeded { code: exceeded::REASSEMBLY, invoking } => {
            error(IcmpErrorKind::ReassemblyTimeout, invoking)
        }
        Icmpv4Message::TimeExceeded { invoking, .. } => error(IcmpErrorKind::HopLimitExceeded, invoking),
        Icmpv4Message::ParameterProblem { invoking, .. } => error(IcmpErrorKind::ParameterProblem, invoking),
        // Routes are the configuration's; a redirect is not obeyed. Source quench (RFC 6633 6) and all
        // else is ignored.
        Icmpv4Message::Redirect { .. } | Icmpv4Message::Unknown { .. } => Meaning::Nothing,
    })
}

fn unreachable_kind(code: u8, next_hop_mtu: u16) -> IcmpErrorKind {
    match code {
        // Codes 6 and 11 are about networks too (RFC 1122 3.2.2.1).
        unreachable::NET | 6 | 11 => IcmpErrorKind::NetworkUnreachable,
        unreachable::PROTOCOL => IcmpErrorKind::ProtocolUnreachable,
        unreachable::PORT => IcmpErrorKind::PortUnreachable,
        unreachable::FRAGMENTATION_NEEDED => IcmpErrorKind::PacketTooBig { mtu: u32::from(next_hop_mtu) },
        unreachable::NET_PROHIBITED | unreachable::HOST_PROHIBITED | unreachable::PROHIBITED => {
            IcmpErrorKind::Prohibited
        }
        _ => IcmpErrorKind::HostUnreachable,
    }
}

/// The packet of a message. Copies the message's data.
pub(crate) fn departing(
    source: Ipv4Addr,
    destination: Ipv4Addr,
    hop_limit: u8,
    message: &Icmpv4Message<'_>,
) -> Departing {
    let mut bytes = vec![0; message.len()];
    message.emit(&mut bytes);
    icmp::packet(source.into(), destination.into(), IpProtocol::Icmpv4, hop_limit, bytes.into())
}
