//! `struct tcp_info`.

use std::time::Duration;

use fathom_record::TcpStateName;
use fathom_stack::{Family, TcpInfo};

use crate::consts::*;
use crate::file::Fd;
use crate::tcp::State;
use crate::{Kernel, Result};

/// Up to and with `tcpi_rehash`, of Linux 6.2 and later.
const LEN: usize = 240;
/// `TCP_INFINITE_SSTHRESH`.
const INFINITE: u32 = 0x7fff_ffff;

/// `struct tcp_info`, written field by field at its offsets.
struct Fields([u8; LEN]);

impl Fields {
    fn byte(&mut self, at: usize, value: u8) {
        self.0[at] = value;
    }

    fn word(&mut self, at: usize, value: impl TryInto<u32>) {
        let value = value.try_into().unwrap_or(u32::MAX);
        self.0[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }

    fn long(&mut self, at: usize, value: impl TryInto<u64>) {
        let value = value.try_into().unwrap_or(u64::MAX);
        self.0[at..at + 8].copy_from_slice(&value.to_le_bytes());
    }
}

/// Linux's number of a state.
pub(crate) fn state_number(state: TcpStateName) -> u8 {
    match state {
        TcpStateName::Closed => TCP_CLOSE,
        TcpStateName::Listen => TCP_LISTEN,
        TcpStateName::SynSent => TCP_SYN_SENT,
        TcpStateName::SynReceived => TCP_SYN_RECV,
        TcpStateName::Established => TCP_ESTABLISHED,
        TcpStateName::FinWait1 => TCP_FIN_WAIT1,
        TcpStateName::FinWait2 => TCP_FIN_WAIT2,
        TcpStateName::CloseWait => TCP_CLOSE_WAIT,
        TcpStateName::Closing => TCP_CLOSING,
        TcpStateName::LastAck => TCP_LAST_ACK,
        TcpStateName::TimeWait => TCP_TIME_WAIT,
    }
}

impl Kernel {
    pub(super) fn tcp_info(&mut self, fd: Fd, state: State) -> Result<Vec<u8>> {
        let mut fields = Fields([0; LEN]);
        match state {
            State::Closed => fields.byte(0, TCP_CLOSE),
            State::Listening(id) => {
                fields.byte(0, TCP_LISTEN);
                // Who waits, and how many may.
                fields.word(24, self.stack.tcp_listener_waiting(id).unwrap_or(0));
                fields.word(28, self.tcp_socket(fd)?.backlog);
            }
            State::Connecting(_) | State::Connected(_) => {
                let v6 = self.files.socket(fd)?.family == Family::V6;
                let mtu = self.settings.mtu;
                let most = self.tcp_socket(fd)?.options.max_segment.map_or(usize::MAX, usize::from);
                let headers = |v6: bool| if v6 { 60 } else { 40 };
                if let Some(tcp) = self.tcp_connection(fd) {
                    let v6 = v6 && tcp.remote().ip().to_canonical().is_ipv6();
                    write(&mut fields, &tcp.info());
                    fields.word(60, tcp.path_mtu().unwrap_or(0));
                    fields.word(84, mtu.saturating_sub(headers(v6)).min(most));
                } else {
                    fields.byte(0, TCP_CLOSE);
                }
            }
        }
        Ok(fields.0.to_vec())
    }
}

fn write(fields: &mut Fields, info: &TcpInfo) {
    let mss = info.snd_mss.max(1);
    // Linux counts segments.
    let segments = |bytes: u32| bytes.div_ceil(mss);
    let micros = |time: Duration| time.as_micros();
    let millis = |time: Duration| time.as_millis();
    fields.byte(0, state_number(info.state));
    fields.byte(
        1,
        match info.ca_state {
            "disorder" => TCP_CA_Disorder,
            "recovery" => TCP_CA_Recovery,
            "loss" => TCP_CA_Loss,
            _ => TCP_CA_Open,
        },
    );
    fields.byte(2, info.retransmits_in_a_row.try_into().unwrap_or(u8::MAX));
    fields.byte(3, info.probes.try_into().unwrap_or(u8::MAX));
    fields.byte(4, info.backoff);
    let flags = [
        (info.timestamps, TCPI_OPT_TIMESTAMPS),
        (info.sack, TCPI_OPT_SACK),
        (info.snd_wscale > 0 || info.rcv_wscale > 0, TCPI_OPT_WSCALE),
    ];
    fields.byte(5, flags.iter().filter(|(on, _)| *on).fold(0, |all, (_, bit)| all | bit));
    fields.byte(6, info.snd_wscale & 0xf | info.rcv_wscale << 4);
    fields.word(8, micros(info.rto));
    fields.word(12, micros(info.ato));
    fields.word(16, info.snd_mss);
    fields.word(20, info.rcv_mss);
    fields.word(24, segments(info.unacked));
    fields.word(28, segments(info.sacked));
    fields.word(32, segments(info.lost));
    fields.word(36, segments(info.retrans));
    fields.word(44, millis(info.last_data_sent));
    fields.word(52, millis(info.last_data_recv));
    fields.word(56, millis(info.last_ack_recv));
    fields.word(64, info.rcv_wnd);
    fields.word(68, micros(info.rtt));
    fields.word(72, micros(info.rttvar));
    let ssthresh = info.snd_ssthresh.map(|bytes| bytes / u64::from(mss));
    fields.word(76, ssthresh.unwrap_or(INFINITE.into()));
    fields.word(80, info.snd_cwnd / u64::from(mss));
    fields.word(88, info.reordering);
    fields.word(92, micros(info.rcv_rtt));
    fields.word(96, info.rcv_space);
    fields.word(100, info.retransmits);
    // Nothing is paced.
    fields.long(104, u64::MAX);
    fields.long(112, u64::MAX);
    fields.long(120, info.bytes_acked);
    fields.long(128, info.bytes_received);
    fields.word(136, info.segments_sent as u32);
    fields.word(140, info.segments_received as u32);
    fields.word(144, info.notsent_bytes);
    fields.word(148, micros(info.min_rtt));
    fields.long(168, micros(info.busy_time));
    fields.long(176, micros(info.rwnd_limited));
    fields.long(184, micros(info.sndbuf_limited));
    // Linux counts what was sent again too.
    fields.long(200, info.bytes_sent + info.bytes_retrans);
    fields.long(208, info.bytes_retrans);
    fields.word(216, info.dsack_dups);
    fields.word(228, info.snd_wnd);
    fields.word(232, info.rcv_wnd);
}
