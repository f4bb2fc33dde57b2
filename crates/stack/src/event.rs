//! Readiness: what a program may do with which socket.
//!
//! Readiness is not tracing (records are): an event is never lost, and a socket has one entry, whose bits
//! merge until the program takes it.

use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;

use bitflags::bitflags;

use crate::marks::Marks;
use crate::socket::SocketId;

bitflags! {
    /// What a socket is ready for. A bit says that trying is worth while, not that it will succeed.
    #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
    pub struct Readiness: u8 {
        /// There is data to read, or the end of it.
        const READABLE = 1 << 0;
        /// There is room to write.
        const WRITABLE = 1 << 1;
        /// The peer has ended its data.
        const CLOSED_READ = 1 << 2;
        /// An error waits to be taken.
        const ERROR = 1 << 3;
        /// The connection is established.
        const CONNECTED = 1 << 4;
        /// An established connection waits at the listener.
        const ACCEPTABLE = 1 << 5;
        /// A connection attempt waits for the listener's decision.
        const INCOMING = 1 << 6;
        /// The socket is closed; nothing more will come of it.
        const CLOSED = 1 << 7;
    }
}

/// A socket became ready.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Event {
    /// Which socket.
    pub socket: SocketId,
    /// For what, merged since the last event of this socket.
    pub readiness: Readiness,
}

/// Sockets that became ready, each once, in the order in which they first did.
#[derive(Debug)]
pub(crate) struct ReadyQueue {
    queue: VecDeque<SocketId>,
    bits: Marks<Readiness>,
}

impl ReadyQueue {
    pub(crate) fn new() -> Self {
        ReadyQueue { queue: VecDeque::new(), bits: Marks::new() }
    }

    /// Notes that `socket` is ready for `readiness`.
    pub(crate) fn push(&mut self, socket: SocketId, readiness: Readiness) {
        if let Some(bits) = self.bits.get(socket) {
            *bits |= readiness;
        } else {
            self.bits.set(socket, readiness);
            self.queue.push_back(socket);
        }
    }

    /// Whether every socket with bits stands in the queue, once.
    pub(crate) fn recount(&self) -> bool {
        let ready: Vec<SocketId> = self.queue.iter().copied().filter(|id| self.bits.has(*id)).collect();
        let distinct: BTreeSet<SocketId> = ready.iter().copied().collect();
        distinct.len() == ready.len() && ready.len() == self.bits.iter().count()
    }

    /// Takes the socket that has waited longest.
    pub(crate) fn pop(&mut self) -> Option<Event> {
        while let Some(socket) = self.queue.pop_front() {
            if let Some(readiness) = self.bits.take(socket) {
                return Some(Event { socket, readiness });
            }
        }
        None
    }
}

#[cfg(test)]
impl ReadyQueue {
    /// Loses the place of `socket` in the queue.
    pub(crate) fn forget(&mut self, socket: SocketId) {
        self.queue.retain(|other| *other != socket);
    }
}

#[cfg(test)]
mod tests;
