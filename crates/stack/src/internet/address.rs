//! The addresses of this host.
//!
//! The host model is the weak one (RFC 1122 3.3.4.2, option B): a packet for any address of ours is accepted
//! on any interface, except for addresses that mean something only on their link.

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;

use fathom_wire::Instant;
use hashbrown::HashMap;

use crate::interface::InterfaceId;
use crate::internet::cidr::IpCidr;
use crate::internet::scope::{self, needs_interface};
use crate::random::TableHasher;
use crate::slab::{Key, Slab};
use crate::timer::TimerKey;
use crate::wheel::TimerId;

/// The least time between two defences of an address (RFC 5227 1.1, DEFEND_INTERVAL).
const DEFEND_INTERVAL: Duration = Duration::from_secs(10);

/// Whether an address may be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum AddressState {
    /// Others are being asked whether they have it (RFC 4862 5.4): it may not be used yet.
    Tentative {
        /// Questions still to be sent.
        transmits_left: u8,
    },
    /// May be used.
    Preferred,
    /// Another node has it: it may not be used.
    Duplicate,
}

/// An address of an interface.
#[derive(Debug)]
pub(crate) struct Address {
    pub(crate) interface: InterfaceId,
    pub(crate) cidr: IpCidr,
    pub(crate) state: AddressState,
    pub(crate) timer: Option<TimerId>,
    /// When we last told others that the address is ours.
    defended: Option<Instant>,
}

/// What a destination address is to us.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Destination {
    /// An address of ours.
    Ours,
    /// Of a network that is routed to us.
    Routed,
    /// Everybody's, on this link.
    Broadcast,
    /// A group that we are in.
    Group,
    /// Somebody else's.
    Elsewhere,
}

/// Why an address was not added.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AddressError {
    /// No such interface.
    #[error("there is no such interface")]
    NoSuchInterface,
    /// A group, broadcast, loopback or unspecified address cannot be given to an interface.
    #[error("the address is not that of a single host")]
    NotUnicast,
    /// The address is in use on this host already.
    #[error("the host has the address already")]
    InUse,
    /// The interface has as many addresses as
    /// [`InternetConfig::addresses_per_interface`](crate::InternetConfig::addresses_per_interface) allows,
    /// or the routing table is full.
    #[error("the interface has too many addresses, or the host too many routes")]
    TooMany,
}

/// An address, together with its interface where it means something only there.
type Name = (IpAddr, Option<InterfaceId>);

fn name(address: IpAddr, on: InterfaceId) -> Name {
    (address, needs_interface(address).then_some(on))
}

/// The addresses of all interfaces.
#[derive(Debug)]
pub(crate) struct Addresses {
    slab: Slab<Address>,
    index: HashMap<Name, Key, TableHasher>,
    /// By interface, in the order in which they were added.
    interfaces: Vec<Vec<Key>>,
    /// Broadcast addresses and groups of an interface, with how many addresses they come from.
    shared: HashMap<(IpAddr, InterfaceId), usize, TableHasher>,
    version: u64,
}

