//! Opening connections.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use fathom_record::TcpStateName;
use fathom_stack::{TcpConnect, TcpId, TcpOptions};

use super::{Connection, TcpStream};
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
        Connect::from_handle(socket)
    }

    /// Waits for a connection that the stack is opening.
    pub(crate) fn from_handle(socket: Socket<TcpId>) -> io::Result<Connect> {
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
