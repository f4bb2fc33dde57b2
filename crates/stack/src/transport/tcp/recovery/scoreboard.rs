//! The scoreboard: what is known of each sequence number between SND.UNA and SND.NXT (RFC 6675 2).
//!
//! A sequence number is in flight, or in one of three sets: reported as received, lost and to be sent again,
//! or sent again and in flight. The sets are ranges in a stream of 64-bit positions, which never wrap. An
//! acknowledgement costs a search for each of its blocks and a step for each range that it changes, however
//! much is in flight. Transmissions are noted elsewhere ([`Flight`](crate::transport::tcp::flight::Flight)).

use core::ops::Range;

use fathom_wire::{SackBlock, SeqNumber};

use crate::transport::tcp::ranges::Ranges;

/// Ranges that are taken in beyond one for each full segment in flight. Full segments alone cannot need
/// more, and a peer that acknowledges single bytes must not make us keep a range for each, nor send each
/// hole between them by itself (CVE-2019-11479).
const SPARE_RANGES: usize = 64;

/// What is known of what is outstanding.
#[derive(Debug)]
pub(super) struct Scoreboard {
    /// SND.UNA, and its position.
    una: SeqNumber,
    una_position: u64,
    /// Reported as received.
    pub(super) sacked: Ranges,
    /// Lost, and to be sent again.
    pub(super) lost: Ranges,
    /// Lost (or sent again as a rescue), and sent again since.
    pub(super) retransmitted: Ranges,
    /// Everything before it that was not received is lost.
    lost_edge: u64,
    /// Acknowledgements in a row that reported something new and did not advance (DupAcks).
    pub(super) dup_acks: u32,
}

/// What a cumulative acknowledgement removed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Advance {
    /// Something of it had been lost.
    pub(super) repaired: bool,
    /// The first position of it that was never reported and never sent again.
    pub(super) unreported: Option<u64>,
    /// What it begins with had been sent again.
    pub(super) retransmitted: bool,
}

impl Scoreboard {
    /// Nothing is known but where the outstanding data begins.
    pub(super) fn new(una: SeqNumber) -> Self {
        Scoreboard {
            una,
            una_position: 0,
            sacked: Ranges::default(),
            lost: Ranges::default(),
            retransmitted: Ranges::default(),
            lost_edge: 0,
            dup_acks: 0,
        }
    }

    /// Whether nothing is known that would be forgotten with it.
    pub(super) fn is_blank(&self) -> bool {
        self.sacked.is_empty() && self.lost.is_empty() && self.retransmitted.is_empty()
    }

    /// The position of a sequence number that is not before SND.UNA.
    pub(super) fn position(&self, seq: SeqNumber) -> u64 {
        self.una_position + u64::from(seq.distance_from(self.una))
    }

    /// The sequence number of a position that is not before SND.UNA.
    pub(super) fn seq(&self, position: u64) -> SeqNumber {
        self.una + (position - self.una_position) as u32
    }

    /// The position of SND.UNA.
    pub(super) fn una_position(&self) -> u64 {
        self.una_position
    }

    /// Behind the highest position that was reported as received; SND.UNA when none is.
    pub(super) fn highest(&self) -> u64 {
        self.sacked.last().map_or(self.una_position, |last| last.end)
    }

    /// Everything before it that was not received is lost.
    pub(super) fn lost_edge(&self) -> u64 {
        self.lost_edge.max(self.una_position)
    }

    /// SND.UNA advances.
    pub(super) fn advance(&mut self, una: SeqNumber) -> Advance {
        let covered = self.una_position..self.position(una);
        let retransmitted = self.retransmitted.around(covered.start).is_some();
        let unreported = self.never_reported(covered.clone());
        self.sacked.remove(covered.clone());
        let lost = self.lost.remove(covered.clone()) + self.retransmitted.remove(covered.clone());
        (self.una, self.una_position) = (una, covered.end);
        Advance { repaired: lost > 0, unreported, retransmitted }
    }

    /// The first position of a range that is neither reported nor sent again. Of a range that was sent
    /// again in parts only the first part that was not reported is looked at.
    fn never_reported(&self, range: Range<u64>) -> Option<u64> {
        let gap = self.sacked.first_gap(range)?;
        self.retransmitted.first_gap(gap).map(|part| part.start)
    }

