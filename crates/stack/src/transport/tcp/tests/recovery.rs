//! Recovery by selective acknowledgements, segment by segment (RFC 6675, RFC 2018; design notes P-51 to
//! P-59).

use core::time::Duration;
use std::vec;
use std::vec::Vec;

use fathom_record::{Engine, Kind, SendReason};
use fathom_wire::{SackBlock, SeqNumber};

use super::harness::{F, Host, LOCAL, MSS, Peer, REMOTE, Seg};
use crate::packet::{IcmpErrorFor, IcmpErrorKind};
use crate::socket::TcpId;
use crate::transport::tcp::TcpInfo;

const MS: fn(u64) -> Duration = Duration::from_millis;
const SEGMENT: u32 = MSS as u32;

fn info(host: &Host, id: TcpId) -> TcpInfo {
    host.layer.get(id).unwrap().info(host.now, &host.config.tcp, &host.memory)
}

/// A connection with SACK whose round-trip time is 100 ms and whose congestion window is `n` segments, all
/// in flight; and the sequence number of the first of them.
fn in_flight(host: &mut Host, n: usize) -> (Peer, SeqNumber) {
    let mut peer = host.established_with(Seg::sack_permitted);
    while info(host, peer.id).snd_cwnd < (n * MSS) as u64 {
        let cwnd = info(host, peer.id).snd_cwnd as usize;
        let len = cwnd.min(n * MSS - cwnd / 2).div_ceil(MSS) * MSS;
        host.write(peer.id, &vec![0; len]);
        host.sends(peer.id);
        host.pass(MS(100));
        let ack = peer.acks(len as u32);
        host.take(&ack);
    }
    host.write(peer.id, &vec![1; n * MSS]);
    assert_eq!(host.sends(peer.id).len(), n);
    let first = peer.una;
    (peer, first)
}

/// The acknowledgement of the first `una` segments in flight that reports others, by number.
fn report(peer: &mut Peer, first: SeqNumber, una: u32, sacked: &[(u32, u32)]) -> Seg {
    peer.una = first + una * SEGMENT;
    let mut ack = peer.ack();
    let block = |&(left, right): &(u32, u32)| SackBlock {
        left: first + left * SEGMENT,
        right: first + right * SEGMENT,
    };
    ack.options.sack = sacked.iter().map(block).collect();
    ack
}

/// Takes an acknowledgement; gives which of the segments are sent then.
fn takes(host: &mut Host, ack: &Seg, id: TcpId, first: SeqNumber) -> Vec<u32> {
    host.take(ack);
    host.sends(id).iter().map(|seg| seg.seq.distance_from(first) / SEGMENT).collect()
}

#[test]
fn many_holes_are_repaired_in_one_round_trip_each_sent_again_once() {
    let mut host = Host::new();
    let (mut peer, first) = in_flight(&mut host, 20);
    let id = peer.id;
    // 0, 4, 8, 12 and 16 are lost; each of the others is reported.
    let mut sent = Vec::new();
    let mut blocks: Vec<(u32, u32)> = Vec::new();
    for arrived in (0..20).filter(|segment| segment % 4 != 0) {
        match blocks.first_mut() {
            Some(block) if block.1 == arrived => block.1 += 1,
            _ => blocks.insert(0, (arrived, arrived + 1)),
        }
        blocks.truncate(3);
        let ack = report(&mut peer, first, 0, &blocks);
        sent.extend(takes(&mut host, &ack, id, first));
    }
    // Behind 16 three have arrived, so it is lost too.
    assert_eq!(sent, [0, 4, 8, 12, 16]);
    let told = info(&host, id);
    assert_eq!((told.ca_state, told.retransmits, told.in_flight), ("recovery", 5, 5 * SEGMENT));
    assert_eq!((told.sacked, told.lost, told.retrans), (15 * SEGMENT, 5 * SEGMENT, 5 * SEGMENT));
    let reduced = told.snd_ssthresh;
    // A round trip later each of the five moves the acknowledgement over one hole; nothing is sent twice.
    host.pass(MS(100));
    for una in [4, 8, 12, 16] {
        let ack = report(&mut peer, first, una, &[(una + 1, una + 4)]);
        assert_eq!(takes(&mut host, &ack, id, first), []);
    }
    let ack = report(&mut peer, first, 20, &[]);
    assert_eq!(takes(&mut host, &ack, id, first), []);
    let told = info(&host, id);
    // RFC6675-R2
    assert_eq!((told.ca_state, told.retransmits, told.snd_ssthresh), ("open", 5, reduced), "one reduction");
}

