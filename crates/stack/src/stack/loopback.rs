//! Packets from the host to itself (RFC 1122 3.2.1.3 g, RFC 4291 2.5.3).
//!
//! They go down to the internet layer and come up again, without a link between: super-segments whole,
//! checksums left out, nothing recorded at a tap. So an address of ours is reached like any other.

use alloc::vec::Vec;

use super::{Parts, Stack};
use crate::batch::ReceivedChecksum;
use crate::interface::InterfaceId;
use crate::internet::receive::Packet;
use crate::outgoing::Outgoing;
use crate::transmit::{Transmit, TransmitChecksum};

const LOOPBACK: InterfaceId = InterfaceId::LOOPBACK;
/// Most packets at a time. Two sockets of one host that keep each other busy must not keep the caller.
const PACKETS_AT_ONCE: usize = 64;

impl Stack {
    /// Whether packets to ourselves wait for the next turn, or sockets that no interface is known for. A device
    /// asks for what the latter have; but there may be none, or none that is up.
    pub(super) fn is_talking_to_itself(&self) -> bool {
        self.shared.sendable.has_fresh()
            || self.shared.sendable.has_filed(LOOPBACK)
            || !self.internet.queues[LOOPBACK.slot()].is_empty()
    }
}

impl Parts<'_> {
    /// Sorts the sockets that want to send, and hands over what is for ourselves.
    #[inline]
    pub(super) fn talk_to_ourselves(&mut self) {
        self.notice_changes();
        let idle = !self.cx.sendable.has_fresh()
            && !self.cx.sendable.has_filed(LOOPBACK)
            && self.internet.queues[LOOPBACK.slot()].is_empty();
        if !idle {
            self.go_on_talking();
        }
    }

    fn go_on_talking(&mut self) {
        for _ in 0..PACKETS_AT_ONCE {
            self.sort_fresh();
            let queue = &mut self.internet.queues[LOOPBACK.slot()];
            if let Some(frame) = queue.next_frame(&mut self.cx, Outgoing::next_frame) {
                self.handle_packet(packet(frame));
            } else if let Some(socket) = self.cx.sendable.pop(LOOPBACK) {
                self.pull(LOOPBACK, socket);
            } else {
                return;
            }
        }
    }
}

/// A packet that left, as it arrives.
fn packet(frame: Transmit) -> Packet {
    Packet {
        interface: InterfaceId::LOOPBACK,
        bytes: frame.to_bytes(),
        broadcast: false,
        followers: Vec::new(),
        segment_size: frame.segment_size,
        checksum: match frame.checksum {
            TransmitChecksum::Complete => ReceivedChecksum::Unverified,
            TransmitChecksum::Partial { .. } => ReceivedChecksum::Partial,
        },
        cause: frame.cause,
    }
}
