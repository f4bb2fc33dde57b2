use alloc::collections::BTreeMap;
use core::time::Duration;

use proptest::prelude::*;

use super::*;

const TICK: u64 = 1 << TICK_SHIFT;

fn drain(wheel: &mut TimerWheel<u32>, now: Instant) -> Vec<u32> {
    core::iter::from_fn(|| wheel.pop_expired(now)).collect()
}

#[test]
fn a_timer_fires_at_the_first_tick_that_is_not_before_its_deadline() {
    for (deadline, fires) in [(0, 0), (1, TICK), (TICK - 1, TICK), (TICK, TICK), (TICK + 1, 2 * TICK)] {
        let mut wheel = TimerWheel::new();
        wheel.insert(Instant::from_nanos(deadline), 7);
        assert_eq!(wheel.next_deadline(), Some(Instant::from_nanos(fires)));
        if fires > 0 {
            assert_eq!(wheel.pop_expired(Instant::from_nanos(fires - 1)), None);
        }
        assert_eq!(wheel.pop_expired(Instant::from_nanos(fires)), Some(7));
        assert_eq!(wheel.next_deadline(), None);
    }
}

#[test]
fn the_next_deadline_of_a_distant_timer_is_exact_without_waking_in_between() {
    let mut wheel = TimerWheel::new();
    for days in [1u64, 12, 14, 30, 1000] {
        let deadline = Instant::from_nanos(days * 86_400_000_000_000 / TICK * TICK);
        wheel.insert(deadline, 0);
        assert_eq!(wheel.next_deadline(), Some(deadline));
        assert_eq!(wheel.pop_expired(deadline - Duration::from_nanos(1)), None);
        assert_eq!(wheel.next_deadline(), Some(deadline));
        assert_eq!(wheel.pop_expired(deadline), Some(0));
    }
}

#[test]
fn a_cancelled_timer_never_fires_and_its_id_is_spent() {
    let mut wheel = TimerWheel::new();
    let first = wheel.insert(Instant::from_millis(5), 1);
    wheel.insert(Instant::from_millis(5), 2);
    assert_eq!(wheel.cancel(first), Some(1));
    let third = wheel.insert(Instant::from_millis(5), 3);
    assert_eq!(wheel.cancel(first), None);
    assert_eq!(drain(&mut wheel, Instant::from_millis(6)), [2, 3]);
    assert_eq!(wheel.cancel(third), None);
    assert_eq!(wheel.len(), 0);
}

#[test]
fn the_last_instant_is_a_deadline_that_never_comes() {
    let mut wheel = TimerWheel::new();
    wheel.insert(Instant::MAX, 1);
    assert_eq!(wheel.next_deadline(), Some(Instant::MAX));
    assert_eq!(wheel.pop_expired(Instant::from_nanos(u64::MAX / 2)), None);
}

#[derive(Clone, Debug)]
enum Step {
    Insert(u64),
    Cancel(usize),
    Advance(u64),
    Sleep,
}

/// Times over the whole range, near and far.
fn span() -> impl Strategy<Value = u64> {
    (0u32..57, any::<u64>()).prop_map(|(bits, value)| value & ((1u64 << bits) - 1))
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => span().prop_map(Step::Insert),
        1 => any::<usize>().prop_map(Step::Cancel),
        2 => span().prop_map(Step::Advance),
        2 => Just(Step::Sleep),
    ];
    prop::collection::vec(step, 1..120)
}

proptest! {
    #[test]
    fn fires_the_timers_that_a_sorted_map_fires(steps in steps()) {
        let mut wheel = TimerWheel::new();
        let mut model: BTreeMap<u32, (u64, TimerId)> = BTreeMap::new();
        let mut now = 0u64;
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Insert(span) => {
                    let deadline = now + span;
                    let id = wheel.insert(Instant::from_nanos(deadline), number as u32);
                    model.insert(number as u32, (deadline.div_ceil(TICK) * TICK, id));
                    continue;
                }
                Step::Cancel(which) => {
                    if let Some((&key, &(_, id))) = model.iter().nth(which % model.len().max(1)) {
                        prop_assert_eq!(wheel.cancel(id), Some(key));
                        model.remove(&key);
                    }
                    continue;
                }
                Step::Advance(span) => now += span,
                // As the driver does it: sleep until the stack asks to be woken.
                Step::Sleep => now = wheel.next_deadline().map_or(now, |at| at.as_nanos().max(now)),
            }
            let mut fired = drain(&mut wheel, Instant::from_nanos(now));
            let ticks: Vec<u64> = fired.iter().map(|key| model[key].0).collect();
            prop_assert!(ticks.is_sorted(), "out of order: {:?}", ticks);
            fired.sort_unstable();
            let due: Vec<u32> = model.iter().filter(|(_, at)| at.0 <= now).map(|(key, _)| *key).collect();
            prop_assert_eq!(fired, due);
            model.retain(|_, at| at.0 > now);
            prop_assert_eq!(wheel.len(), model.len());
            let earliest = model.values().map(|at| at.0).min();
            match (wheel.next_deadline(), earliest) {
                (Some(asked), Some(earliest)) => prop_assert!(asked.as_nanos() <= earliest),
                (asked, earliest) => prop_assert_eq!(asked, earliest.map(Instant::from_nanos)),
            }
        }
    }
}
