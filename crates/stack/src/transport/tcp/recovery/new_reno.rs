//! NewReno: fast retransmit and fast recovery without selective acknowledgements (RFC 6582, RFC 5681 3.2).
//!
//! RFC 6582 inflates the congestion window by a segment for each duplicate acknowledgement, since each
//! says that a segment has left the network. Here the window stays as it is and the estimate of what is in
//! flight shrinks instead: the same segments leave at the same time. With 10 segments in flight and the
//! third duplicate, RFC 6582 has cwnd = 5 + 3 and 10 in flight; here cwnd = 5 and 10 - 3 = 7 in flight,
//! of which the lost one is sent again at once.

use fathom_wire::SeqNumber;

use super::{AckSeen, Counts, DUP_THRESH, Finding, LossRecovery, Phase};

/// The state of NewReno.
#[derive(Clone, Debug)]
pub(crate) struct NewReno {
    phase: Phase,
    /// Partial acknowledgements in this fast recovery.
    partial_acks: u8,
    /// Segments believed to have arrived behind the first hole.
    dup_acks: u32,
    /// SND.NXT when the last loss was found ("recover" of RFC 6582, plus one).
    recover: SeqNumber,
    /// `lost_from..lost_until` is to be sent again.
    lost_from: SeqNumber,
    lost_until: SeqNumber,
    /// The last acknowledgement of new data jumped over what the receiver had already (RFC 6582 4.1).
    jumped: bool,
}

impl NewReno {
    pub(crate) fn new(iss: SeqNumber) -> Self {
        NewReno {
            phase: Phase::Open,
            partial_acks: 0,
            dup_acks: 0,
            recover: iss,
            lost_from: iss,
            lost_until: iss,
            jumped: false,
        }
    }

    /// The segment at SND.UNA is lost.
    fn lose_first(&mut self, AckSeen { una, nxt, mss, .. }: AckSeen<'_>) {
        self.lost_from = una;
        self.lost_until = (una + mss).min(nxt);
    }

    /// What is acknowledged need not be sent again.
    fn skip_acknowledged(&mut self, una: SeqNumber) {
        self.lost_from = self.lost_from.max(una);
        self.lost_until = self.lost_until.max(self.lost_from);
    }

    fn on_duplicate(&mut self, ack: AckSeen<'_>) -> Finding {
        let outstanding = ack.nxt.distance_from(ack.una);
        match self.phase {
            // What arrives now was sent again, or lay at the receiver; neither says that more was lost.
            Phase::Timeout => Finding::Nothing,
            Phase::FastRecovery => {
                // RFC 5681 3.2, step 4: as many as were outstanding when the loss was found, and not those that
                // were let out since, or forged duplicates would let out segments for ever.
                let before = self.recover.distance_from(ack.una) / ack.mss.max(1);
                self.dup_acks = (self.dup_acks + 1).min(before.max(self.dup_acks));
                Finding::Nothing
            }
            // What was too big for the path is about to be sent again, so nothing is learned from what it
            // leaves behind.
            Phase::Open if self.lost().is_some() => Finding::Nothing,
            Phase::Open => {
                self.dup_acks = (self.dup_acks + 1).min(DUP_THRESH.max(outstanding / ack.mss.max(1)));
                // RFC 6582 3.2 step 2: duplicates that only answer segments that were sent twice must not
                // start another recovery. They are told by how far the acknowledgement had jumped: over
                // what the receiver already had (RFC 6582 4.1).
                let news = ack.una.gt(self.recover) || !self.jumped;
                if self.dup_acks < DUP_THRESH || !news {
                    return Finding::Nothing;
                }
                self.phase = Phase::FastRecovery;
                self.partial_acks = 0;
                self.recover = ack.nxt;
                self.lose_first(ack);
                Finding::Loss(ack.una)
            }
        }
    }

    fn on_advance(&mut self, ack: AckSeen<'_>) -> Finding {
        self.jumped = ack.advanced > 4 * ack.mss;
        match self.phase {
            Phase::Open => {
                self.dup_acks = 0;
                self.skip_acknowledged(ack.una);
                // It keeps up, since beyond 2 GiB a comparison of sequence numbers turns round.
                self.recover = self.recover.max(ack.una - 1);
                Finding::Nothing
            }
            // RFC 6582 3.2 step 3, full acknowledgement.
            Phase::FastRecovery | Phase::Timeout if ack.una.ge(self.recover) => {
                self.phase = Phase::Open;
                self.dup_acks = 0;
                self.lost_from = ack.una;
                self.lost_until = ack.una;
                Finding::Recovered
            }
            // RFC 6582 3.2 step 3, partial acknowledgement: the next hole begins where this one ended.
            // The acknowledgement covers the hole and the segments behind it, which were counted as
            // arrived, so as many duplicates are taken back.
            Phase::FastRecovery => {
                self.partial_acks = self.partial_acks.saturating_add(1);
                let arrived = (ack.advanced / ack.mss.max(1)).saturating_sub(1);
                self.dup_acks = self.dup_acks.saturating_sub(arrived);
                if self.lost_from.gt(ack.una) {
                    // A part of what was just sent again; the rest is on its way.
                    return Finding::Nothing;
                }
                self.lose_first(ack);
                Finding::PartialRepair(ack.una)
            }
            Phase::Timeout => {
                // Whether all that was sent again so far has arrived.
                let repaired = self.lost().is_some() && self.lost_from.le(ack.una);
                self.skip_acknowledged(ack.una);
                if repaired { Finding::Repaired } else { Finding::Nothing }
            }
        }
    }
}

