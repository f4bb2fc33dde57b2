//! Boxes on the way that change segments: they take options away, lower the segment size, and cut segments.

use std::num::NonZeroU16;

use bytes::{Bytes, BytesMut};
use fathom_stack::TransmitChecksum;

use crate::cut::{finish, transport_checksum};
use crate::draw::Draw;
use crate::faults::{Fault, Tally};

/// Kinds of options (RFC 9293 3.2, RFC 7323, RFC 2018).
const NO_OPERATION: u8 = 1;
const MSS: u8 = 2;
const WINDOW_SCALE: u8 = 3;
const SACK_PERMITTED: u8 = 4;
const TIMESTAMPS: u8 = 8;

/// What a box does to the segments that pass it, in both directions alike.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Middlebox {
    /// Options that it takes out of SYNs.
    strips: Vec<u8>,
    /// It takes the timestamps out of one in so many other segments.
    strips_stamps: Option<u64>,
    /// Most bytes of data that it lets ends announce.
    clamps: Option<u16>,
    /// It cuts segments with more bytes of data than this.
    cuts: Option<NonZeroU16>,
}

impl Middlebox {
    pub(crate) fn draw(draw: &mut Draw, stamps_required: bool) -> Middlebox {
        let kinds = [WINDOW_SCALE, SACK_PERMITTED, TIMESTAMPS];
        Middlebox {
            strips: kinds.into_iter().filter(|_| draw.one_in(3)).collect(),
            strips_stamps: draw.maybe(3, |draw| draw.between(1, 20)).filter(|_| !stamps_required),
            clamps: draw.maybe(2, |draw| draw.scale(100, 1460) as u16),
            cuts: draw.maybe(2, |draw| draw.scale(1, 1460) as u16).and_then(NonZeroU16::new),
        }
    }

    /// Whether windows are not scaled, whatever the ends offer.
    pub(crate) fn strips_scaling(&self) -> bool {
        self.strips.contains(&WINDOW_SCALE)
    }

    /// What becomes of a frame, which is finished.
    pub(crate) fn pass(
        &self,
        frame: Bytes,
        link_len: usize,
        draw: &mut Draw,
        tally: &mut Tally,
    ) -> Vec<Bytes> {
        let Some(start) = tcp_at(&frame, link_len) else { return vec![frame] };
        let header_end = start + usize::from(frame[start + 12] >> 4) * 4;
        if header_end > frame.len() {
            return vec![frame];
        }
        let syn = frame[start + 13] & 0x02 != 0;
        let mut out = BytesMut::from(&frame[..]);
        let strips_stamps = !syn && self.strips_stamps.is_some_and(|rarity| draw.one_in(rarity));
        let mut changed = false;
        let mut at = start + 20;
        while at < header_end && out[at] != 0 {
            let (kind, len) = match out[at] {
                NO_OPERATION => (NO_OPERATION, 1),
                kind if at + 1 < header_end && out[at + 1] >= 2 => (kind, usize::from(out[at + 1])),
                _ => break,
            };
            if at + len > header_end {
                break;
            }
            if syn && self.strips.contains(&kind) || strips_stamps && kind == TIMESTAMPS {
                out[at..at + len].fill(NO_OPERATION);
                tally.add(Fault::OptionStripped, 1);
                changed = true;
            }
            if let (true, MSS, 4, Some(most)) = (syn, kind, len, self.clamps)
                && u16::from_be_bytes([out[at + 2], out[at + 3]]) > most
            {
                out[at + 2..at + 4].copy_from_slice(&most.to_be_bytes());
                tally.add(Fault::MssClamped, 1);
                changed = true;
            }
            at += len;
        }
        if changed {
            out[start + 16..start + 18].fill(0);
            let sum = transport_checksum(&out[link_len..], start - link_len, true).finish();
            out[start + 16..start + 18].copy_from_slice(&sum.to_be_bytes());
        }
        let data = out.len() - header_end;
        match self
            .cuts
            .filter(|size| !syn && data > usize::from(size.get()) && data < 64 * usize::from(size.get()))
        {
            Some(size) => {
                tally.add(Fault::SegmentCut, 1);
                let checksum = TransmitChecksum::Partial { start: start as u16, offset: 16 };
                finish(out.freeze(), link_len, Some(size.get()), checksum)
            }
            None => vec![out.freeze()],
        }
    }
}

/// Where the TCP header of a frame is, if it has a whole one.
fn tcp_at(frame: &[u8], link_len: usize) -> Option<usize> {
    let packet = frame.get(link_len..)?;
    let (start, protocol) = match packet.first()? >> 4 {
        // No fragment.
        4 if packet.len() >= 40 && packet[6] & 0x3f == 0 && packet[7] == 0 => {
            (usize::from(packet[0] & 0xf) * 4, packet[9])
        }
        6 if packet.len() >= 60 => (40, packet[6]),
        _ => return None,
    };
    (protocol == 6 && packet.len() >= start + 20).then_some(link_len + start)
}

#[cfg(test)]
mod tests {
    use fathom_wire::{TcpFlags, TcpHeader, TcpOptions, TcpTimestamps};

    use super::*;

    fn packet(flags: TcpFlags, options: TcpOptions, data: usize) -> Bytes {
        let header = TcpHeader { flags, options, ..TcpHeader::default() };
        let len = header.header_len();
        let mut packet = vec![0; 40 + len + data];
        packet[0] = 0x60;
        packet[4..6].copy_from_slice(&((len + data) as u16).to_be_bytes());
        packet[6] = 6;
        header.emit(&mut packet[40..]);
        packet.into()
    }

    fn header(packet: &[u8]) -> TcpHeader {
        assert!(transport_checksum(packet, 40, true).is_valid());
        TcpHeader::parse(&packet[40..]).unwrap()
    }

    #[test]
    fn options_go_the_segment_size_falls_and_segments_are_cut() {
        let (mut draw, mut tally) = (Draw::new(1), Tally::default());
        let middlebox = Middlebox {
            strips: vec![WINDOW_SCALE, SACK_PERMITTED],
            strips_stamps: Some(1),
            clamps: Some(500),
            cuts: NonZeroU16::new(100),
        };
        let stamps = Some(TcpTimestamps { value: 7, echo: 0 });
        let offers = TcpOptions {
            mss: Some(1460),
            sack_permitted: true,
            timestamps: stamps,
            window_scale: Some(7),
            ..TcpOptions::default()
        };
        let syn = middlebox.pass(packet(TcpFlags::SYN, offers, 0), 0, &mut draw, &mut tally);
        let options = header(&syn[0]).options;
        assert_eq!((options.mss, options.sack_permitted, options.window_scale), (Some(500), false, None));
        assert_eq!(options.timestamps, stamps);

        let stamped = TcpOptions { timestamps: stamps, ..TcpOptions::default() };
        let pieces = middlebox.pass(packet(TcpFlags::ACK, stamped, 250), 0, &mut draw, &mut tally);
        let lens: Vec<usize> = pieces.iter().map(|piece| piece.len() - 72).collect();
        assert_eq!(lens, [100, 100, 50]);
        assert!(pieces.iter().all(|piece| header(piece).options.timestamps.is_none()));
        let counted =
            [Fault::OptionStripped, Fault::MssClamped, Fault::SegmentCut].map(|fault| tally.times(fault));
        assert_eq!(counted, [3, 1, 1]);
    }
}
