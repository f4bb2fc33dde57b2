use std::net::SocketAddr;

use fathom_record::{
    Direction, DropReason, Engine, FlowId, FrameRecord, InterfaceIndex, Kind, Layer, LinkFate, Outcome,
    RecordId, SendReason, SpanEnd, SpanId, SpanNote, SpanStart,
};
use fathom_wire::{Instant, SeqNumber, TcpFlags, TcpHeader};
use proptest::prelude::*;

use super::*;

const FLOW: FlowId = FlowId(7);
const CLIENT: &str = "10.0.2.100:40112";
const SERVER: &str = "93.184.215.14:443";
const RESOLVER: &str = "8.8.8.8:53";

/// Writes records by hand, at milliseconds.
#[derive(Default)]
struct Run {
    records: Vec<Record>,
}

impl Run {
    fn push(&mut self, ms: f64, kind: Kind) -> RecordId {
        let id = RecordId { shard: 0, counter: self.records.len() as u64 + 1 };
        let at = Instant::from_nanos((ms * 1e6).round() as u64);
        self.records.push(Record { id, at, cause: None, kind });
        id
    }

    fn engine(&mut self, ms: f64, engine: Engine) {
        self.push(ms, Kind::Engine(engine));
    }

    fn start(&mut self, ms: f64, parent: Option<SpanId>, name: &'static str, detail: &str) -> SpanId {
        let layer = if name == "connect" { Layer::Transport } else { Layer::Application };
        self.push(ms, Kind::SpanStart(SpanStart { parent, layer, name, detail: detail.into(), flow: None }))
    }

    fn fact(&mut self, span: SpanId, name: &'static str, value: &str) {
        let at = self.records.iter().find(|record| record.id == span).unwrap().at;
        self.push(at.as_millis_f64(), Kind::SpanNote(span, SpanNote::Fact { name, value: value.into() }));
    }

    fn done(&mut self, ms: f64, span: SpanId) {
        self.push(ms, Kind::SpanEnd(SpanEnd { span, outcome: Outcome::Done }));
    }

    fn failed(&mut self, ms: f64, span: SpanId, message: &str) {
        self.push(ms, Kind::SpanEnd(SpanEnd { span, outcome: Outcome::Failed(message.into()) }));
    }

    /// A child span from `from` to `to`.
    fn span(&mut self, parent: SpanId, name: &'static str, from: f64, to: f64) -> SpanId {
        let span = self.start(from, Some(parent), name, "");
        self.done(to, span);
        span
    }

    fn opened(&mut self, ms: f64) {
        let [local, remote] = [CLIENT, SERVER].map(|address| address.parse().unwrap());
        self.engine(ms, Engine::TcpOpened { flow: FLOW, local, remote, active: true });
    }

    fn segment(&mut self, ms: f64, why: SendReason, seq: u32, len: u32) {
        self.engine(ms, Engine::TcpSegment { flow: FLOW, why, seq, ack: 0, len });
    }

    fn rtt(&mut self, ms: f64, sample: f64) {
        let sample = Duration::from_secs_f64(sample / 1e3);
        self.engine(ms, Engine::Rtt { flow: FLOW, sample, srtt: sample, rttvar: sample, rto: sample });
    }

    fn frame(&mut self, ms: f64, direction: Direction, bytes: Vec<u8>) {
        let frame = FrameRecord { interface: InterfaceIndex(0), direction, bytes: bytes.into() };
        self.push(ms, Kind::Frame(frame));
    }

    /// A DNS message for type A (1) or AAAA (28) of example.com.
    fn dns(&mut self, ms: f64, direction: Direction, kind: u8) {
        let mut message = vec![0; 12];
        message.extend(b"\x07example\x03com\0\0");
        message.extend([kind, 0, 1]);
        let (from, to) = match direction {
            Direction::Transmitted => (CLIENT, RESOLVER),
            Direction::Received => (RESOLVER, CLIENT),
        };
        self.frame(ms, direction, crate::tests::udp(from, to, &message));
    }

    /// A segment with `len` bytes of data from the server.
    fn data(&mut self, ms: f64, len: usize) {
        self.frame(ms, Direction::Received, crate::tests::tcp(SERVER, CLIENT, 1, &vec![0; len]));
    }

    fn waterfall(&mut self) -> Waterfall {
        self.waterfall_with(&Hints { links: vec![LinkType::Raw], ..Hints::default() })
    }

    fn waterfall_with(&mut self, hints: &Hints) -> Waterfall {
        // Facts were written down wherever it was easiest.
        self.records.sort_by_key(|record| record.at);
        let waterfall = Waterfall::from_records(&self.records, hints).unwrap();
        let parts = waterfall.phases.iter().flat_map(|phase| &phase.parts);
        let sum: Duration = parts.map(|part| part.duration).sum();
        assert_eq!(sum, waterfall.total, "the parts sum to the whole");
        waterfall
    }
}

/// A fetch over a path of 20 ms, in which each phase takes `extra` milliseconds longer.
fn fetch(run: &mut Run, extra: [f64; 4]) -> SpanId {
    let fetch = run.start(0.0, None, "fetch", "https://example.com/");
    let mut at = 20.0 + extra[0];
    let resolve = run.span(fetch, "resolve", 0.0, at);
    run.fact(resolve, "queries", "2");
    run.fact(resolve, "ttl", "300");
    let connect = run.start(at, Some(fetch), "connect", SERVER);
    run.push(at, Kind::SpanNote(connect, SpanNote::Flow(FLOW)));
    let [local, remote] = [CLIENT, SERVER].map(|address| address.parse().unwrap());
    run.push(at, Kind::SpanNote(connect, SpanNote::Addresses { local, remote }));
    run.opened(at);
    run.segment(at, SendReason::Syn, 100, 0);
    at += 20.0 + extra[1];
    run.rtt(at, 20.0);
    run.done(at, connect);
    let handshake = run.span(fetch, "handshake", at, at + 20.0 + extra[2]);
    for (name, value) in [("version", "TLSv1.3"), ("group", "X25519"), ("alpn", "h2"), ("resumed", "false")] {
        run.fact(handshake, name, value);
    }
    run.segment(at, SendReason::NewData, 101, 500);
    at += 20.0 + extra[2];
    let request = run.span(fetch, "request", at, at + 20.0 + extra[3]);
    run.fact(request, "version", "HTTP/2.0");
    run.segment(at, SendReason::NewData, 601, 300);
    at += 20.0 + extra[3];
    let response = run.span(fetch, "response", at, at);
    run.fact(response, "status", "200");
    run.fact(response, "bytes", "1256");
    run.done(at, fetch);
    fetch
}

