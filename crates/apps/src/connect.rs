//! From a name to a TCP connection: Happy Eyeballs version 2 (RFC 8305).

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use fathom_net::{Host, Instant, Layer, Sleep, Span, SpanId, TcpStream};

use crate::Family;
use crate::dns::ResolveError;
use crate::dns::client::{Answer, Lookup};

/// How long the IPv6 answer may lag behind the IPv4 one (RFC 8305 8, "Resolution Delay").
const RESOLUTION_DELAY: Duration = Duration::from_millis(50);
/// How long the IPv4 answer may lag behind the IPv6 one. RFC 8305 3 connects to IPv6 at once; answers to
/// questions that left together arrive together but for the time on the wire, and a millisecond of
/// patience puts both into the picture.
const COMPANION_DELAY: Duration = Duration::from_millis(1);
/// How long an attempt has a head start over the next (RFC 8305 8, "Connection Attempt Delay").
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// An attempt that failed.
#[derive(Debug)]
pub struct Attempt {
    /// Where to.
    pub address: SocketAddr,
    /// Why not.
    pub error: io::Error,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The name has no addresses.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// No address could be connected to.
    #[error("{}", describe(.0))]
    Failed(Vec<Attempt>),
}

fn describe(attempts: &[Attempt]) -> String {
    let one = |attempt: &Attempt| format!("{}: {}", attempt.address, attempt.error);
    attempts.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// What happens on the way, as it happens.
#[derive(Debug)]
pub enum Progress<'a> {
    /// The addresses known when connecting begins.
    Resolved(&'a [IpAddr]),
    /// An attempt begins.
    Trying(SocketAddr),
    /// An attempt failed.
    Failed(SocketAddr, &'a io::Error),
}

/// A watcher of [`Progress`].
pub type Watch<'a> = &'a mut (dyn FnMut(Progress<'_>) + Send);

/// Connects to `port` of the host that `lookup` finds. Gives the connection and the address it is with.
///
/// `resolve` is the span of the lookup, where there is something to look up. Each attempt is a span
/// `connect` below `parent`; attempts that lose the race end as cancelled.
///
/// # Errors
/// [`ConnectError`], with every attempt that was made.
pub async fn connect(
    host: &Host,
    mut lookup: Lookup,
    port: u16,
    resolve: Option<Span>,
    parent: Option<SpanId>,
    watch: Watch<'_>,
) -> Result<(TcpStream, SocketAddr), ConnectError> {
    let mut candidates = Candidates::default();
    let failure = candidates.gather(host, &mut lookup).await;
    let addresses = candidates.all();
    if let Some(span) = resolve {
        span.fact("queries", lookup.queries());
        match &failure {
            Some(failure) if addresses.is_empty() => span.failed(failure),
            _ => {
                let list: Vec<_> = addresses.iter().map(IpAddr::to_string).collect();
                span.fact("addresses", list.join(","));
                span.fact("ttl", candidates.ttl);
                span.done();
            }
        }
    }
    if addresses.is_empty() {
        return Err(failure.unwrap_or_else(|| lookup.nothing()).into());
    }
    watch(Progress::Resolved(&addresses));
    Race::new(host, candidates, lookup, port, parent).run(watch).await
}

/// Addresses that were not tried yet, in the order to try them: IPv6 first, then in turns (RFC 8305 4).
#[derive(Default)]
struct Candidates {
    v6: VecDeque<IpAddr>,
    v4: VecDeque<IpAddr>,
    last_was_v6: bool,
    ttl: u32,
}

impl Candidates {
    fn add(&mut self, addresses: Vec<IpAddr>, ttl: u32) {
        self.ttl = if self.ttl == 0 { ttl } else { self.ttl.min(ttl) };
        for address in addresses {
            if address.is_ipv6() { self.v6.push_back(address) } else { self.v4.push_back(address) }
        }
    }

    fn is_empty(&self) -> bool {
        self.v6.is_empty() && self.v4.is_empty()
    }

    fn all(&self) -> Vec<IpAddr> {
        self.v6.iter().chain(&self.v4).copied().collect()
    }

    fn next(&mut self) -> Option<IpAddr> {
        let take_v6 = !self.v6.is_empty() && (!self.last_was_v6 || self.v4.is_empty());
        self.last_was_v6 = take_v6;
        if take_v6 { self.v6.pop_front() } else { self.v4.pop_front() }
    }

    /// Waits until there is something to connect to, or nothing more to come (RFC 8305 3). Gives the
    /// clearest of the failures.
    async fn gather(&mut self, host: &Host, lookup: &mut Lookup) -> Option<ResolveError> {
        let mut failure = None;
        let mut patience: Option<Instant> = None;
        loop {
            let next = lookup.next();
            let answer = match patience {
                Some(until) => match host.timeout_at(until, Box::pin(next)).await {
                    Ok(answer) => answer,
                    Err(_) => return failure,
                },
                None => next.await,
            };
            let Some(Answer { family, result }) = answer else { return failure };
            match result {
                Ok(found) => {
                    self.add(found.addresses, found.ttl);
                    let delay = if family == Family::V4 { RESOLUTION_DELAY } else { COMPANION_DELAY };
                    if !self.is_empty() {
                        patience.get_or_insert(host.now() + delay);
                    }
                }
                Err(error) => failure = Some(ResolveError::clearer(failure, error)),
            }
        }
    }
}

type Connecting = Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>;

struct Running {
    address: SocketAddr,
    span: Span,
    connecting: Connecting,
}

/// Attempts side by side, each with a head start over the next (RFC 8305 5).
struct Race<'a> {
    host: &'a Host,
    candidates: Candidates,
    lookup: Option<Lookup>,
    port: u16,
    parent: Option<SpanId>,
    running: Vec<Running>,
    failed: Vec<Attempt>,
    head_start: Option<Sleep>,
}

enum Happening {
    Finished(usize, io::Result<TcpStream>),
    Answer(Option<Answer>),
    HeadStartOver,
}

impl<'a> Race<'a> {
    fn new(
        host: &'a Host,
        candidates: Candidates,
        lookup: Lookup,
        port: u16,
        parent: Option<SpanId>,
    ) -> Self {
        let (running, failed) = (Vec::new(), Vec::new());
        Race { host, candidates, lookup: Some(lookup), port, parent, running, failed, head_start: None }
    }

    async fn run(mut self, watch: Watch<'_>) -> Result<(TcpStream, SocketAddr), ConnectError> {
        self.start_next(watch);
        loop {
            if self.running.is_empty() && self.candidates.is_empty() && self.lookup.is_none() {
                return Err(ConnectError::Failed(self.failed));
            }
            match poll_fn(|cx| self.poll(cx)).await {
                Happening::Finished(index, result) => {
                    let Running { address, span, .. } = self.running.remove(index);
                    match result {
                        Ok(stream) => {
                            span.flow(stream.flow());
                            if let Ok(local) = stream.local_addr() {
                                span.addresses(local, address);
                            }
                            span.done();
                            return Ok((stream, address));
                        }
                        Err(error) => {
                            span.failed(&error);
                            watch(Progress::Failed(address, &error));
                            self.failed.push(Attempt { address, error });
                            self.start_next(watch);
                        }
                    }
                }
                Happening::Answer(None) => self.lookup = None,
                Happening::Answer(Some(answer)) => {
                    if let Ok(found) = answer.result {
                        self.candidates.add(found.addresses, found.ttl);
                    }
                    if self.running.is_empty() {
                        self.start_next(watch);
                    } else if self.head_start.is_none() && !self.candidates.is_empty() {
                        self.head_start = Some(self.host.sleep(ATTEMPT_DELAY));
                    }
                }
                Happening::HeadStartOver => self.start_next(watch),
            }
        }
    }

    fn start_next(&mut self, watch: Watch<'_>) {
        self.head_start = None;
        let Some(address) = self.candidates.next() else { return };
        let address = SocketAddr::new(address, self.port);
        watch(Progress::Trying(address));
        let host = self.host.clone();
        let span = host.span_in(self.parent, Layer::Transport, "connect", address);
        let connecting: Connecting = Box::pin(async move { TcpStream::connect(&host, address).await });
        self.running.push(Running { address, span, connecting });
        if !self.candidates.is_empty() {
            self.head_start = Some(self.host.sleep(ATTEMPT_DELAY));
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Happening> {
        for (index, attempt) in self.running.iter_mut().enumerate() {
            if let Poll::Ready(result) = attempt.connecting.as_mut().poll(cx) {
                return Poll::Ready(Happening::Finished(index, result));
            }
        }
        if let Some(lookup) = &mut self.lookup
            && let Poll::Ready(answer) = lookup.poll_next(cx)
        {
            return Poll::Ready(Happening::Answer(answer));
        }
        if let Some(sleep) = &mut self.head_start
            && Pin::new(sleep).poll(cx).is_ready()
        {
            return Poll::Ready(Happening::HeadStartOver);
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests;
