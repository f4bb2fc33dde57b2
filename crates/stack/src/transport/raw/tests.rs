use alloc::vec;
use alloc::vec::Vec;
use core::net::IpAddr;

use fathom_record::DropReason;
use fathom_wire::{EthernetHeader, Icmpv4Message, Icmpv6Message, IpHeader, IpProtocol, Ipv6Header};

use super::*;
use crate::IcmpEventKind;
use crate::tests::host::Host;
use crate::tests::packets::{icmpv4_packet, packet, plain, udp, udp_packet, v4_header};

const OURS: &str = "192.0.2.1";
const THEIRS: &str = "192.0.2.2";
/// A protocol that the stack does not know (IANA: for experiments, RFC 3692).
const EXPERIMENT: IpProtocol = IpProtocol::Unknown(253);

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn open(host: &mut Host, protocol: IpProtocol) -> RawId {
    host.stack.raw_open(host.now, Family::V4, protocol)
}

fn set(host: &mut Host, id: RawId, change: impl FnOnce(&mut RawOptions)) -> Result<(), RawError> {
    let mut raw = host.stack.raw(host.now, id).unwrap();
    let mut options = raw.options().unwrap();
    change(&mut options);
    raw.set_options(options)
}

fn send(host: &mut Host, id: RawId, data: &[u8], to: &str) -> Result<Vec<Vec<u8>>, RawError> {
    host.stack.raw(host.now, id).unwrap().send_to(data, ip(to))?;
    Ok(host.sent().iter().map(|frame| frame[EthernetHeader::LEN..].to_vec()).collect())
}

fn received(host: &mut Host, id: RawId) -> Vec<Bytes> {
    let mut raw = host.stack.raw(host.now, id).unwrap();
    core::iter::from_fn(|| raw.recv().ok()).map(|packet| packet.data).collect()
}

#[test]
fn a_protocol_that_only_a_raw_socket_knows_is_no_error() {
    let packet = plain(THEIRS, OURS, EXPERIMENT, b"data");
    let mut host = Host::new().knows_neighbour();
    assert_eq!(host.receive_packet(&packet).len(), 1, "protocol unreachable");
    let id = open(&mut host, EXPERIMENT);
    let other = open(&mut host, IpProtocol::Unknown(254));
    assert_eq!(host.receive_packet(&packet), Vec::<Bytes>::new());
    assert_eq!(received(&mut host, id), std::slice::from_ref(&packet), "with its header");
    assert_eq!(received(&mut host, other), Vec::<Bytes>::new());
    assert_eq!(host.drops(), [(DropReason::UnknownProtocol, 1)]);
    host.stack.raw(host.now, id).unwrap().close();
    assert_eq!(host.receive_packet(&packet).len(), 1);
    assert_eq!(host.stack.memory_in_use(), 0);
}

#[test]
fn a_raw_socket_takes_nothing_away_from_others() {
    let mut host = Host::new().knows_neighbour();
    let (first, second) = (open(&mut host, IpProtocol::Udp), open(&mut host, IpProtocol::Udp));
    let socket = host.stack.udp_bind(host.now, "0.0.0.0:7".parse().unwrap()).unwrap();
    let packet = udp_packet(THEIRS, OURS, (9, 7), b"x");
    host.receive_packet(&packet);
    assert_eq!(host.stack.udp(host.now, socket).unwrap().recv().unwrap().data, &b"x"[..]);
    assert_eq!([first, second].map(|id| received(&mut host, id)), [vec![packet.clone()], vec![packet]]);
    let nobody = udp_packet(THEIRS, OURS, (9, 8), b"x");
    assert_eq!(host.receive_packet(&nobody).len(), 1, "port unreachable as before");
}

#[test]
fn segments_are_read_one_by_one() {
    let mut host = Host::new();
    let id = open(&mut host, IpProtocol::Udp);
    let packets =
        [b"one", b"two"].map(|data| crate::tests::packets::frame(&udp_packet(THEIRS, OURS, (9, 7), data)));
    host.receive_batch(packets);
    assert_eq!(received(&mut host, id).len(), 2);
}

