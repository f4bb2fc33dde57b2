//! CUBIC (RFC 9438): after a loss the window returns along a cubic curve to where the loss was, rests
//! there, and looks for more. The curve follows time, not round trips, so long paths are not slower to
//! recover than short ones; where Reno would be faster the window follows Reno.
//!
//! All is in integers: bytes, microseconds, and numerators that are carried from one acknowledgement to the
//! next. A comment computes each formula for segments of 1000 bytes.

mod curve;

use alloc::boxed::Box;
use core::time::Duration;

use curve::Curve;
use fathom_wire::Instant;

use super::{Acknowledged, CongestionControl, MAX_CWND, Windows, first_window, initial_window};

/// The state of CUBIC. Before the first loss there is only the window.
#[derive(Clone, Debug)]
pub(crate) struct Cubic {
    windows: Windows,
    /// What is known since the first loss.
    past: Option<Box<Past>>,
}

/// What the last congestion event left behind, and the growth since.
#[derive(Clone, Debug, Default)]
struct Past {
    /// W_max: where the curve has its plateau.
    w_max: u64,
    /// cwnd_prior: the window when it was last cut.
    cwnd_prior: u64,
    /// The window was last cut by a timeout: what W_max was says nothing any more (RFC 9438 4.8).
    after_timeout: bool,
    /// Congestion avoidance since the cut; `None` until its first acknowledgement.
    epoch: Option<Epoch>,
}

/// A stage of congestion avoidance.
#[derive(Clone, Copy, Debug)]
struct Epoch {
    /// When it began, moved on by the time in which the window was not used (RFC 9438 4.2).
    start: Instant,
    /// When its last acknowledgement came.
    last_ack: Instant,
    curve: Curve,
    /// W_est: the window that Reno would have.
    w_est: u64,
    /// What divisions have left over, for the window and for W_est.
    rest: u64,
    w_est_rest: u64,
}

impl Cubic {
    /// Starts with the initial window (RFC 6928 2).
    pub(crate) fn new(mss: u64, handshake_lossy: bool) -> Self {
        Cubic::with_windows(first_window(mss, handshake_lossy), u64::MAX)
    }

    /// Takes over the windows of another controller.
    pub(crate) fn with_windows(cwnd: u64, ssthresh: u64) -> Self {
        Cubic { windows: Windows::new(cwnd, ssthresh), past: None }
    }

    /// RFC 9438 4.6: beta_cubic = 0.7 of what was in flight, and at least two segments. With 100,000 bytes:
    /// 70,000.
    fn cut(in_flight: u64, mss: u64) -> u64 {
        (in_flight * 7 / 10).max(2 * mss)
    }

    /// A congestion event: the window was too large.
    fn note_event(&mut self) -> &mut Past {
        let cwnd = self.cwnd();
        let past = self.past.get_or_insert_default();
        // RFC 9438 4.7, fast convergence: the window did not come back to where the last loss was, so others
        // need room. With beta_cubic = 0.7 and a loss at 100,000 after one at 120,000: 85,000.
        past.w_max = if cwnd < past.w_max { cwnd * 17 / 20 } else { cwnd };
        past.cwnd_prior = cwnd;
        past.epoch = None;
        past
    }

