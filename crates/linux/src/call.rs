//! Linux's calls.

use std::net::SocketAddr;

use fathom_stack::Family;

use crate::consts::*;
use crate::file::{Common, Fd, File, Kind, Socket};
use crate::message::{ControlMessage, Received};
use crate::tcp::{TcpSocket, is_of};
use crate::udp::UdpSocket;
use crate::{Errno, Kernel, Result};

/// `struct pollfd`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(C)]
pub struct PollFd {
    /// The descriptor; a negative one is passed over.
    pub fd: Fd,
    /// What is asked for.
    pub events: i16,
    /// What is so.
    pub revents: i16,
}

/// Protocols that could be, but are not there: `IPPROTO_MPTCP` is the last that Linux knows.
const MOST_PROTOCOL: i32 = 262;
/// Behind the last family that Linux knows.
const NPROTO: i32 = 46;
/// `SOCK_MAX`, behind the last type that Linux knows.
const SOCK_MAX: i32 = 11;

/// Calls that make, name and end sockets.
impl Kernel {
    /// A new socket: `AF_INET` or `AF_INET6`; `SOCK_STREAM` (TCP), `SOCK_DGRAM` (UDP, or with `IPPROTO_ICMP` and
    /// `IPPROTO_ICMPV6` echo requests) or `SOCK_RAW`, which needs no privilege here; with `SOCK_NONBLOCK` and
    /// `SOCK_CLOEXEC`.
    ///
    /// # Errors
    /// As Linux's: [`Errno::EAFNOSUPPORT`], [`Errno::EPROTONOSUPPORT`], [`Errno::ESOCKTNOSUPPORT`],
    /// [`Errno::EINVAL`], [`Errno::EMFILE`].
    pub fn socket(&mut self, domain: i32, kind: i32, protocol: i32) -> Result<Fd> {
        let (kind, flags) = (kind & 0xf, kind & !0xf);
        if flags & !(SOCK_NONBLOCK | SOCK_CLOEXEC) != 0 {
            return Err(Errno::EINVAL);
        }
        if !(0..NPROTO).contains(&domain) {
            return Err(Errno::EAFNOSUPPORT);
        }
        if kind >= SOCK_MAX {
            return Err(Errno::EINVAL);
        }
        let family = match domain {
            AF_INET => Family::V4,
            AF_INET6 => Family::V6,
            _ => return Err(Errno::EAFNOSUPPORT),
        };
        if !(0..=MOST_PROTOCOL).contains(&protocol) {
            return Err(Errno::EINVAL);
        }
        if !self.files.has_room() {
            return Err(Errno::EMFILE);
        }
        let socket = match (kind, protocol, family) {
            (SOCK_STREAM, 0 | IPPROTO_TCP, _) => Kind::Tcp(Box::new(TcpSocket::new(&self.settings))),
            (SOCK_DGRAM, 0 | IPPROTO_UDP, _) => Kind::Udp(Box::new(UdpSocket::new(&self.settings))),
            (SOCK_DGRAM, IPPROTO_ICMP, Family::V4) | (SOCK_DGRAM, IPPROTO_ICMPV6, Family::V6) => {
                Kind::Icmp(Box::default())
            }
            (SOCK_RAW, 1.., _) => Kind::Raw(Box::new(self.raw_open(family, protocol)?)),
            (SOCK_STREAM | SOCK_DGRAM | SOCK_RAW, ..) => return Err(Errno::EPROTONOSUPPORT),
            _ => return Err(Errno::ESOCKTNOSUPPORT),
        };
        let common = Common { only_v6: self.settings.only_v6, ..Common::default() };
        let socket = Socket { family, common, kind: socket };
        let status = if flags & SOCK_NONBLOCK != 0 { O_NONBLOCK } else { 0 };
        self.files.insert(File { flags: status, close_on_exec: flags & SOCK_CLOEXEC != 0, socket })
    }

