//! Divides the time of a phase among its causes.

mod resolve;

use std::time::Duration;

use fathom_record::Limit;
use fathom_wire::Instant;

use super::Hints;
use super::cause::{Cause, Origin, Part, Repair};
use super::evidence::{Evidence, Flow, Interval, Repeat, time_on_link};

/// What a phase is, as far as its explanation depends on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Work {
    /// With so many questions, by its own account.
    Resolve(u32),
    Connect,
    /// With so many round trips by its protocol.
    Handshake(u32),
    Request,
    Response,
    /// An attempt that was given up.
    Unanswered,
    Other,
}

/// A phase to be explained: its window, and the connection it used.
pub(super) struct Question<'a> {
    pub(super) work: Work,
    pub(super) window: Interval,
    pub(super) flow: Option<&'a Flow>,
}

/// The answer: parts that sum to the window, and when losses showed.
#[derive(Default)]
pub(super) struct Answer {
    pub(super) parts: Vec<Part>,
    pub(super) losses: Vec<Instant>,
    /// Facts that go with the parts.
    pub(super) notes: Vec<String>,
    /// Our timer ran out for nothing: whatever was waited for was slow.
    slow: bool,
}

impl Answer {
    fn add(&mut self, cause: Cause, duration: Duration) {
        if !duration.is_zero() {
            self.parts.push(Part { cause, duration });
        }
    }

    /// Time until the peer repeated what was lost at these times.
    fn peer_repeats(&mut self, lost: Vec<Instant>, damaged: Vec<Instant>, duration: Duration) {
        if !duration.is_zero() {
            let (frames, damage) = (lost.len() as u32, damaged.len() as u32);
            self.add(Cause::PeerRepeats { frames, damaged: damage }, duration);
            self.losses.extend(lost);
            self.losses.extend(damaged);
            self.losses.sort();
        }
    }

    /// Whether losses of the peer have shown as holes.
    fn has_holes(&self) -> bool {
        self.parts.iter().any(|part| matches!(part.cause, Cause::HeadOfLine { .. }))
    }
}

/// Finds the causes of a window in two steps: first what stopped everything for a stretch of time
/// (losses, above all), each instant counted once; then what of the rest is round trips, and what is left.
pub(super) fn explain(question: &Question<'_>, evidence: &Evidence, hints: &Hints) -> Answer {
    let mut answer = Answer::default();
    let mut free = vec![question.window];
    let window = question.window;
    let sends = matches!(question.work, Work::Request | Work::Response);
    if let (true, Some(flow), Some(rate)) = (sends, question.flow, hints.rate_up) {
        // However the sender was held back, no sender could fill the link more than this. An answer may
        // begin before the request is complete.
        let frames = if question.work == Work::Request { &flow.transmitted } else { &flow.transmitted_data };
        let duration = take(&mut free, Flow::uplink_busy(frames, rate).into_iter());
        let bytes = (duration.as_secs_f64() * rate as f64 / 8.0).round() as u64;
        answer.add(Cause::Serialisation { up: true, bytes, rate }, duration);
    }
    if let Some(flow) = question.flow {
        repeats(&mut answer, &mut free, question, flow, evidence, hints);
    }
    if matches!(question.work, Work::Resolve(_)) {
        resolve::other_answer(&mut answer, &mut free, question, evidence);
        resolve::lost_queries(&mut answer, &mut free, window, evidence, hints);
    }
    let waited = take(&mut free, evidence.neighbours.iter().copied());
    answer.add(Cause::Neighbour, waited);
    if let Some(flow) = question.flow {
        holes(&mut answer, &mut free, question, flow, evidence);
        if sends && flow.data_sent.iter().any(|at| *at >= window.start && *at < window.end) {
            limits(&mut answer, &mut free, window, flow);
        }
    }
    let rest = free.iter().map(|it| it.end - it.start).sum();
    match question.work {
        Work::Resolve(count) => resolve::explain(&mut answer, rest, count, question, evidence, hints),
        Work::Connect => connect(&mut answer, rest, question, evidence, hints),
        Work::Handshake(count) => exchange(&mut answer, rest, count, Cause::Tls, question, evidence, hints),
        Work::Request => exchange(&mut answer, rest, 1, Cause::ServerThink, question, evidence, hints),
        Work::Response => response(&mut answer, rest, &free, question, evidence, hints),
        Work::Unanswered => answer.add(Cause::Unanswered, rest),
        Work::Other => answer.add(Cause::Own, rest),
    }
    debug_assert_eq!(
        answer.parts.iter().map(|part| part.duration).sum::<Duration>(),
        window.end - window.start,
        "the parts sum to the whole"
    );
    answer
}

