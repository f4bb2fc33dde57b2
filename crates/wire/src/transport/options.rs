//! TCP options: maximum segment size (RFC 9293 3.7.1), window scale and timestamps (RFC 7323), SACK
//! (RFC 2018), Fast Open (RFC 7413), user timeout (RFC 5482), accurate ECN (RFC 9768). Others are kept.
//!
//! Three rules decide what bytes mean:
//! - The walk is bounds first: kind 0 ends the list, kind 1 is one byte, any other has a length of at least
//!   2 that stays inside the header. An option that breaks this makes the whole header malformed: behind
//!   it nothing can be read with certainty (RFC 9293 3.1 MUST-7 asks to be prepared for it).
//! - A known kind whose length is not one that its RFC allows has no effect, and is kept in
//!   [`TcpOptions::unknown`] (RFC 7413 4.1.1 demands it for Fast Open).
//! - Of a known option that appears twice, the last one counts.

use arrayvec::ArrayVec;

use crate::{ParseError, SeqNumber};

mod layout;
mod values;

pub use layout::{
    AccEcn0Option, AccEcn1Option, MssOption, OptionHead, SackBlockFixed, TimestampsOption, UserTimeoutOption,
    WindowScaleOption, fields,
};
pub use values::{AccEcnOption, AccEcnOrder, FastOpenCookie, SackBlock, TcpTimestamps, UserTimeout};

/// Bytes of options that fit a TCP header (RFC 9293 3.1: 15 words less the fixed 5).
pub const MAX_LEN: usize = 40;

/// Option kinds (IANA "TCP Option Kind Numbers").
pub mod kind {
    /// End of the list (RFC 9293 3.1).
    pub const END: u8 = 0;
    /// No operation, one byte of padding (RFC 9293 3.1).
    pub const NOP: u8 = 1;
    /// Maximum segment size (RFC 9293 3.7.1).
    pub const MSS: u8 = 2;
    /// Window scale (RFC 7323 2).
    pub const WINDOW_SCALE: u8 = 3;
    /// SACK permitted (RFC 2018 2).
    pub const SACK_PERMITTED: u8 = 4;
    /// Selective acknowledgment (RFC 2018 3).
    pub const SACK: u8 = 5;
    /// Timestamps (RFC 7323 3).
    pub const TIMESTAMPS: u8 = 8;
    /// User timeout (RFC 5482 3).
    pub const USER_TIMEOUT: u8 = 28;
    /// Fast Open cookie (RFC 7413 2).
    pub const FAST_OPEN: u8 = 34;
    /// Accurate ECN, order 0 (RFC 9768 3.2.3).
    pub const ACC_ECN_0: u8 = 172;
    /// Accurate ECN, order 1 (RFC 9768 3.2.3).
    pub const ACC_ECN_1: u8 = 174;
}

/// The options of a TCP header, each at most once.
///
/// Written in the order of the fields below, which keeps words aligned where RFC 7323 appendix A
/// recommends it: a SYN with MSS, SACK-permitted, timestamps and window scale takes 20 bytes, timestamps
/// alone 12.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TcpOptions {
    /// Largest segment the sender of this option can receive, in bytes of data (SYN only).
    pub mss: Option<u16>,
    /// SACK may be used on this connection (SYN only).
    pub sack_permitted: bool,
    /// Timestamp value and echo.
    pub timestamps: Option<TcpTimestamps>,
    /// Shift of the windows that this sender announces (SYN only). As on the wire: above 14 it counts as
    /// 14 (RFC 7323 2.3).
    pub window_scale: Option<u8>,
    /// Ranges that arrived out of order, the most recent first.
    pub sack: ArrayVec<SackBlock, 4>,
    /// Fast Open cookie, or the request for one (SYN only).
    pub fast_open: Option<FastOpenCookie>,
    /// Counters of accurate ECN.
    pub acc_ecn: Option<AccEcnOption>,
    /// How long the sender will wait for acknowledgment.
    pub user_timeout: Option<UserTimeout>,
    /// Options of other kinds, or of known kinds with impossible lengths, in order.
    pub unknown: RawOptions,
}

