//! TCP sockets: what Linux's calls do with them.

mod data;
mod listen;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use fathom_record::TcpStateName;
use fathom_stack::{Family, Keepalive, ListenerId, Readiness, Tcp, TcpConnect, TcpId, TcpOptions};

use crate::consts::*;
use crate::file::{Common, Fd, Kind, Socket};
use crate::ports::{self, Rival};
use crate::settings::Settings;
use crate::{Errno, Kernel, Result};

/// A TCP socket.
#[derive(Clone, Debug)]
pub(crate) struct TcpSocket {
    pub(crate) state: State,
    /// Where it is bound, the port chosen.
    pub(crate) bound: Option<SocketAddr>,
    /// The program has bound it, so it stays bound when it is disconnected.
    pub(crate) stays_bound: bool,
    /// The choices for its connection, or for those of its listener.
    pub(crate) options: TcpOptions,
    /// When peers are probed, if `SO_KEEPALIVE` says so.
    pub(crate) keepalive: Keepalive,
    /// The program reads no more: where there is nothing to read, it reads the end.
    pub(crate) read_shut: bool,
    /// `TCP_CORK`.
    pub(crate) cork: bool,
    /// The last write said that more is to come.
    pub(crate) more: bool,
    /// It was shut down after its attempt had failed: it connects no more (`SS_DISCONNECTING`).
    pub(crate) spent: bool,
    /// What `listen` was told.
    pub(crate) backlog: u32,
    /// `TCP_NOTSENT_LOWAT`, as the program has set it.
    pub(crate) notsent_low_water: u32,
    /// `TCP_INQ`.
    pub(crate) tells_queue: bool,
}

/// What a TCP socket is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// Neither connected nor listening.
    Closed,
    /// It listens.
    Listening(ListenerId),
    /// `connect` has begun, and the program has not heard how it ended.
    Connecting(TcpId),
    /// It is, or was, connected.
    Connected(TcpId),
}

impl TcpSocket {
    pub(crate) fn new(settings: &Settings) -> TcpSocket {
        TcpSocket {
            state: State::Closed,
            bound: None,
            stays_bound: false,
            options: settings.tcp.clone(),
            keepalive: settings.keepalive,
            read_shut: false,
            cork: false,
            more: false,
            spent: false,
            backlog: 0,
            notsent_low_water: 0,
            tells_queue: false,
        }
    }

    pub(crate) fn connection(&self) -> Option<TcpId> {
        match self.state {
            State::Connecting(id) | State::Connected(id) => Some(id),
            State::Closed | State::Listening(_) => None,
        }
    }
}

impl Socket {
    /// The connection of the engine that it holds.
    pub(crate) fn connection(&self) -> Option<TcpId> {
        self.tcp().ok()?.connection()
    }
}

/// Whether the handshake goes on.
pub(crate) fn is_opening(state: TcpStateName) -> bool {
    matches!(state, TcpStateName::SynSent | TcpStateName::SynReceived)
}

/// Whether Linux would have its socket in `TCP_CLOSE`: it keeps none in TIME-WAIT.
fn is_over(state: TcpStateName) -> bool {
    matches!(state, TcpStateName::Closed | TcpStateName::TimeWait)
}

/// The calls, for a socket that is known to be one of TCP.
impl Kernel {
    pub(crate) fn tcp_socket(&mut self, fd: Fd) -> Result<&mut TcpSocket> {
        match &mut self.files.socket_mut(fd)?.kind {
            Kind::Tcp(tcp) => Ok(tcp),
            _ => Err(Errno::EOPNOTSUPP),
        }
    }

