use alloc::vec;
use std::collections::BTreeMap;

use fathom_wire::Instant;
use proptest::prelude::*;

use super::*;
use crate::random::Seed;
use crate::stack::{Parts, Stack};
use crate::{Config, Interface};

fn id(identification: u32) -> PacketId {
    let (source, destination) = ([192, 0, 2, 2].into(), [192, 0, 2, 1].into());
    PacketId { source, destination, protocol: 17, identification }
}

fn fragment(offset: usize, more_fragments: bool, data: &[u8]) -> Fragment {
    Fragment {
        offset,
        more_fragments,
        data: Bytes::copy_from_slice(data),
        protocol: IpProtocol::Udp,
        ecn: Ecn::NotEct,
        packet: Bytes::from_static(b"first"),
        interface: InterfaceId(1),
        cause: None,
    }
}

fn stack(config: Config) -> Stack {
    let mut stack = Stack::new(config, Seed::from_u64(1));
    stack.add_interface(Interface::ip("tun0"));
    stack
}

/// A naive receiver: a byte map; void once anything overlaps that is no exact duplicate.
#[derive(Default)]
struct Model {
    bytes: BTreeMap<usize, u8>,
    pieces: Vec<(usize, usize, bool)>,
    end: Option<usize>,
    void: bool,
}

impl Model {
    fn add(&mut self, offset: usize, more: bool, data: &[u8]) -> Option<Vec<u8>> {
        let piece = (offset, data.len(), more);
        if self.void || self.pieces.contains(&piece) {
            return None;
        }
        let end = offset + data.len();
        let overlaps = (offset..end).any(|at| self.bytes.contains_key(&at));
        let last = self.bytes.keys().next_back().map_or(0, |last| last + 1);
        let beyond = match (self.end, more) {
            (Some(known), _) if !more => known != end,
            (Some(known), _) => end > known,
            (None, false) => last > end,
            (None, true) => false,
        };
        if overlaps || beyond {
            self.void = true;
            return None;
        }
        self.pieces.push(piece);
        self.bytes.extend((offset..end).zip(data.iter().copied()));
        if !more {
            self.end = Some(end);
        }
        (self.end == Some(self.bytes.len())).then(|| self.bytes.values().copied().collect())
    }
}

/// Cuts of 80 bytes at multiples of 8, some of them wrong, in any order, some twice.
fn arbitrary_pieces() -> impl Strategy<Value = Vec<(usize, usize)>> {
    let honest = Just(vec![(0, 24), (24, 32), (56, 24)]);
    let any_cut = prop::collection::vec((0usize..10, 1usize..5), 1..8)
        .prop_map(|cuts| cuts.into_iter().map(|(at, len)| (at * 8, (len * 8).min(80 - at * 8))).collect());
    prop_oneof![honest, any_cut].prop_flat_map(|pieces: Vec<(usize, usize)>| {
        let twice: Vec<(usize, usize)> = pieces.iter().chain(&pieces).copied().collect();
        (Just(twice).prop_shuffle(), 1usize..16)
            .prop_map(|(pieces, count)| pieces.into_iter().take(count).collect())
    })
}

proptest! {
    #[test]
    fn packets_are_put_together_as_by_a_naive_receiver(pieces in arbitrary_pieces()) {
        let original: Vec<u8> = (100..180).collect();
        let mut stack = stack(Config::default());
        let Parts { mut cx, internet, .. } = stack.parts(Instant::ZERO);
        let mut model = Model::default();
        for (offset, len) in pieces {
            let (more, data) = (offset + len < 80, &original[offset..offset + len]);
            let expected = model.add(offset, more, data);
            let got = internet.reassemblies.add(&mut cx, id(1), fragment(offset, more, data));
            let payload = got.ok().flatten().map(|whole| whole.payload.to_vec());
            // RFC8200-R7, RFC815-R2
            prop_assert_eq!(&payload, &expected);
            prop_assert_eq!(cx.memory.in_use(), internet.reassemblies.charged());
            if let Some(payload) = payload {
                // RFC815-R1, RFC1122-R15
                prop_assert_eq!(&payload, &original);
                prop_assert_eq!((internet.reassemblies.len(), cx.memory.in_use()), (0, 0));
                return Ok(());
            }
        }
    }
}

