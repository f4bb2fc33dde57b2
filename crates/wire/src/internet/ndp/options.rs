//! Options of Neighbor Discovery messages (RFC 4861 4.6).

use core::net::Ipv6Addr;

use arrayvec::ArrayVec;

use crate::header::header;
use crate::{EthernetAddress, Field, ParseError};

/// Option types (IANA "IPv6 Neighbor Discovery Option Formats").
pub mod option_kind {
    /// Source link-layer address.
    pub const SOURCE_LINK_LAYER: u8 = 1;
    /// Target link-layer address.
    pub const TARGET_LINK_LAYER: u8 = 2;
    /// Prefix information.
    pub const PREFIX_INFORMATION: u8 = 3;
    /// Redirected header.
    pub const REDIRECTED_HEADER: u8 = 4;
    /// MTU.
    pub const MTU: u8 = 5;
}

header! {
    /// The prefix information option (RFC 4861 4.6.2), byte for byte.
    pub struct PrefixInformationFixed: "prefix information option", 32 bytes {
        /// 3.
        kind: u8 = 0..8, "RFC 4861 4.6.2";
        /// 4: the option's length in units of 8 bytes.
        length: u8 = 8..16, "RFC 4861 4.6.2";
        /// Leading bits of the prefix that count.
        prefix_length: u8 = 16..24, "RFC 4861 4.6.2";
        /// Addresses of the prefix are on this link.
        on_link: bool = 24..25, "RFC 4861 4.6.2";
        /// Hosts may form addresses from the prefix.
        autonomous: bool = 25..26, "RFC 4861 4.6.2";
        /// Flags of later standards.
        reserved: u8 = 26..32, "RFC 4861 4.6.2";
        /// For how many seconds the prefix is on this link; all ones: for ever.
        valid_lifetime: u32 = 32..64, "RFC 4861 4.6.2";
        /// For how many seconds addresses formed from it are preferred; all ones: for ever.
        preferred_lifetime: u32 = 64..96, "RFC 4861 4.6.2";
        /// Zero, ignored.
        reserved_word: u32 = 96..128, "RFC 4861 4.6.2";
        /// The prefix.
        prefix: Ipv6Addr = 128..256, "RFC 4861 4.6.2";
    }
}

header! {
    /// A source or target link-layer address option for Ethernet.
    pub struct LinkLayerOption: "link-layer address option", 8 bytes {
        /// 1 for the source, 2 for the target.
        kind: u8 = 0..8, "RFC 4861 4.6.1";
        /// 1: the option's length in units of 8 bytes.
        length: u8 = 8..16, "RFC 4861 4.6.1";
        /// The Ethernet address.
        address: EthernetAddress = 16..64, "RFC 2464 6";
    }
}

header! {
    /// The MTU option.
    pub struct MtuOption: "MTU option", 8 bytes {
        /// 5.
        kind: u8 = 0..8, "RFC 4861 4.6.4";
        /// 1: the option's length in units of 8 bytes.
        length: u8 = 8..16, "RFC 4861 4.6.4";
        /// Zero, ignored.
        reserved: u16 = 16..32, "RFC 4861 4.6.4";
        /// The MTU of the link, in bytes.
        mtu: u32 = 32..64, "RFC 4861 4.6.4";
    }
}

header! {
    /// What every option begins with.
    pub struct NdpOptionHead: "Neighbor Discovery option", 2 bytes {
        /// Which option it is.
        kind: u8 = 0..8, "RFC 4861 4.6";
        /// Its length in units of 8 bytes, kind and length included.
        length: u8 = 8..16, "RFC 4861 4.6";
    }
}

/// The fields of an option of type `kind`, to be read from its bytes as [`NdpOptions::raw`] gives them.
pub fn option_fields(kind: u8) -> &'static [Field] {
    match kind {
        option_kind::SOURCE_LINK_LAYER | option_kind::TARGET_LINK_LAYER => LinkLayerOption::FIELDS,
        option_kind::PREFIX_INFORMATION => PrefixInformationFixed::FIELDS,
        option_kind::MTU => MtuOption::FIELDS,
        _ => NdpOptionHead::FIELDS,
    }
}

/// A prefix that a router announces (RFC 4861 4.6.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PrefixInformation {
    /// The prefix; bits behind `prefix_len` do not count.
    pub prefix: Ipv6Addr,
    /// Leading bits that count, 0 to 128.
    pub prefix_len: u8,
    /// Addresses of the prefix are on this link.
    pub on_link: bool,
    /// Hosts may form addresses from the prefix (RFC 4862).
    pub autonomous: bool,
    /// For how many seconds the prefix is on this link; `u32::MAX`: for ever.
    pub valid_lifetime: u32,
    /// For how many seconds addresses formed from it are preferred; `u32::MAX`: for ever.
    pub preferred_lifetime: u32,
}

