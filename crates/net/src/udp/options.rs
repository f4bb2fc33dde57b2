//! What a program sets for a socket.

use std::io;

use fathom_stack::{InterfaceId, PathMtuDiscovery, UdpBind, UdpOptions};
use fathom_wire::Ecn;

use super::UdpSocket;
use crate::error::not_connected;

/// The congestion bits of a traffic class; the others are the code point (RFC 2474 3, RFC 3168 5).
const ECN_BITS: u32 = 3;

impl UdpSocket {
    /// All choices in force.
    ///
    /// # Errors
    /// [`NotConnected`](io::ErrorKind::NotConnected) when the socket is gone. So with all that ask here.
    pub fn options(&self) -> io::Result<UdpOptions> {
        self.look(|udp| Ok(udp.options()))
    }

    /// Changes choices by `change`. Sizes and hop limits are brought within what the host allows.
    ///
    /// # Errors
    /// [`NotConnected`](io::ErrorKind::NotConnected) when the socket is gone.
    pub fn set_options(&self, change: impl FnOnce(&mut UdpOptions)) -> io::Result<()> {
        self.act(|udp| {
            let mut options = udp.options();
            change(&mut options);
            udp.set_options(options);
            Ok(())
        })
    }

    /// What the socket was opened with: whether it shares its address, its interface, whether it is IPv6 only.
    ///
    /// # Errors
    /// As [`UdpSocket::options`].
    pub fn bound(&self) -> io::Result<UdpBind> {
        self.look(|udp| udp.bound().cloned().ok_or_else(not_connected))
    }

    /// Whether the socket may send to everybody on a link (`SO_BROADCAST`); not at first.
    ///
    /// # Errors
    /// As [`UdpSocket::options`].
    pub fn broadcast(&self) -> io::Result<bool> {
        Ok(self.options()?.broadcast)
    }

    /// Lets the socket send to everybody on a link, or not.
    ///
    /// # Errors
    /// As [`UdpSocket::options`].
    pub fn set_broadcast(&self, allowed: bool) -> io::Result<()> {
        self.set_options(|options| options.broadcast = allowed)
    }

    /// Hop limit of what goes to single hosts (`IP_TTL`, `IPV6_UNICAST_HOPS`).
    ///
    /// # Errors
    /// As [`UdpSocket::options`].
    pub fn ttl(&self) -> io::Result<u32> {
        Ok(self.options()?.hop_limit.into())
    }

