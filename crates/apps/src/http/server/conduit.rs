//! The bytes of a connection below TLS and HTTP.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use fathom_net::TcpStream;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::sync::OwnedSemaphorePermit;

use super::watch::{Activity, Server};

/// How long a closed connection listens for what the client still sends.
const LINGER: Duration = Duration::from_secs(2);
/// Bytes taken at a time from such a client.
const DISCARD: usize = 64 * 1024;

/// A TCP connection whose bytes are counted, and which ends so that the client gets the last answer.
///
/// A host that closes a connection on which data still arrives resets it (RFC 9293 3.6.1), and the reset may
/// overtake the answer: a client that was told 413 in the middle of an upload would see nothing of it. So
/// when this is dropped it sends FIN, reads and discards until the client closes too, and waits for that
/// no longer than two seconds (RFC 9112 9.6). Meanwhile its place is free for another.
#[derive(Debug)]
pub(super) struct Conduit {
    /// `None` only within `drop`.
    stream: Option<TcpStream>,
    activity: Arc<Activity>,
    server: Server,
    _place: OwnedSemaphorePermit,
    /// Read ahead of HTTP, to see which version begins.
    ahead: Vec<u8>,
}

impl Conduit {
    pub(super) fn new(
        stream: TcpStream,
        activity: Arc<Activity>,
        server: Server,
        place: OwnedSemaphorePermit,
    ) -> Conduit {
        Conduit { stream: Some(stream), activity, server, _place: place, ahead: Vec::new() }
    }

    /// Sends short segments at once: an answer is written whole.
    pub(super) fn set_nodelay(&mut self) -> io::Result<()> {
        self.inner().set_nodelay(true)
    }

    /// Whether the client begins as HTTP/2 does (RFC 9113 3.4): no other method begins with `PRI`.
    pub(super) async fn begins_http2(&mut self) -> io::Result<bool> {
        const BEGINNING: &[u8] = b"PRI";
        while self.ahead.len() < BEGINNING.len() && BEGINNING.starts_with(&self.ahead) {
            let mut more = [0; BEGINNING.len()];
            let room = BEGINNING.len() - self.ahead.len();
            let len = self.inner().read(&mut more[..room]).await?;
            if len == 0 {
                return Ok(false);
            }
            self.ahead.extend_from_slice(&more[..len]);
        }
        Ok(self.ahead == BEGINNING)
    }

    fn inner(&mut self) -> &mut TcpStream {
        self.stream.as_mut().expect("a conduit has its stream until it is dropped")
    }
}

impl AsyncRead for Conduit {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.ahead.is_empty() {
            let len = self.ahead.len().min(out.remaining());
            out.put_slice(&self.ahead[..len]);
            self.ahead.drain(..len);
            return Poll::Ready(Ok(()));
        }
        let before = out.filled().len();
        ready!(Pin::new(self.inner()).poll_read(cx, out))?;
        self.activity.moved(out.filled().len() - before);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Conduit {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(self.inner()).poll_write(cx, data))?;
        self.activity.moved(written);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(self.inner()).poll_write_vectored(cx, data))?;
        self.activity.moved(written);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.inner()).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.inner()).poll_shutdown(cx)
    }
}

impl Drop for Conduit {
    fn drop(&mut self) {
        let Some(stream) = self.stream.take() else { return };
        self.activity.ended(&stream);
        // The connection may have ended already, or too many others linger.
        let (Ok(()), Some(leave)) = (stream.shutdown_write(), self.server.linger()) else { return };
        let host = stream.host().clone();
        host.clone().spawn(async move {
            let discard =
                async { while matches!(stream.recv_bytes(DISCARD).await, Ok(data) if !data.is_empty()) {} };
            let _ = host.timeout(LINGER, Box::pin(discard)).await;
            drop((stream, leave));
        });
    }
}
