//! The side that answers.

use std::fs;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{CWD, Mode, chmodat};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with};
use serde_json::{Value, json};

use super::answer::Source;
use super::{VERSION, place};

/// How long a client may take for its question, and for each part of the answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of a question.
const QUESTION: u64 = 4096;
/// Clients that wait.
const BACKLOG: i32 = 16;
/// How long to wait before the next client after an error that has no cause in one.
const PAUSE: Duration = Duration::from_millis(100);

/// A control socket. It is removed when this is dropped.
#[derive(Debug)]
pub(crate) struct Control {
    path: PathBuf,
}

impl Control {
    /// Answers at `path`, or at a place of its own, about `source`, on a thread of its own.
    ///
    /// # Errors
    /// When the place is taken or cannot be used.
    pub(crate) fn start(path: Option<&Path>, source: Source) -> io::Result<Control> {
        let path = match path {
            Some(path) => path.to_owned(),
            None => place::own()?,
        };
        place::clear(&path)?;
        let listener = open(&path)?;
        let control = Control { path };
        std::thread::Builder::new().name("control".into()).spawn(move || serve(&listener, &source))?;
        Ok(control)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // Whoever removed it before us has done the work.
        let _ = fs::remove_file(&self.path);
    }
}

/// Opens a socket that only its owner may use, from its first moment on: it is bound, made private, and only
/// then does it listen.
fn open(path: &Path) -> io::Result<UnixListener> {
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    bind(&socket, &SocketAddrUnix::new(path)?)?;
    chmodat(CWD, path, Mode::RUSR | Mode::WUSR, rustix::fs::AtFlags::empty())?;
    listen(&socket, BACKLOG)?;
    Ok(UnixListener::from(socket))
}

fn serve(listener: &UnixListener, source: &Source) {
    for client in listener.incoming() {
        match client {
            // What goes wrong with a client is the client's to notice.
            Ok(client) => drop(answer(&client, source)),
            // Out of descriptors, for a moment.
            Err(_) => pause(),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this thread belongs to the operating system's side")]
fn pause() {
    std::thread::sleep(PAUSE);
}

fn answer(client: &UnixStream, source: &Source) -> io::Result<()> {
    client.set_read_timeout(Some(PATIENCE))?;
    client.set_write_timeout(Some(PATIENCE))?;
    let mut question = String::new();
    BufReader::new(client.take(QUESTION)).read_line(&mut question)?;
    let mut out = BufWriter::new(client);
    let question: Value = serde_json::from_str(&question).unwrap_or_default();
    match (question["version"].as_u64(), question["request"].as_str()) {
        (Some(VERSION), Some("sockets")) => source.sockets(&mut out)?,
        (Some(VERSION), Some("counters")) => source.counters(&mut out)?,
        (Some(VERSION), _) => refuse(&mut out, "the requests are 'sockets' and 'counters'")?,
        _ => refuse(&mut out, "the version is 1")?,
    }
    out.flush()
}

fn refuse(out: &mut impl Write, why: &str) -> io::Result<()> {
    writeln!(out, "{}", json!({ "version": VERSION, "end": true, "error": why }))
}
