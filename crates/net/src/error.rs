//! Errors as the standard library has them, with Linux's kinds, and with the peer in their messages.

use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};

use fathom_stack::{BindError, ConnectError, GroupError, IcmpError, RawError, TcpError, UdpError};

/// What failed, and towards whom: the inside of the [`io::Error`]s of sockets.
#[derive(Debug)]
pub(crate) struct Failed<E> {
    whom: Whom,
    source: E,
}

/// To whom it happened.
#[derive(Debug)]
enum Whom {
    Socket(SocketAddr),
    Address(IpAddr),
    Nobody,
}

impl Failed<()> {
    pub(crate) fn tcp(error: TcpError, remote: SocketAddr) -> io::Error {
        let kind = match error {
            TcpError::WouldBlock => return ErrorKind::WouldBlock.into(),
            TcpError::NotConnected => ErrorKind::NotConnected,
            TcpError::Refused => ErrorKind::ConnectionRefused,
            TcpError::Reset => ErrorKind::ConnectionReset,
            TcpError::TimedOut => ErrorKind::TimedOut,
            TcpError::HostUnreachable => ErrorKind::HostUnreachable,
            TcpError::NetworkUnreachable => ErrorKind::NetworkUnreachable,
            TcpError::BrokenPipe => ErrorKind::BrokenPipe,
            TcpError::NoMemory => ErrorKind::OutOfMemory,
        };
        failed(kind, Whom::Socket(remote), error)
    }

    pub(crate) fn connect(error: ConnectError, remote: SocketAddr) -> io::Error {
        let kind = match error {
            ConnectError::AddressInUse => ErrorKind::AddrInUse,
            ConnectError::AddressNotAvailable => ErrorKind::AddrNotAvailable,
            ConnectError::NoRoute => ErrorKind::NetworkUnreachable,
            ConnectError::TooMany => ErrorKind::OutOfMemory,
        };
        failed(kind, Whom::Socket(remote), error)
    }

    pub(crate) fn bind(error: BindError, local: SocketAddr) -> io::Error {
        failed(bind_kind(error), Whom::Socket(local), error)
    }

    pub(crate) fn open(error: BindError) -> io::Error {
        failed(bind_kind(error), Whom::Nobody, error)
    }

    pub(crate) fn udp(error: UdpError, remote: Option<SocketAddr>) -> io::Error {
        let kind = match error {
            UdpError::WouldBlock => return ErrorKind::WouldBlock.into(),
            UdpError::TooLarge | UdpError::BadDestination => ErrorKind::InvalidInput,
            UdpError::NotConnected => ErrorKind::NotConnected,
            UdpError::BroadcastDenied => ErrorKind::PermissionDenied,
            UdpError::Refused => ErrorKind::ConnectionRefused,
            UdpError::HostUnreachable => ErrorKind::HostUnreachable,
            UdpError::NetworkUnreachable => ErrorKind::NetworkUnreachable,
            UdpError::MemoryLimit => ErrorKind::OutOfMemory,
        };
        failed(kind, remote.map_or(Whom::Nobody, Whom::Socket), error)
    }

    pub(crate) fn raw(error: RawError, to: Option<IpAddr>) -> io::Error {
        let kind = match error {
            RawError::WouldBlock => return ErrorKind::WouldBlock.into(),
            RawError::TooLarge | RawError::BadDestination | RawError::BadHeader => ErrorKind::InvalidInput,
            RawError::BroadcastDenied => ErrorKind::PermissionDenied,
            RawError::NetworkUnreachable => ErrorKind::NetworkUnreachable,
            RawError::MemoryLimit => ErrorKind::OutOfMemory,
            RawError::Closed => ErrorKind::NotConnected,
        };
        failed(kind, to.map_or(Whom::Nobody, Whom::Address), error)
    }

    pub(crate) fn group(error: GroupError, group: IpAddr) -> io::Error {
        let kind = match error {
            GroupError::NotMulticast | GroupError::BadSource | GroupError::OtherFilter => {
                ErrorKind::InvalidInput
            }
            GroupError::NoSuchInterface => ErrorKind::NotFound,
            GroupError::AlreadyJoined => ErrorKind::AddrInUse,
            GroupError::NotJoined => ErrorKind::AddrNotAvailable,
            GroupError::TooMany => ErrorKind::QuotaExceeded,
        };
        failed(kind, Whom::Address(group), error)
    }

    pub(crate) fn icmp(error: IcmpError, to: IpAddr) -> io::Error {
        let kind = match error {
            IcmpError::WouldBlock => return ErrorKind::WouldBlock.into(),
            IcmpError::TooLarge | IcmpError::BadDestination => ErrorKind::InvalidInput,
            IcmpError::NetworkUnreachable => ErrorKind::NetworkUnreachable,
            IcmpError::MemoryLimit => ErrorKind::OutOfMemory,
        };
        failed(kind, Whom::Address(to), error)
    }
}

fn bind_kind(error: BindError) -> ErrorKind {
    match error {
        BindError::AddressInUse | BindError::PortsExhausted => ErrorKind::AddrInUse,
        BindError::AddressNotAvailable => ErrorKind::AddrNotAvailable,
        BindError::NoSuchInterface => ErrorKind::NotFound,
    }
}

/// The socket is not connected, or its stack does not know it.
pub(crate) fn not_connected() -> io::Error {
    ErrorKind::NotConnected.into()
}

/// The host was shut down: nothing arrives or leaves any more.
pub(crate) fn host_closed() -> io::Error {
    io::Error::new(ErrorKind::NetworkDown, "the host has shut down")
}

fn failed<E: Error + Send + Sync + 'static>(kind: ErrorKind, whom: Whom, source: E) -> io::Error {
    io::Error::new(kind, Failed { whom, source })
}

impl<E: fmt::Display> fmt::Display for Failed<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.whom {
            Whom::Socket(address) => write!(f, "{address}: {}", self.source),
            Whom::Address(address) => write!(f, "{address}: {}", self.source),
            Whom::Nobody => self.source.fmt(f),
        }
    }
}

impl<E: Error + 'static> Error for Failed<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        // The message contains the cause's: what comes next in a chain is the cause of that.
        self.source.source()
    }
}
