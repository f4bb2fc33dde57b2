//! ICMP echo sockets, by handle.

use core::net::IpAddr;

use fathom_wire::Instant;

use super::Stack;
use crate::socket::IcmpId;
use crate::transport::icmp::{IcmpError, IcmpEvent};
use crate::transport::udp::BindError;

/// An address family.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The family of an address.
    pub const fn of(address: IpAddr) -> Family {
        match address {
            IpAddr::V4(_) => Family::V4,
            IpAddr::V6(_) => Family::V6,
        }
    }
}

impl Stack {
    /// Makes a socket for ICMP echo of one family, with this identifier or a random one.
    ///
    /// # Errors
    /// [`BindError::AddressInUse`] when another socket of the family has the identifier,
    /// [`BindError::PortsExhausted`] when all are taken.
    pub fn icmp_open(
        &mut self,
        now: Instant,
        family: Family,
        identifier: Option<u16>,
    ) -> Result<IcmpId, BindError> {
        let mut parts = self.parts(now);
        parts.transports.icmp.open(&mut parts.cx, family, identifier)
    }

    /// An ICMP socket, to use it; `None` when the handle is stale.
    pub fn icmp(&mut self, now: Instant, id: IcmpId) -> Option<Icmp<'_>> {
        self.transports.icmp.get(id)?;
        Some(Icmp { stack: self, now, id })
    }
}

/// An ICMP socket of a stack, borrowed to use it.
#[derive(Debug)]
pub struct Icmp<'a> {
    stack: &'a mut Stack,
    now: Instant,
    id: IcmpId,
}

impl Icmp<'_> {
    /// Sends an echo request; `hop_limit` is the stack's unless given. A link-local IPv6 destination is looked
    /// for on the first interface that has a link-local address.
    ///
    /// # Errors
    /// [`IcmpError`].
    pub fn send_echo(
        &mut self,
        to: IpAddr,
        sequence: u16,
        payload: &[u8],
        hop_limit: Option<u8>,
    ) -> Result<(), IcmpError> {
        let family = self.stack.transports.icmp.get(self.id).map(|socket| socket.family());
        if family != Some(Family::of(to)) {
            return Err(IcmpError::BadDestination);
        }
        let source = self.stack.select_source(to, 0).map_err(|_| IcmpError::NetworkUnreachable)?;
        // RFC 1122 3.2.1.7: no datagram is sent with a hop limit of 0.
        let hop_limit = hop_limit.unwrap_or(self.stack.shared.config.hop_limit).max(1);
        let mut parts = self.stack.parts(self.now);
        parts.transports.icmp.send(&mut parts.cx, self.id, (source, to), sequence, hop_limit, payload)
    }

    /// Takes the oldest reply, or error about a request; `None` when none waits.
    pub fn recv(&mut self) -> Option<IcmpEvent> {
        let mut parts = self.stack.parts(self.now);
        parts.transports.icmp.recv(&mut parts.cx, self.id)
    }

    /// The identifier that the socket's requests carry.
    pub fn identifier(&self) -> u16 {
        self.stack.transports.icmp.get(self.id).map_or(0, |socket| socket.identifier())
    }

    /// Closes the socket. Requests that it has not sent yet still leave.
    pub fn close(&mut self) {
        let mut parts = self.stack.parts(self.now);
        parts.transports.icmp.close(&mut parts.cx, self.id);
    }
}
