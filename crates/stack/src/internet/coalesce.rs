//! Merges TCP segments that arrived together into super-segments (generic receive offload, done by ourselves).
//!
//! Only neighbours in a flow that differ in nothing but what one sender's train differs in are merged, and a
//! super-segment, cut again, gives the same segments. So TCP sees one long segment instead of many short ones
//! and learns nothing else. It is done within one batch; nothing waits for the next.

use alloc::vec::Vec;
use core::num::NonZeroU16;

use arrayvec::ArrayVec;
use bytes::{Bytes, BytesMut};
use fathom_record::RecordId;
use fathom_wire::{Checksum, IpHeader, IpProtocol, Ipv4Header, Ipv6Header, TcpFlags, TcpHeader, checksum};

use crate::batch::ReceivedChecksum;
use crate::internet::receive::Packet;

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
/// Offsets of the total length in the IPv4 header (RFC 791 3.1) and of the payload length in the IPv6 header
/// (RFC 8200 3).
const IPV4_TOTAL_LENGTH: usize = 2;
const IPV6_PAYLOAD_LENGTH: usize = 4;

/// A segment of which more may follow.
#[derive(Debug)]
struct Train {
    /// The first segment.
    packet: Packet,
    tcp_start: usize,
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
    tcp_start: usize,
    data_start: usize,
    end: usize,
    pushed: bool,
}

impl Segment {
    fn of(self, packet: Packet) -> Train {
        let Segment { tcp_start, data_start, end, pushed } = self;
        let (len, cause) = (end - data_start, packet.cause);
        Train {
            tcp_start,
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
    /// Whether a packet is a segment that others may follow: TCP directly behind an IP header without options,
    /// no fragment, with data, and no flag but ACK and PSH.
    fn begin(packet: &Packet) -> Option<Segment> {
        let bytes = &packet.bytes;
        let (tcp_start, len) = ip_of(bytes)?;
        let end = tcp_start.checked_add(len).filter(|end| *end <= bytes.len())?;
        let tcp = &bytes[tcp_start..end];
        let data_offset = TcpHeader::data_offset(tcp);
        let has_data = (TcpHeader::LEN..tcp.len()).contains(&data_offset);
        let plain = TcpFlags::ACK.bits() as u8;
        let pushed = (TcpFlags::ACK | TcpFlags::PSH).bits() as u8;
        let flags = *tcp.get(FLAGS)?;
        let ordinary = tcp[12] & 0x0f == 0 && (flags == plain || flags == pushed);
        (has_data && ordinary && !packet.broadcast && packet.segment_size.is_none()).then_some(Segment {
            tcp_start,
            data_start: tcp_start + data_offset,
            end,
            pushed: flags == pushed,
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
            let Train { tcp_start, data_start, .. } = *self;
            // A first segment with a wrong checksum is left to TCP, which drops it.
            if !is_valid(&self.packet, &Segment { tcp_start, data_start, end, pushed: false }) {
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

    /// Whether the headers differ in lengths, identification, checksums and PSH only, and the sequence number
    /// is the next.
    fn is_followed_by(&self, next: &[u8], segment: &Segment) -> bool {
        let first = &self.packet.bytes;
        if segment.tcp_start != self.tcp_start || segment.data_start != self.data_start {
            return false;
        }
        let same_ip = match first[0] >> 4 {
            // Version to TOS; flags, TTL and protocol; addresses.
            4 => first[..2] == next[..2] && first[6..10] == next[6..10] && first[12..20] == next[12..20],
            // Version to flow label; next header, hop limit and addresses.
            _ => first[..4] == next[..4] && first[6..40] == next[6..40],
        };
        let (first, next) = (&first[self.tcp_start..self.data_start], &next[self.tcp_start..self.data_start]);
        let seq = |tcp: &[u8]| u32::from_be_bytes([tcp[SEQ], tcp[SEQ + 1], tcp[SEQ + 2], tcp[SEQ + 3]]);
        same_ip
            && seq(next) == seq(first).wrapping_add(self.len as u32)
            // Ports; acknowledgement number and data offset; window; urgent pointer and options.
            && first[..SEQ] == next[..SEQ]
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
        let behind_ip = (bytes.len() - self.tcp_start) as u16;
        if bytes[0] >> 4 == 4 {
            let total = behind_ip + Ipv4Header::LEN as u16;
            bytes[IPV4_TOTAL_LENGTH..IPV4_TOTAL_LENGTH + 2].copy_from_slice(&total.to_be_bytes());
            let field = Ipv4Header::CHECKSUM_OFFSET..Ipv4Header::CHECKSUM_OFFSET + 2;
            bytes[field.clone()].fill(0);
            let sum = !checksum::sum(&bytes[..self.tcp_start]);
            bytes[field].copy_from_slice(&sum.to_be_bytes());
        } else {
            bytes[IPV6_PAYLOAD_LENGTH..IPV6_PAYLOAD_LENGTH + 2].copy_from_slice(&behind_ip.to_be_bytes());
        }
        if self.pushed {
            bytes[self.tcp_start + FLAGS] |= TcpFlags::PSH.bits() as u8;
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

/// Where TCP begins in a packet, and how many bytes of it there are: directly behind an IP header without
/// options, and not in a fragment.
fn ip_of(bytes: &[u8]) -> Option<(usize, usize)> {
    const TCP: u8 = 6;
    const MORE_OR_OFFSET: u16 = 0x3fff;
    let word = |at: usize| Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]));
    match *bytes.first()? {
        0x45 => {
            let whole = *bytes.get(9)? == TCP && word(6)? & MORE_OR_OFFSET == 0;
            let len = usize::from(word(IPV4_TOTAL_LENGTH)?).checked_sub(Ipv4Header::LEN)?;
            whole.then_some((Ipv4Header::LEN, len))
        }
        first if first >> 4 == 6 => {
            (*bytes.get(6)? == TCP).then_some((Ipv6Header::LEN, usize::from(word(IPV6_PAYLOAD_LENGTH)?)))
        }
        _ => None,
    }
}

/// Addresses and ports of a TCP packet, options or not.
fn flow_of(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (addresses, ports, protocol) = match bytes.first()? >> 4 {
        4 => (12..20, usize::from(bytes[0] & 0x0f) * 4, bytes.get(9)?),
        6 => (8..40, Ipv6Header::LEN, bytes.get(6)?),
        _ => return None,
    };
    if IpProtocol::from(*protocol) != IpProtocol::Tcp {
        return None;
    }
    Some((bytes.get(addresses)?, bytes.get(ports..ports + 4)?))
}

/// Whether the checksums of a segment are right, as far as they are ours to verify.
fn is_valid(packet: &Packet, segment: &Segment) -> bool {
    let bytes = &packet.bytes;
    let Ok(header) = IpHeader::parse(bytes) else { return false };
    if packet.checksum != ReceivedChecksum::Unverified {
        return true;
    }
    let tcp = &bytes[segment.tcp_start..segment.end];
    let mut sum = Checksum::new();
    sum.pseudo_header(header.source(), header.destination(), IpProtocol::Tcp, tcp.len() as u32);
    sum.add(tcp);
    sum.is_valid()
}

#[cfg(test)]
mod tests;
