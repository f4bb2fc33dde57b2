//! Listeners: who is asked when a SYN comes, and where its connection waits (RFC 9293 3.10.1, LISTEN).

use alloc::collections::{BTreeMap, VecDeque};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::TcpOptions;
use crate::slab::Key;
use crate::socket::TcpId;

/// A listener to open.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TcpListen {
    /// Address and port. An unspecified address stands for all of its family; port 0 for a free one.
    pub local: SocketAddr,
    /// Most established connections that wait for [`Stack::tcp_accept`](crate::Stack::tcp_accept); at
    /// least 1. While there are as many, no further connection is established.
    pub backlog: usize,
    /// Ask the program about each SYN before it is answered
    /// ([`Stack::tcp_incoming`](crate::Stack::tcp_incoming)).
    pub decide: bool,
    /// Choices for the connections.
    pub options: TcpOptions,
}

impl TcpListen {
    /// At `local`, accepting by itself, with room for 128 connections and the default choices.
    pub fn at(local: SocketAddr) -> Self {
        TcpListen { local, backlog: 128, decide: false, options: TcpOptions::default() }
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
    pub(super) local: SocketAddr,
    pub(super) backlog: usize,
    pub(super) decide: bool,
    pub(super) options: TcpOptions,
    /// Half-open connections of this listener, those that wait for a decision included.
    pub(super) half_open: usize,
    /// Half-open connections that the program has not been asked about, oldest first.
    pub(super) incoming: VecDeque<Key>,
    /// Established connections, oldest first.
    pub(super) accept: VecDeque<TcpId>,
}

impl Listener {
    pub(super) fn new(listen: TcpListen, local: SocketAddr) -> Self {
        let TcpListen { local: _, backlog, decide, options } = listen;
        Listener {
            local,
            backlog: backlog.max(1),
            decide,
            options,
            half_open: 0,
            incoming: VecDeque::new(),
            accept: VecDeque::new(),
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.accept.len() >= self.backlog
    }
}

/// Which listener has which address and port.
#[derive(Debug, Default)]
pub(super) struct ListenerTable {
    by_port: BTreeMap<(u16, IpAddr), Key>,
}

impl ListenerTable {
    /// The listener for a SYN to `address` and `port`: one for the very address first.
    pub(super) fn find(&self, address: IpAddr, port: u16) -> Option<Key> {
        let exact = self.by_port.get(&(port, address));
        exact.or_else(|| self.by_port.get(&(port, unspecified(address)))).copied()
    }

    /// Whether a listener at `local` would be in the way of another.
    pub(super) fn conflicts(&self, local: SocketAddr) -> bool {
        let any = unspecified(local.ip());
        if local.ip() == any {
            let family = |address: &IpAddr| address.is_ipv4() == any.is_ipv4();
            let of_port = self.by_port.range((local.port(), MIN)..=(local.port(), MAX));
            return of_port.into_iter().any(|((_, address), _)| family(address));
        }
        self.find(local.ip(), local.port()).is_some()
    }

    pub(super) fn insert(&mut self, local: SocketAddr, key: Key) {
        self.by_port.insert((local.port(), local.ip()), key);
    }

    pub(super) fn remove(&mut self, local: SocketAddr) {
        self.by_port.remove(&(local.port(), local.ip()));
    }
}

const MIN: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
const MAX: IpAddr = IpAddr::V6(Ipv6Addr::from_bits(u128::MAX));

/// The unspecified address of the same family.
fn unspecified(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slab::Slab;

    #[test]
    fn the_very_address_comes_before_the_unspecified_one_of_its_family() {
        let mut slab = Slab::new();
        let mut table = ListenerTable::default();
        let mut add = |at: &str| {
            let key = slab.insert(());
            table.insert(at.parse().unwrap(), key);
            key
        };
        let (exact, any4, any6) = (add("10.0.0.1:80"), add("0.0.0.0:80"), add("[::]:80"));
        let find = |address: &str, port| table.find(address.parse().unwrap(), port);
        assert_eq!(find("10.0.0.1", 80), Some(exact));
        assert_eq!(find("10.0.0.2", 80), Some(any4));
        assert_eq!(find("fd00::1", 80), Some(any6));
        assert_eq!(find("10.0.0.1", 81), None);
    }

    #[test]
    fn listeners_that_overlap_are_in_each_others_way() {
        let cases = [
            ("10.0.0.1:80", "10.0.0.1:80", true),
            ("10.0.0.1:80", "10.0.0.2:80", false),
            ("10.0.0.1:80", "0.0.0.0:80", true),
            ("0.0.0.0:80", "10.0.0.1:80", true),
            ("0.0.0.0:80", "[::]:80", false),
            ("[fd00::1]:80", "[::]:80", true),
            ("0.0.0.0:80", "0.0.0.0:81", false),
        ];
        for (there, new, conflict) in cases {
            let mut slab = Slab::new();
            let mut table = ListenerTable::default();
            table.insert(there.parse().unwrap(), slab.insert(()));
            assert_eq!(table.conflicts(new.parse().unwrap()), conflict, "{there} and {new}");
        }
    }
}
