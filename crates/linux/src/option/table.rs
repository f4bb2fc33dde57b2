//! All socket options of Linux, and what becomes of each here.

use crate::consts::*;
use crate::file::Kind;

/// Kinds of sockets, as a set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sockets(u8);

impl Sockets {
    /// `SOCK_STREAM`.
    pub const TCP: Sockets = Sockets(1);
    /// `SOCK_DGRAM`.
    pub const UDP: Sockets = Sockets(2);
    /// `SOCK_DGRAM` with `IPPROTO_ICMP` or `IPPROTO_ICMPV6`.
    pub const ICMP: Sockets = Sockets(4);
    /// `SOCK_RAW`.
    pub const RAW: Sockets = Sockets(8);
    /// All of them.
    pub const ALL: Sockets = Sockets(15);

    /// Those of both sets.
    pub const fn and(self, others: Sockets) -> Sockets {
        Sockets(self.0 | others.0)
    }

    /// Whether `others` are among them.
    pub const fn contains(self, others: Sockets) -> bool {
        self.0 & others.0 == others.0
    }

    /// Their names, such as `TCP, UDP`.
    pub fn names(self) -> String {
        let all = [("TCP", Self::TCP), ("UDP", Self::UDP), ("ICMP", Self::ICMP), ("raw", Self::RAW)];
        let names = all.iter().filter(|(_, kind)| self.contains(*kind)).map(|(name, _)| *name);
        if self == Self::ALL { "all".to_owned() } else { names.collect::<Vec<_>>().join(", ") }
    }

    pub(crate) fn of(kind: &Kind) -> Sockets {
        match kind {
            Kind::Tcp(_) => Sockets::TCP,
            Kind::Udp(_) => Sockets::UDP,
            Kind::Icmp(_) => Sockets::ICMP,
            Kind::Raw(_) => Sockets::RAW,
        }
    }
}

/// What becomes of an option.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// It is read and set.
    Works,
    /// It is read only.
    Told,
    /// It is read only, and only of a socket that is connected.
    ToldOfConnected,
    /// It is set only.
    Set,
    /// It has one value. Setting another gives [`EOPNOTSUPP`](crate::Errno::EOPNOTSUPP).
    Only(i32),
    /// It is not there: reading and setting it gives [`ENOPROTOOPT`](crate::Errno::ENOPROTOOPT).
    NotThere,
}

impl Status {
    /// What a program can do, in a few words.
    pub fn words(self) -> String {
        match self {
            Status::Works => "get, set".to_owned(),
            Status::Told => "get".to_owned(),
            Status::ToldOfConnected => "get, connected".to_owned(),
            Status::Set => "set".to_owned(),
            Status::Only(value) => format!("only {value}; `EOPNOTSUPP`"),
            Status::NotThere => "`ENOPROTOOPT`".to_owned(),
        }
    }
}

/// A socket option of Linux.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SocketOption {
    /// Its level, such as [`SOL_TCP`].
    pub level: i32,
    /// The name of that.
    pub level_name: &'static str,
    /// Its number.
    pub number: i32,
    /// Its name.
    pub name: &'static str,
    /// The sockets that have it as said here; others refuse it.
    pub sockets: Sockets,
    /// What becomes of it.
    pub status: Status,
    /// What it does here where Linux's manual does not say it, or why it is not there.
    pub about: &'static str,
}

macro_rules! options {
    ($($level:ident { $($name:ident, $sockets:expr, $status:expr, $about:literal;)* })*) => {
        /// All socket options that Linux has at the levels that sockets of TCP, UDP, ICMP and raw ones have.
        pub const OPTIONS: &[SocketOption] = &[$($(SocketOption {
            level: $level,
            level_name: stringify!($level),
            number: $name,
            name: stringify!($name),
            sockets: $sockets,
            status: $status,
            about: $about,
        }),*),*];
    };
}

