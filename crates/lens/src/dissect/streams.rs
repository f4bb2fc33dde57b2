//! Frames taken apart with what came before them in mind.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;

use fathom_wire::TcpFlags;

use super::{Dissection, LinkType, take_apart};
use crate::application::OpenRecord;
use crate::packet::Segment;

/// From where to where.
type Direction = (SocketAddr, SocketAddr);

/// Takes frames apart one after the other, and recognizes TLS records that began in an earlier segment.
///
/// It follows each direction of a connection from its SYN, or the first segment seen. A gap that lies in
/// the middle of a record is stepped over; what comes out of order otherwise, or again, is taken apart by
/// itself. The last
/// [`MEMORY`](Self::MEMORY) directions are remembered.
#[derive(Debug, Default)]
pub struct Streams {
    known: HashMap<Direction, Stream>,
    /// The keys of `known`, oldest first.
    order: VecDeque<Direction>,
}

#[derive(Debug)]
struct Stream {
    /// The sequence number that comes next.
    next: u32,
    record: OpenRecord,
}

impl Streams {
    /// How many directions are remembered.
    pub const MEMORY: usize = 4096;

    /// Knows nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next frame apart.
    pub fn dissect(&mut self, frame: &[u8], link_type: LinkType) -> Dissection {
        let segment = Segment::of(frame, link_type).filter(|segment| segment.sequence_len() > 0);
        let Some(segment) = segment else {
            return take_apart(frame, link_type, OpenRecord::default()).0;
        };
        let direction = (segment.source, segment.destination);
        let begins = segment.flags.contains(TcpFlags::SYN);
        let (in_order, record) = match self.known.get_mut(&direction).filter(|_| !begins) {
            None => (true, OpenRecord::default()),
            Some(stream) => {
                let gap = segment.seq.wrapping_sub(stream.next) as usize;
                let in_order = stream.record.step_over(gap);
                (in_order, if in_order { std::mem::take(&mut stream.record) } else { OpenRecord::default() })
            }
        };
        let (dissection, record) = take_apart(frame, link_type, record);
        if in_order {
            let next = segment.seq.wrapping_add(segment.sequence_len());
            self.remember(direction, Stream { next, record });
        }
        dissection
    }

    fn remember(&mut self, direction: Direction, stream: Stream) {
        if self.known.insert(direction, stream).is_some() {
            return;
        }
        self.order.push_back(direction);
        if self.order.len() > Self::MEMORY
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests;
