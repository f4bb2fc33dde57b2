//! Half-open connections: a SYN has come, the third segment of the handshake has not (SYN-RECEIVED after a
//! passive open).
//!
//! An entry is small and has no buffers, since anybody can have one made. The connection itself is made
//! from it when the handshake is complete.

pub(super) mod cookie;

use alloc::sync::Arc;
use core::time::Duration;

use fathom_record::{DropReason, Engine, FlowId, RecordId, SendReason};
use fathom_wire::{Instant, SeqNumber, TcpFlags, TcpHeader, TcpTimestamps};

use super::connection::{Connection, Flags, Opening, Segment};
use super::options::{self, Negotiated};
use super::send::departing;
use super::state::State;
use super::window::acceptable;
use super::{TcpOptions, isn, reset};
use crate::context::Context;
use crate::packet::{Departing, Disposition};
use crate::slab::Key;
use crate::socket::TcpId;
use crate::table::FourTuple;
use crate::wheel::TimerId;

/// The first wait for the third segment; each further one is twice as long (RFC 6298 2.1, 5.5).
const FIRST_TIMEOUT: Duration = Duration::from_secs(1);

/// Where a half-open connection stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Progress {
    /// The program has not decided yet; nothing was answered.
    Undecided,
    /// A SYN-ACK was sent.
    Answered,
}

/// A half-open connection.
#[derive(Debug)]
pub(crate) struct HalfOpen {
    pub(super) tuple: FourTuple,
    pub(super) listener: Key,
    pub(super) timer: Option<TimerId>,
    flow: FlowId,
    /// When the SYN-ACK was last sent.
    sent_at: Instant,
    iss: SeqNumber,
    irs: SeqNumber,
    /// The peer's timestamp; counts when `timestamps`.
    ts_recent: u32,
    /// The window that our SYN-ACK offers.
    window: u16,
    peer_mss: u16,
    /// The MSS that our SYN-ACK announces.
    mss: u16,
    /// The peer's window shift, if windows are scaled.
    window_scale: Option<u8>,
    /// The shift of the windows that we send, 0 if they are not scaled.
    shift: u8,
    timestamps: bool,
    /// Both ends take selective acknowledgements (RFC 2018 2).
    sack: bool,
    pub(super) progress: Progress,
    /// It was made from a cookie, which does not tell when it was sent.
    cookie: bool,
    /// How often the SYN-ACK was sent again.
    pub(super) retries: u8,
}

/// What is to be done after a segment for a half-open connection.
#[derive(Debug)]
pub(super) enum Step {
    /// It stays as it is.
    Stay(Disposition),
    /// It is over.
    Remove(Disposition),
    /// The handshake is complete: the segment goes to the new connection.
    Complete,
}

impl HalfOpen {
    /// What a SYN leaves behind. `after` is what an earlier connection of the tuple had sent.
    pub(super) fn new(
        cx: &Context<'_>,
        listener: Key,
        flow: FlowId,
        tuple: FourTuple,
        syn: &TcpHeader,
        ours: &TcpOptions,
        (mtu, after): (usize, Option<SeqNumber>),
    ) -> Self {
        let negotiated = Negotiated::new(syn, tuple.remote_address, ours);
        HalfOpen {
            tuple,
            listener,
            timer: None,
            flow,
            sent_at: cx.now,
            iss: isn::initial(cx, &tuple, after),
            irs: syn.seq,
            ts_recent: negotiated.timestamps.unwrap_or(0),
            window: u16::try_from(ours.first_receive_buffer(&cx.config.tcp)).unwrap_or(u16::MAX),
            peer_mss: negotiated.peer_mss,
            mss: options::announced_mss(mtu, tuple.remote_address).min(ours.max_segment.unwrap_or(u16::MAX)),
            window_scale: negotiated.window_scale,
            shift: negotiated
                .window_scale
                .map_or(0, |_| options::window_shift(ours.largest_receive_buffer(&cx.config.tcp))),
            timestamps: negotiated.timestamps.is_some(),
            sack: negotiated.sack,
            progress: Progress::Undecided,
            cookie: false,
            retries: 0,
        }
    }

    pub(super) fn flow(&self) -> FlowId {
        self.flow
    }

    /// Gives a number to the conversation that a cookie began.
    pub(super) fn set_flow(&mut self, flow: FlowId) {
        self.flow = flow;
    }

    /// The SYN-ACK, for the first time or again.
    pub(super) fn syn_ack(
        &mut self,
        cx: &mut Context<'_>,
        ours: &TcpOptions,
        why: SendReason,
        cause: Option<RecordId>,
    ) -> Departing {
        self.progress = Progress::Answered;
        self.sent_at = cx.now;
        let shift = self.window_scale.map(|_| self.shift);
        let stamps = self.timestamps.then(|| self.stamp(cx));
        let options = options::syn_options(self.mss, shift, stamps, self.sack);
        let mut syn_ack = self.emit(cx, self.iss, TcpFlags::SYN | TcpFlags::ACK, (why, cause), options);
        syn_ack.dscp = ours.dscp;
        syn_ack.hop_limit = ours.hop_limit.unwrap_or(cx.config.hop_limit);
        syn_ack
    }

