//! Datagrams with all that belongs to them, both ways.

use core::net::{IpAddr, SocketAddr};
use core::num::NonZeroU16;

use bytes::Bytes;
use fathom_wire::{Ecn, Instant};

use super::Udp;
use crate::interface::InterfaceId;
use crate::transport::udp::{Datagram, Taken, UdpError, shown};

/// A datagram to send, and how: what is `None` is as the socket's options and the routes have it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SendDatagram<'a> {
    /// Its data.
    pub data: &'a [u8],
    /// Where to; by default to the peer that the socket is connected to.
    pub to: Option<SocketAddr>,
    /// Which of our addresses it comes from (RFC 1122 4.1.3.5).
    pub source: Option<IpAddr>,
    /// From which port: for a socket at all ports of a network ([`UdpBind::any`](crate::UdpBind::any)), which
    /// must name address and port, and for no other.
    pub source_port: Option<u16>,
    /// By which interface it leaves.
    pub interface: Option<InterfaceId>,
    /// `data` is that of several datagrams, all but the last of this size, 64 at most. They leave in one piece
    /// where the device cuts them.
    pub segment_size: Option<NonZeroU16>,
    /// Hop limit.
    pub hop_limit: Option<u8>,
    /// Differentiated services code point, 6 bits.
    pub dscp: Option<u8>,
    /// Congestion field.
    pub ecn: Option<Ecn>,
}

impl<'a> SendDatagram<'a> {
    /// A datagram to the peer that the socket is connected to.
    pub fn new(data: &'a [u8]) -> Self {
        SendDatagram {
            data,
            to: None,
            source: None,
            source_port: None,
            interface: None,
            segment_size: None,
            hop_limit: None,
            dscp: None,
            ecn: None,
        }
    }

    /// A datagram to `to`.
    pub fn to(data: &'a [u8], to: SocketAddr) -> Self {
        SendDatagram { to: Some(to), ..SendDatagram::new(data) }
    }
}

/// A datagram that arrived.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReceivedDatagram {
    /// Who sent it.
    pub source: SocketAddr,
    /// The address of ours (or broadcast address, or group) that it was sent to (RFC 1122 4.1.3.5).
    pub destination: IpAddr,
    /// The port that it was sent to: the socket's, unless that is at all of them.
    pub destination_port: u16,
    /// The interface that it came in on; `None` for what the host sent to itself.
    pub interface: Option<InterfaceId>,
    /// Its data.
    pub data: Bytes,
    /// When `data` is that of several datagrams, the size of each but the last. Only for sockets that ask for
    /// it ([`UdpOptions::receive_offload`](crate::UdpOptions::receive_offload)).
    pub segment_size: Option<NonZeroU16>,
    /// Its hop limit when it arrived.
    pub hop_limit: u8,
    /// Its differentiated services code point (RFC 1122 3.2.1.6).
    pub dscp: u8,
    /// Its congestion field (RFC 8085 3.1.7).
    pub ecn: Ecn,
    /// When it arrived.
    pub received_at: Instant,
}

/// What is known of a datagram, or of several with equal ends, whose data was copied to the program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecvMeta {
    /// Who sent it.
    pub source: SocketAddr,
    /// The address of ours (or broadcast address, or group) that it was sent to.
    pub destination: IpAddr,
    /// The port that it was sent to: the socket's, unless that is at all of them.
    pub destination_port: u16,
    /// The interface that it came in on; `None` for what the host sent to itself.
    pub interface: Option<InterfaceId>,
    /// Bytes that were copied.
    pub len: usize,
    /// Bytes of each datagram but the last, which may be shorter. The same as `len` for one.
    pub stride: usize,
    /// Bytes that did not fit and are lost (or, after a peek, still there).
    pub truncated: usize,
    /// Hop limit on arrival.
    pub hop_limit: u8,
    /// Differentiated services code point.
    pub dscp: u8,
    /// Congestion field.
    pub ecn: Ecn,
    /// When the first of them arrived.
    pub received_at: Instant,
}

impl RecvMeta {
    fn new(taken: &Taken, speaks_v6: bool) -> Self {
        let Taken { first, len, stride, truncated } = taken;
        RecvMeta {
            source: shown(first.remote, speaks_v6),
            destination: shown(first.local, speaks_v6).ip(),
            destination_port: first.local.port(),
            interface: interface(first),
            len: *len,
            stride: (*stride).min(*len),
            truncated: *truncated,
            hop_limit: first.hop_limit,
            dscp: first.dscp,
            ecn: first.ecn,
            received_at: first.at,
        }
    }
}

fn interface(datagram: &Datagram) -> Option<InterfaceId> {
    // The zone of what came in is that of its interface.
    InterfaceId::from_scope_id(datagram.scope, usize::MAX)
}

impl Udp<'_> {
    /// Takes the oldest datagram and copies its data to `out`; what does not fit is lost. Gives how much was
    /// copied and who sent it.
    ///
    /// # Errors
    /// [`UdpError::WouldBlock`] when none waits; an error that ICMP reported since the last call comes first.
    pub fn recv_from(&mut self, out: &mut [u8]) -> Result<(usize, SocketAddr), UdpError> {
        let meta = self.recv_msg(out)?;
        Ok((meta.len, meta.source))
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
        let datagram = socket.take_incoming(&mut parts.cx).ok_or(UdpError::WouldBlock)?;
        let speaks_v6 = socket.speaks_v6();
        Ok(ReceivedDatagram {
            source: shown(datagram.remote, speaks_v6),
            destination: shown(datagram.local, speaks_v6).ip(),
            destination_port: datagram.local.port(),
            interface: interface(&datagram),
            data: datagram.data,
            segment_size: datagram.segment_size,
            hop_limit: datagram.hop_limit,
            dscp: datagram.dscp,
            ecn: datagram.ecn,
            received_at: datagram.at,
        })
    }

    /// Takes the oldest datagram, copies its data to `out` and gives all that is known of it. With
    /// [`UdpOptions::receive_offload`](crate::UdpOptions::receive_offload) also those that follow it, while
    /// they have its ends and its size and fit.
    ///
    /// # Errors
    /// As [`recv_from`](Udp::recv_from).
    pub fn recv_msg(&mut self, out: &mut [u8]) -> Result<RecvMeta, UdpError> {
        if let Some(error) = self.take_error() {
            return Err(error);
        }
        let mut parts = self.stack.parts(self.now);
        let socket = parts.transports.udp.get_mut(self.id).ok_or(UdpError::NotConnected)?;
        let taken = socket.read(&mut parts.cx, out).ok_or(UdpError::WouldBlock)?;
        Ok(RecvMeta::new(&taken, socket.speaks_v6()))
    }

    /// Copies the oldest datagram's data to `out` as far as it fits, and leaves it in the socket.
    ///
    /// # Errors
    /// As [`recv_from`](Udp::recv_from).
    pub fn peek_msg(&mut self, out: &mut [u8]) -> Result<RecvMeta, UdpError> {
        if let Some(error) = self.take_error() {
            return Err(error);
        }
        let socket = self.socket().ok_or(UdpError::NotConnected)?;
        let taken = socket.copy_front(out).ok_or(UdpError::WouldBlock)?;
        Ok(RecvMeta::new(&taken, socket.speaks_v6()))
    }

    /// The oldest datagram's data and sender, which stay in the socket.
    pub fn peek(&self) -> Option<(&[u8], SocketAddr)> {
        let socket = self.socket()?;
        let datagram = socket.incoming.front()?;
        Some((&datagram.data, shown(datagram.remote, socket.speaks_v6())))
    }
}
