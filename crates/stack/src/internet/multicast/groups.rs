//! The groups of all interfaces, and what is still to be told of each (RFC 3376 3.2, 5 and 7.2.1; RFC 3810 4.2, 6
//! and 8.2.1).

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use fathom_wire::Instant;
use fathom_wire::internet::groups::RecordKind;
use hashbrown::HashMap;

use super::SourceFilter;
use crate::config::GroupReports;
use crate::interface::InterfaceId;
use crate::internet::scope::is_permanent_group;
use crate::random::TableHasher;
use crate::slab::{Key, Slab};
use crate::wheel::TimerId;

/// RFC 3376 8.1, RFC 3810 9.1: how often a change is told, unless a router says otherwise.
const ROBUSTNESS: u8 = 2;
/// RFC 3376 8.2, RFC 3810 9.2: time between general queries, unless a router says otherwise.
const QUERY_INTERVAL: Duration = Duration::from_secs(125);

/// Which version of its protocol is spoken on a link. The numbers are IGMP's; MLD lacks the first, its version 1
/// is the like of `V2` and its version 2 that of `V3`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Version {
    V1,
    V2,
    V3,
}

/// A router's question.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Query {
    pub(crate) version: Version,
    /// An answer may take so long.
    pub(crate) max_response: Duration,
    /// About which group; `None`: about all.
    pub(crate) group: Option<IpAddr>,
    /// About which senders to it; none: about all.
    pub(crate) sources: Vec<IpAddr>,
    /// How often a change is to be told; 0 says nothing.
    pub(crate) robustness: u8,
    /// Time between general queries; zero says nothing.
    pub(crate) interval: Duration,
}

/// What a report says of one group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Record {
    pub(crate) kind: RecordKind,
    pub(crate) group: IpAddr,
    pub(crate) sources: Vec<IpAddr>,
}

/// What the routers of a link have told, for one family.
#[derive(Debug)]
pub(super) struct Link {
    /// Until when a router of version 1, and of version 2, counts as present.
    older: [Option<Instant>; 2],
    pub(super) robustness: u8,
    query_interval: Duration,
    /// When all groups are told of, and the timer for it.
    pub(super) answer: Option<(Instant, TimerId)>,
    /// The groups of the link.
    pub(super) groups: Vec<Key>,
}

impl Link {
    fn new() -> Self {
        let (older, answer, groups) = ([None; 2], None, Vec::new());
        Link { older, robustness: ROBUSTNESS, query_interval: QUERY_INTERVAL, answer, groups }
    }

    /// The version to speak.
    pub(super) fn version(&self, now: Instant) -> Version {
        let present = |until: Option<Instant>| until.is_some_and(|until| now < until);
        match self.older {
            [first, _] if present(first) => Version::V1,
            [_, second] if present(second) => Version::V2,
            _ => Version::V3,
        }
    }

    /// Learns from a query. Gives whether another version than before is to be spoken.
    pub(super) fn learn(&mut self, now: Instant, query: &Query) -> bool {
        let before = self.version(now);
        // RFC 3376 8.12: robustness times interval, and one response interval.
        let until = now + self.query_interval * self.robustness.into() + query.max_response;
        match query.version {
            Version::V1 => self.older[0] = Some(until),
            Version::V2 => self.older[1] = Some(until),
            Version::V3 => {
                self.robustness = if query.robustness == 0 { ROBUSTNESS } else { query.robustness };
                let said = !query.interval.is_zero();
                self.query_interval = if said { query.interval } else { QUERY_INTERVAL };
            }
        }
        self.version(now) != before
    }
}

/// How many members of a group name a source.
#[derive(Clone, Copy, Debug, Default)]
struct Named {
    including: u32,
    excluding: u32,
}

/// A group on an interface: its members, and what is still to be told.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) interface: InterfaceId,
    pub(super) address: IpAddr,
    including: u32,
    excluding: u32,
    sources: BTreeMap<IpAddr, Named>,
    /// How often the filter's mode (or in old versions the membership) is still to be told.
    pub(super) mode_left: u8,
    /// How often the coming or going of a source is still to be told.
    pub(super) sources_left: Vec<(IpAddr, u8)>,
    /// When the change is told next.
    pub(super) change_at: Option<Instant>,
    /// When a query about the group is answered, and about which sources; none: about all.
    pub(super) answer: Option<(Instant, Vec<IpAddr>)>,
    pub(super) timer: Option<TimerId>,
    /// In old versions: nobody else has told of the group since we did.
    pub(super) told_last: bool,
}

impl Group {
    fn new(interface: InterfaceId, address: IpAddr) -> Self {
        Group {
            interface,
            address,
            including: 0,
            excluding: 0,
            sources: BTreeMap::new(),
            mode_left: 0,
            sources_left: Vec::new(),
            change_at: None,
            answer: None,
            timer: None,
            told_last: false,
        }
    }

