//! Sending: windows, Nagle, losses, timeouts, probes (design notes P-34 to P-62, P-83 to P-88).

use core::time::Duration;
use std::vec::Vec;

use fathom_record::{Engine, Kind, Limit, SendReason, TcpStateName};

use super::harness::{F, Host, IRS, MSS, Peer, Seg, plain};
use crate::config::Config;
use crate::packet::{MAX_SHORT_DATA, Path, Transmission};
use crate::socket::TcpId;
use crate::transport::tcp::{CongestionAlgorithm, TcpConfig, TcpError, TcpInfo, TcpOptions};

const MS: fn(u64) -> Duration = Duration::from_millis;
/// Slack of the timing wheel.
const TICK: Duration = Duration::from_micros(17);

fn info(host: &Host, id: TcpId) -> TcpInfo {
    host.layer.get(id).unwrap().info(host.now, &host.config.tcp, &host.memory)
}

/// A host whose windows are halved by losses, and grow by a segment for each round trip.
fn with_reno() -> Host {
    let mut config = Config::default();
    config.tcp.congestion_control = CongestionAlgorithm::Reno;
    Host::with(config)
}

fn lens(sent: &[Seg]) -> Vec<usize> {
    sent.iter().map(|seg| seg.data.len()).collect()
}

/// A connection whose round-trip time is 100 ms, with `n` full segments in flight.
fn in_flight(host: &mut Host, n: usize) -> Peer {
    let mut peer = host.established();
    host.write(peer.id, &[0; MSS]);
    host.sends(peer.id);
    host.pass(MS(100));
    let ack = peer.acks(MSS as u32);
    host.take(&ack);
    host.write(peer.id, &std::vec![1; n * MSS]);
    assert_eq!(lens(&host.sends(peer.id)), std::vec![MSS; n]);
    peer
}

/// Acknowledges nothing new, `n` times.
fn duplicates(host: &mut Host, peer: &Peer, n: usize) -> Vec<Seg> {
    let mut sent = Vec::new();
    for _ in 0..n {
        host.take(&peer.ack());
        sent.extend(host.sends(peer.id));
    }
    sent
}

#[test]
fn the_initial_window_is_ten_segments() {
    let mut host = Host::new();
    let mut peer = host.established();
    host.write(peer.id, &[0; 40 * MSS]);
    // RFC6928-R1, RFC5681-R1
    assert_eq!(lens(&host.sends(peer.id)), [MSS; 10]);
    // Each acknowledgement of two lets four out.
    let ack = peer.acks(2 * MSS as u32);
    host.take(&ack);
    assert_eq!(lens(&host.sends(peer.id)), [MSS; 4]);
}

#[test]
fn short_data_travels_behind_its_header_and_longer_data_in_slices() {
    for (len, slices) in [(1, 0), (MAX_SHORT_DATA, 0), (MAX_SHORT_DATA + 1, 1)] {
        let mut host = Host::new();
        let peer = host.established();
        let data: Vec<u8> = (0..len).map(|i| i as u8).collect();
        host.write(peer.id, &data);
        let path = host.path;
        let (mut cx, layer) = host.parts();
        let Transmission::Segment(segment) = layer.transmit(&mut cx, peer.id, &path) else { panic!() };
        assert_eq!((segment.slices.len(), Seg::from(&*segment).data), (slices, data));
    }
}

#[test]
fn a_send_buffer_beyond_what_sequence_numbers_compare_is_cut() {
    let mut host = Host::new();
    let options = TcpOptions { send_buffer: Some(usize::MAX), ..plain() };
    let id = host.connect(options);
    let iss = host.sends_one(id).seq;
    host.take(&Seg::new(F::SYN | F::ACK, IRS, iss + 1));
    let room = host.with_connection(id, |connection, cx| connection.send_capacity(&cx.config.tcp, cx.memory));
    assert_eq!(room, 1 << 30);
}