fn rows(waterfall: &Waterfall) -> Vec<(&'static str, f64, String)> {
    waterfall
        .phases
        .iter()
        .map(|phase| (phase.name, phase.duration.as_secs_f64() * 1e3, phase.reason()))
        .collect()
}

#[test]
fn a_request_over_a_clean_path_is_four_phases_of_one_round_trip() {
    let mut run = Run::default();
    fetch(&mut run, [0.0; 4]);
    for kind in [1, 28] {
        run.dns(0.0, Direction::Transmitted, kind);
        run.dns(20.0, Direction::Received, kind);
    }
    let waterfall = run.waterfall();
    assert_eq!(
        rows(&waterfall),
        [
            ("resolve", 20.0, "1 RTT · 2 queries · ttl 300".into()),
            ("connect", 20.0, "1 RTT".into()),
            ("handshake", 20.0, "1 RTT".into()),
            ("request", 20.0, "1 RTT".into()),
        ]
    );
    assert_eq!(waterfall.total, Duration::from_millis(80));
    assert_eq!(waterfall.phases[0].label, "A+AAAA");
    assert_eq!(waterfall.phases[2].label, "1.3 full");
    assert_eq!(waterfall.causes(), [("round trips", Duration::from_millis(80))]);
}

#[test]
fn the_next_hops_address_is_charged_only_when_a_packet_waits_for_it() {
    let arp = || vec![0; 28];
    let syn = || crate::tests::tcp(CLIENT, SERVER, 100, &[]);
    let mut run = Run::default();
    fetch(&mut run, [0.0, 3.0, 0.0, 0.0]);
    run.engine(20.0, Engine::Packet { why: SendReason::NeighbourRequest });
    run.frame(20.0, Direction::Transmitted, arp());
    run.frame(23.0, Direction::Received, arp());
    run.frame(23.0, Direction::Transmitted, syn());
    // An address that is confirmed while packets go on.
    run.engine(43.0, Engine::Packet { why: SendReason::NeighbourRequest });
    run.frame(44.0, Direction::Received, arp());
    run.frame(63.0, Direction::Transmitted, syn());
    let waterfall = run.waterfall();
    assert_eq!(waterfall.phases[1].reason(), "next hop's address 3.0 · 1 RTT 20.0");
    assert_eq!(waterfall.phases[2].reason(), "1 RTT");
}

#[test]
fn a_lost_syn_is_named_with_its_cost() {
    let mut run = Run::default();
    fetch(&mut run, [0.0, 1000.0, 0.0, 0.0]);
    for why in [SendReason::RetransmissionTimeout { number: 1 }, SendReason::Syn] {
        let mut run = Run { records: run.records.clone() };
        run.segment(1020.0, why, 100, 0);
        let waterfall = run.waterfall();
        let connect = &waterfall.phases[1];
        assert_eq!(connect.reason(), "SYN or its answer lost, sent again, +1000.0 (RTO) · 1 RTT 20.0");
        assert_eq!(connect.losses, [Duration::from_millis(1020)]);
    }
}

#[test]
fn a_syn_that_was_repeated_before_its_slow_answer_came_was_not_lost() {
    let mut run = Run::default();
    fetch(&mut run, [0.0, 1180.0, 1180.0, 1180.0]);
    run.records.retain(|record| !matches!(record.kind, Kind::Engine(Engine::Rtt { .. })));
    run.segment(1020.0, SendReason::RetransmissionTimeout { number: 1 }, 100, 0);
    let hints = Hints { delay: Duration::from_millis(1200), ..Hints::default() };
    let connect = &run.waterfall_with(&hints).phases[1];
    assert_eq!(
        connect.reason(),
        "delay of the link +1200.0 · sent again needlessly: the answer was only slow"
    );
    assert_eq!(connect.losses, []);
}

#[test]
fn a_request_that_waits_for_a_slow_link_is_neither_lost_nor_thought_about() {
    let mut run = Run::default();
    fetch(&mut run, [0.0, 0.0, 0.0, 230.0]);
    run.segment(288.0, SendReason::RetransmissionTimeout { number: 1 }, 601, 300);
    // 6 kB are 190 ms at 256 kbit/s.
    for frame in 0..5 {
        run.data(100.0 + 30.0 * f64::from(frame), 1160);
    }
    let answer = TcpHeader { ack: SeqNumber(901), flags: TcpFlags::ACK, ..TcpHeader::default() };
    run.frame(309.0, Direction::Received, crate::tests::segment(SERVER, CLIENT, answer, &[]));
    let hints = Hints { rate_down: Some(256_000), links: vec![LinkType::Raw], ..Hints::default() };
    let reason = run.waterfall_with(&hints).phases[3].reason();
    assert_eq!(
        reason,
        "1 RTT 20.0 · 6 kB down at 256 kbit/s 188.8 · waited 41.2 · sent again needlessly: the answer was only slow"
    );
    // The link tells of the loss.
    run.engine(60.0, Engine::Link { interface: InterfaceIndex(0), fate: LinkFate::QueueFull, frame: None });
    let reason = run.waterfall_with(&hints).phases[3].reason();
    assert!(reason.starts_with("1 loss, repaired +228.0 (RTO)"), "{reason}");
}

