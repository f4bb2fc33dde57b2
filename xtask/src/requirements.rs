//! `cargo xtask requirements`: what the standards demand, and which test shows it.

mod check;
mod list;
mod marks;
mod report;
#[cfg(test)]
mod samples;
mod source;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use anyhow::{Context, Result, bail};

use list::{Level, List};
use marks::Marks;
use report::{Filter, Report, Status};

pub const USAGE: &str = "\
cargo xtask requirements [ID…] [--rfc N]… [--layer NAME]… [--level must|should|may]…
                         [--list tested|deviations|unbuilt|missing] [--sample N [--seed N]] [--check]

  without --list    a table per layer and document, and the ids of what is missing
  ID…               the statement of each, and the places of its marks with what they assert
  --list WHICH      the statements, with the places of tests, or with reasons
  --sample N        N marks at random, with what they assert, for a second reader; --seed gives others
  --check           fails on marks and deviations that are not in order, as `cargo xtask test` does

The list, deviations and what is not built are in docs/requirements/; docs/requirements.md tells
how tests are marked.";

/// What is asked for.
#[derive(Debug, Default)]
struct Arguments {
    ids: Vec<String>,
    filter: Filter,
    listed: Option<Status>,
    sample: Option<usize>,
    seed: u64,
    check: bool,
}

impl Arguments {
    fn parse(arguments: &[String]) -> Result<Arguments> {
        let mut parsed = Arguments::default();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let mut value = || rest.next().with_context(|| format!("{argument} needs a value\n\n{USAGE}"));
            match argument.as_str() {
                "--rfc" => {
                    let name = value()?.trim_start_matches("RFC").trim().to_owned();
                    parsed.filter.rfcs.insert(name);
                }
                "--layer" => {
                    let layer = value()?.clone();
                    parsed.filter.layers.insert(layer);
                }
                "--level" => {
                    let name = value()?;
                    let level = Level::ALL.into_iter().find(|level| level.name().eq_ignore_ascii_case(name));
                    let level = level.with_context(|| format!("no level is called {name}"))?;
                    parsed.filter.levels.insert(level);
                }
                "--list" => {
                    let name = value()?;
                    let status = Status::ALL.into_iter().find(|status| status.name() == name);
                    parsed.listed = Some(status.with_context(|| format!("no list is called {name}"))?);
                }
                "--sample" => parsed.sample = Some(value()?.parse().context("--sample takes a number")?),
                "--seed" => parsed.seed = value()?.parse().context("--seed takes a number")?,
                "--check" => parsed.check = true,
                _ if argument.starts_with('-') => bail!("no option {argument}\n\n{USAGE}"),
                id => parsed.ids.push(id.to_owned()),
            }
        }
        Ok(parsed)
    }
}

/// Prints what is asked for.
pub fn run(root: &Path, arguments: &[String]) -> Result<()> {
    let arguments = Arguments::parse(arguments)?;
    if arguments.check {
        return check(root);
    }
    let list = List::read(root)?;
    let marks = Marks::read(root, &list)?;
    let filter = &arguments.filter;
    known(&list, filter)?;
    let report = Report { list: &list, marks: &marks, filter };
    if let Some(count) = arguments.sample {
        print!("{}", sample(report, count, arguments.seed));
    } else if !arguments.ids.is_empty() {
        for id in &arguments.ids {
            let requirement = list.get(id).with_context(|| format!("{id} is not in the list"))?;
            print!("{}", report.explained(requirement));
        }
    } else if let Some(status) = arguments.listed {
        print!("{}", report.listed(status));
    } else {
        print!("{}\n{}", report.table(), report.rest());
    }
    Ok(())
}

/// What `cargo xtask test` checks.
pub fn check(root: &Path) -> Result<()> {
    let list = List::read(root)?;
    let marks = Marks::read(root, &list)?;
    let wrong = check::wrong(root, &list, &marks);
    if !wrong.is_empty() {
        bail!("{} things are not in order:\n{}", wrong.len(), wrong.join("\n"));
    }
    println!("{} marks and {} deviations are in order", marks.marks.len(), list.deviations.len());
    Ok(())
}

/// A misspelt document or layer would look as if nothing were demanded.
fn known(list: &List, filter: &Filter) -> Result<()> {
    for rfc in &filter.rfcs {
        if !list.requirements.iter().any(|requirement| requirement.rfc == *rfc) {
            bail!("nothing of {rfc} is in the list");
        }
    }
    for layer in &filter.layers {
        if !list.requirements.iter().any(|requirement| requirement.layer == *layer) {
            let mut layers: Vec<&str> = list.requirements.iter().map(|it| it.layer.as_str()).collect();
            layers.dedup();
            bail!("no layer is called {layer}; there are {}", layers.join(", "));
        }
    }
    Ok(())
}

/// Marks in an order that depends on the seed alone.
fn sample(report: Report<'_>, count: usize, seed: u64) -> String {
    let mut marks: Vec<_> = report.marks.marks.iter().collect();
    marks.retain(|mark| report.list.get(&mark.id).is_some_and(|it| report.filter.takes(it)));
    marks.sort_by_key(|mark| {
        let mut hasher = DefaultHasher::new();
        (seed, &mark.id, &mark.file, &mark.test, mark.line).hash(&mut hasher);
        hasher.finish()
    });
    let mut out = String::new();
    for mark in marks.into_iter().take(count) {
        if let Some(requirement) = report.list.get(&mark.id) {
            out.push_str(&report.marked(requirement, mark));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{Arguments, Filter, Report, sample, samples};

    #[test]
    fn arguments_that_mean_nothing_are_refused() {
        for arguments in
            [&["--rfc"][..], &["--list", "all"], &["--level", "can"], &["--sample", "x"], &["--x"]]
        {
            let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
            assert!(Arguments::parse(&arguments).is_err(), "{arguments:?}");
        }
    }

    #[test]
    fn a_sample_has_the_statement_and_what_is_asserted() {
        let (list, marks, filter) = (samples::list(), samples::marks(), Filter::default());
        let report = Report { list: &list, marks: &marks, filter: &filter };
        let sample = sample(report, 20, 1);
        assert!(
            sample.contains("What RFC9293-MUST-1 says.") && sample.contains("assert!(shown);"),
            "{sample}"
        );
    }
}
