//! Options on segments of any kind (RFC 9293 3.1, 3.2 and 3.7.1; RFC 7323).

use core::time::Duration;
use std::vec::Vec;

use fathom_record::TcpStateName;
use fathom_wire::SeqNumber;

use super::harness::{F, Host, IRS, MSS, Peer, Seg, plain};
use crate::transport::tcp::TcpOptions;

const MS: fn(u64) -> Duration = Duration::from_millis;

/// What the next acknowledgement echoes.
#[track_caller]
fn echo(host: &mut Host, peer: &Peer, seg: &Seg) -> u32 {
    assert_eq!(host.take(seg), (None, None));
    host.sends_one(peer.id).options.timestamps.expect("they were agreed on").echo
}

#[test]
fn every_syn_announces_the_largest_segment_and_nothing_else_does() {
    let mut host = Host::new();
    let listener = host.listen(8, false);
    let syn_ack = host.take(&Seg::new(F::SYN, IRS, SeqNumber(0))).1.unwrap();
    // RFC9293-MUST-14, RFC9293-SHLD-5, RFC9293-MAY-3
    assert_eq!(syn_ack.options.mss, Some(MSS as u16));
    host.take(&Seg::new(F::ACK, IRS + 1, syn_ack.seq + 1));
    let passive = host.accept(listener).unwrap();

    let mut host_of_active = Host::new();
    let active = host_of_active.connect(plain());
    let mut syns = host_of_active.sends(active);
    syns.extend(host_of_active.next_sent(active).unwrap().1);
    // RFC9293-MUST-14, RFC9293-SHLD-5, RFC9293-MAY-3
    assert!(syns.iter().all(|syn| syn.flags == F::SYN && syn.options.mss == Some(MSS as u16)), "{syns:#?}");

    // Data, its retransmission, an acknowledgement, a FIN, a reset.
    let mut sent = Vec::new();
    host.write(passive, b"data");
    sent.extend(host.sends(passive));
    sent.extend(host.next_sent(passive).unwrap().1);
    host.take(&Seg::new(F::ACK, IRS + 1, syn_ack.seq + 5).data(b"data"));
    sent.extend(host.sends(passive));
    host.read(passive);
    host.with_connection(passive, |connection, cx| connection.shutdown(cx)).unwrap();
    sent.extend(host.sends(passive));
    host.with_connection(passive, |connection, cx| connection.abort(cx));
    sent.extend(host.sends(passive));
    let kinds = [F::PSH, F::FIN, F::RST].map(|flag| sent.iter().any(|seg| seg.flags.contains(flag)));
    assert_eq!((sent.len(), kinds), (5, [true; 3]));
    // RFC9293-MUST-65
    assert!(sent.iter().all(|seg| seg.options.mss.is_none()), "{sent:#?}");
}

#[test]
fn options_are_read_in_every_segment_and_what_is_not_known_is_skipped() {
    for flags in [F::ACK, F::ACK | F::PSH, F::ACK | F::FIN] {
        let mut host = Host::new();
        let mut peer = host.established_with(|syn| syn.stamp(1000, 0));
        peer.stamps = Some(1010);
        let mut seg = Seg { flags, ..peer.data(b"text") };
        seg.options.unknown.push(254, &[1, 2, 3]).unwrap();
        // RFC9293-MUST-5, RFC9293-MUST-6
        assert_eq!(echo(&mut host, &peer, &seg), 1010, "{flags:?}");
        assert_eq!(host.read(peer.id), b"text");
    }
    // Also while the connection closes.
    let mut host = Host::new();
    let mut peer = host.established_with(|syn| syn.stamp(1000, 0));
    host.with_connection(peer.id, |connection, cx| connection.shutdown(cx)).unwrap();
    host.sends(peer.id);
    peer.stamps = Some(1020);
    let fin = peer.seg(F::ACK | F::FIN);
    let answer = host.take(&fin).1.or_else(|| host.sends(peer.id).pop()).unwrap();
    assert_eq!(host.state(peer.id), Some(TcpStateName::Closing));
    // RFC9293-MUST-5
    assert_eq!(answer.options.timestamps.unwrap().echo, 1020);
}

