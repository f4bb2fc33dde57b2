//! Datagrams with all that belongs to them, and many at once.

use core::num::NonZeroU16;

use bytes::Bytes;
use fathom_wire::{Ecn, IpHeader, UdpHeader};

use super::*;
use crate::batch::{Batch, Frame, ReceivedChecksum};
use crate::tests::Pair;
use crate::tests::host::Host;
use crate::tests::packets::frame;

fn size(bytes: u16) -> Option<NonZeroU16> {
    NonZeroU16::new(bytes)
}

fn offload(host: &mut Host, id: UdpId) {
    let mut udp = host.stack.udp(host.now, id).unwrap();
    udp.set_options(UdpOptions { receive_offload: true, ..udp.options() });
}

/// Per datagram, whatever the socket has.
#[test]
fn a_datagram_has_the_hop_limit_code_point_and_congestion_field_that_it_is_sent_with() {
    let mut pair = Pair::new();
    for (to, from) in [(pair.b.v4, pair.a.v4), (pair.b.v6, pair.a.v6)] {
        let client = pair.a.stack.udp_bind(pair.now, SocketAddr::new(from, 9)).unwrap();
        let server = pair.b.stack.udp_bind(pair.now, SocketAddr::new(to, 7)).unwrap();
        let mut udp = pair.a.stack.udp(pair.now, client).unwrap();
        udp.set_hop_limit(50);
        let to = SocketAddr::new(to, 7);
        let message = SendDatagram {
            hop_limit: Some(3),
            dscp: Some(46),
            ecn: Some(Ecn::Ect1),
            ..SendDatagram::to(b"one", to)
        };
        udp.send_msg(&message).unwrap();
        udp.send_to(b"two", to).unwrap();
        pair.drive_for(Duration::from_secs(1));
        let interface = pair.b.interface;
        let mut udp = pair.b.stack.udp(pair.now, server).unwrap();
        let (one, two) = (udp.recv().unwrap(), udp.recv().unwrap());
        // RFC8085-R2, RFC1122-R16, RFC1122-R65
        assert_eq!((one.hop_limit, one.dscp, one.ecn), (3, 46, Ecn::Ect1));
        assert_eq!((two.hop_limit, two.dscp, two.ecn), (50, 0, Ecn::NotEct));
        assert_eq!((one.destination, one.interface), (to.ip(), Some(interface)));
        assert!(one.received_at > fathom_wire::Instant::from_millis(1));
    }
}

#[test]
fn a_peek_leaves_the_datagram_and_tells_how_much_more_there_is() {
    let mut host = Host::new();
    let id = bind(&mut host, "0.0.0.0:7").unwrap();
    host.receive_packet(&udp_packet("192.0.2.2", "192.0.2.1", (9, 7), b"data"));
    let (mut small, mut large) = ([0; 3], [0; 9]);
    let mut udp = host.stack.udp(host.now, id).unwrap();
    for _ in 0..2 {
        let meta = udp.peek_msg(&mut small).unwrap();
        assert_eq!((meta.len, meta.truncated, &small), (3, 1, b"dat"));
    }
    let meta = udp.recv_msg(&mut large).unwrap();
    assert_eq!((meta.len, meta.stride, meta.truncated, &large[..4]), (4, 4, 0, &b"data"[..]));
    assert_eq!(udp.peek_msg(&mut large), Err(UdpError::WouldBlock));
}

#[test]
fn empty_datagrams_arrive_one_by_one() {
    let mut pair = Pair::new();
    let (to, from) = (SocketAddr::new(pair.b.v6, 7), SocketAddr::new(pair.a.v6, 9));
    let client = pair.a.stack.udp_bind(pair.now, from).unwrap();
    let server = pair.b.stack.udp_bind(pair.now, to).unwrap();
    for _ in 0..2 {
        pair.a.stack.udp(pair.now, client).unwrap().send_to(b"", to).unwrap();
    }
    pair.drive_for(Duration::from_secs(1));
    let mut udp = pair.b.stack.udp(pair.now, server).unwrap();
    udp.set_options(UdpOptions { receive_offload: true, ..udp.options() });
    for _ in 0..2 {
        assert_eq!(udp.recv_from(&mut [0; 9]), Ok((0, from)));
    }
    assert_eq!(udp.recv_from(&mut [0; 9]), Err(UdpError::WouldBlock));
}

