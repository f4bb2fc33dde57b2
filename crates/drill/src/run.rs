//! Runs a script: calls and packets at their times, against a host of its own on virtual time.

mod blocking;
mod expect;
mod perform;
mod report;
mod transfer;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use fathom_linux::{Kernel, Settings as HostSettings};
use fathom_wire::TcpFlags;

use crate::call::{Request, request};
use crate::code;
use crate::parse::Seconds;
use crate::script::{Action, Body, Direction, Event, Packet, Quoted, Script, Time};
use crate::tcp_info;
use crate::wire::{Flow, Flows, Seen, build, show_packet, show_seen};
use blocking::Pending;
pub use report::{Failure, Frame, Line, LineKind, Outcome};

/// How a script is run.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Options {
    /// Packets that left up to the last event and that the script does not mention fail it. packetdrill
    /// notices them only where a later packet is expected.
    pub strict: bool,
    /// The seed of the stack's randomness: its sequence numbers and ports.
    pub seed: u64,
    /// By how much events may be off, whatever the script says.
    pub tolerance: Option<Duration>,
}

/// Most deadlines of the stack in one script: one that has more goes on without end.
const MAX_STEPS: u64 = 1 << 20;
/// How long a packet is waited for beyond its time, to tell what came instead.
const LOOK_AHEAD: Duration = Duration::from_secs(3600);
/// The port of the first peer, where it is not one that we connect to.
const PEER_PORT: u16 = 40_000;

/// Runs a script to its end, or to the first thing that differs.
pub fn run(script: &Script, options: &Options) -> Outcome {
    let mut run = match Run::new(script, options) {
        Ok(run) => run,
        Err(failure) => return Outcome::early(*failure),
    };
    let result = run.all();
    run.outcome(result)
}

/// Why a run ended. Boxed, as it is large and seldom.
type Step<T = ()> = Result<T, Box<Failure>>;

struct Run<'s> {
    script: &'s Script,
    strict: bool,
    /// By how much events may be off, and the same as a part of the time since the event before.
    tolerance: (Duration, f64),
    kernel: Kernel,
    flows: Flows,
    /// What left and was not compared yet.
    out: VecDeque<Seen>,
    log: Vec<Entry>,
    frames: Vec<Frame>,
    /// When the event before this one happened.
    last: Duration,
    /// Live descriptors by the script's.
    descriptors: BTreeMap<i64, i32>,
    sockets: BTreeMap<i32, Transferred>,
    pending: Option<Pending<'s>>,
    scope: code::Scope,
    /// Where peers find us, who have not been found by us.
    local: SocketAddr,
    connected: Option<SocketAddr>,
    connects: u64,
    /// Data is made up: the script wrote none of its own.
    made_up: bool,
    /// The socket that code asks about.
    under_test: Option<i32>,
    steps: u64,
}

/// How far a socket's streams have come.
#[derive(Clone, Copy, Default, Debug)]
struct Transferred {
    written: u64,
    read: u64,
    is_stream: bool,
}

/// What happened, to be told as a [`Line`] at the end, when all numbers are known.
struct Entry {
    at: Duration,
    kind: LineKind,
    what: What,
}

enum What {
    Text(String),
    Left(Box<Seen>),
}

impl<'s> Run<'s> {
    fn new(script: &'s Script, options: &Options) -> Result<Self, Box<Failure>> {
        let settings = &script.settings;
        let mut host = HostSettings::default();
        let mut set = |name: &str, value: &str| {
            host.set(name, value).map_err(|error| Box::new(Failure::of_settings(error.to_string())))
        };
        set("seed", &options.seed.to_string())?;
        set("mtu", &settings.mtu.to_string())?;
        set("group_reports", "never")?;
        set("address", &format!("{}/{}", settings.local(), settings.prefix()))?;
        set("gateway", &settings.gateway().to_string())?;
        let leading = script.events.iter().map_while(|event| match &event.action {
            Action::Command(command) => Some(command),
            _ => None,
        });
        for (name, value) in script.init.iter().chain(leading).flat_map(|command| &command.settings) {
            set(name, value)?;
        }
        let kernel = Kernel::new(&host).map_err(|error| Box::new(Failure::of_settings(error.to_string())))?;
        Ok(Run {
            script,
            strict: options.strict,
            tolerance: match options.tolerance {
                Some(tolerance) => (tolerance, 0.0),
                None => (settings.tolerance, settings.tolerance_percent / 100.0),
            },
            kernel,
            flows: Flows::default(),
            out: VecDeque::new(),
            log: Vec::new(),
            frames: Vec::new(),
            last: Duration::ZERO,
            descriptors: BTreeMap::new(),
            sockets: BTreeMap::new(),
            pending: None,
            scope: code::Scope::default(),
            local: SocketAddr::new(settings.local(), settings.bind_port),
            connected: None,
            connects: 0,
            made_up: true,
            under_test: None,
            steps: 0,
        })
    }

