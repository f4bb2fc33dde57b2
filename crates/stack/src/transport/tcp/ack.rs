//! When to acknowledge (RFC 9293 3.8.6.3, RFC 5681 4.2).

use core::time::Duration;

use fathom_record::SendReason;
use fathom_wire::{Instant, SeqNumber};

use super::TcpConfig;
use super::rtt::RttEstimator;

/// The least delay: the peer's program needs some time to answer too.
const MIN_DELAY: Duration = Duration::from_millis(1);
/// Duplicate acknowledgements that one batch of segments may cause.
const MAX_DUPLICATES: u8 = 64;

/// What is owed to the peer by way of acknowledgement.
#[derive(Clone, Copy, Debug)]
pub(super) struct AckState {
    /// Last.ACK.sent: the acknowledgement number of the last segment that we sent (RFC 7323 4.3).
    pub(super) last_sent: SeqNumber,
    /// TS.Recent: the timestamp to echo (RFC 7323 4.3).
    pub(super) ts_recent: u32,
    /// What is added to the time to make our timestamps.
    pub(super) ts_offset: u32,
    /// When TS.Recent was last set, in seconds of the clock.
    ts_recent_at_secs: u32,
    /// Bytes received since the last acknowledgement.
    unacknowledged: u32,
    /// Segments that are still acknowledged at once.
    quick: u8,
    /// Acknowledgements that are due beside the one in `due`, each a duplicate of it.
    duplicates: u8,
    /// An acknowledgement is due at once, for this reason.
    due: Option<SendReason>,
}

/// When the acknowledgement of a segment is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum AckDue {
    /// With the next transmission.
    Now,
    /// After this long, unless something else carries it.
    Within(Duration),
}

impl AckState {
    pub(super) fn new(ts_offset: u32) -> Self {
        AckState {
            last_sent: SeqNumber(0),
            ts_recent: 0,
            ts_offset,
            ts_recent_at_secs: 0,
            unacknowledged: 0,
            quick: 0,
            duplicates: 0,
            due: None,
        }
    }

    /// The connection is established.
    pub(super) fn start(&mut self, quick_acks: u8, now: Instant) {
        self.quick = quick_acks;
        self.ts_recent_set(now);
    }

    /// TS.Recent was set.
    pub(super) fn ts_recent_set(&mut self, now: Instant) {
        self.ts_recent_at_secs = (now.as_millis() / 1000) as u32;
    }

    /// How long ago TS.Recent was set, to the second.
    pub(super) fn ts_recent_age(&self, now: Instant) -> Duration {
        let secs = ((now.as_millis() / 1000) as u32).wrapping_sub(self.ts_recent_at_secs);
        Duration::from_secs(u64::from(secs))
    }

    /// Data arrived in order, `len` bytes in pieces of `segment_size`.
    pub(super) fn on_data(
        &mut self,
        len: usize,
        segment_size: usize,
        rmss: u32,
        rtt: &RttEstimator,
        config: &TcpConfig,
    ) -> AckDue {
        self.unacknowledged = self.unacknowledged.saturating_add(len as u32);
        self.on_progress();
        if self.quick > 0 {
            let segments = len.div_ceil(segment_size.max(1)).min(usize::from(u8::MAX)) as u8;
            self.quick = self.quick.saturating_sub(segments);
            self.now(SendReason::Ack);
            return AckDue::Now;
        }
        // RFC 9293 3.8.6.3: at least every second full segment. Counted in bytes, so that segments which
        // were merged on their way up count as what they were.
        if self.unacknowledged >= 2 * rmss {
            self.now(SendReason::Ack);
            return AckDue::Now;
        }
        AckDue::Within(self.delay(rtt, config))
    }

    /// How long an acknowledgement may wait.
    pub(super) fn delay(&self, rtt: &RttEstimator, config: &TcpConfig) -> Duration {
        // A quarter of the round trip leaves the peer time to answer, and never slows it down much.
        let delay = rtt.srtt().map_or(config.ack_delay, |srtt| srtt / 4);
        delay.clamp(MIN_DELAY, config.ack_delay.max(MIN_DELAY))
    }

    /// An acknowledgement is due at once.
    pub(super) fn now(&mut self, why: SendReason) {
        self.due.get_or_insert(why);
    }

