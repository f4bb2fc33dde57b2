//! Packets for others: what a router does (RFC 1812 5.2 and 5.3, RFC 8200 3 and 4.5).

use bytes::Bytes;
use fathom_record::{DropReason, Engine, SendReason};
use fathom_wire::{IpHeader, Ipv4Header, checksum};

use crate::batch::ReceivedChecksum;
use crate::context::Context;
use crate::internet::Internet;
use crate::internet::error::{Problem, Refusal};
use crate::internet::receive::Packet;
use crate::internet::scope::{Scope, needs_interface};
use crate::internet::transmit::{Hop, ether_type, route};
use crate::link;
use crate::outgoing::{Cut, Fragments, Outgoing, Slices, Unfinished, append, has_cwr};
use crate::transmit::{MAX_HEADERS, TransmitChecksum};

/// Offsets in the IPv4 header (RFC 791 3.1).
const TTL: usize = 8;
/// And in the IPv6 header (RFC 8200 3).
const HOP_LIMIT: usize = 7;

/// Sends a packet on its way.
pub(crate) fn forward(
    cx: &mut Context<'_>,
    internet: &mut Internet,
    packet: &Packet,
    header: IpHeader,
) -> Result<(Hop, Outgoing), Refusal> {
    let (source, destination) = (header.source(), header.destination());
    // RFC 1812 5.3.7, RFC 4291 2.5.2 and 2.5.6: what has no meaning beyond its link stays there. Groups
    // would need multicast routing.
    let stays = source.is_unspecified()
        || destination.is_unspecified()
        || destination.is_loopback()
        || destination.is_multicast()
        || needs_interface(destination)
        || Scope::of(source) == Scope::LINK_LOCAL
        || Scope::of(destination) == Scope::LINK_LOCAL;
    if stays {
        return Err(DropReason::IpNotForUs.into());
    }
    // RFC 1812 5.3.1, RFC 8200 3.
    if header.hop_limit() <= 1 {
        return Err(Refusal::told(DropReason::HopLimitExceeded, Problem::HopLimit));
    }
    let Some(hop) = route(internet, None, destination, None) else {
        return Err(Refusal::told(DropReason::NoRoute, Problem::NoRoute));
    };
    // RFC 1812 5.3.5.2, RFC 2644: directed broadcasts are not forwarded.
    if internet.is_broadcast(hop.interface, destination) {
        return Err(DropReason::IpNotForUs.into());
    }
    let cause = cx.record(packet.cause, || Engine::Packet { why: SendReason::Forward }).or(packet.cause);
    let outgoing = on_its_way(internet, &hop, packet, header)?;
    cx.counters.packets_forwarded += 1;
    Ok((hop, Outgoing { cause, ..outgoing }))
}

