use alloc::vec::Vec;

use super::*;

fn bits_per_second(text: &str) -> Option<BitsPerSecond> {
    Some(text.parse().unwrap())
}

#[test]
fn frames_leave_one_after_the_other() {
    let mut line = Line::default();
    // At 10 Mbit/s a byte takes 0.8 µs.
    for (now_us, bytes, left_us) in [
        (0, 1500, 1_200),
        (0, 1500, 2_400),       // behind the first
        (1_000, 100, 2_480),    // behind both
        (2_480, 1250, 3_480),   // the line has just become free
        (10_000, 1250, 11_000), // after a pause
    ] {
        let left = line.send(Instant::from_micros(now_us), bytes, bits_per_second("10mbit"), None);
        assert_eq!(left, Some(Instant::from_micros(left_us)), "{bytes} bytes at {now_us} µs");
    }
}

#[test]
fn rounding_does_not_add_up() {
    let mut line = Line::default();
    // One byte at 3 Mbit/s takes 8/3 µs, which is no whole number of nanoseconds.
    let left: Vec<u64> = (0..3_000)
        .map(|_| line.send(Instant::ZERO, 1, bits_per_second("3mbit"), None).unwrap().as_nanos())
        .collect();
    assert_eq!(left[..3], [2_666, 5_333, 8_000]);
    assert_eq!(left[2_999], 8_000_000);
}

#[test]
fn the_queue_holds_bytes_and_not_the_frame_on_the_line() {
    let mut line = Line::default();
    let mut send = |now_us, bytes| {
        let now = Instant::from_micros(now_us);
        let left = line.send(now, bytes, bits_per_second("8mbit"), Some(ByteCount(2_000)));
        (left.map(Instant::as_micros), line.waiting_bytes(now), line.waiting_frames(now))
    };
    // At 8 Mbit/s a byte takes 1 µs.
    assert_eq!(send(0, 1_000), (Some(1_000), 0, 0), "onto the line at once");
    assert_eq!(send(0, 1_000), (Some(2_000), 1_000, 1));
    assert_eq!(send(0, 1_000), (Some(3_000), 2_000, 2), "fills the queue to the last byte");
    assert_eq!(send(0, 1), (None, 2_000, 2), "full");
    assert_eq!(send(999, 1), (None, 2_000, 2), "still full");
    assert_eq!(send(1_000, 1_001), (None, 1_000, 1), "too large for the room that one left");
    assert_eq!(send(1_000, 1_000), (Some(4_000), 2_000, 2));
    assert_eq!(send(4_000, 2_001), (Some(6_001), 0, 0), "an idle line takes a frame of any size");
}

#[test]
fn a_line_without_a_rate_sends_at_once_but_keeps_the_order() {
    let mut line = Line::default();
    assert_eq!(line.send(Instant::ZERO, 1_000, None, Some(ByteCount(0))), Some(Instant::ZERO));
    let slow = line.send(Instant::ZERO, 1_000, bits_per_second("8mbit"), None);
    assert_eq!(slow, Some(Instant::from_micros(1_000)));
    assert_eq!(line.send(Instant::ZERO, 1_000, None, None), slow);
}
