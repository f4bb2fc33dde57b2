//! Marks: comments in tests and in packet scripts that name what an assertion shows.
//!
//! The form is described in docs/requirements.md.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::list::List;
use super::source::{self, Line, Test};

/// The folders in which tests are.
const FOLDERS: [&str; 5] = ["crates", "tests", "fuzz", "bench", "xtask"];

/// What a mark stands at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stands {
    /// At an assertion, or at the line of a packet script.
    AtAssertion,
    /// In the head of a packet script.
    InHead,
    /// Above a whole test.
    AboveTest,
}

/// A place at which a test names a requirement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mark {
    pub id: String,
    /// From the top folder.
    pub file: PathBuf,
    /// Counted from 1.
    pub line: usize,
    /// The test's function, or the script.
    pub test: String,
    pub stands: Stands,
    /// What is asserted: the line that the mark belongs to.
    pub shows: String,
}

/// The marks of a project, and what looks like one and is none.
#[derive(Debug, Default)]
pub struct Marks {
    pub marks: Vec<Mark>,
    /// Messages, each with its place.
    pub wrong: Vec<String>,
}

impl Marks {
    pub fn read(root: &Path, list: &List) -> Result<Marks> {
        let mut files = Vec::new();
        for folder in FOLDERS {
            collect(&root.join(folder), &mut files)?;
        }
        files.sort();
        let mut marks = Marks::default();
        for path in files {
            let file = path.strip_prefix(root).unwrap_or(&path);
            let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("rs") => marks.read_rust(file, &text, list),
                _ => marks.read_script(file, &text, list),
            }
        }
        Ok(marks)
    }

    pub fn of<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a Mark> {
        self.marks.iter().filter(move |mark| mark.id == id)
    }

    pub fn read_rust(&mut self, file: &Path, text: &str, list: &List) {
        // Most sources have no mark, and need not be taken apart.
        if !words(text).any(|word| list.looks_like_id(word)) {
            return;
        }
        let lines = source::lines(text);
        let tests = source::tests(&lines);
        for (at, line) in lines.iter().enumerate() {
            let Some(comment) = &line.comment else { continue };
            let ids = match ids(comment, list) {
                Ok(ids) if ids.is_empty() => continue,
                Ok(ids) => ids,
                Err(why) => {
                    self.wrong(file, at, &why);
                    continue;
                }
            };
            let place = tests.iter().find_map(|test| place(&lines, test, at));
            match place {
                Some(Ok(place)) => {
                    self.add(file, at, list, ids, &place, text);
                }
                Some(Err(why)) => self.wrong(file, at, &format!("{}: {why}", ids.join(", "))),
                None => self.wrong(file, at, &format!("{} is named outside of a test", ids.join(", "))),
            }
        }
    }

    /// A packet script asserts with every line but those of what arrives: a mark stands above one, or behind one, or in the head for the
    /// script as a whole. Its comment begins with it, and what follows is its remark.
    pub fn read_script(&mut self, file: &Path, text: &str, list: &List) {
        let test = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let lines: Vec<(&str, Option<&str>)> = text.lines().map(script_line).collect();
        let begin = lines.iter().position(|(code, _)| !code.is_empty()).unwrap_or(lines.len());
        for (at, (_, comment)) in lines.iter().enumerate() {
            let (ids, _) = leading_ids(comment.unwrap_or_default(), list);
            if ids.is_empty() {
                continue;
            }
            let Some(shows) = (at..lines.len()).find(|at| !lines[*at].0.is_empty()) else {
                self.wrong(file, at, &format!("{}: nothing follows", ids.join(", ")));
                continue;
            };
            if at >= begin && is_inbound(lines[shows].0) {
                self.wrong(file, at, &format!("{}: what arrives asserts nothing", ids.join(", ")));
                continue;
            }
            let place = match at < begin {
                true => Place { test: test.clone(), stands: Stands::InHead, shows: at },
                false => Place { test: test.clone(), stands: Stands::AtAssertion, shows },
            };
            self.add(file, at, list, ids, &place, text);
        }
    }

    fn add(&mut self, file: &Path, at: usize, list: &List, ids: Vec<String>, place: &Place, text: &str) {
        let shows = text.lines().nth(place.shows).unwrap_or_default().trim();
        for id in ids {
            if list.get(&id).is_none() {
                self.wrong(file, at, &format!("{id} is not in the list"));
                continue;
            }
            let (test, stands, shows) = (place.test.clone(), place.stands, shows.to_owned());
            self.marks.push(Mark { id, file: file.to_owned(), line: at + 1, test, stands, shows });
        }
    }

    fn wrong(&mut self, file: &Path, at: usize, why: &str) {
        self.wrong.push(format!("{}:{}: {why}", file.display(), at + 1));
    }
}

