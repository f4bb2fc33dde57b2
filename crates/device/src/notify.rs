//! Ending another thread's wait.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::EventfdFlags;

/// Wakes a thread that is in [`wait`](crate::wait()): an eventfd.
#[derive(Debug)]
pub struct Notifier {
    fd: OwnedFd,
}

impl Notifier {
    /// A notifier that has not been notified.
    ///
    /// # Errors
    /// When the process is out of descriptors.
    pub fn new() -> io::Result<Notifier> {
        Ok(Notifier { fd: rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)? })
    }

    /// Makes the descriptor readable. Any number of calls before [`Notifier::clear`] count as one.
    pub fn notify(&self) {
        // The one failure of a write to an eventfd is a full counter, which is readable already.
        let _ = rustix::io::write(&self.fd, &1u64.to_ne_bytes());
    }

    /// Takes the notification back. Look for the work it announced after this, not before.
    pub fn clear(&self) {
        // An empty counter means that nobody has notified, which is as good.
        let _ = rustix::io::read(&self.fd, &mut [0u8; 8]);
    }
}

impl AsFd for Notifier {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
