//! Frames that nobody should send.

use core::time::Duration;

use bytes::Bytes;
use fathom_record::DropReason;
use fathom_wire::{Checksum, IpHeader, IpProtocol, NdpMessage, SeqNumber, TcpFlags, TcpHeader, TcpOptions};
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use std::vec::Vec;

use super::host::{Host, arp, arp_frame};
use super::packets::{OURS, advertisement, frame, packet, plain, tcp_packet, udp, udp_packet, v4_header};
use crate::{Config, Family, TcpListen};

/// Frames of every kind that the stack understands, to be changed at random.
fn corpus() -> Vec<Vec<u8>> {
    use fathom_wire::{ArpOperation, Icmpv4Message, Icmpv6Message};
    let ours = udp_packet("192.0.2.1", "192.0.2.2", (7, 9), &[3; 40]);
    let unreachable = Icmpv4Message::DestinationUnreachable { code: 4, next_hop_mtu: 500, invoking: &ours };
    let ours6 = udp_packet("2001:db8::1", "2001:db8::2", (7, 9), &[3; 40]);
    let too_big = Icmpv6Message::PacketTooBig { mtu: 1280, invoking: &ours6 };
    let echo = Icmpv4Message::EchoRequest { identifier: 1, sequence: 1, data: &[1; 30] };
    let echo6 = Icmpv6Message::EchoRequest { identifier: 1, sequence: 1, data: &[1; 30] };
    let options = fathom_wire::internet::ndp::NdpOptionBuffer::new();
    let target = "2001:db8::1".parse().unwrap();
    let solicitation = NdpMessage::NeighborSolicitation { target, options: options.options() };
    let datagram = udp("192.0.2.2", "192.0.2.1", (1, 7), &[5; 64]);
    let mut fragment = v4_header("192.0.2.2", "192.0.2.1", IpProtocol::Udp, 40);
    (fragment.more_fragments, fragment.identification) = (true, 9);
    let fragment6 = [&[17, 0, 0, 1, 0, 0, 0, 9][..], &datagram[..40]].concat();
    let options6 = [&[17, 0, 5, 2, 0, 0, 1, 0][..], &datagram].concat();
    let mut frames: Vec<Vec<u8>> = [
        udp_packet("192.0.2.2", "192.0.2.1", (1, 7), &[5; 64]),
        udp_packet("2001:db8::2", "2001:db8::1", (1, 7), &[5; 64]),
        udp_packet("192.0.2.2", "198.51.100.1", (1, 7), &[5; 64]),
        super::packets::icmpv4_packet("192.0.2.2", "192.0.2.1", &unreachable),
        super::packets::icmpv6_packet("2001:db8::2", "2001:db8::1", &too_big),
        super::packets::icmpv4_packet("192.0.2.2", "192.0.2.1", &echo),
        super::packets::icmpv6_packet("2001:db8::2", "2001:db8::1", &echo6),
        super::packets::icmpv6_packet("2001:db8::2", "2001:db8::1", &Icmpv6Message::Ndp(solicitation)),
        advertisement("2001:db8::2", "2001:db8::1", true),
        packet(fragment, &datagram[..40]),
        plain("2001:db8::2", "2001:db8::1", IpProtocol::Ipv6Fragment, &fragment6),
        plain("2001:db8::2", "2001:db8::1", IpProtocol::HopByHop, &options6),
    ]
    .iter()
    .chain(&tcp_segments())
    .map(|packet| frame(packet).to_vec())
    .collect();
    frames.push(arp_frame(OURS, &arp(ArpOperation::Request, "192.0.2.1")).to_vec());
    frames.push(arp_frame(OURS, &arp(ArpOperation::Reply, "192.0.2.1")).to_vec());
    frames
}

/// A SYN, data, a FIN and a reset, to a listener on port 80.
fn tcp_segments() -> Vec<Vec<u8>> {
    let segment = |flags, seq: u32, data: &[u8]| {
        let header = TcpHeader {
            source_port: 1000,
            destination_port: 80,
            seq: SeqNumber(seq),
            ack: SeqNumber(0),
            flags,
            window: 1000,
            urgent: 0,
            options: TcpOptions { mss: Some(1460), window_scale: Some(7), ..TcpOptions::default() },
        };
        tcp_packet("192.0.2.2", "192.0.2.1", &header, data)
    };
    let (syn, ack, fin) = (TcpFlags::SYN, TcpFlags::ACK, TcpFlags::FIN);
    std::vec![
        segment(syn, 100, b""),
        segment(syn | ack, 100, b""),
        segment(ack, 101, &[7; 100]),
        segment(ack | fin, 201, b""),
        segment(TcpFlags::RST, 101, b""),
    ]
}

