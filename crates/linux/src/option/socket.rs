//! `SOL_SOCKET`.

use std::time::Duration;

use fathom_stack::{Family, InterfaceId};

use super::{fixed, from_bool, from_int, int};
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
        let common = &mut self.files.socket_mut(fd)?.common;
        match name {
            SO_REUSEADDR => common.reuse_address = on,
            SO_REUSEPORT => common.reuse_port = on,
            SO_BROADCAST => common.broadcast = on,
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
            SO_RCVTIMEO | SO_RCVTIMEO_NEW => from_timeout(common.receive_timeout),
            SO_SNDTIMEO | SO_SNDTIMEO_NEW => from_timeout(common.send_timeout),
            SO_DOMAIN => from_int(domain),
            SO_TYPE => from_int(match &socket.kind {
                Kind::Tcp(_) => SOCK_STREAM,
            }),
            SO_PROTOCOL => from_int(match &socket.kind {
                Kind::Tcp(_) => IPPROTO_TCP,
            }),
            SO_ACCEPTCONN => from_bool(match &socket.kind {
                Kind::Tcp(tcp) => matches!(tcp.state, State::Listening(_)),
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
        }
    }

    fn least_buffer(&self, fd: Fd, bounds: Buffers, least: usize) -> Result<usize> {
        Ok(match &self.files.socket(fd)?.kind {
            Kind::Tcp(_) => least.min(bounds.tcp_min),
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
        let socket = self.files.socket_mut(fd)?;
        let Kind::Tcp(tcp) = &socket.kind;
        // What is under way has its way.
        if tcp.state != State::Closed && socket.common.interface != interface {
            return Err(Errno::EOPNOTSUPP);
        }
        socket.common.interface = interface;
        Ok(())
    }

    /// `struct linger`.
    fn set_linger(&mut self, fd: Fd, value: &[u8]) -> Result<()> {
        let (on, seconds) = (int(value)?, int(value.get(4..).ok_or(Errno::EINVAL)?)?);
        let linger = (on != 0).then(|| Duration::from_secs(u64::from(seconds as u32)));
        match &mut self.files.socket_mut(fd)?.kind {
            Kind::Tcp(_) => {
                self.change_tcp(fd, |options| options.linger = linger, |tcp, _| tcp.set_linger(linger))
            }
        }
    }

    fn linger(&self, fd: Fd) -> Result<Vec<u8>> {
        let linger = match &self.files.socket(fd)?.kind {
            Kind::Tcp(tcp) => tcp.options.linger,
        };
        let mut bytes = from_bool(linger.is_some());
        bytes.extend(from_int(linger.map_or(0, |linger| linger.as_secs() as i32)));
        Ok(bytes)
    }

    fn set_send_buffer(&mut self, fd: Fd, bytes: usize) -> Result<()> {
        match &self.files.socket(fd)?.kind {
            Kind::Tcp(_) => self.change_tcp(
                fd,
                |options| options.send_buffer = Some(bytes),
                |tcp, _| tcp.set_send_buffer(Some(bytes)),
            ),
        }
    }

    fn send_buffer(&mut self, fd: Fd) -> Result<usize> {
        let first = self.settings.config.tcp.initial_send_buffer;
        match &self.files.socket(fd)?.kind {
            Kind::Tcp(tcp) => {
                let chosen = tcp.options.send_buffer.unwrap_or(first);
                Ok(self.tcp_connection(fd).map_or(chosen, |tcp| tcp.send_buffer()))
            }
        }
    }

    fn set_receive_buffer(&mut self, fd: Fd, bytes: usize) -> Result<()> {
        match &self.files.socket(fd)?.kind {
            Kind::Tcp(_) => self.change_tcp(
                fd,
                |options| options.receive_buffer = Some(bytes),
                |tcp, _| tcp.set_receive_buffer(Some(bytes)),
            ),
        }
    }

    fn receive_buffer(&mut self, fd: Fd) -> Result<usize> {
        let first = self.settings.config.tcp.initial_receive_buffer;
        match &self.files.socket(fd)?.kind {
            Kind::Tcp(tcp) => {
                let chosen = tcp.options.receive_buffer.unwrap_or(first);
                Ok(self.tcp_connection(fd).map_or(chosen, |tcp| tcp.receive_buffer()))
            }
        }
    }

    fn set_receive_low_water(&mut self, fd: Fd, bytes: i32) -> Result<()> {
        // Linux takes what is negative for as much as there can be, and 0 for 1.
        let bytes = usize::try_from(bytes).unwrap_or(i32::MAX as usize).max(1);
        match &self.files.socket(fd)?.kind {
            Kind::Tcp(_) => self.change_tcp(
                fd,
                |options| options.receive_low_water = bytes,
                |tcp, _| tcp.set_receive_low_water(bytes),
            ),
        }
    }

    fn receive_low_water(&mut self, fd: Fd) -> Result<i32> {
        Ok(match &self.files.socket(fd)?.kind {
            Kind::Tcp(tcp) => tcp.options.receive_low_water.try_into().unwrap_or(i32::MAX),
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
        }
    }

    fn keepalive(&self, fd: Fd) -> Result<bool> {
        Ok(match &self.files.socket(fd)?.kind {
            Kind::Tcp(tcp) => tcp.options.keepalive.is_some(),
        })
    }

    /// Whether a socket is of IPv6.
    pub(crate) fn is_v6(&self, fd: Fd) -> Result<bool> {
        Ok(self.files.socket(fd)?.family == Family::V6)
    }
}
