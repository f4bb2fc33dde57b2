//! Raw sockets, by handle.

use core::net::{IpAddr, Ipv4Addr};

use bytes::{Bytes, BytesMut};
use fathom_wire::{Instant, IpProtocol, checksum};

use super::{Family, Stack};
use crate::interface::InterfaceId;
use crate::internet::transmit::route;
use crate::packet::ip_header_len;
use crate::socket::RawId;
use crate::transport::raw::{Outbound, RawError, RawOptions, RawSocket, ReceivedPacket};

/// The largest IP packet (RFC 791 3.1).
const MAX_PACKET: usize = 65535;
/// Fields of the IPv4 header (RFC 791 3.1).
const TOTAL_LENGTH: core::ops::Range<usize> = 2..4;
const IDENTIFICATION: core::ops::Range<usize> = 4..6;
const CHECKSUM: core::ops::Range<usize> = 10..12;
const SOURCE: core::ops::Range<usize> = 12..16;

impl Stack {
    /// Makes a socket for whole packets of one protocol. It gets copies: the stack handles the protocol as
    /// before, and other sockets get theirs.
    pub fn raw_open(&mut self, now: Instant, family: Family, protocol: IpProtocol) -> RawId {
        let parts = self.parts(now);
        parts.transports.raw.open(parts.cx.config, family, protocol)
    }

    /// A raw socket, to use it; `None` when the handle is stale.
    pub fn raw(&mut self, now: Instant, id: RawId) -> Option<Raw<'_>> {
        self.transports.raw.get(id)?;
        Some(Raw { stack: self, now, id })
    }
}

/// A raw socket of a stack, borrowed to use it.
#[derive(Debug)]
pub struct Raw<'a> {
    stack: &'a mut Stack,
    now: Instant,
    id: RawId,
}

