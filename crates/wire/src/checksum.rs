//! The Internet checksum (RFC 1071), its pseudo-headers and its incremental update (RFC 1624).
//!
//! The sum is taken in the machine's own byte order over 32-bit words, in independent lanes that the compiler
//! turns into vector additions, and is folded and put into network order once.

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
// One copy for all: a frame passes here four times, and its way is long enough for the instruction cache.
#[inline(never)]
pub fn sum(bytes: &[u8]) -> u16 {
    let (total, rest) = if bytes.len() < LONG { (0, bytes) } else { sum_chunks(bytes) };
    let (pairs, rest) = rest.as_chunks::<8>();
    // The carries go where the machine has them: into the upper half.
    let pairs = pairs.iter().fold(0_u128, |sum, pair| sum + u128::from(u64::from_ne_bytes(*pair)));
    let (low, carries) = (pairs as u64, (pairs >> 64) as u64);
    let mut total = total + (low & 0xffff_ffff) + (low >> 32) + carries;
    let (words, rest) = rest.as_chunks::<4>();
    if let [word] = words {
        total += u64::from(u32::from_ne_bytes(*word));
    }
    let last = match *rest {
        [a, b, c] => [a, b, c, 0],
        [a, b] => [a, b, 0, 0],
        [a] => [a, 0, 0, 0],
        _ => [0; 4],
    };
    // RFC 1071 2(B): the sum is the same in either byte order, up to a swap of the result.
    u16::from_be(fold(total + u64::from(u32::from_ne_bytes(last))))
}

/// Bytes of which the machine's words are summed side by side.
const CHUNK: usize = 64;
/// Fewer bytes are summed one word after the other.
const LONG: usize = 2 * CHUNK;
/// Chunks after which the lanes are emptied, so that they cannot overflow.
const CHUNKS_AT_ONCE: usize = 1 << 15;

/// The sum of all whole chunks, and the bytes behind them.
///
/// A lane of 32 bits takes two sums at once: `all` adds the words and lets the carries go, `high` adds their
/// upper halves. The sum of the lower halves is what `all` has beside `high` shifted up, exactly, since
/// 2^15 of them stay below 2^32: 0xffff + 0xffff_0001 = 0x0001_0000_0000 leaves 0 in `all` and 0xffff in
/// `high`, and 0 - 0xffff_0000 = 0x0001_0000 = 0xffff + 0x0001.
fn sum_chunks(bytes: &[u8]) -> (u64, &[u8]) {
    const LANES: usize = CHUNK / 4;
    let (chunks, rest) = bytes.as_chunks::<CHUNK>();
    let mut total = 0;
    for block in chunks.chunks(CHUNKS_AT_ONCE) {
        let (mut all, mut high) = ([0_u32; LANES], [0_u32; LANES]);
        for chunk in block {
            let (words, _) = chunk.as_chunks::<4>();
            for ((all, high), word) in all.iter_mut().zip(&mut high).zip(words) {
                let word = u32::from_ne_bytes(*word);
                *all = all.wrapping_add(word);
                *high += word >> 16;
            }
        }
        for (all, high) in all.into_iter().zip(high) {
            total += u64::from(all.wrapping_sub(high << 16)) + u64::from(high);
        }
    }
    (total, rest)
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
