//! Connections: how one comes about, and which are kept.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use fathom_net::{FlowId, Host, Layer, Span, TcpInfo, TcpStream};
use http_body_util::combinators::UnsyncBoxBody;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::sync::oneshot::error::TryRecvError;
use url::Url;

use super::classify::{Standing, classify};
use super::error::{FetchError, Phase};
use super::options::{Event, Options, Version};
use super::wire::{Carrier, Over, Tap, Tapped, TcpWatch, WatchedStream};
use crate::connect::{self, ConnectError, Progress};
use crate::dns::client::Lookup;
use crate::dns::{DnsResolver, ResolveError};
use crate::http::runtime::{HostExecutor, HostTimer};
use crate::tls;
use crate::tls::client::{HandshakeError, TlsFacts};

/// Receive windows of HTTP/2: large enough that the TCP window, which is tuned, is the one that limits
/// (100 Mbit/s over 640 ms for one stream).
const STREAM_WINDOW: u32 = 8 * 1024 * 1024;
const CONNECTION_WINDOW: u32 = 16 * 1024 * 1024;
/// Header fields that a response may have (HTTP/1.1). Large sites send about a hundred; a server that sends
/// without end must not fill the memory.
pub(super) const MAX_HEADERS: usize = 1000;
/// Bytes that a response's head may have.
pub(super) const MAX_HEAD: usize = 512 * 1024;
/// Idle connections kept by one client.
const MAX_IDLE: usize = 32;

/// The body type of all requests.
pub(super) type RequestBody = UnsyncBoxBody<Bytes, io::Error>;

/// What a connection is like.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Connection {
    /// Our address and port.
    pub local: SocketAddr,
    /// The server's.
    pub remote: SocketAddr,
    /// Its name in the records of the engine.
    pub flow: FlowId,
    /// What TLS agreed on; `None` in the clear.
    pub tls: Option<TlsFacts>,
    /// Whether it had carried an earlier request.
    pub reused: bool,
}

pub(super) enum Sender {
    Http1(http1::SendRequest<RequestBody>),
    Http2(http2::SendRequest<RequestBody>),
}

/// A connection that can carry a request.
pub(super) struct Open {
    pub(super) sender: Sender,
    pub(super) facts: Connection,
    pub(super) tap: Tap,
    pub(super) tcp: TcpWatch,
}

impl Open {
    /// The same connection once more, where it carries several requests at a time.
    pub(super) fn share(&self) -> Option<Open> {
        let Sender::Http2(sender) = &self.sender else { return None };
        Some(Open {
            sender: Sender::Http2(sender.clone()),
            facts: self.facts.clone(),
            tap: self.tap.clone(),
            tcp: self.tcp.clone(),
        })
    }

    fn is_usable(&self) -> bool {
        match &self.sender {
            Sender::Http1(sender) => sender.is_ready(),
            Sender::Http2(sender) => sender.is_ready(),
        }
    }
}

/// What can share a connection: scheme, host and port (RFC 9110 4.3.1).
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Origin {
    pub(super) tls: bool,
    pub(super) host: String,
    pub(super) port: u16,
}

impl Origin {
    pub(super) fn of(url: &Url) -> Origin {
        let tls = url.scheme() == "https";
        Origin {
            tls,
            host: url.host_str().unwrap_or_default().to_owned(),
            port: url.port().unwrap_or(if tls { 443 } else { 80 }),
        }
    }

    /// The host without the brackets that a URL puts around IPv6 addresses.
    fn bare_host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }
}

/// The connections of a client.
#[derive(Clone, Default)]
pub(super) struct Pool(Arc<Mutex<Pooled>>);

#[derive(Default)]
struct Pooled {
    /// Connections that wait for another request.
    idle: Vec<(Origin, Open)>,
    /// The ends of all connections that may not be over.
    ends: Vec<Over>,
    /// The newest connection.
    newest: Option<TcpWatch>,
}

impl Pool {
    fn pooled(&self) -> MutexGuard<'_, Pooled> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection to `origin` that can carry a request.
    pub(super) fn take(&self, origin: &Origin) -> Option<Open> {
        let idle = &mut self.pooled().idle;
        idle.retain(|(_, open)| open.is_usable());
        let index = idle.iter().position(|(of, _)| of == origin)?;
        let mut open = match idle[index].1.share() {
            Some(open) => open,
            None => idle.swap_remove(index).1,
        };
        open.facts.reused = true;
        Some(open)
    }

