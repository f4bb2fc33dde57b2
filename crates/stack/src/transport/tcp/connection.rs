//! The control block of a connection (RFC 9293 3.3.1).
//!
//! What each segment needs comes first and together; what belongs to opening, closing, errors and
//! statistics is boxed behind it. A connection with nothing to send or to read holds no payload memory.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use bitflags::bitflags;
use bytes::{Bytes, BytesMut};
use fathom_record::{CwndReason, Engine, FlowId, Limit, RecordId};
use fathom_wire::{Instant, SackBlock, SeqNumber, TcpFlags, TcpHeader};

use super::ack::AckState;
use super::autotune::ReadRate;
use super::congestion::{CongestionAlgorithm, Controller};
use super::flight::Flight;
use super::info::{Repeats, Statistics};
use super::keepalive::RareTimers;
use super::limits::LimitTimes;
use super::options::Negotiated;
use super::reassembly::Reassembly;
use super::recovery::Recovery;
use super::rtt::RttEstimator;
use super::send::SendSpace;
use super::state::State;
use super::timers::Timers;
use super::window::ReceiveSpace;
use super::{TcpError, TcpOptions};
use crate::context::Context;
use crate::event::Readiness;
use crate::memory::{Rope, append_copy};
use crate::socket::{SocketId, TcpId};
use crate::table::FourTuple;

/// How long a reset waits for the device.
const RESET_PATIENCE: core::time::Duration = core::time::Duration::from_secs(3);

bitflags! {
    /// Facts about a connection.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub(super) struct Flags: u32 {
        /// Both ends send timestamps (RFC 7323 3).
        const TIMESTAMPS = 1 << 0;
        /// Short segments are sent at once.
        const NODELAY = 1 << 1;
        /// The program has ended its data; the FIN follows the last of it.
        const FIN_QUEUED = 1 << 2;
        /// The peer's FIN is in, with everything before it.
        const FIN_RECEIVED = 1 << 3;
        /// The program has closed the socket: nobody reads, and nobody is told.
        const ORPHAN = 1 << 4;
        /// A reset is to be sent, and is the last that is sent.
        const RESET_DUE = 1 << 5;
        /// A SYN or SYN-ACK is to be sent.
        const SYN_DUE = 1 << 6;
        /// A window probe is to be sent.
        const PROBE_DUE = 1 << 7;
        /// The retransmission timer is the persist timer: nothing is in flight, and the window is closed.
        const PERSIST = 1 << 8;
        /// The program was told to wait with writing.
        const WRITER_WAITS = 1 << 9;
        /// The table of flows no longer leads here.
        const DETACHED = 1 << 10;
        /// The connection was opened by us.
        const ACTIVE = 1 << 11;
        /// Both ends take selective acknowledgements (RFC 2018).
        const SACK = 1 << 12;
        /// The end of the data is held back until more is written.
        const CORK = 1 << 16;
        /// The cork has held it back for long enough.
        const CORK_OVER = 1 << 17;
        /// A keepalive probe is to be sent.
        const KEEPALIVE_DUE = 1 << 18;
        /// [`TcpOptions::interface`] names one.
        const BOUND = 1 << 19;
        /// The program sees IPv4 addresses in IPv6 form.
        const MAPPED = 1 << 20;
        /// [`TcpOptions::notsent_low_water`] is set.
        const NOTSENT_LOW_WATER = 1 << 21;
        /// [`TcpOptions::receive_low_water`] is more than one.
        const RECEIVE_LOW_WATER = 1 << 22;
    }
}

/// A segment that arrived, with its header read and its checksum verified.
#[derive(Clone, Debug)]
pub(super) struct Segment<'a> {
    pub(super) header: &'a TcpHeader,
    /// Sequence number of the first thing in it that is not yet trimmed off.
    pub(super) seq: SeqNumber,
    pub(super) flags: TcpFlags,
    pub(super) data: Bytes,
    /// The data of the segments that were merged behind it, in their order.
    pub(super) followers: Vec<Bytes>,
    /// Data bytes of each of the segments that it was merged from.
    pub(super) segment_size: usize,
    pub(super) cause: Option<RecordId>,
}

impl Segment<'_> {
    /// SEG.LEN: the sequence numbers that it takes.
    pub(super) fn seq_len(&self) -> u32 {
        let controls = self.flags & (TcpFlags::SYN | TcpFlags::FIN);
        self.data_len() as u32 + controls.bits().count_ones()
    }

    /// Bytes of data, of all that were merged.
    pub(super) fn data_len(&self) -> usize {
        self.data.len() + self.followers.iter().map(Bytes::len).sum::<usize>()
    }

    /// Brings the data into one piece.
    pub(super) fn join(&mut self) {
        if !self.followers.is_empty() {
            let mut joined = BytesMut::with_capacity(self.data_len());
            for part in core::iter::once(&self.data).chain(&self.followers) {
                append_copy(&mut joined, part);
            }
            self.data = joined.freeze();
            self.followers.clear();
        }
    }
}

