use alloc::vec;
use alloc::vec::Vec;

use fathom_wire::internet::icmpv6::kind as icmpv6_kind;
use fathom_wire::{EthernetAddress, Icmpv6Message, Ipv4Options};

use super::*;
use crate::tests::host::Host;
use crate::tests::packets::{
    advertisement, frame_to, icmpv6, packet, plain, udp, udp_packet, v4_header, v6_header,
};

/// The reasons for which a host drops a packet, and the ICMPv6 parameter problems that it sends about it.
fn verdict(bytes: &[u8]) -> (Vec<DropReason>, Vec<(u8, u32)>) {
    let mut host = Host::new().knows_neighbour();
    let sent = host.receive_packet(bytes);
    let problems = sent
        .iter()
        .filter_map(|packet| {
            let message = &packet.get(40..)?;
            let parameter = packet[0] >> 4 == 6 && message[0] == icmpv6_kind::PARAMETER_PROBLEM;
            parameter.then(|| (message[1], u32::from_be_bytes(message[4..8].try_into().unwrap())))
        })
        .collect();
    (host.drops().into_iter().map(|(reason, _)| reason).collect(), problems)
}

fn drop_of(bytes: &[u8]) -> Option<DropReason> {
    verdict(bytes).0.first().copied()
}

const UNREACHED: Option<DropReason> = Some(DropReason::UdpNoSocket);

#[test]
fn ipv4_headers_are_checked() {
    let good = udp_packet("192.0.2.2", "192.0.2.1", (1, 1), b"x");
    assert_eq!(drop_of(&good), UNREACHED);
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        change(&mut bytes);
        // A right checksum, so that only the change itself is at fault.
        bytes[10..12].fill(0);
        let len = (usize::from(bytes[0] & 15) * 4).min(bytes.len());
        let sum = !fathom_wire::checksum::sum(&bytes[..len]);
        bytes[10..12].copy_from_slice(&sum.to_be_bytes());
        drop_of(&bytes)
    };
    // RFC1812-R3, RFC791-R1
    assert_eq!(with(&|b| b[0] = 0x44), Some(DropReason::IpMalformed), "header length 16");
    // RFC1122-R10, RFC1812-R3
    assert_eq!(with(&|b| b[0] = 0x55), Some(DropReason::IpMalformed), "version 5");
    // RFC1812-R3, RFC791-R1
    assert_eq!(with(&|b| b[3] = 19), Some(DropReason::IpMalformed), "total length below the header");
    // RFC791-R1
    assert_eq!(with(&|b| b[3] = 200), Some(DropReason::IpMalformed), "total length beyond the frame");
    // RFC1122-R19
    assert_eq!(with(&|b| b[8] = 0), UNREACHED, "a TTL of 0 concerns routers only");
    let mut wrong = good.clone();
    wrong[10] ^= 1;
    // RFC1122-R11, RFC1812-R3
    assert_eq!(drop_of(&wrong), Some(DropReason::IpChecksum));

    let options = |options: &[u8]| {
        let payload = udp("192.0.2.2", "192.0.2.1", (1, 1), b"x");
        let mut header = v4_header("192.0.2.2", "192.0.2.1", IpProtocol::Udp, payload.len());
        header.options = Ipv4Options::parse(options).unwrap();
        drop_of(&packet(header, &payload))
    };
    // RFC1122-R21
    assert_eq!(options(&[1, 222, 3, 9]), UNREACHED, "unknown options are ignored");
    assert_eq!(options(&[131, 7, 4, 10, 0, 0, 1, 0]), Some(DropReason::IpOption), "loose source route");
    assert_eq!(options(&[137, 7, 4, 10, 0, 0, 1, 0]), Some(DropReason::IpOption), "strict source route");
}

