//! Rust sources as far as marks need them: what of a line is code, what is comment, and where tests are.

use std::ops::Range;

/// A line, taken apart.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Line {
    /// Its code, with what strings hold left out.
    pub code: String,
    /// Its `//` comment, without the slashes.
    pub comment: Option<String>,
    /// Whether that comment is documentation.
    pub doc: bool,
}

/// A function that the test runner calls.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Test {
    pub name: String,
    /// The lines of its documentation and attributes.
    pub head: Range<usize>,
    /// The lines from its signature to its closing brace.
    pub body: Range<usize>,
}

enum State {
    Code,
    /// A string, with the number of `#` that end it if it is raw.
    Text(Option<usize>),
    /// Block comments, nested so deep.
    Block(usize),
}

/// Takes a source apart. Block comments are left out, since no mark stands in one.
pub fn lines(source: &str) -> Vec<Line> {
    let mut state = State::Code;
    source.lines().map(|line| take_apart(line, &mut state)).collect()
}

fn take_apart(text: &str, state: &mut State) -> Line {
    let mut line = Line::default();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let mut length = next.len_utf8();
        match state {
            State::Block(depth) if rest.starts_with("*/") => {
                length = 2;
                *depth -= 1;
                if *depth == 0 {
                    *state = State::Code;
                }
            }
            State::Block(depth) if rest.starts_with("/*") => {
                length = 2;
                *depth += 1;
            }
            State::Block(_) => {}
            State::Text(None) if next == '\\' => {
                length += rest[1..].chars().next().map_or(0, char::len_utf8);
            }
            State::Text(hashes) => {
                let hashes = hashes.unwrap_or(0);
                if next == '"' && rest[1..].bytes().take_while(|byte| *byte == b'#').count() >= hashes {
                    length += hashes;
                    line.code.push('"');
                    *state = State::Code;
                }
            }
            State::Code if rest.starts_with("//") => {
                line.doc = (rest.starts_with("///") && !rest.starts_with("////")) || rest.starts_with("//!");
                line.comment = Some(rest.trim_start_matches(['/', '!']).trim().to_owned());
                return line;
            }
            State::Code if rest.starts_with("/*") => {
                length = 2;
                *state = State::Block(1);
            }
            State::Code => {
                let raw = raw_string(rest).filter(|_| !line.code.ends_with(is_word));
                if let Some((opening, hashes)) = raw {
                    length = opening;
                    *state = State::Text(Some(hashes));
                } else if next == '"' {
                    *state = State::Text(None);
                } else if next == '\'' {
                    length = char_literal(rest).unwrap_or(1);
                }
                if length == next.len_utf8() {
                    line.code.push(next);
                }
            }
        }
        rest = &rest[length..];
    }
    line
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The length of what opens a raw string, and how many `#` close it.
fn raw_string(text: &str) -> Option<(usize, usize)> {
    let after = text.strip_prefix("br").or_else(|| text.strip_prefix('r'))?;
    let hashes = after.bytes().take_while(|byte| *byte == b'#').count();
    let opening = text.len() - after.len() + hashes + 1;
    after[hashes..].starts_with('"').then_some((opening, hashes))
}

/// The length of a character in quotes; a lifetime is none.
fn char_literal(text: &str) -> Option<usize> {
    let mut chars = text.char_indices().skip(1);
    let (_, first) = chars.next()?;
    if first == '\\' {
        chars.next()?;
        return chars.find(|(_, c)| *c == '\'').map(|(at, _)| at + 1);
    }
    let (at, closing) = chars.next()?;
    (closing == '\'').then_some(at + 1)
}

/// The tests of a source.
pub fn tests(lines: &[Line]) -> Vec<Test> {
    let mut tests: Vec<Test> = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let done = tests.last().is_some_and(|test| test.head.contains(&at) || test.body.contains(&at));
        if !done && is_test_attribute(&line.code) {
            tests.extend(test_at(lines, at));
        }
    }
    tests
}

/// `#[test]`, `#[tokio::test]`, with or without arguments.
fn is_test_attribute(code: &str) -> bool {
    let Some(attribute) = code.trim().strip_prefix("#[") else { return false };
    let path = attribute.split(['(', ']']).next().unwrap_or_default();
    path.rsplit("::").next() == Some("test")
}

fn test_at(lines: &[Line], attribute: usize) -> Option<Test> {
    let belongs = |line: &Line| line.doc || line.code.trim_start().starts_with("#[");
    let above = lines[..attribute].iter().rev().take_while(|line| belongs(line)).count();
    let name_of = |line: &Line| line.code.split_once("fn ").map(|(_, rest)| rest.to_owned());
    let (first, rest) = (attribute..lines.len()).find_map(|at| name_of(&lines[at]).map(|rest| (at, rest)))?;
    let name = rest.chars().take_while(|c| is_word(*c)).collect();
    let mut depth = 0;
    let mut opened = false;
    for (at, line) in lines.iter().enumerate().skip(first) {
        for c in line.code.chars() {
            match c {
                '{' => (depth, opened) = (depth + 1, true),
                '}' => depth -= 1,
                _ => {}
            }
        }
        if opened && depth <= 0 {
            return Some(Test { name, head: attribute - above..first, body: first..at + 1 });
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{lines, tests};

    #[test]
    fn strings_and_characters_are_not_code_and_comments_are_apart() {
        let source = "let a = \"// { \\\" {\"; // why\nlet b = r#\"{ \" {\"#; let c: &'a u8 = b'{'; '\\'';\n\
                      /* { /* */ \"\n*/ x /* { */ y\n/// doc {\n";
        let lines = lines(source);
        let braces = |line: &super::Line| line.code.contains(['{', '}']);
        assert!(!lines.iter().any(braces), "{lines:#?}");
        assert_eq!((lines[0].comment.as_deref(), lines[0].doc), (Some("why"), false));
        assert_eq!((lines[4].comment.as_deref(), lines[4].doc), (Some("doc {"), true));
        assert_eq!(lines[3].code.trim(), "x  y");
    }

    #[test]
    fn tests_are_found_with_their_head_and_their_body() {
        let source = "fn helper() {\n}\n\n/// What it is.\n#[test]\n#[ignore]\nfn one() {\n    { \"}\" }\n}\n\
                      \n    #[tokio::test(start_paused = true)]\n    async fn two() -> Result<(), E> {\n    }\n\
                      #[cfg(test)]\nfn three() {}\n";
        let found = tests(&lines(source));
        let names: Vec<&str> = found.iter().map(|test| test.name.as_str()).collect();
        assert_eq!(names, ["one", "two"]);
        assert_eq!((found[0].head.clone(), found[0].body.clone()), (3..6, 6..9));
        assert_eq!((found[1].head.clone(), found[1].body.clone()), (10..11, 11..13));
    }

    #[test]
    fn a_string_over_many_lines_hides_what_looks_like_a_test() {
        let source = "const A: &str = \"\n#[test]\nfn no() {\n}\n\";\n";
        assert_eq!(tests(&lines(source)), []);
    }
}
