//! Whether a packet that left is the one that the script wants, and if not, what differs first.

use std::mem::discriminant;
use std::net::SocketAddr;
use std::time::Duration;

use fathom_wire::{Ecn, IpHeader, TcpFlags, TcpHeader};

use super::data_at;
use super::flow::{Flow, Flows};
use super::notation::{flags, option, options};
use super::seen::{QuotedSeen, Seen, SeenBody};
use crate::script::{Body, EcnSpec, Icmp, Ip, Options, Packet, Quoted, Tcp, TcpOption};

/// What differs first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Difference {
    /// Which part of the packet.
    pub(crate) what: String,
    /// What the script has there.
    pub(crate) expected: String,
    /// What the packet has there.
    pub(crate) came: String,
}

fn difference<T>(
    what: impl Into<String>,
    expected: impl ToString,
    came: impl ToString,
) -> Result<T, Difference> {
    Err(Difference { what: what.into(), expected: expected.to_string(), came: came.to_string() })
}

/// What is known beside the packets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context {
    /// Where the last `connect` went, if there was one, and how many there were.
    pub(crate) connected: Option<SocketAddr>,
    /// How many calls of `connect` there were.
    pub(crate) connects: u64,
    /// Whether data is made up by its place: nothing of the script's own was written.
    pub(crate) made_up: bool,
    /// Length of a tick of our timestamps, and by how much they may be off.
    pub(crate) stamps: Option<(Duration, Duration)>,
}

/// Compares, and learns from the first packets of a conversation how its numbers are shifted.
pub(crate) fn compare(
    packet: &Packet,
    seen: &Seen,
    flows: &mut Flows,
    context: &Context,
) -> Result<(), Difference> {
    match (&packet.body, &seen.body) {
        (Body::Tcp(tcp), SeenBody::Tcp { header, options, data }) => {
            let flow = tcp_flow(packet.ip.peer, tcp, header, seen, flows, context)?;
            segment(tcp, header, options, data, flow, context)?;
        }
        (Body::Udp(len), SeenBody::Udp { data, .. }) => {
            udp_flow(packet.ip.peer, seen, flows, context)?;
            if usize::from(*len) != data.len() {
                return difference("length of the data", len, data.len());
            }
            if context.made_up {
                content(0, data)?;
            }
        }
        (Body::Icmp(icmp), SeenBody::Icmp { .. }) => message(icmp, &seen.body, packet.ip.peer, flows, seen)?,
        (expected, came) => {
            let expected = match expected {
                Body::Tcp(_) => "a segment of TCP",
                Body::Udp(_) => "a datagram of UDP",
                Body::Icmp(_) => "a message of ICMP",
            };
            let came = match came {
                SeenBody::Tcp { .. } => "a segment of TCP",
                SeenBody::Udp { .. } => "a datagram of UDP",
                SeenBody::Icmp { .. } => "a message of ICMP",
                SeenBody::Other(what) => what,
            };
            return difference("protocol", expected, came);
        }
    }
    ip(&packet.ip, &seen.ip)
}

