//! What must hold while a world runs, and in its end.

use std::fmt::Write as _;

use fathom_wire::Instant;

use super::{GONE_WITHIN, Outcome, Phase, World, note};
use crate::outcome::Check;
use crate::program::End;

impl World<'_> {
    /// No program waits for something that is there.
    pub(super) fn check_readiness(&mut self) -> Outcome {
        let now = self.now;
        for number in 0..self.ends.len() {
            let end = &self.ends[number];
            if end.done || !self.nodes[end.host].runs(now) {
                continue;
            }
            let plan = &self.plan.flows[end.flow].ends[end.side];
            if let Some(missed) = end.misses(&mut self.nodes[end.host].stack, now, plan) {
                let detail = format!("{}: {missed}", self.describe(end));
                return self.fail(Check::Readiness, detail);
            }
        }
        Ok(())
    }

    /// What stacks count is what there is.
    pub(super) fn audit(&mut self) -> Outcome {
        for (host, node) in self.nodes.iter().enumerate().filter(|(_, node)| node.alive) {
            self.tally.audits += 1;
            let audit = node.stack.audit();
            if !audit.wrong.is_empty() {
                let detail = format!("{}: {}", self.plan.hosts[host].name, audit.wrong.join("; "));
                return self.fail(Check::Audit, detail);
            }
            if let Some(miscount) = node.miscounts() {
                return self.fail(Check::Audit, self.said_by(host, &miscount));
            }
        }
        Ok(())
    }

    /// Whether the world is at its end; goes from one phase to the next.
    pub(super) fn is_over(&mut self) -> Outcome<bool> {
        if let Phase::Leaving(since) = self.phase {
            let gone = self.nodes.iter().filter(|node| node.alive).all(|node| {
                let audit = node.stack.audit();
                let sockets = audit.connections + audit.half_open + audit.time_wait + audit.listeners;
                sockets == 0 && node.stack.memory_in_use() == 0
            });
            if !gone && self.now >= since + GONE_WITHIN {
                return self.fail(Check::Leak, self.what_is_left());
            }
            return Ok(gone);
        }
        if self.programs_have_ended() && self.changes.peek().is_none() && self.trouble.is_over() {
            self.leave();
            return Ok(false);
        }
        if self.phase == Phase::Calm && self.now >= self.ends_by() {
            let waits = self.who_waits();
            return self.fail(Check::Hang, waits);
        }
        Ok(false)
    }

    /// Programs have ended: closes what does not end by itself.
    fn leave(&mut self) {
        note!(self, "programs have ended");
        for server in self.servers.drain(..) {
            self.nodes[server.host].stack.tcp_close_listener(self.now, server.listener);
        }
        for datagrams in &mut self.datagrams {
            datagrams.close(self.now, &mut self.nodes);
        }
        // What links still do to frames, they may go on doing.
        self.phase = Phase::Leaving(self.now);
    }

    /// Every connection has come to the end that it must come to.
    pub(super) fn check_end(&mut self) -> Outcome {
        self.audit()?;
        for (number, plan) in self.plan.flows.iter().enumerate() {
            for round in 0..plan.rounds {
                let of = |side: usize| {
                    let is = move |end: &&End| (end.flow, end.side, end.round) == (number, side, round);
                    self.ends.iter().filter(|end| end.stood).rfind(is)
                };
                match (of(0), of(1)) {
                    (Some(client), Some(server)) => self.check_pair(client, server)?,
                    (client, server) if plan.excuse.is_none() => {
                        let detail = format!(
                            "flow {number}, round {round}: the client's connection {}, the server's {}",
                            if client.is_some() { "stood" } else { "never stood" },
                            if server.is_some() { "stood" } else { "never stood" }
                        );
                        return self.fail(Check::Outcome, detail);
                    }
                    _ => {}
                }
            }
        }
        let complete = |end: &&End| end.eof && end.error.is_none();
        let both = self.ends.iter().filter(|end| end.side == 0 && end.stood).filter(complete);
        let completed = both.filter(|client| {
            let peer = |end: &&End| (end.flow, end.side, end.round) == (client.flow, 1, client.round);
            self.ends.iter().filter(peer).filter(complete).any(|end| end.received == client.sent)
        });
        self.tally.completed = completed.count() as u64;
        Ok(())
    }

    /// What both ends of a connection have got.
    fn check_pair(&self, client: &End, server: &End) -> Outcome {
        let plan = &self.plan.flows[client.flow];
        let attempts = self.ends.iter().filter(|end| (end.flow, end.stood) == (client.flow, true)).count();
        for (from, to) in [(client, server), (server, client)] {
            let total = plan.ends[from.side].write.total;
            if to.received > total {
                let detail = format!("{}: more than the {total} bytes that were sent", self.describe(to));
                return self.fail(Check::Bytes, detail);
            }
            // With more than two ends it is not known which belong together.
            if to.eof && to.error.is_none() && to.received != from.sent && attempts == 2 {
                let detail =
                    format!("{}: an orderly end after less than the {} sent", self.describe(to), from.sent);
                return self.fail(Check::Bytes, detail);
            }
            if plan.excuse.is_none() && (to.received != total || !to.eof) {
                let detail = format!("{}: not all of {total} bytes", self.describe(to));
                return self.fail(Check::Outcome, detail);
            }
        }
        Ok(())
    }

    fn describe(&self, end: &End) -> String {
        let End { host, flow, side, round, sent, received, eof, error, .. } = end;
        let name = self.plan.hosts[*host].name;
        format!(
            "{name}, flow {flow} side {side} round {round}: sent {sent}, received {received}, end {eof}, {error:?}"
        )
    }

    /// Who has not ended, for the report of a failure.
    pub(super) fn who_waits(&mut self) -> String {
        let mut told = String::new();
        for number in 0..self.ends.len() {
            let end = &self.ends[number];
            if end.done || !self.nodes[end.host].alive {
                continue;
            }
            let _ = write!(told, "{}", self.describe(end));
            let (host, id, now) = (end.host, end.id, self.now);
            if let Some(tcp) = self.nodes[host].stack.tcp(now, id) {
                let info = tcp.info();
                let _ = write!(
                    told,
                    " ({}, {} in flight, {} not sent, {} unread, windows {} and {}, cwnd {}, {}, RTO {:?})",
                    info.state,
                    info.unacked,
                    info.notsent_bytes,
                    info.unread_bytes,
                    info.snd_wnd,
                    info.rcv_wnd,
                    info.snd_cwnd,
                    info.ca_state,
                    info.rto
                );
            }
            told.push_str("; ");
        }
        for (number, flow) in self.flows.iter().enumerate().filter(|(_, flow)| !flow.opened_all()) {
            let _ = write!(told, "flow {number}: {flow:?}; ");
        }
        let frames: usize = self.ways.iter().map(|way| way.impairment.in_flight()).sum();
        let _ = write!(told, "{frames} frames on links");
        for (host, node) in self.nodes.iter().enumerate() {
            let (next, now, memory) = (node.next(), self.now, node.stack.memory_in_use());
            let next = if next == Instant::MAX { "never".to_owned() } else { format!("in {:?}", next - now) };
            let _ = write!(
                told,
                "; {} holds {memory} bytes and does something {next}",
                self.plan.hosts[host].name
            );
        }
        told
    }

    fn what_is_left(&self) -> String {
        let mut told = String::new();
        for (host, node) in self.nodes.iter().enumerate().filter(|(_, node)| node.alive) {
            let (name, memory, audit) =
                (self.plan.hosts[host].name, node.stack.memory_in_use(), node.stack.audit());
            let _ = write!(told, "{name} holds {memory} bytes, {audit:?}; ");
        }
        told
    }
}
