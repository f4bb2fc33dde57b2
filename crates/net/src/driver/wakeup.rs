//! Waking the driver's thread, when it sleeps for too long.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use fathom_device::Notifier;
use fathom_wire::Instant;

/// Until when the driver's thread sleeps, and a way to wake it before.
#[derive(Debug)]
pub(super) struct Wakeup {
    notifier: Notifier,
    /// The thread has been notified and has not noticed yet.
    notified: AtomicBool,
    /// Nanoseconds; 0 while the thread is awake.
    asleep_until: AtomicU64,
}

impl Wakeup {
    pub(super) fn new() -> io::Result<Wakeup> {
        Ok(Wakeup {
            notifier: Notifier::new()?,
            notified: AtomicBool::new(false),
            asleep_until: AtomicU64::new(0),
        })
    }

    /// Wakes the thread if it would sleep beyond `deadline`.
    pub(super) fn not_later_than(&self, deadline: Option<Instant>) {
        let asleep_until = self.asleep_until.load(Ordering::SeqCst);
        if deadline.is_some_and(|deadline| deadline.as_nanos() < asleep_until) {
            self.now();
        }
    }

    /// Wakes the thread, or keeps it from falling asleep.
    pub(super) fn now(&self) {
        if !self.notified.swap(true, Ordering::SeqCst) {
            self.notifier.notify();
        }
    }

    /// The thread is about to sleep. It must look for work once more after this.
    pub(super) fn fall_asleep(&self, until: Option<Instant>) {
        let nanos = until.map_or(u64::MAX, Instant::as_nanos);
        self.asleep_until.store(nanos, Ordering::SeqCst);
    }

    /// The thread is awake. It must look for work after this.
    pub(super) fn awake(&self) {
        self.asleep_until.store(0, Ordering::SeqCst);
        if self.notified.load(Ordering::SeqCst) {
            self.notifier.clear();
            self.notified.store(false, Ordering::SeqCst);
        }
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.notifier.as_fd()
    }
}
