//! One direction of a link.

use alloc::collections::{BTreeMap, VecDeque};
use core::time::Duration;

use bytes::Bytes;
use fathom_wire::Instant;

use crate::chance::Chances;
use crate::fate::{Counters, Fate, Fates};
use crate::frame::{Framing, flip_a_bit, mark_congestion};
use crate::line::Line;
use crate::{Conditions, GilbertElliott, Reorder};

/// When a frame arrives, and its place among those that arrive at the same time.
type Due = (Instant, u64);

/// One direction of a link: frames go in by [`push`](Self::push) and come out by [`pop`](Self::pop).
///
/// `T` is what the owner wants to know of a frame when it arrives, such as the record of its sending.
/// Time is an argument and never goes back. Each operation costs a fixed amount of work, held frames
/// (see [`Reorder`]) the logarithm of their number; memory is for what is in flight.
#[derive(Clone, Debug)]
pub struct Impairment<T> {
    conditions: Conditions,
    framing: Framing,
    chances: Chances,
    line: Line,
    /// The burst model is in its bad state.
    bad: bool,
    /// When the last frame was pushed.
    last_push: Instant,
    /// Frames on the way that keep their order. Their due times never go down.
    ordered: VecDeque<(Due, InFlight<T>)>,
    /// Due time of the last frame ever put into `ordered`.
    last_due: Instant,
    /// Frames that were held back, by due time.
    aside: BTreeMap<Due, InFlight<T>>,
    /// The frames of `aside` that wait to be passed, oldest first.
    holds: VecDeque<Hold>,
    /// Frames ever put into `ordered`.
    passed: u64,
    /// Gives frames due at the same time their order.
    arrivals: u64,
    /// Frames to be delivered, copies included.
    in_flight: usize,
    counters: Counters,
}

#[derive(Clone, Debug)]
struct InFlight<T> {
    frame: Bytes,
    tag: T,
    fates: Fates,
    /// Deliveries still to come: two at first for a duplicated frame.
    deliveries: u8,
}

/// Why a frame is in `aside`.
#[derive(Clone, Copy, Debug)]
struct Hold {
    /// The value of `passed` that releases it.
    release: u64,
    /// When it would arrive if it were not held.
    natural: Instant,
    /// Its key in `aside`: when it arrives if nothing passes it.
    due: Due,
}

/// A frame that has arrived.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delivery<T> {
    /// When it arrived, which can be before the time at which it was asked for.
    pub at: Instant,
    /// The frame, with whatever the link changed in it.
    pub frame: Bytes,
    /// What the owner gave with it.
    pub tag: T,
    /// What befell it: what [`Impairment::push`] said.
    pub fates: Fates,
    /// Whether this is the copy of a duplicated frame, which comes second.
    pub copy: bool,
}

impl<T: Clone> Impairment<T> {
    /// A link for Ethernet frames. The seed decides everything that is left to chance.
    pub fn new(conditions: Conditions, seed: u64) -> Self {
        Impairment {
            conditions,
            framing: Framing::Ethernet,
            chances: Chances::new(seed),
            line: Line::default(),
            bad: false,
            last_push: Instant::ZERO,
            ordered: VecDeque::new(),
            last_due: Instant::ZERO,
            aside: BTreeMap::new(),
            holds: VecDeque::new(),
            passed: 0,
            arrivals: 0,
            in_flight: 0,
            counters: Counters::default(),
        }
    }

    /// Sets what stands at the start of the frames.
    #[must_use]
    pub fn with_framing(mut self, framing: Framing) -> Self {
        self.framing = framing;
        self
    }

    /// The conditions.
    pub fn conditions(&self) -> &Conditions {
        &self.conditions
    }

    /// Changes the conditions for the frames to come. Those in flight keep their fate, and are not
    /// overtaken by later ones, however short the delay has become.
    pub fn set_conditions(&mut self, conditions: Conditions) {
        self.conditions = conditions;
    }

    /// Gives the link a frame and says what will become of it; a frame that is
    /// [dropped](Fates::dropped) is gone with its tag.
    pub fn push(&mut self, now: Instant, mut frame: Bytes, tag: T) -> Fates {
        if now - self.last_push > GilbertElliott::IDLE {
            self.bad = false;
        }
        self.last_push = now;
        let luck = self.draw();
        let mut fates = Fates::default();
        match self.enter(now, &mut frame, &mut fates) {
            Err(drop) => fates = drop.into(),
            // What the queue did to it is not seen by anybody when it is lost afterwards.
            Ok(_) if luck.lost => fates = Fate::Lost.into(),
            Ok(left) => {
                if luck.corrupted.is_some_and(|bit| flip_a_bit(self.framing, &mut frame, bit)) {
                    fates.add(Fate::Corrupted);
                }
                if luck.duplicated {
                    fates.add(Fate::Duplicated);
                }
                let due = left + luck.delay;
                match self.conditions.reorder {
                    Some(reorder) if luck.reordered => {
                        fates.add(Fate::Reordered);
                        self.hold(due, reorder, InFlight::new(frame, tag, fates));
                    }
                    _ => self.send_on(due, InFlight::new(frame, tag, fates)),
                }
            }
        }
        self.counters.count(fates);
        fates
    }