#[test]
fn the_last_data_is_pushed() {
    let mut host = Host::new();
    let peer = host.established();
    host.write(peer.id, &[0; 2 * MSS + 1]);
    let pushed: Vec<bool> = host.sends(peer.id).iter().map(|seg| seg.flags.contains(F::PSH)).collect();
    // RFC9293-MUST-61
    assert_eq!(pushed, [false, false, true]);
}

#[test]
fn nagle_lets_one_short_segment_be_on_its_way() {
    let mut host = Host::new();
    let mut peer = host.established();
    host.write(peer.id, b"one");
    assert_eq!(lens(&host.sends(peer.id)), [3]);
    host.write(peer.id, b"two");
    host.write(peer.id, b"three");
    // RFC9293-SHLD-7
    assert_eq!(lens(&host.sends(peer.id)), []);
    let ack = peer.acks(3);
    host.take(&ack);
    // RFC9293-MUST-60, RFC9293-SHLD-27, RFC9293-MAY-16
    assert_eq!(host.sends_one(peer.id).data, b"twothree");
    // Whole segments do not wait, and neither does a short one behind them (Minshall).
    let ack = peer.acks(8);
    host.take(&ack);
    host.write(peer.id, &[0; 2 * MSS + 10]);
    // RFC9293-SHLD-28
    assert_eq!(lens(&host.sends(peer.id)), [MSS, MSS, 10]);
}

#[test]
fn a_short_segment_does_not_wait_for_one_that_was_acknowledged_gigabytes_ago() {
    let mut host = Host::new();
    let mut peer = host.established();
    host.write(peer.id, b"short");
    host.sends(peer.id);
    let ack = peer.acks(5);
    host.take(&ack);
    for _ in 0..3 {
        // As if a gibibyte had been sent and acknowledged.
        host.with_connection(peer.id, |connection, _| {
            for seq in [&mut connection.snd.una, &mut connection.snd.nxt, &mut connection.snd.max] {
                *seq += 1 << 30;
            }
        });
        peer.una += 1 << 30;
        host.write(peer.id, &[0; MSS]);
        assert_eq!(lens(&host.sends(peer.id)), [MSS]);
        let ack = peer.acks(MSS as u32);
        host.take(&ack);
    }
    host.write(peer.id, &[0; 100]);
    assert_eq!(lens(&host.sends(peer.id)), [100]);
}

#[test]
fn nodelay_sends_short_segments_at_once() {
    let mut host = Host::new();
    let peer = host.established();
    host.with_connection(peer.id, |connection, cx| connection.set_nodelay(cx, true));
    for _ in 0..3 {
        host.write(peer.id, b"x");
        // RFC9293-MUST-17
        assert_eq!(lens(&host.sends(peer.id)), [1]);
    }
}

#[test]
fn what_is_left_at_the_end_goes_at_once_with_the_fin() {
    let mut host = Host::new();
    let peer = host.established();
    host.write(peer.id, b"short");
    host.sends(peer.id);
    host.write(peer.id, &[0; MSS + MSS / 2]);
    host.with_connection(peer.id, |connection, cx| connection.let_go(cx));
    let sent = host.sends(peer.id);
    assert_eq!(lens(&sent), [MSS, MSS / 2]);
    assert_eq!(sent[1].flags, F::ACK | F::FIN | F::PSH);
}

#[test]
fn segments_fit_the_path_whatever_options_they_have() {
    for stamps in [false, true] {
        for (mtu, peer_mss) in
            [(1500, 1460), (1500, 9000), (1280, 1460), (576, 536), (1500, 100), (1500, 0), (1500, 13)]
        {
            let mut host = Host::new();
            host.path = Path { mtu, max_bytes: mtu, max_segments: 1 };
            let peer = host.established_with(|syn| {
                let syn = syn.mss(peer_mss);
                if stamps { syn.stamp(1, 0) } else { syn }
            });
            host.write(peer.id, &[0; 5000]);
            let sent = host.sends(peer.id);
            assert!(!sent.is_empty());
            for seg in sent {
                let options = seg.options.encoded_len();
                // RFC9293-MUST-16
                assert!(20 + 20 + options + seg.data.len() <= mtu);
                // RFC9293-MUST-16, RFC6691-R1
                assert!(options + seg.data.len() <= usize::from(peer_mss).max(48 + 12), "{peer_mss} {seg:?}");
            }
        }
    }
}

