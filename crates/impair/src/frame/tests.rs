use alloc::vec::Vec;

use super::*;

/// A frame with an IPv4 header that has `tos` as its second byte and the right checksum.
fn ipv4(tos: u8, link_header: &[u8]) -> Bytes {
    let mut header = [
        0x45, tos, 0, 28, 0x12, 0x34, 0x40, 0, 64, 17, 0, 0, 10, 0, 2, 100, 93, 184, 215, 14, 1, 2, 3, 4, 5,
        6, 7, 8,
    ];
    let sum = checksum_of(&header[..20]);
    header[10..12].copy_from_slice(&sum.to_be_bytes());
    [link_header, &header].concat().into()
}

fn checksum_of(header: &[u8]) -> u16 {
    !checksum::sum(header)
}

fn ethernet(ether_type: [u8; 2]) -> Vec<u8> {
    [&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2][..], &ether_type].concat()
}

#[test]
fn an_ecn_capable_packet_is_marked_and_its_checksum_stays_right() {
    let vlan = [&ethernet([0x81, 0x00])[..], &[0, 7, 8, 0]].concat();
    for (framing, link_header) in
        [(Framing::Ip, Vec::new()), (Framing::Ethernet, ethernet([8, 0])), (Framing::Ethernet, vlan)]
    {
        for tos in 0..=255_u8 {
            let mut frame = ipv4(tos, &link_header);
            let before = frame.clone();
            let marked = mark_congestion(framing, &mut frame);
            assert_eq!(marked, tos & 3 != 0, "tos {tos:#x}");
            let packet = &frame[link_header.len()..];
            assert_eq!(packet[1], if marked { tos | 3 } else { tos });
            assert_eq!(checksum_of(&packet[..20]), 0, "tos {tos:#x}");
            assert_eq!(packet[20..], before[link_header.len() + 20..], "the payload is not touched");
        }
    }
}

#[test]
fn an_ipv6_packet_is_marked_in_its_traffic_class() {
    for (ecn, marked) in [(0_u8, false), (1, true), (2, true), (3, true)] {
        let mut packet = [0xaa; 48];
        packet[0] = 0x6a;
        packet[1] = 0xc5 | ecn << 4;
        let mut frame = Bytes::copy_from_slice(&packet);
        assert_eq!(mark_congestion(Framing::Ip, &mut frame), marked);
        packet[1] |= if marked { 0x30 } else { 0 };
        assert_eq!(frame[..], packet);
    }
}

#[test]
fn frames_without_an_ip_packet_are_never_marked() {
    let arp = [&ethernet([8, 6])[..], &[0, 1, 8, 0, 6, 4, 0, 1], &[0xff; 20]].concat();
    let cut_off = ipv4(3, &ethernet([8, 0])).slice(..14 + 19);
    let other_protocol = ipv4(3, &ethernet([0x88, 0xb5]));
    for frame in [Bytes::from(arp), cut_off, other_protocol, Bytes::new(), Bytes::from_static(&[0xff; 13])] {
        let mut marked = frame.clone();
        assert!(!mark_congestion(Framing::Ethernet, &mut marked));
        assert_eq!(marked, frame);
    }
}

#[test]
fn one_bit_is_flipped_and_never_in_the_link_header() {
    let frame = ipv4(0, &ethernet([8, 0]));
    let bits = 8 * (frame.len() as u64 - 14);
    let mut seen = Vec::new();
    for bit in 0..bits {
        // The middle of the range of random numbers that choose this bit.
        let random = u64::MAX / bits * bit + u64::MAX / bits / 2;
        let mut corrupted = frame.clone();
        assert!(flip_a_bit(Framing::Ethernet, &mut corrupted, random));
        let flipped: Vec<usize> = (0..8 * frame.len())
            .filter(|at| (frame[at / 8] ^ corrupted[at / 8]) & (0x80 >> (at % 8)) != 0)
            .collect();
        assert_eq!(flipped.len(), 1);
        seen.extend(flipped);
    }
    assert_eq!(seen, (8 * 14..8 * frame.len()).collect::<Vec<_>>(), "each bit behind the header can be hit");
    assert!(!flip_a_bit(Framing::Ethernet, &mut frame.slice(..14), 0), "nothing behind the header");
}
