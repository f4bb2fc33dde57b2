//! What a stack tells about itself.

use core::net::SocketAddr;
use core::num::NonZeroU16;
use core::time::Duration;
use std::collections::HashMap;
use std::vec;
use std::vec::Vec;

use fathom_record::{Direction, DropReason, Engine, Kind, Record, RecordId, SendReason};
use fathom_wire::{Checksum, IpProtocol, checksum};

use super::Pair;
use crate::{Batch, Config, Family, Frame, ReceivedChecksum};

/// Two stacks that record, each under a number of its own.
fn recording() -> Pair {
    let [a, b] = [1, 2].map(|shard| Config { shard, ..Config::default() });
    let mut pair = Pair::with(a, b, true);
    pair.a.stack.recorder().enable(1000);
    pair.b.stack.recorder().enable(1000);
    pair
}

/// The records of both stacks, and the way from a record back to its first cause.
struct Told {
    records: HashMap<RecordId, Record>,
}

impl Told {
    fn by(pair: &mut Pair) -> Self {
        let a: Vec<Record> = pair.a.stack.recorder().drain().collect();
        let b: Vec<Record> = pair.b.stack.recorder().drain().collect();
        Told { records: a.into_iter().chain(b).map(|record| (record.id, record)).collect() }
    }

    fn chain(&self, mut id: RecordId) -> Vec<&'static str> {
        let mut chain = Vec::new();
        loop {
            let record = &self.records[&id];
            chain.push(match &record.kind {
                Kind::Frame(frame) if frame.direction == Direction::Received => "received",
                Kind::Frame(_) => "transmitted",
                Kind::Engine(Engine::Packet { why: SendReason::EchoRequest }) => "echo request",
                Kind::Engine(Engine::Packet { why: SendReason::EchoReply }) => "echo reply",
                Kind::Engine(Engine::Packet { why: SendReason::NeighbourRequest }) => "who has",
                Kind::Engine(Engine::Packet { why: SendReason::NeighbourReply }) => "is at",
                Kind::Engine(Engine::Dropped { .. }) => "dropped",
                other => panic!("{other:?}"),
            });
            match record.cause {
                Some(cause) => id = cause,
                None => return chain,
            }
        }
    }
}

#[test]
fn a_ping_can_be_followed_from_the_last_frame_to_its_first_cause() {
    let mut pair = recording();
    let to = pair.b.v4;
    let socket = pair.a.stack.icmp_open(pair.now, Family::V4, None).unwrap();
    pair.a.stack.icmp(pair.now, socket).unwrap().send_echo(to, 1, b"x", None).unwrap();
    pair.drive_for(Duration::from_secs(1));
    let last = pair.a.stack.recorder().iter().last().unwrap().id;
    let told = Told::by(&mut pair);
    let back_at_a = ["received", "transmitted", "echo reply", "received", "transmitted", "echo request"];
    assert_eq!(told.chain(last), back_at_a);
}

#[test]
fn every_frame_is_recorded_with_the_bytes_that_crossed_the_link() {
    let mut pair = recording();
    let (from, to) = (SocketAddr::new(pair.a.v6, 9), SocketAddr::new(pair.b.v6, 9));
    let socket = pair.a.stack.udp_bind(pair.now, from).unwrap();
    pair.a.stack.udp(pair.now, socket).unwrap().send_to(&[1; 3000], to).unwrap();
    pair.drive_for(Duration::from_secs(1));
    let transmitted: Vec<_> = pair
        .a
        .stack
        .recorder()
        .drain()
        .filter_map(|record| match record.kind {
            Kind::Frame(frame) if frame.direction == Direction::Transmitted => Some((record.at, frame.bytes)),
            _ => None,
        })
        .collect();
    assert_eq!(transmitted, pair.a.sent);
    assert!(transmitted.len() >= 4, "a question, three fragments");
}

#[test]
fn a_drop_is_counted_and_recorded_with_its_cause() {
    let mut host = super::host::Host::new();
    host.stack.recorder().enable(10);
    host.receive(super::packets::frame(&super::packets::udp_packet("192.0.2.2", "192.0.2.99", (1, 2), b"x")));
    let records: Vec<Record> = host.stack.recorder().drain().collect();
    let [frame, dropped] = &records[..] else { panic!("{records:?}") };
    assert_eq!(dropped.cause, Some(frame.id));
    let reason = DropReason::IpNotForUs;
    assert!(
        matches!(&dropped.kind, Kind::Engine(Engine::Dropped { reason: told, len: 29, .. }) if *told == reason)
    );
    assert_eq!(host.drops(), [(reason, 1)]);
}

/// What a device merged, or left unfinished, is shown as the frames of a cable.
#[test]
fn a_frame_with_work_left_for_a_device_is_recorded_as_that_device_would_have_sent_it() {
    let (source, destination) = ("192.0.2.2", "192.0.2.1");
    let data: Vec<u8> = (0..2500_u32).map(|i| i as u8).collect();
    let datagram =
        |data: &[u8]| super::packets::frame(&super::packets::udp_packet(source, destination, (1, 2), data));
    let partial = |bytes: bytes::Bytes| {
        let mut bytes = bytes.to_vec();
        let mut sum = Checksum::new();
        let len = (bytes.len() - 34) as u32;
        sum.pseudo_header(source.parse().unwrap(), destination.parse().unwrap(), IpProtocol::Udp, len);
        bytes[40..42].copy_from_slice(&sum.fold().to_be_bytes());
        Frame { checksum: ReceivedChecksum::Partial, ..Frame::new(bytes.into()) }
    };
    let whole = Frame { segment_size: NonZeroU16::new(1000), ..partial(datagram(&data)) };
    let short = partial(datagram(b"short"));

    let mut host = super::host::Host::new();
    host.stack.recorder().enable(10);
    host.stack.handle_frames(host.now, host.eth0, &mut Batch(vec![whole, short]));
    let frames: Vec<bytes::Bytes> = host
        .stack
        .recorder()
        .drain()
        .filter_map(|record| match record.kind {
            Kind::Frame(frame) => Some(frame.bytes),
            _ => None,
        })
        .collect();
    let parts: [&[u8]; 4] = [&data[..1000], &data[1000..2000], &data[2000..], b"short"];
    for (number, (frame, part)) in frames.iter().zip(parts).enumerate() {
        let mut expected = datagram(part).to_vec();
        if number < 3 {
            // Identifications count up.
            expected[19] += number as u8;
            expected[24..26].fill(0);
            let sum = !checksum::sum(&expected[14..34]);
            expected[24..26].copy_from_slice(&sum.to_be_bytes());
        }
        assert_eq!(frame, &expected, "frame {number}");
    }
    assert_eq!(frames.len(), 4);
}

#[test]
fn recording_changes_nothing_that_leaves() {
    let run = |record: bool| {
        let mut pair = if record { recording() } else { Pair::new() };
        let to = pair.b.v4;
        let socket = pair.a.stack.icmp_open(pair.now, Family::V4, None).unwrap();
        for sequence in 0..3 {
            let mut icmp = pair.a.stack.icmp(pair.now, socket).unwrap();
            icmp.send_echo(to, sequence, &[9; 2000], None).unwrap();
        }
        pair.drive_for(Duration::from_secs(60));
        (pair.a.sent, pair.b.sent)
    };
    assert_eq!(run(true), run(false));
}