    /// Sets the hop limit of what goes to single hosts.
    ///
    /// # Errors
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) unless it is from 1 to 255.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        let ttl = hop_limit(ttl)?;
        self.set_options(|options| options.hop_limit = ttl)
    }

    /// Hop limit of what goes to groups (`IP_MULTICAST_TTL`, `IPV6_MULTICAST_HOPS`); 1 at first.
    ///
    /// # Errors
    /// As [`UdpSocket::options`].
    pub fn multicast_ttl_v4(&self) -> io::Result<u32> {
        Ok(self.options()?.multicast_hop_limit.into())
    }

    /// Sets the hop limit of what goes to groups, of either family.
    ///
    /// # Errors
    /// As [`UdpSocket::set_ttl`].
    pub fn set_multicast_ttl_v4(&self, ttl: u32) -> io::Result<()> {
        let ttl = hop_limit(ttl)?;
        self.set_options(|options| options.multicast_hop_limit = ttl)
    }

    /// Whether what goes to a group comes to its members on this host (`IP_MULTICAST_LOOP`); so at first.
    ///
    /// # Errors
    /// As [`UdpSocket::options`].
    pub fn multicast_loop_v4(&self) -> io::Result<bool> {
        Ok(self.options()?.multicast_loop)
    }

    /// Sets whether what goes to a group, of either family, comes to its members on this host.
    ///
    /// # Errors
    /// As [`UdpSocket::options`].
    pub fn set_multicast_loop_v4(&self, on: bool) -> io::Result<()> {
        self.set_options(|options| options.multicast_loop = on)
    }

    /// As [`UdpSocket::multicast_loop_v4`], of which there is one for both families (`IPV6_MULTICAST_LOOP`).
    ///
    /// # Errors
    /// As [`UdpSocket::options`].
    pub fn multicast_loop_v6(&self) -> io::Result<bool> {
        self.multicast_loop_v4()
    }

    /// As [`UdpSocket::set_multicast_loop_v4`].
    ///
    /// # Errors
    /// As [`UdpSocket::options`].
    pub fn set_multicast_loop_v6(&self, on: bool) -> io::Result<()> {
        self.set_multicast_loop_v4(on)
    }

    /// Where datagrams to groups leave that name no interface (`IP_MULTICAST_IF`, `IPV6_MULTICAST_IF`); `None`
    /// leaves it to the routes.
    ///
    /// # Errors
    /// As [`UdpSocket::options`].
    pub fn multicast_interface(&self) -> io::Result<Option<InterfaceId>> {
        Ok(self.options()?.multicast_interface)
    }

    /// Sets where datagrams to groups leave.
    ///
    /// # Errors
    /// As [`UdpSocket::options`].
    pub fn set_multicast_interface(&self, interface: Option<InterfaceId>) -> io::Result<()> {
        self.set_options(|options| options.multicast_interface = interface)
    }

    /// The traffic class: code point in the upper six bits, congestion field in the lower two (`IP_TOS`).
    ///
    /// # Errors
    /// As [`UdpSocket::options`].
    pub fn tos_v4(&self) -> io::Result<u32> {
        let options = self.options()?;
        Ok(u32::from(options.dscp) << 2 | u32::from(options.ecn.bits()))
    }

    /// Sets the traffic class, of either family.
    ///
    /// # Errors
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) above 255.
    pub fn set_tos_v4(&self, tos: u32) -> io::Result<()> {
        if tos > 255 {
            return Err(out_of_range("a traffic class is at most 255"));
        }
        let (dscp, ecn) = ((tos >> 2) as u8, Ecn::from_bits((tos & ECN_BITS) as u8));
        self.set_options(|options| (options.dscp, options.ecn) = (dscp, ecn))
    }

    /// As [`UdpSocket::tos_v4`] (`IPV6_TCLASS`).
    ///
    /// # Errors
    /// As [`UdpSocket::options`].
    pub fn tclass_v6(&self) -> io::Result<u32> {
        self.tos_v4()
    }

    /// As [`UdpSocket::set_tos_v4`].
    ///
    /// # Errors
    /// As [`UdpSocket::set_tos_v4`].
    pub fn set_tclass_v6(&self, class: u32) -> io::Result<()> {
        self.set_tos_v4(class)
    }

    /// What is done about datagrams that may be too large for their path (`IP_MTU_DISCOVER`).
    ///
    /// # Errors
    /// As [`UdpSocket::options`].
    pub fn path_mtu_discovery(&self) -> io::Result<PathMtuDiscovery> {
        Ok(self.options()?.path_mtu_discovery)
    }

    /// Sets what is done about datagrams that may be too large for their path.
    ///
    /// # Errors
    /// As [`UdpSocket::options`].
    pub fn set_path_mtu_discovery(&self, mode: PathMtuDiscovery) -> io::Result<()> {
        self.set_options(|options| options.path_mtu_discovery = mode)
    }

    /// The largest packet, IP header included, that reaches the peer as far as is known (`IP_MTU`).
    ///
    /// # Errors
    /// [`NotConnected`](io::ErrorKind::NotConnected) when the socket is not connected or no route leads there.
    pub fn path_mtu(&self) -> io::Result<usize> {
        self.look(|udp| udp.path_mtu().ok_or_else(not_connected))
    }

    /// Whether reports of what happens to the socket's datagrams are kept for [`UdpSocket::recv_error`]
    /// (`IP_RECVERR`); not at first.
    ///
    /// # Errors
    /// As [`UdpSocket::options`].
    pub fn report_errors(&self) -> io::Result<bool> {
        Ok(self.options()?.report_errors)
    }

    /// Has reports of what happens to the socket's datagrams kept.
    ///
    /// # Errors
    /// As [`UdpSocket::options`].
    pub fn set_report_errors(&self, on: bool) -> io::Result<()> {
        self.set_options(|options| options.report_errors = on)
    }

    /// Whether a read may take several datagrams of one sender at once (`UDP_GRO`); not at first.
    ///
    /// # Errors
    /// As [`UdpSocket::options`].
    pub fn receive_offload(&self) -> io::Result<bool> {
        Ok(self.options()?.receive_offload)
    }

    /// Lets a read take several datagrams of one sender at once.
    ///
    /// # Errors
    /// As [`UdpSocket::options`].
    pub fn set_receive_offload(&self, on: bool) -> io::Result<()> {
        self.set_options(|options| options.receive_offload = on)
    }

    /// Bytes that may wait for the program (`SO_RCVBUF`).
    ///
    /// # Errors
    /// As [`UdpSocket::options`].
    pub fn recv_buffer_size(&self) -> io::Result<usize> {
        Ok(self.options()?.receive_buffer)
    }

    /// Sets how many bytes may wait for the program; what comes beyond is dropped, counted.
    ///
    /// # Errors
    /// As [`UdpSocket::options`].
    pub fn set_recv_buffer_size(&self, bytes: usize) -> io::Result<()> {
        self.set_options(|options| options.receive_buffer = bytes)
    }

    /// Bytes that may wait for the device (`SO_SNDBUF`).
    ///
    /// # Errors
    /// As [`UdpSocket::options`].
    pub fn send_buffer_size(&self) -> io::Result<usize> {
        Ok(self.options()?.send_buffer)
    }

    /// Sets how many bytes may wait for the device.
    ///
    /// # Errors
    /// As [`UdpSocket::options`].
    pub fn set_send_buffer_size(&self, bytes: usize) -> io::Result<()> {
        self.set_options(|options| options.send_buffer = bytes)
    }

    /// Datagrams that were dropped because the receive buffer was full (`SO_RXQ_OVFL`).
    ///
    /// # Errors
    /// As [`UdpSocket::options`].
    pub fn dropped(&self) -> io::Result<u64> {
        self.look(|udp| Ok(udp.dropped()))
    }
}

fn hop_limit(ttl: u32) -> io::Result<u8> {
    match u8::try_from(ttl) {
        Ok(ttl) if ttl > 0 => Ok(ttl),
        _ => Err(out_of_range("a hop limit is from 1 to 255")),
    }
}

fn out_of_range(message: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}
