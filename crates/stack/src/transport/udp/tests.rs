mod binding;
mod groups;
mod messages;
mod options;

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use alloc::vec;
use alloc::vec::Vec;
use fathom_record::DropReason;
use fathom_wire::{EthernetHeader, Icmpv4Message, IpProtocol};

use super::*;
use crate::event::Readiness;
use crate::socket::SocketId;
use crate::tests::host::Host;
use crate::tests::packets::{icmpv4_packet, plain, udp, udp_packet};
use crate::{Config, InterfaceId, SendDatagram};

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn bind(host: &mut Host, local: &str) -> Result<UdpId, BindError> {
    host.stack.udp_bind(host.now, address(local))
}

/// What waits in a socket: data and sender.
fn received(host: &mut Host, id: UdpId) -> Vec<(Vec<u8>, SocketAddr)> {
    let mut udp = host.stack.udp(host.now, id).unwrap();
    core::iter::from_fn(|| udp.recv().ok()).map(|got| (got.data.to_vec(), got.source)).collect()
}

#[test]
fn an_address_can_be_bound_once() {
    let table = [
        // first, second, result of the second
        ("192.0.2.1:7", "192.0.2.1:7", Err(BindError::AddressInUse)),
        ("0.0.0.0:7", "192.0.2.1:7", Err(BindError::AddressInUse)),
        ("192.0.2.1:7", "0.0.0.0:7", Err(BindError::AddressInUse)),
        ("192.0.2.1:7", "192.0.2.1:8", Ok(())),
        ("0.0.0.0:7", "[::]:7", Err(BindError::AddressInUse)),
        ("0.0.0.0:7", "[2001:db8::1]:7", Ok(())),
        ("[::]:7", "192.0.2.1:7", Err(BindError::AddressInUse)),
        ("[::ffff:192.0.2.1]:7", "192.0.2.1:7", Err(BindError::AddressInUse)),
        ("[2001:db8::1]:7", "[::]:7", Err(BindError::AddressInUse)),
        ("192.0.2.1:7", "192.0.2.9:8", Err(BindError::AddressNotAvailable)),
    ];
    for (first, second, expected) in table {
        let mut host = Host::new();
        let id = bind(&mut host, first).unwrap();
        assert_eq!(bind(&mut host, second).map(|_| ()), expected, "{first} {second}");
        host.stack.udp(host.now, id).unwrap().close();
        if expected == Err(BindError::AddressInUse) {
            assert!(bind(&mut host, second).is_ok(), "{second} after {first} is closed");
        }
    }
}

#[test]
fn port_0_gets_a_port_of_its_own_from_the_range() {
    let mut config = Config::default();
    config.datagram.ephemeral_ports = (50000, 50003);
    let mut host = Host::with(config);
    let mut ports: Vec<u16> = (0..4)
        .map(|_| {
            let id = bind(&mut host, "0.0.0.0:0").unwrap();
            host.stack.udp(host.now, id).unwrap().local().port()
        })
        .collect();
    ports.sort_unstable();
    assert_eq!(ports, [50000, 50001, 50002, 50003]);
    assert_eq!(bind(&mut host, "0.0.0.0:0"), Err(BindError::PortsExhausted));
}

/// As with errors (RFC 8085 5.2), so with data: who is connected hears its peer only, and before others.
#[test]
fn a_datagram_goes_to_the_socket_that_fits_best() {
    let mut host = Host::new().knows_neighbour();
    host.stack.add_address(host.now, host.eth0, "192.0.2.11/24".parse().unwrap()).unwrap();
    let one = bind(&mut host, "192.0.2.1:7").unwrap();
    let eleven = bind(&mut host, "192.0.2.11:7").unwrap();
    host.stack.udp(host.now, eleven).unwrap().connect(address("192.0.2.2:99")).unwrap();
    let other_port = bind(&mut host, "0.0.0.0:8").unwrap();
    for (destination, ports) in
        [("192.0.2.1", (1, 7)), ("192.0.2.11", (1, 7)), ("192.0.2.11", (99, 7)), ("192.0.2.11", (1, 8))]
    {
        host.receive_packet(&udp_packet("192.0.2.2", destination, ports, b"x"));
    }
    assert_eq!(received(&mut host, one), [(b"x".to_vec(), address("192.0.2.2:1"))]);
    assert_eq!(received(&mut host, eleven), [(b"x".to_vec(), address("192.0.2.2:99"))]);
    assert_eq!(received(&mut host, other_port), [(b"x".to_vec(), address("192.0.2.2:1"))]);
    assert_eq!(host.drops(), [(DropReason::UdpNoSocket, 1)], "the connected socket does not hear strangers");
}

