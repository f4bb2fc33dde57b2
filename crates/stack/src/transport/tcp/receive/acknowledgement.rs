//! The ACK field of an acceptable segment (RFC 9293 3.10.7.4, fifth; RFC 5681; RFC 6298).

use alloc::boxed::Box;
use core::time::Duration;

use fathom_record::{CwndReason, Engine};
use fathom_wire::{Instant, SeqNumber, TcpFlags, TcpHeader};

use crate::context::Context;
use crate::event::Readiness;
use crate::transport::tcp::congestion::Acknowledged;
use crate::transport::tcp::connection::{Connection, Flags, Segment};
use crate::transport::tcp::flight::Answered;
use crate::transport::tcp::recovery::{AckSeen, Finding, LossRecovery as _, Phase};
use crate::transport::tcp::send::SendSpace;
use crate::transport::tcp::state::State;
use crate::transport::tcp::timers::SUSPENDED;

impl Connection {
    pub(super) fn process_ack(&mut self, cx: &mut Context<'_>, segment: &Segment<'_>) {
        if self.state == State::SynReceived {
            self.acknowledge_syn(cx, segment.header);
        }
        let ack = segment.header.ack;
        // The window of a SYN is not scaled (RFC 7323 2.2): when SYNs cross, theirs comes here with our
        // acknowledgement.
        let shift = if segment.header.flags.contains(TcpFlags::SYN) { 0 } else { self.snd.shift };
        let window = u32::from(segment.header.window) << shift;
        let una = self.snd.una;
        let closed = window == 0 || self.flags.contains(Flags::PERSIST);
        let patient = self.cold.options.user_timeout.is_none();
        if closed && patient && !self.flags.contains(Flags::ORPHAN) {
            // The peer is alive and says that its window is closed: it may do so for ever, also over data
            // in flight (RFC 9293 3.8.6.1, MUST-37). Not if the program has set a limit, and a connection
            // that nobody owns is not held open that way either.
            self.cold.progress_at = cx.now;
        }
        let duplicate = ack == una && self.is_duplicate(segment, window);
        self.update_window(segment, ack, window);
        let advanced = if ack.gt(una) { ack.distance_from(una) } else { 0 };
        let in_flight = self.recovery.in_flight(una, self.snd.nxt, self.snd.mss());
        let mut answers_original = false;
        if advanced > 0 {
            answers_original = self.advance(cx, ack, segment.header, in_flight);
        } else if duplicate {
            let statistics = &mut self.cold.statistics;
            statistics.dup_acks = statistics.dup_acks.saturating_add(1);
        }
        let sack = &segment.header.options.sack;
        if !sack.is_empty() && segment.header.options.duplicate_sack(ack).is_some() {
            self.cold.repeats().dsacks += 1;
        }
        let mut finding = Finding::Nothing;
        if advanced > 0 || duplicate || !sack.is_empty() {
            let SendSpace { una, nxt, .. } = self.snd;
            let mss = self.snd.mss();
            let seen = AckSeen { una, nxt, advanced, duplicate, mss, sack, answers_original };
            finding = self.recover(cx, seen, in_flight);
        }
        if advanced > 0 {
            self.settle_timer(cx);
            self.check_fin_acknowledged(cx);
        }
        if finding == Finding::Reneged {
            self.hasten_timeout(cx);
        }
        if self.flags.contains(Flags::PERSIST) && self.window_allows_sending() {
            self.stop_persist_timer();
        }
        if self.has_output() {
            self.want_transmit(cx);
        }
    }

    /// Our SYN is acknowledged (RFC 9293 3.10.7.3, fourth; 3.10.7.4, fifth, SYN-RECEIVED).
    pub(super) fn acknowledge_syn(&mut self, cx: &mut Context<'_>, header: &TcpHeader) {
        let answered = self.flight.acknowledged(self.cold.iss, self.cold.iss + 1);
        self.snd.una = self.cold.iss + 1;
        self.snd.nxt = self.snd.una;
        self.flags.remove(Flags::SYN_DUE);
        let expiries = core::mem::take(&mut self.cold.expiries);
        if expiries > 0 {
            self.rtt.handshake_repeated();
        }
        self.sample_rtt(cx, answered, header, 1);
        self.cold.progress_at = cx.now;
        self.timers.retransmit = Instant::MAX;
        // RFC 5681 3.1 wants one segment when a SYN was lost; RFC 6928 2 only when more than one was.
        self.established(cx, expiries > 1);
        self.close_when_open(cx);
        self.watch_orphan(cx);
    }

