use super::*;

/// The definition: a segment is acceptable when one of its sequence numbers lies in the window. One of
/// length 0 counts as its sequence number, which with a window of 0 must be RCV.NXT.
fn model(seq: u32, len: u32, nxt: u32, wnd: u32) -> bool {
    let window: std::vec::Vec<u32> = (0..wnd).map(|i| nxt.wrapping_add(i)).collect();
    match (len, wnd) {
        (0, 0) => seq == nxt,
        (0, _) => window.contains(&seq),
        _ => (0..len).any(|i| window.contains(&seq.wrapping_add(i))),
    }
}

#[test]
fn acceptable_is_what_the_set_definition_says() {
    for nxt in [0u32, 1, 100, (1 << 31) - 2, 1 << 31, u32::MAX - 2, u32::MAX] {
        for (wnd, len) in (0..5).flat_map(|wnd| (0..7).map(move |len| (wnd, len))) {
            for offset in -9i32..10 {
                let seq = nxt.wrapping_add_signed(offset);
                let got = acceptable(SeqNumber(seq), len, SeqNumber(nxt), wnd);
                // RFC9293-X-5
                assert_eq!(got, model(seq, len, nxt, wnd), "seq {seq} len {len} nxt {nxt} wnd {wnd}");
            }
        }
    }
}

fn space(buffer: usize) -> ReceiveSpace {
    let mut space = ReceiveSpace::new(
        &TcpOptions { receive_buffer: Some(buffer), ..TcpOptions::default() },
        &TcpConfig::default(),
    );
    space.start(SeqNumber(u32::MAX - 10), true);
    space.saw_segment(1000);
    space
}

#[test]
fn the_window_of_a_syn_is_not_scaled_and_the_next_one_is() {
    let mut space = space(1 << 20);
    // RFC7323-R2
    assert_eq!(space.announce(0, true), 65_535);
    assert_eq!(space.window(), 65_535);
    assert_eq!(space.announce(0, false), 32_768);
    // RFC9293-REC-1: the receive window
    assert_eq!(space.window(), 1 << 20);
}

#[test]
fn a_buffer_that_becomes_tiny_still_opens_a_scaled_window() {
    let mut space = space(1 << 20);
    space.announce(0, false);
    // Everything that was offered has come and was read.
    space.nxt = space.adv;
    space.resize(5);
    assert_eq!((space.announce(0, false), space.window()), (1, 32));
}

#[test]
fn the_right_edge_moves_by_a_segment_or_not_at_all() {
    let mut space = space(10_000);
    space.announce(0, false);
    space.nxt += 5_000;
    assert_eq!(space.announce(5_000, false), 5_000);
    for (queued, window) in [(4_500, 5_000), (4_001, 5_000), (4_000, 6_000), (0, 10_000)] {
        // RFC9293-MUST-39, RFC9293-X-18
        assert_eq!(space.announce(queued, false), window, "{queued} queued");
    }
}

#[test]
fn tiny_segments_do_not_push_the_window_along() {
    // The unit is 32 bytes; segments of 4 bytes, and nobody reads.
    let mut space = space(1 << 20);
    space.announce(0, false);
    let (start, edge) = (space.nxt, space.adv);
    let mut queued = 0;
    while space.window() > 0 {
        let len = space.window().min(4);
        space.nxt += len;
        queued += len as usize;
        let field = space.announce(queued, false);
        assert!(u32::from(field) << space.shift <= space.window());
        assert!((u32::from(field) << space.shift) + 32 > space.window());
        // RFC7323-R7, RFC7323-R8, RFC9293-SHLD-14
        assert_eq!(space.adv, edge);
    }
    assert_eq!(space.nxt.distance_from(start), 1 << 20);
}

#[test]
fn an_update_is_due_when_a_window_that_was_half_closed_has_doubled() {
    let mut space = space(10_000);
    space.announce(0, false);
    space.nxt += 4_000;
    assert!(!space.wants_update(0), "6,000 are still open");
    space.nxt += 4_000;
    assert!(!space.wants_update(6_500), "1,500 more");
    assert!(space.wants_update(6_000), "2,000 more");
    space.nxt += 2_000;
    assert!(!space.wants_update(9_500), "closed, and half a segment has room");
    assert!(space.wants_update(9_000));
}

#[test]
fn a_buffer_below_a_segment_opens_by_halves() {
    let mut space = space(100);
    assert_eq!(space.announce(0, false), 100);
    space.nxt += 100;
    assert_eq!(space.announce(51, false), 0);
    assert!(space.wants_update(50));
    assert_eq!(space.announce(50, false), 50);
}
