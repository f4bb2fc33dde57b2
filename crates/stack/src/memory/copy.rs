//! Copies of payload.
//!
//! Some C libraries copy more than 2 KiB with `rep movsb`, which on several processors falls to a twentieth of
//! its speed when the destination lies just above the source within a page; everywhere else it is the fastest
//! way there is. So what lies unfavourably is copied in pieces.

use bytes::BytesMut;

/// Bytes copied at once where source and destination lie unfavourably.
const PIECE: usize = 2048;
const PAGE: usize = 4096;
/// How far above the source, within a page, the destination is unfavourable.
const UNFAVOURABLE: core::ops::Range<usize> = 1..64;

/// Copies `from` to `to`, which are of the same length.
pub(crate) fn copy(from: &[u8], to: &mut [u8]) {
    if from.len() <= PIECE || !is_unfavourable(from.as_ptr(), to.as_ptr()) {
        return to.copy_from_slice(from);
    }
    for (from, to) in from.chunks(PIECE).zip(to.chunks_mut(PIECE)) {
        to.copy_from_slice(from);
    }
}

/// Appends a copy of `data` to `out`.
#[inline]
pub(crate) fn append_copy(out: &mut BytesMut, data: &[u8]) {
    out.reserve(data.len());
    if data.len() <= PIECE || !is_unfavourable(data.as_ptr(), out.spare_capacity_mut().as_ptr().cast()) {
        return out.extend_from_slice(data);
    }
    for part in data.chunks(PIECE) {
        out.extend_from_slice(part);
    }
}

fn is_unfavourable(from: *const u8, to: *const u8) -> bool {
    UNFAVOURABLE.contains(&(to.addr().wrapping_sub(from.addr()) % PAGE))
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn every_byte_is_copied_wherever_source_and_destination_lie() {
        let source: Vec<u8> = (0..3 * PAGE).map(|i| (i % 251) as u8).collect();
        let mut target = vec![0; 3 * PAGE];
        for offset in [0, 1, 2, 63, 64, 65, PAGE - 1, PAGE] {
            for len in [0, 1, PIECE, PIECE + 1, 2 * PAGE - 1] {
                target.fill(0);
                copy(&source[..len], &mut target[offset..offset + len]);
                assert_eq!(target[offset..offset + len], source[..len]);
                assert!(target[..offset].iter().chain(&target[offset + len..]).all(|byte| *byte == 0));
                let mut out = BytesMut::from(&target[..offset]);
                append_copy(&mut out, &source[..len]);
                assert_eq!((&out[..offset], &out[offset..]), (&target[..offset], &source[..len]));
            }
        }
    }

    #[test]
    fn unfavourable_is_just_above_within_a_page() {
        let (page, at) = ([0_u8; 1], |base: &[u8; 1], offset: usize| base.as_ptr().wrapping_add(offset));
        let table = [(0, false), (1, true), (63, true), (64, false), (PAGE - 1, false), (PAGE + 1, true)];
        for (offset, expected) in table {
            assert_eq!(is_unfavourable(at(&page, 0), at(&page, offset)), expected, "{offset}");
        }
    }
}
