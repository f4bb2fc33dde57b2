//! The connection below hyper, watched: its TCP facts, its bytes, and the heads of HTTP/1.1 as they came.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use fathom_net::{TcpInfo, TcpStream};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;

use super::connection::MAX_HEAD;

/// How long the peer's end is waited for after ours.
const LINGER: Duration = Duration::from_secs(1);
/// What the peer may still say in that time. More is no farewell: then a reset tells it to stop.
const MAX_FAREWELL: usize = 64 * 1024;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

enum Tcp {
    Open {
        stream: TcpStream,
        /// Our end has been said.
        shut: bool,
    },
    Closed(Option<Box<TcpInfo>>),
}

/// Gives the facts of a TCP connection while others use it, and the last ones after it.
#[derive(Clone)]
pub(super) struct TcpWatch(Arc<Mutex<Tcp>>);

impl TcpWatch {
    pub(super) fn info(&self) -> Option<TcpInfo> {
        match &*lock(&self.0) {
            Tcp::Open { stream, .. } => stream.info().ok(),
            Tcp::Closed(info) => info.as_deref().cloned(),
        }
    }

    /// Takes the stream out, and whether our end was said.
    fn close(&self) -> Option<(TcpStream, bool)> {
        let mut tcp = lock(&self.0);
        let info = match &*tcp {
            Tcp::Open { stream, .. } => stream.info().ok(),
            Tcp::Closed(_) => return None,
        };
        match std::mem::replace(&mut *tcp, Tcp::Closed(info.map(Box::new))) {
            Tcp::Open { stream, shut } => Some((stream, shut)),
            Tcp::Closed(_) => None,
        }
    }
}

/// After our end was said, waits for the peer's. What it still says (TLS's farewell) would be answered
/// by a reset, were the connection gone.
async fn linger(mut stream: TcpStream, watch: TcpWatch) {
    let host = stream.host().clone();
    let mut left = MAX_FAREWELL;
    let mut buffer = [0; 1024];
    let farewell = async {
        while let Ok(len @ 1..) = stream.read(&mut buffer).await {
            left = left.saturating_sub(len);
            if left == 0 {
                break;
            }
        }
    };
    // However it ends: it was the last that is heard of this connection.
    let _ = host.timeout(LINGER, Box::pin(farewell)).await;
    *lock(&watch.0) = Tcp::Closed(stream.info().ok().map(Box::new));
}

/// A TCP stream that leaves its facts behind, and says goodbye.
pub(super) struct WatchedStream {
    watch: TcpWatch,
    /// Is dropped when all is over.
    over: Option<oneshot::Sender<()>>,
}

/// Completes when a [`WatchedStream`] and its goodbye are over.
pub(super) type Over = oneshot::Receiver<()>;

impl WatchedStream {
    pub(super) fn new(stream: TcpStream) -> (WatchedStream, TcpWatch, Over) {
        let watch = TcpWatch(Arc::new(Mutex::new(Tcp::Open { stream, shut: false })));
        let (over, receiver) = oneshot::channel();
        (WatchedStream { watch: watch.clone(), over: Some(over) }, watch, receiver)
    }

    fn with<R>(&self, f: impl FnOnce(Pin<&mut TcpStream>) -> Poll<io::Result<R>>) -> Poll<io::Result<R>> {
        match &mut *lock(&self.watch.0) {
            Tcp::Open { stream, .. } => f(Pin::new(stream)),
            Tcp::Closed(_) => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }
}

impl Drop for WatchedStream {
    fn drop(&mut self) {
        if let Some((stream, shut)) = self.watch.close()
            && shut
        {
            let (watch, over) = (self.watch.clone(), self.over.take());
            stream.host().clone().spawn(async move {
                linger(stream, watch).await;
                drop(over);
            });
        }
    }
}

impl AsyncRead for WatchedStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.with(|stream| stream.poll_read(cx, out))
    }
}

impl AsyncWrite for WatchedStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.with(|stream| stream.poll_write(cx, data))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.with(|stream| stream.poll_write_vectored(cx, data))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|stream| stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = self.with(|stream| stream.poll_shutdown(cx));
        if let (Poll::Ready(Ok(())), Tcp::Open { shut, .. }) = (&result, &mut *lock(&self.watch.0)) {
            *shut = true;
        }
        result
    }
}

/// Whatever carries HTTP: a TCP stream, or TLS on one.
pub(super) trait Carrier: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Carrier for T {}

type OnFirstByte = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Counts {
    read: u64,
    written: u64,
    on_first_byte: Option<OnFirstByte>,
    head: Option<Vec<u8>>,
}

/// What passes between hyper and its carrier.
#[derive(Clone, Default)]
pub(super) struct Tap(Arc<Mutex<Counts>>);

impl Tap {
    /// A request is about to be sent: calls `on_first_byte` when the first byte after it arrives.
    pub(super) fn expect(&self, keep_head: bool, on_first_byte: impl FnOnce() + Send + 'static) {
        let mut counts = lock(&self.0);
        counts.read = 0;
        counts.written = 0;
        counts.on_first_byte = Some(Box::new(on_first_byte));
        counts.head = keep_head.then(Vec::new);
    }

    /// Bytes received since the request was sent.
    pub(super) fn read(&self) -> u64 {
        lock(&self.0).read
    }

    /// Bytes sent since the request began.
    pub(super) fn written(&self) -> u64 {
        lock(&self.0).written
    }

    /// The heads received since the request was sent, informational ones first, as they came.
    pub(super) fn take_head(&self) -> Option<Bytes> {
        let mut head = lock(&self.0).head.take()?;
        head.truncate(heads_len(&head)?);
        Some(head.into())
    }

    fn received(&self, data: &[u8]) {
        let on_first_byte = {
            let mut counts = lock(&self.0);
            counts.read += data.len() as u64;
            if let Some(head) = &mut counts.head
                && head.len() + data.len() <= MAX_HEAD
            {
                head.extend_from_slice(data);
            }
            counts.on_first_byte.take()
        };
        if let Some(on_first_byte) = on_first_byte {
            on_first_byte();
        }
    }
}

/// The length of the heads at the start of `bytes`, up to and with the first that is final (not 1xx;
/// RFC 9110 15.2). 101 is final for the exchange.
fn heads_len(bytes: &[u8]) -> Option<usize> {
    let mut start = 0;
    loop {
        let rest = &bytes[start..];
        let len = rest.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
        let informational = rest.get(9) == Some(&b'1') && rest.get(9..12) != Some(b"101");
        start += len;
        if !informational {
            return Some(start);
        }
    }
}

/// A carrier that tells a [`Tap`].
pub(super) struct Tapped {
    carrier: Box<dyn Carrier>,
    tap: Tap,
}

impl Tapped {
    pub(super) fn new(carrier: Box<dyn Carrier>) -> (Tapped, Tap) {
        let tap = Tap::default();
        (Tapped { carrier, tap: tap.clone() }, tap)
    }

    fn sent(&self, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(len)) = result {
            lock(&self.tap.0).written += len as u64;
        }
        result
    }
}

impl AsyncRead for Tapped {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = out.filled().len();
        ready!(Pin::new(&mut *self.carrier).poll_read(cx, out))?;
        let data = &out.filled()[before..];
        if !data.is_empty() {
            self.tap.received(data);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tapped {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut *self.carrier).poll_write(cx, data);
        self.sent(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut *self.carrier).poll_write_vectored(cx, data);
        self.sent(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.carrier.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.carrier).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.carrier).poll_shutdown(cx)
    }
}
