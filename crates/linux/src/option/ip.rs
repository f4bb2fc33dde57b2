//! `SOL_IP`.

use std::net::{IpAddr, Ipv4Addr};

use fathom_stack::{InterfaceId, PathMtuDiscovery};

use super::{Sockets, fixed, from_bool, from_int, int};
use crate::consts::*;
use crate::file::{Fd, Kind};
use crate::message::{from_tos, tos};
use crate::{Errno, Kernel, Result};

/// A number of one byte or four; nothing is 0.
fn number(value: &[u8]) -> Result<i32> {
    match value {
        [] => Ok(0),
        [byte, ..] if value.len() < 4 => Ok((*byte).into()),
        _ => int(value),
    }
}

/// One byte, where `most` is 255; -1 stands for `default`.
fn byte(value: &[u8], least: i32, default: u8) -> Result<u8> {
    match number(value)? {
        -1 => Ok(default),
        number if (least..256).contains(&number) => Ok(number as u8),
        _ => Err(Errno::EINVAL),
    }
}

pub(super) fn discovery(value: i32) -> Result<PathMtuDiscovery> {
    match value {
        IP_PMTUDISC_DONT => Ok(PathMtuDiscovery::Off),
        IP_PMTUDISC_WANT => Ok(PathMtuDiscovery::Want),
        IP_PMTUDISC_DO => Ok(PathMtuDiscovery::Do),
        IP_PMTUDISC_PROBE => Ok(PathMtuDiscovery::Probe),
        IP_PMTUDISC_INTERFACE | IP_PMTUDISC_OMIT => Err(Errno::EOPNOTSUPP),
        _ => Err(Errno::EINVAL),
    }
}

pub(super) fn from_discovery(discovery: PathMtuDiscovery) -> Vec<u8> {
    from_int(match discovery {
        PathMtuDiscovery::Off => IP_PMTUDISC_DONT,
        PathMtuDiscovery::Want => IP_PMTUDISC_WANT,
        PathMtuDiscovery::Do => IP_PMTUDISC_DO,
        PathMtuDiscovery::Probe => IP_PMTUDISC_PROBE,
    })
}

/// The sockets that tell the hop limit of what they receive, and those that tell all.
pub(super) const HOP_LIMIT_TOLD: Sockets = ALL_TOLD.and(Sockets::ICMP);
pub(super) const ALL_TOLD: Sockets = Sockets::UDP.and(Sockets::RAW);

impl Kernel {
    /// A socket that cannot tell what a program wants to know says so.
    pub(super) fn check_told(&self, fd: Fd, possible: Option<Sockets>) -> Result<()> {
        let kind = Sockets::of(&self.files.socket(fd)?.kind);
        if possible.is_none_or(|possible| possible.contains(kind)) { Ok(()) } else { Err(Errno::EOPNOTSUPP) }
    }

    pub(super) fn set_ip_option(&mut self, fd: Fd, name: i32, value: &[u8]) -> Result<()> {
        let is_stream = matches!(self.files.socket(fd)?.kind, Kind::Tcp(_));
        match name {
            IP_MULTICAST_IF | IP_MULTICAST_TTL if is_stream => return Err(Errno::EINVAL),
            IP_ADD_MEMBERSHIP..=IP_DROP_SOURCE_MEMBERSHIP | MCAST_JOIN_GROUP..=MCAST_LEAVE_SOURCE_GROUP => {
                return self.set_group(fd, name, value, false);
            }
            IP_MULTICAST_IF => return self.set_multicast_interface_v4(fd, value),
            _ => {}
        }
        let value_number = number(value)?;
        let on = value_number != 0;
        let possible = match name {
            IP_RECVTTL => Some(HOP_LIMIT_TOLD),
            IP_PKTINFO | IP_RECVTOS => Some(ALL_TOLD),
            IP_ORIGDSTADDR => Some(Sockets::UDP),
            _ => None,
        };
        self.check_told(fd, possible.filter(|_| on))?;
        let tells = &mut self.files.socket_mut(fd)?.common.tells;
        match name {
            IP_PKTINFO => tells.packet_info = on,
            IP_RECVTTL => tells.ttl = on,
            IP_RECVTOS => tells.tos = on,
            IP_ORIGDSTADDR => tells.original_destination = on,
            IP_TTL => {
                let default = self.settings.config.hop_limit;
                let hop_limit = byte(value, 1, default)?;
                return self.set_hop_limit(fd, hop_limit);
            }
            IP_TOS => return self.set_tos(fd, (value_number & 0xff) as u8),
            IP_RECVERR => return self.set_report_errors(fd, on),
            IP_MTU_DISCOVER => return self.set_discovery(fd, discovery(value_number)?),
            IP_HDRINCL => return self.set_header_included(fd, on),
            IP_MULTICAST_TTL => {
                let hop_limit = byte(value, 0, 1)?;
                return self.set_multicast_hop_limit(fd, hop_limit);
            }
            IP_MULTICAST_LOOP => return self.set_multicast_loop(fd, on),
            IP_MULTICAST_ALL if !(0..=1).contains(&value_number) => return Err(Errno::EINVAL),
            IP_MULTICAST_ALL => return self.set_multicast_all(fd, on),
            IP_RECVOPTS
            | IP_RETOPTS
            | IP_PASSSEC
            | IP_FREEBIND
            | IP_TRANSPARENT
            | IP_MINTTL
            | IP_NODEFRAG
            | IP_CHECKSUM
            | IP_BIND_ADDRESS_NO_PORT
            | IP_RECVFRAGSIZE
            | IP_RECVERR_RFC4884
            | IP_UNICAST_IF
            | IP_LOCAL_PORT_RANGE => return if on { Err(Errno::EOPNOTSUPP) } else { Ok(()) },
            _ => return Err(Errno::ENOPROTOOPT),
        }
        Ok(())
    }

