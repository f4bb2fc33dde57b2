//! What is told after a transfer: -w, the JSON report, the picture, the capture.

mod support;

use fathom_tests::{Scratch, lacking, run as program, skip};
use serde_json::Value;
use support::{Run, fathom, get};

const HOME: &str = "https://example.com/";

fn told(url: &str, format: &str, words: &[&str]) -> Run {
    get(url, &[&["-s", "-o", "/dev/null", "-w", format], words].concat())
}

#[test]
fn times_are_cumulative_seconds_in_order() {
    let names =
        ["namelookup", "connect", "appconnect", "pretransfer", "posttransfer", "starttransfer", "total"];
    let format = names.map(|name| format!("%{{time_{name}}}")).join(" ");
    let run = told(HOME, &format, &[]).succeeded();
    let times: Vec<f64> = run.text().split(' ').map(|time| time.parse().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
    // One round trip of 20 ms each for name, connection, TLS and request.
    for (time, expected) in times.iter().zip([0.020, 0.040, 0.060, 0.060, 0.060, 0.080, 0.080]) {
        assert!((expected..expected + 0.002).contains(time), "{times:?}");
    }
}

#[test]
fn names_have_curls_meaning() {
    for (format, expected) in [
        ("%{http_code} %{response_code} %{http_version} %{scheme} %{method}", "200 200 2 https GET"),
        ("%{remote_port} %{num_connects} %{num_redirects} %{exitcode}", "443 1 0 0"),
        ("%{content_type}", "text/html; charset=utf-8"),
        ("%header{server}", "fathom-lab"),
        (
            "%{url}|%{url_effective}|%{errormsg}|%{redirect_url}|%{ssl_verify_result}",
            "https://example.com/|https://example.com/|||0",
        ),
        ("%{filename_effective}\\n", "/dev/null\n"),
    ] {
        assert_eq!(told(HOME, format, &[]).succeeded().text(), expected, "{format}");
    }
    let run =
        told("https://example.com/bytes/1000", "%{size_download} %{size_upload} %{speed_download}", &[]);
    let run = run.succeeded();
    let numbers: Vec<u64> = run.text().split(' ').map(|number| number.parse().unwrap()).collect();
    assert_eq!(numbers[..2], [1000, 0]);
    // 1000 bytes in four round trips of 20 ms.
    assert!((12_000..=12_500).contains(&numbers[2]), "{numbers:?}");
    let run = told(
        "http://example.com/echo",
        "%{size_upload} %{size_request} %{method}",
        &["-d", "abc", "-A", "a"],
    );
    let head = "POST /echo HTTP/1.1\r\nHost: example.com\r\nUser-Agent: a\r\nAccept: */*\r\nContent-Length: 3\r\n\
                Content-Type: application/x-www-form-urlencoded\r\n\r\n";
    assert_eq!(run.succeeded().text(), format!("3 {} POST", head.len() + 3));
}

#[test]
fn a_failed_transfer_is_told_too() {
    let run = told("https://nosuch.example/", "%{exitcode} %{http_code} %{time_connect} %{errormsg}", &[]);
    assert_eq!(run.code, 6);
    assert!(
        run.text().starts_with("6 000 0.000000 could not resolve host: nosuch.example"),
        "{}",
        run.text()
    );
    assert_eq!(told(HOME, "a%{onerror}b", &[]).succeeded().text(), "a");
}

#[test]
fn sizes_of_heads_are_those_that_are_shown() {
    let scratch = Scratch::new();
    let heads = scratch.path("heads");
    let run =
        told("https://example.com/redirect/2", "%{size_header}", &["-L", "-D", heads.to_str().unwrap()]);
    let shown = std::fs::read(heads).unwrap().len();
    assert_eq!(run.succeeded().text(), shown.to_string());
}

#[test]
fn unknown_names_are_named_and_leave_nothing() {
    let run = told(HOME, "a%{nosuch}b", &[]).succeeded();
    assert_eq!(run.text(), "ab");
    assert_eq!(run.stderr, "fathom: unknown --write-out variable: 'nosuch'\n");
}

#[test]
fn everything_comes_as_json() {
    let run = told(HOME, "%{json}", &[]).succeeded();
    let all: Value = serde_json::from_str(run.text()).unwrap();
    assert_eq!(all["response_code"], 200);
    assert_eq!(all["http_version"], "2");
    let run = told(HOME, "%{header_json}", &[]).succeeded();
    let headers: Value = serde_json::from_str(run.text()).unwrap();
    assert_eq!(headers["server"][0], "fathom-lab");
}

#[test]
fn the_report_follows_its_schema_and_sums_up() {
    let run = get(HOME, &["-o", "/dev/null", "--json-report", "-"]).succeeded();
    let report: Value = serde_json::from_str(run.text()).unwrap();
    assert_eq!(report["schema_version"], 1);
    let total = report["total_ms"].as_f64().unwrap();
    let phases = report["phases"].as_array().unwrap();
    let mut end = 0.0;
    for phase in phases {
        let number = |name: &str| phase[name].as_f64().unwrap();
        assert!(["application", "transport", "internet", "link"].contains(&phase["layer"].as_str().unwrap()));
        assert!(!phase["name"].as_str().unwrap().is_empty());
        assert!(!phase["reason"].as_str().unwrap().is_empty(), "{phase}");
        assert!(number("start_ms") >= 0.0 && number("ms") >= 0.0);
        end = f64::max(end, number("start_ms") + number("ms"));
    }
    assert!((end - total).abs() < 0.01, "{end} {total}");
    assert_eq!(report["http"], serde_json::json!({"version": "2", "status": 200}));
    let tcp = &report["tcp"];
    assert!((19.9..21.0).contains(&tcp["rtt_ms"].as_f64().unwrap()), "{tcp}");
    assert!(
        tcp["segments_sent"].as_u64().unwrap() > 3 && tcp["segments_received"].as_u64().unwrap() > 3,
        "{tcp}"
    );
    assert_eq!(tcp["retransmits"], 0);
    assert!(tcp["mss"].as_u64().unwrap() > 1000, "{tcp}");
    assert!(!tcp["congestion_control"].as_str().unwrap().is_empty());
}

#[test]
fn a_failed_transfer_leaves_a_report_of_how_far_it_came() {
    let run = get("http://refused.example.com/", &["-4", "-o", "/dev/null", "--json-report", "-"]);
    let run = run.failed(7, "failed to connect to refused.example.com port 80: ");
    let report: Value = serde_json::from_str(run.text()).unwrap();
    let names: Vec<&str> =
        report["phases"].as_array().unwrap().iter().map(|phase| phase["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["resolve", "connect"], "{report:#}");
    assert_eq!(report["http"], Value::Null);
}

#[test]
fn the_help_names_the_members_of_the_report() {
    let run = get(HOME, &["-o", "/dev/null", "--json-report", "-"]).succeeded();
    let report: Value = serde_json::from_str(run.text()).unwrap();
    let help = fathom(&["get", "--help"]).succeeded();
    let help = help.text().split_once("--json-report").unwrap().1.split_once("--svg").unwrap().0.to_owned();
    for name in report.as_object().unwrap().keys().filter(|name| *name != "schema_version") {
        assert!(help.contains(&format!("{name}: ")), "{name}: {help}");
    }
}

#[test]
fn a_transfer_out_of_time_reports_its_connection() {
    let words = ["-m", "1", "-o", "/dev/null", "--json-report", "-"];
    let run = get("http://example.com/slow?ms=5000", &words).failed(28, "gave up after 1 s ");
    let report: Value = serde_json::from_str(run.text()).unwrap();
    assert!(report["tcp"]["rtt_ms"].as_f64().unwrap() >= 20.0, "{report:#}");
    let run = get("http://silent.example.com/", &words).failed(28, "gave up after 1 s ");
    let report: Value = serde_json::from_str(run.text()).unwrap();
    assert_eq!(report["tcp"], Value::Null);
}

#[test]
fn the_picture_is_svg() {
    let run = get(HOME, &["-o", "/dev/null", "--svg", "-"]).succeeded();
    assert!(run.text().starts_with("<svg") || run.text().starts_with("<?xml"), "{}", run.text());
    assert!(run.text().contains("fathom get https://example.com/ --via lab"), "{}", run.text());
}

#[test]
fn tshark_opens_the_capture_decrypted() {
    if let Some(reason) = lacking(&["tshark"]) {
        return skip(&reason);
    }
    let scratch = Scratch::new();
    let file = scratch.path("out.pcapng");
    let file = file.to_str().unwrap();
    get(HOME, &["-s", "-o", "/dev/null", "--write", file]).succeeded();
    let read = |filter: &str| program("tshark", &["-r", file, "-Y", filter]);
    assert!(read("dns.flags.response == 1").lines().count() >= 2);
    assert!(read("http2.header.value == \"example.com\"").contains("HEADERS"), "{}", read("http2"));
    assert!(read("http2.headers.status == 200").lines().count() == 1, "{}", read("http2"));
    assert_eq!(read("_ws.malformed || tcp.checksum.status == 0 || ip.checksum.status == 0"), "");
}
