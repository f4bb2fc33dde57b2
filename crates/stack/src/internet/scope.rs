//! Kinds and scopes of addresses.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How far an address reaches (RFC 4007 4, RFC 4291 2.7), by the numbers of multicast scopes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Scope(u8);

impl Scope {
    pub(crate) const LINK_LOCAL: Scope = Scope(2);
    pub(crate) const SITE_LOCAL: Scope = Scope(5);
    pub(crate) const GLOBAL: Scope = Scope(14);

    /// The scope of `address`. IPv4 takes part as RFC 6724 3.2 says: 169.254/16 and 127/8 are link-local,
    /// all else, private addresses included, is global.
    pub(crate) fn of(address: IpAddr) -> Scope {
        match address {
            IpAddr::V4(v4) if v4.is_loopback() || v4.is_link_local() => Scope::LINK_LOCAL,
            IpAddr::V4(v4) if v4.is_multicast() && v4.octets()[..3] == [224, 0, 0] => Scope::LINK_LOCAL,
            IpAddr::V4(_) => Scope::GLOBAL,
            IpAddr::V6(v6) if v6.is_multicast() => Scope(v6.octets()[1] & 0x0f),
            // RFC 6724 3.4: the loopback address is treated as having link-local scope.
            IpAddr::V6(v6) if v6.is_unicast_link_local() || v6.is_loopback() => Scope::LINK_LOCAL,
            IpAddr::V6(v6) if v6.segments()[0] & 0xffc0 == 0xfec0 => Scope::SITE_LOCAL,
            IpAddr::V6(_) => Scope::GLOBAL,
        }
    }
}

/// Whether `address` only means something together with a link (RFC 4007 5): it needs an interface
/// beside it.
pub(crate) fn needs_interface(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_broadcast() || (v4.is_multicast() && v4.octets()[..3] == [224, 0, 0]),
        IpAddr::V6(v6) => v6.is_unicast_link_local() || (v6.is_multicast() && v6.octets()[1] & 0x0f <= 2),
    }
}

/// The all-nodes group of the link (RFC 4291 2.7.1).
pub(crate) const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// The all-routers group of the link (RFC 4291 2.7.1).
pub(crate) const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
/// The all-systems group of the link (RFC 1112 4).
pub(crate) const ALL_SYSTEMS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 1);

/// Whether every node on a link, or in itself, is in `group` for ever (RFC 1112 4, RFC 4291 2.7.1).
pub(crate) fn is_permanent_group(group: IpAddr) -> bool {
    const OF_INTERFACE: Ipv6Addr = Ipv6Addr::new(0xff01, 0, 0, 0, 0, 0, 0, 1);
    match group {
        IpAddr::V4(v4) => v4 == ALL_SYSTEMS,
        IpAddr::V6(v6) => v6 == ALL_NODES || v6 == OF_INTERFACE,
    }
}

/// The solicited-node group of `address`: ff02::1:ff00:0/104 with its low 24 bits (RFC 4291 2.7.1).
pub(crate) fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let [.., a, b, c] = address.octets();
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | u16::from(a), u16::from(b) << 8 | u16::from(c))
}

/// Whether `address` is the solicited-node group of some address (RFC 4291 2.7.1).
pub(crate) fn is_solicited_node(address: Ipv6Addr) -> bool {
    address.octets()[..13] == [0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff]
}

/// The link-local address that an interface forms from its Ethernet address: fe80::/64 and the modified
/// EUI-64 identifier (RFC 4291 2.5.6 and appendix A, RFC 2464 5).
pub(crate) fn link_local_from(ethernet: [u8; 6]) -> Ipv6Addr {
    let [a, b, c, d, e, f] = ethernet;
    let word = |high: u8, low: u8| u16::from(high) << 8 | u16::from(low);
    Ipv6Addr::new(0xfe80, 0, 0, 0, word(a ^ 0x02, b), word(c, 0xff), word(0xfe, d), word(e, f))
}

/// Whether a packet from the wire may have `source` as its source (RFC 1122 3.2.1.3, RFC 4291 2.5.2, 2.5.3
/// and 2.7, RFC 1812 5.3.7): it must be able to be the address of a single host.
///
/// The unspecified address passes: neighbour discovery and DHCP use it. Whether a protocol accepts it is
/// that protocol's business.
pub(crate) fn may_be_source(source: IpAddr) -> bool {
    match source {
        IpAddr::V4(v4) => {
            !(v4.is_multicast() || v4.is_broadcast() || v4.is_loopback())
                // 240/4 is reserved, 0/8 apart from 0.0.0.0 names hosts of "this network" (RFC 6890).
                && v4.octets()[0] < 240
                && (v4.octets()[0] != 0 || v4.is_unspecified())
        }
        IpAddr::V6(v6) => !(v6.is_multicast() || v6.is_loopback() || v6.to_ipv4_mapped().is_some()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_follow_rfc_6724() {
        let table = [
            ("127.0.0.1", Scope::LINK_LOCAL),
            ("169.254.1.1", Scope::LINK_LOCAL),
            ("10.1.2.3", Scope::GLOBAL),
            ("192.0.2.1", Scope::GLOBAL),
            ("::1", Scope::LINK_LOCAL),
            ("fe80::1", Scope::LINK_LOCAL),
            ("fec0::1", Scope::SITE_LOCAL),
            ("fd00::1", Scope::GLOBAL),
            ("ff02::1", Scope::LINK_LOCAL),
            ("ff05::1", Scope::SITE_LOCAL),
            ("ff0e::1", Scope::GLOBAL),
        ];
        for (address, scope) in table {
            assert_eq!(Scope::of(address.parse().unwrap()), scope, "{address}");
        }
    }

    #[test]
    fn only_addresses_of_single_hosts_may_be_sources() {
        let table = [
            ("192.0.2.1", true),
            ("0.0.0.0", true),
            ("0.1.2.3", false),
            ("127.0.0.1", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("240.0.0.1", false),
            ("2001:db8::1", true),
            ("fe80::1", true),
            ("::", true),
            ("::1", false),
            ("ff02::1", false),
            ("::ffff:192.0.2.1", false),
        ];
        for (address, expected) in table {
            assert_eq!(may_be_source(address.parse().unwrap()), expected, "{address}");
        }
    }

    #[test]
    fn addresses_are_formed_as_the_rfcs_show() {
        // RFC 4291 2.7.1's example.
        let address: Ipv6Addr = "4037::1:800:200e:8c6c".parse().unwrap();
        assert_eq!(solicited_node(address), "ff02::1:ff0e:8c6c".parse::<Ipv6Addr>().unwrap());
        // RFC 2464 4's example: 34-56-78-9A-BC-DE gives 36-56-78-FF-FE-9A-BC-DE.
        let formed = link_local_from([0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde]);
        assert_eq!(formed, "fe80::3656:78ff:fe9a:bcde".parse::<Ipv6Addr>().unwrap());
    }
}
