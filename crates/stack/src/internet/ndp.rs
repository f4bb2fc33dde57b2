//! Neighbour discovery (RFC 4861 7) and duplicate address detection (RFC 4862 5.4).
//!
//! This file reads the messages, checks what RFC 4861 7.1 wants checked, and says what follows; the neighbour
//! table is `link::neighbour`'s, and so is the timing.

use alloc::vec;
use core::net::Ipv6Addr;

use fathom_wire::internet::ndp::NdpOptionBuffer;
use fathom_wire::{EthernetAddress, Icmpv6Message, IpProtocol, NdpMessage, NdpOption, NdpOptions};

use crate::internet::icmp;
use crate::internet::scope::{ALL_NODES, is_solicited_node, solicited_node};
use crate::link::neighbour::Evidence;
use crate::packet::Departing;

/// The hop limit of every message: a lower one shows that it came through a router (RFC 4861 4).
pub(crate) const HOP_LIMIT: u8 = 255;

/// What an address of a message is to us.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Target {
    /// Ours, in use.
    Ours,
    /// To become ours when nobody else has it.
    Tentative,
    /// Routed to us, and we answer for it.
    Routed,
    /// Somebody else's.
    Other,
}

/// A neighbour, its link address, and what it told of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Lesson {
    pub(crate) neighbour: Ipv6Addr,
    pub(crate) hardware: Option<EthernetAddress>,
    pub(crate) evidence: Evidence,
}

/// What follows from a message.
#[derive(Debug, Default)]
pub(crate) struct Reaction {
    pub(crate) learn: Option<Lesson>,
    pub(crate) reply: Option<Departing>,
    /// Another node has, or tries to get, this tentative address of ours.
    pub(crate) duplicate: Option<Ipv6Addr>,
}

/// A message that RFC 4861 says to discard silently, or that is not for us.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Discard {
    Invalid,
    NotForUs,
}

/// Where a message came from and what we are on its link.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) source: Ipv6Addr,
    pub(crate) destination: Ipv6Addr,
    pub(crate) hop_limit: u8,
    /// Our link address; `None` on a link without such.
    pub(crate) hardware: Option<EthernetAddress>,
    /// We forward packets.
    pub(crate) router: bool,
}

/// Decides about a message.
pub(crate) fn handle(
    message: &NdpMessage<'_>,
    place: &Place,
    target_is: impl Fn(Ipv6Addr) -> Target,
) -> Result<Reaction, Discard> {
    // RFC 4861 6.1, 7.1, 8.1: the first check of every message.
    if place.hop_limit != HOP_LIMIT {
        return Err(Discard::Invalid);
    }
    match *message {
        NdpMessage::NeighborSolicitation { target, options } => {
            solicitation(place, target, options, target_is)
        }
        NdpMessage::NeighborAdvertisement { router, solicited, override_, target, options } => {
            let told = Evidence::Told { solicited, override_, router: Some(router) };
            advertisement(place, target, told, options, target_is)
        }
        // Routes are the configuration's: routers are neither solicited nor believed.
        NdpMessage::RouterSolicitation { .. }
        | NdpMessage::RouterAdvertisement { .. }
        | NdpMessage::Redirect { .. } => Err(Discard::NotForUs),
    }
}

