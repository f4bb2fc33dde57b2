//! What happens at the server, as lines.

use std::io::{self, BufWriter, Write, stdout};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use fathom_apps::http::server::{Event, Exchange, Observer, Peer};
use fathom_net::{Host, TcpInfo};
use serde_json::json;
use x509_cert::der::DateTime;

use super::{Traffic, say};
use crate::args::ServeArgs;
use crate::exit::Exit;
use crate::failure::{Failure, reason};

/// Lines that wait to be written. The server does not wait for who reads them: what is too much is counted.
const WAITING: usize = 8192;

/// Takes lines.
#[derive(Clone)]
pub(super) struct Log {
    lines: SyncSender<Line>,
    lost: Arc<AtomicU64>,
    host: Host,
    form: Form,
    verbose: u8,
}

/// How requests are told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Off,
    Text,
    Json,
}

enum Line {
    Out(String),
    End,
}

/// Writes lines, on a thread of its own.
pub(super) struct LogWriter {
    lines: SyncSender<Line>,
    lost: Arc<AtomicU64>,
    thread: JoinHandle<()>,
}

impl Log {
    /// Starts to write what the options want.
    ///
    /// # Errors
    ///
    /// [`Exit::Internal`] without a thread.
    pub(super) fn start(args: &ServeArgs, host: Host) -> Result<(Log, LogWriter), Failure> {
        let (lines, waiting) = sync_channel(WAITING);
        let thread = std::thread::Builder::new().name("log".into()).spawn(move || write_all(&waiting));
        let thread = thread.map_err(|error| {
            Failure::new(Exit::Internal, format!("no thread for the log: {}", reason(&error)))
        })?;
        let lost = Arc::new(AtomicU64::new(0));
        let writer = LogWriter { lines: lines.clone(), lost: Arc::clone(&lost), thread };
        let form = match (args.quiet, args.json) {
            (true, _) => Form::Off,
            (false, true) => Form::Json,
            (false, false) => Form::Text,
        };
        Ok((Log { lines, lost, host, form, verbose: args.verbose }, writer))
    }

    /// Told what happens at a server. It is counted, too.
    pub(super) fn observer(&self, traffic: &Traffic) -> Observer {
        let log = self.clone();
        traffic.before(move |event| {
            if let Some(line) = log.line(event)
                && log.lines.try_send(Line::Out(line)).is_err()
            {
                log.lost.fetch_add(1, Ordering::Relaxed);
            }
        })
    }

    fn line(&self, event: &Event<'_>) -> Option<String> {
        let time = time(self.host.wall_clock());
        match event {
            Event::Served { peer, exchange } => match self.form {
                Form::Off => None,
                Form::Text => Some(format!("{time} {}\n", text(peer, exchange, self.verbose >= 2))),
                Form::Json => Some(format!("{}\n", json(&time, peer, exchange))),
            },
            // Lines for programs are of one kind.
            _ if self.verbose == 0 || self.form == Form::Json => None,
            Event::Connected { peer } => Some(format!("{time} {}\n", connected(peer))),
            Event::NotConnected { peer, error } => {
                Some(format!("{time} {} #{} no connection: {error}\n", peer.remote, peer.flow.0))
            }
            Event::Closed { peer, reason, info } => {
                Some(format!("{time} {}\n", closed(peer, *reason, *info)))
            }
            _ => None,
        }
    }
}

impl LogWriter {
    /// Writes what waits, and says what was lost.
    pub(super) fn finish(self) {
        let LogWriter { lines, lost, thread } = self;
        // A writer that is gone has nothing left to write.
        let _ = lines.send(Line::End);
        let _ = thread.join();
        let lost = lost.load(Ordering::Relaxed);
        if lost > 0 {
            say(&format!("{lost} lines were not written: standard output took them too slowly"));
        }
    }
}

fn write_all(lines: &Receiver<Line>) {
    let mut out = BufWriter::new(stdout().lock());
    while let Ok(Line::Out(line)) = next(lines, &mut out) {
        if out.write_all(line.as_bytes()).is_err() {
            // Whoever read them went away; the server goes on.
            while !matches!(lines.recv(), Ok(Line::End) | Err(_)) {}
            return;
        }
    }
    let _ = out.flush();
}

/// The next line. Before a wait, what was written is shown.
fn next(lines: &Receiver<Line>, out: &mut impl Write) -> Result<Line, RecvTimeoutError> {
    match lines.try_recv() {
        Ok(line) => Ok(line),
        Err(TryRecvError::Disconnected) => Err(RecvTimeoutError::Disconnected),
        Err(TryRecvError::Empty) => {
            // Told at the next write, if it lasts.
            let _: io::Result<()> = out.flush();
            lines.recv().map_err(|_| RecvTimeoutError::Disconnected)
        }
    }
}

