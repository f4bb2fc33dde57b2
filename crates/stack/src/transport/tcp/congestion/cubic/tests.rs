use proptest::prelude::*;

use super::*;

const MSS: u64 = 1000;
const RTT: Duration = Duration::from_millis(100);

fn ack(cubic: &mut Cubic, now: Instant, bytes: u64) {
    acknowledge(cubic, now, bytes, true);
}

fn acknowledge(cubic: &mut Cubic, now: Instant, bytes: u64, cwnd_limited: bool) {
    cubic.on_ack(Acknowledged { bytes, mss: MSS, cwnd_limited, after_timeout: false, now, rtt: RTT });
}

/// In avoidance after a loss at `cwnd` bytes.
fn after_loss(cwnd: u64) -> Cubic {
    let mut cubic = Cubic::with_windows(cwnd, u64::MAX);
    cubic.on_loss(cwnd, MSS);
    cubic
}

/// Acknowledges a window in each round trip, in steps of two segments, until `end`.
fn run(cubic: &mut Cubic, from: Instant, end: Instant) -> Instant {
    let mut now = from;
    while now < end {
        let acks = (cubic.cwnd() / (2 * MSS)).max(1);
        for number in 0..acks {
            ack(cubic, now + RTT * number as u32 / acks as u32, 2 * MSS);
        }
        now += RTT;
    }
    now
}

/// The same in floating point, straight from the RFC.
struct Reference {
    cwnd: f64,
    w_max: f64,
    cwnd_prior: f64,
    w_est: f64,
    k: f64,
}

impl Reference {
    fn after_loss(cwnd: u64) -> Self {
        let w_max = cwnd as f64 / MSS as f64;
        let cwnd = 0.7 * w_max;
        let k = ((w_max - cwnd) / 0.4).cbrt();
        Reference { cwnd, w_max, cwnd_prior: w_max, w_est: cwnd, k }
    }

    fn ack(&mut self, t: f64, bytes: u64) {
        let segments = bytes as f64 / MSS as f64;
        let alpha = if self.w_est < self.cwnd_prior { 0.9 / 1.7 } else { 1.0 };
        self.w_est += alpha * segments / self.cwnd;
        let w_cubic = |t: f64| 0.4 * (t - self.k).powi(3) + self.w_max;
        if w_cubic(t) < self.w_est {
            self.cwnd = self.cwnd.max(self.w_est);
        } else {
            let target = w_cubic(t + 0.1).clamp(self.cwnd, 1.5 * self.cwnd);
            self.cwnd += (target - self.cwnd) / self.cwnd * segments;
        }
    }
}

#[test]
fn the_window_follows_the_formulas_within_a_segment() {
    for cwnd in [10_000, 100_000, 1_000_000, 10_000_000] {
        let (mut cubic, mut reference) = (after_loss(cwnd), Reference::after_loss(cwnd));
        let start = Instant::from_millis(5);
        let mut acks = 0;
        for round in 0..300 {
            let step = 2 * MSS;
            let per_round = cubic.cwnd() / step;
            for number in 0..per_round {
                let now = start + RTT * round + RTT * number as u32 / per_round as u32;
                ack(&mut cubic, now, step);
                reference.ack((now - start).as_secs_f64(), step);
                acks += 1;
            }
            let error = (cubic.cwnd() as f64 / MSS as f64 - reference.cwnd).abs();
            // RFC9438-R1, RFC9438-R3, RFC9438-R4
            assert!(error < 1.0, "{cwnd}, round {round}: {} and {}", cubic.cwnd(), reference.cwnd);
            if acks > 100_000 {
                break;
            }
        }
    }
}

#[test]
fn it_rests_where_the_loss_was_and_then_looks_for_more() {
    let mut cubic = after_loss(500_000);
    assert_eq!((cubic.cwnd(), cubic.ssthresh()), (350_000, 350_000));
    // K = cbrt(150 / 0.4) = 7.21 s
    let now = run(&mut cubic, Instant::ZERO, Instant::from_millis(3600));
    assert!((478_000..490_000).contains(&cubic.cwnd()), "{}", cubic.cwnd());
    let now = run(&mut cubic, now, Instant::from_millis(7200));
    assert!((498_000..502_000).contains(&cubic.cwnd()), "{}", cubic.cwnd());
    run(&mut cubic, now, Instant::from_millis(14_400));
    assert!((640_000..670_000).contains(&cubic.cwnd()), "{}", cubic.cwnd());
}

#[test]
fn on_short_paths_it_is_as_fast_as_reno() {
    // Ten segments and a round trip of 100 ms: K is 2 s, Reno's way back 3 / 0.529 = 5.7 round trips.
    let mut cubic = after_loss(10_000);
    run(&mut cubic, Instant::ZERO, Instant::from_millis(700));
    assert!((9_900..11_500).contains(&cubic.cwnd()), "{}", cubic.cwnd());
    // Beyond the window before the cut it grows by a segment for each round trip.
    let before = cubic.cwnd();
    run(&mut cubic, Instant::from_millis(700), Instant::from_millis(1200));
    let grown = cubic.cwnd() - before;
    // RFC9438-R4
    assert!((3_500..=5_500).contains(&grown), "{grown}");
}

