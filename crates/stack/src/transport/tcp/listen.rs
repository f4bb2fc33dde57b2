//! Listeners: who is asked when a SYN comes, and where its connection waits (RFC 9293 3.10.1, LISTEN).

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::TcpOptions;
use crate::internet::cidr::{IpCidr, bits};
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
    pub(super) fn socket_addr(self) -> SocketAddr {
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
    /// ([`Stack::tcp_incoming`](crate::Stack::tcp_incoming)).
    pub decide: bool,
    /// Choices for the connections.
    pub options: TcpOptions,
}

impl TcpListen {
    /// At `local`, accepting by itself, with room for 128 connections and the default choices.
    pub fn at(local: SocketAddr) -> Self {
        TcpListen { local: local.into(), backlog: 128, decide: false, options: TcpOptions::default() }
    }

    /// At every port of every address in `network`, asking about each SYN, with room for 128 connections and
    /// the default choices. [`Incoming::destination`] and [`Tcp::local`](crate::Tcp::local) say where the peer
    /// wants to go.
    pub fn any(network: IpCidr) -> Self {
        TcpListen { local: network.into(), backlog: 128, decide: true, options: TcpOptions::default() }
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
    pub(super) local: ListenAt,
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
    pub(super) fn new(listen: TcpListen, local: ListenAt) -> Self {
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
    /// Those of networks, the smallest network first.
    networks: Vec<(IpCidr, Key)>,
}

impl ListenerTable {
    /// The listener for a SYN to `address` and `port`: one for the very address first, one for its network
    /// last. `routed` tells that the address is none of the host's own.
    pub(super) fn find(&self, address: IpAddr, port: u16, routed: bool) -> Option<Key> {
        let exact = self.by_port.get(&(port, address));
        let any = || self.by_port.get(&(port, unspecified(address)));
        exact.or_else(any).copied().or_else(|| self.find_network(address, routed))
    }

    fn find_network(&self, address: IpAddr, routed: bool) -> Option<Key> {
        let takes = |network: IpCidr| {
            network.contains(address) && (routed || network.prefix_len() == bits(network.address()))
        };
        self.networks.iter().find(|(network, _)| takes(*network)).map(|(_, key)| *key)
    }

    /// Whether a listener at `local` would be in the way of another.
    pub(super) fn conflicts(&self, local: ListenAt) -> bool {
        match local {
            ListenAt::Socket(local) => self.socket_conflicts(local),
            ListenAt::Network(network) => self.networks.iter().any(|(other, _)| *other == network.network()),
        }
    }

    fn socket_conflicts(&self, local: SocketAddr) -> bool {
        let any = unspecified(local.ip());
        if local.ip() == any {
            let family = |address: &IpAddr| address.is_ipv4() == any.is_ipv4();
            let of_port = self.by_port.range((local.port(), MIN)..=(local.port(), MAX));
            return of_port.into_iter().any(|((_, address), _)| family(address));
        }
        [local.ip(), any].iter().any(|address| self.by_port.contains_key(&(local.port(), *address)))
    }

    pub(super) fn insert(&mut self, local: ListenAt, key: Key) {
        match local {
            ListenAt::Socket(local) => drop(self.by_port.insert((local.port(), local.ip()), key)),
            ListenAt::Network(network) => {
                let len = network.prefix_len();
                let place = self.networks.partition_point(|(other, _)| other.prefix_len() >= len);
                self.networks.insert(place, (network.network(), key));
            }
        }
    }

    pub(super) fn remove(&mut self, local: ListenAt) {
        match local {
            ListenAt::Socket(local) => drop(self.by_port.remove(&(local.port(), local.ip()))),
            ListenAt::Network(network) => self.networks.retain(|(other, _)| *other != network.network()),
        }
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
            table.insert(at.parse::<SocketAddr>().unwrap().into(), key);
            key
        };
        let (exact, any4, any6) = (add("10.0.0.1:80"), add("0.0.0.0:80"), add("[::]:80"));
        let find = |address: &str, port| table.find(address.parse().unwrap(), port, false);
        assert_eq!(find("10.0.0.1", 80), Some(exact));
        assert_eq!(find("10.0.0.2", 80), Some(any4));
        assert_eq!(find("fd00::1", 80), Some(any6));
        assert_eq!(find("10.0.0.1", 81), None);
    }

    #[test]
    fn a_network_comes_after_other_listeners_and_never_before_the_hosts_own_addresses() {
        let mut slab = Slab::new();
        let mut table = ListenerTable::default();
        let mut add = |at: ListenAt| {
            let key = slab.insert(());
            table.insert(at, key);
            key
        };
        let socket = |text: &str| ListenAt::Socket(text.parse().unwrap());
        let network = |text: &str| ListenAt::Network(text.parse().unwrap());
        let all = add(network("0.0.0.0/0"));
        let (small, host) = (add(network("10.1.2.3/8")), add(network("192.0.2.1/32")));
        let (exact, any) = (add(socket("10.0.0.1:80")), add(socket("0.0.0.0:81")));
        let cases = [
            ("10.0.0.1", 80, true, Some(exact)),
            ("10.0.0.1", 81, true, Some(any)),
            ("10.0.0.1", 82, true, Some(small)),
            ("11.0.0.1", 82, true, Some(all)),
            ("fd00::1", 82, true, None),
            ("10.0.0.1", 82, false, None),
            ("192.0.2.1", 82, false, Some(host)),
            ("192.0.2.1", 81, false, Some(any)),
        ];
        for (address, port, routed, listener) in cases {
            let found = table.find(address.parse().unwrap(), port, routed);
            assert_eq!(found, listener, "{address} {port} {routed}");
        }
        assert!(table.conflicts(network("10.0.0.0/8")) && !table.conflicts(network("10.0.0.0/9")));
        table.remove(network("10.0.0.0/8"));
        assert_eq!(table.find("10.0.0.1".parse().unwrap(), 82, true), Some(all));
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
            let at = |text: &str| ListenAt::Socket(text.parse().unwrap());
            table.insert(at(there), slab.insert(()));
            assert_eq!(table.conflicts(at(new)), conflict, "{there} and {new}");
        }
    }
}
