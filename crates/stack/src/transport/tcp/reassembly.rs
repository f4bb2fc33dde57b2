//! Segments that arrived out of order.
//!
//! Positions are counted from the start of the peer's stream, not in sequence numbers, so nothing here
//! wraps. Where segments overlap the bytes that came first stay (a later segment cannot replace what an
//! earlier one brought, which is what an injector would try), and held pieces never overlap.

use alloc::collections::BTreeMap;

use bytes::Bytes;

use crate::memory::{MemoryBudget, PIECE_OVERHEAD};

/// Pieces shorter than this are copied, so that they do not pin the frame they came in.
const COPY_BELOW: usize = 512;

/// Pieces of the peer's stream that lie behind a hole.
#[derive(Debug, Default)]
pub(crate) struct Reassembly {
    /// Disjoint pieces by their first position.
    pieces: BTreeMap<u64, Bytes>,
    /// Bytes held and an overhead for each piece, as charged to the budget.
    charged: usize,
    /// Where the peer's FIN is, when it has been seen.
    fin: Option<u64>,
}

/// What became of a segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stored {
    /// All of it that was new is held.
    All,
    /// Some of it found no room.
    NotAll,
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
        self.fin.get_or_insert(position);
    }

    /// Bytes held and their overhead.
    #[cfg(test)]
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
        mut data: Bytes,
    ) -> Stored {
        let mut position = position;
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
                return Stored::NotAll;
            }
            position += gap;
            if let Some((_, covered)) = next {
                let covered = covered.min(data.len());
                let _ = data.split_to(covered);
                position += covered as u64;
            }
        }
        Stored::All
    }

    /// Takes the piece that begins at `position`.
    pub(crate) fn take(&mut self, budget: &mut MemoryBudget, position: u64) -> Option<Bytes> {
        let piece = self.pieces.remove(&position)?;
        self.release(budget, piece.len());
        Some(piece)
    }

    /// Gives everything up.
    pub(crate) fn clear(&mut self, budget: &mut MemoryBudget) {
        self.pieces.clear();
        budget.release(core::mem::take(&mut self.charged));
    }

    fn hold(&mut self, budget: &mut MemoryBudget, limit: usize, position: u64, part: Bytes) -> bool {
        let cost = part.len() + PIECE_OVERHEAD;
        while self.charged + cost > limit || !budget.charge(cost) {
            let Some(last) = self.pieces.last_entry().filter(|last| *last.key() > position) else {
                return false;
            };
            let displaced = last.remove().len();
            self.release(budget, displaced);
        }
        self.charged += cost;
        let part = if part.len() < COPY_BELOW { Bytes::copy_from_slice(&part) } else { part };
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
            assert_eq!(stored == Stored::All, island < 8);
        }
        assert_eq!(reassembly.insert(&mut budget, limit, 0, Bytes::from_static(b"ab")), Stored::All);
        assert!(reassembly.charged() <= limit);
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
                prop_assert_eq!(stored, Stored::All);
                for held in &mut model[position as usize..position as usize + len] {
                    held.get_or_insert(byte);
                }
                let recomputed: usize =
                    reassembly.pieces.values().map(|piece| piece.len() + PIECE_OVERHEAD).sum();
                prop_assert_eq!(reassembly.charged(), recomputed);
                prop_assert_eq!(budget.in_use(), recomputed);
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
