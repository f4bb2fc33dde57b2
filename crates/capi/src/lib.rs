//! `libfathom`: the calls of [`fathom_linux::Kernel`] for C, and for all that calls C.
//!
//! `include/fathom.h` is the manual. Every function takes the host as its first argument and gives what the
//! system call of its name gives, with an error as a negative number (`-EAGAIN`), as the kernel's own interface
//! does, so that no thread-local `errno` is needed.
//!
//! This crate holds pointers, lengths and nothing else: each function turns what C hands over into slices and
//! addresses, calls the method of the same name, and writes back. A panic ends at the boundary: the call
//! answers `-ENOTRECOVERABLE`, and so does every later one on that host.
#![allow(unsafe_code, reason = "C's pointers")]

mod calls;
mod host;
mod message;
mod options;
mod pointer;

pub use calls::*;
pub use host::*;
pub use message::*;
pub use options::*;

// The layout of control messages is that of 64-bit Linux.
#[cfg(not(all(target_pointer_width = "64", target_endian = "little")))]
compile_error!("libfathom has the layouts of 64-bit little-endian Linux");
