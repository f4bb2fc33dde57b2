//! A world as it is drawn: hosts, links, who talks to whom, and what goes wrong when.
//!
//! A plan is data. The same seed gives the same plan, and the same plan the same run.

mod change;
mod flow;
mod host;
mod link;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

pub(crate) use change::Change;
pub(crate) use flow::{DatagramPlan, EndPlan, Finish, FlowPlan};
pub(crate) use host::HostPlan;
pub(crate) use link::{LinkPlan, Offloading};

use crate::draw::Draw;
use crate::middlebox::Middlebox;

/// How the hosts of a world are joined.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shape {
    /// Two hosts on a link.
    Pair,
    /// Two hosts, each on a link to a router.
    Router,
    /// Two hosts, each on a link to a third, which serves both.
    TwoClients,
}

/// Which edge of a 32-bit space the run begins just before, if any.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Edge {
    /// The initial sequence number of an end of the first flow: 0 for the client's, 1 for the server's.
    Sequence { end: usize, at: u32 },
    /// The timestamps of an end of the first flow.
    Timestamp { end: usize, at: u32 },
}

/// Kinds of trouble that a world has or has not.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Theme {
    Loss,
    Bursts,
    Reordering,
    Duplicates,
    Corruption,
    Bottleneck,
    PathMtu,
    Stalls,
    LinkDown,
    AddressGone,
    Sleep,
    Windows,
    Options,
    Aborts,
    Hasty,
    Death,
    Flood,
    Backlog,
    Memory,
    Rounds,
    Crossing,
    Datagrams,
    Middlebox,
    Relisten,
}

impl Theme {
    /// Each with how rarely it is chosen: once in so many worlds.
    const ALL: [(Theme, u64); 24] = [
        (Theme::Loss, 2),
        (Theme::Bursts, 5),
        (Theme::Reordering, 3),
        (Theme::Duplicates, 4),
        (Theme::Corruption, 6),
        (Theme::Bottleneck, 3),
        (Theme::PathMtu, 5),
        (Theme::Stalls, 6),
        (Theme::LinkDown, 12),
        (Theme::AddressGone, 12),
        (Theme::Sleep, 10),
        (Theme::Windows, 4),
        (Theme::Options, 2),
        (Theme::Aborts, 8),
        (Theme::Hasty, 8),
        (Theme::Death, 14),
        (Theme::Flood, 12),
        (Theme::Backlog, 8),
        (Theme::Memory, 10),
        (Theme::Rounds, 8),
        (Theme::Crossing, 12),
        (Theme::Datagrams, 4),
        (Theme::Middlebox, 8),
        (Theme::Relisten, 12),
    ];
}

/// The themes of a world.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Themes(Vec<Theme>);

impl Themes {
    fn draw(draw: &mut Draw) -> Themes {
        // One world in sixteen has everything at once, one in sixteen nothing.
        let mood = draw.below(16);
        let chosen = Theme::ALL.into_iter().filter(|(_, rarity)| match mood {
            0 => false,
            1 => draw.coin(),
            _ => draw.one_in(*rarity),
        });
        Themes(chosen.map(|(theme, _)| theme).collect())
    }

    pub(crate) fn has(&self, theme: Theme) -> bool {
        self.0.contains(&theme)
    }
}

/// A world as it is drawn.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) shape: Shape,
    pub(crate) v6: bool,
    pub(crate) themes: Themes,
    pub(crate) edge: Option<Edge>,
    pub(crate) hosts: Vec<HostPlan>,
    pub(crate) links: Vec<LinkPlan>,
    pub(crate) flows: Vec<FlowPlan>,
    pub(crate) datagrams: Vec<DatagramPlan>,
    /// What happens when, counted from the start, in order.
    pub(crate) changes: Vec<(Duration, Change)>,
    /// When links become perfect and programs diligent.
    pub(crate) faults_end: Duration,
    /// Stacks are audited at every so many events.
    pub(crate) audit_every: u64,
    /// Whether stacks record what they do.
    pub(crate) records: bool,
}

