//! Arbitrary values of each wire type, as a correct sender could mean them.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::net::{Ipv4Addr, Ipv6Addr};

use fathom_wire::*;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

/// The same cases in every run, and nothing written beside the sources.
pub(crate) fn config() -> Config {
    Config {
        cases: 1024,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(0x00fa_7403),
        ..Config::default()
    }
}

pub(crate) fn ethernet_address() -> impl Strategy<Value = EthernetAddress> {
    any::<[u8; 6]>().prop_map(EthernetAddress)
}

/// Any type but the one that announces a tag.
pub(crate) fn ether_type() -> impl Strategy<Value = EtherType> {
    prop_oneof![Just(0x0800), Just(0x0806), Just(0x86dd), any::<u16>()]
        .prop_map(EtherType::from)
        .prop_filter("a tag is a field of its own", |ether_type| *ether_type != EtherType::Vlan)
}

pub(crate) fn ethernet() -> impl Strategy<Value = EthernetHeader> {
    let tag = (0..8u8, any::<bool>(), 0..4096u16).prop_map(|(priority, drop_eligible, id)| VlanTag {
        priority,
        drop_eligible,
        id,
    });
    (ethernet_address(), ethernet_address(), proptest::option::of(tag), ether_type()).prop_map(
        |(destination, source, vlan, ether_type)| EthernetHeader { destination, source, vlan, ether_type },
    )
}

pub(crate) fn arp() -> impl Strategy<Value = ArpPacket> {
    let operation = prop_oneof![Just(1), Just(2), any::<u16>()].prop_map(ArpOperation::from);
    (operation, ethernet_address(), any::<Ipv4Addr>(), ethernet_address(), any::<Ipv4Addr>()).prop_map(
        |(operation, sender_hardware, sender_protocol, target_hardware, target_protocol)| ArpPacket {
            operation,
            sender_hardware,
            sender_protocol,
            target_hardware,
            target_protocol,
        },
    )
}

pub(crate) fn ecn() -> impl Strategy<Value = Ecn> {
    any::<u8>().prop_map(Ecn::from_bits)
}

pub(crate) fn ipv4_options() -> impl Strategy<Value = Ipv4Options> {
    // Options of 1 or 2 + n bytes, as many as 40 bytes hold.
    let option = prop_oneof![
        Just(vec![1]),
        (2..=255u8, vec(any::<u8>(), 0..12)).prop_map(|(kind, data)| {
            let mut option = std::vec![kind, data.len() as u8 + 2];
            option.extend(data);
            option
        })
    ];
    vec(option, 0..6).prop_map(|options| {
        let bytes = options.into_iter().fold(Vec::new(), |mut bytes, option| {
            if bytes.len() + option.len() <= 40 {
                bytes.extend(option);
            }
            bytes
        });
        Ipv4Options::parse(&bytes).expect("the options are well-formed")
    })
}

pub(crate) fn ipv4() -> impl Strategy<Value = Ipv4Header> {
    (
        (any::<Ipv4Addr>(), any::<Ipv4Addr>(), any::<u8>(), any::<u8>(), 0..64u8, ecn(), any::<u16>()),
        (any::<bool>(), any::<bool>(), 0..0x2000u16, 0..2000u16, ipv4_options()),
    )
        .prop_map(
            |(
                (source, destination, protocol, hop_limit, dscp, ecn, identification),
                (dont_fragment, more_fragments, fragment, payload_len, options),
            )| Ipv4Header {
                source,
                destination,
                protocol: protocol.into(),
                hop_limit,
                dscp,
                ecn,
                identification,
                dont_fragment,
                more_fragments,
                fragment_offset: fragment * 8,
                payload_len,
                options,
            },
        )
}

pub(crate) fn ipv6() -> impl Strategy<Value = Ipv6Header> {
    (
        (any::<Ipv6Addr>(), any::<Ipv6Addr>(), any::<u8>(), any::<u8>()),
        (0..64u8, ecn(), 0..0x10_0000u32, 0..2000u16),
    )
        .prop_map(
            |((source, destination, next_header, hop_limit), (dscp, ecn, flow_label, payload_len))| {
                Ipv6Header {
                    source,
                    destination,
                    next_header: next_header.into(),
                    hop_limit,
                    dscp,
                    ecn,
                    flow_label,
                    payload_len,
                }
            },
        )
}

