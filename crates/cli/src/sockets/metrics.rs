//! Counters as OpenMetrics text (OpenMetrics 1.0, what Prometheus reads).

use std::fmt::Write;

use serde_json::Value;

/// A family of metrics.
struct Family {
    name: &'static str,
    kind: Kind,
    unit: &'static str,
    help: &'static str,
    /// Where its value is; with a label, where there is an object with a value for each label value.
    place: [&'static str; 2],
    label: Option<&'static str>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Counter,
    Gauge,
}

const fn counter(
    name: &'static str,
    unit: &'static str,
    place: [&'static str; 2],
    help: &'static str,
) -> Family {
    Family { name, kind: Kind::Counter, unit, help, place, label: None }
}

const FAMILIES: &[Family] = &[
    counter("fathom_frames_received", "", ["stack", "frames_received"], "Frames that came in."),
    counter("fathom_received_bytes", "bytes", ["stack", "bytes_received"], "Bytes of these frames."),
    counter("fathom_frames_transmitted", "", ["stack", "frames_transmitted"], "Frames that went out."),
    counter("fathom_transmitted_bytes", "bytes", ["stack", "bytes_transmitted"], "Bytes of these frames."),
    counter("fathom_packets_forwarded", "", ["stack", "packets_forwarded"], "Packets forwarded for others."),
    counter(
        "fathom_packets_reassembled",
        "",
        ["stack", "packets_reassembled"],
        "Packets put together from fragments.",
    ),
    counter("fathom_fragments_sent", "", ["stack", "fragments_sent"], "Fragments made."),
    counter("fathom_icmp_errors_sent", "", ["stack", "icmp_errors_sent"], "ICMP errors sent."),
    counter(
        "fathom_icmp_errors_received",
        "",
        ["stack", "icmp_errors_received"],
        "ICMP errors that concerned a socket.",
    ),
    counter(
        "fathom_address_conflicts",
        "",
        ["stack", "address_conflicts"],
        "Times that another node used an address of ours.",
    ),
    counter("fathom_udp_received", "", ["stack", "udp_received"], "Datagrams given to sockets."),
    counter("fathom_udp_sent", "", ["stack", "udp_sent"], "Datagrams sent by sockets."),
    Family {
        name: "fathom_drops",
        kind: Kind::Counter,
        unit: "",
        help: "What was not accepted or could not be sent, by reason.",
        place: ["drops", ""],
        label: Some("reason"),
    },
    Family {
        name: "fathom_sockets",
        kind: Kind::Gauge,
        unit: "",
        help: "Sockets, by state.",
        place: ["sockets", ""],
        label: Some("state"),
    },
    counter("fathom_http_connections", "", ["http", "connections"], "HTTP connections accepted."),
    Family {
        name: "fathom_http_connections_open",
        kind: Kind::Gauge,
        unit: "",
        help: "HTTP connections that are open.",
        place: ["http", "connections_open"],
        label: None,
    },
    Family {
        name: "fathom_http_requests",
        kind: Kind::Counter,
        unit: "",
        help: "HTTP requests, by status of the answer.",
        place: ["http", "requests"],
        label: Some("status"),
    },
    counter("fathom_http_sent_bytes", "bytes", ["http", "bytes_sent"], "Bytes of the bodies of answers."),
    counter(
        "fathom_http_received_bytes",
        "bytes",
        ["http", "bytes_received"],
        "Bytes of the bodies of requests.",
    ),
    counter("fathom_records_lost", "", ["records_lost", ""], "Records lost to a full ring."),
    Family {
        name: "fathom_uptime_seconds",
        kind: Kind::Gauge,
        unit: "seconds",
        help: "Time since the host was started.",
        place: ["uptime_s", ""],
        label: None,
    },
];

/// All that is counted, as OpenMetrics text.
pub(super) fn text(counters: &Value) -> String {
    let mut text = String::new();
    let version = counters["fathom"].as_str().unwrap_or_default();
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "# TYPE fathom_build info\n# HELP fathom_build The fathom that answers.\n\
         fathom_build_info{{version=\"{}\"}} 1\n",
        escape(version)
    );
    for family in FAMILIES {
        family.write(counters, &mut text);
    }
    text.push_str("# EOF\n");
    text
}

impl Family {
    fn write(&self, counters: &Value, text: &mut String) {
        let Family { name, kind, unit, help, place: [part, member], label } = self;
        let value = if member.is_empty() { &counters[*part] } else { &counters[*part][*member] };
        let (kind, suffix) = match kind {
            Kind::Counter => ("counter", "_total"),
            Kind::Gauge => ("gauge", ""),
        };
        let _ = writeln!(text, "# TYPE {name} {kind}");
        if !unit.is_empty() {
            let _ = writeln!(text, "# UNIT {name} {unit}");
        }
        let _ = writeln!(text, "# HELP {name} {help}");
        match (label, value) {
            (Some(label), Value::Object(members)) => {
                for (key, value) in members {
                    let _ = writeln!(text, "{name}{suffix}{{{label}=\"{}\"}} {value}", escape(key));
                }
            }
            (None, Value::Number(number)) => {
                let _ = writeln!(text, "{name}{suffix} {number}");
            }
            // Another version may know less.
            _ => {}
        }
    }
}

/// A label's value within its quotes.
fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;

    #[test]
    fn the_text_is_openmetrics() {
        let text = text(&json!({
            "fathom": "0.1.0 \"x\"",
            "stack": { "frames_received": 5, "bytes_received": 500 },
            "drops": { "tcp_checksum": 2, "no_route": 0 },
            "sockets": { "LISTEN": 1 },
            "http": { "connections_open": 1, "requests": { "200": 7 } },
            "uptime_s": 1.5,
        }));
        for line in [
            "fathom_build_info{version=\"0.1.0 \\\"x\\\"\"} 1",
            "fathom_frames_received_total 5",
            "# UNIT fathom_received_bytes bytes",
            "fathom_received_bytes_total 500",
            "fathom_drops_total{reason=\"tcp_checksum\"} 2",
            "fathom_sockets{state=\"LISTEN\"} 1",
            "fathom_http_requests_total{status=\"200\"} 7",
            "fathom_uptime_seconds 1.5",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
        assert!(text.ends_with("\n# EOF\n"));
    }

    #[test]
    fn names_and_units_follow_the_rules() {
        let mut names = BTreeSet::new();
        for family in FAMILIES {
            let Family { name, unit, help, .. } = family;
            assert!(names.insert(*name), "{name} twice");
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
            assert!(unit.is_empty() || name.ends_with(&format!("_{unit}")), "{name} ends with its unit");
            assert!(!name.ends_with("_total") && !help.contains(['\n', '\\', '"']), "{name}");
        }
    }
}
