//! The engine: link, internet and transport layers as one state machine without I/O.
//!
//! [`Stack`] takes frames, time and randomness as arguments and gives frames, deadlines and readiness back;
//! it knows no clock, no thread and no socket of the operating system. The same inputs give the same
//! outputs, bit for bit.
//!
//! The layout is the model. A packet that arrives passes `link::receive`, `internet::receive` and
//! `transport::receive`; one that leaves is pulled by the device through the sockets,
//! `internet::transmit` and `link::transmit`. Each layer returns what it decided; none calls upward.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod batch;
mod config;
mod context;
mod counters;
mod event;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod interface;
mod internet;
mod link;
mod marks;
mod memory;
mod outgoing;
mod packet;
mod random;
mod send_queue;
mod slab;
mod socket;
mod stack;
mod table;
#[cfg(test)]
mod tests;
mod timer;
mod transmit;
mod transport;
mod wheel;

pub use batch::{Batch, Frame, ReceivedChecksum};
pub use config::{Config, DatagramConfig, GroupReports, InternetConfig, LinkConfig, TcpConfig};
pub use counters::Counters;
pub use event::{Event, Readiness};
pub use interface::{Interface, InterfaceId, Medium, Offload};
pub use internet::address::AddressError;
pub use internet::cidr::{IpCidr, ParseCidrError};
pub use internet::local_prefix::LocalPrefix;
pub use internet::route::{Route, RouteError};
pub use packet::IcmpErrorKind;
pub use random::Seed;
pub use socket::{IcmpId, ListenerId, RawId, SocketId, TcpId, UdpId};
pub use stack::{
    Audit, Family, GroupError, Icmp, Raw, ReceivedDatagram, RecvMeta, SendDatagram, SocketCursor,
    SocketEntry, Stack, Tcp, Udp,
};
pub use transmit::{MAX_HEADERS, Transmit, TransmitChecksum, Written};
pub use transport::icmp::{IcmpError, IcmpEvent, IcmpEventKind};
pub use transport::raw::{RawError, RawOptions, ReceivedPacket, TypeFilter};
pub use transport::tcp::{
    CongestionAlgorithm, ConnectError, Decision, Incoming, IncomingId, Keepalive, ListenAt, TcpConnect,
    TcpError, TcpInfo, TcpListen, TcpOptions, UnknownCongestionAlgorithm,
};
pub use transport::udp::{BindError, PathMtuDiscovery, UdpBind, UdpError, UdpErrorReport, UdpOptions};
