//! Frames that arrived.

use alloc::vec::Vec;
use core::num::NonZeroU16;

use bytes::Bytes;
use fathom_record::RecordId;

/// What the device knows of the transport checksum of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ReceivedChecksum {
    /// Nothing: the stack verifies it.
    #[default]
    Unverified,
    /// The device has verified it.
    Valid,
    /// The sender left it to its device, and the frame never left memory: the field holds only the sum of the
    /// pseudo-header. There is nothing to verify.
    Partial,
}

/// One received frame, or a super-segment that the device made from several.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    /// The bytes from the first byte of the link header (or of the IP header, on an IP medium), without
    /// frame check sequence.
    pub bytes: Bytes,
    /// For a super-segment: data bytes of each segment but the last.
    pub segment_size: Option<NonZeroU16>,
    /// What the device knows of the transport checksum.
    pub checksum: ReceivedChecksum,
    /// The record that explains the frame, where its sender records too (hosts of one world do).
    pub cause: Option<RecordId>,
}

impl Frame {
    /// A plain frame of which nothing else is known.
    pub fn new(bytes: Bytes) -> Self {
        Frame { bytes, segment_size: None, checksum: ReceivedChecksum::Unverified, cause: None }
    }
}

impl From<Bytes> for Frame {
    fn from(bytes: Bytes) -> Self {
        Frame::new(bytes)
    }
}

/// Frames that arrived together, in the order of their arrival.
///
/// All of them are handled before any acknowledgement leaves, so the larger the batch, the fewer of those.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Batch(pub Vec<Frame>);

impl Batch {
    /// An empty batch.
    pub const fn new() -> Self {
        Batch(Vec::new())
    }

    /// Adds a frame behind the others.
    pub fn push(&mut self, frame: impl Into<Frame>) {
        self.0.push(frame.into());
    }

    /// How many frames there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Frame> for Batch {
    fn from_iter<I: IntoIterator<Item = Frame>>(frames: I) -> Self {
        Batch(frames.into_iter().collect())
    }
}
