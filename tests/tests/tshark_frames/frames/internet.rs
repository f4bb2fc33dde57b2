//! IPv4 and IPv6 packets.

use fathom_wire::*;

use super::*;

pub(super) fn ipv4() -> Vec<Sample> {
    let addresses = (V4.0.into(), V4.1.into());
    let whole = datagram(addresses, b"marked");
    let marked = Ipv4Header { dscp: 46, ecn: Ecn::Ce, ..v4_header(IpProtocol::Udp, &whole) };
    let options = Ipv4Options::parse(&[148, 4, 0, 0, 7, 7, 4, 0, 0, 0, 0]).expect("well-formed options");
    let with_options = Ipv4Header { options, ..v4_header(IpProtocol::Udp, &whole) };
    let long = datagram(addresses, &[0x55; 2000]);
    let fragment = |fragment_offset: usize, more_fragments| {
        let payload = &long[fragment_offset..long.len().min(fragment_offset + 1480)];
        let header = Ipv4Header {
            dont_fragment: false,
            more_fragments,
            fragment_offset: fragment_offset as u16,
            ..v4_header(IpProtocol::Udp, payload)
        };
        ethernet(EtherType::Ipv4, None, &v4_packet(&header, payload))
    };
    vec![
        sample(
            "IPv4 with DSCP and ECN",
            "eth:ethertype:ip:udp",
            &["ip", "udp"],
            &[("ip.dsfield.dscp", "46"), ("ip.dsfield.ecn", "3"), ("ip.flags.df", "1"), ("ip.ttl", "64")],
            ethernet(EtherType::Ipv4, None, &v4_packet(&marked, &whole)),
        ),
        sample(
            "IPv4 options",
            "eth:ethertype:ip:udp",
            &["ip", "udp"],
            &[("ip.hdr_len", "32"), ("ip.opt.ra", "0"), ("ip.opt.type", "148,7,0"), ("ip.src", "192.0.2.1")],
            ethernet(EtherType::Ipv4, None, &v4_packet(&with_options, &whole)),
        ),
        sample(
            "first IPv4 fragment",
            "eth:ethertype:ip",
            &["ip"],
            &[("ip.flags.mf", "1"), ("ip.frag_offset", "0"), ("ip.id", "0x1234"), ("ip.len", "1500")],
            fragment(0, true),
        ),
        sample(
            // tshark gives the offset in units of 8 bytes.
            "last IPv4 fragment",
            "eth:ethertype:ip",
            &["ip"],
            &[("ip.flags.mf", "0"), ("ip.frag_offset", "185"), ("ip.id", "0x1234"), ("ip.len", "548")],
            fragment(1480, false),
        ),
    ]
}

pub(super) fn ipv6() -> Vec<Sample> {
    let options = |next_header, bytes: &[u8]| {
        let options = Ipv6Options::new(bytes).expect("well-formed options");
        let header = Ipv6OptionsHeader { next_header, options };
        emit(header.header_len(), |out| header.emit(out))
    };
    let fragment = |next_header, offset, more_fragments| {
        let header = Ipv6FragmentHeader { next_header, offset, more_fragments, identification: 0x01020304 };
        emit(Ipv6FragmentHeader::LEN, |out| header.emit(out))
    };
    // A segment routing header (RFC 8754 2) whose only segment has been visited.
    let segment = [&[0, 0, 0, 0], &V6.1.octets()[..]].concat();
    let routing = Ipv6RoutingHeader {
        next_header: IpProtocol::Ipv6Fragment,
        routing_type: 4,
        segments_left: 0,
        data: &segment,
    };
    let routing = emit(routing.header_len(), |out| routing.emit(out));
    let whole = datagram((V6.0.into(), V6.1.into()), b"behind every header");
    let chain = [
        options(IpProtocol::Ipv6Route, &[5, 2, 0, 0]),
        routing,
        fragment(IpProtocol::DestinationOptions, 0, false),
        options(IpProtocol::Udp, &[0x1e, 5, 1, 2, 3, 4, 5]),
        whole.clone(),
    ]
    .concat();
    let piece = [fragment(IpProtocol::Udp, 1232, true), vec![0x55; 1232]].concat();
    vec![
        sample(
            "IPv6",
            "eth:ethertype:ipv6:udp",
            &["udp"],
            &[
                ("ipv6.tclass.dscp", "46"),
                ("ipv6.tclass.ecn", "2"),
                ("ipv6.flow", "0x0abcde"),
                ("ipv6.hlim", "255"),
                ("ipv6.dst", "2001:db8::2"),
            ],
            v6_frame(IpProtocol::Udp, &whole),
        ),
        sample(
            "IPv6 extension headers",
            "eth:ethertype:ipv6:ipv6.hopopts:ipv6.routing:ipv6.fraghdr:ipv6.dstopts:udp",
            &["udp"],
            &[
                ("ipv6.opt.router_alert", "0"),
                ("ipv6.routing.type", "4"),
                ("ipv6.routing.segleft", "0"),
                ("ipv6.routing.srh.addr", "2001:db8::2"),
                ("ipv6.fraghdr.ident", "0x01020304"),
                ("ipv6.dstopts.nxt", "17"),
            ],
            v6_frame(IpProtocol::HopByHop, &chain),
        ),
        sample(
            "IPv6 fragment",
            "eth:ethertype:ipv6:ipv6.fraghdr",
            &[],
            &[("ipv6.fraghdr.offset", "154"), ("ipv6.fraghdr.more", "1"), ("ipv6.fraghdr.nxt", "17")],
            v6_frame(IpProtocol::Ipv6Fragment, &piece),
        ),
    ]
}
