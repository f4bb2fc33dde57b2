//! What a user can cause gives one clear line and curl's exit code.

mod support;

use fathom_tests::Scratch;
use support::{fathom, get};

#[test]
fn names_that_do_not_resolve() {
    let run = get("https://nosuch.example/", &[]).failed(6, "could not resolve host: nosuch.example: ");
    for part in ["NXDOMAIN", "[application layer, DNS, 8.8.8.8:53]", "; "] {
        assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
    }
    let label = "x".repeat(64);
    get(&format!("http://{label}.example/"), &[]).failed(6, "could not resolve host: ");
}

#[test]
fn ports_that_refuse_and_hosts_that_do_not_answer() {
    let run = get("http://refused.example.com/", &["-4"])
        .failed(7, "failed to connect to refused.example.com port 80: connection refused");
    assert!(run.stderr.contains("[transport layer, TCP, 93.184.215.20:80]"), "{}", run.stderr);
    get("http://refused.example.com/", &[]).failed(7, "failed to connect to refused.example.com port 80: ");
    get("http://unreachable.example.com/", &["-4"])
        .failed(7, "failed to connect to unreachable.example.com port 80: host unreachable");
    let run = get("http://silent.example.com/", &["--connect-timeout", "3"]).failed(28, "gave up after 3 s ");
    assert!(run.stderr.contains("while connecting") || run.stderr.contains("connecting"), "{}", run.stderr);
}

#[test]
fn times_that_run_out() {
    get("https://example.com/slow?ms=5000", &["-m", "1"])
        .failed(28, "gave up after 1 s waiting for the answer");
    get("https://example.com/", &["-m", "0.01"]).failed(28, "gave up after 10 ms resolving the name");
    get("https://example.com/slow?ms=2000", &["-m", "0", "-s"]).succeeded();
}

#[test]
fn certificates_that_are_not_acceptable() {
    let run = get("https://badcert.example.com/", &["-w", "%{ssl_verify_result}"])
        .failed(60, "the certificate of badcert.example.com is not acceptable: ");
    assert_eq!(run.text(), "62");
    assert!(run.stderr.contains("[application layer, TLS, "), "{}", run.stderr);
    let run = get("https://expired.example.com/", &["-w", "%{ssl_verify_result}"])
        .failed(60, "the certificate of expired.example.com is not acceptable: ");
    assert_eq!(run.text(), "10");
    // Taking any certificate does not make it a good one.
    for (host, verdict) in
        [("badcert.example.com", "62"), ("expired.example.com", "10"), ("example.com", "0")]
    {
        let words = ["-k", "-o", "/dev/null", "-w", "%{ssl_verify_result}"];
        let run = get(&format!("https://{host}/"), &words).succeeded();
        assert_eq!(run.text(), verdict, "{host}");
    }
    get("https://example.com:80/", &[]).failed(35, "no TLS with example.com: ");
    let scratch = Scratch::new();
    let empty = scratch.write("empty.pem", "");
    let empty = empty.to_str().unwrap();
    get("https://example.com/", &["--cacert", empty]).failed(77, "could not use the certificate file ");
    get("https://example.com/", &["--cacert", "/nonexistent"])
        .failed(77, "could not use the certificate file /nonexistent: No such file or directory; ");
}

#[test]
fn urls_that_are_none() {
    for (url, code) in [
        ("", 3),
        ("http://", 3),
        ("http:///x", 3),
        ("http://a b/", 3),
        ("http://[::1/", 3),
        ("http://h:99999/", 3),
        ("foo://x/", 1),
        ("file:///etc/passwd", 1),
    ] {
        get(url, &[]).failed(code, "");
    }
}

#[test]
fn urls_that_are_too_long() {
    let url = format!("http://example.com/{}", "x".repeat(65_600));
    let run = get(&url, &[]).failed(3, "'http://example.com/xxxx");
    assert!(run.stderr.contains("65534 is the most that is sent"), "{}", run.stderr);
}

#[test]
fn answers_that_are_wrong_or_missing() {
    get("https://example.com/status/404", &["-f"]).failed(22, "the requested URL returned error: 404");
    let run = get("https://example.com/status/404", &["--fail-with-body"])
        .failed(22, "the requested URL returned error: 404");
    assert!(run.text().contains("404"));
    get("http://example.com/close", &[]).failed(52, "empty reply from server");
    get("http://example.com/partial", &["-o", "/dev/null"])
        .failed(18, "transfer closed with 500 bytes remaining to read");
    get("http://example.com:443/", &["-o", "/dev/null"]);
}

