use alloc::vec;
use alloc::vec::Vec;

use fathom_wire::{
    EthernetAddress, EthernetHeader, Icmpv4Message, Icmpv6Message, Instant, IpProtocol, TcpFlags, TcpHeader,
    TcpOptions,
};

use super::*;
use crate::tests::packets::{THEIRS, packet, plain, udp, udp_packet, v4_header, v6_header};
use crate::{Batch, Config, Frame, Interface, InterfaceId, Seed, Stack};

/// A router between 192.0.2.0/24 and 2001:db8::/64 on one side, 198.51.100.0/24 and 2001:db8:1::/64 with an MTU
/// of 1400 on the other.
fn router() -> (Stack, [InterfaceId; 2]) {
    router_with(crate::Offload::default())
}

/// The same, whose far device can do this.
fn router_with(offload: crate::Offload) -> (Stack, [InterfaceId; 2]) {
    let mut stack = Stack::new(Config { forwarding: true, ..Config::default() }, Seed::from_u64(1));
    let near = stack.add_interface(Interface::ethernet("near", EthernetAddress([2, 0, 0, 0, 0, 1])));
    let far = stack.add_interface(Interface { mtu: 1400, offload, ..Interface::ip("far") });
    for (on, address) in [
        (near, "192.0.2.1/24"),
        (near, "2001:db8::1/64"),
        (far, "198.51.100.1/24"),
        (far, "2001:db8:1::1/64"),
    ] {
        stack.add_address(Instant::ZERO, on, address.parse().unwrap()).unwrap();
    }
    for neighbour in ["192.0.2.2", "2001:db8::2"] {
        let mut parts = stack.parts(Instant::ZERO);
        let asked = crate::link::neighbour::Evidence::Asked;
        let address = neighbour.parse().unwrap();
        link::resolution::learn(&mut parts.cx, parts.internet, near, address, Some(THEIRS), asked);
    }
    (stack, [near, far])
}

/// What a router sends on each side when a frame with this packet arrives on the near one.
fn forwarded(frame: Frame) -> ([Vec<Bytes>; 2], Stack) {
    forwarded_by(router(), frame)
}

fn forwarded_by(
    (mut stack, [near, far]): (Stack, [InterfaceId; 2]),
    frame: Frame,
) -> ([Vec<Bytes>; 2], Stack) {
    stack.handle_frames(Instant::ZERO, near, &mut Batch(vec![frame]));
    let mut sent = |on, skip: usize| {
        core::iter::from_fn(|| stack.poll_transmit(Instant::ZERO, on))
            .map(|frame| frame.to_bytes().slice(skip..))
            .collect()
    };
    let sent = [sent(near, EthernetHeader::LEN), sent(far, 0)];
    (sent, stack)
}

fn forward_packet(packet: &[u8]) -> ([Vec<Bytes>; 2], Stack) {
    forwarded(Frame::new(crate::tests::packets::frame(packet)))
}

#[test]
fn a_packet_goes_on_with_its_hop_limit_reduced_and_nothing_else_changed() {
    for (source, destination, at) in [("192.0.2.2", "198.51.100.2", 8), ("2001:db8::2", "2001:db8:1::2", 7)] {
        let packet = udp_packet(source, destination, (1, 2), b"data");
        let ([back, on], stack) = forward_packet(&packet);
        assert!(back.is_empty());
        assert_eq!(on.len(), 1);
        let mut expected = packet.clone();
        expected[at] -= 1;
        if at == 8 {
            // The header is as a sender would have made it: its checksum is right.
            let IpHeader::V4(mut header) = IpHeader::parse(&packet).unwrap() else { panic!() };
            header.hop_limit -= 1;
            header.emit(&mut expected);
        }
        // RFC1812-R5, RFC791-R3
        assert_eq!(on[0], expected);
        assert_eq!(stack.counters().packets_forwarded, 1);
    }
}

