//! From a segment to its connection, half-open entry, TIME-WAIT record or listener (RFC 9293 3.10.7.1 and
//! 3.10.7.2).

use alloc::sync::Arc;
use core::num::NonZeroU16;

use bytes::Buf;
use fathom_record::{DropReason, Engine, RecordId, SendReason, TcpStateName};
use fathom_wire::{Checksum, SeqNumber, TcpFlags, TcpHeader};

use super::connection::{Flags, Segment};
use super::half_open::{self, HalfOpen};
use super::listen::Wanted;
use super::receive::tuple_of;
use super::{FlowRef, TcpLayer, reset, time_wait};
use crate::batch::ReceivedChecksum;
use crate::context::Context;
use crate::event::Readiness;
use crate::interface::InterfaceId;
use crate::packet::{Arrived, Departing, Disposition};
use crate::slab::Key;
use crate::socket::{ListenerId, SocketId, TcpId};
use crate::table::FourTuple;
use crate::timer::TimerKey;

/// A segment on its way to whom it is for.
pub(super) struct Way<'a> {
    pub(super) tuple: FourTuple,
    pub(super) hash: u64,
    pub(super) segment: Segment<'a>,
    /// MTU of the interface.
    pub(super) mtu: usize,
    /// [`Arrived::routed`]
    pub(super) routed: bool,
    on: InterfaceId,
}

impl Way<'_> {
    /// What listener it is for, if it is a SYN.
    pub(super) fn wanted(&self) -> Wanted {
        let FourTuple { local_address: address, local_port: port, .. } = self.tuple;
        Wanted { address, port, routed: self.routed, on: self.on, hash: self.hash }
    }
}

impl TcpLayer {
    /// A segment arrives.
    pub(crate) fn receive(&mut self, cx: &mut Context<'_>, arrived: &mut Arrived) -> Disposition {
        let mut header = TcpHeader::default();
        if header.read(&arrived.payload).is_err() {
            return Disposition::Drop(DropReason::TcpMalformed);
        }
        let header = &header;
        if let Err(reason) = check(arrived, header) {
            return Disposition::Drop(reason);
        }
        let mut data = core::mem::take(&mut arrived.payload);
        data.advance(TcpHeader::data_offset(&data));
        let segment_size = arrived.segment_size.map_or(data.len(), |size| usize::from(NonZeroU16::get(size)));
        let segment = Segment {
            header,
            seq: header.seq,
            flags: header.flags,
            data,
            followers: core::mem::take(&mut arrived.followers),
            segment_size,
            cause: arrived.cause,
        };
        if let Some(key) = self.recent.filter(|key| self.leads_to(*key, arrived, header)) {
            return self.receive_connected(cx, key, segment);
        }
        let tuple = tuple_of(arrived, header);
        let way = Way {
            tuple,
            hash: self.flows.hash(&tuple),
            segment,
            mtu: arrived.mtu,
            routed: arrived.routed,
            on: arrived.interface,
        };
        match self.find(way.hash, &tuple) {
            Some(FlowRef::Connection(key)) => {
                self.recent = Some(key);
                self.receive_connected(cx, key, way.segment)
            }
            Some(FlowRef::HalfOpen(key)) => self.receive_half_open(cx, key, way.segment),
            Some(FlowRef::TimeWait(key)) => self.receive_time_wait(cx, key, way),
            None => self.receive_new(cx, way, None),
        }
    }

    /// Whether a segment goes to the connection `key`, as the table of flows would say.
    fn leads_to(&self, key: Key, arrived: &Arrived, header: &TcpHeader) -> bool {
        self.connections.get(key).is_some_and(|it| {
            let FourTuple { local_address, remote_address, local_port, remote_port } = &it.tuple;
            *local_port == header.destination_port
                && *remote_port == header.source_port
                && *remote_address == arrived.source
                && *local_address == arrived.destination
                && !it.flags.contains(Flags::DETACHED)
        })
    }

    /// Where the segments of a tuple go.
    pub(super) fn find(&self, hash: u64, tuple: &FourTuple) -> Option<FlowRef> {
        self.flows.find(hash, |flow| self.tuple(flow) == Some(tuple))
    }

    pub(super) fn tuple(&self, flow: FlowRef) -> Option<&FourTuple> {
        match flow {
            FlowRef::Connection(key) => self.connections.get(key).map(|connection| &connection.tuple),
            FlowRef::HalfOpen(key) => self.half_open.get(key).map(|half_open| &half_open.tuple),
            FlowRef::TimeWait(key) => self.time_wait.get(key).map(|time_wait| &time_wait.tuple),
        }
    }

