//! Interfaces, addresses and routes: what changes at run time.

use core::net::{IpAddr, Ipv6Addr};
use core::time::Duration;

use fathom_record::DropReason;
use fathom_wire::Instant;

use super::{Parts, Stack};
use crate::interface::{Interface, InterfaceId, Medium};
use crate::internet::address::{AddressError, AddressState};
use crate::internet::cidr::IpCidr;
use crate::internet::local_prefix::LocalPrefix;
use crate::internet::multicast::report;
use crate::internet::route::{Route, RouteError};
use crate::internet::scope::{ALL_ROUTERS, link_local_from};
use crate::link::queue::LinkQueue;
use crate::link::resolution;
use crate::slab::Key;
use crate::timer::TimerKey;

/// The least MTU of IPv4 (RFC 791 3.2): a fragment has a header of 60 bytes at most and 8 of data.
const MIN_MTU: usize = 68;
/// RFC 4861 10, MAX_RTR_SOLICITATION_DELAY: a node waits a random part of it before its first message.
const MAX_START_DELAY: Duration = Duration::from_secs(1);

impl Stack {
    /// Adds an interface. An MTU below 68 bytes is taken as 68 (RFC 791 3.2).
    ///
    /// An Ethernet interface gets a link-local IPv6 address if
    /// [`InternetConfig::link_local`](crate::InternetConfig::link_local) says so.
    pub fn add_interface(&mut self, mut interface: Interface) -> InterfaceId {
        let id = InterfaceId(self.internet.interfaces.len() as u16);
        interface.mtu = interface.mtu.max(MIN_MTU);
        let medium = interface.medium;
        self.internet.interfaces.push(interface);
        self.internet.queues.push(LinkQueue::default());
        self.internet.addresses.add_interface(id, self.shared.config.forwarding);
        self.internet.groups.add_interface();
        self.shared.sendable.add_interface();
        if let (true, Medium::Ethernet { .. }) = (self.shared.config.forwarding, medium) {
            self.parts(Instant::ZERO).change_own(id, ALL_ROUTERS.into(), true);
        }
        if let (true, Medium::Ethernet { address }) = (self.shared.config.internet.link_local, medium) {
            let address = IpCidr::host(link_local_from(address.0));
            let cidr = IpCidr::new(address.address(), 64).unwrap_or(address);
            // Fails only where Config allows no address at all.
            let _ = self.add_address(Instant::ZERO, id, cidr);
        }
        id
    }

    /// The link of an interface came up or went down.
    ///
    /// When it goes down its neighbours are forgotten and what waited for it is dropped; sockets go on by
    /// another route where there is one. Where there is none it is as if the routes over the interface were
    /// gone (`ip link set down` on Linux): datagrams and new connections find the network unreachable;
    /// connections keep what they have to send, go on as soon as there is a way again, and time out if that
    /// takes longer than their patience. Addresses stay.
    pub fn set_link(&mut self, now: Instant, id: InterfaceId, up: bool) {
        let Some(interface) = self.internet.interfaces.get_mut(id.slot()) else { return };
        if core::mem::replace(&mut interface.up, up) == up {
            return;
        }
        let Parts { mut cx, internet, .. } = self.parts(now);
        internet.routes.touch();
        if up {
            return report::tell_all(&mut cx, internet, id);
        }
        let waiting = internet.neighbours.forget_interface(&mut cx, id);
        for packet in internet.queues[id.slot()].drain(&mut cx) {
            resolution::dropped(&mut cx, id, DropReason::InterfaceDown, &packet);
        }
        for waiting in waiting {
            for packet in waiting.packets {
                resolution::dropped(&mut cx, id, DropReason::InterfaceDown, &packet);
            }
            for socket in waiting.sockets {
                cx.sendable.unpark(socket);
            }
        }
        cx.sendable.refile(id);
    }

    /// Gives an interface an address, and a route to the address's network.
    ///
    /// It may be used at once, unless
    /// [`InternetConfig::duplicate_address_transmits`](crate::InternetConfig::duplicate_address_transmits)
    /// asks for duplicate address detection of IPv6 addresses (RFC 4862 5.4).
    ///
    /// # Errors
    /// [`AddressError`] when the interface or the address will not do.
    pub fn add_address(
        &mut self,
        now: Instant,
        id: InterfaceId,
        address: IpCidr,
    ) -> Result<(), AddressError> {
        let Parts { cx, internet, .. } = self.parts(now);
        let interface = internet.interfaces.get(id.slot()).ok_or(AddressError::NoSuchInterface)?;
        let detect = address.address().is_ipv6() && matches!(interface.medium, Medium::Ethernet { .. });
        let transmits_left = cx.config.internet.duplicate_address_transmits;
        let state = match transmits_left {
            1.. if detect => AddressState::Tentative { transmits_left },
            _ => AddressState::Preferred,
        };
        if internet.routes.len() >= cx.config.internet.routes {
            return Err(AddressError::TooMany);
        }
        let limit = cx.config.internet.addresses_per_interface;
        let key = internet.addresses.add(id, address, state, limit)?;
        internet.routes.add(network_route(id, address));
        if state != AddressState::Preferred {
            let wait = MAX_START_DELAY * cx.random.below(1000) / 1000;
            let timer = cx.timers.insert(now + wait, TimerKey::Address(key));
            if let Some(added) = internet.addresses.get_mut(key) {
                added.timer = Some(timer);
            }
        }
        if let IpAddr::V6(address) = address.address() {
            self.parts(now).change_solicited_node(id, address, true);
        }
        Ok(())
    }