    /// Congestion avoidance (RFC 9438 4.2 to 4.5).
    fn avoid(&mut self, Acknowledged { bytes, mss, cwnd_limited, now, rtt, .. }: Acknowledged) {
        let cwnd = self.cwnd();
        let past = self.past.get_or_insert_default();
        let epoch = match &mut past.epoch {
            Some(epoch) => epoch,
            None => {
                // RFC 9438 4.8: the first stage after a timeout begins on its plateau, as does one without
                // any loss before it (the window of another controller).
                if past.after_timeout || past.w_max == 0 {
                    past.w_max = cwnd;
                    past.after_timeout = false;
                }
                past.epoch.insert(Epoch {
                    start: now,
                    last_ack: now,
                    curve: Curve::new(past.w_max, cwnd, mss),
                    w_est: cwnd,
                    rest: 0,
                    w_est_rest: 0,
                })
            }
        };
        epoch.leave_out_pause(now, rtt, cwnd_limited);
        if !cwnd_limited {
            return;
        }
        let bytes = bytes.min(cwnd);
        epoch.grow_w_est(bytes, cwnd, mss, past.cwnd_prior);
        let t = now - epoch.start;
        if epoch.curve.at(t) < epoch.w_est {
            // RFC 9438 4.3, the Reno-friendly region.
            self.windows.set_cwnd(cwnd.max(epoch.w_est));
            epoch.rest = 0;
            return;
        }
        // RFC 9438 4.4 and 4.5: (target - cwnd) / cwnd for each segment, with a target no further than half
        // of the window away. At 70,000 with a target of 73,500 an acknowledgement of 2,000 bytes adds 100.
        let target = epoch.curve.at(t + rtt).clamp(cwnd, cwnd + cwnd / 2);
        let sum = (target - cwnd) * bytes + epoch.rest;
        epoch.rest = sum % cwnd;
        self.windows.set_cwnd(cwnd + sum / cwnd);
    }
}

impl Epoch {
    /// RFC 9438 4.2: time in which the program did not use the window does not count. That is the time up
    /// to an acknowledgement of less than a window, and any pause longer than a round trip between two.
    fn leave_out_pause(&mut self, now: Instant, rtt: Duration, cwnd_limited: bool) {
        let since = now - self.last_ack;
        let pause = if cwnd_limited { since.saturating_sub(rtt) } else { since };
        self.start += pause;
        self.last_ack = now;
    }

    /// RFC 9438 4.3: W_est grows by alpha_cubic segments for each window that is acknowledged, with
    /// alpha_cubic = 3 (1 - 0.7) / (1 + 0.7) = 9/17 until it has reached the window before the last cut,
    /// and 1 from there on. At 70,000 an acknowledgement of 7,000 bytes adds 52.9, or 100.
    fn grow_w_est(&mut self, bytes: u64, cwnd: u64, mss: u64, cwnd_prior: u64) {
        let seventeenths = if self.w_est < cwnd_prior { 9 } else { 17 };
        let sum = seventeenths * bytes * mss + self.w_est_rest;
        self.w_est_rest = sum % (17 * cwnd);
        self.w_est = (self.w_est + sum / (17 * cwnd)).min(MAX_CWND);
    }
}

impl CongestionControl for Cubic {
    fn name(&self) -> &'static str {
        "cubic"
    }

    fn cwnd(&self) -> u64 {
        self.windows.cwnd()
    }

    fn ssthresh(&self) -> u64 {
        self.windows.ssthresh()
    }

    fn on_ack(&mut self, acknowledged: Acknowledged) {
        if self.cwnd() >= self.ssthresh() {
            self.avoid(acknowledged);
        } else if acknowledged.cwnd_limited {
            // RFC 9438 4.10
            self.windows.slow_start(&acknowledged);
        }
    }

    fn on_loss(&mut self, in_flight: u64, mss: u64) {
        self.note_event().after_timeout = false;
        let cut = Cubic::cut(in_flight, mss);
        self.windows = Windows::new(cut, cut);
    }

    fn on_recovered(&mut self, in_flight: u64, mss: u64) {
        self.windows.recovered(in_flight, mss);
    }

    fn on_timeout(&mut self, in_flight: u64, mss: u64, again: bool) {
        // RFC 9438 4.8; RFC 5681 3.1: the threshold is held while the same data is sent again and again.
        if !again {
            self.note_event().after_timeout = true;
            self.windows.set_ssthresh(Cubic::cut(in_flight, mss));
        }
        self.windows.set_cwnd(mss);
    }

    fn on_idle(&mut self, mss: u64) {
        // RFC 5681 4.1. The curve begins anew when the window is back in avoidance.
        self.windows.set_cwnd(self.cwnd().min(initial_window(mss)));
        if let Some(past) = &mut self.past {
            past.epoch = None;
        }
    }

    fn restore(&mut self, cwnd: u64, ssthresh: u64) {
        self.windows = Windows::new(cwnd, ssthresh);
    }
}

#[cfg(test)]
mod tests;
