use std::io::IoSlice;

use super::*;
use crate::PartialChecksum;

/// The kinds of packet that can be super-segments.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Tcp4,
    Tcp6,
    /// Behind a destination options header.
    Tcp6Options,
    Udp4,
    Udp6,
}

use Kind::{Tcp4, Tcp6, Tcp6Options, Udp4, Udp6};

const KINDS: [Kind; 5] = [Tcp4, Tcp6, Tcp6Options, Udp4, Udp6];
const DATA: usize = 3000;

impl Kind {
    fn transport(self) -> usize {
        match self {
            Tcp4 | Udp4 => 20,
            Tcp6 | Udp6 => 40,
            Tcp6Options => 48,
        }
    }

    fn is_udp(self) -> bool {
        matches!(self, Udp4 | Udp6)
    }

    fn checksum_offset(self) -> u16 {
        if self.is_udp() { 6 } else { 16 }
    }

    fn gso_type(self) -> u8 {
        match self {
            Tcp4 => GSO_TCPV4,
            Tcp6 | Tcp6Options => GSO_TCPV6,
            Udp4 | Udp6 => GSO_UDP_L4,
        }
    }

    /// A packet with [`DATA`] bytes of data, and a TCP header with ACK.
    fn packet(self) -> Vec<u8> {
        let header = if self.is_udp() { 8 } else { 20 };
        let transport = self.transport();
        let mut bytes = vec![0; transport];
        let payload = (transport + header + DATA) as u16;
        if matches!(self, Tcp4 | Udp4) {
            bytes[0] = 0x45;
            bytes[2..4].copy_from_slice(&payload.to_be_bytes());
            bytes[8] = 64;
            bytes[9] = if self.is_udp() { 17 } else { 6 };
            bytes[12..20].copy_from_slice(&[192, 0, 2, 1, 192, 0, 2, 2]);
            let sum = !fathom_wire::checksum::sum(&bytes);
            bytes[10..12].copy_from_slice(&sum.to_be_bytes());
        } else {
            bytes[0] = 0x60;
            bytes[4..6].copy_from_slice(&(payload - 40).to_be_bytes());
            bytes[6] = if self.is_udp() { 17 } else { 6 };
            bytes[7] = 64;
            (bytes[23], bytes[39]) = (1, 2);
            if self == Tcp6Options {
                bytes[6] = 60;
                bytes[40..48].copy_from_slice(&[6, 0, 1, 4, 0, 0, 0, 0]);
            }
        }
        bytes.extend(std::iter::repeat_n(0, header));
        if self.is_udp() {
            bytes[transport + 4..transport + 6].copy_from_slice(&((8 + DATA) as u16).to_be_bytes());
        } else {
            (bytes[transport + 12], bytes[transport + 13]) = (0x50, 0x10);
        }
        bytes.extend(std::iter::repeat_n(7, DATA));
        bytes
    }

    fn frame(self, medium: Medium) -> Vec<u8> {
        let mut frame = Vec::new();
        if medium == Medium::Ethernet {
            frame.extend_from_slice(&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2]);
            let v4 = matches!(self, Tcp4 | Udp4);
            frame.extend_from_slice(if v4 { &[0x08, 0x00] } else { &[0x86, 0xdd] });
        }
        frame.extend(self.packet());
        frame
    }

    /// The header with which such a frame comes, cut at 1000 bytes.
    fn header(self, medium: Medium) -> VirtioHeader {
        let link = if medium == Medium::Ethernet { 14 } else { 0 };
        VirtioHeader {
            flags: NEEDS_CSUM,
            gso_type: self.gso_type(),
            hdr_len: 60,
            gso_size: 1000,
            csum_start: (link + self.transport()) as u16,
            csum_offset: self.checksum_offset(),
        }
    }
}

#[test]
fn a_header_is_read_as_it_was_written() {
    let header = VirtioHeader {
        flags: 1,
        gso_type: 4,
        hdr_len: 0x0102,
        gso_size: 0x0304,
        csum_start: 0x0506,
        csum_offset: 0x0708,
    };
    assert_eq!(header.emit(), [1, 4, 2, 1, 4, 3, 6, 5, 8, 7]);
    assert_eq!(VirtioHeader::parse(&header.emit()), header);
}

