use alloc::vec;
use fathom_wire::{EthernetHeader, Icmpv4Message, Icmpv6Message};

use super::*;
use crate::Config;
use crate::tests::host::Host;
use crate::tests::packets::{icmpv4_packet, icmpv6_packet};

fn open(host: &mut Host, family: Family, identifier: u16) -> IcmpId {
    host.stack.icmp_open(host.now, family, Some(identifier)).unwrap()
}

#[test]
fn an_echo_request_is_answered_with_its_own_data_from_the_address_it_was_sent_to() {
    let mut host = Host::new().knows_neighbour();
    host.stack.add_address(host.now, host.eth0, "192.0.2.11/24".parse().unwrap()).unwrap();
    for data in [&b""[..], b"odd", &[7; 1000]] {
        let request = Icmpv4Message::EchoRequest { identifier: 3, sequence: 4, data };
        let reply = Icmpv4Message::EchoReply { identifier: 3, sequence: 4, data };
        let sent = host.receive_packet(&icmpv4_packet("192.0.2.2", "192.0.2.11", &request));
        // RFC1122-R51
        assert_eq!(sent[0][12..20], [192, 0, 2, 11, 192, 0, 2, 2]);
        // RFC792-R3, RFC1122-R50
        assert_eq!(Icmpv4Message::parse(&sent[0][20..]), Ok(reply));

        let request = Icmpv6Message::EchoRequest { identifier: 3, sequence: 4, data };
        let reply = Icmpv6Message::EchoReply { identifier: 3, sequence: 4, data };
        for (asked, answers) in [("2001:db8::1", "2001:db8::1"), ("ff02::1", "2001:db8::1")] {
            let sent = host.receive_packet(&icmpv6_packet("2001:db8::2", asked, &request));
            let (from, to) = (answers.parse().unwrap(), "2001:db8::2".parse().unwrap());
            // RFC4443-R8
            assert_eq!(Icmpv6Message::parse(from, to, &sent[0][40..]), Ok(reply));
        }
    }
}

#[test]
fn an_echo_request_by_ipv4_broadcast_is_ignored() {
    let mut host = Host::new().knows_neighbour();
    let request = Icmpv4Message::EchoRequest { identifier: 3, sequence: 4, data: b"x" };
    for destination in ["192.0.2.255", "255.255.255.255", "224.0.0.1"] {
        // RFC1122-R52
        assert!(host.receive_packet(&icmpv4_packet("192.0.2.2", destination, &request)).is_empty());
    }
}

#[test]
fn identifiers_are_given_once_in_each_family() {
    let mut host = Host::new();
    open(&mut host, Family::V4, 5);
    let again = host.stack.icmp_open(host.now, Family::V4, Some(5));
    assert_eq!(again, Err(BindError::AddressInUse));
    let id = open(&mut host, Family::V6, 5);
    host.stack.icmp(host.now, id).unwrap().close();
    open(&mut host, Family::V6, 5);
    let id = host.stack.icmp_open(host.now, Family::V4, None).unwrap();
    assert_ne!(host.stack.icmp(host.now, id).unwrap().identifier(), 5);
}

#[test]
fn a_reply_reaches_the_socket_with_its_identifier_and_no_other() {
    let mut host = Host::new().knows_neighbour();
    let five = open(&mut host, Family::V4, 5);
    let six = open(&mut host, Family::V4, 6);
    for identifier in [5, 7] {
        let reply = Icmpv4Message::EchoReply { identifier, sequence: 9, data: b"back" };
        host.receive_packet(&icmpv4_packet("192.0.2.2", "192.0.2.1", &reply));
    }
    let event = host.stack.icmp(host.now, five).unwrap().recv().unwrap();
    assert_eq!((event.kind, event.sequence), (IcmpEventKind::EchoReply, 9));
    assert_eq!(event.payload, b"back"[..]);
    assert_eq!(host.stack.icmp(host.now, six).unwrap().recv(), None);
    assert_eq!(host.drops(), [(DropReason::IcmpUnmatched, 1)]);
}

#[test]
fn an_error_about_a_request_reaches_its_socket() {
    let mut host = Host::new().knows_neighbour();
    let id = open(&mut host, Family::V4, 5);
    let to = IpAddr::from([192, 0, 2, 2]);
    host.stack.icmp(host.now, id).unwrap().send_echo(to, 8, b"x", Some(1)).unwrap();
    let sent = host.sent();
    let request = &sent[0][EthernetHeader::LEN..];
    assert_eq!(request[8], 1, "the hop limit that was asked for");
    let error = Icmpv4Message::TimeExceeded { code: 0, invoking: request };
    host.receive_packet(&icmpv4_packet("192.0.2.77", "192.0.2.1", &error));
    let event = host.stack.icmp(host.now, id).unwrap().recv().unwrap();
    assert_eq!(event.from, IpAddr::from([192, 0, 2, 77]));
    let kind = IcmpEventKind::Error { error: IcmpErrorKind::HopLimitExceeded, destination: to };
    // RFC1122-R43, RFC1122-R48
    assert_eq!((event.kind, event.sequence), (kind, 8));
}

#[test]
fn what_waits_in_a_socket_is_bounded_both_ways() {
    let mut config = Config::default();
    (config.datagram.receive_buffer, config.datagram.send_buffer) = (1000, 1000);
    config.datagram.overhead = 100;
    let mut host = Host::with(config).knows_neighbour();
    let id = open(&mut host, Family::V4, 5);
    let reply = Icmpv4Message::EchoReply { identifier: 5, sequence: 9, data: &[0; 100] };
    for _ in 0..20 {
        host.receive_packet(&icmpv4_packet("192.0.2.2", "192.0.2.1", &reply));
    }
    assert_eq!(host.drops(), [(DropReason::UdpBufferFull, 15)]);
    let to = IpAddr::from([192, 0, 2, 2]);
    let mut icmp = host.stack.icmp(host.now, id).unwrap();
    assert_eq!(icmp.send_echo(to, 1, &vec![0; 901], None), Err(IcmpError::TooLarge));
    for _ in 0..5 {
        icmp.send_echo(to, 1, &[0; 100], None).unwrap();
    }
    assert_eq!(icmp.send_echo(to, 1, &[0; 100], None), Err(IcmpError::WouldBlock));
    assert_eq!(icmp.send_echo("2001:db8::2".parse().unwrap(), 1, b"", None), Err(IcmpError::BadDestination));
    icmp.close();
    assert_eq!(host.sent().len(), 5, "what was sent before the socket closed still leaves");
    assert_eq!(host.stack.memory_in_use(), 0);
}
