//! The check of virtio headers, for the fuzz targets (`fuzz/`). Behind the feature `fuzzing`.

use std::num::NonZeroU16;

use crate::virtio::{LEN, VirtioHeader};
use crate::{Checksum, Contradiction, Medium};

/// What is believed of a frame, and the frame as it is then; the header stands before it.
///
/// # Errors
/// [`Contradiction`].
pub fn check_virtio(
    bytes: &mut [u8],
    medium: Medium,
) -> Result<(Option<NonZeroU16>, Checksum), Contradiction> {
    let Some((header, frame)) = bytes.split_first_chunk_mut::<LEN>() else {
        return Err(Contradiction::NoHeader);
    };
    VirtioHeader::parse(header).check(frame, medium)
}
