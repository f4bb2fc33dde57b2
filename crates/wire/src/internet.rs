//! The internet layer: from one host to another, by IP address.

pub mod extension;
pub mod groups;
pub mod icmpv4;
pub mod icmpv6;
pub mod igmp;
pub mod ip;
pub mod ipv4;
pub mod ipv6;
pub mod mld;
pub mod ndp;

use core::fmt;

/// What an IP packet carries (IANA "Assigned Internet Protocol Numbers"). The same numbers name IPv6
/// extension headers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum IpProtocol {
    /// 0: IPv6 Hop-by-Hop Options (RFC 8200 4.3).
    HopByHop,
    /// 1: ICMP for IPv4 (RFC 792).
    Icmpv4,
    /// 2: IGMP (RFC 3376).
    Igmp,
    /// 6: TCP (RFC 9293).
    Tcp,
    /// 17: UDP (RFC 768).
    Udp,
    /// 43: IPv6 Routing header (RFC 8200 4.4).
    Ipv6Route,
    /// 44: IPv6 Fragment header (RFC 8200 4.5).
    Ipv6Fragment,
    /// 58: ICMP for IPv6 (RFC 4443).
    Icmpv6,
    /// 59: nothing follows (RFC 8200 4.7).
    NoNext,
    /// 60: IPv6 Destination Options (RFC 8200 4.6).
    DestinationOptions,
    /// Anything else.
    Unknown(u8),
}

impl From<u8> for IpProtocol {
    #[inline]
    fn from(value: u8) -> Self {
        match value {
            0 => IpProtocol::HopByHop,
            1 => IpProtocol::Icmpv4,
            2 => IpProtocol::Igmp,
            6 => IpProtocol::Tcp,
            17 => IpProtocol::Udp,
            43 => IpProtocol::Ipv6Route,
            44 => IpProtocol::Ipv6Fragment,
            58 => IpProtocol::Icmpv6,
            59 => IpProtocol::NoNext,
            60 => IpProtocol::DestinationOptions,
            other => IpProtocol::Unknown(other),
        }
    }
}

impl From<IpProtocol> for u8 {
    #[inline]
    fn from(value: IpProtocol) -> Self {
        match value {
            IpProtocol::HopByHop => 0,
            IpProtocol::Icmpv4 => 1,
            IpProtocol::Igmp => 2,
            IpProtocol::Tcp => 6,
            IpProtocol::Udp => 17,
            IpProtocol::Ipv6Route => 43,
            IpProtocol::Ipv6Fragment => 44,
            IpProtocol::Icmpv6 => 58,
            IpProtocol::NoNext => 59,
            IpProtocol::DestinationOptions => 60,
            IpProtocol::Unknown(other) => other,
        }
    }
}

impl fmt::Display for IpProtocol {
    /// The protocol's usual name, or its number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            IpProtocol::HopByHop => "Hop-by-Hop Options",
            IpProtocol::Icmpv4 => "ICMP",
            IpProtocol::Igmp => "IGMP",
            IpProtocol::Tcp => "TCP",
            IpProtocol::Udp => "UDP",
            IpProtocol::Ipv6Route => "Routing",
            IpProtocol::Ipv6Fragment => "Fragment",
            IpProtocol::Icmpv6 => "ICMPv6",
            IpProtocol::NoNext => "No Next Header",
            IpProtocol::DestinationOptions => "Destination Options",
            IpProtocol::Unknown(other) => return write!(f, "protocol {other}"),
        })
    }
}

/// Explicit congestion notification in the IP header (RFC 3168 5).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Ecn {
    /// 00: the transport does not take part.
    #[default]
    NotEct,
    /// 01: it takes part, and asks for low latency (RFC 9331).
    Ect1,
    /// 10: it takes part.
    Ect0,
    /// 11: a router on the way was congested.
    Ce,
}

impl Ecn {
    /// From the low two bits of `bits`.
    #[inline]
    pub const fn from_bits(bits: u8) -> Self {
        match bits & 3 {
            0 => Ecn::NotEct,
            1 => Ecn::Ect1,
            2 => Ecn::Ect0,
            _ => Ecn::Ce,
        }
    }

    /// The two bits.
    #[inline]
    pub const fn bits(self) -> u8 {
        match self {
            Ecn::NotEct => 0,
            Ecn::Ect1 => 1,
            Ecn::Ect0 => 2,
            Ecn::Ce => 3,
        }
    }
}
