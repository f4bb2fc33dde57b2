//! Doors to parts of TCP for the fuzz targets: see [`crate::fuzzing`].
#![allow(missing_docs, reason = "each names the part that it opens")]

use alloc::vec::Vec;
use core::ops::Range;

use bytes::Bytes;
use fathom_wire::{SackBlock, SeqNumber};

use super::reassembly::Reassembly;
use super::recovery::{AckSeen, Finding, LossRecovery, Recovery};
use super::{ranges, recovery};
use crate::memory::MemoryBudget;

/// A set of stream positions.
#[derive(Debug, Default)]
pub struct Ranges(ranges::Ranges);

impl Ranges {
    pub fn insert(&mut self, range: Range<u64>) -> u64 {
        self.0.insert(range)
    }

    pub fn remove(&mut self, range: Range<u64>) -> u64 {
        self.0.remove(range)
    }

    pub fn total(&self) -> u64 {
        self.0.total()
    }

    pub fn iter(&self) -> impl Iterator<Item = Range<u64>> + '_ {
        self.0.iter()
    }

    pub fn around(&self, position: u64) -> Option<Range<u64>> {
        self.0.around(position)
    }

    pub fn first_within(&self, within: Range<u64>) -> Option<Range<u64>> {
        self.0.first_within(within)
    }

    pub fn first_gap(&self, within: Range<u64>) -> Option<Range<u64>> {
        self.0.first_gap(within)
    }
}

/// Segments that arrived out of order, with a budget of their own.
#[derive(Debug)]
pub struct Segments {
    held: Reassembly,
    budget: MemoryBudget,
}

impl Segments {
    pub fn new(budget: usize) -> Self {
        Segments { held: Reassembly::default(), budget: MemoryBudget::new(budget) }
    }

    /// Whether all that was new of it is held, and the first part of it that was held before.
    pub fn insert(&mut self, limit: usize, position: u64, data: Bytes) -> (bool, Option<Range<u64>>) {
        let inserted = self.held.insert(&mut self.budget, limit, position, data);
        (inserted.whole, inserted.duplicate)
    }

    pub fn note_fin(&mut self, position: u64) {
        self.held.note_fin(position);
    }

    pub fn take(&mut self, position: u64) -> Option<Bytes> {
        self.held.take(&mut self.budget, position)
    }

    pub fn report(&self, room: usize, more: usize) -> Vec<Range<u64>> {
        self.held.report(room, more).into_iter().collect()
    }

    pub fn clear(&mut self) {
        self.held.clear(&mut self.budget);
    }

    pub fn charged(&self) -> usize {
        self.budget.in_use()
    }
}

/// Loss recovery by selective acknowledgements, or without.
#[derive(Debug)]
pub struct Scoreboard(Recovery);

/// What is known of what is outstanding: see `recovery::Counts`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Counts {
    pub sacked: u32,
    pub lost: u32,
    pub retransmitted: u32,
    pub in_flight: u32,
    pub threshold: u32,
}

impl Scoreboard {
    pub fn new(iss: SeqNumber, sack: bool) -> Self {
        Scoreboard(Recovery::new(iss, sack))
    }

    /// Takes in an acknowledgement that moved SND.UNA by `advanced` to `una`; whether the receiver was found
    /// to have given up what it had reported.
    pub fn on_ack(
        &mut self,
        (una, nxt): (SeqNumber, SeqNumber),
        advanced: u32,
        duplicate: bool,
        mss: u32,
        sack: &[SackBlock],
    ) -> bool {
        let seen = AckSeen { una, nxt, advanced, duplicate, mss, sack, answers_original: false };
        let found = self.0.on_ack(seen);
        #[cfg(debug_assertions)]
        self.0.check(nxt);
        found == Finding::Reneged
    }

    pub fn on_timeout(&mut self, una: SeqNumber, nxt: SeqNumber) {
        self.0.on_timeout(una, nxt);
    }

    /// What is to be sent again next, marked as sent again: at most `most` of it.
    pub fn retransmit(&mut self, most: u32) -> Option<(SeqNumber, SeqNumber)> {
        let (from, to) = self.0.lost()?;
        let to = if to.distance_from(from) > most { from + most } else { to };
        self.0.on_retransmit(from, to);
        Some((from, to))
    }

    /// What may be sent again as a rescue, marked as sent again.
    pub fn rescue(&mut self, una: SeqNumber, nxt: SeqNumber, mss: u32) -> Option<(SeqNumber, SeqNumber)> {
        let (from, to) = self.0.rescue(una, nxt, mss)?;
        self.0.on_retransmit(from, to);
        Some((from, to))
    }

    pub fn is_open(&self) -> bool {
        self.0.phase() == recovery::Phase::Open
    }

    pub fn counts(&self, una: SeqNumber, nxt: SeqNumber, mss: u32) -> Counts {
        let recovery::Counts { sacked, lost, retransmitted } = self.0.counts();
        let in_flight = self.0.in_flight(una, nxt, mss);
        Counts { sacked, lost, retransmitted, in_flight, threshold: self.0.reordering() }
    }
}
