//! TIME-WAIT: what is left of a connection that both ends have closed (RFC 9293 3.4.2, 3.6.1; RFC 1337;
//! RFC 6191).

use core::cmp::Ordering;

use fathom_record::{DropReason, Engine, FlowId, RecordId, SendReason};
use fathom_wire::{SeqNumber, TcpFlags, TcpHeader, TcpOptions as WireOptions, TcpTimestamps};

use super::connection::{Connection, Flags, Segment};
use super::isn;
use super::send::departing;
use crate::context::Context;
use crate::packet::{Departing, Disposition};
use crate::socket::TcpId;
use crate::table::FourTuple;
use crate::wheel::TimerId;

/// A connection in TIME-WAIT.
#[derive(Debug)]
pub(crate) struct TimeWait {
    pub(super) tuple: FourTuple,
    pub(super) timer: Option<TimerId>,
    /// The connection, if its program still holds it.
    pub(super) owner: TcpId,
    flow: FlowId,
    pub(super) snd_nxt: SeqNumber,
    rcv_nxt: SeqNumber,
    ts_recent: u32,
    window: u16,
    timestamps: bool,
}

/// What is to be done after a segment for a connection in TIME-WAIT.
#[derive(Debug)]
pub(super) enum Step {
    /// Nothing but this.
    Stay(Disposition),
    /// The peer has not seen our last acknowledgement: the wait begins again.
    Restart(Disposition),
    /// A SYN for a new connection of the same tuple.
    Reopen,
}

impl TimeWait {
    /// What is left of `connection`.
    pub(super) fn new(connection: &mut Connection) -> Self {
        let queued = connection.receive_buffer.len();
        let window = connection.rcv.announce(queued, false);
        TimeWait {
            tuple: connection.tuple,
            timer: None,
            owner: connection.id,
            flow: connection.cold.flow,
            snd_nxt: connection.snd.max,
            rcv_nxt: connection.rcv.nxt,
            ts_recent: connection.ack.ts_recent,
            window,
            timestamps: connection.flags.contains(Flags::TIMESTAMPS),
        }
    }

    pub(super) fn flow(&self) -> FlowId {
        self.flow
    }

    /// The acknowledgement of the peer's FIN, for the first time.
    pub(super) fn acknowledge_fin(&mut self, cx: &mut Context<'_>, cause: Option<RecordId>) -> Departing {
        self.ack(cx, SendReason::Ack, cause)
    }

    /// A segment for this connection (RFC 9293 3.10.7.4, the parts about TIME-WAIT).
    pub(super) fn receive(&mut self, cx: &mut Context<'_>, segment: &Segment<'_>) -> Step {
        let Segment { header, seq, flags, cause, .. } = *segment;
        if flags.contains(TcpFlags::RST) {
            // RFC 1337: a reset would end the wait too early, and nobody is left to be told.
            return Step::Stay(Disposition::Drop(DropReason::TcpChallengeReset));
        }
        if flags.contains(TcpFlags::SYN) {
            if !flags.contains(TcpFlags::ACK) && self.is_new(header, seq) {
                return Step::Reopen;
            }
            return Step::Stay(Disposition::drop_reply(
                DropReason::TcpChallengeSyn,
                self.ack(cx, SendReason::DuplicateAck, cause),
            ));
        }
        if segment.seq_len() == 0 {
            // An acknowledgement, old or of our own: nothing is missing, and an answer could go on for ever.
            return Step::Stay(Disposition::Drop(DropReason::TcpOutOfWindow));
        }
        Step::Restart(Disposition::reply(self.ack(cx, SendReason::DuplicateAck, cause)))
    }

    /// RFC 6191 2: a SYN that is newer by its timestamp is not a leftover. The sequence number decides where
    /// timestamps do not.
    fn is_new(&self, syn: &TcpHeader, seq: SeqNumber) -> bool {
        let by_time = match syn.options.timestamps {
            Some(stamp) if self.timestamps => (stamp.value.wrapping_sub(self.ts_recent) as i32).cmp(&0),
            _ => Ordering::Equal,
        };
        by_time.then(seq.offset_from(self.rcv_nxt).cmp(&0)).is_gt()
    }

    fn ack(&self, cx: &mut Context<'_>, why: SendReason, cause: Option<RecordId>) -> Departing {
        let offset = isn::timestamp_offset(cx, &self.tuple);
        let timestamps = self.timestamps.then(|| TcpTimestamps {
            value: (cx.now.as_millis() as u32).wrapping_add(offset),
            echo: self.ts_recent,
        });
        let header = TcpHeader {
            source_port: self.tuple.local_port,
            destination_port: self.tuple.remote_port,
            seq: self.snd_nxt,
            ack: self.rcv_nxt,
            flags: TcpFlags::ACK,
            window: self.window,
            urgent: 0,
            options: WireOptions { timestamps, ..WireOptions::default() },
        };
        let flow = self.flow;
        let (seq, ack) = (header.seq.0, header.ack.0);
        let record = cx.record(cause, || Engine::TcpSegment { flow, why, seq, ack, len: 0 });
        departing(&self.tuple, &header, cx.config.hop_limit, record)
    }
}
