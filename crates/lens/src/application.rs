//! Hints at the application layer: what can be told from one datagram or segment.

use std::ops::Range;

use fathom_record::Layer;

use crate::dissect::View;

mod dns;
mod http;
mod tls;

pub(crate) use tls::OpenRecord;

const DNS: u16 = 53;
const MULTICAST_DNS: u16 = 5353;

/// What a UDP datagram carries.
pub(crate) fn datagram(view: &mut View<'_>, range: Range<usize>, source_port: u16, destination_port: u16) {
    if [source_port, destination_port].iter().any(|port| [DNS, MULTICAST_DNS].contains(port)) {
        dns::message(view, range);
    } else {
        data(view, range);
    }
}

/// What a TCP segment carries. Of messages that began in an earlier segment, only TLS records are
/// recognized.
pub(crate) fn stream(view: &mut View<'_>, range: Range<usize>, source_port: u16, destination_port: u16) {
    if range.is_empty() {
        return;
    }
    let bytes = view.bytes(range.clone());
    if [source_port, destination_port].contains(&DNS) && dns::is_whole_in_stream(bytes) {
        dns::message(view, range.start + 2..range.end);
    } else if view.record.expected || tls::is_record(bytes) {
        tls::records(view, range);
    } else if http::is_http2(bytes) {
        http::http2(view, range);
    } else if http::is_http1(bytes) {
        http::http1(view, range);
    } else {
        data(view, range);
    }
}

/// Bytes that nothing is known of.
fn data(view: &mut View<'_>, range: Range<usize>) {
    if !range.is_empty() {
        view.header(Layer::Application, "data", range.clone(), format!("{} B", range.len()), Vec::new());
    }
}

/// Text from the wire for a terminal: nothing but printable characters, and not too many.
fn printable(bytes: &[u8], limit: usize) -> String {
    let text: String = String::from_utf8_lossy(&bytes[..bytes.len().min(limit)])
        .chars()
        .map(|c| if c.is_control() { '·' } else { c })
        .collect();
    if bytes.len() > limit { text + "…" } else { text }
}