    fn receive_connected(&mut self, cx: &mut Context<'_>, key: Key, segment: Segment<'_>) -> Disposition {
        let Some(connection) = self.connections.get_mut(key) else {
            return Disposition::Drop(DropReason::TcpNoSocket);
        };
        let disposition = connection.receive(cx, segment);
        if connection.is_to_be_settled()
            && let Some(last) = self.settle_ended(cx, TcpId(key))
        {
            return Disposition::Reply(last);
        }
        disposition
    }

    fn receive_half_open(&mut self, cx: &mut Context<'_>, key: Key, segment: Segment<'_>) -> Disposition {
        let nobody = Disposition::Drop(DropReason::TcpNoSocket);
        let Some(half_open) = self.half_open.get_mut(key) else { return nobody };
        let Some(listener) = self.listeners.get(half_open.listener) else { return nobody };
        match half_open.receive(cx, &listener.options, &segment) {
            half_open::Step::Stay(Disposition::DropReply(DropReason::TcpBadAck, reset)) => {
                let from_cookie = self.replace_by_cookie(cx, key, &segment);
                from_cookie.unwrap_or(Disposition::DropReply(DropReason::TcpBadAck, reset))
            }
            half_open::Step::Stay(disposition) => disposition,
            half_open::Step::Remove(disposition) => {
                self.remove_half_open(cx, key);
                disposition
            }
            // The peer believes that it is connected, and will say so again (Linux does the same). A reset
            // would make a short pause of the program an error.
            half_open::Step::Complete => match self.no_room(cx, listener) {
                Some(reason) => Disposition::Drop(reason),
                None => self.complete(cx, key, segment),
            },
        }
    }

    /// The handshake is complete: the entry becomes a connection, which takes the same segment, since that
    /// may have data, a window and a FIN.
    fn complete(&mut self, cx: &mut Context<'_>, key: Key, segment: Segment<'_>) -> Disposition {
        match self.take_half_open(cx, key) {
            Some(half_open) => self.establish(cx, half_open, segment),
            None => Disposition::Drop(DropReason::TcpNoSocket),
        }
    }

    /// A half-open connection, which nothing leads to any more, becomes a connection.
    pub(super) fn establish(
        &mut self,
        cx: &mut Context<'_>,
        half_open: HalfOpen,
        segment: Segment<'_>,
    ) -> Disposition {
        let listener_key = half_open.listener;
        let Some(listener) = self.listeners.get_mut(listener_key) else {
            return Disposition::Drop(DropReason::TcpNoSocket);
        };
        let (tuple, options, maps) = (half_open.tuple, Arc::clone(&listener.options), listener.maps());
        let key = self.connections.insert_with(|key| {
            let mut connection = half_open.into_connection(cx, TcpId(key), options);
            connection.flags.set(Flags::MAPPED, maps);
            connection
        });
        listener.accept.push_back(TcpId(key));
        cx.events.push(SocketId::Listener(ListenerId(listener_key)), Readiness::ACCEPTABLE);
        self.flows.insert(self.flows.hash(&tuple), FlowRef::Connection(key));
        self.receive_connected(cx, key, segment)
    }

    fn receive_time_wait(&mut self, cx: &mut Context<'_>, key: Key, way: Way<'_>) -> Disposition {
        let Some(time_wait) = self.time_wait.get_mut(key) else {
            return Disposition::Drop(DropReason::TcpNoSocket);
        };
        match time_wait.receive(cx, &way.segment) {
            time_wait::Step::Stay(disposition) => disposition,
            time_wait::Step::Restart(disposition) => {
                self.restart_time_wait(cx, key);
                disposition
            }
            time_wait::Step::Reopen => {
                let after = time_wait.snd_nxt;
                // A SYN that nobody takes must not end the wait.
                if let Err(reason) = self.listener_with_room(cx, &way) {
                    return Disposition::Drop(reason);
                }
                self.remove_time_wait(cx, key);
                self.receive_new(cx, way, Some(after))
            }
        }
    }

