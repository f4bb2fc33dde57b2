//! The values that TCP options carry.

use arrayvec::ArrayVec;

use super::{AccEcn0Option, AccEcn1Option, SackBlockFixed, TimestampsOption, UserTimeoutOption, kind};
use crate::SeqNumber;

/// Timestamps (RFC 7323 3.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TcpTimestamps {
    /// TSval: the sender's clock.
    pub value: u32,
    /// TSecr: the latest value received from the other side; counts with the ACK flag.
    pub echo: u32,
}

impl TcpTimestamps {
    #[inline]
    pub(super) fn from_bytes(option: &[u8; TimestampsOption::LEN]) -> Self {
        let TimestampsOption { value, echo, .. } = TimestampsOption::from_bytes(option);
        TcpTimestamps { value, echo }
    }

    #[inline]
    pub(super) fn to_bytes(self) -> [u8; TimestampsOption::LEN] {
        let TcpTimestamps { value, echo } = self;
        let length = TimestampsOption::LEN as u8;
        TimestampsOption { kind: kind::TIMESTAMPS, length, value, echo }.to_bytes()
    }
}

/// A range of sequence numbers that arrived (RFC 2018 3). As on the wire: nothing is known of its order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SackBlock {
    /// The first one.
    pub left: SeqNumber,
    /// The one after the last.
    pub right: SeqNumber,
}

impl SackBlock {
    pub(super) fn from_bytes(block: &[u8; SackBlockFixed::LEN]) -> Self {
        let SackBlockFixed { left, right } = SackBlockFixed::from_bytes(block);
        SackBlock { left: SeqNumber(left), right: SeqNumber(right) }
    }

    pub(super) fn to_bytes(self) -> [u8; SackBlockFixed::LEN] {
        SackBlockFixed { left: self.left.0, right: self.right.0 }.to_bytes()
    }
}

/// A Fast Open cookie of 4 to 16 bytes, an even number of them; without bytes it requests one
/// (RFC 7413 4.1.1).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FastOpenCookie(ArrayVec<u8, 16>);

impl FastOpenCookie {
    /// The request for a cookie.
    pub fn request() -> Self {
        Self::default()
    }

    /// A cookie of these bytes; `None` when there are not 0, 4, 6, … 16 of them.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let possible = matches!(bytes.len(), 0 | 4 | 6 | 8 | 10 | 12 | 14 | 16);
        possible.then(|| FastOpenCookie(bytes.iter().copied().collect()))
    }

    /// Whether it requests a cookie instead of being one.
    pub fn is_request(&self) -> bool {
        self.0.is_empty()
    }

    /// The cookie's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The order of the counters in an accurate ECN option (RFC 9768 3.2.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AccEcnOrder {
    /// Kind 172: ECT(0), CE, ECT(1).
    Ect0First,
    /// Kind 174: ECT(1), CE, ECT(0).
    Ect1First,
}

/// An accurate ECN option: the low 24 bits of counters of bytes received with each ECN mark. Trailing
/// counters may be missing (RFC 9768 3.2.3).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AccEcnOption {
    /// Which counter comes first.
    pub order: AccEcnOrder,
    /// The counters in the order sent, 24 bits each.
    pub counters: ArrayVec<u32, 3>,
}

impl AccEcnOption {
    /// Bytes received marked ECT(0), if the option says.
    pub fn ect0_bytes(&self) -> Option<u32> {
        self.counters.get(if self.order == AccEcnOrder::Ect0First { 0 } else { 2 }).copied()
    }

    /// Bytes received marked CE, if the option says.
    pub fn ce_bytes(&self) -> Option<u32> {
        self.counters.get(1).copied()
    }

    /// Bytes received marked ECT(1), if the option says.
    pub fn ect1_bytes(&self) -> Option<u32> {
        self.counters.get(if self.order == AccEcnOrder::Ect1First { 0 } else { 2 }).copied()
    }

    /// Reads as many whole counters as the option of either kind has; what is left over is ignored (RFC 9768
    /// 3.2.3.1).
    pub(super) fn parse(option: &[u8]) -> Self {
        let mut whole = [0; AccEcn0Option::LEN];
        let present = option.len().min(whole.len());
        whole[..present].copy_from_slice(&option[..present]);
        let (order, counters) = if whole[0] == kind::ACC_ECN_0 {
            let option = AccEcn0Option::from_bytes(&whole);
            (AccEcnOrder::Ect0First, [option.ect0_bytes, option.ce_bytes, option.ect1_bytes])
        } else {
            let option = AccEcn1Option::from_bytes(&whole);
            (AccEcnOrder::Ect1First, [option.ect1_bytes, option.ce_bytes, option.ect0_bytes])
        };
        let count = present.saturating_sub(2) / COUNTER;
        AccEcnOption { order, counters: counters.into_iter().take(count).collect() }
    }

    pub(super) fn to_bytes(&self) -> ArrayVec<u8, { AccEcn0Option::LEN }> {
        let counter = |i: usize| self.counters.get(i).copied().unwrap_or_default();
        let length = (2 + self.counters.len() * COUNTER) as u8;
        let whole = match self.order {
            AccEcnOrder::Ect0First => AccEcn0Option {
                kind: kind::ACC_ECN_0,
                length,
                ect0_bytes: counter(0),
                ce_bytes: counter(1),
                ect1_bytes: counter(2),
            }
            .to_bytes(),
            AccEcnOrder::Ect1First => AccEcn1Option {
                kind: kind::ACC_ECN_1,
                length,
                ect1_bytes: counter(0),
                ce_bytes: counter(1),
                ect0_bytes: counter(2),
            }
            .to_bytes(),
        };
        whole.into_iter().take(length.into()).collect()
    }
}

/// Bytes of a counter in an accurate ECN option.
const COUNTER: usize = 3;

/// How long the sender of the option lets data go unacknowledged before it gives up (RFC 5482 3), up to
/// 32767 of its unit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UserTimeout {
    /// Granularity bit clear.
    Seconds(u16),
    /// Granularity bit set.
    Minutes(u16),
}

impl UserTimeout {
    pub(super) fn from_bytes(option: &[u8; UserTimeoutOption::LEN]) -> Self {
        let UserTimeoutOption { minutes, timeout, .. } = UserTimeoutOption::from_bytes(option);
        if minutes { UserTimeout::Minutes(timeout) } else { UserTimeout::Seconds(timeout) }
    }

    pub(super) fn to_bytes(self) -> [u8; UserTimeoutOption::LEN] {
        let (minutes, timeout) = match self {
            UserTimeout::Seconds(timeout) => (false, timeout),
            UserTimeout::Minutes(timeout) => (true, timeout),
        };
        let length = UserTimeoutOption::LEN as u8;
        UserTimeoutOption { kind: kind::USER_TIMEOUT, length, minutes, timeout }.to_bytes()
    }

    /// The timeout in seconds.
    pub const fn as_secs(self) -> u32 {
        match self {
            UserTimeout::Seconds(time) => time as u32,
            UserTimeout::Minutes(time) => time as u32 * 60,
        }
    }
}
