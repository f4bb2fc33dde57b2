//! `fathom serve`: a folder over HTTP, from a host of its own.

use std::io::{Write, stderr};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fathom_apps::http::server::files::{Disk, Files, Options, Uploads};
use fathom_apps::http::server::{Config, Limits, Server};
use fathom_lens::Tracer;
use fathom_net::{Host, Instant, SocketCursor, SocketEntry, TcpListener, TcpSocket};
use fathom_record::Layer;
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::args::{Place, ServeArgs, Via};
use crate::control::{Control, SLOTS_AT_ONCE, Source};
use crate::exit::Exit;
use crate::failure::{Failure, reason};
use crate::get::tape::Tape;
use crate::network::Network;
use crate::output::Destination;
use crate::terminal::Style;

mod certificate;
mod log;
mod traffic;

use certificate::Certificate;
use log::Log;
pub(crate) use traffic::Traffic;

/// How often signals and the interface are looked at.
const LOOK: Duration = Duration::from_millis(50);
/// How often records are taken, which come fast.
const TAKE: Duration = Duration::from_millis(10);
/// Threads that read and write files.
const DISK_THREADS: usize = 4;
/// Established connections that wait for a task.
const BACKLOG: u32 = 1024;
/// The port of HTTP.
const HTTP: u16 = 80;

/// Runs `fathom serve`.
pub(crate) fn run(args: &ServeArgs, style: Style) -> Exit {
    let Err(failure) = run_to_its_end(args, style) else { return Exit::Success };
    if !failure.is_silent() {
        say(&failure.to_string());
    }
    failure.exit
}

/// Writes a line to standard error. Nothing can be said about a broken one.
fn say(line: &str) {
    let _ = writeln!(stderr(), "fathom: {line}");
}

fn run_to_its_end(args: &ServeArgs, style: Style) -> Result<(), Failure> {
    if matches!(args.network.via()?, Via::Lab) {
        return Err(Failure::new(
            Exit::Usage,
            "nobody outside of this process can reach a server in the lab",
        )
        .hint("use --via tap:NAME or --via tun:NAME; the lab has servers of its own for fathom get"));
    }
    args.check()?;
    if args.network.write.as_deref() == Some("-") && !args.quiet {
        return Err(Failure::new(
            Exit::Usage,
            "the capture and the lines of requests both go to standard output",
        )
        .hint("add -q, or write the capture to a file"));
    }
    // What can be wrong without a network is seen before there is one.
    let files = Arc::new(files(args)?);
    let certificate = Certificate::of(args)?;
    let network = Network::open(&args.network)?;
    let mut tape = tape(args, &network, style)?;
    if tape.is_none() {
        network.host().stop_recording();
    }
    let host = network.host().clone();
    let (log, log_writer) = Log::start(args, host.clone())?;
    let limits = Limits {
        connections: args.max_connections as usize,
        head_timeout: args.head_timeout,
        idle_timeout: args.idle_timeout,
        ..Limits::default()
    };
    let traffic = Traffic::default();
    let server = Server::new(limits.connections);
    let mut urls = Vec::new();
    for (secure, place) in places(args) {
        for at in addresses(args, place) {
            let listener = listen(&host, at, args.idle_timeout)?;
            let identity = if secure { certificate.identity() } else { None };
            let observer = Some(log.observer(&traffic));
            let config = Config { identity, limits: limits.clone(), observer };
            server
                .serve(&host, listener, config, files.clone())
                .map_err(|error| certificate.refused(&error))?;
        }
        urls.extend(reached_at(args, secure, place));
    }
    let signals = Signals::register()?;
    let source = Source { host: host.clone(), server: server.clone(), traffic };
    let control = control(args, source)?;
    certificate.announce()?;
    if let Some(link) = args.network.link().describe() {
        say(&link);
    }
    say(&format!("serving {} at {}", args.dir.display(), urls.join(" ")));
    if let Some(control) = &control {
        say(&format!("fathom sockets --control {} shows its sockets", control.path().display()));
    }
    let watch = Watch { host: &host, server: &server, signals: &signals, grace: args.grace };
    let ended = host.block_on(watch.run(&network, &mut tape));
    drop(control);
    log_writer.finish();
    let recorded = tape.map_or(Ok(()), |tape| tape.finish(host.records_lost()).1);
    ended.and(recorded)
}

