//! Writes `fuzz/corpus/<target>/`: headers as our builders make them, as other stacks send them, and edge
//! cases. Run it in `fuzz/`: `cargo run --example seed_corpus`.

use std::fs;
use std::path::Path;

use fathom_wire::internet::{extension, icmpv4, icmpv6};
use fathom_wire::*;

fn main() -> std::io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (target, seeds) in [
        ("ethernet", ethernet()),
        ("arp", arp()),
        ("ipv4", ipv4()),
        ("ipv6", ipv6()),
        ("icmpv4", icmpv4()),
        ("icmpv6", icmpv6()),
        ("igmp", igmp()),
        ("mld", mld()),
        ("udp", udp()),
        ("tcp", tcp()),
        ("virtio", virtio()),
        ("cidr", cidr()),
    ] {
        let folder = corpus.join(target);
        fs::create_dir_all(&folder)?;
        for (name, bytes) in seeds {
            fs::write(folder.join(name), bytes)?;
        }
    }
    Ok(())
}

type Seeds = Vec<(&'static str, Vec<u8>)>;

/// `len` bytes that `write` fills.
fn emit(len: usize, write: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut out = vec![0; len];
    write(&mut out);
    out
}

/// Bytes from hexadecimal digits, spaces between them as one likes.
fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u32> = digits.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
}

const STATION: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 1]);

fn ethernet() -> Seeds {
    let header = |vlan, ether_type| {
        let header =
            EthernetHeader { destination: EthernetAddress::BROADCAST, source: STATION, vlan, ether_type };
        emit(header.header_len(), |out| header.emit(out))
    };
    let tag = VlanTag { priority: 7, drop_eligible: true, id: 4095 };
    vec![
        ("ipv4", header(None, EtherType::Ipv4)),
        ("tagged-ipv6", header(Some(tag), EtherType::Ipv6)),
        ("tagged-twice", header(Some(tag), EtherType::Vlan)),
        ("802.3-length", header(None, EtherType::Unknown(46))),
        ("cut-in-tag", header(Some(tag), EtherType::Arp)[..16].to_vec()),
        ("empty", Vec::new()),
    ]
}

fn arp() -> Seeds {
    let packet = |operation| {
        let packet = ArpPacket {
            operation,
            sender_hardware: STATION,
            sender_protocol: [192, 0, 2, 1].into(),
            target_hardware: EthernetAddress::UNSPECIFIED,
            target_protocol: [192, 0, 2, 2].into(),
        };
        emit(ArpPacket::LEN, |out| packet.emit(out))
    };
    let mut ieee_802 = packet(ArpOperation::Request);
    ieee_802[1] = 6;
    vec![
        ("request", packet(ArpOperation::Request)),
        ("reply-padded", [packet(ArpOperation::Reply), vec![0; 18]].concat()),
        ("inarp", packet(ArpOperation::Unknown(8))),
        ("hardware-not-ethernet", ieee_802),
        ("long-addresses", hex("0001 0800 ff ff 0001 00")),
    ]
}

fn ipv4() -> Seeds {
    let header = |options: &[u8], fragment_offset, payload_len| {
        let header = Ipv4Header {
            source: [192, 0, 2, 1].into(),
            destination: [198, 51, 100, 2].into(),
            protocol: IpProtocol::Udp,
            hop_limit: 64,
            dscp: 46,
            ecn: Ecn::Ect0,
            identification: 0x1234,
            dont_fragment: fragment_offset == 0,
            more_fragments: fragment_offset != 0,
            fragment_offset,
            payload_len,
            options: Ipv4Options::parse(options).expect("the seed's options are well-formed"),
        };
        emit(header.header_len() + usize::from(payload_len), |out| header.emit(out))
    };
    vec![
        ("udp", header(&[], 0, 8)),
        ("router-alert", header(&[148, 4, 0, 0], 0, 0)),
        ("all-options", header(&[1; 40], 0, 1)),
        ("fragment", header(&[], 1480, 16)),
        ("ping-of-death", header(&[], 65528, 16)),
        ("linux-tcp", hex("4500 003c 1c46 4000 4006 b1e6 ac10 0a63 ac10 0a0c")),
        ("option-length-0", hex("4600 0018 0000 0000 4011 0000 c0000201 c0000202 94000000")),
        ("option-beyond", hex("4600 0018 0000 0000 4011 0000 c0000201 c0000202 010194 03")),
        ("header-beyond", hex("4f00 003c 0000 0000 4011 0000 c0000201 c0000202")),
        ("total-below-header", hex("4500 0013 0000 0000 4011 0000 c0000201 c0000202")),
    ]
}

