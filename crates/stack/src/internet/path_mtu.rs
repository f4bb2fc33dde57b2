//! Path MTUs that routers have told us (RFC 1191, RFC 8201).
//!
//! Only destinations whose path MTU is below that of the interface are kept. An entry is forgotten after a
//! while, so that an increase is found (RFC 1191 6.3, RFC 8201 4), and when too many newer ones come.

use alloc::collections::VecDeque;
use core::net::IpAddr;
use core::time::Duration;

use fathom_wire::Instant;
use hashbrown::HashMap;

use crate::random::TableHasher;

/// No IPv4 path MTU is below this (RFC 791 3.2, RFC 1191 3).
const IPV4_MIN_MTU: usize = 68;
/// No IPv6 path MTU is below this (RFC 8200 5, RFC 8201 4).
pub(crate) const IPV6_MIN_MTU: usize = 1280;

/// MTUs that are common on links, for routers that do not tell theirs (RFC 1191 7, table 7-1).
const PLATEAUS: &[usize] = &[65535, 32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296, 68];

#[derive(Clone, Copy, Debug)]
struct Entry {
    mtu: usize,
    /// A router said that its link is narrower than we believe: routers may cut what is sent there.
    narrow: bool,
    expires: Instant,
}

/// The estimate after a router said that a packet of `packet_len` bytes was larger than the `reported` MTU (0:
/// it does not tell); `None` when the message lowers nothing.
pub(crate) fn estimate(
    destination: IpAddr,
    current: usize,
    reported: usize,
    packet_len: usize,
) -> Option<usize> {
    let mtu = match destination {
        // RFC 1191 5: the greatest plateau below the packet's length.
        IpAddr::V4(_) if reported == 0 => {
            *PLATEAUS.iter().find(|plateau| **plateau < packet_len.min(current))?
        }
        // RFC 1191 3: never below 68.
        IpAddr::V4(_) => reported.max(IPV4_MIN_MTU),
        // RFC 8201 4: a smaller one is discarded.
        IpAddr::V6(_) if reported < IPV6_MIN_MTU => return None,
        IpAddr::V6(_) => reported,
    };
    // RFC 1191 3, RFC 8201 4: a message never raises the estimate.
    (mtu < current).then_some(mtu)
}

/// Path MTUs by destination.
#[derive(Debug)]
pub(crate) struct PathMtus {
    entries: HashMap<IpAddr, Entry, TableHasher>,
    /// Destinations in the order in which their entries expire. Older entries of the same one are passed by.
    order: VecDeque<(IpAddr, Instant)>,
}

impl PathMtus {
    pub(crate) fn new(hasher: TableHasher) -> Self {
        PathMtus { entries: HashMap::with_hasher(hasher), order: VecDeque::new() }
    }

    /// How many destinations there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The path MTU to `destination` over an interface with the MTU `interface_mtu`.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn get(&self, now: Instant, destination: IpAddr, interface_mtu: usize) -> usize {
        if self.entries.is_empty() {
            return interface_mtu;
        }
        match self.entries.get(&destination) {
            Some(entry) if now < entry.expires => entry.mtu.min(interface_mtu),
            _ => interface_mtu,
        }
    }

    /// Notes that the path to `destination`, which is known, is narrower still than is believed.
    pub(crate) fn set_narrow(&mut self, destination: IpAddr) {
        if let Some(entry) = self.entries.get_mut(&destination) {
            entry.narrow = true;
        }
    }

    /// Whether the path to `destination` is narrower than is believed.
    pub(crate) fn is_narrow(&self, now: Instant, destination: IpAddr) -> bool {
        !self.entries.is_empty()
            && self.entries.get(&destination).is_some_and(|entry| entry.narrow && now < entry.expires)
    }

    /// Forgets all of them.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.order.clear();
    }

    /// Sets the path MTU to `destination`. At most `limit` destinations are kept, each for `age`.
    pub(crate) fn set(&mut self, now: Instant, destination: IpAddr, mtu: usize, limit: usize, age: Duration) {
        self.make_room(now, limit);
        let expires = now + age;
        self.entries.insert(destination, Entry { mtu, narrow: false, expires });
        self.order.push_back((destination, expires));
    }

    /// Forgets what has expired, and the oldest while there are too many.
    fn make_room(&mut self, now: Instant, limit: usize) {
        while let Some(&(destination, expires)) = self.order.front() {
            let current = self.entries.get(&destination).is_some_and(|entry| entry.expires == expires);
            if current && now < expires && self.order.len() < limit {
                break;
            }
            if current {
                self.entries.remove(&destination);
            }
            self.order.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Random, Seed};

    const AGE: Duration = Duration::from_secs(600);

    fn table() -> PathMtus {
        PathMtus::new(Random::new(&Seed::from_u64(1)).table_hasher())
    }

    #[test]
    fn an_estimate_is_lowered_within_its_bounds_and_never_raised() {
        // destination, current, reported, packet length, result
        let table = [
            ("192.0.2.1", 1500, 1400, 1500, Some(1400)),
            ("192.0.2.1", 1400, 1400, 1400, None),
            ("192.0.2.1", 1400, 1500, 1400, None),
            ("192.0.2.1", 1500, 20, 1500, Some(68)),
            ("192.0.2.1", 1500, 0, 1500, Some(1492)),
            ("192.0.2.1", 1500, 0, 1000, Some(508)),
            ("2001:db8::1", 1500, 1300, 1500, Some(1300)),
            ("2001:db8::1", 1500, 1279, 1500, None),
            ("2001:db8::1", 1300, 1400, 1300, None),
        ];
        for (destination, current, reported, len, expected) in table {
            let estimate = estimate(destination.parse().unwrap(), current, reported, len);
            // RFC1191-R1, RFC1191-R2, RFC1191-R3, RFC8201-R1, RFC8201-R2, RFC8201-R3, RFC1191-R5
            assert_eq!(estimate, expected, "{destination} {current} {reported} {len}");
        }
    }

    #[test]
    fn an_estimate_is_forgotten_after_its_age() {
        let destination = "192.0.2.1".parse().unwrap();
        let mut mtus = table();
        mtus.set(Instant::ZERO, destination, 1400, 4, AGE);
        // RFC8201-R4, RFC1191-R4
        assert_eq!(mtus.get(Instant::from_millis(599_999), destination, 1500), 1400);
        assert_eq!(mtus.get(Instant::from_millis(600_000), destination, 1500), 1500);
    }

    #[test]
    fn memory_is_bounded_whatever_routers_say() {
        let mut mtus = table();
        for host in 0..100u32 {
            for mtu in [1400, 1300] {
                mtus.set(Instant::ZERO, IpAddr::V4(host.into()), mtu, 4, AGE);
            }
        }
        assert!(mtus.len() <= 4 && mtus.order.len() <= 4, "{} {}", mtus.len(), mtus.order.len());
        assert_eq!(mtus.get(Instant::ZERO, IpAddr::V4(99.into()), 1500), 1300, "the latest is kept");
    }
}
