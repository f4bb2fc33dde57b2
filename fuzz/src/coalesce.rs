//! Segments that arrive together, merged, and cut again by a naive segmenter: they are what they were.

use std::collections::BTreeMap;
use std::net::IpAddr;

use bytes::Bytes;
use fathom_stack::fuzzing::{self, Merged};
use fathom_wire::{
    Ecn, IpHeader, IpProtocol, SeqNumber, TcpFlags, TcpHeader, TcpOptions, TcpTimestamps, checksum,
};

use crate::actions::{self, Action};
use crate::naive;
use crate::packets::{self, Ip};

/// A batch of segments and datagrams of a few flows, most of them trains.
pub(crate) fn coalesce(bytes: &[u8]) {
    let packets = packets(bytes);
    let merged = fuzzing::coalesce(packets.iter().cloned().map(Bytes::from));
    let mut cut = Vec::new();
    for packet in &merged {
        cut.extend(segments(packet));
    }
    assert_eq!(cut.len(), packets.len(), "a packet was lost or made");
    // The order is kept within a flow, and among what is of none.
    let (before, after) = (by_flow(&packets), by_flow(&cut));
    for (flow, packets) in before {
        let cut = after.get(&flow).map_or(&[][..], Vec::as_slice);
        assert_eq!(packets.len(), cut.len(), "packets of {flow:?}");
        for (packet, cut) in packets.into_iter().zip(cut) {
            assert_eq!(comparable(packet), comparable(cut), "of {flow:?}");
        }
    }
}

/// The packets of a program: the sequence number of each segment follows from those before it in its flow.
fn packets(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut next: BTreeMap<u8, (SeqNumber, u16)> = BTreeMap::new();
    let mut packets = Vec::new();
    for action in actions::read(bytes) {
        let name = action.byte(1) & 0x0f;
        let (seq, identification) = next.entry(name).or_insert((SeqNumber(action.long(2)), 1));
        if action.kind(8) == 7 {
            *seq += u32::from(action.word(2));
        }
        let packet = packet(action, name, *seq, *identification);
        *identification = identification.wrapping_add(1);
        let len = len(action) as u32;
        *seq += len;
        packets.push(poke(packet, action));
    }
    packets
}

fn len(action: Action) -> usize {
    // Trains are of equal lengths, now and then with a short one behind.
    match action.byte(2) & 0x0f {
        0 => 0,
        1..=9 => 100,
        10 => usize::from(action.byte(3)),
        11 => 1448,
        12 => 9000,
        _ => 99,
    }
}

fn packet(action: Action, name: u8, seq: SeqNumber, identification: u16) -> Vec<u8> {
    let v6 = name & 1 == 1;
    let (source, destination): (IpAddr, IpAddr) = if v6 {
        ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 2].into(), [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into())
    } else {
        ([192, 0, 2, 2].into(), [192, 0, 2, 1].into())
    };
    let ip = Ip {
        ecn: if action.bit(4, 0) && action.bit(4, 1) { Ecn::Ce } else { Ecn::NotEct },
        hop_limit: if action.bit(4, 2) && action.bit(4, 3) { 63 } else { 64 },
        identification,
        ..Ip::new(source, destination)
    };
    let data: Vec<u8> = (0..len(action)).map(|at| (seq.0 as usize + at) as u8).collect();
    let ports = (u16::from(name >> 1 & 3), 80);
    if name & 8 == 8 {
        return ip.udp(ports, &data);
    }
    let flags = match action.byte(5) & 0x0f {
        0..=8 => TcpFlags::ACK,
        9 | 10 => TcpFlags::ACK | TcpFlags::PSH,
        11 => TcpFlags::ACK | TcpFlags::FIN,
        12 => TcpFlags::SYN,
        13 => TcpFlags::ACK | TcpFlags::CWR,
        14 => TcpFlags::ACK | TcpFlags::URG,
        _ => TcpFlags::from_bits_truncate(action.word(6)),
    };
    let timestamps = (!action.bit(5, 7))
        .then_some(TcpTimestamps { value: 1 + u32::from(action.byte(5) >> 5 & 1), echo: 0 });
    let header = TcpHeader {
        source_port: ports.0,
        destination_port: ports.1,
        seq,
        ack: SeqNumber(5 + u32::from(action.byte(4) >> 6 & action.byte(4) >> 7)),
        flags,
        window: 9,
        urgent: 0,
        options: TcpOptions { timestamps, ..TcpOptions::default() },
    };
    ip.tcp(&header, &[], &data)
}

