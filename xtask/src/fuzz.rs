//! `cargo xtask fuzz`: builds the fuzz targets with coverage and runs them, as many at a time as there are cores.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::root;
use crate::test::output;

pub const USAGE: &str = "\
cargo xtask fuzz [TARGET…] [--seconds N] [--jobs N] [--keep]
cargo xtask fuzz TARGET FILE…

Fuzzes all targets, or those named, for N seconds each (60 by default), and prints for each how many
inputs it executed and how much of the program they covered. With files it runs the target over
these alone. --keep adds what was found worth while to fuzz/corpus.";

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
struct Options {
    targets: Vec<String>,
    files: Vec<PathBuf>,
    seconds: u64,
    jobs: usize,
    keep: bool,
}

/// Builds and runs the targets; an error when one finds something.
pub fn run(arguments: &[String]) -> Result<()> {
    let known = targets()?;
    let options = Options::parse(arguments, &known)?;
    let binary = build()?;
    if let ([target], false) = (&options.targets[..], options.files.is_empty()) {
        return replay(&binary, target, &options.files);
    }
    let mut found = Vec::new();
    println!(
        "{:<13} {:>12} {:>9} {:>8} {:>8}  finding",
        "target", "executions", "a second", "edges", "corpus"
    );
    let mut waiting: VecDeque<&String> = options.targets.iter().collect();
    let mut running: Vec<Run> = Vec::new();
    while !(waiting.is_empty() && running.is_empty()) {
        while running.len() < options.jobs
            && let Some(target) = waiting.pop_front()
        {
            running.push(Run::start(&binary, target, options.seconds)?);
        }
        thread::sleep(Duration::from_millis(100));
        for mut run in std::mem::take(&mut running) {
            match run.child.try_wait()? {
                None => running.push(run),
                Some(status) => {
                    let outcome = run.outcome(status.success())?;
                    println!("{}", outcome.row);
                    found.extend(outcome.finding.map(|finding| (run.target.clone(), finding)));
                }
            }
        }
    }
    if options.keep {
        for target in &options.targets {
            keep(&binary, target)?;
        }
    }
    if found.is_empty() {
        return Ok(());
    }
    let mut message = format!("{} of {} targets found something:", found.len(), options.targets.len());
    for (target, finding) in &found {
        write!(message, "\n  cargo xtask fuzz {target} {}", finding.display())?;
    }
    bail!(message);
}

impl Options {
    fn parse(arguments: &[String], known: &[String]) -> Result<Options> {
        let jobs = thread::available_parallelism().map_or(1, usize::from);
        let mut options = Options { targets: Vec::new(), files: Vec::new(), seconds: 60, jobs, keep: false };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut number = || -> Result<u64> {
                let text = arguments.next().with_context(|| format!("{argument} needs a number"))?;
                let number = text.parse().ok().filter(|number| *number > 0);
                number.with_context(|| format!("{argument} needs a number above 0, not '{text}'"))
            };
            match argument.as_str() {
                "--seconds" => options.seconds = number()?,
                "--jobs" => options.jobs = usize::try_from(number()?)?,
                "--keep" => options.keep = true,
                name if known.iter().any(|target| target == name) => options.targets.push(name.to_owned()),
                path if Path::new(path).is_file() => options.files.push(path.into()),
                other => {
                    bail!("'{other}' is no target and no file; targets are {}\n\n{USAGE}", known.join(", "))
                }
            }
        }
        if !options.files.is_empty() && options.targets.len() != 1 {
            bail!("files are for one target: name it\n\n{USAGE}");
        }
        if options.targets.is_empty() {
            options.targets = known.to_vec();
        }
        Ok(options)
    }
}

/// The targets: each has a corpus, which a test of fathom-fuzz sees to.
fn targets() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root().join("fuzz/corpus")).context("fuzz/corpus")? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// Builds the fuzzer, and gives its path.
fn build() -> Result<PathBuf> {
    let nightly = |program: &str| {
        let mut command = Command::new("rustup");
        command.args(["run", "nightly", program]).current_dir(root().join("fuzz/targets"));
        // Those of the cargo that runs this task.
        for name in ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN"] {
            command.env_remove(name);
        }
        command
    };
    let version = output(nightly("rustc").arg("-vV")).context(
        "fuzzing needs a nightly compiler, for its coverage: install one with `rustup toolchain install nightly`",
    )?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc names no host")?;
    let flags = [
        "--cfg fuzzing",
        "-Cpasses=sancov-module",
        "-Cllvm-args=-sanitizer-coverage-level=4",
        "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
        "-Cllvm-args=-sanitizer-coverage-pc-table",
        "-Cllvm-args=-sanitizer-coverage-trace-compares",
        "-Ccodegen-units=1",
    ];
    let folder = root().join("target/fuzz");
    let mut build = nightly("cargo");
    build.args(["build", "--release", "--target", host]);
    build.env("RUSTFLAGS", flags.join(" ")).env("CARGO_TARGET_DIR", &folder);
    crate::step(&mut build)?;
    Ok(folder.join(host).join("release/fathom-fuzz-targets"))
}

/// Runs a target over files alone, with what it says shown.
fn replay(binary: &Path, target: &str, files: &[PathBuf]) -> Result<()> {
    let files = files.iter().map(fs::canonicalize).collect::<Result<Vec<_>, _>>()?;
    crate::step(fuzzer(binary, target).args(files))
}

fn fuzzer(binary: &Path, target: &str) -> Command {
    let mut command = Command::new(binary);
    command.env("FATHOM_FUZZ_TARGET", target).env("RUST_BACKTRACE", "1").current_dir(root());
    // A run that takes a minute, or a gigabyte, hangs or leaks.
    command.args(["-timeout=60", "-rss_limit_mb=1024", "-print_final_stats=1"]);
    command
}

