//! A world that runs: stacks, links between them, programs on them, and a clock that jumps from one thing that
//! happens to the next.

mod checks;
mod flows;
mod trouble;

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use fathom_record::Record;
use fathom_stack::{Event, SocketId};
use fathom_wire::Instant;

use crate::datagrams::Datagrams;
use crate::draw::Draw;
use crate::faults::{Fault, Tally};
use crate::node::{Node, tally_record};
use crate::outcome::{Check, Failure, Passed};
use crate::plan::{Change, Plan, Theme};
use crate::program::End;
use crate::way::{Extra, Sent, Way};
use crate::wire::Onlooker;
use crate::{start, tamper::Tamper};
use flows::{Flow, Server};
use trouble::Trouble;

/// Longest time after the faults by which every program has ended: user timeouts of 15 minutes, and repairs
/// before them.
const PATIENCE: Duration = Duration::from_secs(45 * 60);
/// The same where memory is scarce: a receiver offers more than it has memory for, and each timeout of up to two
/// minutes brings no more than that.
const PATIENCE_WITH_LITTLE_MEMORY: Duration = Duration::from_secs(4 * 60 * 60);
/// Longest time after the programs by which nothing of their connections is left.
const GONE_WITHIN: Duration = Duration::from_secs(20 * 60);
/// How often it is looked whether they are.
const LOOKS_AFTER: Duration = Duration::from_secs(20);
/// Most events of a world.
const STEPS: u64 = 3_000_000;
/// Most turns at one time.
const TURNS_AT_ONCE: u64 = 20_000;
/// A device that has no room looks again after so long.
const ROOM_AFTER: Duration = Duration::from_micros(500);

/// Who hears what happens in a world.
pub(crate) trait Witness {
    /// Something happened, `at` after the start.
    fn note(&mut self, at: Duration, what: std::fmt::Arguments<'_>);
    /// What the stack of a host has recorded.
    fn records(&mut self, host: usize, records: Vec<Record>);
}

/// Where a world stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// Faults strike.
    Faults,
    /// Links are perfect, and programs end what they have begun.
    Calm,
    /// Programs have ended; what is left of their connections goes, since then.
    Leaving(Instant),
}

/// A world.
pub(crate) struct World<'a> {
    plan: &'a Plan,
    begin: Instant,
    now: Instant,
    phase: Phase,
    nodes: Vec<Node>,
    ways: Vec<Way>,
    servers: Vec<Server>,
    flows: Vec<Flow>,
    ends: Vec<End>,
    datagrams: Vec<Datagrams>,
    changes: std::iter::Peekable<std::vec::IntoIter<(Duration, Change)>>,
    trouble: Trouble,
    onlooker: Onlooker,
    tally: Tally,
    draw: Draw,
    buffer: Vec<u8>,
    tamper: Option<Tamper>,
    witness: Option<&'a mut dyn Witness>,
}

macro_rules! note {
    ($world:expr, $($what:tt)*) => {
        if let Some(witness) = &mut $world.witness {
            witness.note($world.now - $world.begin, format_args!($($what)*));
        }
    };
}
use note;

type Outcome<T = ()> = Result<T, Box<Failure>>;

