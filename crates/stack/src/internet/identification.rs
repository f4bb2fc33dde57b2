//! Identifications of packets that may be fragmented.

use alloc::boxed::Box;
use core::hash::Hasher;
use core::net::IpAddr;

use fathom_wire::IpProtocol;

use crate::random::{HashKey, Random, write_address};

/// How many counters share all destinations.
const COUNTERS: usize = 256;

/// Gives identifications that do not repeat early and that outsiders cannot predict: a keyed hash of source,
/// destination and protocol, plus a counter that the tuple shares with few others (RFC 7739 5.3).
///
/// For one tuple, an IPv4 identification repeats after at most 2^16 fragmentable packets that share its
/// counter (RFC 6864 4.3), an IPv6 identification after 2^32.
#[derive(Debug)]
pub(crate) struct Identifications {
    key: HashKey,
    counters: Box<[u32; COUNTERS]>,
}

impl Identifications {
    pub(crate) fn new(random: &mut Random) -> Self {
        let counters = Box::new(core::array::from_fn(|_| random.next_u32()));
        Identifications { key: random.identification, counters }
    }

    /// The identification of the next packet.
    pub(crate) fn next(&mut self, source: IpAddr, destination: IpAddr, protocol: IpProtocol) -> u32 {
        let (counter, begin) = self.counter(source, destination, protocol);
        *counter = counter.wrapping_add(1);
        counter.wrapping_add(begin)
    }

    /// The `count` identifications that follow the last one are in use.
    pub(crate) fn skip(&mut self, source: IpAddr, destination: IpAddr, protocol: IpProtocol, count: usize) {
        let (counter, _) = self.counter(source, destination, protocol);
        *counter = counter.wrapping_add(count as u32);
    }

    /// The counter of a tuple, and where the tuple begins.
    fn counter(&mut self, source: IpAddr, destination: IpAddr, protocol: IpProtocol) -> (&mut u32, u32) {
        let hash = self.key.secret(|hasher| {
            write_address(hasher, source);
            write_address(hasher, destination);
            hasher.write_u8(protocol.into());
        });
        // The high half names the counter, the low half is where this tuple begins.
        (&mut self.counters[(hash >> 32) as usize % COUNTERS], hash as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Seed;
    use std::collections::HashSet;

    #[test]
    fn identifications_of_a_tuple_do_not_repeat_while_16_bits_last() {
        let mut identifications = Identifications::new(&mut Random::new(&Seed::from_u64(7)));
        let (a, b) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let seen: HashSet<u16> =
            (0..0x10000).map(|_| identifications.next(a, b, IpProtocol::Udp) as u16).collect();
        // RFC6864-R3
        assert_eq!(seen.len(), 0x10000);
    }

    #[test]
    fn identifications_of_different_destinations_do_not_follow_each_other() {
        let mut identifications = Identifications::new(&mut Random::new(&Seed::from_u64(7)));
        let a = IpAddr::from([10, 0, 0, 1]);
        let mut next = |host| identifications.next(a, IpAddr::from([10, 0, 0, host]), IpProtocol::Udp);
        let near = (2..200).filter(|host| next(host + 1).wrapping_sub(next(*host)) < 1000).count();
        // RFC8200-R17
        assert!(near < 5, "{near} of 198 are near their neighbour's");
    }
}
