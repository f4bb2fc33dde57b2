//! Accepting connections.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll, ready};

use fathom_stack::{Decision, IncomingId, IpCidr, ListenAt, ListenerId, TcpId, TcpListen, TcpOptions};

use super::connect::Connect;
use super::options::hop_limit;
use super::{Connection, TcpStream};
use crate::Host;
use crate::error::{Failed, not_connected};
use crate::socket::Socket;
use crate::wakers::Interest;

/// Connections that wait at a listener, unless [`TcpSocket::listen`](super::TcpSocket::listen) says otherwise.
const BACKLOG: usize = 128;

/// Accepts TCP connections. Dropping it resets those that wait to be accepted.
#[derive(Debug)]
pub struct TcpListener {
    socket: Socket<ListenerId>,
    local: SocketAddr,
}

impl TcpListener {
    /// Listens at an address of `host`: an unspecified one means all of them, port 0 lets the host choose.
    ///
    /// # Errors
    /// [`AddrInUse`](io::ErrorKind::AddrInUse) when another socket listens there,
    /// [`AddrNotAvailable`](io::ErrorKind::AddrNotAvailable) when the address is none of the host's.
    pub async fn bind(host: &Host, at: SocketAddr) -> io::Result<TcpListener> {
        TcpListener::bind_now(host, at)
    }

    pub(crate) fn bind_now(host: &Host, at: SocketAddr) -> io::Result<TcpListener> {
        TcpListener::listen(host, TcpListen { backlog: BACKLOG, ..TcpListen::at(at) })
    }

    pub(crate) fn listen(host: &Host, listen: TcpListen) -> io::Result<TcpListener> {
        let (socket, local) = open(host, listen)?;
        Ok(TcpListener { socket, local })
    }

    /// The address it listens at.
    ///
    /// # Errors
    /// None.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.local)
    }

    /// What its connections begin with.
    ///
    /// # Errors
    /// None, as long as the host's stack knows the listener.
    pub fn options(&self) -> io::Result<TcpOptions> {
        let options = self.socket.look(|stack, _, id| stack.tcp_listener_options(id).cloned());
        options.ok_or_else(not_connected)
    }

    /// Changes what later connections begin with. What the handshake says stays as it was when the listener
    /// was opened: receive buffer, largest segment, timestamps, window scaling and SACK.
    ///
    /// # Errors
    /// None.
    pub fn set_options(&self, change: impl FnOnce(&mut TcpOptions)) -> io::Result<()> {
        self.socket.look(|stack, _, id| stack.tcp_change_listener(id, change));
        Ok(())
    }

    /// Sets the hop limit of later connections, which IPv4 calls time to live: 1 to 255.
    ///
    /// # Errors
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for another number.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        let hop_limit = hop_limit(ttl)?;
        self.set_options(|options| options.hop_limit = Some(hop_limit))
    }

    /// The hop limit of later connections.
    ///
    /// # Errors
    /// As [`TcpListener::options`].
    pub fn ttl(&self) -> io::Result<u32> {
        let set = self.options()?.hop_limit;
        Ok(set.unwrap_or_else(|| self.host().stack(|stack, _| stack.config().hop_limit)).into())
    }

    /// The error that waits to be reported: none ever does at a listener.
    ///
    /// # Errors
    /// None.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        Ok(None)
    }

    /// The next connection, and the peer's address. Dropping the future loses no connection.
    ///
    /// # Errors
    /// [`NetworkDown`](io::ErrorKind::NetworkDown) when the host shuts down.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    /// The next connection, if one waits.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) when none does.
    pub fn try_accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let id = self.socket.act(|stack, now, id| {
            stack.tcp_accept(now, id).ok_or_else(|| io::Error::from(io::ErrorKind::WouldBlock))
        })?;
        self.accepted(id)
    }

    /// The host that it listens on.
    pub fn host(&self) -> &Host {
        &self.socket.host
    }

    /// The next connection, as [`TcpListener::accept`]. Any number of tasks may wait.
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        let id = ready!(self.socket.poll(cx, Interest::Read, |stack, now, id| {
            stack.tcp_accept(now, id).ok_or_else(|| io::ErrorKind::WouldBlock.into())
        }))?;
        Poll::Ready(self.accepted(id))
    }

    fn accepted(&self, id: TcpId) -> io::Result<(TcpStream, SocketAddr)> {
        let connection = Connection::new(self.socket.sibling(id))?;
        let remote = connection.remote();
        Ok((TcpStream::new(connection), remote))
    }
}

impl Drop for TcpListener {
    fn drop(&mut self) {
        self.socket.close(|stack, now, id| stack.tcp_close_listener(now, id));
    }
}

/// Decides about each connection attempt before it is answered.
///
/// With [`IncomingListener::any`] it takes every address and port of a network that is
/// [routed to the host](Host::add_local_prefix), and each attempt tells where it wanted to go: all that a
/// transparent proxy needs.
///
/// ```no_run
/// # use fathom_net::{Host, IncomingListener, InterfaceId, IpCidr};
/// # async fn proxy(host: Host, tun: InterfaceId, outside: Host) -> std::io::Result<()> {
/// host.add_local_prefix(tun, IpCidr::IPV4_ANY)?;
/// let listener = IncomingListener::any(&host, IpCidr::IPV4_ANY)?;
/// loop {
///     let incoming = listener.incoming().await?;
///     let outside = outside.clone();
///     host.spawn(async move {
///         let Ok(mut upstream) = outside.tcp_connect(incoming.destination()).await else {
///             return incoming.refuse();
///         };
///         if let Ok(mut stream) = incoming.accept().await {
///             let _ = tokio::io::copy_bidirectional(&mut stream, &mut upstream).await;
///         }
///     });
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct IncomingListener {
    listener: TcpListener,
}

