//! Puts fragments together (RFC 791 3.2, RFC 815, RFC 8200 4.5).
//!
//! Fragments that overlap make the whole packet void, whatever comes later (RFC 5722, RFC 8200 4.5): only an
//! attacker sends them. The same is done for IPv4. An exact duplicate is ignored.
//!
//! Since pieces never overlap, a packet is complete when its end is known and the bytes held are as many as
//! lie before the end; there is no list of holes.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::net::IpAddr;

use bytes::{Bytes, BytesMut};
use fathom_record::{DropReason, RecordId};
use fathom_wire::{Ecn, IpProtocol};
use hashbrown::HashMap;

use crate::context::Context;
use crate::interface::InterfaceId;
use crate::random::TableHasher;
use crate::slab::{Key, Slab};
use crate::timer::TimerKey;
use crate::wheel::TimerId;

/// Most pieces of one packet: the largest packet in fragments of the smallest IPv4 MTU would have 1366, and
/// one over Ethernet 45.
const MAX_PIECES: usize = 128;
/// Charged for each piece beside its data.
const PIECE_OVERHEAD: usize = 64;
/// No packet is larger, its IP header not counted (RFC 791 3.1, RFC 8200 4.5).
const MAX_PAYLOAD: usize = 65535;

/// What fragments of one packet have in common (RFC 791 3.2, RFC 8200 4.5).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct PacketId {
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    /// The protocol in IPv4; 44 in IPv6, where it is not part of the identity.
    pub(crate) protocol: u8,
    pub(crate) identification: u32,
}

/// A fragment.
#[derive(Clone, Debug)]
pub(crate) struct Fragment {
    /// Where its data belongs, in bytes.
    pub(crate) offset: usize,
    pub(crate) more_fragments: bool,
    pub(crate) data: Bytes,
    /// What follows the IP header, or the fragment header, of this fragment.
    pub(crate) protocol: IpProtocol,
    pub(crate) ecn: Ecn,
    /// The whole fragment from its IP header on.
    pub(crate) packet: Bytes,
    pub(crate) interface: InterfaceId,
    pub(crate) cause: Option<RecordId>,
}

/// A packet put together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Reassembled {
    /// What follows the IP header (and the fragment header) of its first fragment.
    pub(crate) protocol: IpProtocol,
    pub(crate) payload: Bytes,
    /// Congestion experienced if any fragment has it (RFC 3168 5.3).
    pub(crate) ecn: Ecn,
    /// The first fragment from its IP header on.
    pub(crate) first: Bytes,
}

/// What became of a packet that was given up.
#[derive(Clone, Debug)]
pub(crate) struct Abandoned {
    pub(crate) interface: InterfaceId,
    /// Its first fragment from the IP header on, when that had come: an ICMP error quotes it.
    pub(crate) first: Option<Bytes>,
    /// Bytes that had come.
    pub(crate) len: usize,
    pub(crate) cause: Option<RecordId>,
}

#[derive(Debug)]
struct Reassembly {
    id: PacketId,
    /// In order of offset, without overlap.
    pieces: Vec<(usize, Bytes)>,
    /// Bytes of all pieces.
    held: usize,
    /// Where the packet ends, once its last fragment has come.
    end: Option<usize>,
    /// Overlapping fragments came: nothing will become of it.
    void: bool,
    first: Option<(Bytes, IpProtocol)>,
    ecn: Ecn,
    interface: InterfaceId,
    cause: Option<RecordId>,
    charged: usize,
    timer: TimerId,
}

/// Packets under reassembly.
#[derive(Debug)]
pub(crate) struct Reassemblies {
    slab: Slab<Reassembly>,
    index: HashMap<PacketId, Key, TableHasher>,
    /// In the order in which they began. May name some that are gone.
    order: VecDeque<Key>,
    /// Charged for all of them.
    charged: usize,
}

impl Reassemblies {
    pub(crate) fn new(hasher: TableHasher) -> Self {
        Reassemblies {
            slab: Slab::new(),
            index: HashMap::with_hasher(hasher),
            order: VecDeque::new(),
            charged: 0,
        }
    }

