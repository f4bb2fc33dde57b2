//! ICMP messages: `< icmp unreachable frag_needed mtu 1200 [1:1001(1000)]`.

use fathom_wire::internet::{icmpv4, icmpv6};

use super::cursor::{Cursor, Read};
use super::packet::{payload, quoted_sequence};
use crate::script::{Direction, Icmp, Quoted};
use crate::settings::Settings;

/// A type of messages, and the names of its codes.
struct Kind {
    name: &'static str,
    kind: u8,
    codes: &'static [(&'static str, u8)],
}

const fn kind(name: &'static str, kind: u8, codes: &'static [(&'static str, u8)]) -> Kind {
    Kind { name, kind, codes }
}

const V4: &[Kind] = &[
    kind("echo_reply", icmpv4::kind::ECHO_REPLY, &[]),
    kind(
        "unreachable",
        icmpv4::kind::DESTINATION_UNREACHABLE,
        &[
            ("net_unreachable", icmpv4::unreachable::NET),
            ("host_unreachable", icmpv4::unreachable::HOST),
            ("protocol_unreachable", icmpv4::unreachable::PROTOCOL),
            ("port_unreachable", icmpv4::unreachable::PORT),
            ("frag_needed", icmpv4::unreachable::FRAGMENTATION_NEEDED),
            ("source_route_failed", icmpv4::unreachable::SOURCE_ROUTE_FAILED),
            ("net_unknown", 6),
            ("host_unknown", 7),
            ("source_host_isolated", 8),
            ("net_prohibited", icmpv4::unreachable::NET_PROHIBITED),
            ("host_prohibited", icmpv4::unreachable::HOST_PROHIBITED),
            ("net_unreachable_for_tos", 11),
            ("host_unreachable_for_tos", 12),
            ("packet_filtered", icmpv4::unreachable::PROHIBITED),
            ("precedence_violation", 14),
            ("precedence_cutoff", 15),
        ],
    ),
    kind("source_quench", 4, &[]),
    kind(
        "redirect",
        icmpv4::kind::REDIRECT,
        &[("net", 0), ("host", 1), ("net_for_tos", 2), ("host_for_tos", 3)],
    ),
    kind("echo_request", icmpv4::kind::ECHO_REQUEST, &[]),
    kind("time_exceeded", icmpv4::kind::TIME_EXCEEDED, &[("in_transit", 0), ("reassembly", 1)]),
    kind(
        "parameter_problem",
        icmpv4::kind::PARAMETER_PROBLEM,
        &[("pointer", 0), ("option_missing", 1), ("bad_length", 2)],
    ),
];

const V6: &[Kind] = &[
    kind(
        "unreachable",
        icmpv6::kind::DESTINATION_UNREACHABLE,
        &[
            ("no_route", icmpv6::unreachable::NO_ROUTE),
            ("admin_prohibited", icmpv6::unreachable::PROHIBITED),
            ("not_neighbour", icmpv6::unreachable::BEYOND_SCOPE),
            ("addr_unreachable", icmpv6::unreachable::ADDRESS),
            ("port_unreachable", icmpv6::unreachable::PORT),
            ("source_policy", icmpv6::unreachable::SOURCE_POLICY),
            ("reject_route", icmpv6::unreachable::REJECT_ROUTE),
        ],
    ),
    kind("packet_too_big", icmpv6::kind::PACKET_TOO_BIG, &[]),
    kind("time_exceeded", icmpv6::kind::TIME_EXCEEDED, &[("in_transit", 0), ("reassembly", 1)]),
    kind(
        "parameter_problem",
        icmpv6::kind::PARAMETER_PROBLEM,
        &[("field", 0), ("next_header", 1), ("option", 2)],
    ),
    kind("echo_request", icmpv6::kind::ECHO_REQUEST, &[]),
    kind("echo_reply", icmpv6::kind::ECHO_REPLY, &[]),
];

fn kinds(v6: bool) -> &'static [Kind] {
    if v6 { V6 } else { V4 }
}

/// The names of type and code, as a script writes them; numbers where they have none.
pub(crate) fn names(v6: bool, kind: u8, code: u8) -> String {
    match kinds(v6).iter().find(|known| known.kind == kind) {
        None => format!("{kind} {code}"),
        Some(known) => match known.codes.iter().find(|(_, number)| *number == code) {
            Some((name, _)) => format!("{} {name}", known.name),
            None if code == 0 => known.name.to_owned(),
            None => format!("{} {code}", known.name),
        },
    }
}

pub(super) fn message(cursor: &mut Cursor<'_>, settings: &Settings, direction: Direction) -> Read<Icmp> {
    let kinds = kinds(settings.ip_version.is_v6_on_wire());
    cursor.skip_blanks()?;
    let at = cursor.at();
    let is_number = |cursor: &Cursor<'_>| cursor.peek().is_some_and(|c| c.is_ascii_digit());
    let (kind, codes): (u8, &[(&str, u8)]) = if is_number(cursor) {
        (cursor.number("a type of ICMP", 255)? as u8, &[])
    } else {
        let word = cursor.word();
        match kinds.iter().find(|kind| kind.name == word) {
            Some(kind) => (kind.kind, kind.codes),
            None => {
                cursor.back_to(at);
                let known: Vec<&str> = kinds.iter().map(|kind| kind.name).collect();
                return cursor.expected(&format!("a type of ICMP ({}) or its number", known.join(", ")));
            }
        }
    };
    cursor.skip_blanks()?;
    let at = cursor.at();
    let mut message = Icmp { kind, code: 0, mtu: None, quoted: None };
    if is_number(cursor) {
        message.code = cursor.number("a code of ICMP", 255)? as u8;
    } else if cursor.peek().is_some_and(|c| c.is_ascii_alphabetic()) && cursor.peek_word() != "mtu" {
        let word = cursor.word();
        match codes.iter().find(|(name, _)| *name == word) {
            Some((_, code)) => message.code = *code,
            None => {
                cursor.back_to(at);
                let known: Vec<&str> = codes.iter().map(|(name, _)| *name).collect();
                return cursor.expected(&format!("a code of this type ({}) or its number", known.join(", ")));
            }
        }
    }
    cursor.skip_blanks()?;
    if cursor.peek_word() == "mtu" {
        cursor.word();
        message.mtu = Some(cursor.number("an MTU", u32::MAX.into())? as u32);
        cursor.skip_blanks()?;
    }
    if cursor.eat("[") {
        message.quoted = Some(quoted(cursor)?);
    }
    let v6 = settings.ip_version.is_v6_on_wire();
    let is_error = if v6 { kind < 128 } else { matches!(kind, 3 | 4 | 5 | 11 | 12) };
    if direction == Direction::Inbound && is_error && message.quoted.is_none() {
        return cursor.wrong("an error needs the packet that it is about: [1:1001(1000)] or [udp (5)]");
    }
    Ok(message)
}

/// The quoted packet, behind the opening bracket.
fn quoted(cursor: &mut Cursor<'_>) -> Read<Quoted> {
    cursor.skip_blanks()?;
    let quoted = if cursor.peek_word() == "udp" {
        cursor.word();
        Quoted::Udp(payload(cursor)?)
    } else {
        let (seq, len) = quoted_sequence(cursor)?;
        Quoted::Tcp(seq, len)
    };
    cursor.expect("]")?;
    Ok(quoted)
}