#[test]
fn lengths_and_checksums_are_checked() {
    let changed = |source, destination, change: &dyn Fn(&mut Vec<u8>)| {
        let mut host = Host::new().knows_neighbour();
        bind(&mut host, "[::]:7").unwrap();
        let mut datagram = udp(source, destination, (1, 7), b"data");
        change(&mut datagram);
        host.receive_packet(&plain(source, destination, IpProtocol::Udp, &datagram));
        host.drops().first().map(|(reason, _)| *reason)
    };
    let v4 = |change: &dyn Fn(&mut Vec<u8>)| changed("192.0.2.2", "192.0.2.1", change);
    let v6 = |change: &dyn Fn(&mut Vec<u8>)| changed("2001:db8::2", "2001:db8::1", change);
    assert_eq!((v4(&|_| {}), v6(&|_| {})), (None, None));
    let wrong = Some(DropReason::UdpChecksum);
    // RFC1122-R62
    assert_eq!((v4(&|d| d[8] ^= 1), v6(&|d| d[8] ^= 1)), (wrong, wrong));
    // RFC768-R2, RFC6935-R1
    assert_eq!((v4(&|d| d[6..8].fill(0)), v6(&|d| d[6..8].fill(0))), (None, wrong), "no checksum");
    let malformed = Some(DropReason::UdpMalformed);
    // RFC768-R3
    assert_eq!(v4(&|d| d[5] = 7), malformed, "length below the header");
    // RFC768-R3
    assert_eq!(v4(&|d| d[5] = 13), malformed, "length beyond the packet");
    assert_eq!(v4(&|d| d.truncate(7)), malformed);
    let port_0 = |datagram: &mut Vec<u8>| {
        datagram[2..4].fill(0);
        datagram[6..8].fill(0);
    };
    assert_eq!(v4(&port_0), malformed);
}

/// What lies behind the length is not data.
#[test]
fn a_datagram_shorter_than_its_packet_is_trimmed() {
    let mut host = Host::new().knows_neighbour();
    let id = bind(&mut host, "0.0.0.0:7").unwrap();
    let mut datagram = udp("192.0.2.2", "192.0.2.1", (1, 7), b"data");
    datagram.extend_from_slice(b"more");
    host.receive_packet(&plain("192.0.2.2", "192.0.2.1", IpProtocol::Udp, &datagram));
    // RFC768-R3
    assert_eq!(received(&mut host, id), [(b"data".to_vec(), address("192.0.2.2:1"))]);
}

/// The sum of this datagram is 0, and is sent as 0xffff.
#[test]
fn a_computed_checksum_of_zero_is_sent_as_all_ones() {
    for (from, to, ip) in [("192.0.2.1:7", "192.0.2.2:9", 20), ("[2001:db8::1]:7", "[2001:db8::2]:9", 40)] {
        let mut host = Host::new().knows_neighbour();
        let id = bind(&mut host, from).unwrap();
        let mut all_ones = 0;
        for word in 0..=u16::MAX {
            let mut udp = host.stack.udp(host.now, id).unwrap();
            udp.send_to(&word.to_be_bytes(), address(to)).unwrap();
            let sent = host.sent();
            let datagram = &sent[0][EthernetHeader::LEN + ip..];
            // RFC768-R1, RFC8200-R14
            assert_ne!(datagram[6..8], [0, 0], "{word:#x}");
            all_ones += usize::from(datagram[6..8] == [0xff, 0xff]);
        }
        // RFC768-R1, RFC8200-R14
        assert_eq!(all_ones, 1, "one of all words makes the sum 0");
    }
}

#[test]
fn what_waits_in_a_socket_is_bounded_both_ways() {
    let mut config = Config::default();
    (config.datagram.receive_buffer, config.datagram.send_buffer) = (1000, 1000);
    config.datagram.overhead = 100;
    let mut host = Host::with(config).knows_neighbour();
    let id = bind(&mut host, "192.0.2.1:7").unwrap();
    for _ in 0..20 {
        host.receive_packet(&udp_packet("192.0.2.2", "192.0.2.1", (1, 7), &[0; 100]));
    }
    assert_eq!(host.drops(), [(DropReason::UdpBufferFull, 15)]);
    assert_eq!(received(&mut host, id).len(), 5);

    let to = address("192.0.2.2:9");
    let mut udp = host.stack.udp(host.now, id).unwrap();
    assert_eq!(udp.send_to(&[0; 901], to), Err(UdpError::TooLarge));
    for _ in 0..5 {
        udp.send_to(&[0; 100], to).unwrap();
    }
    assert_eq!(udp.send_to(&[0; 100], to), Err(UdpError::WouldBlock));
    assert!(!udp.is_writable());
    while host.stack.poll_event().is_some() {}
    assert_eq!(host.sent().len(), 5);
    let event = host.stack.poll_event().unwrap();
    assert_eq!((event.socket, event.readiness), (SocketId::Udp(id), Readiness::WRITABLE));
    assert_eq!(host.stack.memory_in_use(), 0);
}

#[test]
fn a_program_is_told_at_once_what_cannot_be_sent() {
    let mut host = Host::new();
    let id = bind(&mut host, "0.0.0.0:7").unwrap();
    let mut udp = host.stack.udp(host.now, id).unwrap();
    let table = [
        ("203.0.113.1:9", UdpError::NetworkUnreachable),
        ("192.0.2.2:0", UdpError::BadDestination),
        ("0.0.0.0:9", UdpError::BadDestination),
        ("[2001:db8::2]:9", UdpError::BadDestination),
    ];
    for (to, error) in table {
        assert_eq!(udp.send_to(b"x", address(to)), Err(error), "{to}");
        assert_eq!(udp.connect(address(to)), Err(error), "{to}");
    }
    assert_eq!(udp.send(b"x"), Err(UdpError::NotConnected));
    let huge = vec![0; 65508];
    assert_eq!(udp.send_to(&huge, address("192.0.2.2:9")), Err(UdpError::TooLarge));
    assert!(udp.send_to(&huge[1..], address("192.0.2.2:9")).is_ok(), "65507 bytes fit");
}

