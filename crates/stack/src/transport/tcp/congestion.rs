//! Congestion control: how much may be in flight.
//!
//! Loss recovery ([`recovery`](super::recovery)) says what was lost and what is in flight; a congestion
//! controller only says how much that may be. The two know nothing else of each other.

mod cubic;
mod reno;

use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use cubic::Cubic;
use fathom_wire::Instant;
use reno::Reno;

/// A window larger than any receive window (RFC 7323 2.3) has no use.
const MAX_CWND: u64 = 1 << 30;

/// A way to find out how much a path carries. Written as Linux writes it: `cubic`, `reno`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub enum CongestionAlgorithm {
    /// CUBIC (RFC 9438): returns along a cubic curve to the window at which the last loss was.
    #[default]
    Cubic,
    /// Reno (RFC 5681): a segment more for each round trip, half as much after a loss.
    Reno,
}

impl CongestionAlgorithm {
    /// All of them.
    pub const ALL: [CongestionAlgorithm; 2] = [CongestionAlgorithm::Cubic, CongestionAlgorithm::Reno];

    /// Its name as Linux has it.
    pub const fn name(self) -> &'static str {
        match self {
            CongestionAlgorithm::Cubic => "cubic",
            CongestionAlgorithm::Reno => "reno",
        }
    }
}

impl fmt::Display for CongestionAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No congestion controller has this name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no such congestion controller: there are cubic and reno")]
pub struct UnknownCongestionAlgorithm;

impl FromStr for CongestionAlgorithm {
    type Err = UnknownCongestionAlgorithm;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name).ok_or(UnknownCongestionAlgorithm)
    }
}

/// What a controller learns from an acknowledgement of new data.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Acknowledged {
    /// Bytes that it acknowledged for the first time.
    pub(crate) bytes: u64,
    /// The sender's maximum segment size (SMSS).
    pub(crate) mss: u64,
    /// The congestion window was what held the sender back. A window that was not used says nothing about
    /// the network and does not grow (RFC 9293 3.8.2, RFC 7661 3).
    pub(crate) cwnd_limited: bool,
    /// Data is being sent again after a timeout: acknowledgements may cover much that arrived long ago.
    pub(crate) after_timeout: bool,
    /// When it came.
    pub(crate) now: Instant,
    /// Smoothed round-trip time.
    pub(crate) rtt: Duration,
}

/// A congestion controller. Windows are in bytes.
pub(crate) trait CongestionControl {
    /// Its name as Linux has it, for `tcp_info`.
    fn name(&self) -> &'static str;
    /// How much may be in flight.
    fn cwnd(&self) -> u64;
    /// Below it, slow start; `u64::MAX` before the first loss.
    fn ssthresh(&self) -> u64;
    /// New data was acknowledged outside of fast recovery.
    fn on_ack(&mut self, acknowledged: Acknowledged);
    /// A loss was detected with `in_flight` bytes in flight: once for each window of data.
    fn on_loss(&mut self, in_flight: u64, mss: u64);
    /// Everything that was in flight at the loss is acknowledged; `in_flight` is in flight since.
    fn on_recovered(&mut self, in_flight: u64, mss: u64);
    /// The retransmission timer ran out with `in_flight` bytes in flight. `again` when it had for the same
    /// data before.
    fn on_timeout(&mut self, in_flight: u64, mss: u64, again: bool);
    /// Nothing was sent for longer than the retransmission timeout.
    fn on_idle(&mut self, mss: u64);
    /// This is the state before a loss that was none: it counts again, with these windows.
    fn restore(&mut self, cwnd: u64, ssthresh: u64);
}

/// What every controller has. Two words, since every connection has them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Windows {
    cwnd: u32,
    /// `u32::MAX` before the first loss.
    ssthresh: u32,
}

impl Windows {
    fn new(cwnd: u64, ssthresh: u64) -> Self {
        let mut windows = Windows { cwnd: 0, ssthresh: 0 };
        windows.set_cwnd(cwnd);
        windows.set_ssthresh(ssthresh);
        windows
    }

    fn cwnd(self) -> u64 {
        u64::from(self.cwnd)
    }

