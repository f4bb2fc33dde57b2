//! The link layer: from one interface to the next, by hardware address.

pub mod arp;
pub mod ethernet;
pub mod vlan;