#[test]
fn a_super_segment_is_whole_segments_within_half_of_the_window() {
    let mut host = Host::new();
    host.path = Path { mtu: 1500, max_bytes: 65_535, max_segments: 64 };
    let mut peer = host.established();
    host.write(peer.id, &[0; 100 * MSS + 7]);
    assert_eq!(lens(&host.sends(peer.id)), [5 * MSS, 5 * MSS]);
    for _ in 0..6 {
        let all = info(&host, peer.id).in_flight;
        let ack = peer.acks(all);
        host.take(&ack);
        for seg in host.sends(peer.id) {
            assert!(seg.data.len() <= 44 * MSS);
            assert!(seg.data.len() % MSS == 0 || seg.flags.contains(F::PSH), "{}", seg.data.len());
        }
    }
    assert_eq!(info(&host, peer.id).bytes_sent, 100 * MSS as u64 + 7);
}

#[test]
fn three_duplicates_repeat_the_first_segment_once() {
    let mut host = with_reno();
    let mut peer = in_flight(&mut host, 10);
    assert_eq!(duplicates(&mut host, &peer, 2), []);
    let again = duplicates(&mut host, &peer, 1);
    // RFC5681-R8
    assert_eq!((lens(&again), again[0].seq), (std::vec![MSS], peer.una));
    assert_eq!(info(&host, peer.id).snd_ssthresh, Some(5 * MSS as u64));
    assert_eq!(duplicates(&mut host, &peer, 6), []);
    let ack = peer.acks(10 * MSS as u32);
    host.take(&ack);
    let info = info(&host, peer.id);
    assert_eq!((info.ca_state, info.retransmits, info.dup_acks), ("open", 1, 9));
    assert_eq!(info.snd_cwnd, 5 * MSS as u64);
}

#[test]
fn duplicates_let_new_segments_out_during_recovery() {
    let mut host = with_reno();
    let peer = in_flight(&mut host, 10);
    host.write(peer.id, &[2; 20 * MSS]);
    assert_eq!(host.sends(peer.id), []);
    // The first two duplicates let one more out each (RFC 3042).
    // RFC3042-R1
    assert_eq!(duplicates(&mut host, &peer, 2).len(), 2);
    assert_eq!(duplicates(&mut host, &peer, 1)[0].seq, peer.una);
    // RFC5681-R11
    assert_eq!(info(&host, peer.id).snd_ssthresh, Some(5 * MSS as u64));
    // Of 12 outstanding segments 3 have arrived. Half of the window of 11 may be in flight: what the first
    // two let out does not count (RFC 5681 3.2, step 2). The eighth duplicate is the first to let a new
    // segment out, and from then on each does.
    let sent = duplicates(&mut host, &peer, 8);
    assert!(sent.iter().all(|seg| seg.seq.gt(peer.una)), "nothing twice");
    assert_eq!(sent.len(), 4);
}

#[test]
fn a_window_update_is_no_duplicate() {
    let mut host = Host::new();
    let peer = in_flight(&mut host, 5);
    for window in 0..300 {
        host.take(&peer.ack().window(30_000 + window));
        assert_eq!(host.sends(peer.id), []);
    }
    // RFC5681-R8
    assert_eq!(info(&host, peer.id).dup_acks, 0);
    // Nor is one with data.
    let mut peer = peer;
    for _ in 0..5 {
        let seg = peer.data(b"x").window(30_299);
        host.take(&seg);
    }
    // RFC5681-R8
    assert_eq!(info(&host, peer.id).dup_acks, 0);
}

