//! `fathom ping`: echo requests and their times, with the habits of iputils.

use std::io::{Write, stderr};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fathom_apps::dns::ResolveError;
use fathom_net::{Family, Host, IcmpEvent, IcmpEventKind, IcmpSocket, Instant};
use fathom_record::Layer;
use signal_hook::consts::SIGINT;

use crate::args::{PingArgs, Via};
use crate::exit::Exit;
use crate::failure::{Failure, reason};
use crate::get::tape::Tape;
use crate::get::unresolved;
use crate::network::Network;
use crate::output::{Destination, Sink};

mod lines;
mod tally;

use lines::{Reply, Target};
use tally::Tally;

/// How long ping waits for the first reply, unless -W says otherwise.
const LINGER: Duration = Duration::from_secs(10);
/// How often Ctrl-C is looked for.
const LOOK: Duration = Duration::from_millis(50);
/// Ping's exit code for errors other than silence.
const ERROR: Exit = Exit::Usage;
/// Bytes of an ICMP header.
const ICMP_HEADER: usize = 8;

/// Runs `fathom ping`. Its exit codes are 0, 1 and 2.
pub(crate) fn run(args: &PingArgs) -> u8 {
    match ping(args) {
        Ok(answered) => u8::from(!answered),
        Err(mut failure) => {
            failure.exit = ERROR;
            if !failure.is_silent() {
                // Nothing can be said about a broken standard error.
                let _ = writeln!(stderr(), "fathom: {failure}");
            }
            ERROR.code()
        }
    }
}

/// Whether there were replies enough.
fn ping(args: &PingArgs) -> Result<bool, Failure> {
    let via = args.network.via()?;
    args.network.check_family(args.ipv6)?;
    let stop = Arc::new(AtomicBool::new(false));
    // Without it Ctrl-C ends the process without the summary; that is no reason not to run.
    let _ = signal_hook::flag::register(SIGINT, Arc::clone(&stop));
    let mut network = Network::open(&args.network)?;
    if args.count.is_none() && args.deadline.is_none() {
        network.pace_in_real_time();
    }
    if let Some(link) = args.network.link().describe() {
        let _ = writeln!(stderr(), "fathom: {link}");
    }
    let capture = args.network.write.as_deref().map(Destination::new);
    let comment = format!("fathom ping {}", args.host);
    let tape = Tape::new().with_capture(capture, &network.links(), network.epoch(), comment)?;
    let host = network.host().clone();
    let run = Run {
        args,
        via,
        host: &host,
        stop: &stop,
        tape,
        tally: Tally::default(),
        out: Sink::new(Destination::Stdout),
    };
    network.block_on(run.run())?
}

/// A run of ping.
struct Run<'a> {
    args: &'a PingArgs,
    via: &'a Via,
    host: &'a Host,
    stop: &'a AtomicBool,
    tape: Tape,
    tally: Tally,
    out: Sink,
}

