//! Selective acknowledgements as the receiver sends them (RFC 2018, RFC 2883; design notes P-18, P-20,
//! P-25, P-109).

use std::vec;
use std::vec::Vec;

use fathom_record::DropReason;
use fathom_wire::SeqNumber;

use super::harness::{F, Host, IRS, LOCAL, MSS, Peer, Seg, plain};
use crate::transport::tcp::{TcpListen, TcpOptions};

/// The blocks of a segment, counted from the first byte of the peer's stream.
fn blocks(seg: &Seg) -> Vec<(i32, i32)> {
    let from_start = |seq: SeqNumber| seq.offset_from(IRS + 1);
    seg.options.sack.iter().map(|block| (from_start(block.left), from_start(block.right))).collect()
}

/// A connection whose ends both take SACK; with timestamps or without.
fn established(host: &mut Host, stamps: bool) -> Peer {
    host.established_with(|syn| {
        let syn = syn.sack_permitted();
        if stamps { syn.stamp(1000, 0) } else { syn }
    })
}

/// `len` bytes at `at` of the peer's stream.
fn piece(peer: &Peer, at: u32, len: usize) -> Seg {
    let mut seg = peer.seg(F::ACK).data(&vec![at as u8; len]);
    seg.seq = IRS + 1 + at;
    seg
}

/// What is answered to `len` bytes at `at`.
#[track_caller]
fn answer(host: &mut Host, peer: &Peer, at: u32, len: usize) -> Vec<(i32, i32)> {
    host.take(&piece(peer, at, len));
    blocks(&host.sends_one(peer.id))
}

#[test]
fn blocks_are_sent_when_both_ends_permit_them_whichever_opened() {
    for (ours, theirs) in [(true, true), (true, false), (false, true), (false, false)] {
        let options = TcpOptions { sack: ours, ..plain() };
        let offer = |seg: Seg| if theirs { seg.sack_permitted() } else { seg };
        let both = ours && theirs;

        let mut host = Host::new();
        let listen = TcpListen { options: options.clone(), ..TcpListen::at(LOCAL) };
        let (cx, layer) = host.parts();
        let listener = layer.listen(&cx, listen).unwrap();
        let syn_ack = host.take(&offer(Seg::new(F::SYN, IRS, SeqNumber(0)))).1.unwrap();
        assert_eq!(syn_ack.options.sack_permitted, both);
        host.take(&Seg::new(F::ACK, IRS + 1, syn_ack.seq + 1));
        let passive = host.accept(listener).unwrap();
        host.take(&Seg::new(F::ACK, IRS + 11, syn_ack.seq + 1).data(b"behind"));
        let duplicate = host.sends_one(passive);
        // RFC2018-R1
        assert!(!duplicate.options.sack_permitted);
        // RFC2018-R2
        assert_eq!(duplicate.options.sack.len(), usize::from(both), "{ours} {theirs}");

        let mut host = Host::new();
        let active = host.connect(options);
        let syn = host.sends_one(active);
        assert_eq!(syn.options.sack_permitted, ours);
        host.take(&offer(Seg::new(F::SYN | F::ACK, IRS, syn.seq + 1)));
        // RFC2018-R1
        assert!(!host.sends_one(active).options.sack_permitted);
        host.take(&Seg::new(F::ACK, IRS + 11, syn.seq + 1).data(b"behind"));
        assert_eq!(host.sends_one(active).options.sack.len(), usize::from(both), "{ours} {theirs}");
    }
}

#[test]
fn crossing_syns_permit_what_both_have() {
    for theirs in [true, false] {
        let mut host = Host::new();
        let id = host.connect(plain());
        host.sends_one(id);
        let syn = Seg::new(F::SYN, IRS, SeqNumber(0));
        host.take(&if theirs { syn.sack_permitted() } else { syn });
        let syn_ack = host.sends_one(id);
        assert_eq!((syn_ack.flags, syn_ack.options.sack_permitted), (F::SYN | F::ACK, theirs));
    }
}

#[test]
fn the_block_of_the_last_segment_comes_first_and_then_the_latest_that_fit() {
    for (stamps, most) in [(true, 3), (false, 4)] {
        let mut host = Host::new();
        let peer = established(&mut host, stamps);
        let all = [
            (100, vec![(100, 110)]),
            (300, vec![(300, 310), (100, 110)]),
            (500, vec![(500, 510), (300, 310), (100, 110)]),
            (200, vec![(200, 210), (500, 510), (300, 310), (100, 110)]),
            // It grows the block of the third.
            (510, vec![(500, 520), (200, 210), (300, 310), (100, 110)]),
            (700, vec![(700, 710), (500, 520), (200, 210), (300, 310)]),
            // It joins two.
            (110, vec![(100, 120), (700, 710), (500, 520), (200, 210)]),
        ];
        for (at, mut expected) in all {
            expected.truncate(most);
            // RFC2018-R3, RFC2018-R4
            assert_eq!(answer(&mut host, &peer, at, 10), expected, "at {at}, timestamps {stamps}");
        }
        // What is delivered is reported no more, and what was pushed out of the report comes back.
        let rest = answer(&mut host, &peer, 0, 100);
        let expected = [(700, 710), (500, 520), (200, 210), (300, 310)];
        assert_eq!(rest, expected[..most]);
        assert_eq!(answer(&mut host, &peer, 120, 80).len(), 3);
        assert_eq!(answer(&mut host, &peer, 210, 90), [(700, 710), (500, 520)]);
    }
}

