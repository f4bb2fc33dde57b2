//! What the tests that cross crates or talk to real programs share.
#![allow(clippy::print_stderr, reason = "a test tells why it was skipped")]
#![allow(clippy::disallowed_methods, reason = "real programs live in real time")]

mod command;
mod namespace;
mod scratch;

pub use command::{Background, run, wait_until};
pub use namespace::Namespace;
pub use scratch::Scratch;

use std::fs::OpenOptions;
use std::io::Write;

/// Tells that a test cannot run here, and why. The caller returns.
///
/// The line goes to the file that `FATHOM_SKIPPED` names, which `cargo xtask test` prints at its end.
///
/// # Panics
///
/// With `CI=true`, where every test must run.
pub fn skip(reason: &str) {
    let name = std::thread::current().name().unwrap_or("a test").to_owned();
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{name}: cannot run: {reason}");
    eprintln!("SKIPPED {name}: {reason}");
    if let Some(path) = std::env::var_os("FATHOM_SKIPPED") {
        let file = OpenOptions::new().append(true).create(true).open(path);
        let written = file.and_then(|mut file| writeln!(file, "{name}: {reason}"));
        written.expect("the file of FATHOM_SKIPPED can be written");
    }
}

/// Why a test that needs these programs cannot run here; `None` when it can.
pub fn missing(programs: &[&str]) -> Option<String> {
    let missing = programs.iter().find(|program| !command::on_path(program))?;
    Some(format!("{missing} is not installed"))
}

/// Why a test that needs namespaces and these programs cannot run here; `None` when it can.
pub fn lacking(programs: &[&str]) -> Option<String> {
    if let Some(reason) = missing(programs) {
        return Some(reason);
    }
    if !run("id", &["-u"]).starts_with('0') {
        return Some("network namespaces need root".into());
    }
    if !std::path::Path::new("/dev/net/tun").exists() {
        return Some("there is no /dev/net/tun".into());
    }
    None
}
