//! What every layer may use while it works.

use fathom_record::{DropReason, Engine, RecordId, Recorder};
use fathom_wire::Instant;

use crate::config::Config;
use crate::counters::Counters;
use crate::event::ReadyQueue;
use crate::interface::InterfaceId;
use crate::memory::{BlockPool, MemoryBudget};
use crate::random::Random;
use crate::send_queue::SendQueues;
use crate::timer::TimerKey;
use crate::wheel::TimerWheel;

/// The parts of a stack that all layers share, and the time, lent for one call.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    /// The time of this call.
    pub(crate) now: Instant,
    pub(crate) config: &'a Config,
    pub(crate) timers: &'a mut TimerWheel<TimerKey>,
    /// Sockets with something to send.
    pub(crate) sendable: &'a mut SendQueues,
    /// Sockets whose readiness changed.
    pub(crate) events: &'a mut ReadyQueue,
    pub(crate) recorder: &'a mut Recorder,
    pub(crate) counters: &'a mut Counters,
    /// Blocks for payload.
    pub(crate) pool: &'a mut BlockPool,
    pub(crate) random: &'a mut Random,
    pub(crate) memory: &'a mut MemoryBudget,
}

impl Context<'_> {
    /// Records a decision of the engine.
    #[inline]
    pub(crate) fn record(
        &mut self,
        cause: Option<RecordId>,
        engine: impl FnOnce() -> Engine,
    ) -> Option<RecordId> {
        self.recorder.engine(self.now, cause, engine)
    }

    /// Counts and records that something of `len` bytes was dropped.
    pub(crate) fn dropped(
        &mut self,
        interface: Option<InterfaceId>,
        reason: DropReason,
        len: usize,
        cause: Option<RecordId>,
    ) {
        self.counters.count_drop(reason);
        self.recorder.engine(self.now, cause, || Engine::Dropped {
            interface: interface.map(InterfaceId::record_index),
            reason,
            len: len as u32,
        });
    }
}