    /// Gives the descriptor back. What was written is still delivered, and the connection closed in order;
    /// with data unread, or `SO_LINGER` of zero, it is reset. The call does not linger.
    ///
    /// # Errors
    /// [`Errno::EBADF`].
    pub fn close(&mut self, fd: Fd) -> Result<()> {
        let file = self.files.remove(fd)?;
        match &file.socket.kind {
            Kind::Tcp(tcp) => self.tcp_close(fd, tcp),
            Kind::Udp(udp) => self.udp_close(udp),
            Kind::Icmp(icmp) => self.icmp_close(icmp),
            Kind::Raw(raw) => self.raw_close(raw),
        }
        self.settle();
        Ok(())
    }

    /// Gives the socket its address. Port 0 stands for a free one, which is chosen at once.
    ///
    /// # Errors
    /// [`Errno::EINVAL`] when it has one, [`Errno::EADDRNOTAVAIL`], [`Errno::EADDRINUSE`],
    /// [`Errno::EAFNOSUPPORT`].
    pub fn bind(&mut self, fd: Fd, address: SocketAddr) -> Result<()> {
        let socket = self.files.socket(fd)?;
        if !is_of(socket.family, address) {
            // `struct sockaddr_in` is too short for an IPv6 socket.
            return Err(if socket.family == Family::V6 { Errno::EINVAL } else { Errno::EAFNOSUPPORT });
        }
        match &socket.kind {
            Kind::Tcp(_) => self.tcp_bind(fd, address),
            Kind::Udp(_) => self.udp_bind(fd, address),
            Kind::Icmp(_) => self.icmp_bind(fd, address),
            Kind::Raw(_) => self.raw_bind(fd, address),
        }
    }

    /// Listens: up to `backlog` connections wait to be accepted, and one more. Listening already, it changes
    /// the backlog.
    ///
    /// # Errors
    /// [`Errno::EINVAL`] when it is connected, [`Errno::EADDRINUSE`], [`Errno::EOPNOTSUPP`] when it is not of
    /// TCP.
    pub fn listen(&mut self, fd: Fd, backlog: i32) -> Result<()> {
        match &self.files.socket(fd)?.kind {
            Kind::Tcp(_) => self.tcp_listen(fd, backlog),
            Kind::Udp(_) | Kind::Icmp(_) | Kind::Raw(_) => Err(Errno::EOPNOTSUPP),
        }
    }

    /// As [`accept4`](Kernel::accept4), without flags.
    ///
    /// # Errors
    /// The same.
    pub fn accept(&mut self, fd: Fd) -> Result<(Fd, SocketAddr)> {
        self.accept4(fd, 0)
    }

    /// The connection that has waited longest, and its peer. `flags`: `SOCK_NONBLOCK`, `SOCK_CLOEXEC`.
    ///
    /// # Errors
    /// [`Errno::EAGAIN`] when there is none, [`Errno::EINVAL`] when it does not listen,
    /// [`Errno::ECONNABORTED`] when the peer is gone already.
    pub fn accept4(&mut self, fd: Fd, flags: i32) -> Result<(Fd, SocketAddr)> {
        self.take_connection(fd, flags, true)
    }

    /// As [`accept4`](Kernel::accept4) of a program that does not want to know who it is (`NULL`): it gets also a
    /// connection whose peer is gone.
    ///
    /// # Errors
    /// [`Errno::EAGAIN`], [`Errno::EINVAL`].
    pub fn accept4_unnamed(&mut self, fd: Fd, flags: i32) -> Result<Fd> {
        Ok(self.take_connection(fd, flags, false)?.0)
    }

    fn take_connection(&mut self, fd: Fd, flags: i32, named: bool) -> Result<(Fd, SocketAddr)> {
        if flags & !(SOCK_NONBLOCK | SOCK_CLOEXEC) != 0 {
            return Err(Errno::EINVAL);
        }
        match &self.files.socket(fd)?.kind {
            Kind::Tcp(_) => {
                let (accepted, peer) = self.tcp_accept(fd, flags, named)?;
                Ok((accepted, self.with_zone(peer)))
            }
            Kind::Udp(_) | Kind::Icmp(_) | Kind::Raw(_) => Err(Errno::EOPNOTSUPP),
        }
    }

