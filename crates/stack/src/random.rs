//! Randomness of a stack, all of it from one seed.
//!
//! Each use has a key of its own, so that what an outsider learns from one (ports, say) tells nothing about
//! another (initial sequence numbers).

use core::fmt;
use core::hash::Hasher;
use core::net::IpAddr;

use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use siphasher::sip::{SipHasher13, SipHasher24};

/// The seed of all randomness in a stack. The same seed and the same inputs give the same outputs.
#[derive(Clone, PartialEq, Eq)]
pub struct Seed(pub [u8; 32]);

impl Seed {
    /// A seed for worlds and tests that are to be replayed. A host on a real network takes 32 bytes from
    /// the system instead.
    pub fn from_u64(seed: u64) -> Self {
        let mut bytes = [0; 32];
        Xoshiro256PlusPlus::seed_from_u64(seed).fill_bytes(&mut bytes);
        Seed(bytes)
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(..)")
    }
}

/// A 128-bit key of a keyed hash.
#[derive(Clone, Copy)]
pub(crate) struct HashKey([u8; 16]);

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey(..)")
    }
}

impl HashKey {
    /// The key itself, for a hasher that is kept.
    pub(crate) fn bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// SipHash-2-4 of what `write` feeds it: for values that an outsider sees and must not predict.
    pub(crate) fn secret(&self, write: impl FnOnce(&mut SipHasher24)) -> u64 {
        let mut hasher = SipHasher24::new_with_key(&self.0);
        write(&mut hasher);
        hasher.finish()
    }
}

/// Feeds an address to a hasher: 16 bytes, IPv4 as mapped address, so that no two addresses look alike.
pub(crate) fn write_address(hasher: &mut impl Hasher, address: IpAddr) {
    let bytes = match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    };
    hasher.write(&bytes);
}

/// The keys and the generator of a stack.
pub(crate) struct Random {
    generator: Xoshiro256PlusPlus,
    /// Initial sequence numbers (RFC 6528).
    pub(crate) isn: HashKey,
    /// Offsets of TCP timestamps (RFC 7323 5.4).
    pub(crate) timestamp: HashKey,
    /// Ephemeral ports (RFC 6056 3.3.3).
    pub(crate) port: HashKey,
    /// SYN cookies (RFC 4987 3.6).
    pub(crate) cookie: HashKey,
    /// Flow labels (RFC 6437 3).
    pub(crate) flow_label: HashKey,
    /// Fragment identifications (RFC 7739).
    pub(crate) identification: HashKey,
    /// Hash tables with keys from the wire.
    pub(crate) table: HashKey,
    /// Added to initial sequence numbers, for tests at the edges of their space.
    #[cfg(test)]
    pub(crate) isn_offset: u32,
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Random(..)")
    }
}

impl Random {
    pub(crate) fn new(seed: &Seed) -> Self {
        let mut generator = Xoshiro256PlusPlus::from_seed(seed.0);
        let root = HashKey(seed.0[..16].try_into().expect("16 of 32 bytes"));
        let tail = HashKey(seed.0[16..].try_into().expect("16 of 32 bytes"));
        // A key is a secret hash of its number under each half of the seed, so no output of the generator,
        // which is no cipher, reveals a key.
        let mut number = 0u8;
        let mut key = || {
            number += 1;
            let mut bytes = [0; 16];
            bytes[..8].copy_from_slice(&root.secret(|hasher| hasher.write_u8(number)).to_le_bytes());
            bytes[8..].copy_from_slice(&tail.secret(|hasher| hasher.write_u8(number)).to_le_bytes());
            HashKey(bytes)
        };
        let (isn, timestamp, port, flow_label, identification, table) =
            (key(), key(), key(), key(), key(), key());
        let cookie = key();
        generator.jump();
        Random {
            generator,
            isn,
            timestamp,
            port,
            cookie,
            flow_label,
            identification,
            table,
            #[cfg(test)]
            isn_offset: 0,
        }
    }

    /// Any number.
    pub(crate) fn next_u32(&mut self) -> u32 {
        self.generator.next_u32()
    }

    /// A number below `bound`, which is not 0. Biased by less than 2^-32 of `bound`.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        debug_assert!(bound > 0);
        ((u64::from(self.next_u32()) * u64::from(bound)) >> 32) as u32
    }
}

/// Makes keyed hashers for hash maps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TableHasher(HashKey);

impl core::hash::BuildHasher for TableHasher {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_key(&self.0.0)
    }
}

impl Random {
    /// A keyed hasher for a hash map.
    pub(crate) fn table_hasher(&self) -> TableHasher {
        TableHasher(self.table)
    }
}