#[test]
fn hundreds_of_duplicates_do_no_harm() {
    let mut host = Host::new();
    let mut peer = in_flight(&mut host, 10);
    let again = duplicates(&mut host, &peer, 300);
    assert_eq!(lens(&again), [MSS]);
    let ack = peer.acks(10 * MSS as u32);
    host.take(&ack);
    host.write(peer.id, &[3; 4 * MSS]);
    assert!(!host.sends(peer.id).is_empty());
}

#[test]
fn a_timeout_starts_over_with_one_segment_and_backs_off() {
    let mut host = Host::new();
    let mut peer = in_flight(&mut host, 5);
    let rto = info(&host, peer.id).rto;
    assert_eq!(rto, MS(300), "the round trip and the least margin");
    let mut waited = Vec::new();
    for _ in 0..8 {
        let (after, sent) = host.next_sent(peer.id).unwrap();
        // RFC6298-R8, RFC9293-X-14: the retransmission timer sends again
        assert_eq!((lens(&sent), sent[0].seq), (std::vec![MSS], peer.una));
        waited.push(after);
    }
    for (number, after) in waited.iter().enumerate() {
        let wanted = (rto * (1 << number)).min(Duration::from_secs(120));
        // RFC6298-R5, RFC6298-R8, RFC9293-MUST-19
        assert!(
            *after >= wanted - TICK * 2 && *after <= wanted + TICK * 2,
            "{number}: {after:?}, not {wanted:?}"
        );
    }
    // An answer that could be to any of them ends no back-off.
    let ack = peer.acks(MSS as u32);
    host.take(&ack);
    // RFC6298-R6, RFC9293-MUST-18: Karn's rule
    assert_eq!(info(&host, peer.id).backoff, 8);
    // RFC9293-MUST-19, RFC5681-R4
    assert_eq!(lens(&host.sends(peer.id)), [MSS, MSS], "slow start over what is lost");
    let ack = peer.acks(4 * MSS as u32);
    host.take(&ack);
    host.write(peer.id, &[1; 10]);
    host.sends(peer.id);
    host.pass(MS(100));
    let ack = peer.acks(10);
    host.take(&ack);
    assert_eq!((info(&host, peer.id).backoff, info(&host, peer.id).ca_state), (0, "open"));
}

#[test]
fn duplicates_do_not_push_the_timer_and_progress_does() {
    for progress in [false, true] {
        let mut host = Host::new();
        let mut peer = in_flight(&mut host, 5);
        host.pass(MS(200));
        let ack = if progress { peer.acks(MSS as u32) } else { peer.ack() };
        host.take(&ack);
        let rto = info(&host, peer.id).rto;
        let (after, _) = host.next_sent(peer.id).unwrap();
        let wanted = if progress { rto } else { MS(100) };
        // RFC6298-R7
        assert!(after >= wanted - TICK && after <= wanted + TICK * 2, "{after:?}, not {wanted:?}");
    }
}

#[test]
fn an_outage_shorter_than_the_user_timeout_is_survived_and_a_longer_one_ends_it() {
    let mut host = Host::new();
    let mut peer = in_flight(&mut host, 1);
    let begin = host.now;
    while host.now - begin < Duration::from_secs(12 * 60) {
        host.next_sent(peer.id).expect("it goes on trying");
    }
    let ack = peer.acks(MSS as u32);
    host.take(&ack);
    assert_eq!(host.state(peer.id), Some(TcpStateName::Established));
    host.write(peer.id, &[1; 10]);
    host.sends(peer.id);
    let begin = host.now;
    while host.next_sent(peer.id).is_some() {}
    assert_eq!(host.state(peer.id), Some(TcpStateName::Closed));
    // RFC9293-SHLD-11
    assert_eq!((host.now - begin).as_secs(), 15 * 60);
    let error = host.with_connection(peer.id, |connection, _| connection.take_error());
    assert_eq!(error, Some(TcpError::TimedOut));
}