fn ipv6() -> Seeds {
    let packet = |next_header: IpProtocol, payload: &[Vec<u8>]| {
        let payload = payload.concat();
        let header = Ipv6Header {
            source: "2001:db8::1".parse().expect("an address"),
            destination: "2001:db8::2".parse().expect("an address"),
            next_header,
            hop_limit: 64,
            dscp: 0,
            ecn: Ecn::NotEct,
            flow_label: 0xabcde,
            payload_len: payload.len() as u16,
        };
        [emit(Ipv6Header::LEN, |out| header.emit(out)), payload].concat()
    };
    let options = |next_header, bytes: &[u8]| {
        let options = Ipv6Options::new(bytes).expect("the seed's options are well-formed");
        let header = Ipv6OptionsHeader { next_header, options };
        emit(header.header_len(), |out| header.emit(out))
    };
    let routing = |next_header, segments_left| {
        let header = Ipv6RoutingHeader { next_header, routing_type: 0, segments_left, data: &[0; 20] };
        emit(header.header_len(), |out| header.emit(out))
    };
    let fragment = |next_header, offset, more_fragments| {
        let header = Ipv6FragmentHeader { next_header, offset, more_fragments, identification: 9 };
        emit(Ipv6FragmentHeader::LEN, |out| header.emit(out))
    };
    let (hop, destination) = (IpProtocol::HopByHop, IpProtocol::DestinationOptions);
    let (route, piece, udp) = (IpProtocol::Ipv6Route, IpProtocol::Ipv6Fragment, IpProtocol::Udp);
    let alert = [extension::kind::ROUTER_ALERT, 2, 0, 0];
    vec![
        ("udp", packet(udp, &[vec![0; 8]])),
        ("no-next", packet(IpProtocol::NoNext, &[])),
        ("router-alert", packet(hop, &[options(IpProtocol::Icmpv6, &alert)])),
        (
            "every-header",
            packet(
                hop,
                &[
                    options(destination, &alert),
                    options(route, &[0; 14]),
                    routing(piece, 0),
                    fragment(udp, 0, false),
                ],
            ),
        ),
        ("fragment", packet(piece, &[fragment(destination, 1232, true), vec![7; 16]])),
        ("segments-left", packet(route, &[routing(udp, 3)])),
        ("unknown-option", packet(destination, &[options(udp, &[0xc3, 1, 0, 0])])),
        ("hop-by-hop-second", packet(destination, &[options(hop, &[]), options(udp, &[])])),
        ("nine-headers", packet(destination, &vec![options(destination, &[]); 9])),
        ("option-beyond", packet(destination, &[hex("1100 0105 00000000")])),
        ("header-beyond", packet(destination, &[hex("11ff 0104 00000000")])),
    ]
}

fn icmpv4() -> Seeds {
    let quoted = hex("4500 001c 0000 0000 4011 0000 c0000201 c0000202 0401 0035 0008 0000");
    let invoking = &quoted[..];
    [
        ("echo-request", Icmpv4Message::EchoRequest { identifier: 1, sequence: 2, data: b"abcdefgh" }),
        ("echo-reply", Icmpv4Message::EchoReply { identifier: 1, sequence: 2, data: b"odd" }),
        (
            "fragmentation-needed",
            Icmpv4Message::DestinationUnreachable {
                code: icmpv4::unreachable::FRAGMENTATION_NEEDED,
                next_hop_mtu: 1400,
                invoking,
            },
        ),
        ("time-exceeded", Icmpv4Message::TimeExceeded { code: 0, invoking }),
        ("parameter-problem", Icmpv4Message::ParameterProblem { code: 0, pointer: 20, invoking }),
        ("redirect", Icmpv4Message::Redirect { code: 1, gateway: [192, 0, 2, 9].into(), invoking }),
        ("timestamp", Icmpv4Message::Unknown { kind: 13, code: 0, rest: [0; 4], body: &[0; 12] }),
        ("echo-with-code", Icmpv4Message::Unknown { kind: 8, code: 9, rest: [0; 4], body: &[] }),
    ]
    .map(|(name, message)| (name, emit(message.len(), |out| message.emit(out))))
    .into()
}

