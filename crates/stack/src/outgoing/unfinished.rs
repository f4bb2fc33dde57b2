//! Packets that arrived with something left to do for a device: to complete the checksum, or to cut.
//!
//! For a socket of ours nothing needs doing. Where such a packet goes on, or is recorded, it becomes what the
//! other end's device would have made of it.

use core::num::NonZeroU16;

use bytes::Bytes;
use fathom_wire::{Checksum, IpHeader, Ipv6Chain, Ipv6Header, TcpHeader, UdpHeader, checksum};

use super::{Cut, Headers, Kind, Outgoing, Segments, append};
use crate::transmit::{MAX_HEADERS, TransmitChecksum};

/// Where in a packet the transport header is to which a device has something to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unfinished {
    pub(crate) kind: Kind,
    /// Where it begins in the packet: behind extension headers, if there are any.
    pub(crate) start: usize,
    /// Its length.
    len: usize,
}

impl Unfinished {
    /// Finds the transport header; `None` where there is none that a device knows.
    pub(crate) fn find(packet: &[u8], header: &IpHeader) -> Option<Unfinished> {
        let (protocol, start) = match header {
            IpHeader::V4(header) if header.is_fragment() => return None,
            IpHeader::V4(header) => (header.protocol, header.header_len()),
            IpHeader::V6(header) => {
                let chain = Ipv6Chain::parse(header.next_header, packet.get(Ipv6Header::LEN..)?).ok()?;
                if chain.fragment.is_some() {
                    return None;
                }
                (chain.protocol, Ipv6Header::LEN + chain.offset)
            }
        };
        let kind = Kind::of(protocol)?;
        let transport = packet.get(start..)?;
        let len = match kind {
            Kind::Tcp => TcpHeader::data_offset(transport).max(TcpHeader::LEN),
            Kind::Udp => UdpHeader::LEN,
        };
        (len <= transport.len()).then_some(Unfinished { kind, start, len })
    }

    /// Where the data begins in the packet.
    pub(crate) fn data_start(&self) -> usize {
        self.start + self.len
    }

    /// What a device behind a link header of `link_len` bytes is asked to do.
    pub(crate) fn partial(&self, link_len: usize) -> TransmitChecksum {
        TransmitChecksum::Partial {
            start: (link_len + self.start) as u16,
            offset: self.kind.checksum_offset() as u16,
        }
    }

    /// The sum of the pseudo-header for `len` bytes of transport header and data.
    pub(crate) fn pseudo_header(&self, header: &IpHeader, len: usize) -> u16 {
        let mut sum = Checksum::new();
        sum.pseudo_header(header.source(), header.destination(), self.kind.protocol(), len as u32);
        sum.fold()
    }

    /// Cuts the packet behind a link header of `link_len` bytes at `size`.
    pub(crate) fn segments(&self, header: &IpHeader, link_len: usize, size: NonZeroU16) -> Segments {
        Segments {
            source: header.source(),
            destination: header.destination(),
            kind: self.kind,
            ip_start: link_len,
            transport_start: link_len + self.start,
            size,
            offset: 0,
            index: 0,
        }
    }

    /// What lies behind the first `skip` bytes of the packet, with the checksum completed.
    pub(crate) fn completed(&self, packet: &[u8], skip: usize) -> Bytes {
        // The field holds the sum of the pseudo-header, so the sum over everything is the sum of all.
        let sum = !checksum::sum(&packet[self.start..]);
        let sum = if sum == 0 && self.kind == Kind::Udp { 0xffff } else { sum };
        let mut bytes = packet[skip..].to_vec();
        let field = self.start - skip + self.kind.checksum_offset();
        bytes[field..field + 2].copy_from_slice(&sum.to_be_bytes());
        bytes.into()
    }
}

/// The frames that would have arrived in place of one that a device is to cut at `segment_size`, with a link
/// header of `link_len` bytes; `None` when that cannot be told.
pub(crate) fn pieces(frame: &Bytes, link_len: usize, segment_size: NonZeroU16) -> Option<Outgoing> {
    let packet = frame.get(link_len..)?;
    let header = IpHeader::parse(packet).ok()?;
    let end = link_len + header.header_len() + header.payload_len();
    let unfinished = Unfinished::find(packet.get(..end - link_len)?, &header)?;
    let data_start = link_len + unfinished.data_start();
    if data_start > MAX_HEADERS || data_start == end {
        return None;
    }
    let mut headers = Headers::new();
    append(&mut headers, &frame[..data_start]);
    let mut whole = Outgoing::whole(headers, link_len, [frame.slice(data_start..end)].into_iter().collect());
    whole.cut = Cut::Segments(unfinished.segments(&header, link_len, segment_size));
    Some(whole)
}

/// A frame whose checksum a device is to complete, complete; `None` when that cannot be told.
pub(crate) fn finished(frame: &Bytes, link_len: usize) -> Option<Bytes> {
    let packet = frame.get(link_len..)?;
    let header = IpHeader::parse(packet).ok()?;
    let packet = packet.get(..header.header_len() + header.payload_len())?;
    let unfinished = Unfinished::find(packet, &header)?;
    let mut bytes = frame[..link_len].to_vec();
    bytes.extend_from_slice(&unfinished.completed(packet, 0));
    Some(bytes.into())
}
