//! Membership of multicast groups, as the layers below the sockets keep it.

use core::net::{IpAddr, Ipv6Addr};

use super::Parts;
use crate::config::GroupReports;
use crate::interface::{InterfaceId, Medium};
use crate::internet::multicast::SourceFilter;
use crate::internet::multicast::groups::Changed;
use crate::internet::multicast::report::{self, Tell};
use crate::internet::scope::solicited_node;

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
        let filters = (before, after);
        report::change(&mut self.cx, self.internet, on, group, filters, Tell::Now) != Changed::TooMany
    }

    /// The interface joins or leaves the solicited-node group of an address, where neighbours are asked for in
    /// groups (RFC 4861 7.2.1).
    pub(super) fn change_solicited_node(&mut self, on: InterfaceId, address: Ipv6Addr, joins: bool) {
        if let Medium::Ethernet { .. } = self.internet.interface(on).medium {
            self.change_own(on, solicited_node(address).into(), joins);
        }
    }

    /// The interface joins or leaves a group for the host's own purposes, and says so where that is wanted.
    pub(super) fn change_own(&mut self, on: InterfaceId, group: IpAddr, joins: bool) {
        if self.cx.config.internet.group_reports != GroupReports::All {
            return;
        }
        const EVERYBODY: Option<&SourceFilter> = Some(&SourceFilter::EVERYBODY);
        let filters = if joins { (None, EVERYBODY) } else { (EVERYBODY, None) };
        // The address is heard whether or not there is room to tell of its group.
        report::change(&mut self.cx, self.internet, on, group, filters, Tell::Soon);
    }
}
