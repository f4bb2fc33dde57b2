//! TCP over links that take less than its smallest segments and their options.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::vec;
use std::vec::Vec;

use bytes::Bytes;
use fathom_wire::Instant;

use crate::{
    Batch, Config, GroupReports, Interface, InterfaceId, IpCidr, Offload, Seed, Stack, TcpConnect, TcpListen,
};

fn end(host: u8, mtu: usize, offload: Offload) -> (Stack, InterfaceId, SocketAddr) {
    let mut config = Config::default();
    config.internet.group_reports = GroupReports::Joined;
    let mut stack = Stack::new(config, Seed::from_u64(host.into()));
    let interface = stack.add_interface(Interface { mtu, offload, ..Interface::ip("ppp0") });
    let address = IpAddr::from([192, 0, 2, host]);
    stack.add_address(Instant::ZERO, interface, IpCidr::new(address, 24).unwrap()).unwrap();
    (stack, interface, SocketAddr::new(address, 80))
}

/// What a stack sends, with each seventh frame lost. None is larger than the link.
fn carry(
    now: Instant,
    from: &mut (Stack, InterfaceId, SocketAddr),
    to: &mut (Stack, InterfaceId, SocketAddr),
    mtu: usize,
    count: &mut usize,
) -> bool {
    let mut batch = Batch::new();
    let mut some = false;
    while let Some(frame) = from.0.poll_transmit(now, from.1) {
        some = true;
        *count += 1;
        assert!(frame.len() <= mtu, "{} bytes on a link of {mtu}", frame.len());
        if !count.is_multiple_of(7) {
            batch.push(Bytes::from(Vec::from(&frame)));
        }
    }
    to.0.handle_frames(now, to.1, &mut batch);
    some
}

/// RFC 791 3.2
#[test]
fn segments_and_their_options_fit_a_link_of_any_size() {
    const LEN: usize = 2000;
    for mtu in [68, 69, 79, 80, 88, 100, 128] {
        let mut a = end(1, mtu, Offload::default());
        let mut b = end(2, mtu, Offload::default());
        let mut now = Instant::from_millis(1);
        let listener = b.0.tcp_listen(now, TcpListen::at(b.2)).unwrap();
        let client = a.0.tcp_connect(now, TcpConnect::to(b.2)).unwrap();
        let (mut server, mut written, mut read, mut count) = (None, 0, [0; 2], 0);
        while read != [LEN; 2] {
            for (number, (stack, id)) in
                [(&mut a.0, Some(client)), (&mut b.0, server)].into_iter().enumerate()
            {
                let Some(mut tcp) = id.and_then(|id| stack.tcp(now, id)) else { continue };
                if written & (1 << number) == 0 && tcp.send(&[7; LEN]).is_ok() {
                    written |= 1 << number;
                }
                read[number] += tcp.recv(&mut vec![0; LEN]).unwrap_or(0);
            }
            let mut some = carry(now, &mut a, &mut b, mtu, &mut count);
            some |= carry(now, &mut b, &mut a, mtu, &mut count);
            server = server.or(b.0.tcp_accept(now, listener));
            if !some {
                let next = [&a.0, &b.0].into_iter().filter_map(Stack::poll_timeout).min();
                now = next.expect("something is left to happen").max(now);
                assert!(now < Instant::ZERO + Duration::from_secs(300), "MTU {mtu}: {read:?}");
                a.0.handle_timeout(now);
                b.0.handle_timeout(now);
            }
        }
    }
}
