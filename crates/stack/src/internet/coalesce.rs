//! Merges TCP segments and UDP datagrams that arrived together into super-segments (generic receive offload,
//! done by ourselves).
//!
//! Only neighbours in a flow that differ in nothing but what one sender's train differs in are merged, and a
//! super-segment, cut again, gives the same segments. So TCP sees one long segment instead of many short ones
//! and learns nothing else; a UDP socket cuts it again where the program does not take several datagrams at
//! once. Nothing is copied: the data of each stays in the buffer it came in. It is done within one batch;
//! nothing waits for the next.

use core::num::NonZeroU16;

use arrayvec::ArrayVec;
use bytes::{Buf, Bytes};
use fathom_record::RecordId;
use fathom_wire::{
    Checksum, EthernetHeader, IpHeader, IpProtocol, Ipv4Header, Ipv6Header, TcpFlags, TcpHeader, UdpHeader,
    checksum,
};

use crate::batch::{Frame, ReceivedChecksum};
use crate::internet::receive::Packet;
use crate::memory::BlockPool;
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

/// Addresses, ports and protocol of a TCP or UDP packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Flow {
    kind: Kind,
    v6: bool,
    ports: [u8; 4],
    /// Source and destination; those of IPv4 in the first 8 bytes.
    addresses: [u8; 32],
}

/// Where the parts of a segment are that can be merged.
#[derive(Clone, Copy, Debug)]
struct Segment {
    transport_start: usize,
    data_start: usize,
    end: usize,
    pushed: bool,
}

/// A segment of which more may follow.
#[derive(Debug)]
struct Train {
    /// The first segment, and the data of those behind it.
    packet: Packet,
    flow: Flow,
    first: Segment,
    /// Data bytes of the first segment: of all but the last.
    size: usize,
    /// Data bytes of all.
    len: usize,
    /// The last segment has PSH: nothing may follow.
    pushed: bool,
    /// The last segment is shorter than the first: nothing may follow.
    short: bool,
    /// The checksum of the first segment was found right.
    verified: bool,
}

/// The trains of a batch.
#[derive(Debug, Default)]
pub(crate) struct Coalescer {
    trains: ArrayVec<Train, FLOWS>,
    /// The train that the last packet is in, if it is in one.
    last: Option<usize>,
    /// The link header of the frame that it came in, if so long.
    link: [u8; EthernetHeader::LEN],
}

/// Packets to handle, in their order.
pub(crate) type Ready = ArrayVec<Packet, 2>;

impl Coalescer {
    /// Takes a packet of the batch. Gives the packets that are to be handled: none while it may be merged with
    /// what follows.
    pub(crate) fn offer(&mut self, packet: Packet, pool: &mut BlockPool) -> Ready {
        let mut ready = Ready::new();
        self.last = None;
        let Some((flow, segment)) = Segment::of(&packet) else {
            // Whatever it is, it stays behind the segments of its flow.
            if let Some(flow) = Flow::of(&packet.bytes)
                && let Some(at) = self.find(&flow)
            {
                ready.push(self.trains.remove(at).finish());
            }
            ready.push(packet);
            return ready;
        };
        match self.find(&flow) {
            Some(at) => {
                self.last = Some(at);
                let train = &mut self.trains[at];
                if train.takes(&packet.bytes, packet.checksum, &segment) {
                    train.append(packet.bytes, packet.cause, &segment, pool);
                } else {
                    ready.push(core::mem::replace(train, Train::new(packet, flow, segment)).finish());
                }
            }
            None => {
                if self.trains.is_full() {
                    ready.push(self.trains.remove(0).finish());
                }
                self.last = Some(self.trains.len());
                self.trains.push(Train::new(packet, flow, segment));
            }
        }
        ready
    }

    /// Notes the link header of the frame whose packet is offered next.
    pub(crate) fn note_link_header(&mut self, frame: &[u8]) {
        self.last = None;
        if let Some(header) = frame.first_chunk() {
            self.link = *header;
        }
    }

