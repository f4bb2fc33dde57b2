//! All orders in which two ends close, with each of the segments lost in turn (design notes P-94), and
//! sequence numbers at their wrap (P-2).

use core::time::Duration;
use std::boxed::Box;

use fathom_record::TcpStateName;
use fathom_wire::Instant;

use super::Pair;
use super::connections::{established, state};
use super::pair::Fate;
use crate::{Readiness, SocketId, TcpId};

/// Who ends its data, and when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Order {
    /// `a` closes; `b` when it has seen the end.
    First,
    /// The other way round.
    Second,
    /// Both at once.
    Crossing,
    /// `a` shuts down, `b` still sends some data and closes, `a` reads that.
    HalfClose,
}

fn close(pair: &mut Pair, a: bool, id: TcpId) {
    let now = pair.now;
    let end = if a { &mut pair.a } else { &mut pair.b };
    end.stack.tcp(now, id).unwrap().close();
}

/// Steps until `id` reads the end of the stream, and gives how much came before it.
fn read_to_end(pair: &mut Pair, a: bool, id: TcpId) -> usize {
    let mut total = 0;
    pair.drive_until(|pair| {
        let now = pair.now;
        let end = if a { &mut pair.a } else { &mut pair.b };
        let mut buffer = [0; 100];
        loop {
            match end.stack.tcp(now, id).unwrap().recv(&mut buffer) {
                Ok(0) => return true,
                Ok(n) => total += n,
                Err(_) => return false,
            }
        }
    });
    total
}

fn run(order: Order, a_loses: Option<usize>, b_loses: Option<usize>) {
    let mut pair = Pair::ip();
    let (a, b) = established(&mut pair);
    pair.flush();
    let (sent_a, sent_b) = (pair.a.sent.len(), pair.b.sent.len());
    pair.fate = Box::new(move |from_a, number, _| {
        let lost = if from_a { a_loses.map(|n| n + sent_a) } else { b_loses.map(|n| n + sent_b) };
        if lost == Some(number) { Fate::Lose } else { Fate::Deliver }
    });
    match order {
        Order::First => {
            close(&mut pair, true, a);
            assert_eq!(read_to_end(&mut pair, false, b), 0);
            close(&mut pair, false, b);
        }
        Order::Second => {
            close(&mut pair, false, b);
            assert_eq!(read_to_end(&mut pair, true, a), 0);
            close(&mut pair, true, a);
        }
        Order::Crossing => {
            close(&mut pair, true, a);
            close(&mut pair, false, b);
        }
        Order::HalfClose => {
            let now = pair.now;
            pair.a.stack.tcp(now, a).unwrap().shutdown().unwrap();
            assert_eq!(read_to_end(&mut pair, false, b), 0);
            let now = pair.now;
            assert_eq!(pair.b.stack.tcp(now, b).unwrap().send(b"the rest"), Ok(8));
            close(&mut pair, false, b);
            assert_eq!(read_to_end(&mut pair, true, a), 8);
            close(&mut pair, true, a);
        }
    }
    let closing = pair.now;
    pair.drive();
    assert_eq!((state(&mut pair, true, a), state(&mut pair, false, b)), (None, None), "{order:?}");
    assert!(pair.now - closing < Duration::from_secs(130), "{order:?} {a_loses:?} {b_loses:?}");
    assert_eq!((pair.a.stack.memory_in_use(), pair.b.stack.memory_in_use()), (0, 0));
}

#[test]
fn both_ends_close_whatever_segment_is_lost() {
    for order in [Order::First, Order::Second, Order::Crossing, Order::HalfClose] {
        run(order, None, None);
        for lost in 0..4 {
            run(order, Some(lost), None);
            run(order, None, Some(lost));
            for also in 0..4 {
                run(order, Some(lost), Some(also));
            }
        }
    }
}