    /// Whether a member is left.
    pub(super) fn has_members(&self) -> bool {
        self.including + self.excluding > 0
    }

    /// Whom the interface hears: all who any member hears (RFC 3376 3.2, RFC 3810 4.2).
    pub(super) fn filter(&self) -> SourceFilter {
        let exclude = self.excluding > 0;
        let named = |named: &Named| match exclude {
            // All who exclude exclude it, and nobody includes it.
            true => named.excluding == self.excluding && named.including == 0,
            false => named.including > 0,
        };
        let sources = self.sources.iter().filter(|(_, counts)| named(counts)).map(|(source, _)| *source);
        SourceFilter { exclude, sources: sources.collect() }
    }

    /// A member comes (`add`) or goes.
    fn count(&mut self, filter: &SourceFilter, add: bool) {
        let change = |count: &mut u32| *count = if add { *count + 1 } else { count.saturating_sub(1) };
        change(if filter.exclude { &mut self.excluding } else { &mut self.including });
        for source in &filter.sources {
            let named = self.sources.entry(*source).or_default();
            change(if filter.exclude { &mut named.excluding } else { &mut named.including });
            if named.including + named.excluding == 0 {
                self.sources.remove(source);
            }
        }
    }

    /// Notes that the interface's filter changed, which is to be told `times` (RFC 3376 5.1, RFC 3810 6.1). What
    /// was still to be told of an earlier change is told with it, as things stand then.
    fn note_change(&mut self, before: &SourceFilter, after: &SourceFilter, times: u8) {
        if before.exclude != after.exclude {
            self.mode_left = times;
            self.sources_left.clear();
            return;
        }
        let changed = |source: &&IpAddr| {
            before.sources.binary_search(source).is_ok() != after.sources.binary_search(source).is_ok()
        };
        for source in before.sources.iter().chain(&after.sources).filter(changed) {
            match self.sources_left.iter_mut().find(|(other, _)| other == source) {
                Some((_, left)) => *left = times,
                None => self.sources_left.push((*source, times)),
            }
        }
    }

    /// The records that tell of a change once more; nothing when it has been told often enough.
    pub(super) fn change_records(&mut self) -> Vec<Record> {
        let filter = self.filter();
        let record = |kind, sources| Record { kind, group: self.address, sources };
        if self.mode_left > 0 {
            self.mode_left -= 1;
            // Sources that changed meanwhile are in the list, or not.
            self.sources_left.retain_mut(|(_, left)| {
                *left -= 1;
                *left > 0
            });
            let kind = match filter.exclude {
                true => RecordKind::ChangeToExclude,
                false => RecordKind::ChangeToInclude,
            };
            return alloc::vec![record(kind, filter.sources)];
        }
        let (allowed, blocked): (Vec<IpAddr>, Vec<IpAddr>) =
            self.sources_left.iter().map(|(source, _)| *source).partition(|source| filter.passes(*source));
        let records = [(RecordKind::AllowNewSources, allowed), (RecordKind::BlockOldSources, blocked)];
        let records = records.into_iter().filter(|(_, sources)| !sources.is_empty());
        let records = records.map(|(kind, sources)| record(kind, sources)).collect();
        self.sources_left.retain_mut(|(_, left)| {
            *left -= 1;
            *left > 0
        });
        records
    }

    /// Whether a change is still to be told.
    pub(super) fn has_change(&self) -> bool {
        self.mode_left > 0 || !self.sources_left.is_empty()
    }

    /// The record that tells how things stand; `None` when there is nothing to tell.
    pub(super) fn state_record(&self) -> Option<Record> {
        let filter = self.filter();
        let kind = match filter.exclude {
            true => RecordKind::ModeIsExclude,
            false => RecordKind::ModeIsInclude,
        };
        let tells = filter.exclude || !filter.sources.is_empty();
        tells.then_some(Record { kind, group: self.address, sources: filter.sources })
    }

    /// The record that answers a query about `sources` of the group (RFC 3376 5.2, third case).
    pub(super) fn answer_record(&self, sources: &[IpAddr]) -> Option<Record> {
        if sources.is_empty() {
            return self.state_record();
        }
        let filter = self.filter();
        let heard: Vec<IpAddr> = sources.iter().copied().filter(|source| filter.passes(*source)).collect();
        let record = Record { kind: RecordKind::ModeIsInclude, group: self.address, sources: heard };
        (!record.sources.is_empty()).then_some(record)
    }

    /// A query about the group is to be answered at `at`, with one that waits already (RFC 3376 5.2, rules 3 to
    /// 5).
    pub(super) fn ask(&mut self, at: Instant, sources: &[IpAddr], limit: usize) {
        let (earlier, mut about) = match self.answer.take() {
            None => (at, sources.to_vec()),
            // A question about all the group's sources has the others in it.
            Some((earlier, about)) if about.is_empty() || sources.is_empty() => (earlier.min(at), Vec::new()),
            Some((earlier, mut about)) => {
                about.extend(
                    sources.iter().filter(|source| !about.contains(source)).copied().collect::<Vec<_>>(),
                );
                (earlier.min(at), about)
            }
        };
        // The answer about all says as much, and more.
        if about.len() > limit {
            about.clear();
        }
        self.answer = Some((earlier, about));
    }

