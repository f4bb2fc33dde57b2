//! Merges TCP segments and UDP datagrams that arrived together into super-segments (generic receive offload,
//! done by ourselves).
//!
//! Only neighbours in a flow that differ in nothing but what one sender's train differs in are merged, and a
//! super-segment, cut again, gives the same segments. So TCP sees one long segment instead of many short ones
//! and learns nothing else; a UDP socket cuts it again where the program does not take several datagrams at
//! once. It is done within one batch; nothing waits for the next.

use alloc::vec::Vec;
use core::num::NonZeroU16;

use arrayvec::ArrayVec;
use bytes::{Bytes, BytesMut};
use fathom_record::RecordId;
use fathom_wire::{
    Checksum, IpHeader, IpProtocol, Ipv4Header, Ipv6Header, TcpFlags, TcpHeader, UdpHeader, checksum,
};

use crate::batch::ReceivedChecksum;
use crate::internet::receive::Packet;
use crate::outgoing::Kind;

/// Flows that are merged at a time.
const FLOWS: usize = 8;
/// Most segments in a super-segment, as many as we send ourselves.
const MAX_SEGMENTS: usize = 64;
/// The largest packet (RFC 791 3.1).
const MAX_PACKET: usize = 65535;

/// Offsets in the TCP header (RFC 9293 3.1).
const SEQ: usize = 4;
const FLAGS: usize = 13;
const CHECKSUM: usize = 16;
/// Offsets in the UDP header (RFC 768).
const UDP_LENGTH: usize = 4;
const UDP_CHECKSUM: usize = 6;
/// Offsets of the total length in the IPv4 header (RFC 791 3.1) and of the payload length in the IPv6 header
/// (RFC 8200 3).
const IPV4_TOTAL_LENGTH: usize = 2;
const IPV6_PAYLOAD_LENGTH: usize = 4;

/// A segment of which more may follow.
#[derive(Debug)]
struct Train {
    /// The first segment.
    packet: Packet,
    kind: Kind,
    transport_start: usize,
    data_start: usize,
    /// Data bytes of the first segment: of all but the last.
    size: usize,
    /// Data of the segments behind the first.
    parts: Vec<Bytes>,
    /// Data bytes of all.
    len: usize,
    /// The last segment has PSH: nothing may follow.
    pushed: bool,
    /// The last segment is shorter than the first: nothing may follow.
    short: bool,
    /// The checksum of the first segment was found right.
    verified: bool,
    cause: Option<RecordId>,
}

/// The trains of a batch.
#[derive(Debug, Default)]
pub(crate) struct Coalescer {
    trains: ArrayVec<Train, FLOWS>,
}

/// Packets to handle, in their order.
pub(crate) type Ready = ArrayVec<Packet, 2>;

impl Coalescer {
    /// Takes a packet of the batch. Gives the packets that are to be handled: none while it may be merged with
    /// what follows.
    pub(crate) fn offer(&mut self, packet: Packet) -> Ready {
        let mut ready = Ready::new();
        let Some(segment) = Train::begin(&packet) else {
            // Whatever it is, it stays behind the segments of its flow.
            if let Some(flow) = flow_of(&packet.bytes)
                && let Some(at) =
                    self.trains.iter().position(|train| flow_of(&train.packet.bytes) == Some(flow))
            {
                ready.push(self.trains.remove(at).finish());
            }
            ready.push(packet);
            return ready;
        };
        match self.trains.iter().position(|train| train.is_same_flow(&packet.bytes)) {
            Some(at) if self.trains[at].append(&packet, &segment) => {}
            Some(at) => {
                let train = core::mem::replace(&mut self.trains[at], segment.of(packet));
                ready.push(train.finish());
            }
            None => {
                if self.trains.is_full() {
                    ready.push(self.trains.remove(0).finish());
                }
                self.trains.push(segment.of(packet));
            }
        }
        ready
    }

    /// The batch is through: what is left, in the order in which it began.
    pub(crate) fn finish(self) -> impl Iterator<Item = Packet> {
        self.trains.into_iter().map(Train::finish)
    }
}

/// Where the parts of a segment are that can be merged.
#[derive(Clone, Copy, Debug)]
struct Segment {
    kind: Kind,
    transport_start: usize,
    data_start: usize,
    end: usize,
    pushed: bool,
}

impl Segment {
    fn of(self, packet: Packet) -> Train {
        let Segment { kind, transport_start, data_start, end, pushed } = self;
        let (len, cause) = (end - data_start, packet.cause);
        Train {
            kind,
            transport_start,
            data_start,
            size: len,
            parts: Vec::new(),
            len,
            pushed,
            short: false,
            verified: packet.checksum != ReceivedChecksum::Unverified,
            cause,
            packet,
        }
    }
}