impl Raw<'_> {
    /// Sends a packet: what follows the IP header, or with
    /// [`RawOptions::header_included`] all of it. The checksum of an ICMPv6 message is filled in.
    ///
    /// # Errors
    /// [`RawError`].
    pub fn send_to(&mut self, data: &[u8], to: IpAddr) -> Result<usize, RawError> {
        let socket = self.socket().ok_or(RawError::Closed)?;
        let (family, options) = (socket.family, socket.options.clone());
        if Family::of(to) != family || to.is_unspecified() {
            return Err(RawError::BadDestination);
        }
        let header_included = options.header_included && family == Family::V4;
        let scope = options.interface.map_or(0, InterfaceId::scope_id);
        let source = match options.local {
            Some(local) if !self.stack.is_local(local) => return Err(RawError::BadDestination),
            Some(local) => local,
            None => self.stack.select_source(to, scope).map_err(|_| RawError::NetworkUnreachable)?,
        };
        let via = self.stack.zone(scope);
        let hop = route(&self.stack.internet, Some(source), to, via).ok_or(RawError::NetworkUnreachable)?;
        if !options.broadcast && self.stack.internet.is_broadcast(hop.interface, to) {
            return Err(RawError::BroadcastDenied);
        }
        let data = if header_included {
            // RFC 791 3.2: who writes the header has decided how the packet is cut.
            if data.len() > self.stack.internet.interface(hop.interface).mtu {
                return Err(RawError::TooLarge);
            }
            self.completed(data, source)?
        } else {
            if data.len() + ip_header_len(to) > MAX_PACKET {
                return Err(RawError::TooLarge);
            }
            Bytes::copy_from_slice(data)
        };
        let (len, id) = (data.len(), self.id);
        let mut parts = self.stack.parts(self.now);
        let packet = Outbound { source, destination: to, scope, data, header_included };
        parts.transports.raw.send(&mut parts.cx, id, packet)?;
        Ok(len)
    }

    /// Sends a packet to the address that the socket is connected to ([`RawOptions::remote`]).
    ///
    /// # Errors
    /// As [`send_to`](Raw::send_to); [`RawError::BadDestination`] without such an address.
    pub fn send(&mut self, data: &[u8]) -> Result<usize, RawError> {
        let to = self.options().and_then(|options| options.remote).ok_or(RawError::BadDestination)?;
        self.send_to(data, to)
    }

    /// The program's packet with what it leaves to us: length and checksum, and where they are zero source and
    /// identification.
    fn completed(&mut self, data: &[u8], source: IpAddr) -> Result<Bytes, RawError> {
        let header_len = data.first().map_or(0, |byte| usize::from(byte & 0x0f) * 4);
        let version = data.first().map_or(0, |byte| byte >> 4);
        let IpAddr::V4(source) = source else { return Err(RawError::BadHeader) };
        if version != 4 || header_len < 20 || data.len() < header_len {
            return Err(RawError::BadHeader);
        }
        let mut packet = BytesMut::from(data);
        let len = data.len() as u16;
        packet[TOTAL_LENGTH].copy_from_slice(&len.to_be_bytes());
        if packet[SOURCE] == [0; 4] {
            packet[SOURCE].copy_from_slice(&source.octets());
        }
        if packet[IDENTIFICATION] == [0; 2] {
            let octets =
                |at: usize| Ipv4Addr::new(packet[at], packet[at + 1], packet[at + 2], packet[at + 3]);
            let (from, to, protocol) = (octets(12), octets(16), packet[9].into());
            let next = self.stack.internet.identifications.next(from.into(), to.into(), protocol) as u16;
            packet[IDENTIFICATION].copy_from_slice(&next.to_be_bytes());
        }
        packet[CHECKSUM].fill(0);
        let sum = !checksum::sum(&packet[..header_len]);
        packet[CHECKSUM].copy_from_slice(&sum.to_be_bytes());
        Ok(packet.freeze())
    }

    /// Takes the oldest packet, without a copy.
    ///
    /// # Errors
    /// [`RawError::WouldBlock`] when none waits.
    pub fn recv(&mut self) -> Result<ReceivedPacket, RawError> {
        let mut parts = self.stack.parts(self.now);
        parts.transports.raw.recv(&mut parts.cx, self.id)
    }

    /// The choices in force.
    pub fn options(&self) -> Option<RawOptions> {
        Some(self.socket()?.options.clone())
    }

    /// Changes the choices. Sizes and the hop limit are brought within what is allowed.
    ///
    /// # Errors
    /// [`RawError::BadDestination`] for an address of the other family or a local one that is not ours, or an
    /// interface that there is none of.
    pub fn set_options(&mut self, options: RawOptions) -> Result<(), RawError> {
        let family = self.socket().ok_or(RawError::Closed)?.family;
        let foreign = |address: Option<IpAddr>| address.is_some_and(|address| Family::of(address) != family);
        let many = |address: IpAddr| address.is_multicast() || address.is_unspecified();
        let lost = options.local.is_some_and(|local| many(local) || !self.stack.is_local(local));
        let missing = options.interface.is_some_and(|id| id.slot() >= self.stack.internet.interfaces.len());
        if foreign(options.local) || foreign(options.remote) || lost || missing {
            return Err(RawError::BadDestination);
        }
        let config = &self.stack.shared.config;
        if let Some(socket) = self.stack.transports.raw.get_mut(self.id) {
            socket.options = options.within(config);
        }
        Ok(())
    }

    /// The protocol whose packets the socket gets.
    pub fn protocol(&self) -> Option<IpProtocol> {
        Some(self.socket()?.protocol)
    }

    /// Packets that the socket lost because its receive buffer was full.
    pub fn dropped(&self) -> u64 {
        self.socket().map_or(0, |socket| socket.dropped)
    }

    /// Whether a packet waits to be taken.
    pub fn is_readable(&self) -> bool {
        self.socket().is_some_and(RawSocket::is_readable)
    }

    /// Whether any packet that the socket can send would find room.
    pub fn is_writable(&self) -> bool {
        self.socket().is_some_and(|socket| socket.is_writable(&self.stack.shared.config))
    }

    /// Closes the socket. Packets that it has not sent yet still leave.
    pub fn close(&mut self) {
        let mut parts = self.stack.parts(self.now);
        parts.transports.raw.close(&mut parts.cx, self.id);
    }

    fn socket(&self) -> Option<&RawSocket> {
        self.stack.transports.raw.get(self.id)
    }
}