#[test]
fn a_pause_closes_the_congestion_window_to_its_initial_size() {
    let mut host = Host::new();
    let mut peer = in_flight(&mut host, 10);
    let ack = peer.acks(10 * MSS as u32);
    host.take(&ack);
    assert!(info(&host, peer.id).snd_cwnd > 14_600);
    host.pass(Duration::from_secs(3));
    host.write(peer.id, &[0; 30 * MSS]);
    // RFC5681-R9
    assert_eq!(host.sends(peer.id).len(), 10);
}

#[test]
fn a_pause_leaves_the_congestion_window_where_the_stack_is_to() {
    let mut config = Config::default();
    config.tcp.slow_start_after_idle = false;
    let mut host = Host::with(config);
    let mut peer = in_flight(&mut host, 10);
    let ack = peer.acks(10 * MSS as u32);
    host.take(&ack);
    host.pass(Duration::from_secs(3));
    host.write(peer.id, &[0; 30 * MSS]);
    assert_eq!(host.sends(peer.id).len(), 20);
}

/// A connection with a peer whose window is `window`, and 100 kB to send.
fn window_limited(host: &mut Host, window: u16) -> Peer {
    let mut peer = host.established();
    host.write(peer.id, &[0; 10]);
    host.sends(peer.id);
    let ack = peer.acks(10).window(window);
    host.take(&ack);
    host.write(peer.id, &[1; 100_000]);
    peer
}

#[test]
fn a_closed_window_is_probed_with_doubling_for_as_long_as_the_peer_answers() {
    let mut host = Host::new();
    let peer = window_limited(&mut host, 0);
    assert_eq!(host.sends(peer.id), []);
    let rto = info(&host, peer.id).rto;
    let mut waited = Vec::new();
    for _ in 0..15 {
        let (after, sent) = host.next_sent(peer.id).unwrap();
        // RFC9293-MUST-36
        assert_eq!((lens(&sent), sent[0].seq), (std::vec![1], peer.una));
        host.take(&peer.ack().window(0));
        assert_eq!(host.sends(peer.id), []);
        waited.push(after.as_millis());
    }
    // RFC9293-SHLD-29
    assert_eq!(waited[0], rto.as_millis());
    // RFC9293-SHLD-30
    assert!(waited.windows(2).all(|pair| pair[1] / pair[0] == 2 || pair[1] >= 59_999), "{waited:?}");
    assert_eq!(waited.last(), Some(&60_000));
    // RFC9293-MUST-37
    assert_eq!(host.state(peer.id), Some(TcpStateName::Established));
    assert_eq!(info(&host, peer.id).snd_cwnd, 10 * MSS as u64, "no sign of congestion");
}

#[test]
fn a_window_that_closes_over_data_in_flight_holds_the_connection_as_long_as_the_peer_answers() {
    let mut host = Host::new();
    let peer = in_flight(&mut host, 3);
    host.take(&peer.ack().window(0));
    let begin = host.now;
    while host.now - begin < Duration::from_secs(3600) {
        host.next_sent(peer.id).expect("the first byte again");
        host.take(&peer.ack().window(0));
    }
    // RFC9293-MUST-37, RFC9293-SHLD-17
    assert_eq!(host.state(peer.id), Some(TcpStateName::Established));
}

#[test]
fn a_peer_that_answers_no_probe_is_given_up() {
    let mut host = Host::new();
    let peer = window_limited(&mut host, 0);
    host.sends(peer.id);
    let begin = host.now;
    while host.next_sent(peer.id).is_some() {}
    assert_eq!((host.now - begin).as_secs(), 15 * 60);
    assert_eq!(host.state(peer.id), Some(TcpStateName::Closed));
}

