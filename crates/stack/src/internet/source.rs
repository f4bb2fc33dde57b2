//! Which address of ours a packet carries as its source (RFC 6724 section 5; RFC 1122 3.3.4.3).

use core::cmp::Ordering;
use core::net::{IpAddr, Ipv6Addr};

use crate::internet::cidr::IpCidr;
use crate::internet::scope::Scope;

/// The best source towards `destination` among the addresses of the interface that the packet leaves by.
///
/// Rule 5 (the outgoing interface) is met by the choice of candidates, as section 4 recommends. Rules 3, 4
/// and 7 (deprecated, home and temporary addresses) find nothing to decide, since we have none of these.
/// Multicast and the unspecified address are never candidates: no interface has them.
pub(crate) fn select(destination: IpAddr, candidates: impl Iterator<Item = IpCidr>) -> Option<IpAddr> {
    candidates
        .filter(|candidate| candidate.address().is_ipv4() == destination.is_ipv4())
        // The first of equals stays (max_by would take the last).
        .reduce(|best, candidate| match prefer(destination, candidate, best) {
            Ordering::Greater => candidate,
            Ordering::Less | Ordering::Equal => best,
        })
        .map(IpCidr::address)
}

/// Whether `a` is better than `b` (`Greater`), rule by rule.
fn prefer(destination: IpAddr, a: IpCidr, b: IpCidr) -> Ordering {
    let (source_a, source_b) = (a.address(), b.address());
    // Rule 1: prefer the same address.
    (source_a == destination)
        .cmp(&(source_b == destination))
        // Rule 2: prefer appropriate scope.
        .then_with(|| by_scope(Scope::of(destination), Scope::of(source_a), Scope::of(source_b)))
        // Rule 6: prefer matching label.
        .then_with(|| {
            let wanted = label(destination);
            (label(source_a) == wanted).cmp(&(label(source_b) == wanted))
        })
        // Rule 8: use longest matching prefix.
        .then_with(|| common_prefix_len(a, destination).cmp(&common_prefix_len(b, destination)))
}

/// Rule 2: the smaller scope wins if it still reaches the destination.
fn by_scope(destination: Scope, a: Scope, b: Scope) -> Ordering {
    match a.cmp(&b) {
        Ordering::Less if a < destination => Ordering::Less,
        Ordering::Less => Ordering::Greater,
        Ordering::Greater if b < destination => Ordering::Greater,
        Ordering::Greater => Ordering::Less,
        Ordering::Equal => Ordering::Equal,
    }
}

/// Bits that the source shares with the destination, counted within the source's prefix (RFC 6724 2.2).
fn common_prefix_len(source: IpCidr, destination: IpAddr) -> u8 {
    let equal = (mapped(source.address()) ^ mapped(destination)).leading_zeros() as u8;
    let before = if destination.is_ipv4() { 96 } else { 0 };
    equal.saturating_sub(before).min(source.prefix_len())
}

fn mapped(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// The default policy table (RFC 6724 2.1): prefix, its length, label. Longest prefix first.
const POLICIES: &[(Ipv6Addr, u8, u8)] = &[
    (Ipv6Addr::new(0, 0, 0, 0, 0, 0, 0, 1), 128, 0),
    (Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96, 4),
    (Ipv6Addr::new(0, 0, 0, 0, 0, 0, 0, 0), 96, 3),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 32, 5),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, 2),
    (Ipv6Addr::new(0x3ffe, 0, 0, 0, 0, 0, 0, 0), 16, 12),
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10, 11),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, 13),
    (Ipv6Addr::new(0, 0, 0, 0, 0, 0, 0, 0), 0, 1),
];

fn label(address: IpAddr) -> u8 {
    let bits = mapped(address);
    let matches = |prefix: &Ipv6Addr, len: u8| {
        let kept = u128::MAX.checked_shl(128 - u32::from(len)).unwrap_or(0);
        bits & kept == prefix.to_bits()
    };
    // The last policy matches everything.
    POLICIES.iter().find(|(prefix, len, _)| matches(prefix, *len)).map_or(1, |(_, _, label)| *label)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// RFC 6724 10.1's examples as far as their rules apply here, and the same for IPv4.
    #[test]
    fn sources_are_chosen_as_rfc_6724_shows() {
        let table: &[(&str, &[&str], &str)] = &[
            // Rule 1.
            ("2001:db8::1", &["2001:db8:2::1/64", "2001:db8::1/64"], "2001:db8::1"),
            // Rule 2: prefer appropriate scope.
            ("2001:db8:1::1", &["fe80::1/64", "2001:db8:3::1/64"], "2001:db8:3::1"),
            ("2001:db8:1::1", &["2001:db8:3::1/64", "fe80::1/64"], "2001:db8:3::1"),
            ("ff05::1", &["fe80::1/64", "2001:db8:3::1/64"], "2001:db8:3::1"),
            ("fe80::9", &["fe80::1/64", "2001:db8:3::1/64"], "fe80::1"),
            ("fe80::9", &["2001:db8:3::1/64", "fe80::1/64"], "fe80::1"),
            // Rule 6: matching label.
            (
                "2002:c633:6401::1",
                &["2001:db8:1::2/64", "2002:c633:6401::d5e3:7953:13eb:22e8/64"],
                "2002:c633:6401::d5e3:7953:13eb:22e8",
            ),
            ("fd00:1::1", &["2001:db8::1/64", "fd00:2::1/64"], "fd00:2::1"),
            // Rule 8: longest matching prefix.
            ("2001:db8:1::1", &["2001:db8:3::2/64", "2001:db8:1::2/64"], "2001:db8:1::2"),
            // Beyond the prefix length of the source bits do not count: the first stays.
            ("2001:db8:1::d5e3:0:0:1", &["2001:db8:1::1/64", "2001:db8:1::d5e3:0:0:2/64"], "2001:db8:1::1"),
            ("10.2.3.4", &["192.0.2.1/24", "10.1.0.1/16", "10.2.0.1/16"], "10.2.0.1"),
            ("198.51.100.1", &["169.254.0.1/16", "192.0.2.1/24"], "192.0.2.1"),
        ];
        for (destination, candidates, expected) in table {
            let candidates: Vec<IpCidr> = candidates.iter().map(|text| text.parse().unwrap()).collect();
            let chosen = select(destination.parse().unwrap(), candidates.into_iter());
            assert_eq!(chosen, Some(expected.parse().unwrap()), "{destination}");
        }
    }

    #[test]
    fn a_source_is_of_the_destinations_family() {
        let candidates = ["2001:db8::1/64".parse().unwrap()];
        assert_eq!(select("192.0.2.1".parse().unwrap(), candidates.into_iter()), None);
    }
}
