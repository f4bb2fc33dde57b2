//! TCP's part of a walk over all sockets.

use alloc::boxed::Box;
use core::net::SocketAddr;

use fathom_record::{FlowId, TcpStateName};

use super::{Connection, TcpInfo, TcpLayer};
use crate::socket::{ListenerId, TcpId};
use crate::stack::SocketEntry;
use crate::table::FourTuple;

impl TcpLayer {
    pub(crate) fn walk_listeners(
        &self,
        from: u32,
        slots: usize,
        mut each: impl FnMut(SocketEntry),
    ) -> Option<u32> {
        for (key, listener) in self.listeners.part(from, slots) {
            each(SocketEntry::Listener {
                id: ListenerId(key),
                local: listener.claim.local,
                waiting: listener.accept.len(),
                backlog: listener.backlog,
                half_open: listener.half_open,
            });
        }
        self.listeners.after(from, slots)
    }

    pub(crate) fn walk_connections(
        &self,
        from: u32,
        slots: usize,
        info: impl Fn(&Connection) -> TcpInfo,
        mut each: impl FnMut(SocketEntry),
    ) -> Option<u32> {
        for (key, connection) in self.connections.part(from, slots) {
            each(SocketEntry::Connection {
                id: TcpId(key),
                flow: connection.flow(),
                local: connection.local(),
                remote: connection.remote(),
                info: Box::new(info(connection)),
                unacknowledged: connection.send_buffer.len(),
            });
        }
        self.connections.after(from, slots)
    }

    pub(crate) fn walk_half_open(
        &self,
        from: u32,
        slots: usize,
        mut each: impl FnMut(SocketEntry),
    ) -> Option<u32> {
        for (_, half_open) in self.half_open.part(from, slots) {
            each(remnant(half_open.flow(), &half_open.tuple, TcpStateName::SynReceived));
        }
        self.half_open.after(from, slots)
    }

    pub(crate) fn walk_time_wait(
        &self,
        from: u32,
        slots: usize,
        mut each: impl FnMut(SocketEntry),
    ) -> Option<u32> {
        for (_, time_wait) in self.time_wait.part(from, slots) {
            // One whose program still holds it is among the connections.
            if self.connections.get(time_wait.owner.0).is_none() {
                each(remnant(time_wait.flow(), &time_wait.tuple, TcpStateName::TimeWait));
            }
        }
        self.time_wait.after(from, slots)
    }
}

fn remnant(flow: FlowId, tuple: &FourTuple, state: TcpStateName) -> SocketEntry {
    SocketEntry::Remnant {
        flow,
        local: SocketAddr::new(tuple.local_address, tuple.local_port),
        remote: SocketAddr::new(tuple.remote_address, tuple.remote_port),
        state,
    }
}
