//! Waking the driver's thread, when it sleeps for too long.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use fathom_device::Notifier;
use fathom_wire::Instant;

/// Nobody has notified the thread since it cleared the notifier.
const QUIET: u8 = 0;
/// Somebody is about to notify it.
const NOTIFYING: u8 = 1;
/// The notifier is notified, and the thread has not cleared it.
const NOTIFIED: u8 = 2;

/// Until when the driver's thread sleeps, and a way to wake it before.
///
/// To notify and to say so are two steps. Who is between them must not be overtaken: if the thread cleared
/// the notifier then, the notification would come after that, nobody would clear it, and the thread would
/// never sleep again.
#[derive(Debug)]
pub(super) struct Wakeup {
    notifier: Notifier,
    /// [`QUIET`], [`NOTIFYING`] or [`NOTIFIED`].
    state: AtomicU8,
    /// Nanoseconds; 0 while the thread is awake.
    asleep_until: AtomicU64,
}

impl Wakeup {
    pub(super) fn new() -> io::Result<Wakeup> {
        Ok(Wakeup {
            notifier: Notifier::new()?,
            state: AtomicU8::new(QUIET),
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
        // Whoever finds it otherwise relies on the one who is at it.
        if self.state.compare_exchange(QUIET, NOTIFYING, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
            self.notifier.notify();
            self.state.store(NOTIFIED, Ordering::SeqCst);
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
        // In between the notification is still to come: it costs one more look for work, after which it is
        // cleared.
        if self.state.load(Ordering::SeqCst) == NOTIFIED {
            self.notifier.clear();
            self.state.store(QUIET, Ordering::SeqCst);
        }
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.notifier.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fathom_device::{Interest, Waited};
    use std::sync::atomic::AtomicUsize;
    use std::time::Duration;

    fn is_notified(wakeup: &Wakeup) -> bool {
        let waited = fathom_device::wait(&[(wakeup.fd(), Interest::Readable)], Some(Duration::ZERO));
        waited.unwrap() == Waited::Ready
    }

    #[test]
    fn only_who_would_be_late_is_woken() {
        let wakeup = Wakeup::new().unwrap();
        wakeup.not_later_than(Some(Instant::from_millis(1)));
        assert!(!is_notified(&wakeup), "the thread is awake");
        wakeup.fall_asleep(Some(Instant::from_millis(5)));
        wakeup.not_later_than(None);
        wakeup.not_later_than(Some(Instant::from_millis(5)));
        assert!(!is_notified(&wakeup), "it is awake in time");
        wakeup.not_later_than(Some(Instant::from_millis(4)));
        assert!(is_notified(&wakeup));
        wakeup.awake();
        assert!(!is_notified(&wakeup));
        wakeup.now();
        assert!(is_notified(&wakeup), "also when it is about to sleep");
    }

    #[test]
    fn a_notification_is_neither_lost_nor_left_behind() {
        const ROUNDS: usize = 5_000;
        let wakeup = Wakeup::new().unwrap();
        // The rounds in which notifying has begun and ended, and the thread has seen it.
        let [begun, ended, seen] = [const { AtomicUsize::new(0) }; 3];
        let wait_for = |count: &AtomicUsize, round| {
            while count.load(Ordering::SeqCst) < round {
                std::thread::yield_now();
            }
        };
        let mut left_behind = 0;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for round in 1..=ROUNDS {
                    begun.store(round, Ordering::SeqCst);
                    wakeup.now();
                    ended.store(round, Ordering::SeqCst);
                    wait_for(&seen, round);
                }
            });
            // The driver's thread, which wakes while it is being notified.
            for round in 1..=ROUNDS {
                wait_for(&begun, round);
                wakeup.awake();
                wait_for(&ended, round);
                wakeup.awake();
                left_behind += usize::from(is_notified(&wakeup));
                seen.store(round, Ordering::SeqCst);
            }
        });
        assert_eq!(left_behind, 0, "after that the thread would never sleep again");
        wakeup.now();
        assert!(is_notified(&wakeup), "and it can be woken");
    }
}