impl Addresses {
    /// The timers of duplicate address detection.
    pub(crate) fn timers(&self) -> impl Iterator<Item = (TimerId, TimerKey)> + '_ {
        self.slab.iter().filter_map(|(key, it)| it.timer.map(|timer| (timer, TimerKey::Address(key))))
    }

    pub(crate) fn new(hasher: TableHasher, forwarding: bool) -> Self {
        let mut addresses = Addresses {
            slab: Slab::new(),
            index: HashMap::with_hasher(hasher),
            interfaces: Vec::new(),
            shared: HashMap::with_hasher(hasher),
            version: 0,
        };
        addresses.add_interface(InterfaceId::LOOPBACK, forwarding);
        addresses
    }

    /// Counts the changes, so that an answer can be kept while nothing changes.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// Makes room for one more interface, which is in the groups that every node is in.
    pub(crate) fn add_interface(&mut self, id: InterfaceId, forwarding: bool) {
        self.version += 1;
        self.interfaces.push(Vec::new());
        self.join(scope::ALL_SYSTEMS.into(), id);
        self.join(scope::ALL_NODES.into(), id);
        if forwarding {
            self.join(scope::ALL_ROUTERS.into(), id);
        }
        self.join(Ipv4Addr::BROADCAST.into(), id);
    }

    /// Adds an address.
    pub(crate) fn add(
        &mut self,
        interface: InterfaceId,
        cidr: IpCidr,
        state: AddressState,
        limit: usize,
    ) -> Result<Key, AddressError> {
        let address = cidr.address();
        let single = scope::may_be_source(address) && !address.is_unspecified();
        if !single || cidr.broadcast().is_some_and(|broadcast| IpAddr::V4(broadcast) == address) {
            return Err(AddressError::NotUnicast);
        }
        if self.index.contains_key(&name(address, interface)) {
            return Err(AddressError::InUse);
        }
        let of_interface = self.interfaces.get_mut(interface.slot()).ok_or(AddressError::NoSuchInterface)?;
        if of_interface.len() >= limit {
            return Err(AddressError::TooMany);
        }
        self.version += 1;
        let key = self.slab.insert(Address { interface, cidr, state, timer: None, defended: None });
        of_interface.push(key);
        self.index.insert(name(address, interface), key);
        for shared in shared_addresses(cidr) {
            self.join(shared, interface);
        }
        Ok(key)
    }

    /// Removes an address of an interface.
    pub(crate) fn remove(&mut self, interface: InterfaceId, address: IpAddr) -> Option<Address> {
        let key = *self.index.get(&name(address, interface))?;
        if self.slab.get(key)?.interface != interface {
            return None;
        }
        self.version += 1;
        self.index.remove(&name(address, interface));
        self.interfaces[interface.slot()].retain(|other| *other != key);
        let removed = self.slab.remove(key)?;
        for shared in shared_addresses(removed.cidr) {
            self.leave(shared, interface);
        }
        Some(removed)
    }

    /// An address, to change its state.
    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut Address> {
        self.version += 1;
        self.slab.get_mut(key)
    }

    /// The address of ours with this value on this link, whatever its state.
    pub(crate) fn find(&self, on: InterfaceId, address: IpAddr) -> Option<(Key, &Address)> {
        let key = *self.index.get(&name(address, on))?;
        Some((key, self.slab.get(key)?))
    }

    /// Whether `address`, seen on the link of `on`, is ours and may be used.
    pub(crate) fn is_ours(&self, on: InterfaceId, address: IpAddr) -> bool {
        if on == InterfaceId::LOOPBACK {
            return self.owner(address).is_some();
        }
        self.find(on, address).is_some_and(|(_, found)| found.state == AddressState::Preferred)
    }

    /// Whether it is time to defend an address of ours against another user of it; notes that it is done.
    pub(crate) fn may_defend(&mut self, now: Instant, on: InterfaceId, address: IpAddr) -> bool {
        let Some(key) = self.index.get(&name(address, on)) else { return false };
        let Some(found) = self.slab.get_mut(*key) else { return false };
        if found.defended.is_some_and(|at| now < at + DEFEND_INTERVAL) {
            return false;
        }
        found.defended = Some(now);
        true
    }

    /// The interface that has `address`, which may be used. Of a link-local address the first that has it.
    pub(crate) fn owner(&self, address: IpAddr) -> Option<InterfaceId> {
        if address.is_loopback() {
            return Some(InterfaceId::LOOPBACK);
        }
        if !needs_interface(address) {
            let found = self.slab.get(*self.index.get(&(address, None))?)?;
            return (found.state == AddressState::Preferred).then_some(found.interface);
        }
        (1..self.interfaces.len()).map(|slot| InterfaceId(slot as u16)).find(|id| self.is_ours(*id, address))
    }

    /// What a packet's destination is to us.
    pub(crate) fn classify(&self, on: InterfaceId, destination: IpAddr) -> Destination {
        if self.is_ours(on, destination) {
            Destination::Ours
        } else if !self.shared.contains_key(&(destination, on)) {
            Destination::Elsewhere
        } else if destination.is_multicast() {
            Destination::Group
        } else {
            Destination::Broadcast
        }
    }

    /// Whether `address` is everybody's on the link of `on`.
    pub(crate) fn is_broadcast(&self, on: InterfaceId, address: IpAddr) -> bool {
        !address.is_multicast() && self.shared.contains_key(&(address, on))
    }

    /// The addresses of an interface that may be used, oldest first.
    pub(crate) fn usable(&self, interface: InterfaceId) -> impl Iterator<Item = IpCidr> + '_ {
        self.of_interface(interface)
            .filter(|address| address.state == AddressState::Preferred)
            .map(|address| address.cidr)
    }

    /// All addresses of an interface, oldest first.
    pub(crate) fn of_interface(&self, interface: InterfaceId) -> impl Iterator<Item = &Address> + '_ {
        self.interfaces.get(interface.slot()).into_iter().flatten().filter_map(|key| self.slab.get(*key))
    }

    /// Takes part in a broadcast address or group on an interface, once more.
    pub(crate) fn join(&mut self, address: IpAddr, on: InterfaceId) {
        self.version += 1;
        *self.shared.entry((address, on)).or_insert(0) += 1;
    }

    /// Takes part once less.
    pub(crate) fn leave(&mut self, address: IpAddr, on: InterfaceId) {
        self.version += 1;
        if let Some(count) = self.shared.get_mut(&(address, on)) {
            *count -= 1;
            if *count == 0 {
                self.shared.remove(&(address, on));
            }
        }
    }
}

/// The addresses that others use for this one too: the directed broadcast address of its network
/// (RFC 1122 3.2.1.3), its solicited-node group (RFC 4291 2.8).
fn shared_addresses(cidr: IpCidr) -> impl Iterator<Item = IpAddr> {
    let broadcast = cidr.broadcast().map(IpAddr::V4);
    let group = match cidr.address() {
        IpAddr::V6(v6) => Some(IpAddr::V6(scope::solicited_node(v6))),
        IpAddr::V4(_) => None,
    };
    broadcast.into_iter().chain(group)
}

#[cfg(test)]
mod tests;
