//! Opening connections (RFC 9293 3.5, 3.10.7.2, 3.10.7.3; design notes P-5 to P-22).

use core::time::Duration;
use std::vec::Vec;

use fathom_record::{DropReason, TcpStateName};
use fathom_wire::SeqNumber;

use super::harness::{F, Host, IRS, LOCAL, MSS, Peer, REMOTE, Seg, plain};
use crate::config::Config;
use crate::event::Readiness;
use crate::socket::{SocketId, TcpId};
use crate::transport::tcp::{Decision, TcpConfig, TcpError, TcpListen, TcpOptions};

const SECOND: Duration = Duration::from_secs(1);

fn syn() -> Seg {
    Seg::new(F::SYN, IRS, SeqNumber(0)).mss(MSS as u16)
}

/// The SYN-ACK that answers `syn`.
fn syn_ack(host: &mut Host, syn: &Seg) -> Seg {
    let (dropped, answer) = host.take(syn);
    assert_eq!(dropped, None);
    let answer = answer.expect("a SYN-ACK");
    assert_eq!(answer.flags, F::SYN | F::ACK);
    assert_eq!(answer.ack, IRS + 1);
    answer
}

/// A connection of ours whose SYN has left, and its ISS.
fn syn_sent(host: &mut Host) -> (TcpId, SeqNumber) {
    let id = host.connect(plain());
    let syn = host.sends_one(id);
    assert_eq!((syn.flags, syn.ack, syn.data.len()), (F::SYN, SeqNumber(0), 0));
    (id, syn.seq)
}

#[test]
fn the_third_segment_may_have_data_and_fin() {
    let mut host = Host::new();
    let listener = host.listen(8, false);
    let iss = syn_ack(&mut host, &syn()).seq;
    let third = Seg::new(F::ACK | F::PSH | F::FIN, IRS + 1, iss + 1).data(b"0123456789");
    assert_eq!(host.take(&third), (None, None));
    let id = host.accept(listener).unwrap();
    assert_eq!(host.state(id), Some(TcpStateName::CloseWait));
    // RFC9293-X-10
    assert_eq!(host.sends_one(id).ack, IRS + 12);
    assert_eq!(host.read(id), b"0123456789");
    assert_eq!(host.with_connection(id, |connection, cx| connection.recv(cx, &mut [0])), Ok(0));
}

#[test]
fn the_window_of_the_third_segment_counts() {
    let mut host = Host::new();
    let listener = host.listen(8, false);
    let iss = syn_ack(&mut host, &syn().window(10)).seq;
    host.take(&Seg::new(F::ACK, IRS + 1, iss + 1).window(5000));
    let id = host.accept(listener).unwrap();
    host.write(id, &[1; 6000]);
    let sent: usize = host.sends(id).iter().map(|seg| seg.data.len()).sum();
    assert_eq!(sent, 5000 / MSS * MSS);
}

#[test]
fn nothing_but_a_syn_moves_a_listener() {
    let mut host = Host::new();
    let listener = host.listen(8, false);
    let stray = |flags| Seg::new(flags, IRS, SeqNumber(77));
    // RFC9293-X-2
    assert_eq!(host.take(&stray(F::RST)), (Some(DropReason::TcpNoSocket), None));
    assert_eq!(host.take(&stray(F::RST | F::ACK)), (Some(DropReason::TcpNoSocket), None));
    assert_eq!(host.take(&stray(F::FIN)).0, Some(DropReason::TcpBadFlags));
    for flags in [F::ACK, F::SYN | F::ACK, F::ACK | F::FIN] {
        let (dropped, answer) = host.take(&stray(flags));
        assert_eq!(dropped, Some(DropReason::TcpNoSocket));
        let reset = answer.unwrap();
        // RFC9293-X-2
        assert_eq!((reset.flags, reset.seq), (F::RST, SeqNumber(77)));
    }
    for flags in [F::SYN | F::FIN, F::SYN | F::RST, F::empty(), F::PSH] {
        // RFC9293-X-2
        assert_eq!(host.take(&stray(flags)), (Some(DropReason::TcpBadFlags), None));
    }
    assert_eq!(host.accept(listener), None);
}

