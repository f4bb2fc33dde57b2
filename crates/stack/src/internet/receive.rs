//! From a packet to what a transport takes: the checks of RFC 1122 3.2.1, RFC 1812 5.2 and RFC 8200 4.

use alloc::vec::Vec;
use core::net::IpAddr;
use core::num::NonZeroU16;

use bytes::{Buf, Bytes};
use fathom_record::{DropReason, RecordId};
use fathom_wire::internet::extension::{ExtensionError, OptionAction};
use fathom_wire::internet::icmpv6::{self, parameter};
use fathom_wire::{
    Ecn, IpHeader, IpProtocol, Ipv4Header, Ipv6Chain, Ipv6FragmentHeader, Ipv6Header, ParseError,
};

use crate::batch::ReceivedChecksum;
use crate::context::Context;
use crate::interface::InterfaceId;
use crate::internet::Internet;
use crate::internet::address::Destination;
use crate::internet::error::{Problem, Refusal};
use crate::internet::reassembly::{Fragment, PacketId, Reassembled};
use crate::internet::scope::may_be_source;
use crate::packet::Arrived;

/// IPv4 options that name the way (RFC 791 3.1): loose and strict source route.
const SOURCE_ROUTES: [u8; 2] = [131, 137];
/// ICMPv6 types of neighbour discovery (RFC 4861 4).
const NDP_KINDS: core::ops::RangeInclusive<u8> = icmpv6::kind::ROUTER_SOLICITATION..=icmpv6::kind::REDIRECT;
/// A TCP header without options; a first fragment that cuts it hides its flags (RFC 1858 3).
const TCP_HEADER: usize = 20;

/// An IP packet as the link layer hands it up.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    pub(crate) interface: InterfaceId,
    /// From the IP header on, perhaps with padding behind it.
    pub(crate) bytes: Bytes,
    /// Its frame was sent to more than one station.
    pub(crate) broadcast: bool,
    /// The data of the TCP segments that were merged behind this one, in their order. Its header is that of
    /// the first.
    pub(crate) followers: Vec<Bytes>,
    pub(crate) segment_size: Option<NonZeroU16>,
    pub(crate) checksum: ReceivedChecksum,
    pub(crate) cause: Option<RecordId>,
}

/// What the internet layer decided about a packet.
#[derive(Debug)]
pub(crate) enum Received {
    /// It is for this host.
    Deliver(Arrived),
    /// It is for somebody else, and we are a router.
    Forward(Packet, IpHeader),
    /// It is a fragment, kept until the others come.
    Kept,
    /// It is not accepted. An error would quote these bytes.
    Refused(Refusal, Bytes),
}

/// Why a packet for this host brings nothing up.
enum Nothing {
    /// It is a fragment, kept until the others come.
    Kept,
    Refused(Refusal),
}

impl From<Refusal> for Nothing {
    fn from(refusal: Refusal) -> Self {
        Nothing::Refused(refusal)
    }
}

impl From<DropReason> for Nothing {
    fn from(reason: DropReason) -> Self {
        Nothing::Refused(reason.into())
    }
}

/// What a packet brings up, once its IP header is dealt with.
struct Upward {
    protocol: IpProtocol,
    payload: Bytes,
    ecn: Ecn,
    /// The first fragment, when it was put together from such.
    first_fragment: Option<Bytes>,
}

