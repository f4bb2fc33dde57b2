//! The way out: from the stack to devices.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrayvec::ArrayVec;
use bytes::Bytes;
use fathom_device::{Frame, PartialChecksum, TransmitHalf};
use fathom_impair::Impairment;
use fathom_record::{DropReason, RecordId};
use fathom_stack::{InterfaceId, Transmit, TransmitChecksum};
use fathom_wire::Instant;

use super::Clock;
use super::pump::Port;
use crate::Host;

/// Frames taken from the stack at a time.
const FRAMES_AT_ONCE: usize = 32;
/// Frames, and bytes, that one device gets in a turn. Then the others have theirs, and a program's thread that
/// transmits for all goes back to its own business.
const FRAMES_A_TURN: usize = 256;
const BYTES_A_TURN: usize = 4 << 20;
/// Parts of one frame: its headers, and as many slices as a `Transmit` can hold, with room to spare.
const PARTS: usize = 16;

/// The transmitting halves of a host's devices.
#[derive(Debug, Default)]
pub(super) struct Transmitter {
    ports: Vec<TransmitPort>,
    became_blocked: bool,
    /// A turn ended before the stack had nothing more.
    more: bool,
}

/// What ended a device's turn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// The stack has nothing more.
    Done,
    /// The device has no room.
    Blocked,
    /// Others are to have theirs.
    Over,
}

#[derive(Debug)]
pub(super) struct TransmitPort {
    interface: InterfaceId,
    half: Box<dyn TransmitHalf>,
    port: Arc<Port>,
    /// Frames that the stack gave and the device had no room for, in their order.
    waiting: VecDeque<Transmit>,
    /// `None` for a perfect link.
    impairment: Option<Impairment<Option<RecordId>>>,
}

impl Transmitter {
    pub(super) fn add(&mut self, port: TransmitPort) {
        self.ports.push(port);
    }

    /// Transmits what the stack has, as far as the devices have room and one turn goes. Devices that failed are
    /// told.
    pub(super) fn transmit(&mut self, host: &Host, clock: &Clock) -> Vec<(InterfaceId, io::Error)> {
        let mut failed = Vec::new();
        self.more = false;
        for port in &mut self.ports {
            if port.port.is_gone() {
                port.give_up(host);
                continue;
            }
            match port.transmit(host, clock) {
                Ok(turn) => {
                    let blocked = turn == Turn::Blocked;
                    let before = port.port.blocked.swap(blocked, Ordering::AcqRel);
                    self.became_blocked |= blocked && !before;
                    self.more |= turn == Turn::Over;
                }
                Err(error) => {
                    port.port.gone.store(true, Ordering::Release);
                    port.give_up(host);
                    failed.push((port.interface, error));
                }
            }
        }
        failed
    }

    /// Whether a device ran out of room since the last call.
    pub(super) fn became_blocked(&mut self) -> bool {
        std::mem::take(&mut self.became_blocked)
    }

    /// Whether a turn ended before the stack had nothing more.
    pub(super) fn has_more(&self) -> bool {
        self.more
    }

    /// When there is something to transmit again: at once when a turn ended early, else when the next frame
    /// leaves an impaired link.
    pub(super) fn next(&self) -> Option<Instant> {
        if self.more {
            return Some(Instant::ZERO);
        }
        let ports = self.ports.iter().filter(|port| port.waiting.is_empty());
        ports.filter_map(|port| port.impairment.as_ref()?.next_delivery()).min()
    }
}

impl TransmitPort {
    pub(super) fn new(
        interface: InterfaceId,
        half: Box<dyn TransmitHalf>,
        impairment: Option<Impairment<Option<RecordId>>>,
        port: Arc<Port>,
    ) -> TransmitPort {
        TransmitPort { interface, half, port, waiting: VecDeque::new(), impairment }
    }

    /// One turn. What ended it is told.
    fn transmit(&mut self, host: &Host, clock: &Clock) -> io::Result<Turn> {
        let (mut frames, mut bytes) = (0, 0);
        loop {
            while let Some(frame) = self.waiting.front() {
                if frames == FRAMES_A_TURN || bytes >= BYTES_A_TURN {
                    return Ok(Turn::Over);
                }
                match write(&mut *self.half, frame) {
                    Ok(()) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Turn::Blocked),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => {
                        let reason = lost(&error).ok_or(error)?;
                        host.record_drop(self.interface, reason, frame.len(), frame.cause);
                    }
                }
                frames += 1;
                bytes += frame.len();
                self.waiting.pop_front();
            }
            if self.pull(host, clock.now()) == 0 {
                return Ok(Turn::Done);
            }
        }
    }

    /// The device is gone: so is what waited for it.
    fn give_up(&mut self, host: &Host) {
        for frame in self.waiting.drain(..) {
            host.record_drop(self.interface, DropReason::InterfaceDown, frame.len(), frame.cause);
        }
    }

    /// Takes frames from the stack; how many then wait for the device is told.
    fn pull(&mut self, host: &Host, now: Instant) -> usize {
        let Some(impairment) = &mut self.impairment else {
            return host.poll_transmit(self.interface, FRAMES_AT_ONCE, &mut self.waiting);
        };
        let mut frames = ArrayVec::<Transmit, FRAMES_AT_ONCE>::new();
        loop {
            let count = host.poll_transmit(self.interface, FRAMES_AT_ONCE, &mut frames);
            for frame in frames.drain(..) {
                let fates = impairment.push(now, frame.to_bytes(), frame.cause);
                host.record_fates(self.interface, fates, frame.cause);
            }
            if count < FRAMES_AT_ONCE {
                break;
            }
        }
        while let Some(delivery) = impairment.pop(now) {
            self.waiting.push_back(whole(delivery.frame, delivery.at, delivery.tag));
        }
        self.waiting.len()
    }
}

fn write(half: &mut dyn TransmitHalf, frame: &Transmit) -> io::Result<()> {
    let parts: ArrayVec<IoSlice<'_>, PARTS> = frame.parts().map(IoSlice::new).collect();
    let checksum = match frame.checksum {
        TransmitChecksum::Complete => None,
        TransmitChecksum::Partial { start, offset } => Some(PartialChecksum { start, offset }),
    };
    half.transmit(&Frame { parts: &parts, segment_size: frame.segment_size, checksum })
}

/// Why a frame was lost while the device goes on; `None` when the device is gone.
fn lost(error: &io::Error) -> Option<DropReason> {
    match error.kind() {
        io::ErrorKind::NetworkDown => Some(DropReason::InterfaceDown),
        io::ErrorKind::InvalidInput | io::ErrorKind::OutOfMemory => Some(DropReason::DeviceRefused),
        _ => None,
    }
}

/// A frame as an impaired link left it.
fn whole(frame: Bytes, departure: Instant, cause: Option<RecordId>) -> Transmit {
    Transmit {
        headers: ArrayVec::new(),
        slices: std::iter::once(frame).collect(),
        segment_size: None,
        checksum: TransmitChecksum::Complete,
        departure,
        cause,
    }
}
