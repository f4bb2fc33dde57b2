//! The header of virtio-net before a frame: what is left to the device that the frame is handed to.
//!
//! Before touching this file, read VIRTIO 1.2, 5.1.6 (device operation), and Linux' `virtio_net_hdr_to_skb`.
//! The other end may be hostile (a virtual machine, a container): nothing that it says of a frame is believed
//! before it was held against the frame.

use std::num::NonZeroU16;

use fathom_wire::{
    Checksum as Sum, EtherType, EthernetHeader, IpHeader, IpProtocol, Ipv6Chain, Ipv6Header, TcpFlags,
    TcpHeader, UdpHeader,
};

use crate::device::Checksum;
use crate::{Frame, Medium};

/// Bytes of the header, without the count of buffers that some devices put behind it.
pub(crate) const LEN: usize = 10;

/// Bits of `flags`.
const NEEDS_CSUM: u8 = 1;
const DATA_VALID: u8 = 2;
/// Values of `gso_type`.
const GSO_NONE: u8 = 0;
const GSO_TCPV4: u8 = 1;
const GSO_TCPV6: u8 = 4;
const GSO_UDP_L4: u8 = 5;
/// A bit beside them: the first segment has CWR (RFC 3168 6.1.2).
const GSO_ECN: u8 = 0x80;

/// Why a frame is refused: what its sender said of it is not so.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Contradiction {
    /// It is shorter than the header before it.
    #[error("a frame without its virtio header")]
    NoHeader,
    /// It is longer than any frame.
    #[error("a frame of more than 64 KiB")]
    TooLong,
    /// A flag, or a way of cutting, that was not agreed upon.
    #[error("a virtio header with unknown flags or segmentation")]
    Unknown,
    /// The checksum that is to be completed is not where the packet has its own, or lies outside.
    #[error("a partial checksum that is not where the packet has one")]
    Checksum,
    /// The super-segment is not of the protocol that the header says, contradicts its own lengths, or is of a
    /// kind that cannot be one.
    #[error("a super-segment that is none")]
    Segmentation,
}

/// The header.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct VirtioHeader {
    flags: u8,
    gso_type: u8,
    /// Length of all headers: a hint, which is often wrong.
    hdr_len: u16,
    gso_size: u16,
    csum_start: u16,
    csum_offset: u16,
}

/// What may be believed of a frame.
pub(crate) type Believed = (Option<NonZeroU16>, Checksum);

impl VirtioHeader {
    /// Reads the header: fields are little-endian.
    pub(crate) fn parse(bytes: &[u8; LEN]) -> VirtioHeader {
        let word = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        VirtioHeader {
            flags: bytes[0],
            gso_type: bytes[1],
            hdr_len: word(2),
            gso_size: word(4),
            csum_start: word(6),
            csum_offset: word(8),
        }
    }

