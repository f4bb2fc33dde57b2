//! Calls, packets and times at random: nothing panics, the same seed gives the same answers, and when everything is
//! closed nothing is left.

use std::net::SocketAddr;

use super::{Pair, at};
use crate::consts::*;
use crate::{ControlMessage, Fd, Kernel, OPTIONS, PollFd};

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }

    fn bytes(&mut self, most: u64) -> Vec<u8> {
        (0..self.below(most + 1)).map(|_| self.next() as u8).collect()
    }

    fn int(&mut self) -> i32 {
        match self.below(4) {
            0 => self.below(4) as i32,
            1 => self.below(70_000) as i32,
            2 => -1,
            _ => self.next() as i32,
        }
    }

    fn address(&mut self) -> SocketAddr {
        let port = self.one_of(&[0, 7, 7, 80, 80, 80, 80, 5000]);
        let ip = self.one_of(&[
            "192.0.2.1",
            "192.0.2.1",
            "192.0.2.2",
            "192.0.2.2",
            "192.0.2.2",
            "2001:db8::1",
            "2001:db8::2",
            "::ffff:192.0.2.2",
            "0.0.0.0",
            "::",
            "127.0.0.1",
            "::1",
            "224.1.2.3",
            "ff02::1",
            "255.255.255.255",
            "192.0.2.255",
            "203.0.113.1",
            "fe80::1",
        ]);
        SocketAddr::new(ip.parse().unwrap(), port)
    }

    fn flags(&mut self) -> i32 {
        let all = [
            0,
            0,
            MSG_PEEK,
            MSG_TRUNC,
            MSG_DONTWAIT,
            MSG_MORE,
            MSG_OOB,
            MSG_ERRQUEUE,
            MSG_WAITALL,
            MSG_FASTOPEN,
        ];
        self.one_of(&all) | self.one_of(&all)
    }
}

/// A listener and a UDP socket that others may find.
fn begin(kernel: &mut Kernel) {
    let listener = kernel.socket(AF_INET6, SOCK_STREAM, 0).unwrap();
    kernel.bind(listener, at("[::]:80")).unwrap();
    kernel.listen(listener, 3).unwrap();
    let datagrams = kernel.socket(AF_INET6, SOCK_DGRAM, 0).unwrap();
    kernel.bind(datagrams, at("[::]:7")).unwrap();
}

