//! Why a script cannot be read.

use std::fmt;

use crate::script::Place;

/// Why a script cannot be read, and where.
///
/// It is shown as the place, what was expected there, and the line with a caret below the place:
///
/// ```
/// let error = fathom_drill::parse("+0 > X 1:1(0)\n").unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "1:6: 'X' is no flag of TCP: expected some of F S R P . U E W A, a digit for the three bits of ECN, or - for none\n\
///      \x20 1 | +0 > X 1:1(0)\n\
///      \x20   |      ^"
/// );
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParseError {
    /// Where.
    pub place: Place,
    /// What was expected, or what is wrong.
    pub message: String,
    /// The line, as it stands in the script.
    pub line: String,
}

impl ParseError {
    /// As [`Display`](fmt::Display), with the file's name before the place.
    pub fn in_file(&self, file: &str) -> String {
        format!("{file}:{self}")
    }
}

impl std::error::Error for ParseError {}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { line, column } = self.place;
        let number = line.to_string();
        let margin = " ".repeat(number.len());
        // Tabs stay tabs, so that the caret stands below its place however wide they are.
        let before: String = self.line.chars().take(column.saturating_sub(1) as usize).collect();
        let before: String = before.chars().map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        write!(f, "{line}:{column}: {}\n  {number} | {}\n  {margin} | {before}^", self.message, self.line)
    }
}
