//! Two stacks on one wire, in one thread, on a clock of the test's own.
#![allow(dead_code, unreachable_pub, reason = "each test uses what it needs")]

pub mod mend;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use fathom_stack::{Batch, Config, Frame, Interface, InterfaceId, Seed, Stack, TcpConnect, TcpListen};
use fathom_wire::{EthernetAddress, Instant};

pub const VICTIM: u8 = 2;
pub const PEER: u8 = 1;
pub const PEER_V4: Ipv4Addr = Ipv4Addr::new(10, 0, 0, PEER);
pub const PORT: u16 = 80;

/// A stack with one Ethernet interface and the addresses 10.0.0.`number` and fd00::`number`.
pub fn stack_with(number: u8) -> (Stack, InterfaceId) {
    let mut stack = Stack::new(Config::default(), Seed::from_u64(u64::from(number)));
    let interface =
        stack.add_interface(Interface::ethernet("eth0", EthernetAddress([2, 0, 0, 0, 0, number])));
    for address in [format!("10.0.0.{number}/24"), format!("fd00::{number}/64")] {
        let address = address.parse().expect("an address");
        stack.add_address(Instant::ZERO, interface, address).expect("two addresses fit");
    }
    (stack, interface)
}

/// Takes every frame that waits in a stack.
pub fn frames(stack: &mut Stack, interface: InterfaceId, now: Instant) -> Vec<Bytes> {
    let transmits = std::iter::from_fn(|| stack.poll_transmit(now, interface));
    transmits
        .map(|transmit| {
            let mut frame = BytesMut::zeroed(transmit.len());
            transmit.write_to(&mut frame);
            frame.freeze()
        })
        .collect()
}

/// Hands frames to a stack as one batch.
pub fn deliver(stack: &mut Stack, interface: InterfaceId, now: Instant, frames: Vec<Bytes>) {
    let mut batch = Batch::default();
    for frame in frames {
        batch.push(Frame::new(frame));
    }
    stack.handle_frames(now, interface, &mut batch);
}

/// Every frame of a conversation between two stacks: address resolution, echo, datagrams, refusals and
/// connections that open, talk and close, over both internet protocols.
pub fn conversation() -> Vec<Bytes> {
    let ((mut a, on_a), (mut b, on_b)) = (stack_with(PEER), stack_with(VICTIM));
    let mut now = Instant::ZERO;
    let mut seen = Vec::new();
    let listen = TcpListen::at(SocketAddr::from(([0, 0, 0, 0], PORT)));
    let listener = b.tcp_listen(now, listen).expect("the port is free");
    let everywhere: [SocketAddr; 2] = [format!("10.0.0.{VICTIM}:{PORT}"), format!("[fd00::{VICTIM}]:{PORT}")]
        .map(|address| address.parse().expect("an address"));
    let closed = everywhere.map(|address| SocketAddr::new(address.ip(), PORT + 1));
    let clients: Vec<_> = everywhere
        .iter()
        .chain(&closed)
        .map(|to| a.tcp_connect(now, TcpConnect::to(*to)).expect("a route"))
        .collect();
    let udp = a.udp_bind(now, SocketAddr::from(([0, 0, 0, 0], 0))).expect("a port");
    let udp6 = a.udp_bind(now, "[::]:0".parse().expect("an address")).expect("a port");
    for (socket, to) in [(udp, closed[0]), (udp6, closed[1])] {
        a.udp(now, socket).expect("bound").send_to(&[7; 100], to).expect("room");
    }
    let mut served = Vec::new();
    for turn in 0..40 {
        let out = frames(&mut a, on_a, now);
        seen.extend(out.iter().cloned());
        deliver(&mut b, on_b, now, out);
        while let Some(id) = b.tcp_accept(now, listener) {
            served.push(id);
        }
        for id in served.iter().chain(&clients) {
            let stack = if served.contains(id) { &mut b } else { &mut a };
            let Some(mut tcp) = stack.tcp(now, *id) else { continue };
            match turn {
                5..10 => drop(tcp.send(&[turn; 3_000])),
                20 => tcp.close(),
                _ => drop(tcp.recv(&mut [0; 10_000])),
            }
        }
        let out = frames(&mut b, on_b, now);
        seen.extend(out.iter().cloned());
        deliver(&mut a, on_a, now, out);
        now += Duration::from_millis(50);
        a.handle_timeout(now);
        b.handle_timeout(now);
    }
    seen
}

/// A fixed stream of chance (SplitMix64).
pub struct Noise(u64);

impl Noise {
    pub fn new(seed: u64) -> Self {
        Noise(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: u32) -> u32 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u32
    }

    pub fn below_len(&mut self, bound: usize) -> usize {
        self.below(bound as u32) as usize
    }

    pub fn one_in(&mut self, n: u32) -> bool {
        self.below(n) == 0
    }

    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below_len(from.len())]
    }
}
