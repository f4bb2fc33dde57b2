//! Content codings (RFC 9110 8.4): gzip, deflate, br and zstd.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use async_compression::tokio::bufread::{BrotliDecoder, GzipDecoder, ZlibDecoder, ZstdDecoder};
use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use tokio::io::{AsyncBufRead, AsyncRead, BufReader, ReadBuf};

use super::body::WireBody;

/// What is asked for.
pub(super) const ACCEPTED: &str = "gzip, br, zstd";
/// Codings undone one after the other; more is an attack on the reader's memory.
const MAX_CODINGS: usize = 4;

/// A body after its codings were undone.
pub(super) type Decoded = Pin<Box<dyn AsyncRead + Send + Sync>>;

/// The codings of a response in the order in which they were applied. `None` when one is unknown, or
/// there are too many: then the content is left as it came.
pub(super) fn codings(headers: &HeaderMap) -> Option<Vec<String>> {
    let mut codings = Vec::new();
    for value in headers.get_all(CONTENT_ENCODING) {
        for name in value.to_str().ok()?.split(',').map(|name| name.trim().to_ascii_lowercase()) {
            match name.as_str() {
                "identity" | "" => {}
                "gzip" | "x-gzip" | "deflate" | "br" | "zstd" => codings.push(name),
                _ => return None,
            }
        }
    }
    (codings.len() <= MAX_CODINGS).then_some(codings)
}

/// Undoes `codings` on `body`.
pub(super) fn decoder(body: WireBody, codings: &[String]) -> Decoded {
    let mut decoded: Box<dyn AsyncBufRead + Send + Sync + Unpin> = Box::new(WireReader::new(body));
    for coding in codings.iter().rev() {
        decoded = match coding.as_str() {
            "br" => Box::new(BufReader::new(BrotliDecoder::new(decoded))),
            "zstd" => Box::new(BufReader::new(ZstdDecoder::new(decoded))),
            "deflate" => Box::new(BufReader::new(ZlibDecoder::new(decoded))),
            _ => {
                let mut gzip = GzipDecoder::new(decoded);
                // RFC 1952 2.2: a gzip file may have several members.
                gzip.multiple_members(true);
                Box::new(BufReader::new(gzip))
            }
        };
    }
    Box::pin(decoded)
}

/// A body as a reader. Errors of the fetch travel inside `io::Error`.
struct WireReader {
    body: WireBody,
    chunk: Bytes,
}

impl WireReader {
    fn new(body: WireBody) -> Self {
        WireReader { body, chunk: Bytes::new() }
    }
}

impl AsyncBufRead for WireReader {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        while this.chunk.is_empty() {
            match ready!(this.body.poll_chunk(cx)) {
                Some(Ok(chunk)) => this.chunk = chunk,
                Some(Err(error)) => return Poll::Ready(Err(io::Error::other(error))),
                None => break,
            }
        }
        Poll::Ready(Ok(&this.chunk))
    }

    fn consume(mut self: Pin<&mut Self>, amount: usize) {
        bytes::Buf::advance(&mut self.chunk, amount);
    }
}

impl AsyncRead for WireReader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let available = ready!(self.as_mut().poll_fill_buf(cx))?;
        let len = available.len().min(out.remaining());
        out.put_slice(&available[..len]);
        self.consume(len);
        Poll::Ready(Ok(()))
    }
}