/// Changes a byte of the packet, with or without mending its checksums, or cuts it or pads it.
fn poke(mut packet: Vec<u8>, action: Action) -> Vec<u8> {
    let at = usize::from(action.byte(6)) % packet.len();
    match action.byte(0) >> 3 {
        0 => packet[at] ^= action.byte(7) | 1,
        1 => {
            packet[at] ^= action.byte(7) | 1;
            packets::mend(&mut packet);
        }
        2 => packet.truncate(at),
        3 => packet.extend([0; 6]),
        _ => {}
    }
    packet
}

/// What a merged packet stands for.
fn segments(merged: &Merged) -> Vec<Vec<u8>> {
    let Some(size) = merged.segment_size else {
        assert!(merged.followers.is_empty());
        return vec![merged.first.to_vec()];
    };
    let size = usize::from(size.get());
    let (.., data_start) = naive::transport(&merged.first).expect("only TCP and UDP are merged");
    // What lies behind the first packet in its frame is padding.
    let header = IpHeader::parse(&merged.first).expect("what is merged is sound");
    let end = header.header_len() + header.payload_len();
    let mut data = merged.first[data_start..end].to_vec();
    assert_eq!(data.len(), size, "the first has the size of all but the last");
    for (index, follower) in merged.followers.iter().enumerate() {
        let last = index + 1 == merged.followers.len();
        assert!(follower.len() == size || last && (1..size).contains(&follower.len()));
        data.extend_from_slice(follower);
    }
    assert!(data_start + data.len() <= 65535 && merged.followers.len() < 64, "too large for a packet");
    naive::cut(&merged.first[..end], &data, size)
}

/// Packets by the ends and protocol of their flow; an empty name for those that have none.
fn by_flow(packets: &[Vec<u8>]) -> BTreeMap<Vec<u8>, Vec<&[u8]>> {
    let mut flows: BTreeMap<Vec<u8>, Vec<&[u8]>> = BTreeMap::new();
    for packet in packets {
        flows.entry(flow(packet).unwrap_or_default()).or_default().push(packet);
    }
    flows
}

fn flow(packet: &[u8]) -> Option<Vec<u8>> {
    let (protocol, addresses, ports) = match packet.first()? >> 4 {
        4 => (*packet.get(9)?, packet.get(12..20)?, usize::from(packet[0] & 15) * 4),
        6 => (*packet.get(6)?, packet.get(8..40)?, 40),
        _ => return None,
    };
    let ports = packet.get(ports..ports + 4)?;
    matches!(protocol, 6 | 17).then(|| [&[protocol], addresses, ports].concat())
}

/// A packet without what a super-segment does not keep: padding, the IPv4 identification, PSH, and what
/// depends on them. Of a checksum, whether it is right is kept.
fn comparable(packet: &[u8]) -> Vec<u8> {
    let Ok(header) = IpHeader::parse(packet) else { return packet.to_vec() };
    let (start, end) = (header.header_len(), header.header_len() + header.payload_len());
    let mut left = packet[..end].to_vec();
    let field = match header.protocol() {
        IpProtocol::Tcp => 16,
        IpProtocol::Udp => 6,
        _ => return packet.to_vec(),
    };
    let segment = &mut left[start..];
    if segment.len() < field + 2 {
        return packet.to_vec();
    }
    let none = header.protocol() == IpProtocol::Udp && segment[field..field + 2] == [0, 0];
    let sound = packets::is_sound(&header, segment);
    segment[field..field + 2].fill(if none { 2 } else { sound.into() });
    if header.protocol() == IpProtocol::Tcp {
        segment[13] &= !0x08;
    }
    if packet[0] >> 4 == 4 {
        assert_eq!(checksum::sum(&packet[..start]), 0xffff, "it was parsed");
        left[4..6].fill(0);
        left[10..12].fill(0);
    }
    left
}
