//! TCP sockets.

#[cfg(feature = "axum")]
mod axum;
mod connect;
mod connection;
mod halves;
mod listener;
mod options;
mod socket;
mod stream;

pub use halves::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
pub use listener::{Incoming, IncomingListener, TcpListener};
pub use socket::TcpSocket;
pub use stream::TcpStream;

use connect::Connect;
use connection::Connection;
