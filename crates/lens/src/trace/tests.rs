use fathom_record::{DropReason, FlowId, FrameRecord, InterfaceIndex, RecordId, SendReason, TcpStateName};

use super::*;
use crate::tests::{ethernet, tcp};

fn record(counter: u64, ms: u64, cause: Option<u64>, kind: Kind) -> Record {
    let id = |counter| RecordId { shard: 0, counter };
    Record { id: id(counter), at: Instant::from_millis(ms), cause: cause.map(id), kind }
}

fn frame(direction: Direction, packet: &[u8]) -> Kind {
    let bytes = ethernet(0x0800, packet).into();
    Kind::Frame(FrameRecord { interface: InterfaceIndex(0), direction, bytes })
}

fn trace(style: Style, records: &[Record]) -> String {
    let mut tracer = Tracer::new(&[], style);
    records.iter().filter_map(|record| tracer.push(record)).collect()
}

fn records() -> Vec<Record> {
    let flow = FlowId(1);
    let segment = |why, seq, len| Kind::Engine(Engine::TcpSegment { flow, why, seq, ack: 1, len });
    let data = tcp("10.0.2.100:40112", "93.184.215.14:443", 5841, &[23, 3, 3, 0, 1, 0]);
    let ack = tcp("93.184.215.14:443", "10.0.2.100:40112", 1, &[]);
    let state = Engine::TcpState { flow, from: TcpStateName::SynSent, to: TcpStateName::Established };
    let lost = Engine::Link {
        interface: InterfaceIndex(0),
        fate: LinkFate::Lost,
        frame: Some(RecordId { shard: 0, counter: 3 }),
    };
    let dropped = Engine::Dropped { interface: None, reason: DropReason::TcpChecksum, len: 40 };
    vec![
        record(1, 1_000, None, Kind::Engine(state)),
        record(2, 1_020, None, segment(SendReason::NewData, 5841, 6)),
        record(3, 1_020, Some(2), frame(Direction::Transmitted, &data)),
        record(4, 1_020, None, Kind::Engine(lost)),
        record(5, 1_220, None, segment(SendReason::RetransmissionTimeout { number: 1 }, 5841, 6)),
        record(6, 1_220, Some(5), frame(Direction::Transmitted, &data)),
        record(7, 1_240, None, frame(Direction::Received, &ack)),
        record(8, 1_240, Some(7), Kind::Engine(dropped)),
    ]
}

#[test]
fn frames_are_nested_with_their_reasons() {
    assert_eq!(
        trace(Style::plain(100), &records()),
        "  tcp SYN-SENT → ESTABLISHED
#1  t=+0.020000  →  60 B   why: new data, 6 B
└ eth 02:00:00:00:00:01→02:00:00:00:00:fe  └ ip4 10.0.2.100→93.184.215.14 ttl 64
  └ tcp 40112→443 seq 5841 ack 1 win 501 6 B
    └ tls application data 1 B
  ╳ #1 lost on the way
#2  t=+0.220000  →  60 B   why: RTO number 1 of #1, sent 200.0 ms ago
└ eth 02:00:00:00:00:01→02:00:00:00:00:fe  └ ip4 10.0.2.100→93.184.215.14 ttl 64
  └ tcp 40112→443 seq 5841 ack 1 win 501 6 B
    └ tls application data 1 B
#3  t=+0.240000  ←  54 B
└ eth 02:00:00:00:00:01→02:00:00:00:00:fe  └ ip4 93.184.215.14→10.0.2.100 ttl 64
  └ tcp 443→40112 seq 1 ack 1 win 501
  ✗ #3 dropped: tcp_checksum
"
    );
}

#[test]
fn headers_keep_to_the_width_and_to_ascii() {
    let style = Style { width: 60, colour: false, ascii: true };
    let text = trace(style, &records());
    assert!(text.is_ascii(), "{text}");
    let headers = text.lines().filter(|line| line.trim_start().starts_with('\\'));
    assert!(headers.clone().count() == 11);
    assert!(headers.clone().all(|line| line.len() <= 60), "{text}");
}
