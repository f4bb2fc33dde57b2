//! ICMP of both versions, with Neighbor Discovery.

use std::net::Ipv6Addr;
use std::ops::Range;

use fathom_record::Layer;
use fathom_wire::internet::{icmpv4, icmpv6, mld, ndp};
use fathom_wire::{Icmpv4Message, Icmpv6Message, IpHeader, MldMessage, NdpMessage, NdpOption, NdpOptions};

use super::groups;

use crate::dissect::{View, fields, option_fields};

/// Bytes that every message begins with and that the tables of fields describe.
const HEADER: usize = 8;

pub(super) fn v4(view: &mut View<'_>, range: Range<usize>, cut: bool) {
    let bytes = view.bytes(range.clone());
    let table = fields(icmpv4::fields(bytes.first().copied().unwrap_or_default()), bytes);
    let summary = match Icmpv4Message::parse(bytes) {
        Ok(message) => describe_v4(&message),
        Err(_) if cut => "the first fragment".into(),
        Err(error) => return view.problem(error),
    };
    view.header(Layer::Internet, "icmp4", header(&range), summary, table);
}

pub(super) fn v6(
    view: &mut View<'_>,
    range: Range<usize>,
    source: Ipv6Addr,
    destination: Ipv6Addr,
    cut: bool,
) {
    let bytes = view.bytes(range.clone());
    let kind = bytes.first().copied().unwrap_or_default();
    let known = if MldMessage::is_kind(kind) { mld::fields(kind, bytes.len()) } else { icmpv6::fields(kind) };
    let mut table = fields(known, bytes);
    let summary = match Icmpv6Message::parse(source, destination, bytes) {
        Ok(message) => {
            if let Icmpv6Message::Ndp(message) = &message {
                let mut offset = bytes.len() - message.options().as_bytes().len();
                for option in message.options().raw() {
                    let kind = option.first().copied().unwrap_or_default();
                    table.extend(option_fields(ndp::option_fields(kind), option, option_name(kind), offset));
                    offset += option.len();
                }
            }
            describe_v6(&message)
        }
        Err(_) if cut => "the first fragment".into(),
        Err(error) => return view.problem(error),
    };
    let end = table.last().map_or(HEADER, |field| field.bits.end / 8);
    let range = range.start..(range.start + end).min(range.end);
    view.header(Layer::Internet, "icmp6", range, summary, table);
}

fn option_name(kind: u8) -> &'static str {
    match kind {
        ndp::option_kind::SOURCE_LINK_LAYER => "source_link_layer",
        ndp::option_kind::TARGET_LINK_LAYER => "target_link_layer",
        ndp::option_kind::PREFIX_INFORMATION => "prefix_information",
        ndp::option_kind::MTU => "mtu",
        _ => "option",
    }
}

fn header(range: &Range<usize>) -> Range<usize> {
    range.start..(range.start + HEADER).min(range.end)
}

fn describe_v4(message: &Icmpv4Message<'_>) -> String {
    use icmpv4::{exceeded, unreachable};
    match *message {
        Icmpv4Message::EchoRequest { identifier, sequence, data } => {
            format!("echo request id {identifier} seq {sequence} {} B", data.len())
        }
        Icmpv4Message::EchoReply { identifier, sequence, data } => {
            format!("echo reply id {identifier} seq {sequence} {} B", data.len())
        }
        Icmpv4Message::DestinationUnreachable { code, next_hop_mtu, invoking } => {
            let what = match code {
                unreachable::NET => "network unreachable".into(),
                unreachable::HOST => "host unreachable".into(),
                unreachable::PROTOCOL => "protocol unreachable".into(),
                unreachable::PORT => "port unreachable".into(),
                unreachable::FRAGMENTATION_NEEDED => format!("fragmentation needed, MTU {next_hop_mtu}"),
                unreachable::NET_PROHIBITED | unreachable::HOST_PROHIBITED | unreachable::PROHIBITED => {
                    "prohibited".into()
                }
                other => format!("unreachable, code {other}"),
            };
            what + &quoted(invoking)
        }
        Icmpv4Message::TimeExceeded { code, invoking } => {
            let what = if code == exceeded::REASSEMBLY { "fragments missing" } else { "ttl used up" };
            what.to_owned() + &quoted(invoking)
        }
        Icmpv4Message::ParameterProblem { pointer, invoking, .. } => {
            format!("header wrong at byte {pointer}") + &quoted(invoking)
        }
        Icmpv4Message::Redirect { gateway, invoking, .. } => {
            format!("better first hop {gateway}") + &quoted(invoking)
        }
        Icmpv4Message::Unknown { kind, code, .. } => format!("type {kind} code {code}"),
    }
}