fn icmpv6() -> Seeds {
    let address = "fe80::1".parse().expect("an address");
    let mut options = NdpOptionBuffer::new();
    for option in [
        NdpOption::SourceLinkLayer(STATION),
        NdpOption::TargetLinkLayer(STATION),
        NdpOption::Mtu(1500),
        NdpOption::PrefixInformation(PrefixInformation {
            prefix: "2001:db8::".parse().expect("an address"),
            prefix_len: 64,
            on_link: true,
            autonomous: true,
            valid_lifetime: u32::MAX,
            preferred_lifetime: 3600,
        }),
        NdpOption::RedirectedHeader(&[0x60; 48]),
        NdpOption::Unknown { kind: 25, data: &[0; 22] },
    ] {
        assert!(options.push(option), "the buffer holds all options");
    }
    let (none, all) = (NdpOptions::NONE, options.options());
    let messages = [
        ("echo-request", Icmpv6Message::EchoRequest { identifier: 1, sequence: 2, data: b"abcdefgh" }),
        ("unreachable", Icmpv6Message::DestinationUnreachable { code: 4, invoking: &[0x60; 48] }),
        ("too-big", Icmpv6Message::PacketTooBig { mtu: 1280, invoking: &[0x60; 41] }),
        ("time-exceeded", Icmpv6Message::TimeExceeded { code: 1, invoking: &[] }),
        (
            "parameter-problem",
            Icmpv6Message::ParameterProblem { code: icmpv6::parameter::OPTION, pointer: 42, invoking: &[0] },
        ),
        ("mld-report", Icmpv6Message::Unknown { kind: 143, code: 0, rest: [0; 4], body: &[] }),
        ("router-solicitation", Icmpv6Message::Ndp(NdpMessage::RouterSolicitation { options: none })),
        (
            "router-advertisement",
            Icmpv6Message::Ndp(NdpMessage::RouterAdvertisement {
                hop_limit: 64,
                managed: true,
                other: false,
                lifetime: 1800,
                reachable: 0,
                retransmit: 1000,
                options: all,
            }),
        ),
        (
            "neighbor-solicitation",
            Icmpv6Message::Ndp(NdpMessage::NeighborSolicitation { target: address, options: all }),
        ),
        (
            "neighbor-advertisement",
            Icmpv6Message::Ndp(NdpMessage::NeighborAdvertisement {
                router: true,
                solicited: true,
                override_: true,
                target: address,
                options: none,
            }),
        ),
        (
            "redirect",
            Icmpv6Message::Ndp(NdpMessage::Redirect { target: address, destination: address, options: all }),
        ),
    ];
    let mut seeds: Seeds = messages
        .into_iter()
        .map(|(name, message)| (name, emit(message.len(), |out| message.emit(address, address, out))))
        .collect();
    seeds.push(("option-length-0", hex("8500 0000 00000000 0100 000000000000")));
    seeds.push(("option-beyond", hex("8500 0000 00000000 0102 000000000000")));
    seeds.push(("prefix-of-129-bits", [hex("8500 0000 00000000 0304 81c0"), vec![0; 28]].concat()));
    seeds.push(("long-link-layer-address", [hex("8500 0000 00000000 0102"), vec![1; 14]].concat()));
    seeds
}

/// Reports whose records have auxiliary data, which is there or is not. The check fills the checksum in.
fn igmp() -> Seeds {
    vec![
        ("auxiliary", hex("2200 0000 0000 0002 04010000 ef010203 09090909 02000000 ef010204")),
        ("auxiliary-cut", hex("2200 0000 0000 0001 04010000 ef010203")),
        ("query-v3", hex("1164 0000 ef010203 0a7d 0001 c0000201")),
        ("query-of-10-bytes", hex("1164 0000 ef010203 0000")),
    ]
}

fn mld() -> Seeds {
    let group = "ff050000000000000000000000010003";
    let record = |head: &str| [hex(head), hex(group)].concat();
    let report =
        |count: &str, records: &[Vec<u8>]| [hex("8f00 0000 0000"), hex(count), records.concat()].concat();
    vec![
        ("auxiliary", report("0002", &[record("04010000"), vec![9; 4], record("02000000")])),
        ("auxiliary-cut", report("0001", &[record("04010000")])),
        ("more-records-than-bytes", report("0009", &[record("02000000")])),
        ("done", [hex("8400 0000 0000 0000"), hex(group)].concat()),
    ]
}

/// A virtio header, and a TCP segment of four bytes of data behind it.
fn virtio() -> Seeds {
    let segment = hex(
        "4500 002c 0000 0000 4006 f6c8 c0000201 c0000202 c350 01bb 00000001 00000002 5010 ffff 0000 0000 61626364",
    );
    let frame = |header: &str, link: &[u8]| [hex(header), link.to_vec(), segment.clone()].concat();
    let ethernet = hex("020000000002 020000000001 0800");
    vec![
        // Little-endian: flags, segmentation, length of headers, segment size, start and offset of the checksum.
        ("nothing-said", frame("0000 0000 0000 0000 0000", &[])),
        ("as-long-as-a-segment", frame("0201 2800 0400 0000 0000", &[])),
        ("two-segments", frame("0201 2800 0300 0000 0000", &[])),
        ("partial", frame("0100 0000 0000 1400 1000", &[])),
        ("partial-two-segments-ethernet", frame("0101 3600 0200 2200 1000", &ethernet)),
        ("partial-elsewhere", frame("0100 0000 0000 1400 0600", &[])),
    ]
}

