//! Raw sockets: whole packets of one protocol, beside whatever the stack itself does with them.
//!
//! They get copies: a packet is handled by its protocol whether or not a raw socket reads it. A protocol that the
//! stack does not know is nevertheless no error while a raw socket is open for it.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::net::IpAddr;

use bytes::Bytes;
use fathom_record::{DropReason, Engine, SendReason};
use fathom_wire::{Ecn, Instant, IpProtocol};
use hashbrown::HashMap;

use crate::config::Config;
use crate::context::Context;
use crate::event::Readiness;
use crate::interface::InterfaceId;
use crate::packet::{Arrived, Departing, Fragmentation, Transmission};
use crate::random::TableHasher;
use crate::slab::Slab;
use crate::socket::{RawId, SocketId};
use crate::stack::Family;

/// Where the checksum of an ICMPv6 message is, which covers the pseudo-header, so that only the stack can fill it
/// in (RFC 3542 3.1).
const ICMPV6_CHECKSUM: usize = 2;

/// Why an operation on a raw socket failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RawError {
    /// There is nothing to read, or no room to write: wait for the event.
    #[error("the operation would block")]
    WouldBlock,
    /// The packet is larger than IP, the send buffer or (with its header included) the link can carry.
    #[error("the packet is too large")]
    TooLarge,
    /// The destination is of another address family than the socket, or the source is none of this host's.
    #[error("the destination is not one for this socket")]
    BadDestination,
    /// The destination is everybody, and the socket was not allowed to send there.
    #[error("the socket may not send to a broadcast address")]
    BroadcastDenied,
    /// The header that the program includes is not that of an IPv4 packet.
    #[error("the packet has no valid IPv4 header")]
    BadHeader,
    /// No route leads there, or no address of ours can be the source.
    #[error("the network is unreachable")]
    NetworkUnreachable,
    /// The stack's memory limit is reached.
    #[error("the stack's memory limit is reached")]
    MemoryLimit,
    /// The socket is closed.
    #[error("the socket is closed")]
    Closed,
}

/// Choices of a raw socket.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RawOptions {
    /// What the program sends begins with an IPv4 header of its own (`IP_HDRINCL`). Length and checksum are filled
    /// in, and where they are zero the source and the identification.
    pub header_included: bool,
    /// Hop limit of what is sent without a header, at least 1.
    pub hop_limit: u8,
    /// Differentiated services code point of that, 6 bits.
    pub dscp: u8,
    /// The socket may send to everybody on a link.
    pub broadcast: bool,
    /// Hear and send to this remote address only.
    pub remote: Option<IpAddr>,
    /// Hear what is sent to this address of ours only, and send from it.
    pub local: Option<IpAddr>,
    /// Hear and send on this interface only.
    pub interface: Option<InterfaceId>,
    /// Of ICMP and ICMPv6, pass these types only (`ICMP_FILTER`, `ICMP6_FILTER`).
    pub icmp_types: TypeFilter,
    /// Bytes that wait for the program; more is dropped on arrival, counted.
    pub receive_buffer: usize,
    /// Bytes that wait for the device.
    pub send_buffer: usize,
}

impl RawOptions {
    /// The same, within what is allowed.
    pub(crate) fn within(mut self, config: &Config) -> Self {
        // RFC 1122 3.2.1.7: no packet is sent with a hop limit of 0.
        self.hop_limit = self.hop_limit.max(1);
        self.dscp &= 0x3f;
        let (least, most) = (config.datagram.overhead, config.datagram.max_buffer);
        self.receive_buffer = self.receive_buffer.clamp(least, most);
        self.send_buffer = self.send_buffer.clamp(least, most);
        self
    }
}

/// A set of message types.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TypeFilter([u128; 2]);

impl TypeFilter {
    /// All types.
    pub const ALL: TypeFilter = TypeFilter([u128::MAX; 2]);
    /// No type.
    pub const NONE: TypeFilter = TypeFilter([0; 2]);

    /// These types and no others.
    pub fn only(types: &[u8]) -> TypeFilter {
        types.iter().fold(TypeFilter::NONE, |filter, kind| filter.with(*kind))
    }

    /// These and `kind`.
    #[must_use]
    pub fn with(mut self, kind: u8) -> TypeFilter {
        self.0[usize::from(kind >> 7)] |= 1 << (kind & 127);
        self
    }

