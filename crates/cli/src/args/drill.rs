//! Options of `fathom drill`.

use std::path::PathBuf;

use clap::Args;

const EXAMPLES: &str = "\
Examples:
  fathom drill close.pkt
  fathom drill -v close.pkt --write close.pcapng
  fathom drill tests/drill --define WIN=1000 --json

Exit codes:
   0 every script passed
   1 a script failed
   2 a script or the command line cannot be read, or output cannot be written";

/// Run packet scripts against the stack, in packetdrill's language
///
/// A script says what a program calls, which packets arrive and which packets must leave, and when. It runs in this
/// process, on virtual time, without root. The first thing that differs is shown: what the script has, what
/// came instead, and what happened before. docs/drill.md describes the language.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DrillArgs {
    /// Scripts, - for standard input, or folders (files that end in .pkt, in the order of their names)
    #[arg(value_name = "FILE.pkt", required = true)]
    pub(crate) files: Vec<PathBuf>,

    /// Let a name stand for a value in the scripts, before what they define themselves
    #[arg(short = 'D', long = "define", value_name = "NAME=VALUE", value_parser = definition)]
    pub(crate) defines: Vec<(String, String)>,

    /// Fail a script that leaves packets unmentioned, up to its last event
    ///
    /// Without it they are noticed only where a later packet is expected, as packetdrill does.
    #[arg(long)]
    pub(crate) strict: bool,

    /// By how many microseconds events may be off, whatever the scripts say (4000 unless they say)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=1_000_000_000))]
    pub(crate) tolerance_usecs: Option<u64>,

    /// Seed of the stack's randomness: its sequence numbers and ports
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,

    /// Show each event with its time
    #[arg(short, long, conflicts_with = "json")]
    pub(crate) verbose: bool,

    /// Show failures only
    #[arg(short, long, conflicts_with_all = ["json", "verbose"])]
    pub(crate) quiet: bool,

    /// Show one JSON object: version (1), and for each script what it came to
    #[arg(long)]
    pub(crate) json: bool,

    /// Write the packets of the script to a pcapng file; with one script only
    #[arg(long, value_name = "FILE")]
    pub(crate) write: Option<String>,
}

fn definition(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if is_name(name) => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE, with letters, digits and _ in the name".into()),
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