#[test]
fn ecn_bits_do_not_make_a_syn_strange() {
    let mut host = Host::new();
    host.listen(8, false);
    let syn = Seg { flags: F::SYN | F::ECE | F::CWR | F::AE, ..syn() };
    syn_ack(&mut host, &syn);
}

#[test]
fn a_closed_port_answers_as_rfc_9293_3_10_7_1_says() {
    let mut host = Host::new();
    let seg = |flags, data: &[u8]| Seg::new(flags, IRS, SeqNumber(77)).data(data);
    let cases = [
        (seg(F::SYN, b""), Some((F::RST | F::ACK, 0, IRS.0.wrapping_add(1)))),
        (seg(F::SYN, b"abc"), Some((F::RST | F::ACK, 0, IRS.0.wrapping_add(4)))),
        (seg(F::FIN, b"abc"), Some((F::RST | F::ACK, 0, IRS.0.wrapping_add(4)))),
        (seg(F::ACK, b"abc"), Some((F::RST, 77, 0))),
        (seg(F::ACK | F::SYN, b""), Some((F::RST, 77, 0))),
        (seg(F::RST, b""), None),
        (seg(F::RST | F::ACK, b""), None),
    ];
    for (seg, wanted) in cases {
        let answer = host.take(&seg).1.map(|answer| (answer.flags, answer.seq.0, answer.ack.0));
        // RFC9293-X-1
        assert_eq!(answer, wanted, "{seg:?}");
    }
}

#[test]
fn resets_are_limited() {
    let tcp = TcpConfig { resets_per_second: 10, ..TcpConfig::default() };
    let mut host = Host::with(Config { tcp, ..Config::default() });
    let answered = |host: &mut Host| (0..100).filter(|_| host.take(&syn()).1.is_some()).count();
    assert_eq!(answered(&mut host), 10);
    host.pass(SECOND);
    assert_eq!(answered(&mut host), 10);
}

#[test]
fn only_the_exact_acknowledgement_completes_the_handshake() {
    for offset in [-1000i32, -1, 0, 2, 1000, i32::MAX] {
        let mut host = Host::new();
        let listener = host.listen(8, false);
        let iss = syn_ack(&mut host, &syn()).seq;
        let ack = SeqNumber(iss.0.wrapping_add_signed(offset));
        let (dropped, reset) = host.take(&Seg::new(F::ACK, IRS + 1, ack));
        assert_eq!(dropped, Some(DropReason::TcpBadAck), "{offset}");
        let reset = reset.unwrap();
        assert_eq!((reset.flags, reset.seq), (F::RST, ack));
        assert_eq!(host.accept(listener), None);
        host.take(&Seg::new(F::ACK, IRS + 1, iss + 1));
        assert!(host.accept(listener).is_some(), "the true one still completes it");
    }
}

#[test]
fn a_repeated_syn_brings_the_same_syn_ack() {
    let mut host = Host::new();
    host.listen(8, false);
    let first = syn_ack(&mut host, &syn());
    assert_eq!(syn_ack(&mut host, &syn()).seq, first.seq);
}

#[test]
fn the_syn_ack_is_repeated_after_1_2_4_8_and_16_seconds_and_then_all_is_forgotten() {
    let mut host = Host::new();
    let listener = host.listen(8, false);
    let iss = syn_ack(&mut host, &syn()).seq;
    let mut times = Vec::new();
    for second in 1..=100 {
        for again in host.pass(SECOND + Duration::from_micros(20)) {
            assert_eq!((again.flags, again.seq), (F::SYN | F::ACK, iss));
            times.push(second);
        }
    }
    // RFC9293-MUST-22
    assert_eq!(times, [1, 3, 7, 15, 31]);
    let (dropped, reset) = host.take(&Seg::new(F::ACK, IRS + 1, iss + 1));
    assert_eq!(dropped, Some(DropReason::TcpNoSocket));
    assert!(reset.is_some());
    assert_eq!(host.accept(listener), None);
}