/// One option as it stands in the header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RawOption<'a> {
    /// The kind.
    pub kind: u8,
    /// The whole option.
    pub bytes: &'a [u8],
    /// What follows kind and length; empty for kinds 0 and 1, which have no length.
    pub data: &'a [u8],
    /// Where the option begins, in bytes from the first option's first byte.
    pub offset: usize,
}

impl RawOption<'_> {
    /// Bytes of the whole option.
    pub const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Always false: an option has at least its kind.
    pub const fn is_empty(&self) -> bool {
        false
    }
}

/// Options that are kept as bytes: whole ones, neither padding nor the end of the list.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RawOptions(ArrayVec<u8, MAX_LEN>);

impl RawOptions {
    /// Appends an option.
    ///
    /// # Errors
    /// `Malformed` for kinds 0 and 1 (which carry no data), and when the 40 bytes of a header do not
    /// suffice.
    pub fn push(&mut self, kind: u8, data: &[u8]) -> Result<(), ParseError> {
        if matches!(kind, kind::END | kind::NOP) {
            return Err(ParseError::malformed(WHAT, "padding is not an option to keep"));
        }
        if self.0.remaining_capacity() < data.len() + 2 {
            return Err(ParseError::malformed(WHAT, "more than 40 bytes"));
        }
        self.0.extend([kind, data.len() as u8 + 2]);
        self.0.extend(data.iter().copied());
        Ok(())
    }

    /// The options in order.
    pub fn iter(&self) -> impl Iterator<Item = RawOption<'_>> {
        walk(&self.0).map_while(Result::ok)
    }

    /// Whether there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The options' bytes.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

const WHAT: &str = "TCP options";

/// Walks the options in `bytes`, padding included; the end of the list is the last one yielded.
///
/// An option that does not fit ends the walk with an error.
pub fn walk(bytes: &[u8]) -> impl Iterator<Item = Result<RawOption<'_>, ParseError>> {
    let mut offset = 0;
    core::iter::from_fn(move || {
        let rest = bytes.get(offset..).filter(|rest| !rest.is_empty())?;
        let option = match *rest {
            [kind @ (kind::END | kind::NOP), ..] => {
                Ok(RawOption { kind, bytes: &rest[..1], data: &[], offset })
            }
            [kind, len, ..] if len >= 2 => match rest.get(..usize::from(len)) {
                Some(bytes) => Ok(RawOption { kind, bytes, data: &bytes[2..], offset }),
                None => Err("an option is longer than the header"),
            },
            [_, _, ..] => Err("an option's length is below 2"),
            _ => Err("an option ends before its length"),
        };
        offset = match &option {
            Ok(option) if option.kind != kind::END => offset + option.len(),
            _ => bytes.len(),
        };
        Some(option.map_err(|why| ParseError::malformed(WHAT, why)))
    })
}

