//! A first-in first-out executor.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Wake, Waker};

use crate::runtime::BoxTask;
use crate::sync::lock;

/// Tasks, and the order in which they run: that in which they became ready.
///
/// Nothing here decides when or on which thread they run: the owner calls [`Tasks::run_one`]. Two threads
/// must not do so at once, or the order of running is lost (no task ever runs twice at once).
pub struct Tasks {
    shared: Arc<Shared>,
}

struct Shared {
    ready: Mutex<VecDeque<Arc<Task>>>,
    /// Every task that has not ended: those that wait are known to their wakers only.
    all: Mutex<All>,
    /// Called after a task became ready.
    announce: Box<dyn Fn() + Send + Sync>,
}

#[derive(Default)]
struct All {
    tasks: BTreeMap<u64, Arc<Task>>,
    spawned: u64,
    closed: bool,
}

struct Task {
    number: u64,
    /// `None` when it has ended.
    future: Mutex<Option<BoxTask>>,
    /// In the queue, or about to be.
    queued: AtomicBool,
    shared: Weak<Shared>,
}

impl Tasks {
    /// No tasks. `announce` is called whenever one became ready, from whatever thread made it so.
    pub fn new(announce: impl Fn() + Send + Sync + 'static) -> Tasks {
        let shared = Shared {
            ready: Mutex::new(VecDeque::new()),
            all: Mutex::new(All::default()),
            announce: Box::new(announce),
        };
        Tasks { shared: Arc::new(shared) }
    }

    /// Adds a task, ready to run. After [`Tasks::close`] it is dropped instead.
    pub fn spawn(&self, future: BoxTask) {
        let mut all = lock(&self.shared.all);
        if all.closed {
            drop(all);
            drop(future);
            return;
        }
        all.spawned += 1;
        let task = Arc::new(Task {
            number: all.spawned,
            future: Mutex::new(Some(future)),
            queued: AtomicBool::new(false),
            shared: Arc::downgrade(&self.shared),
        });
        all.tasks.insert(task.number, Arc::clone(&task));
        drop(all);
        task.wake();
    }

    /// Polls the task that has been ready longest; false when none is.
    pub fn run_one(&self) -> bool {
        let Some(task) = lock(&self.shared.ready).pop_front() else {
            return false;
        };
        // Before the poll, so that a wake during it queues the task again.
        task.queued.store(false, Ordering::Release);
        let waker = Waker::from(Arc::clone(&task));
        // Out of its place while it runs: if it panics, it is dropped, and has ended.
        let Some(mut future) = lock(&task.future).take() else {
            return true;
        };
        let ended = Ended { shared: &self.shared, number: task.number };
        if future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
            std::mem::forget(ended);
            let all = lock(&self.shared.all);
            if !all.closed {
                *lock(&task.future) = Some(future);
            }
        }
        true
    }

    /// Whether a task is ready.
    pub fn is_ready(&self) -> bool {
        !lock(&self.shared.ready).is_empty()
    }

    /// How many tasks have not ended.
    pub fn len(&self) -> usize {
        lock(&self.shared.all).tasks.len()
    }

    /// Whether all tasks have ended.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Drops all tasks, and those that are spawned from here on.
    ///
    /// Tasks hold hosts, and hosts the wakers of tasks: a runtime that goes away breaks that circle here.
    pub fn close(&self) {
        let tasks = {
            let mut all = lock(&self.shared.all);
            all.closed = true;
            std::mem::take(&mut all.tasks)
        };
        for task in tasks.into_values() {
            let future = lock(&task.future).take();
            drop(future);
        }
        let ready = std::mem::take(&mut *lock(&self.shared.ready));
        drop(ready);
    }
}

/// Strikes a task off when it is dropped.
struct Ended<'a> {
    shared: &'a Shared,
    number: u64,
}

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        let task = lock(&self.shared.all).tasks.remove(&self.number);
        drop(task);
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        if self.queued.swap(true, Ordering::AcqRel) {
            return;
        }
        let Some(shared) = self.shared.upgrade() else {
            return;
        };
        lock(&shared.ready).push_back(self);
        (shared.announce)();
    }
}

impl fmt::Debug for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tasks").field("len", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
