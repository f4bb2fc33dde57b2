//! Which listener a SYN is for.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{ListenAt, TcpListen};
use crate::interface::InterfaceId;
use crate::internet::cidr::{IpCidr, bits};
use crate::slab::Key;

/// What a listener takes for itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::transport::tcp) struct Claim {
    /// As the program has named it, with the port that was chosen.
    pub(in crate::transport::tcp) local: ListenAt,
    pub(in crate::transport::tcp) only_v6: bool,
    pub(in crate::transport::tcp) reuse_port: bool,
    pub(in crate::transport::tcp) interface: Option<InterfaceId>,
}

impl Claim {
    pub(in crate::transport::tcp) fn new(listen: &TcpListen) -> Self {
        let TcpListen { local, only_v6, reuse_port, options, .. } = listen;
        Claim { local: *local, only_v6: *only_v6, reuse_port: *reuse_port, interface: options.interface }
    }

    /// The addresses that SYNs for `local` are found at.
    fn addresses(&self, local: SocketAddr) -> impl Iterator<Item = IpAddr> + use<> {
        let any_v6 = local.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED);
        let v4_too = (any_v6 && !self.only_v6).then_some(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        [local.ip().to_canonical()].into_iter().chain(v4_too)
    }

    /// Whether both can be at the same place.
    fn tolerates(&self, other: &Claim) -> bool {
        let apart = matches!((self.interface, other.interface), (Some(ours), Some(theirs)) if ours != theirs);
        apart || (self.reuse_port && other.reuse_port)
    }
}

/// What a SYN is for.
#[derive(Clone, Copy, Debug)]
pub(in crate::transport::tcp) struct Wanted {
    pub(in crate::transport::tcp) address: IpAddr,
    pub(in crate::transport::tcp) port: u16,
    /// The address is none of the host's own.
    pub(in crate::transport::tcp) routed: bool,
    /// Where the SYN arrived.
    pub(in crate::transport::tcp) on: InterfaceId,
    /// The hash of the connection's ends.
    pub(in crate::transport::tcp) hash: u64,
}

/// Listeners at one place.
type Place = Vec<(Claim, Key)>;

/// Which listener has which address and port.
#[derive(Debug, Default)]
pub(in crate::transport::tcp) struct ListenerTable {
    by_port: BTreeMap<(u16, IpAddr), Place>,
    /// Those of networks, the smallest network first.
    networks: Vec<(IpCidr, Place)>,
}

impl ListenerTable {
    /// The listener for a SYN: one for the very address first, one for its network last.
    pub(in crate::transport::tcp) fn find(&self, wanted: &Wanted) -> Option<Key> {
        let Wanted { address, port, routed, .. } = *wanted;
        let at = |address| self.by_port.get(&(port, address)).and_then(|place| choose(place, wanted));
        let of_network = || {
            let takes = |network: &IpCidr| {
                network.contains(address) && (routed || network.prefix_len() == bits(network.address()))
            };
            let mut networks = self.networks.iter().filter(|(network, _)| takes(network));
            networks.find_map(|(_, place)| choose(place, wanted))
        };
        at(address).or_else(|| at(unspecified(address))).or_else(of_network)
    }

    /// Whether a listener would be in the way of another.
    pub(in crate::transport::tcp) fn conflicts(&self, claim: &Claim) -> bool {
        let in_the_way = |place: &Place| place.iter().any(|(other, _)| !claim.tolerates(other));
        match claim.local {
            ListenAt::Network(network) => {
                let mut same = self.networks.iter().filter(|(other, _)| *other == network.network());
                same.any(|(_, place)| in_the_way(place))
            }
            ListenAt::Socket(local) => claim.addresses(local).any(|address| {
                let any = unspecified(address);
                let of_port = self.by_port.range((local.port(), MIN)..=(local.port(), MAX));
                of_port.into_iter().any(|((_, other), place)| {
                    let overlap =
                        *other == address || *other == any || (address == any && family(*other, any));
                    overlap && in_the_way(place)
                })
            }),
        }
    }

