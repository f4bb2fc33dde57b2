//! Who talks to whom, and how, as it is drawn.

use std::fmt;
use std::time::Duration;

use fathom_stack::{CongestionAlgorithm, Keepalive, TcpOptions};

use super::{Plan, Shape, Theme, Themes};
use crate::draw::Draw;

const MS: fn(u64) -> Duration = Duration::from_millis;
const SECS: fn(u64) -> Duration = Duration::from_secs;

/// Why a connection may end before everything is delivered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Excuse {
    /// A program aborts it, or closes it with data on the way.
    Aborted,
    /// A host dies.
    Death,
    /// A program has little patience.
    Impatient,
    /// Cookies lose what a half-open connection would have kept.
    Cookies,
}

/// How a program writes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct WritePlan {
    /// Bytes in each connection.
    pub(crate) total: u64,
    /// Bytes in one call, at most.
    pub(crate) chunk: usize,
    /// Handed over, not copied.
    pub(crate) owned: bool,
    /// After so many bytes it rests for so long.
    pub(crate) pause: Option<(u64, Duration)>,
    /// Corks the connection, and takes the cork out at the end.
    pub(crate) corks: bool,
}

/// How a program reads.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ReadPlan {
    /// Bytes in one call, at most.
    pub(crate) chunk: usize,
    /// Taken without a copy.
    pub(crate) owned: bool,
    /// Looks before it reads.
    pub(crate) peeks: bool,
    /// After so many bytes it rests for so long.
    pub(crate) pause: Option<(u64, Duration)>,
    /// Changes its receive buffer while it is in use: after so many bytes, to so many.
    pub(crate) resize: Option<(u64, usize)>,
}

/// How a program ends a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Finish {
    /// Ends its data, reads to the end, waits until everything is delivered, and lets go.
    Patient,
    /// As that, but lets go once it has read to the end.
    Hasty,
    /// Lets go once it has written everything, whatever the peer still sends.
    Rude,
    /// Reads to the end first, and only then writes; ends its data last.
    Last,
}

/// One end of a connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct EndPlan {
    pub(crate) options: TcpOptions,
    pub(crate) write: WritePlan,
    pub(crate) read: ReadPlan,
    pub(crate) finish: Finish,
    /// Aborts so long after it was connected.
    pub(crate) abort: Option<Duration>,
    /// Changes choices of the connection while it is in use, each time that it has written or read so much.
    pub(crate) fiddle: Option<(u64, u64)>,
}

/// Connections between two programs, one after the other.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct FlowPlan {
    /// Client and server.
    pub(crate) hosts: [usize; 2],
    pub(crate) ports: [u16; 2],
    /// When the first is opened, from the start of the world.
    pub(crate) start: Duration,
    /// How many there are.
    pub(crate) rounds: u32,
    /// Both ends connect to each other at once.
    pub(crate) crossing: bool,
    pub(crate) ends: [EndPlan; 2],
    /// Of the server's listener.
    pub(crate) backlog: usize,
    /// How long the server waits before it accepts.
    pub(crate) accept_pause: Duration,
    /// The server decides about each SYN, after so long.
    pub(crate) decides: Option<Duration>,
    pub(crate) excuse: Option<Excuse>,
}

/// Datagrams from a program to another.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct DatagramPlan {
    pub(crate) hosts: [usize; 2],
    pub(crate) port: u16,
    pub(crate) count: u64,
    /// Bytes in each, at most.
    pub(crate) size: usize,
    pub(crate) interval: Duration,
    pub(crate) receive_buffer: usize,
}

/// Draws who talks to whom.
pub(super) fn draw(plan: &mut Plan, draw: &mut Draw) {
    let count = match draw.below(10) {
        0..5 => 1,
        5..8 => draw.between(2, 4),
        8 => draw.between(3, 8),
        _ => draw.between(6, 16),
    };
    let most = match draw.below(40) {
        0..20 => 30_000,
        20..34 => 150_000,
        34..39 => 600_000,
        _ => 4_000_000,
    };
    // Where each segment may be refused for want of memory, little comes through with each timeout.
    let most = if plan.themes.has(Theme::Memory) { most.min(60_000) } else { most };
    let most = most / count;
    for number in 0..count {
        let mut flow = flow(plan, number as u16, most, draw);
        if let Some(first) = plan.flows.first()
            && plan.themes.has(Theme::Backlog)
            && first.hosts[1] == flow.hosts[1]
            && !(first.crossing || flow.crossing)
            && draw.below(4) > 0
        {
            share(first, &mut flow, most);
        }
        plan.flows.push(flow);
    }
    if plan.themes.has(Theme::Datagrams) {
        for number in 0..draw.between(1, 2) {
            let narrow = plan.links.iter().map(|link| link.mtu).min().unwrap_or(1500);
            // With flipped bits nothing is fragmented: two pieces could each have one.
            let size = match plan.themes.has(Theme::Corruption) {
                true => draw.scale(1, narrow.saturating_sub(48).max(1) as u64),
                false => draw.scale(1, 20_000),
            };
            plan.datagrams.push(DatagramPlan {
                hosts: hosts(plan.shape, draw),
                port: 7000 + number as u16,
                count: draw.scale(1, 60),
                size: size as usize,
                interval: draw.time(Duration::from_micros(1), MS(200)),
                receive_buffer: draw.scale(500, 256 << 10) as usize,
            });
        }
    }
}