#[test]
fn an_icmp_error_reaches_only_the_connected_socket_that_it_quotes() {
    for (source_port, destination_port, told) in [(7, 9, true), (7, 10, false), (8, 9, false)] {
        let mut host = Host::new().knows_neighbour();
        let id = bind(&mut host, "192.0.2.1:7").unwrap();
        host.stack.udp(host.now, id).unwrap().connect(address("192.0.2.2:9")).unwrap();
        let invoking = udp_packet("192.0.2.1", "192.0.2.2", (source_port, destination_port), b"x");
        let error =
            Icmpv4Message::DestinationUnreachable { code: 3, next_hop_mtu: 0, invoking: &invoking[..28] };
        host.receive_packet(&icmpv4_packet("192.0.2.2", "192.0.2.1", &error));
        let error = host.stack.udp(host.now, id).unwrap().take_error();
        // RFC8085-R5, RFC1122-R61
        assert_eq!(error, told.then_some(UdpError::Refused), "{source_port} {destination_port}");
        let unmatched = host.stack.counters().dropped(DropReason::IcmpUnmatched);
        assert_eq!(unmatched, u64::from(!told));
    }
}

/// Believed when it quotes what a socket sent.
#[test]
fn a_path_mtu_is_learned_from_an_error_that_quotes_a_socket_of_ours() {
    for (source_port, believed) in [(7, true), (8, false)] {
        let mut host = Host::new().knows_neighbour();
        let id = bind(&mut host, "192.0.2.1:7").unwrap();
        let invoking = udp_packet("192.0.2.1", "192.0.2.2", (source_port, 9), &[0; 1400]);
        let error =
            Icmpv4Message::DestinationUnreachable { code: 4, next_hop_mtu: 1000, invoking: &invoking[..28] };
        host.receive_packet(&icmpv4_packet("192.0.2.2", "192.0.2.1", &error));
        let send = |host: &mut Host| {
            host.stack.udp(host.now, id).unwrap().send_to(&[0; 1400], address("192.0.2.2:9")).unwrap();
            host.sent().len()
        };
        // RFC1191-R1, RFC8201-R5
        assert_eq!(send(&mut host), if believed { 2 } else { 1 });
        host.pass(Duration::from_secs(601));
        let mut host = host.knows_neighbour();
        host.sent();
        assert_eq!(send(&mut host), 1, "after ten minutes a larger size is tried");
    }
}

#[test]
fn a_server_answers_from_the_address_that_was_asked() {
    let mut host = Host::new().knows_neighbour();
    host.stack.add_address(host.now, host.eth0, "192.0.2.11/24".parse().unwrap()).unwrap();
    let id = bind(&mut host, "0.0.0.0:7").unwrap();
    host.receive_packet(&udp_packet("192.0.2.2", "192.0.2.11", (9, 7), b"x"));
    let mut udp = host.stack.udp(host.now, id).unwrap();
    let asked = udp.recv().unwrap();
    // RFC1122-R63
    assert_eq!(asked.destination, IpAddr::from([192, 0, 2, 11]));
    udp.send_from(Some(asked.destination), b"y", asked.source).unwrap();
    // RFC8085-R7
    assert_eq!(host.sent()[0][EthernetHeader::LEN + 12..][..4], [192, 0, 2, 11]);
    let mut udp = host.stack.udp(host.now, id).unwrap();
    let not_ours = Some(IpAddr::from([192, 0, 2, 77]));
    // RFC1122-R14
    assert_eq!(udp.send_from(not_ours, b"y", asked.source), Err(UdpError::BadDestination));
}

#[test]
fn a_program_sets_and_sees_hop_limit_code_point_and_congestion_field() {
    let mut pair = crate::tests::Pair::new();
    let (to, from) = (SocketAddr::new(pair.b.v6, 7), SocketAddr::new(pair.a.v6, 9));
    let client = pair.a.stack.udp_bind(pair.now, from).unwrap();
    let server = pair.b.stack.udp_bind(pair.now, to).unwrap();
    let mut udp = pair.a.stack.udp(pair.now, client).unwrap();
    udp.set_hop_limit(9);
    udp.set_traffic_class(46, fathom_wire::Ecn::Ect0);
    udp.send_to(b"x", to).unwrap();
    pair.drive_for(Duration::from_secs(1));
    let got = pair.b.stack.udp(pair.now, server).unwrap().recv().unwrap();
    // RFC8085-R2, RFC1122-R16, RFC1122-R17, RFC1122-R20
    assert_eq!((got.hop_limit, got.dscp, got.ecn), (9, 46, fathom_wire::Ecn::Ect0));
}
