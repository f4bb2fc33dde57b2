//! Sockets that send ICMP echo requests and hear what becomes of them (RFC 792, RFC 4443 4).

use alloc::collections::VecDeque;
use core::net::IpAddr;

use bytes::{BufMut, Bytes, BytesMut};
use fathom_record::{DropReason, Engine, SendReason};
use fathom_wire::internet::{icmpv4, icmpv6};
use fathom_wire::{Instant, IpProtocol};
use hashbrown::HashMap;

use crate::context::Context;
use crate::event::Readiness;
use crate::internet::icmp;
use crate::packet::{Arrived, Disposition, IcmpErrorFor, IcmpErrorKind, Transmission};
use crate::random::TableHasher;
use crate::slab::Slab;
use crate::socket::{IcmpId, SocketId};
use crate::stack::Family;
use crate::transport::udp::BindError;

/// The largest echo data: 65535 bytes of IPv4 packet, less its header and that of ICMP.
const MAX_DATA: usize = 65535 - 20 - 8;

/// Why an operation on an ICMP socket failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum IcmpError {
    /// The send buffer is full: wait for the event.
    #[error("the operation would block")]
    WouldBlock,
    /// The payload does not fit a packet or the send buffer.
    #[error("the payload is too large")]
    TooLarge,
    /// The destination is of another address family than the socket.
    #[error("the destination is of another address family")]
    BadDestination,
    /// No route leads there, or no address of ours can be the source.
    #[error("the network is unreachable")]
    NetworkUnreachable,
    /// The stack's memory limit is reached.
    #[error("the stack's memory limit is reached")]
    MemoryLimit,
}

/// What became of an echo request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IcmpEvent {
    /// Who answered: the destination, or a router on the way.
    pub from: IpAddr,
    /// What it says.
    pub kind: IcmpEventKind,
    /// The sequence number of the request.
    pub sequence: u16,
    /// The hop limit of the answer when it arrived.
    pub hop_limit: u8,
    /// When the answer came.
    pub received_at: Instant,
    /// The data that came back: all of it in a reply, as much as was quoted in an error.
    pub payload: Bytes,
}

/// Kinds of answers to an echo request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IcmpEventKind {
    /// The destination sent the data back.
    EchoReply,
    /// The request did not get there.
    Error {
        /// What happened.
        error: IcmpErrorKind,
        /// Where the request was going.
        destination: IpAddr,
    },
}

/// A request that waits to be sent.
#[derive(Clone, Debug)]
struct Request {
    source: IpAddr,
    destination: IpAddr,
    sequence: u16,
    hop_limit: u8,
    payload: Bytes,
}

/// An ICMP echo socket.
#[derive(Debug)]
pub(crate) struct IcmpSocket {
    family: Family,
    identifier: u16,
    /// The program has closed it; what it sent before still leaves.
    closed: bool,
    outgoing: VecDeque<Request>,
    incoming: VecDeque<IcmpEvent>,
    outgoing_bytes: usize,
    incoming_bytes: usize,
}

impl IcmpSocket {
    pub(crate) fn family(&self) -> Family {
        self.family
    }

    pub(crate) fn identifier(&self) -> u16 {
        self.identifier
    }
}

/// All ICMP echo sockets.
#[derive(Debug)]
pub(crate) struct IcmpLayer {
    sockets: Slab<IcmpSocket>,
    identifiers: HashMap<(Family, u16), IcmpId, TableHasher>,
}

impl IcmpLayer {
    pub(crate) fn new(hasher: TableHasher) -> Self {
        IcmpLayer { sockets: Slab::new(), identifiers: HashMap::with_hasher(hasher) }
    }

    /// What is charged for what waits in sockets, as they keep it.
    pub(crate) fn charged(&self) -> usize {
        self.sockets.iter().map(|(_, socket)| socket.incoming_bytes + socket.outgoing_bytes).sum()
    }

