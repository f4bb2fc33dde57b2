//! What may be sent now, and the segments made of it (RFC 9293 3.8.4, 3.8.6.2.1, 3.7.4; RFC 5681).
//!
//! Data is cut into segments when it is sent, not when it is written: what the program wrote stays a
//! stream, and a change of the segment size or of the window between write and transmission needs no
//! repair. A super-segment carries several segments in one piece; some device or the interface cuts it.

mod emit;

pub(super) use emit::departing;

use core::num::NonZeroU16;
use core::time::Duration;

use fathom_record::{CwndReason, Limit, SendReason};
use fathom_wire::{SeqNumber, TcpHeader};

use super::connection::{Connection, Flags};
use super::options::{MIN_MSS, ip_header_len};
use super::recovery::{LossRecovery as _, Phase};
use super::state::State;
use crate::context::Context;
use crate::memory::Rope;
use crate::packet::{Path, Transmission};

/// The send sequence space (RFC 9293 3.3.1).
#[derive(Clone, Copy, Debug)]
pub(super) struct SendSpace {
    /// SND.UNA: the oldest sequence number that is not acknowledged. The send buffer begins with it.
    pub(super) una: SeqNumber,
    /// SND.NXT: what is sent next for the first time.
    pub(super) nxt: SeqNumber,
    /// Behind the highest ever sent: SND.NXT, or one more when a window probe lies there.
    pub(super) max: SeqNumber,
    /// SND.WND in bytes.
    pub(super) wnd: u32,
    /// SND.WL1, SND.WL2: the segment that set it last.
    pub(super) wl1: SeqNumber,
    pub(super) wl2: SeqNumber,
    /// The largest window ever offered (RFC 9293 3.8.6.2.1, RFC 5961 5.2).
    pub(super) max_wnd: u32,
    /// Behind the last segment that was sent short (Minshall's variant of Nagle's algorithm).
    pub(super) short_end: SeqNumber,
    /// Data bytes of a full segment (Eff.snd.MSS). At most 65,535, as the peer's MSS option.
    mss: u16,
    /// The peer's MSS option.
    pub(super) peer_mss: u16,
    /// The shift of the windows that the peer sends.
    pub(super) shift: u8,
    /// Our FIN has been sent.
    pub(super) fin_sent: bool,
}

impl SendSpace {
    pub(super) fn new(iss: SeqNumber) -> Self {
        SendSpace {
            una: iss,
            nxt: iss,
            max: iss,
            wnd: 0,
            wl1: SeqNumber(0),
            wl2: SeqNumber(0),
            max_wnd: 0,
            short_end: iss,
            mss: MIN_MSS as u16,
            peer_mss: MIN_MSS as u16,
            shift: 0,
            fin_sent: false,
        }
    }

    /// Data bytes of a full segment.
    pub(super) fn mss(&self) -> u32 {
        u32::from(self.mss)
    }

    /// Data bytes of a full segment, for a path that takes `fits` bytes behind the fixed headers, of which
    /// every segment uses `options` for options (RFC 9293 3.7.1, MUST-16). A peer that wants tiny segments gets
    /// [`MIN_MSS`]; a path that takes no more than less gets that.
    pub(super) fn fit(&mut self, fits: usize, options: u32) {
        let wanted = u32::from(self.peer_mss).saturating_sub(options).max(MIN_MSS);
        let room = (fits.min(usize::from(u16::MAX)) as u32).saturating_sub(options).max(1);
        self.mss = wanted.min(room) as u16;
    }

    /// Behind the last byte that the program has written.
    pub(super) fn end(&self, buffer: &Rope) -> SeqNumber {
        self.una + buffer.len() as u32
    }

    /// How far the window reaches beyond SND.NXT.
    pub(super) fn usable(&self) -> u32 {
        let edge = self.una + self.wnd;
        if edge.gt(self.nxt) { edge.distance_from(self.nxt) } else { 0 }
    }
}

/// A segment to be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Plan {
    pub(super) seq: SeqNumber,
    /// Bytes of data.
    pub(super) len: u32,
    pub(super) fin: bool,
    pub(super) why: SendReason,
    /// Bytes of data in each of the segments that it is cut into.
    pub(super) segment: u32,
}