/// Our own segments that had to be sent again.
fn repeats(
    answer: &mut Answer,
    free: &mut Vec<Interval>,
    question: &Question<'_>,
    flow: &Flow,
    evidence: &Evidence,
    hints: &Hints,
) {
    let window = question.window;
    let inside = flow.repeats.iter().filter(|(it, ..)| it.end > window.start && it.end <= window.end);
    let (needless, inside): (Vec<_>, Vec<_>) = inside
        .partition(|(it, repeat, seq)| is_needless(*it, *repeat, *seq, question, flow, evidence, hints));
    if !needless.is_empty() {
        answer.slow = true;
        answer.notes.push("sent again needlessly: the answer was only slow".into());
    }
    let mut repair = Repair::default();
    for (interval, repeat, _) in &inside {
        match repeat {
            Repeat::Syn => repair.syn += 1,
            Repeat::Timeout => repair.timeouts += 1,
            Repeat::Fast => repair.fast += 1,
        }
        answer.losses.push(interval.end);
    }
    let waited = take(free, inside.iter().map(|(interval, ..)| *interval));
    answer.add(Cause::Lost { repair }, waited);
}

/// Whether a segment was repeated though nothing had been lost: its answer came sooner after the
/// repetition than a round trip, or the link tells of no loss and was busy while the timer ran.
fn is_needless(
    sent: Interval,
    repeat: Repeat,
    seq: u32,
    question: &Question<'_>,
    flow: &Flow,
    evidence: &Evidence,
    hints: &Hints,
) -> bool {
    let gone = [&evidence.lost_from_us, &evidence.lost_to_us, &evidence.damaged_to_us];
    if gone.into_iter().flatten().any(|at| *at >= sent.start && *at <= sent.end) {
        return false;
    }
    let seen = flow.acknowledged(seq, sent.start);
    let answered = match question.work {
        Work::Connect => seen.or(Some(question.window.end)),
        _ => seen,
    };
    let Some(round_trip) = path_round_trip(flow, hints) else { return false };
    // A tenth less, for a path that varies a little.
    let early = answered.is_some_and(|at| at < sent.end + round_trip * 9 / 10);
    early || (repeat != Repeat::Fast && answered.is_some_and(|at| was_busy(flow, sent.start, at, hints)))
}

/// Whether links carried frames for most of the time between two instants.
fn was_busy(flow: &Flow, start: Instant, end: Instant, hints: &Hints) -> bool {
    let down = flow.received.iter().filter(|(at, ..)| *at > start && *at <= end).map(|(_, len, _)| *len);
    let up = flow.transmitted.iter().filter(|(at, _)| *at < end && *at + (end - start) >= start);
    let up = up.map(|(_, len)| *len);
    let [up, down] = [(up.sum(), hints.rate_up), (down.sum(), hints.rate_down)]
        .map(|(bytes, rate)| rate.map_or(Duration::ZERO, |rate| time_on_link(bytes, rate)));
    up + down >= (end - start) / 2
}

/// Data of the peer that arrived and had to wait for what was lost before it.
fn holes(
    answer: &mut Answer,
    free: &mut Vec<Interval>,
    question: &Question<'_>,
    flow: &Flow,
    evidence: &Evidence,
) {
    let window = question.window;
    let inside: Vec<Interval> = flow
        .holes
        .iter()
        .map(|(opened, filled)| Interval { start: *opened, end: filled.unwrap_or(window.end) })
        .filter(|hole| hole.start < window.end && hole.end > window.start)
        .collect();
    // One hole shows, however many frames are missing. A link tells of them when they are sent, which is
    // before the hole shows.
    let lost: Vec<Instant> = question.around(&evidence.lost_to_us).collect();
    let damaged = question.around(&evidence.damaged_to_us).count();
    let held = question.around(&evidence.held_to_us).count();
    let (holes, origin) = match (lost.len(), damaged, held) {
        (0, 0, 0) => (inside.len(), Origin::Unknown),
        (0, 0, held) => (held, Origin::Reordered),
        (0, damaged, _) => (damaged, Origin::Damaged),
        (lost, ..) => (lost, Origin::Lost),
    };
    let shown = inside.iter().map(|hole| hole.start);
    let marks: Vec<Instant> = if lost.len() > inside.len() { lost } else { shown.collect() };
    let waited = take(free, inside.into_iter());
    if !waited.is_zero() {
        answer.losses.extend(marks);
        answer.add(Cause::HeadOfLine { holes: holes as u32, origin }, waited);
    }
}

