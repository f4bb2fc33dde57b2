use alloc::string::{String, ToString};
use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::{GilbertElliott, Reorder};

/// What the words are understood as.
fn reading<T: FromStr<Err: fmt::Display> + fmt::Display>(text: &str) -> String {
    match text.parse::<T>() {
        Ok(value) => value.to_string(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn times_are_read_and_echoed() {
    for (text, expected) in [
        ("40ms", "40 ms"),
        ("1.5s", "1.5 s"),
        ("1500ms", "1.5 s"),
        ("200us", "200 µs"),
        ("200 µs", "200 µs"),
        (".5ms", "500 µs"),
        ("2min", "120 s"),
        ("7ns", "7 ns"),
        ("0", "0 ms"),
        ("40", "'40' has no unit: write 40ms, 1.5s or 200us"),
        ("40mss", "'mss' is no unit of a length of time: write 40ms, 1.5s or 200us"),
        ("fast", "'fast' is no length of time: write 40ms, 1.5s or 200us"),
        ("-1ms", "'-1ms' is no length of time: write 40ms, 1.5s or 200us"),
        ("1.2.3s", "'1.2.3s' is no length of time: write 40ms, 1.5s or 200us"),
        ("0.1ns", "'0.1ns' is out of range: a length of time is whole nanoseconds, up to 584 years"),
        (
            "999999999999s",
            "'999999999999s' is out of range: a length of time is whole nanoseconds, up to 584 years",
        ),
    ] {
        assert_eq!(reading::<TimeSpan>(text), expected, "{text}");
    }
}

#[test]
fn rates_tell_bits_from_bytes() {
    for (text, expected) in [
        ("10mbit", "10 Mbit/s"),
        ("10Mbit/s", "10 Mbit/s"),
        ("10Mbps", "10 Mbit/s"),
        ("1MBps", "8 Mbit/s"),
        ("1.5gbit", "1.5 Gbit/s"),
        ("500kbit", "500 kbit/s"),
        ("9600bit", "9.6 kbit/s"),
        ("12kB/s", "96 kbit/s"),
        ("10M", "'10M' has no unit: write 10mbit (bits a second) or 1MBps (bytes a second)"),
        ("10", "'10' has no unit: write 10mbit (bits a second) or 1MBps (bytes a second)"),
        ("10MB", "'MB' is no unit of a rate: write 10mbit (bits a second) or 1MBps (bytes a second)"),
        ("0mbit", "'0mbit' is out of range: a rate is at least 1 bit a second, in whole bits, below 2^64"),
    ] {
        assert_eq!(reading::<BitsPerSecond>(text), expected, "{text}");
    }
}

#[test]
fn byte_counts_tell_thousands_from_1024s() {
    for (text, expected) in [
        ("1500", "1.5 kB"),
        ("64KB", "64 kB"),
        ("64KiB", "64 KiB"),
        ("65536", "64 KiB"),
        ("1.5MB", "1.5 MB"),
        ("0", "0 B"),
        ("64kb", "'kb' is no unit of a number of bytes: write 1500, 64KB (64 000) or 64KiB (65 536)"),
        ("0.5B", "'0.5B' is out of range: a number of bytes is whole bytes, below 2^64"),
    ] {
        assert_eq!(reading::<ByteCount>(text), expected, "{text}");
    }
}

#[test]
fn chances_are_percent_or_fractions_and_never_guessed() {
    for (text, expected) in [
        ("1%", "1 %"),
        ("0.01", "1 %"),
        ("7%", "7 %"),
        ("0.07", "7 %"),
        ("0.25 %", "0.25 %"),
        ("0", "0 %"),
        ("1", "100 %"),
        ("100%", "100 %"),
        ("2", "'2' is out of range: a chance is from 0 to 1, or from 0% to 100%"),
        ("101%", "'101%' is out of range: a chance is from 0 to 1, or from 0% to 100%"),
        ("nan", "'nan' is no chance: write 1% or 0.01"),
        ("1e-3", "'1e-3' is no chance: write 1% or 0.01"),
        ("", "'' is no chance: write 1% or 0.01"),
    ] {
        assert_eq!(reading::<Probability>(text), expected, "{text}");
    }
}

#[test]
fn bursts_and_reordering_are_lists() {
    let form = "write ENTER,RECOVER[,LOSS_BAD[,LOSS_GOOD]], such as 1%,25%";
    assert_eq!(reading::<GilbertElliott>("1%,25%"), "1 %,25 %");
    assert_eq!(reading::<GilbertElliott>("1%,25%,0.8,0.1%"), "1 %,25 %,80 %,0.1 %");
    assert_eq!(reading::<GilbertElliott>("1%"), alloc::format!("'1%' does not say the burst loss: {form}"));
    assert_eq!(reading::<Reorder>("5%"), "5 %,3,10 ms");
    assert_eq!(reading::<Reorder>("5%, 2, 1ms"), "5 %,2,1 ms");
    let form = "write CHANCE[,FRAMES[,TIME]], such as 5%,3,10ms";
    assert_eq!(reading::<Reorder>("5%,0"), alloc::format!("'5%,0' does not say the reordering: {form}"));
    assert_eq!(reading::<Reorder>(""), alloc::format!("'' does not say the reordering: {form}"));
}

#[test]
fn a_direction_in_front_limits_a_value_to_it() {
    let set = |text: &str| {
        let (mut up, mut down) = (0, 0);
        let directed: Directed<ByteCount> = text.parse().unwrap();
        directed.apply(&mut up, &mut down, |side, bytes| *side = bytes.0);
        (up, down, directed.to_string())
    };
    assert_eq!(set("3"), (3, 3, "3 B".into()));
    assert_eq!(set("up:3"), (3, 0, "up:3 B".into()));
    assert_eq!(set("down:3"), (0, 3, "down:3 B".into()));
    assert!("left:3".parse::<Directed<ByteCount>>().is_err());
}

fn returns<T: FromStr<Err: fmt::Debug> + fmt::Display + fmt::Debug + PartialEq>(value: T) {
    assert_eq!(value.to_string().parse::<T>().unwrap(), value);
}

proptest! {
    #[test]
    fn what_is_written_reads_back_the_same(number: u64, chance in prop_oneof![0.0..=1.0, 0.0..=1e-6], percent in 0_u32..=10_000) {
        returns(TimeSpan(Duration::from_nanos(number)));
        returns(ByteCount(number));
        returns(BitsPerSecond::new(number.max(1)).unwrap());
        returns(Probability::new(f64::from(percent) / 10_000.0).unwrap());
        returns(Probability::new(chance).unwrap());
    }

    #[test]
    fn no_text_makes_a_parser_panic(text: String) {
        let _ = text.parse::<TimeSpan>();
        let _ = text.parse::<ByteCount>();
        let _ = text.parse::<BitsPerSecond>();
        let _ = text.parse::<Directed<Probability>>();
        let _ = text.parse::<GilbertElliott>();
        let _ = text.parse::<Reorder>();
    }
}
