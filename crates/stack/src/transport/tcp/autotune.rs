//! The receive buffer grows with what the program reads (dynamic right-sizing; Fisk and Feng, 2001).
//!
//! In each round trip the program reads some. The peer may be sending twice as much in the next, while it
//! opens its congestion window, and what it sends then arrives a round trip after the window told it that it
//! may. So the buffer is made for about four times what was read in the last. What still waits unread counts
//! against it: a slow reader needs no larger buffer.
//!
//! Read in one round: 100,000 bytes, of which 25,000 wait, so 75,000; in the round before: 50,000. Twice
//! 75,000 and 16 segments of 1460 are 173,360, and it has grown by half, so as much again: 346,720.

use core::time::Duration;

use fathom_wire::{Instant, TcpHeader};

use super::connection::{Connection, Flags};
use crate::context::Context;

/// The program has read so much when measuring begins: connections that carry little need no more.
const BEGIN: u64 = 8 << 10;
/// What a peer sends in the first round trip (RFC 6928 2).
const INITIAL_SEGMENTS: u32 = 10;
/// Segments that may come beside what is expected.
const SLACK_SEGMENTS: u64 = 16;

/// How fast the program reads.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReadRate {
    /// When the round began, and what the program had read by then.
    since: Instant,
    read: u64,
    /// What it read in the best round so far.
    best: u32,
    /// The round-trip time as the receiver sees it, in microseconds; 0 before the first sample.
    rtt_us: u32,
}

impl ReadRate {
    /// The peer has echoed a timestamp that is `age` old. That is a round trip when the peer sends all the
    /// time, and more when it had paused.
    fn sample(&mut self, age: Duration) {
        let sample = u32::try_from(age.as_micros()).unwrap_or(u32::MAX).max(1000);
        self.rtt_us = match self.rtt_us {
            0 => sample,
            rtt if sample < rtt => sample,
            rtt => rtt.saturating_add((sample.min(rtt.saturating_mul(2)) - rtt) / 8),
        };
    }
}

impl Connection {
    /// A full segment has arrived in order: how long ago did the peer hear of what we echo?
    pub(super) fn sample_receive_rtt(&mut self, cx: &Context<'_>, header: &TcpHeader) {
        let timestamp = self.timestamp(cx.now);
        let Some(rate) = self.cold.extra.as_mut().and_then(|extra| extra.read_rate.as_mut()) else { return };
        let Some(stamp) = header.options.timestamps.filter(|_| self.flags.contains(Flags::TIMESTAMPS)) else {
            return;
        };
        let age = timestamp.wrapping_sub(stamp.echo);
        if age < 1 << 31 {
            rate.sample(Duration::from_millis(age.into()));
        }
    }

    /// The round-trip time by the echoes of a peer that sends much; zero without a sample.
    pub(super) fn receive_rtt(&self) -> Duration {
        let rate = self.cold.extra.as_ref().and_then(|extra| extra.read_rate);
        rate.map_or(Duration::ZERO, |rate| Duration::from_micros(rate.rtt_us.into()))
    }

    /// The program has read.
    pub(super) fn tune_receive_buffer(&mut self, cx: &Context<'_>) {
        if self.cold.options.receive_buffer.is_some() {
            return;
        }
        let queued = self.receive_buffer.len() as u64;
        let read = self.rcv.position - queued;
        if read < BEGIN {
            return;
        }
        let first = ReadRate { since: cx.now, read, best: 0, rtt_us: 0 };
        let rate = self.cold.extra.get_or_insert_default().read_rate.get_or_insert(first);
        let rtt = match rate.rtt_us {
            0 => self.rtt.srtt().unwrap_or_default(),
            us => Duration::from_micros(us.into()),
        };
        let elapsed = cx.now - rate.since;
        if rtt.is_zero() || elapsed < rtt {
            return;
        }
        let taken = read - rate.read;
        if queued > taken / 4 && elapsed < 2 * rtt {
            // In the middle of reading what a batch has brought; what is left tells nothing yet.
            return;
        }
        // A round may have been longer than a round trip.
        let in_one = u128::from(taken) * rtt.as_nanos() / elapsed.as_nanos().max(1);
        let taken = u64::try_from(in_one).unwrap_or(u64::MAX).saturating_sub(queued);
        (rate.since, rate.read) = (cx.now, read);
        let segment = u64::from(self.rcv.rmss);
        let best = u64::from(rate.best.max(INITIAL_SEGMENTS * self.rcv.rmss)).max(1);
        if taken <= best || cx.memory.is_tight() {
            // What memory holds back now may grow later.
            return;
        }
        rate.best = u32::try_from(taken).unwrap_or(u32::MAX);
        let next_round = 2 * taken + SLACK_SEGMENTS * segment;
        let growth = u128::from(next_round) * u128::from(taken - best) / u128::from(best);
        let wanted = usize::try_from(u128::from(next_round) + 2 * growth).unwrap_or(usize::MAX);
        let wanted = wanted.min(cx.config.tcp.max_receive_buffer);
        if wanted > self.rcv.capacity as usize {
            self.rcv.resize(wanted);
        }
    }
}
