//! What a run of ping counts.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use fathom_net::Instant;

/// How many unanswered requests are remembered; an answer to an older one counts as unknown.
const REMEMBERED: usize = 4096;

/// Requests, replies and their times.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Requests sent.
    pub(super) sent: u64,
    /// Replies received, without repeated ones.
    pub(super) received: u64,
    /// Repeated replies.
    pub(super) duplicates: u64,
    /// Errors reported instead of replies.
    pub(super) errors: u64,
    first: Option<Instant>,
    last: Option<Instant>,
    /// Requests by their number, oldest first.
    waiting: VecDeque<(u64, Instant)>,
    answered: BTreeSet<u64>,
    most_waiting: usize,
    shortest: Option<Duration>,
    longest: Duration,
    sum: f64,
    sum_of_squares: f64,
}

/// An answer that belongs to a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Answer {
    /// The number of the request, from 1.
    pub(super) number: u64,
    /// The time since it was sent.
    pub(super) time: Duration,
    /// Whether it was answered before.
    pub(super) duplicate: bool,
}

impl Tally {
    /// The next request leaves. Gives its number, from 1; the field of the header holds the low 16 bits.
    pub(super) fn send(&mut self, now: Instant) -> u64 {
        self.sent += 1;
        self.first.get_or_insert(now);
        self.last = Some(now);
        if self.waiting.len() >= REMEMBERED
            && let Some((oldest, _)) = self.waiting.pop_front()
        {
            self.answered.remove(&oldest);
        }
        self.waiting.push_back((self.sent, now));
        self.most_waiting = self.most_waiting.max(self.waiting.len() - self.answered.len());
        self.sent
    }

    /// A reply came. `None` when no remembered request has this sequence number.
    pub(super) fn reply(&mut self, now: Instant, sequence: u16) -> Option<Answer> {
        let (number, sent) = self.find(sequence)?;
        let time = now.saturating_duration_since(sent);
        let duplicate = !self.answered.insert(number);
        if duplicate {
            self.duplicates += 1;
        } else {
            self.received += 1;
            self.shortest = Some(self.shortest.map_or(time, |shortest| shortest.min(time)));
            self.longest = self.longest.max(time);
            let micros = time.as_nanos() as f64 / 1e3;
            self.sum += micros;
            self.sum_of_squares += micros * micros;
        }
        Some(Answer { number, time, duplicate })
    }

    /// An error came instead of a reply. Gives the number of the request.
    pub(super) fn error(&mut self, sequence: u16) -> Option<u64> {
        let (number, _) = self.find(sequence)?;
        self.errors += 1;
        self.answered.insert(number);
        Some(number)
    }

    fn find(&self, sequence: u16) -> Option<(u64, Instant)> {
        self.waiting.iter().rev().find(|(number, _)| *number as u16 == sequence).copied()
    }

    /// When the last request was sent.
    pub(super) fn last_sent(&self) -> Option<Instant> {
        self.last
    }

    /// The longest time that a reply took.
    pub(super) fn longest(&self) -> Duration {
        self.longest
    }

    /// The lines at the end, without the first empty one.
    ///
    /// ```text
    /// --- example.com ping statistics ---
    /// 3 packets transmitted, 3 received, 0% packet loss, time 2003ms
    /// rtt min/avg/max/mdev = 20.031/20.044/20.052/0.009 ms
    /// ```
    pub(super) fn summary(&self, host: &str) -> String {
        let mut text = format!("--- {host} ping statistics ---\n");
        text += &format!("{} packets transmitted, {} received", self.sent, self.received);
        if self.duplicates > 0 {
            text += &format!(", +{} duplicates", self.duplicates);
        }
        if self.errors > 0 {
            text += &format!(", +{} errors", self.errors);
        }
        if self.sent > 0 {
            let lost = self.sent.saturating_sub(self.received) as f64 * 100.0 / self.sent as f64;
            text += &format!(", {}% packet loss", significant(lost));
            let time = match (self.first, self.last) {
                (Some(first), Some(last)) => last.saturating_duration_since(first),
                _ => Duration::ZERO,
            };
            text += &format!(", time {}ms", time.as_millis());
        }
        text.push('\n');
        if let Some(shortest) = self.shortest {
            let count = self.received as f64;
            let mean = self.sum / count;
            // The deviation is zero or above in exact arithmetic; rounding may take it below.
            let deviation = (self.sum_of_squares / count - mean * mean).max(0.0).sqrt();
            let pipe =
                if self.most_waiting > 1 { format!(", pipe {}", self.most_waiting) } else { String::new() };
            text += &format!(
                "rtt min/avg/max/mdev = {}/{}/{}/{} ms{pipe}\n",
                millis(shortest.as_nanos() as f64 / 1e3),
                millis(mean),
                millis(self.longest.as_nanos() as f64 / 1e3),
                millis(deviation),
            );
        } else {
            text.push('\n');
        }
        text
    }
}

