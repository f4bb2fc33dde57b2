//! What errors of the engine are to a program on Linux.

use fathom_stack::{BindError, ConnectError, GroupError, IcmpError, RawError, TcpError, UdpError};

use crate::Errno;

impl From<TcpError> for Errno {
    fn from(error: TcpError) -> Errno {
        match error {
            TcpError::WouldBlock => Errno::EAGAIN,
            TcpError::NotConnected => Errno::ENOTCONN,
            TcpError::Refused => Errno::ECONNREFUSED,
            TcpError::Reset => Errno::ECONNRESET,
            TcpError::TimedOut => Errno::ETIMEDOUT,
            TcpError::HostUnreachable => Errno::EHOSTUNREACH,
            TcpError::NetworkUnreachable => Errno::ENETUNREACH,
            TcpError::BrokenPipe => Errno::EPIPE,
            TcpError::NoMemory => Errno::ENOMEM,
        }
    }
}

impl From<ConnectError> for Errno {
    fn from(error: ConnectError) -> Errno {
        match error {
            // Linux says so where the four-tuple is taken, and where no port is left.
            ConnectError::AddressInUse | ConnectError::AddressNotAvailable => Errno::EADDRNOTAVAIL,
            ConnectError::NoRoute => Errno::ENETUNREACH,
            ConnectError::TooMany => Errno::ENOBUFS,
        }
    }
}

impl From<BindError> for Errno {
    fn from(error: BindError) -> Errno {
        match error {
            BindError::AddressInUse | BindError::PortsExhausted => Errno::EADDRINUSE,
            BindError::AddressNotAvailable => Errno::EADDRNOTAVAIL,
            BindError::NoSuchInterface => Errno::ENODEV,
        }
    }
}

impl From<UdpError> for Errno {
    fn from(error: UdpError) -> Errno {
        match error {
            UdpError::WouldBlock => Errno::EAGAIN,
            UdpError::TooLarge => Errno::EMSGSIZE,
            UdpError::NotConnected => Errno::EDESTADDRREQ,
            UdpError::BadDestination => Errno::EINVAL,
            UdpError::BroadcastDenied => Errno::EACCES,
            UdpError::Refused => Errno::ECONNREFUSED,
            UdpError::HostUnreachable => Errno::EHOSTUNREACH,
            UdpError::NetworkUnreachable => Errno::ENETUNREACH,
            UdpError::MemoryLimit => Errno::ENOBUFS,
        }
    }
}

impl From<IcmpError> for Errno {
    fn from(error: IcmpError) -> Errno {
        match error {
            IcmpError::WouldBlock => Errno::EAGAIN,
            IcmpError::TooLarge => Errno::EMSGSIZE,
            IcmpError::BadDestination => Errno::EINVAL,
            IcmpError::NetworkUnreachable => Errno::ENETUNREACH,
            IcmpError::MemoryLimit => Errno::ENOBUFS,
        }
    }
}

impl From<RawError> for Errno {
    fn from(error: RawError) -> Errno {
        match error {
            RawError::WouldBlock => Errno::EAGAIN,
            RawError::TooLarge => Errno::EMSGSIZE,
            RawError::BadDestination | RawError::BadHeader => Errno::EINVAL,
            RawError::BroadcastDenied => Errno::EACCES,
            RawError::NetworkUnreachable => Errno::ENETUNREACH,
            RawError::MemoryLimit => Errno::ENOBUFS,
            RawError::Closed => Errno::EBADF,
        }
    }
}

impl From<GroupError> for Errno {
    fn from(error: GroupError) -> Errno {
        match error {
            GroupError::NotMulticast | GroupError::BadSource | GroupError::OtherFilter => Errno::EINVAL,
            GroupError::NoSuchInterface => Errno::ENODEV,
            GroupError::AlreadyJoined => Errno::EADDRINUSE,
            GroupError::NotJoined => Errno::EADDRNOTAVAIL,
            GroupError::TooMany => Errno::ENOBUFS,
        }
    }
}
