//! Multicast: which groups a UDP socket is in, and how it sends to them (RFC 3678, RFC 3493 5.2).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use fathom_stack::{InterfaceId, UdpOptions};

use super::int;
use crate::consts::*;
use crate::file::{Fd, Kind};
use crate::{Errno, Kernel, Name, Result};

/// Offset of the first and second address of `struct group_req` and `struct group_source_req`, and their length.
const GROUP: usize = 8;
const SOURCE: usize = GROUP + STORAGE;
const STORAGE: usize = crate::SOCKADDR_STORAGE_LEN;

/// What is to be done with a group.
#[derive(Clone, Copy)]
enum Change {
    Join,
    Leave,
    JoinSource,
    LeaveSource,
    Block,
    Unblock,
}

/// A group, and where, and for some whose datagrams.
struct Wanted {
    group: IpAddr,
    source: Option<IpAddr>,
    interface: Option<InterfaceId>,
}

impl Kernel {
    /// The choices of sockets that send to groups, which are those of UDP.
    pub(super) fn multicast_options(&mut self, fd: Fd) -> Result<UdpOptions> {
        match &self.files.socket(fd)?.kind {
            Kind::Udp(_) => self.udp_options(fd),
            Kind::Tcp(_) => Err(Errno::ENOPROTOOPT),
            Kind::Icmp(_) | Kind::Raw(_) => Err(Errno::EOPNOTSUPP),
        }
    }

    pub(super) fn set_multicast_hop_limit(&mut self, fd: Fd, hop_limit: u8) -> Result<()> {
        self.multicast_options(fd)?;
        // RFC 1122 3.2.1.7 forbids 0. Linux has it for datagrams that stay on the host.
        if hop_limit == 0 {
            return Err(Errno::EOPNOTSUPP);
        }
        self.change_udp(fd, |options| options.multicast_hop_limit = hop_limit)
    }

    pub(super) fn set_multicast_loop(&mut self, fd: Fd, on: bool) -> Result<()> {
        self.multicast_options(fd)?;
        self.change_udp(fd, |options| options.multicast_loop = on)
    }

    pub(super) fn set_multicast_all(&mut self, fd: Fd, on: bool) -> Result<()> {
        self.multicast_options(fd)?;
        self.change_udp(fd, |options| options.multicast_all = on)
    }

    pub(super) fn set_group(&mut self, fd: Fd, name: i32, value: &[u8], v6: bool) -> Result<()> {
        if let Kind::Tcp(_) = self.files.socket(fd)?.kind {
            return Err(Errno::EPROTO);
        }
        self.multicast_options(fd)?;
        let (change, wanted) = self.group_change(name, value, v6)?;
        self.udp_open(fd)?;
        let mut udp = self.udp(fd).ok_or(Errno::EBADF)?;
        let Wanted { group, source, interface } = wanted;
        let named = source.ok_or(Errno::EINVAL);
        match change {
            Change::Join => udp.join_multicast(group, interface)?,
            Change::Leave => udp.leave_multicast(group, interface)?,
            Change::JoinSource => udp.join_source(group, named?, interface)?,
            Change::LeaveSource => udp.leave_source(group, named?, interface)?,
            Change::Block => udp.block_source(group, named?, interface)?,
            Change::Unblock => udp.unblock_source(group, named?, interface)?,
        }
        Ok(())
    }

    fn group_change(&self, name: i32, value: &[u8], v6: bool) -> Result<(Change, Wanted)> {
        if v6 && matches!(name, IPV6_JOIN_GROUP | IPV6_LEAVE_GROUP) {
            let change = if name == IPV6_JOIN_GROUP { Change::Join } else { Change::Leave };
            return Ok((change, self.ipv6_mreq(value)?));
        }
        let change = match name {
            IP_ADD_MEMBERSHIP | MCAST_JOIN_GROUP => Change::Join,
            IP_DROP_MEMBERSHIP | MCAST_LEAVE_GROUP => Change::Leave,
            IP_ADD_SOURCE_MEMBERSHIP | MCAST_JOIN_SOURCE_GROUP => Change::JoinSource,
            IP_DROP_SOURCE_MEMBERSHIP | MCAST_LEAVE_SOURCE_GROUP => Change::LeaveSource,
            IP_BLOCK_SOURCE | MCAST_BLOCK_SOURCE => Change::Block,
            IP_UNBLOCK_SOURCE | MCAST_UNBLOCK_SOURCE => Change::Unblock,
            _ => return Err(Errno::ENOPROTOOPT),
        };
        let with_source = !matches!(change, Change::Join | Change::Leave);
        let wanted = match name {
            MCAST_JOIN_GROUP.. => self.group_req(value, with_source)?,
            _ => self.ip_mreq(value, with_source)?,
        };
        Ok((change, wanted))
    }

    /// `struct ipv6_mreq`.
    fn ipv6_mreq(&self, value: &[u8]) -> Result<Wanted> {
        let group: &[u8; 16] = value.first_chunk().ok_or(Errno::EINVAL)?;
        let index = int(value.get(16..).ok_or(Errno::EINVAL)?)?;
        let interface = self.named_interface(index, Ipv4Addr::UNSPECIFIED)?;
        Ok(Wanted { group: Ipv6Addr::from(*group).into(), source: None, interface })
    }

    /// `struct ip_mreq`, `struct ip_mreqn`, or `struct ip_mreq_source`.
    fn ip_mreq(&self, value: &[u8], with_source: bool) -> Result<Wanted> {
        let address = |at: usize| {
            let bytes: Option<&[u8; 4]> = value.get(at..).and_then(<[u8]>::first_chunk);
            bytes.map(|bytes| Ipv4Addr::from(*bytes)).ok_or(Errno::EINVAL)
        };
        let (group, ours) = (address(0)?, address(4)?);
        if !group.is_multicast() {
            return Err(Errno::EINVAL);
        }
        let (source, index) = match with_source {
            true => (Some(address(8)?.into()), 0),
            false if value.len() >= 12 => (None, int(&value[8..])?),
            false => (None, 0),
        };
        let interface = self.named_interface(index, ours).map_err(|_| Errno::ENODEV)?;
        Ok(Wanted { group: group.into(), source, interface })
    }

    /// `struct group_req` or `struct group_source_req`.
    fn group_req(&self, value: &[u8], with_source: bool) -> Result<Wanted> {
        let address = |at: usize| match Name::decode(value.get(at..at + STORAGE).ok_or(Errno::EINVAL)?)? {
            Name::Inet(address) => Ok(address.ip()),
            Name::Unspecified => Err(Errno::EADDRNOTAVAIL),
        };
        let interface = self.named_interface(int(value)?, Ipv4Addr::UNSPECIFIED)?;
        let source = if with_source { Some(address(SOURCE)?) } else { None };
        Ok(Wanted { group: address(GROUP)?, source, interface })
    }
}
