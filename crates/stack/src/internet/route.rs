//! Routes: which way a packet goes (RFC 1122 3.3.1, RFC 1812 5.2.4).
//!
//! The longest matching prefix wins (RFC 1812 5.2.4.3), then the lowest metric, then the route that was added
//! first. Routes are kept by prefix length in a hash map, with a bit for each length in use, so a look-up
//! costs one probe per such length (two or three on a host) however many routes there are.

use alloc::vec::Vec;
use core::net::IpAddr;

use hashbrown::HashMap;

use crate::interface::InterfaceId;
use crate::internet::cidr::{IpCidr, mask};
use crate::random::TableHasher;

/// A way to a network.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Route {
    /// The addresses it leads to.
    pub destination: IpCidr,
    /// The router that takes packets on; `None` when the destinations are on the link itself.
    pub gateway: Option<IpAddr>,
    /// The interface to leave by.
    pub interface: InterfaceId,
    /// Among routes of the same prefix the lowest metric wins.
    pub metric: u32,
}

/// Why a route was not added.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RouteError {
    /// No such interface.
    #[error("there is no such interface")]
    NoSuchInterface,
    /// Gateway and destination are of different address families.
    #[error("the gateway is of another address family than the destination")]
    FamilyMismatch,
    /// The table is full ([`InternetConfig::routes`](crate::InternetConfig::routes)).
    #[error("the routing table is full")]
    TableFull,
}

/// Prefix lengths in use, one bit each, for one address family.
#[derive(Clone, Copy, Debug, Default)]
struct Lengths([u64; 3]);

impl Lengths {
    fn set(&mut self, length: u8, used: bool) {
        let bit = 1 << (length % 64);
        let word = &mut self.0[usize::from(length / 64)];
        *word = if used { *word | bit } else { *word & !bit };
    }

    /// The lengths in use, longest first.
    fn descending(self) -> impl Iterator<Item = u8> {
        (0..3u8).rev().flat_map(move |index| {
            let mut word = self.0[usize::from(index)];
            core::iter::from_fn(move || {
                let bit = 63u32.checked_sub(word.leading_zeros())?;
                word &= !(1 << bit);
                Some(index * 64 + bit as u8)
            })
        })
    }
}

/// The routing table.
#[derive(Debug)]
pub(crate) struct Routes {
    /// Routes of the same network, best first.
    networks: HashMap<IpCidr, Vec<Route>, TableHasher>,
    lengths: [Lengths; 2],
    count: usize,
    version: u64,
}

fn family(address: IpAddr) -> usize {
    usize::from(address.is_ipv6())
}

impl Routes {
    pub(crate) fn new(hasher: TableHasher) -> Self {
        Routes {
            networks: HashMap::with_hasher(hasher),
            lengths: [Lengths::default(); 2],
            count: 0,
            version: 0,
        }
    }

    /// How many routes there are.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Counts the changes, so that an answer can be kept while nothing changes.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// Something changed that routes depend on, such as a link.
    pub(crate) fn touch(&mut self) {
        self.version += 1;
    }

    /// Adds `route`, in place of one with the same destination, gateway and interface.
    pub(crate) fn add(&mut self, mut route: Route) {
        route.destination = route.destination.network();
        self.remove(&route);
        self.touch();
        let routes = self.networks.entry(route.destination).or_default();
        let place = routes.partition_point(|other| other.metric <= route.metric);
        routes.insert(place, route);
        self.count += 1;
        let network = route.destination;
        self.lengths[family(network.address())].set(network.prefix_len(), true);
    }

    /// Removes the route with this destination, gateway and interface, whatever its metric.
    pub(crate) fn remove(&mut self, route: &Route) -> bool {
        let network = route.destination.network();
        let same = |other: &Route| other.gateway == route.gateway && other.interface == route.interface;
        let Some(routes) = self.networks.get_mut(&network) else { return false };
        let Some(place) = routes.iter().position(same) else { return false };
        routes.remove(place);
        self.version += 1;
        self.count -= 1;
        if routes.is_empty() {
            self.networks.remove(&network);
            self.recompute_length(network);
        }
        true
    }

    /// Clears the bit of a length that has lost its last network. Walks the networks: a change of
    /// configuration, not a packet, pays for it.
    fn recompute_length(&mut self, gone: IpCidr) {
        let of = family(gone.address());
        let used = self
            .networks
            .keys()
            .any(|network| network.prefix_len() == gone.prefix_len() && family(network.address()) == of);
        self.lengths[of].set(gone.prefix_len(), used);
    }

    /// The best route to `destination` for whose interface `usable` holds.
    pub(crate) fn lookup(&self, destination: IpAddr, usable: impl Fn(InterfaceId) -> bool) -> Option<&Route> {
        self.lengths[family(destination)].descending().find_map(|prefix_len| {
            let network = IpCidr::new(mask(destination, prefix_len), prefix_len)?;
            self.networks.get(&network)?.iter().find(|route| usable(route.interface))
        })
    }

    /// All routes, in no particular order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Route> {
        self.networks.values().flatten()
    }
}

#[cfg(test)]
mod tests;