#[test]
fn an_acknowledgement_that_shows_a_loss_makes_the_window_no_larger() {
    let mut host = Host::new();
    let (mut peer, first) = in_flight(&mut host, 20);
    let ack = report(&mut peer, first, 2, &[(3, 6)]);
    host.take(&ack);
    let told = info(&host, peer.id);
    assert_eq!((told.ca_state, Some(told.snd_cwnd)), ("recovery", told.snd_ssthresh));
}

#[test]
fn a_repeated_report_sends_nothing_and_neither_do_bare_duplicates() {
    let mut host = Host::new();
    let (mut peer, first) = in_flight(&mut host, 10);
    let id = peer.id;
    let ack = report(&mut peer, first, 0, &[(1, 4)]);
    assert_eq!(takes(&mut host, &ack, id, first), [0]);
    let bare = peer.ack();
    let update = peer.ack().window(60_000);
    for _ in 0..100 {
        for ack in [&ack, &bare, &update] {
            assert_eq!(takes(&mut host, ack, id, first), []);
        }
    }
    assert_eq!(info(&host, id).retransmits, 1);
}

#[test]
fn duplicates_without_reports_let_nothing_out_between_ends_that_report() {
    let mut host = Host::new();
    let (mut peer, first) = in_flight(&mut host, 10);
    host.write(peer.id, &[2; 20 * MSS]);
    let sent = 10 + host.sends(peer.id).len() as u32;
    for _ in 0..2 {
        // RFC3042-R2
        assert_eq!(takes(&mut host, &peer.ack(), peer.id, first), []);
    }
    let ack = report(&mut peer, first, 0, &[(1, 2)]);
    // RFC3042-R2
    assert_eq!(takes(&mut host, &ack, peer.id, first), [sent]);
}

#[test]
fn duplicates_without_reports_are_no_loss_between_ends_that_report() {
    let mut host = Host::new();
    let (peer, first) = in_flight(&mut host, 10);
    for _ in 0..10 {
        assert_eq!(takes(&mut host, &peer.ack(), peer.id, first), []);
    }
    assert_eq!(info(&host, peer.id).ca_state, "open");
}

#[test]
fn reports_that_show_no_loss_are_disorder() {
    let mut host = Host::new();
    let (mut peer, first) = in_flight(&mut host, 10);
    let ack = report(&mut peer, first, 0, &[(1, 3)]);
    host.take(&ack);
    let told = info(&host, peer.id);
    assert_eq!((told.ca_state, told.sacked, told.lost, told.reordering), ("disorder", 2 * SEGMENT, 0, 3));
}

#[test]
fn reports_let_new_segments_out_before_the_loss_is_known() {
    let mut host = Host::new();
    let (mut peer, first) = in_flight(&mut host, 10);
    let id = peer.id;
    host.write(id, &[2; 20 * MSS]);
    let before = info(&host, id).snd_cwnd;
    let sent_before = host.sends(id).len() as u32;
    for (right, new) in [(2, 10), (3, 11)] {
        let ack = report(&mut peer, first, 0, &[(1, right)]);
        // RFC3042-R1
        assert_eq!(takes(&mut host, &ack, id, first), [new + sent_before]);
    }
    // RFC3042-R1
    assert_eq!(info(&host, id).snd_cwnd, before);
}

#[test]
fn a_timeout_resends_the_first_and_then_only_what_was_not_reported() {
    let mut host = Host::new();
    let (mut peer, first) = in_flight(&mut host, 10);
    let id = peer.id;
    let ack = report(&mut peer, first, 0, &[(8, 9), (5, 7)]);
    let mut again = takes(&mut host, &ack, id, first);
    assert_eq!(again.first(), Some(&0));
    let (_, sent) = host.next_sent(id).unwrap();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].seq, first);
    again.clear();
    let timeouts = info(&host, id);
    assert_eq!((timeouts.ca_state, timeouts.snd_cwnd), ("loss", MSS as u64));
    for una in [1, 2, 3, 4, 5] {
        let ack = report(&mut peer, first, if una == 5 { 7 } else { una }, &[(8, 9)]);
        again.extend(takes(&mut host, &ack, id, first));
    }
    // RFC6675-R5
    assert_eq!(again, [1, 2, 3, 4, 7, 9], "5, 6 and 8 were reported");
    assert_eq!(info(&host, id).ca_state, "loss");
    let ack = report(&mut peer, first, 10, &[]);
    host.take(&ack);
    assert_eq!(info(&host, id).ca_state, "open");
}

