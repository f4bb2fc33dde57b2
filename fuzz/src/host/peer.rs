//! Peers: packets that fit the connections of the stack, or nearly fit.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use fathom_wire::internet::{icmpv4, icmpv6};
use fathom_wire::{
    ArpOperation, ArpPacket, EtherType, EthernetAddress, EthernetHeader, Icmpv4Message, Icmpv6Message,
    IgmpMessage, Instant, IpHeader, IpProtocol, MldMessage, NdpMessage, NdpOption, NdpOptionBuffer,
    SackBlock, SeqNumber, TcpFlags, TcpHeader, TcpOptions, TcpTimestamps,
};

use super::flow::Flow;
use super::{OURS, PORT, THEIRS};
use crate::actions::Action;
use crate::packets::{self, Ip};

/// The address of the host with a number: 1 is the stack, 255 everybody.
pub(super) fn address(v6: bool, number: u8) -> IpAddr {
    match (v6, number) {
        (false, number) => Ipv4Addr::new(10, 0, 0, number).into(),
        (true, 255) => Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1).into(),
        (true, number) => Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, number.into()).into(),
    }
}

/// A packet in an Ethernet frame. What begins with neither version of IP is ARP.
pub(super) fn framed(packet: &[u8], to: EthernetAddress, from: EthernetAddress) -> Vec<u8> {
    let ether_type = match packet.first().map_or(0, |byte| byte >> 4) {
        4 => EtherType::Ipv4,
        6 => EtherType::Ipv6,
        _ => EtherType::Arp,
    };
    let destination = match IpHeader::parse_quoted(packet).map(|header| header.destination()) {
        Ok(IpAddr::V6(group)) if group.is_multicast() => {
            let [.., a, b, c, d] = group.octets();
            EthernetAddress([0x33, 0x33, a, b, c, d])
        }
        Ok(IpAddr::V4(at)) if at.is_multicast() || at.octets()[3] == 255 => EthernetAddress::BROADCAST,
        _ => to,
    };
    let header = EthernetHeader { destination, source: from, vlan: None, ether_type };
    let mut frame = vec![0; header.header_len()];
    header.emit(&mut frame);
    frame.extend_from_slice(packet);
    frame
}

/// What peers keep between two actions.
#[derive(Debug, Default)]
pub(super) struct Peer {
    /// The last packet that was made, for the next to be a change of.
    last: Vec<u8>,
    /// The last packet of the stack.
    of_stack: Vec<u8>,
    /// The packet that the fragments just made are of.
    pub(super) whole: Option<Vec<u8>>,
    /// How many initial sequence numbers were chosen.
    openings: u32,
}

impl Peer {
    /// The stack sent a frame; gives the honest reply where it asks for an address.
    pub(super) fn note(&mut self, frame: &[u8], ethernet: bool) -> Option<Vec<u8>> {
        if !ethernet {
            self.of_stack = frame.to_vec();
            return None;
        }
        let link = EthernetHeader::parse(frame).ok()?;
        let packet = &frame[link.header_len()..];
        if let Ok(arp) = ArpPacket::parse(packet) {
            let asked = arp.operation == ArpOperation::Request && arp.target_protocol != arp.sender_protocol;
            return asked
                .then(|| framed(&arp_packet(ArpOperation::Reply, arp.target_protocol), OURS, THEIRS));
        }
        self.of_stack = packet.to_vec();
        let IpHeader::V6(v6) = IpHeader::parse(packet).ok()? else { return None };
        let message = Icmpv6Message::parse(v6.source, v6.destination, &packet[40..]).ok()?;
        let Icmpv6Message::Ndp(NdpMessage::NeighborSolicitation { target, .. }) = message else {
            return None;
        };
        // One's own address is asked for to find out whether another has it.
        let asked = !v6.source.is_unspecified();
        asked.then(|| framed(&advertisement(target, v6.source, true), OURS, THEIRS))
    }

