//! The host itself: its engine, its clock, its interface.

use std::collections::VecDeque;
use std::fmt;
use std::net::IpAddr;

use bytes::Bytes;
use fathom_record::{DropReason, Recorder};
use fathom_stack::{Batch, Counters, Interface, InterfaceId, IpCidr, Route, Stack};
use fathom_wire::Instant;

use crate::file::Files;
use crate::ports::Ports;
use crate::settings::{SettingError, Settings};
use crate::{Errno, Result};

/// A packet, or frame, that leaves the host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Packet {
    /// When it leaves.
    pub departure: Instant,
    /// The IP packet, or on an Ethernet interface the frame, without its frame check sequence.
    pub bytes: Bytes,
}

impl Packet {
    /// When it leaves, in whole microseconds.
    pub fn departure_us(&self) -> u64 {
        self.departure.as_micros()
    }
}

/// A host: an engine with one interface, its time, and a table of descriptors.
///
/// Its owner moves packets and time:
/// - [`put`](Kernel::put) hands it a packet, which is processed to the end;
/// - [`take`](Kernel::take) gives the next that leaves, as soon as the call that caused it has returned;
/// - [`advance_to`](Kernel::advance_to) lets time pass, with everything that is due on the way, in order;
///   [`next_deadline_us`](Kernel::next_deadline_us) says when that is.
///
/// The rest are Linux's calls. They are described where they differ from Linux's manual.
pub struct Kernel {
    pub(crate) stack: Stack,
    pub(crate) now: Instant,
    pub(crate) interface: InterfaceId,
    pub(crate) settings: Settings,
    pub(crate) files: Files,
    pub(crate) ports: Ports,
    out: VecDeque<Packet>,
}

/// Most deadlines at one moment: what goes on for longer without time passing waits for the next call.
const TURNS_AT_ONCE: u32 = 1 << 10;

impl Kernel {
    /// A host, at time 0.
    ///
    /// # Errors
    /// [`SettingError::Contradiction`] when an address, gateway or route does not fit the others.
    pub fn new(settings: &Settings) -> core::result::Result<Kernel, SettingError> {
        let mut settings = settings.clone();
        if !settings.autotune_receive {
            settings.tcp.receive_buffer = Some(settings.config.tcp.initial_receive_buffer);
        }
        let now = Instant::ZERO;
        let mut stack = Stack::new(settings.config.clone(), settings.seed.clone());
        let interface =
            Interface { medium: settings.medium, mtu: settings.mtu, ..Interface::ip(&*settings.interface) };
        let id = stack.add_interface(interface);
        let wrong = |name, value: String, reason: String| SettingError::Contradiction { name, value, reason };
        for address in &settings.addresses {
            let added = stack.add_address(now, id, *address);
            added.map_err(|error| wrong("address", address.to_string(), error.to_string()))?;
        }
        for network in &settings.local {
            let added = stack.add_local_prefix(id, *network);
            added.map_err(|error| wrong("local", network.to_string(), error.to_string()))?;
        }
        let on_link = |router: IpAddr| settings.addresses.iter().any(|address| address.contains(router));
        for gateway in &settings.gateways {
            if !on_link(*gateway) {
                let reason = "no address of the interface is in its network".to_owned();
                return Err(wrong("gateway", gateway.to_string(), reason));
            }
            let everywhere = if gateway.is_ipv4() { IpCidr::IPV4_ANY } else { IpCidr::IPV6_ANY };
            let route = Route { destination: everywhere, gateway: Some(*gateway), interface: id, metric: 0 };
            let added = stack.add_route(now, route);
            added.map_err(|error| wrong("gateway", gateway.to_string(), error.to_string()))?;
        }
        for &(destination, gateway) in &settings.routes {
            let value = match gateway {
                Some(gateway) => format!("{destination} via {gateway}"),
                None => destination.to_string(),
            };
            let added = stack.add_route(now, Route { destination, gateway, interface: id, metric: 0 });
            added.map_err(|error| wrong("route", value, error.to_string()))?;
        }
        let files = Files::new(settings.files);
        let ports = Ports::new(&settings.seed);
        let mut kernel = Kernel { stack, now, interface: id, settings, files, ports, out: VecDeque::new() };
        kernel.settle();
        Ok(kernel)
    }

    /// The time, in whole microseconds since the host came to be.
    pub fn now_us(&self) -> u64 {
        self.now.as_micros()
    }