impl LossRecovery for NewReno {
    fn on_ack(&mut self, ack: AckSeen<'_>) -> Finding {
        if ack.advanced > 0 {
            self.on_advance(ack)
        } else if ack.duplicate {
            self.on_duplicate(ack)
        } else {
            Finding::Nothing
        }
    }

    fn on_timeout(&mut self, una: SeqNumber, nxt: SeqNumber) {
        // RFC 6582 3.2 step 4
        self.phase = Phase::Timeout;
        self.recover = nxt;
        self.dup_acks = 0;
        self.lost_from = una;
        self.lost_until = nxt;
    }

    fn undo(&mut self, una: SeqNumber) {
        self.phase = Phase::Open;
        self.dup_acks = 0;
        self.recover = una - 1;
        self.skip_acknowledged(una);
    }

    fn on_too_big(&mut self, una: SeqNumber, nxt: SeqNumber) {
        self.dup_acks = 0;
        self.lost_from = una;
        self.lost_until = nxt;
        // Duplicates that answer what is sent twice are no loss.
        self.recover = self.recover.max(nxt);
    }

    fn lost(&self) -> Option<(SeqNumber, SeqNumber)> {
        self.lost_from.lt(self.lost_until).then_some((self.lost_from, self.lost_until))
    }

    fn rescue(&self, _una: SeqNumber, _nxt: SeqNumber, _mss: u32) -> Option<(SeqNumber, SeqNumber)> {
        None
    }

    fn on_retransmit(&mut self, from: SeqNumber, to: SeqNumber) {
        debug_assert!(from == self.lost_from && to.gt(from) && to.le(self.lost_until));
        self.lost_from = to;
    }

    fn in_flight(&self, una: SeqNumber, nxt: SeqNumber, mss: u32) -> u32 {
        let arrived = self.dup_acks.saturating_mul(mss);
        let lost = self.lost_until.distance_from(self.lost_from);
        nxt.distance_from(una).saturating_sub(arrived).saturating_sub(lost)
    }

    fn phase(&self) -> Phase {
        self.phase
    }

    fn holds_timer(&self) -> bool {
        // RFC 6582 3.2 step 3: only the first partial acknowledgement restarts the timer. With many holes
        // the timer then ends the repair at one hole for each round trip, and slow start takes over.
        self.phase == Phase::FastRecovery && self.partial_acks > 1
    }

    fn counts(&self) -> Counts {
        // Nothing is reported, and what was sent again is not told from the rest.
        let lost = self.lost_until.distance_from(self.lost_from);
        Counts { lost, ..Counts::default() }
    }

