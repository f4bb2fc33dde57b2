//! Round-trip time and retransmission timeout (RFC 6298, with the gains of RFC 7323 appendix G).

use core::time::Duration;

use super::TcpConfig;

/// Most doublings of the timeout that are counted; the ceiling is reached long before.
const MAX_BACKOFF: u8 = 16;

/// Estimates the round-trip time of one connection.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct RttEstimator {
    /// Smoothed round-trip time in nanoseconds; 0 before the first sample.
    srtt_ns: u64,
    /// Round-trip time variation in nanoseconds.
    rttvar_ns: u64,
    /// The smallest sample in nanoseconds.
    min_rtt_ns: u64,
    /// How often the timer ran out since the last sample.
    backoff: u8,
    /// The SYN had to be repeated, so the timeout before any sample is 3 s (RFC 6298 5.7).
    syn_repeated: bool,
}

impl RttEstimator {
    /// Takes a sample. `samples_per_round` is how many samples one round trip is expected to bring: with
    /// timestamps there can be one for each acknowledgement, and the gains are divided among them, so that
    /// the memory of the filter stays a matter of round trips (RFC 7323 appendix G). With 20 segments in
    /// flight, acknowledged in pairs, that is 10: alpha = 1/80.
    pub(crate) fn sample(&mut self, rtt: Duration, samples_per_round: u64) {
        // A clock that is coarser than the path would make estimates of zero, by which others divide.
        let rtt = (rtt.as_nanos() as u64).clamp(1, 1 << 40);
        if self.srtt_ns == 0 {
            // RFC 6298 2.2
            self.srtt_ns = rtt;
            self.rttvar_ns = rtt / 2;
            self.min_rtt_ns = rtt;
        } else {
            // RFC 6298 2.3: the variation first, from the old mean.
            let n = samples_per_round.max(1);
            let deviation = self.srtt_ns.abs_diff(rtt);
            self.rttvar_ns = approach(self.rttvar_ns, deviation, 4 * n);
            self.srtt_ns = approach(self.srtt_ns, rtt, 8 * n).max(1);
            self.min_rtt_ns = self.min_rtt_ns.min(rtt);
        }
        // RFC 6298 5: the back-off ends with a new sample, which Karn's rule keeps from retransmissions.
        self.backoff = 0;
    }

    /// The timer ran out: doubles the timeout (RFC 6298 5.5) until the next sample.
    pub(crate) fn back_off(&mut self) {
        self.backoff = (self.backoff + 1).min(MAX_BACKOFF);
    }

    /// The SYN or SYN-ACK had to be repeated before the connection stood; the back-off of the handshake
    /// ends with it.
    pub(crate) fn handshake_repeated(&mut self) {
        self.syn_repeated = true;
        self.backoff = 0;
    }

    /// The retransmission timeout.
    pub(crate) fn rto(&self, config: &TcpConfig) -> Duration {
        let base = self.base_rto(config);
        if self.backoff == 0 {
            return base;
        }
        let backed_off = base.saturating_mul(1 << self.backoff.min(MAX_BACKOFF));
        backed_off.min(config.max_rto.max(base))
    }

    /// The timeout without back-off.
    pub(crate) fn base_rto(&self, config: &TcpConfig) -> Duration {
        if self.srtt_ns == 0 {
            return if self.syn_repeated {
                config.initial_rto.max(Duration::from_secs(3))
            } else {
                config.initial_rto
            };
        }
        // RFC 6298 2.3. The floor is under the variation, not under the whole, so that it is a margin on
        // long paths too: with 300 ms of round trip and no variation the timeout is 500 ms.
        let margin = (4 * self.rttvar_ns).max(nanos(config.min_rto));
        Duration::from_nanos(self.srtt_ns.saturating_add(margin).min(nanos(config.max_rto)))
    }

    /// The smoothed round-trip time; `None` before the first sample.
    pub(crate) fn srtt(&self) -> Option<Duration> {
        (self.srtt_ns != 0).then(|| Duration::from_nanos(self.srtt_ns))
    }

