//! A copy of the tree in which faults are planted, and the instruments that are run there.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::list::Mutation;
use crate::step;
use crate::test::output;

/// An instrument that runs longer than this is hung, by a fault that makes it wait for ever.
const PATIENCE_SECONDS: &str = "300";
/// What `timeout` says then.
const TIMED_OUT: i32 = 124;

/// What an instrument said.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Passed,
    Failed,
    /// It did not come to an end.
    Hung,
}

impl Outcome {
    /// Whether it has noticed the fault.
    pub(super) fn is_catch(self) -> bool {
        self != Outcome::Passed
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Outcome::Passed => "passes, and notices nothing",
            Outcome::Failed => "caught",
            Outcome::Hung => "caught: it does not come to an end",
        })
    }
}

/// The copy.
pub(super) struct Tree {
    place: PathBuf,
    target: PathBuf,
}

/// The copy with a fault in it, which is taken out again at the end.
pub(super) struct Planted<'a> {
    tree: &'a Tree,
    file: PathBuf,
    sound: String,
}

impl Tree {
    /// Copies what git knows of the tree at `root`, as it is at this moment.
    pub(super) fn make(root: &Path) -> Result<Tree> {
        let place = root.join("target/mutations/tree");
        let target = root.join("target/mutations/target");
        if place.exists() {
            fs::remove_dir_all(&place)?;
        }
        let files = output(Command::new("git").arg("-C").arg(root).args(["ls-files", "-z"]))?;
        for file in files.split('\0').filter(|file| !file.is_empty()) {
            let (from, to) = (root.join(file), place.join(file));
            if let Some(parent) = to.parent() {
                fs::create_dir_all(parent)?;
            }
            // One that is removed and not yet committed is not there.
            if from.exists() {
                fs::copy(&from, &to).with_context(|| format!("cannot copy {file}"))?;
            }
        }
        Ok(Tree { place, target })
    }

    /// Whether the text of a mutation stands in its file, and once.
    pub(super) fn check(&self, mutation: &Mutation) -> Result<String> {
        let path = self.place.join(&mutation.file);
        let text =
            fs::read_to_string(&path).with_context(|| format!("{}: {}", mutation.name, mutation.file))?;
        match text.matches(&mutation.find).count() {
            1 => Ok(text),
            n => bail!("{}: the text to be replaced stands {n} times in {}", mutation.name, mutation.file),
        }
    }

    /// Plants a fault, and makes sure that the engine still builds: what the compiler catches proves nothing.
    pub(super) fn plant(&self, mutation: &Mutation) -> Result<Planted<'_>> {
        let sound = self.check(mutation)?;
        let file = self.place.join(&mutation.file);
        fs::write(&file, sound.replacen(&mutation.find, &mutation.replace, 1))?;
        let planted = Planted { tree: self, file, sound };
        let mut check = self.command("cargo check --quiet -p fathom-stack");
        step(check.stdout(Stdio::null()).stderr(Stdio::null()))
            .with_context(|| format!("{}: the engine does not build with it", mutation.name))?;
        Ok(planted)
    }

    /// Runs an instrument.
    pub(super) fn run(&self, command: &str) -> Result<Outcome> {
        let mut process = self.command(command);
        let status = process.stdout(Stdio::null()).stderr(Stdio::null()).status();
        let status = status.with_context(|| format!("cannot start {command}"))?;
        Ok(match status.code() {
            Some(0) => Outcome::Passed,
            Some(TIMED_OUT) => Outcome::Hung,
            _ => Outcome::Failed,
        })
    }

    fn command(&self, words: &str) -> Command {
        // coreutils' timeout ends all processes of the command, where a signal to cargo would leave the tests.
        let mut command = Command::new("timeout");
        let (program, arguments) = words.split_once(' ').unwrap_or((words, ""));
        command.args(["--kill-after=5", PATIENCE_SECONDS, program]);
        if program == "cargo" {
            // Built once for each fault, and run for seconds: little optimisation is the faster way.
            command.args(["--config", "profile.dev.package.fathom-stack.opt-level=0"]);
            command.args(["--config", "profile.dev.debug='line-tables-only'"]);
        }
        command.args(arguments.split_whitespace());
        command.current_dir(&self.place).env("CARGO_TARGET_DIR", &self.target);
        command
    }
}

impl Planted<'_> {
    /// Runs an instrument.
    pub(super) fn run(&self, command: &str) -> Result<Outcome> {
        self.tree.run(command)
    }
}

impl Drop for Planted<'_> {
    fn drop(&mut self) {
        // The next mutation may be in another file; a copy that stays unsound is removed at the next start.
        let _ = fs::write(&self.file, &self.sound);
    }
}
