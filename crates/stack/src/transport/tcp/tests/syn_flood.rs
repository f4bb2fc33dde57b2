//! SYN cookies (RFC 4987 3.6; design notes P-6, P-7, P-9, P-10).

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::vec::Vec;

use fathom_record::{DropReason, TcpStateName};
use fathom_wire::SeqNumber;

use super::harness::{F, Host, IRS, LOCAL, MSS, REMOTE, Seg, plain};
use crate::config::Config;
use crate::socket::{ListenerId, TcpId};
use crate::transport::tcp::connection::Flags;
use crate::transport::tcp::{TcpConfig, TcpListen, TcpOptions};

const SECOND: Duration = Duration::from_secs(1);

fn syn() -> Seg {
    Seg::new(F::SYN, IRS, SeqNumber(0)).mss(MSS as u16)
}

/// Somebody else, who sends a SYN and is not heard of again.
fn attacker(number: u32) -> SocketAddr {
    let address = Ipv4Addr::from_bits(Ipv4Addr::new(198, 18, 0, 0).to_bits() + number / 1000);
    SocketAddr::new(IpAddr::V4(address), 10_000 + (number % 1000) as u16)
}

/// A listener whose only place for a half-open connection is taken.
fn full(tcp: TcpConfig, options: TcpOptions, decide: bool) -> (Host, ListenerId) {
    let tcp = TcpConfig { half_open_per_listener: 1, ..tcp };
    let mut host = Host::with(Config { tcp, ..Config::default() });
    let (cx, layer) = host.parts();
    let listen = TcpListen { backlog: 2, decide, options, ..TcpListen::at(LOCAL) };
    let listener = layer.listen(&cx, listen).unwrap();
    host.remote = attacker(0);
    host.take(&syn());
    host.remote = REMOTE;
    (host, listener)
}

fn full_by_default() -> (Host, ListenerId) {
    full(TcpConfig::default(), plain(), false)
}

/// The SYN-ACK that answers `syn`, with a cookie.
#[track_caller]
fn cookie(host: &mut Host, syn: &Seg) -> Seg {
    let (before, half_open) = (host.counters.syn_cookies_sent, host.layer.half_open_count());
    let (dropped, answer) = host.take(syn);
    let answer = answer.expect("a SYN-ACK");
    assert_eq!((dropped, answer.flags, answer.ack), (None, F::SYN | F::ACK, syn.seq + 1));
    assert_eq!(host.counters.syn_cookies_sent, before + 1);
    assert_eq!(host.layer.half_open_count(), half_open, "nothing is kept");
    answer
}

fn third(syn_ack: &Seg) -> Seg {
    let seg = Seg::new(F::ACK, syn_ack.ack, syn_ack.seq + 1);
    match syn_ack.options.timestamps {
        Some(stamps) => seg.stamp(stamps.echo + 1, stamps.value),
        None => seg,
    }
}

#[track_caller]
fn accepted(host: &mut Host, listener: ListenerId) -> TcpId {
    let id = host.accept(listener).expect("a connection");
    assert_eq!(host.state(id), Some(TcpStateName::Established));
    id
}

#[test]
fn a_flood_of_syns_keeps_nobody_out() {
    let mut host = Host::new();
    let listener = host.listen(8, false);
    for number in 0..100_000 {
        host.remote = attacker(number);
        assert_eq!(host.take(&syn()).0, None);
    }
    let limit = host.config.tcp.half_open_per_listener;
    assert_eq!(host.layer.half_open_count(), limit);
    assert_eq!(host.counters.syn_cookies_sent as usize, 100_000 - limit);
    // RFC4987-R1: no connection blocks
    assert_eq!(host.memory.in_use(), 0);
    host.remote = REMOTE;
    let syn_ack = cookie(&mut host, &syn());
    host.pass(Duration::from_millis(80));
    assert_eq!(host.take(&third(&syn_ack).data(b"GET /")), (None, None));
    assert_eq!(host.counters.syn_cookies_accepted, 1);
    let id = accepted(&mut host, listener);
    // RFC4987-R2
    assert_eq!(host.read(id), b"GET /");
    host.write(id, b"200 OK");
    let reply = host.sends(id).pop().unwrap();
    assert_eq!((reply.seq, &reply.data[..]), (syn_ack.seq + 1, &b"200 OK"[..]));
    // A minute later the flood is forgotten.
    host.pass(64 * SECOND);
    assert_eq!(host.layer.half_open_count(), 0);
    host.remote = attacker(7);
    host.take(&syn());
    assert_eq!(host.layer.half_open_count(), 1);
}