#[test]
fn a_window_scale_behind_the_handshake_changes_nothing() {
    let mut host = Host::new();
    let id = host.connect(TcpOptions { window_scaling: true, ..plain() });
    let iss = host.sends_one(id).seq;
    let mut syn_ack = Seg::new(F::SYN | F::ACK, IRS, iss + 1);
    syn_ack.options.window_scale = Some(3);
    host.take(&syn_ack);
    let mut ack = Seg::new(F::ACK, IRS + 1, iss + 1).window(1000);
    ack.options.window_scale = Some(7);
    host.take(&ack);
    // RFC7323-R3
    assert_eq!(host.layer.get(id).unwrap().snd.wnd, 8000);
}

#[test]
fn timestamps_that_were_not_agreed_on_are_ignored() {
    let mut host = Host::new();
    let mut peer = host.established();
    for (value, data) in [(1000, b"new"), (u32::MAX - 1000, b"old")] {
        let seg = peer.data(data).stamp(value, 77);
        // RFC7323-R12
        assert_eq!(host.take(&seg), (None, None), "timestamp {value}");
        assert_eq!(host.sends_one(peer.id).options.timestamps, None);
        assert_eq!(host.read(peer.id), data);
    }
}

#[test]
fn only_an_acknowledgement_of_something_new_is_a_sample() {
    let mut host = Host::new();
    let mut peer = host.established_with(|syn| syn.stamp(1000, 0));
    let rtt =
        |host: &Host| host.layer.get(peer.id).unwrap().info(host.now, &host.config.tcp, &host.memory).rtt;
    let before = rtt(&host);
    host.write(peer.id, &[0; 100]);
    let stamp = host.sends_one(peer.id).options.timestamps.unwrap().value;
    host.pass(MS(180));
    host.take(&peer.ack().stamp(1001, stamp));
    // RFC7323-R14
    assert_eq!(rtt(&host), before, "it acknowledges nothing");
    peer.una += 100;
    host.take(&peer.ack().stamp(1002, stamp));
    // RFC7323-R14
    assert!(rtt(&host) > before, "{:?}", rtt(&host));
}

#[test]
fn the_clock_of_timestamps_ticks_each_millisecond() {
    let mut host = Host::new();
    let mut peer = host.established_with(|syn| syn.stamp(1000, 0));
    let mut stamp = || {
        let seg = peer.data(b"x");
        host.take(&seg);
        let value = host.sends_one(peer.id).options.timestamps.unwrap().value;
        host.pass(Duration::from_secs(10));
        value
    };
    let (first, second) = (stamp(), stamp());
    // RFC7323-R21: so it wraps after 49 days
    assert_eq!(second.wrapping_sub(first), 10_000);
}

#[test]
fn a_delayed_acknowledgement_echoes_the_earliest_segment() {
    let mut host = Host::new();
    let mut peer = host.established_with(|syn| syn.stamp(1000, 0));
    host.with_connection(peer.id, |connection, cx| connection.set_quick_ack(cx, false));
    peer.stamps = Some(1010);
    let first = peer.data(&[1; MSS - 12]);
    host.take(&first);
    assert_eq!(host.sends(peer.id), []);
    peer.stamps = Some(1020);
    let second = peer.data(&[1; MSS - 12]);
    // RFC7323-R17
    assert_eq!(echo(&mut host, &peer, &second), 1010);
}

#[test]
fn a_segment_without_ack_echoes_nothing() {
    let mut host = Host::new();
    let id = host.connect(plain());
    // RFC7323-R13
    assert_eq!(host.sends_one(id).options.timestamps.unwrap().echo, 0);
}
