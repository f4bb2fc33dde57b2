//! UDP sockets.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};

use fathom_stack::{ReceivedDatagram, Udp, UdpId};

use crate::Host;
use crate::error::{Failed, not_connected};
use crate::socket::Socket;
use crate::wakers::Interest;

/// A UDP socket. A clone is another handle of the same socket; the last one closes it.
///
/// Every operation takes `&self`, and any number of tasks may wait for either direction.
#[derive(Clone)]
pub struct UdpSocket {
    inner: Arc<Inner>,
}

struct Inner {
    socket: Socket<UdpId>,
}

impl UdpSocket {
    /// Opens a socket at an address of `host`: an unspecified one means all of them, port 0 lets the host
    /// choose.
    ///
    /// # Errors
    /// [`AddrInUse`](io::ErrorKind::AddrInUse) when another socket has the port,
    /// [`AddrNotAvailable`](io::ErrorKind::AddrNotAvailable) when the address is none of the host's.
    pub async fn bind(host: &Host, at: SocketAddr) -> io::Result<UdpSocket> {
        UdpSocket::bind_now(host, at)
    }

    pub(crate) fn bind_now(host: &Host, at: SocketAddr) -> io::Result<UdpSocket> {
        let socket = Socket::open(host, |stack, now| {
            stack.udp_bind(now, at).map_err(|error| Failed::bind(error, at))
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

    /// Ties the socket to a peer: it receives from no other, and learns of errors on the way there.
    ///
    /// # Errors
    /// [`NetworkUnreachable`](io::ErrorKind::NetworkUnreachable) when no route leads to the peer.
    pub fn connect(&self, to: SocketAddr) -> io::Result<()> {
        self.act(|udp| udp.connect(to).map_err(|error| Failed::udp(error, Some(to))))
    }

    /// Sends a datagram.
    ///
    /// # Errors
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) when it is too long; otherwise an error that an earlier
    /// datagram met, such as [`ConnectionRefused`](io::ErrorKind::ConnectionRefused), reported once.
    pub async fn send_to(&self, data: &[u8], to: SocketAddr) -> io::Result<usize> {
        poll_fn(|cx| self.poll_send_to(cx, data, to)).await
    }

    /// Sends a datagram to the peer that the socket is connected to.
    ///
    /// # Errors
    /// [`NotConnected`](io::ErrorKind::NotConnected) without a peer; otherwise as [`UdpSocket::send_to`].
    pub async fn send(&self, data: &[u8]) -> io::Result<usize> {
        poll_fn(|cx| self.poll_send(cx, data)).await
    }

    /// Receives a datagram and the address it came from. What does not fit `out` is lost.
    ///
    /// # Errors
    /// An error that a datagram sent before met, reported once.
    pub async fn recv_from(&self, out: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        poll_fn(|cx| self.poll_recv_from(cx, out)).await
    }

    /// Receives a datagram without a copy, with all that is known of it: the address it was sent to, its
    /// hop limit and its congestion mark.
    ///
    /// # Errors
    /// As [`UdpSocket::recv_from`].
    pub async fn recv_datagram(&self) -> io::Result<ReceivedDatagram> {
        poll_fn(|cx| self.poll_recv_datagram(cx)).await
    }

    /// Sends a datagram from one of the host's addresses: that of a question, where the socket is open at
    /// all of them (RFC 8085 5.1.1).
    ///
    /// # Errors
    /// As [`UdpSocket::send_to`]; [`InvalidInput`](io::ErrorKind::InvalidInput) when the source is not ours.
    pub async fn send_from(&self, source: IpAddr, data: &[u8], to: SocketAddr) -> io::Result<usize> {
        let send = |udp: &mut Udp<'_>| {
            udp.send_from(Some(source), data, to).map_err(|error| Failed::udp(error, Some(to)))
        };
        poll_fn(|cx| self.poll(cx, Interest::Write, send)).await
    }

    /// Receives a datagram from the peer that the socket is connected to.
    ///
    /// # Errors
    /// As [`UdpSocket::recv_from`].
    pub async fn recv(&self, out: &mut [u8]) -> io::Result<usize> {
        Ok(self.recv_from(out).await?.0)
    }

    /// Sends a datagram, as [`UdpSocket::send_to`].
    pub fn poll_send_to(&self, cx: &mut Context<'_>, data: &[u8], to: SocketAddr) -> Poll<io::Result<usize>> {
        self.poll(cx, Interest::Write, |udp| send_to(udp, data, to))
    }

    /// Sends a datagram to the peer, as [`UdpSocket::send`].
    pub fn poll_send(&self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.poll(cx, Interest::Write, |udp| send(udp, data))
    }

    /// Receives a datagram, as [`UdpSocket::recv_from`].
    pub fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        out: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        self.poll(cx, Interest::Read, |udp| recv_from(udp, out))
    }

