//! The options that have a fixed layout, each described once as a header is.

use super::kind;
use crate::Field;
use crate::header::header;

header! {
    /// What every option but padding begins with.
    pub struct OptionHead: "TCP option", 2 bytes {
        /// Which option it is.
        kind: u8 = 0..8, "RFC 9293 3.1";
        /// Its length in bytes, kind and length included.
        length: u8 = 8..16, "RFC 9293 3.1";
    }
}

header! {
    /// The maximum segment size option.
    pub struct MssOption: "maximum segment size option", 4 bytes {
        /// 2.
        kind: u8 = 0..8, "RFC 9293 3.7.1";
        /// 4.
        length: u8 = 8..16, "RFC 9293 3.7.1";
        /// Largest segment the sender of this option can receive, in bytes of data.
        mss: u16 = 16..32, "RFC 9293 3.7.1";
    }
}

header! {
    /// The window scale option.
    pub struct WindowScaleOption: "window scale option", 3 bytes {
        /// 3.
        kind: u8 = 0..8, "RFC 7323 2.2";
        /// 3.
        length: u8 = 8..16, "RFC 7323 2.2";
        /// By how many bits the windows that this sender announces are shifted; above 14 it counts as 14.
        shift: u8 = 16..24, "RFC 7323 2.2";
    }
}

header! {
    /// The timestamps option.
    pub struct TimestampsOption: "timestamps option", 10 bytes {
        /// 8.
        kind: u8 = 0..8, "RFC 7323 3.2";
        /// 10.
        length: u8 = 8..16, "RFC 7323 3.2";
        /// TSval: the sender's clock.
        value: u32 = 16..48, "RFC 7323 3.2";
        /// TSecr: the latest value received from the other side.
        echo: u32 = 48..80, "RFC 7323 3.2";
    }
}

header! {
    /// One range of a SACK option; up to four of them follow its [`OptionHead`].
    pub struct SackBlockFixed: "SACK block", 8 bytes {
        /// The first sequence number that arrived.
        left: u32 = 0..32, "RFC 2018 3";
        /// The one after the last.
        right: u32 = 32..64, "RFC 2018 3";
    }
}

header! {
    /// The user timeout option.
    pub struct UserTimeoutOption: "user timeout option", 4 bytes {
        /// 28.
        kind: u8 = 0..8, "RFC 5482 3";
        /// 4.
        length: u8 = 8..16, "RFC 5482 3";
        /// Whether the timeout is in minutes; otherwise it is in seconds.
        minutes: bool = 16..17, "RFC 5482 3";
        /// How long the sender lets data go unacknowledged.
        timeout: u16 = 17..32, "RFC 5482 3";
    }
}

header! {
    /// The accurate ECN option of kind 172. Trailing counters may be missing.
    pub struct AccEcn0Option: "accurate ECN option", 11 bytes {
        /// 172.
        kind: u8 = 0..8, "RFC 9768 3.2.3";
        /// 2, 5, 8 or 11.
        length: u8 = 8..16, "RFC 9768 3.2.3";
        /// Bytes received marked ECT(0), the low 24 bits.
        ect0_bytes: u32 = 16..40, "RFC 9768 3.2.3";
        /// Bytes received marked CE, the low 24 bits.
        ce_bytes: u32 = 40..64, "RFC 9768 3.2.3";
        /// Bytes received marked ECT(1), the low 24 bits.
        ect1_bytes: u32 = 64..88, "RFC 9768 3.2.3";
    }
}

header! {
    /// The accurate ECN option of kind 174. Trailing counters may be missing.
    pub struct AccEcn1Option: "accurate ECN option", 11 bytes {
        /// 174.
        kind: u8 = 0..8, "RFC 9768 3.2.3";
        /// 2, 5, 8 or 11.
        length: u8 = 8..16, "RFC 9768 3.2.3";
        /// Bytes received marked ECT(1), the low 24 bits.
        ect1_bytes: u32 = 16..40, "RFC 9768 3.2.3";
        /// Bytes received marked CE, the low 24 bits.
        ce_bytes: u32 = 40..64, "RFC 9768 3.2.3";
        /// Bytes received marked ECT(0), the low 24 bits.
        ect0_bytes: u32 = 64..88, "RFC 9768 3.2.3";
    }
}

/// The fields of an option of kind `option_kind`, to be read from [`RawOption::bytes`]. Of options whose
/// length varies, those beyond its end have no value; SACK blocks are described by [`SackBlockFixed`], and a
/// Fast Open cookie is all that follows the head. Padding has no fields.
///
/// [`RawOption::bytes`]: super::RawOption::bytes
pub fn fields(option_kind: u8) -> &'static [Field] {
    match option_kind {
        kind::END | kind::NOP => &[],
        kind::MSS => MssOption::FIELDS,
        kind::WINDOW_SCALE => WindowScaleOption::FIELDS,
        kind::TIMESTAMPS => TimestampsOption::FIELDS,
        kind::USER_TIMEOUT => UserTimeoutOption::FIELDS,
        kind::ACC_ECN_0 => AccEcn0Option::FIELDS,
        kind::ACC_ECN_1 => AccEcn1Option::FIELDS,
        _ => OptionHead::FIELDS,
    }
}
