//! TCP segments in their packets: checksums, malformed headers, addresses, options of IP, ICMP (RFC 9293 3.1 and
//! 3.9.2).

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::vec::Vec;

use bytes::Bytes;
use fathom_record::{DropReason, TcpStateName};
use fathom_wire::internet::ipv4::Ipv4Options;
use fathom_wire::{
    Checksum, EthernetAddress, IpHeader, IpProtocol, SeqNumber, TcpFlags, TcpHeader, checksum,
};

use super::Pair;
use super::connections::{connect, established};
use super::host::Host;
use super::packets::{frame_to, packet, plain, tcp_packet, v4_header};
use crate::{ConnectError, TcpConnect, TcpListen};

const OURS_V4: &str = "192.0.2.1";
const THEIRS_V4: &str = "192.0.2.2";

/// A host that listens at port 80 of all its addresses, v4 and v6.
fn listening() -> Host {
    let mut host = Host::new().knows_neighbour();
    for any in ["0.0.0.0:80", "[::]:80"] {
        let at: SocketAddr = any.parse().unwrap();
        let listen = TcpListen { only_v6: at.is_ipv6(), ..TcpListen::at(at) };
        host.stack.tcp_listen(host.now, listen).unwrap();
    }
    host
}

fn syn() -> TcpHeader {
    let (source_port, destination_port) = (5000, 80);
    let mut header =
        TcpHeader { source_port, destination_port, flags: TcpFlags::SYN, ..TcpHeader::default() };
    (header.window, header.options.mss) = (1000, Some(1460));
    header
}

fn tcp_of(packet: &[u8]) -> TcpHeader {
    let header = IpHeader::parse(packet).unwrap();
    TcpHeader::parse(&packet[header.header_len()..]).unwrap()
}

fn flags(sent: &[Bytes]) -> Vec<TcpFlags> {
    sent.iter().map(|packet| tcp_of(packet).flags).collect()
}

fn dropped(host: &Host) -> u64 {
    host.drops().iter().map(|(_, count)| count).sum()
}

/// Whether the checksum of the TCP segment in a packet is right.
fn is_sound(packet: &[u8]) -> bool {
    let header = IpHeader::parse(packet).unwrap();
    let segment = &packet[header.header_len()..];
    let mut sum = Checksum::new();
    sum.pseudo_header(header.source(), header.destination(), IpProtocol::Tcp, segment.len() as u32);
    sum.add(segment);
    sum.is_valid()
}

#[test]
fn every_segment_has_a_checksum_over_all_of_it() {
    let mut pair = Pair::ip();
    let (a, b) = established(&mut pair);
    let now = pair.now;
    for len in [1, 2, 999, 5000] {
        pair.a.stack.tcp(now, a).unwrap().send(&std::vec![0xa5; len]).unwrap();
    }
    pair.drive_for(Duration::from_secs(1));
    let now = pair.now;
    pair.a.stack.tcp(now, a).unwrap().close();
    pair.b.stack.tcp(now, b).unwrap().abort();
    // A closed port: the reset has no connection.
    let closed = TcpConnect::to(SocketAddr::new(pair.b.v6, 9));
    pair.a.stack.tcp_connect(now, closed).unwrap();
    pair.drive();
    let segments: Vec<&Bytes> = pair.a.sent.iter().chain(&pair.b.sent).map(|(_, packet)| packet).collect();
    let with = |flag| segments.iter().filter(|packet| tcp_of(packet).flags.contains(flag)).count();
    assert!(with(TcpFlags::SYN) >= 3 && with(TcpFlags::PSH) >= 1 && with(TcpFlags::RST) >= 2);
    for segment in segments {
        // RFC9293-MUST-2
        assert!(is_sound(segment), "{segment:x?}");
    }
}

#[test]
fn a_segment_with_a_wrong_checksum_is_dropped_in_silence_and_counted() {
    for (source, destination, ip) in [(THEIRS_V4, OURS_V4, 20), ("2001:db8::2", "2001:db8::1", 40)] {
        let right = tcp_packet(source, destination, &syn(), b"data");
        let data_offset = ip + 12;
        for at in (ip..right.len()).filter(|at| *at != data_offset) {
            let mut host = listening();
            let mut wrong = right.clone();
            wrong[at] ^= 0x10;
            // RFC9293-MUST-3
            assert_eq!(host.receive_packet(&wrong), [""; 0], "byte {at}");
            let malformed = (ip + 20..ip + 24).contains(&at);
            let counted = host.drops().contains(&(DropReason::TcpChecksum, 1));
            // RFC9293-MUST-3
            assert!(counted || (malformed && dropped(&host) == 1), "byte {at}: {:?}", host.drops());
        }
        assert_eq!(flags(&listening().receive_packet(&right)), [TcpFlags::SYN | TcpFlags::ACK]);
    }
}

