//! Random segments, calls and pauses at one connection: whatever comes, nothing breaks, nothing leaks, and
//! the connection never sits with something to send and no reason to wake (design notes 23).

use core::time::Duration;
use std::vec;
use std::vec::Vec;

use arrayvec::ArrayVec;
use fathom_record::TcpStateName;
use fathom_wire::{SackBlock, SeqNumber};
use proptest::prelude::*;

use super::harness::{F, Host, IRS, MSS, Peer, Seg, plain};
use crate::socket::TcpId;
use crate::transport::tcp::TcpOptions;

#[derive(Clone, Debug)]
enum Step {
    /// A segment: offsets from what would be right, flags, data, window, timestamp.
    Take {
        seq: i32,
        ack: i32,
        flags: u16,
        len: usize,
        window: u16,
        stamp: Option<u32>,
        /// Offsets from the acknowledgement number, and lengths.
        sack: Vec<(i32, i32)>,
    },
    /// The peer reports what lies so far behind the first that is missing, in quarters of a segment.
    Reports(Vec<(u32, u32)>),
    /// The peer acknowledges all, or a part of what is in flight.
    Acks(u32),
    /// The next data, in order.
    Data(usize),
    Write(usize),
    Read,
    Shutdown,
    Close,
    Pass(u64),
    Send,
}

fn offset() -> impl Strategy<Value = i32> {
    prop_oneof![6 => Just(0), 3 => -3000i32..3000, 1 => any::<i32>()]
}

fn step() -> impl Strategy<Value = Step> {
    let flags = prop_oneof![6 => Just(0x10u16), 2 => Just(0x11), 1 => Just(0x14), 2 => any::<u16>()];
    let len = prop_oneof![4 => Just(0usize), 3 => 0usize..100, 2 => 0usize..5000];
    let window = prop_oneof![3 => Just(65_535u16), 2 => Just(0), 2 => any::<u16>()];
    let sack = prop::collection::vec((offset(), offset()), 0..3);
    let take = (offset(), offset(), flags, len, window, prop::option::of(990u32..1100), sack).prop_map(
        |(seq, ack, flags, len, window, stamp, sack)| Step::Take {
            seq,
            ack,
            flags,
            len,
            window,
            stamp,
            sack,
        },
    );
    let reports = prop::collection::vec((1u32..40, 1u32..20), 1..4).prop_map(Step::Reports);
    prop_oneof![
        8 => take,
        6 => (0u32..4).prop_map(Step::Acks),
        6 => reports,
        4 => (1usize..3000).prop_map(Step::Data),
        4 => (1usize..20_000).prop_map(Step::Write),
        4 => Just(Step::Read),
        1 => Just(Step::Shutdown),
        1 => Just(Step::Close),
        3 => (0u64..3_000).prop_map(Step::Pass),
        8 => Just(Step::Send),
    ]
}

/// Blocks by where they begin behind an acknowledgement number, and how long they are.
fn blocks(ack: SeqNumber, ranges: impl IntoIterator<Item = (i32, i32)>) -> ArrayVec<SackBlock, 4> {
    let at = |offset: i32| SeqNumber(ack.0.wrapping_add_signed(offset));
    let block = |(left, len): (i32, i32)| SackBlock { left: at(left), right: at(left.wrapping_add(len)) };
    ranges.into_iter().map(block).collect()
}

/// Runs the steps, and gives what must hold in the end.
fn run(host: &mut Host, mut peer: Peer, steps: Vec<Step>) {
    let id = peer.id;
    for step in steps {
        let Some(state) = host.state(id) else { break };
        let info = host.layer.get(id).unwrap().info(host.now, &host.config.tcp, &host.memory);
        match step {
            Step::Take { seq, ack, flags, len, window, stamp, sack } => {
                let mut seg = Seg::new(
                    F::from_bits_truncate(flags & 0x1ff),
                    SeqNumber(peer.nxt.0.wrapping_add_signed(seq)),
                    SeqNumber(peer.una.0.wrapping_add_signed(ack)),
                );
                seg.window = window;
                seg.data = vec![7; len];
                seg.options.sack = blocks(seg.ack, sack);
                if let Some(value) = stamp {
                    seg = seg.stamp(value, value);
                }
                host.take(&seg);
            }
            Step::Acks(quarters) => {
                let seg = peer.acks(info.in_flight / 4 * quarters);
                host.take(&seg);
            }
            Step::Reports(ranges) => {
                let quarter = MSS as i32 / 4;
                let ranges = ranges.iter().map(|(at, len)| (*at as i32 * quarter, *len as i32 * quarter));
                let mut seg = peer.ack();
                seg.options.sack = blocks(seg.ack, ranges);
                host.take(&seg);
            }
            Step::Data(len) => {
                let seg = peer.data(&vec![8; len]);
                if host.take(&seg).0.is_some() {
                    peer.nxt -= len as u32;
                }
            }
            Step::Write(len) => {
                let _ = host.with_connection(id, |connection, cx| connection.send(cx, &vec![9; len]));
            }
            Step::Read => drop(host.read(id)),
            Step::Shutdown => drop(host.with_connection(id, |connection, cx| connection.shutdown(cx))),
            Step::Close => host.with_connection(id, |connection, cx| connection.let_go(cx)),
            Step::Pass(ms) => drop(host.pass(Duration::from_millis(ms))),
            Step::Send => {
                host.sends(id);
                wakes(host, id, state);
            }
        }
        assert!(host.memory.in_use() <= (1 << 20) + 4 * 65_535 + (64 << 10), "{}", host.memory.in_use());
    }
    // All ends, sooner or later, once the program has let go and the peer is silent.
    if host.state(id).is_some() {
        host.with_connection(id, |connection, cx| connection.let_go(cx));
    }
    for _ in 0..50 {
        if host.state(id).is_none() {
            break;
        }
        host.sends(id);
        host.pass(Duration::from_secs(60));
    }
    assert_eq!(host.state(id), None);
    assert_eq!(host.memory.in_use(), 0);
}

/// After it has sent what it may, data that waits or is on its way has a timer.
fn wakes(host: &Host, id: TcpId, before: TcpStateName) {
    let Some(connection) = host.layer.get(id) else { return };
    let waits = connection.state.may_transmit()
        && (connection.snd.una != connection.snd.nxt || !connection.send_buffer.is_empty());
    let timer = connection.timers.retransmit != fathom_wire::Instant::MAX;
    assert!(!waits || timer, "{before:?}: something waits and nothing will wake it");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn nothing_breaks_a_connection_that_was_accepted(
        stamps: bool,
        sack: bool,
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let mut host = Host::new();
        let peer = host.established_with(|mut syn| {
            syn.options.sack_permitted = sack;
            if stamps { syn.stamp(1000, 0) } else { syn }
        });
        run(&mut host, peer, steps);
    }

    #[test]
    fn nothing_breaks_a_connection_that_is_opening(
        scaling: bool,
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut host = Host::new();
        let id = host.connect(TcpOptions { window_scaling: scaling, ..plain() });
        let iss = host.sends_one(id).seq;
        run(&mut host, Peer { id, nxt: IRS, una: iss + 1, stamps: None }, steps);
    }
}