    /// A segment without a connection. `after` is what an earlier connection of the tuple had sent.
    fn receive_new(&mut self, cx: &mut Context<'_>, way: Way<'_>, after: Option<SeqNumber>) -> Disposition {
        let segment = &way.segment;
        if self.listening.find(&way.wanted()).is_none() {
            return self.refuse(cx, &way);
        }
        // RFC 9293 3.10.7.2. First, RST: ignored. Second, ACK: answered by a reset.
        let flags = segment.flags;
        if flags.contains(TcpFlags::RST) {
            return Disposition::Drop(DropReason::TcpNoSocket);
        }
        if flags.contains(TcpFlags::ACK) {
            let from_cookie = self.complete_from_cookie(cx, &way);
            return from_cookie.unwrap_or_else(|| self.refuse(cx, &way));
        }
        // Third, SYN; fourth, anything else is dropped.
        if !flags.contains(TcpFlags::SYN) {
            return Disposition::Drop(DropReason::TcpBadFlags);
        }
        self.receive_syn(cx, way, after)
    }

    /// The listener that takes a SYN, or why none does.
    fn listener_with_room(&self, cx: &Context<'_>, way: &Way<'_>) -> Result<Key, DropReason> {
        if way.tuple.local() == way.tuple.remote() {
            // From ourselves to ourselves: the answer would answer itself.
            return Err(DropReason::TcpBadAddress);
        }
        let key = self.listening.find(&way.wanted()).ok_or(DropReason::TcpNoSocket)?;
        let listener = self.listeners.get(key).ok_or(DropReason::TcpNoSocket)?;
        if listener.is_full() {
            return Err(DropReason::TcpAcceptQueueFull);
        }
        let limits = &cx.config.tcp;
        if self.half_open.len() >= limits.half_open || listener.half_open >= limits.half_open_per_listener {
            return Err(DropReason::TcpSynQueueFull);
        }
        Ok(key)
    }

    /// RFC 9293 3.10.7.1: an answer that says that there is no connection.
    fn refuse(&mut self, cx: &mut Context<'_>, Way { tuple, segment, .. }: &Way<'_>) -> Disposition {
        let answered = !segment.flags.contains(TcpFlags::RST);
        if answered && !self.resets.take(cx.now) {
            return Disposition::Drop(DropReason::RateLimited);
        }
        match reset::to_stray(cx, tuple, segment.header, segment.seq_len(), segment.cause) {
            Some(answer) => Disposition::drop_reply(DropReason::TcpNoSocket, answer),
            None => Disposition::Drop(DropReason::TcpNoSocket),
        }
    }

    /// RFC 9293 3.10.7.2, third: a SYN for a listener.
    fn receive_syn(&mut self, cx: &mut Context<'_>, way: Way<'_>, after: Option<SeqNumber>) -> Disposition {
        let listener_key = match self.listener_with_room(cx, &way) {
            Ok(key) => key,
            Err(reason) => return self.answer_without_room(cx, &way, reason),
        };
        let Way { tuple, hash, segment, mtu, .. } = way;
        let flow = self.next_flow();
        let Some(listener) = self.listeners.get_mut(listener_key) else {
            return Disposition::Drop(DropReason::TcpNoSocket);
        };
        let half_open =
            HalfOpen::new(cx, listener_key, flow, tuple, segment.header, &listener.options, (mtu, after));
        let opened = record_opened(cx, flow, &tuple, segment.cause);
        let key = self.half_open.insert(half_open);
        self.flows.insert(hash, FlowRef::HalfOpen(key));
        listener.half_open += 1;
        if listener.decide {
            listener.incoming.push_back(key);
            cx.events.push(SocketId::Listener(ListenerId(listener_key)), Readiness::INCOMING);
            self.set_half_open_timer(cx, key);
            return Disposition::Accepted;
        }
        match self.answer_syn(cx, key, opened.or(segment.cause)) {
            Some(syn_ack) => Disposition::reply(syn_ack),
            None => Disposition::Drop(DropReason::TcpNoSocket),
        }
    }

    /// The SYN-ACK, and the wait for what answers it.
    pub(super) fn answer_syn(
        &mut self,
        cx: &mut Context<'_>,
        key: Key,
        cause: Option<RecordId>,
    ) -> Option<Departing> {
        let half_open = self.half_open.get_mut(key)?;
        let listener = self.listeners.get(half_open.listener)?;
        let syn_ack = half_open.syn_ack(cx, &listener.options, SendReason::SynAck, cause);
        self.set_half_open_timer(cx, key);
        Some(syn_ack)
    }