impl Connection {
    /// The next segment, if one may go.
    pub(super) fn transmit(&mut self, cx: &mut Context<'_>, path: &Path) -> Transmission {
        let segment = if self.flags.contains(Flags::RESET_DUE) {
            self.flags.remove(Flags::RESET_DUE);
            self.emit_reset(cx)
        } else if self.state.is_opening() {
            if self.flags.contains(Flags::SYN_DUE) {
                self.flags.remove(Flags::SYN_DUE);
                self.emit_syn(cx, path)
            } else {
                // What SYN-RECEIVED owes: the answer to a segment that is not acceptable.
                match self.ack.due() {
                    Some(why) => self.emit_ack(cx, why),
                    None => return Transmission::Nothing,
                }
            }
        } else if self.state == State::Closed {
            return Transmission::Nothing;
        } else {
            self.fit_path(path);
            self.restart_after_idle(cx);
            let budget = self.super_segment_budget(path);
            match self.plan(cx, budget) {
                Some(plan) => self.emit_planned(cx, plan),
                None => match self.ack.due() {
                    Some(why) => self.emit_ack(cx, why),
                    None if self.flags.contains(Flags::KEEPALIVE_DUE) => self.emit_keepalive(cx),
                    None => return Transmission::Nothing,
                },
            }
        };
        self.arm(cx);
        #[cfg(debug_assertions)]
        self.check();
        Transmission::Segment(segment)
    }

    /// Whether there is anything to send, window permitting.
    pub(in crate::transport::tcp) fn has_output(&self) -> bool {
        if self.state.is_over() {
            return self.flags.contains(Flags::RESET_DUE);
        }
        let controls = Flags::RESET_DUE | Flags::SYN_DUE | Flags::PROBE_DUE | Flags::KEEPALIVE_DUE;
        let fin_waits = self.flags.contains(Flags::FIN_QUEUED) && !self.snd.fin_sent;
        let repairs = || {
            self.recovery.lost().is_some()
                || self.recovery.rescue(self.snd.una, self.snd.nxt, self.snd.mss()).is_some()
        };
        self.flags.intersects(controls)
            || self.ack.due().is_some()
            || (self.state.may_transmit() && (fin_waits || self.snd.nxt != self.snd.end(&self.send_buffer)))
            || (self.snd.una != self.snd.nxt && repairs())
    }

    /// The segment size that fits the path, as it is known.
    fn fit_path(&mut self, path: &Path) {
        let fits = path.mtu.saturating_sub(ip_header_len(self.tuple.remote_address) + TcpHeader::LEN);
        self.snd.fit(fits, self.option_bytes());
    }

    /// Most bytes of data in one super-segment: what the device takes, in whole segments. Half of the
    /// congestion window at most, so that a small window still gives a steady flow of acknowledgements.
    fn super_segment_budget(&self, path: &Path) -> u32 {
        if self.send_buffer.len() <= self.snd.mss() as usize {
            // No more than one can go.
            return self.snd.mss();
        }
        let headers =
            ip_header_len(self.tuple.remote_address) + TcpHeader::LEN + self.option_bytes() as usize;
        let mss = self.snd.mss();
        let bytes = path.max_bytes.saturating_sub(headers).min(usize::from(u16::MAX) - headers) as u32;
        let half = u32::try_from(self.congestion.cwnd() / 2).unwrap_or(u32::MAX);
        let segments = (bytes.min(half) / mss).clamp(1, path.max_segments.max(1) as u32);
        segments * mss
    }

    /// Chooses what goes next: what was lost, a window probe, new data, the FIN.
    fn plan(&mut self, cx: &mut Context<'_>, budget: u32) -> Option<Plan> {
        if !self.state.may_transmit() {
            return None;
        }
        if let Some(again) = self.plan_retransmission(budget) {
            return Some(again);
        }
        if self.flags.contains(Flags::PROBE_DUE) {
            self.flags.remove(Flags::PROBE_DUE);
            return self.plan_probe();
        }
        match self.plan_new(budget) {
            Ok(plan) => Some(plan),
            Err(limit) => {
                if limit == Limit::CongestionWindow {
                    self.cold.cwnd_limited_at = self.snd.nxt;
                }
                if let Some(rescue) = self.plan_rescue(limit) {
                    return Some(rescue);
                }
                self.record_limit(cx, limit);
                self.note_limit(cx, limit);
                if limit == Limit::Nagle && self.flags.contains(Flags::CORK) {
                    self.start_cork_timer(cx);
                }
                let waits = limit == Limit::ReceiveWindow && self.snd.una == self.snd.nxt;
                if waits {
                    self.start_persist_timer(cx);
                    self.arm(cx);
                }
                None
            }
        }
    }

