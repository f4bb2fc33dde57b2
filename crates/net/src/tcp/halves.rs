//! The two directions of a connection, apart.

use std::error::Error;
use std::fmt;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::BufMut;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::TcpStream;
use crate::{Interest, Ready};

/// The reading direction of a [`TcpStream`], borrowed from it.
#[derive(Debug)]
pub struct ReadHalf<'a> {
    stream: &'a TcpStream,
}

/// The writing direction of a [`TcpStream`], borrowed from it.
#[derive(Debug)]
pub struct WriteHalf<'a> {
    stream: &'a TcpStream,
}

/// The reading direction of a [`TcpStream`], owned.
#[derive(Debug)]
pub struct OwnedReadHalf {
    stream: Arc<TcpStream>,
}

/// The writing direction of a [`TcpStream`], owned. Dropping it sends FIN.
#[derive(Debug)]
pub struct OwnedWriteHalf {
    stream: Arc<TcpStream>,
    /// Whether dropping it sends FIN; not where the halves came together again.
    shutdown_on_drop: bool,
}

/// Two halves of different streams cannot be put together. Both are inside.
#[derive(Debug)]
pub struct ReuniteError(pub OwnedReadHalf, pub OwnedWriteHalf);

pub(super) fn split(stream: &mut TcpStream) -> (ReadHalf<'_>, WriteHalf<'_>) {
    (ReadHalf { stream }, WriteHalf { stream })
}

pub(super) fn into_split(stream: TcpStream) -> (OwnedReadHalf, OwnedWriteHalf) {
    let stream = Arc::new(stream);
    let read = OwnedReadHalf { stream: Arc::clone(&stream) };
    (read, OwnedWriteHalf { stream, shutdown_on_drop: true })
}

impl OwnedReadHalf {
    /// Puts the two halves of one stream together again.
    ///
    /// # Errors
    /// Gives both back when they are of different streams.
    pub fn reunite(self, write: OwnedWriteHalf) -> Result<TcpStream, ReuniteError> {
        reunite(self, write)
    }
}

impl OwnedWriteHalf {
    /// Puts the two halves of one stream together again.
    ///
    /// # Errors
    /// Gives both back when they are of different streams.
    pub fn reunite(self, read: OwnedReadHalf) -> Result<TcpStream, ReuniteError> {
        reunite(read, self)
    }

    /// Lets go of it without ending the data: FIN is sent when the reading half is dropped too.
    pub fn forget(mut self) {
        self.shutdown_on_drop = false;
    }
}

fn reunite(read: OwnedReadHalf, mut write: OwnedWriteHalf) -> Result<TcpStream, ReuniteError> {
    if !Arc::ptr_eq(&read.stream, &write.stream) {
        return Err(ReuniteError(read, write));
    }
    write.shutdown_on_drop = false;
    drop(write);
    // These two are all there ever were.
    Ok(Arc::into_inner(read.stream).expect("a stream has two halves"))
}

impl Drop for OwnedWriteHalf {
    fn drop(&mut self) {
        if self.shutdown_on_drop {
            // A connection that is gone needs no FIN.
            let _ = self.stream.shutdown_write();
        }
    }
}

impl fmt::Display for ReuniteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the two halves are of different streams")
    }
}

impl Error for ReuniteError {}

/// What a half of either direction has.
macro_rules! half {
    ($half:ty) => {
        impl $half {
            /// Waits until the stream is ready for something of what `interest` names; see
            /// [`TcpStream::ready`].
            ///
            /// # Errors
            /// Those of [`TcpStream::ready`].
            pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
                self.stream.ready(interest).await
            }

            /// The peer's address.
            ///
            /// # Errors
            /// None.
            pub fn peer_addr(&self) -> io::Result<SocketAddr> {
                self.stream.peer_addr()
            }

            /// This end's address.
            ///
            /// # Errors
            /// None.
            pub fn local_addr(&self) -> io::Result<SocketAddr> {
                self.stream.local_addr()
            }
        }

        impl AsRef<TcpStream> for $half {
            fn as_ref(&self) -> &TcpStream {
                &self.stream
            }
        }
    };
}

macro_rules! reads {
    ($half:ty) => {
        impl $half {
            /// Reads without taking: the next read gives the same bytes.
            ///
            /// # Errors
            /// Those of reading.
            pub async fn peek(&mut self, out: &mut [u8]) -> io::Result<usize> {
                self.stream.peek(out).await
            }

            /// Reads without taking.
            pub fn poll_peek(
                &mut self,
                cx: &mut Context<'_>,
                out: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<usize>> {
                self.stream.poll_peek(cx, out)
            }

            /// Waits until reading is worth trying; see [`TcpStream::readable`].
            ///
            /// # Errors
            /// Those of [`TcpStream::readable`].
            pub async fn readable(&self) -> io::Result<()> {
                self.stream.readable().await
            }

            /// Reads what is there; see [`TcpStream::try_read`].
            ///
            /// # Errors
            /// Those of [`TcpStream::try_read`].
            pub fn try_read(&self, out: &mut [u8]) -> io::Result<usize> {
                self.stream.try_read(out)
            }

            /// Reads what is there into several slices; see [`TcpStream::try_read_vectored`].
            ///
            /// # Errors
            /// Those of [`TcpStream::try_read`].
            pub fn try_read_vectored(&self, out: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                self.stream.try_read_vectored(out)
            }

            /// Reads what is there to the end of a buffer; see [`TcpStream::try_read_buf`].
            ///
            /// # Errors
            /// Those of [`TcpStream::try_read`].
            pub fn try_read_buf<B: BufMut>(&self, out: &mut B) -> io::Result<usize> {
                self.stream.try_read_buf(out)
            }
        }

        impl AsyncRead for $half {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                out: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                self.stream.connection().poll_read(cx, out)
            }
        }
    };
}

macro_rules! writes {
    ($half:ty) => {
        impl $half {
            /// Waits until writing is worth trying; see [`TcpStream::writable`].
            ///
            /// # Errors
            /// Those of [`TcpStream::writable`].
            pub async fn writable(&self) -> io::Result<()> {
                self.stream.writable().await
            }

            /// Writes what there is room for; see [`TcpStream::try_write`].
            ///
            /// # Errors
            /// Those of [`TcpStream::try_write`].
            pub fn try_write(&self, data: &[u8]) -> io::Result<usize> {
                self.stream.try_write(data)
            }

            /// Writes what there is room for, from several slices.
            ///
            /// # Errors
            /// Those of [`TcpStream::try_write`].
            pub fn try_write_vectored(&self, data: &[IoSlice<'_>]) -> io::Result<usize> {
                self.stream.try_write_vectored(data)
            }
        }

        impl AsyncWrite for $half {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                data: &[u8],
            ) -> Poll<io::Result<usize>> {
                self.stream.connection().poll_write(cx, data)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                data: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                self.stream.connection().poll_write_vectored(cx, data)
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(self.stream.connection().end_writing())
            }
        }
    };
}

half!(ReadHalf<'_>);
half!(WriteHalf<'_>);
half!(OwnedReadHalf);
half!(OwnedWriteHalf);
reads!(ReadHalf<'_>);
reads!(OwnedReadHalf);
writes!(WriteHalf<'_>);
writes!(OwnedWriteHalf);
