//! Every packet script of `tests/drill` passes: what TCP does, packet by packet, in packetdrill's language.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use fathom_drill::{Options, parse, run};

/// The scripts below a folder, in order of their names.
fn scripts(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut entries: Vec<PathBuf> =
        entries.map(|entry| entry.expect("a folder can be read").path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            scripts(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "pkt") {
            found.push(path);
        }
    }
}

fn all() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    scripts(&root.join("drill"), &mut found);
    let read = |path: &PathBuf| {
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let name = |path: &PathBuf| format!("tests/{}", path.strip_prefix(root).unwrap_or(path).display());
    found.iter().map(|path| (name(path), read(path))).collect()
}

/// What the timers of the stack are off by, and little more.
const TOLERANCE: Duration = Duration::from_micros(100);

/// Another seed gives other sequence numbers and ports: no script may depend on them.
const SEEDS: [u64; 2] = [0, 4711];

/// What is wrong with a script, in one line; `fathom drill` shows the rest.
fn failure(name: &str, text: &str) -> Option<String> {
    let script = match parse(text) {
        Ok(script) => script,
        Err(error) => return error.in_file(name).lines().next().map(str::to_owned),
    };
    SEEDS.iter().find_map(|seed| {
        let options = Options { strict: true, seed: *seed, tolerance: Some(TOLERANCE) };
        // A stack that panics fails one script, not all.
        match catch_unwind(AssertUnwindSafe(|| run(&script, &options))) {
            Ok(outcome) => outcome.failure.map(|failure| failure.summary(name)),
            Err(_) => Some(format!("{name}: the stack panics")),
        }
    })
}

#[test]
fn every_script_passes_whatever_the_seed() {
    let scripts = all();
    let failures: Vec<String> = scripts.iter().filter_map(|(name, text)| failure(name, text)).collect();
    assert!(scripts.len() > 250, "there are {} scripts", scripts.len());
    assert!(failures.is_empty(), "{} scripts failed:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn every_script_says_first_what_it_shows() {
    for (name, text) in all() {
        // "# RFC 9293 3.10.7.4: …"
        let first = text.lines().next().unwrap_or_default();
        let says = first.strip_prefix("# RFC ").and_then(|rest| rest.split_once(": "));
        let is_said = says.is_some_and(|(place, words)| {
            let is_place = place.chars().all(|c| c.is_ascii_digit() || c == ' ' || c == '.');
            is_place && place.contains(' ') && words.len() > 20
        });
        assert!(is_said, "{name}: {first}");
    }
}
