//! Multicast Listener Discovery for IPv6, by which routers learn of the groups that hosts are in: messages of
//! ICMPv6, of version 2 (RFC 3810) and 1 (RFC 2710).

use core::net::Ipv6Addr;

use super::groups::RecordKind;
use super::icmpv6::kind;
use crate::header::header;
use crate::{Field, ParseError};

/// Where reports of version 2 go (RFC 3810 5.2.14).
pub const ALL_REPORTS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x16);
/// All routers of a link, to whom a done message goes (RFC 2710 3).
pub const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);

header! {
    /// A message of version 1, and what a query of version 2 begins with.
    pub struct MldFixed: "MLD message", 24 bytes {
        /// 130 query, 131 report, 132 done.
        kind: u8 = 0..8, "RFC 2710 3";
        /// 0.
        code: u8 = 8..16, "RFC 2710 3.1";
        /// Checksum over pseudo-header and message.
        checksum: u16 = 16..32, "RFC 2710 3.2";
        /// In a query, how long an answer may take, in milliseconds; from 32768 on in floating-point form.
        max_response: u16 = 32..48, "RFC 3810 5.1.3";
        /// Zero.
        reserved: u16 = 48..64, "RFC 2710 3.4";
        /// The group; :: in a query about all.
        group: Ipv6Addr = 64..192, "RFC 3810 5.1.5";
    }
}

header! {
    /// A query of version 2, before its sources.
    pub struct MldQueryFixed: "MLDv2 query", 28 bytes {
        /// 130.
        kind: u8 = 0..8, "RFC 3810 5.1";
        /// 0.
        code: u8 = 8..16, "RFC 3810 5.1.1";
        /// Checksum over pseudo-header and message.
        checksum: u16 = 16..32, "RFC 3810 5.1.2";
        /// How long an answer may take, in milliseconds; from 32768 on in floating-point form.
        max_response: u16 = 32..48, "RFC 3810 5.1.3";
        /// Zero.
        reserved: u16 = 48..64, "RFC 3810 5.1.4";
        /// The group; :: in a query about all.
        group: Ipv6Addr = 64..192, "RFC 3810 5.1.5";
        /// Zero.
        reserved_2: u8 = 192..196, "RFC 3810 5.1.6";
        /// Other routers are to keep their timers.
        suppress: bool = 196..197, "RFC 3810 5.1.7";
        /// How often a report is repeated; 0 says nothing.
        robustness: u8 = 197..200, "RFC 3810 5.1.8";
        /// Seconds between general queries; from 128 on in floating-point form.
        interval: u8 = 200..208, "RFC 3810 5.1.9";
        /// How many sources follow.
        sources: u16 = 208..224, "RFC 3810 5.1.10";
    }
}

header! {
    /// A report of version 2, before its records.
    pub struct MldReportFixed: "MLDv2 report", 8 bytes {
        /// 143.
        kind: u8 = 0..8, "RFC 3810 5.2";
        /// Zero.
        reserved: u8 = 8..16, "RFC 3810 5.2.1";
        /// Checksum over pseudo-header and message.
        checksum: u16 = 16..32, "RFC 3810 5.2.2";
        /// Zero.
        reserved_2: u16 = 32..48, "RFC 3810 5.2.1";
        /// How many records follow.
        records: u16 = 48..64, "RFC 3810 5.2.3";
    }
}

header! {
    /// A record of a report, before its sources.
    pub struct MldRecordFixed: "MLDv2 address record", 20 bytes {
        /// What it says: 1 and 2 the mode, 3 and 4 a change of it, 5 and 6 sources that come and go.
        kind: u8 = 0..8, "RFC 3810 5.2.5";
        /// Words of auxiliary data behind the sources.
        auxiliary: u8 = 8..16, "RFC 3810 5.2.6";
        /// How many sources follow.
        sources: u16 = 16..32, "RFC 3810 5.2.7";
        /// The group.
        group: Ipv6Addr = 32..160, "RFC 3810 5.2.8";
    }
}

/// The fields of the first bytes of a message of type `kind` and length `len`.
pub fn fields(kind: u8, len: usize) -> &'static [Field] {
    match kind {
        kind::LISTENER_QUERY if len >= MldQueryFixed::LEN => MldQueryFixed::FIELDS,
        kind::LISTENER_REPORT_V2 => MldReportFixed::FIELDS,
        _ => MldFixed::FIELDS,
    }
}

