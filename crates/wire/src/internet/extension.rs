//! IPv6 extension headers (RFC 8200 4): what may stand between the IPv6 header and the transport.
//!
//! [`Ipv6Chain`] walks them as a receiving host must: options it does not know are acted on as their
//! type's upper bits say (RFC 8200 4.2), a Routing header is passed over when no segments are left (RFC
//! 8200 4.4, RFC 5095), and the walk stops where a fragment has to be put together first.

use core::ops::Range;

use arrayvec::ArrayVec;

use crate::header::header;
use crate::{Field, IpProtocol, Ipv6Header, ParseError};

mod options;

pub use options::{
    Ipv6Option, Ipv6Options, Ipv6OptionsHeader, Ipv6RoutingHeader, OptionAction, RoutingFixed, kind,
};

/// Extension headers walked before a packet is given up; real ones have one or two, and RFC 8200 4.1
/// recommends each at most once (destination options twice).
pub const MAX_HEADERS: usize = 8;

/// Where, in the IPv6 header, the field is that names what follows it.
const FIRST_POINTER: usize = 6;

header! {
    /// The Fragment header (RFC 8200 4.5), byte for byte.
    pub struct Ipv6FragmentFixed: "IPv6 Fragment header", 8 bytes {
        /// What the fragmented part begins with.
        next_header: u8 = 0..8, "RFC 8200 4.5";
        /// Zero, ignored.
        reserved: u8 = 8..16, "RFC 8200 4.5";
        /// Where in the fragmented part this fragment belongs, in units of 8 bytes.
        fragment_offset: u16 = 16..29, "RFC 8200 4.5";
        /// Zero, ignored.
        reserved_bits: u8 = 29..31, "RFC 8200 4.5";
        /// More fragments of the same packet follow this one.
        more_fragments: bool = 31..32, "RFC 8200 4.5";
        /// Common to the fragments of one packet.
        identification: u32 = 32..64, "RFC 8200 4.5";
    }
}

/// The Fragment header: 8 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ipv6FragmentHeader {
    /// What the fragmented part begins with.
    pub next_header: IpProtocol,
    /// Where in the fragmented part this fragment belongs, in bytes; a multiple of 8.
    pub offset: u16,
    /// More fragments of the same packet follow this one.
    pub more_fragments: bool,
    /// Common to the fragments of one packet.
    pub identification: u32,
}

impl Ipv6FragmentHeader {
    /// Length in bytes.
    pub const LEN: usize = Ipv6FragmentFixed::LEN;
    /// Its fields.
    pub const FIELDS: &'static [Field] = Ipv6FragmentFixed::FIELDS;

    /// Reads the header from the front of `bytes`.
    ///
    /// # Errors
    /// `Truncated`.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let fixed = Ipv6FragmentFixed::parse(bytes)?;
        Ok(Ipv6FragmentHeader {
            next_header: fixed.next_header.into(),
            offset: fixed.fragment_offset * 8,
            more_fragments: fixed.more_fragments,
            identification: fixed.identification,
        })
    }

    /// Whether the fragment is the whole packet (RFC 6946), so that there is nothing to put together.
    pub const fn is_atomic(&self) -> bool {
        self.offset == 0 && !self.more_fragments
    }

    /// Length in bytes: 8.
    pub const fn header_len(&self) -> usize {
        Self::LEN
    }

    /// Writes the header to the first 8 bytes of `out`.
    ///
    /// # Panics
    /// When `out` is shorter.
    pub fn emit(&self, out: &mut [u8]) {
        let Ipv6FragmentHeader { next_header, offset, more_fragments, identification } = *self;
        debug_assert!(offset % 8 == 0, "fragments begin at multiples of 8 bytes");
        Ipv6FragmentFixed {
            next_header: next_header.into(),
            reserved: 0,
            fragment_offset: offset / 8,
            reserved_bits: 0,
            more_fragments,
            identification,
        }
        .emit(out);
    }
}

/// One extension header that the walk passed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ExtensionHeader {
    /// Which kind of header it is.
    pub protocol: IpProtocol,
    /// Where it begins, in bytes from the start of the IPv6 payload.
    pub offset: usize,
    /// Its length in bytes, a multiple of 8.
    pub len: usize,
}

impl ExtensionHeader {
    /// Its bytes' place in the IPv6 payload.
    pub const fn range(&self) -> Range<usize> {
        self.offset..self.offset + self.len
    }
}

