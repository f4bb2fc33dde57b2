//! One frame per system call, on any descriptor that keeps message boundaries.

use std::io::{self, IoSlice};
use std::os::fd::AsFd;

use bytes::{BufMut, BytesMut};

/// Reads one frame behind what `buffer` holds.
///
/// `largest` is the length of the longest frame that can come; without room for it the kernel would cut
/// the frame off silently.
pub(crate) fn read_frame(fd: impl AsFd, largest: usize, buffer: &mut BytesMut) -> io::Result<usize> {
    buffer.reserve(largest);
    let (frame, _) = rustix::io::read(fd, buffer.spare_capacity_mut())?;
    let len = frame.len();
    advance(buffer, len);
    Ok(len)
}

#[allow(unsafe_code)]
fn advance(buffer: &mut BytesMut, len: usize) {
    // SAFETY: `read` gave back the first `len` bytes of the spare capacity as initialized, and nothing
    // else has touched the buffer since.
    unsafe { buffer.advance_mut(len) }
}

/// Writes one frame, gathered from `slices`.
pub(crate) fn write_frame(fd: impl AsFd, slices: &[IoSlice<'_>]) -> io::Result<()> {
    let len: usize = slices.iter().map(|slice| slice.len()).sum();
    let written = rustix::io::writev(fd, slices)?;
    if written != len {
        return Err(io::Error::new(
            io::ErrorKind::WriteZero,
            format!("the device took {written} of {len} bytes of a frame"),
        ));
    }
    Ok(())
}
