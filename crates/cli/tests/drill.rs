//! `fathom drill`: its exit codes and reports.

mod support;

use fathom_tests::Scratch;
use serde_json::Value;
use support::{Run, command, fathom, run, with_input};

const PASSES: &str = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+.5 close(3) = 0\n";
const FAILS: &str =
    "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 listen(3, 1) = -1 EINVAL (Invalid argument)\n";
const UNREADABLE: &str = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 lissen(3, 1) = 0\n";

fn drill(words: &[&str]) -> Run {
    run(command().arg("drill").args(words))
}

#[test]
fn the_exit_code_says_whether_scripts_passed_failed_or_could_not_be_read() {
    let scratch = Scratch::new();
    let files = [("passes.pkt", PASSES), ("fails.pkt", FAILS), ("unreadable.pkt", UNREADABLE)];
    let [passes, fails, unreadable] =
        files.map(|(name, text)| scratch.write(name, text).display().to_string());
    let (passes, fails, unreadable) = (passes.as_str(), fails.as_str(), unreadable.as_str());
    let one = drill(&[passes]).succeeded();
    assert_eq!(one.text(), format!("passed: {passes} (2 events, 0.500000 s)\n"));
    for (words, code, summary) in [
        (vec![passes, fails], 1, "2 scripts: 1 passed, 1 failed"),
        (vec![passes, fails, unreadable], 2, "3 scripts: 1 passed, 1 failed, 1 cannot be read"),
        (vec![passes, passes, "-q"], 0, "2 scripts: 2 passed, 0 failed"),
    ] {
        let run = drill(&words);
        assert_eq!((run.code, run.stderr.as_str()), (code, ""), "{words:?}");
        assert_eq!(run.text().lines().last(), Some(summary));
    }
    let run = drill(&[fails, "-q"]);
    let report = format!(
        "failed: {fails}:2:1: listen returns another value\n  \
         2 | +0 listen(3, 1) = -1 EINVAL (Invalid argument)\n  expected: -1 EINVAL\n  came:     0\n"
    );
    assert!(run.text().starts_with(&report), "{}", run.text());
    let run = drill(&[unreadable, "-q"]);
    let report = format!("cannot be read: {unreadable}:2:4: expected a system call (socket, bind,");
    assert!(run.text().starts_with(&report), "{}", run.text());
}

#[test]
fn a_folder_stands_for_the_scripts_in_it() {
    let scratch = Scratch::new();
    let folder = scratch.path("scripts");
    std::fs::create_dir_all(folder.join("deeper")).unwrap();
    let name = folder.display().to_string();
    drill(&[&name]).failed(2, "there is no script in ");
    for (file, text) in [("b.pkt", PASSES), ("deeper/a.pkt", PASSES), ("notes.txt", "no script")] {
        std::fs::write(folder.join(file), text).unwrap();
    }
    let run = drill(&[&name]).succeeded();
    let lines: Vec<&str> = run.text().lines().collect();
    assert!(lines[0].contains("b.pkt") && lines[1].contains("deeper/a.pkt"), "{lines:?}");
    assert_eq!(lines[2], "2 scripts: 2 passed, 0 failed");
}

#[test]
fn the_report_for_programs_has_everything() {
    let scratch = Scratch::new();
    let fails = scratch.write("fails.pkt", FAILS).display().to_string();
    let unreadable = scratch.write("unreadable.pkt", UNREADABLE).display().to_string();
    let run = drill(&[&fails, &unreadable, "--json"]);
    assert_eq!(run.code, 2);
    let report: Value = serde_json::from_str(run.text()).unwrap();
    assert_eq!(
        (&report["version"], &report["failed"], &report["unreadable"]),
        (&1.into(), &1.into(), &1.into())
    );
    let failure = &report["scripts"][0]["failure"];
    assert_eq!(
        (&failure["line"], &failure["expected"], &failure["came"]),
        (&2.into(), &"-1 EINVAL".into(), &"0".into())
    );
    assert_eq!(failure["before"][0]["text"], "socket(..., SOCK_STREAM, IPPROTO_TCP) = 3");
    let unread = &report["scripts"][1];
    assert_eq!(
        (&unread["result"], &unread["line"], &unread["column"]),
        (&"unreadable".into(), &2.into(), &4.into())
    );
}

#[test]
fn definitions_verbose_lines_and_captures() {
    let scratch = Scratch::new();
    let script = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 bind(3, ..., ...) = 0\n+0 listen(3, 1) = 0\n\
                  +0 < S 0:0(0) win WIN <mss 1000>\n+0 > S. 0:0(0) ack 1 <mss 1460>\n+0 %{ print('hello') }%\n";
    let script = scratch.write("syn.pkt", script).display().to_string();
    assert_eq!(drill(&[&script]).code, 2);
    let capture = scratch.path("syn.pcapng").display().to_string();
    let words = [script.as_str(), "-v", "-D", "WIN=777", "--write", capture.as_str()];
    let run = drill(&words).succeeded();
    for line in [
        "0.000000 < S 0:0(0) win 777 <mss 1000>",
        "0.000000 > S. 0:0(0) ack 1 win 65535 <mss 1460>",
        "0.000000 hello",
    ] {
        assert!(run.text().lines().any(|shown| shown == line), "{line}: {}", run.text());
    }
    let capture = std::fs::read(capture).unwrap();
    let blocks = capture.windows(4).filter(|bytes| *bytes == [6, 0, 0, 0]).count();
    assert!(blocks >= 2, "both packets are in the capture");
}

#[test]
fn a_script_may_come_from_standard_input() {
    let run = with_input(&["drill", "-"], PASSES.as_bytes()).succeeded();
    assert_eq!(run.text(), "passed: - (2 events, 0.500000 s)\n");
}

#[test]
fn what_cannot_be_read_or_written_is_told_in_one_line() {
    drill(&["/nonexistent.pkt"]).failed(2, "could not read /nonexistent.pkt: ");
    let scratch = Scratch::new();
    let script = scratch.write("a.pkt", PASSES).display().to_string();
    drill(&[&script, "--write", "/nonexistent/a.pcapng"])
        .failed(2, "could not create /nonexistent/a.pcapng: ");
    drill(&[&script, &script, "--write", "a.pcapng"]).failed(2, "--write takes the packets of one script");
    drill(&[&script, "-D", "1=2"]).failed(2, "invalid value '1=2'");
    fathom(&["drill"]).failed(2, "the following required arguments were not provided");
}
