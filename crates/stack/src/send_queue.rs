//! Sockets with something to send.
//!
//! A socket that wants to send says so once ([`SendQueues::push`]) and is then in exactly one place: among
//! the *fresh* (its interface is not known yet), in the round-robin queue of an *interface*, *parked* until
//! its next hop's link address is known, or *stranded* until there is another way. Saying it again changes
//! nothing.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use crate::interface::InterfaceId;
use crate::marks::Marks;
use crate::socket::SocketId;

/// Sockets with something to send, each once.
#[derive(Debug)]
pub(crate) struct SendQueues {
    queued: Marks<()>,
    fresh: VecDeque<SocketId>,
    interfaces: Vec<VecDeque<SocketId>>,
    /// Sockets that no route leads anywhere for. Some may be gone.
    stranded: Vec<SocketId>,
}

impl SendQueues {
    pub(crate) fn new() -> Self {
        SendQueues {
            queued: Marks::new(),
            fresh: VecDeque::new(),
            interfaces: Vec::new(),
            stranded: Vec::new(),
        }
    }

    /// `socket` has something to send. No effect while it is queued or parked already.
    pub(crate) fn push(&mut self, socket: SocketId) {
        if self.queued.get(socket).is_none() {
            self.queued.set(socket, ());
            self.fresh.push_back(socket);
        }
    }

    /// Makes a queue for one more interface.
    pub(crate) fn add_interface(&mut self) {
        self.interfaces.push(VecDeque::new());
    }

    /// Takes a socket whose interface is to be found. It keeps its mark: file, park or release it.
    pub(crate) fn pop_fresh(&mut self) -> Option<SocketId> {
        self.fresh.pop_front()
    }

    /// Whether there is a socket whose interface is to be found.
    pub(crate) fn has_fresh(&self) -> bool {
        !self.fresh.is_empty()
    }

    /// Files `socket`, which keeps its mark, behind the others of `interface`.
    pub(crate) fn file(&mut self, socket: SocketId, interface: InterfaceId) {
        self.queued.set(socket, ());
        self.interfaces[interface.slot()].push_back(socket);
    }

    /// Takes the socket whose turn it is on `interface`, and its mark.
    pub(crate) fn pop(&mut self, interface: InterfaceId) -> Option<SocketId> {
        while let Some(socket) = self.interfaces[interface.slot()].pop_front() {
            if self.queued.take(socket).is_some() {
                return Some(socket);
            }
        }
        None
    }

    /// Puts `socket` back behind the others of `interface`, unless it has said again that it wants to send.
    pub(crate) fn push_back(&mut self, socket: SocketId, interface: InterfaceId) {
        if self.queued.get(socket).is_none() {
            self.file(socket, interface);
        }
    }

    /// Takes the mark of `socket`, which is in no queue: it may be pushed again.
    pub(crate) fn release(&mut self, socket: SocketId) {
        self.queued.take(socket);
    }

    /// Whether `socket` has said that it wants to send, and will be asked.
    pub(crate) fn has(&self, socket: SocketId) -> bool {
        self.queued.has(socket)
    }

    /// The sockets that have said so and do not stand in exactly one place, with in how many they do. Beside
    /// the queues, `parked` are places. Costs a walk over all of them.
    pub(crate) fn misplaced(&self, parked: impl Iterator<Item = SocketId>) -> Vec<(SocketId, usize)> {
        let filed = self.interfaces.iter().flatten();
        let all = self.fresh.iter().chain(filed).chain(&self.stranded).copied().chain(parked);
        let mut places: BTreeMap<SocketId, usize> = BTreeMap::new();
        for socket in all.filter(|socket| self.queued.has(*socket)) {
            *places.entry(socket).or_default() += 1;
        }
        let nowhere = self.queued.iter().filter(|socket| !places.contains_key(socket));
        let nowhere: Vec<_> = nowhere.map(|socket| (socket, 0)).collect();
        places.into_iter().filter(|(_, places)| *places != 1).chain(nowhere).collect()
    }

    /// Notes that `socket` waits elsewhere (for a neighbour): pushing it has no effect until it is released.
    pub(crate) fn park(&mut self, socket: SocketId) {
        self.queued.set(socket, ());
    }

    /// A parked socket may go on: it is routed anew.
    pub(crate) fn unpark(&mut self, socket: SocketId) {
        if self.queued.get(socket).is_some() {
            self.fresh.push_back(socket);
        }
    }

    /// Notes that there is no way for what `socket` has to send: pushing it has no effect until that changes.
    pub(crate) fn strand(&mut self, socket: SocketId) {
        self.park(socket);
        self.stranded.push(socket);
    }

    /// Addresses, routes or links have changed: what is stranded is routed anew.
    pub(crate) fn rescue(&mut self) {
        for socket in core::mem::take(&mut self.stranded) {
            self.unpark(socket);
        }
    }

    /// Whether a socket is filed under `interface`.
    pub(crate) fn has_filed(&self, interface: InterfaceId) -> bool {
        !self.interfaces[interface.slot()].is_empty()
    }

    /// The sockets filed under `interface` are to be routed anew: it cannot send.
    pub(crate) fn refile(&mut self, interface: InterfaceId) {
        let sockets = core::mem::take(&mut self.interfaces[interface.slot()]);
        self.fresh.extend(sockets);
    }
}

#[cfg(test)]
mod tests;