fn describe_v6(message: &Icmpv6Message<'_>) -> String {
    use icmpv6::{exceeded, unreachable};
    match message {
        Icmpv6Message::EchoRequest { identifier, sequence, data } => {
            format!("echo request id {identifier} seq {sequence} {} B", data.len())
        }
        Icmpv6Message::EchoReply { identifier, sequence, data } => {
            format!("echo reply id {identifier} seq {sequence} {} B", data.len())
        }
        Icmpv6Message::DestinationUnreachable { code, invoking } => {
            let what = match *code {
                unreachable::NO_ROUTE => "no route".into(),
                unreachable::PROHIBITED | unreachable::SOURCE_POLICY => "prohibited".into(),
                unreachable::BEYOND_SCOPE => "beyond the scope of the source address".into(),
                unreachable::ADDRESS => "address unreachable".into(),
                unreachable::PORT => "port unreachable".into(),
                unreachable::REJECT_ROUTE => "rejected by a route".into(),
                other => format!("unreachable, code {other}"),
            };
            what + &quoted(invoking)
        }
        Icmpv6Message::PacketTooBig { mtu, invoking } => {
            format!("packet too big, MTU {mtu}") + &quoted(invoking)
        }
        Icmpv6Message::TimeExceeded { code, invoking } => {
            let what = if *code == exceeded::REASSEMBLY { "fragments missing" } else { "hop limit used up" };
            what.to_owned() + &quoted(invoking)
        }
        Icmpv6Message::ParameterProblem { pointer, invoking, .. } => {
            format!("header wrong at byte {pointer}") + &quoted(invoking)
        }
        Icmpv6Message::Ndp(message) => describe_ndp(message),
        Icmpv6Message::Mld(message) => groups::describe_mld(message),
        Icmpv6Message::Unknown { kind, code, .. } => format!("type {kind} code {code}"),
    }
}

fn describe_ndp(message: &NdpMessage<'_>) -> String {
    match message {
        NdpMessage::RouterSolicitation { .. } => "who is a router?".into(),
        NdpMessage::RouterAdvertisement { lifetime, .. } => format!("I am a router for {lifetime} s"),
        NdpMessage::NeighborSolicitation { target, .. } => format!("who has {target}?"),
        NdpMessage::NeighborAdvertisement { target, options, .. } => match link_address(options) {
            Some(address) => format!("{target} is at {address}"),
            None => format!("{target} is here"),
        },
        NdpMessage::Redirect { target, destination, .. } => {
            format!("better first hop {target} for {destination}")
        }
    }
}

fn link_address(options: &NdpOptions<'_>) -> Option<String> {
    options.into_iter().find_map(|option| match option {
        NdpOption::TargetLinkLayer(address) => Some(address.to_string()),
        _ => None,
    })
}

/// Of the packet that an error quotes: whose it was.
fn quoted(packet: &[u8]) -> String {
    match IpHeader::parse_quoted(packet) {
        Ok(header) => format!(", for {} {}→{}", header.protocol(), header.source(), header.destination()),
        Err(_) => String::new(),
    }
}
