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

/// An error that names what the table says and is not so, or does not say and is.
pub fn check(root: &Path) -> Result<()> {
    let text = fs::read_to_string(root.join("docs/sockets.md")).context("docs/sockets.md")?;
    let document = Document::read(&text)?;
    let tests = document.tests(root)?;
    let mut wrong = Vec::new();
    for file in sources(&root.join(SOURCES))? {
        let blocking = file.components().any(|part| part.as_os_str() == "blocking");
        let source = fs::read_to_string(&file)?;
        for (kind, method) in methods(&source) {
            let kind = if blocking { format!("blocking::{kind}") } else { kind };
            let Some((_, section)) = TYPES.iter().find(|(known, _)| *known == kind) else { continue };
            let named = |row: &&Row| row.section == *section && row.names.contains(&method);
            let mut rows = document.rows.iter().filter(named).peekable();
            if rows.peek().is_none() {
                wrong.push(format!("section {section}: `{method}` of {kind} is missing"));
                continue;
            }
            // To await is to poll, and the engine's tests know a method by another name.
            let awaited = method.strip_prefix("poll_").unwrap_or(&method);
            let calls = |text: &str| mentions(text, &method) || mentions(text, awaited);
            let is_engines = |test: &Test| document.files[&test.0].starts_with("crates/stack");
            if !rows.flat_map(|row| &row.tests).any(|test| is_engines(test) || calls(&tests[test])) {
                wrong.push(format!("section {section}: no test of its row calls `{method}` of {kind}"));
            }
        }
    }
    if !wrong.is_empty() {
        bail!("docs/sockets.md:\n{}", wrong.join("\n"));
    }
    Ok(())
}

/// What the document says.
#[derive(Debug, Default)]
struct Document {
    /// Short names of test files.
    files: BTreeMap<String, PathBuf>,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    section: String,
    /// What we have, by the names in backticks.
    names: BTreeSet<String>,
    tests: Vec<Test>,
}

/// The short name of a file, and a function in it.
type Test = (String, String);

impl Document {
    fn read(text: &str) -> Result<Document> {
        let mut document = Document::default();
        let mut section = String::new();
        for line in text.lines() {
            if let Some(heading) = line.strip_prefix("## ") {
                section = heading.to_owned();
            }
            let Some(row) = line.strip_prefix('|').and_then(|line| line.strip_suffix('|')) else { continue };
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            match cells[..] {
                ["short", _] | [_, _, "test"] => {}
                [first, ..] if first.starts_with("--") => {}
                [short, file] => {
                    let file = file.trim_matches('`');
                    document.files.insert(short.trim_matches('`').to_owned(), PathBuf::from(file));
                }
                [_, ours, tests] => document.rows.push(Row::read(&section, ours, tests)?),
                _ => bail!("docs/sockets.md, section {section}: a row of {} cells: {row}", cells.len()),
            }
        }
        Ok(document)
    }

    /// The sources of the tests that rows name.
    fn tests(&self, root: &Path) -> Result<BTreeMap<Test, String>> {
        let mut texts = BTreeMap::new();
        let mut tests = BTreeMap::new();
        for test @ (short, name) in self.rows.iter().flat_map(|row| &row.tests) {
            let file = self.files.get(short).with_context(|| format!("no file is called {short}"))?;
            if !texts.contains_key(short) {
                let text = fs::read_to_string(root.join(file)).with_context(|| file.display().to_string())?;
                texts.insert(short, text);
            }
            let Some(source) = function(&texts[short], name) else {
                bail!("docs/sockets.md names the test {name}, which is not in {}", file.display());
            };
            tests.insert(test.clone(), source.to_owned());
        }
        Ok(tests)
    }
}

impl Row {
    fn read(section: &str, ours: &str, tests: &str) -> Result<Row> {
        let split = |test: &str| test.split_once("::").map(|(file, test)| (file.to_owned(), test.to_owned()));
        let tests: Option<Vec<Test>> = code(tests).map(split).collect();
        let tests = tests.with_context(|| format!("section {section}: a test needs a file: {ours}"))?;
        // What we have is shown by a test; what we do not have says why.
        let absent = ours.starts_with("no: ") || ours.starts_with("not yet: ");
        if tests.is_empty() && !absent {
            bail!("docs/sockets.md, section {section}: a row needs either a test or a reason: {ours}");
        }
        let name =
            |text: &str| text.split('(').next().and_then(|text| text.rsplit("::").next()).map(str::to_owned);
        let names = code(ours).filter(|_| !absent).filter_map(name).collect();
        Ok(Row { section: section.to_owned(), names, tests })
    }
}

/// The source of a test: a function, or an entry of a table from which a macro makes functions.
fn function<'a>(source: &'a str, name: &str) -> Option<&'a str> {
    if let Some(start) = source.find(&format!("fn {name}(")) {
        let rest = &source[start..];
        return rest.split_inclusive("\n}\n").next();
    }
    let start = source.find(&format!(" {name}:"))?;
    source[start..].split_inclusive(';').next()
}

/// Whether `source` has the word `name`.
fn mentions(source: &str, name: &str) -> bool {
    source.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| word == name)
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
        assert_eq!(document.files.len(), 1);
        let row = &document.rows[0];
        assert_eq!((row.section.as_str(), row.names.contains("connect")), ("TcpStream", true));
        assert_eq!(row.tests, [("a".to_owned(), "connects".to_owned())]);
    }

    #[test]
    fn a_row_without_test_or_reason_is_an_error() {
        let without = TEXT.replace("`a::connects`", "");
        assert!(Document::read(&without).is_err());
        let reason = TEXT.replace("no: there is none", "there is none");
        assert!(Document::read(&reason).is_err());
    }

    #[test]
    fn finds_the_source_of_a_test() {
        let source =
            "fn one() {\n    connect();\n}\nfn two() {\n    peek();\n}\nmade! {\n    three: set(1);\n}\n";
        let mentions = |test, name| function(source, test).is_some_and(|source| mentions(source, name));
        assert!(mentions("one", "connect") && !mentions("one", "peek") && !mentions("one", "connec"));
        assert!(mentions("two", "peek") && mentions("three", "set"));
        assert!(function(source, "four").is_none());
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
