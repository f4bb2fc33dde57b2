//! Linux's constants by their names, as they are on x86-64 (`sys/socket.h`, `netinet/in.h`, `netinet/tcp.h`,
//! `fcntl.h`, `poll.h`, `linux/sockios.h`), for every target.
//!
//! [`by_name`] finds one from its text, for interpreters.
#![allow(non_upper_case_globals, reason = "Linux's names")]

macro_rules! constants {
    ($($(#[$doc:meta])* $group:ident: $type:ty { $($name:ident = $value:expr;)* })*) => {
        $($(#[doc = concat!("`", stringify!($name), "`: ", stringify!($group), ".")]
            pub const $name: $type = $value;)*)*

        /// Every constant, with its group.
        #[cfg(test)]
        pub(crate) const ALL_NAMES: &[(&str, &str)] =
            &[$($((stringify!($group), stringify!($name)),)*)*];

        /// The value of the constant of this name.
        ///
        /// ```
        /// use fathom_linux::consts;
        ///
        /// assert_eq!(consts::by_name("SO_REUSEADDR"), Some(2));
        /// assert_eq!(consts::by_name("SO_WHAT"), None);
        /// ```
        pub fn by_name(name: &str) -> Option<i64> {
            match name {
                $($(stringify!($name) => Some(i64::from($name)),)*)*
                _ => None,
            }
        }
    };
}

constants! {
    address_families: i32 {
        AF_UNSPEC = 0;
        AF_INET = 2;
        AF_INET6 = 10;
    }
    socket_types: i32 {
        SOCK_STREAM = 1;
        SOCK_DGRAM = 2;
        SOCK_RAW = 3;
        SOCK_RDM = 4;
        SOCK_SEQPACKET = 5;
        SOCK_NONBLOCK = 0o4000;
        SOCK_CLOEXEC = 0o2000000;
    }
    protocols: i32 {
        IPPROTO_IP = 0;
        IPPROTO_ICMP = 1;
        IPPROTO_TCP = 6;
        IPPROTO_UDP = 17;
        IPPROTO_IPV6 = 41;
        IPPROTO_ICMPV6 = 58;
        IPPROTO_RAW = 255;
    }
    option_levels: i32 {
        SOL_IP = 0;
        SOL_SOCKET = 1;
        SOL_TCP = 6;
        SOL_UDP = 17;
        SOL_IPV6 = 41;
        SOL_ICMPV6 = 58;
        SOL_RAW = 255;
    }
    limits: i32 {
        SOMAXCONN = 4096;
    }
    message_flags: i32 {
        MSG_OOB = 1;
        MSG_PEEK = 2;
        MSG_DONTROUTE = 4;
        MSG_CTRUNC = 8;
        MSG_TRUNC = 0x20;
        MSG_DONTWAIT = 0x40;
        MSG_EOR = 0x80;
        MSG_WAITALL = 0x100;
        MSG_CONFIRM = 0x800;
        MSG_ERRQUEUE = 0x2000;
        MSG_NOSIGNAL = 0x4000;
        MSG_MORE = 0x8000;
        MSG_WAITFORONE = 0x10000;
        MSG_ZEROCOPY = 0x400_0000;
        MSG_FASTOPEN = 0x2000_0000;
        MSG_CMSG_CLOEXEC = 0x4000_0000;
    }
    shutdown_modes: i32 {
        SHUT_RD = 0;
        SHUT_WR = 1;
        SHUT_RDWR = 2;
    }
    socket_level_options: i32 {
        SO_DEBUG = 1;
        SO_REUSEADDR = 2;
        SO_TYPE = 3;
        SO_ERROR = 4;
        SO_DONTROUTE = 5;
        SO_BROADCAST = 6;
        SO_SNDBUF = 7;
        SO_RCVBUF = 8;
        SO_KEEPALIVE = 9;
        SO_OOBINLINE = 10;
        SO_NO_CHECK = 11;
        SO_PRIORITY = 12;
        SO_LINGER = 13;
        SO_BSDCOMPAT = 14;
        SO_REUSEPORT = 15;
        SO_PASSCRED = 16;
        SO_PEERCRED = 17;
        SO_RCVLOWAT = 18;
        SO_SNDLOWAT = 19;
        SO_RCVTIMEO = 20;
        SO_SNDTIMEO = 21;
        SO_BINDTODEVICE = 25;
        SO_ATTACH_FILTER = 26;
        SO_DETACH_FILTER = 27;
        SO_PEERNAME = 28;
        SO_TIMESTAMP = 29;
        SO_ACCEPTCONN = 30;
        SO_PEERSEC = 31;
        SO_SNDBUFFORCE = 32;
        SO_RCVBUFFORCE = 33;
        SO_PASSSEC = 34;
        SO_TIMESTAMPNS = 35;
        SO_MARK = 36;
        SO_TIMESTAMPING = 37;
        SO_PROTOCOL = 38;
        SO_DOMAIN = 39;
        SO_RXQ_OVFL = 40;
        SO_WIFI_STATUS = 41;
        SO_PEEK_OFF = 42;
        SO_NOFCS = 43;
        SO_LOCK_FILTER = 44;
        SO_SELECT_ERR_QUEUE = 45;
        SO_BUSY_POLL = 46;
        SO_MAX_PACING_RATE = 47;
        SO_INCOMING_CPU = 49;
        SO_ATTACH_BPF = 50;
        SO_ATTACH_REUSEPORT_CBPF = 51;
        SO_ATTACH_REUSEPORT_EBPF = 52;
        SO_CNX_ADVICE = 53;
        SO_MEMINFO = 55;
        SO_INCOMING_NAPI_ID = 56;
        SO_COOKIE = 57;
        SO_PEERGROUPS = 59;
        SO_ZEROCOPY = 60;
        SO_TXTIME = 61;
        SO_BINDTOIFINDEX = 62;
        SO_TIMESTAMP_NEW = 63;
        SO_TIMESTAMPNS_NEW = 64;
        SO_TIMESTAMPING_NEW = 65;
        SO_RCVTIMEO_NEW = 66;
        SO_SNDTIMEO_NEW = 67;
        SO_DETACH_REUSEPORT_BPF = 68;
        SO_PREFER_BUSY_POLL = 69;
        SO_BUSY_POLL_BUDGET = 70;
        SO_NETNS_COOKIE = 71;
        SO_BUF_LOCK = 72;
        SO_RESERVE_MEM = 73;
        SO_TXREHASH = 74;
        SO_RCVMARK = 75;
        SO_PASSPIDFD = 76;
        SO_PEERPIDFD = 77;
        SO_RCVPRIORITY = 82;
    }
    tcp_options: i32 {
        TCP_NODELAY = 1;
        TCP_MAXSEG = 2;
        TCP_CORK = 3;
        TCP_KEEPIDLE = 4;
        TCP_KEEPINTVL = 5;
        TCP_KEEPCNT = 6;
        TCP_SYNCNT = 7;
        TCP_LINGER2 = 8;
        TCP_DEFER_ACCEPT = 9;
        TCP_WINDOW_CLAMP = 10;
        TCP_INFO = 11;
        TCP_QUICKACK = 12;
        TCP_CONGESTION = 13;
        TCP_MD5SIG = 14;
        TCP_THIN_LINEAR_TIMEOUTS = 16;
        TCP_THIN_DUPACK = 17;
        TCP_USER_TIMEOUT = 18;
        TCP_REPAIR = 19;
        TCP_REPAIR_QUEUE = 20;
        TCP_QUEUE_SEQ = 21;
        TCP_REPAIR_OPTIONS = 22;
        TCP_FASTOPEN = 23;
        TCP_TIMESTAMP = 24;
        TCP_NOTSENT_LOWAT = 25;
        TCP_CC_INFO = 26;
        TCP_SAVE_SYN = 27;
        TCP_SAVED_SYN = 28;
        TCP_REPAIR_WINDOW = 29;
        TCP_FASTOPEN_CONNECT = 30;
        TCP_ULP = 31;
        TCP_MD5SIG_EXT = 32;
        TCP_FASTOPEN_KEY = 33;
        TCP_FASTOPEN_NO_COOKIE = 34;
        TCP_ZEROCOPY_RECEIVE = 35;
        TCP_INQ = 36;
        TCP_TX_DELAY = 37;
        TCP_AO_ADD_KEY = 38;
        TCP_AO_DEL_KEY = 39;
        TCP_AO_INFO = 40;
        TCP_AO_GET_KEYS = 41;
        TCP_AO_REPAIR = 42;
        TCP_IS_MPTCP = 43;
        TCP_RTO_MAX_MS = 44;
        TCP_RTO_MIN_US = 45;
        TCP_DELACK_MAX_US = 46;
    }
    tcp_states: u8 {
        TCP_ESTABLISHED = 1;
        TCP_SYN_SENT = 2;
        TCP_SYN_RECV = 3;
        TCP_FIN_WAIT1 = 4;
        TCP_FIN_WAIT2 = 5;
        TCP_TIME_WAIT = 6;
        TCP_CLOSE = 7;
        TCP_CLOSE_WAIT = 8;
        TCP_LAST_ACK = 9;
        TCP_LISTEN = 10;
        TCP_CLOSING = 11;
    }
    tcp_info_options: u8 {
        TCPI_OPT_TIMESTAMPS = 1;
        TCPI_OPT_SACK = 2;
        TCPI_OPT_WSCALE = 4;
        TCPI_OPT_ECN = 8;
        TCPI_OPT_ECN_SEEN = 16;
        TCPI_OPT_SYN_DATA = 32;
        TCPI_OPT_USEC_TS = 64;
        TCPI_OPT_TFO_CHILD = 128;
    }
    tcp_congestion_states: u8 {
        TCP_CA_Open = 0;
        TCP_CA_Disorder = 1;
        TCP_CA_CWR = 2;
        TCP_CA_Recovery = 3;
        TCP_CA_Loss = 4;
    }
    udp_options: i32 {
        UDP_CORK = 1;
        UDP_ENCAP = 100;
        UDP_NO_CHECK6_TX = 101;
        UDP_NO_CHECK6_RX = 102;
        UDP_SEGMENT = 103;
        UDP_GRO = 104;
    }
    ip_options: i32 {
        IP_TOS = 1;
        IP_TTL = 2;
        IP_HDRINCL = 3;
        IP_OPTIONS = 4;
        IP_ROUTER_ALERT = 5;
        IP_RECVOPTS = 6;
        IP_RETOPTS = 7;
        IP_PKTINFO = 8;
        IP_PKTOPTIONS = 9;
        IP_MTU_DISCOVER = 10;
        IP_RECVERR = 11;
        IP_RECVTTL = 12;
        IP_RECVTOS = 13;
        IP_MTU = 14;
        IP_FREEBIND = 15;
        IP_IPSEC_POLICY = 16;
        IP_XFRM_POLICY = 17;
        IP_PASSSEC = 18;
        IP_TRANSPARENT = 19;
        IP_ORIGDSTADDR = 20;
        IP_MINTTL = 21;
        IP_NODEFRAG = 22;
        IP_CHECKSUM = 23;
        IP_BIND_ADDRESS_NO_PORT = 24;
        IP_RECVFRAGSIZE = 25;
        IP_RECVERR_RFC4884 = 26;
        IP_MULTICAST_IF = 32;
        IP_MULTICAST_TTL = 33;
        IP_MULTICAST_LOOP = 34;
        IP_ADD_MEMBERSHIP = 35;
        IP_DROP_MEMBERSHIP = 36;
        IP_UNBLOCK_SOURCE = 37;
        IP_BLOCK_SOURCE = 38;
        IP_ADD_SOURCE_MEMBERSHIP = 39;
        IP_DROP_SOURCE_MEMBERSHIP = 40;
        IP_MSFILTER = 41;
        MCAST_JOIN_GROUP = 42;
        MCAST_BLOCK_SOURCE = 43;
        MCAST_UNBLOCK_SOURCE = 44;
        MCAST_LEAVE_GROUP = 45;
        MCAST_JOIN_SOURCE_GROUP = 46;
        MCAST_LEAVE_SOURCE_GROUP = 47;
        MCAST_MSFILTER = 48;
        IP_MULTICAST_ALL = 49;
        IP_UNICAST_IF = 50;
        IP_LOCAL_PORT_RANGE = 51;
        IP_PROTOCOL = 52;
    }
    path_mtu_modes: i32 {
        IP_PMTUDISC_DONT = 0;
        IP_PMTUDISC_WANT = 1;
        IP_PMTUDISC_DO = 2;
        IP_PMTUDISC_PROBE = 3;
        IP_PMTUDISC_INTERFACE = 4;
        IP_PMTUDISC_OMIT = 5;
        IPV6_PMTUDISC_DONT = 0;
        IPV6_PMTUDISC_WANT = 1;
        IPV6_PMTUDISC_DO = 2;
        IPV6_PMTUDISC_PROBE = 3;
    }
    raw_options: i32 {
        ICMP_FILTER = 1;
        ICMPV6_FILTER = 1;
    }
    ipv6_options: i32 {
        IPV6_ADDRFORM = 1;
        IPV6_2292PKTINFO = 2;
        IPV6_2292HOPOPTS = 3;
        IPV6_2292DSTOPTS = 4;
        IPV6_2292RTHDR = 5;
        IPV6_2292PKTOPTIONS = 6;
        IPV6_CHECKSUM = 7;
        IPV6_2292HOPLIMIT = 8;
        IPV6_FLOWINFO = 11;
        IPV6_UNICAST_HOPS = 16;
        IPV6_MULTICAST_IF = 17;
        IPV6_MULTICAST_HOPS = 18;
        IPV6_MULTICAST_LOOP = 19;
        IPV6_JOIN_GROUP = 20;
        IPV6_LEAVE_GROUP = 21;
        IPV6_ROUTER_ALERT = 22;
        IPV6_MTU_DISCOVER = 23;
        IPV6_MTU = 24;
        IPV6_RECVERR = 25;
        IPV6_V6ONLY = 26;
        IPV6_JOIN_ANYCAST = 27;
        IPV6_LEAVE_ANYCAST = 28;
        IPV6_MULTICAST_ALL = 29;
        IPV6_ROUTER_ALERT_ISOLATE = 30;
        IPV6_RECVERR_RFC4884 = 31;
        IPV6_FLOWLABEL_MGR = 32;
        IPV6_FLOWINFO_SEND = 33;
        IPV6_IPSEC_POLICY = 34;
        IPV6_XFRM_POLICY = 35;
        IPV6_HDRINCL = 36;
        IPV6_RECVPKTINFO = 49;
        IPV6_PKTINFO = 50;
        IPV6_RECVHOPLIMIT = 51;
        IPV6_HOPLIMIT = 52;
        IPV6_RECVHOPOPTS = 53;
        IPV6_HOPOPTS = 54;
        IPV6_RTHDRDSTOPTS = 55;
        IPV6_RECVRTHDR = 56;
        IPV6_RTHDR = 57;
        IPV6_RECVDSTOPTS = 58;
        IPV6_DSTOPTS = 59;
        IPV6_RECVPATHMTU = 60;
        IPV6_PATHMTU = 61;
        IPV6_DONTFRAG = 62;
        IPV6_RECVTCLASS = 66;
        IPV6_TCLASS = 67;
        IPV6_AUTOFLOWLABEL = 70;
        IPV6_ADDR_PREFERENCES = 72;
        IPV6_MINHOPCOUNT = 73;
        IPV6_ORIGDSTADDR = 74;
        IPV6_TRANSPARENT = 75;
        IPV6_UNICAST_IF = 76;
        IPV6_RECVFRAGSIZE = 77;
        IPV6_FREEBIND = 78;
    }
    error_origins: u8 {
        SO_EE_ORIGIN_NONE = 0;
        SO_EE_ORIGIN_LOCAL = 1;
        SO_EE_ORIGIN_ICMP = 2;
        SO_EE_ORIGIN_ICMP6 = 3;
    }
    descriptor_commands: i32 {
        F_DUPFD = 0;
        F_GETFD = 1;
        F_SETFD = 2;
        F_GETFL = 3;
        F_SETFL = 4;
        FD_CLOEXEC = 1;
        O_RDWR = 2;
        O_APPEND = 0o2000;
        O_NONBLOCK = 0o4000;
        O_ASYNC = 0o20000;
        O_DIRECT = 0o40000;
        O_NOATIME = 0o1000000;
    }
    requests: u32 {
        FIONREAD = 0x541b;
        SIOCINQ = 0x541b;
        TIOCINQ = 0x541b;
        SIOCOUTQ = 0x5411;
        TIOCOUTQ = 0x5411;
        FIONBIO = 0x5421;
        SIOCOUTQNSD = 0x894b;
        SIOCATMARK = 0x8905;
        SIOCGSTAMP = 0x8906;
    }
    poll_bits: i16 {
        POLLIN = 1;
        POLLPRI = 2;
        POLLOUT = 4;
        POLLERR = 8;
        POLLHUP = 0x10;
        POLLNVAL = 0x20;
        POLLRDNORM = 0x40;
        POLLRDBAND = 0x80;
        POLLWRNORM = 0x100;
        POLLWRBAND = 0x200;
        POLLMSG = 0x400;
        POLLRDHUP = 0x2000;
    }
}
