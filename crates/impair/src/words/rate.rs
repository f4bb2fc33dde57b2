//! Rates: `10mbit`.

use core::fmt;
use core::num::NonZeroU64;
use core::str::FromStr;

use super::{Quantity, WordError, write_scaled};

/// Bits a second in words: `10mbit`, `10Mbit/s`, `10Mbps`, `1MBps` (megabytes: 8 Mbit/s), `500kbit`.
///
/// A small `b` is a bit and a large `B` a byte; the letter before it may be of either case and means
/// thousands. Never zero: a link that sends nothing is one with a loss of 100 %.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct BitsPerSecond(pub NonZeroU64);

const QUANTITY: Quantity = Quantity {
    what: "rate",
    example: "10mbit (bits a second) or 1MBps (bytes a second)",
    range: "at least 1 bit a second, in whole bits, below 2^64",
};

impl BitsPerSecond {
    /// `bits` a second; `None` for zero.
    pub const fn new(bits: u64) -> Option<Self> {
        match NonZeroU64::new(bits) {
            Some(bits) => Some(BitsPerSecond(bits)),
            None => None,
        }
    }

    /// Bits a second.
    pub const fn get(self) -> u64 {
        self.0.get()
    }
}

impl FromStr for BitsPerSecond {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Self, WordError> {
        let (number, unit) = QUANTITY.split(text)?;
        let unknown = || match unit {
            "" | "k" | "K" | "m" | "M" | "g" | "G" => QUANTITY.no_unit(text),
            unit => QUANTITY.unknown_unit(unit),
        };
        let (factor, base) = match unit.as_bytes().first() {
            Some(b'k' | b'K') => (1_000, &unit[1..]),
            Some(b'm' | b'M') => (1_000_000, &unit[1..]),
            Some(b'g' | b'G') => (1_000_000_000, &unit[1..]),
            _ => (1, unit),
        };
        let bits = match base {
            "bit" | "bits" | "bit/s" | "bits/s" | "bps" | "b/s" => 1,
            "B/s" | "Bps" | "byte/s" | "bytes/s" => 8,
            _ => return Err(unknown()),
        };
        number.times(factor * bits).and_then(BitsPerSecond::new).ok_or_else(|| QUANTITY.out_of_range(text))
    }
}

impl fmt::Display for BitsPerSecond {
    /// The exact value: `10 Mbit/s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u64, &str); 4] =
            [(1, "bit/s"), (1_000, "kbit/s"), (1_000_000, "Mbit/s"), (1_000_000_000, "Gbit/s")];
        write_scaled(f, self.get(), &UNITS)
    }
}