/// `2026-11-25T11:49:17.123Z`
fn time(since_epoch: Duration) -> String {
    match DateTime::from_unix_duration(since_epoch) {
        Ok(time) => format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
            time.year(),
            time.month(),
            time.day(),
            time.hour(),
            time.minutes(),
            time.seconds(),
            since_epoch.subsec_millis()
        ),
        // After the year 9999.
        Err(_) => format!("{}.{:03}", since_epoch.as_secs(), since_epoch.subsec_millis()),
    }
}

/// `192.0.2.1:40112 #3 GET /page HTTP/1.1 200 1024 B 0.8 ms`
fn text(peer: &Peer, exchange: &Exchange, agent: bool) -> String {
    let Exchange { version, method, target, user_agent, status, received, sent, complete, duration } =
        exchange;
    let target = self::target(target);
    let status = status.map_or("-".into(), |status| status.as_u16().to_string());
    let ms = duration.as_secs_f64() * 1e3;
    let mut line =
        format!("{} #{} {method} {target} {version:?} {status} {sent} B", peer.remote, peer.flow.0);
    if *received > 0 {
        line += &format!(" (took {received} B)");
    }
    line += &format!(" {ms:.1} ms");
    if !complete {
        line += " broken off";
    }
    if let Some(user_agent) = user_agent.as_ref().filter(|_| agent) {
        // As the client wrote it, which may be anything.
        line += &format!(" {:?}", String::from_utf8_lossy(user_agent.as_bytes()));
    }
    line
}

/// What was asked for, without the host that HTTP/2 puts before it.
fn target(uri: &http::Uri) -> &str {
    uri.path_and_query().map_or("*", |target| target.as_str())
}

fn json(time: &str, peer: &Peer, exchange: &Exchange) -> serde_json::Value {
    let Exchange { version, method, target, user_agent, status, received, sent, complete, duration } =
        exchange;
    json!({
        "version": 1,
        "time": time,
        "connection": peer.flow.0,
        "client": peer.remote.to_string(),
        "server": peer.local.to_string(),
        "tls": peer.tls.as_ref().map(|tls| tls.version),
        "protocol": format!("{version:?}"),
        "method": method.as_str(),
        "target": self::target(target),
        "status": status.map(|status| status.as_u16()),
        "received": received,
        "sent": sent,
        "ms": (duration.as_secs_f64() * 1e6).round() / 1e3,
        "complete": complete,
        "user_agent": user_agent.as_ref().map(|agent| String::from_utf8_lossy(agent.as_bytes())),
    })
}

fn connected(peer: &Peer) -> String {
    let mut line = format!("{} #{} connected to {}", peer.remote, peer.flow.0, peer.local);
    if let Some(tls) = &peer.tls {
        line += &format!(", {} {}", tls.version, tls.cipher);
        if let Some(name) = &tls.name {
            line += &format!(" as {name}");
        }
    }
    line
}

fn closed(peer: &Peer, reason: Option<&str>, info: Option<&TcpInfo>) -> String {
    let mut line = format!("{} #{} closed", peer.remote, peer.flow.0);
    if let Some(reason) = reason {
        line += &format!(" ({reason})");
    }
    if let Some(info) = info {
        let (rtt, min) = (info.rtt.as_secs_f64() * 1e3, info.min_rtt.as_secs_f64() * 1e3);
        line += &format!(
            ": rtt {rtt:.3} ms (least {min:.3}), {} segments out, {} in, {} sent again",
            info.segments_sent, info.segments_received, info.retransmits
        );
    }
    line
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, Method, StatusCode, Version};

    use super::*;

    fn peer() -> Peer {
        Peer {
            flow: fathom_net::FlowId(3),
            remote: "192.0.2.1:40112".parse().unwrap(),
            local: "[::]:80".parse().unwrap(),
            tls: None,
        }
    }

    fn exchange() -> Exchange {
        Exchange {
            version: Version::HTTP_11,
            method: Method::PUT,
            target: "/page".parse().unwrap(),
            user_agent: Some(
                HeaderValue::from_bytes(b"a\x1b[31m\xff").unwrap_or(HeaderValue::from_static("a")),
            ),
            status: Some(StatusCode::CREATED),
            received: 10,
            sent: 1024,
            complete: false,
            duration: Duration::from_micros(1250),
        }
    }

    #[test]
    fn a_request_is_a_line() {
        assert_eq!(
            text(&peer(), &exchange(), false),
            "192.0.2.1:40112 #3 PUT /page HTTP/1.1 201 1024 B (took 10 B) 1.2 ms broken off"
        );
        assert_eq!(time(Duration::from_millis(784_111_777_042)), "1994-11-06T08:49:37.042Z");
    }

    #[test]
    fn a_client_writes_nothing_into_the_log_that_moves_the_cursor() {
        assert!(!text(&peer(), &exchange(), true).contains(char::is_control));
    }

    #[test]
    fn a_request_is_an_object_for_programs() {
        let value = json("now", &peer(), &exchange());
        assert_eq!(value["version"], 1);
        assert_eq!(value["ms"], 1.25);
        assert_eq!((&value["status"], &value["tls"]), (&201.into(), &serde_json::Value::Null));
    }
}
