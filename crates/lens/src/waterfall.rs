//! Where the time of a request went: phases, the reason for the length of each, and their pictures.
//!
//! Everything is read from records: the phases from the spans of the applications, the reasons from what
//! the engine recorded of the same conversation in the same time, and from the frames.
//!
//! Every instant between start and end belongs to one part of one phase, so the parts sum to the whole.
//! What is measured here is exact; what a peer did is inferred: a round trip is taken to be the shortest
//! one of the connection, and what a phase took beyond its round trips and stalls is charged to the peer
//! (or, where the command knows of it, to the rate and the jitter of the link).

use std::net::SocketAddr;
use std::time::Duration;

use fathom_record::{Layer, Limit, Record};

use crate::LinkType;
use crate::style::{Style, render};

mod build;
mod cause;
mod evidence;
mod explain;
mod spans;
mod svg;
mod text;

pub use cause::{Cause, Origin, Part, Repair};

/// The phases of one request, with all the hops it was redirected over.
#[derive(Clone, PartialEq, Debug)]
pub struct Waterfall {
    /// What came back, from where, over what.
    pub headline: Headline,
    /// The URL of each hop.
    pub hops: Vec<String>,
    /// The phases in the order of their start. Attempts that failed or were given up are among them.
    pub phases: Vec<Phase>,
    /// From the start of the first hop to the end of the last.
    pub total: Duration,
    /// Cumulative times, as curl counts them.
    pub timings: Timings,
}

/// What the first line says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Headline {
    /// Version and status of the last response: `HTTP/2 200`.
    pub status: Option<String>,
    /// Bytes of its body, as they came.
    pub bytes: Option<u64>,
    /// The name that was asked for.
    pub host: Option<String>,
    /// The server's end of the connection.
    pub remote: Option<SocketAddr>,
    /// Facts of the connection: `TLS 1.3`, `X25519`, `h2`, and whatever [`Hints::facts`] adds.
    pub facts: Vec<String>,
}

/// One row of the waterfall.
#[derive(Clone, PartialEq, Debug)]
pub struct Phase {
    /// Which of [`Waterfall::hops`] it belongs to.
    pub hop: usize,
    /// The layer that the time belongs to.
    pub layer: Layer,
    /// The protocol at work: `dns`, `tcp`, `tls`, `http`; empty for time that none of them took.
    pub protocol: &'static str,
    /// A stable name: `resolve`, `connect`, `handshake`, `request`, `server_think`, `response`, `gap`.
    pub name: &'static str,
    /// What a person reads: `A+AAAA`, `1.3 full`, `server think`.
    pub label: String,
    /// When it began, since the start of the waterfall.
    pub start: Duration,
    /// How long it took.
    pub duration: Duration,
    /// What it spent its time on. Time that it shares with an earlier phase counts there, so the parts of
    /// all phases sum to [`Waterfall::total`].
    pub parts: Vec<Part>,
    /// Facts that go with the reason: `ttl 300`.
    pub notes: Vec<String>,
    /// When losses were noticed or repaired, since the start of the waterfall.
    pub losses: Vec<Duration>,
    /// How it ended.
    pub outcome: PhaseOutcome,
}

/// How a phase ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PhaseOutcome {
    /// It did what it set out to do.
    Done,
    /// It failed, with the message.
    Failed(String),
    /// It was given up: another way was faster, or the whole request ended.
    GivenUp,
}

/// Times since the start, as curl's `-w` names count them: each is summed over the hops, counted from the
/// start of its hop. Zero for what did not happen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Timings {
    /// Until names were resolved: `time_namelookup`.
    pub name_lookup: Duration,
    /// Until the connection stood: `time_connect`.
    pub connect: Duration,
    /// Until TLS stood: `time_appconnect`.
    pub app_connect: Duration,
    /// Until the request began: `time_pretransfer`.
    pub pre_transfer: Duration,
    /// Until the last byte of the request was sent: `time_posttransfer`.
    pub post_transfer: Duration,
    /// Until the first byte of the response: `time_starttransfer`.
    pub start_transfer: Duration,
    /// All hops but the last: `time_redirect`.
    pub redirect: Duration,
    /// Everything: `time_total`.
    pub total: Duration,
}

/// What the command knows and records do not tell.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Hints {
    /// What the frames of each interface begin with; Ethernet headers where it says nothing.
    pub links: Vec<LinkType>,
    /// Facts for the headline, such as `cubic` or `seed 7`.
    pub facts: Vec<String>,
    /// What the link adds to every round trip: the delays of both directions together.
    pub delay: Duration,
    /// The rate of the way to the network in bits a second, if it was limited.
    pub rate_up: Option<u64>,
    /// The rate of the way from the network in bits a second, if it was limited.
    pub rate_down: Option<u64>,
    /// How far a round trip can be longer than the shortest one by the jitter of the link, both ways
    /// together: four times the jitter of one direction, if both have the same.
    pub jitter: Duration,
}

impl Waterfall {
    /// Reads the waterfall of the `fetch` spans among the records, which are in the order of time; each
    /// span is a hop. `None` if there is none.
    pub fn from_records(records: &[Record], hints: &Hints) -> Option<Waterfall> {
        build::waterfall(records, hints)
    }

    /// The time spent on each kind of cause, the longest first. They sum to [`total`](Self::total).
    pub fn causes(&self) -> Vec<(&'static str, Duration)> {
        let mut sums: Vec<(&'static str, Duration)> = Vec::new();
        for part in self.phases.iter().flat_map(|phase| &phase.parts) {
            match sums.iter_mut().find(|(name, _)| *name == part.cause.kind()) {
                Some((_, sum)) => *sum += part.duration,
                None => sums.push((part.cause.kind(), part.duration)),
            }
        }
        sums.retain(|(_, sum)| !sum.is_zero());
        sums.sort_by_key(|(_, sum)| std::cmp::Reverse(*sum));
        sums
    }

    /// The waterfall as text for a terminal, a row for each phase.
    pub fn to_text(&self, style: Style) -> String {
        render(&text::lines(self, style.columns()), style)
    }

    /// The waterfall as a picture of a terminal in which `command` was run: an SVG document of its own,
    /// for dark and light backgrounds. `output` is what the command printed before it.
    pub fn to_svg(&self, command: &str, output: &str) -> String {
        svg::picture(command, output, &text::lines(self, svg::COLUMNS))
    }
}

impl Phase {
    /// Why it took as long as it did, in a few words. Numbers are milliseconds.
    pub fn reason(&self) -> String {
        self.reasons().join(" · ")
    }

    fn reasons(&self) -> Vec<String> {
        let mut items = cause::items(&self.parts, &self.notes, self.duration);
        match &self.outcome {
            PhaseOutcome::Done => {}
            PhaseOutcome::Failed(message) => items = vec![message.clone()],
            PhaseOutcome::GivenUp => items.push("given up".into()),
        }
        items
    }
}

/// The limit's name for people.
fn limit_name(limit: Limit) -> &'static str {
    match limit {
        Limit::Application => "the program had no more to send",
        Limit::ReceiveWindow => "the peer's window was full",
        Limit::CongestionWindow => "congestion window",
        Limit::Nagle => "Nagle's algorithm",
    }
}

#[cfg(test)]
mod tests;
