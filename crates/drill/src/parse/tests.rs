use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::script::{Body, Options, TcpOption};

#[test]
fn what_cannot_be_read_is_told_with_its_place_and_what_was_expected() {
    let table = [
        ("+0 xyz(1) = 0", "1:4", "expected a system call (socket, bind,"),
        ("hello", "1:1", "expected the time of an event: 0.1, +0.1, 0.1~0.2 or *, found 'hello'"),
        ("+0.1234567 close(3) = 0", "1:2", "a time is in whole microseconds: at most six decimals"),
        ("+99999999 close(3) = 0", "1:2", "a time of at most"),
        ("1 close(3) = 0\n0.5 close(3) = 0", "2:1", "time goes backwards: there was an event at 1.000000"),
        ("* close(3) = 0", "1:1", "the time * is for outbound packets only"),
        ("+0~+1 < . 1:1(0) ack 1 win 5", "1:1", "a range of time is for outbound packets only"),
        ("0.2~0.1 > . 1:1(0) ack 1", "1:5", "this range of time ends before it begins"),
        ("+0~1 > . 1:1(0) ack 1", "1:4", "both ends of a range are absolute"),
        ("+0 > . 1:1001(999) ack 1", "1:8", "999 bytes from 1 on end at 1000, not at 1001"),
        ("+0 > X 1:1(0)", "1:6", "'X' is no flag of TCP"),
        ("+0 >", "1:5", "expected the flags of a segment, udp or icmp, found the end of the script"),
        ("+0 < . 1:1(0) ack 1", "1:20", "a segment that arrives needs its window: win N"),
        ("+0 > . 1:1(0)", "1:14", "a segment with the flag . needs its acknowledgement number"),
        (
            "+0 > . 1:1(0) ack 1 wim 5",
            "1:21",
            "expected ack N, win N, urg N, <options> or the end of the line",
        ),
        ("+0 > . 1:1(0) ack 1 win 70000", "1:25", "70000 is too large: expected a window up to 65535"),
        ("+0 > . 1:1(0) ack", "1:18", "expected an acknowledgement number"),
        ("+0 > S 0:0(0) <mss 1460,sackOk>", "1:25", "expected an option: mss N"),
        ("+0 > S 0:0(0) <mss 1460", "1:24", "expected ',' or '>' behind an option"),
        ("+0 > S 0:0(0) <sackOK>", "1:16", "these options take 2 bytes, no multiple of 4: pad them with nop"),
        (
            "+0 > S 0:0(0) <sack 1:2 3:4 5:6 7:8,mss 5,mss 4>",
            "1:16",
            "these options take 42 bytes, and a header has room for 40",
        ),
        ("+0 < S 0:0(0) win 5 <...>", "1:22", "a segment that arrives needs its options, not any"),
        ("+0 < S 0:0(0) win 5 <TS val ... ecr 0,nop,nop>", "1:29", "needs its timestamps, not any"),
        ("+0 > S 0:0(0) <FO abc,nop>", "1:19", "expected bytes as pairs of hexadecimal digits"),
        ("+0 < [ect01] . 1:1(0) ack 1 win 5", "1:7", "a packet that arrives has ect0 or ect1"),
        ("+0 > [ect7] . 1:1(0) ack 1", "1:7", "expected noecn, ect0, ect1, ect01, ce, tos N"),
        ("+0 > gre 1:1(0)", "1:6", "packets of gre are not supported"),
        ("+0 < icmp unreachable nowhere [1:2(1)]", "1:23", "expected a code of this type (net_unreachable,"),
        ("+0 < icmp packet_too_big mtu 5 [1:2(1)]", "1:11", "expected a type of ICMP (echo_reply,"),
        ("+0 < icmp unreachable port_unreachable", "1:39", "an error needs the packet that it is about"),
        ("+0 bind(3, ..., ...)", "1:21", "expected '=', found the end of the script"),
        ("+0 bind(3) = 0", "1:4", "expected bind(fd, address, length), found 1 arguments"),
        (
            "+0 sendto() = 3",
            "1:4",
            "expected sendto(fd, data, count, flags, address, length), found 0 arguments",
        ),
        ("+0 recvmsg() = 3", "1:4", "found 0 arguments"),
        ("+0 bind(3, [1], 4) = 0", "1:12", "expected an address: ..."),
        ("+0 close(3) = \"x\"", "1:18", "close returns a number"),
        ("+0 close(3) = 0 EAGAIN", "1:23", "a call that fails with an error returns -1"),
        ("+0 close(3) = -1 EWHAT", "1:18", "EWHAT is no error that a socket call of Linux sets"),
        ("+0 setsockopt(3, SOL_WHAT, 1, [1], 4) = 0", "1:18", "there is no constant SOL_WHAT"),
        ("+0 setsockopt(3, 1, 1, [1], 5) = 0", "1:29", "expected a length of at most 4"),
        ("+0 socket(..., \"a\" | 1, 0) = 3", "1:22", "only numbers can be joined by |"),
        ("+0 write(3, \"abc, 3) = 3", "1:13", "this string has no \" at its end"),
        ("+0 poll([{fd=3}], 2, 0) = 0", "1:19", "expected 1, the number of entries as argument 2 of poll"),
        ("+0 sleep(3) = 0", "1:4", "expected a system call"),
        ("+0 close(3) = 0 +0 close(4) = 0", "1:17", "expected the end of the line behind this event"),
        ("+1...0.5 close(3) = 0", "1:6", "this call returns before it begins"),
        ("+0 `rm -rf /`", "1:4", "'rm' is no command that is understood, and none is ever run"),
        ("+0 close(3) = 0\n+0 `sysctl -q net.ipv4.tcp_sack=0`", "2:1", "settings hold from the start"),
        ("`sysctl", "1:1", "this command has no ` at its end"),
        ("/* no end", "1:1", "expected */ at the end of this comment"),
        ("+0 %{ assert 1", "1:4", "this code has no }% at its end"),
        ("+0 %{ assert }%", "1:14", "expected a value"),
        ("+0 %{ assert tcpi_cwnd == 1 }%", "1:14", "there is no name tcpi_cwnd"),
        ("+0 %{ import os }%", "1:7", "expected a statement: assert CONDITION"),
        ("+0 %{ tcpi_rtt = 5 }%", "1:7", "tcpi_rtt cannot be assigned"),
        ("+0 %{ assert 1 == 1 1 }%", "1:21", "expected an operator or the end of this statement"),
        ("--ip_version=ipv5", "1:1", "--ip_version=ipv5: expected ipv4, ipv6 or ipv4-mapped-ipv6"),
        ("--mtu", "1:1", "--mtu needs a value"),
        ("--mtu=10", "1:1", "--mtu=10: expected a number from 68 to 65535"),
        (
            "--ip_version=ipv6\n--local_ip=192.0.2.1",
            "1:1",
            "--local_ip=192.0.2.1 is not of the script's version",
        ),
        ("--wire_client", "1:1", "the option --wire_client is not supported"),
        ("--what=1", "1:1", "there is no option --what: expected one of ip_version"),
        ("--define=1=2", "1:1", "--define=1=2: expected NAME=value"),
    ];
    for (script, place, message) in table {
        let error = parse(script).expect_err(script);
        let shown = error.to_string();
        assert!(shown.starts_with(&format!("{place}: ")), "{script}: {shown}");
        assert!(error.message.contains(message), "{script}: {shown}");
    }
}

