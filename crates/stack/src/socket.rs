//! Names of sockets.

use crate::slab::Key;

macro_rules! socket_id {
    ($(#[$doc:meta])* $name:ident, $kind:ident) => {
        $(#[$doc])*
        ///
        /// Generational: once the socket is gone the handle is stale, and never names another socket.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(pub(crate) Key);

        impl From<$name> for SocketId {
            fn from(id: $name) -> SocketId {
                SocketId::$kind(id)
            }
        }
    };
}

socket_id!(
    /// Handle of a TCP connection.
    TcpId,
    Tcp
);
socket_id!(
    /// Handle of a TCP listener.
    ListenerId,
    Listener
);
socket_id!(
    /// Handle of a UDP socket.
    UdpId,
    Udp
);
socket_id!(
    /// Handle of an ICMP echo socket.
    IcmpId,
    Icmp
);

socket_id!(
    /// Handle of a raw socket.
    RawId,
    Raw
);

/// Handle of a socket of any kind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum SocketId {
    /// A TCP connection.
    Tcp(TcpId),
    /// A TCP listener.
    Listener(ListenerId),
    /// A UDP socket.
    Udp(UdpId),
    /// An ICMP echo socket.
    Icmp(IcmpId),
    /// A raw socket.
    Raw(RawId),
}

impl SocketId {
    /// How many kinds of socket there are.
    pub(crate) const KINDS: usize = 5;

    /// The reverse of [`SocketId::kind_and_key`].
    pub(crate) fn from_kind_and_key(kind: usize, key: Key) -> SocketId {
        match kind {
            0 => SocketId::Tcp(TcpId(key)),
            1 => SocketId::Listener(ListenerId(key)),
            2 => SocketId::Udp(UdpId(key)),
            3 => SocketId::Icmp(IcmpId(key)),
            _ => SocketId::Raw(RawId(key)),
        }
    }

    /// The socket's kind, below [`SocketId::KINDS`], and its key within that kind.
    pub(crate) fn kind_and_key(self) -> (usize, Key) {
        match self {
            SocketId::Tcp(TcpId(key)) => (0, key),
            SocketId::Listener(ListenerId(key)) => (1, key),
            SocketId::Udp(UdpId(key)) => (2, key),
            SocketId::Icmp(IcmpId(key)) => (3, key),
            SocketId::Raw(RawId(key)) => (4, key),
        }
    }
}
