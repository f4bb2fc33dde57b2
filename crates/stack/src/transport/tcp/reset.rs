//! Resets without a connection (RFC 9293 3.5.2, 3.10.7.1).

use fathom_record::{Engine, FlowId, RecordId, SendReason};
use fathom_wire::{SeqNumber, TcpFlags, TcpHeader};

use super::send::departing;
use crate::context::Context;
use crate::packet::Departing;
use crate::table::FourTuple;

/// The answer to a segment that has no connection (RFC 9293 3.10.7.1); `None` to a reset, which is never
/// answered. `len` is SEG.LEN.
pub(super) fn to_stray(
    cx: &mut Context<'_>,
    tuple: &FourTuple,
    header: &TcpHeader,
    len: u32,
    cause: Option<RecordId>,
) -> Option<Departing> {
    if header.flags.contains(TcpFlags::RST) {
        return None;
    }
    Some(if header.flags.contains(TcpFlags::ACK) {
        to_acknowledgement(cx, tuple, header.ack, cause)
    } else {
        make(cx, tuple, SeqNumber(0), Some(header.seq + len), cause)
    })
}

/// `<SEQ=SEG.ACK><CTL=RST>`: the answer to an acknowledgement of what was never sent.
pub(super) fn to_acknowledgement(
    cx: &mut Context<'_>,
    tuple: &FourTuple,
    ack: SeqNumber,
    cause: Option<RecordId>,
) -> Departing {
    make(cx, tuple, ack, None, cause)
}

/// The answer to a SYN that the program refuses. `expects` is the sequence number behind the SYN.
pub(super) fn to_syn(cx: &mut Context<'_>, tuple: &FourTuple, expects: SeqNumber) -> Departing {
    make(cx, tuple, SeqNumber(0), Some(expects), None)
}

fn make(
    cx: &mut Context<'_>,
    tuple: &FourTuple,
    seq: SeqNumber,
    ack: Option<SeqNumber>,
    cause: Option<RecordId>,
) -> Departing {
    let flags = if ack.is_some() { TcpFlags::RST | TcpFlags::ACK } else { TcpFlags::RST };
    let header = TcpHeader {
        source_port: tuple.local_port,
        destination_port: tuple.remote_port,
        seq,
        ack: ack.unwrap_or(SeqNumber(0)),
        flags,
        ..TcpHeader::default()
    };
    let ack = header.ack.0;
    // No connection, so no flow: number 0 is given to none.
    let record = cx.record(cause, || Engine::TcpSegment {
        flow: FlowId(0),
        why: SendReason::Reset,
        seq: seq.0,
        ack,
        len: 0,
    });
    departing(tuple, &header, cx.config.hop_limit, record)
}