    /// How many packets are under reassembly.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.slab.len()
    }

    /// Bytes held for them, overhead included.
    pub(crate) fn charged(&self) -> usize {
        self.charged
    }

    /// What is charged for them, counted anew, and their timers.
    pub(crate) fn recount(&self) -> (usize, impl Iterator<Item = (TimerId, TimerKey)> + '_) {
        let charge = |piece: &(usize, Bytes)| piece.1.len() + PIECE_OVERHEAD;
        let charged = self.slab.iter().flat_map(|(_, reassembly)| reassembly.pieces.iter().map(charge)).sum();
        let timers = self.slab.iter().map(|(key, held)| (held.timer, TimerKey::Reassembly(key)));
        (charged, timers)
    }

    /// Takes in a fragment. Gives the packet when it is complete, and why the fragment was dropped when it was.
    pub(crate) fn add(
        &mut self,
        cx: &mut Context<'_>,
        id: PacketId,
        fragment: Fragment,
    ) -> Result<Option<Reassembled>, DropReason> {
        let len = fragment.data.len();
        // RFC 791 3.2, RFC 8200 4.5: all but the last are a multiple of 8 long, none ends beyond 65535.
        let invalid = fragment.offset + len > MAX_PAYLOAD
            || len == 0
            || (fragment.more_fragments && !len.is_multiple_of(8));
        if invalid {
            return Err(DropReason::FragmentInvalid);
        }
        let key = match self.index.get(&id) {
            Some(key) => *key,
            None => self.begin(cx, id, &fragment)?,
        };
        self.make_room(cx, key, len + PIECE_OVERHEAD)?;
        let Some(reassembly) = self.slab.get_mut(key) else { return Err(DropReason::ReassemblyFull) };
        let before = reassembly.held;
        let placed = reassembly.place(fragment);
        let (held, complete) = (reassembly.held, reassembly.is_complete());
        if reassembly.void {
            // The entry stays, so that what still comes of the packet is recognised; its data does not.
            reassembly.pieces = Vec::new();
            reassembly.first = None;
            let charged = reassembly.charged;
            self.refund(cx, key, charged);
        } else if placed.is_err() || held == before {
            // Nothing was kept of it: nor is anything charged.
            self.refund(cx, key, len + PIECE_OVERHEAD);
        }
        placed?;
        if !complete {
            return Ok(None);
        }
        Ok(self.remove(cx, key).and_then(Reassembly::finish))
    }

    /// The time of a packet is up (RFC 1122 3.3.2, RFC 8200 4.5).
    pub(crate) fn handle_timer(&mut self, cx: &mut Context<'_>, key: Key) -> Option<Abandoned> {
        let reassembly = self.remove(cx, key)?;
        Some(Abandoned {
            interface: reassembly.interface,
            len: reassembly.held,
            cause: reassembly.cause,
            first: reassembly.first.map(|(packet, _)| packet),
        })
    }

    fn begin(&mut self, cx: &mut Context<'_>, id: PacketId, fragment: &Fragment) -> Result<Key, DropReason> {
        while self.slab.len() >= cx.config.internet.reassemblies {
            if !self.give_up_oldest(cx, None) {
                return Err(DropReason::ReassemblyFull);
            }
        }
        let deadline = cx.now + cx.config.internet.reassembly_timeout;
        let timers = &mut *cx.timers;
        let key = self.slab.insert_with(|key| Reassembly {
            id,
            pieces: Vec::new(),
            held: 0,
            end: None,
            void: false,
            first: None,
            ecn: fragment.ecn,
            interface: fragment.interface,
            cause: fragment.cause,
            charged: 0,
            timer: timers.insert(deadline, TimerKey::Reassembly(key)),
        });
        self.index.insert(id, key);
        self.order.push_back(key);
        Ok(key)
    }

    /// Charges `bytes` for a piece of `key`, giving up older packets where it takes that.
    fn make_room(&mut self, cx: &mut Context<'_>, key: Key, bytes: usize) -> Result<(), DropReason> {
        while self.charged + bytes > cx.config.internet.reassembly_bytes {
            if !self.give_up_oldest(cx, Some(key)) {
                return Err(DropReason::ReassemblyFull);
            }
        }
        if !cx.memory.charge(bytes) {
            return Err(DropReason::MemoryLimit);
        }
        self.charged += bytes;
        if let Some(reassembly) = self.slab.get_mut(key) {
            reassembly.charged += bytes;
        }
        Ok(())
    }

    fn refund(&mut self, cx: &mut Context<'_>, key: Key, bytes: usize) {
        cx.memory.release(bytes);
        self.charged -= bytes;
        if let Some(reassembly) = self.slab.get_mut(key) {
            reassembly.charged -= bytes;
        }
    }

    /// Gives up the packet that began first, unless it is `but`.
    fn give_up_oldest(&mut self, cx: &mut Context<'_>, but: Option<Key>) -> bool {
        while let Some(key) = self.order.pop_front() {
            if Some(key) == but {
                self.order.push_front(key);
                return false;
            }
            if let Some(given_up) = self.remove(cx, key) {
                let Reassembly { interface, held, cause, .. } = given_up;
                cx.dropped(Some(interface), DropReason::ReassemblyFull, held, cause);
                return true;
            }
        }
        false
    }

    fn remove(&mut self, cx: &mut Context<'_>, key: Key) -> Option<Reassembly> {
        let reassembly = self.slab.remove(key)?;
        cx.timers.cancel(reassembly.timer);
        self.index.remove(&reassembly.id);
        self.charged -= reassembly.charged;
        cx.memory.release(reassembly.charged);
        while self.order.front().is_some_and(|key| self.slab.get(*key).is_none()) {
            self.order.pop_front();
        }
        if self.order.len() > 2 * self.slab.len() + 16 {
            self.order.retain(|key| self.slab.get(*key).is_some());
        }
        Some(reassembly)
    }
}

