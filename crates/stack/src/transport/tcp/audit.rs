//! TCP's part of an audit: what is kept of connections beside themselves, counted anew.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use fathom_wire::Instant;

use super::connection::{Connection, Flags};
use super::half_open::Progress;
use super::keepalive::RareTimers;
use super::{FlowRef, TcpLayer};
use crate::send_queue::SendQueues;
use crate::socket::{SocketId, TcpId};
use crate::timer::TimerKey;
use crate::wheel::{TimerId, TimerWheel};

/// What an audit of TCP may look at beside TCP.
pub(crate) struct Beside<'a> {
    pub(crate) timers: &'a TimerWheel<TimerKey>,
    pub(crate) sendable: &'a SendQueues,
}

impl TcpLayer {
    /// Payload memory that connections hold, counted anew.
    pub(crate) fn charged(&self) -> usize {
        self.connections.iter().map(|(_, connection)| connection.charged()).sum()
    }

    /// The timers of connections, half-open ones and those in TIME-WAIT.
    pub(crate) fn timers(&self) -> impl Iterator<Item = (TimerId, TimerKey)> + '_ {
        let connections = self.connections.iter().filter_map(|(key, connection)| {
            connection.timers.entry().map(|timer| (timer, TimerKey::Tcp(TcpId(key))))
        });
        let half_open = self
            .half_open
            .iter()
            .filter_map(|(key, it)| it.timer.map(|timer| (timer, TimerKey::TcpHalfOpen(key))));
        let time_wait = self
            .time_wait
            .iter()
            .filter_map(|(key, it)| it.timer.map(|timer| (timer, TimerKey::TcpTimeWait(key))));
        connections.chain(half_open).chain(time_wait)
    }

    /// How many connections, half-open connections, connections in TIME-WAIT and listeners there are.
    pub(crate) fn counts(&self) -> [usize; 4] {
        [self.connections.len(), self.half_open.len(), self.time_wait.len(), self.listeners.len()]
    }

    /// What is not as it must be.
    pub(crate) fn audit(&self, beside: &Beside<'_>) -> Vec<String> {
        let mut wrong = Vec::new();
        self.audit_flows(&mut wrong);
        self.audit_listeners(&mut wrong);
        for (_, connection) in self.connections.iter() {
            let tell = |what: String| {
                let (tuple, state) = (&connection.tuple, connection.state.name());
                format!("{} to {}, {state}: {what}", tuple.local(), tuple.remote())
            };
            let mut of_it = Vec::new();
            connection.audit_space(&mut of_it);
            connection.audit_timers(beside, &mut of_it);
            connection.audit_reason_to_wake(beside, &mut of_it);
            wrong.extend(of_it.into_iter().map(tell));
        }
        if self.half_open.iter().any(|(_, half_open)| half_open.timer.is_none()) {
            wrong.push("a half-open connection has no timer".into());
        }
        if self.time_wait.iter().any(|(_, time_wait)| time_wait.timer.is_none()) {
            wrong.push("a connection in TIME-WAIT has no timer".into());
        }
        wrong
    }

    /// The table of flows leads to everything that segments can reach, and to nothing else.
    fn audit_flows(&self, wrong: &mut Vec<String>) {
        let attached =
            self.connections.iter().filter(|(_, connection)| !connection.flags.contains(Flags::DETACHED));
        let connections = attached.map(|(key, _)| FlowRef::Connection(key));
        let half_open = self.half_open.iter().map(|(key, _)| FlowRef::HalfOpen(key));
        let time_wait = self.time_wait.iter().map(|(key, _)| FlowRef::TimeWait(key));
        let mut count = 0;
        for flow in connections.chain(half_open).chain(time_wait) {
            count += 1;
            let Some(tuple) = self.tuple(flow) else { continue };
            let found = self.find(self.flows.hash(tuple), tuple);
            if found != Some(flow) {
                wrong.push(format!("segments for {flow:?} go to {found:?}"));
            }
        }
        if self.flows.len() != count {
            wrong.push(format!("{} flows in the table, and {count} have ends", self.flows.len()));
        }
    }

    fn audit_listeners(&self, wrong: &mut Vec<String>) {
        for (key, listener) in self.listeners.iter() {
            let half_open: Vec<_> = self.half_open.iter().filter(|(_, it)| it.listener == key).collect();
            let count = half_open.len();
            if listener.half_open != count {
                wrong.push(format!("a listener counts {} half-open of {count}", listener.half_open));
            }
            if listener.accept.len() > listener.backlog {
                let (waiting, backlog) = (listener.accept.len(), listener.backlog);
                wrong.push(format!("{waiting} connections wait to be accepted, of {backlog} that may"));
            }
            if listener.accept.iter().any(|id| self.connections.get(id.0).is_none()) {
                wrong.push("a connection that waits to be accepted is gone".into());
            }
            let undecided = |key| self.half_open.get(key).map(|it| it.progress) == Some(Progress::Undecided);
            if !listener.incoming.iter().all(|key| undecided(*key)) {
                wrong.push("a connection attempt that waits for a decision is gone".into());
            }
            if !listener.decide && half_open.iter().any(|(_, it)| it.progress == Progress::Undecided) {
                wrong.push("a connection attempt waits for a decision that nobody makes".into());
            }
        }
        let orphaned = |listener| self.listeners.get(listener).is_none();
        if self.half_open.iter().any(|(_, half_open)| orphaned(half_open.listener)) {
            wrong.push("a half-open connection has no listener".into());
        }
    }
}

