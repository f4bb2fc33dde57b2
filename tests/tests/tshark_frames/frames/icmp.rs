//! ICMP, ICMPv6 and Neighbor Discovery.

use fathom_wire::internet::{icmpv4, icmpv6};
use fathom_wire::*;

use super::*;

pub(super) fn icmp() -> Vec<Sample> {
    let quoted = datagram((V4.0.into(), V4.1.into()), b"");
    let quoted = v4_packet(&v4_header(IpProtocol::Udp, &quoted), &quoted);
    let invoking = &quoted[..];
    let data = b"abcdefghijklmnopqrstuvwabcdefghi";
    let (protocols, error) = ("eth:ethertype:ip:icmp", "eth:ethertype:ip:icmp:ip:udp");
    [
        (
            "ICMP echo request",
            protocols,
            Icmpv4Message::EchoRequest { identifier: 0x1234, sequence: 2, data },
            vec![("icmp.type", "8"), ("icmp.ident", "4660"), ("icmp.seq", "2")],
        ),
        (
            "ICMP echo reply",
            protocols,
            Icmpv4Message::EchoReply { identifier: 0x1234, sequence: 2, data },
            vec![("icmp.type", "0"), ("icmp.ident", "4660"), ("icmp.seq", "2")],
        ),
        (
            "ICMP port unreachable",
            error,
            Icmpv4Message::DestinationUnreachable {
                code: icmpv4::unreachable::PORT,
                next_hop_mtu: 0,
                invoking,
            },
            vec![("icmp.type", "3"), ("icmp.code", "3"), ("udp.dstport", "9")],
        ),
        (
            "ICMP fragmentation needed",
            error,
            Icmpv4Message::DestinationUnreachable {
                code: icmpv4::unreachable::FRAGMENTATION_NEEDED,
                next_hop_mtu: 1400,
                invoking,
            },
            vec![("icmp.type", "3"), ("icmp.code", "4"), ("icmp.mtu", "1400")],
        ),
        (
            "ICMP time exceeded",
            error,
            Icmpv4Message::TimeExceeded { code: icmpv4::exceeded::IN_TRANSIT, invoking },
            vec![("icmp.type", "11"), ("icmp.code", "0"), ("ip.dst", "198.51.100.2,198.51.100.2")],
        ),
        (
            "ICMP parameter problem",
            error,
            Icmpv4Message::ParameterProblem { code: 0, pointer: 20, invoking },
            vec![("icmp.type", "12"), ("icmp.pointer", "20")],
        ),
        (
            "ICMP redirect",
            error,
            Icmpv4Message::Redirect { code: 1, gateway: Ipv4Addr::new(192, 0, 2, 9), invoking },
            vec![("icmp.type", "5"), ("icmp.code", "1"), ("icmp.redir_gw", "192.0.2.9")],
        ),
        (
            "ICMP timestamp",
            protocols,
            Icmpv4Message::Unknown { kind: 13, code: 0, rest: [0, 7, 0, 1], body: &[0; 12] },
            vec![("icmp.type", "13"), ("icmp.ident", "7")],
        ),
    ]
    .into_iter()
    .map(|(name, protocols, message, fields)| {
        let bytes = emit(message.len(), |out| message.emit(out));
        sample(name, protocols, &["ip", "icmp"], &fields, v4_frame(IpProtocol::Icmpv4, &bytes))
    })
    .collect()
}

pub(super) fn icmp6() -> Vec<Sample> {
    let quoted = datagram((V6.0.into(), V6.1.into()), b"");
    let quoted = v6_packet(V6.0, V6.1, IpProtocol::Udp, &quoted);
    let invoking = &quoted[..];
    let (protocols, error) = ("eth:ethertype:ipv6:icmpv6", "eth:ethertype:ipv6:icmpv6:ipv6:udp");
    [
        (
            "ICMPv6 echo request",
            protocols,
            Icmpv6Message::EchoRequest { identifier: 0x1234, sequence: 2, data: b"odd" },
            vec![
                ("icmpv6.type", "128"),
                ("icmpv6.echo.identifier", "0x1234"),
                ("icmpv6.echo.sequence_number", "2"),
            ],
        ),
        (
            "ICMPv6 echo reply",
            protocols,
            Icmpv6Message::EchoReply { identifier: 0x1234, sequence: 2, data: b"odd" },
            vec![
                ("icmpv6.type", "129"),
                ("icmpv6.echo.identifier", "0x1234"),
                ("icmpv6.echo.sequence_number", "2"),
            ],
        ),
        (
            "ICMPv6 port unreachable",
            error,
            Icmpv6Message::DestinationUnreachable { code: icmpv6::unreachable::PORT, invoking },
            vec![("icmpv6.type", "1"), ("icmpv6.code", "4")],
        ),
        (
            "ICMPv6 packet too big",
            error,
            Icmpv6Message::PacketTooBig { mtu: 1280, invoking },
            vec![("icmpv6.type", "2"), ("icmpv6.mtu", "1280")],
        ),
        (
            "ICMPv6 time exceeded",
            error,
            Icmpv6Message::TimeExceeded { code: icmpv6::exceeded::REASSEMBLY, invoking },
            vec![("icmpv6.type", "3"), ("icmpv6.code", "1")],
        ),
        (
            "ICMPv6 parameter problem",
            error,
            Icmpv6Message::ParameterProblem { code: icmpv6::parameter::NEXT_HEADER, pointer: 6, invoking },
            vec![("icmpv6.type", "4"), ("icmpv6.code", "1"), ("icmpv6.pointer", "6")],
        ),
    ]
    .into_iter()
    .map(|(name, protocols, message, fields)| {
        let bytes = emit(message.len(), |out| message.emit(V6.0, V6.1, out));
        sample(name, protocols, &["icmpv6"], &fields, v6_frame(IpProtocol::Icmpv6, &bytes))
    })
    .collect()
}

