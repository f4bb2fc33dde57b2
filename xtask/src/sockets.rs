//! docs/sockets.md says what our sockets have and which test shows it: here is seen to it that it stays true.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// The folder of the sockets' sources.
const SOURCES: &str = "crates/net/src";

/// Types of programs in those sources, and the section that lists their methods.
const TYPES: [(&str, &str); 17] = [
    ("Incoming", "TcpListener"),
    ("IncomingListener", "TcpListener"),
    ("TcpListener", "TcpListener"),
    ("TcpSocket", "TcpSocket"),
    ("TcpStream", "TcpStream"),
    ("$half", "halves of a TcpStream"),
    ("OwnedReadHalf", "halves of a TcpStream"),
    ("OwnedWriteHalf", "halves of a TcpStream"),
    ("UdpSocket", "UdpSocket"),
    ("IcmpSocket", "IcmpSocket and RawSocket"),
    ("RawSocket", "IcmpSocket and RawSocket"),
    ("Interest", "Interest and Ready"),
    ("Ready", "Interest and Ready"),
    ("blocking::Incoming", "blocking"),
    ("blocking::TcpListener", "blocking"),
    ("blocking::TcpStream", "blocking"),
    ("blocking::UdpSocket", "blocking"),
];

/// An error that names the first thing that the table says and is not so, or does not say and is.
pub fn check(root: &Path) -> Result<()> {
    let text = fs::read_to_string(root.join("docs/sockets.md")).context("docs/sockets.md")?;
    let document = Document::read(&text)?;
    document.check_tests(root)?;
    for file in sources(&root.join(SOURCES))? {
        let blocking = file.components().any(|part| part.as_os_str() == "blocking");
        let source = fs::read_to_string(&file)?;
        for (kind, method) in methods(&source) {
            let kind = if blocking { format!("blocking::{kind}") } else { kind };
            let Some((_, section)) = TYPES.iter().find(|(known, _)| *known == kind) else { continue };
            if !document.names(section, &method) {
                bail!("docs/sockets.md, section {section}: `{method}` of {kind} is missing");
            }
        }
    }
    Ok(())
}

/// What the document says.
#[derive(Debug, Default)]
struct Document {
    /// Short names of test files.
    files: BTreeMap<String, PathBuf>,
    /// Names in backticks in the rows of each section.
    sections: BTreeMap<String, BTreeSet<String>>,
    /// Tests that rows name, as short name of the file and function.
    tests: BTreeSet<(String, String)>,
}

impl Document {
    fn read(text: &str) -> Result<Document> {
        let mut document = Document::default();
        let mut section = String::new();
        for line in text.lines() {
            if let Some(heading) = line.strip_prefix("## ") {
                section = heading.to_owned();
            }
            let Some(row) = line.strip_prefix('|').and_then(|line| line.strip_suffix('|')) else {
                continue;
            };
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            match cells[..] {
                ["short", _] | [_, _, "test"] => {}
                [first, ..] if first.starts_with("--") => {}
                [short, file] => {
                    let file = file.trim_matches('`');
                    document.files.insert(short.trim_matches('`').to_owned(), PathBuf::from(file));
                }
                [_, ours, tests] => document.row(&section, row, ours, tests)?,
                _ => bail!("docs/sockets.md, section {section}: a row of {} cells: {row}", cells.len()),
            }
        }
        Ok(document)
    }

    fn row(&mut self, section: &str, row: &str, ours: &str, tests: &str) -> Result<()> {
        let before = self.tests.len();
        for test in code(tests) {
            let (file, test) =
                test.split_once("::").with_context(|| format!("no test: `{test}` in {row}"))?;
            self.tests.insert((file.to_owned(), test.to_owned()));
        }
        let shown = self.tests.len() > before || code(tests).next().is_some();
        // What we have is shown by a test; what we do not have says why.
        let absent = ours.starts_with("no: ") || ours.starts_with("not yet: ");
        if shown == absent {
            bail!("docs/sockets.md, section {section}: a row needs either a test or a reason: {row}");
        }
        let names = self.sections.entry(section.to_owned()).or_default();
        let name =
            |text: &str| text.split('(').next().unwrap_or_default().rsplit("::").next().map(str::to_owned);
        names.extend(code(row).filter_map(name));
        Ok(())
    }