#[test]
fn a_damaged_answer_is_told_from_work_of_the_peer() {
    let corrupted = Engine::Link { interface: InterfaceIndex(0), fate: LinkFate::Corrupted, frame: None };
    let reason = DropReason::TcpChecksum;
    let dropped = Engine::Dropped { interface: Some(InterfaceIndex(0)), reason, len: 1500 };
    for told in [vec![corrupted.clone(), dropped.clone()], vec![corrupted], vec![dropped]] {
        let mut run = Run::default();
        fetch(&mut run, [0.0, 0.0, 220.0, 0.0]);
        for engine in told {
            run.engine(50.0, engine);
        }
        let handshake = &run.waterfall().phases[2];
        assert_eq!(handshake.reason(), "1 RTT 20.0 · 1 damaged, repaired +220.0 (peer's RTO)");
        assert_eq!(handshake.losses.len(), 1);
    }
}

#[test]
fn what_the_link_held_back_is_named_in_every_row() {
    let mut run = Run::default();
    fetch(&mut run, [10.0, 0.0, 0.0, 0.0]);
    run.engine(5.0, Engine::Link { interface: InterfaceIndex(0), fate: LinkFate::Reordered, frame: None });
    let reason = run.waterfall().phases[0].reason();
    assert_eq!(reason, "1 RTT 20.0 · held back by the link +10.0 · 2 queries · ttl 300");
    for (row, ms) in [(1, 30.0), (2, 50.0), (3, 70.0)] {
        let mut run = Run::default();
        let mut extra = [0.0; 4];
        extra[row] = 20.0;
        fetch(&mut run, extra);
        run.engine(ms, Engine::Link { interface: InterfaceIndex(0), fate: LinkFate::Reordered, frame: None });
        assert_eq!(run.waterfall().phases[row].reason(), "1 RTT 20.0 · held back by the link +20.0");
    }
}

#[test]
fn a_long_wait_is_not_blamed_on_a_frame_that_was_held_back() {
    let mut run = Run::default();
    fetch(&mut run, [0.0, 0.0, 0.0, 300.0]);
    run.engine(70.0, Engine::Link { interface: InterfaceIndex(0), fate: LinkFate::Reordered, frame: None });
    assert_eq!(run.waterfall().phases[3].reason(), "1 RTT 20.0 · waited 300.0");
}

#[test]
fn an_answer_that_begins_before_the_upload_ends_waits_for_the_link() {
    let mut run = Run::default();
    let fetch = fetch_without_response(&mut run);
    let response = run.start(80.0, Some(fetch), "response", "");
    for frame in 0..10 {
        // 1000 bytes are 20 ms at 400 kbit/s.
        let ms = 80.0 + 20.0 * f64::from(frame);
        run.frame(ms, Direction::Transmitted, crate::tests::tcp(CLIENT, SERVER, 901, &[0; 960]));
        run.data(ms + 15.0, 960);
        // Acknowledgements leave beside it.
        run.frame(ms + 15.0, Direction::Transmitted, crate::tests::tcp(CLIENT, SERVER, 901, &[]));
    }
    run.segment(80.0, SendReason::NewData, 901, 9600);
    run.engine(280.0, Engine::Limited { flow: FLOW, by: Limit::CongestionWindow });
    run.done(330.0, response);
    run.done(330.0, fetch);
    let hints = Hints { rate_up: Some(400_000), links: vec![LinkType::Raw], ..Hints::default() };
    let reason = run.waterfall_with(&hints).phases[4].reason();
    assert_eq!(reason, "10 kB up at 400 kbit/s 200.0 · congestion window 50.0");
}

#[test]
fn a_response_without_data_has_no_rate() {
    let mut run = Run::default();
    let fetch = fetch_without_response(&mut run);
    run.span(fetch, "response", 80.0, 85.0);
    run.done(85.0, fetch);
    assert_eq!(run.waterfall().phases[4].reason(), "waited");
}

#[test]
fn losses_that_showed_as_holes_are_not_counted_again() {
    let mut run = Run::default();
    let fetch = fetch_without_response(&mut run);
    run.span(fetch, "response", 80.0, 200.0);
    for ms in [80.0, 100.0, 160.0, 200.0] {
        run.data(ms, 960);
    }
    run.engine(90.0, Engine::Link { interface: InterfaceIndex(0), fate: LinkFate::Lost, frame: None });
    run.engine(100.0, Engine::HoleOpened { flow: FLOW, seq: 1 });
    run.engine(120.0, Engine::HoleFilled { flow: FLOW, seq: 2 });
    run.done(200.0, fetch);
    let reason = run.waterfall().phases[4].reason();
    assert_eq!(reason.matches("loss").count(), 1, "{reason}");
    assert!(!reason.contains("RTO"), "{reason}");
}

#[test]
fn a_lost_request_costs_the_retransmission_timeout() {
    let mut run = Run::default();
    fetch(&mut run, [0.0, 0.0, 0.0, 200.0]);
    run.segment(260.0, SendReason::RetransmissionTimeout { number: 1 }, 601, 300);
    let waterfall = run.waterfall();
    assert_eq!(waterfall.phases[3].reason(), "1 loss, repaired +200.0 (RTO) · 1 RTT 20.0");
}

#[test]
fn a_server_that_thinks_about_a_repeated_request_is_charged() {
    let mut run = Run::default();
    fetch(&mut run, [0.0, 0.0, 0.0, 230.0]);
    let frame = Some(RecordId { shard: 0, counter: 1 });
    run.engine(60.0, Engine::Link { interface: InterfaceIndex(0), fate: LinkFate::Lost, frame });
    run.segment(260.0, SendReason::RetransmissionTimeout { number: 1 }, 601, 300);
    let waterfall = run.waterfall();
    assert_eq!(waterfall.phases[3].reason(), "1 loss, repaired +200.0 (RTO) · 1 RTT 20.0");
    assert_eq!((waterfall.phases[4].name, waterfall.phases[4].duration.as_millis()), ("server_think", 30));
}