fn files(args: &ServeArgs) -> Result<Files, Failure> {
    let failed = |error: std::io::Error| {
        let unsupported = error.kind() == std::io::ErrorKind::Unsupported;
        let hint = if unsupported {
            "add --follow-links, if everything that links lead to may be seen"
        } else {
            "name a folder that you may read"
        };
        Failure::new(Exit::Read, format!("could not serve {}: {}", args.dir.display(), reason(&error)))
            .hint(hint)
    };
    let disk = Disk::threads(DISK_THREADS).map_err(failed)?;
    let options = Options {
        listing: !args.no_list,
        dotfiles: args.dotfiles,
        follow_links: args.follow_links,
        uploads: args.upload.then_some(Uploads { max_bytes: args.upload_limit.0 }),
        ..Options::new(disk)
    };
    Files::open(&args.dir, options).map_err(failed)
}

/// What records are for, if somebody wants them.
fn tape(args: &ServeArgs, network: &Network, style: Style) -> Result<Option<Tape>, Failure> {
    let frames = args.verbose >= 4;
    if args.network.write.is_none() && !frames {
        return Ok(None);
    }
    let tracer = frames.then(|| Tracer::new(&network.links(), style.lens()));
    let capture = args.network.write.as_deref().map(Destination::new);
    let comment = format!("fathom serve {}", args.dir.display());
    let tape = Tape::new().with_tracer(tracer).without_keeping();
    tape.with_capture(capture, &network.links(), network.epoch(), comment).map(Some)
}

/// Where to listen, and whether over TLS.
fn places(args: &ServeArgs) -> Vec<(bool, Place)> {
    let mut places: Vec<_> = args.http.iter().map(|place| (false, *place)).collect();
    places.extend(args.https.iter().map(|place| (true, *place)));
    if places.is_empty() {
        places.push((false, Place { address: None, port: HTTP }));
    }
    places
}

/// The addresses to bind for a place: both families, as far as the host has them.
fn addresses(args: &ServeArgs, place: Place) -> Vec<SocketAddr> {
    let has = |v4: bool| args.network.address.iter().any(|cidr| cidr.address().is_ipv4() == v4);
    let any = [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)];
    let addresses = match place.address {
        Some(address) => vec![address],
        None => any.into_iter().filter(|address| has(address.is_ipv4())).collect(),
    };
    addresses.into_iter().map(|address| SocketAddr::new(address, place.port)).collect()
}

/// The control socket. One that nobody asked for is no reason not to serve.
fn control(args: &ServeArgs, source: Source) -> Result<Option<Control>, Failure> {
    match (Control::start(args.control.as_deref(), source), &args.control) {
        (Ok(control), _) => Ok(Some(control)),
        (Err(error), Some(path)) => Err(Failure::new(
            Exit::Write,
            format!("no control socket at {}: {}", path.display(), reason(&error)),
        )
        .hint("name another place with --control")),
        (Err(error), None) => {
            say(&format!("no control socket: {}; name a place with --control", reason(&error)));
            Ok(None)
        }
    }
}

/// Listens. Data that a client does not acknowledge for as long as a connection may stand still ends it: the
/// machine of the client may be gone.
fn listen(host: &Host, at: SocketAddr, idle: Duration) -> Result<TcpListener, Failure> {
    let open = || {
        let socket = if at.is_ipv4() { TcpSocket::new_v4(host)? } else { TcpSocket::new_v6(host)? };
        if at.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.set_user_timeout(Some(idle))?;
        socket.bind(at)?;
        socket.listen(BACKLOG)
    };
    open().map_err(|error: std::io::Error| {
        let hint = match error.kind() {
            std::io::ErrorKind::AddrInUse => "name each place once",
            std::io::ErrorKind::AddrNotAvailable => "listen at one of the addresses of --address",
            _ => "choose another port",
        };
        Failure::new(Exit::Usage, format!("could not listen at {at}: {}", reason(&error)))
            .on(Layer::Transport, "TCP")
            .hint(hint)
    })
}