#[test]
fn what_probes_carry_is_counted_as_sent_once_and_then_as_sent_again() {
    for taken in [0, 1] {
        let mut host = Host::new();
        let mut peer = window_limited(&mut host, 0);
        host.sends(peer.id);
        for _ in 0..2 {
            host.next_sent(peer.id).unwrap();
        }
        let counts = |host: &Host| (info(host, peer.id).bytes_sent, info(host, peer.id).bytes_retrans);
        assert_eq!(counts(&host), (11, 1));
        let ack = peer.acks(taken).window(1460);
        host.take(&ack);
        let sent: usize = lens(&host.sends(peer.id)).iter().sum();
        let new = sent as u64 - u64::from(1 - taken);
        let info = info(&host, peer.id);
        assert_eq!((info.bytes_sent, info.bytes_retrans), (11 + new, 1 + u64::from(1 - taken)));
    }
}

#[test]
fn an_open_window_ends_the_probing_whatever_became_of_the_probe() {
    for taken in [0, 1] {
        let mut host = Host::new();
        let mut peer = window_limited(&mut host, 0);
        host.sends(peer.id);
        host.next_sent(peer.id).unwrap();
        let ack = peer.acks(taken).window(20_000);
        host.take(&ack);
        let sent = host.sends(peer.id);
        assert_eq!((sent[0].seq, sent[0].data.len()), (peer.una, MSS));
        assert_eq!(sent.len(), 10);
        let mut peer = peer.clone();
        let ack = peer.acks(10 * MSS as u32);
        host.take(&ack);
        assert!(!host.sends(peer.id).is_empty());
    }
}

#[test]
fn without_data_there_are_no_probes() {
    let mut host = Host::new();
    let mut peer = host.established();
    host.write(peer.id, b"x");
    host.sends(peer.id);
    let ack = peer.acks(1).window(0);
    host.take(&ack);
    assert_eq!(host.sends(peer.id), []);
    assert_eq!(host.next_sent(peer.id), None);
}

#[test]
fn a_fin_behind_a_closed_window_is_the_probe() {
    let mut host = Host::new();
    let mut peer = host.established();
    host.write(peer.id, b"x");
    host.sends(peer.id);
    let ack = peer.acks(1).window(0);
    host.take(&ack);
    host.with_connection(peer.id, |connection, cx| connection.shutdown(cx)).unwrap();
    // RFC9293-X-16
    assert_eq!(host.state(peer.id), Some(TcpStateName::FinWait1));
    assert_eq!(host.sends(peer.id), []);
    let (_, sent) = host.next_sent(peer.id).unwrap();
    assert_eq!((lens(&sent), sent[0].flags), (std::vec![0], F::FIN | F::ACK));
    let ack = peer.acks(1).window(0);
    host.take(&ack);
    assert_eq!(host.state(peer.id), Some(TcpStateName::FinWait2));
}

#[test]
fn a_fin_behind_a_closed_window_goes_when_it_opens() {
    let mut host = Host::new();
    let mut peer = host.established();
    host.write(peer.id, b"x");
    host.sends(peer.id);
    let ack = peer.acks(1).window(0);
    host.take(&ack);
    host.with_connection(peer.id, |connection, cx| connection.shutdown(cx)).unwrap();
    host.sends(peer.id);
    host.wants_transmit();
    host.take(&peer.ack().window(1));
    assert!(host.wants_transmit(), "nobody asks for a segment that nobody announced");
    assert_eq!(host.sends_one(peer.id).flags, F::FIN | F::ACK);
}

#[test]
fn a_sliver_of_a_window_is_not_used_before_the_persist_timer() {
    let mut host = Host::new();
    let peer = window_limited(&mut host, 400);
    // RFC9293-MUST-38, RFC9293-X-17
    assert_eq!(host.sends(peer.id), [], "less than a segment and than half of the largest window");
    let (_, sent) = host.next_sent(peer.id).unwrap();
    // RFC9293-X-17, RFC9293-MUST-60: the override timer
    assert_eq!(lens(&sent), [400]);
    // The window opens before the timer fires.
    let mut host = Host::new();
    let peer = window_limited(&mut host, 400);
    host.sends(peer.id);
    host.take(&peer.ack().window(32_768));
    assert_eq!(lens(&host.sends(peer.id)).iter().sum::<usize>(), 10 * MSS);
}

