use core::net::IpAddr;

use bytes::Bytes;
use fathom_wire::{
    Ecn, Instant, IpHeader, IpProtocol, SeqNumber, TcpFlags, TcpHeader, TcpOptions, TcpTimestamps,
};
use proptest::prelude::*;

use super::*;
use crate::interface::{Interface, Offload};
use crate::internet::transmit::{Hop, transmit};
use crate::packet::Departing;
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
        dont_fragment: true,
        cause: None,
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

#[test]
fn a_device_that_cuts_gets_the_super_segment_whole() {
    let offload = Offload { transmit_checksum: true, segmentation: true };
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
    let offload = Offload { transmit_checksum: true, segmentation: false };
    let header = tcp_header(5, TcpFlags::ACK);
    let frames = frames(departing(false, &header, &[vec![7u8; 99]], 1000), offload);
    let [frame] = &frames[..] else { panic!("{} frames", frames.len()) };
    assert_eq!((frame.segment_size, frame.slices.len()), (None, 1));
    let mut completed = super::super::completed(frame, 0).unwrap();
    let bytes = completed.next_frame(Instant::ZERO).unwrap().to_bytes();
    assert_eq!(naive(false, &header, &[vec![7u8; 99]], 1000), [bytes]);
}
