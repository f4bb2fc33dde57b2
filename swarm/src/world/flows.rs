//! Who opens connections, who accepts them, and when which program runs.

use std::net::SocketAddr;
use std::time::Duration;

use fathom_stack::{
    ConnectError, Decision, IncomingId, ListenerId, Readiness, SocketCursor, SocketEntry, TcpConnect,
    TcpError, TcpListen,
};
use fathom_wire::Instant;

use super::{Outcome, Phase, World, note};
use crate::faults::Fault;
use crate::outcome::Check;
use crate::plan::FlowPlan;
use crate::program::{End, Lent};

/// How long a client waits before it tries again.
const RETRY: Duration = Duration::from_millis(500);
/// How often a client tries whose peer may be dead.
const ATTEMPTS: u32 = 6;

/// A server: a program that listens, and accepts for one flow or for several.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) host: usize,
    pub(super) listener: ListenerId,
    /// The flow whose plan it follows.
    flow: usize,
    /// When it accepts next, if it was told that it can.
    accept_at: Instant,
    /// Attempts that wait for a decision, and when it is made.
    decisions: Vec<(Instant, IncomingId)>,
}

impl Server {
    /// The listener has told something.
    pub(super) fn told(&mut self, now: Instant, readiness: Readiness) {
        if readiness.intersects(Readiness::ACCEPTABLE | Readiness::INCOMING) {
            self.accept_at = self.accept_at.min(now);
        }
    }

    fn next(&self) -> Instant {
        self.decisions.iter().map(|(at, _)| *at).min().unwrap_or(Instant::MAX).min(self.accept_at)
    }
}

/// Connections between two programs, one after the other.
#[derive(Debug)]
pub(super) struct Flow {
    accepted: u32,
    /// The round that each opener is in: the client, and the server when both open.
    openers: [Opener; 2],
}

/// A program that opens connections.
#[derive(Debug)]
struct Opener {
    round: u32,
    attempts: u32,
    open_at: Instant,
    /// Its connection, by its place among the ends.
    end: Option<usize>,
    done: bool,
}

impl Flow {
    pub(super) fn new(start: Instant, plan: &FlowPlan) -> Flow {
        let opener = |done| Opener { round: 0, attempts: 0, open_at: start, end: None, done };
        Flow { accepted: 0, openers: [opener(false), opener(!plan.crossing)] }
    }

    pub(super) fn opened_all(&self) -> bool {
        self.openers.iter().all(|opener| opener.done)
    }

    /// When a program of the flow does something by itself; `runs` tells from when on a host runs, if it does.
    fn next(&self, plan: &FlowPlan, runs: impl Fn(usize) -> Option<Instant>) -> Instant {
        let opens = self.openers.iter().zip(plan.hosts).filter(|(it, _)| !it.done && it.end.is_none());
        let opens = opens.filter_map(|(opener, host)| Some(opener.open_at.max(runs(host)?)));
        opens.min().unwrap_or(Instant::MAX)
    }
}

