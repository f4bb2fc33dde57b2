//! How long a world may run, and what it says when it may not go on.

use std::fmt;
use std::time::Duration;

use fathom_wire::Instant;

/// How long a world may run in one call.
///
/// A world that waits for what never comes, or in which two hosts answer each other for ever, ends with
/// an error that says so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Steps of one call: turns of tasks, frames that arrive, deadlines.
    pub steps: u64,
    /// Steps without any time passing.
    pub steps_at_once: u64,
    /// Time on the world's clock.
    pub time: Duration,
}

impl Default for Limits {
    /// A thousand million steps, a million of them at one time, and a year.
    fn default() -> Self {
        Limits {
            steps: 1_000_000_000,
            steps_at_once: 1_000_000,
            time: Duration::from_secs(365 * 24 * 60 * 60),
        }
    }
}

/// Why a world did not come to the end of what it was asked to run.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RunError {
    /// Nothing will ever happen again, and the future has not completed.
    #[error("at {at} s nothing can happen any more: {waiting}")]
    Stalled {
        /// When the last thing happened.
        at: Instant,
        /// Who waits.
        waiting: Waiting,
    },
    /// More steps than [`Limits::steps_at_once`] allows, and no time has passed.
    #[error("at {at} s there were {steps} steps without any time passing: {waiting}")]
    Storm {
        /// When.
        at: Instant,
        /// How many steps.
        steps: u64,
        /// Who is active.
        waiting: Waiting,
    },
    /// More steps than [`Limits::steps`] allows.
    #[error("the limit of {steps} steps was reached at {at} s: {waiting}")]
    StepLimit {
        /// When.
        at: Instant,
        /// The limit.
        steps: u64,
        /// Who waits.
        waiting: Waiting,
    },
    /// More time than [`Limits::time`] allows.
    #[error("the limit of {time:?} was reached at {at} s: {waiting}")]
    TimeLimit {
        /// When.
        at: Instant,
        /// The limit.
        time: Duration,
        /// Who waits.
        waiting: Waiting,
    },
}

/// Who waits for what in a world.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Waiting {
    /// Tasks that have not ended.
    pub tasks: usize,
    /// Timers that programs have set, and when the first is due.
    pub timers: Option<(usize, Instant)>,
    /// Hosts whose stacks have a deadline, and which.
    pub hosts: Vec<(String, Instant)>,
    /// Frames on links.
    pub frames: usize,
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let timers = self.timers.map_or(0, |(count, _)| count);
        write!(f, "{} tasks, {timers} timers of programs", self.tasks)?;
        if let Some((_, first)) = self.timers {
            write!(f, " (the first at {first} s)")?;
        }
        write!(f, ", {} frames on the way", self.frames)?;
        for (number, (host, at)) in self.hosts.iter().enumerate() {
            let before = if number == 0 { ", deadlines of" } else { "," };
            write!(f, "{before} {host} at {at} s")?;
        }
        Ok(())
    }
}
