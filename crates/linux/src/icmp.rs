//! ICMP echo sockets, as `ping` uses them (`SOCK_DGRAM` with `IPPROTO_ICMP` or `IPPROTO_ICMPV6`).
//!
//! A program sends an echo request with its header, whose identifier and checksum the host fills in, and reads
//! the replies to it, headers included. The port of the socket's address is the identifier.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use fathom_stack::{Family, IcmpErrorKind, IcmpEvent, IcmpEventKind, IcmpId};
use fathom_wire::checksum;
use fathom_wire::internet::{icmpv4, icmpv6};

use crate::consts::*;
use crate::error_queue::error_message;
use crate::file::{Fd, Kind, Socket};
use crate::message::{Arrival, ControlMessage, Received, Sending};
use crate::udp::datagram_bits;
use crate::{Errno, Kernel, Result};

/// Type, code, checksum, identifier, sequence number.
const HEADER: usize = 8;
/// Most errors that wait to be read.
const MOST_ERRORS: usize = 64;

/// An ICMP echo socket.
#[derive(Debug, Default)]
pub(crate) struct IcmpSocket {
    /// The engine's socket, once it has an identifier.
    id: Option<IcmpId>,
    /// Whom it is connected to.
    remote: Option<IpAddr>,
    pub(crate) hop_limit: Option<u8>,
    read_shut: bool,
    write_shut: bool,
    /// Replies that the engine has handed over.
    replies: VecDeque<IcmpEvent>,
    errors: VecDeque<(IcmpErrorKind, IcmpEvent, IpAddr)>,
    pub(crate) error: Option<Errno>,
}

impl Socket {
    fn icmp(&self) -> Result<&IcmpSocket> {
        if let Kind::Icmp(icmp) = &self.kind { Ok(icmp) } else { Err(Errno::EOPNOTSUPP) }
    }
}

/// What an error is to the program, and whether it is told of it without asking (`ping_err`).
fn meaning(error: IcmpErrorKind) -> (Errno, bool) {
    match error {
        IcmpErrorKind::NetworkUnreachable => (Errno::ENETUNREACH, true),
        IcmpErrorKind::HostUnreachable | IcmpErrorKind::Prohibited => (Errno::EHOSTUNREACH, true),
        IcmpErrorKind::ProtocolUnreachable => (Errno::ENOPROTOOPT, true),
        IcmpErrorKind::PortUnreachable => (Errno::ECONNREFUSED, true),
        IcmpErrorKind::PacketTooBig { .. } => (Errno::EMSGSIZE, false),
        IcmpErrorKind::HopLimitExceeded | IcmpErrorKind::ReassemblyTimeout => (Errno::EHOSTUNREACH, false),
        IcmpErrorKind::ParameterProblem => (Errno::EPROTO, true),
    }
}

/// The calls, for a socket that is known to be one of ICMP.
impl Kernel {
    pub(crate) fn icmp_socket(&mut self, fd: Fd) -> Result<&mut IcmpSocket> {
        match &mut self.files.socket_mut(fd)?.kind {
            Kind::Icmp(icmp) => Ok(icmp),
            _ => Err(Errno::EOPNOTSUPP),
        }
    }

    pub(crate) fn icmp_bind(&mut self, fd: Fd, to: SocketAddr) -> Result<()> {
        if self.icmp_socket(fd)?.id.is_some() {
            return Err(Errno::EINVAL);
        }
        if !to.ip().is_unspecified() {
            // The engine chooses the source of a request by its route.
            return Err(if self.stack.is_local(to.ip()) { Errno::EOPNOTSUPP } else { Errno::EADDRNOTAVAIL });
        }
        self.icmp_open(fd, (to.port() != 0).then_some(to.port()))?;
        Ok(())
    }

    fn icmp_open(&mut self, fd: Fd, identifier: Option<u16>) -> Result<IcmpId> {
        let family = self.files.socket(fd)?.family;
        if let Some(id) = self.icmp_socket(fd)?.id {
            return Ok(id);
        }
        let id = self.stack.icmp_open(self.now, family, identifier)?;
        self.icmp_socket(fd)?.id = Some(id);
        Ok(id)
    }

