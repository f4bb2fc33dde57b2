//! Descriptors and what they name.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use fathom_stack::{Family, InterfaceId};

use crate::icmp::IcmpSocket;
use crate::message::Tells;
use crate::raw::RawSocket;
use crate::tcp::TcpSocket;
use crate::udp::UdpSocket;
use crate::{Errno, Result};

/// A descriptor. The first is 3, as in a program whose standard streams are open.
pub type Fd = i32;

const FIRST: usize = 3;

/// The table of descriptors.
pub(crate) struct Files {
    slots: Vec<Option<File>>,
    free: BinaryHeap<Reverse<usize>>,
    limit: usize,
}

/// What a descriptor names.
pub(crate) struct File {
    /// `O_NONBLOCK` and its like, which a program may set and read.
    pub(crate) flags: i32,
    /// `FD_CLOEXEC`, likewise.
    pub(crate) close_on_exec: bool,
    pub(crate) socket: Socket,
}

/// A socket: what is common to all, and the rest.
pub(crate) struct Socket {
    pub(crate) family: Family,
    pub(crate) common: Common,
    pub(crate) kind: Kind,
}

/// Choices that sockets of all protocols have.
#[derive(Clone, Default, Debug)]
pub(crate) struct Common {
    pub(crate) reuse_address: bool,
    pub(crate) reuse_port: bool,
    pub(crate) only_v6: bool,
    pub(crate) broadcast: bool,
    pub(crate) interface: Option<InterfaceId>,
    pub(crate) linger: bool,
    pub(crate) linger_seconds: i32,
    pub(crate) receive_timeout: Option<Duration>,
    pub(crate) send_timeout: Option<Duration>,
    /// What the program wants to know of each datagram.
    pub(crate) tells: Tells,
    /// `IP_RECVERR`, `IPV6_RECVERR`.
    pub(crate) report_errors: bool,
}

pub(crate) enum Kind {
    Tcp(Box<TcpSocket>),
    Udp(Box<UdpSocket>),
    Icmp(Box<IcmpSocket>),
    Raw(Box<RawSocket>),
}

impl Files {
    pub(crate) fn new(limit: usize) -> Files {
        Files { slots: Vec::new(), free: BinaryHeap::new(), limit }
    }

    /// Whether another descriptor may be opened.
    pub(crate) fn has_room(&self) -> bool {
        !self.free.is_empty() || self.slots.len() + FIRST < self.limit.max(FIRST + 1)
    }

    /// The lowest free descriptor for `file`.
    pub(crate) fn insert(&mut self, file: File) -> Result<Fd> {
        if !self.has_room() {
            return Err(Errno::EMFILE);
        }
        let slot = match self.free.pop() {
            Some(Reverse(slot)) => slot,
            None => {
                self.slots.push(None);
                self.slots.len() - 1
            }
        };
        self.slots[slot] = Some(file);
        Ok((slot + FIRST) as Fd)
    }

    pub(crate) fn remove(&mut self, fd: Fd) -> Result<File> {
        let slot = slot(fd)?;
        let file = self.slots.get_mut(slot).and_then(Option::take).ok_or(Errno::EBADF)?;
        self.free.push(Reverse(slot));
        Ok(file)
    }

    pub(crate) fn get(&self, fd: Fd) -> Result<&File> {
        self.slots.get(slot(fd)?).and_then(Option::as_ref).ok_or(Errno::EBADF)
    }

    pub(crate) fn get_mut(&mut self, fd: Fd) -> Result<&mut File> {
        self.slots.get_mut(slot(fd)?).and_then(Option::as_mut).ok_or(Errno::EBADF)
    }

    pub(crate) fn socket(&self, fd: Fd) -> Result<&Socket> {
        Ok(&self.get(fd)?.socket)
    }

    pub(crate) fn socket_mut(&mut self, fd: Fd) -> Result<&mut Socket> {
        Ok(&mut self.get_mut(fd)?.socket)
    }
}

fn slot(fd: Fd) -> Result<usize> {
    usize::try_from(fd).ok().and_then(|fd| fd.checked_sub(FIRST)).ok_or(Errno::EBADF)
}

impl Socket {
    pub(crate) fn tcp(&self) -> Result<&TcpSocket> {
        if let Kind::Tcp(tcp) = &self.kind { Ok(tcp) } else { Err(Errno::EOPNOTSUPP) }
    }

    /// The address that stands for all of the family, and a port.
    pub(crate) fn unspecified(&self, port: u16) -> SocketAddr {
        let ip: IpAddr = match self.family {
            Family::V4 => Ipv4Addr::UNSPECIFIED.into(),
            Family::V6 => Ipv6Addr::UNSPECIFIED.into(),
        };
        SocketAddr::new(ip, port)
    }
}
