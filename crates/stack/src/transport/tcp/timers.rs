//! The timers of a connection: retransmission or persist, delayed acknowledgement, and the end of waiting.
//!
//! All share one entry in the wheel, at the earliest of the deadlines or before it. Moving a deadline to a
//! later time leaves the entry alone; when it fires early it is set again. So the acknowledgements of a bulk
//! transfer, each of which moves the retransmission timer, do not touch the wheel.

use core::time::Duration;

use fathom_record::{CwndReason, Engine, SendReason};
use fathom_wire::Instant;

use super::TcpError;
use super::connection::{Connection, Flags};
use super::recovery::LossRecovery as _;
use super::state::State;
use crate::context::Context;
use crate::timer::TimerKey;
use crate::wheel::TimerId;

/// The least time between two window probes.
const MIN_PROBE_INTERVAL: Duration = Duration::from_millis(200);

/// A timer that fires so late was not kept waiting by work: the process was suspended, or its machine.
pub(super) const SUSPENDED: Duration = Duration::from_secs(1);

/// Deadlines of a connection; [`Instant::MAX`] for a timer that is not running.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timers {
    entry: Option<TimerId>,
    /// When the entry fires.
    armed: Instant,
    /// Retransmission (RFC 6298), or persist (RFC 9293 3.8.6.1) when the connection is in that mode.
    pub(super) retransmit: Instant,
    /// Delayed acknowledgement (RFC 9293 3.8.6.3).
    pub(super) ack: Instant,
    /// When waiting for the peer's FIN ends.
    pub(super) close: Instant,
    /// The earliest of those that few connections have.
    pub(super) rare: Instant,
}

impl Default for Timers {
    fn default() -> Self {
        Timers {
            entry: None,
            armed: Instant::MAX,
            retransmit: Instant::MAX,
            ack: Instant::MAX,
            close: Instant::MAX,
            rare: Instant::MAX,
        }
    }
}

impl Timers {
    /// The place in the wheel.
    pub(super) fn entry(&self) -> Option<TimerId> {
        self.entry
    }

    /// When the entry fires.
    pub(super) fn armed(&self) -> Instant {
        self.armed
    }

    /// The earliest of the deadlines.
    pub(super) fn earliest(&self) -> Instant {
        self.retransmit.min(self.ack).min(self.close).min(self.rare)
    }

    /// Stops all of them.
    pub(super) fn stop(&mut self) {
        self.retransmit = Instant::MAX;
        self.ack = Instant::MAX;
        self.close = Instant::MAX;
        self.rare = Instant::MAX;
    }

    /// Leaves the wheel.
    pub(super) fn cancel(&mut self, cx: &mut Context<'_>) {
        self.stop();
        if let Some(entry) = self.entry.take() {
            cx.timers.cancel(entry);
        }
        self.armed = Instant::MAX;
    }
}

impl Connection {
    /// Makes sure that the wheel wakes the connection in time. Every change of a deadline ends here.
    pub(super) fn arm(&mut self, cx: &mut Context<'_>) {
        let earliest = self.timers.earliest();
        if earliest >= self.timers.armed {
            return;
        }
        if let Some(entry) = self.timers.entry.take() {
            cx.timers.cancel(entry);
        }
        self.timers.entry = Some(cx.timers.insert(earliest, TimerKey::Tcp(self.id)));
        self.timers.armed = earliest;
    }

    /// The entry in the wheel has fired.
    pub(super) fn on_timer(&mut self, cx: &mut Context<'_>) {
        self.timers.entry = None;
        let late = cx.now - core::mem::replace(&mut self.timers.armed, Instant::MAX);
        if late >= SUSPENDED {
            self.slept(late);
        }
        if self.timers.ack <= cx.now {
            self.timers.ack = Instant::MAX;
            self.ack.now(SendReason::DelayedAck);
            self.want_transmit(cx);
        }
        if self.timers.retransmit <= cx.now {
            self.timers.retransmit = Instant::MAX;
            if self.flags.contains(Flags::PERSIST) {
                self.on_persist_timeout(cx);
            } else {
                self.on_retransmission_timeout(cx);
            }
        }
        if self.timers.close <= cx.now {
            self.timers.close = Instant::MAX;
            self.on_close_timeout(cx);
        }
        if self.timers.rare <= cx.now {
            self.timers.rare = Instant::MAX;
            self.on_rare_timer(cx);
        }
        self.arm(cx);
    }

    /// Time has passed in which we could neither send nor hear, so it does not count as the peer's silence:
    /// the connection goes on, or ends by what the peer says to it. (Linux' clock stands still meanwhile.)
    fn slept(&mut self, late: Duration) {
        self.cold.progress_at += late;
        self.cold.received_ms = self.cold.received_ms.wrapping_add(late.as_millis() as u32);
        if self.timers.close != Instant::MAX && self.state.is_opening() {
            self.timers.close += late;
        }
    }

    /// Something is in flight: starts the timer if it is not running (RFC 6298 5.1).
    pub(super) fn start_retransmission_timer(&mut self, cx: &Context<'_>) {
        if self.timers.retransmit == Instant::MAX || self.flags.contains(Flags::PERSIST) {
            self.flags.remove(Flags::PERSIST);
            self.restart_retransmission_timer(cx);
        }
    }

