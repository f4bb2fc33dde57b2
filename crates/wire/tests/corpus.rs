//! Runs the fuzz targets' checks over the committed corpus (`fuzz/corpus`), without a fuzzer.
#![allow(clippy::print_stdout, reason = "a failing check does not know which file it read")]

#[path = "../../../fuzz/src/checks.rs"]
#[allow(unreachable_pub, reason = "the fuzz crate exports them")]
mod checks;

use std::fs;
use std::path::Path;

/// Files that each target must have at least, so that a lost corpus does not pass for a good one.
const AT_LEAST: usize = 5;

fn run(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= AT_LEAST, "{} has {} files", folder.display(), files.len());
    for file in files {
        let bytes = fs::read(&file).unwrap();
        // Shown only when the test fails: the last line names the file that made it.
        println!("{}", file.display());
        check(&bytes);
        // Every prefix is an edge case of its own.
        (0..bytes.len()).for_each(|len| check(&bytes[..len]));
    }
}

macro_rules! corpora {
    ($($target:ident),*) => {$(
        #[test]
        fn $target() {
            run(stringify!($target), checks::$target);
        }
    )*};
}

corpora!(ethernet, arp, ipv4, ipv6, icmpv4, icmpv6, udp, tcp);
