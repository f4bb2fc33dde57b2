//! `fathom ping` in the lab, against the habits of iputils.

mod support;

use support::{Run, command, fathom, run};

fn ping(words: &[&str]) -> Run {
    run(command().args(["ping", "--via", "lab"]).args(words))
}

#[test]
fn replies_and_the_summary_are_in_pings_form() {
    let run = ping(&["-4", "-c", "3", "example.com"]).succeeded();
    let lines: Vec<&str> = run.text().lines().collect();
    assert_eq!(lines[0], "PING example.com (93.184.215.14) 56(84) bytes of data.");
    for (line, number) in lines[1..4].iter().zip(1..) {
        let expected =
            format!("64 bytes from example.com (93.184.215.14): icmp_seq={number} ttl=62 time=20.0 ms");
        assert_eq!(*line, expected);
    }
    assert_eq!(lines[4], "");
    assert_eq!(lines[5], "--- example.com ping statistics ---");
    assert_eq!(lines[6], "3 packets transmitted, 3 received, 0% packet loss, time 2000ms");
    assert!(lines[7].starts_with("rtt min/avg/max/mdev = 20.0"), "{}", lines[7]);
    assert!(lines[7].ends_with(" ms"), "{}", lines[7]);
    assert_eq!((lines.len(), run.stderr.as_str()), (8, ""));
}

#[test]
fn families_sizes_and_quiet_are_as_asked() {
    let run = ping(&["-6", "-c", "1", "-s", "8", "-n", "example.com"]).succeeded();
    let address = "2606:2800:21f:cb07:6820:80da:af6b:8b2c";
    assert!(
        run.text().starts_with(&format!("PING example.com ({address}) 8 data bytes\n")),
        "{}",
        run.text()
    );
    assert!(run.text().contains(&format!("\n16 bytes from {address}: icmp_seq=1 ttl=62 ")), "{}", run.text());
    let run = ping(&["-q", "-c", "2", "-i", "0.2", "8.8.8.8"]).succeeded();
    assert_eq!(run.text().lines().count(), 5, "{}", run.text());
    assert!(
        run.text().contains("2 packets transmitted, 2 received, 0% packet loss, time 200ms"),
        "{}",
        run.text()
    );
    let run = ping(&["-D", "-c", "1", "8.8.8.8"]).succeeded();
    assert!(run.text().lines().nth(1).unwrap().starts_with("[17672688"), "{}", run.text());
}

#[test]
fn no_reply_is_exit_code_1() {
    let run = ping(&["-c", "2", "-W", "1", "--loss", "100%", "8.8.8.8"]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(
        run.text().ends_with("2 packets transmitted, 0 received, 100% packet loss, time 1000ms\n\n"),
        "{}",
        run.text()
    );
    assert_eq!(run.stderr, "fathom: link: loss 100 %, each way\n");
    // Fewer than -c before -w runs out.
    let run = ping(&["-c", "5", "-w", "2", "8.8.8.8"]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(run.text().contains("2 packets transmitted, 2 received"), "{}", run.text());
}

#[test]
fn routers_that_answer_instead_are_named() {
    let run = ping(&["-c", "1", "-t", "1", "8.8.8.8"]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(run.text().contains("\nFrom 192.0.2.1 icmp_seq=1 Time to live exceeded\n"), "{}", run.text());
    assert!(
        run.text().contains("1 packets transmitted, 0 received, +1 errors, 100% packet loss"),
        "{}",
        run.text()
    );
}

#[test]
fn other_errors_are_exit_code_2_in_one_line() {
    ping(&["-c", "1", "nosuch.example"]).failed(2, "could not resolve host: nosuch.example: ");
    ping(&["-6", "-c", "1", "8.8.8.8"]).failed(2, "8.8.8.8 has no IPv6 address");
    ping(&["-c", "0", "8.8.8.8"]).failed(2, "invalid value '0' for '--count <N>'");
    ping(&["-4", "-6", "8.8.8.8"]).failed(2, "the argument '--ipv4' cannot be used with '--ipv6'");
    ping(&[]).failed(2, "the following required arguments were not provided: <HOST>");
    fathom(&["ping", "8.8.8.8"]).failed(2, "no network is chosen; ");
    fathom(&["ping", "192.0.2.1", "--via", "tap:nosuch0", "--address", "192.0.2.2/24"])
        .failed(2, "there is no interface \"nosuch0\"");
}

#[test]
fn the_same_seed_loses_the_same_requests() {
    let words = ["-c", "20", "-i", "0.1", "--loss", "20%", "--seed", "9", "8.8.8.8"];
    let (one, two) = (ping(&words), ping(&words));
    assert_eq!(one.stdout, two.stdout);
    assert!(
        one.text().contains("% packet loss") && !one.text().contains(" 0% packet loss"),
        "{}",
        one.text()
    );
}

#[test]
fn an_ipv6_address_may_stand_in_brackets() {
    let run = ping(&["-c", "1", "[::1]"]).succeeded();
    assert!(run.text().contains("64 bytes from ::1: icmp_seq=1 "), "{}", run.text());
}
