//! UDP, raw and ICMP sockets.

use super::{Pair, at, icmp_error, kernel, taken};
use crate::consts::*;
use crate::{ControlMessage, Errno, Fd};

/// A UDP socket of a, and one of b at 192.0.2.2:7.
fn sockets(pair: &mut Pair) -> (Fd, Fd) {
    let a = pair.a.socket(AF_INET, SOCK_DGRAM, 0).unwrap();
    let b = pair.b.socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP).unwrap();
    pair.b.bind(b, at("192.0.2.2:7")).unwrap();
    (a, b)
}

/// The data of the control message of this kind.
fn control(messages: &[ControlMessage], level: i32, kind: i32) -> Option<&[u8]> {
    messages
        .iter()
        .find(|message| (message.level, message.kind) == (level, kind))
        .map(|message| &*message.data)
}

#[test]
fn datagrams_go_both_ways_with_their_senders() {
    let mut pair = Pair::new();
    let (a, b) = sockets(&mut pair);
    let mut buffer = [0; 16];
    assert_eq!(pair.a.recv(a, &mut buffer, 0), Err(Errno::EAGAIN));
    assert_eq!(pair.a.send(a, b"x", 0), Err(Errno::EDESTADDRREQ));
    assert_eq!(pair.a.sendto(a, b"question", 0, Some(at("192.0.2.2:7"))), Ok(8));
    pair.exchange();
    assert_eq!(pair.b.ready(b, POLLIN | POLLOUT), POLLIN | POLLOUT);
    let (len, from) = pair.b.recvfrom(b, &mut buffer, 0).unwrap();
    assert_eq!(&buffer[..len], b"question");
    assert_eq!(from, Some(at(&format!("192.0.2.1:{}", pair.a.getsockname(a).unwrap().port()))));
    assert_eq!(pair.b.sendto(b, b"answer", 0, from), Ok(6));
    pair.exchange();
    assert_eq!(pair.a.recv(a, &mut buffer, 0), Ok(6));
    assert_eq!(pair.a.listen(a, 1), Err(Errno::EOPNOTSUPP));
}

#[test]
fn a_peek_leaves_a_datagram_and_truncation_is_told() {
    let mut pair = Pair::new();
    let (a, b) = sockets(&mut pair);
    pair.a.sendto(a, b"0123456789", 0, Some(at("192.0.2.2:7"))).unwrap();
    pair.exchange();
    let mut buffer = [0; 4];
    let mut count = 0;
    pair.b.ioctl(b, SIOCINQ, &mut count).unwrap();
    assert_eq!(count, 10);
    assert_eq!(pair.b.recv(b, &mut buffer, MSG_PEEK | MSG_TRUNC), Ok(10));
    let received = pair.b.recvmsg(b, &mut buffer, 0).unwrap();
    assert_eq!((received.len, received.copied, received.flags), (4, 4, MSG_TRUNC));
    assert_eq!(pair.b.recv(b, &mut buffer, 0), Err(Errno::EAGAIN));
}

#[test]
fn what_is_known_of_a_datagram_comes_with_it() {
    let mut pair = Pair::new();
    let (a, b) = sockets(&mut pair);
    for name in [IP_PKTINFO, IP_RECVTTL, IP_RECVTOS, IP_ORIGDSTADDR] {
        pair.b.setsockopt_int(b, SOL_IP, name, 1).unwrap();
    }
    pair.b.setsockopt_int(b, SOL_SOCKET, SO_TIMESTAMPNS, 1).unwrap();
    pair.advance_to(1_500_000);
    let how = [
        ControlMessage::int(SOL_IP, IP_TTL, 9),
        ControlMessage { level: SOL_IP, kind: IP_TOS, data: vec![0xb9] },
    ];
    pair.a.sendmsg(a, b"x", Some(at("192.0.2.2:7")), &how, 0).unwrap();
    pair.exchange();
    let received = pair.b.recvmsg(b, &mut [0; 4], 0).unwrap();
    let get = |level, kind| control(&received.control, level, kind).unwrap().to_vec();
    assert_eq!(get(SOL_IP, IP_TTL), 9i32.to_le_bytes());
    assert_eq!(get(SOL_IP, IP_TOS), [0xb9]);
    assert_eq!(get(SOL_IP, IP_PKTINFO), [1, 0, 0, 0, 192, 0, 2, 2, 192, 0, 2, 2]);
    assert_eq!(get(SOL_IP, IP_ORIGDSTADDR)[..8], [2, 0, 0, 7, 192, 0, 2, 2]);
    let time = [1u64.to_le_bytes(), 500_000_000u64.to_le_bytes()].concat();
    assert_eq!(get(SOL_SOCKET, SO_TIMESTAMPNS), time);
}