#[test]
fn fragments_of_different_packets_are_kept_apart() {
    let mut stack = stack(Config::default());
    let Parts { mut cx, internet, .. } = stack.parts(Instant::ZERO);
    let mut other = id(1);
    other.protocol = 6;
    for (id, data) in [(id(1), [1; 8]), (id(2), [2; 8]), (other, [3; 8])] {
        assert_eq!(internet.reassemblies.add(&mut cx, id, fragment(0, true, &data)), Ok(None));
    }
    let whole = internet.reassemblies.add(&mut cx, id(2), fragment(8, false, &[9])).unwrap().unwrap();
    // RFC791-R6
    assert_eq!(whole.payload, [2, 2, 2, 2, 2, 2, 2, 2, 9][..]);
    assert_eq!(internet.reassemblies.len(), 2);
}

#[test]
fn fragments_that_cannot_be_are_refused() {
    let mut stack = stack(Config::default());
    let Parts { mut cx, internet, .. } = stack.parts(Instant::ZERO);
    let table = [(0, true, 7), (0, true, 0), (8, false, 0), (65528, false, 8), (65528, true, 8)];
    for (offset, more, len) in table {
        let data = std::vec![0; len];
        let result = internet.reassemblies.add(&mut cx, id(1), fragment(offset, more, &data));
        // RFC791-R9
        assert_eq!(result, Err(DropReason::FragmentInvalid), "{offset} {more} {len}");
    }
    assert_eq!(internet.reassemblies.len(), 0);
}

/// RFC 5722 4, RFC 8200 4.5: only what is the same in all is a duplicate.
#[test]
fn the_last_fragment_once_more_as_one_of_the_middle_makes_the_packet_void() {
    for (first, again) in [(false, true), (true, false)] {
        let mut stack = stack(Config::default());
        let Parts { mut cx, internet, .. } = stack.parts(Instant::ZERO);
        let mut add =
            |offset, more| internet.reassemblies.add(&mut cx, id(1), fragment(offset, more, &[8; 8]));
        assert_eq!(add(8, first), Ok(None));
        assert_eq!(add(8, first), Ok(None), "the same once more");
        assert_eq!(add(8, again), Err(DropReason::FragmentInvalid));
        assert_eq!(add(0, true), Err(DropReason::FragmentInvalid), "nothing becomes of it");
    }
}

#[test]
fn count_and_bytes_are_bounded_and_the_oldest_leaves() {
    let mut config = Config::default();
    (config.internet.reassemblies, config.internet.reassembly_bytes) = (4, 1000);
    let mut stack = stack(config);
    let Parts { mut cx, internet, .. } = stack.parts(Instant::ZERO);
    for number in 0..100 {
        let _ = internet.reassemblies.add(&mut cx, id(number), fragment(8, true, &[0; 160]));
        assert!(internet.reassemblies.len() <= 4);
        assert!(internet.reassemblies.charged() <= 1000);
        assert_eq!(cx.memory.in_use(), internet.reassemblies.charged());
        assert_eq!(cx.timers.len(), internet.reassemblies.len());
        assert!(internet.reassemblies.order.len() <= 24);
    }
    assert!(cx.counters.dropped(DropReason::ReassemblyFull) >= 90);
    let mut alone = |offset| internet.reassemblies.add(&mut cx, id(100), fragment(offset, true, &[0; 160]));
    for index in 0..4 {
        assert_eq!(alone(index * 160), Ok(None));
    }
    assert_eq!(alone(4 * 160), Err(DropReason::ReassemblyFull), "a packet does not make room for itself");
}

#[test]
fn congestion_experienced_by_one_fragment_is_that_of_the_packet() {
    let mut stack = stack(Config::default());
    let Parts { mut cx, internet, .. } = stack.parts(Instant::ZERO);
    let first = Fragment { ecn: Ecn::Ect0, ..fragment(0, true, &[0; 8]) };
    let second = Fragment { ecn: Ecn::Ce, ..fragment(8, false, &[0; 8]) };
    assert_eq!(internet.reassemblies.add(&mut cx, id(1), first), Ok(None));
    let whole = internet.reassemblies.add(&mut cx, id(1), second).unwrap().unwrap();
    assert_eq!(whole.ecn, Ecn::Ce);
}
