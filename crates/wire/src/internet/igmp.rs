//! IGMP, by which IPv4 routers learn of the groups that hosts are in: version 3 (RFC 3376), and the messages of
//! versions 1 and 2 (RFC 1112 appendix I, RFC 2236).

use core::net::Ipv4Addr;

use super::groups::RecordKind;
use crate::header::header;
use crate::{Field, ParseError, checksum};

/// Where reports of version 3 go (RFC 3376 4.2.14).
pub const ALL_REPORTS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 22);
/// All routers of a link, to whom a leave goes (RFC 2236 2).
pub const ALL_ROUTERS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 2);

/// Message types (IANA "IGMP Type Numbers").
pub mod kind {
    /// A query, of any version.
    pub const QUERY: u8 = 0x11;
    /// A report of version 1.
    pub const REPORT_V1: u8 = 0x12;
    /// A report of version 2.
    pub const REPORT_V2: u8 = 0x16;
    /// A leave of version 2.
    pub const LEAVE: u8 = 0x17;
    /// A report of version 3.
    pub const REPORT_V3: u8 = 0x22;
}

header! {
    /// A message of versions 1 and 2, and what a query of version 3 begins with.
    pub struct IgmpFixed: "IGMP message", 8 bytes {
        /// 0x11 query, 0x12 and 0x16 reports of versions 1 and 2, 0x17 leave.
        kind: u8 = 0..8, "RFC 2236 2.1";
        /// In a query, how long an answer may take, in tenths of a second; from 128 on in floating-point
        /// form. 0 from a router of version 1.
        max_response: u8 = 8..16, "RFC 3376 4.1.1";
        /// Checksum of the whole message.
        checksum: u16 = 16..32, "RFC 3376 4.1.2";
        /// The group; 0.0.0.0 in a query about all.
        group: Ipv4Addr = 32..64, "RFC 3376 4.1.3";
    }
}

header! {
    /// A query of version 3, before its sources.
    pub struct IgmpQueryFixed: "IGMPv3 query", 12 bytes {
        /// 0x11.
        kind: u8 = 0..8, "RFC 3376 4.1";
        /// How long an answer may take, in tenths of a second; from 128 on in floating-point form.
        max_response: u8 = 8..16, "RFC 3376 4.1.1";
        /// Checksum of the whole message.
        checksum: u16 = 16..32, "RFC 3376 4.1.2";
        /// The group; 0.0.0.0 in a query about all.
        group: Ipv4Addr = 32..64, "RFC 3376 4.1.3";
        /// Zero.
        reserved: u8 = 64..68, "RFC 3376 4.1.4";
        /// Other routers are to keep their timers.
        suppress: bool = 68..69, "RFC 3376 4.1.5";
        /// How often a report is repeated; 0 says nothing.
        robustness: u8 = 69..72, "RFC 3376 4.1.6";
        /// Seconds between general queries; from 128 on in floating-point form.
        interval: u8 = 72..80, "RFC 3376 4.1.7";
        /// How many sources follow.
        sources: u16 = 80..96, "RFC 3376 4.1.8";
    }
}

header! {
    /// A report of version 3, before its records.
    pub struct IgmpReportFixed: "IGMPv3 report", 8 bytes {
        /// 0x22.
        kind: u8 = 0..8, "RFC 3376 4.2";
        /// Zero.
        reserved: u8 = 8..16, "RFC 3376 4.2.1";
        /// Checksum of the whole message.
        checksum: u16 = 16..32, "RFC 3376 4.2.2";
        /// Zero.
        reserved_2: u16 = 32..48, "RFC 3376 4.2.1";
        /// How many records follow.
        records: u16 = 48..64, "RFC 3376 4.2.3";
    }
}

header! {
    /// A group record, before its sources.
    pub struct IgmpRecordFixed: "IGMPv3 group record", 8 bytes {
        /// What it says: 1 and 2 the mode, 3 and 4 a change of it, 5 and 6 sources that come and go.
        kind: u8 = 0..8, "RFC 3376 4.2.5";
        /// Words of auxiliary data behind the sources.
        auxiliary: u8 = 8..16, "RFC 3376 4.2.6";
        /// How many sources follow.
        sources: u16 = 16..32, "RFC 3376 4.2.7";
        /// The group.
        group: Ipv4Addr = 32..64, "RFC 3376 4.2.8";
    }
}

/// The fields of the first bytes of a message of type `kind` and length `len`.
pub fn fields(kind: u8, len: usize) -> &'static [Field] {
    match kind {
        kind::QUERY if len >= IgmpQueryFixed::LEN => IgmpQueryFixed::FIELDS,
        kind::REPORT_V3 => IgmpReportFixed::FIELDS,
        _ => IgmpFixed::FIELDS,
    }
}

