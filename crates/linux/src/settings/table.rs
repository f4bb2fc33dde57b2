//! All settings.

use std::time::Duration;

use fathom_stack::{CongestionAlgorithm, GroupReports, Medium};

use super::value::{
    Refusal, Taken, address, ethernet, micros, millis, network, number, rising, route, seconds, seed, size,
    switch,
};
use super::{SettingError, Settings};

/// A setting: its name, its values, and what it does.
#[derive(Debug)]
pub struct Setting {
    /// Its name.
    pub name: &'static str,
    /// Its value unless it is set.
    pub default: &'static str,
    /// What it can be.
    pub values: &'static str,
    /// What it does.
    pub about: &'static str,
    take: fn(&mut Settings, &str) -> Taken,
}

impl Setting {
    pub(super) fn apply(&self, settings: &mut Settings, value: &str) -> Result<(), SettingError> {
        let (name, shown) = (self.name, value.to_owned());
        (self.take)(settings, value).map_err(|refusal| match refusal {
            Refusal::Bad => SettingError::BadValue { name, value: shown, expected: self.values },
            Refusal::NotThere(what) => {
                SettingError::NotThere { name, value: shown, what, possible: self.values }
            }
        })
    }
}

const MOST_BUFFER: usize = 1 << 30;
const WHOLE: &str = "1";
const OFF: &str = "0";

macro_rules! settings {
    ($($name:literal, $default:expr, $values:expr, $about:literal, $take:expr;)*) => {
        /// All settings, in the order of the manual.
        pub const SETTINGS: &[Setting] =
            &[$(Setting { name: $name, default: $default, values: $values, about: $about, take: $take }),*];
    };
}

/// A setting of Linux of which the engine has one value.
fn only(value: &str, possible: &str, what: &'static str) -> Taken {
    match (value == possible, value.parse::<i64>()) {
        (true, _) => Ok(()),
        (false, Ok(_)) => Err(Refusal::NotThere(what)),
        (false, Err(_)) => Err(Refusal::Bad),
    }
}

