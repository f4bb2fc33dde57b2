use std::vec;
use std::vec::Vec;

use fathom_wire::SackBlock;
use proptest::prelude::*;

use super::*;

const MSS: u32 = 1000;
const ISS: SeqNumber = SeqNumber(u32::MAX - 5_000);

/// A sender with full segments in flight. Positions count segments from the first one.
struct Sender {
    recovery: SackRecovery,
    start: SeqNumber,
    una: SeqNumber,
    nxt: SeqNumber,
    mss: u32,
}

impl Sender {
    fn with_segments(n: u32) -> Self {
        Sender {
            recovery: SackRecovery::new(ISS),
            start: ISS + 1,
            una: ISS + 1,
            nxt: ISS + 1 + n * MSS,
            mss: MSS,
        }
    }

    fn seq(&self, segment: u32) -> SeqNumber {
        self.start + segment * self.mss
    }

    fn segment(&self, seq: SeqNumber) -> u32 {
        seq.distance_from(self.start) / self.mss
    }

    fn ack_blocks(&mut self, una: SeqNumber, sack: &[SackBlock], answers_original: bool) -> Finding {
        let advanced = una.distance_from(self.una);
        self.una = una;
        let (nxt, mss) = (self.nxt, self.mss);
        let duplicate = advanced == 0;
        let seen = AckSeen { una, nxt, advanced, duplicate, mss, sack, answers_original };
        let finding = self.recovery.on_ack(seen);
        self.recovery.check(nxt);
        finding
    }

    /// Acknowledges up to a segment, and reports others.
    fn ack(&mut self, una: u32, sacked: &[(u32, u32)]) -> Finding {
        let block = |&(left, right): &(u32, u32)| SackBlock { left: self.seq(left), right: self.seq(right) };
        let blocks: Vec<_> = sacked.iter().map(block).collect();
        self.ack_blocks(self.seq(una), &blocks, false)
    }

    /// The segments that are sent again at once, if everything is let out.
    fn sends_again(&mut self) -> Vec<u32> {
        let mut sent = Vec::new();
        while let Some((from, until)) = self.recovery.lost() {
            let to = (from + self.mss).min(until);
            sent.push(self.segment(from));
            self.recovery.on_retransmit(from, to);
        }
        sent
    }

    fn rescue(&self) -> Option<u32> {
        self.recovery.rescue(self.una, self.nxt, self.mss).map(|(from, _)| self.segment(from))
    }

    fn in_flight(&self) -> u32 {
        self.recovery.in_flight(self.una, self.nxt, self.mss) / self.mss
    }
}

#[test]
fn in_flight_is_what_was_neither_received_nor_lost_and_what_was_sent_again() {
    let mut sender = Sender::with_segments(10);
    assert_eq!(sender.in_flight(), 10);
    assert_eq!(sender.ack(0, &[(2, 4)]), Finding::Nothing);
    assert_eq!(sender.in_flight(), 8);
    // Three segments behind the first two: those are lost.
    assert_eq!(sender.ack(0, &[(2, 5)]), Finding::Loss(sender.seq(0)));
    // RFC6675-R1
    assert_eq!((sender.in_flight(), sender.recovery.phase()), (5, Phase::FastRecovery));
    assert_eq!(sender.sends_again(), [0, 1]);
    // RFC6675-R1
    assert_eq!(sender.in_flight(), 7);
    let known = Counts { sacked: 3 * MSS, lost: 2 * MSS, retransmitted: 2 * MSS };
    assert_eq!(sender.recovery.counts(), known);
    assert_eq!(sender.ack(1, &[(2, 5)]), Finding::Repaired);
    assert_eq!(sender.in_flight(), 6);
    assert_eq!(sender.ack(10, &[]), Finding::Recovered);
    assert_eq!((sender.in_flight(), sender.recovery.counts()), (0, Counts::default()));
}

#[test]
fn every_hole_is_sent_again_once_and_the_ones_known_together() {
    let mut sender = Sender::with_segments(20);
    assert_eq!(sender.ack(0, &[(1, 2)]), Finding::Nothing);
    assert_eq!(sender.ack(0, &[(3, 4), (1, 2)]), Finding::Nothing);
    assert_eq!(sender.ack(0, &[(5, 6), (3, 4), (1, 2)]), Finding::Loss(sender.seq(0)));
    assert_eq!(sender.sends_again(), [0]);
    assert_eq!(sender.ack(0, &[(7, 20), (5, 6), (3, 4)]), Finding::MoreLost(sender.seq(2)));
    assert_eq!(sender.sends_again(), [2, 4, 6]);
    for _ in 0..300 {
        assert_eq!(sender.ack(0, &[(7, 20), (5, 6), (3, 4)]), Finding::Nothing);
    }
    assert_eq!(sender.ack(2, &[(7, 20), (5, 6), (3, 4)]), Finding::Repaired);
    assert_eq!(sender.sends_again(), []);
}

