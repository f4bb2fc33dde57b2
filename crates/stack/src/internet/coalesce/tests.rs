use alloc::vec;
use alloc::vec::Vec;

use fathom_wire::{Instant, SeqNumber, TcpOptions, TcpTimestamps};
use proptest::prelude::*;

use super::*;
use crate::interface::InterfaceId;
use crate::outgoing::pieces;
use crate::tests::packets::{tcp_packet, udp_packet};

/// What a segment of a test is like; the data follows from its sequence number.
#[derive(Clone, Copy, Debug)]
struct Spec {
    v6: bool,
    /// A datagram: of the TCP header, only the ports count.
    udp: bool,
    port: u16,
    seq: u32,
    len: usize,
    flags: TcpFlags,
    timestamp: u32,
    /// What is wrong with it: nothing, the transport checksum, the IPv4 header checksum.
    fault: u8,
    /// The second byte of an IPv4 header, DSCP and ECN, of which IPv6 has the ECN bits.
    tos: u8,
}

const PLAIN: Spec = Spec {
    v6: false,
    udp: false,
    port: 1,
    seq: 1000,
    len: 100,
    flags: TcpFlags::ACK,
    timestamp: 1,
    fault: 0,
    tos: 0,
};
const DATAGRAM: Spec = Spec { udp: true, ..PLAIN };

impl Spec {
    fn bytes(self) -> Vec<u8> {
        let header = TcpHeader {
            source_port: self.port,
            destination_port: 80,
            seq: SeqNumber(self.seq),
            ack: SeqNumber(5),
            flags: self.flags,
            window: 9,
            urgent: 0,
            options: TcpOptions {
                timestamps: Some(TcpTimestamps { value: self.timestamp, echo: 0 }),
                ..TcpOptions::default()
            },
        };
        let data: Vec<u8> = (0..self.len).map(|i| (self.seq as usize + i) as u8).collect();
        let (source, destination) = match self.v6 {
            true => ("2001:db8::2", "2001:db8::1"),
            false => ("192.0.2.2", "192.0.2.1"),
        };
        let mut bytes = match self.udp {
            true => udp_packet(source, destination, (self.port, 80), &data),
            false => tcp_packet(source, destination, &header, &data),
        };
        match self.v6 {
            true => bytes[1] |= self.tos << 4,
            false => {
                bytes[1] = self.tos;
                bytes[10..12].fill(0);
                let sum = !checksum::sum(&bytes[..20]);
                bytes[10..12].copy_from_slice(&sum.to_be_bytes());
            }
        }
        match self.fault {
            1 => *bytes.last_mut().unwrap() ^= 1,
            2 if !self.v6 => bytes[10] ^= 1,
            _ => {}
        }
        bytes
    }
}

fn packet(bytes: Vec<u8>) -> Packet {
    Packet {
        interface: InterfaceId(1),
        bytes: bytes.into(),
        broadcast: false,
        followers: Vec::new(),
        segment_size: None,
        checksum: ReceivedChecksum::Unverified,
        cause: None,
    }
}

fn merged(specs: &[Spec]) -> Vec<Packet> {
    let (mut coalescer, mut pool) = (Coalescer::default(), BlockPool::new());
    let mut out: Vec<Packet> =
        specs.iter().flat_map(|spec| coalescer.offer(packet(spec.bytes()), &mut pool)).collect();
    out.extend(coalescer.finish());
    out
}

/// How many segments are in each packet that comes out.
fn counts(specs: &[Spec]) -> Vec<usize> {
    let count = |packet: &Packet| cut(packet).len();
    merged(specs).iter().map(count).collect()
}

