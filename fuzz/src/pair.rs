//! Two stacks and a link that does to each frame what the input says: once it stops, everything written arrives.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU16;
use std::time::Duration;

use bytes::Bytes;
use fathom_stack::{
    Batch, Config, CongestionAlgorithm, Frame, Interface, InterfaceId, ListenerId, Offload, ReceivedChecksum,
    Seed, Stack, Tcp, TcpConnect, TcpError, TcpId, TcpListen, TcpOptions, TransmitChecksum,
};
use fathom_wire::internet::icmpv4::unreachable::FRAGMENTATION_NEEDED;
use fathom_wire::{Icmpv4Message, Icmpv6Message, Instant};

use crate::actions::{self, Action};
use crate::packets::Ip;
use crate::trace;

const PORT: u16 = 80;
/// One way over the link.
const DELAY: Duration = Duration::from_millis(5);
/// For so long the link is bad at most. A peer whose third segment of the handshake is lost for longer than the
/// other repeats its second is reset, and rightly.
const BAD_FOR: Duration = Duration::from_secs(30);
/// In so much time everything has arrived once the link is good.
const GOOD_FOR: Duration = Duration::from_secs(3600);
/// Most events of a run.
const STEPS: usize = 300_000;
/// Bytes that the program of an end writes at most.
const MOST: usize = 128 << 10;

/// A connection and what befalls it.
pub(crate) fn pair(bytes: &[u8]) {
    let mut actions = actions::read(bytes);
    let Some(settings) = actions.next() else { return };
    let mut pair = Pair::new(settings);
    for action in actions {
        pair.act(action);
    }
    pair.finish();
}

/// What the link does to a frame.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Deliver,
    Drop,
    Twice,
    Late(Duration),
    Corrupt(usize),
    Cut(usize),
}

impl Fate {
    fn of(code: u8) -> Fate {
        let by = code >> 3;
        match code & 7 {
            0..=2 => Fate::Deliver,
            3 => Fate::Drop,
            4 => Fate::Twice,
            5 => Fate::Late(Duration::from_millis(3 * u64::from(by))),
            6 if by == 31 => Fate::Cut(40),
            6 => Fate::Corrupt(usize::from(by) * 3),
            _ => Fate::Late(Duration::from_micros(50 * u64::from(by))),
        }
    }
}

struct Pair {
    ends: [End; 2],
    now: Instant,
    /// Frames on their way, by arrival and number: whom they reach.
    link: BTreeMap<(Instant, u64), (usize, Frame)>,
    frames: u64,
    /// What befalls the next frames, the last of them first.
    fates: Vec<Fate>,
    path_mtu: usize,
    offload: bool,
    steps: usize,
    bad_until: Instant,
}

struct End {
    stack: Stack,
    interface: InterfaceId,
    listener: Option<ListenerId>,
    connection: Option<TcpId>,
    written: usize,
    read: usize,
    ended: bool,
    shut: bool,
}

impl Pair {
    fn new(settings: Action) -> Pair {
        let v6 = settings.bit(1, 0);
        let offload = settings.bit(1, 1);
        let mut ends = [0, 1].map(|number| End::new(settings, number, offload));
        let now = Instant::ZERO;
        let options = options(settings, 4);
        let to = SocketAddr::new(address(v6, 2), PORT);
        let connect = TcpConnect { options, ..TcpConnect::to(to) };
        ends[0].connection = Some(ends[0].stack.tcp_connect(now, connect).expect("a route and a port"));
        let listen = TcpListen { options: options_of_listener(settings), ..TcpListen::at(to) };
        ends[1].listener = Some(ends[1].stack.tcp_listen(now, listen).expect("the port is free"));
        Pair {
            ends,
            now,
            link: BTreeMap::new(),
            frames: 0,
            fates: Vec::new(),
            path_mtu: usize::MAX,
            offload,
            steps: 0,
            bad_until: now + BAD_FOR,
        }
    }

