//! Path MTUs that routers tell, as TCP takes them (RFC 1191, RFC 8201, RFC 5927 7; design notes 15).

use core::net::SocketAddr;
use core::time::Duration;
use std::vec::Vec;

use bytes::Bytes;
use fathom_record::DropReason;
use fathom_wire::internet::icmpv4::unreachable;
use fathom_wire::{Icmpv4Message, TcpHeader};

use super::Pair;
use super::connections::established;
use super::packets::icmpv4_packet;
use crate::{Batch, Frame, TcpConnect, TcpId, TcpOptions};

const LEN: usize = 30_000;

/// A connection with data in flight, and the packets that carry it.
fn in_flight() -> (Pair, TcpId, TcpId, Vec<Bytes>) {
    let mut pair = Pair::ip();
    let (a, b) = established(&mut pair);
    pair.drive_for(Duration::from_secs(1));
    let sent = pair.a.sent.len();
    let now = pair.now;
    assert_eq!(pair.a.stack.tcp(now, a).unwrap().send(&[7; LEN]), Ok(LEN));
    pair.flush();
    let packets = pair.a.sent[sent..].iter().map(|(_, packet)| packet.clone()).collect();
    (pair, a, b, packets)
}

fn needed(next_hop_mtu: u16, invoking: &[u8]) -> Icmpv4Message<'_> {
    let code = unreachable::FRAGMENTATION_NEEDED;
    Icmpv4Message::DestinationUnreachable { code, next_hop_mtu, invoking }
}

/// A router says to `a` that `packet` is larger than its link takes. Gives why that was dropped, if it was.
fn too_big(pair: &mut Pair, packet: &[u8], mtu: u16) -> Option<DropReason> {
    let message = needed(mtu, &packet[..packet.len().min(60)]);
    let error = icmpv4_packet("192.0.2.9", "192.0.2.1", &message);
    let counters =
        |pair: &Pair| DropReason::ALL.iter().map(|reason| pair.a.stack.counters().dropped(*reason)).collect();
    let before: Vec<u64> = counters(pair);
    let mut batch: Batch = [Frame::new(Bytes::from(error))].into_iter().collect();
    pair.a.stack.handle_frames(pair.now, pair.a.interface, &mut batch);
    let after: Vec<u64> = counters(pair);
    DropReason::ALL
        .iter()
        .zip(before.iter().zip(after))
        .find(|(_, (a, b))| **a != *b)
        .map(|(reason, _)| *reason)
}

/// What `a` sends at once: length and whether routers may cut it, of each packet.
fn sends(pair: &mut Pair) -> Vec<(usize, bool)> {
    let sent = pair.a.sent.len();
    pair.flush();
    pair.a.sent[sent..].iter().map(|(_, packet)| (packet.len(), packet[6] & 0x40 == 0)).collect()
}

fn arrives(pair: &mut Pair, b: TcpId) {
    let mut total = 0;
    pair.drive_until(|pair| {
        let now = pair.now;
        total += pair.b.stack.tcp(now, b).unwrap().recv(&mut [0; LEN]).unwrap_or(0);
        total == LEN
    });
}

#[test]
fn a_path_mtu_is_believed_for_what_is_in_flight_and_was_that_large() {
    for (mtu, believed) in [(1499, true), (1400, true), (552, true), (1500, false), (9000, false)] {
        let (mut pair, _, b, packets) = in_flight();
        // RFC5927-R3
        assert_eq!(too_big(&mut pair, &packets[0], mtu).is_none(), believed, "{mtu}");
        let again = sends(&mut pair);
        assert_eq!(again.is_empty(), !believed, "{mtu}: what was too large goes again at once");
        assert!(again.iter().all(|(len, cut)| *len <= mtu.into() && !cut), "{mtu}: {again:?}");
        arrives(&mut pair, b);
        // What was acknowledged is in flight no longer.
        let late = packets[0].clone();
        pair.drive_for(Duration::from_secs(1));
        // RFC5927-R1
        assert!(too_big(&mut pair, &late, 600).is_some(), "{mtu}");
    }
}