/// Decides about a packet.
pub(crate) fn receive(cx: &mut Context<'_>, internet: &mut Internet, mut packet: Packet) -> Received {
    let refused = |reason: DropReason, bytes| Received::Refused(reason.into(), bytes);
    let parsed = IpHeader::parse(&packet.bytes);
    let header = match &parsed {
        Ok(header) => header,
        Err(ParseError::Checksum { .. }) => return refused(DropReason::IpChecksum, packet.bytes),
        Err(_) => return refused(DropReason::IpMalformed, packet.bytes),
    };
    // RFC 1122 3.2.1: what lies behind the packet is padding of the link.
    packet.bytes.truncate(header.header_len() + header.payload_len());

    let (source, destination) = (header.source(), header.destination());
    let Some(to) = internet.ends(packet.interface, source, destination) else {
        return refused(DropReason::IpBadSource, packet.bytes);
    };
    match to {
        Destination::Elsewhere if cx.config.forwarding && !packet.broadcast => {
            return Received::Forward(packet, header.clone());
        }
        Destination::Elsewhere => return refused(DropReason::IpNotForUs, packet.bytes),
        // RFC 1122 3.3.6: a link broadcast for a single host is an error of its sender.
        Destination::Ours | Destination::Routed if packet.broadcast => {
            return refused(DropReason::IpNotForUs, packet.bytes);
        }
        Destination::Ours | Destination::Routed | Destination::Broadcast | Destination::Group => {}
    }
    let broadcast = packet.broadcast || matches!(to, Destination::Broadcast | Destination::Group);
    let routed = to == Destination::Routed;
    let mtu = internet.interface(packet.interface).mtu;
    if is_plain_tcp(header) {
        return Received::Deliver(Arrived {
            interface: packet.interface,
            mtu,
            source: header.source(),
            destination: header.destination(),
            protocol: IpProtocol::Tcp,
            hop_limit: header.hop_limit(),
            dscp: header.dscp(),
            ecn: header.ecn(),
            // Moved, not shared: TCP keeps the data and quotes nothing.
            payload: behind(packet.bytes, header.header_len()),
            followers: packet.followers,
            segment_size: packet.segment_size,
            checksum: packet.checksum,
            broadcast,
            routed,
            invoking: Bytes::new(),
            cause: packet.cause,
        });
    }
    let upward = match header {
        IpHeader::V4(header) => receive_v4(cx, internet, &packet, header),
        IpHeader::V6(header) => receive_v6(cx, internet, &packet, header),
    };
    let Upward { protocol, payload, ecn, first_fragment } = match upward {
        Ok(upward) => upward,
        Err(Nothing::Kept) => return Received::Kept,
        Err(Nothing::Refused(refusal)) => return Received::Refused(refusal, packet.bytes),
    };
    Received::Deliver(Arrived {
        interface: packet.interface,
        mtu,
        source,
        destination,
        protocol,
        hop_limit: header.hop_limit(),
        dscp: header.dscp(),
        ecn,
        payload,
        followers: packet.followers,
        segment_size: packet.segment_size.filter(|_| first_fragment.is_none()),
        checksum: match first_fragment {
            Some(_) => ReceivedChecksum::Unverified,
            None => packet.checksum,
        },
        broadcast,
        routed,
        invoking: first_fragment.unwrap_or(packet.bytes),
        cause: packet.cause,
    })
}

/// What lies behind the first `n` bytes.
#[inline]
fn behind(mut bytes: Bytes, n: usize) -> Bytes {
    bytes.advance(n);
    bytes
}

/// Whether TCP stands directly behind an IP header without options.
fn is_plain_tcp(header: &IpHeader) -> bool {
    match header {
        IpHeader::V4(v4) => {
            v4.protocol == IpProtocol::Tcp && !v4.is_fragment() && v4.header_len() == Ipv4Header::LEN
        }
        IpHeader::V6(v6) => v6.next_header == IpProtocol::Tcp,
    }
}

/// RFC 1122 3.2.1.3, RFC 1812 5.3.7: a source must be able to be a single host, and not be this one.
pub(crate) fn is_acceptable_source(
    internet: &Internet,
    on: InterfaceId,
    source: IpAddr,
    destination: IpAddr,
) -> bool {
    if on == InterfaceId::LOOPBACK {
        return internet.interface_of(source).is_some();
    }
    if source.is_unspecified() {
        // Only for those who have no address yet: DHCP by broadcast, duplicate address detection.
        return destination.is_multicast() || internet.is_broadcast(on, destination);
    }
    may_be_source(source) && !internet.is_broadcast(on, source) && !internet.addresses.is_ours(on, source)
}

fn receive_v4(
    cx: &mut Context<'_>,
    internet: &mut Internet,
    packet: &Packet,
    header: &Ipv4Header,
) -> Result<Upward, Nothing> {
    // RFC 1122 3.2.1.8 lets a host refuse source routes; unknown options are ignored.
    if header.options.iter().any(|option| SOURCE_ROUTES.contains(&option.kind)) {
        return Err(DropReason::IpOption.into());
    }
    let data = packet.bytes.slice(header.header_len()..);
    if !header.is_fragment() {
        return Ok(Upward {
            protocol: header.protocol,
            payload: data,
            ecn: header.ecn,
            first_fragment: None,
        });
    }
    let offset = usize::from(header.fragment_offset);
    // RFC 1858 3 and 4.2, RFC 3128 3: fragments that hide TCP flags.
    let hides_flags = match offset {
        0 => header.protocol == IpProtocol::Tcp && data.len() < TCP_HEADER,
        8 => header.protocol == IpProtocol::Tcp,
        _ => false,
    };
    if hides_flags {
        return Err(DropReason::FragmentInvalid.into());
    }
    let id = PacketId {
        source: header.source.into(),
        destination: header.destination.into(),
        protocol: header.protocol.into(),
        identification: header.identification.into(),
    };
    let fragment = Fragment {
        offset,
        more_fragments: header.more_fragments,
        data,
        protocol: header.protocol,
        ecn: header.ecn,
        packet: packet.bytes.clone(),
        interface: packet.interface,
        cause: packet.cause,
    };
    reassemble(cx, internet, id, fragment)
}

