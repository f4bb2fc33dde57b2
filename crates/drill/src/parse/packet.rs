//! Packets: `< S 0:0(0) win 1000 <mss 1460>`, `> [ect0] . 1:1001(1000) ack 1`, `> udp (5)`.

use fathom_wire::TcpFlags;

use super::cursor::{Cursor, Read};
use super::{icmp, options};
use crate::script::{Body, Direction, EcnSpec, Ip, Packet, Tcp};
use crate::settings::Settings;

pub(super) fn packet(cursor: &mut Cursor<'_>, settings: &Settings) -> Read<Packet> {
    let direction = if cursor.eat("<") { Direction::Inbound } else { Direction::Outbound };
    if direction == Direction::Outbound {
        cursor.expect(">")?;
    }
    cursor.skip_blanks()?;
    let mut ip = Ip::default();
    if cursor.eat("[") {
        ip = self::ip(cursor, direction)?;
        cursor.skip_blanks()?;
    }
    let at = cursor.at();
    let body = match cursor.peek_word() {
        "udp" => {
            cursor.word();
            Body::Udp(payload(cursor)?)
        }
        "icmp" => {
            cursor.word();
            Body::Icmp(icmp::message(cursor, settings, direction)?)
        }
        word @ ("ipv4" | "ipv6" | "gre" | "mpls" | "udplite" | "sctp" | "mptcp") => {
            return cursor
                .wrong(format!("packets of {word} are not supported: expected a TCP segment, udp or icmp"));
        }
        "tcp" => {
            cursor.word();
            cursor.skip_blanks()?;
            Body::Tcp(segment(cursor, direction)?)
        }
        _ => Body::Tcp(segment(cursor, direction)?),
    };
    let header = if settings.ip_version.is_v6_on_wire() { 40 } else { 20 };
    let len = match &body {
        Body::Tcp(tcp) => usize::from(tcp.len) + 60,
        Body::Udp(len) => usize::from(*len) + 8,
        Body::Icmp(_) => 0,
    };
    if len + header > 65_535 {
        return cursor.wrong_at(at, "no IP packet has room for so much data");
    }
    Ok(Packet { direction, ip, body })
}

/// What stands between brackets, behind the opening one.
fn ip(cursor: &mut Cursor<'_>, direction: Direction) -> Read<Ip> {
    let mut ip = Ip::default();
    loop {
        cursor.skip_blanks()?;
        let at = cursor.at();
        match cursor.word() {
            "noecn" => ip.ecn = Some(EcnSpec::NotEct),
            "ect0" => ip.ecn = Some(EcnSpec::Ect0),
            "ect1" => ip.ecn = Some(EcnSpec::Ect1),
            "ce" => ip.ecn = Some(EcnSpec::Ce),
            "ect01" if direction == Direction::Outbound => ip.ecn = Some(EcnSpec::Ect),
            "ect01" => {
                return cursor.wrong_at(at, "a packet that arrives has ect0 or ect1, not either of them");
            }
            "tos" => ip.tos = Some(cursor.number("the byte of TOS", 255)? as u8),
            "ttl" => ip.ttl = Some(cursor.number("a time to live", 255)? as u8),
            "flowlabel" => ip.flow_label = Some(cursor.number("a flow label", 0xf_ffff)? as u32),
            "df" => ip.dont_fragment = Some(true),
            "nodf" => ip.dont_fragment = Some(false),
            "badsum" if direction == Direction::Inbound => ip.bad_checksum = true,
            "peer" => ip.peer = cursor.number("the number of a peer", 999)? as u16,
            _ => {
                cursor.back_to(at);
                return cursor.expected(
                    "noecn, ect0, ect1, ect01, ce, tos N, ttl N, flowlabel N, df, nodf, badsum (of what arrives) or peer N",
                );
            }
        }
        cursor.skip_blanks()?;
        if ip.ecn.is_some() && ip.tos.is_some() {
            return cursor.wrong_at(at, "tos is the whole byte, and includes what the ECN mark says");
        }
        if cursor.eat("]") {
            return Ok(ip);
        }
        if !cursor.eat(",") {
            return cursor.expected("',' or ']'");
        }
    }
}

