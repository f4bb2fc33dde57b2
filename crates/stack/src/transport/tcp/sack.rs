//! What we report of what arrived out of order or twice: SACK blocks (RFC 2018 3, 4; RFC 2883).
//!
//! Every block but the first of a duplicate stands for bytes that are held, and those are given up only
//! when what lies before them needs the room. So a peer hardly ever has to send again what we reported.

use arrayvec::ArrayVec;
use fathom_wire::{SackBlock, SeqNumber};

use super::connection::{Connection, Flags};
use super::options::MIN_MSS;
use super::reassembly::MAX_BLOCKS;

/// Bytes of the options of a header (RFC 9293 3.1).
const OPTION_SPACE: u32 = 40;
/// Kind and length of the option, behind two bytes of padding.
const HEAD_BYTES: u32 = 4;
const BLOCK_BYTES: u32 = 8;

impl Connection {
    /// `left..right` has arrived, and was there before: reported once, with the next acknowledgement (RFC
    /// 2883 4). Of several before it the first is reported, and what continues it.
    pub(super) fn note_duplicate(&mut self, left: SeqNumber, right: SeqNumber) {
        // What lies behind RCV.NXT and is not held either is no duplicate but out of the window.
        if !self.flags.contains(Flags::SACK) || left.ge(right) || right.gt(self.rcv.adv) {
            return;
        }
        let known = &mut self.cold.duplicate;
        if known.left == known.right {
            *known = SackBlock { left, right };
        } else if known.right == left {
            known.right = right;
        }
    }

    /// How many blocks the next segment reports: three beside timestamps, four without.
    fn sack_blocks(&self) -> u32 {
        if !self.flags.contains(Flags::SACK) {
            return 0;
        }
        let held = self.reassembly.as_ref().map_or(0, |held| held.blocks());
        let duplicate = self.cold.duplicate.left != self.cold.duplicate.right;
        if held == 0 && !duplicate {
            return 0;
        }
        let room = (OPTION_SPACE - self.option_bytes() - HEAD_BYTES) / BLOCK_BYTES;
        (held + usize::from(duplicate)).min(room as usize) as u32
    }

    /// Bytes that the report takes in the next segment.
    pub(super) fn sack_bytes(&self) -> u32 {
        match self.sack_blocks() {
            0 => 0,
            blocks => HEAD_BYTES + BLOCK_BYTES * blocks,
        }
    }

    /// Data bytes of a full segment of new data, which leaves room for the report (RFC 2018 4). With an MSS
    /// of 1448 bytes and three blocks: 1420.
    pub(super) fn new_data_mss(&self) -> u32 {
        let mss = self.snd.mss();
        Some(mss - self.sack_bytes().min(mss)).filter(|rest| *rest >= MIN_MSS).unwrap_or(mss)
    }

    /// The report in a segment: a duplicate first (RFC 2883 4), then the run that the last segment belongs
    /// to, then what was reported before (RFC 2018 4).
    pub(super) fn report(&mut self, sack: &mut ArrayVec<SackBlock, MAX_BLOCKS>) {
        let mut room = self.sack_blocks() as usize;
        if room == 0 {
            return;
        }
        let duplicate = &mut self.cold.duplicate;
        if duplicate.left != duplicate.right {
            sack.push(*duplicate);
            duplicate.left = duplicate.right;
            room -= 1;
        }
        let Some(held) = &self.reassembly else { return };
        let rcv = &self.rcv;
        sack.extend(
            held.report(room, self.ack.duplicates())
                .into_iter()
                .map(|range| SackBlock { left: rcv.seq_at(range.start), right: rcv.seq_at(range.end) }),
        );
    }
}
