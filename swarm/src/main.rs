//! `cargo xtask swarm`: random worlds by seed.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is a command")]
#![allow(clippy::disallowed_methods, reason = "how fast the machine is, is shown to people")]

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use std::{env, thread};

use anyhow::{Context, Result};
use clap::Parser;
use fathom_swarm::{ALL_STRIKE_IN, Campaign, build_of, replay};

/// Random worlds by seed, and what must hold in each.
///
/// Prints how often which fault really struck. A seed that fails is printed with the command that replays it
/// alone. Goes on where it was interrupted, as long as the build is the same.
#[derive(Parser, Debug)]
#[command(name = "cargo xtask swarm")]
struct Arguments {
    /// How many seeds to run.
    #[arg(long, value_name = "N", default_value_t = 1000, conflicts_with = "replay")]
    seeds: u64,
    /// The first seed.
    #[arg(long, value_name = "S", default_value_t = 0, conflicts_with = "replay")]
    from: u64,
    /// Run one seed, and write down everything that happens: a record, and a capture for each host.
    #[arg(long, value_name = "SEED")]
    replay: Option<u64>,
    /// Begin anew, also where the same build has run some of the seeds before.
    #[arg(long)]
    fresh: bool,
    /// How many worlds run at once; as many as there are cores by default.
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// Where the state, records and captures are kept.
    #[arg(long, value_name = "DIR", default_value = "target/swarm")]
    folder: PathBuf,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let good = match arguments.replay {
        Some(seed) => run_again(seed, &arguments),
        None => run(&arguments),
    };
    match good {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("swarm: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Runs one seed with a full record. Gives whether it passed.
fn run_again(seed: u64, arguments: &Arguments) -> Result<bool> {
    let folder = &arguments.folder;
    let replay = replay(seed, folder).with_context(|| format!("cannot write to {}", folder.display()))?;
    println!("everything that happened: {}", replay.record.display());
    for capture in &replay.captures {
        println!("the frames of a host:     {}", capture.display());
    }
    match &replay.outcome {
        Ok(passed) => println!("seed {seed} passes; its frames have the hash {:016x}", passed.hash),
        Err(failure) => println!("{failure}"),
    }
    Ok(replay.outcome.is_ok())
}

/// Runs the seeds. Gives whether all is as it must be.
fn run(arguments: &Arguments) -> Result<bool> {
    let program = env::current_exe().context("cannot find this program")?;
    let cores = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let state = arguments.folder.join(format!("from-{}.json", arguments.from));
    if arguments.fresh && state.exists() {
        std::fs::remove_file(&state).with_context(|| state.display().to_string())?;
    }
    let campaign = Campaign {
        from: arguments.from,
        seeds: arguments.seeds,
        threads: arguments.threads.unwrap_or(cores).get(),
        state: Some(state.clone()),
        build: build_of(&program).with_context(|| program.display().to_string())?,
    };
    let started = Instant::now();
    let (mut said, mut before) = (started, None);
    let progress = campaign
        .run(|progress, failures| {
            let before = *before.get_or_insert(progress.done);
            if before > 0 && before == progress.done {
                println!("{before} seeds were run by this build before");
            }
            for failure in failures {
                println!("{failure}");
            }
            if said.elapsed() >= Duration::from_secs(10) {
                said = Instant::now();
                let rate = (progress.done - before) as f64 / started.elapsed().as_secs_f64();
                let (done, failed) = (progress.done, progress.failures.len());
                eprintln!("{done} of {} seeds, {failed} failed, {rate:.0} a second", arguments.seeds);
            }
        })
        .with_context(|| state.display().to_string())?;
    println!("{}", progress.tally);
    let failed = progress.failures.len();
    let (from, done) = (progress.from, progress.done);
    if failed > 0 {
        println!("{failed} of {done} seeds failed, from seed {from} on:");
        for failure in &progress.failures {
            println!("  seed {}: does not hold: {}", failure.seed, failure.check);
        }
    } else {
        println!("{done} seeds passed in a row, from seed {from} on");
    }
    if done >= ALL_STRIKE_IN {
        for fault in progress.tally.never() {
            println!("never struck in {done} seeds: {}", fault.text().trim());
        }
    }
    Ok(progress.is_good())
}
