//! Segments that arrived out of order.
//!
//! Positions are counted from the start of the peer's stream, not in sequence numbers, so nothing here
//! wraps. Where segments overlap the bytes that came first stay (a later segment cannot replace what an
//! earlier one brought, which is what an injector would try), and held pieces never overlap.

use alloc::collections::BTreeMap;
use core::ops::Range;

use arrayvec::ArrayVec;
use bytes::Bytes;

use super::ranges::Ranges;
use crate::memory::{MemoryBudget, PIECE_OVERHEAD};

/// Pieces shorter than this are copied, so that they do not pin the frame they came in.
const COPY_BELOW: usize = 512;
/// Most blocks of a SACK option (RFC 2018 3).
pub(crate) const MAX_BLOCKS: usize = 4;
/// How many runs are remembered in the order in which segments came: as many as one batch of segments may
/// cause acknowledgements to report.
const RECENT: usize = 64;

/// Pieces of the peer's stream that lie behind a hole.
#[derive(Debug, Default)]
pub(crate) struct Reassembly {
    /// Disjoint pieces by their first position.
    pieces: BTreeMap<u64, Bytes>,
    /// Bytes held and an overhead for each piece, as charged to the budget.
    charged: usize,
    /// Where the peer's FIN is, when it has been seen.
    fin: Option<u64>,
    /// What the pieces and the FIN cover together: what may be reported as received (RFC 2018 4).
    runs: Ranges,
    /// Where segments arrived last, each in another run, the latest first; some of the runs may be gone.
    recent: ArrayVec<u64, RECENT>,
}

/// What became of a segment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Inserted {
    /// All of it that was new is held; otherwise some of it found no room.
    pub(crate) whole: bool,
    /// The first part of it that was held before.
    pub(crate) duplicate: Option<Range<u64>>,
}

impl Reassembly {
    /// Whether nothing is held.
    pub(crate) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// The position of the peer's FIN, when one has arrived out of order.
    pub(crate) fn fin(&self) -> Option<u64> {
        self.fin
    }

    /// The peer's FIN has arrived, behind a hole.
    pub(crate) fn note_fin(&mut self, position: u64) {
        // Data of a peer that does not keep its word may have gone over an earlier one.
        if self.fin.is_none() {
            self.fin = Some(position);
            self.runs.insert(position..position + 1);
        }
        self.touch(position);
    }

    /// How many ranges a report of what is held would have, were there room for all.
    pub(crate) fn blocks(&self) -> usize {
        self.runs.count()
    }

    /// The ranges that a report names: the one that the latest segment belongs to, then those that were
    /// added to before it, then others from the lowest on, as many as there is room for (RFC 2018 4).
    ///
    /// When `more` reports are due beside this one, it is the report of an earlier segment: a batch of
    /// segments that opens many holes tells of them all.
    pub(crate) fn report(&self, room: usize, more: usize) -> ArrayVec<Range<u64>, MAX_BLOCKS> {
        let mut report = ArrayVec::new();
        let later = more.min(self.recent.len().saturating_sub(1));
        let recent = self.recent[later..].iter().chain(&self.recent[..later]);
        let recent = recent.filter_map(|position| self.runs.around(*position));
        for range in recent.chain(self.runs.iter().take(MAX_BLOCKS)) {
            if report.len() < room.min(MAX_BLOCKS) && !report.contains(&range) {
                report.push(range);
            }
        }
        report
    }

    /// A segment has arrived at `position`: the run that it lies in is reported first.
    fn touch(&mut self, position: u64) {
        let Some(latest) = self.runs.around(position) else { return };
        self.recent.retain(|other| !latest.contains(other));
        self.recent.truncate(self.recent.capacity() - 1);
        self.recent.insert(0, position);
    }

    /// Bytes held and their overhead.
    pub(crate) fn charged(&self) -> usize {
        self.charged
    }

