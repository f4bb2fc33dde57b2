//! Recovery by selective acknowledgements (RFC 6675), with a threshold that follows the reordering of the
//! network.
//!
//! RFC 6675 counts what is in the network ("pipe") and compares it with the congestion window, which is cut
//! once for each window of data with losses. The threshold of three segments (DupThresh) is where it
//! starts; when a segment that was never sent again arrives behind later ones, the threshold grows to as
//! many segments as it was late by, so that the same reordering is not taken for a loss again.

use alloc::boxed::Box;

use fathom_wire::SeqNumber;

use super::scoreboard::Scoreboard;
use super::{AckSeen, Counts, DUP_THRESH, Finding, LossRecovery, Phase};

/// The threshold grows to this at most: a network that reorders more is as good as one that loses.
const MAX_REORDERING: u16 = 300;

/// The state of recovery by SACK.
#[derive(Debug)]
pub(crate) struct SackRecovery {
    phase: Phase,
    /// Whether the end of what was sent may be sent again in this recovery.
    rescue: Rescue,
    /// DupThresh.
    threshold: u16,
    /// RecoveryPoint: SND.NXT when the last loss was found.
    recover: SeqNumber,
    /// What is known, while anything is.
    board: Option<Box<Scoreboard>>,
}

/// Whether the end of what was sent may be sent again, without that it is known to be lost (RFC 6675 4,
/// NextSeg 4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Rescue {
    /// It may still be on its way. RFC 6675 would not wait, and send it twice whenever the program has
    /// nothing more to send.
    Early,
    /// Something that was sent later, a retransmission, was acknowledged meanwhile.
    Due,
    /// Once for each recovery.
    Sent,
}

/// What reports show about reordering: by how many positions something was late.
#[derive(Clone, Copy, Debug)]
struct Lateness {
    /// Behind what was known to be received before.
    highest: u64,
    most: u64,
}

impl Lateness {
    fn note(&mut self, arrived: Option<u64>) {
        if let Some(position) = arrived.filter(|position| *position < self.highest) {
            self.most = self.most.max(self.highest - position);
        }
    }
}

impl SackRecovery {
    pub(super) fn new(iss: SeqNumber) -> Self {
        SackRecovery {
            phase: Phase::Open,
            rescue: Rescue::Early,
            threshold: DUP_THRESH as u16,
            recover: iss,
            board: None,
        }
    }

    /// The board, from here on.
    fn board(&mut self, una: SeqNumber) -> &mut Scoreboard {
        self.board.get_or_insert_with(|| Box::new(Scoreboard::new(una)))
    }

    /// Brings the board up to date; gives whether something lost has arrived, and how much was reported for
    /// the first time (RFC 6675 4, Update).
    fn update(&mut self, ack: &AckSeen<'_>) -> (bool, u64) {
        // After a timeout, and after segments that were too large, it is not known which transmission
        // arrived.
        let ambiguous = self.phase == Phase::Timeout || ack.una.lt(self.recover) && self.phase == Phase::Open;
        let board = self.board(ack.una - ack.advanced);
        let mut late = Lateness { highest: board.highest(), most: 0 };
        let mut repaired = false;
        if ack.advanced > 0 {
            let start = board.una_position();
            let advance = board.advance(ack.una);
            repaired = advance.repaired;
            late.note(advance.unreported);
            late.note(Some(start).filter(|_| advance.retransmitted && ack.answers_original));
        }
        let mut news = 0;
        for block in ack.sack {
            let (new, unreported) = board.report(*block, ack.nxt, ack.mss);
            news += new;
            late.note(unreported.filter(|_| new > 0));
        }
        if !ambiguous {
            let segments = late.most.div_ceil(u64::from(ack.mss.max(1))).min(u64::from(MAX_REORDERING));
            self.threshold = self.threshold.max(segments as u16);
        }
        (repaired, news)
    }

