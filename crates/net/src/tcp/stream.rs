//! A TCP connection.

use std::future::poll_fn;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{BufMut, Bytes};
use fathom_record::FlowId;
use fathom_stack::{TcpInfo, TcpOptions};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Connect, Connection, OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf, halves};
use crate::{Host, Interest, Ready};

/// A TCP connection.
///
/// Reads and writes are tokio's [`AsyncRead`] and [`AsyncWrite`], which need nothing of tokio's runtime.
/// Writing puts data into the send buffer, from which it leaves by itself: flushing does nothing.
/// Shutting down the writing side sends FIN; the other direction goes on.
///
/// Dropping it closes the connection. What was written is still delivered; if the peer sent what has not
/// been read, it is told by a reset.
///
/// ```no_run
/// use fathom_net::{Host, TcpStream};
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
///
/// async fn shout(host: &Host) -> std::io::Result<Vec<u8>> {
///     let mut stream = TcpStream::connect(host, "192.0.2.7:7".parse().unwrap()).await?;
///     stream.write_all(b"hello").await?;
///     stream.shutdown().await?;
///     let mut answer = Vec::new();
///     stream.read_to_end(&mut answer).await?;
///     Ok(answer)
/// }
/// ```
#[derive(Debug)]
pub struct TcpStream {
    connection: Connection,
}

impl TcpStream {
    pub(crate) fn new(connection: Connection) -> TcpStream {
        TcpStream { connection }
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Connects `host` to an address. Dropping the future gives the attempt up.
    ///
    /// # Errors
    /// [`ConnectionRefused`](io::ErrorKind::ConnectionRefused), [`TimedOut`](io::ErrorKind::TimedOut),
    /// [`HostUnreachable`](io::ErrorKind::HostUnreachable), [`NetworkUnreachable`](io::ErrorKind::NetworkUnreachable)
    /// by what the network answers, and [`AddrNotAvailable`](io::ErrorKind::AddrNotAvailable) when all local
    /// ports towards the address are taken.
    pub async fn connect(host: &Host, to: SocketAddr) -> io::Result<TcpStream> {
        Connect::start(host, None, to, TcpOptions::default())?.await
    }

    /// The host that this end is on.
    pub fn host(&self) -> &Host {
        self.connection.host()
    }

    /// This end's address.
    ///
    /// # Errors
    /// None.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.connection.local())
    }

