//! tshark as the second opinion: each kind of frame we emit is read as what we meant, without a malformed
//! packet, a wrong checksum or an expert's error.

#[path = "tshark_frames/frames/mod.rs"]
mod frames;

use std::fmt::Write;

use fathom_tests::{Scratch, missing, run, skip};
use frames::Sample;

/// Fields asked of every frame, before those that samples name.
const COMMON: [&str; 10] = [
    "frame.protocols",
    "_ws.malformed",
    "_ws.expert.group",
    "_ws.expert.severity",
    "_ws.expert.message",
    "ip.checksum.status",
    "tcp.checksum.status",
    "udp.checksum.status",
    "icmp.checksum.status",
    "icmpv6.checksum.status",
];

/// Expert group of checksum complaints (Wireshark's `PI_CHECKSUM`).
const CHECKSUM_GROUP: &str = "16777216";
/// Expert group of malformed packets (`PI_MALFORMED`).
const MALFORMED_GROUP: &str = "117440512";
/// Expert severity of errors (`PI_ERROR`), the highest.
const ERROR_SEVERITY: &str = "8388608";

/// A capture file of Ethernet frames in the classic format, big-endian, each frame a second later.
fn pcap(frames: &[Sample]) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4u32, 0x0002_0004, 0, 0, 65535, 1] {
        file.extend(word.to_be_bytes());
    }
    for (second, sample) in (1..).zip(frames) {
        let len = sample.frame.len() as u32;
        for word in [second, 0, len, len] {
            file.extend(u32::to_be_bytes(word));
        }
        file.extend(&sample.frame);
    }
    file
}

/// What tshark says of each frame: the common fields, then those of `asked`, all values of a field that
/// occurs more than once with commas between.
fn tshark(file: &std::path::Path, asked: &[&str]) -> Vec<Vec<String>> {
    let file = file.to_str().expect("the path of a scratch file is text");
    let mut arguments = vec!["-n", "-r", file, "-T", "fields", "-E", "separator=/t", "-E", "occurrence=a"];
    for preference in [
        "ip.check_checksum:TRUE",
        "tcp.check_checksum:TRUE",
        "udp.check_checksum:TRUE",
        // Each frame stands alone: fragments and segments have no others to be put together with.
        "ip.defragment:FALSE",
        "ipv6.defragment:FALSE",
        "tcp.analyze_sequence_numbers:FALSE",
    ] {
        arguments.extend(["-o", preference]);
    }
    for field in COMMON.iter().chain(asked) {
        arguments.extend(["-e", field]);
    }
    let lines = run("tshark", &arguments);
    lines.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

#[test]
fn tshark_reads_every_kind_of_frame_as_it_was_meant() {
    if let Some(reason) = missing(&["tshark"]) {
        return skip(&reason);
    }
    let samples = frames::samples();
    let mut asked: Vec<&str> =
        samples.iter().flat_map(|sample| &sample.fields).map(|(field, _)| *field).collect();
    asked.sort();
    asked.dedup();
    let scratch = Scratch::new();
    let file = scratch.write("frames.pcap", pcap(&samples));

    let read = tshark(&file, &asked);

    assert_eq!(read.len(), samples.len(), "tshark reads as many frames as were written");
    let mut complaints = String::new();
    for (sample, values) in samples.iter().zip(&read) {
        complain(&mut complaints, sample, values, &asked);
    }
    assert!(complaints.is_empty(), "\n{complaints}");
}

/// Appends a line for everything that tshark sees otherwise than `sample` means it.
fn complain(complaints: &mut String, sample: &Sample, values: &[String], asked: &[&str]) {
    let mut complain = |what: &str, saw: &str| {
        writeln!(complaints, "{}: {what}: {saw}", sample.name).expect("a string takes any text");
    };
    let (common, values) = values.split_at(COMMON.len());
    let [protocols, malformed, groups, severities, messages, checksums @ ..] = common else {
        unreachable!("there are ten common fields");
    };
    if !format!(":{protocols}:").contains(&format!(":{}:", sample.protocols)) {
        complain(&format!("expected the protocols {}", sample.protocols), protocols);
    }
    if !malformed.is_empty() {
        complain("malformed", malformed);
    }
    for bad in [CHECKSUM_GROUP, MALFORMED_GROUP] {
        if groups.split(',').any(|group| group == bad) {
            complain("expert", messages);
        }
    }
    if severities.split(',').any(|severity| severity == ERROR_SEVERITY) {
        complain("expert error", messages);
    }
    // 0 is bad, 1 good, 2 not verified, as of a fragment.
    let (good, other): (Vec<_>, Vec<_>) = (COMMON[5..].iter().zip(checksums))
        .flat_map(|(field, values)| values.split(',').map(move |value| (field, value)))
        .filter(|(_, value)| !value.is_empty())
        .partition(|(_, value)| *value == "1");
    if other.iter().any(|(_, value)| *value == "0") {
        complain("bad checksum", &format!("{other:?}"));
    }
    for layer in sample.verified {
        if !good.iter().any(|(field, _)| ***field == format!("{layer}.checksum.status")) {
            complain("checksum not verified", layer);
        }
    }
    for (field, expected) in &sample.fields {
        let index = asked.iter().position(|asked| asked == field).expect("every field was asked for");
        if values[index] != *expected {
            complain(&format!("expected {field} = {expected}"), &values[index]);
        }
    }
}
