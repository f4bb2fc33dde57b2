//! The way in: from devices to the stack.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::BytesMut;
use fathom_device::ReceiveHalf;
use fathom_impair::Impairment;
use fathom_stack::{Batch, InterfaceId};
use fathom_wire::Instant;

use super::pump::Port;
use crate::Host;

/// Frames taken from a device before the stack gets them: enough for its acknowledgements to cover many,
/// and few enough for others to have their turn.
const FRAMES_AT_ONCE: usize = 64;

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
    buffer: BytesMut,
    batch: Batch,
    /// `None` for a perfect link.
    impairment: Option<Impairment<()>>,
}

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
        impairment: Option<Impairment<()>>,
        port: Arc<Port>,
    ) -> ReceivePort {
        ReceivePort { interface, half, port, buffer: BytesMut::new(), batch: Batch::new(), impairment }
    }

    fn receive(&mut self, host: &Host, now: Instant) -> io::Result<()> {
        let mut end = Ok(());
        for _ in 0..FRAMES_AT_ONCE {
            let start = self.buffer.len();
            match self.half.receive(&mut self.buffer) {
                Ok(len) => {
                    debug_assert_eq!(self.buffer.len(), start + len);
                    self.take_frame(host, now);
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
                self.batch.push(delivery.frame);
            }
        }
        if !self.batch.is_empty() {
            host.handle_frames(self.interface, &mut self.batch);
        }
        end
    }

    fn take_frame(&mut self, host: &Host, now: Instant) {
        let frame = self.buffer.split().freeze();
        match &mut self.impairment {
            None => self.batch.push(frame),
            Some(impairment) => {
                let fates = impairment.push(now, frame, ());
                // The frame has no record yet: what is lost on the way in, the host never sees.
                host.record_fates(self.interface, fates, None);
            }
        }
    }
}
