//! What the program may change on a connection that stands: the choices of [`TcpOptions`].

use alloc::sync::Arc;
use core::time::Duration;

use super::congestion::CongestionAlgorithm;
use super::connection::{Connection, Flags};
use super::options::MIN_MSS;
use super::{TcpConfig, TcpOptions};
use crate::context::Context;
use crate::memory::MemoryBudget;

/// Largest send buffer: half of what sequence numbers can compare.
const MAX_SEND_BUFFER: usize = 1 << 30;

impl Connection {
    pub(crate) fn options(&self) -> &TcpOptions {
        &self.cold.options
    }

    pub(super) fn options_mut(&mut self) -> &mut TcpOptions {
        Arc::make_mut(&mut self.cold.options)
    }

    pub(crate) fn set_nodelay(&mut self, cx: &mut Context<'_>, nodelay: bool) {
        self.flags.set(Flags::NODELAY, nodelay);
        if nodelay {
            self.want_transmit(cx);
        }
    }

    pub(crate) fn nodelay(&self) -> bool {
        self.flags.contains(Flags::NODELAY)
    }

    /// Taking the cork out sends what was held back.
    pub(crate) fn set_cork(&mut self, cx: &mut Context<'_>, cork: bool) {
        self.flags.set(Flags::CORK, cork);
        if !cork {
            self.want_transmit(cx);
        }
    }

    pub(crate) fn cork(&self) -> bool {
        self.flags.contains(Flags::CORK)
    }

    /// Before the handshake is complete it is the one to start with.
    pub(crate) fn set_congestion_control(&mut self, algorithm: CongestionAlgorithm) {
        self.options_mut().congestion_control = Some(algorithm);
        self.congestion.switch(algorithm);
    }

    pub(crate) fn congestion_control(&self) -> CongestionAlgorithm {
        self.congestion.algorithm()
    }

    pub(crate) fn set_quick_ack(&mut self, cx: &mut Context<'_>, quick: bool) {
        self.ack.restart(if quick { cx.config.tcp.quick_acks } else { 0 });
        if quick && self.timers.ack != fathom_wire::Instant::MAX {
            self.ack.now(fathom_record::SendReason::Ack);
            self.want_transmit(cx);
        }
    }

    pub(crate) fn is_quick(&self) -> bool {
        self.ack.is_quick()
    }

    /// Bytes that the receive buffer may hold.
    pub(crate) fn receive_capacity(&self) -> usize {
        self.rcv.capacity as usize
    }

    pub(crate) fn set_linger(&mut self, linger: Option<Duration>) {
        self.options_mut().linger = linger;
    }

    pub(crate) fn set_user_timeout(&mut self, cx: &mut Context<'_>, timeout: Option<Duration>) {
        self.options_mut().user_timeout = timeout;
        if self.timers.retransmit != fathom_wire::Instant::MAX {
            let deadline = self.timers.retransmit.min(self.gives_up_at(cx)).max(cx.now);
            self.timers.retransmit = deadline;
            self.arm(cx);
        }
    }

    /// How long the peer may leave something unacknowledged.
    pub(super) fn user_timeout(&self, cx: &Context<'_>) -> Duration {
        self.cold.options.user_timeout.unwrap_or(cx.config.tcp.user_timeout)
    }

    pub(crate) fn set_dscp(&mut self, dscp: u8) {
        self.options_mut().dscp = dscp & 0x3f;
    }

    pub(crate) fn set_hop_limit(&mut self, hop_limit: Option<u8>) {
        self.options_mut().hop_limit = hop_limit;
    }

    /// What the peer has agreed to is not exceeded, and what was given up once does not come back.
    pub(crate) fn set_max_segment(&mut self, max_segment: Option<u16>) {
        self.options_mut().max_segment = max_segment;
        if let (Some(most), false) = (max_segment, self.state.is_opening()) {
            self.snd.peer_mss = self.snd.peer_mss.min(most).max(MIN_MSS as u16);
        }
    }

    pub(crate) fn set_syn_retries(&mut self, retries: Option<u8>) {
        self.options_mut().syn_retries = retries;
    }

    pub(crate) fn set_send_buffer(&mut self, cx: &mut Context<'_>, bytes: Option<usize>) {
        self.options_mut().send_buffer = bytes;
        self.wake_writer(cx);
    }

