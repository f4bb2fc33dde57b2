//! What the options of the SYNs agree on (RFC 9293 3.2, RFC 6691, RFC 7323, RFC 2018).

use core::net::IpAddr;

use fathom_wire::{TcpHeader, TcpOptions as WireOptions, TcpTimestamps};

use super::TcpOptions;
pub(super) use crate::packet::ip_header_len;

/// Bytes of a timestamps option with its padding, in every segment (RFC 7323 appendix A).
pub(super) const TIMESTAMP_BYTES: u32 = 12;
/// The segment size of a peer that sends no MSS option (RFC 9293 3.7.1).
const DEFAULT_MSS_V4: u16 = 536;
const DEFAULT_MSS_V6: u16 = 1220;
/// No peer gets us below so many bytes of data in a segment: a tiny MSS only multiplies our work.
pub(super) const MIN_MSS: u32 = 48;
/// The largest window scale (RFC 7323 2.3).
const MAX_SHIFT: u8 = 14;

/// What both ends agreed on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Negotiated {
    /// The largest segment that the peer takes: data and options, without the fixed header (RFC 6691).
    pub(super) peer_mss: u16,
    /// The shift of the windows that the peer sends; `None` when windows are not scaled in either
    /// direction (RFC 7323 2.2).
    pub(super) window_scale: Option<u8>,
    /// The peer's timestamp, when both ends send them.
    pub(super) timestamps: Option<u32>,
    /// Both ends report what arrives out of order (RFC 2018 2).
    pub(super) sack: bool,
}

impl Negotiated {
    /// Reads the options of a SYN or SYN-ACK against what we offer (or offered).
    pub(super) fn new(syn: &TcpHeader, remote: IpAddr, ours: &TcpOptions) -> Self {
        let default_mss = if remote.is_ipv4() { DEFAULT_MSS_V4 } else { DEFAULT_MSS_V6 };
        Negotiated {
            peer_mss: syn
                .options
                .mss
                .unwrap_or(default_mss)
                .min(ours.max_segment.unwrap_or(u16::MAX))
                .max(MIN_MSS as u16),
            window_scale: syn
                .options
                .window_scale
                .filter(|_| ours.window_scaling)
                .map(|shift| shift.min(MAX_SHIFT)),
            timestamps: syn.options.timestamps.filter(|_| ours.timestamps).map(|stamp| stamp.value),
            sack: syn.options.sack_permitted && ours.sack,
        }
    }
}

/// The MSS that we announce on a link: what fits it, whatever options there will be (RFC 6691 2).
/// 1460 for IPv4 on Ethernet, 1440 for IPv6.
pub(super) fn announced_mss(mtu: usize, address: IpAddr) -> u16 {
    u16::try_from(mtu.saturating_sub(ip_header_len(address) + TcpHeader::LEN)).unwrap_or(u16::MAX)
}

/// The shift with which the largest window of a receive buffer fits 16 bits (RFC 7323 2.3). 5 for 1 MiB:
/// 1,048,576 >> 5 = 32,768.
pub(super) fn window_shift(receive_buffer: usize) -> u8 {
    (0..MAX_SHIFT).find(|shift| receive_buffer >> shift <= usize::from(u16::MAX)).unwrap_or(MAX_SHIFT)
}

/// The options of a SYN or SYN-ACK. In a SYN-ACK only what the SYN had may stand (RFC 7323 1.3, 2.5, 3.2);
/// SACK-permitted in no other segment (RFC 2018 2).
pub(super) fn syn_options(
    mss: u16,
    window_shift: Option<u8>,
    timestamps: Option<TcpTimestamps>,
    sack_permitted: bool,
) -> WireOptions {
    WireOptions {
        mss: Some(mss),
        window_scale: window_shift,
        timestamps,
        sack_permitted,
        ..WireOptions::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shift_is_the_smallest_that_fits() {
        let cases =
            [(0, 0), (65_535, 0), (65_536, 1), (1 << 20, 5), (1 << 30, 14), (usize::MAX, 14), (131_070, 1)];
        for (buffer, shift) in cases {
            // RFC7323-R4: what is sent
            assert_eq!(window_shift(buffer), shift, "{buffer}");
        }
    }

    #[test]
    fn an_option_counts_only_if_both_ends_have_it() {
        let remote = IpAddr::from([10, 0, 0, 1]);
        let stamp = TcpTimestamps { value: 7, echo: 0 };
        let full =
            TcpHeader { options: syn_options(1460, Some(9), Some(stamp), true), ..TcpHeader::default() };
        let bare = TcpHeader::default();
        let on = TcpOptions::default();
        let off =
            TcpOptions { timestamps: false, window_scaling: false, sack: false, ..TcpOptions::default() };
        let both = Negotiated { peer_mss: 1460, window_scale: Some(9), timestamps: Some(7), sack: true };
        assert_eq!(Negotiated::new(&full, remote, &on), both);
        let none = Negotiated { peer_mss: 1460, window_scale: None, timestamps: None, sack: false };
        // RFC7323-R1
        assert_eq!(Negotiated::new(&full, remote, &off), none);
        let default = Negotiated { peer_mss: 536, window_scale: None, timestamps: None, sack: false };
        // RFC9293-MUST-15
        assert_eq!(Negotiated::new(&bare, remote, &on), default);
        // RFC9293-MUST-15
        assert_eq!(Negotiated::new(&bare, IpAddr::from([1; 16]), &on).peer_mss, 1220);
    }

    #[test]
    fn a_tiny_mss_or_a_wild_shift_is_brought_into_range() {
        let syn = TcpHeader { options: syn_options(0, Some(255), None, false), ..TcpHeader::default() };
        let negotiated = Negotiated::new(&syn, IpAddr::from([1; 16]), &TcpOptions::default());
        // RFC7323-R4: what is received
        assert_eq!((negotiated.peer_mss, negotiated.window_scale), (48, Some(14)));
    }

    #[test]
    fn the_announced_mss_leaves_room_for_the_fixed_headers() {
        // RFC6691-R1, RFC9293-MUST-67
        assert_eq!(announced_mss(1500, IpAddr::from([10, 0, 0, 1])), 1460);
        assert_eq!(announced_mss(1500, IpAddr::from([1; 16])), 1440);
        // RFC9293-MUST-67
        assert_eq!(announced_mss(1 << 20, IpAddr::from([1; 16])), 65_535);
        assert_eq!(announced_mss(20, IpAddr::from([10, 0, 0, 1])), 0);
    }
}
