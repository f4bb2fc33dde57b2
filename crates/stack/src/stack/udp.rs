//! UDP sockets, by handle.

use core::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use fathom_wire::{Ecn, Instant};

use super::{Stack, Unroutable};
use crate::socket::{SocketId, UdpId};
use crate::transport::udp::{BindError, Datagram, UdpError, UdpSocket};

/// A datagram that arrived.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReceivedDatagram {
    /// Who sent it.
    pub source: SocketAddr,
    /// The address of ours (or broadcast address, or group) that it was sent to (RFC 1122 4.1.3.5).
    pub destination: IpAddr,
    /// Its data.
    pub data: Bytes,
    /// Its hop limit when it arrived.
    pub hop_limit: u8,
    /// Its differentiated services code point (RFC 1122 3.2.1.6).
    pub dscp: u8,
    /// Its congestion field (RFC 8085 3.1.7).
    pub ecn: Ecn,
}

impl Stack {
    /// Makes a UDP socket. With port 0 it gets a free one; with an unspecified address it takes datagrams to
    /// any address of ours of that family (`[::]` is IPv6 only).
    ///
    /// # Errors
    /// [`BindError`] when the address is taken or not ours, or all ports are.
    pub fn udp_bind(&mut self, now: Instant, local: SocketAddr) -> Result<UdpId, BindError> {
        let ip = local.ip();
        if !ip.is_unspecified() && !ip.is_multicast() && !self.is_local(ip) {
            return Err(BindError::AddressNotAvailable);
        }
        let mut parts = self.parts(now);
        parts.transports.udp.bind(&mut parts.cx, local)
    }

    /// A UDP socket, to use it; `None` when the handle is stale.
    pub fn udp(&mut self, now: Instant, id: UdpId) -> Option<Udp<'_>> {
        self.transports.udp.get(id)?;
        Some(Udp { stack: self, now, id })
    }
}

/// A UDP socket of a stack, borrowed to use it.
#[derive(Debug)]
pub struct Udp<'a> {
    stack: &'a mut Stack,
    now: Instant,
    id: UdpId,
}

