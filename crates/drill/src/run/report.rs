//! What a run has shown.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use super::{Entry, Run, Step, What};
use crate::parse::Seconds;
use crate::script::{Event, Ip, Place};
use crate::wire::show_seen;

/// A run of a script.
#[derive(Clone, PartialEq, Debug)]
pub struct Outcome {
    /// Why it failed, if it did.
    pub failure: Option<Failure>,
    /// What happened, in order.
    pub lines: Vec<Line>,
    /// The packets of both directions, in order.
    pub frames: Vec<Frame>,
    /// When it ended, since the script's zero.
    pub end: Duration,
    /// How many packets had left at the end that the script does not mention.
    pub leftovers: usize,
}

impl Outcome {
    /// Whether everything was as the script has it.
    pub fn passed(&self) -> bool {
        self.failure.is_none()
    }

    pub(super) fn early(failure: Failure) -> Self {
        Outcome {
            failure: Some(failure),
            lines: Vec::new(),
            frames: Vec::new(),
            end: Duration::ZERO,
            leftovers: 0,
        }
    }
}

/// An IP packet of a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    /// When it arrived or left, since the script's zero.
    pub at: Duration,
    /// Whether the stack sent it.
    pub outbound: bool,
    /// The packet, from its IP header on.
    pub bytes: Bytes,
}

/// Something that happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// When, since the script's zero.
    pub at: Duration,
    /// What kind of thing.
    pub kind: LineKind,
    /// In the script's notation.
    pub text: String,
}

/// What kind of thing happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LineKind {
    /// A packet arrived.
    Inbound,
    /// A packet left.
    Outbound,
    /// A call was made, or one that blocked returned.
    Call,
    /// A setting was made.
    Command,
    /// Code ran.
    Code,
    /// Code printed this.
    Printed,
}

impl LineKind {
    /// Its name in reports for programs.
    pub const fn name(self) -> &'static str {
        match self {
            LineKind::Inbound => "inbound",
            LineKind::Outbound => "outbound",
            LineKind::Call => "call",
            LineKind::Command => "command",
            LineKind::Code => "code",
            LineKind::Printed => "printed",
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", Seconds(self.at), self.text)
    }
}

/// The first thing that differs from what the script has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// The script's line.
    pub place: Place,
    /// Its text.
    pub line: String,
    /// What differs.
    pub what: String,
    /// What the script has.
    pub expected: Option<String>,
    /// What came instead, and when.
    pub came: Option<String>,
    /// When it was noticed, since the script's zero.
    pub at: Duration,
    /// What happened just before, in order.
    pub before: Vec<Line>,
}

/// How many lines a report shows of what happened before.
const SHOWN_BEFORE: usize = 8;

impl Failure {
    pub(super) fn new(event: &Event, at: Duration, what: impl Into<String>) -> Self {
        Failure {
            place: event.place,
            line: event.text.clone(),
            what: what.into(),
            expected: None,
            came: None,
            at,
            before: Vec::new(),
        }
    }

    /// A failure of no line.
    pub(super) fn of_settings(what: String) -> Self {
        let place = Place { line: 1, column: 1 };
        let (at, line) = (Duration::ZERO, String::new());
        Failure { place, line, what, expected: None, came: None, at, before: Vec::new() }
    }

    pub(super) fn with(mut self, expected: String, came: String) -> Self {
        (self.expected, self.came) = (Some(expected), Some(came));
        self
    }

    /// As [`Display`](fmt::Display), with the file's name before the place.
    pub fn in_file(&self, file: &str) -> String {
        format!("{file}:{self}")
    }

    /// The failure in one line, with the file's name.
    pub fn summary(&self, file: &str) -> String {
        let mut text = format!("{file}:{}:{}: {}", self.place.line, self.place.column, self.what);
        for (name, part) in [("expected", &self.expected), ("came", &self.came)] {
            if let Some(part) = part {
                text += &format!("; {name} {part}");
            }
        }
        text
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.place.line, self.place.column, self.what)?;
        if !self.line.is_empty() {
            write!(f, "\n  {} | {}", self.place.line, self.line)?;
        }
        if let Some(expected) = &self.expected {
            write!(f, "\n  expected: {expected}")?;
        }
        if let Some(came) = &self.came {
            write!(f, "\n  came:     {came}")?;
        }
        if !self.before.is_empty() {
            write!(f, "\n  before:")?;
        }
        self.before.iter().try_for_each(|line| write!(f, "\n    {line}"))
    }
}

impl Run<'_> {
    /// What the run has shown, with all numbers as they are known at its end.
    pub(super) fn outcome(self, result: Step) -> Outcome {
        let end = self.now();
        let line = |entry: &Entry| {
            let text = match &entry.what {
                What::Text(text) => text.clone(),
                What::Left(seen) => show_seen(seen, &self.flows, &Ip::default()),
            };
            Line { at: entry.at, kind: entry.kind, text }
        };
        let lines: Vec<Line> = self.log.iter().map(line).collect();
        let failure = result.err().map(|mut failure| {
            let before: Vec<&Line> = lines.iter().filter(|line| line.kind != LineKind::Code).collect();
            let from = before.len().saturating_sub(SHOWN_BEFORE);
            failure.before = before[from..].iter().map(|line| (*line).clone()).collect();
            *failure
        });
        let leftovers = self.out.len();
        Outcome { failure, lines, frames: self.frames, end, leftovers }
    }
}
