//! Records of a run: spans and the engine's records, on one clock.

mod common;

use common::{A4, B4, at, ms, pair};
use fathom_impair::Conditions;
use fathom_net::{Kind, Layer, Outcome};
use fathom_record::{Engine, LinkFate, SpanNote};

#[test]
fn spans_and_frames_are_one_stream_in_order_of_time() {
    let mut net = pair(1, Conditions::default().delay(ms(10)));
    net.a.record(1000);
    let server = net.b.udp_bind(at(B4, 7)).unwrap();
    let socket = net.a.udp_bind(at(A4, 0)).unwrap();
    let outer = net.a.span(Layer::Application, "resolve", "example.com");
    let inner = outer.child(Layer::Transport, "query", format_args!("to {B4}"));
    net.world
        .block_on(async {
            socket.send_to(b"x", at(B4, 7)).await.unwrap();
            server.recv_from(&mut [0; 8]).await.unwrap();
        })
        .unwrap();
    inner.fact("attempt", 1);
    inner.failed("no answer");
    drop(outer);

    let records = net.a.drain_records();
    assert!(records.is_sorted_by_key(|record| record.at));
    assert!(records.iter().any(|record| matches!(record.kind, Kind::Frame(_))), "frames are there too");
    let told: Vec<_> =
        records.iter().filter(|record| !matches!(record.kind, Kind::Frame(_) | Kind::Engine(_))).collect();
    let [outer, inner, fact, failed, cancelled] = &told[..] else { panic!("{told:#?}") };
    assert!(
        matches!(&outer.kind, Kind::SpanStart(start) if start.detail == "example.com" && start.parent.is_none())
    );
    assert!(matches!(&inner.kind, Kind::SpanStart(start) if start.parent == Some(outer.id)));
    assert!(
        matches!(&fact.kind, Kind::SpanNote(id, SpanNote::Fact { value, .. }) if *id == inner.id && value == "1")
    );
    assert!(
        matches!(&failed.kind, Kind::SpanEnd(end) if end.span == inner.id && end.outcome == Outcome::Failed("no answer".into()))
    );
    assert!(
        matches!(&cancelled.kind, Kind::SpanEnd(end) if end.span == outer.id && end.outcome == Outcome::Cancelled)
    );
    assert_eq!((outer.at.as_millis(), failed.at.as_millis()), (0, 30));
}

#[test]
fn what_a_link_did_to_a_frame_names_the_frame() {
    let mut net = pair(2, Conditions::default().loss("100%".parse().unwrap()));
    net.a.record(1000);
    let socket = net.a.udp_bind(at(A4, 0)).unwrap();
    net.world.block_on(socket.send_to(b"x", at(B4, 7))).unwrap().unwrap();
    net.world.run_for(ms(1)).unwrap();
    let records = net.a.drain_records();
    let lost = records.iter().find_map(|record| match record.kind {
        Kind::Engine(Engine::Link { fate: LinkFate::Lost, frame, .. }) => frame,
        _ => None,
    });
    let lost = lost.expect("the neighbour request was lost");
    let frame = records.iter().find(|record| record.id == lost).expect("the frame was recorded");
    assert!(matches!(frame.kind, Kind::Frame(_)), "{frame:?}");
}

#[test]
fn a_host_is_told_of_a_frame_that_never_came() {
    let mut net = pair(2, Conditions::default().loss("100%".parse().unwrap()));
    net.b.record(1000);
    let socket = net.a.udp_bind(at(A4, 0)).unwrap();
    net.world.block_on(socket.send_to(b"x", at(B4, 7))).unwrap().unwrap();
    net.world.run_for(ms(1)).unwrap();
    let records = net.b.drain_records();
    let [lost] = &records[..] else { panic!("{records:#?}") };
    assert!(matches!(lost.kind, Kind::Engine(Engine::Link { fate: LinkFate::Lost, frame: None, .. })));
}

#[test]
fn a_host_that_does_not_record_has_spans_that_are_nothing() {
    let net = pair(3, Conditions::default());
    let span = net.a.span(Layer::Application, "request", "GET /");
    assert_eq!(span.id(), None);
    assert_eq!(span.child(Layer::Transport, "connect", "x").id(), None);
    span.done();
    assert!(net.a.drain_records().is_empty());
}
