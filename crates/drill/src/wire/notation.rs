//! Packets as a script writes them.

use fathom_wire::{Ecn, IpHeader, TcpFlags};

use super::flow::{Flow, Flows};
use super::seen::{QuotedSeen, Seen, SeenBody};
use crate::parse::names;
use crate::script::{Body, Direction, EcnSpec, Ip, Options, Packet, Quoted, TcpOption};

/// Flags as a script writes them.
pub(crate) fn flags(flags: TcpFlags) -> String {
    let letters = [
        (TcpFlags::FIN, 'F'),
        (TcpFlags::SYN, 'S'),
        (TcpFlags::RST, 'R'),
        (TcpFlags::PSH, 'P'),
        (TcpFlags::URG, 'U'),
        (TcpFlags::ECE, 'E'),
        (TcpFlags::CWR, 'W'),
        (TcpFlags::AE, 'A'),
        (TcpFlags::ACK, '.'),
    ];
    let text: String =
        letters.iter().filter(|(flag, _)| flags.contains(*flag)).map(|(_, letter)| letter).collect();
    if text.is_empty() { "-".into() } else { text }
}

/// One option as a script writes it.
pub(crate) fn option(option: &TcpOption) -> String {
    let hexadecimal = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let stamp = |stamp: &Option<u32>| stamp.map_or("...".to_owned(), |stamp| stamp.to_string());
    match option {
        TcpOption::End => "eol".into(),
        TcpOption::Nop => "nop".into(),
        TcpOption::Mss(mss) => format!("mss {mss}"),
        TcpOption::WindowScale(shift) => format!("wscale {shift}"),
        TcpOption::SackPermitted => "sackOK".into(),
        TcpOption::Sack(blocks) => {
            let blocks: String = blocks.iter().map(|(left, right)| format!(" {left}:{right}")).collect();
            format!("sack{blocks}")
        }
        TcpOption::Timestamps(value, echo) => format!("TS val {} ecr {}", stamp(value), stamp(echo)),
        TcpOption::FastOpen(cookie) => format!("FO {}", hexadecimal(cookie)).trim_end().to_owned(),
        TcpOption::FastOpenExperimental(cookie) => {
            format!("FOEXP {}", hexadecimal(cookie)).trim_end().to_owned()
        }
        TcpOption::Md5(digest) => format!("md5 {}", hexadecimal(digest)),
        TcpOption::AccEcn { ect0_first, counters } => {
            let names = if *ect0_first { ["e0b", "ceb", "e1b"] } else { ["e1b", "ceb", "e0b"] };
            let counters: String =
                names.iter().zip(counters).map(|(name, count)| format!(" {name} {count}")).collect();
            format!("ECN{counters}")
        }
        TcpOption::Other(kind, data) => format!("opt {kind} {}", hexadecimal(data)).trim_end().to_owned(),
    }
}

/// Options as a script writes them, with their brackets; nothing when there are none.
pub(crate) fn options(options: &[TcpOption]) -> String {
    if options.is_empty() {
        return String::new();
    }
    format!(" <{}>", options.iter().map(option).collect::<Vec<_>>().join(","))
}

/// `[1:1001(1000)]` without its brackets.
fn sequence(seq: u32, len: u32) -> String {
    format!("{seq}:{}({len})", seq.wrapping_add(len))
}

/// A packet of the script.
pub(crate) fn show_packet(packet: &Packet, v6: bool) -> String {
    let mut text = String::from(if packet.direction == Direction::Inbound { "<" } else { ">" });
    text += &brackets(&packet.ip);
    let number = |name: &str, number: Option<u32>| number.map_or(String::new(), |n| format!(" {name} {n}"));
    match &packet.body {
        Body::Tcp(tcp) => {
            text += &format!(" {} {}", flags(tcp.flags), sequence(tcp.seq, tcp.len.into()));
            text += &number("ack", tcp.ack);
            text += &number("win", tcp.window.map(u32::from));
            text += &number("urg", tcp.urgent.map(u32::from));
            match &tcp.options {
                Options::Any => text += " <...>",
                Options::These(these) => text += &options(these),
            }
        }
        Body::Udp(len) => text += &format!(" udp ({len})"),
        Body::Icmp(icmp) => {
            text += &format!(" icmp {}", names(v6, icmp.kind, icmp.code));
            text += &number("mtu", icmp.mtu);
            match icmp.quoted {
                None => {}
                Some(Quoted::Udp(len)) => text += &format!(" [udp ({len})]"),
                Some(Quoted::Tcp(seq, len)) => text += &format!(" [{}]", sequence(seq, len.into())),
            }
        }
    }
    text
}