impl TcpOptions {
    /// Reads the options of a header: `bytes` is what lies between the fixed part and the data.
    ///
    /// # Errors
    /// `Malformed` when an option's length is below 2 or beyond `bytes`, or there are more than 40 bytes.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let mut options = TcpOptions::default();
        options.read(bytes)?;
        Ok(options)
    }

    /// The same in place of the options that were here.
    #[inline]
    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<(), ParseError> {
        self.clear();
        match bytes {
            [] => Ok(()),
            // What nearly every segment of a connection carries (RFC 7323 appendix A).
            [kind::NOP, kind::NOP, kind::TIMESTAMPS, 10, ..] if bytes.len() == 12 => {
                self.timestamps = bytes.last_chunk().map(TcpTimestamps::from_bytes);
                Ok(())
            }
            _ => self.read_any(bytes),
        }
    }

    fn read_any(&mut self, bytes: &[u8]) -> Result<(), ParseError> {
        if bytes.len() > MAX_LEN {
            return Err(ParseError::malformed(WHAT, "more than 40 bytes"));
        }
        for option in walk(bytes) {
            let RawOption { kind, bytes, data, .. } = option?;
            let is_padding = matches!(kind, kind::END | kind::NOP);
            if !is_padding && !self.set(bytes) {
                self.unknown.push(kind, data)?;
            }
        }
        Ok(())
    }

    /// Takes all options out. (Field by field: to write the whole costs as much as a copy.)
    #[inline]
    fn clear(&mut self) {
        let TcpOptions {
            mss,
            sack_permitted,
            timestamps,
            window_scale,
            sack,
            fast_open,
            acc_ecn,
            user_timeout,
            unknown,
        } = self;
        (*mss, *sack_permitted, *timestamps, *window_scale) = (None, false, None, None);
        (*fast_open, *acc_ecn, *user_timeout) = (None, None, None);
        sack.clear();
        unknown.0.clear();
    }

    /// Takes an option of a known kind and a possible length; says whether it is one.
    fn set(&mut self, option: &[u8]) -> bool {
        let Some((&[option_kind, _], data)) = option.split_first_chunk() else { return false };
        match option_kind {
            kind::MSS => take(option, &mut self.mss, |option| MssOption::from_bytes(option).mss),
            kind::WINDOW_SCALE => {
                take(option, &mut self.window_scale, |option| WindowScaleOption::from_bytes(option).shift)
            }
            kind::SACK_PERMITTED => {
                self.sack_permitted |= data.is_empty();
                data.is_empty()
            }
            kind::TIMESTAMPS => take(option, &mut self.timestamps, TcpTimestamps::from_bytes),
            kind::USER_TIMEOUT => take(option, &mut self.user_timeout, UserTimeout::from_bytes),
            kind::SACK => match data.as_chunks() {
                (blocks @ ([_] | [_, _] | [_, _, _] | [_, _, _, _]), []) => {
                    self.sack = blocks.iter().map(SackBlock::from_bytes).collect();
                    true
                }
                _ => false,
            },
            kind::FAST_OPEN => match FastOpenCookie::parse(data) {
                Some(cookie) => {
                    self.fast_open = Some(cookie);
                    true
                }
                None => false,
            },
            kind::ACC_ECN_0 | kind::ACC_ECN_1 => {
                self.acc_ecn = Some(AccEcnOption::parse(option));
                true
            }
            _ => false,
        }
    }

    /// Bytes that [`emit`](Self::emit) writes: a multiple of 4, at most 40.
    #[inline]
    pub fn encoded_len(&self) -> usize {
        match self.only_timestamps() {
            Some(None) => 0,
            Some(Some(_)) => 12,
            None => self.encode().len(),
        }
    }

    /// Whether a header has room for all of them.
    pub fn fits(&self) -> bool {
        self.packed_len() <= MAX_LEN
    }

    /// Writes the options to the first [`encoded_len`](Self::encoded_len) bytes of `out`, padded to whole
    /// words. Options read from a header always fit a header; of others, one that does not fit behind
    /// those before it is left out ([`fits`](Self::fits) tells).
    ///
    /// # Panics
    /// When `out` is shorter.
    #[inline]
    pub fn emit(&self, out: &mut [u8]) {
        match self.only_timestamps() {
            Some(None) => {}
            Some(Some(timestamps)) => {
                let out = &mut out[..12];
                out[..2].fill(kind::NOP);
                out[2..].copy_from_slice(&timestamps.to_bytes());
            }
            None => {
                let encoded = self.encode();
                out[..encoded.len()].copy_from_slice(&encoded);
            }
        }
    }

    /// `Some` when there is no option but perhaps timestamps, as on most segments.
    #[inline]
    fn only_timestamps(&self) -> Option<Option<TcpTimestamps>> {
        let TcpOptions {
            mss: None,
            sack_permitted: false,
            timestamps,
            window_scale: None,
            sack,
            fast_open: None,
            acc_ecn: None,
            user_timeout: None,
            unknown,
        } = self
        else {
            return None;
        };
        (sack.is_empty() && unknown.is_empty()).then_some(*timestamps)
    }

    /// Bytes of all options without any padding.
    fn packed_len(&self) -> usize {
        let mut len = 0;
        self.for_each(|_, option| len += option.len());
        len
    }

    /// The options as they are written, padding included. A header too full for alignment, which costs up to
    /// three bytes per option, goes without.
    fn encode(&self) -> ArrayVec<u8, MAX_LEN> {
        self.encode_aligned().unwrap_or_else(|| self.encode_packed())
    }

    /// All options, with padding before those that want it; `None` when they do not fit.
    fn encode_aligned(&self) -> Option<ArrayVec<u8, MAX_LEN>> {
        let mut out = ArrayVec::new();
        let mut complete = true;
        self.for_each(|alignment, option| {
            while out.len() % 4 != alignment && !out.is_full() {
                out.push(kind::NOP);
            }
            complete &= out.try_extend_from_slice(option).is_ok();
        });
        pad(&mut out);
        complete.then_some(out)
    }

    /// Those options that fit behind each other.
    fn encode_packed(&self) -> ArrayVec<u8, MAX_LEN> {
        let mut out = ArrayVec::new();
        self.for_each(|_, option| {
            // What does not fit is left out, as `emit` says.
            let _ = out.try_extend_from_slice(option);
        });
        pad(&mut out);
        out
    }

    /// Calls `write` with (wanted offset in a word, bytes) of each option, in the order of emission.
    ///
    /// The wanted offset is the one at which the option's words stand on words of the header, or at which the
    /// option ends a word: timestamps at 2 (which the two bytes of SACK-permitted provide in a SYN), the 3
    /// bytes of window scale at 1, SACK at 2.
    fn for_each(&self, mut write: impl FnMut(usize, &[u8])) {
        let TcpOptions {
            mss,
            sack_permitted,
            timestamps,
            window_scale,
            sack,
            fast_open,
            acc_ecn,
            user_timeout,
            unknown,
        } = self;
        if let Some(mss) = *mss {
            write(0, &MssOption { kind: kind::MSS, length: MssOption::LEN as u8, mss }.to_bytes());
        }
        if *sack_permitted {
            // Alone it stands at the end of a word, before timestamps at its beginning.
            let at = if timestamps.is_some() { 0 } else { 2 };
            write(at, &head(kind::SACK_PERMITTED, 0));
        }
        if let Some(timestamps) = timestamps {
            write(2, &timestamps.to_bytes());
        }
        if let Some(shift) = *window_scale {
            let length = WindowScaleOption::LEN as u8;
            write(1, &WindowScaleOption { kind: kind::WINDOW_SCALE, length, shift }.to_bytes());
        }
        if !sack.is_empty() {
            let head = head(kind::SACK, sack.len() * SackBlockFixed::LEN);
            let blocks = sack.iter().flat_map(|block| block.to_bytes());
            write(2, &head.into_iter().chain(blocks).collect::<ArrayVec<u8, 34>>());
        }
        if let Some(cookie) = fast_open {
            let head = head(kind::FAST_OPEN, cookie.as_bytes().len());
            let cookie = cookie.as_bytes().iter().copied();
            write(2, &head.into_iter().chain(cookie).collect::<ArrayVec<u8, 18>>());
        }
        if let Some(option) = acc_ecn {
            write(0, &option.to_bytes());
        }
        if let Some(timeout) = user_timeout {
            write(0, &timeout.to_bytes());
        }
        for option in unknown.iter() {
            write(0, option.bytes);
        }
    }
}

