//! The side that asks.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::VERSION;

/// How long the other side may take for each line.
const PATIENCE: Duration = Duration::from_secs(10);

/// An answer as it comes.
pub(crate) struct Client {
    lines: io::Lines<BufReader<UnixStream>>,
    ended: bool,
}

/// Asks the process that answers at `path`.
///
/// # Errors
/// When nobody answers there.
pub(crate) fn ask(path: &Path, request: &str) -> io::Result<Client> {
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    writeln!(stream, "{}", json!({ "version": VERSION, "request": request }))?;
    Ok(Client { lines: BufReader::new(stream).lines(), ended: false })
}

impl Iterator for Client {
    type Item = io::Result<Value>;

    /// The next line; an answer that is not understood, or that breaks off, is an error.
    fn next(&mut self) -> Option<io::Result<Value>> {
        if self.ended {
            return None;
        }
        let broken = |text: &str| Some(Err(io::Error::new(io::ErrorKind::InvalidData, text.to_owned())));
        let line = match self.lines.next() {
            Some(Ok(line)) => line,
            Some(Err(error)) => {
                self.ended = true;
                return Some(Err(error));
            }
            None => {
                self.ended = true;
                return broken("the answer broke off");
            }
        };
        let Ok(value) = serde_json::from_str::<Value>(&line) else {
            self.ended = true;
            return broken("the answer is not JSON");
        };
        if value["version"].as_u64() != Some(VERSION) {
            self.ended = true;
            return broken("the answer is of another version of fathom");
        }
        if let Some(error) = value["error"].as_str() {
            self.ended = true;
            return broken(error);
        }
        self.ended = value["end"] == true;
        Some(Ok(value))
    }
}