#[test]
fn a_syn_ack_that_was_lost_is_no_long_round_trip() {
    let mut run = Run::default();
    fetch(&mut run, [0.0, 1000.0, 0.0, 0.0]);
    run.engine(30.0, Engine::Link { interface: InterfaceIndex(0), fate: LinkFate::Lost, frame: None });
    assert_eq!(run.waterfall().phases[1].reason(), "1 RTT 20.0 · 1 loss, repaired +1000.0 (peer's RTO)");
}

#[test]
fn repeated_timeouts_of_one_segment_are_counted_once_in_time() {
    let mut run = Run::default();
    fetch(&mut run, [0.0, 0.0, 600.0, 0.0]);
    run.segment(240.0, SendReason::RetransmissionTimeout { number: 1 }, 101, 500);
    run.segment(640.0, SendReason::RetransmissionTimeout { number: 2 }, 101, 500);
    let waterfall = run.waterfall();
    assert_eq!(waterfall.phases[2].reason(), "2 losses, repaired +600.0 (2 RTO) · 1 RTT 20.0");
}

#[test]
fn a_hole_in_the_data_is_told_by_what_is_known_of_it() {
    for (fate, words) in [
        (None, "1 hole, data waited +35.0 · 1 RTT 20.0"),
        (Some(LinkFate::Lost), "1 loss on the way here, data waited +35.0 · 1 RTT 20.0"),
        (Some(LinkFate::Reordered), "1 reordering, data waited +35.0 · 1 RTT 20.0"),
    ] {
        let mut run = Run::default();
        fetch(&mut run, [0.0, 0.0, 35.0, 0.0]);
        if let Some(fate) = fate {
            run.engine(50.0, Engine::Link { interface: InterfaceIndex(0), fate, frame: None });
        }
        run.engine(60.0, Engine::HoleOpened { flow: FLOW, seq: 1 });
        run.engine(95.0, Engine::HoleFilled { flow: FLOW, seq: 2 });
        let waterfall = run.waterfall();
        assert_eq!(waterfall.phases[2].reason(), words);
        assert_eq!(waterfall.phases[2].losses, [Duration::from_millis(60)]);
    }
}

#[test]
fn a_loss_of_the_peer_that_left_no_hole_is_known_from_the_link() {
    let mut run = Run::default();
    fetch(&mut run, [0.0, 0.0, 0.0, 250.0]);
    run.engine(85.0, Engine::Link { interface: InterfaceIndex(0), fate: LinkFate::Lost, frame: None });
    let waterfall = run.waterfall();
    assert_eq!(waterfall.phases[3].reason(), "1 RTT 20.0 · 1 loss, repaired +250.0 (peer's RTO)");
}

#[test]
fn a_server_that_thinks_gets_a_row_of_its_own() {
    let mut run = Run::default();
    fetch(&mut run, [0.0, 0.0, 3.5, 71.4]);
    let waterfall = run.waterfall();
    assert_eq!(waterfall.phases[2].reason(), "1 RTT 20.0 · crypto 3.5");
    assert_eq!(
        rows(&waterfall)[3..],
        [("request", 20.0, "1 RTT".into()), ("server_think", 71.4, "not the network".into())]
    );
    assert_eq!(waterfall.phases[4].start, Duration::from_micros(83_500));
}

#[test]
fn an_answer_that_is_a_little_late_was_not_thought_about() {
    let mut run = Run::default();
    fetch(&mut run, [0.0, 0.0, 0.0, 0.9]);
    assert_eq!(rows(&run.waterfall())[3..], [("request", 20.9, "1 RTT".into())]);
}

#[test]
fn a_question_to_the_resolver_that_was_lost_is_named() {
    let mut run = Run::default();
    fetch(&mut run, [5000.0, 0.0, 0.0, 0.0]);
    for (ms, direction, kind) in [
        (0.0, Direction::Transmitted, 1),
        (0.0, Direction::Transmitted, 28),
        (20.0, Direction::Received, 28),
        (5000.0, Direction::Transmitted, 1),
        (5020.0, Direction::Received, 1),
    ] {
        run.dns(ms, direction, kind);
    }
    let waterfall = run.waterfall();
    let resolve = &waterfall.phases[0];
    assert_eq!(resolve.reason(), "asked again after 5000.0 · 1 RTT 20.0 · 2 queries · ttl 300");
}

#[test]
fn a_question_that_was_repeated_before_its_slow_answer_came_was_not_lost() {
    let mut run = Run::default();
    fetch(&mut run, [1200.0, 0.0, 0.0, 0.0]);
    for (ms, direction) in
        [(0.0, Direction::Transmitted), (1000.0, Direction::Transmitted), (1220.0, Direction::Received)]
    {
        run.dns(ms, direction, 1);
    }
    let delay = Duration::from_millis(1200);
    let hints = Hints { delay, links: vec![LinkType::Raw], ..Hints::default() };
    let reason = run.waterfall_with(&hints).phases[0].reason();
    assert!(!reason.contains("asked again after"), "{reason}");
    assert!(reason.contains("delay of the link +1200.0 · asked again needlessly"), "{reason}");
}

#[test]
fn the_wait_for_the_other_answer_is_told_from_work_of_the_resolver() {
    for (fate, words) in [
        (None, "other answer awaited for 50.0 (RFC 8305) · 1 RTT 20.0 · 2 queries · ttl 300"),
        (
            Some(LinkFate::Corrupted),
            "1 answer damaged, waited 50.0 (RFC 8305) · 1 RTT 20.0 · 2 queries · ttl 300",
        ),
        (Some(LinkFate::Lost), "1 answer lost, waited 50.0 (RFC 8305) · 1 RTT 20.0 · 2 queries · ttl 300"),
    ] {
        let mut run = Run::default();
        fetch(&mut run, [50.0, 0.0, 0.0, 0.0]);
        run.dns(0.0, Direction::Transmitted, 1);
        run.dns(0.0, Direction::Transmitted, 28);
        if let Some(fate) = fate {
            run.engine(10.0, Engine::Link { interface: InterfaceIndex(0), fate, frame: None });
        }
        run.dns(20.0, Direction::Received, 1);
        assert_eq!(run.waterfall().phases[0].reason(), words);
    }
}