    fn ssthresh(self) -> u64 {
        if self.ssthresh == u32::MAX { u64::MAX } else { u64::from(self.ssthresh) }
    }

    fn set_cwnd(&mut self, cwnd: u64) {
        self.cwnd = cwnd.min(MAX_CWND) as u32;
    }

    fn set_ssthresh(&mut self, ssthresh: u64) {
        self.ssthresh = u32::try_from(ssthresh).unwrap_or(u32::MAX);
    }

    /// Slow start after an acknowledgement.
    ///
    /// RFC 5681 3.1 allows one segment for each acknowledgement, RFC 3465 2.2 two. A receiver that
    /// acknowledges whole batches would then keep the window small, so like QUIC (RFC 9002 7.3.1) the window
    /// grows by what was acknowledged. After a timeout that could be much that left the network long ago, so
    /// there one segment is the limit (RFC 3465 2.3).
    fn slow_start(&mut self, acknowledged: &Acknowledged) {
        let Acknowledged { bytes, mss, after_timeout, .. } = *acknowledged;
        let growth = if after_timeout { bytes.min(mss) } else { bytes };
        // Not beyond the threshold, where avoidance begins.
        self.set_cwnd((self.cwnd() + growth).min(self.ssthresh()));
    }

    /// Everything is repaired, with `in_flight` in flight since. RFC 6582 3.2 step 3 has the window at the
    /// threshold, with a measure against a burst where little is in flight (a receive window that was full
    /// of what lay behind the holes): no more than an initial window at once, and slow start from there.
    /// With a threshold of 100,000 bytes, segments of 1000 and 30,000 in flight: 40,000.
    fn recovered(&mut self, in_flight: u64, mss: u64) {
        self.set_cwnd(self.ssthresh().min(in_flight + initial_window(mss)));
    }
}

/// The initial window of RFC 6928 2: min(10 MSS, max(2 MSS, 14600)). With an MSS of 1448 bytes 14,480; with
/// 8,948 bytes 17,896.
fn initial_window(mss: u64) -> u64 {
    (10 * mss).min((2 * mss).max(14_600))
}

/// The window to start with: the initial window; one segment when the SYN or SYN-ACK had to be repeated more
/// than once (RFC 6928 2, RFC 5681 3.1).
fn first_window(mss: u64, handshake_lossy: bool) -> u64 {
    if handshake_lossy { mss } else { initial_window(mss) }
}

/// The controller of a connection.
#[derive(Clone, Debug)]
pub(crate) enum Controller {
    Cubic(Cubic),
    Reno(Reno),
}

impl Controller {
    pub(crate) fn new(algorithm: CongestionAlgorithm, mss: u64, handshake_lossy: bool) -> Self {
        match algorithm {
            CongestionAlgorithm::Cubic => Controller::Cubic(Cubic::new(mss, handshake_lossy)),
            CongestionAlgorithm::Reno => Controller::Reno(Reno::new(mss, handshake_lossy)),
        }
    }

    /// Goes on with another algorithm, with the windows as they are.
    pub(crate) fn switch(&mut self, algorithm: CongestionAlgorithm) {
        let (cwnd, ssthresh) = (self.cwnd(), self.get().ssthresh());
        *self = match algorithm {
            _ if algorithm == self.algorithm() => return,
            CongestionAlgorithm::Cubic => Controller::Cubic(Cubic::with_windows(cwnd, ssthresh)),
            CongestionAlgorithm::Reno => Controller::Reno(Reno::with_windows(cwnd, ssthresh)),
        };
    }

    /// What was taken for a loss had been none: the state before it counts again (RFC 4015 3.2, RFC 9438
    /// 4.9.2). The window is let open no further than the initial window beyond what is in flight, so that
    /// there is no burst, and slow start takes it to where it had been. With 20,000 bytes in flight, a window
    /// of 50,000 before and segments of 1000 bytes: 30,000, with a threshold of 50,000.
    pub(crate) fn undo(&mut self, before: Controller, in_flight: u64, mss: u64) {
        if before.algorithm() != self.algorithm() {
            return;
        }
        let cwnd = before.cwnd().min(in_flight + initial_window(mss)).max(self.cwnd());
        let ssthresh = before.get().ssthresh().max(before.cwnd());
        *self = before;
        self.get_mut().restore(cwnd, ssthresh);
    }

