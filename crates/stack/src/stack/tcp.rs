//! TCP connections and listeners, by handle.

mod choices;

use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use bytes::Bytes;
use fathom_record::{FlowId, TcpStateName};
use fathom_wire::Instant;

use super::{Parts, Stack};
use crate::context::Context;
use crate::event::Readiness;
use crate::interface::InterfaceId;
use crate::internet::transmit as internet_transmit;
use crate::socket::{ListenerId, TcpId};
use crate::transport::mapped;
use crate::transport::tcp::{
    ConnectError, Connection, Decision, Incoming, IncomingId, ListenAt, TcpConnect, TcpError, TcpInfo,
    TcpListen, TcpOptions,
};
use crate::transport::udp::BindError;

impl Stack {
    /// Begins a connection. [`Readiness::CONNECTED`] tells when it stands, and
    /// [`Readiness::ERROR`] when it does not come about.
    ///
    /// # Errors
    /// [`ConnectError`] when there is no route, no such local address, no free port, or the same connection
    /// already.
    pub fn tcp_connect(&mut self, now: Instant, connect: TcpConnect) -> Result<TcpId, ConnectError> {
        let TcpConnect { remote, local, mut options } = connect;
        let (remote, local, maps) = unmapped(remote, local);
        let zone = scope_id(remote);
        if zone != 0 && options.interface.is_none() {
            options.interface = InterfaceId::from_scope_id(zone, self.internet.interfaces.len());
        }
        let scope = options.interface.map_or(zone, InterfaceId::scope_id);
        // RFC 9293 3.9.2.3, MUST-46: no connection to a group, to a whole link or to nobody. Port 0 is nobody's either.
        let nobody = remote.ip().is_unspecified() || remote.ip().is_multicast() || remote.port() == 0;
        let many = self.is_broadcast(remote.ip(), scope);
        if nobody || many || local.is_some_and(|local| local.is_ipv4() != remote.is_ipv4()) {
            return Err(ConnectError::NoRoute);
        }
        let address = match local.map(|local| local.ip()).filter(|ip| !ip.is_unspecified()) {
            Some(address) if !self.is_local(address) => return Err(ConnectError::AddressNotAvailable),
            Some(address) => {
                self.check_route(address, remote.ip(), scope).map_err(|_| ConnectError::NoRoute)?;
                address
            }
            None => self.select_source(remote.ip(), scope).map_err(|_| ConnectError::NoRoute)?,
        };
        let port = local.map_or(0, |local| local.port());
        let Parts { mut cx, transports, .. } = self.parts(now);
        let id = transports.tcp.connect(&mut cx, (address, port), remote, options)?;
        if maps {
            transports.tcp.with(&mut cx, id, |connection, _| connection.set_mapped());
        }
        Ok(id)
    }

    /// Begins to listen. A listener for a network has something to do once that is
    /// [routed here](Stack::add_local_prefix), be it before or after.
    ///
    /// # Errors
    /// [`BindError`] when the address is taken or not ours, or all ports are.
    pub fn tcp_listen(&mut self, now: Instant, listen: TcpListen) -> Result<ListenerId, BindError> {
        if let ListenAt::Socket(at) = listen.local
            && !at.ip().to_canonical().is_unspecified()
            && !self.is_local(at.ip().to_canonical())
        {
            return Err(BindError::AddressNotAvailable);
        }
        let Parts { cx, transports, .. } = self.parts(now);
        transports.tcp.listen(&cx, listen)
    }

    /// The address and port of a listener, that of the network and 0 for one of a whole network; `None` when the
    /// handle is stale.
    pub fn tcp_listener_local(&self, id: ListenerId) -> Option<SocketAddr> {
        self.transports.tcp.listener_local(id)
    }

    /// What the connections of a listener begin with; `None` when the handle is stale.
    pub fn tcp_listener_options(&self, id: ListenerId) -> Option<&TcpOptions> {
        self.transports.tcp.listener_options(id)
    }

    /// Changes what later connections of a listener begin with. What SYN-ACKs say stays as it was when the
    /// listener was opened: receive buffer, largest segment, timestamps, window scaling and SACK. No effect when
    /// the handle is stale.
    pub fn tcp_change_listener(&mut self, id: ListenerId, change: impl FnOnce(&mut TcpOptions)) {
        self.transports.tcp.change_listener(id, change);
    }

    /// How many established connections wait at a listener; `None` when the handle is stale.
    pub fn tcp_listener_waiting(&self, id: ListenerId) -> Option<usize> {
        self.transports.tcp.listener_waiting(id)
    }