#[test]
fn jitter_is_named_in_every_row() {
    let mut run = Run::default();
    fetch(&mut run, [6.0, 5.0, 0.0, 0.0]);
    run.dns(0.0, Direction::Transmitted, 1);
    run.dns(26.0, Direction::Received, 1);
    let hints = Hints { jitter: Duration::from_millis(8), links: vec![LinkType::Raw], ..Hints::default() };
    let waterfall = run.waterfall_with(&hints);
    assert!(waterfall.phases[0].reason().starts_with("1 RTT 20.0 · jitter +6.0"));
    assert_eq!(waterfall.phases[1].reason(), "1 RTT 20.0 · jitter +5.0");
}

#[test]
fn a_slow_link_is_no_pause_of_the_server() {
    let mut run = Run::default();
    let fetch = fetch_without_response(&mut run);
    let response = run.start(80.0, Some(fetch), "response", "");
    // 1000 bytes are 31.25 ms at 256 kbit/s; the acknowledgements of a busy link take their time.
    for ms in [111.25, 142.5, 210.0, 241.25] {
        run.data(ms, 960);
    }
    run.rtt(150.0, 40.0);
    run.done(241.25, response);
    run.done(241.25, fetch);
    let hints = Hints { rate_down: Some(256_000), links: vec![LinkType::Raw], ..Hints::default() };
    let reason = run.waterfall_with(&hints).phases[4].reason();
    assert_eq!(reason, "4 kB down at 256 kbit/s 125.0 · 1 RTT for the sender's window 36.2");
}

#[test]
fn an_upload_is_the_rate_of_the_link_however_the_sender_was_held_back() {
    let mut run = Run::default();
    fetch(&mut run, [0.0, 0.0, 0.0, 100.0]);
    run.frame(20.0, Direction::Transmitted, crate::tests::tcp(CLIENT, SERVER, 100, &[]));
    run.engine(60.0, Engine::Limited { flow: FLOW, by: Limit::CongestionWindow });
    run.engine(160.0, Engine::Limited { flow: FLOW, by: Limit::Application });
    for frame in 0..10 {
        // 1000 bytes are 8 ms at 1 Mbit/s. Five are sent at once.
        let ms = if frame < 5 { 60.0 } else { 110.0 };
        run.frame(ms, Direction::Transmitted, crate::tests::tcp(CLIENT, SERVER, 601, &[0; 960]));
    }
    let hints = Hints { rate_up: Some(1_000_000), links: vec![LinkType::Raw], ..Hints::default() };
    let reason = run.waterfall_with(&hints).phases[3].reason();
    assert_eq!(reason, "10 kB up at 1 Mbit/s 80.0 · congestion window 20.0 · 1 RTT 20.0");
}

#[test]
fn a_request_behind_an_acknowledgement_on_a_slow_link_was_not_thought_about() {
    let mut run = Run::default();
    fetch(&mut run, [0.0, 0.0, 0.0, 25.0]);
    for (ms, len) in [(20.0, 0), (60.0, 0), (60.0, 60), (60.0, 60)] {
        // 40 bytes are 5 ms at 64 kbit/s, and 100 bytes 12.5 ms.
        run.frame(ms, Direction::Transmitted, crate::tests::tcp(CLIENT, SERVER, 601, &vec![0; len]));
    }
    let hints = Hints { rate_up: Some(64_000), links: vec![LinkType::Raw], ..Hints::default() };
    let waterfall = run.waterfall_with(&hints);
    assert!(waterfall.phases.iter().all(|phase| phase.name != "server_think"), "{:?}", rows(&waterfall));
}

#[test]
fn an_answer_that_grows_with_the_upload_waits_for_nobody_in_particular() {
    let mut run = Run::default();
    let fetch = fetch_without_response(&mut run);
    run.span(fetch, "response", 80.0, 140.0);
    for ms in [80.0, 100.0, 120.0] {
        run.frame(ms, Direction::Transmitted, crate::tests::tcp(CLIENT, SERVER, 901, &[0; 960]));
        run.data(ms + 20.0, 960);
    }
    run.done(140.0, fetch);
    assert_eq!(run.waterfall().phases[4].reason(), "waited");
}

#[test]
fn a_name_that_is_asked_for_again_later_was_not_lost() {
    let mut run = Run::default();
    let fetch = fetch(&mut run, [0.0; 4]);
    for ms in [0.0, 100.0] {
        run.dns(ms, Direction::Transmitted, 1);
        run.dns(ms + 20.0, Direction::Received, 1);
    }
    run.span(fetch, "resolve", 100.0, 120.0);
    let waterfall = run.waterfall();
    assert_eq!(waterfall.phases.last().unwrap().reason(), "1 RTT · 1 query");
}

#[test]
fn a_handshake_before_tls_1_3_takes_two_round_trips() {
    let mut run = Run::default();
    let fetch = fetch(&mut run, [0.0; 4]);
    let old = run.span(fetch, "handshake", 100.0, 143.0);
    run.fact(old, "version", "TLSv1.2");
    run.done(150.0, fetch);
    let waterfall = run.waterfall();
    let handshake = waterfall.phases.iter().rfind(|phase| phase.name == "handshake").unwrap();
    assert_eq!(
        (handshake.label.as_str(), handshake.reason()),
        ("1.2 full", "2 RTT 40.0 · crypto 3.0".into())
    );
}

#[test]
fn a_resolver_that_takes_longer_than_a_round_trip_is_charged() {
    let mut run = Run::default();
    fetch(&mut run, [30.0, 0.0, 0.0, 0.0]);
    run.dns(0.0, Direction::Transmitted, 1);
    run.dns(50.0, Direction::Received, 1);
    assert_eq!(run.waterfall().phases[0].reason(), "2 queries · ttl 300");
}