    pub(super) fn ip_option(&mut self, fd: Fd, name: i32) -> Result<Vec<u8>> {
        let common = &self.files.socket(fd)?.common;
        let tells = common.tells;
        Ok(match name {
            IP_PKTINFO => from_bool(tells.packet_info),
            IP_RECVTTL => from_bool(tells.ttl),
            IP_RECVTOS => from_bool(tells.tos),
            IP_ORIGDSTADDR => from_bool(tells.original_destination),
            IP_TTL => from_int(self.hop_limit(fd)?.into()),
            IP_TOS => from_int(self.tos(fd)?.into()),
            IP_RECVERR => from_bool(common.report_errors),
            IP_MTU_DISCOVER => from_discovery(self.discovery(fd)?),
            IP_MTU => from_int(self.path_mtu(fd)?),
            IP_HDRINCL => {
                from_bool(self.raw_socket(fd).map_err(|_| Errno::ENOPROTOOPT)?.options.header_included)
            }
            IP_MULTICAST_TTL => from_int(self.multicast_options(fd)?.multicast_hop_limit.into()),
            IP_MULTICAST_LOOP => from_bool(self.multicast_options(fd)?.multicast_loop),
            IP_MULTICAST_ALL => from_bool(self.multicast_options(fd)?.multicast_all),
            IP_MULTICAST_IF => self.multicast_interface_v4(fd)?.octets().to_vec(),
            IP_PROTOCOL => from_int(self.raw_socket(fd).map_err(|_| Errno::ENOPROTOOPT)?.protocol),
            // There are none.
            IP_OPTIONS => Vec::new(),
            IP_RECVOPTS
            | IP_RETOPTS
            | IP_PASSSEC
            | IP_FREEBIND
            | IP_TRANSPARENT
            | IP_MINTTL
            | IP_NODEFRAG
            | IP_CHECKSUM
            | IP_BIND_ADDRESS_NO_PORT
            | IP_RECVFRAGSIZE
            | IP_RECVERR_RFC4884
            | IP_UNICAST_IF
            | IP_LOCAL_PORT_RANGE => from_int(0),
            _ => return Err(Errno::ENOPROTOOPT),
        })
    }

    /// Hop limit of what goes to single hosts.
    pub(super) fn set_hop_limit(&mut self, fd: Fd, hop_limit: u8) -> Result<()> {
        match &self.files.socket(fd)?.kind {
            Kind::Tcp(_) => self.change_tcp(
                fd,
                |options| options.hop_limit = Some(hop_limit),
                |tcp, _| tcp.set_hop_limit(Some(hop_limit)),
            ),
            Kind::Udp(_) => self.change_udp(fd, |options| options.hop_limit = hop_limit),
            Kind::Raw(_) => self.change_raw(fd, |options| options.hop_limit = hop_limit),
            Kind::Icmp(_) => {
                self.icmp_socket(fd)?.hop_limit = Some(hop_limit);
                Ok(())
            }
        }
    }

    pub(super) fn hop_limit(&mut self, fd: Fd) -> Result<u8> {
        let default = self.settings.config.hop_limit;
        Ok(match &self.files.socket(fd)?.kind {
            Kind::Tcp(tcp) => tcp.options.hop_limit.unwrap_or(default),
            Kind::Udp(_) => self.udp_options(fd)?.hop_limit,
            Kind::Raw(raw) => raw.options.hop_limit,
            Kind::Icmp(icmp) => icmp.hop_limit.unwrap_or(default),
        })
    }

    /// The whole byte. The congestion field of TCP is TCP's, and stays as it is, as in Linux.
    pub(super) fn set_tos(&mut self, fd: Fd, tos: u8) -> Result<()> {
        let (dscp, ecn) = from_tos(tos);
        match &self.files.socket(fd)?.kind {
            Kind::Tcp(_) => self.change_tcp(fd, |options| options.dscp = dscp, |tcp, _| tcp.set_dscp(dscp)),
            Kind::Udp(_) => self.change_udp(fd, |options| (options.dscp, options.ecn) = (dscp, ecn)),
            Kind::Raw(_) => self.change_raw(fd, |options| options.dscp = dscp),
            Kind::Icmp(_) if tos == 0 => Ok(()),
            Kind::Icmp(_) => Err(Errno::EOPNOTSUPP),
        }
    }