/// Microseconds as milliseconds with three digits behind the point, cut as ping cuts them.
fn millis(micros: f64) -> String {
    let micros = micros as u64;
    format!("{}.{:03}", micros / 1000, micros % 1000)
}

/// A number as C's `%g` writes it: six significant digits, no zeros at the end.
fn significant(value: f64) -> String {
    let digits_before = if value >= 1.0 { value.log10().floor() as i32 + 1 } else { 1 };
    let decimals = (6 - digits_before).clamp(0, 6) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: u64) -> Instant {
        Instant::from_micros(micros)
    }

    #[test]
    fn the_summary_is_that_of_ping() {
        let mut tally = Tally::default();
        for (sent, answered) in [(0, 114), (200_000, 200_046), (405_900, 405_943)] {
            let number = tally.send(at(sent));
            tally.reply(at(answered), number as u16).unwrap();
        }
        assert_eq!(
            tally.summary("127.0.0.1"),
            "--- 127.0.0.1 ping statistics ---\n\
             3 packets transmitted, 3 received, 0% packet loss, time 405ms\n\
             rtt min/avg/max/mdev = 0.043/0.067/0.114/0.032 ms\n"
        );
    }

    #[test]
    fn nothing_received_has_no_times() {
        let mut tally = Tally::default();
        tally.send(at(0));
        assert_eq!(tally.error(1), Some(1));
        assert_eq!(
            tally.summary("h"),
            "--- h ping statistics ---\n1 packets transmitted, 0 received, +1 errors, 100% packet loss, time 0ms\n\n"
        );
    }

    #[test]
    fn a_repeated_reply_is_a_duplicate_and_not_counted() {
        let mut tally = Tally::default();
        tally.send(at(0));
        let first = tally.reply(at(20_000), 1).unwrap();
        let second = tally.reply(at(21_000), 1).unwrap();
        assert!(!first.duplicate && second.duplicate);
        assert_eq!((tally.received, tally.duplicates), (1, 1));
        assert!(tally.summary("h").contains("1 received, +1 duplicates, 0% packet loss"));
        assert!(tally.summary("h").contains("= 20.000/20.000/20.000/0.000 ms"));
    }

    #[test]
    fn a_reply_to_nothing_is_no_answer() {
        let mut tally = Tally::default();
        assert_eq!(tally.reply(at(0), 1), None);
        tally.send(at(0));
        assert_eq!(tally.reply(at(1), 2), None);
        assert_eq!(tally.error(7), None);
    }

    #[test]
    fn the_sequence_number_wraps_and_the_number_does_not() {
        let mut tally = Tally::default();
        for _ in 0..65_537 {
            tally.send(at(0));
        }
        assert_eq!(tally.reply(at(1), 1).unwrap().number, 65_537);
    }

    #[test]
    fn requests_in_flight_together_are_a_pipe() {
        let mut tally = Tally::default();
        tally.send(at(0));
        tally.send(at(10));
        tally.reply(at(20), 1);
        tally.reply(at(30), 2);
        assert!(tally.summary("h").ends_with(" ms, pipe 2\n"));
    }

    #[test]
    fn losses_are_told_with_six_digits_at_most() {
        for (value, text) in
            [(0.0, "0"), (100.0, "100"), (100.0 / 3.0, "33.3333"), (0.5, "0.5"), (12.5, "12.5")]
        {
            assert_eq!(significant(value), text);
        }
    }
}
