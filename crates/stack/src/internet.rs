//! The internet layer: IPv4 and IPv6, their control protocols, routes and addresses.

pub(crate) mod address;
pub(crate) mod cidr;
pub(crate) mod error;
pub(crate) mod forward;
pub(crate) mod icmp;
pub(crate) mod icmpv4;
pub(crate) mod icmpv6;
pub(crate) mod identification;
pub(crate) mod ndp;
pub(crate) mod path_mtu;
pub(crate) mod reassembly;
pub(crate) mod receive;
pub(crate) mod route;
pub(crate) mod scope;
pub(crate) mod source;
pub(crate) mod transmit;

use alloc::vec;
use alloc::vec::Vec;
use core::net::IpAddr;

use crate::config::Config;
use crate::interface::{Interface, InterfaceId};
use crate::link::neighbour::Neighbours;
use crate::link::queue::LinkQueue;
use crate::random::Random;
use address::Addresses;
use error::TokenBucket;
use identification::Identifications;
use path_mtu::PathMtus;
use reassembly::Reassemblies;
use route::Routes;

/// The state of the link and the internet layer.
#[derive(Debug)]
pub(crate) struct Internet {
    /// All interfaces, loopback first.
    pub(crate) interfaces: Vec<Interface>,
    /// What waits on each interface for its device.
    pub(crate) queues: Vec<LinkQueue>,
    pub(crate) addresses: Addresses,
    pub(crate) routes: Routes,
    pub(crate) neighbours: Neighbours,
    pub(crate) reassemblies: Reassemblies,
    pub(crate) path_mtus: PathMtus,
    pub(crate) identifications: Identifications,
    pub(crate) icmp_errors: TokenBucket,
}

impl Internet {
    pub(crate) fn new(config: &Config, random: &mut Random) -> Self {
        let hasher = random.table_hasher();
        Internet {
            interfaces: vec![Interface::loopback()],
            queues: vec![LinkQueue::default()],
            addresses: Addresses::new(hasher, config.forwarding),
            routes: Routes::new(hasher),
            neighbours: Neighbours::new(hasher),
            reassemblies: Reassemblies::new(hasher),
            path_mtus: PathMtus::new(hasher),
            identifications: Identifications::new(random),
            icmp_errors: TokenBucket::new(
                config.internet.icmp_errors_per_second,
                config.internet.icmp_error_burst,
            ),
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

    /// Whether packets can leave by the interface.
    pub(crate) fn is_up(&self, id: InterfaceId) -> bool {
        self.interface(id).up
    }

    /// Whether `address` is everybody's on the link of `interface`.
    pub(crate) fn is_broadcast(&self, interface: InterfaceId, address: IpAddr) -> bool {
        self.addresses.is_broadcast(interface, address)
    }
}
