//! Calls that block: made again whenever something has happened, until they return.

use std::time::Duration;

use super::perform::{Attempt, Returned};
use super::report::{Failure, LineKind};
use super::{Run, Step};
use crate::call::Request;
use crate::parse::Seconds;
use crate::script::{Call, Event};

/// A call that has not returned.
pub(super) struct Pending<'s> {
    pub(super) event: &'s Event,
    call: &'s Call,
    request: Request,
    /// What it has done so far: bytes.
    done: u64,
    /// When it gives up by itself.
    pub(super) wakes: Option<Duration>,
    /// When it must return, and when at the latest.
    end: Duration,
    pub(super) latest: Duration,
}

impl<'s> Run<'s> {
    /// Makes a call, and sees what it returns.
    pub(super) fn call(&mut self, event: &'s Event, call: &'s Call) -> Step {
        let request = self.request(event, call)?;
        if let Some(pending) = &self.pending {
            let what = format!("this call is made while the one of line {} blocks", pending.event.place.line);
            return Err(Box::new(Failure::new(event, self.now(), what)));
        }
        let begin = self.now();
        let attempt = self.attempt(&request, 0, true)?;
        match (attempt, call.end) {
            (Attempt::Done(returned), None) => self.returned(event, call, &request, &returned)?,
            (attempt, _) => self.begin_blocking(event, call, request, attempt, begin)?,
        }
        self.collect();
        Ok(())
    }

    fn begin_blocking(
        &mut self,
        event: &'s Event,
        call: &'s Call,
        request: Request,
        attempt: Attempt,
        begin: Duration,
    ) -> Step {
        let Some(end) = call.end else {
            let failure = Failure::new(event, begin, format!("{} blocks", call.name))
                .with("that it returns at once".into(), "it would wait: the socket is not O_NONBLOCK".into());
            return Err(Box::new(failure));
        };
        // Both times of a relative event are relative to the same moment, an absolute one's to zero.
        let end = match event.time {
            crate::script::Time::Relative(after) => begin - after.min(begin) + end,
            _ => end,
        };
        let latest = end + self.tolerance_after(end.saturating_sub(begin));
        let mut pending = Pending { event, call, request, done: 0, wakes: None, end, latest };
        match attempt {
            Attempt::Done(returned) => self.complete(&pending, &returned),
            Attempt::Blocks { done, gives_up } => {
                pending.done = done;
                pending.wakes = gives_up.map(|after| begin + after);
                self.tell(LineKind::Call, format!("{} blocks", event.text));
                self.pending = Some(pending);
                Ok(())
            }
        }
    }

    /// Tries the call that blocks again.
    pub(super) fn retry(&mut self) -> Step {
        let Some(mut pending) = self.pending.take() else { return Ok(()) };
        let now = self.now();
        if now > pending.latest {
            return Err(Box::new(self.still_blocks(&pending)));
        }
        let gives_up = pending.wakes.is_some_and(|wakes| wakes <= now);
        match self.attempt(&pending.request, pending.done, !gives_up)? {
            Attempt::Done(returned) => self.complete(&pending, &returned)?,
            Attempt::Blocks { done, .. } => {
                pending.done = done;
                self.pending = Some(pending);
            }
        }
        self.collect();
        Ok(())
    }

    fn complete(&mut self, pending: &Pending<'s>, returned: &Returned) -> Step {
        let now = self.now();
        self.returned(pending.event, pending.call, &pending.request, returned)?;
        let tolerance = pending.latest - pending.end;
        if now + tolerance >= pending.end && now <= pending.latest {
            return Ok(());
        }
        let how = if now < pending.end { "early" } else { "late" };
        let failure = Failure::new(pending.event, now, format!("{} returns too {how}", pending.call.name))
            .with(format!("at {}", Seconds(pending.end)), format!("it returned at {}", Seconds(now)));
        Err(Box::new(failure))
    }

    /// That a call should have returned.
    pub(super) fn still_blocks(&self, pending: &Pending<'_>) -> Failure {
        Failure::new(pending.event, self.now(), format!("{} still blocks", pending.call.name)).with(
            format!("that it returns at {}", Seconds(pending.end)),
            format!("nothing up to {}", Seconds(self.now())),
        )
    }
}