impl Plan {
    /// The plan of a seed.
    pub(crate) fn draw(seed: u64) -> Plan {
        let draw = &mut Draw::new(seed);
        let themes = Themes::draw(draw);
        let shape = match draw.below(3) {
            0 => draw.of(&[Shape::Router, Shape::TwoClients]),
            _ => Shape::Pair,
        };
        let v6 = draw.one_in(3);
        let faults_end = draw.time(Duration::from_millis(200), Duration::from_secs(30));
        let names: &[&str] = match shape {
            Shape::Pair => &["alice", "bob"],
            Shape::Router => &["alice", "bob", "router"],
            Shape::TwoClients => &["alice", "bob", "carol"],
        };
        let mut hosts: Vec<HostPlan> = names.iter().map(|name| HostPlan::draw(name, &themes, draw)).collect();
        let ends: &[(usize, usize)] = match shape {
            Shape::Pair => &[(0, 1)],
            Shape::Router => &[(0, 2), (2, 1)],
            Shape::TwoClients => &[(0, 1), (2, 1)],
        };
        // One flipped bit is always found; two in one packet need not be.
        let corrupts = draw.below(ends.len() as u64) as usize;
        let mut links: Vec<LinkPlan> = ends
            .iter()
            .enumerate()
            .map(|(number, &ends)| LinkPlan::draw(ends, v6, (number == corrupts, shape), &themes, draw))
            .collect();
        // A box behind a router would put the checksum of a spoiled segment right.
        let hides = shape == Shape::Router && themes.has(Theme::Corruption);
        if themes.has(Theme::Middlebox) && !hides {
            // A cookie has what the SYN offered in its timestamp: an answer without it makes another connection
            // than the one that the SYN-ACK spoke of.
            let required = hosts.iter().any(|host| host.config.tcp.require_timestamps)
                || themes.has(Theme::Flood)
                || themes.has(Theme::Backlog);
            let middlebox = Middlebox::draw(draw, required);
            let way = draw.below(links.len() as u64) as usize;
            // One on the way between any two hosts.
            let both = shape == Shape::TwoClients;
            for link in
                links.iter_mut().enumerate().filter(|(at, _)| both || *at == way).map(|(_, link)| link)
            {
                link.middlebox = Some(middlebox.clone());
                if link.offload == Offloading::Whole {
                    // It sees what is on a wire.
                    link.offload = Offloading::Cuts;
                }
            }
        }
        if shape == Shape::Router {
            hosts[2].make_router(links.iter().map(|link| link.mtu).max().unwrap_or(1500));
        }
        let mut plan = Plan {
            seed,
            shape,
            v6,
            themes,
            edge: None,
            hosts,
            links,
            flows: Vec::new(),
            datagrams: Vec::new(),
            changes: Vec::new(),
            faults_end,
            audit_every: draw.of(&[1, 1, 3, 10]),
            records: !draw.one_in(6),
        };
        flow::draw(&mut plan, draw);
        change::draw(&mut plan, draw);
        plan.edge = draw.maybe(3, |draw| {
            let (end, back) = (draw.below(2) as usize, draw.scale(1, 40_000) as u32);
            let at = draw.of(&[0_u32, 1 << 31]);
            match draw.below(3) {
                0 => Edge::Timestamp { end, at: at.wrapping_sub(back % 4000 + 1) },
                _ => Edge::Sequence { end, at: at.wrapping_sub(back) },
            }
        });
        plan
    }

    /// The address of an end of a link: 0 for its first host, 1 for its second.
    pub(crate) fn address(&self, link: usize, end: usize) -> IpAddr {
        match self.v6 {
            true => Ipv6Addr::new(0x2001, 0xdb8, link as u16 + 1, 0, 0, 0, 0, end as u16 + 1).into(),
            false => Ipv4Addr::new(10, 0, link as u8 + 1, end as u8 + 1).into(),
        }
    }

    /// The address that stands for all of a host's.
    pub(crate) fn unspecified(&self) -> IpAddr {
        if self.v6 { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() }
    }

    /// Bits of the networks' prefixes.
    pub(crate) fn prefix_len(&self) -> u8 {
        if self.v6 { 64 } else { 24 }
    }

    /// The address at which `host` is to be reached by `peer`, or through the router.
    pub(crate) fn address_of(&self, host: usize, peer: usize) -> IpAddr {
        let both = self.links.iter().position(|link| {
            let ends = [link.ends.0, link.ends.1];
            ends.contains(&host) && ends.contains(&peer)
        });
        let link = both.or_else(|| self.link_of(host)).expect("every host is on a link");
        self.address(link, usize::from(self.links[link].ends.1 == host))
    }

    fn link_of(&self, host: usize) -> Option<usize> {
        self.links.iter().position(|link| link.ends.0 == host || link.ends.1 == host)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let family = if self.v6 { "IPv6" } else { "IPv4" };
        writeln!(f, "seed {}: {:?}, {family}, trouble with {:?}", self.seed, self.shape, self.themes.0)?;
        writeln!(f, "faults end after {:?}; {:?}", self.faults_end, self.edge)?;
        for host in &self.hosts {
            writeln!(f, "{host}")?;
        }
        for link in &self.links {
            let (a, b) = (&self.hosts[link.ends.0].name, &self.hosts[link.ends.1].name);
            writeln!(f, "link {a} to {b}: {link}")?;
        }
        for flow in &self.flows {
            let (client, server) = (&self.hosts[flow.hosts[0]].name, &self.hosts[flow.hosts[1]].name);
            writeln!(f, "{client} to {server}: {flow}")?;
        }
        for datagrams in &self.datagrams {
            writeln!(f, "{datagrams:?}")?;
        }
        for (at, change) in &self.changes {
            writeln!(f, "after {at:?}: {change:?}")?;
        }
        Ok(())
    }
}
