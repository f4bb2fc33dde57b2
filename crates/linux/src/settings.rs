//! What a [`Kernel`](crate::Kernel) is made from: names and values, as of `sysctl`.
//!
//! Settings that Linux has have Linux's names, units and meaning; those of the engine that Linux has as
//! constants, or as options of a route, have names of the same make with their unit. A value that the engine
//! cannot honour is refused, never ignored.

mod table;
mod value;

use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use fathom_stack::{Config, IpCidr, Keepalive, Medium, PathMtuDiscovery, Seed, TcpOptions, UdpOptions};
use fathom_wire::{Ecn, EthernetAddress};

pub use table::{SETTINGS, Setting};

/// Why a setting was not taken. The message says what is possible.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SettingError {
    /// No setting has this name.
    #[error("there is no setting `{0}`")]
    UnknownName(String),
    /// It is not of the form `name=value`.
    #[error("`{0}` is not of the form name=value")]
    NoValue(String),
    /// The value is none for this setting.
    #[error("{name}={value}: the value is {expected}")]
    BadValue {
        /// The setting.
        name: &'static str,
        /// What it was to be.
        value: String,
        /// What it can be.
        expected: &'static str,
    },
    /// Linux has this value, and the engine has not what it asks for.
    #[error("{name}={value}: {what} is not there yet; the value can be {possible}")]
    NotThere {
        /// The setting.
        name: &'static str,
        /// What it was to be.
        value: String,
        /// What the engine lacks.
        what: &'static str,
        /// What it can be.
        possible: &'static str,
    },
    /// An address, route or gateway that contradicts others.
    #[error("{name}={value}: {reason}")]
    Contradiction {
        /// The setting.
        name: &'static str,
        /// What it was to be.
        value: String,
        /// Why that cannot be.
        reason: String,
    },
}

/// The settings of a [`Kernel`](crate::Kernel), with Linux's defaults where the engine has the same.
///
/// ```
/// use fathom_linux::{Kernel, Settings};
///
/// let mut settings = Settings::default();
/// settings.set("address", "192.0.2.1/24")?;
/// settings.set("net.ipv4.tcp_sack", "0")?;
/// let kernel = Kernel::new(&settings)?;
/// assert_eq!(kernel.now_us(), 0);
///
/// // The same, from a text.
/// let settings: Settings = "address=192.0.2.1/24; tcp_sack=0".parse()?;
/// # Kernel::new(&settings)?;
/// let error = settings.clone().set("tcp_ecn", "1").unwrap_err();
/// assert_eq!(error.to_string(), "tcp_ecn=1: ECN (RFC 3168) is not there yet; the value can be 0");
/// # Ok::<(), fathom_linux::SettingError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Settings {
    pub(crate) config: Config,
    pub(crate) tcp: TcpOptions,
    pub(crate) keepalive: Keepalive,
    pub(crate) seed: Seed,
    pub(crate) interface: String,
    pub(crate) medium: Medium,
    pub(crate) mtu: usize,
    pub(crate) addresses: Vec<IpCidr>,
    pub(crate) gateways: Vec<IpAddr>,
    pub(crate) routes: Vec<(IpCidr, Option<IpAddr>)>,
    pub(crate) local: Vec<IpCidr>,
    /// Packets that wait to be taken.
    pub(crate) queue: usize,
    pub(crate) files: usize,
    pub(crate) somaxconn: usize,
    pub(crate) only_v6: bool,
    /// Least and most that `SO_SNDBUF` and `SO_RCVBUF` set, in Linux's count.
    pub(crate) send_buffers: Buffers,
    pub(crate) receive_buffers: Buffers,
    pub(crate) autotune_receive: bool,
}

/// Bounds of one direction's buffers, in Linux's count: twice the data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Buffers {
    /// The least that a TCP socket can choose.
    pub(crate) tcp_min: usize,
    /// The most that any socket can choose, before it is doubled.
    pub(crate) max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        let mut config = Config::default();
        // What 15 retransmissions take (`tcp_retries2`).
        config.tcp.user_timeout = Duration::from_millis(924_600);
        // The number of SYNs bounds it.
        config.tcp.connect_timeout = Duration::from_secs(24 * 3600);
        Settings {
            tcp: TcpOptions { syn_retries: Some(6), ..TcpOptions::default() },
            keepalive: Keepalive::default(),
            seed: Seed::from_u64(0),
            interface: "tun0".to_owned(),
            medium: Medium::Ip,
            mtu: 1500,
            addresses: Vec::new(),
            gateways: Vec::new(),
            routes: Vec::new(),
            local: Vec::new(),
            queue: 1000,
            files: 1024,
            somaxconn: 4096,
            only_v6: false,
            send_buffers: Buffers { tcp_min: 4608, max: 4 << 20 },
            receive_buffers: Buffers { tcp_min: 2304, max: 4 << 20 },
            autotune_receive: true,
            config,
        }
    }
}

impl Settings {
    /// Sets `name` to `value`. Names may have the prefix of their sysctl (`net.ipv4.`, `net.ipv6.`,
    /// `net.core.`). `address`, `gateway`, `route` and `local` add one each time.
    ///
    /// # Errors
    /// [`SettingError`].
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), SettingError> {
        let (name, value) = (name.trim(), value.trim());
        let prefixes = ["net.ipv4.", "net.ipv6.", "net.core.", "net/ipv4/", "net/ipv6/", "net/core/"];
        let plain = prefixes.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
        let setting = SETTINGS
            .iter()
            .find(|setting| setting.name == plain)
            .ok_or_else(|| SettingError::UnknownName(name.to_owned()))?;
        setting.apply(self, value)
    }

    /// The choices of a UDP socket that makes none.
    pub(crate) fn udp(&self) -> UdpOptions {
        UdpOptions {
            hop_limit: self.config.hop_limit,
            multicast_hop_limit: 1,
            multicast_loop: true,
            multicast_interface: None,
            // As in Linux, where a socket hears groups that others have joined (`IP_MULTICAST_ALL`).
            multicast_all: true,
            dscp: 0,
            ecn: Ecn::NotEct,
            broadcast: false,
            path_mtu_discovery: PathMtuDiscovery::Want,
            report_errors: false,
            receive_offload: false,
            receive_buffer: self.config.datagram.receive_buffer,
            send_buffer: self.config.datagram.send_buffer,
        }
    }

    /// The settings in effect when an interface has Ethernet frames.
    pub(crate) fn set_mac(&mut self, address: EthernetAddress) {
        self.medium = Medium::Ethernet { address };
    }
}

/// Lines (or parts between semicolons) of the form `name=value`; what follows a `#` is a comment.
impl FromStr for Settings {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Self, SettingError> {
        let mut settings = Settings::default();
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or_default();
            for part in line.split(';').map(str::trim).filter(|part| !part.is_empty()) {
                let (name, value) =
                    part.split_once('=').ok_or_else(|| SettingError::NoValue(part.to_owned()))?;
                settings.set(name, value)?;
            }
        }
        Ok(settings)
    }
}

#[cfg(test)]
mod tests;