    /// Makes a socket with this identifier, or with a random one.
    pub(crate) fn open(
        &mut self,
        cx: &mut Context<'_>,
        family: Family,
        identifier: Option<u16>,
    ) -> Result<IcmpId, BindError> {
        let identifier = match identifier {
            Some(wanted) if self.identifiers.contains_key(&(family, wanted)) => {
                return Err(BindError::AddressInUse);
            }
            Some(wanted) => wanted,
            None => {
                let start = cx.random.next_u32() as u16;
                (0..=u16::MAX)
                    .map(|step| start.wrapping_add(step))
                    .find(|candidate| !self.identifiers.contains_key(&(family, *candidate)))
                    .ok_or(BindError::PortsExhausted)?
            }
        };
        let id = IcmpId(self.sockets.insert(IcmpSocket {
            family,
            identifier,
            closed: false,
            outgoing: VecDeque::new(),
            incoming: VecDeque::new(),
            outgoing_bytes: 0,
            incoming_bytes: 0,
        }));
        self.identifiers.insert((family, identifier), id);
        Ok(id)
    }

    /// A socket that is not closed.
    pub(crate) fn get(&self, id: IcmpId) -> Option<&IcmpSocket> {
        self.sockets.get(id.0).filter(|socket| !socket.closed)
    }

    /// Closes a socket. It hears nothing from here on; what it has not sent yet still leaves.
    pub(crate) fn close(&mut self, cx: &mut Context<'_>, id: IcmpId) {
        let Some(socket) = self.sockets.get_mut(id.0).filter(|socket| !socket.closed) else { return };
        socket.closed = true;
        cx.memory.release(socket.incoming_bytes);
        socket.incoming_bytes = 0;
        socket.incoming.clear();
        self.identifiers.remove(&(socket.family, socket.identifier));
        if socket.outgoing.is_empty() {
            self.sockets.remove(id.0);
        }
    }

    /// Queues an echo request.
    pub(crate) fn send(
        &mut self,
        cx: &mut Context<'_>,
        id: IcmpId,
        (source, destination): (IpAddr, IpAddr),
        sequence: u16,
        hop_limit: u8,
        payload: &[u8],
    ) -> Result<(), IcmpError> {
        let Some(socket) = self.sockets.get_mut(id.0) else { return Err(IcmpError::WouldBlock) };
        let charge = payload.len() + cx.config.datagram.overhead;
        let limit = cx.config.datagram.send_buffer;
        if payload.len() > MAX_DATA || charge > limit {
            return Err(IcmpError::TooLarge);
        }
        if socket.outgoing_bytes + charge > limit {
            return Err(IcmpError::WouldBlock);
        }
        if !cx.memory.charge(charge) {
            return Err(IcmpError::MemoryLimit);
        }
        socket.outgoing_bytes += charge;
        let payload = Bytes::copy_from_slice(payload);
        socket.outgoing.push_back(Request { source, destination, sequence, hop_limit, payload });
        cx.sendable.push(SocketId::Icmp(id));
        Ok(())
    }

    /// Takes the oldest answer.
    pub(crate) fn recv(&mut self, cx: &mut Context<'_>, id: IcmpId) -> Option<IcmpEvent> {
        let socket = self.sockets.get_mut(id.0)?;
        let event = socket.incoming.pop_front()?;
        let charge = event.payload.len() + cx.config.datagram.overhead;
        socket.incoming_bytes -= charge;
        cx.memory.release(charge);
        Some(event)
    }

    /// The local and the remote address of the request that the socket sends next, and its zone.
    pub(crate) fn next_addresses(&self, id: IcmpId) -> Option<(IpAddr, IpAddr, u32)> {
        let request = self.sockets.get(id.0)?.outgoing.front()?;
        Some((request.source, request.destination, 0))
    }

    /// The next request of a socket.
    pub(crate) fn transmit(&mut self, cx: &mut Context<'_>, id: IcmpId) -> Transmission {
        let Some(socket) = self.sockets.get_mut(id.0) else { return Transmission::Nothing };
        let Some(request) = socket.outgoing.pop_front() else { return Transmission::Nothing };
        let charge = request.payload.len() + cx.config.datagram.overhead;
        socket.outgoing_bytes -= charge;
        cx.memory.release(charge);
        let identifier = socket.identifier;
        match (socket.closed, socket.outgoing.is_empty()) {
            (false, _) => cx.events.push(SocketId::Icmp(id), Readiness::WRITABLE),
            (true, true) => drop(self.sockets.remove(id.0)),
            (true, false) => {}
        }
        let Request { source, destination, sequence, hop_limit, payload, .. } = request;
        let (kind, protocol) = match source {
            IpAddr::V4(_) => (icmpv4::kind::ECHO_REQUEST, IpProtocol::Icmpv4),
            IpAddr::V6(_) => (icmpv6::kind::ECHO_REQUEST, IpProtocol::Icmpv6),
        };
        let mut message = BytesMut::with_capacity(icmp::HEADER);
        message.put_slice(&[kind, 0, 0, 0]);
        message.put_u16(identifier);
        message.put_u16(sequence);
        let mut departing = icmp::packet(source, destination, protocol, hop_limit, message.freeze());
        if !payload.is_empty() {
            departing.slices.push(payload);
        }
        departing.cause = cx.record(None, || Engine::Packet { why: SendReason::EchoRequest });
        Transmission::Segment(cx.pool.boxed(departing))
    }

