//! Ten million random and mutated frames into the stack: no panic, no hang, no growth of memory.
//!
//! Frames are those of real conversations, mutated: bits flipped, fields set to edge values, cut, extended,
//! spliced, with checksums mended most of the time so that they get past the first check; and noise. Half of
//! them come from a conversation that goes on meanwhile, so their sequence numbers are right. Time moves on,
//! programs come and go. The run is the same each time.

mod support;

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use fathom_stack::{
    Batch, Config, Frame, InterfaceId, ListenerId, Stack, TcpConnect, TcpId, TcpListen, UdpId,
};
use fathom_wire::Instant;

use support::mend::mend_checksums;
use support::{Noise, deliver, frames, stack_with};

const FRAMES: u32 = 10_000_000;
/// Frames that may leave in answer to one batch: more is a storm.
const ANSWERS: usize = 4_096;
/// Bytes by which the process may grow between the first tenth and the end: noise of the allocator.
const GROWTH: u64 = 4 * 1024 * 1024;

#[test]
fn ten_million_hostile_frames_leave_the_stack_sound() {
    let seeds = support::conversation();
    assert!(seeds.len() > 30, "the conversation has many kinds of frames: {}", seeds.len());
    let (mut victim, mut peer) = (Victim::new(), Peer::new());
    let mut noise = Noise::new(0x0fa7_1074);
    let mut after_a_tenth = None;
    let mut number = 0;
    while number < FRAMES {
        let mut batch = Batch::default();
        peer.live(victim.now, &mut noise, &mut batch);
        for _ in 0..=noise.below(15) {
            let from = if noise.one_in(2) && !peer.recent.is_empty() { &peer.recent } else { &seeds };
            batch.push(Frame::new(hostile(&mut noise, from)));
            number += 1;
        }
        let answers = victim.handle(&mut batch, &mut noise);
        deliver(&mut peer.stack, peer.interface, victim.now, answers);
        if number >= FRAMES / 10 {
            after_a_tenth.get_or_insert_with(resident_bytes);
        }
        if noise.one_in(8) {
            victim.live(&mut noise);
        }
    }
    let limit = Config::default().memory_limit;
    assert!(victim.stack.memory_in_use() <= limit, "{} bytes in use", victim.stack.memory_in_use());
    let grown = resident_bytes().saturating_sub(after_a_tenth.expect("a tenth has passed"));
    assert!(grown < GROWTH, "the process grew by {grown} bytes after the first tenth");
    victim.comes_to_rest();
}

/// A stack with listeners and sockets whose programs are as erratic as its peers.
struct Victim {
    stack: Stack,
    interface: InterfaceId,
    now: Instant,
    connections: Vec<TcpId>,
    listener: ListenerId,
    datagrams: UdpId,
    accepted: u32,
}

impl Victim {
    fn new() -> Self {
        let (mut stack, interface) = stack_with(support::VICTIM);
        let now = Instant::ZERO;
        let listen = TcpListen::at(SocketAddr::from(([0, 0, 0, 0], support::PORT)));
        let listener = stack.tcp_listen(now, listen).expect("the port is free");
        let datagrams = stack.udp_bind(now, SocketAddr::from(([0, 0, 0, 0], support::PORT)));
        let datagrams = datagrams.expect("the port is free");
        Victim { stack, interface, now, connections: Vec::new(), listener, datagrams, accepted: 0 }
    }

    /// Takes in a batch and gives the frames that leave in answer.
    fn handle(&mut self, batch: &mut Batch, noise: &mut Noise) -> Vec<Bytes> {
        self.now += Duration::from_micros(u64::from(noise.below(2_000)));
        if noise.one_in(1_000) {
            self.now += Duration::from_secs(u64::from(noise.below(120)));
        }
        self.stack.handle_frames(self.now, self.interface, batch);
        self.stack.handle_timeout(self.now);
        let answers = std::iter::from_fn(|| self.stack.poll_transmit(self.now, self.interface));
        let answers: Vec<Bytes> = answers.take(ANSWERS).map(|answer| answer.to_bytes()).collect();
        assert!(answers.len() < ANSWERS, "answers without end");
        let events = std::iter::from_fn(|| self.stack.poll_event());
        assert!(events.take(ANSWERS).count() < ANSWERS, "events without end");
        answers
    }