impl Udp<'_> {
    /// Sends a datagram: it waits in the socket until the device asks for it.
    ///
    /// # Errors
    /// [`UdpError`]; an error that ICMP reported since the last call comes first.
    pub fn send_to(&mut self, data: &[u8], to: SocketAddr) -> Result<usize, UdpError> {
        self.send_from(None, data, to)
    }

    /// Sends a datagram to the peer that the socket is connected to.
    ///
    /// # Errors
    /// As [`send_to`](Udp::send_to); [`UdpError::NotConnected`].
    pub fn send(&mut self, data: &[u8]) -> Result<usize, UdpError> {
        let to = self.remote().ok_or(UdpError::NotConnected)?;
        self.send_to(data, to)
    }

    /// Sends a datagram from one of our addresses: a server with several answers from the one that it was
    /// asked at (RFC 8085 5.1.1).
    ///
    /// # Errors
    /// As [`send_to`](Udp::send_to); [`UdpError::BadDestination`] when the source is not ours.
    pub fn send_from(
        &mut self,
        source: Option<IpAddr>,
        data: &[u8],
        to: SocketAddr,
    ) -> Result<usize, UdpError> {
        if let Some(error) = self.take_error() {
            return Err(error);
        }
        let local = self.local();
        // RFC 8085 5.1: port 0 is nobody's.
        if to.port() == 0 || to.ip().is_unspecified() || to.is_ipv4() != local.is_ipv4() {
            return Err(UdpError::BadDestination);
        }
        let bound = Some(local.ip()).filter(|ip| !ip.is_unspecified() && !ip.is_multicast());
        let source = match source.or(bound) {
            // The address that the socket is bound to is gone: Linux says the same.
            Some(gone) if source.is_none() && !self.stack.is_local(gone) => {
                return Err(UdpError::NetworkUnreachable);
            }
            Some(source) if !self.stack.is_local(source) => return Err(UdpError::BadDestination),
            Some(source) => {
                self.stack.check_route(source, to.ip(), scope_id(to)).map_err(unroutable)?;
                source
            }
            None => self.stack.select_source(to.ip(), scope_id(to)).map_err(unroutable)?,
        };
        let mut parts = self.stack.parts(self.now);
        let socket = parts.transports.udp.get_mut(self.id).ok_or(UdpError::NotConnected)?;
        let datagram = Datagram {
            remote: to,
            local: Some(source),
            data: Bytes::copy_from_slice(data),
            hop_limit: socket.hop_limit,
            dscp: socket.dscp,
            ecn: socket.ecn,
        };
        socket.queue(&mut parts.cx, datagram)?;
        parts.cx.sendable.push(SocketId::Udp(self.id));
        Ok(data.len())
    }

    /// Takes the oldest datagram and copies its data to `out`; what does not fit is lost. Gives how much was
    /// copied and who sent it.
    ///
    /// # Errors
    /// [`UdpError::WouldBlock`] when none waits; an error that ICMP reported since the last call comes first.
    pub fn recv_from(&mut self, out: &mut [u8]) -> Result<(usize, SocketAddr), UdpError> {
        let datagram = self.recv()?;
        let len = datagram.data.len().min(out.len());
        out[..len].copy_from_slice(&datagram.data[..len]);
        Ok((len, datagram.source))
    }

    /// Takes the oldest datagram, with all that is known of it, without a copy.
    ///
    /// # Errors
    /// As [`recv_from`](Udp::recv_from).
    pub fn recv(&mut self) -> Result<ReceivedDatagram, UdpError> {
        if let Some(error) = self.take_error() {
            return Err(error);
        }
        let mut parts = self.stack.parts(self.now);
        let socket = parts.transports.udp.get_mut(self.id).ok_or(UdpError::NotConnected)?;
        let Datagram { remote, local, data, hop_limit, dscp, ecn } =
            socket.take_incoming(&mut parts.cx).ok_or(UdpError::WouldBlock)?;
        let destination = local.unwrap_or_else(|| socket.local.ip());
        Ok(ReceivedDatagram { source: remote, destination, data, hop_limit, dscp, ecn })
    }

    /// The oldest datagram's data and sender, which stay in the socket.
    pub fn peek(&self) -> Option<(&[u8], SocketAddr)> {
        let datagram = self.socket()?.incoming.front()?;
        Some((&datagram.data, datagram.remote))
    }

    /// Connects the socket: it sends to `remote` and hears nobody else.
    ///
    /// # Errors
    /// [`UdpError::NetworkUnreachable`] without a route; [`UdpError::BadDestination`].
    pub fn connect(&mut self, remote: SocketAddr) -> Result<(), UdpError> {
        let local = self.local();
        if remote.port() == 0 || remote.ip().is_unspecified() || remote.is_ipv4() != local.is_ipv4() {
            return Err(UdpError::BadDestination);
        }
        let source = self.stack.select_source(remote.ip(), scope_id(remote)).map_err(unroutable)?;
        let Some(socket) = self.stack.transports.udp.get_mut(self.id) else {
            return Err(UdpError::NotConnected);
        };
        if local.ip().is_unspecified() {
            socket.local.set_ip(source);
        }
        socket.remote = Some(remote);
        Ok(())
    }

    /// The address and port that the socket is bound to.
    pub fn local(&self) -> SocketAddr {
        self.socket().map_or(SocketAddr::from(([0, 0, 0, 0], 0)), |socket| socket.local)
    }

    /// The peer that the socket is connected to.
    pub fn remote(&self) -> Option<SocketAddr> {
        self.socket()?.remote
    }

    /// Hop limit of what the socket sends from here on.
    pub fn set_hop_limit(&mut self, hop_limit: u8) {
        if let Some(socket) = self.stack.transports.udp.get_mut(self.id) {
            // RFC 1122 3.2.1.7: no datagram is sent with a hop limit of 0.
            socket.hop_limit = hop_limit.max(1);
        }
    }

    /// Differentiated services code point (6 bits) and congestion field of what the socket sends from here on
    /// (RFC 1122 3.2.1.6, RFC 8085 3.1.7).
    pub fn set_traffic_class(&mut self, dscp: u8, ecn: Ecn) {
        if let Some(socket) = self.stack.transports.udp.get_mut(self.id) {
            (socket.dscp, socket.ecn) = (dscp & 0x3f, ecn);
        }
    }

    /// Whether a datagram, or an error, waits to be taken.
    pub fn is_readable(&self) -> bool {
        self.socket().is_some_and(|socket| socket.error.is_some() || !socket.incoming.is_empty())
    }

    /// Whether a datagram of ordinary size would find room.
    pub fn is_writable(&self) -> bool {
        let limit = self.stack.shared.config.datagram.send_buffer;
        self.socket().is_some_and(|socket| socket.error.is_some() || socket.outgoing_bytes() * 2 < limit)
    }

    /// Takes the error that ICMP reported since the last call.
    pub fn take_error(&mut self) -> Option<UdpError> {
        self.stack.transports.udp.get_mut(self.id)?.error.take()
    }

    /// Closes the socket. Datagrams that it has not sent yet still leave.
    pub fn close(&mut self) {
        let mut parts = self.stack.parts(self.now);
        parts.transports.udp.close(&mut parts.cx, self.id);
    }

    fn socket(&self) -> Option<&UdpSocket> {
        self.stack.transports.udp.get(self.id)
    }
}

/// The zone that a socket address names (RFC 4007 6).
pub(super) fn scope_id(address: SocketAddr) -> u32 {
    match address {
        SocketAddr::V4(_) => 0,
        SocketAddr::V6(v6) => v6.scope_id(),
    }
}

fn unroutable(error: Unroutable) -> UdpError {
    match error {
        Unroutable::NoRoute | Unroutable::NoSource => UdpError::NetworkUnreachable,
    }
}