/// IPv6 addresses one behind the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Ipv6List<'a>(&'a [u8]);

impl<'a> Ipv6List<'a> {
    /// How many there are.
    pub const fn len(&self) -> usize {
        self.0.len() / 16
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The addresses.
    pub fn iter(&self) -> impl Iterator<Item = Ipv6Addr> + use<'a> {
        self.0.chunks_exact(16).filter_map(|octets| Some(Ipv6Addr::from(*octets.first_chunk::<16>()?)))
    }
}

/// A record of a report: what is heard of one group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MldRecord<'a> {
    /// What it says.
    pub kind: RecordKind,
    /// The group.
    pub group: Ipv6Addr,
    /// The sources.
    pub sources: Ipv6List<'a>,
}

impl MldRecord<'_> {
    /// Bytes of a record with so many sources.
    pub const fn len_with(sources: usize) -> usize {
        MldRecordFixed::LEN + 16 * sources
    }

    /// Writes a record, without auxiliary data, to the front of `out`.
    ///
    /// # Panics
    /// When `out` is shorter than [`len_with`](Self::len_with) says.
    pub fn emit(
        kind: RecordKind,
        group: Ipv6Addr,
        sources: impl ExactSizeIterator<Item = Ipv6Addr>,
        out: &mut [u8],
    ) {
        let (count, kind) = (sources.len() as u16, kind.into());
        MldRecordFixed { kind, auxiliary: 0, sources: count, group }.emit(out);
        for (source, out) in sources.zip(out[MldRecordFixed::LEN..].chunks_exact_mut(16)) {
            out.copy_from_slice(&source.octets());
        }
    }
}

/// The records of a report, whose lengths have been checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MldRecords<'a> {
    count: u16,
    bytes: &'a [u8],
}

impl<'a> MldRecords<'a> {
    /// Reads `count` records. What follows them is ignored (RFC 3810 5.2.11).
    ///
    /// # Errors
    /// `Truncated` when a record is longer than what there is.
    pub fn parse(count: u16, bytes: &'a [u8]) -> Result<Self, ParseError> {
        let mut rest = bytes;
        for _ in 0..count {
            (_, rest) = record(rest)?;
        }
        Ok(MldRecords { count, bytes: &bytes[..bytes.len() - rest.len()] })
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Their bytes.
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The records.
    pub fn iter(&self) -> impl Iterator<Item = MldRecord<'a>> + use<'a> {
        let mut rest = self.bytes;
        core::iter::from_fn(move || {
            let (next, behind) = record(rest).ok()?;
            rest = behind;
            Some(next)
        })
    }
}

/// The record at the front of `bytes`, and what follows it.
fn record(bytes: &[u8]) -> Result<(MldRecord<'_>, &[u8]), ParseError> {
    let fixed = MldRecordFixed::parse(bytes)?;
    let end = MldRecordFixed::LEN + 16 * usize::from(fixed.sources);
    let len = end + 4 * usize::from(fixed.auxiliary);
    ParseError::check_len("MLDv2 address record", len, bytes.len())?;
    let sources = Ipv6List(&bytes[MldRecordFixed::LEN..end]);
    Ok((MldRecord { kind: fixed.kind.into(), group: fixed.group, sources }, &bytes[len..]))
}

/// A message of Multicast Listener Discovery. Its checksum is ICMPv6's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MldMessage<'a> {
    /// A router of version 1 asks.
    Query {
        /// How long an answer may take, in milliseconds.
        max_response: u16,
        /// About which group; `::`: about all.
        group: Ipv6Addr,
    },
    /// A router of version 2 asks.
    QueryV2 {
        /// How long an answer may take, in milliseconds, as [`decode_16`](super::groups::decode_16) reads it.
        max_response: u16,
        /// About which group; `::`: about all.
        group: Ipv6Addr,
        /// Other routers are to keep their timers.
        suppress: bool,
        /// How often a report is repeated, up to 7; 0 says nothing.
        robustness: u8,
        /// Seconds between general queries, as [`decode_8`](super::groups::decode_8) reads it.
        interval: u8,
        /// About which sources; none: about all.
        sources: Ipv6List<'a>,
    },
    /// A host of version 1 is in a group.
    Report {
        /// The group.
        group: Ipv6Addr,
    },
    /// A host of version 1 leaves a group.
    Done {
        /// The group.
        group: Ipv6Addr,
    },
    /// A host of version 2 tells of its groups.
    ReportV2 {
        /// What it tells.
        records: MldRecords<'a>,
    },
}