    fn all(&mut self) -> Step {
        for event in &self.script.events {
            self.event(event)?;
        }
        self.finish()
    }

    fn event(&mut self, event: &'s Event) -> Step {
        if let Action::Packet(packet @ Packet { direction: Direction::Outbound, .. }) = &event.action {
            return self.expect(event, packet);
        }
        let (due, _) = self.due(event.time);
        self.advance(due)?;
        let now = self.now();
        let tolerance = self.tolerance(event.time);
        if now > due + tolerance {
            let failure = Failure::new(event, now, "this is late: its time has passed")
                .with(format!("at {}", Seconds(due)), format!("the clock is at {}", Seconds(now)));
            return Err(Box::new(failure));
        }
        self.last = now;
        match &event.action {
            Action::Packet(packet) => self.arrive(packet),
            Action::Call(call) => self.call(event, call),
            Action::Command(_) => {
                self.tell(LineKind::Command, event.text.clone());
                Ok(())
            }
            Action::Code(block) => self.code(event, block),
        }
    }

    fn now(&self) -> Duration {
        Duration::from_micros(self.kernel.now_us())
    }

    fn tell(&mut self, kind: LineKind, text: String) {
        let at = self.now();
        self.log.push(Entry { at, kind, what: What::Text(text) });
    }

    /// From when to when an event may be, without tolerance.
    fn due(&self, time: Time) -> (Duration, Duration) {
        match time {
            Time::Any => (Duration::ZERO, Duration::MAX),
            Time::Absolute(at) => (at, at),
            Time::Relative(after) => (self.last + after, self.last + after),
            Time::AbsoluteRange(from, to) => (from, to),
            Time::RelativeRange(from, to) => (self.last + from, self.last + to),
        }
    }

    /// By how much an event may be off.
    fn tolerance(&self, time: Time) -> Duration {
        match self.due(time).1 {
            Duration::MAX => Duration::ZERO,
            to => self.tolerance_after(to.saturating_sub(self.last)),
        }
    }

    /// By how much something may be off that takes so long.
    fn tolerance_after(&self, since: Duration) -> Duration {
        let (least, part) = self.tolerance;
        least.max(since.mul_f64(part))
    }

    /// Lets time pass up to `to`, with everything that is due on the way.
    fn advance(&mut self, to: Duration) -> Step {
        while self.step(to)? {}
        Ok(())
    }

    /// Lets time pass to the next thing that is due, or to `to` if there is none before; says whether there
    /// was one.
    fn step(&mut self, to: Duration) -> Step<bool> {
        let now = self.kernel.now_us();
        let to = (to.as_micros() as u64).max(now);
        let deadline = self.kernel.next_deadline_us();
        let wakes = self.pending.as_ref().and_then(|pending| pending.wakes).map(|at| at.as_micros() as u64);
        let next = deadline.into_iter().chain(wakes).min().filter(|next| *next <= to);
        self.steps += u64::from(next.is_some());
        if self.steps > MAX_STEPS {
            let failure =
                Failure::of_settings("the stack has always something due: it goes on without end".into());
            return Err(Box::new(failure));
        }
        // It never fails: this is not in the past.
        let _ = self.kernel.advance_to(next.unwrap_or(to).max(now));
        self.collect();
        self.retry()?;
        Ok(next.is_some())
    }

