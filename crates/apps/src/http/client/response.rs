//! What came back.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use fathom_net::{Host, Instant, Span, TcpInfo};
use http::{HeaderMap, StatusCode, Version};
use tokio::io::AsyncReadExt;
use url::Url;

use super::body::{BodyFacts, WireBody};
use super::connection::{Connection, Open, Origin, Pool, Sender};
use super::decode::{self, Decoded};
use super::error::{FetchError, Phase};
use super::exchange::Answered;
use super::options::{Event, Options};
use super::wire::TcpWatch;

/// Decoded bytes given out at once.
const CHUNK: usize = 16 * 1024;

/// A response that redirected.
#[derive(Clone, Debug)]
pub struct Hop {
    /// What was asked for.
    pub url: Url,
    /// The version it was answered in.
    pub version: Version,
    /// The status.
    pub status: StatusCode,
    /// The reason phrase, where there was one (HTTP/1.1).
    pub reason: Option<String>,
    /// The headers.
    pub headers: HeaderMap,
    /// The heads byte by byte, informational ones first (HTTP/1.1 only).
    pub head: Option<Bytes>,
    /// The connection it came on.
    pub connection: Connection,
    /// Bytes sent for the request, as HTTP, below which TLS adds its own.
    pub sent: u64,
    /// Bytes of the body, as they came.
    pub received: u64,
}

/// A response, whose body is still to be read.
pub struct Response {
    /// What it answers, after redirects.
    pub url: Url,
    /// The version of HTTP.
    pub version: Version,
    /// The status.
    pub status: StatusCode,
    /// The reason phrase, where there was one (HTTP/1.1).
    pub reason: Option<String>,
    /// The headers.
    pub headers: HeaderMap,
    /// The heads byte by byte, informational ones first (HTTP/1.1 only).
    pub head: Option<Bytes>,
    /// Bytes sent for the request, as HTTP, below which TLS adds its own.
    pub sent: u64,
    /// The responses that redirected here, oldest first.
    pub hops: Vec<Hop>,
    connection: Connection,
    tcp: TcpWatch,
    facts: Arc<BodyFacts>,
    content: Content,
    open: Option<(Origin, Open)>,
    /// The spans `fetch` and `response`, until the body is over.
    spans: Option<(Span, Option<Span>)>,
    context: Context,
}

/// What a response needs of its fetch.
#[derive(Clone)]
pub(super) struct Context {
    pub(super) host: Host,
    pub(super) options: Options,
    pub(super) pool: Pool,
    pub(super) deadline: Option<(Instant, Duration)>,
}

enum Content {
    Plain(WireBody),
    Decoded { reader: Decoded, codings: String },
    Over,
}

impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Response")
            .field("url", &self.url.as_str())
            .field("version", &self.version)
            .field("status", &self.status)
            .field("headers", &self.headers)
            .finish_non_exhaustive()
    }
}

impl Response {
    pub(super) fn new(
        url: Url,
        answered: Answered,
        (origin, open): (Origin, Open),
        fetch: Span,
        hops: Vec<Hop>,
        context: Context,
    ) -> Response {
        let Answered { response, span, head, sent } = answered;
        let (parts, incoming) = response.into_parts();
        let reason = parts.extensions.get::<hyper::ext::ReasonPhrase>();
        let reason = reason.map(|reason| String::from_utf8_lossy(reason.as_bytes()).into_owned());
        // hyper keeps the phrase only where it is not the usual one.
        let usual = || parts.status.canonical_reason().map(str::to_owned);
        let reason = if parts.version < Version::HTTP_2 { reason.or_else(usual) } else { None };
        let (body, facts) = WireBody::new(incoming, open.facts.remote);
        let codings = if context.options.compressed { decode::codings(&parts.headers) } else { None };
        let content = match codings {
            Some(codings) if !codings.is_empty() && !body.is_end() => {
                Content::Decoded { reader: decode::decoder(body, &codings), codings: codings.join(", ") }
            }
            _ => Content::Plain(body),
        };
        let mut response = Response {
            url,
            version: parts.version,
            status: parts.status,
            reason,
            headers: parts.headers,
            head,
            sent,
            hops,
            connection: open.facts.clone(),
            tcp: open.tcp.clone(),
            facts,
            content,
            open: Some((origin, open)),
            spans: Some((fetch, span)),
            context,
        };
        response.context.options.tell(Event::ResponseHead {
            version: response.version,
            status: response.status,
            reason: response.reason.as_deref(),
            headers: &response.headers,
            head: response.head.as_deref(),
        });
        if matches!(&response.content, Content::Plain(body) if body.is_end()) {
            response.finish();
        }
        response
    }

