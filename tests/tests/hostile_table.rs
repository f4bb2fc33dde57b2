//! `docs/hostile.md` and the tests of hostile peers name each other.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The functions with `#[test]` in a file. A test within a macro is indented.
fn tests_in(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap();
    let mut names = Vec::new();
    let mut test = false;
    for line in text.lines().map(str::trim) {
        if line == "#[test]" {
            test = true;
        } else if let Some(rest) = line.strip_prefix("fn ").filter(|_| test) {
            names.extend(rest.split('(').next().map(str::to_owned));
            test = false;
        }
    }
    names
}

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The last cell of each row: the test's name between backquotes.
fn named(table: &str) -> Vec<String> {
    let rows = table.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| attack "));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        assert_eq!(cells.len(), 4, "attack, what is done, source, test: {row}");
        assert!(!cells[0].is_empty() && !cells[1].is_empty(), "{row}");
        let name = cells[3].strip_prefix('`').and_then(|name| name.strip_suffix('`'));
        name.unwrap_or_else(|| panic!("no test at the end of {row}")).to_owned()
    })
    .collect()
}

#[test]
fn the_table_of_hostile_peers_and_their_tests_agree() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let table = fs::read_to_string(root.join("docs/hostile.md")).unwrap();
    let named = named(&table);
    assert!(named.len() >= 40, "{} rows", named.len());
    let mut files = Vec::new();
    for folder in ["crates/stack/src", "tests/tests"] {
        rust_files(&root.join(folder), &mut files);
    }
    let (mut all, mut hostile) = (BTreeSet::new(), BTreeSet::new());
    for file in files {
        let tests = tests_in(&file);
        let within = file.strip_prefix(&root).unwrap();
        let is_hostile = |part: &std::path::Component<'_>| {
            matches!(part.as_os_str().to_str(), Some("hostile" | "hostile.rs" | "hostile_frames.rs"))
        };
        if within.components().any(|part| is_hostile(&part)) {
            hostile.extend(tests.iter().cloned());
        }
        all.extend(tests);
    }
    assert!(hostile.len() >= 30, "{} tests of hostile peers", hostile.len());
    let missing: Vec<&String> = named.iter().filter(|name| !all.contains(*name)).collect();
    assert!(missing.is_empty(), "docs/hostile.md names tests that are not there: {missing:?}");
    let untold: Vec<&String> = hostile.iter().filter(|name| !named.contains(name)).collect();
    assert!(untold.is_empty(), "docs/hostile.md does not name {untold:?}");
}
