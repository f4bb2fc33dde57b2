//! The values that TCP options carry.

use arrayvec::ArrayVec;

use super::kind;
use crate::SeqNumber;

/// Timestamps (RFC 7323 3.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TcpTimestamps {
    /// TSval: the sender's clock.
    pub value: u32,
    /// TSecr: the latest value received from the other side; counts with the ACK flag.
    pub echo: u32,
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
    pub(super) fn from_bytes([a, b, c, d, e, f, g, h]: [u8; 8]) -> Self {
        SackBlock {
            left: SeqNumber(u32::from_be_bytes([a, b, c, d])),
            right: SeqNumber(u32::from_be_bytes([e, f, g, h])),
        }
    }

    pub(super) fn to_bytes(self) -> [u8; 8] {
        (u64::from(self.left.0) << 32 | u64::from(self.right.0)).to_be_bytes()
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

    /// Reads as many whole counters as there are; what is left over is ignored (RFC 9768 3.2.3.1).
    pub(super) fn parse(order: AccEcnOrder, data: &[u8]) -> Self {
        let (counters, _) = data.as_chunks::<3>();
        let counters = counters.iter().take(3).map(|&[a, b, c]| u32::from_be_bytes([0, a, b, c])).collect();
        AccEcnOption { order, counters }
    }

    pub(super) fn encode(&self) -> (u8, ArrayVec<u8, 9>) {
        let kind = match self.order {
            AccEcnOrder::Ect0First => kind::ACC_ECN_0,
            AccEcnOrder::Ect1First => kind::ACC_ECN_1,
        };
        let data = self
            .counters
            .iter()
            .flat_map(|counter| {
                let [_, low @ ..] = counter.to_be_bytes();
                low
            })
            .collect();
        (kind, data)
    }
}

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
    pub(super) const fn from_bits(bits: u16) -> Self {
        match bits & 0x8000 {
            0 => UserTimeout::Seconds(bits),
            _ => UserTimeout::Minutes(bits & 0x7fff),
        }
    }

    pub(super) const fn to_bits(self) -> u16 {
        match self {
            UserTimeout::Seconds(time) => time & 0x7fff,
            UserTimeout::Minutes(time) => time | 0x8000,
        }
    }

    /// The timeout in seconds.
    pub const fn as_secs(self) -> u32 {
        match self {
            UserTimeout::Seconds(time) => time as u32,
            UserTimeout::Minutes(time) => time as u32 * 60,
        }
    }
}
