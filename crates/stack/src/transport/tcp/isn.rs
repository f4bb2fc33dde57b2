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