#[test]
fn recovery_lasts_until_what_was_sent_before_it_is_acknowledged() {
    let mut sender = Sender::with_segments(10);
    sender.ack(0, &[(1, 4)]);
    sender.sends_again();
    sender.nxt += 5 * MSS;
    // RFC6675-R2
    assert_eq!(sender.ack(4, &[(6, 9)]), Finding::PartialRepair(sender.seq(4)), "no second event");
    sender.sends_again();
    let below = sender.seq(10) - 1;
    assert_eq!(sender.ack_blocks(below, &[], false), Finding::Repaired);
    // RFC6675-R3
    assert_eq!(sender.recovery.phase(), Phase::FastRecovery, "one below the recovery point");
    // RFC6675-R3
    assert_eq!(sender.ack(10, &[]), Finding::Recovered);
    assert_eq!(sender.recovery.phase(), Phase::Open);
    // What was sent behind the recovery point is another window of data.
    assert_eq!(sender.ack(10, &[(11, 14)]), Finding::Loss(sender.seq(10)));
}

#[test]
fn after_a_timeout_no_recovery_starts_until_what_was_sent_before_it_is_acknowledged() {
    let mut sender = Sender::with_segments(10);
    sender.ack(0, &[(1, 2), (5, 6)]);
    sender.recovery.on_timeout(sender.una, sender.nxt);
    // What was reported is not sent again.
    assert_eq!(sender.in_flight(), 0);
    assert_eq!(sender.sends_again(), [0, 2, 3, 4, 6, 7, 8, 9]);
    sender.nxt += 5 * MSS;
    assert_eq!(sender.ack(2, &[(5, 6), (11, 14)]), Finding::PartialRepair(sender.seq(10)));
    // RFC6675-R5
    assert_eq!(sender.recovery.phase(), Phase::Timeout);
    assert_eq!(sender.ack(10, &[(11, 14)]), Finding::Recovered);
    // RFC6675-R5
    assert_eq!(sender.ack(10, &[(11, 15)]), Finding::Loss(sender.seq(10)), "it was sent after the timeout");
}

#[test]
fn a_timeout_sends_the_first_again_though_it_had_been_reported() {
    let mut sender = Sender::with_segments(5);
    sender.ack(0, &[(1, 3)]);
    sender.una = sender.seq(1);
    sender.recovery.board(ISS).advance(ISS + 1 + MSS);
    sender.recovery.on_timeout(sender.una, sender.nxt);
    // RFC2018-R6
    assert_eq!(sender.sends_again(), [1, 2, 3, 4]);
}

#[test]
fn short_segments_are_lost_after_three_acknowledgements() {
    let mut sender = Sender::with_segments(10);
    sender.nxt = sender.start + 1000;
    for (right, finding) in [(2, Finding::Nothing), (3, Finding::Nothing), (4, Finding::Loss(sender.seq(0)))]
    {
        let block = SackBlock { left: sender.start + 100, right: sender.start + 100 * right };
        let advanced = 0;
        let (una, nxt) = (sender.una, sender.nxt);
        let seen = AckSeen {
            una,
            nxt,
            advanced,
            duplicate: true,
            mss: MSS,
            sack: &[block],
            answers_original: false,
        };
        assert_eq!(sender.recovery.on_ack(seen), finding);
    }
    assert_eq!(sender.recovery.lost(), Some((sender.start, sender.start + 100)));
}

#[test]
fn what_was_too_large_is_sent_again_and_starts_no_recovery() {
    let mut sender = Sender::with_segments(10);
    sender.recovery.on_too_big(sender.una, sender.nxt);
    assert_eq!((sender.in_flight(), sender.recovery.phase()), (0, Phase::Open));
    assert_eq!(sender.sends_again().len(), 10);
    for right in 2..9 {
        assert_eq!(sender.ack(0, &[(1, right)]), Finding::Nothing, "{right}");
    }
    assert_eq!(sender.ack(10, &[]), Finding::Repaired);
    sender.nxt += 5 * MSS;
    assert_eq!(sender.ack(10, &[(11, 14)]), Finding::Loss(sender.seq(10)));
}

