//! Limits and choices of a stack.

use core::time::Duration;

pub use crate::transport::tcp::TcpConfig;

/// What a stack allows and how it behaves. Every limit is a bound on memory or work that somebody else
/// could otherwise drive up.
#[derive(Clone, PartialEq, Debug)]
pub struct Config {
    /// Number under which records of this stack are known ([`RecordId::shard`](fathom_record::RecordId)).
    /// Stacks that are recorded together need different ones.
    pub shard: u16,
    /// Forward packets that are for others: be a router.
    pub forwarding: bool,
    /// Hop limit (TTL) of what we send, unless the socket says otherwise. RFC 1122 3.2.1.7 wants it
    /// configurable; 64 is what the IANA registry recommends.
    pub hop_limit: u8,
    /// Bytes of payload that the whole stack may hold: send and receive buffers, reassembly, queues. What is
    /// written and what arrives out of order takes three quarters at most, and an eighth (64 KiB at most) is for
    /// answers without a socket. With less than 16 KiB what is left may be too little for data to arrive.
    pub memory_limit: usize,
    /// Links: neighbours and what waits for them.
    pub link: LinkConfig,
    /// IP: fragments, ICMP, addresses.
    pub internet: InternetConfig,
    /// UDP and ICMP sockets.
    pub datagram: DatagramConfig,
    /// TCP.
    pub tcp: TcpConfig,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            shard: 0,
            forwarding: false,
            hop_limit: 64,
            memory_limit: 256 << 20,
            link: LinkConfig::default(),
            internet: InternetConfig::default(),
            datagram: DatagramConfig::default(),
            tcp: TcpConfig::default(),
        }
    }
}

/// Links: neighbours and what waits for them.
#[derive(Clone, PartialEq, Debug)]
pub struct LinkConfig {
    /// Most neighbours known at once. A full table forgets the one that was confirmed longest ago and that
    /// nothing waits for.
    pub neighbours: usize,
    /// Most packets that wait for one neighbour; the oldest leaves (RFC 1122 2.3.2.2, RFC 4861 7.2.2).
    pub packets_per_neighbour: usize,
    /// Time between solicitations (RFC 4861 10: RetransTimer; RFC 1122 2.3.2.1 allows one a second).
    pub retransmit: Duration,
    /// Solicitations by multicast before a neighbour counts as unreachable (RFC 4861 10).
    pub max_multicast_solicit: u8,
    /// Solicitations by unicast before a neighbour that was known counts as unreachable (RFC 4861 10).
    pub max_unicast_solicit: u8,
    /// Base of the time for which a neighbour counts as reachable once confirmed (RFC 4861 10). The time in
    /// use is drawn between half and one and a half of it.
    pub base_reachable: Duration,
    /// How long a stale neighbour is used before it is probed (RFC 4861 10: DELAY_FIRST_PROBE_TIME).
    pub delay_first_probe: Duration,
    /// How long an unreachable neighbour is remembered as such: what is sent to it meanwhile fails at once.
    pub unreachable_hold: Duration,
    /// Most replies that wait on one interface for the device.
    pub control_queue: usize,
}

impl Default for LinkConfig {
    fn default() -> Self {
        LinkConfig {
            neighbours: 1024,
            packets_per_neighbour: 8,
            retransmit: Duration::from_secs(1),
            max_multicast_solicit: 3,
            max_unicast_solicit: 3,
            base_reachable: Duration::from_secs(30),
            delay_first_probe: Duration::from_secs(5),
            unreachable_hold: Duration::from_secs(1),
            control_queue: 256,
        }
    }
}