pub(crate) fn fragment() -> impl Strategy<Value = Ipv6FragmentHeader> {
    (any::<u8>(), 0..0x2000u16, any::<bool>(), any::<u32>()).prop_map(
        |(next_header, offset, more_fragments, identification)| Ipv6FragmentHeader {
            next_header: next_header.into(),
            offset: offset * 8,
            more_fragments,
            identification,
        },
    )
}

/// Numbers from which any ICMP message can be made: type, code, second word, which message.
pub(crate) fn icmp_numbers() -> impl Strategy<Value = (u8, u8, [u8; 4], usize)> {
    (any::<u8>(), any::<u8>(), any::<[u8; 4]>(), 0..12usize)
}

/// The ICMP message that `numbers` choose.
pub(crate) fn icmpv4((kind, code, rest, choice): (u8, u8, [u8; 4], usize), body: &[u8]) -> Icmpv4Message<'_> {
    let [a, b, c, d] = rest;
    let (upper, lower) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    match choice % 7 {
        0 => Icmpv4Message::EchoRequest { identifier: upper, sequence: lower, data: body },
        1 => Icmpv4Message::EchoReply { identifier: upper, sequence: lower, data: body },
        2 => Icmpv4Message::DestinationUnreachable { code, next_hop_mtu: lower, invoking: body },
        3 => Icmpv4Message::TimeExceeded { code, invoking: body },
        4 => Icmpv4Message::ParameterProblem { code, pointer: a, invoking: body },
        5 => Icmpv4Message::Redirect { code, gateway: rest.into(), invoking: body },
        // 13 to 255 are types without a meaning of their own here.
        _ => Icmpv4Message::Unknown { kind: kind.max(13), code, rest, body },
    }
}

/// The ICMPv6 message that `numbers` choose. `body` must be well-formed Neighbor Discovery options, as the
/// Neighbor Discovery messages carry it as such.
pub(crate) fn icmpv6(
    (kind, code, rest, choice): (u8, u8, [u8; 4], usize),
    (target, destination): (Ipv6Addr, Ipv6Addr),
    body: &[u8],
) -> Icmpv6Message<'_> {
    let options = NdpOptions::new(body).expect("the options are well-formed");
    let [a, b, c, d] = rest;
    let (identifier, sequence) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    let word = u32::from_be_bytes(rest);
    match choice {
        0 => Icmpv6Message::EchoRequest { identifier, sequence, data: body },
        1 => Icmpv6Message::EchoReply { identifier, sequence, data: body },
        2 => Icmpv6Message::DestinationUnreachable { code, invoking: body },
        3 => Icmpv6Message::PacketTooBig { mtu: word, invoking: body },
        4 => Icmpv6Message::TimeExceeded { code, invoking: body },
        5 => Icmpv6Message::ParameterProblem { code, pointer: word, invoking: body },
        6 => Icmpv6Message::Unknown { kind: kind.max(144), code, rest, body },
        7 => Icmpv6Message::Ndp(NdpMessage::RouterSolicitation { options }),
        8 => Icmpv6Message::Ndp(NdpMessage::RouterAdvertisement {
            hop_limit: a,
            managed: b & 1 == 1,
            other: b & 2 == 2,
            lifetime: sequence,
            reachable: word,
            retransmit: !word,
            options,
        }),
        9 => Icmpv6Message::Ndp(NdpMessage::NeighborSolicitation { target, options }),
        10 => Icmpv6Message::Ndp(NdpMessage::NeighborAdvertisement {
            router: a & 1 == 1,
            solicited: a & 2 == 2,
            override_: a & 4 == 4,
            target,
            options,
        }),
        _ => Icmpv6Message::Ndp(NdpMessage::Redirect { target, destination, options }),
    }
}

