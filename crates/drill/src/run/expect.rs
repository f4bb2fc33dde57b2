//! Packets that must leave.

use std::time::Duration;

use super::report::Failure;
use super::{LOOK_AHEAD, Run, Step};
use crate::parse::Seconds;
use crate::script::{Event, Packet, Time};
use crate::wire::{Context, Difference, Seen, compare, show_packet, show_seen};

impl<'s> Run<'s> {
    /// The next packet that leaves must be this one, at its time.
    pub(super) fn expect(&mut self, event: &'s Event, packet: &Packet) -> Step {
        let (from, to) = self.due(event.time);
        let tolerance = self.tolerance(event.time);
        let latest = if to == Duration::MAX { self.now() + LOOK_AHEAD } else { to + tolerance };
        let mut seen = self.next_packet(latest)?;
        if seen.is_none() {
            // It is missing. What comes next tells whether it is only late.
            seen = self.next_packet(self.now() + LOOK_AHEAD)?;
        }
        let settings = &self.script.settings;
        let expected = || {
            let shown = show_packet(packet, settings.ip_version.is_v6_on_wire());
            format!("{shown} {}", when(event.time, from, to))
        };
        let Some(seen) = seen else {
            let came = format!("nothing up to {}", Seconds(latest));
            let failure = Failure::new(event, self.now(), "this packet is missing").with(expected(), came);
            return Err(Box::new(failure));
        };
        let stamps = settings.timestamp_tick.map(|tick| (tick, self.tolerance.0));
        let context =
            Context { connected: self.connected, connects: self.connects, made_up: self.made_up, stamps };
        let result = compare(packet, &seen, &mut self.flows, &context);
        let came = format!("{} at {}", show_seen(&seen, &self.flows, &packet.ip), Seconds(seen.at));
        let is_late = to != Duration::MAX && seen.at > to + tolerance;
        match result {
            Err(_) if is_late => {
                let failure = Failure::new(event, seen.at, "this packet is missing").with(expected(), came);
                Err(Box::new(failure))
            }
            Err(Difference { what, expected: wanted, came: instead }) => {
                let what = format!("{what}: expected {wanted}, came {instead}");
                Err(Box::new(Failure::new(event, seen.at, what).with(expected(), came)))
            }
            Ok(()) if is_late => Err(Box::new(self.off(event, &seen, "late", to, expected(), came))),
            Ok(()) if seen.at + tolerance < from => {
                Err(Box::new(self.off(event, &seen, "early", from, expected(), came)))
            }
            Ok(()) => {
                self.last = seen.at;
                Ok(())
            }
        }
    }

    fn off(
        &self,
        event: &Event,
        seen: &Seen,
        how: &str,
        due: Duration,
        expected: String,
        came: String,
    ) -> Failure {
        let by = seen.at.abs_diff(due);
        let tolerance = self.tolerance(event.time);
        let what = format!("this packet is too {how}, by {} (tolerance {})", Seconds(by), Seconds(tolerance));
        Failure::new(event, seen.at, what).with(expected, came)
    }

    /// The next packet that leaves up to `latest`.
    fn next_packet(&mut self, latest: Duration) -> Step<Option<Seen>> {
        loop {
            if let Some(seen) = self.out.pop_front() {
                return Ok(Some(seen));
            }
            if !self.step(latest)? {
                return Ok(self.out.pop_front());
            }
        }
    }
}

/// When a packet was to leave.
fn when(time: Time, from: Duration, to: Duration) -> String {
    match time {
        Time::Any => "at any time".into(),
        Time::Absolute(_) | Time::Relative(_) => format!("at {}", Seconds(from)),
        Time::AbsoluteRange(..) | Time::RelativeRange(..) => {
            format!("from {} to {}", Seconds(from), Seconds(to))
        }
    }
}