/// The segments of a packet: those that our own cutting makes of a super-segment.
fn cut(packet: &Packet) -> Vec<Vec<u8>> {
    let Some(size) = packet.segment_size else {
        assert!(packet.followers.is_empty());
        return vec![packet.bytes.to_vec()];
    };
    let mut outgoing =
        pieces(&packet.bytes, 0, size).expect("the first segment is a packet that can be read");
    let followers = packet.followers.iter().map(AsRef::as_ref);
    let data: Vec<&[u8]> = outgoing.slices.iter().map(AsRef::as_ref).chain(followers).collect();
    outgoing.slices = [data.concat().into()].into_iter().collect();
    core::iter::from_fn(|| outgoing.next_frame(Instant::ZERO))
        .map(|frame| frame.to_bytes().to_vec())
        .collect()
}

/// Leaves out what a super-segment does not keep: the IPv4 identification, PSH, and what depends on them; of
/// the checksum of TCP whether it is right is left.
fn comparable(mut bytes: Vec<u8>) -> Vec<u8> {
    let wrong_header = bytes[0] >> 4 == 4 && checksum::sum(&bytes[..20]) != 0xffff;
    if wrong_header {
        return bytes;
    }
    let header = IpHeader::parse(&bytes).unwrap();
    let behind = header.header_len()..header.header_len() + header.payload_len();
    if Flow::of(&bytes).unwrap().kind == Kind::Tcp {
        let tcp = &mut bytes[behind];
        let mut sum = Checksum::new();
        sum.pseudo_header(header.source(), header.destination(), IpProtocol::Tcp, tcp.len() as u32);
        sum.add(tcp);
        tcp[CHECKSUM..CHECKSUM + 2].fill(sum.is_valid().into());
        tcp[FLAGS] &= !(TcpFlags::PSH.bits() as u8);
    }
    if bytes[0] >> 4 == 4 {
        bytes[4..6].fill(0);
        bytes[10..12].fill(0);
    }
    bytes
}

fn arbitrary_specs() -> impl Strategy<Value = Vec<Spec>> {
    let step = (0u8..26, 0usize..4, 0usize..3);
    prop::collection::vec(step, 1..120).prop_map(|steps| {
        let mut next = [[1000u32, u32::MAX - 2000], [7, 8], [1, 1]];
        steps
            .into_iter()
            .map(|(what, len, kind)| {
                let (v6, udp) = (kind == 1, kind == 2);
                let port = u16::from(what % 2);
                let seq = &mut next[kind][usize::from(port)];
                let len = [100, 100, 100, 60][len];
                let mut spec = Spec { v6, udp, port, seq: *seq, len, ..PLAIN };
                match what {
                    16 => spec.flags |= TcpFlags::PSH,
                    17 => spec.flags |= TcpFlags::FIN,
                    18 => spec.timestamp = 2,
                    19 => spec.fault = 1,
                    20 => spec.fault = 2,
                    21 => spec.seq = seq.wrapping_add(50),
                    22 => spec.len = 0,
                    23 => spec.tos = 3,
                    24 => spec.flags |= TcpFlags::ECE,
                    _ => {}
                }
                *seq = spec.seq.wrapping_add(spec.len as u32);
                spec
            })
            .collect()
    })
}

/// The same by whole frames, of which some follow the one before.
fn merged_from_frames(specs: &[Spec], link: impl Fn(usize) -> [u8; 14]) -> (Vec<Packet>, usize) {
    let (mut coalescer, mut pool) = (Coalescer::default(), BlockPool::new());
    let (mut out, mut followed) = (Vec::new(), 0);
    for (i, spec) in specs.iter().enumerate() {
        let bytes = [&link(i)[..], &spec.bytes()].concat();
        let mut frame = Frame::new(bytes.into());
        if coalescer.follow(&mut frame, 14, &mut pool) {
            followed += 1;
            continue;
        }
        coalescer.note_link_header(&frame.bytes);
        out.extend(coalescer.offer(packet(frame.bytes[14..].to_vec()), &mut pool));
    }
    out.extend(coalescer.finish());
    (out, followed)
}

