//! ICMP for IPv6 (RFC 4443). The Neighbor Discovery messages are in [`ndp`].

use core::net::Ipv6Addr;

use super::mld::{self, MldMessage};
use super::ndp::{self, NdpMessage};
use crate::header::header;
use crate::{Checksum, Field, IpProtocol, ParseError};

/// Message types (IANA "ICMPv6 type Numbers").
pub mod kind {
    /// Destination unreachable.
    pub const DESTINATION_UNREACHABLE: u8 = 1;
    /// Packet too big.
    pub const PACKET_TOO_BIG: u8 = 2;
    /// Time exceeded.
    pub const TIME_EXCEEDED: u8 = 3;
    /// Parameter problem.
    pub const PARAMETER_PROBLEM: u8 = 4;
    /// Echo request.
    pub const ECHO_REQUEST: u8 = 128;
    /// Echo reply.
    pub const ECHO_REPLY: u8 = 129;
    /// Multicast listener query (RFC 2710 3, RFC 3810 5.1).
    pub const LISTENER_QUERY: u8 = 130;
    /// Multicast listener report of version 1 (RFC 2710 3).
    pub const LISTENER_REPORT: u8 = 131;
    /// Multicast listener done (RFC 2710 3).
    pub const LISTENER_DONE: u8 = 132;
    /// Router solicitation (RFC 4861 4.1).
    pub const ROUTER_SOLICITATION: u8 = 133;
    /// Router advertisement (RFC 4861 4.2).
    pub const ROUTER_ADVERTISEMENT: u8 = 134;
    /// Neighbor solicitation (RFC 4861 4.3).
    pub const NEIGHBOR_SOLICITATION: u8 = 135;
    /// Neighbor advertisement (RFC 4861 4.4).
    pub const NEIGHBOR_ADVERTISEMENT: u8 = 136;
    /// Redirect (RFC 4861 4.5).
    pub const REDIRECT: u8 = 137;
    /// Multicast listener report of version 2 (RFC 3810 5.2).
    pub const LISTENER_REPORT_V2: u8 = 143;
}

/// Codes of destination unreachable (RFC 4443 3.1).
pub mod unreachable {
    /// No route to the destination.
    pub const NO_ROUTE: u8 = 0;
    /// Communication is administratively prohibited.
    pub const PROHIBITED: u8 = 1;
    /// Beyond the scope of the source address.
    pub const BEYOND_SCOPE: u8 = 2;
    /// The host does not answer.
    pub const ADDRESS: u8 = 3;
    /// Nobody listens on the port.
    pub const PORT: u8 = 4;
    /// The source address failed a policy.
    pub const SOURCE_POLICY: u8 = 5;
    /// The route to the destination rejects packets.
    pub const REJECT_ROUTE: u8 = 6;
}

/// Codes of time exceeded (RFC 4443 3.3).
pub mod exceeded {
    /// The hop limit reached zero on the way.
    pub const IN_TRANSIT: u8 = 0;
    /// Not all fragments arrived in time.
    pub const REASSEMBLY: u8 = 1;
}

/// Codes of parameter problem (RFC 4443 3.4, RFC 7112 6).
pub mod parameter {
    /// A header field is wrong.
    pub const FIELD: u8 = 0;
    /// The next header is not recognized.
    pub const NEXT_HEADER: u8 = 1;
    /// The option is not recognized.
    pub const OPTION: u8 = 2;
    /// The first fragment does not hold the whole header chain.
    pub const INCOMPLETE_CHAIN: u8 = 3;
}

header! {
    /// What every ICMPv6 message begins with.
    pub struct Icmpv6Fixed: "ICMPv6 message", 8 bytes {
        /// Type of the message; below 128 it is an error.
        kind: u8 = 0..8, "RFC 4443 2.1";
        /// Subtype.
        code: u8 = 8..16, "RFC 4443 2.1";
        /// Checksum over pseudo-header and message.
        checksum: u16 = 16..32, "RFC 4443 2.3";
        /// What the type defines.
        rest: u32 = 32..64, "RFC 4443 2.1";
    }
}