    /// Begins a connection, or tells how one that was begun has ended: the first call answers
    /// [`Errno::EINPROGRESS`], later ones [`Errno::EALREADY`] until the connection stands, then success once.
    ///
    /// # Errors
    /// These; [`Errno::EISCONN`], [`Errno::ENETUNREACH`], [`Errno::EADDRNOTAVAIL`],
    /// [`Errno::ECONNREFUSED`], [`Errno::ETIMEDOUT`], [`Errno::EHOSTUNREACH`].
    pub fn connect(&mut self, fd: Fd, address: SocketAddr) -> Result<()> {
        let socket = self.files.socket(fd)?;
        match &socket.kind {
            Kind::Tcp(_) if !is_of(socket.family, address) => Err(Errno::EAFNOSUPPORT),
            Kind::Tcp(_) => self.tcp_connect(fd, address),
            Kind::Udp(_) => self.udp_connect(fd, address),
            Kind::Icmp(_) => self.icmp_connect(fd, address),
            Kind::Raw(_) => self.raw_connect(fd, address),
        }
    }

    /// `connect` to an address of the family `AF_UNSPEC`: ends what there is (of TCP by a reset), and the
    /// socket can be used again.
    ///
    /// # Errors
    /// [`Errno::EBADF`].
    pub fn disconnect(&mut self, fd: Fd) -> Result<()> {
        match &self.files.socket(fd)?.kind {
            Kind::Tcp(_) => self.tcp_disconnect(fd),
            Kind::Udp(_) => self.udp_disconnect(fd),
            Kind::Icmp(_) => self.icmp_disconnect(fd),
            Kind::Raw(_) => self.raw_disconnect(fd),
        }
    }

    /// Ends one direction, or both: `SHUT_RD`, `SHUT_WR`, `SHUT_RDWR`.
    ///
    /// # Errors
    /// [`Errno::ENOTCONN`], [`Errno::EINVAL`].
    pub fn shutdown(&mut self, fd: Fd, how: i32) -> Result<()> {
        let socket = self.files.socket(fd)?;
        if !(SHUT_RD..=SHUT_RDWR).contains(&how) {
            return Err(Errno::EINVAL);
        }
        match &socket.kind {
            Kind::Tcp(_) => self.tcp_shutdown(fd, how),
            Kind::Udp(_) => self.udp_shutdown(fd, how),
            Kind::Icmp(_) => self.icmp_shutdown(fd, how),
            Kind::Raw(_) => self.raw_shutdown(fd, how),
        }
    }

    /// The socket's own address.
    ///
    /// # Errors
    /// [`Errno::EBADF`].
    pub fn getsockname(&mut self, fd: Fd) -> Result<SocketAddr> {
        let name = match &self.files.socket(fd)?.kind {
            Kind::Tcp(_) => self.tcp_name(fd),
            Kind::Udp(_) => self.udp_name(fd),
            Kind::Icmp(_) => self.icmp_name(fd),
            Kind::Raw(_) => self.raw_name(fd),
        }?;
        Ok(self.with_zone(name))
    }

    /// The peer's address.
    ///
    /// # Errors
    /// [`Errno::ENOTCONN`].
    pub fn getpeername(&mut self, fd: Fd) -> Result<SocketAddr> {
        let name = match &self.files.socket(fd)?.kind {
            Kind::Tcp(_) => self.tcp_peer(fd),
            Kind::Udp(_) => self.udp_peer(fd),
            Kind::Icmp(_) => self.icmp_peer(fd),
            Kind::Raw(_) => self.raw_peer(fd),
        }?;
        Ok(self.with_zone(name))
    }

    /// A link-local address means something only with its link (RFC 4007 6), of which there is one.
    fn with_zone(&self, name: SocketAddr) -> SocketAddr {
        match name {
            SocketAddr::V6(mut v6) if v6.ip().is_unicast_link_local() && v6.scope_id() == 0 => {
                v6.set_scope_id(self.interface.scope_id());
                v6.into()
            }
            name => name,
        }
    }
}

/// Calls that move data.
impl Kernel {
    /// [`recv`](Kernel::recv) without flags.
    ///
    /// # Errors
    /// The same.
    pub fn read(&mut self, fd: Fd, out: &mut [u8]) -> Result<usize> {
        self.recv(fd, out, 0)
    }

