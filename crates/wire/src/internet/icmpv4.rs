//! ICMP for IPv4 (RFC 792), with the next-hop MTU of RFC 1191.

use core::net::Ipv4Addr;

use crate::header::header;
use crate::{Field, ParseError, checksum};

/// Message types (IANA "ICMP Type Numbers").
pub mod kind {
    /// Echo reply.
    pub const ECHO_REPLY: u8 = 0;
    /// Destination unreachable.
    pub const DESTINATION_UNREACHABLE: u8 = 3;
    /// Redirect.
    pub const REDIRECT: u8 = 5;
    /// Echo request.
    pub const ECHO_REQUEST: u8 = 8;
    /// Time exceeded.
    pub const TIME_EXCEEDED: u8 = 11;
    /// Parameter problem.
    pub const PARAMETER_PROBLEM: u8 = 12;
}

/// Codes of destination unreachable (RFC 792, RFC 1122 3.2.2.1, RFC 1812 5.2.7.1).
pub mod unreachable {
    /// No route to the network.
    pub const NET: u8 = 0;
    /// The host does not answer.
    pub const HOST: u8 = 1;
    /// The host does not know the protocol.
    pub const PROTOCOL: u8 = 2;
    /// Nobody listens on the port.
    pub const PORT: u8 = 3;
    /// The packet is too big for the next link and must not be fragmented.
    pub const FRAGMENTATION_NEEDED: u8 = 4;
    /// A source route failed.
    pub const SOURCE_ROUTE_FAILED: u8 = 5;
    /// Communication with the network is administratively prohibited.
    pub const NET_PROHIBITED: u8 = 9;
    /// Communication with the host is administratively prohibited.
    pub const HOST_PROHIBITED: u8 = 10;
    /// Communication is administratively prohibited by filtering.
    pub const PROHIBITED: u8 = 13;
}

/// Codes of time exceeded (RFC 792).
pub mod exceeded {
    /// The hop limit reached zero on the way.
    pub const IN_TRANSIT: u8 = 0;
    /// Not all fragments arrived in time.
    pub const REASSEMBLY: u8 = 1;
}

header! {
    /// What every ICMP message begins with.
    pub struct Icmpv4Fixed: "ICMP message", 8 bytes {
        /// Type of the message.
        kind: u8 = 0..8, "RFC 792";
        /// Subtype.
        code: u8 = 8..16, "RFC 792";
        /// Checksum of the whole message.
        checksum: u16 = 16..32, "RFC 792";
        /// What the type defines.
        rest: u32 = 32..64, "RFC 792";
    }
}

header! {
    /// An echo request or reply, before its data.
    pub struct Icmpv4EchoFixed: "ICMP echo", 8 bytes {
        /// 8 for a request, 0 for a reply.
        kind: u8 = 0..8, "RFC 792";
        /// 0.
        code: u8 = 8..16, "RFC 792";
        /// Checksum of the whole message.
        checksum: u16 = 16..32, "RFC 792";
        /// Which program asks.
        identifier: u16 = 32..48, "RFC 792";
        /// Which of its requests.
        sequence: u16 = 48..64, "RFC 792";
    }
}

header! {
    /// Destination unreachable, before the packet that it quotes.
    pub struct Icmpv4UnreachableFixed: "ICMP destination unreachable", 8 bytes {
        /// 3.
        kind: u8 = 0..8, "RFC 792";
        /// Why: 0 net, 1 host, 2 protocol, 3 port, 4 fragmentation needed, …
        code: u8 = 8..16, "RFC 792";
        /// Checksum of the whole message.
        checksum: u16 = 16..32, "RFC 792";
        /// Zero.
        unused: u16 = 32..48, "RFC 792";
        /// With code 4, the largest packet that the next link takes; 0 from routers that do not tell.
        next_hop_mtu: u16 = 48..64, "RFC 1191 4";
    }
}

header! {
    /// Time exceeded, before the packet that it quotes.
    pub struct Icmpv4ExceededFixed: "ICMP time exceeded", 8 bytes {
        /// 11.
        kind: u8 = 0..8, "RFC 792";
        /// 0 in transit, 1 in reassembly.
        code: u8 = 8..16, "RFC 792";
        /// Checksum of the whole message.
        checksum: u16 = 16..32, "RFC 792";
        /// Zero.
        unused: u32 = 32..64, "RFC 792";
    }
}

