//! Hosts as they are drawn.

use std::fmt;
use std::time::Duration;

use fathom_stack::{Config, CongestionAlgorithm, GroupReports};

use super::{Theme, Themes};
use crate::draw::Draw;

const MS: fn(u64) -> Duration = Duration::from_millis;
const SECS: fn(u64) -> Duration = Duration::from_secs;

/// A host, and how whoever runs its stack goes about it.
#[derive(Clone, Debug)]
pub(crate) struct HostPlan {
    pub(crate) name: &'static str,
    pub(crate) seed: u64,
    pub(crate) config: Config,
    /// Frames are asked for written into a buffer, not owned.
    pub(crate) writes: bool,
    /// Timers are looked at before the frames that arrived at the same time.
    pub(crate) timers_first: bool,
    /// How long the device waits for more frames before it says that some have come.
    pub(crate) moderation: Duration,
    /// Bytes that wait for the line in the device before it has no more room; `None`: it takes everything.
    pub(crate) ring: Option<u64>,
    /// Frames that wait in a device while nobody runs the stack.
    pub(crate) device_frames: usize,
}

impl HostPlan {
    pub(super) fn draw(name: &'static str, themes: &Themes, draw: &mut Draw) -> HostPlan {
        HostPlan {
            name,
            seed: draw.any(),
            config: config(themes, draw),
            writes: draw.one_in(3),
            timers_first: draw.one_in(4),
            moderation: draw.maybe(3, |draw| draw.time(Duration::from_micros(20), MS(5))).unwrap_or_default(),
            ring: draw.maybe(2, |draw| draw.scale(1_000, 100_000)),
            device_frames: draw.of(&[4, 32, 256, 256]),
        }
    }

    /// The host passes on packets of so many bytes, for which it must have some memory.
    pub(super) fn make_router(&mut self, mtu: usize) {
        self.config.forwarding = true;
        self.config.memory_limit = self.config.memory_limit.max(4 * mtu);
    }
}

fn config(themes: &Themes, draw: &mut Draw) -> Config {
    let mut config = Config::default();
    config.internet.group_reports = GroupReports::Joined;
    if themes.has(Theme::Options) {
        let internet = &mut config.internet;
        internet.coalesce = draw.coin();
        internet.reassemblies = draw.of(&[1, 4, 64]);
        internet.path_mtu_age = draw.of(&[SECS(5), SECS(600)]);
        let link = &mut config.link;
        link.base_reachable = draw.time(MS(500), SECS(30));
        link.delay_first_probe = draw.time(MS(100), SECS(5));
        link.packets_per_neighbour = draw.of(&[1, 3, 8]);
        let tcp = &mut config.tcp;
        tcp.min_rto = draw.of(&[MS(10), MS(200), MS(200), MS(1000)]);
        tcp.initial_rto = draw.of(&[MS(200), SECS(1), SECS(3)]);
        tcp.max_rto = draw.of(&[SECS(2), SECS(60), SECS(120)]);
        tcp.max_probe_interval = draw.of(&[SECS(1), SECS(60)]);
        tcp.initial_receive_buffer = draw.scale(2_000, 256 << 10) as usize;
        tcp.max_receive_buffer = tcp.initial_receive_buffer.max(draw.scale(2_000, 8 << 20) as usize);
        tcp.initial_send_buffer = draw.scale(1_000, 256 << 10) as usize;
        tcp.max_send_buffer = tcp.initial_send_buffer.max(draw.scale(1_000, 4 << 20) as usize);
        tcp.time_wait = draw.time(MS(500), SECS(60));
        tcp.time_waits = draw.of(&[1, 3, 16_384]);
        tcp.ack_delay = draw.of(&[Duration::ZERO, MS(10), MS(40), MS(200), MS(499)]);
        tcp.quick_acks = draw.of(&[0, 2, 16]);
        tcp.require_timestamps = draw.one_in(6);
        tcp.challenge_acks = draw.of(&[1, 2, 10]);
        tcp.congestion_control = draw.of(&CongestionAlgorithm::ALL);
    }
    if themes.has(Theme::Flood) || themes.has(Theme::Backlog) {
        config.tcp.half_open = draw.of(&[2, 8, 4096]);
        config.tcp.half_open_per_listener = draw.of(&[1, 4, 64]);
        config.tcp.syn_cookies = draw.below(3) > 0;
    }
    if themes.has(Theme::Memory) && draw.below(3) > 0 {
        config.memory_limit = draw.scale(16 << 10, 512 << 10) as usize;
    }
    config
}

impl fmt::Display for HostPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let HostPlan { name, seed: _, config, writes, timers_first, moderation, ring, device_frames } = self;
        let (tcp, memory) = (&config.tcp, config.memory_limit);
        write!(f, "{name}: memory {memory}, device: {ring:?} bytes out, {device_frames} frames in, ")?;
        write!(f, "{moderation:?} moderation, written frames {writes}, timers first {timers_first}; ")?;
        write!(f, "coalesces {}; {tcp:?}", config.internet.coalesce)
    }
}
