//! The engine's doors.

mod audit;
mod configure;
mod groups;
mod icmp;
mod loopback;
mod raw;
mod receive;
mod tcp;
mod timeout;
mod transmit;
mod udp;
mod walk;

use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;

use fathom_record::{DropReason, RecordId, Recorder};
use fathom_wire::Instant;

use crate::config::Config;
use crate::context::Context;
use crate::counters::Counters;
use crate::event::{Event, ReadyQueue};
use crate::interface::{Interface, InterfaceId};
use crate::internet::Internet;
use crate::internet::route::Route;
use crate::internet::scope::needs_interface;
use crate::internet::{source, transmit as internet_transmit};
use crate::memory::{BlockPool, MemoryBudget};
use crate::packet::Departing;
use crate::random::{Random, Seed};
use crate::send_queue::SendQueues;
use crate::timer::TimerKey;
use crate::transport::icmp::IcmpLayer;
use crate::transport::raw::RawLayer;
use crate::transport::receive::Transports;
use crate::transport::tcp::TcpLayer;
use crate::transport::udp::UdpLayer;
use crate::wheel::TimerWheel;

pub use audit::Audit;
pub use icmp::{Family, Icmp};
pub use raw::Raw;
pub use tcp::Tcp;
pub(crate) use udp::scope_id;
pub use udp::{GroupError, ReceivedDatagram, RecvMeta, SendDatagram, Udp};
pub use walk::{SocketCursor, SocketEntry};

/// The link, internet and transport layers of one host, as one state machine.
///
/// It does nothing by itself. Tell it what happened ([`handle_frames`](Stack::handle_frames),
/// [`handle_timeout`](Stack::handle_timeout)), use its sockets ([`udp`](Stack::udp),
/// [`icmp`](Stack::icmp)), and after each of these ask what it wants: frames to send
/// ([`poll_transmit`](Stack::poll_transmit), until it gives none), a time to be woken
/// ([`poll_timeout`](Stack::poll_timeout)), and which sockets are ready for more
/// ([`poll_event`](Stack::poll_event), until it gives none).
///
/// ```
/// use fathom_stack::{Config, Interface, Medium, Seed, Stack};
/// use fathom_wire::Instant;
///
/// let now = Instant::ZERO;
/// let mut stack = Stack::new(Config::default(), Seed::from_u64(1));
/// let eth0 = stack.add_interface(Interface::ethernet("eth0", [2, 0, 0, 0, 0, 1].into()));
/// stack.add_address(now, eth0, "192.0.2.1/24".parse()?)?;
///
/// let socket = stack.udp_bind(now, "192.0.2.1:0".parse()?)?;
/// stack.udp(now, socket).unwrap().send_to(b"hello", "192.0.2.2:7".parse()?)?;
/// // The datagram waits until its next hop is known; the first frame asks who that is.
/// let arp = stack.poll_transmit(now, eth0).unwrap();
/// assert_eq!(arp.to_bytes()[..14], *b"\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\x01\x08\x06");
/// assert!(stack.poll_transmit(now, eth0).is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Stack {
    shared: Shared,
    internet: Internet,
    transports: Transports,
}

/// What all layers use.
struct Shared {
    config: Config,
    timers: TimerWheel<TimerKey>,
    sendable: SendQueues,
    events: ReadyQueue,
    recorder: Recorder,
    counters: Counters,
    pool: BlockPool,
    random: Random,
    memory: MemoryBudget,
}

/// The parts of a stack, lent for one call.
pub(crate) struct Parts<'a> {
    pub(crate) cx: Context<'a>,
    pub(crate) internet: &'a mut Internet,
    pub(crate) transports: &'a mut Transports,
}

/// Why no packet can go to a destination.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unroutable {
    /// No route leads there.
    NoRoute,
    /// None of our addresses can be the source.
    NoSource,
}

impl Stack {
    /// A stack without interfaces. All its randomness comes from `seed`: give a secret one to a stack on a
    /// real network.
    pub fn new(config: Config, seed: Seed) -> Stack {
        let mut random = Random::new(&seed);
        let internet = Internet::new(&config, &mut random);
        let hasher = random.table_hasher();
        let transports = Transports {
            tcp: TcpLayer::new(&random, &config.tcp),
            udp: UdpLayer::new(hasher),
            icmp: IcmpLayer::new(hasher),
            raw: RawLayer::new(hasher),
        };
        let mut shared = Shared {
            timers: TimerWheel::new(),
            sendable: SendQueues::new(),
            events: ReadyQueue::new(),
            recorder: Recorder::new(config.shard),
            counters: Counters::default(),
            pool: BlockPool::new(),
            random,
            memory: MemoryBudget::new(config.memory_limit),
            config,
        };
        shared.sendable.add_interface();
        Stack { shared, internet, transports }
    }

    /// The limits and choices that the stack was made with.
    pub fn config(&self) -> &Config {
        &self.shared.config
    }

    /// An interface as it is.
    ///
    /// # Panics
    /// When `id` is of another stack and this one has no such interface.
    pub fn interface(&self, id: InterfaceId) -> &Interface {
        self.internet.interface(id)
    }

