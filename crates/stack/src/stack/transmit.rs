//! The way down: the device asks for a frame.

use core::net::IpAddr;

use bytes::BytesMut;
use fathom_record::{Direction, DropReason, FrameRecord, Kind};
use fathom_wire::{EthernetAddress, Instant};

use super::{Parts, Stack};
use crate::interface::InterfaceId;
use crate::internet::address::Destination;
use crate::internet::transmit::{Hop, path, transmit_as, transmit_whole};
use crate::link::neighbour::Resolution;
use crate::link::resolution;
use crate::link::transmit::header_len;
use crate::outgoing::{Outgoing, completed};
use crate::packet::{Path, Transmission};
use crate::socket::{SocketId, UdpId};
use crate::transmit::{Transmit, Written};

impl Stack {
    /// The next frame to send on an interface, if any: the rest of a packet that became several frames, then
    /// replies without a socket, then what sockets have to send, each in its turn.
    ///
    /// Call it when the device has room, until it gives nothing: what is not asked for waits in its socket.
    pub fn poll_transmit(&mut self, now: Instant, on: InterfaceId) -> Option<Transmit> {
        if !self.has_work_for(on) {
            return None;
        }
        let mut parts = self.parts(now);
        let frame = parts.next_frame(on, Outgoing::next_frame)?;
        Some(parts.tap(on, frame))
    }

    /// As [`poll_transmit`](Stack::poll_transmit), with the frame written behind what `out` holds, in one
    /// piece. For devices that want it so, this is the cheaper way: each byte of data is copied once, and of a
    /// packet that becomes several frames no part is shared. `out` grows where it must; with room for the
    /// largest frame of the interface it does not.
    pub fn poll_transmit_into(
        &mut self,
        now: Instant,
        on: InterfaceId,
        out: &mut BytesMut,
    ) -> Option<Written> {
        if self.shared.recorder.is_enabled() {
            // A frame that is recorded is shared with its record.
            let frame = self.poll_transmit(now, on)?;
            frame.append_to(out);
            let (len, Transmit { segment_size, checksum, departure, cause, .. }) = (frame.len(), frame);
            return Some(Written { len, segment_size, checksum, departure, cause });
        }
        if !self.has_work_for(on) {
            return None;
        }
        let mut parts = self.parts(now);
        let written = parts.next_frame(on, |packet, now| packet.write_frame(now, out))?;
        parts.count(written.len);
        Some(written)
    }
}

impl Stack {
    /// Whether there may be a frame for the device: a device asks until there is none, so that every second
    /// question or so is in vain.
    #[inline]
    fn has_work_for(&self, on: InterfaceId) -> bool {
        self.internet.interfaces.get(on.slot()).is_some_and(|interface| interface.up)
            && (self.shared.sendable.has_filed(on)
                || !self.internet.queues[on.slot()].is_empty()
                || self.is_talking_to_itself()
                || self.internet.is_to_notice_changes())
    }
}

/// The link address of a next hop.
#[derive(Clone, Copy)]
enum NextHop {
    Known(EthernetAddress),
    /// The packet waits at the neighbour.
    AskedFor,
}

/// Why a socket is not to be pulled.
#[derive(Clone, Copy)]
enum Idle {
    /// It has nothing to send.
    Nothing,
    /// No route leads where it sends to, or its address is not ours.
    Stranded,
}

/// The datagram that a socket sends next: from where, to where, in which zone.
struct Flow {
    source: IpAddr,
    destination: IpAddr,
    via: Option<InterfaceId>,
}

