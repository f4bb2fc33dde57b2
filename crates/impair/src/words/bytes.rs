//! Amounts of data: `64KB`.

use core::fmt;
use core::str::FromStr;

use super::{Quantity, WordError, write_scaled};

/// A number of bytes in words: `1500`, `64KB` (64 000), `64KiB` (65 536), `1.5MB`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct ByteCount(pub u64);

const QUANTITY: Quantity = Quantity {
    what: "number of bytes",
    example: "1500, 64KB (64 000) or 64KiB (65 536)",
    range: "whole bytes, below 2^64",
};

impl FromStr for ByteCount {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Self, WordError> {
        let (number, unit) = QUANTITY.split(text)?;
        let bytes = match unit {
            "" | "B" => 1,
            "kB" | "KB" | "k" | "K" => 1_000,
            "MB" | "M" => 1_000_000,
            "GB" | "G" => 1_000_000_000,
            "KiB" | "kiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            unit => return Err(QUANTITY.unknown_unit(unit)),
        };
        number.times(bytes).map(ByteCount).ok_or_else(|| QUANTITY.out_of_range(text))
    }
}

impl fmt::Display for ByteCount {
    /// The exact value, in binary units where they make it a whole number and decimal ones do not.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const BINARY: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
        const DECIMAL: [(u64, &str); 4] = [(1, "B"), (1_000, "kB"), (1_000_000, "MB"), (1_000_000_000, "GB")];
        let binary = BINARY.iter().find(|(unit, _)| self.0.is_multiple_of(*unit));
        match binary {
            Some((unit, name)) if !self.0.is_multiple_of(1_000) => write!(f, "{} {name}", self.0 / unit),
            _ => write_scaled(f, self.0, &DECIMAL),
        }
    }
}