#[test]
fn a_reset_of_a_half_open_connection_must_be_exact() {
    for (offset, ends) in [(-1i32, false), (0, true), (1, false), (65_534, false), (65_535, false)] {
        let mut host = Host::new();
        let listener = host.listen(8, false);
        let iss = syn_ack(&mut host, &syn()).seq;
        let seq = SeqNumber((IRS + 1).0.wrapping_add_signed(offset));
        host.take(&Seg::new(F::RST, seq, SeqNumber(0)));
        host.take(&Seg::new(F::ACK, IRS + 1, iss + 1));
        // RFC9293-MUST-11: the passive side, of which nobody hears
        assert_eq!(host.accept(listener).is_none(), ends, "{offset}");
    }
}

#[test]
fn the_syn_queue_is_bounded_and_empties_by_itself() {
    let tcp = TcpConfig { half_open_per_listener: 3, ..TcpConfig::default() };
    let mut host = Host::with(Config { tcp, ..Config::default() });
    host.listen(8, false);
    syn_ack(&mut host, &syn());
    // Others are known by their ports; here by the port that the test harness cannot change, so by IRS.
    for _ in 0..5 {
        syn_ack(&mut host, &syn());
    }
    host.pass(Duration::from_secs(70));
    assert_eq!(host.layer.half_open_count(), 0);
}

#[test]
fn a_full_accept_queue_keeps_connections_waiting_without_a_reset() {
    let mut host = Host::new();
    let listener = host.listen(1, false);
    let iss = syn_ack(&mut host, &syn()).seq;
    // Another connection has taken the only place meanwhile.
    let taken = host.layer.fill_accept_queue(listener);
    let third = Seg::new(F::ACK, IRS + 1, iss + 1);
    assert_eq!(host.take(&third), (Some(DropReason::TcpAcceptQueueFull), None));
    assert_eq!(host.accept(listener), Some(taken));
    // The SYN-ACK is repeated, and its answer gets through.
    assert_eq!(host.pass(SECOND + Duration::from_micros(20)).len(), 1);
    assert_eq!(host.take(&third), (None, None));
    assert!(host.accept(listener).is_some());
}

#[test]
fn a_third_segment_older_than_the_syn_completes_nothing() {
    let mut host = Host::new();
    let listener = host.listen(8, false);
    let iss = syn_ack(&mut host, &syn().stamp(1000, 0)).seq;
    let third = Seg::new(F::ACK, IRS + 1, iss + 1);
    assert_eq!(host.take(&third.clone().stamp(999, 0)), (Some(DropReason::TcpPaws), None));
    let (dropped, answer) = host.take(&third.clone().stamp(999, 0).data(b"old"));
    assert_eq!(dropped, Some(DropReason::TcpPaws));
    // RFC7323-R18
    assert_eq!(answer.map(|answer| (answer.flags, answer.ack)), Some((F::ACK, IRS + 1)));
    assert_eq!((host.layer.connection_ids(), host.layer.half_open_count()), (Vec::new(), 1));
    assert_eq!(host.take(&third.stamp(1000, 0)), (None, None));
    assert!(host.accept(listener).is_some());
}

#[test]
fn the_window_of_a_half_open_connection_is_scaled_but_in_its_syn() {
    for (shift, window) in [(None, 65_535), (Some(3), 65_535 >> 5)] {
        let mut host = Host::new();
        let options = TcpOptions { receive_buffer: Some(1 << 20), ..TcpOptions::default() };
        let (cx, layer) = host.parts();
        layer.listen(&cx, TcpListen { options, ..TcpListen::at(LOCAL) }).unwrap();
        let mut syn = syn();
        syn.options.window_scale = shift;
        let offered = syn_ack(&mut host, &syn);
        // RFC7323-R2, RFC7323-R5
        assert_eq!((offered.window, offered.options.window_scale), (65_535, shift.map(|_| 5)));
        let before = Seg::new(F::ACK, IRS - 10, offered.seq + 1).data(b"old");
        let (dropped, answer) = host.take(&before);
        assert_eq!(dropped, Some(DropReason::TcpOutOfWindow));
        assert_eq!(answer.map(|answer| answer.window), Some(window));
    }
}

