//! `fathom serve` and `fathom sockets` against real clients in a network namespace: curl, wget, python, openssl,
//! wrk and h2load, over TAP and over TUN.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use fathom_tests::{Background, Namespace, Scratch, lacking, run, skip, wait_until};

/// What the index page says.
const PAGE: &str = "<h1>served by fathom</h1>\n";
/// Bytes of the file that is fetched and sent over a perfect link.
const LARGE: u64 = 1 << 30;
/// The same over a bad link, where recovery takes its time; FATHOM_LOSSY_BYTES says otherwise.
const LARGE_OVER_A_BAD_LINK: u64 = 32 << 20;

/// A server in a namespace with clients.
struct Site {
    namespace: Namespace,
    files: Scratch,
    server: Child,
}

impl Site {
    /// Starts a server with more options; `None` when this machine cannot.
    fn start(via: &str, programs: &[&str], options: &[&str]) -> Option<Site> {
        if let Some(reason) = lacking(&[&["ip"], programs].concat()) {
            skip(&reason);
            return None;
        }
        let namespace = Namespace::new();
        let addresses = ["10.98.0.1/24", "fd98::1/64"];
        match via.split_once(':') {
            Some(("tun", name)) => namespace.add_tun(name, &addresses),
            Some((_, name)) => namespace.add_tap(name, &addresses),
            None => panic!("{via} names no interface"),
        }
        let files = Scratch::new();
        fs::create_dir(files.path("www")).expect("the folder is new");
        files.write("www/index.html", PAGE);
        files.write("www/digits.txt", "0123456789");
        let mut command = namespace.command(env!("CARGO_BIN_EXE_fathom"));
        command.arg("serve").arg(files.path("www")).args(["--via", via]);
        command.args(["--address", "10.98.0.2/24", "--address", "fd98::2/64"]);
        command.args(["--http", "80", "--https", "443", "--name", "site.test"]);
        command.arg("--ca-out").arg(files.path("ca.pem")).arg("--control").arg(files.path("control"));
        command.args(options).stdin(Stdio::null());
        command.stdout(File::create(files.path("log")).expect("the folder is there"));
        command.stderr(File::create(files.path("messages")).expect("the folder is there"));
        let server = command.spawn().expect("fathom starts");
        let mut site = Site { namespace, files, server };
        wait_until("the server serves", || {
            assert!(site.server.try_wait().expect("it can be asked").is_none(), "{}", site.messages());
            site.messages().contains("serving")
        });
        Some(site)
    }

    fn messages(&self) -> String {
        fs::read_to_string(self.files.path("messages")).expect("the file is there")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.files.path("log")).expect("the file is there")
    }

    fn path(&self, name: &str) -> String {
        self.files.path(name).to_str().expect("a plain path").to_owned()
    }

    /// Runs a client and gives what it printed; its failure fails the test.
    #[track_caller]
    fn client(&self, program: &str, arguments: &[&str]) -> String {
        let output = self.namespace.command(program).args(arguments).output().expect("it starts");
        let (text, errors) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(
            output.status.success(),
            "{program} {arguments:?}: {}\n{text}\n{errors}\n{}",
            output.status,
            self.messages()
        );
        text.into_owned()
    }

    #[track_caller]
    fn curl(&self, arguments: &[&str]) -> String {
        let ca = self.path("ca.pem");
        let names = ["--resolve", "site.test:443:10.98.0.2", "--resolve", "site.test:80:10.98.0.2"];
        self.client("curl", &[&["-sS", "--cacert", &ca], &names[..], arguments].concat())
    }

    /// Runs `fathom sockets` with more options.
    fn sockets(&self, options: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fathom"));
        command.arg("sockets").arg("--control").arg(self.files.path("control"));
        command.args(options).output().expect("fathom starts")
    }

    #[track_caller]
    fn shows(&self, options: &[&str]) -> String {
        let output = self.sockets(options);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }

    /// Sends the server a signal and gives its exit code.
    fn signal(&mut self, name: &str) -> Option<i32> {
        run("kill", &[&format!("-{name}"), &self.server.id().to_string()]);
        self.server.wait().expect("it ends").code()
    }

    /// Bytes of memory that the server has at this moment.
    fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.server.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux says so");
        line.trim().trim_end_matches(" kB").trim().parse::<u64>().expect("a number") * 1024
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // It may have ended by itself, and then there is nothing to kill.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn digest(path: &Path) -> String {
    let printed = run("sha256sum", &[path.to_str().expect("a plain path")]);
    printed.split(' ').next().expect("sha256sum prints a digest").to_owned()
}

