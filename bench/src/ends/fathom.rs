//! A host of fathom's engine.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use fathom_stack::{
    Batch, Config, Frame, Interface, InterfaceId, Offload, ReceivedChecksum, Seed, Stack, TransmitChecksum,
};
use fathom_wire::{EthernetAddress, Instant};

use super::{BUFFER, Form, SMALL_BUFFER};

/// A host with one interface.
pub(crate) struct End {
    pub(crate) stack: Stack,
    pub(crate) interface: InterfaceId,
    /// What has arrived at the device.
    pub(crate) incoming: Batch,
    buffers: Buffers,
}

impl End {
    /// The host 10.0.0.`number`.
    pub(crate) fn new(number: u8, form: Form) -> Self {
        Self::with_config(number, form, Config::default())
    }

    pub(crate) fn with_config(number: u8, form: Form, config: Config) -> Self {
        let mut stack = Stack::new(config, Seed::from_u64(u64::from(number)));
        let address = EthernetAddress([2, 0, 0, 0, 0, number]);
        let mut interface = Interface::ethernet("eth0", address);
        if form == Form::SuperSegments {
            interface.offload = Offload::ALL;
        }
        let interface = stack.add_interface(interface);
        let cidr = format!("10.0.0.{number}/24").parse().expect("an address");
        stack.add_address(Instant::ZERO, interface, cidr).expect("one address fits");
        End { stack, interface, incoming: Batch::default(), buffers: Buffers::new(form) }
    }

    /// Hands every frame that waits to the other end; gives whether there were any.
    pub(crate) fn transmit(&mut self, now: Instant, to: &mut Batch) -> bool {
        loop {
            let buffer = self.buffers.free();
            let Some(written) = self.stack.poll_transmit_into(now, self.interface, buffer) else {
                return !to.is_empty();
            };
            to.push(Frame {
                segment_size: written.segment_size,
                checksum: match written.checksum {
                    TransmitChecksum::Complete => ReceivedChecksum::Unverified,
                    TransmitChecksum::Partial { .. } => ReceivedChecksum::Partial,
                },
                ..Frame::new(self.buffers.take_written())
            });
        }
    }

    /// Takes in what has arrived.
    pub(crate) fn receive(&mut self, now: Instant) {
        self.stack.handle_frames(now, self.interface, &mut self.incoming);
    }

    /// Lets timers fire that are due, and takes the readiness of sockets.
    pub(crate) fn turn(&mut self, now: Instant) {
        if self.stack.poll_timeout().is_some_and(|deadline| deadline <= now) {
            self.stack.handle_timeout(now);
        }
        while self.stack.poll_event().is_some() {}
    }
}

/// Carries frames between two hosts until none has any.
pub(crate) fn settle(a: &mut End, b: &mut End, now: Instant) {
    loop {
        let there = a.transmit(now, &mut b.incoming);
        if there {
            b.receive(now);
        }
        let back = b.transmit(now, &mut a.incoming);
        if back {
            a.receive(now);
        }
        if !there && !back {
            return;
        }
    }
}

/// Device buffers, used again when nobody refers to them any more.
struct Buffers {
    /// Bytes of each.
    size: usize,
    /// The next to be written to, and then the one that was given out first.
    ring: VecDeque<BytesMut>,
}

impl Buffers {
    fn new(form: Form) -> Self {
        let size = if form == Form::Mtu1500 { SMALL_BUFFER } else { BUFFER };
        Buffers { size, ring: VecDeque::new() }
    }

    /// An empty buffer.
    fn free(&mut self) -> &mut BytesMut {
        if !self.ring.front_mut().is_some_and(|oldest| oldest.try_reclaim(self.size)) {
            self.ring.push_front(BytesMut::with_capacity(self.size));
        }
        &mut self.ring[0]
    }

    /// The frame that was written to the empty buffer.
    fn take_written(&mut self) -> Bytes {
        let frame = self.ring[0].split().freeze();
        self.ring.rotate_left(1);
        frame
    }
}