    /// Lets the next request of a socket go that cannot leave; gives its length.
    pub(crate) fn fail_next(&mut self, cx: &mut Context<'_>, id: IcmpId) -> Option<usize> {
        match self.transmit(cx, id) {
            Transmission::Segment(departing) => Some(departing.header.len() + departing.payload_len()),
            Transmission::Packet { .. } | Transmission::Nothing => None,
        }
    }

    /// An echo reply.
    pub(crate) fn receive(&mut self, cx: &mut Context<'_>, arrived: &Arrived) -> Disposition {
        let Some(identifier) = arrived.payload.get(4..6).map(|id| u16::from_be_bytes([id[0], id[1]])) else {
            return Disposition::Drop(DropReason::IcmpMalformed);
        };
        let Some(sequence) = arrived.payload.get(6..8).map(|seq| u16::from_be_bytes([seq[0], seq[1]])) else {
            return Disposition::Drop(DropReason::IcmpMalformed);
        };
        let Some(id) = self.identifiers.get(&(Family::of(arrived.source), identifier)).copied() else {
            return Disposition::Drop(DropReason::IcmpUnmatched);
        };
        let event = IcmpEvent {
            from: arrived.source,
            kind: IcmpEventKind::EchoReply,
            sequence,
            hop_limit: arrived.hop_limit,
            received_at: cx.now,
            payload: arrived.payload.slice(icmp::HEADER..),
        };
        match self.deliver(cx, id, event) {
            Ok(()) => Disposition::Accepted,
            Err(reason) => Disposition::Drop(reason),
        }
    }

    /// An error about an echo request of ours.
    pub(crate) fn handle_icmp_error(&mut self, cx: &mut Context<'_>, error: &IcmpErrorFor) -> bool {
        let [kind, _, _, _, a, b, c, d] = match error.quoted.first_chunk::<{ icmp::HEADER }>() {
            Some(header) => *header,
            None => return false,
        };
        let request = match error.source {
            IpAddr::V4(_) => icmpv4::kind::ECHO_REQUEST,
            IpAddr::V6(_) => icmpv6::kind::ECHO_REQUEST,
        };
        let Some(id) = self.identifiers.get(&(Family::of(error.source), u16::from_be_bytes([a, b]))).copied()
        else {
            return false;
        };
        if kind != request {
            return false;
        }
        let event = IcmpEvent {
            from: error.reporter,
            kind: IcmpEventKind::Error { error: error.kind, destination: error.destination },
            sequence: u16::from_be_bytes([c, d]),
            hop_limit: error.hop_limit,
            received_at: cx.now,
            payload: error.quoted.slice(icmp::HEADER..),
        };
        // A full socket loses the event, but the error was its.
        if let Err(reason) = self.deliver(cx, id, event) {
            cx.dropped(None, reason, error.quoted.len(), error.cause);
        }
        true
    }

    fn deliver(&mut self, cx: &mut Context<'_>, id: IcmpId, event: IcmpEvent) -> Result<(), DropReason> {
        let Some(socket) = self.sockets.get_mut(id.0) else { return Err(DropReason::IcmpUnmatched) };
        let charge = event.payload.len() + cx.config.datagram.overhead;
        if socket.incoming_bytes + charge > cx.config.datagram.receive_buffer {
            return Err(DropReason::UdpBufferFull);
        }
        if !cx.memory.charge(charge) {
            return Err(DropReason::MemoryLimit);
        }
        socket.incoming_bytes += charge;
        socket.incoming.push_back(event);
        cx.events.push(SocketId::Icmp(id), Readiness::READABLE);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
