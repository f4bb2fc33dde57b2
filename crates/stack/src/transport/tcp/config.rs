//! Limits and choices of TCP.

use core::time::Duration;

use super::congestion::CongestionAlgorithm;
use crate::interface::InterfaceId;

/// Limits and timeouts of TCP for a whole stack.
#[derive(Clone, PartialEq, Debug)]
pub struct TcpConfig {
    /// The retransmission timeout is the smoothed round-trip time and at least this much more. RFC 6298 2.4
    /// says 1 s for the timeout as a whole; 200 ms above the round-trip time is what is common, and still
    /// more than any delayed acknowledgement of today.
    pub min_rto: Duration,
    /// The retransmission timeout before any sample, for SYNs as well (RFC 6298 2.1: 1 s).
    pub initial_rto: Duration,
    /// The largest retransmission timeout (RFC 6298 2.5: at least 60 s).
    pub max_rto: Duration,
    /// The largest time between two window probes (RFC 9293 3.8.6.1).
    pub max_probe_interval: Duration,
    /// How long a SYN is repeated (RFC 9293 3.8.3: R2 for SYNs is at least 3 minutes).
    pub connect_timeout: Duration,
    /// How long data may stay unacknowledged before the connection is given up, unless
    /// [`TcpOptions::user_timeout`] says otherwise (RFC 9293 3.9.1, R2 in 3.8.3: at least 100 s).
    pub user_timeout: Duration,
    /// Receive window at the start of a connection whose buffer grows by itself
    /// ([`TcpOptions::receive_buffer`]), in bytes.
    pub initial_receive_buffer: usize,
    /// Most that such a receive buffer grows to, in bytes. The window scale is chosen for it.
    pub max_receive_buffer: usize,
    /// Send buffer at the start of a connection whose buffer grows by itself
    /// ([`TcpOptions::send_buffer`]), in bytes.
    pub initial_send_buffer: usize,
    /// Most that such a send buffer grows to, in bytes.
    pub max_send_buffer: usize,
    /// How often an unanswered SYN-ACK is repeated: after 1, 2, 4, … seconds.
    pub syn_ack_retries: u8,
    /// How long a connection waits for the listener's decision before it is forgotten.
    pub decision_timeout: Duration,
    /// How long a connection without an owner waits in FIN-WAIT-2 for the peer's FIN.
    pub fin_wait_2_timeout: Duration,
    /// Twice the maximum segment lifetime: how long TIME-WAIT lasts. RFC 9293 3.4.2 has 4 minutes; one
    /// minute is what is common, and with timestamps and RFC 6528 the rest of the danger is small.
    pub time_wait: Duration,
    /// Most connections in TIME-WAIT; the oldest leaves for a new one.
    pub time_waits: usize,
    /// Most connections, those of listeners included.
    pub connections: usize,
    /// Most half-open connections of the whole stack.
    pub half_open: usize,
    /// Most half-open connections of one listener.
    pub half_open_per_listener: usize,
    /// Answers SYNs without keeping anything when there are as many half-open connections as may be (RFC 4987
    /// 3.6, SYN cookies), so that a flood of SYNs keeps nobody out. Connections that come about this way have
    /// no window scaling and no selective acknowledgements unless the peer sends timestamps, and the segment
    /// size of the next lower class. Off, such SYNs are dropped. Listeners that
    /// [decide](super::TcpListen::decide) always drop them.
    pub syn_cookies: bool,
    /// Longest delay of an acknowledgement (RFC 9293 3.8.6.3: below 500 ms).
    pub ack_delay: Duration,
    /// How many segments at the start of a connection are acknowledged at once, so that the peer's
    /// congestion window opens without waiting for timers.
    pub quick_acks: u8,
    /// Drops segments without the timestamps that both ends agreed on (RFC 7323 3.2: SHOULD). Off, as in
    /// Linux: middleboxes strip options of single segments, the third of a handshake above all, and the
    /// connection would stall for good. What has no timestamp is not protected by PAWS.
    pub require_timestamps: bool,
    /// Challenge acknowledgements of one connection within half a second (RFC 5961 7).
    pub challenge_acks: u8,
    /// Resets a second in answer to segments without a connection.
    pub resets_per_second: u32,
    /// How connections find out how much their paths carry, unless [`TcpOptions::congestion_control`] says
    /// otherwise; CUBIC by default.
    pub congestion_control: CongestionAlgorithm,
    /// Begins with the initial window again after a pause of more than the retransmission timeout (RFC 5681
    /// 4.1; Linux's `tcp_slow_start_after_idle`).
    pub slow_start_after_idle: bool,
    /// First and last port that is given to a connection that names none (RFC 6335 6).
    pub ephemeral_ports: (u16, u16),
}

impl Default for TcpConfig {
    fn default() -> Self {
        TcpConfig {
            min_rto: Duration::from_millis(200),
            initial_rto: Duration::from_secs(1),
            max_rto: Duration::from_secs(120),
            max_probe_interval: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(180),
            user_timeout: Duration::from_secs(15 * 60),
            initial_receive_buffer: 64 << 10,
            max_receive_buffer: 6 << 20,
            initial_send_buffer: 64 << 10,
            max_send_buffer: 4 << 20,
            syn_ack_retries: 5,
            decision_timeout: Duration::from_secs(60),
            fin_wait_2_timeout: Duration::from_secs(60),
            time_wait: Duration::from_secs(60),
            time_waits: 16_384,
            connections: 1 << 20,
            half_open: 4096,
            half_open_per_listener: 1024,
            syn_cookies: true,
            ack_delay: Duration::from_millis(40),
            quick_acks: 16,
            require_timestamps: false,
            challenge_acks: 2,
            resets_per_second: 1000,
            congestion_control: CongestionAlgorithm::default(),
            slow_start_after_idle: true,
            ephemeral_ports: (49152, 65535),
        }
    }
}