/// The peer's segment size is that of its class: never above what it said.
#[test]
fn a_cookie_remembers_the_segment_size_by_its_class() {
    for (mss, class) in [
        (216, 216),
        (535, 216),
        (536, 536),
        (1219, 536),
        (1220, 1220),
        (1300, 1300),
        (1400, 1400 - 40),
        (1440, 1440),
        (1459, 1440),
        (1460, 1460),
        (8959, 1460),
        (8960, 8960),
        (65_535, 8960),
    ] {
        let (mut host, listener) = full_by_default();
        let syn_ack = cookie(&mut host, &syn().mss(mss));
        host.take(&third(&syn_ack));
        let id = accepted(&mut host, listener);
        // RFC4987-R3
        assert_eq!(host.layer.get(id).unwrap().snd.peer_mss, class, "{mss}");
    }
    // Below all classes there is no way to say it.
    let (mut host, _) = full_by_default();
    assert_eq!(host.take(&syn().mss(215)), (Some(DropReason::TcpSynQueueFull), None));
}

#[test]
fn the_options_come_back_with_the_timestamp_and_not_without() {
    let ours = TcpOptions { receive_buffer: Some(1 << 20), ..TcpOptions::default() };
    for stamps in [true, false] {
        for shift in [None, Some(0), Some(7), Some(14)] {
            for sack in [false, true] {
                let (mut host, listener) = full(TcpConfig::default(), ours.clone(), false);
                host.pass(Duration::from_millis(12_345));
                let mut syn = if stamps { syn().stamp(1000, 0) } else { syn() };
                syn.options.window_scale = shift;
                syn.options.sack_permitted = sack;
                let syn_ack = cookie(&mut host, &syn);
                let agreed = |option: bool| option && stamps;
                assert_eq!(syn_ack.options.window_scale.is_some(), agreed(shift.is_some()));
                assert_eq!(syn_ack.options.sack_permitted, agreed(sack));
                assert_eq!(syn_ack.options.timestamps.map(|s| s.echo), stamps.then_some(1000));
                host.pass(Duration::from_millis(80));
                host.take(&third(&syn_ack));
                let id = accepted(&mut host, listener);
                let info = host.layer.get(id).unwrap().info(host.now, &host.config.tcp, &host.memory);
                assert_eq!(info.timestamps, stamps);
                let connection = host.layer.get(id).unwrap();
                // RFC4987-R3
                assert_eq!(connection.flags.contains(Flags::SACK), agreed(sack));
                let expected = shift.filter(|_| stamps);
                assert_eq!(connection.rcv.scaled(), expected.is_some());
                // RFC4987-R3
                assert_eq!(connection.snd.shift, expected.unwrap_or(0));
                // The answer to a cookie is no sample of the round-trip time.
                assert_eq!(info.rtt, Duration::ZERO);
                assert_eq!(info.rto, host.config.tcp.initial_rto);
            }
        }
    }
}

/// RFC 7323 5.3: what follows the SYN-ACK must not look older than it.
#[test]
fn the_timestamp_of_a_cookie_is_not_ahead_of_the_clock() {
    let (mut host, listener) = full(TcpConfig::default(), TcpOptions::default(), false);
    for step in 0..100 {
        host.remote = SocketAddr::new(REMOTE.ip(), 1000 + step);
        let mut syn = syn().stamp(1000, 0);
        syn.options.window_scale = Some((step % 15) as u8);
        syn.options.sack_permitted = step % 2 == 0;
        let syn_ack = cookie(&mut host, &syn);
        host.take(&third(&syn_ack).data(b"x"));
        let id = accepted(&mut host, listener);
        let first = host.sends(id).pop().unwrap().options.timestamps.unwrap().value;
        let told = syn_ack.options.timestamps.unwrap().value;
        assert!((0..32).contains(&first.wrapping_sub(told)), "{told} then {first}");
        host.pass(Duration::from_millis(7));
    }
}

#[test]
fn only_the_very_acknowledgement_of_a_cookie_will_do() {
    let (mut host, listener) = full_by_default();
    let syn_ack = cookie(&mut host, &syn());
    let right = third(&syn_ack);
    let wrong = [
        Seg { ack: right.ack + 1, ..right.clone() },
        Seg { ack: right.ack - 1, ..right.clone() },
        Seg { ack: SeqNumber(right.ack.0 ^ 1 << 24), ..right.clone() },
        Seg { ack: SeqNumber(right.ack.0 ^ 1 << 27), ..right.clone() },
        Seg { seq: right.seq + 1, ..right.clone() },
        Seg { seq: right.seq - 1, ..right.clone() },
    ];
    for seg in wrong {
        let (dropped, reset) = host.take(&seg);
        assert_eq!(dropped, Some(DropReason::TcpNoSocket));
        assert_eq!(reset.map(|reset| (reset.flags, reset.seq)), Some((F::RST, seg.ack)));
    }
    host.remote = attacker(1);
    assert_eq!(host.take(&right).0, Some(DropReason::TcpNoSocket), "it is somebody else's");
    host.remote = REMOTE;
    // A reset that carries it is none.
    for flags in [F::RST, F::RST | F::ACK] {
        assert_eq!(host.take(&Seg { flags, ..right.clone() }), (Some(DropReason::TcpNoSocket), None));
    }
    assert_eq!(host.accept(listener), None);
    assert_eq!(host.take(&right), (None, None));
    accepted(&mut host, listener);
}

