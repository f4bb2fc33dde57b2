//! What the engine and the frames tell about each conversation, put in order.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::time::Duration;

use fathom_record::{
    Direction, DropReason, Engine, FlowId, FrameRecord, Kind, Limit, LinkFate, Record, SendReason, SpanId,
    SpanNote,
};
use fathom_wire::Instant;

use super::Hints;
use crate::packet::{Datagram, Segment};

const DNS: u16 = 53;
/// Bytes of a DNS header, before the question.
const DNS_HEADER: usize = 12;

/// A stretch of time with something in it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Interval {
    pub(super) start: Instant,
    pub(super) end: Instant,
}

/// The local and the remote end of a connection.
type Ends = (SocketAddr, SocketAddr);

/// Everything that explains time.
#[derive(Default, Debug)]
pub(super) struct Evidence {
    flows: HashMap<FlowId, Flow>,
    by_address: HashMap<Ends, FlowId>,
    /// What spans have noted of their connection so far.
    noted: HashMap<SpanId, (Option<FlowId>, Option<Ends>)>,
    pub(super) queries: Vec<Query>,
    /// Packets waited for a neighbour's link address.
    pub(super) neighbours: Vec<Interval>,
    /// When a neighbour's address was asked for, and the last time that an answer may have come.
    neighbour_asked: Option<(Instant, Option<Instant>)>,
    /// Frames to us that a link lost.
    pub(super) lost_to_us: Vec<Instant>,
    /// Frames of ours that a link lost.
    pub(super) lost_from_us: Vec<Instant>,
    /// Frames to us that a link held back.
    pub(super) held_to_us: Vec<Instant>,
    /// Frames of ours that a link held back.
    pub(super) held_from_us: Vec<Instant>,
    /// Frames to us that a link damaged, or, where no link tells, that came with a wrong checksum.
    pub(super) damaged_to_us: Vec<Instant>,
    /// Frames that came with a wrong checksum.
    wrong_checksums: Vec<Instant>,
}

/// One TCP connection.
#[derive(Default, Debug)]
pub(super) struct Flow {
    /// The sequence number of our SYN.
    syn: Option<u32>,
    /// The first sending of each segment, by its sequence number.
    first_sent: BTreeMap<u32, Instant>,
    /// From the first sending to a repetition, why it was repeated, and its sequence number.
    pub(super) repeats: Vec<(Interval, Repeat, u32)>,
    /// When segments with data were sent.
    pub(super) data_sent: Vec<Instant>,
    /// The shortest round trip.
    pub(super) rtt: Option<Duration>,
    /// Holes in what was received; one that was never filled has no end.
    pub(super) holes: Vec<(Instant, Option<Instant>)>,
    /// What held the sender back, from when on.
    pub(super) limits: Vec<(Instant, Limit)>,
    /// Frames received: when, bytes of the frame, bytes of data.
    pub(super) received: Vec<(Instant, u64, u64)>,
    /// Frames sent: when, bytes of the frame.
    pub(super) transmitted: Vec<(Instant, u64)>,
    /// Those of them with data.
    pub(super) transmitted_data: Vec<(Instant, u64)>,
    /// The longest round trip.
    pub(super) longest_rtt: Option<Duration>,
    /// What the peer expected next, in the order of arrival.
    acknowledged: Vec<(Instant, u32)>,
}

/// Why a segment was sent again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Repeat {
    Syn,
    Timeout,
    Fast,
}

/// One DNS question over UDP.
#[derive(Debug)]
pub(super) struct Query {
    /// Name, type and class as on the wire, in lower case.
    question: Vec<u8>,
    /// Each time it was asked.
    pub(super) asked: Vec<Instant>,
    /// When it was answered first.
    pub(super) answered: Option<Instant>,
}

impl Query {
    /// `A`, `AAAA`; the number of another type.
    pub(super) fn kind(&self) -> String {
        // The type stands before the class, which is two bytes.
        match self.question.len().checked_sub(4).and_then(|at| self.question[at..].first_chunk()) {
            Some([0, 1]) => "A".into(),
            Some([0, 28]) => "AAAA".into(),
            Some([0, 65]) => "HTTPS".into(),
            Some(kind) => u16::from_be_bytes(*kind).to_string(),
            None => "?".into(),
        }
    }
}

