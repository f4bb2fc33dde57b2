//! Loss recovery: what was lost, what is to be sent again, and how much is in flight.
//!
//! Recovery knows sequence numbers and acknowledgements; how much may be in flight is the business of
//! [`congestion`](super::congestion). The connection asks it after each acknowledgement and before each
//! transmission, so another way to detect losses is another implementation of [`LossRecovery`].

mod new_reno;
mod sack;
mod scoreboard;

use fathom_wire::{SackBlock, SeqNumber};
use new_reno::NewReno;
use sack::SackRecovery;

/// Duplicate acknowledgements, or segments known to have arrived behind a hole, that stand for a loss while
/// nothing is known about reordering (DupThresh of RFC 5681 3.2 and RFC 6675 2).
pub(crate) const DUP_THRESH: u32 = 3;

/// An acceptable acknowledgement, as far as recovery must know it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AckSeen<'a> {
    /// SND.UNA after it.
    pub(crate) una: SeqNumber,
    /// SND.NXT.
    pub(crate) nxt: SeqNumber,
    /// Sequence numbers by which it advanced SND.UNA.
    pub(crate) advanced: u32,
    /// It is a duplicate in the sense of RFC 5681 2: data is outstanding, and the segment has no data, no
    /// SYN, no FIN, the same acknowledgement number and the same window as the last.
    pub(crate) duplicate: bool,
    /// The sender's maximum segment size.
    pub(crate) mss: u32,
    /// What it reports as received, as it stands in the segment: nothing of it is checked.
    pub(crate) sack: &'a [SackBlock],
    /// It advances over something that was sent again, and its timestamp shows that it answers an earlier
    /// transmission: sending again was not needed (RFC 3522 3.2).
    pub(crate) answers_original: bool,
}

/// What an acknowledgement showed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Finding {
    /// No news of losses.
    Nothing,
    /// A loss, first of this sequence number, in a window of data that had none: a congestion event.
    Loss(SeqNumber),
    /// More was lost of a window of data in which losses are being repaired already.
    MoreLost(SeqNumber),
    /// Something that was lost has arrived.
    Repaired,
    /// What was lost first has arrived; more of the same window was lost, and is to be sent again.
    PartialRepair(SeqNumber),
    /// Everything that was in flight when the loss was found has arrived.
    Recovered,
    /// The receiver has given up what it had reported as received (RFC 2018 8).
    Reneged,
}

/// Where recovery stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    /// No loss is known.
    Open,
    /// A loss was found by acknowledgements and is being repaired.
    FastRecovery,
    /// The retransmission timer ran out; what was in flight then is being sent again.
    Timeout,
}

/// What is known of the data between SND.UNA and SND.NXT, in sequence numbers.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Counts {
    /// Reported by the peer as received.
    pub(crate) sacked: u32,
    /// Deemed lost, whether it was sent again since or not.
    pub(crate) lost: u32,
    /// Sent again, and believed to be in the network.
    pub(crate) retransmitted: u32,
}