#[test]
fn losses_cut_to_seven_tenths_and_a_second_one_gives_way() {
    let mut cubic = after_loss(100_000);
    // RFC9438-R5
    assert_eq!((cubic.cwnd(), cubic.ssthresh()), (70_000, 70_000));
    assert_eq!(cubic.past.as_ref().unwrap().w_max, 100_000);
    // At 80,000 it is below the last plateau: 0.85 of it is the next.
    cubic.windows.set_cwnd(80_000);
    cubic.on_loss(80_000, MSS);
    // RFC9438-R6
    assert_eq!((cubic.cwnd(), cubic.past.as_ref().unwrap().w_max), (56_000, 68_000));
    // Above it the plateau is where the loss was.
    cubic.windows.set_cwnd(90_000);
    cubic.on_loss(50_000, MSS);
    assert_eq!((cubic.cwnd(), cubic.past.as_ref().unwrap().w_max), (35_000, 90_000), "little was in flight");
    cubic.on_loss(1_000, MSS);
    // RFC9438-R5
    assert_eq!(cubic.ssthresh(), 2 * MSS);
}

#[test]
fn a_timeout_starts_over_and_the_next_avoidance_begins_on_its_plateau() {
    let mut cubic = after_loss(100_000);
    cubic.on_timeout(70_000, MSS, false);
    // RFC9438-R7
    assert_eq!((cubic.cwnd(), cubic.ssthresh()), (MSS, 49_000));
    for _ in 0..3 {
        cubic.on_timeout(MSS, MSS, true);
        assert_eq!((cubic.cwnd(), cubic.ssthresh()), (MSS, 49_000), "cut once");
    }
    let mut now = Instant::from_millis(1000);
    while cubic.cwnd() < cubic.ssthresh() {
        ack(&mut cubic, now, 2 * MSS);
    }
    now += RTT;
    ack(&mut cubic, now, 2 * MSS);
    let past = cubic.past.as_ref().unwrap();
    assert_eq!(past.w_max, 49_000);
    // RFC9438-R7
    assert_eq!(past.epoch.unwrap().curve, Curve::new(49_000, 49_000, MSS));
    assert!(!past.after_timeout, "only the first");
}

#[test]
fn below_the_threshold_it_is_slow_start() {
    let mut cubic = Cubic::new(MSS, false);
    assert_eq!((cubic.cwnd(), cubic.ssthresh(), Cubic::new(MSS, true).cwnd()), (10 * MSS, u64::MAX, MSS));
    for _ in 0..5 {
        ack(&mut cubic, Instant::ZERO, 2 * MSS);
    }
    // RFC9438-R9
    assert_eq!(cubic.cwnd(), 20 * MSS);
    assert!(cubic.past.is_none(), "nothing is kept before the first loss");
}

#[test]
fn a_pause_of_the_program_does_not_count() {
    for (pause, how) in [(30_000, "silence"), (30_000, "a trickle")] {
        let mut cubic = after_loss(500_000);
        let now = run(&mut cubic, Instant::ZERO, Instant::from_millis(3000));
        let mut undisturbed = cubic.clone();
        let resumed = now + Duration::from_millis(pause);
        if how == "a trickle" {
            for number in 0..300 {
                acknowledge(&mut cubic, now + Duration::from_millis(100 * number), 100, false);
            }
        }
        let before = cubic.cwnd();
        ack(&mut cubic, resumed, 2 * MSS);
        // RFC9438-R2
        assert!(cubic.cwnd() - before < MSS, "{how}: no jump");
        run(&mut cubic, resumed, resumed + Duration::from_millis(1000));
        run(&mut undisturbed, now, now + Duration::from_millis(1000));
        let apart = cubic.cwnd().abs_diff(undisturbed.cwnd());
        // RFC9438-R2
        assert!(apart < 5 * MSS, "{how}: {} and {}", cubic.cwnd(), undisturbed.cwnd());
    }
}

#[test]
fn a_window_that_is_not_used_does_not_grow() {
    for mut cubic in [Cubic::new(MSS, false), after_loss(100_000)] {
        let before = cubic.cwnd();
        for number in 0..100 {
            acknowledge(&mut cubic, Instant::from_millis(100 * number), MSS, false);
        }
        // RFC9438-R10
        assert_eq!(cubic.cwnd(), before);
    }
}

#[test]
fn an_idle_connection_starts_with_the_initial_window_and_keeps_the_threshold() {
    let mut cubic = after_loss(100_000);
    run(&mut cubic, Instant::ZERO, Instant::from_millis(1000));
    cubic.on_idle(MSS);
    assert_eq!((cubic.cwnd(), cubic.ssthresh()), (10_000, 70_000));
    assert!(cubic.past.as_ref().unwrap().epoch.is_none());
}

proptest! {
    #[test]
    fn no_acknowledgement_makes_the_window_smaller(
        cwnd in 2u64..2_000_000,
        acks in prop::collection::vec((1u64..200_000, 0u64..10_000_000, any::<bool>(), 1u64..65_536), 1..200),
    ) {
        let mut cubic = after_loss(cwnd * MSS / 1000);
        let mut now = Instant::ZERO;
        for (bytes, pause, cwnd_limited, mss) in acks {
            now += Duration::from_micros(pause);
            let before = cubic.cwnd();
            cubic.on_ack(Acknowledged { bytes, mss, cwnd_limited, after_timeout: false, now, rtt: RTT });
            prop_assert!(cubic.cwnd() >= before && cubic.cwnd() <= MAX_CWND.max(before));
        }
    }
}
