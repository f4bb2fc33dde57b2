//! Dissectors of the transport layer: TCP with its options, UDP.

use std::ops::Range;

use fathom_record::Layer;
use fathom_wire::transport::options::{self, kind, walk};
use fathom_wire::{RawOption, TcpFlags, TcpHeader, UdpHeader};

use crate::application;
use crate::dissect::{FieldView, View, field, fields, option_fields};

/// A UDP datagram. `cut`: it goes on in other fragments.
pub(crate) fn udp(view: &mut View<'_>, range: Range<usize>, cut: bool) {
    let bytes = view.bytes(range.clone());
    let parsed = if cut { UdpHeader::parse(bytes) } else { UdpHeader::parse_datagram(bytes) };
    let header = match parsed {
        Ok(header) => header,
        Err(error) => return view.problem(error),
    };
    let UdpHeader { source_port, destination_port, length, .. } = header;
    let payload = range.start + UdpHeader::LEN;
    let end = range.end.min(range.start + usize::from(length).max(UdpHeader::LEN));
    let summary =
        format!("{source_port}→{destination_port} {} B", usize::from(length).saturating_sub(UdpHeader::LEN));
    view.header(Layer::Transport, "udp", range.start..payload, summary, fields(UdpHeader::FIELDS, bytes));
    application::datagram(view, payload..end, source_port, destination_port);
}

/// A TCP segment.
pub(crate) fn tcp(view: &mut View<'_>, range: Range<usize>) {
    let bytes = view.bytes(range.clone());
    let header = match TcpHeader::parse(bytes) {
        Ok(header) => header,
        Err(error) => return view.problem(error),
    };
    let header_len = TcpHeader::data_offset(bytes);
    let payload = range.start + header_len..range.end;
    let mut table = fields(TcpHeader::FIELDS, bytes);
    let mut shown = Vec::new();
    for option in walk(&bytes[TcpHeader::LEN..header_len]).map_while(Result::ok) {
        if matches!(option.kind, kind::END | kind::NOP) {
            continue;
        }
        let whole = describe_option(&header, option);
        shown.push(format!("{} {}", whole.name, whole.value));
        let offset = TcpHeader::LEN + option.offset;
        let parts = option_fields(options::fields(option.kind), option.bytes, &whole.name, offset);
        let parts: Vec<FieldView> = parts.collect();
        table.push(whole);
        table.extend(parts);
    }
    let mut summary = summarize(&header, payload.len());
    if header.flags.contains(TcpFlags::SYN) || !header.options.sack.is_empty() {
        summary += &format!(" <{}>", shown.join(", ").replace(" yes", ""));
    }
    view.header(Layer::Transport, "tcp", range.start..payload.start, summary, table);
    application::stream(view, payload, header.source_port, header.destination_port);
}

/// As tcpdump's users read it: ports, flags, seq, ack, window, length.
fn summarize(header: &TcpHeader, len: usize) -> String {
    let TcpHeader { source_port, destination_port, seq, ack, flags, window, .. } = header;
    let mut text = format!("{source_port}→{destination_port}");
    // ACK stands in nearly every segment and is told by the number.
    for (flag, name) in [
        (TcpFlags::SYN, " SYN"),
        (TcpFlags::FIN, " FIN"),
        (TcpFlags::RST, " RST"),
        (TcpFlags::PSH, " PSH"),
        (TcpFlags::URG, " URG"),
        (TcpFlags::ECE, " ECE"),
        (TcpFlags::CWR, " CWR"),
        (TcpFlags::AE, " AE"),
    ] {
        if flags.contains(flag) {
            text += name;
        }
    }
    text += &format!(" seq {seq}");
    if flags.contains(TcpFlags::ACK) {
        text += &format!(" ack {ack}");
    }
    text += &format!(" win {window}");
    if len > 0 {
        text += &format!(" {len} B");
    }
    text
}

fn describe_option(header: &TcpHeader, option: RawOption<'_>) -> FieldView {
    let bytes = TcpHeader::LEN + option.offset..TcpHeader::LEN + option.offset + option.len();
    let number = |at: usize, len: usize| {
        option
            .data
            .get(at..at + len)
            .map(|bytes| bytes.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte)))
    };
    let or_malformed = |value: Option<String>| value.unwrap_or_else(|| "of a wrong length".into());
    let (name, value, reference) = match option.kind {
        kind::MSS => ("mss", or_malformed(number(0, 2).map(|mss| mss.to_string())), "RFC 9293 3.7.1"),
        kind::WINDOW_SCALE => ("ws", or_malformed(number(0, 1).map(|shift| shift.to_string())), "RFC 7323 2"),
        kind::SACK_PERMITTED => ("sack-permitted", "yes".into(), "RFC 2018 2"),
        kind::SACK => {
            let blocks: Vec<String> =
                header.options.sack.iter().map(|block| format!("{}–{}", block.left, block.right)).collect();
            ("sack", blocks.join(" "), "RFC 2018 3")
        }
        kind::TIMESTAMPS => {
            let value = number(0, 4).zip(number(4, 4)).map(|(value, echo)| format!("{value} echo {echo}"));
            ("ts", or_malformed(value), "RFC 7323 3.2")
        }
        kind::USER_TIMEOUT => {
            let timeout = header.options.user_timeout.map(|timeout| format!("{} s", timeout.as_secs()));
            ("user-timeout", or_malformed(timeout), "RFC 5482 3")
        }
        kind::FAST_OPEN if option.data.is_empty() => ("fast-open", "request".into(), "RFC 7413 2"),
        kind::FAST_OPEN => ("fast-open", format!("cookie of {} B", option.data.len()), "RFC 7413 2"),
        kind::ACC_ECN_0 | kind::ACC_ECN_1 => {
            let counters =
                header.options.acc_ecn.as_ref().map(|option| format!("{:?}", option.counters.as_slice()));
            ("acc-ecn", or_malformed(counters), "RFC 9768 3.2.3")
        }
        other => {
            return field(format!("kind {other}"), bytes, format!("{} B", option.data.len()), "RFC 9293 3.2");
        }
    };
    field(name, bytes, value, reference)
}