/// What stands in brackets before a packet.
fn brackets(ip: &Ip) -> String {
    let Ip { ecn, tos, ttl, flow_label, dont_fragment, bad_checksum, peer } = *ip;
    let ecn = ecn.map(|ecn| match ecn {
        EcnSpec::NotEct => "noecn".to_owned(),
        EcnSpec::Ect0 => "ect0".to_owned(),
        EcnSpec::Ect1 => "ect1".to_owned(),
        EcnSpec::Ect => "ect01".to_owned(),
        EcnSpec::Ce => "ce".to_owned(),
    });
    let parts = [
        ecn,
        tos.map(|tos| format!("tos {tos:#04x}")),
        ttl.map(|ttl| format!("ttl {ttl}")),
        flow_label.map(|label| format!("flowlabel {label:#x}")),
        dont_fragment.map(|set| if set { "df".to_owned() } else { "nodf".to_owned() }),
        bad_checksum.then(|| "badsum".to_owned()),
        (peer != 0).then(|| format!("peer {peer}")),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { String::new() } else { format!(" [{}]", parts.join(", ")) }
}

/// A packet that left, with the script's numbers where its conversation is known, and of its IP header what
/// `like` says of it.
pub(crate) fn show_seen(seen: &Seen, flows: &Flows, like: &Ip) -> String {
    let (peer, flow) = whose(seen, flows);
    let v6 = matches!(seen.ip, IpHeader::V6(_));
    let ecn = match seen.ip.ecn() {
        Ecn::NotEct => EcnSpec::NotEct,
        Ecn::Ect0 => EcnSpec::Ect0,
        Ecn::Ect1 => EcnSpec::Ect1,
        Ecn::Ce => EcnSpec::Ce,
    };
    let ip = Ip {
        ecn: (like.ecn.is_some() || (ecn != EcnSpec::NotEct && like.tos.is_none())).then_some(ecn),
        tos: like.tos.map(|_| seen.ip.dscp() << 2 | seen.ip.ecn().bits()),
        ttl: like.ttl.map(|_| seen.ip.hop_limit()),
        flow_label: like.flow_label.map(|_| match &seen.ip {
            IpHeader::V6(header) => header.flow_label,
            IpHeader::V4(_) => 0,
        }),
        dont_fragment: like.dont_fragment.map(|_| match &seen.ip {
            IpHeader::V4(header) => header.dont_fragment,
            IpHeader::V6(_) => true,
        }),
        bad_checksum: false,
        peer: peer.unwrap_or_default(),
    };
    let mut text = format!(">{}", brackets(&ip));
    let unshifted = Flow::new(([0; 4], 0).into(), ([0; 4], 0).into());
    let flow = flow.unwrap_or(&unshifted);
    match &seen.body {
        SeenBody::Tcp { header, options: these, data } => {
            let seq = flow.script_sequence(header.seq);
            text += &format!(" {} {}", flags(header.flags), sequence(seq, data.len() as u32));
            if header.flags.contains(TcpFlags::ACK) {
                text += &format!(" ack {}", header.ack);
            }
            text += &format!(" win {}", header.window);
            if header.flags.contains(TcpFlags::URG) {
                text += &format!(" urg {}", header.urgent);
            }
            text += &options(&flow.script_options(these));
        }
        SeenBody::Udp { data, .. } => text += &format!(" udp ({})", data.len()),
        SeenBody::Icmp { kind, code, mtu, quoted } => {
            text += &format!(" icmp {}", names(v6, *kind, *code));
            text += &mtu.map_or(String::new(), |mtu| format!(" mtu {mtu}"));
            match quoted {
                None => {}
                Some(QuotedSeen::Udp { len, .. }) => text += &format!(" [udp ({len})]"),
                Some(QuotedSeen::Tcp { seq, len, .. }) => {
                    text += &format!(" [{}]", sequence(*seq, (*len).into()));
                }
            }
        }
        SeenBody::Other(what) => text += &format!(" ({what})"),
    }
    if peer.is_none()
        && let (Some(source), Some(destination)) = (seen.source(), seen.destination())
    {
        text += &format!(" (from {source} to {destination}, which is no conversation of the script)");
    }
    text
}

/// Whose packet it is.
fn whose<'a>(seen: &Seen, flows: &'a Flows) -> (Option<u16>, Option<&'a Flow>) {
    let table = match seen.body {
        SeenBody::Tcp { .. } => &flows.tcp,
        SeenBody::Udp { .. } => &flows.udp,
        SeenBody::Icmp { .. } | SeenBody::Other(_) => return (Some(0), None),
    };
    let (source, destination) = (seen.source(), seen.destination());
    let found = table.iter().find(|(_, flow)| Some(flow.local) == source && Some(flow.remote) == destination);
    found.map_or((None, None), |(peer, flow)| (Some(*peer), Some(flow)))
}
