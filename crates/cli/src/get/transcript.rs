//! Follows the events of a fetch: collects what is asked for afterwards, and tells it with -v.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fathom_apps::http::client::{Event, Observer};
use fathom_apps::tls::client::TlsFacts;
use fathom_net::{Host, Instant, JoinHandle};

use url::{Position, Url};

use super::certificate;
use super::explain::say;
use super::heads;
use super::tape::Tape;
use super::verbose::Verbose;
use crate::write_out::Facts;

/// How often a host in real time is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// What a fetch has done so far. Clones share it.
#[derive(Clone)]
pub(super) struct Transcript(Arc<Mutex<State>>);

struct State {
    host: Host,
    verbose: Verbose,
    tape: Tape,
    facts: Facts,
    heads: Vec<u8>,
}

impl Transcript {
    /// Begins a transcript of a fetch on `host`.
    pub(super) fn new(host: Host, verbose: Verbose, tape: Tape, facts: Facts) -> Self {
        Transcript(Arc::new(Mutex::new(State { host, verbose, tape, facts, heads: Vec::new() })))
    }

    /// What the fetch has to tell its events to.
    pub(super) fn observer(&self) -> Observer {
        let transcript = self.clone();
        Observer::new(move |event| transcript.state().observe(event))
    }

    /// Shows what is recorded while nothing else happens. Only for a host in real time: in the lab each
    /// look would be an event of its own.
    pub(super) fn watch(&self) -> JoinHandle<()> {
        let (transcript, host) = (self.clone(), self.state().host.clone());
        let sleeper = host.clone();
        host.spawn(async move {
            loop {
                sleeper.sleep(LOOK).await;
                transcript.state().catch_up();
            }
        })
    }

    /// A part of the body came.
    pub(super) fn received(&self, bytes: usize) {
        let mut state = self.state();
        state.catch_up();
        let at = state.host.now();
        state.verbose.received(at, bytes);
    }

    /// The heads that have come since this was asked last.
    pub(super) fn take_heads(&self) -> Vec<u8> {
        std::mem::take(&mut self.state().heads)
    }

    /// Ends it: what is known, and what was recorded.
    pub(super) fn finish(&self) -> (Facts, Tape) {
        let mut state = self.state();
        state.catch_up();
        let tape = std::mem::take(&mut state.tape);
        (state.facts.clone(), tape)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn catch_up(&mut self) {
        let records = self.host.drain_records();
        self.tape.push(records, |shown| self.verbose.frame(shown));
    }

    fn observe(&mut self, event: &Event<'_>) {
        self.catch_up();
        let (at, facts) = (self.host.now(), &mut self.facts);
        match event {
            Event::Resolved { host, .. } if host.parse::<IpAddr>().is_ok() => {}
            Event::Resolved { host, addresses } => {
                self.verbose.note(at, 'A', &format!("Host {host} was resolved."));
                for (family, wanted) in
                    [("IPv6", IpAddr::is_ipv6 as fn(&IpAddr) -> bool), ("IPv4", IpAddr::is_ipv4)]
                {
                    let of_family: Vec<String> =
                        addresses.iter().filter(|address| wanted(address)).map(IpAddr::to_string).collect();
                    if !of_family.is_empty() {
                        self.verbose.note(at, 'A', &format!("{family}: {}", of_family.join(", ")));
                    }
                }
            }
            Event::Trying { address } => self.verbose.note(at, 'T', &format!("  Trying {address}...")),
            Event::ConnectFailed { address, error } => {
                let (ip, port) = (address.ip(), address.port());
                let why = say(error);
                self.verbose.note(at, 'T', &format!("connect to {ip} port {port} failed: {why}"));
            }
            Event::Connected { host, local, remote } => {
                facts.connects += 1;
                (facts.local, facts.remote) = (Some(*local), Some(*remote));
                let (ip, port) = (remote.ip(), remote.port());
                self.verbose.note(at, 'T', &format!("Connected to {host} ({ip}) port {port}"));
            }
            Event::Handshake { tls } => {
                facts.certificates = tls.peer_certificates.len() as u64;
                self.handshake(at, tls);
            }
            Event::Reused { remote } => {
                facts.remote = Some(*remote);
                self.verbose.note(at, 'T', &format!("Re-using existing connection to {remote}"));
            }
            Event::RequestHead { version, method, target, headers } => {
                let authority = Url::parse(&facts.url_effective).ok().and_then(|url| {
                    let names_host = headers.contains_key(http::header::HOST);
                    (!names_host).then(|| url[Position::BeforeHost..Position::AfterPort].to_owned())
                });
                let head = heads::request(*version, method, target, authority.as_deref(), headers);
                facts.request_bytes += head.len() as u64;
                facts.method = method.to_string();
                let referer = headers.get(http::header::REFERER);
                facts.referer = referer.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
                self.verbose.note(at, 'A', &format!("using {}", heads::version(*version)));
                self.verbose.head(at, '>', &head);
                // A redirect may leave the body behind. As with curl, the size of a request is with its body.
                if facts.uploaded > 0 && headers.contains_key(http::header::CONTENT_LENGTH) {
                    facts.request_bytes += facts.uploaded;
                    self.verbose.sent(at, facts.uploaded as usize);
                }
            }
            Event::Informational { version, status, headers } => {
                let head = heads::response(*version, *status, None, headers);
                self.head(at, &head);
            }
            Event::ResponseHead { version, status, reason, headers, head } => {
                facts.version = Some(heads::number(*version));
                facts.status = status.as_u16();
                let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
                facts.headers = headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
                match head {
                    Some(raw) => self.head(at, heads::last(raw)),
                    None => self.head(at, &heads::response(*version, *status, *reason, headers)),
                }
            }
            Event::Redirect { to } => {
                facts.redirects += 1;
                facts.url_effective = to.to_string();
                facts.scheme = Some(to.scheme().into());
                self.verbose.note(at, 'A', &format!("Issue another request to this URL: '{to}'"));
            }
            Event::BodyEnd { bytes } => {
                facts.downloaded = *bytes;
                self.verbose.note(at, 'T', "Connection left intact");
            }
            _ => {}
        }
    }

    fn head(&mut self, at: Instant, head: &[u8]) {
        self.facts.header_bytes += head.len() as u64;
        self.heads.extend_from_slice(head);
        self.verbose.head(at, '<', head);
    }

    fn handshake(&mut self, at: Instant, tls: &TlsFacts) {
        let TlsFacts { version, cipher, group, alpn, resumed, peer_certificates, verified } = tls;
        let group = group.as_deref().unwrap_or("no group");
        let again = if *resumed { ", session resumed" } else { "" };
        let mut lines = vec![format!("SSL connection using {version} / {cipher} / {group}{again}")];
        lines.push(match alpn {
            Some(protocol) => format!("ALPN: server accepted {protocol}"),
            None => "ALPN: server did not agree on a protocol".into(),
        });
        if let Some(told) = peer_certificates.first().and_then(|der| certificate::lines(der)) {
            lines.push("Server certificate:".into());
            lines.extend(told.map(|line| format!(" {line}")));
        }
        lines.push(match verified {
            true => "SSL certificate verified".into(),
            false => "SSL certificate not verified (-k), continuing anyway".into(),
        });
        for line in lines {
            self.verbose.note(at, 'A', &line);
        }
    }
}
