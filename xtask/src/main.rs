//! The project's own tasks, run as `cargo xtask TASK`.
#![allow(clippy::disallowed_methods, reason = "a task runner measures real time")]

mod arrows;
mod fuzz;
mod mutations;
mod packages;
mod requirements;
mod sockets;
mod test;

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

const USAGE: &str = "\
cargo xtask TASK

tasks:
  test      set-up, format check, clippy, documentation, unit, doc and interop tests, 2,000 random worlds
  swarm     random worlds by seed: --seeds N [--from S], --replay SEED (see docs/swarm.md, --help)
  fuzz      fuzzes parsers, parts of the engine and whole stacks (`cargo xtask fuzz --help`)
  bench     benchmarks beside other stacks, as ratios measured in the same run
  mutations plants faults in the engine and tells which instrument catches each (xtask/mutations.toml;
            some ten minutes for all: name some, --list, --every instrument, not only those that are to)
  picture   runs `fathom get` in the lab and writes docs/waterfall.svg
  requirements
            what the standards demand, and which test shows it (`requirements --help`)

`test` installs the Debian packages that the interop tests talk to where it is root and apt-get is
there. A test that lacks a privilege or a program is listed at the end as skipped; with CI=true
a skipped test is a failure.";

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let task = arguments.next();
    let rest: Vec<String> = arguments.collect();
    let result = match task.as_deref() {
        Some("test") if rest.is_empty() => test::run(),
        Some("swarm") => swarm(&rest),
        Some("fuzz") if rest.iter().any(|word| word == "--help" || word == "-h") => {
            println!("{}", fuzz::USAGE);
            return ExitCode::SUCCESS;
        }
        Some("fuzz") => fuzz::run(&rest),
        Some("bench") => bench(&rest),
        Some("mutations") => mutations::run(&rest),
        Some("requirements") if rest.iter().any(|argument| argument == "--help" || argument == "-h") => {
            println!("{}", requirements::USAGE);
            return ExitCode::SUCCESS;
        }
        Some("requirements") => requirements::run(&root(), &rest),
        Some("picture") if rest.is_empty() => picture(),
        Some("help" | "--help" | "-h") => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Random worlds, in the profile that keeps the engine's own checks.
fn swarm(arguments: &[String]) -> Result<()> {
    let mut command = cargo();
    command.args(["run", "--quiet", "--locked", "--package", "fathom-swarm", "--"]).args(arguments);
    step(&mut command)
}

fn bench(arguments: &[String]) -> Result<()> {
    let mut command = cargo();
    command.args(["run", "--release", "--package", "fathom-bench", "--"]).args(arguments);
    step(&mut command)
}

fn picture() -> Result<()> {
    let mut command = cargo();
    command.args(["run", "--release", "--package", "fathom", "--", "get", "https://example.com/"]);
    command.args(["--via", "lab", "--seed", "7", "-o", "/dev/null", "--svg", "docs/waterfall.svg"]);
    step(&mut command)
}

/// The repository's top folder.
fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_path_buf()
}

/// The cargo that runs this task, in the repository's top folder.
fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// Runs a command with its output shown; an error when it fails.
fn step(command: &mut Command) -> Result<()> {
    let shown = format!("{command:?}");
    let status = command.status().with_context(|| format!("cannot start {shown}"))?;
    if !status.success() {
        bail!("{shown} failed: {status}");
    }
    Ok(())
}
