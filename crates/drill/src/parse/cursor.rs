//! A place in the text of a script, and the small things that are read there.

use std::time::Duration;

use crate::error::ParseError;
use crate::script::Place;
use crate::settings::Defines;

/// What cannot be read, at a byte of the text. [`Cursor::error`] makes it an error with line and column.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Trouble {
    pub(crate) at: usize,
    pub(crate) message: String,
}

pub(crate) type Read<T> = Result<T, Trouble>;

/// A place in the text.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'a> {
    text: &'a str,
    at: usize,
    /// Names that stand for values.
    pub(crate) defines: Defines,
    /// Whether this is code, where `//` and `/*` are no comments.
    is_code: bool,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(text: &'a str, defines: Defines) -> Self {
        Cursor { text, at: 0, defines, is_code: false }
    }

    /// A place in code.
    pub(crate) fn in_code(text: &'a str, defines: Defines) -> Self {
        Cursor { is_code: true, ..Cursor::new(text, defines) }
    }

    /// Where it is, in bytes from the beginning.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Goes back to a place where it was.
    pub(crate) fn back_to(&mut self, at: usize) {
        self.at = at;
    }

    /// What is left.
    pub(crate) fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The text between two places.
    pub(crate) fn between(&self, from: usize, to: usize) -> &'a str {
        self.text.get(from..to).unwrap_or_default()
    }

    pub(crate) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(crate) fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.rest().is_empty()
    }

    /// Takes `word` if the text goes on with it.
    pub(crate) fn eat(&mut self, word: &str) -> bool {
        let eaten = self.rest().starts_with(word);
        if eaten {
            self.at += word.len();
        }
        eaten
    }

    /// Skips blanks and comments, over lines.
    pub(crate) fn skip(&mut self) -> Read<()> {
        while self.skip_one(char::is_whitespace)? {}
        Ok(())
    }

    /// Skips blanks and comments of this line.
    pub(crate) fn skip_blanks(&mut self) -> Read<()> {
        while self.skip_one(|c| c.is_whitespace() && c != '\n')? {}
        Ok(())
    }

    /// Skips one run of blanks or one comment; says whether there was one.
    fn skip_one(&mut self, blank: fn(char) -> bool) -> Read<bool> {
        let rest = self.rest();
        if rest.starts_with('#') || (rest.starts_with("//") && !self.is_code) {
            self.at += rest.find('\n').unwrap_or(rest.len());
            return Ok(true);
        }
        if let Some(comment) = rest.strip_prefix("/*").filter(|_| !self.is_code) {
            let Some(len) = comment.find("*/") else {
                return self.expected("*/ at the end of this comment");
            };
            self.at += len + 4;
            return Ok(true);
        }
        let blanks = rest.len() - rest.trim_start_matches(blank).len();
        self.at += blanks;
        Ok(blanks > 0)
    }

    /// Takes `word` behind blanks, or says that it was expected.
    pub(crate) fn expect(&mut self, word: &str) -> Read<()> {
        self.skip_blanks()?;
        if self.eat(word) { Ok(()) } else { self.expected(&format!("'{word}'")) }
    }

    /// What stands here, for messages: a word, or one character.
    pub(crate) fn found(&self) -> String {
        let rest = self.rest();
        let word = rest.len() - rest.trim_start_matches(is_word).len();
        match rest.chars().next() {
            None => "the end of the script".into(),
            Some('\n') => "the end of the line".into(),
            Some(_) if word > 0 => {
                format!("'{}'", rest.chars().take_while(|c| is_word(*c)).take(40).collect::<String>())
            }
            Some(c) => format!("'{}'", c.escape_debug()),
        }
    }

    /// That something else was expected here.
    pub(crate) fn expected<T>(&self, what: &str) -> Read<T> {
        self.wrong(format!("expected {what}, found {}", self.found()))
    }

    /// That something is wrong here.
    pub(crate) fn wrong<T>(&self, message: impl Into<String>) -> Read<T> {
        self.wrong_at(self.at, message)
    }

    /// That something is wrong there.
    pub(crate) fn wrong_at<T>(&self, at: usize, message: impl Into<String>) -> Read<T> {
        Err(Trouble { at, message: message.into() })
    }

    /// That something is wrong at a line and column.
    pub(crate) fn wrong_at_place<T>(&self, place: Place, message: impl Into<String>) -> Read<T> {
        let lines = self.text.split_inclusive('\n').take(place.line.saturating_sub(1) as usize);
        let begin: usize = lines.map(str::len).sum();
        let line = self.text.get(begin..).unwrap_or_default();
        let column: usize =
            line.chars().take(place.column.saturating_sub(1) as usize).map(char::len_utf8).sum();
        self.wrong_at(begin + column, message)
    }

    /// Takes a word of letters, digits and underscores; empty when there is none.
    pub(crate) fn word(&mut self) -> &'a str {
        let rest = self.rest();
        let len = rest.len() - rest.trim_start_matches(is_word).len();
        self.at += len;
        rest.get(..len).unwrap_or_default()
    }

    /// The word that comes, without taking it.
    pub(crate) fn peek_word(&self) -> &'a str {
        self.clone().word()
    }

    /// A whole number of at most `max`, in decimal or hexadecimal digits, or a name defined as one.
    pub(crate) fn number(&mut self, what: &str, max: u64) -> Read<u64> {
        self.skip_blanks()?;
        let at = self.at;
        let mut word = self.word();
        if word.is_empty() {
            return self.expected(what);
        }
        if let Some(value) = self.defines.get(word) {
            // Not kept: a definition is short.
            let value = value.clone();
            return match integer(&value) {
                Some(number) if number <= max => Ok(number),
                _ => self
                    .wrong_at(at, format!("expected {what} up to {max}, and {word} is defined as {value}")),
            };
        }
        // "1460,..." and "100:200" end words; "10..." does not.
        word = word.trim_end_matches('.');
        match integer(word) {
            Some(number) if number <= max => Ok(number),
            Some(_) => self.wrong_at(at, format!("{word} is too large: expected {what} up to {max}")),
            None => self.wrong_at(at, format!("expected {what}, found '{word}'")),
        }
    }

    /// A time in seconds with up to six decimals.
    pub(crate) fn seconds(&mut self) -> Read<Duration> {
        let at = self.at;
        let rest = self.rest();
        let whole: String = rest.chars().take_while(char::is_ascii_digit).collect();
        let behind = &rest[whole.len()..];
        // "0...0.1" is a zero and a range.
        let decimals: String = match behind.strip_prefix('.') {
            Some(behind) if !behind.starts_with("..") => {
                behind.chars().take_while(char::is_ascii_digit).collect()
            }
            _ => String::new(),
        };
        let has_point = behind.starts_with('.') && !behind.starts_with("...");
        if whole.is_empty() && decimals.is_empty() {
            return self.expected("a time in seconds");
        }
        self.at += whole.len() + decimals.len() + usize::from(has_point);
        if decimals.len() > 6 && decimals[6..].contains(|c| c != '0') {
            return self.wrong_at(at, "a time is in whole microseconds: at most six decimals");
        }
        let micros = format!("{decimals:0<6}");
        let micros = micros.get(..6).and_then(|micros| micros.parse::<u64>().ok());
        let seconds = if whole.is_empty() { Some(0) } else { whole.parse::<u64>().ok() };
        match (seconds, micros) {
            (Some(seconds), Some(micros)) if seconds <= MAX_SECONDS => {
                Ok(Duration::from_secs(seconds) + Duration::from_micros(micros))
            }
            _ => self.wrong_at(at, format!("a time of at most {MAX_SECONDS} seconds is possible")),
        }
    }

    /// Line and column of a byte of the text.
    pub(crate) fn place(&self, at: usize) -> Place {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line = before.matches('\n').count() as u32 + 1;
        let begin = before.rfind('\n').map_or(0, |newline| newline + 1);
        Place { line, column: before[begin..].chars().count() as u32 + 1 }
    }

    /// The error of a trouble.
    pub(crate) fn error(&self, trouble: Trouble) -> ParseError {
        let place = self.place(trouble.at);
        let line = self.text.lines().nth(place.line.saturating_sub(1) as usize).unwrap_or_default();
        ParseError { place, message: trouble.message, line: line.trim_end().into() }
    }
}

/// A year, which no test needs.
const MAX_SECONDS: u64 = 366 * 86_400;

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// A number in decimal, hexadecimal or (with a leading zero) octal digits.
pub(crate) fn integer(text: &str) -> Option<u64> {
    let digits = |text: &str, radix| {
        // from_str_radix takes a sign.
        let plain = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        if plain { u64::from_str_radix(text, radix).ok() } else { None }
    };
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hexadecimal) => digits(hexadecimal, 16),
        None if text.len() > 1 && text.starts_with('0') => digits(text, 8),
        None => digits(text, 10),
    }
}
