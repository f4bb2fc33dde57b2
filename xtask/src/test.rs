//! `cargo xtask test`: everything that must hold before a change lands.

use std::process::Command;
use std::time::Instant;
use std::{env, fs};

use anyhow::{Context, Result, bail};

use crate::{arrows, cargo, packages, requirements, root, sockets, step, swarm};

/// Set-up, then each check in turn; stops at the first that fails.
pub fn run() -> Result<()> {
    let started = Instant::now();
    let skipped = root().join("target/skipped-tests");
    fs::create_dir_all(root().join("target"))?;
    fs::write(&skipped, "").context("cannot write to target/")?;

    timed("set-up", packages::install_missing)?;
    timed("arrows between crates", || arrows::check(&root()))?;
    timed("table of sockets", || sockets::check(&root()))?;
    timed("requirements", || requirements::check(&root()))?;
    timed("format", || {
        step(cargo().args(["fmt", "--all", "--check"]))?;
        // The fuzzer is a workspace of its own, since it needs another compiler.
        step(cargo().args(["fmt", "--all", "--check", "--manifest-path", "fuzz/targets/Cargo.toml"]))
    })?;
    timed("clippy", || {
        step(cargo().args(["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]))
    })?;
    timed("documentation", || {
        let mut doc = cargo();
        doc.args(["doc", "--workspace", "--no-deps", "--locked"]).env("RUSTDOCFLAGS", "-D warnings");
        step(&mut doc)
    })?;
    timed("tests", || {
        let mut test = cargo();
        test.args(["test", "--workspace", "--locked"]).env("FATHOM_SKIPPED", &skipped);
        step(&mut test)
    })?;

    timed("swarm", || swarm(&["--seeds".to_owned(), "2000".to_owned(), "--fresh".to_owned()]))?;

    report(&fs::read_to_string(&skipped)?)?;
    println!("all checks passed in {:.0} s", started.elapsed().as_secs_f64());
    Ok(())
}

fn timed(name: &str, check: impl FnOnce() -> Result<()>) -> Result<()> {
    println!("== {name}");
    let started = Instant::now();
    check().with_context(|| format!("{name}: failed"))?;
    println!("== {name}: {:.0} s", started.elapsed().as_secs_f64());
    Ok(())
}

/// Lists the tests that could not run; they are a failure where everything must run.
fn report(skipped: &str) -> Result<()> {
    let mut skipped: Vec<&str> = skipped.lines().collect();
    skipped.sort_unstable();
    skipped.dedup();
    if skipped.is_empty() {
        return Ok(());
    }
    println!("skipped:");
    for line in &skipped {
        println!("  {line}");
    }
    if env::var("CI").is_ok_and(|value| value == "true") {
        bail!("{} tests were skipped, and with CI=true none may be", skipped.len());
    }
    Ok(())
}

/// The output of a command, for the checks that read it.
pub fn output(command: &mut Command) -> Result<String> {
    let shown = format!("{command:?}");
    let output = command.output().with_context(|| format!("cannot start {shown}"))?;
    if !output.status.success() {
        bail!("{shown} failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?)
}
