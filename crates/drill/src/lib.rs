//! Packet scripts: tests of TCP in packetdrill's language, run against the engine on virtual time.
//!
//! A script says what a program calls, which packets arrive, and which packets must leave when. It runs in this
//! process, without root and without waiting, and ends at the first thing that differs:
//!
//! ```
//! use fathom_drill::{Options, parse, run};
//!
//! let script = parse(
//!     "
//! 0    socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
//! +0   bind(3, ..., ...) = 0
//! +0   listen(3, 1) = 0
//! +0   < S 0:0(0) win 65535 <mss 1000>
//! +0   > S. 0:0(0) ack 1 <mss 1460>
//! +.01 < . 1:1(0) ack 1 win 65535
//! +0   accept(3, ..., ...) = 4
//! ",
//! )?;
//! let outcome = run(&script, &Options::default());
//! assert!(outcome.passed(), "{}", outcome.failure.unwrap());
//! # Ok::<(), fathom_drill::ParseError>(())
//! ```
//!
//! docs/drill.md describes the language as it is understood here.
#![forbid(unsafe_code)]

mod call;
pub mod code;
mod error;
mod parse;
mod run;
pub mod script;
mod settings;
mod sysctl;
mod tcp_info;
mod wire;

pub use error::ParseError;
pub use parse::{MAX_LEN, parse, parse_with};
pub use run::{Failure, Frame, Line, LineKind, Options, Outcome, run};
pub use script::Script;
pub use settings::{Defines, IpVersion, Settings};
