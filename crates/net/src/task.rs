//! Tasks that a program spawned, seen from outside.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use crate::runtime::BoxTask;
use crate::sync::lock;

/// The result of a task that [`Host::spawn`](crate::Host::spawn) started. Dropping it lets the task go on alone.
pub struct JoinHandle<T> {
    shared: Arc<Mutex<Shared<T>>>,
}

/// The task did not come to its end: it was aborted, it panicked, or its host's world ended before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct JoinError;

struct Shared<T> {
    outcome: Outcome<T>,
    /// Who waits for the outcome.
    joiner: Option<Waker>,
    /// How to reach the task, once it has run.
    task: Option<Waker>,
    abort: bool,
}

enum Outcome<T> {
    Running,
    Ended(T),
    Lost,
    Taken,
}

/// Makes a task whose result can be waited for.
pub(crate) fn joinable<F>(future: F) -> (BoxTask, JoinHandle<F::Output>)
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let shared = Shared { outcome: Outcome::Running, joiner: None, task: None, abort: false };
    let shared = Arc::new(Mutex::new(shared));
    let task = Running { future: Some(Box::pin(future)), shared: Arc::clone(&shared) };
    (Box::pin(task), JoinHandle { shared })
}

struct Running<F: Future> {
    future: Option<Pin<Box<F>>>,
    shared: Arc<Mutex<Shared<F::Output>>>,
}

impl<F: Future> Future for Running<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        {
            let mut shared = lock(&self.shared);
            if shared.abort {
                drop(shared);
                // Ends with the future dropped; the destructor tells the joiner.
                self.future = None;
            } else if !shared.task.as_ref().is_some_and(|task| task.will_wake(cx.waker())) {
                shared.task = Some(cx.waker().clone());
            }
        }
        let Some(future) = self.future.as_mut() else {
            return Poll::Ready(());
        };
        let Poll::Ready(output) = future.as_mut().poll(cx) else {
            return Poll::Pending;
        };
        self.future = None;
        lock(&self.shared).outcome = Outcome::Ended(output);
        Poll::Ready(())
    }
}

impl<F: Future> Drop for Running<F> {
    fn drop(&mut self) {
        self.future = None;
        let joiner = {
            let mut shared = lock(&self.shared);
            // The waker leads back to this task: a circle, unless it is cut here.
            shared.task = None;
            if matches!(shared.outcome, Outcome::Running) {
                shared.outcome = Outcome::Lost;
            }
            shared.joiner.take()
        };
        if let Some(joiner) = joiner {
            joiner.wake();
        }
    }
}

impl<T> JoinHandle<T> {
    /// Ends the task at its next turn, by dropping its future. Nothing happens when it has ended.
    pub fn abort(&self) {
        let task = {
            let mut shared = lock(&self.shared);
            shared.abort = true;
            shared.task.take()
        };
        if let Some(task) = task {
            task.wake();
        }
    }

    /// Whether the task has ended, by itself or otherwise.
    pub fn is_finished(&self) -> bool {
        !matches!(lock(&self.shared).outcome, Outcome::Running)
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    /// # Panics
    /// When it is polled after it has given the result.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut shared = lock(&self.shared);
        match std::mem::replace(&mut shared.outcome, Outcome::Taken) {
            Outcome::Running => {
                shared.outcome = Outcome::Running;
                shared.joiner = Some(cx.waker().clone());
                Poll::Pending
            }
            Outcome::Ended(output) => Poll::Ready(Ok(output)),
            Outcome::Lost => Poll::Ready(Err(JoinError)),
            Outcome::Taken => panic!("a JoinHandle was polled after it had completed"),
        }
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").field("finished", &self.is_finished()).finish()
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the task did not come to its end")
    }
}

impl std::error::Error for JoinError {}
