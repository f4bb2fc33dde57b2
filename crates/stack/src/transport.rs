//! The transport layer: UDP, TCP, and the sockets of ICMP echo.

pub(crate) mod icmp;
pub(crate) mod mapped;
pub(crate) mod port;
pub(crate) mod raw;
pub(crate) mod receive;
pub(crate) mod tcp;
pub(crate) mod transmit;
pub(crate) mod udp;
