//! Lengths of time: `40ms`.

use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use super::{Quantity, WordError, write_scaled};

/// A length of time in words: `40ms`, `1.5s`, `200us`, `2min`; `0` needs no unit.
///
/// Up to 2^64 nanoseconds, which is 584 years.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct TimeSpan(pub Duration);

const QUANTITY: Quantity = Quantity {
    what: "length of time",
    example: "40ms, 1.5s or 200us",
    range: "whole nanoseconds, up to 584 years",
};

impl FromStr for TimeSpan {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Self, WordError> {
        let (number, unit) = QUANTITY.split(text)?;
        let nanos = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" | "sec" => 1_000_000_000,
            "min" => 60_000_000_000,
            "" if number.is_zero() => 1,
            "" => return Err(QUANTITY.no_unit(text)),
            unit => return Err(QUANTITY.unknown_unit(unit)),
        };
        let nanos = number.times(nanos).ok_or_else(|| QUANTITY.out_of_range(text))?;
        Ok(TimeSpan(Duration::from_nanos(nanos)))
    }
}

impl fmt::Display for TimeSpan {
    /// The exact value in `ns`, `µs`, `ms` or `s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_zero() {
            return f.write_str("0 ms");
        }
        let nanos = u64::try_from(self.0.as_nanos()).unwrap_or(u64::MAX);
        write_scaled(f, nanos, &[(1, "ns"), (1_000, "µs"), (1_000_000, "ms"), (1_000_000_000, "s")])
    }
}
