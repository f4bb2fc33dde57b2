//! TCP sockets that block.

use std::future::poll_fn;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use fathom_stack::TcpInfo;
use tokio::io::ReadBuf;

use super::Patience;
use crate::Host;
use crate::sync::lock;
use crate::wakers::Interest;

/// A TCP connection whose operations block.
#[derive(Debug)]
pub struct TcpStream {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    stream: crate::TcpStream,
    patience: Patience,
}

impl TcpStream {
    /// Connects `host` to an address.
    ///
    /// # Errors
    /// Those of [`TcpStream::connect`](crate::TcpStream::connect).
    pub fn connect(host: &Host, to: SocketAddr) -> io::Result<TcpStream> {
        host.block_on(crate::TcpStream::connect(host, to)).map(TcpStream::from)
    }

    /// Connects `host` to an address, and gives up after `timeout`.
    ///
    /// # Errors
    /// As [`TcpStream::connect`]; and [`TimedOut`](io::ErrorKind::TimedOut).
    pub fn connect_timeout(host: &Host, to: SocketAddr, timeout: Duration) -> io::Result<TcpStream> {
        host.block_on(host.timeout(timeout, crate::TcpStream::connect(host, to)))?.map(TcpStream::from)
    }

    /// This end's address.
    ///
    /// # Errors
    /// None.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.stream.local_addr()
    }

    /// The peer's address.
    ///
    /// # Errors
    /// None.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.inner.stream.peer_addr()
    }

    /// What the engine knows about the connection.
    ///
    /// # Errors
    /// [`NotConnected`](io::ErrorKind::NotConnected) when the connection is gone.
    pub fn info(&self) -> io::Result<TcpInfo> {
        self.inner.stream.info()
    }

    /// Another handle of the same connection, which closes with the last of them.
    ///
    /// # Errors
    /// None.
    pub fn try_clone(&self) -> io::Result<TcpStream> {
        Ok(TcpStream { inner: Arc::clone(&self.inner) })
    }

    /// Ends one direction, or both. Ending the writing direction sends FIN. Of the end of reading the peer
    /// learns nothing: what has come can be read, and then reads give the end, also those that block.
    ///
    /// # Errors
    /// [`NotConnected`](io::ErrorKind::NotConnected) when the connection has ended.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        if matches!(how, Shutdown::Read | Shutdown::Both) {
            self.inner.stream.shutdown_read();
        }
        if matches!(how, Shutdown::Write | Shutdown::Both) {
            self.inner.stream.shutdown_write()?;
        }
        Ok(())
    }

    /// Lets operations fail with [`WouldBlock`](io::ErrorKind::WouldBlock) rather than block.
    ///
    /// # Errors
    /// None.
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.inner.patience.set_nonblocking(nonblocking);
        Ok(())
    }

    /// Lets reads fail with [`WouldBlock`](io::ErrorKind::WouldBlock) after some time; `None`: never.
    ///
    /// # Errors
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for a timeout of zero.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        Patience::set(&self.inner.patience.read, timeout)
    }

    /// Lets writes fail with [`WouldBlock`](io::ErrorKind::WouldBlock) after some time; `None`: never.
    ///
    /// # Errors
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for a timeout of zero.
    pub fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        Patience::set(&self.inner.patience.write, timeout)
    }

    /// How long reads may block.
    ///
    /// # Errors
    /// None.
    pub fn read_timeout(&self) -> io::Result<Option<Duration>> {
        Ok(*lock(&self.inner.patience.read))
    }

    /// How long writes may block.
    ///
    /// # Errors
    /// None.
    pub fn write_timeout(&self) -> io::Result<Option<Duration>> {
        Ok(*lock(&self.inner.patience.write))
    }

    /// Sends short segments at once; see [`TcpStream::set_nodelay`](crate::TcpStream::set_nodelay).
    ///
    /// # Errors
    /// [`NotConnected`](io::ErrorKind::NotConnected) when the connection is gone.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.inner.stream.set_nodelay(nodelay)
    }

    /// Whether short segments are sent at once.
    ///
    /// # Errors
    /// [`NotConnected`](io::ErrorKind::NotConnected) when the connection is gone.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.inner.stream.nodelay()
    }

    /// Says what closing does with data that is not delivered; see
    /// [`TcpStream::set_linger`](crate::TcpStream::set_linger). With a time that is not zero, dropping the last
    /// handle blocks until everything is delivered, but no longer.
    ///
    /// # Errors
    /// [`NotConnected`](io::ErrorKind::NotConnected) when the connection is gone.
    pub fn set_linger(&self, linger: Option<Duration>) -> io::Result<()> {
        self.inner.stream.set_linger(linger)
    }

    /// What was said by [`TcpStream::set_linger`].
    ///
    /// # Errors
    /// [`NotConnected`](io::ErrorKind::NotConnected) when the connection is gone.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        self.inner.stream.linger()
    }

    /// Sets the hop limit of the packets; see [`TcpStream::set_ttl`](crate::TcpStream::set_ttl).
    ///
    /// # Errors
    /// Those of [`TcpStream::set_ttl`](crate::TcpStream::set_ttl).
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.inner.stream.set_ttl(ttl)
    }

    /// The hop limit of the packets.
    ///
    /// # Errors
    /// [`NotConnected`](io::ErrorKind::NotConnected) when the connection is gone.
    pub fn ttl(&self) -> io::Result<u32> {
        self.inner.stream.ttl()
    }

    /// The connection as tasks use it, which has all options.
    pub fn as_async(&self) -> &crate::TcpStream {
        &self.inner.stream
    }

    /// The error that waits to be reported.
    ///
    /// # Errors
    /// [`NotConnected`](io::ErrorKind::NotConnected) when the connection is gone.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.inner.stream.take_error()
    }

    /// Reads without taking: the next read gives the same bytes.
    ///
    /// # Errors
    /// Those of reading.
    pub fn peek(&self, out: &mut [u8]) -> io::Result<usize> {
        let stream = &self.inner.stream;
        self.reading(|cx| stream.poll_peek(cx, &mut ReadBuf::new(out)))
    }

    fn reading(&self, poll: impl FnMut(&mut Context<'_>) -> Poll<io::Result<usize>>) -> io::Result<usize> {
        self.inner.patience.read(self.inner.stream.host(), poll)
    }

    fn writing(&self, poll: impl FnMut(&mut Context<'_>) -> Poll<io::Result<usize>>) -> io::Result<usize> {
        self.inner.patience.write(self.inner.stream.host(), poll)
    }
}

impl Drop for Inner {
    /// Waits as `SO_LINGER` says: not where data was left unread, since that is a reset at once.
    fn drop(&mut self) {
        let Ok(Some(time)) = self.stream.linger() else { return };
        let unread = self.stream.info().is_ok_and(|info| info.unread_bytes > 0);
        let connection = self.stream.connection();
        if time.is_zero() || unread || connection.end_writing().is_err() {
            return;
        }
        let host = self.stream.host();
        // Whatever comes of it, the stream goes.
        let _ = host.block_on(host.timeout(time, poll_fn(|cx| connection.poll_delivered(cx))));
    }
}

impl From<crate::TcpStream> for TcpStream {
    fn from(stream: crate::TcpStream) -> Self {
        TcpStream { inner: Arc::new(Inner { stream, patience: Patience::default() }) }
    }
}

impl Read for &TcpStream {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let connection = self.inner.stream.connection();
        self.reading(|cx| {
            let mut room = ReadBuf::new(out);
            connection.poll_read(cx, &mut room).map_ok(|()| room.filled().len())
        })
    }

    fn read_vectored(&mut self, out: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let connection = self.inner.stream.connection();
        self.reading(|cx| connection.poll(cx, Interest::Read, |tcp| connection.recv_vectored(tcp, out)))
    }
}

impl Write for &TcpStream {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let connection = self.inner.stream.connection();
        self.writing(|cx| connection.poll_write(cx, data))
    }

    fn write_vectored(&mut self, data: &[IoSlice<'_>]) -> io::Result<usize> {
        let connection = self.inner.stream.connection();
        self.writing(|cx| connection.poll_write_vectored(cx, data))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for TcpStream {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        (&*self).read(out)
    }

    fn read_vectored(&mut self, out: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        (&*self).read_vectored(out)
    }
}

impl Write for TcpStream {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        (&*self).write(data)
    }

    fn write_vectored(&mut self, data: &[IoSlice<'_>]) -> io::Result<usize> {
        (&*self).write_vectored(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