/// One call, many datagrams: each complete, the last shorter, all with the same marks.
#[test]
fn a_segment_size_makes_many_datagrams_of_one_call() {
    for (source, to) in [("192.0.2.1:7", "192.0.2.2:9"), ("[2001:db8::1]:7", "[2001:db8::2]:9")] {
        let mut host = Host::new().knows_neighbour();
        let id = bind(&mut host, source).unwrap();
        let data: Vec<u8> = (0..250u8).collect();
        let message = SendDatagram {
            segment_size: size(100),
            ecn: Some(Ecn::Ect0),
            ..SendDatagram::to(&data, address(to))
        };
        assert_eq!(host.stack.udp(host.now, id).unwrap().send_msg(&message), Ok(250));
        let mut got = Vec::new();
        for frame in host.sent() {
            let packet = frame.slice(EthernetHeader::LEN..);
            let header = IpHeader::parse(&packet).unwrap();
            assert_eq!(header.ecn(), Ecn::Ect0);
            let datagram = &packet[header.header_len()..];
            let udp = UdpHeader::parse_datagram(datagram).unwrap();
            assert_eq!(usize::from(udp.length), datagram.len());
            let mut sum = fathom_wire::Checksum::new();
            sum.pseudo_header(header.source(), header.destination(), IpProtocol::Udp, udp.length.into());
            sum.add(datagram);
            assert!(sum.is_valid());
            got.push(datagram[UdpHeader::LEN..].to_vec());
        }
        assert_eq!(got, data.chunks(100).map(<[u8]>::to_vec).collect::<Vec<_>>());
        assert_eq!((host.stack.memory_in_use(), host.stack.counters().udp_sent), (0, 3));
        let many = SendDatagram { segment_size: size(1), ..SendDatagram::to(&data[..65], address(to)) };
        let udp = host.stack.udp(host.now, id).unwrap().send_msg(&many);
        assert_eq!(udp, Err(UdpError::TooLarge), "64 at most");
    }
}

/// One read gives many: those in a row that differ in their data only, all but the last of one size.
#[test]
fn a_read_takes_datagrams_of_one_size_and_sender_at_once_if_the_program_asks() {
    let mut host = Host::new();
    let id = bind(&mut host, "0.0.0.0:7").unwrap();
    let lens: &[(u16, usize)] = &[(9, 10), (9, 10), (9, 4), (9, 10), (9, 10), (8, 10), (9, 3), (9, 5)];
    let arrive = |host: &mut Host| {
        for (number, (port, len)) in lens.iter().enumerate() {
            let data = vec![number as u8; *len];
            host.receive_packet(&udp_packet("192.0.2.2", "192.0.2.1", (*port, 7), &data));
        }
    };
    arrive(&mut host);
    assert_eq!(received(&mut host, id).len(), lens.len(), "one by one otherwise");

    offload(&mut host, id);
    arrive(&mut host);
    let mut udp = host.stack.udp(host.now, id).unwrap();
    let mut out = [0; 100];
    let mut reads = Vec::new();
    while let Ok(meta) = udp.recv_msg(&mut out) {
        reads.push((meta.source.port(), meta.len, meta.stride));
    }
    assert_eq!(reads, [(9, 24, 10), (9, 20, 10), (8, 10, 10), (9, 3, 3), (9, 5, 5)]);
    arrive(&mut host);
    let mut udp = host.stack.udp(host.now, id).unwrap();
    let meta = udp.recv_msg(&mut out[..15]).unwrap();
    assert_eq!((meta.len, meta.truncated), (10, 0), "what does not fit stays");
    assert_eq!(&out[..10], [0; 10]);
}