    pub(crate) fn algorithm(&self) -> CongestionAlgorithm {
        match self {
            Controller::Cubic(_) => CongestionAlgorithm::Cubic,
            Controller::Reno(_) => CongestionAlgorithm::Reno,
        }
    }

    /// How much may be in flight: what every segment asks.
    pub(crate) fn cwnd(&self) -> u64 {
        match self {
            Controller::Cubic(cubic) => cubic.cwnd(),
            Controller::Reno(reno) => reno.cwnd(),
        }
    }

    pub(crate) fn get(&self) -> &dyn CongestionControl {
        match self {
            Controller::Cubic(cubic) => cubic,
            Controller::Reno(reno) => reno,
        }
    }

    pub(crate) fn get_mut(&mut self) -> &mut dyn CongestionControl {
        match self {
            Controller::Cubic(cubic) => cubic,
            Controller::Reno(reno) => reno,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_initial_window_is_that_of_rfc_6928() {
        for (mss, window) in [(48, 480), (1000, 10_000), (1448, 14_480), (1460, 14_600), (8948, 17_896)] {
            // RFC6928-R1
            assert_eq!(initial_window(mss), window);
        }
        for algorithm in CongestionAlgorithm::ALL {
            assert_eq!(Controller::new(algorithm, 1000, false).cwnd(), 10_000);
            assert_eq!(Controller::new(algorithm, 1000, true).cwnd(), 1000);
        }
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for algorithm in CongestionAlgorithm::ALL {
            assert_eq!(algorithm.name().parse(), Ok(algorithm));
            assert_eq!(Controller::new(algorithm, 1000, false).get().name(), algorithm.name());
        }
        assert_eq!("vegas".parse::<CongestionAlgorithm>(), Err(UnknownCongestionAlgorithm));
    }

    #[test]
    fn the_end_of_a_recovery_lets_an_initial_window_out_at_once() {
        for algorithm in CongestionAlgorithm::ALL {
            for (in_flight, cwnd) in [(0, 10_000), (20_000, 30_000), (45_000, 50_000), (80_000, 50_000)] {
                let mut controller = Controller::new(algorithm, 1000, false);
                controller.get_mut().restore(30_000, 50_000);
                controller.get_mut().on_recovered(in_flight, 1000);
                assert_eq!((controller.cwnd(), controller.get().ssthresh()), (cwnd, 50_000));
            }
        }
    }

    #[test]
    fn what_was_no_loss_leaves_no_trace_and_makes_no_burst() {
        for algorithm in CongestionAlgorithm::ALL {
            for (in_flight, cwnd) in [(50_000, 50_000), (20_000, 30_000), (1000, 25_000)] {
                let mut controller = Controller::new(algorithm, 1000, false);
                controller.get_mut().restore(50_000, 40_000);
                let before = controller.clone();
                controller
                    .get_mut()
                    .on_loss(if algorithm == CongestionAlgorithm::Cubic { 35_715 } else { 50_000 }, 1000);
                assert_eq!(controller.cwnd(), 25_000);
                controller.undo(before, in_flight, 1000);
                assert_eq!((controller.cwnd(), controller.get().ssthresh()), (cwnd, 50_000));
            }
        }
    }

    #[test]
    fn another_algorithm_goes_on_with_the_windows_as_they_are() {
        let mut controller = Controller::new(CongestionAlgorithm::Cubic, 1000, false);
        controller.get_mut().on_loss(10_000, 1000);
        controller.switch(CongestionAlgorithm::Reno);
        assert_eq!((controller.get().name(), controller.cwnd()), ("reno", 7000));
        assert_eq!(controller.get().ssthresh(), 7000);
        controller.switch(CongestionAlgorithm::Cubic);
        assert_eq!((controller.get().name(), controller.cwnd()), ("cubic", 7000));
    }
}