/// A response of 100 kB in frames 8 ms apart, after one wait of 40 ms.
fn download(run: &mut Run) {
    let fetch = fetch_without_response(run);
    let response = run.start(80.0, Some(fetch), "response", "");
    run.fact(response, "status", "200");
    for number in 0..10 {
        let ms = if number < 5 { 88.0 + f64::from(number) * 8.0 } else { 120.0 + f64::from(number) * 8.0 };
        run.data(ms, 960);
    }
    run.done(192.0, response);
    run.done(192.0, fetch);
}

fn fetch_without_response(run: &mut Run) -> SpanId {
    let span = fetch(run, [0.0; 4]);
    let names = |record: &Record| match &record.kind {
        Kind::SpanStart(start) => start.name == "response",
        _ => false,
    };
    let response = run.records.iter().find(|record| names(record)).map(|record| record.id).unwrap();
    run.records.retain(|record| match &record.kind {
        Kind::SpanStart(_) => record.id != response,
        Kind::SpanNote(id, _) => *id != response,
        Kind::SpanEnd(end) => end.span != response && end.span != span,
        _ => true,
    });
    span
}

#[test]
fn a_download_is_the_rate_of_the_link_and_waits_for_the_window() {
    let mut run = Run::default();
    download(&mut run);
    // 1000 bytes in 8 ms are 1 Mbit/s.
    let hints = Hints { rate_down: Some(1_000_000), links: vec![LinkType::Raw], ..Hints::default() };
    let waterfall = run.waterfall_with(&hints);
    assert_eq!(
        rows(&waterfall)[4],
        ("response", 112.0, "10 kB down at 1 Mbit/s 80.0 · 1 pause of the server 32.0".into())
    );
    let unknown = run.waterfall();
    assert_eq!(unknown.phases[4].reason(), "1 pause of the server 40.0 · 9.6 kB arriving 72.0");
}

#[test]
fn frames_are_matched_by_the_notes_of_the_span_as_well() {
    let mut run = Run::default();
    download(&mut run);
    run.records.retain(|record| !matches!(record.kind, Kind::Engine(Engine::TcpOpened { .. })));
    assert!(run.waterfall().phases[4].reason().contains("9.6 kB"));
}

#[test]
fn the_delay_of_the_link_is_told_from_the_path() {
    let mut run = Run::default();
    fetch(&mut run, [0.0; 4]);
    let hints = Hints { delay: Duration::from_millis(16), ..Hints::default() };
    let waterfall = run.waterfall_with(&hints);
    for phase in &waterfall.phases {
        assert!(phase.reason().starts_with("1 RTT 4.0 · delay of the link +16.0"), "{}", phase.reason());
    }
    let ms = Duration::from_millis;
    assert_eq!(waterfall.causes(), [("link delay", ms(64)), ("round trips", ms(16))]);
}

#[test]
fn the_rate_of_the_link_is_told_where_frames_are_large() {
    let mut run = Run::default();
    fetch(&mut run, [0.0, 0.0, 8.0, 0.0]);
    // 1000 bytes with their headers, which is 8 ms at 1 Mbit/s.
    run.data(68.0, 960);
    let hints = Hints { rate_down: Some(1_000_000), links: vec![LinkType::Raw], ..Hints::default() };
    assert_eq!(run.waterfall_with(&hints).phases[2].reason(), "1 RTT 20.0 · 1 kB down at 1 Mbit/s 8.0");
}

#[test]
fn the_longest_wait_of_a_download_is_the_loss_that_left_no_hole() {
    let mut run = Run::default();
    let fetch = fetch_without_response(&mut run);
    let response = run.span(fetch, "response", 80.0, 330.0);
    run.fact(response, "status", "200");
    for ms in [80.0, 100.0, 310.0, 330.0] {
        run.data(ms, 960);
    }
    run.engine(90.0, Engine::Link { interface: InterfaceIndex(0), fate: LinkFate::Lost, frame: None });
    run.done(330.0, fetch);
    assert_eq!(
        run.waterfall().phases[4].reason(),
        "1 loss, repaired +210.0 (peer's RTO) · 2 RTT for the sender's window 40.0"
    );
}

#[test]
fn jitter_is_told_from_thinking_when_it_is_known() {
    let mut run = Run::default();
    fetch(&mut run, [0.0, 0.0, 0.0, 6.0]);
    let hints = Hints { jitter: Duration::from_millis(8), ..Hints::default() };
    assert_eq!(run.waterfall_with(&hints).phases[3].reason(), "1 RTT 20.0 · jitter +6.0");
}

#[test]
fn a_record_that_did_not_fit_the_window_was_not_thought_about() {
    let mut run = Run::default();
    fetch(&mut run, [0.0, 0.0, 0.0, 20.0]);
    for (ms, len) in [(80.0, 100), (80.0, 1_400), (100.0, 600)] {
        run.data(ms, len);
    }
    assert_eq!(run.waterfall().phases[3].reason(), "1 RTT 20.0 · 1 RTT for the sender's window 20.0");
    // A few settings before the answer are no full window.
    let mut run = Run::default();
    fetch(&mut run, [0.0, 0.0, 0.0, 20.0]);
    run.data(80.0, 100);
    run.data(100.0, 1_400);
    assert_eq!(run.waterfall().phases[4].name, "server_think");
}

#[test]
fn a_server_that_thinks_behind_a_link_with_jitter_is_charged_with_what_is_left() {
    let mut run = Run::default();
    fetch(&mut run, [0.0, 0.0, 0.0, 30.0]);
    let hints = Hints { jitter: Duration::from_millis(8), ..Hints::default() };
    let waterfall = run.waterfall_with(&hints);
    assert_eq!(waterfall.phases[3].reason(), "1 RTT 20.0 · jitter +4.0");
    assert_eq!(waterfall.phases[4].duration, Duration::from_millis(26));
}

