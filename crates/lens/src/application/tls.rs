//! TLS records (RFC 8446 5.1) that begin in a segment.

use std::ops::Range;

use fathom_record::Layer;

use crate::dissect::{View, field};

/// Bytes of a record's header.
const HEADER: usize = 5;
/// Largest record: 2^14 bytes and what encryption adds (RFC 8446 5.2; 2048 in RFC 5246 6.2.3).
const MAX_RECORD: u16 = (1 << 14) + 2048;

const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;

/// Whether `bytes` begin with a record.
pub(super) fn is_record(bytes: &[u8]) -> bool {
    matches!(bytes, [CHANGE_CIPHER_SPEC..=APPLICATION_DATA, 3, 0..=4, high, low, ..]
        if (1..=MAX_RECORD).contains(&u16::from_be_bytes([*high, *low])))
}

/// Each record of the range; the last one may go on in the next segment.
pub(super) fn records(view: &mut View<'_>, mut range: Range<usize>) {
    while !range.is_empty() {
        let bytes = view.bytes(range.clone());
        if !is_record(bytes) {
            return super::data(view, range);
        }
        let len = usize::from(u16::from_be_bytes([bytes[3], bytes[4]]));
        let here = len.min(bytes.len() - HEADER);
        let body = &bytes[HEADER..HEADER + here];
        let mut summary = describe(bytes[0], body);
        summary += &if here < len { format!(" {here} of {len} B") } else { format!(" {len} B") };
        let fields = vec![
            field("type", 0..1, bytes[0].to_string(), "RFC 8446 5.1"),
            field(
                "legacy_version",
                1..3,
                format!("{:#06x}", u16::from_be_bytes([bytes[1], bytes[2]])),
                "RFC 8446 5.1",
            ),
            field("length", 3..5, len.to_string(), "RFC 8446 5.1"),
        ];
        let end = range.start + HEADER + here;
        view.header(Layer::Application, "tls", range.start..end, summary, fields);
        range.start = end;
    }
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
