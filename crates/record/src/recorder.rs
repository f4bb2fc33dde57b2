//! The bounded ring of records.

use alloc::collections::VecDeque;
use alloc::string::String;

use fathom_wire::Instant;

use crate::{Engine, FrameRecord, RecordId, SpanEnd, SpanId, SpanNote, SpanStart};

/// What a record tells.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A frame passed an interface.
    Frame(FrameRecord),
    /// The engine decided something.
    Engine(Engine),
    /// An application's phase began.
    SpanStart(SpanStart),
    /// Something was learned during a phase.
    SpanNote(SpanId, SpanNote),
    /// An application's phase ended.
    SpanEnd(SpanEnd),
    /// A line of a TLS key log (`CLIENT_RANDOM …`), for the decryption of a capture.
    TlsSecret(String),
}

/// One thing that happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// Its identity.
    pub id: RecordId,
    /// When it happened.
    pub at: Instant,
    /// The record that brought it about.
    pub cause: Option<RecordId>,
    /// What happened.
    pub kind: Kind,
}

/// A bounded ring of records; off until [`Recorder::enable`].
///
/// Off, [`Recorder::record`] costs one predictable branch and does not build the record. On, a full
/// ring loses its oldest record and counts it.
#[derive(Debug)]
pub struct Recorder {
    shard: u16,
    counter: u64,
    capacity: usize,
    ring: VecDeque<Record>,
    lost: u64,
}

impl Recorder {
    /// A recorder that is off.
    pub const fn new(shard: u16) -> Self {
        Recorder { shard, counter: 0, capacity: 0, ring: VecDeque::new(), lost: 0 }
    }

    /// Starts recording, with room for `capacity` records. Memory grows with use.
    pub fn enable(&mut self, capacity: usize) {
        self.capacity = capacity;
    }

    /// Stops recording. What was recorded stays until it is drained.
    pub fn disable(&mut self) {
        self.capacity = 0;
    }

    /// Whether records are kept. Ask this before work that only a record needs.
    #[inline]
    pub fn is_enabled(&self) -> bool {
        self.capacity != 0
    }

    /// Records what `kind` returns and gives the record's id; `None` when the recorder is off.
    #[inline]
    pub fn record(
        &mut self,
        at: Instant,
        cause: Option<RecordId>,
        kind: impl FnOnce() -> Kind,
    ) -> Option<RecordId> {
        if self.capacity == 0 {
            return None;
        }
        Some(self.push(at, cause, kind()))
    }

    /// Records an engine decision; short for [`Recorder::record`] with [`Kind::Engine`].
    #[inline]
    pub fn engine(
        &mut self,
        at: Instant,
        cause: Option<RecordId>,
        engine: impl FnOnce() -> Engine,
    ) -> Option<RecordId> {
        self.record(at, cause, || Kind::Engine(engine()))
    }

    #[cold]
    fn push(&mut self, at: Instant, cause: Option<RecordId>, kind: Kind) -> RecordId {
        if self.ring.len() >= self.capacity {
            self.ring.pop_front();
            self.lost += 1;
        }
        self.counter += 1;
        let id = RecordId { shard: self.shard, counter: self.counter };
        self.ring.push_back(Record { id, at, cause, kind });
        id
    }

    /// Takes the oldest record.
    pub fn pop(&mut self) -> Option<Record> {
        self.ring.pop_front()
    }

    /// Takes everything recorded so far, oldest first.
    pub fn drain(&mut self) -> impl Iterator<Item = Record> + '_ {
        self.ring.drain(..)
    }

    /// The records in the ring, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Record> {
        self.ring.iter()
    }

    /// How many records a full ring has lost.
    pub fn lost(&self) -> u64 {
        self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DropReason;

    fn dropped(recorder: &mut Recorder, millis: u64) -> Option<RecordId> {
        recorder.engine(Instant::from_millis(millis), None, || Engine::Dropped {
            interface: None,
            reason: DropReason::NoRoute,
            len: 1,
        })
    }

    #[test]
    fn a_recorder_that_is_off_records_nothing() {
        let mut recorder = Recorder::new(0);
        assert_eq!(recorder.record(Instant::ZERO, None, || unreachable!()), None);
        assert_eq!(recorder.pop(), None);
    }

    #[test]
    fn a_full_ring_loses_the_oldest_and_counts_it() {
        let mut recorder = Recorder::new(3);
        recorder.enable(2);
        for millis in 1..=3 {
            assert_eq!(dropped(&mut recorder, millis), Some(RecordId { shard: 3, counter: millis }));
        }
        assert_eq!(recorder.lost(), 1);
        let counters: alloc::vec::Vec<u64> = recorder.drain().map(|record| record.id.counter).collect();
        assert_eq!(counters, [2, 3]);
    }
}
