use clap::Parser;

use super::*;

#[derive(Parser)]
struct Only {
    #[command(flatten)]
    link: LinkArgs,
}

fn link(arguments: &str) -> Link {
    Only::try_parse_from(std::iter::once("x").chain(arguments.split_whitespace())).unwrap().link.link()
}

#[test]
fn each_option_sets_its_condition_in_both_directions() {
    let Link { up, down } = link(
        "--delay 40ms --jitter 5ms --rate 10mbit --queue 64KB --loss 1% --burst-loss 1%,25% --reorder 5% \
         --duplicate 2% --corrupt 3% --mtu 1280",
    );
    assert_eq!(up, down);
    assert_eq!(
        up.to_string(),
        "delay 40 ms, jitter ±5 ms, rate 10 Mbit/s, queue 64 kB, loss 1 %, burst loss 1 %,25 %, \
         corrupt 3 %, duplicate 2 %, reorder 5 %,3,10 ms, MTU 1280 B"
    );
}

#[test]
fn a_prefix_limits_a_value_to_one_direction() {
    let Link { up, down } = link("--rate up:1mbit --rate down:10mbit --loss down:1% --delay 5ms");
    assert_eq!(up.to_string(), "delay 5 ms, rate 1 Mbit/s");
    assert_eq!(down.to_string(), "delay 5 ms, rate 10 Mbit/s, loss 1 %");
}

#[test]
fn a_perfect_link_is_not_described() {
    assert_eq!(link("").describe(), None);
    assert_eq!(link("--delay 0").describe(), None);
}

#[test]
fn the_round_trip_that_a_delay_adds_is_said() {
    assert_eq!(
        link("--delay 40ms --loss 1%").describe().unwrap(),
        "link: delay 40 ms, loss 1 %, each way; adds 80 ms to each round trip"
    );
    assert_eq!(
        link("--delay up:40ms").describe().unwrap(),
        "link: up delay 40 ms; down perfect; adds 40 ms to each round trip"
    );
    assert_eq!(link("--loss 1%").describe().unwrap(), "link: loss 1 %, each way");
}

#[test]
fn an_mtu_is_what_ip_allows() {
    for text in ["--mtu 575", "--mtu 65536", "--mtu big", "--mtu up:1"] {
        assert!(Only::try_parse_from(std::iter::once("x").chain(text.split_whitespace())).is_err(), "{text}");
    }
}

#[test]
fn a_small_mtu_says_what_ipv6_needs() {
    assert_eq!(link("--mtu up:1279").mtu(), Some(1279));
    assert_eq!(link("--mtu 1279").describe().unwrap(), "link: MTU 1279 B, each way; IPv6 needs 1280 B");
    assert_eq!(link("--mtu 1280").describe().unwrap(), "link: MTU 1280 B, each way");
}

#[test]
fn a_queue_needs_a_rate_to_wait_for() {
    let check = |words: &str| {
        let words = std::iter::once("x").chain(words.split_whitespace());
        Only::try_parse_from(words).unwrap().link.check().is_ok()
    };
    assert!(check("--queue 64KB --rate 1mbit") && check("--queue up:64KB --rate up:1mbit"));
    assert!(!check("--queue 64KB") && !check("--queue 64KB --rate down:1mbit"));
}
