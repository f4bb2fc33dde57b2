//! Ethernet II frames (IEEE 802.3 3.1, RFC 894, RFC 2464), with at most one 802.1Q tag.
//!
//! The frame check sequence is not part of what a device hands over, and is not modelled.

use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr};
use core::str::FromStr;

use crate::header::header;
use crate::link::vlan::{VlanFixed, VlanTag};
use crate::{Field, ParseError};

/// A 48-bit Ethernet address (IEEE 802 8.2).
///
/// Written and read as six hexadecimal pairs: `02:00:00:00:00:01`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct EthernetAddress(pub [u8; 6]);

impl EthernetAddress {
    /// All stations of the link.
    pub const BROADCAST: EthernetAddress = EthernetAddress([0xff; 6]);
    /// Nobody: stands where an address is not known, as the target of an ARP request.
    pub const UNSPECIFIED: EthernetAddress = EthernetAddress([0; 6]);

    /// Whether it names a group (the broadcast address among them).
    #[inline]
    pub const fn is_multicast(&self) -> bool {
        self.0[0] & 1 != 0
    }

    /// Whether it names all stations.
    #[inline]
    pub const fn is_broadcast(&self) -> bool {
        matches!(self.0, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff])
    }

    /// Whether it names one station: neither a group nor unspecified.
    #[inline]
    pub const fn is_unicast(&self) -> bool {
        !self.is_multicast() && !matches!(self.0, [0, 0, 0, 0, 0, 0])
    }

    /// The group address for an IPv4 multicast address: its low 23 bits (RFC 1112 6.4).
    pub const fn multicast_v4(group: Ipv4Addr) -> Self {
        let [_, b, c, d] = group.octets();
        EthernetAddress([0x01, 0x00, 0x5e, b & 0x7f, c, d])
    }

    /// The group address for an IPv6 multicast address: its last four bytes (RFC 2464 7).
    pub const fn multicast_v6(group: Ipv6Addr) -> Self {
        let [.., a, b, c, d] = group.octets();
        EthernetAddress([0x33, 0x33, a, b, c, d])
    }
}

impl From<[u8; 6]> for EthernetAddress {
    fn from(octets: [u8; 6]) -> Self {
        EthernetAddress(octets)
    }
}

impl fmt::Display for EthernetAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        f.pad(format_hex(&mut [0; 17], [a, b, c, d, e, g]))
    }
}

/// Writes `02:00:…` into `text`, so that width and alignment of the format apply to the whole.
fn format_hex(text: &mut [u8; 17], octets: [u8; 6]) -> &str {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    text.fill(b':');
    for (i, octet) in octets.into_iter().enumerate() {
        text[i * 3] = DIGITS[usize::from(octet >> 4)];
        text[i * 3 + 1] = DIGITS[usize::from(octet & 15)];
    }
    // Only digits and colons were written.
    core::str::from_utf8(text).unwrap_or_default()
}

impl fmt::Debug for EthernetAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not six hexadecimal pairs with `:` or `-` between them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("an Ethernet address has six hexadecimal pairs, as in 02:00:00:00:00:01")]
pub struct AddressError;

impl FromStr for EthernetAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let mut octets = [0; 6];
        let mut pairs = text.split([':', '-']);
        for octet in &mut octets {
            let pair = pairs.next().ok_or(AddressError)?;
            if pair.len() != 2 || !pair.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return Err(AddressError);
            }
            *octet = u8::from_str_radix(pair, 16).map_err(|_| AddressError)?;
        }
        if pairs.next().is_some() { Err(AddressError) } else { Ok(EthernetAddress(octets)) }
    }
}

/// What a frame carries (IANA "IEEE 802 Numbers").
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum EtherType {
    /// 0x0800: IPv4 (RFC 894).
    Ipv4,
    /// 0x0806: ARP (RFC 826).
    Arp,
    /// 0x86dd: IPv6 (RFC 2464).
    Ipv6,
    /// 0x8100: an 802.1Q tag follows (IEEE 802.1Q 9.4).
    Vlan,
    /// Anything else. Values up to 1500 are not types but lengths of IEEE 802.3 frames.
    Unknown(u16),
}