#[test]
fn a_dual_stack_socket_shows_ipv4_in_its_form_of_ipv6() {
    let mut pair = Pair::new();
    let a = pair.a.socket(AF_INET6, SOCK_DGRAM, 0).unwrap();
    let b = pair.b.socket(AF_INET6, SOCK_DGRAM, 0).unwrap();
    pair.b.bind(b, at("[::]:7")).unwrap();
    pair.b.setsockopt_int(b, SOL_IPV6, IPV6_RECVPKTINFO, 1).unwrap();
    pair.b.setsockopt_int(b, SOL_IPV6, IPV6_RECVHOPLIMIT, 1).unwrap();
    for (to, from, hop_limit) in
        [("[::ffff:192.0.2.2]:7", "::ffff:192.0.2.1", None), ("[2001:db8::2]:7", "2001:db8::1", Some(64))]
    {
        pair.a.sendto(a, b"x", 0, Some(at(to))).unwrap();
        pair.exchange();
        let received = pair.b.recvmsg(b, &mut [0; 4], 0).unwrap();
        assert_eq!(received.from.unwrap().ip().to_string(), from);
        let std::net::IpAddr::V6(ip) = at(to).ip() else { panic!("{to}") };
        let info = control(&received.control, SOL_IPV6, IPV6_PKTINFO).unwrap();
        assert_eq!(info, [&ip.octets()[..], &[1, 0, 0, 0]].concat());
        let told = control(&received.control, SOL_IPV6, IPV6_HOPLIMIT).map(|bytes| bytes[0]);
        assert_eq!(told, hop_limit);
    }
    let only = pair.a.socket(AF_INET6, SOCK_DGRAM, 0).unwrap();
    pair.a.setsockopt_int(only, SOL_IPV6, IPV6_V6ONLY, 1).unwrap();
    assert_eq!(pair.a.sendto(only, b"x", 0, Some(at("192.0.2.2:7"))), Err(Errno::ENETUNREACH));
}

#[test]
fn a_port_without_a_socket_refuses_whoever_is_connected() {
    let mut pair = Pair::new();
    let a = pair.a.socket(AF_INET, SOCK_DGRAM, 0).unwrap();
    pair.a.connect(a, at("192.0.2.2:9")).unwrap();
    pair.a.send(a, b"x", 0).unwrap();
    pair.exchange();
    assert_eq!(pair.a.ready(a, POLLIN | POLLOUT) & POLLERR, POLLERR);
    assert_eq!(pair.a.send(a, b"y", 0), Err(Errno::ECONNREFUSED));
    assert_eq!(pair.a.send(a, b"y", 0), Ok(1));
}

#[test]
fn a_datagram_that_is_too_large_for_its_path_is_refused_where_nobody_may_cut_it() {
    let mut kernel = kernel("address=192.0.2.1/24");
    let fd = kernel.socket(AF_INET, SOCK_DGRAM, 0).unwrap();
    kernel.setsockopt_int(fd, SOL_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO).unwrap();
    kernel.connect(fd, at("192.0.2.2:7")).unwrap();
    assert_eq!(kernel.send(fd, &[0; 1473], 0), Err(Errno::EMSGSIZE));
    assert_eq!(kernel.send(fd, &[0; 1472], 0), Ok(1472));
    let packet = kernel.take().unwrap().bytes;
    kernel.put(&icmp_error(3, 4, 1000, &packet));
    assert_eq!(kernel.send(fd, &[0; 1472], 0), Err(Errno::EMSGSIZE), "what ICMP told");
    assert_eq!(kernel.getsockopt_int(fd, SOL_IP, IP_MTU), Ok(1000));
    assert_eq!(kernel.send(fd, &[0; 973], 0), Err(Errno::EMSGSIZE));
    assert_eq!(kernel.send(fd, &[0; 972], 0), Ok(972));
}

