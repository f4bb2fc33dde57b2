//! IPv4 (RFC 791), with the differentiated services and congestion fields of RFC 2474 and RFC 3168.

use core::net::Ipv4Addr;

use arrayvec::ArrayVec;

use crate::header::header;
use crate::{Ecn, Field, IpProtocol, ParseError, checksum};

header! {
    /// The part of the IPv4 header that every packet has.
    pub struct Ipv4Fixed: "IPv4 header", 20 bytes {
        /// 4.
        version: u8 = 0..4, "RFC 791 3.1";
        /// Length of the header in 32-bit words, 5 to 15.
        ihl: u8 = 4..8, "RFC 791 3.1";
        /// Differentiated services code point.
        dscp: u8 = 8..14, "RFC 2474 3";
        /// Explicit congestion notification: 0 not capable, 1 ECT(1), 2 ECT(0), 3 congestion experienced.
        ecn: u8 = 14..16, "RFC 3168 5";
        /// Length of header and payload in bytes.
        total_length: u16 = 16..32, "RFC 791 3.1";
        /// Common to the fragments of one packet.
        identification: u16 = 32..48, "RFC 6864 4";
        /// Must be zero.
        reserved: bool = 48..49, "RFC 791 3.1";
        /// Routers must not fragment this packet.
        dont_fragment: bool = 49..50, "RFC 791 3.1";
        /// More fragments of the same packet follow this one.
        more_fragments: bool = 50..51, "RFC 791 3.1";
        /// Where in the original payload this fragment belongs, in units of 8 bytes.
        fragment_offset: u16 = 51..64, "RFC 791 3.1";
        /// Hops the packet may still take.
        time_to_live: u8 = 64..72, "RFC 791 3.1";
        /// What the payload is.
        protocol: u8 = 72..80, "RFC 791 3.1";
        /// Checksum of the header.
        header_checksum: u16 = 80..96, "RFC 791 3.1";
        /// Who sent the packet.
        source: Ipv4Addr = 96..128, "RFC 791 3.1";
        /// Whom it is for.
        destination: Ipv4Addr = 128..160, "RFC 791 3.1";
    }
}

const WHAT: &str = "IPv4 header";
const OPTIONS: &str = "IPv4 options";

/// An IPv4 header: 20 to 60 bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ipv4Header {
    /// Who sent the packet.
    pub source: Ipv4Addr,
    /// Whom it is for.
    pub destination: Ipv4Addr,
    /// What the payload is.
    pub protocol: IpProtocol,
    /// Hops the packet may still take (the RFC's "time to live").
    pub hop_limit: u8,
    /// Differentiated services code point, 6 bits.
    pub dscp: u8,
    /// Explicit congestion notification.
    pub ecn: Ecn,
    /// Common to the fragments of one packet (RFC 6864).
    pub identification: u16,
    /// Routers must not fragment this packet.
    pub dont_fragment: bool,
    /// More fragments of the same packet follow this one.
    pub more_fragments: bool,
    /// Where in the original payload this fragment belongs, in bytes; a multiple of 8.
    pub fragment_offset: u16,
    /// Bytes that follow the header.
    pub payload_len: u16,
    /// Options; empty in nearly every packet.
    pub options: Ipv4Options,
}

impl Ipv4Header {
    /// Length in bytes without options.
    pub const LEN: usize = Ipv4Fixed::LEN;
    /// The fields of the part that every packet has.
    pub const FIELDS: &'static [Field] = Ipv4Fixed::FIELDS;