    /// The round-trip time variation.
    pub(crate) fn rttvar(&self) -> Duration {
        Duration::from_nanos(self.rttvar_ns)
    }

    /// The smallest sample; zero before the first.
    pub(crate) fn min_rtt(&self) -> Duration {
        Duration::from_nanos(self.min_rtt_ns)
    }

    /// How often the timer ran out since the last sample.
    pub(crate) fn backoff(&self) -> u8 {
        self.backoff
    }
}

/// A duration in whole nanoseconds, as far as they can be counted.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Moves `mean` by 1/`divisor` of the way to `value`.
fn approach(mean: u64, value: u64, divisor: u64) -> u64 {
    if value >= mean { mean + (value - mean) / divisor } else { mean - (mean - value) / divisor }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn follows_rfc_6298() {
        let config = TcpConfig { min_rto: Duration::ZERO, ..TcpConfig::default() };
        let mut rtt = RttEstimator::default();
        // RFC6298-R1
        assert_eq!(rtt.rto(&config), MS(1000));
        // sample, srtt, rttvar, rto: all in microseconds, computed by hand
        for (sample, srtt, rttvar, rto) in [
            (100_000, 100_000, 50_000, 300_000),
            (100_000, 100_000, 37_500, 250_000),
            (180_000, 110_000, 48_125, 302_500),
            (30_000, 100_000, 56_093, 324_375),
        ] {
            rtt.sample(Duration::from_micros(sample), 1);
            assert_eq!(rtt.srtt().unwrap().as_micros(), srtt);
            // RFC6298-R3
            assert_eq!(rtt.rttvar().as_micros(), rttvar);
            // RFC6298-R2, RFC9293-MUST-18
            assert_eq!(rtt.rto(&config).as_micros(), rto);
        }
        assert_eq!(rtt.min_rtt(), MS(30));
    }

    #[test]
    fn the_floor_is_a_margin_above_the_round_trip_time() {
        let config = TcpConfig::default();
        for rtt_ms in [0, 1, 20, 300, 999, 1001] {
            let mut rtt = RttEstimator::default();
            for _ in 0..200 {
                rtt.sample(MS(rtt_ms), 1);
            }
            let over = rtt.rto(&config) - MS(rtt_ms);
            assert!(over >= MS(200) && over < MS(201), "{rtt_ms}: {over:?}");
        }
    }

    #[test]
    fn backs_off_until_a_sample_and_up_to_the_ceiling() {
        let config = TcpConfig::default();
        let mut rtt = RttEstimator::default();
        rtt.sample(MS(50), 1);
        let base = rtt.rto(&config);
        for expiries in 1..40u32 {
            rtt.back_off();
            let wanted = base.saturating_mul(1 << expiries.min(16)).min(Duration::from_secs(120));
            // RFC6298-R5, RFC6298-R8
            assert_eq!(rtt.rto(&config), wanted);
        }
        rtt.sample(MS(50), 1);
        assert!(rtt.rto(&config) <= base);
    }

    #[test]
    fn a_repeated_syn_makes_the_first_timeout_three_seconds() {
        let config = TcpConfig::default();
        let mut rtt = RttEstimator::default();
        rtt.back_off();
        assert_eq!(rtt.rto(&config), MS(2000));
        rtt.handshake_repeated();
        // RFC6298-R9
        assert_eq!(rtt.rto(&config), MS(3000));
        rtt.sample(MS(10), 1);
        assert_eq!(rtt.rto(&config), MS(210));
    }

    #[test]
    fn many_samples_a_round_forget_no_faster_than_one() {
        let (mut one, mut many) = (RttEstimator::default(), RttEstimator::default());
        one.sample(MS(100), 1);
        many.sample(MS(100), 1);
        one.sample(MS(200), 1);
        for _ in 0..10 {
            many.sample(MS(200), 10);
        }
        let (one, many) = (one.srtt().unwrap(), many.srtt().unwrap());
        // RFC7323-R15
        assert!(one.abs_diff(many) < MS(1), "{one:?} {many:?}");
    }
}
