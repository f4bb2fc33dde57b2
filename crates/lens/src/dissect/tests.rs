use fathom_wire::{IpProtocol, SeqNumber, TcpFlags, TcpHeader, TcpOptions, TcpTimestamps};
use proptest::prelude::*;

use super::*;
use crate::tests::{ethernet, ip, segment, tcp, udp};

const A: &str = "10.0.2.100:40112";
const B: &str = "93.184.215.14:443";
const A6: &str = "[2001:db8::1]:40112";
const B6: &str = "[2001:db8::2]:80";

/// The headers in words, and the problem.
fn words(frame: &[u8], link_type: LinkType) -> Vec<String> {
    let dissection = dissect(frame, link_type);
    let mut at = 0;
    for header in &dissection.headers {
        assert!(header.range.start >= at && header.range.end <= frame.len(), "{header:?}");
        at = header.range.end;
    }
    let problem = dissection.problem.map(|problem| format!("! {problem}"));
    dissection.headers.iter().map(ToString::to_string).chain(problem).collect()
}

#[test]
fn a_syn_is_shown_with_its_options() {
    let options = TcpOptions {
        mss: Some(1460),
        sack_permitted: true,
        timestamps: Some(TcpTimestamps { value: 7, echo: 0 }),
        window_scale: Some(8),
        ..TcpOptions::default()
    };
    let header = TcpHeader { seq: SeqNumber(5841), flags: TcpFlags::SYN, options, ..TcpHeader::default() };
    let frame = ethernet(0x0800, &segment(A, B, header, b""));
    assert_eq!(
        words(&frame, LinkType::Ethernet),
        [
            "eth 02:00:00:00:00:01→02:00:00:00:00:fe",
            "ip4 10.0.2.100→93.184.215.14 ttl 64",
            "tcp 40112→443 SYN seq 5841 win 501 <mss 1460, sack-permitted, ts 7 echo 0, ws 8>",
        ]
    );
    let tcp = dissect(&frame, LinkType::Ethernet).headers.pop().unwrap();
    let field = |name: &str| tcp.fields.iter().find(|field| field.name == name).unwrap();
    assert_eq!((field("seq").value.as_str(), field("seq").bits.clone()), ("5841", 32..64));
    assert_eq!((field("mss").value.as_str(), field("mss").reference), ("1460", "RFC 9293 3.7.1"));
    assert_eq!(field("mss").bits, 160..192);
    assert_eq!((field("mss.mss").value.as_str(), field("mss.mss").bits.clone()), ("1460", 176..192));
    assert_eq!((field("ts.value").value.as_str(), field("ts.value").reference), ("7", "RFC 7323 3.2"));
}

#[test]
fn arp_and_vlan_are_link_layer() {
    let arp = [0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2];
    let tagged = ethernet(0x8100, &[&[0, 7, 8, 6][..], &arp, &[0; 18]].concat());
    assert_eq!(
        words(&tagged, LinkType::Ethernet),
        ["eth 02:00:00:00:00:01→02:00:00:00:00:fe", "vlan 7", "arp who has 10.0.0.2? tell 10.0.0.1"]
    );
}

#[test]
fn a_dns_question_is_read() {
    let mut message = vec![0x12, 0x34, 0x81, 0x80, 0, 1, 0, 2, 0, 0, 0, 0];
    message.extend(b"\x07example\x03com\0\0\x1c\0\x01");
    let packet = udp("8.8.8.8:53", A, &message);
    assert_eq!(words(&packet, LinkType::Raw)[2], "dns answer 0x1234 AAAA example.com, NOERROR, 2 records");
    // A name that runs off the end, and one with a pointer, are not read.
    for bad in [&b"\x3fexample"[..], b"\xc0\x0c\0\x01\0\x01", b""] {
        let packet = udp(A, "8.8.8.8:53", &[&message[..12], bad].concat());
        assert_eq!(words(&packet, LinkType::Raw)[2], "dns answer 0x1234, NOERROR, 2 records");
    }
}

#[test]
fn tls_records_are_told_apart() {
    let records = [
        &[22, 3, 1, 0, 4, 1, 0, 0, 0][..],
        &[20, 3, 3, 0, 1, 1],
        &[21, 3, 3, 0, 2, 2, 48],
        &[23, 3, 3, 1, 0, 0xaa],
    ];
    let packet = tcp(A, B, 1, &records.concat());
    assert_eq!(
        words(&packet, LinkType::Raw)[2..],
        [
            "tls ClientHello 4 B",
            "tls change cipher spec 1 B",
            "tls alert unknown_ca 2 B",
            "tls application data 1 of 256 B",
        ]
    );
}