/// The conversation that a segment must belong to; a SYN of ours begins one.
fn tcp_flow<'a>(
    peer: u16,
    tcp: &Tcp,
    header: &TcpHeader,
    seen: &Seen,
    flows: &'a mut Flows,
    context: &Context,
) -> Result<&'a Flow, Difference> {
    let (Some(source), Some(destination)) = (seen.source(), seen.destination()) else {
        return difference("addresses", "those of a segment", "none");
    };
    let begins = tcp.flags.contains(TcpFlags::SYN) && header.flags.contains(TcpFlags::SYN);
    let is_active = begins && !tcp.flags.contains(TcpFlags::ACK) && !header.flags.contains(TcpFlags::ACK);
    let is_new = match flows.tcp.get(&peer) {
        None => true,
        Some(flow) => flow.connects != context.connects && (flow.local, flow.remote) != (source, destination),
    };
    if is_active && is_new {
        if let Some(connected) = context.connected.filter(|connected| *connected != destination) {
            return difference("addresses", format!("a SYN to {connected}"), format!("one to {destination}"));
        }
        flows.tcp.insert(peer, Flow::new(source, destination));
    }
    let Some(flow) = flows.tcp.get_mut(&peer) else {
        return difference(
            "addresses",
            format!("a segment of the conversation with peer {peer}"),
            format!("one from {source} to {destination}, and no SYN was seen of it"),
        );
    };
    if (flow.local, flow.remote) != (source, destination) {
        let expected = format!("from {} to {}", flow.local, flow.remote);
        return difference("addresses", expected, format!("from {source} to {destination}"));
    }
    if begins {
        if header.flags.contains(TcpFlags::ACK) {
            flow.accepts(header.ack);
        } else if flow.connects != context.connects {
            flow.begin_again();
        }
        // The same connection says the same again; a new one, by connect or by the peer's SYN, says anew.
        let again = flow.knows_sequence() && (!is_active || flow.connects == context.connects);
        if !again {
            flow.learn_sequence(tcp.seq, header.seq);
            flow.connects = context.connects;
        } else if !flow.began_with(header.seq) && flow.script_isn() == Some(tcp.seq) {
            return difference(
                "initial sequence number",
                "the one that was sent before",
                format!("another one, {} higher", flow.script_sequence(header.seq).wrapping_sub(tcp.seq)),
            );
        }
    }
    if let (Some(script), Some(live)) = (stamp(these(tcp)), stamp_of(header)) {
        flow.learn_stamp(script, live);
    }
    Ok(flow)
}

fn these(tcp: &Tcp) -> &[TcpOption] {
    match &tcp.options {
        Options::Any => &[],
        Options::These(these) => these,
    }
}

fn stamp(options: &[TcpOption]) -> Option<u32> {
    options.iter().find_map(|option| match option {
        TcpOption::Timestamps(value, _) => *value,
        _ => None,
    })
}

fn stamp_of(header: &TcpHeader) -> Option<u32> {
    header.options.timestamps.map(|timestamps| timestamps.value)
}

/// The conversation that a datagram must belong to; the first one of ours begins it.
fn udp_flow(peer: u16, seen: &Seen, flows: &mut Flows, context: &Context) -> Result<(), Difference> {
    let (Some(source), Some(destination)) = (seen.source(), seen.destination()) else {
        return difference("addresses", "those of a datagram", "none");
    };
    let flow = flows.udp.entry(peer).or_insert_with(|| Flow::new(source, destination));
    if (flow.local, flow.remote) != (source, destination) && flow.connects != context.connects {
        *flow = Flow::new(source, destination);
    }
    flow.connects = context.connects;
    if (flow.local, flow.remote) != (source, destination) {
        let expected = format!("from {} to {}", flow.local, flow.remote);
        return difference("addresses", expected, format!("from {source} to {destination}"));
    }
    Ok(())
}

fn segment(
    tcp: &Tcp,
    header: &TcpHeader,
    came: &[TcpOption],
    data: &[u8],
    flow: &Flow,
    context: &Context,
) -> Result<(), Difference> {
    if tcp.flags != header.flags {
        return difference("flags", flags(tcp.flags), flags(header.flags));
    }
    let seq = flow.script_sequence(header.seq);
    if tcp.seq != seq {
        return difference("sequence number", tcp.seq, seq);
    }
    if usize::from(tcp.len) != data.len() {
        return difference("length of the data", tcp.len, data.len());
    }
    let ack = header.flags.contains(TcpFlags::ACK).then_some(header.ack.0);
    if tcp.ack != ack {
        let show = |ack: Option<u32>| ack.map_or("none".to_owned(), |ack| ack.to_string());
        return difference("acknowledgement number", show(tcp.ack), show(ack));
    }
    if let Some(window) = tcp.window.filter(|window| *window != header.window) {
        return difference("window", window, header.window);
    }
    if let Some(urgent) = tcp.urgent.filter(|urgent| *urgent != header.urgent) {
        return difference("urgent pointer", urgent, header.urgent);
    }
    if let Options::These(expected) = &tcp.options {
        self::all_options(expected, &flow.script_options(came), context)?;
    }
    if context.made_up && !data.is_empty() {
        let first = flow.script_isn().map(|isn| seq.wrapping_sub(isn).wrapping_sub(1));
        if let Some(first) = first {
            content(first.into(), data)?;
        }
    }
    Ok(())
}

