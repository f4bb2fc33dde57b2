//! ARP and neighbour discovery, byte for byte, and what waits for them.

use core::time::Duration;
use std::vec::Vec;

use bytes::Bytes;
use fathom_record::DropReason;
use fathom_wire::{ArpOperation, EthernetAddress};

use super::host::{Host, arp, arp_frame};
use super::packets::{OURS, THEIRS, advertisement, frame, frame_to, udp_packet};
use crate::{Config, Counters, TcpConnect, TcpError, TcpOptions};

/// No frame.
const NOTHING: [Bytes; 0] = [];

/// Bytes from hexadecimal digits; whatever else is there is for the reader.
fn hex(text: &str) -> Bytes {
    let digits: Vec<u8> = text.chars().filter_map(|c| c.to_digit(16)).map(|d| d as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect::<Vec<u8>>().into()
}

fn udp_to(host: &mut Host, local: &str, remote: &str, data: &[u8]) {
    let socket = host.stack.udp_bind(host.now, local.parse().unwrap()).unwrap();
    host.stack.udp(host.now, socket).unwrap().send_to(data, remote.parse().unwrap()).unwrap();
}

#[test]
fn an_arp_request_is_answered_byte_for_byte() {
    let request = hex("ffffffffffff 020000000002 0806 0001 0800 06 04 0001
        020000000002 c0000202 000000000000 c0000201");
    let reply = hex("020000000002 020000000001 0806 0001 0800 06 04 0002
        020000000001 c0000201 020000000002 c0000202");
    // RFC826-R4, RFC1122-R6
    assert_eq!(Host::new().receive(request), [reply]);
}

/// The question once a second at most, and the packets in their order at the answer.
#[test]
fn packets_wait_for_the_arp_reply() {
    let mut host = Host::new();
    udp_to(&mut host, "192.0.2.1:9", "192.0.2.2:9", b"one");
    let question = hex("ffffffffffff 020000000001 0806 0001 0800 06 04 0001
        020000000001 c0000201 000000000000 c0000202");
    assert_eq!(host.sent(), *std::slice::from_ref(&question));
    udp_to(&mut host, "192.0.2.1:10", "192.0.2.2:9", b"two");
    assert_eq!(host.sent(), NOTHING, "it has been asked for already");
    // RFC1122-R3
    assert_eq!(host.pass(Duration::from_millis(1500)), [(1001, question)]);

    let answer = hex("020000000001 020000000002 0806 0001 0800 06 04 0002
        020000000002 c0000202 020000000001 c0000201");
    let sent = host.receive(answer);
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0][..14], hex("020000000002 020000000001 0800")[..]);
    // RFC1122-R5
    assert!(sent[0].ends_with(b"one") && sent[1].ends_with(b"two"));
}

/// A stranger is learned only when the packet is for us; what is known is updated.
#[test]
fn arp_teaches_as_rfc_826_says() {
    let mut host = Host::new();
    let elsewhere = arp_frame(EthernetAddress::BROADCAST, &arp(ArpOperation::Request, "192.0.2.77"));
    assert_eq!(host.receive(elsewhere), NOTHING);
    udp_to(&mut host, "192.0.2.1:9", "192.0.2.2:9", b"x");
    // RFC826-R3
    assert_eq!(host.sent()[0][12..14], [8, 6], "the sender was not learned, so it is asked for");

    let mut host = Host::new();
    host.receive(arp_frame(EthernetAddress::BROADCAST, &arp(ArpOperation::Request, "192.0.2.1")));
    udp_to(&mut host, "192.0.2.1:9", "192.0.2.2:9", b"x");
    // RFC826-R3
    assert_eq!(host.sent()[0][..6], THEIRS.0, "the sender of a question to us was learned");

    let mut moved = arp(ArpOperation::Request, "192.0.2.77");
    moved.sender_hardware = EthernetAddress([2, 0, 0, 0, 0, 9]);
    host.receive(arp_frame(EthernetAddress::BROADCAST, &moved));
    udp_to(&mut host, "192.0.2.1:10", "192.0.2.2:9", b"x");
    // RFC826-R2
    assert_eq!(host.sent()[0][..6], [2, 0, 0, 0, 0, 9], "its new link address was learned in passing");
}

/// We keep the address and say so, at most once in ten seconds.
#[test]
fn an_address_in_use_is_defended_once_in_ten_seconds() {
    let mut host = Host::new();
    let mut conflict = arp(ArpOperation::Request, "192.0.2.1");
    conflict.sender_protocol = [192, 0, 2, 1].into();
    let conflict = arp_frame(EthernetAddress::BROADCAST, &conflict);
    let announcement = hex("ffffffffffff 020000000001 0806 0001 0800 06 04 0001
        020000000001 c0000201 000000000000 c0000201");
    // RFC5227-R8
    assert_eq!(host.receive(conflict.clone()), *std::slice::from_ref(&announcement));
    // RFC5227-R8
    assert_eq!(host.receive(conflict.clone()), NOTHING);
    host.pass(Duration::from_secs(10));
    assert_eq!(host.receive(conflict), [announcement]);
    assert_eq!(host.stack.counters().address_conflicts, 3);
}

/// Solicited, override, from the target, with its link address.
#[test]
fn a_neighbour_solicitation_is_answered_byte_for_byte() {
    // From 2001:db8::2 to ff02::1:ff00:1 for 2001:db8::1, with the source's link address.
    let solicitation = hex("3333ff000001 020000000002 86dd 6000 0000 0020 3a ff
        20010db8 00000000 00000000 00000002  ff020000 00000000 00000001 ff000001
        87 00 1c27 00000000 20010db8 00000000 00000000 00000001 01 01 020000000002");
    let advertisement = hex("020000000002 020000000001 86dd");
    let sent = Host::new().receive(solicitation);
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0][..14], advertisement[..]);
    // Behind the flow label: length, protocol, hop limit, addresses, message.
    let expected = hex("0020 3a ff
        20010db8 00000000 00000000 00000001 20010db8 00000000 00000000 00000002
        88 00 8a73 60000000 20010db8 00000000 00000000 00000001 02 01 020000000001");
    // RFC4861-R18
    assert_eq!(sent[0][18..], expected[..]);
}

/// By multicast to the solicited-node group, with our link address.
#[test]
fn packets_wait_for_the_neighbour_advertisement() {
    let mut host = Host::new();
    udp_to(&mut host, "[2001:db8::1]:9", "[2001:db8::2]:9", b"one");
    let question = host.sent();
    assert_eq!(question.len(), 1);
    assert_eq!(question[0][..14], hex("3333ff000002 020000000001 86dd")[..]);
    let expected = hex("0020 3a ff
        20010db8 00000000 00000000 00000001 ff020000 00000000 00000001 ff000002
        87 00 1c27 00000000 20010db8 00000000 00000000 00000002 01 01 020000000001");
    // RFC4861-R10, RFC4291-R2
    assert_eq!(question[0][18..], expected[..]);

    let answer = advertisement("2001:db8::2", "2001:db8::1", true);
    let sent = host.receive(frame(&answer));
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0][..6], THEIRS.0);
    // RFC4861-R9
    assert!(sent[0].ends_with(b"one"));
}

/// DESIGN 3: bounded, and the oldest leaves; others are not held up.
#[test]
fn a_neighbour_that_does_not_answer_holds_few_packets_and_holds_up_nobody() {
    let mut host = Host::new().knows_neighbour();
    let socket = host.stack.udp_bind(host.now, "192.0.2.1:9".parse().unwrap()).unwrap();
    let mut udp = host.stack.udp(host.now, socket).unwrap();
    for i in 0..20u8 {
        udp.send_to(&[i], "192.0.2.99:9".parse().unwrap()).unwrap();
    }
    udp.send_to(b"for another", "192.0.2.2:9".parse().unwrap()).unwrap();
    let sent = host.sent();
    assert_eq!(sent.len(), 2, "the question, and the datagram for the other");
    assert!(sent[1].ends_with(b"for another"));
    let held = host.stack.config().link.packets_per_neighbour as u64;
    assert_eq!(host.drops(), [(DropReason::NeighbourQueueFull, 20 - held)]);

    let mut answer = arp(ArpOperation::Reply, "192.0.2.1");
    answer.sender_protocol = [192, 0, 2, 99].into();
    let sent = host.receive(arp_frame(OURS, &answer));
    let last: Vec<u8> = sent.iter().map(|frame| *frame.last().unwrap()).collect();
    assert_eq!(last, [12, 13, 14, 15, 16, 17, 18, 19], "the latest are kept");
    assert_eq!(host.stack.memory_in_use(), 0);
}

#[test]
fn what_waits_for_a_neighbour_counts_against_the_memory_limit() {
    let mut config = Config { memory_limit: 4800, ..Config::default() };
    config.datagram.overhead = 0;
    let mut host = Host::with(config);
    for _ in 0..8 {
        udp_to(&mut host, "192.0.2.1:0", "192.0.2.99:9", &[0; 600]);
        host.sent();
        assert!(host.stack.memory_in_use() <= 4800);
    }
    let dropped = |counters: &Counters| counters.dropped(DropReason::MemoryLimit);
    assert!(dropped(host.stack.counters()) > 0);
    host.pass(Duration::from_secs(10));
    assert_eq!(host.stack.memory_in_use(), 0);
}

/// A stale neighbour is used at once, asked by unicast after five seconds, and forgotten when it
/// does not answer.
#[test]
fn a_stale_neighbour_is_used_then_probed_then_forgotten() {
    let mut host = Host::new().knows_neighbour();
    udp_to(&mut host, "192.0.2.1:9", "192.0.2.2:9", b"x");
    assert_eq!(host.sent()[0][..6], THEIRS.0);
    let probes = host.pass(Duration::from_secs(20));
    let times: Vec<u64> = probes.iter().map(|(millis, _)| *millis).collect();
    // RFC4861-R15, RFC1122-R25
    assert_eq!(times, [5001, 6001, 7001]);
    assert!(probes.iter().all(|(_, frame)| frame[..6] == THEIRS.0 && frame[12..14] == [8, 6]));
    udp_to(&mut host, "192.0.2.1:10", "192.0.2.2:9", b"x");
    // RFC1122-R2
    assert_eq!(host.sent()[0][..6], EthernetAddress::BROADCAST.0, "it is asked for anew");
}

#[test]
fn a_tentative_address_is_probed_and_not_used_before_nobody_objects() {
    for objection in [false, true] {
        let mut config = Config::default();
        config.internet.duplicate_address_transmits = 1;
        config.internet.link_local = false;
        let mut host = Host::with(config);
        assert!(!host.stack.addresses(host.eth0).any(|address| address.address().is_ipv6()));
        let probes = host.pass(Duration::from_secs(1));
        assert_eq!(probes.len(), 1);
        let frame = &probes[0].1;
        assert_eq!(frame[..6], hex("3333ff000001")[..]);
        let expected = hex("0018 3a ff
            00000000 00000000 00000000 00000000 ff020000 00000000 00000001 ff000001
            87 00 4ced 00000000 20010db8 00000000 00000000 00000001");
        // RFC4862-R2
        assert_eq!(frame[18..], expected[..]);
        if objection {
            let claim = advertisement("2001:db8::1", "ff02::1", false);
            host.receive(frame_to(EthernetAddress([0x33, 0x33, 0, 0, 0, 1]), &claim));
        }
        host.pass(Duration::from_secs(5));
        let usable = host.stack.addresses(host.eth0).any(|address| address.address().is_ipv6());
        // RFC4862-R3, RFC4862-R5
        assert_eq!(usable, !objection);
        let asks = udp_packet("2001:db8::2", "2001:db8::1", (1, 1), b"");
        assert_eq!(
            host.receive_packet(&asks).is_empty(),
            objection,
            "it answers when the address is its own"
        );
    }
}

/// DESIGN 3: TCP data is not pulled towards an unresolved next hop.
#[test]
fn a_connection_waits_in_its_socket_for_the_next_hop_and_is_told_when_it_does_not_answer() {
    let connect = |host: &mut Host| {
        let remote = "192.0.2.2:80".parse().unwrap();
        let connect = TcpConnect { remote, local: None, options: TcpOptions::default() };
        host.stack.tcp_connect(host.now, connect).unwrap()
    };
    let mut host = Host::new();
    connect(&mut host);
    assert_eq!(host.sent().len(), 1, "the question");
    assert_eq!(host.stack.memory_in_use(), 0, "no segment waits anywhere");
    let sent = host.receive(arp_frame(OURS, &arp(ArpOperation::Reply, "192.0.2.1")));
    assert_eq!(sent.len(), 1);
    assert_eq!((&sent[0][..6], sent[0][14 + 20 + 13]), (&THEIRS.0[..], 2), "the SYN, once");

    let mut host = Host::new();
    let id = connect(&mut host);
    host.sent();
    assert_eq!(host.pass(Duration::from_millis(2999)).len(), 2, "two more questions");
    assert_eq!(host.stack.tcp(host.now, id).unwrap().take_error(), None);
    host.pass(Duration::from_millis(2));
    assert_eq!(host.stack.tcp(host.now, id).unwrap().take_error(), Some(TcpError::HostUnreachable));
}
