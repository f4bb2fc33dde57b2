//! UDP sockets.

mod message;
mod multicast;
mod options;

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use fathom_stack::{ListenAt, Udp, UdpBind, UdpId};

use crate::Host;
use crate::error::{Failed, not_connected};
use crate::ready::{Interest, Ready};
use crate::socket::Socket;
use crate::wakers;

/// A UDP socket. A clone is another handle of the same socket; the last one closes it.
///
/// Every operation takes `&self`, and any number of tasks may wait for either direction.
///
/// An operation reports first what an earlier datagram met, once: a socket that is connected, or asks for
/// [reports](UdpSocket::set_report_errors), learns so that nobody listens
/// ([`ConnectionRefused`](io::ErrorKind::ConnectionRefused)) or that the peer is out of reach
/// ([`HostUnreachable`](io::ErrorKind::HostUnreachable),
/// [`NetworkUnreachable`](io::ErrorKind::NetworkUnreachable)).
#[derive(Clone)]
pub struct UdpSocket {
    inner: Arc<Inner>,
}

struct Inner {
    socket: Socket<UdpId>,
}

impl UdpSocket {
    /// Opens a socket at an address of `host`: an unspecified one means all of them, port 0 lets the host
    /// choose. `[::]` is at the IPv4 addresses too.
    ///
    /// # Errors
    /// [`AddrInUse`](io::ErrorKind::AddrInUse) when another socket has the port,
    /// [`AddrNotAvailable`](io::ErrorKind::AddrNotAvailable) when the address is none of the host's.
    pub async fn bind(host: &Host, at: SocketAddr) -> io::Result<UdpSocket> {
        UdpSocket::bind_now(host, at)
    }

    pub(crate) fn bind_now(host: &Host, at: SocketAddr) -> io::Result<UdpSocket> {
        UdpSocket::bind_with(host, UdpBind::at(at))
    }

    /// Opens a socket as `bind` says.
    ///
    /// # Errors
    /// Those of [`UdpSocket::bind`]; [`NotFound`](io::ErrorKind::NotFound) when there is no such interface.
    pub fn bind_with(host: &Host, bind: UdpBind) -> io::Result<UdpSocket> {
        let at = match bind.local {
            ListenAt::Socket(at) => at,
            ListenAt::Network(network) => SocketAddr::new(network.address(), 0),
        };
        let socket = Socket::open(host, |stack, now| {
            stack.udp_bind_with(now, bind).map_err(|error| Failed::bind(error, at))
        })?;
        Ok(UdpSocket { inner: Arc::new(Inner { socket }) })
    }

    /// The host that the socket is on.
    pub fn host(&self) -> &Host {
        &self.inner.socket.host
    }

