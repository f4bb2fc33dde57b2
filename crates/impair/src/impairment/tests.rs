use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::{ByteCount, Probability};

const MS: Duration = Duration::from_millis(1);

fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

/// An Ethernet frame of `len` bytes with an IPv4 header of an ECN-capable sender, numbered.
fn frame(number: u32, len: usize) -> Bytes {
    let mut bytes = vec![0; len.max(38)];
    bytes[12..16].copy_from_slice(&[0x08, 0x00, 0x45, 0x02]);
    bytes[34..38].copy_from_slice(&number.to_be_bytes());
    bytes.into()
}

/// Pushes `count` frames, `gap` apart, and gives what each met and everything that arrived.
fn run(conditions: Conditions, seed: u64, count: u32, gap: Duration) -> (Vec<Fates>, Vec<Delivery<u32>>) {
    let mut link = Impairment::new(conditions, seed);
    let mut fates = Vec::new();
    let mut arrived = Vec::new();
    let mut now = Instant::ZERO;
    for number in 0..count {
        fates.push(link.push(now, frame(number, 100), number));
        now += gap;
        while let Some(delivery) = link.pop(now) {
            arrived.push(delivery);
        }
    }
    while let Some(delivery) = link.pop(Instant::MAX) {
        arrived.push(delivery);
    }
    (fates, arrived)
}

fn tags(arrived: &[Delivery<u32>]) -> Vec<u32> {
    arrived.iter().map(|delivery| delivery.tag).collect()
}

/// Share of frames with the fate.
fn share(fates: &[Fates], fate: Fate) -> f64 {
    fates.iter().filter(|fates| fates.contains(fate)).count() as f64 / fates.len() as f64
}

/// Whether `measured` is within five standard deviations of a chance of `p` in `n` draws.
fn plausible(measured: f64, p: f64, n: usize) -> bool {
    (measured - p).abs() < 5.0 * (p * (1.0 - p) / n as f64).powf(0.5)
}

fn p(text: &str) -> Probability {
    text.parse().unwrap()
}

#[test]
fn a_delayed_frame_arrives_exactly_then() {
    let mut link = Impairment::new(Conditions::default().delay(40 * MS), 1);
    assert!(link.push(at(5), frame(0, 60), ()).is_empty());
    assert_eq!(link.next_delivery(), Some(at(45)));
    assert_eq!(link.pop(at(45) - Duration::from_nanos(1)), None);
    let delivery = link.pop(at(50)).unwrap();
    assert_eq!((delivery.at, delivery.copy, delivery.fates.is_empty()), (at(45), false, true));
    assert_eq!(link.next_delivery(), None);
}

#[test]
fn rate_and_delay_add_up() {
    // 1000 bytes at 8 Mbit/s leave in 1 ms each; the way takes 10 ms more.
    let mut link = Impairment::new(Conditions::default().delay(10 * MS).rate("8mbit".parse().unwrap()), 1);
    for number in 0..3 {
        link.push(at(0), frame(number, 1_000), number);
    }
    let arrived: Vec<_> = core::iter::from_fn(|| link.pop(Instant::MAX)).map(|d| (d.tag, d.at)).collect();
    assert_eq!(arrived, [(0, at(11)), (1, at(12)), (2, at(13))]);
}

#[test]
fn a_full_queue_drops_the_newest_frame() {
    let conditions = Conditions::default().rate("8mbit".parse().unwrap()).queue(ByteCount(2_000));
    let mut link = Impairment::new(conditions, 1);
    let dropped: Vec<_> =
        (0..5).map(|number| link.push(at(0), frame(number, 1_000), number).dropped()).collect();
    assert_eq!(dropped, [None, None, None, Some(Fate::QueueFull), Some(Fate::QueueFull)]);
    assert_eq!(link.waiting_bytes(at(0)), 2_000);
    assert_eq!(link.push(at(1), frame(5, 1_000), 5).dropped(), None, "one has left the queue");
}