fn every_client_fetches(via: &str) {
    let programs = ["curl", "wget", "python3", "openssl", "sh"];
    let Some(site) = Site::start(via, &programs, &[]) else { return };
    let ca = site.path("ca.pem");
    for arguments in [
        &["http://10.98.0.2/"][..],
        &["http://[fd98::2]/"],
        &["--http1.0", "http://10.98.0.2/"],
        &["--http2-prior-knowledge", "http://10.98.0.2/"],
        &["--http2", "https://site.test/"],
        &["--http1.1", "https://10.98.0.2/"],
        &["--http2", "https://[fd98::2]/"],
        &["--tls-max", "1.2", "https://site.test/"],
        &["--compressed", "http://10.98.0.2/index.html"],
    ] {
        assert_eq!(site.curl(arguments), PAGE, "{arguments:?}");
    }
    assert_eq!(site.curl(&["-o", "/dev/null", "-w", "%{http_version}", "https://site.test/"]), "2");
    assert_eq!(site.client("wget", &["-qO-", "http://10.98.0.2/"]), PAGE);
    assert_eq!(site.client("wget", &["-qO-", "--ca-certificate", &ca, "https://10.98.0.2/"]), PAGE);

    let sockets = "import socket\n\
        s = socket.create_connection(('10.98.0.2', 80))\n\
        s.sendall(b'GET / HTTP/1.1\\r\\nHost: h\\r\\nConnection: close\\r\\n\\r\\n')\n\
        s.shutdown(socket.SHUT_WR)\n\
        print(b''.join(iter(lambda: s.recv(100), b'')).decode().split('\\r\\n\\r\\n')[1], end='')";
    let client = "import http.client\n\
        c = http.client.HTTPConnection('fd98::2', 80)\n\
        for path in ['/nothing', '/digits.txt', '/']:\n\
        \x20   c.request('GET', path); text = c.getresponse().read().decode()\n\
        print(text, end='')";
    let urllib = "import ssl, sys, urllib.request as u\n\
        context = ssl.create_default_context(cafile=sys.argv[1])\n\
        print(u.urlopen('https://10.98.0.2/', context=context).read().decode(), end='')";
    assert_eq!(site.client("python3", &["-c", sockets]), PAGE);
    assert_eq!(site.client("python3", &["-c", client]), PAGE);
    assert_eq!(site.client("python3", &["-c", urllib, &ca]), PAGE);

    let openssl = format!(
        "printf 'GET / HTTP/1.1\\r\\nHost: site.test\\r\\nConnection: close\\r\\n\\r\\n' | \
         openssl s_client -quiet -no_ign_eof -ign_eof -connect 10.98.0.2:443 -servername site.test -verify_return_error \
         -verify_hostname site.test -CAfile {ca}"
    );
    let answer = site.client("sh", &["-c", &openssl]);
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with(PAGE), "{answer}");

    let log = site.log();
    for line in ["GET / HTTP/2.0 200 26 B", "GET /nothing HTTP/1.1 404", "GET / HTTP/1.0 200 26 B"] {
        assert!(log.contains(line), "{line} in:\n{log}");
    }
}

#[test]
fn every_client_fetches_over_tap() {
    every_client_fetches("tap:tap0");
}

#[test]
fn every_client_fetches_over_tun() {
    every_client_fetches("tun:tun0");
}

