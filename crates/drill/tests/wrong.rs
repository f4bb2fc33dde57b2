//! A script that asserts something wrong fails, and says what: for each kind of assertion.

use fathom_drill::{Failure, Options, parse, run};

/// A connection that was accepted, with a round trip of 100 ms.
const ACCEPTED: &str = "
0    socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0   bind(3, ..., ...) = 0
+0   listen(3, 1) = 0
+0   < S 0:0(0) win 65535 <mss 1000,sackOK,TS val 1 ecr 0,nop,wscale 7>
+0   > S. 0:0(0) ack 1 <mss 1460,sackOK,TS val 10 ecr 1,nop,wscale 7>
+.1  < . 1:1(0) ack 1 win 512 <nop,nop,TS val 2 ecr 10>
+0   accept(3, ..., ...) = 4
";

fn failure(script: &str, options: &Options) -> Failure {
    let script = parse(script).unwrap_or_else(|error| panic!("{script}\n{error}"));
    run(&script, options).failure.unwrap_or_else(|| panic!("nothing failed: {script:?}"))
}

/// What is wrong, what was expected, what came, of a connection that goes on so. The last line is the wrong one.
fn accepted(rest: &str) -> (String, String, String) {
    let rest = rest.trim();
    let failure = failure(&format!("{ACCEPTED}{rest}\n"), &Options::default());
    let wrong_line = 8 + rest.lines().count() as u32;
    assert_eq!(failure.place.line, wrong_line, "{failure}");
    (failure.what, failure.expected.unwrap_or_default(), failure.came.unwrap_or_default())
}

#[test]
fn a_part_of_a_packet_that_differs_is_named() {
    let table = [
        ("> . 1:101(100) ack 1 <...>", "flags: expected ., came P."),
        ("> P. 2:102(100) ack 1 <...>", "sequence number: expected 2, came 1"),
        ("> P. 1:100(99) ack 1 <...>", "length of the data: expected 99, came 100"),
        ("> P. 1:101(100) ack 2 <...>", "acknowledgement number: expected 2, came 1"),
        ("> P. 1:101(100) ack 1 win 5 <...>", "window: expected 5, came 512"),
        ("> P. 1:101(100) ack 1 urg 5 <...>", "urgent pointer: expected 5, came 0"),
        ("> P. 1:101(100) ack 1", "options: 'TS val 110 ecr 2' is not expected"),
        (
            "> P. 1:101(100) ack 1 <nop,nop,TS val 110 ecr 2,mss 5>",
            "options: 'mss 5' is missing: expected <nop,nop,TS val 110 ecr 2,mss 5>, came <nop,nop,TS val 110 ecr 2>",
        ),
        ("> P. 1:101(100) ack 1 <TS val 110 ecr 2,nop,nop>", "order or padding of the options"),
        (
            "> P. 1:101(100) ack 1 <nop,nop,TS val 111 ecr 2>",
            "value of an option: expected TS val 111 ecr 2, came TS val 110 ecr 2",
        ),
        ("> P. 1:101(100) ack 1 <nop,nop,TS val 110 ecr 3>", "value of an option: expected TS val 110 ecr 3"),
        ("> [ect0] P. 1:101(100) ack 1 <...>", "ECN mark: expected ect0, came noecn"),
        ("> [ce] P. 1:101(100) ack 1 <...>", "ECN mark: expected ce, came noecn"),
        ("> [tos 0x10] P. 1:101(100) ack 1 <...>", "TOS: expected 0x10, came 0x00"),
        ("> [ttl 63] P. 1:101(100) ack 1 <...>", "TTL: expected 63, came 64"),
        ("> [nodf] P. 1:101(100) ack 1 <...>", "Don't Fragment: expected nodf, came df"),
        ("> udp (100)", "protocol: expected a datagram of UDP, came a segment of TCP"),
        (
            "> [peer 1] P. 1:101(100) ack 1 <...>",
            "addresses: expected a segment of the conversation with peer 1",
        ),
    ];
    for (packet, expected) in table {
        let (what, wanted, came) = accepted(&format!("+0 write(4, ..., 100) = 100\n+0 {packet}"));
        assert!(what.starts_with(expected), "{packet}: {what}");
        assert_eq!(wanted, format!("{packet} at 0.100000"));
        assert!(came.starts_with("> ") && came.ends_with(" at 0.100000"), "{packet}: {came}");
        assert!(came.contains("P. 1:101(100) ack 1 win 512 <nop,nop,TS val 110 ecr 2>"), "{packet}: {came}");
    }
}

