//! What sockets of all kinds have in common: a place in a stack, and tasks that wait for it.

use std::io;
use std::task::{Context, Poll};

use fathom_stack::{SocketId, Stack};
use fathom_wire::Instant;

use crate::error::host_closed;
use crate::shard::State;
use crate::wakers::Interest;
use crate::{Host, Ready, ready};

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
        let id = host.shard(shard).with(|state| {
            if state.is_closed() {
                return Err(host_closed());
            }
            open(&mut state.stack, host.now())
        })?;
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
                if state.is_closed() {
                    return Err(host_closed());
                }
                state.register(self.id.into(), interest, cx.waker());
            }
            result
        });
        if would_block(&result) {
            return Poll::Pending;
        }
        host.runtime().attend(host);
        Poll::Ready(result)
    }

    /// Waits until the socket is ready for something of what `interest` names. `f` tells what it is ready for.
    pub(crate) fn poll_ready(
        &self,
        cx: &mut Context<'_>,
        interest: ready::Interest,
        f: impl FnOnce(&mut Stack, Instant, I) -> io::Result<Ready>,
    ) -> Poll<io::Result<Ready>> {
        let host = &self.host;
        let result = host.shard(self.shard).with(|state| {
            let ready = interest.of(f(&mut state.stack, host.now(), self.id)?);
            if ready.is_empty() {
                if state.is_closed() {
                    return Err(host_closed());
                }
                self.register(state, interest, cx);
            }
            Ok(ready)
        });
        match result {
            Ok(ready) if ready.is_empty() => Poll::Pending,
            result => Poll::Ready(result),
        }
    }

    /// Has the task woken at the next event of the socket that concerns `interest`, whatever it is ready for.
    pub(crate) fn wake_at_next(&self, cx: &mut Context<'_>, interest: ready::Interest) -> io::Result<()> {
        self.host.shard(self.shard).with(|state| {
            if state.is_closed() {
                return Err(host_closed());
            }
            self.register(state, interest, cx);
            Ok(())
        })
    }

    fn register(&self, state: &mut State, interest: ready::Interest, cx: &mut Context<'_>) {
        let socket = self.id.into();
        // An error wakes the waiters of either direction.
        if interest.is_readable() || !interest.is_writable() {
            state.register(socket, Interest::Read, cx.waker());
        }
        if interest.is_writable() {
            state.register(socket, Interest::Write, cx.waker());
        }
    }

    /// Wakes the tasks that wait for a direction, for a reason that the stack does not know.
    pub(crate) fn wake(&self, interest: Interest) {
        self.host.shard(self.shard).with(|state| state.wake(self.id.into(), interest));
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
