use core::net::IpAddr;

use bytes::Bytes;
use fathom_record::DropReason;
use fathom_wire::{
    Ecn, Instant, IpHeader, IpProtocol, SeqNumber, TcpFlags, TcpHeader, TcpOptions, TcpTimestamps, UdpHeader,
};
use proptest::prelude::*;

use super::*;
use crate::interface::{Interface, Offload};
use crate::internet::transmit::{Hop, transmit};
use crate::packet::{Departing, Fragmentation};
use crate::stack::{Parts, Stack};
use crate::{Config, InterfaceId, Seed, TransmitChecksum};
use alloc::vec;
use alloc::vec::Vec;

/// A super-segment as TCP hands it down.
fn departing(v6: bool, header: &TcpHeader, data: &[Vec<u8>], size: u16) -> Departing {
    let (source, destination): (IpAddr, IpAddr) = match v6 {
        true => ("2001:db8::1".parse().unwrap(), "2001:db8::2".parse().unwrap()),
        false => ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap()),
    };
    let mut bytes = vec![0; header.header_len()];
    header.emit(&mut bytes);
    Departing {
        source,
        destination,
        protocol: IpProtocol::Tcp,
        hop_limit: 64,
        dscp: 0,
        ecn: Ecn::Ect0,
        header: bytes.into_iter().collect(),
        checksum_offset: TcpHeader::CHECKSUM_OFFSET as u8,
        slices: data.iter().map(|slice| Bytes::copy_from_slice(slice)).collect(),
        segment_size: NonZeroU16::new(size),
        fragmentation: Fragmentation::Forbidden,
        cause: None,
    }
}

/// A super-datagram as UDP hands it down.
fn datagrams(v6: bool, data: &[Vec<u8>], size: u16) -> Departing {
    let len = UdpHeader::LEN + data.iter().map(Vec::len).sum::<usize>();
    let header = UdpHeader { source_port: 1000, destination_port: 53, length: len as u16, checksum: 0 };
    let mut bytes = [0; UdpHeader::LEN];
    header.emit(&mut bytes);
    Departing {
        protocol: IpProtocol::Udp,
        header: bytes.into_iter().collect(),
        checksum_offset: UdpHeader::CHECKSUM_OFFSET as u8,
        fragmentation: Fragmentation::Allowed,
        ..departing(v6, &tcp_header(0, TcpFlags::ACK), data, size)
    }
}

fn tcp_header(seq: u32, flags: TcpFlags) -> TcpHeader {
    let timestamps = Some(TcpTimestamps { value: 1, echo: 2 });
    TcpHeader {
        source_port: 1000,
        destination_port: 80,
        seq: SeqNumber(seq),
        ack: SeqNumber(77),
        flags,
        window: 500,
        urgent: 0,
        options: TcpOptions { timestamps, ..TcpOptions::default() },
    }
}

/// The frames that leave an interface for what TCP hands down.
fn frames(departing: Departing, offload: Offload) -> Vec<crate::Transmit> {
    let mut stack = Stack::new(Config::default(), Seed::from_u64(1));
    stack.add_interface(Interface { offload, ..Interface::ip("tun0") });
    let Parts { mut cx, internet, .. } = stack.parts(Instant::ZERO);
    let hop = Hop::new(internet, InterfaceId(1), departing.destination);
    let mut outgoing = transmit(&mut cx, internet, &hop, departing).unwrap();
    core::iter::from_fn(|| outgoing.next_frame(Instant::ZERO)).collect()
}

/// What a naive sender makes of the same data: each segment built on its own.
fn naive(v6: bool, header: &TcpHeader, data: &[Vec<u8>], size: u16) -> Vec<Vec<u8>> {
    let data = data.concat();
    let parts: Vec<&[u8]> = data.chunks(size.into()).collect();
    let segment = |(index, part): (usize, &&[u8])| {
        let mut header = header.clone();
        header.seq += index as u32 * u32::from(size);
        if index + 1 < parts.len() {
            header.flags -= TcpFlags::FIN | TcpFlags::PSH;
        }
        if index > 0 {
            header.flags -= TcpFlags::CWR;
        }
        let mut one = departing(v6, &header, &[part.to_vec()], size);
        one.segment_size = None;
        let [frame] = &frames(one, Offload::default())[..] else { panic!("a segment is one frame") };
        let mut bytes = frame.to_bytes().to_vec();
        if !v6 {
            // The identification counts up from that of the super-segment.
            let IpHeader::V4(mut ip) = IpHeader::parse(&bytes).unwrap() else { panic!() };
            ip.identification = ip.identification.wrapping_add(index as u16);
            ip.emit(&mut bytes);
        }
        bytes
    };
    parts.iter().enumerate().map(segment).collect()
}