impl Connection {
    /// Payload memory that it holds, counted anew.
    fn charged(&self) -> usize {
        let reassembly = self.reassembly.as_ref().map_or(0, |held| held.recount().0);
        self.send_buffer.recount() + self.receive_buffer.recount() + reassembly
    }

    /// The sequence spaces, and what is held of them.
    fn audit_space(&self, wrong: &mut Vec<String>) {
        #[cfg(debug_assertions)]
        self.check();
        let snd = &self.snd;
        let outstanding = snd.nxt.distance_from(snd.una);
        // A probe, or a FIN in place of one, may go one beyond a closed window.
        if self.state.may_transmit() && outstanding > snd.max_wnd.saturating_add(1) {
            wrong.push(format!("{outstanding} in flight, and no window was larger than {}", snd.max_wnd));
        }
        if let Some(held) = &self.reassembly {
            let (charged, held_range) = held.recount();
            if charged != held.charged() {
                wrong.push(format!("what is out of order costs {charged}, and {} is kept", held.charged()));
            }
            let position = self.rcv.position;
            let edge = position + u64::from(self.rcv.window());
            let within = held_range.start > position && held_range.end <= edge;
            // After memory has run out, what continues the stream may be held back for want of room.
            let at_edge = held_range.start == position;
            if !held_range.is_empty() && !within && !at_edge {
                wrong.push(format!("{held_range:?} is held, outside of {position}..{edge}"));
            }
        }
    }

    /// The entry in the wheel, and the deadlines behind it.
    fn audit_timers(&self, beside: &Beside<'_>, wrong: &mut Vec<String>) {
        let (entry, armed) = (self.timers.entry(), self.timers.armed());
        let earliest = self.timers.earliest();
        if earliest < armed {
            wrong.push(format!("a deadline at {earliest}, and it is woken at {armed}"));
        }
        match entry.map(|entry| beside.timers.get(entry)) {
            None if armed != Instant::MAX => wrong.push("armed without a place in the wheel".into()),
            None => {}
            Some(None) => wrong.push("its place in the wheel is another's".into()),
            Some(Some((_, at))) if at < armed => wrong.push(format!("armed for {armed}, and set for {at}")),
            Some(Some(_)) => {}
        }
        let rare = self.cold.extra.as_ref().map_or(Instant::MAX, |extra| RareTimers::earliest(&extra.rare));
        if self.timers.rare > rare && !self.state.is_over() {
            wrong.push(format!("a rare deadline at {rare}, and {} is kept", self.timers.rare));
        }
    }

    /// A connection that has something to do will be asked for it, or has a timer (design notes 23).
    fn audit_reason_to_wake(&self, beside: &Beside<'_>, wrong: &mut Vec<String>) {
        let queued = beside.sendable.has(SocketId::Tcp(self.id));
        let timer = self.timers.earliest() != Instant::MAX;
        if self.state.is_over() {
            if self.flags.contains(Flags::RESET_DUE) && !timer {
                wrong.push("a reset is due, and nothing gives it up".into());
            }
            return;
        }
        let due = Flags::SYN_DUE | Flags::PROBE_DUE | Flags::KEEPALIVE_DUE | Flags::RESET_DUE;
        // What no neighbour took is as if it were lost, and is due still.
        let lost = self.cold.soft_error.is_some();
        if (self.flags.intersects(due) || self.ack.due().is_some()) && !queued && !lost {
            wrong.push(format!(
                "{:?} or {:?} is due, and nobody asks for it",
                self.flags & due,
                self.ack.due()
            ));
        }
        let fin_waits = self.flags.contains(Flags::FIN_QUEUED) && !self.snd.fin_sent;
        let waits = self.snd.una != self.snd.nxt || !self.send_buffer.is_empty() || fin_waits;
        let retransmit = self.timers.retransmit != Instant::MAX;
        let corked = self.timers.rare != Instant::MAX && self.flags.contains(Flags::CORK);
        if self.state.may_transmit() && waits && !queued && !retransmit && !corked {
            let (in_flight, waiting) = (self.snd.nxt.distance_from(self.snd.una), self.not_sent());
            wrong.push(format!("{in_flight} in flight and {waiting} waiting, and nothing will wake it"));
        }
        if self.state.is_opening() && !queued && !timer {
            wrong.push("it opens, and nothing will wake it".into());
        }
        if self.flags.contains(Flags::ORPHAN) && !queued && !timer {
            wrong.push("nobody owns it, and nothing will end it".into());
        }
    }
}