    /// Whether `kind` is one of them.
    pub fn passes(&self, kind: u8) -> bool {
        self.0[usize::from(kind >> 7)] >> (kind & 127) & 1 == 1
    }
}

/// A packet that a raw socket received.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReceivedPacket {
    /// Who sent it.
    pub source: IpAddr,
    /// What it was sent to.
    pub destination: IpAddr,
    /// Where it came in; `None` for what the host sent to itself.
    pub interface: Option<InterfaceId>,
    /// Of IPv4 the whole packet, header included; of IPv6 what follows the headers, as on Linux (RFC 3542 3).
    pub data: Bytes,
    /// Its hop limit on arrival.
    pub hop_limit: u8,
    /// Its differentiated services code point.
    pub dscp: u8,
    /// Its congestion field.
    pub ecn: Ecn,
    /// When it came.
    pub received_at: Instant,
}

/// A packet that waits to leave.
#[derive(Clone, Debug)]
pub(crate) struct Outbound {
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) scope: u32,
    pub(crate) data: Bytes,
    /// It begins with its IPv4 header.
    pub(crate) header_included: bool,
}

/// A raw socket.
#[derive(Debug)]
pub(crate) struct RawSocket {
    pub(crate) family: Family,
    pub(crate) protocol: IpProtocol,
    pub(crate) options: RawOptions,
    /// The program has closed it; what it sent before still leaves.
    closed: bool,
    incoming: VecDeque<ReceivedPacket>,
    outgoing: VecDeque<Outbound>,
    incoming_bytes: usize,
    outgoing_bytes: usize,
    /// Packets that found no room.
    pub(crate) dropped: u64,
}

impl RawSocket {
    fn hears(&self, arrived: &Arrived) -> bool {
        let icmp = matches!(self.protocol, IpProtocol::Icmpv4 | IpProtocol::Icmpv6);
        let options = &self.options;
        options.remote.is_none_or(|remote| remote == arrived.source)
            && options.local.is_none_or(|local| local == arrived.destination)
            && options.interface.is_none_or(|own| own == arrived.interface)
            && (!icmp || arrived.payload.first().is_some_and(|kind| options.icmp_types.passes(*kind)))
    }

    /// Whether a packet waits.
    pub(crate) fn is_readable(&self) -> bool {
        !self.incoming.is_empty()
    }

    /// Whether a packet of any size that the socket can send would find room.
    pub(crate) fn is_writable(&self, config: &Config) -> bool {
        let largest = (usize::from(u16::MAX) + config.datagram.overhead).min(self.options.send_buffer);
        self.outgoing_bytes + largest <= self.options.send_buffer
    }
}

/// All raw sockets.
#[derive(Debug)]
pub(crate) struct RawLayer {
    sockets: Slab<RawSocket>,
    protocols: HashMap<(Family, u8), Vec<RawId>, TableHasher>,
}

impl RawLayer {
    pub(crate) fn new(hasher: TableHasher) -> Self {
        RawLayer { sockets: Slab::new(), protocols: HashMap::with_hasher(hasher) }
    }

    /// What is charged for what waits in sockets, as they keep it.
    pub(crate) fn charged(&self) -> usize {
        self.sockets.iter().map(|(_, socket)| socket.incoming_bytes + socket.outgoing_bytes).sum()
    }

    pub(crate) fn open(&mut self, config: &Config, family: Family, protocol: IpProtocol) -> RawId {
        let options = RawOptions {
            header_included: false,
            hop_limit: config.hop_limit,
            dscp: 0,
            broadcast: false,
            remote: None,
            local: None,
            interface: None,
            icmp_types: TypeFilter::ALL,
            receive_buffer: config.datagram.receive_buffer,
            send_buffer: config.datagram.send_buffer,
        };
        let id = RawId(self.sockets.insert(RawSocket {
            family,
            protocol,
            options,
            closed: false,
            incoming: VecDeque::new(),
            outgoing: VecDeque::new(),
            incoming_bytes: 0,
            outgoing_bytes: 0,
            dropped: 0,
        }));
        self.protocols.entry((family, protocol.into())).or_default().push(id);
        id
    }

