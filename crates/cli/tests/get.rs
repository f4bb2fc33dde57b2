//! `fathom get` in the lab: pages, options, files.

mod support;

use std::process::Stdio;

use fathom_tests::Scratch;
use support::{command, fathom, get, run, with_input};

const HOME: &str = "https://example.com/";

#[test]
fn the_page_is_on_standard_output_and_the_waterfall_on_standard_error() {
    let run = get(HOME, &[]).succeeded();
    assert!(run.text().starts_with("<!doctype html>"), "{}", run.text());
    assert!(run.text().trim_end().ends_with("</html>"), "{}", run.text());
    assert!(run.stderr.starts_with("HTTP/2 200   1.1 kB   example.com → "), "{}", run.stderr);
    for fact in [":443", "TLS 1.3 · X25519 · h2", "seed 1"] {
        assert!(run.stderr.contains(fact), "{fact}: {}", run.stderr);
    }
    for row in ["A dns", "T tcp", "A tls", "A http"] {
        assert!(run.stderr.lines().any(|line| line.starts_with(row)), "{row}: {}", run.stderr);
    }
    assert!(!run.stderr.contains('\x1b'), "no colours into a pipe");
}

#[test]
fn four_phases_of_one_round_trip_each_take_82_milliseconds_at_most() {
    let run = get(HOME, &["-o", "/dev/null", "--json-report", "-"]).succeeded();
    let report: serde_json::Value = serde_json::from_str(run.text()).unwrap();
    let total = report["total_ms"].as_f64().unwrap();
    assert!((80.0..=82.0).contains(&total), "{total}");
    let phases = report["phases"].as_array().unwrap();
    let long: Vec<&str> = phases
        .iter()
        .filter(|phase| phase["ms"].as_f64().unwrap() >= 19.9)
        .map(|phase| phase["name"].as_str().unwrap())
        .collect();
    assert_eq!(long, ["resolve", "connect", "handshake", "request"], "{report:#}");
}

#[test]
fn silence_is_silent_and_errors_come_back_with_show_error() {
    let run = get(HOME, &["-s"]).succeeded();
    assert_eq!(run.stderr, "");
    let run = get("https://nosuch.example/", &["-s"]);
    assert_eq!((run.code, run.stderr.as_str()), (6, ""));
    get("https://nosuch.example/", &["-sS"]).failed(6, "could not resolve host: nosuch.example: ");
}

#[test]
fn the_body_goes_where_it_is_sent() {
    let scratch = Scratch::new();
    let folder = |words: &[&str]| {
        run(command().current_dir(scratch.folder()).args(["get", "--via", "lab", "-s"]).args(words))
            .succeeded()
    };
    assert_eq!(folder(&["https://example.com/bytes/5", "-o", "five"]).stdout, b"");
    assert_eq!(std::fs::read(scratch.path("five")).unwrap(), [0, 1, 2, 3, 4]);
    folder(&["https://example.com/bytes/300", "-O"]);
    assert_eq!(std::fs::read(scratch.path("300")).unwrap().len(), 300);
    assert_eq!(folder(&["https://example.com/bytes/2", "-o", "-"]).stdout, [0, 1]);
    folder(&["https://example.com/status/204", "-o", "empty"]);
    assert_eq!(std::fs::read(scratch.path("empty")).unwrap(), b"");
}

#[test]
fn a_large_body_arrives_whole_through_either_version() {
    for version in ["--http1.1", "--http2"] {
        let run = get("https://example.com/bytes/1000000", &["-s", version]).succeeded();
        assert_eq!(run.stdout.len(), 1_000_000);
        assert!(run.stdout.iter().zip(0_u64..).all(|(byte, offset)| u64::from(*byte) == offset % 251));
    }
}

