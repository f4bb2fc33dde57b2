//! Sockets that block the calling thread, like those of [`std::net`].
//!
//! For hosts in real time, and for threads that run no task of the host. A waiting thread looks at the
//! devices itself for a while before it sleeps, which is the shortest way from the device to the program.

mod listener;
mod tcp;
mod udp;

use std::future::poll_fn;
use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::Host;
use crate::sync::lock;

pub use listener::{Incoming, TcpListener};
pub use tcp::TcpStream;
pub use udp::UdpSocket;

/// How long operations of a socket may block: not at all, for a time, or without end.
#[derive(Debug, Default)]
struct Patience {
    nonblocking: AtomicBool,
    read: Mutex<Option<Duration>>,
    write: Mutex<Option<Duration>>,
}

impl Patience {
    fn set_nonblocking(&self, nonblocking: bool) {
        self.nonblocking.store(nonblocking, Ordering::Release);
    }

    fn set(slot: &Mutex<Option<Duration>>, timeout: Option<Duration>) -> io::Result<()> {
        if timeout == Some(Duration::ZERO) {
            let message = "a timeout of zero would let no operation succeed";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        *lock(slot) = timeout;
        Ok(())
    }

    fn read<T>(
        &self,
        host: &Host,
        poll: impl FnMut(&mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> io::Result<T> {
        self.wait(host, &self.read, poll)
    }

    fn write<T>(
        &self,
        host: &Host,
        poll: impl FnMut(&mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> io::Result<T> {
        self.wait(host, &self.write, poll)
    }

    /// Blocks until `poll` is ready, but no longer than is allowed.
    fn wait<T>(
        &self,
        host: &Host,
        timeout: &Mutex<Option<Duration>>,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> io::Result<T> {
        // What Linux answers, also when SO_RCVTIMEO or SO_SNDTIMEO has passed.
        let would_block = || Err(io::ErrorKind::WouldBlock.into());
        if self.nonblocking.load(Ordering::Acquire) {
            return match poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(result) => result,
                Poll::Pending => would_block(),
            };
        }
        let operation = poll_fn(poll);
        let timeout = *lock(timeout);
        match timeout {
            None => host.block_on(operation),
            Some(timeout) => {
                host.block_on(host.timeout(timeout, operation)).unwrap_or_else(|_| would_block())
            }
        }
    }
}
