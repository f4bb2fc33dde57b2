//! The interface: what goes in and comes out, and when.

use super::{at, kernel, taken};
use crate::consts::*;
use crate::{Errno, Kernel};

/// Moves frames between two hosts until both are silent.
fn exchange(a: &mut Kernel, b: &mut Kernel) {
    loop {
        let (from_a, from_b) = (taken(a), taken(b));
        if from_a.is_empty() && from_b.is_empty() {
            return;
        }
        from_a.iter().for_each(|packet| b.put(&packet.bytes));
        from_b.iter().for_each(|packet| a.put(&packet.bytes));
    }
}

#[test]
fn hosts_on_ethernet_find_each_other() {
    for (mine, theirs) in [("192.0.2.1", "192.0.2.2:7"), ("2001:db8::1", "[2001:db8::2]:7")] {
        let prefix = if mine.contains(':') { 64 } else { 24 };
        let other = at(theirs).ip();
        let mut a = kernel(&format!("mac=02:00:00:00:00:0a; address={mine}/{prefix}"));
        let mut b = kernel(&format!("medium=ethernet; mac=02:00:00:00:00:0b; address={other}/{prefix}"));
        let family = if mine.contains(':') { AF_INET6 } else { AF_INET };
        let (from, to) = (a.socket(family, SOCK_DGRAM, 0).unwrap(), b.socket(family, SOCK_DGRAM, 0).unwrap());
        b.bind(to, at(theirs)).unwrap();
        a.sendto(from, b"found", 0, Some(at(theirs))).unwrap();
        exchange(&mut a, &mut b);
        assert_eq!(b.recv(to, &mut [0; 9], 0), Ok(5));
    }
}

#[test]
fn a_link_local_address_names_its_link() {
    let mut a = kernel("mac=02:00:00:00:00:0a");
    let mut b = kernel("mac=02:00:00:00:00:0b");
    // RFC 4291 2.5.1: made from the Ethernet address.
    let server = at("[fe80::ff:fe00:b%1]:80");
    let listener = b.socket(AF_INET6, SOCK_STREAM, 0).unwrap();
    b.bind(listener, server).unwrap();
    b.listen(listener, 1).unwrap();
    let client = a.socket(AF_INET6, SOCK_STREAM, 0).unwrap();
    assert_eq!(a.connect(client, server), Err(Errno::EINPROGRESS));
    exchange(&mut a, &mut b);
    assert_eq!(a.connect(client, server), Ok(()));
    let (accepted, peer) = b.accept(listener).unwrap();
    assert_eq!(peer.ip(), at("[fe80::ff:fe00:a]:0").ip());
    let (from, to) = (a.socket(AF_INET6, SOCK_DGRAM, 0).unwrap(), b.socket(AF_INET6, SOCK_DGRAM, 0).unwrap());
    assert_eq!(b.bind(to, at("[fe80::ff:fe00:b]:7")), Err(Errno::EINVAL));
    assert_eq!(b.bind(to, at("[fe80::ff:fe00:b%1]:7")), Ok(()));
    assert_eq!(a.sendto(from, b"x", 0, Some(at("[fe80::ff:fe00:b%1]:7"))), Ok(1));
    exchange(&mut a, &mut b);
    let (_, sender) = b.recvfrom(to, &mut [0; 4], 0).unwrap();
    let std::net::SocketAddr::V6(sender) = sender.unwrap() else { panic!("an IPv6 address") };
    assert_eq!((sender.scope_id(), sender.ip().to_string()), (1, "fe80::ff:fe00:a".to_owned()));
    for (kernel, fd) in [(&mut a, client), (&mut b, accepted)] {
        let std::net::SocketAddr::V6(name) = kernel.getpeername(fd).unwrap() else { panic!("IPv6") };
        assert_eq!(name.scope_id(), 1);
    }
}

