//! Listeners: who is asked when a SYN comes, and where its connection waits (RFC 9293 3.10.1, LISTEN).

mod table;

pub(super) use table::{Claim, ListenerTable, Wanted};

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::net::SocketAddr;

use super::TcpOptions;
use crate::internet::cidr::IpCidr;
use crate::slab::Key;
use crate::socket::TcpId;

/// Where a listener listens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ListenAt {
    /// At an address and port. An unspecified address stands for all of its family; port 0 for a free one.
    Socket(SocketAddr),
    /// At every port of every address in a network that is routed to this host
    /// ([`Stack::add_local_prefix`](crate::Stack::add_local_prefix)): what a proxy or gateway does.
    ///
    /// Other listeners come first, and so do the host's own addresses, whose free ports stay closed; unless the
    /// network is one of these alone (`192.0.2.1/32`). Of several networks the smallest comes first.
    Network(IpCidr),
}

impl ListenAt {
    /// The address and port; that of the network and 0.
    pub(crate) fn socket_addr(self) -> SocketAddr {
        match self {
            ListenAt::Socket(at) => at,
            ListenAt::Network(network) => SocketAddr::new(network.network().address(), 0),
        }
    }
}

impl From<SocketAddr> for ListenAt {
    fn from(at: SocketAddr) -> Self {
        ListenAt::Socket(at)
    }
}

impl From<IpCidr> for ListenAt {
    fn from(network: IpCidr) -> Self {
        ListenAt::Network(network)
    }
}

/// A listener to open.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TcpListen {
    /// Where.
    pub local: ListenAt,
    /// Most established connections that wait for [`Stack::tcp_accept`](crate::Stack::tcp_accept); at
    /// least 1. While there are as many, no further connection is established.
    pub backlog: usize,
    /// Ask the program about each SYN before it is answered
    /// ([`Stack::tcp_incoming`](crate::Stack::tcp_incoming)). Such a listener sends no SYN cookies: when there
    /// are as many half-open connections as may be, further SYNs are dropped.
    pub decide: bool,
    /// A listener at `[::]` takes IPv6 only. Without this it takes IPv4 too, and peers of IPv4 have
    /// IPv4-mapped addresses (Linux's `IPV6_V6ONLY`, off by default; RFC 3493 5.3).
    pub only_v6: bool,
    /// Share the place with other listeners that say the same; each takes a part of the connections, chosen
    /// by a hash of their ends (Linux's `SO_REUSEPORT`).
    pub reuse_port: bool,
    /// Choices for the connections. [`TcpOptions::interface`] limits the listener to one interface.
    pub options: TcpOptions,
}

impl TcpListen {
    /// At `local`, accepting by itself, with room for 128 connections and the default choices.
    pub fn at(local: SocketAddr) -> Self {
        TcpListen {
            local: local.into(),
            backlog: 128,
            decide: false,
            only_v6: false,
            reuse_port: false,
            options: TcpOptions::default(),
        }
    }

    /// At every port of every address in `network`, asking about each SYN, with room for 128 connections and
    /// the default choices. [`Incoming::destination`] and [`Tcp::local`](crate::Tcp::local) say where the peer
    /// wants to go.
    pub fn any(network: IpCidr) -> Self {
        let nowhere = SocketAddr::new(network.address(), 0);
        TcpListen { local: network.into(), decide: true, ..TcpListen::at(nowhere) }
    }
}

/// Names a connection that waits for a decision.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct IncomingId(pub(crate) Key);

/// A connection that waits for a decision: its SYN has come, and nothing was answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Incoming {
    /// Its name for [`Stack::tcp_decide`](crate::Stack::tcp_decide).
    pub id: IncomingId,
    /// Who wants to connect.
    pub source: SocketAddr,
    /// To which of our addresses and ports.
    pub destination: SocketAddr,
}

/// What the program says to an [`Incoming`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decision {
    /// Go on with the handshake.
    Accept,
    /// Answer with a reset.
    Refuse,
    /// Answer nothing; the peer will try again.
    Ignore,
}

/// A listener.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) claim: Claim,
    pub(super) backlog: usize,
    pub(super) decide: bool,
    pub(super) options: Arc<TcpOptions>,
    /// Half-open connections of this listener, those that wait for a decision included.
    pub(super) half_open: usize,
    /// Half-open connections that the program has not been asked about, oldest first.
    pub(super) incoming: VecDeque<Key>,
    /// Established connections, oldest first.
    pub(super) accept: VecDeque<TcpId>,
}

impl Listener {
    pub(super) fn new(listen: TcpListen, claim: Claim) -> Self {
        let TcpListen { local: _, backlog, decide, only_v6: _, reuse_port: _, options } = listen;
        Listener {
            claim,
            backlog: backlog.max(1),
            decide,
            options: Arc::new(options),
            half_open: 0,
            incoming: VecDeque::new(),
            accept: VecDeque::new(),
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.accept.len() >= self.backlog
    }

    /// Whether the program sees IPv4 addresses in IPv6 form.
    pub(super) fn maps(&self) -> bool {
        matches!(self.claim.local, ListenAt::Socket(SocketAddr::V6(_)))
    }
}
