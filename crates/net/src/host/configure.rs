//! Interfaces, addresses and routes, which may change while the host runs.

use std::io;
use std::net::IpAddr;

use fathom_stack::{Interface, InterfaceId, IpCidr, LocalPrefix, Route, Stack};
use fathom_wire::Instant;

use super::Host;
use crate::sync::lock;

impl Host {
    /// Adds an interface. The world or driver of the host calls this and moves the interface's frames.
    pub fn add_interface(&self, interface: Interface) -> InterfaceId {
        let id = self.stack(|stack, _| stack.add_interface(interface));
        lock(&self.inner.interfaces).push(id);
        id
    }

    /// The host's interfaces, in the order in which they were added.
    pub fn interfaces(&self) -> Vec<InterfaceId> {
        lock(&self.inner.interfaces).clone()
    }

    /// Takes the link of an interface up or down.
    pub fn set_link(&self, on: InterfaceId, up: bool) {
        self.stack(|stack, now| stack.set_link(now, on, up));
    }

    /// Gives an interface an address; the network of the address is reachable on it from then on.
    ///
    /// # Errors
    /// When the address cannot be one of a host, or there are too many.
    pub fn add_address(&self, on: InterfaceId, address: IpCidr) -> io::Result<()> {
        self.stack(|stack, now| stack.add_address(now, on, address)).map_err(invalid)
    }

    /// Takes an address away. Whether it was there is told.
    pub fn remove_address(&self, on: InterfaceId, address: IpAddr) -> bool {
        self.stack(|stack, now| stack.remove_address(now, on, address))
    }

    /// Takes all addresses of a network for the host's own when packets for them arrive on an interface; see
    /// [`Stack::add_local_prefix`]. With a default route on a TUN interface and `0.0.0.0/0` here the host
    /// stands for the whole internet.
    ///
    /// # Errors
    /// When there is no such interface, the network is one of groups, or there are too many.
    pub fn add_local_prefix(&self, on: InterfaceId, prefix: impl Into<LocalPrefix>) -> io::Result<()> {
        let prefix = prefix.into();
        self.stack(|stack, _| stack.add_local_prefix(on, prefix)).map_err(invalid)
    }

    /// Takes the addresses of a network for the host's own no more. Whether it did is told.
    pub fn remove_local_prefix(&self, on: InterfaceId, network: IpCidr) -> bool {
        self.stack(|stack, _| stack.remove_local_prefix(on, network))
    }

    /// Adds a route.
    ///
    /// # Errors
    /// When the route makes no sense, or there are too many.
    pub fn add_route(&self, route: Route) -> io::Result<()> {
        self.stack(|stack, now| stack.add_route(now, route)).map_err(invalid)
    }

    /// Takes a route away. Whether it was there is told.
    pub fn remove_route(&self, route: &Route) -> bool {
        self.stack(|stack, now| stack.remove_route(now, route))
    }

    /// Does something with the host's stack for which there is no method here.
    ///
    /// The stack is locked meanwhile, and every socket of the host waits: be short, and block on nothing.
    pub fn stack<R>(&self, f: impl FnOnce(&mut Stack, Instant) -> R) -> R {
        let runtime = self.runtime();
        let result = self.shard(0).with(|state| f(&mut state.stack, runtime.now()));
        runtime.attend(self);
        result
    }
}

fn invalid(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, error)
}
