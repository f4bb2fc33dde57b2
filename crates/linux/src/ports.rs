//! Which TCP sockets have which port: what `bind` reserves, before the engine knows of the socket.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use fathom_stack::{Seed, SocketCursor, SocketEntry, Stack};
use fathom_wire::Instant;

use crate::file::{Common, Fd, Files};

/// Places of a walk over the engine's sockets that are looked at at a time.
const STEP: usize = 1024;

/// The ports of TCP sockets.
pub(crate) struct Ports {
    bound: BTreeMap<u16, BTreeSet<Fd>>,
    random: u64,
}

/// A socket as one that is to be bound sees it.
pub(crate) struct Rival {
    pub(crate) address: SocketAddr,
    pub(crate) common: Common,
    pub(crate) listens: bool,
}

impl Ports {
    pub(crate) fn new(seed: &Seed) -> Ports {
        let seed = seed.0.chunks_exact(8).filter_map(<[u8]>::first_chunk);
        // Not the engine's keys: only which port is tried first comes from it.
        Ports {
            bound: BTreeMap::new(),
            random: seed.fold(0, |sum, part| mix(sum ^ u64::from_le_bytes(*part))),
        }
    }

    /// `fd` has a port.
    pub(crate) fn insert(&mut self, port: u16, fd: Fd) {
        self.bound.entry(port).or_default().insert(fd);
    }

    /// `fd` lets go of its port.
    pub(crate) fn remove(&mut self, port: u16, fd: Fd) {
        let Some(fds) = self.bound.get_mut(&port) else { return };
        fds.remove(&fd);
        if fds.is_empty() {
            self.bound.remove(&port);
        }
    }

    /// The sockets at a port.
    pub(crate) fn at(&self, port: u16) -> impl Iterator<Item = Fd> + '_ {
        self.bound.get(&port).into_iter().flatten().copied()
    }

    /// A port that nobody has, from a random one on.
    pub(crate) fn choose(&mut self, (first, last): (u16, u16)) -> Option<u16> {
        self.random = mix(self.random.wrapping_add(0x9e37_79b9_7f4a_7c15));
        let count = u64::from(last - first) + 1;
        let start = self.random % count;
        let ports = (0..count).map(|offset| first + ((start + offset) % count) as u16);
        ports.into_iter().find(|port| !self.bound.contains_key(port))
    }
}

/// The finalizer of SplitMix64.
fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

impl Rival {
    /// Whether two sockets cannot both be bound to their port (`inet_csk_bind_conflict`).
    pub(crate) fn conflicts(&self, other: &Rival) -> bool {
        let apart = matches!((self.common.interface, other.common.interface), (Some(a), Some(b)) if a != b);
        let reuse = self.common.reuse_address && other.common.reuse_address;
        let share_address = reuse && !self.listens && !other.listens;
        let share_port = self.common.reuse_port && other.common.reuse_port;
        !apart && !share_address && !share_port && self.overlaps(other)
    }

    fn overlaps(&self, other: &Rival) -> bool {
        let (a, b) = (self.address.ip().to_canonical(), other.address.ip().to_canonical());
        a == b || self.covers(a, b) || other.covers(b, a)
    }

    /// Whether `all`, the address of `self`, stands for `one` too.
    fn covers(&self, all: IpAddr, one: IpAddr) -> bool {
        let dual = all.is_ipv6() && !self.common.only_v6;
        all.is_unspecified() && (all.is_ipv4() == one.is_ipv4() || dual)
    }
}

/// Whether the engine has what is left of a connection at this address: one that its program has closed, or
/// TIME-WAIT. Looks at all: `bind` pays for it, no packet does.
pub(crate) fn is_lingering(stack: &Stack, now: Instant, files: &Files, ports: &Ports, rival: &Rival) -> bool {
    let port = rival.address.port();
    let held: BTreeSet<_> = ports.at(port).filter_map(|fd| files.socket(fd).ok()?.connection()).collect();
    let mut found = false;
    let mut look = |entry: SocketEntry| {
        let local = match entry {
            SocketEntry::Connection { id, local, .. } if !held.contains(&id) => local,
            SocketEntry::Remnant { local, .. } => local,
            _ => return,
        };
        let other = Rival { address: local, common: Common::default(), listens: false };
        found |= local.port() == port && rival.overlaps(&other);
    };
    let mut cursor = Some(SocketCursor::default());
    while let Some(at) = cursor {
        cursor = stack.walk_sockets(now, at, STEP, &mut look);
    }
    found
}