#[test]
fn a_lost_frame_takes_its_time_on_the_line() {
    let conditions = Conditions::default().rate("8mbit".parse().unwrap()).loss(Probability::ALWAYS);
    let mut link = Impairment::new(conditions.clone(), 1);
    assert_eq!(link.push(at(0), frame(0, 1_000), 0).dropped(), Some(Fate::Lost));
    link.set_conditions(conditions.loss(Probability::NEVER));
    link.push(at(0), frame(1, 1_000), 1);
    assert_eq!(link.next_delivery(), Some(at(2)));
}

#[test]
fn frames_above_the_threshold_of_the_queue_are_marked() {
    let conditions = Conditions::default().rate("8mbit".parse().unwrap()).ecn_threshold(ByteCount(1_000));
    let mut link = Impairment::new(conditions, 1);
    let marked: Vec<bool> =
        (0..4).map(|number| link.push(at(0), frame(number, 1_000), ()).contains(Fate::Marked)).collect();
    // They find 0, 0, 1000 and 2000 bytes waiting: the first is on the line.
    assert_eq!(marked, [false, false, false, true]);
    let last = core::iter::from_fn(|| link.pop(Instant::MAX)).last().unwrap();
    assert_eq!(last.frame[15] & 3, 3);
    assert!(last.fates.contains(Fate::Marked));
}

#[test]
fn the_mtu_counts_what_is_behind_the_link_header() {
    let mut link = Impairment::new(Conditions::default().mtu(1_000), 1);
    assert!(link.push(at(0), frame(0, 1_014), ()).is_empty());
    assert_eq!(link.push(at(0), frame(0, 1_015), ()).dropped(), Some(Fate::TooBig));
    let mut link = Impairment::new(Conditions::default().mtu(1_000), 1).with_framing(Framing::Ip);
    assert_eq!(link.push(at(0), frame(0, 1_014), ()).dropped(), Some(Fate::TooBig));
}

#[test]
fn the_number_of_frames_inside_is_limited() {
    let mut link = Impairment::new(Conditions::default().delay(MS).limit_frames(2), 1);
    let dropped: Vec<_> = (0..3).map(|_| link.push(at(0), frame(0, 60), ()).dropped()).collect();
    assert_eq!(dropped, [None, None, Some(Fate::QueueFull)]);
    link.pop(at(1));
    assert_eq!(link.push(at(1), frame(0, 60), ()).dropped(), None);
    // Frames that will be lost wait for the line too.
    let slow = Conditions::default().rate("8bit".parse().unwrap()).loss(Probability::ALWAYS).limit_frames(2);
    let mut link = Impairment::new(slow, 1);
    let dropped: Vec<_> = (0..4).filter_map(|_| link.push(at(0), frame(0, 60), ()).dropped()).collect();
    assert_eq!(dropped, [Fate::Lost, Fate::Lost, Fate::Lost, Fate::QueueFull]);
}

#[test]
fn jitter_spreads_the_delay_and_keeps_the_order() {
    let conditions = Conditions::default().delay(20 * MS).jitter(5 * MS);
    let (_, arrived) = run(conditions.clone(), 3, 2_000, MS / 10);
    assert_eq!(tags(&arrived), (0..2_000).collect::<Vec<_>>());
    // Far apart, so that none has to wait for the one before it.
    let (_, arrived) = run(conditions, 3, 20_000, 100 * MS);
    let delays: Vec<f64> =
        arrived.iter().map(|d| (d.at - at(100 * u64::from(d.tag))).as_secs_f64() * 1e3).collect();
    let mean = delays.iter().sum::<f64>() / delays.len() as f64;
    let (min, max) = delays.iter().fold((f64::MAX, 0.0_f64), |(min, max), d| (min.min(*d), max.max(*d)));
    assert!((15.0..15.1).contains(&min) && (24.9..=25.0).contains(&max), "{min} to {max}");
    assert!((mean - 20.0).abs() < 0.1, "{mean}");
}

