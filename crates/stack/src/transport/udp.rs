//! UDP (RFC 768, RFC 1122 4.1, RFC 8085).

mod socket;

use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

use fathom_record::{DropReason, Engine, SendReason};
use fathom_wire::{Checksum, IpProtocol, UdpHeader};
use hashbrown::HashMap;

use crate::batch::ReceivedChecksum;
use crate::context::Context;
use crate::event::Readiness;
use crate::packet::{
    Arrived, Departing, Disposition, IcmpErrorFor, IcmpErrorKind, Transmission, Unreachable,
};
use crate::random::TableHasher;
use crate::slab::Slab;
use crate::socket::{SocketId, UdpId};
use crate::transport::port;

pub use socket::{BindError, UdpError};
pub(crate) use socket::{Datagram, UdpSocket};

/// Where the destination port is in a quoted or real header.
const DESTINATION_PORT: usize = 2;

/// All UDP sockets.
#[derive(Debug)]
pub(crate) struct UdpLayer {
    sockets: Slab<UdpSocket>,
    /// The sockets of a port: one for each local address, seldom more than one.
    ports: HashMap<u16, Vec<UdpId>, TableHasher>,
    next_ephemeral: u16,
}

impl UdpLayer {
    pub(crate) fn new(hasher: TableHasher) -> Self {
        UdpLayer { sockets: Slab::new(), ports: HashMap::with_hasher(hasher), next_ephemeral: 0 }
    }

    /// Makes a socket with the local address `local`; port 0 chooses one.
    pub(crate) fn bind(&mut self, cx: &mut Context<'_>, mut local: SocketAddr) -> Result<UdpId, BindError> {
        if local.port() == 0 {
            let range = cx.config.datagram.ephemeral_ports;
            let ports = &self.ports;
            let is_free = |port| !ports.contains_key(&port);
            let chosen = port::choose(cx.random, &mut self.next_ephemeral, local, None, range, is_free);
            local.set_port(chosen.ok_or(BindError::PortsExhausted)?);
        } else if self.of_port(local.port()).any(|(_, other)| collides(other.local, local)) {
            return Err(BindError::AddressInUse);
        }
        let key = self.sockets.insert(UdpSocket::new(local, cx.config.hop_limit));
        self.ports.entry(local.port()).or_default().push(UdpId(key));
        Ok(UdpId(key))
    }

    /// A socket that is not closed.
    pub(crate) fn get(&self, id: UdpId) -> Option<&UdpSocket> {
        self.sockets.get(id.0).filter(|socket| !socket.closed)
    }

    /// A socket that is not closed.
    pub(crate) fn get_mut(&mut self, id: UdpId) -> Option<&mut UdpSocket> {
        self.sockets.get_mut(id.0).filter(|socket| !socket.closed)
    }