#[test]
fn sack_blocks_are_compared_block_by_block() {
    let script = "
+0 < . 1001:2001(1000) ack 1 win 512 <nop,nop,TS val 2 ecr 10>
+0 > . 1:1(0) ack 1 <nop,nop,TS val 110 ecr 2,nop,nop,sack 1001:2002>";
    let (what, ..) = accepted(script);
    assert_eq!(what, "value of an option: expected sack 1001:2002, came sack 1001:2001");
}

#[test]
fn a_packet_too_early_too_late_missing_or_too_many_is_told() {
    let write = "+0 write(4, ..., 100) = 100\n";
    let late = "this packet is too late, by 0.090015 (tolerance 0.004000)";
    let early = "this packet is too early, by 0.100000 (tolerance 0.004000)";
    let table = [
        (format!("{write}+.1 > P. 1:101(100) ack 1 <...>"), early, "> P. 1:101(100) ack 1 <...> at 0.200000"),
        (format!("{write}0.2~0.3 > P. 1:101(100) ack 1 <...>"), early, "from 0.200000 to 0.300000"),
        (
            format!("{write}+0 > P. 1:101(100) ack 1 <...>\n+0.21 > P. 1:101(100) ack 1 <...>"),
            late,
            "at 0.310000",
        ),
        (
            format!("{write}+0 > P. 1:101(100) ack 1 <...>\n+0~+.21 > P. 1:101(100) ack 1 <...>"),
            late,
            "from 0.100000 to 0.310000",
        ),
        ("+0 > P. 1:101(100) ack 1 <...>".into(), "this packet is missing", "at 0.100000"),
        (
            format!("{write}+0 > P. 1:101(100) ack 1 <...>\n+0 > P. 101:201(100) ack 1 <...>"),
            "this packet is missing",
            "> P. 101:201(100) ack 1 <...> at 0.100000",
        ),
        (
            format!(
                "{write}+0 write(4, ..., 50) = 50\n+.1 < . 1:1(0) ack 101 win 512 <nop,nop,TS val 3 ecr 110>\n+0 > P. 101:151(50) ack 1 <...>"
            ),
            "sequence number: expected 101, came 1",
            "at 0.200000",
        ),
    ];
    for (script, expected, when) in table {
        let (what, wanted, came) = accepted(&script);
        assert_eq!(what, expected, "{script}");
        assert!(wanted.ends_with(when), "{script}: {wanted}");
        assert!(came.contains(" at 0.") || came.starts_with("nothing up to "), "{script}: {came}");
    }
}

#[test]
fn packets_that_are_left_fail_a_strict_run_only() {
    let script = format!("{ACCEPTED}+0 write(4, ..., 100) = 100\n");
    assert!(run(&parse(&script).unwrap(), &Options::default()).passed());
    let failure = failure(&script, &Options { strict: true, ..Options::default() });
    assert_eq!(failure.what, "a packet left that the script does not mention");
    assert_eq!(failure.came.unwrap(), "> P. 1:101(100) ack 1 win 512 <nop,nop,TS val 110 ecr 2> at 0.100000");
}

