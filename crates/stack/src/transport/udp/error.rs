//! What goes wrong with UDP sockets, and what ICMP tells of their datagrams.

use core::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use fathom_wire::Instant;

use crate::packet::IcmpErrorKind;

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
    /// The host has no such interface.
    #[error("there is no such interface")]
    NoSuchInterface,
}

/// Why an operation on a UDP socket failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum UdpError {
    /// There is nothing to read, or no room to write: wait for the event.
    #[error("the operation would block")]
    WouldBlock,
    /// The datagram is larger than UDP, the send buffer or, where it may not be cut, the path can carry.
    #[error("the datagram is too large")]
    TooLarge,
    /// No destination was given and the socket is not connected.
    #[error("the socket is not connected")]
    NotConnected,
    /// The destination is of another address family than the socket, or has port 0; or the source is none of
    /// this host's.
    #[error("the destination is not one for this socket")]
    BadDestination,
    /// The destination is everybody, and the socket was not allowed to send there
    /// ([`UdpOptions::broadcast`](crate::UdpOptions::broadcast)).
    #[error("the socket may not send to a broadcast address")]
    BroadcastDenied,
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

impl UdpError {
    /// What an ICMP error means to a program.
    pub(crate) fn from_icmp(kind: IcmpErrorKind) -> Self {
        match kind {
            IcmpErrorKind::PortUnreachable | IcmpErrorKind::ProtocolUnreachable => UdpError::Refused,
            IcmpErrorKind::NetworkUnreachable => UdpError::NetworkUnreachable,
            IcmpErrorKind::PacketTooBig { .. } => UdpError::TooLarge,
            IcmpErrorKind::HostUnreachable
            | IcmpErrorKind::Prohibited
            | IcmpErrorKind::HopLimitExceeded
            | IcmpErrorKind::ReassemblyTimeout
            | IcmpErrorKind::ParameterProblem => UdpError::HostUnreachable,
        }
    }
}

/// What happened to a datagram that a socket sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UdpErrorReport {
    /// What it means to the program.
    pub error: UdpError,
    /// What the ICMP error said; `None` when the datagram did not get out of this host.
    pub icmp: Option<IcmpErrorKind>,
    /// Who reports it: a router on the way, the destination, or this host.
    pub offender: Option<IpAddr>,
    /// Where the datagram was going.
    pub destination: SocketAddr,
    /// As much of its data as is known.
    pub data: Bytes,
    /// When it came.
    pub received_at: Instant,
}