/// Whether data is that of its place in the stream or datagram.
fn content(first: u64, data: &[u8]) -> Result<(), Difference> {
    let wrong = (first..).zip(data).find(|(place, byte)| data_at(*place) != **byte);
    match wrong {
        None => Ok(()),
        Some((place, byte)) => difference(
            format!("data, in its byte {}", place - first),
            format!("{:#04x}, as it was written", data_at(place)),
            format!("{byte:#04x}"),
        ),
    }
}

fn all_options(expected: &[TcpOption], came: &[TcpOption], context: &Context) -> Result<(), Difference> {
    let same = |expected: &TcpOption, came: &TcpOption| matches(expected, came, context);
    if expected.len() == came.len() && expected.iter().zip(came).all(|(expected, came)| same(expected, came))
    {
        return Ok(());
    }
    let (all_expected, all_came) = (shown(expected), shown(came));
    let of_kind =
        |list: &[TcpOption], of: &TcpOption| list.iter().filter(|option| is_kind(option, of)).count();
    let is_padding = |option: &&TcpOption| **option == TcpOption::Nop || **option == TcpOption::End;
    for wanted in expected.iter().filter(|option| !is_padding(option)) {
        if of_kind(came, wanted) < of_kind(expected, wanted) {
            return difference(format!("options: '{}' is missing", option(wanted)), all_expected, all_came);
        }
    }
    for extra in came.iter().filter(|option| !is_padding(option)) {
        if of_kind(came, extra) > of_kind(expected, extra) {
            return difference(
                format!("options: '{}' is not expected", option(extra)),
                all_expected,
                all_came,
            );
        }
    }
    let in_order = expected.len() == came.len() && expected.iter().zip(came).all(|(a, b)| is_kind(a, b));
    if !in_order {
        return difference("order or padding of the options", all_expected, all_came);
    }
    match expected.iter().zip(came).find(|(a, b)| !same(a, b)) {
        None => Ok(()),
        Some((wanted, came)) => difference("value of an option", option(wanted), option(came)),
    }
}

fn shown(list: &[TcpOption]) -> String {
    let text = options(list);
    if text.is_empty() { "none".into() } else { text.trim_start().to_owned() }
}

fn is_kind(a: &TcpOption, b: &TcpOption) -> bool {
    match (a, b) {
        (TcpOption::Other(a, _), TcpOption::Other(b, _)) => a == b,
        (a, b) => discriminant(a) == discriminant(b),
    }
}

fn matches(expected: &TcpOption, came: &TcpOption, context: &Context) -> bool {
    match (expected, came) {
        (TcpOption::Timestamps(value, echo), TcpOption::Timestamps(came_value, came_echo)) => {
            let is_value = match (value, came_value, context.stamps) {
                (None, ..) => true,
                (Some(value), Some(came), Some((tick, tolerance))) => {
                    let ticks = tolerance.as_micros().div_ceil(tick.as_micros().max(1)) as u32;
                    value.wrapping_sub(*came).min(came.wrapping_sub(*value)) <= ticks
                }
                (value, came, _) => value == came,
            };
            is_value && (echo.is_none() || echo == came_echo)
        }
        (expected, came) => expected == came,
    }
}