    /// How long to wait for the answer to the SYN-ACK: 1, 2, 4, … seconds.
    pub(super) fn timeout(&self) -> Duration {
        FIRST_TIMEOUT * (1 << self.retries.min(16))
    }

    /// The timer ran out.
    pub(super) fn on_timeout(&mut self, cx: &mut Context<'_>, ours: &TcpOptions) -> Departing {
        self.retries += 1;
        let (flow, number, rto) = (self.flow, u32::from(self.retries), self.timeout());
        let cause = cx.record(None, || Engine::Timeout { flow, number, rto: rto / 2 });
        self.syn_ack(cx, ours, SendReason::RetransmissionTimeout { number }, cause)
    }

    /// A segment for this entry: the checks of RFC 9293 3.10.7.4 as far as they concern SYN-RECEIVED.
    pub(super) fn receive(&mut self, cx: &mut Context<'_>, ours: &TcpOptions, segment: &Segment<'_>) -> Step {
        use Step::{Complete, Remove, Stay};
        let Segment { header, seq, flags, cause, .. } = *segment;
        let repeated_syn = flags.contains(TcpFlags::SYN) && seq == self.irs && !flags.contains(TcpFlags::ACK);
        if self.progress == Progress::Undecided {
            let given_up = flags.contains(TcpFlags::RST) && seq == self.irs + 1;
            let silent =
                if repeated_syn { Disposition::Accepted } else { Disposition::Drop(DropReason::TcpNoAck) };
            return if given_up { Remove(Disposition::Accepted) } else { Stay(silent) };
        }
        if repeated_syn {
            // Our SYN-ACK was lost, or is slow: the peer's timer is as good as ours. It echoes the SYN that it
            // answers (RFC 7323 4.3), or the peer would take the time it waited for a round-trip time.
            if let Some(stamp) = header.options.timestamps.filter(|_| !self.is_older(header)) {
                self.ts_recent = stamp.value;
            }
            return Stay(Disposition::reply(self.syn_ack(cx, ours, SendReason::SynAck, cause)));
        }
        let len = if flags.contains(TcpFlags::RST) { 0 } else { segment.seq_len() };
        // RFC 7323 5.3, R1. The connection would refuse what is older than the SYN, and wait on.
        if !flags.contains(TcpFlags::RST) && self.is_older(header) {
            return Stay(if len == 0 {
                Disposition::Drop(DropReason::TcpPaws)
            } else {
                Disposition::drop_reply(DropReason::TcpPaws, self.ack(cx, cause))
            });
        }
        if !flags.contains(TcpFlags::RST) && self.lacks_timestamp(cx, header) {
            return Stay(Disposition::Drop(DropReason::TcpNoTimestamps));
        }
        // First: check the sequence number.
        if !acceptable(seq, len, self.irs + 1, u32::from(self.window).max(1)) {
            // Without data there is nothing that its sender would have to know, and two ends that disagree
            // must not answer each other for ever (RFC 5961 7).
            return Stay(if len == 0 {
                Disposition::Drop(DropReason::TcpOutOfWindow)
            } else {
                Disposition::drop_reply(DropReason::TcpOutOfWindow, self.ack(cx, cause))
            });
        }
        // Second: check the RST bit (RFC 5961 3.2).
        if flags.contains(TcpFlags::RST) {
            return if seq == self.irs + 1 {
                Remove(Disposition::Accepted)
            } else {
                Stay(Disposition::drop_reply(DropReason::TcpChallengeReset, self.ack(cx, cause)))
            };
        }
        // Fourth: check the SYN bit (RFC 5961 4.2). RFC 9293 3.10.7.4 has it back to LISTEN here, which
        // would let anybody end a handshake who guesses a sequence number within the window. A peer that has
        // started anew answers the challenge with a reset that hits.
        if flags.contains(TcpFlags::SYN) {
            return Stay(Disposition::drop_reply(DropReason::TcpChallengeSyn, self.ack(cx, cause)));
        }
        // Fifth: check the ACK field.
        if !flags.contains(TcpFlags::ACK) {
            return Stay(Disposition::Drop(DropReason::TcpNoAck));
        }
        if header.ack != self.iss + 1 {
            let answer = reset::to_acknowledgement(cx, &self.tuple, header.ack, cause);
            return Stay(Disposition::drop_reply(DropReason::TcpBadAck, answer));
        }
        Complete
    }