#[test]
fn heads_are_shown_before_the_body_and_alone_for_head() {
    let run = get(HOME, &["-si"]).succeeded();
    let (head, body) = run.text().split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/2 200 \r\n"), "{head}");
    assert!(head.contains("\r\ncontent-type: text/html"), "{head}");
    assert!(body.starts_with("<!doctype html>"));

    let run = get(HOME, &["-sI"]).succeeded();
    assert!(run.text().starts_with("HTTP/2 200 \r\n") && run.text().ends_with("\r\n\r\n"), "{}", run.text());
    let run = get(HOME, &["-sI", "--http1.1"]).succeeded();
    assert!(run.text().starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/html"), "{}", run.text());

    let scratch = Scratch::new();
    let file = scratch.path("head");
    get(HOME, &["-s", "-D", file.to_str().unwrap()]).succeeded();
    assert!(std::fs::read_to_string(file).unwrap().starts_with("HTTP/2 200 \r\n"));
}

#[test]
fn redirects_are_followed_when_asked_and_no_further_than_allowed() {
    let from = "https://example.com/redirect/3";
    assert_eq!(get(from, &["-s", "-o", "/dev/null", "-w", "%{http_code}"]).succeeded().text(), "302");
    let run = get(from, &["-sLi", "-w", "\n%{http_code} %{num_redirects} %{num_connects} %{url_effective}"]);
    let run = run.succeeded();
    assert_eq!(run.text().matches("HTTP/2 302 \r\n").count(), 3, "{}", run.text());
    assert!(run.text().ends_with("\n200 3 1 https://example.com/"), "{}", run.text());

    let words = ["-L", "--max-redirs", "2", "-o", "/dev/null", "-w", "%{http_code} %{redirect_url}"];
    let run = get(from, &words).failed(47, "maximum (2) redirects followed");
    assert_eq!(run.text(), "302 https://example.com/");
}

#[test]
fn what_is_sent_is_what_the_options_say() {
    let run = get("https://example.com/echo", &["-s", "-d", "a=1", "-d", "b=2"]).succeeded();
    assert_eq!(run.text(), "a=1&b=2");
    let words = ["get", "https://example.com/echo", "--via", "lab", "-s", "--data-binary", "@-"];
    assert_eq!(with_input(&words, b"x\ny\n").succeeded().text(), "x\ny\n");

    let words = [
        "-s",
        "-H",
        "X-Own: 1",
        "-H",
        "Accept:",
        "-A",
        "me/1",
        "-u",
        "me:pw",
        "-e",
        "http://r/",
        "--http1.1",
    ];
    let shown = get("https://example.com/headers", &words).succeeded();
    for line in [
        "x-own: 1\n",
        "user-agent: me/1\n",
        "authorization: Basic bWU6cHc=\n",
        "referer: http://r/\n",
        "host: example.com\n",
    ] {
        assert!(shown.text().contains(line), "{line}: {}", shown.text());
    }
    assert!(!shown.text().contains("accept:"), "{}", shown.text());
    let shown = get("https://example.com/headers", &["-s"]).succeeded();
    assert!(shown.text().contains("accept: */*\n"), "{}", shown.text());
    assert!(
        shown.text().contains(concat!("user-agent: fathom/", env!("CARGO_PKG_VERSION"), "\n")),
        "{}",
        shown.text()
    );
}

#[test]
fn versions_and_families_can_be_chosen() {
    let told = |words: &[&str]| {
        let words = [&["-s", "-o", "/dev/null", "-w", "%{http_version} %{remote_ip}"], words].concat();
        get(HOME, &words).succeeded().text().to_owned()
    };
    assert!(told(&["-4"]).starts_with("2 93.184."));
    assert!(told(&["-6"]).starts_with("2 2606:2800:"));
    assert!(told(&["--http1.1"]).starts_with("1.1 "));
    assert!(told(&["--http2"]).starts_with("2 "));
    assert!(told(&["--http1.1", "--http2"]).starts_with("2 "));
    let words = ["-s", "-o", "/dev/null", "-w", "%{http_version} %{scheme}"];
    assert_eq!(get("http://example.com/", &words).succeeded().text(), "1.1 http");
    let words = [&words[..], &["--http2-prior-knowledge"]].concat();
    assert_eq!(get("http://example.com/", &words).succeeded().text(), "2 http");
}

#[test]
fn names_can_be_given_addresses_and_certificates_be_ignored() {
    let words = [
        "-s",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code} %{remote_ip}",
        "--resolve",
        "nosuch.example:80:93.184.215.14",
    ];
    assert_eq!(get("http://nosuch.example/", &words).succeeded().text(), "200 93.184.215.14");
    let words = ["-s", "-k", "-o", "/dev/null", "-w", "%{http_code}"];
    assert_eq!(get("https://badcert.example.com/", &words).succeeded().text(), "200");
}