fn message(icmp: &Icmp, body: &SeenBody, peer: u16, flows: &Flows, seen: &Seen) -> Result<(), Difference> {
    let SeenBody::Icmp { kind, code, mtu, quoted } = body else { return Ok(()) };
    let names = |kind, code| crate::parse::names(matches!(seen.ip, IpHeader::V6(_)), kind, code);
    if (icmp.kind, icmp.code) != (*kind, *code) {
        return difference("type and code", names(icmp.kind, icmp.code), names(*kind, *code));
    }
    if let Some(expected) = icmp.mtu
        && Some(expected) != *mtu
    {
        return difference("MTU", expected, mtu.map_or("none".to_owned(), |mtu| mtu.to_string()));
    }
    let Some(expected) = icmp.quoted else { return Ok(()) };
    let shown = match expected {
        Quoted::Tcp(seq, len) => format!("[{seq}:{}({len})]", seq.wrapping_add(len.into())),
        Quoted::Udp(len) => format!("[udp ({len})]"),
    };
    // What we tell an error about arrived: it is from the peer to us.
    let from_peer = |flow: Option<&Flow>, source: SocketAddr, destination: SocketAddr| {
        flow.is_none_or(|flow| (flow.remote, flow.local) == (source, destination))
    };
    let came = match *quoted {
        None => "nothing".to_owned(),
        Some(QuotedSeen::Tcp { source, destination, seq, len }) => {
            if expected == Quoted::Tcp(seq, len) && from_peer(flows.tcp.get(&peer), source, destination) {
                return Ok(());
            }
            format!("[{seq}:{}({len})] from {source} to {destination}", seq.wrapping_add(len.into()))
        }
        Some(QuotedSeen::Udp { source, destination, len }) => {
            if expected == Quoted::Udp(len) && from_peer(flows.udp.get(&peer), source, destination) {
                return Ok(());
            }
            format!("[udp ({len})] from {source} to {destination}")
        }
    };
    difference("quoted packet", shown, came)
}

fn ip(expected: &Ip, came: &IpHeader) -> Result<(), Difference> {
    let Ip { ecn, tos, ttl, flow_label, dont_fragment, bad_checksum: _, peer: _ } = *expected;
    if let Some(ecn) = ecn {
        let (name, matches) = match ecn {
            EcnSpec::NotEct => ("noecn", came.ecn() == Ecn::NotEct),
            EcnSpec::Ect0 => ("ect0", came.ecn() == Ecn::Ect0),
            EcnSpec::Ect1 => ("ect1", came.ecn() == Ecn::Ect1),
            EcnSpec::Ect => ("ect01", matches!(came.ecn(), Ecn::Ect0 | Ecn::Ect1)),
            EcnSpec::Ce => ("ce", came.ecn() == Ecn::Ce),
        };
        if !matches {
            let came = match came.ecn() {
                Ecn::NotEct => "noecn",
                Ecn::Ect0 => "ect0",
                Ecn::Ect1 => "ect1",
                Ecn::Ce => "ce",
            };
            return difference("ECN mark", name, came);
        }
    }
    let came_tos = came.dscp() << 2 | came.ecn().bits();
    if let Some(tos) = tos.filter(|tos| *tos != came_tos) {
        return difference("TOS", format!("{tos:#04x}"), format!("{came_tos:#04x}"));
    }
    if let Some(ttl) = ttl.filter(|ttl| *ttl != came.hop_limit()) {
        return difference("TTL", ttl, came.hop_limit());
    }
    match came {
        IpHeader::V4(came) => {
            if let Some(set) = dont_fragment.filter(|set| *set != came.dont_fragment) {
                let name = |set| if set { "df" } else { "nodf" };
                return difference("Don't Fragment", name(set), name(came.dont_fragment));
            }
        }
        IpHeader::V6(came) => {
            if let Some(label) = flow_label.filter(|label| *label != came.flow_label) {
                return difference("flow label", format!("{label:#x}"), format!("{:#x}", came.flow_label));
            }
        }
    }
    Ok(())
}
