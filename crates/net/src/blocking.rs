//! Sockets that block the calling thread, like those of [`std::net`].
//!
//! For hosts in real time, and for threads that run no task of the host. A waiting thread looks at the
//! devices itself for a while before it sleeps, which is the shortest way from the device to the program.

mod tcp;
mod udp;

use std::future::poll_fn;
use std::io;
use std::sync::Mutex;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::Host;
use crate::sync::lock;

pub use tcp::{Incoming, TcpListener, TcpStream};
pub use udp::UdpSocket;

/// How long operations of a socket may block.
#[derive(Debug, Default)]
struct Timeouts {
    read: Mutex<Option<Duration>>,
    write: Mutex<Option<Duration>>,
}

impl Timeouts {
    fn set(slot: &Mutex<Option<Duration>>, timeout: Option<Duration>) -> io::Result<()> {
        if timeout == Some(Duration::ZERO) {
            let message = "a timeout of zero would let no operation succeed";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        *lock(slot) = timeout;
        Ok(())
    }
}

/// Blocks until `poll` is ready, but no longer than `timeout` says.
fn wait<T>(
    host: &Host,
    timeout: &Mutex<Option<Duration>>,
    poll: impl FnMut(&mut Context<'_>) -> Poll<io::Result<T>>,
) -> io::Result<T> {
    let operation = poll_fn(poll);
    let timeout = *lock(timeout);
    match timeout {
        None => host.block_on(operation),
        Some(timeout) => match host.block_on(host.timeout(timeout, operation)) {
            Ok(result) => result,
            // What Linux answers when SO_RCVTIMEO or SO_SNDTIMEO has passed.
            Err(_) => Err(io::ErrorKind::WouldBlock.into()),
        },
    }
}
