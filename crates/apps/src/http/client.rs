//! An HTTP client that shows what it does.
//!
//! Each request, and each redirect it follows, is a span `fetch` with the phases `resolve`, `connect`,
//! `handshake`, `request` and `response` below it.

mod body;
mod classify;
mod connection;
mod credentials;
mod decode;
mod error;
mod exchange;
mod options;
mod phases;
mod redirect;
mod request;
mod response;
mod wire;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fathom_net::{Host, Instant, Layer, Span, TcpInfo};
use http::{HeaderMap, Method};
use rustls::ClientConfig;

pub use connection::Connection;
pub use error::{Cause, FetchError, Phase};
pub use options::{Event, Observer, Options, Redirects, ResolveOverride, Version};
pub use request::{Body, Request, parse_url};
pub use response::{Hop, Response};
pub use url::Url;

use crate::tls;
use crate::tls::client::HandshakeError;
use connection::{Open, Origin, Pool, Stage};
use exchange::{Answered, exchange};

/// How much of a redirect's body is read to keep its connection.
const MAX_SKIPPED: usize = 64 * 1024;

/// How long [`Client::close`] waits.
const CLOSING: Duration = Duration::from_secs(2);

/// Fetches with a client of its own.
///
/// # Errors
/// As [`Client::fetch`].
pub async fn fetch(host: &Host, request: Request, options: Options) -> Result<Response, FetchError> {
    Client::new(host, options).fetch(request).await
}

/// An HTTP client on a host. Keeps its connections for the next fetch. A clone shares them.
#[derive(Clone)]
pub struct Client {
    host: Host,
    options: Options,
    pool: Pool,
    tls: Arc<Mutex<Option<Arc<ClientConfig>>>>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("host", &self.host).finish_non_exhaustive()
    }
}

/// What one hop of a fetch is for.
struct Ask<'a> {
    method: &'a Method,
    url: &'a Url,
    headers: &'a HeaderMap,
    body: Body,
}

impl Client {
    /// A client that fetches by `options`. Does nothing yet.
    pub fn new(host: &Host, options: Options) -> Client {
        Client { host: host.clone(), options, pool: Pool::default(), tls: Arc::default() }
    }

    /// Sends `request`, follows redirects where that is asked for, and gives the response when its head
    /// is there.
    ///
    /// # Errors
    /// [`FetchError`] says what failed, on which layer and with which address. A status that says
    /// "failed" is no error.
    pub async fn fetch(&self, request: Request) -> Result<Response, FetchError> {
        let Request { mut method, mut url, mut headers, mut body } = request;
        let deadline = self.options.total_timeout.map(|after| (self.host.now() + after, after));
        let mut hops = Vec::new();
        loop {
            let repeat = body.again();
            let ask = Ask { method: &method, url: &url, headers: &headers, body };
            let mut response = self.hop(ask, hops, deadline).await?;
            if !self.options.redirects.follow {
                return Ok(response);
            }
            let target = redirect::target(&url, response.status, &response.headers);
            let Some(target) = target.transpose()? else { return Ok(response) };
            let max = self.options.redirects.max;
            if response.hops.len() as u64 >= u64::from(max) {
                return Err(FetchError::TooManyRedirects { max, url: Box::new(target) });
            }
            let (next, keeps_body) = redirect::method(&method, response.status, &self.options.redirects);
            redirect::strip(&mut headers, &url, &target, keeps_body);
            body = match (keeps_body, repeat) {
                (false, _) => Body::Empty,
                (true, Some(body)) => body,
                (true, None) => return Err(FetchError::BodyNotRepeatable { url: Box::new(url) }),
            };
            response.skip(MAX_SKIPPED).await?;
            self.options.tell(Event::Redirect { to: &target });
            hops = response.into_hops();
            (method, url) = (next, target);
        }
    }

    /// What TCP knows of the newest connection, or knew last; also when the fetch on it failed.
    pub fn tcp_info(&self) -> Option<TcpInfo> {
        self.pool.tcp_info()
    }

    /// Closes the connections that no response is using, and waits until their ends have been said
    /// (TLS's and TCP's), for two seconds at most. Without it, a program that ends leaves its servers to
    /// find out by themselves.
    pub async fn close(self) {
        let deadline = self.host.now() + CLOSING;
        for end in self.pool.close() {
            // Nothing is ever sent: the end is that the sender is gone.
            let _ = self.host.timeout_at(deadline, end).await;
        }
    }

