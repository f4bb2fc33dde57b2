//! The body of a response as it comes.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use hyper::body::{Body, Incoming};

use super::classify::{Standing, classify};
use super::error::FetchError;

/// What is known about a body while others read it.
#[derive(Debug, Default)]
pub(super) struct BodyFacts {
    received: AtomicU64,
    trailers: Mutex<Option<HeaderMap>>,
}

impl BodyFacts {
    /// Bytes that came so far, before any decoding.
    pub(super) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    pub(super) fn trailers(&self) -> Option<HeaderMap> {
        self.trailers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The body of a response as it comes.
pub(super) struct WireBody {
    incoming: Incoming,
    facts: Arc<BodyFacts>,
    address: SocketAddr,
    expected: Option<u64>,
}

impl WireBody {
    pub(super) fn new(incoming: Incoming, address: SocketAddr) -> (WireBody, Arc<BodyFacts>) {
        let facts = Arc::new(BodyFacts::default());
        let expected = incoming.size_hint().exact();
        (WireBody { incoming, facts: facts.clone(), address, expected }, facts)
    }

    /// Whether there is nothing more to come.
    pub(super) fn is_end(&self) -> bool {
        self.incoming.is_end_stream()
    }

    /// The next bytes; `None` at the end.
    pub(super) fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, FetchError>>> {
        loop {
            let frame = match ready!(Pin::new(&mut self.incoming).poll_frame(cx)) {
                None => return Poll::Ready(None),
                Some(Ok(frame)) => frame,
                Some(Err(error)) => {
                    let received = self.facts.received();
                    let standing = Standing {
                        address: self.address,
                        received,
                        body: Some(received),
                        expected: self.expected,
                    };
                    return Poll::Ready(Some(Err(classify(error, standing))));
                }
            };
            match frame.into_data() {
                Ok(data) if data.is_empty() => {}
                Ok(data) => {
                    self.facts.received.fetch_add(data.len() as u64, Ordering::Relaxed);
                    return Poll::Ready(Some(Ok(data)));
                }
                Err(frame) => {
                    if let Ok(trailers) = frame.into_trailers() {
                        let mut kept = self.facts.trailers.lock().unwrap_or_else(PoisonError::into_inner);
                        *kept = Some(trailers);
                    }
                }
            }
        }
    }
}