struct Place {
    test: String,
    stands: Stands,
    /// The line of what is asserted.
    shows: usize,
}

/// What a mark in line `at` stands at, if that line belongs to `test`.
fn place(lines: &[Line], test: &Test, at: usize) -> Option<Result<Place, &'static str>> {
    let name = test.name.clone();
    if test.head.contains(&at) {
        return Some(Ok(Place { test: name, stands: Stands::AboveTest, shows: test.body.start }));
    }
    if !test.body.contains(&at) {
        return None;
    }
    let shows = (at..test.body.end).find(|at| !lines[*at].code.trim().is_empty());
    let asserts = shows.is_some_and(|shows| is_assertion(&lines[shows].code));
    Some(match shows {
        Some(shows) if asserts => Ok(Place { test: name, stands: Stands::AtAssertion, shows }),
        _ => Err("what follows is no assertion"),
    })
}

/// `assert!`, `assert_eq!`, `prop_assert!`, and functions that are called so.
fn is_assertion(code: &str) -> bool {
    code.match_indices("assert").any(|(at, _)| {
        let rest = code[at..].trim_start_matches(|c: char| c.is_alphanumeric() || c == '_');
        rest.starts_with("!(") || rest.starts_with('(')
    })
}

/// The ids of a mark: `ID, ID`, with a remark behind a colon or in parentheses. None where a comment names none;
/// an error where it names one in another form, which would be overlooked.
fn ids(comment: &str, list: &List) -> Result<Vec<String>, String> {
    let (ids, rest) = leading_ids(comment, list);
    let well_formed = ids.is_empty() || rest.is_empty() || rest.starts_with(": ") || rest.starts_with(" (");
    match words(rest).find(|word| list.looks_like_id(word)) {
        None if well_formed => Ok(ids),
        None => Err(format!("behind {} stands neither a colon nor the end: {comment}", ids.join(", "))),
        Some(id) => Err(format!("{id} is named, but not at the begin of a comment")),
    }
}

/// The ids with which a comment begins, and what follows them.
fn leading_ids<'a>(comment: &'a str, list: &List) -> (Vec<String>, &'a str) {
    let mut ids = Vec::new();
    let mut rest = comment;
    loop {
        let word = words(rest).next().unwrap_or_default();
        if !rest.starts_with(word) || !list.looks_like_id(word) {
            return (ids, rest);
        }
        ids.push(word.to_owned());
        rest = &rest[word.len()..];
        match rest.strip_prefix(", ") {
            Some(next) => rest = next,
            None => return (ids, rest),
        }
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    let parts = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '.'));
    parts.map(|word| word.trim_end_matches(['.', '-'])).filter(|word| !word.is_empty())
}

/// A line of a packet script: what it does, and its comment.
fn script_line(line: &str) -> (&str, Option<&str>) {
    let start = match line.find("//") {
        _ if line.trim_start().starts_with('#') => line.find('#'),
        found => found,
    };
    match start {
        Some(start) => (line[..start].trim(), Some(line[start..].trim_start_matches(['/', '#']).trim())),
        None => (line.trim(), None),
    }
}

/// Whether a line of a packet script is a packet from the peer.
fn is_inbound(code: &str) -> bool {
    code.split_whitespace().nth(1) == Some("<")
}

/// The sources and packet scripts below a folder.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target") {
                collect(&path, files)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "pkt") {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