#[test]
fn the_error_queue_tells_which_datagram_met_what() {
    let mut pair = Pair::new();
    let a = pair.a.socket(AF_INET, SOCK_DGRAM, 0).unwrap();
    pair.a.setsockopt_int(a, SOL_IP, IP_RECVERR, 1).unwrap();
    assert_eq!(pair.a.recv(a, &mut [0; 9], MSG_ERRQUEUE), Err(Errno::EAGAIN));
    pair.a.sendto(a, b"lost", 0, Some(at("192.0.2.2:9"))).unwrap();
    pair.exchange();
    let mut data = [0; 9];
    let received = pair.a.recvmsg(a, &mut data, MSG_ERRQUEUE).unwrap();
    assert_eq!((received.flags, received.from), (MSG_ERRQUEUE, Some(at("192.0.2.2:9"))));
    assert_eq!(&data[..received.copied], b"lost");
    let error = control(&received.control, SOL_IP, IP_RECVERR).unwrap();
    // ECONNREFUSED, from ICMP, type 3, code 3; then who says so.
    assert_eq!(error[..8], [111, 0, 0, 0, 2, 3, 3, 0]);
    assert_eq!(error[16..24], [2, 0, 0, 0, 192, 0, 2, 2]);
}

#[test]
fn a_corked_datagram_leaves_whole() {
    let mut pair = Pair::new();
    let (a, b) = sockets(&mut pair);
    pair.a.connect(a, at("192.0.2.2:7")).unwrap();
    pair.a.send(a, b"one ", MSG_MORE).unwrap();
    pair.a.send(a, b"datagram", 0).unwrap();
    pair.a.setsockopt_int(a, SOL_UDP, UDP_CORK, 1).unwrap();
    pair.a.send(a, b"an", 0).unwrap();
    pair.a.send(a, b"other", 0).unwrap();
    pair.a.setsockopt_int(a, SOL_UDP, UDP_CORK, 0).unwrap();
    pair.exchange();
    let mut buffer = [0; 32];
    for expected in ["one datagram", "another"] {
        let len = pair.b.recv(b, &mut buffer, 0).unwrap();
        assert_eq!(&buffer[..len], expected.as_bytes());
    }
}

#[test]
fn one_call_sends_many_datagrams_and_one_takes_them() {
    let mut pair = Pair::new();
    let (a, b) = sockets(&mut pair);
    pair.a.setsockopt_int(a, SOL_UDP, UDP_SEGMENT, 100).unwrap();
    assert_eq!(pair.a.sendto(a, &[7; 250], 0, Some(at("192.0.2.2:7"))), Ok(250));
    let packets = taken(&mut pair.a);
    assert_eq!(packets.iter().map(|packet| packet.bytes.len()).collect::<Vec<_>>(), [128, 128, 78]);
    pair.b.setsockopt_int(b, SOL_UDP, UDP_GRO, 1).unwrap();
    for packet in packets {
        pair.b.put(&packet.bytes);
    }
    let received = pair.b.recvmsg(b, &mut [0; 999], 0).unwrap();
    assert_eq!(received.len, 250);
    assert_eq!(control(&received.control, SOL_UDP, UDP_GRO), Some(&100i32.to_le_bytes()[..]));
    let many = ControlMessage { level: SOL_UDP, kind: UDP_SEGMENT, data: vec![1, 0] };
    assert_eq!(pair.a.sendmsg(a, &[7; 65], Some(at("192.0.2.2:7")), &[many], 0), Err(Errno::EINVAL));
}

