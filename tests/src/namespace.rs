//! A network namespace of a test's own.

use std::ffi::OsStr;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::run;

/// A network namespace, deleted at the end of the test. Needs root and iproute2.
#[derive(Debug)]
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// Makes a namespace with its loopback interface up.
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("fathom-{}-{number}", std::process::id());
        run("ip", &["netns", "add", &name]);
        let namespace = Namespace { name };
        namespace.ip(&["link", "set", "lo", "up"]);
        namespace
    }

    /// Runs `ip` inside.
    pub fn ip(&self, arguments: &[&str]) -> String {
        let mut all = vec!["-n", self.name.as_str()];
        all.extend_from_slice(arguments);
        run("ip", &all)
    }

    /// Makes a TAP interface `name` with the addresses (`10.0.0.1/24`, `fd00::1/64`), up, that a program
    /// attaches to by name. IPv6 addresses are usable at once, without duplicate address detection.
    pub fn add_tap(&self, name: &str, addresses: &[&str]) {
        self.add_tun_tap(name, "tap", addresses);
    }

    /// The same with a TUN interface.
    pub fn add_tun(&self, name: &str, addresses: &[&str]) {
        self.add_tun_tap(name, "tun", addresses);
    }

    fn add_tun_tap(&self, name: &str, mode: &str, addresses: &[&str]) {
        self.ip(&["tuntap", "add", "dev", name, "mode", mode]);
        for address in addresses {
            let mut add = vec!["address", "add", address, "dev", name];
            if address.contains(':') {
                add.push("nodad");
            }
            self.ip(&add);
        }
        self.ip(&["link", "set", name, "up"]);
    }

    /// Has the programs that run inside ask the name server at `address`.
    pub fn use_resolver(&self, address: &str) {
        // What `ip netns exec` puts in the place of /etc.
        let folder = self.etc();
        std::fs::create_dir_all(&folder).expect("root may write there");
        std::fs::write(folder.join("resolv.conf"), format!("nameserver {address}\n"))
            .expect("the folder is there");
    }

    fn etc(&self) -> PathBuf {
        Path::new("/etc/netns").join(&self.name)
    }

    /// A command that runs inside.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program);
        command
    }

    /// Runs `f` on a thread of its own that is inside. What it opens there stays inside.
    pub fn inside<R: Send>(&self, f: impl FnOnce() -> R + Send) -> R {
        let file = std::fs::File::open(format!("/run/netns/{}", self.name));
        let file = file.expect("`ip netns` keeps namespaces here");
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
                    .expect("root may enter a namespace");
                f()
            });
            thread.join().expect("the thread does not panic")
        })
    }

    /// The name that `ip netns` knows it by.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Default for Namespace {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // The test has its result already; a namespace that stays is seen with `ip netns`.
        let _ = Command::new("ip").args(["netns", "delete", &self.name]).status();
        let _ = std::fs::remove_dir_all(self.etc());
    }
}
