//! What goes wrong in a world beside what links do to frames.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use bytes::Bytes;
use fathom_stack::IpCidr;
use fathom_wire::Instant;

use super::{Phase, World, note};
use crate::faults::Fault;
use crate::forge;
use crate::node::hardware;
use crate::plan::{Change, LinkPlan};
use crate::way::{Extra, Narrow};

/// What was begun and is to be ended, and who is flooded.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    ends: Vec<(Instant, End)>,
    floods: Vec<Flood>,
}

/// What is to be ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    Down { host: usize, device: usize },
    Unaddressed { host: usize, device: usize, address: IpAddr },
    Relisten { flow: usize },
}

#[derive(Clone, Copy, Debug)]
struct Flood {
    next: Instant,
    interval: Duration,
    left: u64,
    link: usize,
    end: usize,
    port: u16,
}

impl Trouble {
    /// Whether nothing is left to be ended.
    pub(super) fn is_over(&self) -> bool {
        self.ends.is_empty()
    }

    pub(super) fn next(&self) -> Instant {
        let ends = self.ends.iter().map(|(at, _)| *at);
        ends.chain(self.floods.iter().map(|flood| flood.next)).min().unwrap_or(Instant::MAX)
    }
}

impl World<'_> {
    /// Does what is due: changes, their ends, and the end of all faults.
    pub(super) fn change(&mut self) {
        while let Some((_, change)) = self.changes.next_if(|(after, _)| self.begin + *after <= self.now) {
            note!(self, "{change:?}");
            self.begin_change(change);
        }
        let now = self.now;
        let due = self.trouble.ends.extract_if(.., |(at, _)| *at <= now).collect::<Vec<_>>();
        for (_, end) in due {
            self.end_change(end);
        }
        for number in 0..self.trouble.floods.len() {
            while self.trouble.floods[number].next <= now && self.trouble.floods[number].left > 0 {
                self.flood(number);
            }
        }
        self.trouble.floods.retain(|flood| flood.left > 0);
        if self.phase == Phase::Faults && now >= self.begin + self.plan.faults_end {
            self.calm_down();
        }
    }

    fn begin_change(&mut self, change: Change) {
        let now = self.now;
        match change {
            Change::Stall { link, direction, lasts } => {
                self.ways[2 * link + direction].stalled_until = now + lasts
            }
            Change::Narrow { link, mtu, tells, lasts } => {
                for direction in 0..2 {
                    let narrow = Narrow { mtu, tells, until: now + lasts };
                    self.ways[2 * link + direction].narrow = Some(narrow);
                }
            }
            Change::Down { link, end, lasts } => {
                let Some((host, device)) = self.device_at(link, end) else { return };
                let id = self.nodes[host].devices[device].id;
                self.nodes[host].stack.set_link(now, id, false);
                self.count(Fault::LinkDown);
                self.trouble.ends.push((now + lasts, End::Down { host, device }));
            }
            Change::Unaddressed { link, end, lasts } => {
                let Some((host, device)) = self.device_at(link, end) else { return };
                let (id, address) = (self.nodes[host].devices[device].id, self.plan.address(link, end));
                if self.nodes[host].stack.remove_address(now, id, address) {
                    self.count(Fault::AddressGone);
                    self.trouble.ends.push((now + lasts, End::Unaddressed { host, device, address }));
                }
            }
            Change::Relisten { server, lasts } => {
                let Some(flow) = self.close_server(server) else { return };
                self.count(Fault::ListenerClosed);
                self.trouble.ends.push((now + lasts, End::Relisten { flow }));
            }
            Change::Sleep { host, lasts } => {
                let node = &mut self.nodes[host];
                node.asleep_until = node.asleep_until.max(now + lasts);
            }
            Change::Death { host } => {
                self.nodes[host].alive = false;
                self.count(Fault::HostDied);
            }
            Change::Flood { link, end, port, count, interval } => {
                self.trouble.floods.push(Flood { next: now, interval, left: count, link, end, port });
            }
        }
    }

    /// The host at an end of a link, if it lives, and which of its devices is there.
    fn device_at(&self, link: usize, end: usize) -> Option<(usize, usize)> {
        let ends = self.plan.links[link].ends;
        let host = [ends.0, ends.1][end];
        let at = self.nodes[host].devices.iter().position(|it| it.link == link && it.end == end)?;
        self.nodes[host].alive.then_some((host, at))
    }

    fn end_change(&mut self, end: End) {
        note!(self, "ends: {end:?}");
        match end {
            End::Down { host, device } => {
                let id = self.nodes[host].devices[device].id;
                self.nodes[host].stack.set_link(self.now, id, true);
            }
            End::Relisten { flow } => self.open_server(flow),
            End::Unaddressed { host, device, address } => {
                let id = self.nodes[host].devices[device].id;
                if let Some(cidr) = IpCidr::new(address, self.plan.prefix_len()) {
                    // Two troubles may have taken the same address; the first that ends gives it back.
                    let _ = self.nodes[host].stack.add_address(self.now, id, cidr);
                }
            }
        }
    }

    /// A forged SYN arrives at a host.
    fn flood(&mut self, number: usize) {
        let Flood { interval, link, end, port, .. } = self.trouble.floods[number];
        let (destination, near) = (self.plan.address(link, end), self.plan.address(link, 1 - end));
        let from = self.draw.between(3, 250);
        // Somebody beyond the neighbour, whom answers do not reach, or a neighbour that is not there.
        let source: IpAddr = match near {
            IpAddr::V4(_) if self.draw.coin() => Ipv4Addr::new(10, 0, link as u8 + 1, from as u8).into(),
            IpAddr::V4(_) => Ipv4Addr::new(198, 51, 100, from as u8).into(),
            IpAddr::V6(_) => Ipv6Addr::new(0x2001, 0xdb8, 0xbad, 0, 0, 0, 0, from as u16).into(),
        };
        let ethernet = self.plan.links[link].ethernet.then(|| (hardware(link, 1 - end), hardware(link, end)));
        let source = (source, self.draw.between(1024, 65_535) as u16);
        let seq = self.draw.any() as u32;
        let syn: Bytes = forge::syn(ethernet, source, (destination, port), seq);
        self.count(Fault::FloodedSyn);
        self.ways[2 * link + 1 - end].send(self.now, syn, Extra::default(), &mut self.tally);
        let flood = &mut self.trouble.floods[number];
        flood.left -= 1;
        flood.next = self.now + interval;
    }

    /// Faults are over: links are what they are, everything is given back, and programs do not rest.
    fn calm_down(&mut self) {
        note!(self, "faults end");
        self.phase = Phase::Calm;
        for (number, way) in self.ways.iter_mut().enumerate() {
            let conditions = &self.plan.links[number / 2].conditions[number % 2];
            way.impairment.set_conditions(LinkPlan::calm(conditions));
            way.stalled_until = Instant::ZERO;
            way.narrow = None;
        }
        for (_, end) in std::mem::take(&mut self.trouble.ends) {
            self.end_change(end);
        }
        self.trouble.floods.clear();
        for node in &mut self.nodes {
            node.asleep_until = node.asleep_until.min(self.now);
        }
        self.wake_programs();
    }
}