#[test]
fn curl_gets_parts_and_what_has_changed() {
    let Some(site) = Site::start("tap:tap0", &["curl"], &[]) else { return };
    let url = "http://10.98.0.2/digits.txt";
    assert_eq!(site.curl(&["-r", "2-4", url]), "234");
    assert_eq!(site.curl(&["-r", "-3", url]), "789");
    assert!(site.curl(&["-r", "0-1,8-9", url]).contains("Content-Range: bytes 8-9/10\r\n\r\n89\r\n"));
    let copy = site.files.write("copy", "01234");
    site.curl(&["-C", "-", "-o", copy.to_str().expect("a plain path"), url]);
    assert_eq!(fs::read_to_string(copy).expect("it is there"), "0123456789");
    let status = ["-o", "/dev/null", "-w", "%{http_code}"];
    let tag = site.path("tag");
    site.curl(&["--etag-save", &tag, "-o", "/dev/null", url]);
    assert_eq!(site.curl(&[&status[..], &["--etag-compare", &tag, url]].concat()), "304");
    assert_eq!(site.curl(&[&status[..], &["-z", "01 Jan 2037 12:00:00 GMT", url]].concat()), "304");
    assert_eq!(site.curl(&[&status[..], &["-r", "10-", url]].concat()), "416");
    assert_eq!(site.curl(&[&status[..], &["-T", &tag, url]].concat()), "405", "uploads are off");
    let traversal = ["--path-as-is", "http://10.98.0.2/../log"];
    assert_eq!(site.curl(&[&status[..], &traversal].concat()), "400");
}

/// Fetches and sends a file of so many bytes, and compares what arrives.
fn carries(bytes: u64, options: &[&str]) {
    let options = [&["--upload"], options].concat();
    let Some(site) = Site::start("tap:tap0", &["curl", "openssl", "sha256sum", "sh"], &options) else {
        return;
    };
    let original = site.files.path("www/large");
    run("openssl", &["rand", "-out", original.to_str().expect("a plain path"), &bytes.to_string()]);
    let expected = digest(&original);
    let fetched = site.client("sh", &["-c", "curl -sSf http://10.98.0.2/large | sha256sum"]);
    assert_eq!(fetched.split(' ').next(), Some(expected.as_str()), "{options:?}");
    let sent = ["-f", "-o", "/dev/null", "-w", "%{http_code}", "-T"];
    let from = original.to_str().expect("a plain path");
    assert_eq!(site.curl(&[&sent[..], &[from, "http://10.98.0.2/sent"]].concat()), "201");
    fs::remove_file(&original).expect("it is there");
    assert_eq!(digest(&site.files.path("www/sent")), expected, "{options:?}");
}

#[test]
fn a_gibibyte_comes_and_goes_unchanged() {
    carries(LARGE, &[]);
}

#[test]
fn a_file_comes_and_goes_unchanged_over_a_bad_link() {
    let bytes = std::env::var("FATHOM_LOSSY_BYTES").ok().and_then(|bytes| bytes.parse().ok());
    let conditions = ["--loss", "1%", "--reorder", "1%", "--duplicate", "1%"];
    carries(bytes.unwrap_or(LARGE_OVER_A_BAD_LINK), &conditions);
}

#[test]
fn a_file_comes_and_goes_over_tls_and_a_small_mtu() {
    let options = ["--upload", "--mtu", "1280", "--rate", "200mbit", "--delay", "2ms", "--jitter", "1ms"];
    let Some(site) = Site::start("tun:tun0", &["curl", "openssl", "sha256sum"], &options) else { return };
    let original = site.files.path("www/large");
    run("openssl", &["rand", "-out", original.to_str().expect("a plain path"), "10000000"]);
    let copy = site.path("copy");
    site.curl(&["-f", "-o", &copy, "https://site.test/large"]);
    assert_eq!(digest(Path::new(&copy)), digest(&original));
    site.curl(&["-f", "-o", "/dev/null", "-T", &copy, "https://site.test/sent"]);
    assert_eq!(digest(&site.files.path("www/sent")), digest(&original));
    assert!(site.messages().contains("adds 4 ms to each round trip"), "{}", site.messages());
}

#[test]
fn load_is_answered_and_leaves_no_memory_behind() {
    let Some(site) = Site::start("tap:tap0", &["wrk", "h2load"], &["-q"]) else { return };
    let h2load = |requests: &str, url: &str| {
        let text = site.client("h2load", &["-n", requests, "-c", "16", "-m", "8", url]);
        let succeeded = format!("{requests} succeeded, 0 failed, 0 errored, 0 timeout");
        assert!(text.contains(&succeeded), "{text}");
    };
    let wrk = || {
        let text = site.client("wrk", &["-t", "1", "-c", "32", "-d", "2", "http://10.98.0.2/digits.txt"]);
        assert!(text.contains("requests in") && !text.contains("Socket errors"), "{text}");
        assert!(!text.contains("Non-2xx"), "{text}");
    };
    wrk();
    h2load("4000", "https://10.98.0.2/");
    let warm = site.resident();
    wrk();
    h2load("4000", "https://10.98.0.2/");
    h2load("8000", "http://10.98.0.2/digits.txt");
    let grown = site.resident().saturating_sub(warm);
    assert!(grown < 16 << 20, "{grown} bytes more than the {warm} before");
}

