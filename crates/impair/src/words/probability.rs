//! Chances: `1%`.

use core::fmt;
use core::str::FromStr;

use super::{Decimal, WordError};

/// A chance from 0 to 1, in words `1%` or `0.01`.
///
/// A number above 1 without a percent sign is refused, since `2` could mean 2 %.
#[derive(Clone, Copy, PartialEq, PartialOrd, Debug, Default)]
pub struct Probability(f64);

const WHAT: &str = "chance";
const EXAMPLE: &str = "1% or 0.01";
const RANGE: &str = "from 0 to 1, or from 0% to 100%";

impl Probability {
    /// It never happens.
    pub const NEVER: Probability = Probability(0.0);
    /// It happens each time.
    pub const ALWAYS: Probability = Probability(1.0);

    /// The chance `value`; `None` unless it is from 0 to 1.
    pub fn new(value: f64) -> Option<Self> {
        (0.0..=1.0).contains(&value).then_some(Probability(value))
    }

    /// The chance as a number from 0 to 1.
    pub const fn get(self) -> f64 {
        self.0
    }

    /// Whether it is zero.
    pub fn is_never(self) -> bool {
        self.0 == 0.0
    }

    /// Whether it is one.
    pub fn is_always(self) -> bool {
        self.0 == 1.0
    }
}

impl FromStr for Probability {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Self, WordError> {
        let trimmed = text.trim();
        let (number, digits_of_unit) = match trimmed.strip_suffix('%') {
            Some(percent) => (percent.trim_end(), 2),
            None => (trimmed, 0),
        };
        let Decimal { mantissa, scale } = Decimal::parse(number).ok_or_else(|| WordError::NoNumber {
            what: WHAT,
            text: text.into(),
            example: EXAMPLE,
        })?;
        // One division of whole numbers: `1%` and `0.01` are the same number to the last bit.
        let value = mantissa as f64 / 10_u128.pow(scale + digits_of_unit) as f64;
        Probability::new(value).ok_or_else(|| WordError::OutOfRange {
            what: WHAT,
            text: text.into(),
            range: RANGE,
        })
    }
}

impl fmt::Display for Probability {
    /// In percent: `1 %`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = self.0 * 100.0;
        // 0.07 × 100 is 7.000000000000001: the shortest form that means the same chance.
        for digits in 0..=15 {
            let short = alloc::format!("{percent:.digits$} %");
            if short.parse() == Ok(*self) {
                return f.write_str(&short);
            }
        }
        write!(f, "{percent:.15} %")
    }
}
