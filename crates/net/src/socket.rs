//! What sockets of all kinds have in common: a place in a stack, and tasks that wait for it.

use std::io;
use std::task::{Context, Poll};

use fathom_stack::{SocketId, Stack};
use fathom_wire::Instant;

use crate::Host;
use crate::wakers::Interest;

/// A socket of a host's stack. `I` is its handle there.
#[derive(Debug)]
pub(crate) struct Socket<I> {
    pub(crate) host: Host,
    /// The shard that it belongs to.
    shard: usize,
    pub(crate) id: I,
}

impl<I: Copy + Into<SocketId>> Socket<I> {
    /// Makes a socket by `open`.
    pub(crate) fn open(
        host: &Host,
        open: impl FnOnce(&mut Stack, Instant) -> io::Result<I>,
    ) -> io::Result<Socket<I>> {
        let shard = 0;
        let id = host.shard(shard).with(|state| open(&mut state.stack, host.now()))?;
        host.runtime().attend(host);
        Ok(Socket { host: host.clone(), shard, id })
    }

    /// A socket that the stack made beside this one.
    pub(crate) fn sibling<J: Copy + Into<SocketId>>(&self, id: J) -> Socket<J> {
        Socket { host: self.host.clone(), shard: self.shard, id }
    }

    /// Looks at the socket. Nothing comes of it that the host's world has to act on.
    pub(crate) fn look<R>(&self, f: impl FnOnce(&mut Stack, Instant, I) -> R) -> R {
        let host = &self.host;
        host.shard(self.shard).with(|state| f(&mut state.stack, host.now(), self.id))
    }

    /// Does something with the socket, of which frames or deadlines may come.
    pub(crate) fn act<R>(&self, f: impl FnOnce(&mut Stack, Instant, I) -> R) -> R {
        let result = self.look(f);
        self.host.runtime().attend(&self.host);
        result
    }

    /// Tries to do something. While that would block, the task waits for an event that concerns `interest`.
    pub(crate) fn poll<R>(
        &self,
        cx: &mut Context<'_>,
        interest: Interest,
        f: impl FnOnce(&mut Stack, Instant, I) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        let host = &self.host;
        let result = host.shard(self.shard).with(|state| {
            let result = f(&mut state.stack, host.now(), self.id);
            if would_block(&result) {
                state.wakers.register(self.id.into(), interest, cx.waker());
            }
            result
        });
        if would_block(&result) {
            return Poll::Pending;
        }
        host.runtime().attend(host);
        Poll::Ready(result)
    }

    /// Closes the socket by `f`. Tasks that still wait for it are woken.
    pub(crate) fn close(&self, f: impl FnOnce(&mut Stack, Instant, I)) {
        let host = &self.host;
        host.shard(self.shard).with(|state| {
            f(&mut state.stack, host.now(), self.id);
            state.forget(self.id.into());
        });
        host.runtime().attend(host);
    }
}

fn would_block<R>(result: &io::Result<R>) -> bool {
    matches!(result, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}
