//! When more SYNs come than half-open connections may be: SYN cookies (see `half_open::cookie`) on the way out
//! and in.

use fathom_record::DropReason;
use fathom_wire::TcpFlags;

use super::TcpLayer;
use super::connection::Segment;
use super::demultiplex::{Way, record_opened};
use super::half_open::{HalfOpen, cookie};
use super::listen::Listener;
use crate::context::Context;
use crate::packet::Disposition;
use crate::slab::Key;
use crate::table::FourTuple;

impl TcpLayer {
    /// Answers a SYN for which there is no room. A listener that decides has nobody ask it for a cookie: the
    /// program is to know of a connection before the SYN-ACK.
    pub(super) fn answer_without_room(
        &mut self,
        cx: &mut Context<'_>,
        way: &Way<'_>,
        reason: DropReason,
    ) -> Disposition {
        let Way { tuple, segment, mtu, .. } = way;
        let key = self.listening.find(&way.wanted());
        let listener = key.and_then(|key| Some((key, self.listeners.get(key)?)));
        let Some((key, listener)) = listener.filter(|(_, listener)| {
            reason == DropReason::TcpSynQueueFull && cx.config.tcp.syn_cookies && !listener.decide
        }) else {
            return Disposition::Drop(reason);
        };
        // Number 0 is given to no conversation: this one may never come about.
        let flow = fathom_record::FlowId(0);
        let ours = &listener.options;
        let half_open = HalfOpen::new(cx, key, flow, *tuple, segment.header, ours, (*mtu, None));
        let Some(syn_ack) = half_open.into_cookie(cx, segment.cause) else {
            return Disposition::Drop(reason);
        };
        cx.counters.syn_cookies_sent += 1;
        self.cookies_until = cx.now + cookie::LIFETIME;
        Disposition::reply(syn_ack)
    }

    /// The half-open connection that a segment completes by the cookie that it brings back.
    pub(super) fn half_open_from_cookie(
        &self,
        cx: &Context<'_>,
        (key, listener): (Key, &Listener),
        tuple: &FourTuple,
        segment: &Segment<'_>,
    ) -> Option<HalfOpen> {
        let acknowledges = segment.flags & (TcpFlags::SYN | TcpFlags::RST | TcpFlags::ACK) == TcpFlags::ACK;
        if !acknowledges || listener.decide || self.cookies_until <= cx.now {
            return None;
        }
        HalfOpen::from_cookie(cx, key, *tuple, segment.header, &listener.options)
    }

    /// A segment with an acknowledgement for a listener: if that of a cookie, a connection; `None` when not.
    pub(super) fn complete_from_cookie(
        &mut self,
        cx: &mut Context<'_>,
        way: &Way<'_>,
    ) -> Option<Disposition> {
        let Way { tuple, segment, .. } = way;
        let key = self.listening.find(&way.wanted())?;
        let listener = self.listeners.get(key)?;
        let half_open = self.half_open_from_cookie(cx, (key, listener), tuple, segment)?;
        if let Some(reason) = self.no_room(cx, listener) {
            return Some(Disposition::Drop(reason));
        }
        Some(self.establish_from_cookie(cx, half_open, segment.clone()))
    }

    /// The SYN-ACK with a cookie was acknowledged while a half-open connection of the same ends waits for the
    /// acknowledgement of another: the peer has repeated its SYN, when there was room again.
    pub(super) fn replace_by_cookie(
        &mut self,
        cx: &mut Context<'_>,
        key: Key,
        segment: &Segment<'_>,
    ) -> Option<Disposition> {
        let waiting = self.half_open.get(key)?;
        let (tuple, listener_key) = (waiting.tuple, waiting.listener);
        let listener = self.listeners.get(listener_key)?;
        let half_open = self.half_open_from_cookie(cx, (listener_key, listener), &tuple, segment)?;
        if let Some(reason) = self.no_room(cx, listener) {
            return Some(Disposition::Drop(reason));
        }
        self.remove_half_open(cx, key);
        Some(self.establish_from_cookie(cx, half_open, segment.clone()))
    }

    fn establish_from_cookie(
        &mut self,
        cx: &mut Context<'_>,
        mut half_open: HalfOpen,
        segment: Segment<'_>,
    ) -> Disposition {
        let flow = self.next_flow();
        half_open.set_flow(flow);
        record_opened(cx, flow, &half_open.tuple, segment.cause);
        cx.counters.syn_cookies_accepted += 1;
        self.establish(cx, half_open, segment)
    }

    /// Why no connection of a listener can be established, if none can.
    pub(super) fn no_room(&self, cx: &Context<'_>, listener: &Listener) -> Option<DropReason> {
        if listener.is_full() {
            return Some(DropReason::TcpAcceptQueueFull);
        }
        (self.connections.len() >= cx.config.tcp.connections).then_some(DropReason::MemoryLimit)
    }
}
