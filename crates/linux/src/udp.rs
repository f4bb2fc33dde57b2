//! UDP sockets: what Linux's calls do with them.

mod data;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use fathom_stack::{Family, InterfaceId, Udp, UdpBind, UdpId, UdpOptions};

use crate::consts::*;
use crate::file::{Common, Fd, Kind, Socket};
use crate::settings::Settings;
use crate::{Errno, Kernel, Result};

/// A UDP socket.
#[derive(Clone, Debug)]
pub(crate) struct UdpSocket {
    /// The engine's socket, once it has a port.
    pub(crate) id: Option<UdpId>,
    /// Its choices until then.
    pub(crate) options: UdpOptions,
    pub(crate) read_shut: bool,
    pub(crate) write_shut: bool,
    /// `UDP_SEGMENT`.
    pub(crate) segment: u16,
    /// `UDP_CORK`.
    pub(crate) cork: bool,
    /// What waits for the rest of its datagram, and where that goes.
    pub(crate) pending: Option<(Vec<u8>, Option<SocketAddr>)>,
}

impl UdpSocket {
    pub(crate) fn new(settings: &Settings) -> UdpSocket {
        UdpSocket {
            id: None,
            options: settings.udp(),
            read_shut: false,
            write_shut: false,
            segment: 0,
            cork: false,
            pending: None,
        }
    }
}

impl Socket {
    pub(crate) fn udp(&self) -> Result<&UdpSocket> {
        if let Kind::Udp(udp) = &self.kind { Ok(udp) } else { Err(Errno::EOPNOTSUPP) }
    }

    /// Where a datagram to `to` goes: an unspecified address stands for this host, and an address of IPv4 for
    /// its form in IPv6 where a program speaks that.
    pub(crate) fn destination(&self, to: SocketAddr) -> Result<SocketAddr> {
        let mut to = to;
        match (self.family, to.ip()) {
            (Family::V4, IpAddr::V6(_)) => return Err(Errno::EAFNOSUPPORT),
            (Family::V6, IpAddr::V4(v4)) => to.set_ip(v4.to_ipv6_mapped().into()),
            _ => {}
        }
        match to.ip() {
            IpAddr::V4(v4) if v4.is_unspecified() => to.set_ip(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(v6) if v6.is_unspecified() => to.set_ip(Ipv6Addr::LOCALHOST.into()),
            IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() && self.common.only_v6 => {
                return Err(Errno::ENETUNREACH);
            }
            _ => {}
        }
        Ok(to)
    }
}

/// The calls, for a socket that is known to be one of UDP.
impl Kernel {
    pub(crate) fn udp_socket(&mut self, fd: Fd) -> Result<&mut UdpSocket> {
        match &mut self.files.socket_mut(fd)?.kind {
            Kind::Udp(udp) => Ok(udp),
            _ => Err(Errno::EOPNOTSUPP),
        }
    }

    /// The engine's socket, if there is one yet.
    pub(crate) fn udp(&mut self, fd: Fd) -> Option<Udp<'_>> {
        let id = self.files.socket(fd).ok()?.udp().ok()?.id?;
        self.stack.udp(self.now, id)
    }

    pub(crate) fn udp_bind(&mut self, fd: Fd, to: SocketAddr) -> Result<()> {
        let socket = self.files.socket(fd)?;
        if socket.udp()?.id.is_some() {
            return Err(Errno::EINVAL);
        }
        let Common { only_v6, reuse_address, reuse_port, interface, report_errors, .. } =
            socket.common.clone();
        if only_v6 && to.is_ipv6() && to.ip().to_canonical().is_ipv4() {
            return Err(Errno::EINVAL);
        }
        let mut bind = UdpBind { only_v6, reuse_address, reuse_port, interface, ..UdpBind::at(to) };
        if let SocketAddr::V6(v6) = to
            && v6.ip().is_unicast_link_local()
        {
            // Linux wants a link-local address to name its link.
            bind.interface = Some(interface.or(self.interface_of(v6.scope_id())).ok_or(Errno::EINVAL)?);
        }
        let options = UdpOptions { report_errors, ..socket.udp()?.options.clone() };
        let id = self.stack.udp_bind_with(self.now, bind)?;
        if let Some(mut udp) = self.stack.udp(self.now, id) {
            udp.set_options(options);
        }
        self.udp_socket(fd)?.id = Some(id);
        Ok(())
    }

