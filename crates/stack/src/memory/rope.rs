//! Ropes: bytes in order, in pieces that can be shared without copying.
//!
//! A send buffer is a rope from SND.UNA to the end of what the program wrote; a receive buffer is one from
//! what the program has read to RCV.NXT. Offsets count from the front: acknowledging or reading `n` bytes
//! removes them and makes offset `n` the new 0.

use alloc::collections::VecDeque;

use arrayvec::ArrayVec;
use bytes::{Buf, Bytes, BytesMut};

use super::pool::{Block, BlockSize};
use super::{BlockPool, MemoryBudget};
use crate::packet::MAX_SLICES;

/// Charged for each piece beside its data: the piece itself, and a part of what a slice of a frame pins.
pub(crate) const PIECE_OVERHEAD: usize = 128;

/// A run of bytes in one allocation.
#[derive(Debug)]
pub(super) struct Piece {
    bytes: Bytes,
    /// Where the piece ends, counted from the birth of the rope.
    end: u64,
    /// What was charged for it when it was pushed; 0 for a slice of a block.
    charged: usize,
    /// The block that this piece is the last of.
    block: Option<Block>,
}

/// Bytes in order. An empty rope holds no memory but itself.
#[derive(Debug, Default)]
pub(crate) struct Rope {
    pieces: VecDeque<Piece>,
    /// The block at the end, with bytes that are not yet cut off as a piece.
    open: Option<Block>,
    /// Where the rope begins, counted from its birth.
    start: u64,
    /// Bytes in it.
    len: usize,
}

impl Rope {
    pub(crate) const fn new() -> Self {
        Rope { pieces: VecDeque::new(), open: None, start: 0, len: 0 }
    }

    /// Bytes in it.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many pieces it has, without what was appended last.
    pub(crate) fn pieces(&self) -> usize {
        self.pieces.len()
    }

    /// Appends a copy of `data`, and gives how much of it: less than all only when the budget ends.
    pub(crate) fn append(&mut self, pool: &mut BlockPool, budget: &mut MemoryBudget, data: &[u8]) -> usize {
        let mut done = 0;
        while done < data.len() {
            let rest = &data[done..];
            if self.open.as_ref().is_none_or(Block::is_full) {
                self.seal(pool);
                let small = self.is_empty() && rest.len() <= BlockSize::Small.bytes();
                let size = if small { BlockSize::Small } else { BlockSize::Large };
                let Some(block) = pool.take(size, budget) else { break };
                self.open = Some(block);
            }
            let Some(block) = &mut self.open else { break };
            let written = block.write(rest);
            self.len += written;
            done += written;
        }
        done
    }

    /// Appends `bytes` as they are; gives them back when the budget does not allow it.
    pub(crate) fn push(
        &mut self,
        pool: &mut BlockPool,
        budget: &mut MemoryBudget,
        bytes: Bytes,
    ) -> Result<(), Bytes> {
        if bytes.is_empty() {
            return Ok(());
        }
        let charged = bytes.len() + PIECE_OVERHEAD;
        if !budget.charge(charged) {
            return Err(bytes);
        }
        self.cut_open(pool);
        self.len += bytes.len();
        let end = self.end();
        self.add_piece(pool, Piece { bytes, end, charged, block: None });
        Ok(())
    }

    /// The bytes from `offset` on, `len` of them, as slices of the rope's memory. A range of more than
    /// [`MAX_SLICES`] pieces (many tiny writes, each sent at once) has the last of them copied together.
    pub(crate) fn slices(
        &mut self,
        pool: &mut BlockPool,
        offset: usize,
        len: usize,
    ) -> ArrayVec<Bytes, MAX_SLICES> {
        debug_assert!(offset + len <= self.len, "{offset} + {len} of {} bytes", self.len);
        if offset + len > self.len - self.open.as_ref().map_or(0, |block| block.written().len()) {
            self.cut_open(pool);
        }
        let mut slices = ArrayVec::new();
        let (mut index, mut skip) = self.find(offset);
        let mut left = len;
        while left > 0 {
            let bytes = &self.pieces[index].bytes;
            let take = left.min(bytes.len() - skip);
            if slices.len() + 1 == MAX_SLICES && take < left {
                let mut rest = BytesMut::zeroed(left);
                self.copy_to(offset + len - left, &mut rest);
                slices.push(rest.freeze());
                break;
            }
            slices.push(bytes.slice(skip..skip + take));
            left -= take;
            skip = 0;
            index += 1;
        }
        slices
    }

