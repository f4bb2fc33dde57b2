//! Network interfaces as the stack sees them.

use alloc::string::String;

use fathom_record::InterfaceIndex;
use fathom_wire::{EthernetAddress, IpProtocol};

/// Names an interface of a stack: they count from 0 in the order in which they were added.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct InterfaceId(
    /// 0 is the loopback interface, which every stack has and nobody adds.
    pub(crate) u16,
);

impl InterfaceId {
    /// The way from the host to itself, which every stack has.
    pub const LOOPBACK: InterfaceId = InterfaceId(0);

    /// The interface's number.
    pub const fn index(self) -> usize {
        self.record_index().0 as usize
    }

    /// The same number, as records name interfaces.
    pub const fn record_index(self) -> InterfaceIndex {
        InterfaceIndex(self.0.wrapping_sub(1))
    }

    /// The zone index that names this interface in a socket address with a link-local IPv6 address
    /// (RFC 4007 6): its number plus one, since 0 means that none is named.
    pub const fn scope_id(self) -> u32 {
        self.0 as u32
    }

    /// The interface that a zone index names, if there are so many.
    pub(crate) fn from_scope_id(scope_id: u32, interfaces: usize) -> Option<Self> {
        let id = u16::try_from(scope_id).ok()?;
        (id != 0 && usize::from(id) < interfaces).then_some(InterfaceId(id))
    }

    /// Its place among all interfaces, that of loopback being 0.
    pub(crate) const fn slot(self) -> usize {
        self.0 as usize
    }
}

/// What an interface is attached to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Medium {
    /// Frames are Ethernet II; neighbours are found by ARP and neighbour discovery.
    Ethernet {
        /// Our address on it.
        address: EthernetAddress,
    },
    /// Frames are IP packets; there is one neighbour, at the other end.
    Ip,
}

/// What the device of an interface does for the stack.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Offload {
    /// Completes transport checksums of frames to transmit.
    pub transmit_checksum: bool,
    /// Cuts TCP super-segments itself; needs `transmit_checksum`.
    pub segmentation: bool,
    /// Cuts UDP super-datagrams itself, of up to 64 datagrams; needs `transmit_checksum`.
    pub udp_segmentation: bool,
}

impl Offload {
    /// Everything: for a device whose frames never leave memory.
    pub const ALL: Offload = Offload { transmit_checksum: true, segmentation: true, udp_segmentation: true };

    /// Whether the device cuts what a transport made of several segments.
    pub(crate) fn cuts(self, protocol: IpProtocol) -> bool {
        self.transmit_checksum
            && match protocol {
                IpProtocol::Tcp => self.segmentation,
                IpProtocol::Udp => self.udp_segmentation,
                _ => false,
            }
    }
}

/// An interface to add to a stack.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Interface {
    /// A name for people, such as `eth0`.
    pub name: String,
    /// What it is attached to.
    pub medium: Medium,
    /// The largest IP packet that fits a frame, in bytes, IP header included. At least 68 for IPv4
    /// (RFC 791), 1280 for IPv6 (RFC 8200 5).
    pub mtu: usize,
    /// What the device does for us.
    pub offload: Offload,
    /// Whether the link is up.
    pub up: bool,
}

impl Interface {
    /// An Ethernet interface that is up, with an MTU of 1500 bytes and no offload.
    pub fn ethernet(name: impl Into<String>, address: EthernetAddress) -> Self {
        Interface {
            name: name.into(),
            medium: Medium::Ethernet { address },
            mtu: 1500,
            offload: Offload::default(),
            up: true,
        }
    }

    /// A point-to-point IP interface that is up, with an MTU of 1500 bytes and no offload.
    pub fn ip(name: impl Into<String>) -> Self {
        Interface { name: name.into(), medium: Medium::Ip, mtu: 1500, offload: Offload::default(), up: true }
    }

    /// The way from the host to itself: packets of any size, whose checksums nobody needs.
    pub(crate) fn loopback() -> Self {
        Interface { mtu: 65535, offload: Offload::ALL, ..Interface::ip("lo") }
    }
}