    fn act(&mut self, action: Action) {
        let end = usize::from(action.byte(1) & 1);
        trace::note(self.now, || format!("{action:?}: {}", action.kind(12)));
        match action.kind(12) {
            0 | 1 => self.ends[end].write(self.now, usize::from(action.word(2)) + 1),
            2 => self.ends[end].read(self.now, usize::from(action.word(2)) + 1),
            3..=5 => {
                let fates = (1..actions::LEN).map(|index| Fate::of(action.byte(index)));
                self.fates.splice(0..0, fates.rev());
                self.fates.truncate(256);
            }
            6 => self.ends[end].set(self.now, action),
            7 if action.byte(2) > 200 => self.ends[end].shut(self.now),
            8 => self.path_mtu = [usize::MAX, 1400, 1280, 1300][usize::from(action.byte(2) & 3)],
            9 => {
                let until = (self.now + Duration::from_millis(action.scaled(2))).min(self.bad_until);
                while self.next_event().is_some_and(|at| at <= until) {
                    self.step();
                }
                self.now = self.now.max(until);
            }
            _ => {
                for _ in 0..=action.byte(2) & 15 {
                    if self.next_event().is_some_and(|at| at < self.bad_until) {
                        self.step();
                    }
                }
            }
        }
        self.transmit();
    }

    /// The link is good, and the programs read to the end.
    fn finish(mut self) {
        self.fates.clear();
        let end = self.now + GOOD_FOR;
        self.transmit();
        loop {
            for number in 0..2 {
                self.ends[number].read(self.now, usize::MAX);
                self.ends[number].shut(self.now);
            }
            self.transmit();
            if self.ends.iter().all(|end| end.ended) {
                break;
            }
            let state = |end: &mut End| end.connection(self.now).map(|tcp| tcp.info());
            assert!(self.now < end, "still open: {:?}", self.ends.each_mut().map(state));
            assert!(self.next_event().is_some(), "nobody waits for anything");
            self.step();
        }
        for (number, end) in self.ends.iter().enumerate() {
            assert_eq!(end.read, self.ends[1 - number].written, "bytes that end {number} has read");
        }
        self.come_to_rest();
    }

    /// With both ends closed nothing is left of the connection.
    fn come_to_rest(&mut self) {
        for end in &mut self.ends {
            if let Some(tcp) = end.connection(self.now) {
                tcp.close();
            }
            end.listener.iter().for_each(|listener| end.stack.tcp_close_listener(self.now, *listener));
        }
        self.transmit();
        while self.next_event().is_some() {
            self.step();
        }
        for end in &self.ends {
            assert_eq!(end.stack.audit().wrong, [""; 0]);
            assert_eq!(end.stack.memory_in_use(), 0, "bytes that nobody holds");
        }
    }

    fn next_event(&self) -> Option<Instant> {
        let arrival = self.link.keys().next().map(|(at, _)| *at);
        let timers = self.ends.iter().filter_map(|end| end.stack.poll_timeout());
        arrival.into_iter().chain(timers).min().map(|at| at.max(self.now))
    }

    /// To the next arrival or timer.
    fn step(&mut self) {
        self.steps += 1;
        assert!(self.steps < STEPS, "events without end");
        let Some(at) = self.next_event() else { return };
        self.now = at;
        let mut batches = [Batch::new(), Batch::new()];
        while let Some(first) = self.link.first_entry().filter(|first| first.key().0 <= at) {
            let (to, frame) = first.remove();
            batches[to].push(frame);
        }
        for (end, mut batch) in self.ends.iter_mut().zip(batches) {
            end.stack.handle_frames(at, end.interface, &mut batch);
            end.stack.handle_timeout(at);
            while end.stack.poll_event().is_some() {}
            // It costs more than a step.
            if self.steps.is_multiple_of(32) {
                let wrong = end.stack.audit().wrong;
                assert!(wrong.is_empty(), "{wrong:?}");
            }
        }
        self.transmit();
    }