#[test]
fn sockets_are_shown_while_they_are_there() {
    let Some(site) = Site::start("tap:tap0", &["python3"], &[]) else { return };
    let mode = fs::metadata(site.files.path("control")).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "the control socket is its owner's alone");
    let hold = "import socket, sys\n\
        s = socket.create_connection(('10.98.0.2', 80))\n\
        s.sendall(b'GET / HTTP/1.1\\r\\nHost: h\\r\\n\\r\\n'); s.recv(1000)\n\
        print(s.getsockname()[1], flush=True); sys.stdin.read()";
    let mut python = site.namespace.command("python3");
    let mut python =
        python.args(["-c", hold]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("starts");
    let mut port = String::new();
    let output = python.stdout.take().expect("it is piped");
    std::io::BufRead::read_line(&mut std::io::BufReader::new(output), &mut port).expect("it prints its port");
    let peer = format!("10.98.0.1:{}", port.trim());

    let table = site.shows(&[]);
    let line =
        table.lines().find(|line| line.contains(&peer)).unwrap_or_else(|| panic!("{peer} in:\n{table}"));
    let cells: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(cells[..5], ["tcp", "ESTAB", "0", "0", "10.98.0.2:80"], "{table}");
    let info = table.lines().skip_while(|line| !line.contains(&peer)).nth(1).expect("a line of information");
    for word in ["rto:", "rtt:", "mss:", "cwnd:", "bytes_acked:", "segs_in:", "minrtt:"] {
        assert!(info.contains(word), "{word} in {info}");
    }
    let listening = site.shows(&["-l"]);
    assert_eq!(listening.matches("LISTEN").count(), 4, "{listening}");
    let json: serde_json::Value = serde_json::from_str(&site.shows(&["--json", "-t"])).expect("JSON");
    assert_eq!(json["version"], 1);
    let sockets = json["sockets"].as_array().expect("a list");
    let held = sockets.iter().find(|socket| socket["remote"] == peer.as_str()).expect("the connection");
    assert_eq!(held["info"]["bytes_received"], 27);

    let counters = site.shows(&["--counters"]);
    assert!(counters.contains("requests 200"), "{counters}");
    check_openmetrics(&site.shows(&["--metrics"]));

    drop(python.stdin.take());
    python.wait().expect("python ends");
    wait_until("the connection is gone", || !site.shows(&["-t"]).contains("ESTAB"));
}

/// The rules of OpenMetrics 1.0 that a reader relies on: each family is declared once, before its samples, which
/// stand together; counters end in `_total`, names in their unit; no sample twice; `# EOF` at the end and
/// nothing after it.
fn check_openmetrics(text: &str) {
    let body = text.strip_suffix("# EOF\n").unwrap_or_else(|| panic!("no end: {text}"));
    let mut families: Vec<(String, String)> = Vec::new();
    let mut samples = std::collections::BTreeSet::new();
    for line in body.lines() {
        let mut words = line.splitn(4, ' ');
        let first = words.next().expect("a word");
        if first == "#" {
            let (what, name, value) =
                (words.next(), words.next().expect("a name"), words.next().expect("a value"));
            match what {
                Some("TYPE") => {
                    assert!(families.iter().all(|(known, _)| known != name), "{name} is declared twice");
                    families.push((name.into(), value.into()));
                }
                Some("UNIT") => assert!(name.ends_with(&format!("_{value}")), "{line}"),
                Some("HELP") => {}
                _ => panic!("{line}"),
            }
            assert_eq!(families.last().map(|(known, _)| known.as_str()), Some(name), "{line}");
            continue;
        }
        let name = first.split('{').next().expect("a name");
        let (family, kind) = families.last().expect("a declaration before the first sample");
        let suffix = match kind.as_str() {
            "counter" => "_total",
            "info" => "_info",
            "gauge" => "",
            kind => panic!("{kind}"),
        };
        assert_eq!(name, format!("{family}{suffix}"), "{line}");
        let value = line.rsplit(' ').next().expect("a value");
        assert!(value.parse::<f64>().is_ok_and(|value| value >= 0.0), "{line}");
        assert!(samples.insert(line.rsplit_once(' ').expect("two parts").0.to_owned()), "{line} twice");
    }
    assert!(samples.len() > 50, "{text}");
}

