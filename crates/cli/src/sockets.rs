//! `fathom sockets`: what a running host is doing.

use std::io::{Write, stderr};
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::args::SocketsArgs;
use crate::control::{self, Client};
use crate::exit::Exit;
use crate::failure::{Failure, reason};
use crate::output::{Destination, Sink};

mod metrics;
mod table;

/// Runs `fathom sockets`.
pub(crate) fn run(args: &SocketsArgs) -> Exit {
    let Err(failure) = show(args) else { return Exit::Success };
    if !failure.is_silent() {
        // Nothing can be said about a broken standard error.
        let _ = writeln!(stderr(), "fathom: {failure}");
    }
    failure.exit
}

fn show(args: &SocketsArgs) -> Result<(), Failure> {
    let path = path(args)?;
    let request = if args.counters || args.metrics { "counters" } else { "sockets" };
    let answer = control::ask(&path, request).map_err(|error| {
        Failure::new(Exit::Connect, format!("nobody answers at {}: {}", path.display(), reason(&error)))
            .hint("see that fathom serve runs, and which control socket it printed")
    })?;
    let mut out = Sink::new(Destination::Stdout);
    if request == "counters" {
        let counters = last(answer)?;
        let text = match (args.metrics, args.json) {
            (true, _) => metrics::text(&counters),
            (false, true) => format!("{counters:#}\n"),
            (false, false) => table::counters(&counters),
        };
        out.put(text.as_bytes())?;
    } else if args.json {
        let mut sockets = Vec::new();
        for line in answer {
            sockets.extend(socket(line, args)?);
        }
        out.put(format!("{:#}\n", json!({ "version": control::VERSION, "sockets": sockets })).as_bytes())?;
    } else {
        let mut rows = table::Table::default();
        for line in answer {
            if let Some(socket) = socket(line, args)? {
                rows.add(&socket);
            }
        }
        out.put(rows.text().as_bytes())?;
    }
    out.finish()
}

/// The socket to ask at: the one that was named, or the only one there is.
fn path(args: &SocketsArgs) -> Result<PathBuf, Failure> {
    if let Some(path) = &args.control {
        return Ok(path.clone());
    }
    let mut running = control::running();
    match (running.pop(), running.len()) {
        (Some(path), 0) => Ok(path),
        (None, _) => Err(Failure::new(Exit::Connect, "no fathom serve of yours is running")
            .hint("start one, or name its control socket with --control PATH")),
        (Some(path), _) => {
            running.push(path);
            let all: Vec<String> = running.iter().map(|path| path.display().to_string()).collect();
            Err(Failure::new(Exit::Usage, format!("several are running: {}", all.join(" ")))
                .hint("choose one with --control PATH"))
        }
    }
}

fn broken(error: &std::io::Error) -> Failure {
    Failure::new(Exit::Receive, format!("no answer from the control socket: {}", reason(error)))
        .hint("try again, with the fathom that the server was started with")
}

/// The last line of an answer.
fn last(answer: Client) -> Result<Value, Failure> {
    let mut last = Value::Null;
    for line in answer {
        last = line.map_err(|error| broken(&error))?;
    }
    Ok(last)
}

/// The socket of a line, if it has one that is wanted.
fn socket(line: std::io::Result<Value>, args: &SocketsArgs) -> Result<Option<Value>, Failure> {
    let mut line = line.map_err(|error| broken(&error))?;
    let socket = line["socket"].take();
    let tcp = socket["protocol"] == "tcp";
    let wanted = !socket.is_null()
        && (args.tcp == args.udp || args.tcp == tcp)
        && (!args.listening || socket["state"] == "LISTEN" || socket["state"] == "UNCONNECTED");
    Ok(wanted.then_some(socket))
}
