//! The extension headers that have contents of their own: options (RFC 8200 4.2, 4.3, 4.6) and routing
//! (RFC 8200 4.4).

use crate::header::header;
use crate::{Field, IpProtocol, ParseError};

/// Option types (IANA "Destination Options and Hop-by-Hop Options").
pub mod kind {
    /// One byte of padding, without a length (RFC 8200 4.2).
    pub const PAD1: u8 = 0x00;
    /// Padding of two bytes or more (RFC 8200 4.2).
    pub const PADN: u8 = 0x01;
    /// Routers are to look at the packet; hop-by-hop only (RFC 2711).
    pub const ROUTER_ALERT: u8 = 0x05;
}

/// What to do with a packet that has an option one does not know: the type's two highest bits (RFC 8200
/// 4.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OptionAction {
    /// 00: skip the option.
    Skip,
    /// 01: discard the packet.
    Discard,
    /// 10: discard it and send a Parameter Problem with code 2.
    DiscardReply,
    /// 11: the same, unless the destination is a multicast address.
    DiscardReplyUnlessMulticast,
}

/// One option of a Hop-by-Hop or Destination Options header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ipv6Option<'a> {
    /// The type.
    pub kind: u8,
    /// What follows type and length; empty for one byte of padding.
    pub data: &'a [u8],
    /// Where the option begins, in bytes from the start of its header.
    pub offset: usize,
}

impl Ipv6Option<'_> {
    /// What to do when the type is not known.
    pub const fn action(&self) -> OptionAction {
        match self.kind >> 6 {
            0 => OptionAction::Skip,
            1 => OptionAction::Discard,
            2 => OptionAction::DiscardReply,
            _ => OptionAction::DiscardReplyUnlessMulticast,
        }
    }
}

/// Well-formed options, padding included; iterates over them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Ipv6Options<'a> {
    rest: &'a [u8],
    /// Bytes of the list that the iteration has passed.
    passed: usize,
}

/// Bytes of an options header before its options: next header and length.
const BEFORE_OPTIONS: usize = 2;

impl<'a> Ipv6Options<'a> {
    /// Checks the bytes of options.
    ///
    /// # Errors
    /// `Malformed` when an option's length goes beyond the end.
    pub fn new(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let mut at = 0;
        while at < bytes.len() {
            at += match bytes[at..] {
                [kind::PAD1, ..] => 1,
                [_, len, ..] => 2 + usize::from(len),
                _ => return Err(ParseError::malformed("IPv6 option", "it ends before its length")),
            };
        }
        if at > bytes.len() {
            return Err(ParseError::malformed("IPv6 option", "it is longer than its header"));
        }
        Ok(Ipv6Options { rest: bytes, passed: 0 })
    }

    /// The bytes of those not yet iterated over.
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Ipv6Options<'a> {
    type Item = Ipv6Option<'a>;

    fn next(&mut self) -> Option<Ipv6Option<'a>> {
        let offset = BEFORE_OPTIONS + self.passed;
        let (option, len) = match *self.rest {
            [] => return None,
            [kind @ kind::PAD1, ..] => (Ipv6Option { kind, data: &[], offset }, 1),
            [kind, len, ..] => {
                let data = self.rest.get(2..2 + usize::from(len))?;
                (Ipv6Option { kind, data, offset }, 2 + data.len())
            }
            [_] => return None,
        };
        self.rest = &self.rest[len..];
        self.passed += len;
        Some(option)
    }
}

/// A Hop-by-Hop or Destination Options header: a multiple of 8 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ipv6OptionsHeader<'a> {
    /// What follows the header.
    pub next_header: IpProtocol,
    /// The options, padding included.
    pub options: Ipv6Options<'a>,
}