    pub(crate) fn icmp_connect(&mut self, fd: Fd, to: SocketAddr) -> Result<()> {
        self.icmp_open(fd, None)?;
        let to = self.files.socket(fd)?.destination(to)?;
        let icmp = self.icmp_socket(fd)?;
        icmp.remote = Some(to.ip());
        (icmp.read_shut, icmp.write_shut) = (false, false);
        Ok(())
    }

    pub(crate) fn icmp_disconnect(&mut self, fd: Fd) -> Result<()> {
        self.icmp_socket(fd)?.remote = None;
        Ok(())
    }

    pub(crate) fn icmp_shutdown(&mut self, fd: Fd, how: i32) -> Result<()> {
        let icmp = self.icmp_socket(fd)?;
        icmp.read_shut |= how != SHUT_WR;
        icmp.write_shut |= how != SHUT_RD;
        if icmp.remote.is_some() { Ok(()) } else { Err(Errno::ENOTCONN) }
    }

    pub(crate) fn icmp_close(&mut self, icmp: &IcmpSocket) {
        if let Some(mut icmp) = icmp.id.and_then(|id| self.stack.icmp(self.now, id)) {
            icmp.close();
        }
    }

    pub(crate) fn icmp_name(&mut self, fd: Fd) -> Result<SocketAddr> {
        let socket = self.files.socket(fd)?;
        let id = socket.icmp()?.id;
        let unspecified = socket.unspecified(0);
        let identifier = id.and_then(|id| self.stack.icmp(self.now, id)).map_or(0, |icmp| icmp.identifier());
        Ok(SocketAddr::new(unspecified.ip(), identifier))
    }

    pub(crate) fn icmp_peer(&mut self, fd: Fd) -> Result<SocketAddr> {
        Ok(SocketAddr::new(self.icmp_socket(fd)?.remote.ok_or(Errno::ENOTCONN)?, 0))
    }

    pub(crate) fn icmp_send(
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
        let family = socket.family;
        let request = match family {
            Family::V4 => icmpv4::kind::ECHO_REQUEST,
            Family::V6 => icmpv6::kind::ECHO_REQUEST,
        };
        // Nothing but echo requests, whole.
        let header: &[u8; HEADER] = data.first_chunk().ok_or(Errno::EINVAL)?;
        if header[..2] != [request, 0] {
            return Err(Errno::EINVAL);
        }
        let named = to.map(|to| socket.destination(to)).transpose()?;
        let icmp = socket.icmp()?;
        let to = named.map(|to| to.ip()).or(icmp.remote).ok_or(Errno::EDESTADDRREQ)?;
        if Family::of(to) != family || to.to_canonical().is_ipv4() != (family == Family::V4) {
            return Err(Errno::EAFNOSUPPORT);
        }
        if icmp.write_shut {
            return Err(Errno::EPIPE);
        }
        let sending = Sending::new(control)?;
        if sending.source.is_some() || sending.tos.is_some() || sending.segment.is_some() {
            return Err(Errno::EOPNOTSUPP);
        }
        let hop_limit = sending.hop_limit.or(icmp.hop_limit);
        let sequence = u16::from_be_bytes([header[6], header[7]]);
        let id = self.icmp_open(fd, None)?;
        if let Some(error) = self.icmp_socket(fd)?.error.take() {
            return Err(error);
        }
        let mut engine = self.stack.icmp(self.now, id).ok_or(Errno::EBADF)?;
        engine.send_echo(to, sequence, &data[HEADER..], hop_limit)?;
        self.settle();
        Ok(data.len())
    }

    /// Sorts what the engine has heard into replies and errors.
    fn icmp_sort(&mut self, fd: Fd) -> Result<()> {
        let socket = self.files.socket(fd)?;
        let report = socket.common.report_errors;
        let Some(id) = socket.icmp()?.id else { return Ok(()) };
        let Some(mut engine) = self.stack.icmp(self.now, id) else { return Ok(()) };
        let events: Vec<IcmpEvent> = std::iter::from_fn(|| engine.recv()).collect();
        let icmp = self.icmp_socket(fd)?;
        for event in events {
            let IcmpEventKind::Error { error, destination } = event.kind else {
                let heard = icmp.remote.is_none_or(|remote| remote == event.from);
                icmp.replies.extend(heard.then_some(event));
                continue;
            };
            let (errno, hard) = meaning(error);
            if report || (hard && icmp.remote.is_some()) {
                icmp.error = Some(errno);
            }
            if report && icmp.errors.len() < MOST_ERRORS {
                icmp.errors.push_back((error, event, destination));
            }
        }
        Ok(())
    }