/// A prefix length and two addresses that differ in the last bit of it, or the first behind it.
fn cidr() -> Seeds {
    let v6 = |prefix: u8, bit: usize| {
        let (mut one, mut other) = ([0x20; 16], [0x20; 16]);
        one[bit / 8] ^= 0x80 >> (bit % 8);
        other[15] ^= 1;
        [&[prefix][..], &one, &other].concat()
    };
    vec![
        ("v6-differs-in-the-prefix", v6(64, 63)),
        ("v6-differs-behind-it", v6(64, 64)),
        ("v6-of-128-bits", v6(128, 127)),
        ("v4-differs-in-the-prefix", hex("18 0a000001 0a000101")),
        ("v4-differs-behind-it", hex("18 0a000001 0a0000ff")),
        ("text-v6", b"2001:db8::1/64".to_vec()),
        ("text-v4", b"10.0.0.1/24".to_vec()),
    ]
}

fn udp() -> Seeds {
    vec![
        ("dns", hex("d431 0035 000c 0000 61626364")),
        ("empty", hex("d431 0035 0008 ffff")),
        ("length-below-8", hex("d431 0035 0007 0000")),
        ("length-beyond", hex("d431 0035 ffff 0000 00")),
        ("length-0", hex("0000 0000 0000 0000")),
    ]
}

fn tcp() -> Seeds {
    let segment = |options| {
        let header = TcpHeader {
            source_port: 50000,
            destination_port: 443,
            seq: SeqNumber(u32::MAX),
            ack: SeqNumber(1),
            flags: TcpFlags::SYN | TcpFlags::ACK | TcpFlags::AE,
            window: 65535,
            urgent: 0,
            options,
        };
        emit(header.header_len(), |out| header.emit(out))
    };
    let block = |left| SackBlock { left: SeqNumber(left), right: SeqNumber(left) + 1000 };
    let syn = TcpOptions {
        mss: Some(1460),
        sack_permitted: true,
        timestamps: Some(TcpTimestamps { value: 1, echo: 0 }),
        window_scale: Some(7),
        fast_open: FastOpenCookie::parse(&[5; 8]),
        ..TcpOptions::default()
    };
    let data = TcpOptions {
        timestamps: Some(TcpTimestamps { value: 3, echo: 2 }),
        sack: [block(u32::MAX - 10), block(5000), block(1)].into_iter().collect(),
        ..TcpOptions::default()
    };
    let rare = TcpOptions {
        acc_ecn: Some(AccEcnOption {
            order: AccEcnOrder::Ect1First,
            counters: [1, 2, 3].into_iter().collect(),
        }),
        user_timeout: Some(UserTimeout::Minutes(5)),
        ..TcpOptions::default()
    };
    // A header of `words` words whose options are `options`.
    let raw = |words: u8, options: &str| {
        let mut bytes = hex("c350 01bb 00000001 00000002 0010 ffff 0000 0000");
        bytes[12] = words << 4;
        bytes.extend(hex(options));
        bytes
    };
    vec![
        ("bare", segment(TcpOptions::default())),
        ("syn", segment(syn)),
        ("sack", segment(data)),
        ("rare", segment(rare)),
        ("linux-syn", raw(10, "020405b4 0402 080a 00000001 00000000 01 030307")),
        ("windows-syn", raw(8, "020405b4 01 030308 01 01 0402")),
        ("mac-syn", raw(11, "020405b4 01 030306 01 01 080a 00000001 00000000 0402 0000")),
        ("tight", raw(8, "020405b4 030307 0402 00 ffff")),
        ("tfo-experiment", raw(6, "fe04f989")),
        ("unknown", raw(8, "fd06 01020304 c802 c803 05 01")),
        ("twice", raw(7, "02040001 02040002")),
        ("mss-of-3-bytes", raw(6, "02030501")),
        ("acc-ecn-cut-counter", raw(6, "ac040102")),
        ("length-0", raw(6, "02000000")),
        ("length-1", raw(6, "02010000")),
        ("length-beyond", raw(6, "01010804")),
        ("kind-at-the-end", raw(6, "01010108")),
        ("data-offset-4", raw(4, "")),
        ("data-offset-beyond", raw(15, "01010101")),
    ]
}
