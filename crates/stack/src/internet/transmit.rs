//! From what a transport hands down to a packet with an IP header, on the link towards its next hop.

use core::hash::Hasher;
use core::net::{IpAddr, Ipv6Addr};
use core::num::NonZeroU16;

use fathom_record::{DropReason, RecordId};
use fathom_wire::{
    Checksum, EtherType, EthernetAddress, IpHeader, IpProtocol, Ipv4Header, Ipv4Options, Ipv6Header,
};

use crate::context::Context;
use crate::interface::{InterfaceId, Medium};
use crate::internet::scope::needs_interface;
use crate::internet::{Internet, path_mtu};
use crate::link::{self, transmit::mapped};
use crate::outgoing::{
    Cut, Fragments, Headers, Kind, Outgoing, Segments, Slices, append, emit, has_cwr, slices_len,
};
use crate::packet::{Departing, Fragmentation, Path};
use crate::random::{Random, write_address};
use crate::transmit::TransmitChecksum;

/// The largest IP packet: its length field has 16 bits (RFC 791 3.1; in IPv6 it does not count the header,
/// but a checksum's pseudo-header and devices are happier with the same limit).
const MAX_PACKET: usize = 65535;
/// The largest super-segment that we make.
const MAX_SUPER_SEGMENT: usize = 65535;
/// IPv4 and TCP header of the largest segment without data: 20 and 60 bytes.
const LARGEST_HEADERS: usize = 80;
/// Most segments in it.
const MAX_SEGMENTS: usize = 64;

/// The first hop of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Hop {
    /// The interface to leave by.
    pub(crate) interface: InterfaceId,
    /// The node to hand the packet to.
    pub(crate) next_hop: IpAddr,
    /// Its link address, where it needs no asking for: that of a group, of everybody, or none on a link that
    /// has no such.
    pub(crate) hardware: Option<EthernetAddress>,
}

impl Hop {
    /// The hop over `interface` to `next_hop`.
    pub(crate) fn new(internet: &Internet, interface: InterfaceId, next_hop: IpAddr) -> Self {
        let hardware = match internet.interface(interface).medium {
            Medium::Ip => Some(EthernetAddress::UNSPECIFIED),
            Medium::Ethernet { .. } => mapped(next_hop, internet.is_broadcast(interface, next_hop)),
        };
        Hop { interface, next_hop, hardware }
    }
}

/// Finds the first hop towards `destination`. A destination that means something only on one link leaves by
/// `via`, or else by the interface that has `source`.
pub(crate) fn route(
    internet: &Internet,
    source: Option<IpAddr>,
    destination: IpAddr,
    via: Option<InterfaceId>,
) -> Option<Hop> {
    let to_ourselves = || Some(Hop::new(internet, InterfaceId::LOOPBACK, destination));
    if needs_interface(destination) {
        let owner = || source.and_then(|source| internet.interface_of(source));
        let interface = via.or_else(owner).filter(|interface| internet.is_up(*interface))?;
        if internet.addresses.is_ours(interface, destination) {
            return to_ourselves();
        }
        return Some(Hop::new(internet, interface, destination));
    }
    // RFC 1112 6.1: a sender to a group may name the interface, and needs no route then.
    if let Some(via) = via.filter(|via| destination.is_multicast() && internet.is_up(*via)) {
        return Some(Hop::new(internet, via, destination));
    }
    // RFC 1122 3.2.1.3 g, RFC 4291 2.5.3: these never leave a host.
    if destination.is_loopback() || internet.local_prefixes.loops(destination) {
        return to_ourselves();
    }
    if destination.is_unspecified() {
        return None;
    }
    let usable = |interface| internet.is_up(interface) && via.is_none_or(|via| via == interface);
    let route = internet.routes.lookup(destination, usable)?;
    // An address of ours is on a link of ours, so packets through a gateway need no such question.
    if route.gateway.is_none() && internet.addresses.owner(destination).is_some() {
        return to_ourselves();
    }
    let next_hop = match route.gateway {
        Some(gateway) if !destination.is_multicast() => gateway,
        _ => destination,
    };
    Some(Hop::new(internet, route.interface, next_hop))
}

