//! `fathom get` and `fathom ping` over TAP and TUN interfaces, against real servers in a network namespace:
//! dnsmasq for names, nginx for HTTP/1.1 and HTTP/2, plain and over TLS, and the kernel's own stack.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::process::{Command, Output};

use fathom_tests::{Background, Namespace, Scratch, lacking, run, skip, wait_until};

/// Bytes of the large file: 100 MiB.
const LARGE: usize = 100 * 1024 * 1024;

/// A namespace with an interface for fathom, a name server and a web server.
struct Site {
    /// The interface, as `--via` names it.
    via: &'static str,
    namespace: Namespace,
    files: Scratch,
    _servers: [Background; 2],
}

impl Site {
    /// Starts everything, with a TAP interface; `None` when this machine cannot.
    fn start() -> Option<Self> {
        Self::start_via("tap:tap0")
    }

    /// The same, with the interface that `via` names.
    fn start_via(via: &'static str) -> Option<Self> {
        if let Some(reason) = lacking(&["ip", "ss", "dnsmasq", "nginx", "openssl", "sha256sum"]) {
            skip(&reason);
            return None;
        }
        let namespace = Namespace::new();
        let addresses = ["10.99.0.1/24", "fd99::1/64"];
        match via.split_once(':') {
            Some(("tun", name)) => namespace.add_tun(name, &addresses),
            Some((_, name)) => namespace.add_tap(name, &addresses),
            None => panic!("{via} names no interface"),
        }
        let files = Scratch::new();
        certificates(&files);
        pages(&files);
        let servers = [name_server(&namespace), web_server(&namespace, &files)];
        wait_until("the servers listen", || {
            let listening = namespace.command("ss").args(["-Hlntu"]).output().expect("ss runs");
            let listening = String::from_utf8_lossy(&listening.stdout).into_owned();
            [":53 ", ":80 ", ":443 "].iter().all(|port| listening.contains(port))
        });
        Some(Site { via, namespace, files, _servers: servers })
    }

    /// Runs `fathom COMMAND --via …` with the link's addresses and more arguments.
    fn fathom(&self, command: &str, arguments: &[&str]) -> Output {
        let mut fathom = self.namespace.command(env!("CARGO_BIN_EXE_fathom"));
        fathom.args([command, "--via", self.via, "--address", "10.99.0.2/24", "--address", "fd99::2/64"]);
        fathom.args(["--gateway", "10.99.0.1", "--resolver", "10.99.0.1"]).args(arguments);
        fathom.output().expect("fathom starts")
    }

    /// Fetches with the site's CA and gives the body; an error of fathom fails the test.
    fn get(&self, arguments: &[&str]) -> String {
        let ca = self.files.path("ca.pem");
        let mut all = vec!["--cacert", ca.to_str().expect("a plain path")];
        all.extend_from_slice(arguments);
        let output = self.fathom("get", &all);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("the body is text")
    }

    /// Fetches the large file with more arguments and compares its digest.
    fn fetches_the_large_file(&self, arguments: &[&str]) {
        let copy = self.files.path("copy.bin");
        let mut all = vec!["-sS", "-o", copy.to_str().expect("a plain path")];
        all.extend_from_slice(arguments);
        self.get(&all);
        assert_eq!(digest(&copy), digest(&self.files.path("www/large.bin")), "{arguments:?}");
    }
}

fn digest(path: &std::path::Path) -> String {
    let printed = run("sha256sum", &[path.to_str().expect("a plain path")]);
    printed.split(' ').next().expect("sha256sum prints a digest").to_owned()
}

/// A CA and a certificate for `site.test`, made by openssl.
fn certificates(files: &Scratch) {
    let extensions = files.write("ext", "subjectAltName=DNS:site.test\n");
    let path = |name: &str| files.path(name).to_str().expect("a plain path").to_owned();
    let openssl = |line: &str| run("openssl", &line.split(' ').collect::<Vec<_>>());
    let new = "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    openssl(&format!(
        "{new} -x509 -days 2 -subj /CN=test-ca -keyout {} -out {} -addext basicConstraints=critical,CA:TRUE",
        path("ca.key"),
        path("ca.pem")
    ));
    openssl(&format!("{new} -subj /CN=site.test -keyout {} -out {}", path("site.key"), path("site.csr")));
    openssl(&format!(
        "x509 -req -days 1 -in {} -CA {} -CAkey {} -CAcreateserial -out {} -extfile {}",
        path("site.csr"),
        path("ca.pem"),
        path("ca.key"),
        path("site.pem"),
        extensions.display()
    ));
}

