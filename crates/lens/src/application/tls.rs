//! TLS records (RFC 8446 5.1).

use std::ops::Range;

use fathom_record::Layer;

use crate::dissect::{FieldView, View, field};

/// Bytes of a record's header.
const HEADER: usize = 5;
/// Largest record: 2^14 bytes and what encryption adds (RFC 8446 5.2; 2048 in RFC 5246 6.2.3).
const MAX_RECORD: u16 = (1 << 14) + 2048;

const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;

/// Where in its records a stream is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct OpenRecord {
    /// There was a record before, so that what follows is one, too.
    pub(crate) expected: bool,
    /// Bytes of its header, as long as that is not complete.
    head: Vec<u8>,
    /// Bytes of its body that are still to come.
    left: usize,
    kind: u8,
}

impl OpenRecord {
    /// Leaves out `bytes` that are missing. `false` if they are more than what is left of the record: no
    /// one knows then what follows.
    pub(crate) fn step_over(&mut self, bytes: usize) -> bool {
        let within = bytes == 0 || bytes <= self.left;
        if within {
            self.left -= bytes;
        }
        within
    }
}

/// Whether `bytes` begin with a record.
pub(super) fn is_record(bytes: &[u8]) -> bool {
    matches!(bytes, [CHANGE_CIPHER_SPEC..=APPLICATION_DATA, 3, 0..=4, high, low, ..]
        if (1..=MAX_RECORD).contains(&u16::from_be_bytes([*high, *low])))
}

/// Whether `bytes` could be the first ones of a record's header.
fn is_cut_header(bytes: &[u8]) -> bool {
    matches!(
        bytes,
        [CHANGE_CIPHER_SPEC..=APPLICATION_DATA]
            | [CHANGE_CIPHER_SPEC..=APPLICATION_DATA, 3]
            | [CHANGE_CIPHER_SPEC..=APPLICATION_DATA, 3, 0..=4]
            | [CHANGE_CIPHER_SPEC..=APPLICATION_DATA, 3, 0..=4, _]
    )
}

/// Each record of the range, the first of which may have begun in an earlier segment
/// ([`View::record`]), and the last may go on in a later one.
pub(super) fn records(view: &mut View<'_>, mut range: Range<usize>) {
    let OpenRecord { mut head, left, kind, expected: _ } = std::mem::take(&mut view.record);
    if left > 0 {
        let here = left.min(range.len());
        let end = range.start + here;
        let summary = format!("{} goes on, {here} B", describe(kind, &[]));
        view.header(Layer::Application, "tls", range.start..end, summary, Vec::new());
        view.record = OpenRecord { expected: true, head: Vec::new(), left: left - here, kind };
        range.start = end;
    }
    while !range.is_empty() {
        let bytes = view.bytes(range.clone());
        let missing = HEADER - head.len();
        head.extend(bytes.iter().take(missing));
        if is_cut_header(&head) {
            let summary = "the beginning of a record".into();
            view.header(Layer::Application, "tls", range, summary, Vec::new());
            view.record = OpenRecord { expected: true, head, left: 0, kind: 0 };
            return;
        }
        if !is_record(&head) {
            view.record = OpenRecord::default();
            return super::data(view, range);
        }
        let len = usize::from(u16::from_be_bytes([head[3], head[4]]));
        let here = len.min(bytes.len() - missing);
        let mut summary = describe(head[0], &bytes[missing..missing + here]);
        summary += &if here < len { format!(" {here} of {len} B") } else { format!(" {len} B") };
        // Bits of a header that began in another frame cannot be pointed at here.
        let fields = if missing == HEADER { header_fields(&head) } else { Vec::new() };
        let end = range.start + missing + here;
        view.header(Layer::Application, "tls", range.start..end, summary, fields);
        view.record = OpenRecord { expected: true, head: Vec::new(), left: len - here, kind: head[0] };
        range.start = end;
        head.clear();
    }
}

fn header_fields(head: &[u8]) -> Vec<FieldView> {
    let number = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
    vec![
        field("type", 0..1, head[0].to_string(), "RFC 8446 5.1"),
        field("legacy_version", 1..3, format!("{:#06x}", number(1)), "RFC 8446 5.1"),
        field("length", 3..5, number(3).to_string(), "RFC 8446 5.1"),
    ]
}

fn describe(kind: u8, body: &[u8]) -> String {
    match kind {
        CHANGE_CIPHER_SPEC => "change cipher spec".into(),
        ALERT if body.len() == 2 => alert(body[0], body[1]),
        ALERT => "alert, encrypted".into(),
        HANDSHAKE => handshake(body).into(),
        _ => "application data".into(),
    }
}

/// The first message of a handshake record. One that makes no sense as such is encrypted (TLS 1.2).
fn handshake(body: &[u8]) -> &'static str {
    match body {
        [1, 0, ..] => "ClientHello",
        [2, 0, ..] => "ServerHello",
        [4, 0, ..] => "NewSessionTicket",
        [8, 0, ..] => "EncryptedExtensions",
        [11, 0, ..] => "Certificate",
        [12, 0, ..] => "ServerKeyExchange",
        [13, 0, ..] => "CertificateRequest",
        [14, 0, 0, 0] => "ServerHelloDone",
        [15, 0, ..] => "CertificateVerify",
        [16, 0, ..] => "ClientKeyExchange",
        [20, 0, 0, 12] => "Finished",
        _ => "handshake, encrypted",
    }
}

fn alert(level: u8, code: u8) -> String {
    let what = match code {
        0 => "close_notify",
        10 => "unexpected_message",
        20 => "bad_record_mac",
        40 => "handshake_failure",
        42 => "bad_certificate",
        43 => "unsupported_certificate",
        45 => "certificate_expired",
        46 => "certificate_unknown",
        47 => "illegal_parameter",
        48 => "unknown_ca",
        50 => "decode_error",
        51 => "decrypt_error",
        70 => "protocol_version",
        80 => "internal_error",
        112 => "unrecognized_name",
        116 => "certificate_required",
        120 => "no_application_protocol",
        _ => return format!("alert {code} of level {level}"),
    };
    format!("alert {what}")
}