/// The packet with its hop limit reduced, in the frames that the next link takes.
fn on_its_way(
    internet: &Internet,
    hop: &Hop,
    packet: &Packet,
    mut header: IpHeader,
) -> Result<Outgoing, Refusal> {
    let interface = internet.interface(hop.interface);
    let header_len = header.header_len();
    let link_len = link::transmit::header_len(interface.medium);
    let begin = || link::transmit::transmit(interface.medium, ether_type(header.source()));
    let whole = Outgoing::whole(begin(), link_len, Slices::new());
    let mut headers = begin();

    let unfinished = match (packet.segment_size, packet.checksum) {
        (None, ReceivedChecksum::Unverified | ReceivedChecksum::Valid) => None,
        _ => Unfinished::find(&packet.bytes, &header),
    };
    if let (Some(size), Some(unfinished)) = (packet.segment_size, &unfinished) {
        // A super-segment: each piece must fit, and is cut again on this side.
        let data = unfinished.data_start();
        if data + usize::from(size.get()) > interface.mtu {
            return Err(too_big(interface.mtu));
        }
        if link_len + data > MAX_HEADERS {
            return Err(DropReason::IpOption.into());
        }
        append(&mut headers, &packet.bytes[..data]);
        decrement_hop_limit(&mut headers[link_len..], &header);
        let slices = one(packet.bytes.slice(data..));
        let whole_for_device = interface.offload.cuts(unfinished.kind.protocol())
            && !has_cwr(unfinished.kind, &headers[link_len + unfinished.start..]);
        let cut = if whole_for_device {
            let field = link_len + unfinished.start + unfinished.kind.checksum_offset();
            let sum = unfinished.pseudo_header(&header, packet.bytes.len() - unfinished.start);
            headers[field..field + 2].copy_from_slice(&sum.to_be_bytes());
            Cut::Whole { checksum: unfinished.partial(link_len), segment_size: Some(size) }
        } else {
            Cut::Segments(unfinished.segments(&header, link_len, size))
        };
        return Ok(Outgoing { headers, slices, cut, ..whole });
    }
    let unfinished = unfinished.filter(|_| packet.checksum == ReceivedChecksum::Partial);
    let fits = packet.bytes.len() <= interface.mtu;
    // The device gets the transport header with the others.
    let headers_len = |unfinished: &Unfinished| link_len + unfinished.data_start();
    let by_device = unfinished.as_ref().filter(|unfinished| {
        fits && interface.offload.transmit_checksum && headers_len(unfinished) <= MAX_HEADERS
    });
    if let Some(unfinished) = by_device {
        let data = unfinished.data_start();
        append(&mut headers, &packet.bytes[..data]);
        decrement_hop_limit(&mut headers[link_len..], &header);
        let cut = Cut::Whole { checksum: unfinished.partial(link_len), segment_size: None };
        return Ok(Outgoing { headers, slices: one(packet.bytes.slice(data..)), cut, ..whole });
    }
    let payload = match &unfinished {
        Some(unfinished) => unfinished.completed(&packet.bytes, header_len),
        None => packet.bytes.slice(header_len..),
    };
    if fits {
        append(&mut headers, &packet.bytes[..header_len]);
        decrement_hop_limit(&mut headers[link_len..], &header);
        let cut = Cut::Whole { checksum: TransmitChecksum::Complete, segment_size: None };
        return Ok(Outgoing { headers, slices: one(payload), cut, ..whole });
    }
    // RFC 8200 5: routers do not fragment. RFC 791 3.2: nor with DF.
    match &mut header {
        IpHeader::V4(header) if !header.dont_fragment => header.hop_limit -= 1,
        _ => return Err(too_big(interface.mtu)),
    }
    let fragments = Fragments { header, mtu: interface.mtu, identification: 0, offset: 0 };
    Ok(Outgoing { slices: one(payload), cut: Cut::Fragments(alloc::boxed::Box::new(fragments)), ..whole })
}

fn too_big(mtu: usize) -> Refusal {
    Refusal::told(DropReason::PacketTooBig, Problem::TooBig { mtu })
}

fn one(bytes: Bytes) -> Slices {
    core::iter::once(bytes).collect()
}

/// Reduces the hop limit of a packet by one, and brings the IPv4 header checksum up to date (RFC 1624).
fn decrement_hop_limit(ip: &mut [u8], header: &IpHeader) {
    match header {
        IpHeader::V4(_) => {
            let before = u16::from_be_bytes([ip[TTL], ip[TTL + 1]]);
            ip[TTL] -= 1;
            let after = u16::from_be_bytes([ip[TTL], ip[TTL + 1]]);
            let field = Ipv4Header::CHECKSUM_OFFSET..Ipv4Header::CHECKSUM_OFFSET + 2;
            let old = u16::from_be_bytes([ip[field.start], ip[field.start + 1]]);
            ip[field].copy_from_slice(&checksum::update(old, before, after).to_be_bytes());
        }
        IpHeader::V6(_) => ip[HOP_LIMIT] -= 1,
    }
}

#[cfg(test)]
mod tests;