#[test]
fn blocks_that_cannot_be_are_ignored() {
    let mut sender = Sender::with_segments(10);
    sender.ack(2, &[]);
    let (una, nxt) = (sender.una, sender.nxt);
    let impossible = [
        (una, una + MSS, "no hole before it"),
        (una - MSS, una, "acknowledged"),
        (una - MSS, una + MSS, "acknowledged in part"),
        (una + 2, una + 2, "empty"),
        (una + 3 * MSS, una + MSS, "reversed"),
        (una + MSS, nxt + 1, "never sent"),
        (nxt, nxt + MSS, "never sent"),
        (una + MSS, una + 0x8000_0000, "wild"),
        (una - 0x7fff_ffff, una + MSS, "wild"),
        (una + 0x4000_0000, una + 0x8000_0000, "each in order with the next"),
    ];
    for (left, right, why) in impossible {
        assert_eq!(sender.ack_blocks(una, &[SackBlock { left, right }], false), Finding::Nothing);
        assert_eq!(sender.in_flight(), 8, "{why}");
        // RFC2018-R9
        assert!(sender.recovery.board.is_none(), "{why}");
    }
}

#[test]
fn a_receiver_that_gives_up_what_it_had_is_found_out() {
    let mut sender = Sender::with_segments(10);
    sender.ack(0, &[(1, 3), (5, 6)]);
    sender.ack(0, &[(1, 4), (5, 6)]);
    assert_eq!(sender.sends_again(), [0]);
    assert_eq!(sender.ack(1, &[]), Finding::Reneged);
    assert_eq!((sender.in_flight(), sender.recovery.counts().sacked), (9, 0));
    // What it reports from then on counts again.
    assert_eq!(sender.ack(1, &[(5, 8)]), Finding::MoreLost(sender.seq(1)));
    assert_eq!(sender.sends_again(), [1, 2, 3, 4]);
}

#[test]
fn a_hole_with_little_behind_it_is_rescued_when_nothing_else_can_be_sent() {
    let mut sender = Sender::with_segments(12);
    assert_eq!(sender.rescue(), None, "no recovery, no rescue");
    sender.ack(0, &[(1, 5), (6, 7), (8, 9)]);
    assert_eq!(sender.sends_again(), [0]);
    // 5 and 7 are not lost: two ranges and two segments behind 5 do not show it.
    assert_eq!(sender.rescue(), Some(5));
    sender.recovery.on_retransmit(sender.seq(5), sender.seq(6));
    assert_eq!(sender.rescue(), Some(7));
    sender.recovery.on_retransmit(sender.seq(7), sender.seq(8));
    // Of 9..12 nothing is known. Once the retransmission has come through, the last of it is sent once.
    assert_eq!(sender.rescue(), None);
    sender.ack(5, &[(6, 7), (8, 9)]);
    assert_eq!(sender.rescue(), Some(11));
    sender.recovery.on_retransmit(sender.seq(11), sender.seq(12));
    assert_eq!(sender.rescue(), None);
    // What was rescued is not sent again when it is found to be lost.
    sender.ack(5, &[(6, 7), (8, 11)]);
    assert_eq!(sender.sends_again(), []);
}

#[test]
fn the_threshold_follows_the_reordering_of_what_was_sent_once() {
    let mut sender = Sender::with_segments(30);
    assert_eq!(sender.recovery.reordering(), 3);
    // Two late: 1 arrives behind 2.
    sender.ack(1, &[(2, 3)]);
    sender.ack(3, &[]);
    assert_eq!(sender.recovery.reordering(), 3);
    // Twelve late, taken for a loss, and before it is sent again it comes.
    assert!(matches!(sender.ack(3, &[(4, 15)]), Finding::Loss(_)));
    sender.ack(15, &[]);
    assert_eq!(sender.recovery.reordering(), 12);
    assert_eq!(sender.ack(30, &[]), Finding::Recovered);
    // As late again is no loss, as long as more may come.
    sender.nxt += 30 * MSS;
    assert_eq!(sender.ack(30, &[(31, 42)]), Finding::Nothing);
    // When all of the rest has arrived, waiting tells nothing.
    assert_eq!(sender.ack(57, &[]), Finding::Nothing);
    assert_eq!(sender.ack(57, &[(58, 60)]), Finding::Nothing);
    sender.nxt += MSS;
    assert_eq!(sender.ack(57, &[(58, 61)]), Finding::Loss(sender.seq(57)));
}

#[test]
fn an_original_that_arrives_after_it_was_sent_again_is_known_by_its_timestamp() {
    for (answers_original, reordering) in [(true, 6), (false, 3)] {
        let mut sender = Sender::with_segments(10);
        sender.ack(0, &[(1, 6)]);
        assert_eq!(sender.sends_again(), [0]);
        sender.ack_blocks(sender.seq(6), &[], answers_original);
        assert_eq!(sender.recovery.reordering(), reordering);
    }
}

