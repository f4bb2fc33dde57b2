//! Everything that a world draws from its seed.

use std::time::Duration;

use fathom_impair::Probability;
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// A stream of draws.
#[derive(Clone, Debug)]
pub(crate) struct Draw(Xoshiro256PlusPlus);

impl Draw {
    pub(crate) fn new(seed: u64) -> Draw {
        Draw(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    /// Any number.
    pub(crate) fn any(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.any()) * u128::from(bound)) >> 64) as u64
    }

    /// A number of a range, both ends included.
    pub(crate) fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most - least + 1)
    }

    /// A number of a range, small ones as likely as large ones: each power of two gets the same share.
    pub(crate) fn scale(&mut self, least: u64, most: u64) -> u64 {
        let (low, high) = ((least.max(1) as f64).ln(), (most.max(1) as f64).ln());
        let at = low + (high - low) * (self.any() >> 11) as f64 / (1_u64 << 53) as f64;
        (at.exp() as u64).clamp(least, most)
    }

    /// True once in `n`.
    pub(crate) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    pub(crate) fn coin(&mut self) -> bool {
        self.one_in(2)
    }

    /// One of these.
    pub(crate) fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }

    /// What `some` makes, once in `n`.
    pub(crate) fn maybe<T>(&mut self, n: u64, some: impl FnOnce(&mut Draw) -> T) -> Option<T> {
        self.one_in(n).then(|| some(self))
    }

    /// A time of a range, on a logarithmic scale.
    pub(crate) fn time(&mut self, least: Duration, most: Duration) -> Duration {
        Duration::from_micros(self.scale(least.as_micros() as u64, most.as_micros() as u64))
    }

    /// A chance between a tenth of a percent and `most` percent.
    pub(crate) fn percent(&mut self, most: u64) -> Probability {
        let per_mille = self.scale(1, most * 10);
        // At most a whole.
        Probability::new(per_mille as f64 / 1000.0).unwrap_or(Probability::NEVER)
    }
}