#[test]
fn the_timer_counts_from_the_retransmission() {
    let mut host = Host::new();
    let (mut peer, first) = in_flight(&mut host, 10);
    host.pass(MS(90));
    let ack = report(&mut peer, first, 0, &[(1, 4)]);
    assert_eq!(takes(&mut host, &ack, peer.id, first), [0]);
    let rto = info(&host, peer.id).rto;
    let (waited, sent) = host.next_sent(peer.id).unwrap();
    // RFC6298-R10
    assert!(waited >= rto && waited < rto + MS(1), "{waited:?} of {rto:?}");
    assert_eq!(sent[0].seq, first);
}

#[test]
fn a_receiver_that_gave_up_what_it_reported_gets_it_again_soon() {
    let mut host = Host::new();
    let (mut peer, first) = in_flight(&mut host, 10);
    let id = peer.id;
    let ack = report(&mut peer, first, 0, &[(1, 6)]);
    assert_eq!(takes(&mut host, &ack, id, first), [0]);
    // It has the first, and of the rest nothing any more.
    let ack = report(&mut peer, first, 1, &[]);
    assert_eq!(takes(&mut host, &ack, id, first), []);
    assert_eq!(info(&host, id).sacked, 0);
    let (waited, sent) = host.next_sent(id).unwrap();
    assert!(waited >= MS(50) && waited < MS(51), "half a round trip, not {waited:?}");
    assert_eq!((sent[0].seq, info(&host, id).ca_state), (first + SEGMENT, "loss"));
    // Acknowledgements let the rest of it out.
    let ack = report(&mut peer, first, 2, &[]);
    // RFC2018-R7
    assert_eq!(takes(&mut host, &ack, id, first), [2, 3]);
}

#[test]
fn a_receiver_that_only_seemed_to_give_up_is_left_alone() {
    let mut host = Host::new();
    let (mut peer, first) = in_flight(&mut host, 10);
    let id = peer.id;
    for (una, sacked) in [(0, &[(1, 6)][..]), (1, &[])] {
        let ack = report(&mut peer, first, una, sacked);
        takes(&mut host, &ack, id, first);
    }
    host.pass(MS(20));
    let ack = report(&mut peer, first, 10, &[]);
    assert_eq!(takes(&mut host, &ack, id, first), []);
    host.pass(MS(5000));
    let told = info(&host, id);
    assert_eq!((told.ca_state, told.retransmits), ("open", 1));
}

#[test]
fn nothing_is_sent_again_beyond_a_window_that_shrank() {
    let mut host = Host::new();
    let (mut peer, first) = in_flight(&mut host, 20);
    let id = peer.id;
    let ack = report(&mut peer, first, 0, &[(12, 16), (8, 10), (1, 4)]).window(5 * MSS as u16);
    let sent = takes(&mut host, &ack, id, first);
    assert_eq!(sent, [0, 4], "5 and what follows is beyond");
    let ack = report(&mut peer, first, 4, &[(12, 16), (8, 10)]).window(4 * MSS as u16);
    assert_eq!(takes(&mut host, &ack, id, first), [5, 6, 7]);
}

#[test]
fn a_window_that_closes_and_opens_again_is_no_loss() {
    let mut host = Host::new();
    let (mut peer, first) = in_flight(&mut host, 10);
    let id = peer.id;
    for (una, window) in [(2, 0), (2, 65_535), (4, 0), (4, 65_535)] {
        let ack = report(&mut peer, first, una, &[]).window(window);
        assert_eq!(takes(&mut host, &ack, id, first), []);
    }
    let told = info(&host, id);
    assert_eq!((told.ca_state, told.retransmits, told.snd_ssthresh), ("open", 0, None));
}

/// The segments in flight were too large for a link of `mtu`.
fn too_big(host: &mut Host, first: SeqNumber, mtu: u32) {
    let mut quoted = Vec::new();
    quoted.extend(LOCAL.port().to_be_bytes());
    quoted.extend(REMOTE.port().to_be_bytes());
    quoted.extend(first.0.to_be_bytes());
    let error = IcmpErrorFor {
        kind: IcmpErrorKind::PacketTooBig { mtu },
        reporter: REMOTE.ip(),
        source: LOCAL.ip(),
        destination: REMOTE.ip(),
        protocol: fathom_wire::IpProtocol::Tcp,
        quoted: quoted.into(),
        hop_limit: 60,
        packet_len: 1500,
        cause: None,
    };
    let (mut cx, layer) = host.parts();
    assert!(layer.handle_icmp_error(&mut cx, &error));
    host.path.mtu = mtu as usize;
}