#[test]
fn files_that_cannot_be_written_or_read() {
    let home = "https://example.com/";
    get(home, &["-o", "/dev/full"]).failed(23, "could not write to /dev/full: No space left on device; ");
    get(home, &["-o", "/nonexistent/x"])
        .failed(23, "could not create /nonexistent/x: No such file or directory; ");
    get(home, &["-o", "/tmp"]).failed(23, "could not create /tmp: Is a directory; ");
    get(home, &["-O"]).failed(23, "the URL has no file name for -O; ");
    for option in ["--write", "--json-report", "--svg", "-D"] {
        get(home, &["-s", "-S", "-o", "/dev/null", option, "/dev/full"])
            .failed(23, "could not write to /dev/full: No space left on device; ");
        get(home, &["-s", "-S", "-o", "/dev/null", option, "/nonexistent/x"])
            .failed(23, "could not create /nonexistent/x: ");
    }
    get(home, &["-d", "@/nonexistent"]).failed(26, "could not read /nonexistent: ");
    get(home, &["-w", "@/nonexistent"]).failed(26, "could not read /nonexistent: ");
}

#[test]
fn interfaces_that_are_none() {
    let tap = |name: &str| {
        fathom(&["get", "http://192.0.2.1/", "--via", &format!("tap:{name}"), "--address", "192.0.2.2/24"])
    };
    tap("nosuch0").failed(45, "there is no interface \"nosuch0\"");
    tap("much-too-long-a-name").failed(45, "\"much-too-long-a-name\" cannot be the name of an interface");
}

#[test]
fn command_lines_that_make_no_sense() {
    for (words, line) in [
        (&["get"][..], "the following required arguments were not provided: <URL>"),
        (&["get", "http://h/"], "no network is chosen; "),
        (&["get", "http://h/", "--via", "lab", "--nonsense"], "unexpected argument '--nonsense' found"),
        (&["get", "http://h/", "--via", "moon"], "invalid value 'moon' for '--via <NETWORK>'"),
        (
            &["get", "http://h/", "--via", "lab", "--gateway", "192.0.2.1"],
            "--gateway has no meaning with --via lab",
        ),
        (
            &["get", "http://h/", "--via", "lab", "-o", "x", "-O"],
            "the argument '--output <FILE>' cannot be used with",
        ),
        (&["get", "http://h/", "--via", "lab", "-I", "-d", "x"], "-I asks without a body, -d sends one"),
        (
            &["get", "http://h/", "--via", "lab", "--write", "-"],
            "--write and the body would mix on standard output",
        ),
        (&["get", "http://h/", "--via", "lab", "--loss", "2"], "invalid value '2' for '--loss <CHANCE>'"),
        (
            &["get", "http://h/", "--via", "lab", "--tlsv1.3", "--tls-max", "1.2"],
            "--tlsv1.3 and --tls-max 1.2 leave no version of TLS; ",
        ),
        (
            &["get", "http://h/", "--via", "lab", "--queue", "64KB"],
            "--queue has no effect without --rate in its direction; ",
        ),
        (
            &["get", "http://h/", "--via", "lab", "--mtu", "100"],
            "invalid value '100' for '--mtu <BYTES>': '100' is no MTU: write a number of bytes from 576 ",
        ),
        (
            &["get", "http://h/", "--via", "lab", "--mtu", "1000", "-6"],
            "IPv6 needs an MTU of 1280 bytes at least, and --mtu says 1000; ",
        ),
        (
            &["ping", "h", "--via", "lab", "--mtu", "down:1000", "-6"],
            "IPv6 needs an MTU of 1280 bytes at least, and --mtu says 1000; ",
        ),
        (
            &["get", "http://h/", "--via", "lab", "-o", "x", "--write", "x"],
            "the body and --write would overwrite each other in x; ",
        ),
        (&["mail"], "unrecognized subcommand 'mail'"),
    ] {
        fathom(words).failed(2, line);
    }
    fathom(&["get", "http://h/", "--via", "lab", "--resolve", "h:80"])
        .failed(49, "'h:80' does not say an address");
}

#[test]
fn silence_keeps_even_wrong_command_lines_audible() {
    fathom(&["get", "-s"]).failed(2, "the following required arguments were not provided: <URL>");
    get("http://h/", &["-s", "-I", "-d", "x"]).failed(2, "-I asks without a body, -d sends one");
    let run = get("http://refused.example.com/", &["-s"]);
    assert_eq!((run.code, run.stderr.as_str()), (7, ""));
}
