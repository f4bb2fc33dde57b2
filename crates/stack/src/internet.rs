//! The internet layer: IPv4 and IPv6, their control protocols, routes and addresses.

pub(crate) mod address;
pub(crate) mod cidr;
pub(crate) mod coalesce;
pub(crate) mod error;
pub(crate) mod forward;
pub(crate) mod icmp;
pub(crate) mod icmpv4;
pub(crate) mod icmpv6;
pub(crate) mod identification;
pub(crate) mod local_prefix;
pub(crate) mod multicast;
pub(crate) mod ndp;
pub(crate) mod path_mtu;
pub(crate) mod reassembly;
pub(crate) mod receive;
pub(crate) mod recent;
pub(crate) mod route;
pub(crate) mod scope;
pub(crate) mod source;
pub(crate) mod transmit;

use alloc::vec;
use alloc::vec::Vec;
use core::net::IpAddr;

use fathom_record::DropReason;

use crate::config::Config;
use crate::interface::{Interface, InterfaceId};
use crate::link::neighbour::Neighbours;
use crate::link::queue::LinkQueue;
use crate::random::Random;
use address::{Addresses, Destination};
use error::TokenBucket;
use identification::Identifications;
use local_prefix::LocalPrefixes;
use multicast::groups::Groups;
use path_mtu::PathMtus;
use reassembly::Reassemblies;
use recent::Recent;
use route::Routes;
use transmit::Hop;

/// The state of the link and the internet layer.
#[derive(Debug)]
pub(crate) struct Internet {
    /// All interfaces, loopback first.
    pub(crate) interfaces: Vec<Interface>,
    /// What waits on each interface for its device.
    pub(crate) queues: Vec<LinkQueue>,
    pub(crate) addresses: Addresses,
    pub(crate) groups: Groups,
    pub(crate) local_prefixes: LocalPrefixes,
    pub(crate) routes: Routes,
    pub(crate) neighbours: Neighbours,
    pub(crate) reassemblies: Reassemblies,
    pub(crate) path_mtus: PathMtus,
    pub(crate) identifications: Identifications,
    pub(crate) icmp_errors: TokenBucket,
    /// The interface, source and destination of the latest packet that arrived, and what they are to us;
    /// `None` when the source will not do.
    recent_ends: Recent<(InterfaceId, IpAddr, IpAddr), Option<Destination>>,
    /// The version at which what depends on routes was last looked through.
    seen_version: u64,
    /// The ends of the latest packet that a socket sent, and its first hop.
    recent_hop: Recent<(IpAddr, IpAddr, Option<InterfaceId>), Result<Hop, DropReason>>,
}

impl Internet {
    pub(crate) fn new(config: &Config, random: &mut Random) -> Self {
        let hasher = random.table_hasher();
        Internet {
            interfaces: vec![Interface::loopback()],
            queues: vec![LinkQueue::default()],
            groups: Groups::new(hasher, config.internet.group_reports),
            addresses: Addresses::new(hasher, config.forwarding),
            local_prefixes: LocalPrefixes::default(),
            routes: Routes::new(hasher),
            neighbours: Neighbours::new(hasher),
            reassemblies: Reassemblies::new(hasher),
            path_mtus: PathMtus::new(hasher),
            identifications: Identifications::new(random),
            icmp_errors: TokenBucket::new(
                config.internet.icmp_errors_per_second,
                config.internet.icmp_error_burst,
            ),
            seen_version: 0,
            recent_ends: Recent::new(),
            recent_hop: Recent::new(),
        }
    }

    pub(crate) fn interface(&self, id: InterfaceId) -> &Interface {
        &self.interfaces[id.slot()]
    }

    /// The names of all interfaces but loopback.
    pub(crate) fn interface_ids(&self) -> impl Iterator<Item = InterfaceId> + use<> {
        (1..self.interfaces.len() as u16).map(InterfaceId)
    }

    /// The interface that packets from `source` to `destination` leave by.
    pub(crate) fn route_interface(&self, source: IpAddr, destination: IpAddr) -> Option<InterfaceId> {
        transmit::route(self, Some(source), destination, None).map(|hop| hop.interface)
    }

    /// Counts the changes of addresses, routes and links.
    fn version(&self) -> u64 {
        // All only grow, so their sum grows with each change.
        self.addresses.version() + self.routes.version() + self.local_prefixes.version()
    }