/// What a sender must know of the way over `hop` to `destination`, which is asked for where it matters.
pub(crate) fn path(
    cx: &Context<'_>,
    internet: &Internet,
    hop: &Hop,
    destination: impl FnOnce() -> Option<IpAddr>,
) -> Path {
    let link_mtu = internet.interface(hop.interface).mtu;
    let narrower = || Some(internet.path_mtus.get(cx.now, destination()?, link_mtu));
    let mtu = if internet.path_mtus.is_empty() { link_mtu } else { narrower().unwrap_or(link_mtu) };
    Path { mtu, max_bytes: MAX_SUPER_SEGMENT.max(mtu), max_segments: MAX_SEGMENTS }
}

/// Puts IP and link header before a transport's packet.
pub(crate) fn transmit(
    cx: &mut Context<'_>,
    internet: &mut Internet,
    hop: &Hop,
    mut departing: Departing,
) -> Result<Outgoing, DropReason> {
    let mut packet = Outgoing::default();
    transmit_as(cx, internet, hop, &mut departing, &mut packet)?;
    Ok(packet)
}

/// The same, with the packet put where `packet` was. Takes the data of `departing` out.
pub(crate) fn transmit_as(
    cx: &mut Context<'_>,
    internet: &mut Internet,
    hop: &Hop,
    departing: &mut Departing,
    packet: &mut Outgoing,
) -> Result<(), DropReason> {
    let adapts = match departing.fragmentation {
        Fragmentation::AtSource => true,
        Fragmentation::Forbidden => departing.protocol == IpProtocol::Tcp,
        Fragmentation::Allowed | Fragmentation::Probe => false,
    };
    // A link that does not take all options of a segment takes it in fragments, where the family has them.
    let options_fit = internet.interface(hop.interface).mtu >= LARGEST_HEADERS;
    if adapts && (!options_fit || internet.path_mtus.is_narrow(cx.now, departing.destination)) {
        departing.fragmentation = Fragmentation::Allowed;
    }
    let interface = internet.interface(hop.interface);
    let (medium, offload) = (interface.medium, interface.offload);
    let mtu = match departing.fragmentation {
        Fragmentation::Probe => interface.mtu,
        _ => internet.path_mtus.get(cx.now, departing.destination, interface.mtu),
    };
    let data_len = departing.payload_len();
    let ip_len = if departing.source.is_ipv4() { Ipv4Header::LEN } else { Ipv6Header::LEN };
    let packet_len = ip_len + departing.header.len() + data_len;
    if packet_len > MAX_PACKET {
        return Err(DropReason::PacketTooBig);
    }
    let segment_size = departing.segment_size.filter(|size| data_len > usize::from(size.get()));
    // TCP knows the path. A program that sends several datagrams at once chose their size itself.
    let piece_len = |size: NonZeroU16| ip_len + departing.header.len() + usize::from(size.get());
    if departing.protocol == IpProtocol::Udp && segment_size.is_some_and(|size| piece_len(size) > mtu) {
        return Err(DropReason::PacketTooBig);
    }
    if segment_size.is_none() && packet_len > mtu {
        *packet = fragment(cx, internet, hop, departing, mtu)?;
        return Ok(());
    }
    let header = ip_header(cx.random, internet, departing, departing.header.len() + data_len);
    if let (Some(size), Fragmentation::Allowed) = (segment_size, departing.fragmentation) {
        // Each piece has an identification of its own: they count up from that of the whole.
        let more = data_len.div_ceil(size.get().into()) - 1;
        internet.identifications.skip(departing.source, departing.destination, departing.protocol, more);
    }
    let Departing { protocol, checksum_offset, cause, .. } = *departing;
    let link_len = link::transmit::header_len(medium);
    let start = link_len + ip_len;
    let checksum_offset = usize::from(checksum_offset);
    // What a raw socket sends has its transport's header in the data, and is complete.
    let by_device = offload.transmit_checksum
        && !departing.header.is_empty()
        && matches!(protocol, IpProtocol::Tcp | IpProtocol::Udp);
    let cut = match (segment_size, Kind::of(protocol)) {
        (Some(size), Some(kind)) if !offload.cuts(protocol) || has_cwr(kind, &departing.header) => {
            Cut::Segments(Segments {
                source: departing.source,
                destination: departing.destination,
                kind,
                ip_start: link_len,
                transport_start: start,
                size,
                offset: 0,
                index: 0,
            })
        }
        _ if by_device => {
            let sum = pseudo_header(departing, departing.header.len() + data_len).fold();
            departing.header[checksum_offset..checksum_offset + 2].copy_from_slice(&sum.to_be_bytes());
            let checksum = TransmitChecksum::Partial { start: start as u16, offset: checksum_offset as u16 };
            Cut::Whole { checksum, segment_size }
        }
        _ => {
            fill_checksum(departing);
            Cut::Whole { checksum: TransmitChecksum::Complete, segment_size: None }
        }
    };
    let Outgoing { headers, link_len: its_link_len, slices, cut: its_cut, cause: its_cause } = packet;
    headers.clear();
    link_and_ip(headers, medium, &header);
    append(headers, &departing.header);
    // One by one: there are few, and room for many.
    slices.clear();
    if !departing.slices.is_empty() {
        slices.extend(departing.slices.drain(..));
    }
    (*its_link_len, *its_cut, *its_cause) = (link_len as u8, cut, cause);
    Ok(())
}

