//! Faults that are planted in a world itself, to see that its checks find them.

use bytes::{Bytes, BytesMut};
use fathom_stack::Readiness;

/// A planted fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tamper {
    /// The link changes data of TCP segments, and puts the checksum right again.
    ChangesData,
    /// Programs do not hear of this.
    Deafens(Readiness),
}

impl Tamper {
    /// A frame as it arrives.
    pub(crate) fn frame(self, frame: Bytes, link_len: usize) -> Bytes {
        let Tamper::ChangesData = self else { return frame };
        let packet = &frame[link_len..];
        let (start, is_tcp) = match packet.first().map(|first| first >> 4) {
            Some(4) if packet.len() > 40 => (usize::from(packet[0] & 0xf) * 4, packet[9] == 6),
            Some(6) if packet.len() > 60 => (40, packet[6] == 6),
            _ => return frame,
        };
        let data = start + usize::from(packet[start + 12] >> 4) * 4;
        if !is_tcp || data >= packet.len() {
            return frame;
        }
        let mut out = BytesMut::from(&frame[..]);
        let (at, field) = (link_len + data, link_len + start + 16);
        let word =
            |out: &BytesMut, at: usize| u16::from_be_bytes([out[at], out.get(at + 1).copied().unwrap_or(0)]);
        let before = word(&out, at);
        out[at] ^= 0x55;
        let after = word(&out, at);
        let sum = fathom_wire::checksum::update(word(&out, field), before, after);
        out[field..field + 2].copy_from_slice(&sum.to_be_bytes());
        out.freeze()
    }

    /// Whether programs are not told.
    pub(crate) fn loses(self, readiness: Readiness) -> bool {
        matches!(self, Tamper::Deafens(of) if readiness.intersects(of))
    }
}
