//! TCP sequence numbers (RFC 9293 3.4): a circle of 2^32, on which only nearby points have an order.

use core::fmt;
use core::ops::{Add, AddAssign, Sub, SubAssign};

/// A point in a TCP sequence space.
///
/// Arithmetic wraps. Comparison is serial: `a.lt(b)` when going from `a` forwards reaches `b` within
/// 2^31 − 1 steps. That is no total order, hence no `Ord`.
///
/// ```
/// use fathom_wire::SeqNumber;
///
/// let before = SeqNumber(u32::MAX - 1);
/// let after = before + 4;
/// assert_eq!(after, SeqNumber(2));
/// assert!(before.lt(after));
/// assert_eq!(after.distance_from(before), 4);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct SeqNumber(pub u32);

impl SeqNumber {
    /// Steps from `earlier` forwards to `self`, around the circle.
    #[inline]
    pub const fn distance_from(self, earlier: SeqNumber) -> u32 {
        self.0.wrapping_sub(earlier.0)
    }

    /// Steps from `origin` to `self` by the shorter way: negative when `self` is before it.
    #[inline]
    pub const fn offset_from(self, origin: SeqNumber) -> i32 {
        self.0.wrapping_sub(origin.0) as i32
    }

    /// Whether `self` is before `other`.
    #[inline]
    pub const fn lt(self, other: SeqNumber) -> bool {
        self.offset_from(other) < 0
    }

    /// Whether `self` is `other` or before it.
    #[inline]
    pub const fn le(self, other: SeqNumber) -> bool {
        self.offset_from(other) <= 0
    }

    /// Whether `self` is after `other`.
    #[inline]
    pub const fn gt(self, other: SeqNumber) -> bool {
        other.lt(self)
    }

    /// Whether `self` is `other` or after it.
    #[inline]
    pub const fn ge(self, other: SeqNumber) -> bool {
        other.le(self)
    }

    /// The later one of the two.
    #[inline]
    pub const fn max(self, other: SeqNumber) -> SeqNumber {
        if self.lt(other) { other } else { self }
    }

    /// The earlier one of the two.
    #[inline]
    pub const fn min(self, other: SeqNumber) -> SeqNumber {
        if other.lt(self) { other } else { self }
    }

    /// Whether `self` is one of the `len` numbers from `start` on: `start <= self < start + len`.
    #[inline]
    pub const fn is_within(self, start: SeqNumber, len: u32) -> bool {
        self.distance_from(start) < len
    }
}

impl Add<u32> for SeqNumber {
    type Output = SeqNumber;

    #[inline]
    fn add(self, steps: u32) -> SeqNumber {
        SeqNumber(self.0.wrapping_add(steps))
    }
}

impl AddAssign<u32> for SeqNumber {
    #[inline]
    fn add_assign(&mut self, steps: u32) {
        *self = *self + steps;
    }
}

impl Sub<u32> for SeqNumber {
    type Output = SeqNumber;

    #[inline]
    fn sub(self, steps: u32) -> SeqNumber {
        SeqNumber(self.0.wrapping_sub(steps))
    }
}

impl SubAssign<u32> for SeqNumber {
    #[inline]
    fn sub_assign(&mut self, steps: u32) {
        *self = *self - steps;
    }
}

impl fmt::Display for SeqNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for SeqNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests;
