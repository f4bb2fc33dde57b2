//! `SOL_SOCKET`.

use std::time::Duration;

use fathom_stack::InterfaceId;

use super::{Sockets, fixed, from_bool, from_int, int};
use crate::consts::*;
use crate::file::{Fd, Kind};
use crate::settings::Buffers;
use crate::tcp::State;
use crate::{Errno, Kernel, Name, Result};

/// `SOCK_MIN_SNDBUF` and `SOCK_MIN_RCVBUF`.
const LEAST_SEND: usize = 4608;
const LEAST_RECEIVE: usize = 2304;
/// `IFNAMSIZ`, the end of the name included.
const NAME_LEN: usize = 16;
const MICROS_PER_SECOND: i64 = 1_000_000;

/// A buffer as Linux counts it, which is twice the data, from what a program asks for.
fn buffer(value: &[u8], bounds: Buffers, least: usize, forced: bool) -> Result<usize> {
    // Linux takes what is negative for a large number.
    let wanted = int(value)? as u32 as usize;
    let most = if forced { (i32::MAX / 2) as usize } else { bounds.max };
    Ok((wanted.min(most) * 2).max(least))
}

/// `struct timeval`.
fn timeout(value: &[u8]) -> Result<Option<Duration>> {
    let bytes: &[u8; 16] = value.first_chunk().ok_or(Errno::EINVAL)?;
    let (seconds, micros) = bytes.split_at(8);
    let number = |bytes: &[u8]| bytes.first_chunk().map_or(0, |bytes| i64::from_le_bytes(*bytes));
    let (seconds, micros) = (number(seconds), number(micros));
    if !(0..MICROS_PER_SECOND).contains(&micros) {
        return Err(Errno::EDOM);
    }
    match u64::try_from(seconds) {
        // Linux waits for no time at all.
        Err(_) => Ok(Some(Duration::ZERO)),
        Ok(0) if micros == 0 => Ok(None),
        Ok(seconds) => Ok(Some(Duration::new(seconds, micros as u32 * 1000))),
    }
}

fn from_timeout(timeout: Option<Duration>) -> Vec<u8> {
    let timeout = timeout.unwrap_or_default();
    let mut bytes = timeout.as_secs().to_le_bytes().to_vec();
    bytes.extend(u64::from(timeout.subsec_micros()).to_le_bytes());
    bytes
}

impl Kernel {
    pub(super) fn set_socket_option(&mut self, fd: Fd, name: i32, value: &[u8]) -> Result<()> {
        match name {
            SO_BINDTODEVICE => return self.bind_to_device(fd, value),
            SO_RCVTIMEO | SO_RCVTIMEO_NEW => {
                self.files.socket_mut(fd)?.common.receive_timeout = timeout(value)?;
                return Ok(());
            }
            SO_SNDTIMEO | SO_SNDTIMEO_NEW => {
                self.files.socket_mut(fd)?.common.send_timeout = timeout(value)?;
                return Ok(());
            }
            _ => {}
        }
        let number = int(value)?;
        let on = number != 0;
        let socket = self.files.socket_mut(fd)?;
        let kind = Sockets::of(&socket.kind);
        let common = &mut socket.common;
        match name {
            // A stream has no datagrams to tell of, and nobody counts what echo requests lose.
            SO_TIMESTAMP | SO_TIMESTAMP_NEW | SO_TIMESTAMPNS | SO_TIMESTAMPNS_NEW
                if on && kind == Sockets::TCP =>
            {
                return Err(Errno::EOPNOTSUPP);
            }
            SO_RXQ_OVFL if on && (kind == Sockets::TCP || kind == Sockets::ICMP) => {
                return Err(Errno::EOPNOTSUPP);
            }
            SO_REUSEADDR => common.reuse_address = on,
            SO_REUSEPORT => common.reuse_port = on,
            SO_BROADCAST => return self.set_broadcast(fd, on),
            SO_TIMESTAMP | SO_TIMESTAMP_NEW => {
                common.tells.timestamp = on;
                common.tells.timestamp_ns = false;
            }
            SO_TIMESTAMPNS | SO_TIMESTAMPNS_NEW => {
                common.tells.timestamp_ns = on;
                common.tells.timestamp = false;
            }
            SO_RXQ_OVFL => common.tells.overflow = on,
            SO_BINDTOIFINDEX => return self.bind_to_interface(fd, number),
            SO_DEBUG | SO_DONTROUTE | SO_NO_CHECK | SO_PRIORITY | SO_MARK | SO_ZEROCOPY | SO_TIMESTAMPING => {
                return fixed(value, 0);
            }
            SO_OOBINLINE => return fixed(value, 1),
            SO_PEEK_OFF => return fixed(value, -1),
            SO_MAX_PACING_RATE => return fixed(value, -1),
            SO_SNDBUF | SO_SNDBUFFORCE => {
                let bounds = self.settings.send_buffers;
                let bytes = buffer(
                    value,
                    bounds,
                    self.least_buffer(fd, bounds, LEAST_SEND)?,
                    name == SO_SNDBUFFORCE,
                )?;
                return self.set_send_buffer(fd, bytes / 2);
            }
            SO_RCVBUF | SO_RCVBUFFORCE => {
                let bounds = self.settings.receive_buffers;
                let bytes = buffer(
                    value,
                    bounds,
                    self.least_buffer(fd, bounds, LEAST_RECEIVE)?,
                    name == SO_RCVBUFFORCE,
                )?;
                return self.set_receive_buffer(fd, bytes / 2);
            }
            SO_KEEPALIVE => return self.set_keepalive(fd, on),
            SO_LINGER => return self.set_linger(fd, value),
            SO_RCVLOWAT => return self.set_receive_low_water(fd, number),
            _ => return Err(Errno::ENOPROTOOPT),
        }
        Ok(())
    }