    /// Keeps `open` for the next request to `origin`.
    pub(super) fn put(&self, origin: Origin, open: Open) {
        let idle = &mut self.pooled().idle;
        if idle.len() < MAX_IDLE {
            idle.push((origin, open));
        }
    }

    fn opened(&self, tcp: TcpWatch, end: Over) {
        let Pooled { ends, newest, .. } = &mut *self.pooled();
        ends.retain_mut(|end| end.try_recv() == Err(TryRecvError::Empty));
        ends.push(end);
        *newest = Some(tcp);
    }

    /// What TCP knows of the newest connection, or knew last.
    pub(super) fn tcp_info(&self) -> Option<TcpInfo> {
        self.pooled().newest.as_ref()?.info()
    }

    /// Closes the connections that wait, and gives the ends of all.
    pub(super) fn close(&self) -> Vec<Over> {
        let pooled = &mut *self.pooled();
        pooled.idle.clear();
        std::mem::take(&mut pooled.ends)
    }
}

/// What is under way, for the message of a timeout.
#[derive(Clone, Copy)]
struct Reached {
    phase: Phase,
    address: Option<SocketAddr>,
}

/// How far a fetch has come.
#[derive(Clone)]
pub(super) struct Stage(Arc<Mutex<Reached>>);

impl Stage {
    pub(super) fn new() -> Stage {
        Stage(Arc::new(Mutex::new(Reached { phase: Phase::Resolve, address: None })))
    }

    pub(super) fn set(&self, phase: Phase, address: Option<SocketAddr>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Reached { phase, address };
    }

    /// The error of running out of the time `after`.
    pub(super) fn timeout(&self, after: Duration) -> FetchError {
        let Reached { phase, address } = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        FetchError::Timeout { phase, after, address }
    }
}

/// Opens a connection to `origin`, with spans below `fetch`.
pub(super) async fn open(
    host: &Host,
    options: &Options,
    tls: Option<Arc<ClientConfig>>,
    origin: &Origin,
    fetch: &Span,
    stage: &Stage,
    pool: &Pool,
) -> Result<Open, FetchError> {
    let (stream, remote) = connect_tcp(host, options, origin, fetch, stage).await?;
    let broken = |error: io::Error| FetchError::Receive { address: remote, cause: Arc::new(error) };
    let local = stream.local_addr().map_err(broken)?;
    let flow = stream.flow();
    options.tell(Event::Connected { host: &origin.host, local, remote });
    // Requests are written whole; waiting for acknowledgements in between only costs time (RFC 9293 3.7.4).
    stream.set_nodelay(true).map_err(broken)?;
    let (stream, tcp, end) = WatchedStream::new(stream);
    pool.opened(tcp.clone(), end);
    let (carrier, facts): (Box<dyn Carrier>, _) = match tls {
        None => (Box::new(stream), None),
        Some(config) => {
            stage.set(Phase::Handshake, Some(remote));
            let (stream, facts) =
                handshake(config, options, origin, fetch, stream, (flow, local, remote)).await?;
            (Box::new(stream), Some(facts))
        }
    };
    let h2 = match &facts {
        Some(facts) => facts.alpn.as_deref() == Some("h2"),
        None => options.version == Version::Http2PriorKnowledge,
    };
    let facts = Connection { local, remote, flow, tls: facts, reused: false };
    let (carrier, tap) = Tapped::new(carrier);
    let sender = start_http(host, carrier, h2).await.map_err(|error| {
        classify(error, Standing { address: remote, received: 0, body: None, expected: None })
    })?;
    Ok(Open { sender, facts, tap, tcp })
}

