//! TCP sockets that block.

use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fathom_stack::TcpInfo;
use tokio::io::ReadBuf;

use super::{Timeouts, wait};
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
    timeouts: Timeouts,
    /// [`Shutdown::Read`]: reads give the end of the data.
    read_ended: AtomicBool,
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

    /// Ends one direction, or both. Ending the writing direction sends FIN.
    ///
    /// # Errors
    /// [`NotConnected`](io::ErrorKind::NotConnected) when the connection is gone.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        if matches!(how, Shutdown::Read | Shutdown::Both) {
            self.inner.read_ended.store(true, Ordering::Release);
        }
        if matches!(how, Shutdown::Write | Shutdown::Both) {
            self.inner.stream.shutdown_write()?;
        }
        Ok(())
    }

    /// Lets reads fail with [`WouldBlock`](io::ErrorKind::WouldBlock) after some time; `None`: never.
    ///
    /// # Errors
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for a timeout of zero.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        Timeouts::set(&self.inner.timeouts.read, timeout)
    }

    /// Lets writes fail with [`WouldBlock`](io::ErrorKind::WouldBlock) after some time; `None`: never.
    ///
    /// # Errors
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for a timeout of zero.
    pub fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        Timeouts::set(&self.inner.timeouts.write, timeout)
    }

    /// How long reads may block.
    ///
    /// # Errors
    /// None.
    pub fn read_timeout(&self) -> io::Result<Option<Duration>> {
        Ok(*lock(&self.inner.timeouts.read))
    }

    /// How long writes may block.
    ///
    /// # Errors
    /// None.
    pub fn write_timeout(&self) -> io::Result<Option<Duration>> {
        Ok(*lock(&self.inner.timeouts.write))
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
        let connection = self.inner.stream.connection();
        self.reading(|cx| connection.poll(cx, Interest::Read, |tcp| connection.peek(tcp, out)))
    }

    fn reading(
        &self,
        poll: impl FnMut(&mut std::task::Context<'_>) -> std::task::Poll<io::Result<usize>>,
    ) -> io::Result<usize> {
        if self.inner.read_ended.load(Ordering::Acquire) {
            return Ok(0);
        }
        wait(self.inner.stream.host(), &self.inner.timeouts.read, poll)
    }
}

impl From<crate::TcpStream> for TcpStream {
    fn from(stream: crate::TcpStream) -> Self {
        let inner = Inner { stream, timeouts: Timeouts::default(), read_ended: AtomicBool::new(false) };
        TcpStream { inner: Arc::new(inner) }
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
}

impl Write for &TcpStream {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let connection = self.inner.stream.connection();
        let timeout = &self.inner.timeouts.write;
        wait(self.inner.stream.host(), timeout, |cx| connection.poll_write(cx, data))
    }

    fn write_vectored(&mut self, data: &[IoSlice<'_>]) -> io::Result<usize> {
        let connection = self.inner.stream.connection();
        let timeout = &self.inner.timeouts.write;
        wait(self.inner.stream.host(), timeout, |cx| connection.poll_write_vectored(cx, data))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for TcpStream {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        (&*self).read(out)
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

/// Accepts TCP connections, and blocks while there are none.
#[derive(Debug)]
pub struct TcpListener {
    host: Host,
    listener: crate::TcpListener,
}

impl TcpListener {
    /// Listens at an address of `host`.
    ///
    /// # Errors
    /// Those of [`TcpListener::bind`](crate::TcpListener::bind).
    pub fn bind(host: &Host, at: SocketAddr) -> io::Result<TcpListener> {
        Ok(TcpListener { host: host.clone(), listener: host.tcp_listen(at)? })
    }

    /// The address it listens at.
    ///
    /// # Errors
    /// None.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// The next connection, and the peer's address.
    ///
    /// # Errors
    /// When the listener is gone.
    pub fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, peer) = self.host.block_on(self.listener.accept())?;
        Ok((TcpStream::from(stream), peer))
    }

    /// All connections, one after the other, without end.
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming { listener: self }
    }
}

/// The connections of a [`TcpListener`].
#[derive(Debug)]
pub struct Incoming<'a> {
    listener: &'a TcpListener,
}

impl Iterator for Incoming<'_> {
    type Item = io::Result<TcpStream>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.listener.accept().map(|(stream, _)| stream))
    }
}
