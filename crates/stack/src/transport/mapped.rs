//! IPv4 addresses in IPv6 form (RFC 4291 2.5.5.2): how a socket of IPv6 sees peers of IPv4 (RFC 3493 3.7).

use core::net::{IpAddr, SocketAddr};

/// The IPv4 address that an IPv4-mapped one stands for, if it is one.
pub(crate) fn unmap(address: SocketAddr) -> Option<SocketAddr> {
    match address.ip() {
        IpAddr::V6(v6) => Some(SocketAddr::new(v6.to_ipv4_mapped()?.into(), address.port())),
        IpAddr::V4(_) => None,
    }
}

/// An IPv4 address as an IPv6 socket sees it; an IPv6 address as it is.
pub(crate) fn map(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(v4) => SocketAddr::new(v4.to_ipv6_mapped().into(), address.port()),
        IpAddr::V6(_) => address,
    }
}
