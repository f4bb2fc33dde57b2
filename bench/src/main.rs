//! `cargo xtask bench`: fathom beside other stacks, measured in the same run.
//!
//! Machines differ and are noisy: what counts are the ratios, taken from interleaved pairs.
#![allow(clippy::print_stdout, reason = "a benchmark prints its results")]

mod bulk;
mod connections;
mod ends;
mod idle_memory;
mod pairs;
mod request_reply;
mod tap;

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use ends::Form;

/// The benchmarks, in the order in which they run.
const BENCHMARKS: [(&str, fn()); 5] = [
    ("bulk", bulk::run),
    ("connections", connections::run),
    ("tap", tap::run),
    ("request-reply", request_reply::run),
    ("idle-memory", idle_memory::run),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let ["work", load, stack @ ("fathom" | "smoltcp"), amount] = arguments[..] {
        return work(load, stack, amount);
    }
    if let ["idle-memory-of", stack @ ("fathom" | "smoltcp")] = arguments[..] {
        return if idle_memory::measure(stack).is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let known = |name: &&str| BENCHMARKS.iter().any(|(known, _)| known == name);
    if !arguments.iter().all(known) {
        print!("{}", usage());
        return ExitCode::from(2);
    }
    println!(
        "fathom beside other stacks: medians of interleaved pairs, in brackets the middle half of the ratios"
    );
    for (name, run) in BENCHMARKS {
        if arguments.is_empty() || arguments.contains(&name) {
            println!();
            run();
        }
    }
    if FAILED.load(Ordering::Relaxed) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Whether a benchmark could not be run to its end.
static FAILED: AtomicBool = AtomicBool::new(false);

/// Notes that a benchmark, which has said why, could not be run to its end.
fn failed() {
    FAILED.store(true, Ordering::Relaxed);
}

/// A fixed amount of work by one stack, for a profiler that counts instructions.
fn work(load: &str, stack: &str, amount: &str) -> ExitCode {
    let Ok(amount) = amount.parse() else {
        print!("{}", usage());
        return ExitCode::from(2);
    };
    match load {
        "bulk" => bulk::work(Form::Mtu1500, stack, amount),
        "super-segments" => bulk::work(Form::SuperSegments, stack, amount),
        "connections" => connections::work(stack, amount),
        "request-reply" => request_reply::work(stack, amount),
        _ => {
            print!("{}", usage());
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

fn usage() -> String {
    let names: Vec<&str> = BENCHMARKS.iter().map(|(name, _)| *name).collect();
    format!(
        "cargo xtask bench [NAME…]\n\n\
         Runs all benchmarks, or those named: {}.\n\n\
         cargo xtask bench work LOAD STACK AMOUNT\n\n\
         Does a fixed amount of work and prints nothing, for a profiler such as callgrind: \n\
         LOAD is bulk or super-segments (AMOUNT in bytes), connections, or request-reply (in exchanges), \n\
         STACK is fathom or smoltcp.\n",
        names.join(", ")
    )
}