    pub(super) fn socket_option(&mut self, fd: Fd, name: i32) -> Result<Vec<u8>> {
        let domain = self.domain(fd)?;
        let socket = self.files.socket(fd)?;
        let common = &socket.common;
        Ok(match name {
            SO_REUSEADDR => from_bool(common.reuse_address),
            SO_REUSEPORT => from_bool(common.reuse_port),
            SO_BROADCAST => from_bool(common.broadcast),
            SO_TIMESTAMP | SO_TIMESTAMP_NEW => from_bool(common.tells.timestamp),
            SO_TIMESTAMPNS | SO_TIMESTAMPNS_NEW => from_bool(common.tells.timestamp_ns),
            SO_RXQ_OVFL => from_bool(common.tells.overflow),
            SO_RCVTIMEO | SO_RCVTIMEO_NEW => from_timeout(common.receive_timeout),
            SO_SNDTIMEO | SO_SNDTIMEO_NEW => from_timeout(common.send_timeout),
            SO_DOMAIN => from_int(domain),
            SO_TYPE => from_int(match &socket.kind {
                Kind::Tcp(_) => SOCK_STREAM,
                Kind::Udp(_) | Kind::Icmp(_) => SOCK_DGRAM,
                Kind::Raw(_) => SOCK_RAW,
            }),
            SO_PROTOCOL => from_int(match &socket.kind {
                Kind::Tcp(_) => IPPROTO_TCP,
                Kind::Udp(_) => IPPROTO_UDP,
                Kind::Icmp(_) if domain == AF_INET => IPPROTO_ICMP,
                Kind::Icmp(_) => IPPROTO_ICMPV6,
                Kind::Raw(raw) => raw.protocol,
            }),
            SO_ACCEPTCONN => from_bool(match &socket.kind {
                Kind::Tcp(tcp) => matches!(tcp.state, State::Listening(_)),
                Kind::Udp(_) | Kind::Icmp(_) | Kind::Raw(_) => false,
            }),
            SO_BINDTODEVICE => match common.interface {
                None => Vec::new(),
                Some(id) => {
                    let mut name = self.stack.interface(id).name.clone().into_bytes();
                    name.push(0);
                    name
                }
            },
            SO_BINDTOIFINDEX => from_int(common.interface.map_or(0, |id| id.scope_id() as i32)),
            SO_DEBUG | SO_DONTROUTE | SO_NO_CHECK | SO_PRIORITY | SO_MARK | SO_ZEROCOPY | SO_TIMESTAMPING => {
                from_int(0)
            }
            SO_OOBINLINE | SO_SNDLOWAT => from_int(1),
            SO_PEEK_OFF => from_int(-1),
            SO_MAX_PACING_RATE => u64::MAX.to_le_bytes().to_vec(),
            SO_ERROR => from_int(self.take_error(fd)?.map_or(0, Errno::raw)),
            SO_SNDBUF => from_int(self.send_buffer(fd)?.saturating_mul(2).try_into().unwrap_or(i32::MAX)),
            SO_RCVBUF => from_int(self.receive_buffer(fd)?.saturating_mul(2).try_into().unwrap_or(i32::MAX)),
            SO_KEEPALIVE => from_bool(self.keepalive(fd)?),
            SO_LINGER => self.linger(fd)?,
            SO_RCVLOWAT => from_int(self.receive_low_water(fd)?),
            SO_PEERNAME => Name::encode(self.getpeername(fd)?),
            _ => return Err(Errno::ENOPROTOOPT),
        })
    }

