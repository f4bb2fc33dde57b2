//! What every device offers.

use std::fmt::Debug;
use std::io::{self, IoSlice};
use std::num::NonZeroU16;
use std::os::fd::BorrowedFd;

use bytes::Bytes;

use crate::Contradiction;

/// What a device's frames begin with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Medium {
    /// An Ethernet header.
    Ethernet,
    /// An IP header: a frame is an IP packet.
    Ip,
}

/// What a device does with the frames that it is given.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Offload {
    /// Completes transport checksums.
    pub checksum: bool,
    /// Cuts TCP super-segments into segments. Only with `checksum`.
    pub tcp_segmentation: bool,
    /// Cuts UDP super-datagrams into datagrams. Only with `checksum`.
    pub udp_segmentation: bool,
}

/// A network interface that carries Ethernet frames or IP packets.
pub trait Device: Debug + Send + 'static {
    /// What its frames begin with.
    fn medium(&self) -> Medium {
        Medium::Ethernet
    }

    /// The largest IP packet that fits one frame, in bytes.
    fn mtu(&self) -> usize;

    /// The link address that this end of the device should use, where the device prescribes one. Without
    /// meaning where frames are IP packets.
    fn address(&self) -> Option<[u8; 6]> {
        None
    }

    /// What it does with frames that are transmitted. Whether it gives super-segments and frames with
    /// unfinished checksums itself, each [`Received`] says.
    fn offload(&self) -> Offload {
        Offload::default()
    }

    /// Has the device move plain frames only, in both directions: each is at most as long as the MTU
    /// allows, with all checksums in place.
    ///
    /// # Errors
    /// When the system refuses.
    fn disable_offload(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// The two directions, for two owners.
    fn split(self: Box<Self>) -> (Box<dyn ReceiveHalf>, Box<dyn TransmitHalf>);
}

/// Frames from the device to us.
pub trait ReceiveHalf: Debug + Send + 'static {
    /// Takes the next frame.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) when no frame is there; wait for [`ReceiveHalf::fd`] to
    /// become readable. Anything else means that the device is gone.
    fn receive(&mut self) -> io::Result<Received>;

    /// Readable when a frame is there.
    fn fd(&self) -> BorrowedFd<'_>;
}

/// What came from a device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Received {
    /// A frame.
    Frame(ReceivedFrame),
    /// A frame that nobody should see, for what was said of it contradicts it. It is gone.
    Refused {
        /// Its length in bytes.
        len: usize,
        /// What is wrong.
        why: Contradiction,
    },
}

/// A frame from a device. What is said of it has been checked against it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReceivedFrame {
    /// The frame.
    pub bytes: Bytes,
    /// For a super-segment: data bytes of each segment but the last.
    pub segment_size: Option<NonZeroU16>,
    /// What is known of its TCP or UDP checksum.
    pub checksum: Checksum,
}

/// What is known of the transport checksum of a frame that was received.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Checksum {
    /// Nothing.
    Unverified,
    /// It was verified.
    Valid,
    /// It was left to the device: the field has the sum of the pseudo-header only. The frame has not left
    /// memory since it was made.
    Partial,
}

/// Frames from us to the device.
pub trait TransmitHalf: Debug + Send + 'static {
    /// Sends one frame. All of it or nothing.
    ///
    /// # Errors
    /// - [`WouldBlock`](io::ErrorKind::WouldBlock) when the device has no room: keep the frame and wait for
    ///   [`TransmitHalf::fd`] to become writable.
    /// - [`NetworkDown`](io::ErrorKind::NetworkDown) when the interface is down,
    ///   [`InvalidInput`](io::ErrorKind::InvalidInput) when the device does not take such a frame, and
    ///   [`OutOfMemory`](io::ErrorKind::OutOfMemory) when the system has none for it: the frame cannot leave,
    ///   and others can.
    /// - Anything else means that the device is gone.
    fn transmit(&mut self, frame: &Frame<'_>) -> io::Result<()>;

    /// Writable when the device has room.
    fn fd(&self) -> BorrowedFd<'_>;
}

/// A frame to transmit.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Its bytes are those of the parts in their order. Where something is left to the device, the headers
    /// up to the transport header are the first part.
    pub parts: &'a [IoSlice<'a>],
    /// For a super-segment that the device is to cut: data bytes of each segment but the last. Only with
    /// `checksum`, and where [`Device::offload`] says so.
    pub segment_size: Option<NonZeroU16>,
    /// What the device is to complete. Only where [`Device::offload`] says so.
    pub checksum: Option<PartialChecksum>,
}

/// A transport checksum that a device completes: it sums everything from `start` and stores the complement
/// `offset` bytes behind it. The field holds the folded sum of the pseudo-header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PartialChecksum {
    /// Where the transport header begins in the frame.
    pub start: u16,
    /// Where in it the field is: 16 for TCP, 6 for UDP.
    pub offset: u16,
}

impl<'a> Frame<'a> {
    /// A frame that is complete.
    pub fn plain(parts: &'a [IoSlice<'a>]) -> Self {
        Frame { parts, segment_size: None, checksum: None }
    }

    /// Bytes of the frame.
    pub fn len(&self) -> usize {
        self.parts.iter().map(|part| part.len()).sum()
    }

    /// Whether the frame has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