#[test]
fn a_jitter_larger_than_the_delay_never_delivers_into_the_past() {
    let (_, arrived) = run(Conditions::default().delay(MS).jitter(5 * MS), 3, 1_000, 100 * MS);
    let delays: Vec<_> = arrived.iter().map(|d| d.at - at(100 * u64::from(d.tag))).collect();
    assert!(delays.iter().any(Duration::is_zero) && delays.iter().all(|delay| *delay <= 6 * MS));
}

#[test]
fn a_held_frame_is_passed_by_so_many_others() {
    for frames in 1..=4_usize {
        let reorder =
            Reorder { frames: frames as u32, hold: Duration::from_secs(10), ..Reorder::new(p("2%")) };
        let (fates, arrived) = run(Conditions::default().delay(5 * MS).reorder(reorder), 9, 5_000, MS);
        let order = tags(&arrived);
        let held = |number: u32| fates[number as usize].contains(Fate::Reordered);
        assert!(fates.iter().any(|fates| fates.contains(Fate::Reordered)));
        for (place, number) in order.iter().enumerate().filter(|(_, number)| held(**number)) {
            let passed_by = order[..place].iter().filter(|other| *other > number && !held(**other)).count();
            assert!(
                passed_by == frames || *number as usize + 2 * frames > order.len(),
                "{number}: {passed_by}"
            );
        }
        let others: Vec<u32> = order.iter().copied().filter(|number| !held(*number)).collect();
        assert!(others.is_sorted(), "the others keep their order");
    }
}

#[test]
fn a_held_frame_on_a_quiet_link_is_only_late() {
    let reorder = Reorder { frames: 3, hold: 7 * MS, ..Reorder::new(Probability::ALWAYS) };
    let (_, arrived) = run(Conditions::default().delay(5 * MS).reorder(reorder), 9, 50, MS);
    assert_eq!(tags(&arrived), (0..50).collect::<Vec<_>>());
    assert!(arrived.iter().all(|d| d.at == at(u64::from(d.tag) + 12)));
}

#[test]
fn a_push_that_releases_a_held_frame_brings_it_forward() {
    let reorder = Reorder { frames: 1, hold: 100 * MS, ..Reorder::new(Probability::ALWAYS) };
    let mut link = Impairment::new(Conditions::default().delay(5 * MS).reorder(reorder), 9);
    link.push(at(0), frame(0, 60), 0);
    assert_eq!(link.next_delivery(), Some(at(105)));
    link.set_conditions(Conditions::default().delay(5 * MS));
    link.push(at(1), frame(1, 60), 1);
    let arrived: Vec<_> = core::iter::from_fn(|| link.pop(at(6))).map(|d| (d.tag, d.at)).collect();
    assert_eq!(arrived, [(1, at(6)), (0, at(6))]);
}

#[test]
fn a_released_frame_takes_at_least_its_own_time() {
    let reorder = Reorder { frames: 1, hold: 100 * MS, ..Reorder::new(Probability::ALWAYS) };
    let mut link = Impairment::new(Conditions::default().delay(50 * MS).reorder(reorder), 9);
    link.push(at(0), frame(0, 60), 0);
    link.set_conditions(Conditions::default().delay(5 * MS));
    link.push(at(1), frame(1, 60), 1);
    let arrived: Vec<_> = core::iter::from_fn(|| link.pop(Instant::MAX)).map(|d| (d.tag, d.at)).collect();
    assert_eq!(arrived, [(1, at(6)), (0, at(50))]);
}