/// The addresses that a client may type.
fn reached_at(args: &ServeArgs, secure: bool, place: Place) -> Vec<String> {
    let (scheme, usual) = if secure { ("https", 443) } else { ("http", HTTP) };
    let port = if place.port == usual { String::new() } else { format!(":{}", place.port) };
    let all = args.network.address.iter().map(|cidr| cidr.address());
    let addresses: Vec<IpAddr> = place.address.map_or_else(|| all.collect(), |address| vec![address]);
    addresses
        .into_iter()
        .map(|address| match address {
            IpAddr::V4(v4) => format!("{scheme}://{v4}{port}/"),
            IpAddr::V6(v6) => format!("{scheme}://[{v6}]{port}/"),
        })
        .collect()
}

/// SIGINT and SIGTERM.
struct Signals(Arc<AtomicBool>);

impl Signals {
    fn register() -> Result<Signals, Failure> {
        let flag = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&flag)).map_err(|error| {
                Failure::new(Exit::Internal, format!("signals cannot be handled: {}", reason(&error)))
            })?;
        }
        Ok(Signals(flag))
    }

    /// Whether one came since the last look.
    fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

/// Looks after the server until it ends.
struct Watch<'a> {
    host: &'a Host,
    server: &'a Server,
    signals: &'a Signals,
    grace: Duration,
}

impl Watch<'_> {
    async fn run(self, network: &Network, tape: &mut Option<Tape>) -> Result<(), Failure> {
        let mut ending: Option<Ending> = None;
        loop {
            self.host.sleep(if tape.is_some() { TAKE } else { LOOK }).await;
            if let Some(tape) = tape {
                tape.push(self.host.drain_records(), |text| {
                    let _ = stderr().write_all(text.as_bytes());
                });
            }
            if let Some(failure) = network.device_failure() {
                return Err(failure);
            }
            match (&ending, self.signals.take()) {
                (None, true) => ending = Some(self.begin_to_end()),
                (None, false) => {}
                (Some(ending), again) => {
                    if ending.is_done() && is_delivered(self.host) {
                        return Ok(());
                    }
                    if again || self.host.now() >= ending.deadline {
                        self.abort();
                        return Ok(());
                    }
                }
            }
        }
    }

    fn begin_to_end(&self) -> Ending {
        let open = self.server.connections();
        if open > 0 {
            say(&format!("ending; connections that are open: {open}; a second signal breaks them off"));
        }
        let done = Arc::new(AtomicBool::new(false));
        let (server, flag) = (self.server.clone(), Arc::clone(&done));
        self.host.spawn(async move {
            server.shut_down().await;
            flag.store(true, Ordering::Relaxed);
        });
        Ending { done, deadline: self.host.now() + self.grace }
    }

    fn abort(&self) {
        let open = self.server.connections();
        if open > 0 {
            say(&format!("connections broken off: {open}"));
        }
        self.server.abort();
    }
}

/// Whether the clients have acknowledged all that was written: what has not been leaves with the process.
fn is_delivered(host: &Host) -> bool {
    let mut delivered = true;
    let mut cursor = Some(SocketCursor::default());
    while let (true, Some(from)) = (delivered, cursor) {
        cursor = host.stack(|stack, now| {
            stack.walk_sockets(now, from, SLOTS_AT_ONCE, |entry| {
                if let SocketEntry::Connection { unacknowledged, .. } = entry {
                    delivered &= unacknowledged == 0;
                }
            })
        });
    }
    delivered
}

/// The server is ending.
struct Ending {
    done: Arc<AtomicBool>,
    deadline: Instant,
}

impl Ending {
    fn is_done(&self) -> bool {
        self.done.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests;