    /// Holds what of `data`, which begins at `position`, is not held yet. The pieces may be charged up to
    /// `limit` together; a segment that exceeds it displaces those that lie furthest behind it, so that
    /// what fills the first hole is always taken (as long as the budget allows a single piece).
    pub(crate) fn insert(
        &mut self,
        budget: &mut MemoryBudget,
        limit: usize,
        position: u64,
        data: Bytes,
    ) -> Inserted {
        let duplicate = self.runs.first_within(position..position + data.len() as u64);
        let whole = self.fill(budget, limit, position, data);
        self.touch(position);
        Inserted { whole, duplicate }
    }

    /// Holds what is new of a segment; false when some of it found no room.
    fn fill(&mut self, budget: &mut MemoryBudget, limit: usize, mut position: u64, mut data: Bytes) -> bool {
        // A piece that begins before may cover the first part.
        if let Some((&start, piece)) = self.pieces.range(..=position).next_back() {
            let covered = (start + piece.len() as u64).saturating_sub(position).min(data.len() as u64);
            let _ = data.split_to(covered as usize);
            position += covered;
        }
        // Between the pieces that lie within it there may be gaps, from the lowest on.
        while !data.is_empty() {
            let next = self.pieces.range(position..).next().map(|(&start, piece)| (start, piece.len()));
            let gap = next.map_or(u64::MAX, |(start, _)| start - position).min(data.len() as u64);
            let part = data.split_to(gap as usize);
            if !part.is_empty() && !self.hold(budget, limit, position, part) {
                return false;
            }
            position += gap;
            if let Some((_, covered)) = next {
                let covered = covered.min(data.len());
                let _ = data.split_to(covered);
                position += covered as u64;
            }
        }
        true
    }

    /// Takes the piece that begins at `position`.
    pub(crate) fn take(&mut self, budget: &mut MemoryBudget, position: u64) -> Option<Bytes> {
        let piece = self.pieces.remove(&position)?;
        self.runs.remove(position..position + piece.len() as u64);
        self.release(budget, piece.len());
        Some(piece)
    }

    /// What is charged for it, counted anew, and the positions between which it holds something.
    pub(crate) fn recount(&self) -> (usize, Range<u64>) {
        let charged = self.pieces.values().map(|piece| piece.len() + PIECE_OVERHEAD).sum();
        let first = self.pieces.keys().next().copied().unwrap_or_default();
        let behind = self.pieces.last_key_value().map_or(first, |(start, last)| start + last.len() as u64);
        (charged, first..behind)
    }

    /// Gives everything up.
    pub(crate) fn clear(&mut self, budget: &mut MemoryBudget) {
        self.pieces.clear();
        self.runs = Ranges::default();
        budget.release(core::mem::take(&mut self.charged));
    }

    fn hold(&mut self, budget: &mut MemoryBudget, limit: usize, position: u64, part: Bytes) -> bool {
        let cost = part.len() + PIECE_OVERHEAD;
        while self.charged + cost > limit || !budget.charge(cost) {
            let Some(last) = self.pieces.last_entry().filter(|last| *last.key() > position) else {
                return false;
            };
            let start = *last.key();
            let displaced = last.remove().len();
            self.runs.remove(start..start + displaced as u64);
            self.release(budget, displaced);
        }
        self.charged += cost;
        let part = if part.len() < COPY_BELOW { Bytes::copy_from_slice(&part) } else { part };
        self.runs.insert(position..position + part.len() as u64);
        self.pieces.insert(position, part);
        true
    }

