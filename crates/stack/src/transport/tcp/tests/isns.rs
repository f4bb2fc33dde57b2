//! The whole suite again with initial sequence numbers at the edges of their space, on both sides (design notes
//! P-2).
//!
//! The tests are written with numbers of their own. What the harness hands to the layer, and what it gets
//! from it, is moved to the numbers that are wanted; which these are, an environment variable tells the
//! process that runs them.

use core::net::SocketAddr;
use std::process::Command;
use std::sync::OnceLock;

use fathom_wire::SeqNumber;

use super::harness::{IRS, LOCAL, REMOTE};
use crate::table::FourTuple;
use crate::transport::tcp::isn;

/// Ours and the peer's, as `ISS,IRS`.
const VARIABLE: &str = "FATHOM_TEST_ISNS";

/// The edges.
pub(crate) const EDGES: [u32; 6] = [0, 1, (1 << 31) - 1, 1 << 31, u32::MAX, u32::MAX - 999];

/// The initial sequence numbers that are wanted, ours and the peer's.
fn wanted() -> Option<(u32, u32)> {
    static WANTED: OnceLock<Option<(u32, u32)>> = OnceLock::new();
    *WANTED.get_or_init(|| {
        let text = std::env::var(VARIABLE).ok()?;
        let (iss, irs) = text.split_once(',').expect("two numbers");
        Some((iss.parse().unwrap(), irs.parse().unwrap()))
    })
}

/// What is added to the peer's sequence numbers on their way to the layer.
fn shift() -> u32 {
    wanted().map_or(0, |(_, irs)| irs.wrapping_sub(IRS.0))
}

/// A sequence number of the peer as the layer is to see it.
pub(super) fn to_layer(number: SeqNumber) -> SeqNumber {
    number + shift()
}

/// A sequence number of the peer as the test wrote it.
pub(super) fn from_layer(number: SeqNumber) -> SeqNumber {
    number - shift()
}

/// Has connections between the ends of the tests begin with the number that is wanted.
pub(super) fn apply(host: &mut super::harness::Host) {
    let Some((iss, _)) = wanted() else { return };
    let tuple = FourTuple::new(SocketAddr::new(LOCAL.ip(), LOCAL.port()), REMOTE);
    let (cx, _) = host.parts();
    let by_itself = isn::initial(&cx, &tuple, None);
    cx.random.isn_offset = iss.wrapping_sub(by_itself.0);
    assert_eq!(isn::initial(&cx, &tuple, None).0, iss);
}

#[test]
fn the_suite_holds_at_every_edge_of_sequence_space() {
    if wanted().is_some() {
        return;
    }
    for (number, iss) in EDGES.into_iter().enumerate() {
        let irs = EDGES[(number + 1) % EDGES.len()];
        // What is long or has its own numbers shows nothing here.
        let others = ["::random::", "::isns::", "::syn_flood::", "::memory::", "without_a_round_trip"];
        let skip = others.into_iter().flat_map(|other| ["--skip", other]);
        let run = Command::new(std::env::current_exe().unwrap())
            .env(VARIABLE, std::format!("{iss},{irs}"))
            .args(["transport::tcp::tests::", "-q"])
            .args(skip)
            .output()
            .unwrap();
        let told = std::string::String::from_utf8_lossy(&run.stdout);
        assert!(run.status.success(), "ISS {iss}, IRS {irs}:\n{told}");
        assert!(told.contains(" passed;") && !told.contains(" 0 passed"), "{told}");
    }
}

/// Gives an end of a pair an initial sequence number for connections between two ends.
fn set_isn(end: &mut crate::tests::pair::End, now: fathom_wire::Instant, tuple: FourTuple, wanted: u32) {
    let parts = end.stack.parts(now);
    let by_itself = isn::initial(&parts.cx, &tuple, None);
    parts.cx.random.isn_offset = wanted.wrapping_sub(by_itself.0);
}

/// Over a lossy link, with the edge within the SYN, its first data, or later.
#[test]
fn two_stacks_transfer_across_every_pair_of_edges() {
    use crate::tests::Pair;
    use crate::tests::pair::Fate;
    use crate::{TcpConnect, TcpListen, TcpOptions};

    const LEN: usize = 100_000;
    let pairs = EDGES.into_iter().flat_map(|iss| EDGES.map(|irs| (iss, irs)));
    for (iss_a, iss_b) in pairs {
        let mut pair = Pair::ip();
        let ends = (SocketAddr::new(pair.a.v4, 5000), SocketAddr::new(pair.b.v4, 80));
        let options = TcpOptions { send_buffer: Some(LEN), ..TcpOptions::default() };
        let listen = TcpListen { options: options.clone(), ..TcpListen::at(ends.1) };
        let listener = pair.b.stack.tcp_listen(pair.now, listen).unwrap();
        let now = pair.now;
        set_isn(&mut pair.a, now, FourTuple::new(ends.0, ends.1), iss_a);
        // The SYN arrives after the latency, by which the clock of the other's number has moved on.
        let arrival = now + pair.latency;
        set_isn(&mut pair.b, arrival, FourTuple::new(ends.1, ends.0), iss_b);
        pair.fate =
            std::boxed::Box::new(|_, number, _| if number % 17 == 11 { Fate::Lose } else { Fate::Deliver });
        let connect = TcpConnect { remote: ends.1, local: Some(ends.0), options };
        let a = pair.a.stack.tcp_connect(now, connect).unwrap();
        let mut b = None;
        let mut sent = [false; 2];
        let mut got = [0; 2];
        pair.drive_until(|pair| {
            let now = pair.now;
            b = b.or(pair.b.stack.tcp_accept(now, listener));
            let ends = [pair.a.stack.tcp(now, a), b.and_then(|b| pair.b.stack.tcp(now, b))];
            for (side, end) in ends.into_iter().enumerate() {
                let Some(mut end) = end else { continue };
                sent[side] = sent[side] || end.send(&std::vec![side as u8; LEN]) == Ok(LEN);
                let mut buffer = std::vec![0; LEN];
                let n = end.recv(&mut buffer).unwrap_or(0);
                assert!(buffer[..n].iter().all(|byte| *byte == 1 - side as u8));
                got[side] += n;
            }
            got == [LEN; 2]
        });
        let first = |end: &crate::tests::pair::End| {
            fathom_wire::TcpHeader::parse(&end.sent[0].1[20..]).unwrap().seq.0
        };
        assert_eq!((first(&pair.a), first(&pair.b)), (iss_a, iss_b));
    }
}
