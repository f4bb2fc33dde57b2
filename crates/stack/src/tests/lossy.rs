//! TCP over a bad cable: what is written on one side comes out on the other, whatever the cable does.

use core::net::SocketAddr;
use core::time::Duration;
use std::boxed::Box;
use std::vec;
use std::vec::Vec;

use super::Pair;
use super::connections::{established, state};
use super::pair::{DecideFate, End, Fate};
use crate::{Config, CongestionAlgorithm, TcpError, TcpId, TcpInfo};

/// The byte at a position of a stream.
fn byte(position: usize) -> u8 {
    (position * 7 + position / 251 + position / 65_536) as u8
}

fn stream(from: usize, len: usize) -> Vec<u8> {
    (from..from + len).map(byte).collect()
}

/// One direction of a transfer.
#[derive(Default)]
struct Flow {
    written: usize,
    read: usize,
    ended: bool,
}

/// Writes what there is room for and shuts down in the end.
fn write(end: &mut End, now: fathom_wire::Instant, id: TcpId, flow: &mut Flow, len: usize) {
    let Some(mut tcp) = end.stack.tcp(now, id) else { return };
    while flow.written < len {
        match tcp.send(&stream(flow.written, (len - flow.written).min(10_000))) {
            Ok(n) => flow.written += n,
            Err(TcpError::WouldBlock) => return,
            Err(error) => panic!("{error} after {} bytes", flow.written),
        }
    }
    tcp.shutdown().unwrap();
}

fn read(end: &mut End, now: fathom_wire::Instant, id: TcpId, flow: &mut Flow) {
    let Some(mut tcp) = end.stack.tcp(now, id) else { return };
    let mut buffer = vec![0; 4096];
    while !flow.ended {
        match tcp.recv(&mut buffer) {
            Ok(0) => flow.ended = true,
            Ok(n) => {
                assert!(buffer[..n] == stream(flow.read, n), "wrong bytes at {}", flow.read);
                flow.read += n;
            }
            Err(TcpError::WouldBlock) => return,
            Err(error) => panic!("{error} after {} bytes", flow.read),
        }
    }
}

/// Sends `len` bytes each way, and closes. Gives the time it took.
fn transfer(pair: &mut Pair, lens: (usize, usize)) -> Duration {
    let (a, b) = established(pair);
    let begin = pair.now;
    let (mut up, mut down) = (Flow::default(), Flow::default());
    loop {
        let now = pair.now;
        write(&mut pair.a, now, a, &mut up, lens.0);
        write(&mut pair.b, now, b, &mut down, lens.1);
        read(&mut pair.b, now, b, &mut up);
        read(&mut pair.a, now, a, &mut down);
        if up.ended && down.ended {
            break;
        }
        assert!(pair.step(), "nothing happens any more at {now}, {} and {} bytes", up.read, down.read);
    }
    assert_eq!((up.read, down.read), lens);
    let time = pair.now - begin;
    let now = pair.now;
    pair.a.stack.tcp(now, a).unwrap().close();
    pair.b.stack.tcp(now, b).unwrap().close();
    pair.drive();
    assert_eq!((state(pair, true, a), state(pair, false, b)), (None, None));
    assert_eq!((pair.a.stack.memory_in_use(), pair.b.stack.memory_in_use()), (0, 0));
    time
}

/// Loss, reordering and duplication in per mille, by a seed.
fn bad(seed: u64, loss: u64, reorder: u64, duplicate: u64) -> DecideFate {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut draw = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state >> 20
    };
    Box::new(move |_, _, _| match draw() % 1000 {
        x if x < loss => Fate::Lose,
        x if x < loss + reorder => Fate::Delay(Duration::from_micros(draw() % 30_000)),
        x if x < loss + reorder + duplicate => Fate::Duplicate,
        _ => Fate::Deliver,
    })
}

#[test]
fn a_clean_cable_carries_a_mebibyte_each_way() {
    let mut pair = Pair::ip();
    let time = transfer(&mut pair, (1 << 20, 1 << 20));
    // Ten segments in the first round trip of 20 ms, twice as many in each that follows.
    assert!(time < Duration::from_millis(200), "{time:?}");
    let sent = pair.a.sent.len() + pair.b.sent.len();
    assert!(sent < 2 * 730 * 3, "{sent} segments");
}

#[test]
fn every_byte_arrives_whatever_the_cable_does() {
    for seed in 0..24 {
        let (loss, reorder, duplicate) =
            [(10, 0, 0), (0, 50, 0), (0, 0, 50), (10, 20, 10), (50, 50, 50), (150, 100, 0)]
                [seed as usize % 6];
        let mut pair = Pair::ip();
        let mut bad = bad(seed + 1, loss, reorder, duplicate);
        // The handshake is another test's matter.
        pair.fate =
            Box::new(move |a, number, bytes| if number < 2 { Fate::Deliver } else { bad(a, number, bytes) });
        let time = transfer(&mut pair, (200_000, 60_000));
        assert!(time < Duration::from_secs(60), "seed {seed}: {time:?}");
    }
}