#[test]
fn a_signal_ends_the_server_when_its_requests_are_answered() {
    let options = ["--rate", "up:40mbit"];
    let Some(mut site) = Site::start("tap:tap0", &["curl", "kill"], &options) else { return };
    // A second of data.
    site.files.write("www/slow", vec![7; 5_000_000]);
    let copy = site.path("copy");
    let mut curl = site.namespace.command("curl");
    let mut curl = curl.args(["-sSf", "-o", &copy, "http://10.98.0.2/slow"]).spawn().expect("curl starts");
    wait_until("the answer has begun", || Path::new(&copy).exists());
    assert_eq!(site.signal("TERM"), Some(0), "{}", site.messages());
    assert!(curl.wait().expect("curl ends").success(), "{}", site.messages());
    assert_eq!(fs::metadata(&copy).expect("it is there").len(), 5_000_000);
    assert!(!site.files.path("control").exists(), "the control socket is removed");
    let gone = site.sockets(&[]);
    assert_eq!(gone.status.code(), Some(7), "{}", String::from_utf8_lossy(&gone.stderr));
}

#[test]
fn connections_of_a_client_whose_machine_is_gone_end() {
    let options = ["--idle-timeout", "6"];
    let Some(site) = Site::start("tap:tap0", &["curl"], &options) else { return };
    site.files.write("www/slow", vec![7; 20_000_000]);
    let curl = |more: &[&str]| {
        let mut curl = site.namespace.command("curl");
        Background::start(curl.args(["-s", "-o", "/dev/null"]).args(more))
    };
    let busy = curl(&["--limit-rate", "10k", "http://10.98.0.2/slow"]);
    let secure = curl(&["--limit-rate", "10k", "-k", "https://10.98.0.2/slow"]);
    let open = || site.shows(&["-t"]).lines().filter(|line| line.contains(" 10.98.0.1:")).count();
    wait_until("both connections stand", || open() == 2);
    // From one moment to the next the machine of the client is silent: neither FIN nor reset.
    site.namespace.ip(&[
        "neighbour",
        "replace",
        "10.98.0.2",
        "lladdr",
        "02:00:00:00:00:99",
        "dev",
        "tap0",
        "nud",
        "permanent",
    ]);
    drop((busy, secure));
    wait_until("the connections are gone", || open() == 0);
}

#[test]
fn what_is_wrong_with_the_options_is_told_in_one_line() {
    let scratch = Scratch::new();
    let empty: PathBuf = scratch.write("empty", "");
    let empty = empty.to_str().expect("a plain path");
    let tap = ["--via", "tap:nosuch0", "--address", "10.0.0.2/24"];
    for (arguments, code, words) in [
        (&["--via", "lab"][..], 2, "nobody outside of this process"),
        (
            &[&tap[..], &["/nonexistent"]].concat(),
            26,
            "could not serve /nonexistent: No such file or directory",
        ),
        (
            &[&tap[..], &["--https", "443", "--cert", empty, "--key", empty]].concat(),
            26,
            "there is no certificate in it",
        ),
        (
            &[&tap[..], &["--https", "443", "--name", "a b"]].concat(),
            2,
            "'a b' cannot be a name in a certificate",
        ),
        (&[&tap[..], &["--cert", empty]].concat(), 2, "--key"),
        (&[&tap[..], &["--idle-timeout", "0"]].concat(), 2, "--idle-timeout 0"),
        (&[&tap[..], &["--queue", "10KB"]].concat(), 2, "--queue has no effect without --rate"),
        (&[&tap[..], &["--write", "-"]].concat(), 2, "both go to standard output"),
        (&tap, 45, "nosuch0"),
    ] {
        let mut fathom = Command::new(env!("CARGO_BIN_EXE_fathom"));
        let output = fathom.arg("serve").args(arguments).current_dir("/tmp").output().expect("fathom starts");
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
        assert_eq!(text.lines().count(), 1, "{arguments:?}: {text}");
        assert!(text.contains(words), "{arguments:?}: {text}");
    }
}
