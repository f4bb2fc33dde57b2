//! `fathom drill`: packet scripts against the stack.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write, stderr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use fathom_drill::{Defines, Failure as Difference, Frame, Line, Options, Outcome, ParseError, parse_with};
use fathom_lens::LinkType;
use fathom_record::{Direction, FrameRecord, InterfaceIndex, Kind, Record, RecordId};
use fathom_wire::Instant;
use serde_json::{Value, json};

use crate::args::DrillArgs;
use crate::exit::Exit;
use crate::failure::{Failure, reason};
use crate::get::tape::Tape;
use crate::output::{Destination, Sink};

/// Version of the report for programs.
const VERSION: u32 = 1;

/// Runs `fathom drill`. Its exit codes are 0, 1 and 2.
pub(crate) fn run(args: &DrillArgs) -> u8 {
    match drill(args) {
        Ok(worst) => worst,
        Err(mut failure) => {
            failure.exit = Exit::Usage;
            if !failure.is_silent() {
                // Nothing can be said about a broken standard error.
                let _ = writeln!(stderr(), "fathom: {failure}");
            }
            failure.exit.code()
        }
    }
}

/// What a script came to.
enum Verdict {
    Unreadable(ParseError),
    Ran(Outcome, usize),
}

fn drill(args: &DrillArgs) -> Result<u8, Failure> {
    let files = scripts(&args.files)?;
    if args.write.is_some() && files.len() > 1 {
        let what = format!("--write takes the packets of one script, and there are {}", files.len());
        return Err(Failure::new(Exit::Usage, what).hint("name one script"));
    }
    let defines: Defines = args.defines.iter().cloned().collect();
    let tolerance = args.tolerance_usecs.map(Duration::from_micros);
    let options = Options { strict: args.strict, seed: args.seed, tolerance };
    let mut out = Sink::new(Destination::Stdout);
    let (mut passed, mut failed, mut unreadable) = (0, 0, 0);
    let mut reports = Vec::new();
    for path in &files {
        let name = path.display().to_string();
        let verdict = match parse_with(&read(path)?, &defines) {
            Err(error) => Verdict::Unreadable(error),
            Ok(script) => Verdict::Ran(fathom_drill::run(&script, &options), script.events.len()),
        };
        match &verdict {
            Verdict::Unreadable(_) => unreadable += 1,
            Verdict::Ran(outcome, _) if outcome.passed() => passed += 1,
            Verdict::Ran(..) => failed += 1,
        }
        if let (Some(to), Verdict::Ran(outcome, _)) = (&args.write, &verdict) {
            write(to, &name, &outcome.frames)?;
        }
        if args.json {
            reports.push(report(&name, &verdict));
        } else {
            out.put(text(&name, &verdict, args).as_bytes())?;
        }
    }
    if args.json {
        let all = json!({
            "version": VERSION, "passed": passed, "failed": failed, "unreadable": unreadable, "scripts": reports,
        });
        out.put(format!("{all:#}\n").as_bytes())?;
    } else if files.len() > 1 {
        let mut summary = format!("{} scripts: {passed} passed, {failed} failed", files.len());
        if unreadable > 0 {
            let _ = write!(summary, ", {unreadable} cannot be read");
        }
        out.put(format!("{summary}\n").as_bytes())?;
    }
    out.finish()?;
    Ok(match (failed, unreadable) {
        (0, 0) => 0,
        (_, 0) => 1,
        _ => 2,
    })
}

