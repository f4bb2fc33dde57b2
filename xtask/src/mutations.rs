//! `cargo xtask mutations`: plants faults in the engine, one at a time, and sees which instrument catches each.
//!
//! The list is `xtask/mutations.toml`. Each fault is planted in a copy of the tree below `target/`, so nothing
//! that is being edited is touched.

mod list;
mod run;

use std::collections::BTreeMap;

use anyhow::{Result, bail};

use self::list::{List, Mutation};
use self::run::{Outcome, Tree};
use crate::root;

const USAGE: &str = "cargo xtask mutations [--every] [--list] [NAME…]";

/// Runs the mutations that are named, or all: each against the instruments that are to catch it, or with
/// `--every` against all instruments. Fails when one is not caught by an instrument that is to catch it.
pub fn run(arguments: &[String]) -> Result<()> {
    let list = List::read(&root())?;
    let (flags, names): (Vec<&String>, Vec<&String>) =
        arguments.iter().partition(|argument| argument.starts_with('-'));
    if let Some(unknown) = flags.iter().find(|flag| !matches!(flag.as_str(), "--every" | "--list")) {
        bail!("no option {unknown}; usage: {USAGE}");
    }
    let has = |flag| flags.iter().any(|given| *given == flag);
    let chosen = list.choose(&names)?;
    if has("--list") {
        for mutation in chosen {
            println!("{}: {} ({})", mutation.name, mutation.what, mutation.caught_by.join(", "));
        }
        return Ok(());
    }
    let tree = Tree::make(&root())?;
    for mutation in &chosen {
        // All of them first: a list that has fallen behind the code is told before an hour is spent.
        tree.check(mutation)?;
    }
    baseline(&tree, &list, &chosen, has("--every"))?;
    let mut rows = Vec::new();
    for mutation in chosen {
        println!("== {}: {}", mutation.name, mutation.what);
        let planted = tree.plant(mutation)?;
        let mut outcomes = BTreeMap::new();
        for (name, command) in list.instruments_for(mutation, has("--every")) {
            let outcome = planted.run(command)?;
            println!("   {name}: {outcome}");
            outcomes.insert(name, outcome);
        }
        rows.push((mutation, outcomes));
    }
    report(&rows)
}

/// Every instrument that is used must pass without a fault, or its failing says nothing.
fn baseline(tree: &Tree, list: &List, chosen: &[&Mutation], every: bool) -> Result<()> {
    let mut used = BTreeMap::new();
    for mutation in chosen {
        used.extend(list.instruments_for(mutation, every));
    }
    for (name, command) in used {
        println!("== without a fault: {name}");
        match tree.run(command)? {
            Outcome::Passed => {}
            outcome => bail!("{name} fails without any fault planted ({outcome}): {command}"),
        }
    }
    Ok(())
}

fn report(rows: &[(&Mutation, BTreeMap<&str, Outcome>)]) -> Result<()> {
    println!();
    let mut missed = Vec::new();
    for (mutation, outcomes) in rows {
        let caught: Vec<&str> =
            outcomes.iter().filter(|(_, outcome)| outcome.is_catch()).map(|(name, _)| *name).collect();
        println!(
            "{:<32} {}",
            mutation.name,
            if caught.is_empty() { "NOT CAUGHT".into() } else { caught.join(", ") }
        );
        let silent = mutation.caught_by.iter().filter(|name| !caught.contains(&name.as_str()));
        missed.extend(silent.map(|name| format!("{} by {name}", mutation.name)));
    }
    if missed.is_empty() {
        return Ok(());
    }
    bail!("not caught: {}", missed.join(", "))
}