#[test]
fn what_finds_no_room_in_the_queue_waits_in_its_socket() {
    let mut kernel = kernel("address=192.0.2.1/24; txqueuelen=2");
    let fd = kernel.socket(AF_INET, SOCK_DGRAM, 0).unwrap();
    for number in 0..5 {
        kernel.sendto(fd, &[number], 0, Some(at("192.0.2.2:7"))).unwrap();
    }
    kernel.advance_to(1_000_000).unwrap();
    let mut waiting = 0;
    kernel.ioctl(fd, SIOCOUTQ, &mut waiting).unwrap();
    assert!(waiting > 0);
    let packets = taken(&mut kernel);
    assert_eq!(packets.iter().map(|packet| packet.bytes[28]).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    let times: Vec<u64> = packets.iter().map(|packet| packet.departure_us()).collect();
    assert_eq!(times, [0, 0, 1_000_000, 1_000_000, 1_000_000]);
    kernel.ioctl(fd, SIOCOUTQ, &mut waiting).unwrap();
    assert_eq!(waiting, 0);
}

#[test]
fn a_gateway_leads_everywhere_and_a_route_to_its_network() {
    let mut kernel = kernel(
        "mac=02:00:00:00:00:0a; address=192.0.2.1/24; gateway=192.0.2.9; route=10.0.0.0/8 via 192.0.2.8; link_local=0",
    );
    let fd = kernel.socket(AF_INET, SOCK_DGRAM, 0).unwrap();
    for (to, router) in [("203.0.113.1:7", 9), ("10.1.2.3:7", 8)] {
        kernel.sendto(fd, b"x", 0, Some(at(to))).unwrap();
        // Who has the router's address?
        assert_eq!(taken(&mut kernel)[0].bytes[38..42], [192, 0, 2, router]);
    }
}

#[test]
fn what_is_dropped_is_counted_by_its_reason() {
    let mut kernel = kernel("address=192.0.2.1/24");
    kernel.put(&[]);
    kernel.put(&[0x45]);
    kernel.put(&[0xff; 40]);
    assert_eq!(kernel.counter("frames_received"), Some(3));
    assert_eq!(kernel.counter("dropped"), Some(3));
    let by_reason: u64 = fathom_record::DropReason::ALL
        .iter()
        .map(|reason| kernel.counter(reason.label()).expect("each reason has its counter"))
        .sum();
    assert_eq!(by_reason, 3);
    assert_eq!(kernel.counter("no such thing"), None);
}

#[test]
fn descriptors_are_the_lowest_that_are_free_and_not_more_than_allowed() {
    let mut kernel = kernel("nofile=6");
    let mut socket = || kernel.socket(AF_INET, SOCK_DGRAM, 0);
    assert_eq!([socket(), socket(), socket()], [Ok(3), Ok(4), Ok(5)]);
    assert_eq!(socket(), Err(Errno::EMFILE));
    kernel.close(4).unwrap();
    kernel.close(3).unwrap();
    assert_eq!(kernel.socket(AF_INET, SOCK_STREAM, 0), Ok(3));
    assert_eq!(kernel.close(4), Err(Errno::EBADF));
    assert_eq!(kernel.close(-1), Err(Errno::EBADF));
}

#[test]
fn a_setting_reaches_the_wire() {
    // Options of the SYN: MSS, SACK permitted with timestamps, window scale.
    let syn = |settings: &str| {
        let mut kernel = kernel(&format!("address=192.0.2.1/24; {settings}"));
        let fd = kernel.socket(AF_INET, SOCK_STREAM, 0).unwrap();
        let _ = kernel.connect(fd, at("192.0.2.2:80"));
        kernel.take().unwrap().bytes
    };
    let kinds = |settings: &str| {
        let packet = syn(settings);
        let (mut options, mut kinds) = (&packet[40..], Vec::new());
        while let [kind, rest @ ..] = options {
            kinds.extend((*kind > 1).then_some(*kind));
            options = if *kind > 1 { &options[usize::from(rest[0])..] } else { rest };
        }
        kinds.sort_unstable();
        kinds
    };
    assert_eq!(kinds(""), [2, 3, 4, 8]);
    assert_eq!(kinds("tcp_sack=0"), [2, 3, 8]);
    assert_eq!(kinds("tcp_timestamps=0"), [2, 3, 4]);
    assert_eq!(kinds("tcp_window_scaling=0"), [2, 4, 8]);
    assert_eq!(syn("ip_default_ttl=9")[8], 9);
    assert_eq!(syn("tcp_rmem=2304 8000 8000")[34..36], 4000u16.to_be_bytes());
    let port = u16::from_be_bytes(syn("ip_local_port_range=40000 40000")[20..22].try_into().unwrap());
    assert_eq!(port, 40000);
    assert_ne!(syn("seed=1")[24..28], syn("seed=2")[24..28], "initial sequence numbers");
}
