//! `cargo xtask bench`: fathom beside other stacks, measured in the same run.
//!
//! Machines differ and are noisy: what counts are the ratios, taken from interleaved pairs.
#![allow(clippy::print_stdout, reason = "a benchmark prints its results")]

mod request_reply;

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    match wanted.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] | ["request-reply"] => request_reply::run(),
        _ => {
            println!("benchmarks: request-reply");
            std::process::exit(2);
        }
    }
}
