//! A segment arrives (RFC 9293 3.10.7.4, with RFC 7323 5 and RFC 5961): the checks, in the RFC's order.

mod acknowledgement;
mod syn_sent;
mod text;

use fathom_record::{DropReason, SendReason};
use fathom_wire::{SeqNumber, TcpFlags};

use super::TcpError;
use super::connection::{Connection, Flags, Segment};
use super::reset;
use super::state::State;
use crate::context::Context;
use crate::packet::Disposition;
use crate::table::FourTuple;

/// A timestamp older than this is no reason to drop a segment: the peer's clock may have gone round
/// (RFC 7323 5.5: 24 days).
const PAWS_VALID: core::time::Duration = core::time::Duration::from_secs(24 * 24 * 3600);

/// Why a segment is not processed further.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Refusal {
    /// It is not taken in.
    Drop(DropReason),
    /// It is not taken in, and a reset answers the acknowledgement that it carries.
    Reset(DropReason, SeqNumber),
    /// It has done all that it was to do.
    Done,
}

impl Connection {
    /// A segment for this connection.
    pub(super) fn receive(&mut self, cx: &mut Context<'_>, mut segment: Segment<'_>) -> Disposition {
        self.set_trigger(cx, segment.cause);
        let segments = segment.data_len().div_ceil(segment.segment_size.max(1)).max(1);
        let received = &mut self.cold.statistics.segments_received;
        *received = received.wrapping_add(segments as u32);
        self.cold.received_ms = cx.now.as_millis() as u32;
        let outcome = match self.state {
            State::SynSent => self.receive_in_syn_sent(cx, segment),
            State::TimeWait | State::Closed => Disposition::Drop(DropReason::TcpNoSocket),
            _ => {
                let outcome = self.receive_ordered(cx, &mut segment);
                self.dispose(cx, &segment, outcome)
            }
        };
        self.arm(cx);
        #[cfg(debug_assertions)]
        self.check();
        outcome
    }

    fn dispose(
        &self,
        cx: &mut Context<'_>,
        segment: &Segment<'_>,
        outcome: Result<(), Refusal>,
    ) -> Disposition {
        match outcome {
            Ok(()) | Err(Refusal::Done) => Disposition::Accepted,
            Err(Refusal::Drop(reason)) => Disposition::Drop(reason),
            Err(Refusal::Reset(reason, ack)) => {
                let answer = reset::to_acknowledgement(cx, &self.tuple, ack, segment.cause);
                Disposition::drop_reply(reason, answer)
            }
        }
    }

    fn receive_ordered(&mut self, cx: &mut Context<'_>, segment: &mut Segment<'_>) -> Result<(), Refusal> {
        self.skip_known_syn(cx, segment);
        self.check_timestamp(cx, segment)?;
        let window_closed = self.check_sequence(cx, segment)?;
        self.check_reset(cx, segment)?;
        self.check_syn(cx, segment)?;
        self.check_ack(cx, segment)?;
        self.update_ts_recent(cx, segment);
        self.process_ack(cx, segment);
        // Sixth, URG. RFC 9293 3.8.5 has the program told of urgent data (MUST-32, MUST-33), and RFC 6093 6
        // advises programs against it, with middleboxes that clear the pointer. So the data is delivered in
        // line as any other, nobody is told, and the pointer, whatever it says, moves nothing.
        if window_closed {
            return Err(Refusal::Drop(DropReason::TcpOutOfWindow));
        }
        self.process_text(cx, segment)?;
        self.process_fin(cx, segment);
        Ok(())
    }

    /// SYNs crossed, and the peer sends its SYN again, with or without an acknowledgement of ours. The
    /// sequence check would refuse it for its SYN, which is before the window; so that is taken off, and
    /// the rest is as good as a segment without (RFC 9293 3.5, figure 8).
    fn skip_known_syn(&mut self, cx: &mut Context<'_>, segment: &mut Segment<'_>) {
        let repeated = self.state == State::SynReceived
            && segment.flags.contains(TcpFlags::SYN)
            && segment.seq == self.cold.irs;
        if repeated {
            segment.flags.remove(TcpFlags::SYN);
            segment.seq += 1;
            if !segment.flags.contains(TcpFlags::ACK) {
                self.flags.insert(Flags::SYN_DUE);
                self.want_transmit(cx);
            }
        }
    }

    /// RFC 7323 5.3, R1: protection against wrapped sequence numbers.
    fn check_timestamp(&mut self, cx: &mut Context<'_>, segment: &Segment<'_>) -> Result<(), Refusal> {
        if !self.flags.contains(Flags::TIMESTAMPS) || segment.flags.contains(TcpFlags::RST) {
            return Ok(());
        }
        let Some(stamp) = segment.header.options.timestamps else {
            return match cx.config.tcp.require_timestamps {
                true => Err(Refusal::Drop(DropReason::TcpNoTimestamps)),
                false => Ok(()),
            };
        };
        let older = (stamp.value.wrapping_sub(self.ack.ts_recent) as i32) < 0;
        if !older || self.ack.ts_recent_age(cx.now) > PAWS_VALID {
            return Ok(());
        }
        self.acknowledge_refused(cx, segment);
        Err(Refusal::Drop(DropReason::TcpPaws))
    }

