//! Sets of stream positions, kept as disjoint ranges.
//!
//! Positions count from the start of a stream (64 bits), so nothing here wraps. Ranges that touch are one.
//! Each operation costs a search, and a step for each range that it makes disappear.

use alloc::collections::BTreeMap;
use core::ops::Range;

/// A set of positions.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(in crate::transport::tcp) struct Ranges {
    /// First position of each range, and the one behind its last.
    ranges: BTreeMap<u64, u64>,
    /// Positions in all of them.
    total: u64,
}

impl Ranges {
    /// How many ranges there are.
    pub(in crate::transport::tcp) fn count(&self) -> usize {
        self.ranges.len()
    }

    /// How many positions there are.
    pub(in crate::transport::tcp) fn total(&self) -> u64 {
        self.total
    }

    /// Whether there is none.
    pub(in crate::transport::tcp) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Adds a range, and gives how many of its positions are new.
    pub(in crate::transport::tcp) fn insert(&mut self, range: Range<u64>) -> u64 {
        if range.is_empty() {
            return 0;
        }
        let before = self.total;
        let mut whole = range;
        if let Some((&start, &end)) = self.ranges.range(..=whole.start).next_back()
            && end >= whole.start
        {
            if end >= whole.end {
                return 0;
            }
            whole.start = start;
            self.total -= end - start;
        }
        while let Some((&start, &end)) = self.ranges.range(whole.start + 1..=whole.end).next() {
            self.ranges.remove(&start);
            self.total -= end - start;
            whole.end = whole.end.max(end);
        }
        self.total += whole.end - whole.start;
        self.ranges.insert(whole.start, whole.end);
        self.total - before
    }

    /// Removes a range, and gives how many of its positions were there.
    pub(in crate::transport::tcp) fn remove(&mut self, range: Range<u64>) -> u64 {
        if range.is_empty() {
            return 0;
        }
        let before = self.total;
        if let Some((&start, end)) = self.ranges.range_mut(..range.start).next_back()
            && *end > range.start
        {
            let behind = range.end..*end;
            *end = range.start;
            self.total -= behind.end - range.start;
            debug_assert!(start < range.start);
            self.put_back(behind);
        }
        while let Some((&start, &end)) = self.ranges.range(range.clone()).next() {
            self.ranges.remove(&start);
            self.total -= end - start;
            self.put_back(range.end..end);
        }
        before - self.total
    }

    /// What is left of a range behind what was removed from it.
    fn put_back(&mut self, rest: Range<u64>) {
        if !rest.is_empty() {
            self.total += rest.end - rest.start;
            self.ranges.insert(rest.start, rest.end);
        }
    }

    /// The range that a position lies in.
    pub(in crate::transport::tcp) fn around(&self, position: u64) -> Option<Range<u64>> {
        let (&start, &end) = self.ranges.range(..=position).next_back()?;
        (end > position).then_some(start..end)
    }

    /// The ranges from the lowest on.
    pub(in crate::transport::tcp) fn iter(&self) -> impl DoubleEndedIterator<Item = Range<u64>> + '_ {
        self.ranges.iter().map(|(&start, &end)| start..end)
    }

    /// The highest range.
    pub(in crate::transport::tcp) fn last(&self) -> Option<Range<u64>> {
        self.iter().next_back()
    }

    /// The part of `within` that belongs to the set and comes first.
    pub(in crate::transport::tcp) fn first_within(&self, within: Range<u64>) -> Option<Range<u64>> {
        let found = match self.around(within.start) {
            Some(around) => around,
            None => {
                let (&start, &end) = self.ranges.range(within.start..).next()?;
                start..end
            }
        };
        let part = found.start.max(within.start)..found.end.min(within.end);
        (!part.is_empty()).then_some(part)
    }

    /// The part of `within` that does not belong to the set and comes first.
    pub(in crate::transport::tcp) fn first_gap(&self, within: Range<u64>) -> Option<Range<u64>> {
        let start = self.around(within.start).map_or(within.start, |around| around.end);
        let end = self.ranges.range(start..).next().map_or(within.end, |(&next, _)| next.min(within.end));
        (start < end).then_some(start..end)
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn behaves_like_an_array_of_bits(
            steps in prop::collection::vec((any::<bool>(), 0u64..64, 0u64..20), 1..60),
        ) {
            let mut set = Ranges::default();
            let mut model = [false; 100];
            for (insert, start, len) in steps {
                let range = start..start + len;
                let changed = model[start as usize..(start + len) as usize]
                    .iter_mut()
                    .map(|bit| u64::from(core::mem::replace(bit, insert) != insert))
                    .sum::<u64>();
                let told = if insert { set.insert(range) } else { set.remove(range) };
                prop_assert_eq!(told, changed);
                prop_assert_eq!(set.total(), model.iter().map(|bit| u64::from(*bit)).sum::<u64>());
                let ranges: Vec<_> = set.iter().collect();
                prop_assert_eq!(ranges.len(), set.count());
                prop_assert!(ranges.windows(2).all(|two| two[0].end < two[1].start), "{:?}", ranges);
                prop_assert!(ranges.iter().all(|range| !range.is_empty()));
                for position in 0..100u64 {
                    let inside = model[position as usize];
                    prop_assert_eq!(set.around(position).is_some(), inside);
                    let run = |of: bool| {
                        let start = (position..90).find(|at| model[*at as usize] == of)?;
                        let end = (start..90).find(|at| model[*at as usize] != of).unwrap_or(90);
                        Some(start..end)
                    };
                    prop_assert_eq!(set.first_within(position..90), run(true));
                    prop_assert_eq!(set.first_gap(position..90), run(false));
                }
            }
        }
    }
}
