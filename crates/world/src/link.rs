//! Links: what joins two hosts, or a host and a switch.

use fathom_impair::{Conditions, Impairment};
use fathom_net::InterfaceId;
use fathom_record::RecordId;

/// An Ethernet link, each direction with conditions of its own.
///
/// `forward` is from the first end named where the link is made to the second.
#[derive(Clone, PartialEq, Debug)]
pub struct LinkSpec {
    /// Conditions from the first end to the second.
    pub forward: Conditions,
    /// Conditions from the second end to the first.
    pub backward: Conditions,
    /// The largest IP packet that the interfaces at its ends send, in bytes.
    pub mtu: usize,
}

impl Default for LinkSpec {
    /// A perfect link with an MTU of 1500 bytes.
    fn default() -> Self {
        LinkSpec::both_ways(Conditions::default())
    }
}

impl LinkSpec {
    /// The same conditions in both directions, and an MTU of 1500 bytes.
    pub fn both_ways(conditions: Conditions) -> Self {
        LinkSpec { forward: conditions.clone(), backward: conditions, mtu: 1500 }
    }

    /// Sets the MTU of the interfaces, in bytes.
    #[must_use]
    pub fn mtu(mut self, mtu: usize) -> Self {
        self.mtu = mtu;
        self
    }
}

/// Where a link ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum End {
    Interface { host: usize, interface: InterfaceId },
    Port { switch: usize, port: usize },
}

/// One direction of a link.
#[derive(Debug)]
pub(crate) struct Direction {
    /// The tag is the record of the frame at its sender.
    pub(crate) impairment: Impairment<Option<RecordId>>,
    pub(crate) from: End,
    pub(crate) to: End,
}