#[test]
fn a_window_that_closes_over_data_in_flight_stops_the_retransmissions_at_its_edge() {
    let mut host = Host::new();
    let peer = in_flight(&mut host, 5);
    host.take(&peer.ack().window(0));
    let mut sent = Vec::new();
    for _ in 0..6 {
        let (_, segs) = host.next_sent(peer.id).unwrap();
        sent.extend(segs);
    }
    // RFC9293-MUST-34, RFC9293-MUST-35
    assert_eq!(lens(&sent), [1; 6], "one byte that asks, and nothing beyond the window");
}

#[test]
fn the_window_reopens_with_an_update_at_once() {
    let mut host = Host::new();
    let mut peer = host.established();
    for _ in 0..44 {
        let seg = peer.data(&[1; MSS]);
        host.take(&seg);
    }
    let seg = peer.data(&[1; 1295]);
    host.take(&seg);
    assert_eq!(host.sends_one(peer.id).window, 0);
    // A probe is answered at once, with the window as it is.
    let probe = Seg { ..peer.ack() }.data(b"p");
    for _ in 0..10 {
        host.take(&probe);
        assert_eq!(host.sends_one(peer.id).window, 0);
    }
    assert_eq!(host.read(peer.id).len(), 65_535);
    let update = host.sends_one(peer.id);
    assert_eq!((update.ack, update.window), (peer.nxt, 65_535));
}

#[test]
fn a_smaller_path_cuts_new_segments_and_repeats_the_lost_ones_without_a_congestion_response() {
    use crate::packet::{IcmpErrorFor, IcmpErrorKind};
    let mut host = Host::new();
    let mut peer = in_flight(&mut host, 5);
    let cwnd = info(&host, peer.id).snd_cwnd;
    let error = |seq: fathom_wire::SeqNumber| IcmpErrorFor {
        kind: IcmpErrorKind::PacketTooBig { mtu: 1000 },
        reporter: super::harness::REMOTE.ip(),
        source: super::harness::LOCAL.ip(),
        destination: super::harness::REMOTE.ip(),
        protocol: fathom_wire::IpProtocol::Tcp,
        quoted: [&80u16.to_be_bytes()[..], &5000u16.to_be_bytes(), &seq.0.to_be_bytes()].concat().into(),
        hop_limit: 60,
        packet_len: 1500,
        cause: None,
    };
    for (seq, believed) in [(peer.una - 1, false), (peer.una + 5 * MSS as u32, false), (peer.una, true)] {
        let (mut cx, layer) = host.parts();
        // RFC5927-R1
        assert_eq!(layer.handle_icmp_error(&mut cx, &error(seq)), believed);
    }
    host.path = Path { mtu: 1000, max_bytes: 1000, max_segments: 1 };
    let again = host.sends(peer.id);
    assert_eq!(again[0].seq, peer.una);
    // RFC9293-X-24, RFC7323-R24
    assert!(again.iter().all(|seg| seg.data.len() <= 960));
    assert_eq!(again.iter().map(|seg| seg.data.len()).sum::<usize>(), 5 * MSS);
    assert_eq!((info(&host, peer.id).snd_cwnd, info(&host, peer.id).ca_state), (cwnd, "open"));
    let ack = peer.acks(5 * MSS as u32);
    host.take(&ack);
    assert_eq!(host.next_sent(peer.id), None);
}