#[test]
fn padding_of_the_link_reaches_no_transport() {
    let mut host = Host::new().knows_neighbour();
    let socket = host.stack.udp_bind(host.now, "192.0.2.1:7".parse().unwrap()).unwrap();
    let mut bytes = udp_packet("192.0.2.2", "192.0.2.1", (1, 7), b"abc");
    bytes.resize(46, 0xff);
    host.receive_packet(&bytes);
    // RFC791-R2
    assert_eq!(host.stack.udp(host.now, socket).unwrap().recv().unwrap().data, b"abc"[..]);
}

#[test]
fn sources_and_destinations_are_checked() {
    let table = [
        ("192.0.2.2", "192.0.2.1", UNREACHED),
        ("192.0.2.2", "192.0.2.9", Some(DropReason::IpNotForUs)),
        ("192.0.2.2", "198.51.100.1", Some(DropReason::IpNotForUs)),
        ("192.0.2.2", "192.0.2.255", UNREACHED),
        ("192.0.2.2", "255.255.255.255", UNREACHED),
        ("192.0.2.2", "224.0.0.1", UNREACHED),
        ("192.0.2.2", "224.0.0.99", Some(DropReason::IpNotForUs)),
        ("192.0.2.2", "127.0.0.1", Some(DropReason::IpNotForUs)),
        ("127.0.0.1", "192.0.2.1", Some(DropReason::IpBadSource)),
        ("192.0.2.255", "192.0.2.1", Some(DropReason::IpBadSource)),
        ("224.0.0.1", "192.0.2.1", Some(DropReason::IpBadSource)),
        ("192.0.2.1", "192.0.2.1", Some(DropReason::IpBadSource)),
        ("0.0.0.0", "192.0.2.1", Some(DropReason::IpBadSource)),
        ("0.0.0.0", "255.255.255.255", UNREACHED),
        ("2001:db8::2", "2001:db8::1", UNREACHED),
        ("2001:db8::2", "fe80::ff:fe00:1", UNREACHED),
        ("2001:db8::2", "ff02::1", UNREACHED),
        ("2001:db8::2", "ff02::1:ff00:1", UNREACHED),
        ("2001:db8::2", "ff02::1:ff00:2", Some(DropReason::IpNotForUs)),
        ("2001:db8::2", "2001:db8::9", Some(DropReason::IpNotForUs)),
        ("::1", "2001:db8::1", Some(DropReason::IpBadSource)),
        ("::", "2001:db8::1", Some(DropReason::IpBadSource)),
        ("ff02::1", "2001:db8::1", Some(DropReason::IpBadSource)),
        ("::ffff:192.0.2.2", "2001:db8::1", Some(DropReason::IpBadSource)),
    ];
    for (source, destination, expected) in table {
        let bytes = udp_packet(source, destination, (1, 1), b"x");
        // RFC1122-R12, RFC1122-R13, RFC1122-R64, RFC4291-R1
        assert_eq!(drop_of(&bytes), expected, "{source} to {destination}");
    }
}

#[test]
fn a_link_broadcast_for_a_single_host_is_dropped() {
    let mut host = Host::new().knows_neighbour();
    host.stack.udp_bind(host.now, "0.0.0.0:7".parse().unwrap()).unwrap();
    let bytes = udp_packet("192.0.2.2", "192.0.2.1", (1, 7), b"x");
    host.receive(frame_to(EthernetAddress::BROADCAST, &bytes));
    // RFC1122-R34
    assert_eq!(host.drops(), [(DropReason::IpNotForUs, 1)]);
}

/// An IPv6 packet with extension headers before a UDP datagram.
fn extended(first: IpProtocol, headers: &[u8]) -> Vec<u8> {
    let payload = [headers, &udp("2001:db8::2", "2001:db8::1", (1, 1), b"x")].concat();
    packet(v6_header("2001:db8::2", "2001:db8::1", first, payload.len()), &payload)
}