/// A flow uses the listener of another.
fn share(first: &FlowPlan, flow: &mut FlowPlan, most: u64) {
    flow.ports[1] = first.ports[1];
    let keepalive = flow.ends[1].options.keepalive;
    flow.ends[1].options = TcpOptions { keepalive, ..first.ends[1].options.clone() };
    flow.excuse = flow.excuse.or(first.excuse);
    if flow.excuse.is_some() {
        flow.rounds = 1;
        for end in &mut flow.ends {
            end.options.keepalive.get_or_insert(Keepalive { idle: SECS(20), interval: SECS(5), probes: 5 });
        }
    }
    for side in 0..2 {
        let grain = grain(&flow.ends, side);
        let write = &mut flow.ends[side].write;
        write.total = write.total.min(most.min(grain * 1000));
    }
}

/// Who talks to whom.
fn hosts(shape: Shape, draw: &mut Draw) -> [usize; 2] {
    if draw.one_in(20) {
        let host = draw.below(2) as usize;
        return [host, host];
    }
    match shape {
        Shape::TwoClients => draw.of(&[[0, 1], [2, 1]]),
        Shape::Pair | Shape::Router => draw.of(&[[0, 1], [1, 0]]),
    }
}

fn flow(plan: &Plan, number: u16, most: u64, draw: &mut Draw) -> FlowPlan {
    let has = |theme| plan.themes.has(theme);
    let crossing = has(Theme::Crossing) && draw.coin();
    let mut ends = [(); 2].map(|()| end(&plan.themes, draw));
    // What one end sends is cut to what both ends let through in bearable time.
    let grains = [grain(&ends, 0), grain(&ends, 1)];
    for (end, grain) in ends.iter_mut().zip(grains) {
        end.write.total = match draw.below(8) {
            0 => 0,
            1 => draw.below(3),
            2..5 => draw.scale(1, most.min(grain * 1000).max(2)),
            _ => draw.between(1, most.min(grain * 1000).max(2)),
        };
    }
    let hosts = hosts(plan.shape, draw);
    if ends.iter().all(|end| end.finish == Finish::Last) {
        // Somebody has to speak first.
        ends[0].finish = Finish::Patient;
    }
    let backlog = has(Theme::Backlog);
    let flood = has(Theme::Flood) || backlog;
    let cookies = flood && plan.hosts[hosts[1]].config.tcp.syn_cookies && !crossing;
    let dies = has(Theme::Death);
    let impatient = has(Theme::Options) && draw.one_in(8);
    if impatient {
        let end = &mut ends[draw.below(2) as usize].options;
        match draw.below(3) {
            0 => end.user_timeout = Some(draw.time(MS(500), SECS(60))),
            1 => end.keepalive = Some(keepalive(draw)),
            _ => end.syn_retries = Some(draw.below(4) as u8),
        }
    }
    let relistens = has(Theme::Relisten);
    let aborted = |end: &EndPlan| {
        relistens || end.abort.is_some() || matches!(end.finish, Finish::Rude | Finish::Hasty)
    };
    // While SYNs cross one end may be told that there is no way, after the other believes that it is connected.
    let half = crossing && (has(Theme::AddressGone) || has(Theme::LinkDown));
    let excuse = if dies {
        Some(Excuse::Death)
    } else if half || ends.iter().any(aborted) || ends.iter().any(|end| end.options.linger.is_some()) {
        Some(Excuse::Aborted)
    } else if impatient {
        Some(Excuse::Impatient)
    } else if cookies {
        Some(Excuse::Cookies)
    } else {
        None
    };
    if excuse.is_some() {
        // The other end may never hear of it, and would wait for ever.
        for end in &mut ends {
            let patient = Keepalive { probes: draw.between(3, 9) as u8, ..keepalive(draw) };
            end.options.keepalive.get_or_insert(patient);
        }
    }
    FlowPlan {
        hosts,
        ports: [40_000 + number, 80 + number],
        start: draw.time(Duration::from_micros(1), MS(3000)),
        rounds: if has(Theme::Rounds) && excuse.is_none() && !crossing {
            draw.between(2, 4) as u32
        } else {
            1
        },
        crossing,
        ends,
        backlog: if backlog { draw.between(1, 2) as usize } else { 128 },
        accept_pause: draw
            .maybe(if backlog { 2 } else { 10 }, |draw| draw.time(MS(1), SECS(10)))
            .unwrap_or_default(),
        decides: draw.maybe(10, |draw| draw.time(Duration::from_micros(1), SECS(2))),
        excuse,
    }
}

