//! UDP sockets that block.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

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
