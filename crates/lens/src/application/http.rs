//! HTTP/1 and HTTP/2 in the clear (RFC 9112, RFC 9113).

use std::ops::Range;

use fathom_record::Layer;

use super::printable;
use crate::dissect::{View, field};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Bytes of a frame's header (RFC 9113 4.1).
const FRAME_HEADER: usize = 9;
/// Payload that a frame may have unless the receiver said otherwise (RFC 9113 4.2).
const MAX_FRAME: usize = 1 << 14;
/// Characters of a first line that are shown.
const LINE: usize = 100;

pub(super) fn is_http1(bytes: &[u8]) -> bool {
    const STARTS: [&[u8]; 10] = [
        b"GET ",
        b"HEAD ",
        b"POST ",
        b"PUT ",
        b"DELETE ",
        b"CONNECT ",
        b"OPTIONS ",
        b"TRACE ",
        b"PATCH ",
        b"HTTP/1.",
    ];
    STARTS.iter().any(|start| bytes.starts_with(start))
}

/// A head that begins in this segment: its first line.
pub(super) fn http1(view: &mut View<'_>, range: Range<usize>) {
    let bytes = view.bytes(range.clone());
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii_end();
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").map_or(bytes.len(), |at| at + 4);
    let first_line = field("start_line", 0..line.len(), printable(line, LINE), "RFC 9112 2.1");
    let head = range.start..range.start + end;
    view.header(Layer::Application, "http", head, printable(line, LINE), vec![first_line]);
    super::data(view, range.start + end..range.end);
}

/// Whether `bytes` begin with the preface, or are whole HTTP/2 frames throughout.
pub(super) fn is_http2(bytes: &[u8]) -> bool {
    if bytes.starts_with(PREFACE) {
        return true;
    }
    let mut rest = bytes;
    while let Some(frame) = Frame::parse(rest) {
        rest = &rest[FRAME_HEADER + frame.len..];
        if rest.is_empty() {
            return true;
        }
    }
    false
}

pub(super) fn http2(view: &mut View<'_>, mut range: Range<usize>) {
    if view.bytes(range.clone()).starts_with(PREFACE) {
        let end = range.start + PREFACE.len();
        view.header(Layer::Application, "h2", range.start..end, "connection preface".into(), Vec::new());
        range.start = end;
    }
    while !range.is_empty() {
        let bytes = view.bytes(range.clone());
        let Some(frame) = Frame::parse(bytes) else { return super::data(view, range) };
        let fields = vec![
            field("length", 0..3, frame.len.to_string(), "RFC 9113 4.1"),
            field("type", 3..4, frame.kind.to_string(), "RFC 9113 4.1"),
            field("flags", 4..5, format!("{:#04x}", frame.flags), "RFC 9113 4.1"),
            field("stream_identifier", 5..9, frame.stream.to_string(), "RFC 9113 4.1"),
        ];
        let end = range.start + FRAME_HEADER + frame.len;
        view.header(Layer::Application, "h2", range.start..end, frame.describe(), fields);
        range.start = end;
    }
}

struct Frame {
    len: usize,
    kind: u8,
    flags: u8,
    stream: u32,
}

impl Frame {
    /// A frame of a known type that is whole.
    fn parse(bytes: &[u8]) -> Option<Frame> {
        let [a, b, c, kind, flags, stream @ ..] = *bytes.first_chunk::<FRAME_HEADER>()?;
        let len = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        let stream = u32::from_be_bytes(stream);
        let plausible =
            len <= MAX_FRAME && kind <= 9 && stream >> 31 == 0 && bytes.len() >= FRAME_HEADER + len;
        plausible.then_some(Frame { len, kind, flags, stream })
    }

    fn describe(&self) -> String {
        const NAMES: [&str; 10] = [
            "DATA",
            "HEADERS",
            "PRIORITY",
            "RST_STREAM",
            "SETTINGS",
            "PUSH_PROMISE",
            "PING",
            "GOAWAY",
            "WINDOW_UPDATE",
            "CONTINUATION",
        ];
        const ACK_OR_END_STREAM: u8 = 1;
        let mut text = NAMES.get(usize::from(self.kind)).copied().unwrap_or("frame").to_owned();
        if self.stream != 0 {
            text += &format!(" stream {}", self.stream);
        }
        if self.flags & ACK_OR_END_STREAM != 0 {
            match self.kind {
                0 | 1 => text += " end_stream",
                4 | 6 => text += " ack",
                _ => {}
            }
        }
        text + &format!(" {} B", self.len)
    }
}
