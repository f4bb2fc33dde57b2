//! Sockets and counters as people read them.

use std::fmt::Write;

use serde_json::Value;

const HEADS: [&str; 6] = ["Netid", "State", "Recv-Q", "Send-Q", "Local Address:Port", "Peer Address:Port"];
/// Columns with numbers, which stand at the right.
const NUMBERS: [bool; 6] = [false, false, true, true, false, false];

/// Rows like those of ss.
#[derive(Default)]
pub(super) struct Table {
    rows: Vec<([String; 6], Option<String>)>,
}

impl Table {
    /// Adds a socket.
    pub(super) fn add(&mut self, socket: &Value) {
        let text = |member: &str| match &socket[member] {
            Value::String(text) => text.clone(),
            Value::Null => "*:*".into(),
            other => other.to_string(),
        };
        let cells = [
            text("protocol"),
            state(&text("state")).into(),
            text("recv_q"),
            text("send_q"),
            text("local"),
            text("remote"),
        ];
        self.rows.push((cells, socket.get("info").map(info)));
    }

    /// All of it.
    pub(super) fn text(&self) -> String {
        let mut widths = HEADS.map(str::len);
        for (cells, _) in &self.rows {
            for (width, cell) in widths.iter_mut().zip(cells) {
                *width = (*width).max(cell.len());
            }
        }
        let mut text = String::new();
        line(&mut text, &widths, &HEADS.map(str::to_owned));
        for (cells, info) in &self.rows {
            line(&mut text, &widths, cells);
            if let Some(info) = info {
                // Writing to a string cannot fail.
                let _ = writeln!(text, "\t {info}");
            }
        }
        text
    }
}

fn line(text: &mut String, widths: &[usize; 6], cells: &[String; 6]) {
    let mut row = String::new();
    for ((cell, width), number) in cells.iter().zip(widths).zip(NUMBERS) {
        let _ = if number { write!(row, "{cell:>width$}  ") } else { write!(row, "{cell:<width$}  ") };
    }
    text.push_str(row.trim_end());
    text.push('\n');
}

/// The name that ss has for a state.
fn state(name: &str) -> &str {
    match name {
        "ESTABLISHED" => "ESTAB",
        "SYN-RECEIVED" => "SYN-RECV",
        "UNCONNECTED" => "UNCONN",
        "CLOSED" => "UNCONN",
        other => other,
    }
}

/// What TCP knows of a connection, as ss -i writes it. What is zero or unknown is left out there too.
fn info(info: &Value) -> String {
    let number = |member: &str| info[member].as_f64().unwrap_or(0.0);
    let whole = |member: &str| info[member].as_u64().unwrap_or(0);
    let mut out = Vec::new();
    if info["timestamps"] == true {
        out.push("ts".to_owned());
    }
    if info["sack"] == true {
        out.push("sack".to_owned());
    }
    out.push(info["congestion_control"].as_str().unwrap_or("?").to_owned());
    let scales = (whole("snd_wscale"), whole("rcv_wscale"));
    if scales != (0, 0) {
        out.push(format!("wscale:{},{}", scales.0, scales.1));
    }
    out.push(format!("rto:{}", short(number("rto_ms"))));
    if whole("backoff") > 0 {
        out.push(format!("backoff:{}", whole("backoff")));
    }
    if number("rtt_ms") > 0.0 {
        out.push(format!("rtt:{}/{}", short(number("rtt_ms")), short(number("rttvar_ms"))));
    }
    if number("ato_ms") > 0.0 {
        out.push(format!("ato:{}", short(number("ato_ms"))));
    }
    let mss = whole("snd_mss").max(1);
    out.push(format!("mss:{mss}"));
    if whole("rcv_mss") > 0 {
        out.push(format!("rcvmss:{}", whole("rcv_mss")));
    }
    let cwnd = whole("snd_cwnd");
    out.push(format!("cwnd:{}", cwnd.div_ceil(mss)));
    if let Some(ssthresh) = info["snd_ssthresh"].as_u64() {
        out.push(format!("ssthresh:{}", ssthresh.div_ceil(mss)));
    }
    let retransmitted = whole("bytes_retrans");
    for (name, value) in [
        ("bytes_sent", whole("bytes_sent") + retransmitted),
        ("bytes_retrans", retransmitted),
        ("bytes_acked", whole("bytes_acked")),
        ("bytes_received", whole("bytes_received")),
        ("segs_out", whole("segments_sent")),
        ("segs_in", whole("segments_received")),
    ] {
        if value > 0 {
            out.push(format!("{name}:{value}"));
        }
    }
    if number("rtt_ms") > 0.0 {
        out.push(format!("send {}bps", scaled(cwnd as f64 * 8.0 / (number("rtt_ms") / 1e3))));
    }
    if whole("in_flight") > 0 {
        out.push(format!("unacked:{}", whole("in_flight").div_ceil(mss)));
    }
    if whole("retransmits") > 0 {
        out.push(format!("retrans:{}/{}", whole("retrans").div_ceil(mss), whole("retransmits")));
    }
    for name in ["lost", "sacked"] {
        if whole(name) > 0 {
            out.push(format!("{name}:{}", whole(name).div_ceil(mss)));
        }
    }
    // As in ss, only what differs from the beginning.
    if whole("reordering") > 3 {
        out.push(format!("reordering:{}", whole("reordering")));
    }
    for (name, member) in [("dsack_dups", "dsack_dups"), ("notsent", "notsent_bytes")] {
        if whole(member) > 0 {
            out.push(format!("{name}:{}", whole(member)));
        }
    }
    if number("min_rtt_ms") > 0.0 {
        out.push(format!("minrtt:{}", short(number("min_rtt_ms"))));
    }
    for name in ["snd_wnd", "rcv_wnd"] {
        if whole(name) > 0 {
            out.push(format!("{name}:{}", whole(name)));
        }
    }
    if let Some(state @ ("disorder" | "recovery" | "loss")) = info["ca_state"].as_str() {
        out.push(state.to_owned());
    }
    out.join(" ")
}

