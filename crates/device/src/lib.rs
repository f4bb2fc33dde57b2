//! Where frames leave and enter the machine.
//!
//! A [`Device`] moves whole frames, link header included, without blocking. It has two halves that
//! different threads may own: [`ReceiveHalf`] and [`TransmitHalf`]. Each half has a file descriptor
//! that [`wait()`] can wait for, with nanosecond timeouts; a [`Notifier`] ends such a wait from another thread.
//!
//! This crate knows no header and no protocol, and depends on no other crate of fathom.

mod device;
mod error;
mod frame_io;
mod memory;
mod notify;
mod tap;
mod wait;

pub use device::{Device, ReceiveHalf, TransmitHalf};
pub use error::OpenError;
pub use memory::MemoryDevice;
pub use notify::Notifier;
pub use tap::TapDevice;
pub use wait::{Interest, Waited, wait};