    /// [`send`](Kernel::send) without flags.
    ///
    /// # Errors
    /// The same.
    pub fn write(&mut self, fd: Fd, data: &[u8]) -> Result<usize> {
        self.send(fd, data, 0)
    }

    /// Reads what is there, up to the length of `out`; 0 is the end. `MSG_PEEK` leaves it there, `MSG_TRUNC`
    /// takes it without copying it; `MSG_WAITALL`, as on any socket that does not block, waits for nothing.
    ///
    /// # Errors
    /// [`Errno::EAGAIN`] when nothing is there; [`Errno::ENOTCONN`]; once, what ended the connection.
    pub fn recv(&mut self, fd: Fd, out: &mut [u8], flags: i32) -> Result<usize> {
        Ok(self.recvfrom(fd, out, flags)?.0)
    }

    /// Writes `data`, or as much of its start as there is room for. `MSG_MORE` holds the end of it back.
    ///
    /// # Errors
    /// [`Errno::EAGAIN`] when there is no room, or no connection yet; [`Errno::EPIPE`], without a signal; once,
    /// what ended the connection.
    pub fn send(&mut self, fd: Fd, data: &[u8], flags: i32) -> Result<usize> {
        self.sendto(fd, data, flags, None)
    }

    /// As [`recv`](Kernel::recv), with who sent it, where the protocol tells with each datagram.
    ///
    /// # Errors
    /// As [`recv`](Kernel::recv).
    pub fn recvfrom(&mut self, fd: Fd, out: &mut [u8], flags: i32) -> Result<(usize, Option<SocketAddr>)> {
        let Received { len, from, .. } = self.recvmsg(fd, out, flags)?;
        Ok((len, from))
    }

    /// As [`send`](Kernel::send), to an address where the protocol sends datagrams; TCP takes no notice of it.
    ///
    /// # Errors
    /// As [`send`](Kernel::send); [`Errno::EDESTADDRREQ`], [`Errno::EMSGSIZE`], [`Errno::ENETUNREACH`],
    /// [`Errno::EACCES`] for a broadcast that was not allowed; once, what ICMP told.
    pub fn sendto(&mut self, fd: Fd, data: &[u8], flags: i32, to: Option<SocketAddr>) -> Result<usize> {
        self.sendmsg(fd, data, to, &[], flags)
    }

    /// Reads a message with all that is known of it: see [`Received`]. `MSG_PEEK` leaves it there,
    /// `MSG_TRUNC` gives the whole length of a datagram, `MSG_ERRQUEUE` reads what `IP_RECVERR` has kept.
    ///
    /// # Errors
    /// As [`recv`](Kernel::recv).
    pub fn recvmsg(&mut self, fd: Fd, out: &mut [u8], flags: i32) -> Result<Received> {
        let received = match &self.files.socket(fd)?.kind {
            Kind::Tcp(_) => self.tcp_recvmsg(fd, out, flags),
            Kind::Udp(_) => self.udp_recv(fd, out, flags),
            Kind::Icmp(_) => self.icmp_recv(fd, out, flags),
            Kind::Raw(_) => self.raw_recv(fd, out, flags),
        }?;
        let from = received.from.map(|from| self.with_zone(from));
        Ok(Received { from, ..received })
    }

    /// Sends a message as its control messages say: `IP_PKTINFO`, `IP_TTL`, `IP_TOS`, `IPV6_PKTINFO`,
    /// `IPV6_HOPLIMIT`, `IPV6_TCLASS`, `UDP_SEGMENT`. TCP takes no notice of them.
    ///
    /// # Errors
    /// As [`sendto`](Kernel::sendto); [`Errno::EINVAL`] for other control messages.
    pub fn sendmsg(
        &mut self,
        fd: Fd,
        data: &[u8],
        to: Option<SocketAddr>,
        control: &[ControlMessage],
        flags: i32,
    ) -> Result<usize> {
        match &self.files.socket(fd)?.kind {
            Kind::Tcp(_) => self.tcp_send(fd, data, flags),
            Kind::Udp(_) => self.udp_send(fd, data, to, control, flags),
            Kind::Icmp(_) => self.icmp_send(fd, data, to, control, flags),
            Kind::Raw(_) => self.raw_send(fd, data, to, control, flags),
        }
    }
}

