//! A listener for [`axum::serve`].

use std::io;
use std::net::SocketAddr;

use super::{TcpListener, TcpStream};

/// `axum::serve(listener, router)`, as with tokio's listener. axum runs its connections as tasks of tokio's
/// runtime, so it has to be called within one.
impl axum::serve::Listener for TcpListener {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        match TcpListener::accept(self).await {
            Ok(accepted) => accepted,
            // The host has shut down: no connection comes any more.
            Err(_) => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        TcpListener::local_addr(self)
    }
}