/// Each hop limit and identification, so that the incremental update meets all its carries.
#[test]
fn the_header_checksum_is_right_after_every_hop() {
    for identification in (0..=0xffff).step_by(251) {
        for hop_limit in [2, 64, 255] {
            let mut header = v4_header("192.0.2.2", "198.51.100.2", IpProtocol::Udp, 0);
            (header.identification, header.hop_limit) = (identification, hop_limit);
            let mut bytes = packet(header.clone(), &[]);
            decrement_hop_limit(&mut bytes, &header.into());
            assert!(Ipv4Header::parse(&bytes).is_ok(), "{identification} {hop_limit}");
        }
    }
}

#[test]
fn the_sender_is_told_why_a_packet_did_not_go_on() {
    let large = vec![0; 1450];
    let with_limit = |mut bytes: Vec<u8>, hop_limit: u8| {
        let mut header = IpHeader::parse(&bytes).unwrap();
        match &mut header {
            IpHeader::V4(header) => header.hop_limit = hop_limit,
            IpHeader::V6(header) => header.hop_limit = hop_limit,
        }
        header.emit(&mut bytes);
        bytes
    };
    let dont_fragment = |payload: &[u8]| {
        let mut header = v4_header("192.0.2.2", "198.51.100.2", IpProtocol::Udp, payload.len());
        header.dont_fragment = true;
        packet(header, payload)
    };
    let v4 = |destination, data: &[u8]| udp_packet("192.0.2.2", destination, (1, 2), data);
    let v6 = |destination, data: &[u8]| udp_packet("2001:db8::2", destination, (1, 2), data);
    // packet; ICMP type and code, rest of the header; reason
    let table: &[(Vec<u8>, [u8; 2], u32, DropReason)] = &[
        (with_limit(v4("198.51.100.2", b""), 1), [11, 0], 0, DropReason::HopLimitExceeded),
        (with_limit(v6("2001:db8:1::2", b""), 1), [3, 0], 0, DropReason::HopLimitExceeded),
        (with_limit(v4("198.51.100.2", b""), 0), [11, 0], 0, DropReason::HopLimitExceeded),
        (v4("203.0.113.1", b""), [3, 0], 0, DropReason::NoRoute),
        (v6("2001:db8:2::1", b""), [1, 0], 0, DropReason::NoRoute),
        (dont_fragment(&large), [3, 4], 1400, DropReason::PacketTooBig),
        (v6("2001:db8:1::2", &large), [2, 0], 1400, DropReason::PacketTooBig),
    ];
    for (bytes, kind, rest, reason) in table {
        let ([back, on], stack) = forward_packet(bytes);
        assert!(on.is_empty());
        assert_eq!(back.len(), 1, "{reason}");
        let start = if bytes[0] >> 4 == 4 { 20 } else { 40 };
        let icmp = &back[0][start..];
        // RFC1812-R5, RFC791-R4
        assert_eq!((&icmp[..2], &icmp[4..8]), (&kind[..], &rest.to_be_bytes()[..]), "{reason}");
        let valid = match start {
            20 => Icmpv4Message::parse(icmp).is_ok(),
            _ => Icmpv6Message::parse("2001:db8::1".parse().unwrap(), "2001:db8::2".parse().unwrap(), icmp)
                .is_ok(),
        };
        assert!(valid, "{reason}");
        assert_eq!(stack.counters().dropped(*reason), 1);
    }
}

#[test]
fn an_ipv4_packet_that_may_be_fragmented_goes_on_in_fragments() {
    let data: Vec<u8> = (0..1450u32).map(|i| i as u8).collect();
    let payload = udp("192.0.2.2", "198.51.100.2", (1, 2), &data);
    let ([_, on], _) = forward_packet(&plain("192.0.2.2", "198.51.100.2", IpProtocol::Udp, &payload));
    assert_eq!(on.len(), 2);
    let mut whole = Vec::new();
    for fragment in &on {
        let header = Ipv4Header::parse(fragment).unwrap();
        assert_eq!((header.hop_limit, header.identification), (63, 1));
        assert_eq!(usize::from(header.fragment_offset), whole.len());
        assert!(fragment.len() <= 1400);
        whole.extend_from_slice(&fragment[20..]);
    }
    assert_eq!(whole, payload);
}