/// The peer takes only short segments: no router can have found one larger than its link takes.
#[test]
fn a_path_mtu_larger_than_our_segments_is_not_believed() {
    let mut pair = Pair::ip();
    let listener = super::connections::listen(&mut pair);
    let options = TcpOptions { max_segment: Some(1000), ..TcpOptions::default() };
    let remote = SocketAddr::new(pair.b.v4, 80);
    let a = pair.a.stack.tcp_connect(pair.now, TcpConnect { options, ..TcpConnect::to(remote) }).unwrap();
    let mut b = None;
    pair.drive_until(|pair| {
        b = b.or(pair.b.stack.tcp_accept(pair.now, listener));
        b.is_some()
    });
    pair.drive_for(Duration::from_secs(1));
    let now = pair.now;
    pair.a.stack.tcp(now, a).unwrap().send(&[7; LEN]).unwrap();
    pair.flush();
    let packet = pair.a.sent.last().unwrap().1.clone();
    assert_eq!(packet.len(), 1040);
    for (mtu, believed) in [(1400, false), (1040, false), (1039, true)] {
        // RFC5927-R3
        assert_eq!(too_big(&mut pair, &packet, mtu).is_none(), believed, "{mtu}");
    }
}

#[test]
fn a_quote_of_what_was_never_sent_is_not_believed() {
    let (mut pair, _, b, packets) = in_flight();
    let header = TcpHeader::parse(&packets[0][20..]).unwrap();
    for seq in [header.seq - 1, header.seq + LEN as u32, header.seq + (1 << 31)] {
        let mut forged = packets[0].to_vec();
        forged[24..28].copy_from_slice(&seq.0.to_be_bytes());
        assert_eq!(too_big(&mut pair, &forged, 600), Some(DropReason::IcmpUnmatched), "{seq:?}");
    }
    // Another connection's ports.
    let mut forged = packets[0].to_vec();
    forged[20] ^= 1;
    assert_eq!(too_big(&mut pair, &forged, 600), Some(DropReason::IcmpUnmatched));
    assert_eq!(sends(&mut pair), []);
    arrives(&mut pair, b);
}

/// Below the floor a path is not believed to be, but routers may cut what is sent there.
#[test]
fn a_tiny_path_mtu_is_met_by_fragments_and_not_by_tiny_segments() {
    for mtu in [68, 296, 551] {
        let (mut pair, a, b, packets) = in_flight();
        assert_eq!(too_big(&mut pair, &packets[0], mtu), None, "{mtu}");
        let again = sends(&mut pair);
        assert!(!again.is_empty() && again.iter().all(|(len, cut)| *len <= 552 && *cut), "{mtu}: {again:?}");
        assert!(again.iter().any(|(len, _)| *len == 552), "{mtu}: {again:?}");
        // It can say so again without any effect.
        let packet = pair.a.sent.last().unwrap().1.clone();
        too_big(&mut pair, &packet, mtu);
        arrives(&mut pair, b);
        let now = pair.now;
        assert_eq!(pair.a.stack.tcp(now, a).unwrap().info().snd_mss, 500);
        // Ten minutes later it is forgotten.
        pair.drive_for(Duration::from_secs(601));
        let now = pair.now;
        pair.a.stack.tcp(now, a).unwrap().send(&[7; 5000]).unwrap();
        let later = sends(&mut pair);
        assert!(later.iter().all(|(_, cut)| !cut) && later[0].0 == 1500, "{mtu}: {later:?}");
    }
}

/// No router has a link that a SYN-ACK does not fit.
#[test]
fn a_path_mtu_about_a_syn_ack_is_not_believed() {
    let mut pair = Pair::ip();
    super::connections::listen(&mut pair);
    super::connections::connect(&mut pair);
    pair.flush();
    pair.drive_for(pair.latency);
    let syn_ack = pair.b.sent[0].1.clone();
    let message = needed(600, &syn_ack);
    let error = icmpv4_packet("192.0.2.9", "192.0.2.2", &message);
    let mut batch: Batch = [Frame::new(Bytes::from(error))].into_iter().collect();
    pair.b.stack.handle_frames(pair.now, pair.b.interface, &mut batch);
    assert_eq!(pair.b.stack.counters().dropped(DropReason::IcmpUnmatched), 1);
}