/// The head of an option with `data_len` bytes of data, at most 38.
fn head(kind: u8, data_len: usize) -> [u8; 2] {
    OptionHead { kind, length: (OptionHead::LEN + data_len) as u8 }.to_bytes()
}

/// Sets `value` from an option of exactly `N` bytes; says whether it has as many.
#[inline]
fn take<T, const N: usize>(option: &[u8], value: &mut Option<T>, read: impl FnOnce(&[u8; N]) -> T) -> bool {
    match option.try_into() {
        Ok(option) => {
            *value = Some(read(option));
            true
        }
        Err(_) => false,
    }
}

/// Fills the last word: no-operation, so that nothing ends before the header does.
fn pad(out: &mut ArrayVec<u8, MAX_LEN>) {
    while out.len() % 4 != 0 {
        out.push(kind::NOP);
    }
}

impl TcpOptions {
    /// The first range of the SACK option when it reports a duplicate, given the cumulative ACK of the
    /// same segment (RFC 2883 4): it lies below the ACK, or inside the second range.
    pub fn duplicate_sack(&self, ack: SeqNumber) -> Option<SackBlock> {
        let first = *self.sack.first()?;
        let inside_second =
            self.sack.get(1).is_some_and(|second| second.left.le(first.left) && first.right.le(second.right));
        (first.right.le(ack) || inside_second).then_some(first)
    }
}

#[cfg(test)]
mod tests;
