//! Fragments of IP packets, put together by a stack and by a naive model that holds them as they came.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use fathom_stack::{Batch, Config, Family, Interface, InterfaceId, RawId, Seed, Stack};
use fathom_wire::{Ecn, Instant, IpProtocol};

use crate::actions;
use crate::packets::Ip;

/// A protocol for experiments (RFC 3692), which nobody but the raw socket takes.
const PROTOCOL: IpProtocol = IpProtocol::Unknown(253);
/// How long a packet waits for its fragments.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Most fragments of a packet.
const MAX_PIECES: usize = 128;

/// Fragments of a few packets at a time, of both families: in order or not, twice, overlapping, too long, late.
pub(crate) fn fragments(bytes: &[u8]) {
    let mut receiver = Receiver::new();
    let mut model = Model::default();
    let mut expected = Vec::new();
    for action in actions::read(bytes) {
        if action.kind(16) == 15 {
            receiver.now += Duration::from_secs(7 * u64::from(action.byte(1) % 16));
            receiver.stack.handle_timeout(receiver.now);
            model.forget(receiver.now);
            while receiver.stack.poll_transmit(receiver.now, receiver.interface).is_some() {}
            continue;
        }
        let (v6, identification) = (action.bit(1, 0), u16::from(action.byte(1) >> 1 & 3));
        let offset = match action.byte(2) {
            // Far out, where packets end that are too long.
            byte @ 240.. => 65528 - 8 * usize::from(byte & 15),
            byte => 8 * usize::from(byte & 0x3f),
        };
        let len = match action.byte(3) {
            byte @ 0..=127 => 8 * usize::from(byte & 7) + 8,
            byte @ 128..=191 => usize::from(byte & 0x3f),
            byte => usize::from(byte) * 5,
        };
        let more = !action.bit(4, 0);
        let ecn = if action.bit(4, 1) { Ecn::Ce } else { Ecn::Ect0 };
        // What overlaps says the same, unless it does not.
        let wrong = if action.bit(4, 2) && action.bit(4, 3) { action.byte(5) } else { 0 };
        let data: Vec<u8> = (offset..offset + len)
            .map(|at| (at / 8 * 31 + at) as u8 ^ identification as u8 ^ wrong)
            .collect();
        let fragment = Fragment { offset, more, data, ecn };
        receiver.receive(v6, identification, &fragment);
        expected.extend(model.add((v6, identification), fragment, receiver.now));
        let got = receiver.take(v6);
        assert_eq!(got, std::mem::take(&mut expected), "after a fragment at {offset} of {len} bytes");
    }
    // What is left is given up in time, and nothing of it is held.
    receiver.now += TIMEOUT + Duration::from_secs(1);
    receiver.stack.handle_timeout(receiver.now);
    while receiver.stack.poll_transmit(receiver.now, receiver.interface).is_some() {}
    assert_eq!(receiver.stack.memory_in_use(), 0, "bytes of packets that were given up");
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Fragment {
    offset: usize,
    more: bool,
    data: Vec<u8>,
    ecn: Ecn,
}

/// A packet put together: its payload, and whether it saw congestion.
type Whole = (Vec<u8>, bool);

struct Receiver {
    stack: Stack,
    interface: InterfaceId,
    sockets: [RawId; 2],
    now: Instant,
}

impl Receiver {
    fn new() -> Receiver {
        let mut config = Config::default();
        config.internet.link_local = false;
        config.internet.reassembly_timeout = TIMEOUT;
        let mut stack = Stack::new(config, Seed::from_u64(1));
        let interface = stack.add_interface(Interface::ip("ip0"));
        let now = Instant::ZERO;
        for address in ["192.0.2.1/24", "2001:db8::1/64"] {
            let address = address.parse().expect("an address");
            stack.add_address(now, interface, address).expect("two addresses fit");
        }
        let sockets = [Family::V4, Family::V6].map(|family| stack.raw_open(now, family, PROTOCOL));
        Receiver { stack, interface, sockets, now }
    }

    fn receive(&mut self, v6: bool, identification: u16, fragment: &Fragment) {
        let Fragment { offset, more, data, ecn } = fragment;
        let (source, destination): (IpAddr, IpAddr) = if v6 {
            ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 2].into(), [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into())
        } else {
            ([192, 0, 2, 2].into(), [192, 0, 2, 1].into())
        };
        let ip = Ip { identification, ecn: *ecn, ..Ip::new(source, destination) };
        let packet = ip.fragment(PROTOCOL, *offset, *more, data);
        let mut batch = Batch::new();
        batch.push(Bytes::from(packet));
        self.stack.handle_frames(self.now, self.interface, &mut batch);
        while self.stack.poll_transmit(self.now, self.interface).is_some() {}
    }

    fn take(&mut self, v6: bool) -> Vec<Whole> {
        let id = self.sockets[usize::from(v6)];
        let mut socket = self.stack.raw(self.now, id).expect("it is open");
        let mut taken = Vec::new();
        while let Ok(packet) = socket.recv() {
            let header = if v6 { 0 } else { 20 };
            taken.push((packet.data[header..].to_vec(), packet.ecn == Ecn::Ce));
        }
        taken
    }
}

