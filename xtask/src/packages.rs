//! The Debian packages that the interop tests talk to.

use std::env;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::step;

/// A program that a test runs, and the Debian package that has it.
const PROGRAMS: &[(&str, &str)] = &[
    ("c++", "build-essential"),
    ("cc", "build-essential"),
    ("curl", "curl"),
    ("dnsmasq", "dnsmasq-base"),
    ("h2load", "nghttp2-client"),
    ("ip", "iproute2"),
    ("iperf3", "iperf3"),
    ("nginx", "nginx-light"),
    ("openssl", "openssl"),
    ("ping", "iputils-ping"),
    ("python3", "python3"),
    ("tshark", "tshark"),
    ("wget", "wget"),
    ("wrk", "wrk"),
];

/// Installs what is missing, where that is possible; says what stays missing.
pub fn install_missing() -> Result<()> {
    let missing: Vec<_> = PROGRAMS.iter().filter(|(program, _)| !on_path(program)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|(_, package)| *package).collect();
    if !is_root() || !on_path("apt-get") {
        println!("not installed: {} (the tests that need them are skipped)", packages.join(" "));
        return Ok(());
    }
    let apt = || {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive").arg("-qq");
        command
    };
    step(apt().arg("update"))?;
    step(apt().args(["install", "--yes", "--no-install-recommends"]).args(packages))
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// Whether `program` is found, also where only root's PATH usually looks.
fn on_path(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/sbin"].map(|folder| Path::new(folder).to_path_buf());
    env::split_paths(&path).chain(system).any(|folder| folder.join(program).is_file())
}