    /// A socket that is not closed.
    pub(crate) fn get(&self, id: RawId) -> Option<&RawSocket> {
        self.sockets.get(id.0).filter(|socket| !socket.closed)
    }

    /// A socket that is not closed.
    pub(crate) fn get_mut(&mut self, id: RawId) -> Option<&mut RawSocket> {
        self.sockets.get_mut(id.0).filter(|socket| !socket.closed)
    }

    /// Closes a socket. It hears nothing from here on; what it has not sent yet still leaves.
    pub(crate) fn close(&mut self, cx: &mut Context<'_>, id: RawId) {
        let Some(socket) = self.get_mut(id) else { return };
        socket.closed = true;
        socket.incoming.clear();
        cx.memory.release(core::mem::take(&mut socket.incoming_bytes));
        let (key, done) = ((socket.family, socket.protocol.into()), socket.outgoing.is_empty());
        if let Some(ids) = self.protocols.get_mut(&key) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.protocols.remove(&key);
            }
        }
        if done {
            self.sockets.remove(id.0);
        }
    }

    /// Whether no socket is open.
    pub(crate) fn is_empty(&self) -> bool {
        self.protocols.is_empty()
    }

    /// Whether segments or datagrams are to come one by one, because somebody reads them as packets.
    pub(crate) fn reads_segments(&self) -> bool {
        let reads = |protocol: IpProtocol| {
            [Family::V4, Family::V6]
                .iter()
                .any(|family| self.protocols.contains_key(&(*family, protocol.into())))
        };
        !self.is_empty() && (reads(IpProtocol::Tcp) || reads(IpProtocol::Udp))
    }

    /// Gives each socket that hears a packet a copy. Whether there was one is told.
    pub(crate) fn receive(&mut self, cx: &mut Context<'_>, arrived: &Arrived) -> bool {
        let key = (Family::of(arrived.source), arrived.protocol.into());
        let Some(ids) = self.protocols.get(&key) else { return false };
        let mut heard = false;
        let mut data = None;
        for id in ids {
            let Some(socket) = self.sockets.get_mut(id.0).filter(|socket| socket.hears(arrived)) else {
                continue;
            };
            heard = true;
            let data = data.get_or_insert_with(|| whole(arrived)).clone();
            let charge = data.len() + cx.config.datagram.overhead;
            let reason = if socket.incoming_bytes + charge > socket.options.receive_buffer {
                DropReason::RawBufferFull
            } else if !cx.memory.charge(charge) {
                DropReason::MemoryLimit
            } else {
                socket.incoming_bytes += charge;
                socket.incoming.push_back(ReceivedPacket {
                    source: arrived.source,
                    destination: arrived.destination,
                    interface: InterfaceId::from_scope_id(arrived.interface.scope_id(), usize::MAX),
                    data,
                    hop_limit: arrived.hop_limit,
                    dscp: arrived.dscp,
                    ecn: arrived.ecn,
                    received_at: cx.now,
                });
                cx.events.push(SocketId::Raw(*id), Readiness::READABLE);
                continue;
            };
            socket.dropped += 1;
            cx.dropped(Some(arrived.interface), reason, data.len(), arrived.cause);
        }
        heard
    }

    /// Takes the oldest packet.
    pub(crate) fn recv(&mut self, cx: &mut Context<'_>, id: RawId) -> Result<ReceivedPacket, RawError> {
        let socket = self.get_mut(id).ok_or(RawError::Closed)?;
        let packet = socket.incoming.pop_front().ok_or(RawError::WouldBlock)?;
        let charge = packet.data.len() + cx.config.datagram.overhead;
        socket.incoming_bytes -= charge;
        cx.memory.release(charge);
        Ok(packet)
    }

    /// Queues a packet.
    pub(crate) fn send(&mut self, cx: &mut Context<'_>, id: RawId, packet: Outbound) -> Result<(), RawError> {
        let socket = self.get_mut(id).ok_or(RawError::Closed)?;
        let charge = packet.data.len() + cx.config.datagram.overhead;
        let limit = socket.options.send_buffer;
        if charge > limit {
            return Err(RawError::TooLarge);
        }
        if socket.outgoing_bytes + charge > limit {
            return Err(RawError::WouldBlock);
        }
        if !cx.memory.charge(charge) {
            return Err(RawError::MemoryLimit);
        }
        socket.outgoing_bytes += charge;
        socket.outgoing.push_back(packet);
        cx.sendable.push(SocketId::Raw(id));
        Ok(())
    }

    /// The local and the remote address of the packet that the socket sends next, and its zone.
    pub(crate) fn next_addresses(&self, id: RawId) -> Option<(IpAddr, IpAddr, u32)> {
        let packet = self.sockets.get(id.0)?.outgoing.front()?;
        Some((packet.source, packet.destination, packet.scope))
    }

    /// The next packet of a socket.
    pub(crate) fn transmit(&mut self, cx: &mut Context<'_>, id: RawId) -> Transmission {
        let Some(socket) = self.sockets.get_mut(id.0) else { return Transmission::Nothing };
        let Some(packet) = socket.outgoing.pop_front() else { return Transmission::Nothing };
        let charge = packet.data.len() + cx.config.datagram.overhead;
        socket.outgoing_bytes -= charge;
        cx.memory.release(charge);
        let (protocol, hop_limit, dscp) = (socket.protocol, socket.options.hop_limit, socket.options.dscp);
        match (socket.closed, socket.outgoing.is_empty()) {
            (false, _) => cx.events.push(SocketId::Raw(id), Readiness::WRITABLE),
            (true, true) => drop(self.sockets.remove(id.0)),
            (true, false) => {}
        }
        let cause = cx.record(None, || Engine::Packet { why: SendReason::Datagram });
        let Outbound { source, destination, data, header_included, .. } = packet;
        if header_included {
            return Transmission::Packet { packet: data, cause };
        }
        // Only a message of ICMPv6 needs a checksum from us; then its first bytes are the transport's header.
        let head = if protocol == IpProtocol::Icmpv6 { data.len().min(8) } else { 0 };
        let mut header: arrayvec::ArrayVec<u8, _> = data[..head].iter().copied().collect();
        if head >= ICMPV6_CHECKSUM + 2 {
            header[ICMPV6_CHECKSUM..ICMPV6_CHECKSUM + 2].fill(0);
        }
        let mut slices = arrayvec::ArrayVec::new();
        if data.len() > head {
            slices.push(data.slice(head..));
        }
        Transmission::Segment(cx.pool.boxed(Departing {
            source,
            destination,
            protocol,
            hop_limit,
            dscp,
            ecn: Ecn::NotEct,
            header,
            checksum_offset: ICMPV6_CHECKSUM as u8,
            slices,
            segment_size: None,
            fragmentation: Fragmentation::Allowed,
            cause,
        }))
    }

    /// Lets the next packet of a socket go that cannot leave; gives its length.
    pub(crate) fn fail_next(&mut self, cx: &mut Context<'_>, id: RawId) -> Option<usize> {
        let len = self.sockets.get(id.0)?.outgoing.front()?.data.len();
        self.transmit(cx, id);
        Some(len)
    }
}

