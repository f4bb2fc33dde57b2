//! IGMP as a host speaks it: version 3 (RFC 3376), and 2 and 1 where an older router asks (RFC 2236, RFC 1112
//! appendix I).

use alloc::vec;
use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;

use fathom_record::DropReason;
use fathom_wire::internet::groups::decode_8;
use fathom_wire::internet::igmp::{self, IgmpMessage, IgmpRecord, IgmpRecords};
use fathom_wire::{Ecn, EtherType, IpHeader, IpProtocol, Ipv4Header, Ipv4Options};

use super::groups::{Query, Record, Version};
use super::report::{self, Piece};
use crate::context::Context;
use crate::interface::InterfaceId;
use crate::internet::{Internet, scope, source};
use crate::link;
use crate::outgoing::emit;
use crate::packet::{Arrived, Disposition};

/// The Router Alert option (RFC 2113 2.1).
const ROUTER_ALERT: [u8; 4] = [148, 4, 0, 0];
/// Bytes of our IP header with the option.
const IP_HEADER: usize = Ipv4Header::LEN + ROUTER_ALERT.len();
/// Internetwork Control (RFC 3376 4: type of service 0xc0).
const DSCP: u8 = 48;
/// Tenths of a second that an answer to a router of version 1 may take (RFC 3376 4.1.1, RFC 2236 4).
const V1_MAX_RESPONSE: u16 = 100;

/// A packet with the protocol number of IGMP.
pub(crate) fn receive(cx: &mut Context<'_>, internet: &mut Internet, arrived: &Arrived) -> Disposition {
    let on = arrived.interface;
    let message = match IgmpMessage::parse(&arrived.payload) {
        Ok(message) => message,
        Err(_) => return Disposition::Drop(DropReason::IgmpMalformed),
    };
    let query = match message {
        // RFC 2236 4: a router of version 1 is known by the zero.
        IgmpMessage::Query { max_response: 0, group } => query(Version::V1, V1_MAX_RESPONSE, group),
        IgmpMessage::Query { max_response, group } => query(Version::V2, max_response.into(), group),
        IgmpMessage::QueryV3 { max_response, group, robustness, interval, sources, .. } => Query {
            sources: sources.iter().map(IpAddr::V4).collect(),
            robustness,
            interval: Duration::from_secs(decode_8(interval).into()),
            ..query(Version::V3, decode_8(max_response), group)
        },
        IgmpMessage::ReportV1 { group } | IgmpMessage::ReportV2 { group } => {
            return match report::handle_report(cx, internet, on, group.into()) {
                true => Disposition::Accepted,
                false => Disposition::Drop(DropReason::IcmpIgnored),
            };
        }
        // Those are for routers.
        IgmpMessage::Leave { .. } | IgmpMessage::ReportV3 { .. } | IgmpMessage::Unknown { .. } => {
            return Disposition::Drop(DropReason::IcmpIgnored);
        }
    };
    // RFC 3376 4 and 9.1: from this link, with the option, and about all groups only to all systems.
    let alert = query.version == Version::V1 || has_router_alert(&arrived.invoking);
    let for_all = query.group.is_some() || arrived.destination == IpAddr::V4(scope::ALL_SYSTEMS);
    if arrived.hop_limit != 1 || !alert || !for_all {
        return Disposition::Drop(DropReason::GroupQueryInvalid);
    }
    report::handle_query(cx, internet, on, false, &query);
    Disposition::Accepted
}

fn query(version: Version, tenths: u16, group: Ipv4Addr) -> Query {
    Query {
        version,
        max_response: Duration::from_millis(u64::from(tenths) * 100),
        group: (!group.is_unspecified()).then_some(group.into()),
        sources: vec![],
        robustness: 0,
        interval: Duration::ZERO,
    }
}

fn has_router_alert(packet: &[u8]) -> bool {
    let Ok(IpHeader::V4(header)) = IpHeader::parse_quoted(packet) else { return false };
    header.options.iter().any(|option| option.kind == ROUTER_ALERT[0])
}

/// Tells of groups in version 3, in as many reports as it takes.
pub(super) fn report(cx: &mut Context<'_>, internet: &mut Internet, on: InterfaceId, records: &[Record]) {
    let room = internet.interface(on).mtu.saturating_sub(IP_HEADER + 8);
    let address = |address: &IpAddr| match address {
        IpAddr::V4(v4) => *v4,
        IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
    };
    report::in_reports(records, room, IgmpRecord::len_with, |pieces, len| {
        let mut bytes = vec![0; len];
        let mut rest = &mut bytes[..];
        for Piece { kind, group, sources } in pieces {
            let (out, behind) = rest.split_at_mut(IgmpRecord::len_with(sources.len()));
            IgmpRecord::emit(*kind, address(group), sources.iter().map(address), out);
            rest = behind;
        }
        if let Ok(records) = IgmpRecords::parse(pieces.len() as u16, &bytes) {
            send(cx, internet, on, igmp::ALL_REPORTS, &IgmpMessage::ReportV3 { records });
        }
    });
}

/// Tells in version 1 or 2 that we are in a group, or leave it.
pub(super) fn old_report(
    cx: &mut Context<'_>,
    internet: &mut Internet,
    on: InterfaceId,
    group: Ipv4Addr,
    version: Version,
    stays: bool,
) {
    match (version, stays) {
        (Version::V1, true) => send(cx, internet, on, group, &IgmpMessage::ReportV1 { group }),
        // Version 1 has no leave.
        (Version::V1, false) => {}
        (_, true) => send(cx, internet, on, group, &IgmpMessage::ReportV2 { group }),
        (_, false) => send(cx, internet, on, igmp::ALL_ROUTERS, &IgmpMessage::Leave { group }),
    }
}

fn send(
    cx: &mut Context<'_>,
    internet: &mut Internet,
    on: InterfaceId,
    destination: Ipv4Addr,
    message: &IgmpMessage<'_>,
) {
    // RFC 3376 4.2.13: 0.0.0.0 as long as the interface has no address.
    let source = match source::select(destination.into(), internet.addresses.usable(on)) {
        Some(IpAddr::V4(source)) => source,
        _ => Ipv4Addr::UNSPECIFIED,
    };
    let mut bytes = vec![0; message.len()];
    message.emit(&mut bytes);
    let protocol = IpProtocol::Igmp;
    let header = Ipv4Header {
        source,
        destination,
        protocol,
        hop_limit: 1,
        dscp: DSCP,
        ecn: Ecn::NotEct,
        identification: internet.identifications.next(source.into(), destination.into(), protocol) as u16,
        dont_fragment: false,
        more_fragments: false,
        fragment_offset: 0,
        payload_len: bytes.len() as u16,
        options: Ipv4Options::parse(&ROUTER_ALERT).unwrap_or_default(),
    };
    let mut headers = link::transmit::transmit(internet.interface(on).medium, EtherType::Ipv4);
    let link_len = headers.len();
    emit(&mut headers, IP_HEADER, |out| header.emit(out));
    report::send_packet(cx, internet, on, destination.into(), headers, link_len, bytes.into());
}