/// The scripts that were named, and those in folders that were.
fn scripts(named: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    for path in named {
        if !path.is_dir() {
            found.push(path.clone());
            continue;
        }
        let before = found.len();
        collect(path, &mut found)?;
        if found.len() == before {
            let what = format!("there is no script in {}", path.display());
            return Err(Failure::new(Exit::Read, what).hint("scripts are files that end in .pkt"));
        }
    }
    Ok(found)
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let unreadable = |error: &std::io::Error| {
        Failure::new(Exit::Read, format!("could not read {}: {}", folder.display(), reason(error)))
    };
    let entries = fs::read_dir(folder).map_err(|error| unreadable(&error))?;
    let paths: Result<Vec<PathBuf>, _> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut paths = paths.map_err(|error| unreadable(&error))?;
    paths.sort();
    for path in paths {
        // A link to a folder could lead round in circles.
        if path.is_dir() && !path.is_symlink() {
            collect(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "pkt") {
            found.push(path);
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<String, Failure> {
    let text = match path.to_str() {
        Some("-") => io::read_to_string(io::stdin()),
        _ => fs::read_to_string(path),
    };
    text.map_err(|error| {
        Failure::new(Exit::Read, format!("could not read {}: {}", path.display(), reason(&error)))
            .hint("name a script in UTF-8, or a folder with scripts")
    })
}

/// What a person sees of a script.
fn text(name: &str, verdict: &Verdict, args: &DrillArgs) -> String {
    let mut text = String::new();
    match verdict {
        Verdict::Unreadable(error) => {
            let _ = writeln!(text, "cannot be read: {}", error.in_file(name));
        }
        Verdict::Ran(outcome, events) => {
            if args.verbose {
                outcome.lines.iter().for_each(|line| {
                    let _ = writeln!(text, "{line}");
                });
            } else if !args.quiet {
                // What code prints is for the person at the terminal.
                let printed =
                    outcome.lines.iter().filter(|line| line.kind == fathom_drill::LineKind::Printed);
                printed.for_each(|line| {
                    let _ = writeln!(text, "{line}");
                });
            }
            match &outcome.failure {
                Some(failure) => {
                    let _ = writeln!(text, "failed: {}", failure.in_file(name));
                }
                None if args.quiet => {}
                None => {
                    let _ = writeln!(text, "passed: {name} ({events} events, {} s)", seconds(outcome.end));
                    if outcome.leftovers > 0 {
                        let _ =
                            writeln!(text, "  {} packets left that it does not mention", outcome.leftovers);
                    }
                }
            }
        }
    }
    text
}

fn seconds(time: Duration) -> String {
    format!("{}.{:06}", time.as_secs(), time.subsec_micros())
}

/// The same for programs.
fn report(name: &str, verdict: &Verdict) -> Value {
    match verdict {
        Verdict::Unreadable(error) => json!({
            "file": name, "result": "unreadable", "line": error.place.line, "column": error.place.column,
            "message": error.message, "text": error.line,
        }),
        Verdict::Ran(outcome, events) => json!({
            "file": name,
            "result": if outcome.passed() { "passed" } else { "failed" },
            "events": events,
            "end_us": micros(outcome.end),
            "leftovers": outcome.leftovers,
            "failure": outcome.failure.as_ref().map(failure),
            "lines": lines(&outcome.lines),
        }),
    }
}

fn failure(failure: &Difference) -> Value {
    let Difference { place, line, what, expected, came, at, before } = failure;
    json!({
        "line": place.line, "column": place.column, "text": line, "message": what, "expected": expected,
        "came": came, "at_us": micros(*at), "before": lines(before),
    })
}

fn lines(lines: &[Line]) -> Vec<Value> {
    lines
        .iter()
        .map(|line| json!({ "at_us": micros(line.at), "kind": line.kind.name(), "text": line.text }))
        .collect()
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Writes the packets of a script to a file.
fn write(to: &str, name: &str, frames: &[Frame]) -> Result<(), Failure> {
    let comment = format!("fathom drill {name}");
    let tape = Tape::new().without_keeping();
    let mut tape =
        tape.with_capture(Some(Destination::new(to)), &[LinkType::Raw], Duration::ZERO, comment)?;
    let record = |(counter, frame): (u64, &Frame)| Record {
        id: RecordId { shard: 0, counter },
        at: Instant::from_micros(micros(frame.at)),
        cause: None,
        kind: Kind::Frame(FrameRecord {
            interface: InterfaceIndex(0),
            direction: if frame.outbound { Direction::Transmitted } else { Direction::Received },
            bytes: frame.bytes.clone(),
        }),
    };
    tape.push((1..).zip(frames).map(record).collect(), |_| {});
    tape.finish(0).1
}
