use std::time::Duration;

use fathom_record::InterfaceIndex;

use super::*;
use crate::tests::tcp;

const A: &str = "10.0.0.1:1000";
const B: &str = "10.0.0.2:80";
const FLOW: FlowId = FlowId(1);

/// Pushes records with ids 1, 2, … and gives what was said about each frame.
struct Story {
    causes: Causes,
    count: u64,
}

impl Story {
    fn new() -> Self {
        Story { causes: Causes::new(&[LinkType::Raw]), count: 0 }
    }

    fn push(&mut self, ms: u64, cause: Option<RecordId>, kind: Kind) -> (RecordId, Option<(u64, String)>) {
        self.count += 1;
        let id = RecordId { shard: 0, counter: self.count };
        (id, self.causes.push(&Record { id, at: Instant::from_millis(ms), cause, kind }))
    }

    fn engine(&mut self, ms: u64, cause: Option<RecordId>, engine: Engine) -> RecordId {
        self.push(ms, cause, Kind::Engine(engine)).0
    }

    fn frame(
        &mut self,
        ms: u64,
        cause: Option<RecordId>,
        direction: Direction,
        seq: u32,
        len: usize,
    ) -> (RecordId, String) {
        let bytes = match direction {
            Direction::Transmitted => tcp(A, B, seq, &vec![0; len]),
            Direction::Received => tcp(B, A, seq, &vec![0; len]),
        };
        let frame = FrameRecord { interface: InterfaceIndex(0), direction, bytes: bytes.into() };
        let (id, said) = self.push(ms, cause, Kind::Frame(frame));
        (id, said.unwrap().1)
    }

    /// A segment and its frame: why it was sent.
    fn sent(&mut self, ms: u64, cause: Option<RecordId>, why: SendReason, seq: u32, len: usize) -> String {
        let segment = Engine::TcpSegment { flow: FLOW, why, seq, ack: 77, len: len as u32 };
        let segment = self.engine(ms, cause, segment);
        self.frame(ms, Some(segment), Direction::Transmitted, seq, len).1
    }
}

#[test]
fn a_retransmission_names_the_frame_it_repeats_and_the_timer() {
    let mut story = Story::new();
    assert_eq!(story.sent(0, None, SendReason::NewData, 100, 50), "new data, 50 B");
    let timeout = Engine::Timeout { flow: FLOW, number: 1, rto: Duration::from_millis(200) };
    let timeout = story.engine(200, None, timeout);
    assert_eq!(
        story.sent(200, Some(timeout), SendReason::RetransmissionTimeout { number: 1 }, 100, 50),
        "RTO number 1 of #1, sent 200.0 ms ago, unanswered for 200.0 ms"
    );
    assert_eq!(
        story.sent(600, None, SendReason::RetransmissionTimeout { number: 2 }, 100, 50),
        "RTO number 2 of #1, sent 600.0 ms ago"
    );
}

#[test]
fn an_answer_names_the_frame_it_answers() {
    let mut story = Story::new();
    let (received, said) = story.frame(1, None, Direction::Received, 27, 50);
    assert_eq!(said, "", "a peer's reasons are not known");
    assert_eq!(story.sent(1, Some(received), SendReason::Ack, 1, 0), "acknowledges up to 77, because of #1");
    let (received, _) = story.frame(2, None, Direction::Received, 127, 50);
    let lost = story.engine(2, Some(received), Engine::LossDetected { flow: FLOW, seq: 100 });
    assert_eq!(
        story.sent(2, Some(lost), SendReason::FastRetransmit, 100, 50),
        "fast retransmit of seq 100, because of #3"
    );
}

#[test]
fn each_frame_of_a_super_segment_is_named_by_itself() {
    let mut story = Story::new();
    let segment = Engine::TcpSegment { flow: FLOW, why: SendReason::NewData, seq: 100, ack: 1, len: 100 };
    let segment = Some(story.engine(0, None, segment));
    for seq in [100, 150] {
        assert_eq!(story.frame(0, segment, Direction::Transmitted, seq, 50).1, "new data, 50 B");
    }
    assert_eq!(
        story.sent(300, None, SendReason::FastRetransmit, 150, 50),
        "fast retransmit of #2, sent 300.0 ms ago"
    );
}

#[test]
fn packets_without_a_connection_have_reasons_too() {
    let mut story = Story::new();
    for (why, sentence) in [
        (SendReason::Datagram, "a datagram of the program"),
        (SendReason::NeighbourRequest, "asks for the link address of the next hop"),
        (SendReason::Forward, "forwards a packet"),
    ] {
        let packet = story.engine(0, None, Engine::Packet { why });
        assert_eq!(story.frame(0, Some(packet), Direction::Transmitted, 1, 0).1, sentence);
    }
}

#[test]
fn memory_is_bounded_and_a_forgotten_cause_is_no_error() {
    let mut story = Story::new();
    let first = Engine::TcpSegment { flow: FLOW, why: SendReason::NewData, seq: 1, ack: 0, len: 1 };
    let first = story.engine(0, None, first);
    for number in 0..Causes::MEMORY as u64 {
        story.sent_nothing(number);
    }
    assert_eq!(story.causes.known.len(), Causes::MEMORY);
    assert_eq!(story.frame(1, Some(first), Direction::Transmitted, 1, 1).1, "");
}

impl Story {
    fn sent_nothing(&mut self, ms: u64) {
        self.engine(ms, None, Engine::LossRepaired { flow: FLOW, up_to: 1 });
    }
}
