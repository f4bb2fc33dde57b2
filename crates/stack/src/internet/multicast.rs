//! Multicast groups: which sockets hear which group on which interface, whom they hear there, and what the routers
//! of the link are told of it (RFC 1112 7, RFC 3376, RFC 3810).
//!
//! IGMP and MLD are one protocol in two forms; what they have in common is here and in [`groups`], their
//! messages are in [`igmp`] and [`mld`].

pub(crate) mod groups;
pub(crate) mod igmp;
pub(crate) mod mld;
pub(crate) mod report;

use alloc::vec::Vec;
use core::net::IpAddr;

use crate::interface::InterfaceId;

/// Whom a member of a group hears.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct SourceFilter {
    /// All but `sources`, instead of only these.
    pub(crate) exclude: bool,
    /// In ascending order.
    pub(crate) sources: Vec<IpAddr>,
}

impl SourceFilter {
    /// Hears everybody.
    pub(crate) const EVERYBODY: SourceFilter = SourceFilter { exclude: true, sources: Vec::new() };

    /// Hears one sender only.
    pub(crate) fn only(source: IpAddr) -> Self {
        SourceFilter { exclude: false, sources: alloc::vec![source] }
    }

    /// Whether it hears `source`.
    pub(crate) fn passes(&self, source: IpAddr) -> bool {
        self.sources.binary_search(&source).is_ok() != self.exclude
    }

    /// Names `source`, which it did not; false if it did.
    pub(crate) fn name(&mut self, source: IpAddr) -> bool {
        let place = self.sources.binary_search(&source);
        if let Err(index) = place {
            self.sources.insert(index, source);
        }
        place.is_err()
    }

    /// Names `source` no more; false if it did not.
    pub(crate) fn unname(&mut self, source: IpAddr) -> bool {
        let place = self.sources.binary_search(&source);
        if let Ok(index) = place {
            self.sources.remove(index);
        }
        place.is_ok()
    }
}

/// A socket's membership of a group on an interface.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Membership {
    pub(crate) group: IpAddr,
    pub(crate) interface: InterfaceId,
    pub(crate) filter: SourceFilter,
}

#[cfg(test)]
mod tests;