#[test]
fn what_belongs_to_one_link_stays_there() {
    let table = [
        ("192.0.2.2", "198.51.100.255"),
        ("192.0.2.2", "169.254.1.1"),
        ("169.254.1.1", "198.51.100.2"),
        ("192.0.2.2", "239.1.1.1"),
        ("2001:db8::2", "fe80::9"),
        ("fe80::2", "2001:db8:1::2"),
        ("2001:db8::2", "ff0e::1"),
        ("192.0.2.2", "127.0.0.1"),
        ("2001:db8::2", "::1"),
    ];
    for (source, destination) in table {
        let ([_, on], stack) = forward_packet(&udp_packet(source, destination, (1, 2), b"x"));
        // RFC1812-R6, RFC1812-R7
        assert!(on.is_empty(), "{source} {destination}");
        assert_eq!(stack.counters().packets_forwarded, 0, "{source} {destination}");
    }
    let (mut stack, [near, far]) = router();
    let bytes = udp_packet("192.0.2.2", "198.51.100.2", (1, 2), b"x");
    let frame = crate::tests::packets::frame_to(EthernetAddress::BROADCAST, &bytes);
    stack.handle_frames(Instant::ZERO, near, &mut Batch(vec![Frame::new(frame)]));
    assert!(stack.poll_transmit(Instant::ZERO, far).is_none(), "a link broadcast is not forwarded");
}

#[test]
fn a_checksum_left_to_the_device_is_completed_before_the_packet_goes_on() {
    for (source, destination) in [("192.0.2.2", "198.51.100.2"), ("2001:db8::2", "2001:db8:1::2")] {
        let whole = udp(source, destination, (1, 2), b"data");
        let mut partial = whole.clone();
        let mut sum = fathom_wire::Checksum::new();
        sum.pseudo_header(source.parse().unwrap(), destination.parse().unwrap(), IpProtocol::Udp, 12);
        partial[6..8].copy_from_slice(&sum.fold().to_be_bytes());
        let bytes = crate::tests::packets::frame(&plain(source, destination, IpProtocol::Udp, &partial));
        let frame = Frame { checksum: ReceivedChecksum::Partial, ..Frame::new(bytes) };
        let ([_, on], _) = forwarded(frame);
        assert!(on[0].ends_with(&whole), "{source}");
    }
}

/// A TCP super-segment, as a device with receive offload gives it, of `size` bytes in each segment.
fn super_segment(v6: bool, size: u16) -> Frame {
    let (source, destination) = match v6 {
        true => ("2001:db8::2", "2001:db8:1::2"),
        false => ("192.0.2.2", "198.51.100.2"),
    };
    let header = TcpHeader {
        source_port: 1,
        destination_port: 2,
        seq: fathom_wire::SeqNumber(100),
        ack: fathom_wire::SeqNumber(0),
        flags: TcpFlags::ACK | TcpFlags::PSH,
        window: 1,
        urgent: 0,
        options: TcpOptions::default(),
    };
    let mut bytes = vec![0; header.header_len()];
    header.emit(&mut bytes);
    bytes.extend_from_slice(&vec![5; 3000]);
    let bytes = crate::tests::packets::frame(&plain(source, destination, IpProtocol::Tcp, &bytes));
    let segment_size = core::num::NonZeroU16::new(size);
    Frame { segment_size, checksum: ReceivedChecksum::Partial, ..Frame::new(bytes) }
}

