//! Chances: `1%`.

use core::fmt;
use core::str::FromStr;

use super::WordError;

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
        let (number, exponent) = match trimmed.strip_suffix('%') {
            Some(percent) => (percent.trim_end(), -2),
            None => (trimmed, 0),
        };
        // Rounded once: `1%` and `0.01` are the same number to the last bit.
        let scaled = is_decimal(number).then(|| alloc::format!("{number}e{exponent}"));
        let value = scaled.and_then(|scaled| scaled.parse().ok()).ok_or_else(|| WordError::NoNumber {
            what: WHAT,
            text: text.into(),
            example: EXAMPLE,
        })?;
        Probability::new(value).ok_or_else(|| WordError::OutOfRange {
            what: WHAT,
            text: text.into(),
            range: RANGE,
        })
    }
}

/// Whether a text is digits with a point among them at most.
fn is_decimal(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty())
}

impl fmt::Display for Probability {
    /// In percent: `1 %`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // 0.07 × 100 is 7.000000000000001: the point is moved in the shortest digits that mean the same chance.
        let digits = alloc::format!("{}", self.0);
        let (whole, fraction) = digits.split_once('.').unwrap_or((&digits, ""));
        let (up, behind) = fraction.split_at(fraction.len().min(2));
        let percent = alloc::format!("{whole}{up:0<2}");
        let percent = percent.trim_start_matches('0');
        let point = if behind.is_empty() { "" } else { "." };
        write!(f, "{}{point}{behind} %", if percent.is_empty() { "0" } else { percent })
    }
}