    /// The packets that an action sends to the stack.
    pub(super) fn frames<'a>(
        &mut self,
        action: Action,
        flows: impl ExactSizeIterator<Item = &'a Flow>,
        now: Instant,
    ) -> Vec<Vec<u8>> {
        let index = usize::from(action.byte(1)) % flows.len().max(1);
        let flow = flows.into_iter().nth(index).cloned();
        let packets = match (action.kind(24), flow) {
            (11..=13, Some(flow)) => vec![segment(action, &flow, now)],
            (15, Some(flow)) => honest(action, &flow, now),
            (16, Some(flow)) => vec![icmp_error(action, &flow)],
            (18, Some(flow)) => {
                let whole = segment(action, &flow, now);
                fragments(action, self.whole.insert(whole))
            }
            (11..=14, _) => vec![self.syn(action, now)],
            (17, _) => vec![datagram(action)],
            (19, _) => vec![changed(action, self.last.clone())],
            (20, _) => vec![reflected(action, self.of_stack.clone())],
            (21, _) => vec![control(action)],
            (22, _) => vec![action.0[1..].repeat(usize::from(action.byte(7) & 15))],
            _ => (0..action.byte(2) & 31).map(|port| self.flood(action, port, now)).collect(),
        };
        if let Some(last) = packets.last() {
            self.last.clone_from(last);
        }
        packets
    }

    /// A SYN to the listener or to what a connection of the stack comes from.
    fn syn(&mut self, action: Action, now: Instant) -> Vec<u8> {
        self.openings += 1;
        let seq = match action.byte(3) & 3 {
            // Just before the numbers wrap.
            0 => SeqNumber(u32::MAX - u32::from(action.byte(4))),
            _ => SeqNumber(self.openings << 20 | action.long(4) & 0xfffff),
        };
        let options = TcpOptions {
            mss: (!action.bit(2, 0))
                .then(|| [1460, 536, 1, 0, 65535, 88, 1000, 9000][action.byte(7) as usize & 7]),
            sack_permitted: !action.bit(2, 1),
            timestamps: (!action.bit(2, 2)).then(|| timestamps(now, 0)),
            window_scale: (!action.bit(2, 3)).then(|| action.byte(7) >> 4),
            ..TcpOptions::default()
        };
        let header = TcpHeader {
            source_port: 5000 + u16::from(action.byte(1) & 7),
            destination_port: if action.bit(2, 4) && action.bit(2, 5) { 2000 } else { PORT },
            seq,
            ack: SeqNumber(0),
            flags: TcpFlags::SYN
                | if action.bit(2, 6) { TcpFlags::ECE | TcpFlags::CWR } else { TcpFlags::empty() },
            window: action.word(5),
            urgent: 0,
            options,
        };
        let v6 = action.bit(1, 7);
        ip(address(v6, 2 + (action.byte(1) >> 3 & 1)), address(v6, 1)).tcp(&header, &[], &[])
    }

    fn flood(&mut self, action: Action, port: u8, now: Instant) -> Vec<u8> {
        let mut one = action;
        one.0[2] = action.byte(3);
        one.0[1] = port << 1;
        let mut packet = self.syn(one, now);
        // Another port for each.
        let start = if packet[0] >> 4 == 4 { 20 } else { 40 };
        packet[start..start + 2].copy_from_slice(&(20_000 + u16::from(port)).to_be_bytes());
        packets::mend(&mut packet);
        packet
    }
}

fn ip(source: IpAddr, destination: IpAddr) -> Ip {
    Ip::new(source, destination)
}

/// From the peer of a flow to the stack.
fn towards(flow: &Flow) -> Ip {
    ip(flow.ends.1.ip(), flow.ends.0.ip())
}

fn timestamps(now: Instant, echo: u32) -> TcpTimestamps {
    TcpTimestamps { value: now.as_millis() as u32, echo }
}

/// How far a number is from the right one: mostly not, or by what makes a difference.
fn distance(code: u8, window: u32) -> u32 {
    let fine = u32::from(code & 15);
    match code >> 4 {
        0..=4 => 0,
        5 => fine,
        6 => fine.wrapping_neg(),
        7 => fine * 1000,
        8 => (fine * 1000).wrapping_neg(),
        9 => window.wrapping_add(fine).wrapping_sub(8),
        10 => (1 << 31) + fine - 8,
        11 => (1 << 30) + fine,
        12 => 1 << (fine + 16),
        13 => (1_u32 << (fine + 16)).wrapping_neg(),
        14 => window / 2 + fine,
        _ => fine * 7 + 1,
    }
}

