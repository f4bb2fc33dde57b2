//! When what is told of groups: changes at once and again, answers after a random time (RFC 3376 5, RFC 3810 6).

use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use bytes::Bytes;
use fathom_record::{Engine, SendReason};
use fathom_wire::Instant;
use fathom_wire::internet::groups::RecordKind;

use super::groups::{Changed, Groups, Query, Record, Version};
use super::{SourceFilter, igmp, mld};
use crate::context::Context;
use crate::interface::InterfaceId;
use crate::internet::Internet;
use crate::internet::transmit::Hop;
use crate::link::resolution;
use crate::outgoing::{Headers, Outgoing, Slices};
use crate::slab::Key;
use crate::timer::TimerKey;

/// RFC 3376 8.11, RFC 3810 9.11: a change is told again within this time.
const UNSOLICITED_REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// The same in old versions (RFC 2236 8.10, RFC 2710 7.10).
const OLD_UNSOLICITED_REPORT_INTERVAL: Duration = Duration::from_secs(10);

/// When a change is told first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Tell {
    /// At once: a program joined.
    Now,
    /// After a random time: hosts that start together would all speak at once (RFC 4862 5.4.2).
    Soon,
}

/// A member of a group on an interface comes, goes, or changes whom it hears. Gives what became of it.
pub(crate) fn change(
    cx: &mut Context<'_>,
    internet: &mut Internet,
    on: InterfaceId,
    group: IpAddr,
    filters: (Option<&SourceFilter>, Option<&SourceFilter>),
    tell: Tell,
) -> Changed {
    let limit = cx.config.internet.groups_per_interface;
    let (changed, key) = internet.groups.change(cx.now, on, group, filters, limit);
    match changed {
        Changed::First => internet.addresses.join(group, on),
        Changed::Last => internet.addresses.leave(group, on),
        Changed::TooMany | Changed::Neither => {}
    }
    let Some(key) = key else { return changed };
    if let Some(entry) = internet.groups.slab.get_mut(key)
        && entry.has_change()
    {
        let wait = match tell {
            Tell::Now => Duration::ZERO,
            Tell::Soon => random(cx, UNSOLICITED_REPORT_INTERVAL),
        };
        entry.change_at = Some(cx.now + wait);
    }
    tell_what_is_due(cx, internet, key);
    changed
}

/// The timer of a group ran out.
pub(crate) fn handle_timer(cx: &mut Context<'_>, internet: &mut Internet, key: Key) {
    if let Some(group) = internet.groups.slab.get_mut(key) {
        group.timer = None;
        tell_what_is_due(cx, internet, key);
    }
}

/// Does what is due of a group, and sets its timer.
fn tell_what_is_due(cx: &mut Context<'_>, internet: &mut Internet, key: Key) {
    let Some(group) = internet.groups.slab.get(key) else { return };
    let (on, v6) = (group.interface, group.address.is_ipv6());
    let version = internet.groups.link(on, v6).version(cx.now);
    tell_change(cx, internet, key, version);
    let Some(group) = internet.groups.slab.get_mut(key) else { return };
    if group.answer.as_ref().is_some_and(|(at, _)| *at <= cx.now)
        && let Some((_, sources)) = group.answer.take()
    {
        match version {
            Version::V3 => {
                let record = group.answer_record(&sources);
                send(cx, internet, on, v6, record.as_slice());
            }
            _ if group.has_members() => {
                group.told_last = true;
                let address = group.address;
                send_old(cx, internet, on, address, version, true);
            }
            _ => {}
        }
    }
    arm(cx, &mut internet.groups, key);
}

/// Tells of a change that is due, and sets the time to tell it again.
fn tell_change(cx: &mut Context<'_>, internet: &mut Internet, key: Key, version: Version) {
    let Some(group) = internet.groups.slab.get_mut(key) else { return };
    if group.change_at.is_none_or(|at| at > cx.now) {
        return;
    }
    group.change_at = None;
    let (on, address, stays) = (group.interface, group.address, group.has_members());
    if version == Version::V3 {
        let records = group.change_records();
        if group.has_change() {
            group.change_at = Some(cx.now + random(cx, UNSOLICITED_REPORT_INTERVAL));
        }
        return send(cx, internet, on, address.is_ipv6(), &records);
    }
    group.sources_left.clear();
    if group.mode_left == 0 {
        return;
    }
    // RFC 2236 3: a host that was not the last to tell of the group need not say that it leaves.
    let told_last = core::mem::replace(&mut group.told_last, stays);
    group.mode_left = if stays { group.mode_left - 1 } else { 0 };
    if group.mode_left > 0 {
        group.change_at = Some(cx.now + random(cx, OLD_UNSOLICITED_REPORT_INTERVAL));
    }
    if stays || told_last {
        send_old(cx, internet, on, address, version, stays);
    }
}