    /// Receives a datagram, as [`UdpSocket::recv_datagram`].
    pub fn poll_recv_datagram(&self, cx: &mut Context<'_>) -> Poll<io::Result<ReceivedDatagram>> {
        self.poll(cx, Interest::Read, |udp| {
            let remote = udp.remote();
            udp.recv().map_err(|error| Failed::udp(error, remote))
        })
    }

    /// Sends a datagram if there is room for it.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) when there is none; otherwise as [`UdpSocket::send_to`].
    pub fn try_send_to(&self, data: &[u8], to: SocketAddr) -> io::Result<usize> {
        self.act(|udp| send_to(udp, data, to))
    }

    /// Sends a datagram to the peer if there is room for it.
    ///
    /// # Errors
    /// As [`UdpSocket::try_send_to`] and [`UdpSocket::send`].
    pub fn try_send(&self, data: &[u8]) -> io::Result<usize> {
        self.act(|udp| send(udp, data))
    }

    /// Receives a datagram if one is there.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) when none is; otherwise as [`UdpSocket::recv_from`].
    pub fn try_recv_from(&self, out: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.act(|udp| recv_from(udp, out))
    }

    /// Receives a datagram from the peer if one is there.
    ///
    /// # Errors
    /// As [`UdpSocket::try_recv_from`].
    pub fn try_recv(&self, out: &mut [u8]) -> io::Result<usize> {
        Ok(self.try_recv_from(out)?.0)
    }

    /// Waits until a datagram or an error is there.
    ///
    /// # Errors
    /// [`NotConnected`](io::ErrorKind::NotConnected) when the socket is gone.
    pub async fn readable(&self) -> io::Result<()> {
        poll_fn(|cx| self.poll_readable(cx)).await
    }

    /// Waits until there is room for a datagram.
    ///
    /// # Errors
    /// [`NotConnected`](io::ErrorKind::NotConnected) when the socket is gone.
    pub async fn writable(&self) -> io::Result<()> {
        poll_fn(|cx| self.poll_writable(cx)).await
    }

    /// Waits until a datagram or an error is there.
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_ready(cx, Interest::Read)
    }

    /// Waits until there is room for a datagram.
    pub fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_ready(cx, Interest::Write)
    }

    /// The error that waits to be reported, which then no longer does.
    ///
    /// # Errors
    /// [`NotConnected`](io::ErrorKind::NotConnected) when the socket is gone.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.look(|udp| {
            let remote = udp.remote();
            Ok(udp.take_error().map(|error| Failed::udp(error, remote)))
        })
    }

    /// Waits until an operation of the kind would not wait.
    fn poll_ready(&self, cx: &mut Context<'_>, interest: Interest) -> Poll<io::Result<()>> {
        self.poll(cx, interest, |udp| {
            let ready = match interest {
                Interest::Read => udp.is_readable(),
                Interest::Write => udp.is_writable(),
            };
            if ready { Ok(()) } else { Err(io::ErrorKind::WouldBlock.into()) }
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
        interest: Interest,
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
