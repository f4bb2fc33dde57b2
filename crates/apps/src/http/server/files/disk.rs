//! Who reads and writes files.

use std::fmt;
use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// Does what may wait for a disk.
///
/// A host's tasks share a thread, which must not wait. A clone is another handle of the same threads, which
/// end with the last of them.
#[derive(Clone)]
pub struct Disk {
    /// `None`: the task itself.
    jobs: Option<Arc<Mutex<Sender<Job>>>>,
}

impl Disk {
    /// Reads and writes by threads of its own. What they do queues behind each other, at most one job for each
    /// request in progress.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn threads(count: usize) -> io::Result<Disk> {
        let (jobs, queue) = channel::<Job>();
        let queue = Arc::new(Mutex::new(queue));
        for number in 0..count.max(1) {
            let queue = Arc::clone(&queue);
            std::thread::Builder::new().name(format!("disk-{number}")).spawn(move || work(&queue))?;
        }
        Ok(Disk { jobs: Some(Arc::new(Mutex::new(jobs))) })
    }

    /// Reads and writes within the task that wants it: for worlds on virtual time, which must not move
    /// meanwhile.
    pub fn inline() -> Disk {
        Disk { jobs: None }
    }

    /// Starts a job. Its result comes out of the receiver.
    pub(super) fn start<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> oneshot::Receiver<io::Result<T>> {
        let (done, result) = oneshot::channel();
        // Whoever wanted the result may be gone.
        let job = move || drop(done.send(job()));
        match &self.jobs {
            None => job(),
            // If the threads are gone, `done` is dropped with the job, and the receiver tells.
            Some(jobs) => drop(jobs.lock().unwrap_or_else(PoisonError::into_inner).send(Box::new(job))),
        }
        result
    }

    /// Does a job.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        self.start(job).await.unwrap_or_else(|_| Err(gone()))
    }
}

/// What a job that was dropped means.
pub(super) fn gone() -> io::Error {
    io::Error::other("the threads that read files are gone")
}

fn work(queue: &Mutex<Receiver<Job>>) {
    loop {
        // The lock is held while waiting: the others wait for the lock instead, and each takes one job.
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        // A job that panics has said so, and its receiver is told; the thread goes on.
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(job));
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.jobs.is_some() { "Disk(threads)" } else { "Disk(inline)" })
    }
}