#[test]
fn http_in_the_clear_is_told_by_its_first_line() {
    let packet = tcp(A6, B6, 1, b"GET /\x1b[31m HTTP/1.1\r\nHost: x\r\n\r\nbody");
    assert_eq!(
        words(&packet, LinkType::Raw),
        [
            "ip6 2001:db8::1→2001:db8::2 hop limit 64",
            "tcp 40112→80 seq 1 ack 1 win 501 36 B",
            "http GET /·[31m HTTP/1.1",
            "data 4 B",
        ]
    );
    let frames = [
        &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..],
        &[0, 0, 0, 4, 1, 0, 0, 0, 0],
        &[0, 0, 1, 1, 5, 0, 0, 0, 1, 0x82],
    ];
    let packet = tcp(A6, B6, 1, &frames.concat());
    assert_eq!(
        words(&packet, LinkType::Raw)[2..],
        ["h2 connection preface", "h2 SETTINGS ack 0 B", "h2 HEADERS stream 1 end_stream 1 B"]
    );
}

#[test]
fn icmp_says_what_it_is_about() {
    let quoted = &udp(A, "93.184.215.14:9", b"hello")[..28];
    let message = [&[3, 3, 0, 0, 0, 0, 0, 0][..], quoted].concat();
    let mut packet = message.clone();
    let sum = !fathom_wire::checksum::sum(&packet);
    packet[2..4].copy_from_slice(&sum.to_be_bytes());
    let packet = ip_without_checksum("93.184.215.14", "10.0.2.100", packet);
    assert_eq!(words(&packet, LinkType::Raw)[1], "icmp4 port unreachable, for UDP 10.0.2.100→93.184.215.14");
    let target: std::net::Ipv6Addr = "2001:db8::2".parse().unwrap();
    let solicitation =
        [&[135, 0, 0, 0, 0, 0, 0, 0][..], &target.octets(), &[1, 1, 2, 0, 0, 0, 0, 7]].concat();
    let [from, to] = ["2001:db8::1", "ff02::1:ff00:2"].map(|address| address.parse().unwrap());
    let mut packet = ip(from, to, IpProtocol::Icmpv6, solicitation, 2);
    packet[7] = 255;
    assert_eq!(words(&packet, LinkType::Raw)[1], "icmp6 who has 2001:db8::2?");
    let header = dissect(&packet, LinkType::Raw).headers.pop().unwrap();
    assert_eq!(header.range.len(), 32);
    let address = header.fields.last().unwrap();
    assert!(address.name.starts_with("source_link_layer.") && address.bits == (208..256), "{address:?}");
    assert_eq!(address.value, "02:00:00:00:00:07");
}

/// An ICMPv4 message has no pseudo-header in its checksum.
fn ip_without_checksum(from: &str, to: &str, payload: Vec<u8>) -> Vec<u8> {
    let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
    let mut packet = ip(from, to, IpProtocol::Icmpv4, payload.clone(), 2);
    packet[20..].copy_from_slice(&payload);
    packet
}

#[test]
fn a_damaged_header_is_shown_with_what_is_wrong() {
    let mut packet = tcp(A, B, 1, b"");
    packet[8] ^= 1;
    assert_eq!(
        words(&packet, LinkType::Raw),
        ["ip4 10.0.2.100→93.184.215.14", "! IPv4 header has a wrong checksum"]
    );
    let frame = ethernet(0x88b5, b"?");
    assert_eq!(words(&frame, LinkType::Ethernet)[1], "! unknown EtherType 0x88b5");
}

/// Valid frames of all kinds, to be damaged.
fn frames() -> Vec<Vec<u8>> {
    let dns = [&[0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0][..], b"\x07example\x03com\0\0\x01\0\x01"].concat();
    vec![
        ethernet(0x0800, &tcp(A, B, 1, &[22, 3, 1, 0, 4, 1, 0, 0, 0])),
        ethernet(0x86dd, &tcp(A6, B6, 1, b"HTTP/1.1 200 OK\r\n\r\n")),
        ethernet(0x0800, &udp(A, "8.8.8.8:53", &dns)),
        ethernet(0x8100, &[&[0, 7, 8, 0][..], &udp(A, B, b"x")].concat()),
        ethernet(0x86dd, &tcp(A6, B6, 1, &[0, 0, 1, 1, 5, 0, 0, 0, 1, 0x82])),
    ]
}

proptest! {
    #[test]
    fn no_frame_makes_it_panic(frame: Vec<u8>, ethernet: bool) {
        let link_type = if ethernet { LinkType::Ethernet } else { LinkType::Raw };
        words(&frame, link_type);
    }

    #[test]
    fn no_damaged_frame_makes_it_panic(
        which in 0..5_usize,
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        len: prop::sample::Index,
    ) {
        let mut frame = frames().swap_remove(which);
        for (at, byte) in damage {
            let at = at.index(frame.len());
            frame[at] = byte;
        }
        words(&frame, LinkType::Ethernet);
        words(&frame[..len.index(frame.len() + 1)], LinkType::Ethernet);
        words(&frame[14..], LinkType::Raw);
    }
}
