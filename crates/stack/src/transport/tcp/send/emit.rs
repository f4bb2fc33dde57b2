//! From a plan to a segment: header, slices, and the notes that sending leaves behind.

use alloc::boxed::Box;

use fathom_record::{Engine, RecordId, SendReason};
use fathom_wire::{Ecn, IpProtocol, SeqNumber, TcpFlags, TcpHeader, TcpTimestamps};

use super::{Plan, segment_size};
use crate::context::Context;
use crate::packet::{Departing, Fragmentation, MAX_SHORT_DATA, MAX_TRANSPORT_HEADER, Path};
use crate::table::FourTuple;
use crate::transport::tcp::connection::{Connection, Flags};
use crate::transport::tcp::options;
use crate::transport::tcp::recovery::LossRecovery as _;
use crate::transport::tcp::state::State;

/// A segment without data.
pub(in crate::transport::tcp) fn departing(
    tuple: &FourTuple,
    header: &TcpHeader,
    hop_limit: u8,
    cause: Option<RecordId>,
) -> Departing {
    let mut out = Departing::default();
    depart(&mut out, tuple, header, hop_limit, cause);
    out
}

/// The same in place of the packet that was in `out`.
#[inline]
fn depart(
    out: &mut Departing,
    tuple: &FourTuple,
    header: &TcpHeader,
    hop_limit: u8,
    cause: Option<RecordId>,
) {
    let len = header.header_len();
    out.source = tuple.local_address;
    out.destination = tuple.remote_address;
    out.protocol = IpProtocol::Tcp;
    out.hop_limit = hop_limit;
    out.dscp = 0;
    out.ecn = Ecn::NotEct;
    out.header.clear();
    extend(out, len, |bytes| header.emit(bytes));
    out.checksum_offset = TcpHeader::CHECKSUM_OFFSET as u8;
    out.slices.clear();
    out.segment_size = None;
    out.fragmentation = Fragmentation::Forbidden;
    out.cause = cause;
}

/// Appends `len` bytes to the header, as `write` writes them.
#[inline]
fn extend(out: &mut Departing, len: usize, write: impl FnOnce(&mut [u8])) {
    const ZEROS: [u8; MAX_TRANSPORT_HEADER + MAX_SHORT_DATA] = [0; _];
    let start = out.header.len();
    out.header.try_extend_from_slice(&ZEROS[..len]).expect("header and short data fit together");
    write(&mut out.header[start..]);
}

impl Connection {
    /// Sends what was planned, and notes that it was sent.
    pub(super) fn emit_planned(&mut self, cx: &mut Context<'_>, plan: Plan) -> Box<Departing> {
        let Plan { seq, len, fin, why, segment } = plan;
        let offset = seq.distance_from(self.snd.una) as usize;
        let ends = offset + len as usize == self.send_buffer.len();
        let mut flags = TcpFlags::ACK;
        flags.set(TcpFlags::FIN, fin);
        // RFC 9293 3.9.1, SHLD-27: a push where the data of the program ends.
        flags.set(TcpFlags::PSH, len > 0 && ends);
        // What is sent again goes without the report when it would have to be cut in two for it.
        let reports = len.min(segment) + self.sack_bytes() <= self.snd.mss();
        let mut departing = self.emit(cx, seq, flags, why, len, reports);
        match len as usize {
            0 => {}
            short @ ..=MAX_SHORT_DATA if len <= segment => {
                extend(&mut departing, short, |out| _ = self.send_buffer.copy_to(offset, out));
            }
            len => self.send_buffer.slices_into(offset, len, &mut departing.slices),
        }
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
        // What a window probe had of it was sent before.
        let probed = if self.snd.max.gt(seq) { self.snd.max.distance_from(seq).min(len) } else { 0 };
        self.snd.max = self.snd.max.max(to);
        self.cold.statistics.bytes_sent += u64::from(len - probed);
        if probed > 0 {
            self.cold.repeats().bytes += u64::from(probed);
        }
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
    pub(super) fn emit_ack(&mut self, cx: &mut Context<'_>, why: SendReason) -> Box<Departing> {
        self.emit(cx, self.snd.nxt, TcpFlags::ACK, why, 0, true)
    }

    /// Asks the peer whether it is there, with a sequence number that it must answer (RFC 9293 3.8.4).
    pub(super) fn emit_keepalive(&mut self, cx: &mut Context<'_>) -> Box<Departing> {
        self.flags.remove(Flags::KEEPALIVE_DUE);
        let why = SendReason::Keepalive { number: self.keepalive_probes() };
        self.emit(cx, self.snd.nxt - 1, TcpFlags::ACK, why, 0, false)
    }

    /// A reset of a connection that was synchronized. The sequence number is the one that the peer expects
    /// if it has all that was sent.
    pub(super) fn emit_reset(&mut self, cx: &mut Context<'_>) -> Box<Departing> {
        self.emit(cx, self.snd.nxt, TcpFlags::RST | TcpFlags::ACK, SendReason::Reset, 0, false)
    }

    /// A SYN, or a SYN-ACK after SYNs have crossed.
    pub(super) fn emit_syn(&mut self, cx: &mut Context<'_>, path: &Path) -> Box<Departing> {
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
        let mut header = TcpHeader { seq: iss, flags, options, ..TcpHeader::default() };
        let segment = self.emit_with(cx, why, 0, &mut header);
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
    ) -> Box<Departing> {
        let mut header = TcpHeader { seq, flags, ..TcpHeader::default() };
        if self.flags.contains(Flags::TIMESTAMPS) {
            let (value, echo) = (self.timestamp(cx.now), self.ack.ts_recent);
            header.options.timestamps = Some(TcpTimestamps { value, echo });
        }
        if reports {
            self.report(&mut header.options.sack);
        }
        self.emit_with(cx, why, len, &mut header)
    }

    /// A segment of which sequence number, control bits and options are known.
    fn emit_with(
        &mut self,
        cx: &mut Context<'_>,
        why: SendReason,
        len: u32,
        header: &mut TcpHeader,
    ) -> Box<Departing> {
        let (seq, flags) = (header.seq, header.flags);
        let queued = self.receive_buffer.len();
        let window = if self.rcv.started() {
            self.rcv.announce(queued, flags.contains(TcpFlags::SYN))
        } else {
            self.rcv.first_window()
        };
        let ack = if flags.contains(TcpFlags::ACK) { self.rcv.nxt } else { SeqNumber(0) };
        header.source_port = self.tuple.local_port;
        header.destination_port = self.tuple.remote_port;
        header.ack = ack;
        header.window = window;
        // The peer takes a keepalive probe for an old segment: it does not look at what that acknowledges.
        if flags.contains(TcpFlags::ACK) && !matches!(why, SendReason::Keepalive { .. }) {
            self.ack.sent(ack, len == 0 && !flags.intersects(TcpFlags::SYN | TcpFlags::FIN));
            self.timers.ack = fathom_wire::Instant::MAX;
        }
        self.cold.statistics.segments_sent += 1;
        let (flow, trigger) = (self.cold.flow, self.trigger());
        let record = cx.record(trigger, || Engine::TcpSegment { flow, why, seq: seq.0, ack: ack.0, len });
        let hop_limit = self.cold.options.hop_limit.unwrap_or(cx.config.hop_limit);
        let mut segment = cx.pool.take_departing();
        depart(&mut segment, &self.tuple, header, hop_limit, record);
        segment.dscp = self.cold.options.dscp;
        segment
    }
}
