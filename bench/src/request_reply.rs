//! A request and its reply in memory, beside idle connections.
//!
//! Two hosts of a stack in one thread, MTU 1500, checksums made and verified, 64 bytes each way, Nagle off. What is measured is the cost of one exchange by the clock
//! on the wall: both stacks' work and nothing else.

mod fathom;
mod smoltcp;

use std::time::Duration;

use self::fathom::Fathom;
use self::smoltcp::Smoltcp;
use crate::pairs::{Pairs, rate};

/// Bytes of the request and of the reply.
const MESSAGE: usize = 64;
/// Send and receive buffer of the busy connection.
const ACTIVE_BUFFER: usize = 64 * 1024;
/// Send and receive buffer that smoltcp's idle sockets are given at creation.
const IDLE_BUFFER: usize = 256;
const SERVER_PORT: u16 = 80;
const FIRST_PORT: u16 = 10_000;

/// Numbers of idle connections beside the busy one.
const IDLE: [usize; 3] = [10, 1_000, 10_000];
const PAIRS: usize = 15;
/// How long one measurement lasts at the least.
const SPELL: Duration = Duration::from_millis(20);
/// Exchanges between two looks at the clock.
const EXCHANGES: usize = 8;

/// A stack with one busy connection beside idle ones.
trait Load {
    /// Sets up `idle` idle connections and one more.
    fn new(idle: usize) -> Self;
    /// Carries one request and its reply over the one more.
    fn exchange(&mut self);
}

/// Measures and prints the table.
pub(crate) fn run() {
    println!("request-reply: {MESSAGE} bytes each way in memory, beside idle connections");
    println!("{:<40} {:>13} {:>13}   smoltcp / fathom", "", "fathom", "smoltcp 0.14");
    let mut first = None;
    let mut last = 0.0;
    for idle in IDLE {
        let (mut ours, mut theirs) = (Fathom::new(idle), Smoltcp::new(idle));
        let pairs = Pairs::take(PAIRS, || seconds(&mut ours), || seconds(&mut theirs));
        let name = format!("{idle} idle connections");
        let (ours, theirs) = (pairs.ours(), pairs.theirs());
        println!("{name:<40} {:>10.2} µs {:>10.2} µs   {}", ours * 1e6, theirs * 1e6, pairs.inverse_ratio());
        first.get_or_insert(ours);
        last = ours;
    }
    if let Some(first) = first {
        println!("fathom, {} idle against {}: {:.2}×", IDLE[IDLE.len() - 1], IDLE[0], last / first);
    }
}

/// Seconds for one exchange.
fn seconds(load: &mut impl Load) -> f64 {
    let exchanges = || {
        for _ in 0..EXCHANGES {
            load.exchange();
        }
        EXCHANGES
    };
    1.0 / rate(SPELL, exchanges)
}

/// Carries `exchanges` by one stack, for a profiler that counts instructions.
pub(crate) fn work(stack: &str, exchanges: usize) {
    const FEW: usize = 10;
    let mut exchange: Box<dyn FnMut()> = if stack == "smoltcp" {
        let mut load = Smoltcp::new(FEW);
        Box::new(move || load.exchange())
    } else {
        let mut load = Fathom::new(FEW);
        Box::new(move || load.exchange())
    };
    (0..exchanges).for_each(|_| exchange());
}