proptest! {
    /// DESIGN 9: against a naive segmenter.
    #[test]
    fn what_is_merged_and_cut_again_is_what_arrived(specs in arbitrary_specs()) {
        let out: Vec<Vec<u8>> = merged(&specs).iter().flat_map(cut).map(comparable).collect();
        for (v6, kind) in [(false, Kind::Tcp), (true, Kind::Tcp), (false, Kind::Udp)] {
            for port in [0, 1] {
                let of_flow = |bytes: &&Vec<u8>| {
                    let flow = Flow::of(bytes).unwrap();
                    let source = u16::from_be_bytes([flow.ports[0], flow.ports[1]]);
                    (flow.v6, flow.kind, source) == (v6, kind, port)
                };
                let came: Vec<Vec<u8>> = specs.iter().map(|spec| comparable(spec.bytes())).collect();
                let came: Vec<&Vec<u8>> = came.iter().filter(of_flow).collect();
                let went: Vec<&Vec<u8>> = out.iter().filter(of_flow).collect();
                prop_assert_eq!(came, went);
            }
        }
    }
}

proptest! {
    #[test]
    fn a_frame_that_follows_is_merged_as_its_packet_would_be(specs in arbitrary_specs()) {
        let pieces = |packets: Vec<Packet>| packets.iter().map(cut).collect::<Vec<_>>();
        let (from_frames, _) = merged_from_frames(&specs, |_| [7; 14]);
        prop_assert_eq!(pieces(from_frames), pieces(merged(&specs)));
    }
}

#[test]
fn only_a_frame_with_the_same_link_header_follows() {
    for spec in [PLAIN, DATAGRAM, Spec { v6: true, ..PLAIN }] {
        let train = [spec, next(spec), next(next(spec))];
        assert_eq!(merged_from_frames(&train, |_| [7; 14]).1, 2);
        assert_eq!(merged_from_frames(&train, |i| [i as u8 / 2; 14]).1, 1);
    }
}

fn next(spec: Spec) -> Spec {
    Spec { seq: spec.seq.wrapping_add(spec.len as u32), ..spec }
}

#[test]
fn segments_are_merged_only_when_they_are_a_train() {
    let first = PLAIN;
    let follow = next(first);
    let table: &[(&str, &[Spec], &[usize])] = &[
        ("a train", &[first, follow, next(follow)], &[3]),
        ("a shorter one ends it", &[first, Spec { len: 50, ..follow }, Spec { seq: 1150, ..first }], &[2, 1]),
        ("a longer one begins anew", &[first, Spec { len: 101, ..follow }], &[1, 1]),
        (
            "PSH ends it",
            &[first, Spec { flags: TcpFlags::ACK | TcpFlags::PSH, ..follow }, next(follow)],
            &[2, 1],
        ),
        ("a hole", &[first, Spec { seq: 1101, ..follow }], &[1, 1]),
        ("a duplicate", &[first, first], &[1, 1]),
        ("other options", &[first, Spec { timestamp: 2, ..follow }], &[1, 1]),
        ("another flow between", &[first, Spec { port: 2, ..first }, follow], &[2, 1]),
        ("FIN", &[first, Spec { flags: TcpFlags::ACK | TcpFlags::FIN, ..follow }], &[1, 1]),
        ("no data", &[first, Spec { len: 0, ..follow }], &[1, 1]),
        ("a wrong checksum", &[first, Spec { fault: 1, ..follow }, next(follow)], &[1, 1, 1]),
        ("a wrong first checksum", &[Spec { fault: 1, ..first }, follow, next(follow)], &[1, 2]),
        ("a wrong IPv4 checksum", &[first, Spec { fault: 2, ..follow }], &[1, 1]),
        ("congestion experienced", &[first, Spec { tos: 3, ..follow }, next(follow)], &[1, 1, 1]),
        ("an ECN echo", &[first, Spec { flags: TcpFlags::ACK | TcpFlags::ECE, ..follow }], &[1, 1]),
    ];
    for (what, specs, expected) in table {
        assert_eq!(&counts(specs), expected, "{what}");
    }
}

