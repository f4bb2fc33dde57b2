//! How to fetch.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::header::HeaderName;
use http::{HeaderMap, Method, StatusCode};
use url::Url;

use crate::Family;
use crate::tls;
use crate::tls::client::TlsFacts;

/// Which version of HTTP to speak.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Version {
    /// HTTP/2 where the server takes it (by ALPN), else HTTP/1.1. In the clear, HTTP/1.1.
    #[default]
    Auto,
    /// HTTP/1.1 only.
    Http11,
    /// HTTP/2 where the server takes it, else HTTP/1.1: what [`Version::Auto`] does, asked for by name.
    Http2,
    /// HTTP/2 only, in the clear too (RFC 9113 3.3).
    Http2PriorKnowledge,
}

/// Whether and how redirects are followed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Redirects {
    /// Follow them.
    pub follow: bool,
    /// How many at most.
    pub max: u32,
    /// Repeat the method where browsers would turn POST into GET (301, 302, 303).
    pub keep_method: bool,
}

impl Default for Redirects {
    /// curl's: not followed; 50 when they are.
    fn default() -> Self {
        Redirects { follow: false, max: 50, keep_method: false }
    }
}

/// Addresses that stand in for a lookup.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ResolveOverride {
    /// The host name, in lower case; `*` is every host without an entry of its own.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The addresses.
    pub addresses: Vec<IpAddr>,
}

/// How to fetch.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Which addresses to use.
    pub family: Family,
    /// Which version of HTTP to speak.
    pub version: Version,
    /// Whom to trust, and which TLS to speak.
    pub tls: tls::client::Options,
    /// Names that are not looked up.
    pub resolve: Vec<ResolveOverride>,
    /// Whether and how redirects are followed.
    pub redirects: Redirects,
    /// Ask for compressed content, and decode it.
    pub compressed: bool,
    /// How long lookup, TCP and TLS may take together, for each connection.
    pub connect_timeout: Option<Duration>,
    /// How long a fetch may take, redirects and body included.
    pub total_timeout: Option<Duration>,
    /// Headers that are not added by themselves.
    pub omit_headers: Vec<HeaderName>,
    /// Is told what happens, as it happens.
    pub observer: Option<Observer>,
}

/// Is told what happens, as it happens.
#[derive(Clone)]
pub struct Observer(Arc<dyn Fn(&Event<'_>) + Send + Sync>);

impl Observer {
    /// Calls `observe` with each event, on the task where it happens; it must not wait.
    pub fn new(observe: impl Fn(&Event<'_>) + Send + Sync + 'static) -> Self {
        Observer(Arc::new(observe))
    }

    pub(super) fn tell(&self, event: &Event<'_>) {
        (self.0)(event);
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer")
    }
}

impl Options {
    pub(super) fn tell(&self, event: Event<'_>) {
        if let Some(observer) = &self.observer {
            observer.tell(&event);
        }
    }
}

/// Something that happened during a fetch.
#[derive(Debug)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields are what their names say")]
pub enum Event<'a> {
    /// The name has these addresses.
    Resolved { host: &'a str, addresses: &'a [IpAddr] },
    /// A TCP connection is tried.
    Trying { address: SocketAddr },
    /// An attempt failed; others may follow.
    ConnectFailed { address: SocketAddr, error: &'a io::Error },
    /// The TCP connection stands.
    Connected { host: &'a str, local: SocketAddr, remote: SocketAddr },
    /// TLS stands.
    Handshake { tls: &'a TlsFacts },
    /// A connection from before is used again.
    Reused { remote: SocketAddr },
    /// The request is being sent.
    RequestHead { version: http::Version, method: &'a Method, target: &'a str, headers: &'a HeaderMap },
    /// A head before the final one came (1xx).
    Informational { version: http::Version, status: StatusCode, headers: &'a HeaderMap },
    /// The response's head came.
    ResponseHead {
        version: http::Version,
        status: StatusCode,
        reason: Option<&'a str>,
        headers: &'a HeaderMap,
        /// The heads byte by byte, informational ones first (HTTP/1.1 only).
        head: Option<&'a [u8]>,
    },
    /// A redirect is followed.
    Redirect { to: &'a Url },
    /// The body is complete: so many bytes, as they came.
    BodyEnd { bytes: u64 },
}