    /// Takes an address, and the route to its network, from an interface. Gives whether it had it.
    ///
    /// Connections, listeners and sockets of the address stay. Nothing reaches or leaves them until the
    /// address is back; then they go on. A connection that has something to send times out meanwhile, and a
    /// datagram finds the network unreachable.
    pub fn remove_address(&mut self, now: Instant, id: InterfaceId, address: IpAddr) -> bool {
        let Parts { cx, internet, .. } = self.parts(now);
        let Some(removed) = internet.addresses.remove(id, address) else { return false };
        if let Some(timer) = removed.timer {
            cx.timers.cancel(timer);
        }
        // Another address of the same network keeps the route.
        let network = removed.cidr.network();
        if !internet.addresses.of_interface(id).any(|other| other.cidr.network() == network) {
            internet.routes.remove(&network_route(id, removed.cidr));
        }
        if let IpAddr::V6(address) = address {
            self.parts(now).change_solicited_node(id, address, false);
        }
        true
    }

    /// The addresses of an interface that may be used, oldest first.
    pub fn addresses(&self, id: InterfaceId) -> impl Iterator<Item = IpCidr> + '_ {
        self.internet.addresses.usable(id)
    }

    /// Takes all addresses of a network for ours when packets for them arrive on an interface: those that
    /// others route to this host. With [`InterfaceId::LOOPBACK`] that holds on every interface, and for what
    /// this host sends to itself, as with Linux's `ip route add local PREFIX dev lo`; without it our own
    /// packets to such an address leave by their route.
    ///
    /// Sockets may be bound to such an address, and what answers a packet for it comes from it. The host's own
    /// addresses, and broadcast addresses, stay what they are. A prefix of the same network on the same
    /// interface is replaced.
    ///
    /// ```
    /// # use fathom_stack::{Config, Interface, IpCidr, Seed, Stack};
    /// let mut stack = Stack::new(Config::default(), Seed::from_u64(1));
    /// let tun0 = stack.add_interface(Interface::ip("tun0"));
    /// stack.add_local_prefix(tun0, IpCidr::IPV4_ANY)?;
    /// // A packet for 203.0.113.9 that arrives on tun0 is for us from here on.
    /// # Ok::<(), fathom_stack::AddressError>(())
    /// ```
    ///
    /// # Errors
    /// [`AddressError`]: no such interface, a network of groups, or as many prefixes on the interface as
    /// [`InternetConfig::addresses_per_interface`](crate::InternetConfig::addresses_per_interface) says.
    pub fn add_local_prefix(
        &mut self,
        id: InterfaceId,
        prefix: impl Into<LocalPrefix>,
    ) -> Result<(), AddressError> {
        if id.slot() >= self.internet.interfaces.len() {
            return Err(AddressError::NoSuchInterface);
        }
        let limit = self.shared.config.internet.addresses_per_interface;
        self.internet.local_prefixes.add(id, prefix.into(), limit)
    }

    /// Addresses of the network are no longer taken for ours, unless they are; sockets that use one fare as
    /// when an address is removed. Gives whether there was such a prefix.
    pub fn remove_local_prefix(&mut self, id: InterfaceId, network: IpCidr) -> bool {
        self.internet.local_prefixes.remove(id, network)
    }

    /// The local prefixes of an interface, longest first.
    pub fn local_prefixes(&self, id: InterfaceId) -> &[LocalPrefix] {
        self.internet.local_prefixes.of_interface(id)
    }

    /// Adds a route, in place of one with the same destination, gateway and interface.
    ///
    /// # Errors
    /// [`RouteError`] when it contradicts itself or the table is full.
    pub fn add_route(&mut self, _now: Instant, route: Route) -> Result<(), RouteError> {
        if route.interface.slot() >= self.internet.interfaces.len() {
            return Err(RouteError::NoSuchInterface);
        }
        let destination = route.destination.address();
        if route.gateway.is_some_and(|gateway| gateway.is_ipv4() != destination.is_ipv4()) {
            return Err(RouteError::FamilyMismatch);
        }
        if self.internet.routes.len() >= self.shared.config.internet.routes {
            return Err(RouteError::TableFull);
        }
        self.internet.routes.add(route);
        Ok(())
    }

    /// Removes the route with this destination, gateway and interface. Gives whether there was one.
    pub fn remove_route(&mut self, _now: Instant, route: &Route) -> bool {
        self.internet.routes.remove(route)
    }
}

/// The destinations on the interface's own link.
fn network_route(interface: InterfaceId, address: IpCidr) -> Route {
    Route { destination: address.network(), gateway: None, interface, metric: 0 }
}

impl Parts<'_> {
    /// The timer of duplicate address detection ran out (RFC 4862 5.4).
    pub(super) fn handle_address_timer(&mut self, key: Key) {
        let Some(address) = self.internet.addresses.get_mut(key) else { return };
        address.timer = None;
        let AddressState::Tentative { transmits_left } = address.state else { return };
        let (on, IpAddr::V6(target)) = (address.interface, address.cidr.address()) else { return };
        if transmits_left == 0 {
            // Nobody objected.
            address.state = AddressState::Preferred;
            return;
        }
        address.state = AddressState::Tentative { transmits_left: transmits_left - 1 };
        let deadline = self.cx.now + self.cx.config.link.retransmit;
        address.timer = Some(self.cx.timers.insert(deadline, TimerKey::Address(key)));
        resolution::probe(&mut self.cx, self.internet, on, target);
    }

    /// Another node has a tentative address of ours, or tries to get it (RFC 4862 5.4.4, 5.4.5).
    pub(super) fn duplicate_address(&mut self, on: InterfaceId, address: Ipv6Addr) {
        let Some((key, _)) = self.internet.addresses.find(on, address.into()) else { return };
        let Some(address) = self.internet.addresses.get_mut(key) else { return };
        address.state = AddressState::Duplicate;
        if let Some(timer) = address.timer.take() {
            self.cx.timers.cancel(timer);
        }
    }
}
