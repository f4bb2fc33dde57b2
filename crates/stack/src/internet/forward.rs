//! Packets for others: what a router does (RFC 1812 5.2 and 5.3, RFC 8200 3 and 4.5).

use bytes::Bytes;
use fathom_record::{DropReason, Engine, SendReason};
use fathom_wire::{IpHeader, IpProtocol, Ipv4Header, TcpHeader, checksum};

use crate::batch::ReceivedChecksum;
use crate::context::Context;
use crate::internet::Internet;
use crate::internet::error::{Problem, Refusal};
use crate::internet::receive::Packet;
use crate::internet::scope::{Scope, needs_interface};
use crate::internet::transmit::{Hop, ether_type, route};
use crate::link;
use crate::outgoing::{Cut, Fragments, Outgoing, Segments, Slices, append};
use crate::transmit::TransmitChecksum;

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

    if let (Some(size), Some(tcp_len)) = (packet.segment_size, tcp_header_len(packet, &header)) {
        // A super-segment: each segment must fit, and is cut again on this side.
        let segment = header_len + tcp_len + usize::from(size.get());
        if segment <= interface.mtu {
            append(&mut headers, &packet.bytes[..header_len + tcp_len]);
            decrement_hop_limit(&mut headers[link_len..], &header);
            let cut = Cut::Segments(Segments {
                source: header.source(),
                destination: header.destination(),
                ip_start: link_len,
                tcp_start: link_len + header_len,
                size,
                offset: 0,
                index: 0,
            });
            return Ok(Outgoing {
                headers,
                slices: one(packet.bytes.slice(header_len + tcp_len..)),
                cut,
                ..whole
            });
        }
        return Err(too_big(interface.mtu));
    }
    let payload = completed(packet, &header, header_len);
    if header_len + payload.len() <= interface.mtu {
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

/// The length of the TCP header, where one stands directly behind the IP header.
fn tcp_header_len(packet: &Packet, header: &IpHeader) -> Option<usize> {
    if header.protocol() != IpProtocol::Tcp {
        return None;
    }
    let tcp = packet.bytes.get(header.header_len()..)?;
    let len = TcpHeader::data_offset(tcp);
    (TcpHeader::LEN..=tcp.len()).contains(&len).then_some(len)
}

/// The payload of a packet, with its transport checksum computed where the sender left that to its device.
fn completed(packet: &Packet, header: &IpHeader, header_len: usize) -> Bytes {
    let payload = packet.bytes.slice(header_len..);
    let offset = match header.protocol() {
        IpProtocol::Tcp => TcpHeader::CHECKSUM_OFFSET,
        IpProtocol::Udp => fathom_wire::UdpHeader::CHECKSUM_OFFSET,
        _ => return payload,
    };
    if packet.checksum != ReceivedChecksum::Partial || payload.len() < offset + 2 {
        return payload;
    }
    // The field holds the sum of the pseudo-header, so the sum over everything is the sum of all.
    let sum = !checksum::sum(&payload);
    let sum = if sum == 0 && header.protocol() == IpProtocol::Udp { 0xffff } else { sum };
    let mut bytes = payload.to_vec();
    bytes[offset..offset + 2].copy_from_slice(&sum.to_be_bytes());
    bytes.into()
}

#[cfg(test)]
mod tests;