/// IPv4 addresses one behind the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Ipv4List<'a>(&'a [u8]);

impl<'a> Ipv4List<'a> {
    /// How many there are.
    pub const fn len(&self) -> usize {
        self.0.len() / 4
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The addresses.
    pub fn iter(&self) -> impl Iterator<Item = Ipv4Addr> + use<'a> {
        self.0.chunks_exact(4).map(|octets| Ipv4Addr::new(octets[0], octets[1], octets[2], octets[3]))
    }
}

/// A group record of a report.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IgmpRecord<'a> {
    /// What it says.
    pub kind: RecordKind,
    /// The group.
    pub group: Ipv4Addr,
    /// The sources.
    pub sources: Ipv4List<'a>,
}

impl IgmpRecord<'_> {
    /// Bytes of a record with so many sources.
    pub const fn len_with(sources: usize) -> usize {
        IgmpRecordFixed::LEN + 4 * sources
    }

    /// Writes a record, without auxiliary data, to the front of `out`.
    ///
    /// # Panics
    /// When `out` is shorter than [`len_with`](Self::len_with) says.
    pub fn emit(
        kind: RecordKind,
        group: Ipv4Addr,
        sources: impl ExactSizeIterator<Item = Ipv4Addr>,
        out: &mut [u8],
    ) {
        let (count, kind) = (sources.len() as u16, kind.into());
        IgmpRecordFixed { kind, auxiliary: 0, sources: count, group }.emit(out);
        for (source, out) in sources.zip(out[IgmpRecordFixed::LEN..].chunks_exact_mut(4)) {
            out.copy_from_slice(&source.octets());
        }
    }
}

/// The records of a report, whose lengths have been checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IgmpRecords<'a> {
    count: u16,
    bytes: &'a [u8],
}

impl<'a> IgmpRecords<'a> {
    /// Reads `count` records. What follows them is ignored (RFC 3376 4.2.11).
    ///
    /// # Errors
    /// `Truncated` when a record is longer than what there is.
    pub fn parse(count: u16, bytes: &'a [u8]) -> Result<Self, ParseError> {
        let mut rest = bytes;
        for _ in 0..count {
            (_, rest) = record(rest)?;
        }
        Ok(IgmpRecords { count, bytes: &bytes[..bytes.len() - rest.len()] })
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
    pub fn iter(&self) -> impl Iterator<Item = IgmpRecord<'a>> + use<'a> {
        let mut rest = self.bytes;
        core::iter::from_fn(move || {
            let (next, behind) = record(rest).ok()?;
            rest = behind;
            Some(next)
        })
    }
}

/// The record at the front of `bytes`, and what follows it.
fn record(bytes: &[u8]) -> Result<(IgmpRecord<'_>, &[u8]), ParseError> {
    let fixed = IgmpRecordFixed::parse(bytes)?;
    let sources = 4 * usize::from(fixed.sources);
    let end = IgmpRecordFixed::LEN + sources;
    let len = end + 4 * usize::from(fixed.auxiliary);
    ParseError::check_len("IGMPv3 group record", len, bytes.len())?;
    let sources = Ipv4List(&bytes[IgmpRecordFixed::LEN..end]);
    Ok((IgmpRecord { kind: fixed.kind.into(), group: fixed.group, sources }, &bytes[len..]))
}

/// An IGMP message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IgmpMessage<'a> {
    /// A router of version 1 or 2 asks.
    Query {
        /// How long an answer may take, in tenths of a second. 0 from a router of version 1.
        max_response: u8,
        /// About which group; 0.0.0.0: about all.
        group: Ipv4Addr,
    },
    /// A router of version 3 asks.
    QueryV3 {
        /// How long an answer may take, in tenths of a second, as [`decode_8`](super::groups::decode_8)
        /// reads it.
        max_response: u8,
        /// About which group; 0.0.0.0: about all.
        group: Ipv4Addr,
        /// Other routers are to keep their timers.
        suppress: bool,
        /// How often a report is repeated, up to 7; 0 says nothing.
        robustness: u8,
        /// Seconds between general queries, as [`decode_8`](super::groups::decode_8) reads it.
        interval: u8,
        /// About which sources; none: about all.
        sources: Ipv4List<'a>,
    },
    /// A host of version 1 is in a group.
    ReportV1 {
        /// The group.
        group: Ipv4Addr,
    },
    /// A host of version 2 is in a group.
    ReportV2 {
        /// The group.
        group: Ipv4Addr,
    },
    /// A host of version 2 leaves a group.
    Leave {
        /// The group.
        group: Ipv4Addr,
    },
    /// A host of version 3 tells of its groups.
    ReportV3 {
        /// What it tells.
        records: IgmpRecords<'a>,
    },
    /// Any other type.
    Unknown {
        /// Type.
        kind: u8,
        /// What follows type, code and checksum.
        body: &'a [u8],
    },
}

