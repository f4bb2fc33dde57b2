//! What was sent and is not acknowledged, by transmissions: when each was sent, and whether again.
//!
//! A record may cover a whole super-segment; it is split when a part of it is sent again.

use alloc::collections::VecDeque;

use fathom_wire::{Instant, SeqNumber};

/// An empty queue larger than this gives its memory back.
const KEEP: usize = 16;

/// One transmission. It begins where the record before it ends, the first at SND.UNA.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Record {
    /// The sequence number behind its last.
    end: SeqNumber,
    /// It was sent more than once, so its acknowledgement tells no round-trip time (Karn, RFC 6298 3).
    retransmitted: bool,
    /// When it was last sent.
    sent_at: Instant,
}

/// The oldest transmission that an acknowledgement covers: the one that it answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Answered {
    /// When it was last sent.
    pub(crate) sent_at: Instant,
    /// Nothing that is acknowledged was sent more than once. Otherwise it is not known which transmission
    /// is answered (Karn), nor how long what lies behind it has waited at the receiver.
    pub(crate) once: bool,
}

/// The transmissions between SND.UNA and SND.NXT, in order.
///
/// SND.UNA, where the first one begins, is kept by the connection and given to each call.
#[derive(Debug, Default)]
pub(crate) struct Flight {
    records: VecDeque<Record>,
}

impl Flight {
    /// Notes that everything up to `end` was sent, the part not noted before for the first time.
    pub(crate) fn sent(&mut self, end: SeqNumber, now: Instant) {
        debug_assert!(self.records.back().is_none_or(|last| last.end.lt(end)), "{end:?} was sent before");
        self.records.push_back(Record { end, retransmitted: false, sent_at: now });
    }

    /// Notes that `from..to` was sent again.
    pub(crate) fn retransmitted(&mut self, una: SeqNumber, from: SeqNumber, to: SeqNumber, now: Instant) {
        let first = self.split_at(una, from);
        let behind = self.split_at(una, to);
        for record in self.records.range_mut(first..behind) {
            (record.retransmitted, record.sent_at) = (true, now);
        }
    }

    /// SND.UNA advances from `from` to `una`: removes what lies before, and tells of the oldest transmission
    /// that it acknowledges.
    pub(crate) fn acknowledged(&mut self, from: SeqNumber, una: SeqNumber) -> Option<Answered> {
        let sent_at = self.records.front().map(|record| record.sent_at);
        let mut once = true;
        let mut begin = from;
        while let Some(record) = self.records.front().filter(|_| begin.lt(una)) {
            once &= !record.retransmitted;
            begin = record.end;
            if record.end.le(una) {
                self.records.pop_front();
            }
        }
        if self.records.is_empty() && self.records.capacity() > KEEP {
            self.records = VecDeque::new();
        }
        sent_at.map(|sent_at| Answered { sent_at, once })
    }

    /// Forgets everything; nothing more will be sent.
    pub(crate) fn clear(&mut self) {
        self.records = VecDeque::new();
    }

    /// Where the last transmission ends: SND.NXT.
    #[cfg(any(test, debug_assertions))]
    pub(crate) fn end(&self, una: SeqNumber) -> SeqNumber {
        self.records.back().map_or(una, |record| record.end)
    }

    /// Makes a record begin at `seq`, and gives its index; the number of records when it is the end.
    fn split_at(&mut self, una: SeqNumber, seq: SeqNumber) -> usize {
        let index = self.records.partition_point(|record| record.end.le(seq));
        let begin = index.checked_sub(1).map_or(una, |before| self.records[before].end);
        match self.records.get(index) {
            Some(&record) if begin.lt(seq) => {
                self.records.insert(index, Record { end: seq, ..record });
                index + 1
            }
            _ => index,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: fn(u64) -> Instant = Instant::from_millis;

    #[test]
    fn tells_when_the_oldest_was_sent_and_whether_all_were_sent_once() {
        let base = SeqNumber(u32::MAX - 150);
        let mut flight = Flight::default();
        for i in 1..=6 {
            flight.sent(base + i * 100, AT(u64::from(i)));
        }
        flight.retransmitted(base, base + 100, base + 200, AT(50));
        let answered = |ms, once| Some(Answered { sent_at: AT(ms), once });
        assert_eq!(flight.acknowledged(base, base + 100), answered(1, true));
        // RFC6298-R6, RFC9293-MUST-18
        assert_eq!(
            flight.acknowledged(base + 100, base + 300),
            answered(50, false),
            "the third waited for the second"
        );
        assert_eq!(
            flight.acknowledged(base + 300, base + 350),
            answered(4, true),
            "a part of a super-segment"
        );
        assert_eq!(flight.acknowledged(base + 350, base + 600), answered(4, true));
        assert_eq!(flight.end(base + 600), base + 600);
    }

    #[test]
    fn a_part_that_is_sent_again_leaves_the_rest_as_it_was() {
        let base = SeqNumber(0);
        let mut flight = Flight::default();
        flight.sent(base + 1000, AT(1));
        flight.sent(base + 2000, AT(2));
        flight.retransmitted(base, base, base + 100, AT(9));
        flight.retransmitted(base, base + 900, base + 1100, AT(9));
        flight.retransmitted(base, base + 1900, base + 2000, AT(9));
        let records: alloc::vec::Vec<_> = flight.records.iter().map(|r| (r.end.0, r.retransmitted)).collect();
        assert_eq!(
            records,
            [(100, true), (900, false), (1000, true), (1100, true), (1900, false), (2000, true)]
        );
        assert!(!flight.acknowledged(base, base + 100).unwrap().once);
        assert_eq!(
            flight.acknowledged(base + 100, base + 500),
            Some(Answered { sent_at: AT(1), once: true })
        );
    }
}
