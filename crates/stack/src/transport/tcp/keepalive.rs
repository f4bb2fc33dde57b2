//! The timers of convenience: keepalive (RFC 9293 3.8.4) and the end of a cork.
//!
//! They share one deadline with a place among the timers, since most connections have neither.

use core::time::Duration;

use fathom_wire::Instant;

use super::connection::{Connection, Flags};
use super::{Keepalive, TcpError};
use crate::context::Context;

/// How long a cork holds a short segment back, as on Linux.
const CORK_TIME: Duration = Duration::from_millis(200);

/// Deadlines that few connections have; [`Instant::MAX`] for one that is not running.
#[derive(Clone, Copy, Debug)]
pub(super) struct RareTimers {
    keepalive: Instant,
    cork: Instant,
    /// When the peer was last probed, and how often since it was last heard.
    probed_at: Instant,
    probes: u8,
}

impl Default for RareTimers {
    fn default() -> Self {
        RareTimers { keepalive: Instant::MAX, cork: Instant::MAX, probed_at: Instant::ZERO, probes: 0 }
    }
}

impl RareTimers {
    /// The earlier of the deadlines.
    pub(super) fn earliest(&self) -> Instant {
        self.keepalive.min(self.cork)
    }
}

impl Connection {
    pub(crate) fn set_keepalive(&mut self, cx: &mut Context<'_>, keepalive: Option<Keepalive>) {
        self.options_mut().keepalive = keepalive;
        if let Some(extra) = &mut self.cold.extra {
            extra.rare.probes = 0;
        }
        self.start_keepalive(cx);
    }

    /// The connection stands, or the choice was made.
    pub(super) fn start_keepalive(&mut self, cx: &mut Context<'_>) {
        let stands = !self.state.is_opening() && !self.state.is_over();
        let due = match self.cold.options.keepalive.filter(|_| stands) {
            Some(keepalive) => cx.now + keepalive.idle.saturating_sub(self.silence(cx)),
            None if self.cold.extra.is_none() => return,
            None => Instant::MAX,
        };
        self.rare().keepalive = due;
        self.arm_rare(cx);
    }

    /// A cork holds the end of the data back.
    pub(super) fn start_cork_timer(&mut self, cx: &mut Context<'_>) {
        if self.rare().cork == Instant::MAX {
            self.rare().cork = cx.now + CORK_TIME;
            self.arm_rare(cx);
        }
    }

    fn rare(&mut self) -> &mut RareTimers {
        &mut self.cold.extra.get_or_insert_default().rare
    }

    /// How long the peer has been silent, to the millisecond.
    fn silence(&self, cx: &Context<'_>) -> Duration {
        Duration::from_millis((cx.now.as_millis() as u32).wrapping_sub(self.cold.received_ms).into())
    }

    fn arm_rare(&mut self, cx: &mut Context<'_>) {
        self.timers.rare = self.rare().earliest();
        self.arm(cx);
    }

    pub(super) fn on_rare_timer(&mut self, cx: &mut Context<'_>) {
        if self.rare().cork <= cx.now {
            self.rare().cork = Instant::MAX;
            // Lets the end of the data out once.
            self.flags.insert(Flags::CORK_OVER);
            self.want_transmit(cx);
        }
        if self.rare().keepalive <= cx.now {
            self.rare().keepalive = Instant::MAX;
            self.on_keepalive_timeout(cx);
        }
        if !self.state.is_over() {
            self.arm_rare(cx);
        }
    }

    /// The peer was silent for long, or so it was when the timer was set.
    fn on_keepalive_timeout(&mut self, cx: &mut Context<'_>) {
        let Some(Keepalive { idle, interval, probes }) = self.cold.options.keepalive else { return };
        if self.snd.una != self.snd.nxt || !self.send_buffer.is_empty() {
            // The timers of what is in flight, or waits, tell as much.
            self.rare().keepalive = cx.now + idle;
            return;
        }
        let (silent, user_timeout) = (self.silence(cx), self.cold.options.user_timeout);
        let rare = self.rare();
        if silent < cx.now - rare.probed_at {
            // It was heard since.
            rare.probes = 0;
        }
        if silent < idle {
            rare.keepalive = cx.now + (idle - silent);
            return;
        }
        // The user timeout bounds the wait, where there is one, and not the count (as on Linux).
        let given_up = match user_timeout {
            Some(timeout) => rare.probes > 0 && silent >= timeout,
            None => rare.probes >= probes,
        };
        if given_up {
            let error = self.cold.soft_error.unwrap_or(TcpError::TimedOut);
            self.reset(cx, Some(error));
            return;
        }
        rare.probes = rare.probes.saturating_add(1);
        rare.probed_at = cx.now;
        rare.keepalive = cx.now + interval.max(Duration::from_millis(1));
        self.flags.insert(Flags::KEEPALIVE_DUE);
        self.set_trigger(cx, None);
        self.want_transmit(cx);
    }

    /// Probes that the peer has not answered, the one that is due included.
    pub(super) fn keepalive_probes(&self) -> u32 {
        self.cold.extra.as_ref().map_or(0, |extra| u32::from(extra.rare.probes))
    }
}