impl<'a> IgmpMessage<'a> {
    /// Reads a message; `bytes` is the whole payload of its IP packet.
    ///
    /// # Errors
    /// `Truncated` below 8 bytes, for a query of 9 to 11 bytes (RFC 3376 7.1), and when sources or records are
    /// cut; `Checksum`.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let fixed = IgmpFixed::parse(bytes)?;
        if checksum::sum(bytes) != 0xffff {
            return Err(ParseError::Checksum { what: "IGMP message" });
        }
        let IgmpFixed { kind, max_response, group, .. } = fixed;
        Ok(match kind {
            kind::QUERY if bytes.len() == IgmpFixed::LEN => IgmpMessage::Query { max_response, group },
            kind::QUERY => {
                let fixed = IgmpQueryFixed::parse(bytes)?;
                let end = IgmpQueryFixed::LEN + 4 * usize::from(fixed.sources);
                ParseError::check_len("IGMPv3 query", end, bytes.len())?;
                IgmpMessage::QueryV3 {
                    max_response,
                    group,
                    suppress: fixed.suppress,
                    robustness: fixed.robustness,
                    interval: fixed.interval,
                    sources: Ipv4List(&bytes[IgmpQueryFixed::LEN..end]),
                }
            }
            kind::REPORT_V1 => IgmpMessage::ReportV1 { group },
            kind::REPORT_V2 => IgmpMessage::ReportV2 { group },
            kind::LEAVE => IgmpMessage::Leave { group },
            kind::REPORT_V3 => {
                let fixed = IgmpReportFixed::parse(bytes)?;
                let records = IgmpRecords::parse(fixed.records, &bytes[IgmpReportFixed::LEN..])?;
                IgmpMessage::ReportV3 { records }
            }
            kind => IgmpMessage::Unknown { kind, body: &bytes[4..] },
        })
    }

    /// Length of the whole message in bytes.
    #[expect(clippy::len_without_is_empty, reason = "a message has at least 4 bytes")]
    pub const fn len(&self) -> usize {
        match self {
            IgmpMessage::QueryV3 { sources, .. } => IgmpQueryFixed::LEN + sources.0.len(),
            IgmpMessage::ReportV3 { records } => IgmpReportFixed::LEN + records.bytes.len(),
            IgmpMessage::Unknown { body, .. } => 4 + body.len(),
            _ => IgmpFixed::LEN,
        }
    }

    /// Writes the message with its checksum to the first [`len`](Self::len) bytes of `out`.
    ///
    /// # Panics
    /// When `out` is shorter.
    pub fn emit(&self, out: &mut [u8]) {
        let out = &mut out[..self.len()];
        let plain = |kind, max_response, group| IgmpFixed { kind, max_response, checksum: 0, group };
        match *self {
            IgmpMessage::Query { max_response, group } => plain(kind::QUERY, max_response, group).emit(out),
            IgmpMessage::ReportV1 { group } => plain(kind::REPORT_V1, 0, group).emit(out),
            IgmpMessage::ReportV2 { group } => plain(kind::REPORT_V2, 0, group).emit(out),
            IgmpMessage::Leave { group } => plain(kind::LEAVE, 0, group).emit(out),
            IgmpMessage::QueryV3 { max_response, group, suppress, robustness, interval, sources } => {
                let fixed = IgmpQueryFixed {
                    kind: kind::QUERY,
                    max_response,
                    checksum: 0,
                    group,
                    reserved: 0,
                    suppress,
                    robustness,
                    interval,
                    sources: sources.len() as u16,
                };
                fixed.emit(out);
                out[IgmpQueryFixed::LEN..].copy_from_slice(sources.0);
            }
            IgmpMessage::ReportV3 { records } => {
                let fixed = IgmpReportFixed {
                    kind: kind::REPORT_V3,
                    reserved: 0,
                    checksum: 0,
                    reserved_2: 0,
                    records: records.count,
                };
                fixed.emit(out);
                out[IgmpReportFixed::LEN..].copy_from_slice(records.bytes);
            }
            IgmpMessage::Unknown { kind, body } => {
                out[..4].copy_from_slice(&[kind, 0, 0, 0]);
                out[4..].copy_from_slice(body);
            }
        }
        let checksum = !checksum::sum(out);
        out[2..4].copy_from_slice(&checksum.to_be_bytes());
    }
}

#[cfg(test)]
mod tests;