const TCP: Sockets = Sockets::TCP;
const UDP: Sockets = Sockets::UDP;
const RAW: Sockets = Sockets::RAW;
const ALL: Sockets = Sockets::ALL;
const UDP_RAW: Sockets = UDP.and(RAW);
const UDP_ICMP: Sockets = UDP.and(Sockets::ICMP);
const DATAGRAMS: Sockets = UDP_RAW.and(Sockets::ICMP);
const NOT_ICMP: Sockets = TCP.and(UDP_RAW);
const WORKS: Status = Status::Works;
const TOLD: Status = Status::Told;
const SET: Status = Status::Set;
const OFF: Status = Status::Only(0);
const NONE: Status = Status::NotThere;

options! {
    SOL_SOCKET {
        SO_REUSEADDR, ALL, WORKS, "";
        SO_REUSEPORT, ALL, WORKS, "";
        SO_BROADCAST, ALL, WORKS, "";
        SO_SNDBUF, NOT_ICMP, WORKS, "Half of what it says is for data. `wmem_max` bounds it.";
        SO_RCVBUF, NOT_ICMP, WORKS, "Half of what it says is for data. `rmem_max` bounds it.";
        SO_SNDBUFFORCE, NOT_ICMP, SET, "Without the bound, and without a privilege.";
        SO_RCVBUFFORCE, NOT_ICMP, SET, "Without the bound, and without a privilege.";
        SO_KEEPALIVE, TCP, WORKS, "";
        SO_LINGER, ALL, WORKS, "Zero resets the connection. No call waits for another time.";
        SO_RCVLOWAT, TCP, WORKS, "";
        SO_SNDLOWAT, ALL, TOLD, "1.";
        SO_RCVTIMEO, ALL, WORKS, "Kept for whoever makes calls that wait of those that do not.";
        SO_SNDTIMEO, ALL, WORKS, "The same.";
        SO_RCVTIMEO_NEW, ALL, WORKS, "The same.";
        SO_SNDTIMEO_NEW, ALL, WORKS, "The same.";
        SO_BINDTODEVICE, NOT_ICMP, WORKS, "`lo`, or the name of the interface. Before a TCP socket connects or listens, and a UDP socket has a port.";
        SO_BINDTOIFINDEX, NOT_ICMP, WORKS, "The same; the index of the interface is 1.";
        SO_TYPE, ALL, TOLD, "";
        SO_PROTOCOL, ALL, TOLD, "";
        SO_DOMAIN, ALL, TOLD, "";
        SO_ERROR, ALL, TOLD, "";
        SO_ACCEPTCONN, ALL, TOLD, "";
        SO_PEERNAME, NOT_ICMP, Status::ToldOfConnected, "";
        SO_TIMESTAMP, DATAGRAMS, WORKS, "The time is that of the host.";
        SO_TIMESTAMPNS, DATAGRAMS, WORKS, "The same.";
        SO_TIMESTAMP_NEW, DATAGRAMS, WORKS, "The same.";
        SO_TIMESTAMPNS_NEW, DATAGRAMS, WORKS, "The same.";
        SO_RXQ_OVFL, UDP_RAW, WORKS, "";
        SO_OOBINLINE, ALL, Status::Only(1), "Urgent data is data (RFC 6093).";
        SO_PEEK_OFF, ALL, Status::Only(-1), "";
        SO_MAX_PACING_RATE, ALL, Status::Only(-1), "Nothing is paced.";
        SO_DEBUG, ALL, OFF, "";
        SO_DONTROUTE, ALL, OFF, "";
        SO_NO_CHECK, ALL, OFF, "";
        SO_PRIORITY, ALL, OFF, "There is one queue.";
        SO_MARK, ALL, OFF, "There is one routing table.";
        SO_ZEROCOPY, ALL, OFF, "";
        SO_TIMESTAMPING, ALL, OFF, "";
        SO_BSDCOMPAT, ALL, NONE, "Linux takes no notice of it.";
        SO_PASSCRED, ALL, NONE, "Of Unix sockets.";
        SO_PEERCRED, ALL, NONE, "Of Unix sockets.";
        SO_PEERSEC, ALL, NONE, "Of Unix sockets.";
        SO_PASSSEC, ALL, NONE, "Of Unix sockets.";
        SO_PEERGROUPS, ALL, NONE, "Of Unix sockets.";
        SO_PASSPIDFD, ALL, NONE, "Of Unix sockets.";
        SO_PEERPIDFD, ALL, NONE, "Of Unix sockets.";
        SO_ATTACH_FILTER, ALL, NONE, "There are no packet filters.";
        SO_DETACH_FILTER, ALL, NONE, "There are no packet filters.";
        SO_LOCK_FILTER, ALL, NONE, "There are no packet filters.";
        SO_ATTACH_BPF, ALL, NONE, "There are no packet filters.";
        SO_ATTACH_REUSEPORT_CBPF, ALL, NONE, "There are no packet filters.";
        SO_ATTACH_REUSEPORT_EBPF, ALL, NONE, "There are no packet filters.";
        SO_DETACH_REUSEPORT_BPF, ALL, NONE, "There are no packet filters.";
        SO_WIFI_STATUS, ALL, NONE, "";
        SO_NOFCS, ALL, NONE, "";
        SO_SELECT_ERR_QUEUE, ALL, NONE, "";
        SO_BUSY_POLL, ALL, NONE, "There is no device to poll.";
        SO_PREFER_BUSY_POLL, ALL, NONE, "There is no device to poll.";
        SO_BUSY_POLL_BUDGET, ALL, NONE, "There is no device to poll.";
        SO_INCOMING_CPU, ALL, NONE, "";
        SO_INCOMING_NAPI_ID, ALL, NONE, "";
        SO_CNX_ADVICE, ALL, NONE, "";
        SO_MEMINFO, ALL, NONE, "";
        SO_COOKIE, ALL, NONE, "";
        SO_TXTIME, ALL, NONE, "";
        SO_TIMESTAMPING_NEW, ALL, NONE, "";
        SO_NETNS_COOKIE, ALL, NONE, "";
        SO_BUF_LOCK, ALL, NONE, "";
        SO_RESERVE_MEM, ALL, NONE, "";
        SO_TXREHASH, ALL, NONE, "";
        SO_RCVMARK, ALL, NONE, "";
        SO_RCVPRIORITY, ALL, NONE, "";
    }
    SOL_TCP {
        TCP_NODELAY, TCP, WORKS, "";
        TCP_CORK, TCP, WORKS, "";
        TCP_MAXSEG, TCP, WORKS, "";
        TCP_KEEPIDLE, TCP, WORKS, "";
        TCP_KEEPINTVL, TCP, WORKS, "";
        TCP_KEEPCNT, TCP, WORKS, "";
        TCP_SYNCNT, TCP, WORKS, "";
        TCP_USER_TIMEOUT, TCP, WORKS, "";
        TCP_NOTSENT_LOWAT, TCP, WORKS, "";
        TCP_QUICKACK, TCP, WORKS, "Of a connection; before there is one it is set.";
        TCP_CONGESTION, TCP, WORKS, "`cubic` or `reno`; `ENOENT` for others.";
        TCP_INQ, TCP, WORKS, "";
        TCP_INFO, TCP, TOLD, "See below.";
        TCP_CC_INFO, TCP, TOLD, "Nothing, as of Linux's CUBIC and Reno.";
        TCP_LINGER2, TCP, Status::Only(60), "What `tcp_fin_timeout` says.";
        TCP_RTO_MAX_MS, TCP, Status::Only(120_000), "What the setting says.";
        TCP_RTO_MIN_US, TCP, Status::Only(200_000), "What the setting says.";
        TCP_DELACK_MAX_US, TCP, Status::Only(40_000), "What `tcp_delack_ms` says.";
        TCP_DEFER_ACCEPT, TCP, OFF, "A connection is accepted when it stands.";
        TCP_WINDOW_CLAMP, TCP, OFF, "`SO_RCVBUF` bounds the window.";
        TCP_FASTOPEN, TCP, OFF, "There is no TCP Fast Open (RFC 7413) yet.";
        TCP_FASTOPEN_CONNECT, TCP, OFF, "The same.";
        TCP_FASTOPEN_NO_COOKIE, TCP, OFF, "The same.";
        TCP_FASTOPEN_KEY, TCP, NONE, "The same.";
        TCP_THIN_LINEAR_TIMEOUTS, TCP, OFF, "";
        TCP_THIN_DUPACK, TCP, OFF, "Linux takes no notice of it.";
        TCP_SAVE_SYN, TCP, OFF, "";
        TCP_SAVED_SYN, TCP, NONE, "";
        TCP_TX_DELAY, TCP, OFF, "The caller owns the link.";
        TCP_TIMESTAMP, TCP, NONE, "";
        TCP_REPAIR, TCP, NONE, "A connection cannot be moved.";
        TCP_REPAIR_QUEUE, TCP, NONE, "The same.";
        TCP_QUEUE_SEQ, TCP, NONE, "The same.";
        TCP_REPAIR_OPTIONS, TCP, NONE, "The same.";
        TCP_REPAIR_WINDOW, TCP, NONE, "The same.";
        TCP_MD5SIG, TCP, NONE, "There are no signatures (RFC 2385).";
        TCP_MD5SIG_EXT, TCP, NONE, "The same.";
        TCP_AO_ADD_KEY, TCP, NONE, "There is no authentication (RFC 5925).";
        TCP_AO_DEL_KEY, TCP, NONE, "The same.";
        TCP_AO_INFO, TCP, NONE, "The same.";
        TCP_AO_GET_KEYS, TCP, NONE, "The same.";
        TCP_AO_REPAIR, TCP, NONE, "The same.";
        TCP_ULP, TCP, NONE, "";
        TCP_ZEROCOPY_RECEIVE, TCP, NONE, "";
        TCP_IS_MPTCP, TCP, NONE, "";
    }
    SOL_UDP {
        UDP_CORK, UDP, WORKS, "";
        UDP_SEGMENT, UDP, WORKS, "";
        UDP_GRO, UDP, WORKS, "";
        UDP_ENCAP, UDP, OFF, "";
        UDP_NO_CHECK6_TX, UDP, OFF, "";
        UDP_NO_CHECK6_RX, UDP, OFF, "";
    }
    SOL_IP {
        IP_TTL, ALL, WORKS, "";
        IP_TOS, NOT_ICMP, WORKS, "TCP and raw sockets take the upper six bits.";
        IP_PKTINFO, UDP_RAW, WORKS, "";
        IP_RECVTTL, DATAGRAMS, WORKS, "";
        IP_RECVTOS, UDP_RAW, WORKS, "";
        IP_ORIGDSTADDR, UDP, WORKS, "";
        IP_RECVERR, UDP_ICMP, WORKS, "";
        IP_MTU_DISCOVER, UDP, WORKS, "TCP, ICMP and raw sockets have `IP_PMTUDISC_WANT`.";
        IP_MTU, TCP.and(UDP), Status::ToldOfConnected, "";
        IP_HDRINCL, RAW, WORKS, "";
        IP_MULTICAST_IF, UDP, WORKS, "";
        IP_MULTICAST_TTL, UDP, WORKS, "0 gives `EOPNOTSUPP`: `IP_MULTICAST_LOOP` keeps datagrams on the host.";
        IP_MULTICAST_LOOP, UDP, WORKS, "";
        IP_MULTICAST_ALL, UDP, WORKS, "";
        IP_ADD_MEMBERSHIP, UDP, SET, "";
        IP_DROP_MEMBERSHIP, UDP, SET, "";
        IP_ADD_SOURCE_MEMBERSHIP, UDP, SET, "";
        IP_DROP_SOURCE_MEMBERSHIP, UDP, SET, "";
        IP_BLOCK_SOURCE, UDP, SET, "";
        IP_UNBLOCK_SOURCE, UDP, SET, "";
        MCAST_JOIN_GROUP, UDP, SET, "";
        MCAST_LEAVE_GROUP, UDP, SET, "";
        MCAST_JOIN_SOURCE_GROUP, UDP, SET, "";
        MCAST_LEAVE_SOURCE_GROUP, UDP, SET, "";
        MCAST_BLOCK_SOURCE, UDP, SET, "";
        MCAST_UNBLOCK_SOURCE, UDP, SET, "";
        IP_PROTOCOL, RAW, TOLD, "";
        IP_OPTIONS, ALL, TOLD, "None: RFC 7126 has them dropped on the way.";
        IP_RECVOPTS, ALL, OFF, "";
        IP_RETOPTS, ALL, OFF, "";
        IP_PASSSEC, ALL, OFF, "";
        IP_FREEBIND, ALL, OFF, "The setting `local` makes addresses local.";
        IP_TRANSPARENT, ALL, OFF, "The same.";
        IP_MINTTL, ALL, OFF, "";
        IP_NODEFRAG, ALL, OFF, "";
        IP_CHECKSUM, ALL, OFF, "";
        IP_BIND_ADDRESS_NO_PORT, ALL, OFF, "";
        IP_RECVFRAGSIZE, ALL, OFF, "";
        IP_RECVERR_RFC4884, ALL, OFF, "";
        IP_UNICAST_IF, ALL, OFF, "There is one interface.";
        IP_LOCAL_PORT_RANGE, ALL, OFF, "The setting `ip_local_port_range` is that of all sockets.";
        IP_ROUTER_ALERT, ALL, NONE, "";
        IP_PKTOPTIONS, ALL, NONE, "";
        IP_IPSEC_POLICY, ALL, NONE, "";
        IP_XFRM_POLICY, ALL, NONE, "";
        IP_MSFILTER, ALL, NONE, "`IP_ADD_SOURCE_MEMBERSHIP` and its like do it one by one.";
        MCAST_MSFILTER, ALL, NONE, "The same.";
    }
    SOL_IPV6 {
        IPV6_V6ONLY, TCP.and(UDP), WORKS, "";
        IPV6_UNICAST_HOPS, ALL, WORKS, "0 gives `EOPNOTSUPP` (RFC 1122 3.2.1.7).";
        IPV6_TCLASS, NOT_ICMP, WORKS, "TCP and raw sockets take the upper six bits.";
        IPV6_RECVPKTINFO, UDP_RAW, WORKS, "";
        IPV6_RECVHOPLIMIT, DATAGRAMS, WORKS, "";
        IPV6_RECVTCLASS, UDP_RAW, WORKS, "";
        IPV6_ORIGDSTADDR, UDP, WORKS, "";
        IPV6_RECVERR, UDP_ICMP, WORKS, "The same as `IP_RECVERR`.";
        IPV6_MTU_DISCOVER, UDP, WORKS, "The same as `IP_MTU_DISCOVER`.";
        IPV6_MTU, TCP.and(UDP), Status::ToldOfConnected, "";
        IPV6_MULTICAST_IF, UDP, WORKS, "";
        IPV6_MULTICAST_HOPS, UDP, WORKS, "As `IP_MULTICAST_TTL`.";
        IPV6_MULTICAST_LOOP, UDP, WORKS, "";
        IPV6_MULTICAST_ALL, UDP, WORKS, "";
        IPV6_JOIN_GROUP, UDP, SET, "";
        IPV6_LEAVE_GROUP, UDP, SET, "";
        MCAST_JOIN_GROUP, UDP, SET, "";
        MCAST_LEAVE_GROUP, UDP, SET, "";
        MCAST_JOIN_SOURCE_GROUP, UDP, SET, "";
        MCAST_LEAVE_SOURCE_GROUP, UDP, SET, "";
        MCAST_BLOCK_SOURCE, UDP, SET, "";
        MCAST_UNBLOCK_SOURCE, UDP, SET, "";
        IPV6_CHECKSUM, RAW, Status::Only(-1), "2 of `IPPROTO_ICMPV6`, where the checksum is filled in.";
        IPV6_AUTOFLOWLABEL, ALL, Status::Only(1), "Flow labels are those of RFC 6437.";
        IPV6_DONTFRAG, ALL, OFF, "`IPV6_MTU_DISCOVER` does it.";
        IPV6_RECVPATHMTU, ALL, OFF, "";
        IPV6_FLOWINFO, ALL, OFF, "";
        IPV6_FLOWINFO_SEND, ALL, OFF, "";
        IPV6_RECVHOPOPTS, ALL, OFF, "";
        IPV6_RECVRTHDR, ALL, OFF, "";
        IPV6_RECVDSTOPTS, ALL, OFF, "";
        IPV6_HDRINCL, RAW, OFF, "";
        IPV6_ROUTER_ALERT_ISOLATE, ALL, OFF, "";
        IPV6_RECVERR_RFC4884, ALL, OFF, "";
        IPV6_MINHOPCOUNT, ALL, OFF, "";
        IPV6_TRANSPARENT, ALL, OFF, "The setting `local` makes addresses local.";
        IPV6_FREEBIND, ALL, OFF, "The same.";
        IPV6_UNICAST_IF, ALL, OFF, "There is one interface.";
        IPV6_RECVFRAGSIZE, ALL, OFF, "";
        IPV6_ADDRFORM, ALL, NONE, "";
        IPV6_2292PKTINFO, ALL, NONE, "RFC 3542 has taken its place.";
        IPV6_2292HOPOPTS, ALL, NONE, "The same.";
        IPV6_2292DSTOPTS, ALL, NONE, "The same.";
        IPV6_2292RTHDR, ALL, NONE, "The same.";
        IPV6_2292PKTOPTIONS, ALL, NONE, "The same.";
        IPV6_2292HOPLIMIT, ALL, NONE, "The same.";
        IPV6_PKTINFO, ALL, NONE, "Only with `sendmsg`.";
        IPV6_HOPLIMIT, ALL, NONE, "Only with `sendmsg`.";
        IPV6_HOPOPTS, ALL, NONE, "No extension headers are sent.";
        IPV6_RTHDRDSTOPTS, ALL, NONE, "The same.";
        IPV6_RTHDR, ALL, NONE, "The same.";
        IPV6_DSTOPTS, ALL, NONE, "The same.";
        IPV6_ROUTER_ALERT, ALL, NONE, "";
        IPV6_JOIN_ANYCAST, ALL, NONE, "";
        IPV6_LEAVE_ANYCAST, ALL, NONE, "";
        IPV6_FLOWLABEL_MGR, ALL, NONE, "";
        IPV6_IPSEC_POLICY, ALL, NONE, "";
        IPV6_XFRM_POLICY, ALL, NONE, "";
        IPV6_PATHMTU, ALL, NONE, "`IPV6_MTU` tells it.";
        IPV6_ADDR_PREFERENCES, ALL, NONE, "";
        MCAST_MSFILTER, ALL, NONE, "`MCAST_JOIN_SOURCE_GROUP` and its like do it one by one.";
    }
    SOL_RAW {
        ICMP_FILTER, RAW, WORKS, "Of `IPPROTO_ICMP`; `EOPNOTSUPP` of others.";
    }
    SOL_ICMPV6 {
        ICMPV6_FILTER, RAW, WORKS, "Of `IPPROTO_ICMPV6`.";
    }
}

#[cfg(test)]
mod tests;