header! {
    /// An echo request or reply, before its data.
    pub struct Icmpv6EchoFixed: "ICMPv6 echo", 8 bytes {
        /// 128 for a request, 129 for a reply.
        kind: u8 = 0..8, "RFC 4443 4.1";
        /// 0.
        code: u8 = 8..16, "RFC 4443 4.1";
        /// Checksum over pseudo-header and message.
        checksum: u16 = 16..32, "RFC 4443 2.3";
        /// Which program asks.
        identifier: u16 = 32..48, "RFC 4443 4.1";
        /// Which of its requests.
        sequence: u16 = 48..64, "RFC 4443 4.1";
    }
}

header! {
    /// Packet too big, before the packet that it quotes.
    pub struct Icmpv6TooBigFixed: "ICMPv6 packet too big", 8 bytes {
        /// 2.
        kind: u8 = 0..8, "RFC 4443 3.2";
        /// 0, ignored.
        code: u8 = 8..16, "RFC 4443 3.2";
        /// Checksum over pseudo-header and message.
        checksum: u16 = 16..32, "RFC 4443 2.3";
        /// The largest packet that the next link takes, in bytes.
        mtu: u32 = 32..64, "RFC 4443 3.2";
    }
}

header! {
    /// Parameter problem, before the packet that it quotes.
    pub struct Icmpv6ParameterFixed: "ICMPv6 parameter problem", 8 bytes {
        /// 4.
        kind: u8 = 0..8, "RFC 4443 3.4";
        /// What is wrong: 0 a field, 1 the next header, 2 an option.
        code: u8 = 8..16, "RFC 4443 3.4";
        /// Checksum over pseudo-header and message.
        checksum: u16 = 16..32, "RFC 4443 2.3";
        /// Which byte of the quoted packet.
        pointer: u32 = 32..64, "RFC 4443 3.4";
    }
}

/// The fields of the fixed part of a message of type `kind`.
pub fn fields(kind: u8) -> &'static [Field] {
    match kind {
        kind::ECHO_REPLY | kind::ECHO_REQUEST => Icmpv6EchoFixed::FIELDS,
        kind::PACKET_TOO_BIG => Icmpv6TooBigFixed::FIELDS,
        kind::PARAMETER_PROBLEM => Icmpv6ParameterFixed::FIELDS,
        kind::ROUTER_ADVERTISEMENT => ndp::RouterAdvertisementFixed::FIELDS,
        kind::NEIGHBOR_SOLICITATION => ndp::NeighborSolicitationFixed::FIELDS,
        kind::NEIGHBOR_ADVERTISEMENT => ndp::NeighborAdvertisementFixed::FIELDS,
        kind::REDIRECT => ndp::RedirectFixed::FIELDS,
        kind if MldMessage::is_kind(kind) => mld::fields(kind, 0),
        _ => Icmpv6Fixed::FIELDS,
    }
}

