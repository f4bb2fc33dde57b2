//! For how long what kept the sender from sending more, as Linux's `tcp_info` tells it.

use core::time::Duration;

use fathom_record::Limit;
use fathom_wire::Instant;

use super::connection::{Connection, Flags};
use crate::context::Context;

/// Times are counted in units of 64 microseconds, which go round after three days. Both ends of an interval are
/// rounded the same way, so that short ones add up to what they are together.
const UNIT: u64 = 64;

/// What the sender is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Doing {
    /// Nothing is in flight, and nothing waits.
    #[default]
    Nothing,
    /// Something is in flight, or waits for the congestion window.
    Sending,
    /// The peer's receive window is used up.
    WindowLimited,
    /// Everything is sent, and the program would write more if there were room.
    BufferLimited,
}

/// How long the sender did what.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LimitTimes {
    since: u32,
    sending: u32,
    window_limited: u32,
    buffer_limited: u32,
    doing: Doing,
}

/// How long a sender had something to do, and how much of that it was held back by buffers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Times {
    pub(super) busy: Duration,
    pub(super) window_limited: Duration,
    pub(super) buffer_limited: Duration,
}

fn units(now: Instant) -> u32 {
    (now.as_micros() / UNIT) as u32
}

impl LimitTimes {
    /// The sender does `doing` from here on.
    fn change(&mut self, now: Instant, doing: Doing) {
        if doing == self.doing {
            return;
        }
        *self = LimitTimes { doing, since: units(now), ..self.at(now) };
    }

    /// With the time since the last change counted.
    fn at(mut self, now: Instant) -> Self {
        let passed = units(now).wrapping_sub(self.since);
        let counter = match self.doing {
            Doing::Nothing => return self,
            Doing::Sending => &mut self.sending,
            Doing::WindowLimited => &mut self.window_limited,
            Doing::BufferLimited => &mut self.buffer_limited,
        };
        *counter = counter.saturating_add(passed);
        self
    }

    pub(super) fn times(self, now: Instant) -> Times {
        let LimitTimes { sending, window_limited, buffer_limited, .. } = self.at(now);
        let time = |units: u64| Duration::from_micros(units * UNIT);
        let [sending, window_limited, buffer_limited] =
            [sending, window_limited, buffer_limited].map(u64::from);
        Times {
            busy: time(sending + window_limited + buffer_limited),
            window_limited: time(window_limited),
            buffer_limited: time(buffer_limited),
        }
    }
}

impl Connection {
    /// Data was written or sent, or everything is acknowledged.
    pub(super) fn note_sending(&mut self, cx: &Context<'_>) {
        let done = self.snd.una == self.snd.nxt && self.send_buffer.is_empty();
        self.cold.limit_times.change(cx.now, if done { Doing::Nothing } else { Doing::Sending });
    }

    /// Nothing more goes out, because of `limit`.
    pub(super) fn note_limit(&mut self, cx: &Context<'_>, limit: Limit) {
        let in_flight = self.snd.una != self.snd.nxt;
        let doing = match limit {
            Limit::ReceiveWindow => Doing::WindowLimited,
            Limit::Application if in_flight && self.flags.contains(Flags::WRITER_WAITS) => {
                Doing::BufferLimited
            }
            _ if in_flight || !self.send_buffer.is_empty() => Doing::Sending,
            _ => Doing::Nothing,
        };
        self.cold.limit_times.change(cx.now, doing);
    }
}
