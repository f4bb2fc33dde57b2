//! An IP header of either version.

use core::net::IpAddr;

use crate::{Ecn, IpProtocol, Ipv4Header, Ipv6Header, ParseError};

/// An IP header of either version.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum IpHeader {
    /// Version 4.
    V4(Ipv4Header),
    /// Version 6; extension headers are part of its payload.
    V6(Ipv6Header),
}

impl IpHeader {
    /// Reads the header of a packet, of the version that its first four bits say.
    ///
    /// # Errors
    /// As of [`Ipv4Header::parse`] and [`Ipv6Header::parse`]; `Malformed` for any other version.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        match version(bytes)? {
            4 => Ipv4Header::parse(bytes).map(IpHeader::V4),
            6 => Ipv6Header::parse(bytes).map(IpHeader::V6),
            _ => Err(UNKNOWN_VERSION),
        }
    }

    /// Reads the header of a packet that an ICMP error quotes, whose payload may be cut off.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), but not for a cut payload or the checksum.
    pub fn parse_quoted(bytes: &[u8]) -> Result<Self, ParseError> {
        match version(bytes)? {
            4 => Ipv4Header::parse_quoted(bytes).map(IpHeader::V4),
            6 => Ipv6Header::parse_quoted(bytes).map(IpHeader::V6),
            _ => Err(UNKNOWN_VERSION),
        }
    }

    /// Who sent the packet.
    #[inline]
    pub const fn source(&self) -> IpAddr {
        match self {
            IpHeader::V4(header) => IpAddr::V4(header.source),
            IpHeader::V6(header) => IpAddr::V6(header.source),
        }
    }

    /// Whom it is for.
    #[inline]
    pub const fn destination(&self) -> IpAddr {
        match self {
            IpHeader::V4(header) => IpAddr::V4(header.destination),
            IpHeader::V6(header) => IpAddr::V6(header.destination),
        }
    }

    /// What follows the header: the upper layer or, in IPv6, perhaps an extension header.
    #[inline]
    pub const fn protocol(&self) -> IpProtocol {
        match self {
            IpHeader::V4(header) => header.protocol,
            IpHeader::V6(header) => header.next_header,
        }
    }

    /// Hops the packet may still take.
    #[inline]
    pub const fn hop_limit(&self) -> u8 {
        match self {
            IpHeader::V4(header) => header.hop_limit,
            IpHeader::V6(header) => header.hop_limit,
        }
    }

    /// Differentiated services code point.
    #[inline]
    pub const fn dscp(&self) -> u8 {
        match self {
            IpHeader::V4(header) => header.dscp,
            IpHeader::V6(header) => header.dscp,
        }
    }

    /// Explicit congestion notification.
    #[inline]
    pub const fn ecn(&self) -> Ecn {
        match self {
            IpHeader::V4(header) => header.ecn,
            IpHeader::V6(header) => header.ecn,
        }
    }

    /// Length of the header in bytes.
    #[inline]
    pub fn header_len(&self) -> usize {
        match self {
            IpHeader::V4(header) => header.header_len(),
            IpHeader::V6(header) => header.header_len(),
        }
    }

    /// Bytes that follow the header.
    #[inline]
    pub const fn payload_len(&self) -> usize {
        match self {
            IpHeader::V4(header) => header.payload_len as usize,
            IpHeader::V6(header) => header.payload_len as usize,
        }
    }

    /// Writes the header to the first [`header_len`](Self::header_len) bytes of `out`.
    ///
    /// # Panics
    /// When `out` is shorter.
    #[inline]
    pub fn emit(&self, out: &mut [u8]) {
        match self {
            IpHeader::V4(header) => header.emit(out),
            IpHeader::V6(header) => header.emit(out),
        }
    }
}

const UNKNOWN_VERSION: ParseError = ParseError::malformed("IP header", "the version is neither 4 nor 6");

#[inline]
fn version(bytes: &[u8]) -> Result<u8, ParseError> {
    let first = bytes.first().ok_or(ParseError::Truncated { what: "IP header", needed: 20, available: 0 })?;
    Ok(first >> 4)
}

impl From<Ipv4Header> for IpHeader {
    fn from(header: Ipv4Header) -> Self {
        IpHeader::V4(header)
    }
}

impl From<Ipv6Header> for IpHeader {
    fn from(header: Ipv6Header) -> Self {
        IpHeader::V6(header)
    }
}

#[cfg(test)]
mod tests;
