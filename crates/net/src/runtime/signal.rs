//! What a blocked thread waits for.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::Wake;
use std::time::Duration;

/// A flag that a thread can wait for, and that is a waker.
#[derive(Debug, Default)]
pub struct Signal {
    given: Mutex<bool>,
    changed: Condvar,
}

impl Signal {
    /// A signal that is not given.
    pub fn new() -> Arc<Signal> {
        Arc::default()
    }

    /// Gives the signal; any number of times count as one until it is taken.
    pub fn give(&self) {
        *self.lock() = true;
        self.changed.notify_one();
    }

    /// Takes the signal, if it is given.
    pub fn take(&self) -> bool {
        std::mem::take(&mut *self.lock())
    }

    /// Waits until the signal is given, and takes it.
    pub fn wait(&self) {
        let mut given = self.lock();
        while !std::mem::take(&mut *given) {
            given = self.changed.wait(given).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until the signal is given, and takes it, but for no longer than `time`. Whether it was given
    /// is told.
    pub fn wait_for(&self, time: Duration) -> bool {
        let given = self.lock();
        let waited = self.changed.wait_timeout_while(given, time, |given| !*given);
        let (mut given, _) = waited.unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *given)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, bool> {
        crate::sync::lock(&self.given)
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.give();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.give();
    }
}