fn segment(cursor: &mut Cursor<'_>, direction: Direction) -> Read<Tcp> {
    let flags = flags(cursor)?;
    cursor.skip_blanks()?;
    let (seq, len) = sequence(cursor)?;
    let mut tcp = Tcp {
        flags,
        seq,
        len,
        ack: None,
        window: None,
        urgent: None,
        options: crate::script::Options::These(Vec::new()),
    };
    loop {
        cursor.skip_blanks()?;
        let at = cursor.at();
        match cursor.peek() {
            Some('<') => {
                cursor.next();
                tcp.options = options::list(cursor, direction)?;
                break;
            }
            Some('a'..='z') => {}
            _ => break,
        }
        match cursor.word() {
            "ack" if tcp.ack.is_none() => {
                tcp.ack = Some(cursor.number("an acknowledgement number", u32::MAX.into())? as u32);
            }
            "win" if tcp.window.is_none() => {
                tcp.window = Some(cursor.number("a window", u16::MAX.into())? as u16);
            }
            "urg" if tcp.urgent.is_none() => {
                tcp.urgent = Some(cursor.number("an urgent pointer", u16::MAX.into())? as u16);
            }
            _ => {
                cursor.back_to(at);
                return cursor.expected("ack N, win N, urg N, <options> or the end of the line");
            }
        }
    }
    if direction == Direction::Inbound && tcp.window.is_none() {
        return cursor.wrong("a segment that arrives needs its window: win N");
    }
    if direction == Direction::Outbound && tcp.ack.is_none() && flags.contains(TcpFlags::ACK) {
        return cursor.wrong("a segment with the flag . needs its acknowledgement number: ack N");
    }
    Ok(tcp)
}

fn flags(cursor: &mut Cursor<'_>) -> Read<TcpFlags> {
    let mut flags = TcpFlags::empty();
    if cursor.eat("-") {
        return Ok(flags);
    }
    let begin = cursor.at();
    // A sequence number in the place of the flags is a likely slip.
    let word: String = cursor.rest().chars().take_while(|c| !c.is_whitespace()).collect();
    while let Some(c) = cursor.peek().filter(|c| !c.is_whitespace()) {
        let flag = match c {
            'F' => TcpFlags::FIN,
            'S' => TcpFlags::SYN,
            'R' => TcpFlags::RST,
            'P' => TcpFlags::PSH,
            '.' => TcpFlags::ACK,
            'U' => TcpFlags::URG,
            'E' => TcpFlags::ECE,
            'W' => TcpFlags::CWR,
            'A' => TcpFlags::AE,
            '0'..='7' if !word.contains(':') => {
                // The accurate ECN counter: AE, CWR and ECE as one number (RFC 9768 3.2).
                let ace = c as u16 - '0' as u16;
                flags |= TcpFlags::from_bits_truncate(ace << 6);
                cursor.next();
                continue;
            }
            c => {
                return cursor.wrong(format!(
                    "'{}' is no flag of TCP: expected some of F S R P . U E W A, a digit for the three bits of \
                     ECN, or - for none",
                    c.escape_debug()
                ));
            }
        };
        flags |= flag;
        cursor.next();
    }
    if cursor.at() == begin {
        return cursor.expected("the flags of a segment, udp or icmp");
    }
    Ok(flags)
}

/// `1:1001(1000)`: the first sequence number, and how many bytes.
fn sequence(cursor: &mut Cursor<'_>) -> Read<(u32, u16)> {
    let at = cursor.at();
    let seq = cursor.number("sequence numbers as 1:1001(1000)", u32::MAX.into())? as u32;
    cursor.expect(":")?;
    let end = cursor.number("the sequence number behind the data", u32::MAX.into())? as u32;
    let len = payload(cursor)?;
    if end.wrapping_sub(seq) != u32::from(len) {
        let right = seq.wrapping_add(len.into());
        return cursor.wrong_at(at, format!("{len} bytes from {seq} on end at {right}, not at {end}"));
    }
    Ok((seq, len))
}

/// `(1000)`: bytes of data.
pub(super) fn payload(cursor: &mut Cursor<'_>) -> Read<u16> {
    cursor.expect("(")?;
    let len = cursor.number("the length of the data", u16::MAX.into())? as u16;
    cursor.expect(")")?;
    Ok(len)
}

/// Sequence numbers and length, for the packet that an ICMP message quotes.
pub(super) fn quoted_sequence(cursor: &mut Cursor<'_>) -> Read<(u32, u16)> {
    sequence(cursor)
}