    /// The peer's address.
    ///
    /// # Errors
    /// None.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.connection.remote())
    }

    /// How records name the connection.
    pub fn flow(&self) -> FlowId {
        self.connection.flow()
    }

    /// What the engine knows about the connection: state, round-trip time, windows, counts.
    ///
    /// # Errors
    /// [`NotConnected`](io::ErrorKind::NotConnected) when the connection is gone.
    pub fn info(&self) -> io::Result<TcpInfo> {
        self.connection.info()
    }

    /// Reads without taking: the next read gives the same bytes.
    ///
    /// # Errors
    /// Those of reading.
    pub async fn peek(&self, out: &mut [u8]) -> io::Result<usize> {
        let mut out = ReadBuf::new(out);
        poll_fn(|cx| self.poll_peek(cx, &mut out)).await
    }

    /// Reads without taking, as [`TcpStream::peek`].
    pub fn poll_peek(&self, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<usize>> {
        self.connection.poll_peek(cx, out)
    }

    /// Reads what is there.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) when nothing is; otherwise those of reading.
    pub fn try_read(&self, out: &mut [u8]) -> io::Result<usize> {
        self.connection.act(|tcp| self.connection.recv(tcp, out))
    }

    /// Reads what is there into several slices, one after the other.
    ///
    /// # Errors
    /// As [`TcpStream::try_read`].
    pub fn try_read_vectored(&self, out: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.connection.act(|tcp| self.connection.recv_vectored(tcp, out))
    }

    /// Reads what is there to the end of a buffer, as far as its spare capacity goes.
    ///
    /// # Errors
    /// As [`TcpStream::try_read`].
    pub fn try_read_buf<B: BufMut>(&self, out: &mut B) -> io::Result<usize> {
        let room = out.chunk_mut().len();
        self.connection.act(|tcp| {
            let mut len = 0;
            // One piece of the receive buffer after the other; the first tells of errors and of the end.
            while len == 0 || (len < room && tcp.available() > 0) {
                let piece = self.connection.recv_bytes(tcp, room - len)?;
                if piece.is_empty() {
                    break;
                }
                len += piece.len();
                out.put_slice(&piece);
            }
            Ok(len)
        })
    }

    /// Writes what there is room for.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) when there is none; otherwise those of writing.
    pub fn try_write(&self, data: &[u8]) -> io::Result<usize> {
        self.connection.act(|tcp| self.connection.send(tcp, data))
    }

    /// Writes what there is room for, from several slices.
    ///
    /// # Errors
    /// As [`TcpStream::try_write`].
    pub fn try_write_vectored(&self, data: &[IoSlice<'_>]) -> io::Result<usize> {
        self.connection.act(|tcp| self.connection.send_vectored(tcp, data))
    }

    /// Waits until the stream is ready for something of what `interest` names, and tells for what. Nothing
    /// is taken by asking, errors neither. Dropping the future loses nothing.
    ///
    /// # Errors
    /// [`NetworkDown`](io::ErrorKind::NetworkDown) when the host shuts down.
    pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        poll_fn(|cx| self.connection.poll_ready(cx, interest)).await
    }

    /// Waits until reading is worth trying: data, the end of it, or an error.
    ///
    /// # Errors
    /// Those of [`TcpStream::ready`].
    pub async fn readable(&self) -> io::Result<()> {
        poll_fn(|cx| self.poll_read_ready(cx)).await
    }

    /// Waits until reading is worth trying, as [`TcpStream::readable`]. Any number of tasks may wait.
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.connection.poll_ready(cx, Interest::READABLE).map_ok(drop)
    }

    /// Waits until writing is worth trying: room, or an error.
    ///
    /// # Errors
    /// Those of [`TcpStream::ready`].
    pub async fn writable(&self) -> io::Result<()> {
        poll_fn(|cx| self.poll_write_ready(cx)).await
    }

    /// Waits until writing is worth trying, as [`TcpStream::writable`]. Any number of tasks may wait.
    pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.connection.poll_ready(cx, Interest::WRITABLE).map_ok(drop)
    }

    /// Runs `operation` if the stream is ready for something of what `interest` names.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) when it is not; otherwise those of `operation`.
    pub fn try_io<R>(&self, interest: Interest, operation: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        let ready = self.connection.look(|tcp| Ok(self.connection.ready_now(tcp)))?;
        if interest.of(ready).is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        operation()
    }

    /// Runs `operation` whenever the stream becomes ready for something of what `interest` names, until it
    /// gives something else than [`WouldBlock`](io::ErrorKind::WouldBlock).
    ///
    /// # Errors
    /// Those of `operation`, and those of [`TcpStream::ready`].
    pub async fn async_io<R>(
        &self,
        interest: Interest,
        mut operation: impl FnMut() -> io::Result<R>,
    ) -> io::Result<R> {
        poll_fn(|cx| {
            ready!(self.connection.poll_ready(cx, interest))?;
            // Before the attempt, so that no event comes between; and what was ready before it says nothing
            // of the time after.
            self.connection.wake_at_next(cx, interest)?;
            match operation() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
                result => Poll::Ready(result),
            }
        })
        .await
    }

    /// Sends `data` without copying it. Completes when all of it is in the send buffer.
    ///
    /// # Errors
    /// Those of writing. Dropping the future leaves an unknown part of the data sent.
    pub async fn send_bytes(&self, mut data: Bytes) -> io::Result<()> {
        poll_fn(|cx| self.connection.poll_send_bytes(cx, &mut data)).await
    }

    /// Receives up to `max` bytes without copying them, as many as lie in one piece; none at the end of the
    /// data.
    ///
    /// # Errors
    /// Those of reading.
    pub async fn recv_bytes(&self, max: usize) -> io::Result<Bytes> {
        poll_fn(|cx| self.connection.poll_recv_bytes(cx, max)).await
    }

    /// Sends what of `data` there is room for, without copying it, and leaves the rest in it. How much was
    /// sent is told.
    ///
    /// # Errors
    /// As [`TcpStream::try_write`].
    pub fn try_send_bytes(&self, data: &mut Bytes) -> io::Result<usize> {
        self.connection.act(|tcp| self.connection.send_bytes(tcp, data))
    }

    /// Receives up to `max` bytes that are there without copying them, as [`TcpStream::recv_bytes`].
    ///
    /// # Errors
    /// As [`TcpStream::try_read`].
    pub fn try_recv_bytes(&self, max: usize) -> io::Result<Bytes> {
        self.connection.act(|tcp| self.connection.recv_bytes(tcp, max))
    }

    /// Ends the data of this side with FIN. The peer's data can still be read.
    ///
    /// # Errors
    /// [`NotConnected`](io::ErrorKind::NotConnected) when the connection has ended.
    pub fn shutdown_write(&self) -> io::Result<()> {
        self.connection.shutdown_write()
    }

    /// Ends reading. The peer learns nothing of it: what has come can be read, and then reads give the end.
    pub fn shutdown_read(&self) {
        self.connection.shutdown_read();
    }

    /// Ends the data of this side and waits until the peer has acknowledged all of it: no longer than
    /// [`TcpStream::set_linger`] says, if it says so. Dropping a stream does not wait: what is left is
    /// delivered behind it.
    ///
    /// # Errors
    /// What ended the connection before; [`TimedOut`](io::ErrorKind::TimedOut) when the time is over.
    pub async fn close(self) -> io::Result<()> {
        self.connection.end_writing()?;
        let delivered = poll_fn(|cx| self.connection.poll_delivered(cx));
        match self.linger()? {
            None => delivered.await,
            Some(time) => self.host().timeout(time, Box::pin(delivered)).await?,
        }
    }

    /// Ends the connection at once: the peer is sent a reset, and what was not delivered is lost.
    pub fn abort(self) {
        self.connection.abort();
    }

    /// Takes the error that waits to be reported.
    ///
    /// # Errors
    /// [`NotConnected`](io::ErrorKind::NotConnected) when the connection is gone.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.connection.take_error()
    }

    /// The two directions, borrowed, for two futures of one task.
    pub fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        halves::split(self)
    }

    /// The two directions, for two tasks. The connection closes when both are dropped; dropping the writing
    /// half sends FIN.
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        halves::into_split(self)
    }
}

impl AsyncRead for TcpStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.connection.poll_read(cx, out)
    }
}

impl AsyncWrite for TcpStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.connection.poll_write(cx, data)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.connection.poll_write_vectored(cx, data)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.connection.end_writing())
    }
}
