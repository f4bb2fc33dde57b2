//! Cuts a TCP super-segment into segments, or a UDP super-datagram into datagrams (generic segmentation
//! offload, done by ourselves).
//!
//! What differs from piece to piece: lengths, IPv4 identification and checksums; in TCP the sequence number
//! (RFC 9293 3.1) and the flags that are about one end of the data only.

use core::net::IpAddr;
use core::num::NonZeroU16;

use bytes::BytesMut;
use fathom_wire::{Checksum, IpHeader, IpProtocol, Ipv4Header, TcpFlags, TcpHeader, UdpHeader, checksum};

use super::{Cut, Headers, Outgoing, Slices, append, copy_front, slices_len, take_front};
use crate::transmit::Transmit;

/// Offsets in the TCP header (RFC 9293 3.1).
const SEQ: usize = 4;
const FLAGS: usize = 13;
/// Offset of the length in the UDP header (RFC 768).
const UDP_LENGTH: usize = 4;

/// What can be cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Tcp,
    Udp,
}

impl Kind {
    /// What the packets of a protocol are cut as; `None` for a protocol whose packets are not.
    pub(crate) fn of(protocol: IpProtocol) -> Option<Kind> {
        match protocol {
            IpProtocol::Tcp => Some(Kind::Tcp),
            IpProtocol::Udp => Some(Kind::Udp),
            _ => None,
        }
    }

    /// The protocol.
    pub(crate) fn protocol(self) -> IpProtocol {
        match self {
            Kind::Tcp => IpProtocol::Tcp,
            Kind::Udp => IpProtocol::Udp,
        }
    }

    /// Where the checksum stands in the transport header.
    pub(crate) fn checksum_offset(self) -> usize {
        match self {
            Kind::Tcp => TcpHeader::CHECKSUM_OFFSET,
            Kind::Udp => UdpHeader::CHECKSUM_OFFSET,
        }
    }
}

/// Where the cutting of a super-segment stands.
#[derive(Clone, Debug)]
pub(crate) struct Segments {
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    /// What is cut.
    pub(crate) kind: Kind,
    /// Where the IP and the transport header begin.
    pub(crate) ip_start: usize,
    pub(crate) transport_start: usize,
    /// Data bytes of each segment but the last.
    pub(crate) size: NonZeroU16,
    /// Data bytes, and segments, cut off so far.
    pub(crate) offset: u32,
    pub(crate) index: u16,
}

impl Segments {
    /// The next segment: the headers of the super-segment, changed as it takes.
    pub(super) fn next(&mut self, headers: &Headers, rest: &mut Slices) -> (Headers, Slices) {
        let slices = take_front(rest, usize::from(self.size.get()));
        let data_len = slices_len(&slices);
        let mut data = Checksum::new();
        for slice in &slices {
            data.add(slice);
        }
        let mut headers = copy(headers);
        self.change(&mut headers, data_len, rest.is_empty(), &data);
        (headers, slices)
    }

    /// Writes the next segment behind what `out` holds.
    pub(super) fn write_next(&mut self, headers: &Headers, rest: &mut Slices, out: &mut BytesMut) {
        let data_len = usize::from(self.size.get()).min(slices_len(rest));
        out.reserve(headers.len() + data_len);
        let start = out.len();
        out.extend_from_slice(headers);
        copy_front(rest, data_len, out);
        let (headers, copied) = out[start..].split_at_mut(headers.len());
        let mut data = Checksum::new();
        data.add(copied);
        self.change(headers, data_len, rest.is_empty(), &data);
    }

    /// Makes the headers of the super-segment those of the next segment, which has `data_len` bytes with the
    /// sum `data`, and may be the last.
    fn change(&mut self, headers: &mut [u8], data_len: usize, last: bool, data: &Checksum) {
        self.write_ip(headers, data_len);
        let transport = &mut headers[self.transport_start..];
        match self.kind {
            Kind::Tcp => self.write_tcp(transport, last),
            Kind::Udp => {
                let len = (UdpHeader::LEN + data_len) as u16;
                transport[UDP_LENGTH..UDP_LENGTH + 2].copy_from_slice(&len.to_be_bytes());
            }
        }
        let field = self.kind.checksum_offset();
        transport[field..field + 2].fill(0);
        let checksum = self.checksum(transport, data_len, data);
        transport[field..field + 2].copy_from_slice(&checksum.to_be_bytes());

        self.offset += data_len as u32;
        self.index += 1;
    }