/// A SYN with four bytes of options as they are given, and its checksum.
fn syn_with_options(options: [u8; 4]) -> Vec<u8> {
    let mut segment = std::vec![0; 24];
    TcpHeader { options: Default::default(), ..syn() }.emit(&mut segment);
    segment[12] = 0x60;
    segment[20..].copy_from_slice(&options);
    let mut sum = Checksum::new();
    let [source, destination] = [THEIRS_V4, OURS_V4].map(|end| end.parse::<IpAddr>().unwrap());
    sum.pseudo_header(source, destination, IpProtocol::Tcp, segment.len() as u32);
    sum.add(&segment);
    segment[16..18].copy_from_slice(&sum.finish().to_be_bytes());
    plain(THEIRS_V4, OURS_V4, IpProtocol::Tcp, &segment)
}

#[test]
fn an_option_of_illegal_length_drops_its_segment_and_is_counted() {
    for options in [[2, 0, 5, 0xb4], [2, 1, 5, 0xb4], [2, 5, 5, 0xb4], [1, 1, 1, 8], [254, 255, 0, 0]] {
        let mut host = listening();
        // RFC9293-MUST-7
        assert_eq!(host.receive_packet(&syn_with_options(options)), [""; 0], "{options:?}");
        // RFC9293-MUST-7
        assert_eq!(dropped(&host), 1, "{options:?}");
    }
    assert_eq!(flags(&listening().receive_packet(&syn_with_options([2, 4, 5, 0xb4]))).len(), 1);
}

#[test]
fn a_syn_for_many_at_once_is_not_answered() {
    let broadcast = EthernetAddress([0xff; 6]);
    for (source, destination, link) in [
        (THEIRS_V4, "192.0.2.255", broadcast),
        (THEIRS_V4, "255.255.255.255", broadcast),
        (THEIRS_V4, "224.0.0.1", EthernetAddress([1, 0, 0x5e, 0, 0, 1])),
        ("2001:db8::2", "ff02::1", EthernetAddress([0x33, 0x33, 0, 0, 0, 1])),
    ] {
        let mut host = listening();
        let sent = host.receive(frame_to(link, &tcp_packet(source, destination, &syn(), &[])));
        // RFC9293-MUST-57
        assert_eq!(sent, [""; 0], "to {destination}");
        assert_eq!(host.drops(), [(DropReason::TcpBadAddress, 1)], "to {destination}");
    }
}

#[test]
fn a_syn_from_nobody_or_from_many_is_ignored() {
    for (source, destination) in [
        ("0.0.0.0", OURS_V4),
        ("127.0.0.1", OURS_V4),
        ("224.0.0.5", OURS_V4),
        ("255.255.255.255", OURS_V4),
        ("192.0.2.255", OURS_V4),
        ("::", "2001:db8::1"),
        ("::1", "2001:db8::1"),
        ("ff02::5", "2001:db8::1"),
    ] {
        let mut host = listening();
        // RFC9293-MUST-63
        assert_eq!(host.receive_packet(&tcp_packet(source, destination, &syn(), &[])), [""; 0], "{source}");
        assert_eq!(dropped(&host), 1, "{source}");
    }
}

#[test]
fn options_of_ip_that_mean_nothing_to_tcp_are_ignored() {
    // Record route, timestamp, router alert, one that nobody knows.
    for options in [&[7, 7, 4, 0, 0, 0, 0][..], &[68, 8, 5, 0, 0, 0, 0, 0], &[148, 4, 0, 0], &[222, 4, 1, 2]]
    {
        let mut host = listening();
        let segment = &tcp_packet(THEIRS_V4, OURS_V4, &syn(), &[])[20..];
        let mut header = v4_header(THEIRS_V4, OURS_V4, IpProtocol::Tcp, segment.len());
        header.options = Ipv4Options::parse(options).unwrap();
        let sent = host.receive_packet(&packet(header, segment));
        // RFC9293-MUST-50
        assert_eq!(flags(&sent), [TcpFlags::SYN | TcpFlags::ACK], "{options:?}");
    }
}