#[test]
fn a_socket_of_ping_sends_requests_and_hears_replies() {
    for (family, protocol, to, (request, reply)) in [
        (AF_INET, IPPROTO_ICMP, "192.0.2.2:0", (8, 0)),
        (AF_INET6, IPPROTO_ICMPV6, "[2001:db8::2]:0", (128, 129)),
    ] {
        let mut pair = Pair::new();
        let fd = pair.a.socket(family, SOCK_DGRAM, protocol).unwrap();
        let message = [request, 0, 0, 0, 0xff, 0xff, 0, 7, 1, 2, 3];
        assert_eq!(pair.a.sendto(fd, &message[..7], 0, Some(at(to))), Err(Errno::EINVAL));
        assert_eq!(pair.a.sendto(fd, &message, 0, Some(at(to))), Ok(11));
        pair.exchange();
        let mut buffer = [0; 32];
        let identifier = pair.a.getsockname(fd).unwrap().port().to_be_bytes();
        for flags in [MSG_PEEK, 0] {
            assert_eq!(pair.a.recvfrom(fd, &mut buffer, flags), Ok((11, Some(at(to)))));
            assert_eq!(
                (buffer[0], &buffer[4..6], &buffer[6..11]),
                (reply, &identifier[..], &[0, 7, 1, 2, 3][..])
            );
        }
        assert_eq!(pair.a.recv(fd, &mut buffer, 0), Err(Errno::EAGAIN));
    }
}

#[test]
fn a_socket_of_ping_hears_of_errors_if_it_asks() {
    let mut kernel = kernel("address=192.0.2.1/24");
    let fd = kernel.socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP).unwrap();
    let message = [8, 0, 0, 0, 0, 0, 0, 7];
    assert_eq!(kernel.sendto(fd, &message, 0, Some(at("203.0.113.1:0"))), Err(Errno::ENETUNREACH));
    kernel.setsockopt_int(fd, SOL_IP, IP_RECVERR, 1).unwrap();
    kernel.sendto(fd, &message, 0, Some(at("192.0.2.9:0"))).unwrap();
    let request = kernel.take().unwrap().bytes;
    // Host unreachable.
    kernel.put(&icmp_error(3, 1, 0, &request));
    assert_eq!(kernel.recv(fd, &mut [0; 64], 0), Err(Errno::EHOSTUNREACH));
    let received = kernel.recvmsg(fd, &mut [0; 64], MSG_ERRQUEUE).unwrap();
    let error = control(&received.control, SOL_IP, IP_RECVERR).unwrap();
    assert_eq!(error[..8], [113, 0, 0, 0, 2, 3, 1, 0]);
    assert_eq!(received.from, Some(at("192.0.2.9:0")));
}

#[test]
fn a_raw_socket_sees_whole_packets_of_its_protocol() {
    let mut pair = Pair::new();
    let a = pair.a.socket(AF_INET, SOCK_RAW, 253).unwrap();
    let b = pair.b.socket(AF_INET, SOCK_RAW, 253).unwrap();
    assert_eq!(pair.a.socket(AF_INET, SOCK_RAW, 0), Err(Errno::EPROTONOSUPPORT));
    assert_eq!(pair.a.send(a, b"x", 0), Err(Errno::EDESTADDRREQ));
    pair.a.setsockopt_int(a, SOL_IP, IP_TTL, 3).unwrap();
    pair.a.connect(a, at("192.0.2.2:0")).unwrap();
    assert_eq!(pair.a.send(a, b"payload", 0), Ok(7));
    pair.exchange();
    let mut buffer = [0; 64];
    let mut count = 0;
    pair.b.ioctl(b, SIOCINQ, &mut count).unwrap();
    assert_eq!(count, 27);
    assert_eq!(pair.b.recvfrom(b, &mut buffer, 0), Ok((27, Some(at("192.0.2.1:0")))));
    assert_eq!((buffer[8], buffer[9], &buffer[20..27]), (3, 253, &b"payload"[..]));
    assert_eq!(pair.b.recv(b, &mut buffer, 0), Err(Errno::EAGAIN));
}

