//! The doors for the world that a host runs in: frames in, frames out, deadlines.
//!
//! They mirror the doors of [`Stack`](fathom_stack::Stack). Tasks whose sockets become ready are woken
//! before a door returns, when the stack is no longer locked.

use fathom_impair::{Fate, Fates};
use fathom_record::{DropReason, Engine, LinkFate, RecordId};
use fathom_stack::{Batch, InterfaceId, Transmit};
use fathom_wire::Instant;

use super::Host;

impl Host {
    /// Takes in frames that arrived on an interface; drains `frames`.
    pub fn handle_frames(&self, on: InterfaceId, frames: &mut Batch) {
        let runtime = self.runtime();
        self.shard(0).with(|state| state.stack.handle_frames(runtime.now(), on, frames));
    }

    /// Does what has become due.
    pub fn handle_timeout(&self) {
        let runtime = self.runtime();
        self.shard(0).with(|state| state.stack.handle_timeout(runtime.now()));
    }

    /// Appends up to `max` frames that are to leave by an interface to `out`, and gives their number.
    /// Fewer than `max` means that there are no more.
    pub fn poll_transmit(&self, on: InterfaceId, max: usize, out: &mut impl Extend<Transmit>) -> usize {
        let runtime = self.runtime();
        self.shard(0).with(|state| {
            let now = runtime.now();
            let mut count = 0;
            out.extend(std::iter::from_fn(|| {
                if count == max {
                    return None;
                }
                let frame = state.stack.poll_transmit(now, on)?;
                count += 1;
                Some(frame)
            }));
            count
        })
    }

    /// When [`Host::handle_timeout`] has to be called next, as things stand.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.shard(0).with(|state| state.stack.poll_timeout())
    }

    /// Records what a link did to a frame of an interface. `frame` is the record of the frame.
    pub fn record_fates(&self, interface: InterfaceId, fates: Fates, frame: Option<RecordId>) {
        if fates.is_empty() {
            return;
        }
        let now = self.now();
        let interface = interface.record_index();
        self.shard(0).with(|state| {
            for fate in fates.iter().map(link_fate) {
                state.stack.recorder().engine(now, frame, || Engine::Link { interface, fate, frame });
            }
        });
    }

    /// Counts and records that a frame was lost at the device of an interface. `frame` is the record of the
    /// frame, if it has one.
    pub(crate) fn record_drop(
        &self,
        interface: InterfaceId,
        reason: DropReason,
        len: usize,
        frame: Option<RecordId>,
    ) {
        let now = self.now();
        self.shard(0).with(|state| state.stack.record_drop(now, interface, reason, len, frame));
    }
}

fn link_fate(fate: Fate) -> LinkFate {
    match fate {
        Fate::Lost => LinkFate::Lost,
        Fate::QueueFull => LinkFate::QueueFull,
        Fate::TooBig => LinkFate::TooBig,
        Fate::Reordered => LinkFate::Reordered,
        Fate::Duplicated => LinkFate::Duplicated,
        Fate::Corrupted => LinkFate::Corrupted,
        Fate::Marked => LinkFate::Marked,
    }
}