#[test]
fn a_right_cookie_without_room_is_dropped_in_silence() {
    let (mut host, listener) = full_by_default();
    let syn_ack = cookie(&mut host, &syn());
    host.layer.fill_accept_queue(listener);
    assert_eq!(host.take(&third(&syn_ack)), (Some(DropReason::TcpAcceptQueueFull), None));
    while host.accept(listener).is_some() {}
    assert_eq!(host.take(&third(&syn_ack).data(b"later")), (None, None));
    let id = accepted(&mut host, listener);
    assert_eq!(host.read(id), b"later");
}

#[test]
fn a_cookie_is_good_for_a_minute_and_not_for_more_than_two() {
    for (seconds, good) in [(0, true), (63, true), (129, false), (200, false), (64 * 32, false)] {
        let (mut host, listener) = full_by_default();
        let syn_ack = cookie(&mut host, &syn());
        host.pass(seconds * SECOND);
        // Cookies are looked at, since others were sent of late.
        host.remote = attacker(2);
        host.take(&syn());
        host.remote = attacker(3);
        cookie(&mut host, &syn());
        host.remote = REMOTE;
        assert_eq!(host.take(&third(&syn_ack)).1.is_none(), good, "{seconds} s");
        assert_eq!(host.accept(listener).is_some(), good, "{seconds} s");
    }
}

/// A peer that repeats its SYN meets a half-open connection where it met none before, or the other way round:
/// whichever SYN-ACK it acknowledges, it is connected.
#[test]
fn a_repeated_syn_may_be_answered_the_other_way() {
    // First with room, then without: the half-open connection is found first.
    let (mut host, listener) = full_by_default();
    host.remote = attacker(0);
    let again = host.take(&syn()).1.unwrap();
    assert_eq!(host.counters.syn_cookies_sent, 0);
    host.take(&third(&again));
    accepted(&mut host, listener);

    // First without, then with.
    for acknowledges_first in [true, false] {
        let (mut host, listener) = full_by_default();
        let first = cookie(&mut host, &syn());
        host.pass(SECOND);
        host.remote = attacker(0);
        host.take(&Seg::new(F::RST, IRS + 1, SeqNumber(0)));
        host.remote = REMOTE;
        let second = host.take(&syn()).1.unwrap();
        assert_eq!((host.counters.syn_cookies_sent, host.layer.half_open_count()), (1, 1));
        assert_ne!(first.seq, second.seq);
        let chosen = if acknowledges_first { &first } else { &second };
        assert_eq!(host.take(&third(chosen).data(b"hello")), (None, None));
        let id = accepted(&mut host, listener);
        assert_eq!((host.read(id), host.layer.half_open_count()), (b"hello".to_vec(), 0));
    }
}

#[test]
fn data_right_behind_the_acknowledgement_of_a_cookie_is_taken() {
    let (mut host, listener) = full_by_default();
    let syn_ack = cookie(&mut host, &syn());
    let mut segments: Vec<Seg> = [&b""[..], b"one ", b"two"].map(|data| third(&syn_ack).data(data)).into();
    segments[2].seq += 4;
    for seg in &segments {
        assert_eq!(host.take(seg), (None, None));
    }
    let id = accepted(&mut host, listener);
    assert_eq!(host.read(id), b"one two");
}

#[test]
fn a_cookie_may_bring_data_and_the_end_of_it() {
    let (mut host, listener) = full_by_default();
    let syn_ack = cookie(&mut host, &syn());
    let last = Seg { flags: F::ACK | F::FIN, ..third(&syn_ack).data(b"bye") };
    assert_eq!(host.take(&last), (None, None));
    let id = host.accept(listener).unwrap();
    assert_eq!((host.read(id), host.state(id)), (b"bye".to_vec(), Some(TcpStateName::CloseWait)));
}

#[test]
fn without_cookies_a_full_listener_drops_syns() {
    let off = TcpConfig { syn_cookies: false, ..TcpConfig::default() };
    for (tcp, decide) in [(off, false), (TcpConfig::default(), true)] {
        let (mut host, _) = full(tcp, plain(), decide);
        assert_eq!(host.take(&syn()), (Some(DropReason::TcpSynQueueFull), None));
        assert_eq!(host.counters.syn_cookies_sent, 0);
    }
}

/// A SYN for a full accept queue draws no cookie: its acknowledgement could not be accepted.
#[test]
fn a_full_accept_queue_sends_no_cookies() {
    let (mut host, listener) = full_by_default();
    host.layer.fill_accept_queue(listener);
    assert_eq!(host.take(&syn()), (Some(DropReason::TcpAcceptQueueFull), None));
}

/// Acknowledgements are looked at as cookies only while some may be on their way.
#[test]
fn without_a_flood_no_acknowledgement_is_a_cookie() {
    let (mut host, listener) = full_by_default();
    let syn_ack = cookie(&mut host, &syn());
    host.layer.cookies_until = host.now;
    assert_eq!(host.take(&third(&syn_ack)).0, Some(DropReason::TcpNoSocket));
    assert_eq!(host.accept(listener), None);
}
