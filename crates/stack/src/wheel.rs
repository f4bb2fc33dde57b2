//! The timers of the stack: a hierarchical timing wheel.
//!
//! Six levels of 64 slots; a tick is 2^14 ns (16.384 µs), so the wheel spans 2^50 ns (13 days), and what
//! lies further off waits in a list of its own. Setting and cancelling a timer takes constant time, the
//! next deadline is found by one bitmap per level, and a timer is moved at most six times on its way down.
//!
//! A deadline is rounded up to a tick: a timer never fires early, and at most one tick late.
//!
//! A timer stands on the lowest level on which its slot differs from the wheel's own: the slots of one
//! level cover exactly the slot after which the level above continues. So all timers of a level are
//! earlier than all timers of the levels above.

use alloc::vec::Vec;
use core::fmt;
use core::num::NonZeroU32;

use fathom_wire::Instant;

/// log2 of the nanoseconds of a tick.
const TICK_SHIFT: u32 = 14;
/// log2 of the slots of a level.
const SLOT_BITS: u32 = 6;
const SLOTS: usize = 1 << SLOT_BITS;
const LEVELS: usize = 6;
/// The list of what is due.
const DUE: usize = LEVELS * SLOTS;
/// The list of what lies beyond the top level.
const FAR: usize = DUE + 1;
const NONE: u32 = u32::MAX;

/// Names a timer that is set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TimerId {
    index: u32,
    /// Not zero, so that an `Option` of it takes no more room.
    generation: NonZeroU32,
}

struct Node<K> {
    /// The deadline in ticks, rounded up.
    tick: u64,
    previous: u32,
    next: u32,
    generation: NonZeroU32,
    /// The list that it is on; its position among [`TimerWheel::lists`].
    list: u16,
    /// `None` while the node is free.
    key: Option<K>,
}

#[derive(Clone, Copy)]
struct List {
    head: u32,
    tail: u32,
    /// No timer of this list is earlier. Exact until the earliest is cancelled.
    earliest: u64,
}

const EMPTY: List = List { head: NONE, tail: NONE, earliest: u64::MAX };

/// A hierarchical timing wheel. `K` says whose timer it is.
pub(crate) struct TimerWheel<K> {
    /// The tick up to which timers were handed out.
    now: u64,
    lists: [List; LEVELS * SLOTS + 2],
    /// A bit for each slot of a level that is not empty.
    occupied: [u64; LEVELS],
    nodes: Vec<Node<K>>,
    free: u32,
    len: usize,
}

impl<K> fmt::Debug for TimerWheel<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimerWheel").field("len", &self.len).finish_non_exhaustive()
    }
}

impl<K> TimerWheel<K> {
    /// An empty wheel at the clock's epoch.
    pub(crate) const fn new() -> Self {
        TimerWheel {
            now: 0,
            lists: [EMPTY; LEVELS * SLOTS + 2],
            occupied: [0; LEVELS],
            nodes: Vec::new(),
            free: NONE,
            len: 0,
        }
    }

    /// How many timers are set.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Bytes of the timers' nodes.
    #[cfg(test)]
    pub(crate) fn memory(&self) -> usize {
        self.nodes.capacity() * size_of::<Node<K>>()
    }

    /// The key of a timer that is set, and the tick at which it fires as a time.
    pub(crate) fn get(&self, id: TimerId) -> Option<(&K, Instant)> {
        let node = self.nodes.get(id.index as usize).filter(|node| node.generation == id.generation)?;
        node.key.as_ref().map(|key| (key, instant(node.tick)))
    }

    /// The keys of all timers, found by going through all lists; and what is wrong with the lists, if anything
    /// is. Costs a walk over everything.
    pub(crate) fn recount(&self) -> (Vec<&K>, Vec<&'static str>) {
        let (mut keys, mut wrong) = (Vec::new(), Vec::new());
        for (number, list) in self.lists.iter().enumerate() {
            let (mut index, mut previous) = (list.head, NONE);
            // A list that goes round in a circle is cut where it has more nodes than there are.
            while index != NONE && keys.len() <= self.nodes.len() {
                let node = &self.nodes[index as usize];
                keys.extend(&node.key);
                if usize::from(node.list) != number || node.previous != previous || node.key.is_none() {
                    wrong.push("a timer does not know where it stands");
                }
                // What is due was dealt out while the wheel stood earlier.
                if number != DUE && self.place(node.tick) != number {
                    wrong.push("a timer is on the wrong list");
                }
                if node.tick < list.earliest {
                    wrong.push("a timer is earlier than its list says");
                }
                (previous, index) = (index, node.next);
            }
            if list.tail != previous {
                wrong.push("a list does not end where it says");
            }
            let occupied = number < DUE && self.occupied[number / SLOTS] & 1 << (number % SLOTS) != 0;
            if number < DUE && occupied != (list.head != NONE) {
                wrong.push("a slot's bit is not what the slot is");
            }
        }
        (keys, wrong)
    }

    /// Sets a timer. A deadline that has passed fires at the next [`TimerWheel::pop_expired`].
    pub(crate) fn insert(&mut self, deadline: Instant, key: K) -> TimerId {
        let tick = tick_at_or_after(deadline);
        let index = self.take_node(tick, key);
        self.link(index);
        self.len += 1;
        TimerId { index, generation: self.nodes[index as usize].generation }
    }

    /// Cancels a timer and gives its key; `None` when it has fired or was cancelled.
    pub(crate) fn cancel(&mut self, id: TimerId) -> Option<K> {
        let node = self.nodes.get(id.index as usize)?;
        if node.generation != id.generation || node.key.is_none() {
            return None;
        }
        self.unlink(id.index);
        self.release(id.index)
    }