#[test]
fn a_compressed_body_comes_out_as_it_was() {
    let plain = get("https://example.com/encoded", &["-s"]).succeeded().stdout;
    let words = ["-s", "--compressed", "-w", "%{stderr}%{size_download}"];
    let run = get("https://example.com/encoded", &words).succeeded();
    assert!(run.stdout == plain);
    let bytes: usize = run.stderr.parse().unwrap();
    assert!(bytes > 0 && bytes < plain.len() / 2, "{bytes} of {}", plain.len());
}

#[test]
fn verbosity_climbs_curls_ladder() {
    let told = |flags: &str| get(HOME, &["-s", "-o", "/dev/null", flags]).succeeded().stderr;
    let v = told("-v");
    for line in [
        "* Host example.com was resolved.\n",
        "* IPv4: 93.184.215.14\n",
        "* ALPN: server accepted h2\n",
        "* SSL certificate verified\n",
        "* using HTTP/2\n",
        "> GET / HTTP/2\n",
        "< HTTP/2 200 \n",
    ] {
        assert!(v.contains(line), "{line}{v}");
    }
    assert!(!v.contains("bytes data]"), "{v}");
    assert!(told("-vv").contains("0.000000 [A] ") || told("-vv").contains("0.020"), "{}", told("-vv"));
    assert!(told("-vvv").contains("{ ["), "{}", told("-vvv"));
    let frames = told("-vvvv");
    assert!(frames.contains("└ eth ") && frames.contains("why: "), "{frames}");
    let ascii = get(HOME, &["-s", "-o", "/dev/null", "-vvvv", "--ascii"]).succeeded().stderr;
    assert!(ascii.is_ascii(), "{ascii}");
}

#[test]
fn a_reader_that_goes_away_ends_the_run_quietly() {
    let mut child = command()
        .args(["get", "https://example.com/bytes/3000000", "--via", "lab"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(23));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn colours_follow_the_options_and_the_environment() {
    let colours = |words: &[&str], set: Option<(&str, &str)>| {
        let mut command = command();
        command.args(["get", HOME, "--via", "lab", "-o", "/dev/null"]).args(words);
        if let Some((name, value)) = set {
            command.env(name, value);
        }
        run(&mut command).succeeded().stderr.contains('\x1b')
    };
    assert!(!colours(&[], None));
    assert!(colours(&["--color", "always"], None));
    assert!(colours(&[], Some(("CLICOLOR_FORCE", "1"))));
    assert!(!colours(&["--color", "never"], Some(("CLICOLOR_FORCE", "1"))));
    assert!(colours(&["--color=always"], Some(("NO_COLOR", "1"))));
}

#[test]
fn the_waterfall_fits_the_width_and_ascii() {
    for columns in ["60", "80", "140"] {
        let mut command = command();
        command.env("COLUMNS", columns).args(["get", HOME, "--via", "lab", "-o", "/dev/null", "--ascii"]);
        let run = run(&mut command).succeeded();
        assert!(run.stderr.is_ascii(), "{}", run.stderr);
        let limit = columns.parse().unwrap();
        let rows = run.stderr.lines().filter(|line| line.starts_with(['A', 'T']));
        assert!(rows.clone().count() >= 4, "{}", run.stderr);
        for row in rows {
            assert!(row.chars().count() <= limit, "{columns}: {row}");
        }
    }
}

#[test]
fn help_and_version_are_on_standard_output() {
    assert!(fathom(&["get", "--help"]).succeeded().text().contains("--burst-loss"));
    assert!(fathom(&["--version"]).succeeded().text().starts_with("fathom "));
}

#[test]
fn a_post_of_nothing_says_its_length() {
    for words in [&["-v", "-d", ""][..], &["-v", "-d", "", "--http1.1"]] {
        let run = get("http://example.com/echo", words).succeeded();
        assert!(run.stderr.contains("> Content-Length: 0\n"), "{}", run.stderr);
    }
}

#[test]
fn an_address_for_every_host_needs_no_dns() {
    for host in ["*", "+nosuch.test"] {
        let entry = format!("{host}:80:93.184.215.14");
        get("http://nosuch.test/", &["--resolve", &entry]).succeeded();
    }
}
