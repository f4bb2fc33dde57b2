//! The control socket of a running command: how `fathom sockets` looks into it.
//!
//! A Unix socket that only its owner may use. A question is a line of JSON, `{"version":1,"request":"sockets"}`; the
//! answer is lines of JSON, of which the last has the member `end`. So a million sockets need no more
//! memory than one.

mod answer;
mod client;
mod place;
mod server;

pub(crate) use answer::Source;
pub(crate) use client::{Client, ask};
pub(crate) use place::running;
pub(crate) use server::Control;

/// Slots of a stack that are looked at before its lock is let go: a fraction of a millisecond.
pub(crate) const SLOTS_AT_ONCE: usize = 256;

/// The version of the questions and answers.
pub(crate) const VERSION: u64 = 1;
