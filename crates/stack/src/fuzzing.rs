//! Doors to parts of the engine that stand behind others, for the fuzz targets (`fuzz/`) to hold against naive
//! models. Behind the feature `fuzzing`, and of no promise to anybody else.
#![allow(missing_docs, reason = "each names the part that it opens")]

use alloc::vec::Vec;
use core::num::NonZeroU16;

use arrayvec::ArrayVec;
use bytes::{Bytes, BytesMut};
use fathom_wire::Instant;

use crate::batch::{Frame, ReceivedChecksum};
use crate::interface::InterfaceId;
use crate::internet::coalesce;
use crate::internet::receive::Packet;
use crate::memory::{self, BlockPool, MemoryBudget};
use crate::outgoing::{Outgoing, pieces};
use crate::wheel::{TimerId, TimerWheel};

pub use crate::transport::tcp::fuzzing::{Ranges, Scoreboard, Segments};

/// A packet as the coalescer gives it: a segment, and the data of those merged behind it.
#[derive(Clone, Debug)]
pub struct Merged {
    pub first: Bytes,
    pub followers: Vec<Bytes>,
    pub segment_size: Option<NonZeroU16>,
}

/// What the coalescer makes of packets that arrive in one batch, one after the other.
pub fn coalesce(packets: impl Iterator<Item = Bytes>) -> Vec<Merged> {
    let (mut coalescer, mut pool) = (coalesce::Coalescer::default(), BlockPool::new());
    let mut merged = Vec::new();
    for bytes in packets {
        let mut frame = Frame::new(bytes);
        if coalescer.follow(&mut frame, 0, &mut pool) {
            continue;
        }
        coalescer.note_link_header(&frame.bytes);
        let packet = Packet {
            interface: InterfaceId(1),
            bytes: frame.bytes,
            broadcast: false,
            followers: Vec::new(),
            segment_size: None,
            checksum: ReceivedChecksum::Unverified,
            cause: None,
        };
        merged.extend(coalescer.offer(packet, &mut pool).into_iter().map(Merged::from));
    }
    merged.extend(coalescer.finish().map(Merged::from));
    merged
}

impl From<Packet> for Merged {
    fn from(packet: Packet) -> Self {
        Merged { first: packet.bytes, followers: packet.followers, segment_size: packet.segment_size }
    }
}

/// Cuts a super-segment behind a link header of `link_len` bytes, in both ways that there are: as frames of
/// slices, and as frames written to a buffer. `None` where it cannot be cut.
pub fn cut(frame: &Bytes, link_len: usize, size: NonZeroU16) -> Option<[Vec<Bytes>; 2]> {
    let outgoing = pieces(frame, link_len, size)?;
    let shared = |mut outgoing: Outgoing| {
        core::iter::from_fn(|| outgoing.next_frame(Instant::ZERO)).map(|frame| frame.to_bytes()).collect()
    };
    let written = |mut outgoing: Outgoing| {
        core::iter::from_fn(|| {
            let mut out = BytesMut::new();
            outgoing.write_frame(Instant::ZERO, &mut out).map(|_| out.freeze())
        })
        .collect()
    };
    Some([shared(outgoing.clone()), written(outgoing)])
}

/// The timing wheel. Timers are named in the order in which they were set.
pub struct Wheel {
    wheel: TimerWheel<usize>,
    set: Vec<TimerId>,
}

impl Default for Wheel {
    fn default() -> Self {
        Wheel { wheel: TimerWheel::new(), set: Vec::new() }
    }
}

impl Wheel {
    pub fn insert(&mut self, deadline: Instant) -> usize {
        let name = self.set.len();
        self.set.push(self.wheel.insert(deadline, name));
        name
    }

    pub fn cancel(&mut self, name: usize) -> Option<usize> {
        self.wheel.cancel(*self.set.get(name)?)
    }

    pub fn next_deadline(&self) -> Option<Instant> {
        self.wheel.next_deadline()
    }

    pub fn pop_expired(&mut self, now: Instant) -> Option<usize> {
        self.wheel.pop_expired(now)
    }
}

/// A rope with a pool and a budget of its own.
pub struct Rope {
    rope: memory::Rope,
    pool: BlockPool,
    budget: MemoryBudget,
}

impl Rope {
    pub fn new(limit: usize) -> Self {
        Rope { rope: memory::Rope::new(), pool: BlockPool::new(), budget: MemoryBudget::new(limit) }
    }

    pub fn len(&self) -> usize {
        self.rope.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rope.is_empty()
    }

    pub fn charged(&self) -> usize {
        self.budget.in_use()
    }

    pub fn append(&mut self, data: &[u8]) -> usize {
        self.rope.append(&mut self.pool, &mut self.budget, data)
    }

    pub fn push(&mut self, bytes: Bytes) -> bool {
        self.rope.push(&mut self.pool, &mut self.budget, bytes).is_ok()
    }

    pub fn slices(&mut self, offset: usize, len: usize) -> Vec<Bytes> {
        let mut slices = ArrayVec::new();
        self.rope.slices_into(offset, len, &mut slices);
        slices.into_iter().collect()
    }

    pub fn copy_to(&self, offset: usize, out: &mut [u8]) -> usize {
        self.rope.copy_to(offset, out)
    }

    pub fn consume(&mut self, n: usize) {
        self.rope.consume(&mut self.pool, &mut self.budget, n);
    }

    pub fn take(&mut self, max: usize) -> Bytes {
        self.rope.take(&mut self.pool, &mut self.budget, max)
    }

    pub fn clear(&mut self) {
        self.rope.clear(&mut self.pool, &mut self.budget);
    }
}