    /// The next bytes of the body, decoded where that was asked for; `None` when it is complete.
    ///
    /// # Errors
    /// As [`FetchError`] says; after one, the body is over.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, FetchError> {
        let (host, deadline) = (self.context.host.clone(), self.context.deadline);
        let result = match deadline {
            None => self.next().await,
            Some((at, after)) => match host.timeout_at(at, Box::pin(self.next())).await {
                Ok(result) => result,
                Err(_) => {
                    let address = Some(self.connection.remote);
                    Err(FetchError::Timeout { phase: Phase::Response, after, address })
                }
            },
        };
        match &result {
            Ok(Some(_)) => {}
            Ok(None) => self.finish(),
            Err(error) => {
                self.content = Content::Over;
                self.open = None;
                if let Some((fetch, response)) = self.spans.take() {
                    if let Some(response) = response {
                        response.fact("bytes", self.facts.received());
                        response.failed(error);
                    }
                    fetch.failed(error);
                }
            }
        }
        result
    }

    async fn next(&mut self) -> Result<Option<Bytes>, FetchError> {
        match &mut self.content {
            Content::Over => Ok(None),
            Content::Plain(body) => poll_fn(|cx| body.poll_chunk(cx)).await.transpose(),
            Content::Decoded { reader, codings } => {
                let mut buffer = BytesMut::with_capacity(CHUNK);
                match reader.read_buf(&mut buffer).await {
                    Ok(0) => Ok(None),
                    Ok(_) => Ok(Some(buffer.freeze())),
                    Err(error) => Err(match error.downcast::<FetchError>() {
                        Ok(error) => error,
                        Err(cause) => {
                            FetchError::Decode { encoding: codings.clone(), cause: Arc::new(cause) }
                        }
                    }),
                }
            }
        }
    }

    /// The whole body. For bodies that are known to be small.
    ///
    /// # Errors
    /// As [`Response::chunk`].
    pub async fn bytes(&mut self) -> Result<Bytes, FetchError> {
        let mut all = BytesMut::new();
        while let Some(chunk) = self.chunk().await? {
            all.extend_from_slice(&chunk);
        }
        Ok(all.freeze())
    }

    /// Reads at most `limit` bytes of the body to its end, so that the connection can be used again.
    pub(super) async fn skip(&mut self, limit: usize) -> Result<(), FetchError> {
        let mut len = 0;
        while let Some(chunk) = self.chunk().await? {
            len += chunk.len();
            if len > limit {
                break;
            }
        }
        Ok(())
    }

    /// The body is complete: ends the spans and keeps the connection.
    fn finish(&mut self) {
        self.content = Content::Over;
        let bytes = self.facts.received();
        if let Some((fetch, response)) = self.spans.take() {
            if let Some(response) = response {
                response.fact("bytes", bytes);
                response.done();
            }
            fetch.done();
            self.context.options.tell(Event::BodyEnd { bytes });
        }
        if let Some((origin, open)) = self.open.take()
            && matches!(open.sender, Sender::Http1(_))
        {
            self.context.pool.put(origin, open);
        }
    }

    /// The fields that came after the body (RFC 9110 6.5), once it is complete.
    pub fn trailers(&self) -> Option<HeaderMap> {
        self.facts.trailers()
    }

    /// Bytes of the body so far, as they came, before decoding.
    pub fn received(&self) -> u64 {
        self.facts.received()
    }

    /// The connection it comes on.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// What TCP knows of the connection at this moment, or knew last.
    pub fn tcp_info(&self) -> Option<TcpInfo> {
        self.tcp.info()
    }

    /// This response as one that redirected, and the ones before it.
    pub(super) fn into_hops(mut self) -> Vec<Hop> {
        let mut hops = std::mem::take(&mut self.hops);
        let received = self.received();
        hops.push(Hop {
            url: self.url,
            version: self.version,
            status: self.status,
            reason: self.reason,
            headers: self.headers,
            head: self.head,
            connection: self.connection,
            sent: self.sent,
            received,
        });
        hops
    }
}
