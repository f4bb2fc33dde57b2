//! The steady state of the engine allocates nothing: bulk in both directions, requests and replies.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::BytesMut;
use fathom_stack::{
    Batch, Config, Frame, Interface, InterfaceId, Offload, ReceivedChecksum, Seed, Stack, TcpConnect, TcpId,
    TcpListen, TransmitChecksum,
};
use fathom_wire::{EthernetAddress, Instant};

thread_local! {
    /// How often this thread has asked for memory.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, counted.
struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

fn count() {
    ALLOCATIONS.set(ALLOCATIONS.get() + 1);
}

#[allow(unsafe_code)]
// SAFETY: every call goes on to the system's allocator as it came, and the counter does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promises are those that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, new_size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Bytes of a device buffer.
const BUFFER: usize = 65_535 + 14;

/// A stack with a device whose buffers go round.
struct End {
    stack: Stack,
    interface: InterfaceId,
    incoming: Batch,
    buffers: VecDeque<BytesMut>,
}

impl End {
    fn new(number: u8, offload: bool) -> Self {
        let mut stack = Stack::new(Config::default(), Seed::from_u64(number.into()));
        let mut interface = Interface::ethernet("eth0", EthernetAddress([2, 0, 0, 0, 0, number]));
        if offload {
            interface.offload = Offload { transmit_checksum: true, segmentation: true, ..Offload::default() };
        }
        let interface = stack.add_interface(interface);
        let address = format!("10.0.0.{number}/24").parse().unwrap();
        stack.add_address(Instant::ZERO, interface, address).unwrap();
        End { stack, interface, incoming: Batch::new(), buffers: VecDeque::new() }
    }

    fn transmit(&mut self, now: Instant, to: &mut Batch) {
        loop {
            if !self.buffers.front_mut().is_some_and(|oldest| oldest.try_reclaim(BUFFER)) {
                self.buffers.push_front(BytesMut::with_capacity(BUFFER));
            }
            let buffer = &mut self.buffers[0];
            let Some(written) = self.stack.poll_transmit_into(now, self.interface, buffer) else { return };
            let checksum = match written.checksum {
                TransmitChecksum::Complete => ReceivedChecksum::Unverified,
                TransmitChecksum::Partial { .. } => ReceivedChecksum::Partial,
            };
            let bytes = buffer.split().freeze();
            to.push(Frame { segment_size: written.segment_size, checksum, ..Frame::new(bytes) });
            self.buffers.rotate_left(1);
        }
    }
}

/// Two stacks with a connection.
struct Pair {
    ends: [End; 2],
    ids: [TcpId; 2],
    now: Instant,
    chunk: Vec<u8>,
    buffer: Vec<u8>,
}

impl Pair {
    fn new(offload: bool) -> Self {
        let mut ends = [1, 2].map(|number| End::new(number, offload));
        let remote = SocketAddr::from(([10, 0, 0, 2], 80));
        let listener = ends[1].stack.tcp_listen(Instant::ZERO, TcpListen::at(remote)).unwrap();
        let near = ends[0].stack.tcp_connect(Instant::ZERO, TcpConnect::to(remote)).unwrap();
        for _ in 0..4 {
            step(&mut ends, Instant::ZERO);
        }
        let far = ends[1].stack.tcp_accept(Instant::ZERO, listener).unwrap();
        Pair { ends, ids: [near, far], now: Instant::ZERO, chunk: vec![7; 65536], buffer: vec![0; 65536] }
    }

    /// Each end whose turn it is sends `len` bytes, and both read all there is; gives how much that was.
    fn turn(&mut self, senders: [bool; 2], len: usize) -> usize {
        self.now += Duration::from_micros(100);
        for (end, (id, sends)) in self.ends.iter_mut().zip(self.ids.into_iter().zip(senders)) {
            end.stack.handle_timeout(self.now);
            while end.stack.poll_event().is_some() {}
            if sends {
                let _ = end.stack.tcp(self.now, id).unwrap().send(&self.chunk[..len]);
            }
        }
        step(&mut self.ends, self.now);
        let mut read = 0;
        for (end, id) in self.ends.iter_mut().zip(self.ids) {
            while let Ok(len @ 1..) = end.stack.tcp(self.now, id).unwrap().recv(&mut self.buffer) {
                read += len;
            }
        }
        step(&mut self.ends, self.now);
        read
    }

    /// Takes turns until `bytes` were read; gives how often memory was asked for.
    fn carry(&mut self, bytes: usize, senders: impl Fn(usize) -> [bool; 2], len: usize) -> u64 {
        let before = ALLOCATIONS.get();
        let (mut read, mut turns) = (0, 0);
        while read < bytes {
            read += self.turn(senders(turns), len);
            turns += 1;
            assert!(turns < 100_000, "{read} of {bytes} bytes");
        }
        ALLOCATIONS.get() - before
    }
}

fn step(ends: &mut [End; 2], now: Instant) {
    let [a, b] = ends;
    a.transmit(now, &mut b.incoming);
    b.stack.handle_frames(now, b.interface, &mut b.incoming);
    b.transmit(now, &mut a.incoming);
    a.stack.handle_frames(now, a.interface, &mut a.incoming);
}

/// DESIGN 4, rule 4.
#[test]
fn the_steady_state_allocates_nothing() {
    for offload in [false, true] {
        for (what, senders, len, bytes) in [
            ("bulk one way", (|_| [true, false]) as fn(usize) -> [bool; 2], 65536, 16 << 20),
            ("bulk the other way", |_| [false, true], 65536, 16 << 20),
            ("bulk both ways", |_| [true, true], 65536, 16 << 20),
            ("requests and replies", |turn| [turn % 2 == 0, turn % 2 == 1], 64, 64 << 10),
        ] {
            let mut pair = Pair::new(offload);
            // Queues and windows grow to what the transfer takes.
            pair.carry(bytes, senders, len);
            let allocations = pair.carry(bytes, senders, len);
            assert_eq!(allocations, 0, "{what}, offload: {offload}");
        }
    }
}
