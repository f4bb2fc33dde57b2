//! The engine: link, internet and transport layers as one state machine without I/O.
#![no_std]
#![forbid(unsafe_code)]
#![allow(dead_code, reason = "the layers that stand on these modules come after them")]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod memory;
mod slab;
mod table;
mod wheel;