header! {
    /// Parameter problem, before the packet that it quotes.
    pub struct Icmpv4ParameterFixed: "ICMP parameter problem", 8 bytes {
        /// 12.
        kind: u8 = 0..8, "RFC 792";
        /// 0: the pointer says where; 1: a required option is missing; 2: bad length.
        code: u8 = 8..16, "RFC 792";
        /// Checksum of the whole message.
        checksum: u16 = 16..32, "RFC 792";
        /// Which byte of the quoted packet is wrong.
        pointer: u8 = 32..40, "RFC 792";
        /// Zero.
        unused: u32 = 40..64, "RFC 792";
    }
}

header! {
    /// Redirect, before the packet that it quotes.
    pub struct Icmpv4RedirectFixed: "ICMP redirect", 8 bytes {
        /// 5.
        kind: u8 = 0..8, "RFC 792";
        /// For what: 0 network, 1 host, 2 and 3 with type of service.
        code: u8 = 8..16, "RFC 792";
        /// Checksum of the whole message.
        checksum: u16 = 16..32, "RFC 792";
        /// The router to use instead.
        gateway: Ipv4Addr = 32..64, "RFC 792";
    }
}

/// The fields of the first 8 bytes of a message of type `kind`.
pub fn fields(kind: u8) -> &'static [Field] {
    match kind {
        kind::ECHO_REPLY | kind::ECHO_REQUEST => Icmpv4EchoFixed::FIELDS,
        kind::DESTINATION_UNREACHABLE => Icmpv4UnreachableFixed::FIELDS,
        kind::TIME_EXCEEDED => Icmpv4ExceededFixed::FIELDS,
        kind::PARAMETER_PROBLEM => Icmpv4ParameterFixed::FIELDS,
        kind::REDIRECT => Icmpv4RedirectFixed::FIELDS,
        _ => Icmpv4Fixed::FIELDS,
    }
}

/// An ICMP message. `invoking` is the packet that caused an error, from its IP header on, cut to what the
/// sender of the error quoted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Icmpv4Message<'a> {
    /// Asks for the data back.
    EchoRequest {
        /// Which program asks.
        identifier: u16,
        /// Which of its requests.
        sequence: u16,
        /// To be sent back.
        data: &'a [u8],
    },
    /// Sends the data back.
    EchoReply {
        /// From the request.
        identifier: u16,
        /// From the request.
        sequence: u16,
        /// From the request.
        data: &'a [u8],
    },
    /// A packet did not reach its destination.
    DestinationUnreachable {
        /// Why; see [`mod@unreachable`].
        code: u8,
        /// With [`unreachable::FRAGMENTATION_NEEDED`] the largest packet that the next link takes, in
        /// bytes; 0 from routers that do not tell.
        next_hop_mtu: u16,
        /// The packet.
        invoking: &'a [u8],
    },
    /// A packet was on its way, or in pieces, for too long.
    TimeExceeded {
        /// Which of the two; see [`exceeded`].
        code: u8,
        /// The packet.
        invoking: &'a [u8],
    },
    /// A packet's header was wrong.
    ParameterProblem {
        /// 0: `pointer` says where; 1: a required option is missing; 2: bad length.
        code: u8,
        /// Which byte.
        pointer: u8,
        /// The packet.
        invoking: &'a [u8],
    },
    /// There is a better first hop.
    Redirect {
        /// For what: 0 network, 1 host, 2 and 3 with type of service.
        code: u8,
        /// The better first hop.
        gateway: Ipv4Addr,
        /// The packet that took the worse one.
        invoking: &'a [u8],
    },
    /// Any other type, or an echo with a code.
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

