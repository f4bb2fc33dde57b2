//! Divides the time that a name took to be resolved: questions asked again, one answer waited for beside the
//! other, the way there and back, the resolver.

use std::time::Duration;

use fathom_wire::Instant;

use super::{Answer, Question, take, travel};
use crate::waterfall::Hints;
use crate::waterfall::cause::Cause;
use crate::waterfall::evidence::{Evidence, Interval};

/// Questions to a resolver that had to be asked again.
pub(super) fn lost_queries(
    answer: &mut Answer,
    free: &mut Vec<Interval>,
    window: Interval,
    evidence: &Evidence,
    hints: &Hints,
) {
    let mut needless = false;
    let repeated: Vec<Interval> = evidence
        .queries
        .iter()
        .filter_map(|query| {
            let asked = Interval { start: *query.asked.first()?, end: *query.asked.last()? };
            Some((asked, query.answered))
        })
        .filter(|(it, _)| it.start < it.end && it.start >= window.start && it.end <= window.end)
        .filter(|(asked, answered)| {
            // The answer to the last asking cannot be there sooner than the link lets it.
            let early = answered.is_some_and(|at| at < asked.end + hints.delay);
            needless |= early;
            !early
        })
        .map(|(asked, _)| asked)
        .collect();
    if needless {
        answer.notes.push("asked again needlessly: the answer was only slow".into());
    }
    answer.losses.extend(repeated.iter().map(|asked| asked.end));
    let count = repeated.len() as u32;
    let waited = take(free, repeated.into_iter());
    answer.add(Cause::QueryLost { count }, waited);
}

/// The wait for the answer about one kind of address when that about the other kind is there (RFC 8305 3).
pub(super) fn other_answer(
    answer: &mut Answer,
    free: &mut Vec<Interval>,
    question: &Question<'_>,
    evidence: &Evidence,
) {
    /// How long it is waited for, give or take what a timer does.
    const RESOLUTION_DELAY: std::ops::RangeInclusive<Duration> =
        Duration::from_millis(45)..=Duration::from_millis(55);
    let window = question.window;
    let asked = |at: &Instant| *at >= window.start && *at <= window.end;
    let queries = || evidence.queries.iter().filter(|query| query.asked.first().is_some_and(asked));
    let open = queries().any(|query| query.answered.is_none_or(|at| at > window.end));
    let answered = queries().filter_map(|query| query.answered).filter(asked).max();
    let Some(start) = answered.filter(|at| open && RESOLUTION_DELAY.contains(&(window.end - *at))) else {
        return;
    };
    let waited = take(free, [Interval { start, end: window.end }].into_iter());
    let fates = [
        ("answer lost", &evidence.lost_to_us),
        ("answer damaged", &evidence.damaged_to_us),
        ("query lost", &evidence.lost_from_us),
    ];
    let lost = fates.iter().find(|(_, times)| question.inside(times).next().is_some()).map(|(name, _)| *name);
    answer.losses.extend(fates.iter().flat_map(|(_, times)| question.inside(times)));
    answer.add(Cause::OtherAnswer { lost }, waited);
}

/// What is left of the time for an answer.
pub(super) fn explain(
    answer: &mut Answer,
    rest: Duration,
    count: u32,
    question: &Question<'_>,
    evidence: &Evidence,
    hints: &Hints,
) {
    let inside = |at: &Instant| *at >= question.window.start && *at <= question.window.end;
    let asked = evidence.queries.iter().filter(|query| query.asked.first().is_some_and(inside));
    let count = count.max(asked.count() as u32);
    // A resolver that answers within a round trip of the connections did nothing else but answer.
    let round_trip = evidence.shortest_rtt().is_some_and(|rtt| rest <= rtt + rtt / 10);
    let varied = evidence.shortest_rtt().filter(|rtt| rest <= *rtt + hints.jitter);
    match (count, varied) {
        (0, _) => answer.add(Cause::Own, rest),
        _ if round_trip => travel(answer, rest, 1, hints),
        (_, Some(rtt)) => {
            travel(answer, rtt, 1, hints);
            answer.add(Cause::Jitter, rest - rtt);
        }
        _ if question.held(evidence) => {
            let there_and_back = evidence.shortest_rtt().unwrap_or(hints.delay).min(rest);
            travel(answer, there_and_back, 1, hints);
            answer.add(Cause::Held, rest - there_and_back);
        }
        (count, None) => {
            let delay = hints.delay.min(rest);
            answer.add(Cause::Queries { count }, rest - delay);
            answer.add(Cause::LinkDelay { count: 1 }, delay);
        }
    }
}