/// What held our sender back, as long as it had something to send.
fn limits(answer: &mut Answer, free: &mut Vec<Interval>, window: Interval, flow: &Flow) {
    for by in [Limit::ReceiveWindow, Limit::CongestionWindow, Limit::Nagle] {
        let ends = flow.limits.iter().skip(1).map(|(at, _)| *at).chain([window.end]);
        let limited = flow
            .limits
            .iter()
            .zip(ends)
            .filter(|((_, limit), _)| *limit == by)
            .map(|((start, _), end)| Interval { start: *start, end });
        let waited = take(free, limited.collect::<Vec<_>>().into_iter());
        answer.add(Cause::Limited { by }, waited);
    }
}

fn connect(
    answer: &mut Answer,
    mut rest: Duration,
    question: &Question<'_>,
    evidence: &Evidence,
    hints: &Hints,
) {
    let bits = serialisation(rest, question, hints);
    rest -= sum(&bits);
    // A handshake is a round trip, however long, unless it is known what happened to it on the way.
    let (lost, damaged) = question.lost_to_us(evidence);
    let is_lost = !lost.is_empty() || !damaged.is_empty();
    let held = question.held(evidence);
    let shortest = question.flow.and_then(|flow| path_round_trip(flow, hints));
    let measured = shortest.filter(|_| is_lost || held);
    let varied = shortest.filter(|rtt| measured.is_none() && *rtt <= rest && rest - *rtt <= hints.jitter);
    let there_and_back = measured.or(varied).unwrap_or(rest).min(rest);
    travel(answer, there_and_back, 1, hints);
    answer.parts.extend(bits);
    if varied.is_some() {
        answer.add(Cause::Jitter, rest - there_and_back);
    } else if is_lost {
        answer.peer_repeats(lost, damaged, rest - there_and_back);
    } else {
        answer.add(Cause::Held, rest - there_and_back);
    }
}

/// So many times there and back, the delay that was put on the link told apart.
fn travel(answer: &mut Answer, time: Duration, count: u32, hints: &Hints) {
    let delay = (hints.delay * count).min(time);
    answer.add(Cause::RoundTrips { count }, time - delay);
    answer.add(Cause::LinkDelay { count }, delay);
}

/// Round trips in which the peer has to do something too: `remainder` names it.
fn exchange(
    answer: &mut Answer,
    mut rest: Duration,
    count: u32,
    remainder: Cause,
    question: &Question<'_>,
    evidence: &Evidence,
    hints: &Hints,
) {
    // If nothing was measured, the round trips are all that is known.
    let rtt = question.flow.and_then(|flow| path_round_trip(flow, hints));
    let there_and_back = rtt.map_or(rest, |rtt| (rtt * count).min(rest));
    rest -= there_and_back;
    travel(answer, there_and_back, count, hints);
    let bits = serialisation(rest, question, hints);
    rest -= sum(&bits);
    answer.parts.extend(bits);
    let waits = window_waits(question, hints);
    let waited = waits.iter().sum::<Duration>().min(rest);
    answer.add(Cause::PeerWindow { rounds: waits.len() as u32 }, waited);
    rest -= waited;
    let (lost, damaged) = question.lost_to_us(evidence);
    let is_lost = !lost.is_empty() || !damaged.is_empty();
    if is_lost && !answer.has_holes() {
        return answer.peer_repeats(lost, damaged, rest);
    }
    let remainder = match remainder {
        // A link holds frames back for a little while. Beyond, the peer may have worked as well.
        _ if question.held(evidence) && !answer.has_holes() => {
            if rtt.is_none_or(|rtt| rest <= rtt) {
                Cause::Held
            } else {
                Cause::Waited
            }
        }
        _ if answer.slow => Cause::Waited,
        remainder => remainder,
    };
    // Within the bounds of the jitter nothing else is to be seen. Beyond, it took its mean share.
    let jitter = if rest <= hints.jitter { rest } else { hints.jitter / 2 };
    answer.add(Cause::Jitter, jitter);
    answer.add(remainder, rest - jitter);
}