/// A number with no more digits after its point than say something.
fn short(number: f64) -> String {
    let text = format!("{number:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// `1.2M`, as ss writes rates.
fn scaled(number: f64) -> String {
    let (value, unit) = match number {
        n if n >= 1e9 => (n / 1e9, "G"),
        n if n >= 1e6 => (n / 1e6, "M"),
        n if n >= 1e3 => (n / 1e3, "k"),
        n => (n, ""),
    };
    format!("{}{unit}", short((value * 10.0).round() / 10.0))
}

/// What is counted, and is not zero, a line each.
pub(super) fn counters(counters: &Value) -> String {
    let mut text = String::new();
    for part in ["stack", "drops", "sockets", "http"] {
        let Some(members) = counters[part].as_object() else { continue };
        for (name, value) in members {
            match value {
                Value::Object(inner) => {
                    for (key, value) in inner {
                        let _ = writeln!(text, "{:<34} {value}", format!("{part} {name} {key}"));
                    }
                }
                value if value.as_u64() == Some(0) => {}
                value => {
                    let _ = writeln!(text, "{:<34} {value}", format!("{part} {name}"));
                }
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_connection_is_shown_as_ss_shows_it() {
        let mut table = Table::default();
        table.add(&json!({
            "protocol": "tcp", "state": "LISTEN", "local": "[::]:80", "recv_q": 0, "send_q": 128,
        }));
        table.add(&json!({
            "protocol": "tcp", "state": "ESTABLISHED", "local": "192.0.2.2:80", "remote": "192.0.2.1:40112",
            "recv_q": 0, "send_q": 2896, "info": {
                "timestamps": true, "congestion_control": "reno", "snd_wscale": 7, "rcv_wscale": 8,
                "rto_ms": 204.5, "rtt_ms": 1.25, "rttvar_ms": 0.5, "min_rtt_ms": 0.08, "snd_mss": 1448,
                "rcv_mss": 536, "snd_cwnd": 14480, "snd_ssthresh": 28960, "bytes_sent": 1000, "retransmits": 3,
                "in_flight": 2896, "ca_state": "recovery", "backoff": 0,
            },
        }));
        assert_eq!(
            table.text(),
            "Netid  State   Recv-Q  Send-Q  Local Address:Port  Peer Address:Port\n\
             tcp    LISTEN       0     128  [::]:80             *:*\n\
             tcp    ESTAB        0    2896  192.0.2.2:80        192.0.2.1:40112\n\
             \t ts reno wscale:7,8 rto:204.5 rtt:1.25/0.5 mss:1448 rcvmss:536 cwnd:10 ssthresh:20 \
             bytes_sent:1000 send 92.7Mbps unacked:2 retrans:0/3 minrtt:0.08 recovery\n"
        );
    }

    #[test]
    fn counters_that_are_not_zero_are_shown_with_where_they_belong() {
        let text = counters(&json!({
            "stack": { "frames_received": 5, "udp_sent": 0 },
            "drops": { "tcp_checksum": 2 },
            "http": { "requests": { "200": 7 } },
        }));
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(
            lines,
            [
                vec!["stack", "frames_received", "5"],
                vec!["drops", "tcp_checksum", "2"],
                vec!["http", "requests", "200", "7"]
            ]
        );
    }
}
