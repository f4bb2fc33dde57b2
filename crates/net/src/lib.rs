//! A running host: its sockets, its driver, its clock.
//!
//! A [`Host`] is a stack that runs. Programs use it as they use the operating system: [`TcpStream`],
//! [`TcpListener`], [`UdpSocket`] and [`IcmpSocket`], with tokio's reading and writing traits or
//! [`blocking`], and with the same errors. The clock, tasks and randomness come from the host too, so a
//! program does not know whether it runs on a real device ([`driver`]) or in a simulated internet.
#![forbid(unsafe_code)]

pub mod blocking;
pub mod driver;
mod error;
mod host;
mod icmp;
#[cfg(feature = "quinn")]
pub mod quinn;
mod raw;
mod ready;
mod resolve;
pub mod runtime;
mod shard;
mod socket;
mod span;
mod sync;
mod task;
mod tcp;
mod time;
mod udp;
mod wakers;

pub use fathom_record::{DropReason, FlowId, InterfaceIndex, Kind, Layer, Outcome, Record, RecordId, SpanId};
pub use fathom_stack::{
    Config, CongestionAlgorithm, Family, GroupReports, IcmpErrorKind, IcmpEvent, IcmpEventKind, Interface,
    InterfaceId, IpCidr, Keepalive, ListenAt, LocalPrefix, Medium, PathMtuDiscovery, RawOptions,
    ReceivedDatagram, ReceivedPacket, RecvMeta, Route, Seed, SendDatagram, SocketCursor, SocketEntry, Stack,
    TcpConfig, TcpInfo, TcpListen, TcpOptions, TypeFilter, UdpBind, UdpError, UdpErrorReport, UdpOptions,
};
pub use fathom_wire::{Ecn, EthernetAddress, Instant, IpProtocol};

pub use host::Host;
pub use icmp::IcmpSocket;
pub use raw::RawSocket;
pub use ready::{Interest, Ready};
pub use resolve::{Resolve, Resolving};
pub use span::Span;
pub use task::{JoinError, JoinHandle};
pub use tcp::{
    Incoming, IncomingListener, OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, TcpListener,
    TcpSocket, TcpStream, WriteHalf,
};
pub use time::{Elapsed, Sleep, Timeout};
pub use udp::UdpSocket;