/// Puts the link header before a packet that has its IPv4 header already and fits the link.
pub(crate) fn transmit_whole(
    internet: &Internet,
    hop: &Hop,
    packet: bytes::Bytes,
    cause: Option<RecordId>,
) -> Result<Outgoing, DropReason> {
    let interface = internet.interface(hop.interface);
    if packet.len() > interface.mtu {
        return Err(DropReason::PacketTooBig);
    }
    let mut headers = link::transmit::transmit(interface.medium, EtherType::Ipv4);
    let link_len = headers.len();
    // The IP header stands among the headers, where whoever looks for it finds it.
    let header_len = packet.first().map_or(0, |byte| usize::from(byte & 0x0f) * 4).min(packet.len());
    append(&mut headers, &packet[..header_len]);
    let mut slices = Slices::new();
    if packet.len() > header_len {
        slices.push(packet.slice(header_len..));
    }
    let mut outgoing = Outgoing::whole(headers, link_len, slices);
    outgoing.cause = cause;
    Ok(outgoing)
}

/// Sends a packet that has no socket to wait in (a reply, an error) by its route: into the control queue, or
/// the queue of a neighbour that is being asked for. What cannot leave is counted and recorded.
pub(crate) fn send(
    cx: &mut Context<'_>,
    internet: &mut Internet,
    departing: Departing,
    via: Option<InterfaceId>,
) {
    let (cause, len) = (departing.cause, departing.header.len() + departing.payload_len());
    // An answer goes by the best route, which need not be the way that the question came.
    let via = via.filter(|_| needs_interface(departing.destination));
    let Some(hop) = route(internet, Some(departing.source), departing.destination, via) else {
        return cx.dropped(None, DropReason::NoRoute, len, cause);
    };
    match transmit(cx, internet, &hop, departing) {
        Ok(packet) => link::resolution::send(cx, internet, &hop, packet),
        Err(reason) => cx.dropped(Some(hop.interface), reason, len, cause),
    }
}

/// A packet that is larger than its path takes in one piece.
fn fragment(
    cx: &mut Context<'_>,
    internet: &mut Internet,
    hop: &Hop,
    departing: &mut Departing,
    mtu: usize,
) -> Result<Outgoing, DropReason> {
    // RFC 791 3.2 for DF. In IPv6 the sender may fragment, but a transport that set the flag adapts instead.
    if matches!(departing.fragmentation, Fragmentation::Forbidden | Fragmentation::Probe) {
        return Err(DropReason::PacketTooBig);
    }
    // A link that is narrower than is known cuts the pieces further.
    departing.fragmentation = Fragmentation::Allowed;
    let header = ip_header(cx.random, internet, departing, departing.header.len() + departing.payload_len());
    fill_checksum(departing);
    let Departing { source, destination, protocol, cause, .. } = *departing;
    let transport = &departing.header;
    // The transport header becomes data.
    let mut slices = Slices::new();
    if !transport.is_empty() {
        slices.push(bytes::Bytes::copy_from_slice(transport));
    }
    if departing.slices.len() < slices.capacity() {
        slices.extend(core::mem::take(&mut departing.slices));
    } else {
        slices.push(departing.slices.concat().into());
    }
    let identification = internet.identifications.next(source, destination, protocol);
    let medium = internet.interface(hop.interface).medium;
    // An IPv6 packet is never cut smaller than 1280 (RFC 8200 5).
    let mtu = if source.is_ipv6() { mtu.max(path_mtu::IPV6_MIN_MTU) } else { mtu };
    Ok(Outgoing {
        headers: link::transmit::transmit(medium, ether_type(source)),
        link_len: link::transmit::header_len(medium) as u8,
        slices,
        cut: Cut::Fragments(alloc::boxed::Box::new(Fragments { header, mtu, identification, offset: 0 })),
        cause,
    })
}