#[test]
fn the_third_segment_counts_although_the_window_has_no_room_for_its_text() {
    let mut host = Host::new();
    let options = TcpOptions { receive_buffer: Some(0), ..plain() };
    let listener = {
        let (cx, layer) = host.parts();
        layer.listen(&cx, TcpListen { options, ..TcpListen::at(LOCAL) }).unwrap()
    };
    let iss = syn_ack(&mut host, &syn()).seq;
    let third = Seg::new(F::ACK, IRS + 1, iss + 1).data(b"x");
    assert_eq!(host.take(&third), (Some(DropReason::TcpOutOfWindow), None));
    let id = host.accept(listener).unwrap();
    assert_eq!(host.state(id), Some(TcpStateName::Established));
    assert_eq!((host.read(id), host.sends_one(id).ack), (Vec::new(), IRS + 1));
}

#[test]
fn the_program_decides_before_anything_is_answered() {
    for decision in [Decision::Accept, Decision::Refuse, Decision::Ignore] {
        let mut host = Host::new();
        let listener = host.listen(8, true);
        assert_eq!(host.take(&syn()), (None, None));
        assert_eq!(host.take(&syn()), (None, None), "a repeated SYN changes nothing");
        let events = host.events();
        assert_eq!(
            (events[0].socket, events[0].readiness),
            (SocketId::Listener(listener), Readiness::INCOMING)
        );
        let incoming = host.layer.incoming(listener).unwrap();
        assert_eq!((incoming.source, incoming.destination), (REMOTE, LOCAL));
        assert_eq!(host.layer.incoming(listener), None);
        let (mut cx, layer) = host.parts();
        let answer = layer.decide(&mut cx, incoming.id, decision).map(|answer| Seg::from(&answer));
        let refused = u64::from(decision != Decision::Accept);
        assert_eq!(cx.counters.dropped(DropReason::TcpRefused), refused);
        match decision {
            Decision::Accept => {
                let answer = answer.unwrap();
                assert_eq!((answer.flags, answer.ack), (F::SYN | F::ACK, IRS + 1));
                host.take(&Seg::new(F::ACK, IRS + 1, answer.seq + 1));
                assert!(host.accept(listener).is_some());
            }
            Decision::Refuse => {
                let answer = answer.unwrap();
                assert_eq!((answer.flags, answer.seq.0, answer.ack), (F::RST | F::ACK, 0, IRS + 1));
            }
            Decision::Ignore => assert_eq!(answer, None),
        }
        assert_eq!(host.layer.half_open_count(), 0);
        // The decision is made once.
        let (mut cx, layer) = host.parts();
        assert!(layer.decide(&mut cx, incoming.id, Decision::Refuse).is_none());
    }
}

#[test]
fn an_attempt_that_nobody_decides_about_is_forgotten() {
    let mut host = Host::new();
    let listener = host.listen(8, true);
    host.take(&syn());
    host.pass(Duration::from_secs(61));
    assert_eq!(host.layer.incoming(listener), None);
    assert_eq!(host.layer.half_open_count(), 0);
}

#[test]
fn the_active_side_completes_on_the_syn_ack_and_acknowledges_it_by_itself() {
    let mut host = Host::new();
    let (id, iss) = syn_sent(&mut host);
    let answer = Seg::new(F::SYN | F::ACK, IRS, iss + 1).mss(1000);
    assert_eq!(host.take(&answer), (None, None));
    assert_eq!(host.state(id), Some(TcpStateName::Established));
    let events = host.events();
    assert!(events[0].readiness.contains(Readiness::CONNECTED | Readiness::WRITABLE));
    let third = host.sends_one(id);
    assert_eq!((third.flags, third.seq, third.ack, third.data.len()), (F::ACK, iss + 1, IRS + 1, 0));
    host.write(id, &[1; 1500]);
    let sizes: Vec<usize> = host.sends(id).iter().map(|seg| seg.data.len()).collect();
    // RFC9293-MUST-14: it is honoured
    assert_eq!(sizes, [1000, 500], "the peer's MSS");
}

#[test]
fn data_of_a_syn_ack_is_taken() {
    let mut host = Host::new();
    let (id, iss) = syn_sent(&mut host);
    host.take(&Seg::new(F::SYN | F::ACK, IRS, iss + 1).data(b"banner"));
    assert_eq!(host.state(id), Some(TcpStateName::Established));
    assert_eq!(host.read(id), b"banner");
    assert_eq!(host.sends_one(id).ack, IRS + 7);
}

