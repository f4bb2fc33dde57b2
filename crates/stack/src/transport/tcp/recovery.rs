//! Loss recovery: what was lost, what is to be sent again, and how much is in flight.
//!
//! Recovery knows sequence numbers and acknowledgements; how much may be in flight is the business of
//! [`congestion`](super::congestion). The connection asks it after each acknowledgement and before each
//! transmission, so another way to detect losses is another implementation of [`LossRecovery`].

mod new_reno;

pub(crate) use new_reno::NewReno;

use fathom_wire::SeqNumber;

/// An acceptable acknowledgement, as far as recovery must know it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AckSeen {
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
}

/// What an acknowledgement showed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Finding {
    /// No news of losses.
    Nothing,
    /// A loss in a window of data that had none: a congestion event.
    Loss,
    /// What was lost first has arrived; more of the same window was lost, and is to be sent again.
    PartialRepair,
    /// Everything that was in flight when the loss was found has arrived.
    Recovered,
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

/// A way to find losses and to choose what is sent again.
pub(crate) trait LossRecovery {
    /// An acknowledgement came.
    fn on_ack(&mut self, ack: AckSeen) -> Finding;
    /// The retransmission timer ran out: everything in flight counts as lost.
    fn on_timeout(&mut self, una: SeqNumber, nxt: SeqNumber);
    /// What is in flight was too large for the path: it is sent again, without being a sign of congestion.
    fn on_too_big(&mut self, una: SeqNumber, nxt: SeqNumber);
    /// The range that is to be sent again next, if any.
    fn lost(&self) -> Option<(SeqNumber, SeqNumber)>;
    /// The first part of that range, up to `to`, was sent again.
    fn on_retransmit(&mut self, to: SeqNumber);
    /// Sequence numbers believed to be in the network: sent, and neither acknowledged nor known to have
    /// arrived or to be lost.
    fn in_flight(&self, una: SeqNumber, nxt: SeqNumber, mss: u32) -> u32;
    /// Where recovery stands.
    fn phase(&self) -> Phase;
    /// Whether the retransmission timer runs on although data is acknowledged.
    fn holds_timer(&self) -> bool;
}
