//! Ropes: bytes in order, in pieces that can be shared without copying.
//!
//! A send buffer is a rope from SND.UNA to the end of what the program wrote; a receive buffer is one from
//! what the program has read to RCV.NXT. Offsets count from the front: acknowledging or reading `n` bytes
//! removes them and makes offset `n` the new 0.

use alloc::boxed::Box;
use alloc::collections::VecDeque;

use arrayvec::ArrayVec;
use bytes::{Buf, Bytes, BytesMut};

use super::pool::{Block, BlockSize};
use super::{BlockPool, MemoryBudget, copy};
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

/// Bytes in order. An empty rope is a null pointer: what it is made of waits in the pool.
#[derive(Debug, Default)]
pub(crate) struct Rope(Option<Box<Body>>);

/// A rope that has, or is about to have, bytes in it.
#[derive(Debug, Default)]
pub(super) struct Body {
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
        Rope(None)
    }

    /// Bytes in it.
    pub(crate) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |body| body.len)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// What is charged for it, counted anew.
    pub(crate) fn recount(&self) -> usize {
        self.0.as_ref().map_or(0, |body| body.recount())
    }

    /// How many pieces it has, without what was appended last.
    pub(crate) fn pieces(&self) -> usize {
        self.0.as_ref().map_or(0, |body| body.pieces.len())
    }

    /// Appends a copy of `data`, and gives how much of it: less than all only when the budget ends.
    pub(crate) fn append(&mut self, pool: &mut BlockPool, budget: &mut MemoryBudget, data: &[u8]) -> usize {
        let body = self.0.get_or_insert_with(|| {
            let primed = if data.len() <= SMALL { pool.take_primed(budget) } else { None };
            primed.unwrap_or_else(|| pool.take_body())
        });
        let done = body.append(pool, budget, data);
        self.settle(pool, budget);
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
        let body = self.0.get_or_insert_with(|| pool.take_body());
        let outcome = body.push(budget, bytes);
        self.settle(pool, budget);
        outcome
    }

    /// The bytes from `offset` on, `len` of them, as slices of the rope's memory. A range of more than
    /// [`MAX_SLICES`] pieces (many tiny writes, each sent at once) has the last of them copied together.
    #[cfg(test)]
    pub(crate) fn slices(&mut self, offset: usize, len: usize) -> ArrayVec<Bytes, MAX_SLICES> {
        let mut slices = ArrayVec::new();
        self.slices_into(offset, len, &mut slices);
        slices
    }

    /// The same, behind what is in `slices`.
    pub(crate) fn slices_into(
        &mut self,
        offset: usize,
        len: usize,
        slices: &mut ArrayVec<Bytes, MAX_SLICES>,
    ) {
        if let Some(body) = &mut self.0 {
            body.slices_into(offset, len, slices);
        }
    }

    /// Copies the bytes from `offset` on into `out`, and gives how many there were.
    pub(crate) fn copy_to(&self, offset: usize, out: &mut [u8]) -> usize {
        self.0.as_ref().map_or(0, |body| body.copy_to(offset, out))
    }

    /// Removes the first `n` bytes.
    pub(crate) fn consume(&mut self, pool: &mut BlockPool, budget: &mut MemoryBudget, n: usize) {
        if let Some(body) = &mut self.0 {
            body.consume(pool, budget, n);
            self.settle(pool, budget);
        }
    }

    /// Takes up to `max` bytes off the front, as many as lie in one piece.
    pub(crate) fn take(&mut self, pool: &mut BlockPool, budget: &mut MemoryBudget, max: usize) -> Bytes {
        let Some(body) = &mut self.0 else { return Bytes::new() };
        let bytes = body.first(max);
        body.consume(pool, budget, bytes.len());
        self.settle(pool, budget);
        bytes
    }

    /// Removes everything.
    pub(crate) fn clear(&mut self, pool: &mut BlockPool, budget: &mut MemoryBudget) {
        self.consume(pool, budget, self.len());
    }

    /// What it is made of goes back to the pool when it is empty.
    fn settle(&mut self, pool: &mut BlockPool, budget: &mut MemoryBudget) {
        if let Some(body) = self.0.take_if(|body| body.len == 0) {
            pool.put_body(body, budget);
        }
    }
}

const SMALL: usize = BlockSize::Small.bytes();
const HUGE: usize = BlockSize::Huge.bytes();

impl Body {
    /// The block at the end.
    pub(super) fn open(&mut self) -> Option<&mut Block> {
        self.open.as_mut()
    }

    /// Takes the block at the end away.
    pub(super) fn take_open(&mut self) -> Option<Block> {
        self.open.take()
    }

