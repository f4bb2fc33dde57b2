//! Loss recovery beside a model that knows each sequence number by itself.

use fathom_stack::fuzzing::Scoreboard;
use fathom_wire::{SackBlock, SeqNumber};

use crate::actions;

/// Sequence numbers that may be outstanding at once.
const WINDOW: usize = 1200;
const MSS: u32 = 10;

/// Acknowledgements with blocks, honest and not, timeouts and retransmissions.
pub(crate) fn recovery(bytes: &[u8]) {
    let Some(first) = actions::read(bytes).next() else { return };
    let iss = if first.bit(1, 0) { SeqNumber(u32::MAX - 300) } else { SeqNumber(1000) };
    let sack = !first.bit(1, 1);
    let mut board = Scoreboard::new(iss, sack);
    let mut model = Model { una: iss, received: vec![] };
    for action in actions::read(bytes).skip(1) {
        match action.kind(8) {
            0 | 1 => {
                let more = usize::from(action.byte(1)).min(WINDOW - model.received.len());
                model.received.extend(std::iter::repeat_n(false, more));
            }
            2 if !model.received.is_empty() => {
                board.on_timeout(model.una, model.nxt());
                if model.received.first() == Some(&true) {
                    model.received.fill(false);
                }
            }
            3 => {
                let Some((from, to)) = board.retransmit(MSS * u32::from(action.byte(1) % 8 + 1)) else {
                    continue;
                };
                let range = model.at(from)..model.at(to);
                assert!(!range.is_empty() && range.end <= model.received.len(), "{range:?} is sent again");
                assert!(!sack || !model.received[range].contains(&true), "what was received is sent again");
            }
            4 => {
                if let Some((from, to)) = board.rescue(model.una, model.nxt(), MSS) {
                    let range = model.at(from)..model.at(to);
                    assert!(!range.is_empty() && range.len() <= MSS as usize);
                    assert!(!model.received[range].contains(&true), "what was received is sent again");
                }
            }
            _ => {
                let advanced = match action.byte(1) {
                    0..=127 => 0,
                    byte => usize::from(byte & 0x7f).min(model.received.len()),
                };
                let outstanding = !model.received.is_empty();
                let blocks: Vec<SackBlock> = (0..usize::from(action.byte(2) % 4))
                    .map(|index| {
                        let left = model.una + u32::from(action.byte(3 + index)) * 5;
                        let len = u32::from(action.byte(7) >> index) * if action.bit(2, 7) { 7 } else { 1 };
                        // Now and then one that nobody honest sends.
                        let left = if action.byte(2) >> 2 & 15 == 0 { left - 700 } else { left };
                        SackBlock { left, right: left + len }
                    })
                    .collect();
                model.advance(advanced);
                if !sack {
                    board.on_ack(
                        (model.una, model.nxt()),
                        advanced as u32,
                        outstanding && advanced == 0,
                        MSS,
                        &[],
                    );
                } else {
                    model.report(&blocks);
                    let duplicate = outstanding && advanced == 0;
                    let reneged =
                        board.on_ack((model.una, model.nxt()), advanced as u32, duplicate, MSS, &blocks);
                    assert_eq!(reneged, model.received.first() == Some(&true), "SND.UNA was reported");
                    if reneged {
                        model.received.fill(false);
                    }
                }
            }
        }
        check(&board, &model, sack);
    }
}

fn check(board: &Scoreboard, model: &Model, sack: bool) {
    let outstanding = model.received.len() as u32;
    let counts = board.counts(model.una, model.nxt(), MSS);
    assert!(counts.in_flight <= outstanding, "{counts:?} of {outstanding}");
    if !sack {
        return;
    }
    let received = model.received.iter().filter(|received| **received).count() as u32;
    assert_eq!(counts.sacked, received, "what is known to have arrived");
    // RFC 6675 4, SetPipe: in flight is what neither arrived nor is lost, and what was sent again.
    assert_eq!(counts.in_flight, outstanding - received - (counts.lost - counts.retransmitted));
    if board.is_open() {
        return;
    }
    // RFC 6675 4, IsLost: what has enough received behind it is lost while a loss is repaired.
    let lost = model.lost(counts.threshold);
    assert!(counts.lost >= lost, "{counts:?}, but {lost} are lost");
}

/// What a naive sender knows: for each sequence number from SND.UNA on, whether it was reported as received.
struct Model {
    una: SeqNumber,
    received: Vec<bool>,
}

impl Model {
    fn nxt(&self) -> SeqNumber {
        self.una + self.received.len() as u32
    }

    fn at(&self, seq: SeqNumber) -> usize {
        seq.distance_from(self.una) as usize
    }

    fn advance(&mut self, by: usize) {
        self.received.drain(..by);
        self.una += by as u32;
    }

    fn report(&mut self, blocks: &[SackBlock]) {
        for block in blocks {
            let (left, right) = (self.at(block.left), self.at(block.right));
            // RFC 2018 4: in order, behind a hole, and of what was sent.
            if left == 0 || left >= right || right > self.received.len() {
                continue;
            }
            // More runs than honest receivers can have are not taken in.
            let new = !self.received[left..right].contains(&true);
            if !new || self.runs() < self.received.len() / MSS as usize + 64 {
                self.received[left..right].fill(true);
            }
        }
    }

    fn runs(&self) -> usize {
        self.received.chunk_by(|one, other| one == other).filter(|run| run[0]).count()
    }

    /// How many sequence numbers have `threshold` runs received behind them, or more than `threshold` - 1 full
    /// segments.
    fn lost(&self, threshold: u32) -> u32 {
        let (mut runs, mut bytes, mut lost) = (0, 0, 0);
        let mut behind = false;
        for received in self.received.iter().rev() {
            if *received {
                runs += u32::from(!behind);
                bytes += 1;
            } else if runs >= threshold || bytes > (threshold - 1) * MSS {
                lost += 1;
            }
            behind = *received;
        }
        lost
    }
}
