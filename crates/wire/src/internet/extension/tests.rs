use std::vec;
use std::vec::Vec;

use super::*;

fn options_header(next_header: IpProtocol, options: &[u8]) -> Vec<u8> {
    let header = Ipv6OptionsHeader { next_header, options: Ipv6Options::new(options).unwrap() };
    let mut bytes = vec![0xaa; header.header_len()];
    header.emit(&mut bytes);
    bytes
}

fn routing_header(next_header: IpProtocol, segments_left: u8) -> Vec<u8> {
    let header = Ipv6RoutingHeader { next_header, routing_type: 3, segments_left, data: &[9; 20] };
    let mut bytes = vec![0xaa; header.header_len()];
    header.emit(&mut bytes);
    bytes
}

fn fragment_header(next_header: IpProtocol, offset: u16, more_fragments: bool) -> Vec<u8> {
    let mut bytes = vec![0xaa; 8];
    Ipv6FragmentHeader { next_header, offset, more_fragments, identification: 0x01020304 }.emit(&mut bytes);
    bytes
}

#[test]
fn a_chain_of_every_header_leads_to_the_upper_layer() {
    let payload = [
        options_header(IpProtocol::Ipv6Route, &[kind::ROUTER_ALERT, 2, 0, 7]),
        routing_header(IpProtocol::Ipv6Fragment, 0),
        fragment_header(IpProtocol::DestinationOptions, 0, false),
        options_header(IpProtocol::Tcp, &[0x1e, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        vec![1, 2, 3],
    ]
    .concat();
    let chain = Ipv6Chain::parse(IpProtocol::HopByHop, &payload).unwrap();
    assert_eq!((chain.protocol, chain.offset), (IpProtocol::Tcp, 56));
    assert_eq!(payload[chain.offset..], [1, 2, 3]);
    assert_eq!(chain.next_header_pointer, 40 + 40);
    assert_eq!(chain.router_alert, Some(7));
    assert!(chain.fragment.unwrap().is_atomic());
    let passed: Vec<_> = chain.headers.iter().map(|header| (header.protocol, header.range())).collect();
    assert_eq!(
        passed,
        [
            (IpProtocol::HopByHop, 0..8),
            (IpProtocol::Ipv6Route, 8..32),
            (IpProtocol::Ipv6Fragment, 32..40),
            (IpProtocol::DestinationOptions, 40..56),
        ]
    );
}

#[test]
fn without_extension_headers_the_chain_is_the_upper_layer() {
    let chain = Ipv6Chain::parse(IpProtocol::Udp, &[]).unwrap();
    assert_eq!((chain.protocol, chain.offset, chain.next_header_pointer), (IpProtocol::Udp, 0, 6));
}

#[test]
fn the_walk_ends_behind_the_header_of_a_fragment() {
    for (offset, more) in [(0, true), (1232, false), (8, true)] {
        // What follows would be malformed destination options, were it looked at.
        let payload = [fragment_header(IpProtocol::DestinationOptions, offset, more), vec![0xff; 8]].concat();
        let chain = Ipv6Chain::parse(IpProtocol::Ipv6Fragment, &payload).unwrap();
        assert_eq!((chain.protocol, chain.offset), (IpProtocol::DestinationOptions, 8));
        assert_eq!(
            chain.fragment.map(|fragment| (fragment.offset, fragment.more_fragments)),
            Some((offset, more))
        );
    }
}

#[test]
fn unknown_options_are_acted_on_as_their_type_says() {
    let walk = |kind: u8| {
        let payload = [
            options_header(IpProtocol::DestinationOptions, &[]),
            options_header(IpProtocol::Udp, &[0, kind, 1, 0]),
        ]
        .concat();
        Ipv6Chain::parse(IpProtocol::HopByHop, &payload)
    };
    assert_eq!(walk(0x1e).unwrap().protocol, IpProtocol::Udp);
    for (kind, action) in [
        (0x5e, OptionAction::Discard),
        (0x9e, OptionAction::DiscardReply),
        (0xde, OptionAction::DiscardReplyUnlessMulticast),
    ] {
        let pointer = 40 + 8 + 3;
        assert_eq!(walk(kind), Err(ExtensionError::UnrecognizedOption { pointer, action }));
    }
}

#[test]
fn a_routing_header_with_segments_left_is_refused() {
    let payload = routing_header(IpProtocol::Udp, 1);
    assert_eq!(
        Ipv6Chain::parse(IpProtocol::Ipv6Route, &payload),
        Err(ExtensionError::RoutingType { pointer: 42 })
    );
}

#[test]
fn hop_by_hop_options_behind_another_header_are_no_upper_layer() {
    let payload = [options_header(IpProtocol::HopByHop, &[]), options_header(IpProtocol::Udp, &[])].concat();
    let chain = Ipv6Chain::parse(IpProtocol::DestinationOptions, &payload).unwrap();
    assert_eq!((chain.protocol, chain.next_header_pointer), (IpProtocol::HopByHop, 40));
}

#[test]
fn eight_headers_are_walked_and_nine_are_too_many() {
    let headers = |count: usize| {
        let mut payload = options_header(IpProtocol::DestinationOptions, &[]).repeat(count);
        payload[(count - 1) * 8] = IpProtocol::Udp.into();
        payload
    };
    assert!(Ipv6Chain::parse(IpProtocol::DestinationOptions, &headers(8)).is_ok());
    assert_eq!(Ipv6Chain::parse(IpProtocol::DestinationOptions, &headers(9)), Err(ExtensionError::TooMany));
}

#[test]
fn headers_and_options_beyond_the_packet_are_refused() {
    let whole = options_header(IpProtocol::Udp, &[0; 14]);
    for len in 0..whole.len() {
        let error = Ipv6Chain::parse(IpProtocol::DestinationOptions, &whole[..len]).unwrap_err();
        assert!(matches!(error, ExtensionError::Malformed(ParseError::Truncated { .. })), "{len} bytes");
    }
    for options in [[1, 5, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1]] {
        let bytes = [&[17, 0][..], &options].concat();
        let error = Ipv6Chain::parse(IpProtocol::DestinationOptions, &bytes).unwrap_err();
        assert!(matches!(error, ExtensionError::Malformed(ParseError::Malformed { .. })), "{options:?}");
    }
}