/// IP: fragments, ICMP, addresses.
#[derive(Clone, PartialEq, Debug)]
pub struct InternetConfig {
    /// Most addresses of one interface, and most local prefixes.
    pub addresses_per_interface: usize,
    /// Most routes, those of addresses included.
    pub routes: usize,
    /// Most packets under reassembly; a full table gives up the oldest.
    pub reassemblies: usize,
    /// Most bytes under reassembly; more gives up the oldest.
    pub reassembly_bytes: usize,
    /// How long fragments wait for the others (RFC 8200 4.5: 60 s; RFC 1122 3.3.2: 60 to 120 s).
    pub reassembly_timeout: Duration,
    /// ICMP errors a second (RFC 4443 2.4 f, RFC 1812 4.3.2.8).
    pub icmp_errors_per_second: u32,
    /// ICMP errors that may follow each other at once.
    pub icmp_error_burst: u32,
    /// Most destinations whose path MTU is known to be below that of the interface.
    pub path_mtus: usize,
    /// No IPv4 path MTU below this is believed (RFC 5927 7.2): whoever can forge one could have us send in tiny
    /// pieces. A path that is narrower takes packets of this size in fragments, which routers are then allowed
    /// to make. 552 bytes, as in Linux; RFC 791 3.2 would have 68.
    pub min_path_mtu: usize,
    /// After how long a path MTU is forgotten (RFC 1191 6.3, RFC 8201 4: at least 5 minutes, 10 recommended).
    pub path_mtu_age: Duration,
    /// Solicitations of duplicate address detection for each IPv6 address (RFC 4862 5.1:
    /// DupAddrDetectTransmits). With 0 an address may be used at once.
    pub duplicate_address_transmits: u8,
    /// Of which multicast groups the routers and switches of a link are told (IGMP, MLD).
    pub group_reports: GroupReports,
    /// Most multicast groups that are joined on one interface, those of its addresses included.
    pub groups_per_interface: usize,
    /// Most senders that the filter of a multicast membership names (RFC 3376 2: at least 64).
    pub sources_per_group: usize,
    /// Merges TCP segments and UDP datagrams that arrive in one batch into super-segments, so that the
    /// transport handles many at the cost of one. A router does not, whatever this says.
    pub coalesce: bool,
    /// Gives each Ethernet interface a link-local IPv6 address made from its Ethernet address (RFC 4291 2.5.1)
    /// when it is added.
    pub link_local: bool,
}

impl Default for InternetConfig {
    fn default() -> Self {
        InternetConfig {
            addresses_per_interface: 64,
            routes: 4096,
            reassemblies: 64,
            reassembly_bytes: 1 << 20,
            reassembly_timeout: Duration::from_secs(60),
            icmp_errors_per_second: 100,
            icmp_error_burst: 50,
            path_mtus: 1024,
            min_path_mtu: 552,
            path_mtu_age: Duration::from_secs(600),
            duplicate_address_transmits: 0,
            group_reports: GroupReports::All,
            groups_per_interface: 512,
            sources_per_group: 128,
            coalesce: true,
            link_local: true,
        }
    }
}

/// Of which multicast groups the routers and switches of a link are told.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum GroupReports {
    /// Of all, those where this host is asked for its link address included (RFC 4861 7.2.1): a switch that
    /// listens in forwards to members only.
    All,
    /// Of those that programs join: enough where no switch listens in.
    Joined,
    /// Of none.
    Never,
}

/// UDP and ICMP sockets.
#[derive(Clone, PartialEq, Debug)]
pub struct DatagramConfig {
    /// Bytes that wait in one socket for the program, unless it sets another limit; more is dropped on arrival.
    pub receive_buffer: usize,
    /// Bytes that wait in one socket for the device, unless it sets another limit; more makes `send_to` answer
    /// that it would block.
    pub send_buffer: usize,
    /// Most bytes that a program may let wait in either direction of one socket.
    pub max_buffer: usize,
    /// Charged for each datagram beside its data, so that empty ones are bounded too. Bytes.
    pub overhead: usize,
    /// First and last port that is given to a socket that names none (RFC 6335 6).
    pub ephemeral_ports: (u16, u16),
    /// Most multicast groups that one socket is in.
    pub groups_per_socket: usize,
}

impl Default for DatagramConfig {
    fn default() -> Self {
        DatagramConfig {
            receive_buffer: 256 << 10,
            send_buffer: 256 << 10,
            max_buffer: 16 << 20,
            overhead: 256,
            ephemeral_ports: (49152, 65535),
            groups_per_socket: 64,
        }
    }
}