/// The fragments of each packet as they came.
#[derive(Default)]
struct Model {
    packets: BTreeMap<(bool, u16), Pieces>,
}

struct Pieces {
    since: Instant,
    void: bool,
    pieces: Vec<Fragment>,
}

impl Model {
    fn forget(&mut self, now: Instant) {
        self.packets.retain(|_, pieces| now.saturating_duration_since(pieces.since) < TIMEOUT);
    }

    /// Takes in a fragment; gives the packet when it is whole.
    fn add(&mut self, id: (bool, u16), fragment: Fragment, now: Instant) -> Option<Whole> {
        let Fragment { offset, more, .. } = fragment;
        let end = offset + fragment.data.len();
        if offset == 0 && !more {
            // No fragment at all; of IPv6 one that waits for nothing (RFC 6946 4).
            return Some((fragment.data, fragment.ecn == Ecn::Ce));
        }
        if end > 65535 || fragment.data.is_empty() || (more && !fragment.data.len().is_multiple_of(8)) {
            return None;
        }
        let held = self.packets.entry(id).or_insert(Pieces { since: now, void: false, pieces: vec![] });
        // The same once more, whatever its ECN field says.
        let same =
            |other: &Fragment| (other.offset, other.more, &other.data) == (offset, more, &fragment.data);
        if held.void || held.pieces.iter().any(same) {
            return None;
        }
        let overlaps = |other: &Fragment| offset < other.end() && other.offset < end;
        let beyond = |last: &Fragment, of: &Fragment| !last.more && of.end() > last.end();
        let contradicts = held.pieces.iter().any(|other| {
            overlaps(other) || beyond(other, &fragment) || beyond(&fragment, other) || (!other.more && !more)
        });
        if contradicts {
            held.void = true;
            held.pieces.clear();
            return None;
        }
        if held.pieces.len() >= MAX_PIECES {
            return None;
        }
        held.pieces.push(fragment);
        let whole = whole(&held.pieces)?;
        self.packets.remove(&id);
        Some(whole)
    }
}

impl Fragment {
    fn end(&self) -> usize {
        self.offset + self.data.len()
    }
}

/// The payload, once every byte of it is there.
fn whole(pieces: &[Fragment]) -> Option<Whole> {
    let end = pieces.iter().find(|piece| !piece.more)?.end();
    let mut bytes: Vec<Option<u8>> = vec![None; end];
    for piece in pieces {
        for (at, byte) in piece.data.iter().enumerate() {
            bytes[piece.offset + at] = Some(*byte);
        }
    }
    let payload: Option<Vec<u8>> = bytes.into_iter().collect();
    Some((payload?, pieces.iter().any(|piece| piece.ecn == Ecn::Ce)))
}