/// Bytes that go at a time, at most, from an end to the other.
fn grain(ends: &[EndPlan; 2], from: usize) -> u64 {
    let (sender, receiver) = (&ends[from], &ends[1 - from]);
    let segment = [sender, receiver].iter().filter_map(|end| end.options.max_segment.map(usize::from)).min();
    let resized = receiver.read.resize.map(|(_, bytes)| bytes);
    let buffers = [sender.options.send_buffer, receiver.options.receive_buffer, resized];
    let low = sender.options.notsent_low_water;
    let least = buffers.into_iter().chain([low, segment]).flatten().min().unwrap_or(100_000);
    least.min(sender.write.chunk).min(receiver.read.chunk).max(1) as u64
}

fn keepalive(draw: &mut Draw) -> Keepalive {
    Keepalive {
        idle: draw.time(MS(200), SECS(30)),
        interval: draw.time(MS(100), SECS(10)),
        probes: draw.between(1, 5) as u8,
    }
}

fn end(themes: &Themes, draw: &mut Draw) -> EndPlan {
    let has = |theme| themes.has(theme);
    let windows = has(Theme::Windows);
    let mut options = TcpOptions::default();
    if has(Theme::Options) {
        options.sack = draw.below(3) > 0;
        options.timestamps = draw.below(3) > 0;
        options.window_scaling = draw.below(3) > 0;
        options.nodelay = draw.one_in(3);
        options.congestion_control = draw.maybe(2, |draw| draw.of(&CongestionAlgorithm::ALL));
        options.max_segment = draw.maybe(4, |draw| draw.scale(1, 9000) as u16);
        options.keepalive = draw.maybe(8, |draw| Keepalive { probes: 200, ..keepalive(draw) });
        options.dscp = draw.below(64) as u8;
    }
    if windows {
        options.receive_buffer = draw.maybe(2, |draw| draw.scale(1, 2 << 20) as usize);
        options.send_buffer = draw.maybe(2, |draw| draw.scale(1, 2 << 20) as usize);
        options.notsent_low_water = draw.maybe(5, |draw| draw.scale(1, 20_000) as usize);
        // Whoever waits for more than there may be memory for waits for ever.
        let low = draw.maybe(5, |draw| draw.scale(1, 20_000) as usize).unwrap_or(1);
        options.receive_low_water = if has(Theme::Memory) { 1 } else { low };
    }
    let pause = |rarity, draw: &mut Draw| {
        draw.maybe(rarity, |draw| (draw.scale(1, 20_000), draw.time(Duration::from_micros(10), SECS(5))))
    };
    let rarity = if windows { 2 } else { 8 };
    let tiny = if windows { 4 } else { 30 };
    let write = WritePlan {
        total: 0,
        chunk: if draw.one_in(tiny) { draw.scale(1, 100) } else { draw.scale(100, 100_000) } as usize,
        owned: draw.one_in(3),
        pause: pause(rarity, draw),
        corks: draw.one_in(10),
    };
    let read = ReadPlan {
        chunk: if draw.one_in(tiny) { draw.scale(1, 100) } else { draw.scale(100, 100_000) } as usize,
        owned: draw.one_in(3),
        peeks: draw.one_in(6),
        pause: pause(rarity, draw),
        resize: draw.maybe(if windows { 4 } else { 100 }, |draw| {
            (draw.scale(1, 20_000), draw.scale(1, 1 << 20) as usize)
        }),
    };
    let finish = match draw.below(8) {
        0 => Finish::Last,
        1 | 2 if has(Theme::Hasty) => Finish::Hasty,
        3 | 4 if has(Theme::Hasty) => Finish::Rude,
        _ => Finish::Patient,
    };
    if has(Theme::Hasty) && draw.one_in(6) {
        options.linger = Some(Duration::ZERO);
    }
    let abort = draw.maybe(if has(Theme::Aborts) { 2 } else { u64::MAX }, |draw| {
        draw.time(Duration::from_micros(1), SECS(5))
    });
    let fiddle =
        draw.maybe(if has(Theme::Options) { 4 } else { 20 }, |draw| (draw.scale(1, 20_000), draw.any()));
    EndPlan { options, write, read, finish, abort, fiddle }
}

impl fmt::Display for FlowPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FlowPlan { hosts: _, ports, start, rounds, crossing, ends, .. } = self;
        let FlowPlan { backlog, accept_pause, decides, excuse, .. } = self;
        writeln!(f, "ports {ports:?} after {start:?}, {rounds} rounds, crossing {crossing}, {excuse:?}; ")?;
        writeln!(f, "  backlog {backlog}, accepts after {accept_pause:?}, decides {decides:?}")?;
        for (name, end) in ["client", "server"].iter().zip(ends) {
            let EndPlan { options, write, read, finish, abort, fiddle } = end;
            writeln!(f, "  {name}: {write:?}, {read:?}, {finish:?}, aborts {abort:?}, fiddles {fiddle:?}")?;
            writeln!(f, "    {options:?}")?;
        }
        Ok(())
    }
}