    /// Takes the error that waits to be told.
    pub(crate) fn take_error(&mut self, fd: Fd) -> Result<Option<Errno>> {
        match &self.files.socket(fd)?.kind {
            Kind::Tcp(_) => Ok(self.tcp_connection(fd).and_then(|mut tcp| tcp.take_error()).map(Errno::from)),
            Kind::Udp(_) => Ok(self.udp(fd).and_then(|mut udp| udp.take_error()).map(Errno::from)),
            Kind::Icmp(_) => self.icmp_take_error(fd),
            Kind::Raw(_) => Ok(None),
        }
    }

    fn least_buffer(&self, fd: Fd, bounds: Buffers, least: usize) -> Result<usize> {
        Ok(match &self.files.socket(fd)?.kind {
            Kind::Tcp(_) => bounds.tcp_min,
            Kind::Udp(_) | Kind::Icmp(_) | Kind::Raw(_) => least,
        })
    }

    fn bind_to_device(&mut self, fd: Fd, value: &[u8]) -> Result<()> {
        let name = value.split(|byte| *byte == 0).next().unwrap_or_default();
        let name = &name[..name.len().min(NAME_LEN - 1)];
        let interface = match name {
            b"" => None,
            b"lo" => Some(InterfaceId::LOOPBACK),
            name if name == self.settings.interface.as_bytes() => Some(self.interface),
            _ => return Err(Errno::ENODEV),
        };
        self.set_interface(fd, interface)
    }

    fn bind_to_interface(&mut self, fd: Fd, index: i32) -> Result<()> {
        let interface = match u32::try_from(index).map_err(|_| Errno::EINVAL)? {
            0 => None,
            index if index == self.interface.scope_id() => Some(self.interface),
            _ => return Err(Errno::ENODEV),
        };
        self.set_interface(fd, interface)
    }

    fn set_interface(&mut self, fd: Fd, interface: Option<InterfaceId>) -> Result<()> {
        let socket = self.files.socket(fd)?;
        let settled = match &socket.kind {
            Kind::Tcp(tcp) => tcp.state != State::Closed,
            Kind::Udp(udp) => udp.id.is_some(),
            Kind::Icmp(_) => true,
            Kind::Raw(_) => false,
        };
        // What is under way has its way.
        if settled && socket.common.interface != interface {
            return Err(Errno::EOPNOTSUPP);
        }
        if let Kind::Raw(_) = &socket.kind {
            self.change_raw(fd, |options| options.interface = interface)?;
        }
        self.files.socket_mut(fd)?.common.interface = interface;
        Ok(())
    }

    /// `struct linger`.
    fn set_linger(&mut self, fd: Fd, value: &[u8]) -> Result<()> {
        let (on, seconds) = (int(value)?, int(value.get(4..).ok_or(Errno::EINVAL)?)?);
        let linger = (on != 0).then(|| Duration::from_secs(u64::from(seconds as u32)));
        let common = &mut self.files.socket_mut(fd)?.common;
        common.linger = on != 0;
        // The time stays when lingering ends.
        common.linger_seconds = if on != 0 { seconds } else { common.linger_seconds };
        match &self.files.socket(fd)?.kind {
            Kind::Tcp(_) => {
                self.change_tcp(fd, |options| options.linger = linger, |tcp, _| tcp.set_linger(linger))
            }
            // Nothing of them lingers; Linux keeps the choice.
            Kind::Udp(_) | Kind::Icmp(_) | Kind::Raw(_) => Ok(()),
        }
    }

    fn linger(&self, fd: Fd) -> Result<Vec<u8>> {
        let common = &self.files.socket(fd)?.common;
        let mut bytes = from_bool(common.linger);
        bytes.extend(from_int(common.linger_seconds));
        Ok(bytes)
    }

    fn set_send_buffer(&mut self, fd: Fd, bytes: usize) -> Result<()> {
        match &self.files.socket(fd)?.kind {
            Kind::Tcp(_) => self.change_tcp(
                fd,
                |options| options.send_buffer = Some(bytes),
                |tcp, _| tcp.set_send_buffer(Some(bytes)),
            ),
            Kind::Udp(_) => self.change_udp(fd, |options| options.send_buffer = bytes),
            Kind::Raw(_) => self.change_raw(fd, |options| options.send_buffer = bytes),
            Kind::Icmp(_) => Err(Errno::EOPNOTSUPP),
        }
    }