    /// What recovery wants sent again, as far as the congestion window lets it.
    fn plan_retransmission(&mut self, budget: u32) -> Option<Plan> {
        let (from, until) = self.recovery.lost()?;
        let in_flight = self.recovery.in_flight(self.snd.una, self.snd.nxt, self.snd.mss());
        let first = from == self.snd.una;
        let wanted = until.distance_from(from);
        let mut len = wanted.min(budget).min(self.congestion_room(in_flight));
        if len < wanted.min(self.snd.mss()) {
            if !first {
                self.cold.cwnd_limited_at = self.snd.nxt;
                return None;
            }
            // The first segment goes whatever is in flight: everything waits for it.
            len = wanted.min(self.snd.mss());
        }
        if len < wanted {
            len -= len % self.snd.mss();
        }
        // Nothing is sent beyond a window that has shrunk (RFC 9293 3.8.6), but for one byte that asks
        // whether it has opened again.
        let offset = from.distance_from(self.snd.una);
        len = len.min(self.snd.wnd.saturating_sub(offset).max(u32::from(first)));
        if len == 0 {
            return None;
        }
        let why = match self.recovery.phase() {
            Phase::Timeout => SendReason::RetransmissionTimeout { number: self.cold.expiries.max(1) },
            Phase::FastRecovery | Phase::Open => SendReason::FastRetransmit,
        };
        let end = self.snd.end(&self.send_buffer);
        let fin = (from + len).gt(end);
        Some(Plan { seq: from, len: len - u32::from(fin), fin, why, segment: self.snd.mss() })
    }

    /// What recovery wants sent again when no new data can be sent, and not for the network's sake: one
    /// segment at a time, as far as the congestion window lets it (RFC 6675 4, NextSeg 3 and 4).
    fn plan_rescue(&self, limit: Limit) -> Option<Plan> {
        if limit == Limit::CongestionWindow {
            return None;
        }
        let (una, nxt, segment) = (self.snd.una, self.snd.nxt, self.snd.mss());
        let (from, to) = self.recovery.rescue(una, nxt, segment)?;
        let room = self.congestion_room(self.recovery.in_flight(una, nxt, segment));
        let within = to.distance_from(una) <= self.snd.wnd;
        let fin = to.gt(self.snd.end(&self.send_buffer));
        let len = to.distance_from(from) - u32::from(fin);
        (within && room >= segment).then_some(Plan { seq: from, len, fin, why: SendReason::Rescue, segment })
    }

    /// A window probe: what the window takes, and if it takes nothing one byte of new data, or the FIN
    /// (RFC 9293 3.8.6.1).
    fn plan_probe(&self) -> Option<Plan> {
        let waiting = self.snd.end(&self.send_buffer).distance_from(self.snd.nxt);
        let segment = self.new_data_mss();
        let len = waiting.min(self.snd.usable().max(1)).min(segment);
        let fin = waiting == 0 && self.flags.contains(Flags::FIN_QUEUED) && !self.snd.fin_sent;
        let why = SendReason::WindowProbe { number: self.cold.expiries };
        (len > 0 || fin).then_some(Plan { seq: self.snd.nxt, len, fin, why, segment })
    }

