//! Puts the waterfall together from spans and evidence.

use std::time::Duration;

use fathom_record::{Layer, Outcome, Record};
use fathom_wire::Instant;

use super::cause::{Cause, Part};
use super::evidence::{Evidence, Flow, Interval};
use super::explain::{Answer, Question, Work, explain};
use super::spans::{self, Span};
use super::{Headline, Hints, Phase, PhaseOutcome, Timings, Waterfall};

const FETCH: &str = "fetch";
const RESOLVE: &str = "resolve";
const CONNECT: &str = "connect";
const HANDSHAKE: &str = "handshake";
const REQUEST: &str = "request";
const RESPONSE: &str = "response";

/// Time between phases, or at the edge of one, that is not worth a row of its own.
const NOTHING: Duration = Duration::from_micros(50);
/// A server that answers within this did not think.
const NO_THINK: Duration = Duration::from_millis(1);

pub(super) fn waterfall(records: &[Record], hints: &Hints) -> Option<Waterfall> {
    let spans = spans::read(records);
    let evidence = Evidence::read(records, hints);
    let last = records.last()?.at;
    let hops: Vec<&Span> = spans.iter().filter(|span| span.name == FETCH).collect();
    let mut builder = Builder {
        evidence: &evidence,
        hints,
        start: hops.first()?.start,
        cursor: hops.first()?.start,
        phases: Vec::new(),
    };
    for (number, hop) in hops.iter().enumerate() {
        builder.hop(number, hop, &children(&spans, hop), last);
    }
    let total = builder.cursor - builder.start;
    Some(Waterfall {
        headline: headline(&spans, hints),
        hops: hops.iter().map(|hop| hop.detail.clone()).collect(),
        phases: builder.phases,
        total,
        timings: timings(&spans, &hops, &evidence, total, last),
    })
}

/// The spans directly below `hop`, in the order of their start.
fn children<'a>(spans: &'a [Span], hop: &Span) -> Vec<&'a Span> {
    spans.iter().filter(|span| span.parent == Some(hop.id)).collect()
}

struct Builder<'a> {
    evidence: &'a Evidence,
    hints: &'a Hints,
    start: Instant,
    /// Everything before it belongs to a part.
    cursor: Instant,
    phases: Vec<Phase>,
}

