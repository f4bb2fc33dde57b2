//! What a peer knows of a connection: what the stack sent on it, and what was sent to it.

use std::net::SocketAddr;

use fathom_wire::{SeqNumber, TcpFlags, TcpHeader};

/// Ranges of the peer's sequence numbers that are remembered.
const RANGES: usize = 512;

/// Both ends of a connection, ours first.
pub(super) type Ends = (SocketAddr, SocketAddr);

/// A connection as it is seen on the wire.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    pub(super) ends: Ends,
    /// The initial sequence numbers that the stack sent, the latest last.
    pub(super) iss: Vec<SeqNumber>,
    /// Behind the highest that it sent.
    pub(super) nxt: SeqNumber,
    /// What it acknowledged last, and the window as it stood in the segment.
    pub(super) ack: Option<SeqNumber>,
    pub(super) window: u16,
    /// Its timestamp.
    pub(super) timestamp: Option<u32>,
    /// What the peer sends next.
    pub(super) peer_nxt: SeqNumber,
    /// What was sent to the stack: first sequence number and length, SYN and FIN included.
    sent_to_it: Vec<(SeqNumber, u32)>,
    /// The last packet that it sent, for ICMP errors to quote.
    pub(super) last: Vec<u8>,
    /// Where its stream ends, once it sent a FIN.
    pub(super) fin: Option<SeqNumber>,
}

impl Flow {
    pub(super) fn new(ends: Ends, peer_iss: SeqNumber) -> Flow {
        Flow {
            ends,
            iss: Vec::new(),
            nxt: SeqNumber(0),
            ack: None,
            window: 0,
            timestamp: None,
            peer_nxt: peer_iss,
            sent_to_it: Vec::new(),
            last: Vec::new(),
            fin: None,
        }
    }

    /// The stack sent a segment; whether it opens another connection than before.
    pub(super) fn note_sent(&mut self, header: &TcpHeader, len: usize, packet: &[u8]) -> bool {
        if header.flags.contains(TcpFlags::RST) {
            return false;
        }
        let end = header.seq + header.segment_len(len);
        let opens = header.flags.contains(TcpFlags::SYN) && !self.iss.contains(&header.seq);
        if opens {
            self.iss.push(header.seq);
            self.nxt = end;
            self.fin = None;
        }
        self.nxt = self.nxt.max(end);
        if header.flags.contains(TcpFlags::ACK) {
            self.ack = Some(header.ack);
            self.peer_nxt = header.ack;
            self.window = header.window;
        }
        if let Some(timestamps) = header.options.timestamps {
            self.timestamp = Some(timestamps.value);
        }
        self.last = packet.to_vec();
        opens
    }

    /// A segment was sent to the stack.
    pub(super) fn note_arrival(&mut self, header: &TcpHeader, len: usize) {
        if header.flags.contains(TcpFlags::SYN) && self.ack.is_none() || header.seq == self.peer_nxt {
            self.peer_nxt = header.seq + header.segment_len(len);
        }
        if self.sent_to_it.len() < RANGES {
            self.sent_to_it.push((header.seq, header.segment_len(len)));
        }
    }

    /// Whether the sequence number before `ack` was sent to the stack; more arrivals than are remembered may have
    /// brought anything.
    pub(super) fn was_sent(&self, ack: SeqNumber) -> bool {
        let last = ack - 1;
        self.sent_to_it.len() >= RANGES
            || self.sent_to_it.iter().any(|(start, len)| last.distance_from(*start) < *len)
    }
}
