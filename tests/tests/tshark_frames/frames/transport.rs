//! UDP datagrams and TCP segments.

use fathom_wire::*;

use super::*;

pub(super) fn udp() -> Vec<Sample> {
    let v4 = datagram((V4.0.into(), V4.1.into()), b"of odd length");
    // Two bytes of data that make the sum 0xffff, so that the checksum 0 is sent as 0xffff (RFC 768).
    let empty = datagram((V4.0.into(), V4.1.into()), &[0, 0]);
    let zero = datagram((V4.0.into(), V4.1.into()), &empty[UdpHeader::CHECKSUM_OFFSET..8]);
    vec![
        sample(
            "UDP over IPv4",
            "eth:ethertype:ip:udp:data",
            &["ip", "udp"],
            &[("udp.srcport", "50000"), ("udp.dstport", "9"), ("udp.length", "21")],
            v4_frame(IpProtocol::Udp, &v4),
        ),
        sample(
            "UDP whose checksum would be 0",
            "eth:ethertype:ip:udp:data",
            &["ip", "udp"],
            &[("udp.checksum", "0xffff")],
            v4_frame(IpProtocol::Udp, &zero),
        ),
    ]
}

pub(super) fn tcp() -> Vec<Sample> {
    let block = |left: u32| SackBlock { left: SeqNumber(left), right: SeqNumber(left + 1000) };
    let none = TcpOptions::default();
    let timestamps = Some(TcpTimestamps { value: 0x01020304, echo: 0x05060708 });
    let syn = TcpOptions {
        mss: Some(1460),
        sack_permitted: true,
        timestamps,
        window_scale: Some(7),
        fast_open: FastOpenCookie::parse(&[1, 2, 3, 4, 5, 6, 7, 8]),
        ..none.clone()
    };
    let request = TcpOptions { mss: Some(1220), fast_open: Some(FastOpenCookie::request()), ..none.clone() };
    let sack = TcpOptions {
        timestamps,
        sack: [block(9000), block(5000), block(7000)].into_iter().collect(),
        ..none.clone()
    };
    let acc_ecn = |order| TcpOptions {
        acc_ecn: Some(AccEcnOption { order, counters: [11, 22, 33].into_iter().collect() }),
        ..none.clone()
    };
    let mut rare =
        TcpOptions { user_timeout: Some(UserTimeout::Minutes(5)), sack_permitted: true, ..none.clone() };
    rare.unknown.push(254, &[0x12, 0x34, 0xff]).expect("five bytes fit");
    let ack = TcpFlags::ACK;
    let segments = [
        (
            "TCP without options",
            ack | TcpFlags::PSH,
            none.clone(),
            vec![("tcp.hdr_len", "20"), ("tcp.flags", "0x0018")],
        ),
        (
            "TCP flags",
            TcpFlags::all() - TcpFlags::RST - TcpFlags::SYN,
            TcpOptions { timestamps, ..TcpOptions::default() },
            vec![
                ("tcp.hdr_len", "32"),
                ("tcp.flags", "0x01f9"),
                ("tcp.seq_raw", "4294967295"),
                ("tcp.ack_raw", "305419896"),
                ("tcp.window_size_value", "512"),
                ("tcp.urgent_pointer", "3"),
            ],
        ),
        (
            "TCP SYN with every option of a handshake",
            TcpFlags::SYN,
            syn,
            vec![
                ("tcp.hdr_len", "52"),
                ("tcp.options.mss_val", "1460"),
                ("tcp.option_kind", "2,4,8,1,3,1,1,34"),
                ("tcp.options.timestamp.tsval", "16909060"),
                ("tcp.options.timestamp.tsecr", "84281096"),
                ("tcp.options.wscale.shift", "7"),
                ("tcp.options.tfo.cookie", "0102030405060708"),
            ],
        ),
        (
            "TCP SYN that requests a Fast Open cookie",
            TcpFlags::SYN,
            request,
            vec![("tcp.options.mss_val", "1220"), ("tcp.options.tfo.request", "1")],
        ),
        (
            "TCP SACK",
            ack,
            sack,
            vec![
                ("tcp.hdr_len", "60"),
                ("tcp.options.sack.count", "3"),
                ("tcp.options.timestamp.tsval", "16909060"),
            ],
        ),
        (
            "TCP accurate ECN, order 0",
            ack,
            acc_ecn(AccEcnOrder::Ect0First),
            vec![
                ("tcp.options.acc_ecn.ee0b", "11"),
                ("tcp.options.acc_ecn.eceb", "22"),
                ("tcp.options.acc_ecn.ee1b", "33"),
            ],
        ),
        (
            "TCP accurate ECN, order 1",
            ack,
            acc_ecn(AccEcnOrder::Ect1First),
            vec![
                ("tcp.options.acc_ecn.ee1b", "11"),
                ("tcp.options.acc_ecn.eceb", "22"),
                ("tcp.options.acc_ecn.ee0b", "33"),
            ],
        ),
        (
            "TCP user timeout and an unknown option",
            TcpFlags::SYN,
            rare,
            vec![
                ("tcp.options.user_to_granularity", "1"),
                ("tcp.options.user_to_val", "5"),
                ("tcp.options.experimental.exid", "0x1234"),
            ],
        ),
    ];
    // Each is a conversation of its own.
    let numbered = (50000..).zip(segments);
    numbered
        .flat_map(|(source_port, (name, flags, options, fields))| {
            let header = TcpHeader {
                source_port,
                destination_port: 9,
                seq: SeqNumber(u32::MAX),
                ack: SeqNumber(0x1234_5678),
                flags,
                window: 512,
                urgent: 3 * u16::from(flags.contains(TcpFlags::URG)),
                options,
            };
            let v4 = segment(&header, V4.0.into(), V4.1.into());
            let v6 = segment(&header, V6.0.into(), V6.1.into());
            [
                sample(name, "eth:ethertype:ip:tcp", &["ip", "tcp"], &fields, v4_frame(IpProtocol::Tcp, &v4)),
                sample(name, "eth:ethertype:ipv6:tcp", &["tcp"], &fields, v6_frame(IpProtocol::Tcp, &v6)),
            ]
        })
        .collect()
}

/// A TCP segment with its checksum, and data unless it is a SYN.
fn segment(header: &TcpHeader, source: std::net::IpAddr, destination: std::net::IpAddr) -> Vec<u8> {
    let mut segment = emit(header.header_len(), |out| header.emit(out));
    if !header.flags.contains(TcpFlags::SYN) {
        segment.extend(b"data of odd length.");
    }
    let mut checksum = Checksum::new();
    checksum.pseudo_header(source, destination, TcpHeader::PROTOCOL, segment.len() as u32);
    checksum.add(&segment);
    let at = TcpHeader::CHECKSUM_OFFSET;
    segment[at..at + 2].copy_from_slice(&checksum.finish().to_be_bytes());
    segment
}