    /// What the peer was offered stays offered: a smaller buffer shrinks as it is read.
    pub(crate) fn set_receive_buffer(&mut self, cx: &mut Context<'_>, bytes: Option<usize>) {
        self.options_mut().receive_buffer = bytes;
        if let Some(bytes) = bytes {
            self.rcv.resize(bytes);
            self.has_read(cx);
        }
    }

    pub(crate) fn set_notsent_low_water(&mut self, cx: &mut Context<'_>, bytes: Option<usize>) {
        self.options_mut().notsent_low_water = bytes;
        self.flags.set(Flags::NOTSENT_LOW_WATER, bytes.is_some());
        self.wake_writer(cx);
    }

    pub(crate) fn set_receive_low_water(&mut self, cx: &mut Context<'_>, bytes: usize) {
        self.options_mut().receive_low_water = bytes;
        self.apply_receive_low_water(cx);
        self.notify_readable(cx);
    }

    /// A program that waits for so much must be able to get it.
    pub(super) fn apply_receive_low_water(&mut self, cx: &Context<'_>) {
        let bytes = self.cold.options.receive_low_water;
        self.flags.set(Flags::RECEIVE_LOW_WATER, bytes > 1);
        let wanted = bytes.saturating_mul(2).min(cx.config.tcp.max_receive_buffer);
        if self.cold.options.receive_buffer.is_none() && wanted > self.rcv.capacity as usize {
            self.rcv.resize(wanted);
        }
    }

    /// Whether as much waits as the program wants to be told of, or more cannot come.
    pub(super) fn has_enough_to_read(&self) -> bool {
        if !self.flags.contains(Flags::RECEIVE_LOW_WATER) || self.flags.contains(Flags::FIN_RECEIVED) {
            return true;
        }
        let queued = self.receive_buffer.len();
        let room = (self.rcv.capacity as usize).saturating_sub(queued);
        queued >= self.cold.options.receive_low_water
            || room < (self.rcv.rmss.max(self.rcv.capacity / 8)) as usize
    }

    /// Bytes that the send buffer may hold at this moment.
    pub(crate) fn send_limit(&self, config: &TcpConfig, memory: &MemoryBudget) -> usize {
        let limit = match self.cold.options.send_buffer {
            Some(bytes) => bytes,
            // RFC 9293 leaves it open. A window in flight and one more to follow it keep the sender busy.
            None if memory.is_tight() => config.initial_send_buffer,
            None => {
                let windows = self.congestion.cwnd().saturating_mul(2);
                let most = config.max_send_buffer.max(config.initial_send_buffer);
                usize::try_from(windows).unwrap_or(usize::MAX).clamp(config.initial_send_buffer, most)
            }
        };
        limit.clamp(1, MAX_SEND_BUFFER)
    }

    /// Bytes that the program may write at this moment.
    pub(super) fn send_room(&self, config: &TcpConfig, memory: &MemoryBudget) -> usize {
        let room = self.send_limit(config, memory).saturating_sub(self.send_buffer.len());
        match self.cold.options.notsent_low_water {
            Some(low) => room.min(low.max(1).saturating_sub(self.not_sent())),
            None => room,
        }
    }

    /// Bytes written and not sent.
    pub(super) fn not_sent(&self) -> usize {
        self.send_buffer.len().saturating_sub(self.snd.nxt.distance_from(self.snd.una) as usize)
    }

    /// Whether a writer that waits is woken: a third of the buffer is free, and what is not sent is below half
    /// of what may be.
    pub(super) fn has_room_for_writer(&self, cx: &Context<'_>) -> bool {
        let limit = self.send_limit(&cx.config.tcp, cx.memory);
        let low = self.cold.options.notsent_low_water;
        self.send_buffer.len() <= limit - limit / 3 && low.is_none_or(|low| self.not_sent() <= low / 2)
    }

    /// Everything that was written, and the FIN if one was, is acknowledged.
    pub(crate) fn is_delivered(&self) -> bool {
        use super::state::State::{Closing, FinWait1, LastAck};
        self.send_buffer.is_empty() && !matches!(self.state, FinWait1 | Closing | LastAck)
    }
}