    /// The connection that this was the beginning of. It is in SYN-RECEIVED, and the segment that completes
    /// the handshake makes it ESTABLISHED.
    pub(super) fn into_connection(self, cx: &Context<'_>, id: TcpId, options: Arc<TcpOptions>) -> Connection {
        let opening = Opening {
            id,
            flow: self.flow,
            tuple: self.tuple,
            state: State::SynReceived,
            iss: self.iss,
            options,
            timestamp_offset: isn::timestamp_offset(cx, &self.tuple),
        };
        let mut connection = Connection::new(cx, opening);
        let negotiated = Negotiated {
            peer_mss: self.peer_mss,
            window_scale: self.window_scale,
            timestamps: self.timestamps.then_some(self.ts_recent),
            sack: self.sack,
        };
        connection.negotiated(self.irs, &negotiated);
        match self.progress {
            Progress::Answered => connection.resume_passive_open(self.sent_at, self.retries, self.window),
            Progress::Undecided => connection.answer_passive_open(cx.now),
        }
        if self.cookie {
            // Its answer is no sample of the round-trip time (RFC 6298 3).
            connection.flight.retransmitted(self.iss, self.iss, self.iss + 1, self.sent_at);
        }
        // A segment that the connection refuses leaves it in SYN-RECEIVED, where nothing else would end it.
        connection.timers.close = cx.now + cx.config.tcp.connect_timeout;
        connection
    }

    /// Whether the timestamp of a segment is older than that of the SYN.
    fn is_older(&self, header: &TcpHeader) -> bool {
        let older = |stamp: TcpTimestamps| (stamp.value.wrapping_sub(self.ts_recent) as i32) < 0;
        self.timestamps && header.options.timestamps.is_some_and(older)
    }

    /// Whether a segment lacks the timestamps that the SYNs agreed on, where that counts.
    fn lacks_timestamp(&self, cx: &Context<'_>, header: &TcpHeader) -> bool {
        cx.config.tcp.require_timestamps && self.timestamps && header.options.timestamps.is_none()
    }

    /// RCV.NXT: what follows the peer's SYN.
    pub(super) fn expects(&self) -> SeqNumber {
        self.irs + 1
    }

    /// Whether an ICMP error that quotes `seq` concerns our SYN-ACK.
    pub(super) fn sent(&self, seq: SeqNumber) -> bool {
        self.progress == Progress::Answered && seq == self.iss
    }

    /// `<SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>`
    fn ack(&self, cx: &mut Context<'_>, cause: Option<RecordId>) -> Departing {
        let timestamps = self.timestamps.then(|| self.stamp(cx));
        let options = fathom_wire::TcpOptions { timestamps, ..Default::default() };
        self.emit(cx, self.iss + 1, TcpFlags::ACK, (SendReason::ChallengeAck, cause), options)
    }

    fn stamp(&self, cx: &Context<'_>) -> TcpTimestamps {
        let offset = isn::timestamp_offset(cx, &self.tuple);
        TcpTimestamps { value: (cx.now.as_millis() as u32).wrapping_add(offset), echo: self.ts_recent }
    }

    fn emit(
        &self,
        cx: &mut Context<'_>,
        seq: SeqNumber,
        flags: TcpFlags,
        (why, cause): (SendReason, Option<RecordId>),
        options: fathom_wire::TcpOptions,
    ) -> Departing {
        let header = TcpHeader {
            source_port: self.tuple.local_port,
            destination_port: self.tuple.remote_port,
            seq,
            ack: self.irs + 1,
            flags,
            // The window of a SYN is not scaled, that of any other segment is (RFC 7323 2.2).
            window: if flags.contains(TcpFlags::SYN) { self.window } else { self.window >> self.shift },
            urgent: 0,
            options,
        };
        let (flow, ack) = (self.flow, header.ack.0);
        let record = cx.record(cause, || Engine::TcpSegment { flow, why, seq: seq.0, ack, len: 0 });
        departing(&self.tuple, &header, cx.config.hop_limit, record)
    }
}

impl Connection {
    /// Takes over from the half-open entry: our SYN is sent, and its window offered.
    fn resume_passive_open(&mut self, sent_at: Instant, retries: u8, window: u16) {
        let iss = self.cold.iss;
        self.flight.sent(iss + 1, sent_at);
        if retries > 0 {
            self.flight.retransmitted(iss, iss, iss + 1, sent_at);
        }
        self.snd.nxt = iss + 1;
        self.snd.max = iss + 1;
        self.cold.expiries = u32::from(retries);
        // The window of the SYN-ACK; the third segment brings the peer's.
        self.rcv.adv = self.rcv.nxt + u32::from(window);
        self.ack.last_sent = self.rcv.nxt;
        self.ack.ts_recent_set(sent_at);
        self.snd.wl1 = self.cold.irs;
        self.snd.wl2 = iss;
        self.cold.statistics.segments_sent = 1 + u64::from(retries);
        self.cold.statistics.segments_received = 1;
    }

    /// Takes over from an entry to which nothing was answered: the SYN-ACK is the connection's to send.
    fn answer_passive_open(&mut self, now: Instant) {
        self.ack.last_sent = self.rcv.nxt;
        self.ack.ts_recent_set(now);
        self.snd.wl1 = self.cold.irs;
        self.snd.wl2 = self.cold.iss;
        self.cold.statistics.segments_received = 1;
        self.flags.insert(Flags::SYN_DUE);
    }
}
