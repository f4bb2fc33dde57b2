//! What the fuzz targets check: functions that take any bytes, and panic when something is wrong.
//!
//! The targets of [`Input::Actions`] read their bytes as a program of actions ([`actions`]) that drives a whole
//! stack, two of them, or a part of one beside a naive model of it. The same checks run over the committed
//! corpora as plain tests (`tests/corpora.rs`), which need neither a nightly compiler nor a fuzzer.
//! `fuzz/README.md` says how to fuzz.

pub mod actions;
mod coalesce;
mod dissect;
mod drill;
mod fragments;
mod host;
mod naive;
mod packets;
mod pair;
mod parts;
mod recovery;
mod segments;
mod settings;
mod trace;
mod virtio;
mod wire;
mod words;

/// A fuzz target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, which its corpus has too (`fuzz/corpus/NAME`).
    pub name: &'static str,
    /// What its bytes are.
    pub input: Input,
    /// The longest input that is worth while.
    pub max_len: usize,
    /// The check.
    pub check: fn(&[u8]),
}

/// What the bytes of an input are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Input {
    /// What a parser reads, of which every prefix is worth a try.
    Bytes,
    /// What somebody writes.
    Text,
    /// A program of [`actions`].
    Actions,
}

const fn bytes(name: &'static str, max_len: usize, check: fn(&[u8])) -> Target {
    Target { name, input: Input::Bytes, max_len, check }
}

const fn program(name: &'static str, max_actions: usize, check: fn(&[u8])) -> Target {
    Target { name, input: Input::Actions, max_len: max_actions * actions::LEN, check }
}

const fn text(name: &'static str, max_len: usize, check: fn(&[u8])) -> Target {
    Target { name, input: Input::Text, max_len, check }
}

/// All targets.
pub const TARGETS: &[Target] = &[
    // Parsers.
    bytes("ethernet", 64, wire::ethernet),
    bytes("arp", 64, wire::arp),
    bytes("ipv4", 128, wire::ipv4),
    bytes("ipv6", 512, wire::ipv6),
    bytes("icmpv4", 256, wire::icmpv4),
    bytes("icmpv6", 512, wire::icmpv6),
    bytes("igmp", 256, wire::igmp),
    bytes("mld", 512, wire::mld),
    bytes("udp", 64, wire::udp),
    bytes("tcp", 128, wire::tcp),
    bytes("tcp_options", 64, wire::tcp_options),
    bytes("dissect", 1024, dissect::dissect),
    bytes("virtio", 512, virtio::virtio),
    bytes("words", 64, words::words),
    bytes("cidr", 64, words::cidr),
    text("drill", 2048, drill::drill),
    text("settings", 256, settings::settings),
    // Parts of the engine beside naive models.
    program("coalesce", 96, coalesce::coalesce),
    program("segments", 8, segments::segments),
    program("fragments", 256, fragments::fragments),
    program("ranges", 128, parts::ranges),
    program("out_of_order", 128, parts::out_of_order),
    program("rope", 128, parts::rope),
    program("wheel", 256, parts::wheel),
    program("recovery", 128, recovery::recovery),
    // Whole stacks.
    program("host", 256, host::host),
    program("pair", 256, pair::pair),
];

/// The target of that name.
pub fn find(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