/// A segment on a flow, right but for what the action changes.
fn segment(action: Action, flow: &Flow, now: Instant) -> Vec<u8> {
    let flags = match action.byte(2) & 15 {
        0..=5 => TcpFlags::ACK,
        6 => TcpFlags::ACK | TcpFlags::PSH,
        7 => TcpFlags::ACK | TcpFlags::FIN,
        8 => TcpFlags::ACK | TcpFlags::SYN,
        9 => TcpFlags::SYN,
        10 => TcpFlags::RST,
        11 => TcpFlags::RST | TcpFlags::ACK,
        12 => TcpFlags::ACK | TcpFlags::URG,
        13 => TcpFlags::empty(),
        14 => TcpFlags::ACK | TcpFlags::ECE | TcpFlags::CWR,
        _ => TcpFlags::from_bits_truncate(action.word(6)),
    };
    let seq = flow.peer_nxt + distance(action.byte(3), flow.window.into());
    let ack = flow.nxt + distance(action.byte(4), 5000);
    let echo = flow.timestamp.unwrap_or_default();
    let timestamps = match action.byte(5) & 7 {
        0..=3 => flow.timestamp.map(|echo| timestamps(now, echo)),
        4 => None,
        5 => Some(TcpTimestamps { value: action.long(3), echo }),
        6 => Some(TcpTimestamps { value: now.as_millis() as u32, echo: action.long(3) }),
        _ => Some(TcpTimestamps { value: 0, echo: 0 }),
    };
    let sack = match action.byte(5) >> 3 & 3 {
        0 | 1 => Vec::new(),
        count => (0..count).map(|index| block(action, flow, index)).collect(),
    };
    let window = match action.byte(5) >> 5 {
        0..=3 => 65535,
        4 => 0,
        5 => 1,
        6 => action.word(6),
        _ => 500,
    };
    let header = TcpHeader {
        source_port: flow.ends.1.port(),
        destination_port: flow.ends.0.port(),
        seq,
        ack,
        flags,
        window,
        urgent: action.word(6) & if flags.contains(TcpFlags::URG) { 0xffff } else { 0 },
        options: TcpOptions {
            timestamps,
            sack: sack.into_iter().collect(),
            mss: flags.contains(TcpFlags::SYN).then_some(1460),
            ..TcpOptions::default()
        },
    };
    let raw = if action.byte(6) == 0xa5 { [action.0, action.0, action.0].concat() } else { Vec::new() };
    let data = vec![action.byte(7); length(action)];
    towards(flow).tcp(&header, &raw, &data)
}

fn length(action: Action) -> usize {
    match action.byte(2) >> 4 {
        0..=5 => 0,
        6..=8 => 1,
        9 | 10 => usize::from(action.byte(7)),
        11 | 12 => 1000,
        13 => 1400,
        14 => 8,
        _ => usize::from(action.byte(7)) * 8,
    }
}

/// A block that lies somewhere around what the stack has outstanding.
fn block(action: Action, flow: &Flow, index: u8) -> SackBlock {
    let back = u32::from(action.byte(6)) * 100;
    let left = flow.nxt - back + u32::from(index) * 1000 + u32::from(action.byte(7) >> 4);
    SackBlock { left, right: left + u32::from(action.byte(7) & 15) * 200 }
}

/// An acknowledgement of everything, or of all but a part, with data or the end of data.
fn honest(action: Action, flow: &Flow, now: Instant) -> Vec<Vec<u8>> {
    let (syn, ack) = (TcpFlags::SYN, TcpFlags::ACK);
    let first = flow.ack.is_none();
    let count = if first { 1 } else { 1 + u32::from(action.byte(5) & 7) };
    let len = if first { 0 } else { length(action) };
    let segment = |index: u32| {
        let mut flags = if first { syn | ack } else { ack };
        let last = index + 1 == count;
        flags.set(TcpFlags::FIN, last && action.bit(3, 0) && action.bit(3, 1));
        let options = TcpOptions {
            mss: first.then_some(1460),
            sack_permitted: first && !action.bit(3, 2),
            window_scale: (first && !action.bit(3, 3)).then_some(action.byte(4) & 15),
            timestamps: flow.timestamp.map(|echo| timestamps(now, echo)),
            ..TcpOptions::default()
        };
        let header = TcpHeader {
            source_port: flow.ends.1.port(),
            destination_port: flow.ends.0.port(),
            seq: flow.peer_nxt + index * len as u32,
            ack: flow.nxt - if action.bit(3, 4) { u32::from(action.byte(4)) } else { 0 },
            flags,
            window: if action.bit(3, 5) { action.word(6) } else { 65535 },
            urgent: 0,
            options,
        };
        towards(flow).tcp(&header, &[], &vec![action.byte(7); len])
    };
    (0..count).map(segment).collect()
}