    /// Starts the timer anew (RFC 6298 5.3), but not beyond the time at which the connection is given up.
    pub(super) fn restart_retransmission_timer(&mut self, cx: &Context<'_>) {
        let deadline = cx.now + self.rtt.rto(&cx.config.tcp);
        self.timers.retransmit = deadline.min(self.gives_up_at(cx)).max(cx.now);
    }

    /// When the connection is given up unless the peer acknowledges something (RFC 9293 3.8.3, R2).
    pub(super) fn gives_up_at(&self, cx: &Context<'_>) -> Instant {
        let mut patience = self.user_timeout(cx);
        if self.state.is_opening() {
            patience = patience.min(cx.config.tcp.connect_timeout);
        }
        if self.flags.contains(Flags::ORPHAN) {
            // Nobody waits for the outcome any more; a peer that does not take the rest must not hold it
            // in our memory for long.
            patience = patience.min(cx.config.tcp.fin_wait_2_timeout);
        }
        self.cold.progress_at + patience
    }

    fn gives_up(&mut self, cx: &mut Context<'_>) -> bool {
        let retries = self.cold.options.syn_retries.filter(|_| self.state.is_opening());
        let tried_enough = retries.is_some_and(|retries| self.cold.expiries > u32::from(retries));
        if cx.now < self.gives_up_at(cx) && !tried_enough {
            return false;
        }
        // RFC 9293 3.9.2.2: what ICMP said on the way is the better reason.
        let error = self.cold.soft_error.unwrap_or(TcpError::TimedOut);
        self.end(cx, Some(error));
        true
    }

    /// RFC 6298 5.4 to 5.7.
    fn on_retransmission_timeout(&mut self, cx: &mut Context<'_>) {
        self.cold.expiries += 1;
        let (flow, number, rto) = (self.cold.flow, self.cold.expiries, self.rtt.rto(&cx.config.tcp));
        let timeout = cx.record(None, || Engine::Timeout { flow, number, rto });
        self.set_trigger(cx, timeout);
        if self.gives_up(cx) {
            return;
        }
        if self.state.is_opening() {
            self.flags.insert(Flags::SYN_DUE);
        } else {
            let mss = u64::from(self.snd.mss());
            let in_flight = u64::from(self.recovery.in_flight(self.snd.una, self.snd.nxt, self.snd.mss()));
            let again = number > 1 && self.cold.timeout_una == self.snd.una;
            self.cold.timeout_una = self.snd.una;
            self.cold.undo = None;
            self.congestion.get_mut().on_timeout(in_flight, mss, again);
            self.recovery.on_timeout(self.snd.una, self.snd.nxt);
            self.record_cwnd(cx, CwndReason::RetransmissionTimeout);
        }
        self.rtt.back_off();
        self.restart_retransmission_timer(cx);
        self.want_transmit(cx);
    }

    /// Data waits, nothing is in flight, and the window does not let the next segment out: starts probing
    /// (RFC 9293 3.8.6.1).
    pub(super) fn start_persist_timer(&mut self, cx: &Context<'_>) {
        if self.flags.contains(Flags::PERSIST) {
            return;
        }
        self.flags.insert(Flags::PERSIST);
        self.cold.expiries = 0;
        self.cold.progress_at = cx.now;
        self.timers.retransmit = cx.now + self.probe_interval(cx);
    }

    /// The window has opened, or there is nothing to wait for.
    pub(super) fn stop_persist_timer(&mut self) {
        if self.flags.contains(Flags::PERSIST) {
            self.flags.remove(Flags::PERSIST | Flags::PROBE_DUE);
            self.timers.retransmit = Instant::MAX;
            self.cold.expiries = 0;
        }
    }

    /// One retransmission timeout, and twice as long after each probe. With a timeout of 220 ms: 0.22,
    /// 0.44, 0.88 s, …, 60 s.
    fn probe_interval(&self, cx: &Context<'_>) -> Duration {
        let base = self.rtt.base_rto(&cx.config.tcp).max(MIN_PROBE_INTERVAL);
        base.saturating_mul(1 << self.cold.expiries.min(16)).min(cx.config.tcp.max_probe_interval)
    }

    fn on_persist_timeout(&mut self, cx: &mut Context<'_>) {
        if self.gives_up(cx) {
            return;
        }
        self.set_trigger(cx, None);
        self.cold.expiries += 1;
        self.flags.insert(Flags::PROBE_DUE);
        let deadline = cx.now + self.probe_interval(cx);
        self.timers.retransmit = deadline.min(self.gives_up_at(cx)).max(cx.now);
        self.want_transmit(cx);
    }

    /// The end of a wait that has no other end: for the handshake, when the SYN was never asked for; for
    /// the peer's FIN, or for any progress, when nobody owns the connection; for the device to take a reset.
    fn on_close_timeout(&mut self, cx: &mut Context<'_>) {
        self.flags.remove(Flags::RESET_DUE);
        if self.state.is_opening() || self.state == State::FinWait2 {
            let error = self.cold.soft_error.unwrap_or(TcpError::TimedOut);
            self.end(cx, Some(error));
        } else if self.flags.contains(Flags::ORPHAN) && self.state.may_transmit() && !self.gives_up(cx) {
            self.timers.close = self.gives_up_at(cx);
        }
    }
}