/// A TCP connection.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(super) id: TcpId,
    pub(super) state: State,
    pub(super) flags: Flags,
    pub(super) snd: SendSpace,
    pub(super) rcv: ReceiveSpace,
    pub(super) ack: AckState,
    pub(super) timers: Timers,
    pub(super) rtt: RttEstimator,
    pub(super) congestion: Controller,
    pub(super) recovery: Recovery,
    pub(super) flight: Flight,
    /// What the program wrote, from SND.UNA on.
    pub(super) send_buffer: Rope,
    /// What arrived in order and is not yet read, up to RCV.NXT.
    pub(super) receive_buffer: Rope,
    pub(super) reassembly: Option<Box<Reassembly>>,
    pub(super) tuple: FourTuple,
    pub(super) cold: Box<Cold>,
}

/// What a connection needs rarely.
#[derive(Debug)]
pub(super) struct Cold {
    pub(super) flow: FlowId,
    /// Our initial sequence number.
    pub(super) iss: SeqNumber,
    /// The peer's.
    pub(super) irs: SeqNumber,
    /// Shared with the listener until the program changes something.
    pub(super) options: Arc<TcpOptions>,
    pub(super) statistics: Statistics,
    /// Why the connection ended, until the program takes it.
    pub(super) error: Option<TcpError>,
    /// What an ICMP error said that need not last; the reason if the connection times out (RFC 9293
    /// 3.9.2.2).
    pub(super) soft_error: Option<TcpError>,
    /// When the peer last acknowledged something new, or the first thing was sent that it has not.
    pub(super) progress_at: Instant,
    /// When data was last sent (RFC 5681 4.1): milliseconds of the clock, which wrap after 49 days.
    pub(super) last_sent_ms: u32,
    pub(super) limit_times: LimitTimes,
    /// Consecutive expiries of the retransmission or persist timer.
    pub(super) expiries: u32,
    /// SND.UNA when the retransmission timer last ran out.
    pub(super) timeout_una: SeqNumber,
    /// SND.NXT when the congestion window last kept something back: what was outstanding then made full use
    /// of the window.
    pub(super) cwnd_limited_at: SeqNumber,
    /// When the current interval for challenge acknowledgements began, in milliseconds of the clock, and how
    /// many there were in it.
    pub(super) challenges_since_ms: u32,
    pub(super) challenges: u8,
    /// What arrived although it was there, and is not yet reported (RFC 2883); empty if nothing.
    pub(super) duplicate: SackBlock,
    /// The congestion controller before the window was last cut, while that may turn out to have been for
    /// nothing.
    pub(super) undo: Option<Box<Controller>>,
    /// When a segment last came, and one with data: milliseconds of the clock, which wrap after 49 days.
    pub(super) received_ms: u32,
    pub(super) data_received_ms: u32,
    /// What only some connections need.
    pub(super) extra: Option<Box<Extra>>,
    pub(super) trace: Option<Box<Trace>>,
}

/// What a connection needs that reads much, sent something again, or has a timer of convenience.
#[derive(Debug, Default)]
pub(super) struct Extra {
    pub(super) rare: RareTimers,
    pub(super) read_rate: Option<ReadRate>,
    pub(super) repeats: Repeats,
}

impl Cold {
    /// The counters of what was sent again.
    pub(super) fn repeats(&mut self) -> &mut Repeats {
        &mut self.extra.get_or_insert_default().repeats
    }
}

/// What is kept only while records are.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Trace {
    /// The record of what happened last: the cause of what is sent next.
    pub(super) trigger: Option<RecordId>,
    /// What held the sender back when that was last recorded.
    pub(super) limit: Option<Limit>,
}

/// What a connection is made from.
pub(super) struct Opening {
    pub(super) id: TcpId,
    pub(super) flow: FlowId,
    pub(super) tuple: FourTuple,
    pub(super) state: State,
    pub(super) iss: SeqNumber,
    pub(super) options: Arc<TcpOptions>,
    pub(super) timestamp_offset: u32,
}