    fn set_half_open_timer(&mut self, cx: &mut Context<'_>, key: Key) {
        let Some(half_open) = self.half_open.get_mut(key) else { return };
        let wait = match half_open.progress {
            half_open::Progress::Undecided => cx.config.tcp.decision_timeout,
            half_open::Progress::Answered => half_open.timeout(),
        };
        if let Some(timer) =
            half_open.timer.replace(cx.timers.insert(cx.now + wait, TimerKey::TcpHalfOpen(key)))
        {
            cx.timers.cancel(timer);
        }
    }

    /// The timer of a half-open connection has fired: its SYN-ACK again, unless it is given up.
    pub(crate) fn handle_half_open_timer(&mut self, cx: &mut Context<'_>, key: Key) -> Option<Departing> {
        let half_open = self.half_open.get_mut(key)?;
        half_open.timer = None;
        let given_up = half_open.progress == half_open::Progress::Undecided
            || half_open.retries >= cx.config.tcp.syn_ack_retries;
        if given_up {
            self.remove_half_open(cx, key);
            return None;
        }
        let listener = self.listeners.get(half_open.listener)?;
        let again = half_open.on_timeout(cx, &listener.options);
        self.set_half_open_timer(cx, key);
        Some(again)
    }

    /// A half-open connection ends without becoming a connection.
    pub(super) fn remove_half_open(&mut self, cx: &mut Context<'_>, key: Key) {
        if let Some(half_open) = self.take_half_open(cx, key) {
            let flow = half_open.flow();
            let (from, to) = (TcpStateName::SynReceived, TcpStateName::Closed);
            cx.record(None, || Engine::TcpState { flow, from, to });
        }
    }

    pub(super) fn take_half_open(&mut self, cx: &mut Context<'_>, key: Key) -> Option<HalfOpen> {
        let tuple = self.half_open.get(key)?.tuple;
        let hash = self.flows.hash(&tuple);
        self.flows.remove(hash, |flow| flow == FlowRef::HalfOpen(key));
        let half_open = self.half_open.remove(key)?;
        if let Some(timer) = half_open.timer {
            cx.timers.cancel(timer);
        }
        if let Some(listener) = self.listeners.get_mut(half_open.listener) {
            listener.half_open -= 1;
            if half_open.progress == half_open::Progress::Undecided {
                listener.incoming.retain(|waiting| *waiting != key);
            }
        }
        Some(half_open)
    }
}

/// Checks what can be checked without a connection.
fn check(arrived: &Arrived, header: &TcpHeader) -> Result<(), DropReason> {
    // RFC 9293 3.1, MUST-3. A checksum that a device has verified, or that is yet to be filled in, is not
    // verified again.
    if arrived.checksum == ReceivedChecksum::Unverified {
        let mut checksum = Checksum::new();
        let len = arrived.payload.len() as u32;
        checksum.pseudo_header(arrived.source, arrived.destination, TcpHeader::PROTOCOL, len);
        checksum.add(&arrived.payload);
        if !checksum.is_valid() {
            return Err(DropReason::TcpChecksum);
        }
    }
    // RFC 9293 3.9.2.3, MUST-57 and MUST-63: no connection with many at once.
    if arrived.broadcast {
        return Err(DropReason::TcpBadAddress);
    }
    // RFC 9293 has no segment with SYN and FIN, or SYN and RST, and none without SYN, FIN, RST and ACK: no
    // sender of ours or others' makes one, and the answer that 3.10.7.1 would have serves port scanners.
    let controls = header.flags & (TcpFlags::SYN | TcpFlags::FIN | TcpFlags::RST);
    let contradictory = controls.bits().count_ones() > 1 && controls.contains(TcpFlags::SYN);
    if contradictory || (controls.is_empty() && !header.flags.contains(TcpFlags::ACK)) {
        return Err(DropReason::TcpBadFlags);
    }
    Ok(())
}

pub(super) fn record_opened(
    cx: &mut Context<'_>,
    flow: fathom_record::FlowId,
    tuple: &FourTuple,
    cause: Option<RecordId>,
) -> Option<RecordId> {
    let (local, remote) = (tuple.local(), tuple.remote());
    let opened = cx.record(cause, || Engine::TcpOpened { flow, local, remote, active: false });
    let (from, to) = (TcpStateName::Listen, TcpStateName::SynReceived);
    cx.record(opened, || Engine::TcpState { flow, from, to });
    opened
}
