//! Some worlds, and that what is planted in one is found.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use fathom_stack::Readiness;
use fathom_swarm::{Campaign, Check, Tamper, replay, run, run_with};

/// A folder of its own for a test.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn campaign(seeds: u64, threads: usize, state: Option<PathBuf>) -> Campaign {
    Campaign { from: 0, seeds, threads, state, build: "a build".into() }
}

#[test]
fn worlds_hold() {
    let progress = campaign(40, 2, None).run(|_, _| ()).unwrap();
    let failures: Vec<String> = progress.failures.iter().map(ToString::to_string).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert_eq!((progress.done, progress.tally.worlds), (40, 40));
}

#[test]
fn a_seed_gives_the_same_frames_each_time_and_in_a_replay() {
    let folder = folder("replay");
    let mut hashes = BTreeSet::new();
    for seed in 100..110 {
        let passed = run(seed).unwrap();
        assert_eq!(run(seed).unwrap(), passed, "seed {seed}");
        let again = replay(seed, &folder).unwrap();
        assert_eq!(again.outcome.unwrap().hash, passed.hash, "seed {seed}, recorded");
        hashes.insert(passed.hash);
        // The record tells the plan, what stacks did and why; a capture has frames.
        let record = fs::read_to_string(again.record).unwrap();
        assert!(record.starts_with("      0.000000  seed"), "{record:.100}");
        assert!(record.contains("TcpOpened"), "seed {seed}");
        for capture in again.captures {
            assert_eq!(fs::read(capture).unwrap()[..4], [0x0a, 0x0d, 0x0d, 0x0a]);
        }
    }
    assert_eq!(hashes.len(), 10);
}

/// The checks that fail in some worlds with a planted fault.
fn found(tamper: Tamper) -> BTreeSet<String> {
    let failed = (0..30).filter_map(|seed| run_with(seed, Some(tamper)).err());
    failed.map(|failure| format!("{:?}", failure.check)).collect()
}

#[test]
fn changed_data_with_a_right_checksum_is_found() {
    assert_eq!(found(Tamper::ChangesData), BTreeSet::from([format!("{:?}", Check::Bytes)]));
}

#[test]
fn a_reader_that_is_not_told_is_found() {
    let checks = found(Tamper::Deafens(Readiness::READABLE));
    assert!(checks.contains("Readiness"), "{checks:?}");
}

#[test]
fn a_writer_that_is_not_told_is_found() {
    let checks = found(Tamper::Deafens(Readiness::WRITABLE));
    assert!(checks.contains("Readiness"), "{checks:?}");
}

#[test]
fn a_campaign_that_was_interrupted_goes_on_and_comes_to_the_same() {
    let state = folder("campaign").join("state.json");
    let whole = campaign(150, 2, None).run(|_, _| ()).unwrap();
    campaign(100, 1, Some(state.clone())).run(|_, _| ()).unwrap();
    let mut begins = None;
    let resumed = campaign(150, 2, Some(state.clone()));
    let rest = resumed
        .run(|progress, _| {
            begins.get_or_insert(progress.done);
        })
        .unwrap();
    assert_eq!(begins, Some(100));
    assert_eq!(rest, whole);

    // What another build has found does not count.
    let mut begins = None;
    let other = Campaign { build: "another".into(), ..campaign(50, 1, Some(state)) };
    let _ = other.run(|progress, _| {
        begins.get_or_insert(progress.done);
    });
    assert_eq!(begins, Some(0));
}