    /// All interfaces, in the order in which they were added.
    pub fn interfaces(&self) -> impl Iterator<Item = (InterfaceId, &Interface)> {
        self.internet.interface_ids().map(|id| (id, self.internet.interface(id)))
    }

    /// All routes, in no particular order.
    pub fn routes(&self) -> impl Iterator<Item = &Route> {
        self.internet.routes.iter()
    }

    /// The time at which [`handle_timeout`](Stack::handle_timeout) is due, if any; never later than the
    /// earliest deadline.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.is_talking_to_itself() {
            return Some(Instant::ZERO);
        }
        self.shared.timers.next_deadline()
    }

    /// The next socket that became ready. Each socket has one entry, whose bits have merged since it was last
    /// given; none is lost.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.shared.events.pop()
    }

    /// The records of this stack; off until [`Recorder::enable`].
    pub fn recorder(&mut self) -> &mut Recorder {
        &mut self.shared.recorder
    }

    /// What the stack has counted.
    pub fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    /// Counts and records that whoever moves the frames of an interface lost one of `len` bytes. `frame` is the
    /// record of the frame, if it has one.
    pub fn record_drop(
        &mut self,
        now: Instant,
        on: InterfaceId,
        reason: DropReason,
        len: usize,
        frame: Option<RecordId>,
    ) {
        self.parts(now).cx.dropped(Some(on), reason, len, frame);
    }

    /// Bytes of payload that the stack holds, overhead included: never above
    /// [`Config::memory_limit`].
    pub fn memory_in_use(&self) -> usize {
        self.shared.memory.in_use()
    }

    /// Lends the parts for one call.
    pub(crate) fn parts(&mut self, now: Instant) -> Parts<'_> {
        let Shared { config, timers, sendable, events, recorder, counters, pool, random, memory } =
            &mut self.shared;
        let cx = Context { now, config, timers, sendable, events, recorder, counters, pool, random, memory };
        Parts { cx, internet: &mut self.internet, transports: &mut self.transports }
    }

    /// The address of ours to use towards `remote`; `scope` is the zone of a socket address (RFC 4007 6), or 0.
    pub(crate) fn select_source(&self, remote: IpAddr, scope: u32) -> Result<IpAddr, Unroutable> {
        let via = self.zone(scope).or_else(|| self.default_zone(remote));
        let hop = internet_transmit::route(&self.internet, None, remote, via).ok_or(Unroutable::NoRoute)?;
        if hop.interface == InterfaceId::LOOPBACK {
            // RFC 6724 5, rule 1: the same address.
            return Ok(remote);
        }
        source::select(remote, self.internet.addresses.usable(hop.interface))
            .or_else(|| {
                // An unnumbered interface borrows an address of another (RFC 1812 5.2.2.5; RFC 6724 4).
                let all = self.internet.interface_ids();
                source::select(remote, all.flat_map(|id| self.internet.addresses.usable(id)))
            })
            .ok_or(Unroutable::NoSource)
    }

    /// Whether a packet with the source `local` can go to `remote`.
    pub(crate) fn check_route(&self, local: IpAddr, remote: IpAddr, scope: u32) -> Result<(), Unroutable> {
        let via = self.zone(scope);
        let hop = internet_transmit::route(&self.internet, Some(local), remote, via);
        hop.map(|_| ()).ok_or(Unroutable::NoRoute)
    }

    /// Whether a packet to `remote` is for everybody on the link that it leaves by.
    pub(crate) fn is_broadcast(&self, remote: IpAddr, scope: u32) -> bool {
        let IpAddr::V4(v4) = remote else { return false };
        let hop = internet_transmit::route(&self.internet, None, remote, self.zone(scope));
        v4.is_broadcast() || hop.is_some_and(|hop| self.internet.is_broadcast(hop.interface, remote))
    }

    /// Whether sockets may be bound to `address`: it is an address of ours that may be used, or in a network
    /// that is [routed here](Stack::add_local_prefix).
    pub fn is_local(&self, address: IpAddr) -> bool {
        self.internet.interface_of(address).is_some()
    }

    fn zone(&self, scope: u32) -> Option<InterfaceId> {
        InterfaceId::from_scope_id(scope, self.internet.interfaces.len())
    }

    /// The interface for a destination that needs one and names none: the first that is up and has an
    /// address that suits.
    fn default_zone(&self, remote: IpAddr) -> Option<InterfaceId> {
        if !needs_interface(remote) {
            return None;
        }
        self.internet.interface_ids().find(|id| {
            self.internet.is_up(*id) && source::select(remote, self.internet.addresses.usable(*id)).is_some()
        })
    }
}

impl Parts<'_> {
    /// Sends a packet that has no socket to wait in, by its route.
    pub(crate) fn send(&mut self, departing: Departing, via: Option<InterfaceId>) {
        internet_transmit::send(&mut self.cx, self.internet, departing, via);
    }
}

impl fmt::Debug for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> =
            self.internet.interfaces.iter().map(|interface| interface.name.as_str()).collect();
        f.debug_struct("Stack").field("interfaces", &names).finish_non_exhaustive()
    }
}