async fn connect_tcp(
    host: &Host,
    options: &Options,
    origin: &Origin,
    fetch: &Span,
    stage: &Stage,
) -> Result<(TcpStream, SocketAddr), FetchError> {
    let name = origin.bare_host();
    let (lookup, is_asked) = lookup(host, options, origin);
    let resolve = is_asked.then(|| fetch.child(Layer::Application, "resolve", name));
    stage.set(Phase::Resolve, None);
    let mut watch = |progress: Progress<'_>| match progress {
        Progress::Resolved(addresses) => options.tell(Event::Resolved { host: name, addresses }),
        Progress::Trying(address) => {
            stage.set(Phase::Connect, Some(address));
            options.tell(Event::Trying { address });
        }
        Progress::Failed(address, error) => options.tell(Event::ConnectFailed { address, error }),
    };
    connect::connect(host, lookup, origin.port, resolve, fetch.id(), &mut watch).await.map_err(|error| {
        match error {
            ConnectError::Resolve(cause) => FetchError::Resolve { host: name.to_owned(), cause },
            ConnectError::Failed(attempts) => {
                let host = name.to_owned();
                FetchError::Connect { host, port: origin.port, attempts: attempts.into() }
            }
        }
    })
}

/// The lookup for `origin`, and whether anybody has to be asked.
fn lookup(host: &Host, options: &Options, origin: &Origin) -> (Lookup, bool) {
    let name = origin.bare_host();
    let given = |host: &str| {
        options
            .resolve
            .iter()
            .find(|entry| entry.port == origin.port && entry.host.eq_ignore_ascii_case(host))
    };
    if let Some(entry) = given(name).or_else(|| given("*")) {
        return (Lookup::known(name, entry.addresses.clone(), options.family), false);
    }
    if let Ok(address) = name.parse::<IpAddr>() {
        return (Lookup::known(name, vec![address], options.family), false);
    }
    let Some(resolver) = host.resolver() else {
        let error = ResolveError::NoResolver { name: name.to_owned() };
        return (Lookup::failed(name, error), true);
    };
    // A resolver of ours tells each family as it arrives; another one all at once.
    let any: Arc<dyn std::any::Any + Send + Sync> = resolver.clone();
    match any.downcast::<DnsResolver>() {
        Ok(resolver) => (resolver.lookup(host, name, options.family), true),
        Err(_) => (Lookup::through(host, resolver, name, options.family), true),
    }
}

async fn handshake(
    config: Arc<ClientConfig>,
    options: &Options,
    origin: &Origin,
    fetch: &Span,
    stream: WatchedStream,
    (flow, local, remote): (FlowId, SocketAddr, SocketAddr),
) -> Result<(impl Carrier + use<>, TlsFacts), FetchError> {
    let name = origin.bare_host();
    let span = fetch.child(Layer::Application, "handshake", name);
    span.flow(flow);
    span.addresses(local, remote);
    match tls::client::connect(config, name, stream).await {
        Ok(stream) => {
            let facts = TlsFacts::of(stream.get_ref().1, options.tls.verify);
            facts.note(&span);
            span.done();
            options.tell(Event::Handshake { tls: &facts });
            Ok((stream, facts))
        }
        Err(error) => {
            span.failed(&error);
            let (host, address) = (name.to_owned(), remote);
            Err(match error {
                HandshakeError::Certificate(_) => {
                    FetchError::Certificate { host, address, cause: Arc::new(error) }
                }
                HandshakeError::Roots(cause) => FetchError::Roots { cause },
                _ => FetchError::Tls { host, address, cause: Arc::new(error) },
            })
        }
    }
}

/// Starts the tasks that speak HTTP on `carrier`.
async fn start_http(host: &Host, carrier: Tapped, h2: bool) -> hyper::Result<Sender> {
    let carrier = TokioIo::new(carrier);
    if h2 {
        let (sender, connection) = http2::Builder::new(HostExecutor(host.clone()))
            .timer(HostTimer::new(host.clone()))
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_header_list_size(MAX_HEAD as u32)
            .handshake(carrier)
            .await?;
        // What ends the connection is told to the request on it.
        host.spawn(async move { drop(connection.await) });
        Ok(Sender::Http2(sender))
    } else {
        // The spelling that servers which compare names by their bytes know.
        let (sender, connection) = http1::Builder::new()
            .max_headers(MAX_HEADERS)
            .max_buf_size(MAX_HEAD)
            .title_case_headers(true)
            .preserve_header_case(true)
            .handshake(carrier)
            .await?;
        host.spawn(async move { drop(connection.await) });
        Ok(Sender::Http1(sender))
    }
}