    /// New data or the FIN, or what holds it back.
    fn plan_new(&self, budget: u32) -> Result<Plan, Limit> {
        let snd = &self.snd;
        if snd.fin_sent {
            return Err(Limit::Application);
        }
        let waiting = snd.end(&self.send_buffer).distance_from(snd.nxt);
        let fin_waits = self.flags.contains(Flags::FIN_QUEUED);
        if waiting == 0 && !fin_waits {
            return Err(Limit::Application);
        }
        let usable = snd.usable();
        let in_flight = self.recovery.in_flight(snd.una, snd.nxt, snd.mss());
        let room = self.congestion_room(in_flight);
        let len = waiting.min(budget).min(usable).min(room);
        let segment = self.new_data_mss();
        let full = len - len % segment;
        let ends = len == waiting;
        if ends && fin_waits && usable > len {
            // The FIN goes with the last of the data, however short that is.
            return Ok(Plan { seq: snd.nxt, len, fin: true, why: SendReason::Fin, segment });
        }
        if waiting == 0 {
            return Err(if usable == 0 { Limit::ReceiveWindow } else { Limit::CongestionWindow });
        }
        let new_data = |len| Ok(Plan { seq: snd.nxt, len, fin: false, why: SendReason::NewData, segment });
        if ends && !len.is_multiple_of(segment) {
            // RFC 9293 3.7.4, Nagle, in the variant that waits only for another short segment: a short end
            // of the data goes if none is on its way.
            let short_waits = snd.short_end.gt(snd.una);
            let corked = self.flags.contains(Flags::CORK);
            let uncorked = !corked || self.flags.contains(Flags::CORK_OVER);
            let due = if corked { uncorked } else { self.flags.contains(Flags::NODELAY) || !short_waits };
            if due || fin_waits {
                return new_data(len);
            }
            return if full > 0 { new_data(full) } else { Err(Limit::Nagle) };
        }
        if full > 0 {
            return new_data(full);
        }
        if usable < waiting.min(segment) {
            // RFC 9293 3.8.6.2.1, (3): less than a segment goes if it is at least half of the largest
            // window that the peer ever had; otherwise the persist timer decides.
            if usable > 0 && 2 * u64::from(usable) >= u64::from(snd.max_wnd) && room >= usable {
                return new_data(usable);
            }
            return Err(Limit::ReceiveWindow);
        }
        Err(Limit::CongestionWindow)
    }

    /// How much more the congestion window lets into flight. One segment when nothing is, also when the
    /// segment size has grown beyond the window.
    fn congestion_room(&self, in_flight: u32) -> u32 {
        let room = self.congestion.cwnd().saturating_sub(u64::from(in_flight));
        let room = u32::try_from(room).unwrap_or(u32::MAX);
        if in_flight == 0 { room.max(self.snd.mss()) } else { room }
    }

    /// RFC 5681 4.1: what was learned about the path before a pause is not true any more.
    fn restart_after_idle(&mut self, cx: &mut Context<'_>) {
        let idle = self.snd.una == self.snd.nxt && !self.send_buffer.is_empty();
        let now = cx.now.as_millis() as u32;
        let pause = now.wrapping_sub(self.cold.last_sent_ms);
        // No timeout is shorter than a millisecond, so most segments need no more than the first two.
        if !idle || pause == 0 || Duration::from_millis(pause.into()) <= self.rtt.rto(&cx.config.tcp) {
            return;
        }
        self.cold.last_sent_ms = now;
        self.ack.restart(cx.config.tcp.quick_acks);
        if !cx.config.tcp.slow_start_after_idle {
            return;
        }
        let before = self.congestion.cwnd();
        self.congestion.get_mut().on_idle(u64::from(self.snd.mss()));
        if self.congestion.cwnd() != before {
            self.record_cwnd(cx, CwndReason::Idle);
        }
    }

    /// Whether the send window lets the next segment out.
    pub(super) fn window_allows_sending(&self) -> bool {
        let waiting = self.snd.end(&self.send_buffer).distance_from(self.snd.nxt);
        let usable = self.snd.usable();
        let fin_only = waiting == 0 && self.flags.contains(Flags::FIN_QUEUED) && !self.snd.fin_sent;
        usable > 0
            && (fin_only
                || usable >= waiting.min(self.new_data_mss())
                || 2 * u64::from(usable) >= u64::from(self.snd.max_wnd))
    }
}

/// The segment size of a super-segment, `None` for a single segment.
pub(super) fn segment_size(len: u32, mss: u32) -> Option<NonZeroU16> {
    if len > mss { NonZeroU16::new(mss as u16) } else { None }
}
