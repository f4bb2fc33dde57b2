//! Finds the link address of a next hop, and sends what waited for it.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use fathom_record::{DropReason, Engine, RecordId, SendReason};
use fathom_wire::{ArpPacket, EthernetAddress};

use crate::context::Context;
use crate::interface::{InterfaceId, Medium};
use crate::internet::transmit::Hop;
use crate::internet::{Internet, ndp, source, transmit};
use crate::link::arp;
use crate::link::neighbour::{Due, Evidence, Released, Resolution, Solicitation, Waiting};
use crate::outgoing::Outgoing;
use crate::slab::Key;

/// What is known of the link address of `hop`. Asks for it where nothing is.
pub(crate) fn resolve(
    cx: &mut Context<'_>,
    internet: &mut Internet,
    hop: &Hop,
    cause: Option<RecordId>,
) -> Resolution {
    let Hop { interface, next_hop, hardware } = hop;
    if let Some(hardware) = hardware {
        return Resolution::Known(*hardware);
    }
    let resolution = internet.neighbours.resolve(cx, *interface, next_hop);
    if let Resolution::Solicit(key) = resolution {
        solicit(cx, internet, Solicitation { interface: *interface, target: *next_hop, to: None }, cause);
        return Resolution::Waiting(key);
    }
    resolution
}

/// Sends a packet that has no socket to wait in: into the control queue of its interface or, while its next
/// hop is being asked for, into the queue of that neighbour.
pub(crate) fn send(cx: &mut Context<'_>, internet: &mut Internet, hop: &Hop, mut packet: Outgoing) {
    match resolve(cx, internet, hop, packet.cause) {
        Resolution::Known(hardware) => {
            packet.set_link_destination(hardware);
            push_control(cx, internet, hop.interface, packet);
        }
        Resolution::Waiting(key) | Resolution::Solicit(key) => {
            if let Some((reason, packet)) = internet.neighbours.enqueue(cx, key, packet) {
                dropped(cx, hop.interface, reason, &packet);
            }
        }
        Resolution::Unreachable => dropped(cx, hop.interface, DropReason::NeighbourUnreachable, &packet),
        Resolution::TableFull => dropped(cx, hop.interface, DropReason::NeighbourTableFull, &packet),
    }
}

fn push_control(cx: &mut Context<'_>, internet: &mut Internet, on: InterfaceId, packet: Outgoing) {
    if let Some((reason, packet)) = internet.queues[on.slot()].push_control(cx, packet) {
        dropped(cx, on, reason, &packet);
    }
}

/// Counts and records a packet that does not leave.
pub(crate) fn dropped(cx: &mut Context<'_>, on: InterfaceId, reason: DropReason, packet: &Outgoing) {
    cx.dropped(Some(on), reason, packet.ip_len(), packet.cause);
}

/// Asks for a neighbour's link address (RFC 826, RFC 4861 7.2.2).
fn solicit(
    cx: &mut Context<'_>,
    internet: &mut Internet,
    solicitation: Solicitation,
    cause: Option<RecordId>,
) {
    let Solicitation { interface, target, to } = solicitation;
    let Medium::Ethernet { address } = internet.interface(interface).medium else { return };
    let cause = cx.record(cause, || Engine::Packet { why: SendReason::NeighbourRequest });
    match target {
        IpAddr::V4(target) => {
            let request = arp::request(address, arp_source(internet, interface, target), target);
            let mut packet = arp::frame(address, to.unwrap_or(EthernetAddress::BROADCAST), &request);
            packet.cause = cause;
            push_control(cx, internet, interface, packet);
        }
        IpAddr::V6(target) => {
            let source = source::select(target.into(), internet.addresses.usable(interface));
            // RFC 4861 7.2.2: the source is an address of the interface; without one nobody can be asked.
            let Some(IpAddr::V6(source)) = source else { return };
            let departing = ndp::solicit(source, target, to.is_some(), Some(address));
            send_to(cx, internet, interface, departing, to, cause);
        }
    }
}

/// RFC 1122 3.3.4.3: an address of the target's own network if there is one.
fn arp_source(internet: &Internet, interface: InterfaceId, target: Ipv4Addr) -> Ipv4Addr {
    match source::select(target.into(), internet.addresses.usable(interface)) {
        Some(IpAddr::V4(source)) => source,
        _ => Ipv4Addr::UNSPECIFIED,
    }
}