#[test]
fn datagrams_are_merged_only_with_others_of_their_size() {
    let (first, shorter) = (DATAGRAM, Spec { len: 50, ..DATAGRAM });
    let tcp = PLAIN;
    let table: &[(&str, &[Spec], &[usize])] = &[
        ("a train", &[first, first, first], &[3]),
        ("a shorter one ends it", &[first, shorter, first], &[2, 1]),
        ("a longer one begins anew", &[shorter, first, first], &[1, 2]),
        ("an empty one", &[first, Spec { len: 0, ..first }, first], &[1, 1, 1]),
        ("congestion experienced", &[first, Spec { tos: 3, ..first }], &[1, 1]),
        ("a wrong checksum", &[first, Spec { fault: 1, ..first }, first], &[1, 1, 1]),
        ("TCP of the same ports between", &[first, tcp, first, next(tcp)], &[2, 2]),
        ("another flow between", &[first, Spec { port: 2, ..first }, first], &[2, 1]),
    ];
    for v6 in [false, true] {
        for (what, specs, expected) in table {
            let specs: Vec<Spec> = specs.iter().map(|spec| Spec { v6, ..*spec }).collect();
            assert_eq!(&counts(&specs), expected, "{what}");
        }
    }
    let many = [first; 100];
    assert_eq!(counts(&many), [64, 36]);
}

/// RFC 768: a sender may leave the checksum out. RFC 9868: what follows the datagram in its packet are options.
#[test]
fn datagrams_without_a_checksum_or_with_options_pass_alone() {
    let without = |mut bytes: Vec<u8>| {
        bytes[26..28].fill(0);
        bytes
    };
    let with_options = || {
        let mut payload = crate::tests::packets::udp("192.0.2.2", "192.0.2.1", (1, 80), b"data");
        payload.extend_from_slice(&[0; 4]);
        crate::tests::packets::plain("192.0.2.2", "192.0.2.1", IpProtocol::Udp, &payload)
    };
    for bytes in [without(DATAGRAM.bytes()), with_options()] {
        let (mut coalescer, mut pool) = (Coalescer::default(), BlockPool::new());
        for _ in 0..2 {
            assert_eq!(coalescer.offer(packet(bytes.clone()), &mut pool).len(), 1);
        }
    }
}

#[test]
fn a_super_segment_has_no_more_segments_and_bytes_than_one_may_have() {
    let train = |len: usize, count: usize| {
        let specs: Vec<Spec> = (0..count).map(|i| Spec { len, seq: (i * len) as u32, ..PLAIN }).collect();
        counts(&specs)
    };
    assert_eq!(train(100, 150), [64, 64, 22]);
    assert_eq!(train(1448, 50), [45, 5], "45 times 1448 and the headers are below 65536");
}

#[test]
fn what_is_neither_tcp_nor_udp_passes_at_once() {
    let (mut coalescer, mut pool) = (Coalescer::default(), BlockPool::new());
    let mut offer = |bytes: Vec<u8>| coalescer.offer(packet(bytes), &mut pool).len();
    assert_eq!(offer(PLAIN.bytes()), 0);
    let other = crate::tests::packets::plain("192.0.2.2", "192.0.2.1", IpProtocol::Icmpv4, b"12345678");
    assert_eq!(offer(other), 1);
    for bytes in [vec![], vec![0x45], vec![0x60; 41], vec![0x45; 60]] {
        assert_eq!(offer(bytes), 1);
    }
    assert_eq!(coalescer.finish().count(), 1);
}

#[test]
fn the_list_of_what_was_merged_is_used_again() {
    let (mut coalescer, mut pool) = (Coalescer::default(), BlockPool::new());
    pool.put_followers(Vec::with_capacity(100));
    for spec in [PLAIN, next(PLAIN)] {
        assert_eq!(coalescer.offer(packet(spec.bytes()), &mut pool).len(), 0);
    }
    let merged = coalescer.finish().next().unwrap();
    assert_eq!((merged.followers.len(), merged.followers.capacity()), (1, 100));
}