    /// RFC 9293 3.10.7.4, first: check the sequence number. Gives whether only the acknowledgement of the
    /// segment counts: "if the RCV.WND is zero, no segments will be acceptable, but special allowance should
    /// be made to accept valid ACKs". The peer's window probes are such.
    ///
    /// So are segments that begin one before RCV.NXT while a probe of ours is out. When both ends probe and both
    /// probes are taken in, neither end has counted its own as sent: each takes what the other sends for old,
    /// and were the acknowledgements not read, for ever (RFC 9293 A.2; draft-gont-tcpm-tcp-seq-validation).
    fn check_sequence(&mut self, cx: &mut Context<'_>, segment: &Segment<'_>) -> Result<bool, Refusal> {
        let reset = segment.flags.contains(TcpFlags::RST);
        // Of a reset only the sequence number counts, whatever text it has.
        let len = if reset { 0 } else { segment.seq_len() };
        if self.rcv.accepts(segment.seq, len) {
            return Ok(false);
        }
        if !reset {
            if !segment.flags.contains(TcpFlags::SYN) {
                self.note_duplicate(segment.seq, segment.seq + len);
            }
            self.acknowledge_refused(cx, segment);
        }
        let probe = self.rcv.window() == 0 && segment.seq == self.rcv.nxt;
        let crossed = self.snd.max != self.snd.nxt && !reset && segment.seq + 1 == self.rcv.nxt;
        if (probe || crossed) && !segment.flags.contains(TcpFlags::SYN) {
            return Ok(true);
        }
        Err(Refusal::Drop(DropReason::TcpOutOfWindow))
    }

    /// The answer to a segment that is not taken. One with data or FIN is answered always and at once: its
    /// sender repeats it because it missed our acknowledgement. Others are answered at a limited rate, or
    /// two ends that disagree would answer each other for ever (RFC 5961 7).
    fn acknowledge_refused(&mut self, cx: &mut Context<'_>, segment: &Segment<'_>) {
        let repeated = !segment.flags.contains(TcpFlags::SYN) && segment.seq_len() > 0;
        if repeated {
            self.ack.duplicate(1);
            self.want_transmit(cx);
        } else {
            self.challenge(cx);
        }
    }

    /// A challenge acknowledgement, if the limit allows one.
    fn challenge(&mut self, cx: &mut Context<'_>) {
        if self.may_challenge(cx) {
            self.ack.now(SendReason::ChallengeAck);
            self.want_transmit(cx);
        }
    }

    /// RFC 9293 3.10.7.4, second: check the RST bit, with RFC 5961 3.2.
    fn check_reset(&mut self, cx: &mut Context<'_>, segment: &Segment<'_>) -> Result<(), Refusal> {
        if !segment.flags.contains(TcpFlags::RST) {
            return Ok(());
        }
        if segment.seq != self.rcv.nxt {
            // Within the window, but not at its start: it may be forged. The real peer, when it has no
            // connection, answers our challenge with a reset that hits.
            self.challenge(cx);
            return Err(Refusal::Drop(DropReason::TcpChallengeReset));
        }
        let error = match self.state {
            State::SynReceived => TcpError::Refused,
            // Everything was delivered both ways; that the peer is in a hurry is no error.
            State::Closing | State::LastAck => {
                self.end(cx, None);
                return Err(Refusal::Done);
            }
            State::CloseWait => TcpError::BrokenPipe,
            _ => TcpError::Reset,
        };
        self.end(cx, Some(error));
        Err(Refusal::Done)
    }

    /// RFC 9293 3.10.7.4, fourth: check the SYN bit, with RFC 5961 4.2. (Third, security and compartment:
    /// we have neither.) SYN-RECEIVED is no exception here: that a SYN sends a passive open back to LISTEN
    /// would let anybody end a handshake who guesses a sequence number within the window.
    fn check_syn(&mut self, cx: &mut Context<'_>, segment: &Segment<'_>) -> Result<(), Refusal> {
        if !segment.flags.contains(TcpFlags::SYN) {
            return Ok(());
        }
        self.challenge(cx);
        Err(Refusal::Drop(DropReason::TcpChallengeSyn))
    }

    /// RFC 9293 3.10.7.4, fifth: check the ACK field, the part that refuses; with RFC 5961 5.2.
    fn check_ack(&mut self, cx: &mut Context<'_>, segment: &Segment<'_>) -> Result<(), Refusal> {
        if !segment.flags.contains(TcpFlags::ACK) {
            return Err(Refusal::Drop(DropReason::TcpNoAck));
        }
        let ack = segment.header.ack;
        if self.state == State::SynReceived {
            if ack.gt(self.snd.una) && ack.le(self.snd.max) {
                return Ok(());
            }
            return Err(Refusal::Reset(DropReason::TcpBadAck, ack));
        }
        // Neither more than was sent, nor older than a window: a blind injector must hit that range too.
        let oldest = self.snd.una - self.snd.max_wnd;
        if ack.ge(oldest) && ack.le(self.snd.max) {
            return Ok(());
        }
        self.acknowledge_refused(cx, segment);
        Err(Refusal::Drop(DropReason::TcpBadAck))
    }

    /// RFC 7323 4.3: the timestamp to echo is that of the segment that advances the left edge, so that the
    /// peer's samples cover our delay in acknowledging.
    fn update_ts_recent(&mut self, cx: &Context<'_>, segment: &Segment<'_>) {
        let Some(stamp) = segment.header.options.timestamps else { return };
        let newer = (stamp.value.wrapping_sub(self.ack.ts_recent) as i32) >= 0
            || self.ack.ts_recent_age(cx.now) > PAWS_VALID;
        if self.flags.contains(Flags::TIMESTAMPS) && newer && segment.seq.le(self.ack.last_sent) {
            self.ack.ts_recent = stamp.value;
            self.ack.ts_recent_set(cx.now);
        }
    }
}

/// The two ends of a segment, as the receiver sees them.
pub(super) fn tuple_of(arrived: &crate::packet::Arrived, header: &fathom_wire::TcpHeader) -> FourTuple {
    FourTuple {
        local_address: arrived.destination,
        remote_address: arrived.source,
        local_port: header.destination_port,
        remote_port: header.source_port,
    }
}