    /// When the timer is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let answer = self.answer.as_ref().map(|(at, _)| *at);
        self.change_at.into_iter().chain(answer).min()
    }
}

/// The groups of all interfaces.
#[derive(Debug)]
pub(crate) struct Groups {
    pub(super) slab: Slab<Group>,
    index: HashMap<(IpAddr, InterfaceId), Key, TableHasher>,
    /// By interface: IPv4 and IPv6.
    links: Vec<[Link; 2]>,
    /// Routers are told of groups at all.
    tells: bool,
}

/// What became of a membership.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Changed {
    /// The interface has too many groups.
    TooMany,
    /// The group has its first member, has lost its last, or neither.
    First,
    Last,
    Neither,
}

impl Groups {
    pub(crate) fn new(hasher: TableHasher, reports: GroupReports) -> Self {
        let (slab, index, links) = (Slab::new(), HashMap::with_hasher(hasher), Vec::new());
        let mut groups = Groups { slab, index, links, tells: reports != GroupReports::Never };
        groups.add_interface();
        groups
    }

    /// Makes room for one more interface.
    pub(crate) fn add_interface(&mut self) {
        self.links.push([Link::new(), Link::new()]);
    }

    /// Whether routers are told of a group.
    pub(super) fn tells_of(&self, group: &Group) -> bool {
        self.tells && is_reported(group.interface, group.address)
    }

    pub(super) fn link(&mut self, on: InterfaceId, v6: bool) -> &mut Link {
        &mut self.links[on.slot()][usize::from(v6)]
    }

    /// The group with this address on an interface.
    pub(super) fn find(&self, on: InterfaceId, group: IpAddr) -> Option<Key> {
        self.index.get(&(group, on)).copied()
    }

    /// All groups of an interface, of one family.
    pub(super) fn keys(&self, on: InterfaceId, v6: bool) -> &[Key] {
        &self.links[on.slot()][usize::from(v6)].groups
    }

    /// A member comes, goes, or changes whom it hears. What routers have to be told is noted.
    pub(super) fn change(
        &mut self,
        now: Instant,
        on: InterfaceId,
        group: IpAddr,
        (before, after): (Option<&SourceFilter>, Option<&SourceFilter>),
        limit: usize,
    ) -> (Changed, Option<Key>) {
        let link = &mut self.links[on.slot()][usize::from(group.is_ipv6())];
        let key = match self.index.get(&(group, on)) {
            Some(key) => *key,
            None if link.groups.len() >= limit => return (Changed::TooMany, None),
            None => {
                let key = self.slab.insert(Group::new(on, group));
                self.index.insert((group, on), key);
                link.groups.push(key);
                key
            }
        };
        let Some(entry) = self.slab.get_mut(key) else { return (Changed::Neither, None) };
        let (old, had) = (entry.filter(), entry.has_members());
        if let Some(after) = after {
            entry.count(after, true);
        }
        if let Some(before) = before {
            entry.count(before, false);
        }
        let (new, has) = (entry.filter(), entry.has_members());
        if self.tells && is_reported(on, group) {
            let old_version = link.version(now) < Version::V3;
            match old_version {
                false => entry.note_change(&old, &new, link.robustness),
                // RFC 3376 7.2.1: whom a member hears cannot be told.
                true if had == has => {}
                true => entry.mode_left = if has { link.robustness } else { 1 },
            }
        }
        let changed = match (had, has) {
            (false, true) => Changed::First,
            (true, false) => Changed::Last,
            _ => Changed::Neither,
        };
        (changed, Some(key))
    }

    /// Forgets a group without members of which nothing is to be told.
    pub(super) fn forget_if_done(&mut self, key: Key) {
        let Some(group) = self.slab.get(key) else { return };
        if group.has_members() || group.deadline().is_some() {
            return;
        }
        let (address, on) = (group.address, group.interface);
        self.slab.remove(key);
        self.index.remove(&(address, on));
        self.link(on, address.is_ipv6()).groups.retain(|other| *other != key);
    }
}

/// Whether routers are told of a group (RFC 3376 5, RFC 3810 6): not of those that all are in for ever, nor of what
/// does not reach the link.
fn is_reported(on: InterfaceId, group: IpAddr) -> bool {
    let reaches = match group {
        IpAddr::V4(_) => true,
        IpAddr::V6(v6) => v6.octets()[1] & 0x0f >= 2,
    };
    on != InterfaceId::LOOPBACK && reaches && !is_permanent_group(group)
}
