//! The right to do something, which one thread has at a time and nobody waits for.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Mutex, MutexGuard, TryLockError};

use crate::sync::lock;

/// How often a thread does the work that others leave to it, before it leaves some itself.
const ROUNDS: usize = 16;

/// A value that one thread at a time works on, and work that waits for it.
///
/// A thread with work leaves a mark first and then tries to take the token. If another thread has it, the
/// mark is enough: a holder looks for marks after it has let go, and takes the token again if it finds one.
pub(crate) struct Token<T> {
    marked: AtomicBool,
    value: Mutex<T>,
}

impl<T> Token<T> {
    pub(crate) fn new(value: T) -> Token<T> {
        Token { marked: AtomicBool::new(false), value: Mutex::new(value) }
    }

    /// Has `work` done once from here on, by this thread or by the one that has the token.
    ///
    /// All threads must mean the same work. It must not wait for anything. A thread that found others' work
    /// again and again leaves it, and gives true: somebody who has nothing better to do must run it.
    #[must_use]
    pub(crate) fn run(&self, mut work: impl FnMut(&mut T)) -> bool {
        self.marked.store(true, Ordering::SeqCst);
        // Between the mark and the look at the lock here, and between the unlocking and the look at the
        // mark below, there is a fence: so of two threads that meet, one sees what the other did.
        fence(Ordering::SeqCst);
        let mut rounds = 0;
        while self.marked.load(Ordering::SeqCst) {
            if rounds == ROUNDS {
                return true;
            }
            let Some(mut value) = self.try_take() else {
                return false;
            };
            while rounds < ROUNDS && self.marked.swap(false, Ordering::SeqCst) {
                work(&mut value);
                rounds += 1;
            }
            drop(value);
            fence(Ordering::SeqCst);
        }
        false
    }

    /// Takes the token, waiting for it if need be: for changes of the value itself, which are rare.
    pub(crate) fn take(&self) -> MutexGuard<'_, T> {
        lock(&self.value)
    }

    fn try_take(&self) -> Option<MutexGuard<'_, T>> {
        match self.value.try_lock() {
            Ok(value) => Some(value),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

impl<T> fmt::Debug for Token<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    #[test]
    fn work_that_comes_while_the_token_is_taken_is_done_by_its_holder() {
        let token = Token::new(0);
        let mut inside = true;
        let left = token.run(|count| {
            *count += 1;
            if std::mem::take(&mut inside) {
                // As another thread would, while this one has the token.
                assert!(!token.run(|_| unreachable!("the token is taken")));
            }
        });
        assert!(!left);
        assert_eq!(*token.take(), 2);
    }

    #[test]
    fn a_thread_does_not_do_the_work_of_others_without_end() {
        let token = Token::new(0);
        let left = token.run(|count| {
            *count += 1;
            assert!(!token.run(|_| unreachable!("the token is taken")));
        });
        assert!(left);
        assert_eq!(*token.take(), ROUNDS);
    }

    #[test]
    fn no_work_is_forgotten_when_two_threads_meet() {
        // In each round both threads put down work at the same time; after it none may be left.
        const ROUNDS: usize = 20_000;
        let token = Token::new(());
        let (waiting, arrived) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let meet = |count| {
            arrived.fetch_add(1, Ordering::SeqCst);
            while arrived.load(Ordering::SeqCst) < count {
                std::thread::yield_now();
            }
        };
        let work = || {
            for round in 0..ROUNDS {
                meet(4 * round + 2);
                waiting.fetch_add(1, Ordering::SeqCst);
                assert!(!token.run(|()| waiting.store(0, Ordering::SeqCst)));
                meet(4 * round + 4);
                assert_eq!(waiting.load(Ordering::SeqCst), 0, "round {round}");
            }
        };
        std::thread::scope(|scope| {
            scope.spawn(work);
            scope.spawn(work);
        });
    }
}