#[test]
fn what_a_call_returns_is_compared() {
    let table = [
        ("+0 write(4, ..., 100) = 99", "write returns another value", "99", "100"),
        ("+0 accept(3, ..., ...) = 5", "accept blocks", "that it returns at once", "it would wait"),
        ("+0 read(4, ..., 5) = 5", "read blocks", "that it returns at once", "it would wait"),
        (
            "+0 recv(4, ..., 5, MSG_DONTWAIT) = 5",
            "recv returns another value",
            "5",
            "-1 EAGAIN (Resource temporarily unavailable)",
        ),
        (
            "+0 recv(4, ..., 5, MSG_DONTWAIT) = -1 EBADF (Bad file descriptor)",
            "recv fails with another error",
            "-1 EBADF",
            "-1 EAGAIN (Resource temporarily unavailable)",
        ),
        (
            "+0 recv(4, ..., 5, MSG_DONTWAIT) = -1 EAGAIN (Try again)",
            "EAGAIN has another text",
            "(Try again)",
            "(Resource temporarily unavailable)",
        ),
        ("+0 write(4, ..., 5) = -1 EPIPE (Broken pipe)", "write returns another value", "-1 EPIPE", "5"),
        (
            "+0 getsockopt(4, SOL_SOCKET, SO_KEEPALIVE, [1], [4]) = 0",
            "getsockopt: value of the option",
            "[1]",
            "[0]",
        ),
        (
            "+0 getsockopt(4, SOL_SOCKET, SO_LINGER, {onoff=1, linger=5}, [8]) = 0",
            "getsockopt: value of the option",
            "{onoff=1, linger=5}",
            "{onoff=0, linger=0}",
        ),
        (
            "+0 getsockopt(4, SOL_TCP, TCP_INFO, {tcpi_state=TCP_CLOSE}, ...) = 0",
            "getsockopt: value of the option",
            "tcpi_state=7",
            "tcpi_state=1",
        ),
        (
            "+0 getsockopt(4, SOL_TCP, TCP_CONGESTION, \"bbr\", [16]) = 0",
            "getsockopt: value of the option",
            "\"bbr\"",
            "\"cubic\"",
        ),
        ("+0 ioctl(4, SIOCINQ, [7]) = 0", "ioctl: value", "7", "0"),
        (
            "+0 poll([{fd=4, events=POLLIN|POLLOUT, revents=POLLIN}], 1, 0) = 1",
            "poll: revents of fd 4",
            "POLLIN",
            "POLLOUT",
        ),
        (
            "+0 getpeername(4, {sa_family=AF_INET, sin_port=htons(1), sin_addr=inet_addr(\"192.0.2.1\")}, [16]) = 0",
            "getpeername: address",
            "192.0.2.1:1",
            "192.0.2.1:40000",
        ),
    ];
    for (call, what, wanted, came) in table {
        let failure = accepted(call);
        let came_in_full = failure.2.starts_with(came);
        assert_eq!(
            (failure.0.as_str(), failure.1.as_str(), came_in_full),
            (what, wanted, true),
            "{call}: {failure:?}"
        );
    }
}

