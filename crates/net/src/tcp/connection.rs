//! A connection as its stream and the halves of it share it.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use fathom_record::FlowId;
use fathom_stack::{SocketId, Tcp, TcpError, TcpId, TcpInfo};
use tokio::io::ReadBuf;

use crate::error::{Failed, not_connected};
use crate::socket::Socket;
use crate::wakers::Interest;
use crate::{Host, Ready, ready};

/// A connection. Every operation takes `&self`, and any number of tasks may wait.
pub(crate) struct Connection {
    socket: Socket<TcpId>,
    local: SocketAddr,
    remote: SocketAddr,
    flow: FlowId,
    /// The program wants no more data: what has come can be read, and then it ends.
    read_ended: AtomicBool,
}

impl Connection {
    /// The connection behind a handle of the stack, which it closes in the end.
    pub(crate) fn new(socket: Socket<TcpId>) -> io::Result<Connection> {
        let known = socket
            .look(|stack, now, id| stack.tcp(now, id).map(|tcp| (tcp.local(), tcp.remote(), tcp.flow())));
        let (local, remote, flow) = known.ok_or_else(not_connected)?;
        Ok(Connection { socket, local, remote, flow, read_ended: AtomicBool::new(false) })
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

    /// Waits until the connection is ready for something of what `interest` names.
    pub(crate) fn poll_ready(
        &self,
        cx: &mut Context<'_>,
        interest: ready::Interest,
    ) -> Poll<io::Result<Ready>> {
        self.socket.poll_ready(cx, interest, |stack, now, id| match stack.tcp(now, id) {
            Some(mut tcp) => Ok(self.ready_now(&mut tcp)),
            None => Err(not_connected()),
        })
    }

    /// What the connection is ready for.
    pub(crate) fn ready_now(&self, tcp: &mut Tcp<'_>) -> Ready {
        let ready = Ready::from(tcp.readiness());
        if self.read_ended.load(Ordering::Acquire) { ready | Ready::READ_CLOSED } else { ready }
    }

    /// Has the task woken at the next event that concerns `interest`.
    pub(crate) fn wake_at_next(&self, cx: &mut Context<'_>, interest: ready::Interest) -> io::Result<()> {
        self.socket.wake_at_next(cx, interest)
    }

    pub(crate) fn poll_read(&self, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if out.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let room = out.initialize_unfilled();
        let read = ready!(self.poll(cx, Interest::Read, |tcp| self.recv(tcp, room)))?;
        out.advance(read);
        Poll::Ready(Ok(()))
    }

    pub(crate) fn poll_peek(&self, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<usize>> {
        let room = out.initialize_unfilled();
        let seen = ready!(self.poll(cx, Interest::Read, |tcp| self.peek(tcp, room)))?;
        out.advance(seen);
        Poll::Ready(Ok(seen))
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
        self.received(tcp.recv(out))
    }

    /// Fills the slices in order, as far as there is data.
    pub(crate) fn recv_vectored(&self, tcp: &mut Tcp<'_>, out: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let mut received = 0;
        for slice in out.iter_mut().filter(|slice| !slice.is_empty()) {
            // What has been received counts; an error or the end comes back with the next call.
            if received > 0 && tcp.available() == 0 {
                break;
            }
            let len = self.recv(tcp, slice)?;
            received += len;
            if len < slice.len() {
                break;
            }
        }
        Ok(received)
    }

    pub(crate) fn recv_bytes(&self, tcp: &mut Tcp<'_>, max: usize) -> io::Result<Bytes> {
        self.received(tcp.recv_bytes(max))
    }

    pub(crate) fn peek(&self, tcp: &mut Tcp<'_>, out: &mut [u8]) -> io::Result<usize> {
        self.received(tcp.peek(out))
    }

    /// After the program has ended reading there is nothing to wait for: what would block is the end.
    fn received<R: Default>(&self, result: Result<R, TcpError>) -> io::Result<R> {
        match result {
            Err(TcpError::WouldBlock) if self.read_ended.load(Ordering::Acquire) => Ok(R::default()),
            result => result.map_err(|error| self.failed(error)),
        }
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
        self.poll(cx, Interest::Read, |tcp| self.recv_bytes(tcp, max))
    }

    /// Sends what of `data` there is room for, without a copy, and leaves the rest in it.
    pub(crate) fn send_bytes(&self, tcp: &mut Tcp<'_>, data: &mut Bytes) -> io::Result<usize> {
        if data.is_empty() {
            return Ok(0);
        }
        let sent = tcp.send_bytes(data.clone()).map_err(|error| self.failed(error))?;
        data.advance(sent);
        Ok(sent)
    }

    /// Sends all of `data` without a copy. What is sent is gone from it.
    pub(crate) fn poll_send_bytes(&self, cx: &mut Context<'_>, data: &mut Bytes) -> Poll<io::Result<()>> {
        while !data.is_empty() {
            ready!(self.poll(cx, Interest::Write, |tcp| self.send_bytes(tcp, data)))?;
        }
        Poll::Ready(Ok(()))
    }

    /// Ends the data of this side, as FIN. Doing so again does nothing.
    pub(crate) fn shutdown_write(&self) -> io::Result<()> {
        self.act(|tcp| tcp.shutdown().map_err(|error| self.failed(error)))
    }

    /// As [`Connection::shutdown_write`]; a connection that has ended is as good as shut down.
    pub(crate) fn end_writing(&self) -> io::Result<()> {
        match self.shutdown_write() {
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            result => result,
        }
    }

    /// Waits until the peer has acknowledged all data and the end of it.
    pub(crate) fn poll_delivered(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(cx, Interest::Write, |tcp| match tcp.take_error() {
            Some(error) => Err(self.failed(error)),
            None if tcp.is_delivered() => Ok(()),
            None => Err(io::ErrorKind::WouldBlock.into()),
        })
    }

    /// Ends reading, of which the peer learns nothing.
    pub(crate) fn shutdown_read(&self) {
        self.read_ended.store(true, Ordering::Release);
        self.socket.wake(Interest::Read);
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
