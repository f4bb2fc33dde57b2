//! What a host needs from the world it runs in.
//!
//! [`Runtime`] is the seam between a host and its world: real time on real devices
//! ([`driver`](crate::driver)), or the virtual time of a simulated internet. The parts from which both are
//! built are here too: [`Tasks`], a first-in first-out executor; [`Timers`]; and [`Signal`], which a thread
//! waits for.

mod signal;
mod tasks;
mod timers;

use std::fmt::Debug;
use std::pin::Pin;
use std::task::Waker;
use std::time::Duration;

use fathom_wire::Instant;

use crate::Host;

pub use signal::Signal;
pub use tasks::Tasks;
pub use timers::{TimerId, Timers};

/// A task as runtimes keep it.
pub type BoxTask = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What a host needs from its world. Each host has its own `Runtime`, so randomness and clocks may differ
/// from host to host.
///
/// No method is called while the host's mutex is held.
pub trait Runtime: Debug + Send + Sync + 'static {
    /// The time.
    fn now(&self) -> Instant;

    /// The time of day: since 1970-01-01 00:00 UTC, without leap seconds.
    fn wall_clock(&self) -> Duration;

    /// Fills `out` with random bytes, fit for keys where the world is real.
    fn random(&self, out: &mut [u8]);

    /// Runs `task` to its end beside the caller.
    fn spawn(&self, task: BoxTask);

    /// Wakes `waker` once at `at`, or soon after.
    fn set_timer(&self, at: Instant, waker: Waker) -> TimerId;

    /// Takes a timer back. Nothing happens when it has fired.
    fn cancel_timer(&self, id: TimerId);

    /// A program did something with `host`: its stack may have frames to transmit, or an earlier deadline.
    fn attend(&self, host: &Host);

    /// Blocks the calling thread until `signal` is given, which it takes.
    fn wait(&self, host: &Host, signal: &Signal);
}
