//! The way up: from frames to sockets.

use alloc::vec::Vec;
use core::net::IpAddr;

use fathom_record::{Direction, DropReason, Engine, FrameRecord, Kind, RecordId, SendReason};
use fathom_wire::{ArpPacket, Icmpv4Message, Icmpv6Message, Instant, IpHeader, IpProtocol};

use super::{Parts, Stack};
use crate::batch::{Batch, Frame, ReceivedChecksum};
use crate::interface::{InterfaceId, Medium};
use crate::internet::address::AddressState;
use crate::internet::coalesce::Coalescer;
use crate::internet::error::{Invoking, Problem, Refusal, icmp_error};
use crate::internet::forward::forward;
use crate::internet::icmp::{self, Meaning};
use crate::internet::multicast::{igmp, mld};
use crate::internet::ndp::{self, Target};
use crate::internet::receive::{Packet, Received};
use crate::internet::{icmpv4, icmpv6, source};
use crate::link;
use crate::link::resolution;
use crate::outgoing::{finished, pieces};
use crate::packet::{Arrived, Disposition, IcmpErrorKind, Unreachable};

impl Stack {
    /// Frames arrived on an interface. All of them are handled before anything that answers them leaves.
    /// Drains the batch.
    pub fn handle_frames(&mut self, now: Instant, on: InterfaceId, frames: &mut Batch) {
        if frames.is_empty() || on.slot() >= self.internet.interfaces.len() {
            frames.0.clear();
            return;
        }
        let config = &self.shared.config;
        let merges = config.internet.coalesce && !config.forwarding && !self.transports.raw.reads_segments();
        let coalesce = frames.len() > 1 && merges;
        let mut parts = self.parts(now);
        if !coalesce {
            if frames.len() == 1
                && let Some(frame) = frames.0.pop()
            {
                return parts.handle_frame(on, frame, Parts::handle_packet);
            }
            for frame in frames.0.drain(..) {
                parts.handle_frame(on, frame, Parts::handle_packet);
            }
            return;
        }
        let mut coalescer = Coalescer::default();
        let link_len = link::transmit::header_len(parts.internet.interface(on).medium);
        let recording = parts.cx.recorder.is_enabled();
        for mut frame in frames.0.drain(..) {
            let len = frame.bytes.len();
            if !recording && coalescer.follow(&mut frame, link_len, parts.cx.pool) {
                parts.count_received(len);
                continue;
            }
            coalescer.note_link_header(&frame.bytes);
            parts.handle_frame(on, frame, |parts, packet| {
                for packet in coalescer.offer(packet, parts.cx.pool) {
                    parts.handle_packet(packet);
                }
            });
        }
        for packet in coalescer.finish() {
            parts.handle_packet(packet);
        }
    }
}

