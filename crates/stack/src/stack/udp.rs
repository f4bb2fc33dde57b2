//! UDP sockets, by handle.

mod groups;
mod message;

use core::net::{IpAddr, SocketAddr};

use fathom_wire::{Ecn, Instant, UdpHeader};

use super::{Stack, Unroutable};
use crate::interface::InterfaceId;
use crate::internet::transmit::{Hop, route};
use crate::packet::ip_header_len;
use crate::socket::{SocketId, UdpId};
use crate::transport::udp::{
    BindError, Datagram, MAX_DATA, MAX_SEGMENTS, PathMtuDiscovery, UdpBind, UdpError, UdpErrorReport,
    UdpOptions, UdpSocket, shown,
};

pub use groups::GroupError;
pub use message::{ReceivedDatagram, RecvMeta, SendDatagram};

impl Stack {
    /// Makes a UDP socket. With port 0 it gets a free one; with an unspecified address it takes datagrams to
    /// any address of ours of that family, and `[::]` those to IPv4 addresses as well.
    ///
    /// # Errors
    /// [`BindError`] when the address is taken or not ours, or all ports are.
    pub fn udp_bind(&mut self, now: Instant, local: SocketAddr) -> Result<UdpId, BindError> {
        self.udp_bind_with(now, UdpBind::at(local))
    }

    /// Makes a UDP socket as `bind` says.
    ///
    /// # Errors
    /// As [`udp_bind`](Stack::udp_bind); [`BindError::NoSuchInterface`].
    pub fn udp_bind_with(&mut self, now: Instant, bind: UdpBind) -> Result<UdpId, BindError> {
        let ip = bind.socket_addr().ip();
        // An IPv4-mapped address is IPv4, which `only_v6` excludes.
        let excluded = bind.only_v6 && bind.local.socket_addr().is_ipv6() && ip.is_ipv4();
        let ours = || ip.is_unspecified() || ip.is_multicast() || self.is_local(ip) || self.is_everybody(ip);
        if excluded || !(bind.network().is_some() || ours()) {
            return Err(BindError::AddressNotAvailable);
        }
        if bind.interface.is_some_and(|id| id.slot() >= self.internet.interfaces.len()) {
            return Err(BindError::NoSuchInterface);
        }
        let mut parts = self.parts(now);
        parts.transports.udp.bind(&mut parts.cx, bind)
    }

    /// A UDP socket, to use it; `None` when the handle is stale.
    pub fn udp(&mut self, now: Instant, id: UdpId) -> Option<Udp<'_>> {
        self.transports.udp.get(id)?;
        Some(Udp { stack: self, now, id })
    }

    /// Whether `address` is everybody's on a link of ours.
    fn is_everybody(&self, address: IpAddr) -> bool {
        self.internet.interface_ids().any(|id| self.internet.is_broadcast(id, address))
    }

    /// The source for a datagram to `to`, unless it is given, and its first hop.
    fn way(&self, source: Option<IpAddr>, to: IpAddr, scope: u32) -> Result<(IpAddr, Hop), UdpError> {
        let source = match source {
            Some(source) => source,
            None => match self.select_source(to, scope) {
                Ok(source) => source,
                // A host without an address asks everybody on a link that it names for one (RFC 2131 4.1).
                Err(Unroutable::NoSource) if to.is_ipv4() && scope != 0 => {
                    core::net::Ipv4Addr::UNSPECIFIED.into()
                }
                Err(error) => return Err(unroutable(error)),
            },
        };
        let via = self.zone(scope).or_else(|| self.default_zone(to).filter(|_| source.is_unspecified()));
        let hop = route(&self.internet, Some(source), to, via).ok_or(UdpError::NetworkUnreachable)?;
        let nobody = source.is_unspecified() && !self.internet.is_broadcast(hop.interface, to);
        if nobody { Err(UdpError::NetworkUnreachable) } else { Ok((source, hop)) }
    }
}

/// A UDP socket of a stack, borrowed to use it.
#[derive(Debug)]
pub struct Udp<'a> {
    stack: &'a mut Stack,
    now: Instant,
    id: UdpId,
}

