//! Where frames leave and enter the machine.
//!
//! A [`Device`] moves whole frames without blocking: Ethernet frames or IP packets, as its [`Medium`] says. It
//! has two halves that different threads may own: [`ReceiveHalf`] and [`TransmitHalf`]. Each half has a file
//! descriptor that [`wait()`] can wait for, with nanosecond timeouts; a [`Notifier`] ends such a wait from
//! another thread.
//!
//! This crate knows no header and no protocol, and depends on no other crate of fathom.

mod device;
mod error;
mod frame_io;
mod memory;
mod notify;
mod tun_tap;
mod wait;

pub use device::{Device, Medium, ReceiveHalf, TransmitHalf};
pub use error::{InterfaceKind, OpenError};
pub use memory::MemoryDevice;
pub use notify::Notifier;
pub use tun_tap::{TapDevice, TunDevice};
pub use wait::{Interest, Waited, wait};
