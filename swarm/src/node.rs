//! A host of a world: its stack, its devices, and what is counted of both.

use std::hash::Hasher;
use std::num::NonZeroU16;

use bytes::{Bytes, BytesMut};
use fathom_record::{DropReason, Engine, Kind, Record, SendReason, TcpStateName};
use fathom_stack::{
    Batch, Frame, Interface, InterfaceId, IpCidr, Medium, Offload, ReceivedChecksum, Route, Seed, Stack,
    TransmitChecksum,
};
use fathom_wire::{EthernetAddress, Instant};
use siphasher::sip::SipHasher13;

use crate::faults::{Fault, Tally};
use crate::plan::{HostPlan, Offloading, Plan, Shape};
use crate::way::{Extra, Tag};

/// Records that a stack keeps between two times at which they are taken.
const RECORDS: usize = 1 << 16;

/// A host.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) stack: Stack,
    pub(crate) devices: Vec<Device>,
    pub(crate) alive: bool,
    /// Until when nobody runs it.
    pub(crate) asleep_until: Instant,
    given: u64,
    taken: u64,
    /// What was sent, and when.
    hash: SipHasher13,
}

/// An interface and the device at it.
#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) id: InterfaceId,
    /// The direction that leads away.
    pub(crate) way: usize,
    pub(crate) link: usize,
    pub(crate) end: usize,
    inbox: Batch,
    /// When the device says that frames have come.
    pub(crate) interrupt_at: Instant,
    /// When it has room again.
    pub(crate) room_at: Instant,
    offload: Offloading,
    pub(crate) ethernet: bool,
    mtu: usize,
}

/// A frame that a stack sends.
pub(crate) struct Outgoing {
    pub(crate) frame: Bytes,
    pub(crate) extra: Extra,
}

/// The link address of an end of a link.
pub(crate) fn hardware(link: usize, end: usize) -> [u8; 6] {
    [2, 0, 0, 0, link as u8 + 1, end as u8 + 1]
}

/// A stack with its interfaces, addresses and routes. With `bare`, on links without link addresses, so that
/// nothing has to be found out before the first packet.
pub(crate) fn stack(
    plan: &Plan,
    host: usize,
    now: Instant,
    bare: bool,
) -> (Stack, Vec<(InterfaceId, usize, usize)>) {
    let it = &plan.hosts[host];
    let mut config = it.config.clone();
    config.shard = host as u16;
    let mut stack = Stack::new(config, Seed::from_u64(it.seed));
    let mut interfaces = Vec::new();
    for (number, link) in plan.links.iter().enumerate() {
        for (end, of) in [link.ends.0, link.ends.1].into_iter().enumerate() {
            if of != host {
                continue;
            }
            let medium = match link.ethernet && !bare {
                true => Medium::Ethernet { address: EthernetAddress(hardware(number, end)) },
                false => Medium::Ip,
            };
            let offload = match link.offload {
                Offloading::Nothing => Offload::default(),
                Offloading::Cuts | Offloading::Whole => Offload::ALL,
            };
            let name = format!("eth{}", interfaces.len());
            let interface = Interface { medium, mtu: link.mtu, offload, ..Interface::ip(name) };
            let id = stack.add_interface(interface);
            let address = plan.address(number, end);
            if let Some(cidr) = IpCidr::new(address, plan.prefix_len()) {
                stack.add_address(now, id, cidr).expect("a new interface takes an address");
            }
            if plan.shape == Shape::Router && host != 2 {
                let any = if plan.v6 { IpCidr::IPV6_ANY } else { IpCidr::IPV4_ANY };
                let gateway = Some(plan.address(number, 1 - end));
                let route = Route { destination: any, gateway, interface: id, metric: 0 };
                stack.add_route(now, route).expect("a new table takes a route");
            }
            interfaces.push((id, number, end));
        }
    }
    (stack, interfaces)
}

impl Node {
    pub(crate) fn new(plan: &Plan, host: usize, now: Instant, records: bool) -> Node {
        let (mut stack, interfaces) = stack(plan, host, now, false);
        if records {
            stack.recorder().enable(RECORDS);
        }
        let device = |(id, link, end): (InterfaceId, usize, usize)| {
            let of = &plan.links[link];
            Device {
                id,
                way: 2 * link + end,
                link,
                end,
                inbox: Batch::new(),
                interrupt_at: Instant::MAX,
                room_at: Instant::MAX,
                offload: of.offload,
                ethernet: of.ethernet,
                mtu: of.mtu.max(if plan.v6 { 1280 } else { 68 }),
            }
        };
        Node {
            stack,
            devices: interfaces.into_iter().map(device).collect(),
            alive: true,
            asleep_until: Instant::ZERO,
            given: 0,
            taken: 0,
            hash: SipHasher13::new(),
        }
    }

    /// Whether somebody runs it.
    pub(crate) fn runs(&self, now: Instant) -> bool {
        self.alive && now >= self.asleep_until
    }