settings! {
    "address", "", "an address with its prefix, such as 192.0.2.1/24",
        "An address of the interface, with a route to its network. May be given several times.",
        |s, v| { s.addresses.push(network(v)?); Ok(()) };
    "gateway", "", "an address",
        "The router to everywhere else, one for IPv4 and one for IPv6.",
        |s, v| { s.gateways.push(address(v)?); Ok(()) };
    "route", "", "a network, or a network `via` a router's address",
        "Another route over the interface. May be given several times.",
        |s, v| { s.routes.push(route(v)?); Ok(()) };
    "local", "", "a network",
        "A network whose addresses all are this host's (`ip route add local`). May be given several times.",
        |s, v| { s.local.push(network(v)?); Ok(()) };
    "medium", "ip", "ip or ethernet",
        "What goes in and comes out: IP packets, or Ethernet frames, with ARP and neighbour discovery.",
        |s, v| match (v, s.medium) {
            ("ip", _) => { s.medium = Medium::Ip; Ok(()) }
            ("ethernet", Medium::Ethernet { .. }) => Ok(()),
            ("ethernet", Medium::Ip) => { s.set_mac([2, 0, 0, 0, 0, 1].into()); Ok(()) }
            _ => Err(Refusal::Bad),
        };
    "mac", "02:00:00:00:00:01", "an Ethernet address of one host, such as 02:00:00:00:00:01",
        "The Ethernet address; it implies `medium=ethernet`.",
        |s, v| { s.set_mac(ethernet(v)?); Ok(()) };
    "mtu", "1500", "68 to 65535",
        "The largest IP packet, in bytes.",
        |s, v| { s.mtu = size(v, 68, 65535)?; Ok(()) };
    "interface", "tun0", "1 to 15 printable characters",
        "The name of the interface, for `SO_BINDTODEVICE`.",
        |s, v| {
            let good = (1..16).contains(&v.len()) && v.bytes().all(|byte| byte.is_ascii_graphic()) && v != "lo";
            if good { s.interface = v.to_owned(); Ok(()) } else { Err(Refusal::Bad) }
        };
    "seed", "0", "a number below 2^64, or 64 hexadecimal digits",
        "All randomness comes from it: sequence numbers, ports, time-stamp offsets, the order of hash tables.",
        |s, v| { s.seed = seed(v)?; Ok(()) };
    "txqueuelen", "1000", "1 to 1000000",
        "Most packets that wait to be taken; while there are as many, sockets keep what they have.",
        |s, v| { s.queue = size(v, 1, 1_000_000)?; Ok(()) };
    "memory_limit", "268435456", "at least 65536, in bytes",
        "Most bytes of payload in all buffers together.",
        |s, v| { s.config.memory_limit = size(v, 1 << 16, 1 << 50)?; Ok(()) };
    "nofile", "1024", "1 to 1048576",
        "Most descriptors (`RLIMIT_NOFILE`).",
        |s, v| { s.files = size(v, 1, 1 << 20)?; Ok(()) };
    "link_local", "1", "0 or 1",
        "An Ethernet interface gets a link-local IPv6 address made from its Ethernet address.",
        |s, v| { s.config.internet.link_local = switch(v)?; Ok(()) };
    "group_reports", "all", "all, joined or never",
        "Of which multicast groups routers and switches are told (IGMP, MLD).",
        |s, v| {
            s.config.internet.group_reports = match v {
                "all" => GroupReports::All,
                "joined" => GroupReports::Joined,
                "never" => GroupReports::Never,
                _ => return Err(Refusal::Bad),
            };
            Ok(())
        };
    "dad_transmits", "0", "0 to 255",
        "Solicitations of duplicate address detection for each IPv6 address on Ethernet.",
        |s, v| { s.config.internet.duplicate_address_transmits = number(v, 0, 255)? as u8; Ok(()) };
    "ip_default_ttl", "64", "1 to 255",
        "Hop limit of what is sent.",
        |s, v| { s.config.hop_limit = number(v, 1, 255)? as u8; Ok(()) };
    "ip_forward", "0", "0 or 1",
        "Forward packets that are for others.",
        |s, v| { s.config.forwarding = switch(v)?; Ok(()) };
    "ip_local_port_range", "49152 65535", "two ports, the first and the last",
        "Ports that are given to sockets that name none.",
        |s, v| {
            let [first, last] = rising(v, 1, 65535)?;
            let range = (first as u16, last as u16);
            (s.config.tcp.ephemeral_ports, s.config.datagram.ephemeral_ports) = (range, range);
            Ok(())
        };
    "bindv6only", "0", "0 or 1",
        "`IPV6_V6ONLY` of new sockets.",
        |s, v| { s.only_v6 = switch(v)?; Ok(()) };
    "icmp_ratelimit_per_second", "100", "0 to 1000000",
        "ICMP errors a second.",
        |s, v| { s.config.internet.icmp_errors_per_second = number(v, 0, 1_000_000)? as u32; Ok(()) };
    "min_pmtu", "552", "68 to 65535",
        "No IPv4 path MTU below this is believed.",
        |s, v| { s.config.internet.min_path_mtu = size(v, 68, 65535)?; Ok(()) };
    "mtu_expires", "600", "a time in seconds",
        "After which a path MTU is forgotten.",
        |s, v| { s.config.internet.path_mtu_age = seconds(v)?; Ok(()) };
    "somaxconn", "4096", "1 to 2147483647",
        "Most that `listen` takes as its backlog.",
        |s, v| { s.somaxconn = size(v, 1, i32::MAX as usize)?; Ok(()) };
    "rmem_max", "4194304", "2304 to 1073741824, in bytes",
        "Most that `SO_RCVBUF` sets, before it is doubled.",
        |s, v| { s.receive_buffers.max = size(v, 2304, MOST_BUFFER)?; Ok(()) };
    "wmem_max", "4194304", "4608 to 1073741824, in bytes",
        "Most that `SO_SNDBUF` sets, before it is doubled.",
        |s, v| { s.send_buffers.max = size(v, 4608, MOST_BUFFER)?; Ok(()) };
    "rmem_default", "524288", "2304 to 33554432, in bytes",
        "What `SO_RCVBUF` says of UDP and raw sockets at the start; half of it is for datagrams, each with 256 \
         bytes beside its data.",
        |s, v| { s.config.datagram.receive_buffer = size(v, 2304, 32 << 20)? / 2; Ok(()) };
    "wmem_default", "524288", "4608 to 33554432, in bytes",
        "The same for `SO_SNDBUF`.",
        |s, v| { s.config.datagram.send_buffer = size(v, 4608, 32 << 20)? / 2; Ok(()) };
    "tcp_rmem", "2304 131072 6291456", "three rising sizes in bytes: least, at the start, at most",
        "Receive buffers: the least that `SO_RCVBUF` sets; what it says at the start, of which half is window; \
         the largest window that the buffer grows to by itself, for which the window scale is chosen.",
        |s, v| {
            let [least, first, most] = rising(v, 256, MOST_BUFFER)?;
            s.receive_buffers.tcp_min = least;
            s.config.tcp.initial_receive_buffer = first / 2;
            s.config.tcp.max_receive_buffer = most;
            Ok(())
        };
    "tcp_wmem", "4608 131072 4194304", "three rising sizes in bytes: least, at the start, at most",
        "Send buffers: the least that `SO_SNDBUF` sets; what it says at the start, of which half is for data; \
         most data that the buffer grows to by itself.",
        |s, v| {
            let [least, first, most] = rising(v, 256, MOST_BUFFER)?;
            s.send_buffers.tcp_min = least;
            s.config.tcp.initial_send_buffer = first / 2;
            s.config.tcp.max_send_buffer = most;
            Ok(())
        };
    "tcp_moderate_rcvbuf", "1", "0 or 1",
        "Receive buffers grow by themselves.",
        |s, v| { s.autotune_receive = switch(v)?; Ok(()) };
    "tcp_sack", "1", "0 or 1",
        "Offer selective acknowledgements (RFC 2018).",
        |s, v| { s.tcp.sack = switch(v)?; Ok(()) };
    "tcp_timestamps", "1", "0 or 1",
        "Offer timestamps (RFC 7323), with a random offset for each connection.",
        |s, v| match v {
            "2" => Err(Refusal::NotThere("a timestamp clock without an offset")),
            _ => { s.tcp.timestamps = switch(v)?; Ok(()) }
        };
    "tcp_window_scaling", "1", "0 or 1",
        "Offer window scaling (RFC 7323).",
        |s, v| { s.tcp.window_scaling = switch(v)?; Ok(()) };
    "tcp_ecn", "0", OFF,
        "Explicit congestion notification. Linux's default is 2: if the peer asks for it.",
        |_, v| only(v, OFF, "ECN (RFC 3168)");
    "tcp_fastopen", "0", OFF,
        "Data in the SYN (RFC 7413). Linux's default is 1: as a client.",
        |_, v| only(v, OFF, "TCP Fast Open (RFC 7413)");
    "tcp_congestion_control", "cubic", "cubic or reno",
        "The congestion controller of new connections.",
        |s, v| match v.parse::<CongestionAlgorithm>() {
            Ok(algorithm) => { s.config.tcp.congestion_control = algorithm; Ok(()) }
            Err(_) if v == "bbr" => Err(Refusal::NotThere("BBR")),
            Err(_) => Err(Refusal::Bad),
        };
    "tcp_slow_start_after_idle", "1", "0 or 1",
        "Begin with the initial window again after a pause (RFC 5681 4.1).",
        |s, v| { s.config.tcp.slow_start_after_idle = switch(v)?; Ok(()) };
    "tcp_initial_rto_ms", "1000", "a time in milliseconds",
        "Retransmission timeout before the first round-trip time is known (RFC 6298 2.1). A constant of Linux.",
        |s, v| { s.config.tcp.initial_rto = millis(v)?; Ok(()) };
    "tcp_rto_min_us", "200000", "a time in microseconds",
        "By how much the retransmission timeout is at least above the smoothed round-trip time.",
        |s, v| { s.config.tcp.min_rto = micros(v)?; Ok(()) };
    "tcp_rto_max_ms", "120000", "1000 to 120000, in milliseconds",
        "The largest retransmission timeout (RFC 6298 2.5).",
        |s, v| { s.config.tcp.max_rto = Duration::from_millis(number(v, 1000, 120_000)?); Ok(()) };
    "tcp_probe_max_ms", "60000", "a time in milliseconds",
        "The largest time between two window probes. In Linux it is `tcp_rto_max_ms`.",
        |s, v| { s.config.tcp.max_probe_interval = millis(v)?; Ok(()) };
    "tcp_delack_ms", "40", "0 to 500, in milliseconds",
        "Longest delay of an acknowledgement. A constant of Linux.",
        |s, v| { s.config.tcp.ack_delay = Duration::from_millis(number(v, 0, 500)?); Ok(()) };
    "tcp_quickacks", "16", "0 to 255",
        "Segments at the start of a connection, and after a pause, that are acknowledged at once. A constant \
         of Linux.",
        |s, v| { s.config.tcp.quick_acks = number(v, 0, 255)? as u8; Ok(()) };
    "tcp_syn_retries", "6", "1 to 127",
        "How often a SYN is repeated (`TCP_SYNCNT`).",
        |s, v| { s.tcp.syn_retries = Some(number(v, 1, 127)? as u8); Ok(()) };
    "tcp_synack_retries", "5", "0 to 255",
        "How often a SYN-ACK is repeated.",
        |s, v| { s.config.tcp.syn_ack_retries = number(v, 0, 255)? as u8; Ok(()) };
    "tcp_retries2", "15", "0 to 255",
        "How long data is retransmitted: for as long as so many doublings of 200 ms take, up to 120 s each \
         (15: 924.6 s).",
        |s, v| { s.config.tcp.user_timeout = retries(number(v, 0, 255)? as u32); Ok(()) };
    "tcp_user_timeout_ms", "924600", "a time in milliseconds",
        "The same, as a time (`TCP_USER_TIMEOUT` of sockets that set none).",
        |s, v| { s.config.tcp.user_timeout = millis(v)?; Ok(()) };
    "tcp_keepalive_time", "7200", "1 to 32767, in seconds",
        "Silence after which a peer is probed (`TCP_KEEPIDLE`).",
        |s, v| { s.keepalive.idle = Duration::from_secs(number(v, 1, 32767)?); Ok(()) };
    "tcp_keepalive_intvl", "75", "1 to 32767, in seconds",
        "Time between two probes (`TCP_KEEPINTVL`).",
        |s, v| { s.keepalive.interval = Duration::from_secs(number(v, 1, 32767)?); Ok(()) };
    "tcp_keepalive_probes", "9", "1 to 127",
        "Unanswered probes after which a connection is given up (`TCP_KEEPCNT`).",
        |s, v| { s.keepalive.probes = number(v, 1, 127)? as u8; Ok(()) };
    "tcp_fin_timeout", "60", "a time in seconds",
        "How long a connection that its program has closed waits in FIN-WAIT-2, or for its last data to be \
         acknowledged.",
        |s, v| { s.config.tcp.fin_wait_2_timeout = seconds(v)?; Ok(()) };
    "tcp_timewait_ms", "60000", "a time in milliseconds",
        "How long TIME-WAIT lasts. A constant of Linux.",
        |s, v| { s.config.tcp.time_wait = millis(v)?; Ok(()) };
    "tcp_max_tw_buckets", "16384", "1 to 16777216",
        "Most connections in TIME-WAIT.",
        |s, v| { s.config.tcp.time_waits = size(v, 1, 1 << 24)?; Ok(()) };
    "tcp_max_connections", "1048576", "1 to 16777216",
        "Most connections.",
        |s, v| { s.config.tcp.connections = size(v, 1, 1 << 24)?; Ok(()) };
    "tcp_max_syn_backlog", "1024", "1 to 16777216",
        "Most half-open connections of one listener.",
        |s, v| {
            s.config.tcp.half_open_per_listener = size(v, 1, 1 << 24)?;
            s.config.tcp.half_open = s.config.tcp.half_open.max(s.config.tcp.half_open_per_listener);
            Ok(())
        };
    "tcp_syncookies", "1", "0 or 1",
        "Answer SYNs by cookies when there are as many half-open connections as may be.",
        |s, v| match v {
            "2" => Err(Refusal::NotThere("answering every SYN by a cookie")),
            _ => { s.config.tcp.syn_cookies = switch(v)?; Ok(()) }
        };
    "tcp_maxseg", "0", "0, or 88 to 65495, in bytes",
        "`TCP_MAXSEG` of new sockets: most data in a segment, options included; 0 leaves it to the MTU.",
        |s, v| match v {
            "0" => { s.tcp.max_segment = None; Ok(()) }
            _ => { s.tcp.max_segment = Some(number(v, 88, 65495)? as u16); Ok(()) }
        };
    "tcp_nodelay", "0", "0 or 1",
        "`TCP_NODELAY` of new sockets.",
        |s, v| { s.tcp.nodelay = switch(v)?; Ok(()) };
    "tcp_notsent_lowat", "4294967295", "0 to 4294967295, in bytes",
        "`TCP_NOTSENT_LOWAT` of new sockets.",
        |s, v| {
            let bytes = number(v, 0, u32::MAX.into())?;
            s.tcp.notsent_low_water = (bytes < u32::MAX.into()).then_some(bytes as usize);
            Ok(())
        };
    "tcp_require_timestamps", "0", "0 or 1",
        "Drop segments that lack the timestamps that both ends agreed on (RFC 7323 3.2).",
        |s, v| { s.config.tcp.require_timestamps = switch(v)?; Ok(()) };
    "tcp_challenge_acks", "2", "0 to 255",
        "Challenge acknowledgements of one connection in half a second (RFC 5961 7).",
        |s, v| { s.config.tcp.challenge_acks = number(v, 0, 255)? as u8; Ok(()) };
    "tcp_resets_per_second", "1000", "0 to 4294967295",
        "Resets a second in answer to segments without a connection.",
        |s, v| { s.config.tcp.resets_per_second = number(v, 0, u32::MAX.into())? as u32; Ok(()) };
    "tcp_mtu_probing", "0", OFF,
        "Packetization-layer path MTU discovery (RFC 4821).",
        |_, v| only(v, OFF, "packetization-layer path MTU discovery (RFC 4821)");
    "tcp_recovery", "0", OFF,
        "RACK (RFC 8985). Linux's default is 1.",
        |_, v| only(v, OFF, "RACK (RFC 8985)");
    "tcp_early_retrans", "0", OFF,
        "Tail-loss probes (RFC 8985). Linux's default is 3.",
        |_, v| only(v, OFF, "tail-loss probing (RFC 8985)");
    "tcp_autocorking", "0", OFF,
        "Hold short segments back while the device is busy. Linux's default is 1.",
        |_, v| only(v, OFF, "automatic corking");
    "tcp_abort_on_overflow", "0", OFF,
        "Answer by a reset when a listener is full.",
        |_, v| only(v, OFF, "a reset from a full listener");
    "tcp_thin_linear_timeouts", "0", OFF,
        "Retransmission timeouts of thin streams that do not double.",
        |_, v| only(v, OFF, "linear timeouts");
    "tcp_shrink_window", "0", OFF,
        "Windows that shrink.",
        |_, v| only(v, OFF, "a window that shrinks");
    "tcp_no_metrics_save", "1", WHOLE,
        "Connections do not learn from earlier ones. Linux's default is 0.",
        |_, v| only(v, WHOLE, "a memory of paths");
    "tcp_rfc1337", "1", WHOLE,
        "No reset ends TIME-WAIT (RFC 1337). Linux's default is 0.",
        |_, v| only(v, WHOLE, "a TIME-WAIT that a reset ends");
    "tcp_tw_reuse", "1", WHOLE,
        "A connection in TIME-WAIT gives way to a new one with newer timestamps or sequence numbers. Linux's \
         default is 2: on loopback only.",
        |_, v| only(v, WHOLE, "a TIME-WAIT that does not give way");
}

/// How long Linux retransmits with this `tcp_retries2`: `retries` doublings of 200 ms, up to 120 s each.
fn retries(retries: u32) -> Duration {
    const BASE_MS: u64 = 200;
    /// 200 ms doubled so often is the last below 120 s.
    const DOUBLINGS: u32 = 9;
    let doubled = ((2 << retries.min(DOUBLINGS)) - 1) * BASE_MS;
    Duration::from_millis(doubled + u64::from(retries.saturating_sub(DOUBLINGS)) * 120_000)
}
