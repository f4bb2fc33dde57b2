//! Bodies.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

/// Bytes made at once.
const CHUNK: u64 = 16 * 1024;
/// The pattern repeats after this many bytes: a prime, so that no block or segment size hides a shift.
const PERIOD: u64 = 251;

/// The byte at `offset` of what `/bytes/N` gives, for checking it.
pub fn pattern_at(offset: u64) -> u8 {
    (offset % PERIOD) as u8
}

/// So many bytes of the pattern.
pub(super) struct Pattern {
    sent: u64,
    len: u64,
}

impl Pattern {
    pub(super) fn new(len: u64) -> Self {
        Pattern { sent: 0, len }
    }
}

impl Body for Pattern {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let end = self.len.min(self.sent + CHUNK);
        if self.sent == end {
            return Poll::Ready(None);
        }
        let chunk: Vec<u8> = (self.sent..end).map(pattern_at).collect();
        self.sent = end;
        Poll::Ready(Some(Ok(Frame::data(chunk.into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.sent == self.len
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.len - self.sent)
    }
}

/// Gives some bytes and then an error, which breaks the connection or stream.
pub(super) enum BreaksOff {
    /// So many bytes first.
    Bytes(usize),
    /// They must reach the network before the error tears it down: what is pending is flushed.
    Pause,
    /// Breaks.
    Break,
}

impl Body for BreaksOff {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match *self {
            BreaksOff::Bytes(len) => {
                *self = BreaksOff::Pause;
                Poll::Ready(Some(Ok(Frame::data(vec![b'.'; len].into()))))
            }
            BreaksOff::Pause => {
                *self = BreaksOff::Break;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            BreaksOff::Break => Poll::Ready(Some(Err(io::Error::other("breaks off, as it should")))),
        }
    }
}

/// A text worth compressing, 64 KiB and a bit.
pub(super) fn prose() -> String {
    let mut text = String::with_capacity(66_000);
    for line in 0.. {
        if text.len() >= 65_536 {
            break;
        }
        text.push_str(&format!("{line:05} The quick brown fox jumps over the lazy dog.\n"));
    }
    text
}