/// One option.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NdpOption<'a> {
    /// Ethernet address of the message's sender (RFC 4861 4.6.1).
    SourceLinkLayer(EthernetAddress),
    /// Ethernet address of the message's target (RFC 4861 4.6.1).
    TargetLinkLayer(EthernetAddress),
    /// A prefix of the link (RFC 4861 4.6.2).
    PrefixInformation(PrefixInformation),
    /// The packet that caused a redirect, cut to the room there was, and padded to 8 bytes (RFC 4861
    /// 4.6.3).
    RedirectedHeader(&'a [u8]),
    /// The MTU of the link, in bytes (RFC 4861 4.6.4).
    Mtu(u32),
    /// Any other type, or a length that is not the type's.
    Unknown {
        /// Type.
        kind: u8,
        /// What follows type and length: 6 bytes more than a multiple of 8.
        data: &'a [u8],
    },
}

impl<'a> NdpOption<'a> {
    /// Reads one whole option, of a length that is not 0.
    fn parse(option: &'a [u8]) -> Self {
        let (kind, data) = (option[0], &option[2..]);
        let known =
            match kind {
                option_kind::SOURCE_LINK_LAYER => exact(option, LinkLayerOption::from_bytes)
                    .map(|it| NdpOption::SourceLinkLayer(it.address)),
                option_kind::TARGET_LINK_LAYER => exact(option, LinkLayerOption::from_bytes)
                    .map(|it| NdpOption::TargetLinkLayer(it.address)),
                option_kind::MTU => exact(option, MtuOption::from_bytes).map(|it| NdpOption::Mtu(it.mtu)),
                option_kind::REDIRECTED_HEADER => option.get(8..).map(NdpOption::RedirectedHeader),
                option_kind::PREFIX_INFORMATION => exact(option, PrefixInformationFixed::from_bytes)
                    .and_then(PrefixInformation::from_fixed)
                    .map(NdpOption::PrefixInformation),
                _ => None,
            };
        known.unwrap_or(NdpOption::Unknown { kind, data })
    }

    /// Length in bytes, a multiple of 8.
    pub const fn option_len(&self) -> usize {
        match self {
            NdpOption::SourceLinkLayer(_) | NdpOption::TargetLinkLayer(_) | NdpOption::Mtu(_) => 8,
            NdpOption::PrefixInformation(_) => PrefixInformationFixed::LEN,
            NdpOption::RedirectedHeader(packet) => (8 + packet.len()).next_multiple_of(8),
            NdpOption::Unknown { data, .. } => (2 + data.len()).next_multiple_of(8),
        }
    }

    /// Writes the option, padded with zeros, to the first [`option_len`](Self::option_len) bytes of `out`.
    ///
    /// # Panics
    /// When `out` is shorter.
    pub fn emit(&self, out: &mut [u8]) {
        let len = self.option_len();
        debug_assert!(len <= 255 * 8, "an option has at most 2040 bytes");
        let length = (len / 8) as u8;
        let out = &mut out[..len];
        let link_layer = |kind, address| LinkLayerOption { kind, length, address };
        match *self {
            NdpOption::SourceLinkLayer(address) => {
                link_layer(option_kind::SOURCE_LINK_LAYER, address).emit(out);
            }
            NdpOption::TargetLinkLayer(address) => {
                link_layer(option_kind::TARGET_LINK_LAYER, address).emit(out);
            }
            NdpOption::Mtu(mtu) => {
                MtuOption { kind: option_kind::MTU, length, reserved: 0, mtu }.emit(out);
            }
            NdpOption::PrefixInformation(information) => information.to_fixed(length).emit(out),
            NdpOption::RedirectedHeader(packet) => {
                NdpOptionHead { kind: option_kind::REDIRECTED_HEADER, length }.emit(out);
                // Six reserved bytes make the packet begin at a multiple of 8.
                fill(&mut out[NdpOptionHead::LEN..], 6, packet);
            }
            NdpOption::Unknown { kind, data } => {
                NdpOptionHead { kind, length }.emit(out);
                fill(&mut out[NdpOptionHead::LEN..], 0, data);
            }
        }
    }
}

/// Reads an option that must have exactly `N` bytes.
fn exact<T, const N: usize>(option: &[u8], read: impl FnOnce(&[u8; N]) -> T) -> Option<T> {
    option.try_into().ok().map(read)
}

/// Writes `data` at `at`, and zeros before and behind it.
fn fill(out: &mut [u8], at: usize, data: &[u8]) {
    out.fill(0);
    out[at..at + data.len()].copy_from_slice(data);
}