    pub(crate) fn icmp_take_error(&mut self, fd: Fd) -> Result<Option<Errno>> {
        self.icmp_sort(fd)?;
        Ok(self.icmp_socket(fd)?.error.take())
    }

    pub(crate) fn icmp_recv(&mut self, fd: Fd, out: &mut [u8], flags: i32) -> Result<Received> {
        self.icmp_sort(fd)?;
        let identifier = self.icmp_name(fd)?.port();
        let socket = self.files.socket(fd)?;
        let (tells, is_v6) = (socket.common.tells, socket.family == Family::V6);
        let icmp = self.icmp_socket(fd)?;
        if flags & MSG_OOB != 0 {
            return Err(Errno::EOPNOTSUPP);
        }
        if flags & MSG_ERRQUEUE != 0 {
            let (error, event, destination) = icmp.errors.pop_front().ok_or(Errno::EAGAIN)?;
            let request = if is_v6 { icmpv6::kind::ECHO_REQUEST } else { icmpv4::kind::ECHO_REQUEST };
            let data = message(request, identifier, event.sequence, &event.payload, false);
            let to = SocketAddr::new(destination, 0);
            return Ok(error_message(out, &data, to, meaning(error).0, Some(error), Some(event.from)));
        }
        if let Some(error) = icmp.error.take() {
            return Err(error);
        }
        let event = match icmp.replies.front() {
            Some(event) if flags & MSG_PEEK != 0 => event.clone(),
            Some(_) => icmp.replies.pop_front().ok_or(Errno::EAGAIN)?,
            None if icmp.read_shut => return Ok(Received::default()),
            None => return Err(Errno::EAGAIN),
        };
        let kind = if is_v6 { icmpv6::kind::ECHO_REPLY } else { icmpv4::kind::ECHO_REPLY };
        // The checksum of ICMPv6 covers addresses, one of which the engine keeps to itself.
        let data = message(kind, identifier, event.sequence, &event.payload, !is_v6);
        let unspecified = self.files.socket(fd)?.unspecified(0);
        let arrival = Arrival {
            destination: unspecified,
            interface: None,
            hop_limit: event.hop_limit,
            tos: 0,
            at: event.received_at,
            dropped: 0,
            stride: None,
        };
        let copied = data.len().min(out.len());
        out[..copied].copy_from_slice(&data[..copied]);
        Ok(Received {
            len: if flags & MSG_TRUNC != 0 { data.len() } else { copied },
            copied,
            from: Some(SocketAddr::new(event.from, 0)),
            control: arrival.control(&tells, &self.stack, is_v6),
            flags: if copied < data.len() { MSG_TRUNC } else { 0 },
        })
    }

    pub(crate) fn icmp_ready(&mut self, fd: Fd) -> i16 {
        if self.icmp_sort(fd).is_err() {
            return POLLNVAL;
        }
        let Ok(icmp) = self.icmp_socket(fd) else { return POLLNVAL };
        let error = icmp.error.is_some() || !icmp.errors.is_empty();
        datagram_bits(!icmp.replies.is_empty(), true, error, (icmp.read_shut, icmp.write_shut))
    }

    pub(crate) fn icmp_ioctl(&mut self, fd: Fd, request: u32) -> Result<i32> {
        self.icmp_sort(fd)?;
        match request {
            SIOCINQ => {
                let front = self.icmp_socket(fd)?.replies.front();
                Ok(front.map_or(0, |event| event.payload.len() + HEADER) as i32)
            }
            _ => Err(Errno::ENOTTY),
        }
    }
}

/// An echo message; with a checksum of ICMP for IPv4, or none.
fn message(kind: u8, identifier: u16, sequence: u16, payload: &Bytes, summed: bool) -> Vec<u8> {
    let mut message = vec![kind, 0, 0, 0];
    message.extend(identifier.to_be_bytes());
    message.extend(sequence.to_be_bytes());
    message.extend(payload);
    if summed {
        let sum = !checksum::sum(&message);
        message[2..4].copy_from_slice(&sum.to_be_bytes());
    }
    message
}
