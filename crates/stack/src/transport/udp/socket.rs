//! One UDP socket: its queues and their limits.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};
use core::num::NonZeroU16;

use bytes::Bytes;
use fathom_record::DropReason;
use fathom_wire::{Ecn, Instant};

use super::{UdpBind, UdpError, UdpErrorReport, UdpOptions};
use crate::config::Config;
use crate::context::Context;
use crate::interface::InterfaceId;
use crate::internet::multicast::Membership;

/// The largest UDP datagram: 65535 bytes of IPv4 packet, less its header and that of UDP. IPv6 would take 20
/// more, which nobody uses.
pub(crate) const MAX_DATA: usize = 65535 - 20 - 8;
/// Most datagrams of one call (`UDP_MAX_SEGMENTS` of Linux).
pub(crate) const MAX_SEGMENTS: usize = 64;

/// A datagram that waits in a socket; or several with equal ends, which are cut at `segment_size`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Datagram {
    /// The other end.
    pub(crate) remote: SocketAddr,
    /// Our end: what it was sent to, or goes out from.
    pub(crate) local: SocketAddr,
    /// Where it came in, or the zone through which it is to leave; 0 leaves that to the routes.
    pub(crate) scope: u32,
    pub(crate) data: Bytes,
    /// Data bytes of each datagram but the last.
    pub(crate) segment_size: Option<NonZeroU16>,
    pub(crate) hop_limit: u8,
    pub(crate) dscp: u8,
    pub(crate) ecn: Ecn,
    /// When it came, or was handed to the socket.
    pub(crate) at: Instant,
}

impl Datagram {
    fn charge(&self, config: &Config) -> usize {
        self.data.len() + config.datagram.overhead
    }

    /// Data bytes of the first datagram.
    pub(crate) fn first_len(&self) -> usize {
        self.segment_size.map_or(self.data.len(), |size| self.data.len().min(size.get().into()))
    }

    /// How many datagrams it is.
    pub(super) fn count(&self) -> u64 {
        self.segment_size.map_or(1, |size| self.data.len().div_ceil(size.get().into()) as u64)
    }

    /// Cuts the first datagram off; the rest stays. `None` when there is no rest.
    pub(super) fn split_first(&mut self) -> Option<Datagram> {
        let len = self.first_len();
        if len == self.data.len() {
            return None;
        }
        let data = self.data.split_to(len);
        Some(Datagram { data, segment_size: None, ..self.clone() })
    }

    /// Whether two datagrams differ in their data, and the time, at most.
    fn is_like(&self, other: &Datagram) -> bool {
        (self.remote, self.local, self.scope) == (other.remote, other.local, other.scope)
            && (self.hop_limit, self.dscp, self.ecn) == (other.hop_limit, other.dscp, other.ecn)
    }
}

/// What one read brought.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    /// The first datagram, with its data.
    pub(crate) first: Datagram,
    /// Bytes copied.
    pub(crate) len: usize,
    /// Bytes of each datagram but the last.
    pub(crate) stride: usize,
    /// What was lost for want of room.
    pub(crate) truncated: usize,
}

/// A UDP socket.
#[derive(Debug)]
pub(crate) struct UdpSocket {
    /// What it is bound to. The address may be unspecified: any of ours of that family. IPv4-mapped
    /// addresses are kept as IPv4 here and in all datagrams.
    pub(crate) local: SocketAddr,
    /// What it was opened with.
    pub(super) bind: UdpBind,
    /// Whom it is connected to: it hears nobody else.
    pub(crate) remote: Option<SocketAddr>,
    pub(crate) options: UdpOptions,
    /// The groups that it has joined.
    pub(crate) memberships: Vec<Membership>,
    /// An error to report once.
    pub(crate) error: Option<UdpError>,
    pub(super) reports: VecDeque<UdpErrorReport>,
    /// The program has closed it; what it sent before still leaves.
    pub(crate) closed: bool,
    pub(crate) incoming: VecDeque<Datagram>,
    pub(crate) outgoing: VecDeque<Datagram>,
    /// Charged for what waits: data and overhead.
    incoming_bytes: usize,
    outgoing_bytes: usize,
    /// Datagrams and reports that found no room.
    pub(crate) dropped: u64,
}

