use std::vec;
use std::vec::Vec;

use super::*;
use crate::{EthernetAddress, FieldValue, Icmpv6Message};

const SOURCE: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const ADDRESS: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 1]);

fn emitted(message: NdpMessage<'_>) -> Vec<u8> {
    let message = Icmpv6Message::Ndp(message);
    let mut bytes = vec![0xaa; message.len()];
    message.emit(SOURCE, ALL_NODES, &mut bytes);
    bytes
}

fn parse(bytes: &[u8]) -> Result<NdpMessage<'_>, ParseError> {
    match Icmpv6Message::parse(SOURCE, ALL_NODES, bytes)? {
        Icmpv6Message::Ndp(message) => Ok(message),
        other => panic!("not Neighbor Discovery: {other:?}"),
    }
}

fn options(options: &[NdpOption<'_>]) -> NdpOptionBuffer {
    let mut buffer = NdpOptionBuffer::new();
    assert!(options.iter().all(|option| buffer.push(*option)));
    buffer
}

#[test]
fn every_message_is_read_as_it_was_written() {
    let prefix = PrefixInformation {
        prefix: "2001:db8::".parse().unwrap(),
        prefix_len: 64,
        on_link: true,
        autonomous: true,
        valid_lifetime: 7200,
        preferred_lifetime: 3600,
    };
    let router = [
        NdpOption::SourceLinkLayer(ADDRESS),
        NdpOption::Mtu(1500),
        NdpOption::PrefixInformation(prefix),
        NdpOption::Unknown { kind: 25, data: &[1; 14] },
    ];
    let redirect = [NdpOption::TargetLinkLayer(ADDRESS), NdpOption::RedirectedHeader(&[0x60; 48])];
    let (router_options, redirect_options) = (options(&router), options(&redirect));
    let target = "fe80::2".parse().unwrap();
    for message in [
        NdpMessage::RouterSolicitation { options: NdpOptions::NONE },
        NdpMessage::RouterAdvertisement {
            hop_limit: 64,
            managed: false,
            other: true,
            lifetime: 1800,
            reachable: 30_000,
            retransmit: 1000,
            options: router_options.options(),
        },
        NdpMessage::NeighborSolicitation { target, options: NdpOptions::NONE },
        NdpMessage::NeighborAdvertisement {
            router: false,
            solicited: true,
            override_: false,
            target,
            options: NdpOptions::NONE,
        },
        NdpMessage::Redirect { target, destination: SOURCE, options: redirect_options.options() },
    ] {
        assert_eq!(parse(&emitted(message)), Ok(message));
    }
    assert!(router_options.options().eq(router));
    assert!(redirect_options.options().eq(redirect));
    assert_eq!(router_options.options().source_link_layer(), Some(ADDRESS));
    assert_eq!(router_options.options().target_link_layer(), None);
    assert_eq!(redirect_options.options().target_link_layer(), Some(ADDRESS));
}

#[test]
fn flags_of_an_advertisement_stand_at_their_bits() {
    for (router, solicited, override_, byte) in
        [(true, false, false, 0x80), (false, true, false, 0x40), (false, false, true, 0x20)]
    {
        let message = NdpMessage::NeighborAdvertisement {
            router,
            solicited,
            override_,
            target: SOURCE,
            options: NdpOptions::NONE,
        };
        assert_eq!(emitted(message)[4..8], [byte, 0, 0, 0]);
    }
}

#[test]
fn an_option_without_length_or_beyond_the_message_is_refused() {
    for wrong in [&[1, 0, 0, 0, 0, 0, 0, 0][..], &[1, 2, 0, 0, 0, 0, 0, 0], &[1], &[1, 1, 0, 0, 0, 0, 0]] {
        // RFC4861-R4
        assert!(matches!(NdpOptions::new(wrong), Err(ParseError::Malformed { .. })), "{wrong:?}");
    }
}

#[test]
fn a_link_layer_address_that_is_not_ethernet_is_unknown() {
    let bytes = [1, 2, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0, 0];
    let option = NdpOptions::new(&bytes).unwrap().next();
    assert_eq!(option, Some(NdpOption::Unknown { kind: 1, data: &bytes[2..] }));
}

#[test]
fn a_message_with_a_code_is_refused() {
    let mut bytes = emitted(NdpMessage::RouterSolicitation { options: NdpOptions::NONE });
    bytes[1] = 1;
    // One more in the code's byte is 0x0001 in the sum, taken from the checksum.
    let checksum = u16::from_be_bytes([bytes[2], bytes[3]]) - 1;
    bytes[2..4].copy_from_slice(&checksum.to_be_bytes());
    assert!(matches!(parse(&bytes), Err(ParseError::Malformed { .. })));
}

#[test]
fn a_full_buffer_takes_no_more() {
    let mut buffer = options(&[NdpOption::RedirectedHeader(&[0; 1184])]);
    assert!(!buffer.push(NdpOption::PrefixInformation(PrefixInformation {
        prefix: SOURCE,
        prefix_len: 64,
        on_link: true,
        autonomous: true,
        valid_lifetime: 0,
        preferred_lifetime: 0,
    })));
    assert!(buffer.push(NdpOption::Mtu(1280)));
}

#[test]
fn the_fields_of_an_option_are_read_from_its_bytes() {
    let buffer = options(&[NdpOption::Mtu(1500), NdpOption::SourceLinkLayer(ADDRESS)]);
    let value = |option: &[u8], name| {
        let field = option_fields(option[0]).iter().find(|field| field.name == name);
        field.and_then(|field| field.value(option))
    };
    let raw: Vec<_> = buffer.options().raw().collect();
    assert_eq!(raw.len(), 2);
    assert_eq!(value(raw[0], "mtu"), Some(FieldValue::Number(1500)));
    assert_eq!(value(raw[1], "address"), Some(FieldValue::Ethernet(ADDRESS)));
}

#[test]
fn a_prefix_of_more_than_128_bits_is_unknown() {
    let mut bytes = [0; 32];
    bytes[..3].copy_from_slice(&[3, 4, 129]);
    let option = NdpOptions::new(&bytes).unwrap().next();
    assert_eq!(option, Some(NdpOption::Unknown { kind: 3, data: &bytes[2..] }));
}