/// Makes the checksum of a TCP segment behind a plain IPv4 header right.
fn fix_tcp_checksum(frame: &mut [u8]) {
    if frame.len() < 54 || frame[23] != 6 || frame[14] != 0x45 {
        return;
    }
    let Ok(IpHeader::V4(ip)) = IpHeader::parse(&frame[14..]) else { return };
    let end = 34 + usize::from(ip.payload_len);
    if end < 54 {
        return;
    }
    frame[50..52].fill(0);
    let mut sum = Checksum::new();
    let len = ip.payload_len.into();
    sum.pseudo_header(ip.source.into(), ip.destination.into(), IpProtocol::Tcp, len);
    sum.add(&frame[34..end]);
    frame[50..52].copy_from_slice(&sum.finish().to_be_bytes());
}

/// Changes a few bytes, and makes the IPv4 header checksum right again now and then, so that the change gets
/// past it.
fn mutate(frame: &mut Vec<u8>, random: &mut Xoshiro256PlusPlus) {
    for _ in 0..random.next_u32() % 4 {
        let at = random.next_u32() as usize % frame.len();
        frame[at] = match random.next_u32() % 4 {
            0 => 0,
            1 => 0xff,
            2 => frame[at] ^ (1 << (random.next_u32() % 8)),
            _ => random.next_u32() as u8,
        };
    }
    match random.next_u32() % 8 {
        0 => frame.truncate(random.next_u32() as usize % (frame.len() + 1)),
        1 => frame.extend_from_slice(&[0xaa; 9]),
        _ => {}
    }
    let len = frame.get(14).map_or(0, |byte| usize::from(byte & 15) * 4);
    if random.next_u32().is_multiple_of(2)
        && frame.get(12..14) == Some(&[8, 0])
        && len >= 20
        && frame.len() >= 14 + len
    {
        frame[24..26].fill(0);
        let sum = !fathom_wire::checksum::sum(&frame[14..14 + len]);
        frame[24..26].copy_from_slice(&sum.to_be_bytes());
        fix_tcp_checksum(frame);
    }
}

/// DESIGN 4, rules 5 and 6.
#[test]
fn mutated_frames_neither_panic_nor_grow_the_stack() {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(9);
    let mut config = Config { forwarding: true, memory_limit: 1 << 20, ..Config::default() };
    config.internet.duplicate_address_transmits = 1;
    let mut host = Host::with(config);
    let corpus = corpus();
    host.stack.udp_bind(host.now, "[::]:7".parse().unwrap()).unwrap();
    host.stack.icmp_open(host.now, Family::V4, Some(1)).unwrap();
    let listen = TcpListen { backlog: 4, ..TcpListen::at("192.0.2.1:80".parse().unwrap()) };
    let listener = host.stack.tcp_listen(host.now, listen).unwrap();
    for round in 0..40_000 {
        let together = 1 + random.next_u32() % 4;
        let frames: Vec<Bytes> = (0..together)
            .map(|_| {
                let mut frame = corpus[random.next_u32() as usize % corpus.len()].clone();
                mutate(&mut frame, &mut random);
                frame.into()
            })
            .collect();
        host.receive_batch(frames);
        assert!(host.stack.memory_in_use() <= 1 << 20);
        if round % 100 == 0 {
            host.pass(Duration::from_millis(200));
            if let Some(id) = host.stack.tcp_accept(host.now, listener) {
                host.stack.tcp(host.now, id).unwrap().close();
            }
        }
    }
    let counters = host.stack.counters();
    assert!(counters.drops().count() > 15, "many rules were met: {:?}", counters.drops().collect::<Vec<_>>());
    assert!(counters.udp_received > 0 && counters.frames_transmitted > 1000);
    host.pass(Duration::from_secs(1000));
    assert!(host.stack.poll_timeout().is_none(), "no timer is left when nothing is left to do");
}

/// "LAND" (CERT CA-1997-28): a SYN that says to come from where it goes, or from nobody, or from everybody
/// (RFC 1122 3.2.1.3, RFC 1812 5.3.7).
#[test]
fn a_segment_that_says_to_come_from_ourselves_is_dropped_and_not_answered() {
    let mut host = Host::new().knows_neighbour();
    let listen = TcpListen::at("192.0.2.1:80".parse().unwrap());
    let listener = host.stack.tcp_listen(host.now, listen).unwrap();
    let sources = ["192.0.2.1", "127.0.0.1", "192.0.2.255", "255.255.255.255", "224.0.0.1", "0.0.0.0"];
    for (number, source) in (1..).zip(sources) {
        for flags in [TcpFlags::SYN, TcpFlags::SYN | TcpFlags::ACK, TcpFlags::ACK, TcpFlags::RST] {
            let header = TcpHeader {
                source_port: 80,
                destination_port: 80,
                seq: SeqNumber(100),
                ack: SeqNumber(100),
                flags,
                window: 1000,
                urgent: 0,
                options: TcpOptions::default(),
            };
            let answers = host.receive_packet(&tcp_packet(source, "192.0.2.1", &header, b""));
            assert!(answers.is_empty(), "{source} {flags:?}");
        }
        assert_eq!(host.drops(), [(DropReason::IpBadSource, 4 * number)], "{source}");
    }
    assert!(host.stack.tcp_accept(host.now, listener).is_none());
    assert_eq!(host.stack.memory_in_use(), 0);
}