    fn transmit(&mut self) {
        for from in 0..2 {
            let end = &mut self.ends[from];
            while let Some(transmit) = end.stack.poll_transmit(self.now, end.interface) {
                self.steps += 1;
                assert!(self.steps < STEPS, "frames without end");
                let mut frame = Frame::new(transmit.to_bytes());
                frame.segment_size = transmit.segment_size;
                if transmit.checksum != TransmitChecksum::Complete {
                    assert!(self.offload, "the device completes nothing");
                    frame.checksum = ReceivedChecksum::Partial;
                }
                let packet = largest_packet(&frame.bytes, frame.segment_size);
                if packet > self.path_mtu {
                    let error = too_big(&frame.bytes, self.path_mtu);
                    self.frames += 1;
                    self.link.insert((self.now + DELAY, self.frames), (from, Frame::new(error.into())));
                    continue;
                }
                let fate = self.fates.pop().unwrap_or(Fate::Deliver);
                trace::frame(
                    self.now,
                    || format!("{} sends, {fate:?}:", ["a", "b"][from]),
                    &frame.bytes,
                    false,
                );
                for (delay, bytes) in befallen(fate, &frame.bytes, self.offload) {
                    self.frames += 1;
                    let frame = Frame { bytes, ..frame.clone() };
                    self.link.insert((self.now + DELAY + delay, self.frames), (1 - from, frame));
                }
            }
        }
    }
}

/// What arrives of a frame, and how much later than it should.
fn befallen(fate: Fate, bytes: &Bytes, offload: bool) -> Vec<(Duration, Bytes)> {
    let whole = bytes.clone();
    match fate {
        Fate::Drop => vec![],
        Fate::Twice => vec![(Duration::ZERO, whole.clone()), (Duration::from_micros(300), whole)],
        Fate::Late(by) => vec![(by, whole)],
        // Without checksums in place nobody would notice.
        Fate::Corrupt(at) if !offload => {
            let mut bytes = bytes.to_vec();
            let at = at % bytes.len();
            bytes[at] ^= 0x10;
            vec![(Duration::ZERO, bytes.into())]
        }
        Fate::Cut(len) => vec![(Duration::ZERO, bytes.slice(..len.min(bytes.len() - 1)))],
        Fate::Deliver | Fate::Corrupt(_) => vec![(Duration::ZERO, whole)],
    }
}

/// The largest packet that a frame stands for.
fn largest_packet(bytes: &[u8], segment_size: Option<NonZeroU16>) -> usize {
    let Some(size) = segment_size else { return bytes.len() };
    let (.., data) = crate::naive::transport(bytes).expect("a super-segment is of TCP");
    bytes.len().min(data + usize::from(size.get()))
}

/// The error of a router whose next link takes no more than `mtu` bytes.
fn too_big(packet: &[u8], mtu: usize) -> Vec<u8> {
    let invoking = &packet[..packet.len().min(500)];
    if packet[0] >> 4 == 4 {
        let message = Icmpv4Message::DestinationUnreachable {
            code: FRAGMENTATION_NEEDED,
            next_hop_mtu: mtu as u16,
            invoking,
        };
        let source: [u8; 4] = packet[12..16].try_into().expect("four bytes");
        return Ip::new([192, 0, 2, 9].into(), source.into()).icmpv4(&message);
    }
    let message = Icmpv6Message::PacketTooBig { mtu: mtu as u32, invoking };
    let source: [u8; 16] = packet[8..24].try_into().expect("sixteen bytes");
    Ip::new([0x2001, 0xdb8, 0, 0, 0, 0, 0, 9].into(), source.into()).icmpv6(&message)
}

fn address(v6: bool, number: u8) -> IpAddr {
    match v6 {
        false => [192, 0, 2, number].into(),
        true => [0x2001, 0xdb8, 0, 0, 0, 0, 0, number.into()].into(),
    }
}

fn options(settings: Action, index: usize) -> TcpOptions {
    TcpOptions {
        sack: !settings.bit(index, 0),
        timestamps: !settings.bit(index, 1),
        window_scaling: !settings.bit(index, 2),
        nodelay: settings.bit(index, 3),
        max_segment: settings.bit(index, 4).then(|| 50 + u16::from(settings.byte(7))),
        receive_buffer: settings.bit(index, 5).then(|| 256 + usize::from(settings.word(6)) / 4),
        ..TcpOptions::default()
    }
}

