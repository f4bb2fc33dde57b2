//! Reno: slow start, congestion avoidance and the cuts of RFC 5681, counted in bytes (RFC 3465).

use super::{Acknowledged, CongestionControl};

/// A window larger than any receive window (RFC 7323 2.3) has no use.
const MAX_CWND: u64 = 1 << 30;

/// The initial window of RFC 6928 2: min(10 MSS, max(2 MSS, 14600)). With an MSS of 1448 bytes 14,480; with
/// 8,948 bytes 17,896.
pub(crate) fn initial_window(mss: u64) -> u64 {
    (10 * mss).min((2 * mss).max(14_600))
}

/// The state of Reno.
#[derive(Clone, Debug)]
pub(crate) struct Reno {
    cwnd: u64,
    ssthresh: u64,
    /// Bytes acknowledged since the window last grew in congestion avoidance.
    bytes_acked: u64,
}

impl Reno {
    /// Starts with the initial window; with one segment when the SYN or SYN-ACK had to be repeated more than
    /// once (RFC 6928 2, RFC 5681 3.1).
    pub(crate) fn new(mss: u64, handshake_lossy: bool) -> Self {
        let cwnd = if handshake_lossy { mss } else { initial_window(mss) };
        Reno { cwnd, ssthresh: u64::MAX, bytes_acked: 0 }
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
        self.cwnd
    }

    fn ssthresh(&self) -> u64 {
        self.ssthresh
    }

    fn on_ack(&mut self, Acknowledged { bytes, mss, cwnd_limited, after_timeout }: Acknowledged) {
        if !cwnd_limited {
            return;
        }
        if self.cwnd < self.ssthresh {
            // RFC 5681 3.1 allows one segment for each acknowledgement, RFC 3465 2.2 two. A receiver that
            // acknowledges whole batches would then keep the window small, so like QUIC (RFC 9002 7.3.1)
            // the window grows by what was acknowledged. After a timeout that could be much that left the
            // network long ago, so there one segment is the limit (RFC 3465 2.3).
            let growth = if after_timeout { bytes.min(mss) } else { bytes };
            // Not beyond the threshold: what is left of the acknowledgement counts for avoidance.
            self.cwnd = (self.cwnd + growth).min(self.ssthresh).min(MAX_CWND);
            return;
        }
        // RFC 5681 3.1, with byte counting: one segment for each window that is acknowledged.
        self.bytes_acked += bytes;
        if self.bytes_acked >= self.cwnd {
            self.bytes_acked -= self.cwnd;
            self.cwnd = (self.cwnd + mss).min(MAX_CWND);
        }
    }

    fn on_loss(&mut self, in_flight: u64, mss: u64) {
        self.ssthresh = Reno::cut(in_flight, mss);
        self.cwnd = self.ssthresh;
        self.bytes_acked = 0;
    }

    fn on_recovered(&mut self, in_flight: u64, mss: u64) {
        // RFC 6582 3.2 step 3, the first of its two choices: no burst when little is in flight.
        self.cwnd = self.ssthresh.min(in_flight.max(mss) + mss);
    }

    fn on_timeout(&mut self, in_flight: u64, mss: u64, again: bool) {
        // RFC 5681 3.1: the threshold is held while the same data is sent again and again.
        if !again {
            self.ssthresh = Reno::cut(in_flight, mss);
        }
        self.cwnd = mss;
        self.bytes_acked = 0;
    }

    fn on_idle(&mut self, mss: u64) {
        // RFC 5681 4.1
        self.cwnd = self.cwnd.min(initial_window(mss));
        self.bytes_acked = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MSS: u64 = 1000;

    fn ack(reno: &mut Reno, bytes: u64) {
        reno.on_ack(Acknowledged { bytes, mss: MSS, cwnd_limited: true, after_timeout: false });
    }

    /// RFC6928-R1
    #[test]
    fn the_initial_window_is_that_of_rfc_6928() {
        for (mss, window) in [(48, 480), (1000, 10_000), (1448, 14_480), (1460, 14_600), (8948, 17_896)] {
            assert_eq!(initial_window(mss), window);
        }
        assert_eq!(Reno::new(MSS, true).cwnd(), MSS);
    }

    /// RFC5681-R5
    #[test]
    fn slow_start_doubles_each_round_trip_and_stops_at_the_threshold() {
        let mut reno = Reno::new(MSS, false);
        for _ in 0..5 {
            ack(&mut reno, 2 * MSS);
        }
        assert_eq!(reno.cwnd(), 20 * MSS);
        reno.ssthresh = 21 * MSS;
        ack(&mut reno, 5 * MSS);
        assert_eq!(reno.cwnd(), 21 * MSS);
    }

    /// RFC5681-R3
    #[test]
    fn avoidance_adds_a_segment_each_round_trip_however_the_acknowledgements_are_cut() {
        for piece in [1, 10, 1000, 2000, 10_000] {
            let mut reno = Reno::new(MSS, false);
            reno.ssthresh = 10 * MSS;
            for _ in 0..10 * MSS / piece {
                ack(&mut reno, piece);
            }
            assert_eq!(reno.cwnd(), 11 * MSS, "pieces of {piece}");
        }
    }

    #[test]
    fn a_window_that_is_not_used_does_not_grow() {
        let mut reno = Reno::new(MSS, false);
        reno.on_ack(Acknowledged { bytes: MSS, mss: MSS, cwnd_limited: false, after_timeout: false });
        assert_eq!(reno.cwnd(), 10 * MSS);
    }

    /// RFC5681-R4
    #[test]
    fn losses_halve_and_timeouts_start_over() {
        let mut reno = Reno::new(MSS, false);
        reno.on_loss(20 * MSS, MSS);
        assert_eq!((reno.cwnd(), reno.ssthresh()), (10 * MSS, 10 * MSS));
        reno.on_recovered(3 * MSS, MSS);
        assert_eq!(reno.cwnd(), 4 * MSS);
        reno.on_timeout(10 * MSS, MSS, false);
        assert_eq!((reno.cwnd(), reno.ssthresh()), (MSS, 5 * MSS));
        reno.on_timeout(MSS, MSS, true);
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
        assert_eq!(reno.cwnd(), MAX_CWND);
    }
}
