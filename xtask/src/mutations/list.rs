//! The list of mutations.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// `xtask/mutations.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct List {
    /// Name and command of each instrument. A command that fails has caught the fault.
    instruments: BTreeMap<String, String>,
    mutation: Vec<Mutation>,
}

/// A fault to be planted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mutation {
    pub(super) name: String,
    /// What is wrong then, in words.
    pub(super) what: String,
    pub(super) file: String,
    /// The text to be replaced, which stands in the file once.
    pub(super) find: String,
    pub(super) replace: String,
    /// The instruments that are known to catch it.
    pub(super) caught_by: Vec<String>,
}

impl List {
    pub(super) fn read(root: &Path) -> Result<List> {
        let path = root.join("xtask/mutations.toml");
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text).with_context(|| path.display().to_string())
    }

    fn parse(text: &str) -> Result<List> {
        let list: List = toml::from_str(text)?;
        for mutation in &list.mutation {
            if mutation.caught_by.is_empty() {
                bail!("{}: no instrument is named that catches it", mutation.name);
            }
            let unknown = mutation.caught_by.iter().find(|name| !list.instruments.contains_key(*name));
            if let Some(unknown) = unknown {
                bail!("{}: no instrument is called {unknown}", mutation.name);
            }
        }
        Ok(list)
    }

    /// The mutations of these names, or all.
    pub(super) fn choose(&self, names: &[&String]) -> Result<Vec<&Mutation>> {
        if names.is_empty() {
            return Ok(self.mutation.iter().collect());
        }
        let find = |name: &&String| {
            let found = self.mutation.iter().find(|mutation| mutation.name == **name);
            found.with_context(|| format!("no mutation is called {name}"))
        };
        names.iter().map(find).collect()
    }

    /// Name and command of the instruments that a mutation is tried with.
    pub(super) fn instruments_for(
        &self,
        mutation: &Mutation,
        every: bool,
    ) -> impl Iterator<Item = (&str, &str)> {
        let wanted = move |name: &String| every || mutation.caught_by.contains(name);
        let all = self.instruments.iter();
        all.filter(move |(name, _)| wanted(name)).map(|(name, command)| (name.as_str(), command.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "
        [instruments]
        unit = 'cargo test'
        [[mutation]]
        name = 'a'
        what = 'b'
        file = 'c'
        find = 'd'
        replace = 'e'
    ";

    #[test]
    fn a_mutation_names_an_instrument_that_there_is() {
        let with = |caught_by| List::parse(&format!("{ONE}\ncaught_by = {caught_by}")).map(|_| ());
        assert!(with("['unit']").is_ok());
        assert_eq!(with("[]").unwrap_err().to_string(), "a: no instrument is named that catches it");
        assert_eq!(with("['unity']").unwrap_err().to_string(), "a: no instrument is called unity");
    }
}