impl<'a> Ipv6OptionsHeader<'a> {
    /// Reads the header from the front of `bytes`.
    ///
    /// # Errors
    /// `Truncated`; `Malformed` when an option goes beyond the header.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        const WHAT: &str = "IPv6 options header";
        ParseError::check_len(WHAT, 8, bytes.len())?;
        let len = (usize::from(bytes[1]) + 1) * 8;
        ParseError::check_len(WHAT, len, bytes.len())?;
        let options = Ipv6Options::new(&bytes[BEFORE_OPTIONS..len])?;
        Ok(Ipv6OptionsHeader { next_header: bytes[0].into(), options })
    }

    /// Length in bytes; options that do not fill a multiple of 8 are padded.
    pub const fn header_len(&self) -> usize {
        (BEFORE_OPTIONS + self.options.as_bytes().len()).next_multiple_of(8)
    }

    /// Writes the header to the first [`header_len`](Self::header_len) bytes of `out`.
    ///
    /// # Panics
    /// When `out` is shorter. Options of more than 2046 bytes do not fit a header.
    pub fn emit(&self, out: &mut [u8]) {
        let len = self.header_len();
        debug_assert!(len <= 2048, "an IPv6 options header has at most 2048 bytes");
        let options = self.options.as_bytes();
        let (header, padding) = out[..len].split_at_mut(BEFORE_OPTIONS + options.len());
        header[0] = self.next_header.into();
        header[1] = (len / 8 - 1) as u8;
        header[BEFORE_OPTIONS..].copy_from_slice(options);
        padding.fill(0);
        if let [kind, data_len, data @ ..] = padding {
            (*kind, *data_len) = (kind::PADN, data.len() as u8);
        }
    }
}

header! {
    /// The part of a Routing header that is common to all its types (RFC 8200 4.4).
    pub struct RoutingFixed: "IPv6 Routing header", 4 bytes {
        /// What follows the header.
        next_header: u8 = 0..8, "RFC 8200 4.4";
        /// Length of the header in units of 8 bytes, not counting the first 8.
        length: u8 = 8..16, "RFC 8200 4.4";
        /// Which kind of routing: 0 is deprecated (RFC 5095), 3 RPL (RFC 6554), 4 segments (RFC 8754).
        routing_type: u8 = 16..24, "RFC 8200 4.4";
        /// Nodes still to be visited before the destination.
        segments_left: u8 = 24..32, "RFC 8200 4.4";
    }
}

/// A Routing header: a multiple of 8 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ipv6RoutingHeader<'a> {
    /// What follows the header.
    pub next_header: IpProtocol,
    /// Which kind of routing.
    pub routing_type: u8,
    /// Nodes still to be visited before the destination.
    pub segments_left: u8,
    /// What the type defines: 4 bytes more than a multiple of 8.
    pub data: &'a [u8],
}

impl<'a> Ipv6RoutingHeader<'a> {
    /// The fields that all types have.
    pub const FIELDS: &'static [Field] = RoutingFixed::FIELDS;

    /// Reads the header from the front of `bytes`.
    ///
    /// # Errors
    /// `Truncated`.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let fixed = RoutingFixed::parse(bytes)?;
        let len = (usize::from(fixed.length) + 1) * 8;
        ParseError::check_len("IPv6 Routing header", len, bytes.len())?;
        Ok(Ipv6RoutingHeader {
            next_header: fixed.next_header.into(),
            routing_type: fixed.routing_type,
            segments_left: fixed.segments_left,
            data: &bytes[RoutingFixed::LEN..len],
        })
    }

    /// Length in bytes.
    pub const fn header_len(&self) -> usize {
        (RoutingFixed::LEN + self.data.len()).next_multiple_of(8)
    }

    /// Writes the header to the first [`header_len`](Self::header_len) bytes of `out`.
    ///
    /// # Panics
    /// When `out` is shorter.
    pub fn emit(&self, out: &mut [u8]) {
        let len = self.header_len();
        debug_assert!(len <= 2048, "an IPv6 Routing header has at most 2048 bytes");
        RoutingFixed {
            next_header: self.next_header.into(),
            length: (len / 8 - 1) as u8,
            routing_type: self.routing_type,
            segments_left: self.segments_left,
        }
        .emit(out);
        let (data, padding) = out[RoutingFixed::LEN..len].split_at_mut(self.data.len());
        data.copy_from_slice(self.data);
        padding.fill(0);
    }
}
