//! Socket addresses as bytes: `struct sockaddr_in` and `struct sockaddr_in6`, in the layout of Linux on
//! little-endian machines.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use crate::consts::{AF_INET, AF_INET6, AF_UNSPEC};
use crate::{Errno, Result};

/// `sizeof(struct sockaddr_storage)`: no address is longer.
pub const SOCKADDR_STORAGE_LEN: usize = 128;
const SOCKADDR_IN_LEN: usize = 16;
/// Without the scope identifier, which may be left out (RFC 2133 had none).
const SOCKADDR_IN6_SHORT: usize = 24;
const SOCKADDR_IN6_LEN: usize = 28;

/// What a `struct sockaddr` says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Name {
    /// An address and port.
    Inet(SocketAddr),
    /// `AF_UNSPEC`: [`Kernel::connect`](crate::Kernel::connect) would end an association with it.
    Unspecified,
}

impl Name {
    /// Reads a `struct sockaddr`.
    ///
    /// # Errors
    /// [`Errno::EINVAL`] when it is too short or longer than a `struct sockaddr_storage`,
    /// [`Errno::EAFNOSUPPORT`] when it is of another family.
    ///
    /// ```
    /// use fathom_linux::Name;
    ///
    /// let bytes = Name::encode("192.0.2.1:80".parse()?);
    /// assert_eq!(bytes[..8], [2, 0, 0, 80, 192, 0, 2, 1]);
    /// assert_eq!(Name::decode(&bytes)?, Name::Inet("192.0.2.1:80".parse()?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn decode(bytes: &[u8]) -> Result<Name> {
        if bytes.len() > SOCKADDR_STORAGE_LEN {
            return Err(Errno::EINVAL);
        }
        let family = bytes.first_chunk().map(|family| i32::from(u16::from_le_bytes(*family)));
        let port = |bytes: &[u8]| u16::from_be_bytes([bytes[2], bytes[3]]);
        match family.ok_or(Errno::EINVAL)? {
            AF_UNSPEC => Ok(Name::Unspecified),
            AF_INET if bytes.len() < SOCKADDR_IN_LEN => Err(Errno::EINVAL),
            AF_INET => {
                let ip = Ipv4Addr::new(bytes[4], bytes[5], bytes[6], bytes[7]);
                Ok(Name::Inet(SocketAddr::from((ip, port(bytes)))))
            }
            AF_INET6 if bytes.len() < SOCKADDR_IN6_SHORT => Err(Errno::EINVAL),
            AF_INET6 => {
                let mut ip = [0; 16];
                ip.copy_from_slice(&bytes[8..24]);
                let flow = u32::from_be_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
                let scope = bytes.get(SOCKADDR_IN6_SHORT..SOCKADDR_IN6_LEN).and_then(<[u8]>::first_chunk);
                let scope = scope.map_or(0, |scope| u32::from_le_bytes(*scope));
                let address = SocketAddrV6::new(Ipv6Addr::from(ip), port(bytes), flow, scope);
                Ok(Name::Inet(address.into()))
            }
            _ => Err(Errno::EAFNOSUPPORT),
        }
    }

    /// Writes an address as `struct sockaddr_in` or `struct sockaddr_in6`.
    pub fn encode(address: SocketAddr) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(SOCKADDR_IN6_LEN);
        let family = if address.is_ipv4() { AF_INET } else { AF_INET6 };
        bytes.extend((family as u16).to_le_bytes());
        bytes.extend(address.port().to_be_bytes());
        match address {
            SocketAddr::V4(v4) => {
                bytes.extend(v4.ip().octets());
                bytes.resize(SOCKADDR_IN_LEN, 0);
            }
            SocketAddr::V6(v6) => {
                bytes.extend(v6.flowinfo().to_be_bytes());
                bytes.extend(v6.ip().octets());
                bytes.extend(v6.scope_id().to_le_bytes());
            }
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_written_is_read_again() {
        for text in ["192.0.2.1:80", "[2001:db8::1]:443", "[fe80::1%3]:9"] {
            let address: SocketAddr = text.parse().unwrap();
            assert_eq!(Name::decode(&Name::encode(address)), Ok(Name::Inet(address)));
        }
    }

    #[test]
    fn the_scope_may_be_left_out() {
        let bytes = Name::encode("[fe80::1%3]:9".parse().unwrap());
        assert_eq!(Name::decode(&bytes[..24]), Ok(Name::Inet("[fe80::1]:9".parse().unwrap())));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let v4 = Name::encode("192.0.2.1:80".parse().unwrap());
        let v6 = Name::encode("[::1]:80".parse().unwrap());
        let table: [(&[u8], _); 8] = [
            (&[], Err(Errno::EINVAL)),
            (&[2], Err(Errno::EINVAL)),
            (&v4[..15], Err(Errno::EINVAL)),
            (&v6[..23], Err(Errno::EINVAL)),
            (&[0; 129], Err(Errno::EINVAL)),
            (&[1, 0, b'/', 0], Err(Errno::EAFNOSUPPORT)),
            (&[17, 0, 0, 0], Err(Errno::EAFNOSUPPORT)),
            (&[0, 0], Ok(Name::Unspecified)),
        ];
        for (bytes, expected) in table {
            assert_eq!(Name::decode(bytes), expected, "{bytes:?}");
        }
    }
}
