//! Reno: slow start, congestion avoidance and the cuts of RFC 5681, counted in bytes (RFC 3465).

use super::{Acknowledged, CongestionControl, Windows, first_window, initial_window};

/// The state of Reno.
#[derive(Clone, Debug)]
pub(crate) struct Reno {
    windows: Windows,
    /// Bytes acknowledged since the window last grew in congestion avoidance.
    bytes_acked: u32,
}

impl Reno {
    /// Starts with the initial window (RFC 6928 2).
    pub(crate) fn new(mss: u64, handshake_lossy: bool) -> Self {
        Reno::with_windows(first_window(mss, handshake_lossy), u64::MAX)
    }

    /// Takes over the windows of another controller.
    pub(crate) fn with_windows(cwnd: u64, ssthresh: u64) -> Self {
        Reno { windows: Windows::new(cwnd, ssthresh), bytes_acked: 0 }
    }

    /// Half of what was in flight, and at least two segments (RFC 5681 equation 4). With 10 segments of
    /// 1448 bytes in flight: 7,240.
    fn cut(in_flight: u64, mss: u64) -> u64 {
        (in_flight / 2).max(2 * mss)
    }
}

impl CongestionControl for Reno {
    fn name(&self) -> &'static str {
        "reno"
    }

    fn cwnd(&self) -> u64 {
        self.windows.cwnd()
    }

    fn ssthresh(&self) -> u64 {
        self.windows.ssthresh()
    }

    fn on_ack(&mut self, acknowledged: Acknowledged) {
        let Acknowledged { bytes, mss, cwnd_limited, .. } = acknowledged;
        if !cwnd_limited {
            return;
        }
        let cwnd = self.cwnd();
        if cwnd < self.ssthresh() {
            self.windows.slow_start(&acknowledged);
            return;
        }
        // RFC 5681 3.1, with byte counting: one segment for each window that is acknowledged.
        let acked = u64::from(self.bytes_acked) + bytes;
        if acked >= cwnd {
            self.windows.set_cwnd(cwnd + mss);
        }
        // Less than a window: what one acknowledgement covers, and less than a window before it.
        self.bytes_acked = (if acked >= cwnd { acked - cwnd } else { acked }).min(cwnd) as u32;
    }

    fn on_loss(&mut self, in_flight: u64, mss: u64) {
        let cut = Reno::cut(in_flight, mss);
        *self = Reno::with_windows(cut, cut);
    }

    fn on_recovered(&mut self, in_flight: u64, mss: u64) {
        self.windows.recovered(in_flight, mss);
    }

    fn on_timeout(&mut self, in_flight: u64, mss: u64, again: bool) {
        // RFC 5681 3.1: the threshold is held while the same data is sent again and again.
        let ssthresh = if again { self.ssthresh() } else { Reno::cut(in_flight, mss) };
        *self = Reno::with_windows(mss, ssthresh);
    }

    fn on_idle(&mut self, mss: u64) {
        // RFC 5681 4.1
        *self = Reno::with_windows(self.cwnd().min(initial_window(mss)), self.ssthresh());
    }

    fn restore(&mut self, cwnd: u64, ssthresh: u64) {
        self.windows = Windows::new(cwnd, ssthresh);
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use fathom_wire::Instant;

    use super::*;

    const MSS: u64 = 1000;

    fn acknowledge(reno: &mut Reno, bytes: u64, cwnd_limited: bool, after_timeout: bool) {
        let (now, rtt) = (Instant::ZERO, Duration::ZERO);
        reno.on_ack(Acknowledged { bytes, mss: MSS, cwnd_limited, after_timeout, now, rtt });
    }

    fn ack(reno: &mut Reno, bytes: u64) {
        acknowledge(reno, bytes, true, false);
    }

    #[test]
    fn slow_start_doubles_each_round_trip_and_stops_at_the_threshold() {
        let mut reno = Reno::new(MSS, false);
        // RFC5681-R5
        assert!(reno.ssthresh() > u64::from(u32::MAX), "{}", reno.ssthresh());
        for _ in 0..5 {
            ack(&mut reno, 2 * MSS);
        }
        assert_eq!(reno.cwnd(), 20 * MSS);
        reno.windows.set_ssthresh(21 * MSS);
        ack(&mut reno, 5 * MSS);
        assert_eq!(reno.cwnd(), 21 * MSS);
    }

    #[test]
    fn avoidance_adds_a_segment_each_round_trip_however_the_acknowledgements_are_cut() {
        for piece in [1, 10, 1000, 2000, 10_000] {
            let mut reno = Reno::new(MSS, false);
            reno.windows.set_ssthresh(10 * MSS);
            for _ in 0..10 * MSS / piece {
                ack(&mut reno, piece);
            }
            // RFC5681-R3, RFC9293-MUST-19
            assert_eq!(reno.cwnd(), 11 * MSS, "pieces of {piece}");
        }
    }

    #[test]
    fn a_window_that_is_not_used_does_not_grow() {
        let mut reno = Reno::new(MSS, false);
        acknowledge(&mut reno, MSS, false, false);
        assert_eq!(reno.cwnd(), 10 * MSS);
    }

    #[test]
    fn after_a_timeout_an_acknowledgement_of_much_is_worth_a_segment() {
        let mut reno = Reno::new(MSS, false);
        reno.on_timeout(20 * MSS, MSS, false);
        acknowledge(&mut reno, 8 * MSS, true, true);
        // RFC5681-R2
        assert_eq!(reno.cwnd(), 2 * MSS);
        acknowledge(&mut reno, 1, true, true);
        // RFC5681-R2
        assert_eq!(reno.cwnd(), 2 * MSS + 1, "acknowledgements of single bytes gain nothing");
    }

    #[test]
    fn losses_halve_and_timeouts_start_over() {
        let mut reno = Reno::new(MSS, false);
        reno.on_loss(20 * MSS, MSS);
        assert_eq!((reno.cwnd(), reno.ssthresh()), (10 * MSS, 10 * MSS));
        reno.on_recovered(3 * MSS, MSS);
        assert_eq!(reno.cwnd(), 10 * MSS);
        reno.on_timeout(10 * MSS, MSS, false);
        // RFC5681-R4
        assert_eq!((reno.cwnd(), reno.ssthresh()), (MSS, 5 * MSS));
        reno.on_timeout(MSS, MSS, true);
        // RFC5681-R4: the second timeout
        assert_eq!((reno.cwnd(), reno.ssthresh()), (MSS, 5 * MSS));
        reno.on_loss(MSS, MSS);
        assert_eq!(reno.ssthresh(), 2 * MSS);
    }

    #[test]
    fn the_window_never_exceeds_what_a_receive_window_can_be() {
        let mut reno = Reno::new(MSS, false);
        for _ in 0..5 {
            ack(&mut reno, u64::from(u32::MAX));
        }
        assert_eq!(reno.cwnd(), 1 << 30);
    }
}
