//! What two stacks do when the memory of one is used up: everything goes on, in smaller parts.

use core::net::SocketAddr;
use core::time::Duration;
use std::vec;
use std::vec::Vec;

use bytes::Bytes;

use super::Pair;
use crate::{Config, TcpConnect, TcpError, TcpId, TcpListen};

/// `a` with so much memory, `b` with plenty.
fn pair(memory_limit: usize, ethernet: bool) -> Pair {
    let config = Config { memory_limit, ..Config::default() };
    Pair::with(config, Config::default(), ethernet)
}

/// A connection from `a` to a port of `b`.
fn connection(pair: &mut Pair, port: u16) -> (TcpId, TcpId) {
    let now = pair.now;
    let at = SocketAddr::new(pair.b.v4, port);
    let listener = pair.b.stack.tcp_listen(now, TcpListen::at(at)).unwrap();
    let a = pair.a.stack.tcp_connect(now, TcpConnect::to(at)).unwrap();
    let mut b = None;
    pair.drive_until(|pair| {
        b = b.or(pair.b.stack.tcp_accept(pair.now, listener));
        b.is_some()
    });
    (a, b.unwrap())
}

#[test]
fn a_program_writes_what_there_is_memory_for() {
    let mut pair = pair(8 << 10, false);
    let (a, _) = connection(&mut pair, 80);
    let now = pair.now;
    // Three quarters are for what is written, in blocks of 2 KiB.
    assert_eq!(pair.a.stack.tcp(now, a).unwrap().send(&[7; 30_000]), Ok(6 << 10));
    let waits = pair.a.stack.tcp(now, a).unwrap().send(&[7]);
    assert_eq!(waits, Err(TcpError::WouldBlock));
}

#[test]
fn of_what_is_handed_over_the_first_part_is_taken() {
    let mut pair = pair(8 << 10, false);
    let (a, _) = connection(&mut pair, 80);
    let now = pair.now;
    let taken = pair.a.stack.tcp(now, a).unwrap().send_bytes(Bytes::from(vec![7; 30_000])).unwrap();
    assert!((5000..=6 << 10).contains(&taken), "{taken}");
}

#[test]
fn what_is_written_leaves_room_for_what_arrives() {
    // Both hold as much as they may of what the other is to read.
    let config = Config { memory_limit: 16 << 10, ..Config::default() };
    let mut pair = Pair::with(config.clone(), config, false);
    let ends: Vec<(TcpId, TcpId)> = (80..84).map(|port| connection(&mut pair, port)).collect();
    let begin = pair.now;
    let mut left = vec![[10_000_usize; 2]; ends.len()];
    let mut got = vec![[0_usize; 2]; ends.len()];
    while got.iter().any(|got| *got != [10_000; 2]) {
        let now = pair.now;
        for (number, (a, b)) in ends.iter().enumerate() {
            for (side, (stack, id)) in
                [(&mut pair.a.stack, a), (&mut pair.b.stack, b)].into_iter().enumerate()
            {
                let mut tcp = stack.tcp(now, *id).unwrap();
                let len = left[number][side];
                left[number][side] -= tcp.send(&vec![7; len]).unwrap_or(0);
                got[number][side] += tcp.recv(&mut [0; 4096]).unwrap_or(0);
            }
        }
        if !pair.step() {
            pair.now += Duration::from_millis(50);
        }
        assert!(pair.now - begin < Duration::from_secs(300), "{got:?}");
    }
}

#[test]
fn a_host_whose_memory_is_full_still_answers_for_its_address_and_to_syns() {
    let mut pair = pair(8 << 10, true);
    let (now, at) = (pair.now, SocketAddr::new(pair.a.v4, 80));
    let from = SocketAddr::new(pair.b.v4, 80);
    pair.a.stack.udp_bind(now, at).unwrap();
    pair.a.stack.tcp_listen(now, TcpListen::at(at)).unwrap();
    let socket = pair.b.stack.udp_bind(now, from).unwrap();
    // The program leaves them unread.
    for _ in 0..40 {
        let now = pair.now;
        pair.b.stack.udp(now, socket).unwrap().send_to(&[7; 10], at).unwrap();
        pair.drive_for(Duration::from_secs(1));
    }
    let held = pair.a.stack.memory_in_use();
    assert!(held + 266 > 7 << 10, "{held} of 8192 bytes");
    // By then the neighbour is to be asked for anew.
    pair.drive_for(Duration::from_secs(300));
    let b = pair.b.stack.tcp_connect(pair.now, TcpConnect::to(at)).unwrap();
    pair.drive_for(Duration::from_secs(5));
    assert_eq!(
        super::connections::state(&mut pair, false, b),
        Some(fathom_record::TcpStateName::Established)
    );
}
