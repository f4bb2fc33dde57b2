//! Frames of the link layer.

use fathom_wire::*;

use super::*;

pub(super) fn link() -> Vec<Sample> {
    let arp = |operation, target_hardware| {
        let packet = ArpPacket {
            operation,
            sender_hardware: STATION,
            sender_protocol: V4.0,
            target_hardware,
            target_protocol: V4.1,
        };
        ethernet(EtherType::Arp, None, &emit(ArpPacket::LEN, |out| packet.emit(out)))
    };
    let tag = VlanTag { priority: 5, drop_eligible: true, id: 0xabc };
    let datagram = datagram((V4.0.into(), V4.1.into()), b"tagged");
    let tagged = v4_packet(&v4_header(IpProtocol::Udp, &datagram), &datagram);
    let addresses = [
        ("arp.src.hw_mac", "02:00:00:00:00:01"),
        ("arp.src.proto_ipv4", "192.0.2.1"),
        ("arp.dst.proto_ipv4", "198.51.100.2"),
    ];
    vec![
        sample(
            "802.1Q tag",
            "eth:ethertype:vlan:ethertype:ip:udp",
            &["ip", "udp"],
            &[
                ("vlan.id", "2748"),
                ("vlan.priority", "5"),
                ("vlan.dei", "1"),
                ("eth.src", "02:00:00:00:00:01"),
            ],
            ethernet(EtherType::Ipv4, Some(tag), &tagged),
        ),
        sample(
            "ARP request",
            "eth:ethertype:arp",
            &[],
            &[&addresses[..], &[("arp.opcode", "1"), ("arp.dst.hw_mac", "00:00:00:00:00:00")]].concat(),
            arp(ArpOperation::Request, EthernetAddress::UNSPECIFIED),
        ),
        sample(
            "ARP reply",
            "eth:ethertype:arp",
            &[],
            &[&addresses[..], &[("arp.opcode", "2"), ("arp.dst.hw_mac", "02:00:00:00:00:02")]].concat(),
            arp(ArpOperation::Reply, OTHER),
        ),
    ]
}
