//! Buffers that grow by themselves (design notes 17, P-103 to P-106).

use core::net::SocketAddr;
use core::time::Duration;
use std::vec;

use fathom_record::TcpStateName;

use super::Pair;
use super::connections::state;
use super::pair::Fate;
use crate::{Config, TcpConnect, TcpError, TcpId, TcpListen, TcpOptions};

const MIB: usize = 1 << 20;

/// Stacks with buffers of up to `max`, `rtt` apart.
fn far(max: usize, rtt: Duration) -> Pair {
    let mut config = Config::default();
    config.tcp.max_receive_buffer = max;
    config.tcp.max_send_buffer = max;
    let mut pair = Pair::with(config.clone(), config, false);
    pair.latency = rtt / 2;
    pair
}

/// A connection from `a` to `b` with these options at both ends.
fn connected(pair: &mut Pair, options: TcpOptions) -> (TcpId, TcpId) {
    let remote = SocketAddr::new(pair.b.v4, 80);
    let listen = TcpListen { options: options.clone(), ..TcpListen::at(remote) };
    let listener = pair.b.stack.tcp_listen(pair.now, listen).unwrap();
    let connect = TcpConnect { options, ..TcpConnect::to(remote) };
    let a = pair.a.stack.tcp_connect(pair.now, connect).unwrap();
    let mut b = None;
    pair.drive_until(|pair| {
        b = b.or(pair.b.stack.tcp_accept(pair.now, listener));
        b.is_some() && state(pair, true, a) == Some(TcpStateName::Established)
    });
    (a, b.unwrap())
}

