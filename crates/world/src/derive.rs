//! Everything that a world draws from its seed.
//!
//! Each thing is drawn by what it is for and by name, not in the order of asking, so a host keeps its
//! addresses and its randomness when another host is added beside it.

use fathom_stack::Seed;
use fathom_wire::EthernetAddress;
use std::hash::Hasher;

use siphasher::sip::SipHasher24;

/// Draws for one world.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Derive {
    seed: u64,
}

impl Derive {
    pub(crate) fn new(seed: u64) -> Self {
        Derive { seed }
    }

    /// The seed of a host's stack.
    pub(crate) fn stack(self, host: &str) -> Seed {
        Seed(self.bytes("stack", host))
    }

    /// The seed of the randomness that a host's programs get.
    pub(crate) fn programs(self, host: &str) -> [u8; 32] {
        self.bytes("programs", host)
    }

    /// The Ethernet address of an interface: locally administered, of one station.
    pub(crate) fn address(self, host: &str, interface: usize) -> EthernetAddress {
        let [_, a, b, c, d, e, ..] = self.number("address", host, interface as u64).to_le_bytes();
        EthernetAddress([0x02, a, b, c, d, e])
    }

    /// The seed of what a link does in the direction between two ends.
    pub(crate) fn direction(self, from: &str, to: &str) -> u64 {
        self.number("direction", &format!("{from}>{to}"), 0)
    }

    fn bytes(self, purpose: &str, name: &str) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (number, chunk) in (0..).zip(bytes.chunks_exact_mut(8)) {
            chunk.copy_from_slice(&self.number(purpose, name, number).to_le_bytes());
        }
        bytes
    }

    fn number(self, purpose: &str, name: &str, number: u64) -> u64 {
        let mut hasher = SipHasher24::new_with_keys(self.seed, 0);
        // Lengths in between, so that no two triples look alike.
        for text in [purpose, name] {
            hasher.write_u64(text.len() as u64);
            hasher.write(text.as_bytes());
        }
        hasher.write_u64(number);
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_depend_on_seed_and_name_alone() {
        let draw = Derive::new(1);
        assert_eq!(draw.address("a", 0), Derive::new(1).address("a", 0));
        assert_ne!(draw.address("a", 0), draw.address("a", 1));
        assert_ne!(draw.address("a", 0), draw.address("b", 0));
        assert_ne!(draw.address("a", 0), Derive::new(2).address("a", 0));
        assert!(draw.address("a", 0).is_unicast());
        assert_ne!(draw.stack("a").0, draw.programs("a"));
    }
}