impl Connection {
    /// A connection that has sent nothing.
    pub(super) fn new(cx: &Context<'_>, opening: Opening) -> Self {
        let Opening { id, flow, tuple, state, iss, options, timestamp_offset } = opening;
        let now = cx.now;
        let mut flags = Flags::empty();
        flags.set(Flags::NODELAY, options.nodelay);
        flags.set(Flags::BOUND, options.interface.is_some());
        flags.set(Flags::NOTSENT_LOW_WATER, options.notsent_low_water.is_some());
        Connection {
            id,
            state,
            flags,
            snd: SendSpace::new(iss),
            rcv: ReceiveSpace::new(&options, &cx.config.tcp),
            ack: AckState::new(timestamp_offset),
            timers: Timers::default(),
            rtt: RttEstimator::default(),
            // The segment size is known when the handshake is complete.
            congestion: Controller::new(CongestionAlgorithm::default(), 1, false),
            recovery: Recovery::new(iss, false),
            flight: Flight::default(),
            send_buffer: Rope::new(),
            receive_buffer: Rope::new(),
            reassembly: None,
            tuple,
            cold: Box::new(Cold {
                flow,
                iss,
                irs: SeqNumber(0),
                options,
                statistics: Statistics::default(),
                error: None,
                soft_error: None,
                progress_at: now,
                last_sent_ms: now.as_millis() as u32,
                limit_times: LimitTimes::default(),
                expiries: 0,
                timeout_una: iss,
                cwnd_limited_at: iss,
                challenges_since_ms: 0,
                challenges: 0,
                duplicate: SackBlock { left: iss, right: iss },
                undo: None,
                received_ms: now.as_millis() as u32,
                data_received_ms: now.as_millis() as u32,
                extra: None,
                trace: None,
            }),
        }
    }

    /// Takes over what the SYNs agreed on.
    pub(super) fn negotiated(&mut self, irs: SeqNumber, negotiated: &Negotiated) {
        let Negotiated { peer_mss, window_scale, timestamps, sack } = *negotiated;
        self.cold.irs = irs;
        self.rcv.start(irs, window_scale.is_some());
        self.snd.peer_mss = peer_mss;
        self.snd.shift = window_scale.unwrap_or(0);
        self.flags.set(Flags::TIMESTAMPS, timestamps.is_some());
        self.flags.set(Flags::SACK, sack);
        self.recovery = Recovery::new(self.cold.iss, sack);
        if let Some(value) = timestamps {
            self.ack.ts_recent = value;
        }
    }

    /// The handshake is complete: sets the windows that depend on the segment size.
    pub(super) fn established(&mut self, cx: &mut Context<'_>, handshake_lossy: bool) {
        self.snd.fit(usize::MAX, self.option_bytes());
        self.ack.start(cx.config.tcp.quick_acks, cx.now);
        self.timers.close = Instant::MAX;
        let algorithm = self.cold.options.congestion_control.unwrap_or(cx.config.tcp.congestion_control);
        self.congestion = Controller::new(algorithm, u64::from(self.snd.mss()), handshake_lossy);
        self.set_state(cx, State::Established);
        self.cold.received_ms = cx.now.as_millis() as u32;
        self.start_keepalive(cx);
        self.apply_receive_low_water(cx);
        self.record_cwnd(cx, CwndReason::Initial);
        self.notify(cx, Readiness::CONNECTED | Readiness::WRITABLE);
    }

    /// Bytes of options in every segment: timestamps with their padding.
    pub(super) fn option_bytes(&self) -> u32 {
        if self.flags.contains(Flags::TIMESTAMPS) { super::options::TIMESTAMP_BYTES } else { 0 }
    }

    /// Moves to another state.
    pub(super) fn set_state(&mut self, cx: &mut Context<'_>, to: State) {
        let from = core::mem::replace(&mut self.state, to);
        if from != to {
            let (flow, trigger) = (self.cold.flow, self.trigger());
            cx.record(trigger, || Engine::TcpState { flow, from: from.name(), to: to.name() });
        }
    }

    /// The connection ends here and now, with an error for the program or without.
    pub(super) fn end(&mut self, cx: &mut Context<'_>, error: Option<TcpError>) {
        self.cold.error = self.cold.error.or(error);
        self.set_state(cx, State::Closed);
        self.timers.stop();
        self.flight.clear();
        self.send_buffer.clear(cx.pool, cx.memory);
        if let Some(mut reassembly) = self.reassembly.take() {
            reassembly.clear(cx.memory);
        }
        let mut ready =
            Readiness::READABLE | Readiness::WRITABLE | Readiness::CLOSED_READ | Readiness::CLOSED;
        ready.set(Readiness::ERROR, error.is_some());
        self.notify(cx, ready);
    }

    /// The connection ends, and the peer is told by a reset.
    pub(super) fn reset(&mut self, cx: &mut Context<'_>, error: Option<TcpError>) {
        self.end(cx, error);
        self.flags.insert(Flags::RESET_DUE);
        // A device that takes nothing must not keep us here.
        self.timers.close = cx.now + RESET_PATIENCE;
        self.arm(cx);
        self.want_transmit(cx);
    }