    fn release(&mut self, budget: &mut MemoryBudget, len: usize) {
        self.charged -= len + PIECE_OVERHEAD;
        budget.release(len + PIECE_OVERHEAD);
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    const NO_LIMIT: usize = 1 << 20;

    fn drain(reassembly: &mut Reassembly, budget: &mut MemoryBudget, mut position: u64) -> Vec<u8> {
        let mut out = Vec::new();
        while let Some(piece) = reassembly.take(budget, position) {
            position += piece.len() as u64;
            out.extend_from_slice(&piece);
        }
        out
    }

    #[test]
    fn the_bytes_that_came_first_stay() {
        let mut budget = MemoryBudget::new(NO_LIMIT);
        let mut reassembly = Reassembly::default();
        for (position, data) in [(3, &b"bb"[..]), (8, b"ccc"), (1, b"XXXXXXXXXXXX"), (0, b"YYYYYYYYYYYYYYY")]
        {
            reassembly.insert(&mut budget, NO_LIMIT, position, Bytes::from_static(data));
        }
        assert_eq!(drain(&mut reassembly, &mut budget, 0), b"YXXbbXXXcccXXYY");
        assert_eq!((budget.in_use(), reassembly.charged()), (0, 0));
    }

    #[test]
    fn what_fills_the_first_hole_displaces_what_lies_furthest_behind() {
        let mut budget = MemoryBudget::new(NO_LIMIT);
        let mut reassembly = Reassembly::default();
        let limit = 8 * (PIECE_OVERHEAD + 1);
        for island in 0..20 {
            let stored = reassembly.insert(&mut budget, limit, 2 + 2 * island, Bytes::from_static(b"i"));
            assert_eq!(stored.whole, island < 8);
        }
        assert!(reassembly.insert(&mut budget, limit, 0, Bytes::from_static(b"ab")).whole);
        assert!(reassembly.charged() <= limit);
        let reported: u64 = reassembly.runs.iter().map(|run| run.end - run.start).sum();
        assert_eq!(reported, reassembly.pieces.values().map(|piece| piece.len() as u64).sum::<u64>());
        assert_eq!(drain(&mut reassembly, &mut budget, 0), b"abi");
    }

    #[test]
    fn short_pieces_do_not_pin_the_frame_they_came_in() {
        let mut budget = MemoryBudget::new(NO_LIMIT);
        let mut reassembly = Reassembly::default();
        let frame = Bytes::from(vec![7; 64 << 10]);
        reassembly.insert(&mut budget, NO_LIMIT, 9, frame.slice(100..101));
        assert!(frame.is_unique());
    }

    proptest! {
        #[test]
        fn behaves_like_an_array_of_bytes(
            segments in prop::collection::vec((0u64..300, 0usize..60, any::<u8>()), 1..60),
            start in prop_oneof![Just(0u64), Just(u64::from(u32::MAX) - 100)],
        ) {
            let mut budget = MemoryBudget::new(NO_LIMIT);
            let mut reassembly = Reassembly::default();
            let mut model: Vec<Option<u8>> = vec![None; 400];
            for (position, len, byte) in segments {
                let stored =
                    reassembly.insert(&mut budget, NO_LIMIT, start + position, Bytes::from(vec![byte; len]));
                prop_assert!(stored.whole);
                let held = (position..position + len as u64).find(|at| model[*at as usize].is_some());
                prop_assert_eq!(stored.duplicate.map(|duplicate| duplicate.start), held.map(|at| start + at));
                for held in &mut model[position as usize..position as usize + len] {
                    held.get_or_insert(byte);
                }
                let recomputed: usize =
                    reassembly.pieces.values().map(|piece| piece.len() + PIECE_OVERHEAD).sum();
                prop_assert_eq!(reassembly.charged(), recomputed);
                prop_assert_eq!(budget.in_use(), recomputed);
                // What is reported is held, whole runs of it, and the last segment's run comes first.
                let report = reassembly.report(3, 0);
                prop_assert_eq!(report.len(), reassembly.blocks().min(3));
                for run in &report {
                    let (from, to) = ((run.start - start) as usize, (run.end - start) as usize);
                    prop_assert!(model[from..to].iter().all(Option::is_some));
                    prop_assert!(model[to].is_none() && (from == 0 || model[from - 1].is_none()));
                }
                prop_assert!(len == 0 || report[0].contains(&(start + position)));
            }
            for position in 0..400 {
                let run: Vec<u8> = model[position..].iter().map_while(|byte| *byte).collect();
                let begins = position == 0 || model[position - 1].is_none();
                if begins {
                    let got = drain(&mut reassembly, &mut budget, start + position as u64);
                    prop_assert_eq!(got, run);
                }
            }
            prop_assert!(reassembly.is_empty());
            prop_assert_eq!(budget.in_use(), 0);
        }
    }
}
