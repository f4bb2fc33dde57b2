//! Payload memory: blocks, ropes made of them, and the limit on all of it.
//!
//! Between program and packet there is one copy each way. What a program writes is appended to blocks;
//! segments clone slices of those, so the same memory serves the first transmission and every
//! retransmission. What arrives is kept as slices of the frames it came in. An empty buffer holds nothing:
//! blocks, and the queues that string them together, go back to a pool.

mod budget;
mod copy;
mod pool;
mod rope;

pub(crate) use budget::MemoryBudget;
pub(crate) use copy::{append_copy, copy};
pub(crate) use pool::BlockPool;
pub(crate) use rope::{PIECE_OVERHEAD, Rope};