#[test]
fn data_that_is_read_is_compared_where_the_script_has_it() {
    let script = "
+0 < P. 1:4(3) ack 1 win 512 <nop,nop,TS val 2 ecr 10>
+0 > . 1:1(0) ack 4 <...>
+0 read(4, \"abc\", 3) = 3";
    let (what, wanted, came) = accepted(script);
    assert_eq!(
        (what.as_str(), wanted.as_str(), came.as_str()),
        ("read: data", "\"abc\"", "\"\\x00\\x01\\x02\"")
    );
}

#[test]
fn calls_that_block_must_return_in_time() {
    let data = "< P. 1:4(3) ack 1 win 512 <nop,nop,TS val 2 ecr 10>";
    let script = format!("{ACCEPTED}+0...1 read(4, ..., 5) = 3\n+.5 {data}\n");
    let early = failure(&script, &Options::default());
    assert_eq!((early.place.line, early.what.as_str()), (9, "read returns too early"));
    assert_eq!(early.came.unwrap(), "it returned at 0.600000");
    let script = format!("{ACCEPTED}+0...0.2 read(4, ..., 5) = 3\n+.5 {data}\n");
    let late = failure(&script, &Options::default());
    assert_eq!((late.place.line, late.what.as_str()), (9, "read still blocks"));
    let script = format!("{ACCEPTED}+0...1 read(4, ..., 5) = 3\n+.5 write(4, ..., 5) = 5\n");
    let second = failure(&script, &Options::default());
    assert_eq!(second.what, "this call is made while the one of line 9 blocks");
}

#[test]
fn assertions_tell_their_values() {
    let (what, _, came) = accepted("+0 %{ assert tcpi_snd_cwnd == 11, 'the initial window' }%");
    assert_eq!(what, "the assertion does not hold: the initial window");
    assert_eq!(came, "tcpi_snd_cwnd = 10");
}

#[test]
fn fields_of_icmp_are_compared() {
    let script = "
0  < [peer 1] udp (100)
+0 > icmp unreachable port_unreachable [udp (100)]
";
    assert_eq!(run(&parse(&script.replace("[peer 1] ", "")).unwrap(), &Options::default()).failure, None);
    let table = [
        ("unreachable host_unreachable [udp (100)]", "type and code: expected unreachable host_unreachable"),
        ("unreachable port_unreachable [udp (99)]", "quoted packet: expected [udp (99)]"),
        ("unreachable port_unreachable [1:101(100)]", "quoted packet: expected [1:101(100)]"),
        ("unreachable port_unreachable mtu 5 [udp (100)]", "MTU: expected 5, came none"),
    ];
    for (message, expected) in table {
        let failure = failure(&format!("0 < udp (100)\n+0 > icmp {message}\n"), &Options::default());
        assert!(failure.what.starts_with(expected), "{message}: {}", failure.what);
        assert_eq!(failure.came.unwrap(), "> icmp unreachable port_unreachable [udp (100)] at 0.000000");
    }
}

#[test]
fn what_a_message_brings_is_compared() {
    let script = "
0  socket(..., SOCK_DGRAM, 0) = 3
+0 bind(3, ..., ...) = 0
+0 setsockopt(3, SOL_IP, IP_RECVTTL, [1], 4) = 0
+0 < [ttl 7] udp (100)
+0 recvmsg(3, {msg_name=NAME, msg_iov(1)=[{..., 50}], msg_flags=FLAGS, msg_control=[CONTROL]}, 0) = 50
";
    let name = "{sa_family=AF_INET, sin_port=htons(40000), sin_addr=inet_addr(\"192.0.2.1\")}";
    let ttl = "{cmsg_level=SOL_IP, cmsg_type=IP_TTL, cmsg_data=7}";
    let with = |name: &str, flags: &str, control: &str| {
        let script = script.replace("NAME", name).replace("FLAGS", flags).replace("CONTROL", control);
        run(&parse(&script).unwrap_or_else(|error| panic!("{error}")), &Options::default()).failure
    };
    assert_eq!(with(name, "MSG_TRUNC", ttl), None);
    let differs = |name: &str, flags: &str, control: &str| {
        let failure = with(name, flags, control).expect("something differs");
        (failure.what, failure.expected.unwrap(), failure.came.unwrap())
    };
    let strings =
        |what: &str, expected: &str, came: &str| (what.to_owned(), expected.to_owned(), came.to_owned());
    let expected = strings("recvmsg: address of the sender", "192.0.2.1:40001", "192.0.2.1:40000");
    assert_eq!(differs(&name.replace("40000", "40001"), "MSG_TRUNC", ttl), expected);
    assert_eq!(differs(name, "0", ttl), strings("recvmsg: msg_flags", "0", "32"));
    let control = |ttl: u8| format!("[{{cmsg_level=0, cmsg_type=2, cmsg_data={ttl}}}]");
    let expected = ("recvmsg: msg_control".to_owned(), control(8), control(7));
    assert_eq!(differs(name, "MSG_TRUNC", &ttl.replace('7', "8")), expected);
    let expected = ("recvmsg: msg_control".to_owned(), "[]".to_owned(), control(7));
    assert_eq!(differs(name, "MSG_TRUNC", ""), expected);
}

#[test]
fn what_a_datagram_has_is_compared() {
    let table = [
        ("> udp (9)", "length of the data: expected 9, came 8"),
        ("> [flowlabel 0x12345] udp (8)", "flow label: expected 0x12345, came "),
        ("> [ttl 63] udp (8)", "TTL: expected 63, came 64"),
        ("> [peer 1, ect1] udp (8)", "ECN mark: expected ect1, came noecn"),
    ];
    for (packet, expected) in table {
        let script = format!(
            "--ip_version=ipv6\n0 socket(..., SOCK_DGRAM, 0) = 3\n+0 sendto(3, ..., 8, 0, ..., ...) = 8\n+0 {packet}\n"
        );
        let failure = failure(&script, &Options::default());
        assert!(failure.what.starts_with(expected), "{packet}: {}", failure.what);
    }
}

#[test]
fn a_report_shows_the_line_and_what_happened_before() {
    let failure = failure(
        &format!("{ACCEPTED}+0 write(4, ..., 9) = 9\n+0 > . 1:10(9) ack 1 <...>\n"),
        &Options::default(),
    );
    let expected = "\
a.pkt:10:1: flags: expected ., came P.
  10 | +0 > . 1:10(9) ack 1 <...>
  expected: > . 1:10(9) ack 1 <...> at 0.100000
  came:     > P. 1:10(9) ack 1 win 512 <nop,nop,TS val 110 ecr 2> at 0.100000
  before:
    0.000000 bind(3, ..., ...) = 0
    0.000000 listen(3, 1) = 0
    0.000000 < S 0:0(0) win 65535 <mss 1000,sackOK,TS val 1 ecr 0,nop,wscale 7>
    0.000000 > S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK,TS val 10 ecr 1,nop,wscale 7>
    0.100000 < . 1:1(0) ack 1 win 512 <nop,nop,TS val 2 ecr 10>
    0.100000 accept(3, ..., ...) = 4
    0.100000 write(4, ..., 9) = 9
    0.100000 > P. 1:10(9) ack 1 win 512 <nop,nop,TS val 110 ecr 2>";
    assert_eq!(failure.in_file("a.pkt"), expected);
}