    /// Gives the socket a port, if it has none.
    pub(crate) fn udp_open(&mut self, fd: Fd) -> Result<UdpId> {
        if let Some(id) = self.udp_socket(fd)?.id {
            return Ok(id);
        }
        let unspecified = self.files.socket(fd)?.unspecified(0);
        // Linux's `connect` and `send` say so when no port is left.
        self.udp_bind(fd, unspecified).map_err(|_| Errno::EAGAIN)?;
        self.udp_socket(fd)?.id.ok_or(Errno::EAGAIN)
    }

    /// The interface of an index (the zone of an address, RFC 4007 6).
    pub(crate) fn interface_of(&self, index: u32) -> Option<InterfaceId> {
        (index == self.interface.scope_id()).then_some(self.interface)
    }

    pub(crate) fn udp_connect(&mut self, fd: Fd, to: SocketAddr) -> Result<()> {
        let socket = self.files.socket(fd)?;
        if to.is_ipv4() && socket.family == Family::V6 && socket.common.only_v6 {
            return Err(Errno::EAFNOSUPPORT);
        }
        let to = socket.destination(to)?;
        let id = self.udp_open(fd)?;
        let mut udp = self.stack.udp(self.now, id).ok_or(Errno::EBADF)?;
        udp.connect(to)?;
        let udp = self.udp_socket(fd)?;
        (udp.read_shut, udp.write_shut) = (false, false);
        Ok(())
    }

    pub(crate) fn udp_disconnect(&mut self, fd: Fd) -> Result<()> {
        if let Some(mut udp) = self.udp(fd) {
            udp.disconnect();
        }
        let udp = self.udp_socket(fd)?;
        (udp.read_shut, udp.write_shut) = (false, false);
        Ok(())
    }

    pub(crate) fn udp_shutdown(&mut self, fd: Fd, how: i32) -> Result<()> {
        let connected = self.udp(fd).is_some_and(|udp| udp.remote().is_some());
        let udp = self.udp_socket(fd)?;
        udp.read_shut |= how != SHUT_WR;
        udp.write_shut |= how != SHUT_RD;
        if connected { Ok(()) } else { Err(Errno::ENOTCONN) }
    }

    pub(crate) fn udp_close(&mut self, udp: &UdpSocket) {
        if let Some(mut udp) = udp.id.and_then(|id| self.stack.udp(self.now, id)) {
            udp.close();
        }
    }

    pub(crate) fn udp_name(&mut self, fd: Fd) -> Result<SocketAddr> {
        let unspecified = self.files.socket(fd)?.unspecified(0);
        Ok(self.udp(fd).map_or(unspecified, |udp| udp.local()))
    }

    pub(crate) fn udp_peer(&mut self, fd: Fd) -> Result<SocketAddr> {
        self.udp(fd).and_then(|udp| udp.remote()).ok_or(Errno::ENOTCONN)
    }

    /// What `poll` says of the socket (`datagram_poll`).
    pub(crate) fn udp_ready(&mut self, fd: Fd) -> i16 {
        let Ok(udp) = self.udp_socket(fd) else { return POLLNVAL };
        let (read_shut, write_shut) = (udp.read_shut, udp.write_shut);
        let (readable, writable, error) = match self.udp(fd) {
            Some(udp) => (udp.peek().is_some(), udp.is_writable(), udp.has_error()),
            None => (false, true, false),
        };
        datagram_bits(readable, writable, error, (read_shut, write_shut))
    }

    pub(crate) fn udp_ioctl(&mut self, fd: Fd, request: u32) -> Result<i32> {
        let Some(udp) = self.udp(fd) else { return Ok(0) };
        let count = match request {
            SIOCINQ => udp.peek().map_or(0, |(data, _)| data.len()),
            SIOCOUTQ => udp.queued().1,
            _ => return Err(Errno::ENOTTY),
        };
        Ok(count.try_into().unwrap_or(i32::MAX))
    }
}

/// What `poll` says of a socket of datagrams; `shut` for reading and for writing.
pub(crate) fn datagram_bits(readable: bool, writable: bool, error: bool, shut: (bool, bool)) -> i16 {
    let mut bits = 0;
    if error {
        bits |= POLLERR;
    }
    if shut.0 {
        bits |= POLLRDHUP | POLLIN | POLLRDNORM;
    }
    if shut == (true, true) {
        bits |= POLLHUP;
    }
    if readable {
        bits |= POLLIN | POLLRDNORM;
    }
    if writable {
        bits |= POLLOUT | POLLWRNORM | POLLWRBAND;
    }
    bits
}
