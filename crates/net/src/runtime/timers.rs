//! Timers of programs.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::task::Waker;

use fathom_wire::Instant;

use crate::sync::lock;

/// Names a timer that was set.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct TimerId {
    at: Instant,
    number: u64,
}

/// Wakers by the time at which they are due. Setting, cancelling and firing cost O(log n).
#[derive(Debug, Default)]
pub struct Timers {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// In order of time, and of setting where the time is the same.
    due: BTreeMap<TimerId, Waker>,
    set: u64,
}

impl Timers {
    /// No timers.
    pub fn new() -> Timers {
        Timers::default()
    }

    /// Sets a timer. Whether it is the first to come due is told too: who sleeps until then must know.
    pub fn set(&self, at: Instant, waker: Waker) -> (TimerId, bool) {
        let mut inner = lock(&self.inner);
        inner.set += 1;
        let id = TimerId { at, number: inner.set };
        inner.due.insert(id, waker);
        let first = inner.due.first_key_value().is_some_and(|(&first, _)| first == id);
        (id, first)
    }

    /// Takes a timer back, if it has not fired.
    pub fn cancel(&self, id: TimerId) {
        // The waker is dropped after the lock, as it may own a task, and that sockets.
        let waker = lock(&self.inner).due.remove(&id);
        drop(waker);
    }

    /// When the next timer is due.
    pub fn next(&self) -> Option<Instant> {
        lock(&self.inner).due.first_key_value().map(|(id, _)| id.at)
    }

    /// Wakes every timer that is due at `now`, in order, and gives their number.
    pub fn fire(&self, now: Instant) -> usize {
        let mut fired = 0;
        while let Some(waker) = self.pop(now) {
            waker.wake();
            fired += 1;
        }
        fired
    }

    /// Wakes everybody before the time; the timers stay set.
    pub(crate) fn wake_all(&self) {
        let wakers: Vec<Waker> = lock(&self.inner).due.values().cloned().collect();
        for waker in wakers {
            waker.wake();
        }
    }

    fn pop(&self, now: Instant) -> Option<Waker> {
        let mut inner = lock(&self.inner);
        let first = inner.due.first_entry()?;
        (first.key().at <= now).then(|| first.remove())
    }

    /// How many timers are set.
    pub fn len(&self) -> usize {
        lock(&self.inner).due.len()
    }

    /// Whether no timer is set.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets all timers.
    pub fn clear(&self) {
        let due = std::mem::take(&mut lock(&self.inner).due);
        drop(due);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::task::Wake;

    struct Note(u32, Arc<Mutex<Vec<u32>>>);

    impl Wake for Note {
        fn wake(self: Arc<Self>) {
            lock(&self.1).push(self.0);
        }
    }

    #[test]
    fn timers_fire_in_order_of_time_and_of_setting() {
        let fired = Arc::new(Mutex::new(Vec::new()));
        let timers = Timers::new();
        let set = |name, at| {
            timers.set(Instant::from_millis(at), Waker::from(Arc::new(Note(name, Arc::clone(&fired)))))
        };
        assert!(set(1, 20).1);
        assert!(set(2, 10).1);
        assert!(!set(3, 10).1);
        let (cancelled, _) = set(4, 10);
        assert!(!set(5, 30).1);
        timers.cancel(cancelled);

        assert_eq!(timers.next(), Some(Instant::from_millis(10)));
        assert_eq!(timers.fire(Instant::from_millis(20)), 3);
        assert_eq!(*lock(&fired), [2, 3, 1]);
        assert_eq!(timers.len(), 1);
    }
}
