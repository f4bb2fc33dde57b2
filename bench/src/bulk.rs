//! Payload through two stacks in memory.
//!
//! A program at one end writes 64 KiB at a time for as long as the stack takes it, one at the other end reads
//! all there is; socket buffers of 256 KiB. What is measured is the work of both stacks and the two programs'
//! copies in and out, in one thread.

mod fathom;
mod smoltcp;

use std::time::Duration;

use self::fathom::Fathom;
use self::smoltcp::Smoltcp;
use crate::ends::Form;
use crate::pairs::{Pairs, rate};

/// Bytes of each socket buffer.
const BUFFER: usize = 256 * 1024;
/// Bytes that the programs write and read at once.
const CHUNK: usize = 64 * 1024;
const PORT: u16 = 80;
const PAIRS: usize = 21;
const SPELL: Duration = Duration::from_millis(60);

/// Two hosts of a stack with a connection between them.
pub(crate) trait Load {
    fn new(form: Form) -> Self;
    /// Fills the send buffer and carries everything across; gives how many bytes arrived.
    fn turn(&mut self) -> usize;
}

/// Measures and prints the table.
pub(crate) fn run() {
    println!("bulk: payload through two stacks in memory, socket buffers of 256 KiB");
    println!("{:<40} {:>13} {:>13}   fathom / smoltcp", "", "fathom", "smoltcp 0.14");
    for form in Form::ALL {
        let (mut ours, mut theirs) = (Fathom::new(form), Smoltcp::new(form));
        let pairs = Pairs::take(PAIRS, || rate(SPELL, || ours.turn()), || rate(SPELL, || theirs.turn()));
        let gbits = |rate: f64| rate * 8.0 / 1e9;
        println!(
            "{:<40} {:>6.2} Gbit/s {:>6.2} Gbit/s   {}",
            form.name(),
            gbits(pairs.ours()),
            gbits(pairs.theirs()),
            pairs.ratio()
        );
    }
}

/// Carries `bytes` by one stack, for a profiler that counts instructions.
pub(crate) fn work(form: Form, stack: &str, bytes: usize) {
    let mut load: Box<dyn FnMut() -> usize> = if stack == "smoltcp" {
        let mut load = Smoltcp::new(form);
        Box::new(move || load.turn())
    } else {
        let mut load = Fathom::new(form);
        Box::new(move || load.turn())
    };
    let mut done = 0;
    while done < bytes {
        done += load();
    }
}