    /// What the reports show to be lost; gives the first of it that was not known to be.
    fn detect(&mut self, ack: &AckSeen<'_>) -> Option<SeqNumber> {
        let learned = u32::from(self.threshold);
        let board = self.board.as_deref_mut()?;
        // When the last of what was sent has arrived nothing more can be learned by waiting.
        let ends = board.highest() == board.position(ack.nxt);
        let threshold = if ends { DUP_THRESH } else { learned };
        let mut edge = board.edge_of_loss(threshold, ack.mss);
        if board.dup_acks >= threshold {
            // RFC 6675 5, step 1: so many short segments may be fewer bytes than the rule above wants.
            let first = board.una_position();
            let hole = board.sacked.first_gap(first..board.highest().min(first + u64::from(ack.mss)));
            edge = edge.max(hole.map_or(edge, |hole| hole.end));
        }
        let first = board.lose_before(edge)?;
        Some(board.seq(first))
    }

    /// Forgets the board when it says nothing.
    fn tidy(&mut self) {
        let open = self.phase == Phase::Open;
        self.board.take_if(|board| open && board.is_blank());
    }

    /// Checks what must hold between any two events.
    #[cfg(debug_assertions)]
    pub(super) fn check(&self, nxt: SeqNumber) {
        if let Some(board) = &self.board {
            board.check(nxt);
        }
    }

    fn on_known_loss(&mut self, ack: &AckSeen<'_>) -> Finding {
        let (repaired, news) = self.update(ack);
        let board = self.board(ack.una);
        board.dup_acks =
            if ack.advanced > 0 { 0 } else { board.dup_acks.saturating_add(u32::from(news > 0)) };
        if board.reneged() {
            board.forget_reports();
            return Finding::Reneged;
        }
        if repaired && self.rescue == Rescue::Early {
            self.rescue = Rescue::Due;
        }
        // RFC 6675 5, step A: the recovery point is acknowledged.
        if self.phase != Phase::Open && ack.una.ge(self.recover) {
            self.phase = Phase::Open;
            return Finding::Recovered;
        }
        let found = self.detect(ack);
        let lost_before = self.board.as_deref().is_some_and(|board| board.lost_edge() > board.una_position());
        match (self.phase, found) {
            // RFC 6675 5.1: nothing that was sent before the last recovery point starts a new recovery. What
            // was sent behind it, and is known to be lost since, does.
            (Phase::Open, found) if lost_before && ack.una.ge(self.recover) => {
                self.phase = Phase::FastRecovery;
                self.recover = ack.nxt;
                self.rescue = Rescue::Early;
                Finding::Loss(found.unwrap_or(ack.una))
            }
            (_, Some(first)) if repaired => Finding::PartialRepair(first),
            (_, Some(first)) => Finding::MoreLost(first),
            (_, None) if repaired => Finding::Repaired,
            (_, None) => Finding::Nothing,
        }
    }
}

impl LossRecovery for SackRecovery {
    fn on_ack(&mut self, ack: AckSeen<'_>) -> Finding {
        let finding = if self.board.is_none() && ack.sack.is_empty() {
            Finding::Nothing
        } else {
            let finding = self.on_known_loss(&ack);
            self.tidy();
            finding
        };
        if self.phase == Phase::Open {
            // It keeps up, since beyond 2 GiB a comparison of sequence numbers turns round.
            self.recover = self.recover.max(ack.una);
        }
        finding
    }

    fn on_timeout(&mut self, una: SeqNumber, nxt: SeqNumber) {
        // Reports that did not suffice to find a loss: reordering is less than it was taken for.
        if self.board.as_deref().is_some_and(|board| board.highest() > board.lost_edge()) {
            self.threshold = DUP_THRESH as u16;
        }
        // RFC 6675 5.1. RFC 2018 8 has the sender forget what was reported, in case the receiver gave it
        // up. It is kept, as RFC 6675 5.1 allows: a receiver that gave it up is found out when SND.UNA
        // comes to it, and the first segment is sent again in any case.
        self.phase = Phase::Timeout;
        self.recover = nxt;
        self.rescue = Rescue::Early;
        let board = self.board(una);
        if board.reneged() {
            board.forget_reports();
        }
        board.dup_acks = 0;
        board.lose_all(nxt);
        self.tidy();
    }