    /// Copies the bytes from `offset` on into `out`, and gives how many there were.
    pub(crate) fn copy_to(&self, offset: usize, out: &mut [u8]) -> usize {
        let mut done = 0;
        if offset >= self.len {
            return 0;
        }
        let (index, mut skip) = self.find(offset);
        let open = self.open.iter().map(Block::written);
        let pieces = self.pieces.range(index..).map(|piece| piece.bytes.as_ref());
        for bytes in pieces.chain(open) {
            let part = &bytes[skip.min(bytes.len())..];
            let take = part.len().min(out.len() - done);
            out[done..done + take].copy_from_slice(&part[..take]);
            done += take;
            skip = 0;
            if done == out.len() {
                break;
            }
        }
        done
    }

    /// Removes the first `n` bytes.
    pub(crate) fn consume(&mut self, pool: &mut BlockPool, budget: &mut MemoryBudget, n: usize) {
        debug_assert!(n <= self.len, "{n} of {} bytes", self.len);
        let end = self.start + n as u64;
        if self.pieces.back().map_or(self.start, |piece| piece.end) < end {
            self.cut_open(pool);
        }
        self.len -= n;
        self.start = end;
        while let Some(front) = self.pieces.front_mut() {
            if front.end > end {
                let keep = (front.end - end) as usize;
                front.bytes.advance(front.bytes.len() - keep);
                break;
            }
            self.pop_front(pool, budget);
        }
        self.give_back_when_empty(pool, budget);
    }

    /// Takes up to `max` bytes off the front, as many as lie in one piece.
    pub(crate) fn take(&mut self, pool: &mut BlockPool, budget: &mut MemoryBudget, max: usize) -> Bytes {
        if self.pieces.is_empty() {
            self.cut_open(pool);
        }
        let Some(front) = self.pieces.front() else { return Bytes::new() };
        let bytes = front.bytes.slice(..front.bytes.len().min(max));
        self.consume(pool, budget, bytes.len());
        bytes
    }

    /// Removes everything.
    pub(crate) fn clear(&mut self, pool: &mut BlockPool, budget: &mut MemoryBudget) {
        while !self.pieces.is_empty() {
            self.pop_front(pool, budget);
        }
        self.start += self.len as u64;
        self.len = 0;
        self.give_back_when_empty(pool, budget);
    }

    /// Where the rope ends, counted from its birth.
    fn end(&self) -> u64 {
        self.start + self.len as u64
    }

    /// The piece that holds the byte at `offset`, and the byte's place in it.
    fn find(&self, offset: usize) -> (usize, usize) {
        let position = self.start + offset as u64;
        let index = self.pieces.partition_point(|piece| piece.end <= position);
        let begin = match self.pieces.get(index) {
            Some(piece) => piece.end - piece.bytes.len() as u64,
            None => self.pieces.back().map_or(self.start, |piece| piece.end),
        };
        (index, (position - begin) as usize)
    }

    /// Cuts what was appended last off the open block, as a piece of its own.
    fn cut_open(&mut self, pool: &mut BlockPool) {
        let end = self.end();
        let Some(block) = &mut self.open else { return };
        if block.written().is_empty() {
            return;
        }
        let bytes = block.cut();
        let block = self.open.take_if(|block| block.is_full());
        self.add_piece(pool, Piece { bytes, end, charged: 0, block });
    }

    /// Cuts the open block off for good, so that another can be opened.
    fn seal(&mut self, pool: &mut BlockPool) {
        self.cut_open(pool);
        debug_assert!(self.open.is_none(), "an open block has room");
    }

    fn add_piece(&mut self, pool: &mut BlockPool, piece: Piece) {
        if self.pieces.capacity() == 0 {
            self.pieces = pool.take_queue();
        }
        self.pieces.push_back(piece);
    }

    fn pop_front(&mut self, pool: &mut BlockPool, budget: &mut MemoryBudget) {
        if let Some(Piece { bytes, end: _, charged, block }) = self.pieces.pop_front() {
            drop(bytes);
            budget.release(charged);
            if let Some(block) = block {
                pool.put(block, budget);
            }
        }
    }

    fn give_back_when_empty(&mut self, pool: &mut BlockPool, budget: &mut MemoryBudget) {
        if self.len != 0 {
            return;
        }
        if let Some(block) = self.open.take() {
            pool.put(block, budget);
        }
        if self.pieces.capacity() != 0 {
            pool.put_queue(core::mem::take(&mut self.pieces));
        }
    }
}

#[cfg(test)]
mod tests;