#[test]
fn reordering_that_hid_a_loss_until_the_timeout_is_forgotten() {
    let mut sender = Sender::with_segments(40);
    sender.ack(0, &[(1, 20)]);
    sender.ack(20, &[]);
    assert_eq!(sender.recovery.reordering(), 20);
    sender.ack(20, &[(21, 30)]);
    sender.recovery.on_timeout(sender.una, sender.nxt);
    assert_eq!(sender.recovery.reordering(), 3);
}

#[test]
fn acknowledgements_of_single_bytes_do_not_multiply_what_is_kept_or_sent() {
    let mut sender = Sender::with_segments(100);
    for byte in 0..20_000 {
        let left = sender.una + 1 + 2 * byte;
        sender.ack_blocks(sender.una, &[SackBlock { left, right: left + 1 }], false);
    }
    let board = sender.recovery.board.as_ref().unwrap();
    assert!(board.sacked.count() <= 100 + 64, "{}", board.sacked.count());
    assert!(board.lost.count() <= 100 + 64, "{}", board.lost.count());
}

#[test]
fn a_hundred_thousand_segments_with_every_second_lost_cost_a_little_for_each_acknowledgement() {
    // Work for each acknowledgement that grew with what is outstanding would be billions of steps.
    const SEGMENTS: u32 = 100_000;
    let mut sender = Sender::with_segments(0);
    sender.mss = 100;
    sender.nxt = sender.seq(SEGMENTS);
    for segment in (1..SEGMENTS).step_by(2) {
        sender.ack(0, &[(segment, segment + 1)]);
    }
    let sent = sender.sends_again();
    assert_eq!(sent.len() as u32, SEGMENTS / 2 - 2, "of the last two holes too little is known");
    for una in (2..=SEGMENTS).step_by(2) {
        sender.ack(una, &[]);
    }
    assert!(sender.recovery.board.is_none());
}

/// What is known of one sequence number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Octet {
    InFlight,
    Sacked,
    Lost,
    Again,
}

/// The same recovery, sequence number by sequence number, by the words of RFC 6675.
struct Model {
    octets: Vec<Octet>,
    dup_acks: u32,
}

impl Model {
    fn lost_by_reports(&self, at: usize, threshold: u32, mss: u32) -> bool {
        let behind = &self.octets[at..];
        let sacked = behind.iter().filter(|octet| **octet == Octet::Sacked).count() as u32;
        let starts = behind.windows(2).filter(|two| two[0] != Octet::Sacked && two[1] == Octet::Sacked);
        starts.count() as u32 >= threshold || sacked > (threshold - 1) * mss
    }