/// What a device has merged comes to the program whole, or one by one, as it asks.
#[test]
fn a_super_datagram_of_the_device_is_given_whole_or_cut() {
    let packet = udp_packet("192.0.2.2", "192.0.2.1", (9, 7), &[5; 250]);
    for whole in [false, true] {
        let mut host = Host::new();
        let id = bind(&mut host, "0.0.0.0:7").unwrap();
        if whole {
            offload(&mut host, id);
        }
        let bytes: Bytes = frame(&packet);
        let frame = Frame { segment_size: size(100), checksum: ReceivedChecksum::Valid, ..Frame::new(bytes) };
        host.stack.handle_frames(host.now, host.eth0, &mut Batch::from_iter([frame]));
        assert_eq!(host.stack.counters().udp_received, 3);
        let mut udp = host.stack.udp(host.now, id).unwrap();
        if whole {
            let meta = udp.recv_msg(&mut [0; 1000]).unwrap();
            assert_eq!((meta.len, meta.stride), (250, 100));
        } else {
            let lens: Vec<usize> =
                core::iter::from_fn(|| udp.recv().ok()).map(|got| got.data.len()).collect();
            assert_eq!(lens, [100, 100, 50]);
        }
        assert_eq!(host.stack.memory_in_use(), 0);
    }
}

/// Where the device cuts, many datagrams leave as one frame; where they do not fit the path, each is cut on
/// its own.
#[test]
fn a_device_that_cuts_gets_many_datagrams_in_one_piece() {
    let offload = crate::Offload { udp_segmentation: true, transmit_checksum: true, ..Default::default() };
    // offload, MTU, size of each datagram, lens of the frames without headers of IP and UDP
    let table: &[(crate::Offload, usize, u16, &[usize])] = &[
        (offload, 1500, 1000, &[2500]),
        (crate::Offload::default(), 1500, 1000, &[1000, 1000, 500]),
        // 572 of each datagram, and of its UDP header, fit a fragment.
        (offload, 600, 1000, &[576, 432, 576, 432, 500]),
    ];
    for (offload, mtu, size_of_each, expected) in table {
        let mut stack = crate::Stack::new(Config::default(), crate::Seed::from_u64(1));
        let now = fathom_wire::Instant::from_millis(1);
        let tun = crate::Interface { mtu: *mtu, offload: *offload, ..crate::Interface::ip("tun0") };
        let tun = stack.add_interface(tun);
        stack.add_address(now, tun, "192.0.2.1/24".parse().unwrap()).unwrap();
        let id = stack.udp_bind(now, address("192.0.2.1:7")).unwrap();
        let mut udp = stack.udp(now, id).unwrap();
        udp.set_options(UdpOptions { path_mtu_discovery: PathMtuDiscovery::Off, ..udp.options() });
        let data = [5; 2500];
        let message = SendDatagram {
            segment_size: size(*size_of_each),
            ..SendDatagram::to(&data, address("192.0.2.2:9"))
        };
        udp.send_msg(&message).unwrap();
        let frames: Vec<_> = core::iter::from_fn(|| stack.poll_transmit(now, tun)).collect();
        let lens: Vec<usize> = frames
            .iter()
            .map(|frame| {
                let offset = u16::from_be_bytes([frame.headers[6], frame.headers[7]]);
                let fragment = offset & 0x3fff != 0;
                frame.len() - 20 - if fragment { 0 } else { 8 }
            })
            .collect();
        assert_eq!(&lens, expected);
        let whole = expected.len() == 1;
        assert_eq!(frames[0].segment_size, size(*size_of_each).filter(|_| whole));
        assert_eq!((stack.counters().udp_sent, stack.memory_in_use()), (3, 0));
    }
}
