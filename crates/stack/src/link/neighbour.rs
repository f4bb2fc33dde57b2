//! Neighbours: which link address a next hop has, and whether it still answers.
//!
//! One table for ARP (RFC 826, RFC 1122 2.3.2) and neighbour discovery (RFC 4861 7): both ask for an address,
//! both learn from what they hear, and neighbour unreachability detection (RFC 4861 7.3) suits both.
//! This file is the state machine; it builds no packet. What is to be sent or let go is returned.
//!
//! ```text
//!                    answer                  time                use
//!   (none) ─use─► INCOMPLETE ───► REACHABLE ──────► STALE ───────────► DELAY
//!                    │ no answer       ▲                                │ 5 s
//!                    ▼                 └──────────── answer ───────── PROBE ──no answer──► (none)
//!               UNREACHABLE ──hold──► (none)
//! ```

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use fathom_record::DropReason;
use fathom_wire::{EthernetAddress, Instant};
use hashbrown::HashMap;

use crate::context::Context;
use crate::interface::InterfaceId;
use crate::outgoing::Outgoing;
use crate::random::TableHasher;
use crate::slab::{Key, Slab};
use crate::socket::SocketId;
use crate::timer::TimerKey;
use crate::wheel::TimerId;

/// How many neighbours a full table looks at to find one to forget.
const EVICTION_TRIES: usize = 8;

/// The states of RFC 4861 7.3.2, and one for the time after a resolution has failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// Asked for by multicast (or broadcast) this often; no answer yet.
    Incomplete { solicits: u8 },
    /// Confirmed; good until then.
    Reachable { hardware: EthernetAddress, until: Instant },
    /// Known but not confirmed of late. Stays so until it is used.
    Stale { hardware: EthernetAddress },
    /// Used while stale: a confirmation may still come by itself.
    Delay { hardware: EthernetAddress },
    /// Asked by unicast this often whether it is still there.
    Probe { hardware: EthernetAddress, solicits: u8 },
    /// Nobody answered; what is sent to it fails at once for a while.
    Unreachable,
}

impl State {
    fn hardware(self) -> Option<EthernetAddress> {
        match self {
            State::Incomplete { .. } | State::Unreachable => None,
            State::Reachable { hardware, .. }
            | State::Stale { hardware }
            | State::Delay { hardware }
            | State::Probe { hardware, .. } => Some(hardware),
        }
    }
}

#[derive(Debug)]
struct Neighbour {
    interface: InterfaceId,
    address: IpAddr,
    state: State,
    /// Used since the table last looked for one to forget.
    used: bool,
    /// It said of itself that it is a router (RFC 4861 7.2.5, IsRouter).
    router: bool,
    timer: Option<TimerId>,
    waiting: Waiting,
}

/// What waits for a neighbour's link address.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    /// Packets without a socket to wait in, oldest first.
    pub(crate) packets: VecDeque<Outgoing>,
    /// Sockets that are not pulled meanwhile, each once.
    pub(crate) sockets: Vec<SocketId>,
}

impl Waiting {
    /// Takes out what waits; it is no longer charged.
    fn take(&mut self, cx: &mut Context<'_>) -> Waiting {
        for packet in &self.packets {
            cx.memory.release(packet.charge());
        }
        core::mem::take(self)
    }

    fn is_empty(&self) -> bool {
        self.packets.is_empty() && self.sockets.is_empty()
    }
}

/// What is known of a neighbour that something is to be sent to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Resolution {
    /// Its link address.
    Known(EthernetAddress),
    /// It has been asked for; wait.
    Waiting(Key),
    /// It is to be asked for at once; wait.
    Solicit(Key),
    /// It did not answer.
    Unreachable,
    /// No room in the table.
    TableFull,
}

/// A question to send to or about a neighbour.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Solicitation {
    pub(crate) interface: InterfaceId,
    pub(crate) target: IpAddr,
    /// Whom to ask; `None` asks everybody.
    pub(crate) to: Option<EthernetAddress>,
}

/// What is due after a neighbour's timer ran out.
#[derive(Debug)]
pub(crate) enum Due {
    Nothing,
    Solicit(Solicitation),
    /// Nobody answered: what waited is let go.
    Failed {
        interface: InterfaceId,
        waiting: Waiting,
    },
}

/// What a message says about a neighbour.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Evidence {
    /// It asked us something, and gave its link address (RFC 4861 7.2.3; RFC 826 for a request to us).
    Asked,
    /// It told its link address (RFC 4861 7.2.5; an ARP reply, or a gratuitous ARP packet).
    Told {
        /// In answer to our question.
        solicited: bool,
        /// Even if we know another one.
        override_: bool,
        /// Whether it is a router, where the protocol tells.
        router: Option<bool>,
    },
}

