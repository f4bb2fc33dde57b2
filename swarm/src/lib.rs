//! Random worlds by seed, and what must hold in each.
//!
//! A seed draws a world of two or three hosts: links that lose, reorder, repeat and spoil frames, paths that
//! become narrow, links that go down, addresses that go away, processes that sleep, hosts that die, readers
//! that stop, memory that is scarce, and programs that open, half close and abort connections. It runs on
//! virtual time, on the engine itself ([`fathom_stack::Stack`]), one event after the other, and after each
//! the checks of [`Check`] are made. The same seed gives the same world, frame by frame.
//!
//! What struck is counted where it happened ([`Tally`]), so that a fault which the draws no longer bring about
//! is seen to be missing.
//!
//! ```
//! let passed = fathom_swarm::run(7).map_err(|failure| failure.to_string())?;
//! assert_eq!(passed, fathom_swarm::run(7).unwrap());
//! # Ok::<(), String>(())
//! ```
#![forbid(unsafe_code)]

mod campaign;
mod content;
mod cut;
mod datagrams;
mod draw;
mod faults;
mod forge;
mod middlebox;
mod node;
mod outcome;
mod plan;
mod program;
mod replay;
mod start;
mod tamper;
mod way;
mod wire;
mod world;

pub use campaign::{ALL_STRIKE_IN, Campaign, Progress, build_of};
pub use faults::{Fault, Tally};
pub use outcome::{Check, Failure, Passed};
pub use replay::{Replay, replay};
pub use tamper::Tamper;

/// Runs the world of a seed.
///
/// # Errors
/// What did not hold, and where.
pub fn run(seed: u64) -> Result<Passed, Failure> {
    run_with(seed, None)
}

/// Runs the world of a seed with a fault planted in it.
///
/// # Errors
/// As [`run`].
pub fn run_with(seed: u64, tamper: Option<Tamper>) -> Result<Passed, Failure> {
    let plan = plan::Plan::draw(seed);
    world::World::new(&plan, tamper, None).run().map_err(|failure| *failure)
}
