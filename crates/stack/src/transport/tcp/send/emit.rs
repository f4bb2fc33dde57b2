//! From a plan to a segment: header, slices, and the notes that sending leaves behind.

use arrayvec::ArrayVec;
use fathom_record::{Engine, RecordId, SendReason};
use fathom_wire::{
    Ecn, IpProtocol, SeqNumber, TcpFlags, TcpHeader, TcpOptions as WireOptions, TcpTimestamps,
};

use super::{Plan, segment_size};
use crate::context::Context;
use crate::packet::{Departing, Fragmentation, Path};
use crate::table::FourTuple;
use crate::transport::tcp::connection::{Connection, Flags};
use crate::transport::tcp::options;
use crate::transport::tcp::recovery::LossRecovery as _;
use crate::transport::tcp::state::State;

/// A segment without data.
#[inline]
pub(in crate::transport::tcp) fn departing(
    tuple: &FourTuple,
    header: &TcpHeader,
    hop_limit: u8,
    cause: Option<RecordId>,
) -> Departing {
    let mut bytes = [0; TcpHeader::MAX_LEN];
    let len = header.header_len();
    header.emit(&mut bytes[..len]);
    let mut out = ArrayVec::from(bytes);
    out.truncate(len);
    Departing {
        source: tuple.local_address,
        destination: tuple.remote_address,
        protocol: IpProtocol::Tcp,
        hop_limit,
        dscp: 0,
        ecn: Ecn::NotEct,
        header: out,
        checksum_offset: TcpHeader::CHECKSUM_OFFSET as u8,
        slices: ArrayVec::new(),
        segment_size: None,
        fragmentation: Fragmentation::Forbidden,
        cause,
    }
}

impl Connection {
    /// Sends what was planned, and notes that it was sent.
    pub(super) fn emit_planned(&mut self, cx: &mut Context<'_>, plan: Plan) -> Departing {
        let Plan { seq, len, fin, why, segment } = plan;
        let offset = seq.distance_from(self.snd.una) as usize;
        let slices = self.send_buffer.slices(offset, len as usize);
        let ends = offset + len as usize == self.send_buffer.len();
        let mut flags = TcpFlags::ACK;
        flags.set(TcpFlags::FIN, fin);
        // RFC 9293 3.9.1, SHLD-27: a push where the data of the program ends.
        flags.set(TcpFlags::PSH, len > 0 && ends);
        // What is sent again goes without the report when it would have to be cut in two for it.
        let reports = len.min(segment) + self.sack_bytes() <= self.snd.mss();
        let mut departing = self.emit(cx, seq, flags, why, len, reports);
        departing.slices = slices;
        departing.segment_size = segment_size(len, segment);
        self.note_sent(cx, plan, ends);
        departing
    }

    fn note_sent(&mut self, cx: &mut Context<'_>, plan: Plan, ends: bool) {
        let Plan { seq, len, fin, why, segment } = plan;
        let to = seq + len + u32::from(fin);
        let segments = u64::from(len.div_ceil(segment).max(1));
        self.cold.statistics.segments_sent += segments - 1;
        if seq.lt(self.snd.nxt) {
            let repeats = self.cold.repeats();
            repeats.bytes += u64::from(len);
            repeats.segments += segments;
            self.flight.retransmitted(self.snd.una, seq, to, cx.now);
            self.recovery.on_retransmit(seq, to);
            self.start_retransmission_timer(cx);
            if seq == self.snd.una && !self.recovery.holds_timer() {
                // The timer counts from the last transmission of what it waits for.
                self.restart_retransmission_timer(cx);
            }
            return;
        }
        self.snd.max = self.snd.max.max(to);
        if matches!(why, SendReason::WindowProbe { .. }) && self.snd.usable() < len + u32::from(fin) {
            // A probe of a closed window is not in flight: it will hardly be taken in, and until it is
            // nothing waits for it. The persist timer goes on.
            return;
        }
        if self.snd.una == self.snd.nxt {
            self.cold.progress_at = cx.now;
            self.cold.expiries = 0;
        }
        self.flight.sent(to, cx.now);
        self.snd.nxt = to;
        self.snd.fin_sent |= fin;
        self.cold.last_sent_ms = cx.now.as_millis() as u32;
        self.note_sending(cx);
        self.cold.statistics.bytes_sent += u64::from(len);
        if ends && !len.is_multiple_of(segment) {
            self.snd.short_end = to;
        }
        if ends {
            self.flags.remove(Flags::CORK_OVER);
        }
        if self.flags.contains(Flags::NOTSENT_LOW_WATER) {
            self.wake_writer(cx);
        }
        self.start_retransmission_timer(cx);
    }

    /// An acknowledgement and nothing else.
    pub(super) fn emit_ack(&mut self, cx: &mut Context<'_>, why: SendReason) -> Departing {
        self.emit(cx, self.snd.nxt, TcpFlags::ACK, why, 0, true)
    }

