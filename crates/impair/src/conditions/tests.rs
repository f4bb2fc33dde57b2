use alloc::string::ToString;

use super::*;

#[test]
fn conditions_say_what_is_not_perfect() {
    assert_eq!(Conditions::default().to_string(), "perfect");
    let conditions = Conditions::default()
        .delay(Duration::from_millis(40))
        .jitter(Duration::from_micros(1_500))
        .rate("10mbit".parse().unwrap())
        .queue("64KB".parse().unwrap())
        .ecn_threshold(ByteCount(30_000))
        .loss("1%".parse().unwrap())
        .burst("0.1%,25%".parse().unwrap())
        .corrupt("0.01%".parse().unwrap())
        .duplicate("2%".parse().unwrap())
        .reorder("5%".parse().unwrap())
        .mtu(1400);
    assert_eq!(
        conditions.to_string(),
        "delay 40 ms, jitter ±1.5 ms, rate 10 Mbit/s, queue 64 kB, ECN marks above 30 kB, loss 1 %, \
         burst loss 0.1 %,25 %, corrupt 0.01 %, duplicate 2 %, reorder 5 %,3,10 ms, MTU 1400 B"
    );
}

#[test]
fn the_long_run_of_the_burst_model_is_computed() {
    let burst: GilbertElliott = "1%,25%,80%,0.1%".parse().unwrap();
    assert!((burst.share_bad() - 0.01 / 0.26).abs() < 1e-12);
    assert!((burst.mean_loss() - (0.01 * 0.8 + 0.25 * 0.001) / 0.26).abs() < 1e-12);
    let never = GilbertElliott::new(Probability::NEVER, Probability::NEVER);
    assert_eq!(never.mean_loss(), 0.0);
}