    /// Changes how many established connections may wait at a listener ([`TcpListen::backlog`]). Those that wait
    /// already stay. No effect when the handle is stale.
    pub fn tcp_set_backlog(&mut self, id: ListenerId, backlog: usize) {
        self.transports.tcp.set_backlog(id, backlog);
    }

    /// The established connection that has waited longest at a listener.
    pub fn tcp_accept(&mut self, _now: Instant, id: ListenerId) -> Option<TcpId> {
        self.transports.tcp.accept(id)
    }

    /// The connection attempt that has waited longest for a decision, at a listener that
    /// [decides](TcpListen::decide). Each is given once.
    pub fn tcp_incoming(&mut self, id: ListenerId) -> Option<Incoming> {
        self.transports.tcp.incoming(id)
    }

    /// Decides about a connection attempt. No effect when the attempt is gone.
    pub fn tcp_decide(&mut self, now: Instant, id: IncomingId, decision: Decision) {
        let mut parts = self.parts(now);
        if let Some(answer) = parts.transports.tcp.decide(&mut parts.cx, id, decision) {
            parts.send(answer, None);
        }
    }

    /// Accepts a connection attempt, and gives its connection at once, in SYN-RECEIVED, rather than when the
    /// handshake is complete and to whoever [accepts](Stack::tcp_accept) next: what a proxy wants that has
    /// something to go with it. [`Readiness::CONNECTED`] tells when it stands, and [`Readiness::ERROR`] when
    /// the peer goes away before.
    ///
    /// `None` when the attempt is gone, or there are as many connections as there may be.
    pub fn tcp_accept_incoming(&mut self, now: Instant, id: IncomingId) -> Option<TcpId> {
        let Parts { mut cx, transports, .. } = self.parts(now);
        transports.tcp.accept_incoming(&mut cx, id)
    }

    /// Ends a listener. Connections that nobody has accepted are reset. No effect when the handle is stale.
    pub fn tcp_close_listener(&mut self, now: Instant, id: ListenerId) {
        let Parts { mut cx, transports, .. } = self.parts(now);
        transports.tcp.close_listener(&mut cx, id);
    }

    /// A connection, to use it; `None` when the handle is stale. A connection that has ended keeps its
    /// handle until [`Tcp::close`].
    pub fn tcp(&mut self, now: Instant, id: TcpId) -> Option<Tcp<'_>> {
        self.transports.tcp.get(id)?;
        Some(Tcp { stack: self, now, id })
    }
}

/// [`Stack::tcp`] has looked; while it is borrowed only [`Tcp::close`] removes it, which takes the borrow.
const EXISTS: &str = "a borrowed connection exists";

/// A TCP connection of a stack, borrowed to use it.
///
/// What is written is taken over at once, and sent when the device asks for it. Every operation returns at
/// once: where it cannot do anything yet it answers [`TcpError::WouldBlock`], and an
/// [`Event`](crate::Event) tells when that changes.
#[derive(Debug)]
pub struct Tcp<'a> {
    stack: &'a mut Stack,
    now: Instant,
    id: TcpId,
}

