use crate::waterfall::{Cause, Headline, Part, Phase, PhaseOutcome, Timings};

use super::*;

#[test]
fn the_report_has_the_fields_and_units_it_promises() {
    let duration = Duration::from_nanos(20_123_456);
    let waterfall = Waterfall {
        headline: Headline::default(),
        hops: vec!["https://example.com/".into()],
        phases: vec![Phase {
            hop: 0,
            layer: fathom_record::Layer::Transport,
            protocol: "tcp",
            name: "connect",
            label: "connect".into(),
            start: Duration::from_millis(20),
            duration,
            parts: vec![Part { cause: Cause::RoundTrips { count: 1 }, duration }],
            notes: Vec::new(),
            losses: Vec::new(),
            outcome: PhaseOutcome::Done,
        }],
        total: Duration::from_millis(80),
        timings: Timings::default(),
    };
    let http = HttpReport { version: "2".into(), status: 200 };
    let tcp = TcpReport {
        rtt_ms: 20.0,
        segments_sent: 12,
        segments_received: 14,
        retransmits: 1,
        mss: 1460,
        congestion_control: "cubic".into(),
    };
    let report = serde_json::to_value(Report::new(&waterfall, Some(http), Some(tcp))).unwrap();
    assert_eq!(
        report,
        serde_json::json!({
            "schema_version": 1,
            "total_ms": 80.0,
            "phases": [{
                "layer": "transport",
                "name": "connect",
                "start_ms": 20.0,
                "ms": 20.123,
                "reason": "1 RTT",
            }],
            "causes": [{ "name": "round trips", "ms": 20.123 }],
            "http": { "version": "2", "status": 200 },
            "tcp": {
                "rtt_ms": 20.0,
                "segments_sent": 12,
                "segments_received": 14,
                "retransmits": 1,
                "mss": 1460,
                "congestion_control": "cubic",
            },
        })
    );
}