#[test]
fn segments_that_are_cut_again_for_a_smaller_path_are_no_loss() {
    let mut host = Host::new();
    let (mut peer, first) = in_flight(&mut host, 10);
    let id = peer.id;
    // The first three had passed before the path changed.
    let ack = report(&mut peer, first, 3, &[]);
    host.take(&ack);
    too_big(&mut host, first + 3 * SEGMENT, 1000);
    let sent = host.sends(id);
    assert!(sent.iter().all(|seg| seg.data.len() <= 960));
    assert_eq!(sent.iter().map(|seg| seg.data.len()).sum::<usize>(), 7 * MSS);
    // The pieces come out of order: one is reported after the other.
    let mut ack = peer.ack();
    for right in 2..7 {
        let (left, right) = (peer.una + 960, peer.una + 960 * right);
        ack.options.sack = [SackBlock { left, right }].into_iter().collect();
        assert_eq!(takes(&mut host, &ack, id, first), []);
    }
    let told = info(&host, id);
    assert_eq!((told.ca_state, told.snd_ssthresh), ("disorder", None));
}

#[test]
fn duplicates_that_the_peer_reports_are_counted_and_move_nothing() {
    let mut host = Host::new();
    let (mut peer, first) = in_flight(&mut host, 10);
    let id = peer.id;
    let below = report(&mut peer, first, 2, &[(0, 1)]);
    let inside = report(&mut peer, first, 2, &[(4, 5), (3, 5)]);
    for ack in [below, inside] {
        assert_eq!(takes(&mut host, &ack, id, first), []);
    }
    // An old one, late: judged by its own acknowledgement number, the block is no duplicate.
    let old = report(&mut peer, first, 0, &[(3, 4)]);
    assert_eq!(takes(&mut host, &old, id, first), []);
    let told = info(&host, id);
    // RFC2883-R3
    assert_eq!((told.dsack_dups, told.sacked, told.ca_state), (2, 2 * SEGMENT, "disorder"));
}

#[test]
fn a_fin_is_repaired_like_data() {
    let mut host = Host::new();
    let (mut peer, first) = in_flight(&mut host, 4);
    let id = peer.id;
    host.with_connection(id, |connection, cx| connection.shutdown(cx)).unwrap();
    assert!(host.sends_one(id).flags.contains(F::FIN));
    // The last data and the FIN are lost; the first three arrive.
    let ack = report(&mut peer, first, 3, &[]);
    host.take(&ack);
    let (_, sent) = host.next_sent(id).unwrap();
    assert_eq!((sent[0].seq, sent[0].data.len()), (first + 3 * SEGMENT, MSS));
    let ack = report(&mut peer, first, 4, &[]);
    host.take(&ack);
    assert!(host.sends_one(id).flags.contains(F::FIN));
}

#[test]
fn records_say_why_each_segment_is_sent_again() {
    let mut host = Host::new();
    let (mut peer, first) = in_flight(&mut host, 12);
    let id = peer.id;
    host.recorder.enable(10_000);
    for (una, sacked) in [(0, &[(1, 4)][..]), (0, &[(7, 10), (5, 6), (1, 4)]), (4, &[(7, 10), (5, 6)])] {
        let ack = report(&mut peer, first, una, sacked);
        host.take(&ack);
        host.sends(id);
    }
    let mut story = Vec::new();
    for record in host.recorder.drain() {
        match record.kind {
            Kind::Engine(Engine::LossDetected { seq, .. }) => story.push(("lost", seq)),
            Kind::Engine(Engine::LossRepaired { up_to, .. }) => story.push(("repaired", up_to)),
            Kind::Engine(Engine::TcpSegment { why: SendReason::FastRetransmit, seq, .. }) => {
                story.push(("again", seq));
            }
            Kind::Engine(Engine::TcpSegment { why: SendReason::Rescue, seq, .. }) => {
                story.push(("rescue", seq))
            }
            _ => continue,
        }
    }
    let segment = |seq: u32| SeqNumber(seq).distance_from(first) / SEGMENT;
    let story: Vec<_> = story.into_iter().map(|(what, seq)| (what, segment(seq))).collect();
    let expected =
        [("lost", 0), ("again", 0), ("lost", 4), ("again", 4), ("again", 6), ("repaired", 4), ("rescue", 11)];
    assert_eq!(story, expected);
}

