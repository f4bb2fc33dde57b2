//! Where output goes: standard output or files, with errors that say which.

use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, IsTerminal, Write};

use crate::exit::Exit;
use crate::failure::{Failure, reason};

/// A place for output, as named on the command line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Destination {
    /// Standard output.
    Stdout,
    /// A file.
    File(String),
}

impl Destination {
    /// `-` is standard output, everything else a file.
    pub(crate) fn new(name: &str) -> Self {
        match name {
            "-" => Destination::Stdout,
            file => Destination::File(file.into()),
        }
    }

    /// Writes `bytes` as all there is.
    ///
    /// # Errors
    ///
    /// [`Exit::Write`], naming the file.
    pub(crate) fn write_all(&self, bytes: &[u8]) -> Result<(), Failure> {
        let mut sink = Sink::new(self.clone());
        sink.put(bytes)?;
        sink.finish()
    }

    /// What an error of writing to it means.
    pub(crate) fn failure(&self, error: &io::Error) -> Failure {
        let name = match self {
            Destination::Stdout if error.kind() == ErrorKind::BrokenPipe => return Failure::broken_pipe(),
            Destination::Stdout => "standard output",
            Destination::File(path) => path,
        };
        let (verb, hint) = match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                ("write to", "make room, or choose another place")
            }
            ErrorKind::NotFound => ("create", "create its directory first"),
            ErrorKind::PermissionDenied => ("create", "choose a place that you may write to"),
            ErrorKind::IsADirectory => ("create", "name a file in it"),
            _ => ("write to", "choose another place"),
        };
        Failure::new(Exit::Write, format!("could not {verb} {name}: {}", reason(error))).hint(hint)
    }
}

/// Writes to a destination. A file is created at the first byte, or at the end when there was none.
#[derive(Debug)]
pub(crate) struct Sink {
    destination: Destination,
    file: Option<BufWriter<File>>,
    stdout: io::Stdout,
    binary_allowed: bool,
    ends_line: bool,
}

impl Sink {
    /// A sink that nothing was written to.
    pub(crate) fn new(destination: Destination) -> Self {
        Sink { destination, file: None, stdout: io::stdout(), binary_allowed: true, ends_line: true }
    }

    /// Refuses to write NUL bytes to a terminal, which they could disturb.
    pub(crate) fn guard_terminal(mut self) -> Self {
        self.binary_allowed = self.destination != Destination::Stdout || !io::stdout().is_terminal();
        self
    }

    /// Whether a line is begun and not ended on the terminal.
    pub(crate) fn leaves_line_open(&self) -> bool {
        self.destination == Destination::Stdout && !self.ends_line && io::stdout().is_terminal()
    }

    /// Whether the output goes to a file or through a pipe: the terminal is free to show progress.
    pub(crate) fn leaves_terminal_free(&self) -> bool {
        self.destination != Destination::Stdout || !io::stdout().is_terminal()
    }

    /// Writes all of `bytes`.
    ///
    /// # Errors
    ///
    /// [`Exit::Write`], naming the file; without words when the reader of standard output went away.
    pub(crate) fn put(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if !self.binary_allowed && bytes.contains(&0) {
            return Err(Failure::new(Exit::Write, "the body is binary and would disturb your terminal")
                .hint("write it to a file with -o FILE, or use '-o -' to get it on the terminal anyway"));
        }
        let written = self.write_all(bytes);
        let written = match self.destination {
            // Whoever reads along reads it when it comes.
            Destination::Stdout => written.and_then(|()| self.stdout.flush()),
            Destination::File(_) => written,
        };
        written.map_err(|error| self.destination.failure(&error))
    }

    /// Sees that everything reached its destination.
    ///
    /// # Errors
    ///
    /// As [`Sink::put`].
    pub(crate) fn finish(&mut self) -> Result<(), Failure> {
        self.open().and_then(|output| output.flush()).map_err(|error| self.destination.failure(&error))
    }

    fn open(&mut self) -> io::Result<&mut dyn Write> {
        match &self.destination {
            Destination::Stdout => Ok(&mut self.stdout),
            Destination::File(path) => {
                let file = match self.file.take() {
                    Some(file) => file,
                    None => BufWriter::with_capacity(64 * 1024, File::create(path)?),
                };
                Ok(self.file.insert(file))
            }
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(last) = bytes.last() else { return Ok(0) };
        self.ends_line = *last == b'\n';
        self.open()?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.file {
            Some(file) => file.flush(),
            None => self.stdout.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> String {
        let path = std::env::temp_dir().join(format!("fathom-output-{}-{name}", std::process::id()));
        path.to_str().unwrap().to_owned()
    }

    #[test]
    fn a_file_is_not_touched_before_the_first_byte() {
        let path = scratch("lazy");
        let mut sink = Sink::new(Destination::new(&path));
        sink.put(b"").unwrap();
        assert!(!std::path::Path::new(&path).exists());
        sink.put(b"page").unwrap();
        sink.finish().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"page");
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn an_empty_body_makes_an_empty_file() {
        let path = scratch("empty");
        Sink::new(Destination::new(&path)).finish().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"");
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_full_disk_is_noticed_at_the_end_at_the_latest() {
        let failure = Destination::new("/dev/full").write_all(b"page").unwrap_err();
        assert_eq!(
            failure.to_string(),
            "(23) could not write to /dev/full: No space left on device; make room, or choose another place"
        );
    }

    #[test]
    fn a_missing_directory_is_named() {
        let failure = Destination::new("/nonexistent/page").write_all(b"page").unwrap_err();
        assert_eq!(
            failure.to_string(),
            "(23) could not create /nonexistent/page: No such file or directory; create its directory first"
        );
    }
}