/// Writes to `a` what there is room for.
fn write(pair: &mut Pair, a: TcpId, written: &mut usize, len: usize) {
    let mut tcp = pair.a.stack.tcp(pair.now, a).unwrap();
    let data = [7; 64 << 10];
    while *written < len {
        match tcp.send(&data[..data.len().min(len - *written)]) {
            Ok(n) => *written += n,
            Err(TcpError::WouldBlock) => return,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Sends `len` bytes from `a` to `b`, who reads what there is at once. Gives the time it took.
fn transfer(pair: &mut Pair, (a, b): (TcpId, TcpId), len: usize) -> Duration {
    let begin = pair.now;
    let (mut written, mut read) = (0, 0);
    let mut buffer = vec![0; 64 << 10];
    while read < len {
        write(pair, a, &mut written, len);
        let mut tcp = pair.b.stack.tcp(pair.now, b).unwrap();
        while let Ok(n) = tcp.recv(&mut buffer) {
            read += n;
        }
        assert!(pair.step(), "nothing happens any more");
    }
    pair.now - begin
}

fn fixed(bytes: usize) -> TcpOptions {
    TcpOptions { send_buffer: Some(bytes), receive_buffer: Some(bytes), ..TcpOptions::default() }
}

/// P-103: nothing but the congestion window holds a long fat path back.
#[test]
fn buffers_keep_up_with_slow_start_on_a_long_path() {
    let rtt = Duration::from_millis(100);
    let [tuned, unlimited] = [TcpOptions::default(), fixed(64 * MIB)].map(|options| {
        let mut pair = far(32 * MIB, rtt);
        let ends = connected(&mut pair, options);
        transfer(&mut pair, ends, 24 * MIB)
    });
    assert!(tuned <= unlimited + unlimited / 2, "{tuned:?}, and {unlimited:?} with unlimited buffers");
}

#[test]
fn buffers_stop_growing_at_their_maximum() {
    let mut pair = far(300_000, Duration::from_millis(100));
    let ends = connected(&mut pair, TcpOptions::default());
    transfer(&mut pair, ends, 4 * MIB);
    let now = pair.now;
    assert_eq!(pair.b.stack.tcp(now, ends.1).unwrap().receive_buffer(), 300_000);
    assert_eq!(pair.a.stack.tcp(now, ends.0).unwrap().send_buffer(), 300_000);
}

#[test]
fn a_size_that_the_program_sets_stays() {
    let mut pair = far(8 * MIB, Duration::from_millis(20));
    let ends = connected(&mut pair, TcpOptions::default());
    let now = pair.now;
    pair.a.stack.tcp(now, ends.0).unwrap().set_send_buffer(Some(50_000));
    pair.b.stack.tcp(now, ends.1).unwrap().set_receive_buffer(Some(40_000));
    transfer(&mut pair, ends, MIB);
    let now = pair.now;
    assert_eq!(pair.a.stack.tcp(now, ends.0).unwrap().send_buffer(), 50_000);
    assert_eq!(pair.b.stack.tcp(now, ends.1).unwrap().receive_buffer(), 40_000);
}

/// A program that empties the buffer once in ten round trips needs no larger one: it reads little in each.
#[test]
fn a_slow_reader_gets_no_larger_buffer() {
    let mut pair = far(8 * MIB, Duration::from_millis(20));
    let (a, b) = connected(&mut pair, TcpOptions::default());
    let mut written = 0;
    for _ in 0..20 {
        write(&mut pair, a, &mut written, usize::MAX);
        pair.drive_for(Duration::from_millis(200));
        let mut tcp = pair.b.stack.tcp(pair.now, b).unwrap();
        let _ = tcp.recv(&mut vec![0; 64 << 10]);
    }
    assert_eq!(pair.b.stack.tcp(pair.now, b).unwrap().receive_buffer(), 64 << 10);
}

#[test]
fn buffers_do_not_grow_while_memory_is_short() {
    let mut config = Config { memory_limit: MIB, ..Config::default() };
    config.datagram.receive_buffer = MIB;
    let mut pair = Pair::with(Config::default(), config, false);
    let (a, b) = connected(&mut pair, TcpOptions::default());
    // Somebody else's datagrams wait.
    let port: SocketAddr = SocketAddr::new(pair.b.v4, 7);
    let socket = pair.b.stack.udp_bind(pair.now, port).unwrap();
    let other = pair.a.stack.udp_bind(pair.now, SocketAddr::new(pair.a.v4, 0)).unwrap();
    while pair.b.stack.memory_in_use() < MIB / 100 * 80 {
        pair.a.stack.udp(pair.now, other).unwrap().send_to(&[1; 1400], port).unwrap();
        pair.drive_for(Duration::from_millis(20));
    }
    transfer(&mut pair, (a, b), MIB);
    assert_eq!(pair.b.stack.tcp(pair.now, b).unwrap().receive_buffer(), 64 << 10);
    pair.b.stack.udp(pair.now, socket).unwrap().close();
    transfer(&mut pair, (a, b), MIB);
    assert!(pair.b.stack.tcp(pair.now, b).unwrap().receive_buffer() > 64 << 10);
}

/// P-104: the window is made of payload, whatever the segments are.
#[test]
fn the_size_of_segments_does_not_stop_the_growth() {
    for max_segment in [100, 1400] {
        let mut pair = far(4 * MIB, Duration::from_millis(50));
        let options = TcpOptions { max_segment: Some(max_segment), ..TcpOptions::default() };
        let ends = connected(&mut pair, options);
        transfer(&mut pair, ends, 2 * MIB);
        let grown = pair.b.stack.tcp(pair.now, ends.1).unwrap().receive_buffer();
        assert!(grown >= MIB / 2, "{grown} bytes with segments of {max_segment}");
    }
}

/// P-105
#[test]
fn a_low_water_mark_above_the_buffer_is_reached_or_given_up() {
    for options in [TcpOptions::default(), fixed(64 << 10)] {
        let mut pair = far(4 * MIB, Duration::from_millis(20));
        let (a, b) = connected(&mut pair, TcpOptions { receive_low_water: MIB, ..options.clone() });
        let mut written = 0;
        let socket = crate::SocketId::Tcp(b);
        pair.b.events.clear();
        let told = |pair: &Pair| {
            let readable = |event: &&crate::Event| event.readiness.contains(crate::Readiness::READABLE);
            pair.b.events.iter().filter(|event| event.socket == socket).any(|event| readable(&event))
        };
        while !told(&pair) {
            write(&mut pair, a, &mut written, 2 * MIB);
            assert!(pair.step(), "nobody is told");
        }
        let waits = pair.b.stack.tcp(pair.now, b).unwrap().available();
        match options.receive_buffer {
            None => assert!(waits >= MIB, "{waits}"),
            Some(size) => assert!(waits > size / 2, "{waits}"),
        }
    }
}

/// P-106: one loss early in a large window, and all that follows it is kept.
#[test]
fn the_whole_window_may_arrive_behind_a_hole() {
    let mut pair = far(16 * MIB, Duration::from_millis(100));
    let (a, b) = connected(&mut pair, fixed(10 * MIB));
    transfer(&mut pair, (a, b), 12 * MIB);
    let before = pair.a.sent.len();
    pair.fate = std::boxed::Box::new(move |from_a, number, _| match from_a && number == before {
        true => Fate::Lose,
        false => Fate::Deliver,
    });
    let time = transfer(&mut pair, (a, b), 8 * MIB);
    let refused = pair.b.stack.counters().drops().find(|(reason, _)| {
        matches!(
            reason,
            fathom_record::DropReason::TcpReassemblyFull | fathom_record::DropReason::MemoryLimit
        )
    });
    assert_eq!(refused, None);
    assert!(time < Duration::from_secs(3), "{time:?}");
}

/// What was offered is taken, also after the program has made the buffer smaller.
#[test]
fn a_smaller_buffer_takes_back_nothing_that_was_offered() {
    let mut pair = far(MIB, Duration::from_millis(20));
    let (a, b) = connected(&mut pair, TcpOptions::default());
    pair.b.stack.tcp(pair.now, b).unwrap().set_receive_buffer(Some(1000));
    let mut written = 0;
    write(&mut pair, a, &mut written, 60_000);
    pair.drive_for(Duration::from_secs(1));
    // RFC9293-SHLD-14: what was offered is taken, also after the program has made the buffer smaller
    assert_eq!(pair.b.stack.tcp(pair.now, b).unwrap().available(), 60_000);
    assert!(pair.b.stack.counters().drops().next().is_none());
}
