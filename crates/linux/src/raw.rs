//! Raw sockets: `SOCK_RAW`.

use std::net::SocketAddr;

use fathom_stack::{Family, Raw, RawId, RawOptions, ReceivedPacket};
use fathom_wire::IpProtocol;

use crate::consts::*;
use crate::file::{Fd, Kind, Socket};
use crate::message::{Arrival, ControlMessage, Received, Sending, tos};
use crate::udp::datagram_bits;
use crate::{Errno, Kernel, Result};

/// A raw socket.
#[derive(Debug)]
pub(crate) struct RawSocket {
    pub(crate) id: RawId,
    pub(crate) protocol: i32,
    /// The program's choices. What is bound and connected is in them too.
    pub(crate) options: RawOptions,
    read_shut: bool,
    write_shut: bool,
    /// A packet that was looked at and stays.
    front: Option<ReceivedPacket>,
}

impl Socket {
    fn raw(&self) -> Result<&RawSocket> {
        if let Kind::Raw(raw) = &self.kind { Ok(raw) } else { Err(Errno::EOPNOTSUPP) }
    }
}

/// The calls, for a socket that is known to be a raw one.
impl Kernel {
    pub(crate) fn raw_open(&mut self, family: Family, protocol: i32) -> Result<RawSocket> {
        let number = u8::try_from(protocol).map_err(|_| Errno::EPROTONOSUPPORT)?;
        let id = self.stack.raw_open(self.now, family, IpProtocol::from(number));
        let mut raw = self.stack.raw(self.now, id).ok_or(Errno::ENOBUFS)?;
        let mut options = raw.options().ok_or(Errno::ENOBUFS)?;
        options.header_included = protocol == IPPROTO_RAW && family == Family::V4;
        raw.set_options(options.clone())?;
        Ok(RawSocket { id, protocol, options, read_shut: false, write_shut: false, front: None })
    }

    pub(crate) fn raw_socket(&mut self, fd: Fd) -> Result<&mut RawSocket> {
        match &mut self.files.socket_mut(fd)?.kind {
            Kind::Raw(raw) => Ok(raw),
            _ => Err(Errno::EOPNOTSUPP),
        }
    }