impl<'a> World<'a> {
    /// A world at its start.
    pub(crate) fn new(
        plan: &'a Plan,
        tamper: Option<Tamper>,
        witness: Option<&'a mut dyn Witness>,
    ) -> World<'a> {
        let begin = start::begin(plan);
        let records = plan.records || witness.is_some();
        let nodes: Vec<Node> =
            (0..plan.hosts.len()).map(|host| Node::new(plan, host, begin, records)).collect();
        let mut draw = Draw::new(plan.seed ^ 0x5eed);
        let mut ways = Vec::new();
        for (link, of) in plan.links.iter().enumerate() {
            for (direction, host) in [of.ends.1, of.ends.0].into_iter().enumerate() {
                let at = |device: &crate::node::Device| device.link == link && device.end == 1 - direction;
                let device = nodes[host].devices.iter().position(at).expect("both ends of a link are there");
                let conditions = of.conditions[direction].clone();
                ways.push(Way::new(conditions, draw.any(), (host, device), of.ethernet));
            }
        }
        World {
            plan,
            begin,
            now: begin,
            phase: Phase::Faults,
            nodes,
            ways,
            flows: plan.flows.iter().map(|flow| Flow::new(begin + flow.start, flow)).collect(),
            servers: Vec::new(),
            ends: Vec::new(),
            datagrams: plan.datagrams.iter().map(|of| Datagrams::new(begin, of)).collect(),
            changes: plan.changes.clone().into_iter().peekable(),
            trouble: Trouble::default(),
            onlooker: Onlooker::new(
                plan.links.iter().flat_map(|link| &link.middlebox).any(|it| it.strips_scaling()),
                plan.themes.has(Theme::Flood) || plan.themes.has(Theme::Backlog),
            ),
            tally: Tally::default(),
            draw,
            buffer: Vec::new(),
            tamper,
            witness,
        }
    }

    /// Runs the world to its end.
    pub(crate) fn run(mut self) -> Outcome<Passed> {
        note!(self, "{}", self.plan);
        let outcome = self.go();
        // What led to a failure is wanted most.
        self.take_records();
        outcome?;
        let hashes = self.nodes.iter().map(Node::hash);
        let hash = hashes.fold(0, |all: u64, hash| all.rotate_left(17) ^ hash);
        self.tally.worlds = 1;
        self.tally.frames = self.nodes.iter().map(Node::frames).sum();
        for node in &self.nodes {
            node.tally(
                self.plan.links.iter().any(|link| !link.conditions[0].corrupt.is_never()),
                &mut self.tally,
            );
        }
        Ok(Passed { tally: self.tally, hash })
    }

    fn go(&mut self) -> Outcome {
        self.open_sockets()?;
        self.settle()?;
        while !self.is_over()? {
            self.step()?;
        }
        self.check_end()
    }

    fn fail<T>(&self, check: Check, detail: impl Into<String>) -> Outcome<T> {
        let at = self.now - self.begin;
        Err(Box::new(Failure { seed: self.plan.seed, check, at, detail: detail.into() }))
    }

    /// Goes to the next time at which something happens, and lets it happen.
    fn step(&mut self) -> Outcome {
        let next = self.next();
        if next == Instant::MAX {
            let waits = self.who_waits();
            return self.fail(Check::Hang, format!("nothing can happen any more: {waits}"));
        }
        self.now = self.now.max(next);
        self.tally.steps += 1;
        if self.tally.steps > STEPS {
            let waits = self.who_waits();
            return self.fail(Check::Steps, format!("{STEPS} events: {waits}"));
        }
        self.change();
        self.arrive();
        for host in 0..self.nodes.len() {
            if self.nodes[host].next() <= self.now {
                let timers_first = self.plan.hosts[host].timers_first;
                self.nodes[host].feed(self.now, timers_first, &mut self.tally);
            }
        }
        self.settle()?;
        if self.tally.steps.is_multiple_of(self.plan.audit_every) {
            self.audit()?;
        }
        Ok(())
    }

    /// The next time at which something happens.
    fn next(&mut self) -> Instant {
        let links = self.ways.iter().filter_map(|way| way.impairment.next_delivery());
        let nodes = self.nodes.iter().map(Node::next);
        let change = self.changes.peek().map(|(after, _)| self.begin + *after);
        let phase = match self.phase {
            Phase::Faults => self.begin + self.plan.faults_end,
            Phase::Calm => self.ends_by(),
            Phase::Leaving(since) => since.max(self.now) + LOOKS_AFTER,
        };
        let first = links.chain(nodes).chain(change).min().unwrap_or(Instant::MAX);
        let programs = self.next_of_programs();
        first.min(phase).min(self.trouble.next()).min(programs)
    }

    /// Takes the frames that have arrived to who they are for.
    fn arrive(&mut self) {
        for way in 0..self.ways.len() {
            while let Some(delivery) = self.ways[way].receive(self.now, &mut self.tally) {
                let (host, device) = self.ways[way].to;
                let mut frame = delivery.frame;
                if let Some(tamper) = self.tamper {
                    frame = tamper.frame(frame, self.ways[way].link_len());
                }
                note!(self, "{} gets {} bytes {:?}", self.plan.hosts[host].name, frame.len(), delivery.fates);
                let node = &mut self.nodes[host];
                node.arrives(
                    self.now,
                    device,
                    (frame, &delivery.tag),
                    &self.plan.hosts[host],
                    &mut self.tally,
                );
            }
        }
    }

    /// Lets programs run and frames leave until nobody has anything to do at this time.
    fn settle(&mut self) -> Outcome {
        let mut turns = 0;
        while let Some((host, event)) = self.next_event() {
            self.tell(host, event);
        }
        loop {
            let mut quiet = !self.run_programs()?;
            for host in 0..self.nodes.len() {
                if !self.nodes[host].runs(self.now) {
                    continue;
                }
                quiet &= !self.pull(host)?;
            }
            // A socket that was asked may have had nothing but news.
            while let Some((host, event)) = self.next_event() {
                quiet = false;
                self.tell(host, event);
            }
            turns += 1;
            if turns > TURNS_AT_ONCE {
                let waits = self.who_waits();
                return self.fail(Check::Steps, format!("{turns} turns at one time: {waits}"));
            }
            if quiet {
                break;
            }
        }
        self.take_records();
        self.check_readiness()
    }

    /// What a socket of a host that runs has to tell.
    fn next_event(&mut self) -> Option<(usize, Event)> {
        let now = self.now;
        let mut nodes = self.nodes.iter_mut().enumerate().filter(|(_, node)| node.runs(now));
        nodes.find_map(|(host, node)| node.stack.poll_event().map(|event| (host, event)))
    }

    /// Tells a program what its socket is ready for.
    fn tell(&mut self, host: usize, event: Event) {
        if let Some(tamper) = self.tamper
            && tamper.loses(event.readiness)
        {
            return;
        }
        note!(self, "{}: {:?} is ready for {:?}", self.plan.hosts[host].name, event.socket, event.readiness);
        match event.socket {
            SocketId::Tcp(id) => {
                let of = |end: &&mut End| end.host == host && end.id == id && !end.done;
                if let Some(end) = self.ends.iter_mut().rev().find(of) {
                    end.told(event.readiness);
                    end.wants_to_run = true;
                }
            }
            SocketId::Listener(id) => {
                let of = |server: &&mut Server| (server.host, server.listener) == (host, id);
                if let Some(server) = self.servers.iter_mut().find(of) {
                    server.told(self.now, event.readiness);
                }
            }
            SocketId::Udp(id) => {
                for datagrams in &mut self.datagrams {
                    datagrams.told(host, id);
                }
            }
            SocketId::Icmp(_) | SocketId::Raw(_) => {}
        }
    }

    /// Moves what a host has to send onto its links. Gives whether there was something.
    fn pull(&mut self, host: usize) -> Outcome<bool> {
        let mut some = false;
        for device in 0..self.nodes[host].devices.len() {
            let way = self.nodes[host].devices[device].way;
            self.nodes[host].devices[device].room_at = Instant::MAX;
            loop {
                let ring = self.plan.hosts[host].ring;
                if ring.is_some_and(|ring| self.ways[way].impairment.waiting_bytes(self.now) > ring) {
                    self.nodes[host].devices[device].room_at = self.now + ROOM_AFTER;
                    break;
                }
                let writes = self.plan.hosts[host].writes;
                let out = match self.nodes[host].pull(self.now, device, writes) {
                    None => break,
                    Some(Err(wrong)) => return self.fail(Check::Frame, self.said_by(host, &wrong)),
                    Some(Ok(out)) => out,
                };
                some = true;
                for (frame, extra) in self.nodes[host].device_frames(device, out, &mut self.tally) {
                    self.look(host, way, &frame, extra)?;
                    match &self.plan.links[way / 2].middlebox {
                        Some(middlebox) if !extra.partial => {
                            let link_len = self.ways[way].link_len();
                            for frame in middlebox.pass(frame, link_len, &mut self.draw, &mut self.tally) {
                                self.send(host, way, frame, extra);
                            }
                        }
                        _ => self.send(host, way, frame, extra),
                    }
                }
            }
        }
        Ok(some)
    }

    /// Looks at a frame that a host sends.
    fn look(&mut self, host: usize, way: usize, frame: &[u8], extra: Extra) -> Outcome {
        let ethernet = self.ways[way].ethernet;
        // What a router passes on was made, or spoiled, by others.
        let made = !self.plan.hosts[host].config.forwarding;
        if made && let Err(wrong) = self.onlooker.sees(frame, ethernet, !extra.partial, &mut self.tally) {
            return self.fail(Check::Frame, self.said_by(host, &wrong));
        }
        Ok(())
    }

    fn send(&mut self, host: usize, way: usize, frame: Bytes, extra: Extra) {
        let sent = self.ways[way].send(self.now, frame.clone(), extra, &mut self.tally);
        note!(self, "{} sends {} bytes: {sent:?}", self.plan.hosts[host].name, frame.len());
        if let Sent::TooBig(mtu) = sent
            && let Some(answer) = crate::forge::packet_too_big(&frame, self.ways[way].link_len(), mtu)
        {
            // The other direction of the link leads back.
            self.ways[way ^ 1].send(self.now, answer, Extra::default(), &mut self.tally);
        }
    }

    fn said_by(&self, host: usize, what: &str) -> String {
        format!("{}: {what}", self.plan.hosts[host].name)
    }

    /// Takes what stacks have recorded.
    fn take_records(&mut self) {
        for (host, node) in self.nodes.iter_mut().enumerate() {
            let recorder = node.stack.recorder();
            let mut records = Vec::new();
            while let Some(record) = recorder.pop() {
                tally_record(&record, &mut self.tally);
                if self.witness.is_some() {
                    records.push(record);
                }
            }
            if let Some(witness) = &mut self.witness
                && !records.is_empty()
            {
                witness.records(host, records);
            }
        }
    }

    /// The address and port of an end of a flow: 0 for the client's, 1 for the server's.
    fn socket_addr(&self, flow: usize, side: usize) -> SocketAddr {
        let of = &self.plan.flows[flow];
        SocketAddr::new(self.plan.address_of(of.hosts[side], of.hosts[1 - side]), of.ports[side])
    }

    /// When every program must have ended.
    fn ends_by(&self) -> Instant {
        let scarce = self.plan.themes.has(Theme::Memory);
        let patience = if scarce { PATIENCE_WITH_LITTLE_MEMORY } else { PATIENCE };
        self.begin + self.plan.faults_end + patience
    }

    fn host_runs(&self, host: usize) -> bool {
        self.nodes[host].runs(self.now)
    }

    fn count(&mut self, fault: Fault) {
        self.tally.add(fault, 1);
    }
}
