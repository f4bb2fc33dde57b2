//! The link layer: frames to and from packets, and who the neighbours are.

pub(crate) mod arp;
pub(crate) mod neighbour;
pub(crate) mod queue;
pub(crate) mod receive;
pub(crate) mod resolution;
pub(crate) mod transmit;
