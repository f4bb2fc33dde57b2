//! Who has which port, and whom a datagram is for.

use alloc::vec::Vec;
use core::hash::BuildHasher;
use core::net::{IpAddr, SocketAddr};

use hashbrown::HashMap;

use super::{BindError, UdpBind, UdpSocket};
use crate::context::Context;
use crate::interface::InterfaceId;
use crate::internet::cidr::IpCidr;
use crate::random::TableHasher;
use crate::slab::Slab;
use crate::socket::UdpId;
use crate::stack::scope_id;
use crate::transport::port;

/// The two ends of what a connected socket hears.
type Ends = (SocketAddr, SocketAddr);

/// The sockets of one port.
#[derive(Debug, Default)]
struct Port {
    /// All, in the order in which they were opened.
    all: Vec<UdpId>,
    /// Those that are not connected.
    open: Vec<UdpId>,
}

/// Finds sockets by port, and connected ones by both ends, so that a datagram meets few of many.
#[derive(Debug)]
pub(super) struct Ports {
    ports: HashMap<u16, Port, TableHasher>,
    /// Sockets that are connected; more than one where they share their port.
    connected: HashMap<Ends, Vec<UdpId>, TableHasher>,
    /// Sockets that take everything for a network, the smallest network first.
    networks: Vec<(IpCidr, UdpId)>,
    hasher: TableHasher,
    next_ephemeral: u16,
}

/// What of a datagram decides whom it is for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Address {
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    pub(super) interface: InterfaceId,
    /// The local address is no address of ours, but in a network that is routed to us.
    pub(super) routed: bool,
}

impl Ports {
    pub(super) fn new(hasher: TableHasher) -> Self {
        Ports {
            ports: HashMap::with_hasher(hasher),
            connected: HashMap::with_hasher(hasher),
            networks: Vec::new(),
            hasher,
            next_ephemeral: 0,
        }
    }

    /// The port for a socket to open: that which it names if it may have it, or a free one.
    pub(super) fn choose(
        &mut self,
        cx: &mut Context<'_>,
        sockets: &Slab<UdpSocket>,
        bind: &UdpBind,
        local: SocketAddr,
    ) -> Result<u16, BindError> {
        if local.port() == 0 {
            let range = cx.config.datagram.ephemeral_ports;
            let ports = &self.ports;
            let is_free = |port| !ports.contains_key(&port);
            let chosen = port::choose(cx.random, &mut self.next_ephemeral, local, None, range, is_free);
            return chosen.ok_or(BindError::PortsExhausted);
        }
        let all = self.ports.get(&local.port()).map_or(&[][..], |port| &port.all);
        let taken = all.iter().filter_map(|id| sockets.get(id.0)).any(|other| {
            let shared = (bind.reuse_address && other.bind.reuse_address)
                || (bind.reuse_port && other.bind.reuse_port);
            !shared && collides(other, bind, local)
        });
        if taken { Err(BindError::AddressInUse) } else { Ok(local.port()) }
    }

    /// Enters a socket that was opened.
    pub(super) fn insert(&mut self, id: UdpId, port: u16) {
        let port = self.ports.entry(port).or_default();
        port.all.push(id);
        port.open.push(id);
    }

    /// Whether a socket may take everything for `network`.
    pub(super) fn check_network(&self, network: IpCidr) -> Result<(), BindError> {
        let taken = self.networks.iter().any(|(other, _)| *other == network.network());
        if taken { Err(BindError::AddressInUse) } else { Ok(()) }
    }

    /// Enters a socket that takes everything for `network`.
    pub(super) fn insert_network(&mut self, id: UdpId, network: IpCidr) {
        let len = network.prefix_len();
        let place = self.networks.partition_point(|(other, _)| other.prefix_len() >= len);
        self.networks.insert(place, (network.network(), id));
    }

    /// Removes a socket.
    pub(super) fn remove(&mut self, id: UdpId, socket: &UdpSocket) {
        if socket.bind.network().is_some() {
            self.networks.retain(|(_, other)| *other != id);
            return;
        }
        self.disconnect(id, socket);
        let number = socket.local.port();
        let Some(port) = self.ports.get_mut(&number) else { return };
        port.all.retain(|other| *other != id);
        port.open.retain(|other| *other != id);
        if port.all.is_empty() {
            self.ports.remove(&number);
        }
    }

    /// Enters a socket among the connected ones: its ends are set.
    pub(super) fn connect(&mut self, id: UdpId, socket: &UdpSocket) {
        let Some(remote) = socket.remote else { return };
        if let Some(port) = self.ports.get_mut(&socket.local.port()) {
            port.open.retain(|other| *other != id);
        }
        self.connected.entry((socket.local, plain(remote))).or_default().push(id);
    }