#[test]
fn a_duplicate_comes_directly_behind_its_original() {
    let (fates, arrived) = run(Conditions::default().delay(5 * MS).duplicate(p("10%")), 4, 1_000, MS);
    let expected: Vec<(u32, bool)> = (0..1_000)
        .flat_map(|number| {
            let twice = fates[number as usize].contains(Fate::Duplicated);
            [Some((number, false)), twice.then_some((number, true))].into_iter().flatten()
        })
        .collect();
    assert_eq!(arrived.iter().map(|d| (d.tag, d.copy)).collect::<Vec<_>>(), expected);
    assert!(plausible(share(&fates, Fate::Duplicated), 0.1, 1_000));
    for pair in arrived.windows(2).filter(|pair| pair[1].copy) {
        assert_eq!((&pair[0].frame, pair[0].at), (&pair[1].frame, pair[1].at));
    }
}

#[test]
fn chances_come_true_as_often_as_they_should() {
    let n = 100_000;
    let conditions = Conditions::default().loss(p("1%")).corrupt(p("3%")).duplicate(p("5%"));
    let (fates, arrived) = run(conditions, 11, n, Duration::ZERO);
    let n = n as usize;
    assert!(plausible(share(&fates, Fate::Lost), 0.01, n));
    // A lost frame has no other fate.
    assert!(plausible(share(&fates, Fate::Corrupted), 0.03 * 0.99, n));
    assert!(plausible(share(&fates, Fate::Duplicated), 0.05 * 0.99, n));
    let changed = arrived.iter().filter(|d| !d.copy && d.frame != frame(d.tag, 100)).count();
    assert_eq!(changed, fates.iter().filter(|fates| fates.contains(Fate::Corrupted)).count());
}

#[test]
fn bursts_are_as_long_and_as_frequent_as_they_should() {
    let burst: GilbertElliott = "1%,25%".parse().unwrap();
    let (fates, _) = run(Conditions::default().burst(burst), 12, 400_000, Duration::ZERO);
    let lost: Vec<bool> = fates.iter().map(|fates| fates.contains(Fate::Lost)).collect();
    let bursts = lost.windows(2).filter(|pair| !pair[0] && pair[1]).count();
    let lost = lost.iter().filter(|lost| **lost).count();
    // Mean loss 0.01 / 0.26 = 3.85 %, mean length of a burst 1 / 0.25 = 4 frames.
    assert!((lost as f64 / 400_000.0 - burst.mean_loss()).abs() < 0.002, "{lost}");
    assert!((lost as f64 / bursts as f64 - 4.0).abs() < 0.2, "{lost} in {bursts} bursts");
}

#[test]
fn a_burst_does_not_outlast_a_silence() {
    // Once bad, the link stays so; but it turns bad for the first frame only.
    let burst = GilbertElliott::new(Probability::ALWAYS, Probability::NEVER);
    let mut link = Impairment::new(Conditions::default().burst(burst), 1);
    assert_eq!(link.push(at(0), frame(0, 60), ()).dropped(), Some(Fate::Lost));
    link.set_conditions(Conditions::default().burst(GilbertElliott { enter: Probability::NEVER, ..burst }));
    assert_eq!(link.push(at(100), frame(1, 60), ()).dropped(), Some(Fate::Lost), "still the same burst");
    assert_eq!(link.push(at(201), frame(2, 60), ()).dropped(), None);
}

#[test]
fn the_same_frames_are_lost_whatever_else_is_switched_on() {
    let lost = |conditions: Conditions| {
        let (fates, _) = run(conditions.loss(p("5%")), 21, 2_000, MS / 100);
        fates.iter().map(|fates| fates.contains(Fate::Lost)).collect::<Vec<_>>()
    };
    let alone = lost(Conditions::default());
    assert_eq!(lost(Conditions::default().duplicate(p("20%")).corrupt(p("20%"))), alone);
    assert_eq!(lost(Conditions::default().jitter(MS).reorder(Reorder::new(p("20%")))), alone);
    let (other_seed, _) = run(Conditions::default().loss(p("5%")), 22, 2_000, MS / 100);
    assert_ne!(other_seed.iter().map(|fates| fates.contains(Fate::Lost)).collect::<Vec<_>>(), alone);
}

