//! What is on the wire: each header of the lower three layers.
#![no_std]
#![forbid(unsafe_code)]

mod time;

pub use time::Instant;
