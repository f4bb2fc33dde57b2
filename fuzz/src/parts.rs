//! Parts of the engine beside models that are too simple to be wrong.

use std::collections::VecDeque;
use std::ops::Range;

use bytes::Bytes;
use fathom_stack::fuzzing::{Ranges, Rope, Segments, Wheel};
use fathom_wire::Instant;

use crate::actions::{self, Action};

/// Sets of stream positions beside an array of bits.
pub(crate) fn ranges(bytes: &[u8]) {
    const LEN: u64 = 300;
    let (mut set, mut model) = (Ranges::default(), [false; LEN as usize]);
    for action in actions::read(bytes) {
        let start = u64::from(action.byte(1));
        let range = start..(start + action.scaled(2)).min(LEN);
        let insert = action.kind(2) == 0;
        let bits = model.get_mut(start as usize..range.end as usize).unwrap_or_default();
        let changed: u64 =
            bits.iter_mut().map(|bit| u64::from(std::mem::replace(bit, insert) != insert)).sum();
        let told = if insert { set.insert(range) } else { set.remove(range) };
        assert_eq!(told, changed);
        let runs = runs(&model);
        assert!(set.iter().eq(runs.iter().cloned()), "{:?}, not {runs:?}", set.iter().collect::<Vec<_>>());
        assert_eq!(set.total(), runs.iter().map(|run| run.end - run.start).sum());
        let at = u64::from(action.byte(3));
        assert_eq!(set.around(at), runs.iter().find(|run| run.contains(&at)).cloned());
        let within = at..(at + action.scaled(4)).min(LEN).max(at);
        let first = |held: bool| {
            let start = within.clone().find(|at| model[*at as usize] == held)?;
            let end = (start..within.end).find(|at| model[*at as usize] != held).unwrap_or(within.end);
            Some(start..end)
        };
        assert_eq!(set.first_within(within.clone()), first(true), "in {within:?}");
        assert_eq!(set.first_gap(within.clone()), first(false), "in {within:?}");
    }
}

/// The runs of set bits.
fn runs(bits: &[bool]) -> Vec<Range<u64>> {
    let mut runs: Vec<Range<u64>> = Vec::new();
    for (at, _) in bits.iter().enumerate().filter(|(_, bit)| **bit) {
        let at = at as u64;
        match runs.last_mut() {
            Some(run) if run.end == at => run.end += 1,
            _ => runs.push(at..at + 1),
        }
    }
    runs
}

/// Segments out of order beside an array of bytes: first without a limit, then with one that bites.
pub(crate) fn out_of_order(bytes: &[u8]) {
    const LEN: usize = 2048;
    const OVERHEAD: usize = 128;
    let Some(first) = actions::read(bytes).next() else { return };
    let limit = if first.bit(1, 0) { 200 + usize::from(first.word(2)) % 4096 } else { usize::MAX / 2 };
    let budget = if first.bit(1, 1) { 200 + usize::from(first.word(4)) % 4096 } else { usize::MAX / 2 };
    let unlimited = limit.min(budget) > 1 << 20;
    let start = if first.bit(1, 2) { u64::from(u32::MAX) - 100 } else { 0 };
    let mut held = Segments::new(budget);
    // All bytes that ever came first, whether they are still held or not.
    let mut model: Vec<Option<u8>> = vec![None; LEN];
    let (mut fin, mut noted) = (None, false);
    for (index, action) in actions::read(bytes).skip(1).enumerate() {
        let position = usize::from(action.word(1)) % (LEN - 600);
        match action.kind(8) {
            0 if unlimited => {
                let Some(taken) = held.take(start + position as u64) else { continue };
                // A FIN in the midst of what was taken is no more than that.
                fin = fin.filter(|fin| !(position..position + taken.len()).contains(fin));
                for (byte, expected) in taken.iter().zip(&mut model[position..]) {
                    assert_eq!(Some(*byte), expected.take(), "a byte that came later was given");
                }
            }
            1 if !noted => {
                (fin, noted) = (Some(position), true);
                held.note_fin(start + position as u64);
            }
            2 => {
                held.clear();
                model.fill(None);
                assert_eq!(held.charged(), 0);
                (fin, noted) = (None, false);
                held = Segments::new(budget);
            }
            _ => {
                let len = (action.scaled(3) as usize).min(600);
                let data: Vec<u8> = vec![index as u8; len];
                let (whole, _) = held.insert(limit, start + position as u64, data.into());
                assert!(whole || !unlimited, "there was room");
                for byte in &mut model[position..position + len] {
                    byte.get_or_insert(index as u8);
                }
                assert!(held.charged() <= limit.min(budget), "{} bytes charged", held.charged());
                let report = held.report(4, usize::from(action.byte(4)) % 4);
                if unlimited {
                    let mut covered: Vec<bool> = model.iter().map(Option::is_some).collect();
                    fin.iter().for_each(|fin| covered[*fin] = true);
                    let runs = runs(&covered);
                    assert_eq!(report.len(), runs.len().min(4));
                    for range in &report {
                        let range = range.start - start..range.end - start;
                        assert!(runs.contains(&range), "{range:?} is none of {runs:?}");
                    }
                }
            }
        }
    }
    // What is left comes out as it came in, without overlap, and gives back what it was charged.
    for position in 0..LEN {
        let mut at = position;
        while let Some(taken) = held.take(start + at as u64) {
            assert!(!taken.is_empty() && taken.len() + OVERHEAD <= limit);
            for byte in taken.iter() {
                if unlimited {
                    assert_eq!(Some(*byte), model[at].take());
                }
                at += 1;
            }
        }
    }
    assert!(!unlimited || model.iter().all(Option::is_none), "a byte was lost");
    assert_eq!(held.charged(), 0, "bytes that nobody holds are charged");
}

