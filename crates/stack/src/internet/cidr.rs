//! Addresses with the length of their network's prefix.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::str::FromStr;

/// An address and how many of its leading bits name its network (RFC 4632 3.1, RFC 4291 2.3).
///
/// As an interface's address all bits count; as a route's destination those behind the prefix do not.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct IpCidr {
    address: IpAddr,
    prefix_len: u8,
}

/// A text is not an address with a prefix length.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not an address with a prefix length, such as 192.0.2.1/24 or 2001:db8::1/64")]
pub struct ParseCidrError;

impl IpCidr {
    /// All IPv4 addresses: the destination of an IPv4 default route.
    pub const IPV4_ANY: IpCidr = IpCidr { address: IpAddr::V4(Ipv4Addr::UNSPECIFIED), prefix_len: 0 };
    /// All IPv6 addresses: the destination of an IPv6 default route.
    pub const IPV6_ANY: IpCidr = IpCidr { address: IpAddr::V6(Ipv6Addr::UNSPECIFIED), prefix_len: 0 };

    /// `address` in a network of `prefix_len` leading bits; `None` when the address has fewer bits.
    pub fn new(address: impl Into<IpAddr>, prefix_len: u8) -> Option<Self> {
        let address = address.into();
        (prefix_len <= bits(address)).then_some(IpCidr { address, prefix_len })
    }

    /// The network that consists of `address` alone.
    pub fn host(address: impl Into<IpAddr>) -> Self {
        let address = address.into();
        IpCidr { address, prefix_len: bits(address) }
    }

    /// The address with all its bits.
    pub const fn address(self) -> IpAddr {
        self.address
    }

    /// Leading bits that name the network.
    pub const fn prefix_len(self) -> u8 {
        self.prefix_len
    }

    /// The network: the bits behind the prefix are zero.
    pub fn network(self) -> IpCidr {
        IpCidr { address: mask(self.address, self.prefix_len), prefix_len: self.prefix_len }
    }

    /// Whether `address` is in the network.
    pub fn contains(self, address: IpAddr) -> bool {
        self.address.is_ipv4() == address.is_ipv4()
            && mask(self.address, self.prefix_len) == mask(address, self.prefix_len)
    }

    /// The directed broadcast address of an IPv4 network (RFC 919, RFC 922). Networks of one or two
    /// addresses have none (RFC 3021 2.2).
    pub fn broadcast(self) -> Option<Ipv4Addr> {
        match self.address {
            IpAddr::V4(v4) if self.prefix_len < 31 => {
                Some(Ipv4Addr::from_bits(v4.to_bits() | (u32::MAX >> self.prefix_len)))
            }
            _ => None,
        }
    }
}

/// How many bits an address of this family has.
pub(crate) const fn bits(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// `address` with all but its first `prefix_len` bits cleared.
pub(crate) fn mask(address: IpAddr, prefix_len: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let kept = u32::MAX.checked_shl(32 - u32::from(prefix_len)).unwrap_or(0);
            Ipv4Addr::from_bits(v4.to_bits() & kept).into()
        }
        IpAddr::V6(v6) => {
            let kept = u128::MAX.checked_shl(128 - u32::from(prefix_len)).unwrap_or(0);
            Ipv6Addr::from_bits(v6.to_bits() & kept).into()
        }
    }
}

impl fmt::Display for IpCidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_len)
    }
}

impl FromStr for IpCidr {
    type Err = ParseCidrError;

    fn from_str(text: &str) -> Result<Self, ParseCidrError> {
        let (address, prefix_len) = text.split_once('/').ok_or(ParseCidrError)?;
        let address: IpAddr = address.parse().map_err(|_| ParseCidrError)?;
        let prefix_len = prefix_len.parse().map_err(|_| ParseCidrError)?;
        IpCidr::new(address, prefix_len).ok_or(ParseCidrError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn cidr(text: &str) -> IpCidr {
        text.parse().unwrap()
    }

    #[test]
    fn text_is_parsed_and_written() {
        for text in ["10.0.0.1/24", "0.0.0.0/0", "2001:db8::1/64", "::1/128"] {
            assert_eq!(cidr(text).to_string(), text);
        }
        for text in ["10.0.0.1", "10.0.0.1/33", "10.0.0/8", "::/129", "/8", "::1/-1"] {
            assert_eq!(text.parse::<IpCidr>(), Err(ParseCidrError), "{text}");
        }
    }

    #[test]
    fn a_network_contains_what_shares_its_prefix() {
        let table = [
            ("10.0.0.1/24", "10.0.0.255", true),
            ("10.0.0.1/24", "10.0.1.0", false),
            ("0.0.0.0/0", "255.1.2.3", true),
            ("0.0.0.0/0", "::", false),
            ("192.0.2.7/32", "192.0.2.7", true),
            ("192.0.2.7/32", "192.0.2.6", false),
            ("2001:db8::/63", "2001:db8:0:1::9", true),
            ("2001:db8::/64", "2001:db8:0:1::9", false),
        ];
        for (network, address, expected) in table {
            assert_eq!(cidr(network).contains(address.parse().unwrap()), expected, "{network} {address}");
        }
    }

    #[test]
    fn small_networks_have_no_broadcast_address() {
        let table = [
            ("192.0.2.1/24", Some([192, 0, 2, 255])),
            ("192.0.2.1/30", Some([192, 0, 2, 3])),
            ("192.0.2.1/31", None),
            ("192.0.2.1/32", None),
            ("0.0.0.0/0", Some([255, 255, 255, 255])),
            ("2001:db8::1/64", None),
        ];
        for (network, expected) in table {
            assert_eq!(cidr(network).broadcast(), expected.map(Ipv4Addr::from), "{network}");
        }
    }
}