impl Run<'_> {
    async fn run(mut self) -> Result<bool, Failure> {
        let target = self.target().await?;
        let v6 = target.address.is_ipv6();
        let family = if v6 { Family::V6 } else { Family::V4 };
        let socket = self.host.icmp_open(family).map_err(|error| {
            Failure::new(ERROR, format!("no ICMP socket: {}", reason(&error))).on(Layer::Internet, "ICMP")
        })?;
        self.out.put(target.banner(self.args.size).as_bytes())?;
        let start = self.host.now();
        let mut next = start;
        while let Some(until) = self.until(start, next) {
            if self.is_time_to_send(next) {
                self.send(&socket, &target)?;
                next = self.host.now() + self.args.interval;
            } else if let Ok(event) = self.host.timeout_at(until, socket.recv()).await {
                self.receive(&event.map_err(|error| failed(&target, &error))?, &target)?;
            }
            self.tape.push(self.host.drain_records(), |_| {});
        }
        self.out.put(format!("\n{}", self.tally.summary(&self.args.host)).as_bytes())?;
        let (_, written) = self.tape.finish(self.host.records_lost());
        written?;
        let missing =
            self.args.deadline.is_some() && self.args.count.is_some_and(|count| self.tally.received < count);
        Ok(self.tally.received > 0 && !missing)
    }

    /// Until when to wait for replies; `None` when the run is over.
    fn until(&self, start: Instant, next: Instant) -> Option<Instant> {
        let now = self.host.now();
        let Tally { sent, received, errors, .. } = self.tally;
        let deadline = self.args.deadline.map(|seconds| start + Duration::from_secs(seconds.into()));
        let all_answered = self.args.count.is_some_and(|count| received + errors >= count);
        let stopped = self.stop.load(Ordering::Relaxed);
        let failed_before_deadline = deadline.is_some() && errors > 0;
        if stopped
            || all_answered
            || failed_before_deadline
            || deadline.is_some_and(|deadline| now >= deadline)
        {
            return None;
        }
        let all_sent = deadline.is_none() && self.args.count.is_some_and(|count| sent >= count);
        let mut until = if all_sent { self.last_call() } else { next };
        if all_sent && now >= until {
            return None;
        }
        if let Some(deadline) = deadline {
            until = until.min(deadline);
        }
        Some(until.min(now + LOOK).max(now))
    }

    fn is_time_to_send(&self, next: Instant) -> bool {
        let all_sent =
            self.args.deadline.is_none() && self.args.count.is_some_and(|count| self.tally.sent >= count);
        !all_sent && self.host.now() >= next
    }

    /// How long to wait after the last request: twice the longest time so far, but an interval at least;
    /// before any reply, what -W says.
    fn last_call(&self) -> Instant {
        let wait = if self.tally.received > 0 {
            (2 * self.tally.longest()).max(self.args.interval)
        } else {
            self.args.timeout.unwrap_or(LINGER)
        };
        self.tally.last_sent().unwrap_or(Instant::ZERO) + wait
    }

    fn send(&mut self, socket: &IcmpSocket, target: &Target) -> Result<(), Failure> {
        let number = self.tally.send(self.host.now());
        let payload: Vec<u8> = (0..self.args.size).map(|index| index as u8).collect();
        socket
            .send_echo(target.address, number as u16, &payload, self.args.ttl)
            .map_err(|error| failed(target, &error))
    }

    fn receive(&mut self, event: &IcmpEvent, target: &Target) -> Result<(), Failure> {
        let from = target.name_of(event.from);
        let line = match event.kind {
            IcmpEventKind::EchoReply => {
                let Some(answer) = self.tally.reply(self.host.now(), event.sequence) else { return Ok(()) };
                let (len, hop_limit) = (event.payload.len() + ICMP_HEADER, event.hop_limit);
                let (number, time, duplicate) = (answer.number, answer.time, answer.duplicate);
                Reply { len, from, number, hop_limit, time, duplicate }.line()
            }
            IcmpEventKind::Error { error, .. } => {
                let Some(number) = self.tally.error(event.sequence) else { return Ok(()) };
                lines::error(&from, number, error, event.from.is_ipv6())
            }
        };
        if self.args.quiet {
            return Ok(());
        }
        let stamp = if self.args.timestamps {
            let now = self.host.wall_clock();
            format!("[{}.{:06}] ", now.as_secs(), now.subsec_micros())
        } else {
            String::new()
        };
        self.out.put(format!("{stamp}{line}").as_bytes())
    }

    /// The address to ask.
    async fn target(&self) -> Result<Target, Failure> {
        let host = &self.args.host;
        // As in URLs, IPv6 addresses may stand in brackets.
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let host = match bare {
            Some(bare) if bare.parse::<Ipv6Addr>().is_ok() => bare,
            _ => host,
        };
        let wanted =
            |address: &IpAddr| !(self.args.ipv4 && address.is_ipv6() || self.args.ipv6 && address.is_ipv4());
        let found = self.host.resolve(host).await.map_err(|error| {
            match error.get_ref().and_then(|source| source.downcast_ref::<ResolveError>()) {
                Some(cause) => unresolved(host, cause, self.via),
                None => unresolved(host, &ResolveError::NoResolver { name: host.to_owned() }, self.via),
            }
        })?;
        let address = found.into_iter().find(wanted).ok_or_else(|| {
            let family = if self.args.ipv4 { "IPv4" } else { "IPv6" };
            Failure::new(ERROR, format!("{host} has no {family} address"))
                .on(Layer::Application, "DNS")
                .hint("try without -4 or -6")
        })?;
        Ok(Target { host: host.to_owned(), address, numeric: self.args.numeric })
    }
}

/// A request could not be sent.
fn failed(target: &Target, error: &std::io::Error) -> Failure {
    Failure::new(ERROR, format!("no request to {}: {}", target.host, reason(error)))
        .on(Layer::Internet, "ICMP")
        .to(Some(target.address))
        .hint("check --address, --gateway and -s")
}