    fn send_buffer(&mut self, fd: Fd) -> Result<usize> {
        let settings = &self.settings.config;
        let (first, datagrams) = (settings.tcp.initial_send_buffer, settings.datagram.send_buffer);
        match &self.files.socket(fd)?.kind {
            Kind::Tcp(tcp) => {
                let chosen = tcp.options.send_buffer.unwrap_or(first);
                Ok(self.tcp_connection(fd).map_or(chosen, |tcp| tcp.send_buffer()))
            }
            Kind::Udp(_) => Ok(self.udp_options(fd)?.send_buffer),
            Kind::Raw(raw) => Ok(raw.options.send_buffer),
            Kind::Icmp(_) => Ok(datagrams),
        }
    }

    fn set_receive_buffer(&mut self, fd: Fd, bytes: usize) -> Result<()> {
        match &self.files.socket(fd)?.kind {
            Kind::Tcp(_) => self.change_tcp(
                fd,
                |options| options.receive_buffer = Some(bytes),
                |tcp, _| tcp.set_receive_buffer(Some(bytes)),
            ),
            Kind::Udp(_) => self.change_udp(fd, |options| options.receive_buffer = bytes),
            Kind::Raw(_) => self.change_raw(fd, |options| options.receive_buffer = bytes),
            Kind::Icmp(_) => Err(Errno::EOPNOTSUPP),
        }
    }

    fn receive_buffer(&mut self, fd: Fd) -> Result<usize> {
        let settings = &self.settings.config;
        let (first, datagrams) = (settings.tcp.initial_receive_buffer, settings.datagram.receive_buffer);
        match &self.files.socket(fd)?.kind {
            Kind::Tcp(tcp) => {
                let chosen = tcp.options.receive_buffer.unwrap_or(first);
                Ok(self.tcp_connection(fd).map_or(chosen, |tcp| tcp.receive_buffer()))
            }
            Kind::Udp(_) => Ok(self.udp_options(fd)?.receive_buffer),
            Kind::Raw(raw) => Ok(raw.options.receive_buffer),
            Kind::Icmp(_) => Ok(datagrams),
        }
    }

    fn set_receive_low_water(&mut self, fd: Fd, bytes: i32) -> Result<()> {
        // Linux takes what is negative for as much as there can be, and 0 for 1.
        let most = self.settings.config.tcp.max_receive_buffer / 2;
        let low = usize::try_from(bytes).map_or(most, |bytes| bytes.min(most)).max(1);
        match &self.files.socket(fd)?.kind {
            Kind::Tcp(_) => self.change_tcp(
                fd,
                |options| options.receive_low_water = low,
                |tcp, _| tcp.set_receive_low_water(low),
            ),
            // A datagram is one thing.
            Kind::Udp(_) | Kind::Icmp(_) | Kind::Raw(_) if low == 1 => Ok(()),
            Kind::Udp(_) | Kind::Icmp(_) | Kind::Raw(_) => Err(Errno::EOPNOTSUPP),
        }
    }

    fn receive_low_water(&self, fd: Fd) -> Result<i32> {
        Ok(match &self.files.socket(fd)?.kind {
            Kind::Tcp(tcp) => tcp.options.receive_low_water.try_into().unwrap_or(i32::MAX),
            Kind::Udp(_) | Kind::Icmp(_) | Kind::Raw(_) => 1,
        })
    }

    fn set_keepalive(&mut self, fd: Fd, on: bool) -> Result<()> {
        match &self.files.socket(fd)?.kind {
            Kind::Tcp(tcp) => {
                let keepalive = on.then_some(tcp.keepalive);
                self.change_tcp(
                    fd,
                    |options| options.keepalive = keepalive,
                    |tcp, _| tcp.set_keepalive(keepalive),
                )
            }
            Kind::Udp(_) | Kind::Icmp(_) | Kind::Raw(_) if !on => Ok(()),
            Kind::Udp(_) | Kind::Icmp(_) | Kind::Raw(_) => Err(Errno::EOPNOTSUPP),
        }
    }

    fn keepalive(&self, fd: Fd) -> Result<bool> {
        Ok(match &self.files.socket(fd)?.kind {
            Kind::Tcp(tcp) => tcp.options.keepalive.is_some(),
            Kind::Udp(_) | Kind::Icmp(_) | Kind::Raw(_) => false,
        })
    }

    fn set_broadcast(&mut self, fd: Fd, on: bool) -> Result<()> {
        self.files.socket_mut(fd)?.common.broadcast = on;
        match &self.files.socket(fd)?.kind {
            Kind::Udp(_) => self.change_udp(fd, |options| options.broadcast = on),
            Kind::Raw(_) => self.change_raw(fd, |options| options.broadcast = on),
            // Neither sends to a broadcast address; Linux keeps the choice.
            Kind::Tcp(_) | Kind::Icmp(_) => Ok(()),
        }
    }
}