    /// The engine's connection of a socket that has one.
    pub(crate) fn tcp_connection(&mut self, fd: Fd) -> Option<Tcp<'_>> {
        let id = self.files.socket(fd).ok()?.connection()?;
        self.stack.tcp(self.now, id)
    }

    pub(crate) fn tcp_bind(&mut self, fd: Fd, to: SocketAddr) -> Result<()> {
        let socket = self.files.socket(fd)?;
        let tcp = socket.tcp()?;
        if tcp.bound.is_some() || tcp.state != State::Closed {
            return Err(Errno::EINVAL);
        }
        let ip = to.ip().to_canonical();
        if to.is_ipv6() && (ip.is_multicast() || (ip.is_ipv4() && socket.common.only_v6)) {
            return Err(Errno::EINVAL);
        }
        if !ip.is_unspecified() && !self.stack.is_local(ip) {
            return Err(Errno::EADDRNOTAVAIL);
        }
        let common = socket.common.clone();
        let bound = self.reserve(to, common)?;
        let tcp = self.tcp_socket(fd)?;
        (tcp.bound, tcp.stays_bound) = (Some(bound), true);
        self.ports.insert(bound.port(), fd);
        Ok(())
    }

    /// The port of `to`, if nobody is in the way, or a free one for port 0.
    fn reserve(&mut self, to: SocketAddr, common: Common) -> Result<SocketAddr> {
        if to.port() == 0 {
            let range = self.settings.config.tcp.ephemeral_ports;
            let port = self.ports.choose(range).ok_or(Errno::EADDRINUSE)?;
            return Ok(SocketAddr::new(to.ip(), port));
        }
        let reuse = common.reuse_address;
        let rival = Rival { address: to, common, listens: false };
        let mut taken = self.ports.at(to.port()).filter_map(|fd| self.rival(fd));
        if taken.any(|other| rival.conflicts(&other)) {
            return Err(Errno::EADDRINUSE);
        }
        if !reuse && ports::is_lingering(&self.stack, self.now, &self.files, &self.ports, &rival) {
            return Err(Errno::EADDRINUSE);
        }
        Ok(to)
    }

    fn rival(&self, fd: Fd) -> Option<Rival> {
        let socket = self.files.socket(fd).ok()?;
        let tcp = socket.tcp().ok()?;
        let listens = matches!(tcp.state, State::Listening(_));
        Some(Rival { address: tcp.bound?, common: socket.common.clone(), listens })
    }

    /// Gives the port back, unless the program has chosen it and it is to `stay`.
    fn release_port(&mut self, fd: Fd, stay: bool) -> Result<()> {
        let tcp = self.tcp_socket(fd)?;
        if stay && tcp.stays_bound {
            return Ok(());
        }
        tcp.stays_bound = false;
        if let Some(bound) = tcp.bound.take() {
            self.ports.remove(bound.port(), fd);
        }
        Ok(())
    }

    pub(crate) fn tcp_connect(&mut self, fd: Fd, to: SocketAddr) -> Result<()> {
        let tcp = self.tcp_socket(fd)?;
        match tcp.state {
            _ if tcp.spent => Err(Errno::EINVAL),
            State::Connected(_) | State::Listening(_) => Err(Errno::EISCONN),
            State::Connecting(id) => self.tcp_connect_again(fd, id),
            State::Closed => self.tcp_connect_first(fd, to),
        }
    }

    fn tcp_connect_first(&mut self, fd: Fd, to: SocketAddr) -> Result<()> {
        let socket = self.files.socket(fd)?;
        let tcp = socket.tcp()?;
        let mut remote = to;
        match to.ip() {
            // Nobody's address stands for this host (RFC 1122 3.2.1.3 a has it so for sources only).
            IpAddr::V4(ip) if ip.is_unspecified() => remote.set_ip(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(ip) if ip.is_unspecified() => remote.set_ip(Ipv6Addr::LOCALHOST.into()),
            ip if ip.is_ipv6() && ip.to_canonical().is_ipv4() && socket.common.only_v6 => {
                return Err(Errno::ENETUNREACH);
            }
            _ => {}
        }
        let options = TcpOptions { interface: socket.common.interface, ..tcp.options.clone() };
        let connect = TcpConnect { remote, local: tcp.bound, options };
        let id = self.stack.tcp_connect(self.now, connect)?;
        let local = self.stack.tcp(self.now, id).map(|connection| connection.local());
        let tcp = self.tcp_socket(fd)?;
        tcp.state = State::Connecting(id);
        tcp.read_shut = false;
        let cork = tcp.cork;
        let unbound = tcp.bound.is_none();
        tcp.bound = local.or(tcp.bound);
        if let (true, Some(local)) = (unbound, local) {
            self.ports.insert(local.port(), fd);
        }
        if let Some(mut connection) = self.tcp_connection(fd) {
            connection.set_cork(cork);
        }
        self.settle();
        // Also of a peer on this host, which has answered already.
        Err(Errno::EINPROGRESS)
    }

    /// How an attempt has ended.
    fn tcp_connect_again(&mut self, fd: Fd, id: TcpId) -> Result<()> {
        let mut connection = self.stack.tcp(self.now, id).ok_or(Errno::ECONNABORTED)?;
        let ready = connection.readiness();
        if is_opening(connection.state()) {
            return Err(Errno::EALREADY);
        }
        if !ready.contains(Readiness::CLOSED) {
            self.tcp_socket(fd)?.state = State::Connected(id);
            return Ok(());
        }
        let error = connection.take_error().map_or(Errno::ECONNABORTED, Errno::from);
        self.tcp_disconnect(fd)?;
        Err(error)
    }

    /// Ends what there is, by a reset, and leaves a socket that can be used again.
    pub(crate) fn tcp_disconnect(&mut self, fd: Fd) -> Result<()> {
        match self.tcp_socket(fd)?.state {
            State::Closed => {}
            State::Listening(id) => self.stack.tcp_close_listener(self.now, id),
            State::Connecting(id) | State::Connected(id) => {
                if let Some(mut connection) = self.stack.tcp(self.now, id) {
                    connection.abort();
                    connection.close();
                }
            }
        }
        let unspecified = self.files.socket(fd)?.unspecified(0);
        let tcp = self.tcp_socket(fd)?;
        tcp.state = State::Closed;
        (tcp.read_shut, tcp.spent) = (false, false);
        self.release_port(fd, true)?;
        // The address that `connect` has chosen goes.
        let tcp = self.tcp_socket(fd)?;
        if let Some(bound) = tcp.bound {
            tcp.bound = Some(SocketAddr::new(
                if tcp.stays_bound { bound.ip() } else { unspecified.ip() },
                bound.port(),
            ));
        }
        self.settle();
        Ok(())
    }

    pub(crate) fn tcp_shutdown(&mut self, fd: Fd, how: i32) -> Result<()> {
        let (read, write) = (how != SHUT_WR, how != SHUT_RD);
        let id = match self.tcp_socket(fd)?.state {
            State::Closed => return Err(Errno::ENOTCONN),
            State::Listening(_) if read => return self.tcp_disconnect(fd),
            State::Listening(_) => return Ok(()),
            State::Connecting(id) | State::Connected(id) => id,
        };
        let mut connection = self.stack.tcp(self.now, id).ok_or(Errno::ENOTCONN)?;
        let state = connection.state();
        if state == TcpStateName::SynSent {
            return self.tcp_disconnect(fd);
        }
        let over = is_over(state);
        if write && !over {
            // From SYN-RECEIVED the engine sends the FIN when the handshake is complete; a program that has
            // the socket then cannot be told of it.
            connection.shutdown().or_else(|error| if is_opening(state) { Ok(()) } else { Err(error) })?;
        }
        let tcp = self.tcp_socket(fd)?;
        tcp.read_shut |= read;
        tcp.spent = over && matches!(tcp.state, State::Connecting(_));
        self.settle();
        if over { Err(Errno::ENOTCONN) } else { Ok(()) }
    }

    pub(crate) fn tcp_close(&mut self, fd: Fd, tcp: &TcpSocket) {
        if let Some(bound) = tcp.bound {
            self.ports.remove(bound.port(), fd);
        }
        match tcp.state {
            State::Closed => {}
            State::Listening(id) => self.stack.tcp_close_listener(self.now, id),
            State::Connecting(id) | State::Connected(id) => {
                if let Some(connection) = self.stack.tcp(self.now, id) {
                    connection.close();
                }
            }
        }
    }

    pub(crate) fn tcp_name(&self, fd: Fd) -> Result<SocketAddr> {
        let socket = self.files.socket(fd)?;
        let tcp = socket.tcp()?;
        Ok(tcp.bound.unwrap_or_else(|| socket.unspecified(0)))
    }

    pub(crate) fn tcp_peer(&mut self, fd: Fd) -> Result<SocketAddr> {
        let connection = self.tcp_connection(fd).ok_or(Errno::ENOTCONN)?;
        match connection.state() {
            TcpStateName::SynSent => Err(Errno::ENOTCONN),
            state if is_over(state) => Err(Errno::ENOTCONN),
            _ => Ok(connection.remote()),
        }
    }

    /// What `poll` says of the socket (`tcp_poll`).
    pub(crate) fn tcp_ready(&mut self, fd: Fd) -> i16 {
        const READ: i16 = POLLIN | POLLRDNORM;
        const WRITE: i16 = POLLOUT | POLLWRNORM;
        let Ok(tcp) = self.tcp_socket(fd) else { return POLLNVAL };
        let read_shut = tcp.read_shut;
        let id = match tcp.state {
            State::Closed => return WRITE | POLLHUP,
            State::Listening(id) => {
                let waiting = self.stack.tcp_listener_waiting(id).is_some_and(|waiting| waiting > 0);
                return if waiting { READ } else { 0 };
            }
            State::Connecting(id) | State::Connected(id) => id,
        };
        let Some(mut connection) = self.stack.tcp(self.now, id) else { return WRITE | POLLHUP };
        let (ready, state) = (connection.readiness(), connection.state());
        let mut bits = 0;
        let read_ended = read_shut || ready.contains(Readiness::CLOSED_READ);
        let write_ended = ready.contains(Readiness::WRITABLE) && connection.send_capacity() == 0;
        if is_over(state) || (read_ended && write_ended && !is_opening(state)) {
            bits |= POLLHUP;
        }
        if read_ended {
            bits |= READ | POLLRDHUP;
        }
        if !is_opening(state) {
            if ready.contains(Readiness::READABLE) {
                bits |= READ;
            }
            if ready.contains(Readiness::WRITABLE) {
                bits |= WRITE;
            }
        }
        if ready.contains(Readiness::ERROR) {
            bits |= POLLERR;
        }
        bits
    }
}

/// Whether a socket of `family` can speak to `address`.
pub(crate) fn is_of(family: Family, address: SocketAddr) -> bool {
    Family::of(address.ip()) == family
}
