//! ICMP errors about segments that we sent (RFC 9293 3.9.2.2, RFC 5927), and next hops that do not answer.

use core::net::SocketAddr;

use fathom_record::DropReason;
use fathom_wire::{SeqNumber, TcpHeader};

use super::connection::{Connection, Flags};
use super::recovery::LossRecovery as _;
use super::{FlowRef, TcpError, TcpLayer};
use crate::context::Context;
use crate::packet::{IcmpErrorFor, IcmpErrorKind};
use crate::socket::TcpId;
use crate::table::FourTuple;

impl TcpLayer {
    /// An ICMP error quotes a segment of ours. True when it concerns a connection and quotes a sequence
    /// number that is in flight, which an outsider would have to guess (RFC 5927 4.1).
    pub(crate) fn handle_icmp_error(&mut self, cx: &mut Context<'_>, error: &IcmpErrorFor) -> bool {
        let Some((tuple, seq)) = quoted(error) else { return false };
        match self.find(self.flows.hash(&tuple), &tuple) {
            Some(FlowRef::Connection(key)) => {
                let Some(connection) = self.connections.get_mut(key) else { return false };
                let concerned = connection.handle_icmp_error(cx, error, seq);
                self.settle(cx, TcpId(key));
                concerned
            }
            Some(FlowRef::HalfOpen(key)) => {
                // No link is too narrow for a SYN-ACK, whatever a router is said to have said.
                let possible = !matches!(error.kind, IcmpErrorKind::PacketTooBig { .. });
                let concerned =
                    possible && self.half_open.get(key).is_some_and(|half_open| half_open.sent(seq));
                if concerned && is_hard(error.kind) {
                    self.remove_half_open(cx, key);
                }
                concerned
            }
            Some(FlowRef::TimeWait(_)) | None => false,
        }
    }

    /// Nothing can leave towards the peer of a connection: its next hop does not answer, or there is none, or
    /// its own address is gone.
    pub(crate) fn cannot_leave(&mut self, cx: &mut Context<'_>, id: TcpId, reason: DropReason) {
        let Some(connection) = self.connections.get_mut(id.0) else { return };
        connection.set_trigger(cx, None);
        connection.cannot_leave(cx, reason);
        self.settle(cx, id);
    }
}

impl Connection {
    fn handle_icmp_error(&mut self, cx: &mut Context<'_>, error: &IcmpErrorFor, seq: SeqNumber) -> bool {
        let in_flight = self.snd.una.le(seq) && seq.lt(self.snd.max);
        if !in_flight || self.state.is_over() {
            return false;
        }
        self.set_trigger(cx, error.cause);
        if let IcmpErrorKind::PacketTooBig { mtu } = error.kind {
            return self.on_packet_too_big(cx, mtu);
        }
        let Some(meaning) = meaning(error.kind) else { return true };
        if self.state.is_opening() {
            // RFC 9293 3.9.2.2 has the connection go on trying after soft errors. The program is better
            // served by the answer (RFC 5461 4): it may have another address to try.
            self.end(cx, Some(meaning));
        } else {
            // RFC 5927 4.2: no ICMP error ends an established connection; it explains a later timeout.
            self.cold.soft_error = Some(meaning);
        }
        true
    }

    /// A router cannot pass our segments on. Those in flight are lost for their size, which is no sign of
    /// congestion: they are sent again at once, cut for the smaller path. False when nothing that we sent
    /// can have been too large: then somebody made it up (RFC 5927 7.2).
    fn on_packet_too_big(&mut self, cx: &mut Context<'_>, mtu: u32) -> bool {
        let headers = TcpHeader::LEN + super::options::ip_header_len(self.tuple.remote_address);
        let largest = self.snd.mss() + self.option_bytes() + headers as u32;
        if self.state.is_opening() || mtu >= largest {
            return false;
        }
        self.recovery.on_too_big(self.snd.una, self.snd.nxt);
        self.want_transmit(cx);
        true
    }

    /// No segment can leave towards the peer. What follows is what Linux does: a next hop that does not answer
    /// ends an attempt at once, and is the reason when an established connection times out. A route or an
    /// address that is gone may be back in a moment: the timers go on, an attempt fails in the end with the
    /// network unreachable, and an established connection with a plain timeout.
    fn cannot_leave(&mut self, cx: &mut Context<'_>, reason: DropReason) {
        let no_answer =
            reason == DropReason::NeighbourUnreachable || reason == DropReason::NeighbourTableFull;
        if self.state.is_opening() {
            match no_answer {
                true => self.end(cx, Some(TcpError::HostUnreachable)),
                // The SYN has not left: the program hears what it would have heard a moment later.
                false if self.snd.nxt == self.cold.iss => self.end(cx, Some(TcpError::NetworkUnreachable)),
                false => self.cold.soft_error = Some(TcpError::NetworkUnreachable),
            }
        } else if self.flags.contains(Flags::RESET_DUE) {
            self.flags.remove(Flags::RESET_DUE);
        } else if !self.state.is_over() {
            if no_answer {
                self.cold.soft_error = Some(TcpError::HostUnreachable);
            }
            let fin_waits = self.flags.contains(Flags::FIN_QUEUED) && !self.snd.fin_sent;
            if self.snd.una == self.snd.nxt && (fin_waits || !self.send_buffer.is_empty()) {
                // What waits was never sent, so no retransmission timer would try again.
                self.start_persist_timer(cx);
                self.arm(cx);
            }
        }
    }
}

/// The connection and the sequence number of the quoted segment.
fn quoted(error: &IcmpErrorFor) -> Option<(FourTuple, SeqNumber)> {
    let [a, b, c, d, seq @ ..] = error.quoted.first_chunk::<8>()?;
    let local = SocketAddr::new(error.source, u16::from_be_bytes([*a, *b]));
    let remote = SocketAddr::new(error.destination, u16::from_be_bytes([*c, *d]));
    Some((FourTuple::new(local, remote), SeqNumber(u32::from_be_bytes(*seq))))
}

/// What an error means to the program; `None` when it means nothing to it.
fn meaning(kind: IcmpErrorKind) -> Option<TcpError> {
    match kind {
        IcmpErrorKind::PortUnreachable | IcmpErrorKind::ProtocolUnreachable => Some(TcpError::Refused),
        IcmpErrorKind::NetworkUnreachable => Some(TcpError::NetworkUnreachable),
        IcmpErrorKind::HostUnreachable | IcmpErrorKind::Prohibited | IcmpErrorKind::HopLimitExceeded => {
            Some(TcpError::HostUnreachable)
        }
        IcmpErrorKind::PacketTooBig { .. }
        | IcmpErrorKind::ReassemblyTimeout
        | IcmpErrorKind::ParameterProblem => None,
    }
}

/// The errors that say that no connection can come into being (RFC 1122 4.2.3.9).
fn is_hard(kind: IcmpErrorKind) -> bool {
    matches!(
        kind,
        IcmpErrorKind::PortUnreachable | IcmpErrorKind::ProtocolUnreachable | IcmpErrorKind::Prohibited
    )
}