impl World<'_> {
    /// Listens and binds before anything happens.
    pub(super) fn open_sockets(&mut self) -> Outcome {
        for flow in 0..self.flows.len() {
            let plan = &self.plan.flows[flow];
            let host = plan.hosts[1];
            let same = |server: &Server| {
                let other = &self.plan.flows[server.flow];
                (other.hosts[1], other.ports[1]) == (host, plan.ports[1])
            };
            if plan.crossing || self.servers.iter().any(same) {
                continue;
            }
            self.open_server(flow);
        }
        for number in 0..self.datagrams.len() {
            let plan = &self.plan.datagrams[number];
            let [from, to] = plan.hosts;
            let addresses = [self.plan.address_of(from, to), self.plan.address_of(to, from)];
            let opened = self.datagrams[number].open(self.now, plan, addresses, &mut self.nodes);
            if let Err(error) = opened {
                return self.fail(Check::Outcome, error);
            }
        }
        Ok(())
    }

    /// Listens as a flow has it.
    pub(super) fn open_server(&mut self, flow: usize) {
        let plan = &self.plan.flows[flow];
        let host = plan.hosts[1];
        // Clients may come to any of its addresses.
        let at = SocketAddr::new(self.plan.unspecified(), plan.ports[1]);
        let listen = TcpListen {
            backlog: plan.backlog,
            decide: plan.decides.is_some(),
            options: plan.ends[1].options.clone(),
            ..TcpListen::at(at)
        };
        let listener = self.nodes[host].stack.tcp_listen(self.now, listen);
        let listener = listener.expect("nobody else listens at the port");
        let (accept_at, decisions) = (Instant::MAX, Vec::new());
        self.servers.push(Server { host, listener, flow, accept_at, decisions });
    }

    /// Closes a listener; gives the flow that it was opened for.
    pub(super) fn close_server(&mut self, number: usize) -> Option<usize> {
        if self.servers.is_empty() {
            return None;
        }
        let server = self.servers.remove(number % self.servers.len());
        self.nodes[server.host].stack.tcp_close_listener(self.now, server.listener);
        Some(server.flow)
    }

    /// When a program goes on by itself.
    pub(super) fn next_of_programs(&self) -> Instant {
        let runs = |host: usize| self.nodes[host].alive.then(|| self.nodes[host].asleep_until);
        let ends = self.ends.iter().filter(|end| !end.done).filter_map(|end| {
            let plan = &self.plan.flows[end.flow].ends[end.side];
            Some(end.wakes_at(plan).max(runs(end.host)?))
        });
        let flows = self.flows.iter().zip(&self.plan.flows).map(|(flow, plan)| flow.next(plan, runs));
        let servers = self.servers.iter().filter_map(|server| Some(server.next().max(runs(server.host)?)));
        let datagrams = self.datagrams.iter().zip(&self.plan.datagrams);
        let datagrams = datagrams.filter_map(|(it, plan)| Some(it.next(plan).max(runs(plan.hosts[0])?)));
        let next = ends.chain(flows).chain(servers).chain(datagrams).min().unwrap_or(Instant::MAX);
        debug_assert!(next > self.now, "what a program can do at this time it has done");
        next
    }

    /// Lets all programs run that can. Gives whether one did something.
    pub(super) fn run_programs(&mut self) -> Outcome<bool> {
        let mut some = false;
        for server in 0..self.servers.len() {
            some |= self.accept(server);
        }
        for flow in 0..self.flows.len() {
            for side in 0..2 {
                some |= self.open(flow, side)?;
            }
        }
        for number in 0..self.ends.len() {
            some |= self.run_end(number)?;
        }
        for (number, plan) in self.plan.datagrams.iter().enumerate() {
            let it = &mut self.datagrams[number];
            match it.run(self.now, plan, self.phase != Phase::Faults, &mut self.nodes, &mut self.tally) {
                Ok(did) => some |= did,
                Err(wrong) => return self.fail(Check::Bytes, wrong),
            }
        }
        Ok(some)
    }

    fn run_end(&mut self, number: usize) -> Outcome<bool> {
        let end = &mut self.ends[number];
        let plan = &self.plan.flows[end.flow];
        let due = end.wants_to_run || end.wakes_at(&plan.ends[end.side]) <= self.now;
        if end.done || !due || !self.nodes[end.host].runs(self.now) {
            return Ok(false);
        }
        end.wants_to_run = false;
        let calm = self.phase != Phase::Faults;
        let lent = &mut Lent {
            now: self.now,
            plan: &plan.ends[end.side],
            calm,
            tally: &mut self.tally,
            buffer: &mut self.buffer,
        };
        let outcome = end.run(&mut self.nodes[end.host].stack, lent);
        let name = self.plan.hosts[end.host].name;
        let ended = end.done.then_some((end.flow, end.side, end.error, end.aborted));
        note!(
            self,
            "{name}: program of flow {} has sent {} and received {}{}{}",
            end.flow,
            end.sent,
            end.received,
            if end.eof { ", all" } else { "" },
            if end.done { format!(", and has let go: {:?}", end.error) } else { String::new() }
        );
        if let Err(wrong) = outcome {
            let (flow, side) = (end.flow, end.side);
            return self.fail(Check::Bytes, format!("{name}, flow {flow}, side {side}: {wrong}"));
        }
        if let Some((flow, side, error, aborted)) = ended {
            self.ended(number, flow, side, error, aborted)?;
        }
        Ok(true)
    }

    /// A program has let go of its connection.
    fn ended(
        &mut self,
        number: usize,
        flow: usize,
        side: usize,
        error: Option<TcpError>,
        aborted: bool,
    ) -> Outcome {
        let fault = match error {
            Some(TcpError::Reset | TcpError::BrokenPipe) => Some(Fault::ResetReceived),
            Some(TcpError::Refused) => Some(Fault::Refused),
            Some(TcpError::TimedOut) => Some(Fault::TimedOut),
            Some(TcpError::HostUnreachable | TcpError::NetworkUnreachable) => Some(Fault::NoRouteToHost),
            _ => None,
        };
        if let Some(fault) = fault {
            self.count(fault);
        }
        let stood = self.ends[number].stood;
        let plan = &self.plan.flows[flow];
        if stood && plan.excuse.is_none() && (error.is_some() || aborted) {
            let name = self.plan.hosts[plan.hosts[side]].name;
            return self
                .fail(Check::Outcome, format!("{name}, flow {flow}: the connection ended: {error:?}"));
        }
        let retries_at = self.retries_at(flow);
        let opener = &mut self.flows[flow].openers[side];
        if opener.end != Some(number) {
            return Ok(());
        }
        opener.end = None;
        if stood {
            opener.round += 1;
            opener.attempts = 0;
            opener.open_at = self.now;
            opener.done = opener.round >= plan.rounds;
        } else {
            opener.attempts += 1;
            opener.open_at = retries_at;
            opener.done = aborted || plan.excuse.is_some() && opener.attempts >= ATTEMPTS;
        }
        Ok(())
    }

    /// When to try again. Two that open at once do so at the same time.
    fn retries_at(&self, flow: usize) -> Instant {
        const SECOND: u64 = 1_000_000_000;
        match self.plan.flows[flow].crossing {
            true => Instant::from_nanos((self.now.as_nanos() / SECOND + 1) * SECOND),
            false => self.now + RETRY,
        }
    }

    /// Opens a connection, if it is time. Gives whether it did.
    fn open(&mut self, flow: usize, side: usize) -> Outcome<bool> {
        let plan = &self.plan.flows[flow];
        let host = plan.hosts[side];
        let opener = &self.flows[flow].openers[side];
        if !self.nodes[host].alive {
            self.flows[flow].openers[side].done = true;
            return Ok(false);
        }
        if opener.done || opener.end.is_some() || opener.open_at > self.now || !self.host_runs(host) {
            return Ok(false);
        }
        let (local, remote) = (self.socket_addr(flow, side), self.socket_addr(flow, 1 - side));
        if self.is_in_time_wait(host, local, remote)
            || self.is_in_time_wait(plan.hosts[1 - side], remote, local)
        {
            self.count(Fault::TimeWaitReused);
        }
        let options = plan.ends[side].options.clone();
        let connect = TcpConnect { remote, local: Some(local), options };
        let opened = self.nodes[host].stack.tcp_connect(self.now, connect);
        note!(self, "{}: connects to {remote}: {opened:?}", self.plan.hosts[host].name);
        if plan.hosts[0] == plan.hosts[1] {
            self.count(Fault::ToItself);
        }
        match opened {
            Ok(id) => {
                self.tally.connections += 1;
                let round = self.flows[flow].openers[side].round;
                let mut end = End::new(host, id, (flow, side, round), false);
                end.set_abort(self.now, &plan.ends[side]);
                self.ends.push(end);
                self.flows[flow].openers[side].end = Some(self.ends.len() - 1);
            }
            // The address is gone for a while, the link is down, or the last connection has not ended yet.
            Err(ConnectError::NoRoute | ConnectError::AddressNotAvailable) => {
                self.count(Fault::NoRouteToHost);
                self.try_again(flow, side);
            }
            Err(ConnectError::AddressInUse | ConnectError::TooMany) => self.try_again(flow, side),
        }
        Ok(true)
    }

    fn try_again(&mut self, flow: usize, side: usize) {
        let at = self.retries_at(flow);
        let excused = self.plan.flows[flow].excuse.is_some();
        let calm = self.phase != Phase::Faults;
        let opener = &mut self.flows[flow].openers[side];
        opener.attempts += 1;
        opener.open_at = at;
        opener.done = excused && calm && opener.attempts >= ATTEMPTS;
    }

    fn is_in_time_wait(&self, host: usize, local: SocketAddr, remote: SocketAddr) -> bool {
        let mut found = false;
        let mut cursor = Some(SocketCursor::default());
        while let Some(from) = cursor {
            cursor = self.nodes[host].stack.walk_sockets(self.now, from, 64, |entry| {
                found |= matches!(entry, SocketEntry::Remnant { local: a, remote: b, state, .. }
                    if (a, b) == (local, remote) && state == fathom_record::TcpStateName::TimeWait);
            });
        }
        found
    }

    /// Decides about and accepts connections, if it is time. Gives whether something was done.
    fn accept(&mut self, number: usize) -> bool {
        let server = &mut self.servers[number];
        let (host, listener) = (server.host, server.listener);
        if !self.nodes[host].runs(self.now) {
            return false;
        }
        let plan = &self.plan.flows[server.flow];
        let calm = self.phase != Phase::Faults;
        let now = self.now;
        let mut some = false;
        let stack = &mut self.nodes[host].stack;
        let due = |(at, _): &(Instant, IncomingId)| *at <= now || calm;
        while let Some(at) = server.decisions.iter().position(due) {
            let (_, id) = server.decisions.remove(at);
            stack.tcp_decide(now, id, Decision::Accept);
            some = true;
        }
        if server.accept_at > now && !(calm && server.accept_at != Instant::MAX) {
            return some;
        }
        server.accept_at = Instant::MAX;
        if let Some(after) = plan.decides {
            while let Some(incoming) = stack.tcp_incoming(listener) {
                server.decisions.push((now + after, incoming.id));
                some = true;
            }
        }
        while let Some(id) = stack.tcp_accept(now, listener) {
            some = true;
            let Some(mut tcp) = stack.tcp(now, id) else { continue };
            let (from, to) = (tcp.remote().port(), plan.ports[1]);
            let of = |flow: &FlowPlan| flow.hosts[1] == host && flow.ports == [from, to];
            let flow = self.plan.flows.iter().position(of);
            let round = flow.map(|flow| {
                self.flows[flow].accepted += 1;
                self.flows[flow].accepted - 1
            });
            // What an old duplicate, or a forged segment, has made of a cookie is nobody's.
            let rounds = flow.map_or(0, |flow| self.plan.flows[flow].rounds);
            let excused = flow.is_some_and(|flow| self.plan.flows[flow].excuse.is_some());
            let round = if excused { Some(0) } else { round };
            note!(self, "{}: accepts round {round:?} of flow {flow:?}", self.plan.hosts[host].name);
            let (Some(flow), Some(round)) = (flow, round.filter(|round| *round < rounds)) else {
                tcp.abort();
                tcp.close();
                continue;
            };
            tcp.set_keepalive(self.plan.flows[flow].ends[1].options.keepalive);
            let mut end = End::new(host, id, (flow, 1, round), true);
            end.wants_to_run = true;
            end.set_abort(now, &self.plan.flows[flow].ends[1]);
            self.ends.push(end);
            if !plan.accept_pause.is_zero() && !calm {
                // One at a time.
                server.accept_at = now + plan.accept_pause;
                break;
            }
        }
        some
    }

    /// Wakes all programs: from here on they do not rest.
    pub(super) fn wake_programs(&mut self) {
        for end in &mut self.ends {
            end.wants_to_run = true;
        }
    }

    /// Whether every program has ended.
    pub(super) fn programs_have_ended(&self) -> bool {
        let alive = |host: usize| self.nodes[host].alive;
        let flows = self.flows.iter().zip(&self.plan.flows);
        let mut opened =
            flows.map(|(flow, plan)| flow.opened_all() || !alive(plan.hosts[0]) && !plan.crossing);
        let ended = self.ends.iter().all(|end| end.done || !alive(end.host));
        let datagrams = self.datagrams.iter().zip(&self.plan.datagrams);
        let mut sent = datagrams.map(|(it, plan)| it.is_done(plan) || !alive(plan.hosts[0]));
        ended && opened.all(|it| it) && sent.all(|it| it)
    }
}
