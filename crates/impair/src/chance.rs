//! Seeded luck: a stream of its own for each kind of chance.

use core::time::Duration;

use rand_core::{Rng, SeedableRng};
use rand_xoshiro::{SplitMix64, Xoshiro256PlusPlus};

use crate::Probability;

/// One stream of random numbers.
#[derive(Clone, Debug)]
pub(crate) struct Stream(Xoshiro256PlusPlus);

impl Stream {
    /// A number in `[0, 1)` with 53 random bits, all that a `f64` holds.
    fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// True with probability `p`; always for one, never for zero. Takes one draw in any case.
    pub(crate) fn happens(&mut self, p: Probability) -> bool {
        self.unit() < p.get()
    }

    /// Any number.
    pub(crate) fn any(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform over `[0, 2 × half]`: the offset above `-half`.
    pub(crate) fn twice(&mut self, half: Duration) -> Duration {
        let half = u64::try_from(half.as_nanos()).unwrap_or(u64::MAX / 4).min(u64::MAX / 4);
        Duration::from_nanos(scale(self.any(), 2 * half + 1))
    }
}

/// Scales a random number to one below `bound`: the high half of their 128-bit product.
///
/// Some results are likelier than others, by less than one part in `2^64 / bound`.
pub(crate) fn scale(random: u64, bound: u64) -> u64 {
    ((u128::from(random) * u128::from(bound)) >> 64) as u64
}

/// The streams of one link.
///
/// Frame number n takes the n-th draw of each stream that is in use, whatever became of the frames
/// before it and whatever else befalls this one. So the same frames are lost whether or not some are
/// duplicated too, and two runs can be compared under equal luck.
#[derive(Clone, Debug)]
pub(crate) struct Chances {
    pub(crate) loss: Stream,
    pub(crate) burst_state: Stream,
    pub(crate) burst_loss: Stream,
    pub(crate) jitter: Stream,
    pub(crate) reorder: Stream,
    pub(crate) duplicate: Stream,
    pub(crate) corrupt: Stream,
    pub(crate) corrupt_bit: Stream,
}

impl Chances {
    pub(crate) fn new(seed: u64) -> Self {
        let mut seeds = SplitMix64::seed_from_u64(seed);
        let mut stream = || Stream(Xoshiro256PlusPlus::seed_from_u64(seeds.next_u64()));
        // The order of these lines is part of what a seed means: a new kind goes to the end.
        Chances {
            loss: stream(),
            burst_state: stream(),
            burst_loss: stream(),
            jitter: stream(),
            reorder: stream(),
            duplicate: stream(),
            corrupt: stream(),
            corrupt_bit: stream(),
        }
    }
}
