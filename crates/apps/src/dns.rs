//! DNS: names to addresses (RFC 1034, 1035; EDNS0 of RFC 6891).
//!
//! The messages are hickory's. The exchange is ours: hickory's resolver keeps its retry deadlines, its
//! round-trip statistics and its cache by the machine's clock, and takes message ids from a thread's
//! random numbers; its timer hook has no receiver, so one process could not run hosts on different
//! clocks. Our exchange takes all of it from the [`Host`](fathom_net::Host).

pub mod client;
mod hickory;
pub mod server;

pub use client::{DnsResolver, ResolveError};
pub use hickory::{HostProvider, HostUdp};