#[test]
fn time_between_phases_belongs_to_fathom() {
    let mut run = Run::default();
    let fetch = run.start(0.0, None, "fetch", "http://example.com/");
    run.span(fetch, "resolve", 0.0, 10.0);
    run.span(fetch, "connect", 15.0, 35.0);
    run.done(36.0, fetch);
    let waterfall = run.waterfall();
    let names: Vec<_> = rows(&waterfall).into_iter().map(|(name, ms, _)| (name, ms)).collect();
    assert_eq!(names, [("resolve", 10.0), ("gap", 5.0), ("connect", 20.0), ("gap", 1.0)]);
    assert_eq!(waterfall.causes().last().unwrap().0, "own work");
}

#[test]
fn attempts_that_lost_the_race_are_shown_and_not_counted() {
    let mut run = Run::default();
    let fetch = run.start(0.0, None, "fetch", "http://example.com/");
    let remote: [SocketAddr; 2] = ["[2001:db8::1]:80".parse().unwrap(), "192.0.2.1:80".parse().unwrap()];
    let local = CLIENT.parse().unwrap();
    let six = run.start(0.0, Some(fetch), "connect", &remote[0].to_string());
    let four = run.start(250.0, Some(fetch), "connect", "");
    run.push(250.0, Kind::SpanNote(four, SpanNote::Addresses { local, remote: remote[1] }));
    run.done(270.0, four);
    run.push(270.0, Kind::SpanEnd(SpanEnd { span: six, outcome: Outcome::Cancelled }));
    run.done(270.0, fetch);
    let waterfall = run.waterfall();
    let rows: Vec<_> = waterfall.phases.iter().map(|phase| (phase.label.as_str(), phase.reason())).collect();
    assert_eq!(
        rows,
        [
            ("connect v6", "no answer for 250.0 · [2001:db8::1]:80 · given up".into()),
            ("connect v4", "1 RTT · 192.0.2.1:80".to_owned())
        ]
    );
}

#[test]
fn a_few_microseconds_of_our_own_are_no_row() {
    let mut run = Run::default();
    let fetch = run.start(0.0, None, "fetch", "http://example.com/");
    run.span(fetch, "resolve", 0.0, 10.0);
    run.span(fetch, "connect", 10.01, 30.0);
    run.done(30.02, fetch);
    let rows: Vec<_> = rows(&run.waterfall()).into_iter().map(|(name, ..)| name).collect();
    assert_eq!(rows, ["resolve", "connect"]);
}

#[test]
fn a_response_that_was_cut_off_says_how_far_it_came() {
    let mut run = Run::default();
    let fetch = fetch_without_response(&mut run);
    let response = run.start(80.0, Some(fetch), "response", "");
    run.data(85.0, 960);
    run.push(90.0, Kind::SpanEnd(SpanEnd { span: response, outcome: Outcome::Cancelled }));
    run.failed(90.0, fetch, "timeout");
    assert_eq!(run.waterfall().phases[4].reason(), "960 B at 768 kbit/s · given up");
}

#[test]
fn a_failure_shows_where_it_stopped() {
    let mut run = Run::default();
    let fetch = run.start(0.0, None, "fetch", "http://refused.example.com/");
    run.span(fetch, "resolve", 0.0, 20.0);
    let connect = run.start(20.0, Some(fetch), "connect", "");
    run.failed(40.0, connect, "connection refused by 192.0.2.1:80");
    run.failed(40.0, fetch, "");
    let waterfall = run.waterfall();
    assert_eq!(waterfall.phases[1].reason(), "connection refused by 192.0.2.1:80");
    assert!(waterfall.to_text(Style::plain(100)).contains("✗"));
}

#[test]
fn hops_have_rows_of_their_own_and_curls_times_are_sums_over_them() {
    let mut run = Run::default();
    let first = run.start(0.0, None, "fetch", "http://example.com/a");
    run.span(first, "resolve", 0.0, 20.0);
    run.span(first, "connect", 20.0, 40.0);
    run.span(first, "request", 40.0, 60.0);
    run.done(60.0, first);
    let second = run.start(60.0, None, "fetch", "http://example.com/b");
    run.span(second, "request", 61.0, 80.0);
    run.span(second, "response", 80.0, 90.0);
    run.done(90.0, second);
    let waterfall = run.waterfall();
    assert_eq!(waterfall.hops, ["http://example.com/a", "http://example.com/b"]);
    let ms = Duration::from_millis;
    assert_eq!(
        waterfall.timings,
        Timings {
            name_lookup: ms(20),
            connect: ms(40),
            app_connect: ms(0),
            pre_transfer: ms(41),
            post_transfer: ms(41),
            start_transfer: ms(80),
            redirect: ms(60),
            total: ms(90),
        }
    );
    let text = waterfall.to_text(Style::plain(80));
    let at = |what: &str| text.find(what).unwrap();
    assert!(
        at("http://example.com/a\n") < at("connect") && at("connect") < at("http://example.com/b\n"),
        "{text}"
    );
}

#[test]
fn the_request_was_sent_a_round_trip_before_it_was_answered() {
    let mut run = Run::default();
    fetch(&mut run, [0.0; 4]);
    run.segment(60.0, SendReason::NewData, 901, 100);
    // Settings are acknowledged when the answer comes.
    run.segment(80.0, SendReason::NewData, 1001, 30);
    assert_eq!(run.waterfall().timings.post_transfer, Duration::from_millis(60));
}

#[test]
fn records_without_a_fetch_have_no_waterfall() {
    let mut run = Run::default();
    run.opened(0.0);
    assert_eq!(Waterfall::from_records(&run.records, &Hints::default()), None);
    assert_eq!(Waterfall::from_records(&[], &Hints::default()), None);
}

/// A request that was lost once, to a server that thinks.
fn eventful() -> Waterfall {
    let mut run = Run::default();
    fetch(&mut run, [0.0, 0.0, 0.0, 50.0]);
    run.segment(100.0, SendReason::RetransmissionTimeout { number: 1 }, 601, 300);
    let hints = Hints { facts: vec!["cubic".into(), "seed 7".into()], ..Hints::default() };
    run.waterfall_with(&hints)
}

