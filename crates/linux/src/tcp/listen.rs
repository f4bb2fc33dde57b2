//! Listening and accepting.

use std::net::SocketAddr;

use fathom_stack::{TcpListen, TcpOptions};

use super::{State, TcpSocket, is_over};
use crate::consts::{O_NONBLOCK, SOCK_NONBLOCK};
use crate::file::{Common, Fd, File, Kind, Socket};
use crate::{Errno, Kernel, Result};

impl Kernel {
    pub(crate) fn tcp_listen(&mut self, fd: Fd, backlog: i32) -> Result<()> {
        // A negative backlog is a large one, and one more than it fits (`sk_acceptq_is_full`).
        let most = self.settings.somaxconn;
        let told = usize::try_from(backlog).map_or(most, |backlog| backlog.min(most));
        let backlog = told + 1;
        self.tcp_socket(fd)?.backlog = told as u32;
        let socket = self.files.socket(fd)?;
        let tcp = socket.tcp()?;
        match tcp.state {
            State::Connecting(_) | State::Connected(_) => return Err(Errno::EINVAL),
            State::Listening(id) => {
                self.stack.tcp_set_backlog(id, backlog);
                return Ok(());
            }
            State::Closed => {}
        }
        let local = tcp.bound.unwrap_or_else(|| socket.unspecified(0));
        let options = TcpOptions { interface: socket.common.interface, ..tcp.options.clone() };
        let Common { only_v6, reuse_port, .. } = socket.common;
        let listen = TcpListen { backlog, only_v6, reuse_port, options, ..TcpListen::at(local) };
        let id = self.stack.tcp_listen(self.now, listen)?;
        let chosen = self.stack.tcp_listener_local(id).map_or(local.port(), |local| local.port());
        let tcp = self.tcp_socket(fd)?;
        tcp.state = State::Listening(id);
        if tcp.bound.is_none() {
            tcp.bound = Some(SocketAddr::new(local.ip(), chosen));
            self.ports.insert(chosen, fd);
        }
        Ok(())
    }

    /// With `named`, a connection whose peer has gone already is lost: there is no name of it to tell.
    pub(crate) fn tcp_accept(&mut self, fd: Fd, flags: i32, named: bool) -> Result<(Fd, SocketAddr)> {
        let socket = self.files.socket(fd)?;
        let tcp = socket.tcp()?;
        let State::Listening(listener) = tcp.state else { return Err(Errno::EINVAL) };
        if !self.files.has_room() {
            return Err(Errno::EMFILE);
        }
        let id = self.stack.tcp_accept(self.now, listener).ok_or(Errno::EAGAIN)?;
        let connection = self.stack.tcp(self.now, id).ok_or(Errno::ECONNABORTED)?;
        if named && is_over(connection.state()) {
            connection.close();
            self.settle();
            return Err(Errno::ECONNABORTED);
        }
        let (local, remote) = (connection.local(), connection.remote());
        let options = self.stack.tcp_listener_options(listener).cloned().unwrap_or_default();
        let socket = self.files.socket(fd)?;
        let tcp = socket.tcp()?;
        let accepted = TcpSocket {
            state: State::Connected(id),
            bound: Some(local),
            stays_bound: false,
            options,
            keepalive: tcp.keepalive,
            read_shut: false,
            cork: tcp.cork,
            more: false,
            spent: false,
            backlog: 0,
            notsent_low_water: tcp.notsent_low_water,
            tells_queue: tcp.tells_queue,
        };
        let cork = tcp.cork;
        let socket = Socket {
            family: socket.family,
            common: socket.common.clone(),
            kind: Kind::Tcp(Box::new(accepted)),
        };
        let status = if flags & SOCK_NONBLOCK != 0 { O_NONBLOCK } else { 0 };
        let close_on_exec = flags & crate::consts::SOCK_CLOEXEC != 0;
        let new = self.files.insert(File { flags: status, close_on_exec, socket })?;
        self.ports.insert(local.port(), new);
        if let (true, Some(mut connection)) = (cork, self.stack.tcp(self.now, id)) {
            connection.set_cork(cork);
        }
        Ok((new, remote))
    }
}