/// A small page and a large file whose content is different in every block.
fn pages(files: &Scratch) {
    std::fs::create_dir(files.path("www")).expect("the folder is new");
    files.write("www/index.html", "<h1>served by nginx</h1>\n");
    let mut large = File::create(files.path("www/large.bin")).expect("the folder is there");
    let mut state = 1_u64;
    for _ in 0..LARGE / 65_536 {
        let block: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state.to_be_bytes()
        })
        .take(65_536 / 8)
        .flatten()
        .collect();
        large.write_all(&block).expect("the disk has room");
    }
}

fn name_server(namespace: &Namespace) -> Background {
    let mut command = namespace.command("dnsmasq");
    command.args(["--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--user=root"]);
    command.args(["--host-record=site.test,10.99.0.1,fd99::1", "--local=/test/", "--log-facility=-"]);
    Background::start(command.stderr(std::process::Stdio::null()))
}

fn web_server(namespace: &Namespace, files: &Scratch) -> Background {
    let folder = files.folder().display();
    let mut config = String::new();
    write!(
        config,
        "daemon off; master_process off; user root; pid {folder}/pid; error_log {folder}/error.log;
         events {{ }}
         http {{
           log_format f '$server_protocol $ssl_protocol $request_uri $status';
           access_log {folder}/access.log f;
           client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
           fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
           root {folder}/www; sendfile on; tcp_nopush on;
           ssl_certificate {folder}/site.pem; ssl_certificate_key {folder}/site.key;
           ssl_protocols TLSv1.2 TLSv1.3;
           server {{ listen 80; listen [::]:80; server_name site.test; }}
           server {{ listen 443 ssl http2; listen [::]:443 ssl http2; server_name site.test; }}
           server {{ listen 8443 ssl; ssl_protocols TLSv1.2; server_name site.test; }}
         }}"
    )
    .expect("a string takes text");
    let config = files.write("nginx.conf", config);
    let mut command = namespace.command("nginx");
    command.arg("-c").arg(config).arg("-e").arg(files.path("error.log"));
    Background::start(&mut command)
}

#[test]
fn gets_a_page_over_each_version_of_http_and_tls() {
    let Some(site) = Site::start() else { return };
    let page = "<h1>served by nginx</h1>\n";
    assert_eq!(site.get(&["https://site.test/"]), page);
    assert_eq!(site.get(&["--http1.1", "https://site.test/one"]), site.get(&["http://site.test/plain"]));
    assert_eq!(site.get(&["https://site.test:8443/"]), page);
    assert_eq!(site.get(&["-4", "http://site.test/"]), page);
    assert_eq!(site.get(&["-6", "http://site.test/"]), page);
    let facts = "-sw%{http_version} %{remote_ip}";
    assert_eq!(site.get(&[facts, "-4", "-o", "/dev/null", "https://site.test/"]), "2 10.99.0.1");
    assert_eq!(site.get(&[facts, "-6", "-o", "/dev/null", "--http1.1", "https://site.test/"]), "1.1 fd99::1");
    let log = std::fs::read_to_string(site.files.path("access.log")).expect("nginx logs");
    for line in ["HTTP/2.0 TLSv1.3 / 200", "HTTP/1.1 TLSv1.3 /one 404", "HTTP/1.1 - /plain 404"] {
        assert!(log.contains(line), "{line} in:\n{log}");
    }
    assert!(log.contains("HTTP/1.1 TLSv1.2 / 200"), "{log}");
}

