//! Requests and answers as they go by: what an observer is told.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use fathom_net::{Host, Instant, TcpInfo};
use http::header::USER_AGENT;
use http::{HeaderValue, Method, StatusCode, Uri, Version};
use http_body_util::BodyExt;
use hyper::body::{Frame, Incoming, SizeHint};

use super::{Body, Peer, Response};

/// Told what happens at a server.
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

/// Something that happened at a server.
#[derive(Debug)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields are what their names say")]
pub enum Event<'a> {
    /// A connection is ready for requests.
    Connected { peer: &'a Peer },
    /// A connection ended before it was ready for requests: no TLS came about, or nothing came in time.
    NotConnected { peer: &'a Peer, error: &'a str },
    /// A request was answered, as far as it was.
    Served { peer: &'a Peer, exchange: &'a Exchange },
    /// A connection ended. `info` is TCP's view of it, if it was still there to be asked.
    Closed { peer: &'a Peer, reason: Option<&'a str>, info: Option<&'a TcpInfo> },
}

/// A request and its answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Exchange {
    /// HTTP's version.
    pub version: Version,
    /// What was to be done.
    pub method: Method,
    /// With what.
    pub target: Uri,
    /// The program that asked, by its own account.
    pub user_agent: Option<HeaderValue>,
    /// The answer's status; `None` when the connection was closed instead.
    pub status: Option<StatusCode>,
    /// Bytes of the request's body that were read.
    pub received: u64,
    /// Bytes of the answer's body that were handed to the connection.
    pub sent: u64,
    /// Whether all of the answer was handed over.
    pub complete: bool,
    /// From the request's head to the last of the answer's bytes that was handed over.
    pub duration: Duration,
}

/// A request's body, whose bytes are counted.
#[derive(Debug)]
pub struct RequestBody {
    incoming: Incoming,
    received: Arc<AtomicU64>,
}

impl RequestBody {
    pub(super) fn new(incoming: Incoming) -> (Self, Arc<AtomicU64>) {
        let received = Arc::default();
        (RequestBody { incoming, received: Arc::clone(&received) }, received)
    }
}

impl hyper::body::Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.incoming).poll_frame(cx));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            self.received.fetch_add(data.remaining() as u64, Ordering::Relaxed);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

/// An exchange that is told when it is over.
pub(super) struct Account {
    observer: Observer,
    host: Host,
    peer: Arc<Peer>,
    began: Instant,
    received: Arc<AtomicU64>,
    exchange: Exchange,
}

impl Account {
    pub(super) fn open(
        observer: Observer,
        host: &Host,
        peer: &Arc<Peer>,
        head: &super::Request,
        received: Arc<AtomicU64>,
    ) -> Account {
        let exchange = Exchange {
            version: head.version(),
            method: head.method().clone(),
            target: head.uri().clone(),
            user_agent: head.headers().get(USER_AGENT).cloned(),
            status: None,
            received: 0,
            sent: 0,
            complete: false,
            duration: Duration::ZERO,
        };
        Account {
            observer,
            host: host.clone(),
            peer: Arc::clone(peer),
            began: host.now(),
            received,
            exchange,
        }
    }

    /// The answer, whose body carries the account to its end.
    pub(super) fn follow(mut self, response: Response) -> Response {
        self.exchange.status = Some(response.status());
        response.map(|body| {
            // To HEAD there is no body, and none is missing.
            let bodiless = self.exchange.method == Method::HEAD;
            let expected = hyper::body::Body::size_hint(&body).exact().filter(|_| !bodiless);
            self.exchange.complete = bodiless || expected == Some(0);
            Counted { body, expected, account: self }.boxed_unsync()
        })
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.exchange.received = self.received.load(Ordering::Relaxed);
        self.exchange.duration = self.host.now() - self.began;
        self.observer.tell(&Event::Served { peer: &self.peer, exchange: &self.exchange });
    }
}

/// A body whose bytes are counted.
struct Counted {
    body: Body,
    /// How long it will be, if that is known.
    expected: Option<u64>,
    account: Account,
}

impl hyper::body::Body for Counted {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        let expected = self.expected;
        let exchange = &mut self.account.exchange;
        match &frame {
            Some(Ok(frame)) => {
                exchange.sent += frame.data_ref().map_or(0, |data| data.len() as u64);
                exchange.complete |= expected == Some(exchange.sent);
            }
            Some(Err(_)) => exchange.complete = false,
            None => exchange.complete = true,
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