    /// Programs accept, read, write, close and abort.
    fn live(&mut self, noise: &mut Noise) {
        let now = self.now;
        while let Some(id) = self.stack.tcp_accept(now, self.listener) {
            self.accepted += 1;
            self.connections.push(id);
        }
        if noise.one_in(8) && self.connections.len() < 64 {
            let remote = SocketAddr::from((support::PEER_V4, support::PORT));
            // A refusal for want of memory or ports is an answer as well.
            self.connections.extend(self.stack.tcp_connect(now, TcpConnect::to(remote)));
        }
        let mut buffer = [0; 512];
        let stack = &mut self.stack;
        self.connections.retain(|id| {
            let Some(mut tcp) = stack.tcp(now, *id) else { return false };
            // Errors are the peers' doing; the socket is let go of below.
            let _ = tcp.recv(&mut buffer);
            let _ = tcp.send(&buffer[..noise.below_len(512)]);
            match noise.below(64) {
                0 => tcp.abort(),
                1..=4 => {}
                5 => {
                    let _ = tcp.shutdown();
                    return true;
                }
                _ => return true,
            }
            tcp.close();
            false
        });
        if let Some(mut udp) = stack.udp(now, self.datagrams) {
            while udp.recv_from(&mut buffer).is_ok() {}
        }
    }

    /// With everything closed and the peers silent, the timers run out and the memory comes back.
    fn comes_to_rest(mut self) {
        assert!(self.accepted > 1_000, "{} connections came about", self.accepted);
        let now = self.now;
        for id in std::mem::take(&mut self.connections) {
            if let Some(mut tcp) = self.stack.tcp(now, id) {
                tcp.abort();
                tcp.close();
            }
        }
        self.stack.tcp_close_listener(now, self.listener);
        self.stack.udp(now, self.datagrams).expect("still bound").close();
        let end = now + Duration::from_secs(3_600);
        for turn in 0.. {
            assert!(turn < 1_000_000, "timers without end");
            while self.stack.poll_transmit(self.now, self.interface).is_some() {}
            let Some(deadline) = self.stack.poll_timeout().filter(|deadline| *deadline < end) else { break };
            self.now = self.now.max(deadline);
            self.stack.handle_timeout(self.now);
        }
        assert_eq!(self.stack.memory_in_use(), 0, "bytes that nobody holds");
    }
}

/// An honest host that talks to the victim, and whose latest frames are there to be mutated.
struct Peer {
    stack: Stack,
    interface: InterfaceId,
    connections: Vec<TcpId>,
    recent: Vec<Bytes>,
}

impl Peer {
    fn new() -> Self {
        let (stack, interface) = stack_with(support::PEER);
        Peer { stack, interface, connections: Vec::new(), recent: Vec::new() }
    }

    /// Its programs connect, write, read and close; an eighth of its frames is lost.
    fn live(&mut self, now: Instant, noise: &mut Noise, batch: &mut Batch) {
        self.stack.handle_timeout(now);
        while self.stack.poll_event().is_some() {}
        if self.connections.len() < 8 && noise.one_in(4) {
            let victim = SocketAddr::from(([10, 0, 0, support::VICTIM], support::PORT));
            self.connections.extend(self.stack.tcp_connect(now, TcpConnect::to(victim)));
        }
        let mut buffer = [0; 2_000];
        let stack = &mut self.stack;
        self.connections.retain(|id| {
            let Some(mut tcp) = stack.tcp(now, *id) else { return false };
            let ended = tcp.recv(&mut buffer) == Ok(0) || tcp.take_error().is_some();
            let _ = tcp.send(&buffer[..noise.below_len(2_000)]);
            if ended || noise.one_in(64) {
                tcp.close();
                return false;
            }
            true
        });
        for frame in frames(stack, self.interface, now) {
            if self.recent.len() < 64 {
                self.recent.push(frame.clone());
            } else {
                let place = noise.below_len(64);
                self.recent[place] = frame.clone();
            }
            if !noise.one_in(8) {
                batch.push(Frame::new(frame));
            }
        }
    }
}

/// One frame: noise, or a frame of the conversation after up to four mutations.
fn hostile(noise: &mut Noise, seeds: &[Bytes]) -> Bytes {
    if noise.one_in(50) {
        let len = noise.below_len(200);
        return Bytes::from(noise.bytes(len));
    }
    let mut frame = noise.pick(seeds).to_vec();
    for _ in 0..noise.below(5) {
        mutate(noise, seeds, &mut frame);
    }
    if !noise.one_in(4) {
        mend_checksums(&mut frame);
    }
    Bytes::from(frame)
}

fn mutate(noise: &mut Noise, seeds: &[Bytes], frame: &mut Vec<u8>) {
    const EDGES: [u8; 8] = [0, 1, 0x7f, 0x80, 0xfe, 0xff, 4, 40];
    if frame.is_empty() {
        return;
    }
    let at = noise.below_len(frame.len().min(100));
    match noise.below(8) {
        0 | 1 => frame[at] ^= 1 << noise.below(8),
        2 | 3 => frame[at] = *noise.pick(&EDGES),
        4 => frame[at] = noise.below(256) as u8,
        5 => frame.truncate(at),
        6 => {
            let more = noise.below_len(64);
            frame.extend(noise.bytes(more));
        }
        _ => {
            let other = noise.pick(seeds);
            frame.truncate(at);
            frame.extend_from_slice(&other[at.min(other.len())..]);
        }
    }
}

/// Bytes of this process in memory.
fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.map_or(0, |pages| pages * 4096)
}