    /// Closes a socket. It hears nothing from here on; what it has not sent yet still leaves.
    pub(crate) fn close(&mut self, cx: &mut Context<'_>, id: UdpId) {
        let Some(socket) = self.get_mut(id) else { return };
        socket.closed = true;
        socket.clear_incoming(cx);
        let port = socket.local.port();
        if let Some(ids) = self.ports.get_mut(&port) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.ports.remove(&port);
            }
        }
        self.free_if_done(id);
    }

    /// Frees a closed socket that has nothing left to send.
    fn free_if_done(&mut self, id: UdpId) {
        if self.sockets.get(id.0).is_some_and(|socket| socket.closed && socket.outgoing.is_empty()) {
            self.sockets.remove(id.0);
        }
    }

    /// Takes the datagram that a socket sends next, and frees a closed one after its last.
    fn take_next(&mut self, cx: &mut Context<'_>, id: UdpId) -> Option<(SocketAddr, Datagram)> {
        let socket = self.sockets.get_mut(id.0)?;
        let (local, datagram) = (socket.local, socket.take_outgoing(cx)?);
        if socket.closed {
            self.free_if_done(id);
        } else {
            cx.events.push(SocketId::Udp(id), Readiness::WRITABLE);
        }
        Some((local, datagram))
    }

    fn of_port(&self, port: u16) -> impl Iterator<Item = (UdpId, &UdpSocket)> {
        let ids = self.ports.get(&port).into_iter().flatten();
        ids.filter_map(|id| Some((*id, self.sockets.get(id.0)?)))
    }

    /// The socket that a datagram is for: the one that fits best (a connected one before one that is bound to
    /// the address before one that is bound to any).
    fn find(&self, local: SocketAddr, remote: SocketAddr) -> Option<UdpId> {
        self.of_port(local.port())
            .filter_map(|(id, socket)| Some((socket.fit(local, remote)?, id)))
            .max_by_key(|(fit, _)| *fit)
            .map(|(_, id)| id)
    }

    /// A packet with the protocol number of UDP.
    pub(crate) fn receive(&mut self, cx: &mut Context<'_>, arrived: Arrived) -> Disposition {
        // RFC 768: a length below 8 or beyond the packet is wrong; what lies behind the length is not ours.
        let Ok(header) = UdpHeader::parse_datagram(&arrived.payload) else {
            return Disposition::Drop(DropReason::UdpMalformed);
        };
        let bytes = arrived.payload.slice(..usize::from(header.length));
        if !is_checksum_valid(&arrived, &header, &bytes) {
            return Disposition::Drop(DropReason::UdpChecksum);
        }
        // RFC 8085 5.1: nobody could answer port 0, and nobody listens there.
        if header.destination_port == 0 {
            return Disposition::Drop(DropReason::UdpMalformed);
        }
        let local = SocketAddr::new(arrived.destination, header.destination_port);
        let remote = SocketAddr::new(arrived.source, header.source_port);
        let Some(id) = self.find(local, remote) else {
            return Disposition::Unreachable(DropReason::UdpNoSocket, Unreachable::Port, arrived.invoking);
        };
        let Some(socket) = self.sockets.get_mut(id.0) else {
            return Disposition::Drop(DropReason::UdpNoSocket);
        };
        let mut data = bytes.slice(UdpHeader::LEN..);
        // Several at once, if a device or the layer below merged them.
        let size = arrived.segment_size.map_or(data.len(), |size| usize::from(size.get()));
        let mut followers = arrived.followers.into_iter();
        loop {
            let datagram = Datagram {
                remote: with_scope(remote, arrived.interface.scope_id()),
                local: Some(arrived.destination),
                data: data.split_to(size.min(data.len())),
                hop_limit: arrived.hop_limit,
                dscp: arrived.dscp,
                ecn: arrived.ecn,
            };
            if let Err(reason) = socket.deliver(cx, datagram) {
                return Disposition::Drop(reason);
            }
            cx.counters.udp_received += 1;
            cx.events.push(SocketId::Udp(id), Readiness::READABLE);
            if data.is_empty() {
                match followers.next() {
                    Some(next) => data = next,
                    None => break,
                }
            }
        }
        Disposition::Accepted
    }

    /// The local and the remote address of the datagram that the socket sends next.
    pub(crate) fn next_addresses(&self, id: UdpId) -> Option<(IpAddr, IpAddr, u32)> {
        let datagram = self.sockets.get(id.0)?.outgoing.front()?;
        let scope = match datagram.remote {
            SocketAddr::V6(v6) => v6.scope_id(),
            SocketAddr::V4(_) => 0,
        };
        Some((datagram.local?, datagram.remote.ip(), scope))
    }

    /// The next datagram of a socket.
    pub(crate) fn transmit(&mut self, cx: &mut Context<'_>, id: UdpId) -> Transmission {
        let Some((local, datagram)) = self.take_next(cx, id) else { return Transmission::Nothing };
        let Some(source) = datagram.local else { return Transmission::Nothing };
        cx.counters.udp_sent += 1;
        let header = UdpHeader {
            source_port: local.port(),
            destination_port: datagram.remote.port(),
            length: (UdpHeader::LEN + datagram.data.len()) as u16,
            checksum: 0,
        };
        let mut bytes = [0; UdpHeader::LEN];
        header.emit(&mut bytes);
        let mut slices = arrayvec::ArrayVec::new();
        if !datagram.data.is_empty() {
            slices.push(datagram.data);
        }
        Transmission::Segment(Departing {
            source,
            destination: datagram.remote.ip(),
            protocol: IpProtocol::Udp,
            hop_limit: datagram.hop_limit,
            dscp: datagram.dscp,
            ecn: datagram.ecn,
            header: bytes.into_iter().collect(),
            checksum_offset: UdpHeader::CHECKSUM_OFFSET as u8,
            slices,
            segment_size: None,
            dont_fragment: false,
            cause: cx.record(None, || Engine::Packet { why: SendReason::Datagram }),
        })
    }

    /// Lets the next datagram of a socket go that cannot leave, and tells the program if the socket has one
    /// peer only. Gives the datagram's length.
    pub(crate) fn fail_next(&mut self, cx: &mut Context<'_>, id: UdpId, reason: DropReason) -> Option<usize> {
        let (_, datagram) = self.take_next(cx, id)?;
        if let Some(socket) = self.get_mut(id).filter(|socket| socket.remote.is_some()) {
            socket.error = Some(match reason {
                DropReason::NeighbourUnreachable => UdpError::HostUnreachable,
                _ => UdpError::NetworkUnreachable,
            });
            cx.events.push(SocketId::Udp(id), Readiness::ERROR | Readiness::READABLE);
        }
        Some(UdpHeader::LEN + datagram.data.len())
    }

    /// RFC 1122 4.1.3.3: an error reaches the socket that sent the datagram; RFC 8085 5.2: no other.
    pub(crate) fn handle_icmp_error(&mut self, cx: &mut Context<'_>, error: &IcmpErrorFor) -> bool {
        let Some((source_port, destination_port)) = ports(&error.quoted) else { return false };
        let local = SocketAddr::new(error.source, source_port);
        let remote = SocketAddr::new(error.destination, destination_port);
        let Some(id) = self.find(local, remote) else { return false };
        let Some(socket) = self.sockets.get_mut(id.0) else { return false };
        let what = match error.kind {
            IcmpErrorKind::PortUnreachable | IcmpErrorKind::ProtocolUnreachable => UdpError::Refused,
            IcmpErrorKind::NetworkUnreachable => UdpError::NetworkUnreachable,
            IcmpErrorKind::HostUnreachable | IcmpErrorKind::Prohibited => UdpError::HostUnreachable,
            // Hints: the path MTU is kept elsewhere, and the others may pass.
            IcmpErrorKind::PacketTooBig { .. }
            | IcmpErrorKind::HopLimitExceeded
            | IcmpErrorKind::ReassemblyTimeout
            | IcmpErrorKind::ParameterProblem => return true,
        };
        // A socket that talks to many could not tell whom the error concerns.
        if socket.remote.is_some() {
            socket.error = Some(what);
            cx.events.push(SocketId::Udp(id), Readiness::ERROR | Readiness::READABLE | Readiness::WRITABLE);
        }
        true
    }
}

