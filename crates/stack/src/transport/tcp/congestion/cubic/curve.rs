//! The curve of CUBIC: W_cubic(t) = C (t - K)^3 + W_max, with C = 0.4 (RFC 9438 4.1, 4.2).

use core::time::Duration;

use super::MAX_CWND;

/// No curve is looked at further than this from its plateau, where it is above any window: 71 minutes.
const FAR: u64 = 1 << 32;

/// A curve; windows are in bytes, times in microseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Curve {
    /// W_max: the height of the plateau.
    w_max: u64,
    /// K: how long it takes from the start of the epoch to the plateau.
    k_us: u64,
    mss: u64,
}

impl Curve {
    /// The curve that begins at the window `cwnd_epoch` and has its plateau at `w_max`; at the window itself
    /// if that is higher (RFC 9438 4.2).
    ///
    /// K = cbrt((W_max - cwnd_epoch) / C), in segments. From 70,000 to 100,000 bytes in segments of 1000 it
    /// is cbrt(30 / 0.4) = 4.217 s.
    pub(super) fn new(w_max: u64, cwnd_epoch: u64, mss: u64) -> Self {
        let mss = mss.max(1);
        let missing = u128::from(w_max.saturating_sub(cwnd_epoch));
        // In microseconds K^3 is 10^18 times as much, and 1 / C = 10 / 4.
        let k_us = cube_root(missing * 10_u128.pow(19) / u128::from(4 * mss)) as u64;
        Curve { w_max: w_max.max(cwnd_epoch), k_us, mss }
    }

    /// The window `t` after the start of the epoch. With the curve above it is 70,000 at once, 86,704 after
    /// 2 s (100 - 0.4 * 2.217^3 segments, with all decimals), 100,000 after 4.217 s and 109,070 after 7.048 s.
    pub(super) fn at(&self, t: Duration) -> u64 {
        let t_us = u64::try_from(t.as_micros()).unwrap_or(u64::MAX);
        let distance = u128::from(t_us.abs_diff(self.k_us).min(FAR));
        let change = 4 * u128::from(self.mss) * distance.pow(3) / 10_u128.pow(19);
        let change = u64::try_from(change).unwrap_or(u64::MAX).min(MAX_CWND);
        if t_us < self.k_us { self.w_max.saturating_sub(change) } else { self.w_max + change }
    }
}

/// The largest number whose cube is not more than `x`: three bits of `x` for each of the root. The cube root
/// of 75 * 10^18 is 4,217,163.
fn cube_root(x: u128) -> u128 {
    let mut rest = x;
    let mut root = 0;
    for shift in (0..=42).rev().map(|bit| 3 * bit) {
        root *= 2;
        // (root + 1)^3 - root^3
        let step = 3 * root * (root + 1) + 1;
        if rest >> shift >= step {
            rest -= step << shift;
            root += 1;
        }
    }
    root
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_curve_is_that_of_the_formula() {
        let curve = Curve::new(100_000, 70_000, 1000);
        assert_eq!(curve.k_us, 4_217_163);
        for t_ms in [0, 1, 500, 2000, 4000, 4217, 4500, 7048, 20_000] {
            let t = f64::from(t_ms) / 1000.0;
            let exact = (0.4 * (t - 75f64.cbrt()).powi(3) + 100.0) * 1000.0;
            let got = curve.at(Duration::from_millis(t_ms as u64)) as f64;
            // RFC9438-R1
            assert!((got - exact).abs() <= 1.0, "{t_ms} ms: {got}, not {exact}");
        }
        // A window above the plateau is a plateau itself.
        assert_eq!(Curve::new(50_000, 70_000, 1000), Curve { w_max: 70_000, k_us: 0, mss: 1000 });
    }

    #[test]
    fn extremes_end_at_the_largest_window_and_at_nothing() {
        let curve = Curve::new(MAX_CWND, 2 * 48, 48);
        assert_eq!(curve.at(Duration::MAX), 2 * MAX_CWND);
        assert!(curve.at(Duration::ZERO) < 200, "{}", curve.at(Duration::ZERO));
        assert_eq!(Curve::new(0, 0, 65_535).at(Duration::from_secs(86_400 * 365)), MAX_CWND);
        assert_eq!(Curve::new(0, 0, 0).at(Duration::ZERO), 0);
    }

    proptest! {
        #[test]
        fn cube_roots_are_exact(x in prop_oneof![0u128..1 << 40, any::<u128>().prop_map(|x| x >> 2)]) {
            let root = cube_root(x);
            prop_assert!(root.pow(3) <= x);
            prop_assert!((root + 1).checked_pow(3).is_none_or(|above| above > x));
        }
    }
}
