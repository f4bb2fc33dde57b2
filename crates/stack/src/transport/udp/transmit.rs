//! From a socket to the datagram that it sends next.

use core::net::{IpAddr, SocketAddr};

use fathom_record::{DropReason, Engine, SendReason};
use fathom_wire::{IpProtocol, UdpHeader};

use super::{Datagram, PathMtuDiscovery, UdpError, UdpErrorReport, UdpLayer};
use crate::context::Context;
use crate::event::Readiness;
use crate::packet::{Departing, Fragmentation, Path, Transmission, ip_header_len};
use crate::socket::{SocketId, UdpId};

impl UdpLayer {
    /// Takes the datagram that a socket sends next, and frees a closed one after its last.
    fn take_next(
        &mut self,
        cx: &mut Context<'_>,
        id: UdpId,
        whole: bool,
    ) -> Option<(Datagram, Fragmentation)> {
        let socket = self.sockets.get_mut(id.0)?;
        let fragmentation = match socket.options.path_mtu_discovery {
            PathMtuDiscovery::Off => Fragmentation::Allowed,
            PathMtuDiscovery::Want => Fragmentation::AtSource,
            PathMtuDiscovery::Do => Fragmentation::Forbidden,
            PathMtuDiscovery::Probe => Fragmentation::Probe,
        };
        let datagram = socket.take_outgoing(cx, whole)?;
        if socket.closed {
            self.free_if_done(id);
        } else {
            cx.events.push(SocketId::Udp(id), Readiness::WRITABLE);
        }
        Some((datagram, fragmentation))
    }

    /// The local and the remote address of the datagram that the socket sends next, and its zone.
    pub(crate) fn next_addresses(&self, id: UdpId) -> Option<(IpAddr, IpAddr, u32)> {
        let datagram = self.sockets.get(id.0)?.outgoing.front()?;
        Some((datagram.local.ip(), datagram.remote.ip(), datagram.scope))
    }

    /// The datagram that a socket sends next, if those who listen on this host are to hear it too.
    pub(crate) fn next_for_many(&self, id: UdpId, path: &Path) -> Option<Datagram> {
        let socket = self.sockets.get(id.0)?;
        let mut next = socket.outgoing.front()?.clone();
        let loops = !next.remote.ip().is_multicast() || socket.options.multicast_loop;
        if !loops || fits_whole(&next, path) {
            return loops.then_some(next);
        }
        next.split_first().or(Some(next))
    }

    /// The next datagram of a socket.
    pub(crate) fn transmit(&mut self, cx: &mut Context<'_>, id: UdpId, path: &Path) -> Transmission {
        let next = self.sockets.get(id.0).and_then(|socket| socket.outgoing.front());
        let whole = next.is_some_and(|next| fits_whole(next, path));
        let Some((datagram, fragmentation)) = self.take_next(cx, id, whole) else {
            return Transmission::Nothing;
        };
        cx.counters.udp_sent += datagram.count();
        let header = UdpHeader {
            source_port: datagram.local.port(),
            destination_port: datagram.remote.port(),
            length: (UdpHeader::LEN + datagram.data.len()) as u16,
            checksum: 0,
        };
        let mut bytes = [0; UdpHeader::LEN];
        header.emit(&mut bytes);
        let mut slices = arrayvec::ArrayVec::new();
        if !datagram.data.is_empty() {
            slices.push(datagram.data);
        }
        let datagram = Departing {
            source: datagram.local.ip(),
            destination: datagram.remote.ip(),
            protocol: IpProtocol::Udp,
            hop_limit: datagram.hop_limit,
            dscp: datagram.dscp,
            ecn: datagram.ecn,
            header: bytes.into_iter().collect(),
            checksum_offset: UdpHeader::CHECKSUM_OFFSET as u8,
            slices,
            segment_size: datagram.segment_size,
            fragmentation,
            cause: cx.record(None, || Engine::Packet { why: SendReason::Datagram }),
        };
        Transmission::Segment(cx.pool.boxed(datagram))
    }

    /// Lets the next datagram, or datagrams, of a socket go that cannot leave, and tells the program if the socket has one
    /// peer only, or reads reports. Gives the datagram's length.
    pub(crate) fn fail_next(&mut self, cx: &mut Context<'_>, id: UdpId, reason: DropReason) -> Option<usize> {
        let (datagram, _) = self.take_next(cx, id, true)?;
        let len = UdpHeader::LEN + datagram.data.len();
        self.tell_failure(cx, id, datagram.remote, datagram.data, reason);
        Some(len)
    }

    /// A datagram that a socket sent did not get out of this host.
    pub(crate) fn tell_failure(
        &mut self,
        cx: &mut Context<'_>,
        id: UdpId,
        destination: SocketAddr,
        data: bytes::Bytes,
        reason: DropReason,
    ) {
        let Some(socket) = self.get_mut(id) else { return };
        if socket.remote.is_none() && !socket.options.report_errors {
            return;
        }
        let error = match reason {
            DropReason::NeighbourUnreachable => UdpError::HostUnreachable,
            DropReason::PacketTooBig => UdpError::TooLarge,
            _ => UdpError::NetworkUnreachable,
        };
        socket.error = Some(error);
        let (icmp, offender, received_at) = (None, None, cx.now);
        socket.report(cx, UdpErrorReport { error, icmp, offender, destination, data, received_at });
        cx.events.push(SocketId::Udp(id), Readiness::ERROR | Readiness::READABLE);
    }
}

/// Whether several datagrams go down in one piece, for the device or the layers below to cut. Those that are
/// larger than the path takes each become fragments, one after the other.
fn fits_whole(datagram: &Datagram, path: &Path) -> bool {
    let headers = ip_header_len(datagram.remote.ip()) + UdpHeader::LEN;
    headers + datagram.first_len() <= path.mtu && headers + datagram.data.len() <= path.max_bytes
}
