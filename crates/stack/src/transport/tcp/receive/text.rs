//! The text and the FIN of an acceptable segment (RFC 9293 3.10.7.4, seventh and eighth).

use bytes::Bytes;
use fathom_record::{DropReason, Engine, SendReason};
use fathom_wire::TcpFlags;

use super::Refusal;
use crate::context::Context;
use crate::event::Readiness;
use crate::transport::tcp::ack::AckDue;
use crate::transport::tcp::connection::{Connection, Flags, Segment};
use crate::transport::tcp::reassembly::{Inserted, Reassembly};

/// Slices shorter than this are copied together when some wait already, so that they do not pin the frames
/// they came in for long.
const COPY_BELOW: usize = 512;
/// How many slices wait before short ones are copied.
const SLICES_BEFORE_COPY: usize = 4;

impl Connection {
    pub(super) fn process_text(
        &mut self,
        cx: &mut Context<'_>,
        segment: &mut Segment<'_>,
    ) -> Result<(), Refusal> {
        if segment.data.is_empty() {
            return Ok(());
        }
        if !self.state.takes_text() {
            // The peer has ended its data before; RFC 9293 says "ignore the segment text".
            return if self.state.is_over() { Ok(()) } else { Err(Refusal::Drop(DropReason::TcpAfterClose)) };
        }
        self.rcv.saw_segment(segment.segment_size);
        if !self.fits_as_it_is(segment) {
            segment.join();
        }
        self.trim(segment);
        if segment.data.is_empty() {
            return Ok(());
        }
        if self.flags.contains(Flags::ORPHAN) {
            // RFC 9293 3.6.1, SHLD-3: nobody will read this, and the peer must not believe otherwise.
            self.reset(cx, None);
            return Err(Refusal::Drop(DropReason::TcpAfterClose));
        }
        let data = core::mem::take(&mut segment.data);
        if segment.seq == self.rcv.nxt {
            self.take_in_order(cx, segment, data)
        } else {
            self.take_out_of_order(cx, segment, data)
        }
    }

    /// Whether all text of a segment is the next and there is room for it: nothing is cut off or held.
    fn fits_as_it_is(&self, segment: &Segment<'_>) -> bool {
        segment.seq == self.rcv.nxt
            && self.reassembly.is_none()
            && segment.data_len() <= self.rcv.adv.distance_from(segment.seq) as usize
    }

    /// Cuts off what lies outside of the window, on either side. A FIN behind the right edge goes with
    /// what is cut.
    fn trim(&mut self, segment: &mut Segment<'_>) {
        if segment.seq.lt(self.rcv.nxt) {
            let known = self.rcv.nxt.distance_from(segment.seq).min(segment.data.len() as u32);
            let _ = segment.data.split_to(known as usize);
            self.note_duplicate(segment.seq, segment.seq + known);
            segment.seq += known;
        }
        let room = self.rcv.adv.distance_from(segment.seq) as usize;
        if segment.data.len() > room {
            segment.data.truncate(room);
            segment.flags.remove(TcpFlags::FIN);
        }
    }

    fn take_in_order(
        &mut self,
        cx: &mut Context<'_>,
        segment: &mut Segment<'_>,
        data: Bytes,
    ) -> Result<(), Refusal> {
        let mut len = data.len();
        let filled_hole = if self.reassembly.is_none() {
            let mut all = self.deliver(cx, data);
            let mut followers = core::mem::take(&mut segment.followers);
            for data in followers.drain(..) {
                len += data.len();
                all = all && self.deliver(cx, data);
            }
            cx.pool.put_followers(followers);
            if !all {
                return Err(self.refuse_text(cx, segment));
            }
            false
        } else {
            // What is held came first and stays, so the new bytes go between.
            self.hold(cx, self.rcv.position, data.clone());
            let before = self.rcv.nxt;
            self.deliver_held(cx);
            if self.rcv.nxt == before {
                // There is no room beside what lies behind the hole, and without this that is of no use: it
                // is given up, though it was reported (RFC 2018 8).
                if let Some(mut held) = self.reassembly.take() {
                    held.clear(cx.memory);
                }
                if !self.deliver(cx, data) {
                    return Err(self.refuse_text(cx, segment));
                }
            }
            true
        };
        segment.seq += len as u32;
        self.cold.data_received_ms = cx.now.as_millis() as u32;
        if segment.segment_size as u32 >= self.rcv.rmss {
            self.sample_receive_rtt(cx, segment.header);
        }
        self.notify_readable(cx);
        self.acknowledge_text(cx, len, segment.segment_size, filled_hole);
        Ok(())
    }

    /// The memory is used up. What was not taken is not acknowledged, so the peer sends it again.
    fn refuse_text(&mut self, cx: &mut Context<'_>, segment: &mut Segment<'_>) -> Refusal {
        if !self.receive_buffer.is_empty() {
            self.notify(cx, Readiness::READABLE);
        }
        segment.flags.remove(TcpFlags::FIN);
        self.ack.now(SendReason::DuplicateAck);
        self.want_transmit(cx);
        Refusal::Drop(DropReason::MemoryLimit)
    }

