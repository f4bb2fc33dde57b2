//! The two directions of a connection, apart.

use std::io::{self, IoSlice};
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Connection, TcpStream};

/// The reading direction of a [`TcpStream`], borrowed from it.
#[derive(Debug)]
pub struct ReadHalf<'a> {
    connection: &'a Connection,
    /// One reader at a time, as the exclusive borrow of the stream says.
    stream: PhantomData<&'a mut TcpStream>,
}

/// The writing direction of a [`TcpStream`], borrowed from it.
#[derive(Debug)]
pub struct WriteHalf<'a> {
    connection: &'a Connection,
    stream: PhantomData<&'a mut TcpStream>,
}

/// The reading direction of a [`TcpStream`], owned.
#[derive(Debug)]
pub struct OwnedReadHalf {
    connection: Arc<Connection>,
}

/// The writing direction of a [`TcpStream`], owned. Dropping it sends FIN.
#[derive(Debug)]
pub struct OwnedWriteHalf {
    connection: Arc<Connection>,
    /// Whether dropping it sends FIN; not where the halves came together again.
    shutdown_on_drop: bool,
}

impl<'a> ReadHalf<'a> {
    pub(super) fn new(connection: &'a Connection) -> Self {
        ReadHalf { connection, stream: PhantomData }
    }
}

impl<'a> WriteHalf<'a> {
    pub(super) fn new(connection: &'a Connection) -> Self {
        WriteHalf { connection, stream: PhantomData }
    }
}

impl OwnedReadHalf {
    pub(super) fn new(connection: Arc<Connection>) -> Self {
        OwnedReadHalf { connection }
    }

    /// Puts the two halves of one stream together again.
    ///
    /// # Errors
    /// Gives both back when they are of different streams.
    pub fn reunite(self, mut write: OwnedWriteHalf) -> Result<TcpStream, (OwnedReadHalf, OwnedWriteHalf)> {
        if !Arc::ptr_eq(&self.connection, &write.connection) {
            return Err((self, write));
        }
        write.shutdown_on_drop = false;
        Ok(TcpStream { connection: self.connection })
    }

    /// The peer's address.
    pub fn peer_addr(&self) -> SocketAddr {
        self.connection.remote()
    }
}

impl OwnedWriteHalf {
    pub(super) fn new(connection: Arc<Connection>) -> Self {
        OwnedWriteHalf { connection, shutdown_on_drop: true }
    }

    /// The peer's address.
    pub fn peer_addr(&self) -> SocketAddr {
        self.connection.remote()
    }

    /// Lets go of it without ending the data: FIN is sent when the reading half is dropped too.
    pub fn forget(mut self) {
        self.shutdown_on_drop = false;
    }
}

impl Drop for OwnedWriteHalf {
    fn drop(&mut self) {
        if self.shutdown_on_drop {
            // A connection that is gone needs no FIN.
            let _ = self.connection.shutdown();
        }
    }
}

macro_rules! reads {
    ($half:ty) => {
        impl AsyncRead for $half {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                out: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                self.connection.poll_read(cx, out)
            }
        }
    };
}

macro_rules! writes {
    ($half:ty) => {
        impl AsyncWrite for $half {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                data: &[u8],
            ) -> Poll<io::Result<usize>> {
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
                Poll::Ready(self.connection.shutdown())
            }
        }
    };
}

reads!(ReadHalf<'_>);
reads!(OwnedReadHalf);
writes!(WriteHalf<'_>);
writes!(OwnedWriteHalf);