    pub(in crate::transport::tcp) fn insert(&mut self, claim: Claim, key: Key) {
        match claim.local {
            ListenAt::Socket(local) => {
                for address in claim.addresses(local) {
                    self.by_port.entry((local.port(), address)).or_default().push((claim, key));
                }
            }
            ListenAt::Network(network) => {
                let network = network.network();
                let len = network.prefix_len();
                match self.networks.iter_mut().find(|(other, _)| *other == network) {
                    Some((_, place)) => place.push((claim, key)),
                    None => {
                        let at = self.networks.partition_point(|(other, _)| other.prefix_len() >= len);
                        self.networks.insert(at, (network, alloc::vec![(claim, key)]));
                    }
                }
            }
        }
    }

    pub(in crate::transport::tcp) fn remove(&mut self, claim: &Claim, key: Key) {
        match claim.local {
            ListenAt::Socket(local) => {
                for address in claim.addresses(local) {
                    let at = (local.port(), address);
                    let Some(place) = self.by_port.get_mut(&at) else { continue };
                    place.retain(|(_, other)| *other != key);
                    if place.is_empty() {
                        self.by_port.remove(&at);
                    }
                }
            }
            ListenAt::Network(_) => {
                for (_, place) in &mut self.networks {
                    place.retain(|(_, other)| *other != key);
                }
                self.networks.retain(|(_, place)| !place.is_empty());
            }
        }
    }
}

/// One of the listeners of a place: one of the interface first; of several that share it the one that the hash
/// falls on.
fn choose(place: &Place, wanted: &Wanted) -> Option<Key> {
    [Some(wanted.on), None].into_iter().find_map(|interface| {
        let of_interface = || place.iter().filter(move |(claim, _)| claim.interface == interface);
        let count = of_interface().count() as u64;
        let index = wanted.hash.checked_rem(count)?;
        of_interface().nth(index as usize).map(|(_, key)| *key)
    })
}