    /// How many pieces its queue has room for without growing.
    pub(super) fn room(&self) -> usize {
        self.pieces.capacity()
    }

    fn append(&mut self, pool: &mut BlockPool, budget: &mut MemoryBudget, data: &[u8]) -> usize {
        let mut done = 0;
        while done < data.len() {
            let rest = &data[done..];
            if self.open.as_ref().is_none_or(Block::is_full) {
                self.cut_open();
                let size = match self.len + rest.len() {
                    ..=SMALL if self.len == 0 => BlockSize::Small,
                    HUGE.. => BlockSize::Huge,
                    _ => BlockSize::Large,
                };
                // Towards the end of the budget a smaller one may do.
                let smaller = [size, BlockSize::Large, BlockSize::Small];
                let block = smaller.into_iter().find_map(|size| pool.take(size, budget));
                let Some(block) = block else { break };
                self.open = Some(block);
            }
            let Some(block) = &mut self.open else { break };
            let written = block.write(rest);
            self.len += written;
            done += written;
        }
        done
    }

    fn push(&mut self, budget: &mut MemoryBudget, bytes: Bytes) -> Result<(), Bytes> {
        let charged = bytes.len() + PIECE_OVERHEAD;
        if !budget.charge(charged) {
            return Err(bytes);
        }
        self.cut_open();
        self.len += bytes.len();
        let end = self.end();
        self.pieces.push_back(Piece { bytes, end, charged, block: None });
        Ok(())
    }

    fn slices_into(&mut self, offset: usize, len: usize, slices: &mut ArrayVec<Bytes, MAX_SLICES>) {
        debug_assert!(offset + len <= self.len, "{offset} + {len} of {} bytes", self.len);
        if offset + len > self.len - self.open.as_ref().map_or(0, |block| block.written().len()) {
            self.cut_open();
        }
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
    }

    fn copy_to(&self, offset: usize, out: &mut [u8]) -> usize {
        // Mostly they lie in one piece, and that is the first, or the only one.
        let first = self.pieces.front().map_or_else(|| self.open_bytes(), |front| &front.bytes);
        if let Some(bytes) = first.get(offset..offset + out.len()) {
            copy(bytes, out);
            return out.len();
        }
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
            copy(&part[..take], &mut out[done..done + take]);
            done += take;
            skip = 0;
            if done == out.len() {
                break;
            }
        }
        done
    }

    /// What was appended last and not cut off.
    fn open_bytes(&self) -> &[u8] {
        self.open.as_ref().map_or(&[], Block::written)
    }

    fn consume(&mut self, pool: &mut BlockPool, budget: &mut MemoryBudget, n: usize) {
        debug_assert!(n <= self.len, "{n} of {} bytes", self.len);
        let end = self.start + n as u64;
        let cut_to = self.pieces.back().map_or(self.start, |piece| piece.end);
        if cut_to < end {
            self.skip_open(pool, budget, (end - cut_to) as usize);
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
    }

    /// The first bytes, up to `max`, as many as lie in one piece.
    fn first(&mut self, max: usize) -> Bytes {
        if self.pieces.is_empty() {
            self.cut_open();
        }
        let front = self.pieces.front().map(|piece| piece.bytes.slice(..piece.bytes.len().min(max)));
        front.unwrap_or_default()
    }

    fn recount(&self) -> usize {
        let pieces = self.pieces.iter();
        let lens = pieces.clone().map(|piece| piece.bytes.len()).sum::<usize>()
            + self.open.as_ref().map_or(0, |block| block.written().len());
        debug_assert_eq!(lens, self.len, "the length of a rope");
        let blocks = pieces.clone().filter_map(|piece| piece.block.as_ref()).chain(&self.open);
        pieces.map(|piece| piece.charged).sum::<usize>() + blocks.map(Block::charge).sum::<usize>()
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
    fn cut_open(&mut self) {
        let end = self.end();
        let Some(block) = &mut self.open else { return };
        if block.written().is_empty() {
            return;
        }
        let bytes = block.cut();
        let block = self.open.take_if(|block| block.is_full());
        self.pieces.push_back(Piece { bytes, end, charged: 0, block });
    }

    /// Removes the first `n` bytes of what was appended last and not cut off.
    fn skip_open(&mut self, pool: &mut BlockPool, budget: &mut MemoryBudget, n: usize) {
        let Some(block) = &mut self.open else { return };
        block.skip(n);
        if let Some(block) = self.open.take_if(|block| block.is_full() && block.written().is_empty()) {
            pool.put(block, budget);
        }
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
}

#[cfg(test)]
mod tests;
