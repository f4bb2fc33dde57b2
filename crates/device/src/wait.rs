//! Waiting for devices, with nanosecond timeouts.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};

/// What to wait for on a descriptor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Interest {
    /// A frame to receive.
    Readable,
    /// Room to transmit.
    Writable,
}

/// What ended a wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Waited {
    /// A descriptor is ready, or in error (the next operation on it tells).
    Ready,
    /// The time is over.
    TimedOut,
}

/// Waits until a descriptor of `set` is ready, or `timeout` has passed; without a timeout, as long as it takes.
///
/// # Errors
/// When the kernel is out of memory. An interruption by a signal counts as ready: the caller looks and waits again.
pub fn wait(set: &[(BorrowedFd<'_>, Interest)], timeout: Option<Duration>) -> io::Result<Waited> {
    let mut fds: Vec<PollFd<'_>> = set
        .iter()
        .map(|&(fd, interest)| {
            let flags = match interest {
                Interest::Readable => PollFlags::IN,
                Interest::Writable => PollFlags::OUT,
            };
            PollFd::from_borrowed_fd(fd, flags)
        })
        .collect();
    // Longer than the kernel can count is as good as for ever.
    let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
    match rustix::event::poll(&mut fds, timeout.as_ref()) {
        Ok(0) => Ok(Waited::TimedOut),
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(Waited::Ready),
        Err(error) => Err(error.into()),
    }
}
