//! Opening connections.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use fathom_record::TcpStateName;
use fathom_stack::{TcpConnect, TcpOptions};

use super::{Connection, TcpListener, TcpStream};
use crate::Host;
use crate::error::Failed;
use crate::socket::Socket;
use crate::wakers::Interest;

/// A connection attempt. Dropping it before it completes gives the attempt up, with a reset if the peer
/// may have heard of it.
#[must_use = "a future does nothing unless it is awaited"]
#[derive(Debug)]
pub(crate) struct Connect {
    /// `None` when it has completed.
    connection: Option<Connection>,
}

impl Connect {
    pub(crate) fn start(
        host: &Host,
        local: Option<SocketAddr>,
        remote: SocketAddr,
        options: TcpOptions,
    ) -> io::Result<Connect> {
        let socket = Socket::open(host, |stack, now| {
            let connect = TcpConnect { remote, local, options };
            stack.tcp_connect(now, connect).map_err(|error| Failed::connect(error, remote))
        })?;
        Ok(Connect { connection: Some(Connection::new(socket)?) })
    }
}

impl Future for Connect {
    type Output = io::Result<TcpStream>;

    /// # Panics
    /// When it is polled after it has completed.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let connection = self.connection.as_ref().expect("not polled after it has completed");
        let result = ready!(connection.poll(cx, Interest::Write, |tcp| {
            if let Some(error) = tcp.take_error() {
                return Err(connection.failed(error));
            }
            match tcp.state() {
                TcpStateName::SynSent | TcpStateName::SynReceived => Err(io::ErrorKind::WouldBlock.into()),
                TcpStateName::Closed => Err(io::ErrorKind::ConnectionAborted.into()),
                _ => Ok(()),
            }
        }));
        let connection = self.connection.take().expect("it was there above");
        Poll::Ready(result.map(|()| TcpStream::new(connection)))
    }
}

impl Drop for Connect {
    fn drop(&mut self) {
        if let Some(connection) = &self.connection {
            connection.abort();
        }
    }
}

/// A TCP socket that is neither connected nor listening yet, for what has to be said before.
#[derive(Clone, Debug)]
pub struct TcpSocket {
    host: Host,
    local: Option<SocketAddr>,
    options: TcpOptions,
}

impl TcpSocket {
    /// A socket of `host`.
    pub fn new(host: &Host) -> TcpSocket {
        TcpSocket { host: host.clone(), local: None, options: TcpOptions::default() }
    }

    /// Sets this end's address. An unspecified address or port 0 leaves that part to the host. Whether the
    /// address can be had is told when the socket connects or listens.
    #[must_use]
    pub fn bind(mut self, local: SocketAddr) -> TcpSocket {
        self.local = Some(local);
        self
    }

    /// Sends short segments at once, from the start.
    #[must_use]
    pub fn nodelay(mut self, nodelay: bool) -> TcpSocket {
        self.options.nodelay = nodelay;
        self
    }

    /// Sets all choices that the engine offers for a connection: buffers, timeouts, options on the wire.
    #[must_use]
    pub fn options(mut self, options: TcpOptions) -> TcpSocket {
        self.options = options;
        self
    }

    /// Connects it. Dropping the future gives the attempt up.
    ///
    /// # Errors
    /// As [`TcpStream::connect`]; and [`AddrInUse`](io::ErrorKind::AddrInUse) or
    /// [`AddrNotAvailable`](io::ErrorKind::AddrNotAvailable) for the address it is bound to.
    pub async fn connect(self, to: SocketAddr) -> io::Result<TcpStream> {
        Connect::start(&self.host, self.local, to, self.options)?.await
    }

    /// Listens. Up to `backlog` connections wait to be accepted. Without [`TcpSocket::bind`] it listens at
    /// all IPv4 addresses, at a port that the host chooses.
    ///
    /// # Errors
    /// As [`TcpListener::bind`].
    pub fn listen(self, backlog: usize) -> io::Result<TcpListener> {
        let local = self.local.unwrap_or_else(|| (Ipv4Addr::UNSPECIFIED, 0).into());
        TcpListener::listen(&self.host, local, backlog, self.options)
    }
}
