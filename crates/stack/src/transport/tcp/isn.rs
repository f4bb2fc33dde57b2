//! Initial sequence numbers (RFC 6528) and timestamp offsets (RFC 7323 5.4).

use core::hash::Hasher as _;

use fathom_wire::SeqNumber;

use crate::context::Context;
use crate::table::FourTuple;

/// What is added to the last sequence number of a connection in TIME-WAIT when its tuple is used again:
/// more than the largest jump that the clock could have missed (RFC 6191 2 leaves the choice).
const REUSE_STEP: u32 = 128 << 10;

/// ISN = M + F(tuple, secret): M ticks every 4 µs, F is a keyed hash (RFC 6528 3). For one tuple it grows
/// with time; of other tuples it says nothing.
///
/// After a connection of the same tuple in TIME-WAIT it is also beyond `after`, what that one had sent, so
/// that the peer takes the SYN for a new one whatever the clock says.
pub(super) fn initial(cx: &Context<'_>, tuple: &FourTuple, after: Option<SeqNumber>) -> SeqNumber {
    let clock = (cx.now.as_micros() / 4) as u32;
    let hash = cx.random.isn.secret(|hasher| tuple.with_bytes(|bytes| hasher.write(bytes))) as u32;
    let isn = SeqNumber(clock.wrapping_add(hash));
    #[cfg(test)]
    let isn = isn + cx.random.isn_offset;
    match after.map(|nxt| nxt + REUSE_STEP) {
        Some(least) if isn.lt(least) => least,
        _ => isn,
    }
}

/// What is added to the clock to make the timestamps of a connection. The same for one tuple at all times,
/// so that a connection that takes the place of another goes on with newer timestamps.
pub(super) fn timestamp_offset(cx: &Context<'_>, tuple: &FourTuple) -> u32 {
    cx.random.timestamp.secret(|hasher| tuple.with_bytes(|bytes| hasher.write(bytes))) as u32
}

#[cfg(test)]
mod tests {
    use core::net::SocketAddr;
    use std::collections::HashSet;
    use std::vec::Vec;

    use super::*;
    use crate::random::Seed;
    use crate::{Config, Stack};

    fn tuple(local: &str, remote: &str) -> FourTuple {
        let ends: [SocketAddr; 2] = [local, remote].map(|end| end.parse().unwrap());
        FourTuple::new(ends[0], ends[1])
    }

    fn at(stack: &mut Stack, micros: u64, tuple: &FourTuple) -> u32 {
        let parts = stack.parts(fathom_wire::Instant::from_micros(micros));
        initial(&parts.cx, tuple, None).0
    }

    #[test]
    fn every_part_of_the_tuple_and_the_secret_of_the_boot_change_the_number() {
        let ends = [
            ("10.0.0.1:80", "10.0.0.2:5000"),
            ("10.0.0.3:80", "10.0.0.2:5000"),
            ("10.0.0.1:81", "10.0.0.2:5000"),
            ("10.0.0.1:80", "10.0.0.4:5000"),
            ("10.0.0.1:80", "10.0.0.2:5001"),
            ("10.0.0.2:5000", "10.0.0.1:80"),
        ];
        let mut numbers = Vec::new();
        for seed in 0..50 {
            let mut stack = Stack::new(Config::default(), Seed::from_u64(seed));
            for (local, remote) in ends {
                let tuple = tuple(local, remote);
                numbers.push(at(&mut stack, 0, &tuple));
                // The timestamps' offset has a secret of its own.
                let parts = stack.parts(fathom_wire::Instant::ZERO);
                numbers.push(timestamp_offset(&parts.cx, &tuple));
            }
        }
        let distinct: HashSet<u32> = numbers.iter().copied().collect();
        // RFC6528-R1, RFC6528-R2, RFC7323-R23, RFC9293-MUST-9, RFC9293-X-15
        assert_eq!(distinct.len(), numbers.len());
        let high_bits: HashSet<u32> = numbers.iter().map(|number| number >> 27).collect();
        assert_eq!(high_bits.len(), 32, "they lie everywhere");
    }

    #[test]
    fn the_numbers_of_a_tuple_tick_every_four_microseconds() {
        let mut stack = Stack::new(Config::default(), Seed::from_u64(1));
        let tuple = tuple("10.0.0.1:80", "10.0.0.2:5000");
        let first = at(&mut stack, 0, &tuple);
        for (micros, ticks) in [(3, 0), (4, 1), (1_000_000, 250_000), (4 << 32, 0), ((4 << 32) + 8, 2)] {
            // RFC9293-MUST-8, RFC9293-SHLD-1
            assert_eq!(at(&mut stack, micros, &tuple).wrapping_sub(first), ticks, "{micros}");
        }
    }

    #[test]
    fn after_a_connection_in_time_wait_the_number_is_beyond_it_by_more_than_64_kib() {
        let mut stack = Stack::new(Config::default(), Seed::from_u64(1));
        let tuple = tuple("10.0.0.1:80", "10.0.0.2:5000");
        let parts = stack.parts(fathom_wire::Instant::ZERO);
        let by_itself = initial(&parts.cx, &tuple, None);
        for ahead in [0, 1, 1000, 1 << 30] {
            let nxt = by_itself + ahead;
            assert!(initial(&parts.cx, &tuple, Some(nxt)).gt(nxt + (64 << 10)), "{ahead}");
        }
        // Where the clock is beyond it anyway, it stays.
        assert_eq!(initial(&parts.cx, &tuple, Some(by_itself - (1 << 30))), by_itself);
    }
}