#[test]
fn a_super_segment_is_cut_on_the_other_side() {
    for v6 in [false, true] {
        let ([_, on], _) = forwarded(super_segment(v6, 1200));
        let ip = if v6 { 40 } else { 20 };
        let seqs: Vec<(u32, usize)> = on
            .iter()
            .map(|segment| {
                let header = TcpHeader::parse(&segment[ip..]).unwrap();
                (header.seq.0, segment.len() - ip - 20)
            })
            .collect();
        assert_eq!(seqs, [(100, 1200), (1300, 1200), (2500, 600)]);
        for segment in &on {
            let header = IpHeader::parse(segment).unwrap();
            let mut sum = fathom_wire::Checksum::new();
            let len = segment.len() - ip;
            sum.pseudo_header(header.source(), header.destination(), IpProtocol::Tcp, len as u32);
            sum.add(&segment[ip..]);
            assert!(sum.is_valid());
            assert_eq!(header.hop_limit(), 63);
        }
    }
}

#[test]
fn what_the_next_device_can_do_is_left_to_it() {
    for v6 in [false, true] {
        let (mut stack, [near, far]) = router_with(crate::Offload::ALL);
        let start = if v6 { 40 } else { 20 };
        let checksum = TransmitChecksum::Partial { start, offset: 16 };
        for segment_size in [core::num::NonZeroU16::new(1200), None] {
            let mut frame = super_segment(v6, 1200);
            if segment_size.is_none() {
                frame = plain_segment(v6);
            }
            stack.handle_frames(Instant::ZERO, near, &mut Batch(vec![frame.clone()]));
            let sent = stack.poll_transmit(Instant::ZERO, far).unwrap();
            assert_eq!((sent.segment_size, sent.checksum), (segment_size, checksum));
            // What that device makes of it is what this router would have.
            let mut cut = crate::outgoing::completed(&sent, 0).unwrap();
            let cut: Vec<Bytes> =
                core::iter::from_fn(|| cut.next_frame(Instant::ZERO)).map(|f| f.to_bytes()).collect();
            let ([_, by_us], _) = forwarded(frame);
            assert_eq!(cut, by_us);
        }
    }
}

/// A segment whose checksum is left to the device.
fn plain_segment(v6: bool) -> Frame {
    let ([_, segments], _) = forwarded(super_segment(v6, 1200));
    let mut packet = segments[0].to_vec();
    let header = IpHeader::parse(&packet).unwrap();
    let start = header.header_len();
    let mut sum = fathom_wire::Checksum::new();
    let len = (packet.len() - start) as u32;
    sum.pseudo_header(header.source(), header.destination(), IpProtocol::Tcp, len);
    packet[start + 16..start + 18].copy_from_slice(&sum.fold().to_be_bytes());
    let bytes = crate::tests::packets::frame(&packet);
    Frame { checksum: ReceivedChecksum::Partial, ..Frame::new(bytes) }
}

/// P-78
#[test]
fn a_super_segment_with_cwr_is_cut_here() {
    let mut frame = super_segment(false, 1200);
    let mut bytes = frame.bytes.to_vec();
    bytes[14 + 20 + 13] |= TcpFlags::CWR.bits() as u8;
    frame.bytes = bytes.into();
    let ([_, on], _) = forwarded_by(router_with(crate::Offload::ALL), frame);
    assert_eq!(on.len(), 3);
}

