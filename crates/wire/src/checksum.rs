//! The Internet checksum (RFC 1071), its pseudo-headers and its incremental update (RFC 1624).
//!
//! The sum is taken in the machine's own byte order over 32-bit words widened to 64 bits, in independent
//! lanes that the compiler turns into vector additions, and is folded and put into network order once.

use core::net::IpAddr;

use crate::IpProtocol;

/// A running one's-complement sum over bytes that follow each other.
///
/// It remembers whether an odd number of bytes came before, so a packet may be summed in parts of any
/// length:
///
/// ```
/// use fathom_wire::Checksum;
///
/// let mut parts = Checksum::new();
/// parts.add(b"abc");
/// parts.add(b"defg");
/// let mut whole = Checksum::new();
/// whole.add(b"abcdefg");
/// assert_eq!(parts.finish(), whole.finish());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Checksum {
    /// Sum of 16-bit words in network order; each addition adds less than 2^32, so it never overflows.
    sum: u64,
    /// Whether the next byte is the second one of a word.
    odd: bool,
}

impl Checksum {
    /// The sum of no bytes.
    pub const fn new() -> Self {
        Checksum { sum: 0, odd: false }
    }

    /// Adds the bytes that follow those added so far.
    #[inline]
    pub fn add(&mut self, bytes: &[u8]) {
        self.add_sum(sum(bytes), bytes.len());
    }

    /// Adds a part whose own sum (from [`fold`](Self::fold), as if it began at an even offset) is known,
    /// and which is `len` bytes long. This is how a kept sum of a payload is used again.
    #[inline]
    pub fn add_sum(&mut self, sum: u16, len: usize) {
        let sum = if self.odd { sum.swap_bytes() } else { sum };
        self.sum += u64::from(sum);
        self.odd ^= len % 2 == 1;
    }

    /// Adds the bytes that `following` has summed, as if they followed those added so far.
    #[inline]
    pub fn combine(&mut self, following: &Checksum) {
        self.add_sum(following.fold(), usize::from(following.odd));
    }

    /// Adds the pseudo-header that UDP, TCP and ICMPv6 sum before their own bytes (RFC 9293 3.1,
    /// RFC 768, RFC 8200 8.1). `len` is the number of bytes from the transport header to the end of the
    /// data. To be added first, or after an even number of bytes.
    #[inline]
    pub fn pseudo_header(&mut self, source: IpAddr, destination: IpAddr, protocol: IpProtocol, len: u32) {
        debug_assert!(!self.odd, "the pseudo-header begins at an even offset");
        for address in [source, destination] {
            self.sum += match address {
                IpAddr::V4(address) => u64::from(address.to_bits()),
                IpAddr::V6(address) => {
                    let bits = address.to_bits();
                    (0..4).map(|word| (bits >> (word * 32)) as u32).map(u64::from).sum()
                }
            };
        }
        self.sum += u64::from(len) + u64::from(u8::from(protocol));
    }

    /// The sum folded to 16 bits, not complemented.
    ///
    /// It is 0 only when every byte added was zero; any other sum that is congruent to 0 gives 0xffff.
    #[inline]
    pub const fn fold(&self) -> u16 {
        fold(self.sum)
    }

    /// The value for a checksum field that was summed as zero: the complement of the folded sum.
    #[inline]
    pub const fn finish(&self) -> u16 {
        !self.fold()
    }

    /// As [`finish`](Self::finish), with 0 turned into 0xffff: in UDP a 0 means "no checksum" (RFC 768).
    #[inline]
    pub const fn finish_udp(&self) -> u16 {
        match self.finish() {
            0 => 0xffff,
            checksum => checksum,
        }
    }

    /// Whether the bytes added, their checksum field among them, sum up as they must.
    #[inline]
    pub const fn is_valid(&self) -> bool {
        self.fold() == 0xffff
    }
}

/// The folded, not complemented sum of `bytes` in network order. An odd last byte counts as if a zero
/// byte followed.
#[inline]
pub fn sum(bytes: &[u8]) -> u16 {
    /// 32-bit words summed side by side.
    const LANES: usize = 8;
    let mut lanes = [0u64; LANES];
    let (chunks, rest) = bytes.as_chunks::<{ LANES * 4 }>();
    for chunk in chunks {
        let (words, _) = chunk.as_chunks::<4>();
        for (lane, word) in lanes.iter_mut().zip(words) {
            *lane += u64::from(u32::from_ne_bytes(*word));
        }
    }
    let (words, rest) = rest.as_chunks::<4>();
    let mut total: u64 = words.iter().map(|word| u64::from(u32::from_ne_bytes(*word))).sum();
    let last = match *rest {
        [a, b, c] => [a, b, c, 0],
        [a, b] => [a, b, 0, 0],
        [a] => [a, 0, 0, 0],
        _ => [0; 4],
    };
    total += u64::from(u32::from_ne_bytes(last));
    for lane in lanes {
        // A lane overflows only after 2^32 chunks, which is 128 GiB.
        total += lane & 0xffff_ffff;
        total += lane >> 32;
    }
    // RFC 1071 2(B): the sum is the same in either byte order, up to a swap of the result.
    u16::from_be(fold(total))
}

/// Adds the carries back until 16 bits are left.
const fn fold(sum: u64) -> u16 {
    let sum = (sum >> 32) + (sum & 0xffff_ffff);
    let sum = (sum >> 16) + (sum & 0xffff);
    let sum = (sum >> 16) + (sum & 0xffff);
    let sum = (sum >> 16) + (sum & 0xffff);
    sum as u16
}

/// The checksum after one 16-bit word of the summed bytes changed from `from` to `to` (RFC 1624 3,
/// equation 3: `HC' = ~(~HC + ~m + m')`).
///
/// With `old` = 0xdd2f, `from` = 0x5555 and `to` = 0x3285 (the RFC's example) the result is 0x0000,
/// where the older form of RFC 1141 would give 0xffff.
#[inline]
pub const fn update(old: u16, from: u16, to: u16) -> u16 {
    !fold(!old as u64 + !from as u64 + to as u64)
}

#[cfg(test)]
mod tests;
