//! Two stacks on a cable.

use core::net::IpAddr;
use core::time::Duration;
use std::collections::VecDeque;
use std::string::String;
use std::vec::Vec;

use bytes::{Bytes, BytesMut};
use fathom_wire::{EthernetAddress, Instant};

use crate::{
    Batch, Config, Event, Frame, GroupReports, Interface, InterfaceId, IpCidr, Medium, Seed, Stack, Transmit,
};

/// Most steps before something is wrong: an ACK storm, a timer that fires for ever.
const MAX_STEPS: usize = 1_000_000;

/// What becomes of a frame on the cable.
pub(crate) enum Fate {
    /// It arrives after the latency.
    Deliver,
    /// It is lost.
    Lose,
    /// It arrives so much later.
    Delay(Duration),
    /// It arrives twice.
    Duplicate,
}

/// Decides about a frame: is it from `a`, which of its sender's frames is it (from 0), what is it.
pub(crate) type DecideFate = std::boxed::Box<dyn FnMut(bool, usize, &[u8]) -> Fate>;

/// One end: a stack with one interface, and what it has told.
pub(crate) struct End {
    pub(crate) stack: Stack,
    pub(crate) interface: InterfaceId,
    pub(crate) v4: IpAddr,
    pub(crate) v6: IpAddr,
    /// Events in the order in which the stack gave them.
    pub(crate) events: Vec<Event>,
    /// Every frame it transmitted, with the time.
    pub(crate) sent: Vec<(Instant, Bytes)>,
    /// Frames are asked for written into a buffer, not owned.
    pub(crate) writes: bool,
    inbound: VecDeque<(Instant, Frame)>,
}

/// Two stacks, `a` and `b`, on a cable with latency, and a clock.
///
/// `a` has 192.0.2.1/24 and 2001:db8::1/64, `b` the same with 2.
pub(crate) struct Pair {
    pub(crate) a: End,
    pub(crate) b: End,
    pub(crate) now: Instant,
    /// One way.
    pub(crate) latency: Duration,
    /// What becomes of each frame.
    pub(crate) fate: DecideFate,
    /// How many steps there were.
    steps: usize,
}

impl Pair {
    /// Stacks with default configuration, on Ethernet, 10 ms apart.
    pub(crate) fn new() -> Self {
        Pair::with(Config::default(), Config::default(), true)
    }

    /// Stacks on a point-to-point link without link layer: no ARP before the first packet.
    pub(crate) fn ip() -> Self {
        Pair::with(Config::default(), Config::default(), false)
    }

    pub(crate) fn with(a: Config, b: Config, ethernet: bool) -> Self {
        Pair {
            a: End::new(a, 1, ethernet),
            b: End::new(b, 2, ethernet),
            now: Instant::from_millis(1),
            latency: Duration::from_millis(10),
            fate: std::boxed::Box::new(|_, _, _| Fate::Deliver),
            steps: 0,
        }
    }

    /// Lets the stacks say what they want, and the frames that they send leave; then goes on to the next time
    /// at which something happens, and lets it happen. False when nothing is left to happen.
    pub(crate) fn step(&mut self) -> bool {
        self.flush();
        let Some(next) = self.next_time() else { return false };
        self.advance(next);
        true
    }

    /// Steps until nothing happens any more.
    pub(crate) fn drive(&mut self) {
        while self.step() {}
    }

    /// Steps for `time`; the clock stands at its end afterwards.
    pub(crate) fn drive_for(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.flush();
            match self.next_time() {
                Some(next) if next <= end => self.advance(next),
                _ => break,
            }
        }
        self.now = end;
    }

    /// Nobody runs `a` for `time`, as if its process were suspended: `b` goes on, and what it sends waits in the
    /// device of `a`. Then `a` takes that in, before or after it does what is overdue.
    pub(crate) fn suspend_a(&mut self, time: Duration, timers_first: bool) {
        let end = self.now + time;
        self.flush();
        while let Some(next) = self.b.next_time().filter(|next| *next <= end) {
            self.steps += 1;
            assert!(self.steps < MAX_STEPS, "{MAX_STEPS} steps: something goes round in circles");
            self.now = self.now.max(next);
            self.b.happen(self.now);
            let Pair { a, b, now, latency, fate, .. } = self;
            b.transmit(*now, *latency, a, |number, bytes| fate(false, number, bytes));
        }
        self.now = end;
        if timers_first {
            self.a.stack.handle_timeout(end);
            self.flush();
        }
        self.a.happen(end);
    }

    /// Steps until `done`, or panics when nothing happens any more.
    pub(crate) fn drive_until(&mut self, mut done: impl FnMut(&mut Pair) -> bool) {
        loop {
            self.flush();
            if done(self) {
                return;
            }
            let next = self.next_time().expect("something happens until it is done");
            self.advance(next);
        }
    }

    /// Lets frames leave that the stacks have ready.
    pub(crate) fn flush(&mut self) {
        let Pair { a, b, now, latency, fate, .. } = self;
        a.transmit(*now, *latency, b, |number, bytes| fate(true, number, bytes));
        b.transmit(*now, *latency, a, |number, bytes| fate(false, number, bytes));
    }

    fn next_time(&self) -> Option<Instant> {
        [&self.a, &self.b].into_iter().filter_map(End::next_time).min()
    }

    fn advance(&mut self, to: Instant) {
        self.steps += 1;
        assert!(self.steps < MAX_STEPS, "{MAX_STEPS} steps: something goes round in circles");
        self.now = self.now.max(to);
        self.a.happen(self.now);
        self.b.happen(self.now);
        self.flush();
    }
}

