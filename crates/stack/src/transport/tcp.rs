//! TCP (RFC 9293). Read also RFC 5681 and 9438 (congestion), 6582, 6675, 2018 and 2883 (loss),
//! 6298 (timeouts), 7323 (scaling, timestamps), 5961 (blind attacks), 6528 (sequence numbers), 6191 and 1337 (TIME-WAIT).
//!
//! A connection is a state machine: segments, timers and calls of the program go in, and it says that it
//! wants to transmit. Segments are made when the device asks for them, so everything that one batch of
//! frames brought is known by then. [`TcpLayer`] holds the connections and finds the one that a segment
//! belongs to; what is half-open or in TIME-WAIT is a small record instead of a connection.

mod ack;
mod audit;
mod autotune;
mod choices;
mod close;
mod config;
mod congestion;
mod connection;
mod demultiplex;
mod error;
mod flight;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod half_open;
mod icmp;
mod info;
mod isn;
mod keepalive;
mod limits;
mod listen;
mod open;
mod options;
mod ranges;
mod reassembly;
mod receive;
mod recovery;
mod reset;
mod rtt;
mod sack;
mod send;
mod settle;
mod socket;
mod state;
mod syn_flood;
mod time_wait;
mod timers;
mod walk;
mod window;

pub(crate) use audit::Beside;
pub use config::{Keepalive, TcpConfig, TcpOptions};
pub use congestion::{CongestionAlgorithm, UnknownCongestionAlgorithm};
pub use error::{ConnectError, TcpError};
pub use info::TcpInfo;
pub use listen::{Decision, Incoming, IncomingId, ListenAt, TcpListen};
pub use open::TcpConnect;

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::net::IpAddr;

use fathom_record::FlowId;
use fathom_wire::Instant;

use crate::context::Context;
use crate::interface::InterfaceId;
use crate::internet::error::TokenBucket;
use crate::packet::{Path, Transmission};
use crate::random::Random;
use crate::slab::{Key, Slab};
use crate::socket::TcpId;
use crate::table::{FlowTable, FourTuple};
pub(crate) use connection::Connection;
use connection::Flags;
use half_open::HalfOpen;
use listen::{Listener, ListenerTable};
use time_wait::TimeWait;

/// Where the segments of a tuple go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum FlowRef {
    Connection(Key),
    HalfOpen(Key),
    TimeWait(Key),
}

/// All TCP connections and listeners.
#[derive(Debug)]
pub(crate) struct TcpLayer {
    connections: Slab<Connection>,
    half_open: Slab<HalfOpen>,
    time_wait: Slab<TimeWait>,
    /// Connections in TIME-WAIT, oldest first; some may be gone.
    time_wait_order: VecDeque<Key>,
    listeners: Slab<Listener>,
    listening: ListenerTable,
    flows: FlowTable<FlowRef>,
    /// The connection of the last segment. Most segments are for the connection that the one before was for.
    recent: Option<Key>,
    /// The number of the last conversation.
    last_flow: u64,
    /// Where the search for an ephemeral port goes on.
    next_port: u16,
    resets: TokenBucket,
    /// What most connections have, kept once.
    default_options: Arc<TcpOptions>,
    /// Until when an acknowledgement may be that of a SYN cookie.
    cookies_until: Instant,
}

impl TcpLayer {
    pub(crate) fn new(random: &Random, config: &TcpConfig) -> Self {
        TcpLayer {
            connections: Slab::new(),
            half_open: Slab::new(),
            time_wait: Slab::new(),
            time_wait_order: VecDeque::new(),
            listeners: Slab::new(),
            listening: ListenerTable::default(),
            flows: FlowTable::new(random.table.bytes()),
            recent: None,
            last_flow: 0,
            next_port: 0,
            resets: TokenBucket::new(config.resets_per_second, config.resets_per_second),
            default_options: Arc::default(),
            cookies_until: Instant::ZERO,
        }
    }

    /// The device has room: the next segment of a connection.
    pub(crate) fn transmit(&mut self, cx: &mut Context<'_>, id: TcpId, path: &Path) -> Transmission {
        let Some(connection) = self.connections.get_mut(id.0) else { return Transmission::Nothing };
        let transmission = connection.transmit(cx, path);
        if connection.is_to_be_settled() {
            self.settle_ended(cx, id);
        }
        transmission
    }

    /// The timer of a connection has fired.
    pub(crate) fn handle_timer(&mut self, cx: &mut Context<'_>, id: TcpId) {
        if let Some(connection) = self.connections.get_mut(id.0) {
            connection.on_timer(cx);
            self.settle(cx, id);
        }
    }

    /// The ends of a connection that has something to send, and the interface that it is bound to.
    pub(crate) fn sends(&self, id: TcpId) -> Option<(&FourTuple, Option<InterfaceId>)> {
        let connection = self.connections.get(id.0).filter(|connection| connection.has_output())?;
        let interface = match connection.flags.contains(Flags::BOUND) {
            true => connection.options().interface,
            false => None,
        };
        Some((&connection.tuple, interface))
    }

    /// Where a connection leads; `None` when the handle is stale.
    pub(crate) fn remote_address(&self, id: TcpId) -> Option<IpAddr> {
        self.connections.get(id.0).map(|connection| connection.tuple.remote_address)
    }

    /// A connection; `None` when the handle is stale.
    pub(crate) fn get(&self, id: TcpId) -> Option<&Connection> {
        self.connections.get(id.0)
    }

    /// The program does something with a connection; `None` when the handle is stale.
    pub(crate) fn with<R>(
        &mut self,
        cx: &mut Context<'_>,
        id: TcpId,
        change: impl FnOnce(&mut Connection, &mut Context<'_>) -> R,
    ) -> Option<R> {
        let connection = self.connections.get_mut(id.0)?;
        let result = change(connection, cx);
        if connection.is_to_be_settled() {
            self.settle_ended(cx, id);
        }
        Some(result)
    }

    /// All connections.
    #[cfg(test)]
    fn connection_ids(&self) -> alloc::vec::Vec<TcpId> {
        self.connections.iter().map(|(key, _)| TcpId(key)).collect()
    }

    /// Half-open connections.
    #[cfg(test)]
    fn half_open_count(&self) -> usize {
        self.half_open.len()
    }

    /// Puts a name into the accept queue of a listener until it is full; gives the name.
    #[cfg(test)]
    fn fill_accept_queue(&mut self, id: crate::socket::ListenerId) -> TcpId {
        let name = TcpId(Key { index: u32::MAX, generation: 0 });
        let listener = self.listeners.get_mut(id.0).expect("the listener is there");
        while !listener.is_full() {
            listener.accept.push_back(name);
        }
        name
    }

    fn next_flow(&mut self) -> FlowId {
        self.last_flow += 1;
        FlowId(self.last_flow)
    }
}

#[cfg(test)]
mod tests;