    /// When it has something to do, and somebody runs it.
    pub(crate) fn next(&self) -> Instant {
        if !self.alive {
            return Instant::MAX;
        }
        let devices = self.devices.iter().map(|device| device.interrupt_at.min(device.room_at));
        let timeout = self.stack.poll_timeout().unwrap_or(Instant::MAX);
        devices.min().unwrap_or(Instant::MAX).min(timeout).max(self.asleep_until)
    }

    /// A frame has arrived at a device.
    pub(crate) fn arrives(
        &mut self,
        now: Instant,
        device: usize,
        (frame, tag): (Bytes, &Tag),
        plan: &HostPlan,
        tally: &mut Tally,
    ) {
        if !self.alive {
            return;
        }
        let device = &mut self.devices[device];
        if now < self.asleep_until {
            if device.inbox.len() >= plan.device_frames {
                return tally.add(Fault::DeviceFull, 1);
            }
            if device.inbox.is_empty() {
                tally.add(Fault::Slept, 1);
            }
        }
        let checksum = match tag.partial {
            true => ReceivedChecksum::Partial,
            false => ReceivedChecksum::Unverified,
        };
        let (segment_size, cause) = (tag.segment_size, tag.cause);
        device.inbox.push(Frame { bytes: frame, segment_size, checksum, cause });
        device.interrupt_at = device.interrupt_at.min(now + plan.moderation);
    }

    /// Gives the stack what has arrived, and tells it the time.
    pub(crate) fn feed(&mut self, now: Instant, timers_first: bool, tally: &mut Tally) {
        let due = self.stack.poll_timeout().is_some_and(|at| at <= now);
        if due && timers_first {
            self.stack.handle_timeout(now);
        }
        for device in &mut self.devices {
            if device.interrupt_at > now {
                continue;
            }
            device.interrupt_at = Instant::MAX;
            self.given += device.inbox.len() as u64;
            let link_len = if device.ethernet { 14 } else { 0 };
            let too_big = device.inbox.0.iter().any(|frame| tells_too_big(&frame.bytes[link_len..]));
            let before = self.stack.counters().icmp_errors_received;
            self.stack.handle_frames(now, device.id, &mut device.inbox);
            let learned = self.stack.counters().icmp_errors_received - before;
            tally.add(Fault::PathMtuLearned, if too_big { learned } else { 0 });
        }
        if due && !timers_first {
            self.stack.handle_timeout(now);
        }
    }

    /// The next frame of an interface, and whether the stack has made it right.
    pub(crate) fn pull(
        &mut self,
        now: Instant,
        device: usize,
        writes: bool,
    ) -> Option<Result<Outgoing, String>> {
        let device = &self.devices[device];
        let (frame, segment_size, checksum, cause) = if writes {
            let mut out = BytesMut::new();
            let written = self.stack.poll_transmit_into(now, device.id, &mut out)?;
            (out.freeze(), written.segment_size, written.checksum, written.cause)
        } else {
            let frame = self.stack.poll_transmit(now, device.id)?;
            (frame.to_bytes(), frame.segment_size, frame.checksum, frame.cause)
        };
        self.taken += 1;
        self.hash.write_u64(now.as_nanos());
        self.hash.write(&frame);
        let link_len = if device.ethernet { 14 } else { 0 };
        let partial = checksum != TransmitChecksum::Complete;
        if device.offload == Offloading::Nothing && (partial || segment_size.is_some()) {
            return Some(Err("a frame left unfinished for a device that finishes nothing".into()));
        }
        if segment_size.is_none() && frame.len() > device.mtu + link_len {
            return Some(Err(format!("a frame of {} bytes over an MTU of {}", frame.len(), device.mtu)));
        }
        Some(Ok(Outgoing { frame, extra: Extra { segment_size, partial, cause } }).map(
            |mut out: Outgoing| {
                out.extra.partial = partial;
                out
            },
        ))
    }

    /// What the device makes of a frame: what goes onto the link.
    pub(crate) fn device_frames(
        &self,
        device: usize,
        out: Outgoing,
        tally: &mut Tally,
    ) -> Vec<(Bytes, Extra)> {
        let device = &self.devices[device];
        let Outgoing { frame, extra } = out;
        if device.offload == Offloading::Whole || !extra.partial {
            return vec![(frame, extra)];
        }
        let link_len = if device.ethernet { 14 } else { 0 };
        tally.add(Fault::SuperSegment, u64::from(extra.segment_size.is_some()));
        let checksum = partial_checksum(&frame, link_len);
        let pieces = crate::cut::finish(frame, link_len, extra.segment_size.map(NonZeroU16::get), checksum);
        let whole = Extra { segment_size: None, partial: false, ..extra };
        pieces.into_iter().map(|piece| (piece, whole)).collect()
    }

    /// The hash of all that it has sent.
    pub(crate) fn hash(&self) -> u64 {
        self.hash.finish()
    }

