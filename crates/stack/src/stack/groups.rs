//! Membership of multicast groups, as the layers below the sockets keep it.

use core::net::IpAddr;

use super::Parts;
use crate::interface::InterfaceId;
use crate::internet::multicast::SourceFilter;

impl Parts<'_> {
    /// A member of a group on an interface comes, goes, or changes whom it hears. False when the interface
    /// has too many groups.
    pub(super) fn change_membership(
        &mut self,
        on: InterfaceId,
        group: IpAddr,
        before: Option<&SourceFilter>,
        after: Option<&SourceFilter>,
    ) -> bool {
        match (before, after) {
            (None, Some(_)) => self.internet.addresses.join(group, on),
            (Some(_), None) => self.internet.addresses.leave(group, on),
            _ => {}
        }
        true
    }
}