    /// One request and its response, without regard to redirects.
    async fn hop(
        &self,
        ask: Ask<'_>,
        hops: Vec<Hop>,
        deadline: Option<(Instant, Duration)>,
    ) -> Result<Response, FetchError> {
        let url = ask.url.clone();
        let origin = Origin::of(&url);
        let span = self.host.span(Layer::Application, "fetch", credentials::without(&url));
        let stage = Stage::new();
        let work = Box::pin(self.send(ask, &origin, &span, &stage));
        let result = match deadline {
            None => work.await,
            Some((at, after)) => match self.host.timeout_at(at, work).await {
                Ok(result) => result,
                Err(_) => Err(stage.timeout(after)),
            },
        };
        match result {
            Ok((answered, open)) => {
                let context = response::Context {
                    host: self.host.clone(),
                    options: self.options.clone(),
                    pool: self.pool.clone(),
                    deadline,
                };
                Ok(Response::new(url, answered, (origin, open), span, hops, context))
            }
            Err(error) => {
                span.failed(&error);
                Err(error)
            }
        }
    }

    /// Sends on a connection that is there, or on a new one.
    async fn send(
        &self,
        ask: Ask<'_>,
        origin: &Origin,
        span: &Span,
        stage: &Stage,
    ) -> Result<(Answered, Open), FetchError> {
        let Ask { method, url, headers, body } = ask;
        // Nothing is sent, not even a question for the name, for what cannot be asked in the end.
        exchange::sendable(url)?;
        let mut headers = headers.clone();
        exchange::add_defaults(&mut headers, url, &self.options);
        let mut body = Some(body);
        while let Some(mut open) = self.pool.take(origin) {
            self.options.tell(Event::Reused { remote: open.facts.remote });
            let repeat = body.as_ref().and_then(Body::again);
            let Some(first) = body.take() else { break };
            let ask = (method, url, headers.clone(), first.into_hyper());
            match exchange(&self.host, &self.options, &mut open, span, ask, stage).await {
                Ok(answered) => return Ok((answered, open)),
                // The server may close an idle connection at any time (RFC 9112 9.3.1): try another.
                Err(error) if open.tap.read() == 0 && repeat.is_some() && is_close(&error) => body = repeat,
                Err(error) => return Err(error),
            }
        }
        let body = body.unwrap_or_default();
        let mut open = self.open(origin, span, stage).await?;
        if let Some(shared) = open.share() {
            self.pool.put(origin.clone(), shared);
        }
        let ask = (method, url, headers, body.into_hyper());
        let answered = exchange(&self.host, &self.options, &mut open, span, ask, stage).await?;
        Ok((answered, open))
    }

    async fn open(&self, origin: &Origin, span: &Span, stage: &Stage) -> Result<Open, FetchError> {
        let tls = if origin.tls { Some(self.tls_config()?) } else { None };
        let opening =
            Box::pin(connection::open(&self.host, &self.options, tls, origin, span, stage, &self.pool));
        match self.options.connect_timeout {
            None => opening.await,
            Some(after) => match self.host.timeout(after, opening).await {
                Ok(result) => result,
                Err(_) => Err(stage.timeout(after)),
            },
        }
    }

    /// The TLS configuration, made when the first connection needs it: reading the system's roots costs
    /// milliseconds.
    fn tls_config(&self) -> Result<Arc<ClientConfig>, FetchError> {
        let mut kept = self.tls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(config) = &*kept {
            return Ok(config.clone());
        }
        let alpn: &[&str] = match self.options.version {
            Version::Auto | Version::Http2 => &["h2", "http/1.1"],
            Version::Http11 => &["http/1.1"],
            Version::Http2PriorKnowledge => &["h2"],
        };
        let config =
            tls::client::config(&self.host, &self.options.tls, alpn).map_err(|error| match error {
                HandshakeError::Roots(cause) => FetchError::Roots { cause },
                other => FetchError::TlsOptions { cause: Arc::new(other) },
            })?;
        Ok(kept.insert(Arc::new(config)).clone())
    }
}

/// Whether the error says no more than that the connection is gone.
fn is_close(error: &FetchError) -> bool {
    matches!(
        error,
        FetchError::EmptyReply { .. }
            | FetchError::Send { .. }
            | FetchError::Receive { .. }
            | FetchError::Http2 { .. }
    )
}

#[cfg(test)]
mod tests;