/// The extension headers of a packet, walked up to the upper layer or to a fragment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ipv6Chain {
    /// What the chain ends in: the upper layer; for a packet in fragments what the fragmented part begins
    /// with.
    pub protocol: IpProtocol,
    /// Where that begins, in bytes from the start of the IPv6 payload.
    pub offset: usize,
    /// Where the Next Header field that names [`protocol`](Self::protocol) is, in bytes from the start of
    /// the IPv6 header: the pointer of a Parameter Problem with code 1.
    pub next_header_pointer: usize,
    /// The Fragment header, if there is one. Unless it [is atomic](Ipv6FragmentHeader::is_atomic) the walk
    /// ends behind it: headers of the fragmented part are looked at when it is whole (RFC 8200 4.5).
    pub fragment: Option<Ipv6FragmentHeader>,
    /// The value of a Router Alert option in the Hop-by-Hop header (RFC 2711).
    pub router_alert: Option<u16>,
    /// The headers passed, in order.
    pub headers: ArrayVec<ExtensionHeader, MAX_HEADERS>,
}

/// Why a chain of extension headers cannot be accepted. Pointers count bytes from the start of the IPv6
/// header, as a Parameter Problem message does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ExtensionError {
    /// A header is truncated or malformed.
    #[error(transparent)]
    Malformed(#[from] ParseError),
    /// An option that is not known, and must not be skipped (RFC 8200 4.2).
    #[error("unrecognized IPv6 option at byte {pointer}")]
    UnrecognizedOption {
        /// Where the option is: the pointer of a Parameter Problem with code 2.
        pointer: u32,
        /// What to do with the packet, and whether to tell its sender.
        action: OptionAction,
    },
    /// A Routing header of an unknown type has segments left: Parameter Problem with code 0 (RFC 8200 4.4).
    #[error("unrecognized IPv6 routing type at byte {pointer}")]
    RoutingType {
        /// Where the Routing Type field is.
        pointer: u32,
    },
    /// More headers than [`MAX_HEADERS`].
    #[error("more than 8 IPv6 extension headers")]
    TooMany,
}

impl Ipv6Chain {
    /// Walks the extension headers of a packet. `first` is the IPv6 header's next header, `payload` what
    /// follows the IPv6 header.
    ///
    /// A Hop-by-Hop header anywhere but first is not accepted as one (RFC 8200 4.1): the chain then ends in
    /// [`IpProtocol::HopByHop`], which is no upper layer.
    ///
    /// # Errors
    /// [`ExtensionError`], for the first header that cannot be accepted.
    pub fn parse(first: IpProtocol, payload: &[u8]) -> Result<Self, ExtensionError> {
        let mut chain = Ipv6Chain {
            protocol: first,
            offset: 0,
            next_header_pointer: FIRST_POINTER,
            fragment: None,
            router_alert: None,
            headers: ArrayVec::new(),
        };
        while let Some(len) = chain.visit(&payload[chain.offset..])? {
            let header = ExtensionHeader { protocol: chain.protocol, offset: chain.offset, len };
            chain.headers.try_push(header).map_err(|_| ExtensionError::TooMany)?;
            // `visit` read the header, so its first byte is there.
            chain.protocol = payload[chain.offset].into();
            chain.next_header_pointer = Ipv6Header::LEN + chain.offset;
            chain.offset += len;
            if chain.fragment.is_some_and(|fragment| !fragment.is_atomic()) {
                break;
            }
        }
        Ok(chain)
    }

    /// Acts on the header that `bytes` begins with; gives its length, or `None` when it is the upper layer.
    fn visit(&mut self, bytes: &[u8]) -> Result<Option<usize>, ExtensionError> {
        let pointer = Ipv6Header::LEN + self.offset;
        match self.protocol {
            IpProtocol::HopByHop if self.offset > 0 => Ok(None),
            IpProtocol::HopByHop | IpProtocol::DestinationOptions => {
                let header = Ipv6OptionsHeader::parse(bytes)?;
                let hop_by_hop = self.protocol == IpProtocol::HopByHop;
                self.visit_options(header.options, hop_by_hop, pointer)?;
                Ok(Some(header.header_len()))
            }
            IpProtocol::Ipv6Route => {
                let header = Ipv6RoutingHeader::parse(bytes)?;
                if header.segments_left > 0 {
                    // The Routing Type is the header's third byte.
                    return Err(ExtensionError::RoutingType { pointer: pointer as u32 + 2 });
                }
                Ok(Some(header.header_len()))
            }
            IpProtocol::Ipv6Fragment => {
                self.fragment = Some(Ipv6FragmentHeader::parse(bytes)?);
                Ok(Some(Ipv6FragmentHeader::LEN))
            }
            _ => Ok(None),
        }
    }

    fn visit_options(
        &mut self,
        options: Ipv6Options<'_>,
        hop_by_hop: bool,
        pointer: usize,
    ) -> Result<(), ExtensionError> {
        for option in options {
            match (option.kind, option.data) {
                (kind::PAD1 | kind::PADN, _) => {}
                (kind::ROUTER_ALERT, &[a, b]) if hop_by_hop => {
                    self.router_alert = Some(u16::from_be_bytes([a, b]));
                }
                _ if option.action() == OptionAction::Skip => {}
                _ => {
                    return Err(ExtensionError::UnrecognizedOption {
                        pointer: (pointer + option.offset) as u32,
                        action: option.action(),
                    });
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