impl IncomingListener {
    /// Listens at an address of `host`, as [`TcpListener::bind`].
    ///
    /// # Errors
    /// As [`TcpListener::bind`].
    pub fn bind(host: &Host, at: SocketAddr, backlog: usize) -> io::Result<IncomingListener> {
        IncomingListener::listen(host, TcpListen { backlog, decide: true, ..TcpListen::at(at) })
    }

    /// Listens at every port of every address in `network`, for which packets come once it is
    /// [routed to the host](Host::add_local_prefix). Other listeners come first, and so do the host's own
    /// addresses.
    ///
    /// # Errors
    /// [`AddrInUse`](io::ErrorKind::AddrInUse) when another listens at the same network.
    pub fn any(host: &Host, network: IpCidr) -> io::Result<IncomingListener> {
        IncomingListener::listen(host, TcpListen::any(network))
    }

    /// Listens as `listen` says, which asks for decisions whatever it says about that.
    ///
    /// # Errors
    /// As [`TcpListener::bind`].
    pub fn listen(host: &Host, listen: TcpListen) -> io::Result<IncomingListener> {
        let (socket, local) = open(host, TcpListen { decide: true, ..listen })?;
        Ok(IncomingListener { listener: TcpListener { socket, local } })
    }

    /// The next attempt that wants a decision. Dropping the future loses none.
    ///
    /// # Errors
    /// [`NetworkDown`](io::ErrorKind::NetworkDown) when the host shuts down.
    pub async fn incoming(&self) -> io::Result<Incoming> {
        let socket = &self.listener.socket;
        let incoming = poll_fn(|cx| {
            socket.poll(cx, Interest::Read, |stack, _, id| {
                stack.tcp_incoming(id).ok_or_else(|| io::ErrorKind::WouldBlock.into())
            })
        })
        .await?;
        let (id, source, destination) = (incoming.id, incoming.source, incoming.destination);
        let socket = socket.sibling(socket.id);
        Ok(Incoming { socket, id, source, destination, decision: Decision::Ignore })
    }

    /// Where connections come out that were [admitted](Incoming::admit), once they are established.
    pub fn listener(&self) -> &TcpListener {
        &self.listener
    }
}

/// A connection attempt that waits for a decision. Dropped without one it is ignored, and the peer tries
/// again. An attempt of a listener that is gone is gone, too.
#[must_use = "a connection attempt wants a decision"]
#[derive(Debug)]
pub struct Incoming {
    socket: Socket<ListenerId>,
    id: IncomingId,
    source: SocketAddr,
    destination: SocketAddr,
    decision: Decision,
}

impl Incoming {
    /// Who wants to connect.
    pub fn source(&self) -> SocketAddr {
        self.source
    }

    /// To which address, as the peer wrote it.
    pub fn destination(&self) -> SocketAddr {
        self.destination
    }

    /// Goes on with the handshake, and gives the connection once it stands. Its
    /// [`local_addr`](TcpStream::local_addr) is [`destination`](Incoming::destination). Nothing is answered
    /// before the future is polled; dropping it after that resets the connection.
    ///
    /// # Errors
    /// [`ConnectionAborted`](io::ErrorKind::ConnectionAborted) when the peer has given up before, or the host
    /// has as many connections as it may have; what ends the handshake otherwise.
    pub async fn accept(self) -> io::Result<TcpStream> {
        let id = self.socket.act(|stack, now, _| stack.tcp_accept_incoming(now, self.id));
        let Some(id) = id else { return Err(io::ErrorKind::ConnectionAborted.into()) };
        Connect::from_handle(self.socket.sibling(id))?.await
    }

    /// Goes on with the handshake. The connection comes out of [`IncomingListener::listener`], beside others.
    pub fn admit(mut self) {
        self.decision = Decision::Accept;
    }

    /// Answers with a reset.
    pub fn refuse(mut self) {
        self.decision = Decision::Refuse;
    }

    /// Answers nothing.
    pub fn ignore(self) {
        // What happens without a decision.
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        self.socket.act(|stack, now, _| stack.tcp_decide(now, self.id, self.decision));
    }
}

fn open(host: &Host, listen: TcpListen) -> io::Result<(Socket<ListenerId>, SocketAddr)> {
    let at = match listen.local {
        ListenAt::Socket(at) => at,
        ListenAt::Network(network) => SocketAddr::new(network.address(), 0),
    };
    let socket = Socket::open(host, |stack, now| {
        stack.tcp_listen(now, listen).map_err(|error| Failed::bind(error, at))
    })?;
    let local = socket.look(|stack, _, id| stack.tcp_listener_local(id)).ok_or_else(not_connected)?;
    Ok((socket, local))
}