/// A connection with SACK and timestamps with `n` segments of 1448 bytes in flight, of which all but the
/// first are reported 10 ms after they were sent, and the first is sent again; the sequence number of the
/// first, and the timestamps of its two transmissions.
fn sent_again(host: &mut Host, n: u32) -> (Peer, SeqNumber, [u32; 2]) {
    let mut peer = host.established_with(|syn| syn.sack_permitted().stamp(1000, 0));
    host.write(peer.id, &vec![1; 1448 * n as usize]);
    let sent = host.sends(peer.id);
    assert_eq!(sent.len(), n as usize);
    let first = peer.una;
    host.pass(MS(10));
    let mut ack = peer.ack();
    ack.options.sack = [SackBlock { left: first + 1448, right: first + 1448 * n }].into_iter().collect();
    host.take(&ack);
    let again = host.sends_one(peer.id);
    assert_eq!((again.seq, info(host, peer.id).ca_state), (first, "recovery"));
    peer.una = first + 1448 * n;
    let stamp = |seg: &Seg| seg.options.timestamps.unwrap().value;
    (peer, first, [stamp(&sent[0]), stamp(&again)])
}

#[test]
fn a_segment_that_was_only_late_restores_the_window() {
    // What the acknowledgement of everything echoes: the first transmission, the second, nothing.
    for (echo, undone) in [(Some(0), true), (Some(1), false), (None, false)] {
        let mut host = Host::new();
        let (peer, _, stamps) = sent_again(&mut host, 10);
        let before = info(&host, peer.id);
        assert_eq!(before.snd_ssthresh, Some(7 * 1448));
        let echo = echo.map_or(0, |which: usize| stamps[which]);
        host.take(&peer.ack().stamp(1000, echo));
        let after = info(&host, peer.id);
        assert_eq!(after.ca_state, "open");
        // RFC9438-R8
        assert_eq!(after.snd_ssthresh, if undone { None } else { before.snd_ssthresh }, "echo {echo}");
        assert_eq!(after.reordering, if undone { 10 } else { 3 });
        if undone {
            assert_eq!(after.snd_cwnd, 10 * 1448);
        }
    }
}

#[test]
fn a_window_that_was_cut_for_a_loss_stays_cut_though_something_else_was_late() {
    let mut host = Host::new();
    let mut peer = host.established_with(|syn| syn.sack_permitted().stamp(1000, 0));
    host.write(peer.id, &[1; 1448 * 10]);
    let stamp = |seg: &Seg| seg.options.timestamps.unwrap().value;
    let original = stamp(&host.sends(peer.id)[0]);
    let first = peer.una;
    host.pass(MS(10));
    let mut report = |peer: &mut Peer, una: u32, left: u32, echo: u32| {
        peer.una = first + 1448 * una;
        let mut ack = peer.ack().stamp(1000, echo);
        ack.options.sack =
            [SackBlock { left: first + 1448 * left, right: first + 14_480 }].into_iter().collect();
        host.take(&ack);
        host.sends(peer.id)
    };
    // 0 and 2 are missing, and sent again. The repetition of 0 comes through, and then the original of 2.
    peer.una = first;
    let again = report(&mut peer, 0, 3, original);
    let again: Vec<u32> = again.iter().map(stamp).collect();
    report(&mut peer, 2, 3, again[0]);
    peer.una = first + 14_480;
    host.take(&peer.ack().stamp(1000, original));
    assert_eq!(info(&host, peer.id).snd_ssthresh, Some(7 * 1448));
}

#[test]
fn acknowledgements_that_come_at_once_count_like_those_that_come_one_by_one() {
    let grown = |at_once: bool| {
        let mut host = Host::new();
        let (mut peer, first) = in_flight(&mut host, 20);
        let id = peer.id;
        host.write(id, &vec![2; 100 * MSS]);
        let ack = report(&mut peer, first, 0, &[(1, 4)]);
        host.take(&ack);
        host.sends(id);
        let sent = info(&host, id);
        let all = sent.in_flight + sent.sacked + sent.lost - sent.retrans;
        peer.una = first + all;
        host.take(&peer.ack());
        // In avoidance, with a full window in flight.
        for _ in 0..3 {
            host.sends(id);
            let in_flight = info(&host, id).in_flight;
            let acks = peer.acks(in_flight);
            host.pass(MS(100));
            host.take(&acks);
        }
        host.sends(id);
        let before = info(&host, id);
        for _ in 0..before.in_flight / SEGMENT {
            let ack = peer.acks(SEGMENT);
            host.take(&ack);
            if !at_once {
                host.sends(id);
            }
        }
        info(&host, id).snd_cwnd - before.snd_cwnd
    };
    let one_by_one = grown(false);
    assert!(one_by_one > 500, "{one_by_one}");
    assert!(grown(true).abs_diff(one_by_one) < 100, "{} and {one_by_one}", grown(true));
}
