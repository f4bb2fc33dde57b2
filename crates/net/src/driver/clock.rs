//! The machine's clocks: the only place that reads them.
#![allow(clippy::disallowed_methods, reason = "this is where real time enters")]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fathom_wire::Instant;

use crate::runtime::Signal;

/// Real time, on the monotonic clock of the machine.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: std::time::Instant,
    start: Instant,
}

impl Clock {
    /// A clock that stands at `start` now, and runs.
    pub fn starting_at(start: Instant) -> Clock {
        Clock { started: std::time::Instant::now(), start }
    }

    /// The time.
    pub fn now(&self) -> Instant {
        self.start + self.started.elapsed()
    }

    /// Waits for `signal`, which it takes, but not longer than `until`. Whether it was given is told.
    pub fn wait(&self, signal: &Signal, until: Option<Instant>) -> bool {
        match until {
            None => {
                signal.wait();
                true
            }
            Some(until) => signal.wait_for(until - self.now()),
        }
    }

    /// The time of day: since 1970-01-01 00:00 UTC. Zero on a machine whose clock stands before that.
    pub fn wall_clock() -> Duration {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }
}