impl From<u16> for EtherType {
    #[inline]
    fn from(value: u16) -> Self {
        match value {
            0x0800 => EtherType::Ipv4,
            0x0806 => EtherType::Arp,
            0x86dd => EtherType::Ipv6,
            0x8100 => EtherType::Vlan,
            other => EtherType::Unknown(other),
        }
    }
}

impl From<EtherType> for u16 {
    #[inline]
    fn from(value: EtherType) -> Self {
        match value {
            EtherType::Ipv4 => 0x0800,
            EtherType::Arp => 0x0806,
            EtherType::Ipv6 => 0x86dd,
            EtherType::Vlan => 0x8100,
            EtherType::Unknown(other) => other,
        }
    }
}

header! {
    /// The 14 bytes before the payload (or before the 802.1Q tag's body).
    pub struct EthernetFixed: "Ethernet header", 14 bytes {
        /// The station, or group of stations, that the frame is for.
        destination: EthernetAddress = 0..48, "IEEE 802.3 3.2.4";
        /// The station that sent the frame.
        source: EthernetAddress = 48..96, "IEEE 802.3 3.2.5";
        /// What follows: 0x0800 IPv4, 0x0806 ARP, 0x86dd IPv6, 0x8100 an 802.1Q tag.
        ether_type: u16 = 96..112, "IEEE 802.3 3.2.6";
    }
}

/// The header of an Ethernet II frame: 14 bytes, or 18 with an 802.1Q tag.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EthernetHeader {
    /// The station, or group of stations, that the frame is for.
    pub destination: EthernetAddress,
    /// The station that sent the frame.
    pub source: EthernetAddress,
    /// The 802.1Q tag, if the frame has one.
    pub vlan: Option<VlanTag>,
    /// What the payload is (behind the tag, if there is one). A second tag shows here as
    /// [`EtherType::Vlan`].
    pub ether_type: EtherType,
}

impl EthernetHeader {
    /// Length in bytes without an 802.1Q tag.
    pub const LEN: usize = EthernetFixed::LEN;
    /// The fields of the part that every frame has; a tag's are in [`VlanFixed::FIELDS`].
    pub const FIELDS: &'static [Field] = EthernetFixed::FIELDS;

    /// Reads the header from the front of a frame.
    ///
    /// # Errors
    /// `Truncated` when the frame ends inside the header.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let Some(fixed) = bytes.first_chunk() else { return Err(EthernetFixed::truncated(bytes)) };
        let EthernetFixed { destination, source, ether_type } = EthernetFixed::from_bytes(fixed);
        let ether_type = EtherType::from(ether_type);
        if ether_type != EtherType::Vlan {
            return Ok(EthernetHeader { destination, source, vlan: None, ether_type });
        }
        let tag = VlanFixed::parse(&bytes[EthernetFixed::LEN..])?;
        Ok(EthernetHeader {
            destination,
            source,
            vlan: Some(VlanTag { priority: tag.priority, drop_eligible: tag.drop_eligible, id: tag.id }),
            ether_type: EtherType::from(tag.ether_type),
        })
    }

    /// Length in bytes: 14, or 18 with a tag.
    #[inline]
    pub const fn header_len(&self) -> usize {
        match self.vlan {
            None => EthernetFixed::LEN,
            Some(_) => EthernetFixed::LEN + VlanFixed::LEN,
        }
    }

    /// Writes the header to the first [`header_len`](Self::header_len) bytes of `out`.
    ///
    /// An untagged header with [`EtherType::Vlan`] would be read back as the beginning of a tag.
    ///
    /// # Panics
    /// When `out` is shorter.
    #[inline]
    pub fn emit(&self, out: &mut [u8]) {
        let EthernetHeader { destination, source, vlan, ether_type } = *self;
        debug_assert!(
            vlan.is_some() || ether_type != EtherType::Vlan,
            "a header that announces a tag must have one"
        );
        let outer = if vlan.is_some() { EtherType::Vlan } else { ether_type };
        EthernetFixed { destination, source, ether_type: outer.into() }.emit(out);
        if let Some(VlanTag { priority, drop_eligible, id }) = vlan {
            VlanFixed { priority, drop_eligible, id, ether_type: ether_type.into() }
                .emit(&mut out[EthernetFixed::LEN..]);
        }
    }
}

#[cfg(test)]
mod tests;