impl Builder<'_> {
    fn hop(&mut self, hop: usize, fetch: &Span, children: &[&Span], last: Instant) {
        let end = fetch.end.as_ref().map_or(last, |(at, _)| *at);
        let attempts = children.iter().filter(|span| span.name == CONNECT).count();
        for (place, span) in children.iter().enumerate() {
            let used = children[..=place].iter().rev().find_map(|span| span.flow);
            let flow = used.and_then(|id| self.evidence.flow(id));
            let (span_end, outcome) = match &span.end {
                Some((at, Outcome::Done)) => (*at, PhaseOutcome::Done),
                Some((at, Outcome::Failed(message))) => (*at, PhaseOutcome::Failed(message.clone())),
                Some((at, Outcome::Cancelled)) => (*at, PhaseOutcome::GivenUp),
                None => (end, PhaseOutcome::GivenUp),
            };
            let window = Interval { start: span.start, end: span_end.max(span.start) };
            // An attempt that was given up is to blame until the next one begins.
            let next = children[place + 1..].iter().map(|next| next.start).min().unwrap_or(window.end);
            let share = match outcome {
                PhaseOutcome::GivenUp => Interval { end: window.end.min(next), ..window },
                PhaseOutcome::Done | PhaseOutcome::Failed(_) => window,
            };
            let phase = self.phase(hop, span, Course { window, share, outcome }, flow, attempts > 1);
            match (span.name, &phase.outcome) {
                (REQUEST, PhaseOutcome::Done) => self.request(phase),
                (RESPONSE, PhaseOutcome::Done) => self.response(phase),
                _ => self.phases.push(phase),
            }
        }
        if end > self.cursor {
            self.gap(hop, end);
        }
    }

    /// A phase with the parts of its `share`: the time that can be charged to it, but for what an earlier
    /// phase has.
    fn phase(
        &mut self,
        hop: usize,
        span: &Span,
        Course { window, share, outcome }: Course,
        flow: Option<&Flow>,
        several_attempts: bool,
    ) -> Phase {
        let (protocol, name, label, work) = describe(span, several_attempts, self.evidence, window);
        let mut phase = Phase {
            hop,
            layer: span.layer,
            protocol,
            name,
            label,
            start: window.start - self.start,
            duration: window.end - window.start,
            parts: Vec::new(),
            notes: Vec::new(),
            losses: Vec::new(),
            outcome,
        };
        if share.end > self.cursor {
            // A few microseconds between two phases go to the later one.
            let start = if share.start > self.cursor + NOTHING { share.start } else { self.cursor };
            if start > self.cursor {
                self.gap(hop, start);
            }
            let unanswered = work == Work::Connect && phase.outcome == PhaseOutcome::GivenUp;
            let work = if unanswered { Work::Unanswered } else { work };
            let window = Interval { start, end: share.end };
            let Answer { parts, losses, notes, .. } =
                explain(&Question { work, window, flow }, self.evidence, self.hints);
            phase.parts = parts;
            phase.notes = notes;
            phase.losses = losses.into_iter().map(|at| at.max(window.start) - self.start).collect();
            self.cursor = window.end;
        }
        phase.notes.extend(notes(span, &phase.parts, self.evidence, window));
        if let (CONNECT, true, Some(remote)) = (span.name, several_attempts, span.remote) {
            phase.notes.push(remote.to_string());
        }
        phase
    }

    /// The request, and what the server thought about it as a row of its own.
    fn request(&mut self, mut request: Phase) {
        let think = match request.parts.last() {
            Some(Part { cause: Cause::ServerThink, duration }) if *duration >= NO_THINK => *duration,
            Some(Part { cause: Cause::ServerThink, duration }) => {
                // Too little to be told from a round trip that took a little longer.
                let little = *duration;
                request.parts.pop();
                match request.parts.iter_mut().find(|part| matches!(part.cause, Cause::RoundTrips { .. })) {
                    Some(part) => part.duration += little,
                    None => request.parts.push(Part { cause: Cause::ServerThink, duration: little }),
                }
                Duration::ZERO
            }
            _ => Duration::ZERO,
        };
        if think.is_zero() {
            return self.phases.push(request);
        }
        let mut row = Phase {
            name: "server_think",
            label: "server think".into(),
            notes: Vec::new(),
            losses: Vec::new(),
            ..request.clone()
        };
        row.parts.retain(|part| part.cause == Cause::ServerThink);
        request.parts.pop();
        request.duration = request.duration.saturating_sub(think);
        row.start = request.start + request.duration;
        row.duration = think;
        self.phases.push(request);
        self.phases.push(row);
    }

    /// The response; one that came with its first byte is no row of its own.
    fn response(&mut self, response: Phase) {
        let request =
            self.phases.iter_mut().rev().find(|phase| phase.hop == response.hop && phase.name == REQUEST);
        match request {
            Some(request) if response.duration < NOTHING => {
                request.parts.extend(response.parts);
                request.notes.extend(response.notes);
            }
            _ => self.phases.push(response),
        }
    }

    /// Time up to `end` in which no phase ran.
    fn gap(&mut self, hop: usize, end: Instant) {
        let duration = end - self.cursor;
        let part = Part { cause: Cause::Own, duration };
        self.cursor = end;
        if duration < NOTHING
            && let Some(before) = self.phases.last_mut()
        {
            return before.parts.push(part);
        }
        self.phases.push(Phase {
            hop,
            layer: Layer::Application,
            protocol: "",
            name: "gap",
            label: "own work".into(),
            start: end - duration - self.start,
            duration,
            parts: vec![part],
            notes: Vec::new(),
            losses: Vec::new(),
            outcome: PhaseOutcome::Done,
        });
    }
}

/// When a span was, and how it ended.
struct Course {
    window: Interval,
    /// The part of the window that can be charged to it.
    share: Interval,
    outcome: PhaseOutcome,
}

/// Protocol, stable name and label of a span, and how it is explained.
fn describe(
    span: &Span,
    several_attempts: bool,
    evidence: &Evidence,
    window: Interval,
) -> (&'static str, &'static str, String, Work) {
    match span.name {
        RESOLVE => {
            let count = queries(span, evidence, window);
            ("dns", RESOLVE, query_kinds(evidence, window), Work::Resolve(count))
        }
        CONNECT => {
            let label = match span.remote {
                Some(remote) if several_attempts => {
                    if remote.is_ipv6() {
                        "connect v6"
                    } else {
                        "connect v4"
                    }
                }
                _ => CONNECT,
            };
            ("tcp", CONNECT, label.into(), Work::Connect)
        }
        HANDSHAKE => {
            let version = tls_version(span).unwrap_or_default();
            let resumed = span.fact("resumed") == Some("true");
            let label = match (version.is_empty(), resumed) {
                (true, _) => HANDSHAKE.into(),
                (false, true) => format!("{version} resumed"),
                (false, false) => format!("{version} full"),
            };
            // RFC 8446 2 and RFC 5246 7.3: one round trip, or two for a full handshake before TLS 1.3.
            let round_trips = if version.starts_with("1.3") || version.is_empty() || resumed { 1 } else { 2 };
            ("tls", HANDSHAKE, label, Work::Handshake(round_trips))
        }
        REQUEST => ("http", REQUEST, REQUEST.into(), Work::Request),
        RESPONSE => ("http", RESPONSE, RESPONSE.into(), Work::Response),
        other => ("", other, other.into(), Work::Other),
    }
}