impl Train {
    /// Whether a packet is a segment that others may follow: TCP or UDP directly behind an IP header without
    /// options, no fragment, with data.
    fn begin(packet: &Packet) -> Option<Segment> {
        let bytes = &packet.bytes;
        let (kind, transport_start, len) = ip_of(bytes)?;
        let end = transport_start.checked_add(len).filter(|end| *end <= bytes.len())?;
        let transport = &bytes[transport_start..end];
        let (header_len, pushed) = match kind {
            Kind::Tcp => tcp_of(transport)?,
            Kind::Udp => (udp_of(transport)?, false),
        };
        let alone = !packet.broadcast && packet.segment_size.is_none();
        (alone && header_len < len).then_some(Segment {
            kind,
            transport_start,
            data_start: transport_start + header_len,
            end,
            pushed,
        })
    }

    fn is_same_flow(&self, bytes: &[u8]) -> bool {
        flow_of(&self.packet.bytes) == flow_of(bytes)
    }

    /// Appends a segment of the same flow, if it follows and is like the first.
    fn append(&mut self, packet: &Packet, segment: &Segment) -> bool {
        let data_len = segment.end - segment.data_start;
        let fits = !self.pushed
            && !self.short
            && data_len <= self.size
            && self.parts.len() + 1 < MAX_SEGMENTS
            && self.data_start + self.len + data_len <= MAX_PACKET
            && packet.interface == self.packet.interface
            && self.is_followed_by(&packet.bytes, segment);
        if !fits || !is_valid(packet, segment) {
            return false;
        }
        if !self.verified {
            let end = self.data_start + self.size;
            let Train { kind, transport_start, data_start, .. } = *self;
            let first = Segment { kind, transport_start, data_start, end, pushed: false };
            // A first segment with a wrong checksum is left to its transport, which drops it.
            if !is_valid(&self.packet, &first) {
                return false;
            }
            self.verified = true;
        }
        self.parts.push(packet.bytes.slice(segment.data_start..segment.end));
        self.len += data_len;
        self.pushed = segment.pushed;
        self.short = data_len < self.size;
        self.cause = packet.cause;
        true
    }

    /// Whether the headers differ in lengths, identification, checksums and PSH only, and TCP's sequence
    /// number is the next.
    fn is_followed_by(&self, next: &[u8], segment: &Segment) -> bool {
        let first = &self.packet.bytes;
        if segment.transport_start != self.transport_start || segment.data_start != self.data_start {
            return false;
        }
        let same_ip = match first[0] >> 4 {
            // Version to TOS; flags, TTL and protocol; addresses.
            4 => first[..2] == next[..2] && first[6..10] == next[6..10] && first[12..20] == next[12..20],
            // Version to flow label; next header, hop limit and addresses.
            _ => first[..4] == next[..4] && first[6..40] == next[6..40],
        };
        let headers = self.transport_start..self.data_start;
        let (first, next) = (&first[headers.clone()], &next[headers]);
        // Ports.
        same_ip
            && first[..4] == next[..4]
            && match self.kind {
                Kind::Tcp => self.is_next_in_tcp(first, next),
                Kind::Udp => true,
            }
    }

    fn is_next_in_tcp(&self, first: &[u8], next: &[u8]) -> bool {
        let seq = |tcp: &[u8]| u32::from_be_bytes([tcp[SEQ], tcp[SEQ + 1], tcp[SEQ + 2], tcp[SEQ + 3]]);
        seq(next) == seq(first).wrapping_add(self.len as u32)
            // Acknowledgement number and data offset; window; urgent pointer and options.
            && first[8..FLAGS] == next[8..FLAGS]
            && first[14..CHECKSUM] == next[14..CHECKSUM]
            && first[18..] == next[18..]
    }