    pub(super) fn tos(&mut self, fd: Fd) -> Result<u8> {
        Ok(match &self.files.socket(fd)?.kind {
            Kind::Tcp(tcp) => tcp.options.dscp << 2,
            Kind::Udp(_) => {
                let options = self.udp_options(fd)?;
                tos(options.dscp, options.ecn)
            }
            Kind::Raw(raw) => raw.options.dscp << 2,
            Kind::Icmp(_) => 0,
        })
    }

    /// `IP_RECVERR` and `IPV6_RECVERR`, which are one here.
    pub(super) fn set_report_errors(&mut self, fd: Fd, on: bool) -> Result<()> {
        match &self.files.socket(fd)?.kind {
            Kind::Udp(_) => self.change_udp(fd, |options| options.report_errors = on)?,
            Kind::Icmp(_) => {}
            // The engine tells TCP's errors by its calls, and raw sockets none.
            Kind::Tcp(_) | Kind::Raw(_) if !on => {}
            Kind::Tcp(_) | Kind::Raw(_) => return Err(Errno::EOPNOTSUPP),
        }
        self.files.socket_mut(fd)?.common.report_errors = on;
        Ok(())
    }

    pub(super) fn set_discovery(&mut self, fd: Fd, discovery: PathMtuDiscovery) -> Result<()> {
        match &self.files.socket(fd)?.kind {
            Kind::Udp(_) => self.change_udp(fd, |options| options.path_mtu_discovery = discovery),
            _ if discovery == PathMtuDiscovery::Want => Ok(()),
            _ => Err(Errno::EOPNOTSUPP),
        }
    }

    pub(super) fn discovery(&mut self, fd: Fd) -> Result<PathMtuDiscovery> {
        match &self.files.socket(fd)?.kind {
            Kind::Udp(_) => Ok(self.udp_options(fd)?.path_mtu_discovery),
            _ => Ok(PathMtuDiscovery::Want),
        }
    }

    /// Of the path to whom the socket is connected to.
    pub(super) fn path_mtu(&mut self, fd: Fd) -> Result<i32> {
        let mtu = match &self.files.socket(fd)?.kind {
            Kind::Udp(_) => self.udp(fd).and_then(|udp| udp.path_mtu()),
            Kind::Tcp(_) => self.tcp_connection(fd).and_then(|tcp| tcp.path_mtu()),
            Kind::Icmp(_) | Kind::Raw(_) => return Err(Errno::EOPNOTSUPP),
        };
        Ok(mtu.ok_or(Errno::ENOTCONN)? as i32)
    }

    fn set_header_included(&mut self, fd: Fd, on: bool) -> Result<()> {
        match &self.files.socket(fd)?.kind {
            Kind::Raw(_) => self.change_raw(fd, |options| options.header_included = on),
            _ => Err(Errno::ENOPROTOOPT),
        }
    }

    /// `struct in_addr`, `struct ip_mreq` or `struct ip_mreqn`: an address of the interface, or its index.
    fn set_multicast_interface_v4(&mut self, fd: Fd, value: &[u8]) -> Result<()> {
        let address = |at: usize| {
            value.get(at..).and_then(<[u8]>::first_chunk).map(|bytes: &[u8; 4]| Ipv4Addr::from(*bytes))
        };
        let (address, index) = match value.len() {
            12.. => (address(4), int(&value[8..])?),
            8.. => (address(4), 0),
            _ => (address(0), 0),
        };
        let address = address.ok_or(Errno::EINVAL)?;
        let interface = self.named_interface(index, address)?;
        self.multicast_options(fd)?;
        self.change_udp(fd, |options| options.multicast_interface = interface)
    }

    /// The interface of an index, or of one of our addresses; `None` for neither.
    pub(super) fn named_interface(&self, index: i32, address: Ipv4Addr) -> Result<Option<InterfaceId>> {
        if index != 0 {
            let named = u32::try_from(index).ok().and_then(|index| self.interface_of(index));
            return Ok(Some(named.ok_or(Errno::ENODEV)?));
        }
        if address.is_unspecified() {
            return Ok(None);
        }
        let ours =
            |id: InterfaceId| self.stack.addresses(id).any(|cidr| cidr.address() == IpAddr::V4(address));
        if ours(self.interface) { Ok(Some(self.interface)) } else { Err(Errno::EADDRNOTAVAIL) }
    }

    fn multicast_interface_v4(&mut self, fd: Fd) -> Result<Ipv4Addr> {
        let Some(id) = self.multicast_options(fd)?.multicast_interface else {
            return Ok(Ipv4Addr::UNSPECIFIED);
        };
        let mut ours = self.stack.addresses(id).filter_map(|cidr| match cidr.address() {
            IpAddr::V4(v4) => Some(v4),
            IpAddr::V6(_) => None,
        });
        Ok(ours.next().unwrap_or(Ipv4Addr::UNSPECIFIED))
    }

    /// A choice that has one value.
    pub(super) fn only(value: &[u8], possible: i32) -> Result<()> {
        fixed(value, possible)
    }
}