    fn reordering(&self) -> u32 {
        DUP_THRESH
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MSS: u32 = 1000;
    const ISS: SeqNumber = SeqNumber(u32::MAX - 5_000);

    struct Sender {
        recovery: NewReno,
        una: SeqNumber,
        nxt: SeqNumber,
    }

    impl Sender {
        fn with_segments(n: u32) -> Self {
            Sender { recovery: NewReno::new(ISS), una: ISS + 1, nxt: ISS + 1 + n * MSS }
        }

        fn ack(&mut self, una: SeqNumber) -> Finding {
            let advanced = una.distance_from(self.una);
            self.una = una;
            let duplicate = advanced == 0;
            self.recovery.on_ack(AckSeen {
                una,
                nxt: self.nxt,
                advanced,
                duplicate,
                mss: MSS,
                sack: &[],
                answers_original: false,
            })
        }

        fn duplicates(&mut self, n: usize) -> alloc::vec::Vec<Finding> {
            (0..n).map(|_| self.ack(self.una)).collect()
        }

        fn sends_again(&mut self, to: SeqNumber) {
            let (from, _) = self.recovery.lost().unwrap();
            self.recovery.on_retransmit(from, to);
        }

        fn in_flight(&self) -> u32 {
            self.recovery.in_flight(self.una, self.nxt, MSS)
        }
    }

    #[test]
    fn the_third_duplicate_loses_the_first_segment_and_only_that() {
        let mut sender = Sender::with_segments(10);
        assert_eq!(sender.duplicates(3), [Finding::Nothing, Finding::Nothing, Finding::Loss(sender.una)]);
        assert_eq!(sender.recovery.lost(), Some((sender.una, sender.una + MSS)));
        assert_eq!(sender.in_flight(), 6 * MSS);
        sender.sends_again(sender.una + MSS);
        assert_eq!((sender.recovery.lost(), sender.in_flight()), (None, 7 * MSS));
        assert!(sender.duplicates(300).iter().all(|finding| *finding == Finding::Nothing));
        assert_eq!((sender.recovery.lost(), sender.in_flight()), (None, 0));
    }

    #[test]
    fn a_partial_acknowledgement_repairs_the_next_hole_and_a_full_one_ends_it() {
        let mut sender = Sender::with_segments(10);
        let start = sender.una;
        sender.duplicates(8);
        sender.sends_again(start + MSS);
        assert!(!sender.recovery.holds_timer());
        assert_eq!(sender.ack(start + 5 * MSS), Finding::PartialRepair(sender.una));
        assert!(!sender.recovery.holds_timer());
        // RFC6582-R1
        assert_eq!(sender.recovery.lost(), Some((start + 5 * MSS, start + 6 * MSS)));
        // Of 5 outstanding segments 8 - 4 had arrived, and the fifth is lost.
        // RFC6582-R1
        assert_eq!(sender.in_flight(), 0);
        sender.sends_again(start + 6 * MSS);
        assert_eq!(sender.in_flight(), MSS);
        let below = sender.ack(start + 10 * MSS - 1);
        assert_eq!(below, Finding::PartialRepair(sender.una), "one below the recovery point");
        assert!(sender.recovery.holds_timer());
        assert_eq!(sender.ack(start + 10 * MSS), Finding::Recovered, "the recovery point itself");
        assert_eq!((sender.recovery.phase(), sender.recovery.lost()), (Phase::Open, None));
    }

    #[test]
    fn a_timeout_sends_everything_again_but_what_is_acknowledged_meanwhile() {
        let mut sender = Sender::with_segments(10);
        let start = sender.una;
        sender.recovery.on_timeout(sender.una, sender.nxt);
        assert_eq!((sender.recovery.lost(), sender.in_flight()), (Some((start, start + 10 * MSS)), 0));
        sender.sends_again(start + MSS);
        assert_eq!(sender.in_flight(), MSS);
        assert!(sender.duplicates(5).iter().all(|finding| *finding == Finding::Nothing));
        assert_eq!(sender.ack(start + 4 * MSS), Finding::Repaired);
        assert_eq!(sender.recovery.lost(), Some((start + 4 * MSS, start + 10 * MSS)));
        assert_eq!(sender.in_flight(), 0);
        assert_eq!(sender.ack(start + 10 * MSS), Finding::Recovered);
        assert_eq!(sender.recovery.lost(), None);
    }

    #[test]
    fn duplicates_of_a_needless_repetition_start_no_recovery() {
        let mut sender = Sender::with_segments(10);
        let start = sender.una;
        sender.recovery.on_timeout(sender.una, sender.nxt);
        sender.sends_again(start + 10 * MSS);
        assert_eq!(sender.ack(start + 10 * MSS), Finding::Recovered);
        sender.nxt += 5 * MSS;
        // RFC6582-R2
        assert!(sender.duplicates(9).iter().all(|finding| *finding == Finding::Nothing));
    }

    #[test]
    fn a_loss_gigabytes_after_the_last_one_is_found() {
        let mut sender = Sender::with_segments(10);
        for _ in 0..3 {
            sender.nxt += 1 << 30;
            sender.ack(sender.nxt);
        }
        sender.nxt += 10 * MSS;
        assert_eq!(sender.duplicates(3)[2], Finding::Loss(sender.una));
    }

    #[test]
    fn duplicates_take_nothing_from_what_was_too_big_and_is_yet_to_be_sent_again() {
        let mut sender = Sender::with_segments(10);
        let start = sender.una;
        sender.recovery.on_too_big(sender.una, sender.nxt);
        sender.sends_again(start + 2 * MSS);
        assert_eq!(sender.duplicates(4), [Finding::Nothing; 4]);
        assert_eq!(sender.recovery.lost(), Some((start + 2 * MSS, start + 10 * MSS)));
    }

    #[test]
    fn a_loss_right_behind_the_last_recovery_is_found() {
        let mut sender = Sender::with_segments(4);
        let start = sender.una;
        sender.duplicates(3);
        sender.sends_again(start + MSS);
        sender.nxt += 4 * MSS;
        assert_eq!(sender.ack(start + 4 * MSS), Finding::Recovered);
        assert_eq!(sender.duplicates(3)[2], Finding::Loss(sender.una));
    }
}
