//! Runs the built command.
#![allow(dead_code, reason = "each test file uses a part of this")]

use std::io::Write;
use std::process::{Command, Output, Stdio};

/// What a run of the command left.
#[derive(Debug)]
pub(crate) struct Run {
    /// Its exit code.
    pub(crate) code: i32,
    /// Standard output.
    pub(crate) stdout: Vec<u8>,
    /// Standard error.
    pub(crate) stderr: String,
}

impl Run {
    /// Standard output as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("the output is text")
    }

    /// Asserts that it succeeded.
    #[track_caller]
    pub(crate) fn succeeded(self) -> Self {
        assert_eq!(self.code, 0, "{}", self.stderr);
        self
    }

    /// Asserts that it failed with this code and with one line on standard error that begins so.
    #[track_caller]
    pub(crate) fn failed(self, code: i32, line: &str) -> Self {
        let expected = format!("fathom: ({code}) {line}");
        assert_eq!(self.code, code, "{}", self.stderr);
        assert_eq!(self.stderr.lines().count(), 1, "{}", self.stderr);
        assert!(self.stderr.starts_with(&expected), "{}\n{expected}", self.stderr);
        self
    }
}

/// The command, with an environment that decides nothing.
pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fathom"));
    for name in ["NO_COLOR", "CLICOLOR_FORCE", "COLUMNS", "LC_ALL", "LC_CTYPE", "LANG"] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

/// Runs the command with these words.
pub(crate) fn fathom(words: &[&str]) -> Run {
    run(command().args(words))
}

/// Runs `fathom get URL --via lab` with these words.
pub(crate) fn get(url: &str, words: &[&str]) -> Run {
    run(command().args(["get", url, "--via", "lab"]).args(words))
}

/// Runs the command with something to read.
pub(crate) fn with_input(words: &[&str], input: &[u8]) -> Run {
    let mut command = command();
    command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the command runs");
    child.stdin.take().expect("it has an input").write_all(input).expect("it reads");
    ran(child.wait_with_output().expect("it ends"))
}

/// Runs a command that was put together.
pub(crate) fn run(command: &mut Command) -> Run {
    ran(command.output().expect("the command runs"))
}

fn ran(output: Output) -> Run {
    Run {
        code: output.status.code().expect("it ends by itself"),
        stdout: output.stdout,
        stderr: String::from_utf8(output.stderr).expect("messages are text"),
    }
}