    /// Takes a frame's bytes when it is the next of the train that the last frame is in, which most frames of a
    /// bulk transfer are: it has the same link header, `link_len` bytes of it, and the same flow, so the layers
    /// below need not look at it. False, and nothing done, for any other.
    pub(crate) fn follow(&mut self, frame: &mut Frame, link_len: usize, pool: &mut BlockPool) -> bool {
        let Some(train) = self.last.and_then(|at| self.trains.get_mut(at)) else { return false };
        let Some((link, packet)) = frame.bytes.split_at_checked(link_len) else { return false };
        if frame.segment_size.is_some() || link != &self.link[..link_len] {
            return false;
        }
        let Some(segment) = train.like_the_first(packet) else { return false };
        if !train.takes(packet, frame.checksum, &segment) {
            return false;
        }
        let mut bytes = core::mem::take(&mut frame.bytes);
        bytes.advance(link_len);
        train.append(bytes, frame.cause, &segment, pool);
        true
    }

    fn find(&self, flow: &Flow) -> Option<usize> {
        self.trains.iter().position(|train| train.flow == *flow)
    }

    /// The batch is through: what is left, in the order in which it began.
    pub(crate) fn finish(self) -> impl Iterator<Item = Packet> {
        self.trains.into_iter().map(Train::finish)
    }
}

impl Segment {
    /// Whether a packet is a segment that others may follow: TCP or UDP directly behind an IP header without
    /// options, no fragment, with data.
    fn of(packet: &Packet) -> Option<(Flow, Segment)> {
        let bytes = &packet.bytes;
        let (kind, start, len) = ip_of(bytes)?;
        let end = start.checked_add(len).filter(|end| *end <= bytes.len())?;
        let transport = &bytes[start..end];
        let (header_len, pushed) = match kind {
            Kind::Tcp => tcp_of(transport)?,
            Kind::Udp => (udp_of(transport)?, false),
        };
        let alone = !packet.broadcast && packet.segment_size.is_none();
        if !alone || header_len >= len {
            return None;
        }
        let flow = Flow::of(bytes)?;
        Some((flow, Segment { transport_start: start, data_start: start + header_len, end, pushed }))
    }

    fn data_len(&self) -> usize {
        self.end - self.data_start
    }
}

impl Train {
    fn new(packet: Packet, flow: Flow, first: Segment) -> Train {
        let (size, pushed) = (first.data_len(), first.pushed);
        let verified = packet.checksum != ReceivedChecksum::Unverified;
        Train { packet, flow, first, size, len: size, pushed, short: false, verified }
    }

    /// A packet as a segment, if its addresses, ports and lengths of headers are those of the first.
    #[inline]
    fn like_the_first(&self, packet: &[u8]) -> Option<Segment> {
        let Segment { transport_start, data_start, .. } = self.first;
        let first = &self.packet.bytes;
        let addresses = if self.flow.v6 { 8..40 } else { 12..20 };
        let ports = transport_start..transport_start + 4;
        let same = packet.len() > data_start
            // The length of an IPv4 header.
            && packet[0] == first[0]
            && packet[addresses.clone()] == first[addresses]
            && packet[ports.clone()] == first[ports];
        if !same {
            return None;
        }
        let word = |at: usize| usize::from(u16::from_be_bytes([packet[at], packet[at + 1]]));
        let end = match self.flow.v6 {
            false => word(IPV4_TOTAL_LENGTH),
            true => Ipv6Header::LEN + word(IPV6_PAYLOAD_LENGTH),
        };
        let transport = packet.get(transport_start..end)?;
        let (header_len, pushed) = match self.flow.kind {
            Kind::Tcp => tcp_of(transport)?,
            Kind::Udp => (udp_of(transport)?, false),
        };
        let same = transport_start + header_len == data_start && end > data_start;
        same.then_some(Segment { end, pushed, ..self.first })
    }