/// An ICMPv6 message. `invoking` is the packet that caused an error, from its IP header on, cut to what the
/// sender of the error quoted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Icmpv6Message<'a> {
    /// Asks for the data back (RFC 4443 4.1).
    EchoRequest {
        /// Which program asks.
        identifier: u16,
        /// Which of its requests.
        sequence: u16,
        /// To be sent back.
        data: &'a [u8],
    },
    /// Sends the data back (RFC 4443 4.2).
    EchoReply {
        /// From the request.
        identifier: u16,
        /// From the request.
        sequence: u16,
        /// From the request.
        data: &'a [u8],
    },
    /// A packet did not reach its destination (RFC 4443 3.1).
    DestinationUnreachable {
        /// Why; see [`mod@unreachable`].
        code: u8,
        /// The packet.
        invoking: &'a [u8],
    },
    /// A packet is too big for a link on its way (RFC 4443 3.2).
    PacketTooBig {
        /// The largest that this link takes, in bytes.
        mtu: u32,
        /// The packet.
        invoking: &'a [u8],
    },
    /// A packet was on its way, or in pieces, for too long (RFC 4443 3.3).
    TimeExceeded {
        /// Which of the two; see [`exceeded`].
        code: u8,
        /// The packet.
        invoking: &'a [u8],
    },
    /// A packet's headers could not be processed (RFC 4443 3.4).
    ParameterProblem {
        /// What is wrong; see [`parameter`].
        code: u8,
        /// Which byte of the packet.
        pointer: u32,
        /// The packet.
        invoking: &'a [u8],
    },
    /// Neighbor Discovery (RFC 4861).
    Ndp(NdpMessage<'a>),
    /// Multicast Listener Discovery (RFC 3810, RFC 2710).
    Mld(MldMessage<'a>),
    /// Any other type, or an echo with a code. Below type 128 it is an error nevertheless.
    Unknown {
        /// Type.
        kind: u8,
        /// Subtype.
        code: u8,
        /// The second word of the message.
        rest: [u8; 4],
        /// What follows it.
        body: &'a [u8],
    },
}

const WHAT: &str = "ICMPv6 message";

impl<'a> Icmpv6Message<'a> {
    /// Reads a message; `bytes` is the whole upper-layer payload of an IPv6 packet between the two
    /// addresses.
    ///
    /// # Errors
    /// `Truncated`; `Checksum`; `Malformed` for a Neighbor Discovery message with a code or with
    /// malformed options. That the hop limit of such a message is 255 is for the receiver to check.
    pub fn parse(source: Ipv6Addr, destination: Ipv6Addr, bytes: &'a [u8]) -> Result<Self, ParseError> {
        let (header, body) = bytes.split_first_chunk::<8>().ok_or(ParseError::Truncated {
            what: WHAT,
            needed: 8,
            available: bytes.len(),
        })?;
        if sum(source, destination, bytes) != 0xffff {
            return Err(ParseError::Checksum { what: WHAT });
        }
        let [kind, code, _, _, rest @ ..] = *header;
        let [a, b, c, d] = rest;
        let (upper, lower) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        let word = u32::from_be_bytes(rest);
        Ok(match (kind, code) {
            (kind::ECHO_REQUEST, 0) => {
                Icmpv6Message::EchoRequest { identifier: upper, sequence: lower, data: body }
            }
            (kind::ECHO_REPLY, 0) => {
                Icmpv6Message::EchoReply { identifier: upper, sequence: lower, data: body }
            }
            (kind::DESTINATION_UNREACHABLE, code) => {
                Icmpv6Message::DestinationUnreachable { code, invoking: body }
            }
            (kind::PACKET_TOO_BIG, _) => Icmpv6Message::PacketTooBig { mtu: word, invoking: body },
            (kind::TIME_EXCEEDED, code) => Icmpv6Message::TimeExceeded { code, invoking: body },
            (kind::PARAMETER_PROBLEM, code) => {
                Icmpv6Message::ParameterProblem { code, pointer: word, invoking: body }
            }
            (kind::ROUTER_SOLICITATION..=kind::REDIRECT, _) => {
                Icmpv6Message::Ndp(NdpMessage::parse(kind, code, bytes)?)
            }
            (kind, _) if MldMessage::is_kind(kind) => Icmpv6Message::Mld(MldMessage::parse(kind, bytes)?),
            (kind, code) => Icmpv6Message::Unknown { kind, code, rest, body },
        })
    }

    /// Length of the whole message in bytes.
    #[expect(clippy::len_without_is_empty, reason = "a message has at least its first 8 bytes")]
    pub fn len(&self) -> usize {
        match self {
            Icmpv6Message::Ndp(message) => message.len(),
            Icmpv6Message::Mld(message) => message.len(),
            _ => Icmpv6Fixed::LEN + self.body().len(),
        }
    }

    const fn body(&self) -> &'a [u8] {
        match self {
            Icmpv6Message::EchoRequest { data, .. } | Icmpv6Message::EchoReply { data, .. } => data,
            Icmpv6Message::DestinationUnreachable { invoking, .. }
            | Icmpv6Message::PacketTooBig { invoking, .. }
            | Icmpv6Message::TimeExceeded { invoking, .. }
            | Icmpv6Message::ParameterProblem { invoking, .. } => invoking,
            Icmpv6Message::Ndp(_) | Icmpv6Message::Mld(_) => &[],
            Icmpv6Message::Unknown { body, .. } => body,
        }
    }

    /// Whether it reports an error with a packet (type below 128). Errors are never answered with errors,
    /// nor are redirects (RFC 4443 2.4(e)).
    pub const fn is_error(&self) -> bool {
        match self {
            Icmpv6Message::DestinationUnreachable { .. }
            | Icmpv6Message::PacketTooBig { .. }
            | Icmpv6Message::TimeExceeded { .. }
            | Icmpv6Message::ParameterProblem { .. } => true,
            Icmpv6Message::Unknown { kind, .. } => *kind < 128,
            Icmpv6Message::Ndp(_)
            | Icmpv6Message::Mld(_)
            | Icmpv6Message::EchoRequest { .. }
            | Icmpv6Message::EchoReply { .. } => false,
        }
    }

    /// Writes the message, with its checksum for a packet between the two addresses, to the first
    /// [`len`](Self::len) bytes of `out`.
    ///
    /// # Panics
    /// When `out` is shorter.
    pub fn emit(&self, source: Ipv6Addr, destination: Ipv6Addr, out: &mut [u8]) {
        let out = &mut out[..self.len()];
        let echo = |identifier: u16, sequence: u16| u32::from(identifier) << 16 | u32::from(sequence);
        let (kind, code, rest) = match *self {
            Icmpv6Message::EchoRequest { identifier, sequence, .. } => {
                (kind::ECHO_REQUEST, 0, echo(identifier, sequence))
            }
            Icmpv6Message::EchoReply { identifier, sequence, .. } => {
                (kind::ECHO_REPLY, 0, echo(identifier, sequence))
            }
            Icmpv6Message::DestinationUnreachable { code, .. } => (kind::DESTINATION_UNREACHABLE, code, 0),
            Icmpv6Message::PacketTooBig { mtu, .. } => (kind::PACKET_TOO_BIG, 0, mtu),
            Icmpv6Message::TimeExceeded { code, .. } => (kind::TIME_EXCEEDED, code, 0),
            Icmpv6Message::ParameterProblem { code, pointer, .. } => (kind::PARAMETER_PROBLEM, code, pointer),
            Icmpv6Message::Ndp(message) => {
                message.emit(out);
                return seal(source, destination, out);
            }
            Icmpv6Message::Mld(message) => {
                message.emit(out);
                return seal(source, destination, out);
            }
            Icmpv6Message::Unknown { kind, code, rest, .. } => (kind, code, u32::from_be_bytes(rest)),
        };
        Icmpv6Fixed { kind, code, checksum: 0, rest }.emit(out);
        out[Icmpv6Fixed::LEN..].copy_from_slice(self.body());
        seal(source, destination, out);
    }
}

/// Fills the checksum field of a message in which it is zero.
fn seal(source: Ipv6Addr, destination: Ipv6Addr, message: &mut [u8]) {
    let checksum = !sum(source, destination, message);
    message[2..4].copy_from_slice(&checksum.to_be_bytes());
}

/// The folded sum of pseudo-header and message.
fn sum(source: Ipv6Addr, destination: Ipv6Addr, message: &[u8]) -> u16 {
    let mut checksum = Checksum::new();
    checksum.pseudo_header(source.into(), destination.into(), IpProtocol::Icmpv6, message.len() as u32);
    checksum.add(message);
    checksum.fold()
}

#[cfg(test)]
mod tests;