    fn take_out_of_order(
        &mut self,
        cx: &mut Context<'_>,
        segment: &mut Segment<'_>,
        data: Bytes,
    ) -> Result<(), Refusal> {
        // RFC 5681 4.2: the duplicate acknowledgement tells the peer at once, one for each segment also
        // where they came merged.
        self.ack.duplicate(data.len().div_ceil(segment.segment_size.max(1)));
        self.want_transmit(cx);
        let opened = self.reassembly.is_none();
        let (flow, missing, len) = (self.cold.flow, self.rcv.nxt, data.len());
        let position = self.rcv.position + u64::from(segment.seq.distance_from(self.rcv.nxt));
        let stored = self.hold(cx, position, data);
        segment.seq += len as u32;
        if opened && self.reassembly.is_some() {
            cx.record(self.trigger(), || Engine::HoleOpened { flow, seq: missing.0 });
        }
        if !stored {
            segment.flags.remove(TcpFlags::FIN);
            return Err(Refusal::Drop(DropReason::TcpReassemblyFull));
        }
        Ok(())
    }

    /// Holds what lies behind a hole; false when some of it found no room. Twice the window bounds what
    /// the pieces cost together.
    fn hold(&mut self, cx: &mut Context<'_>, position: u64, data: Bytes) -> bool {
        let limit = 2 * self.rcv.capacity as usize + 4096;
        let reassembly = self.reassembly.get_or_insert_default();
        let in_order = position == self.rcv.position;
        let Inserted { whole, duplicate } = match in_order {
            true => reassembly.insert(cx.memory, limit, position, data),
            false => cx.memory.sparing(|memory| reassembly.insert(memory, limit, position, data)),
        };
        self.drop_empty_reassembly();
        if let Some(duplicate) = duplicate {
            self.note_duplicate(self.rcv.seq_at(duplicate.start), self.rcv.seq_at(duplicate.end));
        }
        whole
    }

    fn drop_empty_reassembly(&mut self) {
        let empty = |held: &Reassembly| held.is_empty() && held.fin().is_none();
        self.reassembly.take_if(|held| empty(held));
    }

    /// Appends to what waits for the program; false when the memory is used up before all of it is.
    fn deliver(&mut self, cx: &mut Context<'_>, data: Bytes) -> bool {
        let len = data.len();
        let buffer = &mut self.receive_buffer;
        let taken = if len < COPY_BELOW && buffer.pieces() >= SLICES_BEFORE_COPY {
            buffer.append(cx.pool, cx.memory, &data)
        } else {
            // Of a segment that is larger than the memory that is left, the first part is better than nothing.
            let pushed = buffer.push(cx.pool, cx.memory, data);
            pushed.map_or_else(|data| buffer.append(cx.pool, cx.memory, &data), |()| len)
        };
        self.rcv.nxt += taken as u32;
        self.rcv.position += taken as u64;
        taken == len
    }

    /// Moves what continues the stream from reassembly to the program.
    fn deliver_held(&mut self, cx: &mut Context<'_>) {
        while let Some(reassembly) = &mut self.reassembly {
            let Some(piece) = reassembly.take(cx.memory, self.rcv.position) else { break };
            if !self.deliver(cx, piece) {
                break;
            }
        }
        self.drop_empty_reassembly();
        if self.reassembly.is_none() {
            let (flow, next) = (self.cold.flow, self.rcv.nxt);
            cx.record(self.trigger(), || Engine::HoleFilled { flow, seq: next.0 });
        }
    }

    fn acknowledge_text(&mut self, cx: &mut Context<'_>, len: usize, segment_size: usize, filled_hole: bool) {
        let due = self.ack.on_data(len, segment_size, self.rcv.rmss, &self.rtt, &cx.config.tcp);
        // RFC 5681 4.2: at once when a segment fills a hole, or a part of one. There is no second segment to
        // wait for where the window, or the whole buffer, has no room for it.
        let no_second = self.rcv.window() < self.rcv.rmss || self.rcv.capacity <= 2 * self.rcv.rmss;
        match due {
            AckDue::Within(delay) if !filled_hole && !no_second => {
                self.timers.ack = self.timers.ack.min(cx.now + delay);
            }
            _ => {
                self.ack.now(SendReason::Ack);
                self.want_transmit(cx);
            }
        }
    }

    /// RFC 9293 3.10.7.4, eighth: check the FIN bit. It counts once everything before it is in.
    pub(super) fn process_fin(&mut self, cx: &mut Context<'_>, segment: &Segment<'_>) {
        if !self.rcv.started() || self.state.is_over() {
            return;
        }
        if segment.flags.contains(TcpFlags::FIN) {
            let ahead = segment.seq.offset_from(self.rcv.nxt);
            if ahead > 0 && self.state.takes_text() {
                let position = self.rcv.position + ahead as u64;
                self.reassembly.get_or_insert_default().note_fin(position);
                self.ack.duplicate(1);
                self.want_transmit(cx);
                return;
            }
            if ahead == 0 {
                self.take_fin(cx);
            }
            return;
        }
        if self.reassembly.as_ref().is_some_and(|held| held.fin() == Some(self.rcv.position)) {
            self.take_fin(cx);
        }
    }

    fn take_fin(&mut self, cx: &mut Context<'_>) {
        if self.flags.contains(Flags::FIN_RECEIVED) {
            return;
        }
        self.flags.insert(Flags::FIN_RECEIVED);
        if let Some(mut reassembly) = self.reassembly.take() {
            // What lies behind the end was never part of the stream.
            reassembly.clear(cx.memory);
        }
        self.rcv.nxt += 1;
        self.rcv.adv = self.rcv.adv.max(self.rcv.nxt);
        self.ack.on_progress();
        self.ack.now(SendReason::Ack);
        self.want_transmit(cx);
        self.set_state(cx, self.state.after_fin_received());
        self.notify(cx, Readiness::READABLE | Readiness::CLOSED_READ);
    }
}
