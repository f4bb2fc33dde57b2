//! Linux's socket calls over the engine.
//!
//! [`Kernel`] is one host: a [`fathom_stack::Stack`] with one interface, a clock that its owner moves, and a
//! table of descriptors. It has the calls of Linux with their arguments, constants ([`consts`]), and errors
//! ([`Errno`]), as they are on x86-64 whatever the target: what a program, a test script or another language
//! knows already. Nothing runs behind it: packets go in ([`Kernel::put`]) and come out ([`Kernel::take`]),
//! time passes when it is told ([`Kernel::advance_to`]), and the same seed and the same calls give the same
//! packets, bit for bit.
//!
//! No call blocks: where a kernel would put the caller to sleep the answer is [`Errno::EAGAIN`], or
//! [`Errno::EINPROGRESS`] of [`Kernel::connect`]. Whoever wants calls that block moves packets and time until
//! [`Kernel::ready`] says that another try is worth while.
//!
//! ```
//! use fathom_linux::consts::{AF_INET, POLLIN, SOCK_STREAM};
//! use fathom_linux::{Errno, Kernel};
//!
//! let mut client = Kernel::new(&"address=192.0.2.1/24; seed=1".parse()?)?;
//! let mut server = Kernel::new(&"address=192.0.2.2/24; seed=2".parse()?)?;
//! let at = "192.0.2.2:7".parse()?;
//!
//! let listener = server.socket(AF_INET, SOCK_STREAM, 0)?;
//! server.bind(listener, at)?;
//! server.listen(listener, 8)?;
//! let socket = client.socket(AF_INET, SOCK_STREAM, 0)?;
//! assert_eq!(client.connect(socket, at), Err(Errno::EINPROGRESS));
//!
//! // The wire: whatever one sends the other gets.
//! let mut exchange = || {
//!     let mut moved = true;
//!     while core::mem::take(&mut moved) {
//!         while let Some(packet) = client.take() {
//!             server.put(&packet.bytes);
//!             moved = true;
//!         }
//!         while let Some(packet) = server.take() {
//!             client.put(&packet.bytes);
//!             moved = true;
//!         }
//!     }
//! };
//! exchange();
//! assert_eq!(server.ready(listener, POLLIN), POLLIN);
//! let (connection, peer) = server.accept(listener)?;
//! # assert_eq!(peer.ip(), "192.0.2.1".parse::<std::net::IpAddr>()?);
//! assert_eq!(server.read(connection, &mut [0; 16]), Err(Errno::EAGAIN));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod address;
mod call;
pub mod consts;
mod errno;
mod error_queue;
mod errors;
mod file;
mod icmp;
mod kernel;
mod message;
mod option;
mod ports;
mod raw;
mod settings;
mod tcp;
#[cfg(test)]
mod tests;
mod udp;

pub use address::{Name, SOCKADDR_STORAGE_LEN};
pub use call::PollFd;
pub use errno::Errno;
pub use file::Fd;
pub use kernel::{Kernel, Packet};
pub use message::{ControlMessage, Received};
pub use option::{OPTIONS, SocketOption, Sockets, Status};
pub use settings::{SETTINGS, Setting, SettingError, Settings};

/// What a call gives.
pub type Result<T> = core::result::Result<T, Errno>;