#[test]
fn the_caret_stands_below_the_place() {
    let error = parse("# a\n\t+0 > . 1:1(0) ack x\n").unwrap_err();
    let expected = "2:20: expected an acknowledgement number, found 'x'\n  2 | \t+0 > . 1:1(0) ack x\n    | \t                  ^";
    assert_eq!(error.to_string(), expected);
    assert_eq!(error.in_file("a.pkt").split_once(' ').map(|(place, _)| place), Some("a.pkt:2:20:"));
}

#[test]
fn times_have_all_their_forms() {
    let ms = Duration::from_millis;
    let table = [
        ("0.1 > . 1:1(0) ack 1", Time::Absolute(ms(100))),
        ("+.01 > . 1:1(0) ack 1", Time::Relative(ms(10))),
        ("+3 > . 1:1(0) ack 1", Time::Relative(ms(3000))),
        ("* > . 1:1(0) ack 1", Time::Any),
        ("0.1~0.2 > . 1:1(0) ack 1", Time::AbsoluteRange(ms(100), ms(200))),
        ("+0~+.5 > . 1:1(0) ack 1", Time::RelativeRange(ms(0), ms(500))),
    ];
    for (script, expected) in table {
        assert_eq!(parse(script).unwrap().events[0].time, expected, "{script}");
    }
    let script = parse("0.1...0.2 accept(3, ..., ...) = 4\n+0...+.3 accept(3, ..., ...) = 4").unwrap();
    let ends = script.events.iter().map(|event| match &event.action {
        Action::Call(call) => call.end,
        _ => None,
    });
    assert_eq!(ends.collect::<Vec<_>>(), [Some(ms(200)), Some(ms(300))]);
}