fn options_of_listener(settings: Action) -> TcpOptions {
    options(settings, 5)
}

impl End {
    fn new(settings: Action, number: u8, offload: bool) -> End {
        let mut config = Config { memory_limit: 16 << 20, ..Config::default() };
        config.tcp.congestion_control =
            if settings.bit(1, 2) { CongestionAlgorithm::Reno } else { CongestionAlgorithm::default() };
        config.internet.coalesce = !settings.bit(1, 3);
        config.tcp.require_timestamps = settings.bit(1, 4);
        let seed = u64::from(settings.word(2)) << 1 | u64::from(number);
        let mut stack = Stack::new(config, Seed::from_u64(seed));
        let offload = if offload { Offload::ALL } else { Offload::default() };
        let interface = stack.add_interface(Interface { offload, ..Interface::ip("ip0") });
        for text in [format!("192.0.2.{}/24", number + 1), format!("2001:db8::{}/64", number + 1)] {
            let address = text.parse().expect("an address");
            stack.add_address(Instant::ZERO, interface, address).expect("two addresses fit");
        }
        End {
            stack,
            interface,
            listener: None,
            connection: None,
            written: 0,
            read: 0,
            ended: false,
            shut: false,
        }
    }

    fn connection(&mut self, now: Instant) -> Option<Tcp<'_>> {
        if self.connection.is_none() {
            self.connection = self.listener.and_then(|listener| self.stack.tcp_accept(now, listener));
        }
        let id = self.connection?;
        Some(self.stack.tcp(now, id).expect("the program holds it"))
    }

    fn write(&mut self, now: Instant, len: usize) {
        let (from, shut) = (self.written, self.shut);
        let len = len.min(MOST - from);
        let Some(mut tcp) = self.connection(now) else { return };
        let data: Vec<u8> = (from..from + len).map(byte_at).collect();
        match tcp.send(&data) {
            Ok(written) => self.written += written,
            Err(TcpError::WouldBlock) => {}
            Err(TcpError::BrokenPipe) if shut => {}
            Err(error) => panic!("writing fails: {error}"),
        }
    }

    fn read(&mut self, now: Instant, mut most: usize) {
        let mut buffer = [0; 4096];
        while most > 0 && !self.ended {
            let from = self.read;
            let Some(mut tcp) = self.connection(now) else { return };
            let len = most.min(buffer.len());
            let read = match tcp.recv(&mut buffer[..len]) {
                Ok(0) => {
                    self.ended = true;
                    return;
                }
                Ok(read) => read,
                Err(TcpError::WouldBlock) => return,
                Err(error) => panic!("reading fails: {error}"),
            };
            for (at, byte) in buffer[..read].iter().enumerate() {
                assert_eq!(*byte, byte_at(from + at), "byte {}", from + at);
            }
            self.read += read;
            most -= read;
        }
    }

    /// Ends what this end writes.
    fn shut(&mut self, now: Instant) {
        if self.shut {
            return;
        }
        let Some(mut tcp) = self.connection(now) else { return };
        self.shut = tcp.shutdown().is_ok();
    }

    fn set(&mut self, now: Instant, action: Action) {
        let value = usize::from(action.word(3)) / 2 + 256;
        let Some(mut tcp) = self.connection(now) else { return };
        match action.byte(2) % 6 {
            0 => tcp.set_receive_buffer(Some(value)),
            1 => tcp.set_send_buffer(Some(value)),
            2 => tcp.set_nodelay(action.bit(3, 0)),
            3 => tcp.set_cork(action.bit(3, 0)),
            4 => tcp.set_max_segment(Some(100 + (value as u16) % 1400)),
            _ => tcp.set_quick_ack(action.bit(3, 0)),
        }
    }
}

/// The bytes of both streams tell their place.
fn byte_at(position: usize) -> u8 {
    (position ^ position >> 8 ^ position >> 16) as u8
}