/// An ICMP error about the last packet of a flow, as somebody on the path, or off it, would send it.
fn icmp_error(action: Action, flow: &Flow) -> Vec<u8> {
    let mut quoted = flow.last.clone();
    if quoted.is_empty() {
        return Vec::new();
    }
    if action.bit(2, 0) && action.bit(2, 1) {
        // A sequence number that an attacker guessed.
        let start = if quoted[0] >> 4 == 4 { 20 } else { 40 };
        if let Some(seq) = quoted.get_mut(start + 4..start + 8) {
            seq.copy_from_slice(&action.long(3).to_be_bytes());
        }
    }
    quoted.truncate(28 + usize::from(action.byte(3)));
    let invoking = &quoted[..];
    let (us, from) = (flow.ends.0.ip(), 2 + (action.byte(2) >> 2 & 1));
    let mtu = [0, 68, 576, 1280, 1400, 1499, 1500, 65535, 1, 296, 1006, 552, 600, 8, 1281, 1492]
        [usize::from(action.byte(4) & 15)];
    let (kind, code) = (action.byte(5) % 6, action.byte(6) & 15);
    if us.is_ipv4() {
        let message = match kind {
            0 | 1 => Icmpv4Message::DestinationUnreachable {
                code: icmpv4::unreachable::FRAGMENTATION_NEEDED,
                next_hop_mtu: mtu,
                invoking,
            },
            2 => Icmpv4Message::DestinationUnreachable { code, next_hop_mtu: 0, invoking },
            3 => Icmpv4Message::TimeExceeded { code, invoking },
            4 => Icmpv4Message::ParameterProblem { code, pointer: 1, invoking },
            _ => Icmpv4Message::Redirect { code, gateway: Ipv4Addr::new(10, 0, 0, 3), invoking },
        };
        return ip(address(false, from), us).icmpv4(&message);
    }
    let message = match kind {
        0 | 1 => Icmpv6Message::PacketTooBig { mtu: mtu.into(), invoking },
        2 => Icmpv6Message::DestinationUnreachable { code, invoking },
        3 => Icmpv6Message::TimeExceeded { code, invoking },
        _ => Icmpv6Message::ParameterProblem { code: icmpv6::parameter::FIELD, pointer: 6, invoking },
    };
    ip(address(true, from), us).icmpv6(&message)
}

/// A datagram or an echo, from near and far.
fn datagram(action: Action) -> Vec<u8> {
    let v6 = action.bit(1, 0);
    let to = if action.bit(1, 1) && action.bit(1, 2) { 255 } else { 1 };
    let ip = Ip { hop_limit: action.byte(2), ..ip(address(v6, 2 + action.byte(3) % 3), address(v6, to)) };
    let data = vec![action.byte(7); usize::from(action.word(5)) % 1400];
    match (action.byte(4) % 3, v6) {
        (0, false) => ip.icmpv4(&Icmpv4Message::EchoRequest { identifier: 7, sequence: 1, data: &data }),
        (0, true) => ip.icmpv6(&Icmpv6Message::EchoRequest { identifier: 7, sequence: 1, data: &data }),
        (1, false) => ip.icmpv4(&Icmpv4Message::EchoReply { identifier: 7, sequence: 1, data: &data }),
        _ => ip.udp((PORT, if action.bit(1, 3) { 81 } else { PORT }), &data),
    }
}

/// A packet in fragments that fit, overlap, repeat or leave a hole.
fn fragments(action: Action, packet: &[u8]) -> Vec<Vec<u8>> {
    let Ok(header) = IpHeader::parse(packet) else { return Vec::new() };
    let payload = &packet[header.header_len()..];
    let ip = Ip { identification: u16::from(action.byte(1)), ..ip(header.source(), header.destination()) };
    let size = 8 * (1 + usize::from(action.byte(6) & 31));
    let count = payload.len().div_ceil(size);
    let mut fragments: Vec<Vec<u8>> = (0..count)
        .map(|index| {
            let end = (size * (index + 1)).min(payload.len());
            ip.fragment(IpProtocol::Tcp, size * index, index + 1 < count, &payload[size * index..end])
        })
        .collect();
    match action.byte(6) >> 5 {
        0 => fragments.reverse(),
        1 if count > 1 => {
            fragments.remove(1);
        }
        2 if count > 1 => fragments.insert(1, fragments[0].clone()),
        3 if count > 1 => {
            let overlapping = ip.fragment(IpProtocol::Tcp, 8, true, &[action.byte(7); 16]);
            fragments.insert(1, overlapping);
        }
        _ => {}
    }
    fragments
}