#[test]
fn the_text_is_what_a_person_sees() {
    assert_eq!(
        eventful().to_text(Style::plain(100)),
        "\
HTTP/2 200   1.3 kB   example.com → 93.184.215.14:443   TLS 1.3 · X25519 · h2 · cubic · seed 7
                      0            50          100 ms
A dns  resolve        ▇▇▇▇▇                                20.0   1 RTT · 2 queries · ttl 300
T tcp  connect             ▇▇▇▇▇                           20.0   1 RTT
A tls  1.3 full                 ▇▇▇▇▇                      20.0   1 RTT
A http request                       ▇▇▇▇▇▇▇▇▇▇╳▇▇▇▇       60.0   1 loss, repaired +40.0 (RTO) ·
                                                                  1 RTT 20.0
  server think                                      ░░░    10.0   not the network
                                                  total   130.0
where round trips 80.0 · loss 40.0 · server think 10.0
"
    );
}

#[test]
fn the_text_fits_every_width_from_60_columns_on() {
    let mut waterfall = eventful();
    waterfall.headline.host = Some("a.".repeat(100));
    waterfall.hops = vec!["https://".to_owned() + &"a.".repeat(100); 2];
    waterfall.total *= 10_000;
    for width in [0, 60, 61, 79, 80, 99, 120, 200] {
        let text = waterfall.to_text(Style::plain(width));
        let longest = text.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(longest <= width.max(60), "{longest} in {width} columns:\n{text}");
        assert!(text.lines().all(|line| !line.ends_with(' ')));
    }
}

#[test]
fn ascii_and_colour_change_nothing_but_characters() {
    let waterfall = eventful();
    let plain = waterfall.to_text(Style::plain(100));
    let ascii = waterfall.to_text(Style { ascii: true, ..Style::plain(100) });
    assert!(ascii.is_ascii(), "{ascii}");
    assert_eq!(ascii.chars().count(), plain.chars().count());
    let colour = waterfall.to_text(Style { colour: true, ..Style::plain(100) });
    let mut without = String::new();
    for (place, piece) in colour.split('\x1b').enumerate() {
        without += if place == 0 { piece } else { piece.split_once('m').unwrap().1 };
    }
    assert_eq!(without, plain);
}

#[test]
fn the_picture_shows_the_same_words_and_is_well_formed() {
    let svg = eventful().to_svg("fathom get 'https://example.com/?a=1&b=<2>'", "page");
    for text in ["fathom get", "&amp;b=&lt;2&gt;", ">page<", "1.3 full", "not the network", "130.0"] {
        assert!(svg.contains(text), "{text}");
    }
    assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
    let long = eventful().to_svg(&"word ".repeat(40), "");
    assert!(long.matches("word word").count() > 1, "a long command takes several lines");
    assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n") && !svg.contains("▇"));
}

/// Any record that has a say in the waterfall, of a flow and spans that may exist.
fn any_kind() -> impl Strategy<Value = Kind> {
    let name = prop::sample::select(
        &["fetch", "resolve", "connect", "handshake", "request", "response", "other"][..],
    );
    let id = (1..20_u64).prop_map(|counter| RecordId { shard: 0, counter });
    let start = (name, proptest::option::of(id.clone()), any::<bool>()).prop_map(|(name, parent, flow)| {
        let flow = flow.then_some(FLOW);
        Kind::SpanStart(SpanStart {
            parent,
            layer: Layer::Application,
            name,
            detail: "http://a/".into(),
            flow,
        })
    });
    let outcome =
        prop_oneof![Just(Outcome::Done), Just(Outcome::Failed("no".into())), Just(Outcome::Cancelled)];
    let end = (id, outcome).prop_map(|(span, outcome)| Kind::SpanEnd(SpanEnd { span, outcome }));
    let why = prop_oneof![
        Just(SendReason::Syn),
        Just(SendReason::NewData),
        Just(SendReason::RetransmissionTimeout { number: 1 }),
        Just(SendReason::FastRetransmit),
    ];
    let segment = (why, 0..5_u32, 0..2_u32).prop_map(|(why, seq, len)| Engine::TcpSegment {
        flow: FLOW,
        why,
        seq,
        ack: 0,
        len,
    });
    let rtt = (0..30_u64).prop_map(|ms| {
        let sample = Duration::from_millis(ms);
        Engine::Rtt { flow: FLOW, sample, srtt: sample, rttvar: sample, rto: sample }
    });
    let limit =
        prop::sample::select(&[Limit::Application, Limit::CongestionWindow, Limit::ReceiveWindow][..]);
    let engine = prop_oneof![
        segment,
        rtt,
        limit.prop_map(|by| Engine::Limited { flow: FLOW, by }),
        Just(Engine::HoleOpened { flow: FLOW, seq: 1 }),
        Just(Engine::HoleFilled { flow: FLOW, seq: 2 }),
        Just(Engine::Link { interface: InterfaceIndex(0), fate: LinkFate::Lost, frame: None }),
        Just(Engine::Packet { why: SendReason::NeighbourRequest }),
    ];
    prop_oneof![start, end, engine.prop_map(Kind::Engine)]
}

proptest! {
    #[test]
    fn the_parts_of_any_run_sum_to_the_whole(
        kinds in proptest::collection::vec((0..20_u64, any_kind()), 0..40),
        rate in proptest::option::of(1..10_000_u64),
        jitter in 0..50_u64,
    ) {
        let mut run = Run::default();
        let fetch = run.start(0.0, None, "fetch", "http://example.com/");
        run.opened(0.0);
        let mut now = 0;
        for (step, kind) in kinds {
            now += step;
            run.push(now as f64, kind);
            run.data(now as f64, 10);
        }
        run.done(now as f64, fetch);
        let jitter = Duration::from_millis(jitter);
        let hints = Hints { links: vec![LinkType::Raw], rate_down: rate, jitter, delay: jitter, ..Hints::default() };
        let waterfall = run.waterfall_with(&hints);
        for width in [0, 80, 200] {
            let text = waterfall.to_text(Style::plain(width));
            prop_assert!(text.lines().all(|line| line.chars().count() <= width.max(60)), "{}", text);
        }
    }
}
