//! What a script's lines of options say (`--name=value`).

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// The kind of sockets and packets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum IpVersion {
    /// IPv4 sockets, IPv4 packets.
    #[default]
    V4,
    /// IPv6 sockets, IPv4 packets (RFC 4291 2.5.5.2).
    V4Mapped,
    /// IPv6 sockets, IPv6 packets.
    V6,
}

impl IpVersion {
    /// Whether packets are IPv6.
    pub const fn is_v6_on_wire(self) -> bool {
        matches!(self, IpVersion::V6)
    }

    /// Whether sockets are `AF_INET6`.
    pub const fn is_v6_socket(self) -> bool {
        !matches!(self, IpVersion::V4)
    }
}

/// Values by the names under which expressions and packets use them.
pub type Defines = BTreeMap<String, String>;

/// How a script wants to be run.
#[derive(Clone, PartialEq, Debug)]
pub struct Settings {
    /// `--ip_version`
    pub ip_version: IpVersion,
    /// `--tolerance_usecs`: by how much an event may be early or late; 4 ms.
    pub tolerance: Duration,
    /// `--tolerance_percent`: the same as a part of the time since the event before it, if that is more; 0.
    pub tolerance_percent: f64,
    /// `--mtu` of the interface in bytes; 1500.
    pub mtu: u16,
    /// `--bind_port`: the local port of `...` in `bind`; 8080.
    pub bind_port: u16,
    /// `--connect_port`: the remote port of `...` in `connect`; 8080.
    pub connect_port: u16,
    /// `--local_ip`: our address.
    pub local: Option<IpAddr>,
    /// `--remote_ip`: the peers' address.
    pub remote: Option<IpAddr>,
    /// `--gateway_ip`: the next hop towards the peers.
    pub gateway: Option<IpAddr>,
    /// `--netmask_ip` or `--prefix_len`: length of the prefix of our network.
    pub prefix: Option<u8>,
    /// `--tcp_ts_tick_usecs`: length of a tick of the timestamps; with it they may be off by the tolerance.
    pub timestamp_tick: Option<Duration>,
    /// `--define=NAME=value`
    pub defines: Defines,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            ip_version: IpVersion::V4,
            tolerance: Duration::from_micros(4_000),
            tolerance_percent: 0.0,
            mtu: 1500,
            bind_port: 8080,
            connect_port: 8080,
            local: None,
            remote: None,
            gateway: None,
            prefix: None,
            timestamp_tick: None,
            defines: Defines::new(),
        }
    }
}

impl Settings {
    /// Our address.
    pub fn local(&self) -> IpAddr {
        self.local.unwrap_or(match self.ip_version {
            IpVersion::V6 => IpAddr::V6(Ipv6Addr::new(0xfd3d, 0x0a0b, 0x17d6, 0, 0, 0, 0, 1)),
            IpVersion::V4 | IpVersion::V4Mapped => IpAddr::V4(Ipv4Addr::new(192, 168, 0, 1)),
        })
    }

    /// The peers' address.
    pub fn remote(&self) -> IpAddr {
        self.remote.unwrap_or(match self.ip_version {
            IpVersion::V6 => IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
            IpVersion::V4 | IpVersion::V4Mapped => IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        })
    }

    /// The next hop towards the peers.
    pub fn gateway(&self) -> IpAddr {
        self.gateway.unwrap_or(match self.ip_version {
            IpVersion::V6 => IpAddr::V6(Ipv6Addr::new(0xfd3d, 0x0a0b, 0x17d6, 0, 0, 0, 0, 2)),
            IpVersion::V4 | IpVersion::V4Mapped => IpAddr::V4(Ipv4Addr::new(192, 168, 0, 2)),
        })
    }

    /// Length of the prefix of our network.
    pub fn prefix(&self) -> u8 {
        self.prefix.unwrap_or(if self.ip_version.is_v6_on_wire() { 48 } else { 16 })
    }
}