    fn detect(&mut self, threshold: u32, mss: u32) {
        let ends = self.octets.last() == Some(&Octet::Sacked);
        let threshold = if ends { DUP_THRESH } else { threshold };
        let highest = self.octets.iter().rposition(|octet| *octet == Octet::Sacked).unwrap_or(0);
        let in_first_hole = self.octets.iter().take_while(|octet| **octet != Octet::Sacked).count();
        let by_count = if self.dup_acks >= threshold { in_first_hole.min(mss as usize) } else { 0 };
        let lost: Vec<usize> = (0..highest)
            .filter(|at| self.octets[*at] == Octet::InFlight)
            .filter(|at| *at < by_count || self.lost_by_reports(*at, threshold, mss))
            .collect();
        for at in lost {
            self.octets[at] = Octet::Lost;
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Send(u32),
    Ack { advance: u32, blocks: Vec<(u32, u32)>, answers_original: bool },
    Retransmit(u32),
    Rescue,
    Timeout,
    TooBig,
}

fn step() -> impl Strategy<Value = Step> {
    let advance = prop_oneof![4 => Just(0u32), 2 => 0u32..30];
    let blocks = prop::collection::vec((0u32..120, 0u32..25), 0..4);
    prop_oneof![
        6 => (0u32..40).prop_map(Step::Send),
        12 => (advance, blocks, any::<bool>()).prop_map(|(advance, blocks, answers_original)| Step::Ack {
            advance,
            blocks,
            answers_original
        }),
        5 => (1u32..15).prop_map(Step::Retransmit),
        2 => Just(Step::Rescue),
        1 => Just(Step::Timeout),
        1 => Just(Step::TooBig),
    ]
}

proptest! {
    #[test]
    fn behaves_like_a_table_of_octets(steps in prop::collection::vec(step(), 1..80)) {
        const MSS: u32 = 5;
        let mut sender = Sender::with_segments(0);
        sender.mss = MSS;
        let mut model = Model { octets: vec![], dup_acks: 0 };
        for step in steps {
            match step {
                Step::Send(n) => {
                    sender.nxt += n;
                    model.octets.resize(model.octets.len() + n as usize, Octet::InFlight);
                }
                Step::Ack { advance, blocks, answers_original } => {
                    let advance = advance.min(model.octets.len() as u32);
                    let una = sender.una + advance;
                    let sack: Vec<_> = blocks
                        .iter()
                        .map(|&(left, len)| SackBlock { left: una + left, right: una + left + len })
                        .collect();
                    let recover = sender.recovery.recover;
                    let phase = sender.recovery.phase;
                    let finding = sender.ack_blocks(una, &sack, answers_original);

                    model.octets.drain(..advance as usize);
                    let mut news = false;
                    for &(left, len) in &blocks {
                        let range = left as usize..(left + len) as usize;
                        if left > 0 && len > 0 && range.end <= model.octets.len() {
                            for octet in &mut model.octets[range] {
                                news |= core::mem::replace(octet, Octet::Sacked) != Octet::Sacked;
                            }
                        }
                    }
                    model.dup_acks = if advance > 0 { 0 } else { model.dup_acks + u32::from(news) };
                    if model.octets.first() == Some(&Octet::Sacked) {
                        prop_assert_eq!(finding, Finding::Reneged);
                        model.dup_acks = 0;
                        for octet in model.octets.iter_mut().filter(|octet| **octet == Octet::Sacked) {
                            *octet = Octet::InFlight;
                        }
                    } else if phase != Phase::Open && una.ge(recover) {
                        prop_assert_eq!(finding, Finding::Recovered);
                    } else {
                        model.detect(sender.recovery.reordering(), MSS);
                        let event = matches!(finding, Finding::Loss(_));
                        prop_assert!(!event || (phase == Phase::Open && una.ge(recover)), "{:?}", finding);
                    }
                }
                Step::Retransmit(len) => {
                    if let Some((from, until)) = sender.recovery.lost() {
                        let to = (from + len).min(until);
                        sender.recovery.on_retransmit(from, to);
                        let at = |seq: SeqNumber| seq.distance_from(sender.una) as usize;
                        model.octets[at(from)..at(to)].fill(Octet::Again);
                    }
                }
                Step::Rescue => {
                    if let Some((from, to)) = sender.recovery.rescue(sender.una, sender.nxt, MSS) {
                        sender.recovery.on_retransmit(from, to);
                        let at = |seq: SeqNumber| seq.distance_from(sender.una) as usize;
                        let rescued = &mut model.octets[at(from)..at(to)];
                        prop_assert!(rescued.iter().all(|octet| *octet == Octet::InFlight));
                        let behind = &model.octets[at(to)..];
                        if behind.contains(&Octet::Sacked) {
                            model.octets[at(from)..at(to)].fill(Octet::Again);
                        }
                    }
                }
                Step::Timeout | Step::TooBig if model.octets.is_empty() => {}
                Step::Timeout | Step::TooBig => {
                    if matches!(step, Step::Timeout) {
                        sender.recovery.on_timeout(sender.una, sender.nxt);
                        model.dup_acks = 0;
                    } else {
                        sender.recovery.on_too_big(sender.una, sender.nxt);
                    }
                    for octet in model.octets.iter_mut().filter(|octet| **octet != Octet::Sacked) {
                        *octet = Octet::Lost;
                    }
                }
            }
            sender.recovery.check(sender.nxt);
            let count = |wanted: &[Octet]| {
                model.octets.iter().filter(|octet| wanted.contains(octet)).count() as u32
            };
            let in_flight = sender.recovery.in_flight(sender.una, sender.nxt, MSS);
            prop_assert_eq!(in_flight, count(&[Octet::InFlight, Octet::Again]));
            let counts = sender.recovery.counts();
            prop_assert_eq!(counts.sacked, count(&[Octet::Sacked]));
            prop_assert_eq!(counts.lost, count(&[Octet::Lost, Octet::Again]));
            prop_assert_eq!(counts.retransmitted, count(&[Octet::Again]));
            let first = model.octets.iter().position(|octet| *octet == Octet::Lost);
            let told = sender.recovery.lost();
            prop_assert_eq!(told.map(|(from, _)| from.distance_from(sender.una) as usize), first);
            if let Some((from, until)) = told {
                let at = |seq: SeqNumber| seq.distance_from(sender.una) as usize;
                prop_assert!(model.octets[at(from)..at(until)].iter().all(|octet| *octet == Octet::Lost));
            }
        }
    }
}
