//! A segment arrives in SYN-SENT (RFC 9293 3.10.7.3).

use fathom_record::DropReason;
use fathom_wire::TcpFlags;

use crate::context::Context;
use crate::packet::Disposition;
use crate::transport::tcp::TcpError;
use crate::transport::tcp::connection::{Connection, Flags, Segment};
use crate::transport::tcp::options::Negotiated;
use crate::transport::tcp::reset;
use crate::transport::tcp::state::State;

impl Connection {
    pub(super) fn receive_in_syn_sent(&mut self, cx: &mut Context<'_>, segment: Segment<'_>) -> Disposition {
        let ack = segment.flags.contains(TcpFlags::ACK).then_some(segment.header.ack);
        let reset = segment.flags.contains(TcpFlags::RST);
        // First: check the ACK bit.
        if let Some(ack) = ack
            && (ack.le(self.cold.iss) || ack.gt(self.snd.max))
        {
            if reset {
                return Disposition::Drop(DropReason::TcpBadAck);
            }
            // The peer still has a connection of ours that we have forgotten. Our reset ends it there, and
            // another SYN at once saves the second until the timer would send it. Not without limit: a peer
            // in TIME-WAIT heeds no reset (RFC 1337) and answers each SYN that is not new.
            if self.may_challenge(cx) {
                self.flags.insert(Flags::SYN_DUE);
                self.want_transmit(cx);
            }
            let answer = reset::to_acknowledgement(cx, &self.tuple, ack, segment.cause);
            return Disposition::drop_reply(DropReason::TcpBadAck, answer);
        }
        // Second: check the RST bit. One that does not acknowledge our SYN could be anybody's.
        if reset {
            if ack.is_none() {
                return Disposition::Drop(DropReason::TcpNoAck);
            }
            self.end(cx, Some(TcpError::Refused));
            return Disposition::Accepted;
        }
        // Fourth: check the SYN bit. (Third, security: none.) Fifth: neither SYN nor RST.
        if !segment.flags.contains(TcpFlags::SYN) {
            return Disposition::Drop(DropReason::TcpBadFlags);
        }
        self.take_syn(cx, segment, ack.is_some())
    }

    fn take_syn(
        &mut self,
        cx: &mut Context<'_>,
        mut segment: Segment<'_>,
        acknowledged: bool,
    ) -> Disposition {
        let negotiated = Negotiated::new(segment.header, self.tuple.remote_address, &self.cold.options);
        self.negotiated(segment.seq, &negotiated);
        self.ack.last_sent = self.rcv.nxt;
        self.ack.ts_recent_set(cx.now);
        // The window of a SYN is never scaled (RFC 7323 2.2).
        self.snd.wnd = u32::from(segment.header.window);
        self.snd.max_wnd = self.snd.wnd;
        self.snd.wl1 = segment.seq;
        self.snd.wl2 = segment.header.ack;
        self.rcv.announce(0, true);
        if !acknowledged {
            // SYNs have crossed (RFC 9293 3.5, figure 8): we answer with a SYN-ACK. What data the SYN may
            // have had the peer will send again.
            self.set_state(cx, State::SynReceived);
            self.flags.insert(Flags::SYN_DUE);
            self.want_transmit(cx);
            return Disposition::Accepted;
        }
        self.acknowledge_syn(cx, segment.header);
        self.ack.now(fathom_record::SendReason::Ack);
        self.want_transmit(cx);
        // Text and FIN of the SYN-ACK go the ordinary way.
        segment.flags.remove(TcpFlags::SYN);
        segment.seq += 1;
        let outcome = self.process_text(cx, &mut segment);
        self.process_fin(cx, &segment);
        self.dispose(cx, &segment, outcome)
    }
}