#[test]
fn frames_are_the_same_whether_they_are_owned_or_written() {
    for recording in [false, true] {
        let trace = |writes: bool| {
            let mut pair = Pair::new();
            for end in [&mut pair.a, &mut pair.b] {
                end.writes = writes;
                if recording {
                    end.stack.recorder().enable(1000);
                }
            }
            pair.fate = bad(3, 20, 20, 20);
            transfer(&mut pair, (200_000, 3_000));
            let ends = [pair.a.v4, pair.b.v4].map(|address| SocketAddr::new(address, 7));
            let socket = pair.a.stack.udp_bind(pair.now, ends[0]).unwrap();
            // Fragments, and the answer that nobody has the port.
            pair.a.stack.udp(pair.now, socket).unwrap().send_to(&stream(0, 5000), ends[1]).unwrap();
            pair.drive();
            let counted = [&pair.a, &pair.b].map(|end| {
                let counters = end.stack.counters();
                (counters.frames_transmitted, counters.bytes_transmitted)
            });
            (pair.a.sent, pair.b.sent, counted)
        };
        assert!(trace(false) == trace(true), "recording: {recording}");
    }
}

#[test]
fn the_handshake_survives_losses() {
    for seed in 0..40 {
        let mut pair = Pair::ip();
        pair.fate = bad(seed + 100, 150, 50, 50);
        transfer(&mut pair, (3_000, 3_000));
    }
}

/// Sends `len` bytes from `a` to `b`, `latency` apart; frames of `a` meet their `fate`. Gives the time until
/// the last byte was read, and what the sender has to tell.
fn upload(
    latency: Duration,
    len: usize,
    fate: DecideFate,
    algorithm: CongestionAlgorithm,
) -> (Duration, TcpInfo) {
    let mut config = Config::default();
    config.tcp.congestion_control = algorithm;
    let mut pair = Pair::with(config.clone(), config, false);
    pair.latency = latency;
    let (a, b) = established(&mut pair);
    let mut fate = fate;
    pair.fate = Box::new(
        move |from_a, number, bytes| {
            if from_a { fate(from_a, number, bytes) } else { Fate::Deliver }
        },
    );
    let begin = pair.now;
    let mut up = Flow::default();
    loop {
        let now = pair.now;
        write(&mut pair.a, now, a, &mut up, len);
        read(&mut pair.b, now, b, &mut up);
        if up.ended {
            break;
        }
        assert!(pair.step(), "nothing happens any more at {now}");
    }
    let now = pair.now;
    (now - begin, pair.a.stack.tcp(now, a).unwrap().info())
}

/// The same over a link on which nothing is lost, 100 ms there and back.
fn clean(len: usize) -> Duration {
    upload(MS(50), len, Box::new(|_, _, _| Fate::Deliver), CongestionAlgorithm::Cubic).0
}

const MS: fn(u64) -> Duration = Duration::from_millis;

#[test]
fn many_holes_in_one_window_cost_two_round_trips_and_each_one_repetition() {
    // Slow start sends frames 143 to 282 or so in one round trip.
    for (name, range, every) in
        [("every fifth", 150..250, 5), ("forty in a row", 150..190, 1), ("every second", 150..250, 2)]
    {
        let lost = move |number: usize| range.contains(&number) && number.is_multiple_of(every);
        let count = (0..1000).filter(|number| lost(*number)).count() as u64;
        let fate: DecideFate =
            Box::new(move |_, number, _| if lost(number) { Fate::Lose } else { Fate::Deliver });
        let (time, info) = upload(MS(50), 600_000, fate, CongestionAlgorithm::Cubic);
        assert_eq!(info.retransmits, count, "{name}");
        assert_eq!(info.dsack_dups, 0, "{name}");
        let more = time - clean(600_000);
        assert!(more <= MS(300), "{name}: {more:?} more than without losses");
    }
}

#[test]
fn one_in_a_hundred_lost_leaves_what_the_formula_gives() {
    // Mathis: a segment for each round trip times 1.22 / sqrt(loss): 12.2 segments, 177 kB/s. Losses do not
    // come evenly, and the round trips of the repairs count.
    for algorithm in CongestionAlgorithm::ALL {
        let mut total = Duration::ZERO;
        for seed in 0..4 {
            let (time, info) = upload(MS(50), 2_000_000, bad(seed + 1, 10, 0, 0), algorithm);
            assert!(info.retransmits < 40, "{}", info.retransmits);
            total += time;
        }
        let rate = 4.0 * 2_000_000.0 / total.as_secs_f64();
        assert!(rate > 0.7 * 177_000.0, "{algorithm}: {rate}");
    }
}

#[test]
fn reordering_is_learned_and_does_not_make_the_window_collapse() {
    for (reorder, late_us) in [(10, 3_000), (50, 30_000), (200, 100_000)] {
        for seed in 0..3 {
            let mut bad = bad(seed + 1, 0, reorder, 0);
            let fate: DecideFate = Box::new(move |from_a, number, bytes| match bad(from_a, number, bytes) {
                Fate::Delay(time) => Fate::Delay(time * late_us / 30_000),
                other => other,
            });
            let (time, info) = upload(MS(50), 4_000_000, fate, CongestionAlgorithm::Cubic);
            assert!(info.reordering > 3, "{}", info.reordering);
            // Without any of it 0.85 s; a window that is cut for each late segment makes it 3 to 15 s.
            assert!(time < MS(2500), "{reorder} of a thousand {late_us} us late: {time:?}");
        }
    }
}