    /// The socket's own address.
    ///
    /// # Errors
    /// None, as long as the host's stack knows the socket.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.look(|udp| Ok(udp.local()))
    }

    /// The address that the socket is connected to.
    ///
    /// # Errors
    /// [`NotConnected`](io::ErrorKind::NotConnected) when it is not connected.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.look(|udp| udp.remote().ok_or_else(not_connected))
    }

    /// Ties the socket to a peer: it receives from no other, and learns of errors on the way there. It may be
    /// tied to another later.
    ///
    /// # Errors
    /// [`NetworkUnreachable`](io::ErrorKind::NetworkUnreachable) when no route leads to the peer;
    /// [`PermissionDenied`](io::ErrorKind::PermissionDenied) for a broadcast address, unless
    /// [`UdpSocket::set_broadcast`] allows it.
    pub fn connect(&self, to: SocketAddr) -> io::Result<()> {
        self.act(|udp| udp.connect(to).map_err(|error| Failed::udp(error, Some(to))))
    }

    /// Takes the socket from its peer: it receives from everybody again.
    ///
    /// # Errors
    /// None, as long as the host's stack knows the socket.
    pub fn disconnect(&self) -> io::Result<()> {
        self.act(|udp| {
            udp.disconnect();
            Ok(())
        })
    }

    // ---- sending ----

    /// Sends a datagram.
    ///
    /// # Errors
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) when it is too long,
    /// [`PermissionDenied`](io::ErrorKind::PermissionDenied) when it is for everybody and
    /// [`UdpSocket::set_broadcast`] does not allow that; otherwise what an earlier datagram met.
    pub async fn send_to(&self, data: &[u8], to: SocketAddr) -> io::Result<usize> {
        poll_fn(|cx| self.poll_send_to(cx, data, to)).await
    }

    /// Sends a datagram, as [`UdpSocket::send_to`].
    pub fn poll_send_to(&self, cx: &mut Context<'_>, data: &[u8], to: SocketAddr) -> Poll<io::Result<usize>> {
        self.poll(cx, wakers::Interest::Write, |udp| send_to(udp, data, to))
    }

    /// Sends a datagram if there is room for it.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) when there is none; otherwise as [`UdpSocket::send_to`].
    pub fn try_send_to(&self, data: &[u8], to: SocketAddr) -> io::Result<usize> {
        self.act(|udp| send_to(udp, data, to))
    }

    /// Sends a datagram to the peer that the socket is connected to.
    ///
    /// # Errors
    /// [`NotConnected`](io::ErrorKind::NotConnected) without a peer; otherwise as [`UdpSocket::send_to`].
    pub async fn send(&self, data: &[u8]) -> io::Result<usize> {
        poll_fn(|cx| self.poll_send(cx, data)).await
    }

    /// Sends a datagram to the peer, as [`UdpSocket::send`].
    pub fn poll_send(&self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.poll(cx, wakers::Interest::Write, |udp| send(udp, data))
    }

    /// Sends a datagram to the peer if there is room for it.
    ///
    /// # Errors
    /// As [`UdpSocket::try_send_to`] and [`UdpSocket::send`].
    pub fn try_send(&self, data: &[u8]) -> io::Result<usize> {
        self.act(|udp| send(udp, data))
    }

    // ---- receiving ----

    /// Receives a datagram and the address it came from. What does not fit `out` is lost.
    ///
    /// # Errors
    /// What a datagram sent before met, once.
    pub async fn recv_from(&self, out: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        poll_fn(|cx| self.poll_recv_from(cx, out)).await
    }

    /// Receives a datagram, as [`UdpSocket::recv_from`].
    pub fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        out: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        self.poll(cx, wakers::Interest::Read, |udp| recv_from(udp, out))
    }

    /// Receives a datagram if one is there.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) when none is; otherwise as [`UdpSocket::recv_from`].
    pub fn try_recv_from(&self, out: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.act(|udp| recv_from(udp, out))
    }

    /// Receives a datagram from the peer that the socket is connected to.
    ///
    /// # Errors
    /// As [`UdpSocket::recv_from`].
    pub async fn recv(&self, out: &mut [u8]) -> io::Result<usize> {
        Ok(self.recv_from(out).await?.0)
    }

    /// Receives a datagram from the peer, as [`UdpSocket::recv`].
    pub fn poll_recv(&self, cx: &mut Context<'_>, out: &mut [u8]) -> Poll<io::Result<usize>> {
        self.poll_recv_from(cx, out).map_ok(|(len, _)| len)
    }

    /// Receives a datagram from the peer if one is there.
    ///
    /// # Errors
    /// As [`UdpSocket::try_recv_from`].
    pub fn try_recv(&self, out: &mut [u8]) -> io::Result<usize> {
        Ok(self.try_recv_from(out)?.0)
    }

    /// Copies the oldest datagram, as far as it fits, and leaves it to be received.
    ///
    /// # Errors
    /// As [`UdpSocket::recv_from`].
    pub async fn peek_from(&self, out: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        poll_fn(|cx| self.poll_peek_from(cx, out)).await
    }

    /// Copies the oldest datagram, as [`UdpSocket::peek_from`].
    pub fn poll_peek_from(
        &self,
        cx: &mut Context<'_>,
        out: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        self.poll(cx, wakers::Interest::Read, |udp| peek_from(udp, out))
    }

    /// Copies the oldest datagram if one is there.
    ///
    /// # Errors
    /// As [`UdpSocket::try_recv_from`].
    pub fn try_peek_from(&self, out: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.act(|udp| peek_from(udp, out))
    }

    /// Copies the oldest datagram of the peer, as far as it fits, and leaves it to be received.
    ///
    /// # Errors
    /// As [`UdpSocket::recv`].
    pub async fn peek(&self, out: &mut [u8]) -> io::Result<usize> {
        Ok(self.peek_from(out).await?.0)
    }

    /// Copies the oldest datagram of the peer, as [`UdpSocket::peek`].
    pub fn poll_peek(&self, cx: &mut Context<'_>, out: &mut [u8]) -> Poll<io::Result<usize>> {
        self.poll_peek_from(cx, out).map_ok(|(len, _)| len)
    }

    /// Copies the oldest datagram of the peer if one is there.
    ///
    /// # Errors
    /// As [`UdpSocket::try_recv`].
    pub fn try_peek(&self, out: &mut [u8]) -> io::Result<usize> {
        Ok(self.try_peek_from(out)?.0)
    }

    /// Waits for a datagram and tells who sent it. It is still to be received.
    ///
    /// # Errors
    /// As [`UdpSocket::recv_from`].
    pub async fn peek_sender(&self) -> io::Result<SocketAddr> {
        poll_fn(|cx| self.poll_peek_sender(cx)).await
    }

    /// Waits for a datagram, as [`UdpSocket::peek_sender`].
    pub fn poll_peek_sender(&self, cx: &mut Context<'_>) -> Poll<io::Result<SocketAddr>> {
        self.poll_peek_from(cx, &mut []).map_ok(|(_, sender)| sender)
    }

    /// Tells who sent the oldest datagram, if one is there.
    ///
    /// # Errors
    /// As [`UdpSocket::try_recv_from`].
    pub fn try_peek_sender(&self) -> io::Result<SocketAddr> {
        Ok(self.try_peek_from(&mut [])?.1)
    }

    // ---- readiness ----

    /// Waits until the socket is ready for something of what `interest` names. Nothing is taken by asking,
    /// errors neither. Dropping the future loses nothing.
    ///
    /// # Errors
    /// [`NetworkDown`](io::ErrorKind::NetworkDown) when the host shuts down.
    pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        poll_fn(|cx| self.poll_ready(cx, interest)).await
    }

    /// Waits until a datagram or an error is there.
    ///
    /// # Errors
    /// Those of [`UdpSocket::ready`].
    pub async fn readable(&self) -> io::Result<()> {
        poll_fn(|cx| self.poll_recv_ready(cx)).await
    }

    /// Waits until a datagram or an error is there. Any number of tasks may wait.
    pub fn poll_recv_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_ready(cx, Interest::READABLE).map_ok(drop)
    }

    /// Waits until there is room for a datagram of any size that the socket can send, or an error is there.
    ///
    /// # Errors
    /// Those of [`UdpSocket::ready`].
    pub async fn writable(&self) -> io::Result<()> {
        poll_fn(|cx| self.poll_send_ready(cx)).await
    }

    /// Waits until there is room, as [`UdpSocket::writable`]. Any number of tasks may wait.
    pub fn poll_send_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_ready(cx, Interest::WRITABLE).map_ok(drop)
    }

    /// Runs `operation` if the socket is ready for something of what `interest` names.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) when it is not; otherwise those of `operation`.
    pub fn try_io<R>(&self, interest: Interest, operation: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        let ready = self.look(|udp| Ok(ready_now(udp)))?;
        if interest.of(ready).is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        operation()
    }

    /// Runs `operation` whenever the socket becomes ready for something of what `interest` names, until it
    /// gives something else than [`WouldBlock`](io::ErrorKind::WouldBlock).
    ///
    /// # Errors
    /// Those of `operation`, and those of [`UdpSocket::ready`].
    pub async fn async_io<R>(
        &self,
        interest: Interest,
        mut operation: impl FnMut() -> io::Result<R>,
    ) -> io::Result<R> {
        poll_fn(|cx| {
            ready!(self.poll_ready(cx, interest))?;
            // Before the attempt, so that no event comes between; and what was ready before it says nothing
            // of the time after.
            self.inner.socket.wake_at_next(cx, interest)?;
            match operation() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
                result => Poll::Ready(result),
            }
        })
        .await
    }

    /// Takes the error that waits to be reported.
    ///
    /// # Errors
    /// [`NotConnected`](io::ErrorKind::NotConnected) when the socket is gone.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.look(|udp| {
            let remote = udp.remote();
            Ok(udp.take_error().map(|error| Failed::udp(error, remote)))
        })
    }

    fn poll_ready(&self, cx: &mut Context<'_>, interest: Interest) -> Poll<io::Result<Ready>> {
        self.inner.socket.poll_ready(cx, interest, |stack, now, id| match stack.udp(now, id) {
            Some(mut udp) => Ok(ready_now(&mut udp)),
            None => Err(not_connected()),
        })
    }

    fn look<R>(&self, f: impl FnOnce(&mut Udp<'_>) -> io::Result<R>) -> io::Result<R> {
        self.inner.socket.look(|stack, now, id| match stack.udp(now, id) {
            Some(mut udp) => f(&mut udp),
            None => Err(not_connected()),
        })
    }

    fn act<R>(&self, f: impl FnOnce(&mut Udp<'_>) -> io::Result<R>) -> io::Result<R> {
        self.inner.socket.act(|stack, now, id| match stack.udp(now, id) {
            Some(mut udp) => f(&mut udp),
            None => Err(not_connected()),
        })
    }

    fn poll<R>(
        &self,
        cx: &mut Context<'_>,
        interest: wakers::Interest,
        f: impl FnOnce(&mut Udp<'_>) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        self.inner.socket.poll(cx, interest, |stack, now, id| match stack.udp(now, id) {
            Some(mut udp) => f(&mut udp),
            None => Err(not_connected()),
        })
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.socket.close(|stack, now, id| {
            if let Some(mut udp) = stack.udp(now, id) {
                udp.close();
            }
        });
    }
}

