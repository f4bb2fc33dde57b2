//! What happens next.

use std::collections::{BTreeMap, HashMap};

use fathom_wire::Instant;

/// Something that has one next time at which it wants attention.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Source {
    /// The stack of a host has a deadline.
    Host(usize),
    /// A frame arrives at the end of a direction of a link.
    Direction(usize),
}

/// The next time of each source, in order of time; sources that are due together come in the order in
/// which they were put down. Each operation costs O(log n).
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    entries: BTreeMap<Entry, Source>,
    /// The one entry of each source that has one.
    current: HashMap<Source, Entry>,
    put_down: u64,
}

type Entry = (Instant, u64);

impl Agenda {
    /// Puts down, moves or strikes out the time of `source`.
    pub(crate) fn set(&mut self, source: Source, at: Option<Instant>) {
        let current = self.current.get(&source).copied();
        if current.map(|(at, _)| at) == at {
            return;
        }
        if let Some(entry) = current {
            self.entries.remove(&entry);
            self.current.remove(&source);
        }
        if let Some(at) = at {
            self.put_down += 1;
            let entry = (at, self.put_down);
            self.entries.insert(entry, source);
            self.current.insert(source, entry);
        }
    }

    /// The time of the first entry.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.entries.first_key_value().map(|(&(at, _), _)| at)
    }

    /// Takes the first entry that is due.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<Source> {
        let first = self.entries.first_entry()?;
        if first.key().0 > now {
            return None;
        }
        let source = first.remove();
        self.current.remove(&source);
        Some(source)
    }

    /// When `source` is next.
    pub(crate) fn of(&self, source: Source) -> Option<Instant> {
        self.current.get(&source).map(|&(at, _)| at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_come_by_time_and_then_in_the_order_of_writing() {
        let ms = Instant::from_millis;
        let mut agenda = Agenda::default();
        agenda.set(Source::Host(2), Some(ms(5)));
        agenda.set(Source::Host(1), Some(ms(5)));
        agenda.set(Source::Direction(0), Some(ms(9)));
        agenda.set(Source::Host(3), Some(ms(1)));
        // Said again, it keeps its place; moved away and back, it goes to the end.
        agenda.set(Source::Host(2), Some(ms(5)));
        agenda.set(Source::Host(3), None);
        agenda.set(Source::Direction(0), Some(ms(5)));

        assert_eq!(agenda.next(), Some(ms(5)));
        assert_eq!(agenda.pop(ms(4)), None);
        let order: Vec<Source> = std::iter::from_fn(|| agenda.pop(ms(5))).collect();
        assert_eq!(order, [Source::Host(2), Source::Host(1), Source::Direction(0)]);
        assert_eq!(agenda.next(), None);
    }
}
