//! Identities.

use core::fmt;

/// Identity of a record: which recorder wrote it, and its place in that recorder's sequence.
///
/// Ordered by recorder first; order in time across recorders is [`Record::at`](crate::Record::at).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId {
    /// The recorder (a shard of a host, or the host's applications).
    pub shard: u16,
    /// Counts from 1 in each recorder, without gaps, lost records included.
    pub counter: u64,
}

impl fmt::Debug for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.shard, self.counter)
    }
}

/// Number of an interface within its host, from 0 in the order they were added.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct InterfaceIndex(pub u16);