    /// Gives all payload memory back.
    pub(super) fn release(&mut self, cx: &mut Context<'_>) {
        self.timers.cancel(cx);
        self.send_buffer.clear(cx.pool, cx.memory);
        self.receive_buffer.clear(cx.pool, cx.memory);
        if let Some(mut reassembly) = self.reassembly.take() {
            reassembly.clear(cx.memory);
        }
    }

    /// Tells the program, if there is one.
    pub(super) fn notify(&self, cx: &mut Context<'_>, readiness: Readiness) {
        if !self.flags.contains(Flags::ORPHAN) {
            cx.events.push(SocketId::Tcp(self.id), readiness);
        }
    }

    /// Tells the program that there is something to read, once it is as much as it wants to be told of.
    pub(super) fn notify_readable(&self, cx: &mut Context<'_>) {
        if !self.receive_buffer.is_empty() && self.has_enough_to_read() {
            self.notify(cx, Readiness::READABLE);
        }
    }

    /// Asks to be asked for segments.
    pub(super) fn want_transmit(&self, cx: &mut Context<'_>) {
        cx.sendable.push(SocketId::Tcp(self.id));
    }

    /// The clock of our timestamps: milliseconds, from an offset of its own for each pair of ends
    /// (RFC 7323 5.4).
    pub(super) fn timestamp(&self, now: Instant) -> u32 {
        (now.as_millis() as u32).wrapping_add(self.ack.ts_offset)
    }

    /// Whether another challenge acknowledgement may be sent (RFC 5961 7). The count is per connection, so
    /// that nobody learns from one connection about another.
    pub(super) fn may_challenge(&mut self, cx: &mut Context<'_>) -> bool {
        const INTERVAL_MS: u32 = 500;
        let now = cx.now.as_millis() as u32;
        if self.cold.challenges == 0 || now.wrapping_sub(self.cold.challenges_since_ms) >= INTERVAL_MS {
            // The start is jittered, so that counting answers does not tell when the interval began.
            self.cold.challenges_since_ms = now.wrapping_sub(cx.random.below(100));
            self.cold.challenges = 0;
        }
        self.cold.challenges = self.cold.challenges.saturating_add(1);
        self.cold.challenges <= cx.config.tcp.challenge_acks
    }

    /// Notes what happened, as the cause of what comes of it.
    pub(super) fn set_trigger(&mut self, cx: &Context<'_>, trigger: Option<RecordId>) {
        if cx.recorder.is_enabled() {
            self.cold.trace.get_or_insert_default().trigger = trigger;
        } else if self.cold.trace.is_some() {
            self.cold.trace = None;
        }
    }

    /// What happened last.
    pub(super) fn trigger(&self) -> Option<RecordId> {
        self.cold.trace.as_ref()?.trigger
    }

    pub(super) fn record_cwnd(&self, cx: &mut Context<'_>, why: CwndReason) {
        let (flow, trigger) = (self.cold.flow, self.trigger());
        let controller = self.congestion.get();
        cx.record(trigger, || Engine::Cwnd {
            flow,
            cwnd: controller.cwnd(),
            ssthresh: controller.ssthresh(),
            why,
        });
    }

    /// Records what holds the sender back, when that changes.
    pub(super) fn record_limit(&mut self, cx: &mut Context<'_>, by: Limit) {
        if !cx.recorder.is_enabled() {
            return;
        }
        let flow = self.cold.flow;
        let trace = self.cold.trace.get_or_insert_default();
        if trace.limit != Some(by) {
            trace.limit = Some(by);
            let trigger = trace.trigger;
            cx.record(trigger, || Engine::Limited { flow, by });
        }
    }

    /// Checks what must hold between any two events.
    #[cfg(debug_assertions)]
    pub(super) fn check(&self) {
        let SendSpace { una, nxt, max, .. } = self.snd;
        assert!(una.le(nxt) && nxt.le(max), "SND.UNA {una:?}, SND.NXT {nxt:?}, highest sent {max:?}");
        assert!(self.rcv.nxt.le(self.rcv.adv) || !self.rcv.started(), "RCV.NXT beyond the window");
        if self.state.may_transmit() {
            assert_eq!(self.flight.end(una), nxt, "the flight ends at SND.NXT");
            let fin_sent = u32::from(nxt.distance_from(una) > self.send_buffer.len() as u32);
            assert!(nxt.distance_from(una) <= self.send_buffer.len() as u32 + fin_sent);
            assert!(fin_sent == 0 || self.flags.contains(Flags::FIN_QUEUED));
            self.recovery.check(nxt);
            let outstanding = nxt != una;
            assert!(!outstanding || self.timers.retransmit != Instant::MAX, "data in flight and no timer");
        }
        if let Some(reassembly) = &self.reassembly {
            assert!(!reassembly.is_empty() || reassembly.fin().is_some(), "an empty reassembly is kept");
        }
    }
}
