//! What is due when time has passed.

use fathom_record::DropReason;
use fathom_wire::Instant;

use super::{Parts, Stack};
use crate::interface::InterfaceId;
use crate::internet::error::{Invoking, Problem, icmp_error};
use crate::internet::icmp;
use crate::internet::multicast::report;
use crate::link::neighbour::Waiting;
use crate::link::resolution;
use crate::outgoing::Outgoing;
use crate::packet::IcmpErrorKind;
use crate::slab::Key;
use crate::socket::SocketId;
use crate::timer::TimerKey;

/// Enough of a packet for any ICMP error to quote.
const QUOTE: usize = 1280;

impl Stack {
    /// Time has passed: does what was due by `now`. To be called at [`poll_timeout`](Stack::poll_timeout) or
    /// later; a call before that does nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        let mut parts = self.parts(now);
        while let Some(key) = parts.cx.timers.pop_expired(now) {
            parts.handle_timer(key);
        }
        parts.talk_to_ourselves();
    }
}

impl Parts<'_> {
    fn handle_timer(&mut self, key: TimerKey) {
        match key {
            TimerKey::Tcp(id) => self.transports.tcp.handle_timer(&mut self.cx, id),
            TimerKey::TcpHalfOpen(key) => {
                if let Some(again) = self.transports.tcp.handle_half_open_timer(&mut self.cx, key) {
                    // The address that was asked for may be gone by now.
                    match self.internet.interface_of(again.source) {
                        Some(_) => self.send(again, None),
                        None => {
                            let (len, cause) = (again.header.len(), again.cause);
                            self.cx.dropped(None, DropReason::NoSourceAddress, len, cause);
                        }
                    }
                }
            }
            TimerKey::TcpTimeWait(key) => self.transports.tcp.handle_time_wait_timer(&mut self.cx, key),
            TimerKey::Neighbour(key) => {
                if let Some((on, waiting)) = resolution::handle_timer(&mut self.cx, self.internet, key) {
                    self.neighbour_failed(on, waiting);
                }
            }
            TimerKey::Reassembly(key) => self.reassembly_timeout(key),
            TimerKey::Address(key) => self.handle_address_timer(key),
            TimerKey::Group(key) => report::handle_timer(&mut self.cx, self.internet, key),
            TimerKey::Groups(on, v6) => report::handle_query_timer(&mut self.cx, self.internet, on, v6),
        }
    }

    /// A next hop did not answer: RFC 4861 7.2.2 wants an error about each packet that waited, and RFC 1122
    /// 2.3.2.2 (with 3.2.2.1) that the sender learns of it.
    fn neighbour_failed(&mut self, on: InterfaceId, waiting: Waiting) {
        for packet in waiting.packets {
            self.packet_failed(on, &packet);
        }
        for socket in waiting.sockets {
            self.cx.sendable.release(socket);
            if let SocketId::Tcp(id) = socket {
                self.transports.tcp.cannot_leave(&mut self.cx, id, DropReason::NeighbourUnreachable);
            }
        }
    }

    fn packet_failed(&mut self, on: InterfaceId, packet: &Outgoing) {
        resolution::dropped(&mut self.cx, on, DropReason::NeighbourUnreachable, packet);
        let quote = packet.quote(QUOTE);
        let kind = IcmpErrorKind::HostUnreachable;
        // A packet of ours: its socket is told. A packet of somebody else: its sender is.
        if let Some(error) = icmp::error_for(kind, packet.source(), 0, &quote, packet.cause)
            && self.internet.interface_of(error.source).is_some()
        {
            self.handle_icmp_error(error);
            return;
        }
        let invoking = Invoking { packet: &quote, interface: on, broadcast: false, cause: packet.cause };
        if let Some(error) = icmp_error(&mut self.cx, self.internet, invoking, Problem::NextHop) {
            self.send(error, None);
        }
    }

    /// RFC 1122 3.3.2, RFC 8200 4.5: an error is due if the first fragment had come.
    fn reassembly_timeout(&mut self, key: Key) {
        let Some(given_up) = self.internet.reassemblies.handle_timer(&mut self.cx, key) else { return };
        let (on, cause) = (given_up.interface, given_up.cause);
        self.cx.dropped(Some(on), DropReason::ReassemblyTimeout, given_up.len, cause);
        let Some(first) = given_up.first else { return };
        let invoking = Invoking { packet: &first, interface: on, broadcast: false, cause };
        if let Some(error) = icmp_error(&mut self.cx, self.internet, invoking, Problem::Reassembly) {
            self.send(error, Some(on));
        }
    }
}
