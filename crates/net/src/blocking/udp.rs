//! UDP sockets that block.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use fathom_stack::{RecvMeta, SendDatagram};

use super::Patience;
use crate::Host;
use crate::sync::lock;

/// A UDP socket whose operations block.
#[derive(Debug)]
pub struct UdpSocket {
    socket: crate::UdpSocket,
    patience: Arc<Patience>,
}

impl UdpSocket {
    /// Opens a socket at an address of `host`.
    ///
    /// # Errors
    /// Those of [`UdpSocket::bind`](crate::UdpSocket::bind).
    pub fn bind(host: &Host, at: SocketAddr) -> io::Result<UdpSocket> {
        Ok(UdpSocket { socket: host.udp_bind(at)?, patience: Arc::default() })
    }

    /// Another handle of the same socket.
    ///
    /// # Errors
    /// None.
    pub fn try_clone(&self) -> io::Result<UdpSocket> {
        Ok(UdpSocket { socket: self.socket.clone(), patience: Arc::clone(&self.patience) })
    }

    /// The socket's own address.
    ///
    /// # Errors
    /// None, as long as the host's stack knows the socket.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// The address that the socket is connected to.
    ///
    /// # Errors
    /// [`NotConnected`](io::ErrorKind::NotConnected) when it is not connected.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket.peer_addr()
    }

    /// Ties the socket to a peer; see [`UdpSocket::connect`](crate::UdpSocket::connect).
    ///
    /// # Errors
    /// Those of [`UdpSocket::connect`](crate::UdpSocket::connect).
    pub fn connect(&self, to: SocketAddr) -> io::Result<()> {
        self.socket.connect(to)
    }

    /// Sends a datagram.
    ///
    /// # Errors
    /// Those of [`UdpSocket::send_to`](crate::UdpSocket::send_to).
    pub fn send_to(&self, data: &[u8], to: SocketAddr) -> io::Result<usize> {
        self.patience.write(self.socket.host(), |cx| self.socket.poll_send_to(cx, data, to))
    }

    /// Sends a datagram to the peer that the socket is connected to.
    ///
    /// # Errors
    /// Those of [`UdpSocket::send`](crate::UdpSocket::send).
    pub fn send(&self, data: &[u8]) -> io::Result<usize> {
        self.patience.write(self.socket.host(), |cx| self.socket.poll_send(cx, data))
    }

    /// Receives a datagram and the address it came from. What does not fit `out` is lost.
    ///
    /// # Errors
    /// Those of [`UdpSocket::recv_from`](crate::UdpSocket::recv_from).
    pub fn recv_from(&self, out: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.patience.read(self.socket.host(), |cx| self.socket.poll_recv_from(cx, out))
    }

    /// Receives a datagram from the peer that the socket is connected to.
    ///
    /// # Errors
    /// Those of [`UdpSocket::recv_from`](crate::UdpSocket::recv_from).
    pub fn recv(&self, out: &mut [u8]) -> io::Result<usize> {
        Ok(self.recv_from(out)?.0)
    }

    /// Copies the oldest datagram, as far as it fits, and leaves it to be received.
    ///
    /// # Errors
    /// Those of [`UdpSocket::recv_from`].
    pub fn peek_from(&self, out: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.patience.read(self.socket.host(), |cx| self.socket.poll_peek_from(cx, out))
    }

    /// Copies the oldest datagram of the peer, as far as it fits, and leaves it to be received.
    ///
    /// # Errors
    /// Those of [`UdpSocket::recv`].
    pub fn peek(&self, out: &mut [u8]) -> io::Result<usize> {
        Ok(self.peek_from(out)?.0)
    }

    /// Sends a datagram, or several of one size, as `message` says; see
    /// [`UdpSocket::send_msg`](crate::UdpSocket::send_msg).
    ///
    /// # Errors
    /// Those of [`UdpSocket::send_msg`](crate::UdpSocket::send_msg).
    pub fn send_msg(&self, message: &SendDatagram<'_>) -> io::Result<usize> {
        self.patience.write(self.socket.host(), |cx| self.socket.poll_send_msg(cx, message))
    }

    /// Receives a datagram, or several, with all that is known; see
    /// [`UdpSocket::recv_msg`](crate::UdpSocket::recv_msg).
    ///
    /// # Errors
    /// Those of [`UdpSocket::recv_msg`](crate::UdpSocket::recv_msg).
    pub fn recv_msg(&self, out: &mut [u8]) -> io::Result<RecvMeta> {
        self.patience.read(self.socket.host(), |cx| self.socket.poll_recv_msg(cx, out))
    }

    /// The same socket for tasks. It has the options, groups and everything else that does not block.
    pub fn as_async(&self) -> &crate::UdpSocket {
        &self.socket
    }

    /// Takes the error that waits to be reported.
    ///
    /// # Errors
    /// Those of [`UdpSocket::take_error`](crate::UdpSocket::take_error).
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.socket.take_error()
    }

    /// Whether the socket may send to everybody on a link.
    ///
    /// # Errors
    /// Those of [`UdpSocket::options`](crate::UdpSocket::options).
    pub fn broadcast(&self) -> io::Result<bool> {
        self.socket.broadcast()
    }

    /// Lets the socket send to everybody on a link, or not.
    ///
    /// # Errors
    /// Those of [`UdpSocket::options`](crate::UdpSocket::options).
    pub fn set_broadcast(&self, allowed: bool) -> io::Result<()> {
        self.socket.set_broadcast(allowed)
    }

    /// Hop limit of what goes to single hosts.
    ///
    /// # Errors
    /// Those of [`UdpSocket::options`](crate::UdpSocket::options).
    pub fn ttl(&self) -> io::Result<u32> {
        self.socket.ttl()
    }

    /// Sets the hop limit of what goes to single hosts.
    ///
    /// # Errors
    /// Those of [`UdpSocket::set_ttl`](crate::UdpSocket::set_ttl).
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.socket.set_ttl(ttl)
    }

    /// Hop limit of what goes to groups.
    ///
    /// # Errors
    /// Those of [`UdpSocket::options`](crate::UdpSocket::options).
    pub fn multicast_ttl_v4(&self) -> io::Result<u32> {
        self.socket.multicast_ttl_v4()
    }

    /// Sets the hop limit of what goes to groups.
    ///
    /// # Errors
    /// Those of [`UdpSocket::set_ttl`](crate::UdpSocket::set_ttl).
    pub fn set_multicast_ttl_v4(&self, ttl: u32) -> io::Result<()> {
        self.socket.set_multicast_ttl_v4(ttl)
    }

    /// Whether what goes to a group comes to its members on this host.
    ///
    /// # Errors
    /// Those of [`UdpSocket::options`](crate::UdpSocket::options).
    pub fn multicast_loop_v4(&self) -> io::Result<bool> {
        self.socket.multicast_loop_v4()
    }

    /// Sets whether what goes to a group comes to its members on this host.
    ///
    /// # Errors
    /// Those of [`UdpSocket::options`](crate::UdpSocket::options).
    pub fn set_multicast_loop_v4(&self, on: bool) -> io::Result<()> {
        self.socket.set_multicast_loop_v4(on)
    }

    /// As [`UdpSocket::multicast_loop_v4`].
    ///
    /// # Errors
    /// Those of [`UdpSocket::options`](crate::UdpSocket::options).
    pub fn multicast_loop_v6(&self) -> io::Result<bool> {
        self.socket.multicast_loop_v6()
    }

    /// As [`UdpSocket::set_multicast_loop_v4`].
    ///
    /// # Errors
    /// Those of [`UdpSocket::options`](crate::UdpSocket::options).
    pub fn set_multicast_loop_v6(&self, on: bool) -> io::Result<()> {
        self.socket.set_multicast_loop_v6(on)
    }

    /// Joins a group; see [`UdpSocket::join_multicast_v4`](crate::UdpSocket::join_multicast_v4).
    ///
    /// # Errors
    /// Those of [`UdpSocket::join_multicast_v4`](crate::UdpSocket::join_multicast_v4).
    pub fn join_multicast_v4(&self, group: &Ipv4Addr, interface: &Ipv4Addr) -> io::Result<()> {
        self.socket.join_multicast_v4(*group, *interface)
    }

    /// Leaves a group; see [`UdpSocket::leave_multicast_v4`](crate::UdpSocket::leave_multicast_v4).
    ///
    /// # Errors
    /// Those of [`UdpSocket::leave_multicast_v4`](crate::UdpSocket::leave_multicast_v4).
    pub fn leave_multicast_v4(&self, group: &Ipv4Addr, interface: &Ipv4Addr) -> io::Result<()> {
        self.socket.leave_multicast_v4(*group, *interface)
    }

    /// Joins a group; see [`UdpSocket::join_multicast_v6`](crate::UdpSocket::join_multicast_v6).
    ///
    /// # Errors
    /// Those of [`UdpSocket::join_multicast_v6`](crate::UdpSocket::join_multicast_v6).
    pub fn join_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.socket.join_multicast_v6(group, interface)
    }

    /// Leaves a group; see [`UdpSocket::leave_multicast_v6`](crate::UdpSocket::leave_multicast_v6).
    ///
    /// # Errors
    /// Those of [`UdpSocket::leave_multicast_v6`](crate::UdpSocket::leave_multicast_v6).
    pub fn leave_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.socket.leave_multicast_v6(group, interface)
    }

    /// Lets operations fail with [`WouldBlock`](io::ErrorKind::WouldBlock) rather than block.
    ///
    /// # Errors
    /// None.
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.patience.set_nonblocking(nonblocking);
        Ok(())
    }

    /// Lets receiving fail with [`WouldBlock`](io::ErrorKind::WouldBlock) after some time; `None`: never.
    ///
    /// # Errors
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for a timeout of zero.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        Patience::set(&self.patience.read, timeout)
    }

    /// Lets sending fail with [`WouldBlock`](io::ErrorKind::WouldBlock) after some time; `None`: never.
    ///
    /// # Errors
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for a timeout of zero.
    pub fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        Patience::set(&self.patience.write, timeout)
    }

    /// How long receiving may block.
    ///
    /// # Errors
    /// None.
    pub fn read_timeout(&self) -> io::Result<Option<Duration>> {
        Ok(*lock(&self.patience.read))
    }

    /// How long sending may block.
    ///
    /// # Errors
    /// None.
    pub fn write_timeout(&self) -> io::Result<Option<Duration>> {
        Ok(*lock(&self.patience.write))
    }
}