    /// Whether [`has_changed`](Internet::has_changed) would say yes.
    pub(crate) fn is_to_notice_changes(&self) -> bool {
        self.seen_version != self.version()
    }

    /// Whether addresses, routes or links have changed since the last call. What routers told about paths is
    /// forgotten then: a path MTU is that of the way it was found on.
    pub(crate) fn has_changed(&mut self) -> bool {
        let version = self.version();
        let changed = core::mem::replace(&mut self.seen_version, version) != version;
        if changed {
            self.path_mtus.clear();
        }
        changed
    }

    /// What the ends of a packet that arrived `on` an interface are to us; `None` when its source will not do.
    pub(crate) fn ends(
        &mut self,
        on: InterfaceId,
        source: IpAddr,
        destination: IpAddr,
    ) -> Option<Destination> {
        let version = self.version();
        let is_latest = |latest: &(InterfaceId, IpAddr, IpAddr)| {
            latest.0 == on && latest.1 == source && latest.2 == destination
        };
        if let Some(ends) = self.recent_ends.get(version, is_latest) {
            return *ends;
        }
        let ends = receive::is_acceptable_source(self, on, source, destination)
            .then(|| self.classify(on, destination));
        self.recent_ends.note(version, (on, source, destination), ends);
        ends
    }

    /// What a packet's destination is to us. The host's own addresses come first.
    fn classify(&self, on: InterfaceId, destination: IpAddr) -> Destination {
        match self.addresses.classify(on, destination) {
            Destination::Elsewhere if self.local_prefixes.takes(on, destination) => Destination::Routed,
            Destination::Elsewhere if self.local_prefixes.is_asked_at(on, destination) => Destination::Group,
            known => known,
        }
    }

    /// The interface at which packets for `address` arrive, if they are for us: one that has it, or that
    /// its network is routed to.
    pub(crate) fn interface_of(&self, address: IpAddr) -> Option<InterfaceId> {
        self.addresses.owner(address).or_else(|| self.local_prefixes.interface_of(address))
    }

    /// The first hop of what a socket sends from `source`.
    pub(crate) fn first_hop(
        &mut self,
        source: &IpAddr,
        destination: &IpAddr,
        via: Option<InterfaceId>,
    ) -> Result<(), DropReason> {
        let version = self.version();
        let is_latest = |latest: &(IpAddr, IpAddr, Option<InterfaceId>)| {
            latest.0 == *source && latest.1 == *destination && latest.2 == via
        };
        if self.recent_hop.get(version, is_latest).is_none() {
            let hop = self.find_first_hop(*source, *destination, via);
            self.recent_hop.note(version, (*source, *destination, via), hop);
        }
        match self.recent_hop.latest() {
            Some(Ok(_)) => Ok(()),
            Some(Err(reason)) => Err(*reason),
            None => Err(DropReason::NoRoute),
        }
    }

    /// The hop that [`first_hop`](Internet::first_hop) has just found.
    #[inline]
    pub(crate) fn latest_hop(&self) -> &Hop {
        const NONE: Hop = Hop {
            interface: InterfaceId::LOOPBACK,
            next_hop: IpAddr::V4(core::net::Ipv4Addr::UNSPECIFIED),
            hardware: None,
        };
        match self.recent_hop.latest() {
            Some(Ok(hop)) => hop,
            // Nobody asks before one is found.
            _ => &NONE,
        }
    }

    fn find_first_hop(
        &self,
        source: IpAddr,
        destination: IpAddr,
        via: Option<InterfaceId>,
    ) -> Result<Hop, DropReason> {
        let hop = transmit::route(self, Some(source), destination, via).ok_or(DropReason::NoRoute)?;
        // RFC 1122 3.2.1.3: a datagram carries an address of ours, which may be gone by now; or none, from a
        // host that asks everybody for one.
        if source.is_unspecified() {
            return Ok(hop);
        }
        self.interface_of(source).map(|_| hop).ok_or(DropReason::NoSourceAddress)
    }

    /// Whether packets can leave by the interface.
    pub(crate) fn is_up(&self, id: InterfaceId) -> bool {
        self.interface(id).up
    }

    /// Whether `address` is everybody's on the link of `interface`.
    pub(crate) fn is_broadcast(&self, interface: InterfaceId, address: IpAddr) -> bool {
        self.addresses.is_broadcast(interface, address)
    }
}
