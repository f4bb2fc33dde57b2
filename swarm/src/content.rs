//! What is transferred: bytes that follow from their place, so that a wrong one is known for what it is
//! without keeping the right ones.

/// A stream of bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Content {
    key: u64,
}

impl Content {
    /// The stream of this name.
    pub(crate) fn new(name: u64) -> Content {
        Content { key: name.wrapping_mul(0x9e37_79b9_7f4a_7c15) }
    }

    /// The eight bytes of a place, counted in eights.
    fn word(self, place: u64) -> [u8; 8] {
        let mixed = (place ^ self.key).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ (mixed >> 29)).to_le_bytes()
    }

    /// Writes the bytes from `position` on.
    pub(crate) fn fill(self, position: u64, out: &mut [u8]) {
        let mut at = position;
        let mut rest = out;
        while !rest.is_empty() {
            let word = self.word(at / 8);
            let skip = (at % 8) as usize;
            let len = rest.len().min(8 - skip);
            let (now, later) = rest.split_at_mut(len);
            now.copy_from_slice(&word[skip..skip + len]);
            at += len as u64;
            rest = later;
        }
    }

    /// The place of the first byte that is not what it should be.
    pub(crate) fn first_wrong(self, position: u64, bytes: &[u8]) -> Option<u64> {
        let mut at = position;
        let mut rest = bytes;
        while !rest.is_empty() {
            let word = self.word(at / 8);
            let skip = (at % 8) as usize;
            let len = rest.len().min(8 - skip);
            if rest[..len] != word[skip..skip + len] {
                let wrong = (0..len).find(|index| rest[*index] != word[skip + index]).unwrap_or(0);
                return Some(at + wrong as u64);
            }
            at += len as u64;
            rest = &rest[len..];
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_the_same_however_it_is_cut_and_a_wrong_byte_is_found() {
        let content = Content::new(7);
        let mut whole = [0; 100];
        content.fill(3, &mut whole);
        for cut in 0..100 {
            let mut parts = [0; 100];
            content.fill(3, &mut parts[..cut]);
            content.fill(3 + cut as u64, &mut parts[cut..]);
            assert_eq!(parts, whole);
            assert_eq!(content.first_wrong(3 + cut as u64, &whole[cut..]), None);
            parts[cut] ^= 1;
            assert_eq!(content.first_wrong(3, &parts), Some(3 + cut as u64));
        }
        assert!(content.first_wrong(4, &whole).is_some(), "shifted by one");
    }
}