/// RFC 791 3.2: what came in fragments is read whole, under a header that says so.
#[test]
fn fragments_are_read_whole() {
    let datagram = udp(THEIRS, OURS, (9, 7), &[5; 100]);
    let mut host = Host::new();
    let id = open(&mut host, IpProtocol::Udp);
    for (offset, part) in [(0, &datagram[..64]), (64, &datagram[64..])] {
        let mut header = v4_header(THEIRS, OURS, IpProtocol::Udp, part.len());
        (header.fragment_offset, header.more_fragments) = (offset, offset == 0);
        host.receive_packet(&packet(header, part));
    }
    assert_eq!(received(&mut host, id), [udp_packet(THEIRS, OURS, (9, 7), &[5; 100])]);
}

#[test]
fn what_is_sent_gets_a_header_and_nothing_else() {
    let mut host = Host::new().knows_neighbour();
    let id = open(&mut host, EXPERIMENT);
    set(&mut host, id, |options| (options.hop_limit, options.dscp) = (9, 46)).unwrap();
    let sent = send(&mut host, id, b"data", THEIRS).unwrap();
    let IpHeader::V4(header) = IpHeader::parse(&sent[0]).unwrap() else { panic!("of IPv4") };
    assert_eq!((header.hop_limit, header.dscp, header.protocol), (9, 46, EXPERIMENT));
    assert_eq!(&sent[0][20..], b"data");
    assert_eq!(send(&mut host, id, &[7; 3000], THEIRS).unwrap().len(), 3, "cut into fragments");
    assert_eq!(send(&mut host, id, &[7; 65516], THEIRS), Err(RawError::TooLarge));
    assert_eq!(send(&mut host, id, b"x", "2001:db8::2"), Err(RawError::BadDestination));
    assert_eq!(send(&mut host, id, b"x", "203.0.113.1"), Err(RawError::NetworkUnreachable));
    assert_eq!(send(&mut host, id, b"x", "192.0.2.255"), Err(RawError::BroadcastDenied));
    set(&mut host, id, |options| options.broadcast = true).unwrap();
    send(&mut host, id, b"x", "192.0.2.255").unwrap();
    assert_eq!(host.stack.memory_in_use(), 0);
}

/// The program's header goes as it is, but for what Linux fills in too.
#[test]
fn a_header_can_be_included() {
    let mut host = Host::new().knows_neighbour();
    let id = open(&mut host, EXPERIMENT);
    set(&mut host, id, |options| options.header_included = true).unwrap();
    let mut header = v4_header("203.0.113.9", THEIRS, IpProtocol::Unknown(99), 4);
    header.identification = 0x1234;
    let whole = packet(header, b"data");
    let mut careless = whole.clone();
    careless[2..4].fill(0);
    careless[10..12].fill(7);
    for data in [&whole, &careless] {
        assert_eq!(send(&mut host, id, data, THEIRS).unwrap(), std::slice::from_ref(&whole));
    }
    let mut empty = whole.clone();
    empty[4..6].fill(0);
    empty[12..16].fill(0);
    let sent = send(&mut host, id, &empty, THEIRS).unwrap();
    assert_eq!(sent[0][12..16], [192, 0, 2, 1]);
    assert_ne!(sent[0][4..6], [0, 0]);
    for broken in [&[][..], &[0x45; 19], &[0x65; 40], &[0x4f; 40]] {
        assert_eq!(send(&mut host, id, broken, THEIRS), Err(RawError::BadHeader), "{broken:x?}");
    }
    assert_eq!(send(&mut host, id, &[0x45; 1501], THEIRS), Err(RawError::TooLarge));
}

#[test]
fn a_socket_hears_the_addresses_interface_and_types_that_it_names() {
    let echo = |sequence| {
        let reply = Icmpv4Message::EchoReply { identifier: 1, sequence, data: b"x" };
        icmpv4_packet(THEIRS, OURS, &reply)
    };
    type Change = fn(&mut RawOptions);
    let table: &[(Change, usize)] = &[
        (|_| {}, 1),
        (|options| options.remote = Some(ip(THEIRS)), 1),
        (|options| options.remote = Some(ip("192.0.2.3")), 0),
        (|options| options.local = Some(ip(OURS)), 1),
        (|options| options.interface = Some(InterfaceId(1)), 1),
        (|options| options.icmp_types = TypeFilter::only(&[0]), 1),
        (|options| options.icmp_types = TypeFilter::only(&[3, 11, 128]), 0),
        (|options| options.icmp_types = TypeFilter::NONE.with(0), 1),
    ];
    for (number, (change, expected)) in table.iter().enumerate() {
        let mut host = Host::new();
        let id = open(&mut host, IpProtocol::Icmpv4);
        set(&mut host, id, change).unwrap();
        host.receive_packet(&echo(7));
        assert_eq!(received(&mut host, id).len(), *expected, "{number}");
        let unmatched = u64::from(*expected == 0);
        assert_eq!(host.stack.counters().dropped(DropReason::IcmpUnmatched), unmatched);
    }
    let mut host = Host::new();
    let id = open(&mut host, IpProtocol::Icmpv4);
    let wrong: &[Change] = &[
        |options| options.local = Some(ip("192.0.2.99")),
        |options| options.local = Some(ip("2001:db8::1")),
        |options| options.remote = Some(ip("2001:db8::2")),
        |options| options.interface = Some(InterfaceId(9)),
    ];
    for change in wrong {
        assert_eq!(set(&mut host, id, change), Err(RawError::BadDestination));
    }
}