/// A source quench of [`THEIRS_V4`] about a packet (RFC 792).
fn quench(about: &[u8]) -> Vec<u8> {
    let mut message = std::vec![4, 0, 0, 0, 0, 0, 0, 0];
    message.extend_from_slice(&about[..28]);
    let sum = !checksum::sum(&message);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    plain(THEIRS_V4, OURS_V4, IpProtocol::Icmpv4, &message)
}

#[test]
fn a_source_quench_changes_nothing() {
    let mut host = listening();
    let now = host.now;
    let remote = SocketAddr::new(THEIRS_V4.parse().unwrap(), 80);
    let id = host.stack.tcp_connect(now, TcpConnect::to(remote)).unwrap();
    let ours = host.sent().remove(0).slice(14..);
    assert_eq!(host.receive_packet(&quench(&ours)), [""; 0]);
    // RFC9293-MUST-55, RFC6633-R2
    assert_eq!(host.stack.tcp(now, id).unwrap().state(), TcpStateName::SynSent);
    let syn = tcp_of(&ours);
    let syn_ack = TcpHeader {
        source_port: 80,
        destination_port: syn.source_port,
        seq: SeqNumber(7),
        ack: syn.seq + 1,
        flags: TcpFlags::SYN | TcpFlags::ACK,
        window: 60_000,
        ..TcpHeader::default()
    };
    host.receive_packet(&tcp_packet(THEIRS_V4, OURS_V4, &syn_ack, &[]));
    host.stack.tcp(now, id).unwrap().send(b"data").unwrap();
    let data = host.sent().remove(0).slice(14..);
    let before = host.stack.tcp(now, id).unwrap().info();
    let sent = host.receive_packet(&quench(&data));
    // RFC9293-MUST-55
    assert_eq!(sent, [""; 0]);
    let mut tcp = host.stack.tcp(now, id).unwrap();
    // RFC9293-MUST-55, RFC6633-R2
    assert_eq!((tcp.info().snd_cwnd, tcp.state()), (before.snd_cwnd, TcpStateName::Established));
    assert_eq!(tcp.take_error(), None);
}

#[test]
fn a_connection_to_many_or_to_nobody_is_refused() {
    let mut host = Host::new().knows_neighbour();
    for remote in [
        "0.0.0.0:80",
        "224.0.0.1:80",
        "255.255.255.255:80",
        "192.0.2.255:80",
        "[::]:80",
        "[ff02::1]:80",
        "192.0.2.2:0",
    ] {
        let connect = TcpConnect::to(remote.parse().unwrap());
        // RFC9293-MUST-46
        assert_eq!(host.stack.tcp_connect(host.now, connect), Err(ConnectError::NoRoute), "{remote}");
    }
}

#[test]
fn the_local_address_is_chosen_before_the_syn_and_stays() {
    let another = "192.0.2.9/24".parse().unwrap();
    for (local, source) in [(None, OURS_V4), (Some("192.0.2.9:0"), "192.0.2.9")] {
        let mut pair = Pair::ip();
        let interface = pair.a.interface;
        if local.is_some() {
            pair.a.stack.add_address(pair.now, interface, another).unwrap();
        }
        super::connections::listen(&mut pair);
        let id = match local {
            None => connect(&mut pair),
            Some(local) => {
                let local = Some(local.parse().unwrap());
                let connect = TcpConnect { local, ..TcpConnect::to(SocketAddr::new(pair.b.v4, 80)) };
                pair.a.stack.tcp_connect(pair.now, connect).unwrap()
            }
        };
        pair.flush();
        let source: IpAddr = source.parse().unwrap();
        let first = IpHeader::parse(&pair.a.sent[0].1).unwrap().source();
        // RFC9293-MUST-43, RFC9293-MUST-44, RFC1122-R32
        assert_eq!(first, source);
        // What would be chosen afterwards makes no difference.
        if local.is_none() {
            pair.a.stack.add_address(pair.now, interface, another).unwrap();
        }
        pair.drive_for(Duration::from_secs(1));
        let now = pair.now;
        pair.a.stack.tcp(now, id).unwrap().send(&[1; 3000]).unwrap();
        pair.drive_for(Duration::from_secs(1));
        let sources = pair.a.sent.iter().map(|(_, packet)| IpHeader::parse(packet).unwrap().source());
        assert!(pair.a.sent.len() >= 5);
        // RFC9293-MUST-45
        assert!(sources.clone().all(|from| from == source), "{:?}", sources.collect::<Vec<_>>());
    }
}
