//! What there is to tell about a running host.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

use fathom_apps::http::server::Server;
use fathom_net::{DropReason, Host, ListenAt, SocketCursor, SocketEntry, TcpInfo};
use serde_json::{Map, Value, json};

use super::{SLOTS_AT_ONCE, VERSION};
use crate::serve::Traffic;

/// A running host, and what it is for.
pub(crate) struct Source {
    pub(crate) host: Host,
    pub(crate) server: Server,
    pub(crate) traffic: Traffic,
}

impl Source {
    /// A line for each socket.
    pub(super) fn sockets(&self, out: &mut impl Write) -> io::Result<()> {
        let mut count = 0_u64;
        let mut cursor = Some(SocketCursor::default());
        while let Some(from) = cursor {
            let mut entries = Vec::new();
            cursor = self.host.stack(|stack, now| {
                stack.walk_sockets(now, from, SLOTS_AT_ONCE, |entry| entries.push(entry))
            });
            for entry in entries {
                count += 1;
                writeln!(out, "{}", json!({ "version": VERSION, "socket": socket(&entry) }))?;
            }
        }
        writeln!(out, "{}", json!({ "version": VERSION, "end": true, "sockets": count }))
    }

    /// One line with everything that is counted.
    pub(super) fn counters(&self, out: &mut impl Write) -> io::Result<()> {
        let counters = self.host.stack(|stack, _| stack.counters().clone());
        let drops: Map<String, Value> = DropReason::ALL
            .iter()
            .map(|reason| (reason.label().to_owned(), counters.dropped(*reason).into()))
            .collect();
        let value = json!({
            "version": VERSION,
            "end": true,
            "fathom": env!("CARGO_PKG_VERSION"),
            "pid": std::process::id(),
            "uptime_s": Duration::from_nanos(self.host.now().as_nanos()).as_secs_f64(),
            "stack": {
                "frames_received": counters.frames_received,
                "bytes_received": counters.bytes_received,
                "frames_transmitted": counters.frames_transmitted,
                "bytes_transmitted": counters.bytes_transmitted,
                "packets_forwarded": counters.packets_forwarded,
                "packets_reassembled": counters.packets_reassembled,
                "fragments_sent": counters.fragments_sent,
                "icmp_errors_sent": counters.icmp_errors_sent,
                "icmp_errors_received": counters.icmp_errors_received,
                "address_conflicts": counters.address_conflicts,
                "udp_received": counters.udp_received,
                "udp_sent": counters.udp_sent,
            },
            "drops": drops,
            "sockets": self.states(),
            "http": {
                "connections": self.server.accepted(),
                "connections_open": self.server.connections(),
                "requests": self.traffic.requests(),
                "bytes_sent": self.traffic.sent(),
                "bytes_received": self.traffic.received(),
            },
            "records_lost": self.host.records_lost(),
        });
        writeln!(out, "{value}")
    }

    /// How many sockets there are, by state.
    fn states(&self) -> Map<String, Value> {
        let mut states: std::collections::BTreeMap<String, u64> = std::collections::BTreeMap::new();
        let mut cursor = Some(SocketCursor::default());
        while let Some(from) = cursor {
            cursor = self.host.stack(|stack, now| {
                stack.walk_sockets(now, from, SLOTS_AT_ONCE, |entry| {
                    *states.entry(state(&entry)).or_default() += 1;
                })
            });
        }
        states.into_iter().map(|(state, count)| (state, count.into())).collect()
    }
}

/// The state of a socket by the name of RFC 9293, or `UDP`.
fn state(entry: &SocketEntry) -> String {
    match entry {
        SocketEntry::Listener { .. } => "LISTEN".into(),
        SocketEntry::Connection { info, .. } => info.state.to_string(),
        SocketEntry::Remnant { state, .. } => state.to_string(),
        SocketEntry::Udp { .. } => "UDP".into(),
    }
}

/// A socket as an object. Times are in milliseconds, sizes in bytes.
fn socket(entry: &SocketEntry) -> Value {
    let state = state(entry);
    let tcp = |local: String, remote: Option<&SocketAddr>| {
        json!({
            "protocol": "tcp",
            "state": state,
            "local": local,
            "remote": remote.map(ToString::to_string),
            "recv_q": 0,
            "send_q": 0,
        })
    };
    let mut value = match entry {
        SocketEntry::Listener { local, waiting, backlog, half_open, .. } => {
            let local = match local {
                ListenAt::Socket(at) => at.to_string(),
                ListenAt::Network(network) => format!("{network}:*"),
            };
            let mut value = tcp(local, None);
            (value["recv_q"], value["send_q"]) = ((*waiting).into(), (*backlog).into());
            value["half_open"] = (*half_open).into();
            value
        }
        SocketEntry::Connection { flow, local, remote, info, unacknowledged, .. } => {
            let mut value = tcp(local.to_string(), Some(remote));
            (value["recv_q"], value["send_q"]) = (info.unread_bytes.into(), (*unacknowledged).into());
            value["flow"] = flow.0.into();
            value["info"] = self::info(info);
            value
        }
        SocketEntry::Remnant { flow, local, remote, .. } => {
            let mut value = tcp(local.to_string(), Some(remote));
            value["flow"] = flow.0.into();
            value
        }
        SocketEntry::Udp { local, remote, incoming, outgoing, dropped, .. } => json!({
            "protocol": "udp",
            "state": if remote.is_some() { "ESTABLISHED" } else { "UNCONNECTED" },
            "local": local.to_string(),
            "remote": remote.map(|remote| remote.to_string()),
            "recv_q": incoming,
            "send_q": outgoing,
            "dropped": dropped,
        }),
    };
    if let Some(object) = value.as_object_mut() {
        object.retain(|_, value| !value.is_null());
    }
    value
}

fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// What TCP knows of a connection, by the names of `TcpInfo`.
fn info(info: &TcpInfo) -> Value {
    json!({
        "congestion_control": info.congestion_control,
        "ca_state": info.ca_state,
        "rtt_ms": ms(info.rtt),
        "rttvar_ms": ms(info.rttvar),
        "min_rtt_ms": ms(info.min_rtt),
        "rto_ms": ms(info.rto),
        "backoff": info.backoff,
        "ato_ms": ms(info.ato),
        "snd_mss": info.snd_mss,
        "rcv_mss": info.rcv_mss,
        "snd_cwnd": info.snd_cwnd,
        "snd_ssthresh": info.snd_ssthresh,
        "snd_wnd": info.snd_wnd,
        "rcv_wnd": info.rcv_wnd,
        "snd_wscale": info.snd_wscale,
        "rcv_wscale": info.rcv_wscale,
        "timestamps": info.timestamps,
        "sack": info.sack,
        "in_flight": info.in_flight,
        "sacked": info.sacked,
        "lost": info.lost,
        "retrans": info.retrans,
        "reordering": info.reordering,
        "notsent_bytes": info.notsent_bytes,
        "unread_bytes": info.unread_bytes,
        "segments_sent": info.segments_sent,
        "segments_received": info.segments_received,
        "bytes_sent": info.bytes_sent,
        "bytes_retrans": info.bytes_retrans,
        "bytes_acked": info.bytes_acked,
        "bytes_received": info.bytes_received,
        "retransmits": info.retransmits,
        "dup_acks": info.dup_acks,
        "dsack_dups": info.dsack_dups,
    })
}