/// Calls on descriptors.
impl Kernel {
    /// Which of `events` hold, in Linux's bits; `POLLERR`, `POLLHUP` and `POLLNVAL` whether they are asked for
    /// or not. When it says nothing, the call that is meant would answer [`Errno::EAGAIN`].
    pub fn ready(&mut self, fd: Fd, events: i16) -> i16 {
        let Ok(socket) = self.files.socket(fd) else { return POLLNVAL };
        let bits = match &socket.kind {
            Kind::Tcp(_) => self.tcp_ready(fd),
            Kind::Udp(_) => self.udp_ready(fd),
            Kind::Icmp(_) => self.icmp_ready(fd),
            Kind::Raw(_) => self.raw_ready(fd),
        };
        bits & (events | POLLERR | POLLHUP)
    }

    /// `poll`, which does not wait: sets each `revents`, and gives for how many descriptors something holds.
    pub fn poll(&mut self, fds: &mut [PollFd]) -> usize {
        for entry in fds.iter_mut() {
            entry.revents = if entry.fd < 0 { 0 } else { self.ready(entry.fd, entry.events) };
        }
        fds.iter().filter(|entry| entry.revents != 0).count()
    }

    /// `F_GETFL`, `F_SETFL`, `F_GETFD`, `F_SETFD`. `O_NONBLOCK` is kept for the program to read; no call
    /// blocks with or without it.
    ///
    /// # Errors
    /// [`Errno::EBADF`], [`Errno::EINVAL`] for other commands.
    pub fn fcntl(&mut self, fd: Fd, command: i32, argument: i32) -> Result<i32> {
        const CHANGEABLE: i32 = O_NONBLOCK | O_APPEND | O_ASYNC | O_DIRECT | O_NOATIME;
        let file = self.files.get_mut(fd)?;
        match command {
            F_GETFL => Ok(O_RDWR | file.flags),
            F_SETFL => {
                // A socket has no direct input and output.
                if argument & O_DIRECT != 0 {
                    return Err(Errno::EINVAL);
                }
                file.flags = argument & CHANGEABLE;
                Ok(0)
            }
            F_GETFD => Ok(if file.close_on_exec { FD_CLOEXEC } else { 0 }),
            F_SETFD => {
                file.close_on_exec = argument & FD_CLOEXEC != 0;
                Ok(0)
            }
            _ => Err(Errno::EINVAL),
        }
    }

    /// `SIOCINQ` (`FIONREAD`), `SIOCOUTQ`, `SIOCOUTQNSD`, `FIONBIO`, `SIOCATMARK`: reads or sets `argument`.
    ///
    /// # Errors
    /// [`Errno::EBADF`], [`Errno::EINVAL`] of a listener, [`Errno::ENOTTY`] for other requests.
    pub fn ioctl(&mut self, fd: Fd, request: u32, argument: &mut i32) -> Result<()> {
        let file = self.files.get_mut(fd)?;
        match request {
            FIONBIO => {
                file.flags = if *argument != 0 { file.flags | O_NONBLOCK } else { file.flags & !O_NONBLOCK };
                return Ok(());
            }
            SIOCINQ | SIOCOUTQ | SIOCOUTQNSD | SIOCATMARK => {}
            _ => return Err(Errno::ENOTTY),
        }
        *argument = match &file.socket.kind {
            Kind::Tcp(_) => self.tcp_ioctl(fd, request)?,
            Kind::Udp(_) => self.udp_ioctl(fd, request)?,
            Kind::Icmp(_) => self.icmp_ioctl(fd, request)?,
            Kind::Raw(_) => self.raw_ioctl(fd, request)?,
        };
        Ok(())
    }

    /// The family of a socket, as `SO_DOMAIN` gives it.
    pub(crate) fn domain(&self, fd: Fd) -> Result<i32> {
        Ok(match self.files.socket(fd)?.family {
            Family::V4 => AF_INET,
            Family::V6 => AF_INET6,
        })
    }
}
