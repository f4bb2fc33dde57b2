//! A walk over all sockets, for those who look on.

use alloc::boxed::Box;
use core::net::SocketAddr;

use fathom_record::{FlowId, TcpStateName};
use fathom_wire::Instant;

use super::Stack;
use crate::socket::{ListenerId, TcpId, UdpId};
use crate::transport::tcp::{Connection, ListenAt, TcpInfo};

/// Where a walk over the sockets of a stack goes on. The default is its beginning.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SocketCursor {
    kind: Kind,
    slot: u32,
}

/// The kinds of sockets, in the order of a walk.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Kind {
    #[default]
    Listener,
    Connection,
    HalfOpen,
    TimeWait,
    Udp,
}

/// A socket at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SocketEntry {
    /// A listener.
    Listener {
        /// Its name.
        id: ListenerId,
        /// Where it listens.
        local: ListenAt,
        /// Established connections that wait to be accepted.
        waiting: usize,
        /// Most of these.
        backlog: usize,
        /// Half-open connections.
        half_open: usize,
    },
    /// A connection that a program holds, or that still has to deliver what one wrote.
    Connection {
        /// Its name.
        id: TcpId,
        /// Its number in records.
        flow: FlowId,
        /// Our address and port.
        local: SocketAddr,
        /// The peer's.
        remote: SocketAddr,
        /// What there is to know of it.
        info: Box<TcpInfo>,
        /// Data written and not acknowledged, in bytes.
        unacknowledged: usize,
    },
    /// A half-open connection, or the rest of one that both ends have closed.
    Remnant {
        /// Its number in records.
        flow: FlowId,
        /// Our address and port.
        local: SocketAddr,
        /// The peer's.
        remote: SocketAddr,
        /// SYN-RECEIVED or TIME-WAIT.
        state: TcpStateName,
    },
    /// A UDP socket.
    Udp {
        /// Its name.
        id: UdpId,
        /// Where it is bound.
        local: SocketAddr,
        /// Whom it is connected to.
        remote: Option<SocketAddr>,
        /// What waits to be read, in bytes of memory.
        incoming: usize,
        /// What waits to be sent, in bytes of memory.
        outgoing: usize,
        /// Datagrams that found no room.
        dropped: u64,
    },
}

impl Stack {
    /// Gives `each` the sockets in the next `slots` places of the walk, and says where it goes on; `None` at the
    /// end. A walk that begins anew after `None` sees each socket that stays throughout once.
    ///
    /// Costs a look at each place, occupied or not: whoever holds a lock lets it go between two steps.
    pub fn walk_sockets(
        &self,
        now: Instant,
        cursor: SocketCursor,
        slots: usize,
        mut each: impl FnMut(SocketEntry),
    ) -> Option<SocketCursor> {
        let SocketCursor { kind, slot } = cursor;
        let tcp = &self.transports.tcp;
        let next = match kind {
            Kind::Listener => tcp.walk_listeners(slot, slots, &mut each),
            Kind::Connection => {
                let info = |connection: &Connection| {
                    connection.info(now, &self.shared.config.tcp, &self.shared.memory)
                };
                tcp.walk_connections(slot, slots, info, &mut each)
            }
            Kind::HalfOpen => tcp.walk_half_open(slot, slots, &mut each),
            Kind::TimeWait => tcp.walk_time_wait(slot, slots, &mut each),
            Kind::Udp => self.transports.udp.walk(slot, slots, &mut each),
        };
        match (next, kind) {
            (Some(slot), kind) => Some(SocketCursor { kind, slot }),
            (None, Kind::Listener) => Some(SocketCursor { kind: Kind::Connection, slot: 0 }),
            (None, Kind::Connection) => Some(SocketCursor { kind: Kind::HalfOpen, slot: 0 }),
            (None, Kind::HalfOpen) => Some(SocketCursor { kind: Kind::TimeWait, slot: 0 }),
            (None, Kind::TimeWait) => Some(SocketCursor { kind: Kind::Udp, slot: 0 }),
            (None, Kind::Udp) => None,
        }
    }
}
