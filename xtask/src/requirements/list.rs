//! The list of requirements, and what is said about those that no test shows.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// Where the list is, and what stands beside it.
pub const FOLDER: &str = "docs/requirements";
const LISTS: [&str; 2] = ["requirements.toml", "requirements-extended.toml"];
const DEVIATIONS: &str = "deviations.toml";
const UNBUILT: &str = "unbuilt.toml";

/// How strongly a document asks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Debug)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Must,
    Should,
    May,
}

impl Level {
    pub const ALL: [Level; 3] = [Level::Must, Level::Should, Level::May];

    pub fn name(self) -> &'static str {
        match self {
            Level::Must => "MUST",
            Level::Should => "SHOULD",
            Level::May => "MAY",
        }
    }
}

/// Something that a standard demands.
#[derive(Clone, Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    pub id: String,
    /// The part of the stack that owns it.
    pub layer: String,
    /// The document: the number of an RFC, or the name of another standard.
    pub rfc: String,
    /// Empty where the document has no numbered sections.
    pub section: String,
    pub level: Level,
    /// The kind of test that settles it.
    pub check: String,
    pub statement: String,
    /// Whether number and section were compared with the document.
    pub verified: bool,
    /// The document that replaces `rfc` with the same protocol.
    pub successor: Option<String>,
    pub note: Option<String>,
}

impl Requirement {
    /// The document as people call it.
    pub fn document(&self) -> String {
        if self.rfc.starts_with(|c: char| c.is_ascii_digit()) {
            format!("RFC {}", self.rfc)
        } else {
            self.rfc.clone()
        }
    }
}

/// A requirement that the stack does otherwise on purpose.
#[derive(Clone, Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct Deviation {
    /// Those that the same reason holds for.
    pub ids: Vec<String>,
    pub reason: String,
    /// The source in which it is decided, from the top folder.
    pub code: Option<String>,
}

/// A feature that is not built, with all that is demanded of it.
#[derive(Clone, Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct Unbuilt {
    pub feature: String,
    /// Documents of which nothing is built.
    #[serde(default)]
    pub rfcs: Vec<String>,
    /// Single requirements of other documents.
    #[serde(default)]
    pub ids: Vec<String>,
}

#[derive(Deserialize)]
struct ListFile {
    meta: Meta,
    requirement: Vec<Requirement>,
}

#[derive(Deserialize)]
struct Meta {
    count: usize,
}

#[derive(Deserialize)]
struct DeviationsFile {
    #[serde(default)]
    deviation: Vec<Deviation>,
}

#[derive(Deserialize)]
struct UnbuiltFile {
    #[serde(default)]
    unbuilt: Vec<Unbuilt>,
}

/// Everything that is demanded, in the order of the list.
#[derive(Debug, Default)]
pub struct List {
    pub requirements: Vec<Requirement>,
    pub deviations: Vec<Deviation>,
    pub unbuilt: Vec<Unbuilt>,
    by_id: BTreeMap<String, usize>,
    prefixes: BTreeSet<String>,
}

impl List {
    pub fn read(root: &Path) -> Result<List> {
        let folder = root.join(FOLDER);
        let mut requirements = Vec::new();
        for name in LISTS {
            let list: ListFile = parse(&folder, name)?;
            if list.meta.count != list.requirement.len() {
                bail!("{name} has {} entries and says {}", list.requirement.len(), list.meta.count);
            }
            requirements.extend(list.requirement);
        }
        let deviations: DeviationsFile = parse(&folder, DEVIATIONS)?;
        let unbuilt: UnbuiltFile = parse(&folder, UNBUILT)?;
        List::new(requirements, deviations.deviation, unbuilt.unbuilt)
    }

    pub fn new(
        requirements: Vec<Requirement>,
        deviations: Vec<Deviation>,
        unbuilt: Vec<Unbuilt>,
    ) -> Result<List> {
        let mut list = List { requirements, deviations, unbuilt, ..List::default() };
        for (at, requirement) in list.requirements.iter().enumerate() {
            let Some(prefix) = prefix(&requirement.id) else { bail!("{} is no id", requirement.id) };
            list.prefixes.insert(prefix.to_owned());
            if list.by_id.insert(requirement.id.clone(), at).is_some() {
                bail!("{} is there twice", requirement.id);
            }
        }
        Ok(list)
    }

    pub fn get(&self, id: &str) -> Option<&Requirement> {
        self.by_id.get(id).map(|at| &self.requirements[*at])
    }

    /// Whether a word is meant to be an id, be it in the list or not.
    pub fn looks_like_id(&self, word: &str) -> bool {
        let is_rfc = |prefix: &str| prefix.strip_prefix("RFC").is_some_and(is_number);
        prefix(word).is_some_and(|prefix| is_rfc(prefix) || self.prefixes.contains(prefix))
    }

    pub fn deviation(&self, id: &str) -> Option<&Deviation> {
        self.deviations.iter().find(|deviation| deviation.ids.iter().any(|known| known == id))
    }

    pub fn unbuilt(&self, requirement: &Requirement) -> Option<&Unbuilt> {
        self.unbuilt
            .iter()
            .find(|unbuilt| unbuilt.rfcs.contains(&requirement.rfc) || unbuilt.ids.contains(&requirement.id))
    }
}

fn parse<T: for<'a> Deserialize<'a>>(folder: &Path, name: &str) -> Result<T> {
    let path = folder.join(name);
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    toml::from_str(&text).with_context(|| path.display().to_string())
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The document of an id: what stands before `-R1` or `-MUST-1`.
fn prefix(id: &str) -> Option<&str> {
    let (rest, last) = id.rsplit_once('-')?;
    if last.strip_prefix('R').is_some_and(is_number) {
        return Some(rest);
    }
    let (rest, label) = rest.rsplit_once('-')?;
    (is_number(last) && ["MUST", "SHLD", "MAY", "REC", "X"].contains(&label)).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::{Level, List, Requirement};
    use crate::requirements::samples::requirement;

    #[test]
    fn ids_are_known_by_their_form() {
        let requirements: Vec<Requirement> =
            ["IEEE802.1Q-R1", "BBR-R2"].map(|id| requirement(id, "1", Level::Must)).into();
        let list = List::new(requirements, vec![], vec![]).unwrap();
        for id in ["RFC9293-MUST-18", "RFC1-R2", "RFC9293-REC-1", "RFC9293-X-99", "IEEE802.1Q-R9", "BBR-R1"] {
            assert!(list.looks_like_id(id), "{id}");
        }
        for word in
            ["RFC", "RFC9293", "RFC9293-MUST", "RFC9293-MUST-n", "x-R1", "-R1", "RFC-R1", "RFC9293-CAN-1"]
        {
            assert!(!list.looks_like_id(word), "{word}");
        }
    }

    #[test]
    fn an_id_that_is_there_twice_is_an_error() {
        let twice = ["RFC1-R1", "RFC1-R1"].map(|id| requirement(id, "1", Level::May)).into();
        assert_eq!(List::new(twice, vec![], vec![]).unwrap_err().to_string(), "RFC1-R1 is there twice");
    }
}
