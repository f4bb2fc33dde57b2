//! The line and the queue in front of it.

use alloc::collections::VecDeque;
use core::time::Duration;

use fathom_wire::Instant;

use crate::{BitsPerSecond, ByteCount};

const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// Sends frames one after the other at a rate.
///
/// Since frames leave in the order they came, each one's time is known when it comes; nothing is to be
/// done while they wait. The queue only remembers when each leaves it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line {
    /// When the last accepted frame has left, rounded down.
    free_at: Instant,
    /// What rounding took from `free_at`, in parts of a nanosecond: `remainder / rate`.
    remainder: u128,
    /// When each waiting frame gets onto the line, and its bytes; in order of time.
    waiting: VecDeque<(Instant, u64)>,
    /// The sum of the bytes in `waiting`.
    waiting_bytes: u64,
}

impl Line {
    /// Bytes that wait for the line at `now`.
    pub(crate) fn waiting_bytes(&mut self, now: Instant) -> u64 {
        while let Some(&(starts, bytes)) = self.waiting.front()
            && starts <= now
        {
            self.waiting.pop_front();
            self.waiting_bytes -= bytes;
        }
        self.waiting_bytes
    }

    /// Frames that wait for the line at `now`.
    pub(crate) fn waiting_frames(&mut self, now: Instant) -> usize {
        self.waiting_bytes(now);
        self.waiting.len()
    }

    /// Takes a frame and gives the time at which its last bit has left; `None` if it finds the queue full.
    ///
    /// For 1500 bytes at 10 Mbit/s: 12 000 bit / 10 bit per µs = 1.2 ms.
    pub(crate) fn send(
        &mut self,
        now: Instant,
        bytes: u64,
        rate: Option<BitsPerSecond>,
        queue: Option<ByteCount>,
    ) -> Option<Instant> {
        let waiting = self.waiting_bytes(now);
        // Frames keep their order even when the limit on the rate has just been taken away.
        let Some(rate) = rate else { return Some(now.max(self.free_at)) };
        if self.free_at <= now {
            self.free_at = now;
            self.remainder = 0;
        } else {
            if queue.is_some_and(|queue| waiting.saturating_add(bytes) > queue.0) {
                return None;
            }
            self.waiting.push_back((self.free_at, bytes));
            self.waiting_bytes += bytes;
        }
        let rate = u128::from(rate.get());
        let busy = u128::from(bytes) * 8 * NANOS_PER_SECOND + self.remainder % rate;
        self.remainder = busy % rate;
        self.free_at += Duration::from_nanos(u64::try_from(busy / rate).unwrap_or(u64::MAX));
        Some(self.free_at)
    }
}

#[cfg(test)]
mod tests;
