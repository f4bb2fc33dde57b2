//! From a socket to the packet that it sends next.

use super::receive::Transports;
use crate::context::Context;
use crate::packet::{Path, Transmission};
use crate::socket::SocketId;

impl Transports {
    /// Lets a socket send one packet along `path`, with the transport header added.
    pub(crate) fn transmit(&mut self, cx: &mut Context<'_>, socket: SocketId, path: &Path) -> Transmission {
        match socket {
            SocketId::Tcp(id) => self.tcp.transmit(cx, id, path),
            SocketId::Udp(id) => self.udp.transmit(cx, id, path),
            SocketId::Icmp(id) => self.icmp.transmit(cx, id),
            SocketId::Raw(id) => self.raw.transmit(cx, id),
            SocketId::Listener(_) => Transmission::Nothing,
        }
    }
}