/// A neighbour's link address became known: this may go to it.
#[derive(Debug)]
pub(crate) struct Released {
    pub(crate) interface: InterfaceId,
    pub(crate) hardware: EthernetAddress,
    pub(crate) waiting: Waiting,
}

/// The neighbours on all interfaces.
#[derive(Debug)]
pub(crate) struct Neighbours {
    slab: Slab<Neighbour>,
    index: HashMap<(InterfaceId, IpAddr), Key, TableHasher>,
    /// All neighbours in the order in which the table considers forgetting them. May name some that are gone.
    clock: VecDeque<Key>,
    /// The neighbour that was looked up last.
    recent: Option<Key>,
}

impl Neighbours {
    /// What is charged for what waits, counted anew.
    pub(crate) fn recount(&self) -> usize {
        self.slab.iter().flat_map(|(_, neighbour)| &neighbour.waiting.packets).map(Outgoing::charge).sum()
    }

    /// Their timers.
    pub(crate) fn timers(&self) -> impl Iterator<Item = (TimerId, TimerKey)> + '_ {
        self.slab.iter().filter_map(|(key, it)| it.timer.map(|timer| (timer, TimerKey::Neighbour(key))))
    }

    /// The sockets that wait for one.
    pub(crate) fn parked(&self) -> impl Iterator<Item = SocketId> + '_ {
        self.slab.iter().flat_map(|(_, neighbour)| neighbour.waiting.sockets.iter().copied())
    }

    pub(crate) fn new(hasher: TableHasher) -> Self {
        Neighbours {
            slab: Slab::new(),
            index: HashMap::with_hasher(hasher),
            clock: VecDeque::new(),
            recent: None,
        }
    }

    /// How many neighbours are known.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.slab.len()
    }

    /// The state of a neighbour.
    #[cfg(test)]
    pub(crate) fn state(&self, interface: InterfaceId, address: IpAddr) -> Option<State> {
        let key = self.index.get(&(interface, address))?;
        Some(self.slab.get(*key)?.state)
    }

    /// Something is to be sent to `address`: what is known of it? Starts the resolution of a neighbour that
    /// is unknown, and the confirmation of one that is stale.
    pub(crate) fn resolve(
        &mut self,
        cx: &mut Context<'_>,
        interface: InterfaceId,
        address: &IpAddr,
    ) -> Resolution {
        let Some(key) = self.find(interface, address) else {
            let state = State::Incomplete { solicits: 1 };
            let Some(key) = self.create(cx, interface, *address, state) else {
                return Resolution::TableFull;
            };
            self.set_timer(cx, key, cx.config.link.retransmit);
            return Resolution::Solicit(key);
        };
        let Some(neighbour) = self.slab.get_mut(key) else { return Resolution::TableFull };
        neighbour.used = true;
        match neighbour.state {
            State::Incomplete { .. } => Resolution::Waiting(key),
            State::Unreachable => Resolution::Unreachable,
            State::Reachable { hardware, until } if cx.now < until => Resolution::Known(hardware),
            // RFC 4861 7.3.3: the first packet to a stale neighbour starts the delay.
            State::Reachable { hardware, .. } | State::Stale { hardware } => {
                neighbour.state = State::Delay { hardware };
                self.set_timer(cx, key, cx.config.link.delay_first_probe);
                Resolution::Known(hardware)
            }
            State::Delay { hardware } | State::Probe { hardware, .. } => Resolution::Known(hardware),
        }
    }

    /// The neighbour with this address. Packets come in trains, so the one before is tried first.
    fn find(&mut self, interface: InterfaceId, address: &IpAddr) -> Option<Key> {
        let is_it = |found: &Neighbour| found.address == *address && found.interface == interface;
        if let Some(recent) = self.recent.filter(|key| self.slab.get(*key).is_some_and(is_it)) {
            return Some(recent);
        }
        self.recent = self.index.get(&(interface, *address)).copied();
        self.recent
    }

    /// Lets `packet` wait for a neighbour. Gives a packet back that does not wait (any longer), with the
    /// reason: the oldest one when there are too many (RFC 1122 2.3.2.2, RFC 4861 7.2.2).
    pub(crate) fn enqueue(
        &mut self,
        cx: &mut Context<'_>,
        key: Key,
        packet: Outgoing,
    ) -> Option<(DropReason, Outgoing)> {
        let Some(neighbour) = self.slab.get_mut(key) else {
            return Some((DropReason::NeighbourUnreachable, packet));
        };
        if !cx.memory.charge(packet.charge()) {
            return Some((DropReason::MemoryLimit, packet));
        }
        let packets = &mut neighbour.waiting.packets;
        packets.push_back(packet);
        if packets.len() <= cx.config.link.packets_per_neighbour {
            return None;
        }
        let oldest = packets.pop_front()?;
        cx.memory.release(oldest.charge());
        Some((DropReason::NeighbourQueueFull, oldest))
    }

    /// Lets `socket` wait for a neighbour, until it is released or has failed.
    pub(crate) fn park(&mut self, key: Key, socket: SocketId) {
        if let Some(neighbour) = self.slab.get_mut(key) {
            neighbour.waiting.sockets.push(socket);
        }
    }

    /// Lets the sockets go that wait for neighbours. Walks the table: for a change of addresses, routes or
    /// links, after which the way of a socket may be another.
    pub(crate) fn release_sockets(&mut self) -> Vec<SocketId> {
        let waits = |neighbour: &Neighbour| !neighbour.waiting.sockets.is_empty();
        let keys: Vec<Key> = self.slab.iter().filter(|(_, n)| waits(n)).map(|(key, _)| key).collect();
        let mut sockets = Vec::new();
        for key in keys {
            if let Some(neighbour) = self.slab.get_mut(key) {
                sockets.append(&mut neighbour.waiting.sockets);
            }
        }
        sockets
    }

    /// A neighbour's timer ran out (RFC 4861 7.2.2 and 7.3.3).
    pub(crate) fn handle_timer(&mut self, cx: &mut Context<'_>, key: Key) -> Due {
        let Some(neighbour) = self.slab.get_mut(key) else { return Due::Nothing };
        neighbour.timer = None;
        let (interface, target) = (neighbour.interface, neighbour.address);
        let limits = &cx.config.link;
        match neighbour.state {
            State::Incomplete { solicits } if solicits < limits.max_multicast_solicit => {
                neighbour.state = State::Incomplete { solicits: solicits + 1 };
                self.set_timer(cx, key, cx.config.link.retransmit);
                Due::Solicit(Solicitation { interface, target, to: None })
            }
            State::Incomplete { .. } => {
                neighbour.state = State::Unreachable;
                let waiting = neighbour.waiting.take(cx);
                self.set_timer(cx, key, cx.config.link.unreachable_hold);
                Due::Failed { interface, waiting }
            }
            State::Delay { hardware } => {
                neighbour.state = State::Probe { hardware, solicits: 1 };
                self.set_timer(cx, key, cx.config.link.retransmit);
                Due::Solicit(Solicitation { interface, target, to: Some(hardware) })
            }
            State::Probe { hardware, solicits } if solicits < limits.max_unicast_solicit => {
                neighbour.state = State::Probe { hardware, solicits: solicits + 1 };
                self.set_timer(cx, key, cx.config.link.retransmit);
                Due::Solicit(Solicitation { interface, target, to: Some(hardware) })
            }
            // RFC 4861 7.3.3: the entry is deleted, so that the next packet asks everybody again.
            State::Probe { .. } | State::Unreachable => {
                self.remove(cx, key);
                Due::Nothing
            }
            State::Reachable { .. } | State::Stale { .. } => Due::Nothing,
        }
    }

    /// Learns from a message of a neighbour. `hardware` is the link address that it gave.
    pub(crate) fn learn(
        &mut self,
        cx: &mut Context<'_>,
        interface: InterfaceId,
        address: IpAddr,
        hardware: Option<EthernetAddress>,
        evidence: Evidence,
    ) -> Option<Released> {
        let Some(&key) = self.index.get(&(interface, address)) else {
            // RFC 4861 7.2.5, RFC 826: who only tells is not taken into the table; who asks us is, since we
            // are about to answer.
            if let (Evidence::Asked, Some(hardware)) = (evidence, hardware) {
                self.create(cx, interface, address, State::Stale { hardware });
            }
            return None;
        };
        let neighbour = self.slab.get_mut(key)?;
        let known = neighbour.state.hardware();
        let state = next_state(cx, neighbour.state, hardware, evidence)?;
        if let Evidence::Told { router: Some(router), .. } = evidence {
            neighbour.router = router;
        }
        neighbour.state = state;
        self.stop_timer(cx, key);
        let hardware = state.hardware()?;
        if known.is_some() {
            return None;
        }
        let waiting = self.slab.get_mut(key)?.waiting.take(cx);
        Some(Released { interface, hardware, waiting })
    }

    /// Forgets all neighbours of an interface; what waited for them is given back. Walks the table: for a
    /// link that went down.
    pub(crate) fn forget_interface(&mut self, cx: &mut Context<'_>, interface: InterfaceId) -> Vec<Waiting> {
        let keys: Vec<Key> =
            self.slab.iter().filter(|(_, n)| n.interface == interface).map(|(key, _)| key).collect();
        keys.into_iter().filter_map(|key| self.remove(cx, key)).collect()
    }

    fn create(
        &mut self,
        cx: &mut Context<'_>,
        interface: InterfaceId,
        address: IpAddr,
        state: State,
    ) -> Option<Key> {
        if self.slab.len() >= cx.config.link.neighbours && !self.evict(cx) {
            return None;
        }
        let key = self.slab.insert(Neighbour {
            interface,
            address,
            state,
            used: true,
            router: false,
            timer: None,
            waiting: Waiting::default(),
        });
        self.index.insert((interface, address), key);
        self.clock.push_back(key);
        Some(key)
    }

    /// Forgets a neighbour for which nothing waits and that was not used since the clock's hand last passed
    /// it. Looks at a few only; false when none of them may go.
    fn evict(&mut self, cx: &mut Context<'_>) -> bool {
        for last in (0..EVICTION_TRIES).rev() {
            let Some(key) = self.clock.pop_front() else { return false };
            let Some(neighbour) = self.slab.get_mut(key) else { continue };
            if neighbour.waiting.is_empty() && (!neighbour.used || last == 0) {
                self.remove(cx, key);
                return true;
            }
            neighbour.used = false;
            self.clock.push_back(key);
        }
        false
    }

    fn remove(&mut self, cx: &mut Context<'_>, key: Key) -> Option<Waiting> {
        self.stop_timer(cx, key);
        let mut neighbour = self.slab.remove(key)?;
        self.index.remove(&(neighbour.interface, neighbour.address));
        // The clock drops names of those that are gone when its hand passes them, or here when they prevail.
        if self.clock.len() > 2 * self.slab.len() + EVICTION_TRIES {
            self.clock.retain(|key| self.slab.get(*key).is_some());
        }
        Some(neighbour.waiting.take(cx))
    }

    fn set_timer(&mut self, cx: &mut Context<'_>, key: Key, after: Duration) {
        self.stop_timer(cx, key);
        if let Some(neighbour) = self.slab.get_mut(key) {
            neighbour.timer = Some(cx.timers.insert(cx.now + after, TimerKey::Neighbour(key)));
        }
    }

    fn stop_timer(&mut self, cx: &mut Context<'_>, key: Key) {
        if let Some(timer) = self.slab.get_mut(key).and_then(|neighbour| neighbour.timer.take()) {
            cx.timers.cancel(timer);
        }
    }
}

