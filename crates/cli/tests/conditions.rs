//! What the link does to a transfer, what the waterfall says of it, and that the same seed does the same.

mod support;

use fathom_tests::Scratch;
use support::{Run, get};

const HOME: &str = "https://example.com/";

fn total(words: &[&str]) -> f64 {
    let words = [&["-s", "-o", "/dev/null", "-w", "%{time_total}"], words].concat();
    get(HOME, &words).succeeded().text().parse().unwrap()
}

fn waterfall(url: &str, words: &[&str]) -> Run {
    get(url, &[&["-o", "/dev/null"], words].concat()).succeeded()
}

#[test]
fn a_delay_adds_twice_itself_to_each_round_trip_and_is_announced() {
    // Four round trips, each 80 ms longer.
    let added = total(&["--delay", "40ms"]) - total(&[]);
    assert!((added - 0.320).abs() < 0.001, "{added}");
    let added = total(&["--delay", "up:40ms"]) - total(&[]);
    assert!((added - 0.160).abs() < 0.001, "{added}");
    let run = waterfall(HOME, &["--delay", "40ms"]);
    let first = run.stderr.lines().next().unwrap();
    assert_eq!(first, "fathom: link: delay 40 ms, each way; adds 80 ms to each round trip");
}

#[test]
fn a_rate_costs_the_time_of_the_bits() {
    let url = "https://example.com/bytes/100000";
    let words = ["-s", "-o", "/dev/null", "-w", "%{time_total}", "--rate", "down:1mbit"];
    let time: f64 = get(url, &words).succeeded().text().parse().unwrap();
    // 100 kB are 0.8 s at 1 Mbit/s; with headers a few percent more, before it four round trips.
    assert!((0.85..1.1).contains(&time), "{time}");
    let run = waterfall(url, &["--rate", "down:1mbit"]);
    let response = run.stderr.lines().find(|line| line.contains("response")).unwrap();
    assert!(
        response.contains("1 Mbit/s") || response.contains("rate") || response.contains("serial"),
        "{response}"
    );
}

#[test]
fn losses_are_seen_and_said() {
    let url = "https://example.com/bytes/300000";
    let run = waterfall(url, &["--loss", "3%", "--seed", "5"]);
    assert!(run.stderr.contains("loss") || run.stderr.contains("lost"), "{}", run.stderr);
    let clean: f64 =
        get(url, &["-s", "-o", "/dev/null", "-w", "%{time_total}"]).succeeded().text().parse().unwrap();
    let words = ["-s", "-o", "/dev/null", "-w", "%{time_total}", "--loss", "3%", "--seed", "5"];
    let lossy: f64 = get(url, &words).succeeded().text().parse().unwrap();
    assert!(lossy > clean, "{lossy} {clean}");
}

#[test]
fn every_condition_lets_the_page_through() {
    for words in [
        &["--jitter", "5ms"][..],
        &["--queue", "64KB", "--rate", "10mbit"],
        &["--burst-loss", "1%,50%"],
        &["--reorder", "5%"],
        &["--duplicate", "10%"],
        &["--corrupt", "1%"],
        &["--mtu", "1280"],
    ] {
        let run = get("https://example.com/bytes/50000", &[&["-s", "-m", "120"], words].concat()).succeeded();
        assert_eq!(run.stdout.len(), 50_000, "{words:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let url = "https://example.com/bytes/200000";
    let words = ["--loss", "2%", "--jitter", "2ms", "--seed", "7"];
    let (one, two) = (waterfall(url, &words), waterfall(url, &words));
    assert_eq!(one.stderr, two.stderr);
    let other = waterfall(url, &["--loss", "2%", "--jitter", "2ms", "--seed", "8"]);
    assert_ne!(one.stderr, other.stderr);
}

#[test]
fn the_same_seed_gives_the_same_frames_in_time_order_and_length() {
    let scratch = Scratch::new();
    let [one, two, other] = [("one", "3"), ("two", "3"), ("other", "4")].map(|(name, seed)| {
        let file = scratch.path(name);
        let words =
            ["-s", "-o", "/dev/null", "--seed", seed, "--loss", "5%", "--write", file.to_str().unwrap()];
        get("https://example.com/bytes/50000", &words).succeeded();
        frames(&std::fs::read(file).unwrap())
    });
    assert!(one.len() > 30, "{one:?}");
    assert_eq!(one, two);
    assert_ne!(one, other);
}

/// Time and length of each frame of a capture: the enhanced packet blocks (type 6) of pcapng.
fn frames(capture: &[u8]) -> Vec<(u64, u32)> {
    let number = |at: usize| u32::from_le_bytes(capture[at..at + 4].try_into().unwrap());
    let (mut frames, mut at) = (Vec::new(), 0);
    while at < capture.len() {
        if number(at) == 6 {
            frames.push((u64::from(number(at + 12)) << 32 | u64::from(number(at + 16)), number(at + 20)));
        }
        at += number(at + 4) as usize;
    }
    frames
}
