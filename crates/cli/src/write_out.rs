//! `-w`: a line about the transfer, in curl's words.

use std::fs::OpenOptions;
use std::io::{self, Write};

use crate::exit::Exit;
use crate::failure::{Failure, reason};

mod facts;
mod format;
mod variables;

pub(crate) use facts::{Facts, Times};
pub(crate) use format::Format;
use format::Piece;

/// Writes what `format` says of `facts`; to standard output until it says otherwise.
///
/// As with curl, an unknown variable is named on standard error and leaves nothing in the output.
///
/// # Errors
///
/// [`Exit::Write`] when an output does not take it.
pub(crate) fn write(format: &Format, facts: &Facts) -> Result<(), Failure> {
    let mut output = Output::Stdout;
    for piece in format.pieces() {
        match piece {
            Piece::Text(text) => output.write(text)?,
            Piece::Variable(variable) => output.write(&variable.text(facts))?,
            Piece::Json => output.write(&variables::json(facts))?,
            Piece::HeaderJson => output.write(&variables::header_json(facts))?,
            Piece::Header(name) => output.write(facts.header(name).unwrap_or_default())?,
            Piece::OnError if facts.exit == Exit::Success => break,
            Piece::OnError => {}
            Piece::Stderr => output = Output::Stderr,
            Piece::Stdout => output = Output::Stdout,
            Piece::File { path, append } => output = Output::open(path, *append)?,
            Piece::Unknown(name) => {
                Output::Stderr.write(&format!("fathom: unknown --write-out variable: '{name}'\n"))?;
            }
        }
    }
    Ok(())
}

enum Output {
    Stdout,
    Stderr,
    File { path: String, file: std::fs::File },
}

impl Output {
    fn open(path: &str, append: bool) -> Result<Self, Failure> {
        let mut options = OpenOptions::new();
        options.create(true).write(true).append(append).truncate(!append);
        let file = options.open(path).map_err(|error| {
            Failure::new(Exit::Write, format!("could not open {path} of -w: {}", reason(&error)))
        })?;
        Ok(Output::File { path: path.into(), file })
    }

    fn write(&mut self, text: &str) -> Result<(), Failure> {
        let (name, written) = match self {
            Output::Stdout => {
                let mut stdout = io::stdout().lock();
                ("standard output", stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()))
            }
            // Nothing can be said about a broken standard error.
            Output::Stderr => ("standard error", io::stderr().lock().write_all(text.as_bytes()).or(Ok(()))),
            Output::File { path, file } => (&**path, file.write_all(text.as_bytes())),
        };
        written.map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::broken_pipe(),
            _ => Failure::new(Exit::Write, format!("could not write to {name}: {}", reason(&error))),
        })
    }
}

#[cfg(test)]
mod tests;