fn receive_v6(
    cx: &mut Context<'_>,
    internet: &mut Internet,
    packet: &Packet,
    header: &Ipv6Header,
) -> Result<Upward, Nothing> {
    let payload = packet.bytes.slice(Ipv6Header::LEN..);
    let chain = walk(header.next_header, &payload, header)?;
    let data = payload.slice(chain.offset..);
    let Some(fragment) = chain.fragment.filter(|fragment| !fragment.is_atomic()) else {
        // RFC 6980 5: neighbour discovery is not accepted with a fragment header, not even an idle one.
        let fragmented = chain.fragment.is_some();
        let upward =
            Upward { protocol: chain.protocol, payload: data, ecn: header.ecn, first_fragment: None };
        return check_upper_v6(upward, fragmented);
    };
    let id = PacketId {
        source: header.source.into(),
        destination: header.destination.into(),
        protocol: IpProtocol::Ipv6Fragment.into(),
        identification: fragment.identification,
    };
    check_fragment_v6(&chain, &fragment, data.len())?;
    let fragment = Fragment {
        offset: usize::from(fragment.offset),
        more_fragments: fragment.more_fragments,
        data,
        protocol: fragment.next_header,
        ecn: header.ecn,
        packet: packet.bytes.clone(),
        interface: packet.interface,
        cause: packet.cause,
    };
    let whole = reassemble(cx, internet, id, fragment)?;
    // Behind the fragment header the chain may go on.
    let chain = walk(whole.protocol, &whole.payload, header)?;
    if chain.fragment.is_some() {
        return Err(DropReason::FragmentInvalid.into());
    }
    let payload = whole.payload.slice(chain.offset..);
    check_upper_v6(Upward { protocol: chain.protocol, payload, ..whole }, true)
}

/// RFC 6980 5: neighbour discovery does not come in fragments.
fn check_upper_v6(upward: Upward, fragmented: bool) -> Result<Upward, Nothing> {
    let kind = upward.payload.first().copied().unwrap_or_default();
    if fragmented && upward.protocol == IpProtocol::Icmpv6 && NDP_KINDS.contains(&kind) {
        return Err(DropReason::NdpInvalid.into());
    }
    Ok(upward)
}

/// RFC 8200 4.5: what is wrong with a fragment, and draws a parameter problem.
fn check_fragment_v6(chain: &Ipv6Chain, fragment: &Ipv6FragmentHeader, len: usize) -> Result<(), Refusal> {
    let refuse = |pointer| {
        let problem = Problem::Parameter { code: parameter::FIELD, pointer };
        Err(Refusal::told(DropReason::FragmentInvalid, problem))
    };
    if fragment.more_fragments && !len.is_multiple_of(8) {
        // Points at the payload length of the IPv6 header.
        return refuse(4);
    }
    if usize::from(fragment.offset) + len > 65535 {
        // Points at the offset field, two bytes into the fragment header.
        let start = chain.offset - Ipv6FragmentHeader::LEN;
        return refuse((Ipv6Header::LEN + start + 2) as u32);
    }
    Ok(())
}

/// Walks extension headers as RFC 8200 4 says.
fn walk(first: IpProtocol, payload: &Bytes, header: &Ipv6Header) -> Result<Ipv6Chain, Refusal> {
    let problem = |code, pointer| Refusal::told(DropReason::IpOption, Problem::Parameter { code, pointer });
    let chain = Ipv6Chain::parse(first, payload).map_err(|error| match error {
        ExtensionError::Malformed(_) | ExtensionError::TooMany => DropReason::IpMalformed.into(),
        // RFC 8200 4.4: an unrecognized routing type with segments left.
        ExtensionError::RoutingType { pointer } => problem(parameter::FIELD, pointer),
        ExtensionError::UnrecognizedOption { action: OptionAction::Discard | OptionAction::Skip, .. } => {
            DropReason::IpOption.into()
        }
        ExtensionError::UnrecognizedOption { pointer, action: OptionAction::DiscardReply } => {
            problem(parameter::OPTION, pointer)
        }
        ExtensionError::UnrecognizedOption { pointer, action: OptionAction::DiscardReplyUnlessMulticast } => {
            if header.destination.is_multicast() {
                DropReason::IpOption.into()
            } else {
                problem(parameter::OPTION, pointer)
            }
        }
    })?;
    // RFC 8200 4.3: a hop-by-hop header that is not the first is an unrecognized next header.
    if chain.protocol == IpProtocol::HopByHop {
        return Err(problem(parameter::NEXT_HEADER, chain.next_header_pointer as u32));
    }
    Ok(chain)
}

fn reassemble(
    cx: &mut Context<'_>,
    internet: &mut Internet,
    id: PacketId,
    fragment: Fragment,
) -> Result<Upward, Nothing> {
    match internet.reassemblies.add(cx, id, fragment) {
        Ok(None) => Err(Nothing::Kept),
        Err(reason) => Err(reason.into()),
        Ok(Some(Reassembled { protocol, payload, ecn, first })) => {
            cx.counters.packets_reassembled += 1;
            Ok(Upward { protocol, payload, ecn, first_fragment: Some(first) })
        }
    }
}

#[cfg(test)]
mod tests;