#[test]
fn soft_errors_end_a_connection_attempt_and_only_explain_the_end_of_a_connection() {
    use crate::packet::{IcmpErrorFor, IcmpErrorKind};
    let error = |kind, seq: fathom_wire::SeqNumber| IcmpErrorFor {
        kind,
        reporter: super::harness::REMOTE.ip(),
        source: super::harness::LOCAL.ip(),
        destination: super::harness::REMOTE.ip(),
        protocol: fathom_wire::IpProtocol::Tcp,
        quoted: [&80u16.to_be_bytes()[..], &5000u16.to_be_bytes(), &seq.0.to_be_bytes()].concat().into(),
        hop_limit: 60,
        packet_len: 40,
        cause: None,
    };
    for (kind, wanted) in [
        (IcmpErrorKind::HostUnreachable, TcpError::HostUnreachable),
        (IcmpErrorKind::NetworkUnreachable, TcpError::NetworkUnreachable),
        (IcmpErrorKind::PortUnreachable, TcpError::Refused),
    ] {
        let mut host = Host::new();
        let id = host.connect(super::harness::plain());
        let iss = host.sends_one(id).seq;
        let (mut cx, layer) = host.parts();
        // RFC5927-R1
        assert!(!layer.handle_icmp_error(&mut cx, &error(kind, iss + 1)));
        // RFC9293-MUST-54
        assert!(layer.handle_icmp_error(&mut cx, &error(kind, iss)));
        let got = host.with_connection(id, |connection, _| connection.take_error());
        assert_eq!(got, Some(wanted));

        let mut host = Host::new();
        let peer = in_flight(&mut host, 1);
        let (mut cx, layer) = host.parts();
        assert!(layer.handle_icmp_error(&mut cx, &error(kind, peer.una)));
        // RFC5927-R2, RFC1122-R44
        assert_eq!(host.state(peer.id), Some(TcpStateName::Established));
        while host.next_sent(peer.id).is_some() {}
        let got = host.with_connection(peer.id, |connection, _| connection.take_error());
        // RFC9293-MUST-47, RFC9293-SHLD-25
        assert_eq!(got, Some(wanted));
    }
}

#[test]
fn records_say_why_each_segment_left_and_what_held_the_sender_back() {
    let mut host = Host::new();
    host.recorder.enable(1000);
    let peer = in_flight(&mut host, 10);
    host.write(peer.id, &[2; 20 * MSS]);
    host.sends(peer.id);
    duplicates(&mut host, &peer, 3);
    host.next_sent(peer.id).unwrap();
    let records: Vec<_> = host.recorder.drain().collect();
    let engine = |kind: &Kind| match kind {
        Kind::Engine(engine) => engine.clone(),
        _ => panic!("only the engine records here"),
    };
    let cause = |wanted: SendReason| {
        let record = records
            .iter()
            .find(|record| matches!(engine(&record.kind), Engine::TcpSegment { why, .. } if why == wanted))
            .unwrap_or_else(|| panic!("no {wanted:?}"));
        let cause = records.iter().find(|other| Some(other.id) == record.cause);
        cause.map(|cause| engine(&cause.kind))
    };
    assert!(matches!(cause(SendReason::FastRetransmit), Some(Engine::LossDetected { .. })));
    let timeout = cause(SendReason::RetransmissionTimeout { number: 1 });
    assert!(matches!(timeout, Some(Engine::Timeout { number: 1, .. })), "{timeout:?}");
    let limits: Vec<Limit> = records
        .iter()
        .filter_map(|record| match engine(&record.kind) {
            Engine::Limited { by, .. } => Some(by),
            _ => None,
        })
        .collect();
    assert_eq!(limits, [Limit::Application, Limit::CongestionWindow]);
}

#[test]
fn strict_timeouts_are_a_setting() {
    let tcp = TcpConfig { min_rto: Duration::from_secs(1), ..TcpConfig::default() };
    let mut host = Host::with(Config { tcp, ..Config::default() });
    let peer = in_flight(&mut host, 1);
    assert!(host.next_sent(peer.id).unwrap().0 >= Duration::from_secs(1));
}
