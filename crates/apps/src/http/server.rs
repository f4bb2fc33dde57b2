//! An HTTP server on a host.
//!
//! [`serve`] answers the connections of a listener by a [`Handler`], over HTTP/1.1 and HTTP/2, in the clear or
//! over TLS. [`files::Files`] is a handler that serves a folder.

mod conduit;
mod exchange;
pub mod files;

mod head_first;
mod serve;
mod watch;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fathom_net::{FlowId, Host, TcpListener};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};

pub use exchange::{Event, Exchange, Observer, RequestBody};
pub use watch::Server;

use crate::tls::server::Identity;

/// A request as a handler gets it. The [`Peer`] is among its extensions.
pub type Request = http::Request<RequestBody>;
/// The body of a response. An error in it breaks the connection (HTTP/1.1) or the stream (HTTP/2).
pub type Body = UnsyncBoxBody<Bytes, io::Error>;
/// A response as a handler gives it. `Date` is added.
pub type Response = http::Response<Body>;

/// A body of these bytes.
pub fn body(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// A connection, as a handler and an observer know it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Peer {
    /// Its number on this host, by which records know it.
    pub flow: FlowId,
    /// The client.
    pub remote: SocketAddr,
    /// The address of ours that it came to.
    pub local: SocketAddr,
    /// What TLS agreed on; `None` in the clear.
    pub tls: Option<Agreed>,
}

/// What the handshake of a connection agreed on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Agreed {
    /// `TLSv1.3` or `TLSv1.2`.
    pub version: &'static str,
    /// The cipher suite, by the name that IANA has for it.
    pub cipher: String,
    /// The name that the client asked for (RFC 6066 3).
    pub name: Option<String>,
}

impl Agreed {
    fn of(session: &rustls::ServerConnection) -> Agreed {
        let cipher =
            session.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str().map(str::to_owned));
        Agreed {
            version: match session.protocol_version() {
                Some(rustls::ProtocolVersion::TLSv1_2) => "TLSv1.2",
                _ => "TLSv1.3",
            },
            cipher: cipher.unwrap_or_default(),
            name: session.server_name().map(str::to_owned),
        }
    }
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
    /// How long a client may take for TLS and, on HTTP/1.1, for each head: from the end of the answer before
    /// it to its own, so this is how long an HTTP/1.1 connection is kept without a request.
    pub head_timeout: Duration,
    /// How long a connection may stand still: no byte in, none out, and no handler at work.
    pub idle_timeout: Duration,
    /// Bytes of a request's head. At least 8192.
    pub head_bytes: usize,
    /// Streams at once on one HTTP/2 connection.
    pub streams: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connections: 1024,
            head_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(75),
            head_bytes: 128 * 1024,
            streams: 128,
        }
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
    /// Told what happens.
    pub observer: Option<Observer>,
}

/// Starts answering the connections of `listener` by `handler`, as tasks of the host. What is returned may be
/// dropped: the server goes on.
///
/// # Errors
/// When the identity's key and certificate do not fit each other.
pub fn serve(
    host: &Host,
    listener: TcpListener,
    config: Config,
    handler: Arc<dyn Handler>,
) -> Result<Server, rustls::Error> {
    let server = Server::new(config.limits.connections);
    server.serve(host, listener, config, handler)?;
    Ok(server)
}

#[cfg(test)]
mod tests;