/// A rope beside a queue of bytes.
pub(crate) fn rope(bytes: &[u8]) {
    let Some(first) = actions::read(bytes).next() else { return };
    let limit = if first.bit(1, 0) { 1 << 30 } else { 4096 + usize::from(first.word(2)) * 4 };
    let (mut rope, mut model) = (Rope::new(limit), VecDeque::new());
    let mut lent: Vec<(Bytes, Vec<u8>)> = Vec::new();
    for (index, action) in actions::read(bytes).skip(1).enumerate() {
        let len = len(action);
        let data: Vec<u8> = (0..len).map(|at| (at * 7 + index) as u8).collect();
        match action.kind(6) {
            0 | 1 if model.len() + len < 4 << 20 => {
                let done = rope.append(&data);
                assert!(done == len || limit < 1 << 30, "the budget was not used up");
                model.extend(&data[..done]);
            }
            2 if model.len() + len < 4 << 20 => {
                if rope.push(Bytes::from(data.clone())) {
                    model.extend(&data);
                }
            }
            3 => {
                let n = len.min(model.len());
                rope.consume(n);
                model.drain(..n);
            }
            4 => {
                let taken = rope.take(len);
                assert!(!taken.is_empty() || model.is_empty() || len == 0);
                assert!(model.drain(..taken.len()).eq(taken.iter().copied()));
            }
            _ => {
                let offset = (action.word(4) as usize * 16).min(model.len());
                let len = len.min(model.len() - offset);
                let expected: Vec<u8> = model.range(offset..offset + len).copied().collect();
                let slices = rope.slices(offset, len);
                assert!(slices.len() <= 6 && slices.concat() == expected, "slices at {offset}");
                let mut copied = vec![0; len];
                assert_eq!(rope.copy_to(offset, &mut copied), len);
                assert_eq!(copied, expected);
                // As frames on their way do, slices live on.
                lent.extend(slices.into_iter().map(|slice| (slice.clone(), slice.to_vec())));
                lent.truncate(64);
            }
        }
        assert_eq!((rope.len(), rope.is_empty()), (model.len(), model.is_empty()));
        assert!(rope.charged() <= limit && (rope.charged() > 0) != model.is_empty());
        for (slice, expected) in &lent {
            assert_eq!(slice, expected, "a slice on its way was written over");
        }
    }
    rope.clear();
    assert_eq!(rope.charged(), 0);
}

fn len(action: Action) -> usize {
    match action.byte(1) {
        0..=63 => action.byte(1).into(),
        64..=127 => usize::from(action.byte(1)) * 16,
        128..=191 => usize::from(action.word(2)) / 2,
        _ => usize::from(action.word(2)) * 2,
    }
}

/// The timing wheel beside a list of deadlines.
pub(crate) fn wheel(bytes: &[u8]) {
    /// A deadline is met at most a tick late.
    const TICK: u64 = 1 << 14;
    let (mut wheel, mut now) = (Wheel::default(), 0_u64);
    let mut model: Vec<Option<u64>> = Vec::new();
    for action in actions::read(bytes) {
        // From nanoseconds to beyond the top level of the wheel.
        let span = u64::from(action.long(2)) << (action.byte(1) % 33);
        match action.kind(6) {
            0..=2 => {
                let deadline = now.saturating_add(span);
                let name = wheel.insert(Instant::from_nanos(deadline));
                assert_eq!(name, model.len());
                model.push(Some(deadline));
            }
            3 => {
                let name = usize::from(action.byte(6)) % model.len().max(1);
                let expected = model.get_mut(name).and_then(Option::take).map(|_| name);
                assert_eq!(wheel.cancel(name), expected);
            }
            4 => now = now.saturating_add(span >> 3).min(u64::MAX >> 1),
            _ => now = wheel.next_deadline().map_or(now, |at| at.as_nanos().max(now)).min(u64::MAX >> 1),
        }
        let mut last = 0;
        while let Some(name) = wheel.pop_expired(Instant::from_nanos(now)) {
            let deadline = model[name].take().expect("it is set");
            assert!(deadline <= now, "timer {name} fires {} ns early", deadline - now);
            assert!(deadline.div_ceil(TICK) >= last, "not in their order");
            last = deadline.div_ceil(TICK);
        }
        let earliest = model.iter().flatten().min().copied();
        assert!(earliest.is_none_or(|earliest| earliest.saturating_add(TICK) > now), "a timer was forgotten");
        match (wheel.next_deadline(), earliest) {
            (Some(next), Some(earliest)) => {
                let latest = Instant::from_nanos(earliest.saturating_add(TICK));
                assert!(next.as_nanos() > now, "woken again at {next:?} for nothing");
                assert!(
                    next < latest || next == Instant::MAX,
                    "woken {next:?} for what is due at {earliest} ns"
                );
            }
            (None, None) => {}
            // Where the last was cancelled nothing may be left to wake up for.
            (next, earliest) => panic!("woken at {next:?} for {earliest:?}"),
        }
    }
}