    /// RFC 5681 2: what makes an acknowledgement a duplicate.
    fn is_duplicate(&self, segment: &Segment<'_>, window: u32) -> bool {
        self.snd.una != self.snd.nxt
            && segment.data.is_empty()
            && !segment.flags.intersects(TcpFlags::SYN | TcpFlags::FIN)
            && window == self.snd.wnd
    }

    /// The send window, unless the segment is older than the one that set it last. One that acknowledges more
    /// is not older, even when it repeats old data: if the window were left, its right edge would move by as
    /// much, beyond what the peer has ever offered (RFC 9293 3.10.7.4 compares sequence numbers alone).
    fn update_window(&mut self, segment: &Segment<'_>, ack: SeqNumber, window: u32) {
        let snd = &mut self.snd;
        let newer = ack.gt(snd.una) || snd.wl1.lt(segment.seq) || (snd.wl1 == segment.seq && snd.wl2.le(ack));
        if ack.ge(snd.una) && newer {
            snd.wnd = window;
            snd.max_wnd = snd.max_wnd.max(window);
            snd.wl1 = segment.seq;
            snd.wl2 = ack;
        }
    }

    /// SND.UNA advances to `ack`. Gives whether that answers an earlier transmission than the last (RFC 3522
    /// 3.2).
    fn advance(&mut self, cx: &mut Context<'_>, ack: SeqNumber, header: &TcpHeader, in_flight: u32) -> bool {
        let advanced = ack.distance_from(self.snd.una);
        // Our FIN takes a sequence number and no place in the buffer.
        let data = (advanced as usize).min(self.send_buffer.len());
        let answered = self.flight.acknowledged(self.snd.una, ack);
        // It may have gone as a window probe, which is not counted as sent.
        self.snd.fin_sent |= advanced as usize > data;
        self.snd.una = ack;
        self.snd.nxt = self.snd.nxt.max(ack);
        // It keeps up, since beyond 2 GiB a comparison of sequence numbers turns round.
        self.snd.short_end = self.snd.short_end.max(ack);
        self.cold.cwnd_limited_at = self.cold.cwnd_limited_at.max(ack - advanced);
        self.send_buffer.consume(cx.pool, cx.memory, data);
        if self.snd.una == self.snd.nxt {
            self.note_sending(cx);
        }
        self.cold.statistics.bytes_acked += data as u64;
        self.cold.progress_at = cx.now;
        self.cold.expiries = 0;
        self.cold.soft_error = None;
        let samples_per_round = u64::from(in_flight).div_ceil(2 * u64::from(self.snd.mss()));
        self.sample_rtt(cx, answered, header, samples_per_round);
        self.wake_writer(cx);
        answered.is_some_and(|answered| {
            // An echo of zero is one of nothing: a peer that does not fill it in.
            let echoed = header.options.timestamps.is_some_and(|stamp| stamp.echo != 0);
            self.flags.contains(Flags::TIMESTAMPS)
                && echoed
                && !answered.once
                && !self.echoes_since(cx, header, cx.now - answered.sent_at)
        })
    }