/// A way to find losses and to choose what is sent again.
pub(crate) trait LossRecovery {
    /// An acknowledgement came.
    fn on_ack(&mut self, ack: AckSeen<'_>) -> Finding;
    /// The retransmission timer ran out: everything in flight counts as lost.
    fn on_timeout(&mut self, una: SeqNumber, nxt: SeqNumber);
    /// What was taken for lost had not been: recovery ends at once. Called only when nothing is left that is
    /// deemed lost.
    fn undo(&mut self, una: SeqNumber);
    /// What is in flight was too large for the path: it is sent again, without being a sign of congestion.
    fn on_too_big(&mut self, una: SeqNumber, nxt: SeqNumber);
    /// The range that is to be sent again next, if any.
    fn lost(&self) -> Option<(SeqNumber, SeqNumber)>;
    /// What may be sent again when nothing is to be sent again and no new data can be sent: it may be lost
    /// without that any acknowledgement could show it.
    fn rescue(&self, una: SeqNumber, nxt: SeqNumber, mss: u32) -> Option<(SeqNumber, SeqNumber)>;
    /// A part of what was asked for was sent again.
    fn on_retransmit(&mut self, from: SeqNumber, to: SeqNumber);
    /// Sequence numbers believed to be in the network: sent, and neither acknowledged nor known to have
    /// arrived or to be lost.
    fn in_flight(&self, una: SeqNumber, nxt: SeqNumber, mss: u32) -> u32;
    /// Where recovery stands.
    fn phase(&self) -> Phase;
    /// Whether the retransmission timer runs on although data is acknowledged.
    fn holds_timer(&self) -> bool;
    /// What is known of what is outstanding.
    fn counts(&self) -> Counts;
    /// By how many segments the network is known to reorder, at least [`DUP_THRESH`]: so many must be known
    /// to have arrived behind a hole before it is taken for a loss.
    fn reordering(&self) -> u32;
}

/// The recovery of a connection: by selective acknowledgements if both ends have them.
#[derive(Debug)]
pub(crate) enum Recovery {
    NewReno(NewReno),
    Sack(SackRecovery),
}

impl Recovery {
    pub(crate) fn new(iss: SeqNumber, sack: bool) -> Self {
        if sack { Recovery::Sack(SackRecovery::new(iss)) } else { Recovery::NewReno(NewReno::new(iss)) }
    }

    /// Checks what must hold between any two events.
    #[cfg(debug_assertions)]
    pub(crate) fn check(&self, nxt: SeqNumber) {
        if let Recovery::Sack(sack) = self {
            sack.check(nxt);
        }
    }

    fn get(&self) -> &dyn LossRecovery {
        match self {
            Recovery::NewReno(new_reno) => new_reno,
            Recovery::Sack(sack) => sack,
        }
    }
}

impl LossRecovery for Recovery {
    fn on_ack(&mut self, ack: AckSeen<'_>) -> Finding {
        match self {
            Recovery::NewReno(new_reno) => new_reno.on_ack(ack),
            Recovery::Sack(sack) => sack.on_ack(ack),
        }
    }

    fn on_timeout(&mut self, una: SeqNumber, nxt: SeqNumber) {
        match self {
            Recovery::NewReno(new_reno) => new_reno.on_timeout(una, nxt),
            Recovery::Sack(sack) => sack.on_timeout(una, nxt),
        }
    }

    fn undo(&mut self, una: SeqNumber) {
        match self {
            Recovery::NewReno(new_reno) => new_reno.undo(una),
            Recovery::Sack(sack) => sack.undo(una),
        }
    }

    fn on_too_big(&mut self, una: SeqNumber, nxt: SeqNumber) {
        match self {
            Recovery::NewReno(new_reno) => new_reno.on_too_big(una, nxt),
            Recovery::Sack(sack) => sack.on_too_big(una, nxt),
        }
    }

    fn lost(&self) -> Option<(SeqNumber, SeqNumber)> {
        match self {
            Recovery::NewReno(new_reno) => new_reno.lost(),
            Recovery::Sack(sack) => sack.lost(),
        }
    }

    fn rescue(&self, una: SeqNumber, nxt: SeqNumber, mss: u32) -> Option<(SeqNumber, SeqNumber)> {
        self.get().rescue(una, nxt, mss)
    }

    fn on_retransmit(&mut self, from: SeqNumber, to: SeqNumber) {
        match self {
            Recovery::NewReno(new_reno) => new_reno.on_retransmit(from, to),
            Recovery::Sack(sack) => sack.on_retransmit(from, to),
        }
    }

    fn in_flight(&self, una: SeqNumber, nxt: SeqNumber, mss: u32) -> u32 {
        match self {
            Recovery::NewReno(new_reno) => new_reno.in_flight(una, nxt, mss),
            Recovery::Sack(sack) => sack.in_flight(una, nxt, mss),
        }
    }

    fn phase(&self) -> Phase {
        match self {
            Recovery::NewReno(new_reno) => new_reno.phase(),
            Recovery::Sack(sack) => sack.phase(),
        }
    }

    fn holds_timer(&self) -> bool {
        self.get().holds_timer()
    }

    fn counts(&self) -> Counts {
        self.get().counts()
    }

    fn reordering(&self) -> u32 {
        self.get().reordering()
    }
}