impl Parts<'_> {
    fn count_received(&mut self, len: usize) {
        self.cx.counters.frames_received += 1;
        self.cx.counters.bytes_received += len as u64;
    }

    /// Takes a frame in, up to the packet that it carries; what becomes of that is `then`'s to say.
    #[inline]
    fn handle_frame(&mut self, on: InterfaceId, mut frame: Frame, then: impl FnOnce(&mut Self, Packet)) {
        let len = frame.bytes.len();
        self.count_received(len);
        let cx = &mut self.cx;
        // The tap point.
        let cause = if cx.recorder.is_enabled() { self.record_arrival(on, &frame) } else { frame.cause };
        let cx = &mut self.cx;
        let interface = self.internet.interface(on);
        let refused = match link::receive::receive(interface.medium, &mut frame.bytes) {
            _ if !interface.up => DropReason::InterfaceDown,
            Ok(link::receive::Received::Ip { broadcast }) => {
                let packet = Packet {
                    interface: on,
                    bytes: frame.bytes,
                    broadcast,
                    followers: Vec::new(),
                    segment_size: frame.segment_size,
                    checksum: frame.checksum,
                    cause,
                };
                return then(self, packet);
            }
            Ok(link::receive::Received::Arp) => match ArpPacket::parse(&frame.bytes) {
                Ok(packet) => {
                    return resolution::receive_arp(&mut self.cx, self.internet, on, &packet, cause);
                }
                Err(_) => DropReason::ArpMalformed,
            },
            Err(reason) => reason,
        };
        cx.dropped(Some(on), refused, len, cause);
    }

    /// Records a frame. One with something left to a device is recorded as what the device would have made of
    /// it: as the frames of a cable. The last stands for it.
    #[cold]
    fn record_arrival(&mut self, on: InterfaceId, frame: &Frame) -> Option<RecordId> {
        let link_len = link::receive::header_len(self.internet.interface(on).medium, &frame.bytes);
        let mut record = |bytes| {
            let (interface, direction) = (on.record_index(), Direction::Received);
            let frame_record = FrameRecord { interface, direction, bytes };
            self.cx.recorder.record(self.cx.now, frame.cause, || Kind::Frame(frame_record))
        };
        let mut id = None;
        if let Some(mut cut) = frame.segment_size.and_then(|size| pieces(&frame.bytes, link_len, size)) {
            while let Some(piece) = cut.next_frame(Instant::ZERO) {
                id = record(piece.to_bytes());
            }
        } else {
            let partial = frame.checksum == ReceivedChecksum::Partial;
            let whole = partial.then(|| finished(&frame.bytes, link_len)).flatten();
            id = record(whole.unwrap_or_else(|| frame.bytes.clone()));
        }
        id.or(frame.cause)
    }

    pub(super) fn handle_packet(&mut self, packet: Packet) {
        let (interface, broadcast, cause) = (packet.interface, packet.broadcast, packet.cause);
        let mut received = crate::internet::receive::receive(&mut self.cx, self.internet, packet);
        if let Received::Deliver(arrived) = &mut received {
            return self.deliver(arrived);
        }
        let (refusal, packet) = match received {
            Received::Deliver(_) | Received::Kept => return,
            Received::Refused(refusal, packet) => (refusal, packet),
            Received::Forward(packet, header) => {
                let may_be_fragmented = matches!(&header, IpHeader::V4(header) if !header.dont_fragment);
                match forward(&mut self.cx, self.internet, &packet, header) {
                    Ok((hop, outgoing)) => {
                        return resolution::send(&mut self.cx, self.internet, &hop, outgoing);
                    }
                    Err(Refusal { reason: DropReason::PacketTooBig, .. })
                        if may_be_fragmented && packet.segment_size.is_some() =>
                    {
                        return self.handle_pieces(&packet);
                    }
                    Err(refusal) => (refusal, packet.bytes),
                }
            }
        };
        self.refuse(&Invoking { packet: &packet, interface, broadcast, cause }, refusal);
    }

    /// Handles each piece of a super-segment on its own, because each is to be fragmented.
    fn handle_pieces(&mut self, packet: &Packet) {
        let Some(mut cut) = packet.segment_size.and_then(|size| pieces(&packet.bytes, 0, size)) else {
            let (on, len) = (packet.interface, packet.bytes.len());
            return self.cx.dropped(Some(on), DropReason::PacketTooBig, len, packet.cause);
        };
        while let Some(piece) = cut.next_frame(self.cx.now) {
            self.handle_packet(Packet {
                bytes: piece.to_bytes(),
                segment_size: None,
                checksum: ReceivedChecksum::Valid,
                ..packet.clone()
            });
        }
    }

    /// A packet for this host.
    fn deliver(&mut self, arrived: &mut Arrived) {
        let (on, len, cause) = (arrived.interface, arrived.payload.len(), arrived.cause);
        let broadcast = arrived.broadcast;
        let copied = !self.transports.raw.is_empty() && self.transports.raw.receive(&mut self.cx, arrived);
        let disposition = match (arrived.protocol, arrived.destination) {
            (IpProtocol::Icmpv4, IpAddr::V4(_)) | (IpProtocol::Icmpv6, IpAddr::V6(_)) => {
                self.receive_icmp(arrived)
            }
            (IpProtocol::Igmp, IpAddr::V4(_)) => igmp::receive(&mut self.cx, self.internet, arrived),
            _ => self.transports.receive(&mut self.cx, arrived),
        };
        match disposition {
            Disposition::Accepted => {}
            // A raw socket took what nobody else wants (RFC 1122 3.2.2.1 is about protocols without a program).
            Disposition::Drop(DropReason::IcmpIgnored | DropReason::IcmpUnmatched) if copied => {}
            Disposition::Drop(DropReason::UnknownProtocol) if copied => {}
            Disposition::Unreachable(_, Unreachable::Protocol, _) if copied => {}
            Disposition::Reply(departing) => self.send(*departing, Some(on)),
            Disposition::Drop(reason) => self.cx.dropped(Some(on), reason, len, cause),
            Disposition::DropReply(reason, departing) => {
                self.cx.dropped(Some(on), reason, len, cause);
                self.send(*departing, Some(on));
            }
            Disposition::Unreachable(reason, what, packet) => {
                let invoking = Invoking { packet: &packet, interface: on, broadcast, cause };
                self.refuse(&invoking, Refusal::told(reason, Problem::Unreachable(what)));
            }
        }
    }

    /// Drops a packet, and tells its sender where that is due and the rules allow it.
    fn refuse(&mut self, invoking: &Invoking<'_>, refusal: Refusal) {
        let Refusal { reason, problem } = refusal;
        self.cx.dropped(Some(invoking.interface), reason, invoking.packet.len(), invoking.cause);
        let Some(problem) = problem else { return };
        if let Some(error) = icmp_error(&mut self.cx, self.internet, *invoking, problem) {
            self.send(error, Some(invoking.interface));
        }
    }

    fn receive_icmp(&mut self, arrived: &Arrived) -> Disposition {
        let meaning = match (arrived.source, arrived.destination) {
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                icmpv6::receive(source, destination, &arrived.payload)
            }
            _ => icmpv4::receive(&arrived.payload),
        };
        match meaning {
            None => Disposition::Drop(DropReason::IcmpMalformed),
            Some(Meaning::Nothing) => Disposition::Drop(DropReason::IcmpIgnored),
            Some(Meaning::EchoRequest { identifier, sequence, data }) => {
                self.echo_reply(arrived, identifier, sequence, &data)
            }
            Some(Meaning::EchoReply) => self.transports.icmp.receive(&mut self.cx, arrived),
            Some(Meaning::Error { kind, invoking }) => {
                let (reporter, cause) = (arrived.source, arrived.cause);
                match icmp::error_for(kind, reporter, arrived.hop_limit, &invoking, cause) {
                    Some(error) => self.handle_icmp_error(error),
                    None => Disposition::Drop(DropReason::IcmpUnmatched),
                }
            }
            Some(Meaning::NeighbourDiscovery) => self.receive_ndp(arrived),
            Some(Meaning::ListenerDiscovery) => self.receive_mld(arrived),
        }
    }

    /// RFC 1122 3.2.2.6, RFC 4443 4.2: identifier, sequence number and data go back as they came.
    fn echo_reply(&mut self, arrived: &Arrived, identifier: u16, sequence: u16, data: &[u8]) -> Disposition {
        let hop_limit = self.cx.config.hop_limit;
        let mut reply = match (arrived.source, arrived.destination) {
            // RFC 1122 3.2.2.6 lets a host ignore requests by broadcast: their answers are a way to flood.
            (IpAddr::V4(_), _) if arrived.broadcast => return Disposition::Drop(DropReason::IcmpIgnored),
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let reply = Icmpv4Message::EchoReply { identifier, sequence, data };
                icmpv4::departing(destination, source, hop_limit, &reply)
            }
            (IpAddr::V6(source), _) => {
                // RFC 4443 4.2: a request to a group is answered from an address of the interface.
                let ours = match arrived.destination {
                    group if group.is_multicast() => {
                        source::select(source.into(), self.internet.addresses.usable(arrived.interface))
                    }
                    unicast => Some(unicast),
                };
                let Some(IpAddr::V6(ours)) = ours.filter(|_| !source.is_unspecified()) else {
                    return Disposition::Drop(DropReason::NoSourceAddress);
                };
                let reply = Icmpv6Message::EchoReply { identifier, sequence, data };
                icmpv6::departing(ours, source, hop_limit, &reply)
            }
            _ => return Disposition::Drop(DropReason::IcmpMalformed),
        };
        reply.cause =
            self.cx.record(arrived.cause, || Engine::Packet { why: SendReason::EchoReply }).or(arrived.cause);
        Disposition::reply(reply)
    }

    /// Tells the socket that an error concerns, and believes a path MTU only when there is one (RFC 8201 4,
    /// RFC 5927 4.1).
    pub(super) fn handle_icmp_error(&mut self, mut error: crate::packet::IcmpErrorFor) -> Disposition {
        let Some(owner) = self.internet.interface_of(error.source) else {
            return Disposition::Drop(DropReason::IcmpUnmatched);
        };
        self.notice_changes();
        let on = self.internet.route_interface(error.source, error.destination).unwrap_or(owner);
        let link_mtu = self.internet.interface(on).mtu;
        let current = self.internet.path_mtus.get(self.cx.now, error.destination, link_mtu);
        let mut reduced = None;
        if let IcmpErrorKind::PacketTooBig { mtu } = error.kind {
            let estimate = crate::internet::path_mtu::estimate(
                error.destination,
                current,
                mtu as usize,
                error.packet_len,
            );
            let Some(estimate) = estimate else { return Disposition::Drop(DropReason::IcmpIgnored) };
            error.kind = IcmpErrorKind::PacketTooBig { mtu: estimate as u32 };
            reduced = Some(estimate);
        }
        if !self.transports.handle_icmp_error(&mut self.cx, &error) {
            return Disposition::Drop(DropReason::IcmpUnmatched);
        }
        self.cx.counters.icmp_errors_received += 1;
        if let Some(mtu) = reduced {
            let limits = &self.cx.config.internet;
            let (limit, age) = (limits.path_mtus, limits.path_mtu_age);
            let floor = if error.destination.is_ipv4() { limits.min_path_mtu.min(current) } else { 0 };
            let path_mtus = &mut self.internet.path_mtus;
            path_mtus.set(self.cx.now, error.destination, mtu.max(floor), limit, age);
            if mtu < floor {
                path_mtus.set_narrow(error.destination);
            }
        }
        Disposition::Accepted
    }

    fn receive_mld(&mut self, arrived: &Arrived) -> Disposition {
        let (IpAddr::V6(source), IpAddr::V6(destination)) = (arrived.source, arrived.destination) else {
            return Disposition::Drop(DropReason::IcmpMalformed);
        };
        match Icmpv6Message::parse(source, destination, &arrived.payload) {
            Ok(Icmpv6Message::Mld(message)) => mld::receive(&mut self.cx, self.internet, arrived, &message),
            _ => Disposition::Drop(DropReason::IcmpMalformed),
        }
    }

    fn receive_ndp(&mut self, arrived: &Arrived) -> Disposition {
        let (IpAddr::V6(source), IpAddr::V6(destination)) = (arrived.source, arrived.destination) else {
            return Disposition::Drop(DropReason::NdpInvalid);
        };
        let Ok(Icmpv6Message::Ndp(message)) = Icmpv6Message::parse(source, destination, &arrived.payload)
        else {
            return Disposition::Drop(DropReason::NdpInvalid);
        };
        let on = arrived.interface;
        let hardware = match self.internet.interface(on).medium {
            Medium::Ethernet { address } => Some(address),
            Medium::Ip => None,
        };
        let router = self.cx.config.forwarding;
        let place = ndp::Place { source, destination, hop_limit: arrived.hop_limit, hardware, router };
        let addresses = &self.internet.addresses;
        let prefixes = &self.internet.local_prefixes;
        let target_is = |target: core::net::Ipv6Addr| match addresses.find(on, target.into()) {
            Some((_, found)) if found.interface != on => Target::Other,
            Some((_, found)) => match found.state {
                AddressState::Preferred => Target::Ours,
                AddressState::Tentative { .. } => Target::Tentative,
                AddressState::Duplicate => Target::Other,
            },
            None if prefixes.answers_for(on, target.into()) => Target::Routed,
            None => Target::Other,
        };
        let reaction = match ndp::handle(&message, &place, target_is) {
            Ok(reaction) => reaction,
            Err(ndp::Discard::Invalid) => return Disposition::Drop(DropReason::NdpInvalid),
            Err(ndp::Discard::NotForUs) => return Disposition::Drop(DropReason::IcmpIgnored),
        };
        if let Some(address) = reaction.duplicate {
            self.duplicate_address(on, address);
        }
        if let Some(lesson) = reaction.learn {
            let neighbour = lesson.neighbour.into();
            resolution::learn(&mut self.cx, self.internet, on, neighbour, lesson.hardware, lesson.evidence);
        }
        let Some(mut reply) = reaction.reply else { return Disposition::Accepted };
        reply.cause = self.cx.record(arrived.cause, || Engine::Packet { why: SendReason::NeighbourReply });
        Disposition::reply(reply)
    }
}
