//! Why each frame was sent, in a sentence for a person.

use std::collections::{HashMap, VecDeque};
use std::fmt::Write as _;

use fathom_record::{Direction, Engine, FlowId, FrameRecord, Kind, Record, RecordId, SendReason};
use fathom_wire::Instant;

use crate::LinkType;
use crate::packet::Segment as TcpSegment;

/// Follows a stream of records and knows, for each frame, the chain of causes that led to it.
///
/// Give it every record in order with [`push`](Self::push). It remembers the last
/// [`MEMORY`](Self::MEMORY) records that can be a cause; a chain that goes back further ends there.
#[derive(Debug, Default)]
pub struct Causes {
    links: Vec<LinkType>,
    frames: u64,
    known: HashMap<RecordId, Known>,
    /// The keys of `known`, oldest first.
    order: VecDeque<RecordId>,
    /// The frame that first carried a sequence number of a flow.
    first_sent: HashMap<(FlowId, u32), Sent>,
    /// The keys of `first_sent`, oldest first.
    sent_order: VecDeque<(FlowId, u32)>,
}

/// What is remembered of a record.
#[derive(Clone, Copy, Debug)]
struct Known {
    cause: Option<RecordId>,
    what: What,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Frame { number: u64 },
    Segment { flow: FlowId, why: SendReason, seq: u32, ack: u32, len: u32 },
    Packet { why: SendReason },
    Timeout { rto: core::time::Duration },
    Other,
}

#[derive(Clone, Copy, Debug)]
struct Sent {
    number: u64,
    at: Instant,
}

impl Causes {
    /// How many records are remembered as possible causes.
    pub const MEMORY: usize = 1 << 17;

    /// Knows nothing yet. `links` says what the frames of each interface begin with; Ethernet headers
    /// where it says nothing.
    pub fn new(links: &[LinkType]) -> Self {
        Causes { links: links.to_vec(), ..Self::default() }
    }

    /// Takes the next record. For a frame it gives its number, from 1 in the order of the frames, and
    /// why it was sent; the sentence is empty for a received frame and where nothing is known.
    pub fn push(&mut self, record: &Record) -> Option<(u64, String)> {
        let what = match &record.kind {
            Kind::Frame(frame) => return Some(self.frame(record, frame)),
            Kind::Engine(Engine::TcpSegment { flow, why, seq, ack, len }) => {
                What::Segment { flow: *flow, why: *why, seq: *seq, ack: *ack, len: *len }
            }
            Kind::Engine(Engine::Packet { why }) => What::Packet { why: *why },
            Kind::Engine(Engine::Timeout { rto, .. }) => What::Timeout { rto: *rto },
            _ => What::Other,
        };
        self.remember(record.id, Known { cause: record.cause, what });
        None
    }

    /// The number of the frame with this record.
    pub fn frame_number(&self, id: RecordId) -> Option<u64> {
        match self.known.get(&id)?.what {
            What::Frame { number } => Some(number),
            _ => None,
        }
    }

    /// Frames seen so far.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    fn frame(&mut self, record: &Record, frame: &FrameRecord) -> (u64, String) {
        self.frames += 1;
        let number = self.frames;
        let mut why = String::new();
        if frame.direction == Direction::Transmitted {
            let link_type = self.links.get(usize::from(frame.interface.0)).copied().unwrap_or_default();
            let sent = TcpSegment::of(&frame.bytes, link_type).map(|it| (it.seq, it.len, it.sequence_len()));
            why = self.why(record, sent.map(|(seq, len, _)| (seq, len)));
            if let (Some(flow), Some((seq, _, 1..))) = (self.flow(record.cause), sent) {
                self.remember_sent((flow, seq), Sent { number, at: record.at });
            }
        }
        self.remember(record.id, Known { cause: record.cause, what: What::Frame { number } });
        (number, why)
    }

    fn remember_sent(&mut self, key: (FlowId, u32), sent: Sent) {
        if self.first_sent.contains_key(&key) {
            return;
        }
        if self.sent_order.len() >= Self::MEMORY
            && let Some(oldest) = self.sent_order.pop_front()
        {
            self.first_sent.remove(&oldest);
        }
        self.first_sent.insert(key, sent);
        self.sent_order.push_back(key);
    }

    fn remember(&mut self, id: RecordId, known: Known) {
        if self.order.len() >= Self::MEMORY
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        self.known.insert(id, known);
        self.order.push_back(id);
    }

    /// The flow of the segment that `cause` is.
    fn flow(&self, cause: Option<RecordId>) -> Option<FlowId> {
        match self.known.get(&cause?)?.what {
            What::Segment { flow, .. } => Some(flow),
            _ => None,
        }
    }

    /// The nearest frame up the chain of causes, which is finite: a cause is older than its effect, so
    /// its walk is cut after a few steps.
    fn frame_behind(&self, mut cause: Option<RecordId>) -> Option<u64> {
        for _ in 0..8 {
            let known = self.known.get(&cause?)?;
            if let What::Frame { number } = known.what {
                return Some(number);
            }
            cause = known.cause;
        }
        None
    }

    /// Why a frame was sent. `sent` is the sequence number and length of the segment in it: a
    /// super-segment's record is the cause of several frames.
    fn why(&self, record: &Record, sent: Option<(u32, u32)>) -> String {
        let Some(known) = record.cause.and_then(|cause| self.known.get(&cause)) else {
            return String::new();
        };
        let behind = self.frame_behind(known.cause);
        match known.what {
            What::Segment { flow, why, ack, len, seq } => {
                let (seq, len) = sent.unwrap_or((seq, len));
                let original = self.first_sent.get(&(flow, seq)).copied();
                let waited =
                    known.cause.and_then(|cause| self.known.get(&cause)).and_then(|timer| match timer.what {
                        What::Timeout { rto } => Some(rto),
                        _ => None,
                    });
                segment(why, Segment { seq, ack, len, at: record.at, original, waited, behind })
            }
            What::Packet { why } => packet(why, behind),
            What::Frame { number } => format!("because of #{number}"),
            What::Timeout { .. } | What::Other => String::new(),
        }
    }
}

