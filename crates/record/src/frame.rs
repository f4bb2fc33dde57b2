//! Frames at an interface's tap point.

use bytes::Bytes;

use crate::InterfaceIndex;

/// Which way a frame passed the tap point, seen from the host that recorded it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// The host received the frame.
    Received,
    /// The host transmitted the frame.
    Transmitted,
}

/// One frame, link header included, as it passed an interface.
///
/// A super-segment is recorded as the frames it is cut into.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FrameRecord {
    /// The interface of the recording host.
    pub interface: InterfaceIndex,
    /// Received or transmitted.
    pub direction: Direction,
    /// The frame's bytes from the first byte of the link header, without frame check sequence.
    pub bytes: Bytes,
}

/// What a link did to a frame it was given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LinkFate {
    /// Delivered once, in order, unchanged.
    Delivered,
    /// Lost by the random or burst loss of the link.
    Lost,
    /// Dropped because the link's queue was full.
    QueueFull,
    /// Larger than the link's MTU.
    TooBig,
    /// Delivered later than frames sent after it.
    Reordered,
    /// Delivered twice.
    Duplicated,
    /// Delivered with a changed bit.
    Corrupted,
    /// Delivered with ECN congestion experienced set.
    Marked,
}