/// The state after a message, `None` when the message changes nothing.
fn next_state(
    cx: &mut Context<'_>,
    state: State,
    told: Option<EthernetAddress>,
    evidence: Evidence,
) -> Option<State> {
    let known = state.hardware();
    match evidence {
        // RFC 4861 7.2.3: a link address that differs makes the entry STALE, the same changes nothing.
        Evidence::Asked => {
            let told = told?;
            (known != Some(told)).then_some(State::Stale { hardware: told })
        }
        Evidence::Told { solicited, override_, .. } => {
            let Some(known) = known else {
                // RFC 4861 7.2.5, INCOMPLETE: useless without a link address.
                let hardware = told?;
                return Some(if solicited { reachable(cx, hardware) } else { State::Stale { hardware } });
            };
            let hardware = told.unwrap_or(known);
            let differs = hardware != known;
            if differs && !override_ {
                // RFC 4861 7.2.5, I: not to be trusted, but a reason to doubt.
                let doubted = matches!(state, State::Reachable { .. });
                return doubted.then_some(State::Stale { hardware: known });
            }
            // RFC 4861 7.2.5, II.
            if solicited {
                Some(reachable(cx, hardware))
            } else {
                differs.then_some(State::Stale { hardware })
            }
        }
    }
}

/// REACHABLE for a time drawn between half and one and a half of the base (RFC 4861 6.3.2).
fn reachable(cx: &mut Context<'_>, hardware: EthernetAddress) -> State {
    let base = cx.config.link.base_reachable;
    let factor = 500 + cx.random.below(1001);
    State::Reachable { hardware, until: cx.now + base * factor / 1000 }
}

#[cfg(test)]
mod tests;