impl Udp<'_> {
    /// Sends a datagram: it waits in the socket until the device asks for it.
    ///
    /// # Errors
    /// [`UdpError`]; an error that ICMP reported since the last call comes first.
    pub fn send_to(&mut self, data: &[u8], to: SocketAddr) -> Result<usize, UdpError> {
        self.send_msg(&SendDatagram::to(data, to))
    }

    /// Sends a datagram to the peer that the socket is connected to.
    ///
    /// # Errors
    /// As [`send_to`](Udp::send_to); [`UdpError::NotConnected`].
    pub fn send(&mut self, data: &[u8]) -> Result<usize, UdpError> {
        self.send_msg(&SendDatagram::new(data))
    }

    /// Sends a datagram from one of our addresses: a server with several answers from the one that it was
    /// asked at (RFC 8085 5.1.1).
    ///
    /// # Errors
    /// As [`send_to`](Udp::send_to); [`UdpError::BadDestination`] when the source is not ours.
    pub fn send_from(
        &mut self,
        source: Option<IpAddr>,
        data: &[u8],
        to: SocketAddr,
    ) -> Result<usize, UdpError> {
        self.send_msg(&SendDatagram { source, ..SendDatagram::to(data, to) })
    }

    /// Sends a datagram, or several of equal size, as `message` says.
    ///
    /// # Errors
    /// As [`send_from`](Udp::send_from).
    pub fn send_msg(&mut self, message: &SendDatagram<'_>) -> Result<usize, UdpError> {
        if let Some(error) = self.take_error() {
            return Err(error);
        }
        let &SendDatagram { data, to, source, source_port, interface, segment_size, hop_limit, dscp, ecn } =
            message;
        let to = self.destination(to.or(self.remote_plain()).ok_or(UdpError::NotConnected)?)?;
        let segment_size = segment_size.filter(|size| usize::from(size.get()) < data.len());
        if segment_size.is_some_and(|size| data.len().div_ceil(size.get().into()) > MAX_SEGMENTS) {
            return Err(UdpError::TooLarge);
        }
        let socket = self.socket().ok_or(UdpError::NotConnected)?;
        let options = &socket.options;
        let hop_limit = hop_limit.map_or(
            if to.ip().is_multicast() { options.multicast_hop_limit } else { options.hop_limit },
            |limit| limit.max(1),
        );
        let (dscp, ecn) = (dscp.unwrap_or(options.dscp) & 0x3f, ecn.unwrap_or(options.ecn));
        let scope = self.scope(to, interface)?;
        let port = match (socket.bind().network(), source_port) {
            (None, None) => socket.local.port(),
            // Only who is at all of them chooses a port for each datagram. RFC 8085 5.1: port 0 is nobody's.
            (Some(_), Some(port)) if port != 0 => port,
            _ => return Err(UdpError::BadDestination),
        };
        let (source, hop) = self.stack.way(self.source(source, to)?, to.ip(), scope)?;
        self.check(to, &hop, segment_size.map_or(data.len(), |size| size.get().into()))?;

        let (now, id) = (self.now, self.id);
        let mut parts = self.stack.parts(now);
        let socket = parts.transports.udp.get_mut(id).ok_or(UdpError::NotConnected)?;
        let datagram = Datagram {
            remote: to,
            local: SocketAddr::new(source, port),
            scope: if needs_scope(to, scope) { hop.interface.scope_id() } else { scope },
            data: bytes::Bytes::copy_from_slice(data),
            segment_size,
            hop_limit,
            dscp,
            ecn,
            at: now,
        };
        socket.queue(&mut parts.cx, datagram)?;
        parts.cx.sendable.push(SocketId::Udp(id));
        Ok(data.len())
    }

    /// Connects the socket: it sends to `remote` and hears nobody else. A socket that is connected already
    /// leaves its peer for this one.
    ///
    /// # Errors
    /// [`UdpError::NetworkUnreachable`] without a route; [`UdpError::BadDestination`];
    /// [`UdpError::BroadcastDenied`].
    pub fn connect(&mut self, remote: SocketAddr) -> Result<(), UdpError> {
        let to = self.destination(remote)?;
        let socket = self.socket().ok_or(UdpError::NotConnected)?;
        let port = socket.local.port();
        // What an earlier connection chose does not bind this one.
        let bound = socket.bind().socket_addr().ip();
        if socket.bind().network().is_some() {
            return Err(UdpError::BadDestination);
        }
        let scope = self.scope(to, None)?;
        let source = Some(bound).filter(|ip| !ip.is_unspecified());
        let (source, hop) = self.stack.way(source, to.ip(), scope)?;
        self.check_broadcast(to, &hop)?;
        let ends = (SocketAddr::new(source, port), to);
        self.stack.transports.udp.connect(self.id, Some(ends));
        self.take_error();
        Ok(())
    }

    /// Takes the socket from its peer: it hears everybody.
    pub fn disconnect(&mut self) {
        self.stack.transports.udp.connect(self.id, None);
        self.take_error();
    }

    /// The address and port that the socket is bound to.
    pub fn local(&self) -> SocketAddr {
        let Some(socket) = self.socket() else { return SocketAddr::from(([0, 0, 0, 0], 0)) };
        shown(socket.local, socket.speaks_v6())
    }

    /// The peer that the socket is connected to.
    pub fn remote(&self) -> Option<SocketAddr> {
        let socket = self.socket()?;
        Some(shown(socket.remote?, socket.speaks_v6()))
    }

    /// What the socket was opened with.
    pub fn bound(&self) -> Option<&UdpBind> {
        Some(self.socket()?.bind())
    }

    /// The choices in force.
    pub fn options(&self) -> UdpOptions {
        match self.socket() {
            Some(socket) => socket.options.clone(),
            None => UdpSocket::defaults(&self.stack.shared.config),
        }
    }

    /// Changes the choices, for what the socket sends and receives from here on. Sizes and hop limits are
    /// brought within what is allowed.
    pub fn set_options(&mut self, options: UdpOptions) {
        let config = &self.stack.shared.config;
        if let Some(socket) = self.stack.transports.udp.get_mut(self.id) {
            socket.options = options.within(config);
        }
    }

    /// Hop limit of what the socket sends to single hosts from here on.
    pub fn set_hop_limit(&mut self, hop_limit: u8) {
        self.set_options(UdpOptions { hop_limit, ..self.options() });
    }

    /// Differentiated services code point (6 bits) and congestion field of what the socket sends from here on
    /// (RFC 1122 3.2.1.6, RFC 8085 3.1.7).
    pub fn set_traffic_class(&mut self, dscp: u8, ecn: Ecn) {
        self.set_options(UdpOptions { dscp, ecn, ..self.options() });
    }

    /// The largest packet, IP header included, that reaches the peer as far as is known (RFC 8085 3.2); `None`
    /// when the socket is not connected or no route leads there.
    pub fn path_mtu(&self) -> Option<usize> {
        let remote = self.socket()?.remote?;
        let (_, hop) = self
            .stack
            .way(self.source(None, remote).ok()?, remote.ip(), self.scope(remote, None).ok()?)
            .ok()?;
        let internet = &self.stack.internet;
        Some(internet.path_mtus.get(self.now, remote.ip(), internet.interface(hop.interface).mtu))
    }

    /// Datagrams and reports that the socket lost because its receive buffer was full.
    pub fn dropped(&self) -> u64 {
        self.socket().map_or(0, |socket| socket.dropped)
    }

    /// Bytes that wait for the program and for the device, overhead included.
    pub fn queued(&self) -> (usize, usize) {
        self.socket().map_or((0, 0), |socket| (socket.incoming_bytes(), socket.outgoing_bytes()))
    }

    /// Whether a datagram, or an error, waits to be taken.
    pub fn is_readable(&self) -> bool {
        self.socket().is_some_and(|socket| {
            socket.error.is_some() || socket.has_report() || !socket.incoming.is_empty()
        })
    }

    /// Whether any datagram that the socket can send at all would find room.
    pub fn is_writable(&self) -> bool {
        let overhead = self.stack.shared.config.datagram.overhead;
        self.socket().is_some_and(|socket| {
            let limit = socket.options.send_buffer;
            let largest = (MAX_DATA + overhead).min(limit);
            socket.error.is_some() || socket.outgoing_bytes() + largest <= limit
        })
    }

    /// Whether an error waits to be reported.
    pub fn has_error(&self) -> bool {
        self.socket().is_some_and(|socket| socket.error.is_some() || socket.has_report())
    }

    /// Takes the error that ICMP reported since the last call.
    pub fn take_error(&mut self) -> Option<UdpError> {
        self.stack.transports.udp.get_mut(self.id)?.error.take()
    }

    /// Takes the oldest report of what happened to a datagram that the socket sent, kept because
    /// [`UdpOptions::report_errors`] says so.
    pub fn recv_error(&mut self) -> Option<UdpErrorReport> {
        let mut parts = self.stack.parts(self.now);
        let socket = parts.transports.udp.get_mut(self.id)?;
        let mut report = socket.take_report(&mut parts.cx)?;
        report.destination = shown(report.destination, socket.speaks_v6());
        Some(report)
    }

    /// Closes the socket, which leaves its groups. Datagrams that it has not sent yet still leave.
    pub fn close(&mut self) {
        self.leave_all();
        let mut parts = self.stack.parts(self.now);
        parts.transports.udp.close(&mut parts.cx, self.id);
    }

    fn socket(&self) -> Option<&UdpSocket> {
        self.stack.transports.udp.get(self.id)
    }

    fn remote_plain(&self) -> Option<SocketAddr> {
        self.socket()?.remote
    }

    /// A destination as the stack knows it: IPv4-mapped addresses are IPv4.
    fn destination(&self, to: SocketAddr) -> Result<SocketAddr, UdpError> {
        let socket = self.socket().ok_or(UdpError::NotConnected)?;
        let ip = to.ip().to_canonical();
        let mapped = to.is_ipv6() && ip.is_ipv4();
        // RFC 8085 5.1: port 0 is nobody's.
        let good = to.port() != 0
            && !ip.is_unspecified()
            && socket.has_family_of(ip)
            && (mapped || to.is_ipv6() == socket.speaks_v6() || socket.remote == Some(to));
        match good {
            true if mapped => Ok(SocketAddr::new(ip, to.port())),
            true => Ok(to),
            false => Err(UdpError::BadDestination),
        }
    }

    /// The zone through which a datagram to `to` leaves, where one is named: by the call, the destination, the
    /// socket's binding, or its choice for groups.
    fn scope(&self, to: SocketAddr, interface: Option<InterfaceId>) -> Result<u32, UdpError> {
        let socket = self.socket().ok_or(UdpError::NotConnected)?;
        let known = |id: &InterfaceId| id.slot() < self.stack.internet.interfaces.len();
        let of_groups = socket.options.multicast_interface.filter(|_| to.ip().is_multicast());
        let named = [interface.map_or(0, InterfaceId::scope_id), scope_id(to), socket.bound_scope()];
        let mut named = named.into_iter().filter(|scope| *scope != 0);
        let scope = named.next().or(of_groups.filter(known).map(InterfaceId::scope_id)).unwrap_or(0);
        let bound = socket.bound_scope();
        let exists = scope == 0 || self.stack.zone(scope).is_some();
        if !exists || (bound != 0 && scope != bound) {
            return Err(UdpError::BadDestination);
        }
        Ok(scope)
    }

    /// The source of a datagram to `to`, where it is given: by the call or the socket's binding.
    fn source(&self, source: Option<IpAddr>, to: SocketAddr) -> Result<Option<IpAddr>, UdpError> {
        let socket = self.socket().ok_or(UdpError::NotConnected)?;
        if let Some(network) = socket.bind().network() {
            let from = source.map(|ip| ip.to_canonical()).filter(|ip| network.contains(*ip));
            let good = from.is_some_and(|ip| self.stack.is_local(ip) && ip.is_ipv4() == to.is_ipv4());
            return if good { Ok(from) } else { Err(UdpError::BadDestination) };
        }
        let many = |ip: IpAddr| ip.is_multicast() || self.stack.is_everybody(ip);
        let bound = Some(socket.local.ip()).filter(|ip| !ip.is_unspecified() && !many(*ip));
        match source.map(|ip| ip.to_canonical()).filter(|ip| !ip.is_unspecified()).or(bound) {
            // The address that the socket is bound to is gone: Linux says the same.
            Some(gone) if Some(gone) == bound && !self.stack.is_local(gone) => {
                Err(UdpError::NetworkUnreachable)
            }
            Some(source) if source.is_ipv4() != to.is_ipv4() || !self.stack.is_local(source) => {
                Err(UdpError::BadDestination)
            }
            source => Ok(source),
        }
    }

    /// Whether datagrams of `len` bytes may go to `to` over `hop`.
    fn check(&self, to: SocketAddr, hop: &Hop, len: usize) -> Result<(), UdpError> {
        self.check_broadcast(to, hop)?;
        let socket = self.socket().ok_or(UdpError::NotConnected)?;
        let internet = &self.stack.internet;
        let link = internet.interface(hop.interface).mtu;
        let mtu = match socket.options.path_mtu_discovery {
            PathMtuDiscovery::Off | PathMtuDiscovery::Want => return Ok(()),
            PathMtuDiscovery::Do => internet.path_mtus.get(self.now, to.ip(), link),
            PathMtuDiscovery::Probe => link,
        };
        let packet = ip_header_len(to.ip()) + UdpHeader::LEN + len;
        if packet > mtu { Err(UdpError::TooLarge) } else { Ok(()) }
    }

    fn check_broadcast(&self, to: SocketAddr, hop: &Hop) -> Result<(), UdpError> {
        let allowed = self.socket().is_some_and(|socket| socket.options.broadcast);
        let everybody = self.stack.internet.is_broadcast(hop.interface, to.ip());
        if everybody && !allowed { Err(UdpError::BroadcastDenied) } else { Ok(()) }
    }
}

/// The zone that a socket address names (RFC 4007 6).
pub(crate) fn scope_id(address: SocketAddr) -> u32 {
    match address {
        SocketAddr::V4(_) => 0,
        SocketAddr::V6(v6) => v6.scope_id(),
    }
}

/// Whether a datagram that names no zone stays on the link that was chosen for it: one to a group or to
/// everybody does, since another link has other members.
fn needs_scope(to: SocketAddr, scope: u32) -> bool {
    scope == 0 && (to.ip().is_multicast() || matches!(to.ip(), IpAddr::V4(v4) if v4.is_broadcast()))
}

fn unroutable(error: Unroutable) -> UdpError {
    match error {
        Unroutable::NoRoute | Unroutable::NoSource => UdpError::NetworkUnreachable,
    }
}
