//! What the program does with a connection (RFC 9293 3.9.1).

use core::net::SocketAddr;

use bytes::Bytes;
use fathom_record::{FlowId, TcpStateName};

use super::connection::{Connection, Flags};
use super::state::State;
use super::{TcpConfig, TcpError};
use crate::context::Context;
use crate::event::Readiness;
use crate::memory::{MemoryBudget, PIECE_OVERHEAD};
use crate::transport::mapped;

/// Data handed over from this length on is kept as it is; shorter pieces are copied together.
const KEEP_FROM: usize = 2 << 10;

impl Connection {
    /// Writes what there is room for, and gives its length.
    pub(crate) fn send(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Result<usize, TcpError> {
        let room = self.room_to_send(cx)?;
        if data.is_empty() {
            return Ok(0);
        }
        let (buffer, pool, data_that_fits) =
            (&mut self.send_buffer, &mut *cx.pool, &data[..data.len().min(room)]);
        let taken = cx.memory.sparing(|memory| buffer.append(pool, memory, data_that_fits));
        self.wrote(cx, taken, data.len())
    }

    /// Hands over what there is room for, without a copy.
    pub(crate) fn send_bytes(&mut self, cx: &mut Context<'_>, mut data: Bytes) -> Result<usize, TcpError> {
        let left = cx.memory.sparing(|memory| memory.left()).saturating_sub(PIECE_OVERHEAD);
        if data.len().min(left) < KEEP_FROM {
            return self.send(cx, &data);
        }
        let room = self.room_to_send(cx)?;
        let wanted = data.len();
        data.truncate(room.min(left));
        let taken = data.len();
        let (buffer, pool) = (&mut self.send_buffer, &mut *cx.pool);
        let pushed = cx.memory.sparing(|memory| buffer.push(pool, memory, data));
        let taken = if pushed.is_ok() { taken } else { 0 };
        self.wrote(cx, taken, wanted)
    }

    /// The room in the send buffer, or why nothing can be written.
    fn room_to_send(&mut self, cx: &Context<'_>) -> Result<usize, TcpError> {
        if let Some(error) = self.cold.error.take() {
            return Err(error);
        }
        if self.flags.contains(Flags::FIN_QUEUED) || self.state.is_over() {
            return Err(TcpError::BrokenPipe);
        }
        let room = self.send_room(&cx.config.tcp, cx.memory);
        if room == 0 || self.state.is_opening() {
            self.flags.insert(Flags::WRITER_WAITS);
            return Err(TcpError::WouldBlock);
        }
        Ok(room)
    }

    fn wrote(&mut self, cx: &mut Context<'_>, taken: usize, wanted: usize) -> Result<usize, TcpError> {
        if taken < wanted {
            self.flags.insert(Flags::WRITER_WAITS);
        }
        if taken == 0 {
            // With nothing of our own on the way no acknowledgement would ever wake the writer.
            let alone = self.send_buffer.is_empty();
            return Err(if alone { TcpError::NoMemory } else { TcpError::WouldBlock });
        }
        if self.snd.una == self.snd.nxt {
            self.note_sending(cx);
            // What is sent now is the program's doing, not an answer to the last segment.
            self.set_trigger(cx, None);
        }
        self.want_transmit(cx);
        Ok(taken)
    }

    /// Reads into `out`.
    pub(crate) fn recv(&mut self, cx: &mut Context<'_>, out: &mut [u8]) -> Result<usize, TcpError> {
        let n = self.receive_buffer.copy_to(0, out);
        if n == 0 {
            return if out.is_empty() && !self.receive_buffer.is_empty() {
                Ok(0)
            } else {
                self.nothing_to_read()
            };
        }
        self.receive_buffer.consume(cx.pool, cx.memory, n);
        self.has_read(cx);
        Ok(n)
    }

    /// Takes a piece of at most `max` bytes, without a copy.
    pub(crate) fn recv_bytes(&mut self, cx: &mut Context<'_>, max: usize) -> Result<Bytes, TcpError> {
        if self.receive_buffer.is_empty() {
            return self.nothing_to_read().map(|_| Bytes::new());
        }
        let bytes = self.receive_buffer.take(cx.pool, cx.memory, max);
        self.has_read(cx);
        Ok(bytes)
    }

    /// Reads without removing.
    pub(crate) fn peek(&mut self, out: &mut [u8]) -> Result<usize, TcpError> {
        match self.receive_buffer.copy_to(0, out) {
            0 if !out.is_empty() || self.receive_buffer.is_empty() => self.nothing_to_read(),
            n => Ok(n),
        }
    }

    /// An error once, then the end of the stream, or nothing yet.
    fn nothing_to_read(&mut self) -> Result<usize, TcpError> {
        if let Some(error) = self.cold.error.take() {
            return Err(error);
        }
        if self.flags.contains(Flags::FIN_RECEIVED) || self.state.is_over() {
            return Ok(0);
        }
        Err(TcpError::WouldBlock)
    }

    /// What trying is worth while for. An error concerns both directions, and so does the end.
    pub(crate) fn readiness(&mut self, cx: &Context<'_>) -> Readiness {
        let over = self.state.is_over();
        let failed = self.cold.error.is_some();
        let read_ended = self.flags.contains(Flags::FIN_RECEIVED) || over;
        let write_ended = self.flags.contains(Flags::FIN_QUEUED) || over;
        let mut ready = Readiness::empty();
        let readable = !self.receive_buffer.is_empty() && self.has_enough_to_read();
        let room = self.send_capacity(&cx.config.tcp, cx.memory);
        ready.set(Readiness::READABLE, failed || read_ended || readable);
        ready.set(Readiness::CLOSED_READ, read_ended);
        ready.set(Readiness::WRITABLE, failed || write_ended || room > 0);
        ready.set(Readiness::ERROR, failed);
        ready.set(Readiness::CLOSED, over);
        if !ready.contains(Readiness::WRITABLE) {
            self.flags.insert(Flags::WRITER_WAITS);
        }
        ready
    }

    /// Reading has made room: the peer hears of it if that lets it send.
    pub(super) fn has_read(&mut self, cx: &mut Context<'_>) {
        self.tune_receive_buffer(cx);
        let queued = self.receive_buffer.len();
        if self.state.takes_text() && self.rcv.wants_update(queued) {
            self.ack.now(fathom_record::SendReason::WindowUpdate);
            self.want_transmit(cx);
        }
    }

    /// Data that could be written at once.
    pub(crate) fn send_capacity(&self, config: &TcpConfig, memory: &MemoryBudget) -> usize {
        if self.state.is_opening() || self.state.is_over() || self.flags.contains(Flags::FIN_QUEUED) {
            return 0;
        }
        self.send_room(config, memory)
    }

    /// Ends our data.
    pub(crate) fn shutdown(&mut self, cx: &mut Context<'_>) -> Result<(), TcpError> {
        match self.state {
            State::SynSent | State::SynReceived | State::Closed => Err(TcpError::NotConnected),
            _ => {
                self.shut_down(cx);
                self.notify(cx, Readiness::WRITABLE);
                Ok(())
            }
        }
    }

    pub(crate) fn take_error(&mut self) -> Option<TcpError> {
        self.cold.error.take()
    }

    pub(crate) fn flow(&self) -> FlowId {
        self.cold.flow
    }

    pub(crate) fn state_name(&self) -> TcpStateName {
        self.state.name()
    }

    /// Our address and port.
    pub(crate) fn local(&self) -> SocketAddr {
        self.seen(self.tuple.local())
    }

    /// The peer's address and port.
    pub(crate) fn remote(&self) -> SocketAddr {
        self.seen(self.tuple.remote())
    }

    /// An address in the form in which the program uses it.
    fn seen(&self, address: SocketAddr) -> SocketAddr {
        if self.flags.contains(Flags::MAPPED) { mapped::map(address) } else { address }
    }

    /// The program uses IPv4 addresses in IPv6 form.
    pub(crate) fn set_mapped(&mut self) {
        self.flags.insert(Flags::MAPPED);
    }

    /// Data that could be read at once.
    pub(crate) fn available(&self) -> usize {
        self.receive_buffer.len()
    }
}
