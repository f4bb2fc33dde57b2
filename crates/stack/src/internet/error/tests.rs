use core::time::Duration;

use alloc::vec;
use alloc::vec::Vec;
use fathom_wire::{EthernetAddress, EthernetHeader};

use super::*;
use crate::Config;
use crate::tests::host::Host;
use crate::tests::packets::{
    frame, frame_to, icmpv4_packet, icmpv6_packet, packet, udp, udp_packet, v4_header,
};

/// Whether a host answers a frame with an ICMP error.
fn is_answered(frame: Bytes) -> bool {
    let mut host = Host::new().knows_neighbour();
    !host.receive(frame).is_empty()
}

#[test]
fn errors_are_sent_only_where_the_rules_allow_them() {
    let group = EthernetAddress([0x33, 0x33, 0, 0, 0, 1]);
    let to = |destination| udp_packet("192.0.2.2", destination, (1, 1), b"x");
    let to6 = |destination| udp_packet("2001:db8::2", destination, (1, 1), b"x");
    assert!(is_answered(frame(&to("192.0.2.1"))));
    assert!(is_answered(frame(&to6("2001:db8::1"))));
    // RFC1122-R42
    assert!(!is_answered(frame(&to("192.0.2.255"))), "directed broadcast");
    assert!(!is_answered(frame(&to("255.255.255.255"))), "limited broadcast");
    // RFC1122-R42
    assert!(!is_answered(frame_to(EthernetAddress::BROADCAST, &to("192.0.2.255"))), "link broadcast");
    // RFC1122-R42
    assert!(!is_answered(frame(&to("224.0.0.1"))), "group");
    // RFC4443-R4
    assert!(!is_answered(frame_to(group, &to6("ff02::1"))), "group");
    let dhcp = udp_packet("0.0.0.0", "255.255.255.255", (68, 67), b"x");
    // RFC1122-R42
    assert!(!is_answered(frame_to(EthernetAddress::BROADCAST, &dhcp)), "no single source");
}

#[test]
fn no_error_is_sent_about_an_error() {
    // An unknown protocol inside would draw an error; an ICMP error of an unknown kind must not.
    let error = Icmpv4Message::Unknown { kind: 42, code: 0, rest: [0; 4], body: &[0; 28] };
    // RFC1122-R40, RFC1122-R41
    assert!(!is_answered(frame(&icmpv4_packet("192.0.2.2", "192.0.2.1", &error))));

    let mut host = Host::new().knows_neighbour();
    let (now, eth0) = (host.now, host.eth0);
    let mut answers = |packet: Vec<u8>| {
        let crate::stack::Parts { mut cx, internet, .. } = host.stack.parts(now);
        let packet = Bytes::from(packet);
        let invoking = Invoking { packet: &packet, interface: eth0, broadcast: false, cause: None };
        icmp_error(&mut cx, internet, invoking, Problem::HopLimit).is_some()
    };
    let exceeded = Icmpv4Message::TimeExceeded { code: 0, invoking: &[0; 28] };
    let request = Icmpv4Message::EchoRequest { identifier: 1, sequence: 1, data: &[] };
    // RFC1122-R41
    assert!(!answers(icmpv4_packet("192.0.2.2", "198.51.100.1", &exceeded)));
    assert!(answers(icmpv4_packet("192.0.2.2", "198.51.100.1", &request)));
    let exceeded = Icmpv6Message::TimeExceeded { code: 0, invoking: &[0; 48] };
    let redirect = Icmpv6Message::Unknown { kind: 137, code: 0, rest: [0; 4], body: &[0; 32] };
    let request = Icmpv6Message::EchoRequest { identifier: 1, sequence: 1, data: &[] };
    // RFC4443-R4
    assert!(!answers(icmpv6_packet("2001:db8::2", "2001:db8:9::1", &exceeded)));
    // RFC4443-R4
    assert!(!answers(icmpv6_packet("2001:db8::2", "2001:db8:9::1", &redirect)));
    assert!(answers(icmpv6_packet("2001:db8::2", "2001:db8:9::1", &request)));

    let fragment = |offset| {
        let mut header = v4_header("192.0.2.2", "198.51.100.1", IpProtocol::Udp, 16);
        header.fragment_offset = offset;
        packet(header, &[0; 16])
    };
    assert!(answers(fragment(0)));
    // RFC1122-R42
    assert!(!answers(fragment(8)), "a fragment that is not the first");
}

#[test]
fn an_error_quotes_as_much_as_its_size_allows_and_comes_from_the_address_that_was_asked() {
    for (source, destination, header, limit) in
        [("192.0.2.2", "192.0.2.1", 28, 576), ("2001:db8::2", "2001:db8::1", 48, 1280)]
    {
        for len in [1, 1400] {
            let packet = udp_packet(source, destination, (1, 1), &vec![7; len]);
            let mut host = Host::new().knows_neighbour();
            let sent = host.receive_packet(&packet);
            assert_eq!(sent.len(), 1);
            let error = &sent[0];
            // RFC1812-R1, RFC4443-R3
            assert_eq!(error.len(), (header + packet.len()).min(limit));
            // RFC792-R2
            assert_eq!(error[header..], packet[..error.len() - header]);
            // RFC4443-R1
            assert_eq!(IpHeader::parse(error).unwrap().source(), destination.parse::<IpAddr>().unwrap());
        }
    }
}

#[test]
fn errors_are_limited_in_burst_and_rate() {
    let mut config = Config::default();
    (config.internet.icmp_error_burst, config.internet.icmp_errors_per_second) = (5, 10);
    let mut host = Host::with(config).knows_neighbour();
    let packet = udp_packet("192.0.2.2", "192.0.2.1", (1, 1), b"x");
    let count = |host: &mut Host| (0..20).filter(|_| !host.receive(frame(&packet)).is_empty()).count();
    // RFC1812-R2, RFC4443-R5
    assert_eq!(count(&mut host), 5);
    host.now += Duration::from_millis(250);
    // RFC1812-R2, RFC4443-R5
    assert_eq!(count(&mut host), 2);
    host.now += Duration::from_secs(60);
    assert_eq!(count(&mut host), 5, "the bucket holds no more than the burst");
    assert_eq!(host.stack.counters().dropped(DropReason::RateLimited), 48);
    assert_eq!(host.stack.counters().icmp_errors_sent, 12);
}

#[test]
fn a_reassembly_that_times_out_is_reported_if_its_first_fragment_came() {
    for (offset, reported) in [(0, true), (8, false)] {
        let payload = udp("192.0.2.2", "192.0.2.1", (1, 1), &[0; 64]);
        let mut header = v4_header("192.0.2.2", "192.0.2.1", IpProtocol::Udp, 16);
        (header.fragment_offset, header.more_fragments) = (offset, true);
        let mut host = Host::new();
        host.receive_packet(&packet(header, &payload[..16]));
        assert!(host.pass(Duration::from_millis(59_990)).is_empty());
        let mut host = host.knows_neighbour();
        let sent = host.pass(Duration::from_secs(1));
        assert_eq!(host.drops(), [(DropReason::ReassemblyTimeout, 1)]);
        assert_eq!(host.stack.memory_in_use(), 0);
        let kinds: Vec<_> =
            sent.iter().map(|(_, frame)| frame[EthernetHeader::LEN + 20..][..2].to_vec()).collect();
        // RFC1122-R28
        assert_eq!(kinds, if reported { vec![vec![11, 1]] } else { vec![] });
    }
}