/// RFC 4861 7.1.1 and 7.2.3, RFC 4862 5.4.3.
fn solicitation(
    place: &Place,
    target: Ipv6Addr,
    options: NdpOptions<'_>,
    target_is: impl Fn(Ipv6Addr) -> Target,
) -> Result<Reaction, Discard> {
    let hardware = options.into_iter().find_map(|option| match option {
        NdpOption::SourceLinkLayer(hardware) => Some(hardware),
        _ => None,
    });
    let probe = place.source.is_unspecified();
    if target.is_multicast() || (probe && (hardware.is_some() || !is_solicited_node(place.destination))) {
        return Err(Discard::Invalid);
    }
    match target_is(target) {
        Target::Other => Err(Discard::NotForUs),
        // RFC 4861 7.2.8: a proxy does not override who has the address. That one answers probes, too.
        Target::Routed if probe => Err(Discard::NotForUs),
        Target::Routed => {
            let learn = Lesson {
                neighbour: place.source,
                hardware: hardware.filter(EthernetAddress::is_unicast),
                evidence: Evidence::Asked,
            };
            Ok(Reaction { learn: Some(learn), reply: Some(answer(place, target, false)), duplicate: None })
        }
        // RFC 4862 5.4.3: a probe of another node for the same address means that it is duplicate; a node
        // that looks for the address is not answered yet.
        Target::Tentative => Ok(Reaction { duplicate: probe.then_some(target), ..Reaction::default() }),
        Target::Ours => {
            let learn = (!probe).then_some(Lesson {
                neighbour: place.source,
                hardware: hardware.filter(EthernetAddress::is_unicast),
                evidence: Evidence::Asked,
            });
            Ok(Reaction { learn, reply: Some(answer(place, target, true)), duplicate: None })
        }
    }
}

/// RFC 4861 7.1.2 and 7.2.5, RFC 4862 5.4.4.
fn advertisement(
    place: &Place,
    target: Ipv6Addr,
    told: Evidence,
    options: NdpOptions<'_>,
    target_is: impl Fn(Ipv6Addr) -> Target,
) -> Result<Reaction, Discard> {
    let hardware = options.into_iter().find_map(|option| match option {
        NdpOption::TargetLinkLayer(hardware) => Some(hardware),
        _ => None,
    });
    let solicited = matches!(told, Evidence::Told { solicited: true, .. });
    if target.is_multicast() || (place.destination.is_multicast() && solicited) {
        return Err(Discard::Invalid);
    }
    if hardware.is_some_and(|hardware| !hardware.is_unicast()) {
        return Err(Discard::Invalid);
    }
    match target_is(target) {
        Target::Tentative => Ok(Reaction { duplicate: Some(target), ..Reaction::default() }),
        // RFC 4862 5.4.4 leaves the case of an address in use open: it teaches nothing.
        Target::Ours => Err(Discard::Invalid),
        Target::Other | Target::Routed => {
            let learn = Some(Lesson { neighbour: target, hardware, evidence: told });
            Ok(Reaction { learn, ..Reaction::default() })
        }
    }
}

/// RFC 4861 7.2.4: solicited and to the one who asked; or, when that one has no address yet, to all nodes.
fn answer(place: &Place, target: Ipv6Addr, override_: bool) -> Departing {
    let probe = place.source.is_unspecified();
    let to = if probe { ALL_NODES } else { place.source };
    let mut options = NdpOptionBuffer::new();
    if let Some(hardware) = place.hardware {
        options.push(NdpOption::TargetLinkLayer(hardware));
    }
    let (router, solicited, options) = (place.router, !probe, options.options());
    let message = NdpMessage::NeighborAdvertisement { router, solicited, override_, target, options };
    departing(target, to, message)
}

/// A solicitation for `target`: to one node, or to all that may have it. With the unspecified source it is a
/// probe of duplicate address detection, and carries no link address (RFC 4862 5.4.2).
pub(crate) fn solicit(
    source: Ipv6Addr,
    target: Ipv6Addr,
    unicast: bool,
    hardware: Option<EthernetAddress>,
) -> Departing {
    let mut options = NdpOptionBuffer::new();
    if let Some(hardware) = hardware.filter(|_| !source.is_unspecified()) {
        options.push(NdpOption::SourceLinkLayer(hardware));
    }
    let to = if unicast { target } else { solicited_node(target) };
    departing(source, to, NdpMessage::NeighborSolicitation { target, options: options.options() })
}

fn departing(source: Ipv6Addr, destination: Ipv6Addr, message: NdpMessage<'_>) -> Departing {
    let message = Icmpv6Message::Ndp(message);
    let mut bytes = vec![0; message.len()];
    message.emit(source, destination, &mut bytes);
    icmp::packet(source.into(), destination.into(), IpProtocol::Icmpv6, HOP_LIMIT, bytes.into())
}

#[cfg(test)]
mod tests;