/// The EtherType for packets from `source`.
pub(crate) fn ether_type(source: IpAddr) -> EtherType {
    if source.is_ipv4() { EtherType::Ipv4 } else { EtherType::Ipv6 }
}

fn link_and_ip(headers: &mut Headers, medium: Medium, header: &IpHeader) {
    link::transmit::append_header(headers, medium, ether_type(header.source()));
    emit(headers, header.header_len(), |out| header.emit(out));
}

fn ip_header(
    random: &Random,
    internet: &mut Internet,
    departing: &Departing,
    payload_len: usize,
) -> IpHeader {
    let Departing { protocol, hop_limit, dscp, ecn, fragmentation, .. } = *departing;
    let dont_fragment = fragmentation != Fragmentation::Allowed;
    let payload_len = payload_len as u16;
    match (departing.source, departing.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            // RFC 6864 4.1: an atomic datagram may carry any identification.
            let identification = match dont_fragment {
                true => 0,
                false => internet.identifications.next(source.into(), destination.into(), protocol) as u16,
            };
            IpHeader::V4(Ipv4Header {
                source,
                destination,
                protocol,
                hop_limit,
                dscp,
                ecn,
                identification,
                dont_fragment,
                more_fragments: false,
                fragment_offset: 0,
                payload_len,
                options: Ipv4Options::default(),
            })
        }
        // Both are of one family: a source is chosen for its destination.
        (source, destination) => IpHeader::V6(Ipv6Header {
            source: as_v6(source),
            destination: as_v6(destination),
            next_header: protocol,
            hop_limit,
            dscp,
            ecn,
            flow_label: flow_label(random, departing),
            payload_len,
        }),
    }
}

fn as_v6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    }
}

/// A flow's label: a keyed hash of addresses, protocol and ports, never 0 (RFC 6437 3).
fn flow_label(random: &Random, departing: &Departing) -> u32 {
    let hash = random.flow_label.secret(|hasher| {
        write_address(hasher, departing.source);
        write_address(hasher, departing.destination);
        hasher.write_u8(departing.protocol.into());
        if matches!(departing.protocol, IpProtocol::Tcp | IpProtocol::Udp) {
            hasher.write(departing.header.get(..4).unwrap_or_default());
        }
    });
    (hash as u32 & 0xf_ffff).max(1)
}

/// The sum that a transport's own bytes, `len` of them, are added to.
#[inline]
fn pseudo_header(departing: &Departing, len: usize) -> Checksum {
    let Departing { source, destination, protocol, .. } = departing;
    let mut sum = Checksum::new();
    // ICMP for IPv4 covers the message alone (RFC 792); all else covers the pseudo-header too.
    if *protocol != IpProtocol::Icmpv4 {
        sum.pseudo_header(*source, *destination, *protocol, len as u32);
    }
    sum
}

/// Fills in the transport's checksum.
fn fill_checksum(departing: &mut Departing) {
    let offset = usize::from(departing.checksum_offset);
    if departing.header.len() < offset + 2 {
        return;
    }
    let mut sum = pseudo_header(departing, departing.header.len() + slices_len(&departing.slices));
    sum.add(&departing.header);
    for slice in &departing.slices {
        sum.add(slice);
    }
    // RFC 768: a computed zero is sent as all ones. TCP and ICMP know no such exception.
    let checksum = if departing.protocol == IpProtocol::Udp { sum.finish_udp() } else { sum.finish() };
    departing.header[offset..offset + 2].copy_from_slice(&checksum.to_be_bytes());
}
