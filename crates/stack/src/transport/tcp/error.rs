//! What can go wrong with a connection, as the program sees it.

/// Why an operation of a connection failed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum TcpError {
    /// There is nothing to read, or no room to write, yet.
    #[error("the operation would block")]
    WouldBlock,
    /// The connection is not established.
    #[error("the socket is not connected")]
    NotConnected,
    /// The peer answered the SYN with a reset, or an ICMP error said that nobody listens there.
    #[error("the peer refused the connection")]
    Refused,
    /// The peer reset the connection.
    #[error("the peer reset the connection")]
    Reset,
    /// The peer did not answer in time.
    #[error("the peer did not answer in time")]
    TimedOut,
    /// The next hop did not answer, or an ICMP error said that the host cannot be reached.
    #[error("no way to the host")]
    HostUnreachable,
    /// There is no route, or an ICMP error said that the network cannot be reached.
    #[error("no way to the network")]
    NetworkUnreachable,
    /// Data was written after this side was shut down, or after the connection ended.
    #[error("the connection is closed for writing")]
    BrokenPipe,
    /// The memory of the stack is used up ([`Config::memory_limit`](crate::Config::memory_limit)), and this
    /// connection holds nothing whose acknowledgement would free some.
    #[error("the memory of the stack is used up")]
    NoMemory,
}

/// Why a connection could not be started.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum ConnectError {
    /// The same connection exists, or no port is free.
    #[error("the local address is in use")]
    AddressInUse,
    /// The local address is none of this host's.
    #[error("the local address is none of this host's")]
    AddressNotAvailable,
    /// No route leads to the remote address, or no local address fits it.
    #[error("no route to the remote address")]
    NoRoute,
    /// The stack has as many connections as it may have, or no memory left.
    #[error("too many connections")]
    TooMany,
}
