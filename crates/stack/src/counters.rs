//! What the stack counts.

use fathom_record::DropReason;

/// Counters of a stack since its start. Each only grows.
#[derive(Clone, Debug)]
pub struct Counters {
    /// Frames taken in, one for each frame of a batch.
    pub frames_received: u64,
    /// Bytes of those, link header included.
    pub bytes_received: u64,
    /// Frames handed out by `poll_transmit`; a super-segment that the device cuts counts as one.
    pub frames_transmitted: u64,
    /// Bytes of those, link header included.
    pub bytes_transmitted: u64,
    /// Packets forwarded for others.
    pub packets_forwarded: u64,
    /// Packets put together from fragments.
    pub packets_reassembled: u64,
    /// Fragments made.
    pub fragments_sent: u64,
    /// ICMP errors sent.
    pub icmp_errors_sent: u64,
    /// ICMP errors received that concerned a socket of ours.
    pub icmp_errors_received: u64,
    /// Times that another node was seen to use an IPv4 address of ours (RFC 5227 2.4).
    pub address_conflicts: u64,
    /// UDP datagrams given to sockets.
    pub udp_received: u64,
    /// UDP datagrams sent by sockets.
    pub udp_sent: u64,
    /// SYNs that were answered by a SYN cookie, for want of room (RFC 4987 3.6).
    pub syn_cookies_sent: u64,
    /// Connections that came about by a SYN cookie.
    pub syn_cookies_accepted: u64,
    drops: [u64; DropReason::ALL.len()],
}

impl Default for Counters {
    fn default() -> Self {
        Counters {
            frames_received: 0,
            bytes_received: 0,
            frames_transmitted: 0,
            bytes_transmitted: 0,
            packets_forwarded: 0,
            packets_reassembled: 0,
            fragments_sent: 0,
            icmp_errors_sent: 0,
            icmp_errors_received: 0,
            address_conflicts: 0,
            udp_received: 0,
            udp_sent: 0,
            syn_cookies_sent: 0,
            syn_cookies_accepted: 0,
            drops: [0; DropReason::ALL.len()],
        }
    }
}

impl Counters {
    /// How often something was dropped for `reason`.
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.drops[reason as usize]
    }

    /// How often something was dropped at all.
    pub fn dropped_total(&self) -> u64 {
        self.drops.iter().sum()
    }

    /// The reasons for which something was dropped, with how often.
    pub fn drops(&self) -> impl Iterator<Item = (DropReason, u64)> + '_ {
        DropReason::ALL.iter().map(|&reason| (reason, self.dropped(reason))).filter(|&(_, count)| count > 0)
    }

    pub(crate) fn count_drop(&mut self, reason: DropReason) {
        self.drops[reason as usize] += 1;
    }
}