/// Data arriving: at the rate of the link, and silences in between.
fn response(
    answer: &mut Answer,
    mut rest: Duration,
    free: &[Interval],
    question: &Question<'_>,
    evidence: &Evidence,
    hints: &Hints,
) {
    let bits = serialisation(rest, question, hints);
    rest -= sum(&bits);
    answer.parts.extend(bits);
    let bytes: u64 = question.received().map(|(_, _, data)| data).sum();
    if let Some(flow) = question.flow {
        // A sender whose window is full waits for one round trip. If it is silent for longer, it waits
        // for its timer, or it has nothing to send.
        let rtt = flow.rtt.unwrap_or_default().max(hints.delay);
        // Over a link with conditions, round trips differ, and a pause is only what differs more.
        let impaired = hints.rate_down.is_some() || !hints.delay.is_zero() || !hints.jitter.is_zero();
        let longest = flow.longest_rtt.filter(|_| impaired).unwrap_or(rtt).max(rtt);
        let round_trip = rtt / 2 + longest + hints.jitter;
        let (waits, pauses): (Vec<Duration>, Vec<Duration>) =
            silences(flow, free, hints).into_iter().partition(|silence| *silence <= round_trip);
        let paused = pauses.iter().sum::<Duration>().min(rest);
        rest -= paused;
        // The peer's timer runs out as well when our acknowledgements are lost.
        let mut lost: Vec<Instant> = question.around(&evidence.lost_from_us).collect();
        let mut to_us: Vec<Instant> = question.around(&evidence.lost_to_us).collect();
        let mut damaged: Vec<Instant> = question.around(&evidence.damaged_to_us).collect();
        if lost.is_empty() && to_us.is_empty() && damaged.is_empty() {
            answer.add(Cause::ServerPauses { count: pauses.len() as u32 }, paused);
        } else {
            // What has shown as a hole is counted there.
            if answer.has_holes() {
                to_us.clear();
                damaged.clear();
            }
            lost.extend(to_us);
            lost.sort();
            answer.peer_repeats(lost, damaged, paused);
        }
        let waited = waits.iter().sum::<Duration>().min(rest);
        rest -= waited;
        // A peer that takes as much as it gives may as well have waited for more of ours.
        let Interval { start, end } = question.window;
        let sent = flow.transmitted_data.iter().filter(|(at, _)| *at >= start && *at < end);
        let takes = sent.map(|(_, len)| *len).sum::<u64>() >= bytes / 2;
        let rounds = waits.len() as u32;
        answer.add(if takes { Cause::Waited } else { Cause::PeerWindow { rounds } }, waited);
    }
    answer.add(Cause::Transfer { bytes }, rest);
}

/// Time that the frames of the window took on the link, if its rate is known; at most `rest`.
fn serialisation(mut rest: Duration, question: &Question<'_>, hints: &Hints) -> Vec<Part> {
    let down: u64 = question.received().map(|(_, frame, _)| frame).sum();
    let up: u64 = question.transmitted().map(|(_, frame)| frame).sum();
    let mut parts = Vec::new();
    // The way up of requests is told from when it was busy; acknowledgements leave while data arrives.
    let rate_up = hints.rate_up.filter(|_| !matches!(question.work, Work::Request | Work::Response));
    for (up, bytes, rate) in [(true, up, rate_up), (false, down, hints.rate_down)] {
        let Some(rate) = rate.filter(|rate| *rate > 0) else { continue };
        let duration = time_on_link(bytes, rate).min(rest);
        rest -= duration;
        if !duration.is_zero() {
            parts.push(Part { cause: Cause::Serialisation { up, bytes, rate }, duration });
        }
    }
    parts
}

fn sum(parts: &[Part]) -> Duration {
    parts.iter().map(|part| part.duration).sum()
}

/// The shortest round trip without the time that its frames took on the link: a SYN and its answer, if
/// the records go back to them.
fn empty_round_trip(flow: &Flow, hints: &Hints) -> Option<Duration> {
    let up = flow.transmitted.first().filter(|frame| flow.transmitted_data.first() != Some(frame));
    let up = up.map(|(_, len)| *len).zip(hints.rate_up);
    let down = flow.received.first().filter(|(.., data)| *data == 0).map(|(_, len, _)| *len);
    let down = down.zip(hints.rate_down);
    let on_the_link = [up, down].into_iter().flatten().map(|(bytes, rate)| time_on_link(bytes, rate));
    Some(flow.rtt?.saturating_sub(on_the_link.sum()))
}

/// The time there and back without that of the frames, which is at least what the link adds.
fn path_round_trip(flow: &Flow, hints: &Hints) -> Option<Duration> {
    match empty_round_trip(flow, hints) {
        Some(round_trip) => Some(round_trip.max(hints.delay)),
        None => (!hints.delay.is_zero()).then_some(hints.delay),
    }
}

