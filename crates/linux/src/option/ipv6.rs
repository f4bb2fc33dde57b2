//! `SOL_IPV6` (RFC 3493 5, RFC 3542).

use fathom_stack::InterfaceId;

use super::ip::{ALL_TOLD, HOP_LIMIT_TOLD, discovery, from_discovery};
use super::{Sockets, from_bool, from_int, int, within};
use crate::consts::*;
use crate::file::{Fd, Kind};
use crate::tcp::State;
use crate::{Errno, Kernel, Result};

impl Kernel {
    pub(super) fn set_ipv6_option(&mut self, fd: Fd, name: i32, value: &[u8]) -> Result<()> {
        match name {
            IPV6_JOIN_GROUP | IPV6_LEAVE_GROUP | MCAST_JOIN_GROUP..=MCAST_LEAVE_SOURCE_GROUP => {
                return self.set_group(fd, name, value, true);
            }
            _ => {}
        }
        let number = int(value)?;
        let on = number != 0;
        // -1 stands for what a socket begins with.
        let byte = |default: u8| -> Result<u8> {
            match within(value, -1, 255)? {
                -1 => Ok(default),
                number => Ok(number as u8),
            }
        };
        let possible = match name {
            IPV6_RECVHOPLIMIT => Some(HOP_LIMIT_TOLD),
            IPV6_RECVPKTINFO | IPV6_RECVTCLASS => Some(ALL_TOLD),
            IPV6_ORIGDSTADDR => Some(Sockets::UDP),
            _ => None,
        };
        self.check_told(fd, possible.filter(|_| on))?;
        let tells = &mut self.files.socket_mut(fd)?.common.tells;
        match name {
            IPV6_RECVPKTINFO => tells.packet_info6 = on,
            IPV6_RECVHOPLIMIT => tells.hop_limit6 = on,
            IPV6_RECVTCLASS => tells.traffic_class6 = on,
            IPV6_ORIGDSTADDR => tells.original_destination6 = on,
            IPV6_V6ONLY => return self.set_only_v6(fd, on),
            IPV6_UNICAST_HOPS => {
                let hop_limit = byte(self.settings.config.hop_limit)?;
                return if hop_limit == 0 {
                    Err(Errno::EOPNOTSUPP)
                } else {
                    self.set_hop_limit(fd, hop_limit)
                };
            }
            IPV6_TCLASS => {
                let tos = byte(0)?;
                return self.set_tos(fd, tos);
            }
            IPV6_RECVERR => return self.set_report_errors(fd, on),
            IPV6_MTU_DISCOVER => return self.set_discovery(fd, discovery(number)?),
            IPV6_MULTICAST_HOPS => {
                let hop_limit = byte(1)?;
                return self.set_multicast_hop_limit(fd, hop_limit);
            }
            IPV6_MULTICAST_LOOP => {
                within(value, 0, 1)?;
                return self.set_multicast_loop(fd, on);
            }
            IPV6_MULTICAST_ALL => return self.set_multicast_all(fd, on),
            IPV6_MULTICAST_IF => {
                let interface = self.named_interface(number, std::net::Ipv4Addr::UNSPECIFIED)?;
                self.multicast_options(fd)?;
                return self.change_udp(fd, |options| options.multicast_interface = interface);
            }
            IPV6_CHECKSUM => {
                let possible = self.checksum_offset(fd)?;
                return Kernel::only(value, int(&possible)?);
            }
            IPV6_AUTOFLOWLABEL => return Kernel::only(value, 1),
            IPV6_DONTFRAG
            | IPV6_RECVPATHMTU
            | IPV6_FLOWINFO
            | IPV6_FLOWINFO_SEND
            | IPV6_RECVHOPOPTS
            | IPV6_RECVRTHDR
            | IPV6_RECVDSTOPTS
            | IPV6_HDRINCL
            | IPV6_ROUTER_ALERT_ISOLATE
            | IPV6_RECVERR_RFC4884
            | IPV6_MINHOPCOUNT
            | IPV6_TRANSPARENT
            | IPV6_UNICAST_IF
            | IPV6_RECVFRAGSIZE
            | IPV6_FREEBIND => {
                return if on { Err(Errno::EOPNOTSUPP) } else { Ok(()) };
            }
            _ => return Err(Errno::ENOPROTOOPT),
        }
        Ok(())
    }

    pub(super) fn ipv6_option(&mut self, fd: Fd, name: i32) -> Result<Vec<u8>> {
        let common = &self.files.socket(fd)?.common;
        let tells = common.tells;
        Ok(match name {
            IPV6_RECVPKTINFO => from_bool(tells.packet_info6),
            IPV6_RECVHOPLIMIT => from_bool(tells.hop_limit6),
            IPV6_RECVTCLASS => from_bool(tells.traffic_class6),
            IPV6_ORIGDSTADDR => from_bool(tells.original_destination6),
            IPV6_V6ONLY => from_bool(common.only_v6),
            IPV6_RECVERR => from_bool(common.report_errors),
            IPV6_UNICAST_HOPS => from_int(self.hop_limit(fd)?.into()),
            IPV6_TCLASS => from_int(self.tos(fd)?.into()),
            IPV6_MTU_DISCOVER => from_discovery(self.discovery(fd)?),
            IPV6_MTU => from_int(self.path_mtu(fd)?),
            IPV6_MULTICAST_HOPS => from_int(self.multicast_options(fd)?.multicast_hop_limit.into()),
            IPV6_MULTICAST_LOOP => from_bool(self.multicast_options(fd)?.multicast_loop),
            IPV6_MULTICAST_ALL => from_bool(self.multicast_options(fd)?.multicast_all),
            IPV6_MULTICAST_IF => {
                let interface = self.multicast_options(fd)?.multicast_interface;
                from_int(interface.map_or(0, InterfaceId::scope_id) as i32)
            }
            IPV6_CHECKSUM => self.checksum_offset(fd)?,
            IPV6_AUTOFLOWLABEL => from_int(1),
            IPV6_DONTFRAG
            | IPV6_RECVPATHMTU
            | IPV6_FLOWINFO
            | IPV6_FLOWINFO_SEND
            | IPV6_RECVHOPOPTS
            | IPV6_RECVRTHDR
            | IPV6_RECVDSTOPTS
            | IPV6_HDRINCL
            | IPV6_ROUTER_ALERT_ISOLATE
            | IPV6_RECVERR_RFC4884
            | IPV6_MINHOPCOUNT
            | IPV6_TRANSPARENT
            | IPV6_UNICAST_IF
            | IPV6_RECVFRAGSIZE
            | IPV6_FREEBIND => from_int(0),
            _ => return Err(Errno::ENOPROTOOPT),
        })
    }

    /// Only before the socket has an address.
    fn set_only_v6(&mut self, fd: Fd, on: bool) -> Result<()> {
        let socket = self.files.socket_mut(fd)?;
        let settled = match &socket.kind {
            Kind::Tcp(tcp) => tcp.bound.is_some() || tcp.state != State::Closed,
            Kind::Udp(udp) => udp.id.is_some(),
            Kind::Icmp(_) | Kind::Raw(_) => false,
        };
        if settled {
            return Err(Errno::EINVAL);
        }
        socket.common.only_v6 = on;
        Ok(())
    }
}