    /// The time.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Hands the host a packet (a frame, on an Ethernet interface) that arrives at this moment, and has it
    /// processed to the end. One that is not taken is counted ([`counters`](Kernel::counters)), with the
    /// reason.
    pub fn put(&mut self, packet: &[u8]) {
        let mut batch = Batch::new();
        batch.push(Bytes::copy_from_slice(packet));
        self.stack.handle_frames(self.now, self.interface, &mut batch);
        self.settle();
    }

    /// The next packet that leaves the host, in the order in which they do. While as many wait as
    /// `txqueuelen` says, others wait in their sockets.
    pub fn take(&mut self) -> Option<Packet> {
        let packet = self.out.pop_front()?;
        self.settle();
        Some(packet)
    }

    /// The packet that [`take`](Kernel::take) would give; it stays.
    pub fn peek(&self) -> Option<&Packet> {
        self.out.front()
    }

    /// When something is due next, in microseconds, rounded up: what [`advance_to`](Kernel::advance_to) wants.
    /// Now, or before, when something is due already; `None` when nothing is.
    pub fn next_deadline_us(&self) -> Option<u64> {
        Some(self.stack.poll_timeout()?.as_nanos().div_ceil(1000))
    }

    /// Lets the time pass up to `now_us` microseconds. What is due on the way is done at its time.
    ///
    /// # Errors
    /// [`Errno::EINVAL`] when that is in the past; nothing is done.
    pub fn advance_to(&mut self, now_us: u64) -> Result<()> {
        let target = Instant::from_micros(now_us);
        if target < self.now {
            return Err(Errno::EINVAL);
        }
        let mut turns = 0;
        while let Some(deadline) = self.stack.poll_timeout().filter(|deadline| *deadline <= target) {
            turns = if deadline > self.now { 0 } else { turns + 1 };
            if turns > TURNS_AT_ONCE {
                break;
            }
            self.now = self.now.max(deadline);
            self.stack.handle_timeout(self.now);
            self.settle();
        }
        self.now = target;
        Ok(())
    }

    /// What the engine has counted: frames, and what was dropped and why.
    pub fn counters(&self) -> &Counters {
        self.stack.counters()
    }

    /// What the engine has counted under this name: that of a counter, such as `frames_received`, the label of a
    /// [`DropReason`](fathom_record::DropReason), such as `tcp_checksum`, or `dropped` for all drops together.
    pub fn counter(&self, name: &str) -> Option<u64> {
        let counters = self.stack.counters();
        Some(match name {
            "frames_received" => counters.frames_received,
            "bytes_received" => counters.bytes_received,
            "frames_transmitted" => counters.frames_transmitted,
            "bytes_transmitted" => counters.bytes_transmitted,
            "packets_forwarded" => counters.packets_forwarded,
            "packets_reassembled" => counters.packets_reassembled,
            "fragments_sent" => counters.fragments_sent,
            "icmp_errors_sent" => counters.icmp_errors_sent,
            "icmp_errors_received" => counters.icmp_errors_received,
            "address_conflicts" => counters.address_conflicts,
            "udp_received" => counters.udp_received,
            "udp_sent" => counters.udp_sent,
            "syn_cookies_sent" => counters.syn_cookies_sent,
            "syn_cookies_accepted" => counters.syn_cookies_accepted,
            "dropped" => counters.dropped_total(),
            label => {
                let reason = DropReason::ALL.iter().find(|reason| reason.label() == label)?;
                counters.dropped(*reason)
            }
        })
    }

    /// The engine's records, which say what it did and why; off until [`Recorder::enable`].
    pub fn recorder(&mut self) -> &mut Recorder {
        self.stack.recorder()
    }

    /// The engine, to look at.
    pub fn stack(&self) -> &Stack {
        &self.stack
    }

    /// Fetches what the engine wants to send, as far as there is room. Ends every call that may have changed
    /// something.
    pub(crate) fn settle(&mut self) {
        while self.out.len() < self.settings.queue {
            let Some(frame) = self.stack.poll_transmit(self.now, self.interface) else { break };
            let departure = frame.departure.max(self.now);
            self.out.push_back(Packet { departure, bytes: frame.to_bytes() });
        }
        // Readiness is asked for socket by socket.
        while self.stack.poll_event().is_some() {}
    }
}

impl fmt::Debug for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kernel").field("now", &self.now).field("stack", &self.stack).finish_non_exhaustive()
    }
}