/// Choices for one connection, or for all connections of a listener. Most can be changed later
/// ([`Tcp`](crate::Tcp)).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TcpOptions {
    /// Bytes written by the program that may wait for transmission or acknowledgement. Memory is taken
    /// only for what is there. At most 1 GiB counts: sequence numbers compare over 2 GiB, and a window
    /// reaches over no more than 1 GiB (RFC 7323 2.3).
    ///
    /// With `None` twice the congestion window, between [`TcpConfig::initial_send_buffer`] and
    /// [`TcpConfig::max_send_buffer`].
    pub send_buffer: Option<usize>,
    /// Bytes that may wait for the program to read them: the largest receive window.
    ///
    /// With `None` as much as the program reads in a round trip needs, between
    /// [`TcpConfig::initial_receive_buffer`] and [`TcpConfig::max_receive_buffer`].
    pub receive_buffer: Option<usize>,
    /// Send short segments at once (the opposite of RFC 9293 3.7.4, Nagle).
    pub nodelay: bool,
    /// Probe an idle peer (RFC 9293 3.8.4); off by default.
    pub keepalive: Option<Keepalive>,
    /// How long data may stay unacknowledged, or wait before a closed window, before the connection is
    /// given up (RFC 5482, the timeout of this end). `None` for [`TcpConfig::user_timeout`], and to wait
    /// before a closed window for as long as the peer answers (RFC 9293 3.8.6.1).
    pub user_timeout: Option<Duration>,
    /// What [`Tcp::close`](crate::Tcp::close) does with data that is not delivered yet: with `None` it goes
    /// out when it can; zero resets the connection at once, and the data is lost. Any other time is how
    /// long whoever runs the stack should let the program wait ([`Tcp::is_delivered`](crate::Tcp::is_delivered)).
    pub linger: Option<Duration>,
    /// Hop limit of the segments; that of the stack when `None`.
    pub hop_limit: Option<u8>,
    /// Differentiated services code point of the segments, 0 to 63 (RFC 2474 3).
    pub dscp: u8,
    /// Most data in a segment, both ways, options included (RFC 9293 3.7.1): less than what fits the link.
    pub max_segment: Option<u16>,
    /// Most bytes written that are not sent yet: while there are as many nothing more can be written
    /// (Linux's `TCP_NOTSENT_LOWAT`). No limit of its own by default.
    pub notsent_low_water: Option<usize>,
    /// How many bytes must wait before the program is told that there is something to read; 1 by default.
    /// No more than the buffer can hold.
    pub receive_low_water: usize,
    /// How often an unanswered SYN is repeated; by default until [`TcpConfig::connect_timeout`].
    pub syn_retries: Option<u8>,
    /// Use this interface alone (Linux's `SO_BINDTODEVICE`).
    pub interface: Option<InterfaceId>,
    /// Offer timestamps (RFC 7323 3).
    pub timestamps: bool,
    /// Offer window scaling (RFC 7323 2). Without it the window is at most 65,535 bytes.
    pub window_scaling: bool,
    /// The congestion controller (Linux's `TCP_CONGESTION`); that of the stack when `None`
    /// ([`TcpConfig::congestion_control`]).
    pub congestion_control: Option<CongestionAlgorithm>,
    /// Offer selective acknowledgements (RFC 2018), in both directions: what arrives out of order is
    /// reported, and what the peer reports steers what is sent again.
    pub sack: bool,
}

impl Default for TcpOptions {
    fn default() -> Self {
        TcpOptions {
            send_buffer: None,
            receive_buffer: None,
            nodelay: false,
            keepalive: None,
            user_timeout: None,
            linger: None,
            hop_limit: None,
            dscp: 0,
            max_segment: None,
            notsent_low_water: None,
            receive_low_water: 1,
            syn_retries: None,
            interface: None,
            timestamps: true,
            window_scaling: true,
            congestion_control: None,
            sack: true,
        }
    }
}

/// When to ask an idle peer whether it is still there (RFC 9293 3.8.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Keepalive {
    /// Silence of the peer after which it is asked. RFC 9293 MUST-28 wants at least two hours by default.
    pub idle: Duration,
    /// Time between two questions.
    pub interval: Duration,
    /// Questions without an answer after which the connection is given up.
    pub probes: u8,
}

impl Default for Keepalive {
    fn default() -> Self {
        Keepalive { idle: Duration::from_secs(7200), interval: Duration::from_secs(75), probes: 9 }
    }
}

impl TcpOptions {
    /// The receive buffer at the start.
    pub(super) fn first_receive_buffer(&self, config: &TcpConfig) -> usize {
        self.receive_buffer.unwrap_or(config.initial_receive_buffer.min(config.max_receive_buffer))
    }

    /// The largest that the receive buffer may become without the program's doing.
    pub(super) fn largest_receive_buffer(&self, config: &TcpConfig) -> usize {
        self.receive_buffer.unwrap_or(config.max_receive_buffer)
    }
}
