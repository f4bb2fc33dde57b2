//! One direction of a link, and what befalls it beside chance.

use std::collections::VecDeque;
use std::num::NonZeroU16;

use bytes::Bytes;
use fathom_impair::{Conditions, Delivery, Fate, Framing, Impairment, Probability};
use fathom_record::RecordId;
use fathom_wire::Instant;

use crate::faults::{Fault, Tally};

/// How many frames that arrived are remembered, to tell by how many one was overtaken.
const REMEMBERED: usize = 1024;

/// What is known of a frame on its way.
#[derive(Clone, Debug)]
pub(crate) struct Tag {
    number: u64,
    pub(crate) segment_size: Option<NonZeroU16>,
    /// The checksum is not complete.
    pub(crate) partial: bool,
    pub(crate) cause: Option<RecordId>,
}

/// What a frame is beside its bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Extra {
    pub(crate) segment_size: Option<NonZeroU16>,
    pub(crate) partial: bool,
    pub(crate) cause: Option<RecordId>,
}

/// What became of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sent {
    /// It is on its way, or will be found to be lost.
    Away,
    /// It was too large, and its sender is to be told this MTU.
    TooBig(usize),
    /// It is gone.
    Gone(&'static str),
}

/// One direction of a link.
#[derive(Debug)]
pub(crate) struct Way {
    pub(crate) impairment: Impairment<Tag>,
    /// Which host it leads to, and to which of its interfaces.
    pub(crate) to: (usize, usize),
    pub(crate) ethernet: bool,
    pub(crate) stalled_until: Instant,
    pub(crate) narrow: Option<Narrow>,
    /// Frames lost or stalled in this stall.
    stalled: bool,
    next: u64,
    high: u64,
    arrived: VecDeque<u64>,
    lost_in_a_row: u64,
}

/// Nothing larger passes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Narrow {
    pub(crate) mtu: usize,
    pub(crate) tells: bool,
    pub(crate) until: Instant,
}

impl Way {
    pub(crate) fn new(conditions: Conditions, seed: u64, to: (usize, usize), ethernet: bool) -> Way {
        let framing = if ethernet { Framing::Ethernet } else { Framing::Ip };
        Way {
            impairment: Impairment::new(conditions, seed).with_framing(framing),
            to,
            ethernet,
            stalled_until: Instant::ZERO,
            narrow: None,
            stalled: false,
            next: 0,
            high: 0,
            arrived: VecDeque::new(),
            lost_in_a_row: 0,
        }
    }

    pub(crate) fn link_len(&self) -> usize {
        if self.ethernet { 14 } else { 0 }
    }

    /// A frame gets onto the link.
    pub(crate) fn send(&mut self, now: Instant, frame: Bytes, extra: Extra, tally: &mut Tally) -> Sent {
        if now < self.stalled_until {
            if !self.stalled {
                tally.add(Fault::LinkStalled, 1);
            }
            self.stalled = true;
            return Sent::Gone("stalled");
        }
        self.stalled = false;
        if let Some(narrow) = self.narrow.filter(|narrow| now < narrow.until)
            && self.packet_len(&frame, extra.segment_size) > narrow.mtu
        {
            let told = narrow.tells && self.may_be_told(&frame);
            tally.add(if told { Fault::TooBigTold } else { Fault::TooBigInSilence }, 1);
            return if told { Sent::TooBig(narrow.mtu) } else { Sent::Gone("too big") };
        }
        let Extra { segment_size, partial, cause } = extra;
        let number = self.next;
        self.next += 1;
        let tag = Tag { number, segment_size, partial, cause };
        // ARP has no checksum: a flipped bit may send all packets of a minute to nobody, which is no fault of
        // whoever believes it.
        let conditions = self.impairment.conditions().clone();
        let spares =
            self.ethernet && frame.get(12..14) == Some(&[0x08, 0x06]) && !conditions.corrupt.is_never();
        if spares {
            self.impairment.set_conditions(conditions.clone().corrupt(Probability::NEVER));
        }
        let fates = self.impairment.push(now, frame, tag);
        if spares {
            self.impairment.set_conditions(conditions);
        }
        let struck = [
            (Fate::Lost, Fault::FrameLost),
            (Fate::QueueFull, Fault::QueueFull),
            (Fate::Duplicated, Fault::Duplicated),
            (Fate::Corrupted, Fault::Corrupted),
        ];
        for (fate, fault) in struck {
            tally.add(fault, u64::from(fates.contains(fate)));
        }
        if !fates.contains(Fate::Lost) {
            self.lost_in_a_row = 0;
            return if fates.dropped().is_some() { Sent::Gone("queue full") } else { Sent::Away };
        }
        self.lost_in_a_row += 1;
        tally.add(Fault::BurstLost, u64::from(self.lost_in_a_row == 3));
        Sent::Gone("lost")
    }

    /// The next frame that has arrived.
    pub(crate) fn receive(&mut self, now: Instant, tally: &mut Tally) -> Option<Delivery<Tag>> {
        let delivery = self.impairment.pop(now)?;
        let number = delivery.tag.number;
        if number < self.high && !delivery.copy {
            let overtook = self.arrived.iter().filter(|other| **other > number).count() as u64;
            tally.add(Fault::Reordered, u64::from(overtook > 0));
            tally.add(Fault::ReorderedFar, u64::from(overtook >= 64));
            tally.greatest_reordering = tally.greatest_reordering.max(overtook);
        }
        if !delivery.copy {
            self.high = self.high.max(number);
            if self.arrived.len() == REMEMBERED {
                self.arrived.pop_front();
            }
            self.arrived.push_back(number);
        }
        Some(delivery)
    }

    /// The size of a packet, or of each that it is to become.
    fn packet_len(&self, frame: &[u8], segment_size: Option<NonZeroU16>) -> usize {
        let packet = &frame[self.link_len()..];
        let Some(size) = segment_size else { return packet.len() };
        let ip_len = if packet[0] >> 4 == 4 { usize::from(packet[0] & 0xf) * 4 } else { 40 };
        let is_tcp = [packet[9], packet[6]][usize::from(packet[0] >> 4 == 6)] == 6;
        let transport_len = if is_tcp { usize::from(packet[ip_len + 12] >> 4) * 4 } else { 8 };
        ip_len + transport_len + usize::from(size.get())
    }

    /// Whether a router tells the sender that a packet is too large, rather than to fragment it.
    fn may_be_told(&self, frame: &[u8]) -> bool {
        let packet = &frame[self.link_len()..];
        let (is_v4, is_v6) = (packet[0] >> 4 == 4, packet[0] >> 4 == 6);
        is_v6 || is_v4 && packet[6] & 0x40 != 0
    }
}