impl UdpSocket {
    pub(super) fn new(local: SocketAddr, bind: UdpBind, config: &Config) -> Self {
        UdpSocket {
            local,
            bind,
            remote: None,
            options: UdpOptions::new(config),
            memberships: Vec::new(),
            error: None,
            reports: VecDeque::new(),
            closed: false,
            incoming: VecDeque::new(),
            outgoing: VecDeque::new(),
            incoming_bytes: 0,
            outgoing_bytes: 0,
            dropped: 0,
        }
    }

    /// The choices of a socket that makes none.
    pub(crate) fn defaults(config: &Config) -> UdpOptions {
        UdpOptions::new(config)
    }

    /// Whether the program speaks IPv6 to the socket, so that IPv4 addresses are shown as mapped ones.
    pub(crate) fn speaks_v6(&self) -> bool {
        self.bind.local.socket_addr().is_ipv6()
    }

    /// What it was opened with.
    pub(crate) fn bind(&self) -> &UdpBind {
        &self.bind
    }

    /// Whether addresses of this family can be its own.
    pub(crate) fn has_family_of(&self, ip: IpAddr) -> bool {
        self.local.is_ipv4() == ip.is_ipv4() || (ip.is_ipv4() && self.is_dual())
    }

    /// Whether it takes IPv4 beside IPv6.
    pub(super) fn is_dual(&self) -> bool {
        self.local.is_ipv6() && self.local.ip().is_unspecified() && !self.bind.only_v6
    }

    /// The zone of the interface that it is bound to, or 0.
    pub(crate) fn bound_scope(&self) -> u32 {
        self.bind.interface.map_or(0, InterfaceId::scope_id)
    }

    /// Queues datagrams for the program, one by one unless it takes several at once. Gives how many found
    /// room, and why the others did not.
    pub(super) fn deliver(
        &mut self,
        cx: &mut Context<'_>,
        mut datagram: Datagram,
    ) -> (u64, Option<DropReason>) {
        let mut taken = 0;
        if !self.options.receive_offload {
            while let Some(first) = datagram.split_first() {
                if let Err(reason) = self.deliver_one(cx, first) {
                    return (taken, Some(reason));
                }
                taken += 1;
            }
            datagram.segment_size = None;
        }
        let count = datagram.count();
        match self.deliver_one(cx, datagram) {
            Ok(()) => (taken + count, None),
            Err(reason) => (taken, Some(reason)),
        }
    }

    fn deliver_one(&mut self, cx: &mut Context<'_>, datagram: Datagram) -> Result<(), DropReason> {
        self.charge_incoming(cx, datagram.charge(cx.config))?;
        self.incoming.push_back(datagram);
        Ok(())
    }

    fn charge_incoming(&mut self, cx: &mut Context<'_>, charge: usize) -> Result<(), DropReason> {
        let reason = if self.incoming_bytes + charge > self.options.receive_buffer {
            DropReason::UdpBufferFull
        } else if !cx.memory.charge(charge) {
            DropReason::MemoryLimit
        } else {
            self.incoming_bytes += charge;
            return Ok(());
        };
        self.dropped += 1;
        Err(reason)
    }

    fn release_incoming(&mut self, cx: &mut Context<'_>, charge: usize) {
        self.incoming_bytes -= charge;
        cx.memory.release(charge);
    }

    /// Keeps what is known of an error for the program, if it asked for that and there is room.
    pub(super) fn report(&mut self, cx: &mut Context<'_>, report: UdpErrorReport) {
        if !self.options.report_errors {
            return;
        }
        let len = report.data.len();
        match self.charge_incoming(cx, len + cx.config.datagram.overhead) {
            Ok(()) => self.reports.push_back(report),
            Err(reason) => cx.dropped(None, reason, len, None),
        }
    }

    /// Takes the oldest report.
    pub(crate) fn take_report(&mut self, cx: &mut Context<'_>) -> Option<UdpErrorReport> {
        let report = self.reports.pop_front()?;
        self.release_incoming(cx, report.data.len() + cx.config.datagram.overhead);
        Some(report)
    }

    /// Whether a report waits.
    pub(crate) fn has_report(&self) -> bool {
        !self.reports.is_empty()
    }

