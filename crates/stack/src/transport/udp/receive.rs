//! From a packet to the sockets that it is for, and from an ICMP error to the one that it concerns.

use core::net::{IpAddr, SocketAddr};

use fathom_record::{DropReason, RecordId};
use fathom_wire::{Checksum, IpProtocol, UdpHeader};

use super::ports::Address;
use super::{Datagram, PathMtuDiscovery, UdpError, UdpErrorReport, UdpLayer};
use crate::batch::ReceivedChecksum;
use crate::context::Context;
use crate::event::Readiness;
use crate::interface::InterfaceId;
use crate::packet::{Arrived, Disposition, IcmpErrorFor, IcmpErrorKind, Unreachable};
use crate::socket::{SocketId, UdpId};

/// Where the destination port is in a quoted or real header.
const DESTINATION_PORT: usize = 2;

impl UdpLayer {
    /// A packet with the protocol number of UDP.
    pub(crate) fn receive(&mut self, cx: &mut Context<'_>, arrived: &mut Arrived) -> Disposition {
        // RFC 768: a length below 8 or beyond the packet is wrong; what lies behind the length is not ours.
        let Ok(header) = UdpHeader::parse_datagram(&arrived.payload) else {
            return Disposition::Drop(DropReason::UdpMalformed);
        };
        let bytes = arrived.payload.slice(..usize::from(header.length));
        if !is_checksum_valid(arrived, &header, &bytes) {
            return Disposition::Drop(DropReason::UdpChecksum);
        }
        // RFC 8085 5.1: nobody could answer port 0, and nobody listens there.
        if header.destination_port == 0 {
            return Disposition::Drop(DropReason::UdpMalformed);
        }
        let address = Address {
            local: SocketAddr::new(arrived.destination, header.destination_port),
            remote: SocketAddr::new(arrived.source, header.source_port),
            interface: arrived.interface,
            routed: arrived.routed,
        };
        let datagram = Datagram {
            remote: with_scope(address.remote, arrived.interface.scope_id()),
            local: address.local,
            scope: arrived.interface.scope_id(),
            data: bytes.slice(UdpHeader::LEN..),
            segment_size: arrived.segment_size,
            hop_limit: arrived.hop_limit,
            dscp: arrived.dscp,
            ecn: arrived.ecn,
            at: cx.now,
        };
        let one = match arrived.broadcast {
            true => None,
            false => self.ports.find(&self.sockets, &address),
        };
        let mut found = one.is_some();
        // What was merged behind it differs in the data only.
        let followers = core::mem::take(&mut arrived.followers).into_iter();
        for data in core::iter::once(datagram.data.clone()).chain(followers) {
            let datagram = Datagram { data, ..datagram.clone() };
            match one {
                Some(id) => self.deliver(cx, id, address.interface, datagram, arrived.cause),
                None if arrived.broadcast => {
                    found |= self.deliver_to_all(cx, &address, &datagram, arrived.cause);
                }
                None => break,
            }
        }
        match found {
            true => Disposition::Accepted,
            false => {
                let invoking = core::mem::take(&mut arrived.invoking);
                Disposition::Unreachable(DropReason::UdpNoSocket, Unreachable::Port, invoking)
            }
        }
    }

    /// RFC 1122 4.1.3.5, RFC 1112 7.2: each socket that listens there gets what was sent to many. Whether there
    /// is one is told.
    fn deliver_to_all(
        &mut self,
        cx: &mut Context<'_>,
        address: &Address,
        datagram: &Datagram,
        cause: Option<RecordId>,
    ) -> bool {
        let mut found = false;
        for index in 0..self.ports.count(address.local.port()) {
            if let Some(id) = self.ports.member(&self.sockets, address, index) {
                self.deliver(cx, id, address.interface, datagram.clone(), cause);
                found = true;
            }
        }
        found
    }

    fn deliver(
        &mut self,
        cx: &mut Context<'_>,
        id: UdpId,
        on: InterfaceId,
        datagram: Datagram,
        cause: Option<RecordId>,
    ) {
        let Some(socket) = self.sockets.get_mut(id.0) else { return };
        let len = UdpHeader::LEN + datagram.data.len();
        let (count, lost) = socket.deliver(cx, datagram);
        if count > 0 {
            cx.counters.udp_received += count;
            cx.events.push(SocketId::Udp(id), Readiness::READABLE);
        }
        if let Some(reason) = lost {
            cx.dropped(Some(on), reason, len, cause);
        }
    }

