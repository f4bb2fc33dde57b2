//! Why a frame, packet or segment was not accepted.

use core::fmt;

macro_rules! drop_reasons {
    ($( $(#[$doc:meta])* $name:ident = $label:literal, )*) => {
        /// Why the engine did not accept or could not send something. Each reason has a counter.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u8)]
        pub enum DropReason { $( $(#[$doc])* $name, )* }

        impl DropReason {
            /// Every reason, in the order of its index.
            pub const ALL: &'static [DropReason] = &[ $( DropReason::$name, )* ];

            /// A stable machine-readable name, such as `tcp_checksum`.
            pub const fn label(self) -> &'static str {
                match self { $( DropReason::$name => $label, )* }
            }
        }
    };
}

drop_reasons! {
    /// The link header does not fit the frame or contradicts it.
    LinkMalformed = "link_malformed",
    /// The frame is addressed to another station.
    LinkNotForUs = "link_not_for_us",
    /// No protocol of ours has this EtherType.
    UnknownEtherType = "unknown_ether_type",
    /// A VLAN tag for a network this interface is not on.
    VlanMismatch = "vlan_mismatch",
    /// The interface is down.
    InterfaceDown = "interface_down",
    /// What the device said of a frame that came (its checksum, how to cut it) contradicts the frame.
    DeviceHeader = "device_header",
    /// The device did not take a frame that was to leave.
    DeviceRefused = "device_refused",
    /// An ARP packet that contradicts itself or its frame.
    ArpMalformed = "arp_malformed",
    /// A neighbour discovery message that RFC 4861 says to discard silently.
    NdpInvalid = "ndp_invalid",
    /// The next hop did not answer ARP or neighbour solicitations.
    NeighbourUnreachable = "neighbour_unreachable",
    /// The queue of packets that wait for this neighbour is full (the oldest leaves).
    NeighbourQueueFull = "neighbour_queue_full",
    /// The neighbour table is full.
    NeighbourTableFull = "neighbour_table_full",
    /// The IP header does not parse.
    IpMalformed = "ip_malformed",
    /// The IPv4 header checksum is wrong.
    IpChecksum = "ip_checksum",
    /// The source address may not be a source (multicast, broadcast, unspecified or our own).
    IpBadSource = "ip_bad_source",
    /// The destination is no address of this host.
    IpNotForUs = "ip_not_for_us",
    /// An IP option or extension header that obliges us to discard the packet.
    IpOption = "ip_option",
    /// The hop limit was used up.
    HopLimitExceeded = "hop_limit_exceeded",
    /// No route to the destination.
    NoRoute = "no_route",
    /// No address of ours can be the source towards the destination.
    NoSourceAddress = "no_source_address",
    /// The packet is larger than the path allows and may not be fragmented.
    PacketTooBig = "packet_too_big",
    /// A fragment that overlaps, overruns or contradicts others.
    FragmentInvalid = "fragment_invalid",
    /// Reassembly memory or slots are used up (the oldest leaves).
    ReassemblyFull = "reassembly_full",
    /// The other fragments did not come in time.
    ReassemblyTimeout = "reassembly_timeout",
    /// No protocol of ours has this protocol number.
    UnknownProtocol = "unknown_protocol",
    /// The ICMP message does not parse or its checksum is wrong.
    IcmpMalformed = "icmp_malformed",
    /// An ICMP message of a type that we do not act on.
    IcmpIgnored = "icmp_ignored",
    /// An ICMP error that quotes no packet of ours.
    IcmpUnmatched = "icmp_unmatched",
    /// The IGMP message does not parse or its checksum is wrong.
    IgmpMalformed = "igmp_malformed",
    /// A query for multicast groups without the marks of one from this link (RFC 3376 9.1, RFC 3810 6.2).
    GroupQueryInvalid = "group_query_invalid",
    /// Replies without a socket exceed their rate.
    RateLimited = "rate_limited",
    /// The queue of replies without a socket is full.
    ControlQueueFull = "control_queue_full",
    /// The UDP header does not parse.
    UdpMalformed = "udp_malformed",
    /// The UDP checksum is wrong.
    UdpChecksum = "udp_checksum",
    /// No socket is bound to the port.
    UdpNoSocket = "udp_no_socket",
    /// The receive buffer of the UDP socket is full.
    UdpBufferFull = "udp_buffer_full",
    /// A raw socket's receive buffer is full.
    RawBufferFull = "raw_buffer_full",
    /// The TCP header does not parse.
    TcpMalformed = "tcp_malformed",
    /// The TCP checksum is wrong.
    TcpChecksum = "tcp_checksum",
    /// A combination of flags that no sender may use (SYN with FIN, no flag at all).
    TcpBadFlags = "tcp_bad_flags",
    /// No connection or listener for the segment; answered by a reset unless it was one.
    TcpNoSocket = "tcp_no_socket",
    /// A SYN to a multicast or broadcast address, or from one.
    TcpBadAddress = "tcp_bad_address",
    /// The timestamp is older than the last one (RFC 7323 5.3).
    TcpPaws = "tcp_paws",
    /// Without the timestamps that both ends agreed on (RFC 7323 3.2).
    TcpNoTimestamps = "tcp_no_timestamps",
    /// Outside the receive window (RFC 9293 3.10.7.4, first).
    TcpOutOfWindow = "tcp_out_of_window",
    /// A reset whose sequence number proves nothing (RFC 5961 3.2).
    TcpChallengeReset = "tcp_challenge_reset",
    /// A SYN within a connection (RFC 5961 4.2).
    TcpChallengeSyn = "tcp_challenge_syn",
    /// Acknowledges what was never sent, or what is too old (RFC 5961 5.2).
    TcpBadAck = "tcp_bad_ack",
    /// The ACK bit is off in a synchronized state.
    TcpNoAck = "tcp_no_ack",
    /// Text after the peer's FIN, or for a receiver that is closed.
    TcpAfterClose = "tcp_after_close",
    /// Too many holes in the receive window.
    TcpReassemblyFull = "tcp_reassembly_full",
    /// Too many half-open connections for the listener.
    TcpSynQueueFull = "tcp_syn_queue_full",
    /// The program does not accept connections fast enough.
    TcpAcceptQueueFull = "tcp_accept_queue_full",
    /// The program refused or ignored the connection. Its SYN is not kept, so the length is 0.
    TcpRefused = "tcp_refused",
    /// The stack's memory limit is reached.
    MemoryLimit = "memory_limit",
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}
