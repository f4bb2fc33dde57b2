//! Datagrams for many: groups and broadcast.

use super::*;
use crate::tests::host::Host;
use crate::tests::packets::frame_to;
use crate::{GroupError, UdpBind};
use fathom_wire::EthernetAddress;

const GROUPS: [(&str, &str); 2] = [("239.1.2.3", "192.0.2.2"), ("ff05::1:3", "2001:db8::2")];

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn shared(host: &mut Host, group: &str, port: u16) -> UdpId {
    let any = if group.contains(':') { "[::]:0" } else { "0.0.0.0:0" };
    let mut local = address(any);
    local.set_port(port);
    let bind = UdpBind { reuse_address: true, ..UdpBind::at(local) };
    host.stack.udp_bind_with(host.now, bind).unwrap()
}

/// A datagram for a group comes in.
fn arrives(host: &mut Host, source: &str, group: &str) {
    let hardware = match ip(group) {
        IpAddr::V4(group) => EthernetAddress::multicast_v4(group),
        IpAddr::V6(group) => EthernetAddress::multicast_v6(group),
    };
    host.receive(frame_to(hardware, &udp_packet(source, group, (9, 7), b"x")));
}

fn join(host: &mut Host, id: UdpId, group: &str) -> Result<(), GroupError> {
    host.stack.udp(host.now, id).unwrap().join_multicast(ip(group), None)
}

#[test]
fn a_group_is_heard_by_all_sockets_that_joined_it_and_by_no_other() {
    for (group, sender) in GROUPS {
        let mut host = Host::new();
        let [one, two, three] = [7, 7, 7].map(|port| shared(&mut host, group, port));
        arrives(&mut host, sender, group);
        assert_eq!(host.drops(), [(DropReason::IpNotForUs, 1)], "nobody is in the group");
        join(&mut host, one, group).unwrap();
        join(&mut host, two, group).unwrap();
        arrives(&mut host, sender, group);
        let heard = [one, two, three].map(|id| received(&mut host, id).len());
        // RFC1122-R35
        assert_eq!(heard, [1, 1, 0], "{group}");

        let mut udp = host.stack.udp(host.now, three).unwrap();
        udp.set_options(UdpOptions { multicast_all: true, ..udp.options() });
        host.stack.udp(host.now, one).unwrap().leave_multicast(ip(group), None).unwrap();
        arrives(&mut host, sender, group);
        let heard = [one, two, three].map(|id| received(&mut host, id).len());
        // RFC1122-R35
        assert_eq!(heard, [0, 1, 1], "{group}");

        host.stack.udp(host.now, two).unwrap().close();
        arrives(&mut host, sender, group);
        assert_eq!(host.drops(), [(DropReason::IpNotForUs, 2)], "{group}: the last member is gone");
    }
}

#[test]
fn sources_are_heard_or_not_as_the_membership_says() {
    let (group, eth0) = ("239.1.2.3", None);
    let mut host = Host::new();
    let (all_but, only) = (shared(&mut host, group, 7), shared(&mut host, group, 7));
    let mut udp = host.stack.udp(host.now, all_but).unwrap();
    udp.join_multicast(ip(group), eth0).unwrap();
    udp.block_source(ip(group), ip("192.0.2.66"), eth0).unwrap();
    let mut udp = host.stack.udp(host.now, only).unwrap();
    udp.join_source(ip(group), ip("192.0.2.66"), eth0).unwrap();
    udp.join_source(ip(group), ip("192.0.2.67"), eth0).unwrap();
    for source in ["192.0.2.2", "192.0.2.66", "192.0.2.67"] {
        arrives(&mut host, source, group);
    }
    assert_eq!([all_but, only].map(|id| received(&mut host, id).len()), [2, 2]);
    host.stack.udp(host.now, all_but).unwrap().unblock_source(ip(group), ip("192.0.2.66"), eth0).unwrap();
    host.stack.udp(host.now, only).unwrap().leave_source(ip(group), ip("192.0.2.66"), eth0).unwrap();
    arrives(&mut host, "192.0.2.66", group);
    assert_eq!([all_but, only].map(|id| received(&mut host, id).len()), [1, 0]);
}