/// A router asks on a link.
pub(crate) fn handle_query(
    cx: &mut Context<'_>,
    internet: &mut Internet,
    on: InterfaceId,
    v6: bool,
    query: &Query,
) {
    let groups = &mut internet.groups;
    let switched = groups.link(on, v6).learn(cx.now, query);
    if switched {
        forget_pending(cx, groups, on, v6);
    }
    let at = cx.now + random(cx, query.max_response);
    let version = groups.link(on, v6).version(cx.now);
    match query.group {
        // RFC 3376 5.2, rule 1: an answer about all comes before this one would.
        _ if groups.link(on, v6).answer.is_some_and(|(pending, _)| pending <= at) => {}
        None if version == Version::V3 => {
            let timer = cx.timers.insert(at, TimerKey::Groups(on, v6));
            if let Some((_, earlier)) = groups.link(on, v6).answer.replace((at, timer)) {
                cx.timers.cancel(earlier);
            }
        }
        None => {
            // RFC 2236 3: each group has a time of its own.
            for key in groups.keys(on, v6).to_vec() {
                let at = cx.now + random(cx, query.max_response);
                ask(cx, groups, key, at, &[]);
            }
        }
        Some(group) => {
            if let Some(key) = groups.find(on, group) {
                ask(cx, groups, key, at, &query.sources);
            }
        }
    }
}

fn ask(cx: &mut Context<'_>, groups: &mut Groups, key: Key, at: Instant, sources: &[IpAddr]) {
    let limit = cx.config.internet.sources_per_group;
    let told = groups.slab.get(key).is_some_and(|group| group.has_members() && groups.tells_of(group));
    if let Some(group) = groups.slab.get_mut(key).filter(|_| told) {
        group.ask(at, sources, limit);
        arm(cx, groups, key);
    }
}

/// Another host tells that it is in a group, in an old version: we need not (RFC 2236 3, RFC 2710 4).
pub(crate) fn handle_report(
    cx: &mut Context<'_>,
    internet: &mut Internet,
    on: InterfaceId,
    group: IpAddr,
) -> bool {
    let groups = &mut internet.groups;
    if groups.link(on, group.is_ipv6()).version(cx.now) == Version::V3 {
        return false;
    }
    let Some(key) = groups.find(on, group) else { return false };
    let Some(entry) = groups.slab.get_mut(key) else { return false };
    entry.answer = None;
    entry.told_last = false;
    arm(cx, groups, key);
    true
}

/// The time has come to answer a query about all groups of a link.
pub(crate) fn handle_query_timer(cx: &mut Context<'_>, internet: &mut Internet, on: InterfaceId, v6: bool) {
    let groups = &mut internet.groups;
    groups.link(on, v6).answer = None;
    let states = |key: &Key| {
        let group = groups.slab.get(*key)?;
        group.state_record().filter(|_| groups.tells_of(group))
    };
    let records: Vec<Record> = groups.keys(on, v6).iter().filter_map(states).collect();
    send(cx, internet, on, v6, &records);
}

/// The link of an interface came up: whoever is there has not been told of our groups.
pub(crate) fn tell_all(cx: &mut Context<'_>, internet: &mut Internet, on: InterfaceId) {
    for v6 in [false, true] {
        let times = internet.groups.link(on, v6).robustness;
        for key in internet.groups.keys(on, v6).to_vec() {
            let groups = &mut internet.groups;
            let told =
                groups.slab.get(key).is_some_and(|group| group.has_members() && groups.tells_of(group));
            let Some(group) = groups.slab.get_mut(key).filter(|_| told) else { continue };
            let filter = group.filter();
            match filter.exclude {
                true => group.mode_left = times,
                false => group.sources_left = filter.sources.iter().map(|source| (*source, times)).collect(),
            }
            group.change_at = Some(cx.now + random(cx, UNSOLICITED_REPORT_INTERVAL));
            arm(cx, &mut internet.groups, key);
        }
    }
}