#[test]
fn data_carries_the_report_too_and_leaves_room_for_it() {
    let mut host = Host::new();
    let mut peer = established(&mut host, true);
    for at in [100, 200, 300] {
        host.take(&piece(&peer, at, 10));
        host.sends(peer.id);
    }
    host.write(peer.id, &[1; 3 * MSS]);
    let sent = host.sends(peer.id);
    for seg in &sent {
        // RFC2018-R5
        assert_eq!(seg.options.sack.len(), 3);
        assert!(20 + 20 + seg.options.encoded_len() + seg.data.len() <= 1500, "{}", seg.data.len());
    }
    assert_eq!(sent.iter().map(|seg| seg.data.len()).sum::<usize>(), 3 * MSS);
    // What is sent again is not cut smaller for it.
    let again = host.next_sent(peer.id).unwrap().1;
    assert_eq!((again[0].data.len(), again[0].options.sack.len()), (MSS - 12, 0));
    let ack = peer.acks(3 * MSS as u32);
    host.take(&ack);
    for (at, len) in [(0, 100), (110, 90), (210, 90)] {
        host.take(&piece(&peer, at, len));
    }
    host.write(peer.id, &[1; MSS]);
    assert_eq!(host.sends(peer.id)[0].data.len(), MSS - 12, "full segments again");
}

#[test]
fn a_duplicate_below_the_acknowledgement_is_reported_first_and_once() {
    let mut host = Host::new();
    let mut peer = established(&mut host, true);
    let data = peer.data(&[1; 1000]);
    host.take(&data);
    assert_eq!(blocks(&host.sends_one(peer.id)), []);
    host.take(&data);
    // RFC2883-R1
    assert_eq!(blocks(&host.sends_one(peer.id)), [(0, 1000)]);
    // RFC2883-R1
    assert_eq!(answer(&mut host, &peer, 1500, 10), [(1500, 1510)], "once");
    // A part that is known and a part that is new.
    assert_eq!(answer(&mut host, &peer, 900, 200), [(900, 1000), (1500, 1510)]);
    // Two in one batch that touch are one duplicate.
    host.take(&piece(&peer, 0, 100));
    host.take(&piece(&peer, 100, 100));
    let sent = host.sends(peer.id);
    assert_eq!(blocks(&sent[0]), [(0, 200), (1500, 1510)]);
    assert_eq!(blocks(&sent[1]), [(1500, 1510)]);
}

#[test]
fn a_duplicate_inside_what_is_held_is_followed_by_its_block() {
    let mut host = Host::new();
    let peer = established(&mut host, true);
    assert_eq!(answer(&mut host, &peer, 500, 300), [(500, 800)]);
    assert_eq!(answer(&mut host, &peer, 2000, 10), [(2000, 2010), (500, 800)]);
    // RFC2883-R2
    assert_eq!(answer(&mut host, &peer, 600, 100), [(600, 700), (500, 800), (2000, 2010)]);
    // New on both sides of what is known.
    assert_eq!(answer(&mut host, &peer, 400, 500), [(500, 800), (400, 900), (2000, 2010)]);
    // It fills the hole and repeats what lay behind.
    assert_eq!(answer(&mut host, &peer, 0, 1000), [(400, 900), (2000, 2010)]);
}

#[test]
fn a_super_segment_over_both_edges_of_what_is_known_reports_exactly_that() {
    let mut host = Host::new();
    let peer = established(&mut host, true);
    host.take(&piece(&peer, 0, 5000));
    host.sends(peer.id);
    let merged = piece(&peer, 3000, 20_000);
    host.take_merged(&merged, Some(1000));
    let sent = host.sends(peer.id);
    assert_eq!(blocks(&sent[0]), [(3000, 5000)]);
    assert_eq!(sent[0].ack, IRS + 1 + 23_000);
}

#[test]
fn what_paws_drops_is_no_duplicate() {
    let mut host = Host::new();
    let mut peer = established(&mut host, true);
    let data = peer.data(&[1; 1000]);
    host.take(&data);
    host.sends(peer.id);
    let old = data.stamp(900, 0);
    assert_eq!(host.take(&old).0, Some(DropReason::TcpPaws));
    // RFC2883-R4
    assert_eq!(blocks(&host.sends_one(peer.id)), []);
}

#[test]
fn what_found_no_room_is_not_reported() {
    let mut host = Host::new();
    let peer = established(&mut host, true);
    assert_eq!(answer(&mut host, &peer, 100, 10), [(100, 110)]);
    host.memory = crate::memory::MemoryBudget::full(host.memory.in_use());
    for at in [3_000, 6_000] {
        assert_eq!(host.take(&piece(&peer, at, 1000)).0, Some(DropReason::TcpReassemblyFull));
        assert_eq!(blocks(&host.sends_one(peer.id)), [(100, 110)], "at {at}");
    }
}

#[test]
fn what_was_reported_and_is_given_up_for_what_comes_before_it_is_reported_no_more() {
    let mut host = Host::new();
    let peer = established(&mut host, true);
    answer(&mut host, &peer, 2000, 10);
    assert_eq!(answer(&mut host, &peer, 4000, 1000), [(4000, 5000), (2000, 2010)]);
    host.memory = crate::memory::MemoryBudget::full(host.memory.in_use());
    host.take(&piece(&peer, 0, 500));
    let ack = host.sends_one(peer.id);
    // RFC2018-R8
    assert_eq!((ack.ack, blocks(&ack)), (IRS + 1 + 500, vec![(2000, 2010)]));
}

#[test]
fn a_fin_behind_a_hole_is_reported_with_its_sequence_number() {
    let mut host = Host::new();
    let peer = established(&mut host, true);
    let mut end = piece(&peer, 100, 50);
    end.flags |= F::FIN;
    host.take(&end);
    assert!(host.sends(peer.id).iter().all(|seg| blocks(seg) == [(100, 151)]));
    let sent = answer(&mut host, &peer, 0, 100);
    assert_eq!(sent, []);
}