impl Tcp<'_> {
    /// Changes the connection and draws the consequences.
    fn with<R>(&mut self, change: impl FnOnce(&mut Connection, &mut Context<'_>) -> R) -> R {
        let Parts { mut cx, transports, .. } = self.stack.parts(self.now);
        transports.tcp.with(&mut cx, self.id, change).expect(EXISTS)
    }

    fn connection(&self) -> &Connection {
        self.stack.transports.tcp.get(self.id).expect(EXISTS)
    }

    /// Writes `data`, or as much of the start of it as there is room for, and gives how much that is. Copies
    /// it once.
    ///
    /// # Errors
    /// [`TcpError::WouldBlock`] without room or before the connection stands; [`TcpError::BrokenPipe`] after
    /// [`shutdown`](Tcp::shutdown) or the end of the connection. What ended it comes first, once.
    pub fn send(&mut self, data: &[u8]) -> Result<usize, TcpError> {
        self.with(|connection, cx| connection.send(cx, data))
    }

    /// Hands `data` over, or as much of the start of it as there is room for, and gives how much that is. From
    /// 2 KiB on nothing is copied: segments refer to the memory of `data` until it is acknowledged.
    ///
    /// # Errors
    /// As [`send`](Tcp::send).
    pub fn send_bytes(&mut self, data: Bytes) -> Result<usize, TcpError> {
        self.with(|connection, cx| connection.send_bytes(cx, data))
    }

    /// How many bytes could be written at once.
    pub fn send_capacity(&self) -> usize {
        let shared = &self.stack.shared;
        self.connection().send_capacity(&shared.config.tcp, &shared.memory)
    }

    /// Reads into `out`, and gives how much; 0 is the end of the peer's data.
    ///
    /// # Errors
    /// [`TcpError::WouldBlock`] when nothing is there yet. What ended the connection comes once, after the
    /// data that had arrived before; then the end.
    pub fn recv(&mut self, out: &mut [u8]) -> Result<usize, TcpError> {
        self.with(|connection, cx| connection.recv(cx, out))
    }

    /// Takes up to `max` bytes without a copy, as many as lie in one piece; none at the end of the peer's
    /// data.
    ///
    /// # Errors
    /// As [`recv`](Tcp::recv).
    pub fn recv_bytes(&mut self, max: usize) -> Result<Bytes, TcpError> {
        self.with(|connection, cx| connection.recv_bytes(cx, max))
    }

    /// Reads into `out` without removing it.
    ///
    /// # Errors
    /// As [`recv`](Tcp::recv).
    pub fn peek(&mut self, out: &mut [u8]) -> Result<usize, TcpError> {
        self.with(|connection, _| connection.peek(out))
    }

    /// How many bytes could be read at once.
    pub fn available(&self) -> usize {
        self.connection().available()
    }

    /// What the connection is ready for at this moment. Nothing is taken by asking. A program that hears that
    /// it cannot write is told by an [`Event`](crate::Event) when it can.
    pub fn readiness(&mut self) -> Readiness {
        self.with(|connection, cx| connection.readiness(cx))
    }

    /// Ends our data: a FIN follows the last of it. The peer may go on. Doing so again does nothing.
    ///
    /// # Errors
    /// [`TcpError::NotConnected`] before the connection stands and after it has ended.
    pub fn shutdown(&mut self) -> Result<(), TcpError> {
        self.with(|connection, cx| connection.shutdown(cx))
    }

    /// Ends the connection with a reset. What was not delivered is lost, both ways. The handle stays until
    /// [`close`](Tcp::close).
    pub fn abort(&mut self) {
        self.with(|connection, cx| connection.abort(cx));
    }

    /// Gives the handle back. What was written is still delivered and the connection then closed in order;
    /// with data unread it is reset instead, so that the peer learns of the loss (RFC 9293 3.6.1).
    pub fn close(mut self) {
        self.with(|connection, cx| connection.let_go(cx));
    }

    /// Our address and port.
    pub fn local(&self) -> SocketAddr {
        self.connection().local()
    }

    /// The peer's address and port.
    pub fn remote(&self) -> SocketAddr {
        self.connection().remote()
    }

    /// The state of RFC 9293 3.3.2.
    pub fn state(&self) -> TcpStateName {
        self.connection().state_name()
    }

    /// The connection at this moment.
    pub fn info(&self) -> TcpInfo {
        let shared = &self.stack.shared;
        self.connection().info(self.now, &shared.config.tcp, &shared.memory)
    }

    /// The largest packet, IP header included, that reaches the peer as far as is known (RFC 1191, RFC 8201);
    /// `None` when no route leads there.
    pub fn path_mtu(&self) -> Option<usize> {
        let (local, remote) = (self.local().ip().to_canonical(), self.remote().ip().to_canonical());
        let internet = &self.stack.internet;
        let hop = internet_transmit::route(internet, Some(local), remote, self.interface())?;
        Some(internet.path_mtus.get(self.now, remote, internet.interface(hop.interface).mtu))
    }

    /// Takes the error that ended the connection, or kept it from standing.
    pub fn take_error(&mut self) -> Option<TcpError> {
        self.with(|connection, _| connection.take_error())
    }

    /// The number under which records know the connection.
    pub fn flow(&self) -> FlowId {
        self.connection().flow()
    }
}

/// The ends of a connection that is to be opened, with IPv4 addresses in IPv6 form in their own form, and
/// whether there were such.
fn unmapped(remote: SocketAddr, local: Option<SocketAddr>) -> (SocketAddr, Option<SocketAddr>, bool) {
    let Some(remote) = mapped::unmap(remote) else { return (remote, local, false) };
    let local = local.map(|local| match local.ip() {
        // The unspecified address of IPv6 stands for that of IPv4 as well.
        IpAddr::V6(v6) if v6.is_unspecified() => SocketAddr::from((Ipv4Addr::UNSPECIFIED, local.port())),
        _ => mapped::unmap(local).unwrap_or(local),
    });
    (remote, local, true)
}

/// The zone index of a socket address, 0 for none.
fn scope_id(address: SocketAddr) -> u32 {
    match address {
        SocketAddr::V4(_) => 0,
        SocketAddr::V6(v6) => v6.scope_id(),
    }
}
