//! Multicast membership of UDP sockets (RFC 1112 7.1, RFC 3376 2, RFC 3810 3; RFC 3678's operations).

use core::net::IpAddr;

use super::Udp;
use crate::interface::InterfaceId;
use crate::internet::multicast::{Membership, SourceFilter};
use crate::internet::transmit::route;
use crate::stack::Stack;

/// Why a socket did not join a group, or leave it, or change whom it hears there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum GroupError {
    /// The address is not that of a group, or is of another family than the socket.
    #[error("the address is not that of a multicast group")]
    NotMulticast,
    /// The source is not the address of a single host of the group's family.
    #[error("the source is not the address of a host")]
    BadSource,
    /// The host has no such interface, or none that suits.
    #[error("there is no such interface")]
    NoSuchInterface,
    /// The socket is in the group on this interface already.
    #[error("the socket is in the group already")]
    AlreadyJoined,
    /// The socket is not in the group on this interface, or does not name this source.
    #[error("the socket is not in the group")]
    NotJoined,
    /// The membership is of the other kind: it names those whom it does not hear, or hears those alone whom it
    /// names.
    #[error("the membership filters the other way")]
    OtherFilter,
    /// The socket, the interface or the filter has as many as it may.
    #[error("there are too many groups or sources")]
    TooMany,
}

/// Where a membership is in a socket, if it is in it.
type Place = Option<usize>;