/// Neighbor Discovery options as bytes.
pub(crate) fn ndp_options() -> impl Strategy<Value = Vec<u8>> {
    let option = (any::<u8>(), ethernet_address(), any::<[u8; 32]>(), 0..6usize);
    vec(option, 0..6).prop_map(|options| {
        let mut buffer = NdpOptionBuffer::new();
        for (kind, address, data, shape) in &options {
            let word = u32::from_be_bytes([data[0], data[1], data[2], data[3]]);
            assert!(
                buffer.push(match shape {
                    0 => NdpOption::SourceLinkLayer(*address),
                    1 => NdpOption::TargetLinkLayer(*address),
                    2 => NdpOption::Mtu(word),
                    3 => NdpOption::RedirectedHeader(&data[..usize::from(*kind % 5) * 8]),
                    4 => NdpOption::Unknown {
                        kind: (*kind).max(6),
                        data: &data[..usize::from(*kind % 4) * 8 + 6]
                    },
                    _ => NdpOption::PrefixInformation(PrefixInformation {
                        prefix: data[..16].first_chunk::<16>().map(|octets| Ipv6Addr::from(*octets)).unwrap(),
                        prefix_len: kind % 129,
                        on_link: kind & 1 == 1,
                        autonomous: kind & 2 == 2,
                        valid_lifetime: word,
                        preferred_lifetime: !word,
                    }),
                })
            );
        }
        buffer.options().as_bytes().to_vec()
    })
}

pub(crate) fn udp() -> impl Strategy<Value = UdpHeader> {
    (any::<u16>(), any::<u16>(), 8..2000u16, any::<u16>()).prop_map(
        |(source_port, destination_port, length, checksum)| UdpHeader {
            source_port,
            destination_port,
            length,
            checksum,
        },
    )
}

fn acc_ecn() -> impl Strategy<Value = AccEcnOption> {
    let order = prop_oneof![Just(AccEcnOrder::Ect0First), Just(AccEcnOrder::Ect1First)];
    (order, vec(0..0x100_0000u32, 0..=3))
        .prop_map(|(order, counters)| AccEcnOption { order, counters: counters.into_iter().collect() })
}

fn user_timeout() -> impl Strategy<Value = UserTimeout> {
    prop_oneof![(0..0x8000u16).prop_map(UserTimeout::Seconds), (0..0x8000u16).prop_map(UserTimeout::Minutes)]
}

fn unknown_options() -> impl Strategy<Value = RawOptions> {
    vec((200..=254u8, vec(any::<u8>(), 0..9)), 0..3).prop_map(|options| {
        let mut unknown = RawOptions::default();
        for (kind, data) in options {
            unknown.push(kind, &data).expect("two options of 11 bytes fit");
        }
        unknown
    })
}

/// Sets of options that fit a header.
pub(crate) fn tcp_options() -> impl Strategy<Value = TcpOptions> {
    use proptest::option::weighted;
    let block = (any::<u32>(), any::<u32>())
        .prop_map(|(left, right)| SackBlock { left: SeqNumber(left), right: SeqNumber(right) });
    let timestamps = any::<(u32, u32)>().prop_map(|(value, echo)| TcpTimestamps { value, echo });
    let cookie = prop_oneof![Just(0), (2..=8usize).prop_map(|pairs| pairs * 2)]
        .prop_flat_map(|len| vec(any::<u8>(), len))
        .prop_map(|bytes| FastOpenCookie::parse(&bytes).expect("the length is one of a cookie"));
    (
        weighted(0.3, any::<u16>()),
        weighted(0.3, any::<u8>()),
        proptest::bool::weighted(0.3),
        weighted(0.5, timestamps),
        prop_oneof![3 => Just(Vec::new()), 2 => vec(block, 1..=4)],
        weighted(0.2, cookie),
        weighted(0.2, acc_ecn()),
        weighted(0.2, user_timeout()),
        prop_oneof![3 => Just(RawOptions::default()), 1 => unknown_options()],
    )
        .prop_map(
            |(
                mss,
                window_scale,
                sack_permitted,
                timestamps,
                sack,
                fast_open,
                acc_ecn,
                user_timeout,
                unknown,
            )| {
                TcpOptions {
                    mss,
                    sack_permitted,
                    timestamps,
                    window_scale,
                    sack: sack.into_iter().collect(),
                    fast_open,
                    acc_ecn,
                    user_timeout,
                    unknown,
                }
            },
        )
        .prop_filter("the options fit a header", TcpOptions::fits)
}

pub(crate) fn tcp() -> impl Strategy<Value = TcpHeader> {
    (any::<(u16, u16, u32, u32, u16, u16, u16)>(), tcp_options()).prop_map(
        |((source_port, destination_port, seq, ack, flags, window, urgent), options)| TcpHeader {
            source_port,
            destination_port,
            seq: SeqNumber(seq),
            ack: SeqNumber(ack),
            flags: TcpFlags::from_bits_truncate(flags),
            window,
            urgent,
            options,
        },
    )
}
