//! Blocks, and where they wait between two uses.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;

use bytes::{Buf, Bytes, BytesMut};

use super::MemoryBudget;
use super::append_copy;
use super::rope::Body;
use crate::packet::Departing;

/// Free blocks kept of each of the smaller sizes. What is beyond goes back to the allocator.
const SPARE_BLOCKS: usize = 64;
/// Free blocks kept of the largest size.
const SPARE_HUGE_BLOCKS: usize = 16;
/// Blocks kept in sight that were returned while a frame still referred to them.
const SHARED_BLOCKS: usize = 64;
/// Bodies of empty ropes kept for those that are about to fill.
const SPARE_BODIES: usize = 64;
/// A body whose queue grew beyond this many pieces is a large one.
const LARGE_BODY_PIECES: usize = 64;
/// Large bodies kept: those of a few busy connections.
const SPARE_LARGE_BODIES: usize = 8;
/// A body whose queue grew beyond this many pieces goes back to the allocator.
const SPARE_BODY_PIECES: usize = 4096;
/// Lists of merged segments that are kept.
const SPARE_FOLLOWERS: usize = 16;
/// The sizes of blocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum BlockSize {
    /// 2 KiB: a small request or reply.
    Small,
    /// 16 KiB: more than that.
    Large,
    /// 64 KiB: bulk. A super-segment out of such blocks has two slices, not five, to be shared and dropped.
    Huge,
}

impl BlockSize {
    pub(super) const fn bytes(self) -> usize {
        match self {
            BlockSize::Small => 2 << 10,
            BlockSize::Large => 16 << 10,
            BlockSize::Huge => 64 << 10,
        }
    }
}

/// The end of a block: what was written to it and not yet cut off, and the room behind that.
#[derive(Debug)]
pub(super) struct Block {
    bytes: BytesMut,
    /// The room left in the block. (The buffer's own capacity may be more than was asked for.)
    room: usize,
    size: BlockSize,
}

impl Block {
    fn new(size: BlockSize) -> Self {
        Block { bytes: BytesMut::with_capacity(size.bytes()), room: size.bytes(), size }
    }

    /// Bytes that were written and not yet cut off.
    pub(super) fn written(&self) -> &[u8] {
        &self.bytes
    }

    /// What is charged for it.
    pub(super) fn charge(&self) -> usize {
        self.size.bytes()
    }

    /// Whether nothing more can be written.
    pub(super) fn is_full(&self) -> bool {
        self.room == 0
    }

    /// Appends what there is room for, and gives its length.
    pub(super) fn write(&mut self, data: &[u8]) -> usize {
        let data = &data[..data.len().min(self.room)];
        append_copy(&mut self.bytes, data);
        self.room -= data.len();
        data.len()
    }

    /// Removes the first `n` bytes that were written and not yet cut off.
    pub(super) fn skip(&mut self, n: usize) {
        self.bytes.advance(n);
    }

    /// Cuts off what was written, as a slice that shares the block.
    pub(super) fn cut(&mut self) -> Bytes {
        self.bytes.split().freeze()
    }

    /// Makes the whole block free again; false while slices of it are alive.
    fn reclaim(&mut self) -> bool {
        self.bytes.clear();
        let reclaimed = self.bytes.try_reclaim(self.size.bytes());
        if reclaimed {
            self.room = self.size.bytes();
        }
        reclaimed
    }
}

/// Free blocks and bodies of empty ropes, kept for the next use so that the steady state allocates nothing.
pub(crate) struct BlockPool {
    small: Vec<Block>,
    large: Vec<Block>,
    huge: Vec<Block>,
    /// Returned blocks of which a frame on its way out still holds slices; the oldest first.
    shared: VecDeque<Block>,
    /// Boxed, since a rope holds its body by a pointer.
    #[expect(clippy::vec_box, reason = "what is kept are the boxes")]
    bodies: Vec<Box<Body>>,
    #[expect(clippy::vec_box, reason = "what is kept are the boxes")]
    large_bodies: Vec<Box<Body>>,
    /// Bodies that keep a small block for the next bytes: those of connections that ask and answer.
    #[expect(clippy::vec_box, reason = "what is kept are the boxes")]
    primed: Vec<Box<Body>>,
    followers: Vec<Vec<Bytes>>,
    departing: Option<Box<Departing>>,
}

impl fmt::Debug for BlockPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockPool")
            .field("small", &self.small.len())
            .field("large", &self.large.len())
            .field("huge", &self.huge.len())
            .field("shared", &self.shared.len())
            .finish_non_exhaustive()
    }
}