/// Sends a message of neighbour discovery to `hardware`, or to the group that its destination is.
pub(crate) fn send_to(
    cx: &mut Context<'_>,
    internet: &mut Internet,
    interface: InterfaceId,
    mut departing: crate::packet::Departing,
    hardware: Option<EthernetAddress>,
    cause: Option<RecordId>,
) {
    departing.cause = cause;
    let hop = Hop::new(internet, interface, departing.destination);
    let Some(hardware) = hardware.or(hop.hardware) else { return };
    // The message is far below the least MTU.
    if let Ok(mut packet) = transmit::transmit(cx, internet, &hop, departing) {
        packet.set_link_destination(hardware);
        push_control(cx, internet, interface, packet);
    }
}

/// Handles an ARP packet.
pub(crate) fn receive_arp(
    cx: &mut Context<'_>,
    internet: &mut Internet,
    on: InterfaceId,
    packet: &ArpPacket,
    cause: Option<RecordId>,
) {
    let Medium::Ethernet { address } = internet.interface(on).medium else { return };
    let reaction = arp::handle(packet, address, |ours| internet.addresses.is_ours(on, ours.into()));
    if reaction.conflict {
        defend(cx, internet, on, packet.sender_protocol, cause);
    }
    if let Some(evidence) = reaction.learn {
        learn(cx, internet, on, packet.sender_protocol.into(), Some(packet.sender_hardware), evidence);
    }
    let answers_for = |routed: Ipv4Addr| internet.local_prefixes.answers_for(on, routed.into());
    let for_routed = || arp::answer_for_routed(packet, address, answers_for);
    if let Some(reply) = reaction.reply.or_else(for_routed) {
        let mut frame = arp::frame(address, reply.target_hardware, &reply);
        frame.cause = cx.record(cause, || Engine::Packet { why: SendReason::NeighbourReply });
        push_control(cx, internet, on, frame);
    }
}

/// Somebody else uses an address of ours: says so to all, at most once in ten seconds, and keeps it (RFC 5227
/// 2.4 c).
fn defend(
    cx: &mut Context<'_>,
    internet: &mut Internet,
    on: InterfaceId,
    address: Ipv4Addr,
    cause: Option<RecordId>,
) {
    cx.counters.address_conflicts += 1;
    if internet.addresses.may_defend(cx.now, on, address.into()) {
        announce(cx, internet, on, address, cause);
    }
}

/// Tells all stations on the link that we have `address` (RFC 5227 2.3).
pub(crate) fn announce(
    cx: &mut Context<'_>,
    internet: &mut Internet,
    on: InterfaceId,
    address: Ipv4Addr,
    cause: Option<RecordId>,
) {
    let Medium::Ethernet { address: hardware } = internet.interface(on).medium else { return };
    let announcement = arp::announcement(hardware, address);
    let mut frame = arp::frame(hardware, EthernetAddress::BROADCAST, &announcement);
    frame.cause = cx.record(cause, || Engine::Packet { why: SendReason::Housekeeping });
    push_control(cx, internet, on, frame);
}

/// Asks whether another node has the tentative address `target` (RFC 4862 5.4.2).
pub(crate) fn probe(cx: &mut Context<'_>, internet: &mut Internet, on: InterfaceId, target: Ipv6Addr) {
    let cause = cx.record(None, || Engine::Packet { why: SendReason::Housekeeping });
    let departing = ndp::solicit(Ipv6Addr::UNSPECIFIED, target, false, None);
    send_to(cx, internet, on, departing, None, cause);
}

/// Learns from a neighbour's message, and sends what waited for its link address.
pub(crate) fn learn(
    cx: &mut Context<'_>,
    internet: &mut Internet,
    on: InterfaceId,
    neighbour: IpAddr,
    hardware: Option<EthernetAddress>,
    evidence: Evidence,
) {
    let Some(Released { interface, hardware, waiting }) =
        internet.neighbours.learn(cx, on, neighbour, hardware, evidence)
    else {
        return;
    };
    for mut packet in waiting.packets {
        packet.set_link_destination(hardware);
        push_control(cx, internet, interface, packet);
    }
    for socket in waiting.sockets {
        cx.sendable.unpark(socket);
    }
}

/// A neighbour's timer ran out. Gives what waited for a neighbour that did not answer.
pub(crate) fn handle_timer(
    cx: &mut Context<'_>,
    internet: &mut Internet,
    key: Key,
) -> Option<(InterfaceId, Waiting)> {
    match internet.neighbours.handle_timer(cx, key) {
        Due::Nothing => None,
        Due::Solicit(solicitation) => {
            solicit(cx, internet, solicitation, None);
            None
        }
        Due::Failed { interface, waiting } => Some((interface, waiting)),
    }
}