    fn write_tcp(&self, tcp: &mut [u8], last: bool) {
        let seq = u32::from_be_bytes([tcp[SEQ], tcp[SEQ + 1], tcp[SEQ + 2], tcp[SEQ + 3]]);
        tcp[SEQ..SEQ + 4].copy_from_slice(&seq.wrapping_add(self.offset).to_be_bytes());
        // FIN and PSH are about the end of the data, CWR (RFC 3168 6.1.2) about its beginning.
        if !last {
            tcp[FLAGS] &= !((TcpFlags::FIN | TcpFlags::PSH).bits() as u8);
        }
        if self.offset > 0 {
            tcp[FLAGS] &= !(TcpFlags::CWR.bits() as u8);
        }
    }

    fn write_ip(&self, headers: &mut [u8], data_len: usize) {
        let behind_ip = (headers.len() - self.transport_start + data_len) as u16;
        let ip_len = self.transport_start - self.ip_start;
        let ip = &mut headers[self.ip_start..self.transport_start];
        if self.source.is_ipv6() {
            // Extension headers, if any, are part of the payload (RFC 8200 3).
            let len = behind_ip + (ip_len - 40) as u16;
            ip[4..6].copy_from_slice(&len.to_be_bytes());
            return;
        }
        ip[2..4].copy_from_slice(&(behind_ip + ip_len as u16).to_be_bytes());
        let identification = u16::from_be_bytes([ip[4], ip[5]]).wrapping_add(self.index);
        ip[4..6].copy_from_slice(&identification.to_be_bytes());
        let field = Ipv4Header::CHECKSUM_OFFSET..Ipv4Header::CHECKSUM_OFFSET + 2;
        ip[field.clone()].fill(0);
        let sum = !checksum::sum(ip);
        ip[field].copy_from_slice(&sum.to_be_bytes());
    }

    fn checksum(&self, transport: &[u8], data_len: usize, data: &Checksum) -> u16 {
        let mut sum = Checksum::new();
        let len = (transport.len() + data_len) as u32;
        sum.pseudo_header(self.source, self.destination, self.kind.protocol(), len);
        sum.add(transport);
        sum.combine(data);
        match self.kind {
            Kind::Tcp => sum.finish(),
            Kind::Udp => sum.finish_udp(),
        }
    }
}

/// Whether a super-segment has CWR set. Devices differ in what they make of it: some keep it in the first
/// segment only, as RFC 3168 6.1.2 wants, and some in all, as the counter of accurate ECN would.
pub(crate) fn has_cwr(kind: Kind, transport: &[u8]) -> bool {
    kind == Kind::Tcp && transport[FLAGS] & TcpFlags::CWR.bits() as u8 != 0
}

/// The headers once more.
fn copy(headers: &Headers) -> Headers {
    let mut copy = Headers::new();
    append(&mut copy, headers);
    copy
}

/// A frame that the device is to complete (and, with a segment size, to cut), as the packet that we would
/// complete and cut ourselves with the same result.
pub(super) fn by_device(frame: &Transmit, ip_start: usize, start: usize, offset: usize) -> Outgoing {
    let mut packet = Outgoing::whole(copy(&frame.headers), ip_start, frame.slices.clone());
    packet.cause = frame.cause;
    let header = IpHeader::parse_quoted(&frame.headers[ip_start..]);
    match (frame.segment_size, header) {
        (Some(size), Ok(header)) => {
            let (source, destination) = (header.source(), header.destination());
            let kind = if offset == UdpHeader::CHECKSUM_OFFSET { Kind::Udp } else { Kind::Tcp };
            packet.cut = Cut::Segments(Segments {
                source,
                destination,
                kind,
                ip_start,
                transport_start: start,
                size,
                offset: 0,
                index: 0,
            });
        }
        _ => {
            // The field holds the sum of the pseudo-header, so the sum over all is that of everything.
            let mut sum = Checksum::new();
            sum.add(&frame.headers[start..]);
            for slice in &frame.slices {
                sum.add(slice);
            }
            let udp = offset == UdpHeader::CHECKSUM_OFFSET;
            let checksum = if udp { sum.finish_udp() } else { sum.finish() };
            packet.headers[start + offset..start + offset + 2].copy_from_slice(&checksum.to_be_bytes());
        }
    }
    packet
}

#[cfg(test)]
mod tests;
