//! What can be told about a connection, under the names that Linux's `tcp_info` has where it has them.

use core::time::Duration;

use fathom_record::TcpStateName;
use fathom_wire::Instant;

use super::TcpConfig;
use super::connection::{Connection, Flags};
use super::recovery::{LossRecovery as _, Phase};
use crate::memory::MemoryBudget;

/// Counters of a connection.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Statistics {
    pub(super) segments_sent: u64,
    pub(super) segments_received: u32,
    pub(super) bytes_sent: u64,
    pub(super) bytes_acked: u64,
    pub(super) dup_acks: u32,
}

/// Counters of what was sent again: only a connection that did has them.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Repeats {
    /// Bytes of data.
    pub(super) bytes: u64,
    /// Segments, a SYN included.
    pub(super) segments: u64,
    /// Duplicates that the peer reported (RFC 2883).
    pub(super) dsacks: u64,
}

/// A connection at one moment. Sizes are in bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TcpInfo {
    /// The state of RFC 9293 3.3.2.
    pub state: TcpStateName,
    /// The name of the congestion controller, as Linux has it.
    pub congestion_control: &'static str,
    /// Where loss recovery stands: `open`, `disorder` (something was reported as received behind a hole that
    /// is not taken for a loss), `recovery` (after duplicate acknowledgements) or `loss` (after a timeout);
    /// Linux's `tcpi_ca_state`.
    pub ca_state: &'static str,
    /// Smoothed round-trip time (RFC 6298); zero before the first sample.
    pub rtt: Duration,
    /// Round-trip time variation (RFC 6298).
    pub rttvar: Duration,
    /// The smallest round-trip time measured.
    pub min_rtt: Duration,
    /// Retransmission timeout, with the back-off in force.
    pub rto: Duration,
    /// How often the retransmission timer ran out since the last round-trip time sample.
    pub backoff: u8,
    /// How long an acknowledgement waits for data or another segment to go with.
    pub ato: Duration,
    /// Data of a full segment that we send.
    pub snd_mss: u32,
    /// Data of the largest segment that came.
    pub rcv_mss: u32,
    /// Congestion window.
    pub snd_cwnd: u64,
    /// Slow start threshold; `None` before the first loss.
    pub snd_ssthresh: Option<u64>,
    /// The peer's receive window.
    pub snd_wnd: u32,
    /// Our receive window as the peer knows it.
    pub rcv_wnd: u32,
    /// Shift of the peer's windows (RFC 7323 2).
    pub snd_wscale: u8,
    /// Shift of our windows.
    pub rcv_wscale: u8,
    /// Both ends send timestamps (RFC 7323 3).
    pub timestamps: bool,
    /// Both ends report what arrives out of order (RFC 2018).
    pub sack: bool,
    /// Sequence numbers believed to be in the network.
    pub in_flight: u32,
    /// Of what is outstanding, reported by the peer as received out of order (Linux counts segments).
    pub sacked: u32,
    /// Of what is outstanding, deemed lost, whether it was sent again since or not (Linux counts segments).
    pub lost: u32,
    /// Of what is outstanding, sent again and not yet known to have arrived (Linux counts segments). Known
    /// only with SACK.
    pub retrans: u32,
    /// By how many segments the path is known to reorder: so many must be known to have arrived behind a
    /// hole before it is taken for a loss. 3 at first.
    pub reordering: u32,
    /// Data written and not sent.
    pub notsent_bytes: usize,
    /// Data received and not read.
    pub unread_bytes: usize,
    /// Sequence numbers sent and not acknowledged.
    pub unacked: u32,
    /// Bytes that the send buffer may hold at this moment.
    pub snd_buffer: usize,
    /// Bytes that the receive buffer may hold at this moment; Linux's `tcpi_rcv_space`.
    pub rcv_space: usize,
    /// The round-trip time as the receiver sees it, by what the peer echoes while it sends much; zero without
    /// such a measurement.
    pub rcv_rtt: Duration,
    /// Time since data was last sent.
    pub last_data_sent: Duration,
    /// Time since data last came.
    pub last_data_recv: Duration,
    /// Time since a segment last came, be it only an acknowledgement.
    pub last_ack_recv: Duration,
    /// Consecutive expiries of the retransmission timer, or unanswered window probes.
    pub retransmits_in_a_row: u32,
    /// Unanswered keepalive probes.
    pub probes: u32,
    /// How long the sender had something in flight or waiting.
    pub busy_time: Duration,
    /// How much of that the peer's receive window held it back.
    pub rwnd_limited: Duration,
    /// How much of that its own send buffer held it back: everything was sent, and the program would have
    /// written more.
    pub sndbuf_limited: Duration,
    /// Segments sent, retransmissions included; a super-segment counts as the segments that it is cut into.
    pub segments_sent: u64,
    /// Segments received (the count goes round at 2^32, as Linux's), as they came up: a merged one counts once.
    pub segments_received: u64,
    /// Data sent for the first time.
    pub bytes_sent: u64,
    /// Data that the peer has acknowledged.
    pub bytes_acked: u64,
    /// Data received in order.
    pub bytes_received: u64,
    /// Data sent again.
    pub bytes_retrans: u64,
    /// Segments sent again.
    pub retransmits: u64,
    /// Duplicate acknowledgements received (RFC 5681 2).
    pub dup_acks: u64,
    /// Reports by the peer that something arrived that it had already (D-SACK, RFC 2883).
    pub dsack_dups: u64,
}

