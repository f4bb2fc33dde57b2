//! The crate `etherparse` as a second opinion: what we write it reads as we meant it, and of any bytes both
//! read the same.

mod strategies;

use std::net::{IpAddr, Ipv6Addr};

use etherparse::{
    ArpPacketSlice, Ethernet2HeaderSlice, Icmpv4Slice, Icmpv6Slice, IpNumber, Ipv4HeaderSlice,
    Ipv6ExtensionsSlice, Ipv6HeaderSlice, SingleVlanHeaderSlice, TcpHeaderSlice, TcpOptionElement,
    UdpHeaderSlice,
};
use fathom_wire::*;
use proptest::collection::vec;
use proptest::prelude::*;
use strategies::*;

/// Bytes that begin with `first`, so that more than one case in 16 gets past a version field.
fn beginning_with(first: u8, len: usize) -> impl Strategy<Value = Vec<u8>> {
    (prop_oneof![3 => Just(Some(first)), 1 => Just(None)], vec(any::<u8>(), 0..len)).prop_map(
        |(first, mut bytes)| {
            if let (Some(first), Some(byte)) = (first, bytes.first_mut()) {
                *byte = first;
            }
            bytes
        },
    )
}

fn transport_checksum(
    (source, destination): (IpAddr, IpAddr),
    protocol: IpProtocol,
    segment: &[u8],
) -> Checksum {
    let mut checksum = Checksum::new();
    checksum.pseudo_header(source, destination, protocol, segment.len() as u32);
    checksum.add(segment);
    checksum
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn ethernet_of_any_bytes(mut bytes in vec(any::<u8>(), 0..24), tagged: bool) {
        if let (true, Some(ether_type)) = (tagged, bytes.get_mut(12..14)) {
            ether_type.copy_from_slice(&[0x81, 0]);
        }
        let ours = EthernetHeader::parse(&bytes);
        let Ok(theirs) = Ethernet2HeaderSlice::from_slice(&bytes) else {
            prop_assert!(ours.is_err());
            return Ok(());
        };
        if theirs.ether_type().0 != 0x8100 {
            let ours = ours.unwrap();
            prop_assert_eq!(ours.destination.0, theirs.destination());
            prop_assert_eq!(ours.source.0, theirs.source());
            prop_assert_eq!(u16::from(ours.ether_type), theirs.ether_type().0);
            prop_assert_eq!(ours.vlan, None);
        } else if let Ok(tag) = SingleVlanHeaderSlice::from_slice(&bytes[14..]) {
            let ours = ours.unwrap();
            let vlan = ours.vlan.unwrap();
            prop_assert_eq!(vlan.id, tag.vlan_identifier().value());
            prop_assert_eq!(vlan.priority, tag.priority_code_point().value());
            prop_assert_eq!(vlan.drop_eligible, tag.drop_eligible_indicator());
            prop_assert_eq!(u16::from(ours.ether_type), tag.ether_type().0);
        } else {
            prop_assert!(ours.is_err());
        }
    }

    #[test]
    fn arp(packet in strategies::arp()) {
        let mut bytes = [0; ArpPacket::LEN];
        packet.emit(&mut bytes);
        let theirs = ArpPacketSlice::from_slice(&bytes).unwrap();
        prop_assert_eq!(theirs.operation().0, u16::from(packet.operation));
        prop_assert_eq!(theirs.sender_hw_addr(), packet.sender_hardware.0);
        prop_assert_eq!(theirs.sender_protocol_addr(), packet.sender_protocol.octets());
        prop_assert_eq!(theirs.target_hw_addr(), packet.target_hardware.0);
        prop_assert_eq!(theirs.target_protocol_addr(), packet.target_protocol.octets());
    }

    #[test]
    fn ipv4(header in strategies::ipv4()) {
        let mut bytes = vec![0; header.header_len()];
        header.emit(&mut bytes);
        let theirs = Ipv4HeaderSlice::from_slice(&bytes).unwrap();
        prop_assert_eq!(theirs.source_addr(), header.source);
        prop_assert_eq!(theirs.destination_addr(), header.destination);
        prop_assert_eq!(theirs.protocol().0, u8::from(header.protocol));
        prop_assert_eq!(theirs.ttl(), header.hop_limit);
        prop_assert_eq!(theirs.dcp().value(), header.dscp);
        prop_assert_eq!(theirs.ecn().value(), header.ecn.bits());
        prop_assert_eq!(theirs.identification(), header.identification);
        prop_assert_eq!(theirs.dont_fragment(), header.dont_fragment);
        prop_assert_eq!(theirs.more_fragments(), header.more_fragments);
        prop_assert_eq!(theirs.fragments_offset().value() * 8, header.fragment_offset);
        prop_assert_eq!(theirs.payload_len(), Ok(header.payload_len));
        prop_assert_eq!(theirs.options(), header.options.as_bytes());
        prop_assert_eq!(theirs.header_checksum(), theirs.to_header().calc_header_checksum());
    }

    /// Both accept the same headers, but that we check the options as well.
    #[test]
    fn ipv4_of_any_bytes(bytes in beginning_with(0x45, 64)) {
        let theirs = Ipv4HeaderSlice::from_slice(&bytes);
        let theirs = theirs.ok().filter(|header| header.payload_len().is_ok());
        match Ipv4Header::parse_quoted(&bytes) {
            Ok(ours) => {
                let theirs = theirs.unwrap();
                prop_assert_eq!(Ok(ours.payload_len), theirs.payload_len());
                prop_assert_eq!(ours.header_len(), theirs.slice().len());
            }
            Err(ParseError::Malformed { what: "IPv4 options", .. }) => prop_assert!(theirs.is_some()),
            Err(error) => prop_assert!(theirs.is_none(), "{}", error),
        }
    }

    #[test]
    fn ipv6(header in strategies::ipv6()) {
        let mut bytes = [0; Ipv6Header::LEN];
        header.emit(&mut bytes);
        let theirs = Ipv6HeaderSlice::from_slice(&bytes).unwrap();
        prop_assert_eq!(theirs.source_addr(), header.source);
        prop_assert_eq!(theirs.destination_addr(), header.destination);
        prop_assert_eq!(theirs.next_header().0, u8::from(header.next_header));
        prop_assert_eq!(theirs.hop_limit(), header.hop_limit);
        prop_assert_eq!(theirs.dscp().value(), header.dscp);
        prop_assert_eq!(theirs.ecn().value(), header.ecn.bits());
        prop_assert_eq!(theirs.flow_label().value(), header.flow_label);
        prop_assert_eq!(theirs.payload_length(), header.payload_len);
    }

    /// A chain as RFC 8200 4.1 orders it ends for both at the same place.
    #[test]
    fn ipv6_extension_headers(
        lens in vec(0..3usize, 3),
        hop_by_hop: bool,
        routing: bool,
        fragment in proptest::option::of((any::<bool>(), any::<bool>())),
        rest in vec(any::<u8>(), 0..20),
    ) {
        let mut chain: Vec<(IpProtocol, usize)> = Vec::new();
        if hop_by_hop {
            chain.push((IpProtocol::HopByHop, lens[0]));
        }
        chain.push((IpProtocol::DestinationOptions, lens[1]));
        if routing {
            chain.push((IpProtocol::Ipv6Route, lens[2]));
        }
        if fragment.is_some() {
            chain.push((IpProtocol::Ipv6Fragment, 0));
        }
        let mut bytes = Vec::new();
        for (i, (protocol, words)) in chain.iter().enumerate() {
            let next = chain.get(i + 1).map_or(IpProtocol::Udp, |next| next.0);
            let mut header = vec![0; 8 + words * 8];
            match (protocol, fragment) {
                (IpProtocol::Ipv6Fragment, Some((first, more))) => Ipv6FragmentHeader {
                    next_header: next,
                    offset: if first { 0 } else { 80 },
                    more_fragments: more,
                    identification: 7,
                }
                .emit(&mut header),
                _ => header[..2].copy_from_slice(&[next.into(), *words as u8]),
            }
            bytes.extend(header);
        }
        let headers_len = bytes.len();
        bytes.extend(rest);
        let first = chain[0].0;
        let ours = Ipv6Chain::parse(first, &bytes).unwrap();
        let (_, next, rest) = Ipv6ExtensionsSlice::from_slice(IpNumber(first.into()), &bytes).unwrap();
        prop_assert_eq!(ours.offset, headers_len);
        prop_assert_eq!(ours.offset, bytes.len() - rest.len());
        prop_assert_eq!(u8::from(ours.protocol), next.0);
    }

    #[test]
    fn icmpv4(numbers in icmp_numbers(), body in vec(any::<u8>(), 0..100)) {
        let message = strategies::icmpv4(numbers, &body);
        let mut bytes = vec![0; message.len()];
        message.emit(&mut bytes);
        // Timestamp messages (13, 14) have a fixed length for etherparse, which a body here has not.
        prop_assume!(!matches!(bytes[0], 13 | 14));
        let theirs = Icmpv4Slice::from_slice(&bytes).unwrap();
        let sum = etherparse::checksum::Sum16BitWords::new().add_slice(&bytes);
        prop_assert_eq!(sum.ones_complement(), 0);
        prop_assert_eq!(theirs.payload(), &body);
        use etherparse::{Icmpv4Type, icmpv4::DestUnreachableHeader};
        match (message, theirs.icmp_type()) {
            (Icmpv4Message::EchoRequest { identifier, sequence, .. }, Icmpv4Type::EchoRequest(echo))
            | (Icmpv4Message::EchoReply { identifier, sequence, .. }, Icmpv4Type::EchoReply(echo)) => {
                prop_assert_eq!((identifier, sequence), (echo.id, echo.seq));
            }
            (
                Icmpv4Message::DestinationUnreachable { code: 4, next_hop_mtu: ours, .. },
                Icmpv4Type::DestinationUnreachable(theirs),
            ) => {
                prop_assert_eq!(theirs, DestUnreachableHeader::FragmentationNeeded { next_hop_mtu: ours });
            }
            (Icmpv4Message::Redirect { code: 0..=3, gateway, .. }, Icmpv4Type::Redirect(theirs)) => {
                prop_assert_eq!(gateway.octets(), theirs.gateway_internet_address);
            }
            (ours, _) => {
                let code = match ours {
                    Icmpv4Message::DestinationUnreachable { code, .. }
                    | Icmpv4Message::TimeExceeded { code, .. }
                    | Icmpv4Message::ParameterProblem { code, .. }
                    | Icmpv4Message::Redirect { code, .. }
                    | Icmpv4Message::Unknown { code, .. } => code,
                    other => panic!("an echo is not {other:?}"),
                };
                prop_assert_eq!(code, theirs.code_u8());
            }
        }
    }

    #[test]
    fn icmpv6(numbers in icmp_numbers(), addresses: (Ipv6Addr, Ipv6Addr), body in ndp_options()) {
        let (source, destination) = addresses;
        let message = strategies::icmpv6(numbers, addresses, &body);
        let mut bytes = vec![0; message.len()];
        message.emit(source, destination, &mut bytes);
        let theirs = Icmpv6Slice::from_slice(&bytes).unwrap();
        prop_assert!(theirs.is_checksum_valid(source.octets(), destination.octets()));
        use etherparse::Icmpv6Type;
        match (message, theirs.icmp_type()) {
            (Icmpv6Message::EchoRequest { identifier, sequence, .. }, Icmpv6Type::EchoRequest(echo))
            | (Icmpv6Message::EchoReply { identifier, sequence, .. }, Icmpv6Type::EchoReply(echo)) => {
                prop_assert_eq!((identifier, sequence), (echo.id, echo.seq));
            }
            (Icmpv6Message::PacketTooBig { mtu: ours, .. }, Icmpv6Type::PacketTooBig { mtu }) => {
                prop_assert_eq!(ours, mtu);
            }
            (
                Icmpv6Message::Ndp(NdpMessage::NeighborAdvertisement { router, solicited, override_, .. }),
                Icmpv6Type::NeighborAdvertisement(theirs),
            ) => {
                prop_assert_eq!(
                    (router, solicited, override_),
                    (theirs.router, theirs.solicited, theirs.r#override)
                );
            }
            (
                Icmpv6Message::Ndp(NdpMessage::RouterAdvertisement {
                    hop_limit, managed, other, lifetime, ..
                }),
                Icmpv6Type::RouterAdvertisement(theirs),
            ) => {
                prop_assert_eq!(hop_limit, theirs.cur_hop_limit);
                prop_assert_eq!(managed, theirs.managed_address_config);
                prop_assert_eq!(other, theirs.other_config);
                prop_assert_eq!(lifetime, theirs.router_lifetime);
            }
            _ => {}
        }
    }

    #[test]
    fn udp(
        header in strategies::udp(),
        v4: (std::net::Ipv4Addr, std::net::Ipv4Addr),
        v6: (Ipv6Addr, Ipv6Addr),
        data in vec(any::<u8>(), 0..200),
    ) {
        let header = UdpHeader { length: data.len() as u16 + 8, checksum: 0, ..header };
        let mut datagram = vec![0; 8 + data.len()];
        header.emit(&mut datagram);
        datagram[8..].copy_from_slice(&data);
        let theirs = UdpHeaderSlice::from_slice(&datagram).unwrap();
        prop_assert_eq!(theirs.source_port(), header.source_port);
        prop_assert_eq!(theirs.destination_port(), header.destination_port);
        prop_assert_eq!(theirs.length(), header.length);
        let theirs = theirs.to_header();
        let ours = transport_checksum((v4.0.into(), v4.1.into()), UdpHeader::PROTOCOL, &datagram);
        let expected = theirs.calc_checksum_ipv4_raw(v4.0.octets(), v4.1.octets(), &data).unwrap();
        prop_assert_eq!(ours.finish_udp(), expected);
        let ours = transport_checksum((v6.0.into(), v6.1.into()), UdpHeader::PROTOCOL, &datagram);
        let expected = theirs.calc_checksum_ipv6_raw(v6.0.octets(), v6.1.octets(), &data).unwrap();
        prop_assert_eq!(ours.finish_udp(), expected);
    }

    #[test]
    fn tcp(
        header in strategies::tcp(),
        v4: (std::net::Ipv4Addr, std::net::Ipv4Addr),
        v6: (Ipv6Addr, Ipv6Addr),
        data in vec(any::<u8>(), 0..200),
    ) {
        let mut segment = vec![0; header.header_len()];
        header.emit(&mut segment);
        segment.extend(&data);
        let theirs = TcpHeaderSlice::from_slice(&segment).unwrap();
        assert_same_tcp(&header, &theirs);
        let expected = theirs.calc_checksum_ipv4_raw(v4.0.octets(), v4.1.octets(), &data).unwrap();
        let ours = transport_checksum((v4.0.into(), v4.1.into()), TcpHeader::PROTOCOL, &segment);
        prop_assert_eq!(ours.finish(), expected);
        let expected = theirs.calc_checksum_ipv6_raw(v6.0.octets(), v6.1.octets(), &data).unwrap();
        let ours = transport_checksum((v6.0.into(), v6.1.into()), TcpHeader::PROTOCOL, &segment);
        prop_assert_eq!(ours.finish(), expected);
    }

    /// Both accept the same headers, but that we check the options as well.
    #[test]
    fn tcp_of_any_bytes(bytes in vec(any::<u8>(), 0..64)) {
        let theirs = TcpHeaderSlice::from_slice(&bytes);
        match TcpHeader::parse(&bytes) {
            Ok(ours) => assert_same_tcp(&ours, &theirs.unwrap()),
            Err(ParseError::Malformed { what: "TCP options", .. }) => prop_assert!(theirs.is_ok()),
            Err(error) => prop_assert!(theirs.is_err(), "{}", error),
        }
    }
}

/// The fixed fields are the same, and so are the options up to the first that etherparse does not know.
fn assert_same_tcp(ours: &TcpHeader, theirs: &TcpHeaderSlice<'_>) {
    assert_eq!(ours.source_port, theirs.source_port());
    assert_eq!(ours.destination_port, theirs.destination_port());
    assert_eq!(ours.seq.0, theirs.sequence_number());
    assert_eq!(ours.ack.0, theirs.acknowledgment_number());
    assert_eq!(ours.window, theirs.window_size());
    assert_eq!(ours.urgent, theirs.urgent_pointer());
    for (flag, set) in [
        (TcpFlags::FIN, theirs.fin()),
        (TcpFlags::SYN, theirs.syn()),
        (TcpFlags::RST, theirs.rst()),
        (TcpFlags::PSH, theirs.psh()),
        (TcpFlags::ACK, theirs.ack()),
        (TcpFlags::URG, theirs.urg()),
        (TcpFlags::ECE, theirs.ece()),
        (TcpFlags::CWR, theirs.cwr()),
        (TcpFlags::AE, theirs.ns()),
    ] {
        assert_eq!(ours.flags.contains(flag), set, "{flag:?}");
    }
    let options = &ours.options;
    for element in theirs.options_iterator().map_while(Result::ok) {
        match element {
            TcpOptionElement::Noop => {}
            // A later option of the same kind replaces the value.
            TcpOptionElement::MaximumSegmentSize(_) => assert!(options.mss.is_some()),
            TcpOptionElement::WindowScale(_) => assert!(options.window_scale.is_some()),
            TcpOptionElement::SelectiveAcknowledgementPermitted => assert!(options.sack_permitted),
            TcpOptionElement::Timestamp(..) => assert!(options.timestamps.is_some()),
            TcpOptionElement::SelectiveAcknowledgement(..) => assert!(!options.sack.is_empty()),
        }
    }
}

proptest! {
    #![proptest_config(config())]

    /// The options that both know have the same values.
    #[test]
    fn tcp_option_values(header in strategies::tcp()) {
        let mut segment = vec![0; header.header_len()];
        header.emit(&mut segment);
        let TcpOptions { mss, sack_permitted, timestamps, window_scale, sack, .. } = header.options;
        let mut expected = Vec::new();
        expected.extend(mss.map(TcpOptionElement::MaximumSegmentSize));
        expected.extend(sack_permitted.then_some(TcpOptionElement::SelectiveAcknowledgementPermitted));
        expected.extend(timestamps.map(|stamps| TcpOptionElement::Timestamp(stamps.value, stamps.echo)));
        expected.extend(window_scale.map(TcpOptionElement::WindowScale));
        let edges = |block: &SackBlock| (block.left.0, block.right.0);
        if let Some((first, more)) = sack.split_first() {
            let more = [0, 1, 2].map(|i| more.get(i).map(edges));
            expected.push(TcpOptionElement::SelectiveAcknowledgement(edges(first), more));
        }
        let read: Vec<_> = TcpHeaderSlice::from_slice(&segment)
            .unwrap()
            .options_iterator()
            .map_while(Result::ok)
            .filter(|element| *element != TcpOptionElement::Noop)
            .collect();
        prop_assert_eq!(read, expected);
    }
}