    /// Duplicate acknowledgements are due at once: one for each of `segments`, since the peer counts them
    /// (RFC 5681 4.2).
    pub(super) fn duplicate(&mut self, segments: usize) {
        let waiting = usize::from(self.due == Some(SendReason::DuplicateAck));
        let beside = usize::from(self.duplicates) + segments.saturating_sub(1) + waiting;
        self.duplicates = beside.min(usize::from(MAX_DUPLICATES)) as u8;
        self.due = Some(SendReason::DuplicateAck);
    }

    /// RCV.NXT has moved: one acknowledgement of it stands for the duplicates of what it was.
    pub(super) fn on_progress(&mut self) {
        if self.due == Some(SendReason::DuplicateAck) {
            (self.due, self.duplicates) = (Some(SendReason::Ack), 0);
        }
    }

    /// Why an acknowledgement is due at once, if one is.
    pub(super) fn due(&self) -> Option<SendReason> {
        self.due
    }

    /// How many duplicates are due beside the acknowledgement that is due.
    pub(super) fn duplicates(&self) -> usize {
        usize::from(self.duplicates)
    }

    /// A segment with an acknowledgement was sent. One that carried data is no duplicate in the peer's
    /// eyes (RFC 5681 2), so the duplicates that are due stay due.
    pub(super) fn sent(&mut self, ack: SeqNumber, pure: bool) {
        self.last_sent = ack;
        self.unacknowledged = 0;
        if self.due == Some(SendReason::DuplicateAck) {
            if !pure {
                return;
            }
            if self.duplicates > 0 {
                self.duplicates -= 1;
                return;
            }
        }
        self.due = None;
        self.duplicates = 0;
    }

    /// Nothing is owed any more.
    pub(super) fn settled(&mut self) {
        (self.due, self.duplicates, self.unacknowledged) = (None, 0, 0);
    }

    /// Whether the next segment is acknowledged at once.
    pub(super) fn is_quick(&self) -> bool {
        self.quick > 0
    }

    /// Nothing was sent or received for long: the start of what comes is acknowledged at once again.
    pub(super) fn restart(&mut self, quick_acks: u8) {
        self.quick = quick_acks;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RMSS: u32 = 1000;

    fn on_data(ack: &mut AckState, len: usize, segment_size: usize) -> AckDue {
        ack.on_data(len, segment_size, RMSS, &RttEstimator::default(), &TcpConfig::default())
    }

    #[test]
    fn the_first_segments_are_acknowledged_at_once() {
        let mut ack = AckState::new(0);
        ack.start(4, Instant::ZERO);
        assert_eq!(on_data(&mut ack, 10, 10), AckDue::Now);
        ack.sent(SeqNumber(10), true);
        assert_eq!(on_data(&mut ack, 3000, 1000), AckDue::Now);
        ack.sent(SeqNumber(10), true);
        assert_eq!(on_data(&mut ack, 10, 10), AckDue::Within(Duration::from_millis(40)));
    }

    #[test]
    fn every_second_full_segment_is_acknowledged() {
        let mut ack = AckState::new(0);
        assert!(matches!(on_data(&mut ack, 1000, 1000), AckDue::Within(_)));
        assert_eq!(on_data(&mut ack, 1000, 1000), AckDue::Now);
        ack.sent(SeqNumber(10), true);
        assert_eq!(ack.due(), None);
        assert_eq!(on_data(&mut ack, 2000, 1000), AckDue::Now, "merged from two");
    }

    #[test]
    fn the_delay_follows_the_round_trip_time() {
        for (rtt_ms, delay_ms) in [(0, 1), (8, 2), (100, 25), (1000, 40)] {
            let mut rtt = RttEstimator::default();
            rtt.sample(Duration::from_millis(rtt_ms), 1);
            let due = AckState::new(0).on_data(1, 1, RMSS, &rtt, &TcpConfig::default());
            assert_eq!(due, AckDue::Within(Duration::from_millis(delay_ms)));
        }
    }

    #[test]
    fn each_segment_out_of_order_is_worth_a_duplicate_that_data_cannot_carry() {
        let mut ack = AckState::new(0);
        for _ in 0..3 {
            ack.duplicate(1);
        }
        ack.sent(SeqNumber(1), false);
        for _ in 0..3 {
            assert_eq!(ack.due(), Some(SendReason::DuplicateAck));
            ack.sent(SeqNumber(1), true);
        }
        assert_eq!(ack.due(), None);
    }
}
