//! Why a fetch failed.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use fathom_net::Layer;
use url::Url;

use super::connection::{MAX_HEAD, MAX_HEADERS};
use crate::connect::Attempt;
use crate::dns::ResolveError;
use crate::tls::client::{HandshakeError, RootsError};

/// What a library underneath said.
pub type Cause = Arc<dyn Error + Send + Sync>;

/// The phases of a fetch.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Phase {
    /// Looking the name up.
    Resolve,
    /// Opening a TCP connection.
    Connect,
    /// Negotiating TLS.
    Handshake,
    /// From sending the request to the first byte of the response.
    Request,
    /// From the first byte of the response to its last.
    Response,
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Phase::Resolve => "looking up the name",
            Phase::Connect => "connecting",
            Phase::Handshake => "negotiating TLS",
            Phase::Request => "waiting for the response",
            Phase::Response => "receiving the response",
        })
    }
}

/// Why a fetch failed: what, on which layer, with which address, and what caused it.
///
/// The number in brackets is the exit code by which curl tells the same.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// \[1\] A scheme other than `http` and `https`.
    #[error("the scheme {scheme:?} is not supported (http and https are)")]
    UnsupportedScheme {
        /// The scheme.
        scheme: String,
    },
    /// \[3\] Not a URL.
    #[error("{url:?} is not a URL: {why}")]
    BadUrl {
        /// What was given.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// \[6\] The name has no address.
    #[error("{cause}")]
    Resolve {
        /// The name.
        host: String,
        /// Why.
        #[source]
        cause: ResolveError,
    },
    /// \[7\] No address could be connected to.
    #[error("cannot connect to {host} port {port}: {}", list(attempts))]
    Connect {
        /// The name.
        host: String,
        /// The port.
        port: u16,
        /// Every attempt and why it failed, in the order in which they failed.
        attempts: Arc<[Attempt]>,
    },
    /// \[28\] It took longer than allowed.
    #[error("gave up after {} ms, while {phase}", after.as_millis())]
    Timeout {
        /// What was under way.
        phase: Phase,
        /// The time that was allowed.
        after: Duration,
        /// Where to, as far as it was known.
        address: Option<SocketAddr>,
    },
    /// \[35\] The TLS negotiation failed.
    #[error("no TLS with {host} ({address}): {cause}")]
    Tls {
        /// The name.
        host: String,
        /// Its address.
        address: SocketAddr,
        /// Why.
        #[source]
        cause: Arc<HandshakeError>,
    },
    /// \[35\] The options for TLS contradict each other.
    #[error("no TLS by these options: {cause}")]
    TlsOptions {
        /// Why.
        #[source]
        cause: Arc<HandshakeError>,
    },
    /// \[60\] The server's certificate is not acceptable.
    #[error("the certificate of {host} ({address}) is not acceptable: {cause}")]
    Certificate {
        /// The name.
        host: String,
        /// Its address.
        address: SocketAddr,
        /// Why.
        #[source]
        cause: Arc<HandshakeError>,
    },
    /// \[77\] The certificate authorities cannot be read.
    #[error("no certificate authorities: {cause}")]
    Roots {
        /// Why.
        #[source]
        cause: RootsError,
    },
    /// \[47\] More redirects than allowed.
    #[error("more than {max} redirects; the next one is to {url}")]
    TooManyRedirects {
        /// How many are allowed.
        max: u32,
        /// Where the next one leads.
        url: Box<Url>,
    },
    /// \[3\] A redirect to something that is no URL.
    #[error("redirected to {location:?}, which is not a URL: {why}")]
    BadRedirect {
        /// The `Location` header.
        location: String,
        /// What is wrong with it.
        why: String,
    },
    /// \[65\] A redirect asks for a body that was a stream and is gone.
    #[error("{url} asks for the request's body again, which was a stream")]
    BodyNotRepeatable {
        /// Who asks.
        url: Box<Url>,
    },
    /// \[52\] The server closed the connection without a byte.
    #[error("empty reply from {address}")]
    EmptyReply {
        /// The server.
        address: SocketAddr,
    },
    /// \[55\] Sending failed.
    #[error("cannot send to {address}: {cause}")]
    Send {
        /// The server.
        address: SocketAddr,
        /// Why.
        cause: Cause,
    },
    /// \[56\] Receiving failed.
    #[error("cannot receive from {address}: {cause}")]
    Receive {
        /// The server.
        address: SocketAddr,
        /// Why.
        cause: Cause,
    },
    /// \[18\] The body ended before its end.
    #[error("{address} closed the connection {}", missing(*received, *expected))]
    Partial {
        /// The server.
        address: SocketAddr,
        /// Bytes of the body that came.
        received: u64,
        /// Bytes that were announced.
        expected: Option<u64>,
    },
    /// \[16\] The server broke the rules of HTTP/2, or said that we did.
    #[error("HTTP/2 with {address} failed: {cause}")]
    Http2 {
        /// The server.
        address: SocketAddr,
        /// Why.
        cause: Cause,
    },
    /// \[92\] The HTTP/2 stream was reset.
    #[error("the HTTP/2 stream with {address} was reset: {cause}")]
    Http2Stream {
        /// The server.
        address: SocketAddr,
        /// Why.
        cause: Cause,
    },
    /// \[8\] What came is not HTTP.
    #[error("{address} does not answer in HTTP: {cause}")]
    Malformed {
        /// The server.
        address: SocketAddr,
        /// Why.
        cause: Cause,
    },
    /// \[56\] The response's head has more fields or bytes than are taken.
    #[error("the response's head has more than {MAX_HEADERS} fields or {} KiB", MAX_HEAD / 1024)]
    HeadTooLarge {
        /// The server.
        address: SocketAddr,
    },
    /// \[61\] The content cannot be decoded.
    #[error("the content is not {encoding}: {cause}")]
    Decode {
        /// The content coding it was announced in.
        encoding: String,
        /// Why.
        cause: Cause,
    },
}

fn list(attempts: &[Attempt]) -> String {
    let one = |attempt: &Attempt| format!("{}: {}", attempt.address, attempt.error);
    attempts.iter().map(one).collect::<Vec<_>>().join("; ")
}

fn missing(received: u64, expected: Option<u64>) -> String {
    match expected {
        Some(expected) => format!("after {received} of {expected} bytes"),
        None => format!("in the middle of the body, after {received} bytes"),
    }
}

impl FetchError {
    /// The layer on which it failed.
    pub fn layer(&self) -> Layer {
        match self {
            FetchError::Connect { .. } | FetchError::Send { .. } | FetchError::Receive { .. } => {
                Layer::Transport
            }
            FetchError::Timeout { phase: Phase::Connect, .. } => Layer::Transport,
            _ => Layer::Application,
        }
    }

    /// The address it failed with, where it got that far. Of several attempts, the last that failed.
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            FetchError::Connect { attempts, .. } => attempts.last().map(|attempt| attempt.address),
            FetchError::Timeout { address, .. } => *address,
            FetchError::Tls { address, .. }
            | FetchError::Certificate { address, .. }
            | FetchError::EmptyReply { address }
            | FetchError::Send { address, .. }
            | FetchError::Receive { address, .. }
            | FetchError::Partial { address, .. }
            | FetchError::Http2 { address, .. }
            | FetchError::Http2Stream { address, .. }
            | FetchError::HeadTooLarge { address }
            | FetchError::Malformed { address, .. } => Some(*address),
            _ => None,
        }
    }
}
