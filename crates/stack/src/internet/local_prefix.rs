//! Networks all of whose addresses are taken for ours (what Linux calls AnyIP, `ip route add local`).
//!
//! A gateway that ends connections itself is sent packets for addresses that it has not: those of a network
//! that others route to it. Such an address is a destination and a source of ours like any other, with two
//! differences: it is no interface's, so it is never chosen as a source, and nobody on the link is told that
//! it is here, unless that is asked for.

use alloc::vec::Vec;
use core::net::IpAddr;

use crate::interface::InterfaceId;
use crate::internet::address::AddressError;
use crate::internet::cidr::IpCidr;
use crate::internet::scope::{is_solicited_node, may_be_source, needs_interface, solicited_node};

/// A network whose addresses are taken for ours where they arrive; see
/// [`Stack::add_local_prefix`](crate::Stack::add_local_prefix).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LocalPrefix {
    /// The addresses: all that can be those of a single host, so neither groups nor loopback nor, unless
    /// the network is one of these, link-local ones.
    pub network: IpCidr,
    /// Answer those who ask on an Ethernet link for the link address of one (proxy ARP, RFC 1027; RFC 4861
    /// 7.2.8). Without it others must have a route to this host. Off by default.
    pub answer_neighbours: bool,
}

impl LocalPrefix {
    /// `network`, which others have a route for.
    pub fn routed(network: IpCidr) -> Self {
        LocalPrefix { network: network.network(), answer_neighbours: false }
    }

    fn contains(&self, address: IpAddr) -> bool {
        let single = may_be_source(address) && !address.is_unspecified();
        // fe80::/10 is on every link.
        let reaches = !needs_interface(address) || needs_interface(self.network.address());
        self.network.contains(address) && single && reaches
    }
}

impl From<IpCidr> for LocalPrefix {
    fn from(network: IpCidr) -> Self {
        LocalPrefix::routed(network)
    }
}

/// The local prefixes of all interfaces. Those of the loopback interface hold wherever a packet arrives.
#[derive(Debug, Default)]
pub(crate) struct LocalPrefixes {
    /// By interface, longest first.
    interfaces: Vec<Vec<LocalPrefix>>,
    version: u64,
}

impl LocalPrefixes {
    /// Counts the changes, so that an answer can be kept while nothing changes.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// Adds a prefix, in place of one of the same network.
    pub(crate) fn add(
        &mut self,
        on: InterfaceId,
        prefix: LocalPrefix,
        limit: usize,
    ) -> Result<(), AddressError> {
        let prefix = LocalPrefix { network: prefix.network.network(), ..prefix };
        if prefix.network.address().is_multicast() {
            return Err(AddressError::NotUnicast);
        }
        self.remove(on, prefix.network);
        if self.interfaces.len() <= on.slot() {
            self.interfaces.resize_with(on.slot() + 1, Vec::new);
        }
        let prefixes = &mut self.interfaces[on.slot()];
        if prefixes.len() >= limit {
            return Err(AddressError::TooMany);
        }
        let len = prefix.network.prefix_len();
        let place = prefixes.partition_point(|other| other.network.prefix_len() >= len);
        prefixes.insert(place, prefix);
        self.version += 1;
        Ok(())
    }

    /// Removes the prefix of a network. Gives whether there was one.
    pub(crate) fn remove(&mut self, on: InterfaceId, network: IpCidr) -> bool {
        let Some(prefixes) = self.interfaces.get_mut(on.slot()) else { return false };
        let before = prefixes.len();
        prefixes.retain(|other| other.network != network.network());
        self.version += 1;
        prefixes.len() < before
    }

    /// The prefixes of an interface, longest first.
    pub(crate) fn of_interface(&self, on: InterfaceId) -> &[LocalPrefix] {
        self.interfaces.get(on.slot()).map_or(&[], Vec::as_slice)
    }

    /// Whether a packet for `address` that arrives `on` an interface is for us.
    pub(crate) fn takes(&self, on: InterfaceId, address: IpAddr) -> bool {
        let contains = |on| self.of_interface(on).iter().any(|prefix| prefix.contains(address));
        contains(on) || contains(InterfaceId::LOOPBACK)
    }

    /// Whether packets of our own to `address` stay here.
    pub(crate) fn loops(&self, address: IpAddr) -> bool {
        self.of_interface(InterfaceId::LOOPBACK).iter().any(|prefix| prefix.contains(address))
    }

    /// The interface that `address` is routed to: the one with the longest prefix.
    pub(crate) fn interface_of(&self, address: IpAddr) -> Option<InterfaceId> {
        let longest = self.interfaces.iter().enumerate().filter_map(|(slot, prefixes)| {
            let prefix = prefixes.iter().find(|prefix| prefix.contains(address))?;
            Some((prefix.network.prefix_len(), InterfaceId(slot as u16)))
        });
        longest.max_by_key(|(len, _)| *len).map(|(_, interface)| interface)
    }

    /// Whether we say on the link of `on` that `address` is here.
    pub(crate) fn answers_for(&self, on: InterfaceId, address: IpAddr) -> bool {
        self.of_interface(on).iter().any(|prefix| prefix.answer_neighbours && prefix.contains(address))
    }

    /// Whether `group` is where somebody asks for an address that we answer for.
    pub(crate) fn is_asked_at(&self, on: InterfaceId, group: IpAddr) -> bool {
        let IpAddr::V6(group) = group else { return false };
        // A group has the last 24 bits of an address.
        let asked = |prefix: &LocalPrefix| match prefix.network.address() {
            IpAddr::V6(_) if prefix.network.prefix_len() <= 104 => true,
            IpAddr::V6(first) => {
                let bits = u32::from(prefix.network.prefix_len());
                let kept = u128::MAX << (128 - bits);
                (solicited_node(first).to_bits() ^ group.to_bits()) & kept == 0
            }
            IpAddr::V4(_) => false,
        };
        is_solicited_node(group)
            && self.of_interface(on).iter().any(|prefix| prefix.answer_neighbours && asked(prefix))
    }
}