    /// The packet to handle: the first as it came, or the super-segment.
    fn finish(self) -> Packet {
        if self.parts.is_empty() {
            return self.packet;
        }
        let mut bytes = BytesMut::with_capacity(self.data_start + self.len);
        bytes.extend_from_slice(&self.packet.bytes[..self.data_start + self.size]);
        for part in &self.parts {
            bytes.extend_from_slice(part);
        }
        let behind_ip = (bytes.len() - self.transport_start) as u16;
        if bytes[0] >> 4 == 4 {
            let total = behind_ip + Ipv4Header::LEN as u16;
            bytes[IPV4_TOTAL_LENGTH..IPV4_TOTAL_LENGTH + 2].copy_from_slice(&total.to_be_bytes());
            let field = Ipv4Header::CHECKSUM_OFFSET..Ipv4Header::CHECKSUM_OFFSET + 2;
            bytes[field.clone()].fill(0);
            let sum = !checksum::sum(&bytes[..self.transport_start]);
            bytes[field].copy_from_slice(&sum.to_be_bytes());
        } else {
            bytes[IPV6_PAYLOAD_LENGTH..IPV6_PAYLOAD_LENGTH + 2].copy_from_slice(&behind_ip.to_be_bytes());
        }
        let transport = &mut bytes[self.transport_start..];
        match self.kind {
            Kind::Tcp if self.pushed => transport[FLAGS] |= TcpFlags::PSH.bits() as u8,
            Kind::Tcp => {}
            Kind::Udp => transport[UDP_LENGTH..UDP_LENGTH + 2].copy_from_slice(&behind_ip.to_be_bytes()),
        }
        Packet {
            bytes: bytes.freeze(),
            segment_size: NonZeroU16::new(self.size as u16),
            checksum: ReceivedChecksum::Valid,
            cause: self.cause,
            ..self.packet
        }
    }
}

/// What is in a packet, where it begins, and how many bytes of it there are: TCP or UDP directly behind an IP
/// header without options, and not in a fragment.
fn ip_of(bytes: &[u8]) -> Option<(Kind, usize, usize)> {
    const MORE_OR_OFFSET: u16 = 0x3fff;
    let word = |at: usize| Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]));
    let (protocol, start, len) = match *bytes.first()? {
        0x45 if word(6)? & MORE_OR_OFFSET == 0 => {
            let len = usize::from(word(IPV4_TOTAL_LENGTH)?).checked_sub(Ipv4Header::LEN)?;
            (*bytes.get(9)?, Ipv4Header::LEN, len)
        }
        first if first >> 4 == 6 => {
            (*bytes.get(6)?, Ipv6Header::LEN, usize::from(word(IPV6_PAYLOAD_LENGTH)?))
        }
        _ => return None,
    };
    Some((Kind::of(protocol.into())?, start, len))
}

/// The length of a TCP header, and whether PSH is set: where no other flag is than that and ACK.
fn tcp_of(tcp: &[u8]) -> Option<(usize, bool)> {
    let plain = TcpFlags::ACK.bits() as u8;
    let pushed = (TcpFlags::ACK | TcpFlags::PSH).bits() as u8;
    let flags = *tcp.get(FLAGS)?;
    let ordinary = tcp[12] & 0x0f == 0 && (flags == plain || flags == pushed);
    let len = TcpHeader::data_offset(tcp);
    (ordinary && len >= TcpHeader::LEN).then_some((len, flags == pushed))
}

/// The length of a UDP header: where the datagram fills the packet, and has a checksum.
fn udp_of(udp: &[u8]) -> Option<usize> {
    let word = |at: usize| Some(u16::from_be_bytes([*udp.get(at)?, *udp.get(at + 1)?]));
    let whole = usize::from(word(UDP_LENGTH)?) == udp.len() && word(UDP_CHECKSUM)? != 0;
    whole.then_some(UdpHeader::LEN)
}

/// Addresses, ports and protocol of a TCP or UDP packet, options or not.
fn flow_of(bytes: &[u8]) -> Option<(&[u8], &[u8], Kind)> {
    let (addresses, ports, protocol) = match bytes.first()? >> 4 {
        4 => (12..20, usize::from(bytes[0] & 0x0f) * 4, bytes.get(9)?),
        6 => (8..40, Ipv6Header::LEN, bytes.get(6)?),
        _ => return None,
    };
    let kind = Kind::of(IpProtocol::from(*protocol))?;
    Some((bytes.get(addresses)?, bytes.get(ports..ports + 4)?, kind))
}

/// Whether the checksums of a segment are right, as far as they are ours to verify.
fn is_valid(packet: &Packet, segment: &Segment) -> bool {
    let bytes = &packet.bytes;
    let Ok(header) = IpHeader::parse(bytes) else { return false };
    if packet.checksum != ReceivedChecksum::Unverified {
        return true;
    }
    let transport = &bytes[segment.transport_start..segment.end];
    let (protocol, len) = (segment.kind.protocol(), transport.len() as u32);
    let mut sum = Checksum::new();
    sum.pseudo_header(header.source(), header.destination(), protocol, len);
    sum.add(transport);
    sum.is_valid()
}

#[cfg(test)]
mod tests;