#[test]
fn super_segments_and_partial_checksums_that_are_what_they_say_are_believed() {
    for medium in [Medium::Ip, Medium::Ethernet] {
        for kind in KINDS {
            let mut frame = kind.frame(medium);
            let header = kind.header(medium);
            let size = NonZeroU16::new(1000);
            assert_eq!(header.check(&mut frame, medium), Ok((size, Checksum::Partial)), "{kind:?}");
            let verified = VirtioHeader { flags: DATA_VALID, ..header };
            assert_eq!(verified.check(&mut frame, medium), Ok((size, Checksum::Valid)), "{kind:?}");
            let uncut = VirtioHeader { gso_type: GSO_NONE, gso_size: 0, ..header };
            assert_eq!(uncut.check(&mut frame, medium), Ok((None, Checksum::Partial)), "{kind:?}");
            // One segment is no super-segment. The length of the headers is a hint that is often wrong.
            for gso_size in [DATA as u16, u16::MAX] {
                let one = VirtioHeader { gso_size, hdr_len: 0, ..header };
                assert_eq!(one.check(&mut frame, medium), Ok((None, Checksum::Partial)), "{kind:?}");
            }
            assert_eq!(frame, kind.frame(medium), "nothing is changed");
        }
    }
    let ecn = VirtioHeader { gso_type: GSO_TCPV4 | GSO_ECN, ..Tcp4.header(Medium::Ip) };
    assert!(ecn.check(&mut Tcp4.packet(), Medium::Ip).is_ok());
}

#[test]
fn plain_frames_are_not_looked_at() {
    for mut frame in [vec![], vec![0x45], vec![0xff; 100]] {
        let check = |flags, frame: &mut [u8]| {
            VirtioHeader { flags, ..VirtioHeader::default() }.check(frame, Medium::Ip)
        };
        assert_eq!(check(0, &mut frame), Ok((None, Checksum::Unverified)));
        assert_eq!(check(DATA_VALID, &mut frame), Ok((None, Checksum::Valid)));
    }
}

#[test]
fn a_frame_that_is_not_what_its_header_says_is_refused() {
    use Contradiction::{Checksum, Segmentation, Unknown};
    type Change = fn(&mut VirtioHeader, &mut Vec<u8>);
    let table: &[(&str, &[Kind], Contradiction, Change)] = &[
        ("an unknown flag", &KINDS, Unknown, |header, _| header.flags |= 0x40),
        ("UFO, which is not agreed upon", &KINDS, Unknown, |header, _| header.gso_type = 3),
        ("an unknown way of cutting", &KINDS, Unknown, |header, _| header.gso_type = 0x7f),
        ("a lone ECN bit", &KINDS, Unknown, |header, _| header.gso_type = GSO_ECN),
        ("CWR in UDP", &[Udp4, Udp6], Unknown, |header, _| header.gso_type |= GSO_ECN),
        ("UDP that is said to be TCP", &[Udp4], Segmentation, |header, _| header.gso_type = GSO_TCPV4),
        ("TCP that is said to be UDP", &[Tcp4, Tcp6], Segmentation, |header, _| header.gso_type = GSO_UDP_L4),
        ("IPv6 that is said to be IPv4", &[Tcp6], Segmentation, |header, _| header.gso_type = GSO_TCPV4),
        ("IPv4 that is said to be IPv6", &[Tcp4], Segmentation, |header, _| header.gso_type = GSO_TCPV6),
        ("another protocol", &[Tcp4], Segmentation, |_, frame| {
            frame[9] = 1;
            frame[10..12].fill(0);
            let sum = !fathom_wire::checksum::sum(&frame[..20]);
            frame[10..12].copy_from_slice(&sum.to_be_bytes());
        }),
        ("no IP at all", &KINDS, Segmentation, |_, frame| frame[0] = 0),
        ("a fragment", &[Tcp4, Udp4], Segmentation, |_, frame| {
            frame[6] = 0x20;
            frame[10..12].fill(0);
            let sum = !fathom_wire::checksum::sum(&frame[..20]);
            frame[10..12].copy_from_slice(&sum.to_be_bytes());
        }),
        ("no checksum to complete, nor one verified", &KINDS, Checksum, |header, _| header.flags = 0),
        ("a checksum elsewhere", &KINDS, Checksum, |header, _| header.csum_start += 2),
        ("a checksum outside", &KINDS, Checksum, |header, _| header.csum_start = u16::MAX),
        ("a checksum field elsewhere", &KINDS, Checksum, |header, _| header.csum_offset += 2),
        ("a checksum field outside", &KINDS, Checksum, |header, _| header.csum_offset = u16::MAX),
        ("segments of nothing", &KINDS, Segmentation, |header, _| header.gso_size = 0),
        ("headers that are longer than the frame", &KINDS, Segmentation, |header, _| header.hdr_len = 9000),
        ("bytes behind the packet", &KINDS, Segmentation, |_, frame| frame.push(0)),
        ("a packet that is cut off", &KINDS, Segmentation, |_, frame| frame.truncate(100)),
        ("a TCP header of 16 bytes", &[Tcp4], Segmentation, |_, frame| frame[20 + 12] = 0x40),
        ("SYN", &[Tcp4], Segmentation, |_, frame| frame[20 + 13] = 0x02),
        ("RST", &[Tcp6], Segmentation, |_, frame| frame[40 + 13] = 0x14),
        ("URG", &[Tcp6], Segmentation, |_, frame| frame[40 + 13] = 0x30),
        ("a UDP length of one datagram", &[Udp4], Segmentation, |_, frame| {
            frame[24..26].copy_from_slice(&1008_u16.to_be_bytes());
        }),
    ];
    for (what, kinds, expected, change) in table {
        for kind in *kinds {
            let (mut header, mut frame) = (kind.header(Medium::Ip), kind.packet());
            change(&mut header, &mut frame);
            assert_eq!(header.check(&mut frame, Medium::Ip), Err(*expected), "{what}: {kind:?}");
        }
    }
}