pub(super) fn neighbor_discovery() -> Vec<Sample> {
    let options = |options: &[NdpOption<'_>]| {
        let mut buffer = NdpOptionBuffer::new();
        assert!(options.iter().all(|option| buffer.push(*option)), "the buffer holds the options");
        buffer
    };
    let source = options(&[NdpOption::SourceLinkLayer(STATION)]);
    let target = options(&[NdpOption::TargetLinkLayer(STATION)]);
    let router = options(&[
        NdpOption::SourceLinkLayer(STATION),
        NdpOption::Mtu(1500),
        NdpOption::PrefixInformation(PrefixInformation {
            prefix: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0),
            prefix_len: 64,
            on_link: true,
            autonomous: false,
            valid_lifetime: 7200,
            preferred_lifetime: 3600,
        }),
    ]);
    let redirected = datagram((V6.0.into(), V6.1.into()), b"");
    let redirected = v6_packet(V6.0, V6.1, IpProtocol::Udp, &redirected);
    let redirect = options(&[NdpOption::TargetLinkLayer(OTHER), NdpOption::RedirectedHeader(&redirected)]);
    [
        (
            "router solicitation",
            NdpMessage::RouterSolicitation { options: source.options() },
            vec![("icmpv6.type", "133"), ("icmpv6.opt.src_linkaddr", "02:00:00:00:00:01")],
        ),
        (
            "router advertisement",
            NdpMessage::RouterAdvertisement {
                hop_limit: 64,
                managed: false,
                other: true,
                lifetime: 1800,
                reachable: 30_000,
                retransmit: 1000,
                options: router.options(),
            },
            vec![
                ("icmpv6.type", "134"),
                ("icmpv6.nd.ra.cur_hop_limit", "64"),
                ("icmpv6.nd.ra.flag.m", "0"),
                ("icmpv6.nd.ra.flag.o", "1"),
                ("icmpv6.nd.ra.router_lifetime", "1800"),
                ("icmpv6.nd.ra.reachable_time", "30000"),
                ("icmpv6.nd.ra.retrans_timer", "1000"),
                ("icmpv6.opt.mtu", "1500"),
                ("icmpv6.opt.prefix", "2001:db8::"),
                ("icmpv6.opt.prefix.length", "64"),
                ("icmpv6.opt.prefix.flag.l", "1"),
                ("icmpv6.opt.prefix.flag.a", "0"),
                ("icmpv6.opt.prefix.valid_lifetime", "7200"),
                ("icmpv6.opt.prefix.preferred_lifetime", "3600"),
            ],
        ),
        (
            "neighbor solicitation",
            NdpMessage::NeighborSolicitation { target: V6.1, options: source.options() },
            vec![
                ("icmpv6.type", "135"),
                ("icmpv6.nd.ns.target_address", "2001:db8::2"),
                ("icmpv6.opt.src_linkaddr", "02:00:00:00:00:01"),
            ],
        ),
        (
            "neighbor advertisement",
            NdpMessage::NeighborAdvertisement {
                router: false,
                solicited: true,
                override_: true,
                target: V6.1,
                options: target.options(),
            },
            vec![
                ("icmpv6.type", "136"),
                ("icmpv6.nd.na.flag.r", "0"),
                ("icmpv6.nd.na.flag.s", "1"),
                ("icmpv6.nd.na.flag.o", "1"),
                ("icmpv6.nd.na.target_address", "2001:db8::2"),
                ("icmpv6.opt.target_linkaddr", "02:00:00:00:00:01"),
            ],
        ),
        (
            "redirect",
            NdpMessage::Redirect { target: LINK_LOCAL, destination: V6.1, options: redirect.options() },
            vec![
                ("icmpv6.type", "137"),
                ("icmpv6.nd.rd.target_address", "fe80::1"),
                ("icmpv6.rd.na.destination_address", "2001:db8::2"),
                ("icmpv6.opt.target_linkaddr", "02:00:00:00:00:02"),
                ("udp.dstport", "9"),
            ],
        ),
    ]
    .into_iter()
    .map(|(name, message, fields)| {
        let message = Icmpv6Message::Ndp(message);
        let bytes = emit(message.len(), |out| message.emit(LINK_LOCAL, ALL_NODES, out));
        let packet = v6_packet(LINK_LOCAL, ALL_NODES, IpProtocol::Icmpv6, &bytes);
        let frame = ethernet(EtherType::Ipv6, None, &packet);
        sample(name, "eth:ethertype:ipv6:icmpv6", &["icmpv6"], &fields, frame)
    })
    .collect()
}