#[test]
fn a_membership_that_makes_no_sense_is_refused() {
    let mut config = Config::default();
    config.datagram.groups_per_socket = 2;
    config.internet.sources_per_group = 2;
    let mut host = Host::with(config);
    let id = shared(&mut host, "239.1.2.3", 7);
    let mut udp = host.stack.udp(host.now, id).unwrap();
    let (group, source) = (ip("239.1.2.3"), ip("192.0.2.9"));
    assert_eq!(udp.join_multicast(source, None), Err(GroupError::NotMulticast));
    assert_eq!(udp.join_multicast(ip("ff02::9"), None), Err(GroupError::NotMulticast), "of another family");
    assert_eq!(udp.join_multicast(group, Some(InterfaceId(7))), Err(GroupError::NoSuchInterface));
    assert_eq!(udp.leave_multicast(group, None), Err(GroupError::NotJoined));
    assert_eq!(udp.block_source(group, source, None), Err(GroupError::NotJoined));
    assert_eq!(udp.join_source(group, group, None), Err(GroupError::BadSource));
    udp.join_multicast(group, None).unwrap();
    assert_eq!(udp.join_multicast(group, None), Err(GroupError::AlreadyJoined));
    assert_eq!(udp.join_source(group, source, None), Err(GroupError::OtherFilter));
    udp.block_source(group, source, None).unwrap();
    udp.block_source(group, ip("192.0.2.10"), None).unwrap();
    assert_eq!(udp.block_source(group, ip("192.0.2.11"), None), Err(GroupError::TooMany));
    udp.join_multicast(ip("239.1.2.4"), None).unwrap();
    assert_eq!(udp.join_multicast(ip("239.1.2.5"), None), Err(GroupError::TooMany));
    assert_eq!(udp.groups().count(), 2);
}

/// RFC 1112 6.1: hop limit 1 unless set, to the group's Ethernet address; members on this host hear it too.
#[test]
fn a_datagram_to_a_group_leaves_once_and_comes_to_the_members_here() {
    for (group, _) in GROUPS {
        for heard in [true, false] {
            let mut host = Host::new();
            host.stack
                .add_route(
                    host.now,
                    crate::Route {
                        destination: if group.contains(':') { "::/0" } else { "0.0.0.0/0" }.parse().unwrap(),
                        gateway: None,
                        interface: host.eth0,
                        metric: 0,
                    },
                )
                .unwrap();
            let [sender, member] = [8, 7].map(|port| shared(&mut host, group, port));
            join(&mut host, member, group).unwrap();
            let mut udp = host.stack.udp(host.now, sender).unwrap();
            udp.set_options(UdpOptions { multicast_loop: heard, ..udp.options() });
            udp.send_to(b"x", SocketAddr::new(ip(group), 7)).unwrap();
            let frames = host.sent();
            let (hop_limit_at, hardware) = match ip(group) {
                IpAddr::V4(group) => (8, EthernetAddress::multicast_v4(group)),
                IpAddr::V6(group) => (7, EthernetAddress::multicast_v6(group)),
            };
            let ours = |frame: &&bytes::Bytes| frame[..6] == hardware.0;
            let frames: Vec<_> = frames.iter().filter(ours).collect();
            assert_eq!(frames.len(), 1);
            assert_eq!(frames[0][EthernetHeader::LEN + hop_limit_at], 1);
            assert_eq!(received(&mut host, member).len(), usize::from(heard), "{group}");
        }
    }
}

#[test]
fn a_datagram_to_a_group_leaves_by_the_interface_that_is_chosen() {
    let mut host = Host::new();
    let tun = host.stack.add_interface(crate::Interface::ip("tun0"));
    host.stack.add_address(host.now, tun, "198.51.100.1/24".parse().unwrap()).unwrap();
    let id = shared(&mut host, "239.1.2.3", 7);
    let group = address("239.1.2.3:9");
    let mut udp = host.stack.udp(host.now, id).unwrap();
    assert_eq!(udp.send_to(b"x", group), Err(UdpError::NetworkUnreachable), "no route leads there");
    udp.set_options(UdpOptions { multicast_interface: Some(tun), ..udp.options() });
    udp.send_to(b"x", group).unwrap();
    let sent = host.stack.poll_transmit(host.now, tun).unwrap();
    assert_eq!(sent.headers[12..16], [198, 51, 100, 1]);
    let eth0 = SendDatagram { interface: Some(host.eth0), ..SendDatagram::to(b"x", group) };
    host.stack.udp(host.now, id).unwrap().send_msg(&eth0).unwrap();
    assert!(host.stack.poll_transmit(host.now, tun).is_none());
    assert_eq!(host.sent().len(), 1);
}

#[test]
fn a_broadcast_is_heard_by_all_sockets_of_the_port() {
    for destination in ["255.255.255.255", "192.0.2.255"] {
        let mut host = Host::new();
        let ids = [7, 7].map(|port| shared(&mut host, "0.0.0.0", port));
        let packet = udp_packet("192.0.2.2", destination, (9, 7), b"x");
        host.receive(frame_to(EthernetAddress::BROADCAST, &packet));
        // RFC1122-R33
        assert_eq!(ids.map(|id| received(&mut host, id).len()), [1, 1], "{destination}");
    }
}
