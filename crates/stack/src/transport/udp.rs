//! UDP (RFC 768, RFC 1122 4.1, RFC 8085).

mod error;
mod options;
mod ports;
mod receive;
mod socket;
mod transmit;

use alloc::vec::Vec;
use core::net::SocketAddr;

use crate::context::Context;
use crate::random::TableHasher;
use crate::slab::Slab;
use crate::socket::UdpId;
use crate::stack::SocketEntry;
use ports::Ports;

pub use error::{BindError, UdpError, UdpErrorReport};
pub use options::{PathMtuDiscovery, UdpBind, UdpOptions};
pub(crate) use receive::shown;
pub(crate) use socket::{Datagram, MAX_DATA, MAX_SEGMENTS, Taken, UdpSocket};

/// All UDP sockets.
#[derive(Debug)]
pub(crate) struct UdpLayer {
    sockets: Slab<UdpSocket>,
    ports: Ports,
}

impl UdpLayer {
    pub(crate) fn new(hasher: TableHasher) -> Self {
        UdpLayer { sockets: Slab::new(), ports: Ports::new(hasher) }
    }

    /// Makes a socket. Its address is one that it may have.
    pub(crate) fn bind(&mut self, cx: &mut Context<'_>, bind: UdpBind) -> Result<UdpId, BindError> {
        let mut local = bind.socket_addr();
        if let Some(network) = bind.network() {
            self.ports.check_network(network)?;
            let id = UdpId(self.sockets.insert(UdpSocket::new(local, bind, cx.config)));
            self.ports.insert_network(id, network);
            return Ok(id);
        }
        local.set_port(self.ports.choose(cx, &self.sockets, &bind, local)?);
        let id = UdpId(self.sockets.insert(UdpSocket::new(local, bind, cx.config)));
        self.ports.insert(id, local.port());
        Ok(id)
    }

    /// A socket that is not closed.
    pub(crate) fn get(&self, id: UdpId) -> Option<&UdpSocket> {
        self.sockets.get(id.0).filter(|socket| !socket.closed)
    }

    /// A socket that is not closed.
    pub(crate) fn get_mut(&mut self, id: UdpId) -> Option<&mut UdpSocket> {
        self.sockets.get_mut(id.0).filter(|socket| !socket.closed)
    }

    /// Ties a socket to a peer and to the address that it reaches it from, or with `None` to nobody.
    pub(crate) fn connect(&mut self, id: UdpId, ends: Option<(SocketAddr, SocketAddr)>) {
        let Some(socket) = self.sockets.get_mut(id.0).filter(|socket| !socket.closed) else { return };
        self.ports.disconnect(id, socket);
        let Some((local, remote)) = ends else {
            socket.remote = None;
            // Of what it was bound to, only the port may have been chosen for it.
            let bound = socket.bind().socket_addr().ip();
            socket.local.set_ip(bound);
            return;
        };
        (socket.local, socket.remote) = (local, Some(remote));
        self.ports.connect(id, socket);
    }

    /// Closes a socket. It hears nothing from here on; what it has not sent yet still leaves.
    pub(crate) fn close(&mut self, cx: &mut Context<'_>, id: UdpId) {
        let Some(socket) = self.sockets.get_mut(id.0).filter(|socket| !socket.closed) else { return };
        socket.closed = true;
        socket.clear_incoming(cx);
        self.ports.remove(id, socket);
        self.free_if_done(id);
    }

    /// UDP's part of a walk over all sockets.
    pub(crate) fn walk(&self, from: u32, slots: usize, mut each: impl FnMut(SocketEntry)) -> Option<u32> {
        for (key, socket) in self.sockets.part(from, slots).filter(|(_, socket)| !socket.closed) {
            each(SocketEntry::Udp {
                id: UdpId(key),
                local: socket.local,
                remote: socket.remote,
                incoming: socket.incoming_bytes(),
                outgoing: socket.outgoing_bytes(),
                dropped: socket.dropped,
            });
        }
        self.sockets.after(from, slots)
    }

    /// What is charged for what waits in sockets, counted anew; and what is wrong with their own counts, if
    /// anything is.
    pub(crate) fn recount(&self, config: &crate::Config) -> (usize, Vec<&'static str>) {
        let (mut charged, mut wrong) = (0, Vec::new());
        for (_, socket) in self.sockets.iter() {
            let (incoming, outgoing) = socket.recount(config);
            charged += incoming + outgoing;
            if (incoming, outgoing) != (socket.incoming_bytes(), socket.outgoing_bytes()) {
                wrong.push("a UDP socket holds other than what it has counted");
            }
        }
        (charged, wrong)
    }

    /// Frees a closed socket that has nothing left to send.
    fn free_if_done(&mut self, id: UdpId) {
        if self.sockets.get(id.0).is_some_and(|socket| socket.closed && socket.outgoing.is_empty()) {
            self.sockets.remove(id.0);
        }
    }
}

#[cfg(test)]
mod tests;