    /// Takes what has left.
    fn collect(&mut self) {
        while let Some(packet) = self.kernel.take() {
            let at = Duration::from_micros(packet.departure_us());
            self.frames.push(Frame { at, outbound: true, bytes: packet.bytes.clone() });
            if let Some(seen) = Seen::read(at, &packet.bytes) {
                self.log.push(Entry {
                    at,
                    kind: LineKind::Outbound,
                    what: What::Left(Box::new(seen.clone())),
                });
                self.out.push_back(seen);
            }
        }
    }

    /// A packet arrives.
    fn arrive(&mut self, packet: &Packet) -> Step {
        let peer = packet.ip.peer;
        let is_udp = match &packet.body {
            Body::Tcp(_) => false,
            Body::Udp(_) => true,
            Body::Icmp(icmp) => matches!(icmp.quoted, Some(Quoted::Udp(_))),
        };
        let remote = SocketAddr::new(self.script.settings.remote(), PEER_PORT + peer);
        let table = if is_udp { &mut self.flows.udp } else { &mut self.flows.tcp };
        let flow = table.entry(peer).or_insert_with(|| Flow::new(self.local, remote));
        if let Body::Tcp(tcp) = &packet.body
            && tcp.flags.contains(TcpFlags::SYN)
        {
            flow.remote_syn(tcp.seq);
        }
        let bytes = Bytes::from(build(packet, flow));
        self.tell(LineKind::Inbound, show_packet(packet, self.script.settings.ip_version.is_v6_on_wire()));
        self.frames.push(Frame { at: self.now(), outbound: false, bytes: bytes.clone() });
        self.kernel.put(&bytes);
        self.collect();
        self.retry()
    }

    fn code(&mut self, event: &Event, block: &crate::code::Code) -> Step {
        self.scope.fields = self.info();
        let mut printed = Vec::new();
        let result = code::run(block, &mut self.scope, |line| printed.push(line));
        self.tell(LineKind::Code, event.text.clone());
        for line in printed {
            self.tell(LineKind::Printed, line);
        }
        let Err(broken) = result else { return Ok(()) };
        let mut failure = Failure::new(event, self.now(), broken.why);
        failure.place = broken.statement.place;
        failure.line = broken.statement.text.clone();
        if !broken.values.is_empty() {
            failure.came = Some(broken.values.join(", "));
        }
        Err(Box::new(failure))
    }

    /// The fields of `tcp_info` of the socket under test.
    fn info(&mut self) -> Option<BTreeMap<&'static str, u64>> {
        use fathom_linux::consts::{SOL_TCP, TCP_INFO};
        let mut bytes = [0; tcp_info::LEN];
        let len = self.kernel.getsockopt(self.under_test?, SOL_TCP, TCP_INFO, &mut bytes).ok()?;
        Some(tcp_info::fields(&bytes[..len]))
    }

    /// The end of the script: a call that blocks must have returned; with `strict`, nothing is left.
    fn finish(&mut self) -> Step {
        if let Some(end) = self.pending.as_ref().map(|pending| pending.latest) {
            self.advance(end)?;
        }
        if let Some(pending) = self.pending.take() {
            return Err(Box::new(self.still_blocks(&pending)));
        }
        let last = self.last.max(self.now());
        let leftover = self.out.iter().find(|seen| self.strict && seen.at <= last);
        let (Some(seen), Some(event)) = (leftover, self.script.events.last()) else { return Ok(()) };
        let came = format!("{} at {}", show_seen(seen, &self.flows, &Default::default()), Seconds(seen.at));
        let failure = Failure::new(event, last, "a packet left that the script does not mention")
            .with("nothing more, up to the last event".into(), came);
        Err(Box::new(failure))
    }

    /// The request of a call that was read: that it is fit was seen then.
    fn request(&self, event: &Event, call: &crate::script::Call) -> Step<Request> {
        request(call, &self.script.settings).map_err(|unfit| {
            let mut failure = Failure::new(event, self.now(), unfit.message);
            failure.place = unfit.place;
            Box::new(failure)
        })
    }
}