impl Reassembly {
    /// Puts a fragment in its place.
    fn place(&mut self, fragment: Fragment) -> Result<(), DropReason> {
        if self.void {
            return Err(DropReason::FragmentInvalid);
        }
        let Fragment { offset, more_fragments, data, protocol, ecn, packet, .. } = fragment;
        let end = offset + data.len();
        let index = self.pieces.partition_point(|(other, _)| *other < offset);
        if self.pieces.get(index).is_some_and(|(other, bytes)| *other == offset && *bytes == data) {
            // The last fragment once more is the last again, and no other is.
            let same_end = more_fragments != (self.end == Some(end));
            return if same_end { Ok(()) } else { self.make_void() };
        }
        let after_previous =
            index.checked_sub(1).is_none_or(|i| self.pieces[i].0 + self.pieces[i].1.len() <= offset);
        let before_next = self.pieces.get(index).is_none_or(|(next, _)| end <= *next && *next != offset);
        let held_end = self.pieces.last().map_or(0, |(last, bytes)| last + bytes.len());
        let end_agrees = match (self.end, more_fragments) {
            (Some(known), false) => known == end,
            (Some(known), true) => end <= known,
            (None, false) => held_end <= end,
            (None, true) => true,
        };
        if !after_previous || !before_next || !end_agrees {
            return self.make_void();
        }
        if self.pieces.len() >= MAX_PIECES {
            return Err(DropReason::ReassemblyFull);
        }
        if !more_fragments {
            self.end = Some(end);
        }
        if offset == 0 {
            self.first = Some((packet, protocol));
        }
        if ecn == Ecn::Ce {
            self.ecn = Ecn::Ce;
        }
        self.held += data.len();
        self.pieces.insert(index, (offset, data));
        Ok(())
    }

    fn make_void(&mut self) -> Result<(), DropReason> {
        self.void = true;
        Err(DropReason::FragmentInvalid)
    }

    fn is_complete(&self) -> bool {
        !self.void && self.end == Some(self.held) && self.first.is_some()
    }

    fn finish(self) -> Option<Reassembled> {
        let (first, protocol) = self.first?;
        let mut payload = BytesMut::with_capacity(self.held);
        for (_, bytes) in &self.pieces {
            payload.extend_from_slice(bytes);
        }
        Some(Reassembled { protocol, payload: payload.freeze(), ecn: self.ecn, first })
    }
}

#[cfg(test)]
mod tests;