    /// A sample of the round-trip time: from a transmission that was the only one (Karn, RFC 6298 3), or
    /// that the echo of our timestamp shows to be the one that is answered (RFC 7323 4.1).
    ///
    /// An echo that is older than the last transmission makes no sample. It may tell a long round trip; but
    /// it comes as well when the answer to the first transmission was lost, and then it tells how long we
    /// waited before we sent again. Samples of that would make us wait longer and longer.
    fn sample_rtt(
        &mut self,
        cx: &mut Context<'_>,
        answered: Option<Answered>,
        header: &TcpHeader,
        samples_per_round: u64,
    ) {
        let Some(Answered { sent_at, once }) = answered else { return };
        if cx.now - self.timers.retransmit >= SUSPENDED {
            // The answer waited for us, not we for the answer.
            return;
        }
        let sample = cx.now - sent_at;
        if !once && !self.echoes_since(cx, header, sample) {
            return;
        }
        self.rtt.sample(sample, samples_per_round);
        let (flow, rtt, trigger) = (self.cold.flow, self.rtt, self.trigger());
        let config = cx.config;
        cx.record(trigger, || Engine::Rtt {
            flow,
            sample,
            srtt: rtt.srtt().unwrap_or_default(),
            rttvar: rtt.rttvar(),
            rto: rtt.rto(&config.tcp),
        });
    }

    /// Whether the peer echoes a timestamp that we sent not longer than `elapsed` ago.
    fn echoes_since(&self, cx: &Context<'_>, header: &TcpHeader, elapsed: Duration) -> bool {
        let Some(stamp) = header.options.timestamps else { return false };
        let age = self.timestamp(cx.now).wrapping_sub(stamp.echo);
        // Timestamps tick once a millisecond, so an age may be one too many.
        self.flags.contains(Flags::TIMESTAMPS) && u128::from(age) <= elapsed.as_millis() + 1
    }

    /// Losses, and what they do to the congestion window.
    fn recover(&mut self, cx: &mut Context<'_>, ack: AckSeen<'_>, in_flight: u32) -> Finding {
        let before = self.recovery.phase();
        let finding = self.recovery.on_ack(ack);
        let (mss, flow) = (u64::from(ack.mss), self.cold.flow);
        let (repaired, lost) = match finding {
            Finding::Nothing | Finding::Reneged => (false, None),
            Finding::Loss(first) | Finding::MoreLost(first) => (false, Some(first)),
            Finding::Repaired | Finding::Recovered => (true, None),
            Finding::PartialRepair(first) => (true, Some(first)),
        };
        if repaired {
            cx.record(self.trigger(), || Engine::LossRepaired { flow, up_to: ack.una.0 });
        }
        if let Some(first) = lost {
            let loss = cx.record(self.trigger(), || Engine::LossDetected { flow, seq: first.0 });
            if loss.is_some() {
                self.set_trigger(cx, loss);
            }
        }
        let undone = before == Phase::FastRecovery && self.undo(cx, &ack, repaired);
        match finding {
            Finding::Loss(_) => {
                // RFC 5681 3.2 step 2, with what was in flight before the duplicates were counted. What
                // they let out (RFC 3042) is not to count.
                let outstanding = u64::from(ack.nxt.distance_from(ack.una));
                self.cold.undo = Some(Box::new(self.congestion.clone()));
                let controller = self.congestion.get_mut();
                controller.on_loss(outstanding.min(controller.cwnd()), mss);
                self.record_cwnd(cx, CwndReason::FastRecovery);
            }
            Finding::Recovered if before == Phase::FastRecovery && !undone => {
                let left = self.recovery.in_flight(ack.una, ack.nxt, ack.mss);
                self.congestion.get_mut().on_recovered(u64::from(left), mss);
                self.record_cwnd(cx, CwndReason::RecoveryExit);
            }
            _ => {}
        }
        let cut = before == Phase::FastRecovery || matches!(finding, Finding::Loss(_));
        if ack.advanced > 0 && !cut {
            self.grow(cx, ack, in_flight, before == Phase::Timeout);
        }
        finding
    }