#[test]
fn a_segment_is_read_with_all_its_parts() {
    let text = "+0 > [ect0, ttl 64] SEWU. 7:17(10) ack 3 win 9 urg 4 <mss 1460,nop,wscale 7,TS val 1 ecr ...,sack 1:2 3:4,nop>";
    let script = parse(text);
    let error = script.unwrap_err();
    // 4 + 1 + 3 + 10 + 18 + 1.
    assert!(error.message.contains("these options take 37 bytes"), "{error}");
    let script = parse(&text.replace("3:4,nop>", "3:4,nop,nop,nop,nop>")).unwrap();
    let Action::Packet(packet) = &script.events[0].action else { panic!("no packet") };
    let Body::Tcp(tcp) = &packet.body else { panic!("no segment") };
    assert_eq!(
        crate::wire::show_packet(packet, false),
        format!(
            "> [ect0, ttl 64] SUEW. 7:17(10) ack 3 win 9 urg 4 <{}>",
            "mss 1460,nop,wscale 7,TS val 1 ecr ...,sack 1:2 3:4,nop,nop,nop,nop",
        )
    );
    let Options::These(options) = &tcp.options else { panic!("no options") };
    assert_eq!(options[4], TcpOption::Sack(vec![(1, 2), (3, 4)]));
}

#[test]
fn names_stand_for_values_and_those_from_outside_count() {
    let text =
        "--define=WIN=100\n--define=ADDRESS=192.0.2.9\n+0 < . 1:1(0) ack 1 win WIN\n+0 listen(3, WIN) = 0";
    let window = |script: &Script| match &script.events[0].action {
        Action::Packet(packet) => match &packet.body {
            Body::Tcp(tcp) => tcp.window,
            _ => None,
        },
        _ => None,
    };
    assert_eq!(window(&parse(text).unwrap()), Some(100));
    let given = Defines::from([("WIN".to_owned(), "200".to_owned())]);
    assert_eq!(window(&parse_with(text, &given).unwrap()), Some(200));
}

#[test]
fn comments_and_blank_lines_are_nothing() {
    let script = parse("# one\n// two\n/* three\nfour */\n\n+0 close(3) = 0 // five\n  +0 close(4) = 0 # six\n+0 > . 1:1(0) ack 1 # seven").unwrap();
    assert_eq!(script.events.len(), 3);
    assert_eq!(script.events[2].text, "+0 > . 1:1(0) ack 1");
    assert_eq!((script.events[1].place.line, script.events[1].place.column), (7, 3));
    assert_eq!(script.events[0].text, "+0 close(3) = 0");
}

#[test]
fn a_call_with_any_number_of_arguments_is_read_or_refused() {
    for name in crate::call::CALLS {
        for count in 0..8 {
            for argument in ["1", "...", "[1]", "\"a\"", "{a=1}", "[{..., 1}]", "-1"] {
                let arguments = vec![argument; count].join(", ");
                if let Err(error) = parse(&format!("+0 {name}({arguments}) = 0")) {
                    assert!(error.message.starts_with("expected"), "{name}({arguments}): {error}");
                }
            }
        }
    }
}

/// What scripts are made of, so that random ones come far.
const PIECES: &[&str] = &[
    "+0",
    "0.1",
    "*",
    "~",
    "...",
    "<",
    ">",
    " ",
    "\n",
    "S",
    ".",
    "P.",
    "1:1001(1000)",
    "0:0(0)",
    "ack 1",
    "win 1000",
    "urg 5",
    "<mss 1460,nop,nop,sackOK>",
    "TS val 1 ecr 2",
    "sack 1:2",
    "[ect0]",
    "[peer 1,",
    "udp (5)",
    "icmp unreachable",
    "[1:2(1)]",
    "socket(",
    "..., ",
    "SOCK_STREAM",
    ")",
    "= 3",
    "= -1 EAGAIN (x)",
    "{",
    "}",
    "[",
    "]",
    "\"abc\"",
    "\\x41",
    "%{",
    "}%",
    "assert ",
    "tcpi_rtt",
    " == ",
    "(",
    "**",
    "`sysctl -q net.ipv4.tcp_sack=0`",
    "--mtu=1500",
    "--define=A=1",
    "inet_addr(\"1.2.3.4\")",
    "htons(80)",
    "fd=3",
    "# c\n",
    "/*",
    "*/",
    "é",
    "18446744073709551616",
    "0x",
    "-",
    "|",
];

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in ".{0,200}") {
        if let Err(error) = parse(&text) {
            prop_assert!(error.place.line >= 1 && error.place.column >= 1);
        }
    }

    #[test]
    fn no_pieces_of_scripts_make_it_panic(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..40)) {
        if let Err(error) = parse(&pieces.concat()) {
            let lines = pieces.concat().lines().count() as u32;
            prop_assert!(error.place.line <= lines + 1, "{}", error);
        }
    }
}
