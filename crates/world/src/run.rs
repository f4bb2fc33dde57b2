//! Running a world.
//!
//! At each time everything runs that can, in this order: the future that the world runs for, tasks,
//! hosts that programs have used, arrivals and deadlines, timers of programs. Within each, first come is
//! first served. When nothing is left to run, the clock goes to the next time of anything.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use fathom_impair::Delivery;
use fathom_net::driver::Clock;
use fathom_record::RecordId;
use fathom_stack::{Batch, Frame, Transmit};
use fathom_wire::Instant;

use crate::agenda::Source;
use crate::link::End;
use crate::runtime::Alarm;
use crate::{Pace, RunError, Waiting, World};

/// How many frames leave a host's stack at a time.
const FRAMES_AT_ONCE: usize = 64;

/// The waker of the future that the world runs for.
struct Main {
    ready: AtomicBool,
    alarm: Arc<Alarm>,
}

impl Wake for Main {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ready.store(true, Ordering::Release);
        self.alarm.ring();
    }
}

/// How much of its limits a run has used up.
struct Progress {
    started: Instant,
    steps: u64,
    steps_at_once: u64,
    at: Instant,
}

impl World {
    /// Runs the world until `future` completes, and gives its output. Tasks that have not ended, and what
    /// is on the way, wait for the next run.
    ///
    /// # Errors
    /// When the future will never complete, or the world does not come to rest; see [`RunError`].
    pub fn block_on<F: Future>(&mut self, future: F) -> Result<F::Output, RunError> {
        let main = Arc::new(Main { ready: AtomicBool::new(true), alarm: Arc::clone(&self.shared.alarm) });
        let waker = Waker::from(Arc::clone(&main));
        let mut future = std::pin::pin!(future);
        let mut output = None;
        self.run(None, |_| {
            if !main.ready.swap(false, Ordering::AcqRel) {
                return Turn::Idle;
            }
            match future.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(value) => {
                    output = Some(value);
                    Turn::Finished
                }
                Poll::Pending => Turn::Ran,
            }
        })?;
        Ok(output.expect("without an end in time, a run ends when the future has given its output"))
    }

    /// Runs the world until its clock stands at `end`, all that happens then included.
    ///
    /// # Errors
    /// When the world does not come to rest; see [`RunError`]. That nothing is left to happen is none.
    pub fn run_until(&mut self, end: Instant) -> Result<(), RunError> {
        self.run(Some(end), |_| Turn::Idle)
    }

    /// Runs the world for some time; see [`World::run_until`].
    ///
    /// # Errors
    /// As [`World::run_until`].
    pub fn run_for(&mut self, time: Duration) -> Result<(), RunError> {
        self.run_until(self.now() + time)
    }

    fn run(
        &mut self,
        end: Option<Instant>,
        mut main: impl FnMut(&mut World) -> Turn,
    ) -> Result<(), RunError> {
        let mut progress = Progress { started: self.now(), steps: 0, steps_at_once: 0, at: self.now() };
        // Real time counts from where the world stands when the run begins.
        let clock = Clock::starting_at(self.now());
        loop {
            let turn = match main(self) {
                Turn::Idle => self.turn(),
                turn => turn,
            };
            match turn {
                Turn::Finished => return Ok(()),
                Turn::Ran => self.count(&mut progress)?,
                Turn::Idle => {
                    if self.pass_time(end, &clock, &progress)?.is_finished() {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Does one thing that can be done at this time.
    fn turn(&mut self) -> Turn {
        let now = self.now();
        if self.shared.tasks.run_one() {
            return Turn::Ran;
        }
        if let Some(host) = self.shared.next_attention() {
            self.attend(host);
            return Turn::Ran;
        }
        match self.agenda.pop(now) {
            Some(Source::Host(host)) => {
                self.nodes[host].host.handle_timeout();
                self.attend(host);
                return Turn::Ran;
            }
            Some(Source::Direction(direction)) => {
                self.arrive(direction);
                return Turn::Ran;
            }
            None => {}
        }
        if self.shared.timers.fire(now) > 0 { Turn::Ran } else { Turn::Idle }
    }

    /// Lets the clock go on to the next time of anything.
    fn pass_time(
        &mut self,
        end: Option<Instant>,
        clock: &Clock,
        progress: &Progress,
    ) -> Result<Turn, RunError> {
        let next = [self.agenda.next(), self.shared.timers.next(), end].into_iter().flatten().min();
        if end.is_some_and(|end| self.now() >= end) {
            return Ok(Turn::Finished);
        }
        let now = match (self.pace, next) {
            (Pace::Virtual, Some(next)) => next,
            (Pace::Virtual, None) => {
                return Err(RunError::Stalled { at: self.now(), waiting: self.waiting() });
            }
            (Pace::RealTime, next) => self.sleep(clock, next),
        };
        if now - progress.started > self.limits.time {
            let time = self.limits.time;
            return Err(RunError::TimeLimit { at: self.now(), time, waiting: self.waiting() });
        }
        self.shared.set_now(now.max(self.now()));
        Ok(Turn::Ran)
    }

    /// Sleeps until `until`, or until another thread does something, and gives the time that it is then.
    fn sleep(&self, clock: &Clock, until: Option<Instant>) -> Instant {
        let alarm = &self.shared.alarm;
        alarm.asleep.store(true, Ordering::SeqCst);
        // What came before the flag was up has not rung.
        if !self.shared.tasks.is_ready() && !self.shared.wants_attention() {
            clock.wait(&alarm.signal, until);
        }
        alarm.asleep.store(false, Ordering::SeqCst);
        alarm.signal.take();
        let now = clock.now();
        until.map_or(now, |until| now.min(until))
    }

    /// Moves what a host has to transmit onto its links, and notes its next deadline.
    fn attend(&mut self, host: usize) {
        self.nodes[host].runtime.attended();
        let mut frames = std::mem::take(&mut self.transmits);
        for number in 0..self.nodes[host].interfaces.len() {
            let (interface, direction) = self.nodes[host].interfaces[number];
            loop {
                let count = self.nodes[host].host.poll_transmit(interface, FRAMES_AT_ONCE, &mut frames);
                for frame in frames.drain(..) {
                    self.send(direction, &frame);
                }
                if count < FRAMES_AT_ONCE {
                    break;
                }
            }
        }
        self.transmits = frames;
        let deadline = self.nodes[host].host.poll_timeout();
        // A deadline in the past is due at once.
        self.agenda.set(Source::Host(host), deadline.map(|deadline| deadline.max(self.now())));
    }

    /// Puts a frame of a host on a link, and tells both ends what will become of it.
    fn send(&mut self, direction: usize, frame: &Transmit) {
        let now = self.now();
        let link = &mut self.directions[direction];
        let fates = link.impairment.push(now, frame.to_bytes(), frame.cause);
        self.agenda.set(Source::Direction(direction), link.impairment.next_delivery());
        let (from, to) = (link.from, link.to);
        if let End::Interface { host, interface } = from {
            self.nodes[host].host.record_fates(interface, fates, frame.cause);
        }
        // The frame's record belongs to the other end.
        if let End::Interface { host, interface } = to {
            self.nodes[host].host.record_fates(interface, fates, None);
        }
    }

    /// Takes the frames that have arrived at the end of a link to whoever is there.
    fn arrive(&mut self, direction: usize) {
        let now = self.now();
        let link = &mut self.directions[direction];
        let to = link.to;
        let arrived: Vec<Delivery<Option<RecordId>>> =
            std::iter::from_fn(|| link.impairment.pop(now)).collect();
        self.agenda.set(Source::Direction(direction), link.impairment.next_delivery());
        match to {
            End::Interface { host, interface } => {
                let frames = arrived.into_iter();
                let mut batch: Batch =
                    frames.map(|frame| Frame { cause: frame.tag, ..Frame::new(frame.frame) }).collect();
                self.nodes[host].host.handle_frames(interface, &mut batch);
                self.attend(host);
            }
            End::Port { switch, port } => {
                for frame in arrived {
                    self.switch(switch, port, frame);
                }
            }
        }
    }

    fn switch(&mut self, switch: usize, port: usize, frame: Delivery<Option<RecordId>>) {
        let now = self.now();
        for port in self.switches[switch].forward(now, port, &frame.frame) {
            let direction = self.switches[switch].ports[port];
            let link = &mut self.directions[direction];
            link.impairment.push(now, frame.frame.clone(), frame.tag);
            self.agenda.set(Source::Direction(direction), link.impairment.next_delivery());
        }
    }

    fn count(&self, progress: &mut Progress) -> Result<(), RunError> {
        let at = self.now();
        progress.steps += 1;
        if at != progress.at {
            progress.at = at;
            progress.steps_at_once = 0;
        }
        progress.steps_at_once += 1;
        if progress.steps_at_once > self.limits.steps_at_once {
            let steps = self.limits.steps_at_once;
            return Err(RunError::Storm { at, steps, waiting: self.waiting() });
        }
        if progress.steps > self.limits.steps {
            return Err(RunError::StepLimit { at, steps: self.limits.steps, waiting: self.waiting() });
        }
        Ok(())
    }

    fn waiting(&self) -> Waiting {
        let deadline = |(number, node): (usize, &crate::world::Node)| {
            let at = self.agenda.of(Source::Host(number))?;
            Some((node.host.name().to_owned(), at))
        };
        Waiting {
            tasks: self.shared.tasks.len(),
            timers: self.shared.timers.next().map(|first| (self.shared.timers.len(), first)),
            hosts: self.nodes.iter().enumerate().filter_map(deadline).collect(),
            frames: self.directions.iter().map(|direction| direction.impairment.in_flight()).sum(),
        }
    }
}

/// What came of an attempt to do something.
enum Turn {
    /// There was nothing to do.
    Idle,
    /// Something was done.
    Ran,
    /// The run is at its end.
    Finished,
}

impl Turn {
    fn is_finished(&self) -> bool {
        matches!(self, Turn::Finished)
    }
}
