//! What waits on an interface for the device: replies without a socket, and the rest of a packet that became
//! several frames.

use alloc::boxed::Box;
use alloc::collections::VecDeque;

use fathom_record::DropReason;
use fathom_wire::Instant;

use crate::context::Context;
use crate::outgoing::Outgoing;

/// The frames of an interface that the device pulls before it asks sockets.
#[derive(Debug, Default)]
pub(crate) struct LinkQueue {
    /// The packet whose frames are being made.
    current: Option<Box<Outgoing>>,
    /// The box of the packet that was the current one before.
    spare: Option<Box<Outgoing>>,
    /// The control queue: packets without a socket to wait in.
    control: VecDeque<Outgoing>,
}

impl LinkQueue {
    /// Queues a packet without a socket; gives it back, with the reason, when there is no room.
    pub(crate) fn push_control(
        &mut self,
        cx: &mut Context<'_>,
        packet: Outgoing,
    ) -> Option<(DropReason, Outgoing)> {
        if self.control.len() >= cx.config.link.control_queue {
            return Some((DropReason::ControlQueueFull, packet));
        }
        if !cx.memory.charge_control(packet.charge()) {
            return Some((DropReason::MemoryLimit, packet));
        }
        self.control.push_back(packet);
        None
    }

    /// A box for a packet.
    pub(crate) fn spare(&mut self) -> Box<Outgoing> {
        self.spare.take().unwrap_or_default()
    }

    /// Makes `packet`, which a socket gave, the one whose frames go next. The one before it is through.
    pub(crate) fn begin(&mut self, packet: Box<Outgoing>) {
        debug_assert!(self.current.is_none(), "a packet is pulled when the one before it is through");
        self.current = Some(packet);
    }

    /// The next frame, as `make` makes it from its packet: the one that was begun, else the first of the
    /// control queue.
    pub(crate) fn next_frame<F>(
        &mut self,
        cx: &mut Context<'_>,
        mut make: impl FnMut(&mut Outgoing, Instant) -> Option<F>,
    ) -> Option<F> {
        loop {
            let packet = match &mut self.current {
                Some(packet) => packet,
                None => {
                    let packet = self.control.pop_front()?;
                    cx.memory.release(packet.charge());
                    let mut current = self.spare();
                    *current = packet;
                    self.current.insert(current)
                }
            };
            let frame = make(packet, cx.now);
            if packet.is_done() {
                self.spare = self.current.take();
            }
            if frame.is_some() {
                return frame;
            }
        }
    }

    /// What is charged for what waits, counted anew.
    pub(crate) fn recount(&self) -> usize {
        self.control.iter().map(Outgoing::charge).sum()
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.current.is_none() && self.control.is_empty()
    }

    /// Takes everything out: the link is gone.
    pub(crate) fn drain(&mut self, cx: &mut Context<'_>) -> impl Iterator<Item = Outgoing> + use<> {
        for packet in &self.control {
            cx.memory.release(packet.charge());
        }
        self.current.take().map(|packet| *packet).into_iter().chain(core::mem::take(&mut self.control))
    }
}