    /// Asks the peer whether it is there, with a sequence number that it must answer (RFC 9293 3.8.4).
    pub(super) fn emit_keepalive(&mut self, cx: &mut Context<'_>) -> Departing {
        self.flags.remove(Flags::KEEPALIVE_DUE);
        let why = SendReason::Keepalive { number: self.keepalive_probes() };
        self.emit(cx, self.snd.nxt - 1, TcpFlags::ACK, why, 0, false)
    }

    /// A reset of a connection that was synchronized. The sequence number is the one that the peer expects
    /// if it has all that was sent.
    pub(super) fn emit_reset(&mut self, cx: &mut Context<'_>) -> Departing {
        self.emit(cx, self.snd.nxt, TcpFlags::RST | TcpFlags::ACK, SendReason::Reset, 0, false)
    }

    /// A SYN, or a SYN-ACK after SYNs have crossed.
    pub(super) fn emit_syn(&mut self, cx: &mut Context<'_>, path: &Path) -> Departing {
        let answering = self.state == State::SynReceived;
        let ours = &self.cold.options;
        let (scaling, stamps, sack) = if answering {
            (self.rcv.scaled(), self.flags.contains(Flags::TIMESTAMPS), self.flags.contains(Flags::SACK))
        } else {
            (ours.window_scaling, ours.timestamps, ours.sack)
        };
        let options = options::syn_options(
            options::announced_mss(path.mtu, self.tuple.remote_address)
                .min(ours.max_segment.unwrap_or(u16::MAX)),
            scaling.then_some(self.rcv.shift),
            stamps.then(|| TcpTimestamps {
                value: self.timestamp(cx.now),
                echo: if answering { self.ack.ts_recent } else { 0 },
            }),
            sack,
        );
        let (flags, why) = if answering {
            (TcpFlags::SYN | TcpFlags::ACK, SendReason::SynAck)
        } else {
            (TcpFlags::SYN, SendReason::Syn)
        };
        let again = self.snd.nxt != self.cold.iss;
        let why = match self.cold.expiries {
            number if again && number > 0 => SendReason::RetransmissionTimeout { number },
            _ => why,
        };
        let iss = self.cold.iss;
        let segment = self.emit_with(cx, iss, flags, why, 0, options);
        if again {
            self.cold.repeats().segments += 1;
            self.flight.retransmitted(iss, iss, iss + 1, cx.now);
        } else {
            self.flight.sent(iss + 1, cx.now);
            self.snd.nxt = iss + 1;
            self.snd.max = iss + 1;
        }
        self.start_retransmission_timer(cx);
        segment
    }

    #[inline]
    fn emit(
        &mut self,
        cx: &mut Context<'_>,
        seq: SeqNumber,
        flags: TcpFlags,
        why: SendReason,
        len: u32,
        reports: bool,
    ) -> Departing {
        let timestamps = self
            .flags
            .contains(Flags::TIMESTAMPS)
            .then(|| TcpTimestamps { value: self.timestamp(cx.now), echo: self.ack.ts_recent });
        let mut options = WireOptions { timestamps, ..WireOptions::default() };
        if reports {
            self.report(&mut options.sack);
        }
        self.emit_with(cx, seq, flags, why, len, options)
    }

    #[inline]
    fn emit_with(
        &mut self,
        cx: &mut Context<'_>,
        seq: SeqNumber,
        flags: TcpFlags,
        why: SendReason,
        len: u32,
        options: WireOptions,
    ) -> Departing {
        let queued = self.receive_buffer.len();
        let window = if self.rcv.started() {
            self.rcv.announce(queued, flags.contains(TcpFlags::SYN))
        } else {
            self.rcv.first_window()
        };
        let ack = if flags.contains(TcpFlags::ACK) { self.rcv.nxt } else { SeqNumber(0) };
        let header = TcpHeader {
            source_port: self.tuple.local_port,
            destination_port: self.tuple.remote_port,
            seq,
            ack,
            flags,
            window,
            urgent: 0,
            options,
        };
        if flags.contains(TcpFlags::ACK) {
            self.ack.sent(ack, len == 0 && !flags.intersects(TcpFlags::SYN | TcpFlags::FIN));
            self.timers.ack = fathom_wire::Instant::MAX;
        }
        self.cold.statistics.segments_sent += 1;
        let (flow, trigger) = (self.cold.flow, self.trigger());
        let record = cx.record(trigger, || Engine::TcpSegment { flow, why, seq: seq.0, ack: ack.0, len });
        let hop_limit = self.cold.options.hop_limit.unwrap_or(cx.config.hop_limit);
        let mut segment = departing(&self.tuple, &header, hop_limit, record);
        segment.dscp = self.cold.options.dscp;
        segment
    }
}
