//! An HTTP server on a host.

mod head_first;
mod serve;

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fathom_net::{Host, TcpListener};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};

use crate::tls::server::Identity;

/// A request as a handler gets it.
pub type Request = http::Request<hyper::body::Incoming>;
/// The body of a response. An error in it breaks the connection (HTTP/1.1) or the stream (HTTP/2).
pub type Body = UnsyncBoxBody<Bytes, io::Error>;
/// A response as a handler gives it. `Date` is added.
pub type Response = http::Response<Body>;

/// A body of these bytes.
pub fn body(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// Answers requests.
pub trait Handler: Send + Sync + 'static {
    /// The response to `request`. `None` closes the connection without one.
    fn handle(
        self: Arc<Self>,
        host: Host,
        request: Request,
    ) -> Pin<Box<dyn Future<Output = Option<Response>> + Send>>;
}

impl<F, R> Handler for F
where
    F: Fn(Host, Request) -> R + Send + Sync + 'static,
    R: Future<Output = Option<Response>> + Send + 'static,
{
    fn handle(
        self: Arc<Self>,
        host: Host,
        request: Request,
    ) -> Pin<Box<dyn Future<Output = Option<Response>> + Send>> {
        Box::pin(self(host, request))
    }
}

/// What a server allows.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections at once; more wait in the listener's backlog.
    pub connections: usize,
    /// How long a client may take for TLS and, on HTTP/1.1, for each head.
    pub head_timeout: Duration,
    /// Streams at once on one HTTP/2 connection.
    pub streams: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { connections: 1024, head_timeout: Duration::from_secs(30), streams: 128 }
    }
}

/// How a server is spoken to.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Who it is, for TLS with HTTP/2 or HTTP/1.1 by ALPN. `None`: in the clear, HTTP/1.1,
    /// and HTTP/2 for clients that begin with it (RFC 9113 3.3).
    pub identity: Option<Identity>,
    /// What it allows.
    pub limits: Limits,
}

/// Starts answering the connections of `listener` by `handler`, as tasks of the host.
///
/// # Errors
/// When the identity's key and certificate do not fit each other.
pub fn serve(
    host: &Host,
    listener: TcpListener,
    config: Config,
    handler: Arc<dyn Handler>,
) -> Result<(), rustls::Error> {
    let tls = match config.identity {
        Some(identity) => Some(Arc::new(crate::tls::server::config(host, identity, &["h2", "http/1.1"])?)),
        None => None,
    };
    host.spawn(serve::accept(host.clone(), listener, tls, config.limits, handler));
    Ok(())
}

#[cfg(test)]
mod tests;