/// Where what was found worth while waits from one run to the next.
fn worth(target: &str) -> PathBuf {
    root().join("target/fuzz/corpus").join(target)
}

fn committed(target: &str) -> PathBuf {
    root().join("fuzz/corpus").join(target)
}

/// A target that runs.
struct Run {
    target: String,
    child: Child,
    log: PathBuf,
    started: Instant,
}

struct Outcome {
    row: String,
    finding: Option<PathBuf>,
}

impl Run {
    fn start(binary: &Path, target: &str, seconds: u64) -> Result<Run> {
        let artifacts = root().join("fuzz/artifacts").join(target);
        fs::create_dir_all(&artifacts)?;
        fs::create_dir_all(worth(target))?;
        let log = root().join("target/fuzz").join(format!("{target}.log"));
        let mut command = fuzzer(binary, target);
        command.arg(format!("-artifact_prefix={}/", artifacts.display()));
        command.arg(format!("-max_total_time={seconds}"));
        command.args([worth(target), committed(target)]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&log)?);
        let child = command.spawn().with_context(|| format!("cannot start {}", binary.display()))?;
        Ok(Run { target: target.to_owned(), child, log, started: Instant::now() })
    }

    fn outcome(&self, success: bool) -> Result<Outcome> {
        let log = String::from_utf8_lossy(&fs::read(&self.log)?).into_owned();
        let Some(Seen { executions, edges, corpus }) = Seen::read(&log) else {
            bail!("{} did not run; {} says why", self.target, self.log.display());
        };
        let finding = finding(&log);
        if finding.is_none() && !success {
            bail!("{} failed without a finding; {} says why", self.target, self.log.display());
        }
        let rate = executions as f64 / self.started.elapsed().as_secs_f64();
        let said = match &finding {
            None => "none",
            Some(_) => said(&log).unwrap_or("too slow, or too much memory"),
        };
        let target = &self.target;
        let row = format!("{target:<13} {executions:>12} {rate:>9.0} {edges:>8} {corpus:>8}  {said}");
        Ok(Outcome { row, finding })
    }
}

/// What a log says at its end.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    executions: u64,
    edges: u64,
    corpus: u64,
}

impl Seen {
    fn read(log: &str) -> Option<Seen> {
        let executed = "stat::number_of_executed_units:";
        let executions =
            log.lines().rev().find_map(|line| line.strip_prefix(executed))?.trim().parse().ok()?;
        let status = log.lines().rev().find(|line| line.starts_with('#') && line.contains(" cov: "));
        let after = |name: &str| {
            let (_, rest) = status?.split_once(name)?;
            rest.split([' ', '/']).next()?.parse().ok()
        };
        let (edges, corpus) = (after(" cov: ").unwrap_or(0), after(" corp: ").unwrap_or(0));
        Some(Seen { executions, edges, corpus })
    }
}

/// The file that reproduces a finding.
fn finding(log: &str) -> Option<PathBuf> {
    let line = log.lines().rev().find(|line| line.contains("Test unit written to "))?;
    line.split("Test unit written to ").nth(1).map(|path| path.trim().into())
}

/// What the panic said, in one line.
fn said(log: &str) -> Option<&str> {
    log.lines().skip_while(|line| !line.contains("panicked at")).nth(1)
}

/// Adds to the committed corpus what covers something that it does not, in files as few and small as can be.
fn keep(binary: &Path, target: &str) -> Result<()> {
    let mut merge = fuzzer(binary, target);
    merge
        .args(["-set_cover_merge=1", "-use_counters=0", "-max_len=1024"])
        .args([committed(target), worth(target)]);
    merge.stdout(Stdio::null()).stderr(Stdio::null());
    crate::step(&mut merge)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &str) -> Result<Options> {
        let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        Options::parse(&words, &["tcp".into(), "udp".into()])
    }

    #[test]
    fn targets_times_and_files_are_read() {
        let options = parse("udp --seconds 5 --jobs 3").unwrap();
        assert_eq!((options.targets, options.seconds, options.jobs), (vec!["udp".into()], 5, 3));
        assert_eq!(parse("").unwrap().targets, ["tcp", "udp"]);
        assert!(parse("tpc").unwrap_err().to_string().contains("'tpc' is no target"));
        assert!(parse("--seconds 0").unwrap_err().to_string().contains("above 0, not '0'"));
        assert!(parse("--seconds").unwrap_err().to_string().contains("needs a number"));
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        assert_eq!(parse(&format!("tcp {}", file.display())).unwrap().files, std::slice::from_ref(&file));
        assert!(parse(&file.display().to_string()).unwrap_err().to_string().contains("for one target"));
    }

    #[test]
    fn the_end_of_a_log_is_read() {
        let log = "\
INFO: Seed: 1
#2\tINITED cov: 10 ft: 12 corp: 1/1b exec/s: 0 rss: 29Mb
#995\tREDUCE cov: 218 ft: 298 corp: 52/5203b lim: 4096 exec/s: 0 rss: 29Mb
thread '<unnamed>' (855) panicked at src/wire.rs:145:5:
a byte was lost
artifact_prefix='/x/'; Test unit written to /x/crash-1
stat::number_of_executed_units: 1028
";
        assert_eq!(Seen::read(log), Some(Seen { executions: 1028, edges: 218, corpus: 52 }));
        assert_eq!(finding(log), Some("/x/crash-1".into()));
        assert_eq!(said(log), Some("a byte was lost"));
        assert_eq!(Seen::read("error while loading shared libraries\n"), None);
    }
}
