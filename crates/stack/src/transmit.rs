//! Frames to transmit.

use alloc::vec::Vec;
use core::num::NonZeroU16;

use arrayvec::ArrayVec;
use bytes::{BufMut, Bytes, BytesMut};
use fathom_record::RecordId;
use fathom_wire::Instant;

use crate::memory::append_copy;
use crate::packet::{MAX_SHORT_DATA, MAX_SLICES};

/// Most bytes of link, IP and transport header together (18 + 60 + 60 = 138 for Ethernet with a tag, IPv4 and
/// TCP with all their options), and of data that is short enough to travel with them.
pub const MAX_HEADERS: usize = 144 + MAX_SHORT_DATA;

/// What is left to the device of a frame's transport checksum.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TransmitChecksum {
    /// Nothing: the checksum is in place.
    Complete,
    /// Sum everything from `start`, and store the complement `offset` bytes behind it. The field holds the
    /// folded sum of the pseudo-header.
    Partial {
        /// Offset of the transport header from the first byte of the frame.
        start: u16,
        /// Offset of the checksum field within the transport header.
        offset: u16,
    },
}

/// A frame to transmit, owned and complete: headers and then the slices.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transmit {
    /// Link, IP and transport header, and the data where it is short.
    pub headers: ArrayVec<u8, MAX_HEADERS>,
    /// Other data, as slices of the memory that it was written to.
    pub slices: ArrayVec<Bytes, MAX_SLICES>,
    /// For a super-segment that the device is to cut: data bytes of each segment but the last. Only on
    /// interfaces whose [`Offload`](crate::Offload) says so.
    pub segment_size: Option<NonZeroU16>,
    /// What is left to the device of the transport checksum.
    pub checksum: TransmitChecksum,
    /// When it should leave: not after now, unless the device paces.
    pub departure: Instant,
    /// The record of this frame, when recording is on: whatever becomes of the frame can name it as cause.
    pub cause: Option<RecordId>,
}

impl Transmit {
    /// Bytes of the frame.
    pub fn len(&self) -> usize {
        self.headers.len() + self.payload_len()
    }

    /// Whether the frame has no bytes; a frame of the stack has some.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes behind the headers.
    pub fn payload_len(&self) -> usize {
        self.slices.iter().map(Bytes::len).sum()
    }

    /// Writes the frame to the start of `out` and gives its length; `None` when `out` is too short.
    pub fn write_to(&self, out: &mut [u8]) -> Option<usize> {
        let len = self.len();
        let mut rest = out.get_mut(..len)?;
        rest.put_slice(&self.headers);
        for slice in &self.slices {
            rest.put_slice(slice);
        }
        Some(len)
    }

    /// The frame in one piece. Copies it.
    pub fn to_bytes(&self) -> Bytes {
        let mut bytes = BytesMut::with_capacity(self.len());
        self.append_to(&mut bytes);
        bytes.freeze()
    }

    /// Appends the frame to `out`.
    pub(crate) fn append_to(&self, out: &mut BytesMut) {
        for part in self.parts() {
            append_copy(out, part);
        }
    }

    /// The parts of the frame in their order, for a vectored write.
    pub fn parts(&self) -> impl Iterator<Item = &[u8]> {
        core::iter::once(self.headers.as_slice()).chain(self.slices.iter().map(|slice| slice.as_ref()))
    }
}

/// What is to be known of a frame that [`Stack::poll_transmit_into`](crate::Stack::poll_transmit_into) has
/// written, as in [`Transmit`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Written {
    /// Bytes of the frame.
    pub len: usize,
    /// For a super-segment that the device is to cut: data bytes of each segment but the last.
    pub segment_size: Option<NonZeroU16>,
    /// What is left to the device of the transport checksum.
    pub checksum: TransmitChecksum,
    /// When it should leave: not after now, unless the device paces.
    pub departure: Instant,
    /// The record of this frame, when recording is on.
    pub cause: Option<RecordId>,
}

impl From<&Transmit> for Vec<u8> {
    fn from(transmit: &Transmit) -> Self {
        let mut bytes = Vec::with_capacity(transmit.len());
        for part in transmit.parts() {
            bytes.extend_from_slice(part);
        }
        bytes
    }
}
