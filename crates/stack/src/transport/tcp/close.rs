//! The end of a connection, as the program asks for it (RFC 9293 3.6, 3.10.4, 3.10.5).

use super::connection::{Connection, Flags};
use super::state::State;
use crate::context::Context;

impl Connection {
    /// Ends our data: a FIN follows the last of it. Also while the handshake goes on.
    pub(super) fn shut_down(&mut self, cx: &mut Context<'_>) {
        if self.flags.contains(Flags::FIN_QUEUED) {
            return;
        }
        // In SYN-SENT the FIN waits for the handshake (RFC 9293 3.10.4: queued, or the connection ends
        // there; what was written before still deserves to be delivered).
        self.flags.insert(Flags::FIN_QUEUED);
        self.close_when_open(cx);
        self.want_transmit(cx);
    }

    /// The state changes when the FIN is queued, not when it is sent, which may be long after.
    pub(super) fn close_when_open(&mut self, cx: &mut Context<'_>) {
        if self.flags.contains(Flags::FIN_QUEUED)
            && !self.state.is_opening()
            && let Some(next) = self.state.after_close()
        {
            self.set_state(cx, next);
        }
    }

    /// Ends everything at once: a reset where the peer has a connection (RFC 9293 3.10.5, ABORT call).
    pub(crate) fn abort(&mut self, cx: &mut Context<'_>) {
        match self.state {
            State::SynSent => self.end(cx, None),
            State::TimeWait | State::Closed => {}
            _ => self.reset(cx, None),
        }
        self.receive_buffer.clear(cx.pool, cx.memory);
    }

    /// The program lets go of the socket. What it has written is still delivered, unless it has left data
    /// unread: then the peer must learn that its data is lost (RFC 9293 3.6.1, SHLD-3; RFC 2525 2.17).
    pub(crate) fn let_go(&mut self, cx: &mut Context<'_>) {
        let unread = !self.receive_buffer.is_empty() || self.reassembly.is_some();
        let hard = self.cold.options.linger == Some(core::time::Duration::ZERO);
        if (unread || hard) && !self.state.is_over() && self.state != State::SynSent {
            self.reset(cx, None);
        } else {
            match self.state {
                State::SynSent => self.end(cx, None),
                _ => self.shut_down(cx),
            }
        }
        self.flags.insert(Flags::ORPHAN);
        self.receive_buffer.clear(cx.pool, cx.memory);
        self.wait_for_fin(cx);
        self.watch_orphan(cx);
        self.arm(cx);
    }

    /// Without an owner the end must come also when no device takes what is left: a timer for what is in
    /// flight runs only once something is.
    pub(super) fn watch_orphan(&mut self, cx: &Context<'_>) {
        if self.flags.contains(Flags::ORPHAN) && self.state.may_transmit() {
            self.timers.close = cx.now + cx.config.tcp.fin_wait_2_timeout;
        }
    }

    /// In FIN-WAIT-2 only the peer's FIN is missing. A program may wait for it as long as it likes; without
    /// one the wait is bounded.
    pub(super) fn wait_for_fin(&mut self, cx: &Context<'_>) {
        if self.state == State::FinWait2 && self.flags.contains(Flags::ORPHAN) {
            self.timers.close = cx.now + cx.config.tcp.fin_wait_2_timeout;
        }
    }
}
