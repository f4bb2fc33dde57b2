//! Storage for sockets and other numbered things: slots in pages, reached by a generational [`Key`].
//!
//! Growth adds a page and moves nothing, so a million connections cause no pause. A key that outlives
//! its slot is recognised, since each slot counts its tenants: a stale handle never reaches another
//! connection.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

/// Slots per page.
const PAGE: usize = 64;

/// End of the free list.
const NONE: u32 = u32::MAX;

/// Names a slot and its tenant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    /// The slot.
    pub(crate) index: u32,
    /// Tenants that the slot had before this one.
    pub(crate) generation: u32,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.index, self.generation)
    }
}

enum Slot<T> {
    /// Free, and the next free slot.
    Vacant(u32),
    Occupied(T),
}

struct Entry<T> {
    /// Tenants that have left this slot.
    generation: u32,
    slot: Slot<T>,
}

/// Slots in pages. All operations take constant time; pages are kept for reuse until the slab goes.
pub(crate) struct Slab<T> {
    pages: Vec<Box<[Entry<T>]>>,
    free: u32,
    len: usize,
}

impl<T> fmt::Debug for Slab<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slab").field("len", &self.len).finish_non_exhaustive()
    }
}

impl<T> Slab<T> {
    /// An empty slab, without memory.
    pub(crate) const fn new() -> Self {
        Slab { pages: Vec::new(), free: NONE, len: 0 }
    }

    /// How many slots are occupied.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Bytes of the slab's pages.
    #[cfg(test)]
    pub(crate) fn memory(&self) -> usize {
        self.pages.len() * PAGE * size_of::<Entry<T>>()
    }

    /// Puts a value into a free slot.
    pub(crate) fn insert(&mut self, value: T) -> Key {
        self.insert_with(|_| value)
    }

    /// Puts a value that knows its own key into a free slot.
    pub(crate) fn insert_with(&mut self, value: impl FnOnce(Key) -> T) -> Key {
        if self.free == NONE {
            self.add_page();
        }
        let index = self.free;
        let entry = &mut self.pages[index as usize / PAGE][index as usize % PAGE];
        let Slot::Vacant(next) = entry.slot else { unreachable!("the free list names vacant slots only") };
        let key = Key { index, generation: entry.generation };
        entry.slot = Slot::Occupied(value(key));
        self.free = next;
        self.len += 1;
        key
    }

    /// Takes the value out of its slot; `None` for a stale key.
    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        let free = self.free;
        let entry = self.entry_mut(key)?;
        if !matches!(entry.slot, Slot::Occupied(_)) {
            return None;
        }
        entry.generation = entry.generation.wrapping_add(1);
        let Slot::Occupied(value) = core::mem::replace(&mut entry.slot, Slot::Vacant(free)) else {
            return None;
        };
        self.free = key.index;
        self.len -= 1;
        Some(value)
    }

    /// The value of a key; `None` for a stale key.
    pub(crate) fn get(&self, key: Key) -> Option<&T> {
        let entry = self.pages.get(key.index as usize / PAGE)?.get(key.index as usize % PAGE)?;
        match &entry.slot {
            Slot::Occupied(value) if entry.generation == key.generation => Some(value),
            _ => None,
        }
    }

    /// The value of a key, to change it; `None` for a stale key.
    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        match &mut self.entry_mut(key)?.slot {
            Slot::Occupied(value) => Some(value),
            Slot::Vacant(_) => None,
        }
    }

    /// All values in the order of their slots. Costs a walk: not for the data path.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        self.pages.iter().flat_map(|page| page.iter()).zip(0..).filter_map(|(entry, index)| {
            match &entry.slot {
                Slot::Occupied(value) => Some((Key { index, generation: entry.generation }, value)),
                Slot::Vacant(_) => None,
            }
        })
    }

    /// The values in up to `count` slots from `first` on. Costs a look at each slot.
    pub(crate) fn part(&self, first: u32, count: usize) -> impl Iterator<Item = (Key, &T)> {
        let end = (first as usize).saturating_add(count).min(self.slots()) as u32;
        (first..end).filter_map(|index| {
            let entry = &self.pages[index as usize / PAGE][index as usize % PAGE];
            match &entry.slot {
                Slot::Occupied(value) => Some((Key { index, generation: entry.generation }, value)),
                Slot::Vacant(_) => None,
            }
        })
    }

    /// Where a walk goes on after [`part`](Slab::part); `None` at the end.
    pub(crate) fn after(&self, first: u32, count: usize) -> Option<u32> {
        let next = (first as usize).saturating_add(count);
        (next < self.slots()).then_some(next as u32)
    }

    /// How many slots there are, occupied or not.
    pub(crate) fn slots(&self) -> usize {
        self.pages.len() * PAGE
    }

    fn entry_mut(&mut self, key: Key) -> Option<&mut Entry<T>> {
        let entry = self.pages.get_mut(key.index as usize / PAGE)?.get_mut(key.index as usize % PAGE)?;
        (entry.generation == key.generation).then_some(entry)
    }

    #[cold]
    fn add_page(&mut self) {
        let first = (self.pages.len() * PAGE) as u32;
        let vacant = |i| Entry {
            generation: 0,
            slot: Slot::Vacant(if i + 1 < PAGE as u32 { first + i + 1 } else { NONE }),
        };
        self.pages.push((0..PAGE as u32).map(vacant).collect());
        self.free = first;
    }
}

#[cfg(test)]
mod tests;