/// RFC 3376 7.2.1: with the version, what was to be told in the other is forgotten.
fn forget_pending(cx: &mut Context<'_>, groups: &mut Groups, on: InterfaceId, v6: bool) {
    if let Some((_, timer)) = groups.link(on, v6).answer.take() {
        cx.timers.cancel(timer);
    }
    for key in groups.keys(on, v6).to_vec() {
        if let Some(group) = groups.slab.get_mut(key) {
            group.answer = None;
            group.change_at = None;
            group.mode_left = 0;
            group.sources_left.clear();
        }
        arm(cx, groups, key);
    }
}

/// Sets the timer of a group to what is due next, or forgets the group.
fn arm(cx: &mut Context<'_>, groups: &mut Groups, key: Key) {
    let Some(group) = groups.slab.get_mut(key) else { return };
    if let Some(timer) = group.timer.take() {
        cx.timers.cancel(timer);
    }
    if let Some(deadline) = group.deadline() {
        group.timer = Some(cx.timers.insert(deadline, TimerKey::Group(key)));
    }
    groups.forget_if_done(key);
}

/// A random time of up to `most`.
fn random(cx: &mut Context<'_>, most: Duration) -> Duration {
    let micros = u32::try_from(most.as_micros()).unwrap_or(u32::MAX);
    Duration::from_micros(cx.random.below(micros.saturating_add(1).max(1)).into())
}

fn send(cx: &mut Context<'_>, internet: &mut Internet, on: InterfaceId, v6: bool, records: &[Record]) {
    if records.is_empty() || !internet.is_up(on) {
        return;
    }
    match v6 {
        false => igmp::report(cx, internet, on, records),
        true => mld::report(cx, internet, on, records),
    }
}

fn send_old(
    cx: &mut Context<'_>,
    internet: &mut Internet,
    on: InterfaceId,
    group: IpAddr,
    version: Version,
    stays: bool,
) {
    if !internet.is_up(on) {
        return;
    }
    match group {
        IpAddr::V4(group) => igmp::old_report(cx, internet, on, group, version, stays),
        IpAddr::V6(group) => mld::old_report(cx, internet, on, group, stays),
    }
}

/// A record, or a part of one that fits a packet.
pub(super) struct Piece<'a> {
    pub(super) kind: RecordKind,
    pub(super) group: IpAddr,
    pub(super) sources: &'a [IpAddr],
}

/// Packs records into reports whose records take `room` bytes at most, and gives each to `send` with their length.
/// `len_with` says how long a record with so many sources is.
pub(super) fn in_reports(
    records: &[Record],
    room: usize,
    len_with: impl Fn(usize) -> usize,
    mut send: impl FnMut(&[Piece<'_>], usize),
) {
    let per_record = room.saturating_sub(len_with(0)) / (len_with(1) - len_with(0));
    let (mut pieces, mut len) = (Vec::new(), 0);
    for record in records {
        let mut rest = &record.sources[..];
        loop {
            let (sources, later) = rest.split_at(rest.len().min(per_record.max(1)));
            let more = len_with(sources.len());
            if len + more > room && !pieces.is_empty() {
                send(&pieces, len);
                (pieces, len) = (Vec::new(), 0);
            }
            pieces.push(Piece { kind: record.kind, group: record.group, sources });
            len += more;
            // RFC 3376 4.2.16: who hears all but too many to name hears the rest too.
            let excludes = matches!(record.kind, RecordKind::ModeIsExclude | RecordKind::ChangeToExclude);
            if excludes || later.is_empty() {
                break;
            }
            rest = later;
        }
    }
    if !pieces.is_empty() {
        send(&pieces, len);
    }
}

/// Sends a complete packet to a group or to routers on a link.
pub(super) fn send_packet(
    cx: &mut Context<'_>,
    internet: &mut Internet,
    on: InterfaceId,
    destination: IpAddr,
    headers: Headers,
    link_len: usize,
    message: Bytes,
) {
    let mut slices = Slices::new();
    slices.push(message);
    let mut packet = Outgoing::whole(headers, link_len, slices);
    packet.cause = cx.record(None, || Engine::Packet { why: SendReason::Housekeeping });
    let hop = Hop::new(internet, on, destination);
    resolution::send(cx, internet, &hop, packet);
}
