//! One stack behind one mutex.

use std::fmt;
use std::sync::Mutex;
use std::task::Waker;

use arrayvec::ArrayVec;
use fathom_stack::{SocketId, Stack};

use crate::sync::lock;
use crate::wakers::{Interest, Wakers};

/// How many wakers leave the mutex at a time: enough for nearly every call, without an allocation.
const WOKEN_AT_ONCE: usize = 16;

/// One stack and the tasks that wait for its sockets.
///
/// Under the mutex there is the engine's work and nothing else: no system call, no waker, no code of a
/// program. Wakers that events ask for are collected, and called when the mutex is free.
pub(crate) struct Shard {
    state: Mutex<State>,
}

/// What the mutex of a shard protects.
pub(crate) struct State {
    pub(crate) stack: Stack,
    wakers: Wakers,
    /// To be woken when the mutex is free.
    woken: Vec<Waker>,
    /// The host has shut down: nothing that waits would ever be woken.
    closed: bool,
}

impl Shard {
    pub(crate) fn new(stack: Stack) -> Shard {
        let state = State { stack, wakers: Wakers::default(), woken: Vec::new(), closed: false };
        Shard { state: Mutex::new(state) }
    }

    /// Runs `f` with the stack, and then wakes the tasks whose sockets became ready by it.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut State) -> R) -> R {
        let mut state = lock(&self.state);
        let result = f(&mut state);
        state.collect();
        let mut woken = state.some_woken();
        drop(state);
        loop {
            let more = woken.is_full();
            for waker in woken {
                waker.wake();
            }
            if !more {
                return result;
            }
            woken = lock(&self.state).some_woken();
        }
    }
}

impl State {
    fn collect(&mut self) {
        while let Some(event) = self.stack.poll_event() {
            self.wakers.take(event, &mut self.woken);
        }
    }

    fn some_woken(&mut self) -> ArrayVec<Waker, WOKEN_AT_ONCE> {
        let count = self.woken.len().min(WOKEN_AT_ONCE);
        self.woken.drain(..count).collect()
    }

    /// Whether the host has shut down.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// The host shuts down: whoever waits is woken, and learns of it.
    pub(crate) fn close(&mut self) {
        self.closed = true;
        self.wakers.take_all(&mut self.woken);
    }

    /// Has a task woken at the next event of a socket that concerns `interest`.
    pub(crate) fn register(&mut self, socket: SocketId, interest: Interest, waker: &Waker) {
        self.wakers.register(socket, interest, waker, &mut self.woken);
    }

    /// Wakes the tasks that wait for a direction of a socket.
    pub(crate) fn wake(&mut self, socket: SocketId, interest: Interest) {
        self.wakers.take_direction(socket, interest, &mut self.woken);
    }

    /// Forgets the tasks that wait for a socket which is closed; they are woken.
    pub(crate) fn forget(&mut self, socket: SocketId) {
        self.wakers.forget(socket, &mut self.woken);
    }
}

impl fmt::Debug for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shard").finish_non_exhaustive()
    }
}