impl fmt::Debug for UdpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let socket = &self.inner.socket;
        f.debug_struct("UdpSocket").field("host", &socket.host.name()).field("id", &socket.id).finish()
    }
}

fn ready_now(udp: &mut Udp<'_>) -> Ready {
    let mut ready = Ready::EMPTY;
    if udp.is_readable() {
        ready |= Ready::READABLE;
    }
    if udp.is_writable() {
        ready |= Ready::WRITABLE;
    }
    if udp.has_error() {
        ready |= Ready::ERROR;
    }
    ready
}

fn send_to(udp: &mut Udp<'_>, data: &[u8], to: SocketAddr) -> io::Result<usize> {
    udp.send_to(data, to).map_err(|error| Failed::udp(error, Some(to)))
}

fn send(udp: &mut Udp<'_>, data: &[u8]) -> io::Result<usize> {
    let to = udp.remote();
    udp.send(data).map_err(|error| Failed::udp(error, to))
}

fn recv_from(udp: &mut Udp<'_>, out: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
    let remote = udp.remote();
    udp.recv_from(out).map_err(|error| Failed::udp(error, remote))
}

fn peek_from(udp: &mut Udp<'_>, out: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
    let remote = udp.remote();
    let meta = udp.peek_msg(out).map_err(|error| Failed::udp(error, remote))?;
    Ok((meta.len, meta.source))
}
