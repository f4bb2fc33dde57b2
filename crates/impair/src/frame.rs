//! The little that a link knows about the frames it carries.

use bytes::{Bytes, BytesMut};
use fathom_wire::{EtherType, EthernetHeader, checksum};

use crate::chance::scale;

/// What stands at the start of the frames of a link.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Framing {
    /// An Ethernet II header, with or without an 802.1Q tag.
    #[default]
    Ethernet,
    /// Nothing: the frame is an IP packet.
    Ip,
}

impl Framing {
    /// Bytes of the link header; the whole frame if it is too short for one.
    pub(crate) fn header_len(self, frame: &[u8]) -> usize {
        match self {
            Framing::Ip => 0,
            Framing::Ethernet => {
                EthernetHeader::parse(frame).map_or(frame.len(), |header| header.header_len())
            }
        }
    }

    /// The IP packet in the frame; empty if there is none.
    fn packet(self, frame: &mut [u8]) -> &mut [u8] {
        let start = match (self, EthernetHeader::parse(frame)) {
            (Framing::Ip, _) => 0,
            (Framing::Ethernet, Ok(header))
                if matches!(header.ether_type, EtherType::Ipv4 | EtherType::Ipv6) =>
            {
                header.header_len()
            }
            (Framing::Ethernet, _) => frame.len(),
        };
        &mut frame[start..]
    }
}

/// Sets congestion experienced; `false` if the frame holds no IP packet of an ECN-capable sender.
///
/// RFC 3168 5: the two bits are the last of the second byte in IPv4, and stand four bits further left
/// in IPv6 (RFC 8200 3).
pub(crate) fn mark_congestion(framing: Framing, frame: &mut Bytes) -> bool {
    let mut copy = BytesMut::from(&frame[..]);
    let marked = set_congestion_experienced(framing.packet(&mut copy));
    if marked {
        *frame = copy.freeze();
    }
    marked
}

fn set_congestion_experienced(packet: &mut [u8]) -> bool {
    const CONGESTION_EXPERIENCED: u8 = 0b11;
    let Some(&first) = packet.first() else { return false };
    match first >> 4 {
        4 if packet.len() >= 20 => {
            if packet[1] & CONGESTION_EXPERIENCED == 0 {
                return false;
            }
            let from = u16::from_be_bytes([packet[0], packet[1]]);
            packet[1] |= CONGESTION_EXPERIENCED;
            let to = u16::from_be_bytes([packet[0], packet[1]]);
            let old = u16::from_be_bytes([packet[10], packet[11]]);
            packet[10..12].copy_from_slice(&checksum::update(old, from, to).to_be_bytes());
            true
        }
        6 if packet.len() >= 40 => {
            if (packet[1] >> 4) & CONGESTION_EXPERIENCED == 0 {
                return false;
            }
            packet[1] |= CONGESTION_EXPERIENCED << 4;
            true
        }
        _ => false,
    }
}

/// Flips one bit behind the link header; `false` if there is nothing behind it.
///
/// The header is spared, so that what is shown is an error that the link's own check did not find and
/// not a frame for nobody.
pub(crate) fn flip_a_bit(framing: Framing, frame: &mut Bytes, random: u64) -> bool {
    let start = framing.header_len(frame);
    if start == frame.len() {
        return false;
    }
    let draw = scale(random, 8 * (frame.len() - start) as u64) as usize;
    let mut copy = BytesMut::from(&frame[..]);
    copy[start + draw / 8] ^= 0x80 >> (draw % 8);
    *frame = copy.freeze();
    true
}

#[cfg(test)]
mod tests;