fn chance() -> impl Strategy<Value = Probability> {
    prop_oneof![Just(0.0), 0.0..=1.0, Just(1.0)].prop_map(|p| Probability::new(p).unwrap())
}

prop_compose! {
    fn conditions()(
        (delay, jitter, hold) in (0..50_u64, 0..50_u64, 0..50_u64),
        rate in proptest::option::of(1_000..10_000_000_u64),
        queue in proptest::option::of(0..10_000_u64),
        ecn in proptest::option::of(0..10_000_u64),
        (loss, corrupt, duplicate) in (chance(), chance(), chance()),
        burst in proptest::option::of((chance(), chance())),
        reorder in proptest::option::of((chance(), 1..6_u32)),
        mtu in proptest::option::of(100..1_000_usize),
        limit_frames in 1..100_usize,
    ) -> Conditions {
        Conditions {
            delay: MS * delay as u32,
            jitter: MS * jitter as u32,
            rate: rate.and_then(crate::BitsPerSecond::new),
            queue: queue.map(ByteCount),
            ecn_threshold: ecn.map(ByteCount),
            loss,
            burst: burst.map(|(enter, recover)| GilbertElliott::new(enter, recover)),
            corrupt,
            duplicate,
            reorder: reorder.map(|(probability, frames)| Reorder { probability, frames, hold: MS * hold as u32 }),
            mtu,
            limit_frames,
        }
    }
}

proptest! {
    #[test]
    fn a_perfect_link_delivers_everything_unchanged_in_order_at_once(
        frames in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..100), 0..50),
        seed: u64,
    ) {
        let mut link = Impairment::new(Conditions::default(), seed);
        for (number, frame) in frames.iter().enumerate() {
            prop_assert!(link.push(at(1), Bytes::copy_from_slice(frame), number).is_empty());
        }
        for (number, frame) in frames.iter().enumerate() {
            let delivery = link.pop(at(1)).unwrap();
            prop_assert_eq!((delivery.tag, &delivery.frame[..], delivery.at), (number, &frame[..], at(1)));
        }
        prop_assert_eq!(link.in_flight(), 0);
    }

    #[test]
    fn no_frame_is_unaccounted_for(
        conditions in conditions(),
        seed: u64,
        steps in proptest::collection::vec((0..5_000_u64, 0..1_500_usize, 0..4_u8), 0..300),
    ) {
        let mut link = Impairment::new(conditions.clone(), seed);
        let mut again = Impairment::new(conditions, seed);
        let mut now = Instant::ZERO;
        let mut last = Instant::ZERO;
        for (number, (micros, len, pops)) in (0..).zip(steps) {
            now += Duration::from_micros(micros);
            let fates = link.push(now, frame(number, len), number);
            prop_assert_eq!(again.push(now, frame(number, len), number), fates, "the same seed, the same fate");
            prop_assert!(fates.dropped().is_none() || fates.iter().count() == 1);
            for _ in 0..pops {
                let due = link.next_delivery().filter(|due| *due <= now);
                let delivery = link.pop(now);
                prop_assert_eq!(delivery.as_ref().map(|delivery| delivery.at), due);
                prop_assert_eq!(&again.pop(now), &delivery);
            }
            let c = link.counters();
            let gone = c.delivered + c.lost + c.queue_full + c.too_big + link.in_flight() as u64;
            prop_assert_eq!(c.pushed + c.duplicated, gone);
        }
        while let Some(delivery) = link.pop(Instant::MAX) {
            prop_assert!(delivery.at >= last);
            last = delivery.at;
        }
        prop_assert_eq!((link.in_flight(), link.next_delivery()), (0, None));
        prop_assert!(link.ordered.is_empty() && link.aside.is_empty());
    }
}