    /// Writes the header.
    pub(crate) fn emit(&self) -> [u8; LEN] {
        let VirtioHeader { flags, gso_type, hdr_len, gso_size, csum_start, csum_offset } = *self;
        let mut bytes = [flags, gso_type, 0, 0, 0, 0, 0, 0, 0, 0];
        for (at, word) in [hdr_len, gso_size, csum_start, csum_offset].into_iter().enumerate() {
            bytes[2 + 2 * at..4 + 2 * at].copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// The header for a frame to transmit.
    pub(crate) fn of(frame: &Frame<'_>, medium: Medium) -> VirtioHeader {
        let Some(checksum) = frame.checksum else { return VirtioHeader::default() };
        let header = VirtioHeader {
            flags: NEEDS_CSUM,
            csum_start: checksum.start,
            csum_offset: checksum.offset,
            ..VirtioHeader::default()
        };
        let headers: &[u8] = frame.parts.first().map_or(&[], |part| part);
        // What fits one segment is none to cut.
        let more_than_one = |size: &NonZeroU16| frame.len() - headers.len() > usize::from(size.get());
        let Some(size) = frame.segment_size.filter(more_than_one) else { return header };
        let udp = usize::from(checksum.offset) == UdpHeader::CHECKSUM_OFFSET;
        let gso_type = match link_len(medium, headers).and_then(|start| headers.get(start)) {
            _ if udp => GSO_UDP_L4,
            Some(first) if first >> 4 == 4 => GSO_TCPV4,
            _ => GSO_TCPV6,
        };
        VirtioHeader { gso_type, hdr_len: headers.len() as u16, gso_size: size.get(), ..header }
    }

    /// Holds the header against the frame that came behind it. A checksum of a protocol that nobody here
    /// knows, such as that within a tunnel, is completed.
    pub(crate) fn check(&self, frame: &mut [u8], medium: Medium) -> Result<Believed, Contradiction> {
        if self.flags & !(NEEDS_CSUM | DATA_VALID) != 0 {
            return Err(Contradiction::Unknown);
        }
        if self.gso_type != GSO_NONE {
            return self.check_segments(frame, medium);
        }
        if self.flags & NEEDS_CSUM == 0 {
            let valid = self.flags & DATA_VALID != 0;
            return Ok((None, if valid { Checksum::Valid } else { Checksum::Unverified }));
        }
        match Transport::find(frame, medium) {
            Some(transport) => self.check_checksum(&transport).map(|()| (None, Checksum::Partial)),
            None => self.complete(frame).map(|()| (None, Checksum::Unverified)),
        }
    }

    fn check_checksum(&self, transport: &Transport) -> Result<(), Contradiction> {
        let field = transport.protocol.checksum_offset();
        let (start, offset) = (usize::from(self.csum_start), usize::from(self.csum_offset));
        let inside = transport.start + field + 2 <= transport.end;
        let right = (start, offset) == (transport.start, field) && inside;
        right.then_some(()).ok_or(Contradiction::Checksum)
    }

    fn complete(&self, frame: &mut [u8]) -> Result<(), Contradiction> {
        let start = usize::from(self.csum_start);
        let field = start + usize::from(self.csum_offset);
        if field + 2 > frame.len() {
            return Err(Contradiction::Checksum);
        }
        let mut sum = Sum::new();
        sum.add(&frame[start..]);
        // Zero would mean that there is none (RFC 768); where that is not so, both are zero.
        frame[field..field + 2].copy_from_slice(&sum.finish_udp().to_be_bytes());
        Ok(())
    }

    fn check_segments(&self, frame: &[u8], medium: Medium) -> Result<Believed, Contradiction> {
        let transport = Transport::find(frame, medium).ok_or(Contradiction::Segmentation)?;
        let kind = (self.gso_type & !GSO_ECN, transport.protocol, transport.v6);
        let agreed = match kind {
            (GSO_TCPV4, Protocol::Tcp, false) | (GSO_TCPV6, Protocol::Tcp, true) => true,
            (GSO_UDP_L4, Protocol::Udp, _) => self.gso_type & GSO_ECN == 0,
            (GSO_TCPV4 | GSO_TCPV6 | GSO_UDP_L4, ..) => return Err(Contradiction::Segmentation),
            _ => false,
        };
        if !agreed {
            return Err(Contradiction::Unknown);
        }
        let checksum = match self.flags {
            flags if flags & NEEDS_CSUM != 0 => {
                self.check_checksum(&transport)?;
                Checksum::Partial
            }
            // VIRTIO 1.2, 5.1.6.2: what is to be cut has a checksum to be completed, unless it was verified.
            flags if flags & DATA_VALID != 0 => Checksum::Valid,
            _ => return Err(Contradiction::Checksum),
        };
        let segment = &frame[transport.start..transport.end];
        let header_len = transport.protocol.segment_header(segment).ok_or(Contradiction::Segmentation)?;
        let data = segment.len() - header_len;
        let size = NonZeroU16::new(self.gso_size).ok_or(Contradiction::Segmentation)?;
        if data == 0 || transport.end != frame.len() || usize::from(self.hdr_len) > frame.len() {
            return Err(Contradiction::Segmentation);
        }
        Ok((Some(size).filter(|size| data > usize::from(size.get())), checksum))
    }
}

/// The protocols whose packets a device finishes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Protocol {
    Tcp,
    Udp,
}

impl Protocol {
    fn checksum_offset(self) -> usize {
        match self {
            Protocol::Tcp => TcpHeader::CHECKSUM_OFFSET,
            Protocol::Udp => UdpHeader::CHECKSUM_OFFSET,
        }
    }

    /// The length of the header of a super-segment; `None` where this cannot be one.
    fn segment_header(self, segment: &[u8]) -> Option<usize> {
        match self {
            Protocol::Tcp => {
                let header = TcpHeader::parse(segment).ok()?;
                let once = TcpFlags::SYN | TcpFlags::RST | TcpFlags::URG;
                (!header.flags.intersects(once)).then(|| TcpHeader::data_offset(segment))
            }
            Protocol::Udp => {
                let header = UdpHeader::parse(segment).ok()?;
                (usize::from(header.length) == segment.len()).then_some(UdpHeader::LEN)
            }
        }
    }
}

/// Where in a frame TCP or UDP is.
struct Transport {
    protocol: Protocol,
    v6: bool,
    start: usize,
    end: usize,
}

impl Transport {
    /// Finds it; `None` where there is none, or only a fragment of it.
    fn find(frame: &[u8], medium: Medium) -> Option<Transport> {
        let ip_start = link_len(medium, frame)?;
        let packet = &frame[ip_start..];
        let header = IpHeader::parse(packet).ok()?;
        let end = ip_start + header.header_len() + header.payload_len();
        let (protocol, offset, v6) = match &header {
            IpHeader::V4(header) if header.is_fragment() => return None,
            IpHeader::V4(header) => (header.protocol, header.header_len(), false),
            IpHeader::V6(header) => {
                let payload = packet.get(Ipv6Header::LEN..end - ip_start)?;
                let chain = Ipv6Chain::parse(header.next_header, payload).ok()?;
                if chain.fragment.is_some() {
                    return None;
                }
                (chain.protocol, Ipv6Header::LEN + chain.offset, true)
            }
        };
        let protocol = match protocol {
            IpProtocol::Tcp => Protocol::Tcp,
            IpProtocol::Udp => Protocol::Udp,
            _ => return None,
        };
        Some(Transport { protocol, v6, start: ip_start + offset, end })
    }
}

/// Bytes before the IP header; `None` when the frame carries something else.
fn link_len(medium: Medium, frame: &[u8]) -> Option<usize> {
    match medium {
        Medium::Ip => Some(0),
        Medium::Ethernet => {
            let header = EthernetHeader::parse(frame).ok()?;
            matches!(header.ether_type, EtherType::Ipv4 | EtherType::Ipv6).then(|| header.header_len())
        }
    }
}

#[cfg(test)]
mod tests;