impl Evidence {
    pub(super) fn read(records: &[Record], hints: &Hints) -> Evidence {
        let mut evidence = Evidence::default();
        for record in records {
            match &record.kind {
                Kind::Engine(engine) => evidence.engine(record.at, engine),
                Kind::Frame(frame) => evidence.frame(record.at, frame, hints),
                Kind::SpanNote(span, note) => evidence.note(*span, note),
                Kind::SpanStart(_) | Kind::SpanEnd(_) | Kind::TlsSecret(_) => {}
            }
        }
        if evidence.damaged_to_us.is_empty() {
            evidence.damaged_to_us = std::mem::take(&mut evidence.wrong_checksums);
        }
        evidence
    }

    pub(super) fn flow(&self, id: FlowId) -> Option<&Flow> {
        self.flows.get(&id)
    }

    /// The shortest round trip of any connection.
    pub(super) fn shortest_rtt(&self) -> Option<Duration> {
        self.flows.values().filter_map(|flow| flow.rtt).min()
    }

    /// A program that names both its connection and the addresses tells what its frames are, too.
    fn note(&mut self, span: SpanId, note: &SpanNote) {
        let (flow, ends) = self.noted.entry(span).or_default();
        match note {
            SpanNote::Flow(id) => *flow = Some(*id),
            SpanNote::Addresses { local, remote } => *ends = Some((*local, *remote)),
            SpanNote::Fact { .. } => {}
        }
        if let (Some(flow), Some(ends)) = (*flow, *ends) {
            self.by_address.insert(ends, flow);
            self.flows.entry(flow).or_default();
        }
    }

    fn engine(&mut self, at: Instant, engine: &Engine) {
        match engine {
            Engine::TcpOpened { flow, local, remote, .. } => {
                self.by_address.insert((*local, *remote), *flow);
                self.flows.entry(*flow).or_default();
            }
            Engine::TcpSegment { flow, why, seq, len, .. } => {
                self.flows.entry(*flow).or_default().segment(at, *why, *seq, *len);
            }
            Engine::Rtt { flow, sample, .. } => {
                let flow = self.flows.entry(*flow).or_default();
                flow.rtt = Some(flow.rtt.map_or(*sample, |rtt| rtt.min(*sample)));
                flow.longest_rtt = flow.longest_rtt.max(Some(*sample));
            }
            Engine::HoleOpened { flow, .. } => {
                self.flows.entry(*flow).or_default().holes.push((at, None));
            }
            Engine::HoleFilled { flow, .. } => {
                let holes = &mut self.flows.entry(*flow).or_default().holes;
                for (_, filled) in holes.iter_mut().rev().take_while(|(_, filled)| filled.is_none()) {
                    *filled = Some(at);
                }
            }
            Engine::Limited { flow, by } => self.flows.entry(*flow).or_default().limits.push((at, *by)),
            Engine::Packet { why: SendReason::NeighbourRequest } => {
                self.neighbour_asked.get_or_insert((at, None));
            }
            // The frame of a loss on the way out is one that we have.
            Engine::Link { fate: LinkFate::Corrupted, frame: None, .. } => self.damaged_to_us.push(at),
            Engine::Link {
                fate: LinkFate::Lost | LinkFate::QueueFull | LinkFate::Corrupted, frame, ..
            } => match frame {
                Some(_) => self.lost_from_us.push(at),
                None => self.lost_to_us.push(at),
            },
            Engine::Link { fate: LinkFate::Reordered, frame, .. } => match frame {
                Some(_) => self.held_from_us.push(at),
                None => self.held_to_us.push(at),
            },
            Engine::Dropped {
                reason: DropReason::IpChecksum | DropReason::TcpChecksum | DropReason::UdpChecksum,
                ..
            } => self.wrong_checksums.push(at),
            Engine::Packet { .. }
            | Engine::TcpState { .. }
            | Engine::Cwnd { .. }
            | Engine::Timeout { .. }
            | Engine::LossDetected { .. }
            | Engine::LossRepaired { .. }
            | Engine::Dropped { .. }
            | Engine::Link { .. } => {}
        }
    }