#[test]
fn a_wrong_acknowledgement_in_syn_sent_is_reset_and_the_syn_repeated_at_once() {
    for offset in [-1000i32, -1, 0, 2, 1000] {
        let mut host = Host::new();
        let (id, iss) = syn_sent(&mut host);
        let ack = SeqNumber(iss.0.wrapping_add_signed(offset));
        for flags in [F::ACK, F::SYN | F::ACK] {
            let (dropped, reset) = host.take(&Seg::new(flags, IRS, ack));
            assert_eq!(dropped, Some(DropReason::TcpBadAck));
            // RFC9293-X-3
            assert_eq!(reset.map(|reset| (reset.flags, reset.seq)), Some((F::RST, ack)));
            let again = host.sends_one(id);
            assert_eq!((again.flags, again.seq), (F::SYN, iss));
            assert_eq!(host.state(id), Some(TcpStateName::SynSent));
        }
        // A reset with such an acknowledgement is nothing.
        assert_eq!(host.take(&Seg::new(F::RST | F::ACK, IRS, ack)).1, None);
        assert_eq!(host.state(id), Some(TcpStateName::SynSent));
    }
}

#[test]
fn a_reset_refuses_the_connection_only_if_it_acknowledges_the_syn() {
    let mut host = Host::new();
    let (id, iss) = syn_sent(&mut host);
    host.take(&Seg::new(F::RST, IRS, SeqNumber(0)));
    // RFC9293-X-4
    assert_eq!(host.state(id), Some(TcpStateName::SynSent));
    host.take(&Seg::new(F::RST | F::ACK, SeqNumber(0), iss + 1));
    assert_eq!(host.state(id), Some(TcpStateName::Closed));
    let error = host.with_connection(id, |connection, _| connection.take_error());
    // RFC9293-X-4
    assert_eq!(error, Some(TcpError::Refused));
    assert!(host.events()[0].readiness.contains(Readiness::ERROR));
}

#[test]
fn an_unanswered_syn_is_repeated_with_doubling_and_fails_in_the_end() {
    let mut host = Host::new();
    let (id, iss) = syn_sent(&mut host);
    let begin = host.now;
    let mut times = Vec::new();
    while let Some((_, sent)) = host.next_sent(id) {
        assert_eq!((sent[0].flags, sent[0].seq), (F::SYN, iss));
        times.push((host.now - begin).as_secs());
    }
    // RFC9293-MUST-22, RFC6298-R1
    assert_eq!(times, [1, 3, 7, 15, 31, 63, 127]);
    // RFC9293-MUST-23: R2 of an active open
    assert_eq!((host.now - begin).as_secs(), 180);
    // RFC9293-MUST-22
    assert_eq!(host.state(id), Some(TcpStateName::Closed));
    let error = host.with_connection(id, |connection, _| connection.take_error());
    assert_eq!(error, Some(TcpError::TimedOut));
}

#[test]
fn syns_that_cross_make_one_connection() {
    for (theirs, scaled) in [(syn(), false), (syn().stamp(5, 0), false), (syn().stamp(5, 0), true)] {
        let mut host = Host::new();
        let id = host.connect(TcpOptions { window_scaling: scaled, ..plain() });
        let iss = host.sends_one(id).seq;
        assert_eq!(host.take(&theirs), (None, None));
        assert_eq!(host.state(id), Some(TcpStateName::SynReceived));
        let answer = host.sends_one(id);
        assert_eq!((answer.flags, answer.seq, answer.ack), (F::SYN | F::ACK, iss, IRS + 1));
        assert_eq!(answer.options.timestamps.is_some(), theirs.options.timestamps.is_some());
        assert_eq!(answer.options.window_scale, None, "the peer's SYN had none");
        // The peer's SYN-ACK, which crosses ours.
        let theirs = Seg { flags: F::SYN | F::ACK, ack: iss + 1, ..theirs };
        assert_eq!(host.take(&theirs), (None, None));
        // RFC9293-MUST-10
        assert_eq!(host.state(id), Some(TcpStateName::Established));
        let mut peer =
            Peer { id, nxt: IRS + 1, una: iss + 1, stamps: theirs.options.timestamps.map(|s| s.value) };
        assert_eq!(host.take(&peer.data(b"hello")), (None, None));
        assert_eq!(host.read(id), b"hello");
    }
}

