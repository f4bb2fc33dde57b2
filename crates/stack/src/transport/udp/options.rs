//! What a program chooses for a UDP socket: when it opens it, and while it uses it.

use core::net::SocketAddr;

use fathom_wire::Ecn;

use crate::config::Config;
use crate::interface::InterfaceId;
use crate::internet::cidr::IpCidr;
use crate::transport::tcp::ListenAt;

/// A UDP socket to open.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UdpBind {
    /// Where: at an address and port, or at every port of every address in a network that is routed to this
    /// host. A socket of the latter kind says for each datagram that it sends where it comes from
    /// ([`SendDatagram::source`](crate::SendDatagram::source)).
    pub local: ListenAt,
    /// `[::]` takes IPv6 only (RFC 3493 5.3). Otherwise it takes IPv4 too, whose addresses it shows as
    /// IPv4-mapped ones (`::ffff:192.0.2.1`, RFC 4291 2.5.5.2).
    pub only_v6: bool,
    /// Others may have the same address and port, if they say so too. A datagram for a group or for everybody
    /// goes to all of them, any other to the one that was opened last.
    pub reuse_address: bool,
    /// Others may have the same address and port, if they say so too. A datagram for a group or for everybody
    /// goes to all of them; any other to one, which is the same for all datagrams of one sender, until a
    /// socket joins or leaves them.
    pub reuse_port: bool,
    /// Use this interface only, in both directions.
    pub interface: Option<InterfaceId>,
}

impl UdpBind {
    /// At `local`, which nobody else may have.
    pub fn at(local: SocketAddr) -> Self {
        UdpBind {
            local: local.into(),
            only_v6: false,
            reuse_address: false,
            reuse_port: false,
            interface: None,
        }
    }

    /// At every port of every address in `network`. [`ReceivedDatagram::destination`] and
    /// [`ReceivedDatagram::destination_port`] say what the sender wants to reach.
    ///
    /// [`ReceivedDatagram::destination`]: crate::ReceivedDatagram::destination
    /// [`ReceivedDatagram::destination_port`]: crate::ReceivedDatagram::destination_port
    pub fn any(network: IpCidr) -> Self {
        UdpBind { local: network.into(), ..UdpBind::at(SocketAddr::new(network.address(), 0)) }
    }

    /// The address and port, with an IPv4-mapped address as the IPv4 one that it stands for; that of the
    /// network, and 0.
    pub(crate) fn socket_addr(&self) -> SocketAddr {
        let at = self.local.socket_addr();
        SocketAddr::new(at.ip().to_canonical(), at.port())
    }

    /// The network that the socket takes everything for, if it is such.
    pub(crate) fn network(&self) -> Option<IpCidr> {
        match self.local {
            ListenAt::Network(network) => Some(network),
            ListenAt::Socket(_) => None,
        }
    }
}

/// What is done about the largest packet that the path of a datagram takes (RFC 1191, RFC 8201, RFC 8085 3.2).
///
/// What is larger than the interface takes is cut into fragments or refused here; routers cut IPv4 packets only,
/// and only those that allow it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum PathMtuDiscovery {
    /// Routers may cut.
    Off,
    /// Routers may not cut what fits the path as far as it is known; the rest is cut here.
    #[default]
    Want,
    /// Nobody may cut: what does not fit the path as far as it is known is refused
    /// ([`UdpError::TooLarge`](crate::UdpError::TooLarge)).
    Do,
    /// Nobody may cut, and only the interface limits: for a program that probes the path itself (RFC 8899).
    Probe,
}

/// Choices of a UDP socket that can change while it is open.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UdpOptions {
    /// Hop limit of what goes to a single host, at least 1 (RFC 1122 3.2.1.7).
    pub hop_limit: u8,
    /// Hop limit of what goes to a group, at least 1, which is the default (RFC 1112 6.1).
    pub multicast_hop_limit: u8,
    /// What goes to a group comes to the members on this host too (RFC 1112 6.1).
    pub multicast_loop: bool,
    /// Where datagrams to a group leave that name no interface.
    pub multicast_interface: Option<InterfaceId>,
    /// Take datagrams for every group that the host is in, not only for those that this socket has joined.
    pub multicast_all: bool,
    /// Differentiated services code point, 6 bits (RFC 1122 3.2.1.6).
    pub dscp: u8,
    /// Congestion field (RFC 8085 3.1.7).
    pub ecn: Ecn,
    /// The socket may send to everybody on a link.
    pub broadcast: bool,
    /// What is done about datagrams that may be too large for their path.
    pub path_mtu_discovery: PathMtuDiscovery,
    /// Keep what ICMP tells of the socket's datagrams, with who told it, for
    /// [`recv_error`](crate::Udp::recv_error), whether the socket is connected or not.
    pub report_errors: bool,
    /// [`recv_msg`](crate::Udp::recv_msg) takes several datagrams of one sender at once.
    pub receive_offload: bool,
    /// Bytes that wait for the program; more is dropped on arrival, counted.
    pub receive_buffer: usize,
    /// Bytes that wait for the device; more makes the program wait.
    pub send_buffer: usize,
}

impl UdpOptions {
    pub(super) fn new(config: &Config) -> Self {
        UdpOptions {
            hop_limit: config.hop_limit,
            multicast_hop_limit: 1,
            multicast_loop: true,
            multicast_interface: None,
            multicast_all: false,
            dscp: 0,
            ecn: Ecn::NotEct,
            broadcast: false,
            path_mtu_discovery: PathMtuDiscovery::default(),
            report_errors: false,
            receive_offload: false,
            receive_buffer: config.datagram.receive_buffer,
            send_buffer: config.datagram.send_buffer,
        }
    }

    /// The same, within what is allowed.
    pub(crate) fn within(mut self, config: &Config) -> Self {
        // RFC 1122 3.2.1.7: no datagram is sent with a hop limit of 0.
        self.hop_limit = self.hop_limit.max(1);
        self.multicast_hop_limit = self.multicast_hop_limit.max(1);
        self.dscp &= 0x3f;
        let limit = config.datagram.max_buffer;
        // One datagram without data always finds room.
        self.receive_buffer = self.receive_buffer.clamp(config.datagram.overhead, limit);
        self.send_buffer = self.send_buffer.clamp(config.datagram.overhead, limit);
        self
    }
}