/// Round trips that a peer with much to say waited for its window, before what the phase waits for was
/// complete: a TLS record, or a chain of certificates.
fn window_waits(question: &Question<'_>, hints: &Hints) -> Vec<Duration> {
    /// A segment of as much data is full: its sender had more to say.
    const FULL: u64 = 1_000;
    let Some(rtt) = question.flow.and_then(|flow| flow.rtt) else { return Vec::new() };
    let mut before = None;
    let mut waits = Vec::new();
    for (at, frame, data) in question.received().filter(|(_, _, data)| *data > 0) {
        // What the link took for the frame was no waiting.
        let on_the_link = hints.rate_down.map_or(Duration::ZERO, |rate| time_on_link(frame, rate));
        if let Some((before, FULL..)) = before.replace((at, data))
            && let waited = (at - before).saturating_sub(on_the_link)
            && (rtt / 2..=rtt * 3 / 2).contains(&waited)
        {
            waits.push(waited);
        }
    }
    waits
}

/// Times of at least half a round trip in which nothing arrived nor was on the link, in what is free.
fn silences(flow: &Flow, free: &[Interval], hints: &Hints) -> Vec<Duration> {
    let Some(rtt) = flow.rtt.filter(|rtt| !rtt.is_zero()) else { return Vec::new() };
    let mut silences = Vec::new();
    for free in free {
        let first = flow.received.partition_point(|(at, ..)| *at <= free.start);
        let arrivals = flow.received[first..]
            .iter()
            .map(|(at, len, _)| (*at, *len))
            .take_while(|(at, _)| *at < free.end);
        let mut before = free.start;
        // What ends the free time may be a frame, too.
        let last = flow.received.iter().find(|(at, ..)| *at == free.end).map_or(0, |(_, len, _)| *len);
        for (at, len) in arrivals.chain([(free.end, last)]) {
            let on_the_link = hints.rate_down.map_or(Duration::ZERO, |rate| time_on_link(len, rate));
            let silence = (at - before).saturating_sub(on_the_link);
            if silence >= rtt / 2 {
                silences.push(silence);
            }
            before = at;
        }
    }
    silences
}

impl Question<'_> {
    fn received(&self) -> impl Iterator<Item = (Instant, u64, u64)> {
        let window = self.window;
        self.flow
            .into_iter()
            .flat_map(|flow| flow.received.iter().copied())
            .filter(move |(at, ..)| *at > window.start && *at <= window.end)
    }

    fn transmitted(&self) -> impl Iterator<Item = (Instant, u64)> {
        let window = self.window;
        self.flow
            .into_iter()
            .flat_map(|flow| flow.transmitted.iter().copied())
            .filter(move |(at, _)| *at >= window.start && *at < window.end)
    }

    /// When links lost and damaged frames to us in the window.
    fn lost_to_us(&self, evidence: &Evidence) -> (Vec<Instant>, Vec<Instant>) {
        (self.inside(&evidence.lost_to_us).collect(), self.inside(&evidence.damaged_to_us).collect())
    }

    /// Whether links held frames back in the window.
    fn held(&self, evidence: &Evidence) -> bool {
        let (to_us, from_us) = (&evidence.held_to_us, &evidence.held_from_us);
        self.inside(to_us).chain(self.inside(from_us)).next().is_some()
    }

    fn inside(&self, times: &[Instant]) -> impl Iterator<Item = Instant> {
        let Interval { start, end } = self.window;
        times.iter().copied().filter(move |at| *at >= start && *at <= end)
    }

    /// Those in the window or up to a round trip before it.
    fn around(&self, times: &[Instant]) -> impl Iterator<Item = Instant> {
        let Interval { start, end } = self.window;
        let start = start - self.flow.and_then(|flow| flow.rtt).unwrap_or_default();
        times.iter().copied().filter(move |at| *at >= start && *at <= end)
    }
}

/// Takes from the `free` intervals, which are in order and apart, what lies in `intervals`, and gives its
/// length.
fn take(free: &mut Vec<Interval>, intervals: impl Iterator<Item = Interval>) -> Duration {
    let mut wanted: Vec<Interval> = intervals.filter(|it| it.start < it.end).collect();
    wanted.sort();
    let mut taken = Duration::ZERO;
    let mut left = Vec::with_capacity(free.len());
    let mut wanted = wanted.into_iter().peekable();
    // The furthest end of the wanted intervals that begin at or before the cursor.
    let mut reached = Instant::ZERO;
    for interval in free.drain(..) {
        let mut at = interval.start;
        while at < interval.end {
            while let Some(next) = wanted.next_if(|next| next.start <= at) {
                reached = reached.max(next.end);
            }
            if reached > at {
                let end = reached.min(interval.end);
                taken += end - at;
                at = end;
            } else {
                let end = wanted.peek().map_or(interval.end, |next| next.start.min(interval.end));
                left.push(Interval { start: at, end });
                at = end;
            }
        }
    }
    *free = left;
    taken
}

#[cfg(test)]
mod tests;