    /// Whether a segment of the same flow follows and is like the first.
    #[inline]
    fn takes(&mut self, bytes: &[u8], checksum: ReceivedChecksum, segment: &Segment) -> bool {
        let data_len = segment.data_len();
        let fits = !self.pushed
            && !self.short
            && data_len <= self.size
            && self.packet.followers.len() + 1 < MAX_SEGMENTS
            && self.first.data_start + self.len + data_len <= MAX_PACKET
            && self.is_followed_by(bytes, segment);
        if !fits || !self.is_valid(bytes, checksum, segment) {
            return false;
        }
        if !self.verified {
            // A first segment that is wrong is left to the layers above, which drop it.
            let sound = IpHeader::parse(&self.packet.bytes).is_ok();
            self.verified = sound && self.is_valid(&self.packet.bytes, self.packet.checksum, &self.first);
        }
        self.verified
    }

    fn append(&mut self, mut bytes: Bytes, cause: Option<RecordId>, segment: &Segment, pool: &mut BlockPool) {
        bytes.truncate(segment.end);
        bytes.advance(segment.data_start);
        if self.packet.followers.capacity() == 0 {
            self.packet.followers = pool.take_followers();
        }
        self.packet.followers.push(bytes);
        self.packet.cause = cause;
        self.len += segment.data_len();
        self.pushed = segment.pushed;
        self.short = segment.data_len() < self.size;
    }

    /// Whether the headers differ in lengths, identification, checksums and PSH only, and TCP's sequence
    /// number is the next. Addresses and ports are the same.
    fn is_followed_by(&self, next: &[u8], segment: &Segment) -> bool {
        let first = &self.packet.bytes;
        let Segment { transport_start, data_start, .. } = self.first;
        if segment.transport_start != transport_start || segment.data_start != data_start {
            return false;
        }
        let same_ip = match self.flow.v6 {
            // Version to TOS; flags, TTL and protocol.
            false => first[..2] == next[..2] && first[6..10] == next[6..10],
            // Version to flow label; next header and hop limit.
            true => first[..4] == next[..4] && first[6..8] == next[6..8],
        };
        let (first, next) = (&first[transport_start..data_start], &next[transport_start..data_start]);
        same_ip
            && match self.flow.kind {
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

    /// Whether the checksums of a segment of the flow are right, as far as they are ours to verify. The rest of
    /// its IP header is like that of the first.
    fn is_valid(&self, bytes: &[u8], known: ReceivedChecksum, segment: &Segment) -> bool {
        let Flow { v6, addresses, kind, .. } = &self.flow;
        if !v6 && checksum::sum(&bytes[..segment.transport_start]) != 0xffff {
            return false;
        }
        if known != ReceivedChecksum::Unverified {
            return true;
        }
        let transport = &bytes[segment.transport_start..segment.end];
        let mut sum = Checksum::new();
        // The pseudo-header: the addresses, of which those of IPv4 have zeros behind them, length and protocol.
        sum.add(addresses);
        sum.add_sum(transport.len() as u16, 2);
        sum.add_sum(u8::from(kind.protocol()).into(), 2);
        sum.add(transport);
        sum.is_valid()
    }

    /// The packet to handle: the first as it came, or with the others behind it.
    fn finish(self) -> Packet {
        if self.packet.followers.is_empty() {
            return self.packet;
        }
        Packet {
            segment_size: NonZeroU16::new(self.size as u16),
            checksum: ReceivedChecksum::Valid,
            ..self.packet
        }
    }
}

impl Flow {
    /// Of a packet, IP options or not.
    fn of(bytes: &[u8]) -> Option<Flow> {
        let mut addresses = [0; 32];
        let v6 = bytes.first()? >> 4 == 6;
        let (ports, protocol) = match bytes[0] >> 4 {
            4 => {
                addresses[..8].copy_from_slice(bytes.get(12..20)?);
                (usize::from(bytes[0] & 0x0f) * 4, bytes[9])
            }
            6 => {
                addresses.copy_from_slice(bytes.get(8..40)?);
                (Ipv6Header::LEN, bytes[6])
            }
            _ => return None,
        };
        let kind = Kind::of(IpProtocol::from(protocol))?;
        let ports = bytes.get(ports..)?.first_chunk()?;
        Some(Flow { kind, v6, ports: *ports, addresses })
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

#[cfg(test)]
mod tests;