impl PrefixInformation {
    fn from_fixed(fixed: PrefixInformationFixed) -> Option<Self> {
        (fixed.prefix_length <= 128).then_some(PrefixInformation {
            prefix: fixed.prefix,
            prefix_len: fixed.prefix_length,
            on_link: fixed.on_link,
            autonomous: fixed.autonomous,
            valid_lifetime: fixed.valid_lifetime,
            preferred_lifetime: fixed.preferred_lifetime,
        })
    }

    fn to_fixed(self, length: u8) -> PrefixInformationFixed {
        let PrefixInformation { prefix, prefix_len, on_link, autonomous, valid_lifetime, preferred_lifetime } =
            self;
        PrefixInformationFixed {
            kind: option_kind::PREFIX_INFORMATION,
            length,
            prefix_length: prefix_len,
            on_link,
            autonomous,
            reserved: 0,
            valid_lifetime,
            preferred_lifetime,
            reserved_word: 0,
            prefix,
        }
    }
}

/// Well-formed options; iterates over them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct NdpOptions<'a>(&'a [u8]);

impl<'a> NdpOptions<'a> {
    /// No options.
    pub const NONE: NdpOptions<'static> = NdpOptions(&[]);

    /// Checks the bytes of options.
    ///
    /// # Errors
    /// `Malformed` when an option's length is 0 or goes beyond the end: such a message is discarded
    /// (RFC 4861 4.6).
    pub fn new(bytes: &'a [u8]) -> Result<Self, ParseError> {
        const WHAT: &str = "Neighbor Discovery option";
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = match *rest {
                [_, 0, ..] => return Err(ParseError::malformed(WHAT, "its length is 0")),
                [_, len, ..] => rest
                    .get(usize::from(len) * 8..)
                    .ok_or(ParseError::malformed(WHAT, "it is longer than the message"))?,
                _ => return Err(ParseError::malformed(WHAT, "it ends before its length")),
            };
        }
        Ok(NdpOptions(bytes))
    }

    /// The bytes of those not yet iterated over.
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0
    }

    /// The bytes of each option.
    pub fn raw(self) -> impl Iterator<Item = &'a [u8]> {
        let mut rest = self.0;
        core::iter::from_fn(move || {
            let (option, behind) = rest.split_at_checked(usize::from(*rest.get(1)?) * 8)?;
            rest = behind;
            Some(option)
        })
    }

    /// The Ethernet address of the sender, if an option tells it.
    pub fn source_link_layer(mut self) -> Option<EthernetAddress> {
        self.find_map(|option| match option {
            NdpOption::SourceLinkLayer(address) => Some(address),
            _ => None,
        })
    }

    /// The Ethernet address of the target, if an option tells it.
    pub fn target_link_layer(mut self) -> Option<EthernetAddress> {
        self.find_map(|option| match option {
            NdpOption::TargetLinkLayer(address) => Some(address),
            _ => None,
        })
    }
}

impl<'a> Iterator for NdpOptions<'a> {
    type Item = NdpOption<'a>;

    fn next(&mut self) -> Option<NdpOption<'a>> {
        let option = self.raw().next()?;
        self.0 = &self.0[option.len()..];
        Some(NdpOption::parse(option))
    }
}

/// Bytes of options being put together.
///
/// ```
/// use fathom_wire::{EthernetAddress, NdpMessage, NdpOption, NdpOptionBuffer};
///
/// let mut options = NdpOptionBuffer::new();
/// options.push(NdpOption::SourceLinkLayer(EthernetAddress([2, 0, 0, 0, 0, 1])));
/// let message = NdpMessage::RouterSolicitation { options: options.options() };
/// assert_eq!(message.len(), 16);
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct NdpOptionBuffer(ArrayVec<u8, { NdpOptionBuffer::CAPACITY }>);

impl NdpOptionBuffer {
    /// Bytes it holds: what is left of the smallest IPv6 MTU, 1280, after the IPv6 header and a redirect.
    pub const CAPACITY: usize = 1200;

    /// No options.
    pub const fn new() -> Self {
        NdpOptionBuffer(ArrayVec::new_const())
    }

    /// Appends an option; says whether there was room for it.
    pub fn push(&mut self, option: NdpOption<'_>) -> bool {
        let start = self.0.len();
        if self.0.remaining_capacity() < option.option_len() {
            return false;
        }
        self.0.extend(core::iter::repeat_n(0, option.option_len()));
        option.emit(&mut self.0[start..]);
        true
    }

    /// The options.
    pub fn options(&self) -> NdpOptions<'_> {
        NdpOptions(&self.0)
    }
}