    /// Takes the oldest datagram, or datagrams, for the program.
    pub(crate) fn take_incoming(&mut self, cx: &mut Context<'_>) -> Option<Datagram> {
        let datagram = self.incoming.pop_front()?;
        self.release_incoming(cx, datagram.charge(cx.config));
        Some(datagram)
    }

    /// Copies the oldest datagram to `out` and takes it, with those that follow it and differ from it in their
    /// data only, as far as they fit, if the program takes several at once.
    pub(crate) fn read(&mut self, cx: &mut Context<'_>, out: &mut [u8]) -> Option<Taken> {
        let mut taken = self.copy_front(out)?;
        self.take_incoming(cx)?;
        let stride = taken.stride;
        if !self.options.receive_offload || taken.truncated > 0 || stride == 0 {
            return Some(taken);
        }
        while let Some(next) = self.incoming.front() {
            let (end, size) = (taken.len + next.data.len(), next.first_len());
            // A shorter one is the last.
            let fits = taken.len.is_multiple_of(stride)
                && (size == stride || (1..stride).contains(&next.data.len()))
                && end <= out.len()
                && end.div_ceil(stride) <= MAX_SEGMENTS;
            if !fits || !taken.first.is_like(next) {
                break;
            }
            out[taken.len..end].copy_from_slice(&next.data);
            taken.len = end;
            self.take_incoming(cx)?;
        }
        Some(taken)
    }

    /// Copies the oldest datagram to `out`; it stays.
    pub(crate) fn copy_front(&self, out: &mut [u8]) -> Option<Taken> {
        let first = self.incoming.front()?.clone();
        let len = first.data.len().min(out.len());
        out[..len].copy_from_slice(&first.data[..len]);
        let (stride, truncated) = (first.first_len(), first.data.len() - len);
        Some(Taken { first, len, stride, truncated })
    }

    /// Queues a datagram of the program.
    pub(crate) fn queue(&mut self, cx: &mut Context<'_>, datagram: Datagram) -> Result<(), UdpError> {
        let charge = datagram.charge(cx.config);
        if datagram.data.len() > MAX_DATA || charge > self.options.send_buffer {
            return Err(UdpError::TooLarge);
        }
        if self.outgoing_bytes + charge > self.options.send_buffer {
            return Err(UdpError::WouldBlock);
        }
        if !cx.memory.charge(charge) {
            return Err(UdpError::MemoryLimit);
        }
        self.outgoing_bytes += charge;
        self.outgoing.push_back(datagram);
        Ok(())
    }

    /// Takes the datagram that is to leave next; of several, the first, or with `whole` all.
    pub(super) fn take_outgoing(&mut self, cx: &mut Context<'_>, whole: bool) -> Option<Datagram> {
        if !whole && let Some(first) = self.outgoing.front_mut()?.split_first() {
            self.outgoing_bytes -= first.data.len();
            cx.memory.release(first.data.len());
            return Some(first);
        }
        let datagram = self.outgoing.pop_front()?;
        let charge = datagram.charge(cx.config);
        self.outgoing_bytes -= charge;
        cx.memory.release(charge);
        Some(datagram)
    }

    /// What is charged for what waits in either direction, counted anew.
    pub(super) fn recount(&self, config: &Config) -> (usize, usize) {
        let of = |queue: &VecDeque<Datagram>| queue.iter().map(|datagram| datagram.charge(config)).sum();
        let reports = self.reports.iter().map(|report| report.data.len() + config.datagram.overhead);
        (of(&self.incoming) + reports.sum::<usize>(), of(&self.outgoing))
    }

    /// Bytes that wait for the device.
    pub(crate) fn outgoing_bytes(&self) -> usize {
        self.outgoing_bytes
    }

    /// Bytes that wait for the program.
    pub(crate) fn incoming_bytes(&self) -> usize {
        self.incoming_bytes
    }

    /// Lets everything go that waits for the program.
    pub(super) fn clear_incoming(&mut self, cx: &mut Context<'_>) {
        cx.memory.release(self.incoming_bytes);
        self.incoming_bytes = 0;
        self.incoming.clear();
        self.reports.clear();
    }
}