    fn names(&self, section: &str, method: &str) -> bool {
        self.sections.get(section).is_some_and(|names| names.contains(method))
    }

    fn check_tests(&self, root: &Path) -> Result<()> {
        let mut texts = BTreeMap::new();
        for (short, test) in &self.tests {
            let file = self.files.get(short).with_context(|| format!("no file is called {short}"))?;
            if !texts.contains_key(short) {
                let text = fs::read_to_string(root.join(file)).with_context(|| file.display().to_string())?;
                texts.insert(short, text);
            }
            // As a function, or as an entry of a table from which a macro makes functions.
            let (function, entry) = (format!("fn {test}("), format!(" {test}: "));
            if !texts[short].contains(&function) && !texts[short].contains(&entry) {
                bail!("docs/sockets.md names the test {test}, which is not in {}", file.display());
            }
        }
        Ok(())
    }
}

/// What stands in backticks.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(sources(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The public methods of a source, with the type that has them.
fn methods(source: &str) -> Vec<(String, String)> {
    let mut methods = Vec::new();
    let mut kind = None;
    for line in source.lines().map(str::trim_start) {
        if line.starts_with("impl") && line.ends_with('{') {
            kind = target(line);
        }
        let function =
            ["pub fn ", "pub async fn ", "pub const fn "].iter().find_map(|start| line.strip_prefix(start));
        if let (Some(kind), Some(function)) = (&kind, function) {
            let end = function.find(['(', '<']).unwrap_or(function.len());
            methods.push((String::clone(kind), function[..end].to_owned()));
        }
    }
    methods
}

/// The type of `impl Type<…> {`; none where a trait is implemented.
fn target(line: &str) -> Option<String> {
    if line.contains(" for ") {
        return None;
    }
    let rest = line.strip_prefix("impl")?;
    let rest = if rest.starts_with('<') { rest.split_once('>')?.1 } else { rest };
    let end = |c: char| !(c.is_alphanumeric() || c == '_' || c == '$');
    rest.trim_start().split(end).next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# Sockets

| short | file |
|---|---|
| `a` | `some/tests.rs` |

## TcpStream

| `tokio::net` | ours | test |
|---|---|---|
| `connect(addr)` | `connect(&host, addr)` | `a::connects` |
| `from_std` | no: there is none | |
";

    #[test]
    fn the_tables_are_true() {
        check(&crate::root()).unwrap();
    }

    #[test]
    fn reads_the_tables() {
        let document = Document::read(TEXT).unwrap();
        assert_eq!(document.files["a"], Path::new("some/tests.rs"));
        assert!(document.names("TcpStream", "connect"));
        assert!(!document.names("TcpStream", "peek"));
        assert_eq!(document.files.len(), 1);
        assert_eq!(document.tests.iter().next().unwrap(), &("a".to_owned(), "connects".to_owned()));
    }

    #[test]
    fn a_row_without_test_or_reason_is_an_error() {
        let without = TEXT.replace("`a::connects`", "");
        assert!(Document::read(&without).is_err());
        let both = TEXT.replace("there is none | |", "there is none | `a::connects` |");
        assert!(Document::read(&both).is_err());
    }

    #[test]
    fn finds_the_public_methods_of_a_type() {
        let source = "\
impl<'a> ReadHalf<'a> {
    pub fn one(&self) {}
    fn two(&self) {}
}
impl Drop for ReadHalf<'_> {
    pub fn three(&self) {}
}
macro_rules! half {
        impl $half {
            pub async fn four<T>(&self) {}
        }
}";
        let expected = [("ReadHalf", "one"), ("$half", "four")];
        let expected = expected.map(|(kind, method)| (kind.to_owned(), method.to_owned()));
        assert_eq!(methods(source), expected);
    }
}
