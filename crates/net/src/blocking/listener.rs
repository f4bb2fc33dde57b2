//! TCP listeners that block.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use super::{Patience, TcpStream};
use crate::Host;

/// Accepts TCP connections, and blocks while there are none.
#[derive(Debug)]
pub struct TcpListener {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    listener: crate::TcpListener,
    patience: Patience,
}

impl TcpListener {
    /// Listens at an address of `host`.
    ///
    /// # Errors
    /// Those of [`TcpListener::bind`](crate::TcpListener::bind).
    pub fn bind(host: &Host, at: SocketAddr) -> io::Result<TcpListener> {
        host.tcp_listen(at).map(TcpListener::from)
    }

    /// The address it listens at.
    ///
    /// # Errors
    /// None.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.listener.local_addr()
    }

    /// Another handle of the same listener, which closes with the last of them.
    ///
    /// # Errors
    /// None.
    pub fn try_clone(&self) -> io::Result<TcpListener> {
        Ok(TcpListener { inner: Arc::clone(&self.inner) })
    }

    /// Sets the hop limit of later connections; see [`TcpListener::set_ttl`](crate::TcpListener::set_ttl).
    ///
    /// # Errors
    /// Those of [`TcpListener::set_ttl`](crate::TcpListener::set_ttl).
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.inner.listener.set_ttl(ttl)
    }

    /// The hop limit of later connections.
    ///
    /// # Errors
    /// Those of [`TcpListener::ttl`](crate::TcpListener::ttl).
    pub fn ttl(&self) -> io::Result<u32> {
        self.inner.listener.ttl()
    }

    /// The error that waits to be reported: none ever does at a listener.
    ///
    /// # Errors
    /// None.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.inner.listener.take_error()
    }

    /// The listener as tasks use it, which has all options.
    pub fn as_async(&self) -> &crate::TcpListener {
        &self.inner.listener
    }

    /// The next connection, and the peer's address.
    ///
    /// # Errors
    /// [`NetworkDown`](io::ErrorKind::NetworkDown) when the host shuts down;
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) when no connection waits and the listener does not block.
    pub fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let Inner { listener, patience } = &*self.inner;
        let (stream, peer) = patience.read(listener.host(), |cx| listener.poll_accept(cx))?;
        Ok((TcpStream::from(stream), peer))
    }

    /// All connections, one after the other, without end.
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming { listener: self }
    }

    /// Lets [`TcpListener::accept`] fail with [`WouldBlock`](io::ErrorKind::WouldBlock) rather than block.
    /// Connections that it accepts block all the same.
    ///
    /// # Errors
    /// None.
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.inner.patience.set_nonblocking(nonblocking);
        Ok(())
    }
}

impl From<crate::TcpListener> for TcpListener {
    fn from(listener: crate::TcpListener) -> Self {
        TcpListener { inner: Arc::new(Inner { listener, patience: Patience::default() }) }
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

impl std::iter::FusedIterator for Incoming<'_> {}