#[test]
fn a_partial_checksum_alone_is_checked_too() {
    for kind in KINDS {
        let header = VirtioHeader { gso_type: GSO_NONE, ..kind.header(Medium::Ip) };
        for (start, offset) in [(1, 0), (0, 2), (0, 60_000), (60_000, 0)] {
            let header = VirtioHeader {
                csum_start: header.csum_start.wrapping_add(start),
                csum_offset: header.csum_offset.wrapping_add(offset),
                ..header
            };
            assert_eq!(
                header.check(&mut kind.packet(), Medium::Ip),
                Err(Contradiction::Checksum),
                "{kind:?}"
            );
        }
    }
}

/// A packet in a tunnel has its checksum within: nobody but us would complete it.
#[test]
fn a_checksum_of_a_protocol_within_another_is_completed() {
    let inner = Tcp4.packet();
    let mut outer = inner[..20].to_vec();
    outer[9] = 4;
    outer[2..4].copy_from_slice(&((20 + inner.len()) as u16).to_be_bytes());
    outer[10..12].fill(0);
    let sum = !fathom_wire::checksum::sum(&outer);
    outer[10..12].copy_from_slice(&sum.to_be_bytes());
    let mut frame = [outer, inner].concat();
    let header =
        VirtioHeader { flags: NEEDS_CSUM, csum_start: 40, csum_offset: 16, ..VirtioHeader::default() };
    let mut expected = Sum::new();
    expected.add(&frame[40..]);
    assert_eq!(header.check(&mut frame, Medium::Ip), Ok((None, Checksum::Unverified)));
    assert_eq!(frame[56..58], expected.finish().to_be_bytes());
    let outside = VirtioHeader { csum_start: frame.len() as u16 - 17, ..header };
    assert_eq!(outside.check(&mut frame, Medium::Ip), Err(Contradiction::Checksum));
}

#[test]
fn what_we_transmit_says_what_is_left_to_the_device() {
    for medium in [Medium::Ip, Medium::Ethernet] {
        for kind in KINDS {
            let frame = kind.frame(medium);
            let headers = frame.len() - DATA;
            let parts = [IoSlice::new(&frame[..headers]), IoSlice::new(&frame[headers..])];
            let expected = VirtioHeader { hdr_len: headers as u16, ..kind.header(medium) };
            let checksum = PartialChecksum { start: expected.csum_start, offset: expected.csum_offset };
            let said = |segment_size, checksum| {
                VirtioHeader::of(&Frame { parts: &parts, segment_size, checksum }, medium)
            };
            assert_eq!(said(NonZeroU16::new(1000), Some(checksum)), expected, "{kind:?}");
            let uncut = VirtioHeader { gso_type: 0, hdr_len: 0, gso_size: 0, ..expected };
            assert_eq!(said(None, Some(checksum)), uncut, "{kind:?}");
            assert_eq!(said(NonZeroU16::new(DATA as u16), Some(checksum)), uncut, "{kind:?}");
            assert_eq!(said(None, None), VirtioHeader::default());
            // And is what we would believe.
            let received = expected.check(&mut frame.clone(), medium);
            assert_eq!(received, Ok((NonZeroU16::new(1000), Checksum::Partial)));
        }
    }
}

proptest::proptest! {
    /// Whatever comes, nothing panics; and what is believed of a super-segment holds for it.
    #[test]
    fn nothing_panics_and_what_is_believed_is_so(
        header in proptest::array::uniform10(proptest::num::u8::ANY),
        kind in proptest::sample::select(KINDS.to_vec()),
        changes in proptest::collection::vec((0usize..80, proptest::num::u8::ANY), 0..4),
        len in 0usize..3200,
        near in proptest::bool::ANY,
    ) {
        for medium in [Medium::Ip, Medium::Ethernet] {
            let mut frame = kind.frame(medium);
            for (at, value) in &changes {
                frame[*at] = *value;
            }
            frame.truncate(len.max(60));
            let mut header = VirtioHeader::parse(&header);
            if near {
                let right = kind.header(medium);
                header = VirtioHeader { gso_type: right.gso_type, flags: right.flags, gso_size: header.gso_size, ..right };
            }
            if let Ok((Some(size), _)) = header.check(&mut frame, medium) {
                let transport = Transport::find(&frame, medium).unwrap();
                proptest::prop_assert_eq!(transport.end, frame.len());
                proptest::prop_assert!(transport.start + usize::from(size.get()) < frame.len());
            }
        }
    }
}
