use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;
use fathom_wire::{Instant, Ipv6Chain};
use proptest::prelude::*;

use super::*;
use crate::outgoing::{Cut, Outgoing};
use crate::tests::packets::{v4_header, v6_header};

/// The fragments of a packet on a link without link header.
fn fragments(header: IpHeader, data: &[u8], mtu: usize) -> Vec<Bytes> {
    let mut packet = Outgoing::whole(ArrayVec::new(), 0, ArrayVec::new());
    // In two slices, so that fragments begin and end within and between them.
    let (first, second) = data.split_at(data.len() / 3);
    packet.slices = [first, second].map(Bytes::copy_from_slice).into_iter().collect();
    packet.cut = Cut::Fragments(Box::new(Fragments { header, mtu, identification: 77, offset: 0 }));
    core::iter::from_fn(|| packet.next_frame(Instant::ZERO)).map(|frame| frame.to_bytes()).collect()
}

/// Offset, whether more follow, and the data of a fragment.
fn read(fragment: &Bytes) -> (usize, bool, Vec<u8>) {
    match IpHeader::parse(fragment).unwrap() {
        IpHeader::V4(header) => {
            let data = fragment[header.header_len()..].to_vec();
            (header.fragment_offset.into(), header.more_fragments, data)
        }
        IpHeader::V6(header) => {
            let payload = &fragment[40..];
            let chain = Ipv6Chain::parse(header.next_header, payload).unwrap();
            let fragment = chain.fragment.unwrap();
            assert_eq!(fragment.identification, 77);
            (fragment.offset.into(), fragment.more_fragments, payload[chain.offset..].to_vec())
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn fragments_follow_each_other_and_fit(len in 1usize..20_000, mtu in 68usize..1500, v6: bool) {
        let data: Vec<u8> = (0..len).map(|i| ((i * 31) >> 4) as u8).collect();
        let mtu = if v6 { mtu.max(1280) } else { mtu };
        let header = match v6 {
            true => v6_header("2001:db8::1", "2001:db8::2", IpProtocol::Udp, len).into(),
            false => v4_header("192.0.2.1", "192.0.2.2", IpProtocol::Udp, len).into(),
        };
        let fragments = fragments(header, &data, mtu);
        let mut end = 0;
        for (index, fragment) in fragments.iter().enumerate() {
            prop_assert!(fragment.len() <= mtu);
            let (offset, more, part) = read(fragment);
            // RFC5722-R1
            prop_assert_eq!(offset, end);
            prop_assert_eq!(&part[..], &data[offset..offset + part.len()]);
            prop_assert_eq!(more, index + 1 < fragments.len());
            // RFC791-R5
            prop_assert!(!more || part.len() % 8 == 0);
            end += part.len();
        }
        prop_assert_eq!(end, len);
    }
}

#[test]
fn options_without_the_copied_flag_go_into_the_first_fragment_only() {
    // Router alert (148, copied) and record route (7, not copied) with one address.
    let options = [148, 4, 0, 0, 7, 7, 4, 0, 0, 0, 0, 0];
    let mut header = v4_header("192.0.2.1", "192.0.2.2", IpProtocol::Udp, 100);
    header.options = Ipv4Options::parse(&options).unwrap();
    let fragments = fragments(header.into(), &[9; 100], 84);
    let options: Vec<Vec<u8>> = fragments
        .iter()
        .map(|fragment| match IpHeader::parse(fragment).unwrap() {
            IpHeader::V4(header) => header.options.iter().map(|option| option.kind).collect(),
            IpHeader::V6(_) => vec![],
        })
        .collect();
    // RFC791-R8
    assert_eq!(options, [vec![148, 7], vec![148]]);
}

#[test]
fn a_fragment_that_is_cut_further_keeps_its_place_and_its_flag() {
    let mut header = v4_header("192.0.2.1", "192.0.2.2", IpProtocol::Udp, 64);
    (header.fragment_offset, header.more_fragments) = (800, true);
    let parts: Vec<_> = fragments(header.into(), &[3; 64], 68).iter().map(read).collect();
    assert_eq!(parts, [(800, true, vec![3; 48]), (848, true, vec![3; 16])]);
}