    /// Reads the header of a packet. `bytes` is the packet, perhaps with padding of the link behind it;
    /// the payload is at `header_len()..header_len() + payload_len`.
    ///
    /// # Errors
    /// `Truncated` when `bytes` is shorter than the total length; `Malformed` for a wrong version,
    /// header length, total length, or options; `Checksum`.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let read = Self::read(bytes);
        if let Ok(header) = &read {
            let header_len = header.header_len();
            ParseError::check_len("IPv4 packet", header_len + usize::from(header.payload_len), bytes.len())?;
            if checksum::sum(&bytes[..header_len]) != 0xffff {
                return Err(ParseError::Checksum { what: WHAT });
            }
        }
        read
    }

    /// Reads the header of a packet that an ICMP error quotes: the payload may be cut off (RFC 1812
    /// 4.3.2.3), and the checksum may not fit, as routers change the header on its way.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), but not for a cut payload or the checksum.
    pub fn parse_quoted(bytes: &[u8]) -> Result<Self, ParseError> {
        Self::read(bytes)
    }

    #[inline]
    fn read(bytes: &[u8]) -> Result<Self, ParseError> {
        let fixed = Ipv4Fixed::parse(bytes)?;
        if fixed.version != 4 {
            return Err(ParseError::malformed(WHAT, "the version is not 4"));
        }
        let header_len = usize::from(fixed.ihl) * 4;
        if header_len < Ipv4Fixed::LEN {
            return Err(ParseError::malformed(WHAT, "the header length is below 20 bytes"));
        }
        ParseError::check_len(WHAT, header_len, bytes.len())?;
        let Some(payload_len) = fixed.total_length.checked_sub(header_len as u16) else {
            return Err(ParseError::malformed(WHAT, "the total length is below the header length"));
        };
        let options = match header_len {
            Ipv4Fixed::LEN => Ipv4Options::default(),
            _ => Ipv4Options::parse(&bytes[Ipv4Fixed::LEN..header_len])?,
        };
        Ok(Ipv4Header {
            source: fixed.source,
            destination: fixed.destination,
            protocol: fixed.protocol.into(),
            hop_limit: fixed.time_to_live,
            dscp: fixed.dscp,
            ecn: Ecn::from_bits(fixed.ecn),
            identification: fixed.identification,
            dont_fragment: fixed.dont_fragment,
            more_fragments: fixed.more_fragments,
            fragment_offset: fixed.fragment_offset * 8,
            payload_len,
            options,
        })
    }

    /// Whether the payload is only a part of the original packet's.
    #[inline]
    pub const fn is_fragment(&self) -> bool {
        self.more_fragments || self.fragment_offset != 0
    }

    /// Length in bytes, 20 to 60.
    #[inline]
    pub fn header_len(&self) -> usize {
        Ipv4Fixed::LEN + self.options.as_bytes().len()
    }

    /// Writes the header with its checksum to the first [`header_len`](Self::header_len) bytes of `out`.
    ///
    /// # Panics
    /// When `out` is shorter.
    #[inline]
    pub fn emit(&self, out: &mut [u8]) {
        let Ipv4Header {
            source,
            destination,
            protocol,
            hop_limit,
            dscp,
            ecn,
            identification,
            dont_fragment,
            more_fragments,
            fragment_offset,
            payload_len,
            options,
        } = self;
        let header_len = self.header_len();
        debug_assert!(
            header_len + usize::from(*payload_len) <= 0xffff,
            "an IPv4 packet has at most 65535 bytes"
        );
        debug_assert!(fragment_offset % 8 == 0, "fragments begin at multiples of 8 bytes");
        Ipv4Fixed {
            version: 4,
            ihl: (header_len / 4) as u8,
            dscp: *dscp,
            ecn: ecn.bits(),
            total_length: payload_len.wrapping_add(header_len as u16),
            identification: *identification,
            reserved: false,
            dont_fragment: *dont_fragment,
            more_fragments: *more_fragments,
            fragment_offset: fragment_offset / 8,
            time_to_live: *hop_limit,
            protocol: (*protocol).into(),
            header_checksum: 0,
            source: *source,
            destination: *destination,
        }
        .emit(out);
        let out = &mut out[..header_len];
        out[Ipv4Fixed::LEN..].copy_from_slice(options.as_bytes());
        let checksum = !checksum::sum(out);
        out[Self::CHECKSUM_OFFSET..Self::CHECKSUM_OFFSET + 2].copy_from_slice(&checksum.to_be_bytes());
    }

    /// Where the header's checksum field is, in bytes from its start.
    pub const CHECKSUM_OFFSET: usize = 10;
}

/// The options of an IPv4 header: well-formed, padded to a multiple of 4 bytes, at most 40.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ipv4Options(ArrayVec<u8, 40>);

/// One option of an IPv4 header (RFC 791 3.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ipv4Option<'a> {
    /// Copied flag, class and number in one byte: 148 is router alert (RFC 2113).
    pub kind: u8,
    /// What follows kind and length; empty for the no-operation option.
    pub data: &'a [u8],
}

impl Ipv4Options {
    /// Checks and copies the bytes of options, and pads them with zeros ("end of options") to whole
    /// 32-bit words.
    ///
    /// # Errors
    /// `Malformed` when an option's length is below 2 or beyond the end, or when there are more than
    /// 40 bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let mut options = ArrayVec::new();
        if options.try_extend_from_slice(bytes).is_err() {
            return Err(ParseError::malformed(OPTIONS, "there are more than 40 bytes"));
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = next_option(rest)?.1;
        }
        while options.len() % 4 != 0 {
            options.push(0);
        }
        Ok(Ipv4Options(options))
    }

    /// The bytes, padding included.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The options in order, without the end of the list and what follows it.
    pub fn iter(&self) -> impl Iterator<Item = Ipv4Option<'_>> {
        let mut rest = self.as_bytes();
        core::iter::from_fn(move || {
            let (option, behind) = next_option(rest).ok()?;
            rest = behind;
            option
        })
    }
}

/// The first option of `bytes` (`None` at the end of the list) and what follows it.
fn next_option(bytes: &[u8]) -> Result<(Option<Ipv4Option<'_>>, &[u8]), ParseError> {
    match bytes {
        [] | [0, ..] => Ok((None, &[])),
        [kind @ 1, rest @ ..] => Ok((Some(Ipv4Option { kind: *kind, data: &[] }), rest)),
        [kind, len, ..] => match bytes.split_at_checked(usize::from(*len)) {
            Some((option, rest)) if *len >= 2 => {
                Ok((Some(Ipv4Option { kind: *kind, data: &option[2..] }), rest))
            }
            _ => Err(ParseError::malformed(OPTIONS, "an option's length is below 2 or beyond the header")),
        },
        [_] => Err(ParseError::malformed(OPTIONS, "an option ends before its length")),
    }
}

#[cfg(test)]
mod tests;
