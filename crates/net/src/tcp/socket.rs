//! A TCP socket before it is connected or listens.

mod options;

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Mutex;

use fathom_stack::{TcpListen, TcpOptions};

use super::{Connect, TcpListener, TcpStream};
use crate::sync::lock;
use crate::{Family, Host};

/// A TCP socket that is neither connected nor listening yet, for what has to be said before.
///
/// ```no_run
/// use fathom_net::{Host, TcpSocket, TcpStream};
///
/// async fn connect(host: &Host) -> std::io::Result<TcpStream> {
///     let socket = TcpSocket::new_v4(host)?;
///     socket.set_nodelay(true)?;
///     socket.bind("192.0.2.2:0".parse().unwrap())?;
///     socket.connect("192.0.2.7:80".parse().unwrap()).await
/// }
/// ```
#[derive(Debug)]
pub struct TcpSocket {
    host: Host,
    family: Family,
    settings: Mutex<Settings>,
}

#[derive(Clone, Default, Debug)]
struct Settings {
    local: Option<SocketAddr>,
    options: TcpOptions,
    only_v6: bool,
    reuse_port: bool,
}

impl TcpSocket {
    /// A socket of `host` for IPv4.
    ///
    /// # Errors
    /// None.
    pub fn new_v4(host: &Host) -> io::Result<TcpSocket> {
        Ok(TcpSocket::new(host, Family::V4))
    }

    /// A socket of `host` for IPv6.
    ///
    /// # Errors
    /// None.
    pub fn new_v6(host: &Host) -> io::Result<TcpSocket> {
        Ok(TcpSocket::new(host, Family::V6))
    }

    fn new(host: &Host, family: Family) -> TcpSocket {
        TcpSocket { host: host.clone(), family, settings: Mutex::default() }
    }

    /// The host that it is on.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Sets this end's address. An unspecified address or port 0 leaves that part to the host, which chooses
    /// when the socket connects or listens.
    ///
    /// # Errors
    /// [`AddrNotAvailable`](io::ErrorKind::AddrNotAvailable) when the address is none of the host's,
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) when it is of the other family or the socket is bound.
    /// Whether the port is taken is told when the socket connects or listens.
    pub fn bind(&self, local: SocketAddr) -> io::Result<()> {
        self.check_family(local)?;
        let ip = local.ip().to_canonical();
        let is_ours = ip.is_unspecified() || self.host.stack(|stack, _| stack.is_local(ip));
        if !is_ours {
            let message = format!("{ip} is no address of {}", self.host.name());
            return Err(io::Error::new(io::ErrorKind::AddrNotAvailable, message));
        }
        let mut settings = lock(&self.settings);
        if let Some(bound) = settings.local {
            let message = format!("the socket is bound to {bound}");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        settings.local = Some(local);
        Ok(())
    }

    /// The address that it is bound to: unspecified, and port 0, where that is left to the host.
    ///
    /// # Errors
    /// None.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(lock(&self.settings).local.unwrap_or_else(|| self.unspecified()))
    }

    /// Connects it. Dropping the future gives the attempt up.
    ///
    /// # Errors
    /// As [`TcpStream::connect`]; [`AddrInUse`](io::ErrorKind::AddrInUse) when the address it is bound to is
    /// taken; [`InvalidInput`](io::ErrorKind::InvalidInput) when `to` is of the other family.
    pub async fn connect(self, to: SocketAddr) -> io::Result<TcpStream> {
        self.check_family(to)?;
        let Settings { local, options, .. } = self.settings();
        Connect::start(&self.host, local, to, options)?.await
    }

    /// Listens. Up to `backlog` connections wait to be accepted. Without [`TcpSocket::bind`] it listens at
    /// all addresses of its family, at a port that the host chooses. A socket for IPv6 that listens at `[::]`
    /// takes IPv4 too, unless [`TcpSocket::set_only_v6`] says otherwise.
    ///
    /// # Errors
    /// As [`TcpListener::bind`].
    pub fn listen(self, backlog: u32) -> io::Result<TcpListener> {
        let Settings { local, options, only_v6, reuse_port } = self.settings();
        let local = local.unwrap_or_else(|| self.unspecified());
        let backlog = backlog as usize;
        let listen = TcpListen { backlog, only_v6, reuse_port, options, ..TcpListen::at(local) };
        TcpListener::listen(&self.host, listen)
    }

    /// The error that waits to be reported: never one before the socket is connected.
    ///
    /// # Errors
    /// None.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        Ok(None)
    }

    fn settings(&self) -> Settings {
        lock(&self.settings).clone()
    }

    fn unspecified(&self) -> SocketAddr {
        match self.family {
            Family::V4 => (Ipv4Addr::UNSPECIFIED, 0).into(),
            Family::V6 => (Ipv6Addr::UNSPECIFIED, 0).into(),
        }
    }

    fn check_family(&self, address: SocketAddr) -> io::Result<()> {
        if Family::of(address.ip()) == self.family {
            return Ok(());
        }
        let message = format!("{address}: the socket is for the other family of addresses");
        Err(io::Error::new(io::ErrorKind::InvalidInput, message))
    }
}