    /// A time before which no timer fires, `None` when none is set. It is the deadline of the earliest
    /// timer (rounded up to a tick), or earlier where that timer was cancelled.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        if self.lists[DUE].head != NONE {
            return Some(instant(self.now));
        }
        let tick = match self.first_occupied() {
            Some((level, slot)) => self.lists[level * SLOTS + slot].earliest,
            None if self.lists[FAR].head != NONE => self.lists[FAR].earliest,
            None => return None,
        };
        Some(instant(tick))
    }

    /// Takes a timer whose deadline has passed, in the order of the ticks and, within a tick, of no
    /// promise but that equal histories give equal orders.
    pub(crate) fn pop_expired(&mut self, now: Instant) -> Option<K> {
        let now = now.as_nanos() >> TICK_SHIFT;
        loop {
            let head = self.lists[DUE].head;
            if head != NONE {
                self.unlink(head);
                return self.release(head);
            }
            if !self.turn(now) {
                return None;
            }
        }
    }

    /// Turns the wheel to the next slot that begins by `now` and deals its timers out to lower levels
    /// (or to the due ones); false, with the wheel at `now`, when there is none.
    fn turn(&mut self, now: u64) -> bool {
        let (list, start) = match self.first_occupied() {
            Some((level, slot)) => (level * SLOTS + slot, self.slot_start(level, slot)),
            None => (FAR, ((self.now >> (SLOT_BITS * LEVELS as u32)) + 1) << (SLOT_BITS * LEVELS as u32)),
        };
        if start > now || self.lists[list].head == NONE {
            // No slot with a timer in it begins up to there, so every timer keeps its place.
            self.now = self.now.max(now);
            return false;
        }
        self.now = start;
        let mut index = core::mem::replace(&mut self.lists[list], EMPTY).head;
        if list < DUE {
            self.occupied[list / SLOTS] &= !(1 << (list % SLOTS));
        }
        while index != NONE {
            let next = self.nodes[index as usize].next;
            self.link(index);
            index = next;
        }
        true
    }

    /// The earliest slot that holds a timer.
    fn first_occupied(&self) -> Option<(usize, usize)> {
        // On each level only slots after the wheel's own hold timers: no bit stands before it.
        let level = self.occupied.iter().position(|bits| *bits != 0)?;
        Some((level, self.occupied[level].trailing_zeros() as usize))
    }

    /// The first tick of a slot.
    fn slot_start(&self, level: usize, slot: usize) -> u64 {
        let shift = SLOT_BITS * level as u32;
        let above = shift + SLOT_BITS;
        (self.now >> above << above) | (slot as u64) << shift
    }

    /// Where a timer belongs while the wheel stands at `now`.
    fn place(&self, tick: u64) -> usize {
        if tick <= self.now {
            return DUE;
        }
        // The highest bit in which the two differ tells the level.
        let level = ((tick ^ self.now).ilog2() / SLOT_BITS) as usize;
        if level >= LEVELS {
            return FAR;
        }
        level * SLOTS + (tick >> (SLOT_BITS * level as u32)) as usize % SLOTS
    }

    fn link(&mut self, index: u32) {
        let list = self.place(self.nodes[index as usize].tick);
        let tail = core::mem::replace(&mut self.lists[list].tail, index);
        let node = &mut self.nodes[index as usize];
        (node.list, node.previous, node.next) = (list as u16, tail, NONE);
        let tick = node.tick;
        match tail {
            NONE => self.lists[list].head = index,
            tail => self.nodes[tail as usize].next = index,
        }
        self.lists[list].earliest = self.lists[list].earliest.min(tick);
        if list < DUE {
            self.occupied[list / SLOTS] |= 1 << (list % SLOTS);
        }
    }

    fn unlink(&mut self, index: u32) {
        let Node { previous, next, list, .. } = self.nodes[index as usize];
        let list = list as usize;
        match previous {
            NONE => self.lists[list].head = next,
            previous => self.nodes[previous as usize].next = next,
        }
        match next {
            NONE => self.lists[list].tail = previous,
            next => self.nodes[next as usize].previous = previous,
        }
        if self.lists[list].head == NONE {
            self.lists[list].earliest = u64::MAX;
            if list < DUE {
                self.occupied[list / SLOTS] &= !(1 << (list % SLOTS));
            }
        }
    }

    fn take_node(&mut self, tick: u64, key: K) -> u32 {
        let index = self.free;
        if index == NONE {
            let index = self.nodes.len() as u32;
            self.nodes.push(Node {
                tick,
                previous: NONE,
                next: NONE,
                generation: NonZeroU32::MIN,
                list: 0,
                key: Some(key),
            });
            return index;
        }
        let node = &mut self.nodes[index as usize];
        self.free = node.next;
        (node.tick, node.key) = (tick, Some(key));
        index
    }

    fn release(&mut self, index: u32) -> Option<K> {
        let node = &mut self.nodes[index as usize];
        node.generation = node.generation.checked_add(1).unwrap_or(NonZeroU32::MIN);
        node.next = self.free;
        self.free = index;
        self.len -= 1;
        node.key.take()
    }
}

/// The first tick that is not before `deadline`.
fn tick_at_or_after(deadline: Instant) -> u64 {
    let nanos = deadline.as_nanos();
    (nanos >> TICK_SHIFT) + u64::from(nanos & ((1 << TICK_SHIFT) - 1) != 0)
}

/// The beginning of a tick. The last tick that begins within the clock's range is short of
/// [`Instant::MAX`] by less than a tick, and a deadline of `Instant::MAX` is rounded beyond it.
fn instant(tick: u64) -> Instant {
    match tick.checked_mul(1 << TICK_SHIFT) {
        Some(nanos) => Instant::from_nanos(nanos),
        None => Instant::MAX,
    }
}

#[cfg(test)]
mod tests;
