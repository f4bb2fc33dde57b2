//! DNS messages (RFC 1035 4): the header and the question.

use std::ops::Range;

use fathom_record::Layer;

use crate::dissect::{FieldView, View, field};

/// Bytes of the header.
const HEADER: usize = 12;
/// Bytes of a name on the wire (RFC 1035 3.1).
const MAX_NAME: usize = 255;

/// Whether `bytes` are one message with its length before it (RFC 1035 4.2.2).
pub(super) fn is_whole_in_stream(bytes: &[u8]) -> bool {
    bytes.first_chunk().is_some_and(|len| usize::from(u16::from_be_bytes(*len)) == bytes.len() - 2)
        && bytes.len() >= 2 + HEADER
}

pub(super) fn message(view: &mut View<'_>, range: Range<usize>) {
    let bytes = view.bytes(range.clone());
    let Some(header) = bytes.first_chunk::<HEADER>() else {
        return view.problem("a DNS message is truncated");
    };
    let word = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    let (id, flags, questions, answers) = (word(0), word(2), word(4), word(6));
    let response = flags & 0x8000 != 0;
    let question = if questions == 0 { None } else { question(&bytes[HEADER..]) };
    let mut summary = format!("{} {id:#06x}", if response { "answer" } else { "query" });
    if let Some((name, kind)) = &question {
        summary += &format!(" {} {name}", record_type(*kind));
    }
    if response {
        summary += &format!(", {}", response_code(flags & 15));
        summary += &match answers {
            1 => ", 1 record".into(),
            count => format!(", {count} records"),
        };
    }
    if flags & 0x0200 != 0 {
        summary += ", truncated";
    }
    view.header(Layer::Application, "dns", range, summary, table(header, question));
}

fn table(header: &[u8; HEADER], question: Option<(String, u16)>) -> Vec<FieldView> {
    let names = ["id", "flags", "questions", "answers", "authorities", "additional"];
    let mut fields: Vec<FieldView> = names
        .into_iter()
        .zip(header.as_chunks::<2>().0)
        .enumerate()
        .map(|(word, (name, bytes))| {
            let value = u16::from_be_bytes(*bytes);
            let value = if word < 2 { format!("{value:#06x}") } else { value.to_string() };
            field(name, 2 * word..2 * word + 2, value, "RFC 1035 4.1.1")
        })
        .collect();
    if let Some((name, kind)) = question {
        let value = format!("{} {name}", record_type(kind));
        fields.push(field("question", HEADER..HEADER + 1, value, "RFC 1035 4.1.2"));
    }
    fields
}

/// Name and type of the first question; `None` unless it is there as a whole. No sender compresses it:
/// there is no earlier name to point to.
fn question(mut bytes: &[u8]) -> Option<(String, u16)> {
    let mut name = String::new();
    while name.len() <= 4 * MAX_NAME {
        let (len, rest) = bytes.split_first()?;
        if *len == 0 {
            let kind = u16::from_be_bytes(*rest.first_chunk()?);
            return Some((if name.is_empty() { ".".into() } else { name }, kind));
        }
        if *len > 63 {
            return None;
        }
        let (label, rest) = rest.split_at_checked(usize::from(*len))?;
        if !name.is_empty() {
            name.push('.');
        }
        // Anything may stand in a label; what is no host name is shown as its number (RFC 1035 5.1).
        for byte in label {
            match byte {
                b'-' | b'_' | b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => name.push(char::from(*byte)),
                other => name += &format!("\\{other:03}"),
            }
        }
        bytes = rest;
    }
    None
}

fn record_type(kind: u16) -> String {
    match kind {
        1 => "A".into(),
        2 => "NS".into(),
        5 => "CNAME".into(),
        6 => "SOA".into(),
        12 => "PTR".into(),
        15 => "MX".into(),
        16 => "TXT".into(),
        28 => "AAAA".into(),
        33 => "SRV".into(),
        64 => "SVCB".into(),
        65 => "HTTPS".into(),
        255 => "ANY".into(),
        other => format!("TYPE{other}"),
    }
}

fn response_code(code: u16) -> String {
    match code {
        0 => "NOERROR".into(),
        1 => "FORMERR".into(),
        2 => "SERVFAIL".into(),
        3 => "NXDOMAIN".into(),
        4 => "NOTIMP".into(),
        5 => "REFUSED".into(),
        other => format!("RCODE{other}"),
    }
}
