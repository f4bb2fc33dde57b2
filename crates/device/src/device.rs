//! What every device offers.

use std::fmt::Debug;
use std::io::{self, IoSlice};
use std::os::fd::BorrowedFd;

use bytes::BytesMut;

/// What a device's frames begin with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Medium {
    /// An Ethernet header.
    Ethernet,
    /// An IP header: a frame is an IP packet.
    Ip,
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

    /// The two directions, for two owners.
    fn split(self: Box<Self>) -> (Box<dyn ReceiveHalf>, Box<dyn TransmitHalf>);
}

/// Frames from the device to us.
pub trait ReceiveHalf: Debug + Send + 'static {
    /// Appends the next frame to `buffer`, which grows where it must, and gives its length.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) when no frame is there; wait for [`ReceiveHalf::fd`] to
    /// become readable. Anything else means that the device is gone.
    fn receive(&mut self, buffer: &mut BytesMut) -> io::Result<usize>;

    /// Readable when a frame is there.
    fn fd(&self) -> BorrowedFd<'_>;
}

/// Frames from us to the device.
pub trait TransmitHalf: Debug + Send + 'static {
    /// Sends one frame, whose bytes are those of the slices in order. All of it or nothing.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) when the device has no room: keep the frame and wait for
    /// [`TransmitHalf::fd`] to become writable. [`NetworkDown`](io::ErrorKind::NetworkDown) when the
    /// interface is down: the frame cannot leave. Anything else means that the device is gone.
    fn transmit(&mut self, frame: &[IoSlice<'_>]) -> io::Result<()>;

    /// Writable when the device has room.
    fn fd(&self) -> BorrowedFd<'_>;
}
