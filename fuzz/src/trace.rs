//! Tells what happens in a run, for a person who looks for the reason of a finding: with `FATHOM_FUZZ_TRACE` set.
#![allow(clippy::print_stderr, reason = "it is asked for, and a failing run ends in the middle")]

use std::sync::OnceLock;

use fathom_lens::{LinkType, dissect};
use fathom_wire::Instant;

fn wanted() -> bool {
    static WANTED: OnceLock<bool> = OnceLock::new();
    *WANTED.get_or_init(|| std::env::var_os("FATHOM_FUZZ_TRACE").is_some())
}

/// Tells of a frame, and `what` becomes of it.
pub(crate) fn frame(now: Instant, what: impl FnOnce() -> String, bytes: &[u8], ethernet: bool) {
    if !wanted() {
        return;
    }
    let link_type = if ethernet { LinkType::Ethernet } else { LinkType::Raw };
    let headers: Vec<String> = dissect(bytes, link_type).headers.iter().map(ToString::to_string).collect();
    let millis = now.as_millis_f64();
    eprintln!("{millis:>12.3} ms {} {} bytes: {}", what(), bytes.len(), headers.join(" | "));
}

/// Tells of anything else.
pub(crate) fn note(now: Instant, what: impl FnOnce() -> String) {
    if wanted() {
        eprintln!("{:>12.3} ms {}", now.as_millis_f64(), what());
    }
}
