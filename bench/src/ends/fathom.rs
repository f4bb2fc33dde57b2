//! A host of fathom's engine.

use std::collections::VecDeque;
use std::num::NonZeroU16;

use bytes::{Bytes, BytesMut};
use fathom_stack::{
    Batch, Config, Frame, Interface, InterfaceId, Offload, ReceivedChecksum, Seed, Stack, Transmit,
    TransmitChecksum,
};
use fathom_wire::{EthernetAddress, Instant};

use super::{BUFFER, Form, SMALL_BUFFER};

/// Bytes copied at once: some C libraries copy more at a time by an instruction that is slow when source and
/// destination lie unfavourably.
const COPY_AT_ONCE: usize = 2048;

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
            interface.offload = Offload { transmit_checksum: true, segmentation: true };
        }
        let interface = stack.add_interface(interface);
        let cidr = format!("10.0.0.{number}/24").parse().expect("an address");
        stack.add_address(Instant::ZERO, interface, cidr).expect("one address fits");
        End { stack, interface, incoming: Batch::default(), buffers: Buffers::default() }
    }

    /// Hands every frame that waits to the other end.
    pub(crate) fn transmit(&mut self, now: Instant, to: &mut Batch) {
        while let Some(transmit) = self.stack.poll_transmit(now, self.interface) {
            let frame = self.buffers.frame(&transmit);
            to.push(frame);
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

/// Device buffers, used again when nobody refers to them any more.
#[derive(Default)]
struct Buffers {
    small: VecDeque<BytesMut>,
    large: VecDeque<BytesMut>,
}

impl Buffers {
    fn frame(&mut self, transmit: &Transmit) -> Frame {
        let (segment_size, checksum) = (transmit.segment_size, transmit.checksum);
        let bytes = self.bytes(transmit.len(), transmit.parts());
        Frame {
            segment_size: segment_size.and_then(|size| NonZeroU16::new(size.get())),
            checksum: match checksum {
                TransmitChecksum::Complete => ReceivedChecksum::Unverified,
                TransmitChecksum::Partial { .. } => ReceivedChecksum::Partial,
            },
            ..Frame::new(bytes)
        }
    }

    fn bytes<'a>(&mut self, len: usize, parts: impl Iterator<Item = &'a [u8]>) -> Bytes {
        let (size, pool) =
            if len <= SMALL_BUFFER { (SMALL_BUFFER, &mut self.small) } else { (BUFFER, &mut self.large) };
        // Oldest first: when that is in use still, one more is needed.
        let mut buffer = match pool.front_mut().is_some_and(|oldest| oldest.try_reclaim(size)) {
            true => pool.pop_front().unwrap_or_default(),
            false => BytesMut::with_capacity(size),
        };
        for part in parts {
            for piece in part.chunks(COPY_AT_ONCE) {
                buffer.extend_from_slice(piece);
            }
        }
        let bytes = buffer.split().freeze();
        pool.push_back(buffer);
        bytes
    }
}