impl BlockPool {
    /// A pool without memory.
    pub(crate) const fn new() -> Self {
        BlockPool {
            small: Vec::new(),
            large: Vec::new(),
            huge: Vec::new(),
            shared: VecDeque::new(),
            bodies: Vec::new(),
            large_bodies: Vec::new(),
            primed: Vec::new(),
            followers: Vec::new(),
            departing: None,
        }
    }

    /// Bytes of the free blocks that the pool keeps; they are not charged to the budget.
    #[cfg(test)]
    pub(crate) fn memory(&self) -> usize {
        let spare = [&self.small, &self.large, &self.huge].into_iter().flatten();
        spare.map(|block| block.size.bytes()).sum::<usize>() + self.primed.len() * BlockSize::Small.bytes()
    }

    /// Takes a block, charged to the budget; `None` when the budget is used up.
    pub(super) fn take(&mut self, size: BlockSize, budget: &mut MemoryBudget) -> Option<Block> {
        if !budget.charge(size.bytes()) {
            return None;
        }
        self.collect_shared();
        let spare = match size {
            BlockSize::Small => self.small.pop(),
            BlockSize::Large => self.large.pop(),
            BlockSize::Huge => self.huge.pop(),
        };
        Some(spare.unwrap_or_else(|| Block::new(size)))
    }

    /// Takes a block back.
    pub(super) fn put(&mut self, mut block: Block, budget: &mut MemoryBudget) {
        budget.release(block.size.bytes());
        if block.reclaim() {
            self.keep(block);
        } else if self.shared.len() < SHARED_BLOCKS {
            self.shared.push_back(block);
        }
    }

    fn keep(&mut self, block: Block) {
        let (spare, limit) = match block.size {
            BlockSize::Small => (&mut self.small, SPARE_BLOCKS),
            BlockSize::Large => (&mut self.large, SPARE_BLOCKS),
            BlockSize::Huge => (&mut self.huge, SPARE_HUGE_BLOCKS),
        };
        if spare.len() < limit {
            spare.push(block);
        }
    }

    /// Looks whether the oldest shared blocks have become free. Looks at one more than it finds.
    fn collect_shared(&mut self) {
        while let Some(mut block) = self.shared.pop_front() {
            if !block.reclaim() {
                self.shared.push_back(block);
                return;
            }
            self.keep(block);
        }
    }

    /// A body for a rope.
    pub(super) fn take_body(&mut self) -> Box<Body> {
        // A large one first: it is a busy connection that comes here often.
        self.large_bodies.pop().or_else(|| self.bodies.pop()).unwrap_or_default()
    }

    /// A body with an empty small block, charged to the budget, if there is one.
    pub(super) fn take_primed(&mut self, budget: &mut MemoryBudget) -> Option<Box<Body>> {
        if self.primed.is_empty() || !budget.charge(BlockSize::Small.bytes()) {
            return None;
        }
        self.primed.pop()
    }

    /// Takes the body of an empty rope back.
    pub(super) fn put_body(&mut self, mut body: Box<Body>, budget: &mut MemoryBudget) {
        let keeps_block = body.open().is_some_and(|block| block.size == BlockSize::Small && block.reclaim());
        if keeps_block && self.primed.len() < SPARE_BODIES {
            budget.release(BlockSize::Small.bytes());
            return self.primed.push(body);
        }
        if let Some(block) = body.take_open() {
            self.put(block, budget);
        }
        let (bodies, limit) = match body.room() {
            0..=LARGE_BODY_PIECES => (&mut self.bodies, SPARE_BODIES),
            _ => (&mut self.large_bodies, SPARE_LARGE_BODIES),
        };
        if body.room() <= SPARE_BODY_PIECES && bodies.len() < limit {
            bodies.push(body);
        }
    }

    /// A box for a packet on its way down. What is in it is that of an earlier packet.
    pub(crate) fn take_departing(&mut self) -> Box<Departing> {
        self.departing.take().unwrap_or_default()
    }

    /// A packet on its way down, in such a box.
    pub(crate) fn boxed(&mut self, departing: Departing) -> Box<Departing> {
        let mut spare = self.take_departing();
        *spare = departing;
        spare
    }

    /// Takes back the box of a packet that is through.
    pub(crate) fn put_departing(&mut self, spare: Box<Departing>) {
        self.departing = Some(spare);
    }

    /// An empty list for merged segments.
    pub(crate) fn take_followers(&mut self) -> Vec<Bytes> {
        self.followers.pop().unwrap_or_default()
    }

    /// Takes the list of merged segments back, with what is still in it.
    pub(crate) fn put_followers(&mut self, mut followers: Vec<Bytes>) {
        followers.clear();
        if followers.capacity() > 0 && self.followers.len() < SPARE_FOLLOWERS {
            self.followers.push(followers);
        }
    }
}
