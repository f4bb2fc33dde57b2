//! A request and its reply in memory, beside idle connections.
//!
//! Two stacks in one thread, Ethernet frames of one by one handed to the other, checksums made and
//! verified, 64 bytes each way, Nagle off. What is measured is the cost of one exchange by the clock
//! on the wall: both stacks' work and nothing else.

mod fathom;
mod smoltcp;

use std::time::{Duration, Instant};

use self::fathom::Fathom;
use self::smoltcp::Smoltcp;

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
/// Interleaved pairs of measurements; the median pair speaks.
const ROUNDS: usize = 15;
/// How long one measurement lasts at the least.
const SPELL: Duration = Duration::from_millis(20);

/// A stack with one busy connection beside idle ones.
trait Load {
    /// Sets up `idle` idle connections and one more.
    fn new(idle: usize) -> Self;
    /// Carries one request and its reply over the one more.
    fn exchange(&mut self);
}

/// Measures and prints the table.
pub(crate) fn run() {
    println!("request and reply of {MESSAGE} bytes in memory, beside idle connections");
    println!("(medians of {ROUNDS} interleaved pairs)\n");
    println!("{:>8} {:>14} {:>14} {:>9}", "idle", "fathom", "smoltcp 0.14", "ratio");
    let mut first = None;
    let mut last = 0.0;
    for idle in IDLE {
        let (ours, theirs) = (&mut Fathom::new(idle), &mut Smoltcp::new(idle));
        let mut pairs: Vec<(f64, f64)> = (0..ROUNDS).map(|_| (measure(ours), measure(theirs))).collect();
        let ours = median(pairs.iter().map(|pair| pair.0));
        let theirs = median(pairs.iter().map(|pair| pair.1));
        pairs.sort_by(|a, b| (a.1 / a.0).total_cmp(&(b.1 / b.0)));
        let (a, b) = pairs[pairs.len() / 2];
        println!("{idle:>8} {:>11.2} µs {:>11.2} µs {:>8.1}×", ours * 1e6, theirs * 1e6, b / a);
        first.get_or_insert(ours);
        last = ours;
    }
    if let Some(first) = first {
        println!("\nfathom, {} idle against {}: {:.2}×", IDLE[IDLE.len() - 1], IDLE[0], last / first);
    }
}

/// Seconds for one exchange, over at least [`SPELL`].
#[allow(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn measure(load: &mut impl Load) -> f64 {
    let started = Instant::now();
    let mut exchanges = 0_u32;
    loop {
        load.exchange();
        exchanges += 1;
        if exchanges.is_power_of_two() || exchanges.is_multiple_of(256) {
            let elapsed = started.elapsed();
            if elapsed >= SPELL {
                return elapsed.as_secs_f64() / f64::from(exchanges);
            }
        }
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