#[test]
fn ipv6_extension_headers_are_walked_as_rfc_8200_says() {
    use IpProtocol::{DestinationOptions, HopByHop, Ipv6Route, Unknown};
    // Next header UDP (17), no more units of 8 bytes, then an option with 4 bytes of data.
    let option = |kind: u8| [17, 0, kind, 4, 0, 0, 0, 0];
    let parameter = |code, pointer| vec![(code, pointer)];
    type Row = (&'static str, IpProtocol, Vec<u8>, Option<DropReason>, Vec<(u8, u32)>);
    let table: &[Row] = &[
        ("padding", HopByHop, option(1).into(), UNREACHED, vec![]),
        ("padding", DestinationOptions, option(1).into(), UNREACHED, vec![]),
        ("unknown, skip", DestinationOptions, option(0x1e).into(), UNREACHED, vec![]),
        ("unknown, discard", DestinationOptions, option(0x5e).into(), Some(DropReason::IpOption), vec![]),
        ("reply", DestinationOptions, option(0x9e).into(), Some(DropReason::IpOption), parameter(2, 42)),
        (
            "reply unless multicast",
            HopByHop,
            option(0xde).into(),
            Some(DropReason::IpOption),
            parameter(2, 42),
        ),
        ("routing, none left", Ipv6Route, vec![17, 0, 0, 0, 0, 0, 0, 0], UNREACHED, vec![]),
        (
            "routing type 0, one left",
            Ipv6Route,
            vec![17, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            Some(DropReason::IpOption),
            parameter(0, 42),
        ),
        (
            "hop-by-hop second",
            DestinationOptions,
            [[0, 0, 1, 4, 0, 0, 0, 0], option(1)].concat(),
            Some(DropReason::IpOption),
            parameter(1, 40),
        ),
        ("cut off", DestinationOptions, vec![17, 9], Some(DropReason::IpMalformed), vec![]),
        ("unknown protocol", Unknown(200), vec![], Some(DropReason::UnknownProtocol), parameter(1, 6)),
        (
            "unknown behind options",
            DestinationOptions,
            vec![200, 0, 1, 4, 0, 0, 0, 0],
            Some(DropReason::UnknownProtocol),
            parameter(1, 40),
        ),
    ];
    for (what, first, headers, reason, problems) in table {
        let (reasons, sent) = verdict(&extended(*first, headers));
        // RFC8200-R2, RFC8200-R4, RFC8200-R5, RFC8200-R6
        assert_eq!(reasons.first().copied(), *reason, "{what}");
        // RFC8200-R3, RFC8200-R5, RFC8200-R6
        assert_eq!(&sent, problems, "{what}");
    }
}

fn v6_fragment(offset: u16, more: bool, next_header: IpProtocol, data: &[u8]) -> Vec<u8> {
    let header = Ipv6FragmentHeader { next_header, offset, more_fragments: more, identification: 5 };
    let mut payload = vec![0; Ipv6FragmentHeader::LEN];
    header.emit(&mut payload);
    payload.extend_from_slice(data);
    packet(v6_header("2001:db8::2", "2001:db8::1", IpProtocol::Ipv6Fragment, payload.len()), &payload)
}

#[test]
fn ipv6_fragments_that_cannot_be_draw_a_parameter_problem() {
    let (reasons, problems) = verdict(&v6_fragment(0, true, IpProtocol::Udp, &[0; 12]));
    // RFC8200-R8
    assert_eq!((&reasons[..], &problems[..]), (&[DropReason::FragmentInvalid][..], &[(0, 4)][..]));
    let (reasons, problems) = verdict(&v6_fragment(65528, false, IpProtocol::Udp, &[0; 16]));
    // RFC8200-R9
    assert_eq!((&reasons[..], &problems[..]), (&[DropReason::FragmentInvalid][..], &[(0, 42)][..]));
}

#[test]
fn packets_of_the_sizes_that_every_host_must_take_are_put_together() {
    let data = [7; 1500 - 40 - 8];
    let datagram = udp("2001:db8::2", "2001:db8::1", (1, 7), &data);
    let mut host = Host::new().knows_neighbour();
    let socket = host.stack.udp_bind(host.now, "[::]:7".parse().unwrap()).unwrap();
    host.receive_packet(&v6_fragment(1000, false, IpProtocol::Udp, &datagram[1000..]));
    host.receive_packet(&v6_fragment(0, true, IpProtocol::Udp, &datagram[..1000]));
    // RFC8200-R12
    assert_eq!(host.stack.udp(host.now, socket).unwrap().recv().unwrap().data, data[..]);

    let data = [7; 576 - 20 - 8];
    let datagram = udp("192.0.2.2", "192.0.2.1", (1, 7), &data);
    for cut in [datagram.len(), 8, 200, 552] {
        let mut host = Host::new().knows_neighbour();
        let socket = host.stack.udp_bind(host.now, "0.0.0.0:7".parse().unwrap()).unwrap();
        for (offset, part) in [(0, &datagram[..cut]), (cut, &datagram[cut..])] {
            let mut header = v4_header("192.0.2.2", "192.0.2.1", IpProtocol::Udp, part.len());
            (header.fragment_offset, header.more_fragments) =
                (offset as u16, offset + part.len() < datagram.len());
            if !part.is_empty() {
                host.receive_packet(&packet(header, part));
            }
        }
        // RFC791-R10, RFC1122-R27
        assert_eq!(host.stack.udp(host.now, socket).unwrap().recv().unwrap().data, data[..], "cut at {cut}");
    }
}

#[test]
fn an_atomic_fragment_is_a_packet_of_its_own() {
    let datagram = udp("2001:db8::2", "2001:db8::1", (1, 1), b"whole");
    let mut host = Host::new().knows_neighbour();
    host.receive_packet(&v6_fragment(0, true, IpProtocol::Udp, &datagram[..8]));
    host.receive_packet(&v6_fragment(0, false, IpProtocol::Udp, &datagram));
    // RFC6946-R1
    assert_eq!(host.drops(), [(DropReason::UdpNoSocket, 1)], "the atomic one was delivered, the other waits");
}

#[test]
fn neighbour_discovery_in_fragments_is_not_accepted() {
    let advertised = advertisement("2001:db8::2", "2001:db8::1", true);
    // RFC6980-R1
    assert_eq!(
        drop_of(&v6_fragment(0, false, IpProtocol::Icmpv6, &advertised[40..])),
        Some(DropReason::NdpInvalid)
    );
    let echo = Icmpv6Message::EchoRequest { identifier: 1, sequence: 1, data: &[] };
    let echo = icmpv6("2001:db8::2", "2001:db8::1", &echo);
    assert_eq!(drop_of(&v6_fragment(0, false, IpProtocol::Icmpv6, &echo)), None);
}

#[test]
fn fragments_that_hide_tcp_flags_are_dropped() {
    let fragment = |offset, more, len| {
        let mut header = v4_header("192.0.2.2", "192.0.2.1", IpProtocol::Tcp, len);
        (header.fragment_offset, header.more_fragments) = (offset, more);
        drop_of(&packet(header, &vec![0; len]))
    };
    // RFC1858-R1
    assert_eq!(fragment(0, true, 16), Some(DropReason::FragmentInvalid));
    // RFC1858-R2
    assert_eq!(fragment(8, false, 16), Some(DropReason::FragmentInvalid));
    assert_eq!(fragment(0, true, 24), None);
    assert_eq!(fragment(24, false, 16), None);
}

#[test]
fn an_unknown_protocol_over_ipv4_draws_protocol_unreachable() {
    let mut host = Host::new().knows_neighbour();
    let sent = host.receive_packet(&plain("192.0.2.2", "192.0.2.1", IpProtocol::Unknown(200), b"12345678"));
    assert_eq!(sent.len(), 1);
    // RFC1122-R45
    assert_eq!(sent[0][20..22], [3, 2]);
    assert_eq!(sent[0][48..], b"12345678"[..], "the quote ends with the packet's data");
}