impl Udp<'_> {
    /// Joins a group on an interface: the socket hears what everybody sends to it there. Without an interface
    /// the one that the route to the group leads to, or the first that is up.
    ///
    /// # Errors
    /// [`GroupError`].
    pub fn join_multicast(
        &mut self,
        group: IpAddr,
        interface: Option<InterfaceId>,
    ) -> Result<(), GroupError> {
        let (group, interface, place) = self.find(group, interface)?;
        match place {
            Some(_) => Err(GroupError::AlreadyJoined),
            None => self.change(group, interface, None, Some(SourceFilter::EVERYBODY)),
        }
    }

    /// Leaves a group on an interface, whomever it heard there.
    ///
    /// # Errors
    /// [`GroupError`].
    pub fn leave_multicast(
        &mut self,
        group: IpAddr,
        interface: Option<InterfaceId>,
    ) -> Result<(), GroupError> {
        let (group, interface, place) = self.find(group, interface)?;
        self.change(group, interface, Some(place.ok_or(GroupError::NotJoined)?), None)
    }

    /// Hears what `source` sends to a group on an interface, beside other sources so joined (RFC 4607).
    ///
    /// # Errors
    /// [`GroupError`].
    pub fn join_source(
        &mut self,
        group: IpAddr,
        source: IpAddr,
        interface: Option<InterfaceId>,
    ) -> Result<(), GroupError> {
        let (group, interface, place) = self.find(group, interface)?;
        let source = host(source, group)?;
        let Some(place) = place else {
            return self.change(group, interface, None, Some(SourceFilter::only(source)));
        };
        let mut filter = self.filter(place, false)?;
        if !filter.name(source) {
            return Err(GroupError::AlreadyJoined);
        }
        self.change(group, interface, Some(place), Some(filter))
    }

    /// Hears `source` no more, which it had joined; with the last source it leaves the group.
    ///
    /// # Errors
    /// [`GroupError`].
    pub fn leave_source(
        &mut self,
        group: IpAddr,
        source: IpAddr,
        interface: Option<InterfaceId>,
    ) -> Result<(), GroupError> {
        let (group, interface, place) = self.find(group, interface)?;
        let place = place.ok_or(GroupError::NotJoined)?;
        let mut filter = self.filter(place, false)?;
        if !filter.unname(source.to_canonical()) {
            return Err(GroupError::NotJoined);
        }
        let filter = Some(filter).filter(|filter| !filter.sources.is_empty());
        self.change(group, interface, Some(place), filter)
    }

    /// Does not hear `source` in a group that it has joined.
    ///
    /// # Errors
    /// [`GroupError`].
    pub fn block_source(
        &mut self,
        group: IpAddr,
        source: IpAddr,
        interface: Option<InterfaceId>,
    ) -> Result<(), GroupError> {
        let (group, interface, place) = self.find(group, interface)?;
        let place = place.ok_or(GroupError::NotJoined)?;
        let mut filter = self.filter(place, true)?;
        if !filter.name(host(source, group)?) {
            return Err(GroupError::AlreadyJoined);
        }
        self.change(group, interface, Some(place), Some(filter))
    }

    /// Hears `source` again, which was blocked.
    ///
    /// # Errors
    /// [`GroupError`].
    pub fn unblock_source(
        &mut self,
        group: IpAddr,
        source: IpAddr,
        interface: Option<InterfaceId>,
    ) -> Result<(), GroupError> {
        let (group, interface, place) = self.find(group, interface)?;
        let place = place.ok_or(GroupError::NotJoined)?;
        let mut filter = self.filter(place, true)?;
        if !filter.unname(source.to_canonical()) {
            return Err(GroupError::NotJoined);
        }
        self.change(group, interface, Some(place), Some(filter))
    }

    /// The groups that the socket is in, with their interfaces.
    pub fn groups(&self) -> impl Iterator<Item = (IpAddr, InterfaceId)> + '_ {
        let memberships = self.socket().map_or(&[][..], |socket| &socket.memberships);
        memberships.iter().map(|membership| (membership.group, membership.interface))
    }

    /// Leaves all groups.
    pub(super) fn leave_all(&mut self) {
        while let Some(&Membership { group, interface, .. }) =
            self.socket().and_then(|socket| socket.memberships.last())
        {
            let place = self.socket().map_or(0, |socket| socket.memberships.len() - 1);
            if self.change(group, interface, Some(place), None).is_err() {
                return;
            }
        }
    }

    /// The group as the stack knows it, the interface that is meant, and where the membership is.
    fn find(
        &self,
        group: IpAddr,
        interface: Option<InterfaceId>,
    ) -> Result<(IpAddr, InterfaceId, Place), GroupError> {
        let group = group.to_canonical();
        let socket = self.socket().ok_or(GroupError::NotJoined)?;
        if !group.is_multicast() || !socket.has_family_of(group) {
            return Err(GroupError::NotMulticast);
        }
        let named = interface.or(socket.bind().interface);
        let interface = match named {
            Some(named) if !self.stack.is_link(named) => return Err(GroupError::NoSuchInterface),
            Some(named) => named,
            None => {
                let joined = socket.memberships.iter().find(|membership| membership.group == group);
                let known = joined.map(|membership| membership.interface);
                known.or_else(|| self.stack.group_interface(group)).ok_or(GroupError::NoSuchInterface)?
            }
        };
        let is_it = |membership: &Membership| membership.group == group && membership.interface == interface;
        Ok((group, interface, socket.memberships.iter().position(is_it)))
    }

    /// The filter of a membership, which must name those whom it does not hear, or not.
    fn filter(&self, place: usize, exclude: bool) -> Result<SourceFilter, GroupError> {
        let membership = self.socket().and_then(|socket| socket.memberships.get(place));
        let filter = &membership.ok_or(GroupError::NotJoined)?.filter;
        if filter.exclude == exclude { Ok(filter.clone()) } else { Err(GroupError::OtherFilter) }
    }

    /// Sets the filter of a membership: of one that is there, of a new one, or of none.
    fn change(
        &mut self,
        group: IpAddr,
        interface: InterfaceId,
        place: Place,
        filter: Option<SourceFilter>,
    ) -> Result<(), GroupError> {
        let mut parts = self.stack.parts(self.now);
        let socket = parts.transports.udp.get_mut(self.id).ok_or(GroupError::NotJoined)?;
        let limits = (parts.cx.config.datagram.groups_per_socket, parts.cx.config.internet.sources_per_group);
        let full = place.is_none() && socket.memberships.len() >= limits.0;
        if full || filter.as_ref().is_some_and(|filter| filter.sources.len() > limits.1) {
            return Err(GroupError::TooMany);
        }
        let before = place.and_then(|place| socket.memberships.get(place)).map(|known| known.filter.clone());
        let after = filter.clone();
        match (place, filter) {
            (Some(place), Some(filter)) => socket.memberships[place].filter = filter,
            (Some(place), None) => drop(socket.memberships.swap_remove(place)),
            (None, Some(filter)) => socket.memberships.push(Membership { group, interface, filter }),
            (None, None) => {}
        }
        if parts.change_membership(interface, group, before.as_ref(), after.as_ref()) {
            return Ok(());
        }
        // There is no room for another group on the interface.
        if let Some(socket) = parts.transports.udp.get_mut(self.id) {
            socket.memberships.retain(|known| known.group != group || known.interface != interface);
        }
        Err(GroupError::TooMany)
    }
}

impl Stack {
    /// Whether there is such an interface, other than loopback.
    fn is_link(&self, id: InterfaceId) -> bool {
        id != InterfaceId::LOOPBACK && id.slot() < self.internet.interfaces.len()
    }

    /// The interface on which a group is joined that names none.
    fn group_interface(&self, group: IpAddr) -> Option<InterfaceId> {
        let routed = route(&self.internet, None, group, None).map(|hop| hop.interface);
        routed
            .filter(|interface| *interface != InterfaceId::LOOPBACK)
            .or_else(|| self.internet.interface_ids().find(|id| self.internet.is_up(*id)))
            .or_else(|| self.internet.interface_ids().next())
    }
}

/// The source as the stack knows it, if it can be a host that sends to `group`.
fn host(source: IpAddr, group: IpAddr) -> Result<IpAddr, GroupError> {
    let source = source.to_canonical();
    let good = source.is_ipv4() == group.is_ipv4()
        && !source.is_unspecified()
        && crate::internet::scope::may_be_source(source);
    if good { Ok(source) } else { Err(GroupError::BadSource) }
}
