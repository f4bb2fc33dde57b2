//! The words in which people say how a link behaves: `40ms`, `1%`, `10mbit`, `64KB`, `up:2mbit`.
//!
//! Each kind of quantity is a type with [`FromStr`](core::str::FromStr) and `Display`; what `Display`
//! writes is what the words were understood as, and reads back as the same value.

use alloc::string::String;
use core::fmt;

mod bytes;
mod directed;
mod probability;
mod rate;
mod time;

pub use bytes::ByteCount;
pub use directed::Directed;
pub use probability::Probability;
pub use rate::BitsPerSecond;
pub use time::TimeSpan;

/// Why words were not understood. The message says what would be.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum WordError {
    /// There is no number at the start.
    #[error("'{text}' is no {what}: write {example}")]
    NoNumber {
        /// The quantity that was expected.
        what: &'static str,
        /// What was given.
        text: String,
        /// Words that would do.
        example: &'static str,
    },
    /// A number without a unit, where it could mean several things.
    #[error("'{text}' has no unit: write {example}")]
    NoUnit {
        /// What was given.
        text: String,
        /// Words that would do.
        example: &'static str,
    },
    /// A unit that this quantity does not have.
    #[error("'{unit}' is no unit of a {what}: write {example}")]
    UnknownUnit {
        /// The quantity that was expected.
        what: &'static str,
        /// The unit that was given.
        unit: String,
        /// Words that would do.
        example: &'static str,
    },
    /// A value that this quantity cannot have.
    #[error("'{text}' is out of range: a {what} is {range}")]
    OutOfRange {
        /// The quantity that was expected.
        what: &'static str,
        /// What was given.
        text: String,
        /// What it can be.
        range: &'static str,
    },
    /// The wrong number of parts, or a part of the wrong kind.
    #[error("'{text}' does not say the {what}: write {form}")]
    Form {
        /// The quantity that was expected.
        what: &'static str,
        /// What was given.
        text: String,
        /// The form, with an example.
        form: &'static str,
    },
}

/// A quantity as the parsers below know it: its name, and an example for messages.
struct Quantity {
    what: &'static str,
    example: &'static str,
    range: &'static str,
}

impl Quantity {
    /// Reads a decimal number and what follows it.
    fn split<'a>(&self, text: &'a str) -> Result<(Decimal, &'a str), WordError> {
        let trimmed = text.trim();
        let end = trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(trimmed.len());
        let (number, unit) = trimmed.split_at(end);
        let decimal = Decimal::parse(number).ok_or_else(|| WordError::NoNumber {
            what: self.what,
            text: text.into(),
            example: self.example,
        })?;
        Ok((decimal, unit.trim()))
    }

    fn no_unit(&self, text: &str) -> WordError {
        WordError::NoUnit { text: text.into(), example: self.example }
    }

    fn unknown_unit(&self, unit: &str) -> WordError {
        WordError::UnknownUnit { what: self.what, unit: unit.into(), example: self.example }
    }

    fn out_of_range(&self, text: &str) -> WordError {
        WordError::OutOfRange { what: self.what, text: text.into(), range: self.range }
    }
}

/// A decimal number, exactly: `mantissa / 10^scale`.
#[derive(Clone, Copy)]
struct Decimal {
    mantissa: u128,
    scale: u32,
}

impl Decimal {
    /// As many digits as 2^64 has. With them the product with a unit below 2^60 fits 128 bits.
    const MAX_DIGITS: usize = 20;

    fn parse(text: &str) -> Option<Decimal> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        if whole.len() + fraction.len() > Self::MAX_DIGITS || (whole.is_empty() && fraction.is_empty()) {
            return None;
        }
        let mut mantissa = 0_u128;
        for digit in whole.bytes().chain(fraction.bytes()) {
            if !digit.is_ascii_digit() {
                return None;
            }
            mantissa = mantissa * 10 + u128::from(digit - b'0');
        }
        Some(Decimal { mantissa, scale: fraction.len() as u32 })
    }

    fn is_zero(self) -> bool {
        self.mantissa == 0
    }

    /// The number times `unit`, if that is a whole number of 64 bits.
    fn times(self, unit: u64) -> Option<u64> {
        let product = self.mantissa * u128::from(unit);
        let divisor = 10_u128.pow(self.scale);
        if !product.is_multiple_of(divisor) {
            return None;
        }
        u64::try_from(product / divisor).ok()
    }
}

/// Writes `value` in the largest of `units` (ascending) that is not larger than it, exactly.
fn write_scaled(f: &mut fmt::Formatter<'_>, value: u64, units: &[(u64, &str)]) -> fmt::Result {
    let Some(&(unit, name)) = units.iter().rev().find(|(unit, _)| *unit <= value).or(units.first()) else {
        return write!(f, "{value}");
    };
    write!(f, "{}", value / unit)?;
    let mut rest = u128::from(value % unit);
    if rest != 0 {
        f.write_str(".")?;
        while rest != 0 {
            rest *= 10;
            write!(f, "{}", rest / u128::from(unit))?;
            rest %= u128::from(unit);
        }
    }
    write!(f, " {name}")
}

/// Splits at commas into between `min` and `max` parts.
pub(crate) fn parts<'a>(
    what: &'static str,
    form: &'static str,
    text: &'a str,
    min: usize,
    max: usize,
) -> Result<impl Iterator<Item = &'a str>, WordError> {
    let count = text.split(',').count();
    if (min..=max).contains(&count) && !text.trim().is_empty() {
        Ok(text.split(','))
    } else {
        Err(WordError::Form { what, text: text.into(), form })
    }
}

#[cfg(test)]
mod tests;
