//! What IGMP and MLD have in common: group records and times in 8 or 16 bits (RFC 3376 4, RFC 3810 5).

/// What a record says of a group (RFC 3376 4.2.12, RFC 3810 5.2.12).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RecordKind {
    /// 1: hears the sources only (an answer to a query).
    ModeIsInclude,
    /// 2: hears all but the sources (an answer to a query).
    ModeIsExclude,
    /// 3: hears the sources only, which is a change.
    ChangeToInclude,
    /// 4: hears all but the sources, which is a change.
    ChangeToExclude,
    /// 5: hears the sources too.
    AllowNewSources,
    /// 6: hears the sources no more.
    BlockOldSources,
    /// Anything else, which is to be ignored.
    Unknown(u8),
}

impl From<u8> for RecordKind {
    fn from(value: u8) -> Self {
        match value {
            1 => RecordKind::ModeIsInclude,
            2 => RecordKind::ModeIsExclude,
            3 => RecordKind::ChangeToInclude,
            4 => RecordKind::ChangeToExclude,
            5 => RecordKind::AllowNewSources,
            6 => RecordKind::BlockOldSources,
            other => RecordKind::Unknown(other),
        }
    }
}

impl From<RecordKind> for u8 {
    fn from(value: RecordKind) -> Self {
        match value {
            RecordKind::ModeIsInclude => 1,
            RecordKind::ModeIsExclude => 2,
            RecordKind::ChangeToInclude => 3,
            RecordKind::ChangeToExclude => 4,
            RecordKind::AllowNewSources => 5,
            RecordKind::BlockOldSources => 6,
            RecordKind::Unknown(other) => other,
        }
    }
}

/// The number in an 8-bit code: itself below 128, above in floating-point form with 4 bits of mantissa (RFC 3376
/// 4.1.1 and 4.1.7).
///
/// ```
/// assert_eq!(fathom_wire::internet::groups::decode_8(100), 100);
/// // 1 000 0001: (1 + 16) << (0 + 3).
/// assert_eq!(fathom_wire::internet::groups::decode_8(0b1000_0001), 136);
/// assert_eq!(fathom_wire::internet::groups::decode_8(0xff), 31744);
/// ```
pub const fn decode_8(code: u8) -> u16 {
    match code {
        0..128 => code as u16,
        _ => ((code & 0x0f) as u16 | 0x10) << ((code >> 4 & 0x07) + 3),
    }
}

/// The number in a 16-bit code: itself below 32768, above in floating-point form with 12 bits of mantissa
/// (RFC 3810 5.1.3).
///
/// ```
/// assert_eq!(fathom_wire::internet::groups::decode_16(10_000), 10_000);
/// // 1 000 000000000001: (1 + 4096) << (0 + 3).
/// assert_eq!(fathom_wire::internet::groups::decode_16(0x8001), 32_776);
/// assert_eq!(fathom_wire::internet::groups::decode_16(0xffff), 8_387_584);
/// ```
pub const fn decode_16(code: u16) -> u32 {
    match code {
        0..32768 => code as u32,
        _ => ((code & 0x0fff) as u32 | 0x1000) << ((code >> 12 & 0x07) + 3),
    }
}
