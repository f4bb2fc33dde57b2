//! `fathom get` over a TAP interface while something goes wrong under it: the process is suspended, the other
//! side's address is taken away, its link goes down. What was fetched must be whole once the fault is over.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use fathom_tests::{Background, Namespace, Scratch, lacking, run, skip, wait_until};

/// Bytes of the file, and how many have come when the fault strikes.
const SIZE: usize = 24 << 20;
const STRIKES_AT: u64 = 4 << 20;

/// A namespace whose kernel serves a file.
struct Site {
    namespace: Namespace,
    files: Scratch,
    _server: Background,
}

impl Site {
    fn start() -> Option<Site> {
        if let Some(reason) = lacking(&["ip", "ss", "python3", "kill"]) {
            skip(&reason);
            return None;
        }
        let namespace = Namespace::new();
        namespace.add_tap("tap0", &["10.98.0.1/24"]);
        let files = Scratch::new();
        let content: Vec<u8> =
            (0..SIZE as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        files.write("file", content);
        let mut server = namespace.command("python3");
        server.args(["-m", "http.server", "80", "--directory"]).arg(files.folder());
        let server = Background::start(server.stderr(Stdio::null()));
        wait_until("the server listens", || ss(&namespace, "-Hlnt").contains(":80 "));
        Some(Site { namespace, files, _server: server })
    }

    /// A `fathom get` of the file, over a line that takes a second and more for it.
    fn fetch(&self, more: &[&str]) -> Command {
        let mut fathom = self.namespace.command(env!("CARGO_BIN_EXE_fathom"));
        fathom.args(["get", "http://10.98.0.1/file", "--via", "tap:tap0", "--address", "10.98.0.2/24"]);
        fathom.args(["-sS", "--rate", "down:150mbit", "-o"]).arg(self.files.path("copy"));
        fathom.args(more).stdin(Stdio::null()).stderr(Stdio::piped());
        fathom
    }

    /// Starts the fetch and waits until a part of the file has come.
    fn start_fetch(&self, more: &[&str]) -> Child {
        let child = self.fetch(more).spawn().expect("fathom starts");
        let copy = self.files.path("copy");
        wait_until("a part has come", || size(&copy) >= STRIKES_AT);
        child
    }

    /// Waits until the kernel's side has missed our acknowledgements for so long that it has sent again twice.
    fn wait_until_it_hurts(&self) {
        wait_until("the kernel sends again", || {
            let connections = ss(&self.namespace, "-Htni");
            ["backoff:2", "backoff:3", "backoff:4"].iter().any(|many| connections.contains(many))
        });
    }

    /// The fetch ends well, and what it fetched is the file.
    fn ends_whole(&self, child: Child) {
        let output = child.wait_with_output().expect("fathom ends");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let read = |name: &str| std::fs::read(self.files.path(name)).expect("it is there");
        assert!(read("copy") == read("file"), "the copy is not the file");
    }
}

fn ss(namespace: &Namespace, flags: &str) -> String {
    let output = namespace.command("ss").arg(flags).output().expect("ss runs");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |data| data.len())
}

#[test]
fn a_suspended_process_goes_on_where_it_was() {
    let Some(site) = Site::start() else { return };
    let child = site.start_fetch(&[]);
    run("kill", &["-STOP", &child.id().to_string()]);
    site.wait_until_it_hurts();
    let before = size(&site.files.path("copy"));
    assert!(before < SIZE as u64, "it was suspended in the middle");
    run("kill", &["-CONT", &child.id().to_string()]);
    site.ends_whole(child);
}

#[test]
fn a_connection_outlives_the_address_of_the_other_side() {
    let Some(site) = Site::start() else { return };
    let child = site.start_fetch(&[]);
    site.namespace.ip(&["address", "delete", "10.98.0.1/24", "dev", "tap0"]);
    site.wait_until_it_hurts();
    site.namespace.ip(&["address", "add", "10.98.0.1/24", "dev", "tap0"]);
    site.ends_whole(child);
}

#[test]
fn a_connection_outlives_a_link_that_goes_down() {
    let Some(site) = Site::start() else { return };
    let child = site.start_fetch(&[]);
    site.namespace.ip(&["link", "set", "tap0", "down"]);
    site.wait_until_it_hurts();
    site.namespace.ip(&["link", "set", "tap0", "up"]);
    site.ends_whole(child);
}

#[test]
fn a_fault_that_stays_ends_with_the_time_limit() {
    let Some(site) = Site::start() else { return };
    let child = site.start_fetch(&["--max-time", "4"]);
    site.namespace.ip(&["address", "delete", "10.98.0.1/24", "dev", "tap0"]);
    let output = child.wait_with_output().expect("fathom ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(28), "{said}");
    assert!(said.starts_with("fathom: (28) gave up after 4 s receiving the answer"), "{said}");
}

#[test]
fn a_fetch_whose_interface_is_removed_ends_and_says_so() {
    let Some(site) = Site::start() else { return };
    let child = site.start_fetch(&[]);
    site.namespace.ip(&["link", "delete", "tap0"]);
    let output = child.wait_with_output().expect("fathom ends");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.starts_with("fathom: (45) the interface was removed [link layer, Ethernet]; "), "{text}");
    assert_eq!((output.status.code(), text.lines().count()), (Some(45), 1), "{text}");
}
