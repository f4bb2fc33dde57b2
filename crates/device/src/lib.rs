//! Where frames leave and enter the machine.
//!
//! A [`Device`] moves whole frames without blocking: Ethernet frames or IP packets, as its [`Medium`] says. It
//! has two halves that different threads may own: [`ReceiveHalf`] and [`TransmitHalf`]. Each half has a file
//! descriptor that [`wait()`] can wait for, with nanosecond timeouts; a [`Notifier`] ends such a wait from
//! another thread.
//!
//! A device may do a part of the work of the layers above: see [`Offload`]. What it says of the frames that it
//! gives in turn is held against them here; this crate looks at headers for nothing else.

mod descriptor;
mod device;
mod error;
mod fd;
mod frame_io;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod memory;
mod notify;
mod tun_tap;
mod virtio;
mod wait;

pub use device::{
    Checksum, Device, Frame, Medium, Offload, PartialChecksum, ReceiveHalf, Received, ReceivedFrame,
    TransmitHalf,
};
pub use error::{InterfaceKind, OpenError};
pub use fd::FdDevice;
pub use memory::MemoryDevice;
pub use notify::Notifier;
pub use tun_tap::{TapDevice, TunDevice};
pub use virtio::Contradiction;
pub use wait::{Interest, Waited, wait};