/// The packet before with bytes changed, and its checksums right again or not.
fn changed(action: Action, mut packet: Vec<u8>) -> Vec<u8> {
    if packet.is_empty() {
        return packet;
    }
    for (at, value) in [(action.byte(1), action.byte(2)), (action.byte(3), action.byte(4))] {
        let at = usize::from(at) % packet.len();
        packet[at] ^= value;
    }
    match action.byte(5) & 7 {
        0 => packet.truncate(usize::from(action.byte(6))),
        1 => packet.extend(vec![action.byte(7); usize::from(action.byte(6))]),
        _ => {}
    }
    if !action.bit(5, 3) {
        packets::mend(&mut packet);
    }
    packet
}

/// A packet of the stack, sent back: as it is, or with source and destination in each other's place.
fn reflected(action: Action, mut packet: Vec<u8>) -> Vec<u8> {
    if !action.bit(1, 0) && packet.len() >= 48 {
        let (addresses, len, ports) = if packet[0] >> 4 == 4 { (12, 4, 20) } else { (8, 16, 40) };
        let (source, rest) = packet[addresses..].split_at_mut(len);
        source.swap_with_slice(&mut rest[..len]);
        let (source, rest) = packet[ports..].split_at_mut(2);
        source.swap_with_slice(&mut rest[..2]);
        packets::mend(&mut packet);
    }
    packet
}

/// What neighbours and routers say.
fn control(action: Action) -> Vec<u8> {
    let number = 1 + action.byte(2) % 4;
    let (v4, v6) = (Ipv4Addr::new(10, 0, 0, number), Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, number.into()));
    let us = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);
    let group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00, 1);
    let link_local =
        Ip { hop_limit: 255, ..ip(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 9).into(), us.into()) };
    let mut options = NdpOptionBuffer::new();
    options.push(NdpOption::SourceLinkLayer(THEIRS));
    let options = options.options();
    match action.byte(1) % 9 {
        0 => arp_packet(ArpOperation::Request, v4),
        1 => arp_packet(ArpOperation::Reply, v4),
        2 => advertisement(v6, us, action.bit(3, 0)),
        3 => advertisement(v6, address_of(action), false),
        4 => link_local.icmpv6(&Icmpv6Message::Ndp(NdpMessage::NeighborSolicitation { target: v6, options })),
        5 => link_local.icmpv6(&Icmpv6Message::Ndp(NdpMessage::Redirect {
            target: v6,
            destination: v6,
            options,
        })),
        6 => {
            let query = IgmpMessage::Query { max_response: action.byte(4), group: Ipv4Addr::UNSPECIFIED };
            let mut bytes = vec![0; query.len()];
            query.emit(&mut bytes);
            let all = Ipv4Addr::new(224, 0, 0, 1);
            Ip { hop_limit: 1, ..ip(v4.into(), all.into()) }.packet(IpProtocol::Igmp, &bytes)
        }
        7 => {
            let query = MldMessage::Query { max_response: action.word(3), group: Ipv6Addr::UNSPECIFIED };
            Ip { hop_limit: 1, ..link_local }.icmpv6(&Icmpv6Message::Mld(query))
        }
        _ => {
            let message = NdpMessage::NeighborSolicitation { target: us, options };
            Ip { destination: group.into(), ..link_local }.icmpv6(&Icmpv6Message::Ndp(message))
        }
    }
}

fn address_of(action: Action) -> Ipv6Addr {
    if action.bit(3, 1) {
        Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1)
    } else {
        Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1)
    }
}

fn arp_packet(operation: ArpOperation, from: Ipv4Addr) -> Vec<u8> {
    let arp = ArpPacket {
        operation,
        sender_hardware: THEIRS,
        sender_protocol: from,
        target_hardware: OURS,
        target_protocol: Ipv4Addr::new(10, 0, 0, 1),
    };
    let mut packet = vec![0; ArpPacket::LEN];
    arp.emit(&mut packet);
    packet
}

fn advertisement(target: Ipv6Addr, to: Ipv6Addr, solicited: bool) -> Vec<u8> {
    let mut options = NdpOptionBuffer::new();
    options.push(NdpOption::TargetLinkLayer(THEIRS));
    let message = NdpMessage::NeighborAdvertisement {
        router: false,
        solicited,
        override_: true,
        target,
        options: options.options(),
    };
    Ip { hop_limit: 255, ..ip(target.into(), to.into()) }.icmpv6(&Icmpv6Message::Ndp(message))
}
