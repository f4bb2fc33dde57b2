//! IPv6 (RFC 8200): the fixed header. What may stand between it and the transport is in
//! [`extension`](super::extension).

use core::net::Ipv6Addr;

use crate::header::header;
use crate::{Ecn, Field, IpProtocol, ParseError};

header! {
    /// The IPv6 header, byte for byte.
    pub struct Ipv6Fixed: "IPv6 header", 40 bytes {
        /// 6.
        version: u8 = 0..4, "RFC 8200 3";
        /// Differentiated services code point.
        dscp: u8 = 4..10, "RFC 2474 3";
        /// Explicit congestion notification: 0 not capable, 1 ECT(1), 2 ECT(0), 3 congestion experienced.
        ecn: u8 = 10..12, "RFC 3168 5";
        /// Common to the packets of one flow; 0 when the sender does not label flows.
        flow_label: u32 = 12..32, "RFC 6437 2";
        /// Length of what follows this header, extension headers included, in bytes.
        payload_length: u16 = 32..48, "RFC 8200 3";
        /// What follows this header.
        next_header: u8 = 48..56, "RFC 8200 3";
        /// Hops the packet may still take.
        hop_limit: u8 = 56..64, "RFC 8200 3";
        /// Who sent the packet.
        source: Ipv6Addr = 64..192, "RFC 8200 3";
        /// Whom it is for.
        destination: Ipv6Addr = 192..320, "RFC 8200 3";
    }
}

/// An IPv6 header: 40 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ipv6Header {
    /// Who sent the packet.
    pub source: Ipv6Addr,
    /// Whom it is for.
    pub destination: Ipv6Addr,
    /// What follows: an extension header or the upper layer.
    pub next_header: IpProtocol,
    /// Hops the packet may still take.
    pub hop_limit: u8,
    /// Differentiated services code point, 6 bits.
    pub dscp: u8,
    /// Explicit congestion notification.
    pub ecn: Ecn,
    /// Flow label, 20 bits (RFC 6437).
    pub flow_label: u32,
    /// Bytes that follow the header, extension headers included.
    pub payload_len: u16,
}

impl Ipv6Header {
    /// Length in bytes.
    pub const LEN: usize = Ipv6Fixed::LEN;
    /// Its fields.
    pub const FIELDS: &'static [Field] = Ipv6Fixed::FIELDS;

    /// Reads the header of a packet. `bytes` is the packet, perhaps with padding of the link behind it;
    /// the payload is at `40..40 + payload_len`.
    ///
    /// # Errors
    /// `Truncated` when `bytes` is shorter than header and payload; `Malformed` when the version is not 6.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let header = Self::parse_quoted(bytes)?;
        ParseError::check_len("IPv6 packet", Self::LEN + usize::from(header.payload_len), bytes.len())?;
        Ok(header)
    }

    /// Reads the header of a packet that an ICMPv6 error quotes: the payload may be cut off (RFC 4443
    /// 2.4(c)).
    ///
    /// # Errors
    /// As [`parse`](Self::parse), but not for a cut payload.
    #[inline]
    pub fn parse_quoted(bytes: &[u8]) -> Result<Self, ParseError> {
        let fixed = Ipv6Fixed::parse(bytes)?;
        if fixed.version != 6 {
            return Err(ParseError::malformed("IPv6 header", "the version is not 6"));
        }
        Ok(Ipv6Header {
            source: fixed.source,
            destination: fixed.destination,
            next_header: fixed.next_header.into(),
            hop_limit: fixed.hop_limit,
            dscp: fixed.dscp,
            ecn: Ecn::from_bits(fixed.ecn),
            flow_label: fixed.flow_label,
            payload_len: fixed.payload_length,
        })
    }

    /// Length in bytes: 40.
    #[inline]
    pub const fn header_len(&self) -> usize {
        Self::LEN
    }

    /// Writes the header to the first 40 bytes of `out`.
    ///
    /// # Panics
    /// When `out` is shorter.
    #[inline]
    pub fn emit(&self, out: &mut [u8]) {
        let Ipv6Header { source, destination, next_header, hop_limit, dscp, ecn, flow_label, payload_len } =
            *self;
        Ipv6Fixed {
            version: 6,
            dscp,
            ecn: ecn.bits(),
            flow_label,
            payload_length: payload_len,
            next_header: next_header.into(),
            hop_limit,
            source,
            destination,
        }
        .emit(out);
    }
}

#[cfg(test)]
mod tests;
