//! What the terminal can show: colour, width, characters.

use std::env;
use std::ffi::OsString;
use std::io::{IsTerminal, stderr};

use clap::ValueEnum;

/// When to use colour.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub(crate) enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set; elsewhere too if CLICOLOR_FORCE is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How to draw on standard error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Style {
    /// With colours.
    pub(crate) color: bool,
    /// With ASCII characters only.
    pub(crate) ascii: bool,
    /// Columns.
    pub(crate) width: usize,
    /// Whether standard error is a terminal.
    pub(crate) terminal: bool,
}

/// Columns where the width cannot be known: a pipe, a file.
const DEFAULT_WIDTH: usize = 100;

impl Style {
    /// What suits standard error, the environment and the options.
    pub(crate) fn detect(choice: ColorChoice, ascii: bool) -> Self {
        let terminal = stderr().is_terminal();
        Style {
            color: color(choice, terminal, |name| env::var_os(name)),
            ascii: ascii || !utf8_locale(|name| env::var_os(name)),
            width: width(terminal_columns(), env::var("COLUMNS").ok().as_deref()),
            terminal,
        }
    }

    /// The same in the words of the lens.
    pub(crate) fn lens(self) -> fathom_lens::Style {
        fathom_lens::Style { width: self.width, colour: self.color, ascii: self.ascii }
    }
}

/// Whether help on standard output has colours: decided before the options are read, since it is shown
/// when they are.
pub(crate) fn color_of_help(arguments: &[OsString], terminal: bool) -> bool {
    let words: Vec<_> = arguments.iter().filter_map(|argument| argument.to_str()).collect();
    let given = words.iter().enumerate().find_map(|(place, word)| match word.strip_prefix("--color") {
        Some("") => words.get(place + 1).copied(),
        Some(value) => value.strip_prefix('='),
        None => None,
    });
    let choice = given.and_then(|text| ColorChoice::from_str(text, false).ok()).unwrap_or_default();
    color(choice, terminal, |name| env::var_os(name))
}

/// NO_COLOR (no-color.org) and CLICOLOR_FORCE count when they are set and not empty; the option wins.
fn color(choice: ColorChoice, terminal: bool, variable: impl Fn(&str) -> Option<OsString>) -> bool {
    let forbidden = || variable("NO_COLOR").is_some_and(|value| !value.is_empty());
    let forced = || variable("CLICOLOR_FORCE").is_some_and(|value| !value.is_empty() && value != "0");
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto if forbidden() => false,
        ColorChoice::Auto if forced() => true,
        ColorChoice::Auto => terminal && variable("TERM").is_none_or(|term| term != "dumb"),
    }
}

/// Whether the locale's characters are UTF-8. A locale that nobody has set counts as UTF-8:
/// containers have none, and their output is read by programs that expect UTF-8.
fn utf8_locale(variable: impl Fn(&str) -> Option<OsString>) -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(|name| variable(name).filter(|value| !value.is_empty()));
    match locale {
        None => true,
        Some(locale) => {
            let locale = locale.to_string_lossy().to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        }
    }
}

fn width(columns: Option<usize>, variable: Option<&str>) -> usize {
    let variable = variable.and_then(|text| text.parse().ok()).filter(|columns| *columns > 0);
    columns.or(variable).unwrap_or(DEFAULT_WIDTH)
}

/// Columns of the terminal on standard error.
fn terminal_columns() -> Option<usize> {
    let (terminal_size::Width(columns), _) = terminal_size::terminal_size_of(stderr())?;
    Some(usize::from(columns)).filter(|columns| *columns > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with<'a>(set: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<OsString> + 'a {
        |name| set.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
    }

    #[test]
    fn colour_follows_option_then_environment_then_terminal() {
        use ColorChoice::*;
        for (choice, terminal, set, expected) in [
            (Auto, true, &[][..], true),
            (Auto, false, &[], false),
            (Auto, true, &[("NO_COLOR", "1")], false),
            (Auto, true, &[("NO_COLOR", "")], true),
            (Auto, true, &[("TERM", "dumb")], false),
            (Auto, false, &[("CLICOLOR_FORCE", "1")], true),
            (Auto, false, &[("CLICOLOR_FORCE", "0")], false),
            (Auto, false, &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false),
            (Always, false, &[("NO_COLOR", "1")], true),
            (Never, true, &[("CLICOLOR_FORCE", "1")], false),
        ] {
            assert_eq!(color(choice, terminal, with(set)), expected, "{choice:?} {terminal} {set:?}");
        }
    }

    #[test]
    fn a_locale_that_is_set_decides_about_ascii() {
        assert!(utf8_locale(with(&[])));
        assert!(utf8_locale(with(&[("LANG", "de_DE.UTF-8")])));
        assert!(utf8_locale(with(&[("LC_ALL", ""), ("LANG", "C.utf8")])));
        assert!(!utf8_locale(with(&[("LC_ALL", "C"), ("LANG", "de_DE.UTF-8")])));
    }

    #[test]
    fn the_terminal_knows_its_width_better_than_the_environment() {
        assert_eq!(width(Some(60), Some("200")), 60);
        assert_eq!(width(None, Some("72")), 72);
        assert_eq!(width(None, Some("wide")), DEFAULT_WIDTH);
        assert_eq!(width(None, Some("0")), DEFAULT_WIDTH);
    }
}
