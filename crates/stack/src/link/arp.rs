//! The Address Resolution Protocol (RFC 826), with the rules of RFC 1122 2.3.2 and RFC 5227.

use core::net::Ipv4Addr;

use arrayvec::ArrayVec;
use fathom_wire::{ArpOperation, ArpPacket, EtherType, EthernetAddress};

use crate::interface::Medium;
use crate::link::neighbour::Evidence;
use crate::link::transmit;
use crate::outgoing::{Outgoing, emit};

/// What an ARP packet of another station means to us.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Reaction {
    /// What it says about its sender, where it says anything.
    pub(crate) learn: Option<Evidence>,
    /// The answer that is due.
    pub(crate) reply: Option<ArpPacket>,
    /// The sender uses an address of ours (RFC 5227 2.4).
    pub(crate) conflict: bool,
}

/// Decides about an ARP packet that another station sent. `ours` tells whether an address is one of ours on
/// the interface that has the Ethernet address `hardware`.
pub(crate) fn handle(
    packet: &ArpPacket,
    hardware: EthernetAddress,
    ours: impl Fn(Ipv4Addr) -> bool,
) -> Reaction {
    let for_us = ours(packet.target_protocol);
    // RFC 5227 2.4: a packet of somebody else with our address as its sender is a conflict. It teaches
    // nothing.
    if ours(packet.sender_protocol) {
        return Reaction { learn: None, reply: None, conflict: true };
    }
    // RFC 5227 2.1.1: a probe has no sender address; it asks, and says nothing about its sender.
    let probe = packet.sender_protocol.is_unspecified();
    let usable = packet.sender_hardware.is_unicast() && !packet.sender_protocol.is_multicast();
    let learn = match packet.operation {
        _ if probe || !usable => None,
        // RFC 826: the sender's mapping is merged before the opcode is looked at; a new one is made only
        // when the packet is for us. A reply to us answers our question.
        ArpOperation::Request if for_us => Some(Evidence::Asked),
        ArpOperation::Reply if for_us => {
            Some(Evidence::Told { solicited: true, override_: true, router: None })
        }
        _ => Some(Evidence::Told { solicited: false, override_: true, router: None }),
    };
    let reply = (for_us && packet.operation == ArpOperation::Request).then(|| answer(packet, hardware));
    Reaction { learn, reply, conflict: false }
}

/// The answer to a request for an address that is routed to us and that we answer for (RFC 1027). Not to a
/// probe, nor to a station that speaks of itself: the address may be somebody's (RFC 5227 2.1.1, 2.3).
pub(crate) fn answer_for_routed(
    packet: &ArpPacket,
    hardware: EthernetAddress,
    answers_for: impl Fn(Ipv4Addr) -> bool,
) -> Option<ArpPacket> {
    let asks = packet.operation == ArpOperation::Request
        && !packet.sender_protocol.is_unspecified()
        && packet.sender_protocol != packet.target_protocol;
    (asks && answers_for(packet.target_protocol)).then(|| answer(packet, hardware))
}

/// We have the address that `request` asks for.
fn answer(request: &ArpPacket, hardware: EthernetAddress) -> ArpPacket {
    ArpPacket {
        operation: ArpOperation::Reply,
        sender_hardware: hardware,
        sender_protocol: request.target_protocol,
        target_hardware: request.sender_hardware,
        target_protocol: request.sender_protocol,
    }
}

/// A request for `target`, from `source` (unspecified when we have no address).
pub(crate) fn request(hardware: EthernetAddress, source: Ipv4Addr, target: Ipv4Addr) -> ArpPacket {
    ArpPacket {
        operation: ArpOperation::Request,
        sender_hardware: hardware,
        sender_protocol: source,
        target_hardware: EthernetAddress::UNSPECIFIED,
        target_protocol: target,
    }
}

/// An announcement of `address` (RFC 5227 2.3): a request for our own address.
pub(crate) fn announcement(hardware: EthernetAddress, address: Ipv4Addr) -> ArpPacket {
    request(hardware, address, address)
}

/// The frame of an ARP packet.
pub(crate) fn frame(hardware: EthernetAddress, to: EthernetAddress, packet: &ArpPacket) -> Outgoing {
    let mut headers = transmit::transmit(Medium::Ethernet { address: hardware }, EtherType::Arp);
    let link_len = headers.len();
    emit(&mut headers, ArpPacket::LEN, |out| packet.emit(out));
    let mut frame = Outgoing::whole(headers, link_len, ArrayVec::new());
    frame.set_link_destination(to);
    frame
}

#[cfg(test)]
mod tests;