#[test]
fn a_super_segment_behind_extension_headers_is_cut_behind_them() {
    let plain = super_segment(true, 1200);
    let packet = &plain.bytes[14..];
    let mut options = vec![u8::from(IpProtocol::Tcp), 0, 1, 4, 0, 0, 0, 0];
    options.extend_from_slice(&packet[40..]);
    let packet = crate::tests::packets::plain(
        "2001:db8::2",
        "2001:db8:1::2",
        IpProtocol::DestinationOptions,
        &options,
    );
    let frame = Frame { bytes: crate::tests::packets::frame(&packet), ..plain };
    let ([_, on], _) = forwarded(frame);
    let lens: Vec<usize> = on.iter().map(Bytes::len).collect();
    assert_eq!(lens, [40 + 8 + 20 + 1200, 40 + 8 + 20 + 1200, 40 + 8 + 20 + 600]);
    for segment in &on {
        assert_eq!(segment[40..48], options[..8]);
        let mut sum = fathom_wire::Checksum::new();
        let (source, destination) = ("2001:db8::2".parse().unwrap(), "2001:db8:1::2".parse().unwrap());
        sum.pseudo_header(source, destination, IpProtocol::Tcp, (segment.len() - 48) as u32);
        sum.add(&segment[48..]);
        assert!(sum.is_valid());
    }
}

/// A UDP super-datagram that may be fragmented, of `size` bytes in each datagram.
fn super_datagram(size: u16) -> Frame {
    let packet = udp_packet("192.0.2.2", "198.51.100.2", (1, 2), &vec![5; 3000]);
    let segment_size = core::num::NonZeroU16::new(size);
    let bytes = crate::tests::packets::frame(&packet);
    Frame { segment_size, checksum: ReceivedChecksum::Partial, ..Frame::new(bytes) }
}

#[test]
fn a_super_datagram_is_cut_and_where_its_datagrams_do_not_fit_they_are_fragmented() {
    let ([_, on], _) = forwarded(super_datagram(1000));
    assert_eq!(on.iter().map(Bytes::len).collect::<Vec<_>>(), [1028; 3]);
    let valid = |datagram: &[u8], payload: &[u8]| {
        let header = Ipv4Header::parse(datagram).unwrap();
        let mut sum = fathom_wire::Checksum::new();
        let (source, destination) = (header.source.into(), header.destination.into());
        sum.pseudo_header(source, destination, IpProtocol::Udp, payload.len() as u32);
        sum.add(payload);
        sum.is_valid()
    };
    assert!(on.iter().all(|datagram| valid(datagram, &datagram[20..])));
    let ([back, on], _) = forwarded(super_datagram(1450));
    assert!(back.is_empty());
    // Twice a datagram of 1458 bytes in two fragments, and the rest.
    assert_eq!(on.iter().map(Bytes::len).collect::<Vec<_>>(), [1396, 102, 1396, 102, 128]);
    assert!(valid(&on[0], &[&on[0][20..], &on[1][20..]].concat()));
}

#[test]
fn a_super_segment_whose_segments_do_not_fit_is_refused() {
    let plain = super_segment(false, 1380);
    let mut packet = plain.bytes[14..].to_vec();
    let mut header = Ipv4Header::parse(&packet).unwrap();
    header.dont_fragment = true;
    header.emit(&mut packet);
    let frame = Frame { bytes: crate::tests::packets::frame(&packet), ..plain };
    let ([back, on], stack) = forwarded(frame);
    assert!(on.is_empty());
    assert_eq!(back[0][20..22], [3, 4]);
    assert_eq!(stack.counters().dropped(DropReason::PacketTooBig), 1);
}

#[test]
fn a_host_that_is_no_router_forwards_nothing() {
    let mut host = crate::tests::host::Host::new().knows_neighbour();
    let route = crate::Route {
        destination: crate::IpCidr::IPV4_ANY,
        gateway: Some([192, 0, 2, 2].into()),
        interface: host.eth0,
        metric: 0,
    };
    host.stack.add_route(host.now, route).unwrap();
    let header = v6_header("2001:db8::2", "2001:db8::9", IpProtocol::Udp, 0);
    assert!(host.receive_packet(&packet(header, &[])).is_empty());
    assert!(host.receive_packet(&udp_packet("192.0.2.2", "203.0.113.1", (1, 2), b"x")).is_empty());
    assert_eq!(host.drops(), [(DropReason::IpNotForUs, 2)]);
}
