//! Dissectors of the link layer: Ethernet, 802.1Q, ARP.

use fathom_record::Layer;
use fathom_wire::link::vlan::VlanFixed;
use fathom_wire::{ArpOperation, ArpPacket, EtherType, EthernetHeader};

use crate::dissect::{View, fields};
use crate::internet;

/// A frame that begins with an Ethernet header.
pub(crate) fn ethernet(view: &mut View<'_>) {
    let frame = view.bytes(0..view.len());
    let header = match EthernetHeader::parse(frame) {
        Ok(header) => header,
        Err(error) => return view.problem(error),
    };
    let EthernetHeader { destination, source, vlan, ether_type } = header;
    view.header(
        Layer::Link,
        "eth",
        0..EthernetHeader::LEN,
        format!("{source}→{destination}"),
        fields(EthernetHeader::FIELDS, frame),
    );
    let payload = header.header_len();
    if let Some(tag) = vlan {
        let table = fields(VlanFixed::FIELDS, &frame[EthernetHeader::LEN..]);
        view.header(Layer::Link, "vlan", EthernetHeader::LEN..payload, format!("{}", tag.id), table);
    }
    let rest = payload..frame.len();
    match ether_type {
        EtherType::Ipv4 | EtherType::Ipv6 => internet::packet(view, rest),
        EtherType::Arp => arp(view, payload),
        EtherType::Vlan => view.problem("a second VLAN tag"),
        EtherType::Unknown(length) if length <= 1500 => {
            view.problem("an IEEE 802.3 frame without an EtherType")
        }
        EtherType::Unknown(other) => view.problem(format_args!("unknown EtherType {other:#06x}")),
    }
}

fn arp(view: &mut View<'_>, start: usize) {
    let bytes = view.bytes(start..view.len());
    let packet = match ArpPacket::parse(bytes) {
        Ok(packet) => packet,
        Err(error) => return view.problem(error),
    };
    let ArpPacket { operation, sender_hardware, sender_protocol, target_protocol, .. } = packet;
    let summary = match operation {
        ArpOperation::Request => format!("who has {target_protocol}? tell {sender_protocol}"),
        ArpOperation::Reply => format!("{sender_protocol} is at {sender_hardware}"),
        ArpOperation::Unknown(number) => format!("operation {number}"),
    };
    view.header(Layer::Link, "arp", start..start + ArpPacket::LEN, summary, fields(ArpPacket::FIELDS, bytes));
}
