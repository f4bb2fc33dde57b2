//! What follows from the state that a connection has come into: its place in the table of flows, its
//! TIME-WAIT record, its end.

use alloc::boxed::Box;

use fathom_record::{Engine, TcpStateName};

use super::connection::{Connection, Flags};
use super::state::State;
use super::time_wait::TimeWait;
use super::{FlowRef, TcpLayer};
use crate::context::Context;
use crate::event::Readiness;
use crate::packet::Departing;
use crate::slab::Key;
use crate::socket::TcpId;
use crate::timer::TimerKey;

/// Nobody owns the connection, and no segment reaches it.
const FINISHED: Flags = Flags::ORPHAN.union(Flags::DETACHED);

impl Connection {
    /// Whether its state has consequences for the layer. To ask costs less here than to look for it once more.
    #[inline]
    pub(super) fn is_to_be_settled(&self) -> bool {
        matches!(self.state, State::TimeWait | State::Closed) || self.flags.contains(FINISHED)
    }
}

impl TcpLayer {
    /// Draws the consequences of what happened to a connection. Gives the acknowledgement of the peer's FIN,
    /// if it is owed, when the connection has just come into TIME-WAIT: it is the last segment, and no longer
    /// the connection's.
    #[inline]
    pub(super) fn settle(&mut self, cx: &mut Context<'_>, id: TcpId) -> Option<Box<Departing>> {
        let connection = self.connections.get(id.0)?;
        if connection.is_to_be_settled() { self.settle_ended(cx, id) } else { None }
    }

    #[cold]
    pub(super) fn settle_ended(&mut self, cx: &mut Context<'_>, id: TcpId) -> Option<Box<Departing>> {
        let connection = self.connections.get_mut(id.0)?;
        let attached = !connection.flags.contains(Flags::DETACHED);
        let mut last = None;
        match connection.state {
            State::TimeWait if attached => last = self.enter_time_wait(cx, id).map(Box::new),
            State::Closed if attached && !connection.flags.contains(Flags::RESET_DUE) => {
                connection.flags.insert(Flags::DETACHED);
                connection.timers.cancel(cx);
                let hash = self.flows.hash(&connection.tuple);
                self.flows.remove(hash, |flow| flow == FlowRef::Connection(id.0));
            }
            _ => {}
        }
        if self.connections.get(id.0).is_some_and(|connection| connection.flags.contains(FINISHED))
            && let Some(mut connection) = self.connections.remove(id.0)
        {
            connection.release(cx);
        }
        last
    }

    fn enter_time_wait(&mut self, cx: &mut Context<'_>, id: TcpId) -> Option<Departing> {
        let connection = self.connections.get_mut(id.0)?;
        // From CLOSING the FIN may have been acknowledged before.
        let owed = connection.ack.due().is_some();
        let mut time_wait = TimeWait::new(connection);
        let last = owed.then(|| time_wait.acknowledge_fin(cx, connection.trigger()));
        connection.flags.insert(Flags::DETACHED);
        connection.timers.cancel(cx);
        connection.ack.settled();
        connection.notify(cx, Readiness::WRITABLE | Readiness::CLOSED);
        let hash = self.flows.hash(&time_wait.tuple);
        self.make_room_in_time_wait(cx);
        let key = self.time_wait.insert(time_wait);
        self.time_wait_order.push_back(key);
        self.flows.replace(hash, |flow| flow == FlowRef::Connection(id.0), FlowRef::TimeWait(key));
        self.restart_time_wait(cx, key);
        last
    }

    /// At the limit the oldest leaves.
    fn make_room_in_time_wait(&mut self, cx: &mut Context<'_>) {
        while self.time_wait.len() >= cx.config.tcp.time_waits.max(1) {
            let Some(oldest) = self.time_wait_order.pop_front() else { return };
            self.remove_time_wait(cx, oldest);
        }
        // Those that have left by their timers are swept out once they are the larger part.
        if self.time_wait_order.len() > 2 * self.time_wait.len() + 64 {
            self.time_wait_order.retain(|key| self.time_wait.get(*key).is_some());
        }
    }

    /// The wait of 2 MSL begins, or begins again.
    pub(super) fn restart_time_wait(&mut self, cx: &mut Context<'_>, key: Key) {
        let Some(time_wait) = self.time_wait.get_mut(key) else { return };
        let timer = cx.timers.insert(cx.now + cx.config.tcp.time_wait, TimerKey::TcpTimeWait(key));
        if let Some(earlier) = time_wait.timer.replace(timer) {
            cx.timers.cancel(earlier);
        }
    }

    /// 2 MSL are over.
    pub(crate) fn handle_time_wait_timer(&mut self, cx: &mut Context<'_>, key: Key) {
        self.remove_time_wait(cx, key);
    }

    pub(super) fn remove_time_wait(&mut self, cx: &mut Context<'_>, key: Key) {
        let Some(time_wait) = self.time_wait.remove(key) else { return };
        if let Some(timer) = time_wait.timer {
            cx.timers.cancel(timer);
        }
        let hash = self.flows.hash(&time_wait.tuple);
        self.flows.remove(hash, |flow| flow == FlowRef::TimeWait(key));
        match self.connections.get_mut(time_wait.owner.0) {
            Some(connection) => connection.set_state(cx, State::Closed),
            None => {
                let flow = time_wait.flow();
                let (from, to) = (TcpStateName::TimeWait, TcpStateName::Closed);
                cx.record(None, || Engine::TcpState { flow, from, to });
            }
        }
    }
}