impl End {
    fn new(mut config: Config, host: u8, ethernet: bool) -> Self {
        config.internet.group_reports = GroupReports::Joined;
        let mut stack = Stack::new(config, Seed::from_u64(host.into()));
        let medium = match ethernet {
            true => Medium::Ethernet { address: EthernetAddress([2, 0, 0, 0, 0, host]) },
            false => Medium::Ip,
        };
        let name = String::from("eth0");
        let interface = Interface { medium, ..Interface::ip(name) };
        let interface = stack.add_interface(interface);
        let v4 = IpAddr::from([192, 0, 2, host]);
        let v6 = IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, host.into()]);
        for (address, prefix_len) in [(v4, 24), (v6, 64)] {
            stack.add_address(Instant::ZERO, interface, IpCidr::new(address, prefix_len).unwrap()).unwrap();
        }
        let (events, sent, inbound) = (Vec::new(), Vec::new(), VecDeque::new());
        End { stack, interface, v4, v6, events, sent, writes: false, inbound }
    }

    fn next_time(&self) -> Option<Instant> {
        let arrival = self.inbound.front().map(|(at, _)| *at);
        [arrival, self.stack.poll_timeout()].into_iter().flatten().min()
    }

    /// All frames that are due, as one batch, and the timers.
    fn happen(&mut self, now: Instant) {
        let mut batch = Batch::new();
        while self.inbound.front().is_some_and(|(at, _)| *at <= now) {
            let (_, frame) = self.inbound.pop_front().unwrap();
            batch.push(frame);
        }
        self.stack.handle_frames(now, self.interface, &mut batch);
        self.stack.handle_timeout(now);
        self.events.extend(core::iter::from_fn(|| self.stack.poll_event()));
    }

    fn transmit(
        &mut self,
        now: Instant,
        latency: Duration,
        to: &mut End,
        mut fate: impl FnMut(usize, &[u8]) -> Fate,
    ) {
        while let Some(frame) = self.next_frame(now) {
            self.sent.push((now, frame.bytes.clone()));
            let fate = fate(self.sent.len() - 1, &frame.bytes);
            match fate {
                Fate::Deliver => to.arrives(now + latency, frame),
                Fate::Lose => {}
                Fate::Delay(by) => to.arrives(now + latency + by, frame),
                Fate::Duplicate => {
                    to.arrives(now + latency, frame.clone());
                    to.arrives(now + latency, frame);
                }
            }
        }
        self.events.extend(core::iter::from_fn(|| self.stack.poll_event()));
    }

    fn next_frame(&mut self, now: Instant) -> Option<Frame> {
        if self.writes {
            let mut out = BytesMut::from(&b"before"[..]);
            let written = self.stack.poll_transmit_into(now, self.interface, &mut out)?;
            assert_eq!(out.len(), 6 + written.len);
            return Some(Frame { cause: written.cause, ..Frame::new(out.split_off(6).freeze()) });
        }
        let transmit = self.stack.poll_transmit(now, self.interface)?;
        Some(Frame { cause: transmit.cause, ..Frame::new(transmit.to_bytes()) })
    }

    fn arrives(&mut self, at: Instant, frame: Frame) {
        let place = self.inbound.partition_point(|(other, _)| *other <= at);
        self.inbound.insert(place, (at, frame));
    }
}

/// All frames that a stack has ready on an interface.
pub(crate) fn transmits(stack: &mut Stack, now: Instant, on: InterfaceId) -> Vec<Transmit> {
    core::iter::from_fn(|| stack.poll_transmit(now, on)).collect()
}