impl Parts<'_> {
    /// The next frame of an interface, as `make` makes it from its packet.
    fn next_frame<F>(
        &mut self,
        on: InterfaceId,
        mut make: impl FnMut(&mut Outgoing, Instant) -> Option<F>,
    ) -> Option<F> {
        loop {
            self.talk_to_ourselves();
            let queue = &mut self.internet.queues[on.slot()];
            if let Some(frame) = queue.next_frame(&mut self.cx, &mut make) {
                return Some(frame);
            }
            let socket = self.cx.sendable.pop(on)?;
            self.pull(on, socket);
            let queue = &mut self.internet.queues[on.slot()];
            if let Some(frame) = queue.next_frame(&mut self.cx, &mut make) {
                return Some(frame);
            }
        }
    }

    fn count(&mut self, len: usize) {
        self.cx.counters.frames_transmitted += 1;
        self.cx.counters.bytes_transmitted += len as u64;
    }

    /// Counts and records a frame that leaves.
    fn tap(&mut self, on: InterfaceId, mut frame: Transmit) -> Transmit {
        self.count(frame.len());
        if self.cx.recorder.is_enabled() {
            self.record(on, &mut frame);
        }
        frame
    }

    #[cold]
    fn record(&mut self, on: InterfaceId, frame: &mut Transmit) {
        let link_len = header_len(self.internet.interface(on).medium);
        let mut record = |bytes| {
            let (interface, direction) = (on.record_index(), Direction::Transmitted);
            let frame_record = FrameRecord { interface, direction, bytes };
            self.cx.recorder.record(self.cx.now, frame.cause, || Kind::Frame(frame_record))
        };
        // A super-segment is recorded as the frames that the device cuts it into; the last stands for it.
        let mut id = None;
        match completed(frame, link_len) {
            None => id = record(frame.to_bytes()),
            Some(mut cut) => {
                while let Some(piece) = cut.next_frame(frame.departure) {
                    id = record(piece.to_bytes());
                }
            }
        }
        frame.cause = id.or(frame.cause);
    }

    /// Draws the consequences of changes of addresses, routes and links.
    pub(super) fn notice_changes(&mut self) {
        if self.internet.has_changed() {
            self.cx.sendable.rescue();
            for socket in self.internet.neighbours.release_sockets() {
                self.cx.sendable.unpark(socket);
            }
        }
    }

    /// Finds the interface of each socket that has said that it wants to send.
    pub(super) fn sort_fresh(&mut self) {
        self.notice_changes();
        while let Some(socket) = self.cx.sendable.pop_fresh() {
            match self.next_hop(socket) {
                Ok(()) => self.cx.sendable.file(socket, self.internet.latest_hop().interface),
                Err(Idle::Nothing) => self.cx.sendable.release(socket),
                Err(Idle::Stranded) => self.cx.sendable.strand(socket),
            }
        }
    }

    /// Finds the first hop of what the socket sends next: it is the latest. A socket without a route is told; a
    /// connection waits for another.
    fn next_hop(&mut self, socket: SocketId) -> Result<(), Idle> {
        loop {
            let hop = match socket {
                SocketId::Tcp(id) => {
                    let (tuple, via) = self.transports.tcp.sends(id).ok_or(Idle::Nothing)?;
                    self.internet.first_hop(&tuple.local_address, &tuple.remote_address, via)
                }
                _ => {
                    let flow = self.flow(socket).ok_or(Idle::Nothing)?;
                    self.internet.first_hop(&flow.source, &flow.destination, flow.via)
                }
            };
            let Err(reason) = hop else { return Ok(()) };
            if !self.fail(socket, None, reason) {
                return Err(if matches!(socket, SocketId::Tcp(_)) { Idle::Stranded } else { Idle::Nothing });
            }
        }
    }

    /// Whether the socket has something to send.
    fn has_more(&self, socket: SocketId) -> bool {
        match socket {
            SocketId::Tcp(id) => self.transports.tcp.sends(id).is_some(),
            _ => self.flow(socket).is_some(),
        }
    }

    /// Where the socket's next packet goes in the end.
    fn destination(&self, socket: SocketId) -> Option<IpAddr> {
        match socket {
            SocketId::Tcp(id) => self.transports.tcp.remote_address(id),
            _ => self.flow(socket).map(|flow| flow.destination),
        }
    }

    /// Where the next datagram of the socket goes; `None` when it has none.
    fn flow(&self, socket: SocketId) -> Option<Flow> {
        let (source, destination, scope) = match socket {
            SocketId::Udp(id) => self.transports.udp.next_addresses(id)?,
            SocketId::Icmp(id) => self.transports.icmp.next_addresses(id)?,
            SocketId::Raw(id) => self.transports.raw.next_addresses(id)?,
            SocketId::Tcp(_) | SocketId::Listener(_) => return None,
        };
        Some(Flow {
            source,
            destination,
            via: InterfaceId::from_scope_id(scope, self.internet.interfaces.len()),
        })
    }

    /// What the socket would send next cannot leave. Gives whether it may have something else to send.
    fn fail(&mut self, socket: SocketId, on: Option<InterfaceId>, reason: DropReason) -> bool {
        let cx = &mut self.cx;
        let (transmission, more) = match socket {
            SocketId::Tcp(id) => {
                self.transports.tcp.cannot_leave(cx, id, reason);
                return false;
            }
            SocketId::Udp(id) => (self.transports.udp.fail_next(cx, id, reason), true),
            SocketId::Icmp(id) => (self.transports.icmp.fail_next(cx, id), true),
            SocketId::Raw(id) => (self.transports.raw.fail_next(cx, id), true),
            SocketId::Listener(_) => return false,
        };
        if let Some(len) = transmission {
            cx.dropped(on, reason, len, None);
        }
        more
    }

    /// Lets a socket send one packet. Its frames, if it sends one, are the next of the interface.
    pub(super) fn pull(&mut self, on: InterfaceId, socket: SocketId) {
        match self.next_hop(socket) {
            Ok(()) => {}
            Err(Idle::Nothing) => return,
            Err(Idle::Stranded) => return self.cx.sendable.strand(socket),
        }
        let hop = *self.internet.latest_hop();
        if hop.interface != on {
            return self.cx.sendable.file(socket, hop.interface);
        }
        let Some(hardware) = self.ready(&hop, socket) else { return };
        let path = path(&self.cx, self.internet, &hop, || self.destination(socket));
        if let SocketId::Udp(id) = socket {
            self.loop_back(on, id, &path);
        }
        let transmission = self.transports.transmit(&mut self.cx, socket, &path);
        let (mut packet, cause, len, made) = match transmission {
            Transmission::Segment(mut departing) => {
                let mut packet = self.internet.queues[on.slot()].spare();
                let (cause, len) = (departing.cause, departing.header.len() + departing.payload_len());
                let made = transmit_as(&mut self.cx, self.internet, &hop, &mut departing, &mut packet);
                self.cx.pool.put_departing(departing);
                (packet, cause, len, made)
            }
            Transmission::Packet { packet: bytes, cause } => {
                let len = bytes.len();
                let mut packet = self.internet.queues[on.slot()].spare();
                let made = transmit_whole(self.internet, &hop, bytes, cause).map(|made| *packet = made);
                (packet, cause, len, made)
            }
            Transmission::Nothing => return,
        };
        if self.has_more(socket) {
            self.cx.sendable.push_back(socket, on);
        }
        match (made, hardware) {
            (Ok(()), NextHop::Known(hardware)) => {
                packet.set_link_destination(hardware);
                self.internet.queues[on.slot()].begin(packet);
            }
            (Ok(()), NextHop::AskedFor) => {
                resolution::send(&mut self.cx, self.internet, &hop, *packet);
            }
            (Err(reason), _) => self.cx.dropped(Some(on), reason, len, cause),
        }
    }

    /// What goes to a group that this host is in on the interface, or to everybody there, comes to its own
    /// sockets too (RFC 1112 6.1).
    fn loop_back(&mut self, on: InterfaceId, id: UdpId, path: &Path) {
        let Some(destination) = self.destination(id.into()) else { return };
        let is_ours = match destination.is_multicast() {
            true => self.internet.addresses.classify(on, destination) == Destination::Group,
            false => self.internet.is_broadcast(on, destination),
        };
        if !is_ours {
            return;
        }
        if let Some(datagram) = self.transports.udp.next_for_many(id, path) {
            self.transports.udp.loop_back(&mut self.cx, on, &datagram, None);
        }
    }

    /// Whether the socket's next packet may be pulled towards `hop`; parks or tells the socket if not.
    fn ready(&mut self, hop: &Hop, socket: SocketId) -> Option<NextHop> {
        let reason = match resolution::resolve(&mut self.cx, self.internet, hop, None) {
            Resolution::Known(hardware) => return Some(NextHop::Known(hardware)),
            Resolution::Waiting(key) | Resolution::Solicit(key) => {
                // TCP data waits in its socket. Datagrams wait at the neighbour, so that what the socket has
                // for others goes on.
                if !matches!(socket, SocketId::Tcp(_)) {
                    return Some(NextHop::AskedFor);
                }
                self.cx.sendable.park(socket);
                self.internet.neighbours.park(key, socket);
                return None;
            }
            Resolution::Unreachable => DropReason::NeighbourUnreachable,
            Resolution::TableFull => DropReason::NeighbourTableFull,
        };
        if self.fail(socket, Some(hop.interface), reason) {
            self.cx.sendable.push_back(socket, hop.interface);
        }
        None
    }
}
