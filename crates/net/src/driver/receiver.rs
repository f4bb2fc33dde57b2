//! The way in: from devices to the stack.

use std::io;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use fathom_device::{Checksum, ReceiveHalf, Received, ReceivedFrame};
use fathom_impair::Impairment;
use fathom_record::DropReason;
use fathom_stack::{Batch, Frame, InterfaceId, ReceivedChecksum};
use fathom_wire::Instant;

use super::pump::Port;
use crate::Host;

/// Frames taken from a device before the stack gets them: enough for its acknowledgements to cover many,
/// and few enough for others to have their turn.
const FRAMES_AT_ONCE: usize = 64;
/// Bytes after which no more frames are taken, for the same reason: super-segments are large.
const BYTES_AT_ONCE: usize = 1 << 20;

/// The receiving halves of a host's devices.
#[derive(Debug, Default)]
pub(super) struct Receiver {
    ports: Vec<ReceivePort>,
}

#[derive(Debug)]
pub(super) struct ReceivePort {
    interface: InterfaceId,
    half: Box<dyn ReceiveHalf>,
    port: Arc<Port>,
    batch: Batch,
    /// `None` for a perfect link.
    impairment: Option<Impairment<Said>>,
}

/// What the device said of a frame.
pub(super) type Said = (Option<NonZeroU16>, ReceivedChecksum);

impl Receiver {
    pub(super) fn add(&mut self, port: ReceivePort) {
        self.ports.push(port);
    }

    /// Gives the stack what has arrived, as far as one turn goes. Devices that failed are told.
    pub(super) fn receive(&mut self, host: &Host, now: Instant) -> Vec<(InterfaceId, io::Error)> {
        let mut failed = Vec::new();
        for port in self.ports.iter_mut().filter(|port| !port.port.is_gone()) {
            if let Err(error) = port.receive(host, now) {
                port.port.gone.store(true, Ordering::Release);
                failed.push((port.interface, error));
            }
        }
        failed
    }

    /// When the next frame on an impaired link arrives.
    pub(super) fn next(&self) -> Option<Instant> {
        self.ports.iter().filter_map(|port| port.impairment.as_ref()?.next_delivery()).min()
    }
}

impl ReceivePort {
    pub(super) fn new(
        interface: InterfaceId,
        half: Box<dyn ReceiveHalf>,
        impairment: Option<Impairment<Said>>,
        port: Arc<Port>,
    ) -> ReceivePort {
        ReceivePort { interface, half, port, batch: Batch::new(), impairment }
    }

    fn receive(&mut self, host: &Host, now: Instant) -> io::Result<()> {
        let mut end = Ok(());
        let mut bytes = 0;
        for _ in 0..FRAMES_AT_ONCE {
            match self.half.receive() {
                Ok(Received::Frame(frame)) => {
                    bytes += frame.bytes.len();
                    self.take_frame(host, now, frame);
                    if bytes >= BYTES_AT_ONCE {
                        break;
                    }
                }
                Ok(Received::Refused { len, .. }) => {
                    host.record_drop(self.interface, DropReason::DeviceHeader, len, None);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    end = Err(error);
                    break;
                }
            }
        }
        if let Some(impairment) = &mut self.impairment {
            while let Some(delivery) = impairment.pop(now) {
                let (segment_size, checksum) = delivery.tag;
                self.batch.push(Frame { segment_size, checksum, ..Frame::new(delivery.frame) });
            }
        }
        if !self.batch.is_empty() {
            host.handle_frames(self.interface, &mut self.batch);
        }
        end
    }

    fn take_frame(&mut self, host: &Host, now: Instant, frame: ReceivedFrame) {
        let ReceivedFrame { bytes, segment_size, checksum } = frame;
        let checksum = match checksum {
            Checksum::Unverified => ReceivedChecksum::Unverified,
            Checksum::Valid => ReceivedChecksum::Valid,
            Checksum::Partial => ReceivedChecksum::Partial,
        };
        match &mut self.impairment {
            None => self.batch.push(Frame { segment_size, checksum, ..Frame::new(bytes) }),
            Some(impairment) => {
                let fates = impairment.push(now, bytes, (segment_size, checksum));
                // The frame has no record yet: what is lost on the way in, the host never sees.
                host.record_fates(self.interface, fates, None);
            }
        }
    }
}