    fn undo(&mut self, una: SeqNumber) {
        self.phase = Phase::Open;
        self.recover = una;
        self.tidy();
    }

    fn on_too_big(&mut self, una: SeqNumber, nxt: SeqNumber) {
        // What is sent twice leaves reports that are no sign of a loss.
        self.recover = self.recover.max(nxt);
        self.board(una).lose_all(nxt);
        self.tidy();
    }

    fn lost(&self) -> Option<(SeqNumber, SeqNumber)> {
        // RFC 6675 4, NextSeg (1)
        let board = self.board.as_deref()?;
        let first = board.lost.iter().next()?;
        Some((board.seq(first.start), board.seq(first.end)))
    }

    fn rescue(&self, _una: SeqNumber, nxt: SeqNumber, mss: u32) -> Option<(SeqNumber, SeqNumber)> {
        let repairing = self.phase == Phase::FastRecovery;
        let board = self.board.as_deref().filter(|board| repairing && board.lost.is_empty())?;
        let (mss, highest) = (u64::from(mss), board.highest());
        // RFC 6675 4, NextSeg (3): holes with too little received behind them to be taken for losses.
        let mut from = board.lost_edge();
        while let Some(hole) = board.sacked.first_gap(from..highest) {
            if let Some(part) = board.retransmitted.first_gap(hole.clone()) {
                return Some((board.seq(part.start), board.seq(part.end.min(part.start + mss))));
            }
            from = hole.end;
        }
        // NextSeg (4): the end of what was sent, of which nothing is known. RFC 6675 would have the highest
        // hole sent a third time when everything behind it was received; that one is on its way.
        let end = board.position(nxt);
        let sent_again = board.retransmitted.last().map_or(0, |last| last.end);
        let start = highest.max(board.lost_edge()).max(sent_again).max(end.saturating_sub(mss));
        (self.rescue == Rescue::Due && start < end).then(|| (board.seq(start), board.seq(end)))
    }

    fn on_retransmit(&mut self, from: SeqNumber, to: SeqNumber) {
        let Some(board) = self.board.as_deref_mut() else { return };
        let range = board.position(from)..board.position(to);
        if board.lost.around(range.start).is_some() || range.start < board.highest() {
            board.retransmit(range);
        } else {
            // RFC 6675 4, NextSeg (4): it is not noted as sent again (HighRxt), as it is not known to be lost.
            self.rescue = Rescue::Sent;
        }
    }

    fn in_flight(&self, una: SeqNumber, nxt: SeqNumber, _mss: u32) -> u32 {
        // RFC 6675 4, SetPipe. What was lost and sent again is in flight once; so is what was sent again as a
        // rescue, which counts as lost.
        let outstanding = nxt.distance_from(una);
        match &self.board {
            None => outstanding,
            Some(board) => {
                let gone = board.sacked.total() + board.lost.total();
                debug_assert!(gone <= u64::from(outstanding), "{gone} of {outstanding}");
                outstanding.saturating_sub(gone as u32)
            }
        }
    }

    fn phase(&self) -> Phase {
        self.phase
    }

    fn holds_timer(&self) -> bool {
        false
    }

    fn counts(&self) -> Counts {
        let Some(board) = &self.board else { return Counts::default() };
        let retransmitted = board.retransmitted.total() as u32;
        Counts {
            sacked: board.sacked.total() as u32,
            lost: board.lost.total() as u32 + retransmitted,
            retransmitted,
        }
    }

    fn reordering(&self) -> u32 {
        u32::from(self.threshold)
    }
}

#[cfg(test)]
mod tests;