    fn frame(&mut self, at: Instant, frame: &FrameRecord, hints: &Hints) {
        let link_type = hints.links.get(usize::from(frame.interface.0)).copied().unwrap_or_default();
        let transmitted = frame.direction == Direction::Transmitted;
        let len = frame.bytes.len() as u64;
        if let Some(segment) = Segment::of(&frame.bytes, link_type) {
            self.resolved(at, transmitted);
            let ends = if transmitted {
                (segment.source, segment.destination)
            } else {
                (segment.destination, segment.source)
            };
            let Some(flow) = self.by_address.get(&ends).and_then(|id| self.flows.get_mut(id)) else { return };
            if transmitted {
                flow.transmitted.push((at, len));
                if segment.len > 0 {
                    flow.transmitted_data.push((at, len));
                }
            } else {
                flow.received.push((at, len, u64::from(segment.len)));
                flow.acknowledged.push((at, segment.ack));
            }
        } else if let Some(datagram) = Datagram::of(&frame.bytes, link_type) {
            self.resolved(at, transmitted);
            let port = if transmitted { datagram.destination.port() } else { datagram.source.port() };
            if port == DNS
                && let Some(question) = datagram.data.get(DNS_HEADER..)
            {
                self.dns(at, transmitted, question);
            }
        } else if let (Some((_, answered)), false) = (&mut self.neighbour_asked, transmitted) {
            *answered = Some(at);
        }
    }

    /// A packet left: its next hop is known. It had waited for the answer if it left at once when that
    /// came; otherwise the question was only to confirm an address, and nothing waited.
    fn resolved(&mut self, at: Instant, transmitted: bool) {
        const AT_ONCE: Duration = Duration::from_millis(1);
        if transmitted
            && let Some((start, answered)) = self.neighbour_asked.take()
            && answered.is_some_and(|answered| at - answered <= AT_ONCE)
        {
            self.neighbours.push(Interval { start, end: at });
        }
    }

    fn dns(&mut self, at: Instant, transmitted: bool, question: &[u8]) {
        // An answer begins with the question, and a query may end with options.
        let name = question.iter().position(|byte| *byte == 0).unwrap_or(question.len());
        let question = question[..question.len().min(name + 5)].to_ascii_lowercase();
        let known = self.queries.iter_mut().rev().find(|query| query.question == question);
        match (known, transmitted) {
            (Some(query), true) if query.answered.is_none() => query.asked.push(at),
            (_, true) => self.queries.push(Query { question, asked: vec![at], answered: None }),
            (Some(query), false) => {
                query.answered.get_or_insert(at);
            }
            (None, false) => {}
        }
    }
}

/// How long a link of `rate` bits a second takes for so many bytes.
pub(super) fn time_on_link(bytes: u64, rate: u64) -> Duration {
    Duration::from_secs_f64(bytes as f64 * 8.0 / rate.max(1) as f64)
}

impl Flow {
    /// When the way to the network carried these frames, at `rate` bits a second.
    pub(super) fn uplink_busy(frames: &[(Instant, u64)], rate: u64) -> Vec<Interval> {
        let mut busy: Vec<Interval> = Vec::new();
        for (at, len) in frames {
            let duration = time_on_link(*len, rate);
            match busy.last_mut() {
                Some(before) if before.end >= *at => before.end += duration,
                _ => busy.push(Interval { start: *at, end: *at + duration }),
            }
        }
        busy
    }

    /// When the peer first acknowledged the segment that begins with `seq` after it was sent at `from`.
    pub(super) fn acknowledged(&self, seq: u32, from: Instant) -> Option<Instant> {
        let beyond = |ack: u32| ack.wrapping_sub(seq).cast_signed() > 0;
        let later = self.acknowledged.iter().filter(|(at, _)| *at > from);
        later.clone().find(|(_, ack)| beyond(*ack)).map(|(at, _)| *at)
    }

    fn segment(&mut self, at: Instant, why: SendReason, seq: u32, len: u32) {
        let syn = matches!(why, SendReason::Syn | SendReason::SynAck);
        let repeat = match why {
            SendReason::RetransmissionTimeout { .. } if self.syn == Some(seq) => Some(Repeat::Syn),
            SendReason::Syn | SendReason::SynAck if self.syn == Some(seq) => Some(Repeat::Syn),
            SendReason::RetransmissionTimeout { .. } => Some(Repeat::Timeout),
            SendReason::FastRetransmit | SendReason::Rescue => Some(Repeat::Fast),
            _ => None,
        };
        if syn {
            self.syn = Some(seq);
        }
        if let Some(repeat) = repeat {
            // The bytes may lie inside of a super-segment: the nearest beginning before them.
            let first = self.first_sent.range(..=seq).next_back().map_or(at, |(_, first)| *first);
            self.repeats.push((Interval { start: first, end: at }, repeat, seq));
        } else if syn || len > 0 || why == SendReason::Fin {
            self.first_sent.entry(seq).or_insert(at);
        }
        if len > 0 {
            self.data_sent.push(at);
        }
    }
}