    /// What was taken for lost had only been late: what was sent again was answered by its first
    /// transmission, which the echoed timestamp shows (the Eifel algorithm, RFC 3522), and nothing else is
    /// missing. The window was cut for nothing, and is restored. Gives whether it was.
    fn undo(&mut self, cx: &mut Context<'_>, ack: &AckSeen<'_>, repaired: bool) -> bool {
        if repaired && !ack.answers_original {
            // Something had been lost indeed.
            self.cold.undo = None;
        }
        if !ack.answers_original || self.recovery.counts().lost > 0 {
            return false;
        }
        let Some(before) = self.cold.undo.take() else { return false };
        self.recovery.undo(ack.una);
        let in_flight = self.recovery.in_flight(ack.una, ack.nxt, ack.mss);
        self.congestion.undo(*before, u64::from(in_flight), u64::from(ack.mss));
        self.record_cwnd(cx, CwndReason::Undo);
        true
    }

    /// The congestion window grows by what was acknowledged.
    fn grow(&mut self, cx: &mut Context<'_>, ack: AckSeen<'_>, in_flight: u32, after_timeout: bool) {
        let controller = self.congestion.get_mut();
        let (cwnd, ssthresh) = (controller.cwnd(), controller.ssthresh());
        // The window was used when it kept something back after what is acknowledged here was sent. What is
        // in flight at this moment may be less: several acknowledgements come at once. In slow start a
        // window of which half is used counts as well: what is written and acknowledged in between would
        // have used the rest (RFC 7661 4.3 draws the same line).
        let kept_back = self.cold.cwnd_limited_at.gt(ack.una - ack.advanced);
        let cwnd_limited = kept_back || cwnd < ssthresh && 2 * u64::from(in_flight) >= cwnd;
        controller.on_ack(Acknowledged {
            bytes: u64::from(ack.advanced),
            mss: u64::from(ack.mss),
            cwnd_limited,
            after_timeout,
            now: cx.now,
            rtt: self.rtt.srtt().unwrap_or_default(),
        });
        if controller.cwnd() != cwnd {
            let slow_start = cwnd < ssthresh;
            self.record_cwnd(
                cx,
                if slow_start { CwndReason::SlowStart } else { CwndReason::CongestionAvoidance },
            );
        }
    }

    /// RFC 6298 5.2 and 5.3: the timer stops when all is acknowledged and starts anew when something is.
    fn settle_timer(&mut self, cx: &Context<'_>) {
        if self.flags.contains(Flags::PERSIST) {
            // What was acknowledged is a window probe.
            self.stop_persist_timer();
        }
        if self.snd.una == self.snd.nxt {
            self.timers.retransmit = Instant::MAX;
        } else if !self.recovery.holds_timer() {
            self.restart_retransmission_timer(cx);
        }
    }

    /// The receiver has given up what it had reported, so nothing will make it acknowledge that but a
    /// timeout. Half a round trip, and at least 10 ms, leaves it time to show that it has it after all.
    fn hasten_timeout(&mut self, cx: &Context<'_>) {
        let patience = (self.rtt.srtt().unwrap_or_default() / 2).max(Duration::from_millis(10));
        self.timers.retransmit = self.timers.retransmit.min(cx.now + patience);
    }

    /// RFC 9293 3.10.7.4, fifth: what the acknowledgement of our FIN brings.
    fn check_fin_acknowledged(&mut self, cx: &mut Context<'_>) {
        let fin_acknowledged = self.flags.contains(Flags::FIN_QUEUED)
            && self.send_buffer.is_empty()
            && self.snd.una == self.snd.nxt
            && self.snd.fin_sent;
        if !fin_acknowledged {
            return;
        }
        let next = self.state.after_fin_acknowledged();
        match next {
            State::Closed => self.end(cx, None),
            State::FinWait2 => {
                self.set_state(cx, next);
                self.wait_for_fin(cx);
                // For a program that lingers until everything is delivered.
                self.notify(cx, Readiness::WRITABLE);
            }
            _ => self.set_state(cx, next),
        }
    }

    /// Tells a program that waits with writing, once it is worth while.
    pub(in crate::transport::tcp) fn wake_writer(&mut self, cx: &mut Context<'_>) {
        if self.flags.contains(Flags::WRITER_WAITS) && self.has_room_for_writer(cx) {
            self.flags.remove(Flags::WRITER_WAITS);
            self.notify(cx, Readiness::WRITABLE);
        }
    }
}