#[test]
fn sequence_numbers_wrap_without_harm() {
    // At 1 ms the first connection has this ISN; each 4 µs later it is one more.
    let iss = {
        let mut pair = Pair::ip();
        pair.a.stack.recorder().enable(100);
        established(&mut pair);
        let records = pair.a.stack.recorder();
        let syn = records.iter().find_map(|record| match record.kind {
            fathom_record::Kind::Engine(fathom_record::Engine::TcpSegment {
                why: fathom_record::SendReason::Syn,
                seq,
                ..
            }) => Some(seq),
            _ => None,
        });
        syn.unwrap()
    };
    for wanted in [0u32, 1, (1 << 31) - 1, 1 << 31, u32::MAX, u32::MAX - 1000, u32::MAX - 30_000] {
        let mut pair = Pair::ip();
        let later = u64::from(wanted.wrapping_sub(iss)) * 4;
        pair.now = Instant::from_millis(1) + Duration::from_micros(later);
        let (a, b) = established(&mut pair);
        let now = pair.now;
        assert_eq!(pair.a.stack.tcp(now, a).unwrap().send(&[7; 60_000]), Ok(60_000));
        assert_eq!(pair.b.stack.tcp(now, b).unwrap().send(&[8; 60_000]), Ok(60_000));
        close_after(&mut pair, a, b);
    }
}

/// Reads all that both have sent, and closes.
fn close_after(pair: &mut Pair, a: TcpId, b: TcpId) {
    let now = pair.now;
    pair.a.stack.tcp(now, a).unwrap().shutdown().unwrap();
    pair.b.stack.tcp(now, b).unwrap().shutdown().unwrap();
    assert_eq!(read_to_end(pair, true, a), 60_000);
    assert_eq!(read_to_end(pair, false, b), 60_000);
    close(pair, true, a);
    close(pair, false, b);
    pair.drive();
    assert_eq!(state(pair, true, a), None);
}

#[test]
fn a_connection_to_a_closed_port_is_refused() {
    let mut pair = Pair::new();
    let id = super::connections::connect(&mut pair);
    pair.drive();
    assert_eq!(state(&mut pair, true, id), Some(TcpStateName::Closed));
    let now = pair.now;
    assert_eq!(pair.a.stack.tcp(now, id).unwrap().take_error(), Some(crate::TcpError::Refused));
    let told = pair
        .a
        .events
        .iter()
        .any(|event| event.socket == SocketId::Tcp(id) && event.readiness.contains(Readiness::ERROR));
    assert!(told);
}

#[test]
fn a_neighbour_that_does_not_answer_makes_the_host_unreachable() {
    let mut pair = Pair::new();
    pair.fate = Box::new(|_, _, _| Fate::Lose);
    let id = super::connections::connect(&mut pair);
    pair.drive();
    let now = pair.now;
    assert_eq!(pair.a.stack.tcp(now, id).unwrap().take_error(), Some(crate::TcpError::HostUnreachable));
}

#[test]
fn a_connection_to_itself_works_and_stays_quiet() {
    let mut pair = Pair::ip();
    let end = core::net::SocketAddr::new(pair.a.v4, 7777);
    let connect = crate::TcpConnect { remote: end, local: Some(end), options: crate::TcpOptions::default() };
    let id = pair.a.stack.tcp_connect(pair.now, connect).unwrap();
    pair.drive_for(Duration::from_millis(1));
    assert_eq!(state(&mut pair, true, id), Some(TcpStateName::Established));
    let now = pair.now;
    assert_eq!(pair.a.stack.tcp(now, id).unwrap().send(b"echo"), Ok(4));
    pair.drive_for(Duration::from_secs(1));
    let now = pair.now;
    let mut tcp = pair.a.stack.tcp(now, id).unwrap();
    let mut buffer = [0; 10];
    assert_eq!((tcp.recv(&mut buffer), &buffer[..4]), (Ok(4), &b"echo"[..]));
    assert!(tcp.info().segments_sent < 20, "{}", tcp.info().segments_sent);
    tcp.close();
    pair.drive();
    assert_eq!(state(&mut pair, true, id), None);
}
