//! One host of each stack, with an Ethernet device that is a queue of frames in memory.
//!
//! Each frame is written once into a contiguous device buffer, and the buffers go round: neither device
//! allocates or clears memory for a frame.

pub(crate) mod fathom;
pub(crate) mod smoltcp;

/// What the devices do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Form {
    /// Packets of 1500 bytes; checksums are made and verified.
    Mtu1500,
    /// Packets of up to 64 KiB; nobody makes or verifies a checksum of TCP.
    SuperSegments,
}

impl Form {
    pub(crate) const ALL: [Form; 2] = [Form::Mtu1500, Form::SuperSegments];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Form::Mtu1500 => "MTU 1500, checksums",
            Form::SuperSegments => "super-segments of 64 KiB, no checksums",
        }
    }
}

/// Bytes of a device buffer: the largest frame.
const BUFFER: usize = 65_535 + 14;
/// Bytes of a device buffer for a frame of an MTU of 1500.
const SMALL_BUFFER: usize = 2048;