impl<'a> Icmpv4Message<'a> {
    /// Reads a message; `bytes` is the whole payload of its IP packet.
    ///
    /// # Errors
    /// `Truncated` below 8 bytes; `Checksum`.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let (header, body) = bytes.split_first_chunk::<8>().ok_or(ParseError::Truncated {
            what: "ICMP message",
            needed: 8,
            available: bytes.len(),
        })?;
        if checksum::sum(bytes) != 0xffff {
            return Err(ParseError::Checksum { what: "ICMP message" });
        }
        let [kind, code, _, _, a, b, c, d] = *header;
        let (upper, lower) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        Ok(match (kind, code) {
            (kind::ECHO_REQUEST, 0) => {
                Icmpv4Message::EchoRequest { identifier: upper, sequence: lower, data: body }
            }
            (kind::ECHO_REPLY, 0) => {
                Icmpv4Message::EchoReply { identifier: upper, sequence: lower, data: body }
            }
            (kind::DESTINATION_UNREACHABLE, code) => {
                Icmpv4Message::DestinationUnreachable { code, next_hop_mtu: lower, invoking: body }
            }
            (kind::TIME_EXCEEDED, code) => Icmpv4Message::TimeExceeded { code, invoking: body },
            (kind::PARAMETER_PROBLEM, code) => {
                Icmpv4Message::ParameterProblem { code, pointer: a, invoking: body }
            }
            (kind::REDIRECT, code) => {
                Icmpv4Message::Redirect { code, gateway: Ipv4Addr::new(a, b, c, d), invoking: body }
            }
            (kind, code) => Icmpv4Message::Unknown { kind, code, rest: [a, b, c, d], body },
        })
    }

    /// Length of the whole message in bytes.
    #[expect(clippy::len_without_is_empty, reason = "a message has at least its first 8 bytes")]
    pub const fn len(&self) -> usize {
        Icmpv4Fixed::LEN + self.body().len()
    }

    const fn body(&self) -> &'a [u8] {
        match self {
            Icmpv4Message::EchoRequest { data, .. } | Icmpv4Message::EchoReply { data, .. } => data,
            Icmpv4Message::DestinationUnreachable { invoking, .. }
            | Icmpv4Message::TimeExceeded { invoking, .. }
            | Icmpv4Message::ParameterProblem { invoking, .. }
            | Icmpv4Message::Redirect { invoking, .. } => invoking,
            Icmpv4Message::Unknown { body, .. } => body,
        }
    }

    /// Whether it reports an error with a packet. Errors are never answered with errors (RFC 1122 3.2.2).
    pub const fn is_error(&self) -> bool {
        match self {
            Icmpv4Message::DestinationUnreachable { .. }
            | Icmpv4Message::TimeExceeded { .. }
            | Icmpv4Message::ParameterProblem { .. }
            | Icmpv4Message::Redirect { .. } => true,
            // Source quench, deprecated by RFC 6633, quotes a packet as well.
            Icmpv4Message::Unknown { kind, .. } => *kind == 4,
            Icmpv4Message::EchoRequest { .. } | Icmpv4Message::EchoReply { .. } => false,
        }
    }

    /// Writes the message with its checksum to the first [`len`](Self::len) bytes of `out`.
    ///
    /// # Panics
    /// When `out` is shorter.
    pub fn emit(&self, out: &mut [u8]) {
        let words = |upper: u16, lower: u16| (u32::from(upper) << 16 | u32::from(lower)).to_be_bytes();
        let (kind, code, rest) = match *self {
            Icmpv4Message::EchoRequest { identifier, sequence, .. } => {
                (kind::ECHO_REQUEST, 0, words(identifier, sequence))
            }
            Icmpv4Message::EchoReply { identifier, sequence, .. } => {
                (kind::ECHO_REPLY, 0, words(identifier, sequence))
            }
            Icmpv4Message::DestinationUnreachable { code, next_hop_mtu, .. } => {
                (kind::DESTINATION_UNREACHABLE, code, words(0, next_hop_mtu))
            }
            Icmpv4Message::TimeExceeded { code, .. } => (kind::TIME_EXCEEDED, code, [0; 4]),
            Icmpv4Message::ParameterProblem { code, pointer, .. } => {
                (kind::PARAMETER_PROBLEM, code, [pointer, 0, 0, 0])
            }
            Icmpv4Message::Redirect { code, gateway, .. } => (kind::REDIRECT, code, gateway.octets()),
            Icmpv4Message::Unknown { kind, code, rest, .. } => (kind, code, rest),
        };
        let out = &mut out[..self.len()];
        Icmpv4Fixed { kind, code, checksum: 0, rest: u32::from_be_bytes(rest) }.emit(out);
        out[Icmpv4Fixed::LEN..].copy_from_slice(self.body());
        let checksum = !checksum::sum(out);
        out[2..4].copy_from_slice(&checksum.to_be_bytes());
    }
}

#[cfg(test)]
mod tests;