/// Whether two sockets on one port would both be meant by some datagram.
fn collides(a: SocketAddr, b: SocketAddr) -> bool {
    a.is_ipv4() == b.is_ipv4() && (a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified())
}

/// A link-local address means something only with its interface.
fn with_scope(address: SocketAddr, scope: u32) -> SocketAddr {
    match address {
        SocketAddr::V6(mut v6) if v6.ip().is_unicast_link_local() => {
            v6.set_scope_id(scope);
            v6.into()
        }
        other => other,
    }
}

fn is_checksum_valid(arrived: &Arrived, header: &UdpHeader, bytes: &[u8]) -> bool {
    if arrived.checksum != ReceivedChecksum::Unverified {
        return true;
    }
    // RFC 768: in IPv4 zero means that there is none. RFC 8200 8.1: in IPv6 there must be one.
    if header.checksum == 0 {
        return arrived.destination.is_ipv4();
    }
    let mut sum = Checksum::new();
    sum.pseudo_header(arrived.source, arrived.destination, IpProtocol::Udp, bytes.len() as u32);
    sum.add(bytes);
    sum.is_valid()
}

/// Source and destination port at the start of a transport header.
fn ports(header: &[u8]) -> Option<(u16, u16)> {
    let bytes: &[u8; 4] = header.first_chunk()?;
    let source = u16::from_be_bytes([bytes[0], bytes[1]]);
    Some((source, u16::from_be_bytes([bytes[DESTINATION_PORT], bytes[DESTINATION_PORT + 1]])))
}

#[cfg(test)]
mod tests;
