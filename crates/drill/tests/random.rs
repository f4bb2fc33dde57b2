//! Whatever a script says, it runs to an end: nothing panics, and nothing goes on for ever.

use fathom_drill::{Options, parse, run};
use proptest::prelude::*;

/// Events that fit each other more or less.
const EVENTS: &[&str] = &[
    "+0 socket(..., SOCK_STREAM, IPPROTO_TCP) = ...",
    "+0 socket(..., SOCK_STREAM|SOCK_NONBLOCK, 0) = 3",
    "+0 socket(..., SOCK_DGRAM, 0) = 4",
    "+0 bind(3, ..., ...) = ...",
    "+0 bind(4, ..., ...) = ...",
    "+0 listen(3, 1) = ...",
    "+0 accept(3, ..., ...) = ...",
    "+0...1 accept(3, ..., ...) = 5",
    "+0 connect(3, ..., ...) = ...",
    "+0...0.5 connect(3, ..., ...) = ...",
    "+0 connect(3, {sa_family=AF_UNSPEC}, 16) = ...",
    "+0 connect(4, ..., ...) = ...",
    "+0 write(3, ..., 5000) = ...",
    "+0 write(5, ..., 100000) = ...",
    "+0...1 write(5, ..., 5000000) = ...",
    "+0 sendto(4, ..., 100, 0, ..., ...) = ...",
    "+0 read(5, ..., 5000) = ...",
    "+0...+.1 recv(5, ..., 5000, MSG_WAITALL) = ...",
    "+0 recv(3, ..., 10, MSG_PEEK|MSG_DONTWAIT) = ...",
    "+0 recvmsg(4, {msg_name=..., msg_iov(1)=[{..., 10}]}, MSG_DONTWAIT) = ...",
    "+0 shutdown(5, SHUT_RDWR) = ...",
    "+0 close(3) = ...",
    "+0 close(5) = ...",
    "+0 poll([{fd=3, events=POLLIN}, {fd=5, events=POLLOUT}], 2, 100) = ...",
    "+0 setsockopt(3, SOL_SOCKET, SO_LINGER, {onoff=1, linger=0}, 8) = ...",
    "+0 setsockopt(3, SOL_SOCKET, SO_RCVBUF, [1], 4) = ...",
    "+0 getsockopt(5, SOL_TCP, TCP_INFO, ..., ...) = ...",
    "+0 ioctl(5, SIOCINQ, ...) = ...",
    "+.1 < S 0:0(0) win 65535 <mss 1000,sackOK,TS val 1 ecr 0,nop,wscale 7>",
    "+0 < S 4294967295:9(10) win 1 <mss 0>",
    "+.1 < [peer 7] S 0:0(0) win 0 <mss 65535,nop,wscale 255>",
    "+0 > S. 0:0(0) ack 1 <...>",
    "+0 > S 0:0(0) <...>",
    "* > . 1:1(0) ack 1 <...>",
    "+.1 < . 1:1(0) ack 1 win 512 <nop,nop,TS val 2 ecr 0>",
    "+0 < S. 0:0(0) ack 1 win 65535 <mss 1000>",
    "+0 < P. 1:60001(60000) ack 1 win 0 <sack 5:1 1:5 4294967295:0,nop,nop>",
    "+0 < FP. 1:11(10) ack 2 win 1000",
    "+0 < FSRPUEWA. 4294967290:4(10) ack 9 win 1000 urg 65535",
    "+0 < R 1:1(0) win 0",
    "+0 < - 1:1(0) win 0 <opt 2 ,opt 8 00,opt 5 01020304,opt 34 ,eol>",
    "+0 < udp (0)",
    "+0 < [ce, badsum] udp (1400)",
    "+0 < icmp unreachable frag_needed mtu 4294967295 [1:1001(1000)]",
    "+0 < icmp unreachable frag_needed mtu 0 [udp (65000)]",
    "+0 < icmp 3 99 [0:0(0)]",
    "+0 < icmp echo_request",
    "+0 %{ print(1) }%",
    "+200000 < . 1:1(0) ack 1 win 1",
    "+3 close(99) = -1 EBADF (Bad file descriptor)",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]
    #[test]
    fn every_script_comes_to_an_end(events in prop::collection::vec(prop::sample::select(EVENTS), 1..40), strict in any::<bool>()) {
        let text = events.join("\n");
        let script = parse(&text).unwrap_or_else(|error| panic!("{error}"));
        let outcome = run(&script, &Options { strict, ..Options::default() });
        if let Some(failure) = outcome.failure {
            prop_assert!((1..=events.len() as u32).contains(&failure.place.line), "{}", failure);
            prop_assert!(!failure.what.is_empty());
        }
    }
}