#[test]
fn a_filter_keeps_types_of_icmp_away() {
    let mut pair = Pair::new();
    let ping = pair.a.socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP).unwrap();
    let raw = pair.b.socket(AF_INET, SOCK_RAW, IPPROTO_ICMP).unwrap();
    let hears = |pair: &mut Pair, blocked: u32| {
        pair.b.setsockopt(raw, SOL_RAW, ICMP_FILTER, &blocked.to_le_bytes()).unwrap();
        let mut filter = [0; 4];
        assert_eq!(pair.b.getsockopt(raw, SOL_RAW, ICMP_FILTER, &mut filter), Ok(4));
        assert_eq!(u32::from_le_bytes(filter), blocked);
        pair.a.sendto(ping, &[8, 0, 0, 0, 0, 0, 0, 1], 0, Some(at("192.0.2.2:0"))).unwrap();
        pair.exchange();
        pair.b.recv(raw, &mut [0; 64], 0).is_ok()
    };
    assert!(hears(&mut pair, !(1 << 8)));
    assert!(!hears(&mut pair, 1 << 8));
}

#[test]
fn a_socket_hears_the_groups_that_it_has_joined() {
    let mut pair = Pair::new();
    let (a, b) = sockets(&mut pair);
    let group = pair.b.socket(AF_INET, SOCK_DGRAM, 0).unwrap();
    pair.b.bind(group, at("0.0.0.0:8")).unwrap();
    let request = [239, 1, 2, 3, 192, 0, 2, 2];
    assert_eq!(pair.b.setsockopt(group, SOL_IP, IP_ADD_MEMBERSHIP, &request), Ok(()));
    assert_eq!(pair.b.setsockopt(group, SOL_IP, IP_ADD_MEMBERSHIP, &request), Err(Errno::EADDRINUSE));
    assert_eq!(pair.b.setsockopt(b, SOL_IP, IP_DROP_MEMBERSHIP, &request), Err(Errno::EADDRNOTAVAIL));
    pair.a.setsockopt(a, SOL_IP, IP_MULTICAST_IF, &[192, 0, 2, 1]).unwrap();
    pair.a.sendto(a, b"all", 0, Some(at("239.1.2.3:8"))).unwrap();
    pair.exchange();
    assert_eq!(pair.b.recv(group, &mut [0; 8], 0), Ok(3));
    pair.b.setsockopt(group, SOL_IP, IP_DROP_MEMBERSHIP, &request).unwrap();
    pair.a.sendto(a, b"all", 0, Some(at("239.1.2.3:8"))).unwrap();
    pair.exchange();
    assert_eq!(pair.b.recv(group, &mut [0; 8], 0), Err(Errno::EAGAIN));
}

#[test]
fn broadcasts_must_be_allowed() {
    let mut kernel = kernel("address=192.0.2.1/24");
    let fd = kernel.socket(AF_INET, SOCK_DGRAM, 0).unwrap();
    assert_eq!(kernel.sendto(fd, b"x", 0, Some(at("192.0.2.255:7"))), Err(Errno::EACCES));
    kernel.setsockopt_int(fd, SOL_SOCKET, SO_BROADCAST, 1).unwrap();
    assert_eq!(kernel.sendto(fd, b"x", 0, Some(at("192.0.2.255:7"))), Ok(1));
}

#[test]
fn a_datagram_socket_that_is_shut_down_reads_the_end_and_writes_no_more() {
    let mut pair = Pair::new();
    let (a, _) = sockets(&mut pair);
    assert_eq!(pair.a.shutdown(a, SHUT_RD), Err(Errno::ENOTCONN));
    pair.a.connect(a, at("192.0.2.2:7")).unwrap();
    assert_eq!(pair.a.shutdown(a, SHUT_RDWR), Ok(()));
    assert_eq!(pair.a.recv(a, &mut [0; 4], 0), Ok(0));
    assert_eq!(pair.a.send(a, b"x", 0), Err(Errno::EPIPE));
    assert_eq!(pair.a.ready(a, POLLIN | POLLRDHUP), POLLIN | POLLRDHUP | POLLHUP);
}
