//! Finds the connection of a segment: a hash table over the 4-tuple.
//!
//! Tuples are chosen by whoever sends segments, so the hash is keyed (SipHash-1-3). The table keeps hash
//! and value only; the caller compares the tuple where the connection has it anyway. It grows step by
//! step: a larger table stands beside the old one, and each change moves a few entries, so that a million
//! connections cause no pause.

use core::fmt;
use core::net::{IpAddr, SocketAddr};

use hashbrown::HashTable;
use siphasher::sip::SipHasher13;

/// Buckets of the old table that one change empties. The new table has room for the entries of the old
/// one twice, so anything above 2 would do.
const BUCKETS_PER_STEP: usize = 16;
/// Entries of the first table.
const FIRST_CAPACITY: usize = 28;

/// The two ends of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct FourTuple {
    pub(crate) local_address: IpAddr,
    pub(crate) remote_address: IpAddr,
    pub(crate) local_port: u16,
    pub(crate) remote_port: u16,
}

impl FourTuple {
    pub(crate) fn new(local: SocketAddr, remote: SocketAddr) -> Self {
        FourTuple {
            local_address: local.ip(),
            remote_address: remote.ip(),
            local_port: local.port(),
            remote_port: remote.port(),
        }
    }

    /// Our address and port.
    pub(crate) fn local(&self) -> SocketAddr {
        SocketAddr::new(self.local_address, self.local_port)
    }

    /// The peer's address and port.
    pub(crate) fn remote(&self) -> SocketAddr {
        SocketAddr::new(self.remote_address, self.remote_port)
    }

    /// The tuple in one form for keyed hashes: 12 bytes for IPv4, 36 for IPv6.
    pub(crate) fn with_bytes<R>(&self, use_bytes: impl FnOnce(&[u8]) -> R) -> R {
        let mut bytes = [0; 36];
        bytes[0..2].copy_from_slice(&self.local_port.to_be_bytes());
        bytes[2..4].copy_from_slice(&self.remote_port.to_be_bytes());
        let mut len = 4;
        for address in [self.local_address, self.remote_address] {
            match address {
                IpAddr::V4(v4) => {
                    bytes[len..len + 4].copy_from_slice(&v4.octets());
                    len += 4;
                }
                IpAddr::V6(v6) => {
                    bytes[len..len + 16].copy_from_slice(&v6.octets());
                    len += 16;
                }
            }
        }
        use_bytes(&bytes[..len])
    }
}

#[derive(Clone, Copy)]
struct Entry<V> {
    hash: u64,
    value: V,
}

/// The smaller table that is being emptied into a larger one.
struct Old<V> {
    table: HashTable<Entry<V>>,
    /// The buckets from this one on are still to be emptied.
    cursor: usize,
}

/// A keyed hash table that grows step by step.
pub(crate) struct FlowTable<V> {
    hasher: SipHasher13,
    current: HashTable<Entry<V>>,
    old: Option<Old<V>>,
}

impl<V> fmt::Debug for FlowTable<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlowTable").field("current", &self.current.len()).finish_non_exhaustive()
    }
}

impl<V: Copy> FlowTable<V> {
    /// An empty table without memory. The key must be secret and random.
    pub(crate) fn new(key: &[u8; 16]) -> Self {
        FlowTable { hasher: SipHasher13::new_with_key(key), current: HashTable::new(), old: None }
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.current.len() + self.old.as_ref().map_or(0, |old| old.table.len())
    }

    #[cfg(test)]
    /// Bytes of the tables (an entry and its control byte for each bucket).
    pub(crate) fn memory(&self) -> usize {
        let buckets = self.current.num_buckets() + self.old.as_ref().map_or(0, |old| old.table.num_buckets());
        buckets * (size_of::<Entry<V>>() + 1)
    }

    /// The hash that the other functions take.
    pub(crate) fn hash(&self, tuple: &FourTuple) -> u64 {
        tuple.with_bytes(|bytes| self.hasher.hash(bytes))
    }

    /// The value with this hash for which `eq` holds.
    pub(crate) fn find(&self, hash: u64, mut eq: impl FnMut(V) -> bool) -> Option<V> {
        let mut matches = |entry: &Entry<V>| entry.hash == hash && eq(entry.value);
        let found = self.current.find(hash, &mut matches);
        let found = match (found, &self.old) {
            (None, Some(old)) => old.table.find(hash, &mut matches),
            (found, _) => found,
        };
        found.map(|entry| entry.value)
    }

    /// Adds a value. The caller knows that no equal one is there.
    pub(crate) fn insert(&mut self, hash: u64, value: V) {
        self.step();
        // Full, or full of tombstones: either way a fresh table takes over.
        if self.current.len() == self.current.capacity() {
            self.finish();
            let capacity = (self.current.len() * 2).max(FIRST_CAPACITY);
            let table = core::mem::replace(&mut self.current, HashTable::with_capacity(capacity));
            self.old = Some(Old { table, cursor: 0 });
        }
        self.current.insert_unique(hash, Entry { hash, value }, |entry| entry.hash);
    }

    /// Removes the value with this hash for which `eq` holds.
    pub(crate) fn remove(&mut self, hash: u64, mut eq: impl FnMut(V) -> bool) -> Option<V> {
        self.step();
        let mut matches = |entry: &Entry<V>| entry.hash == hash && eq(entry.value);
        if let Ok(found) = self.current.find_entry(hash, &mut matches) {
            return Some(found.remove().0.value);
        }
        let found = self.old.as_mut()?.table.find_entry(hash, &mut matches).ok()?;
        Some(found.remove().0.value)
    }

    /// Replaces the value with this hash for which `eq` holds, in place; false when there is none.
    pub(crate) fn replace(&mut self, hash: u64, mut eq: impl FnMut(V) -> bool, value: V) -> bool {
        let mut matches = |entry: &Entry<V>| entry.hash == hash && eq(entry.value);
        let found = match self.current.find_mut(hash, &mut matches) {
            None => self.old.as_mut().and_then(|old| old.table.find_mut(hash, &mut matches)),
            found => found,
        };
        found.map(|entry| entry.value = value).is_some()
    }

    /// Moves a few entries from the old table to the new one.
    fn step(&mut self) {
        let Some(old) = &mut self.old else { return };
        for index in old.cursor..old.cursor + BUCKETS_PER_STEP {
            if let Ok(entry) = old.table.get_bucket_entry(index) {
                let entry = entry.remove().0;
                self.current.insert_unique(entry.hash, entry, |entry| entry.hash);
            }
        }
        old.cursor += BUCKETS_PER_STEP;
        if old.table.is_empty() {
            self.old = None;
        }
    }

    /// Empties the old table. It is empty already unless the new one was filled in fewer changes than
    /// the old one had buckets divided by [`BUCKETS_PER_STEP`], which its size rules out.
    fn finish(&mut self) {
        while self.old.is_some() {
            self.step();
        }
    }
}

#[cfg(test)]
mod tests;
