//! SYN cookies (RFC 4987 3.6): without room for another half-open connection, what its SYN said goes into the
//! numbers of the SYN-ACK, and comes back with the acknowledgement. Nothing is kept meanwhile.
//!
//! ```text
//! sequence number   [ time mod 32 : 5 ][ MSS class : 3 ][ keyed hash : 24 ]
//! timestamp         [ clock : 27 ][ SACK : 1 ][ window shift, 15 without : 4 ]
//! ```
//!
//! The hash covers both ends, the peer's sequence number, the time and the class, so an acknowledgement can
//! only be that of a SYN-ACK which went to its sender at most 128 s ago. Without timestamps windows are not
//! scaled and nothing is acknowledged selectively. A SYN-ACK that is lost is not sent again; the peer repeats
//! its SYN.

use core::hash::Hasher as _;
use core::time::Duration;

use fathom_record::{FlowId, RecordId, SendReason};
use fathom_wire::{SeqNumber, TcpFlags, TcpHeader, TcpOptions as WireOptions, TcpTimestamps};

use super::{HalfOpen, Progress};
use crate::context::Context;
use crate::packet::Departing;
use crate::slab::Key;
use crate::table::FourTuple;
use crate::transport::tcp::{TcpOptions, isn, options};

/// The unit of a cookie's time.
const PERIOD: Duration = Duration::from_secs(64);
/// How long after the last cookie an acknowledgement may still be that of one.
pub(in crate::transport::tcp) const LIFETIME: Duration = Duration::from_secs(2 * PERIOD.as_secs());

/// The segment sizes that a cookie can tell. A peer's counts as the largest that is not above it: what is
/// common, and the smallest for what is not.
const MSS_CLASSES: [u16; 8] = [216, 536, 1220, 1300, 1360, 1440, 1460, 8960];

/// The bits of a timestamp that tell options.
const STAMP_BITS: u32 = 5;
const STAMP_MASK: u32 = (1 << STAMP_BITS) - 1;
const SACK_BIT: u32 = 1 << 4;
/// In place of a shift: windows are not scaled.
const NO_SHIFT: u32 = 15;

/// The unit in which `now` is.
fn period(cx: &Context<'_>) -> u64 {
    cx.now.as_millis() / PERIOD.as_millis() as u64
}

/// The sequence number that stands for a SYN.
fn sequence_number(
    cx: &Context<'_>,
    tuple: &FourTuple,
    irs: SeqNumber,
    period: u64,
    class: u32,
) -> SeqNumber {
    let hash = cx.random.cookie.secret(|hasher| {
        tuple.with_bytes(|bytes| hasher.write(bytes));
        hasher.write_u32(irs.0);
        hasher.write_u64(period);
        hasher.write_u32(class);
    });
    SeqNumber((period as u32 % 32) << 27 | class << 24 | (hash as u32 & 0xff_ffff))
}

impl HalfOpen {
    /// The SYN-ACK with a cookie in place of this entry; `None` when no cookie can tell the peer's segment
    /// size.
    pub(in crate::transport::tcp) fn into_cookie(
        mut self,
        cx: &mut Context<'_>,
        cause: Option<RecordId>,
    ) -> Option<Departing> {
        let class = MSS_CLASSES.partition_point(|mss| *mss <= self.peer_mss).checked_sub(1)? as u32;
        self.iss = sequence_number(cx, &self.tuple, self.irs, period(cx), class);
        let stamps = self.timestamps.then(|| {
            let TcpTimestamps { value, echo } = self.stamp(cx);
            let shift = self.window_scale.map_or(NO_SHIFT, u32::from);
            let told = shift | if self.sack { SACK_BIT } else { 0 };
            // At most the time it is, so that what follows is not older (RFC 7323 5.3).
            let base = if value & STAMP_MASK < told { value.wrapping_sub(STAMP_MASK + 1) } else { value };
            TcpTimestamps { value: base & !STAMP_MASK | told, echo }
        });
        let shift = self.window_scale.filter(|_| self.timestamps).map(|_| self.shift);
        let options = options::syn_options(self.mss, shift, stamps, self.sack && self.timestamps);
        let flags = TcpFlags::SYN | TcpFlags::ACK;
        Some(self.emit(cx, self.iss, flags, (SendReason::SynAck, cause), options))
    }

    /// The half-open connection whose SYN-ACK, with a cookie, `header` acknowledges; `None` when it
    /// acknowledges no such.
    pub(in crate::transport::tcp) fn from_cookie(
        cx: &Context<'_>,
        listener: Key,
        tuple: FourTuple,
        header: &TcpHeader,
        ours: &TcpOptions,
    ) -> Option<Self> {
        let (iss, irs) = (header.ack - 1, header.seq - 1);
        let class = iss.0 >> 24 & 7;
        let now = period(cx);
        let valid = |period| sequence_number(cx, &tuple, irs, period, class) == iss;
        if !(valid(now) || now > 0 && valid(now - 1)) {
            return None;
        }
        let stamps = header.options.timestamps.filter(|_| ours.timestamps);
        let told = match stamps {
            None => NO_SHIFT,
            Some(stamps) => {
                let clock = (cx.now.as_millis() as u32).wrapping_add(isn::timestamp_offset(cx, &tuple));
                let age = clock.wrapping_sub(stamps.echo);
                // An echo of anything else tells nothing.
                let ours = u128::from(age) <= LIFETIME.as_millis() + u128::from(STAMP_MASK);
                if ours { stamps.echo & STAMP_MASK } else { NO_SHIFT }
            }
        };
        let shift = told & NO_SHIFT;
        let mut syn = TcpHeader { seq: irs, ..TcpHeader::default() };
        syn.options = WireOptions {
            mss: Some(MSS_CLASSES[class as usize]),
            window_scale: (shift != NO_SHIFT).then_some(shift as u8),
            sack_permitted: told & SACK_BIT != 0,
            timestamps: stamps,
            ..WireOptions::default()
        };
        // As if the SYN had come again. What is announced to the peer has been announced already.
        let half_open = HalfOpen::new(cx, listener, FlowId(0), tuple, &syn, ours, (0, None));
        Some(HalfOpen { iss, progress: Progress::Answered, cookie: true, ..half_open })
    }
}
