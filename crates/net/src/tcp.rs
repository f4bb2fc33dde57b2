//! TCP sockets.

mod connect;
mod connection;
mod halves;
mod listener;
mod stream;

pub use connect::TcpSocket;
pub use halves::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
pub use listener::{Incoming, IncomingListener, TcpListener};
pub use stream::TcpStream;

use connect::Connect;
use connection::Connection;
