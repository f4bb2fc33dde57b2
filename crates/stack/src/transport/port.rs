//! Ephemeral ports (RFC 6056).

use core::hash::Hasher;
use core::net::SocketAddr;

use crate::random::{Random, write_address};

/// Chooses a port that `is_free`, by RFC 6056 3.3.3 ("simple hash-based port selection"): where the search
/// begins is a keyed hash of the addresses, so that an outsider cannot guess it; `next` moves on with each
/// choice, so that a port is not used again soon.
pub(crate) fn choose(
    random: &Random,
    next: &mut u16,
    local: SocketAddr,
    remote: Option<SocketAddr>,
    (first, last): (u16, u16),
    mut is_free: impl FnMut(u16) -> bool,
) -> Option<u16> {
    let count = u32::from(last.checked_sub(first)?) + 1;
    let offset = random.port.secret(|hasher| {
        write_address(hasher, local.ip());
        if let Some(remote) = remote {
            write_address(hasher, remote.ip());
            hasher.write_u16(remote.port());
        }
    });
    let start = (offset >> 1) + u64::from(*next);
    let port_at = |step: u32| first + ((start + u64::from(step)) % u64::from(count)) as u16;
    let step = (0..count).find(|step| port_at(*step) != 0 && is_free(port_at(*step)))?;
    *next = next.wrapping_add(step as u16).wrapping_add(1);
    Some(port_at(step))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Seed;

    const RANGE: (u16, u16) = (50000, 50009);

    fn local() -> SocketAddr {
        "10.0.0.1:0".parse().unwrap()
    }

    #[test]
    fn every_free_port_is_found_and_none_that_is_taken() {
        let random = Random::new(&Seed::from_u64(1));
        let mut next = u16::MAX - 3;
        for free in RANGE.0..=RANGE.1 {
            let chosen = choose(&random, &mut next, local(), None, RANGE, |port| port == free);
            assert_eq!(chosen, Some(free));
        }
        assert_eq!(choose(&random, &mut next, local(), None, RANGE, |_| false), None);
    }

    #[test]
    fn ports_are_in_the_range_and_not_used_again_soon() {
        let random = Random::new(&Seed::from_u64(1));
        let mut next = 0;
        let mut chosen: alloc::vec::Vec<u16> =
            (0..10).map(|_| choose(&random, &mut next, local(), None, RANGE, |_| true).unwrap()).collect();
        chosen.sort_unstable();
        assert!(chosen.iter().copied().eq(RANGE.0..=RANGE.1), "{chosen:?}");
    }

    #[test]
    fn where_the_search_begins_depends_on_the_secret() {
        let first = |seed| {
            let random = Random::new(&Seed::from_u64(seed));
            choose(&random, &mut 0, local(), None, (49152, 65535), |_| true).unwrap()
        };
        let distinct: std::collections::HashSet<u16> = (0..50).map(first).collect();
        // RFC6056-R1, RFC8085-R4
        assert!(distinct.len() > 45, "{} of 50 differ", distinct.len());
    }
}
