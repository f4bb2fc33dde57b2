//! The arrows between crates: docs/architecture.md says which there are, Cargo says the same.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::cargo;
use crate::test::output;

type Arrows = BTreeMap<String, Vec<String>>;

/// An error that names the first crate whose dependencies differ from the documented ones.
pub fn check(root: &Path) -> Result<()> {
    let text = fs::read_to_string(root.join("docs/architecture.md")).context("docs/architecture.md")?;
    let documented = documented(&text);
    if documented.is_empty() {
        bail!("docs/architecture.md has no table of arrows");
    }
    let mut actual = Arrows::new();
    for entry in fs::read_dir(root.join("crates"))? {
        let folder = entry?.path();
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        actual.insert(name, dependencies(&folder)?);
    }
    for (name, arrows) in &actual {
        let expected = documented.get(name).with_context(|| format!("crates/{name} is not in the table"))?;
        if arrows != expected {
            bail!("crates/{name} stands on {arrows:?}, and docs/architecture.md says {expected:?}");
        }
    }
    if let Some(name) = documented.keys().find(|name| !actual.contains_key(*name)) {
        bail!("docs/architecture.md names crates/{name}, which is not there");
    }
    Ok(())
}

/// Rows of the form `| wire | — |` and `| record | wire |`, below the heading of the table.
fn documented(text: &str) -> Arrows {
    let rows = text.lines().skip_while(|line| !line.starts_with("| crate | stands on |")).skip(2);
    rows.map_while(|line| {
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        let name = cells.next()?.trim().to_owned();
        let on = cells.next()?.trim_end_matches(" |").trim();
        let mut on: Vec<String> =
            on.split(", ").filter(|name| *name != "nothing").map(|name| name.trim().to_owned()).collect();
        on.sort();
        Some((name, on))
    })
    .collect()
}

/// The crates of ours that a crate needs when it is built for use, not for its tests.
fn dependencies(folder: &Path) -> Result<Vec<String>> {
    let mut tree = cargo();
    tree.current_dir(folder);
    tree.args(["tree", "--depth", "1", "--edges", "normal", "--prefix", "none", "--format", "{p}"]);
    let printed = output(&mut tree)?;
    let mut names: Vec<String> = printed
        .lines()
        .skip(1)
        .filter_map(|line| line.strip_prefix("fathom-")?.split(' ').next())
        .map(str::to_owned)
        .collect();
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_table_of_arrows() {
        let text =
            "# x\n\n| crate | stands on |\n|---|---|\n| wire | nothing |\n| net | wire, stack |\n\nmore\n";
        let arrows = documented(text);
        assert_eq!(arrows.len(), 2);
        assert_eq!(arrows["wire"], Vec::<String>::new());
        assert_eq!(arrows["net"], ["stack", "wire"]);
    }
}
