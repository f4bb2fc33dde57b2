//! Socket options: `getsockopt` and `setsockopt`, byte for byte.

mod groups;
mod info;
mod ip;
mod ipv6;
mod raw;
mod socket;
mod table;
mod tcp;
mod udp;

use fathom_stack::Family;

use crate::consts::{SOL_ICMPV6, SOL_IP, SOL_IPV6, SOL_RAW, SOL_SOCKET, SOL_TCP, SOL_UDP};
use crate::file::{Fd, Kind};
use crate::{Errno, Kernel, Result};

pub use table::{OPTIONS, SocketOption, Sockets, Status};

/// Longest option that is read or written.
const MOST: usize = 4096;

impl Kernel {
    /// Sets an option from its bytes in Linux's layout.
    ///
    /// # Errors
    /// [`Errno::ENOPROTOOPT`] when there is no such option, [`Errno::EINVAL`] when the value is none for it,
    /// [`Errno::EOPNOTSUPP`] when Linux has the value and the engine has not.
    pub fn setsockopt(&mut self, fd: Fd, level: i32, name: i32, value: &[u8]) -> Result<()> {
        let socket = self.files.socket(fd)?;
        let (kind, is_v6) = (&socket.kind, socket.family == Family::V6);
        if value.len() > MOST {
            return Err(Errno::EINVAL);
        }
        let done = match (level, kind) {
            (SOL_SOCKET, _) => self.set_socket_option(fd, name, value),
            (SOL_TCP, Kind::Tcp(_)) => self.set_tcp_option(fd, name, value),
            (SOL_UDP, Kind::Udp(_)) => self.set_udp_option(fd, name, value),
            (SOL_RAW | SOL_ICMPV6, Kind::Raw(_)) => self.set_raw_option(fd, level, name, value),
            (SOL_IP, _) => self.set_ip_option(fd, name, value),
            (SOL_IPV6, _) if is_v6 => self.set_ipv6_option(fd, name, value),
            _ => Err(Errno::ENOPROTOOPT),
        };
        self.settle();
        done
    }

    /// Sets an option whose value is an `int`.
    ///
    /// # Errors
    /// As [`setsockopt`](Kernel::setsockopt).
    pub fn setsockopt_int(&mut self, fd: Fd, level: i32, name: i32, value: i32) -> Result<()> {
        self.setsockopt(fd, level, name, &value.to_le_bytes())
    }

    /// Writes the value of an option to the start of `out`, as much of it as fits, and gives how much that is.
    ///
    /// # Errors
    /// As [`setsockopt`](Kernel::setsockopt).
    pub fn getsockopt(&mut self, fd: Fd, level: i32, name: i32, out: &mut [u8]) -> Result<usize> {
        let socket = self.files.socket(fd)?;
        let is_v6 = socket.family == Family::V6;
        let value = match (level, &socket.kind) {
            (SOL_SOCKET, _) => self.socket_option(fd, name)?,
            (SOL_TCP, Kind::Tcp(_)) => self.tcp_option(fd, name)?,
            (SOL_UDP, Kind::Udp(_)) => self.udp_option(fd, name)?,
            (SOL_RAW | SOL_ICMPV6, Kind::Raw(_)) => self.raw_option(fd, level, name)?,
            // What fits one byte is one byte where there is no room for four.
            (SOL_IP, _) => match self.ip_option(fd, name)? {
                value if value.len() == 4 && (1..4).contains(&out.len()) && value[1..] == [0; 3] => {
                    value[..1].to_vec()
                }
                value => value,
            },
            (SOL_IPV6, _) if is_v6 => self.ipv6_option(fd, name)?,
            _ if is_v6 => return Err(Errno::ENOPROTOOPT),
            _ => return Err(Errno::EOPNOTSUPP),
        };
        let len = value.len().min(out.len());
        out[..len].copy_from_slice(&value[..len]);
        Ok(len)
    }

    /// The value of an option whose value is an `int`.
    ///
    /// # Errors
    /// As [`setsockopt`](Kernel::setsockopt).
    pub fn getsockopt_int(&mut self, fd: Fd, level: i32, name: i32) -> Result<i32> {
        let mut value = [0; 4];
        self.getsockopt(fd, level, name, &mut value)?;
        Ok(i32::from_le_bytes(value))
    }
}

/// An `int`, from the first four bytes.
fn int(value: &[u8]) -> Result<i32> {
    value.first_chunk().map(|bytes| i32::from_le_bytes(*bytes)).ok_or(Errno::EINVAL)
}

/// An `int` between two others.
fn within(value: &[u8], least: i32, most: i32) -> Result<i32> {
    let value = int(value)?;
    if (least..=most).contains(&value) { Ok(value) } else { Err(Errno::EINVAL) }
}

fn from_int(value: i32) -> Vec<u8> {
    value.to_le_bytes().to_vec()
}

fn from_bool(value: bool) -> Vec<u8> {
    from_int(value.into())
}

/// An option of Linux of which the engine has one value.
fn fixed(value: &[u8], possible: i32) -> Result<()> {
    if int(value)? == possible { Ok(()) } else { Err(Errno::EOPNOTSUPP) }
}