#[test]
fn a_lost_syn_ack_of_crossing_syns_is_repeated() {
    let mut host = Host::new();
    let (id, iss) = syn_sent(&mut host);
    host.take(&syn());
    host.sends(id);
    let (after, sent) = host.next_sent(id).unwrap();
    assert_eq!((after.as_secs(), sent[0].flags, sent[0].seq), (1, F::SYN | F::ACK, iss));
    // Or the peer asks for it with its SYN.
    host.take(&syn());
    assert_eq!(host.sends_one(id).flags, F::SYN | F::ACK);
}

#[test]
fn windows_are_scaled_if_both_want_it_and_never_in_syns() {
    for (ours, theirs) in [(false, false), (false, true), (true, false), (true, true)] {
        let mut host = Host::new();
        let id = host.connect(TcpOptions {
            window_scaling: ours,
            receive_buffer: Some(1 << 20),
            ..TcpOptions::default()
        });
        let syn = host.sends_one(id);
        // RFC7323-R2
        assert_eq!((syn.options.window_scale, syn.window), (ours.then_some(5), 65_535));
        let mut answer = Seg::new(F::SYN | F::ACK, IRS, syn.seq + 1).mss(1000).window(3_000);
        answer.options.window_scale = theirs.then_some(3);
        host.take(&answer);
        let both = ours && theirs;
        // RFC7323-R1, RFC7323-R6: ours
        assert_eq!(host.sends_one(id).window, if both { 32_768 } else { 65_535 });
        host.write(id, &[1; 60_000]);
        let in_flight = |sent: Vec<Seg>| sent.iter().map(|seg| seg.data.len()).sum::<usize>();
        // RFC7323-R2
        assert_eq!(in_flight(host.sends(id)), 3_000, "the window of the SYN-ACK is not scaled");
        host.take(&Seg::new(F::ACK, IRS + 1, syn.seq + 3_001).window(1_000));
        // RFC7323-R1, RFC7323-R6: the peer's
        assert_eq!(in_flight(host.sends(id)), if both { 8_000 } else { 1_000 });
    }
}

#[test]
fn the_handshake_gives_a_first_round_trip_time() {
    let mut host = Host::new();
    let (id, iss) = syn_sent(&mut host);
    host.pass(Duration::from_millis(30));
    host.take(&Seg::new(F::SYN | F::ACK, IRS, iss + 1));
    let info = host.layer.get(id).unwrap().info(host.now, &host.config.tcp, &host.memory);
    assert_eq!(info.rtt, Duration::from_millis(30));
    assert_eq!(info.rto, Duration::from_millis(230));
}

#[test]
fn a_syn_that_was_lost_twice_starts_with_one_segment() {
    for (losses, window) in [(0, 10 * 1460), (1, 10 * 1460), (2, 1460)] {
        let mut host = Host::new();
        let (id, iss) = syn_sent(&mut host);
        for _ in 0..losses {
            host.next_sent(id).unwrap();
        }
        host.take(&Seg::new(F::SYN | F::ACK, IRS, iss + 1).mss(MSS as u16));
        let info = host.layer.get(id).unwrap().info(host.now, &host.config.tcp, &host.memory);
        // RFC6928-R2
        assert_eq!(info.snd_cwnd, window, "{losses} losses");
        // RFC 6298 5.7
        let rto = if losses == 0 { 200 } else { 3_000 };
        // RFC6298-R9
        assert_eq!(info.rto.as_millis(), rto);
    }
}

#[test]
fn initial_sequence_numbers_of_one_tuple_grow() {
    let mut host = Host::new();
    let mut last = None;
    for _ in 0..50 {
        let (id, iss) = syn_sent(&mut host);
        if let Some(last) = last {
            assert!(iss.gt(last));
        }
        last = Some(iss);
        host.take(&Seg::new(F::RST | F::ACK, SeqNumber(0), iss + 1));
        host.with_connection(id, |connection, cx| connection.let_go(cx));
        assert_eq!(host.state(id), None);
        host.pass(Duration::from_millis(1));
    }
}
