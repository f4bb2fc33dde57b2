//! Membership of multicast groups.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use fathom_stack::{GroupError, InterfaceId, Udp};

use super::UdpSocket;
use crate::error::Failed;

impl UdpSocket {
    /// Joins a group on the interface that has the address `interface`; with `0.0.0.0` the host chooses. The
    /// socket hears what is sent to the group on its port, whoever else listens.
    ///
    /// # Errors
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) when the address is not that of a group,
    /// [`NotFound`](io::ErrorKind::NotFound) when there is no such interface,
    /// [`AddrInUse`](io::ErrorKind::AddrInUse) when the socket is in the group already,
    /// [`QuotaExceeded`](io::ErrorKind::QuotaExceeded) when it is in too many.
    pub fn join_multicast_v4(&self, group: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        let interface = self.interface_at(interface)?;
        self.join_multicast(group.into(), interface)
    }

    /// Leaves a group that it joined.
    ///
    /// # Errors
    /// [`AddrNotAvailable`](io::ErrorKind::AddrNotAvailable) when the socket is not in the group; otherwise as
    /// [`UdpSocket::join_multicast_v4`].
    pub fn leave_multicast_v4(&self, group: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        let interface = self.interface_at(interface)?;
        self.leave_multicast(group.into(), interface)
    }

    /// Joins a group on the interface with the zone index `interface` ([`InterfaceId::scope_id`]); with 0 the
    /// host chooses.
    ///
    /// # Errors
    /// As [`UdpSocket::join_multicast_v4`].
    pub fn join_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        let interface = self.interface_with(interface)?;
        self.join_multicast((*group).into(), interface)
    }

    /// Leaves a group that it joined.
    ///
    /// # Errors
    /// As [`UdpSocket::leave_multicast_v4`].
    pub fn leave_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        let interface = self.interface_with(interface)?;
        self.leave_multicast((*group).into(), interface)
    }

    /// Joins a group of either family; `None` lets the host choose the interface.
    ///
    /// # Errors
    /// As [`UdpSocket::join_multicast_v4`].
    pub fn join_multicast(&self, group: IpAddr, interface: Option<InterfaceId>) -> io::Result<()> {
        self.group(group, |udp| udp.join_multicast(group, interface))
    }

    /// Leaves a group of either family.
    ///
    /// # Errors
    /// As [`UdpSocket::leave_multicast_v4`].
    pub fn leave_multicast(&self, group: IpAddr, interface: Option<InterfaceId>) -> io::Result<()> {
        self.group(group, |udp| udp.leave_multicast(group, interface))
    }

    /// Joins a group for what `source` sends to it, beside other sources so joined (RFC 4607).
    ///
    /// # Errors
    /// As [`UdpSocket::join_multicast_v4`]; [`InvalidInput`](io::ErrorKind::InvalidInput) when the group was
    /// joined for all sources.
    pub fn join_source(
        &self,
        group: IpAddr,
        source: IpAddr,
        interface: Option<InterfaceId>,
    ) -> io::Result<()> {
        self.group(group, |udp| udp.join_source(group, source, interface))
    }

    /// Leaves a group for what `source` sends to it.
    ///
    /// # Errors
    /// As [`UdpSocket::leave_multicast_v4`].
    pub fn leave_source(
        &self,
        group: IpAddr,
        source: IpAddr,
        interface: Option<InterfaceId>,
    ) -> io::Result<()> {
        self.group(group, |udp| udp.leave_source(group, source, interface))
    }

    /// Receives nothing from `source` in a group that was joined for all sources.
    ///
    /// # Errors
    /// As [`UdpSocket::leave_multicast_v4`].
    pub fn block_source(
        &self,
        group: IpAddr,
        source: IpAddr,
        interface: Option<InterfaceId>,
    ) -> io::Result<()> {
        self.group(group, |udp| udp.block_source(group, source, interface))
    }

    /// Receives from `source` again.
    ///
    /// # Errors
    /// As [`UdpSocket::leave_multicast_v4`].
    pub fn unblock_source(
        &self,
        group: IpAddr,
        source: IpAddr,
        interface: Option<InterfaceId>,
    ) -> io::Result<()> {
        self.group(group, |udp| udp.unblock_source(group, source, interface))
    }

    fn group(
        &self,
        group: IpAddr,
        change: impl FnOnce(&mut Udp<'_>) -> Result<(), GroupError>,
    ) -> io::Result<()> {
        self.act(|udp| change(udp).map_err(|error| Failed::group(error, group)))
    }

    fn interface_at(&self, address: Ipv4Addr) -> io::Result<Option<InterfaceId>> {
        if address.is_unspecified() {
            return Ok(None);
        }
        let found = self.host().stack(|stack, _| {
            let has = |id: &InterfaceId| stack.addresses(*id).any(|cidr| cidr.address() == address);
            stack.interfaces().map(|(id, _)| id).find(has)
        });
        found.map(Some).ok_or_else(|| Failed::group(GroupError::NoSuchInterface, address.into()))
    }

    fn interface_with(&self, scope: u32) -> io::Result<Option<InterfaceId>> {
        if scope == 0 {
            return Ok(None);
        }
        let found = self
            .host()
            .stack(|stack, _| stack.interfaces().map(|(id, _)| id).find(|id| id.scope_id() == scope));
        found
            .map(Some)
            .ok_or_else(|| Failed::group(GroupError::NoSuchInterface, Ipv6Addr::UNSPECIFIED.into()))
    }
}