impl Connection {
    pub(crate) fn info(&self, now: Instant, config: &TcpConfig, memory: &MemoryBudget) -> TcpInfo {
        let since = |ms: u32| Duration::from_millis((now.as_millis() as u32).wrapping_sub(ms).into());
        let times = self.cold.limit_times.times(now);
        let controller = self.congestion.get();
        let statistics = &self.cold.statistics;
        let repeats = self.cold.extra.as_ref().map_or(Repeats::default(), |extra| extra.repeats);
        let counts = self.recovery.counts();
        let sent = self.snd.nxt.distance_from(self.snd.una) as usize;
        TcpInfo {
            state: self.state.name(),
            congestion_control: controller.name(),
            ca_state: match self.recovery.phase() {
                Phase::Open if counts.sacked > 0 => "disorder",
                Phase::Open => "open",
                Phase::FastRecovery => "recovery",
                Phase::Timeout => "loss",
            },
            rtt: self.rtt.srtt().unwrap_or_default(),
            rttvar: self.rtt.rttvar(),
            min_rtt: self.rtt.min_rtt(),
            rto: self.rtt.rto(config),
            backoff: self.rtt.backoff(),
            ato: self.ack.delay(&self.rtt, config),
            snd_mss: self.snd.mss(),
            rcv_mss: self.rcv.rmss,
            snd_cwnd: controller.cwnd(),
            snd_ssthresh: Some(controller.ssthresh()).filter(|ssthresh| *ssthresh != u64::MAX),
            snd_wnd: self.snd.wnd,
            rcv_wnd: self.rcv.window(),
            snd_wscale: self.snd.shift,
            rcv_wscale: self.rcv.shift,
            timestamps: self.flags.contains(Flags::TIMESTAMPS),
            sack: self.flags.contains(Flags::SACK),
            in_flight: self.recovery.in_flight(self.snd.una, self.snd.nxt, self.snd.mss()),
            sacked: counts.sacked,
            lost: counts.lost,
            retrans: counts.retransmitted,
            reordering: self.recovery.reordering(),
            notsent_bytes: self.send_buffer.len().saturating_sub(sent),
            unread_bytes: self.receive_buffer.len(),
            unacked: self.snd.nxt.distance_from(self.snd.una),
            snd_buffer: self.send_limit(config, memory),
            rcv_space: self.receive_capacity(),
            rcv_rtt: self.receive_rtt(),
            last_data_sent: since(self.cold.last_sent_ms),
            last_data_recv: since(self.cold.data_received_ms),
            last_ack_recv: since(self.cold.received_ms),
            retransmits_in_a_row: self.cold.expiries,
            probes: self.keepalive_probes(),
            busy_time: times.busy,
            rwnd_limited: times.window_limited,
            sndbuf_limited: times.buffer_limited,
            segments_sent: statistics.segments_sent,
            segments_received: u64::from(statistics.segments_received),
            bytes_sent: statistics.bytes_sent,
            bytes_acked: statistics.bytes_acked,
            bytes_received: self.rcv.position,
            bytes_retrans: repeats.bytes,
            retransmits: repeats.segments,
            dup_acks: u64::from(statistics.dup_acks),
            dsack_dups: repeats.dsacks,
        }
    }
}
