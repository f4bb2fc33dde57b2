//! What comes of a world.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Tally;

/// A world in which everything held.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Passed {
    /// What struck.
    pub tally: Tally,
    /// The hash of every frame that a stack sent, and when: the same for two runs of a seed.
    pub hash: u64,
}

/// What must hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Check {
    /// Bytes that arrive are the bytes that were sent, in order, without a gap.
    Bytes,
    /// Every transfer ends, and in the way in which it must.
    Outcome,
    /// Nothing stands still for ever.
    Hang,
    /// The world comes to rest: no storm of acknowledgements, no timer that fires for ever.
    Steps,
    /// A program is told when it can go on.
    Readiness,
    /// What a stack counts is what there is.
    Audit,
    /// Nothing is left when everything is closed.
    Leak,
    /// Frames that stacks send are right in themselves.
    Frame,
    /// Nothing panics.
    Panic,
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Check::Bytes => "bytes delivered are the bytes sent",
            Check::Outcome => "every transfer ends as it must",
            Check::Hang => "nothing stands still for ever",
            Check::Steps => "the world comes to rest",
            Check::Readiness => "no readiness is lost",
            Check::Audit => "what is counted is what there is",
            Check::Leak => "nothing is left in the end",
            Check::Frame => "frames are right in themselves",
            Check::Panic => "nothing panics",
        })
    }
}

/// A world in which something did not hold.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Failure {
    /// The seed that replays it.
    pub seed: u64,
    /// What did not hold.
    pub check: Check,
    /// When, from the start of the world.
    pub at: Duration,
    /// What there was instead.
    pub detail: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure { seed, check, at, detail } = self;
        writeln!(f, "seed {seed}, {at:?} after its start: does not hold: {check}")?;
        writeln!(f, "  {detail}")?;
        write!(f, "  replay it with: cargo xtask swarm --replay {seed}")
    }
}
