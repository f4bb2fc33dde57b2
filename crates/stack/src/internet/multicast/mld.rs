//! Multicast Listener Discovery as a host speaks it: version 2 (RFC 3810), and 1 where an older router asks
//! (RFC 2710).

use alloc::vec;
use core::net::{IpAddr, Ipv6Addr};
use core::time::Duration;

use fathom_record::DropReason;
use fathom_wire::internet::groups::{decode_8, decode_16};
use fathom_wire::internet::mld::{self, MldMessage, MldRecord, MldRecords};
use fathom_wire::{Ecn, EtherType, Icmpv6Message, IpHeader, IpProtocol, Ipv6Header, Ipv6Options};

use super::groups::{Query, Record, Version};
use super::report::{self, Piece};
use crate::context::Context;
use crate::interface::InterfaceId;
use crate::internet::Internet;
use crate::link;
use crate::outgoing::emit;
use crate::packet::{Arrived, Disposition};

/// The kind of the Router Alert option (RFC 2711 2.1).
const ROUTER_ALERT: u8 = 5;
/// Hop-by-hop options with the Router Alert for MLD, before ICMPv6 (RFC 3810 5).
const HOP_BY_HOP: [u8; 8] = [58, 0, ROUTER_ALERT, 2, 0, 0, 1, 0];

/// A message that arrived.
pub(crate) fn receive(
    cx: &mut Context<'_>,
    internet: &mut Internet,
    arrived: &Arrived,
    message: &MldMessage<'_>,
) -> Disposition {
    let on = arrived.interface;
    let query = match *message {
        MldMessage::Query { max_response, group } => query(Version::V2, max_response.into(), group),
        MldMessage::QueryV2 { max_response, group, robustness, interval, sources, .. } => Query {
            sources: sources.iter().map(IpAddr::V6).collect(),
            robustness,
            interval: Duration::from_secs(decode_8(interval).into()),
            ..query(Version::V3, decode_16(max_response), group)
        },
        MldMessage::Report { group } => {
            return match report::handle_report(cx, internet, on, group.into()) {
                true => Disposition::Accepted,
                false => Disposition::Drop(DropReason::IcmpIgnored),
            };
        }
        // Those are for routers.
        MldMessage::Done { .. } | MldMessage::ReportV2 { .. } => {
            return Disposition::Drop(DropReason::IcmpIgnored);
        }
    };
    // RFC 3810 5.1.14 and 6.2: from a router of this link, with hop limit 1 and the Router Alert option.
    let local = matches!(arrived.source, IpAddr::V6(source) if source.is_unicast_link_local());
    if !local || arrived.hop_limit != 1 || !has_router_alert(&arrived.invoking) {
        return Disposition::Drop(DropReason::GroupQueryInvalid);
    }
    report::handle_query(cx, internet, on, true, &query);
    Disposition::Accepted
}

fn query(version: Version, millis: u32, group: Ipv6Addr) -> Query {
    Query {
        version,
        max_response: Duration::from_millis(millis.into()),
        group: (!group.is_unspecified()).then_some(group.into()),
        sources: vec![],
        robustness: 0,
        interval: Duration::ZERO,
    }
}

fn has_router_alert(packet: &[u8]) -> bool {
    let Ok(IpHeader::V6(header)) = IpHeader::parse_quoted(packet) else { return false };
    let payload = packet.get(Ipv6Header::LEN..).unwrap_or_default();
    header.next_header == IpProtocol::HopByHop && alerts(payload)
}

/// Whether hop-by-hop options, at the front of `payload`, have a Router Alert.
fn alerts(payload: &[u8]) -> bool {
    let len = payload.get(1).map_or(0, |words| 8 + 8 * usize::from(*words));
    let options = payload.get(2..len).unwrap_or_default();
    Ipv6Options::new(options).is_ok_and(|mut options| options.any(|option| option.kind == ROUTER_ALERT))
}

/// Tells of groups in version 2, in as many reports as it takes.
pub(super) fn report(cx: &mut Context<'_>, internet: &mut Internet, on: InterfaceId, records: &[Record]) {
    let room = internet.interface(on).mtu.saturating_sub(Ipv6Header::LEN + HOP_BY_HOP.len() + 8);
    let address = |address: &IpAddr| match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => *v6,
    };
    report::in_reports(records, room, MldRecord::len_with, |pieces, len| {
        let mut bytes = vec![0; len];
        let mut rest = &mut bytes[..];
        for Piece { kind, group, sources } in pieces {
            let (out, behind) = rest.split_at_mut(MldRecord::len_with(sources.len()));
            MldRecord::emit(*kind, address(group), sources.iter().map(address), out);
            rest = behind;
        }
        if let Ok(records) = MldRecords::parse(pieces.len() as u16, &bytes) {
            send(cx, internet, on, mld::ALL_REPORTS, MldMessage::ReportV2 { records });
        }
    });
}

/// Tells in version 1 that we are in a group, or leave it.
pub(super) fn old_report(
    cx: &mut Context<'_>,
    internet: &mut Internet,
    on: InterfaceId,
    group: Ipv6Addr,
    stays: bool,
) {
    match stays {
        true => send(cx, internet, on, group, MldMessage::Report { group }),
        false => send(cx, internet, on, mld::ALL_ROUTERS, MldMessage::Done { group }),
    }
}

fn send(
    cx: &mut Context<'_>,
    internet: &mut Internet,
    on: InterfaceId,
    destination: Ipv6Addr,
    message: MldMessage<'_>,
) {
    // RFC 3810 5.2.13: a link-local address, or none as long as the interface has none.
    let local = internet.addresses.usable(on).find_map(|cidr| match cidr.address() {
        IpAddr::V6(address) if address.is_unicast_link_local() => Some(address),
        _ => None,
    });
    let source = local.unwrap_or(Ipv6Addr::UNSPECIFIED);
    let message = Icmpv6Message::Mld(message);
    let mut bytes = vec![0; message.len()];
    message.emit(source, destination, &mut bytes);
    let header = Ipv6Header {
        source,
        destination,
        next_header: IpProtocol::HopByHop,
        hop_limit: 1,
        dscp: 0,
        ecn: Ecn::NotEct,
        flow_label: 0,
        payload_len: (HOP_BY_HOP.len() + bytes.len()) as u16,
    };
    let mut headers = link::transmit::transmit(internet.interface(on).medium, EtherType::Ipv6);
    let link_len = headers.len();
    emit(&mut headers, Ipv6Header::LEN, |out| header.emit(out));
    emit(&mut headers, HOP_BY_HOP.len(), |out| out.copy_from_slice(&HOP_BY_HOP));
    report::send_packet(cx, internet, on, destination.into(), headers, link_len, bytes.into());
}