fn arbitrary_data() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3000), 1..=6)
        .prop_filter("there is data", |slices| slices.iter().any(|slice| !slice.is_empty()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn segments_are_those_of_a_naive_sender(
        data in arbitrary_data(),
        size in 1u16..1400,
        seq in prop_oneof![any::<u32>(), Just(u32::MAX - 1000)],
        flags in prop::sample::select(vec![TcpFlags::ACK, TcpFlags::ACK | TcpFlags::PSH,
            TcpFlags::ACK | TcpFlags::FIN | TcpFlags::PSH, TcpFlags::ACK | TcpFlags::CWR]),
        v6 in any::<bool>(),
    ) {
        // With few bytes in a segment there would be thousands.
        let size = size.max(data.iter().map(Vec::len).sum::<usize>() as u16 / 40);
        let header = tcp_header(seq, flags);
        let ours = frames(departing(v6, &header, &data, size), Offload::default());
        let expected = naive(v6, &header, &data, size);
        prop_assert_eq!(ours.len(), expected.len());
        for (frame, expected) in ours.iter().zip(&expected) {
            prop_assert_eq!(frame.checksum, TransmitChecksum::Complete);
            prop_assert_eq!(frame.to_bytes(), &expected[..]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn datagrams_are_those_of_a_naive_sender(data in arbitrary_data(), size in 1u16..1400, v6 in any::<bool>()) {
        let size = size.max(data.iter().map(Vec::len).sum::<usize>() as u16 / 40);
        let ours = frames(datagrams(v6, &data, size), Offload::default());
        let whole = data.concat();
        let parts: Vec<&[u8]> = whole.chunks(size.into()).collect();
        prop_assert_eq!(ours.len(), parts.len());
        let identification = |bytes: &[u8]| u16::from_be_bytes([bytes[4], bytes[5]]);
        let first = identification(&ours[0].to_bytes());
        for (index, (frame, part)) in ours.iter().zip(parts).enumerate() {
            let [alone] = &frames(datagrams(v6, &[part.to_vec()], size), Offload::default())[..] else { panic!() };
            let (bytes, mut alone) = (frame.to_bytes(), alone.to_bytes().to_vec());
            if !v6 {
                // RFC 6864 4.3: each datagram has an identification of its own.
                prop_assert_eq!(identification(&bytes), first.wrapping_add(index as u16));
                alone[4..6].copy_from_slice(&bytes[4..6]);
                alone[10..12].fill(0);
                let sum = !checksum::sum(&alone[..20]);
                alone[10..12].copy_from_slice(&sum.to_be_bytes());
            }
            prop_assert_eq!(bytes, alone);
        }
    }
}

#[test]
fn the_datagrams_of_two_super_datagrams_have_different_identifications() {
    let mut stack = Stack::new(Config::default(), Seed::from_u64(1));
    stack.add_interface(Interface::ip("tun0"));
    let mut seen = Vec::new();
    for _ in 0..2 {
        let departing = datagrams(false, &[vec![1; 1000]], 100);
        let Parts { mut cx, internet, .. } = stack.parts(Instant::ZERO);
        let hop = Hop::new(internet, InterfaceId(1), departing.destination);
        let mut outgoing = transmit(&mut cx, internet, &hop, departing).unwrap();
        while let Some(frame) = outgoing.next_frame(Instant::ZERO) {
            seen.push([frame.headers[4], frame.headers[5]]);
        }
    }
    seen.sort_unstable();
    seen.dedup();
    // RFC6864-R3
    assert_eq!(seen.len(), 20);
}

#[test]
fn a_super_datagram_whose_datagrams_do_not_fit_the_path_is_refused() {
    let mut stack = Stack::new(Config::default(), Seed::from_u64(1));
    stack.add_interface(Interface::ip("tun0"));
    for (v6, fits) in [(false, 1500 - 20 - 8), (true, 1500 - 40 - 8)] {
        for (size, expected) in [(fits, None), (fits + 1, Some(DropReason::PacketTooBig))] {
            let Parts { mut cx, internet, .. } = stack.parts(Instant::ZERO);
            let departing = datagrams(v6, &[vec![1; 4000]], size);
            let hop = Hop::new(internet, InterfaceId(1), departing.destination);
            assert_eq!(transmit(&mut cx, internet, &hop, departing).err(), expected, "{v6} {size}");
        }
    }
}

#[test]
fn a_device_that_cuts_datagrams_gets_them_whole() {
    let data = [vec![1u8; 2000], vec![2u8; 2000]];
    for v6 in [false, true] {
        let only_tcp = Offload { udp_segmentation: false, ..Offload::ALL };
        assert_eq!(frames(datagrams(v6, &data, 1000), only_tcp).len(), 4);
        let frames = frames(datagrams(v6, &data, 1000), Offload::ALL);
        let [frame] = &frames[..] else { panic!("{} frames", frames.len()) };
        assert_eq!(frame.segment_size, NonZeroU16::new(1000));
        let start = if v6 { 40 } else { 20 };
        assert_eq!(frame.checksum, TransmitChecksum::Partial { start, offset: 6 });
        let mut cut = super::super::completed(frame, 0).unwrap();
        let cut: Vec<usize> =
            core::iter::from_fn(|| cut.next_frame(Instant::ZERO)).map(|f| f.len()).collect();
        assert_eq!(cut, [usize::from(start) + 1008; 4]);
    }
}

/// P-78: what a device makes of CWR is not ours to say.
#[test]
fn a_super_segment_with_cwr_is_not_left_to_the_device() {
    let data = [vec![1u8; 3000]];
    let header = tcp_header(5, TcpFlags::ACK | TcpFlags::CWR);
    let frames = frames(departing(false, &header, &data, 1000), Offload::ALL);
    let flags: Vec<u8> = frames.iter().map(|frame| frame.headers[20 + FLAGS]).collect();
    let ack = TcpFlags::ACK.bits() as u8;
    assert_eq!(flags, [ack | TcpFlags::CWR.bits() as u8, ack, ack]);
}

#[test]
fn a_device_that_cuts_gets_the_super_segment_whole() {
    let offload = Offload::ALL;
    let data = [vec![1u8; 2000], vec![2u8; 2000]];
    let header = tcp_header(5, TcpFlags::ACK | TcpFlags::PSH);
    for v6 in [false, true] {
        let frames = frames(departing(v6, &header, &data, 1000), offload);
        let [frame] = &frames[..] else { panic!("{} frames", frames.len()) };
        assert_eq!(frame.segment_size, NonZeroU16::new(1000));
        let start = if v6 { 40 } else { 20 };
        assert_eq!(frame.checksum, TransmitChecksum::Partial { start, offset: 16 });
        // What is recorded are the frames that the device sends.
        let mut cut = super::super::completed(frame, 0).unwrap();
        let cut: Vec<Bytes> =
            core::iter::from_fn(|| cut.next_frame(Instant::ZERO)).map(|f| f.to_bytes()).collect();
        assert_eq!(cut, naive(v6, &header, &data, 1000));
    }
}

#[test]
fn a_device_that_completes_checksums_gets_the_pseudo_headers_sum() {
    let offload = Offload { transmit_checksum: true, ..Offload::default() };
    let header = tcp_header(5, TcpFlags::ACK);
    let frames = frames(departing(false, &header, &[vec![7u8; 99]], 1000), offload);
    let [frame] = &frames[..] else { panic!("{} frames", frames.len()) };
    assert_eq!((frame.segment_size, frame.slices.len()), (None, 1));
    let mut completed = super::super::completed(frame, 0).unwrap();
    let bytes = completed.next_frame(Instant::ZERO).unwrap().to_bytes();
    assert_eq!(naive(false, &header, &[vec![7u8; 99]], 1000), [bytes]);
}
