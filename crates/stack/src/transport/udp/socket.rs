//! One UDP socket: its queues and their limits.

use alloc::collections::VecDeque;
use core::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use fathom_record::DropReason;
use fathom_wire::Ecn;

use crate::context::Context;

/// The largest UDP datagram: 65535 bytes of IPv4 packet, less its header and that of UDP. IPv6 would take 20
/// more, which nobody uses.
pub(crate) const MAX_DATA: usize = 65535 - 20 - 8;

/// Why a socket was not made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BindError {
    /// Another socket has the address and port.
    #[error("the address is in use")]
    AddressInUse,
    /// The address is none of this host's.
    #[error("the address is not an address of this host")]
    AddressNotAvailable,
    /// All ephemeral ports are taken.
    #[error("no port is free")]
    PortsExhausted,
}

/// Why an operation on a UDP socket failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum UdpError {
    /// There is nothing to read, or no room to write: wait for the event.
    #[error("the operation would block")]
    WouldBlock,
    /// The datagram is larger than UDP, or than the send buffer, can carry.
    #[error("the datagram is too large")]
    TooLarge,
    /// No destination was given and the socket is not connected.
    #[error("the socket is not connected")]
    NotConnected,
    /// The destination is of another address family than the socket, or has port 0.
    #[error("the destination is not one for this socket")]
    BadDestination,
    /// Nobody listens there (ICMP port unreachable).
    #[error("connection refused")]
    Refused,
    /// The destination host does not answer (ICMP host unreachable, or no answer to ARP or neighbour
    /// solicitations).
    #[error("the host is unreachable")]
    HostUnreachable,
    /// No route leads there, or ICMP said so.
    #[error("the network is unreachable")]
    NetworkUnreachable,
    /// The stack's memory limit is reached.
    #[error("the stack's memory limit is reached")]
    MemoryLimit,
}

/// A datagram that waits in a socket.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Datagram {
    /// The other end.
    pub(crate) remote: SocketAddr,
    /// Our address: what it was sent to, or goes out from.
    pub(crate) local: Option<IpAddr>,
    pub(crate) data: Bytes,
    pub(crate) hop_limit: u8,
    pub(crate) dscp: u8,
    pub(crate) ecn: Ecn,
}

/// A UDP socket.
#[derive(Debug)]
pub(crate) struct UdpSocket {
    /// What it is bound to. The address may be unspecified: any of ours of that family.
    pub(crate) local: SocketAddr,
    /// Whom it is connected to: it hears nobody else.
    pub(crate) remote: Option<SocketAddr>,
    pub(crate) hop_limit: u8,
    pub(crate) dscp: u8,
    pub(crate) ecn: Ecn,
    /// An error to report once.
    pub(crate) error: Option<UdpError>,
    /// The program has closed it; what it sent before still leaves.
    pub(crate) closed: bool,
    pub(crate) incoming: VecDeque<Datagram>,
    pub(crate) outgoing: VecDeque<Datagram>,
    /// Charged for what waits: data and overhead.
    incoming_bytes: usize,
    outgoing_bytes: usize,
}

impl UdpSocket {
    pub(crate) fn new(local: SocketAddr, hop_limit: u8) -> Self {
        UdpSocket {
            local,
            remote: None,
            hop_limit,
            dscp: 0,
            ecn: Ecn::NotEct,
            error: None,
            closed: false,
            incoming: VecDeque::new(),
            outgoing: VecDeque::new(),
            incoming_bytes: 0,
            outgoing_bytes: 0,
        }
    }

    /// How well the socket fits a datagram between these ends; `None` when it is not for this socket.
    pub(crate) fn fit(&self, local: SocketAddr, remote: SocketAddr) -> Option<u8> {
        let family = self.local.is_ipv4() == local.is_ipv4();
        let any = self.local.ip().is_unspecified();
        if !family || !(any || self.local.ip() == local.ip()) {
            return None;
        }
        match self.remote {
            Some(peer) if peer.ip() == remote.ip() && peer.port() == remote.port() => Some(2),
            Some(_) => None,
            None => Some(u8::from(!any)),
        }
    }

    /// Queues a datagram for the program.
    pub(crate) fn deliver(&mut self, cx: &mut Context<'_>, datagram: Datagram) -> Result<(), DropReason> {
        let charge = datagram.data.len() + cx.config.datagram.overhead;
        if self.incoming_bytes + charge > cx.config.datagram.receive_buffer {
            return Err(DropReason::UdpBufferFull);
        }
        if !cx.memory.charge(charge) {
            return Err(DropReason::MemoryLimit);
        }
        self.incoming_bytes += charge;
        self.incoming.push_back(datagram);
        Ok(())
    }

    /// Takes the oldest datagram for the program.
    pub(crate) fn take_incoming(&mut self, cx: &mut Context<'_>) -> Option<Datagram> {
        let datagram = self.incoming.pop_front()?;
        let charge = datagram.data.len() + cx.config.datagram.overhead;
        self.incoming_bytes -= charge;
        cx.memory.release(charge);
        Some(datagram)
    }

    /// Queues a datagram of the program.
    pub(crate) fn queue(&mut self, cx: &mut Context<'_>, datagram: Datagram) -> Result<(), UdpError> {
        let charge = datagram.data.len() + cx.config.datagram.overhead;
        let limit = cx.config.datagram.send_buffer;
        if datagram.data.len() > MAX_DATA || charge > limit {
            return Err(UdpError::TooLarge);
        }
        if self.outgoing_bytes + charge > limit {
            return Err(UdpError::WouldBlock);
        }
        if !cx.memory.charge(charge) {
            return Err(UdpError::MemoryLimit);
        }
        self.outgoing_bytes += charge;
        self.outgoing.push_back(datagram);
        Ok(())
    }

    /// Takes the datagram that is to leave next.
    pub(crate) fn take_outgoing(&mut self, cx: &mut Context<'_>) -> Option<Datagram> {
        let datagram = self.outgoing.pop_front()?;
        let charge = datagram.data.len() + cx.config.datagram.overhead;
        self.outgoing_bytes -= charge;
        cx.memory.release(charge);
        Some(datagram)
    }

    /// Bytes that wait for the device.
    pub(crate) fn outgoing_bytes(&self) -> usize {
        self.outgoing_bytes
    }

    /// Lets everything go that waits for the program.
    pub(crate) fn clear_incoming(&mut self, cx: &mut Context<'_>) {
        cx.memory.release(self.incoming_bytes);
        self.incoming_bytes = 0;
        self.incoming.clear();
    }
}
