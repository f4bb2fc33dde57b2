//! Connections made, used and closed, one after the other.
//!
//! A client connects, sends 64 bytes, gets 64 bytes, closes; the server closes when it sees that. MTU 1500,
//! checksums made and verified. What is measured is the work of both stacks, in one thread.
//!
//! The client's end waits in TIME-WAIT afterwards. fathom holds as many such as its limit says, 16,384, and
//! every further connection ends one of them. smoltcp's socket is its own TIME-WAIT: there is one, and the
//! clock, which is not the one on the wall, goes on by 10 s after each connection so that it is free again.

mod fathom;
mod smoltcp;

use std::time::Duration;

use self::fathom::Fathom;
use self::smoltcp::Smoltcp;
use crate::pairs::{Pairs, rate};

/// Bytes of the request and of the reply.
const MESSAGE: usize = 64;
const SERVER_PORT: u16 = 80;
/// The client's ports, used in turn.
const PORTS: std::ops::Range<u16> = 10_000..60_000;
const PAIRS: usize = 15;
const SPELL: Duration = Duration::from_millis(60);
/// Connections between two looks at the clock.
const CONNECTIONS: usize = 16;

/// A client and a server.
trait Load {
    fn new() -> Self;
    /// One connection, from the client's `port`.
    fn connection(&mut self, port: u16);
}

/// Measures and prints the table.
pub(crate) fn run() {
    println!("connections: connect, {MESSAGE} bytes each way, close, one after the other in memory");
    println!("{:<40} {:>13} {:>13}   fathom / smoltcp", "", "fathom", "smoltcp 0.14");
    let (mut ours, mut theirs) = (Fathom::new(), Smoltcp::new());
    let (mut our_ports, mut their_ports) = (PORTS.cycle(), PORTS.cycle());
    let pairs = Pairs::take(
        PAIRS,
        || rate(SPELL, || some(&mut ours, &mut our_ports)),
        || rate(SPELL, || some(&mut theirs, &mut their_ports)),
    );
    println!("{:<40} {:>11.0}/s {:>11.0}/s   {}", "", pairs.ours(), pairs.theirs(), pairs.ratio());
}

fn some(load: &mut impl Load, ports: &mut impl Iterator<Item = u16>) -> usize {
    ports.take(CONNECTIONS).map(|port| load.connection(port)).count()
}

/// Makes `connections` by one stack, for a profiler that counts instructions.
pub(crate) fn work(stack: &str, connections: usize) {
    let ports = PORTS.cycle().take(connections);
    if stack == "smoltcp" {
        let mut load = Smoltcp::new();
        ports.for_each(|port| load.connection(port));
    } else {
        let mut load = Fathom::new();
        ports.for_each(|port| load.connection(port));
    }
}