    /// Whether the stack has counted the frames that it was given and those that were taken from it.
    pub(crate) fn miscounts(&self) -> Option<String> {
        let counters = self.stack.counters();
        let counted = (counters.frames_received, counters.frames_transmitted);
        (counted != (self.given, self.taken)).then(|| {
            format!("{counted:?} frames counted in and out, and {:?} went", (self.given, self.taken))
        })
    }

    pub(crate) fn frames(&self) -> u64 {
        self.taken
    }

    /// Counts what the stack has counted.
    pub(crate) fn tally(&self, corrupts: bool, tally: &mut Tally) {
        use DropReason as D;
        use Fault as F;
        let counters = self.stack.counters();
        tally.add(F::CookieSent, counters.syn_cookies_sent);
        tally.add(F::CookieUsed, counters.syn_cookies_accepted);
        tally.add(F::Reassembled, counters.packets_reassembled);
        for (reason, times) in counters.drops() {
            let fault = match reason {
                D::IpChecksum | D::IpMalformed | D::IpOption | D::FragmentInvalid if corrupts => {
                    F::CaughtByIp
                }
                D::TcpChecksum | D::TcpMalformed if corrupts => F::CaughtByTcp,
                D::UdpChecksum | D::UdpMalformed if corrupts => F::CaughtByUdp,
                D::ArpMalformed | D::NdpInvalid | D::IcmpMalformed | D::IpNotForUs if corrupts => {
                    F::CaughtByOthers
                }
                D::LinkMalformed | D::UnknownProtocol | D::IpBadSource | D::UnknownEtherType if corrupts => {
                    F::CaughtByOthers
                }
                D::TcpSynQueueFull => F::SynQueueFull,
                D::TcpAcceptQueueFull => F::AcceptQueueFull,
                D::MemoryLimit => F::MemoryDropped,
                D::TcpReassemblyFull => F::ReassemblyFull,
                D::TcpPaws => F::Paws,
                D::TcpOutOfWindow => F::OutOfWindow,
                D::TcpNoSocket => F::Stray,
                D::UdpBufferFull => F::UdpDropped,
                D::NeighbourUnreachable | D::NeighbourQueueFull => F::NeighbourLost,
                _ => continue,
            };
            tally.add(fault, times);
        }
    }
}

/// Whether a packet is an ICMP error about one that was too large.
fn tells_too_big(packet: &[u8]) -> bool {
    match packet.first().map(|first| first >> 4) {
        Some(4) => packet.len() > 22 && packet[9] == 1 && packet[20] == 3 && packet[21] == 4,
        Some(6) => packet.len() > 41 && packet[6] == 58 && packet[40] == 2,
        _ => false,
    }
}

/// Where a device is to complete the checksum of a packet of TCP or UDP.
fn partial_checksum(frame: &[u8], link_len: usize) -> TransmitChecksum {
    let packet = &frame[link_len..];
    let (start, protocol) = match packet[0] >> 4 {
        4 => (usize::from(packet[0] & 0xf) * 4, packet[9]),
        _ => (40, packet[6]),
    };
    let offset = if protocol == 6 { 16 } else { 6 };
    TransmitChecksum::Partial { start: (link_len + start) as u16, offset }
}

/// Counts what a record tells.
pub(crate) fn tally_record(record: &Record, tally: &mut Tally) {
    use Fault as F;
    let Kind::Engine(engine) = &record.kind else { return };
    let fault = match engine {
        Engine::TcpSegment { why, .. } => match why {
            SendReason::FastRetransmit => F::FastRetransmit,
            SendReason::Rescue => F::Rescue,
            SendReason::WindowProbe { .. } => F::WindowProbe,
            SendReason::WindowUpdate => F::WindowUpdate,
            SendReason::Keepalive { .. } => F::KeepaliveProbe,
            SendReason::ChallengeAck => F::ChallengeAck,
            SendReason::DelayedAck => F::DelayedAck,
            _ => return,
        },
        Engine::Timeout { number, .. } => {
            tally.add(F::BackedOff, u64::from(*number >= 3));
            F::Timeout
        }
        Engine::Cwnd { why, .. } => match why {
            fathom_record::CwndReason::FastRecovery => F::FastRecovery,
            fathom_record::CwndReason::Undo => F::Undone,
            fathom_record::CwndReason::Idle => F::IdleRestart,
            _ => return,
        },
        Engine::Limited { by: fathom_record::Limit::Nagle, .. } => F::NagleHeld,
        Engine::HoleOpened { .. } => F::HoleOpened,
        Engine::TcpState { from: TcpStateName::SynSent, to: TcpStateName::SynReceived, .. } => {
            F::SimultaneousOpen
        }
        Engine::TcpState { from: TcpStateName::FinWait1, to: TcpStateName::Closing, .. } => {
            F::SimultaneousClose
        }
        _ => return,
    };
    tally.add(fault, 1);
}