/// RFC 3542 3 and 3.1: of IPv6 a program sees what follows the headers, and the stack sums ICMPv6.
#[test]
fn icmpv6_comes_without_header_and_leaves_with_its_checksum() {
    let mut host = Host::new().knows_neighbour();
    let id = host.stack.raw_open(host.now, Family::V6, IpProtocol::Icmpv6);
    let request = [128, 0, 0xde, 0xad, 0, 1, 0, 2, b'x'];
    let sent = send(&mut host, id, &request, "2001:db8::2").unwrap();
    let (source, destination) = ("2001:db8::1".parse().unwrap(), "2001:db8::2".parse().unwrap());
    let message = Icmpv6Message::parse(source, destination, &sent[0][Ipv6Header::LEN..]);
    assert_eq!(message, Ok(Icmpv6Message::EchoRequest { identifier: 1, sequence: 2, data: b"x" }));
    let reply = Icmpv6Message::EchoReply { identifier: 1, sequence: 2, data: b"x" };
    let mut bytes = vec![0; reply.len()];
    reply.emit(destination, source, &mut bytes);
    host.receive_packet(&plain("2001:db8::2", "2001:db8::1", IpProtocol::Icmpv6, &bytes));
    assert_eq!(received(&mut host, id), [bytes]);
    for short in [&[128][..], &[128, 0, 1]] {
        send(&mut host, id, short, "2001:db8::2").unwrap();
    }
}

#[test]
fn what_nobody_reads_is_bounded_and_counted() {
    let mut host = Host::new();
    let id = open(&mut host, EXPERIMENT);
    set(&mut host, id, |options| options.receive_buffer = 1000).unwrap();
    let packet = plain(THEIRS, OURS, EXPERIMENT, &[0; 100]);
    for _ in 0..5 {
        host.receive_packet(&packet);
    }
    assert_eq!(received(&mut host, id).len(), 2, "two of 376 bytes fit");
    assert_eq!(host.stack.raw(host.now, id).unwrap().dropped(), 3);
    assert_eq!(host.drops(), [(DropReason::RawBufferFull, 3)]);
    set(&mut host, id, |options| options.send_buffer = 1000).unwrap();
    assert_eq!(send(&mut host, id, &[0; 900], "192.0.2.9"), Err(RawError::TooLarge));
    let mut raw = host.stack.raw(host.now, id).unwrap();
    raw.send_to(&[0; 500], ip("192.0.2.9")).unwrap();
    assert_eq!(raw.send_to(&[0; 500], ip("192.0.2.9")), Err(RawError::WouldBlock));
    raw.close();
    assert!(host.stack.raw(host.now, id).is_none());
    assert_eq!(host.sent().len(), 1, "what was sent before still leaves, as a question for its next hop");
}

/// A ping's answer has the time at which it came.
#[test]
fn an_answer_to_an_echo_request_tells_when_it_came() {
    let mut pair = crate::tests::Pair::new();
    let to = pair.b.v4;
    let id = pair.a.stack.icmp_open(pair.now, Family::V4, None).unwrap();
    pair.a.stack.icmp(pair.now, id).unwrap().send_echo(to, 1, b"x", None).unwrap();
    let sent_at = pair.now;
    pair.drive_for(core::time::Duration::from_secs(1));
    let event = pair.a.stack.icmp(pair.now, id).unwrap().recv().unwrap();
    assert_eq!(event.kind, IcmpEventKind::EchoReply);
    assert_eq!(event.received_at - sent_at, 4 * pair.latency, "a round trip for the neighbour, and one");
}