fn family(a: IpAddr, b: IpAddr) -> bool {
    a.is_ipv4() == b.is_ipv4()
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

    /// A table, and the names of its listeners in order.
    struct Listeners {
        table: ListenerTable,
        slab: Slab<()>,
        keys: Vec<(Claim, Key)>,
    }

    impl Listeners {
        fn new() -> Self {
            Listeners { table: ListenerTable::default(), slab: Slab::new(), keys: Vec::new() }
        }

        fn add(&mut self, claim: Claim) {
            let key = self.slab.insert(());
            self.table.insert(claim, key);
            self.keys.push((claim, key));
        }

        /// Which listener is found, by the order of adding.
        fn find(&self, wanted: Wanted) -> Option<usize> {
            let found = self.table.find(&wanted)?;
            self.keys.iter().position(|(_, key)| *key == found)
        }
    }

    const ETH0: InterfaceId = InterfaceId(1);

    /// `[::]:80`, `10.0.0.0/8`; with `6`, `r` or `e` behind for only_v6, reuse_port or the interface ETH0.
    fn claim(text: &str) -> Claim {
        let (text, more) = text.split_once(' ').unwrap_or((text, ""));
        let local = match text.parse::<SocketAddr>() {
            Ok(at) => at.into(),
            Err(_) => ListenAt::Network(text.parse().unwrap()),
        };
        let interface = more.contains('e').then_some(ETH0);
        Claim { local, only_v6: more.contains('6'), reuse_port: more.contains('r'), interface }
    }

    fn wanted(at: &str) -> Wanted {
        let at: SocketAddr = at.parse().unwrap();
        Wanted { address: at.ip(), port: at.port(), routed: false, on: InterfaceId(2), hash: 0 }
    }

    #[test]
    fn the_very_address_comes_before_the_unspecified_one_of_its_family() {
        let mut listeners = Listeners::new();
        for at in ["10.0.0.1:80", "0.0.0.0:80", "[::]:80 6"] {
            listeners.add(claim(at));
        }
        let cases = [
            ("10.0.0.1:80", Some(0)),
            ("10.0.0.2:80", Some(1)),
            ("[fd00::1]:80", Some(2)),
            ("10.0.0.1:81", None),
        ];
        for (at, found) in cases {
            assert_eq!(listeners.find(wanted(at)), found, "{at}");
        }
    }

    /// RFC 3493 5.3
    #[test]
    fn the_unspecified_address_of_ipv6_takes_ipv4_unless_told_otherwise() {
        for (at, v4) in [("[::]:80", Some(0)), ("[::]:80 6", None), ("[::ffff:10.0.0.1]:80", Some(0))] {
            let mut listeners = Listeners::new();
            listeners.add(claim(at));
            assert_eq!(listeners.find(wanted("10.0.0.1:80")), v4, "{at}");
            let (claim, key) = listeners.keys[0];
            listeners.table.remove(&claim, key);
            assert!(listeners.table.by_port.is_empty());
        }
    }

    #[test]
    fn listeners_that_overlap_are_in_each_others_way() {
        let cases = [
            ("10.0.0.1:80", "10.0.0.1:80", true),
            ("10.0.0.1:80", "10.0.0.2:80", false),
            ("10.0.0.1:80", "0.0.0.0:80", true),
            ("0.0.0.0:80", "10.0.0.1:80", true),
            ("0.0.0.0:80", "[::]:80", true),
            ("[::]:80", "10.0.0.1:80", true),
            ("0.0.0.0:80", "[::]:80 6", false),
            ("10.0.0.1:80", "[::ffff:10.0.0.1]:80", true),
            ("[fd00::1]:80", "[::]:80", true),
            ("0.0.0.0:80", "0.0.0.0:81", false),
            ("0.0.0.0:80 r", "0.0.0.0:80 r", false),
            ("0.0.0.0:80 r", "0.0.0.0:80", true),
            ("0.0.0.0:80", "0.0.0.0:80 e", true),
            ("10.0.0.0/8", "10.1.0.0/8", true),
            ("10.0.0.0/8 r", "10.0.0.0/8 r", false),
            ("10.0.0.0/8", "10.0.0.0/9", false),
        ];
        for (there, new, conflict) in cases {
            let mut listeners = Listeners::new();
            listeners.add(claim(there));
            assert_eq!(listeners.table.conflicts(&claim(new)), conflict, "{there} and {new}");
        }
    }

    #[test]
    fn listeners_of_different_interfaces_are_not_in_each_others_way() {
        let mut listeners = Listeners::new();
        listeners.add(claim("0.0.0.0:80 e"));
        let other = Claim { interface: Some(InterfaceId(2)), ..claim("0.0.0.0:80") };
        assert!(!listeners.table.conflicts(&other));
        listeners.add(other);
        for (on, found) in [(ETH0, Some(0)), (InterfaceId(2), Some(1)), (InterfaceId(3), None)] {
            assert_eq!(listeners.find(Wanted { on, ..wanted("10.0.0.1:80") }), found);
        }
    }

    #[test]
    fn listeners_that_share_a_port_share_the_connections() {
        let mut listeners = Listeners::new();
        for _ in 0..3 {
            listeners.add(claim("0.0.0.0:80 r"));
        }
        let found: Vec<_> =
            (0..6).map(|hash| listeners.find(Wanted { hash, ..wanted("10.0.0.1:80") })).collect();
        assert_eq!(found, [0, 1, 2, 0, 1, 2].map(Some));
        let (claim, key) = listeners.keys[1];
        listeners.table.remove(&claim, key);
        assert_eq!(listeners.find(Wanted { hash: 1, ..wanted("10.0.0.1:80") }), Some(2));
    }

    #[test]
    fn a_network_comes_after_other_listeners_and_never_before_the_hosts_own_addresses() {
        let mut listeners = Listeners::new();
        for at in ["0.0.0.0/0", "10.1.2.3/8", "192.0.2.1/32", "10.0.0.1:80", "0.0.0.0:81"] {
            listeners.add(claim(at));
        }
        let cases = [
            ("10.0.0.1:80", true, Some(3)),
            ("10.0.0.1:81", true, Some(4)),
            ("10.0.0.1:82", true, Some(1)),
            ("11.0.0.1:82", true, Some(0)),
            ("[fd00::1]:82", true, None),
            ("10.0.0.1:82", false, None),
            ("192.0.2.1:82", false, Some(2)),
            ("192.0.2.1:81", false, Some(4)),
        ];
        for (at, routed, found) in cases {
            assert_eq!(listeners.find(Wanted { routed, ..wanted(at) }), found, "{at} {routed}");
        }
        let (small, key) = listeners.keys[1];
        listeners.table.remove(&small, key);
        assert_eq!(listeners.find(Wanted { routed: true, ..wanted("10.0.0.1:82") }), Some(0));
    }
}