#[test]
fn gets_a_page_and_a_list_from_pythons_server() {
    if let Some(reason) = lacking(&["ip", "ss", "python3"]) {
        skip(&reason);
        return;
    }
    let namespace = Namespace::new();
    namespace.add_tap("tap0", &["10.99.0.1/24"]);
    let files = Scratch::new();
    files.write("page.txt", "served by python");
    let mut command = namespace.command("python3");
    command.args(["-m", "http.server", "--protocol", "HTTP/1.1", "8000"]).current_dir(files.folder());
    let _server = Background::start(command.stderr(std::process::Stdio::null()));
    wait_until("python listens", || {
        let listening = namespace.command("ss").args(["-Hlnt"]).output().expect("ss runs");
        String::from_utf8_lossy(&listening.stdout).contains(":8000 ")
    });
    let get = |path: &str| {
        let mut fathom = namespace.command(env!("CARGO_BIN_EXE_fathom"));
        fathom.args(["get", "-sSf", "--via", "tap:tap0", "--address", "10.99.0.2/24"]);
        let output = fathom.arg(format!("http://10.99.0.1:8000{path}")).output().expect("fathom starts");
        assert!(output.status.success(), "{path}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("the body is text")
    };
    assert_eq!(get("/page.txt"), "served by python");
    assert!(get("/").contains("href=\"page.txt\""));
}

#[test]
fn gets_a_hundred_mebibytes_unchanged() {
    let Some(site) = Site::start() else { return };
    site.fetches_the_large_file(&["https://site.test/large.bin"]);
    site.fetches_the_large_file(&["http://site.test/large.bin"]);
}

#[test]
fn gets_a_hundred_mebibytes_unchanged_over_a_bad_link() {
    let Some(site) = Site::start() else { return };
    site.fetches_the_large_file(&["--loss", "1%", "--reorder", "1%", "https://site.test/large.bin"]);
}

fn pings_the_kernel(site: &Site) {
    for target in ["10.99.0.1", "fd99::1"] {
        let output = site.fathom("ping", &["-c", "3", "-i", "0.01", target]);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        assert!(text.contains("3 packets transmitted, 3 received, 0% packet loss"), "{text}");
    }
}

#[test]
fn pings_the_kernel_over_both_internet_protocols() {
    let Some(site) = Site::start() else { return };
    pings_the_kernel(&site);
    let output = site.fathom("ping", &["-c", "1", "-W", "1", "10.99.0.77"]);
    assert_eq!(output.status.code(), Some(1), "nobody answers at that address");
}

#[test]
fn a_tun_interface_does_what_a_tap_interface_does() {
    let Some(site) = Site::start_via("tun:tun0") else { return };
    pings_the_kernel(&site);
    let page = "<h1>served by nginx</h1>\n";
    assert_eq!(site.get(&["-4", "https://site.test/"]), page);
    assert_eq!(site.get(&["-6", "--http1.1", "http://site.test/"]), page);
    site.fetches_the_large_file(&["https://site.test/large.bin"]);
    site.fetches_the_large_file(&["--loss", "1%", "--reorder", "1%", "http://site.test/large.bin"]);
}

#[test]
fn a_capture_of_a_tun_interface_says_that_its_frames_are_packets() {
    let Some(site) = Site::start_via("tun:tun0") else { return };
    let capture = site.files.path("tun.pcapng");
    let path = capture.to_str().expect("a plain path");
    site.get(&["--write", path, "http://10.99.0.1/"]);
    let bytes = std::fs::read(&capture).expect("the capture was written");
    // The interface description block follows the section header; LINKTYPE_RAW is 101.
    let section = u32::from_le_bytes(bytes[4..8].try_into().expect("four bytes")) as usize;
    assert_eq!(bytes[section..section + 4], 1_u32.to_le_bytes(), "an interface description block");
    assert_eq!(bytes[section + 8..section + 10], 101_u16.to_le_bytes());
}

#[test]
fn an_interface_that_is_not_there_is_told_in_one_line() {
    for kind in ["tap", "tun"] {
        let mut fathom = Command::new(env!("CARGO_BIN_EXE_fathom"));
        let via = format!("{kind}:nosuch0");
        let arguments = ["get", "--via", &via, "--address", "10.0.0.2/24", "http://10.0.0.1/"];
        let output = fathom.args(arguments).output().expect("fathom starts");
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success());
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.contains(&format!("ip tuntap add dev nosuch0 mode {kind}")), "{text}");
    }
}
