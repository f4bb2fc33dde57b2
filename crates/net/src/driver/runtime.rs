//! Real time as the world of a host.

use std::fmt;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use fathom_wire::Instant;

use super::clock::Clock;
use super::pump::Pump;
use crate::Host;
use crate::runtime::{BoxTask, Runtime, Signal, TimerId};

pub(super) struct RealTimeRuntime {
    pump: Arc<Pump>,
}

impl RealTimeRuntime {
    pub(super) fn new(pump: Arc<Pump>) -> RealTimeRuntime {
        RealTimeRuntime { pump }
    }
}

impl Runtime for RealTimeRuntime {
    fn now(&self) -> Instant {
        self.pump.clock.now()
    }

    fn wall_clock(&self) -> Duration {
        Clock::wall_clock()
    }

    fn random(&self, out: &mut [u8]) {
        // It worked when the host was started, and Linux takes it back from nobody.
        getrandom::fill(out).expect("the system gives randomness");
    }

    fn spawn(&self, task: BoxTask) {
        self.pump.tasks.spawn(task);
    }

    fn set_timer(&self, at: Instant, waker: Waker) -> TimerId {
        let (id, first) = self.pump.timers.set(at, waker);
        if first {
            self.pump.wakeup.not_later_than(Some(at));
        }
        id
    }

    fn cancel_timer(&self, id: TimerId) {
        self.pump.timers.cancel(id);
    }

    /// The calling thread transmits what it caused.
    fn attend(&self, host: &Host) {
        self.pump.transmit(host);
        self.pump.wakeup.not_later_than(host.poll_timeout());
    }

    fn wait(&self, host: &Host, signal: &Signal) {
        self.pump.wait(host, signal);
    }
}

impl fmt::Debug for RealTimeRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RealTimeRuntime").finish_non_exhaustive()
    }
}