/// What the sentence about a segment is made from.
struct Segment {
    seq: u32,
    ack: u32,
    len: u32,
    at: Instant,
    /// When these bytes were sent for the first time.
    original: Option<Sent>,
    /// How long the timer had run that brought it about.
    waited: Option<core::time::Duration>,
    /// The frame that brought it about.
    behind: Option<u64>,
}

fn segment(why: SendReason, segment: Segment) -> String {
    let Segment { seq, ack, len, at, original, waited, behind } = segment;
    let of = match original {
        Some(sent) => format!("#{}", sent.number),
        None => format!("seq {seq}"),
    };
    let mut text = match why {
        SendReason::Syn => "opens the connection".into(),
        SendReason::SynAck => "answers the SYN".into(),
        SendReason::NewData => format!("new data, {len} B"),
        SendReason::Fin if len > 0 => format!("new data, {len} B, and the end of it"),
        SendReason::Fin => "no more data to send".into(),
        SendReason::RetransmissionTimeout { number } => format!("RTO number {number} of {of}"),
        SendReason::FastRetransmit => format!("fast retransmit of {of}"),
        SendReason::Rescue => format!("sent again in case that it is lost too: {of}"),
        SendReason::WindowProbe { number } => format!("probe number {number} of a closed window"),
        SendReason::Keepalive { number } => format!("keepalive probe number {number} of a silent peer"),
        SendReason::Ack => format!("acknowledges up to {ack}"),
        SendReason::DelayedAck => format!("delayed ACK up to {ack}"),
        SendReason::DuplicateAck => format!("duplicate ACK: still waits for {ack}"),
        SendReason::WindowUpdate => "the receive window has opened".into(),
        SendReason::ChallengeAck => "challenges what could be forged (RFC 5961)".into(),
        SendReason::Reset => "resets the connection".into(),
        other => packet(other, None),
    };
    let again = matches!(
        why,
        SendReason::RetransmissionTimeout { .. } | SendReason::FastRetransmit | SendReason::Rescue
    );
    if let (true, Some(sent)) = (again, original) {
        let _ = write!(text, ", sent {:.1} ms ago", milliseconds(at - sent.at));
    }
    if let Some(rto) = waited {
        let _ = write!(text, ", unanswered for {:.1} ms", milliseconds(rto));
    }
    because(text, behind)
}

fn packet(why: SendReason, behind: Option<u64>) -> String {
    let text = match why {
        SendReason::Datagram => "a datagram of the program",
        SendReason::EchoRequest => "a ping of the program",
        SendReason::EchoReply => "answers a ping",
        SendReason::IcmpError => "tells the sender of an error",
        SendReason::NeighbourRequest => "asks for the link address of the next hop",
        SendReason::NeighbourReply => "tells its own link address",
        SendReason::Forward => "forwards a packet",
        SendReason::Housekeeping => "housekeeping of the host",
        SendReason::Reset => "no connection for this segment: refused",
        SendReason::Syn
        | SendReason::SynAck
        | SendReason::NewData
        | SendReason::Fin
        | SendReason::RetransmissionTimeout { .. }
        | SendReason::FastRetransmit
        | SendReason::Rescue
        | SendReason::WindowProbe { .. }
        | SendReason::Keepalive { .. }
        | SendReason::Ack
        | SendReason::DelayedAck
        | SendReason::DuplicateAck
        | SendReason::WindowUpdate
        | SendReason::ChallengeAck => "a TCP segment without a connection",
    };
    because(text.into(), behind)
}

fn because(mut text: String, behind: Option<u64>) -> String {
    if let Some(number) = behind {
        let _ = write!(text, ", because of #{number}");
    }
    text
}

fn milliseconds(time: core::time::Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests;
