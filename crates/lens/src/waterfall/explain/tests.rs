use proptest::prelude::*;

use super::*;

fn interval((start, end): (u64, u64)) -> Interval {
    Interval { start: Instant::from_nanos(start.min(end)), end: Instant::from_nanos(start.max(end)) }
}

fn covered(intervals: &[Interval]) -> Vec<bool> {
    let mut covered = vec![false; 64];
    for it in intervals {
        covered[it.start.as_nanos() as usize..it.end.as_nanos() as usize].fill(true);
    }
    covered
}

proptest! {
    #[test]
    fn what_is_taken_was_free_and_wanted_and_the_rest_stays(
        free in proptest::collection::btree_set(0..64_u64, 0..10),
        wanted in proptest::collection::vec((0..64_u64, 0..64_u64), 0..10),
    ) {
        // Neighbours in the sorted set are the ends of free intervals, in order and apart.
        let ends: Vec<u64> = free.into_iter().collect();
        let (pairs, _) = ends.as_chunks::<2>();
        let mut free: Vec<Interval> = pairs.iter().map(|[start, end]| interval((*start, *end))).collect();
        let wanted: Vec<Interval> = wanted.into_iter().map(interval).collect();
        let (before, asked) = (covered(&free), covered(&wanted));
        let taken = take(&mut free, wanted.into_iter());
        let after = covered(&free);
        for at in 0..64 {
            prop_assert_eq!(after[at], before[at] && !asked[at], "at {}", at);
        }
        let both = (0..64).filter(|at| before[*at] && asked[*at]).count();
        prop_assert_eq!(taken, Duration::from_nanos(both as u64));
        prop_assert!(free.windows(2).all(|pair| pair[0].end <= pair[1].start));
    }
}