    /// Takes a socket from among the connected ones: its ends are still set.
    pub(super) fn disconnect(&mut self, id: UdpId, socket: &UdpSocket) {
        let Some(remote) = socket.remote else { return };
        let ends = (socket.local, plain(remote));
        if let Some(ids) = self.connected.get_mut(&ends) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.connected.remove(&ends);
            }
        }
        if let Some(port) = self.ports.get_mut(&socket.local.port()) {
            port.open.push(id);
        }
    }

    /// The socket that a datagram for one host is for: the one that fits best (a connected one before one that
    /// is bound to the address or interface before one that is bound to any). Of sockets that share the port,
    /// the one that the sender's hash says, or the one opened last.
    pub(super) fn find(&self, sockets: &Slab<UdpSocket>, address: &Address) -> Option<UdpId> {
        let connected = self.connected_to(address).unwrap_or_default();
        let of_port = || {
            let open = &self.ports.get(&address.local.port())?.open;
            self.best(sockets, open, address)
        };
        self.best(sockets, connected, address).or_else(of_port).or_else(|| self.of_network(sockets, address))
    }

    /// The socket that takes everything for the network that the local address is in. The host's own
    /// addresses are not meant by a network, unless it is one of these alone.
    fn of_network(&self, sockets: &Slab<UdpSocket>, address: &Address) -> Option<UdpId> {
        let ip = address.local.ip();
        let takes = |(network, id): &&(IpCidr, UdpId)| {
            let here = sockets.get(id.0).is_some_and(|socket| socket.is_at(address.interface));
            here && network.contains(ip) && (address.routed || *network == IpCidr::host(ip))
        };
        self.networks.iter().find(takes).map(|(_, id)| *id)
    }

    fn best(&self, sockets: &Slab<UdpSocket>, ids: &[UdpId], address: &Address) -> Option<UdpId> {
        let fits = |id: &UdpId| {
            let socket = sockets.get(id.0)?;
            Some((socket.fit(address)?, *id, socket.bind.reuse_port))
        };
        let (best, id, shared) = ids.iter().filter_map(fits).max_by_key(|(fit, ..)| *fit)?;
        if !shared {
            return Some(id);
        }
        let equals = || ids.iter().filter_map(fits).filter(|(fit, ..)| *fit == best);
        let hash = self.hasher.hash_one((address.remote, address.local));
        let index = (hash % equals().count().max(1) as u64) as usize;
        equals().nth(index).map(|(_, id, _)| id)
    }

    /// How many sockets have a port.
    pub(super) fn count(&self, port: u16) -> usize {
        self.ports.get(&port).map_or(0, |port| port.all.len())
    }

    /// The socket with number `index` of a port, if a datagram for a group or for everybody is for it (too).
    pub(super) fn member(&self, sockets: &Slab<UdpSocket>, address: &Address, index: usize) -> Option<UdpId> {
        let id = *self.ports.get(&address.local.port())?.all.get(index)?;
        let socket = sockets.get(id.0)?;
        let hears = socket.remote.is_none_or(|peer| plain(peer) == address.remote);
        (hears && socket.fit(address).is_some() && socket.hears_group(address)).then_some(id)
    }

    fn connected_to(&self, address: &Address) -> Option<&[UdpId]> {
        if self.connected.is_empty() {
            return None;
        }
        self.connected.get(&(address.local, address.remote)).map(Vec::as_slice)
    }
}

impl UdpSocket {
    /// How well the socket fits a datagram for its port, whoever sent it; `None` when it is not for it.
    fn fit(&self, address: &Address) -> Option<u8> {
        let (ip, any) = (address.local.ip(), self.local.ip().is_unspecified());
        // A link-local peer is one only on its link.
        let zone = self.remote.map_or(0, scope_id);
        let here = self.is_at(address.interface) && (zone == 0 || zone == address.interface.scope_id());
        if !here || !self.has_family_of(ip) || !(any || self.local.ip() == ip) {
            return None;
        }
        let of_family = self.local.is_ipv4() == ip.is_ipv4();
        Some(u8::from(!any) * 4 + u8::from(self.bind.interface.is_some()) * 2 + u8::from(of_family))
    }

    /// Whether the socket hears what comes in on an interface.
    fn is_at(&self, interface: InterfaceId) -> bool {
        // What we send to ourselves comes in on no link.
        self.bind.interface.is_none_or(|own| own == interface || interface == InterfaceId::LOOPBACK)
    }

    /// Whether a datagram for a group is for the socket: it is in the group on the interface and hears the
    /// sender there, or takes all that the host is in.
    fn hears_group(&self, address: &Address) -> bool {
        let group = address.local.ip();
        if !group.is_multicast() {
            return true;
        }
        let joined = self
            .memberships
            .iter()
            .find(|membership| membership.group == group && membership.interface == address.interface);
        match joined {
            Some(membership) => membership.filter.passes(address.remote.ip()),
            None => self.options.multicast_all || crate::internet::scope::is_permanent_group(group),
        }
    }
}

/// The same address without flow label and zone: what the datagrams of a peer have.
pub(super) fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip(), address.port())
}

/// Whether a socket that has the port, and one to open, would both be meant by some datagram.
fn collides(other: &UdpSocket, bind: &UdpBind, local: SocketAddr) -> bool {
    let apart = matches!((other.bind.interface, bind.interface), (Some(a), Some(b)) if a != b);
    let (a, b) = (other.local.ip(), local.ip());
    let dual = |ip: IpAddr, only_v6: bool| ip.is_ipv6() && ip.is_unspecified() && !only_v6;
    let families = a.is_ipv4() == b.is_ipv4()
        || (dual(a, other.bind.only_v6) && b.is_ipv4())
        || (dual(b, bind.only_v6) && a.is_ipv4());
    families && !apart && (a == b || a.is_unspecified() || b.is_unspecified())
}