    /// Takes in a block of a report, if it is one that an honest receiver can send (RFC 2018 4): in order,
    /// behind a hole, and of data that was sent. Gives how much of it is news, and the first position of it
    /// that was never sent again.
    pub(super) fn report(&mut self, block: SackBlock, nxt: SeqNumber, mss: u32) -> (u64, Option<u64>) {
        // Distances, since wild sequence numbers compare in a circle.
        let [left, right, outstanding] =
            [block.left, block.right, nxt].map(|seq| seq.distance_from(self.una));
        if left == 0 || left >= right || right > outstanding {
            return (0, None);
        }
        let range = self.una_position + u64::from(left)..self.una_position + u64::from(right);
        let most = outstanding as usize / mss.max(1) as usize + SPARE_RANGES;
        if self.sacked.count() >= most && self.sacked.first_within(range.clone()).is_none() {
            return (0, None);
        }
        let unreported = self.never_reported(range.clone());
        let news = self.sacked.insert(range.clone());
        if news > 0 {
            self.lost.remove(range.clone());
            self.retransmitted.remove(range);
        }
        (news, unreported)
    }

    /// How far RFC 6675 4 (IsLost) reaches: what was not received before it has `threshold` ranges, or more
    /// than `threshold` - 1 full segments, received behind it. Costs a step for each of those ranges.
    ///
    /// With three and an MSS of 1000 bytes: of 0..9000 sent and 2000..3000, 4000..7000 received, the range
    /// 4000..7000 is more than 2000 bytes, so what is missing before 4000 is lost.
    pub(super) fn edge_of_loss(&self, threshold: u32, mss: u32) -> u64 {
        let (mut ranges, mut bytes) = (0, 0);
        for range in self.sacked.iter().rev() {
            ranges += 1;
            bytes += range.end - range.start;
            if ranges >= threshold || bytes > u64::from(threshold - 1) * u64::from(mss) {
                return range.start;
            }
        }
        self.una_position
    }

    /// Everything before `edge` that was not received, and was not sent again, is lost; gives the first
    /// position of what was not known to be.
    pub(super) fn lose_before(&mut self, edge: u64) -> Option<u64> {
        let mut from = self.lost_edge();
        let mut first = None;
        while let Some(hole) = self.sacked.first_gap(from..edge) {
            from = hole.end;
            let mut start = hole.start;
            while let Some(part) = self.retransmitted.first_gap(start..hole.end) {
                start = part.end;
                first = first.or(Some(part.start));
                self.lost.insert(part);
            }
        }
        self.lost_edge = self.lost_edge.max(edge);
        first
    }

    /// Everything up to SND.NXT that was not received is lost, also what was sent again.
    pub(super) fn lose_all(&mut self, nxt: SeqNumber) {
        self.retransmitted = Ranges::default();
        self.lost_edge = self.una_position;
        self.lose_before(self.position(nxt));
    }

    /// The receiver has given up what it had reported: that counts as sent, and as nothing else.
    pub(super) fn forget_reports(&mut self) {
        self.sacked = Ranges::default();
        self.lost_edge = self.una_position;
        self.dup_acks = 0;
    }

    /// Whether the first outstanding position was reported, which no honest receiver does: it would have
    /// acknowledged it. It has given up what it had (RFC 2018 8).
    pub(super) fn reneged(&self) -> bool {
        self.sacked.around(self.una_position).is_some()
    }

    /// A range was sent again.
    pub(super) fn retransmit(&mut self, range: Range<u64>) {
        self.lost.remove(range.clone());
        self.retransmitted.insert(range);
    }

    /// Checks what must hold between any two events. A recount of very much would make long tests longer
    /// than they are worth.
    #[cfg(debug_assertions)]
    pub(super) fn check(&self, nxt: SeqNumber) {
        const MOST: usize = 512;
        let outstanding = self.una_position..self.position(nxt);
        let sets = [&self.sacked, &self.lost, &self.retransmitted];
        if sets.iter().any(|set| set.count() > MOST) {
            return;
        }
        for (number, set) in sets.iter().enumerate() {
            let recomputed: u64 = set.iter().map(|range| range.end - range.start).sum();
            assert_eq!(set.total(), recomputed, "the count of set {number}");
            let inside =
                |range: &Range<u64>| outstanding.start <= range.start && range.end <= outstanding.end;
            assert!(set.iter().all(|range| inside(&range)), "set {number} reaches beyond {outstanding:?}");
            for other in &sets[number + 1..] {
                let shared = set.iter().find(|range| other.first_within(range.clone()).is_some());
                assert_eq!(shared, None, "in two sets");
            }
        }
    }
}