/// `A+AAAA`: the types that were asked for.
fn query_kinds(evidence: &Evidence, window: Interval) -> String {
    let mut kinds: Vec<String> = evidence
        .queries
        .iter()
        .filter(|query| query.asked.first().is_some_and(|at| *at >= window.start && *at <= window.end))
        .map(|query| query.kind())
        .collect();
    kinds.sort();
    kinds.dedup();
    if kinds.is_empty() { RESOLVE.into() } else { kinds.join("+") }
}

/// `1.3` of a fact such as `TLSv1.3` or `TLS 1.3`.
fn tls_version(span: &Span) -> Option<&str> {
    Some(span.fact("version")?.trim_start_matches(|c: char| !c.is_ascii_digit()))
}

/// Questions asked: what the span says, or what the frames show.
fn queries(span: &Span, evidence: &Evidence, window: Interval) -> u32 {
    let asked = |at: &Instant| *at >= window.start && *at <= window.end;
    let seen = evidence.queries.iter().filter(|query| query.asked.first().is_some_and(asked)).count();
    span.fact("queries").and_then(|count| count.parse().ok()).unwrap_or(seen as u32)
}

fn notes(span: &Span, parts: &[Part], evidence: &Evidence, window: Interval) -> Vec<String> {
    if span.name != RESOLVE {
        return Vec::new();
    }
    let charged = parts.iter().any(|part| matches!(part.cause, Cause::Queries { .. }));
    let mut notes = Vec::new();
    match queries(span, evidence, window) {
        0 => {}
        _ if charged => {}
        1 => notes.push("1 query".into()),
        count => notes.push(format!("{count} queries")),
    }
    if let Some(ttl) = span.fact("ttl") {
        notes.push(format!("ttl {ttl}"));
    }
    notes
}

fn headline(spans: &[Span], hints: &Hints) -> Headline {
    let last = |name: &str| spans.iter().rev().find(|span| span.name == name);
    let done = |name: &str| {
        let ended = |span: &&Span| matches!(span.end, Some((_, Outcome::Done)));
        spans.iter().rev().filter(ended).find(|span| span.name == name)
    };
    let version = last(REQUEST).and_then(|span| span.fact("version")).unwrap_or("HTTP");
    let version = if version == "HTTP/2.0" { "HTTP/2" } else { version };
    let response = last(RESPONSE);
    let status = response.and_then(|span| span.fact("status"));
    let mut facts = Vec::new();
    if let Some(handshake) = done(HANDSHAKE) {
        facts.extend(tls_version(handshake).map(|version| format!("TLS {version}")));
        facts.extend(["group", "alpn"].iter().filter_map(|name| handshake.fact(name)).map(str::to_owned));
    }
    facts.extend(hints.facts.iter().cloned());
    Headline {
        status: status.map(|status| format!("{version} {status}")),
        bytes: response.and_then(|span| span.fact("bytes")).and_then(|bytes| bytes.parse().ok()),
        host: last(FETCH).map(|span| host(&span.detail).to_owned()),
        remote: done(CONNECT).and_then(|span| span.remote),
        facts,
    }
}

/// The host of a URL, with its port.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

fn timings(spans: &[Span], hops: &[&Span], evidence: &Evidence, total: Duration, last: Instant) -> Timings {
    let mut timings = Timings { total, ..Timings::default() };
    if let [first, .., final_hop] = hops {
        timings.redirect = final_hop.start - first.start;
    }
    for hop in hops {
        let children = children(spans, hop);
        let ended = |name: &str| {
            let done = |span: &&&Span| span.name == name && matches!(span.end, Some((_, Outcome::Done)));
            let span = children.iter().rev().find(done)?;
            Some(span.end.as_ref().map_or(last, |(at, _)| *at) - hop.start)
        };
        timings.name_lookup += ended(RESOLVE).unwrap_or_default();
        timings.connect += ended(CONNECT).unwrap_or_default();
        timings.app_connect += ended(HANDSHAKE).unwrap_or_default();
        timings.start_transfer += ended(REQUEST).unwrap_or_default();
        if let Some(request) = children.iter().rev().find(|span| span.name == REQUEST) {
            timings.pre_transfer += request.start - hop.start;
            let flow = children.iter().rev().find_map(|span| span.flow).and_then(|flow| evidence.flow(flow));
            let end = request.end.as_ref().map_or(last, |(at, _)| *at);
            let sent = flow.and_then(|flow| {
                // What the answer answers was sent a round trip before it. Later data is of something else,
                // such as the acknowledgement of HTTP/2 settings.
                let latest = end - flow.rtt.unwrap_or_default() * 9 / 10;
                flow.data_sent.iter().rev().find(|at| **at >= request.start && **at <= latest).copied()
            });
            timings.post_transfer += sent.unwrap_or(request.start) - hop.start;
        }
    }
    timings
}
