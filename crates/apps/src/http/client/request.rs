//! What to ask for.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, Method};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Frame, SizeHint};
use tokio::io::{AsyncRead, ReadBuf};
use url::Url;

use super::error::FetchError;

/// Bytes read from a reader at once.
const READ_SIZE: usize = 16 * 1024;

/// A request.
#[derive(Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// What it is for. The fragment is not sent.
    pub url: Url,
    /// Headers. `Host`, `User-Agent` and `Accept` are added unless they are here.
    pub headers: HeaderMap,
    /// The body.
    pub body: Body,
}

impl Request {
    /// A request without headers and body.
    ///
    /// # Errors
    /// As [`parse_url`].
    pub fn new(method: Method, url: &str) -> Result<Request, FetchError> {
        Ok(Request { method, url: parse_url(url)?, headers: HeaderMap::new(), body: Body::Empty })
    }

    /// A GET request.
    ///
    /// # Errors
    /// As [`parse_url`].
    pub fn get(url: &str) -> Result<Request, FetchError> {
        Request::new(Method::GET, url)
    }

    /// The same with one more header.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Request {
        self.headers.append(name, value);
        self
    }

    /// The same with this body.
    pub fn body(mut self, body: impl Into<Body>) -> Request {
        self.body = body.into();
        self
    }
}

/// Reads a URL as people type it: `example.com/x` means `http://example.com/x`.
///
/// # Errors
/// [`FetchError::BadUrl`] and [`FetchError::UnsupportedScheme`].
pub fn parse_url(text: &str) -> Result<Url, FetchError> {
    let bad = |why: &dyn fmt::Display| FetchError::BadUrl { url: text.into(), why: why.to_string() };
    let trimmed = text.trim();
    let url = if trimmed.contains("://") {
        Url::parse(trimmed).map_err(|error| bad(&error))?
    } else {
        Url::parse(&format!("http://{trimmed}")).map_err(|error| bad(&error))?
    };
    if !matches!(url.scheme(), "http" | "https") {
        return Err(FetchError::UnsupportedScheme { scheme: url.scheme().into() });
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(bad(&"it names no host"));
    }
    Ok(url)
}

type Reader = Pin<Box<dyn AsyncRead + Send>>;

/// The body of a request.
#[derive(Default)]
pub enum Body {
    /// None.
    #[default]
    Empty,
    /// These bytes. Can be sent again when a redirect asks for it.
    Bytes(Bytes),
    /// What a reader gives, sent as it comes.
    Stream {
        /// The reader.
        reader: Reader,
        /// How many bytes it gives, when that is known. Without it, HTTP/1.1 sends in chunks.
        length: Option<u64>,
    },
}

impl Body {
    /// What `reader` gives, sent as it comes.
    pub fn reader(reader: impl AsyncRead + Send + 'static, length: Option<u64>) -> Body {
        Body::Stream { reader: Box::pin(reader), length }
    }

    /// A copy for another attempt; `None` when the body is a stream.
    pub(super) fn again(&self) -> Option<Body> {
        match self {
            Body::Empty => Some(Body::Empty),
            Body::Bytes(bytes) => Some(Body::Bytes(bytes.clone())),
            Body::Stream { .. } => None,
        }
    }

    pub(super) fn into_hyper(self) -> UnsyncBoxBody<Bytes, io::Error> {
        match self {
            Body::Empty => Empty::new().map_err(|never| match never {}).boxed_unsync(),
            Body::Bytes(bytes) => Full::new(bytes).map_err(|never| match never {}).boxed_unsync(),
            Body::Stream { reader, length } => ReaderBody { reader, left: length }.boxed_unsync(),
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Body::Empty => f.write_str("Empty"),
            Body::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
            Body::Stream { length, .. } => write!(f, "Stream({length:?})"),
        }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Body {
        Body::Bytes(bytes)
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Body {
        Body::Bytes(bytes.into())
    }
}

impl From<String> for Body {
    fn from(text: String) -> Body {
        Body::Bytes(text.into())
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Body {
        Body::Bytes(Bytes::from_static(text.as_bytes()))
    }
}

/// A reader as a body.
struct ReaderBody {
    reader: Reader,
    left: Option<u64>,
}

impl hyper::body::Body for ReaderBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let limit = self.left.unwrap_or(u64::MAX).min(READ_SIZE as u64) as usize;
        let mut buffer = vec![0; limit];
        let mut read = ReadBuf::new(&mut buffer);
        ready!(self.reader.as_mut().poll_read(cx, &mut read))?;
        let len = read.filled().len();
        if let Some(left) = &mut self.left {
            *left -= len as u64;
        }
        if len == 0 {
            return Poll::Ready(None);
        }
        buffer.truncate(len);
        Poll::Ready(Some(Ok(Frame::data(buffer.into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
