//! The receive sequence space and the window that we offer (RFC 9293 3.3.1, 3.8.6.2.2).

use fathom_wire::SeqNumber;

use super::options::window_shift;
use super::{TcpConfig, TcpOptions};

/// Whether any part of a segment lies in the window: the four cases of RFC 9293 3.10.7.4, first.
pub(super) fn acceptable(seq: SeqNumber, len: u32, rcv_nxt: SeqNumber, rcv_wnd: u32) -> bool {
    let within = |seq: SeqNumber| seq.distance_from(rcv_nxt) < rcv_wnd;
    match (len, rcv_wnd) {
        (0, 0) => seq == rcv_nxt,
        (0, _) => within(seq),
        (_, 0) => false,
        // The first or the last byte within; a segment that begins before the window and ends behind it
        // has both ends outside, and its middle within.
        (_, _) => within(seq) || within(seq + (len - 1)) || rcv_nxt.distance_from(seq) < len,
    }
}

/// The receive buffer that windows of this shift can announce: one unit at least, or they would never open.
fn capacity(bytes: usize, shift: u8) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX).clamp(1 << shift, u32::from(u16::MAX) << shift)
}

/// The receive sequence space.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReceiveSpace {
    /// RCV.NXT: the next sequence number that we expect.
    pub(super) nxt: SeqNumber,
    /// The highest right edge of the window that was ever announced. Everything before it is accepted, so
    /// the window never shrinks for the peer (RFC 9293 3.8.6, SHLD-14).
    pub(super) adv: SeqNumber,
    /// Bytes that may wait for the program.
    pub(super) capacity: u32,
    /// The largest segment that the peer has sent, an estimate of its MSS (RFC 9293 3.8.6.3: RMSS).
    pub(super) rmss: u32,
    /// The shift of the windows that we send.
    pub(super) shift: u8,
    started: bool,
    scaled: bool,
    /// Bytes received in order since the start: the position of RCV.NXT in the peer's stream.
    pub(super) position: u64,
}

impl ReceiveSpace {
    /// Before the peer's SYN.
    pub(super) fn new(options: &TcpOptions, config: &TcpConfig) -> Self {
        let shift = match options.window_scaling {
            true => window_shift(options.largest_receive_buffer(config)),
            false => 0,
        };
        ReceiveSpace {
            nxt: SeqNumber(0),
            adv: SeqNumber(0),
            capacity: capacity(options.first_receive_buffer(config), shift),
            rmss: 0,
            shift,
            started: false,
            scaled: false,
            position: 0,
        }
    }

    /// The peer's SYN has arrived. Without scaling the buffer has no use beyond 65,535 bytes.
    pub(super) fn start(&mut self, irs: SeqNumber, scaled: bool) {
        self.nxt = irs + 1;
        self.adv = irs + 1;
        self.started = true;
        self.scaled = scaled;
        if !scaled {
            self.shift = 0;
            self.capacity = self.capacity.min(u32::from(u16::MAX));
        }
    }

    /// The buffer becomes larger or smaller, as far as the window's scale can tell the peer.
    pub(super) fn resize(&mut self, bytes: usize) {
        self.capacity = capacity(bytes, self.shift);
    }

    /// Whether both ends scale their windows.
    pub(super) fn scaled(&self) -> bool {
        self.scaled
    }

    /// The window field of a SYN, before anything is known of the peer.
    pub(super) fn first_window(&self) -> u16 {
        self.capacity.min(u32::from(u16::MAX)) as u16
    }

    /// Whether the peer's SYN has arrived.
    pub(super) fn started(&self) -> bool {
        self.started
    }

    /// RCV.WND: what the peer may send.
    pub(super) fn window(&self) -> u32 {
        self.adv.distance_from(self.nxt)
    }

    /// The sequence number of a position in the peer's stream, which lies at RCV.NXT or behind it.
    pub(super) fn seq_at(&self, position: u64) -> SeqNumber {
        self.nxt + (position - self.position) as u32
    }

    /// Whether any part of a segment lies in the window.
    pub(super) fn accepts(&self, seq: SeqNumber, len: u32) -> bool {
        acceptable(seq, len, self.nxt, self.window())
    }

    /// The window field of the next segment, while `queued` bytes wait for the program; moves the right
    /// edge. The window of a SYN is not scaled (RFC 7323 2.2).
    pub(super) fn announce(&mut self, queued: usize, in_syn: bool) -> u16 {
        let room = self.room(queued);
        let offered = self.window();
        // RFC 9293 3.8.6.2.2: the right edge moves by a whole segment or half of the buffer, or not at all.
        let window = if room >= offered.saturating_add(self.step()) { room } else { offered };
        if in_syn {
            let field = window.min(u32::from(u16::MAX));
            self.adv = self.adv.max(self.nxt + field);
            return field as u16;
        }
        let mut field = (window >> self.shift).min(u32::from(u16::MAX));
        // Scaling rounds down, which would take back what was offered. Rounding up is right as long as
        // there is room for it; without room the field is up to one unit less than what we accept
        // (RFC 7323 2.4), since otherwise a peer that sends pieces smaller than the unit would push the
        // edge along for ever.
        let unit = 1u32 << self.shift;
        if field << self.shift < offered && (field + 1).saturating_mul(unit) <= room {
            field += 1;
        }
        self.adv = self.adv.max(self.nxt + (field << self.shift));
        field as u16
    }

    /// Whether the program's reading has opened the window so far that the peer should hear of it: at
    /// least to the double, once it was closed by half.
    pub(super) fn wants_update(&self, queued: usize) -> bool {
        let (room, offered) = (self.room(queued), self.window());
        offered <= self.capacity / 2 && room >= offered.saturating_add(self.step()) && room / 2 >= offered
    }

    /// A segment of the peer has arrived with data in pieces of `len` bytes.
    pub(super) fn saw_segment(&mut self, len: usize) {
        self.rmss = self.rmss.max(len as u32).min(u32::from(u16::MAX));
    }

    fn room(&self, queued: usize) -> u32 {
        self.capacity.saturating_sub(u32::try_from(queued).unwrap_or(u32::MAX))
    }

    /// The least by which the right edge moves.
    fn step(&self) -> u32 {
        let mss = if self.rmss == 0 { super::options::MIN_MSS } else { self.rmss };
        mss.min(self.capacity / 2).max(1)
    }
}

#[cfg(test)]
mod tests;