/// One call at random, and what it answers.
fn call(kernel: &mut Kernel, random: &mut Random) -> String {
    let fd = random.below(10) as Fd + 2;
    let mut out = [0; 3000];
    let room = random.below(3000) as usize;
    // What ends something is rare, so that something is going on.
    let kind = match random.below(24) {
        2 | 8 | 9 if random.below(8) > 0 => 6,
        kind => kind,
    };
    match kind {
        0 | 1 => {
            let domain = random.one_of(&[AF_INET, AF_INET6, AF_INET, 1]);
            let kind = random.one_of(&[SOCK_STREAM, SOCK_STREAM, SOCK_DGRAM, SOCK_RAW]);
            let protocol = random.one_of(&[0, 0, 0, 1, 6, 17, 58, 255]);
            format!("{:?}", kernel.socket(domain, kind, protocol))
        }
        2 => format!("{:?}", kernel.close(fd)),
        3 => format!("{:?}", kernel.bind(fd, random.address())),
        4 => format!("{:?}", kernel.listen(fd, random.int())),
        5 => format!("{:?}", kernel.accept4(fd, random.one_of(&[0, SOCK_NONBLOCK, 7]))),
        6 | 7 => format!("{:?}", kernel.connect(fd, random.address())),
        8 => format!("{:?}", kernel.disconnect(fd)),
        9 => format!("{:?}", kernel.shutdown(fd, random.below(4) as i32)),
        10..=12 => {
            let to = random.one_of(&[true, false]).then(|| random.address());
            let control = match random.below(4) {
                0 => vec![ControlMessage {
                    level: random.one_of(&[SOL_IP, SOL_IPV6, SOL_UDP, SOL_SOCKET]),
                    kind: random.below(110) as i32,
                    data: random.bytes(24),
                }],
                _ => Vec::new(),
            };
            format!("{:?}", kernel.sendmsg(fd, &random.bytes(3000), to, &control, random.flags()))
        }
        13..=15 => {
            let received = kernel.recvmsg(fd, &mut out[..room], random.flags());
            format!("{received:?} {:?}", &out[..received.as_ref().map_or(0, |received| received.copied)])
        }
        16 | 17 => {
            let option = random.one_of(OPTIONS);
            let value = match random.below(3) {
                0 => random.bytes(200),
                _ => random.int().to_le_bytes().to_vec(),
            };
            format!("{} {:?}", option.name, kernel.setsockopt(fd, option.level, option.number, &value))
        }
        18 => {
            let option = random.one_of(OPTIONS);
            let got = kernel.getsockopt(fd, option.level, option.number, &mut out[..room]);
            format!("{} {got:?} {:?}", option.name, &out[..got.unwrap_or(0)])
        }
        19 => format!("{:?} {:?}", kernel.getsockname(fd), kernel.getpeername(fd)),
        20 => {
            let mut count = random.int();
            let request = random.one_of(&[SIOCINQ, SIOCOUTQ, SIOCOUTQNSD, SIOCATMARK, FIONBIO, 1]);
            format!("{:?} {count}", kernel.ioctl(fd, request, &mut count))
        }
        21 => format!("{:?}", kernel.fcntl(fd, random.below(6) as i32, random.int())),
        _ => {
            let mut entries = [PollFd { fd, events: random.next() as i16, revents: 0 }; 2];
            entries[1].fd += 1;
            format!("{} {entries:?}", kernel.poll(&mut entries))
        }
    }
}

/// Many calls on two hosts, some of whose packets are lost, kept, doubled or spoiled. Gives what they answered.
fn run(seed: u64) -> String {
    let mut random = Random(seed);
    let mut pair = Pair::with("tcp_timewait_ms=1000; tcp_fin_timeout=2; rmem_default=20000; txqueuelen=20");
    for kernel in [&mut pair.a, &mut pair.b] {
        begin(kernel);
    }
    let mut log = String::new();
    let mut now = 0;
    for _ in 0..600 {
        let first = random.below(2) == 0;
        let kernel = if first { &mut pair.a } else { &mut pair.b };
        log += &call(kernel, &mut random);
        log.push('\n');
        match random.below(8) {
            0 => {
                now += random.below(2_000_000);
                pair.a.advance_to(now).unwrap();
                pair.b.advance_to(now).unwrap();
            }
            1 => pair.b.put(&random.bytes(80)),
            2 => drop(pair.a.take()),
            3 => {
                if let Some(packet) = pair.a.take() {
                    let mut bytes = packet.bytes.to_vec();
                    let place = random.below(bytes.len() as u64) as usize;
                    bytes[place] ^= random.next() as u8;
                    pair.b.put(&bytes);
                    pair.b.put(&packet.bytes);
                }
            }
            4 | 5 => drop(pair.exchange()),
            _ => {}
        }
    }
    for kernel in [&mut pair.a, &mut pair.b] {
        for fd in 0..40 {
            let _ = kernel.close(fd);
        }
    }
    pair.advance_to(now + 300_000_000);
    for kernel in [&pair.a, &pair.b] {
        assert_eq!(kernel.stack().memory_in_use(), 0, "seed {seed}");
        assert_eq!(kernel.next_deadline_us(), None, "seed {seed}");
    }
    log
}

#[test]
fn nothing_breaks_and_nothing_is_left() {
    for seed in 0..120 {
        let log = run(seed);
        assert!(log.contains("Ok("), "something succeeds");
    }
}

#[test]
fn the_same_calls_have_the_same_answers() {
    for seed in [3, 14, 15] {
        assert!(run(seed) == run(seed), "seed {seed}");
    }
}
