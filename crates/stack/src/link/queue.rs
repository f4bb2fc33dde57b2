//! What waits on an interface for the device: replies without a socket, and the rest of a packet that became
//! several frames.

use alloc::collections::VecDeque;

use fathom_wire::Instant;

use crate::outgoing::Outgoing;
use crate::transmit::Transmit;

/// The frames of an interface that the device pulls before it asks sockets.
#[derive(Debug, Default)]
pub(crate) struct LinkQueue {
    /// The packet whose frames are being made.
    current: Option<Outgoing>,
    /// The control queue: packets without a socket to wait in.
    control: VecDeque<Outgoing>,
}

impl LinkQueue {
    /// Queues a packet without a socket; gives it back when the queue is full.
    pub(crate) fn push_control(&mut self, packet: Outgoing, limit: usize) -> Option<Outgoing> {
        if self.control.len() >= limit {
            return Some(packet);
        }
        self.control.push_back(packet);
        None
    }

    /// Makes `packet`, which a socket gave, the one whose frames go next. The queue has given its own before.
    pub(crate) fn begin(&mut self, packet: Outgoing) {
        debug_assert!(self.current.is_none(), "a packet is pulled when the one before it is through");
        self.current = Some(packet);
    }

    /// The next frame: of the packet that was begun, else of the control queue.
    pub(crate) fn next_frame(&mut self, now: Instant) -> Option<Transmit> {
        loop {
            let packet = match &mut self.current {
                Some(packet) => packet,
                None => self.current.insert(self.control.pop_front()?),
            };
            let frame = packet.next_frame(now);
            if packet.is_done() {
                self.current = None;
            }
            if frame.is_some() {
                return frame;
            }
        }
    }

    /// Takes everything out: the link is gone.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Outgoing> {
        self.current.take().into_iter().chain(core::mem::take(&mut self.control))
    }
}
