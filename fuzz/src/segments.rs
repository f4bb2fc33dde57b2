//! Super-segments, cut by the engine and by a naive segmenter: the frames are the same.

use std::net::IpAddr;
use std::num::NonZeroU16;

use bytes::Bytes;
use fathom_stack::fuzzing;
use fathom_wire::{Ecn, IpHeader, Ipv6Chain, SeqNumber, TcpFlags, TcpHeader, TcpOptions, TcpTimestamps};

use crate::actions::{self, Action};
use crate::packets::{self, Ip};
use crate::{naive, wire};

/// One super-segment for each action; the one behind it may change a byte of its headers.
pub(crate) fn segments(bytes: &[u8]) {
    let mut actions = actions::read(bytes);
    while let Some(action) = actions.next() {
        let mut packet = packet(action);
        if action.bit(7, 7) {
            let poke = actions.next().unwrap_or(action);
            let at = usize::from(poke.byte(1)) % packet.len().min(120);
            packet[at] = poke.byte(2);
            if poke.bit(3, 0) {
                packets::mend(&mut packet);
            }
        }
        // As many as a stack cuts at most.
        let size = action.word(2).max((packet.len() / 64) as u16);
        let size = NonZeroU16::new(size).unwrap_or(NonZeroU16::MIN);
        let link_len = if action.bit(7, 6) { 14 } else { 0 };
        cut_both_ways(&packet, link_len, size);
    }
}

fn packet(action: Action) -> Vec<u8> {
    let (source, destination): (IpAddr, IpAddr) = if action.bit(1, 0) {
        ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 2].into(), [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into())
    } else {
        ([192, 0, 2, 2].into(), [192, 0, 2, 1].into())
    };
    let ip = Ip {
        ecn: if action.bit(1, 2) { Ecn::Ect0 } else { Ecn::NotEct },
        identification: action.word(5),
        ..Ip::new(source, destination)
    };
    let len = usize::from(action.word(4)).min(65535 - 120);
    let data: Vec<u8> = (0..len).map(|at| (at / 3) as u8 ^ action.byte(6)).collect();
    if action.bit(1, 1) {
        return ip.udp((7, 9), &data);
    }
    let timestamps = action.bit(1, 3).then_some(TcpTimestamps { value: 7, echo: 9 });
    let header = TcpHeader {
        source_port: 7,
        destination_port: 9,
        seq: SeqNumber(action.long(4)),
        ack: SeqNumber(9),
        flags: TcpFlags::from_bits_truncate(u16::from(action.byte(6))) | TcpFlags::ACK,
        window: 77,
        urgent: 0,
        options: TcpOptions { timestamps, ..TcpOptions::default() },
    };
    ip.tcp(&header, &[], &data)
}

fn cut_both_ways(packet: &[u8], link_len: usize, size: NonZeroU16) {
    let frame = Bytes::from([&[0xee; 14][..link_len], packet].concat());
    let Some([shared, written]) = fuzzing::cut(&frame, link_len, size) else { return };
    assert_eq!(shared, written, "the two ways to cut differ");
    let header = IpHeader::parse(packet).expect("what is cut can be read");
    let end = header.header_len() + header.payload_len();
    let (.., data_start) = naive::transport(packet).expect("what is cut is TCP or UDP");
    let expected = naive::cut(&packet[..end], &packet[data_start..end], size.get().into());
    assert_eq!(shared.len(), expected.len());
    for (frame, expected) in shared.iter().zip(&expected) {
        assert_eq!(frame[..link_len], [0xee; 14][..link_len]);
        assert_eq!(frame[link_len..], expected[..]);
    }
    // The parsers find nothing wrong with the first of them.
    match &header {
        IpHeader::V4(_) => wire::ipv4(&shared[0][link_len..]),
        IpHeader::V6(v6) => {
            assert!(Ipv6Chain::parse(v6.next_header, &packet[40..end]).is_ok());
            wire::ipv6(&shared[0][link_len..]);
        }
    }
}