    fn raw(&mut self, fd: Fd) -> Result<Raw<'_>> {
        let id = self.files.socket(fd)?.raw()?.id;
        self.stack.raw(self.now, id).ok_or(Errno::EBADF)
    }

    /// Changes the program's choices.
    pub(crate) fn change_raw(&mut self, fd: Fd, change: impl FnOnce(&mut RawOptions)) -> Result<()> {
        let mut options = self.raw_socket(fd)?.options.clone();
        change(&mut options);
        self.raw(fd)?.set_options(options.clone())?;
        self.raw_socket(fd)?.options = options;
        Ok(())
    }

    pub(crate) fn raw_bind(&mut self, fd: Fd, to: SocketAddr) -> Result<()> {
        let ip = to.ip();
        if !ip.is_unspecified() && !self.stack.is_local(ip) {
            return Err(Errno::EADDRNOTAVAIL);
        }
        self.change_raw(fd, |options| options.local = (!ip.is_unspecified()).then_some(ip))
    }

    pub(crate) fn raw_connect(&mut self, fd: Fd, to: SocketAddr) -> Result<()> {
        let to = self.files.socket(fd)?.destination(to)?;
        if to.is_ipv6() && to.ip().to_canonical().is_ipv4() {
            return Err(Errno::EINVAL);
        }
        self.change_raw(fd, |options| options.remote = Some(to.ip()))?;
        let raw = self.raw_socket(fd)?;
        (raw.read_shut, raw.write_shut) = (false, false);
        Ok(())
    }

    pub(crate) fn raw_disconnect(&mut self, fd: Fd) -> Result<()> {
        self.change_raw(fd, |options| options.remote = None)
    }

    pub(crate) fn raw_shutdown(&mut self, fd: Fd, how: i32) -> Result<()> {
        let raw = self.raw_socket(fd)?;
        raw.read_shut |= how != SHUT_WR;
        raw.write_shut |= how != SHUT_RD;
        if raw.options.remote.is_some() { Ok(()) } else { Err(Errno::ENOTCONN) }
    }

    pub(crate) fn raw_close(&mut self, raw: &RawSocket) {
        if let Some(mut raw) = self.stack.raw(self.now, raw.id) {
            raw.close();
        }
    }

    pub(crate) fn raw_name(&mut self, fd: Fd) -> Result<SocketAddr> {
        let socket = self.files.socket(fd)?;
        let raw = socket.raw()?;
        // The port of a raw socket is its protocol.
        let unspecified = socket.unspecified(raw.protocol as u16);
        Ok(SocketAddr::new(raw.options.local.unwrap_or(unspecified.ip()), unspecified.port()))
    }

    pub(crate) fn raw_peer(&mut self, fd: Fd) -> Result<SocketAddr> {
        Ok(SocketAddr::new(self.raw_socket(fd)?.options.remote.ok_or(Errno::ENOTCONN)?, 0))
    }

    pub(crate) fn raw_send(
        &mut self,
        fd: Fd,
        data: &[u8],
        to: Option<SocketAddr>,
        control: &[ControlMessage],
        flags: i32,
    ) -> Result<usize> {
        if flags & MSG_OOB != 0 {
            return Err(Errno::EOPNOTSUPP);
        }
        let socket = self.files.socket(fd)?;
        let named = to.map(|to| socket.destination(to)).transpose()?;
        let raw = socket.raw()?;
        let to = named.map(|to| to.ip()).or(raw.options.remote).ok_or(Errno::EDESTADDRREQ)?;
        if raw.write_shut {
            return Err(Errno::EPIPE);
        }
        let sending = Sending::new(control)?;
        let ours = raw.options.clone();
        let mut options = ours.clone();
        options.hop_limit = sending.hop_limit.unwrap_or(options.hop_limit);
        options.dscp = sending.tos.map_or(options.dscp, |tos| tos >> 2);
        options.local = sending.source.or(options.local);
        // Bound to a peer a socket still sends to others.
        options.remote = None;
        if let Some(index) = sending.interface {
            options.interface = Some(self.interface_of(index).ok_or(Errno::ENODEV)?);
        }
        let mut raw = self.raw(fd)?;
        let sent = raw.set_options(options).and_then(|()| raw.send_to(data, to));
        raw.set_options(ours)?;
        self.settle();
        Ok(sent?)
    }

    /// Fetches the oldest packet from the engine, so that it can be looked at.
    fn raw_front(&mut self, fd: Fd) -> Result<Option<&ReceivedPacket>> {
        if self.raw_socket(fd)?.front.is_none() {
            let packet = self.raw(fd)?.recv().ok();
            self.raw_socket(fd)?.front = packet;
        }
        Ok(self.raw_socket(fd)?.front.as_ref())
    }

    pub(crate) fn raw_recv(&mut self, fd: Fd, out: &mut [u8], flags: i32) -> Result<Received> {
        if flags & MSG_OOB != 0 {
            return Err(Errno::EOPNOTSUPP);
        }
        if flags & MSG_ERRQUEUE != 0 {
            return Err(Errno::EAGAIN);
        }
        let dropped = self.raw(fd)?.dropped();
        let socket = self.files.socket(fd)?;
        let (tells, is_v6) = (socket.common.tells, socket.family == Family::V6);
        let read_shut = socket.raw()?.read_shut;
        let packet = match self.raw_front(fd)? {
            Some(packet) => packet.clone(),
            None if read_shut => return Ok(Received::default()),
            None => return Err(Errno::EAGAIN),
        };
        if flags & MSG_PEEK == 0 {
            self.raw_socket(fd)?.front = None;
        }
        let arrival = Arrival {
            destination: SocketAddr::new(packet.destination, 0),
            interface: packet.interface,
            hop_limit: packet.hop_limit,
            tos: tos(packet.dscp, packet.ecn),
            at: packet.received_at,
            dropped,
            stride: None,
        };
        let copied = packet.data.len().min(out.len());
        out[..copied].copy_from_slice(&packet.data[..copied]);
        Ok(Received {
            len: if flags & MSG_TRUNC != 0 { packet.data.len() } else { copied },
            copied,
            from: Some(SocketAddr::new(packet.source, 0)),
            control: arrival.control(&tells, &self.stack, is_v6),
            flags: if copied < packet.data.len() { MSG_TRUNC } else { 0 },
        })
    }

    pub(crate) fn raw_ready(&mut self, fd: Fd) -> i16 {
        let Ok(raw) = self.raw_socket(fd) else { return POLLNVAL };
        let (shut, front) = ((raw.read_shut, raw.write_shut), raw.front.is_some());
        let Ok(raw) = self.raw(fd) else { return POLLNVAL };
        datagram_bits(front || raw.is_readable(), raw.is_writable(), false, shut)
    }

    pub(crate) fn raw_ioctl(&mut self, fd: Fd, request: u32) -> Result<i32> {
        match request {
            SIOCINQ => Ok(self.raw_front(fd)?.map_or(0, |packet| packet.data.len()) as i32),
            _ => Err(Errno::ENOTTY),
        }
    }
}
