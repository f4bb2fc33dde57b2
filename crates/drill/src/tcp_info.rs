//! The fields of Linux's `struct tcp_info` (`linux/tcp.h`) by their names.

use std::collections::BTreeMap;

/// A field: its name, where it begins, its bytes, and which bits of it (all, unless it is a bit field).
struct Field {
    name: &'static str,
    offset: usize,
    len: usize,
    shift: u32,
    bits: u32,
}

macro_rules! fields {
    ($($name:ident: $offset:literal, $len:literal $(, bits $shift:literal $bits:literal)?;)*) => {
        &[$(Field {
            name: stringify!($name),
            offset: $offset,
            len: $len,
            shift: fields!(@shift $($shift)?),
            bits: fields!(@bits $len $(, $bits)?),
        }),*]
    };
    (@shift) => { 0 };
    (@shift $shift:literal) => { $shift };
    (@bits $len:literal) => { $len * 8 };
    (@bits $len:literal, $bits:literal) => { $bits };
}

const FIELDS: &[Field] = fields! {
    tcpi_state: 0, 1;
    tcpi_ca_state: 1, 1;
    tcpi_retransmits: 2, 1;
    tcpi_probes: 3, 1;
    tcpi_backoff: 4, 1;
    tcpi_options: 5, 1;
    tcpi_snd_wscale: 6, 1, bits 0 4;
    tcpi_rcv_wscale: 6, 1, bits 4 4;
    tcpi_delivery_rate_app_limited: 7, 1, bits 0 1;
    tcpi_fastopen_client_fail: 7, 1, bits 1 2;
    tcpi_rto: 8, 4;
    tcpi_ato: 12, 4;
    tcpi_snd_mss: 16, 4;
    tcpi_rcv_mss: 20, 4;
    tcpi_unacked: 24, 4;
    tcpi_sacked: 28, 4;
    tcpi_lost: 32, 4;
    tcpi_retrans: 36, 4;
    tcpi_fackets: 40, 4;
    tcpi_last_data_sent: 44, 4;
    tcpi_last_ack_sent: 48, 4;
    tcpi_last_data_recv: 52, 4;
    tcpi_last_ack_recv: 56, 4;
    tcpi_pmtu: 60, 4;
    tcpi_rcv_ssthresh: 64, 4;
    tcpi_rtt: 68, 4;
    tcpi_rttvar: 72, 4;
    tcpi_snd_ssthresh: 76, 4;
    tcpi_snd_cwnd: 80, 4;
    tcpi_advmss: 84, 4;
    tcpi_reordering: 88, 4;
    tcpi_rcv_rtt: 92, 4;
    tcpi_rcv_space: 96, 4;
    tcpi_total_retrans: 100, 4;
    tcpi_pacing_rate: 104, 8;
    tcpi_max_pacing_rate: 112, 8;
    tcpi_bytes_acked: 120, 8;
    tcpi_bytes_received: 128, 8;
    tcpi_segs_out: 136, 4;
    tcpi_segs_in: 140, 4;
    tcpi_notsent_bytes: 144, 4;
    tcpi_min_rtt: 148, 4;
    tcpi_data_segs_in: 152, 4;
    tcpi_data_segs_out: 156, 4;
    tcpi_delivery_rate: 160, 8;
    tcpi_busy_time: 168, 8;
    tcpi_rwnd_limited: 176, 8;
    tcpi_sndbuf_limited: 184, 8;
    tcpi_delivered: 192, 4;
    tcpi_delivered_ce: 196, 4;
    tcpi_bytes_sent: 200, 8;
    tcpi_bytes_retrans: 208, 8;
    tcpi_dsack_dups: 216, 4;
    tcpi_reord_seen: 220, 4;
    tcpi_rcv_ooopack: 224, 4;
    tcpi_snd_wnd: 228, 4;
    tcpi_rcv_wnd: 232, 4;
    tcpi_rehash: 236, 4;
    tcpi_total_rto: 240, 2;
    tcpi_total_rto_recoveries: 242, 2;
    tcpi_total_rto_time: 244, 4;
};

/// Bytes of the whole structure.
pub(crate) const LEN: usize = 248;

/// Whether there is a field of this name.
pub(crate) fn is_field(name: &str) -> bool {
    FIELDS.iter().any(|field| field.name == name)
}

/// The value of each field that `bytes` holds.
pub(crate) fn fields(bytes: &[u8]) -> BTreeMap<&'static str, u64> {
    FIELDS.iter().filter_map(|field| Some((field.name, value(bytes, field)?))).collect()
}

fn value(bytes: &[u8], field: &Field) -> Option<u64> {
    let bytes = bytes.get(field.offset..field.offset + field.len)?;
    let mut wide = [0; 8];
    wide[..bytes.len()].copy_from_slice(bytes);
    // The host's order, which is little endian wherever this structure is asked for.
    let whole = u64::from_le_bytes(wide);
    Some(whole >> field.shift & (u64::MAX >> (64 - field.bits)))
}
