//! Runs each target's check over its committed corpus (`fuzz/corpus/NAME`), without a fuzzer.
#![allow(clippy::print_stdout, reason = "a failing check does not know which file it read")]

use std::fs;
use std::path::{Path, PathBuf};

use fathom_fuzz::{Input, TARGETS, Target};

/// Files that each target must have at least, so that a lost corpus does not pass for a good one.
const AT_LEAST: usize = 5;

fn folder(target: &Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn run(name: &str) {
    let target = fathom_fuzz::find(name).unwrap();
    let files = files(&folder(target));
    assert!(files.len() >= AT_LEAST, "{name} has {} files", files.len());
    for file in files {
        let bytes = fs::read(&file).unwrap();
        // Shown only when the test fails: the last line names the file that made it.
        println!("{}", file.display());
        (target.check)(&bytes);
        if target.input == Input::Bytes {
            // Every prefix is an edge case of its own.
            (0..bytes.len()).for_each(|len| (target.check)(&bytes[..len]));
        }
    }
}

macro_rules! corpora {
    ($($target:ident),* $(,)?) => {
        $(
            #[test]
            fn $target() {
                run(stringify!($target));
            }
        )*

        #[test]
        fn every_target_is_run() {
            let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            assert_eq!(names, [$(stringify!($target)),*]);
        }
    };
}

corpora!(
    ethernet,
    arp,
    ipv4,
    ipv6,
    icmpv4,
    icmpv6,
    igmp,
    mld,
    udp,
    tcp,
    tcp_options,
    dissect,
    virtio,
    words,
    cidr,
    drill,
    settings,
    coalesce,
    segments,
    fragments,
    ranges,
    out_of_order,
    rope,
    wheel,
    recovery,
    host,
    pair,
);

#[test]
fn corpora_belong_to_targets_and_stay_small() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut total = 0;
    for corpus in files(&corpora) {
        let name = corpus.file_name().unwrap().to_str().unwrap();
        assert!(fathom_fuzz::find(name).is_some(), "{name} is no target");
        let files = files(&corpus);
        assert!(files.len() <= 256, "{name} has {} files", files.len());
        total += files.iter().map(|file| fs::metadata(file).unwrap().len()).sum::<u64>();
    }
    assert!(total < 1 << 20, "{total} bytes");
}