    /// Takes a frame that has arrived by `now`, the earliest first.
    pub fn pop(&mut self, now: Instant) -> Option<Delivery<T>> {
        let (at, place) = self.first().filter(|(at, _)| *at <= now)?;
        let due = (at, place);
        let ordered = self.ordered.front().is_some_and(|(first, _)| *first == due);
        let in_flight =
            if ordered { self.ordered.front_mut().map(|(_, it)| it) } else { self.aside.get_mut(&due) }?;
        in_flight.deliveries -= 1;
        let fates = in_flight.fates;
        let copy = in_flight.deliveries == 0 && fates.contains(Fate::Duplicated);
        let (frame, tag) = if in_flight.deliveries > 0 {
            (in_flight.frame.clone(), in_flight.tag.clone())
        } else {
            let gone = if ordered { self.ordered.pop_front()?.1 } else { self.aside.remove(&due)? };
            (gone.frame, gone.tag)
        };
        self.in_flight -= 1;
        self.counters.delivered += 1;
        Some(Delivery { at, frame, tag, fates, copy })
    }

    /// When the next frame arrives; `None` when none is on the way.
    ///
    /// A push can bring the time forward.
    pub fn next_delivery(&self) -> Option<Instant> {
        self.first().map(|(at, _)| at)
    }

    /// Frames inside the link that will be delivered, copies included.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Bytes that wait for the line at `now`, the frame on it not counted.
    pub fn waiting_bytes(&mut self, now: Instant) -> u64 {
        self.line.waiting_bytes(now)
    }

    /// What became of the frames so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// MTU, the limit on frames, queue and line: when the frame has left, or why it does not get in.
    fn enter(&mut self, now: Instant, frame: &mut Bytes, fates: &mut Fates) -> Result<Instant, Fate> {
        let Conditions { rate, queue, ecn_threshold, mtu, limit_frames, .. } = self.conditions;
        if mtu.is_some_and(|mtu| frame.len() - self.framing.header_len(frame) > mtu) {
            return Err(Fate::TooBig);
        }
        if self.in_flight.max(self.line.waiting_frames(now)) >= limit_frames {
            return Err(Fate::QueueFull);
        }
        let waiting = self.line.waiting_bytes(now);
        let left = self.line.send(now, frame.len() as u64, rate, queue).ok_or(Fate::QueueFull)?;
        if ecn_threshold.is_some_and(|threshold| waiting > threshold.0)
            && mark_congestion(self.framing, frame)
        {
            fates.add(Fate::Marked);
        }
        Ok(left)
    }

    /// Draws this frame's luck from every stream in use.
    fn draw(&mut self) -> Luck {
        let Conditions { delay, jitter, loss, burst, corrupt, duplicate, reorder, .. } = self.conditions;
        let chances = &mut self.chances;
        let in_burst = burst.is_some_and(|burst| {
            let GilbertElliott { enter, recover, loss_bad, loss_good } = burst;
            self.bad ^= chances.burst_state.happens(if self.bad { recover } else { enter });
            chances.burst_loss.happens(if self.bad { loss_bad } else { loss_good })
        });
        let alone = !loss.is_never() && chances.loss.happens(loss);
        let bit = if corrupt.is_never() { 0 } else { chances.corrupt_bit.any() };
        Luck {
            lost: in_burst || alone,
            corrupted: (!corrupt.is_never() && chances.corrupt.happens(corrupt)).then_some(bit),
            duplicated: !duplicate.is_never() && chances.duplicate.happens(duplicate),
            reordered: reorder.is_some_and(|reorder| chances.reorder.happens(reorder.probability)),
            delay: if jitter.is_zero() {
                delay
            } else {
                (delay + chances.jitter.twice(jitter)).saturating_sub(jitter)
            },
        }
    }

    /// Puts a frame behind the others, and lets go of the frames that it is the last to pass.
    fn send_on(&mut self, due: Instant, in_flight: InFlight<T>) {
        self.last_due = self.last_due.max(due);
        let due = (self.last_due, self.place());
        self.in_flight += usize::from(in_flight.deliveries);
        self.ordered.push_back((due, in_flight));
        self.passed += 1;
        while let Some(&hold) = self.holds.front()
            && hold.release <= self.passed
        {
            self.holds.pop_front();
            let directly_behind = (due.0.max(hold.natural), self.place());
            // It may have arrived already, because it was held as long as it may be.
            if directly_behind < hold.due
                && let Some(in_flight) = self.aside.remove(&hold.due)
            {
                self.aside.insert(directly_behind, in_flight);
            }
        }
    }

    /// Holds a frame back until later ones have passed it.
    fn hold(&mut self, due: Instant, reorder: Reorder, in_flight: InFlight<T>) {
        let natural = due.max(self.last_due);
        let due = (natural + reorder.hold, self.place());
        self.in_flight += usize::from(in_flight.deliveries);
        self.aside.insert(due, in_flight);
        // On a link where every frame is held, nothing passes and nothing else would clear these.
        while let Some(oldest) = self.holds.front()
            && !self.aside.contains_key(&oldest.due)
        {
            self.holds.pop_front();
        }
        let release = self.passed + u64::from(reorder.frames.max(1));
        self.holds.push_back(Hold { release, natural, due });
    }

    fn place(&mut self) -> u64 {
        self.arrivals += 1;
        self.arrivals
    }

    fn first(&self) -> Option<Due> {
        let ordered = self.ordered.front().map(|(due, _)| *due);
        let aside = self.aside.first_key_value().map(|(due, _)| *due);
        match (ordered, aside) {
            (Some(ordered), Some(aside)) => Some(ordered.min(aside)),
            (ordered, aside) => ordered.or(aside),
        }
    }
}

impl<T> InFlight<T> {
    fn new(frame: Bytes, tag: T, fates: Fates) -> Self {
        let deliveries = if fates.contains(Fate::Duplicated) { 2 } else { 1 };
        InFlight { frame, tag, fates, deliveries }
    }
}

/// What chance has in store for a frame.
struct Luck {
    lost: bool,
    /// If a bit is to be flipped: a random number that chooses it.
    corrupted: Option<u64>,
    duplicated: bool,
    reordered: bool,
    delay: Duration,
}

#[cfg(test)]
mod tests;