/// The packet as a raw socket sees it: IPv4 with its header, whose length is that of the whole where it was put
/// together from fragments.
fn whole(arrived: &Arrived) -> Bytes {
    if arrived.source.is_ipv6() {
        return arrived.payload.clone();
    }
    let Some(header_len) = arrived.invoking.first().map(|byte| usize::from(byte & 0x0f) * 4) else {
        return arrived.payload.clone();
    };
    if arrived.invoking.len() == header_len + arrived.payload.len() {
        return arrived.invoking.clone();
    }
    let header = arrived.invoking.get(..header_len).unwrap_or_default();
    let mut packet = Vec::with_capacity(header_len + arrived.payload.len());
    packet.extend_from_slice(header);
    packet.extend_from_slice(&arrived.payload);
    reassembled_header(&mut packet);
    packet.into()
}

/// Writes the length of the whole into the header of a first fragment, and that it is none.
fn reassembled_header(packet: &mut [u8]) {
    use fathom_wire::{IpHeader, checksum};
    let len = packet.len() as u16;
    let Ok(IpHeader::V4(header)) = IpHeader::parse_quoted(packet) else { return };
    let header_len = header.header_len();
    packet[2..4].copy_from_slice(&len.to_be_bytes());
    packet[6..8].fill(0);
    packet[10..12].fill(0);
    let sum = !checksum::sum(&packet[..header_len]);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
}

#[cfg(test)]
mod tests;
