//! A connection as its stream and the halves of it share it.

use std::fmt;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::task::{Context, Poll};

use bytes::Bytes;
use fathom_record::FlowId;
use fathom_stack::{SocketId, Tcp, TcpId, TcpInfo};
use tokio::io::ReadBuf;

use crate::Host;
use crate::error::{Failed, not_connected};
use crate::socket::Socket;
use crate::wakers::Interest;

/// A connection. Every operation takes `&self`, and any number of tasks may wait.
pub(crate) struct Connection {
    socket: Socket<TcpId>,
    local: SocketAddr,
    remote: SocketAddr,
    flow: FlowId,
}

impl Connection {
    /// The connection behind a handle of the stack, which it closes in the end.
    pub(crate) fn new(socket: Socket<TcpId>) -> io::Result<Connection> {
        let known = socket
            .look(|stack, now, id| stack.tcp(now, id).map(|tcp| (tcp.local(), tcp.remote(), tcp.flow())));
        let (local, remote, flow) = known.ok_or_else(not_connected)?;
        Ok(Connection { socket, local, remote, flow })
    }

    pub(crate) fn host(&self) -> &Host {
        &self.socket.host
    }

    pub(crate) fn local(&self) -> SocketAddr {
        self.local
    }

    pub(crate) fn remote(&self) -> SocketAddr {
        self.remote
    }

    pub(crate) fn flow(&self) -> FlowId {
        self.flow
    }

    pub(crate) fn info(&self) -> io::Result<TcpInfo> {
        self.look(|tcp| Ok(tcp.info()))
    }

    /// Something of the connection that concerns nobody else.
    pub(crate) fn look<R>(&self, f: impl FnOnce(&mut Tcp<'_>) -> io::Result<R>) -> io::Result<R> {
        self.socket.look(|stack, now, id| match stack.tcp(now, id) {
            Some(mut tcp) => f(&mut tcp),
            None => Err(not_connected()),
        })
    }

    /// An operation that fails rather than waits.
    pub(crate) fn act<R>(&self, f: impl FnOnce(&mut Tcp<'_>) -> io::Result<R>) -> io::Result<R> {
        self.socket.act(|stack, now, id| match stack.tcp(now, id) {
            Some(mut tcp) => f(&mut tcp),
            None => Err(not_connected()),
        })
    }

    /// An operation that waits rather than fails.
    pub(crate) fn poll<R>(
        &self,
        cx: &mut Context<'_>,
        interest: Interest,
        f: impl FnOnce(&mut Tcp<'_>) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        self.socket.poll(cx, interest, |stack, now, id| match stack.tcp(now, id) {
            Some(mut tcp) => f(&mut tcp),
            None => Err(not_connected()),
        })
    }

    /// Waits until an operation of the kind would not wait.
    pub(crate) fn poll_ready(&self, cx: &mut Context<'_>, interest: Interest) -> Poll<io::Result<()>> {
        self.poll(cx, interest, |tcp| match interest {
            Interest::Read => self.peek(tcp, &mut [0]).map(drop),
            // Nothing is written, but whether something could be is told.
            Interest::Write => tcp.send(&[]).map(drop).map_err(|error| self.failed(error)),
        })
    }

    pub(crate) fn poll_read(&self, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if out.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let room = out.initialize_unfilled();
        let read = std::task::ready!(self.poll(cx, Interest::Read, |tcp| self.recv(tcp, room)))?;
        out.advance(read);
        Poll::Ready(Ok(()))
    }

    pub(crate) fn poll_write(&self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.poll(cx, Interest::Write, |tcp| self.send(tcp, data))
    }

    pub(crate) fn poll_write_vectored(
        &self,
        cx: &mut Context<'_>,
        data: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll(cx, Interest::Write, |tcp| self.send_vectored(tcp, data))
    }

    pub(crate) fn recv(&self, tcp: &mut Tcp<'_>, out: &mut [u8]) -> io::Result<usize> {
        tcp.recv(out).map_err(|error| self.failed(error))
    }

    pub(crate) fn peek(&self, tcp: &mut Tcp<'_>, out: &mut [u8]) -> io::Result<usize> {
        tcp.peek(out).map_err(|error| self.failed(error))
    }

    pub(crate) fn send(&self, tcp: &mut Tcp<'_>, data: &[u8]) -> io::Result<usize> {
        if data.is_empty() {
            return Ok(0);
        }
        tcp.send(data).map_err(|error| self.failed(error))
    }

    /// Sends from the slices in order, until one of them does not fit whole.
    pub(crate) fn send_vectored(&self, tcp: &mut Tcp<'_>, data: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut sent = 0;
        for slice in data.iter().filter(|slice| !slice.is_empty()) {
            match tcp.send(slice) {
                Ok(taken) => {
                    sent += taken;
                    if taken < slice.len() {
                        break;
                    }
                }
                // What has been taken counts; the reason comes back with the next call.
                Err(_) if sent > 0 => break,
                Err(error) => return Err(self.failed(error)),
            }
        }
        Ok(sent)
    }

    /// Takes up to `max` bytes without a copy.
    pub(crate) fn poll_recv_bytes(&self, cx: &mut Context<'_>, max: usize) -> Poll<io::Result<Bytes>> {
        self.poll(cx, Interest::Read, |tcp| tcp.recv_bytes(max).map_err(|error| self.failed(error)))
    }

    /// Sends what of `data` there is room for, without a copy, and leaves the rest in it.
    pub(crate) fn poll_send_bytes(&self, cx: &mut Context<'_>, data: &mut Bytes) -> Poll<io::Result<()>> {
        while !data.is_empty() {
            let sent = self.poll(cx, Interest::Write, |tcp| {
                tcp.send_bytes(data.clone()).map_err(|error| self.failed(error))
            });
            let sent = std::task::ready!(sent)?;
            bytes::Buf::advance(data, sent);
        }
        Poll::Ready(Ok(()))
    }

    /// Ends the data of this side, as FIN. Doing so again does nothing.
    pub(crate) fn shutdown(&self) -> io::Result<()> {
        self.act(|tcp| tcp.shutdown().map_err(|error| self.failed(error)))
    }

    pub(crate) fn abort(&self) {
        // A connection that is gone needs no abort.
        let _ = self.act(|tcp| {
            tcp.abort();
            Ok(())
        });
    }

    pub(crate) fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.look(|tcp| Ok(tcp.take_error().map(|error| self.failed(error))))
    }

    /// The error as the standard library has it, with the peer in its message.
    pub(crate) fn failed(&self, error: fathom_stack::TcpError) -> io::Error {
        Failed::tcp(error, self.remote)
    }
}

impl Drop for Connection {
    /// Closes in order; with a reset where the program has left data unread (RFC 2525 2.17).
    fn drop(&mut self) {
        self.socket.close(|stack, now, id| {
            if let Some(tcp) = stack.tcp(now, id) {
                tcp.close();
            }
        });
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpStream")
            .field("host", &self.socket.host.name())
            .field("local", &self.local)
            .field("remote", &self.remote)
            .field("id", &SocketId::from(self.socket.id))
            .finish()
    }
}