    /// What a socket of this host sent to a group or to everybody comes to those who listen here, as if it had
    /// come in on the interface `on` (RFC 1112 6.1).
    pub(crate) fn loop_back(
        &mut self,
        cx: &mut Context<'_>,
        on: InterfaceId,
        sent: &Datagram,
        cause: Option<RecordId>,
    ) {
        let address = Address { local: sent.remote, remote: sent.local, interface: on, routed: false };
        let datagram = Datagram {
            remote: with_scope(sent.local, on.scope_id()),
            local: sent.remote,
            scope: on.scope_id(),
            ..sent.clone()
        };
        self.deliver_to_all(cx, &address, &datagram, cause);
    }

    /// RFC 1122 4.1.3.3: an error reaches the socket that sent the datagram; RFC 8085 5.2: no other.
    pub(crate) fn handle_icmp_error(&mut self, cx: &mut Context<'_>, error: &IcmpErrorFor) -> bool {
        let Some((source_port, destination_port)) = ports(&error.quoted) else { return false };
        let local = SocketAddr::new(error.source, source_port);
        let remote = SocketAddr::new(error.destination, destination_port);
        let Some(id) = self.find_sender(local, remote) else { return false };
        let Some(socket) = self.sockets.get_mut(id.0) else { return false };
        let what = UdpError::from_icmp(error.kind);
        let discovers =
            matches!(socket.options.path_mtu_discovery, PathMtuDiscovery::Do | PathMtuDiscovery::Probe);
        let is_hard = match error.kind {
            IcmpErrorKind::PortUnreachable
            | IcmpErrorKind::ProtocolUnreachable
            | IcmpErrorKind::NetworkUnreachable
            | IcmpErrorKind::HostUnreachable
            | IcmpErrorKind::Prohibited => true,
            // What the program sends next is cut to fit, unless it forbids that.
            IcmpErrorKind::PacketTooBig { .. } => discovers,
            // Hints: these may pass.
            IcmpErrorKind::HopLimitExceeded
            | IcmpErrorKind::ReassemblyTimeout
            | IcmpErrorKind::ParameterProblem => false,
        };
        // A socket that talks to many could not tell whom the error concerns, unless it reads the reports.
        let tell = is_hard && (socket.remote.is_some() || socket.options.report_errors);
        if tell {
            socket.error = Some(what);
        }
        socket.report(
            cx,
            UdpErrorReport {
                error: what,
                icmp: Some(error.kind),
                offender: Some(error.reporter),
                destination: remote,
                data: error.quoted.slice(UdpHeader::LEN.min(error.quoted.len())..),
                received_at: cx.now,
            },
        );
        if tell || socket.has_report() {
            cx.events.push(SocketId::Udp(id), Readiness::ERROR | Readiness::READABLE | Readiness::WRITABLE);
        }
        true
    }

    /// The socket that sent a datagram from `local` to `remote`.
    fn find_sender(&self, local: SocketAddr, remote: SocketAddr) -> Option<UdpId> {
        // Whoever may send from an address that is routed to us does so on purpose.
        let interface = InterfaceId::LOOPBACK;
        self.ports.find(&self.sockets, &Address { local, remote, interface, routed: true })
    }
}

/// A link-local address means something only with its interface.
fn with_scope(address: SocketAddr, scope: u32) -> SocketAddr {
    match address {
        SocketAddr::V6(mut v6) if v6.ip().is_unicast_link_local() => {
            v6.set_scope_id(scope);
            v6.into()
        }
        other => other,
    }
}

fn is_checksum_valid(arrived: &Arrived, header: &UdpHeader, bytes: &[u8]) -> bool {
    if arrived.checksum != ReceivedChecksum::Unverified {
        return true;
    }
    // RFC 768: in IPv4 zero means that there is none. RFC 8200 8.1: in IPv6 there must be one.
    if header.checksum == 0 {
        return arrived.destination.is_ipv4();
    }
    let mut sum = Checksum::new();
    sum.pseudo_header(arrived.source, arrived.destination, IpProtocol::Udp, bytes.len() as u32);
    sum.add(bytes);
    sum.is_valid()
}

/// Source and destination port at the start of a transport header.
fn ports(header: &[u8]) -> Option<(u16, u16)> {
    let bytes: &[u8; 4] = header.first_chunk()?;
    let source = u16::from_be_bytes([bytes[0], bytes[1]]);
    Some((source, u16::from_be_bytes([bytes[DESTINATION_PORT], bytes[DESTINATION_PORT + 1]])))
}

/// A source address that a program sees as its peer.
pub(crate) fn shown(address: SocketAddr, as_v6: bool) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(v4) if as_v6 => SocketAddr::new(v4.to_ipv6_mapped().into(), address.port()),
        _ => address,
    }
}
