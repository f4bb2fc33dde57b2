//! IGMP, and the messages of Multicast Listener Discovery.

use std::fmt::Display;
use std::ops::Range;

use fathom_record::Layer;
use fathom_wire::internet::groups::RecordKind;
use fathom_wire::internet::igmp;
use fathom_wire::{IgmpMessage, MldMessage};

use crate::dissect::{View, fields};

pub(super) fn igmp(view: &mut View<'_>, range: Range<usize>, cut: bool) {
    let bytes = view.bytes(range.clone());
    let known = igmp::fields(bytes.first().copied().unwrap_or_default(), bytes.len());
    let table = fields(known, bytes);
    let summary = match IgmpMessage::parse(bytes) {
        Ok(message) => describe_igmp(&message),
        Err(_) if cut => "the first fragment".into(),
        Err(error) => return view.problem(error),
    };
    let end = table.last().map_or(0, |field| field.bits.end / 8);
    view.header(Layer::Internet, "igmp", range.start..(range.start + end).min(range.end), summary, table);
}

fn describe_igmp(message: &IgmpMessage<'_>) -> String {
    match message {
        IgmpMessage::Query { group, .. } => question(group, group.is_unspecified(), 0),
        IgmpMessage::QueryV3 { group, sources, .. } => question(group, group.is_unspecified(), sources.len()),
        IgmpMessage::ReportV1 { group } | IgmpMessage::ReportV2 { group } => format!("I am in {group}"),
        IgmpMessage::Leave { group } => format!("I leave {group}"),
        IgmpMessage::ReportV3 { records } => {
            join(records.iter().map(|record| tell(record.kind, record.group, record.sources.len())))
        }
        IgmpMessage::Unknown { kind, .. } => format!("type {kind}"),
    }
}

pub(super) fn describe_mld(message: &MldMessage<'_>) -> String {
    match message {
        MldMessage::Query { group, .. } => question(group, group.is_unspecified(), 0),
        MldMessage::QueryV2 { group, sources, .. } => question(group, group.is_unspecified(), sources.len()),
        MldMessage::Report { group } => format!("I am in {group}"),
        MldMessage::Done { group } => format!("I leave {group}"),
        MldMessage::ReportV2 { records } => {
            join(records.iter().map(|record| tell(record.kind, record.group, record.sources.len())))
        }
    }
}

fn question(group: impl Display, all: bool, sources: usize) -> String {
    match (all, sources) {
        (true, _) => "who is in which group?".into(),
        (false, 0) => format!("who is in {group}?"),
        (false, _) => format!("who hears one of {sources} sources in {group}?"),
    }
}

/// What a record says. A change and an answer say the same.
fn tell(kind: RecordKind, group: impl Display, sources: usize) -> String {
    match (kind, sources) {
        (RecordKind::ModeIsExclude | RecordKind::ChangeToExclude, 0) => format!("I am in {group}"),
        (RecordKind::ModeIsExclude | RecordKind::ChangeToExclude, _) => {
            format!("I am in {group} but for {sources} sources")
        }
        (RecordKind::ModeIsInclude | RecordKind::ChangeToInclude, 0) => format!("I leave {group}"),
        (RecordKind::ModeIsInclude | RecordKind::ChangeToInclude | RecordKind::AllowNewSources, _) => {
            format!("I hear {sources} sources in {group}")
        }
        (RecordKind::BlockOldSources, _) => format!("I hear {sources} sources in {group} no more"),
        (RecordKind::Unknown(kind), _) => format!("record {kind} of {group}"),
    }
}

fn join(records: impl Iterator<Item = String>) -> String {
    records.collect::<Vec<_>>().join(", ")
}
