//! What a world is to its hosts: clock, timers, tasks and randomness.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use fathom_net::Host;
use fathom_net::runtime::{BoxTask, Runtime, Signal, Tasks, TimerId, Timers};
use fathom_wire::Instant;
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// What the world and its hosts share.
pub(crate) struct Shared {
    /// Nanoseconds.
    clock: AtomicU64,
    /// Nanoseconds from 1970-01-01 00:00 UTC to the start of the world's clock.
    epoch: AtomicU64,
    pub(crate) tasks: Tasks,
    pub(crate) timers: Timers,
    /// Hosts with something to do, each once, in the order in which they came to it.
    attention: Mutex<VecDeque<usize>>,
    /// Ends the sleep of the world's thread, where time is real.
    pub(crate) alarm: Arc<Alarm>,
}

/// Ends the sleep of the world's thread, if it sleeps.
#[derive(Debug, Default)]
pub(crate) struct Alarm {
    pub(crate) asleep: AtomicBool,
    pub(crate) signal: Arc<Signal>,
}

impl Alarm {
    pub(crate) fn ring(&self) {
        if self.asleep.load(Ordering::SeqCst) {
            self.signal.give();
        }
    }
}

impl Shared {
    pub(crate) fn new() -> Arc<Shared> {
        let alarm = Arc::new(Alarm::default());
        let ring = Arc::clone(&alarm);
        Arc::new(Shared {
            clock: AtomicU64::new(0),
            epoch: AtomicU64::new(0),
            tasks: Tasks::new(move || ring.ring()),
            timers: Timers::new(),
            attention: Mutex::default(),
            alarm,
        })
    }

    pub(crate) fn now(&self) -> Instant {
        Instant::from_nanos(self.clock.load(Ordering::Acquire))
    }

    pub(crate) fn set_now(&self, now: Instant) {
        debug_assert!(now >= self.now(), "the clock never goes back");
        self.clock.store(now.as_nanos(), Ordering::Release);
    }

    pub(crate) fn set_epoch(&self, since_1970: Duration) {
        let nanos = u64::try_from(since_1970.as_nanos()).unwrap_or(u64::MAX);
        self.epoch.store(nanos, Ordering::Release);
    }

    /// The host that has waited longest for attention.
    pub(crate) fn next_attention(&self) -> Option<usize> {
        self.attention().pop_front()
    }

    pub(crate) fn wants_attention(&self) -> bool {
        !self.attention().is_empty()
    }

    fn attention(&self) -> MutexGuard<'_, VecDeque<usize>> {
        self.attention.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("now", &self.now()).finish_non_exhaustive()
    }
}

/// The world as one host sees it.
pub(crate) struct HostRuntime {
    shared: Arc<Shared>,
    host: usize,
    /// Whether the host is in the queue for attention.
    queued: AtomicBool,
    random: Mutex<Xoshiro256PlusPlus>,
}

impl HostRuntime {
    pub(crate) fn new(shared: &Arc<Shared>, host: usize, seed: [u8; 32]) -> Arc<HostRuntime> {
        Arc::new(HostRuntime {
            shared: Arc::clone(shared),
            host,
            queued: AtomicBool::new(false),
            random: Mutex::new(Xoshiro256PlusPlus::from_seed(seed)),
        })
    }

    /// The world attends to the host: what it does after this queues it again.
    pub(crate) fn attended(&self) {
        self.queued.store(false, Ordering::Release);
    }
}

impl Runtime for HostRuntime {
    fn now(&self) -> Instant {
        self.shared.now()
    }

    fn wall_clock(&self) -> Duration {
        let epoch = Duration::from_nanos(self.shared.epoch.load(Ordering::Acquire));
        epoch + Duration::from_nanos(self.now().as_nanos())
    }

    fn random(&self, out: &mut [u8]) {
        self.random.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(out);
    }

    fn spawn(&self, task: BoxTask) {
        self.shared.tasks.spawn(task);
    }

    fn set_timer(&self, at: Instant, waker: Waker) -> TimerId {
        let (id, first) = self.shared.timers.set(at, waker);
        if first {
            self.shared.alarm.ring();
        }
        id
    }

    fn cancel_timer(&self, id: TimerId) {
        self.shared.timers.cancel(id);
    }

    fn attend(&self, _: &Host) {
        if !self.queued.swap(true, Ordering::AcqRel) {
            self.shared.attention().push_back(self.host);
            self.shared.alarm.ring();
        }
    }

    fn wait(&self, _: &Host, signal: &Signal) {
        signal.wait();
    }
}

impl fmt::Debug for HostRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostRuntime").field("host", &self.host).finish_non_exhaustive()
    }
}
