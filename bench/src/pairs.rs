//! Interleaved pairs of measurements (A B A B …), and what they say.

use std::time::{Duration, Instant};

/// Measurements of two subjects, taken in turn, so that whatever else the machine does falls on both.
#[derive(Debug, Default)]
pub(crate) struct Pairs(Vec<(f64, f64)>);

/// The middle of some values, and the range of their middle half.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Pairs {
    /// Takes `count` pairs. The first pair is for warming up and does not count.
    pub(crate) fn take(count: usize, mut ours: impl FnMut() -> f64, mut theirs: impl FnMut() -> f64) -> Self {
        let mut pair = || (ours(), theirs());
        pair();
        Pairs((0..count).map(|_| pair()).collect())
    }

    /// The median of the first of each pair.
    pub(crate) fn ours(&self) -> f64 {
        Spread::of(self.0.iter().map(|pair| pair.0)).median
    }

    /// The median of the second of each pair.
    pub(crate) fn theirs(&self) -> f64 {
        Spread::of(self.0.iter().map(|pair| pair.1)).median
    }

    /// First by second, pair by pair.
    pub(crate) fn ratio(&self) -> Spread {
        Spread::of(self.0.iter().map(|pair| pair.0 / pair.1))
    }

    /// Second by first, pair by pair.
    pub(crate) fn inverse_ratio(&self) -> Spread {
        Spread::of(self.0.iter().map(|pair| pair.1 / pair.0))
    }
}

impl Spread {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let at = |quarters: usize| values[(values.len() - 1) * quarters / 4];
        Spread { median: at(2), low: at(1), high: at(3) }
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let digits = if self.median < 9.95 { 2 } else { 1 };
        write!(f, "{:.digits$}× ({:.digits$}–{:.digits$})", self.median, self.low, self.high)
    }
}

/// Works, a bit at a time, for at least `spell`. Gives what was done per second, `work` telling how much it did.
#[allow(clippy::disallowed_methods, reason = "a benchmark measures real time")]
pub(crate) fn rate(spell: Duration, mut work: impl FnMut() -> usize) -> f64 {
    let started = Instant::now();
    let mut done = 0;
    loop {
        done += work();
        let elapsed = started.elapsed();
        if elapsed >= spell {
            return done as f64 / elapsed.as_secs_f64();
        }
    }
}