impl<'a> MldMessage<'a> {
    /// Whether messages of type `kind` are of this protocol.
    pub const fn is_kind(kind: u8) -> bool {
        matches!(kind, kind::LISTENER_QUERY..=kind::LISTENER_DONE | kind::LISTENER_REPORT_V2)
    }

    /// Reads an ICMPv6 message of type `kind` whose checksum is right.
    ///
    /// # Errors
    /// `Truncated`, also for a query of 25 to 27 bytes (RFC 3810 8.1), and when sources or records are cut;
    /// `Malformed` for another type.
    pub(super) fn parse(kind: u8, bytes: &'a [u8]) -> Result<Self, ParseError> {
        if kind == kind::LISTENER_REPORT_V2 {
            let fixed = MldReportFixed::parse(bytes)?;
            let records = MldRecords::parse(fixed.records, &bytes[MldReportFixed::LEN..])?;
            return Ok(MldMessage::ReportV2 { records });
        }
        let MldFixed { max_response, group, .. } = MldFixed::parse(bytes)?;
        Ok(match kind {
            kind::LISTENER_QUERY if bytes.len() == MldFixed::LEN => MldMessage::Query { max_response, group },
            kind::LISTENER_QUERY => {
                let fixed = MldQueryFixed::parse(bytes)?;
                let end = MldQueryFixed::LEN + 16 * usize::from(fixed.sources);
                ParseError::check_len("MLDv2 query", end, bytes.len())?;
                MldMessage::QueryV2 {
                    max_response,
                    group,
                    suppress: fixed.suppress,
                    robustness: fixed.robustness,
                    interval: fixed.interval,
                    sources: Ipv6List(&bytes[MldQueryFixed::LEN..end]),
                }
            }
            kind::LISTENER_REPORT => MldMessage::Report { group },
            kind::LISTENER_DONE => MldMessage::Done { group },
            _ => return Err(ParseError::malformed("MLD message", "is of another type")),
        })
    }

    /// Length of the whole message in bytes.
    #[expect(clippy::len_without_is_empty, reason = "a message has at least its first 8 bytes")]
    pub const fn len(&self) -> usize {
        match self {
            MldMessage::QueryV2 { sources, .. } => MldQueryFixed::LEN + sources.0.len(),
            MldMessage::ReportV2 { records } => MldReportFixed::LEN + records.bytes.len(),
            _ => MldFixed::LEN,
        }
    }

    /// Writes the message, with a checksum of zero, to the first [`len`](Self::len) bytes of `out`.
    pub(super) fn emit(&self, out: &mut [u8]) {
        let plain = |kind, max_response, group| MldFixed {
            kind,
            code: 0,
            checksum: 0,
            max_response,
            reserved: 0,
            group,
        };
        match *self {
            MldMessage::Query { max_response, group } => {
                plain(kind::LISTENER_QUERY, max_response, group).emit(out);
            }
            MldMessage::Report { group } => plain(kind::LISTENER_REPORT, 0, group).emit(out),
            MldMessage::Done { group } => plain(kind::LISTENER_DONE, 0, group).emit(out),
            MldMessage::QueryV2 { max_response, group, suppress, robustness, interval, sources } => {
                let fixed = MldQueryFixed {
                    kind: kind::LISTENER_QUERY,
                    code: 0,
                    checksum: 0,
                    max_response,
                    reserved: 0,
                    group,
                    reserved_2: 0,
                    suppress,
                    robustness,
                    interval,
                    sources: sources.len() as u16,
                };
                fixed.emit(out);
                out[MldQueryFixed::LEN..].copy_from_slice(sources.0);
            }
            MldMessage::ReportV2 { records } => {
                let fixed = MldReportFixed {
                    kind: kind::LISTENER_REPORT_V2,
                    reserved: 0,
                    checksum: 0,
                    reserved_2: 0,
                    records: records.count,
                };
                fixed.emit(out);
                out[MldReportFixed::LEN..].copy_from_slice(records.bytes);
            }
        }
    }
}

#[cfg(test)]
mod tests;
